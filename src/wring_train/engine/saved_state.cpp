#include "wring_train/engine/saved_state.h"

#include <ATen/ATen.h>

#include "wring/base/error.h"

namespace wring {

const at::Tensor& SavedState::find(const std::string& name) const {
  const auto found = loaded_.tensors.find(name);
  if (found == loaded_.tensors.end()) {
    throw Error(ErrorCode::failed, source_.string() + ": the tensor " + name + " is missing",
                "the run was started with other settings (model, optimizer, ema_decay); resume it with its own config, "
                "or start a new run under another experiment_name");
  }
  return found->second;
}

void SavedState::restore(const at::Tensor& target, const std::string& name) const {
  const at::Tensor& saved = find(name);
  if (saved.sizes() != target.sizes()) {
    throw Error(ErrorCode::failed, source_.string() + ": the tensor " + name + " has another size than this config's",
                "resume with the config that the run was started with");
  }
  target.detach().copy_(saved);
}

}  // namespace wring
