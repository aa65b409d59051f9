#include "wring_train/data/batch.h"

#include <cstddef>
#include <utility>

namespace wring {

std::vector<Batch> split(const Batch& batch, int parts) {
  std::vector<Batch> micro_batches;
  for (int part = 0; part < parts; ++part) {
    Batch micro = batch;
    micro.step = batch.step * parts + part;
    micro.size = batch.size / parts;
    const auto from = [&](const std::shared_ptr<std::uint8_t>& bytes, int side) {
      const std::size_t offset = std::size_t{3} * side * side * micro.size * part;
      return bytes ? std::shared_ptr<std::uint8_t>(bytes, bytes.get() + offset) : nullptr;
    };
    micro.hr = from(batch.hr, batch.hr_patch);
    micro.lr = from(batch.lr, batch.lr_patch);
    micro_batches.push_back(std::move(micro));
  }
  return micro_batches;
}

}  // namespace wring
