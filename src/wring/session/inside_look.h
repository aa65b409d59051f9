#pragma once
#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "wring/agent/agent_files.h"
#include "wring/agent/agent_server.h"
#include "wring/agent/observed_program.h"
#include "wring/files/descriptor.h"
#include "wring/process/spawn.h"
#include "wring/report/program/inside.h"

namespace wring {

// One look from inside at a program that somebody else runs, to its end: the agents in it are answered and their traces
// judged in a thread of this object's own. Once all have reported they are let go, and nothing of theirs is left.
class InsideLook {
 public:
  // Makes the agent's folder and socket. Throws Error{failed}.
  explicit InsideLook(const std::vector<std::string>& command);
  ~InsideLook();
  InsideLook(const InsideLook&) = delete;
  InsideLook& operator=(const InsideLook&) = delete;

  // What the program is to be started with, so that the agent comes into it.
  ChildOptions for_program() const;

  // To be called after the signals that the thread is to leave alone are blocked.
  void start();

  // The program has ended (`how`, `end`), or is looked at no longer; what its processes still say at that moment
  // counts. Returns once the report stands.
  void stop(EndOfProgram how, ProcessEnd end);

  // Null until it stands. From any thread.
  std::shared_ptr<const InsideReport> report() const;

 private:
  void look();
  ObservedProgram watch_reports();
  InsideReport report_of(const ObservedProgram& seen);

  std::vector<std::string> command_;
  std::optional<AgentFiles> files_;
  std::optional<AgentServer> server_;
  Descriptor wake_;
  std::atomic<bool> stopped_ = false;
  mutable std::mutex mutex_;
  EndOfProgram how_ = EndOfProgram::by_itself;
  ProcessEnd end_;
  std::shared_ptr<const InsideReport> report_;
  std::thread thread_;
};

}  // namespace wring
