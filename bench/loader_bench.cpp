// Samples per second of the data loader, by number of workers, with and without the cache of decoded images,
// on generated images of 480×320 (the size of BSD) at scale 4 with patches of 192.
#include <filesystem>

#include <benchmark/benchmark.h>
#include <unistd.h>

#include "wring_train/data/loader.h"
#include "wring_train/data/random.h"
#include "wring_train/image/image.h"

namespace fs = std::filesystem;

namespace {

constexpr int kImages = 16;
constexpr int kBatch = 32;

class GeneratedImages {
 public:
  GeneratedImages() : folder_(fs::temp_directory_path() / ("wring_loader_bench_" + std::to_string(::getpid()))) {
    fs::create_directories(folder_);
    for (int i = 0; i < kImages; ++i) add(i);
  }
  ~GeneratedImages() { fs::remove_all(folder_); }
  const wring::ImageSet& set() const { return set_; }

 private:
  // A gradient with some noise, which compresses about as a photograph does.
  void add(int index) {
    wring::Image image(480, 320, 3);
    for (std::size_t i = 0; i < image.pixels.size(); ++i) {
      image.pixels[i] =
          static_cast<std::uint8_t>(i / 1440 / 2 + i % 1440 / 16 + (wring::random_bits(0, index, i) & 15));
    }
    const fs::path path = folder_ / (std::to_string(index) + ".png");
    wring::write_png(path, image);
    set_.pairs.push_back({path, std::nullopt});
    set_.sizes.push_back({image.width, image.height});
  }

  fs::path folder_;
  wring::ImageSet set_;
};

void loader(benchmark::State& state, bool cached) {
  static const GeneratedImages images;
  wring::LoaderOptions options;
  options.samples.batch_size = kBatch;
  options.samples.patch_size = 192;
  options.num_workers = static_cast<int>(state.range(0));
  options.cache_decoded = cached;
  wring::Loader loader(images.set(), options);
  for (int step = 0; step < 4; ++step) loader.next();  // fills the cache and the window
  for (auto _ : state) benchmark::DoNotOptimize(loader.next().hr.get());
  state.counters["samples/s"] =
      benchmark::Counter(static_cast<double>(state.iterations()) * kBatch, benchmark::Counter::kIsRate);
}

BENCHMARK_CAPTURE(loader, cached, true)->Arg(0)->Arg(1)->Arg(2)->Arg(4)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(loader, decoded_each_time, false)
    ->Arg(0)
    ->Arg(1)
    ->Arg(2)
    ->Arg(4)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace

BENCHMARK_MAIN();
