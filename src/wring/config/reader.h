#pragma once
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "wring/config/train_config.h"

namespace wring {

enum class UnknownKeys {
  reject,
  ignore,
  keep,  // in a file that is Wring's own, else an error: parse_own_document()
};

// One scalar of a config file as it was written: "lr", "1e-4", line 12 (counted from 1).
struct ConfigEntry {
  std::string key;
  std::string value;
  int line = 0;
  bool empty = false;  // ~, null or nothing: the default counts
};

// A config file as read: its values, and which keys it names (the others have their defaults).
struct ConfigFile {
  std::filesystem::path path;
  std::string text;  // byte for byte
  TrainConfig values;
  std::vector<ConfigEntry> entries;  // in the file's order, foreign keys included

  // The entry that gives the key a value; nullptr where the file does not name it, or leaves it empty.
  const ConfigEntry* find(std::string_view key) const;
};

// Reads and checks a flat YAML config. Throws Error naming the file, the line and the key:
// {failed} when the file cannot be read; {usage} for what is wrong inside it (not YAML, not a flat map, a key
// given twice, a wrong type, a value out of range, an unknown key with the nearest known one).
ConfigFile read_config(const std::filesystem::path& path, UnknownKeys unknown);

// Same for text already in memory; `path` is only used in messages.
ConfigFile parse_config(std::string text, const std::filesystem::path& path, UnknownKeys unknown);

// Applies "key=value" as --set gives it. Throws Error{usage} naming the assignment.
void set_value(TrainConfig& config, std::string_view assignment);

// The same for another program, which may use our keys in its own way: false, and nothing is changed, where the key is
// not ours or does not take the value.
bool try_value(TrainConfig& config, const std::string& key, const std::string& value);

// Rejects combinations that cannot work (patch_size not a multiple of scale_factor, warm-up longer than the
// run, …). Throws Error{usage} naming the keys and where their values come from: those of `given` ("key=value") from
// --set, the others from `path`.
void check_combinations(const TrainConfig& config, const std::filesystem::path& path,
                        std::span<const std::string> given = {});

// Every key with its value, as YAML in the table's order: the record of what a run really used.
std::string to_yaml(const TrainConfig& config);

}  // namespace wring
