//! What Cargo.toml says of the crate.

use std::process::Command;

use serde_json::Value;

fn metadata() -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--offline", "--locked", "--format-version=1", "--manifest-path"])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
        .output()
        .unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}

fn version(text: &str) -> (u32, u32) {
    let mut parts = text.split('.').map(|part| part.parse().unwrap());
    (parts.next().unwrap(), parts.next().unwrap_or(0))
}

#[test]
fn no_dependency_needs_a_newer_rust_than_the_crate_says() {
    let ours = version(env!("CARGO_PKG_RUST_VERSION"));

    for package in metadata()["packages"].as_array().unwrap() {
        if let Some(theirs) = package["rust_version"].as_str() {
            assert!(version(theirs) <= ours, "{} needs Rust {theirs}", package["name"]);
        }
    }
}

#[test]
fn every_dependency_has_its_reason_in_one_line() {
    let manifest = include_str!("../../Cargo.toml");
    let dependencies = manifest
        .split("\n[")
        .filter(|section| section.split(']').next().is_some_and(|name| name.ends_with("dependencies")))
        .flat_map(|section| section.lines().skip(1))
        .filter(|line| line.contains(" = "));

    for line in dependencies {
        assert!(line.contains(" # "), "no reason: {line}");
    }
}

#[test]
fn without_default_features_there_is_no_build_dependency() {
    let tree = |features: &[&str]| {
        let output = Command::new(env!("CARGO"))
            .args(["tree", "--offline", "--locked", "--edges=build", "--prefix=none", "--depth=1"])
            .args(features)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    };

    assert_eq!(tree(&["--no-default-features"]).lines().count(), 1, "the crate itself");
    assert!(tree(&[]).contains("cornucopia"));
}
