//! The schema that holds the tables, and the settings that every session must have: the SQL was written for them, whatever
//! role, database and connection string say.

use super::{Config, PreparedStatements};
use crate::error::Error;

/// The longest name that PostgreSQL does not cut off, in bytes.
const MAX_NAME: usize = 63;

/// The isolation level that the queries were written for: a write waits for a concurrent one, and then counts on top of it.
pub(crate) const ISOLATION: &str = "read committed";

/// A session plans each statement once. By default PostgreSQL plans a call anew if a small batch, or a guild with few rows, would
/// need less than the average: that often costs more than the call. tests/it/plans compares both kinds of plans.
const PLAN_CACHE_MODE: &str = "force_generic_plan";

/// A name as SQL writes it: in double quotes.
pub(crate) fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

impl Config {
    /// The value of `search_path`: the schema as an identifier.
    pub(crate) fn search_path(&self) -> String {
        identifier(&self.schema)
    }

    /// The settings as start-up options. They come last, so that they win.
    pub(super) fn pinned_options(&self) -> impl Iterator<Item = String> {
        let plans_once = self.plan_cache_mode().map(|mode| ("plan_cache_mode", mode.to_owned()));
        let settings = [("search_path", self.search_path()), ("default_transaction_isolation", ISOLATION.to_owned())];
        settings.into_iter().chain(plans_once).map(|(name, value)| format!("-c {name}={}", escaped(&value)))
    }

    /// The value of `plan_cache_mode`. `None` if the connection string's options name it, or if no statement is kept: then each
    /// call is planned, and may as well be for its values.
    pub(crate) fn plan_cache_mode(&self) -> Option<&'static str> {
        let options = self.server.session.get_options().map(settings).unwrap_or_default();
        let is_chosen = options.iter().any(|(name, _)| name == "plan_cache_mode");
        (self.prepared_statements != PreparedStatements::Off && !is_chosen).then_some(PLAN_CACHE_MODE)
    }

    /// Whether the pinned settings are the only start-up options.
    pub(crate) fn has_only_pinned_options(&self) -> bool {
        self.pins_at_start
            && self.statement_timeout.is_none()
            && self.idle_in_transaction_timeout.is_none()
            && self.server.session.get_options().is_none()
    }

    /// Refuses a name that no schema for tables can have, and options that contradict the pinned settings.
    pub(super) fn check_schema(&self) -> Result<(), Error> {
        let schema = self.schema.as_str();
        if schema.is_empty() || schema.len() > MAX_NAME || schema.contains('\0') {
            return Err(Error::config("DB_SCHEMA", format!("{schema:?} is not a name of 1 to {MAX_NAME} bytes")));
        }
        if schema.starts_with("pg_") || ["information_schema", "$user"].contains(&schema) {
            return Err(Error::config("DB_SCHEMA", format!("{schema:?} is reserved by PostgreSQL")));
        }
        let migration = self.migration.as_ref().and_then(|server| server.session.get_options());
        let options = [self.server.session.get_options(), migration];
        options.into_iter().flatten().flat_map(settings).try_for_each(|(name, value)| self.check_option(&name, &value))
    }

    fn check_option(&self, name: &str, value: &str) -> Result<(), Error> {
        match name {
            "search_path" if !self.is_path_to_schema(value) => Err(Error::config(
                "DB_SCHEMA",
                format!(
                    "is {:?}, but the options in the connection string set search_path to {value:?}: set DB_SCHEMA to the \
                     schema that holds the tables, and remove search_path from the options",
                    self.schema
                ),
            )),
            "default_transaction_isolation" if !value.eq_ignore_ascii_case(ISOLATION) => Err(Error::config(
                "connection string",
                format!(
                    "its options set {name} to {value:?}, but the queries are written for {ISOLATION}: remove it from the \
                     options. A transaction of your own may begin with `set transaction isolation level`",
                ),
            )),
            _ => Ok(()),
        }
    }

    /// As PostgreSQL reads it: a name without quotes is in lower case.
    fn is_path_to_schema(&self, path: &str) -> bool {
        let path = path.trim();
        path == self.search_path() || (!path.starts_with('"') && path.to_lowercase() == self.schema)
    }
}

/// A value in start-up options: white space separates them.
fn escaped(value: &str) -> String {
    let escape = |character| (is_space(character) || character == '\\').then_some('\\');
    value.chars().flat_map(|character| escape(character).into_iter().chain([character])).collect()
}

fn is_space(character: char) -> bool {
    character.is_ascii_whitespace() || character == '\x0b'
}

/// The settings in start-up options: `-c name=value`, `-cname=value` and `--name=value`.
fn settings(options: &str) -> Vec<(String, String)> {
    let mut words = words(options).into_iter();
    let mut found = Vec::new();
    while let Some(word) = words.next() {
        let setting = match word.strip_prefix("-c").or(word.strip_prefix("--")) {
            Some("") => words.next(),
            setting => setting.map(ToOwned::to_owned),
        };
        if let Some((name, value)) = setting.as_deref().and_then(|setting| setting.split_once('=')) {
            found.push((name.replace('-', "_").to_lowercase(), value.to_owned()));
        }
    }
    found
}

/// The words of start-up options. `\` escapes the next character.
fn words(options: &str) -> Vec<String> {
    let (mut words, mut word) = (Vec::new(), String::new());
    let mut characters = options.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => word.extend(characters.next()),
            space if is_space(space) => words.push(std::mem::take(&mut word)),
            character => word.push(character),
        }
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
}
