#pragma once
#include <functional>
#include <memory>

#include "wring/monitor/write/rotating_log.h"
#include "wring/monitor/write/tick_format.h"

namespace wring {

// Writes everything. False where the reader is gone: a closed pipe, a terminal that was shut. Throws Error{failed} for
// any other failure. The program ignores SIGPIPE.
bool write_all(int descriptor, std::string_view text);

// Every tick's lines to a descriptor (standard output), each tick at once. A reader that is gone is an end and no
// error: `on_closed` is called once, and nothing is written any more.
class StreamWriter : public TickSink {
 public:
  StreamWriter(int descriptor, std::unique_ptr<TickFormatter> formatter, std::function<void()> on_closed);
  void on_tick(const Tick& tick) override;

 private:
  const int descriptor_;
  const std::unique_ptr<TickFormatter> formatter_;
  const std::function<void()> on_closed_;
  bool begun_ = false;
  bool closed_ = false;
};

// Every tick's lines to a log.
class LogWriter : public TickSink {
 public:
  // Throws Error{failed} where the file cannot be opened.
  LogWriter(const std::filesystem::path& path, std::unique_ptr<TickFormatter> formatter, RotationOptions rotation)
      : formatter_(std::move(formatter)),
        log_(path, {formatter_->header(), [this](std::string_view line) { return formatter_->is_own_line(line); }},
             rotation) {}

  void on_tick(const Tick& tick) override { log_.append(formatter_->lines(tick)); }
  void reopen() { log_.reopen(); }

 private:
  const std::unique_ptr<TickFormatter> formatter_;
  RotatingLog log_;
};

}  // namespace wring
