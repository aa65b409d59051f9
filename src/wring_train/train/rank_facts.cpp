#include "wring_train/train/rank_facts.h"

#include <string_view>

#include <torch/headeronly/version.h>

#include "wring/base/version.h"
#include "wring/config/keys.h"
#include "wring/config/values.h"
#include "wring_train/data/sampling.h"
#include "wring_train/train/training_data.h"

namespace wring {
namespace {

const Text kEqualImages{
    "put the same images and validation images on every machine; wring skips what it cannot read, and says so",
    "请在每台机器上放置相同的训练图像和验证图像；无法读取的图像会被跳过并给出提示"};

std::string count_of(const ImageSet& images) {
  return std::to_string(images.pairs.size());
}

}  // namespace

const Text kEqualConfigs{
    "start every rank with the same version, the same config and the same --set; only workers, caches, folders and "
    "experiment_name may differ",
    "请用相同的版本、相同的配置和相同的 --set 启动所有进程；只有工作线程、缓存、文件夹和 experiment_name 可以不同"};

RankFacts config_facts(const TrainConfig& config) {
  RankFacts facts{{{"the version of wring", "wring 版本"}, wring_version()},
                  {{"the version of torch", "torch 版本"}, TORCH_VERSION},
                  {{"the version of the sampling", "采样版本"}, std::to_string(kSamplingVersion)}};
  for (const Key& key : keys()) {
    if (is_machine_key(key) || std::string_view(key.name) == "perceptual_weights_file") continue;  // it is a path
    facts.push_back({key.name, value_text(config, key)});
  }
  return facts;
}

void require_equal_start(Ranks& ranks, const TrainingImages& images, const std::string& engine) {
  const RankFacts facts{
      {{"the number of training images", "训练图像数"}, count_of(images.train)},
      {{"the digest of the training images' files", "训练图像文件的摘要"}, images.files_digest},
      {{"the digest of the training images' pixels", "训练图像像素的摘要"}, images.pixels_digest},
      {{"the number of validation images", "验证图像数"}, images.validation ? count_of(*images.validation) : "0"},
      {{"the digest of the validation images' files", "验证图像文件的摘要"}, images.validation_digest},
      {{"the engine", "引擎"}, engine}};
  ranks.agree(facts, kEqualImages);
}

}  // namespace wring
