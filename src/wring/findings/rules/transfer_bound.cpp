#include <fmt/format.h>

#include "wring/findings/diagnosis.h"
#include "wring/findings/rules/rules.h"
#include "wring/tune/search/words.h"

namespace wring::rules {

void transfer_bound(Diagnosis& diagnosis) {
  const DiagnosisInput& in = diagnosis.input();
  const auto headroom = in.headroom_percent();
  if (!headroom || *headroom < kLoaderHeadroom || in.lost_percent() < kClearGap) return;
  Finding& found = diagnosis.add("transfer_bound",
                                 {"transfer-bound: loader and step are fast enough alone, not together",
                                  "受传输限制：加载与计算单独都够快，合在一起不够"},
                                 in.lost_percent(), confidence_of(in.lost_percent(), kClearGap, 40), in.three_rates(),
                                 {"loader and step alone are both at least {:.0f} % faster than together",
                                  "加载与计算单独都比合在一起快 {:.0f}% 以上", kClearGap},
                                 {});
  if (!in.config.pin_memory) found.fix.push_back({"pin_memory", "true"});
  if (in.config.data_cache == "host" || in.config.data_cache == "none") found.fix.push_back({"data_cache", "auto"});
  found.next_step = found.fix.empty()
                        ? Text("look at the link's generation and width (wring doctor) and at what else uses it",
                               "请检查 PCIe 的代数与宽度（wring doctor），以及还有谁在占用它")
                        : Text("shorter ways for the batch: " + assignments_text(found.fix),
                               "缩短批次的传输路径：" + assignments_text(found.fix));
}

}  // namespace wring::rules
