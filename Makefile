# Needs Go and a Debian or Ubuntu machine. What a target needs beside Go it
# installs first, after saying so (.ci/deps); `make build` needs nothing else.

GO          ?= go
VERSION     ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
COMMIT      ?= $(shell git rev-parse HEAD 2>/dev/null || echo unknown)
DATE        ?= $(shell TZ=UTC git log -1 --format=%cd --date=format-local:%Y-%m-%dT%H:%M:%SZ 2>/dev/null || echo unknown)
EPOCH       ?= $(shell git log -1 --format=%ct 2>/dev/null || echo 0)
GOLANGCI    := v2.15.0
GOTESTSUM   := v1.13.0
GORELEASER  := v2.16.0
CYCLONEDX   := v1.10.0
TARGETS     := linux/amd64 linux/arm64 linux/arm/7 linux/riscv64 windows/amd64 windows/arm64

# One static file, the same bytes from the same source on every machine.
# The tags leave out what is never used: of urfave/cli a generator of manual pages and a
# guess at misspelt words, of net/http HTTP/2, which no SDK speaks to DPS.
BUILD := $(GO) build -trimpath -buildvcs=false -tags urfave_cli_no_docs,urfave_cli_no_suggest,nethttpomithttp2 \
	-ldflags '-s -w -buildid= -X main.version=$(VERSION) -X main.commit=$(COMMIT) -X main.date=$(DATE)'

SOURCES := cmd internal templates
export CGO_ENABLED := 0

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

build: ## build bin/tpmdps
	$(BUILD) -o bin/tpmdps ./cmd/tpmdps

demo: build ## show the whole way on a software TPM, without hardware or Azure
	@sh .ci/deps swtpm
	@bin/tpmdps demo

# How tests are run; .ci/run sets it to have their times written down, and what they cover.
# The tests of the commands are mostly processes, which no profile sees.
TEST ?= $(GO) test
COVER ?=

# The race detector costs minutes, and finds something only where several goroutines run. They do
# in these packages, in the program or in their tests; TestConcurrent of internal/layout compares.
CONCURRENT := ./internal/tpm ./internal/enroll/batch ./internal/emulator/... $(addprefix ./internal/, \
	atomicfile audit aziot bench bundle/gather contexttest dps ektrust/examine ektrust/fetch enroll enroll/removal \
	filelock host hub input network provision softtpm/...)

# These tests of theirs try something a thousand times over, with one goroutine, in processes of their own, or as
# smaller ones do under the race detector.
SINGLE := TestThousandActivations|TestEveryCodeHasAMeaning|TestLayersMeanTheSame|TestEveryResponseCodeOnEveryCommand|$\
	TestForeignSRKNeverLocksTheChip|TestEveryRefusedPasswordHasAnOwner|$\
	TestLiesInABulkAnswer|TestRefusalsOfABulkRequest|TestKilledRuns|TestThrottledBatch|$\
	TestReplaceKilled|TestCreateKilled|TestStateCutAtEveryByte|TestStateAfterRandomChanges|TestKilledProcessesLoseNothing|$\
	TestEnrollingIsLinear|TestLongestLineOfState|TestMemory|$\
	TestMemoryOfALongBatch|TestKilledBatch|TestBatchLimit

# Of the commands' tests these have to do with several goroutines; all the others are of one run after the other.
RACED := TestFaults|TestBundleFaults|TestCommandLinesAreApart|TestTokenEndsInTheMiddleOfABatch|$\
	TestSignInIsRenewedInABatch|TestResultsAsTheyCome|TestRowsAreAligned|TestResultThatCannotBePrinted|TestSkippedIsNotDone|$\
	TestHostileHubs|TestInputsThatNeverCome|TestInputsThatBreakOff|TestOvertimeOfCommands|TestTimeEndsAtAnEvent|$\
	TestFailedStartsLeaveTheRunningOne|TestWaitingForTheTrailEnds|TestUnansweredIsClosed|TestNoIntentNoWrite|$\
	TestConfigWaitsForAnother|TestOneReaderOfStandardInput|TestHintOfAnotherEmulator

# Tests wait for processes much of the time, so two of these lines run at once.
test: ## run all tests, with the race detector and the simulator where they find something
	@sh .ci/deps swtpm witness proxy cgo roots shells script
	$(MAKE) -j2 test/commands test/race test/commands-race test/long test/others test/no-cgo

# The limit is there to end a hang.
LIMIT := -timeout 60m

test/commands:
	$(TEST) $(LIMIT) -skip '^($(RACED))$$' ./cmd/tpmdps
test/race:
	CGO_ENABLED=1 $(TEST) $(COVER) $(LIMIT) -race -skip '^($(SINGLE))$$' $(CONCURRENT)
test/commands-race:
	CGO_ENABLED=1 $(TEST) $(LIMIT) -race -run '^($(RACED))$$' ./cmd/tpmdps
test/long:
	CGO_ENABLED=1 $(TEST) $(LIMIT) -run '^($(SINGLE))$$' $(CONCURRENT)
test/others:
	$(TEST) $(COVER) $(LIMIT) $(filter-out $(shell $(GO) list $(CONCURRENT)) tpmdps/cmd/tpmdps,$(shell $(GO) list ./...))
# Without cgo other code looks names up.
test/no-cgo:
	CGO_ENABLED=0 $(TEST) $(LIMIT) ./internal/hub ./internal/network

FUZZTIME ?= 20s

fuzz: ## give every parser broken input, FUZZTIME each (20s)
	GO='$(GO)' bash .ci/fuzz $(FUZZTIME)

# Any other kernel image for amd64 that has TIS and CRB built in will do as well.
VM_KERNEL ?= bin/vm/vmlinuz

test-vm: $(VM_KERNEL) ## run the program on Debian's kernel in qemu, behind TIS and CRB
	@sh .ci/deps swtpm qemu
	VM_KERNEL=$(abspath $(VM_KERNEL)) $(GO) test -tags vm -count=1 -timeout 15m -v -skip '^TestStick' ./internal/vmtest

test-stick: $(VM_KERNEL) ## cut the power after each write to a batch on FAT and exFAT, on Debian's kernel; takes minutes
	@sh .ci/deps swtpm qemu sticks
	VM_KERNEL=$(abspath $(VM_KERNEL)) $(GO) test -tags vm -count=1 -timeout 40m -v -run '^TestStick' ./internal/vmtest

test-wine: ## run the technician's path on Windows under Wine: start.cmd, a batch, the emulator
	@sh .ci/deps swtpm wine
	$(GO) test -tags wine -count=1 -timeout 20m -v ./internal/winetest

bin/vm/vmlinuz:
	@sh .ci/kernel $@

# Microsoft's Node.js SDK: the peer of the conformance tests and the benchmarks.
NODE := internal/emulator/testdata/node
$(NODE)/node_modules/.package-lock.json: $(NODE)/package-lock.json
	@sh .ci/deps node
	npm ci --prefix $(NODE) --no-audit --no-fund
	@touch $@

# Microsoft's Python client for enrollments, by hash.
PYTHON := internal/emulator/testdata/python
$(PYTHON)/venv/.installed: $(PYTHON)/requirements.txt
	@sh .ci/deps python
	rm -rf $(PYTHON)/venv
	python3 -m venv $(PYTHON)/venv
	$(PYTHON)/venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

conformance: $(NODE)/node_modules/.package-lock.json $(PYTHON)/venv/.installed ## run Microsoft's Node.js SDK and Python client against the emulator
	@sh .ci/deps swtpm node python
	$(GO) test -tags conformance -count=1 -v -run Conformance ./internal/emulator

bench: $(NODE)/node_modules/.package-lock.json ## measure against tpm2-tools and the Node SDK on the same software TPM, and long batches, as ratios
	@sh .ci/deps swtpm witness node
	$(GO) test -timeout 1h -run '^$$' -bench . -benchtime 2s ./internal/bench

check: vet lint ## gofmt, go vet and the linters; changes nothing
	@unformatted=$$(gofmt -l $(SOURCES)); \
	if [ -n "$$unformatted" ]; then echo "not gofmt'ed (make fmt):" $$unformatted >&2; exit 1; fi

fmt: ## gofmt the source
	gofmt -w $(SOURCES)

vet: ## go vet for Linux and Windows
	GOOS=linux $(GO) vet -tags conformance,vm,wine ./...
	GOOS=windows $(GO) vet -tags conformance,vm,wine ./...

lint: bin/golangci-lint-$(GOLANGCI) ## the linters of .golangci.yml, for Linux and Windows
	GOOS=linux $< run ./...
	GOOS=windows $< run ./...

bin/golangci-lint-$(GOLANGCI):
	@echo 'installing golangci-lint $(GOLANGCI) from source; that takes some minutes' >&2
	@mkdir -p bin
	GOBIN=$(CURDIR)/bin $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI)
	@mv bin/golangci-lint $@

bin/gotestsum-$(GOTESTSUM):
	@mkdir -p bin
	GOBIN=$(CURDIR)/bin $(GO) install gotest.tools/gotestsum@$(GOTESTSUM)
	@mv bin/gotestsum $@

timed-test: bin/gotestsum-$(GOTESTSUM) ## run all tests, and list the slowest ten
	@rm -f bin/*.test.json bin/*.cover
	$(MAKE) test TEST='$(CURDIR)/$< --format pkgname --hide-summary=skipped --jsonfile $$$$(mktemp bin/XXXXXX.test.json) --' \
		COVER='-covermode=atomic -coverprofile=$$$$(mktemp bin/XXXXXX.cover)'
	@echo; echo 'the slowest ten tests, and how many seconds each took:'
	@cat bin/*.test.json | $< tool slowest --num 10

coverage: ## show how much of each package the tests of make timed-test ran
	@sh .ci/coverage bin/*.cover

# Of vet only what differs on 32 bits is left: `make vet` has the rest.
cross: ## build for every system that is released
	@set -eu; for target in $(TARGETS); do \
		set -- $$(echo $$target | tr / ' '); \
		export GOOS=$$1 GOARCH=$$2 GOARM=$${3:-}; \
		file=bin/tpmdps-$$GOOS-$$GOARCH$${3:+v$$3}; \
		if [ $$GOOS = windows ]; then file=$$file.exe; fi; \
		echo $$file; \
		if [ $$GOARCH = arm ]; then $(GO) vet ./...; fi; \
		$(BUILD) -o $$file ./cmd/tpmdps; \
	done

# .ci/run has it build for one system only.
RELEASE ?= .goreleaser.yaml

snapshot: bin/goreleaser-$(GORELEASER) bin/cyclonedx-gomod ## build all that is released, into dist/: archives, packages, sums, SBOMs
	PATH=$(CURDIR)/bin:$$PATH VERSION=$(VERSION) COMMIT=$(COMMIT) DATE=$(DATE) EPOCH=$(EPOCH) \
		$< release --config $(RELEASE) --snapshot --clean --skip=sign

bin/goreleaser-$(GORELEASER):
	@echo 'installing goreleaser $(GORELEASER) from source; that takes some minutes' >&2
	@mkdir -p bin
	GOBIN=$(CURDIR)/bin $(GO) install github.com/goreleaser/goreleaser/v2@$(GORELEASER)
	@mv bin/goreleaser $@

bin/cyclonedx-gomod:
	@echo 'installing cyclonedx-gomod $(CYCLONEDX) from source' >&2
	@mkdir -p bin
	GOBIN=$(CURDIR)/bin $(GO) install github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@$(CYCLONEDX)

# Draws what a terminal showed.
PICTURE := bin/picture
$(PICTURE)/.installed: .ci/picture.txt
	@sh .ci/deps python
	rm -rf $(PICTURE)
	python3 -m venv $(PICTURE)
	$(PICTURE)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

recording: build $(PICTURE)/.installed ## record README's picture anew, docs/session.svg, on a software TPM and the emulator
	@sh .ci/deps swtpm script
	rm -rf bin/recording
	PATH=$(CURDIR)/bin:$$PATH sh .ci/recording bin/recording
	$(PICTURE)/bin/python .ci/picture bin/recording/session.ansi docs/session.svg

clean: ## remove what was built
	rm -rf bin dist $(NODE)/node_modules $(PYTHON)/venv

.PHONY: help build demo test test/commands test/race test/commands-race test/long test/others test/no-cgo timed-test coverage fuzz test-vm test-stick test-wine conformance bench check fmt vet lint cross snapshot recording clean
