// The page of a program: well-formed, alone, with a timeline or the reason why there is none.
#include "wring/report/program/page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/report/well_formed.h"
#include "unit/trace/planted_trace.h"
#include "wring/report/program/timeline.h"

namespace wring {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing_support::unbalanced;

JudgedProcess judged_rank(std::int64_t rank = 0) {
  JudgedProcess judged;
  judged.seen.process.rank = rank;
  judged.seen.process.world_size = 2;
  judged.seen.process.device = "cuda:0";
  judged.seen.process.device_name = "NVIDIA H200";
  judged.seen.process.cwd = "/srv";
  judged.seen.steps.n = 50;
  judged.seen.steps.mean_ms = 8;
  judged.seen.steps.samples_per_step = 64;
  judged.shares = StepShares{};
  judged.shares->step_ms = 8;
  judged.shares->computing_ms = 2;
  judged.shares->loader_ms = 6;
  judged.work = StepWork{};
  judged.work->kinds = {{KernelKind::product, 1.5, 0, 40, "void nvjet_sm90<float>"}};
  ProgramFinding found;
  found.finding.key = "input_bound";
  found.finding.headline = {"the GPU waits for data", "GPU 在等数据"};
  found.finding.numbers = {"6 ms of 8", "8 ms 中的 6 ms"};
  found.finding.rule = {"5 % and more", "5% 以上"};
  found.finding.confidence = 0.9;
  found.give_back_ms = 6;
  found.share = 75;
  found.changes.push_back({CodePlace{"/srv/train.py", 31}, "num_workers=0", "num_workers=5"});
  judged.findings = {found};
  PlantedTrace planted;
  planted.mark(0).loader(100, 6000).op("aten::mm", 6200, 100).kernel(6210, {.begin = 6220, .length = 1500});
  judged.timeline = step_timeline(planted.mark(10'000).trace());
  return judged;
}

std::string html_of(const std::vector<JudgedProcess>& ranks, Language language = Language::en) {
  ProgramPage page;
  page.command = "python train.py --epochs 3";
  page.started = "2026-11-30T16:00:00Z";
  page.waited_s = 21;
  page.ranks = ranks;
  page.notes = {{"wring ended the program", "wring 结束了该程序"}};
  return program_html(page, language);
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t n = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
  return n;
}

TEST(ProgramHtml, IsWellFormed) {
  EXPECT_EQ(unbalanced(html_of({judged_rank()})), "");
  EXPECT_EQ(unbalanced(html_of({judged_rank(0), judged_rank(1)}, Language::zh)), "");
  EXPECT_EQ(unbalanced(html_of({JudgedProcess()})), "") << "with nothing in it";
  EXPECT_EQ(unbalanced(html_of({})), "") << "and of no process";
}

TEST(ProgramHtml, AsksForNothingFromElsewhere) {
  const std::string html = html_of({judged_rank()});
  for (const char* outside : {"http:", "https:", "src=", "href=", "url(", "@import", "<script", "<link", "<iframe"}) {
    EXPECT_THAT(html, Not(HasSubstr(outside)));
  }
}

TEST(ProgramHtml, ShowsSharesCausesTimelineKernelsAndFacts) {
  const std::string html = html_of({judged_rank()});
  EXPECT_THAT(html, AllOf(HasSubstr("<code>python train.py --epochs 3</code>"), HasSubstr("<b>8 ms</b>"),
                          HasSubstr("<b>8000</b>"), HasSubstr("class=\"k-loader\" style=\"width:75.00%\"")));
  EXPECT_THAT(html, AllOf(HasSubstr("the GPU waits for data <span class=\"soft\">(confidence 90 %)</span>"),
                          HasSubstr("6.00 ms, 75 % of a step"), HasSubstr("5 % and more"),
                          HasSubstr("<code>train.py:31</code> <code>num_workers=0</code> → <code>num_workers=5</code>"),
                          HasSubstr("same numbers")));
  EXPECT_THAT(html, AllOf(HasSubstr("Step 1 of 1"), HasSubstr("under the profiler, which slows the CPU down"),
                          HasSubstr("a step takes 8.00 ms"), HasSubstr("<svg ")));
  EXPECT_THAT(html, AllOf(HasSubstr("<code>nvjet_sm90&lt;float&gt;</code>"), HasSubstr("NVIDIA H200 (cuda:0)"),
                          HasSubstr("wring ended the program")));
}

TEST(ProgramHtml, SpeaksChinese) {
  const std::string html = html_of({judged_rank()}, Language::zh);
  EXPECT_THAT(html, AllOf(HasSubstr("lang=\"zh-CN\""), HasSubstr("GPU 在等数据"), HasSubstr("一步的时间线"),
                          HasSubstr("等待数据"), HasSubstr("wring 结束了该程序")));
  for (const char* english : {"measured", "a step", "waits", "convolutions", "traced"}) {
    EXPECT_THAT(html.substr(html.find("</style>")), Not(HasSubstr(english)));
  }
}

TEST(ProgramHtml, FollowsLightAndDarkWithAColourForEveryKind) {
  const std::string html = html_of({judged_rank()});
  EXPECT_THAT(html, HasSubstr("prefers-color-scheme: dark"));
  for (const ShareRow& row : kShareRows) EXPECT_THAT(html, HasSubstr(".k-" + std::string(row.key)));
  StepTimeline every;
  every.step_ms = 1;
  every.rows.emplace_back();
  for (int part = 0; part <= static_cast<int>(HostPart::call); ++part) {
    every.rows[0].spans.push_back({0, 1, static_cast<HostPart>(part), "", 1, 1});
  }
  for (const KernelKindRow& row : kernel_kind_rows()) every.rows[0].spans.push_back({0, 1, row.kind, "", 1, 1});
  const std::string drawn = timeline_html(every, "0", Language::en);
  const std::string kClass = "<g class=\"";
  for (std::size_t at = drawn.find("<g class=\"k-"); at != std::string::npos;
       at = drawn.find("<g class=\"k-", at + 1)) {
    const std::size_t begin = at + kClass.size();
    EXPECT_THAT(html, HasSubstr("." + drawn.substr(begin, drawn.find('"', begin) - begin)));
  }
}

TEST(ProgramHtml, EachRankHasItsSectionsAndSwitchesOfItsOwn) {
  const std::string html = html_of({judged_rank(0), judged_rank(1)});
  EXPECT_THAT(html, AllOf(HasSubstr(">rank 0</h2>"), HasSubstr(">rank 1</h2>"), HasSubstr("zoom-0-16"),
                          HasSubstr("zoom-1-16")));
  EXPECT_EQ(count(html, "<svg "), 2U);
  EXPECT_THAT(html_of({judged_rank()}), Not(HasSubstr(">rank 0</h2>"))) << "one has none beside it";
}

TEST(ProgramHtml, TheVerdictOnSeveralRanksStandsAboveThem) {
  ProgramPage page;
  page.verdict = "rank 1 holds up the others\n";
  const std::vector<JudgedProcess> ranks = {judged_rank(0), judged_rank(1)};
  page.ranks = ranks;
  const std::string html = program_html(page, Language::en);
  EXPECT_EQ(unbalanced(html), "");
  const std::size_t verdict = html.find("<pre>rank 1 holds up the others");
  ASSERT_NE(verdict, std::string::npos);
  EXPECT_LT(verdict, html.find("class=\"rank\""));
  EXPECT_THAT(html_of({judged_rank()}), Not(HasSubstr("<pre>")));
}

TEST(ProgramHtml, WhereThereIsNoTimelineItSaysWhy) {
  JudgedProcess on_cpu;
  on_cpu.no_shares = on_cpu.no_finding = {"the model computes on the CPU", "模型在 CPU 上计算"};
  EXPECT_THAT(html_of({on_cpu}),
              AllOf(HasSubstr("There is no timeline: the model computes on the CPU"), Not(HasSubstr("<svg ")),
                    HasSubstr("No verdict: the model computes on the CPU")));
  EXPECT_THAT(html_of({on_cpu}, Language::zh), HasSubstr("没有时间线：模型在 CPU 上计算"));
}

TEST(ProgramHtml, WhereNothingWasMeasuredItSaysWhyAndTheWayOut) {
  ProgramPage page;
  page.command = "python -I train.py";
  page.reason = {"it takes no notice", "它不理会"};
  page.way_out = {"run it without -I", "去掉 -I"};
  EXPECT_THAT(program_html(page, Language::en),
              AllOf(HasSubstr("Nothing could be measured: it takes no notice"), HasSubstr("→ run it without -I")));
}

TEST(ProgramHtml, NothingFromTheProgramBecomesMarkup) {
  const std::string evil = "\"><script>alert(1)</script>&\x1b[31m\xff";
  JudgedProcess judged = judged_rank();
  judged.seen.process.device_name = judged.seen.process.torch = evil;
  judged.seen.loaders.emplace_back();
  judged.seen.loaders[0].place = {"/srv/" + evil, 3};
  judged.seen.loaders[0].dataset = evil;
  judged.findings[0].finding.headline = judged.findings[0].finding.numbers = Text(evil);
  judged.findings[0].changes = {{CodePlace{evil, 1}, evil, evil}};
  judged.work->kinds[0].heaviest = evil;
  for (TimelineRow& row : judged.timeline->rows) {
    for (TimelineSpan& span : row.spans) span.name = evil;
  }
  judged.no_finding = judged.no_shares = Text(evil);
  const std::vector<JudgedProcess> ranks{judged};
  ProgramPage page;
  page.command = page.started = evil;
  page.ranks = ranks;
  page.notes = {evil};
  page.reason = page.way_out = Text(evil);
  const std::string html = program_html(page, Language::en);
  EXPECT_THAT(html, AllOf(Not(HasSubstr("<script")), Not(HasSubstr("\x1b")), Not(HasSubstr("\xff"))));
  EXPECT_THAT(html, HasSubstr("&lt;script&gt;"));
  EXPECT_EQ(unbalanced(html), "");
}

TEST(ProgramHtml, AKernelsNameIsItsBeginning) {
  const std::string name = "void at::native::" + std::string(5000, 'x');
  const std::string shown = short_kernel_name(name);
  EXPECT_THAT(shown, testing::StartsWith("at::native::x"));
  EXPECT_LT(shown.size(), 100U);
  EXPECT_EQ(short_kernel_name("nvjet"), "nvjet");
}

TEST(ProgramHtml, StaysBelowAMegabyteHoweverMuchWasTraced) {
  PlantedTrace planted;
  planted.mark(0);
  for (int i = 0; i < 20'000; ++i) {
    const std::string name = "void cutlass::Kernel2<" + std::string(300, 'k') + ">";
    planted.kernel(i, {.begin = i + 0.2, .length = 0.7, .name = name, .stream = i % 5});
  }
  planted.mark(20'000);
  std::vector<JudgedProcess> ranks;
  const auto timeline = step_timeline(planted.trace());
  for (int rank = 0; rank < 8; ++rank) {
    ranks.push_back(judged_rank(rank));
    ranks.back().timeline = timeline;
  }
  const std::size_t eight = html_of(ranks).size();
  ranks.resize(1);
  EXPECT_LT(html_of(ranks).size(), 1'000'000U);
  EXPECT_LT(eight, 1'000'000U);
  EXPECT_GT(count(html_of(ranks), "<rect "), 500U);
}

}  // namespace
}  // namespace wring
