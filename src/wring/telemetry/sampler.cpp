#include "wring/telemetry/sampler.h"

#include <algorithm>
#include <cmath>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

#include <pthread.h>
#include <signal.h>

#include "wring/base/clock.h"

namespace wring {
namespace {

// A tick waits this long for the calls that it began; what comes later is in the next tick.
constexpr double kLongestPatienceS = 0.5;
double patience_s(double interval_s) {
  return std::min(interval_s / 2, kLongestPatienceS);
}

enum class Wake { due, stop, retimed, asked };

// The program's signals go to its main thread, which waits for them.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalsBlocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t before_{};
};

}  // namespace

// What the threads of the cards share with the clock. A thread whose driver call never comes back keeps it alive.
struct Sampler::Shared {
  struct Card {
    bool wanted = false;  // the clock asks for a sample
    bool busy = false;    // a driver call is running,
    double since_s = 0;   // since then
    std::optional<GpuSample> fresh;
  };

  explicit Shared(std::shared_ptr<Telemetry> source) : telemetry(std::move(source)), cards(telemetry->gpus().size()) {}

  const std::shared_ptr<Telemetry> telemetry;
  std::mutex mutex;
  std::condition_variable work;    // for the cards' threads
  std::condition_variable change;  // for the clock
  std::condition_variable answer;  // for tick_now()
  bool stopping = false;           // one more tick, then the end
  double interval_s = 1;
  bool retimed = false;  // interval_s is new
  bool ended = false;    // the cards' threads leave
  // Calls of tick_now(), those that the clock has seen, and those whose tick the sinks have.
  std::int64_t asked = 0, taken = 0, answered = 0;
  std::vector<Card> cards;

  // The thread of one card.
  void serve(std::size_t gpu) {
    std::unique_lock lock(mutex);
    Card& card = cards[gpu];
    while (true) {
      work.wait(lock, [&] { return ended || card.wanted; });
      if (ended) return;
      card.wanted = false;
      card.busy = true;
      card.since_s = steady_seconds();
      lock.unlock();
      GpuSample sample = telemetry->sample(gpu);
      lock.lock();
      card.busy = false;
      card.fresh = std::move(sample);
      change.notify_one();
    }
  }

  // Once a tick is made: until the next moment that is due, or what comes before it. A new interval is put into
  // `into_interval_s`.
  Wake wait_until(SteadyClock::time_point due, double& into_interval_s) {
    std::unique_lock lock(mutex);
    answered = taken;
    answer.notify_all();
    change.wait_until(lock, due, [&] { return stopping || retimed || asked > answered; });
    taken = asked;
    if (stopping) return Wake::stop;
    if (asked > answered) return Wake::asked;
    if (!retimed) return Wake::due;
    retimed = false;
    into_interval_s = interval_s;
    return Wake::retimed;
  }

  // Asks every card that is free, waits for their answers as long as a tick may, and takes what is there. `anew`: asks
  // every card, and what was read before does not count.
  std::vector<GpuTick> collect(double wait_s, double overdue_s, bool anew) {
    std::unique_lock lock(mutex);
    std::vector<std::size_t> chosen;
    for (std::size_t i = 0; i < cards.size(); ++i) {
      if (cards[i].busy && !anew) continue;
      if (anew) cards[i].fresh.reset();
      cards[i].wanted = true;
      chosen.push_back(i);
    }
    if (!chosen.empty()) work.notify_all();
    change.wait_for(lock, steady_duration(wait_s), [&] {
      return std::ranges::none_of(chosen, [&](std::size_t i) { return cards[i].wanted || cards[i].busy; });
    });
    std::vector<GpuTick> ticks(cards.size());
    const double now = steady_seconds();
    for (std::size_t i = 0; i < cards.size(); ++i) {
      ticks[i].sample = std::exchange(cards[i].fresh, std::nullopt);
      if (cards[i].busy && now - cards[i].since_s >= overdue_s) ticks[i].stuck_for_s = now - cards[i].since_s;
    }
    return ticks;
  }
};

struct Sampler::State {
  SamplerOptions options;
  HostSampler host;
  std::optional<ProgramSampler> program;
  std::vector<TickSink*> sinks;
  std::vector<std::thread> cards;
  std::thread thread;
  std::int64_t missed = 0;
  bool left_behind = false;

  void emit(const Tick& tick) {
    std::erase_if(sinks, [&](TickSink* sink) {
      try {
        sink->on_tick(tick);
        return false;
      } catch (const Error& error) {
        if (options.on_sink_error) options.on_sink_error(error);
      } catch (const std::exception& error) {
        if (options.on_sink_error) options.on_sink_error(Error(ErrorCode::failed, error.what()));
      }
      return true;
    });
  }
};

Sampler::Sampler(std::shared_ptr<Telemetry> telemetry, SamplerOptions options)
    : shared_(std::make_shared<Shared>(std::move(telemetry))), state_(std::make_unique<State>()) {
  state_->host = HostSampler(options.host_root);
  state_->options = std::move(options);
}

Sampler::~Sampler() {
  stop();
}

void Sampler::add(TickSink& sink) {
  state_->sinks.push_back(&sink);
}

void Sampler::follow(pid_t command) {
  state_->program.emplace(state_->options.host_root).follow(command);
}

void Sampler::follow_cuda() {
  state_->program.emplace(state_->options.host_root).follow_cuda(shared_->cards.size());
}

const std::vector<Gpu>& Sampler::gpus() const {
  return shared_->telemetry->gpus();
}

bool Sampler::left_a_call_behind() const {
  return state_->left_behind;
}

void Sampler::start() {
  const SignalsBlocked blocked;
  for (std::size_t gpu = 0; gpu < shared_->cards.size(); ++gpu) {
    state_->cards.emplace_back([shared = shared_, gpu] { shared->serve(gpu); });
  }
  state_->thread = std::thread([this] { clock_loop(); });
}

void Sampler::stop() {
  if (!state_->thread.joinable()) return;
  {
    const std::scoped_lock lock(shared_->mutex);
    shared_->stopping = true;
  }
  shared_->change.notify_one();
  state_->thread.join();
  std::vector<bool> busy;
  {
    const std::scoped_lock lock(shared_->mutex);
    shared_->ended = true;
    for (const Shared::Card& card : shared_->cards) busy.push_back(card.busy);
  }
  shared_->work.notify_all();
  for (std::size_t gpu = 0; gpu < busy.size(); ++gpu) {
    if (busy[gpu]) {
      state_->cards[gpu].detach();
      state_->left_behind = true;
    } else {
      state_->cards[gpu].join();
    }
  }
}

void Sampler::clock_loop() {
  State& state = *state_;
  double interval_s = state.options.interval_s;
  auto start = SteadyClock::now();
  SteadyClock::time_point last{};
  const auto tick = [&](bool asked = false) {
    last = SteadyClock::now();
    Tick made;
    made.interval_s = interval_s;
    made.missed = state.missed;
    const double wait_s = asked ? kLongestPatienceS : patience_s(interval_s);
    made.gpus = shared_->collect(wait_s, state.options.overdue_s, asked);
    made.host = state.host.sample();
    if (state.program) made.program = state.program->sample(made.host.time_s);
    made.time_s = steady_seconds();
    made.unix_ms = unix_ms();
    state.emit(made);
  };
  for (std::int64_t k = 0;;) {
    const Wake wake = shared_->wait_until(start + steady_duration(static_cast<double>(k) * interval_s), interval_s);
    if (wake == Wake::stop) {
      // Less than a quarter of an interval is not worth a line of its own.
      if (SteadyClock::now() - last > steady_duration(interval_s / 4)) tick();
      return;
    }
    if (wake == Wake::asked) tick(true);
    if (wake != Wake::due) {
      start = last;
      k = 1;
      continue;
    }
    tick();
    const double behind = seconds_since(start) / interval_s;
    const std::int64_t next = std::max(k + 1, static_cast<std::int64_t>(std::floor(behind)));
    state.missed += next - (k + 1);
    k = next;
  }
}

void Sampler::tick_now() {
  std::unique_lock lock(shared_->mutex);
  const std::int64_t mine = ++shared_->asked;
  if (!state_->thread.joinable()) start();
  shared_->change.notify_one();
  shared_->answer.wait_for(lock, steady_duration(kLongestPatienceS), [&] { return shared_->answered >= mine; });
}

void Sampler::set_interval(double interval_s) {
  {
    const std::scoped_lock lock(shared_->mutex);
    shared_->interval_s = interval_s;
    shared_->retimed = true;
  }
  shared_->change.notify_one();
}

}  // namespace wring
