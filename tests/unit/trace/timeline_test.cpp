// One step as rows of rectangles: where they lie, what they are, and how few they can be.
#include "wring/trace/timeline.h"

#include <numeric>

#include <gtest/gtest.h>

#include "unit/trace/planted_trace.h"

namespace wring {
namespace {

using Of = TimelineRow::Of;

const TimelineRow* row_of(const StepTimeline& timeline, Of of, std::int64_t number) {
  const auto row =
      std::ranges::find_if(timeline.rows, [&](const TimelineRow& one) { return one.of == of && one.number == number; });
  return row == timeline.rows.end() ? nullptr : &*row;
}

// The spans of a row; none where there is no such row.
std::vector<TimelineSpan> spans_of(const StepTimeline& timeline, Of of, std::int64_t number) {
  const TimelineRow* row = row_of(timeline, of, number);
  return row == nullptr ? std::vector<TimelineSpan>() : row->spans;
}

std::int64_t events_of(const std::vector<TimelineSpan>& spans) {
  return std::accumulate(spans.begin(), spans.end(), std::int64_t{0},
                         [](std::int64_t sum, const TimelineSpan& span) { return sum + span.count; });
}

StepTimeline timeline_of(const PlantedTrace& planted, std::size_t most = kMostSpans) {
  const auto timeline = step_timeline(planted.trace(), most);
  EXPECT_TRUE(timeline);
  return timeline.value_or(StepTimeline());
}

// A step of 10 ms that waits for a batch, computes, waits for the device and steps its optimiser.
PlantedTrace whole_step() {
  PlantedTrace planted;
  planted.mark(1000).loader(1100, 4000);
  planted.op("aten::to", 1200, 100);  // within the loader: part of the wait
  planted.op("aten::mm", 5200, 100, "float").op("aten::view", 5210, 10);
  planted.op("aten::mm", 5200, 100, "float");
  planted.kernel(5220, {.begin = 5230, .length = 2000, .name = "sgemm"});
  planted.outside().call("cudaStreamSynchronize", 6000, 1500);
  planted.annotation("Optimizer.step#SGD.step", 8000, 500);
  planted.op("aten::_foreach_add_", 8010, 400);
  planted.kernel(8020, {.begin = 8030, .length = 300, .name = "multi_tensor_apply_kernel", .stream = 20});
  planted.on(PlantedTrace::kAutograd).op("autograd::engine::evaluate_function: MmBackward0", 7600, 300);
  planted.kernel(7700, {.begin = 7710, .length = 200, .name = "sgemm"});
  return planted.on(PlantedTrace::kStepper).mark(11'000);
}

TEST(StepTimeline, RowsStandInTheOrderOfThreadsAndStreams) {
  const StepTimeline timeline = timeline_of(whole_step());
  ASSERT_EQ(timeline.rows.size(), 6U);
  EXPECT_TRUE(timeline.rows[0].of == Of::work && timeline.rows[0].number == PlantedTrace::kStepper);
  EXPECT_TRUE(timeline.rows[1].of == Of::calls && timeline.rows[1].number == PlantedTrace::kStepper);
  EXPECT_TRUE(timeline.rows[2].of == Of::work && timeline.rows[2].number == PlantedTrace::kAutograd);
  EXPECT_TRUE(timeline.rows[0].steps && timeline.rows[1].steps && !timeline.rows[2].steps);
  EXPECT_TRUE(timeline.rows[4].of == Of::stream && timeline.rows[4].number == 7);
  EXPECT_TRUE(timeline.rows[5].of == Of::stream && timeline.rows[5].number == 20);
  EXPECT_DOUBLE_EQ(timeline.step_ms, 10);
  EXPECT_EQ(timeline.steps, 1);
}

TEST(StepTimeline, TheThreadThatStepsShowsLoaderOptimiserAndOutermostOperators) {
  const auto work = spans_of(timeline_of(whole_step()), Of::work, PlantedTrace::kStepper);
  ASSERT_EQ(work.size(), 3U);
  EXPECT_EQ(work[0].kind, SpanKind(HostPart::loader));
  EXPECT_NEAR(work[0].begin_ms, 0.1, 1e-9);
  EXPECT_NEAR(work[0].busy_ms, 4, 1e-9);
  EXPECT_EQ(work[1].kind, SpanKind(HostPart::operators));
  EXPECT_EQ(work[1].name, "aten::mm");
  EXPECT_NEAR(work[1].begin_ms, 4.2, 1e-9);
  EXPECT_EQ(work[2].kind, SpanKind(HostPart::optimizer));
  EXPECT_NEAR(work[2].end_ms, 7.5, 1e-9);
}

TEST(StepTimeline, CallsThatWaitAreToldFromLaunches) {
  const auto calls = spans_of(timeline_of(whole_step()), Of::calls, PlantedTrace::kStepper);
  ASSERT_EQ(calls.size(), 3U);
  EXPECT_EQ(calls[0].kind, SpanKind(HostPart::launch));
  EXPECT_EQ(calls[1].kind, SpanKind(HostPart::sync));
  EXPECT_EQ(calls[1].name, "cudaStreamSynchronize");
  EXPECT_NEAR(calls[1].end_ms - calls[1].begin_ms, 1.5, 1e-9);
  EXPECT_EQ(calls[2].kind, SpanKind(HostPart::launch));
}

TEST(StepTimeline, KernelsStandByKindOneRowAStream) {
  const StepTimeline timeline = timeline_of(whole_step());
  const auto first = spans_of(timeline, Of::stream, 7), second = spans_of(timeline, Of::stream, 20);
  ASSERT_EQ(first.size(), 2U);
  EXPECT_EQ(first[0].kind, SpanKind(KernelKind::product));
  ASSERT_EQ(second.size(), 1U);
  EXPECT_EQ(second[0].kind, SpanKind(KernelKind::update));
  EXPECT_EQ(second[0].name, "multi_tensor_apply_kernel");
}

TEST(StepTimeline, ACopyFromPageableMemoryIsSeenOnBothSides) {
  PlantedTrace planted;
  planted.mark(0).op("aten::copy_", 100, 900);
  planted.copy(110, 800, {.begin = 200, .length = 600, .name = "Memcpy HtoD (Pageable -> Device)"}).mark(1000);
  const StepTimeline timeline = timeline_of(planted);
  EXPECT_EQ(spans_of(timeline, Of::calls, PlantedTrace::kStepper).at(0).kind, SpanKind(HostPart::copy));
  EXPECT_EQ(spans_of(timeline, Of::stream, 7).at(0).kind, SpanKind(KernelKind::copy));
}

TEST(StepTimeline, WhatReachesOverTheStepsEndsIsCutThere) {
  PlantedTrace planted;
  planted.mark(0).kernel(10, {.begin = 20, .length = 30});
  planted.mark(1000).kernel(1010, {.begin = 1020, .length = 2480});
  planted.kernel(1030, {.begin = 3500, .length = 1500}).mark(3000);
  planted.kernel(3010, {.begin = 5000, .length = 100}).mark(9000);
  const StepTimeline timeline = timeline_of(planted);
  EXPECT_EQ(timeline.number, 2) << "2 ms, between 1 and 6";
  EXPECT_EQ(timeline.steps, 3);
  const auto kernels = spans_of(timeline, Of::stream, 7);
  ASSERT_EQ(kernels.size(), 1U);
  EXPECT_NEAR(kernels[0].begin_ms, 0.02, 1e-9);
  EXPECT_NEAR(kernels[0].end_ms, 2, 1e-9) << "the step's end";
}

TEST(StepTimeline, WhatTheStepBeforeLaunchedIsShownWhereItRuns) {
  PlantedTrace planted;
  planted.mark(0).kernel(10, {.begin = 900, .length = 600, .name = "sgemm"}).mark(1000).mark(3000).mark(6000);
  const auto kernels = spans_of(timeline_of(planted), Of::stream, 7);
  ASSERT_EQ(kernels.size(), 1U);
  EXPECT_EQ(kernels[0].begin_ms, 0);
  EXPECT_NEAR(kernels[0].end_ms, 0.5, 1e-9);
}

TEST(StepTimeline, ShortEventsThatLieCloseBecomeOneAndLongOnesStay) {
  PlantedTrace planted;
  planted.mark(0);
  for (int i = 0; i < 4; ++i) planted.kernel(10 + i, {.begin = 1000.0 + 10 * i, .length = 5, .name = "sgemm"});
  planted.kernel(20, {.begin = 1040, .length = 2, .name = "elementwise_kernel"});
  planted.kernel(30, {.begin = 50'000, .length = 20'000, .name = "nvjet"}).mark(100'000);
  const auto kernels = spans_of(timeline_of(planted), Of::stream, 7);
  ASSERT_EQ(kernels.size(), 2U);
  EXPECT_EQ(kernels[0].count, 5);
  EXPECT_EQ(kernels[0].kind, SpanKind(KernelKind::product)) << "what takes most of it";
  EXPECT_EQ(kernels[0].name, "sgemm");
  EXPECT_NEAR(kernels[0].begin_ms, 1, 1e-9);
  EXPECT_NEAR(kernels[0].end_ms, 1.042, 1e-9);
  EXPECT_NEAR(kernels[0].busy_ms, 0.022, 1e-9);
  EXPECT_EQ(kernels[1].count, 1);
}

TEST(StepTimeline, HoweverManyEventsItHasAreAtMostSoManySpansAndNoneIsLost) {
  constexpr int kEvents = 30'000;
  PlantedTrace planted;
  planted.mark(0);
  for (int i = 0; i < kEvents; ++i) {
    planted.kernel(i, {.begin = i + 0.5, .length = 0.4, .name = "sgemm", .stream = 7 + i % 3});
  }
  planted.mark(kEvents);
  const StepTimeline whole = timeline_of(planted);
  for (const std::size_t most : {3000U, 500U, 20U}) {
    const StepTimeline timeline = with_fewer_spans(whole, most);
    EXPECT_LE(timeline.spans(), most);
    EXPECT_GE(timeline.spans(), most / 8);
    std::int64_t events = 0;
    for (const TimelineRow& row : timeline.rows) {
      if (row.of == Of::stream) events += events_of(row.spans);
    }
    EXPECT_EQ(events, kEvents);
  }
}

TEST(StepTimeline, EventsOnTopOfEachOtherAreFewSpansToo) {
  PlantedTrace planted;
  planted.mark(0);
  for (int i = 0; i < 1000; ++i) planted.kernel(10, {.begin = 100, .length = 5000.0 - i, .name = "sgemm"});
  planted.mark(10'000);
  const auto kernels = spans_of(timeline_of(planted), Of::stream, 7);
  ASSERT_EQ(kernels.size(), 1U);
  EXPECT_EQ(kernels[0].count, 1000);
  EXPECT_NEAR(kernels[0].busy_ms, 5, 1e-9) << "no more than there is time";
}

TEST(StepTimeline, OnlyTheBusiestStreamsHaveRows) {
  PlantedTrace planted;
  planted.mark(0);
  for (int i = 0; i < 20; ++i) planted.kernel(10 + i, {.begin = 100, .length = 10.0 + i, .stream = i});
  planted.mark(10'000);
  const StepTimeline timeline = timeline_of(planted);
  EXPECT_EQ(timeline.more_streams, 12);
  EXPECT_EQ(row_of(timeline, Of::stream, 11), nullptr);
  EXPECT_NE(row_of(timeline, Of::stream, 12), nullptr);
}

TEST(StepTimeline, OneThatTakesNoTimeIsNotShown) {
  PlantedTrace planted;
  planted.mark(0).mark(0).mark(0).kernel(10, {.begin = 100, .length = 100}).mark(1000);
  EXPECT_EQ(timeline_of(planted).number, 3);
}

TEST(StepTimeline, WithoutStepsOrAGpuThereIsNone) {
  EXPECT_FALSE(step_timeline(Trace()));
  EXPECT_FALSE(step_timeline(PlantedTrace().mark(0).op("aten::mm", 10, 5).mark(1000).trace()));
}

}  // namespace
}  // namespace wring
