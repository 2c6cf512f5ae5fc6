#!/usr/bin/env bash
# Installs OpenBLAS where that is allowed. Without it everything works too, slower: the runtime then multiplies with gonum.
set -euo pipefail
found() { ldconfig -p 2>/dev/null | grep -q 'libopenblas\.so\.0' || /sbin/ldconfig -p 2>/dev/null | grep -q 'libopenblas\.so\.0'; }
found && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "installing libopenblas0-pthread (linear algebra of the CPU backend)"
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq >/dev/null && apt-get install -y -qq --no-install-recommends libopenblas0-pthread >/dev/null
else
  echo "libopenblas.so.0 is not installed and cannot be here (not root, or no apt-get): the CPU backend runs on gonum, about ten times slower"
fi
