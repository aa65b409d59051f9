#pragma once

namespace wring {

class Draft;

// The rules, each in the file of its name. They run in this order, because the batch depends on the network,
// the patch, the loss and the precision that it has to fit beside.
namespace rules {

void model_size(Draft& draft);
void patch_size(Draft& draft);
void perceptual(Draft& draft);
void mixed_precision(Draft& draft);
void batch_size(Draft& draft);
void workers(Draft& draft);
void pinned_memory(Draft& draft);
void compile(Draft& draft);
void grad_clip(Draft& draft);
void run_length(Draft& draft);  // last: it weighs what the others have done

}  // namespace rules
}  // namespace wring
