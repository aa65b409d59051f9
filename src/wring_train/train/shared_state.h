#pragma once
#include "wring_train/dist/ranks.h"
#include "wring_train/engine/step_engine.h"
#include "wring_train/train/run_state.h"

namespace wring {

// Gives every rank rank 0's engine state and progress, so that only rank 0 has to read the checkpoint.
void share_state(Ranks& ranks, StepEngine& engine, Progress& progress);

// Every rank must hold the same bits of every parameter, average and moment: only gradients are exchanged. Compares a
// hash of them. Throws Error{failed} that names the ranks that differ from rank 0.
void check_equal_state(Ranks& ranks, const StepEngine& engine);

}  // namespace wring
