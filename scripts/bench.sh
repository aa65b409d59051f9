#!/usr/bin/env bash
# Runs every micro-benchmark of build/release, then training beside PyTorch, on the device there is.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. build/setup.env

shopt -s nullglob
for program in build/release/bench/*_bench; do
  echo "== ${program##*/}"
  "$program"
done
echo "== training beside PyTorch"
"$PYTHON" bench/vs_pytorch.py --wring-train build/release/bin/wring-train
