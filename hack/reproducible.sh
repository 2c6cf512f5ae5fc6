#!/usr/bin/env bash
# Builds both programs and their images twice, in folders of different names and from different build caches (the user's own, and an empty
# one), and compares their SHA-256. The second build compiles everything: minutes.
set -euo pipefail
cd "$(dirname "$0")/.."
version=${1:?which version to build}
scratch=$(mktemp -d); trap 'rm -rf "$scratch"' EXIT

# The sources are copied once: whoever edits meanwhile changes neither build.
mkdir -p "$scratch/a" "$scratch/another-folder"
git ls-files -z --cached --others --exclude-standard | while IFS= read -r -d '' f; do
  if [ -e "$f" ]; then printf '%s\0' "$f"; fi
done | tar --null -T - -c | tar -x -C "$scratch/a"
cp -a "$scratch/a" "$scratch/another-folder/below"

build() { # folder, build cache
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
