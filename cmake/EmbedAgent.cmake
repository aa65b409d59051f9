# Writes the Python file FILE into OUTPUT as C++, for wring/agent/agent_files.h. Run by the build:
#   cmake -DFILE=… -DOUTPUT=… -P EmbedAgent.cmake
file(READ "${FILE}" content)
file(WRITE "${OUTPUT}"
  "#include \"wring/agent/agent_files.h\"\n\nnamespace wring {\n\n"
  "std::string_view agent_source() {\n  return R\"wring_agent(${content})wring_agent\";\n}\n\n}  // namespace wring\n")
