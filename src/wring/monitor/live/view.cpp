#include "wring/monitor/live/view.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <mutex>
#include <string_view>
#include <thread>

#include <poll.h>
#include <unistd.h>

#include "wring/base/clock.h"
#include "wring/base/environment.h"
#include "wring/monitor/live/layout.h"
#include "wring/monitor/live/screen.h"
#include "wring/monitor/live/view_signals.h"
#include "wring/monitor/process_owner.h"

namespace wring::live {
namespace {

constexpr double kVerdictsEveryS = 5;
constexpr std::chrono::milliseconds kClock{1000};  // without ticks, the time on the screen goes on
constexpr std::size_t kOwnersKept = 1000;

// What +/- go through.
constexpr std::array kIntervalsS = {0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0};

double longer(double interval_s) {
  const auto next = std::ranges::find_if(kIntervalsS, [&](double each) { return each > interval_s * 1.001; });
  return next == kIntervalsS.end() ? interval_s : *next;
}

double shorter(double interval_s) {
  const auto next =
      std::find_if(kIntervalsS.rbegin(), kIntervalsS.rend(), [&](double each) { return each < interval_s / 1.001; });
  return next == kIntervalsS.rend() ? interval_s : *next;
}

Text words_of(GpuSource source) {
  switch (source) {
    case GpuSource::nvidia_smi:
      return {"through nvidia-smi: fewer values", "经由nvidia-smi：数据较少"};
    case GpuSource::nvml:
    case GpuSource::none:
      break;
  }
  return {};
}

}  // namespace

bool live_view_possible() {
  const std::string_view terminal = environment("TERM").value_or("");
  return !terminal.empty() && terminal != "dumb" && ::isatty(STDIN_FILENO) != 0 && ::isatty(STDOUT_FILENO) != 0 &&
         ::tcgetpgrp(STDIN_FILENO) == ::getpgrp();
}

struct LiveView::State {
  State(LiveViewOptions given, std::unique_ptr<LiveScreen> terminal)
      : options(std::move(given)), screen(std::move(terminal)), model(options.gpus) {
    status.driver_version = options.driver_version;
    status.source = words_of(options.source);
    status.problems = options.problems;
    status.can_change_interval = options.set_interval != nullptr;
    thread = std::thread([this] { run(); });
  }

  ~State() {
    {
      const std::scoped_lock lock(mutex);
      ending = true;
    }
    signals.wake();
    thread.join();
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  void absorb(const Tick& tick) {
    std::vector<std::vector<Finding>> verdicts;
    const bool due = options.verdicts && tick.time_s - verdicts_at_s >= kVerdictsEveryS;
    if (due) verdicts = options.verdicts();
    {
      const std::scoped_lock lock(mutex);
      model.absorb(tick);
      if (due) {
        verdicts_at_s = tick.time_s;
        for (std::size_t i = 0; i < model.gpus.size() && i < verdicts.size(); ++i) model.gpus[i].verdicts = verdicts[i];
      }
    }
    signals.wake();
  }

  void run() {
    ViewSignals::listen_here();
    draw();
    while (wait()) {
      const ViewSignals::Seen seen = signals.take();
      if (seen.stop) {
        screen->leave();
        ViewSignals::stop_process();
      }
      if (seen.stop || seen.resumed) screen->enter();
      for (Key key = screen->read_key(); key != Key::none; key = screen->read_key()) press(key);
      draw();
    }
  }

  // Until there is something to do; false at the end.
  bool wait() {
    std::array<pollfd, 2> sources = {
        {{signals.descriptor(), POLLIN, 0}, {keyboard_gone ? -1 : STDIN_FILENO, POLLIN, 0}}};
    ::poll(sources.data(), sources.size(), static_cast<int>(kClock.count()));
    if ((sources[1].revents & (POLLHUP | POLLERR | POLLNVAL)) != 0) {
      keyboard_gone = true;
      press(Key::quit);
    }
    const std::scoped_lock lock(mutex);
    return !ending;
  }

  void press(Key key) {
    const std::size_t last = options.gpus.empty() ? 0 : options.gpus.size() - 1;
    constexpr std::size_t kPage = 8;
    if (status.help && key != Key::quit) {
      status.help = false;
      return;
    }
    switch (key) {
      case Key::quit:
        if (options.quit) options.quit();
        break;
      case Key::pause:
        pause();
        break;
      case Key::help:
        status.help = true;
        break;
      case Key::faster:
        change_interval(shorter);
        break;
      case Key::slower:
        change_interval(longer);
        break;
      case Key::up:
        status.selected -= std::min<std::size_t>(status.selected, 1);
        break;
      case Key::down:
        status.selected = std::min(status.selected + 1, last);
        break;
      case Key::page_up:
        status.selected -= std::min(status.selected, kPage);
        break;
      case Key::page_down:
        status.selected = std::min(status.selected + kPage, last);
        break;
      case Key::first:
        status.selected = 0;
        break;
      case Key::last:
        status.selected = last;
        break;
      case Key::none:
      case Key::other:
        break;
    }
  }

  void pause() {
    status.paused = !status.paused;
    const std::scoped_lock lock(mutex);
    frozen = status.paused ? std::optional(model) : std::nullopt;
  }

  void change_interval(double (*next)(double)) {
    if (!options.set_interval) return;
    const double now = [&] {
      const std::scoped_lock lock(mutex);
      return model.interval_s;
    }();
    if (now > 0 && next(now) != now) options.set_interval(next(now));
  }

  void draw() {
    status.elapsed_s = seconds_since(start);
    if (options.duration_s) status.remaining_s = std::max(0.0, *options.duration_s - status.elapsed_s);
    const ScreenSize size = screen->size();
    const LiveLook look{size.columns, size.rows, screen->utf8(), screen->utf8() ? options.language : Language::en};
    const auto layout = [&](const LiveModel& what) {
      name_owners(what);
      return layout_live(what, status, look);
    };
    // The screen may be slow, so it is shown what was laid out under the lock without it.
    const Canvas canvas = [&] {
      const std::scoped_lock lock(mutex);
      return layout(frozen ? *frozen : model);
    }();
    screen->show(canvas);
  }

  void name_owners(const LiveModel& what) {
    if (status.owners.size() > kOwnersKept) status.owners.clear();
    for (const LiveGpu& gpu : what.gpus) {
      if (!gpu.sample) continue;
      for (const GpuProcess& process : gpu.sample->processes) {
        // Without a name, the pid is one of another pid namespace: here it may be somebody else's.
        if (process.name.empty() || status.owners.contains(process.pid)) continue;
        if (std::string owner = process_owner(process.pid); !owner.empty())
          status.owners[process.pid] = std::move(owner);
      }
    }
  }

  const LiveViewOptions options;
  const SteadyClock::time_point start = SteadyClock::now();
  std::unique_ptr<LiveScreen> screen;
  ViewSignals signals;

  std::mutex mutex;  // of what the sampler's thread writes
  LiveModel model;
  double verdicts_at_s = 0;
  bool ending = false;

  // The view's own thread alone uses these.
  LiveStatus status;
  std::optional<LiveModel> frozen;
  bool keyboard_gone = false;

  std::thread thread;
};

std::unique_ptr<LiveView> LiveView::open(LiveViewOptions options) {
  if (!live_view_possible()) return nullptr;
  std::unique_ptr<LiveScreen> screen = open_live_screen({options.color, options.utf8});
  if (!screen) return nullptr;
  return std::unique_ptr<LiveView>(new LiveView(std::make_unique<State>(std::move(options), std::move(screen))));
}

LiveView::LiveView(std::unique_ptr<State> state) : state_(std::move(state)) {}
LiveView::~LiveView() = default;

void LiveView::on_tick(const Tick& tick) {
  state_->absorb(tick);
}

}  // namespace wring::live
