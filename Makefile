export PATH := $(CURDIR)/.tools/bin:$(PATH)

help:
	@sed -n 's/^\([a-z0-9-]*\):.*## /\1\t/p' Makefile | expand -t 16

demo: ## a registry, a log and tlogistry on this machine: pull a tag, move it, see it refused
	@echo "compiling tlogistry-cli and its dependencies (some minutes, the first time)"
	@cargo build --bin tlogistry-cli
	@cargo run --quiet --bin tlogistry-cli -- demo

invoke: tools ## the function itself by `cargo lambda`: an event of each route, and its answer; STAY=1 keeps it running
	TLOGISTRY_STAY=$(STAY) cargo test --locked --test invoke each_route -- --nocapture

smoke: ## asks a deployment for what matters, and says what it saw: HOST=registry.example.com, IMAGE=alpine:3.16.0
	@python3 tests/tools/smoke.py $(HOST) $(IMAGE)

test: tools template-test runbook-test ## all tests, with real clients and stand-ins for AWS
	tests/tools/test.sh

# Those of `make test` whose log can be the real Rekor as well.
WITH_REKOR := pull devlog lambda

peers: tools ## tests against the real Rekor and with other people's programs, built by Go: minutes, the first time
	tests/tools/install.sh mariadb go go_clients sigstore_js sigstore_go rekor2_reads witness workflow chromium
	TLOGISTRY_TEST_LOG=rekor cargo test --locked $(WITH_REKOR:%=--test %)
	cargo test --locked --test 'peers_*'
	@echo 'LEFT OUT: rekor-monitor itself, which the Go module proxy does not serve: see tests/README.md, make stock-monitor' >&2

stock-monitor: ## Sigstore's rekor-monitor against a complete audit: REKOR_MONITOR=/path/to/rekor_monitor (2026-08 or later)
	@[ -x '$(REKOR_MONITOR)' ] || { echo 'say where it is: make stock-monitor REKOR_MONITOR=/path/to/rekor_monitor' >&2; exit 1; }
	tests/tools/install.sh go
	TLOGISTRY_REKOR_MONITOR=$(abspath $(REKOR_MONITOR)) cargo test --locked --test stock_monitor

peers-more: tools ## tests of admission, and with Docker's daemon, which runs as root alone: minutes to build; no part of .ci/run
	tests/tools/install.sh go docker admission
	cargo test --locked --test 'more_*'

template-test: tools ## the deployment's templates and policies: lints, and rules that each find their fault
	@if [ -f .tools/missing ] && ! [ -x .tools/venv/bin/python ]; then \
	    echo 'LEFT OUT on this system: the templates, which need python: see .tools/missing' >&2; \
	else \
	    .tools/venv/bin/python -B tests/template/check.py; \
	fi

template-audit: tools ## checkov on the translated templates; what it finds is mended, or accepted in tests/template/checkov.yaml
	@tests/tools/install.sh checkov
	@.tools/venv/bin/python -B tests/template/checkov.py

runbook-test: tools ## the runbook's commands, in the order of the page, through the SAM CLI and the AWS CLI against stand-ins
	@if grep -qs -e '^python	' -e '^sam	' -e '^aws	' .tools/missing; then \
	    echo 'LEFT OUT on this system: the runbook, which needs python, sam and aws: see .tools/missing' >&2; \
	else \
	    .tools/venv/bin/python -B tests/runbook/check.py; \
	fi

check: tools ## format, lints, licences and banned crates
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	cargo clippy --locked --test 'peers_*' --test 'more_*' --test stock_monitor --test audit_large --test complete_million -- -D warnings
	cargo deny --locked check --hide-inclusion-graph licenses bans sources

build: tools ## the function for AWS (arm64), by sam build
	rustup target add aarch64-unknown-linux-gnu
	SAM_CLI_TELEMETRY=0 AWS_DEFAULT_REGION=us-east-1 sam build
	@du -h --apparent-size .aws-sam/build/Function/bootstrap

test-built: build ## what was built: packaged, and the function's tests on it (arm64 under qemu) and on a native release build
	.tools/venv/bin/python -B tests/tools/package.py
	tests/tools/install.sh arm64
	cargo build --locked --release --bin tlogistry
	TLOGISTRY_FUNCTION="$(CURDIR)/.tools/bin/qemu-arm64 $(CURDIR)/.aws-sam/build/Function/bootstrap" \
	    cargo test --locked --test lambda
	TLOGISTRY_FUNCTION=$(CURDIR)/target/release/tlogistry cargo test --locked --test lambda
	TLOGISTRY_AUDITOR="$(CURDIR)/.tools/bin/qemu-arm64 $(CURDIR)/.aws-sam/build/AuditorStack/Function/bootstrap" \
	    cargo test --locked --test auditor

soak: tools ## the randomised fault test for longer: ROUNDS=20000
	TLOGISTRY_ROUNDS=$(or $(ROUNDS),20000) cargo test --locked --test faults no_fault -- --nocapture

load: tools ## mixed pulls from 64 connections through a release build of serve: SECONDS=60
	cargo build --locked --release --bin tlogistry-cli
	TLOGISTRY_SECONDS=$(or $(SECONDS),60) TLOGISTRY_CLI=$(CURDIR)/target/release/tlogistry-cli \
	    cargo test --locked --test load -- --nocapture

audit-10000: ## an audit of 10,000 tags: how long it takes, and that it does not need more memory than one of 1,000
	cargo test --locked --test audit_large -- --nocapture

audit-complete-million: ## a complete audit of a million entries, by a release build: how many a second, and in how much memory
	cargo build --locked --release --bin tlogistry-cli
	TLOGISTRY_CLI=$(CURDIR)/target/release/tlogistry-cli cargo test --locked --test complete_million -- --nocapture

fuzz: .tools/bin/cargo-fuzz ## each fuzz target guided by coverage, SECONDS=60 each
	for target in $$(ls fuzz/corpus); do \
	    mkdir -p fuzz/found/$$target; \
	    RUSTC_BOOTSTRAP=1 cargo fuzz run $$target fuzz/found/$$target fuzz/corpus/$$target -- -max_total_time=$(or $(SECONDS),60) || exit 1; \
	done

.tools/bin/cargo-fuzz:
	cargo install --locked --quiet --root .tools cargo-fuzz@0.13.2

# A tool in a workspace of its own, and the crate that it changes in its own test.
MUTANTS := --locked --quiet --manifest-path tests/tools/mutants/Cargo.toml --target-dir target/mutants/tool

mutants: tools .tools/bin/cargo-mutants ## changes MODULE=src/ledger in each way, and runs its fast tests on each change
	cargo run $(MUTANTS) -- $(MODULE)

mutants-test: .tools/bin/cargo-mutants ## the same on planted changes: what is found, missed, not reached, hangs or does not compile
	cargo fmt --manifest-path tests/tools/mutants/Cargo.toml --check
	cargo clippy $(MUTANTS) --all-targets -- -D warnings
	cargo test $(MUTANTS)

.tools/bin/cargo-mutants:
	cargo install --locked --quiet --root .tools cargo-mutants@27.1.0

bench: tools ## from asking for a tag to its manifest, against asking directly: docs/bench.md, docs/bench.svg
	cargo bench --locked --bench pull

bench-cost: tools ## what a pull costs: instructions, allocations, memory
	cargo bench --locked --bench cost

bench-growth: tools ## time by how many tags and entries there are, and what the function holds; GROWTH=all goes to a million
	cargo bench --locked --bench growth -- $(GROWTH)
	cargo bench --locked --bench growth -- memory

bench-pull-whole: tools ## whole images by skopeo and containerd, directly and through tlogistry: docs/bench.md, docs/bench-whole.svg, benches/pull-costs.json
	cargo bench --locked --bench whole

cost-page: tools ## what a million pulls cost, counted from benches/pull-costs.json: a part of docs/runbook.md
	.tools/venv/bin/python -B tests/template/pull_costs.py

bench-fleet: tools ## what a thousand clients make ten instances ask of a registry, counted; fails if that is too much
	cargo bench --locked --bench fleet

bench-check: tools ## short runs, compared with benches/limits.json and benches/limits-whole.json
	cargo bench --locked --bench pull -- check
	cargo bench --locked --bench whole -- check

bench-keep: tools ## short runs, kept in benches/limits.json and benches/limits-whole.json
	cargo bench --locked --bench pull -- keep
	cargo bench --locked --bench whole -- keep

bench-startup: tools ## starts as Lambda has them, against a bare function; which memory is cheapest: a part of docs/bench.md
	cargo build --locked --release --example bare_function
	cargo bench --locked --bench startup

tools: ## what the tests run, into .tools/ (no root; nothing of the system is touched)
	@tests/tools/install.sh

release: ## the function as deployed, built for this machine, and its size
	cargo build --locked --release --bin tlogistry
	@du -h --apparent-size target/release/tlogistry

clean-tools: ## removes .tools/
	rm -rf .tools

TARGETS := $(shell sed -n 's/^\([a-z0-9-]*\):.*## .*/\1/p' Makefile)
.PHONY: help $(TARGETS)
