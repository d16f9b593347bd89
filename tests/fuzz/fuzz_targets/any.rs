//! Any target: which one is the name of the binary.

#![no_main]

#[path = "../targets.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let target = targets::find(env!("CARGO_BIN_NAME")).expect("a target of this name");
    target(input);
});
