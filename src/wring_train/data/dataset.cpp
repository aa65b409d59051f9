#include "wring_train/data/dataset.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <map>
#include <set>
#include <sstream>
#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <sys/stat.h>

#include "wring/base/error.h"
#include "wring/files/files.h"
#include "wring/files/folder.h"
#include "wring_train/data/parallel.h"

namespace wring {
namespace fs = std::filesystem;
namespace {

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

bool is_image_name(const fs::path& path) {
  static constexpr std::array<std::string_view, 4> kExtensions{".png", ".jpg", ".jpeg", ".webp"};
  const std::string extension = lower(path.extension().string());
  return std::find(kExtensions.begin(), kExtensions.end(), extension) != kExtensions.end();
}

// Adds the images below `folder`. Links to folders are followed, as data sets are often linked into place;
// each real folder is entered once, so that a link to a parent does not lead round for ever.
void collect(const fs::path& folder, std::set<fs::path>& entered, std::vector<fs::path>& images) {
  std::error_code error;
  const fs::path real = fs::canonical(folder, error);
  if (error || !entered.insert(real).second) return;
  fs::directory_iterator entries(folder, error);
  if (error) {
    throw Error(ErrorCode::failed, fmt::format("cannot list the folder {}: {}", folder.string(), error.message()),
                "check its permissions");
  }
  std::vector<fs::path> paths;
  for (const auto& entry : entries) paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());  // which of two links is followed must not depend on the file system
  for (const fs::path& path : paths) {
    if (path.filename().string().starts_with('.')) continue;
    std::error_code ignored;
    const fs::file_status status = fs::status(path, ignored);
    if (fs::is_directory(status)) {
      collect(path, entered, images);
    } else if (is_image_name(path) || !fs::exists(status)) {
      images.push_back(path);  // what is no file, such as a link that leads nowhere, is named when its header is read
    }
  }
}

std::vector<fs::path> images_below(const fs::path& folder) {
  if (!Folder::find(folder)) {  // throws where it is there and cannot be read
    throw Error(
        ErrorCode::failed, fmt::format("the image folder {} does not exist", folder.string()),
        "put HR photographs there (PNG, JPEG, WebP), or name their folder: train_hr_dir, val_hr_dir, data_dir in the "
        "config, --train-hr or --val-hr for wring train");
  }
  std::set<fs::path> entered;
  std::vector<fs::path> images;
  collect(folder, entered, images);
  std::sort(images.begin(), images.end());
  if (images.empty()) {
    throw Error(ErrorCode::failed, fmt::format("there is no image in {} or its sub-folders", folder.string()),
                "put HR photographs (.png, .jpg, .jpeg or .webp) there, or correct data_dir");
  }
  return images;
}

// "name.png (480,480,3)" → "name.png". A name may have blanks and brackets of its own.
std::string listed_name(std::string line) {
  const auto cut_blanks = [&] { line.erase(line.find_last_not_of(" \t\r") + 1); };
  cut_blanks();
  const std::size_t bracket = line.rfind(" (");
  if (line.ends_with(')') && bracket != std::string::npos &&
      line.find_first_not_of("0123456789, ", bracket + 2) == line.size() - 1) {
    line.erase(bracket);
    cut_blanks();
  }
  return line;
}

constexpr std::int64_t kLargestList = std::int64_t{256} << 20;  // bytes: millions of names

// As lines of UTF-8. A byte-order mark, which some editors put before the first line, is no part of it.
std::string read_list(const fs::path& list) {
  const auto refuse = [&](const Text& why, const Text& cure) {
    throw Error(ErrorCode::failed, {"{}: {}", "{}：{}", list.string(), why}, cure);
  };
  struct stat status {};
  if (::fstat(open_regular_file(list).get(), &status) == 0 && status.st_size > kLargestList) {
    refuse({"it has {} MiB, more than a list of names", "它有 {} MiB，不像文件名列表", status.st_size >> 20},
           {"name the text file that lists the images", "请指定列出图像的文本文件"});
  }
  std::string content = read_file(list);
  if (content.starts_with("\xff\xfe") || content.starts_with("\xfe\xff")) {
    refuse({"it is written in UTF-16", "它采用 UTF-16 编码"}, {"save it as UTF-8", "请另存为 UTF-8"});
  }
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  if (content.starts_with(kByteOrderMark)) content.erase(0, kByteOrderMark.size());
  return content;
}

// Whether the name, in its normal form, stays in the folder that it is relative to.
bool stays_inside(const fs::path& name) {
  return !name.is_absolute() && *name.begin() != "..";
}

std::vector<fs::path> images_listed(const fs::path& folder, const fs::path& list) {
  std::istringstream lines(read_list(list));
  std::set<fs::path> images;  // each once, by path, like a folder's
  std::string line;
  for (int number = 1; std::getline(lines, line); ++number) {
    const std::string name = listed_name(line);
    if (name.empty() || name.starts_with('#')) continue;
    const fs::path inside = fs::path(name).lexically_normal();  // so that no link on the way is left by its ".."
    const fs::path image = folder / inside;
    if (!stays_inside(inside)) {
      throw Error(ErrorCode::failed,
                  {"{}:{}: {} leads out of {}", "{}:{}: {} 位于 {} 之外", list.string(), number, name, folder.string()},
                  {"the names are relative to train_hr_dir; set it to a folder that holds all images",
                   "文件名相对于 train_hr_dir；请将其设为包含所有图像的文件夹"});
    }
    std::error_code ignored;
    if (!fs::is_regular_file(image, ignored)) {
      throw Error(ErrorCode::failed,
                  {"{}:{}: there is no image {}", "{}:{}: 没有图像 {}", list.string(), number, image.string()},
                  {"the names are relative to train_hr_dir; correct the line or leave it out",
                   "文件名相对于 train_hr_dir；请更正或删除该行"});
    }
    images.insert(image);
  }
  if (images.empty()) {
    throw Error(ErrorCode::failed, {"{} names no image", "{} 未列出任何图像", list.string()},
                {"one a line is needed, relative to train_hr_dir", "每行一张，路径相对于 train_hr_dir"});
  }
  return {images.begin(), images.end()};
}

// The path below `folder`, without its extension: what an HR image and its LR version have in common.
std::string stem_below(const fs::path& folder, const fs::path& image) {
  return image.lexically_relative(folder).replace_extension().generic_string();
}

class LrFolder {
 public:
  // DIV2K and others keep the LR versions of all scales in X2, X3, X4 below one folder.
  LrFolder(const fs::path& folder, int scale) : folder_(folder), scale_(scale) {
    std::error_code ignored;
    const fs::path of_scale = folder / fmt::format("X{}", scale);
    if (fs::is_directory(of_scale, ignored)) folder_ = of_scale;
    for (const fs::path& image : images_below(folder_)) by_stem_.emplace(stem_below(folder_, image), image);
  }

  const fs::path& of(const std::string& stem, const fs::path& hr) const {
    for (const std::string& name : {stem, fmt::format("{}x{}", stem, scale_)}) {
      const auto found = by_stem_.find(name);
      if (found != by_stem_.end()) return found->second;
    }
    throw Error(ErrorCode::failed,
                fmt::format("the HR image {} has no LR version in {}", hr.string(), folder_.string()),
                fmt::format("add {0}.png or {0}x{1}.png there, or leave the LR folder out to have LR images made "
                            "by bicubic shrinking",
                            stem, scale_));
  }

 private:
  fs::path folder_;
  int scale_;
  std::map<std::string, fs::path> by_stem_;
};

void check_fit(const fs::path& hr, ImageSize hr_size, const fs::path& lr, ImageSize lr_size, int scale) {
  if (lr_size.width == hr_size.width / scale && lr_size.height == hr_size.height / scale) return;
  throw Error(ErrorCode::failed,
              fmt::format("{} is {} x {}, but the LR version of {} ({} x {}) must be {} x {} at scale {}", lr.string(),
                          lr_size.width, lr_size.height, hr.string(), hr_size.width, hr_size.height,
                          hr_size.width / scale, hr_size.height / scale, scale),
              "check scale_factor and that the LR folder belongs to it; HR sides are first cut to multiples of it");
}

// The size from a file's header, or the reason why there is none.
struct Header {
  std::optional<ImageSize> size;
  std::string reason;
};

// On all cores: what takes time on a network folder is waiting, and there are thousands.
std::vector<Header> read_headers(const std::vector<fs::path>& images, const std::function<bool()>& cancelled) {
  std::vector<Header> headers(images.size());
  for_each_in_parallel(images.size(), [&](std::size_t i) {
    if (cancelled && cancelled()) {
      throw Error(ErrorCode::interrupted, {"interrupted while images were looked for", "查找图像时被中断"});
    }
    try {
      headers[i].size = read_image_size(images[i]);
    } catch (const Error& error) {
      headers[i].reason = error.what();
    }
  });
  return headers;
}

// The same set with the LR version of every image; those whose LR version cannot be read are skipped.
ImageSet with_lr(ImageSet hr, const fs::path& hr_folder, const LrFolder& lr_images, int scale,
                 const std::function<bool()>& cancelled) {
  std::vector<fs::path> paths;
  for (const ImagePair& pair : hr.pairs) paths.push_back(lr_images.of(stem_below(hr_folder, pair.hr), pair.hr));
  const std::vector<Header> headers = read_headers(paths, cancelled);
  ImageSet set;
  set.skipped = std::move(hr.skipped);
  for (std::size_t i = 0; i < paths.size(); ++i) {
    if (!headers[i].size) {
      set.skipped.push_back({hr.pairs[i].hr, headers[i].reason, false});
      continue;
    }
    check_fit(hr.pairs[i].hr, hr.sizes[i], paths[i], *headers[i].size, scale);
    set.pairs.push_back({hr.pairs[i].hr, paths[i]});
    set.sizes.push_back(hr.sizes[i]);
  }
  return set;
}

[[noreturn]] void none_usable(const fs::path& folder, const std::vector<SkippedImage>& skipped) {
  constexpr std::size_t kShown = 3;
  std::string reasons;
  for (std::size_t i = 0; i < std::min(kShown, skipped.size()); ++i) {
    reasons += fmt::format("; {}: {}", skipped[i].path.string(), skipped[i].reason);
  }
  if (skipped.size() > kShown) reasons += fmt::format("; and {} more", skipped.size() - kShown);
  throw Error(ErrorCode::failed,
              fmt::format("none of the {} images in {} can be used{}", skipped.size(), folder.string(), reasons),
              "use larger or intact photographs, or a smaller patch_size");
}

}  // namespace

ImageSet scan_images(const fs::path& hr_folder, const std::optional<fs::path>& lr_folder, int scale, int min_size,
                     const std::optional<fs::path>& meta_info, const std::function<bool()>& cancelled) {
  const std::vector<fs::path> images = meta_info ? images_listed(hr_folder, *meta_info) : images_below(hr_folder);
  const std::vector<Header> headers = read_headers(images, cancelled);
  std::optional<LrFolder> lr_images;
  if (lr_folder) lr_images.emplace(*lr_folder, scale);
  ImageSet set;
  const int smallest = std::max(min_size, scale);
  for (std::size_t i = 0; i < images.size(); ++i) {
    const fs::path& hr = images[i];
    const std::optional<ImageSize>& size = headers[i].size;
    if (!size) {
      set.skipped.push_back({hr, headers[i].reason, false});
    } else if (size->width < smallest || size->height < smallest) {
      set.skipped.push_back(
          {hr, fmt::format("{} x {} is smaller than {} pixels on a side", size->width, size->height, smallest)});
    } else {
      set.pairs.push_back({hr, std::nullopt});
      set.sizes.push_back(*size);
    }
  }
  if (lr_images) set = with_lr(std::move(set), hr_folder, *lr_images, scale, cancelled);
  if (set.pairs.empty()) none_usable(hr_folder, set.skipped);
  return set;
}

}  // namespace wring
