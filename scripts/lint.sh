#!/usr/bin/env bash
# Checks our own code without building it: format, clang-tidy, and that every script compiles.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. build/setup.env

listed() { git ls-files --cached --others --exclude-standard -- "$@" | sort -u; }

mapfile -t sources < <(listed '*.h' '*.cpp' '*.cu' '*.cuh')
.lint/bin/clang-format --dry-run -Werror "${sources[@]}" || { echo "lint: run make format." >&2; exit 1; }
echo "clang-format: ${#sources[@]} files"

# tidy(FILES… -- FLAGS…): findings go to standard output, counts of those in system headers to standard error.
tidy() {
  local files=()
  while [ "$1" != -- ]; do files+=("$1"); shift; done
  printf '%s\0' "${files[@]}" | xargs -0 -P "$(nproc)" -I{} .lint/bin/clang-tidy --quiet {} "$@" 2>build/tidy.log ||
    { grep -v 'warnings generated' build/tidy.log >&2; exit 1; }
  echo "clang-tidy: ${#files[@]} files"
}

# The flags that matter to clang-tidy, without a build. LibTorch brings an fmt of its own, which only its users may see;
# the graph engine's parts need CUDA's headers, of the toolkit and of the wheels beside torch.
flags=(-std=c++20 -Isrc -I. '-DWRING_VERSION="lint"')
free_of_torch='image|weights|data|dist/host|log'
free_folders=('src/wring/*.cpp' 'apps/*.cpp' 'tools/*.cpp')
mapfile -t free < <(listed "${free_folders[@]}"; listed 'src/wring_train/*.cpp' | grep -E "^src/wring_train/($free_of_torch)/")
mapfile -t torch < <(listed 'src/wring_train/*.cpp' | grep -vE "^src/wring_train/($free_of_torch)/")
[ -e "$TORCH_DIR/lib/libtorch_cuda.so" ] && [ -d /usr/local/cuda/include/crt ] ||
  mapfile -t torch < <(printf '%s\n' "${torch[@]}" | grep -vE '/(engine/graph/|dist/nccl_).*\.cpp$')
tidy "${free[@]}" -- "${flags[@]}"
flags+=(-isystem "$TORCH_DIR/include" -DFMT_HEADER_ONLY)
for folder in "$TORCH_DIR"/../nvidia/*/include /usr/local/cuda/include; do
  [ ! -d "$folder" ] || flags+=(-isystem "$folder")
done
tidy "${torch[@]}" -- "${flags[@]}"

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
