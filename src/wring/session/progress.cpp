#include "wring/session/progress.h"

#include <fmt/format.h>

#include "wring/base/display_text.h"
#include "wring/base/message.h"
#include "wring/console/terminal.h"
#include "wring/report/tuning/text.h"
#include "wring/report/tuning/words.h"
#include "wring/tune/search/words.h"

namespace wring {
namespace {

RecordedTrial recorded(const SearchTrial& trial) {
  return {.batch_size = trial.batch,
          .purpose = std::string(role_name(trial.role)),
          .request = trial.request,
          .result = trial.result,
          .verdict = trial.note,
          .fits = trial.fit == Fit::fits};
}

// Seconds after which a log hears that a trial still runs, and until the next such line.
constexpr std::int64_t kLongWait = 10;
constexpr std::int64_t kNextWord = 30;

Ink ink_of(const RecordedTrial& trial) {
  return trial.fits && trial.result.outcome == TrialOutcome::ok ? Ink::plain : Ink::yellow;
}

}  // namespace

TuningProgress::TuningProgress(TuningSession& session, bool silent)
    : session_(session), silent_(silent), terminal_(terminal_columns().has_value()) {
  session_.set_watcher(
      {.on_phase = [this](const std::string& phase) { phase_ = phase; }, .on_tick = [this] { tick(); }});
}

TuningProgress::~TuningProgress() {
  session_.set_watcher({});
}

SearchControl TuningProgress::control() {
  SearchControl control;
  control.cancelled = [this] { return session_.interrupted(); };
  control.on_event = [this](const SearchEvent& event) {
    if (event.trial == nullptr) return;
    if (event.kind == SearchEvent::Kind::started) {
      started(event.trial->batch, event.trial->request);
    } else {
      finished(recorded(*event.trial));
    }
  };
  return control;
}

void TuningProgress::started(std::int64_t batch, const TrialRequest& request) {
  batch_ = batch;
  settings_ = settings_text(request, session_.batch_key());
  phase_.clear();
  limit_s_ = request.time_limit_s;
  began_ = std::chrono::steady_clock::now();
  told_s_ = 0;
  if (!silent_ && terminal_) show_running(false);
}

// A terminal is told every second, a log after ten and then twice a minute.
void TuningProgress::tick() {
  if (silent_ || batch_ == 0) return;
  const auto seconds = std::chrono::floor<std::chrono::seconds>(std::chrono::steady_clock::now() - began_).count();
  const bool due = terminal_ ? seconds > told_s_ : told_s_ == 0 ? seconds >= kLongWait : seconds >= told_s_ + kNextWord;
  if (!due) return;
  told_s_ = seconds;
  show_running(true);
}

// "  batch    64  waiting for its first rate: 12 s of at most 48 s"
void TuningProgress::show_running(bool with_time) const {
  const Console& console = session_.console();
  Text doing = phase_.empty() ? Text("measuring …", "测量中 …") : phase_text(phase_);
  if (with_time) {
    doing += Text(": {} s", "：{} 秒", told_s_);
    if (limit_s_) {
      doing += Text(" of at most {:.0f} s", "，至多 {:.0f} 秒", *limit_s_);
    }
  }
  const Text what(fmt::format("  batch {:>5}  {}  {}", batch_, doing.en, settings_),
                  fmt::format("  批大小 {:>5}  {}  {}", batch_, doing.zh, settings_));
  const std::string line = without_controls(console.text(what));
  if (terminal_) {
    clear_line();
    session_.print(paint(fit_columns(line, *terminal_columns() - 1), Ink::dim, console.color_out));
  } else {
    session_.print(line.substr(0, line.find_last_not_of(' ') + 1) + "\n");
  }
}

void TuningProgress::finished(RecordedTrial trial) {
  batch_ = 0;
  if (!silent_) {
    const Console& console = session_.console();
    std::string line = trial_line(trial, {console.language, console.utf8}, session_.batch_key());
    line.pop_back();
    if (terminal_) clear_line();
    session_.print(paint(line, ink_of(trial), console.color_out) + "\n");
  }
  trials_.push_back(std::move(trial));
}

void TuningProgress::headline(const Text& text) {
  if (silent_) return;
  const Console& console = session_.console();
  session_.print(paint(console.text(text), Ink::bold, console.color_out) + "\n");
}

}  // namespace wring
