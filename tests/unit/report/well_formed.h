#pragma once
#include <regex>
#include <set>
#include <string>
#include <vector>

namespace wring::testing_support {

// Every element is closed in its order; "" when it is so, else what is wrong.
inline std::string unbalanced(const std::string& html) {
  static const std::set<std::string> without_end = {"meta", "!DOCTYPE"};
  static const std::regex tag(R"re(<(/?)([A-Za-z!][A-Za-z0-9]*)((?:[^<>"]|"[^"]*")*?)(/?)>)re");
  std::vector<std::string> open;
  for (std::sregex_iterator it(html.begin(), html.end(), tag), end; it != end; ++it) {
    const std::string name = (*it)[2];
    if ((*it)[1].length() == 0) {
      if ((*it)[4].length() == 0 && !without_end.contains(name)) open.push_back(name);
    } else if (open.empty() || open.back() != name) {
      return "</" + name + "> after <" + (open.empty() ? "nothing" : open.back()) + ">";
    } else {
      open.pop_back();
    }
  }
  return open.empty() ? "" : "<" + open.back() + "> stays open";
}

}  // namespace wring::testing_support
