#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fixtures/temporary_folder.h"
#include "wring/base/error.h"
#include "wring/files/files.h"
#include "wring_train/weights/safetensors.h"

namespace wring {
namespace {

using testing::HasSubstr;

class SafetensorsSeal : public testing::Test {
 protected:
  void write(Seal seal) {
    const std::vector<float> weight = {1.5F, -2.0F, 3.25F};
    const std::vector<std::uint8_t> mask = {1, 0, 255};
    write_safetensors(path_,
                      {{"weight", {"F32", {3}, std::as_bytes(std::span(weight))}},
                       {"mask", {"U8", {3}, std::as_bytes(std::span(mask))}}},
                      {{"step", "1200"}, {"a", "\"wring_crc32\":\"00000000\""}}, seal);
  }
  std::string complaint() const {
    try {
      SafetensorsFile(path_).check_seal();
      return "";
    } catch (const Error& error) {
      return error.what();
    }
  }

  testing_support::TemporaryFolder folder_;
  std::filesystem::path path_ = folder_.path() / "state.safetensors";
};

TEST_F(SafetensorsSeal, AnUntouchedFileHoldsItAndReadsAsAnyOther) {
  write(Seal::crc32);
  EXPECT_EQ(complaint(), "");
  const SafetensorsFile file(path_);
  EXPECT_EQ(file.metadata().at("step"), "1200");
  EXPECT_EQ(file.tensors().at("mask").data[2], std::byte{255});
}

TEST_F(SafetensorsSeal, AnyChangedByteIsNoticed) {
  write(Seal::crc32);
  const std::string whole = read_file(path_);
  for (std::size_t at = 0; at < whole.size(); ++at) {
    std::string changed = whole;
    changed[at] = static_cast<char>(changed[at] ^ 1);
    write_file_atomically(path_, changed);
    EXPECT_THAT(complaint(), HasSubstr("state.safetensors")) << "byte " << at << " of " << whole.size();
  }
}

TEST_F(SafetensorsSeal, AnyShorterFileIsNoticed) {
  write(Seal::crc32);
  const std::string whole = read_file(path_);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    write_file_atomically(path_, whole.substr(0, size));
    EXPECT_NE(complaint(), "") << size << " of " << whole.size() << " bytes";
  }
}

TEST_F(SafetensorsSeal, AFileWithoutOneIsNotTakenForWhole) {
  write(Seal::none);
  EXPECT_THAT(complaint(), HasSubstr("no checksum"));
}

}  // namespace
}  // namespace wring
