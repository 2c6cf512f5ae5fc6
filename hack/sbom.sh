#!/usr/bin/env bash
# Writes a CycloneDX SBOM of each program that was built, into a folder, from what the linker wrote into the program: its modules with their
# sums, the Go release, and the licences that their sources name. Then holds the SBOM against `go version -m`: nothing more, nothing less.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=${1:?where to}; version=${2:?which version was built}
mkdir -p "$folder"
for program in aircache aircache-operator; do
  out=$folder/$program.cdx.json
  # No serial number and no time: equal programs have equal SBOMs. The modules are in Go's cache, since they were just built.
  GOPROXY=off bin/cyclonedx-gomod bin -json -std -licenses -noserial -notimestamp -version "$version" -output "$out" "bin/$program" 2>"$out.log" ||
    { cat "$out.log"; exit 1; }
  rm "$out.log"
  built=$(go version -m "bin/$program" | awk '$1 == "dep" {print $2 "@" $3}' | sort)
  listed=$(grep -o '"bom-ref": "pkg:golang/[^"]*' "$out" | sed 's|.*pkg:golang/||; s|[?].*||' | sort -u | grep -v -e '^std@' -e '^aircache.dev/aircache@' | sed 's/%2[Bb]/+/g')
  if [ "$built" != "$listed" ]; then
    echo "$out does not list what bin/$program is made of:"; diff <(echo "$built") <(echo "$listed"); exit 1
  fi
  echo "$out: $(wc -l <<<"$listed") modules and Go's standard library"
done
