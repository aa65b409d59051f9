#!/usr/bin/env bash
# `make demo`: trains a small network on ten free photographs and shows on two others what it gains over bicubic.
# Needs nothing of yours; uses the GPU if there is one. What is there already (download, photographs) is kept.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly build=${WRING_BUILD_DIR:-build/release}
readonly wring=$build/bin/wring
readonly cache=.cache/demo
readonly data=demo/data
readonly package=mate-backgrounds
readonly nature=$cache/$package/usr/share/backgrounds/mate/nature
# Small ones with fine grass: the network has seen neither of them.
readonly held_out=(Dune.jpg GreenMeadow.jpg)

say() { printf '\n== %s\n' "$*"; }

# --- Photographs ---------------------------------------------------------------------------------------------------

download() { (cd "$cache" && apt-get -qq -o APT::Sandbox::User=root download "$package") >"$cache/apt.log" 2>&1; }

# Downloads and unpacks the package without installing it. Fails quietly where there is no network or no such package.
fetch_photographs() {
  [ -d "$nature" ] && return
  command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || return 1
  mkdir -p "$cache"
  if ! compgen -G "$cache/$package"_*.deb >/dev/null && ! download; then
    # A fresh container has no package lists yet.
    [ "$(id -u)" -eq 0 ] && apt-get -qq update >/dev/null 2>&1 && download || return 1
  fi
  local unpacked
  unpacked=$(mktemp -d "$cache/unpack.XXXXXX")
  if ! dpkg-deb -x "$cache/$package"_*.deb "$unpacked"; then
    rm -rf "$unpacked" "$cache/$package"_*.deb  # a download that was cut off
    return 1
  fi
  mv "$unpacked" "$cache/$package"
  [ -d "$nature" ]
}

draw_photographs() {
  local program
  program=$(find "$build" -type f -name draw_images -perm -u+x | head -n 1)
  "$program" --count 12 --size 1024x768 --seed 1 "$1"
}

# Moves two of the images in folder $1 (the rest of the arguments, or the last two) to val, all others to train.
lay_out() {
  local from=$1 name
  shift
  rm -rf demo/data.new
  mkdir -p demo/data.new/train/HR demo/data.new/val/HR
  cp "$from"/* demo/data.new/train/HR/
  for name in "$@"; do mv "demo/data.new/train/HR/$name" demo/data.new/val/HR/; done
  rm -rf "$data"
  mv demo/data.new "$data"
}

prepare_data() {
  if [ -d "$data/train/HR" ] && [ -d "$data/val/HR" ]; then
    echo "kept: $data"
  elif fetch_photographs && [ -f "$nature/${held_out[0]}" ] && [ -f "$nature/${held_out[1]}" ]; then
    lay_out "$nature" "${held_out[@]}"
    echo "photographs of the package $package (GPL-2+), unpacked, not installed"
  else
    echo "The package $package could not be fetched, so the demo draws twelve images instead."
    local drawn=$cache/drawn names
    rm -rf "$drawn" && mkdir -p "$drawn"
    draw_photographs "$drawn"
    mapfile -t names < <(cd "$drawn" && ls | tail -n 2)
    lay_out "$drawn" "${names[@]}"
  fi
  echo "training: $(ls "$data/train/HR" | wc -l) images, held out: $(ls "$data/val/HR" | paste -sd' ')"
}

# --- The table ---------------------------------------------------------------------------------------------------------

print_table() {
  python3 - "$1" "$2" <<'PY'
import json
import sys

bicubic, ours = (json.load(open(path, encoding="utf-8")) for path in sys.argv[1:])
rows = [(b["name"], b, o) for b, o in zip(bicubic["images"], ours["images"])]
rows.append(("mean", bicubic["mean"], ours["mean"]))
width = max(len(name) for name, _, _ in rows)
print(f"{'':{width}}   {'PSNR-Y, dB':^23}   {'SSIM-Y':^15}")
print(f"{'×%d' % ours['scale']:{width}}   {'bicubic':>7} {'ours':>7} {'gain':>7}   {'bicubic':>7} {'ours':>7}")
for name, b, o in rows:
    gain = o["psnr_y"] - b["psnr_y"]
    print(f"{name:{width}}   {b['psnr_y']:7.2f} {o['psnr_y']:7.2f} {gain:+7.2f}   {b['ssim_y']:7.4f} {o['ssim_y']:7.4f}")
PY
}

# --- The demo ------------------------------------------------------------------------------------------------------------

mkdir -p demo
say "1. Photographs"
prepare_data

say "2. What Wring would change in the guide's configuration on this machine"
echo "\$ wring optimize configs/lightweight_config.yaml --dry-run"
"$wring" optimize configs/lightweight_config.yaml --dry-run

say "3. Training (configs/demo.yaml)"
echo "\$ wring train configs/demo.yaml"
# The demo keeps one run: the earlier one would be archived at every repetition.
rm -rf demo/experiments
"$wring" train configs/demo.yaml --experiments demo/experiments

say "4. The two photographs that it has not seen"
readonly network=demo/experiments/demo/checkpoints/best.safetensors
"$wring" evaluate --bicubic --scale 4 "$data/val/HR" --json >demo/bicubic.json
"$wring" evaluate "$network" "$data/val/HR" --json --compare demo/comparison.png >demo/ours.json
print_table demo/bicubic.json demo/ours.json

say "Where things are"
echo "demo/comparison.png                              LR, bicubic, ours and the original side by side"
echo "$network   the network, as safetensors"
echo "demo/experiments/demo/                           its log, metrics and TensorBoard events"
say "Your own photographs ($SECONDS s so far)"
echo "$wring train configs/demo.yaml --train-hr YOUR_PHOTOS --val-hr A_FEW_OTHERS --set experiment_name=mine"
echo "$wring upscale experiments/mine/checkpoints/best.safetensors A_PHOTO.jpg"
