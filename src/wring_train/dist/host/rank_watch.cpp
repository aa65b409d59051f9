#include "wring_train/dist/host/rank_watch.h"

#include <algorithm>
#include <cstring>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include "wring/base/parse.h"

namespace wring {
namespace {

using Clock = std::chrono::steady_clock;

std::string one_line(std::string text) {
  std::ranges::replace_if(
      text, [](char c) { return c == '\n' || c == '\t' || c == '\r'; }, ' ');
  return text;
}

std::vector<std::string> fields_of(std::string_view line) {
  std::vector<std::string> fields;
  while (true) {
    const std::size_t tab = line.find('\t');
    fields.emplace_back(line.substr(0, tab));
    if (tab == std::string_view::npos) return fields;
    line.remove_prefix(tab + 1);
  }
}

Text what_is_done(RankPhase phase, std::int64_t steps) {
  switch (phase) {
    case RankPhase::training:
      break;
    case RankPhase::starting:
      return {"starting", "启动"};
    case RankPhase::validating:
      return {"validating after step {}", "第 {} 步之后的验证", steps};
    case RankPhase::saving:
      return {"saving after step {}", "第 {} 步之后的保存", steps};
  }
  return {"in step {}", "在第 {} 步停留", steps + 1};
}

}  // namespace

WatchTimes watch_times(std::string_view timeout) {
  WatchTimes times;
  if (timeout.empty()) return times;
  constexpr double kMost = 1e6;
  const double seconds = parse_number<double>(timeout).value_or(0);
  // Written so that nan is refused too.
  if (!(seconds >= 1 && seconds <= kMost)) {
    throw Error(ErrorCode::usage,
                {"WRING_RANK_TIMEOUT: '{}' is no number of seconds from 1 to 1000000",
                 "WRING_RANK_TIMEOUT：“{}”不是 1 到 1000000 之间的秒数", timeout},
                {"unset it, or give seconds: WRING_RANK_TIMEOUT=60", "请取消设置，或给出秒数：WRING_RANK_TIMEOUT=60"});
  }
  times.silence = std::chrono::milliseconds(static_cast<std::int64_t>(1000 * seconds));
  times.stall = times.silence;
  times.beat = std::min(times.beat, times.silence / 4);
  return times;
}

RankWatch::RankWatch(int rank, std::vector<std::string> hosts, std::vector<std::optional<Connection>> connections,
                     const WatchTimes& times, std::function<void()> unblock)
    : rank_(rank), hosts_(std::move(hosts)), times_(times), unblock_(std::move(unblock)) {
  for (std::size_t i = 0; i < connections.size(); ++i) {
    if (!connections[i]) continue;
    Peer peer;
    peer.rank = rank == 0 ? static_cast<int>(i) : 0;
    peer.connection = std::move(connections[i]);
    peer.heard = Clock::now();
    peers_.push_back(std::move(peer));
  }
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) {
    throw Error(ErrorCode::failed, "no pipe can be made", "see `ulimit -n`");
  }
  wake_read_ = Descriptor(ends[0]);
  wake_write_ = Descriptor(ends[1]);
  thread_ = std::thread([this] { run(); });
}

RankWatch::~RankWatch() {
  {
    const std::scoped_lock lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  (void)!::write(wake_write_.get(), "x", 1);
  thread_.join();
}

void RankWatch::on_ignored_loss(std::function<void(const Error&)> give_up) {
  const std::scoped_lock lock(mutex_);
  give_up_ = std::move(give_up);
}

void RankWatch::run() {
  Deadline next_beat = Clock::now();
  while (true) {
    if (Clock::now() >= next_beat) {
      send_beats();
      next_beat = Clock::now() + times_.beat;
    }
    listen(std::min(times_.beat, std::chrono::milliseconds(250)));
    look_at_times();
    const std::scoped_lock lock(mutex_);
    if (stop_) return;
    if (loss_) break;
  }
  give_up_if_ignored();
}

void RankWatch::listen(std::chrono::milliseconds time) {
  std::vector<pollfd> waiting{{wake_read_.get(), POLLIN, 0}};
  for (const Peer& peer : peers_) waiting.push_back({peer.gone ? -1 : peer.connection->descriptor(), POLLIN, 0});
  if (::poll(waiting.data(), waiting.size(), static_cast<int>(time.count())) <= 0) return;
  for (std::size_t i = 0; i < peers_.size(); ++i) {
    if (waiting[i + 1].revents == 0) continue;
    Peer& peer = peers_[i];
    const std::string text = peer.connection->receive_some();
    if (text.empty()) {
      if (peer.gone) continue;
      peer.gone = true;
      lose(peer.rank, {"ended without a word: it was killed, or its machine or the network failed",
                       "突然结束：被终止，或其机器、网络出现故障"});
      continue;
    }
    peer.lines.add(text, [&](std::string_view line) { take(peer, line); });
  }
}

// beat PROGRESS PHASE · fail EN ZH · lost RANK EN ZH · bye
void RankWatch::take(Peer& peer, std::string_view line) {
  const std::vector<std::string> fields = fields_of(line);
  peer.heard = Clock::now();
  if (fields[0] == "bye") peer.gone = true;
  if (fields[0] == "beat" && fields.size() == 3) {
    update(peer.standing, parse_leading<std::int64_t>(fields[1]).value_or(0),
           static_cast<RankPhase>(parse_leading<std::int64_t>(fields[2]).value_or(0)));
  }
  if (fields[0] == "fail" && fields.size() == 3) {
    peer.gone = true;
    lose(peer.rank, {"gave up: " + fields[1], "放弃运行：" + fields[2]});
  }
  if (fields[0] == "lost" && fields.size() == 4) record({fields[2], fields[3]});
}

void RankWatch::update(Standing& standing, std::int64_t progress, RankPhase phase) {
  if (progress != standing.progress || phase != standing.phase) standing.behind.reset();
  standing.progress = progress;
  standing.phase = phase;
}

// Where this process itself stood still (stopped, a laptop that slept), its clock says nothing of the others: their
// time begins anew.
void RankWatch::forgive_own_pause(Deadline now) {
  const bool paused = looked_ && now - *looked_ > times_.silence / 2;
  looked_ = now;
  if (!paused) return;
  own_.behind.reset();
  for (Peer& peer : peers_) {
    peer.heard = now;
    peer.standing.behind.reset();
  }
}

void RankWatch::look_at_times() {
  const Deadline now = Clock::now();
  forgive_own_pause(now);
  for (Peer& peer : peers_) {
    if (peer.gone || now - peer.heard < times_.silence) continue;
    peer.gone = true;
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(times_.silence).count();
    lose(peer.rank, {"has not answered for {} s: it is stopped, or its machine or the network failed",
                     "已 {} 秒没有响应：被暂停，或其机器、网络出现故障", seconds});
  }
  if (rank_ == 0) look_for_stalls(now);
}

// The ranks go in step, so one that stays behind holds all others up. It is behind since the others went on: however
// long they all waited before, for rank 0's disk say, nobody hung meanwhile.
void RankWatch::look_for_stalls(Deadline now) {
  update(own_, progress_, phase_);
  std::int64_t furthest = own_.progress;
  for (const Peer& peer : peers_) furthest = std::max(furthest, peer.standing.progress);
  judge(0, own_, furthest, now);
  for (Peer& peer : peers_) {
    // Of one that is silent nothing is known: that is judged by its silence.
    if (!peer.gone && now - peer.heard < 3 * times_.beat) judge(peer.rank, peer.standing, furthest, now);
  }
}

void RankWatch::judge(int rank, Standing& standing, std::int64_t furthest, Deadline now) {
  if (standing.progress >= furthest) {
    standing.behind.reset();
    return;
  }
  if (!standing.behind) standing.behind = now;
  const auto limit = standing.phase == RankPhase::training ? times_.stall : times_.patience;
  if (now - *standing.behind < limit) return;
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(limit).count();
  const Text doing = what_is_done(standing.phase, standing.progress);
  lose(rank,
       {"hangs: it has been {} for {} s while others wait for it", "停滞：{}已 {} 秒，其他进程在等待", doing, seconds});
}

void RankWatch::send_beats() {
  const std::string line = fmt::format("beat\t{}\t{}\n", progress_.load(), static_cast<int>(phase_.load()));
  for (const Peer& peer : peers_) {
    if (!peer.gone) tell(peer, line);
  }
}

void RankWatch::tell(const Peer& peer, const std::string& line) {
  const std::scoped_lock lock(send_mutex_);
  peer.connection->send(std::as_bytes(std::span(line)));
}

std::string RankWatch::name(int rank) const {
  return fmt::format("rank {} on {}", rank, hosts_.at(static_cast<std::size_t>(rank)));
}

void RankWatch::lose(int rank, const Text& what) {
  const Text text{"{} {}", "{} {}", name(rank), what};
  if (rank_ == 0) {
    const std::string line = fmt::format("lost\t{}\t{}\t{}\n", rank, one_line(text.en), one_line(text.zh));
    for (const Peer& peer : peers_) tell(peer, line);  // the lost one too: it may hang only in part
  }
  record(text);
}

void RankWatch::record(const Text& what) {
  {
    const std::scoped_lock lock(mutex_);
    if (loss_ || stop_) return;
    loss_ = loss(what);
  }
  unblock_();
  changed_.notify_all();
}

Error RankWatch::loss(const Text& what) const {
  if (!saved_) return {ErrorCode::failed, what, {"all ranks end", "所有进程随之结束"}};
  return {ErrorCode::failed,
          what,
          {"all ranks end; the last checkpoint is whole: go on with --resume, with any number of ranks",
           "所有进程随之结束；最近的检查点完好：可用 --resume 继续，进程数可以不同"}};
}

void RankWatch::give_up_if_ignored() {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, times_.grace, [&] { return stop_ || heard_by_main_; });
  if (stop_ || heard_by_main_ || !give_up_) return;
  const auto give_up = give_up_;
  const Error loss = *loss_;
  lock.unlock();
  give_up(loss);
}

void RankWatch::fail(const Text& why) {
  {
    const std::scoped_lock lock(mutex_);
    heard_by_main_ = true;
    if (loss_) return;  // this failure is only what followed from another rank's
  }
  changed_.notify_all();
  if (rank_ == 0) {
    const Text text{"{} gave up: {}", "{} 放弃运行：{}", name(0), why};
    const std::string line = fmt::format("lost\t0\t{}\t{}\n", one_line(text.en), one_line(text.zh));
    for (const Peer& peer : peers_) tell(peer, line);
  } else {
    tell(peers_.front(), fmt::format("fail\t{}\t{}\n", one_line(why.en), one_line(why.zh)));
  }
}

Error RankWatch::wait_for_loss() {
  std::unique_lock lock(mutex_);
  heard_by_main_ = true;
  changed_.notify_all();
  changed_.wait_for(lock, times_.silence + times_.grace, [&] { return loss_.has_value(); });
  if (loss_) return *loss_;
  return loss({"the connection between the ranks broke: check the network between the machines",
               "进程之间的连接中断：请检查机器之间的网络"});
}

void RankWatch::finish() {
  {
    const std::scoped_lock lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  for (const Peer& peer : peers_) tell(peer, "bye\n");
}

}  // namespace wring
