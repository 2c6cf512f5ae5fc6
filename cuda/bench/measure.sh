#!/bin/bash
# Builds the kernels' tests and benches with the nvcc of this machine, runs them on its GPU, and leaves logs and JSON files in a folder:
#   cuda/bench/measure.sh OUT [test|bench|sanitize ...]
# Tests run side by side, benches one after the other, compute-sanitizer last. The exit status is not 0 if a test failed.
set -uo pipefail
cd "$(dirname "$0")/.."
out=$1; shift
what=${*:-test bench sanitize}
ops="append attend_decode attend_prefill score budget topk compact sample picture ring norm elementwise rows page_rows density linear_plain linear"
benches="append attend_decode attend_prefill score sample picture linear"
cudnn="cudnn_fused packed_prompt cudnn_attention cudnn_graph cudnn library"
products="linear_stream cublaslt"  # what launchers call and no test is named after
build=$out/build
mkdir -p "$build" "$out/json"
arch=sm_$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader | head -1 | tr -d .)
failed=0

sources() { # of a bench, which may use several launchers
  case $1 in
    attend_prefill) echo "attend_prefill $cudnn" ;;
    score) echo score budget topk compact ;;
    attend_decode) echo attend_decode append ;;
    linear) echo "linear linear_plain $products library elementwise norm append attend_decode" ;;
    *) echo "$1" ;;
  esac
}
compile() {
  nvcc -std=c++17 -O3 -lineinfo -arch="$arch" -Xptxas --warn-on-spills "$@" 2>&1 | grep -v "^$" || true
}
for op in $ops $cudnn $products; do compile -c "src/$op.cu" -o "$build/$op.o" & done
for op in $ops; do compile -c "tests/${op}_test.cu" -o "$build/${op}_test.o" & done
for op in $benches; do compile -c "bench/${op}_bench.cu" -o "$build/${op}_bench.o" & done
wait
link() { nvcc -arch="$arch" "$build/$1.o" $(for o in $2; do echo "$build/$o.o"; done) -ldl -o "$build/$1"; }
for op in $ops; do link "${op}_test" "$(sources $op)" & done
for op in $benches; do link "${op}_bench" "$(sources $op)" & done
wait

if [[ $what == *test* ]]; then
  for op in $ops; do (timeout 120 "$build/${op}_test" >"$out/${op}_test.log" 2>&1; echo "status $?" >>"$out/${op}_test.log") & done
  wait
  for op in $ops; do
    tail -2 "$out/${op}_test.log"
    grep -q "^status 0" "$out/${op}_test.log" || { failed=1; grep FAIL "$out/${op}_test.log" | head -8; }
  done
fi
if [[ $what == *bench* ]]; then
  for op in $benches; do timeout 100 "$build/${op}_bench" "$out/json/$op.json" 2>&1 | tee "$out/${op}_bench.log"; done
fi
if [[ $what == *sanitize* ]]; then
  for op in $ops; do
    for tool in memcheck racecheck; do
      (export AIRCACHE_FEW=1; [ $tool = racecheck ] && export AIRCACHE_CUDNN=0; timeout 100 compute-sanitizer --tool $tool --error-exitcode 9 "$build/${op}_test" >"$out/${op}_$tool.log" 2>&1; echo "status $?" >>"$out/${op}_$tool.log") &
    done
  done
  wait
  for log in "$out"/*_memcheck.log "$out"/*_racecheck.log; do echo "$(basename "$log"): $(grep -E 'ERROR SUMMARY|RACECHECK SUMMARY' "$log" | tail -1) $(tail -1 "$log")"; done
fi
rm -rf "$build"
exit $failed
