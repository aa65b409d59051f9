// What the graph engine reduces over the ranks in a step, on one GPU.
#include "graph_engine_fixture.h"
#include "wring_train/dist/ranks.h"
#include "wring_train/engine/flat_parameters.h"

namespace wring {
namespace {

// Two ranks that do the same: the mean, here the sum, of their gradients is twice one rank's.
class TwoEqualRanks : public Ranks {
 public:
  TwoEqualRanks() : Ranks({.rank = 0, .size = 2}) {}
  void mean(const at::Tensor& values) override {
    values.mul_(2);
    messages.emplace_back(values.storage_offset(), values.numel());
  }
  std::vector<std::vector<double>> gather(const std::vector<double>& values) override { return {values, values}; }
  void broadcast(std::vector<std::byte>& /*bytes*/) override {}

  std::vector<std::pair<std::int64_t, std::int64_t>> messages;  // offset, elements
};

using GraphReduction = GraphEngineTest;

TEST_F(GraphReduction, RanksReduceEveryGradientAndTheLossOnceInOneMessageOrInTwo) {
  struct Case {
    std::int64_t channels, blocks;
    std::size_t messages;
  };
  for (const Case& c : {Case{32, 2, 1}, Case{64, 16, 2}, Case{96, 8, 2}}) {
    for (const std::int64_t micro_batches : {1, 2}) {
      TrainConfig config = small_config();
      config.base_channels = c.channels;
      config.num_blocks = c.blocks;
      config.use_mixed_precision = true;
      config.gradient_accumulation_steps = micro_batches;
      const EdsrShape shape{c.channels, c.blocks, config.scale_factor};
      const at::Device gpu(at::kCUDA, 0);
      TwoEqualRanks ranks;
      const auto ignore = [](const Text&) {};
      const auto one = make_step_engine(config, Edsr(shape, 3), gpu, ignore);
      const auto two = make_step_engine(config, Edsr(shape, 3), gpu, ignore, ranks);
      EXPECT_EQ(ranks.messages.size(), c.messages) << "as many to connect as in a step";
      const std::vector<Batch> data = batches(config, 6);
      for (std::size_t step = 0; step < 3; ++step) {
        const std::span samples(&data[step * static_cast<std::size_t>(micro_batches)],
                                static_cast<std::size_t>(micro_batches));
        one->step(samples, 0);
        two->step(samples, 0);
        const StepReport expected = one->report();
        const StepReport actual = two->report();
        EXPECT_NEAR(actual.loss / expected.loss, 2, 1e-5) << c.channels << "×" << c.blocks << ", step " << step;
        EXPECT_NEAR(actual.gradient_norm / expected.gradient_norm, 2, 1e-4) << c.channels << "×" << c.blocks;
      }
      ASSERT_EQ(ranks.messages.size(), 2 * c.messages) << "captured once";
      const std::int64_t all = flat_layout(shape, FlatOrder::fused, true).size + 1;
      const std::int64_t first = ranks.messages[c.messages].first;
      EXPECT_EQ(ranks.messages[c.messages], std::pair(first, all - first));
      EXPECT_EQ(ranks.messages.back(), std::pair(c.messages == 2 ? 0 : first, c.messages == 2 ? first : all - first));
      EXPECT_EQ(first > 0, c.messages == 2);
    }
  }
}

}  // namespace
}  // namespace wring
