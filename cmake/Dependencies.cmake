# Distribution packages (Debian 12, Ubuntu 24.04). Linked statically or header-only where the two
# distributions ship different shared-library versions, so that one binary runs on both.

find_package(Threads REQUIRED)
find_package(fmt REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(CLI11 REQUIRED)

# wring_static(TARGET LIBRARY HEADER): the static archive where there is one, else the shared library.
function(wring_static target library header)
  find_library(${target}_LIBRARY NAMES lib${library}.a ${library})
  find_path(${target}_INCLUDE ${header})
  if(NOT ${target}_LIBRARY OR NOT ${target}_INCLUDE)
    return()
  endif()
  add_library(${target} INTERFACE IMPORTED GLOBAL)
  target_link_libraries(${target} INTERFACE "${${target}_LIBRARY}")
  target_include_directories(${target} SYSTEM INTERFACE "${${target}_INCLUDE}")
endfunction()

wring_static(wring_yaml yaml-cpp yaml-cpp/yaml.h)
wring_static(wring_re2 re2 re2/re2.h)
wring_static(wring_utf8proc utf8proc utf8proc.h)
wring_static(wring_jpeg jpeg jpeglib.h)
wring_static(wring_png png png.h)
wring_static(wring_zlib z zlib.h)
wring_static(wring_deflate deflate libdeflate.h)
wring_static(wring_webp webp webp/decode.h)
foreach(needed yaml re2 utf8proc jpeg png zlib deflate)
  if(NOT TARGET wring_${needed})
    message(FATAL_ERROR "The library ${needed} was not found. Run scripts/setup.sh.")
  endif()
endforeach()
target_link_libraries(wring_re2 INTERFACE Threads::Threads)
target_link_libraries(wring_png INTERFACE wring_zlib m)
if(TARGET wring_webp)
  find_library(WRING_SHARPYUV NAMES libsharpyuv.a sharpyuv)
  if(WRING_SHARPYUV)
    target_link_libraries(wring_webp INTERFACE "${WRING_SHARPYUV}")
  endif()
endif()

# Optional: the live view of the monitor. The terminal database is found at run time, in the same places on both.
wring_static(wring_ncurses ncursesw ncursesw/curses.h)
if(TARGET wring_ncurses)
  find_library(WRING_TINFO NAMES libtinfo.a tinfo)
  if(WRING_TINFO)  # part of ncursesw where it was built in one piece
    target_link_libraries(wring_ncurses INTERFACE "${WRING_TINFO}")
  endif()
endif()

# Optional: the monitor's web server (Asio and Beast, which are headers only).
find_package(Boost 1.74)
