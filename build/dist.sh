#!/usr/bin/env bash
# Builds a release into the folder $1: both programs for every target, what they are made of (CycloneDX), the
# licences, and SHA-256 sums over all of it. The result depends on the sources, on VERSION, COMMIT and
# SOURCE_DATE_EPOCH, and on the Go version alone. CERT_KEY, a fingerprint, makes an agent that takes no other kit than
# one signed by that key.
set -euo pipefail
out=$(mkdir -p "$1" && cd "$1" && pwd)
cd "$(dirname "$0")/.."
: "${VERSION:?}" "${COMMIT:?}" "${SOURCE_DATE_EPOCH:?}"

export CGO_ENABLED=0 GOWORK=off GOFLAGS=
unset GOEXPERIMENT GOAMD64 GOARM64 GO386
while read -r os arch; do
  for program in spor spor-desk; do
    name=$program-$os-$arch
    [ "$os" != windows ] || name=$name.exe
    GOOS=$os GOARCH=$arch go build $(<build/release/flags.txt) \
      -ldflags "-s -w -buildid= -X main.version=$VERSION -X main.commit=$COMMIT -X main.certKey=${CERT_KEY:-}" \
      -o "$out/$name" "./cmd/$program"
  done
done <build/release/targets.txt
go run ./build/sbom -version "$VERSION" -time "$SOURCE_DATE_EPOCH" "$out" >"$out/sbom.cdx.json"
cp LICENSE THIRD_PARTY.md "$out/"
cd "$out" && rm -f SHA256SUMS && sha256sum -- * >"$out.sums" && mv "$out.sums" SHA256SUMS
