// loader_rate --hr DIR [--lr DIR] --patch P --batch B --scale S --workers W --cache none|host --seconds T
// Samples per second of the data loader alone, without a training step, on the image files of a folder; one JSON
// object: {"samples_per_s", "batches", "seconds"}. bench/vs_pytorch.py sets it beside PyTorch's DataLoader.
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "wring/base/clock.h"
#include "wring/base/error.h"
#include "wring_train/data/loader.h"

namespace {

struct Options {
  std::string hr;
  std::string lr;
  std::string cache = "none";
  wring::LoaderOptions loader;
  double seconds = 3;
};

int measure(const Options& options) {
  const auto lr = options.lr.empty() ? std::nullopt : std::optional<std::filesystem::path>(options.lr);
  wring::LoaderOptions loader_options = options.loader;
  loader_options.cache_decoded = options.cache == "host";
  loader_options.prefetch_factor = 4;
  auto images = wring::scan_images(options.hr, lr, loader_options.samples.scale, loader_options.samples.patch_size);
  const auto image_count = static_cast<std::int64_t>(images.pairs.size());
  wring::Loader loader(std::move(images), loader_options);
  // Long enough to fill the window, and with a cache to have met nearly every image.
  const std::int64_t met = options.cache == "host" ? 5 * image_count / loader_options.samples.batch_size : 0;
  for (std::int64_t i = 0; i < met + 4; ++i) loader.next();

  std::int64_t batches = 0;
  const auto began = wring::SteadyClock::now();
  double seconds = 0;
  while (seconds < options.seconds) {
    loader.next();
    ++batches;
    seconds = wring::seconds_since(began);
  }
  const nlohmann::json result{
      {"samples_per_s", static_cast<double>(batches) * loader_options.samples.batch_size / seconds},
      {"batches", batches},
      {"seconds", seconds}};
  fmt::print("{}\n", result.dump());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app("Samples per second of the data loader alone");
  app.add_option("--hr", options.hr)->required();
  app.add_option("--lr", options.lr);
  app.add_option("--patch", options.loader.samples.patch_size)->required();
  app.add_option("--batch", options.loader.samples.batch_size)->required();
  app.add_option("--scale", options.loader.samples.scale);
  app.add_option("--workers", options.loader.num_workers);
  app.add_option("--cache", options.cache)->check(CLI::IsMember({"none", "host"}));
  app.add_option("--seconds", options.seconds)->check(CLI::PositiveNumber);
  CLI11_PARSE(app, argc, argv);
  try {
    return measure(options);
  } catch (const std::exception& error) {
    fmt::print(stderr, "loader_rate: error: {}\n", error.what());
    return 1;
  }
}
