//! Inputs: ids, texts, times, JSON, snapshots.

use std::collections::BTreeSet;
use std::fmt::Debug;

use crate::support::changed;
use crate::types::every_field::fields;
use chrono::{DateTime, TimeDelta, Utc};
use clip_saver_db::{ChannelSnapshot, GuildSnapshot, Settings, UserSnapshot};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;

use super::injections::INJECTIONS;

/// Ids as numbers. Often one of a few, so that a batch has duplicates and a call finds a stored row.
pub fn id() -> impl Strategy<Value = u64> {
    prop_oneof![4 => 0..5_u64, 2 => select(vec![9, 10, 999, 1000, u64::MAX - 1, u64::MAX]), 1 => any::<u64>()]
}

/// A text of any characters, of characters with a meaning in SQL, JSON or C, or of 1 MB. A few hold U+0000.
pub fn text() -> impl Strategy<Value = String> {
    let characters = vec(any::<char>().prop_filter("not here", |c| *c != '\0'), 0..30).prop_map(String::from_iter);
    let pieces = vec![
        "'",
        "\"",
        "\\",
        "$$",
        "--",
        ";",
        "/*",
        "%",
        "{}",
        "\\u0000",
        "\u{202E}",
        "שלום",
        "é",
        "e\u{301}",
        "😀",
        "\u{FEFF}",
        "\u{FFFF}",
        "\u{10FFFF}",
        "\u{1}",
        "\u{7F}",
        "\r\n",
        " ",
        "drop table users",
        "NULL",
        "null",
        "0",
    ];
    prop_oneof![
        20 => characters,
        10 => vec(select(pieces), 0..8).prop_map(|pieces| pieces.concat()),
        10 => select(INJECTIONS.to_vec()).prop_map(ToOwned::to_owned),
        1 => (any::<char>(), 1..=1_000_000_usize).prop_map(|(c, bytes)| c.to_string().repeat(bytes / c.len_utf8())),
        1 => (any::<String>(), any::<String>()).prop_map(|(before, behind)| format!("{before}\0{behind}")),
    ]
}

pub fn is_bad_text(text: &str) -> bool {
    text.contains('\0')
}

pub fn is_bad(text: Option<&String>) -> bool {
    text.is_some_and(|text| is_bad_text(text))
}

/// The first second of PostgreSQL's calendar. Julian day 0 begins at noon, and PostgreSQL's limit is the midnight before.
pub fn earliest() -> DateTime<Utc> {
    "-4713-11-24T00:00:00Z".parse().expect("a time")
}

/// A time anywhere in chrono's calendar, or near the beginning or end of a calendar. Nanoseconds of one second and more stand
/// for a leap second.
pub fn time() -> impl Strategy<Value = DateTime<Utc>> {
    let seconds = DateTime::<Utc>::MIN_UTC.timestamp()..=DateTime::<Utc>::MAX_UTC.timestamp();
    let any = (seconds, 0..2_000_000_000_u32)
        .prop_filter_map("no time", |(seconds, nanoseconds)| DateTime::from_timestamp(seconds, nanoseconds));
    let about = |time: DateTime<Utc>| {
        let nearby = prop_oneof![-5_000..5_000_i64, -5_000_000_000..5_000_000_000_i64];
        nearby.prop_filter_map("no time", move |n| time.checked_add_signed(TimeDelta::nanoseconds(n)))
    };
    prop_oneof![
        4 => (0..4_000_000_000_i64, 0..1_000_000_000_u32).prop_filter_map("no time", |(s, n)| DateTime::from_timestamp(s, n)),
        2 => any,
        1 => about(earliest()),
        1 => about(DateTime::UNIX_EPOCH),
        1 => select(vec![DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC]),
    ]
}

pub fn is_bad_time(time: Option<DateTime<Utc>>) -> bool {
    time.is_some_and(|time| time < earliest())
}

/// PostgreSQL stores whole microseconds and rounds finer times towards the year 2000.
pub fn is_stored_as(given: Option<DateTime<Utc>>, stored: Option<DateTime<Utc>>) -> bool {
    match (given, stored) {
        (Some(given), Some(stored)) => (nanoseconds(given) - nanoseconds(stored)).abs() < 1_000,
        (given, stored) => given == stored,
    }
}

/// Nanoseconds without leap seconds: chrono's own difference counts them, PostgreSQL does not.
fn nanoseconds(time: DateTime<Utc>) -> i128 {
    i128::from(time.timestamp()) * 1_000_000_000 + i128::from(time.timestamp_subsec_nanos())
}

/// JSON text of a string, with invalid escapes and characters that cannot be stored.
fn json_string() -> impl Strategy<Value = String> {
    let pieces =
        vec!["a", "b", r"\u0061", r"\\", r#"\""#, r"\/", r"\n", r"\ud83d\ude00", r"\\u0000", "é", "😀", r"\uffff"];
    let bad = vec![r"\u0000", r"\ud83d", r"\uDE00", r"\\\u0000"];
    let good = vec(select(pieces), 0..4).prop_map(|pieces| format!("\"{}\"", pieces.concat()));
    prop_oneof![
        20 => good.clone(),
        10 => text().prop_map(|text| serde_json::to_string(&text).expect("a text is JSON")),
        1 => (good, select(bad)).prop_map(|(string, bad)| format!("{}{bad}\"", &string[..string.len() - 1])),
    ]
}

fn json_number() -> impl Strategy<Value = String> {
    let strange = vec![
        "-0",
        "1.00",
        "1E+2",
        "0.1e-5",
        "1e400",
        "-1e400",
        "1e-400",
        "1e998",
        "0e998",
        "9007199254740993",
        "123456789012345678901234567890.10",
        "1e999",
        "1e-1000",
        "1e16383",
        "1e131072",
        "1e-16384",
        "1e99999999999999999999",
    ];
    prop_oneof![
        4 => any::<i64>().prop_map(|number| number.to_string()),
        2 => any::<f64>().prop_filter("JSON has none", |f| f.is_finite()).prop_map(|number| format!("{number:e}")),
        2 => select(strange).prop_map(ToOwned::to_owned),
        1 => (1..1_100_usize, 0..1_100_usize).prop_map(|(n, m)| format!("{}.{}1", "9".repeat(n), "0".repeat(m))),
    ]
}

fn object_of(value: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    let spaces = select(vec!["", " ", "\n\t\r"]);
    (vec((json_string(), value), 0..5), spaces).prop_map(|(entries, space)| {
        let entries: Vec<_> = entries.into_iter().map(|(key, value)| format!("{key}{space}:{value}")).collect();
        format!("{space}{{{}}}", entries.join(&format!("{space},")))
    })
}

/// JSON text of any value.
pub fn json() -> impl Strategy<Value = String> {
    let literal = select(vec!["null", "true", "false", "[]", "{}"]).prop_map(ToOwned::to_owned);
    let leaf = prop_oneof![json_string(), json_number(), literal];
    leaf.prop_recursive(4, 16, 5, |inner| {
        let array = vec(inner.clone(), 0..5).prop_map(|elements| format!("[{}]", elements.join(", ")));
        prop_oneof![array, object_of(inner)]
    })
}

/// JSON text, mostly of an object; sometimes many levels deep.
pub fn json_object() -> impl Strategy<Value = String> {
    let deep = (1..4_000_usize, any::<bool>()).prop_map(|(levels, arrays)| {
        let (open, close) = if arrays { ("[", "]") } else { (r#"{"a":"#, "}") };
        format!(r#"{{"deep": {}1{}}}"#, open.repeat(levels), close.repeat(levels))
    });
    prop_oneof![12 => object_of(json()), 1 => json(), 1 => deep]
}

pub fn settings() -> impl Strategy<Value = Settings> {
    json_object().prop_map(|text| text.parse().expect("the text is JSON"))
}

pub fn user() -> impl Strategy<Value = UserSnapshot> {
    (id(), option::of(text()), option::of(text()), option::of(text()), option::of(time())).prop_map(
        |(id, username, global_name, avatar, last_login_at)| {
            changed!(UserSnapshot::new(id.into(), ""), username, global_name, avatar, last_login_at)
        },
    )
}

/// A guild without channels. Its owner is missing, user 1 or any user.
pub fn guild() -> impl Strategy<Value = GuildSnapshot> {
    let owner = prop_oneof![2 => Just(None), 2 => Just(Some(1)), 1 => id().prop_map(Some)];
    (id(), text(), option::of(text()), owner, option::of(time())).prop_map(|(id, name, icon, owner, joined_at)| {
        changed!(GuildSnapshot::new(id.into(), name), icon, owner_user_id = owner.map(Into::into), joined_at)
    })
}

pub fn channel() -> impl Strategy<Value = ChannelSnapshot> {
    (id(), option::of(text()), option::of(text()), any::<bool>(), option::of(settings())).prop_map(
        |(id, name, kind, is_nsfw, settings_overrides)| {
            changed!(ChannelSnapshot::new(id.into(), "", ""), name, kind, is_nsfw, settings_overrides)
        },
    )
}

/// The fields to which an input gives always the same value.
fn constant<T: Debug>(input: impl Strategy<Value = T>) -> BTreeSet<String> {
    let mut runner = TestRunner::deterministic();
    let mut any = || fields(&input.new_tree(&mut runner).expect("there is an input").current());
    let first = any();
    let others: Vec<_> = (0..50).map(|_| any()).collect();
    first
        .into_iter()
        .filter(|(name, value)| others.iter().all(|other| other[name] == *value))
        .map(|(name, _)| name)
        .collect()
}

#[test]
fn every_field_of_a_snapshot_is_given_different_values() {
    let else_untested = "give the field different values above";
    assert_eq!(constant(user()), BTreeSet::new(), "{else_untested}");
    assert_eq!(constant(guild()), BTreeSet::from(["channels".to_owned()]), "{else_untested}");
    assert_eq!(constant(channel()), BTreeSet::new(), "{else_untested}");
}

/// A number that is added to a counter.
pub fn amount() -> impl Strategy<Value = i64> + Clone {
    prop_oneof![-1_000..1_000_i64, any::<i64>(), select(vec![i64::MIN, -1, 0, 1, i64::MAX])]
}
