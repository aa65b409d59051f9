#include "wring_train/dist/host/host_group.h"

#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "wring/base/error.h"

namespace wring {
namespace {

std::vector<std::byte> bytes_of_text(const std::string& text) {
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

std::string text_of_bytes(const std::vector<std::byte>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

template <typename T>
std::span<std::byte> bytes_of(T& value) {
  return std::as_writable_bytes(std::span(&value, 1));
}

}  // namespace

HostGroup::HostGroup(const GroupOptions& options, const Noticeboard& board)
    : HostGroup(options, meet(options, board)) {}

HostGroup::HostGroup(const GroupOptions& options, Meeting meeting)
    : rank_(options.rank),
      size_(options.size),
      hosts_(std::move(meeting.hosts)),
      connections_(std::move(meeting.connections)) {
  watch_ = std::make_unique<RankWatch>(rank_, hosts_, std::move(meeting.watch_connections), options.times, [this] {
    for (const auto& one : connections_) {
      if (one) one->shut_down();
    }
  });
}

HostGroup::~HostGroup() = default;

void HostGroup::send(const Connection& to, std::span<const std::byte> bytes) {
  if (!to.send(bytes)) throw watch_->wait_for_loss();
}

void HostGroup::send(const Connection& to, Call call, std::span<const std::byte> bytes) {
  const Header header{call, number_, bytes.size()};
  send(to, std::as_bytes(std::span(&header, 1)));
  send(to, bytes);
}

void HostGroup::receive(const Connection& from, std::span<std::byte> bytes) {
  if (!from.receive(bytes)) throw watch_->wait_for_loss();
}

std::uint64_t HostGroup::receive_header(int rank, Call call) {
  Header header;
  receive(connection(rank), bytes_of(header));
  if (header.call == call && header.number == number_) return header.bytes;
  throw Error(ErrorCode::failed,
              fmt::format("the ranks are out of step: rank {} is in call {} of kind {}, rank {} in {} of kind {}", rank,
                          header.number, static_cast<int>(header.call), rank_, number_, static_cast<int>(call)),
              "this is a fault of wring: please report it");
}

void HostGroup::sum(std::span<float> values) {
  ++number_;
  const auto bytes = std::as_writable_bytes(values);
  if (rank_ != 0) {
    send(connection(0), Call::sum, bytes);
    receive_header(0, Call::sum);
    return receive(connection(0), bytes);
  }
  std::vector<float> theirs(values.size());
  for (int rank = 1; rank < size_; ++rank) {
    if (receive_header(rank, Call::sum) != bytes.size()) {
      throw Error(ErrorCode::failed, fmt::format("rank {} has another network than rank 0", rank),
                  "start every rank with the same config");
    }
    receive(connection(rank), std::as_writable_bytes(std::span(theirs)));
    for (std::size_t i = 0; i < values.size(); ++i) values[i] += theirs[i];
  }
  for (int rank = 1; rank < size_; ++rank) send(connection(rank), Call::sum, bytes);
}

void HostGroup::broadcast(std::vector<std::byte>& bytes) {
  ++number_;
  if (rank_ == 0) {
    for (int rank = 1; rank < size_; ++rank) send(connection(rank), Call::broadcast, bytes);
    return;
  }
  bytes.resize(receive_header(0, Call::broadcast));
  receive(connection(0), bytes);
}

std::vector<std::vector<std::byte>> HostGroup::gather_bytes(std::span<const std::byte> own) {
  ++number_;
  std::vector<std::vector<std::byte>> all(static_cast<std::size_t>(size_));
  const auto take = [&](int from, std::vector<std::byte>& into) {
    into.resize(receive_header(from, Call::gather));
    receive(connection(from), into);
  };
  if (rank_ != 0) {
    send(connection(0), Call::gather, own);
    for (auto& one : all) take(0, one);
    return all;
  }
  all[0].assign(own.begin(), own.end());
  for (int rank = 1; rank < size_; ++rank) take(rank, all[static_cast<std::size_t>(rank)]);
  for (int rank = 1; rank < size_; ++rank) {
    for (const auto& one : all) send(connection(rank), Call::gather, one);
  }
  return all;
}

std::vector<std::vector<double>> HostGroup::gather(std::span<const double> values) {
  std::vector<std::vector<double>> all;
  for (const std::vector<std::byte>& bytes : gather_bytes(std::as_bytes(values))) {
    std::memcpy(all.emplace_back(bytes.size() / sizeof(double)).data(), bytes.data(), bytes.size());
  }
  return all;
}

// Rank 0's facts travel to all, but only what differs travels back.
void HostGroup::agree(const RankFacts& facts, const Text& hint) {
  std::vector<std::byte> zero = bytes_of_text(rank_ == 0 ? written_facts(facts) : "");
  broadcast(zero);
  const std::string own = unlike_facts(text_of_bytes(zero), facts);
  std::vector<std::string> unlike;
  for (const auto& one : gather_bytes(std::as_bytes(std::span(own)))) unlike.push_back(text_of_bytes(one));
  const std::optional<Text> difference = describe_unlike(unlike, hosts_);
  if (!difference) return;
  try {
    finish();  // all know it: the end of who is the first to end is not what the others are to tell
  } catch (const Error&) {
  }
  throw Error(ErrorCode::failed, *difference, hint);
}

void HostGroup::finish() {
  gather({});
  watch_->finish();
}

}  // namespace wring
