#include "wring_train/log/tensorboard.h"

#include <cstring>
#include <optional>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "wring/base/error.h"
#include "wring/files/files.h"

namespace wring {
namespace {
namespace fs = std::filesystem;
using testing::ElementsAre;

// A reader of its own, so that writer and test do not share a mistake: little-endian numbers, records,
// fields.
template <class Number>
Number take_number(std::string_view& from) {
  Number number{};
  if (from.size() < sizeof(Number)) throw std::runtime_error("ends too early");
  std::memcpy(&number, from.data(), sizeof(Number));
  from.remove_prefix(sizeof(Number));
  return number;
}

std::uint64_t take_varint(std::string_view& from) {
  std::uint64_t value = 0;
  for (int shift = 0;; shift += 7) {
    const auto byte = take_number<std::uint8_t>(from);
    value |= std::uint64_t(byte & 0x7f) << shift;
    if (byte < 0x80) return value;
  }
}

std::string_view take_bytes(std::string_view& from, std::size_t bytes) {
  if (from.size() < bytes) throw std::runtime_error("ends too early");
  const std::string_view taken = from.substr(0, bytes);
  from.remove_prefix(bytes);
  return taken;
}

std::uint32_t mask(std::uint32_t crc) {
  return ((crc >> 15) | (crc << 17)) + 0xa282ead8U;
}

std::vector<std::string_view> records_of(std::string_view file) {
  std::vector<std::string_view> records;
  while (!file.empty()) {
    const std::string_view length_bytes = file.substr(0, 8);
    const auto length = take_number<std::uint64_t>(file);
    EXPECT_EQ(take_number<std::uint32_t>(file), mask(tensorboard::crc32c(length_bytes)));
    records.push_back(take_bytes(file, length));
    EXPECT_EQ(take_number<std::uint32_t>(file), mask(tensorboard::crc32c(records.back())));
  }
  return records;
}

struct Decoded {
  double wall_time = 0;
  std::int64_t step = 0;
  std::string file_version;
  std::optional<std::uint64_t> session_status;
  std::vector<std::pair<std::string, float>> scalars;
};

std::pair<std::string, float> decode_value(std::string_view value) {
  std::pair<std::string, float> scalar;
  while (!value.empty()) {
    const std::uint64_t key = take_varint(value);
    if (key == (1 << 3 | 2))
      scalar.first = take_bytes(value, take_varint(value));
    else if (key == (2 << 3 | 5))
      scalar.second = take_number<float>(value);
    else
      throw std::runtime_error("unexpected field in a value");
  }
  return scalar;
}

Decoded decode(std::string_view event) {
  Decoded decoded;
  while (!event.empty()) {
    const std::uint64_t key = take_varint(event);
    if (key == (1 << 3 | 1)) {
      decoded.wall_time = take_number<double>(event);
    } else if (key == (2 << 3 | 0)) {
      decoded.step = static_cast<std::int64_t>(take_varint(event));
    } else if (key == (3 << 3 | 2)) {
      decoded.file_version = take_bytes(event, take_varint(event));
    } else if (key == (5 << 3 | 2)) {
      std::string_view summary = take_bytes(event, take_varint(event));
      while (!summary.empty()) {
        if (take_varint(summary) != (1 << 3 | 2)) throw std::runtime_error("unexpected field in a summary");
        decoded.scalars.push_back(decode_value(take_bytes(summary, take_varint(summary))));
      }
    } else if (key == (7 << 3 | 2)) {
      std::string_view log = take_bytes(event, take_varint(event));
      if (take_varint(log) != (1 << 3 | 0)) throw std::runtime_error("unexpected field in a session log");
      decoded.session_status = take_varint(log);
    } else {
      throw std::runtime_error("unexpected field in an event");
    }
  }
  return decoded;
}

class TensorBoard : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(testing::TempDir()) / ("wring_tensorboard_" + std::to_string(::getpid()));
  }
  void TearDown() override { fs::remove_all(folder_); }
  fs::path folder_;
};

TEST(TensorBoardFormat, Crc32cMatchesRfc3720) {
  EXPECT_EQ(tensorboard::crc32c(std::string(32, '\0')), 0x8a9136aaU);
  EXPECT_EQ(tensorboard::crc32c(std::string(32, '\xff')), 0x62a8ab43U);
  std::string rising;
  for (int i = 0; i < 32; ++i) rising.push_back(static_cast<char>(i));
  EXPECT_EQ(tensorboard::crc32c(rising), 0x46dd794eU);
  EXPECT_EQ(tensorboard::crc32c(std::string(rising.rbegin(), rising.rend())), 0x113fdb5cU);
  EXPECT_EQ(tensorboard::crc32c("123456789"), 0xe3069283U);
}

TEST(TensorBoardFormat, ARecordIsFramedWithMaskedChecksums) {
  const std::string record = tensorboard::frame_record("hello");
  ASSERT_EQ(record.size(), 8U + 4 + 5 + 4);
  EXPECT_THAT(records_of(record), ElementsAre("hello"));
  // The CRC of "123456789" masked by hand: rotr(0xe3069283, 15) + 0xa282ead8.
  const std::string known = tensorboard::frame_record("123456789");
  std::string_view footer = std::string_view(known).substr(known.size() - 4);
  EXPECT_EQ(take_number<std::uint32_t>(footer), 0xc78ab0e5U);
}

TEST(TensorBoardFormat, AnEventHoldsEveryScalarWithStepAndTime) {
  const std::vector<Scalar> scalars = {{"train/loss", 0.125}, {"val/psnr", 31.5}, {"损失", -1e30}};
  const Decoded event = decode(tensorboard::scalar_event(1234567890123, 1700000000.25, scalars));
  EXPECT_EQ(event.step, 1234567890123);
  EXPECT_EQ(event.wall_time, 1700000000.25);
  EXPECT_THAT(event.scalars, ElementsAre(testing::Pair("train/loss", 0.125F), testing::Pair("val/psnr", 31.5F),
                                         testing::Pair("损失", -1e30F)));
}

TEST_F(TensorBoard, AFileBeginsWithItsVersionAndNamesTheProcess) {
  TensorBoardWriter writer(std::make_shared<const Folder>(Folder::make(folder_)));
  const std::vector<Scalar> scalars = {{"loss", 0.5}};
  writer.write(7, 100.0, scalars);
  const std::string content = read_file(writer.path());
  const auto records = records_of(content);
  ASSERT_EQ(records.size(), 2U);
  EXPECT_EQ(decode(records[0]).file_version, "brain.Event:2");
  EXPECT_GT(decode(records[0]).wall_time, 1.6e9);
  EXPECT_EQ(decode(records[1]).step, 7);
  EXPECT_THAT(decode(records[1]).scalars, ElementsAre(testing::Pair("loss", 0.5F)));
  EXPECT_THAT(writer.path().filename().string(),
              testing::MatchesRegex("events\\.out\\.tfevents\\.[0-9]+\\..+\\." + std::to_string(::getpid())));
}

TEST_F(TensorBoard, AResumedRunDisownsLaterSteps) {
  TensorBoardWriter writer(std::make_shared<const Folder>(Folder::make(folder_)), 500);
  const std::string content = read_file(writer.path());
  const auto records = records_of(content);
  ASSERT_EQ(records.size(), 2U);
  EXPECT_EQ(decode(records[1]).session_status, 1U);  // SessionLog.START
  EXPECT_EQ(decode(records[1]).step, 501);
}

}  // namespace
}  // namespace wring
