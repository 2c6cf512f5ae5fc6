#!/usr/bin/env bash
# Prints the image builder's flag that adds OpenBLAS, where this machine has it.
set -euo pipefail
if PATH=$PATH:/sbin ldconfig -p | grep -q 'libopenblas\.so\.0'; then echo "-lib libopenblas.so.0"; fi
