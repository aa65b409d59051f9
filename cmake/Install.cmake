# Installs the programs, the example configs and the licence. wring looks for wring-train beside itself.
install(TARGETS wring optimize_gpu RUNTIME)
if(WRING_TRAIN)
  # LibTorch stays in its wheel: the installed program keeps the path to it.
  set_target_properties(wring-train PROPERTIES INSTALL_RPATH_USE_LINK_PATH ON)
  install(TARGETS wring-train RUNTIME)
endif()
install(DIRECTORY configs/ DESTINATION ${CMAKE_INSTALL_DATADIR}/wring/configs)
install(FILES LICENSE README.md README.zh-CN.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
