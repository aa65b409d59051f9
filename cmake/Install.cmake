# Installs the programs, their manual pages and completions, the example configs and the licence. wring looks for wring-train beside itself.
install(TARGETS wring optimize_gpu RUNTIME)
if(WRING_TRAIN)
  # LibTorch stays in its wheel: the installed program keeps the path to it. INSTALL_RPATH_USE_LINK_PATH would not do,
  # because CMake leaves out folders inside the source tree, where .venv is.
  file(GLOB nvidia_libraries "${LIBTORCH_NVIDIA_DIR}/*/lib")
  set_target_properties(wring-train PROPERTIES INSTALL_RPATH "${LIBTORCH_ROOT}/lib;${nvidia_libraries}")
  install(TARGETS wring-train RUNTIME)
endif()
install(DIRECTORY configs/ DESTINATION ${CMAKE_INSTALL_DATADIR}/wring/configs)
install(FILES LICENSE README.md README.zh-CN.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
# OPTIONAL: who built single targets has no manual.
install(DIRECTORY "${CMAKE_BINARY_DIR}/manual/" DESTINATION ${CMAKE_INSTALL_DATADIR} OPTIONAL)
