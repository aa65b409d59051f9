// The twin of graph_engine.cpp, linked where there is no CUDA.
#include "wring/base/error.h"
#include "wring_train/engine/graph/graph_engine.h"

namespace wring {

std::unique_ptr<StepEngine> make_graph_engine(const TrainConfig&, Edsr, at::Device, std::optional<at::ScalarType>,
                                              const std::function<void(const Text&)>&, Ranks&) {
  throw Error(ErrorCode::no_gpu, "This wring-train was built without CUDA.",
              "Build it where nvcc and a torch wheel with CUDA are installed, or train on the CPU.");
}

void release_workspaces() {}

}  // namespace wring
