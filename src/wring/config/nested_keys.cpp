#include "wring/config/nested_keys.h"

#include <yaml-cpp/yaml.h>

namespace wring {
namespace {

// Aliases may make a small file endless; no configuration that a person wrote has more.
constexpr int kDeepest = 16;  // maps and lists
constexpr int kMostNodes = 10000;

class Walk {
 public:
  std::vector<NestedKey> keys() && { return std::move(keys_); }

  // depth: of the keys in `node`
  void visit(const YAML::Node& node, const std::string& path, int depth) {
    if (nesting_ == kDeepest || ++visited_ > kMostNodes) return;
    ++nesting_;
    if (node.IsSequence()) {
      for (const YAML::Node& item : node) visit(item, path, depth);
    } else if (node.IsMap()) {
      for (const auto& pair : node) add(pair.first, pair.second, path, depth);
    }
    --nesting_;
  }

 private:
  void add(const YAML::Node& key, const YAML::Node& value, const std::string& path, int depth) {
    if (!key.IsScalar()) return;
    const std::string& name = key.Scalar();
    std::string full = path.empty() ? name : path + "." + name;
    keys_.push_back({full, name, depth, key.Mark().line + 1, value.IsMap(), value.IsSequence()});
    visit(value, full, depth + 1);
  }

  std::vector<NestedKey> keys_;
  int nesting_ = 0;
  int visited_ = 0;
};

}  // namespace

std::vector<NestedKey> nested_keys(std::string_view text) {
  Walk walk;
  walk.visit(YAML::Load(std::string(text)), "", 1);
  return std::move(walk).keys();
}

}  // namespace wring
