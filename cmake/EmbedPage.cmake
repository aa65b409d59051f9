# Writes the files of FOLDER into OUTPUT as C++, for wring/monitor/serve/page_assets.h. Run by the build:
#   cmake -DFOLDER=… -DOUTPUT=… -P EmbedPage.cmake
set(types_html "text/html; charset=utf-8")
set(types_css "text/css; charset=utf-8")
set(types_js "text/javascript; charset=utf-8")
set(types_svg "image/svg+xml")

file(GLOB files RELATIVE "${FOLDER}" "${FOLDER}/*")
list(SORT files)
set(rows "")
foreach(name IN LISTS files)
  file(READ "${FOLDER}/${name}" content)
  string(REGEX MATCH "[a-z]+$" extension "${name}")
  set(path "/${name}")
  if(name STREQUAL "index.html")
    set(path "/")
  endif()
  string(APPEND rows "    {\"${path}\", \"${types_${extension}}\", R\"wring_page(${content})wring_page\"},\n")
endforeach()
file(WRITE "${OUTPUT}"
  "#include \"wring/monitor/serve/page_assets.h\"\n\n#include <array>\n\nnamespace wring::serve {\n\n"
  "std::span<const PageAsset> page_assets() {\n  static const auto assets = std::to_array<PageAsset>({\n"
  "${rows}"
  "  });\n  return assets;\n}\n\n}  // namespace wring::serve\n")
