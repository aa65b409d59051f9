#pragma once
#include <filesystem>
#include <optional>
#include <string_view>

namespace wring {

// python/wring_gpu/agent.py, which the build puts into the program.
std::string_view agent_source();

// The agent, unpacked into a folder that no other user can enter, for as long as this object lives: as sitecustomize.py
// in a folder for PYTHONPATH, where every Python imports it by itself.
class AgentFiles {
 public:
  // `kept_traces`: a folder of the user's for the traces, which is made where there is none; absent: they vanish with
  // the rest. Throws Error{failed} naming the folder.
  explicit AgentFiles(const std::optional<std::filesystem::path>& kept_traces = std::nullopt);
  ~AgentFiles();
  AgentFiles(const AgentFiles&) = delete;
  AgentFiles& operator=(const AgentFiles&) = delete;

  const std::filesystem::path& folder() const { return folder_; }
  std::filesystem::path site() const { return folder_ / "site"; }
  std::filesystem::path socket() const { return folder_ / "agent.sock"; }
  const std::filesystem::path& traces() const { return traces_; }

 private:
  std::filesystem::path folder_;
  std::filesystem::path traces_;
};

// The first of XDG_RUNTIME_DIR, TMPDIR and /tmp where a folder can be made; the name leaves room for the path of a
// socket (unix(7): 107 bytes). Only its owner can enter it. Throws Error{failed} naming what was tried.
std::filesystem::path make_private_folder();

}  // namespace wring
