#include <algorithm>
#include <chrono>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <system_error>

#include <fmt/format.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "wring/base/control_group.h"
#include "wring/base/error.h"
#include "wring/base/locale.h"
#include "wring/base/system_memory.h"
#include "wring/doctor/disk.h"
#include "wring/doctor/facts.h"
#include "wring/plan/machine.h"
#include "wring/process/child_process.h"

namespace wring {
namespace fs = std::filesystem;
namespace {

// A cold disk needs a minute to bring 2 GB of LibTorch, and a driver that hangs must not keep the doctor.
constexpr std::chrono::seconds kEngineTimeout{180};

std::string last_line(const std::string& text) {
  const std::size_t end = text.find_last_not_of(" \n\r");
  if (end == std::string::npos) return "";
  const std::size_t begin = text.rfind('\n', end);
  return text.substr(begin == std::string::npos ? 0 : begin + 1,
                     end - (begin == std::string::npos ? 0 : begin + 1) + 1);
}

Text how_it_ended(const ChildResult& result) {
  const std::string words = last_line(result.err);
  if (!words.empty() && !result.timed_out) return words;
  if (result.timed_out) {
    return {"no answer within {} s", "{} 秒内无响应", kEngineTimeout.count()};
  }
  if (result.signal) {
    return {"ended by signal {}", "被信号 {} 终止", *result.signal};
  }
  const int code = result.exit_status.value_or(0);
  return {"exit code {}", "退出码 {}", code};
}

void ask_engine(MachineFacts& facts) {
  if (!facts.wring_train) return;
  try {
    const ChildResult result = run_child({facts.wring_train->string(), "about"},
                                         {.timeout = kEngineTimeout, .working_folder = {}, .environment = {}});
    if (result.ok()) {
      facts.engine = parse_engine_facts(result.out);
    } else {
      facts.engine_problem = how_it_ended(result);
    }
  } catch (const Error& error) {
    facts.engine_problem = error.message();
  }
}

void read_memory(MachineFacts& facts, const fs::path& root) {
  const SystemMemory memory = system_memory(root);
  if (memory.total_kib) facts.memory_mib = *memory.total_kib >> 10;
  if (memory.available_kib) facts.memory_available_mib = *memory.available_kib >> 10;
  struct statvfs shared {};
  if (::statvfs((root / "dev/shm").c_str(), &shared) == 0) {
    facts.shared_memory_mib = static_cast<std::int64_t>(shared.f_blocks * shared.f_frsize >> 20);
    facts.shared_memory_free_mib = static_cast<std::int64_t>(shared.f_bavail * shared.f_frsize >> 20);
  }
}

void read_limits(MachineFacts& facts, const fs::path& root) {
  const ControlGroupLimits limits = control_group_limits(root);
  facts.core_quota = limits.cpu_cores;
  if (!limits.memory_bytes) return;
  const std::int64_t mib = *limits.memory_bytes >> 20;
  if (!facts.memory_mib || mib < *facts.memory_mib) facts.memory_limit_mib = mib;
}

std::optional<std::string> text_or_nothing(const nlohmann::json& json, const char* key) {
  const auto found = json.find(key);
  if (found == json.end() || !found->is_string()) return std::nullopt;
  return found->get<std::string>();
}

}  // namespace

EngineFacts parse_engine_facts(const std::string& text) {
  const nlohmann::json json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object() || !json.contains("libtorch") || !json["libtorch"].is_string()) {
    throw Error(ErrorCode::failed, {"wring-train is of another version", "wring-train 的版本不一致"},
                {"build and install both programs together", "请将两个程序一起构建并安装"});
  }
  EngineFacts facts;
  facts.libtorch = json["libtorch"].get<std::string>();
  const auto flag = [&](const char* key) { return json.contains(key) && json[key] == true; };
  facts.cuda = flag("cuda");
  facts.kernels = flag("kernels");
  facts.cuda_runtime = text_or_nothing(json, "cuda_runtime");
  facts.cuda_driver = text_or_nothing(json, "cuda_driver");
  facts.cudnn = text_or_nothing(json, "cudnn");
  facts.nccl = text_or_nothing(json, "nccl");
  if (json.contains("gpus") && json["gpus"].is_number_integer()) facts.gpus = json["gpus"].get<int>();
  facts.gpu_problem = text_or_nothing(json, "gpu_problem");
  return facts;
}

MachineFacts gather_facts(const GatherOptions& options) {
  MachineFacts facts;
  facts.gpus = take_inventory();
  facts.wring_train = options.wring_train;
  ask_engine(facts);
  facts.cores = usable_cores();
  facts.cores_online = static_cast<int>(std::max(1L, ::sysconf(_SC_NPROCESSORS_ONLN)));
  read_memory(facts, options.root);
  read_limits(facts, options.root);
  facts.disk = measure_disk(options.experiments);
  facts.utf8 = locale_is_utf8();
  const auto [variable, name] = deciding_locale("LC_CTYPE");
  if (!name.empty()) facts.locale = fmt::format("{}={}", variable, name);
  return facts;
}

}  // namespace wring
