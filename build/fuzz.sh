#!/usr/bin/env bash
# Runs every fuzz target of the module, one after the other, FUZZTIME (default 20s) each. What fails is left in the
# package's testdata/fuzz, where every later `go test` runs it.
set -euo pipefail
cd "$(dirname "$0")/.."

time=${FUZZTIME:-20s}
failed=0 ran=0
while read -r file; do
  dir=$(dirname "$file")
  for name in $(sed -nE 's/^func (Fuzz[A-Za-z0-9_]*)\(.*/\1/p' "$file"); do
    echo "fuzz $dir $name $time"
    go test -run '^$' -fuzz "^$name\$" -fuzztime "$time" "./$dir" || failed=$((failed + 1))
    ran=$((ran + 1))
  done
done < <(grep -rlE --include='*_test.go' '^func Fuzz' . | sort)
echo "$ran fuzz targets, $failed failed"
[ "$ran" -gt 0 ] && [ "$failed" -eq 0 ]
