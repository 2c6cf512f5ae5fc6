#!/usr/bin/env bash
# Generates into a scratch copy of the sources and compares: the work tree is never touched.
set -euo pipefail
cd "$(dirname "$0")/.."
scratch=$(mktemp -d); trap 'rm -rf "$scratch"' EXIT

cp -r go.mod go.sum api "$scratch/"
mkdir -p "$scratch/config"
generator=$PWD/bin/controller-gen
(cd "$scratch" && "$generator" object paths=./api/... && "$generator" crd paths=./api/... output:crd:dir=config/crd)

mkdir "$scratch/simd" && hack/simd/generate.sh "$scratch/simd"

fail=0
check() { diff -ru "$1" "$2" || { echo "$2 is not what its source generates: run make generate"; fail=1; }; }
check "$scratch/api" api
check "$scratch/config/crd" config/crd
for f in kernels_amd64.s kernels_amd64.go; do check "$scratch/simd/$f" "runtime/backend/cpu/simd/$f"; done
check config/crd charts/aircache-operator/crds
exit $fail
