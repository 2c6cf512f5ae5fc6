#!/usr/bin/env bash
# Installs the C libraries that the runtime opens when they are there. Without them everything works too, slower:
# the built-in products take OpenBLAS's place, Go's own decoder reads JPEG in libjpeg-turbo's.
set -euo pipefail
export PATH=$PATH:/sbin:/usr/sbin DEBIAN_FRONTEND=noninteractive
missing=()
known=$(ldconfig -p 2>/dev/null || true) # whole: grep -q on the pipe would end it early, which pipefail takes for a failure
has() { [[ $known == *"$1"* ]]; }
has libopenblas.so.0 || missing+=(libopenblas0-pthread)
has libturbojpeg.so.0 || missing+=(libturbojpeg0)
[ ${#missing[@]} = 0 ] && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "installing ${missing[*]}"
  apt-get update -qq >/dev/null
  apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
else
  echo "not installed, and cannot be here (not root, or no apt-get): ${missing[*]}. The CPU backend works without, slower."
fi
