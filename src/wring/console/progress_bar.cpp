#include "wring/console/progress_bar.h"

#include <utility>

#include <sys/ioctl.h>
#include <unistd.h>

#include "wring/base/clock.h"
#include "wring/base/display_text.h"
#include "wring/base/environment.h"
#include "wring/base/locale.h"

namespace wring {
namespace {

constexpr double kRedrawS = 0.1;
constexpr int kUsualWidth = 80;
constexpr const char* kClearLine = "\r\x1b[K";

// A terminal that can go back to the line's beginning and clear it.
bool is_terminal(std::FILE* stream) {
  return ::isatty(::fileno(stream)) != 0 && environment("TERM").value_or("") != "dumb" &&
         !environment("TERM").value_or("").empty();
}

int width_of(std::FILE* stream) {
  winsize size{};
  const bool known = ::ioctl(::fileno(stream), TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return known ? size.ws_col : kUsualWidth;
}

ProgressOptions completed(ProgressOptions options) {
  if (!options.clock) options.clock = steady_seconds;
  if (!options.color) options.color = environment("NO_COLOR").value_or("").empty();
  if (!options.utf8) options.utf8 = locale_is_utf8();
  return options;
}

}  // namespace

ProgressBar::ProgressBar(std::FILE* stream, const Text& label, std::int64_t total, ProgressOptions options)
    : stream_(stream),
      options_(completed(std::move(options))),
      terminal_(is_terminal(stream)),
      look_{*options_.utf8, *options_.color},
      last_shown_s_(options_.clock()) {
  state_.label = shown(label.in(options_.language));
  state_.done = options_.first_done;
  state_.total = total;
  state_.start_s = last_shown_s_;
  state_.rate.add(state_.start_s, state_.done);
  if (terminal_) last_shown_s_ -= kRedrawS;  // the first update draws
}

ProgressBar::~ProgressBar() {
  const std::lock_guard lock(mutex_);
  if (!drawn_) return;
  std::fputs("\n", stream_);
  std::fflush(stream_);
}

void ProgressBar::update(std::int64_t done, std::vector<std::string> fields) {
  const std::lock_guard lock(mutex_);
  const double now_s = options_.clock();
  state_.done = done;
  if (!fields.empty()) {
    for (std::string& field : fields) field = shown(field);
    state_.fields = std::move(fields);
  }
  state_.rate.add(now_s, done);
  if (finished_ || options_.quiet) return;
  if (now_s - last_shown_s_ < (terminal_ ? kRedrawS : options_.interval_s)) return;
  terminal_ ? draw(now_s) : print_line(now_s);
}

void ProgressBar::show() {
  const std::lock_guard lock(mutex_);
  if (finished_ || options_.quiet) return;
  terminal_ ? draw(options_.clock()) : print_once(options_.clock());
}

void ProgressBar::line(std::string_view text) {
  const std::lock_guard lock(mutex_);
  if (options_.quiet) return;
  const bool redraw = drawn_;
  clear();
  std::fputs((shown(without_controls(text)) + "\n").c_str(), stream_);
  if (redraw) draw(options_.clock());
  std::fflush(stream_);
}

void ProgressBar::finish() {
  const std::lock_guard lock(mutex_);
  if (std::exchange(finished_, true) || options_.quiet) return;
  if (!terminal_) {
    print_once(options_.clock());
    return;
  }
  draw(options_.clock());
  std::fputs("\n", stream_);
  std::fflush(stream_);
  drawn_ = false;
}

void ProgressBar::draw(double now_s) {
  // One write per drawing, or the bar flickers.
  const std::string text = kClearLine + render_progress_bar(state_, look_, width_of(stream_), now_s);
  std::fputs(text.c_str(), stream_);
  std::fflush(stream_);
  last_shown_s_ = now_s;
  drawn_ = true;
}

void ProgressBar::print_line(double now_s) {
  std::fputs((render_progress_line(state_, now_s) + "\n").c_str(), stream_);
  std::fflush(stream_);
  last_shown_s_ = now_s;
  last_line_.emplace(state_.done, state_.fields);
}

// The clock may have shown this state a moment ago.
void ProgressBar::print_once(double now_s) {
  if (last_line_ != std::pair(state_.done, state_.fields)) print_line(now_s);
}

std::string ProgressBar::shown(const std::string& text) const {
  return look_.utf8 ? text : to_ascii(text);
}

void ProgressBar::clear() {
  if (drawn_) std::fputs(kClearLine, stream_);
  drawn_ = false;
}

}  // namespace wring
