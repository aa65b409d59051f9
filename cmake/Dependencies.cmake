# Distribution packages (Debian 12, Ubuntu 24.04). Linked statically or header-only where the two
# distributions ship different shared-library versions, so that one binary runs on both.

include(CoreDependencies)

wring_static(wring_jpeg jpeg jpeglib.h)
wring_static(wring_png png png.h)
wring_static(wring_deflate deflate libdeflate.h)
wring_static(wring_webp webp webp/decode.h)
foreach(needed yaml re2 utf8proc zlib jpeg png deflate)
  if(NOT TARGET wring_${needed})
    message(FATAL_ERROR "The library ${needed} was not found. Run scripts/setup.sh.")
  endif()
endforeach()
target_link_libraries(wring_png INTERFACE wring_zlib m)
if(TARGET wring_webp)
  find_library(WRING_SHARPYUV NAMES libsharpyuv.a sharpyuv)
  if(WRING_SHARPYUV)
    target_link_libraries(wring_webp INTERFACE "${WRING_SHARPYUV}")
  endif()
endif()

# Optional: the monitor's web server (Asio and Beast, which are headers only).
find_package(Boost 1.74)
