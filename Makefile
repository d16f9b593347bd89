# The verbs of this house. `make run` needs nothing that `make deps` cannot find or name, `make test` nothing that
# `make test-deps` cannot: what those are stands in .ci/need.

SHELL := /usr/bin/env bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# A fresh machine gains nothing from incremental files, and they are the larger part of the build folder.
ifdef CI
export CARGO_INCREMENTAL = 0
endif

.PHONY: help run test lint bench sim deps test-deps clean

help: ## what can be done here
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 11

run: deps ## rehearse: a simulated hall makes, proves and packs cards
	cargo build --release --workspace
	target/release/cardwright rehearse

test: test-deps lint ## everything that must hold before a push
	if cargo nextest --version >/dev/null 2>&1; then cargo nextest run --workspace; else cargo test --workspace --lib --bins --tests; fi
	cargo test --workspace --doc

lint: test-deps ## formatting and lints; a warning is a failure
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings

bench: deps ## how fast it is here: faces, chip data, EF.SOD, a whole line, and 64 machines that take their time
	cargo bench --bench pure
	cargo build --release --workspace
	target/release/cardwright bench sod
	target/release/cardwright bench line
	target/release/cardwright bench line --stations 64 --desks 8 --cards 640 --timing real

sim: deps ## a thousand days of the hall, 50 cards each, in which everything goes wrong; then the other plans
	cargo build --release --workspace
	target/release/cardwright sim day --seed 0..1000 --cards 50 --faults storm --jobs 2
	for plan in none bad-day devices people power; do \
		target/release/cardwright sim day --seed 0..50 --cards 50 --faults $$plan --jobs 2 --twice; \
	done

deps: ## what building needs is looked for; as root on Debian what is missing is installed
	.ci/need

test-deps: ## the same for the tools and servers that tests and lints need besides
	.ci/need testing

clean: ## forget what was built
	cargo clean
