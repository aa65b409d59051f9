#!/usr/bin/env bash
# Checks our own code without building it: format, clang-tidy, and that every script compiles.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. build/setup.env

listed() { git ls-files --cached --others --exclude-standard -- "$@" | sort -u; }

mapfile -t sources < <(listed '*.h' '*.cpp' '*.cu' '*.cuh')
clang-format --dry-run -Werror "${sources[@]}" || { echo "lint: run make format." >&2; exit 1; }
echo "clang-format: ${#sources[@]} files"

# The torch-free part only: LibTorch's headers take clang-tidy half a minute a file.
cmake -S . -B build/lint -G Ninja -DWRING_TRAIN=OFF -DCMAKE_BUILD_TYPE=Debug >build/configure-lint.log ||
  { tail -n 30 build/configure-lint.log; exit 1; }
mapfile -t tidied < <(listed 'src/wring/*.cpp' 'src/wring_train/data/*.cpp' 'apps/wring/*.cpp' 'apps/optimize_gpu/*.cpp')
printf '%s\0' "${tidied[@]}" | xargs -0 -n 4 -P "$(nproc)" clang-tidy -p build/lint --quiet 2>build/lint/tidy.log ||
  { grep -v 'warnings generated' build/lint/tidy.log; exit 1; }
echo "clang-tidy: ${#tidied[@]} files"

mapfile -t python < <(listed '*.py')
"$PYTHON" - "${python[@]}" <<'PY'
import sys
for path in sys.argv[1:]:
    compile(open(path, encoding="utf-8").read(), path, "exec")
PY
mapfile -t shell < <(listed '*.sh' .ci/run)
for script in "${shell[@]}"; do
  bash -n "$script"
done
echo "scripts: ${#python[@]} Python, ${#shell[@]} shell"
