// The reader of torch.save's files: a file is refused, or every tensor lies inside it or in a copy no larger than it.
#include <cstdio>
#include <cstdlib>

#include "fixtures/pth_writer.h"
#include "fuzz/fuzz_target.h"
#include "wring/base/error.h"
#include "wring_train/weights/pth_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string path = wring::fuzz::file_of({reinterpret_cast<const char*>(data), size});
  try {
    const wring::PthFile file(path);
    unsigned sum = 0;
    for (const auto& [name, tensor] : file.tensors()) {
      if (tensor.data.size() > size) {
        std::fprintf(stderr, "a tensor of %zu bytes in a file of %zu (%u)\n", tensor.data.size(), size, sum);
        std::abort();
      }
      for (const std::byte value : tensor.data) sum += std::to_integer<unsigned>(value);  // reads outside would crash
    }
  } catch (const wring::Error&) {
  }
  return 0;
}

namespace wring::fuzz {

using namespace testing_support;

std::vector<std::string> seeds() {
  using namespace pickled;
  const std::string data(24, 'd');
  const std::string net =
      ordered_dict({{"w", tensor()}, {"b", tensor({.offset = 1, .sizes = {2, 2}, .strides = {1, 2}})}});
  const std::string checkpoint =
      dict({{"params", net + dict({{"_metadata", ordered_dict({})}}) + "b"}, {"iter", whole(3)}});
  return {pth_archive(net, {{"0", data}}), pth_archive(checkpoint, {{"0", data}}, {}, /*zip64=*/true),
          pth_sequence(net, {{"0", data}}), pth_sequence(checkpoint, {{"0", data}})};
}

std::vector<std::string> dictionary() {
  using namespace pickled;
  return {global("os", "system"),
          global("torch", "HalfStorage"),
          global("collections", "OrderedDict"),
          tensor(),
          whole(-1),
          whole(std::int64_t{1} << 62),
          whole(0),
          text("0"),
          "(",
          "t",
          "R",
          "Q",
          "b",
          "u",
          "s",
          "e",
          "a",
          "}",
          "]",
          ")",
          ".",
          "q\x01",
          "h\x01",
          "\x85",
          "\x86",
          "\x87",
          "\x89",
          "N",
          "K\x07",
          "PK\x01\x02",
          "PK\x03\x04",
          "PK\x05\x06",
          "PK\x06\x06",
          "PK\x06\x07",
          std::string(8, '\xff'),
          std::string(4, '\0')};
}

}  // namespace wring::fuzz
