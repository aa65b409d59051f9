#include "wring/gpu/program.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <ctime>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <unistd.h>

#include "wring/process/process_tree.h"

namespace wring {
namespace {

namespace fs = std::filesystem;

constexpr double kLeastWindowS = 0.95;      // CPU time comes in steps of 10 ms
constexpr double kMostCost = 0.001;         // of one core
constexpr double kLeastSearchS = 10;        // a search for CUDA programs looks at every process
constexpr double kMostSearchCost = 0.0005;  // of one core
constexpr double kAtWork = 10;              // per cent of a core; a thread below this waits for others
constexpr std::size_t kMostProcesses = 4096;

// CUDA opens it and NVML does not. Under WSL2 it is the other one.
constexpr std::array<std::string_view, 2> kCudaDevices = {"/dev/nvidia-uvm", "/dev/dxg"};

double thread_cpu_s() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

std::string whole_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

std::string without_digits(std::string text) {
  std::erase_if(text, [](unsigned char c) { return std::isdigit(c) != 0; });
  return text;
}

bool has_cuda_open(const fs::path& process) {
  std::error_code error;
  for (const pid_t descriptor : numbered_entries(process / "fd")) {
    const std::string target = fs::read_symlink(process / "fd" / std::to_string(descriptor), error).string();
    if (std::ranges::find(kCudaDevices, target) != kCudaDevices.end()) return true;
  }
  return false;
}

// "rchar: 323934931": bytes that read() and its like gave, from the disk or from memory.
std::optional<double> bytes_read(const fs::path& process) {
  std::ifstream in(process / "io");
  std::string label;
  double bytes = 0;
  return in >> label >> bytes && label == "rchar:" ? std::optional(bytes) : std::nullopt;
}

enum class Role { launching, backward, other, not_counted };

// Of a thread of a process that has the card. The driver's and NCCL's own threads spin and say nothing.
Role role_of(const ProcessStat& thread, bool main) {
  if (main) return Role::launching;
  if (thread.name.starts_with("pt_autograd")) return Role::backward;
  const bool library = thread.name.starts_with("cuda") || thread.name.starts_with("nccl") ||
                       thread.name.starts_with("NCCL") || thread.name.starts_with("pt_nccl");
  return library ? Role::not_counted : Role::other;
}

struct Process {
  pid_t pid = 0;
  ProcessStat stat;
  bool launches = false;  // gives the card work; else a reader, or what started the program
  bool below = false;     // was started, at whatever distance, by one that launches
};

}  // namespace

struct ProgramSampler::State {
  struct Counter {
    std::uint64_t started_ticks = 0;
    std::uint64_t cpu_ticks = 0;
  };
  using Key = std::pair<pid_t, pid_t>;  // process and thread; thread 0: the process as a whole

  fs::path root;
  pid_t command = 0;
  bool search = false;  // for programs that have CUDA open
  std::size_t cards = 1;

  double due_s = 0, search_due_s = 0;
  std::vector<pid_t> found;                  // by the search
  std::map<pid_t, std::uint64_t> launching;  // seen with CUDA open, with their start
  std::optional<double> last_s;
  std::map<Key, Counter> before, now;
  std::map<pid_t, double> read_before, read_now;

  fs::path folder(pid_t pid) const { return root / "proc" / std::to_string(pid); }

  // Processes with CUDA open whose parent has not: workers that were forked have it from their parent. The ranks of one
  // program have one starter, and one command line but for numbers in it.
  std::vector<pid_t> find_programs() const {
    std::map<pid_t, pid_t> parents;
    for (const pid_t pid : numbered_entries(root / "proc")) {
      if (!has_cuda_open(folder(pid))) continue;
      if (const auto stat = read_process_stat(folder(pid))) parents[pid] = stat->parent;
    }
    std::vector<pid_t> programs;
    std::set<std::pair<pid_t, std::string>> kinds;
    for (const auto& [pid, parent] : parents) {
      if (parents.contains(parent)) continue;
      programs.push_back(pid);
      kinds.emplace(parent, without_digits(whole_file(folder(pid) / "cmdline")));
    }
    if (cards > 1 && kinds.size() > 1) programs.clear();
    return programs;
  }

  // A worker that was forked has its parent's descriptors, and its command line too; one that was started anew and has
  // CUDA open is a rank of its own.
  bool launches(const Process& process, pid_t parent) {
    const auto known = launching.find(process.pid);
    if (known != launching.end() && known->second == process.stat.started_ticks) return true;
    if (process.below && whole_file(folder(process.pid) / "cmdline") == whole_file(folder(parent) / "cmdline"))
      return false;
    if (!has_cuda_open(folder(process.pid))) return false;
    launching[process.pid] = process.stat.started_ticks;
    return true;
  }

  // Where the kernel does not list a process' children, all processes are asked for their parent, once a reading.
  std::vector<pid_t> children_of(pid_t pid, std::optional<std::multimap<pid_t, pid_t>>& by_parent) const {
    if (!by_parent) {
      if (auto listed = children(pid, root / "proc")) return *std::move(listed);
      by_parent.emplace();
      for (const pid_t other : numbered_entries(root / "proc")) {
        if (const auto stat = read_process_stat(folder(other))) by_parent->emplace(stat->parent, other);
      }
    }
    std::vector<pid_t> found_children;
    const auto [begin, end] = by_parent->equal_range(pid);
    for (auto child = begin; child != end; ++child) found_children.push_back(child->second);
    return found_children;
  }

  // The processes of the program, parents first.
  std::vector<Process> tree() {
    std::vector<Process> processes;
    std::optional<std::multimap<pid_t, pid_t>> by_parent;
    const auto add = [&](pid_t pid, pid_t parent, bool below) {
      const auto stat = read_process_stat(folder(pid));
      if (!stat || processes.size() >= kMostProcesses) return;
      Process process{pid, *stat, false, below};
      process.launches = launches(process, parent);
      processes.push_back(std::move(process));
    };
    for (const pid_t pid : command != 0 ? std::vector<pid_t>{command} : found) add(pid, 0, false);
    for (std::size_t i = 0; i < processes.size(); ++i) {
      const pid_t parent = processes[i].pid;
      const bool below = processes[i].below || processes[i].launches;
      for (const pid_t child : children_of(parent, by_parent)) add(child, parent, below);
    }
    if (std::ranges::none_of(processes, &Process::launches)) take_largest_for_launching(processes);
    return processes;
  }

  // Before CUDA is open, or where its device goes by another name: PyTorch's main process has by far the most threads.
  void take_largest_for_launching(std::vector<Process>& processes) const {
    if (processes.empty()) return;
    const auto threads = [&](const Process& process) { return numbered_entries(folder(process.pid) / "task").size(); };
    Process& largest = *std::ranges::max_element(processes, {}, threads);
    largest.launches = true;
    std::set<pid_t> above = {largest.pid};
    for (Process& process : processes) {
      process.below = above.contains(process.stat.parent);
      if (process.below) above.insert(process.pid);
    }
  }

  // Per cent of one core since the sample before; absent for what is new.
  std::optional<double> share(Key key, const ProcessStat& stat, double window_s) {
    now[key] = {stat.started_ticks, stat.cpu_ticks};
    const auto old = before.find(key);
    if (old == before.end() || old->second.started_ticks != stat.started_ticks || window_s <= 0) return std::nullopt;
    const auto ticks = stat.cpu_ticks - std::min(old->second.cpu_ticks, stat.cpu_ticks);
    static const auto per_second = static_cast<double>(::sysconf(_SC_CLK_TCK));
    return 100 * static_cast<double>(ticks) / per_second / window_s;
  }

  struct Readers {
    std::vector<double> shares;
    int wanting = 0, at_disk = 0;

    void add(std::optional<double> share, char state) {
      if (!share || (*share < kAtWork && state != 'D')) return;
      shares.push_back(*share);
      wanting += state == 'R' || state == 'D' ? 1 : 0;
      at_disk += state == 'D' ? 1 : 0;
    }
  };

  // Whether a thread that launches was there at the sample before.
  bool add_threads(const Process& process, double window_s, Readers& readers, ProgramSample& sample) {
    std::optional<double> launching_share, backward_share;
    const fs::path threads = folder(process.pid) / "task";
    for (const pid_t thread : numbered_entries(threads)) {
      const auto stat = read_process_stat(threads / std::to_string(thread));
      if (!stat) continue;
      const Role role = role_of(*stat, thread == process.pid);
      if (role == Role::not_counted) continue;
      const auto used = share({process.pid, thread}, *stat, window_s);
      if (role == Role::other) readers.add(used, stat->state);
      if (role == Role::other || !used) continue;
      launching_share = launching_share.value_or(0) + *used;
      if (role == Role::backward) backward_share = backward_share.value_or(0) + *used;
    }
    if (!launching_share) return false;
    if (*launching_share >= sample.launching) {
      sample.launching = *launching_share;
      sample.backward = backward_share;
    }
    return true;
  }

  std::optional<double> mib_per_s(const std::vector<Process>& processes, double window_s) {
    std::optional<double> bytes;
    for (const Process& process : processes) {
      const std::optional<double> read = bytes_read(folder(process.pid));
      if (!read) continue;
      read_now[process.pid] = *read;
      const auto old = read_before.find(process.pid);
      if (old != read_before.end()) bytes = bytes.value_or(0) + std::max(0.0, *read - old->second);
    }
    constexpr double kBytesPerMib = 1024.0 * 1024.0;
    return bytes && window_s > 0 ? std::optional(*bytes / kBytesPerMib / window_s) : std::nullopt;
  }

  std::optional<ProgramSample> read(double now_s) {
    std::vector<Process> processes = tree();
    const double window_s = last_s ? now_s - *last_s : 0;
    bool measured = false;
    ProgramSample sample;
    sample.time_s = now_s;
    sample.window_s = window_s;
    Readers readers;
    for (const Process& process : processes) {
      if (process.launches) {
        measured = add_threads(process, window_s, readers, sample) || measured;
      } else if (process.below) {
        readers.add(share({process.pid, 0}, process.stat, window_s), process.stat.state);
      }
    }
    sample.read_mib_s = mib_per_s(processes, window_s);
    sample.readers = static_cast<int>(readers.shares.size());
    for (const double used : readers.shares) {
      sample.readers_busy += std::min(used, 100.0) / sample.readers;
      sample.busiest_reader = std::max(sample.busiest_reader, used);
    }
    if (sample.readers > 0) {
      sample.readers_wanting = 100.0 * readers.wanting / sample.readers;
      sample.readers_at_disk = 100.0 * readers.at_disk / sample.readers;
    }
    last_s = now_s;
    before = std::exchange(now, {});
    read_before = std::exchange(read_now, {});
    return measured ? std::optional(sample) : std::nullopt;
  }
};

ProgramSampler::ProgramSampler(fs::path root) : state_(std::make_unique<State>()) {
  state_->root = std::move(root);
}
ProgramSampler::~ProgramSampler() = default;
ProgramSampler::ProgramSampler(ProgramSampler&&) noexcept = default;
ProgramSampler& ProgramSampler::operator=(ProgramSampler&&) noexcept = default;

void ProgramSampler::follow(pid_t command) {
  state_->command = command;
}

void ProgramSampler::follow_cuda(std::size_t cards) {
  state_->search = true;
  state_->cards = cards;
}

std::optional<ProgramSample> ProgramSampler::sample(double now_s) {
  State& state = *state_;
  if (state.command == 0 && state.search && now_s >= state.search_due_s) {
    const double began_s = thread_cpu_s();
    state.found = state.find_programs();
    state.search_due_s = now_s + std::max(kLeastSearchS, (thread_cpu_s() - began_s) / kMostSearchCost);
  }
  if (now_s < state.due_s || (state.command == 0 && state.found.empty())) return std::nullopt;
  const double began_s = thread_cpu_s();
  std::optional<ProgramSample> sample = state.read(now_s);
  state.due_s = now_s + std::max(kLeastWindowS, (thread_cpu_s() - began_s) / kMostCost);
  return sample;
}

}  // namespace wring
