//! The settings type: it compares as jsonb does, and its values can be read.

use clip_saver_db::{ErrorKind, Settings, repositories as db};
use serde_json::{Value, json};

use crate::support::{TestDatabase, connect, json as settings, value};

const EQUAL: [(&str, &str); 31] = [
    ("{}", "{ }"),
    ("[]", "[ ]"),
    ("null", "null"),
    ("1.0", "1.00"),
    ("1", "1.0"),
    ("1e2", "100"),
    ("1E+2", "100.0"),
    ("1e-2", "0.01"),
    ("0.00100", "1e-3"),
    ("120e-1", "12"),
    ("-1.50", "-1.5"),
    ("-0", "0"),
    ("-0.0e5", "0"),
    ("0e9", "0.000"),
    ("1e400", "10e399"),
    ("1e400", "0.1e401"),
    ("12345678901234567890123456789", "12345678901234567890123456789.0"),
    ("0.1234567890123456789012345678901234567890", "1234567890123456789012345678901234567890e-40"),
    (r#"{"a": 1, "b": 2}"#, r#"{"b":2,"a":1}"#),
    (r#"{"a": 1, "a": 2}"#, r#"{"a": 2}"#),
    (r#"{"a": 1, "b": 0, "a": 2}"#, r#"{"a": 2.0, "b": -0}"#),
    (r#"{"a": {"x": 1}, "a": {"y": 1}}"#, r#"{"a": {"y": 1}}"#),
    (r#"{"\u0061": 1, "a": 2}"#, r#"{"a": 2}"#),
    (r#"{"a": {"b": [1, {"c": 1.0}]}}"#, r#"{"a": {"b": [1.0, {"c": 1}]}}"#),
    ("[1, [2, [3.0]]]", "[1.0,[2.0,[3]]]"),
    (r#""A""#, r#""\u0041""#),
    (r#""\u00e9""#, r#""é""#),
    (r#""\/""#, r#""/""#),
    (r#""\n""#, r#""\u000a""#),
    (r#""\ud83d\ude00""#, r#""😀""#),
    (r#"{"\ud83d\ude00": "\uD83D\uDE00"}"#, r#"{"😀": "😀"}"#),
];

const UNEQUAL: [(&str, &str); 31] = [
    ("{}", "[]"),
    ("{}", "null"),
    ("null", "false"),
    ("null", "0"),
    ("true", "false"),
    ("1", "true"),
    ("1", r#""1""#),
    ("1", "2"),
    ("1", "-1"),
    ("1", "10"),
    ("1", "0.1"),
    ("12", "1.2"),
    ("101", "11"),
    ("0.01", "0.1"),
    ("1e400", "1e401"),
    ("1e400", "-1e400"),
    ("1e-400", "0"),
    ("9007199254740993", "9007199254740992"),
    ("12345678901234567890123456789", "12345678901234567890123456788"),
    (r#"{"a": 1}"#, r#"{"a": 2}"#),
    (r#"{"a": 1}"#, r#"{"b": 1}"#),
    (r#"{"a": 1}"#, r#"{"a": 1, "b": null}"#),
    (r#"{"a": 1, "a": 2}"#, r#"{"a": 1}"#),
    (r#"{"a": {"b": {"c": 1}}}"#, r#"{"a": {"b": {"c": 2}}}"#),
    ("[1, 2]", "[2, 1]"),
    ("[1]", "[1, 1]"),
    ("[[1]]", "[1]"),
    (r#""a""#, r#""A""#),
    (r#""a""#, r#""a ""#),
    (r#""é""#, r#""e\u0301""#),
    (r#""\\n""#, r#""\n""#),
];

/// Whether the two are equal as jsonb.
async fn equal_as_jsonb(client: &tokio_postgres::Client, left: &str, right: &str) -> bool {
    value(client, &format!("select $${left}$$::jsonb = $${right}$$::jsonb")).await.as_deref() == Some("t")
}

#[tokio::test]
async fn settings_are_equal_exactly_if_their_jsonb_values_are_equal() {
    let database = TestDatabase::new().await;
    let client = connect(&database.url()).await;
    let pairs = EQUAL.map(|pair| (pair, true)).into_iter().chain(UNEQUAL.map(|pair| (pair, false)));
    for ((left, right), equal) in pairs {
        assert_eq!(equal_as_jsonb(&client, left, right).await, equal, "PostgreSQL: {left} {right}");
        assert_eq!(settings(left) == settings(right), equal, "{left} {right}");
        assert_eq!(settings(right) == settings(left), equal, "{right} {left}");
    }
}

#[tokio::test]
async fn any_two_values_compare_as_in_postgresql() {
    let database = TestDatabase::new().await;
    let client = connect(&database.url()).await;
    let all: Vec<&str> = EQUAL.iter().chain(&UNEQUAL).flat_map(|(left, right)| [*left, *right]).collect();
    let array = all.iter().map(|text| format!("$${text}$$")).collect::<Vec<_>>().join(", ");

    for left in &all {
        let sql = format!(
            "select string_agg(($${left}$$::jsonb = t.x::jsonb)::int::text, '' order by n)
            from unnest(array[{array}]) with ordinality as t (x, n)"
        );
        let expected = value(&client, &sql).await.unwrap();
        let ours: String = all.iter().map(|right| if settings(left) == settings(right) { '1' } else { '0' }).collect();
        assert_eq!(ours, expected, "{left}");
    }
}

#[test]
fn numbers_and_nesting_beyond_postgresql_are_compared_by_value_too() {
    assert_eq!(settings("1e999999999"), settings("10.0e999999998"));
    assert_ne!(settings("1e999999999"), settings("1e-999999999"));
    assert_ne!(settings("1e99999999999999999999"), settings("1e99999999999999999998"));
    assert_eq!(settings("0e99999999999999999999"), settings("-0.0"));

    let deep = |end| settings(&format!("{}{end}{}", "[".repeat(4_000), "]".repeat(4_000)));
    assert_eq!(deep("1"), deep("1.0"));
}

#[tokio::test]
async fn settings_that_are_read_back_equal_the_stored_ones() {
    let database = TestDatabase::new().await;
    for object in EQUAL.iter().chain(&UNEQUAL).flat_map(|(left, right)| [left, right]) {
        let stored = settings(&format!(r#"{{"value": {object}, "list": [{object}]}}"#));

        let read = db::set_guild_settings(&*database, 1.into(), &stored).await.unwrap();

        assert_eq!(read.settings, stored);
    }
}

#[test]
fn get_returns_the_value_of_a_top_level_key() {
    let settings = settings(r#"{"prefix": "!", "max": 60, "off": null, "clip": {"max": 5}, "\u00e9": [1]}"#);

    assert_eq!(settings.get::<String>("prefix").unwrap().as_deref(), Some("!"));
    assert_eq!(settings.get::<u8>("max").unwrap(), Some(60));
    assert_eq!(settings.get::<Option<u8>>("off").unwrap(), Some(None));
    assert_eq!(settings.get::<Value>("clip").unwrap(), Some(json!({"max": 5})));
    assert_eq!(settings.get::<Vec<u8>>("é").unwrap(), Some(vec![1]));
    assert_eq!(settings.get::<Value>("absent").unwrap(), None);
}

#[test]
fn get_of_a_value_of_another_type_gives_an_error_that_names_the_key() {
    let error = settings(r#"{"max": "sixty"}"#).get::<u8>("max").unwrap_err();

    assert_eq!((error.kind(), error.field()), (ErrorKind::UnreadableSettings, Some("max")));
    assert!(error.to_string().contains(r#"under "max""#), "{error}");
}

#[test]
fn get_returns_none_for_settings_that_are_not_an_object() {
    for text in ["[]", r#"["a"]"#, r#""a""#, "1", "true", "null"] {
        assert_eq!(settings(text).get::<Value>("a").unwrap(), None, "{text}");
        assert!(!settings(text).is_object(), "{text}");
    }
}

#[test]
fn parse_returns_the_whole_value_or_a_typed_error() {
    assert_eq!(settings(r#"{"a": [1]}"#).parse::<Value>().unwrap(), json!({"a": [1]}));

    let error = settings("[1]").parse::<u8>().unwrap_err();
    assert_eq!((error.kind(), error.field()), (ErrorKind::UnreadableSettings, None));
}

#[test]
fn text_that_is_not_json_is_refused() {
    for text in ["", "{", "{} {}", "{'a': 1}", "{\"a\": 01}", "nul", "NaN", "{\"a\": }"] {
        let error = text.parse::<Settings>().unwrap_err();
        assert_eq!((error.kind(), error.field()), (ErrorKind::InvalidInput, Some("settings")), "{text:?}: {error:?}");
    }
}

#[test]
fn the_default_is_an_empty_object() {
    assert_eq!(Settings::default().as_str(), "{}");
}

#[test]
fn settings_can_be_made_from_objects_only() {
    assert_eq!(Settings::try_from(json!({"a": 1})).unwrap(), settings(r#"{"a": 1}"#));
    assert_eq!(Settings::from_serialize(&json!({"a": 1})).unwrap(), settings(r#"{"a": 1}"#));
    for value in [json!([]), json!("a"), json!(1), json!(null)] {
        let error = Settings::try_from(value).unwrap_err();
        assert_eq!((error.kind(), error.field()), (ErrorKind::InvalidInput, Some("settings")), "{error:?}");
    }
}

#[test]
fn settings_pass_through_serde_unchanged() {
    let text = r#"{"b": 1.00, "a": 1e400}"#;

    let read: Settings = serde_json::from_str(text).unwrap();

    assert_eq!(read.as_str(), text);
    assert_eq!(serde_json::to_string(&read).unwrap(), text);
}

/// Settings that an older program may have stored: `serde_json` cannot parse a value of theirs, next to an ordinary key.
fn strange() -> [String; 3] {
    let deep = 1000;
    [
        format!(r#"{{"prefix": "!", "strange": {}{}}}"#, "[".repeat(deep), "]".repeat(deep)),
        format!(r#"{{"prefix": "!", "strange": {}1{}}}"#, r#"{"a":"#.repeat(deep), "}".repeat(deep)),
        r#"{"prefix": "!", "strange": 1e400}"#.into(),
    ]
}

#[tokio::test]
async fn settings_that_serde_json_cannot_parse_are_read_without_loss() {
    let database = TestDatabase::new().await;
    for strange in strange() {
        database.execute(&format!("insert into guild_settings values ('1', '{strange}')")).await;

        let read = db::get_guild_settings(&*database, 1.into()).await.unwrap().unwrap().settings;

        assert_eq!(read.as_str(), database.text("delete from guild_settings returning settings").await);
        assert_eq!(read, settings(&strange));
    }
}

#[test]
fn settings_that_serde_json_cannot_parse_can_be_compared_cloned_and_printed() {
    for strange in strange() {
        let settings = settings(&strange);

        assert_eq!(settings.clone(), settings);
        assert_ne!(settings, Settings::default());
        assert_eq!(settings.to_string(), strange);
        assert_eq!(format!("{settings:?}"), format!("Settings({strange})"));
        let respaced: Settings = strange.replace(':', ": ").replace('[', "[ ").parse().unwrap();
        assert_eq!(respaced, settings);
    }
}

#[test]
fn get_returns_a_key_next_to_a_value_that_serde_json_cannot_parse() {
    for strange in strange() {
        let settings = settings(&strange);

        assert_eq!(settings.get::<String>("prefix").unwrap().as_deref(), Some("!"));
        let error = settings.get::<Value>("strange").unwrap_err();
        assert_eq!((error.kind(), error.field()), (ErrorKind::UnreadableSettings, Some("strange")));
        let error = settings.parse::<Value>().unwrap_err();
        assert_eq!((error.kind(), error.field()), (ErrorKind::UnreadableSettings, None));
    }
}
