#!/usr/bin/env bash
# Builds one program as a release has it: compile.sh PROGRAM OS ARCH FILE. The result depends on the sources, on
# VERSION and COMMIT, and on the Go version alone; not on where it is built. CERT_KEY, a fingerprint, makes an agent that
# takes no other kit than one signed by that key.
set -euo pipefail
cd "$(dirname "$0")/.."
: "${VERSION:?}" "${COMMIT:?}"

export GOOS=$2 GOARCH=$3 CGO_ENABLED=0 GOWORK=off GOFLAGS=
unset GOEXPERIMENT GOAMD64 GOARM64 GO386
# flags.txt is what every build of ours shares, the tests' too. Both ends speak HTTP/1 alone: HTTP/2 would only be 0.4 MB.
read -ra flags <build/release/flags.txt
# The agent for Windows is to fit slow sticks and slow lines: all but its hot paths is compiled without inlining (0.8 MB),
# and functions are packed more closely than the linker would (0.2 MB); loops that want to be aligned still are.
link=
if [ "$1 $2" = "spor windows" ]; then
  mapfile -t -O ${#flags[@]} flags <build/release/small.txt
  link=$(cat build/release/link.txt)
fi
go build "${flags[@]}" \
  -ldflags "$link -s -w -buildid= -X main.version=$VERSION -X main.commit=$COMMIT -X main.certKey=${CERT_KEY:-}" \
  -o "$4" "./cmd/$1"

# What Explorer, an inventory and an allow-list read of a program: name, version, and in the manifest that paths may be long
# and that no more rights are asked for than it was started with.
if [ "$GOOS" = windows ]; then
  GOOS= GOARCH= go tool -modfile=build/tools/go.mod go-winres patch --in build/release/windows.json --no-backup \
    --file-version "$VERSION" --product-version "$VERSION" "$4"
  chmod 755 "$4"
fi
