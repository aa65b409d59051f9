// Files that torch itself saves, in both forms, against the bytes of their tensors.
#include <cstdlib>
#include <sstream>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include "fixtures/scoped_environment.h"
#include "fixtures/temporary_folder.h"
#include "wring/base/error.h"
#include "wring/config/vgg_weights.h"
#include "wring/files/files.h"
#include "wring_train/weights/pth_file.h"

namespace wring {
namespace {
namespace fs = std::filesystem;

// Writes zip.pth and sequence.pth, state.pth and module.pth, and a line a tensor: name, dtype, sizes, bytes as hex.
constexpr const char* kScript = R"(
import collections, sys
try:
    import torch
except ImportError:
    sys.exit(77)
torch.manual_seed(0)
tensors = collections.OrderedDict()
for dtype in ("float32", "float16", "bfloat16", "float64"):
    tensors[dtype] = torch.randn(3, 2, 5).to(getattr(torch, dtype))
for dtype in ("int64", "int32", "int16", "int8", "uint8", "bool"):
    tensors[dtype] = torch.randint(0, 2, (4, 3)).to(getattr(torch, dtype))
base = torch.randn(4, 6)
tensors["part"] = base[1:3]
tensors["turned"] = base.t()
tensors["channels_last"] = torch.randn(2, 3, 4, 5).contiguous(memory_format=torch.channels_last)
tensors["scalar"] = torch.tensor(5)
tensors["empty"] = torch.empty(0, 3)
tensors["parameter"] = torch.nn.Parameter(torch.randn(2, 2))
checkpoint = {"net": tensors, "epoch": 3, "rate": 1e-4, "name": "run", "flags": [True, None]}
torch.save(checkpoint, "zip.pth")
torch.save(checkpoint, "sequence.pth", _use_new_zipfile_serialization=False)
module = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))
torch.save(module.state_dict(), "state.pth")
torch.save(module, "module.pth")
import os
with open("hubs", "w") as out:
    for home, cache in ((None, None), (None, "/cache"), ("/torch", "/cache"), ("~/torch", None)):
        for name, value in (("TORCH_HOME", home), ("XDG_CACHE_HOME", cache)):
            os.environ.pop(name, None) if value is None else os.environ.__setitem__(name, value)
        out.write(f"{home or '-'} {cache or '-'} {torch.hub.get_dir()}\n")
with open("expected", "w") as out:
    for name, tensor in tensors.items():
        values = tensor.detach().contiguous()
        raw = bytes(values.reshape(-1).view(torch.uint8).tolist()) if values.numel() else b""
        out.write(f"net.{name} {'x'.join(map(str, values.shape)) or '-'} {raw.hex() or '-'}\n")
)";

std::string python() {
  if (const char* chosen = std::getenv("WRING_TEST_PYTHON")) return chosen;
  const fs::path own = fs::path(WRING_SOURCE_DIR) / ".venv/bin/python";
  return fs::exists(own) ? own.string() : "python3";
}

class PthOfTorch : public testing::Test {
 protected:
  void SetUp() override {
    const fs::path script = folder_.write("save.py", kScript);
    const int status = std::system(fmt::format("cd '{}' && '{}' save.py", folder_.path().string(), python()).c_str());
    if (WIFEXITED(status) && (WEXITSTATUS(status) == 77 || WEXITSTATUS(status) == 127)) {
      GTEST_SKIP() << python() << " has no torch; WRING_TEST_PYTHON names another one.";
    }
    ASSERT_EQ(status, 0);
  }
  fs::path file(const char* name) const { return folder_.path() / name; }

  testing_support::TemporaryFolder folder_;
};

std::string hex(std::span<const std::byte> bytes) {
  std::string text;
  for (const std::byte b : bytes) text += fmt::format("{:02x}", std::to_integer<unsigned>(b));
  return text.empty() ? "-" : text;
}

std::string sizes_text(const TensorView& view) {
  std::string text;
  for (const std::int64_t size : view.shape) text += (text.empty() ? "" : "x") + std::to_string(size);
  return text.empty() ? "-" : text;
}

TEST_F(PthOfTorch, HoldsTheTensorsThatWereSavedByteForByte) {
  for (const char* name : {"zip.pth", "sequence.pth"}) {
    const PthFile read(file(name));
    std::istringstream expected(read_file(file("expected")));
    std::size_t count = 0;
    for (std::string tensor, sizes, bytes; expected >> tensor >> sizes >> bytes; ++count) {
      const auto found = read.tensors().find(tensor);
      ASSERT_NE(found, read.tensors().end()) << name << " " << tensor;
      EXPECT_EQ(sizes_text(found->second), sizes) << name << " " << tensor;
      EXPECT_EQ(hex(found->second.data), bytes) << name << " " << tensor;
    }
    EXPECT_EQ(count, 16U);
    EXPECT_EQ(read.tensors().size(), count) << "numbers and words are no tensors";
  }
}

TEST_F(PthOfTorch, AStateDictIsReadAndAWholeModelRefused) {
  const PthFile state(file("state.pth"));
  EXPECT_EQ(state.tensors().size(), 7U);
  EXPECT_EQ(state.tensors().at("1.num_batches_tracked").dtype, "I64");
  try {
    const PthFile module(file("module.pth"));
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("'torch.nn.modules.container.Sequential'"));
    EXPECT_THAT(error.hint().en, testing::HasSubstr("state_dict()"));
  }
}

TEST_F(PthOfTorch, TheHubOfTorchIsWhereItsWeightsAreLookedFor) {
  std::istringstream hubs(read_file(file("hubs")));
  int count = 0;
  for (std::string home, cache, folder; hubs >> home >> cache >> folder; ++count) {
    testing_support::ScopedEnvironment environment;
    environment.set("TORCH_HOME", home == "-" ? std::nullopt : std::optional(home));
    environment.set("XDG_CACHE_HOME", cache == "-" ? std::nullopt : std::optional(cache));
    EXPECT_EQ(torch_vgg_weights().parent_path().parent_path(), folder);
  }
  EXPECT_EQ(count, 4);
}

}  // namespace
}  // namespace wring
