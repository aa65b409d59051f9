// Usage: write_manual FOLDER
// Writes the manual pages in both languages and the shell completions, laid out as under PREFIX/share. The build runs
// it, and the installation copies what it wrote.
#include <filesystem>

#include <fmt/format.h>

#include "wring/base/error.h"
#include "wring/cli/completion.h"
#include "wring/cli/manual.h"
#include "wring/cli/program.h"
#include "wring/files/files.h"

namespace {

void write(const std::filesystem::path& path, const std::string& text) {
  wring::make_folder(path.parent_path());
  wring::write_file_atomically(path, text);
}

void write_all(const std::filesystem::path& share) {
  const auto programs = wring::describe_programs();
  std::vector<std::string> names;
  for (const auto& program : programs) names.push_back(wring::page_name(program));
  for (const auto& program : programs) {
    const std::string file = wring::page_name(program) + ".1";
    write(share / "man/man1" / file, wring::manual_page(program, names, wring::Language::en));
    write(share / "man/zh_CN/man1" / file, wring::manual_page(program, names, wring::Language::zh));
  }
  // bash loads the file that is called as the program is.
  for (const char* program : {"wring", "optimize_gpu"}) {
    write(share / "bash-completion/completions" / program, wring::bash_completion(programs));
  }
  write(share / "zsh/site-functions/_wring", wring::zsh_completion(programs));
  write(share / "fish/vendor_completions.d/wring.fish", wring::fish_completion(programs));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    fmt::print(stderr, "usage: write_manual FOLDER\n");
    return 2;
  }
  try {
    write_all(argv[1]);
  } catch (const wring::Error& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
  return 0;
}
