# The verbs of this house. `make run` needs nothing that `make deps` cannot find or name, `make test` nothing that
# `make test-deps` cannot: what those are stands in .ci/need.

SHELL := /usr/bin/env bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# A fresh machine gains nothing from incremental files, and they are the larger part of the build folder.
ifdef CI
export CARGO_INCREMENTAL = 0
endif

.PHONY: help run test lint bench sim crash soak fuzz deps test-deps clean

help: ## what can be done here
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 11

run: deps ## rehearse: a simulated hall makes, proves and packs cards
	cargo build --release --workspace
	target/release/cardwright rehearse

# One more test at a time than there are processors: for a third of their time tests wait for devices' deadlines.
define tests
	if cargo nextest --version >/dev/null 2>&1; \
		then NEXTEST_TEST_THREADS=$$(($$(nproc) + 1)) cargo nextest run $(1); \
		else cargo test $(2); \
	fi
endef

test: test-deps lint ## everything that must hold before a push
	$(call tests,--workspace,--workspace --lib --bins --tests)
	cargo test --workspace --doc

lint: test-deps ## formatting and lints; a warning is a failure
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings

bench: deps test-deps ## how fast it is here: faces, chips, EF.SOD, a whole line, 64 machines that take their time, PC/SC
	cargo bench --bench pure
	cargo build --release --workspace
	target/release/cardwright bench sod
	target/release/cardwright bench line --cards 2000
	target/release/cardwright bench line --cards 2000 --order-book postgres
	target/release/cardwright bench line --stations 64 --desks 8 --cards 640 --timing real
	missed=0; for what in chip readers; do target/release/cardwright bench $$what || missed=1; done; exit $$missed

sim: deps ## a thousand days of the hall, 50 cards each, in which everything goes wrong; then the other plans
	cargo build --release --workspace
	CARDWRIGHT_LOG=off target/release/cardwright sim day --seed 0..1000 --cards 50 --faults storm --jobs 2
	for plan in none bad-day devices people power; do \
		CARDWRIGHT_LOG=off target/release/cardwright sim day --seed 0..50 --cards 50 --faults $$plan --jobs 2 --twice; \
	done

crash: deps test-deps ## kill the daemon at every kill point, thrice; cut its power at every write; let its ledger rot
	cargo build --release --workspace
	target/release/cardwright sim crash --rounds 3
	target/release/cardwright sim crash --rounds 3 --postgres
	target/release/cardwright bench start --orders 10000 --within 2000
	POWER_CUTS=all cargo test --test system power::
	rm -rf target/rot
	target/release/cardwright rehearse --facility target/rot --cards 20 --stations 2 --desks 1
	target/release/cardwright sim rot target/rot/ledger.db --flips 20000

# Tests in which something breaks that is not simulated: processes, servers, readers, disks, tokens, clocks.
BREAKS := bad_hsm:: canaries:: crash:: epochs:: halt:: hsm:: ledger:: pcsc:: postgres:: power:: readers:: \
	rehearsal::killed retention:: second_copy:: shortage:: signing::
TIMES ?= 5

soak: test-deps ## everything that breaks for real, TIMES times over
	for n in $$(seq $(TIMES)); do $(call tests,--test system $(BREAKS),--test system -- $(BREAKS)); done

# What coverage needs of the compiler; all of it is stable. SECONDS for each target, TARGETS for some of them only.
FUZZ_FLAGS := -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
	-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
	-Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1 --cfg fuzzing
SECONDS_EACH ?= 60
TARGETS ?= $(notdir $(wildcard tests/fuzz/corpus/*))

fuzz: ## fuzz every parser of bytes from outside under libFuzzer: make fuzz SECONDS_EACH=600 TARGETS="tlv sod"
	cd tests/fuzz && RUSTFLAGS="$(FUZZ_FLAGS)" cargo build --release --target $$(rustc -vV | sed -n 's/^host: //p')
	cd tests/fuzz && for target in $(TARGETS); do \
		mkdir -p found/$$target artifacts; \
		target/$$(rustc -vV | sed -n 's/^host: //p')/release/$$target found/$$target corpus/$$target \
			-max_total_time=$(SECONDS_EACH) -artifact_prefix=artifacts/$$target- -max_len=65536; \
	done

deps: ## what building needs is looked for; as root on Debian what is missing is installed
	.ci/need

test-deps: ## the same for the tools and servers that tests and lints need besides
	.ci/need testing

clean: ## forget what was built
	cargo clean
