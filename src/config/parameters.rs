//! A connection string as a list of options: a URL, or `key=value` pairs, as libpq and Python's drivers write them.

use std::borrow::Cow;

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

const MUST_START: &str = "must start with postgresql:// or postgres://, or hold key=value pairs";

const NOT_CLOSED: &str = "a quote in it is not closed";

/// Nothing of the text is shown: it may be part of a password.
const NOT_QUOTED: &str = "holds text that is not key=value; put a value with spaces 'in quotes'";

pub(super) const NOT_ENCODED: &str =
    "@, / and ? in the user, the password or a parameter must be percent-encoded (%40, %2F, %3F)";

/// Schemes of Tortoise ORM and others. `SQLAlchemy`'s name the driver after a `+`: `postgresql+asyncpg`.
const DRIVERS: [&str; 4] = ["asyncpg", "psycopg", "psycopg2", "psycopg3"];

/// The options of a connection string, in order.
#[derive(Default)]
pub(super) struct Parameters {
    /// What a URL holds before its options.
    address: Option<String>,
    list: Vec<(String, String)>,
}

impl Parameters {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        match text.split_once("://").filter(|(scheme, _)| !scheme.contains('=')) {
            _ if text.starts_with(['"', '\'', '`']) => Err(NOT_CLOSED.into()),
            Some((scheme, rest)) if is_postgresql(scheme) => Self::of_url(rest),
            None if text.contains('=') => Self::of_pairs(text),
            Some(_) | None => Err(MUST_START.into()),
        }
    }

    /// Reads what follows `postgresql://`.
    fn of_url(rest: &str) -> Result<Self, String> {
        // A part of the password would be taken for a host or a parameter, and be shown.
        if rest.matches('@').count() > 1 {
            return Err(NOT_ENCODED.into());
        }
        // As in tokio-postgres, a ? before the @ belongs to the user or the password.
        let host = rest.find('@').map_or(0, |at| at + 1);
        let mark = rest[host..].find('?').map(|mark| host + mark);
        let (address, query) = mark.map_or((rest, ""), |mark| (&rest[..mark], &rest[mark + 1..]));
        if address[host..].split('/').next().is_some_and(|host| host.contains(char::is_whitespace)) {
            return Err("holds white space in the host".into());
        }
        let options = query.split('&').filter(|option| !option.is_empty());
        let list = options.map(option).collect::<Result<_, String>>()?;
        Ok(Self { address: Some(format!("postgresql://{address}")), list })
    }

    fn of_pairs(text: &str) -> Result<Self, String> {
        let (mut list, mut rest) = (Vec::new(), text.trim_start());
        while !rest.is_empty() {
            let (key, after) = rest.split_once('=').ok_or(NOT_QUOTED)?;
            let key = key.trim_end();
            if key.is_empty() || key.contains(char::is_whitespace) {
                return Err(NOT_QUOTED.into());
            }
            let after = after.trim_start();
            let (value, length) = value(after)?;
            list.push((key.to_owned(), value));
            rest = after[length..].trim_start();
        }
        Ok(Self { address: None, list })
    }

    pub(super) fn is_url(&self) -> bool {
        self.address.is_some()
    }

    /// Removes an option and returns its value. If it is there twice, the last one counts, as in libpq.
    pub(super) fn take(&mut self, name: &str) -> Option<String> {
        self.list.extract_if(.., |(key, _)| key == name).last().map(|(_, value)| value)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.list.iter().any(|(key, _)| key == name)
    }

    pub(super) fn add(&mut self, name: &str, value: impl Into<String>) {
        self.list.push((name.to_owned(), value.into()));
    }

    /// Gives an option another name, unless one of that name is there.
    pub(super) fn rename(&mut self, name: &str, new_name: &str) {
        if let Some(value) = self.take(name)
            && !self.has(new_name)
        {
            self.add(new_name, value);
        }
    }

    /// The names and values.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.list.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// Whether an option's name may be a part of a password: of one that is not quoted or encoded and stands before it, or
    /// of one in an address without a host.
    pub(super) fn may_be_secret(&self, name: &str) -> bool {
        let is_before = self.list.iter().take_while(|(key, _)| key != name).any(|(key, _)| key == "password");
        let has_no_host = self.address.as_deref().is_some_and(|url| !url.contains('@') && has_text_as_port(url));
        let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        is_before || has_no_host || !is_name
    }

    /// The connection string as tokio-postgres reads it.
    pub(super) fn for_driver(&self) -> String {
        let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let quoted = |text: &str| format!("'{}'", text.replace('\\', r"\\").replace('\'', r"\'"));
        let options = self.iter();
        match &self.address {
            Some(url) => {
                let query: Vec<_> = options.map(|(key, value)| format!("{key}={}", encoded(value))).collect();
                if query.is_empty() { url.clone() } else { format!("{url}?{}", query.join("&")) }
            }
            None => options.map(|(key, value)| format!("{key}={}", quoted(value))).collect::<Vec<_>>().join(" "),
        }
    }
}

fn is_postgresql(scheme: &str) -> bool {
    let (dialect, driver) = scheme.split_once('+').unwrap_or((scheme, "none"));
    let is_name = driver.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    is_name && ["postgresql", "postgres"].contains(&dialect) || DRIVERS.contains(&scheme)
}

/// Whether text is in the place of a port: without an @ the user and the password are taken for host and port.
fn has_text_as_port(url: &str) -> bool {
    let hosts = url.trim_start_matches("postgresql://").split('/').next().unwrap_or_default();
    let ports = hosts.split(',').filter_map(|host| host.rsplit_once(':'));
    ports.into_iter().any(|(_, port)| !port.bytes().all(|byte| byte.is_ascii_digit() || byte == b']'))
}

fn option(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("holds a parameter without a value")?;
    let decoded = |text| percent_decode_str(text).decode_utf8().map(Cow::into_owned);
    match (decoded(key), decoded(value)) {
        (Ok(key), Ok(value)) => Ok((key, value)),
        _ => Err("holds a parameter that is not UTF-8".into()),
    }
}

/// The value at the start of a text, and its length there. The value is 'in quotes' or ends at a space; `\` escapes the next
/// character.
fn value(text: &str) -> Result<(String, usize), String> {
    let in_quotes = text.starts_with('\'');
    let mut value = String::new();
    let mut escaped = false;
    for (offset, character) in text.char_indices().skip(usize::from(in_quotes)) {
        match character {
            _ if escaped => escaped = false,
            '\\' => {
                escaped = true;
                continue;
            }
            '\'' if in_quotes => return Ok((value, offset + 1)),
            space if space.is_whitespace() && !in_quotes => return Ok((value, offset)),
            _ => {}
        }
        value.push(character);
    }
    if in_quotes { Err(NOT_CLOSED.into()) } else { Ok((value, text.len())) }
}
