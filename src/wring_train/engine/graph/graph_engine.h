#pragma once
#include <functional>
#include <memory>
#include <optional>

#include "wring_train/dist/ranks.h"
#include "wring_train/engine/step_engine.h"

namespace wring {

// The whole training step (samples, forward, loss, backward, clipping, optimiser, EMA) as one CUDA graph: captured at
// the first step of each shape of batch, replayed from then on. Nothing on the host changes between replays: learning
// rate, step count, seeds and loss scale live on the device. Where the step cannot be captured it goes on in the eager
// engine, and `note` hears why. Running out of memory is Error{failed} that names the cure. `low_precision`: bf16,
// fp16, or none for fp32. In a build without CUDA: Error{no_gpu}.
std::unique_ptr<StepEngine> make_graph_engine(const TrainConfig& config, Edsr model, at::Device device,
                                              std::optional<at::ScalarType> low_precision,
                                              const std::function<void(const Text&)>& note, Ranks& ranks = lone_rank());

// Gives back the scratch memory that cuBLAS keeps for each stream that an engine used, 32 MiB a stream on Hopper.
// Graphs hold its addresses: no engine may be alive. Nothing in a build without CUDA.
void release_workspaces();

}  // namespace wring
