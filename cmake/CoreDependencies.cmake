# What libwring itself links. An installed Wring finds the same, by wring-config.cmake.

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
  add_library(${target} UNKNOWN IMPORTED GLOBAL)
  set_target_properties(${target} PROPERTIES IMPORTED_LOCATION "${${target}_LIBRARY}")
  target_include_directories(${target} SYSTEM INTERFACE "${${target}_INCLUDE}")
endfunction()

wring_static(wring_yaml yaml-cpp yaml-cpp/yaml.h)
wring_static(wring_re2 re2 re2/re2.h)
wring_static(wring_utf8proc utf8proc utf8proc.h)
wring_static(wring_zlib z zlib.h)
if(TARGET wring_re2)
  target_link_libraries(wring_re2 INTERFACE Threads::Threads)
endif()

# Optional: the live view of the monitor. The terminal database is found at run time, in the same places on both.
wring_static(wring_ncurses ncursesw ncursesw/curses.h)
if(TARGET wring_ncurses)
  find_library(WRING_TINFO NAMES libtinfo.a tinfo)
  if(WRING_TINFO)  # part of ncursesw where it was built in one piece
    target_link_libraries(wring_ncurses INTERFACE "${WRING_TINFO}")
  endif()
endif()
