// The reader and the patcher of configurations: text is read or refused, and a patch changes what it says and nothing
// else.
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "fuzz/fuzz_target.h"
#include "wring/base/error.h"
#include "wring/config/patcher.h"
#include "wring/config/reader.h"
#include "wring/files/files.h"

namespace {

// Whether the text is a configuration at all. Only usage errors refuse it.
bool is_config(const std::string& text, wring::UnknownKeys unknown) {
  try {
    wring::parse_config(text, "fuzz.yaml", unknown);
    return true;
  } catch (const wring::Error& error) {
    if (error.code() != wring::ErrorCode::usage) throw;
    return false;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const bool config = is_config(text, wring::UnknownKeys::ignore);
  if (is_config(text, wring::UnknownKeys::keep) && !config) {
    std::fprintf(stderr, "Wring's own, and no configuration\n");
    std::abort();
  }
  const std::vector<wring::Assignment> assignments = {{"batch_size", "48"}, {"lr", "0.5"}, {"amp_dtype", "fp16"}};
  try {
    const std::string patched = wring::patch_yaml(text, assignments, "fuzz.yaml");
    if (!config) return 0;
    const wring::ConfigFile read = wring::parse_config(patched, "fuzz.yaml", wring::UnknownKeys::ignore);
    if (read.values.batch_size != 48 || read.values.lr != 0.5 || read.values.amp_dtype != "fp16") {
      std::fprintf(stderr, "the patch was not taken\n");
      std::abort();
    }
  } catch (
      const wring::Error&) {  // also where the patcher's own check found that it would do damage: nothing is written
  }
  return 0;
}

namespace wring::fuzz {

std::vector<std::string> seeds() {
  std::vector<std::string> all = {"batch_size: 16   # what fitted\nlr: 1e-4\n",
                                  "# c\r\nbatch_size: '16'\r\nlr: \"0.0002\"\r\n",
                                  "batch_size: 8\nnotes: |\n  lr: 3\n  # text\nlr: 2e-4\nlist:\n- 1\n- 2\n",
                                  "a: &x [1, 2]\nb: *x\nbatch_size:\nmilestones: [100, 200]\n",
                                  "---\nbatch_size: 4\nmap: {a: 1, 'b': \"c\"}\n...\n",
                                  "text: 'two\n  lines'\n\"lr\": 0.1\namp_dtype: !!str bf16\n"};
  for (const auto& file : std::filesystem::directory_iterator(std::filesystem::path(WRING_SOURCE_DIR) / "configs")) {
    all.push_back(read_file(file.path()).substr(0, 400));
  }
  return all;
}

std::vector<std::string> dictionary() {
  return {"batch_size", "lr",           "amp_dtype", ": ",           "\n",         "\r\n", "---\n", "...\n", "- ", "? ",
          "# ",         " #",           "|\n  ",     ">-\n ",        "[",          "]",    "{",     "}",     "'",  "\"",
          "''",         "\\",           "&a ",       "*a",           "!!int ",     "<<",   "\t",    "  ",    ",",  "~",
          "null",       "\xEF\xBB\xBF", "\xC3\xA4",  "\xE4\xB8\xAD", "%YAML 1.2\n"};
}

}  // namespace wring::fuzz
