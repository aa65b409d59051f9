#include "wring/files/wait_notice.h"

#include <algorithm>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "wring/base/duration.h"

namespace wring {
namespace {

std::mutex speaker_mutex;

WaitSpeaker& speaker() {
  static WaitSpeaker one;
  return one;
}

std::string duration(WaitNotice::Clock::duration time) {
  return format_duration(std::max(0.0, std::chrono::duration<double>(time).count()));
}

}  // namespace

void set_wait_speaker(WaitSpeaker next) {
  const std::scoped_lock lock(speaker_mutex);
  speaker() = std::move(next);
}

WaitNotice::WaitNotice(Text what, std::optional<Clock::time_point> until) : until_(until), what_(std::move(what)) {
  std::unique_lock lock(speaker_mutex);
  WaitSpeaker own = speaker();
  lock.unlock();
  if (!own.say) return;
  try {
    thread_ = std::thread([this, own = std::move(own)] { run(own); });
  } catch (const std::system_error&) {  // no thread is to be had: the wait goes on without a word
  }
}

WaitNotice::~WaitNotice() {
  {
    const std::scoped_lock lock(mutex_);
    over_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void WaitNotice::now(Text what) {
  const std::scoped_lock lock(mutex_);
  what_ = std::move(what);
}

void WaitNotice::run(const WaitSpeaker& speaker) {
  std::unique_lock lock(mutex_);
  for (Clock::time_point next = began_ + speaker.first;; next += speaker.again) {
    if (changed_.wait_until(lock, next, [this] { return over_; })) return;
    const Text text = line();
    lock.unlock();
    speaker.say(text);
    lock.lock();
  }
}

Text WaitNotice::line() const {
  const Clock::time_point now = Clock::now();
  const std::string so_far = duration(now - began_);
  if (!until_) {
    return {"{} ({} so far)", "{}（已等待 {}）", what_, so_far};
  }
  const std::string left = duration(*until_ - now);
  return {"{} ({} so far, at most {} more)", "{}（已等待 {}，最多再等 {}）", what_, so_far, left};
}

}  // namespace wring
