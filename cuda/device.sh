#!/usr/bin/env bash
# Tests and times the CUDA library on a machine with a GPU, from what `make cuda-bundle` put into a folder: no compiler, no Go.
#
#   [FAMILIES="llava qwen2-vl"] cuda/device.sh FOLDER [tests] [conformance] [parity] [midsize] [decode] [memcheck] [racecheck] [bench]
#
# FAMILIES are those of midsize, all of hack/parity/midsize.py where none is named. Each part has a time limit; a table of what passed comes last. Everything printed is in $OUT/device.log where OUT is set.
set -uo pipefail
cd "$(dirname "$0")/.."
bundle=$(realpath "${1:?the folder of the bundle}"); shift
parts=${*:-tests conformance parity midsize decode memcheck racecheck bench}
log=${OUT:-/tmp}/device.log; : >"$log"; table=()
export AIRCACHE_CUDA_LIBRARY=$bundle/libaircache_cuda.so
export AIRCACHE_PARITY_ANSWERS=$bundle/answers.json

# cuBLASLt comes with the toolkit, or with PyTorch's wheels, and cuDNN with those.
for dir in /usr/local/cuda/lib64 $(python3 -c 'import nvidia as p; print(*(d + "/" + w + "/lib" for d in p.__path__ for w in ("cu13", "cudnn")))' 2>/dev/null); do
  [ -e "$dir/libcublasLt.so.13" ] || [ -e "$dir/libcudnn.so.9" ] && export AIRCACHE_LIBRARY_PATH=$dir${AIRCACHE_LIBRARY_PATH:+:$AIRCACHE_LIBRARY_PATH}
done

# step LIMIT NAME COMMAND...: prints the end of what failed, all of it goes to the log.
step() {
  local limit=$1 name=$2 start=$SECONDS code out; shift 2
  out=$(timeout "$limit" "$@" 2>&1); code=$?
  printf '=== %s: %s\n%s\n' "$name" "$code" "$out" >>"$log"
  if [ $code = 0 ]; then table+=("ok    $name $((SECONDS - start)) s"); else
    table+=("FAIL  $name (exit $code) $((SECONDS - start)) s"); echo "--- $name"; tail -n 12 <<<"$out" | cut -c1-300
  fi
  case $name in decode|bench*) grep -E '^(decode|prefill|compress|[a-z_]+ )' <<<"$out" || true;; parity|midsize*) grep -E 'answers differ|a logit|parts at|distance to float32|largest difference|is off by' <<<"$out" || true;; esac
}
each() { # each FOLDER LIMIT LABEL COMMAND...: of all programs in a folder
  local folder=$1 limit=$2 label=$3; shift 3
  for program in "$bundle/$folder"/*; do [ -x "$program" ] && step "$limit" "$label$(basename "$program")" "$@" "$program"; done
}

nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader || { echo "device.sh: there is no GPU here" >&2; exit 2; }
for part in $parts; do
  cd cuda
  case $part in
    tests) each tests 60 "" ;;
    conformance) step 90 conformance "$bundle/cuda.test" -test.run AgainstNaive -test.v
      AIRCACHE_CUDNN=always step 90 "conformance with cuDNN" "$bundle/cuda.test" -test.run AgainstNaive -test.v ;;
    parity) step 300 parity "$bundle/cuda.test" -test.run 'TinyModel|FirstLogits|EqualsTransformers|CachedPrompts|SwappedRequests' -test.v ;;
    midsize) # transformers writes a random model of middle size and its logits, and ours are compared
      for family in ${FAMILIES:-llava-onevision llava llava-next qwen2-vl qwen2.5-vl qwen3-vl internvl internvl-6b}; do
        step 150 "midsize transformers $family" python3 ../hack/parity/midsize.py /tmp/aircache-midsize "$family"
        AIRCACHE_PARITY_MIDSIZE=/tmp/aircache-midsize AIRCACHE_PARITY_REPORT=${OUT:-/tmp}/midsize-$family.json \
          step 60 "midsize $family" "$bundle/cuda.test" -test.run Midsize -test.v
        rm -rf /tmp/aircache-midsize # no family is held to the one before where its own was not written
      done ;;
    decode) step 120 decode "$bundle/cuda.test" -test.run NONE -test.bench DecodeStep -test.benchtime 1x ;;
    memcheck) AIRCACHE_FEW=1 each tests 60 "memcheck " compute-sanitizer --tool memcheck --error-exitcode 9
      step 90 "memcheck conformance" compute-sanitizer --tool memcheck --error-exitcode 9 "$bundle/cuda.test" -test.run 'AgainstNaive/gpu/(norms|activations|rows|checkpoint|staged|rotation|choices|prompts|compact|compression)' ;;
    racecheck) AIRCACHE_CUDNN=0 AIRCACHE_FEW=1 each tests 60 "racecheck " compute-sanitizer --tool racecheck --error-exitcode 9 ;;
    bench) each bench 60 "bench " ;;
    *) echo "device.sh: $part is no part" >&2; exit 2 ;;
  esac
  cd ..
done
printf '%s\n' "${table[@]}"
! printf '%s\n' "${table[@]}" | grep -q ^FAIL
