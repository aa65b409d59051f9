# Finds LibTorch inside an installed `torch` wheel and defines the target LibTorch::LibTorch.
#
# find_package(Torch) insists on a whole CUDA toolkit as soon as the wheel was built with CUDA, even
# where nothing but nvcc is installed. The wheel and the nvidia-* wheels beside it hold every library
# and nearly every header, so this file imports them directly. Inputs, in order of preference:
#   -DTorch_DIR=… or the environment's Torch_DIR   …/torch/share/cmake/Torch, or the torch folder itself
#   .venv in the source tree (made by scripts/setup.sh)
#   python3 -c "import torch"
# Sets LIBTORCH_ROOT, LIBTORCH_VERSION, LIBTORCH_HAS_CUDA and LIBTORCH_NVIDIA_DIR.

set(LIBTORCH_MINIMUM 2.11)

function(libtorch_locate out)
  set(hint "${Torch_DIR}")
  if(NOT hint)
    set(hint "$ENV{Torch_DIR}")
  endif()
  if(hint)
    foreach(up "" "/../../..")
      get_filename_component(root "${hint}${up}" ABSOLUTE)
      if(EXISTS "${root}/include/ATen/ATen.h")
        set(${out} "${root}" PARENT_SCOPE)
        return()
      endif()
    endforeach()
    message(FATAL_ERROR "Torch_DIR is ${hint}, but there is no LibTorch there. "
                        "Give the torch package's folder or its share/cmake/Torch.")
  endif()
  file(GLOB venv "${CMAKE_SOURCE_DIR}/.venv/lib/python3*/site-packages/torch")
  if(venv)
    list(GET venv 0 root)
  else()
    execute_process(
      COMMAND python3 -c "import torch, os; print(os.path.dirname(torch.__file__))"
      OUTPUT_VARIABLE root OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  endif()
  if(NOT root OR NOT EXISTS "${root}/include/ATen/ATen.h")
    message(FATAL_ERROR "LibTorch was not found. Run scripts/setup.sh, or set Torch_DIR, "
                        "or configure with -DWRING_TRAIN=OFF.")
  endif()
  set(${out} "${root}" PARENT_SCOPE)
endfunction()

libtorch_locate(LIBTORCH_ROOT)
file(STRINGS "${LIBTORCH_ROOT}/version.py" version_line REGEX "^__version__")
string(REGEX MATCH "[0-9]+\\.[0-9]+\\.[0-9]+" LIBTORCH_VERSION "${version_line}")
if(LIBTORCH_VERSION VERSION_LESS LIBTORCH_MINIMUM)
  message(FATAL_ERROR "LibTorch ${LIBTORCH_VERSION} at ${LIBTORCH_ROOT} is too old: "
                      "${LIBTORCH_MINIMUM} or newer is needed.")
endif()
if(EXISTS "${LIBTORCH_ROOT}/lib/libtorch_cuda.so")
  set(LIBTORCH_HAS_CUDA ON)
else()
  set(LIBTORCH_HAS_CUDA OFF)
endif()
get_filename_component(LIBTORCH_NVIDIA_DIR "${LIBTORCH_ROOT}/../nvidia" ABSOLUTE)

add_library(LibTorch::LibTorch INTERFACE IMPORTED)
target_include_directories(LibTorch::LibTorch SYSTEM INTERFACE "${LIBTORCH_ROOT}/include")
set(libtorch_names torch torch_cpu c10)
if(LIBTORCH_HAS_CUDA)
  list(APPEND libtorch_names torch_cuda c10_cuda)
endif()
list(TRANSFORM libtorch_names REPLACE "(.+)" "${LIBTORCH_ROOT}/lib/lib\\1.so" OUTPUT_VARIABLE libtorch_files)
# Nothing in our code names a symbol of libtorch_cuda directly, so without --no-as-needed the linker
# would drop it and every CUDA kernel would be missing at run time. The CUDA libraries that it needs
# in turn are found through its own run path, not at link time.
# The C++ library comes first: the CUDA wheel's libtorch.so exports some of its symbols from the compiler
# it was built with, and calling that copy of std::filesystem::remove_all crashes.
target_link_libraries(LibTorch::LibTorch INTERFACE
  -Wl,--push-state,--no-as-needed stdc++ ${libtorch_files} -Wl,--pop-state)
target_link_options(LibTorch::LibTorch INTERFACE -Wl,--allow-shlib-undefined)
message(STATUS "LibTorch ${LIBTORCH_VERSION} at ${LIBTORCH_ROOT} (CUDA: ${LIBTORCH_HAS_CUDA})")

# CUDA is used when this LibTorch has it and nvcc exists. WRING_CUDA: AUTO, ON (an error otherwise), OFF.
set(WRING_CUDA AUTO CACHE STRING "Build CUDA sources: AUTO, ON or OFF")
find_program(WRING_NVCC nvcc HINTS /usr/local/cuda/bin)
set(WRING_HAS_CUDA OFF)
if(NOT WRING_CUDA STREQUAL "OFF" AND LIBTORCH_HAS_CUDA AND WRING_NVCC)
  set(WRING_HAS_CUDA ON)
elseif(WRING_CUDA STREQUAL "ON")
  message(FATAL_ERROR "WRING_CUDA=ON needs nvcc and a torch wheel built with CUDA (torch==2.11.0 on PyPI).")
endif()

if(WRING_HAS_CUDA)
  if(NOT DEFINED CMAKE_CUDA_COMPILER)
    set(CMAKE_CUDA_COMPILER "${WRING_NVCC}")
  endif()
  if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES AND NOT DEFINED ENV{CUDAARCHS})
    set(CMAKE_CUDA_ARCHITECTURES 75-virtual 80-real 86-real 89-real 90)
  endif()
  enable_language(CUDA)
  if(NOT CMAKE_CUDA20_STANDARD_COMPILE_OPTION)
    # Debian 12's CMake (3.25.1) does not know yet that nvcc speaks C++20.
    set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION "-std=c++20")
    set(CMAKE_CUDA20_EXTENSION_COMPILE_OPTION "-std=c++20")
  endif()
  # The toolkit's own folder comes first: crt/ is only there. cuBLAS, cuDNN and NCCL headers come
  # from the wheels beside torch.
  file(GLOB nvidia_includes "${LIBTORCH_NVIDIA_DIR}/*/include")
  add_library(LibTorch::Cuda INTERFACE IMPORTED)
  target_include_directories(LibTorch::Cuda SYSTEM INTERFACE
    ${CMAKE_CUDA_TOOLKIT_INCLUDE_DIRECTORIES} ${nvidia_includes})
  # The same libraries as torch's own, from the wheels beside it; the system's where they are not there.
  foreach(name cudart cudnn nccl)
    file(GLOB in_wheel "${LIBTORCH_NVIDIA_DIR}/*/lib/lib${name}.so.*")
    if(in_wheel)
      list(GET in_wheel 0 LIBTORCH_${name})
    else()
      find_library(LIBTORCH_${name} ${name} HINTS "${CMAKE_CUDA_COMPILER}/../../lib64" REQUIRED)
    endif()
    target_link_libraries(LibTorch::Cuda INTERFACE "${LIBTORCH_${name}}")
  endforeach()
  target_link_libraries(LibTorch::LibTorch INTERFACE LibTorch::Cuda)
endif()
