#include "wring/monitor/write/tick_writers.h"

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
  if (write_all(descriptor_, text += formatter_->lines(tick))) return;
  closed_ = true;
  on_closed_();
}

bool write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(descriptor, text.data(), text.size());
    if (written >= 0) {
      text.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno == EPIPE || errno == EIO) {
      return false;
    } else if (errno != EINTR) {
      throw Error(ErrorCode::failed, {"the output could not be written: {}", "无法写入输出：{}", std::strerror(errno)},
                  {"check the space on the disk that it is redirected to", "请检查重定向目标所在磁盘的空间"});
    }
  }
  return true;
}

}  // namespace wring
