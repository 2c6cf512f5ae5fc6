#!/usr/bin/env bash
# Builds both programs and their images twice, in folders of different names and from different build caches (the user's own, and an empty
# one), and compares their SHA-256. The second build compiles everything: minutes.
set -euo pipefail
cd "$(dirname "$0")/.."
version=${1:?which version to build}
scratch=$(mktemp -d); trap 'chmod -R u+w "$scratch"; rm -rf "$scratch"' EXIT

build() { # folder, build cache
  mkdir -p "$1"
  git ls-files -z --cached --others --exclude-standard | while IFS= read -r -d '' f; do [ -e "$f" ] && printf '%s\0' "$f"; done |
    tar --null -T - -c | tar -x -C "$1"
  GOCACHE=$2 make -C "$1" images VERSION="$version" >/dev/null
  (cd "$1/bin" && sha256sum aircache aircache-operator images/operator.tar images/runtime.tar images/model.tar)
}

first=$(build "$scratch/a" "$(go env GOCACHE)")
second=$(build "$scratch/another-folder/below" "$scratch/cache")
echo "$first"
if [ "$first" != "$second" ]; then
  echo "a second build differs:"; echo "$second"; exit 1
fi
echo "reproducible: two builds of $version are equal"
