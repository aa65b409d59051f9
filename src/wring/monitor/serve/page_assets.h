#pragma once
#include <span>
#include <string_view>

namespace wring::serve {

// The files of src/wring/monitor/serve/page, which the build puts into the program.
struct PageAsset {
  std::string_view path;  // "/page.js"; the page itself is "/"
  std::string_view content_type;
  std::string_view content;
};

std::span<const PageAsset> page_assets();

}  // namespace wring::serve
