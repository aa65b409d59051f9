#pragma once
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>

#include "wring/base/text.h"
#include "wring/files/folder.h"
#include "wring_train/data/sampling.h"
#include "wring_train/engine/step_engine.h"
#include "wring_train/train/run_facts.h"

namespace wring {

// Where a run stands, beside the engine's tensors. Nothing else is needed to go on exactly: what a batch contains
// follows from the seed and its number, the learning rate from the step, and no step draws from a generator that has a
// state.
struct Progress {
  std::int64_t step = 0;                                        // optimiser steps done
  double best_psnr = -std::numeric_limits<double>::infinity();  // dB, on the validation set
  std::int64_t best_step = 0;
  std::int64_t validations_without_gain = 0;
  std::int64_t parts = 1;  // micro-batches that a batch is cut into, since a whole one did not fit into the memory
  std::int64_t skipped_steps = 0;  // of the whole run: loss or gradient was not finite
  std::int64_t rollbacks = 0;      // to an earlier checkpoint, since training had become unstable
  double lr_factor = 1;            // of the schedule's learning rate, halved by a rollback
  // Whether the perceptual loss compares with a VGG-19 of random weights (1) or with a trained one (0); -1: there is no
  // such loss, or the state does not say.
  std::int64_t random_vgg = -1;
  std::int64_t sampling = kSamplingVersion;  // by which the steps so far drew their samples
  // The step after which the network was validated last. A state that is saved before a validation that is due tells by
  // this that a resumed run owes it.
  std::int64_t validated_step = 0;
  // Since the last line of metrics.jsonl, so that the next one's mean is over the same steps in a resumed run.
  double window_loss = 0;        // sum over the good steps
  std::int64_t window_good = 0;  // how many they are
};

// Writes engine and progress to one safetensors file, whole or not at all, with a checksum.
void save_run_state(const Folder& checkpoints, const std::string& name, const StepEngine& engine,
                    const Progress& progress, const RunFacts& facts);

struct LoadedState {
  Progress progress;
  RunFacts facts;  // of the run when it was saved; empty in states of earlier versions
};

// Throws Unreadable where the system does not let it be read, Error{failed} naming the file when it is damaged or
// belongs to another network or optimiser. Older states do not name their optimiser: their tensors and the run's
// config.yaml tell it then.
LoadedState load_run_state(const Folder& checkpoints, const std::string& name, StepEngine& engine);

// Loads the newest whole state of a checkpoints folder; nothing where there is none at all. A damaged one is named to
// `warn`, with what is wrong, put aside as NAME.damaged, and the one before it is taken. Throws Error{failed} where all
// are damaged, and where a whole one belongs to another network or optimiser; Unreadable where one cannot be read: it
// may be whole, so that nothing is touched.
std::optional<LoadedState> load_newest_state(const Folder& checkpoints, StepEngine& engine,
                                             const std::function<void(const Text&)>& warn);

// Writes the network to use (the average where there is one); the metadata say what it is.
void save_network(const Folder& checkpoints, const std::string& name, const Edsr& network, std::int64_t step);

// The step whose network that file holds; nothing where there is none, or it is damaged. Throws Unreadable.
std::optional<std::int64_t> step_of_network(const Folder& checkpoints, const std::string& name);

}  // namespace wring
