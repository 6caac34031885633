//! What Cargo.toml says about the crate.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;

/// The output of cargo for this package.
fn cargo(args: &[&str]) -> String {
    let output = Command::new(env!("CARGO")).args(args).current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    assert!(output.status.success(), "cargo {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The packages of the workspace with their dependencies on this platform. Not `--offline`: a build of this crate does not fetch
/// those of the Python package.
fn metadata() -> Value {
    let about_cargo = cargo(&["--version", "--verbose"]);
    let host = about_cargo.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    let args = ["metadata", "--locked", "--format-version=1", "--filter-platform", host];
    serde_json::from_str(&cargo(&args)).unwrap()
}

fn version(text: &str) -> (u32, u32) {
    let mut parts = text.split('.').map(|part| part.parse().unwrap());
    (parts.next().unwrap(), parts.next().unwrap_or(0))
}

#[test]
fn no_dependency_needs_a_newer_rust_than_the_crate() {
    let ours = version(env!("CARGO_PKG_RUST_VERSION"));

    for package in metadata()["packages"].as_array().unwrap() {
        if let Some(theirs) = package["rust_version"].as_str() {
            assert!(version(theirs) <= ours, "{} needs Rust {theirs}", package["name"]);
        }
    }
}

#[test]
fn every_dependency_has_its_reason_on_its_line() {
    for manifest in [include_str!("../../../Cargo.toml"), include_str!("../../../python/Cargo.toml")] {
        let dependencies = manifest
            .split("\n[")
            .filter(|section| section.split(']').next().is_some_and(|name| name.ends_with("dependencies")))
            .flat_map(|section| section.lines().skip(1))
            .filter(|line| line.contains(" = "));

        for line in dependencies {
            assert!(line.contains(" # "), "no reason: {line}");
        }
    }
}

/// The crates that `cargo tree` lists, each once.
fn tree(args: &[&str]) -> BTreeSet<String> {
    let lines = cargo(&[&["tree", "--offline", "--locked", "--prefix=none"], args].concat());
    // cargo marks a crate that was already listed with its dependencies.
    lines.lines().map(|line| line.trim_end_matches(" (*)").to_owned()).collect()
}

#[test]
fn the_crate_without_default_features_has_no_build_dependency() {
    let build = ["--edges=build", "--depth=1"];

    assert_eq!(tree(&[build[0], build[1], "--no-default-features"]).len(), 1, "the crate itself");
    assert!(tree(&build).iter().any(|line| line.contains("cornucopia")));
}

#[test]
fn a_consumer_compiles_at_most_150_crates() {
    let crates = tree(&["--edges=normal,build", "--no-default-features"]);

    assert!(crates.iter().any(|line| line.starts_with("rustls ")), "the crate includes TLS");
    assert!(!crates.iter().any(|line| line.starts_with("pyo3 ")), "only the Python package needs Python");
    assert!(crates.len() <= 150, "{} crates: {crates:#?}", crates.len());
}
