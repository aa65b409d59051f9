#include "wring/session/tuning_session.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <csignal>

#include <fmt/format.h>

#include "wring/base/environment.h"
#include "wring/base/message.h"
#include "wring/base/utc_now.h"
#include "wring/config/document.h"
#include "wring/config/keys.h"
#include "wring/config/overrides.h"
#include "wring/config/vgg_weights.h"
#include "wring/console/assignments.h"
#include "wring/console/paths.h"
#include "wring/files/files.h"
#include "wring/gpu/visible_gpus.h"
#include "wring/process/find_wring_train.h"
#include "wring/session/runner.h"
#include "wring/tune/host_memory.h"

namespace wring {
namespace {

namespace fs = std::filesystem;

// Of trials, for the next search.
constexpr const char* kTrialFolder = "experiments/.trials";
// Another program may count tokens, never more of them than this.
constexpr std::int64_t kLargestForeignBatch = 1'000'000'000;

Assignment assignment_of(const std::string& pair) {
  require_pair(pair);
  const auto equals = pair.find('=');
  return {pair.substr(0, equals), pair.substr(equals + 1)};
}

// False where it is not one of our keys, or means something else there.
bool take_value(TrainConfig& values, const std::string& key, const std::string& value) {
  if (value.empty()) return false;
  if (key == "optimizer" && value.find_first_of("\n{") == std::string::npos) {
    values.optimizer = value;  // "SGD", too, has a rule for its learning rate
    return true;
  }
  return try_value(values, key, value);
}

// Another program's config may use our keys in its own way; then its entries are known, and of our keys those whose
// values are such as ours.
ConfigFile read_foreign(const fs::path& path) {
  try {
    return read_config(path, UnknownKeys::ignore);
  } catch (const Error&) {
    ConfigFile file;
    file.path = path;
    file.text = read_file(path);
    for (const DocumentEntry& entry : parse_document(file.text, path)) {
      file.entries.push_back({entry.key, entry.value.text, entry.line, entry.value.kind == NodeKind::null});
      take_value(file.values, entry.key, entry.value.text);
    }
    return file;
  }
}

// A program that was built anew may run otherwise.
std::string build_of(const fs::path& program) {
  std::error_code error;
  const auto bytes = fs::file_size(program, error);
  const auto written = fs::last_write_time(program, error).time_since_epoch();
  return fmt::format("{} bytes, {}", bytes, std::chrono::duration_cast<std::chrono::seconds>(written).count());
}

}  // namespace

TuningSession::TuningSession(const TuningOptions& options, const Console& console)
    : options_(options), console_(console), watch_([this] {
        if (console_.quiet) return;
        write_message(
            fmt::format("\n{}\n", console_.text({"Stopping: what was measured is kept. Ctrl-C again ends at once.",
                                                 "正在停止：已测得的结果会保留。再按一次 Ctrl-C 立即结束。"})));
      }) {
  std::signal(SIGPIPE, SIG_IGN);  // a reader that is gone is told by EPIPE
  read();
  take_batch();
  ask_machine();
  make_runner();
}

void TuningSession::read() {
  require_config(options_.config);
  if (options_.command) {
    for (const std::string& pair : options_.set) given_.push_back(assignment_of(pair));
    file_ = read_foreign(options_.config);
    values_ = file_.values;
    for (const Assignment& given : given_) take_value(values_, given.key, given.value);
    return;
  }
  file_ = read_config(options_.config, UnknownKeys::keep);
  values_ = file_.values;
  const Overrides overrides = override_values(values_, options_.set, options_.config);
  for (const std::string& pair : overrides.assignments) given_.push_back(assignment_of(pair));
  override_notes_ = overrides.notes;
}

bool TuningSession::names(std::string_view key) const {
  TrainConfig scratch;
  const auto given = std::ranges::find(given_, key, &Assignment::key);
  if (given != given_.end()) return take_value(scratch, given->key, given->value);
  const ConfigEntry* entry = file_.find(key);
  return entry != nullptr && take_value(scratch, entry->key, entry->value);
}

const std::string& TuningSession::batch_key() const {
  static const std::string own = "batch_size";
  return options_.command ? options_.command->batch_key : own;
}

void TuningSession::take_batch() {
  if (!options_.command) {
    start_batch_ = values_.batch_size;
    return;
  }
  std::string value;
  if (const ConfigEntry* entry = file_.find(batch_key())) value = entry->value;
  for (const Assignment& given : given_) {
    if (given.key == batch_key()) value = given.value;
  }
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), start_batch_);
  const bool whole = !value.empty() && end == value.data() + value.size();
  if (whole && error == std::errc() && start_batch_ > 0 && start_batch_ <= kLargestForeignBatch) return;
  if (whole) {
    throw Error(ErrorCode::usage,
                {"{}: {}: {} is out of range", "{}：{}：{} 超出范围", options_.config.string(), batch_key(), value},
                {"it may be from 1 to {}", "可取 1 到 {}", kLargestForeignBatch});
  }
  throw Error(ErrorCode::usage,
              {"{}: no batch size under the key '{}'", "{}：键“{}”下没有批大小", options_.config.string(), batch_key()},
              {"name the config's key for it with --batch-key", "请用 --batch-key 指定配置中批大小的键名"});
}

void TuningSession::ask_machine() {
  inventory_ = take_inventory();
  // The trials' programs take the first card that they see, which need not be the driver's first.
  inventory_.gpus = visible_gpus(inventory_.gpus, environment("CUDA_VISIBLE_DEVICES"));
  machine_ = machine_of(inventory_, usable_cores());
  if (options_.device == Device::cuda && inventory_.gpus.empty()) {
    const Text cure = inventory_.problems.empty() ? Text() : inventory_.problems.front().cure;
    throw Error(ErrorCode::no_gpu, {"--device cuda: no GPU was found", "--device cuda：未找到 GPU"}, cure);
  }
  require_a_gpu_each();
}

void TuningSession::require_a_gpu_each() const {
  const std::size_t gpus = inventory_.gpus.size();
  if (!on_gpu() || static_cast<std::size_t>(ranks()) <= gpus) return;
  throw Error(ErrorCode::no_gpu,
              {"--nproc {}: {} GPUs can be used here", "--nproc {}：此处可用的 GPU 为 {} 块", ranks(), gpus},
              {"every rank takes a GPU of its own; CUDA_VISIBLE_DEVICES says which can be used",
               "每个进程独占一块 GPU；可用的 GPU 由 CUDA_VISIBLE_DEVICES 决定"});
}

bool TuningSession::on_gpu() const {
  return options_.device != Device::cpu && !inventory_.gpus.empty();
}

void TuningSession::make_runner() {
  std::shared_ptr<UtilisationMeter> meter;
  if (on_gpu()) {
    const Gpu& first = inventory_.gpus.front();
    TelemetryOptions watched;
    watched.gpus = {first.uuid.empty() ? fmt::format("{}", first.index) : first.uuid};
    meter = std::make_shared<UtilisationMeter>(open_telemetry(watched));
  }
  const auto cancelled = [this] {
    if (watcher_.on_tick) watcher_.on_tick();
    return watch_.interrupted();
  };
  runner_ = make_trial_runner(options_, meter, cancelled, [this](const std::string& phase) {
    if (watcher_.on_phase) watcher_.on_phase(phase);
  });
  if (options_.use_cache) cached_ = std::make_unique<CachedRunner>(*runner_, kTrialFolder, values_, place());
  TrialRunner& runner = cached_ != nullptr ? static_cast<TrialRunner&>(*cached_) : *runner_;
  proven_ = std::make_unique<ProvenRunner>(runner);
}

TrialPlace TuningSession::place() const {
  TrialPlace place;
  place.program = options_.command ? options_.command->command : "wring-train";
  place.software = {{"wring", WRING_VERSION}, {"driver", inventory_.driver_version}};
  if (!options_.command) place.software.emplace_back("build", build_of(find_wring_train()));
  if (on_gpu()) {
    place.card = inventory_.gpus.front().name;
    place.gpus = static_cast<int>(inventory_.gpus.size());
  }
  place.ranks = ranks();
  // Another program may read anything in its config: nested values, and our keys in its own way.
  if (options_.command) place.foreign.push_back({"config", file_.text});
  for (const ConfigEntry& entry : file_.entries) {
    if (find_key(entry.key) == nullptr) place.foreign.push_back({entry.key, entry.value});
  }
  return place;
}

void TuningSession::print(const std::string& text) {
  write_painted_output(text);
  if (flush_output() || !watch_.interrupt() || console_.quiet) return;
  write_message(
      fmt::format("{}\n", console_.text({"Nobody reads the output any more. Stopping: what was measured is kept.",
                                         "输出已无人读取。正在停止：已测得的结果会保留。"})));
}

void TuningSession::forget_trials() {
  if (cached_ != nullptr) cached_->forget();
}

TrialRunner& TuningSession::runner() {
  return *proven_;
}

double TuningSession::sample_bytes() const {
  return options_.command ? 0 : decoded_sample_bytes(values_.patch_size, values_.scale_factor);
}

TuningRecord TuningSession::new_record(const std::string& program) const {
  TuningRecord record;
  record.program = program;
  record.version = WRING_VERSION;
  record.started = utc_now();
  record.command = options_.command_line;
  record.config = options_.config;
  record.batch_key = batch_key();
  if (on_gpu()) {
    for (const Gpu& gpu : inventory_.gpus) {
      const std::string memory =
          gpu.memory_total_mib ? fmt::format(", {:.1f} GiB", static_cast<double>(*gpu.memory_total_mib) / 1024) : "";
      record.machine.emplace_back(fmt::format("GPU {}", gpu.index), gpu.name + memory);
    }
    if (!inventory_.driver_version.empty()) {
      record.machine.emplace_back(Text("driver", "驱动"), inventory_.driver_version);
    }
  } else {
    record.machine.emplace_back("GPU", Text("none: measured on the CPU", "无：在 CPU 上测量").in(console_.language));
  }
  record.machine.emplace_back(Text("CPU cores", "CPU 核心"), fmt::format("{}", machine_.cpu_cores));
  if (ranks() > 1) record.machine.emplace_back(Text("ranks", "进程数"), fmt::format("{}", ranks()));
  if (loss_note()) {
    const fs::path weights = find_vgg_weights(values_).file;
    record.machine.emplace_back(Text("VGG-19 weights", "VGG-19 权重"),
                                weights.empty() ? Text("random", "随机").in(console_.language) : weights.string());
  }
  return record;
}

std::optional<Text> TuningSession::loss_note() const {
  if (options_.command || !values_.use_perceptual) return std::nullopt;
  return describe(find_vgg_weights(values_));
}

std::vector<Text> TuningSession::notes() const {
  std::vector<Text> notes = override_notes_;
  if (!on_gpu() && options_.device != Device::cpu) {
    notes.emplace_back("no GPU was found: this was measured on the CPU and holds for the CPU alone",
                       "未找到 GPU：以上在 CPU 上测得，也只适用于 CPU");
  }
  if (cached_ != nullptr) notes.insert(notes.end(), cached_->notes().begin(), cached_->notes().end());
  if (cached_ != nullptr && cached_->reused() > 0) {
    notes.emplace_back(
        fmt::format("{} trials were measured by an earlier run ({}; --no-cache measures anew)", cached_->reused(),
                    kTrialFolder),
        fmt::format("{} 次试验沿用先前的结果（{}；--no-cache 可重新测量）", cached_->reused(), kTrialFolder));
  }
  return notes;
}

}  // namespace wring
