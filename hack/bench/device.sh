#!/usr/bin/env bash
# Measures aircache and its peers on a machine with a GPU, about 7 minutes: no compiler, no Go, no model files.
#
#   hack/bench/device.sh FOLDER [peers] [steps] [prompts] [serve]
#
# FOLDER has the program, aircache, and libaircache_cuda.so (unless the program embeds it). Peers need python3 with PyTorch and
# transformers. Writes peers.json, steps.json, prompts.json, serve.json and bench.log into $OUT, or into FOLDER/results. Each part
# is a process of its own with a time limit; what it measured before that is in its file.
set -uo pipefail
bundle=$(realpath "${1:?the folder of the program and the library}"); shift
here=$(cd "$(dirname "$0")" && pwd)
parts=${*:-peers steps prompts serve}
out=${OUT:-$bundle/results}; mkdir -p "$out"
log=$out/bench.log; : >"$log"; failed=0
export PYTHONUNBUFFERED=1 PYTORCH_ALLOC_CONF=expandable_segments:False
[ -e "$bundle/libaircache_cuda.so" ] && export AIRCACHE_CUDA_LIBRARY=$bundle/libaircache_cuda.so

# cuBLASLt comes with the toolkit, or with PyTorch's wheels, and cuDNN with those.
for dir in /usr/local/cuda/lib64 $(python3 -c 'import nvidia as p; print(*(d + "/" + w + "/lib" for d in p.__path__ for w in ("cu13", "cudnn")))' 2>/dev/null); do
  [ -e "$dir/libcublasLt.so.13" ] || [ -e "$dir/libcudnn.so.9" ] && export AIRCACHE_LIBRARY_PATH=$dir${AIRCACHE_LIBRARY_PATH:+:$AIRCACHE_LIBRARY_PATH}
done

# part LIMIT NAME COMMAND...: the output goes to the log and, without warnings, here.
part() {
  local limit=$1 name=$2 start=$SECONDS code; shift 2
  echo "--- $name"
  timeout --signal=INT --kill-after=10 "$limit" "$@" 2>&1 | tee -a "$log" | grep -v -i warning | cut -c1-240
  code=${PIPESTATUS[0]}
  echo "--- $name: exit $code after $((SECONDS - start)) s" | tee -a "$log"
  [ "$code" = 0 ] || failed=1
}
bench() { # bench LIMIT NAME FLAGS...
  local limit=$1 name=$2; shift 2
  local peer=(); [ -s "$out/peers.json" ] && peer=(--peer "$out/peers.json")
  part "$limit" "$name" "$bundle/aircache" bench --shape llava-onevision-7b --backend cuda --text 64 --retention 100,10 --repeat 15 \
    --json "$out/$name.json" "${peer[@]}" "$@"
}

nvidia-smi --query-gpu=name,driver_version,memory.total,memory.used --format=csv,noheader | tee -a "$log" || { echo "device.sh: there is no GPU here" >&2; exit 2; }
for p in $parts; do
  case $p in
    peers) part 130 peers python3 "$here/peer.py" --out "$out/peers.json" --batch 1,8,16,32 --visual 2048,8192,32768 --text 64 --repeat 15 \
      --transformers 1x2048,8x8192,32x8192 --eager 6 ;;
    steps) bench 110 steps --what decode,ragged --batch 1,8,16,32 --visual 2048,8192,32768 ;;
    prompts) bench 110 prompts --what prefill,vision,compress,capacity --visual 2048,8192,32640 --tokens 2048,8192,32760 --tiles 1,4,10 ;;
    serve) bench 200 serve --what serve,memory --requests 2000 --arrivals 80 --rate 4 ;;
    *) echo "device.sh: $p is no part" >&2; exit 2 ;;
  esac
done
exit $failed
