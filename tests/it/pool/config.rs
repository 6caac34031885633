//! The configuration and its sources.

use std::collections::HashMap;
use std::time::Duration;

use clip_saver_db::{Config, Error, SslMode};

pub fn config(variables: &[(&str, &str)]) -> Result<Config, Error> {
    let variables: HashMap<_, _> = variables.iter().copied().collect();
    Config::from_lookup(|name| variables.get(name).map(ToString::to_string))
}

pub fn shown(variables: &[(&str, &str)]) -> String {
    config(variables).unwrap().to_string()
}

/// The name of this test program.
fn executable() -> String {
    std::env::current_exe().unwrap().file_stem().unwrap().to_str().unwrap().to_owned()
}

#[test]
fn the_python_defaults_hold_without_variables() {
    assert_eq!(
        shown(&[]),
        format!(
            "host=localhost port=5432 user=postgres password=******** dbname=postgres sslmode=prefer \
             application_name={} pool_max=10 connect_timeout=30s acquire_timeout=10s statement_timeout=60s \
             idle_in_transaction_timeout=60s max_lifetime=1800s migration_timeout=300s max_batch_bytes=67108864 \
             max_settings_bytes=262144 slow_query=1s prepared_statements=auto schema=public",
            executable()
        )
    );
}

#[test]
fn postgres_dsn_comes_before_database_url_and_both_before_the_single_variables() {
    let dsn = ("POSTGRES_DSN", "postgresql://a@one/x");
    let url = ("DATABASE_URL", "postgresql://a@two/x");
    let host = ("POSTGRES_HOST", "three");
    let old_host = ("DB_HOST", "four");

    assert!(shown(&[dsn, url, host, old_host]).contains("host=one"));
    assert!(shown(&[url, host, old_host]).contains("host=two"));
    assert!(shown(&[host, old_host]).contains("host=three"));
    assert!(shown(&[old_host]).contains("host=four"));
}

#[test]
fn each_single_variable_has_two_names() {
    for prefix in ["POSTGRES", "DB"] {
        let database = if prefix == "DB" { "DB_NAME" } else { "POSTGRES_DB" };
        let [host, port, user] = ["HOST", "PORT", "USER"].map(|part| format!("{prefix}_{part}"));

        let shown = shown(&[(&host, "h"), (&port, "1"), (&user, "u"), (database, "d")]);

        assert!(shown.starts_with("host=h port=1 user=u password=******** dbname=d "), "{shown}");
    }
}

#[test]
fn an_empty_variable_counts_as_not_set() {
    assert!(shown(&[("POSTGRES_DSN", ""), ("POSTGRES_HOST", ""), ("DB_HOST", "four")]).contains("host=four"));
}

#[test]
fn the_pool_and_the_timeouts_can_be_set_by_variables() {
    let config = config(&[
        ("DB_POOL_MAX", "3"),
        ("DB_CONNECT_TIMEOUT", "4"),
        ("DB_ACQUIRE_TIMEOUT", "0.5"),
        ("DB_STATEMENT_TIMEOUT", "0"),
        ("DB_IDLE_IN_TRANSACTION_TIMEOUT", "20"),
        ("DB_MAX_LIFETIME", "0"),
        ("DB_MIGRATION_TIMEOUT", "0"),
        ("DB_MAX_BATCH_BYTES", "1000"),
        ("DB_MAX_SETTINGS_BYTES", "100"),
        ("DB_SLOW_QUERY_MS", "250"),
    ])
    .unwrap();

    assert_eq!(config.pool_max, 3);
    assert_eq!(config.connect_timeout, Duration::from_secs(4));
    assert_eq!(config.acquire_timeout, Duration::from_millis(500));
    assert_eq!(config.statement_timeout, None);
    assert_eq!(config.idle_in_transaction_timeout, Some(Duration::from_secs(20)));
    assert_eq!((config.max_lifetime, config.migration_timeout), (None, None));
    assert_eq!((config.max_batch_bytes, config.max_settings_bytes), (1_000, 100));
    assert_eq!(config.slow_query, Some(Duration::from_millis(250)));
}

#[test]
fn the_connection_string_can_set_the_programs_name_on_the_server() {
    assert!(
        shown(&[("DATABASE_URL", "postgresql://h/d?application_name=worker")]).contains(" application_name=worker ")
    );
}

#[test]
fn migrations_can_have_their_own_address_whose_password_is_also_hidden() {
    let migration =
        ("DB_MIGRATION_URL", "postgresql://owner:hush@db:5433/clips?sslmode=verify-ca&sslrootcert=/root.pem");
    let url = ("DATABASE_URL", "postgresql://bot:secret@pooler/clips");

    let shown = shown(&[url, migration]);

    let expected = "migration_host=db migration_port=5433 migration_user=owner migration_password=******** \
                    migration_dbname=clips migration_sslmode=verify-ca migration_sslrootcert=/root.pem";
    assert!(shown.contains(expected) && shown.contains(" user=bot ") && !shown.contains("hush"), "{shown}");
}

#[test]
fn a_wrong_value_gives_an_error_that_names_the_variable() {
    for (variable, value) in [
        ("POSTGRES_DSN", "mysql://root@db/x"),
        ("POSTGRES_DSN", "postgresql:///x"),
        ("DATABASE_URL", "postgresql://db/x?sslmode=verify"),
        ("DATABASE_URL", "postgresql://db/x?sslrootcert=system&sslmode=require"),
        ("DATABASE_URL", "host=db colour=red"),
        ("DATABASE_URL", "host='db"),
        ("DB_MIGRATION_URL", "mysql://root@db/x"),
        ("POSTGRES_PORT", "70000"),
        ("DB_PORT", "x"),
        ("DATABASE_URL", "postgresql://db/x?connect_timeout=9223372036854775807"),
        ("DB_POOL_MAX", "0"),
        ("DB_POOL_MAX", "1000000000000000"),
        ("DB_POOL_MAX", "-1"),
        ("DB_CONNECT_TIMEOUT", "soon"),
        ("DB_CONNECT_TIMEOUT", "0"),
        ("DB_ACQUIRE_TIMEOUT", "-1"),
        ("DB_STATEMENT_TIMEOUT", "1e300"),
        ("DB_STATEMENT_TIMEOUT", "NaN"),
        ("DB_IDLE_IN_TRANSACTION_TIMEOUT", "never"),
        ("DB_MAX_LIFETIME", "-5"),
        ("DB_MIGRATION_TIMEOUT", "5min"),
        ("DB_MAX_BATCH_BYTES", "1000000000000"),
        ("DB_MAX_SETTINGS_BYTES", "256k"),
        ("DB_SLOW_QUERY_MS", "1.5"),
    ] {
        let error = config(&[(variable, value)]).unwrap_err();
        let named = if value.contains("connect_timeout") { "DB_CONNECT_TIMEOUT" } else { variable };
        assert!(error.to_string().starts_with(named), "{variable}={value}: {error}");
    }
}

#[test]
fn ssl_mode_and_certificates_are_read_from_urls_and_pairs() {
    for dsn in [
        "postgresql://a:b@h/d?application_name=x&sslmode=verify-full&sslrootcert=%2Fetc%2Fmy%20root.pem&sslcert=/c&sslkey=/k",
        "postgres://a:b@h/d?sslkey=/k&sslrootcert=/etc/my%20root.pem&sslcert=%2Fc&sslmode=verify-full",
        "host=h user=a password=b dbname=d sslmode=verify-full sslrootcert='/etc/my root.pem' sslcert=/c sslkey=/k",
        r"sslkey = /k sslcert=/c sslrootcert = /etc/my\ root.pem sslmode = verify-full host=h user=a password='b' dbname=d",
    ] {
        let config: Config = dsn.parse().unwrap();
        assert_eq!(config.ssl_mode(), SslMode::VerifyFull);
        let shown = config.to_string();
        let expected = "host=h port=5432 user=a password=******** dbname=d sslmode=verify-full \
                        sslrootcert=/etc/my root.pem sslcert=/c sslkey=/k ";
        assert!(shown.starts_with(expected), "{dsn}: {shown}");
    }
}

#[test]
fn sslrootcert_system_means_verify_full_as_in_libpq() {
    let config: Config = "postgresql://h/d?sslrootcert=system".parse().unwrap();

    assert_eq!(config.ssl_mode(), SslMode::VerifyFull);
}

#[test]
fn timeouts_in_the_connection_string_are_used() {
    let config: Config = "postgresql://h/d?connect_timeout=7".parse().unwrap();

    assert_eq!(config.connect_timeout, Duration::from_secs(7));
}

#[test]
fn the_ssl_mode_of_a_url_is_found_however_the_url_is_written() {
    for dsn in ["postgresql://u:pa?ss@h/db?sslmode=require", "postgresql://u@h/db?a=1&ssl%6dode=require"] {
        let config = dsn.replace("a=1&", "connect_timeout=1&").parse::<Config>().unwrap();
        assert_eq!(config.ssl_mode(), SslMode::Require, "{dsn}");
    }
}

#[test]
fn a_password_that_is_not_encoded_is_refused_and_not_mistaken_for_a_host() {
    for dsn in ["postgresql://u:hunter@2@h/db", "postgresql://localhost/db?application_name=hunter@2"] {
        let error = dsn.parse::<Config>().unwrap_err().to_string();
        assert!(error.contains("%40") && !error.contains("hunter"), "{error}");
    }
}

#[test]
fn the_configuration_and_its_errors_never_show_the_password() {
    for dsn in ["postgresql://bot:hunter2@h/d", "host=h user=bot password=hunter2", "host=h password='hunter2'"] {
        let config: Config = dsn.parse().unwrap();
        assert!(!format!("{config} {config:?} {config:#?}").contains("hunter2"), "{dsn}");
    }
    for broken in ["postgresql://bot:hunter2@h/d?sslmode=x", "host=h password=hunter2 sslmode=x", "x://bot:hunter2@h"] {
        let error = broken.parse::<Config>().unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
    }
}

#[test]
fn a_password_may_look_like_a_url() {
    let config: Config = "host=h password=a://b".parse().unwrap();

    assert!(config.to_string().starts_with("host=h "), "{config}");
}
