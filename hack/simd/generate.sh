#!/usr/bin/env bash
# Writes the CPU backend's vector kernels into a folder.
set -euo pipefail
folder=$(cd "$1" && pwd)
cd "$(dirname "$0")"
go build -o "$folder/.simd" . && trap 'rm -f "$folder/.simd"' EXIT
(cd "$folder" && ./.simd -out kernels_amd64.s -stubs kernels_amd64.go -pkg simd)
