//! Connection strings as other drivers and ORMs write them, and the options of libpq.

use clip_saver_db::{Config, SslMode};

fn refusal(dsn: &str) -> String {
    dsn.parse::<Config>().unwrap_err().to_string()
}

#[test]
fn a_drivers_name_in_the_scheme_is_ignored() {
    for scheme in [
        "postgres",
        "postgresql",
        "asyncpg",
        "psycopg",
        "psycopg2",
        "postgresql+psycopg",
        "postgresql+psycopg2",
        "postgresql+asyncpg",
        "postgres+asyncpg",
    ] {
        let config: Config = format!("{scheme}://u:hunter2@h:1/d?ssl=verify-full").parse().unwrap();
        let shown = config.to_string();
        assert!(shown.starts_with("host=h port=1 user=u password=******** dbname=d sslmode=verify-full "), "{shown}");
    }
}

#[test]
fn another_scheme_is_refused_with_the_right_ones() {
    for dsn in
        ["mysql://u:hunter2@h/d", "jdbc:postgresql://h/d?password=hunter2", "u:hunter2@h/d", "mysql+postgresql://h"]
    {
        let error = refusal(dsn);
        assert!(
            error.contains("must start with postgresql:// or postgres://") && !error.contains("hunter2"),
            "{error}"
        );
    }
}

#[test]
fn ssl_of_asyncpg_and_jdbc_is_taken_for_sslmode() {
    for (value, mode) in [
        ("true", SslMode::Require),
        ("false", SslMode::Disable),
        ("prefer", SslMode::Prefer),
        ("verify-full", SslMode::VerifyFull),
    ] {
        assert_eq!(format!("postgresql://h/d?ssl={value}").parse::<Config>().unwrap().ssl_mode(), mode);
        let both: Config = format!("postgresql://h/d?sslmode=verify-full&ssl={value}").parse().unwrap();
        assert_eq!(both.ssl_mode(), SslMode::VerifyFull, "sslmode counts");
    }
}

#[test]
fn an_option_of_another_driver_or_orm_is_refused_with_the_variable_to_use() {
    for (names, variable) in [
        ("min_size max_size minsize maxsize pool_size connection_limit", "DB_POOL_MAX"),
        ("pool_timeout", "DB_ACQUIRE_TIMEOUT"),
        ("max_inactive_connection_lifetime", "DB_MAX_LIFETIME"),
        ("command_timeout socket_timeout statement_timeout", "DB_STATEMENT_TIMEOUT"),
        ("statement_cache_size prepared_statement_cache_size pgbouncer", "DB_PREPARED_STATEMENTS"),
        ("schema currentSchema", "DB_SCHEMA"),
        ("timeout", "connect_timeout"),
        ("sslaccept", "sslmode"),
        ("database", "dbname"),
    ] {
        for name in names.split(' ') {
            for dsn in [format!("postgresql://u:hunter2@h/d?{name}=1"), format!("host=h password=hunter2 {name}=1")] {
                let error = refusal(&dsn);
                assert!(error.contains(&format!("`{name}`")) && error.contains(variable), "{dsn}: {error}");
            }
        }
    }
}

#[test]
fn options_of_libpq_that_ask_for_what_happens_anyway_are_accepted() {
    for option in [
        "client_encoding=utf8",
        "client_encoding=UTF8",
        "client_encoding=auto",
        "gssencmode=disable",
        "gssencmode=prefer",
        "keepalives_count=3",
        "tcp_user_timeout=10000",
        "fallback_application_name=x",
        "sslcompression=0",
        "sslsni=1",
        "ssl_min_protocol_version=TLSv1.2",
        "min_protocol_version=3.0",
        "max_protocol_version=latest",
        "load_balance_hosts=random",
        "target_session_attrs=primary",
        "target_session_attrs=standby",
        "target_session_attrs=prefer-standby",
        "passfile=/nowhere",
        "options=-c%20search_path%3Da%5C%20b",
    ] {
        let url = format!("postgresql://h/d?{option}").parse::<Config>();
        assert!(url.is_ok(), "{option}: {url:?}");
    }
    let name: Config = "postgresql://h/d?fallback_application_name=x".parse().unwrap();
    assert!(name.to_string().contains(" application_name=x "));
    let names: Config = "host=h application_name=y fallback_application_name=x".parse().unwrap();
    assert!(names.to_string().contains(" application_name=y "));
}

#[test]
fn options_of_libpq_without_effect_here_are_refused_with_what_to_use() {
    for (option, advice) in [
        ("client_encoding=latin1", "UTF8"),
        ("gssencmode=require", "sslmode=verify-full"),
        ("requiressl=1", "sslmode"),
        ("ssl_min_protocol_version=TLSv1.3", "TLSv1.2"),
        ("replication=database", "leave it out"),
        ("service=mydb", "into the connection string"),
        ("sslcrl=/x", "leave it out"),
        ("sslpassword=x", "openssl pkey"),
        ("krbsrvname=x", "password"),
        ("requirepeer=postgres", "folder for the socket"),
        ("require_auth=scram-sha-256", "channel_binding=require"),
        ("oauth_issuer=x", "with_password_provider"),
        ("target_session_attrs=master", "prefer-standby"),
        ("tcp_user_timeout=1s", "milliseconds"),
    ] {
        let error = refusal(&format!("postgresql://u:hunter2@h/d?{option}"));
        assert!(error.contains(option.split_once('=').unwrap().0) && error.contains(advice), "{option}: {error}");
    }
}

#[test]
fn an_unknown_option_is_named_with_the_closest_known_one_or_all() {
    for (dsn, named) in [
        ("postgresql://u:hunter2@h/d?conect_timeout=3", "`conect_timeout`; did you mean connect_timeout?"),
        ("postgresql://h:5432/d?SSLMODE=require", "`SSLMODE`; the options are host, "),
        ("host=h sslmod=require password=hunter2", "`sslmod`; did you mean sslmode?"),
        ("host=h colour=red", "`colour`; the options are host, hostaddr, "),
    ] {
        let error = refusal(dsn);
        assert!(error.contains(named) && !error.contains("quotes"), "{error}");
    }
}

#[test]
fn an_unknown_option_that_may_be_part_of_a_password_is_not_shown() {
    for dsn in [
        "host=h password=first hunter2=x",
        "postgresql://h/d?password=first&hunter2=x",
        "postgresql://bot:first?hunter2=x",
        "host=h hunter-2=x",
    ] {
        let error = refusal(dsn);
        assert!(!error.contains("hunter") && error.contains("'in quotes'"), "{error}");
    }
    let error = refusal("host=h password=first hunter2 user=x");
    assert!(!error.contains("hunter") && error.contains("'in quotes'"), "{error}");
}
