#pragma once
#include <string>
#include <string_view>

namespace wring {

enum class Language { en, zh };

// A message in the languages that Wring speaks. Built from one string, it reads the same in both.
struct Text {
  std::string en;
  std::string zh;

  Text() = default;
  Text(const char* both) : en(both), zh(both) {}             // NOLINT(google-explicit-constructor)
  Text(std::string both) : en(both), zh(std::move(both)) {}  // NOLINT(google-explicit-constructor)
  Text(std::string english, std::string chinese) : en(std::move(english)), zh(std::move(chinese)) {}

  const std::string& in(Language language) const { return language == Language::zh ? zh : en; }
  bool empty() const { return en.empty(); }
};

}  // namespace wring
