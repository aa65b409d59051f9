#pragma once
// Precompiled once for every source that uses LibTorch: <ATen/ATen.h> alone takes seconds to parse.
#include <ATen/ATen.h>
