#include "wring/console/console.h"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <new>
#include <optional>
#include <system_error>

#include <fmt/format.h>
#include <unistd.h>

#include "wring/base/environment.h"
#include "wring/base/locale.h"
#include "wring/base/message.h"
#include "wring/console/memory_error.h"
#include "wring/console/terminal.h"

namespace wring {
namespace {

// The option wins, then NO_COLOR (no-color.org), then FORCE_COLOR, then whether somebody looks at a terminal.
bool wants_color(const std::string& option, int descriptor) {
  if (option == "always") return true;
  if (option == "never" || !environment("NO_COLOR").value_or("").empty()) return false;
  const std::string_view forced = environment("FORCE_COLOR").value_or("");
  if (!forced.empty()) return forced != "0";
  const std::string_view terminal = environment("TERM").value_or("");
  return ::isatty(descriptor) != 0 && !terminal.empty() && terminal != "dumb";
}

Error unwritten_output(const std::string& reason) {
  return {ErrorCode::failed,
          {"the output could not be written" + reason, "无法写入输出" + reason},
          {"check the space on the disk that it is redirected to", "请检查重定向目标所在磁盘的空间"}};
}

void print_two_lines(std::string_view label, Ink ink, const Text& what, const Text& todo, const Console& console) {
  std::fflush(stdout);  // what was said before comes before
  // A name with a line's end in it must not write a line of its own.
  const std::string message = without_controls(console.text(what)), hint = without_controls(console.text(todo));
  write_painted_message(fmt::format("{}{}\n", paint(label, ink, console.color_err), message));
  if (!hint.empty()) write_message(fmt::format("  {} {}\n", console.utf8 ? "→" : "->", hint));
}

}  // namespace

CommonOptions early_options(std::span<const std::string> arguments) {
  CommonOptions options;
  options.language = language_from_environment();
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i] == "--") break;  // what follows belongs to the command that is run
    const auto value_of = [&](std::string_view name) -> std::optional<std::string> {
      const std::string& argument = arguments[i];
      if (argument == name && i + 1 < arguments.size()) return arguments[i + 1];
      if (argument.starts_with(std::string(name) + "=")) return argument.substr(name.size() + 1);
      return std::nullopt;
    };
    if (const auto language = value_of("--lang")) {
      if (language == "zh") options.language = shown_language(Language::zh);
      if (language == "en") options.language = Language::en;
    }
    if (const auto color = value_of("--color")) options.color = *color;
    if (arguments[i] == "--quiet") options.quiet = true;
  }
  return options;
}

std::string Console::text(const Text& both) const {
  const std::string clean = lines_without_controls(both.in(language));
  return utf8 ? clean : to_ascii(clean);
}

Console console_for(const CommonOptions& options) {
  Console console;
  console.language = options.language;
  // Who asks for Chinese reads UTF-8, whatever a bare container's locale says.
  console.utf8 = locale_is_utf8() || options.language == Language::zh;
  console.color_out = wants_color(options.color, STDOUT_FILENO);
  console.color_err = wants_color(options.color, STDERR_FILENO);
  console.quiet = options.quiet;
  return console;
}

Text with_doctor(const Text& cure) {
  return {"{}; wring doctor shows what this machine has and lacks", "{}；wring doctor 可检查本机具备和缺少什么", cure};
}

void print_error(const Error& error, const CommonOptions& options) {
  const Console console = console_for(options);
  const Text hint = error.code() == ErrorCode::no_gpu ? with_doctor(error.hint()) : error.hint();
  print_two_lines(console.text({"error: ", "错误："}), Ink::red, error.message(), hint, console);
}

void print_warning(const Text& what, const Text& cure, const Console& console) {
  if (console.quiet) return;
  print_two_lines(console.text({"warning: ", "警告："}), Ink::yellow, what, cure, console);
}

Error as_error(const std::exception& failure) {
  if (const auto* error = dynamic_cast<const Error*>(&failure)) return *error;
  if (dynamic_cast<const std::bad_alloc*>(&failure) != nullptr) {
    return memory_ended(std::nullopt, {"end other programs, or raise the limit (ulimit -v, the container's memory)",
                                       "请结束其他程序，或提高限制（ulimit -v、容器内存）"});
  }
  const auto* system = dynamic_cast<const std::system_error*>(&failure);
  if (system != nullptr && std::ferror(stdout) != 0) return unwritten_output(": " + system->code().message());
  if (system != nullptr && system->code() == std::errc::resource_unavailable_try_again) {
    return {ErrorCode::failed,
            {"a thread cannot be started: {}", "无法启动线程：{}", system->code().message()},
            {"lower num_workers or OMP_NUM_THREADS, or raise the limits on processes (ulimit -u, the container's pids) "
             "and on memory (ulimit -v)",
             "请减小 num_workers 或 OMP_NUM_THREADS，或提高进程数（ulimit -u、容器 pids）和内存（ulimit -v）限制"}};
  }
  if (const auto* file = dynamic_cast<const std::filesystem::filesystem_error*>(&failure)) {
    const std::string reason = file->code().message();
    const std::string what = file->path1().empty() ? file->what() : file->path1().string() + ": " + reason;
    return {ErrorCode::failed, what, {"check the path and its permissions", "请检查路径及权限"}};
  }
  return {ErrorCode::failed,
          failure.what(),
          {"this should not happen: please report it with the command that you typed",
           "这不应发生：请连同所输入的命令一起反馈"}};
}

void survive_file_size_limit() {
  std::signal(SIGXFSZ, SIG_IGN);
}

void finish_output() {
  const bool flushed = std::fflush(stdout) == 0;
  const int error = output_error() != 0 ? output_error() : flushed ? 0 : errno;
  std::cout.flush();
  if ((flushed && std::ferror(stdout) == 0 && std::cout.good()) || output_closed()) return;
  throw unwritten_output(error == 0 ? "" : std::string(": ") + std::strerror(error));
}

}  // namespace wring
