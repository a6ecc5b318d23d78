# Needs Go and a Debian or Ubuntu machine. What a target needs beside Go it
# installs first, after saying so (.ci/deps); `make build` needs nothing else.

GO          ?= go
VERSION     ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
COMMIT      ?= $(shell git rev-parse HEAD 2>/dev/null || echo unknown)
DATE        ?= $(shell TZ=UTC git log -1 --format=%cd --date=format-local:%Y-%m-%dT%H:%M:%SZ 2>/dev/null || echo unknown)
EPOCH       ?= $(shell git log -1 --format=%ct 2>/dev/null || echo 0)
STATICCHECK := v0.8.2
GOTESTSUM   := v1.13.0
GORELEASER  := v2.16.0
CYCLONEDX   := v1.10.0
TARGETS     := linux/amd64 linux/arm64 linux/arm/7 windows/amd64 windows/arm64

# One static file, the same bytes from the same source on every machine.
# urfave_cli_no_docs leaves a manual page generator out.
BUILD := $(GO) build -trimpath -buildvcs=false -tags urfave_cli_no_docs \
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

# How tests are run; .ci/run sets it to have their times written down.
TEST ?= $(GO) test

# What these try many times over has one goroutine, or is a process of its own, which runs as it is
# released: the race detector has nothing to find in it, and takes minutes.
PLAIN := TestScripts|TestAnswersMatrix|TestEveryResponseCode|TestBrokenConfigTellsNothing|TestBrokenFilesTellNothing|$\
	TestFindingsTellNoSecret|TestFixesAreRight|TestTemplateVerdicts|TestDecodedCodesOfTheChip|TestKilledRunsAreOnRecord|$\
	TestRunAfterAKilledOne|TestOthersLeftoversStay|TestHintsFitTheCommandLine|TestLiesInEveryAnswer|$\
	TestRightFileInAnotherDress|TestFixesOfOtherSlips|TestStrictReaderOnTemplate|TestUnusableProxy|TestSameAnswerSameMeaning|$\
	TestNothingIsPrintedThatIsKnown|TestCredentialFaultsHaveOneCode|TestInputsThatAreNoFiles|TestWholeLogs|$\
	TestLongLogsAreLookedThrough|TestMisspeltFlags|TestPKCS11SaysNoPIN|TestPKCS11Everywhere|TestLogsInUTF16|$\
	TestPowerCut|TestEveryChangeIsFound|TestStreamBounds|TestTableBounds|TestMemoryOfALongBatch|$\
	TestEveryCodeReadsBack|TestEveryIDForPrinters|TestTerminalReadsBack|TestHostileTextsOnSheets|TestLabelsTooSmall|TestMemory|$\
	TestKilledBatch|TestBatchLimit

# The longest goes first. The limit is there to end a hang. Without cgo runs, beside those, what it makes different: the look-up of names.
test: ## run all tests: with the race detector and the simulator, and what differs without cgo
	@sh .ci/deps swtpm witness proxy cgo roots shells
	CGO_ENABLED=1 $(TEST) -timeout 20m -race -skip '^($(PLAIN))$$' ./internal/tpm ./...
	$(TEST) -timeout 20m -run '^($(PLAIN))$$' ./cmd/tpmdps ./internal/edge/lint ./internal/dictionary ./internal/manifest ./internal/inventory \
		./internal/enroll/batch ./internal/labels ./internal/bench
	$(TEST) ./internal/hub ./internal/network

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

check: vet lint ## gofmt, go vet and staticcheck; changes nothing
	@unformatted=$$(gofmt -l $(SOURCES)); \
	if [ -n "$$unformatted" ]; then echo "not gofmt'ed (make fmt):" $$unformatted >&2; exit 1; fi

fmt: ## gofmt the source
	gofmt -w $(SOURCES)

vet: ## go vet for Linux and Windows
	GOOS=linux $(GO) vet -tags conformance,vm,wine ./...
	GOOS=windows $(GO) vet -tags conformance,vm,wine ./...

lint: bin/staticcheck-$(STATICCHECK) ## staticcheck for Linux and Windows
	GOOS=linux $< -tags conformance,vm,wine ./...
	GOOS=windows $< -tags conformance,vm,wine ./...

bin/staticcheck-$(STATICCHECK):
	@mkdir -p bin
	GOBIN=$(CURDIR)/bin $(GO) install honnef.co/go/tools/cmd/staticcheck@$(STATICCHECK)
	@mv bin/staticcheck $@

bin/gotestsum-$(GOTESTSUM):
	@mkdir -p bin
	GOBIN=$(CURDIR)/bin $(GO) install gotest.tools/gotestsum@$(GOTESTSUM)
	@mv bin/gotestsum $@

timed-test: bin/gotestsum-$(GOTESTSUM) ## run all tests, and list the slowest ten
	@rm -f bin/*.test.json
	$(MAKE) test TEST='$(CURDIR)/$< --format pkgname --hide-summary=skipped --jsonfile $$$$(mktemp bin/XXXXXX.test.json) --'
	@echo; echo 'the slowest ten tests, and how many seconds each took:'
	@cat bin/*.test.json | $< tool slowest --num 10

cross: ## build and vet for every system that is released
	@set -eu; for target in $(TARGETS); do \
		set -- $$(echo $$target | tr / ' '); \
		export GOOS=$$1 GOARCH=$$2 GOARM=$${3:-}; \
		file=bin/tpmdps-$$GOOS-$$GOARCH$${3:+v$$3}; \
		if [ $$GOOS = windows ]; then file=$$file.exe; fi; \
		echo $$file; \
		$(GO) vet ./...; \
		$(BUILD) -o $$file ./cmd/tpmdps; \
	done

snapshot: bin/goreleaser-$(GORELEASER) bin/cyclonedx-gomod ## build all that is released, into dist/: archives, packages, sums, SBOMs
	PATH=$(CURDIR)/bin:$$PATH VERSION=$(VERSION) COMMIT=$(COMMIT) DATE=$(DATE) EPOCH=$(EPOCH) \
		$< release --snapshot --clean --skip=sign

bin/goreleaser-$(GORELEASER):
	@echo 'installing goreleaser $(GORELEASER) from source; that takes some minutes' >&2
	@mkdir -p bin
	GOBIN=$(CURDIR)/bin $(GO) install github.com/goreleaser/goreleaser/v2@$(GORELEASER)
	@mv bin/goreleaser $@

bin/cyclonedx-gomod:
	@echo 'installing cyclonedx-gomod $(CYCLONEDX) from source' >&2
	@mkdir -p bin
	GOBIN=$(CURDIR)/bin $(GO) install github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@$(CYCLONEDX)

clean: ## remove what was built
	rm -rf bin dist $(NODE)/node_modules $(PYTHON)/venv

.PHONY: help build demo test timed-test test-vm test-stick test-wine conformance bench check fmt vet lint cross snapshot clean
