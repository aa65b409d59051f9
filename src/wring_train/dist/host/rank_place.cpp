#include "wring_train/dist/host/rank_place.h"

#include <optional>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "wring/base/error.h"
#include "wring/base/parse.h"

namespace wring {
namespace {

// Slurm gives no port: jobs that share a machine should not meet each other.
constexpr int kFirstSlurmPort = 20000;
constexpr int kSlurmPorts = 10000;

class Variables {
 public:
  // `signs`: by which this launcher is known.
  Variables(const VariableLookup& lookup, std::vector<VariableName> signs)
      : lookup_(lookup), signs_(std::move(signs)) {}

  bool has(VariableName name) const { return text(name).has_value(); }
  std::optional<std::string> text(VariableName name) const {
    const auto value = lookup_(name);
    return value && !value->empty() ? std::optional<std::string>(*value) : std::nullopt;
  }

  int number(VariableName name, int least, int most) const {
    const std::optional<std::string> value = text(name);
    if (!value) missing(name);
    const auto result = parse_number<int>(*value);
    if (!result || *result < least || *result > most) {
      throw Error(ErrorCode::usage, {"{} is \"{}\"", "{} 的值为 \"{}\"", name.text(), *value},
                  {"it must be a number from {} to {}", "应为 {} 到 {} 的整数", least, most});
    }
    return *result;
  }
  int number(VariableName name, int least, int most, int otherwise) const {
    return has(name) ? number(name, least, most) : otherwise;
  }

  // Names what made this process look for others: a job system or an image may export it for every process.
  [[noreturn]] void missing(VariableName name) const {
    Text set;
    std::string without = "env";
    for (const VariableName sign : signs_) {
      const std::optional<std::string> value = text(sign);
      if (!value) continue;
      const char* separator = set.empty() ? "" : ", ";
      set = {fmt::format("{}{}{} is set to {}", set.en, separator, sign.text(), *value),
             fmt::format("{}{}{} 已设为 {}", set.zh, set.empty() ? "" : "，", sign.text(), *value)};
      without += fmt::format(" -u {}", sign.text());
    }
    throw Error(ErrorCode::usage, {"{}, but {} is not set", "{}，但未设置 {}", set, name.text()},
                {"to train alone: {} wring train …; for several ranks: torchrun, srun, or wring train CONFIG --nproc "
                 "N, which set all that they need",
                 "单进程训练：{} wring train …；多进程训练：torchrun、srun 或 wring train CONFIG --nproc N，"
                 "它们会设置所需的全部变量",
                 without});
  }

 private:
  const VariableLookup& lookup_;
  std::vector<VariableName> signs_;
};

constexpr int kMost = 1 << 20;

void read_ranks(RankPlace& place, const Variables& variables, VariableName rank, VariableName size,
                VariableName local_rank) {
  place.size = variables.number(size, 1, kMost);
  place.rank = variables.number(rank, 0, place.size - 1);
  place.local_rank = variables.number(local_rank, 0, place.size - 1, place.rank);
}

void read_meeting_point(RankPlace& place, const Variables& variables) {
  if (const auto address = variables.text("MASTER_ADDR")) place.address = *address;
  place.port = static_cast<std::uint16_t>(variables.number("MASTER_PORT", 1, 65535, place.port));
}

RankPlace from_torchrun(const Variables& variables) {
  RankPlace place;
  read_ranks(place, variables, "RANK", "WORLD_SIZE", "LOCAL_RANK");
  place.local_size = variables.number("LOCAL_WORLD_SIZE", 1, kMost, place.size);
  if (place.size > 1) {
    variables.number("MASTER_PORT", 1, 65535);
    if (!variables.has("MASTER_ADDR")) variables.number("MASTER_ADDR", 0, 0);
  }
  read_meeting_point(place, variables);
  place.store_runs = variables.text("TORCHELASTIC_USE_AGENT_STORE") == "True";
  place.attempt = variables.number("TORCHELASTIC_RESTART_COUNT", 0, kMost, 0);
  return place;
}

RankPlace from_mpirun(const Variables& variables) {
  RankPlace place;
  read_ranks(place, variables, "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK");
  place.local_size = variables.number("OMPI_COMM_WORLD_LOCAL_SIZE", 1, kMost, place.size);
  if (place.local_size < place.size && !variables.has("MASTER_ADDR")) {
    throw Error(ErrorCode::usage,
                {"MASTER_ADDR is not set: the ranks on several machines do not know where to meet",
                 "未设置 MASTER_ADDR：多台机器上的进程不知道在何处会合"},
                {"mpirun -x MASTER_ADDR=FIRST_MACHINE -x MASTER_PORT=29500 … wring train CONFIG",
                 "mpirun -x MASTER_ADDR=第一台机器 -x MASTER_PORT=29500 … wring train CONFIG"});
  }
  read_meeting_point(place, variables);
  return place;
}

RankPlace from_srun(const Variables& variables) {
  RankPlace place;
  const VariableName size =
      variables.has("SLURM_STEP_NUM_TASKS") ? VariableName("SLURM_STEP_NUM_TASKS") : "SLURM_NTASKS";
  read_ranks(place, variables, "SLURM_PROCID", size, "SLURM_LOCALID");
  const auto machines = variables.text("SLURM_STEP_NODELIST");
  // "4" or "4(x2),3": tasks of each machine. The one that asks is not told which it is, so the first number serves.
  if (const auto tasks = variables.text("SLURM_STEP_TASKS_PER_NODE")) {
    place.local_size = parse_leading<int>(*tasks).value_or(place.local_size);
  }
  place.port =
      static_cast<std::uint16_t>(kFirstSlurmPort + variables.number("SLURM_JOB_ID", 0, INT32_MAX, 0) % kSlurmPorts);
  if (machines) place.address = first_machine(*machines);
  read_meeting_point(place, variables);
  return place;
}

}  // namespace

RankPlace rank_place(const VariableLookup& lookup) {
  const Variables torchrun(lookup, {"RANK", "WORLD_SIZE"});
  if (torchrun.has("RANK") || torchrun.has("WORLD_SIZE")) return from_torchrun(torchrun);
  const Variables mpirun(lookup, {"OMPI_COMM_WORLD_RANK"});
  if (mpirun.has("OMPI_COMM_WORLD_RANK")) return from_mpirun(mpirun);
  // A batch script has SLURM_PROCID too, but is one process: only srun starts steps.
  const Variables srun(lookup, {"SLURM_PROCID"});
  if (srun.has("SLURM_PROCID") && srun.has("SLURM_STEP_NODELIST")) return from_srun(srun);
  return {};
}

std::string first_machine(const std::string& list) {
  const std::size_t end = list.find_first_of("[,");
  std::string name = list.substr(0, end);
  if (end == std::string::npos || list[end] == ',') return name;
  const std::size_t number = end + 1;
  return name + list.substr(number, list.find_first_of("-,]", number) - number);
}

std::string own_gpu(std::optional<std::string_view> visible, const RankPlace& place) {
  if (!visible) return std::to_string(place.local_rank);
  std::vector<std::string> gpus;
  std::string list(*visible);
  for (std::size_t begin = 0; begin <= list.size();) {
    const std::size_t end = std::min(list.find(',', begin), list.size());
    gpus.push_back(list.substr(begin, end - begin));
    begin = end + 1;
  }
  if (gpus.size() == 1) return list;
  if (static_cast<std::size_t>(place.local_rank) < gpus.size()) return gpus[static_cast<std::size_t>(place.local_rank)];
  throw Error(ErrorCode::usage,
              {"rank {} of this machine has no GPU: CUDA_VISIBLE_DEVICES is \"{}\"",
               "本机第 {} 个进程没有 GPU：CUDA_VISIBLE_DEVICES 为 \"{}\"", place.local_rank, list},
              {"start as many ranks on a machine as it has GPUs, or name more of them",
               "每台机器启动的进程数应等于其 GPU 数，或在变量中列出更多 GPU"});
}

}  // namespace wring
