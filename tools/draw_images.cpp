// Writes synthetic photographs: draw_images --count 100 --size 480x320 --seed 1 FOLDER

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include "tools/dead_leaves.h"
#include "wring/base/error.h"
#include "wring/files/files.h"
#include "wring_train/data/random.h"

namespace {

struct Options {
  int count = 100;
  int width = 480;
  int height = 320;
  std::uint64_t seed = 1;
  std::filesystem::path folder;
};

void parse_size(const std::string& text, Options& options) {
  char rest = 0;
  if (std::sscanf(text.c_str(), "%dx%d%c", &options.width, &options.height, &rest) != 2) {
    throw CLI::ValidationError("--size", fmt::format("{} is not a size such as 480x320", text));
  }
}

void draw(const Options& options, int index) {
  const std::uint64_t seed = wring::random_bits(options.seed, 0, static_cast<std::uint64_t>(index));
  const auto path = options.folder / fmt::format("leaves_{:04}.png", index + 1);
  wring::write_png(path, wring::dead_leaves(options.width, options.height, seed));
}

// Image i depends on the seed and i alone, so the threads may take them in any order.
void draw_all(const Options& options) {
  wring::make_folder(options.folder);
  std::atomic<int> next{0};
  std::exception_ptr failure;
  std::mutex failure_mutex;
  const auto work = [&] {
    try {
      for (int i = next++; i < options.count; i = next++) draw(options, i);
    } catch (...) {
      const std::lock_guard lock(failure_mutex);
      failure = std::current_exception();
      next = options.count;
    }
  };
  {
    std::vector<std::jthread> threads;
    for (unsigned i = 0; i < std::max(1u, std::thread::hardware_concurrency()); ++i) threads.emplace_back(work);
  }
  if (failure) std::rethrow_exception(failure);
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app("Draws synthetic photographs by the dead-leaves model, as PNG files.", "draw_images");
  app.add_option("--count", options.count, "how many images")->check(CLI::Range(1, 1000000))->capture_default_str();
  app.add_option_function<std::string>(
      "--size", [&](const std::string& text) { parse_size(text, options); }, "WIDTHxHEIGHT (default 480x320)");
  app.add_option("--seed", options.seed, "the same seed draws the same images")->capture_default_str();
  app.add_option("folder", options.folder, "where to write them")->required();
  try {
    app.parse(argc, argv);
    draw_all(options);
    return 0;
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : static_cast<int>(wring::ErrorCode::usage);
  } catch (const wring::Error& error) {
    fmt::print(stderr, "draw_images: {}\n{}\n", error.what(), error.hint().en);
    return static_cast<int>(error.code());
  }
}
