//! Reads the configuration from environment variables: ours, those of the Python programs, and after them libpq's.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use super::options;
use super::parameters::Parameters;
use super::password::{INTO_MIGRATION_VARIABLES, INTO_VARIABLES, Source, read_file};
use super::server::Server;
use super::{Config, MAX_TIMEOUT};
use crate::error::Error;

/// libpq's variables for options that a connection string may lack. Those of TLS need each other.
const TLS: [(&str, &str); 5] = [
    ("PGSSLMODE", "sslmode"),
    ("PGSSLROOTCERT", "sslrootcert"),
    ("PGSSLCERT", "sslcert"),
    ("PGSSLKEY", "sslkey"),
    ("PGSSLNEGOTIATION", "sslnegotiation"),
];
const LIBPQ: [(&str, &str); 11] = [
    ("PGAPPNAME", "application_name"),
    ("PGCONNECT_TIMEOUT", "connect_timeout"),
    ("PGOPTIONS", "options"),
    ("PGTARGETSESSIONATTRS", "target_session_attrs"),
    ("PGCHANNELBINDING", "channel_binding"),
    ("PGLOADBALANCEHOSTS", "load_balance_hosts"),
    // Without effect here: a value that asks for something else is refused.
    ("PGREQUIREAUTH", "require_auth"),
    ("PGSSLCRL", "sslcrl"),
    ("PGGSSENCMODE", "gssencmode"),
    ("PGREQUIRESSL", "requiressl"),
    ("PGSSLMINPROTOCOLVERSION", "ssl_min_protocol_version"),
];

/// Where the variables are from.
pub(super) struct Variables<'a>(pub(super) &'a dyn Fn(&str) -> Option<OsString>);

type Found = Option<(&'static str, String)>;

impl Variables<'_> {
    /// The whole configuration.
    pub(super) fn config(&self) -> Result<Config, Error> {
        let server = self.server()?;
        let migration = self.migration(&server)?;
        let mut config = Config { migration, ..Config::new(server) };
        config.pool_max = self.number_or("DB_POOL_MAX", config.pool_max)?;
        config.connect_timeout = self.seconds("DB_CONNECT_TIMEOUT")?.unwrap_or(config.connect_timeout);
        config.acquire_timeout = self.seconds("DB_ACQUIRE_TIMEOUT")?.unwrap_or(config.acquire_timeout);
        config.statement_timeout = self.seconds_or_never("DB_STATEMENT_TIMEOUT", config.statement_timeout)?;
        config.idle_in_transaction_timeout =
            self.seconds_or_never("DB_IDLE_IN_TRANSACTION_TIMEOUT", config.idle_in_transaction_timeout)?;
        config.max_lifetime = self.seconds_or_never("DB_MAX_LIFETIME", config.max_lifetime)?;
        config.migration_timeout = self.seconds_or_never("DB_MIGRATION_TIMEOUT", config.migration_timeout)?;
        config.max_batch_bytes = self.number_or("DB_MAX_BATCH_BYTES", config.max_batch_bytes)?;
        config.max_settings_bytes = self.number_or("DB_MAX_SETTINGS_BYTES", config.max_settings_bytes)?;
        if let Some((variable, text)) = self.first(["DB_SLOW_QUERY_MS"])? {
            let milliseconds = number(variable, &text)?;
            config.slow_query = Some(Duration::from_millis(milliseconds)).filter(|limit| !limit.is_zero());
        }
        if let Some((variable, text)) = self.first(["DB_PREPARED_STATEMENTS"])? {
            config.prepared_statements = text.parse().map_err(|reason| Error::config(variable, reason))?;
        }
        config.schema = self.first(["DB_SCHEMA"])?.map_or(config.schema, |(_, schema)| schema);
        config.check()?;
        Ok(config)
    }

    fn server(&self) -> Result<Server, Error> {
        if let Some((variable, dsn)) = self.first(["POSTGRES_DSN", "DATABASE_URL"])? {
            let mut server = self.dsn(variable, &dsn)?;
            self.find_password(&mut server)?;
            return Ok(server);
        }
        let mut server = self.single_variables()?;
        self.find_password(&mut server)?;
        if !server.has_password() {
            server.session.password("postgres");
        }
        Ok(server)
    }

    /// From a connection string; libpq's variables fill in what it lacks, except host and port.
    fn dsn(&self, variable: &'static str, dsn: &str) -> Result<Server, Error> {
        let refused = |reason| Error::config(variable, reason);
        let mut parameters = Parameters::parse(dsn).map_err(refused)?;
        options::rename_ssl(&mut parameters);
        self.add_options_of_libpq(&mut parameters)?;
        let mut server = Server::new(parameters).map_err(refused)?;
        server.password.advice = INTO_VARIABLES;
        if let (None, Some((_, user))) = (server.session.get_user(), self.name(["PGUSER"])?) {
            server.session.user(user);
        }
        if let (None, Some((_, database))) = (server.session.get_dbname(), self.name(["PGDATABASE"])?) {
            server.session.dbname(database);
        }
        Ok(server)
    }

    fn single_variables(&self) -> Result<Server, Error> {
        let host = self.first(["POSTGRES_HOST", "DB_HOST", "PGHOST"])?;
        if let (None, Some((service, _))) = (&host, self.first(["PGSERVICE"])?) {
            return Err(Error::config(service, "service files are not read; set DATABASE_URL"));
        }
        let port = self.first(["POSTGRES_PORT", "DB_PORT", "PGPORT"])?;
        if let Some((variable, text)) = &port {
            text.split(',').try_for_each(|port| number::<u16>(variable, port).map(drop))?;
        }
        let (variable, host) = host.unwrap_or(("POSTGRES_HOST", "localhost".into()));
        let value = |found: Found, default: &str| found.map_or_else(|| default.to_owned(), |(_, value)| value);
        let mut parameters = Parameters::default();
        parameters.add("host", host);
        parameters.add("port", value(port, "5432"));
        parameters.add("user", value(self.name(["POSTGRES_USER", "DB_USER", "PGUSER"])?, "postgres"));
        parameters.add("dbname", value(self.name(["POSTGRES_DB", "DB_NAME", "PGDATABASE"])?, "postgres"));
        self.add_options_of_libpq(&mut parameters)?;
        let mut server = Server::new(parameters).map_err(|reason| Error::config(variable, reason))?;
        server.password.advice = INTO_VARIABLES;
        Ok(server)
    }

    fn add_options_of_libpq(&self, parameters: &mut Parameters) -> Result<(), Error> {
        let has_tls = TLS.iter().any(|(_, option)| parameters.has(option));
        let tls = self.options_of_libpq(&TLS, parameters, !has_tls)?;
        let others = LIBPQ.chunks(1).map(|one| self.options_of_libpq(one, parameters, true));
        let all = others.collect::<Result<Vec<_>, _>>()?.concat();
        tls.into_iter().chain(all).for_each(|(option, value)| parameters.add(option, value));
        Ok(())
    }

    /// The options that these variables set and the connection string lacks. Reads them alone first: an error then names the
    /// variable.
    fn options_of_libpq(
        &self,
        variables: &[(&'static str, &'static str)],
        parameters: &Parameters,
        are_read_alone: bool,
    ) -> Result<Vec<(&'static str, String)>, Error> {
        let (mut found, mut first) = (Vec::new(), None);
        let mut alone = Parameters::default();
        alone.add("host", "localhost");
        for &(variable, option) in variables {
            let Some((_, value)) = self.first([variable])?.filter(|_| !parameters.has(option)) else { continue };
            first = first.or(Some(variable));
            alone.add(option, &value);
            found.push((option, value));
        }
        match first {
            Some(variable) if are_read_alone => Server::new(alone).map_err(|reason| Error::config(variable, reason))?,
            _ => return Ok(found),
        };
        Ok(found)
    }

    /// Finds the password that the connection string lacks.
    fn find_password(&self, server: &mut Server) -> Result<(), Error> {
        if server.has_password() {
            return Ok(());
        }
        let password = self.secret(["POSTGRES_PASSWORD", "DB_PASSWORD"])?;
        let file = self.password_file(["POSTGRES_PASSWORD_FILE", "DB_PASSWORD_FILE"])?;
        match (password, file) {
            (Some((variable, _)), Some((file, _))) => {
                return Err(Error::config(file, format!("is set, and {variable} too; keep one of them")));
            }
            (None, Some((_, source))) => server.password.source = source,
            (Some((_, password)), None) => set_password(server, &password),
            (None, None) => match self.secret(["PGPASSWORD"])? {
                Some((_, password)) => set_password(server, &password),
                None => self.find_passfile(server)?,
            },
        }
        Ok(())
    }

    /// `PGPASSFILE`, else `~/.pgpass`, unless the connection string names another one.
    fn find_passfile(&self, server: &mut Server) -> Result<(), Error> {
        if matches!(server.password.source, Source::PassFile(_)) {
            return Ok(());
        }
        let path = match self.first(["PGPASSFILE"])? {
            Some((_, path)) => Some(PathBuf::from(path)),
            None => (self.0)("HOME").map(|home| PathBuf::from(home).join(".pgpass")).filter(|path| path.is_file()),
        };
        server.password.source = path.map_or(Source::Fixed, Source::PassFile);
        Ok(())
    }

    /// Where migrations connect to. The program's password is used there if the user is the same one.
    fn migration(&self, pooled: &Server) -> Result<Option<Server>, Error> {
        let file = self.password_file(["DB_MIGRATION_PASSWORD_FILE"])?;
        let Some((variable, dsn)) = self.first(["DB_MIGRATION_URL"])? else {
            return file.map_or(Ok(None), |(variable, _)| Err(Error::config(variable, "needs DB_MIGRATION_URL")));
        };
        let mut server = self.dsn(variable, &dsn)?;
        server.password.advice = INTO_MIGRATION_VARIABLES;
        if server.has_password() {
            return Ok(Some(server));
        }
        match file {
            Some((_, source)) => server.password.source = source,
            None if server.session.get_user() == pooled.session.get_user() => {
                if let Some(password) = pooled.session.get_password() {
                    server.session.password(password);
                }
                server.password.source = pooled.password.source.clone();
            }
            None => self.find_passfile(&mut server)?,
        }
        Ok(Some(server))
    }

    /// The first of the variables that is set and not empty, without white space and quotes around it: as numbers, hosts,
    /// connection strings and modes they cannot be meant.
    pub(super) fn first<const N: usize>(&self, names: [&'static str; N]) -> Result<Found, Error> {
        self.find(names, plain)
    }

    /// The same for names, where white space and quotes are possible, but not likely.
    fn name<const N: usize>(&self, names: [&'static str; N]) -> Result<Found, Error> {
        let found = self.find(names, without_line_end)?;
        match found {
            Some((variable, text)) if plain(&text) != text => Err(Error::config(
                variable,
                format!("is {text:?}, with white space or quotes around it. If that is meant, use DATABASE_URL"),
            )),
            found => Ok(found),
        }
    }

    /// The same for passwords, where everything may be meant, except a line end.
    fn secret<const N: usize>(&self, names: [&'static str; N]) -> Result<Found, Error> {
        self.find(names, without_line_end)
    }

    /// A file that can be read now. It is read again at each new connection.
    fn password_file<const N: usize>(&self, names: [&'static str; N]) -> Result<Option<(&'static str, Source)>, Error> {
        let Some((variable, path)) = self.first(names)? else { return Ok(None) };
        let path = PathBuf::from(path);
        // Anything but a path in a folder may be the password itself, by mistake.
        let is_shown = path.is_absolute() && path.parent().is_some_and(Path::is_dir);
        let hidden = || "does not name a file that can be read; give its absolute path".to_owned();
        read_file(&path).map_err(|reason| Error::config(variable, if is_shown { reason } else { hidden() }))?;
        Ok(Some((variable, Source::File(path))))
    }

    fn find<const N: usize>(&self, names: [&'static str; N], clean: fn(&str) -> &str) -> Result<Found, Error> {
        for name in names {
            let Some(value) = (self.0)(name) else { continue };
            let text = value.into_string().map_err(|_| Error::config(name, "is not UTF-8"))?;
            let text = clean(&text);
            if !text.is_empty() {
                return Ok(Some((name, text.to_owned())));
            }
        }
        Ok(None)
    }

    fn number_or<T: FromStr>(&self, name: &'static str, default: T) -> Result<T, Error> {
        self.first([name])?.map_or(Ok(default), |(variable, text)| number(variable, &text))
    }

    /// A number of seconds, where 0 means never.
    fn seconds_or_never(&self, name: &'static str, default: Option<Duration>) -> Result<Option<Duration>, Error> {
        Ok(self.seconds(name)?.map_or(default, |timeout| Some(timeout).filter(|timeout| !timeout.is_zero())))
    }

    fn seconds(&self, name: &'static str) -> Result<Option<Duration>, Error> {
        let Some((_, text)) = self.first([name])? else { return Ok(None) };
        let seconds = text.parse::<f64>().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        match seconds.filter(|timeout| *timeout <= MAX_TIMEOUT) {
            Some(timeout) => Ok(Some(timeout)),
            None => Err(Error::config(name, format!("{text:?} is not a number of seconds from 0 to 2147483"))),
        }
    }
}

fn set_password(server: &mut Server, password: &str) {
    server.password.source = Source::Fixed;
    server.session.password(password);
}

/// Without white space and a pair of quotes around it.
pub(super) fn plain(text: &str) -> &str {
    let text = text.trim();
    let quoted = |quote: char| text.strip_prefix(quote)?.strip_suffix(quote);
    ['"', '\'', '`'].into_iter().find_map(quoted).unwrap_or(text).trim()
}

fn without_line_end(text: &str) -> &str {
    text.strip_suffix("\r\n").or(text.strip_suffix('\n')).unwrap_or(text)
}

fn number<T: FromStr>(variable: &str, text: &str) -> Result<T, Error> {
    text.trim().parse().map_err(|_| Error::config(variable, format!("{text:?} is not a number, or too large")))
}
