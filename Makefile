# make build   both programs for this machine, into bin/
# make demo    the whole way once, on this host: keys, kit, collect, upload, open, verify, report; leaves demo/
# make test    installs what the tests need and runs all of it
# Needed: Go as go.mod says, git, make. CONTRIBUTING.md tells the rest.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.NOTPARALLEL:
.DEFAULT_GOAL := build

export VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unversioned)
export COMMIT ?= $(shell git rev-parse HEAD 2>/dev/null || echo unknown)
export SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || echo 0)

TESTFLAGS ?=
COUNT ?= 6
TOOL := go tool -modfile=build/tools/go.mod
OURS = $(shell git ls-files -co --exclude-standard '*.go')
# flags.txt is what every build of ours shares. HTTP/2 is left out: nothing here speaks it, and the agent is smaller.
STAMP := $(shell cat build/release/flags.txt) -ldflags '-s -w -buildid= -X main.version=$(VERSION) -X main.commit=$(COMMIT)'
step = @printf '\n== %s\n' "$@"

.PHONY: build test test-fast deps format vet lint unit dead modern tidy cross wine oracle bench fuzz dist dist-check demo clean

build:
	@for program in spor spor-desk; do build/compile.sh $$program "$$(go env GOOS)" "$$(go env GOARCH)" bin/; done

# Cheapest first, so that what is wrong is said soon.
test: deps format vet lint modern tidy unit dead cross wine
	@printf '\nall checks passed\n'

test-fast: format
	$(step)
	go vet ./...
	go test -short ./...

deps:
	$(step)
	build/deps.sh

format:
	$(step)
	@wrong=$$($(TOOL) gofumpt -l $(OURS)); [ -z "$$wrong" ] || { echo "not as gofumpt writes it:"; echo "$$wrong"; exit 1; }

vet:
	$(step)
	@while read -r os arch; do echo "go vet for $$os/$$arch"; GOOS=$$os GOARCH=$$arch CGO_ENABLED=0 go vet ./...; done <build/release/targets.txt

# One answer for both systems: what only one of them uses is used.
lint:
	$(step)
	printf 'linux: GOOS=linux\nwindows: GOOS=windows\n' | CGO_ENABLED=0 $(TOOL) staticcheck -matrix ./...

modern:
	$(step)
	go fix -diff ./...
	GOOS=windows go fix -diff ./...

tidy:
	$(step)
	go mod tidy -diff
	go mod verify

# Unit tests, house rules, end-to-end scripts. What runs under wine comes by itself.
unit:
	$(step)
	go test -race -shuffle=on -timeout 20m $(TESTFLAGS) $$(go list ./... | grep -v /build/wine)

dead:
	$(step)
	build/dead.sh

# The five targets, and two of them again elsewhere, compared. dist-check compares all.
cross:
	$(step)
	build/dist-check.sh linux/amd64 windows/amd64

wine:
	$(step)
	build/wine/run

# Parsers against other programs that read the same formats, and the image of a machine's memory against its hypervisor's.
# LONG=1 also reads ten thousand spoilt files.
oracle: deps
	$(step)
	SPOR_ORACLE=1 SPOR_LONG=$(LONG) go test -count=1 -run 'Oracle|Corpus|Mutants' -v ./timeline/... | grep -v '^=== '
	SPOR_ORACLE=1 SPOR_KERNEL=$$(build/kernel.sh) go test -count=1 -timeout 40m -run OracleMemory -v ./cmd/internal/e2e | grep -v '^=== '

# BASE=file compares with an earlier run's bin/bench.txt.
bench:
	@mkdir -p bin
	SPOR_LONG=1 go test -run TestMillion -bench Million -benchtime 3x -v ./report | grep -v '^=== '
	go test -run '^$$' -bench . -benchmem -count $(COUNT) ./... | tee bin/bench.txt
	$(TOOL) benchstat $(BASE) bin/bench.txt

fuzz:
	build/fuzz.sh

dist:
	rm -rf dist
	build/dist.sh dist

dist-check:
	build/dist-check.sh

demo:
	build/demo.sh

clean:
	rm -rf bin dist demo .cache
