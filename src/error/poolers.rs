//! What a pooler says in the server's name. It has no error codes for its own failures (PgBouncer and Supavisor say 08P01 or
//! XX000, pgcat 58000), so only the text tells a failure that ends by itself from one that is final.

use tokio_postgres::error::{DbError, Severity};

/// The pooler has no session of the server for the client now. The statement was not sent.
const NO_SESSION: [&str; 7] = [
    "query_wait_timeout",                               // PgBouncer
    "server login has been failing",                    // PgBouncer
    "could not get connection from the pool",           // pgcat
    "failed to get remote server connection",           // Odyssey
    "unable to check out",                              // Supavisor
    "echeckouttimeout",                                 // Supavisor
    "timed-out waiting to acquire database connection", // RDS Proxy
];

/// The pooler has no room for one more client, or its server has just gone.
const AWAY_OR_FULL: [&str; 7] = [
    "server conn crashed",            // PgBouncer
    "server shutting down",           // PgBouncer
    "client_login_timeout",           // PgBouncer
    "no more connections allowed",    // PgBouncer
    "client connections exceeded",    // PgBouncer
    "max client connections reached", // Supavisor
    "emaxconn",                       // Supavisor
];

/// Whether a pooler made the error: PostgreSQL (9.6 and later) sends the field `V` with every error.
pub(super) fn is_a_poolers(report: &DbError) -> bool {
    report.parsed_severity().is_none()
}

/// Whether the session ends after the error, whatever its code. A pooler's severity is only in the field `S`, which the server
/// may translate and poolers do not. A pooler that reports a broken connection does not know whether the statement was run.
pub(super) fn is_fatal(report: &DbError) -> bool {
    if is_a_poolers(report) {
        return matches!(report.severity(), "FATAL" | "PANIC") || report.code().code().starts_with("08");
    }
    matches!(report.parsed_severity(), Some(Severity::Fatal | Severity::Panic))
}

/// Whether a pooler has no session of the server for a statement, which was not sent.
pub(super) fn has_no_session(report: &DbError) -> bool {
    is_fatal(report) && says(report, &NO_SESSION)
}

/// Whether a pooler refuses a client, but may accept it later.
pub(super) fn may_accept_later(report: &DbError) -> bool {
    says(report, &NO_SESSION) || says(report, &AWAY_OR_FULL)
}

/// Whether a pooler refuses start-up options. PostgreSQL has no such message.
pub(super) fn refuses_options(report: &DbError) -> bool {
    says(report, &["startup parameter"])
}

fn says(report: &DbError, texts: &[&str]) -> bool {
    let message = report.message().to_lowercase();
    texts.iter().any(|text| message.contains(text))
}
