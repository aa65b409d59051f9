#include "wring/config/patcher.h"

#include <algorithm>
#include <map>
#include <vector>

#include <fmt/format.h>

#include "wring/base/error.h"
#include "wring/config/document.h"
#include "wring/config/lines.h"

namespace wring {
namespace fs = std::filesystem;
namespace {

struct Edit {
  std::size_t begin = 0;
  std::size_t end = 0;
  std::string bytes;
};

Text form_name(ValueForm form) {
  switch (form) {
    case ValueForm::flow:
      return {"a […] or {…} value", "[…] 或 {…} 形式的值"};
    case ValueForm::block:
      return {"a block of text (| or >)", "文本块（| 或 >）"};
    case ValueForm::nested:
      return {"a nested value", "嵌套的值"};
    case ValueForm::multi_line:
      return {"a value of several lines", "跨多行的值"};
    case ValueForm::decorated:
      return {"a value with an anchor, an alias or a tag", "带锚点、别名或标签的值"};
    case ValueForm::plain:
    case ValueForm::quoted:
      break;
  }
  return {};
}

[[noreturn]] void refuse_form(const LocatedValue& value, const Assignment& wanted, const fs::path& path) {
  const Text form = form_name(value.form);
  const std::string where = place(path, value.line);
  throw Error(ErrorCode::usage,
              Text("{}: {}: cannot edit {} in place", "{}：{}：无法就地修改{}", where, value.key, form),
              Text("write it on one line: {}: {}", "请写在一行内：{}: {}", wanted.key, wanted.value));
}

// A list on one line may be replaced by another one. A comment within it would be lost, and would need a second line.
bool is_list_for_list(const LocatedValue& value, const Assignment& wanted, std::string_view text) {
  const std::string_view present = text.substr(value.begin, value.end - value.begin);
  return value.form == ValueForm::flow && present.starts_with('[') && wanted.value.starts_with('[') &&
         present.find('\n') == std::string_view::npos;
}

void require_editable(const LocatedDocument& document, const fs::path& path) {
  const std::string where = path.empty() ? "the text" : path.string();
  if (document.editable) return;
  throw Error(
      ErrorCode::usage,
      Text(where + ": is not written as one 'key: value' a line", where + "：不是每行一个“键: 值”的写法"),
      Text("write each key on a line of its own, without braces around them", "请让每个键独占一行，外面不要加花括号"));
}

std::size_t begin_of_line(std::string_view text, int line) {
  std::size_t at = 0;
  for (; line > 1; --line) at = text.find('\n', at) + 1;
  return at;
}

// Where further lines belong: the end, unless a block of text ends there without a line break, which would become a
// part of the text; then before the key of that block.
std::size_t place_for_lines(std::string_view text, const LocatedDocument& document) {
  const std::size_t end = document.append_at;
  if (document.values.empty() || end == 0 || text[end - 1] == '\n') return end;
  const LocatedValue& last = document.values.back();
  const bool holds_text =
      last.form == ValueForm::block || last.form == ValueForm::nested || last.form == ValueForm::decorated;
  return holds_text ? begin_of_line(text, last.line) : end;
}

// The lines of the keys that are not there yet.
Edit addition(std::string_view text, const LocatedDocument& document, std::span<const Assignment> missing) {
  const std::size_t place = place_for_lines(text, document);
  Edit edit{place, place, {}};
  if (missing.empty()) return edit;
  if (edit.begin > 0 && text[edit.begin - 1] != '\n' && text != "\xEF\xBB\xBF") edit.bytes = document.line_end;
  for (const Assignment& added : missing) {
    edit.bytes += fmt::format("{}{}: {}{}", document.indent, added.key, added.value, document.line_end);
  }
  return edit;
}

std::string apply(std::string_view text, std::vector<Edit> edits) {
  std::ranges::stable_sort(edits, {}, &Edit::begin);
  std::string result;
  std::size_t at = 0;
  for (const Edit& edit : edits) {
    result += text.substr(at, edit.begin - at);
    result += edit.bytes;
    at = edit.end;
  }
  return result += text.substr(at);
}

using Nodes = std::map<std::string, ConfigNode>;

Nodes nodes_of(std::string_view text, const fs::path& path) {
  Nodes nodes;
  for (DocumentEntry& entry : parse_document(text, path)) nodes.emplace(entry.key, std::move(entry.value));
  return nodes;
}

// The scanner above is ours and YAML has many corners: what it wrote must read back as intended.
void verify(Nodes expected, std::string_view patched, std::span<const Assignment> assignments, const fs::path& path) {
  for (const Assignment& wanted : assignments) {
    expected[wanted.key] = nodes_of(fmt::format("{}: {}", wanted.key, wanted.value), path)[wanted.key];
  }
  Nodes found = nodes_of(patched, path);
  if (found == expected) return;
  std::string broken;
  for (const auto& [key, node] : expected) {
    if (!found.contains(key) || !(found[key] == node)) broken = key;
  }
  throw Error(ErrorCode::failed,
              Text("{}: editing would have damaged the key {}", "{}：修改会破坏键 {}", path.string(), broken),
              Text("nothing was written; edit the file by hand, and please report it",
                   "未写入任何内容；请手动修改，并报告此问题"));
}

}  // namespace

std::string patch_yaml(std::string_view text, std::span<const Assignment> assignments, const fs::path& path) {
  Nodes before = nodes_of(text, path);
  const LocatedDocument document = locate_values(text);
  require_editable(document, path);
  std::vector<Edit> edits;
  std::vector<Assignment> missing;
  for (const Assignment& wanted : assignments) {
    const auto found = std::ranges::find(document.values, wanted.key, &LocatedValue::key);
    if (found == document.values.end()) {
      missing.push_back(wanted);
      continue;
    }
    if (!form_name(found->form).empty() && !is_list_for_list(*found, wanted, text)) refuse_form(*found, wanted, path);
    const bool empty = found->begin == found->end;
    const bool touched = text.substr(found->end).starts_with('#');  // after quotes a comment needs no space
    edits.push_back(
        {found->begin, found->end, fmt::format("{}{}{}", empty ? " " : "", wanted.value, touched ? " " : "")});
  }
  edits.push_back(addition(text, document, missing));
  std::string patched = apply(text, std::move(edits));
  verify(std::move(before), patched, assignments, path);
  return patched;
}

}  // namespace wring
