# Flags shared by every target of our own: warnings, sanitizers.

add_library(wring_flags INTERFACE)
target_compile_options(wring_flags INTERFACE
  $<$<COMPILE_LANGUAGE:CXX>:-Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual>
  # g++ 12 warns of overlapping copies in `"text" + std::string(…)` where there are none (GCC bug 105651).
  $<$<COMPILE_LANG_AND_ID:CXX,GNU>:-Wno-restrict>
  $<$<AND:$<BOOL:${WRING_WERROR}>,$<COMPILE_LANGUAGE:CXX>>:-Werror>
  $<$<AND:$<BOOL:${WRING_WERROR}>,$<COMPILE_LANGUAGE:CUDA>>:-Werror=all-warnings>)
if(WRING_SANITIZE)
  target_compile_options(wring_flags INTERFACE
    $<$<COMPILE_LANGUAGE:CXX>:-fsanitize=${WRING_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=undefined>
    # False alarms in the standard library, which g++ then sees through less, and of fences, which TSan does not follow.
    $<$<COMPILE_LANGUAGE:CXX>:-Wno-maybe-uninitialized -Wno-tsan>)
  target_link_options(wring_flags INTERFACE -fsanitize=${WRING_SANITIZE})
endif()

# wring_library(NAME SOURCES…): a static library with our flags and src/ on its include path.
function(wring_library name)
  add_library(${name} STATIC ${ARGN})
  target_include_directories(${name} PUBLIC $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}/src>)
  target_link_libraries(${name} PRIVATE $<BUILD_INTERFACE:wring_flags>)
endfunction()
