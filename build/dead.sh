#!/usr/bin/env bash
# Fails on functions that nothing calls, neither a program nor a test. What only one system builds is judged by that
# system; what both build is dead only when it is dead on both.
set -euo pipefail
cd "$(dirname "$0")/.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
deadcode=$(go tool -n -modfile=build/tools/go.mod deadcode)
for os in linux windows; do
  (
    export GOOS=$os GOARCH=amd64 CGO_ENABLED=0
    "$deadcode" -test ./... | sort >"$work/$os.dead"
    go list -f '{{$d := .Dir}}{{range .GoFiles}}{{$d}}/{{.}}{{"\n"}}{{end}}{{range .TestGoFiles}}{{$d}}/{{.}}{{"\n"}}{{end}}{{range .XTestGoFiles}}{{$d}}/{{.}}{{"\n"}}{{end}}' ./... |
      sed "s|^$PWD/||" | sort -u >"$work/$os.files"
  )
done

# A line is "file:line:column: unreachable func: name".
only() { # dead on $1, in a file that $2 does not build
  awk -F: 'NR == FNR { built[$0] = 1; next } !($1 in built)' "$work/$2.files" "$work/$1.dead"
}
dead=$({ comm -12 "$work/linux.dead" "$work/windows.dead"; only linux windows; only windows linux; } | sort)
[ -z "$dead" ] || { printf '%s\n' "$dead"; exit 1; }
