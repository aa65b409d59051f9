#include <algorithm>
#include <functional>
#include <system_error>

#include <fmt/format.h>
#include <unistd.h>

#include "wring/base/error.h"
#include "wring/base/files.h"
#include "wring/base/message.h"
#include "wring/report/progress_bar.h"
#include "wring_train/engine/device.h"
#include "wring_train/nn/checkpoint.h"
#include "wring_train/run/commands.h"
#include "wring_train/run/host_memory.h"
#include "wring_train/run/stop_signal.h"
#include "wring_train/run/upscaler.h"

namespace wring {
namespace fs = std::filesystem;
namespace {

struct Job {
  fs::path input;
  fs::path output;
};

bool looks_like_image(const fs::path& path) {
  std::string ending = path.extension().string();
  std::ranges::transform(ending, ending.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return ending == ".png" || ending == ".jpg" || ending == ".jpeg" || ending == ".webp";
}

// One file → NAME_x4.png beside it (or --output, a file or a folder); a folder → FOLDER_x4/.
std::vector<Job> plan_jobs(const UpscaleOptions& options, std::int64_t scale) {
  const std::string suffix = fmt::format("_x{}", scale);
  std::error_code error;
  if (!fs::is_directory(options.input, error)) {
    const std::string name = options.input.stem().string() + suffix + ".png";
    fs::path output = options.output.value_or(options.input.parent_path() / name);
    if (options.output && fs::is_directory(*options.output, error)) output = *options.output / name;
    return {{options.input, output}};
  }
  fs::path input = options.input;
  if (!input.has_filename()) input = input.parent_path();  // "photos/" names the same folder as "photos"
  const fs::path folder = options.output.value_or(input.string() + suffix);
  std::vector<Job> jobs;
  for (const fs::directory_entry& entry : fs::directory_iterator(options.input)) {
    if (!entry.is_regular_file() || !looks_like_image(entry.path())) continue;
    jobs.push_back({entry.path(), folder / (entry.path().stem().string() + suffix + ".png")});
  }
  if (jobs.empty()) {
    throw Error(ErrorCode::failed, options.input.string() + ": no image in this folder",
                "give a PNG, JPEG or WebP file, or a folder that holds some");
  }
  std::ranges::sort(jobs, {}, &Job::input);
  make_folder(folder);
  return jobs;
}

void check_output(const Job& job) {
  std::error_code error;
  if (fs::equivalent(job.input, job.output, error)) {
    throw Error(ErrorCode::usage, job.output.string() + ": the output would replace the input",
                "choose another file with --output");
  }
  if (job.output.extension() != ".png") {
    throw Error(ErrorCode::usage, job.output.string() + ": results are written as PNG", "let the name end in .png");
  }
}

ProgressOptions progress_options(const CommonOptions& common) {
  ProgressOptions options;
  options.language = common.language;
  options.quiet = common.quiet;
  return options;
}

// Enlarges one photograph. Throws Error naming it where the host's memory ends.
void upscale_one(const Job& job, const Folder& outputs, const Upscaler& upscale, std::int64_t scale,
                 const std::function<void(int, int)>& progress) {
  const ImageSize size = read_image_size(job.input);
  const std::int64_t width = size.width * scale;
  const std::int64_t height = size.height * scale;
  const double gib = 3 * static_cast<double>(width) * static_cast<double>(height) / (1 << 30);
  const Text cure(fmt::format("{} × {} pixels become {} × {}, {:.2f} GiB: cut the image into parts, lower --tile, or "
                              "raise the limit (ulimit -v, the container's memory)",
                              size.width, size.height, width, height, gib),
                  fmt::format("{} × {} 像素放大为 {} × {}，即 {:.2f} GiB：请切分图像、减小 --tile，或提高限制"
                              "（ulimit -v、容器内存）",
                              size.width, size.height, width, height, gib));
  telling_memory(job.input.string() + ": ", cure, [&] {
    const Image lr = read_image(job.input, Alpha::keep);
    write_png(outputs, job.output.filename().string(), upscale(lr, progress));
    return 0;
  });
}

// What is on disk is whole: an image gets its name when all of it is there.
Error interrupted_after(std::size_t done, std::size_t all) {
  return {ErrorCode::interrupted,
          {fmt::format("interrupted: {} of {} images are upscaled", done, all),
           fmt::format("已中断：{1} 张图像中已放大 {0} 张", done, all)}};
}

}  // namespace

int upscale_command(const UpscaleOptions& options) {
  Edsr network = load_edsr(options.checkpoint);
  const at::Device device = choose_device(options.device);
  network.to(device, /*channels_last=*/true);
  const Upscaler upscale(network, device, /*channels_last=*/true, options.tile);
  const std::vector<Job> jobs = plan_jobs(options, network.shape().scale);
  for (const Job& job : jobs) check_output(job);
  const Folder outputs = place_of_file(jobs.front().output).folder;  // all lie in one

  // Tiles of different photographs differ in number, so the bar counts in thousandths of a photograph.
  constexpr std::int64_t kPerJob = 1000;
  ProgressBar bar(stderr, Text("upscale", "放大"), static_cast<std::int64_t>(jobs.size()) * kPerJob,
                  progress_options(options.common));
  const StopSignal stop;
  std::size_t failed = 0;
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    try {
      stop.end_if_requested();
      const auto progress = [&](int done, int total) {
        stop.end_if_requested();
        bar.update(static_cast<std::int64_t>(i) * kPerJob + done * kPerJob / total,
                   {jobs[i].input.filename().string()});
      };
      upscale_one(jobs[i], outputs, upscale, network.shape().scale, progress);
      if (!options.common.quiet) bar.line(fmt::format("{} → {}", jobs[i].input.string(), jobs[i].output.string()));
    } catch (const Error& error) {
      if (error.code() == ErrorCode::interrupted) throw interrupted_after(i - failed, jobs.size());
      // One bad file among many is named and the rest is done; alone it is the command's error.
      if (jobs.size() == 1) throw;
      ++failed;
      const std::string message = fmt::format("error: {}", error.message().in(options.common.language));
      if (options.common.quiet) {
        write_message(fmt::format("{}\n", message));
      } else {
        bar.line(message);
      }
    }
  }
  bar.finish();
  if (failed > 0) {
    throw Error(ErrorCode::failed, fmt::format("{} of {} images could not be upscaled", failed, jobs.size()),
                "they are named above; the others are done");
  }
  return 0;
}

}  // namespace wring
