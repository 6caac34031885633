//! The texts in the fuzz corpus, including those that once failed. Every test run tries them, without the fuzzer.
//! `./dev fuzz` looks for more.

use std::fs;
use std::path::Path;

use crate::types::invariants;

fn replay(target: &str, invariants: fn(&str)) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let files: Vec<_> = fs::read_dir(folder).expect("the corpus exists").map(|entry| entry.unwrap().path()).collect();
    assert!(files.len() > 20, "{} files", files.len());
    for file in files {
        let text = fs::read(&file).unwrap();
        // As the fuzzer reads it: up to the first byte that is not UTF-8.
        let text = text.utf8_chunks().next().map_or("", |chunk| chunk.valid());
        println!("{}: {text:?}", file.display()); // shown if the test fails
        invariants(text);
    }
}

#[test]
fn the_invariants_of_ids_hold_on_the_corpus() {
    replay("ids", invariants::ids);
}

#[test]
fn the_invariants_of_settings_hold_on_the_corpus() {
    replay("settings", invariants::settings);
}

#[test]
fn the_invariants_of_the_configuration_hold_on_the_corpus() {
    replay("config", invariants::config);
}
