// A report as a user sees it, whole: on the terminal, as a page, as JSON.
#include <nlohmann/json.hpp>

#include <gtest/gtest.h>

#include "fixtures/as_recorded.h"
#include "sample_record.h"
#include "wring/report/tuning/html.h"
#include "wring/report/tuning/json.h"
#include "wring/report/tuning/text.h"

namespace wring {
namespace {

using namespace testing_support;

// With everything that a record can hold.
TuningRecord whole_record() {
  TuningRecord record = sample_record();
  record.command = "wring benchmark 'my config.yaml'";
  record.predicted_peak_mib = 4500.25;
  record.next_command = "wring train configs/mine_optimized.yaml";
  record.verdicts = {{"data_bound",
                      {"data-bound: the GPU waits for images", "数据受限：GPU 在等图像"},
                      {"40 % of the step", "占每步 40 %"},
                      {"above 5 %", "高于 5 %"},
                      0.92,
                      {"more workers", "增加工作线程"},
                      {{"num_workers", "8"}, {"pin_memory", "true"}}}};
  record.changes.push_back({"base_channels", "32", "64", {"wider", "更宽"}, Effect::model, "model_size"});
  record.changes.push_back({"amp_dtype", "bf16", "fp16", {"no bf16", "不支持 bf16"}, Effect::speed, "mixed_precision"});
  RecordedTrial& first = record.trials[0];
  first.result.utilisation = {.gpu_util = 41.5, .sm_activity = 30.25, .tensor_activity = 12, .dram_activity = 9};
  first.result.memory.alloc_retries = 3;
  first.result.memory.peak_allocated_mib = 1700;
  first.result.memory.device_free_mib = 20000;
  first.result.loss = 0.125;
  first.result.warmup_s = 1.5;
  first.result.kernel_busy_percent = 77;
  first.result.engine = "graph";
  first.result.seconds = 3.25;
  first.result.reused = true;
  record.trials[2].result.utilisation.sm_activity = 55;
  RecordedTrial loader = trial_of(32, 45.678, 20000);
  loader.purpose = "knob";
  loader.request.set.push_back({"num_workers", "8"});
  loader.request.measure.data = TrialData::loader;
  loader.result.data_wait_ms.reset();
  loader.result.step_ms.n = 0;
  loader.verdict = {"slower", "较慢"};
  loader.fits = false;
  record.trials.push_back(loader);
  record.trials.push_back(failed_trial(256, TrialOutcome::error, "RuntimeError: no images\nmore"));
  record.trials.push_back(failed_trial(512, TrialOutcome::hang, ""));
  record.trials.push_back(failed_trial(640, TrialOutcome::killed, "signal 9"));
  return record;
}

TEST(RecordedReport, OnTheTerminal) {
  for (const auto& [style, name] : {std::pair(TextStyle{Language::en, true}, "report/tuning.txt"),
                                    {TextStyle{Language::zh, true}, "report/tuning_chinese.txt"},
                                    {TextStyle{Language::en, false}, "report/tuning_ascii.txt"}}) {
    const TuningRecord record = whole_record();
    std::string text = trials_text(record, style) + "\n" + choice_text(record, style) + "\n";
    for (const RecordedTrial& trial : record.trials) text += trial_line(trial, style);
    expect_as_recorded(name, text);
  }
}

TEST(RecordedReport, AsJson) {
  expect_as_recorded("report/tuning.json", tuning_json(whole_record(), Language::en) + "\n");
}

TEST(RecordedReport, AsAPage) {
  for (const auto& [language, name] :
       {std::pair(Language::en, "report/tuning.html"), {Language::zh, "report/tuning_chinese.html"}}) {
    std::string page = tuning_html(whole_record(), language);
    const std::size_t begin = page.find("<style>"), end = page.find("</style>");
    ASSERT_NE(begin, std::string::npos);
    expect_as_recorded(name, page.erase(begin + 7, end - begin - 7));  // how it is painted is another matter
  }
}

}  // namespace
}  // namespace wring
