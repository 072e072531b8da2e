# Galla: `make` lists what there is to make.

MODULES  := protocol agent controller firmware-sim hack
PACKAGES := $(MODULES:%=./%/...)
COMMANDS := ./controller/cmd/galla-controller ./agent/cmd/galla-agent ./firmware-sim/cmd/galla-sim
SCRIPTS  := .ci/run deploy/secrets.sh deploy/mosquitto/init.sh $(wildcard hack/*.sh) $(wildcard protocol/merchantapi/examples/*.sh)

# A tag, or the commit where there is none, or a word outside git.
VERSION  := $(shell git describe --tags --always --dirty 2>/dev/null || echo development)
FUZZTIME ?= 20s

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: setup
setup: ## Install the servers and tools that the tests need (apt, as root), or say what is missing
	@hack/setup.sh

.PHONY: build
build: ## Build galla-controller, galla-agent and galla-sim into bin/
	@mkdir -p bin
	go build -ldflags "-X main.version=$(VERSION)" -o bin/ $(COMMANDS)

.PHONY: run
run: build ## Run everything on this machine: a controller, two terminals, a page to try them on
	bin/galla-sim demo

.PHONY: demo
demo: build ## The same without a person: ten scenes on two kinds of panel; prints what passed
	bin/galla-sim demo --script

.PHONY: screenshots
screenshots: build ## Take pictures of the demo's page into screenshots/, and those of firmware-sim's README
	hack/screenshots.sh bin/galla-sim screenshots

# Stops at the first thing that is wrong, the cheapest first. -count=1 because Go's
# test cache cannot see the servers and binaries that these tests start.
.PHONY: test
test: setup ## Build, check and test everything (no server needs to run)
	go build -o /dev/null $(PACKAGES)
	go run ./hack/archcheck
	go vet $(PACKAGES)
	@set -e; for m in $(MODULES); do echo "GOWORK=off go -C $$m build ./..."; GOWORK=off go -C $$m build -o /dev/null ./...; done
	GOWORK=off CGO_ENABLED=0 GOOS=linux GOARCH=arm64 go -C agent build -o /dev/null ./...
	GOWORK=off CGO_ENABLED=0 GOOS=linux GOARCH=arm GOARM=6 go -C agent build -o /dev/null ./...
	go test -count=1 -timeout=20m $(PACKAGES)

.PHONY: race
race: setup ## Test everything with the race detector
	go test -count=1 -race -timeout=30m $(PACKAGES)

.PHONY: e2e
e2e: setup ## Only the sessions over the real binaries
	go test -count=1 -timeout=30m -v ./firmware-sim/e2e/...

.PHONY: fuzz
fuzz: ## Run every fuzz target for FUZZTIME (20s)
	hack/fuzz.sh $(FUZZTIME) $(PACKAGES)

.PHONY: bench
bench: setup ## Measure the goals, as ratios within one run; bench.json and bench.txt have it all
	go run ./hack/bench

.PHONY: profile
profile: setup ## Run every benchmark with CPU and memory profiles into profile/
	hack/profile.sh $(PACKAGES)

# The linter is pinned in hack/tools.mod, so that no module depends on it.
bin/staticcheck: hack/tools.mod hack/tools.sum
	GOWORK=off go -C hack build -modfile=tools.mod -o ../bin/staticcheck honnef.co/go/tools/cmd/staticcheck

.PHONY: lint
lint: bin/staticcheck ## gofmt, go vet, staticcheck, shellcheck
	@files=$$(git ls-files --cached --others --exclude-standard '*.go' | xargs gofmt -l); \
	if [ -n "$$files" ]; then echo "gofmt would change:"; echo "$$files"; exit 1; fi
	go vet $(PACKAGES)
	bin/staticcheck $(PACKAGES)
	@command -v shellcheck >/dev/null || { echo "shellcheck not found: apt-get install shellcheck"; exit 1; }
	shellcheck $(SCRIPTS)

.PHONY: verify
verify: ## Check that generated files, goldens and go.mod files are what they would be made again
	go run ./hack/archcheck
	hack/verify.sh $(MODULES)
