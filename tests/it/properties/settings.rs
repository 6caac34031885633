//! The settings of guilds and channels: any JSON.

use clip_saver_db::{Settings, repositories as db};
use proptest::option;

use super::strategies::{json, settings};
use super::{Subject, check_property};
use crate::support::{channel, guild};
use crate::types::invariants::has_whole_text;

/// Whether settings must be stored. Others must be refused.
pub fn is_storable(settings: &Settings) -> bool {
    settings.is_object() && has_whole_text(settings.as_str()) && is_within_limits(settings.as_str())
}

/// At most 256 KiB, 2,000 levels, and numbers of at most 1,000 digits, exponents written out.
fn is_within_limits(json: &str) -> bool {
    let without_strings: Vec<_> =
        json.replace(r"\\", "").replace("\\\"", "").split('"').step_by(2).map(String::from).collect();
    let bare = without_strings.join(" ");
    let depth = |depth: &mut i32, c: char| {
        *depth += i32::from("[{".contains(c)) - i32::from("]}".contains(c));
        Some(*depth)
    };
    let digits = |number: &str| {
        let (mantissa, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
        let exponent: f64 = exponent.parse().unwrap_or_default();
        exponent.abs() + f64::from(u32::try_from(mantissa.len()).expect("the text is short"))
    };
    let is_short = json.len() <= 256 << 10;
    let numbers = bare.split(|c: char| !c.is_ascii_digit() && !"+-.eE".contains(c));
    is_short
        && bare.chars().scan(0, depth).all(|depth| depth <= 2_000)
        && numbers.map(digits).all(|digits| digits <= 1_000.0)
}

async fn are_equal(subject: &Subject, one: &str, other: &str) -> bool {
    subject.is_true("$1::text::jsonb = $2::text::jsonb", &[&one, &other]).await
}

/// Whether PostgreSQL accepts a text as jsonb.
async fn is_jsonb(subject: &Subject, text: &str) -> bool {
    subject.sql.query_one("select $1::text::jsonb is not null", &[&text]).await.is_ok()
}

/// Whether a stored value is the result of merging overrides in order.
pub async fn merged(subject: &Subject, overrides: impl Iterator<Item = &Settings>, stored: String) -> bool {
    let mut expected = "{}".to_owned();
    for overrides in overrides {
        expected = merge(subject, expected, overrides).await;
    }
    are_equal(subject, &expected, &stored).await
}

async fn merge(subject: &Subject, stored: String, patch: &Settings) -> String {
    const MERGE: &str =
        "select case when jsonb_typeof($1::text::jsonb) = 'object' then $1::text::jsonb || $2::text::jsonb
        else $2::text::jsonb end::text";
    subject.row(MERGE, &[&stored, &patch.as_str()]).await.get(0)
}

/// The settings that must be stored after a call: the old ones if the given settings cannot be stored, else the function's
/// result. Also checks what the call returned.
async fn expected_after(
    subject: &Subject,
    (field, given): (&str, &Settings),
    result: Result<Option<Settings>, String>,
    stored: Option<String>,
    apply: impl AsyncFnOnce(Option<String>) -> Option<String>,
) -> Option<String> {
    if !is_storable(given) {
        assert_eq!(result.err().as_deref(), Some(field));
        return stored;
    }
    let expected = apply(stored).await;
    match (result.expect("the value can be stored"), &expected) {
        (Some(answer), Some(expected)) => assert!(are_equal(subject, answer.as_str(), expected).await),
        (answer, expected) => assert_eq!((answer.is_some(), expected.is_some()), (false, false)),
    }
    expected
}

async fn stores(subject: &Subject, table: &str, expected: Option<String>) -> bool {
    let expected = expected.unwrap_or("{}".into());
    let stored = format!("coalesce((select settings from {table}), '{{}}') = $1::text::jsonb");
    subject.is_true(&stored, &[&expected]).await
}

#[test]
fn any_settings_of_a_guild_are_created_merged_and_replaced_or_refused() {
    let input = (option::of(json()), settings(), settings(), settings());
    check_property(48, &input, async |subject, (mut stored, defaults, patch, new)| {
        let insert =
            "insert into guild_settings select '1', left_there::jsonb from (select $1::text) as t (left_there)";
        if let Some(left) = &stored
            && subject.sql.execute(insert, &[left]).await.is_err()
        {
            stored = None;
        }
        let ensured = subject.call(db::ensure_guild_settings(&**subject, 1.into(), &defaults)).await;
        let ensured = ensured.map(|row| Some(row.settings));
        stored = expected_after(subject, ("defaults", &defaults), ensured, stored, async |stored| {
            stored.or(Some(defaults.to_string()))
        })
        .await;
        let updated = subject.call(db::update_guild_settings(&**subject, 1.into(), &patch)).await;
        let updated = updated.map(|row| row.map(|row| row.settings));
        stored = expected_after(subject, ("patch", &patch), updated, stored, async |stored| {
            Some(merge(subject, stored?, &patch).await)
        })
        .await;
        let read = subject.call(db::get_guild_settings(&**subject, 1.into())).await.unwrap();
        assert_eq!(read.is_some(), stored.is_some());
        assert!(stores(subject, "guild_settings", stored.clone()).await);
        let set = subject.call(db::set_guild_settings(&**subject, 1.into(), &new)).await;
        let set = set.map(|row| Some(row.settings));
        stored = expected_after(subject, ("settings", &new), set, stored, async |_| Some(new.to_string())).await;
        assert!(stores(subject, "guild_settings", stored).await);
    });
}

#[test]
fn any_settings_of_a_channel_are_merged_and_replaced_or_refused() {
    check_property(48, &(json(), settings(), settings()), async |subject, (left, patch, new)| {
        let guild = guild(subject, 1).await;
        let channel = channel(subject, guild, 1).await;
        let insert = "update bot_channels set settings = $1::text::jsonb";
        let stored = if subject.sql.execute(insert, &[&left]).await.is_ok() { left } else { "{}".into() };

        let updated = subject.call(db::update_channel_settings(&**subject, channel, &patch)).await;
        let updated = updated.map(|row| row.map(|row| row.settings));
        let stored = expected_after(subject, ("patch", &patch), updated, Some(stored), async |stored| {
            Some(merge(subject, stored?, &patch).await)
        })
        .await;
        assert!(stores(subject, "bot_channels", stored.clone()).await);
        let set = subject.call(db::set_channel_settings(&**subject, channel, &new)).await;
        let set = set.map(|row| row.map(|row| row.settings));
        let stored = expected_after(subject, ("settings", &new), set, stored, async |_| Some(new.to_string())).await;
        assert!(stores(subject, "bot_channels", stored).await);
    });
}

#[test]
fn settings_within_the_limits_are_refused_only_if_postgresql_could_not_store_them() {
    check_property(96, &settings(), async |subject, settings| {
        if !is_storable(&settings) && settings.is_object() && is_within_limits(settings.as_str()) {
            assert!(!is_jsonb(subject, settings.as_str()).await);
        }
    });
}
