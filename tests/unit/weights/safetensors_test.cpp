#include "wring_train/weights/safetensors.h"

#include <cstdlib>
#include <cstring>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "wring/base/error.h"
#include "wring/files/files.h"

namespace wring {
namespace {
namespace fs = std::filesystem;
using testing::HasSubstr;

std::span<const std::byte> bytes_of(const auto& values) {
  return std::as_bytes(std::span(values));
}

std::string file_of(const std::string& header, const std::string& data) {
  std::string content(8, '\0');
  for (int i = 0; i < 8; ++i) content[i] = static_cast<char>((std::uint64_t{header.size()} >> (8 * i)) & 0xff);
  return content + header + data;
}

class Safetensors : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(testing::TempDir()) / ("wring_safetensors_" + std::to_string(::getpid()));
    fs::create_directories(folder_);
    path_ = folder_ / "model.safetensors";
  }
  void TearDown() override { fs::remove_all(folder_); }

  // What reading `content` complains about; "" when it does not.
  std::string complaint(const std::string& content) {
    std::ofstream(path_, std::ios::binary | std::ios::trunc) << content;
    try {
      SafetensorsFile file(path_);
      return "";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::failed);
      EXPECT_THAT(error.what(), HasSubstr("model.safetensors"));
      return error.what();
    }
  }
  std::string complaint(const std::string& header, const std::string& data) { return complaint(file_of(header, data)); }

  fs::path folder_;
  fs::path path_;
};

TEST_F(Safetensors, WhatIsWrittenIsReadBack) {
  const std::vector<float> weight = {1.5F, -2.0F, 3.25F, 0.0F, 1e-30F, 7.0F};
  const std::vector<std::uint8_t> mask = {1, 0, 255};
  const std::vector<std::int64_t> step = {1234567890123};
  const std::vector<float> empty;
  write_safetensors(path_,
                    {{"a.mask", {"U8", {3}, bytes_of(mask)}},
                     {"b.weight", {"F32", {2, 3}, bytes_of(weight)}},
                     {"step", {"I64", {}, bytes_of(step)}},
                     {"none", {"F32", {0, 4}, bytes_of(empty)}}},
                    {{"format", "pt"}, {"note", "ünïcode \"quoted\""}});
  const SafetensorsFile file(path_);
  EXPECT_EQ(file.path(), path_);
  EXPECT_THAT(file.metadata(), testing::UnorderedElementsAre(testing::Pair("format", "pt"),
                                                             testing::Pair("note", "ünïcode \"quoted\"")));
  ASSERT_EQ(file.tensors().size(), 4U);
  const TensorView& read = file.tensors().at("b.weight");
  EXPECT_EQ(read.dtype, "F32");
  EXPECT_THAT(read.shape, testing::ElementsAre(2, 3));
  EXPECT_TRUE(std::ranges::equal(read.data, bytes_of(weight)));
  EXPECT_TRUE(std::ranges::equal(file.tensors().at("a.mask").data, bytes_of(mask)));
  EXPECT_TRUE(std::ranges::equal(file.tensors().at("step").data, bytes_of(step)));
  EXPECT_TRUE(file.tensors().at("step").shape.empty());
  EXPECT_TRUE(file.tensors().at("none").data.empty());
}

TEST_F(Safetensors, EveryTensorIsAlignedToItsElement) {
  const std::vector<std::uint8_t> mask = {1, 2, 3};
  const std::vector<float> weight = {1, 2, 3};
  const std::vector<double> moment = {4};
  write_safetensors(path_,
                    {{"a", {"U8", {3}, bytes_of(mask)}},
                     {"b", {"F32", {3}, bytes_of(weight)}},
                     {"c", {"F64", {1}, bytes_of(moment)}}},
                    {{"k", "v"}});
  const SafetensorsFile file(path_);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(file.tensors().at("c").data.data()) % 8, 0U);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(file.tensors().at("b").data.data()) % 4, 0U);
}

TEST_F(Safetensors, AMovedFileKeepsItsViews) {
  const std::vector<float> weight = {42};
  write_safetensors(path_, {{"w", {"F32", {1}, bytes_of(weight)}}}, {});
  SafetensorsFile file(path_);
  const SafetensorsFile moved(std::move(file));
  EXPECT_TRUE(std::ranges::equal(moved.tensors().at("w").data, bytes_of(weight)));
}

constexpr const char* kTensor = R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})";

TEST_F(Safetensors, ASmallFileMadeByHandIsRead) {
  EXPECT_EQ(complaint(kTensor, "12345678"), "");
  EXPECT_EQ(complaint(std::string(kTensor) + "   ", "12345678"), "");  // headers are padded with spaces
  EXPECT_EQ(complaint("{}", ""), "");
}

TEST_F(Safetensors, EachDamageToTheFrameIsNamed) {
  EXPECT_THAT(complaint(""), HasSubstr("empty"));
  EXPECT_THAT(complaint("abc"), HasSubstr("truncated to 3 bytes"));
  EXPECT_THAT(complaint(file_of(kTensor, "12345678").substr(0, 20)), HasSubstr("truncated"));
  EXPECT_THAT(complaint(file_of(kTensor, "1234")), HasSubstr("outside the 4 bytes"));
  EXPECT_THAT(complaint("\x89PNG\r\n\x1a\nand so on"), HasSubstr("more than the format allows"));
  EXPECT_THAT(complaint("{\"w\": ", ""), HasSubstr("not valid JSON"));
  EXPECT_THAT(complaint("[1, 2]", ""), HasSubstr("not a JSON object"));
  EXPECT_THAT(complaint("{\"\xff\": 1}", ""), HasSubstr("not valid JSON"));
}

TEST_F(Safetensors, AnImplausibleHeaderLengthIsRefusedBeforeItIsRead) {
  std::string content = file_of(kTensor, "12345678");
  content[3] = 0x10;  // 256 MiB more
  EXPECT_THAT(complaint(content), HasSubstr("more than the format allows"));
}

TEST_F(Safetensors, EachDamageToATensorIsNamed) {
  const auto tensor = [&](const std::string& fields) { return complaint("{\"w\":{" + fields + "}}", "12345678"); };
  EXPECT_THAT(complaint("{\"w\":3}", ""), HasSubstr("'w' is not described by an object"));
  EXPECT_THAT(tensor(R"("dtype":"F31","shape":[2],"data_offsets":[0,8])"), HasSubstr("unknown dtype \"F31\""));
  EXPECT_THAT(tensor(R"("shape":[2],"data_offsets":[0,8])"), HasSubstr("unknown dtype null"));
  EXPECT_THAT(tensor(R"("dtype":"F32","data_offsets":[0,8])"), HasSubstr("no shape"));
  EXPECT_THAT(tensor(R"("dtype":"F32","shape":[-2],"data_offsets":[0,8])"), HasSubstr("the shape [-2]"));
  EXPECT_THAT(tensor(R"("dtype":"F32","shape":[2.0],"data_offsets":[0,8])"), HasSubstr("the shape [2.0]"));
  EXPECT_THAT(tensor(R"("dtype":"F32","shape":[3],"data_offsets":[0,8])"), HasSubstr("does not fit F32 [3]"));
  EXPECT_THAT(tensor(R"("dtype":"F32","shape":[2])"), HasSubstr("no valid data_offsets"));
  EXPECT_THAT(tensor(R"("dtype":"F32","shape":[2],"data_offsets":[0])"), HasSubstr("no valid data_offsets"));
  EXPECT_THAT(tensor(R"("dtype":"F32","shape":[2],"data_offsets":[-8,0])"), HasSubstr("no valid data_offsets"));
  EXPECT_THAT(tensor(R"("dtype":"F32","shape":[2],"data_offsets":[8,0])"), HasSubstr("outside"));
  EXPECT_THAT(tensor(R"("dtype":"F32","shape":[2],"data_offsets":[4,12])"), HasSubstr("outside the 8 bytes"));
}

// 2^62 × 4 elements wrap to 0 in 64 bits, which would "fit" an empty tensor.
TEST_F(Safetensors, AShapeThatOverflowsIsRefused) {
  EXPECT_THAT(complaint(R"({"w":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]}})", ""),
              HasSubstr("does not fit"));
}

TEST_F(Safetensors, OverlapsGapsAndLeftoversAreRefused) {
  const auto pair = [&](const std::string& a, const std::string& b, const std::string& data) {
    return complaint(R"({"a":{"dtype":"U8","shape":[4],"data_offsets":)" + a +
                         R"(},"b":{"dtype":"U8","shape":[4],"data_offsets":)" + b + "}}",
                     data);
  };
  EXPECT_EQ(pair("[4,8]", "[0,4]", "12345678"), "");
  EXPECT_THAT(pair("[0,4]", "[2,6]", "123456"), HasSubstr("'b' overlaps"));
  EXPECT_THAT(pair("[0,4]", "[0,4]", "1234"), HasSubstr("overlaps"));
  EXPECT_THAT(pair("[0,4]", "[6,10]", "1234567890"), HasSubstr("gap before tensor 'b'"));
  EXPECT_THAT(pair("[2,6]", "[6,10]", "1234567890"), HasSubstr("gap before tensor 'a'"));
  EXPECT_THAT(pair("[0,4]", "[4,8]", "1234567890"), HasSubstr("2 bytes after the last tensor"));
}

TEST_F(Safetensors, ANameGivenTwiceIsRefused) {
  EXPECT_THAT(complaint(R"({"w":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                        R"("w":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})",
                        "1"),
              HasSubstr("names 'w' twice"));
  EXPECT_THAT(complaint(R"({"w":{"dtype":"U8","dtype":"I8","shape":[1],"data_offsets":[0,1]}})", "1"),
              HasSubstr("names 'dtype' twice"));
}

// Printing what is nested a million times deep, as an error message would, takes more stack than there is.
TEST_F(Safetensors, AHeaderOfNothingButBracketsIsRefused) {
  const std::string deep = std::string(1'000'000, '[') + std::string(1'000'000, ']');
  for (const char* member : {"dtype", "shape", "data_offsets"}) {
    EXPECT_THAT(complaint("{\"w\":{\"" + std::string(member) + "\":" + deep + "}}", ""), HasSubstr("nested deeper"));
  }
}

TEST_F(Safetensors, MetadataHoldsOnlyStrings) {
  EXPECT_THAT(complaint(R"({"__metadata__":{"a":1}})", ""), HasSubstr("'a' is not a string"));
  EXPECT_THAT(complaint(R"({"__metadata__":"a"})", ""), HasSubstr("not an object"));
}

TEST_F(Safetensors, AMissingFileAndAFolderAreNamed) {
  EXPECT_THROW(SafetensorsFile(folder_ / "missing.safetensors"), Error);
  EXPECT_THROW(SafetensorsFile{folder_}, Error);
}

TEST_F(Safetensors, AViewThatDoesNotFitItsShapeIsNotWritten) {
  const std::vector<float> weight = {1, 2};
  EXPECT_THROW(write_safetensors(path_, {{"w", {"F32", {3}, bytes_of(weight)}}}, {}), Error);
  EXPECT_THROW(write_safetensors(path_, {{"w", {"X", {2}, bytes_of(weight)}}}, {}), Error);
  EXPECT_THROW(write_safetensors(path_, {{"\xff", {"F32", {2}, bytes_of(weight)}}}, {}), Error);
  EXPECT_FALSE(fs::exists(path_));
}

class SafetensorsPython : public Safetensors {
 protected:
  void SetUp() override {
    Safetensors::SetUp();
    const char* named = std::getenv("WRING_TEST_PYTHON");
    python_ = named != nullptr ? named : "python3";
    if (std::system((python_ + " -c 'import safetensors.numpy' 2>/dev/null").c_str()) != 0) {
      GTEST_SKIP() << python_ << " cannot import safetensors and numpy (WRING_TEST_PYTHON names another Python)";
    }
  }
  int run(const std::string& script) {
    std::ofstream(folder_ / "script.py") << script;
    return std::system((python_ + " '" + (folder_ / "script.py").string() + "' '" + path_.string() + "'").c_str());
  }
  std::string python_;
};

TEST_F(SafetensorsPython, ReadsOurFiles) {
  const std::vector<float> weight = {1.5F, -2.0F, 3.25F, 0.0F, 1e-30F, 7.0F};
  const std::vector<std::uint8_t> mask = {1, 0, 255};
  write_safetensors(path_, {{"a", {"U8", {3}, bytes_of(mask)}}, {"w", {"F32", {3, 2}, bytes_of(weight)}}},
                    {{"scale", "4"}});
  EXPECT_EQ(run(R"(
import sys, numpy
from safetensors import safe_open
with safe_open(sys.argv[1], framework="numpy") as f:
    assert f.metadata() == {"scale": "4"}, f.metadata()
    assert set(f.keys()) == {"a", "w"}
    assert f.get_tensor("a").tolist() == [1, 0, 255]
    w = f.get_tensor("w")
    assert w.dtype == numpy.float32 and w.shape == (3, 2)
    assert (w == numpy.array([[1.5, -2], [3.25, 0], [1e-30, 7]], dtype=numpy.float32)).all(), w
)"),
            0);
}

TEST_F(SafetensorsPython, WritesFilesThatWeRead) {
  ASSERT_EQ(run(R"(
import sys, numpy
from safetensors.numpy import save_file
save_file({"step": numpy.array(7, dtype=numpy.int64), "half": numpy.arange(3, dtype=numpy.float16),
           "odd": numpy.array([True, False, True])}, sys.argv[1], metadata={"by": "python"})
)"),
            0);
  const SafetensorsFile file(path_);
  EXPECT_EQ(file.metadata().at("by"), "python");
  EXPECT_EQ(file.tensors().at("half").dtype, "F16");
  EXPECT_EQ(file.tensors().at("odd").dtype, "BOOL");
  std::int64_t step = 0;
  ASSERT_EQ(file.tensors().at("step").data.size(), sizeof(step));
  std::memcpy(&step, file.tensors().at("step").data.data(), sizeof(step));
  EXPECT_EQ(step, 7);
}

}  // namespace
}  // namespace wring
