# The verbs of this house. `make run` and `make test` need nothing that `make deps` cannot find or name.

SHELL := /usr/bin/env bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# A fresh machine gains nothing from incremental files, and they are the larger part of the build folder.
ifdef CI
export CARGO_INCREMENTAL = 0
endif

.PHONY: help run test lint bench sim deps clean

help: ## what can be done here
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile | expand -t 10

run: deps ## rehearse: a simulated hall makes, proves and packs cards
	cargo build --release --workspace
	target/release/cardwright rehearse

test: deps lint ## everything that must hold before a push
	if cargo nextest --version >/dev/null 2>&1; then cargo nextest run --workspace; else cargo test --workspace --lib --bins --tests; fi
	cargo test --workspace --doc

lint: ## formatting and lints; a warning is a failure
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

deps: ## looks for the tools that building and testing need; as root on Debian it installs what is missing
	@packages=(); \
	need() { if ! command -v "$$1" >/dev/null 2>&1; then packages+=("$$2"); fi; }; \
	need cc gcc; \
	if ! [ -e /usr/include/stdlib.h ]; then packages+=(libc6-dev); fi; \
	need pkg-config pkgconf; \
	if ! pkg-config --exists libpcsclite 2>/dev/null; then packages+=(libpcsclite-dev); fi; \
	need openssl openssl; \
	need pkcs11-tool opensc; \
	if [ ! -e /usr/lib/softhsm/libsofthsm2.so ]; then packages+=(softhsm2); fi; \
	if ! command -v cargo >/dev/null 2>&1; then \
		echo "cargo is missing: install Rust (https://rustup.rs), version $$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml) or newer." >&2; exit 1; \
	fi; \
	for component in clippy fmt; do \
		if ! cargo "$$component" --version >/dev/null 2>&1; then \
			rustup component add clippy rustfmt || { echo "Missing: clippy or rustfmt. With rustup: rustup component add clippy rustfmt" >&2; exit 1; }; \
		fi; \
	done; \
	if [ $${#packages[@]} -gt 0 ]; then \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then \
			apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends "$${packages[@]}"; \
		else \
			echo "Missing: $${packages[*]}. On Debian or Ubuntu: sudo apt-get install $${packages[*]}" >&2; exit 1; \
		fi; \
	fi

clean: ## forget what was built
	cargo clean
