# The targets that people and CI call; `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules --no-print-directory

PORT ?= 8080
PROJECT ?= models/loan-approval
# wasm-fast builds in a minute or two; the shipped profile `wasm` links everything at once and takes longer.
WASM_PROFILE ?= wasm-fast

NEARSIDE := target/release/nearside
TOOLS := target/tools/bin
WASM_PACK_VERSION := 0.15.0
WASM_BINDGEN_VERSION = $(shell sed -n '/^name = "wasm-bindgen"$$/{n;s/version = "\(.*\)"/\1/p}' Cargo.lock)
RUST := $(shell find src -name '*.rs' -o -name 'README.md') src/kernels/Cargo.toml Cargo.toml Cargo.lock .cargo/config.toml
# What WebAssembly is made of: the rest is for native targets only.
CORE := $(filter-out src/cli/% src/collect/% src/sources/% src/train/% src/evaluate/% src/adopt/% src/onnx/lower/% src/build.rs,$(RUST))
SDK := $(shell find www/sdk -name '*.ts' -not -path '*/dist/*') www/sdk/build.mjs www/sdk/tsconfig.json package.json
DASHBOARD := $(shell find www/dashboard -type f -not -path '*/dist/*')
EXAMPLES := $(shell find www/examples -type f)

.PHONY: help all build serve models wasm wasm-target www check test test-rust test-web chromium postgresql package size bench clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-9s %s\n", $$1, $$2 }'

all: build ## Build everything, then gather, train, evaluate, pack and serve models/loan-approval
	$(NEARSIDE) retrain --project $(PROJECT)
	$(NEARSIDE) serve --project $(PROJECT) --port $(PORT)

build: $(NEARSIDE) ## Build WebAssembly, SDK, dashboard and target/release/nearside

serve: $(NEARSIDE) ## Serve models/loan-approval as it is packed
	$(NEARSIDE) serve --project $(PROJECT) --port $(PORT)

models: $(NEARSIDE) ## Build the bundles of the ready projects again (digits are fetched)
	for project in $(notdir $(wildcard models/*)); do $(NEARSIDE) retrain --project models/$$project; done

$(NEARSIDE): $(RUST) www/dashboard/dist/index.html $(EXAMPLES)
	cargo build --release --bin nearside
	@touch $@

# WebAssembly: the small runtime, the full one with tract, and what draws the canvas.
wasm: target/wasm/$(WASM_PROFILE).stamp ## Build the WebAssembly into target/wasm

# Only what ships goes through wasm-pack, which is two minutes of building by itself.
target/wasm/wasm.stamp: $(TOOLS)/wasm-pack
target/wasm/%.stamp: $(CORE) $(TOOLS)/wasm-bindgen src/wasm/build.sh node_modules/.package-lock.json | wasm-target
	PATH="$(CURDIR)/$(TOOLS):$$PATH" src/wasm/build.sh $*
	@rm -f target/wasm/*.stamp && touch $@

wasm-target:
	@rustup target list --installed | grep -qx wasm32-unknown-unknown || rustup target add wasm32-unknown-unknown

$(TOOLS)/wasm-pack:
	$(call install,wasm-pack,$(WASM_PACK_VERSION),0)

$(TOOLS)/wasm-bindgen: Cargo.lock
	$(call install,wasm-bindgen-cli,$(WASM_BINDGEN_VERSION),1)

# The tools are built without optimisation to speak of: they run for seconds, and are built on every new machine.
define install
	CARGO_PROFILE_RELEASE_OPT_LEVEL=$(3) CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
	CARGO_TARGET_DIR=target/tools/build cargo install --quiet --root target/tools $(1) --version $(2)
	@touch $@
endef

# The web side: npm packages, SDK, dashboard.
www: www/dashboard/dist/index.html ## Build the SDK and the dashboard

node_modules/.package-lock.json: package-lock.json
	npm ci --no-audit --no-fund --loglevel=error
	@touch $@

www/sdk/dist/index.js: $(SDK) target/wasm/$(WASM_PROFILE).stamp node_modules/.package-lock.json
	node www/sdk/build.mjs

www/dashboard/dist/index.html: $(DASHBOARD) www/sdk/dist/index.js
	npx vite build --config www/dashboard/vite.config.ts --logLevel warn
	node www/compress.mjs $(if $(filter wasm,$(WASM_PROFILE)),11,5) www/sdk/dist www/dashboard/dist

# Everything that must hold.
check: node_modules/.package-lock.json wasm-target ## Formatting and lints
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	cargo clippy --target wasm32-unknown-unknown --no-default-features --lib -- -D warnings
	cargo clippy --target wasm32-unknown-unknown --no-default-features --features canvas --lib -- -D warnings
	npx --no-install tsc -p www/dashboard --noEmit

test: check test-rust test-web ## Run every test (installs Chromium and PostgreSQL where they are missing)

test-rust: www/dashboard/dist/index.html postgresql
	cargo test --workspace

# The browser tests take the binary of the Rust tests: one build less.
test-web: test-rust chromium
	NEARSIDE=$(CURDIR)/target/debug/nearside \
	node --test --test-concurrency=1 --test-reporter=spec tests/packaging/*.test.mjs tests/browser/*.test.mjs
	NEARSIDE=$(CURDIR)/target/debug/nearside node tests/bench/size.mjs

chromium:
	@command -v chromium >/dev/null || { apt-get update -qq && apt-get install -y -qq chromium >/dev/null; }

# A server for the tests of data sources, which skip where it is missing: only root can install it.
postgresql:
	@ls -d /usr/lib/postgresql/*/bin >/dev/null 2>&1 || [ "$$(id -u)" != 0 ] \
	|| { apt-get update -qq && apt-get install -y -qq postgresql >/dev/null; }

# What ships, and what it weighs.
package: ## Build what ships: the npm package and the binary, into target/package
	$(MAKE) www WASM_PROFILE=wasm
	cargo build --profile dist --bin nearside
	mkdir -p target/package && cp target/dist/nearside target/package/
	npm pack --pack-destination target/package --loglevel=error

size: ## Weigh what ships; writes target/bench/size.json
	$(MAKE) build WASM_PROFILE=wasm
	node tests/bench/size.mjs

bench: ## Measure side by side with onnxruntime-web, tfjs and plain JavaScript; writes target/bench/bench.json and the table of the README
	$(MAKE) build chromium WASM_PROFILE=wasm
	node tests/bench/bench.mjs

clean: ## Remove everything that was built, but the tools
	rm -rf www/sdk/dist www/dashboard/dist target/wasm target/release target/debug target/wasm32-unknown-unknown
