#pragma once
#include <cstddef>
#include <string>
#include <vector>

namespace wring {

// Columns of UTF-8 text under each other, two spaces between them.
class TextTable {
 public:
  enum class Align { left, right };
  struct Column {
    std::string title;
    Align align = Align::right;
  };

  explicit TextTable(std::vector<Column> columns) : columns_(std::move(columns)) {}

  // Missing cells are empty; more than there are columns are left out. Each is one line: without_controls().
  void row(std::vector<std::string> cells);
  bool empty() const { return rows_.empty(); }

  // Each line behind `indent` spaces, without spaces at its end, ended by a line feed; the titles first. A column whose
  // cells are all empty is left out.
  std::string text(std::size_t indent = 2) const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace wring
