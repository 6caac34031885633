//! The options of a connection string that tokio-postgres does not know: those of libpq, and those that other drivers and
//! ORMs add. Each works here, or the error names it and says what to use.

use std::path::PathBuf;
use std::time::Duration;

use super::parameters::Parameters;
use super::target_session::TargetSession;

/// What tokio-postgres does not know, but this crate does.
#[derive(Default)]
pub(super) struct Options {
    pub(super) target_session: TargetSession,
    pub(super) passfile: Option<PathBuf>,
    pub(super) tcp_user_timeout: Option<Duration>,
}

/// The options that are read. The first ones are left in the list, for tokio-postgres.
const KNOWN: [&str; 28] = [
    "host",
    "hostaddr",
    "port",
    "user",
    "password",
    "dbname",
    "options",
    "application_name",
    "connect_timeout",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_retries",
    "channel_binding",
    "load_balance_hosts",
    "sslnegotiation",
    // taken out of the list
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "passfile",
    "target_session_attrs",
    "tcp_user_timeout",
    "keepalives_count",
    "fallback_application_name",
    "client_encoding",
    "gssencmode",
    "ssl",
];

/// An option that has no effect here.
struct Other {
    names: &'static [&'static str],
    /// The values that ask for what happens anyway.
    accepted: &'static [&'static str],
    /// What to do about other values.
    advice: &'static str,
}

const fn other(names: &'static [&'static str], advice: &'static str) -> Other {
    Other { names, accepted: &[], advice }
}

const fn only(name: &'static [&'static str], accepted: &'static [&'static str], advice: &'static str) -> Other {
    Other { names: name, accepted, advice }
}

/// What other drivers and ORMs call what is a variable here.
const VARIABLES: [Other; 12] = [
    other(
        &[
            "min_size",
            "max_size",
            "minsize",
            "maxsize",
            "pool_size",
            "max_overflow",
            "connection_limit",
            "max_connections",
            "pool_min_conns",
            "pool_max_conns",
        ],
        "use the variable DB_POOL_MAX",
    ),
    other(&["pool_timeout", "acquire_timeout"], "use the variable DB_ACQUIRE_TIMEOUT"),
    other(
        &["max_inactive_connection_lifetime", "pool_recycle", "max_lifetime", "pool_max_conn_lifetime"],
        "use the variable DB_MAX_LIFETIME",
    ),
    other(
        &["command_timeout", "statement_timeout", "socket_timeout", "socketTimeout"],
        "use the variable DB_STATEMENT_TIMEOUT",
    ),
    other(&["idle_in_transaction_session_timeout"], "use the variable DB_IDLE_IN_TRANSACTION_TIMEOUT"),
    other(&["timeout", "connectTimeout", "loginTimeout"], "use connect_timeout"),
    other(
        &["statement_cache_size", "prepared_statement_cache_size", "prepare_threshold", "prepareThreshold"],
        "use the variable DB_PREPARED_STATEMENTS (off keeps none)",
    ),
    other(&["pgbouncer"], "leave it out: a pooler is found without it, see the variable DB_PREPARED_STATEMENTS"),
    other(&["schema", "currentSchema", "search_path"], "use the variable DB_SCHEMA"),
    other(&["server_settings"], "use options=-c name=value"),
    other(&["targetServerType"], "use target_session_attrs"),
    other(&["sslaccept"], "use sslmode=verify-full for strict, sslmode=require for accept_invalid_certs"),
];

/// What libpq has and this crate has not.
const OF_LIBPQ: [Other; 20] = [
    only(
        &["client_encoding"],
        &["UTF8", "utf8", "UTF-8", "utf-8", "unicode", "UNICODE", "auto"],
        "must be UTF8: all texts are sent and read as UTF-8",
    ),
    only(
        &["gssencmode"],
        &["disable", "prefer"],
        "must be disable or prefer: GSSAPI is not supported. sslmode=verify-full encrypts the connection",
    ),
    only(&["gssdelegation", "requiressl", "sslcompression"], &["0"], "is not supported; see sslmode"),
    only(&["sslsni"], &["1"], "cannot be switched off; leave it out"),
    only(&["sslcertmode"], &["allow"], "is not supported; leave it out"),
    only(
        &["ssl_min_protocol_version"],
        &["TLSv1", "TLSv1.1", "TLSv1.2"],
        "must be TLSv1.2 or lower, and older versions are never used. The server's setting of the same name can require TLSv1.3",
    ),
    only(&["ssl_max_protocol_version"], &["TLSv1.3"], "must be TLSv1.3; leave it out"),
    only(&["min_protocol_version"], &["3.0"], "must be 3.0, the protocol of all servers; leave it out"),
    only(&["max_protocol_version"], &["3.0", "3.2", "latest"], "must be 3.0, 3.2 or latest; leave it out"),
    only(&["replication"], &["false", "off", "no", "0"], "is for replication; leave it out"),
    other(
        &["service", "servicefile"],
        "service files are not read; put the service's options into the connection string",
    ),
    other(&["sslcrl", "sslcrldir"], "lists of revoked certificates are not read; leave it out, and renew sslrootcert"),
    other(&["sslpassword"], "a key with a passphrase cannot be read; write it without one (`openssl pkey -in KEY`)"),
    other(&["sslkeylogfile"], "is not supported; leave it out"),
    other(&["krbsrvname", "gsslib"], "Kerberos is not supported; use a password or a client certificate"),
    other(&["requirepeer"], "is not supported; use a folder for the socket that only the server's user may write to"),
    other(
        &["require_auth"],
        "is not supported; use sslmode=verify-full, and channel_binding=require where the server has SCRAM",
    ),
    other(&["scram_client_key", "scram_server_key"], "is not supported; use a password"),
    other(
        &["oauth_issuer", "oauth_client_id", "oauth_client_secret", "oauth_scope"],
        "OAuth is not supported; use a password, or Config::with_password_provider",
    ),
    other(&["database", "db"], "use dbname"),
];

/// Takes out of the list what tokio-postgres does not know. Everything else in the list it reads.
pub(super) fn take(parameters: &mut Parameters) -> Result<Options, String> {
    parameters.rename("keepalives_count", "keepalives_retries");
    parameters.rename("fallback_application_name", "application_name");
    let options = Options {
        target_session: parameters.take("target_session_attrs").map_or(Ok(TargetSession::Any), |text| text.parse())?,
        passfile: parameters.take("passfile").map(PathBuf::from),
        tcp_user_timeout: parameters.take("tcp_user_timeout").map(|text| milliseconds(&text)).transpose()?,
    };
    for Other { names, accepted, advice } in VARIABLES.iter().chain(&OF_LIBPQ) {
        for name in *names {
            if parameters.take(name).is_some_and(|value| !accepted.contains(&value.as_str())) {
                return Err(format!("`{name}`: {advice}"));
            }
        }
    }
    match parameters.iter().find(|(name, _)| !KNOWN.contains(name)) {
        Some((name, _)) => Err(unknown(parameters, name)),
        None => Ok(options),
    }
}

/// asyncpg's `ssl=MODE`, and JDBC's `ssl=true`, which libpq takes for `sslmode=require`.
pub(super) fn rename_ssl(parameters: &mut Parameters) {
    match parameters.take("ssl").as_deref().filter(|_| !parameters.has("sslmode")) {
        Some("true") => parameters.add("sslmode", "require"),
        Some("false") => parameters.add("sslmode", "disable"),
        Some(mode) => parameters.add("sslmode", mode),
        None => {}
    }
}

/// libpq counts milliseconds here, tokio-postgres seconds.
fn milliseconds(text: &str) -> Result<Duration, String> {
    text.parse().map(Duration::from_millis).map_err(|_| "tcp_user_timeout is not a number of milliseconds".into())
}

fn unknown(parameters: &Parameters, name: &str) -> String {
    if parameters.may_be_secret(name) {
        return "unknown option. If it is part of a password: put the password 'in quotes', or percent-encode it in a URL"
            .into();
    }
    let closest = KNOWN
        .into_iter()
        .max_by(|one, other| strsim::jaro_winkler(one, name).total_cmp(&strsim::jaro_winkler(other, name)));
    match closest.filter(|closest| strsim::jaro_winkler(closest, name) > 0.8) {
        Some(closest) => format!("unknown option `{name}`; did you mean {closest}?"),
        None => format!("unknown option `{name}`; the options are {}", KNOWN.join(", ")),
    }
}
