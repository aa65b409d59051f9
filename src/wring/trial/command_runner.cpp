#include "wring/trial/command_runner.h"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <system_error>

#include <fmt/format.h>

#include "wring/base/environment.h"
#include "wring/base/error.h"
#include "wring/base/parse.h"
#include "wring/config/document.h"
#include "wring/config/patcher.h"
#include "wring/files/files.h"
#include "wring/process/child_pipes.h"
#include "wring/process/shell_words.h"
#include "wring/trial/command_trial.h"
#include "wring/trial/printed_rates.h"

namespace wring {
namespace fs = std::filesystem;
namespace {

using Environment = std::vector<std::pair<std::string, std::optional<std::string>>>;

constexpr std::string_view kPlaceholder = "{config}";
// The shell gets the same SIGTERM as the program: it waits until that one has ended instead of ending before it.
const std::string kPatientShell = "trap : TERM\n";

Error no_scratch_folder(const std::string& where, const std::string& reason) {
  return {ErrorCode::failed,
          {"cannot create a folder for temporary files in {}: {}", "无法在 {} 中创建临时文件夹：{}", where, reason},
          {"set TMPDIR to a folder that can be written to", "请将 TMPDIR 设为可写的文件夹"}};
}

// A folder of our own under the system's for temporary files.
class ScratchFolder {
 public:
  ScratchFolder() {
    std::error_code error;
    const fs::path where = fs::temp_directory_path(error);
    if (error) throw no_scratch_folder(std::string(environment("TMPDIR").value_or("/tmp")), error.message());
    std::string name = (where / "wring-trial-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw no_scratch_folder(where.string(), std::strerror(errno));
    path_ = name;
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  ~ScratchFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

// A file name that no shell reads anything into, so that {config} may stand in quotes of the user's own.
std::string plain_name(const fs::path& path) {
  std::string name = path.filename().string();
  const auto is_odd = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '_' && c != '-' && c != '.';
  };
  std::ranges::replace_if(name, is_odd, '_');
  return name;
}

std::string with_config(std::string command, const fs::path& config) {
  const std::string word = sh_quoted(config.string());
  for (std::size_t at = 0; (at = command.find(kPlaceholder, at)) != std::string::npos; at += word.size()) {
    command.replace(at, kPlaceholder.size(), word);
  }
  return command;
}

// By the config's own name for the batch size; of a key that is set twice the last value.
std::vector<Assignment> assignments_of(const TrialRequest& request, const std::string& batch_key) {
  std::vector<Assignment> assignments;
  for (Assignment assignment : request.set) {
    if (assignment.key == "batch_size") assignment.key = batch_key;
    std::erase_if(assignments, [&](const Assignment& earlier) { return earlier.key == assignment.key; });
    assignments.push_back(std::move(assignment));
  }
  return assignments;
}

// Ours, where the user does not set the same.
Environment trial_environment(const CommandOptions& options, const fs::path& scratch) {
  Environment environment = options.environment;
  const Environment own = {{"PYTHONUNBUFFERED", "1"}, {"TMPDIR", scratch.string()}};
  for (const auto& variable : own) {
    const auto is_it = [&](const auto& given) { return given.first == variable.first; };
    if (std::ranges::none_of(options.environment, is_it)) environment.push_back(variable);
  }
  return environment;
}

}  // namespace

struct CommandRunner::State {
  explicit State(CommandOptions given) : options(std::move(given)) {
    if (options.command.find(kPlaceholder) == std::string::npos) {
      throw Error(
          ErrorCode::usage,
          {"the command '{}' does not say where its config goes", "命令 '{}' 没有写明配置文件的位置", options.command},
          {"write {config} in its place: --command \"python train.py --config {config}\"",
           "请在相应位置写上 {config}：--command \"python train.py --config {config}\""});
    }
    if (!options.rate_regex.empty()) pattern.emplace(options.rate_regex);
    config_text = read_file(options.config);
    patch_yaml(config_text, {}, options.config);
  }

  CommandOptions options;
  std::optional<RatePattern> pattern;
  std::string config_text;
  // One for all trials: what a program compiles and keeps in TMPDIR need not be compiled again.
  ScratchFolder folder;
};

CommandRunner::CommandRunner(CommandOptions options) : state_(std::make_unique<State>(std::move(options))) {}

CommandRunner::~CommandRunner() = default;

TrialResult CommandRunner::run(const TrialRequest& request) {
  const CommandOptions& options = state_->options;
  if (request.measure.data != TrialData::real) {
    TrialResult result;
    result.outcome = TrialOutcome::error;
    result.message = "a command can only be measured with its own data";
    return result;
  }
  const std::string text = patch_yaml(state_->config_text, assignments_of(request, options.batch_key), options.config);
  std::optional<std::int64_t> batch;
  for (const DocumentEntry& entry : parse_document(text, options.config)) {
    if (entry.key == options.batch_key) batch = parse_number<std::int64_t>(entry.value.text);
  }
  if (batch && *batch <= 0) batch = std::nullopt;
  const fs::path config = state_->folder.path() / plain_name(options.config);
  write_file_atomically(config, text);
  ChildPipes child({"/bin/sh", "-c", kPatientShell + with_config(options.command, config)},
                   {.timeout = {},
                    .working_folder = options.working_folder,
                    .environment = trial_environment(options, state_->folder.path())},
                   ChildPipes::Input::none, state_->folder.path());
  try {
    return run_command_trial(options, state_->pattern ? &*state_->pattern : nullptr, request, batch, child);
  } catch (...) {
    child.kill();
    if (options.meter) options.meter->end();
    throw;
  }
}

}  // namespace wring
