#!/usr/bin/env bash
# Checks our own code without building it: format, clang-tidy, and that every script compiles.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. build/setup.env

listed() { git ls-files --cached --others --exclude-standard -- "$@" | sort -u; }

mapfile -t sources < <(listed '*.h' '*.cpp' '*.cu' '*.cuh')
clang-format --dry-run -Werror "${sources[@]}" || { echo "lint: run make format." >&2; exit 1; }
echo "clang-format: ${#sources[@]} files"

# tidy([--checks=LIST] FILES… -- OPTIONS…): a few files a process, all cores, findings on standard output.
tidy() {
  local files=() options=--quiet
  case "$1" in --checks=*) options+=" $1"; shift ;; esac
  while [ $# -gt 0 ] && [ "$1" != -- ]; do files+=("$1"); shift; done
  [ ${#files[@]} -gt 0 ] || return 0
  printf '%s\0' "${files[@]}" | xargs -0 -n 2 -P "$(nproc)" bash -c 'clang-tidy $2 "${@:3}" -- $1' - "${*:2}" "$options" \
    2>build/tidy.log || { grep -v 'warnings generated' build/tidy.log >&2; exit 1; }
  echo "clang-tidy: ${#files[@]} files"
}

# The flags that matter to clang-tidy, without a build. The precompiled header of LibTorch's sources can only be read by
# the compiler that made it, so clang makes one of its own. Every check goes through all of that header for every source,
# so these sources get the few checks that matter most.
free_folders=('src/wring/*.cpp' 'src/wring_train/data/*.cpp' 'src/wring_train/dist/host/*.cpp' 'apps/*.cpp' 'tools/*.cpp')
mapfile -t free < <(listed "${free_folders[@]}")
mapfile -t torch < <(listed 'src/wring_train/*.cpp' | grep -vE '^src/wring_train/(data|dist/host)/')
# The graph engine's parts need CUDA's headers, of the toolkit and of the wheels beside torch.
cuda=""
for folder in "$TORCH_DIR"/../nvidia/*/include /usr/local/cuda/include; do
  [ ! -d "$folder" ] || cuda+=" -isystem $folder"
done
[ -e "$TORCH_DIR/lib/libtorch_cuda.so" ] && [ -d /usr/local/cuda/include/crt ] ||
  mapfile -t torch < <(printf '%s\n' "${torch[@]}" | grep -vE '/(engine/graph|dist/nccl)_.*\.cpp$')
flags="-std=c++20 -Isrc -DWRING_VERSION=\"lint\""
tidy "${free[@]}" -- $flags
checks="-*,readability-identifier-naming,bugprone-use-after-move,bugprone-argument-comment,modernize-use-override"
checks+=",misc-unused-using-decls,performance-unnecessary-copy-initialization"
torch_flags="$flags -isystem $TORCH_DIR/include $cuda"
clang=$(dirname "$(readlink -f "$(command -v clang-tidy)")")/clang
"$clang" $torch_flags -x c++-header src/wring_train/torch_pch.h -o build/lint.pch
tidy --checks="$checks" "${torch[@]}" -- $torch_flags -include-pch build/lint.pch

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
