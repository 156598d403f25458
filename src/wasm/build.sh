#!/usr/bin/env bash
# Builds both WebAssembly runtimes into target/wasm with the given Cargo profile. The shipped profile also gets a
# relaxed-SIMD twin of each, and wasm-opt. Called by `make wasm`, which puts the tools on the PATH.
set -euo pipefail
profile=$1

build() { # folder, features, target features
  RUSTFLAGS="-Ctarget-feature=$3" wasm-pack --quiet build --target web --mode no-install --no-opt --no-pack \
    --profile "$profile" --out-name nearside --out-dir "target/wasm/$1" . --no-default-features --features "$2"
  # wasm-pack hides its output from git, and npm would then ship none of it.
  rm -f "target/wasm/$1/.gitignore"
}

optimise() { # folder, level: whether a level makes the file smaller where it counts, after brotli, is tried out
  local file=target/wasm/$1/nearside_bg.wasm
  npx wasm-opt "$2" --all-features --strip-debug --strip-producers "$file" -o "$file.opt"
  mv "$file.opt" "$file"
}

rm -rf target/wasm && mkdir -p target/wasm
build small "" +simd128
build full tract +simd128
if [ "$profile" = wasm ]; then
  build small-relaxed "" +simd128,+relaxed-simd
  build full-relaxed tract +simd128,+relaxed-simd
  for folder in small full small-relaxed full-relaxed; do optimise $folder -O2; done
fi
