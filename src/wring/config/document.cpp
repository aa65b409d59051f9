#include "wring/config/document.h"

#include <algorithm>
#include <map>
#include <sstream>

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include "wring/base/display_text.h"
#include "wring/base/error.h"
#include "wring/config/slips.h"

namespace wring {
namespace fs = std::filesystem;
namespace {

[[noreturn]] void refuse(const std::string& where, const Text& what, const Text& cure) {
  throw Error(ErrorCode::usage, Text("{}: {}", "{}：{}", where, what), cure);
}

[[noreturn]] void refuse(const Slip& slip, const fs::path& path) {
  refuse(place(path, slip.line), slip.what, slip.cure);
}

int line_at(std::string_view text, std::size_t offset) {
  return 1 + static_cast<int>(std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(offset), '\n'));
}

// yaml-cpp would silently replace what it cannot decode, and the patcher works on bytes.
void require_text(std::string_view text, const fs::path& path) {
  if (text.size() > kLargestConfigBytes) {
    refuse(path.string(), {"larger than 1 MiB, which no configuration is", "超过 1 MiB，不可能是配置文件"},
           {"check that this is the file you meant", "请确认文件是否正确"});
  }
  for (std::size_t i = 0; i < text.size();) {
    const Character character = first_character(text.substr(i));
    if (!is_utf8(character) || character.code == 0) {
      refuse(place(path, line_at(text, i)), {"this is not UTF-8 text", "不是 UTF-8 文本"},
             {"save the file as UTF-8 (or check that it is a YAML file at all)",
              "请将文件另存为 UTF-8 编码（并确认它是 YAML 文件）"});
    }
    if (text[i] == '\r' && !text.substr(i + 1).starts_with('\n')) {
      refuse(place(path, line_at(text, i)), {"a carriage return without a line feed", "含有单独的回车符"},
             {"save the file with Unix or Windows line ends", "请以 Unix 或 Windows 换行格式保存文件"});
    }
    i += character.bytes;
  }
}

// Notes where documents begin and looks at nothing else.
class DocumentStarts : public YAML::EventHandler {
 public:
  void OnDocumentStart(const YAML::Mark& mark) override { line = std::max(0, mark.line) + 1; }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t, const std::string&) override {}
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {}
  void OnMapEnd() override {}

  int line = 1;  // of the last document's beginning
};

// YAML::LoadAll never ends on some malformed texts: it takes a token that no document can begin with for an
// empty document, again and again. So the documents are counted first, up to two.
void require_one_document(const std::string& text, const fs::path& path) {
  std::istringstream in(text);
  YAML::Parser parser(in);
  DocumentStarts starts;
  if (!parser.HandleNextDocument(starts) || !parser.HandleNextDocument(starts)) return;
  // A first line that is no entry is a document of its own to the parser.
  if (const auto stray = find_stray_line(text); stray && stray->known && stray->line <= starts.line)
    refuse(*stray, path);
  refuse(place(path, starts.line),
         {"this does not belong to the lines above: a second YAML document, or a stray character",
          "此处不属于上面的内容：第二个 YAML 文档，或多余的字符"},
         {"keep one document in the file, without '---' in between", "一个文件只保留一个文档，中间不要有“---”"});
}

YAML::Node load(const std::string& text, const fs::path& path) {
  try {
    // yaml-cpp passes over an open quote when the file ends right after it or after a line break; the comment lets it
    // see.
    require_one_document(text + "\n#", path);
    return YAML::Load(text);
  } catch (const YAML::Exception& error) {
    const int line = std::min(std::max(0, error.mark.line) + 1, line_at(text, text.size()));  // not that of the comment
    refuse(explain_broken_yaml(text, line, error.msg), path);
  }
}

// What makes it no map may be a slip on one of its lines.
[[noreturn]] void refuse_other_top_level(std::string_view text, int line, const fs::path& path) {
  if (const auto stray = find_stray_line(text); stray && stray->known) refuse(*stray, path);
  refuse(place(path, line), {"the file is not a list of 'key: value' lines", "文件不是由“键: 值”行组成的"},
         {"write one 'key: value' a line, for example batch_size: 16", "每行写一个“键: 值”，例如 batch_size: 16"});
}

ConfigNode convert(const YAML::Node& from) {
  ConfigNode node;
  if (from.Tag() == "tag:yaml.org,2002:null") return node;
  if (from.IsScalar()) {
    node.kind = NodeKind::scalar;
    node.text = from.Scalar();
  } else if (from.IsSequence()) {
    node.kind = NodeKind::list;
    node.text = YAML::Dump(from);
    const bool flat = std::all_of(from.begin(), from.end(), [](const YAML::Node& item) { return item.IsScalar(); });
    for (const YAML::Node& item : from) {
      if (flat) node.items.push_back(item.Scalar());
    }
  } else if (from.IsMap()) {
    node.kind = NodeKind::map;
    node.text = YAML::Dump(from);
  }
  return node;
}

void require_new(const std::map<std::string, int>& seen, const std::string& key, int line, const fs::path& path) {
  if (key == "<<") {
    refuse(place(path, line), {"merge keys (<<) are not supported", "不支持合并键（<<）"},
           {"write the merged keys out", "请将被合并的键直接写出"});
  }
  const auto earlier = seen.find(key);
  if (earlier == seen.end()) return;
  refuse(place(path, line), {"{}: given twice, first on line {}", "{}：重复出现，首次在第 {} 行", key, earlier->second},
         {"remove one of the two", "请删除其中一个"});
}

}  // namespace

std::string place(const fs::path& path, int line) {
  return path.empty() ? fmt::format("line {}", line) : fmt::format("{}:{}", path.string(), line);
}

std::vector<DocumentEntry> parse_document(std::string_view text, const fs::path& path) {
  require_text(text, path);
  const YAML::Node document = load(std::string(text), path);
  if (document.IsNull()) return {};
  if (!document.IsMap()) refuse_other_top_level(text, document.Mark().line + 1, path);
  std::vector<DocumentEntry> entries;
  std::map<std::string, int> seen;
  for (const auto& pair : document) {
    const int line = pair.first.Mark().line + 1;
    if (!pair.first.IsScalar()) {
      refuse(place(path, line), {"a key must be a plain word", "键必须是普通单词"},
             {"write 'key: value'", "请写成“键: 值”"});
    }
    const std::string key = pair.first.Scalar();
    require_new(seen, key, line, path);
    seen.emplace(key, line);
    entries.push_back({key, convert(pair.second), line});
  }
  if (const auto stray = find_stray_line(text)) refuse(*stray, path);
  return entries;
}

}  // namespace wring
