#include "wring_train/log/tensorboard.h"

#include <array>
#include <bit>
#include <utility>

#include <fmt/format.h>
#include <unistd.h>

#include "wring/base/clock.h"

namespace wring {
namespace tensorboard {
namespace {

void append_little_endian(std::string& out, std::uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) out.push_back(static_cast<char>((value >> (8 * i)) & 0xff));
}

// Protocol-buffer wire format (protobuf.dev/programming-guides/encoding): a key is field number × 8 + wire
// type.
enum WireType : std::uint64_t { varint = 0, fixed64 = 1, length_delimited = 2, fixed32 = 5 };

void append_varint(std::string& out, std::uint64_t value) {
  while (value >= 0x80) {
    out.push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  out.push_back(static_cast<char>(value));
}

void append_key(std::string& out, std::uint64_t field, WireType type) {
  append_varint(out, field * 8 + type);
}

void append_integer(std::string& out, std::uint64_t field, std::int64_t value) {
  append_key(out, field, varint);
  append_varint(out, static_cast<std::uint64_t>(value));
}

void append_double(std::string& out, std::uint64_t field, double value) {
  append_key(out, field, fixed64);
  append_little_endian(out, std::bit_cast<std::uint64_t>(value), 8);
}

void append_float(std::string& out, std::uint64_t field, float value) {
  append_key(out, field, fixed32);
  append_little_endian(out, std::bit_cast<std::uint32_t>(value), 4);
}

void append_bytes(std::string& out, std::uint64_t field, std::string_view bytes) {
  append_key(out, field, length_delimited);
  append_varint(out, bytes.size());
  out.append(bytes);
}

// Field numbers of event.proto (Event, SessionLog) and summary.proto (Summary, Summary.Value).
constexpr std::uint64_t kEventWallTime = 1;
constexpr std::uint64_t kEventStep = 2;
constexpr std::uint64_t kEventFileVersion = 3;
constexpr std::uint64_t kEventSummary = 5;
constexpr std::uint64_t kEventSessionLog = 7;
constexpr std::uint64_t kSessionLogStatus = 1;
constexpr std::int64_t kSessionLogStart = 1;
constexpr std::uint64_t kSummaryValue = 1;
constexpr std::uint64_t kValueTag = 1;
constexpr std::uint64_t kValueSimple = 2;

constexpr std::array<std::uint32_t, 256> crc_table() {
  constexpr std::uint32_t kPolynomial = 0x82f63b78;  // Castagnoli's, bits reversed
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t byte = 0; byte < table.size(); ++byte) {
    std::uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? kPolynomial : 0);
    table[byte] = crc;
  }
  return table;
}

// TFRecord masks its CRCs, because a CRC over data that contains CRCs is weak.
std::uint32_t masked_crc32c(std::string_view data) {
  return std::rotr(crc32c(data), 15) + 0xa282ead8U;
}

}  // namespace

std::uint32_t crc32c(std::string_view data) {
  static constexpr auto kTable = crc_table();
  std::uint32_t crc = 0xffffffff;
  for (const char c : data) crc = (crc >> 8) ^ kTable[(crc ^ static_cast<unsigned char>(c)) & 0xff];
  return ~crc;
}

std::string frame_record(std::string_view data) {
  std::string record;
  append_little_endian(record, data.size(), 8);
  append_little_endian(record, masked_crc32c(record), 4);
  record.append(data);
  append_little_endian(record, masked_crc32c(data), 4);
  return record;
}

std::string file_version_event(double wall_time) {
  std::string event;
  append_double(event, kEventWallTime, wall_time);
  append_bytes(event, kEventFileVersion, "brain.Event:2");
  return event;
}

std::string session_start_event(std::int64_t step, double wall_time) {
  std::string log;
  append_integer(log, kSessionLogStatus, kSessionLogStart);
  std::string event;
  append_double(event, kEventWallTime, wall_time);
  append_integer(event, kEventStep, step);
  append_bytes(event, kEventSessionLog, log);
  return event;
}

std::string scalar_event(std::int64_t step, double wall_time, std::span<const Scalar> scalars) {
  std::string summary;
  for (const Scalar& scalar : scalars) {
    std::string value;
    append_bytes(value, kValueTag, scalar.tag);
    append_float(value, kValueSimple, static_cast<float>(scalar.value));
    append_bytes(summary, kSummaryValue, value);
  }
  std::string event;
  append_double(event, kEventWallTime, wall_time);
  append_integer(event, kEventStep, step);
  append_bytes(event, kEventSummary, summary);
  return event;
}

}  // namespace tensorboard

namespace {

std::string event_file() {
  std::array<char, 256> host{};
  if (::gethostname(host.data(), host.size() - 1) != 0 || host[0] == '\0') host = {'l', 'o', 'c', 'a', 'l'};
  return fmt::format("events.out.tfevents.{:010}.{}.{}", static_cast<std::int64_t>(unix_seconds()), host.data(),
                     ::getpid());
}

}  // namespace

TensorBoardWriter::TensorBoardWriter(std::shared_ptr<const Folder> folder, std::optional<std::int64_t> resumed_step)
    : file_(std::move(folder), event_file()) {
  file_.append(tensorboard::frame_record(tensorboard::file_version_event(unix_seconds())));
  if (resumed_step) {
    // TensorBoard drops what earlier files hold from a session's first step on.
    file_.append(tensorboard::frame_record(tensorboard::session_start_event(*resumed_step + 1, unix_seconds())));
  }
}

void TensorBoardWriter::write(std::int64_t step, double wall_time, std::span<const Scalar> scalars) {
  file_.append(tensorboard::frame_record(tensorboard::scalar_event(step, wall_time, scalars)));
}

void TensorBoardWriter::write(std::int64_t step, std::span<const Scalar> scalars) {
  write(step, unix_seconds(), scalars);
}

}  // namespace wring
