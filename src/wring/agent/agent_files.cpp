#include "wring/agent/agent_files.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <system_error>

#include <stdlib.h>

#include "wring/base/environment.h"
#include "wring/base/error.h"
#include "wring/base/json_text.h"
#include "wring/files/file_errors.h"
#include "wring/files/folder.h"

namespace wring {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kLongestSocketPath = 107;  // sun_path with its end

// PYTHONPATH has colons between its folders, and JSON knows UTF-8 alone.
bool may_be_named_everywhere(const std::string& path) {
  const auto suits = [](unsigned char c) { return c >= ' ' && c < 0x7F && c != ':'; };
  return std::ranges::all_of(path, suits);
}

void write_new_file(const fs::path& path, std::string_view content) {
  std::ofstream file(path, std::ios::binary);
  file << content;
  file.close();
  if (!file) throw_unwritable(path, errno);
}

// By their names first: remove_all() opens folders, for which there may be no descriptor left.
void remove_quietly(const fs::path& folder) {
  std::error_code ignored;
  for (const char* name : {"site/sitecustomize.py", "site", "traces", "agent.sock"}) {
    fs::remove(folder / name, ignored);
  }
  fs::remove(folder, ignored);
  fs::remove_all(folder, ignored);
}

// The agent is told of it in JSON, which has no other bytes.
void refuse_other_bytes(const fs::path& folder) {
  const std::string name = fs::absolute(folder).string();
  if (nlohmann::json::parse(json_text(nlohmann::json(name))) == name) return;
  throw Error(
      ErrorCode::failed,
      {"traces cannot be kept in {}: the name is not UTF-8", "无法把性能分析记录保存于 {}：名称不是 UTF-8", name},
      {"choose another folder", "请选择另一个文件夹"});
}

}  // namespace

fs::path make_private_folder() {
  Text tried;
  const std::array<std::string_view, 3> places = {environment("XDG_RUNTIME_DIR").value_or(""),
                                                  environment("TMPDIR").value_or(""), "/tmp"};
  for (const std::string_view place : places) {
    if (place.empty()) continue;
    std::error_code ignored;
    std::string pattern = (fs::absolute(place, ignored) / "wring-XXXXXX").lexically_normal().string();
    const bool too_long = (fs::path(pattern) / "agent.sock").string().size() > kLongestSocketPath;
    if (too_long || !may_be_named_everywhere(pattern)) {
      tried.append({", ", "，"}, {"{} (its name does not suit a socket)", "{}（名称不适用于套接字）", place});
      continue;
    }
    if (::mkdtemp(pattern.data()) != nullptr) return pattern;
    tried.append({", ", "，"}, {"{} ({})", "{}（{}）", place, std::strerror(errno)});
  }
  throw Error(ErrorCode::failed, {"no folder can be made for the agent: {}", "无法为探针创建文件夹：{}", tried},
              {"set TMPDIR to a folder that can be written to", "请把 TMPDIR 设为可写入的文件夹"});
}

AgentFiles::AgentFiles(const std::optional<fs::path>& kept_traces) {
  if (kept_traces) {
    refuse_other_bytes(*kept_traces);
    make_folder(*kept_traces);
  }
  folder_ = make_private_folder();
  traces_ = kept_traces ? fs::absolute(*kept_traces).lexically_normal() : folder_ / "traces";
  if (!traces_.has_filename())
    traces_ = traces_.parent_path();  // "DIR/" and "." end in a slash, which a trace's folder lacks
  try {
    make_folder(site());
    make_folder(traces_);
    write_new_file(site() / "sitecustomize.py", agent_source());
  } catch (...) {
    remove_quietly(folder_);
    throw;
  }
}

AgentFiles::~AgentFiles() {
  remove_quietly(folder_);
}

}  // namespace wring
