#!/usr/bin/env bash
# Builds the WebAssembly modules, both runtimes and the canvas, into target/wasm with the given Cargo profile. The shipped profile goes through wasm-pack,
# and also gets a relaxed-SIMD twin of each runtime, and wasm-opt; the others do what wasm-pack does with cargo and wasm-bindgen.
# Called by `make wasm`, which puts the tools on the PATH.
set -euo pipefail
profile=$1

build() { # folder, features, target features
  # No module says on which machine, and in which folder, it was built.
  export RUSTFLAGS="-Ctarget-feature=$3 --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}/registry/src= --remap-path-prefix=$PWD="
  if [ "$profile" = wasm ]; then
    wasm-pack --quiet build --target web --mode no-install --no-opt --no-pack \
      --profile "$profile" --out-name nearside --out-dir "target/wasm/$1" . --no-default-features --features "$2"
    # wasm-pack hides its output from git, and npm would then ship none of it.
    rm -f "target/wasm/$1/.gitignore"
  else
    cargo build --quiet --lib --target wasm32-unknown-unknown --profile "$profile" --no-default-features --features "$2"
    wasm-bindgen --target web --out-name nearside --out-dir "target/wasm/$1" \
      "target/wasm32-unknown-unknown/$profile/nearside.wasm"
  fi
}

# What every target of this kit has; anything more would shut a host out.
features="--enable-simd --enable-bulk-memory --enable-nontrapping-float-to-int --enable-sign-ext --enable-mutable-globals \
  --enable-multivalue --enable-reference-types"

optimise() { # folder, further features
  local file=target/wasm/$1/nearside_bg.wasm
  # shellcheck disable=SC2086
  npx --no-install wasm-opt -Os --low-memory-unused $features $2 --strip-debug --strip-producers "$file" -o "$file.opt"
  mv "$file.opt" "$file"
}

# What else is in target/wasm is Cargo's: the profile has the same name.
rm -rf target/wasm/{small,full}{,-relaxed} target/wasm/canvas target/wasm/*.stamp && mkdir -p target/wasm
build small "" +simd128
build full tract +simd128
build canvas canvas +simd128
if [ "$profile" = wasm ]; then
  build small-relaxed "" +simd128,+relaxed-simd
  build full-relaxed tract +simd128,+relaxed-simd
  for folder in small full canvas; do optimise $folder ""; done
  for folder in small-relaxed full-relaxed; do optimise $folder --enable-relaxed-simd; done
fi
