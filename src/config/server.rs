//! One address: which servers, as whom, and how they are checked. A configuration has one for its pool, and may have another
//! one for migrations.

use tokio_postgres::Config as PgConfig;

use super::options;
use super::parameters::{NOT_ENCODED, Parameters};
use super::password::{INTO_STRING, Password, Source};
use super::target_session::TargetSession;
use super::tls::Tls;

#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) session: PgConfig,
    pub(crate) tls: Tls,
    pub(crate) target_session: TargetSession,
    pub(crate) password: Password,
}

impl Server {
    pub(super) fn parse(dsn: &str) -> Result<Self, String> {
        Self::new(Parameters::parse(dsn)?)
    }

    pub(super) fn new(mut parameters: Parameters) -> Result<Self, String> {
        options::rename_ssl(&mut parameters);
        let tls = Tls::take_from(&mut parameters)?;
        let options = options::take(&mut parameters)?;
        let (parsed, is_url) = (parameters.for_driver().parse(), parameters.is_url());
        let mut session: PgConfig = parsed.map_err(|error| crate::error::message(&error))?;
        if session.get_hosts().is_empty() && session.get_hostaddrs().is_empty() {
            return Err("names no host".into());
        }
        // If the only @ comes after the address, the parser took the address for the user.
        if is_url && session.get_user().is_some_and(|user| user.contains(['/', '?'])) {
            return Err(NOT_ENCODED.into());
        }
        tls.check(session.get_ssl_negotiation())?;
        session.ssl_mode(tls.mode.negotiation());
        if let Some(timeout) = options.tcp_user_timeout {
            session.tcp_user_timeout(timeout);
        }
        let source = options.passfile.map_or(Source::Fixed, Source::PassFile);
        let mut server = Self {
            session,
            tls,
            target_session: options.target_session,
            password: Password { source, advice: INTO_STRING },
        };
        if server.has_password() {
            server.password.source = Source::Fixed;
        }
        Ok(server)
    }

    /// Whether the connection string holds a password. As in libpq, an empty one counts as none.
    pub(super) fn has_password(&self) -> bool {
        self.session.get_password().is_some_and(|password| !password.is_empty())
    }
}
