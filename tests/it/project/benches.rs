//! The benches: none leaves a function out, and a worse result is reported.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::every_function;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

#[test]
fn the_cost_of_every_function_on_the_server_is_measured() {
    let measured = fs::read_to_string(Path::new(ROOT).join("benches/server_cost/functions.rs")).unwrap();
    let mut missing = every_function::names();

    missing.retain(|name| !measured.contains(&format!("\"{name}\"")) && !measured.contains(&format!("\"{name}, ")));

    assert_eq!(missing, [""; 0], "benches/server_cost/functions.rs must measure each function");
}

/// `./dev bench` builds a copy of the package at its end, after an hour of measurements.
#[test]
fn the_copy_whose_builds_are_timed_is_a_whole_package() {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("copied");
    let script = r#"set -euo pipefail
        . benches/results.sh
        build_seconds() { cargo metadata --offline --no-deps --format-version 1 --manifest-path "$copy/Cargo.toml"; }
        edit_sql() { true; }
        copy_package"#;

    let output = Command::new("bash").args(["-c", script]).current_dir(ROOT).env("target", &target).output().unwrap();

    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// What `./dev bench` prints after it has replaced these results.
fn compared(old: &str, new: &str) -> String {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("compared");
    fs::create_dir_all(&folder).unwrap();
    let paths = ["old.md", "new.md"].map(|name| folder.join(format!("{}-{name}", std::process::id())));
    fs::write(&paths[0], old).unwrap();
    fs::write(&paths[1], new).unwrap();
    let output =
        Command::new("awk").arg("-f").arg(Path::new(ROOT).join("benches/compare.awk")).args(&paths).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_worse_result_is_named_and_noise_is_not() {
    let old = "# Results\n\n## Ratios\n
| operation | wall | spread | target | met |\n|---|---|---|---|---|
| a | 1.00 | 0.90–1.20 | 1.05 | yes |\n| b | 1.00 | 0.99–1.01 | 1.05 | yes |\n| c | 1.00 | 0.99–1.01 | 1.05 | yes |
\n## Counts\n
| function | ours | by hand | HOT | planning |\n|---|---:|---:|---:|---:|
| d | 1,000 | 10 | 98 % | 5 % |\n| e | 1,000 | 10 | 98 % | |\n| f | 1 | 1 | | |
\n## Others\n
| operation | ours | scans/s |\n|---|---|---|\n| l | 1.00 / 1.00 | 170/s |\n| m | 1.00 / 1.00 | 170/s |
\n## Growth\n\n| rows | 1 |\n|---|---|\n| g | 1 |\n\n## Old\n\n| i | j |\n|---|---|\n| k | 1 |\n";
    let mut new = old.to_owned();
    let changes = [
        ("| a | 1.00 |", "| a | 1.19 |"),
        ("| b | 1.00 |", "| b | 1.05 |"),
        ("| c | 1.00 |", "| c | 1.06 |"),
        ("| d | 1,000 | 10 | 98 % | 5 % |", "| d | 1,020 | 99 | 96 % | 50 % |"),
        ("| e | 1,000 | 10 | 98 % | |", "| e | 1,021 | 10 | 95 % | |"),
        ("| f | 1 | 1 |", "| h | 1 | 1 |"),
        ("| g | 1 |", "| g | 9 |"),
        ("| l | 1.00 / 1.00 | 170/s |", "| l | 2.00 / 2.00 | 70/s |"),
        ("## Old", "## New"),
    ];
    for (was, is) in changes {
        assert!(new.contains(was), "{was}");
        new = new.replace(was, is);
    }

    let left_out = "not compared: Growth; Others: ours; Others: scans/s";
    assert_eq!(compared(old, old), format!("nothing got worse\n{left_out}\n"));
    let expected = [
        "worse: Ratios: c: wall was 1.00 (0.99–1.01), is 1.06",
        "worse: Counts: e: ours was 1,000, is 1,021",
        "worse: Counts: e: HOT was 98 %, is 95 %",
        "new: Counts: h",
        "new table: New",
        "table is gone: Old",
        "gone: Counts: f",
        left_out,
    ];
    let mut lines: Vec<_> = compared(old, &new).lines().map(ToOwned::to_owned).collect();
    let mut expected = expected.map(ToOwned::to_owned);
    lines.sort();
    expected.sort();
    assert_eq!(lines, expected);
}
