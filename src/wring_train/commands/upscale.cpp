#include <algorithm>
#include <functional>
#include <string>
#include <system_error>
#include <vector>

#include <fmt/format.h>
#include <unistd.h>

#include "wring/base/error.h"
#include "wring/base/message.h"
#include "wring/base/system_memory.h"
#include "wring/console/progress_bar.h"
#include "wring/files/file_claims.h"
#include "wring/files/files.h"
#include "wring_train/commands/commands.h"
#include "wring_train/engine/device.h"
#include "wring_train/measure/host_memory.h"
#include "wring_train/nn/checkpoint.h"
#include "wring_train/restore/upscaler.h"
#include "wring_train/train/stop_signal.h"

namespace wring {
namespace fs = std::filesystem;
namespace {

struct Job {
  fs::path input;
  std::string output;  // a name in the plan's folder
};

struct Plan {
  fs::path folder;  // of the results; empty: the working folder
  bool make_folder = false;
  std::vector<Job> jobs;
  std::vector<Error> left_out;  // what has an image's name and is none
  fs::path output_of(const Job& job) const { return folder / job.output; }
  std::size_t images() const { return jobs.size() + left_out.size(); }
};

bool looks_like_image(const fs::path& path) {
  std::string ending = path.extension().string();
  std::ranges::transform(ending, ending.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return ending == ".png" || ending == ".jpg" || ending == ".jpeg" || ending == ".webp";
}

// NAME_x4.png beside it, or --output, a file or a folder.
Plan plan_of_file(const UpscaleOptions& options, const std::string& suffix) {
  std::error_code error;
  const std::string name = options.input.stem().string() + suffix + ".png";
  fs::path output = options.output.value_or(options.input.parent_path() / name);
  if (options.output && fs::is_directory(*options.output, error)) output = *options.output / name;
  if (output.extension() != ".png") {
    throw Error(ErrorCode::usage, output.string() + ": results are written as PNG", "let the name end in .png");
  }
  Plan plan;
  plan.folder = output.parent_path();
  plan.jobs.push_back({options.input, output.filename().string()});
  return plan;
}

// FOLDER_x4/, or --output, a folder. Two images of one name become NAME.jpg_x4.png and NAME.png_x4.png.
Plan plan_of_folder(const UpscaleOptions& options, const std::string& suffix) {
  fs::path input = options.input;
  if (!input.has_filename()) input = input.parent_path();  // "photos/" names the same folder as "photos"
  Plan plan;
  plan.folder = options.output.value_or(input.string() + suffix);
  plan.make_folder = true;
  std::vector<std::vector<std::string>> names;
  for (const std::string& name : Folder::open(options.input).names()) {
    const fs::path file = options.input / name;
    std::error_code error;
    if (!looks_like_image(file) || fs::is_directory(file, error)) continue;
    try {
      open_regular_file(file);
      plan.jobs.push_back({file, {}});
      names.push_back({file.stem().string(), name});
    } catch (const Error& reason) {
      plan.left_out.push_back(reason);
    }
  }
  if (plan.images() == 0) {
    throw Error(ErrorCode::failed, options.input.string() + ": no image in this folder",
                "give a PNG, JPEG or WebP file, or a folder that holds some");
  }
  const std::vector<std::string> distinct = distinct_names(names);
  for (std::size_t i = 0; i < plan.jobs.size(); ++i) plan.jobs[i].output = distinct[i] + suffix + ".png";
  return plan;
}

Plan plan_of(const UpscaleOptions& options, const std::string& suffix) {
  std::error_code error;
  if (!fs::is_directory(options.input, error)) return plan_of_file(options, suffix);
  Plan plan = plan_of_folder(options, suffix);
  if (plan.jobs.empty() && plan.images() == 1) throw Error(plan.left_out.front());
  return plan;
}

// What is read, none of which may be written over. Throws Error{usage} where a result would.
FileClaims claim_inputs(const UpscaleOptions& options, const Plan& plan) {
  FileClaims claims;
  claims.add_input(options.checkpoint);
  for (const Job& job : plan.jobs) claims.add_input(job.input);
  if (const auto folder = Folder::find(plan.folder)) {
    for (const Job& job : plan.jobs) claims.check(*folder, job.output, job.input);
  }
  return claims;
}

ProgressOptions progress_options(const CommonOptions& common) {
  ProgressOptions options;
  options.language = common.language;
  options.quiet = common.quiet;
  return options;
}

constexpr double kTellGib = 1;  // of memory, from which a photograph's need is told before it is enlarged

// What one photograph becomes, and what that takes of the host's memory.
class Enlargement {
 public:
  Enlargement(ImageSize size, std::int64_t scale)
      : size_(size), width_(size.width * scale), height_(size.height * scale) {}

  // The result as bytes (beside it, with transparency, its colours alone), the photograph as fp32.
  double least_gib(int channels) const {
    const double result = channels == 4 ? 7 : channels;
    return (result * result_pixels() + 12.0 * size_.width * size_.height) / kGib;
  }
  Text memory(const std::string& name, int channels) const {
    const double least = least_gib(channels);
    const auto bytes = available_memory_bytes();
    const double available = bytes ? static_cast<double>(*bytes) / kGib : 0;
    const Text there = bytes ? Text(" ({:.1f} GiB are available)", "（可用 {:.1f} GiB）", available) : Text();
    return {"{}: {} × {} pixels become {} × {}, which takes at least {:.1f} GiB of memory{}",
            "{}：{} × {} 像素放大为 {} × {}，至少需要 {:.1f} GiB 内存{}",
            name,
            size_.width,
            size_.height,
            width_,
            height_,
            least,
            there};
  }
  // Of memory that has ended.
  Text cure() const {
    const double gib = 3 * result_pixels() / kGib;
    return {
        "{} × {} pixels become {} × {}, {:.2f} GiB: cut the image into parts, lower --tile, or raise "
        "the limit (ulimit -v, the container's memory)",
        "{} × {} 像素放大为 {} × {}，即 {:.2f} GiB：请切分图像、减小 --tile，或提高限制"
        "（ulimit -v、容器内存）",
        size_.width,
        size_.height,
        width_,
        height_,
        gib};
  }

 private:
  static constexpr double kGib = 1 << 30;
  double result_pixels() const { return static_cast<double>(width_) * static_cast<double>(height_); }
  ImageSize size_;
  std::int64_t width_;
  std::int64_t height_;
};

// What is done and what is not, between the drawings of a progress bar.
class Report {
 public:
  Report(const Plan& plan, const CommonOptions& common)
      : plan_(plan),
        common_(common),
        bar_(stderr, Text("upscale", "放大"), static_cast<std::int64_t>(plan.jobs.size()) * kPerJob,
             progress_options(common)) {}

  void progress(std::size_t job, int done, int total) {
    bar_.update(static_cast<std::int64_t>(job) * kPerJob + done * kPerJob / total,
                {plan_.jobs[job].input.filename().string()});
  }
  void done(std::size_t job) {
    ++upscaled_;
    say(fmt::format("{} → {}", plan_.jobs[job].input.string(), plan_.output_of(plan_.jobs[job]).string()));
  }
  void failed(const Error& error) {
    ++failures_;
    const Text text{"error: {}", "错误：{}", error.message()};
    if (common_.quiet) {
      write_message(text.in(common_.language) + "\n");
    } else {
      say(text);
    }
  }
  void say(const Text& text) { bar_.line(text.in(common_.language)); }
  std::size_t failures() const { return failures_; }
  std::size_t upscaled() const { return upscaled_; }
  void finish() { bar_.finish(); }

 private:
  static constexpr std::int64_t kPerJob = 1000;  // tiles of different photographs differ in number
  const Plan& plan_;
  const CommonOptions& common_;
  ProgressBar bar_;
  std::size_t failures_ = 0;
  std::size_t upscaled_ = 0;
};

// Enlarges one photograph. Throws Error naming it where the host's memory ends.
void upscale_one(const Job& job, const Folder& outputs, FileClaims& claims, const Upscaler& upscale, std::int64_t scale,
                 Report& report, const std::function<void(int, int)>& progress) {
  claims.check(outputs, job.output, job.input);
  const Enlargement enlargement(read_image_size(job.input), scale);
  const std::string name = job.input.string();
  telling_memory(name + ": ", enlargement.cure(), [&] {
    const Image lr = read_image(job.input, Alpha::keep);
    if (enlargement.least_gib(lr.channels) >= kTellGib) report.say(enlargement.memory(name, lr.channels));
    write_png(outputs, job.output, upscale(lr, progress));
    return 0;
  });
  claims.add_result(outputs, job.output, job.input);
}

// What is on disk is whole: an image gets its name when all of it is there.
Error interrupted_after(std::size_t done, std::size_t all) {
  return {ErrorCode::interrupted,
          {"interrupted: {} of {} images are upscaled", "已中断：{1} 张图像中已放大 {0} 张", done, all}};
}

}  // namespace

int upscale_command(const UpscaleOptions& options) {
  Edsr network = load_edsr(options.checkpoint);
  const std::int64_t scale = network.shape().scale;
  const Plan plan = plan_of(options, fmt::format("_x{}", scale));
  FileClaims claims = claim_inputs(options, plan);
  Report report(plan, options.common);
  const StopSignal stop;
  for (const Error& reason : plan.left_out) report.failed(reason);
  if (!plan.jobs.empty()) {
    const at::Device device = choose_device(options.device);
    network.to(device, /*channels_last=*/true);
    const Upscaler upscale(network, device, /*channels_last=*/true, options.tile);
    if (plan.make_folder) make_folder(plan.folder);
    const Folder outputs = place_of_file(plan.output_of(plan.jobs.front())).folder;
    for (std::size_t i = 0; i < plan.jobs.size(); ++i) {
      const Job& job = plan.jobs[i];
      const auto progress = [&](int done, int total) {
        stop.end_if_requested();
        report.progress(i, done, total);
      };
      try {
        stop.end_if_requested();
        upscale_one(job, outputs, claims, upscale, scale, report, progress);
        report.done(i);
      } catch (const Error& reason) {
        if (reason.code() == ErrorCode::interrupted) throw interrupted_after(report.upscaled(), plan.images());
        // One bad file among many is named and the rest is done; alone it is the command's error.
        if (plan.images() == 1) throw;
        report.failed(reason);
      }
    }
    report.finish();
  }
  if (report.failures() > 0) {
    throw Error(
        ErrorCode::failed,
        {"{} of {} images could not be upscaled", "{1} 张图像中有 {0} 张无法放大", report.failures(), plan.images()},
        {"they are named above; the others are done", "详见上文；其余图像已完成"});
  }
  return 0;
}

}  // namespace wring
