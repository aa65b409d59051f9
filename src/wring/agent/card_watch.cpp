#include "wring/agent/card_watch.h"

#include <algorithm>
#include <cstdint>
#include <mutex>
#include <string_view>
#include <utility>

#include "wring/base/clock.h"
#include "wring/base/error.h"
#include "wring/telemetry/sampler.h"
#include "wring/telemetry/throttle.h"

namespace wring {
namespace {

constexpr double kBetweenWindowsS = 1e6;  // the sampler rests
constexpr std::size_t kMostReadings = 100'000;

struct CardReading {
  double time_s = 0;
  std::optional<double> sm_activity, tensor_activity, dram_activity, power_w, sm_clock_mhz;
  std::optional<std::uint64_t> throttle;
};

CardReading reading_of(const GpuSample& sample) {
  return {sample.time_s,
          sample[Metric::sm_activity].optional(),
          sample[Metric::tensor_activity].optional(),
          sample[Metric::dram_activity].optional(),
          sample[Metric::power].optional(),
          sample[Metric::sm_clock].optional(),
          sample.throttle_reasons};
}

std::optional<double> median(const std::vector<CardReading>& readings, std::optional<double> CardReading::*value) {
  std::vector<double> known;
  for (const CardReading& reading : readings) {
    if (reading.*value) known.push_back(*(reading.*value));
  }
  if (known.empty()) return std::nullopt;
  const auto middle = known.begin() + static_cast<std::ptrdiff_t>(known.size() / 2);
  std::ranges::nth_element(known, middle);
  return *middle;
}

std::optional<double> throttled_percent(const std::vector<CardReading>& readings, std::uint64_t reasons) {
  double known = 0, throttled = 0;
  for (const CardReading& reading : readings) {
    if (!reading.throttle) continue;
    known += 1;
    throttled += (*reading.throttle & reasons) != 0 ? 1 : 0;
  }
  return known > 0 ? std::optional(100 * throttled / known) : std::nullopt;
}

ObservedCard summed_up(const std::vector<CardReading>& readings) {
  ObservedCard card;
  card.readings = std::ssize(readings);
  card.sm_activity = median(readings, &CardReading::sm_activity);
  card.tensor_activity = median(readings, &CardReading::tensor_activity);
  card.dram_activity = median(readings, &CardReading::dram_activity);
  card.power_w = median(readings, &CardReading::power_w);
  card.sm_clock_mhz = median(readings, &CardReading::sm_clock_mhz);
  card.throttled_by_power = throttled_percent(readings, kThrottleByPower);
  card.throttled_by_heat = throttled_percent(readings, kThrottleByHeat);
  return card;
}

// One process's window `steps`.
struct Window {
  std::optional<double> begin_s;
  bool over = false;
  std::optional<ObservedCard> card;
};

bool on_known_gpu(const AgentClient& client) {
  return client.process.device.starts_with("cuda") && !client.process.device_uuid.empty();
}

}  // namespace

struct CardWatch::State : TickSink {
  State(Open opener, double interval) : open(std::move(opener)), interval_s(interval) {}

  void on_tick(const Tick& tick) override {
    const std::scoped_lock lock(mutex);
    readings.resize(tick.gpus.size());
    for (std::size_t i = 0; i < tick.gpus.size(); ++i) {
      if (!keeps) readings[i].clear();
      if (tick.gpus[i].sample && readings[i].size() < kMostReadings) {
        readings[i].push_back(reading_of(*tick.gpus[i].sample));
      }
    }
  }

  void start() {
    if (!std::exchange(tried, true)) telemetry = open();
    if (!telemetry || telemetry->gpus().empty()) return;
    if (!sampler) {
      sampler = std::make_unique<Sampler>(
          telemetry, SamplerOptions{.interval_s = interval_s, .host_root = "/", .on_sink_error = {}});
      sampler->add(*this);
      sampler->start();
    }
    if (std::exchange(rests, false)) sampler->set_interval(interval_s);
  }

  // The driver is not asked while nobody's window is near.
  void rest() {
    if (sampler && !std::exchange(rests, true)) sampler->set_interval(kBetweenWindowsS);
  }

  void begin(Window& window) {
    if (!sampler) return;
    keep(true);
    sampler->tick_now();
    window.begin_s = steady_seconds();
  }

  // A reading tells of the time since the one before: the first in a window tells of what was before it.
  void end(Window& window, const AgentClient& client) {
    window.over = true;
    if (!window.begin_s || !sampler) return;
    sampler->tick_now();
    const std::vector<Gpu>& gpus = telemetry->gpus();
    const auto gpu = std::ranges::find(gpus, client.process.device_uuid, &Gpu::uuid);
    if (gpu == gpus.end()) return;
    const std::scoped_lock lock(mutex);
    const auto place = static_cast<std::size_t>(gpu - gpus.begin());
    std::vector<CardReading> within;
    for (const CardReading& reading : place < readings.size() ? readings[place] : std::vector<CardReading>()) {
      if (reading.time_s > *window.begin_s) within.push_back(reading);
    }
    if (!within.empty()) window.card = summed_up(within);
  }

  void keep(bool whether) {
    const std::scoped_lock lock(mutex);
    keeps = whether;
  }

  const Open open;
  const double interval_s;
  bool tried = false;
  bool rests = false;
  std::shared_ptr<Telemetry> telemetry;
  std::vector<Window> windows;
  std::mutex mutex;
  bool keeps = false;                              // some window is open
  std::vector<std::vector<CardReading>> readings;  // by card
  std::unique_ptr<Sampler> sampler;                // the last member: its threads end before what they write to
};

CardWatch::CardWatch(Open open, double interval_s) : state_(std::make_unique<State>(std::move(open), interval_s)) {}

CardWatch::~CardWatch() = default;

void CardWatch::see(const std::vector<AgentClient>& clients) {
  State& state = *state_;
  state.windows.resize(clients.size());
  bool near = false, is_open = false;
  for (std::size_t i = 0; i < clients.size(); ++i) {
    const AgentClient& client = clients[i];
    Window& window = state.windows[i];
    if (window.over || !on_known_gpu(client) || client.phase.empty()) continue;
    const bool warms_up = client.phase == "warmup" && !client.finished();
    const bool steps = client.phase == "steps" && !client.finished();
    if (warms_up || steps) state.start();
    // A warm-up that begins anew is another window.
    if (warms_up) window.begin_s.reset();
    if (steps && !window.begin_s) state.begin(window);
    if (!warms_up && !steps) state.end(window, client);
    near = near || warms_up || steps;
    is_open = is_open || steps;
  }
  state.keep(is_open);
  if (!near) state.rest();
}

std::optional<ObservedCard> CardWatch::of(std::size_t client) const {
  return client < state_->windows.size() ? state_->windows[client].card : std::nullopt;
}

std::shared_ptr<Telemetry> CardWatch::open_all_cards() {
  TelemetryOptions options;
  options.processes = false;
  return open_telemetry(options);
}

}  // namespace wring
