#include "wring/process/spawn.h"

#include <cerrno>
#include <cstring>
#include <string_view>

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <unistd.h>

#include "wring/base/error.h"

namespace wring {

std::vector<std::string> environment_of(const ChildOptions& options) {
  std::vector<std::string> merged;
  const auto replaced = [&](std::string_view entry) {
    for (const auto& [name, value] : options.environment) {
      if (entry.starts_with(name + "=")) return true;
    }
    return false;
  };
  for (char** entry = environ; *entry != nullptr; ++entry) {
    if (!replaced(*entry)) merged.emplace_back(*entry);
  }
  for (const auto& [name, value] : options.environment) {
    if (value) merged.push_back(name + "=" + *value);
  }
  return merged;
}

std::vector<char*> pointers_to(const std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (const std::string& string : strings) pointers.push_back(const_cast<char*>(string.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

namespace {

void hand_on(posix_spawn_file_actions_t& actions, int stream, int as) {
  if (stream == ChildStreams::kClosed) {
    ::posix_spawn_file_actions_addclose(&actions, as);
  } else if (stream < 0) {
    ::posix_spawn_file_actions_addopen(&actions, as, "/dev/null", O_RDONLY, 0);
  } else {
    ::posix_spawn_file_actions_adddup2(&actions, stream, as);
  }
}

// What to do about a program that cannot be started.
Text how_to_start(const std::string& program, int error) {
  if (error == EMFILE) return {"raise the limit of open files (ulimit -n)", "请提高打开文件数的上限（ulimit -n）"};
  struct stat status {};
  const bool is_there = ::stat(program.c_str(), &status) == 0;
  if (is_there && S_ISDIR(status.st_mode))
    return {"it is a folder: name the program in it", "它是文件夹：请给出其中的程序"};
  if (!is_there && program.find(' ') != std::string::npos) {
    return {"the program and each of its arguments are words of their own: leave the quotes out",
            "程序和每个参数应是单独的词：请去掉引号"};
  }
  if (program.ends_with(".py")) {
    return {"a Python file is run by Python: python {}", "Python 文件需由 Python 运行：python {}", program};
  }
  if (error == EACCES) {
    return {"make it executable (chmod +x {}), or name what runs it: bash {}",
            "请赋予其执行权限（chmod +x {}），或写明由谁运行：bash {}", program, program};
  }
  if (error == ENOEXEC) {
    return {"it does not say what runs it: begin it with #!, or name that first: bash {}",
            "它没有说明由谁运行：请在首行写 #!，或写明由谁运行：bash {}", program};
  }
  if (error != ENOENT) return {};
  if (is_there && program.find('/') != std::string::npos) {
    return {"what its first line (#!) names does not exist", "其首行（#!）指定的程序不存在"};
  }
  return {"check that the program is installed and on PATH", "请检查该程序是否已安装并在 PATH 中"};
}

}  // namespace

int own_stream(int stream) {
  const int flags = ::fcntl(stream, F_GETFD);
  return flags < 0 || (flags & FD_CLOEXEC) != 0 ? ChildStreams::kClosed : stream;
}

void throw_not_started(const std::string& program, int error) {
  const char* reason = std::strerror(error);
  throw Error(ErrorCode::failed, {"cannot start {}: {}", "无法启动 {}：{}", program, reason},
              how_to_start(program, error));
}

pid_t spawn_group(const std::vector<std::string>& command, const ChildOptions& options, const ChildStreams& streams) {
  pid_t child = 0;
  if (const int error = try_spawn_group(command, options, streams, child); error != 0) {
    throw_not_started(command.at(0), error);
  }
  return child;
}

int try_spawn_group(const std::vector<std::string>& command, const ChildOptions& options, const ChildStreams& streams,
                    pid_t& child) {
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  hand_on(actions, streams.in, STDIN_FILENO);
  hand_on(actions, streams.out, STDOUT_FILENO);
  hand_on(actions, streams.err, STDERR_FILENO);
  if (!options.keep_inherited_descriptors) {
    ::posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
  }
  if (!options.working_folder.empty()) {
    ::posix_spawn_file_actions_addchdir_np(&actions, options.working_folder.c_str());
  }

  posix_spawnattr_t attributes;
  ::posix_spawnattr_init(&attributes);
  sigset_t nothing, everything;
  ::sigemptyset(&nothing);
  ::sigfillset(&everything);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  ::posix_spawnattr_setpgroup(&attributes, 0);
  ::posix_spawnattr_setsigmask(&attributes, &nothing);
  ::posix_spawnattr_setsigdefault(&attributes, &everything);

  const std::vector<std::string> environment = environment_of(options);
  const int error = ::posix_spawnp(&child, command.at(0).c_str(), &actions, &attributes, pointers_to(command).data(),
                                   pointers_to(environment).data());
  ::posix_spawnattr_destroy(&attributes);
  ::posix_spawn_file_actions_destroy(&actions);
  return error;
}

Pipe make_pipe(const std::vector<std::string>& command) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw_not_started(command.at(0), errno);
  return {Descriptor(ends[0]), Descriptor(ends[1])};
}

void set_nonblocking(const Descriptor& descriptor) {
  ::fcntl(descriptor.get(), F_SETFL, O_NONBLOCK);
}

}  // namespace wring
