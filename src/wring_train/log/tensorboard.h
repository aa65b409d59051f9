#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "wring_train/log/append_file.h"

namespace wring {

struct Scalar {
  std::string_view tag;  // "train/loss"
  double value = 0;      // kept as float32, as the format has it
};

// Scalars for TensorBoard: a file events.out.tfevents.<unix time>.<host>.<pid> of its own in `folder`.
// Not for several threads at a time.
class TensorBoardWriter {
 public:
  // With resumed_step, what files of earlier runs in the folder hold for later steps is disowned, so that TensorBoard
  // does not show it. Throws Error{failed} naming the file.
  explicit TensorBoardWriter(std::shared_ptr<const Folder> folder,
                             std::optional<std::int64_t> resumed_step = std::nullopt);

  // One event. wall_time: seconds since 1970.
  void write(std::int64_t step, double wall_time, std::span<const Scalar> scalars);
  // The same with the present time.
  void write(std::int64_t step, std::span<const Scalar> scalars);

  std::filesystem::path path() const { return file_.path(); }

 private:
  AppendFile file_;
};

// The parts of the file format.
namespace tensorboard {

// CRC-32C (Castagnoli), as in RFC 3720 appendix B.4.
std::uint32_t crc32c(std::string_view data);

// One record of a TFRecord file (tensorflow/core/lib/io/record_writer.h): length, masked CRC of the length,
// data, masked CRC of the data, all little-endian.
std::string frame_record(std::string_view data);

// Messages of tensorflow/core/util/event.proto, serialised.
std::string file_version_event(double wall_time);
std::string session_start_event(std::int64_t step, double wall_time);
std::string scalar_event(std::int64_t step, double wall_time, std::span<const Scalar> scalars);

}  // namespace tensorboard
}  // namespace wring
