#include "wring/cli/tuning_progress.h"

#include <fmt/format.h>

#include "wring/cli/terminal.h"
#include "wring/report/tuning_text.h"
#include "wring/report/tuning_words.h"

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

Ink ink_of(const RecordedTrial& trial) {
  return trial.fits && trial.result.outcome == TrialOutcome::ok ? Ink::plain : Ink::yellow;
}

}  // namespace

TuningProgress::TuningProgress(const TuningSession& session, bool silent)
    : session_(session), silent_(silent), terminal_(terminal_columns().has_value()) {}

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
  if (silent_ || !terminal_) return;
  const Console& console = session_.console();
  const Text what(fmt::format("  batch {:>5}  measuring … {}", batch, settings_text(request, session_.batch_key())),
                  fmt::format("  批大小 {:>5}  测量中 … {}", batch, settings_text(request, session_.batch_key())));
  fmt::print("{}", paint(fit_columns(without_controls(console.text(what)), *terminal_columns() - 1), Ink::dim,
                         console.color_out));
  std::fflush(stdout);
}

void TuningProgress::finished(RecordedTrial trial) {
  if (!silent_) {
    const Console& console = session_.console();
    std::string line = trial_line(trial, {console.language, console.utf8}, session_.batch_key());
    line.pop_back();
    if (terminal_) fmt::print("\r\x1b[K");
    fmt::print("{}\n", paint(line, ink_of(trial), console.color_out));
    std::fflush(stdout);
  }
  trials_.push_back(std::move(trial));
}

void TuningProgress::headline(const Text& text) {
  if (silent_) return;
  const Console& console = session_.console();
  fmt::print("{}\n", paint(console.text(text), Ink::bold, console.color_out));
  std::fflush(stdout);
}

}  // namespace wring
