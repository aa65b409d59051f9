// Usage: NAME_fuzz [--runs N] [--seed S] [--corpus DIR] [FILE …]
// Feeds a target with mutations of its seeds, the same ones for the same S; with FILEs only these, to see a finding
// again. The input at work lies in ./fuzz-input.bin, where a crash leaves it. --corpus writes the seeds to DIR, for
// libFuzzer.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <random>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz/fuzz_target.h"
#include "wring/files/files.h"

namespace {

constexpr std::size_t kLargestInput = 1 << 16;

// Copies each input to where the page cache keeps it when this process dies.
class LastInput {
 public:
  LastInput() {
    const int file = ::open("fuzz-input.bin", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (file < 0 || ::ftruncate(file, sizeof(Slot)) != 0) std::exit(2);
    void* memory = ::mmap(nullptr, sizeof(Slot), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    ::close(file);
    if (memory == MAP_FAILED) std::exit(2);
    slot_ = static_cast<Slot*>(memory);
  }
  void keep(const std::string& input) {
    slot_->size = input.size();
    std::memcpy(slot_->bytes, input.data(), input.size());
  }

 private:
  struct Slot {
    std::uint64_t size;
    char bytes[kLargestInput];
  };
  Slot* slot_ = nullptr;
};

class Mutator {
 public:
  Mutator(std::vector<std::string> seeds, std::vector<std::string> words, std::uint64_t seed)
      : seeds_(std::move(seeds)), words_(std::move(words)), random_(seed) {}

  std::string next() {
    std::string input = seeds_[below(seeds_.size())];
    for (std::size_t steps = 1 + below(6); steps > 0; --steps) mutate(input);
    if (input.size() > kLargestInput) input.resize(kLargestInput);
    return input;
  }

 private:
  std::size_t below(std::size_t bound) { return bound == 0 ? 0 : random_() % bound; }

  void mutate(std::string& input) {
    const std::size_t at = below(input.size() + 1);
    const std::size_t length = std::min(1 + below(1 + below(32)), input.size() - std::min(at, input.size()));
    switch (below(9)) {
      case 0:  // one bit
        if (at < input.size()) input[at] = static_cast<char>(input[at] ^ (1 << below(8)));
        break;
      case 1:  // one byte
        if (at < input.size()) input[at] = static_cast<char>(below(256));
        break;
      case 2:  // a number at one of its borders, in either byte order
        overwrite(input, at);
        break;
      case 3:
        input.erase(std::min(at, input.size()), length);
        break;
      case 4:  // the same again, perhaps many times
        for (std::size_t times = 1 + below(1 + below(20)); times > 0; --times)
          input.insert(at, input.substr(at, length));
        break;
      case 5:
        if (!words_.empty()) input.insert(at, words_[below(words_.size())]);
        break;
      case 6:  // the beginning of one, the end of another
        splice(input.erase(at), seeds_[below(seeds_.size())]);
        break;
      case 7:
        input.resize(at);
        break;
      default:
        input.insert(at, 1 + below(4), static_cast<char>(below(256)));
    }
  }

  void splice(std::string& beginning, const std::string& other) { beginning += other.substr(below(other.size() + 1)); }

  void overwrite(std::string& input, std::size_t at) {
    static constexpr std::uint64_t kBorders[] = {0,
                                                 1,
                                                 0x7f,
                                                 0x80,
                                                 0xff,
                                                 0x7fff,
                                                 0xffff,
                                                 0x7fffffff,
                                                 0x80000000,
                                                 0xffffffff,
                                                 0x7fffffffffffffff,
                                                 0xffffffffffffffff};
    std::uint64_t value = kBorders[below(std::size(kBorders))];
    const std::size_t bytes = std::size_t{1} << below(4);
    if (below(2) == 0) value = __builtin_bswap64(value) >> (64 - 8 * bytes);
    for (std::size_t i = 0; i < bytes && at + i < input.size(); ++i)
      input[at + i] = static_cast<char>(value >> (8 * i));
  }

  std::vector<std::string> seeds_;
  std::vector<std::string> words_;
  std::mt19937_64 random_;
};

int feed(const std::string& input) {
  return LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
}

}  // namespace

int main(int argc, char** argv) try {
  std::uint64_t runs = 10000, seed = 1;
  std::string corpus;
  std::vector<std::string> files;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--runs" && i + 1 < argc) {
      runs = std::strtoull(argv[++i], nullptr, 10);
    } else if (word == "--seed" && i + 1 < argc) {
      seed = std::strtoull(argv[++i], nullptr, 10);
    } else if (word == "--corpus" && i + 1 < argc) {
      corpus = argv[++i];
    } else {
      files.push_back(word);
    }
  }
  const std::vector<std::string> seeds = wring::fuzz::seeds();
  if (!corpus.empty()) {
    wring::make_folder(corpus);
    for (std::size_t i = 0; i < seeds.size(); ++i) {
      wring::write_file_atomically(fmt::format("{}/{:03}", corpus, i), seeds[i]);
    }
    return 0;
  }
  for (const std::string& file : files) feed(wring::read_file(file));
  if (!files.empty()) return 0;

  LastInput last;
  for (const std::string& input : seeds) {
    last.keep(input);
    feed(input);
  }
  Mutator mutator(seeds, wring::fuzz::dictionary(), seed);
  for (std::uint64_t i = 0; i < runs; ++i) {
    const std::string input = mutator.next();
    last.keep(input);
    feed(input);
  }
  ::unlink("fuzz-input.bin");
  fmt::print("{} executions, no finding\n", runs + seeds.size());
  return 0;
} catch (const std::exception& error) {
  fmt::print(stderr, "finding: {}; the input is in fuzz-input.bin, behind eight bytes with its size\n", error.what());
  return 1;
}
