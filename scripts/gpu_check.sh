#!/usr/bin/env bash
# Runs the GPU tests, then training beside PyTorch, on a machine with a GPU: a few minutes. `make bench` measures more.
#
# WRING_BUILD_DIR names a build made elsewhere and carried here: nothing is built then, and the torch that python3
# imports takes the place of the one that the programs were linked with (both must be the same version).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if [ -n "${WRING_BUILD_DIR:-}" ]; then
  build=$WRING_BUILD_DIR
  python=${PYTHON:-python3}
  packages=$("$python" -c 'import torch, os; print(os.path.dirname(os.path.dirname(torch.__file__)))')
  LD_LIBRARY_PATH="$packages/torch/lib:$(printf '%s:' "$packages"/nvidia/*/lib)${LD_LIBRARY_PATH:-}"
  export LD_LIBRARY_PATH
else
  build=build/cuda
  . build/setup.env
  python=$PYTHON
fi

if ! "$python" -c 'import sys, torch; sys.exit(not torch.cuda.is_available())'; then
  echo "gpu-check: $python sees no GPU." >&2
  echo "           Run it on a machine with an NVIDIA GPU and its driver; nvidia-smi shows whether there is one." >&2
  exit 3
fi
"$python" -c 'import torch; print("GPU:", torch.cuda.get_device_name(), "| torch", torch.__version__)'

if [ -n "${WRING_BUILD_DIR:-}" ]; then
  # ctest's files hold the paths of the machine that built them; the test program needs none.
  "$build/tests/wring_gpu_tests"
else
  ctest --test-dir "$build" -L gpu --output-on-failure --no-tests=error
fi
"$python" bench/vs_pytorch.py --device cuda --wring-train "$build/bin/wring-train" --check
# The expert's step, compiled and recorded as one CUDA graph, beside ours; on two configurations, in one round.
"$python" bench/vs_pytorch.py --device cuda --wring-train "$build/bin/wring-train" --suite step --quick --markdown
