#include "wring/gpu/metrics.h"

#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace wring {
namespace {

using testing::EndsWith;
using testing::MatchesRegex;

TEST(MetricCatalogue, HasOneRowForEachMetricInTheirOrder) {
  ASSERT_EQ(metric_rows().size(), kMetricCount);
  for (std::size_t i = 0; i < kMetricCount; ++i) {
    EXPECT_EQ(metric_rows()[i].metric, static_cast<Metric>(i)) << metric_rows()[i].key;
    EXPECT_EQ(&metric_row(static_cast<Metric>(i)), &metric_rows()[i]);
  }
}

TEST(MetricCatalogue, NamesAreUniqueAndWellFormed) {
  std::set<std::string_view> keys, headers, prometheus;
  for (const MetricRow& row : metric_rows()) {
    EXPECT_TRUE(keys.insert(row.key).second) << row.key;
    EXPECT_TRUE(headers.insert(row.csv_header).second) << row.csv_header;
    EXPECT_TRUE(prometheus.insert(row.prometheus).second) << row.prometheus;
    EXPECT_THAT(std::string(row.key), MatchesRegex("[a-z][a-z0-9_]*"));
    EXPECT_THAT(std::string(row.prometheus), MatchesRegex("[a-z][a-z0-9_]*"));
    EXPECT_EQ(row.csv_header.find(','), std::string_view::npos) << row.csv_header;
  }
}

TEST(IsPossible, KnowsWhatACardCannotHave) {
  constexpr double kAllBits = 18446744073709551615.0;
  EXPECT_FALSE(is_possible(Metric::memory_total, 0));
  EXPECT_TRUE(is_possible(Metric::memory_used, 0));
  EXPECT_TRUE(is_possible(Metric::memory_total, 1.5 * 1024 * 1024));
  for (const Metric metric : {Metric::memory_total, Metric::memory_used, Metric::memory_reserved}) {
    EXPECT_FALSE(is_possible(metric, kAllBits / 1048576)) << metric_row(metric).key;
  }
  EXPECT_FALSE(is_possible(Metric::energy, kAllBits / 1000));
  EXPECT_TRUE(is_possible(Metric::energy, 1e10));
  EXPECT_FALSE(is_possible(Metric::ecc_uncorrected, kAllBits));
  EXPECT_FALSE(is_possible(Metric::gpu_util, kAllBits));
}

TEST(RejectContradictions, LeavesOutAPartThatIsLargerThanTheWhole) {
  Readings values{};
  const auto at = [&](Metric metric) -> Reading& { return values[static_cast<std::size_t>(metric)]; };
  at(Metric::memory_used) = Reading::of(10);
  reject_contradictions(values);
  EXPECT_TRUE(at(Metric::memory_used).ok()) << "the whole is not known";
  at(Metric::memory_total) = Reading::of(10);
  reject_contradictions(values);
  EXPECT_TRUE(at(Metric::memory_used).ok());
  at(Metric::memory_used) = at(Metric::memory_reserved) = Reading::of(10.5);
  reject_contradictions(values);
  EXPECT_EQ(at(Metric::memory_used).code, Reading::kRejected);
  EXPECT_EQ(at(Metric::memory_reserved).code, Reading::kRejected);
  EXPECT_TRUE(at(Metric::memory_total).ok());
}

TEST(MetricCatalogue, EveryRowIsExplainedInBothLanguages) {
  for (const MetricRow& row : metric_rows()) {
    for (const Language language : {Language::en, Language::zh}) {
      EXPECT_FALSE(row.title.in(language).empty()) << row.key;
      EXPECT_FALSE(row.help.in(language).empty()) << row.key;
    }
    EXPECT_NE(row.help.en, row.help.zh) << row.key;
  }
}

TEST(MetricCatalogue, PrometheusNamesCarryTheBaseUnitThatTheFactorLeadsTo) {
  for (const MetricRow& row : metric_rows()) {
    const std::string name(row.prometheus);
    if (row.unit == "%") {
      EXPECT_THAT(name, EndsWith("_ratio"));
      EXPECT_DOUBLE_EQ(row.prometheus_factor * 100, 1);
    }
    if (row.unit == "MiB") {
      EXPECT_THAT(name, EndsWith("_bytes"));
    }
    if (row.unit == "MiB/s") {
      EXPECT_THAT(name, EndsWith("_bytes_per_second"));
    }
    if (row.unit.starts_with("MiB")) {
      EXPECT_DOUBLE_EQ(row.prometheus_factor, 1048576);
    }
    if (row.unit == "MHz") {
      EXPECT_DOUBLE_EQ(row.prometheus_factor, 1e6);
    }
    EXPECT_EQ(name.ends_with("_total"), row.kind == MetricKind::counter) << name;
  }
}

TEST(MetricCatalogue, SharesAreInPerCentAndRatesPerSecond) {
  for (const MetricRow& row : metric_rows()) {
    EXPECT_EQ(row.kind == MetricKind::share, row.unit == "%") << row.key;
    EXPECT_EQ(row.kind == MetricKind::rate, row.unit.ends_with("/s")) << row.key;
  }
}

}  // namespace
}  // namespace wring
