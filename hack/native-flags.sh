#!/usr/bin/env bash
# Prints the image builder's flags that add the C libraries of native-libraries.sh which this machine has.
set -euo pipefail
known=$(PATH=$PATH:/sbin ldconfig -p)
for library in libopenblas.so.0 libturbojpeg.so.0; do
  if [[ $known == *"$library"* ]]; then printf -- '-lib %s ' "$library"; fi
done
