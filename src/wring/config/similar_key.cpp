#include "wring/config/similar_key.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

#include "wring/base/nearest.h"
#include "wring/config/keys.h"

namespace wring {
namespace {

using Names = std::pair<std::string_view, std::string_view>;

// As argparse scripts, BasicSR, timm, Lightning, MMEngine and Hugging Face's Trainer call what Wring calls otherwise.
// Only names that mean one thing, and only those that the spelling does not lead to.
constexpr std::array kOtherNames = {
    Names{"learning_rate", "lr"},
    Names{"base_lr", "lr"},
    Names{"init_lr", "lr"},
    Names{"lr_min", "eta_min"},
    Names{"min_lr", "eta_min"},
    Names{"batch", "batch_size"},
    Names{"batch_size_per_gpu", "batch_size"},
    Names{"per_gpu_batch_size", "batch_size"},
    Names{"train_batch_size", "batch_size"},
    Names{"micro_batch_size", "batch_size"},
    Names{"per_device_train_batch_size", "batch_size"},
    Names{"workers", "num_workers"},
    Names{"nworkers", "num_workers"},
    Names{"num_worker_per_gpu", "num_workers"},
    Names{"dataloader_num_workers", "num_workers"},
    Names{"scale", "scale_factor"},
    Names{"upscale", "scale_factor"},
    Names{"channels", "base_channels"},
    Names{"num_feat", "base_channels"},
    Names{"n_feats", "base_channels"},
    Names{"n_resblocks", "num_blocks"},
    Names{"gt_size", "patch_size"},
    Names{"crop_size", "patch_size"},
    Names{"iters", "total_iters"},
    Names{"iterations", "total_iters"},
    Names{"max_iters", "total_iters"},
    Names{"max_steps", "total_iters"},
    Names{"total_steps", "total_iters"},
    Names{"warmup_steps", "warmup_iters"},
    Names{"grad_accum_steps", "gradient_accumulation_steps"},
    Names{"accumulation_steps", "gradient_accumulation_steps"},
    Names{"accumulate_grad_batches", "gradient_accumulation_steps"},
    Names{"clip_grad", "grad_clip"},
    Names{"max_grad_norm", "grad_clip"},
    Names{"gradient_clip_val", "grad_clip"},
    Names{"amp", "use_mixed_precision"},
    Names{"use_amp", "use_mixed_precision"},
    Names{"mixed_precision", "use_mixed_precision"},
    Names{"torch_compile", "compile_model"},
    Names{"opt", "optimizer"},
    Names{"optim", "optimizer"},
    Names{"sched", "scheduler"},
    Names{"lr_scheduler", "scheduler"},
    Names{"random_seed", "seed"},
    Names{"manual_seed", "seed"},
    Names{"val_interval", "val_freq"},
    Names{"eval_freq", "val_freq"},
    Names{"save_freq", "checkpoint_freq"},
    Names{"save_interval", "checkpoint_freq"},
    Names{"save_checkpoint_freq", "checkpoint_freq"},
    Names{"print_freq", "log_freq"},
    Names{"exp_name", "experiment_name"},
};

// Batch-Size and BATCH_SIZE are batch_size.
std::string in_our_spelling(std::string_view name) {
  std::string plain(name);
  std::ranges::transform(plain, plain.begin(), [](unsigned char c) {
    return c == '-' || c == ' ' ? '_' : static_cast<char>(std::tolower(c));
  });
  return plain;
}

}  // namespace

std::string similar_key(std::string_view name) {
  if (find_key(name) != nullptr) return {};
  std::string plain = in_our_spelling(name);
  if (find_key(plain) != nullptr) return plain;
  const auto other = std::ranges::find(kOtherNames, plain, &Names::first);
  return other != kOtherNames.end() ? std::string(other->second) : nearest_name(plain, key_names());
}

}  // namespace wring
