#include "wring_train/train/run_facts.h"

#include <optional>
#include <string_view>

#include <fmt/format.h>

#include "wring/base/display_text.h"
#include "wring/config/keys.h"
#include "wring/config/values.h"
#include "wring_train/train/training_data.h"

namespace wring {
namespace {

constexpr std::string_view kPrefix = "run.";
constexpr const char* kRanks = "run.ranks";
constexpr const char* kImages = "run.images";
constexpr const char* kFiles = "run.images.files";
constexpr const char* kPixels = "run.images.pixels";

// Changes no weight, as the keys of the machine do not. The precision, which is for speed too, changes them.
bool is_idle(const Key& key) {
  return key.scope == Scope::run || key.name == "channels_last" || key.name == "compile_model" ||
         key.name == "fold_tail";
}

const std::string* find(const RunFacts& facts, const std::string& name) {
  const auto found = facts.find(name);
  return found == facts.end() ? nullptr : &found->second;
}

bool differs(const RunFacts& before, const RunFacts& now, const std::string& name) {
  const std::string* const was = find(before, name);
  const std::string* const is = find(now, name);
  return was != nullptr && is != nullptr && *was != *is;
}

Text change(const std::string& name, const RunFacts& before, const RunFacts& now) {
  const std::string_view key = std::string_view(name).substr(kPrefix.size());
  return {"{} has changed since that checkpoint: it was {}, it is {}", "{} 与该检查点时不同：原为 {}，现为 {}", key,
          before.at(name), now.at(name)};
}

std::optional<Text> change_of_images(const RunFacts& before, const RunFacts& now) {
  if (differs(before, now, kImages)) {
    return Text("the training images have changed since that checkpoint: there were {}, there are {}",
                "训练图像与该检查点时不同：原有 {} 张，现有 {} 张", before.at(kImages), now.at(kImages));
  }
  if (differs(before, now, kFiles)) {
    return Text("the training images have changed since that checkpoint: as many, but not the same files",
                "训练图像与该检查点时不同：数量相同，但文件不同");
  }
  if (differs(before, now, kPixels)) {
    return Text("the training images have changed since that checkpoint: the same files, but other pixels",
                "训练图像与该检查点时不同：文件相同，但像素不同");
  }
  return std::nullopt;
}

}  // namespace

RunFacts run_facts(const TrainConfig& config, const TrainingImages& images, int ranks) {
  RunFacts facts;
  for (const Key& key : keys()) {
    if (is_machine_key(key) || is_idle(key)) continue;
    // Metadata must be UTF-8, which the name of a file need not be.
    facts[std::string(kPrefix) + key.name] = without_controls(value_text(config, key));
  }
  facts[kRanks] = std::to_string(ranks);
  facts[kImages] = std::to_string(images.train.pairs.size());
  facts[kFiles] = images.files_digest;
  if (!images.pixels_digest.empty()) facts[kPixels] = images.pixels_digest;
  return facts;
}

RunFacts facts_in(const std::map<std::string, std::string>& metadata) {
  RunFacts facts;
  for (const auto& [name, value] : metadata) {
    if (name.starts_with(kPrefix)) facts[name] = value;
  }
  return facts;
}

std::vector<Text> changed_facts(const RunFacts& before, const RunFacts& now) {
  std::vector<Text> lines;
  if (const auto images = change_of_images(before, now)) lines.push_back(*images);
  for (const auto& [name, value] : now) {
    if (name.starts_with(kImages) || !differs(before, now, name)) continue;
    lines.push_back(change(name, before, now));
  }
  return lines;
}

}  // namespace wring
