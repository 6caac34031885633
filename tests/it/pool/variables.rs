//! Environment variables as people have them: with white space, quotes and line ends, and with libpq's names.

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;

use clip_saver_db::{Config, SslMode};

use super::config::{config, shown};

/// A file that is removed at the end of the test.
pub struct TestFile(pub PathBuf);

impl TestFile {
    pub fn new(text: &str) -> Self {
        let path = std::env::temp_dir().join(format!("clip-saver-db {:016x}", rand::random::<u64>()));
        let file = Self(path);
        file.write(text);
        file
    }

    /// Writes the file so that only its owner can read it.
    pub fn write(&self, text: &str) {
        fs::write(&self.0, text).unwrap();
        self.permit(0o600);
    }

    pub fn permit(&self, mode: u32) {
        #[cfg(unix)]
        fs::set_permissions(&self.0, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
    }

    pub fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for TestFile {
    fn drop(&mut self) {
        _ = fs::remove_file(&self.0);
    }
}

fn refusal(variables: &[(&str, &str)]) -> String {
    config(variables).unwrap_err().to_string()
}

#[test]
fn white_space_and_quotes_around_connection_strings_hosts_numbers_and_modes_are_removed() {
    let around = ["V\n", " V ", "\"V\"", "'V'", "`V`", "\"V\"\r\n", "\t\" V \""];
    for (variable, value, expected) in [
        ("DATABASE_URL", "postgresql://u:p@h/d", " dbname=d sslmode"),
        ("DATABASE_URL", "host=h dbname=d", " dbname=d sslmode"),
        ("DB_MIGRATION_URL", "postgresql://u:p@h/d", " migration_dbname=d migration_sslmode"),
        ("DB_HOST", "h", "host=h port"),
        ("DB_PORT", "5433", " port=5433 "),
        ("DB_POOL_MAX", "7", " pool_max=7 "),
        ("DB_ACQUIRE_TIMEOUT", "7.5", " acquire_timeout=7.5s "),
        ("DB_SLOW_QUERY_MS", "250", " slow_query=250ms "),
        ("DB_PREPARED_STATEMENTS", "off", " prepared_statements=off"),
        ("PGSSLMODE", "require", " sslmode=require "),
    ] {
        for around in around {
            let shown = shown(&[(variable, &around.replace('V', value))]);
            assert!(shown.contains(expected), "{variable}={around:?}: {shown}");
        }
    }
    let parsed: Config = "\"postgresql://u:p@h/d\"\n".parse().unwrap();
    assert!(parsed.to_string().contains(" dbname=d sslmode"), "{parsed}");
}

#[test]
fn a_variable_with_nothing_but_white_space_or_quotes_counts_as_not_set() {
    for nothing in [" ", "\n", "\"\"", "' '"] {
        assert!(
            shown(&[("POSTGRES_DSN", nothing), ("POSTGRES_HOST", nothing), ("DB_HOST", "h")]).starts_with("host=h ")
        );
    }
}

#[test]
fn a_name_in_white_space_or_quotes_is_refused_visibly_and_its_line_end_is_removed() {
    for (variable, value, visible) in [
        ("DB_USER", " bot", r#"" bot""#),
        ("DB_NAME", "clips\t", r#""clips\t""#),
        ("PGUSER", "\"bot\"", r#""\"bot\"""#),
    ] {
        let error = refusal(&[(variable, value)]);
        assert!(error.starts_with(variable) && error.contains(visible) && error.contains("DATABASE_URL"), "{error}");
    }
    assert!(
        shown(&[("DB_USER", "bot\r\n"), ("DB_NAME", "clips\n")]).contains(" user=bot password=******** dbname=clips ")
    );
}

#[test]
fn a_quote_that_is_not_closed_and_a_space_in_a_host_are_refused() {
    for dsn in ["\"postgresql://u:hunter2@h/d", "host=h password='hunter2"] {
        let error = refusal(&[("DATABASE_URL", dsn)]);
        assert!(error.contains("a quote") && error.contains("not closed") && !error.contains("hunter2"), "{error}");
    }
    let error = refusal(&[("DATABASE_URL", "postgresql://u:hunter2@h\n/d")]);
    assert!(error.contains("white space in the host") && !error.contains("hunter2"), "{error}");
}

#[cfg(unix)]
#[test]
fn a_value_that_is_not_utf_8_gives_an_error_that_names_the_variable() {
    use std::os::unix::ffi::OsStringExt as _;

    for variable in ["DATABASE_URL", "DB_HOST", "POSTGRES_PASSWORD", "DB_POOL_MAX", "DB_MIGRATION_URL", "PGPASSFILE"] {
        let lookup = |name: &str| (name == variable).then(|| OsString::from_vec(b"hunter2\xff".to_vec()));
        let error = Config::from_lookup(lookup).unwrap_err().to_string();
        assert!(error.starts_with(variable) && error.contains("UTF-8") && !error.contains("hunter2"), "{error}");
    }
}

#[test]
fn libpqs_variables_come_after_ours_and_before_the_python_defaults() {
    let libpq =
        [("PGHOST", "pg"), ("PGPORT", "1"), ("PGUSER", "pguser"), ("PGDATABASE", "pgdb"), ("PGSSLMODE", "require")];
    let ours = [("DB_HOST", "h"), ("DB_PORT", "2"), ("DB_USER", "u"), ("DB_NAME", "d")];

    let shown_of_libpq = shown(&libpq);
    let expected = "host=pg port=1 user=pguser password=******** dbname=pgdb sslmode=require ";
    assert!(shown_of_libpq.starts_with(expected), "{shown_of_libpq}");
    let shown_of_both = shown(&[&libpq[..], &ours].concat());
    assert!(
        shown_of_both.starts_with("host=h port=2 user=u password=******** dbname=d sslmode=require "),
        "{shown_of_both}"
    );
}

#[test]
fn libpqs_variables_fill_in_what_a_connection_string_lacks_but_never_its_host_or_port() {
    let libpq = [
        ("PGHOST", "pg"),
        ("PGPORT", "1"),
        ("PGUSER", "pguser"),
        ("PGDATABASE", "pgdb"),
        ("PGSSLMODE", "require"),
        ("PGAPPNAME", "pgapp"),
        ("PGCONNECT_TIMEOUT", "7"),
    ];
    let with = |dsn| shown(&[&libpq[..], &[("DATABASE_URL", dsn)]].concat());

    let all = with("postgresql://h");
    let expected = "host=h port=5432 user=pguser password=(none) dbname=pgdb sslmode=require application_name=pgapp ";
    assert!(all.starts_with(expected) && all.contains(" connect_timeout=7s "), "{all}");
    let none = with("postgresql://u:p@h:2/d?sslmode=disable&application_name=app&connect_timeout=8");
    let expected = "host=h port=2 user=u password=******** dbname=d sslmode=disable application_name=app ";
    assert!(none.starts_with(expected) && none.contains(" connect_timeout=8s "), "{none}");
}

#[test]
fn a_wrong_variable_of_libpq_and_a_service_are_named() {
    for (variable, value) in
        [("PGPORT", "x"), ("PGSSLMODE", "verify"), ("PGTARGETSESSIONATTRS", "master"), ("PGSERVICE", "mydb")]
    {
        let error = refusal(&[(variable, value)]);
        assert!(error.starts_with(variable), "{error}");
    }
}

#[test]
fn a_password_is_found_in_one_place_and_shown_in_none() {
    let (file, passfile) = (TestFile::new("hunter2\n"), TestFile::new("*:*:*:*:hunter2\n"));
    let url = ("DATABASE_URL", "postgresql://bot@h/d");
    for (variable, value, expected) in [
        ("POSTGRES_PASSWORD", "hunter2", "********".to_owned()),
        ("DB_PASSWORD", "hunter2", "********".to_owned()),
        ("PGPASSWORD", "hunter2", "********".to_owned()),
        ("POSTGRES_PASSWORD_FILE", file.path(), format!("(file {})", file.path())),
        ("DB_PASSWORD_FILE", file.path(), format!("(file {})", file.path())),
        ("PGPASSFILE", passfile.path(), format!("(password file {})", passfile.path())),
    ] {
        for variables in [&[(variable, value), url][..], &[(variable, value)]] {
            let shown = format!("{0} {0:?}", config(variables).unwrap());
            assert!(shown.contains(&format!(" password={expected} ")) && !shown.contains("hunter2"), "{shown}");
        }
        let own = shown(&[(variable, value), ("DATABASE_URL", "postgresql://bot:own@h/d")]);
        assert!(own.contains(" password=******** "), "a connection string's own password comes first: {own}");
    }
    assert!(shown(&[("POSTGRES_PASSWORD", "p"), ("PGPASSFILE", passfile.path())]).contains(" password=******** "));
}

#[test]
fn a_password_and_a_file_or_a_file_that_cannot_be_read_are_refused_by_name() {
    let (file, empty) = (TestFile::new("hunter2"), TestFile::new("\n"));
    let error = refusal(&[("DB_PASSWORD", "x"), ("POSTGRES_PASSWORD_FILE", file.path())]);
    assert!(error.starts_with("POSTGRES_PASSWORD_FILE") && error.contains("DB_PASSWORD"), "{error}");

    for (variable, path) in [
        ("POSTGRES_PASSWORD_FILE", "/etc/there-is-no-such-secret"),
        ("DB_PASSWORD_FILE", empty.path()),
        ("DB_MIGRATION_PASSWORD_FILE", "/etc/there-is-no-such-secret"),
    ] {
        let error = refusal(&[(variable, path)]);
        assert!(error.starts_with(variable) && error.contains(path), "{error}");
    }
    let error = refusal(&[("POSTGRES_PASSWORD_FILE", "/x9fKsecret/base64==")]);
    assert!(!error.contains("x9fK"), "it may be the password itself: {error}");
    let error = refusal(&[("DB_MIGRATION_PASSWORD_FILE", file.path())]);
    assert!(error.starts_with("DB_MIGRATION_PASSWORD_FILE: needs DB_MIGRATION_URL"), "{error}");
}

#[test]
fn migrations_use_the_programs_password_only_for_the_same_user() {
    let file = TestFile::new("hunter2");
    let program = [("DATABASE_URL", "postgresql://bot@h/d"), ("POSTGRES_PASSWORD", "hunter2")];
    let with = |url, more: &[_]| shown(&[&program[..], &[("DB_MIGRATION_URL", url)], more].concat());

    assert!(with("postgresql://bot@db/d", &[]).contains(" migration_password=******** "));
    assert!(with("postgresql://owner@db/d", &[]).contains(" migration_password=(none) "));
    let own = with("postgresql://owner@db/d", &[("DB_MIGRATION_PASSWORD_FILE", file.path())]);
    assert!(own.contains(&format!(" migration_password=(file {}) ", file.path())), "{own}");
    let provided = config(&[&program[..], &[("DB_MIGRATION_URL", "postgresql://owner@db/d")]].concat()).unwrap();
    let provided = provided.with_password_provider(|| async { Ok::<_, std::io::Error>("hunter2".to_owned()) });
    let shown = format!("{provided:?}");
    assert!(shown.contains(" password=(provider) ") && shown.contains(" migration_password=(none) "), "{shown}");
}

#[test]
fn ssl_in_a_connection_string_counts_before_libpqs_variable() {
    let config = Config::from_lookup(|variable| match variable {
        "DATABASE_URL" => Some("postgresql://h/d?ssl=verify-full"),
        "PGSSLMODE" => Some("disable"),
        _ => None,
    });

    assert_eq!(config.unwrap().ssl_mode(), SslMode::VerifyFull);
}
