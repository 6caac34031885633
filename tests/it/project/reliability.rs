//! docs/RELIABILITY.md: every test that it names exists.

use crate::project::style::files;

/// The tests that a document names as `module::test`. Names of types begin with an upper-case letter and are skipped.
fn named(document: &str) -> Vec<(&str, &str)> {
    let names = document.split('`').skip(1).step_by(2).filter_map(|code| code.split_once("::"));
    names.filter(|(module, _)| module.starts_with(char::is_lowercase)).collect()
}

/// The named tests that no file with the module's name in tests/ holds.
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
fn every_test_that_the_document_names_exists() {
    let document = include_str!("../../../docs/RELIABILITY.md");

    assert!(named(document).len() > 10);
    assert_eq!(missing(document), [""; 0]);

    let sample = "`style::nothing` `nowhere::every_test_that_the_document_names_exists`";
    assert_eq!(missing(sample), ["style::nothing", "nowhere::every_test_that_the_document_names_exists"]);
}
