#!/usr/bin/env bash
# Builds a release into the folder $1: both programs for every target (or for those named after it, as os/arch), what
# they are made of (CycloneDX), the licences, and SHA-256 sums over all of it. SIGN_KEY: see sign.sh.
set -euo pipefail
out=$(mkdir -p "$1" && cd "$1" && pwd)
shift
cd "$(dirname "$0")/.."
: "${VERSION:?}" "${SOURCE_DATE_EPOCH:?}"

while read -r os arch; do
  [ $# -eq 0 ] || [[ " $* " == *" $os/$arch "* ]] || continue
  suffix=; [ "$os" != windows ] || suffix=.exe
  for program in spor spor-desk; do
    build/compile.sh "$program" "$os" "$arch" "$out/$program-$os-$arch$suffix"
  done
done <build/release/targets.txt
find "$out" -name '*.exe' -exec build/sign.sh {} +
go run ./build/sbom -version "$VERSION" -time "$SOURCE_DATE_EPOCH" "$out" >"$out/sbom.cdx.json"
cp LICENSE THIRD_PARTY.md "$out/"
(cd "$out" && rm -f SHA256SUMS && sha256sum -- * >"$out.sums" && mv "$out.sums" SHA256SUMS)
