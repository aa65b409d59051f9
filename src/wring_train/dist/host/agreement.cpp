#include "wring_train/dist/host/agreement.h"

#include <algorithm>
#include <cstddef>
#include <map>
#include <sstream>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace wring {
namespace {

constexpr std::size_t kNamed = 8;  // ranks and facts of a message; the others are counted

std::string field(std::string text) {
  std::ranges::replace_if(
      text, [](unsigned char c) { return c < ' '; }, ' ');
  return text;
}

std::vector<std::vector<std::string>> fields_of_lines(const std::string& text) {
  std::vector<std::vector<std::string>> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) {
    std::vector<std::string>& fields = lines.emplace_back();
    std::istringstream parts(line);
    for (std::string one; std::getline(parts, one, '\t');) fields.push_back(one);
  }
  return lines;
}

// One fact and one value of it that is not rank 0's.
struct Difference {
  Text name;
  std::string zeros;
  std::string other;
  std::vector<std::size_t> ranks;  // that have it
};

std::vector<Difference> differences_in(std::span<const std::string> unlike) {
  std::vector<Difference> differences;
  for (std::size_t rank = 0; rank < unlike.size(); ++rank) {
    for (const std::vector<std::string>& line : fields_of_lines(unlike[rank])) {
      if (line.size() != 4) continue;
      const auto same = std::ranges::find_if(
          differences, [&](const Difference& one) { return one.name.en == line[0] && one.other == line[3]; });
      if (same == differences.end()) {
        differences.push_back({{line[0], line[1]}, line[2], line[3], {rank}});
      } else {
        same->ranks.push_back(rank);
      }
    }
  }
  return differences;
}

std::string names(const std::vector<std::size_t>& ranks, std::span<const std::string> hosts) {
  if (ranks.size() == 1) return fmt::format("rank {} ({})", ranks[0], hosts[ranks[0]]);
  const std::size_t named = std::min(ranks.size(), kNamed);
  const std::string others = ranks.size() > named ? fmt::format(" (+ {})", ranks.size() - named) : "";
  return fmt::format("rank {}{}", fmt::join(ranks.begin(), ranks.begin() + static_cast<std::ptrdiff_t>(named), ", "),
                     others);
}

}  // namespace

std::string written_facts(const RankFacts& facts) {
  std::string text;
  for (const RankFact& fact : facts) text += fmt::format("{}\t{}\n", field(fact.name.en), field(fact.value));
  return text;
}

std::string unlike_facts(const std::string& rank_zeros_facts, const RankFacts& own) {
  std::map<std::string, std::string> zeros;
  for (const std::vector<std::string>& line : fields_of_lines(rank_zeros_facts)) {
    if (line.size() == 2) zeros[line[0]] = line[1];
  }
  std::string unlike;
  for (const RankFact& fact : own) {
    const auto found = zeros.find(field(fact.name.en));
    const std::string value = field(fact.value);
    if (value.empty() || found == zeros.end() || found->second == value) continue;
    unlike += fmt::format("{}\t{}\t{}\t{}\n", field(fact.name.en), field(fact.name.zh), found->second, value);
  }
  return unlike;
}

std::optional<Text> describe_unlike(std::span<const std::string> unlike, std::span<const std::string> hosts) {
  const std::vector<Difference> differences = differences_in(unlike);
  if (differences.empty()) return std::nullopt;
  Text text{"the ranks would not train the same", "各进程的训练内容不一致"};
  for (std::size_t i = 0; i < std::min(differences.size(), kNamed); ++i) {
    const Difference& one = differences[i];
    const std::string others = names(one.ranks, hosts);
    text += Text("{}{} is {} on rank 0 and {} on {}", "{0}{1} 在 rank 0 上为 {2}，在 {4} 上为 {3}",
                 i == 0 ? Text{": ", "："} : Text{"; ", "；"}, one.name, one.zeros, one.other, others);
  }
  if (const std::size_t more = differences.size() - std::min(differences.size(), kNamed); more > 0) {
    text += Text("; and {} more", "；另有 {} 项", more);
  }
  return text;
}

}  // namespace wring
