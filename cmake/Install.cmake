# Installs the programs, the library for other programs (find_package(wring), see examples/library), their manual pages and completions, the example configs and the licence. wring looks for wring-train beside itself.
install(TARGETS wring optimize_gpu RUNTIME)
if(WRING_TRAIN)
  # LibTorch stays in its wheel: the installed program keeps the path to it. INSTALL_RPATH_USE_LINK_PATH would not do,
  # because CMake leaves out folders inside the source tree, where .venv is.
  file(GLOB nvidia_libraries "${LIBTORCH_NVIDIA_DIR}/*/lib")
  set_target_properties(wring-train PROPERTIES INSTALL_RPATH "${LIBTORCH_ROOT}/lib;${nvidia_libraries}")
  install(TARGETS wring-train RUNTIME)
endif()
set(package "${CMAKE_INSTALL_LIBDIR}/cmake/wring")
install(TARGETS wring_core EXPORT wring-targets ARCHIVE FILE_SET HEADERS)
install(EXPORT wring-targets NAMESPACE wring:: DESTINATION "${package}")
include(CMakePackageConfigHelpers)
write_basic_package_version_file("${CMAKE_BINARY_DIR}/wring-config-version.cmake" COMPATIBILITY SameMinorVersion)
install(FILES cmake/wring-config.cmake cmake/CoreDependencies.cmake "${CMAKE_BINARY_DIR}/wring-config-version.cmake"
  DESTINATION "${package}")
install(DIRECTORY configs/ DESTINATION ${CMAKE_INSTALL_DATADIR}/wring/configs)
install(FILES LICENSE README.md README.zh-CN.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
# OPTIONAL: who built single targets has no manual.
install(DIRECTORY "${CMAKE_BINARY_DIR}/manual/" DESTINATION ${CMAKE_INSTALL_DATADIR} OPTIONAL)
