#!/usr/bin/env bash
# Installs what Wring needs on Debian 12 or Ubuntu 24.04 and does nothing where it is there already.
#
#   scripts/setup.sh [--lint] [--browser]     --lint adds clang-format and clang-tidy (in .lint),
#                                             --browser Chromium for the tests of the monitor's web page
#
# Writes build/setup.env (TORCH_DIR, PYTHON) for the Makefile. Uses apt and PyPI, nothing else.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

packages=(
  build-essential cmake ninja-build ccache git python3 python3-venv
  libyaml-cpp-dev libcli11-dev libfmt-dev nlohmann-json3-dev libre2-dev libutf8proc-dev zlib1g-dev
  libgtest-dev libgmock-dev libbenchmark-dev libjpeg-dev libpng-dev libdeflate-dev libwebp-dev
  libncurses-dev libboost-dev
)
wants_browser= wants_lint=
for option in "$@"; do
  case "$option" in
    --lint) wants_lint=yes ;;
    --browser) wants_browser=yes ;;
    *) echo "scripts/setup.sh: unknown option $option; there are --lint and --browser." >&2; exit 2 ;;
  esac
done
readonly minimum_torch=2.11

step() { printf '  %-9s %s\n' "$1:" "$2"; }
fail() { printf 'set-up: %s\n        %s\n' "$1" "$2" >&2; exit 1; }

# --- Distribution packages ---------------------------------------------------------------------------------------

is_installed() { [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null || true)" = installed ]; }

install_packages() {
  command -v dpkg-query >/dev/null || fail "this is not Debian or Ubuntu: dpkg-query is missing." \
    "Install by hand: ${packages[*]}"
  local missing=() package as_root=()
  for package in "${packages[@]}"; do
    is_installed "$package" || missing+=("$package")
  done
  if [ ${#missing[@]} -eq 0 ]; then
    step packages "present"
    return
  fi
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || fail "packages are missing, and there is neither root nor sudo." \
      "Ask someone who may: apt-get install ${missing[*]}"
    as_root=(sudo)
  fi
  step packages "installing ${missing[*]}"
  "${as_root[@]}" apt-get update -qq || fail "apt-get update failed." "Needed: apt-get install ${missing[*]}"
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "${missing[@]}" \
    >/dev/null || fail "apt-get install failed." "Needed: apt-get install ${missing[*]}"
  step packages "installed ${#missing[@]}"
}

# Ubuntu's package is only a door to a snap, which a container cannot open; the tests are skipped there, with the reason.
install_browser() {
  local found
  found=$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)
  if [ -n "$found" ]; then
    step browser "$found"
  elif grep -q '^ID=ubuntu' /etc/os-release; then
    step browser "none, and Ubuntu has Chromium only as a snap; the tests of the web page are skipped"
  else
    packages=(chromium)
    install_packages
  fi
}

# --- LibTorch ------------------------------------------------------------------------------------------------------

# The version of the torch package in folder $1, or nothing where it is not whole enough to build with.
torch_version() {
  [ -e "$1/include/ATen/ATen.h" ] && [ -e "$1/lib/libtorch_cpu.so" ] || return 0
  sed -n "s/^__version__ *= *['\"]\([^'\"]*\)['\"].*/\1/p" "$1/version.py" 2>/dev/null || true
}

is_new_enough() { [ -n "$1" ] && printf '%s\n%s\n' "$minimum_torch" "$1" | sort -V -C; }

# The folder of the torch that the Python $1 would import, without the seconds that importing takes.
torch_of_python() {
  "$1" - 2>/dev/null <<'PY' || true
import importlib.util, os
spec = importlib.util.find_spec("torch")
if spec and spec.origin:
    print(os.path.dirname(spec.origin))
PY
}

# The Python whose site-packages hold the torch folder $1, else the python3 on PATH.
python_of_torch() {
  local beside="$1/../../../../bin/python3"
  if [ -x "$beside" ] && [ "$(torch_of_python "$beside")" -ef "$1" ]; then
    echo "$(cd "$(dirname "$beside")" && pwd)/python3"
  else
    command -v python3
  fi
}

# Sets torch_dir and python. The order is that of cmake/LibTorch.cmake, which is given the result.
find_torch() {
  local version
  if [ -n "${Torch_DIR:-}" ]; then
    for torch_dir in "$Torch_DIR" "$Torch_DIR/../../.."; do
      version=$(torch_version "$torch_dir")
      [ -n "$version" ] && break
    done
    is_new_enough "$version" || fail "Torch_DIR is $Torch_DIR, but there is no LibTorch ≥ $minimum_torch there." \
      "Give the torch package's folder or its share/cmake/Torch, or unset Torch_DIR."
    torch_dir=$(cd "$torch_dir" && pwd)
    python=$(python_of_torch "$torch_dir")
    step torch "$version, from Torch_DIR"
    return
  fi
  if [ ! -e .venv ]; then
    torch_dir=$(torch_of_python python3)
    version=$(torch_version "${torch_dir:-/nonexistent}")
    if is_new_enough "$version"; then
      python=$(command -v python3)
      step torch "$version, from $python"
      return
    fi
  fi
  local requirements=scripts/requirements-cpu.txt
  if command -v nvcc >/dev/null || [ -x /usr/local/cuda/bin/nvcc ]; then
    requirements=scripts/requirements-cuda.txt
  fi
  make_venv .venv "$requirements"
  torch_dir=$(torch_of_python .venv/bin/python3)
  version=$(torch_version "${torch_dir:-/nonexistent}")
  is_new_enough "$version" || fail "the torch package in .venv is not usable." "Remove .venv and run this again."
  python="$PWD/.venv/bin/python3"
  step torch "$version, in .venv"
}

# A virtual environment $1 with what the file $2 lists.
make_venv() {
  local venv=$1 requirements=$2
  # The copy is made only after pip has finished, so its absence marks a half-finished environment, and a
  # difference one that was made for other requirements.
  local finished=$venv/installed-requirements.txt
  if cmp -s "$requirements" "$finished" && "$venv/bin/python3" -c "" 2>/dev/null; then
    return
  fi
  rm -f "$finished"
  if ! "$venv/bin/python3" -m pip --version >/dev/null 2>&1; then
    step venv "creating $venv"
    # --clear: what an interrupted run left may have a broken pip. A python3 that someone built without
    # ensurepip may stand first on PATH; the distribution's own has python3-venv.
    python3 -m venv --clear "$venv" 2>/dev/null || /usr/bin/python3 -m venv --clear "$venv" ||
      fail "no virtual environment could be made." "Check that python3 -m venv works."
  fi
  step venv "installing $(grep -v '^#' "$requirements" | paste -sd' ')"
  "$venv/bin/python3" -m pip install -qq --disable-pip-version-check -r "$requirements" ||
    fail "pip could not install $requirements." "Run this again: it takes up where it stopped."
  cp "$requirements" "$finished"
}

# Nothing but the tests and the benchmark that compare with the Python packages needs these.
report_python() {
  local missing
  missing=$("$python" - <<'PY'
import importlib.util
print(" ".join(name for name in ("numpy", "safetensors", "pyte", "prometheus_client") if importlib.util.find_spec(name) is None))
PY
  )
  step python "$python${missing:+; without $missing, so the tests that need it are skipped}"
}

echo "set-up"
install_packages
[ -z "$wants_browser" ] || install_browser
find_torch
report_python
[ -z "$wants_lint" ] || make_venv .lint scripts/requirements-lint.txt
mkdir -p build
printf "TORCH_DIR='%s'\nPYTHON='%s'\n" "$torch_dir" "$python" >build/setup.env
step total "$SECONDS s"
