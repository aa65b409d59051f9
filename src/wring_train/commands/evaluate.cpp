#include <algorithm>
#include <cmath>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "wring/base/display_text.h"
#include "wring/base/error.h"
#include "wring/base/json_text.h"
#include "wring/base/locale.h"
#include "wring/base/message.h"
#include "wring/console/text_table.h"
#include "wring/files/file_claims.h"
#include "wring/files/files.h"
#include "wring/files/folder.h"
#include "wring_train/commands/commands.h"
#include "wring_train/engine/device.h"
#include "wring_train/image/bicubic.h"
#include "wring_train/image/compare.h"
#include "wring_train/nn/checkpoint.h"
#include "wring_train/restore/evaluation.h"
#include "wring_train/restore/upscaler.h"
#include "wring_train/train/stop_signal.h"

namespace wring {
namespace {

constexpr int kTile = 256;  // LR pixels

// LR pixels of the window that the comparison picture shows of a large photograph.
constexpr int kCompareWindow = 96;

// A network, or bicubic interpolation, behind one call.
class Method {
 public:
  explicit Method(const EvaluateOptions& options) : scale_(options.scale) {
    if (!options.checkpoint) return;
    network_ = load_edsr(*options.checkpoint);
    scale_ = static_cast<int>(network_->shape().scale);
    const at::Device device = choose_device(options.device);
    network_->to(device, /*channels_last=*/true);
    upscaler_.emplace(*network_, device, /*channels_last=*/true, kTile);
  }
  Method(const Method&) = delete;  // the upscaler refers to the network

  int scale() const { return scale_; }
  std::string name() const { return network_ ? "network" : "bicubic"; }
  Image operator()(const Image& lr, const StopSignal& stop) const {
    if (!upscaler_) return bicubic_enlarge(lr, scale_);
    return (*upscaler_)(lr, [&stop](int, int) { stop.end_if_requested(); });
  }

 private:
  int scale_;
  std::optional<Edsr> network_;
  std::optional<Upscaler> upscaler_;
};

// JSON has no infinity: the PSNR of equal images is null there.
nlohmann::json number(double value) {
  return std::isfinite(value) ? nlohmann::json(value) : nlohmann::json(nullptr);
}

void print_json(const Method& method, const EvaluateOptions& options, const std::vector<Score>& scores,
                const std::vector<SkippedImage>& unreadable, bool interrupted) {
  nlohmann::ordered_json record;
  record["method"] = method.name();
  if (options.checkpoint) record["checkpoint"] = options.checkpoint->string();
  record["folder"] = options.folder.string();
  record["scale"] = method.scale();
  record["images"] = nlohmann::ordered_json::array();
  for (const Score& one : scores) {
    record["images"].push_back({{"name", one.name}, {"psnr_y", number(one.psnr_y)}, {"ssim_y", number(one.ssim_y)}});
  }
  for (const SkippedImage& one : unreadable) {
    record["unreadable"].push_back({{"file", one.path.string()}, {"reason", one.reason}});
  }
  const Score mean = mean_score(scores);
  record["mean"] = {{"psnr_y", number(mean.psnr_y)}, {"ssim_y", number(mean.ssim_y)}};
  if (interrupted) record["interrupted"] = true;
  print_out("{}\n", json_text(record, 2));
}

void print_table(const Method& method, const std::vector<Score>& scores) {
  using Align = TextTable::Align;
  TextTable table({{fmt::format("×{} {}", method.scale(), method.name()), Align::left}, {"PSNR-Y dB"}, {"SSIM-Y"}});
  const auto row = [&](const Score& one) {
    table.row({one.name, fmt::format("{:.3f}", one.psnr_y), fmt::format("{:.4f}", one.ssim_y)});
  };
  for (const Score& one : scores) row(one);
  row(mean_score(scores));
  write_output(for_locale(table.text(0)));
}

// LR, bicubic, ours and HR of the most detailed window, side by side.
Image comparison(const EvaluationPair& pair, const Image& sr, const Method& method) {
  const int scale = method.scale();
  const int width = std::min(kCompareWindow, pair.lr.width);
  const int height = std::min(kCompareWindow, pair.lr.height);
  const PixelPosition at = most_detailed_region(pair.lr, width, height);
  const auto window = [&](const Image& image) {
    return to_rgb(crop(image, at.x * scale, at.y * scale, width * scale, height * scale));
  };
  const Image bicubic = bicubic_enlarge(pair.lr, scale);
  const std::vector<Panel> panels{
      {enlarge_nearest(to_rgb(crop(pair.lr, at.x, at.y, width, height)), scale), "LR"},
      {window(bicubic), fmt::format("bicubic {:.2f} dB", score(pair, bicubic, scale).psnr_y)},
      {window(sr), fmt::format("ours {:.2f} dB", score(pair, sr, scale).psnr_y)},
      {window(pair.hr), "HR"}};
  return side_by_side(panels);
}

// What each image is called in the results: its name without the ending; where two share it, with its folder below
// FOLDER, then with its ending too.
std::vector<std::string> names_of(const ImageSet& images, const std::filesystem::path& folder) {
  std::vector<std::vector<std::string>> candidates;
  for (const ImagePair& pair : images.pairs) {
    const auto flat = [](std::string path) {
      std::ranges::replace(path, '/', '_');
      return path;
    };
    const std::filesystem::path below = pair.hr.lexically_relative(folder);
    candidates.push_back({pair.hr.stem().string(), flat(std::filesystem::path(below).replace_extension().string()),
                          flat(below.string())});
  }
  return distinct_names(candidates);
}

FileClaims claim_inputs(const EvaluateOptions& options, const ImageSet& images) {
  FileClaims claims;
  if (options.checkpoint) claims.add_input(*options.checkpoint);
  for (const ImagePair& pair : images.pairs) {
    claims.add_input(pair.hr);
    if (pair.lr) claims.add_input(*pair.lr);
  }
  for (const SkippedImage& skipped : images.skipped) claims.add_input(skipped.path);
  return claims;
}

// Where the SR images and the comparison go; no input is written over.
class Results {
 public:
  // Throws Error{usage} where one of the results would replace an input.
  Results(const EvaluateOptions& options, const ImageSet& images, const std::vector<std::string>& names)
      : claims_(claim_inputs(options, images)) {
    if (options.save_folder) folder_ = Folder::make(*options.save_folder);
    if (options.compare) comparison_.emplace(place_of_file(*options.compare));
    for (std::size_t i = 0; folder_ && i < names.size(); ++i) {
      claims_.check(*folder_, names[i] + ".png", images.pairs[i].hr);
    }
    if (comparison_) claims_.check(comparison_->folder, comparison_->name, kComparison);
  }

  void save(const EvaluationPair& pair, const std::filesystem::path& source, const Image& sr) {
    if (folder_) write(*folder_, pair.name + ".png", source, sr);
  }
  // Once.
  template <class Draw>
  void compare(const Draw& draw) {
    if (!comparison_) return;
    write(comparison_->folder, comparison_->name, kComparison, draw());
    comparison_.reset();
  }

 private:
  static constexpr const char* kComparison = "--compare";
  void write(const Folder& folder, const std::string& name, const std::filesystem::path& source, const Image& image) {
    claims_.check(folder, name, source);
    write_png(folder, name, image);
    claims_.add_result(folder, name, source);
  }

  FileClaims claims_;
  std::optional<Folder> folder_;
  std::optional<FilePlace> comparison_;
};

// The SR images carry the HR images' names: in their folder they would replace them.
void refuse_to_overwrite(const EvaluateOptions& options) {
  if (!options.save_folder) return;
  std::error_code error;
  for (const auto& folder : {std::optional(options.folder), options.lr_folder}) {
    if (!folder || !std::filesystem::equivalent(*options.save_folder, *folder, error)) continue;
    throw Error(ErrorCode::usage,
                {"--save " + options.save_folder->string() + " would replace the images that are evaluated",
                 "--save " + options.save_folder->string() + " 会覆盖被评估的图像"},
                {"give another folder", "请指定另一个文件夹"});
  }
}

struct Scores {
  std::vector<Score> of_images;
  bool interrupted = false;  // before all were evaluated
};

Scores score_images(const EvaluateOptions& options, const Method& method, const ImageSet& images,
                    const std::function<void(const SkippedImage&)>& name_unreadable) {
  const std::vector<std::string> names = names_of(images, options.folder);
  Results results(options, images, names);
  const StopSignal stop;
  Scores scores;
  try {
    for (std::size_t i = 0; i < images.pairs.size(); ++i) {
      stop.end_if_requested();
      const std::filesystem::path& hr = images.pairs[i].hr;
      EvaluationPair pair;
      try {
        pair = load_evaluation_pair(images.pairs[i], method.scale());
      } catch (const Error& error) {
        name_unreadable({hr, error.what(), false});
        continue;
      }
      pair.name = names[i];
      const Image sr = method(pair.lr, stop);
      scores.of_images.push_back(score(pair, sr, method.scale()));
      results.save(pair, hr, sr);
      results.compare([&] { return comparison(pair, sr, method); });
    }
  } catch (const Error& error) {
    if (error.code() != ErrorCode::interrupted) throw;
    scores.interrupted = true;
  }
  return scores;
}

}  // namespace

int evaluate_command(const EvaluateOptions& options) {
  refuse_to_overwrite(options);
  const Method method(options);
  const ImageSet images = scan_images(options.folder, options.lr_folder, method.scale(), 11 + 2 * method.scale());
  std::vector<SkippedImage> unreadable;
  const auto name_unreadable = [&](const SkippedImage& image) {
    write_message((options.common.language == Language::zh ? "错误：" : "error: ") + without_controls(image.reason) +
                  "\n");
    unreadable.push_back(image);
  };
  for (const SkippedImage& skipped : images.skipped) {
    if (skipped.readable) {
      write_message("skipped " + without_controls(skipped.path.string() + ": " + skipped.reason) + "\n");
    } else {
      name_unreadable(skipped);
    }
  }
  const auto [scores, interrupted] = score_images(options, method, images, name_unreadable);
  if (interrupted && scores.empty()) throw Error(ErrorCode::interrupted, {"interrupted", "已中断"});
  if (scores.empty()) {
    throw Error(ErrorCode::failed,
                {"none of the images in " + options.folder.string() + " can be read; they are named above",
                 options.folder.string() + " 中没有可读取的图像，详见上文"},
                {"replace them, or give another folder", "请替换这些图像，或指定另一个文件夹"});
  }
  if (options.json) {
    print_json(method, options, scores, unreadable, interrupted);
  } else {
    print_table(method, scores);
  }
  if (interrupted) {
    throw Error(ErrorCode::interrupted,
                {"interrupted: the mean is that of {} of {} images", "已中断：平均值只含 {1} 张图像中的 {0} 张",
                 scores.size(), images.pairs.size()});
  }
  if (!unreadable.empty()) {
    const std::size_t all = unreadable.size() + scores.size();
    throw Error(ErrorCode::failed,
                {"{} of {} images could not be read: the mean is that of the others",
                 "{1} 张图像中有 {0} 张无法读取：平均值只含其余图像", unreadable.size(), all},
                {"they are named above; replace or remove them", "详见上文；请替换或移除它们"});
  }
  return 0;
}

}  // namespace wring
