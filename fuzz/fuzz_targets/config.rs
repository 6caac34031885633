#![no_main]

#[path = "../../tests/it/types/invariants.rs"]
#[expect(dead_code, reason = "each target has its own")]
mod invariants;

libfuzzer_sys::fuzz_target!(|text: &str| invariants::config(text));
