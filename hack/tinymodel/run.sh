#!/bin/bash
# The whole way on a machine with GPUs: train, export, score, goldens. run.sh SECONDS WORK_FOLDER GPUS PICTURES_A_GPU QUESTIONS_A_TASK [WEIGHTS_TO_RESUME]
set -euo pipefail
seconds=$1 work=$2 gpus=$3 pictures=$4 n=$5
here=$(cd "$(dirname "$0")" && pwd) models=$here/../../models
export PYTHONUNBUFFERED=1 TOKENIZERS_PARALLELISM=false OMP_NUM_THREADS=8
mkdir -p "$work/hf"
resume=${6:+--resume $(realpath "$6")}
cd "$here"
# shellcheck disable=SC2086
torchrun --nproc_per_node "$gpus" train.py "$seconds" "$work" --pictures "$pictures" $resume
cp "$models"/aircache-tiny/* "$work/hf/" && cp "$work"/final/* "$work/hf/"
cp -r "$models/aircache-tiny-goldens" "$work/goldens"
python3 goldens.py "$work/hf" "$work/goldens" >"$work/goldens.log" 2>&1 &
goldens=$!
CUDA_VISIBLE_DEVICES=$((gpus - 1)) python3 evaluate.py eviction "$work/final" "$work/eviction.json" --n "$((n / 2))" &
eviction=$!
python3 evaluate.py tasks "$work/final" "$work/scores.json" --n "$n"
wait $eviction
wait $goldens || { cat "$work/goldens.log"; exit 1; }
cat "$work/goldens.log"
touch "$work/complete"
