//! docs/RELIABILITY.md: each promise names tests that are there.

use crate::project::style::files;

/// The tests that a document names as `module::test`; of a type, the name begins otherwise.
fn named(document: &str) -> Vec<(&str, &str)> {
    let names = document.split('`').skip(1).step_by(2).filter_map(|code| code.split_once("::"));
    names.filter(|(module, _)| module.starts_with(char::is_lowercase)).collect()
}

/// Of those, the ones that no file of that name in tests/ holds.
fn missing(document: &str) -> Vec<String> {
    let files = files("tests", ".rs");
    let is_there = |(module, test): &(&str, &str)| {
        let (file, folder, test) = (format!("/{module}.rs"), format!("/{module}/mod.rs"), format!("fn {test}("));
        files.iter().any(|(path, rust)| (path.ends_with(&file) || path.ends_with(&folder)) && rust.contains(&test))
    };
    named(document)
        .into_iter()
        .filter(|name| !is_there(name))
        .map(|(module, test)| format!("{module}::{test}"))
        .collect()
}

#[test]
fn every_test_that_keeps_a_promise_is_there() {
    let document = include_str!("../../../docs/RELIABILITY.md");

    assert!(named(document).len() > 10);
    assert_eq!(missing(document), [""; 0]);

    let sample = "`style::nothing` `nowhere::every_test_that_keeps_a_promise_is_there`";
    assert_eq!(missing(sample), ["style::nothing", "nowhere::every_test_that_keeps_a_promise_is_there"]);
}
