#pragma once
#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace wring {

// Makes lines of what comes in pieces. Lines end in any of `ends`; one longer than `longest` bytes is dropped whole.
class LineSplitter {
 public:
  explicit LineSplitter(std::string ends = "\n", std::size_t longest = 1 << 20)
      : ends_(std::move(ends)), longest_(longest) {}

  // Calls on_line(std::string_view) for each line that is whole now, without its end.
  template <typename OnLine>
  void add(std::string_view piece, OnLine on_line) {
    while (!piece.empty()) {
      const std::size_t end = piece.find_first_of(ends_);
      keep(piece.substr(0, end));
      if (end == std::string_view::npos) return;
      piece.remove_prefix(end + 1);
      finish(on_line);
    }
  }

  // What came after the last end, at the end of it all.
  template <typename OnLine>
  void finish(OnLine on_line) {
    const bool whole = !std::exchange(too_long_, false);
    const std::string line = std::exchange(line_, {});
    if (whole) on_line(std::string_view(line));
  }

 private:
  void keep(std::string_view piece) {
    too_long_ = too_long_ || line_.size() + piece.size() > longest_;
    if (too_long_) {
      line_.clear();
    } else {
      line_ += piece;
    }
  }

  std::string ends_;
  std::size_t longest_;
  std::string line_;
  bool too_long_ = false;
};

// The last bytes of what comes in pieces.
class OutputTail {
 public:
  explicit OutputTail(std::size_t bytes = 16 * 1024) : bytes_(bytes) {}

  void add(std::string_view piece) {
    text_ += piece.substr(piece.size() - std::min(piece.size(), bytes_));
    if (text_.size() > 2 * bytes_) shorten();  // seldom: moving it for every line would cost more than the lines
  }
  const std::string& text() {
    if (text_.size() > bytes_) shorten();
    return text_;
  }
  void clear() { text_.clear(); }

 private:
  void shorten() { text_.erase(0, text_.size() - bytes_); }

  std::size_t bytes_;
  std::string text_;
};

}  // namespace wring
