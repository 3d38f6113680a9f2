#!/usr/bin/env bash
# Shows that a release can be rebuilt: copies the sources into two folders, builds the release in the first, and builds
# it again in the second with nothing but what the compiler makes anew; every byte must be the same. $@: the targets to
# build again, as os/arch; none: all.
set -euo pipefail
cd "$(dirname "$0")/.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
one=$work/one two="$work/a longer name/two"
mkdir -p "$one" "$two"
tar --exclude=./.git --exclude=./bin --exclude=./dist --exclude=./demo --exclude=./.cache -cf "$work/sources.tar" .
tar -xf "$work/sources.tar" -C "$one"
tar -xf "$work/sources.tar" -C "$two"

"$one/build/dist.sh" "$work/first"
GOCACHE=$work/cache "$two/build/dist.sh" "$work/second" "$@"
if [ $# -gt 0 ]; then rm "$work"/*/sbom.cdx.json "$work"/*/SHA256SUMS; fi # they speak of all targets
for file in "$work"/second/*; do
  cmp "$work/first/$(basename "$file")" "$file"
done
ls -l "$work/first" | awk 'NR > 1 { print $5, $NF }'
echo "built twice, every byte the same: $(cd "$work/second" && echo *)"
