#!/usr/bin/env bash
# Runs each fuzz target of the module for a while: hack/fuzz.sh 20s
set -euo pipefail
cd "$(dirname "$0")/.."
for folder in $(grep -rl --include='*_test.go' '^func Fuzz' . | xargs -n1 dirname | sort -u); do
  for target in $(grep -ho '^func Fuzz[A-Za-z0-9_]*' "$folder"/*_test.go | sed 's/^func //'); do
    echo "== $folder $target"
    go test "$folder" -run '^$' -fuzz "^$target\$" -fuzztime "${1:-20s}"
  done
done
