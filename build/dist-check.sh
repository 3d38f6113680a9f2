#!/usr/bin/env bash
# Shows that a release can be rebuilt: copies the sources into two folders, builds each with a build cache of its own
# and compares every byte. $@: the targets to compare, as "os/arch"; none: all.
set -euo pipefail
cd "$(dirname "$0")/.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
sides=("$work/one" "$work/a longer name/two")
for side in "${sides[@]}"; do
  mkdir -p "$side"
  tar --exclude=./.git --exclude=./bin --exclude=./dist --exclude=./demo --exclude=./.cache -cf - . | tar -xf - -C "$side"
  if [ $# -gt 0 ]; then printf '%s\n' "${@/\// }" >"$side/build/release/targets.txt"; fi
  GOCACHE="$side.cache" "$side/build/dist.sh" "$side.out"
done
diff -r "${sides[0]}.out" "${sides[1]}.out"
echo "byte for byte the same, built twice:"
cat "${sides[0]}.out/SHA256SUMS"
