#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "wring/base/error.h"
#include "wring/config/reader.h"
#include "wring/console/console.h"
#include "wring/report/tuning/record.h"

namespace wring {

// What a tuning command leaves behind: the changed config, its record as JSON and as a page.

// Neither `output` nor what is written beside it is the config itself, it is no folder, and lies in one that exists.
// Throws Error.
void require_output(const std::filesystem::path& config, const std::filesystem::path& output);

// The config's text with the changes in their places, checked by reading it back. `ours`: it is for wring train, whose
// keys have types. Throws Error{usage} naming the key and line when a value cannot be edited in place.
std::string changed_text(const ConfigFile& file, const std::vector<Change>& changes, bool ours);

// OUT.yaml → OUT.json, OUT.html.
std::filesystem::path record_path(const std::filesystem::path& output);
std::filesystem::path page_path(const std::filesystem::path& output);

// OUT_interrupted.yaml where OUT.yaml or the record of a finished search is there already, which stay as they are; else
// OUT.yaml: whose name an interrupted search's record and page get.
std::filesystem::path interrupted_path(const std::filesystem::path& output);

// The config with this text, where `record.written`, then its record and page, each whole or not at all. What fails is
// returned instead of thrown, so that what was measured is shown all the same; `written` then says whether the config
// is there.
std::optional<Error> write_results(TuningRecord& record, const std::string& text, const Console& console);

enum class FilesWritten { all, dry_run, none };

// Table, choice and files on standard output; nothing when quiet. With `json` the record instead, on one line.
void print_record(const TuningRecord& record, FilesWritten files, bool json, const Console& console);

}  // namespace wring
