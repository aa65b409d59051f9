// ncurses' macros (move, clear, timeout, …) would take names from everybody, and wide characters are asked for by name.
#define NCURSES_NOMACROS 1
#define NCURSES_WIDECHAR 1
#include "wring/monitor/live/screen.h"

#include <array>
#include <clocale>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

#include <langinfo.h>
#include <ncursesw/curses.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "wring/monitor/live/terminal_guard.h"

namespace wring::live {
namespace {

// Characters are wide or not by the locale. Where the user's own is missing or not UTF-8 but UTF-8 is wanted, glibc's
// C.UTF-8 knows them as well. Returns whether UTF-8 can be shown.
bool choose_locale(bool utf8) {
  std::setlocale(LC_CTYPE, "");
  const auto is_utf8 = [] { return std::strcmp(::nl_langinfo(CODESET), "UTF-8") == 0; };
  if (!utf8) return false;
  return is_utf8() || (std::setlocale(LC_CTYPE, "C.UTF-8") != nullptr && is_utf8());
}

// ncurses handles signals on its own while a terminal is open: it would end the process without a summary, and repaint
// inside a handler. Whoever opens the screen handles them.
class KeptSignals {
 public:
  KeptSignals() {
    for (std::size_t i = 0; i < kSignals.size(); ++i) ::sigaction(kSignals[i], nullptr, &kept_[i]);
  }
  ~KeptSignals() {
    for (std::size_t i = 0; i < kSignals.size(); ++i) ::sigaction(kSignals[i], &kept_[i], nullptr);
  }
  KeptSignals(const KeptSignals&) = delete;
  KeptSignals& operator=(const KeptSignals&) = delete;

 private:
  static constexpr std::array kSignals = {SIGINT, SIGTERM, SIGTSTP, SIGWINCH};
  std::array<struct sigaction, kSignals.size()> kept_{};
};

constexpr auto kStyles = static_cast<std::size_t>(Style::count_);

// The attributes of a style without colour, and its colour where there is one (−1: the terminal's own).
struct Look {
  attr_t attributes;
  short color;
};

constexpr Look look_of(Style style) {
  switch (style) {
    case Style::dim:
      return {A_DIM, -1};
    case Style::bold:
      return {A_BOLD, -1};
    case Style::good:
      return {A_NORMAL, COLOR_GREEN};
    case Style::warn:
      return {A_NORMAL, COLOR_YELLOW};
    case Style::bad:
      return {A_BOLD, COLOR_RED};
    case Style::memory:
      return {A_NORMAL, COLOR_BLUE};
    case Style::reserved:
      return {A_DIM, COLOR_BLUE};
    case Style::power:
      return {A_NORMAL, COLOR_MAGENTA};
    case Style::activity:
      return {A_NORMAL, COLOR_CYAN};
    case Style::key:
      return {A_BOLD, -1};
    case Style::selected:
      return {A_BOLD, COLOR_CYAN};
    case Style::plain:
    case Style::count_:
      break;
  }
  return {A_NORMAL, -1};
}

class NcursesScreen : public LiveScreen {
 public:
  NcursesScreen(SCREEN* screen, const termios& found, bool utf8, bool color)
      : guard_(capability("sgr0") + capability("cnorm") + capability("rmkx") + capability("rmcup"), found),
        screen_(screen),
        utf8_(utf8) {
    ::cbreak();
    ::noecho();
    ::nonl();
    ::intrflush(stdscr, FALSE);
    ::keypad(stdscr, TRUE);
    ::nodelay(stdscr, TRUE);
    ::set_escdelay(25);
    ::curs_set(0);
    ignore_flow_control();
    if (color && ::has_colors()) {
      ::start_color();
      ::use_default_colors();
      color_ = true;
    }
    for (std::size_t i = 0; i < kStyles; ++i) {
      const Look look = look_of(static_cast<Style>(i));
      attributes_[i] = look.attributes;
      if (!color_ || look.color < 0) continue;
      pairs_[i] = static_cast<short>(i + 1);
      ::init_pair(pairs_[i], look.color, -1);
    }
  }

  ~NcursesScreen() override {
    if (entered_) ::endwin();
    ::delscreen(screen_);
  }
  NcursesScreen(const NcursesScreen&) = delete;
  NcursesScreen& operator=(const NcursesScreen&) = delete;

  bool utf8() const override { return utf8_; }

  ScreenSize size() override {
    winsize now{};
    if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &now) == 0 && now.ws_col > 0 && now.ws_row > 0) {
      if (now.ws_row != LINES || now.ws_col != COLS) ::resizeterm(now.ws_row, now.ws_col);
    }
    return {COLS, LINES};
  }

  void show(const Canvas& canvas) override {
    for (int row = 0; row < canvas.rows(); ++row) {
      if (shown_ && shown_->columns() == canvas.columns() && shown_->rows() == canvas.rows() &&
          same_row(*shown_, canvas, row)) {
        continue;
      }
      put_row(canvas, row);
    }
    shown_ = canvas;
    ::wrefresh(stdscr);
  }

  Key read_key() override {
    wint_t key = 0;
    const int kind = ::wget_wch(stdscr, &key);
    if (kind == ERR) return Key::none;
    return kind == KEY_CODE_YES ? function_key(key) : letter(key);
  }

  void leave() override {
    ::endwin();
    entered_ = false;
  }

  void enter() override {
    ::reset_prog_mode();  // also after a stop that nobody could prepare (SIGSTOP)
    ::clearok(curscr, TRUE);
    ::wrefresh(stdscr);
    ::curs_set(0);
    entered_ = true;
  }

 private:
  // Ctrl-S would hold the view up, and with it the end of the program; p is there to pause.
  static void ignore_flow_control() {
    termios modes{};
    if (::tcgetattr(STDIN_FILENO, &modes) != 0) return;
    modes.c_iflag &= ~static_cast<tcflag_t>(IXON);
    ::tcsetattr(STDIN_FILENO, TCSANOW, &modes);
    ::def_prog_mode();
  }

  static bool same_row(const Canvas& a, const Canvas& b, int row) {
    for (int column = 0; column < a.columns(); ++column) {
      if (!(a.at(row, column) == b.at(row, column))) return false;
    }
    return true;
  }

  // Runs of one style; each begins at its own column, so a character that the terminal's tables count differently
  // shifts nothing that follows its run.
  void put_row(const Canvas& canvas, int row) {
    std::wstring run;
    for (int column = 0; column < canvas.columns();) {
      const int begin = column;
      const Style style = canvas.at(row, column).style;
      run.clear();
      for (; column < canvas.columns() && canvas.at(row, column).style == style; ++column) {
        if (const char32_t glyph = canvas.at(row, column).glyph; glyph != 0) run += static_cast<wchar_t>(glyph);
      }
      const auto index = static_cast<std::size_t>(style);
      ::wattr_set(stdscr, attributes_[index], pairs_[index], nullptr);
      ::mvwaddnwstr(stdscr, row, begin, run.c_str(), static_cast<int>(run.size()));
    }
  }

  static Key function_key(wint_t key) {
    switch (key) {
      case KEY_UP:
        return Key::up;
      case KEY_DOWN:
        return Key::down;
      case KEY_PPAGE:
        return Key::page_up;
      case KEY_NPAGE:
        return Key::page_down;
      case KEY_HOME:
        return Key::first;
      case KEY_END:
        return Key::last;
      case KEY_RESIZE:
        return Key::none;  // the size is asked for anyway
      default:
        return Key::other;
    }
  }

  static Key letter(wint_t key) {
    switch (key) {
      case L'q':
      case L'Q':
        return Key::quit;
      case L'p':
      case L'P':
      case L' ':
        return Key::pause;
      case L'?':
      case L'h':
        return Key::help;
      case L'+':
      case L'=':
        return Key::slower;
      case L'-':
      case L'_':
        return Key::faster;
      case L'k':
        return Key::up;
      case L'j':
        return Key::down;
      case L'g':
        return Key::first;
      case L'G':
        return Key::last;
      default:
        return Key::other;
    }
  }

  // What the terminal is sent for a capability, without the pauses ("$<5>") that old terminals need; "" where it has
  // none.
  static std::string capability(const char* name) {
    const char* found = ::tigetstr(name);
    std::string text = found == nullptr || reinterpret_cast<std::intptr_t>(found) == -1 ? "" : found;
    for (std::size_t at = text.find("$<"); at != std::string::npos; at = text.find("$<")) {
      text.erase(at, text.find('>', at) - at + 1);
    }
    return text;
  }

  TerminalGuard guard_;
  SCREEN* screen_;
  bool utf8_;
  bool color_ = false;
  bool entered_ = true;
  std::array<attr_t, kStyles> attributes_{};
  std::array<short, kStyles> pairs_{};
  std::optional<Canvas> shown_;
};

}  // namespace

std::unique_ptr<LiveScreen> open_live_screen(const ScreenOptions& options) {
  const bool utf8 = choose_locale(options.utf8);
  termios found{};
  if (::tcgetattr(STDIN_FILENO, &found) != 0) return nullptr;
  SCREEN* screen = [] {
    const KeptSignals kept;
    return ::newterm(nullptr, stdout, stdin);
  }();
  if (screen == nullptr) return nullptr;
  return std::make_unique<NcursesScreen>(screen, found, utf8, options.color);
}

}  // namespace wring::live
