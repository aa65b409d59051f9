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
compare=("$PYTHON" bench/vs_pytorch.py --wring-train build/release/bin/wring-train)
"${compare[@]}"
# WRING_BENCH_DATA and WRING_BENCH_VAL: folders of photographs to train on and to validate on (Set5). Without them the
# images are drawn, and there is no PSNR to reach.
suites=step,files
photographs=()
if [ -n "${WRING_BENCH_DATA:-}" ]; then photographs+=(--data "$WRING_BENCH_DATA"); fi
if [ -n "${WRING_BENCH_VAL:-}" ]; then
  photographs+=(--val "$WRING_BENCH_VAL")
  suites+=,psnr
fi
if ! "$PYTHON" -c 'import sys, torch; sys.exit(not torch.cuda.is_available())'; then
  suites=step,files  # a CPU does not get there
  photographs+=(--quick --configs seed_original --variants fp32,compile)
fi
"${compare[@]}" --suite "$suites" "${photographs[@]}" --loader-rate build/release/bench/loader_rate \
  --json build/vs_pytorch.json --markdown
echo "All figures: build/vs_pytorch.json"
