#pragma once
#include <optional>

#include "wring/base/text.h"
#include "wring/findings/attainable.h"
#include "wring/findings/program.h"

namespace wring {

// Of a program's step: "312 of 700 TFLOP/s attainable in bf16 (45 %)".
Text attained_text(const ProgramInput& program, const Attainable& found);

// Where the computing goes in a program that stays far below the attainable rate: the part that takes most beyond the
// time that its products need, and what would make it less.
Text where_computing_goes(const ProgramInput& program, const Attainable& found);

}  // namespace wring
