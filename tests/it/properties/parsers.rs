//! The invariants of the fuzz targets, tried on the inputs of the properties.

use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::config;
use super::strategies::{id, json_object, text};
use crate::types::invariants;

fn check_invariants(input: impl Strategy<Value = String>, invariants: fn(&str)) {
    let outcome = TestRunner::new(config(96)).run(&input, |text| {
        invariants(&text);
        Ok(())
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
}

#[test]
fn any_text_parses_as_an_id_or_is_refused() {
    let numbers =
        (prop::sample::select(vec!["", "0", "-", "+", " "]), id()).prop_map(|(before, id)| format!("{before}{id}"));
    check_invariants(prop_oneof![text(), numbers], invariants::ids);
}

#[test]
fn any_settings_compare_as_their_values_do() {
    let three = (json_object(), json_object(), text());
    check_invariants(three.prop_map(|(one, other, text)| format!("{one}\0{other}\0{text}")), invariants::settings);
}

#[test]
fn no_configuration_shows_its_password() {
    let lines = (text(), text(), text());
    check_invariants(
        lines.prop_map(|(password, behind, more)| format!("{password}\nh/{behind}\nDB_HOST={more}")),
        invariants::config,
    );
}
