//! Tests that measure their process: a test starts this binary again, for this test only, so nothing else runs in it.

use std::env;
use std::process::Command;

/// The environment variable with the database's URL. Only the process that is measured has it.
const URL_VARIABLE: &str = "CLIP_TEST_MEASURED_URL";

/// The database's URL in the process that is measured, `None` in the one that tests.
pub fn own_url() -> Option<String> {
    env::var(URL_VARIABLE).ok()
}

/// Runs a test again in a separate process, where it must succeed, and returns what it prints.
pub fn run_alone(test: &str, url: &str) -> String {
    let mut process = Command::new(env::current_exe().unwrap());
    let output = process.args([test, "--exact", "--nocapture"]).env(URL_VARIABLE, url).output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{printed}{}", String::from_utf8_lossy(&output.stderr));
    printed
}
