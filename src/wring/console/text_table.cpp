#include "wring/console/text_table.h"

#include <algorithm>

#include "wring/base/display_text.h"

namespace wring {
namespace {

std::string padded(const std::string& cell, int width, TextTable::Align align) {
  const std::string space(static_cast<std::size_t>(std::max(0, width - display_width(cell))), ' ');
  return align == TextTable::Align::left ? cell + space : space + cell;
}

}  // namespace

void TextTable::row(std::vector<std::string> cells) {
  for (std::string& cell : cells) cell = without_controls(cell);
  rows_.push_back(std::move(cells));
}

std::string TextTable::text(std::size_t indent) const {
  const auto cell_of = [](const std::vector<std::string>& row, std::size_t i) {
    return i < row.size() ? row[i] : std::string();
  };
  std::vector<int> widths;  // 0: left out
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    int width = 0;
    for (const auto& row : rows_) width = std::max(width, display_width(cell_of(row, i)));
    widths.push_back(width == 0 ? 0 : std::max(width, display_width(columns_[i].title)));
  }
  std::string out;
  const auto add_line = [&](const auto& cell_at) {
    std::string line(indent, ' ');
    bool first = true;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      if (widths[i] == 0) continue;
      if (!first) line += "  ";
      first = false;
      line += padded(cell_at(i), widths[i], columns_[i].align);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + '\n';
  };
  add_line([&](std::size_t i) { return columns_[i].title; });
  for (const auto& row : rows_) add_line([&](std::size_t i) { return cell_of(row, i); });
  return out;
}

}  // namespace wring
