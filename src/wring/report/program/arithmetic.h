#pragma once
#include <nlohmann/json_fwd.hpp>

#include "wring/base/text.h"
#include "wring/report/program/judged.h"

namespace wring {

// "arithmetic of a step: 6.34 TFLOP; 268 TFLOP/s while products run, 111 over the step, …"; "" where it is not known.
Text arithmetic_line(const JudgedProcess& judged);

// The member `arithmetic`: tflop_per_step, tflops of the products and of the step, share_percent of the attainable
// rate; null where the trace does not tell the operations, each member null where that alone is not known.
nlohmann::ordered_json arithmetic_json(const JudgedProcess& judged);

}  // namespace wring
