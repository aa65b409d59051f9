#pragma once
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <sys/types.h>

#include "wring/agent/messages.h"
#include "wring/agent/observation_source.h"
#include "wring/files/descriptor.h"
#include "wring/kineto/datagrams.h"

namespace wring::kineto {

// Looks into programs that the agent cannot enter, without any Python: PyTorch's profiler in daemon mode asks each
// second at a socket, in the place of dynolog's daemon, what to profile. Each process that steps an optimiser is asked
// for a long trace of its ranges alone, whose steps are timed, and then for a short one of everything. A process that
// does not step refuses both and records nothing.
class Daemon : public ObservationSource {
 public:
  // Works in a folder below `folder`, or where its name does not suit Kineto, in one in /tmp; the traces of everything
  // go to `traces`. Throws Error{failed} naming what cannot be made.
  Daemon(const std::filesystem::path& folder, std::filesystem::path traces, AgentRequest request);
  ~Daemon() override;
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  // What a program is to be started with.
  std::vector<std::pair<std::string, std::optional<std::string>>> environment() const;
  const std::filesystem::path& folder() const { return folder_; }

  void wait(std::chrono::milliseconds timeout, int also = -1) override;
  // Those that have stepped an optimiser, in the order in which that was seen.
  const std::vector<AgentClient>& clients() const override { return clients_; }
  // Nothing more is asked for, but polls are answered: a process would complain about a daemon that is gone.
  void let_go() override { asks_ = false; }

  // Processes that have polled: each has imported PyTorch.
  std::size_t processes() const { return processes_.size(); }

 private:
  using Clock = std::chrono::steady_clock;
  enum class Stage : std::uint8_t { steps, profile, done };
  struct Process {
    std::string address;  // of its socket
    pid_t pid = 0;        // as this process knows it; 0 where the system does not tell
    Stage stage = Stage::steps;
    Clock::time_point since;  // when this stage began
    std::int64_t rounds = 1;  // iterations of Kineto's that make a step: the steps of all optimisers
    bool grown = false;       // the first trace had too few steps, and a longer one was asked for
    bool begun = false;       // the trace of this stage is being recorded
    std::optional<std::size_t> client;
    Observation seen;
  };

  bool take_datagram();
  void discard_datagrams() const;
  Process* process_at(const std::string& address, pid_t pid);
  void answer(const std::string& address, const std::string& bytes) const;
  std::string config_for(const Process& process) const;

  void take_traces();
  void take_trace(Process& process, const std::filesystem::path& path);
  void take_steps(Process& process, const std::filesystem::path& path);
  void take_profile(Process& process, const std::filesystem::path& path);
  AgentClient& client_of(Process& process);
  void finish(Process& process, std::optional<AgentReason> no_trace = {});
  void see_gone();
  std::string trace_name(const Process& process) const;

  std::filesystem::path folder_;
  std::filesystem::path traces_;
  AgentRequest request_;
  Descriptor socket_;
  std::vector<Process> processes_;
  std::vector<AgentClient> clients_;
  bool asks_ = true;
};

}  // namespace wring::kineto
