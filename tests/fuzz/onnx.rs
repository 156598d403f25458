//! Any bytes are loaded and run as an ONNX file. On a machine with `cargo install cargo-fuzz`, from the root:
//!
//!     RUSTC_BOOTSTRAP=1 cargo fuzz run --fuzz-dir tests/fuzz --target-dir target/fuzz onnx tests/fuzz/corpus -- \
//!         -rss_limit_mb=4096 -timeout=20
//!
//! A file that ends it belongs into `corpus`, where the tests find it.
#![no_main]

mod load;

libfuzzer_sys::fuzz_target!(
    // A panic that the loader catches is an error of the file. Those that it does not catch still end the fuzzer.
    init: std::panic::set_hook(Box::new(|_| {})),
    |bytes: &[u8]| {
        load::load(bytes);
    }
);
