//! The benches: none leaves a function out.

use std::fs;
use std::path::Path;

use crate::support::every_function;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

#[test]
fn the_cost_of_every_function_on_the_server_is_measured() {
    let measured = fs::read_to_string(Path::new(ROOT).join("benches/server_cost/functions.rs")).unwrap();
    let mut missing = every_function::names();

    missing.retain(|name| !measured.contains(&format!("\"{name}\"")) && !measured.contains(&format!("\"{name}, ")));

    assert_eq!(missing, [""; 0], "benches/server_cost/functions.rs must measure each function");
}
