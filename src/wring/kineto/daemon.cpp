#include "wring/kineto/daemon.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>
#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "wring/agent/words.h"
#include "wring/base/error.h"
#include "wring/files/file_errors.h"
#include "wring/files/folder.h"
#include "wring/kineto/process_facts.h"
#include "wring/kineto/told_by_trace.h"
#include "wring/trace/chrome_trace.h"

namespace wring::kineto {
namespace fs = std::filesystem;
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kSocketName = "dynolog";  // that Kineto asks at
// A process's own socket lies beside it: "/dynoconfigclient", a UUID, and the end that sun_path needs.
constexpr std::size_t kClientNameBytes = 1 + 16 + 36 + 1;
constexpr std::size_t kMostProcesses = 512;
// So that a flood cannot hold wait() for ever.
constexpr int kMostDatagramsAtOnce = 256;
constexpr std::int64_t kMostRounds = 8;
constexpr std::uintmax_t kLargestTraceBytes = std::uintmax_t{4} << 30;
// From the first request for the profile until it is given up, where its recording never begins.
constexpr auto kProfilePatience = 60s;

// Kineto copies the name into a socket's address without a look at its length, and puts the process's number before the
// first ".json" of a trace's path.
bool suits_kineto(const fs::path& folder) {
  const std::string name = folder.string();
  return name.size() + kClientNameBytes <= sizeof(sockaddr_un::sun_path) && name.find(".json") == std::string::npos &&
         name.find("..") == std::string::npos && name.find_first_of(" \t=#") == std::string::npos;
}

// As the agent would say it: in English, and by its key.
AgentReason reason(const char* key, std::string error = "") {
  AgentReason reason{.words = "", .key = key, .steps = {}, .error = std::move(error)};
  reason.words = reason_text(reason).en;
  return reason;
}

fs::path make_folder_below(const fs::path& folder) {
  fs::path below = folder / "kineto";
  if (suits_kineto(below)) {
    make_folder(below);
    return below;
  }
  std::string pattern = "/tmp/wring-XXXXXX";
  if (::mkdtemp(pattern.data()) == nullptr) throw_unwritable(pattern, errno);
  return pattern;
}

sockaddr_un address_of(const std::string& name) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  name.copy(address.sun_path, sizeof address.sun_path - 1);
  return address;
}

Descriptor bind_at(const fs::path& path) {
  Descriptor socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const sockaddr_un address = address_of(path.string());
  const int on = 1;
  if (!socket || ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::setsockopt(socket.get(), SOL_SOCKET, SO_PASSCRED, &on, sizeof on) != 0) {
    throw Error(ErrorCode::failed,
                {"cannot make the socket {}: {}", "无法创建套接字 {}：{}", path.string(), std::strerror(errno)},
                {"set TMPDIR to a folder of a local disk", "请把 TMPDIR 设为本地磁盘上的文件夹"});
  }
  return socket;
}

// A datagram with its sender.
struct Received {
  std::string bytes;
  std::string address;  // "" where it has none
  pid_t pid = 0;        // by the kernel's word
};

enum class Receipt : std::uint8_t { none, taken, refused };

Receipt receive(int socket, Received& received) {
  std::array<char, kLongestDatagram + 1> buffer;
  sockaddr_un from{};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(ucred))> control{};
  iovec part{buffer.data(), buffer.size()};
  msghdr message{};
  message.msg_name = &from;
  message.msg_namelen = sizeof from;
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  const ssize_t n = ::recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (n < 0) return errno == EINTR ? Receipt::refused : Receipt::none;
  if ((message.msg_flags & MSG_TRUNC) != 0 || message.msg_namelen <= sizeof(sa_family_t)) return Receipt::refused;
  received.bytes.assign(buffer.data(), static_cast<std::size_t>(n));
  received.address.assign(from.sun_path, ::strnlen(from.sun_path, sizeof from.sun_path));
  for (cmsghdr* part_of = CMSG_FIRSTHDR(&message); part_of != nullptr; part_of = CMSG_NXTHDR(&message, part_of)) {
    if (part_of->cmsg_level != SOL_SOCKET || part_of->cmsg_type != SCM_CREDENTIALS) continue;
    ucred sender{};
    std::memcpy(&sender, CMSG_DATA(part_of), sizeof sender);
    received.pid = sender.pid;
  }
  return received.address.empty() ? Receipt::refused : Receipt::taken;
}

// Not one that could hold the reader up, or lead it elsewhere.
bool is_plain_file(const fs::path& path) {
  std::error_code error;
  return fs::symlink_status(path, error).type() == fs::file_type::regular &&
         fs::file_size(path, error) <= kLargestTraceBytes && !error;
}

}  // namespace

Daemon::Daemon(const fs::path& folder, fs::path traces, AgentRequest request)
    : folder_(make_folder_below(folder)), traces_(std::move(traces)), request_(std::move(request)) {
  socket_ = bind_at(folder_ / kSocketName);
  // Kineto's own pace is a poll in five seconds, in which a short program may have ended.
  std::ofstream config(folder_ / "config");
  config << "ON_DEMAND_CONFIG_UPDATE_INTERVAL_SECS=1\n";
  config.close();
  if (!config) throw_unwritable(folder_ / "config", errno);
}

Daemon::~Daemon() {
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

std::vector<std::pair<std::string, std::optional<std::string>>> Daemon::environment() const {
  return {{"KINETO_USE_DAEMON", "1"},
          {"KINETO_IPC_SOCKET_DIR", folder_.string()},
          {"KINETO_ONDEMAND_TRACE_DIR", folder_.string()},  // from 2026 on a trace goes nowhere else
          {"KINETO_CONFIG", (folder_ / "config").string()},
          {"KINETO_LOG_LEVEL", "9"}};  // above all that it says on the program's standard error
}

void Daemon::wait(std::chrono::milliseconds timeout, int also) {
  std::array<pollfd, 2> waits{{{socket_.get(), POLLIN, 0}, {also, POLLIN, 0}}};
  ::poll(waits.data(), waits.size(), static_cast<int>(timeout.count()));
  for (int i = 0; i < kMostDatagramsAtOnce && take_datagram(); ++i) {
  }
  take_traces();
  see_gone();
}

bool Daemon::take_datagram() {
  Received received;
  const Receipt receipt = receive(socket_.get(), received);
  if (receipt != Receipt::taken) return receipt == Receipt::refused;
  const auto datagram = parse_datagram(received.bytes);
  if (!datagram) return true;
  Process* const process = process_at(received.address, received.pid);
  if (process == nullptr) return true;
  if (datagram->kind == Datagram::Kind::registers) {
    answer(received.address, registered_reply(static_cast<std::int32_t>(processes_.size())));
  } else {
    // Repeated until the recording begins: what is pending already is not asked for twice.
    answer(received.address, config_reply(datagram->can_profile ? config_for(*process) : ""));
  }
  return true;
}

// A process that got its answer late would take it for that to its next poll.
void Daemon::discard_datagrams() const {
  Received received;
  for (int i = 0; i < kMostDatagramsAtOnce && receive(socket_.get(), received) != Receipt::none; ++i) {
  }
}

Daemon::Process* Daemon::process_at(const std::string& address, pid_t pid) {
  const auto known = std::ranges::find(processes_, address, &Process::address);
  if (known != processes_.end()) return &*known;
  if (processes_.size() >= kMostProcesses) return nullptr;
  Process process;
  process.address = address;
  process.pid = pid;
  process.since = Clock::now();
  processes_.push_back(std::move(process));
  return &processes_.back();
}

void Daemon::answer(const std::string& address, const std::string& bytes) const {
  const sockaddr_un to = address_of(address);
  ::sendto(socket_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL,
           reinterpret_cast<const sockaddr*>(&to), sizeof to);
}

// Two iterations beyond the steps: one begins the first step, and in the last the profiler stops. No duration: one that
// does not step would otherwise record that long without a step.
std::string Daemon::config_for(const Process& process) const {
  if (!asks_ || process.begun || process.stage == Stage::done) return "";
  const bool profile = process.stage == Stage::profile;
  const auto passed = std::chrono::duration<double>(Clock::now() - process.since);
  if (!profile && passed.count() < request_.after_seconds) return "";
  const std::int64_t steps = profile ? request_.trace_steps : request_.steps;
  return fmt::format(
      "ACTIVITIES_LOG_FILE={}.json\n{}\nPROFILE_START_ITERATION={}\nPROFILE_START_ITERATION_ROUNDUP=1\n"
      "ACTIVITIES_ITERATIONS={}\nACTIVITIES_DURATION_MSECS=0\n",
      (folder_ / trace_name(process)).string(),
      profile ? "PROFILE_REPORT_INPUT_SHAPES=true" : "ACTIVITY_TYPES=user_annotation",
      profile ? 0 : process.rounds * request_.after_steps, process.rounds * (steps + 2));
}

// Kineto adds the process's number, and ".tmp" until it is whole.
std::string Daemon::trace_name(const Process& process) const {
  const auto number = &process - processes_.data();
  return fmt::format("{}-{}", process.stage == Stage::profile ? "profile" : "steps", number);
}

void Daemon::take_traces() {
  const auto waits = [](const Process& one) { return one.stage != Stage::done; };
  if (std::ranges::none_of(processes_, waits)) return;
  std::error_code error;
  std::vector<std::string> names;
  for (fs::directory_iterator file(folder_, error), end; !error && file != end; file.increment(error)) {
    names.push_back(file->path().filename().string());
  }
  for (Process& process : processes_) {
    const std::string begin = trace_name(process) + "_";
    for (const std::string& name : names) {
      if (process.stage == Stage::done || !name.starts_with(begin)) continue;
      if (name.ends_with(".json")) {
        take_trace(process, folder_ / name);
        break;
      }
      if (!name.ends_with(".json.tmp")) continue;
      process.begun = true;
      client_of(process).phase = process.stage == Stage::profile ? "trace" : "steps";
    }
  }
}

void Daemon::take_trace(Process& process, const fs::path& path) {
  std::error_code ignored;
  AgentClient& client = client_of(process);
  try {
    if (!is_plain_file(path)) throw Error(ErrorCode::failed, {"it is no plain file", "不是普通文件"});
    process.stage == Stage::profile ? take_profile(process, path) : take_steps(process, path);
  } catch (const Error& error) {
    if (process.stage == Stage::profile) {
      finish(process, reason("profile_damaged", error.message().en));
    } else {
      client.failure = error.message();
      process.stage = Stage::done;
    }
  }
  fs::remove(path, ignored);
  discard_datagrams();
}

void Daemon::take_steps(Process& process, const fs::path& path) {
  Observation seen = observe_steps(read_trace(path));
  process.begun = false;
  const std::int64_t n = seen.steps.n;
  if (n < 1 && process.grown) {
    throw Error(ErrorCode::failed, {"its profile holds no step of an optimiser", "其性能分析记录中没有优化器的 step"});
  }
  // Much less than was asked for: of two optimisers, say, Kineto counts the steps of both.
  if (4 * n < 3 * request_.steps && !process.grown) {
    const std::int64_t wanted = n < 1 ? 1 : (request_.steps + n - 1) / n;
    process.rounds = std::min(kMostRounds, wanted);
    process.grown = true;
    return;
  }
  seen.process = client_of(process).process;
  seen.cpu_cores = cores_of(process.pid);
  process.seen = std::move(seen);
  process.stage = Stage::profile;
  process.since = Clock::now();
  if (request_.trace_steps == 0) finish(process);
}

void Daemon::take_profile(Process& process, const fs::path& path) {
  const ObservedProcess& known = process.seen.process;
  const fs::path kept = traces_ / fmt::format("rank{}-{}.json", known.rank, known.pid);
  std::error_code error;
  fs::rename(path, kept, error);
  if (error) fs::copy_file(path, kept, fs::copy_options::overwrite_existing, error);
  if (error) throw_unwritable(kept, error.value());
  add_profile(process.seen, read_trace(kept), kept);
  finish(process);
}

// By its first trace, whether whole or not: only what steps an optimiser makes one.
AgentClient& Daemon::client_of(Process& process) {
  if (!process.client) {
    process.client = clients_.size();
    clients_.emplace_back().process = process_facts(process.pid);
  }
  return clients_[*process.client];
}

void Daemon::finish(Process& process, std::optional<AgentReason> no_trace) {
  process.stage = Stage::done;
  process.seen.no_trace = std::move(no_trace);
  AgentClient& client = client_of(process);
  client.process = process.seen.process;
  client.observation = process.seen;
}

// What has ended, or lets its profile wait for too long, is told without it.
void Daemon::see_gone() {
  for (Process& process : processes_) {
    if (process.stage == Stage::done || !process.client) continue;
    const bool gone = process.pid > 0 && ::kill(process.pid, 0) != 0 && errno == ESRCH;
    if (gone) clients_[*process.client].gone = true;
    if (process.stage != Stage::profile) continue;
    const auto patience = kProfilePatience + std::chrono::duration<double, std::milli>(3 * process.seen.steps.mean_ms);
    if (gone) {
      finish(process, reason("ended_in_profile"));
    } else if (!process.begun && Clock::now() - process.since > patience) {
      finish(process, reason("profile_not_begun"));
    }
  }
}

}  // namespace wring::kineto
