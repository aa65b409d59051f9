#include "wring/monitor/tick_writers.h"

#include <cerrno>
#include <cstring>

#include <fmt/format.h>
#include <unistd.h>

#include "wring/base/error.h"

namespace wring {

StreamWriter::StreamWriter(int descriptor, std::unique_ptr<TickFormatter> formatter, std::function<void()> on_closed)
    : descriptor_(descriptor), formatter_(std::move(formatter)), on_closed_(std::move(on_closed)) {}

void StreamWriter::on_tick(const Tick& tick) {
  if (closed_) return;
  std::string text = begun_ ? "" : formatter_->header();
  begun_ = true;
  write(text += formatter_->lines(tick));
}

void StreamWriter::write(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(descriptor_, text.data(), text.size());
    if (written >= 0) {
      text.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno == EPIPE) {
      closed_ = true;
      on_closed_();
      return;
    } else if (errno != EINTR) {
      throw Error(ErrorCode::failed,
                  {fmt::format("cannot write the readings: {}", std::strerror(errno)),
                   fmt::format("无法写出读数：{}", std::strerror(errno))},
                  {"check where standard output goes to", "请检查标准输出的去向"});
    }
  }
}

}  // namespace wring
