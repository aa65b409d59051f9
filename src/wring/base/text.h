#pragma once
#include <string>
#include <string_view>
#include <type_traits>

#include <fmt/core.h>

namespace wring {

enum class Language { en, zh };

struct Text;

// What a format string sees of an argument: of a Text the one language.
template <typename Arg>
using ShownArg = std::conditional_t<std::is_same_v<std::remove_cvref_t<Arg>, Text>, const std::string&, Arg>;

// A message in the languages that Wring speaks. Built from one string, it reads the same in both; built from two format
// strings, both take the same arguments, and a Text among them is put in each language.
struct Text {
  std::string en;
  std::string zh;

  Text() = default;
  Text(const char* both) : en(both), zh(both) {}             // NOLINT(google-explicit-constructor)
  Text(std::string both) : en(both), zh(std::move(both)) {}  // NOLINT(google-explicit-constructor)
  Text(std::string english, std::string chinese) : en(std::move(english)), zh(std::move(chinese)) {}

  template <typename Arg, typename... Args>
  Text(fmt::format_string<ShownArg<Arg>, ShownArg<Args>...> english,
       fmt::format_string<ShownArg<Arg>, ShownArg<Args>...> chinese, Arg&& arg, Args&&... args)
      : en(fmt::vformat(english, fmt::make_format_args(shown<Language::en>(arg), shown<Language::en>(args)...))),
        zh(fmt::vformat(chinese, fmt::make_format_args(shown<Language::zh>(arg), shown<Language::zh>(args)...))) {}

  const std::string& in(Language language) const { return language == Language::zh ? zh : en; }
  bool empty() const { return en.empty(); }

  Text& operator+=(const Text& more) {
    en += more.en;
    zh += more.zh;
    return *this;
  }

  // Adds to a list what is not empty: the separator stands only where there is something before it.
  Text& append(const Text& separator, const Text& more) {
    if (more.empty()) return *this;
    if (!empty()) *this += separator;
    return *this += more;
  }

 private:
  template <Language language, typename Arg>
  static auto& shown(Arg& arg) {
    if constexpr (std::is_same_v<std::remove_const_t<Arg>, Text>) {
      return arg.in(language);
    } else {
      return arg;
    }
  }
};

}  // namespace wring
