#include "wring/report/program/arithmetic.h"

#include <nlohmann/json.hpp>
#include <optional>

#include <fmt/format.h>

#include "wring/base/json.h"
#include "wring/findings/attainable.h"
#include "wring/findings/computing_parts.h"

namespace wring {
namespace {

struct Arithmetic {
  double tflop = 0;            // of a step
  double products_tflops = 0;  // TFLOP/s while they run
  double step_tflops = 0;
  std::optional<Attainable> attained;
};

std::optional<Arithmetic> arithmetic_of(const JudgedProcess& judged) {
  if (!judged.work || !judged.shares || judged.shares->step_ms <= 0) return std::nullopt;
  const auto tflop = judged.work->tflop_per_step();
  const double products_ms = judged.work->ms_of(KernelKind::product) + judged.work->ms_of(KernelKind::fp32_product);
  if (!tflop || products_ms <= 0) return std::nullopt;
  return Arithmetic{*tflop, 1000 * *tflop / products_ms, 1000 * *tflop / judged.shares->step_ms,
                    attainable(judged.seen, *judged.work, judged.shares->step_ms)};
}

}  // namespace

Text arithmetic_line(const JudgedProcess& judged) {
  const auto found = arithmetic_of(judged);
  if (!found) return {};
  Text line{"arithmetic of a step: {:.3g} TFLOP; {:.3g} TFLOP/s while products run, {:.3g} over the step",
            "每步运算量：{:.3g} TFLOP；矩阵乘运行时 {:.3g} TFLOP/s，整步平均 {:.3g}", found->tflop,
            found->products_tflops, found->step_tflops};
  if (found->attained) {
    const ProgramInput program{judged.seen, *judged.shares, *judged.work};
    line.append({": ", "："}, attained_text(program, *found->attained));
  }
  return line;
}

nlohmann::ordered_json arithmetic_json(const JudgedProcess& judged) {
  const auto found = arithmetic_of(judged);
  if (!found) return {};
  const auto& attained = found->attained;
  return {{"tflop_per_step", found->tflop},
          {"products_tflops", found->products_tflops},
          {"step_tflops", found->step_tflops},
          {"share_percent", or_null(attained ? std::optional(attained->share_percent) : std::nullopt)}};
}

}  // namespace wring
