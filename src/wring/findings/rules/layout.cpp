#include <fmt/format.h>

#include "wring/findings/diagnosis_input.h"
#include "wring/findings/program.h"
#include "wring/findings/rules/rules.h"

namespace wring::rules {

// cuDNN's tensor-core kernels want channels last. It converts to and fro around each convolution where the tensors are
// not so.
void layout(ProgramDiagnosis& diagnosis) {
  const ProgramInput& in = diagnosis.input();
  const double lost = diagnosis.percent_of_step(in.work.order_conversions_ms);
  const std::int64_t converted = in.seen.conv_weights - in.seen.channels_last;
  if (lost < kWorthAChange || converted <= 0) return;
  ProgramFinding& found = diagnosis.add(
      "layout",
      {"{:.0f} % of a step converts tensors between channels-first (NCHW) and channels-last (NHWC)",
       "每步有 {:.0f}% 的时间在 NCHW 与 channels-last（NHWC）布局之间转换", lost},
      in.work.order_conversions_ms, confidence_of(lost, kWorthAChange, 20),
      {"kernels that change the layout take {:.2f} ms of {:.2f}; {} of {} convolutions' weights are not channels-last",
       "布局转换核函数占每步 {1:.2f} ms 中的 {0:.2f} ms；{3} 个卷积权重中有 {2} 个不是 channels-last",
       in.work.order_conversions_ms, diagnosis.step_ms(), converted, in.seen.conv_weights},
      {"conversions of layout take ≥ {:.0f} % of a step beside convolutions that are not channels-last",
       "存在非 channels-last 卷积，且布局转换占每步 ≥ {:.0f}%", kWorthAChange});
  found.at_most = false;
  found.finding.next_step = {
      "keep the network and its input channels-last: no conversions, and convolutions may run faster, which is not "
      "counted",
      "让网络和输入都使用 channels-last：不再转换布局，卷积也可能更快（未计入）"};
  found.changes.push_back({{}, "model", "model.to(memory_format=torch.channels_last)", ResultsEffect::rounding});
  found.changes.push_back({{}, "images.to(device)", "images.to(device, memory_format=torch.channels_last)"});
}

}  // namespace wring::rules
