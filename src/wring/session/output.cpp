#include "wring/session/output.h"

#include <fstream>
#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "wring/base/message.h"
#include "wring/console/paths.h"
#include "wring/files/files.h"
#include "wring/report/tuning/html.h"
#include "wring/report/tuning/json.h"
#include "wring/report/tuning/text.h"

namespace wring {
namespace {

namespace fs = std::filesystem;

void print_files(const TuningRecord& record, FilesWritten files, const Console& console) {
  if (files == FilesWritten::none && !record.written) return;
  const std::string output = record.output.string();
  const auto line = [&](const Text& text) { print_out("{}\n", console.text(text)); };
  print_out("\n");
  if (files == FilesWritten::dry_run)
    return line({"Not written (--dry-run): " + output, "未写入（--dry-run）：" + output});
  if (record.written) line({"Written: " + output, "已写入：" + output});
  if (files == FilesWritten::none) return;
  const std::string page = page_path(record.output).string(), json = record_path(record.output).string();
  line({"Report:  {}, {}", "报告：  {}，{}", page, json});
  if (!record.next_command.empty()) {
    line({"Next:    " + record.next_command, "下一步：" + record.next_command});
  }
}

// A record that cannot be read is somebody's all the same.
bool holds_a_result(const fs::path& output) {
  std::error_code error;
  if (fs::exists(output, error)) return true;
  std::ifstream file(record_path(output));
  if (!file) return fs::exists(record_path(output), error);
  const nlohmann::json record = nlohmann::json::parse(file, nullptr, /*allow_exceptions=*/false);
  const auto interrupted = record.is_object() ? record.find("interrupted") : record.end();
  return interrupted == record.end() || *interrupted != true;
}

}  // namespace

void require_output(const fs::path& config, const fs::path& output) {
  std::error_code error;
  for (const fs::path& beside : {record_path(output), page_path(output)}) {
    if (!fs::equivalent(config, beside, error)) continue;
    throw Error(ErrorCode::usage,
                {"{}, which is written beside the output {}, is the config itself",
                 "随输出 {1} 一并写入的 {0} 就是配置文件本身", beside.string(), output.string()},
                {"give another name with -o", "请用 -o 指定另一个文件名"});
  }
  if (fs::equivalent(config, output, error)) {
    throw Error(ErrorCode::usage, {"the output {} is the config itself", "输出 {} 就是配置文件本身", output.string()},
                {"give another name with -o", "请用 -o 指定另一个文件名"});
  }
  if (fs::is_directory(output, error)) {
    throw Error(ErrorCode::usage, {"the output {} is a folder", "输出 {} 是文件夹", output.string()},
                {"give the name of a file with -o", "请用 -o 指定文件名"});
  }
  const std::string extension = output.extension().string();
  if (extension == ".json" || extension == ".html") {
    throw Error(ErrorCode::usage,
                {"the output {} is a configuration, and {} is its record's name",
                 "输出 {} 是配置文件，而 {} 是其记录的扩展名", output.string(), extension},
                {"give a name that ends in .yaml with -o", "请用 -o 指定以 .yaml 结尾的文件名"});
  }
  require_folder_of(output);
}

std::string changed_text(const ConfigFile& file, const std::vector<Change>& changes, bool ours) {
  std::vector<Assignment> assignments;
  for (const Change& change : changes) assignments.push_back({change.key, change.new_value});
  std::string text = patch_yaml(file.text, assignments, file.path);
  if (ours) parse_config(text, file.path, UnknownKeys::ignore);
  return text;
}

fs::path record_path(const fs::path& output) {
  return fs::path(output).replace_extension(".json");
}

fs::path page_path(const fs::path& output) {
  return fs::path(output).replace_extension(".html");
}

fs::path interrupted_path(const fs::path& output) {
  if (!holds_a_result(output)) return output;
  return output.parent_path() / (output.stem().string() + "_interrupted.yaml");
}

std::optional<Error> write_results(TuningRecord& record, const std::string& text, const Console& console) {
  const bool wanted = record.written;
  record.written = false;
  try {
    if (wanted) write_file_atomically(record.output, text);
    record.written = wanted;
    write_file_atomically(record_path(record.output), tuning_json(record, console.language) + "\n");
    write_file_atomically(page_path(record.output), tuning_html(record, console.language));
  } catch (const Error& error) {
    return error;
  }
  return std::nullopt;
}

void print_record(const TuningRecord& record, FilesWritten files, bool json, const Console& console) {
  if (json) {
    print_out("{}\n", tuning_json(record, console.language, -1));
    return;
  }
  if (console.quiet) return;
  const TextStyle style{console.language, console.utf8};
  const std::string trials = trials_text(record, style);
  if (!trials.empty()) print_out("\n{}", trials);
  print_out("\n{}", choice_text(record, style));
  print_files(record, files, console);
}

}  // namespace wring
