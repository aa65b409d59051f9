#include "wring_train/nn/checkpoint.h"

#include <array>
#include <cstring>
#include <optional>
#include <string_view>

#include <fmt/format.h>
#include <fmt/ranges.h>  // fmt::join

#include <ATen/ATen.h>

#include "wring/base/error.h"
#include "wring/files/files.h"
#include "wring/process/shell_words.h"
#include "wring_train/weights/pth_file.h"

namespace wring {
namespace {

struct TypeName {
  at::ScalarType type;
  std::string_view name;  // in the safetensors header
};
constexpr std::array<TypeName, 10> kTypeNames = {{{at::kFloat, "F32"},
                                                  {at::kDouble, "F64"},
                                                  {at::kHalf, "F16"},
                                                  {at::kBFloat16, "BF16"},
                                                  {at::kLong, "I64"},
                                                  {at::kInt, "I32"},
                                                  {at::kShort, "I16"},
                                                  {at::kChar, "I8"},
                                                  {at::kByte, "U8"},
                                                  {at::kBool, "BOOL"}}};

std::string name_of(const NamedTensor& named) {
  for (const auto& [type, name] : kTypeNames) {
    if (type == named.tensor.scalar_type()) {
      return std::string(name);
    }
  }
  throw Error(ErrorCode::failed, fmt::format("Tensor \"{}\" is of type {}, which cannot be saved.", named.name,
                                             at::toString(named.tensor.scalar_type())));
}

using TensorMap = std::map<std::string, at::Tensor>;

// nn.DataParallel and DistributedDataParallel put "module." before every name.
TensorMap without_module_prefix(const TensorMap& tensors) {
  constexpr std::string_view kPrefix = "module.";
  TensorMap result;
  for (const auto& [name, tensor] : tensors) {
    result.emplace(name.starts_with(kPrefix) ? name.substr(kPrefix.size()) : name, tensor);
  }
  return result;
}

// Output channels of that convolution, or nothing.
std::optional<std::int64_t> width_of(const TensorMap& tensors, const std::string& convolution) {
  const auto found = tensors.find(convolution + ".weight");
  if (found == tensors.end() || found->second.dim() != 4) {
    return std::nullopt;
  }
  return found->second.size(0);
}

// What the names and sizes suggest; check_tensors then holds the file to it.
EdsrShape guess_shape(const TensorMap& tensors) {
  EdsrShape shape{
      .channels = std::max<std::int64_t>(width_of(tensors, "conv_first").value_or(64), 1), .blocks = 1, .scale = 1};
  while (tensors.contains(fmt::format("body.{}.conv1.weight", shape.blocks))) {
    ++shape.blocks;
  }
  if (width_of(tensors, "upsample.0") == 9 * shape.channels) {
    shape.scale = 3;
    return shape;
  }
  for (int stage = 0; stage < 3 && width_of(tensors, fmt::format("upsample.{}", 2 * stage)); ++stage) {
    shape.scale *= 2;
  }
  return shape;
}

[[noreturn]] void refuse(const std::filesystem::path& path, const std::string& reason) {
  throw Error(ErrorCode::failed, fmt::format("{} is not an EDSR checkpoint: {}.", path.string(), reason),
              "An EDSR checkpoint holds the weight and bias of conv_first, body.N.conv1, body.N.conv2, "
              "conv_after_body, upsample.0 (…2, …4; none for scale 1) and conv_last, all 3×3.");
}

void check_tensors(const std::filesystem::path& path, const TensorMap& tensors,
                   const std::vector<ParameterShape>& wanted) {
  TensorMap left = tensors;
  for (const auto& [name, sizes] : wanted) {
    const auto found = left.find(name);
    if (found == left.end()) {
      refuse(path, fmt::format("the tensor \"{}\" is missing", name));
    }
    if (found->second.sizes() != at::IntArrayRef(sizes)) {
      refuse(path,
             fmt::format("\"{}\" is {}, not {}", name, fmt::join(found->second.sizes(), "×"), fmt::join(sizes, "×")));
    }
    if (!found->second.is_floating_point()) {
      refuse(path, fmt::format("\"{}\" holds {} numbers", name, at::toString(found->second.scalar_type())));
    }
    if (!at::isfinite(found->second).all().item<bool>()) {
      refuse(path, fmt::format("\"{}\" holds numbers that are not finite", name));
    }
    left.erase(found);
  }
  if (!left.empty()) {
    refuse(path, fmt::format("the tensor \"{}\" does not belong to it", left.begin()->first));
  }
}

}  // namespace

at::Tensor tensor_of(const TensorView& view, const std::string& name, const std::filesystem::path& path) {
  for (const auto& [type, type_name] : kTypeNames) {
    if (type_name == view.dtype) {
      auto tensor = at::empty(view.shape, type);
      if (!view.data.empty()) {
        std::memcpy(tensor.mutable_data_ptr(), view.data.data(), view.data.size());
      }
      return tensor;
    }
  }
  throw Error(ErrorCode::failed,
              fmt::format("{}: tensor \"{}\" is of type {}, which is not supported.", path.string(), name, view.dtype),
              "Convert it to F32, F16 or BF16.");
}

void save_tensors(const std::filesystem::path& path, std::span<const NamedTensor> tensors,
                  const std::map<std::string, std::string>& metadata, Seal seal) {
  const FilePlace place = place_of_file(path);
  save_tensors(place.folder, place.name, tensors, metadata, seal);
}

void save_tensors(const Folder& folder, const std::string& name, std::span<const NamedTensor> tensors,
                  const std::map<std::string, std::string>& metadata, Seal seal) {
  std::vector<at::Tensor> copies;  // keeps the memory that the views point to
  std::map<std::string, TensorView> views;
  for (const auto& named : tensors) {
    const auto copy = copies.emplace_back(named.tensor.detach().cpu().contiguous());
    const TensorView view{
        .dtype = name_of(named),
        .shape = copy.sizes().vec(),
        .data = {static_cast<const std::byte*>(copy.const_data_ptr()), static_cast<std::size_t>(copy.nbytes())}};
    if (!views.emplace(named.name, view).second) {
      throw Error(ErrorCode::failed,
                  fmt::format("{}: two tensors are named \"{}\".", folder.path_of(name).string(), named.name));
    }
  }
  write_safetensors(folder, name, views, metadata, seal);
}

LoadedTensors load_tensors(const std::filesystem::path& path, Seal seal) {
  return load_tensors(SafetensorsFile(path), seal);
}

LoadedTensors load_tensors(const SafetensorsFile& file, Seal seal) {
  if (seal == Seal::crc32) file.check_seal();
  LoadedTensors loaded{.tensors = {}, .metadata = file.metadata()};
  for (const auto& [name, view] : file.tensors()) {
    loaded.tensors.emplace(name, tensor_of(view, name, file.path()));
  }
  return loaded;
}

Edsr load_edsr(const std::filesystem::path& path) {
  // Its tensors could be read, but it does not say by what factor its residual blocks were scaled.
  if (PthFile::is_one(path)) {
    throw Error(ErrorCode::failed,
                {path.string() + " is a checkpoint of PyTorch (.pth), and safetensors is needed",
                 path.string() + " 是 PyTorch 检查点（.pth），而此处需要 safetensors"},
                {"convert it, with Wring's sources: tools/import_pth.py {} net.safetensors (--res-scale 0.1 "
                 "where it was trained with that)",
                 "请用 Wring 源码中的工具转换：tools/import_pth.py {} net.safetensors（若训练时使用了 "
                 "res_scale，请加 --res-scale）",
                 shell_quoted(path.string())});
  }
  const auto tensors = without_module_prefix(load_tensors(path).tensors);
  const auto shape = guess_shape(tensors);
  check_tensors(path, tensors, edsr_parameters(shape));
  Edsr net(shape, 0);
  for (auto& [name, tensor] : net.parameters()) {
    tensor = tensors.at(name).to(at::kFloat);
  }
  return net;
}

}  // namespace wring
