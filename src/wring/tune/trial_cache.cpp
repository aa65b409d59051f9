#include "wring/tune/trial_cache.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>

#include <fmt/format.h>

#include "wring/base/error.h"
#include "wring/base/json_text.h"
#include "wring/config/keys.h"
#include "wring/config/reader.h"
#include "wring/config/values.h"
#include "wring/files/files.h"
#include "wring/trial/result_json.h"

namespace wring {
namespace {

using nlohmann::json;

constexpr std::string_view kFormat = "wring trial";
constexpr int kVersion = 2;  // 2: kernels by kind, arithmetic

// No step's time or memory depends on it. The low-resolution validation images have the sizes of the others.
bool is_idle(const Key& key) {
  return key.scope == Scope::schedule || key.scope == Scope::run || key.name == "val_lr_dir";
}

void fnv(std::uint64_t& hash, std::string_view bytes) {
  for (const char byte : bytes) {
    hash ^= static_cast<unsigned char>(byte);
    hash *= 0x100000001b3ULL;
  }
}

Text unreadable(const std::filesystem::path& path, const Text& why) {
  return {"{}: ignored: {}", "{}：已忽略：{}", path.string(), why};
}

}  // namespace

std::string TrialKey::hash() const {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (const auto& [name, value] : facts) {
    fnv(hash, fmt::format("{}:{}{}:{}", name.size(), name, value.size(), value));
  }
  return fmt::format("{:016x}", hash);
}

json request_json(const TrialRequest& request) {
  json set = json::array();
  for (const Assignment& one : request.set) set.push_back({{"key", one.key}, {"value", one.value}});
  return {{"set", std::move(set)}, {"measure", measure_json(request.measure)}};
}

TrialKey trial_key(const TrainConfig& config, const TrialRequest& request, const TrialPlace& place) {
  TrialKey key;
  for (const Assignment& one : place.foreign) key.facts["foreign." + one.key] = one.value;
  TrainConfig changed = config;
  for (const Assignment& one : request.set) {
    if (!try_value(changed, one.key, one.value)) key.facts["foreign." + one.key] = one.value;
  }
  for (const Key& row : keys()) {
    if (!is_idle(row)) key.facts["config." + row.name] = value_text(changed, row);
  }
  const json measure = measure_json(request.measure);
  for (const auto& [name, value] : measure.items()) key.facts["measure." + name] = value.dump();
  for (const auto& [name, version] : place.software) key.facts["software." + name] = version;
  key.facts["program"] = place.program;
  key.facts["card"] = place.card;
  key.facts["gpus"] = std::to_string(place.gpus);
  if (place.ranks > 1) key.facts["ranks"] = std::to_string(place.ranks);
  return key;
}

std::filesystem::path TrialCache::path_of(const TrialKey& key, int repeat) const {
  return folder_ / fmt::format("{}-{}.json", key.hash(), repeat);
}

void TrialCache::note_once(Text note) {
  const bool told = std::ranges::any_of(notes_, [&](const Text& known) { return known.en == note.en; });
  if (!told) notes_.push_back(std::move(note));
}

std::optional<TrialResult> TrialCache::find(const TrialKey& key, int repeat) {
  const std::filesystem::path path = path_of(key, repeat);
  std::error_code error;
  if (!std::filesystem::exists(path, error)) return std::nullopt;
  try {
    // Through its folder: what is no regular file (a FIFO) is then not waited for.
    const json record = json::parse(read_file(Folder::open(folder_), path.filename().string()));
    if (!record.is_object() || record.value("format", "") != kFormat || record.value("version", 0) != kVersion) {
      note_once(unreadable(path, {"not a trial record of this version", "不是此版本的试验记录"}));
      return std::nullopt;
    }
    // Two keys with one hash: the other one's result is not ours.
    if (record.value("key", json()) != json::parse(json_text(json(key.facts)))) return std::nullopt;
    const json result = record.value("result", json::object());
    return read_result(JsonFields(result, "", {"trial record", "试验记录"}), TrialForm::kept);
  } catch (const Error& failure) {
    note_once(unreadable(path, failure.message()));
  } catch (const json::exception& failure) {
    note_once(unreadable(path, std::string(failure.what())));
  }
  return std::nullopt;
}

void TrialCache::store(const TrialKey& key, int repeat, const TrialRequest& request, const TrialResult& result) {
  const json record = {{"format", kFormat},
                       {"version", kVersion},
                       {"key", key.facts},
                       {"request", request_json(request)},
                       {"result", result_json(result, TrialForm::kept)}};
  try {
    make_folder(folder_);
    write_file_atomically(path_of(key, repeat), json_text(record, 2) + "\n");
  } catch (const Error& failure) {
    note_once({"trials are not kept: {}", "试验结果未保存：{}", failure.message()});
  }
}

void TrialCache::remove(const TrialKey& key, int repeat) {
  std::error_code ignored;
  std::filesystem::remove(path_of(key, repeat), ignored);
}

bool reusable(const TrialResult& result) {
  return result.outcome == TrialOutcome::ok || result.outcome == TrialOutcome::oom;
}

CachedRunner::CachedRunner(TrialRunner& inner, std::filesystem::path folder, TrainConfig config, TrialPlace place)
    : inner_(inner), cache_(std::move(folder)), config_(std::move(config)), place_(std::move(place)) {}

TrialResult CachedRunner::run(const TrialRequest& request) {
  const TrialKey key = trial_key(config_, request, place_);
  const int repeat = asked_[key.hash()]++;
  std::optional<TrialResult> known;
  if (!request.fresh) known = cache_.find(key, repeat);
  if (known && reusable(*known)) {
    ++reused_;
    known->reused = true;
    return *known;
  }
  TrialResult result = inner_.run(request);
  cache_.store(key, repeat, request, result);
  stored_.emplace_back(key, repeat);
  return result;
}

void CachedRunner::forget() {
  for (const auto& [key, repeat] : stored_) cache_.remove(key, repeat);
  stored_.clear();
}

}  // namespace wring
