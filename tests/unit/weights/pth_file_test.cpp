// Files of torch.save, written by hand: those that hold tensors are read, the others are refused by name.
#include "wring_train/weights/pth_file.h"

#include <cstring>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fixtures/pth_writer.h"
#include "fixtures/temporary_folder.h"
#include "wring/base/error.h"
#include "wring_train/weights/tensor_file.h"

namespace wring {
namespace {

using namespace testing_support;
using namespace pickled;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

std::string floats(const std::vector<float>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)};
}
std::vector<float> floats_of(const TensorView& view) {
  std::vector<float> values(view.data.size() / sizeof(float));
  if (!values.empty()) std::memcpy(values.data(), view.data.data(), view.data.size());
  return values;
}

const std::string kSix = floats({0, 1, 2, 3, 4, 5});

class Pth : public testing::Test {
 protected:
  PthFile read(const std::string& bytes) { return PthFile(folder_.write("net.pth", bytes)); }
  // What reading the bytes complains about; "" when it does not.
  std::string complaint(const std::string& bytes) {
    try {
      read(bytes);
      return "";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::failed);
      EXPECT_THAT(error.what(), HasSubstr("net.pth"));
      EXPECT_NE(error.message().zh, error.message().en);
      return error.what();
    }
  }
  std::string complaint_about(const std::string& body) { return complaint(pth_archive(body, {{"0", kSix}})); }
  std::string complaint_about(const Tensor& tensor) { return complaint_about(dict({{"w", pickled::tensor(tensor)}})); }

  TemporaryFolder folder_;
};

std::vector<std::string> names_of(const PthFile& file) {
  std::vector<std::string> names;
  for (const auto& [name, view] : file.tensors()) names.push_back(name);
  return names;
}

TEST_F(Pth, AStateDictIsReadFromEitherFormOfTheFile) {
  const std::string body = ordered_dict({{"conv.weight", tensor()}}) + dict({{"_metadata", ordered_dict({})}}) + "b";
  for (const std::string& bytes :
       {pth_archive(body, {{"0", kSix}}), pth_archive(body, {{"0", kSix}}, {}, /*zip64=*/true),
        pth_sequence(body, {{"0", kSix}})}) {
    const PthFile file = read(bytes);
    EXPECT_TRUE(PthFile::is_one(file.path()));
    ASSERT_THAT(names_of(file), ElementsAre("conv.weight"));
    const TensorView& view = file.tensors().at("conv.weight");
    EXPECT_EQ(view.dtype, "F32");
    EXPECT_THAT(view.shape, ElementsAre(2, 3));
    EXPECT_THAT(floats_of(view), ElementsAre(0, 1, 2, 3, 4, 5));
  }
}

TEST_F(Pth, EveryTypeKeepsItsBytes) {
  const std::vector<std::tuple<std::string, std::string, std::size_t>> types = {
      {"FloatStorage", "F32", 4},  {"HalfStorage", "F16", 2}, {"BFloat16Storage", "BF16", 2},
      {"DoubleStorage", "F64", 8}, {"LongStorage", "I64", 8}, {"IntStorage", "I32", 4},
      {"ShortStorage", "I16", 2},  {"CharStorage", "I8", 1},  {"ByteStorage", "U8", 1},
      {"BoolStorage", "BOOL", 1}};
  for (const auto& [type, dtype, bytes] : types) {
    std::string data;
    for (std::size_t i = 0; i < 6 * bytes; ++i) data += static_cast<char>(7 * i);
    const PthFile file = read(pth_archive(dict({{"w", tensor({.type = type})}}), {{"0", data}}));
    const TensorView& view = file.tensors().at("w");
    EXPECT_EQ(view.dtype, dtype);
    EXPECT_EQ(std::memcmp(view.data.data(), data.data(), data.size()), 0) << type;
    EXPECT_EQ(view.data.size(), data.size()) << type;
  }
}

TEST_F(Pth, TensorsLieUnderTheKeysThatLeadToThem) {
  const std::string body = dict({{"params", ordered_dict({{"a.weight", tensor()}})},
                                 {"iter", whole(500)},
                                 {"name", text("run")},
                                 {"nothing", "N"},
                                 {"rate", std::string("G\x3f\xf0\0\0\0\0\0\0", 9)},
                                 {"optimizers", "](}(" + whole(3) + tensor({.sizes = {6}, .strides = {1}}) + "ue"}});
  EXPECT_THAT(names_of(read(pth_archive(body, {{"0", kSix}}))), ElementsAre("optimizers.0.3", "params.a.weight"));
}

TEST_F(Pth, AParameterIsItsTensor) {
  const std::string body =
      dict({{"w", call(global("torch._utils", "_rebuild_parameter"),
                       tuple({tensor(), "\x88", call(global("collections", "OrderedDict"), ")")}))}});
  EXPECT_THAT(floats_of(read(pth_archive(body, {{"0", kSix}})).tensors().at("w")), ElementsAre(0, 1, 2, 3, 4, 5));
}

TEST_F(Pth, ValuesThatAreMentionedAgainAreTheSame) {
  const std::string body = dict({{"a", tensor() + "q\x05"},
                                 {"b", "h\x05"},
                                 {"c", tensor() + "r" + little_endian(70000, 4)},
                                 {"d", "j" + little_endian(70000, 4)}});
  const PthFile file = read(pth_archive(body, {{"0", kSix}}));
  EXPECT_EQ(file.tensors().at("a").data.data(), file.tensors().at("b").data.data());
  EXPECT_EQ(file.tensors().size(), 4U);
}

TEST_F(Pth, PartsOfAStorageAreCutOut) {
  const std::string body = dict({{"row", tensor({.offset = 3, .sizes = {3}, .strides = {1}})},
                                 {"column", tensor({.offset = 1, .sizes = {2}, .strides = {3}})},
                                 {"turned", tensor({.sizes = {3, 2}, .strides = {1, 3}})},
                                 {"one", tensor({.offset = 5, .sizes = {}, .strides = {}})},
                                 {"wide", tensor({.sizes = {1, 6}, .strides = {99, 1}})},
                                 {"none", tensor({.sizes = {0, 4}, .strides = {4, 1}})}});
  const PthFile file = read(pth_archive(body, {{"0", kSix}}));
  EXPECT_THAT(floats_of(file.tensors().at("row")), ElementsAre(3, 4, 5));
  EXPECT_THAT(floats_of(file.tensors().at("column")), ElementsAre(1, 4));
  EXPECT_THAT(floats_of(file.tensors().at("turned")), ElementsAre(0, 3, 1, 4, 2, 5));
  EXPECT_THAT(floats_of(file.tensors().at("one")), ElementsAre(5));
  EXPECT_THAT(floats_of(file.tensors().at("wide")), ElementsAre(0, 1, 2, 3, 4, 5));
  EXPECT_TRUE(file.tensors().at("none").data.empty());
}

// As the first versions wrote, also from Python 2: other strings, other numbers, a dict out of pairs, no strides of
// hooks.
TEST_F(Pth, TheOldestFormIsRead) {
  const auto word = [](const std::string& w) { return "U" + little_endian(w.size(), 1) + w; };
  const auto number = [](int n) { return std::string("\x8a\x01") + static_cast<char>(n); };
  const std::string storage_part = "(" + word("view") + number(2) + number(4) + "t";
  const std::string storage = "(" + word("storage") + global("torch.cuda", "FloatStorage") + word("94") +
                              word("cuda:0") + number(6) + storage_part + "tQ";
  const std::string weight = call(global("torch._utils", "_rebuild_tensor"),
                                  "(" + storage + number(1) + "(" + number(3) + "t(" + number(1) + "tt");
  const std::string pairs = "]((" + word("w") + weight + "t](" + word("steps") + "K\x07" + "ee";
  const std::string body = call(global("collections", "OrderedDict"), pairs + "\x85");
  const PthFile file = read(pth_sequence(body, {{"94", kSix}}));
  EXPECT_THAT(floats_of(file.tensors().at("w")), ElementsAre(3, 4, 5)) << "one into the part, which begins at two";
}

TEST_F(Pth, AnyOtherFunctionOrClassIsRefusedByItsName) {
  const std::pair<const char*, const char*> names[] = {{"os", "system"},        {"posix", "system"},
                                                       {"builtins", "eval"},    {"__builtin__", "getattr"},
                                                       {"subprocess", "Popen"}, {"torch", "load"},
                                                       {"torch.hub", "load"},   {"torch.nn.modules.conv", "Conv2d"},
                                                       {"numpy", "ndarray"},    {"torch._utils", "_import"},
                                                       {"collections", "dict"}, {"torch.storage", "_load_from_bytes"},
                                                       {"torchStorage", "x"}};
  for (const auto& [module, name] : names) {
    const std::string attack = call(global(module, name), tuple({text("touch /tmp/owned")}));
    for (const std::string& body : {dict({{"w", tensor()}, {"x", attack}}), attack + "0" + dict({{"w", tensor()}})}) {
      EXPECT_THAT(complaint_about(body),
                  AllOf(HasSubstr(fmt::format("'{}.{}'", module, name)), HasSubstr("nothing of it was run")));
    }
  }
  EXPECT_THAT(complaint_about(dict({{"w", call(global("torch", "FloatStorage"), ")")}})),
              HasSubstr("torch FloatStorage()"));
}

TEST_F(Pth, InstructionsThatTensorsDoNotNeedAreRefused) {
  for (const char code :
       {'i',    'o',    'P',    '0',    '1',    '2',    'd',    'l',    'p',    'g',    'I',    'L',
        'F',    'S',    'V',    'B',    'C',    '\x81', '\x82', '\x83', '\x84', '\x8b', '\x8c', '\x8d',
        '\x8f', '\x90', '\x91', '\x92', '\x93', '\x94', '\x95', '\x96', '\x97', '\x98'}) {
    EXPECT_THAT(complaint_about(std::string(1, code)),
                HasSubstr(fmt::format("instruction 0x{:02x}", static_cast<unsigned char>(code))));
  }
  EXPECT_THAT(complaint(pth_archive("", {})), HasSubstr("makes no sense"));
  EXPECT_THAT(complaint(zip({{"net/data.pkl", "\x80\x04N."}})), HasSubstr("protocol 4"));
  EXPECT_THAT(complaint_about("(" + text("module") + text("code") + "tQ"), HasSubstr("'module'"));
  EXPECT_THAT(complaint_about(tensor() + "}b"), HasSubstr("'BUILD'"));
  EXPECT_THAT(complaint_about(std::string("\x8a\x09") + std::string(9, '\1')), HasSubstr("whole number of 9 bytes"));
}

TEST_F(Pth, ProgramsThatMakeNoSenseAreRefused) {
  for (const std::string& body :
       {std::string("R"), std::string("NR"), std::string("NNR"), std::string("a"), std::string("NNs"),
        std::string("}(Nu"), std::string("t"), std::string("u"), std::string("Q"), std::string("h\x01"),
        std::string("q\x01"), std::string("(q\x01t"), std::string("N(0"), std::string("NN"), std::string("(N"),
        std::string("]b"), tuple({"N"}) + "Q",
        call(global("collections", "OrderedDict"),
             "](N"
             "e\x85"),
        call(global("torch._utils", "_rebuild_parameter"), ")")}) {
    EXPECT_NE(complaint_about(body), "") << body;
  }
}

TEST_F(Pth, PlacesOutsideTheStorageAreRefused) {
  const std::int64_t huge = std::int64_t{1} << 62;
  for (const Tensor& tensor :
       {Tensor{.sizes = {7}, .strides = {1}}, Tensor{.offset = 1}, Tensor{.offset = 6, .sizes = {}, .strides = {}},
        Tensor{.sizes = {2}, .strides = {6}}, Tensor{.elements = 7, .sizes = {7}, .strides = {1}},
        Tensor{.elements = huge, .sizes = {7}, .strides = {1}}, Tensor{.elements = 5}, Tensor{.offset = huge},
        Tensor{.sizes = {2}, .strides = {huge}}, Tensor{.sizes = {3, 2}, .strides = {huge, huge}}}) {
    EXPECT_THAT(complaint_about(tensor), HasSubstr("tensor 'w' needs more data than the 24 bytes"));
  }
  EXPECT_THAT(complaint_about(Tensor{.offset = huge, .sizes = {huge}, .strides = {1}}),
              HasSubstr("more elements than can be counted"));
  EXPECT_THAT(complaint_about(Tensor{.sizes = {huge, huge}, .strides = {1, 1}}),
              HasSubstr("more elements than can be counted"));
  EXPECT_THAT(complaint_about(Tensor{.sizes = {-1}, .strides = {1}}), HasSubstr("no whole number"));
  EXPECT_THAT(complaint_about(Tensor{.sizes = {2}, .strides = {-1}}), HasSubstr("no whole number"));
  EXPECT_THAT(complaint_about(Tensor{.offset = -1}), HasSubstr("no whole number"));
  EXPECT_THAT(complaint_about(Tensor{.sizes = {2}}), HasSubstr("do not fit together"));
  EXPECT_THAT(
      complaint_about(Tensor{.sizes = std::vector<std::int64_t>(65, 1), .strides = std::vector<std::int64_t>(65, 1)}),
      HasSubstr("do not fit together"));
  EXPECT_THAT(complaint_about(Tensor{.key = "1"}), HasSubstr("has no data in the archive"));
  EXPECT_THAT(complaint_about(Tensor{.key = "../version"}), HasSubstr("has no data in the archive"));
  EXPECT_THAT(complaint_about(Tensor{.type = "ComplexFloatStorage"}),
              HasSubstr("ComplexFloatStorage, which is not supported"));
}

TEST_F(Pth, DataThatIsCountedManyTimesIsRefused) {
  EXPECT_THAT(complaint_about(Tensor{.sizes = {1 << 30}, .strides = {0}}), HasSubstr("repeats its data"));
  std::vector<std::pair<std::string, std::string>> turned;
  for (int i = 0; i < 400; ++i)
    turned.emplace_back(std::to_string(i), i == 0 ? tensor({.sizes = {3, 2}, .strides = {1, 3}}) + "q\x01" : "h\x01");
  EXPECT_THAT(complaint_about(dict(turned)), HasSubstr("repeats its data"));
}

TEST_F(Pth, CirclesAndFloodsOfReferencesAreRefused) {
  EXPECT_THAT(complaint_about("]q\x01h\x01"
                              "a"),
              HasSubstr("nested too deeply"));
  std::string laughs = dict({{"w", tensor()}}) + "q";
  laughs += '\0';
  for (int level = 1; level < 20; ++level) {
    laughs += std::string("](") + (std::string("h") + static_cast<char>(level - 1)) +
              (std::string("h") + static_cast<char>(level - 1)) + (std::string("h") + static_cast<char>(level - 1)) +
              "eq" + static_cast<char>(level);
  }
  EXPECT_NE(complaint(zip({{"net/data.pkl", "\x80\x02(" + laughs + "t."}, {"net/data/0", kSix}})), "");
  const std::string many(2'000'000, ']');
  EXPECT_THAT(complaint_about("(" + many + "t"), HasSubstr("more than 1000000 values"));
  EXPECT_THAT(complaint_about(std::string(2000, '(')), HasSubstr("nested too deeply"));
  std::string long_one = "]q\x01";
  for (int i = 0; i < 9 << 20; ++i) long_one += "h\x01";
  EXPECT_THAT(complaint_about("(" + long_one + "t"), HasSubstr("longer than 16 MiB"));
}

TEST_F(Pth, AFileThatWasCutOffIsRefusedWhereverItEnds) {
  const std::string body = ordered_dict({{"w", tensor()}});
  for (const std::string& bytes : {pth_archive(body, {{"0", kSix}}), pth_sequence(body, {{"0", kSix}})}) {
    for (std::size_t size = 0; size < bytes.size(); ++size) EXPECT_NE(complaint(bytes.substr(0, size)), "") << size;
    EXPECT_EQ(complaint(bytes), "");
  }
}

TEST_F(Pth, ArchivesThatTorchDoesNotWriteAreRefused) {
  const std::string body = dict({{"w", tensor()}});
  const std::string program = pickled::program(body);
  EXPECT_THAT(complaint(zip({{"net/data.pkl", program, 8}})), HasSubstr("'net/data.pkl' in it is compressed"));
  EXPECT_THAT(complaint(zip({{"net/data.pkl", program, 0, 1}})), HasSubstr("encrypted"));
  EXPECT_THAT(complaint(pth_archive(body, {{"0", kSix}, {"0", kSix}})), HasSubstr("two files named 'net/data/0'"));
  EXPECT_THAT(complaint(zip({{"net/readme", "x"}})), HasSubstr("no data.pkl"));
  EXPECT_THAT(complaint(pth_archive(body, {{"0", kSix}}, {{"net/constants.pkl", ""}})), HasSubstr("TorchScript"));
  EXPECT_THAT(complaint(zip({{"net/data.pkl", program}, {"net/byteorder", "big"}, {"net/data/0", kSix}})),
              HasSubstr("big-endian"));
  EXPECT_THAT(complaint(pth_sequence(body, {{"0", kSix}}, 4, "\x89")), HasSubstr("big-endian"));
  EXPECT_THAT(complaint(pth_archive(dict({{"n", whole(1)}}), {})), HasSubstr("holds no tensors"));
  EXPECT_THAT(complaint_about(tensor()), HasSubstr("one tensor without a name"));
  EXPECT_THAT(complaint_about(dict({{"a", dict({{"b", tensor()}})}, {"a.b", tensor()}})),
              HasSubstr("'a.b' is there twice"));
}

TEST_F(Pth, WhatIsNoFileOfTorchIsSaid) {
  EXPECT_THAT(complaint("<!DOCTYPE html><html>"), HasSubstr("no file of torch.save"));
  EXPECT_THAT(complaint("version https://git-lfs.github.com/spec/v1\n"), HasSubstr("no file of torch.save"));
  EXPECT_THAT(complaint(std::string(257, '\0') + "ustar" + std::string(300, '\0')), HasSubstr("tar archive"));
  EXPECT_THAT(complaint(""), HasSubstr("empty"));
  EXPECT_THROW(PthFile(folder_.path() / "missing.pth"), Error);
  EXPECT_THROW(PthFile(folder_.path()), Error);
}

TEST_F(Pth, AFileThatIsCutShortWhileItIsReadSaysSo) {
  const auto pth = folder_.write("a.pth", pth_sequence(dict({{"w", tensor()}}), {{"0", kSix}}));
  const TensorFile file(pth);
  EXPECT_FALSE(file.lost());
  std::filesystem::resize_file(pth, 0);
  EXPECT_EQ(file.tensors().at("w").data.back(), std::byte{0});
  EXPECT_TRUE(file.lost());
}

TEST_F(Pth, ATensorFileIsOfEitherFormat) {
  const auto pth = folder_.write("a.bin", pth_sequence(dict({{"w", tensor()}}), {{"0", kSix}}));
  EXPECT_TRUE(TensorFile(pth).tensors().contains("w"));
  const std::vector<float> values{1, 2};
  write_safetensors(folder_.path() / "b.bin", {{"v", {"F32", {2}, std::as_bytes(std::span(values))}}}, {});
  EXPECT_TRUE(TensorFile(folder_.path() / "b.bin").tensors().contains("v"));
  const auto page = folder_.write("c.pth", "<!DOCTYPE html><html>");
  try {
    const TensorFile file(page);
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("no file of torch.save")) << "judged by its name";
  }
}

}  // namespace
}  // namespace wring
