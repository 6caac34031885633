//! What Python hands to a call, as the crate takes it. A wrong type is a `TypeError`, a wrong value an `InvalidId` or
//! `InvalidInput`, which are `ValueError`s; each names the argument, and nothing was sent.

use std::fmt::Display;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use clip_saver_db::{
    Attachment, ChannelSnapshot, ClipAuthor, ClipKey, ClipMessage, Error, GuildSnapshot, MessageInterval, ScanClaim,
    ScanPage, ScanRunId, Settings, UserSnapshot,
};
use pyo3::exceptions::{PyAttributeError, PyTypeError, PyUnicodeEncodeError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyBoolMethods, PyByteArray, PyBytes, PyFloat, PyInt, PyMemoryView, PyString};
use uuid::Uuid;

use crate::lease::ScanWorker;
use crate::{datetimes, errors, json};

/// Where a value is: an argument of a function, or a field of an element of one.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    function: &'a str,
    argument: &'a str,
    inner: Option<&'a Inner<'a>>,
}

/// A part of an argument.
struct Inner<'a> {
    outer: Option<&'a Inner<'a>>,
    step: Step<'a>,
}

/// From an object to a part of it.
enum Step<'a> {
    Element(usize),
    Field(&'a str),
}

impl<'a> Place<'a> {
    pub const fn new(function: &'a str, argument: &'a str) -> Self {
        Self { function, argument, inner: None }
    }

    /// As in Python: `channels[3].name`.
    fn name(self) -> String {
        let Some(Inner { outer, step }) = self.inner else { return self.argument.to_owned() };
        let outer = Self { inner: *outer, ..self }.name();
        match step {
            Step::Element(index) => format!("{outer}[{index}]"),
            Step::Field(name) => format!("{outer}.{name}"),
        }
    }

    fn wrong_type(self, expected: &str, value: &Bound<'_, PyAny>) -> PyErr {
        let found = value.get_type().name().map_or_else(|_| "something else".to_owned(), |name| name.to_string());
        PyTypeError::new_err(format!("{}: `{}` must be {expected}, not {found}", self.function, self.name()))
    }

    /// A type that is wrong, as Python's own error says.
    fn wrong_type_because(self, cause: PyErr, value: &Bound<'_, PyAny>, reason: &str) -> PyErr {
        let error = PyTypeError::new_err(format!("{}: `{}` {reason}", self.function, self.name()));
        error.set_cause(value.py(), Some(cause));
        error
    }

    fn invalid(self, value: &Bound<'_, PyAny>, reason: impl Display) -> PyErr {
        errors::invalid_input(value.py(), self.function, &self.name(), &reason.to_string())
    }

    fn in_field<T>(self, field: &str, read: impl FnOnce(Place<'_>) -> PyResult<T>) -> PyResult<T> {
        read(Place { inner: Some(&Inner { outer: self.inner, step: Step::Field(field) }), ..self })
    }

    fn in_element<T>(self, index: usize, read: impl FnOnce(Place<'_>) -> PyResult<T>) -> PyResult<T> {
        read(Place { inner: Some(&Inner { outer: self.inner, step: Step::Element(index) }), ..self })
    }
}

type Value<'a, 'py> = &'a Bound<'py, PyAny>;

/// A snowflake: a `str` of decimal digits, or an `int`.
pub fn id<T: FromStr<Err = Error> + From<u64>>(place: Place<'_>, value: Value<'_, '_>) -> PyResult<T> {
    let py = value.py();
    if let Ok(text) = value.cast::<PyString>() {
        let text = text.to_cow();
        let text = text.as_deref().unwrap_or("\u{fffd}"); // half a surrogate pair is in no id
        return text.parse().map_err(|error: Error| {
            errors::invalid_id(py, place.function, &place.name(), &format!("is wrong: {error}"))
        });
    }
    if !value.is_instance_of::<PyInt>() || value.is_instance_of::<PyBool>() {
        return Err(place.wrong_type("an id (str or int)", value));
    }
    match value.extract::<u64>() {
        Ok(id) => Ok(id.into()),
        Err(_) => {
            Err(errors::invalid_id(py, place.function, &place.name(), "is not a valid id: ids are from 0 to 2**64 - 1"))
        }
    }
}

pub fn optional_id<T: FromStr<Err = Error> + From<u64>>(place: Place<'_>, value: Value<'_, '_>) -> PyResult<Option<T>> {
    optional(place, value, id)
}

fn optional<'py, T>(
    place: Place<'_>,
    value: Value<'_, 'py>,
    read: impl FnOnce(Place<'_>, Value<'_, 'py>) -> PyResult<T>,
) -> PyResult<Option<T>> {
    if value.is_none() { Ok(None) } else { read(place, value).map(Some) }
}

/// A run's id: a `UUID`, or its text.
pub fn run_id(place: Place<'_>, value: Value<'_, '_>) -> PyResult<ScanRunId> {
    static UUID: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let py = value.py();
    if value.is_instance(UUID.import(py, "uuid", "UUID")?)? {
        return Ok(Uuid::from_u128(value.getattr("int")?.extract()?).into());
    }
    let Ok(text) = value.cast::<PyString>() else { return Err(place.wrong_type("a run's id (UUID or str)", value)) };
    let text = text.to_cow();
    text.as_deref()
        .unwrap_or("\u{fffd}")
        .parse()
        .map_err(|error: Error| errors::invalid_id(py, place.function, &place.name(), &format!("is wrong: {error}")))
}

pub fn text(place: Place<'_>, value: Value<'_, '_>) -> PyResult<String> {
    let Ok(text) = value.cast::<PyString>() else { return Err(place.wrong_type("a str", value)) };
    match text.to_cow() {
        Ok(text) => Ok(text.into_owned()),
        Err(error) if error.is_instance_of::<PyUnicodeEncodeError>(value.py()) => {
            Err(place.invalid(value, "holds half a surrogate pair, which PostgreSQL cannot store"))
        }
        Err(error) => Err(error),
    }
}

pub fn optional_text(place: Place<'_>, value: Value<'_, '_>) -> PyResult<Option<String>> {
    optional(place, value, text)
}

pub fn boolean(place: Place<'_>, value: Value<'_, '_>) -> PyResult<bool> {
    value.cast::<PyBool>().map(PyBoolMethods::is_true).map_err(|_| place.wrong_type("a bool", value))
}

/// A number of 64 bits.
pub fn integer<T: TryFrom<i64>>(place: Place<'_>, value: Value<'_, '_>) -> PyResult<T> {
    if !value.is_instance_of::<PyInt>() || value.is_instance_of::<PyBool>() {
        return Err(place.wrong_type("an int", value));
    }
    let number = value.extract::<i64>().ok().and_then(|number| T::try_from(number).ok());
    number.ok_or_else(|| place.invalid(value, "is out of range"))
}

fn optional_integer<T: TryFrom<i64>>(place: Place<'_>, value: Value<'_, '_>) -> PyResult<Option<T>> {
    optional(place, value, integer)
}

fn float(place: Place<'_>, value: Value<'_, '_>) -> PyResult<f64> {
    let is_number = value.is_instance_of::<PyFloat>() || value.is_instance_of::<PyInt>();
    if !is_number || value.is_instance_of::<PyBool>() {
        return Err(place.wrong_type("a number", value));
    }
    value.extract().map_err(|_| place.invalid(value, "is out of range"))
}

/// A number of seconds, not negative.
pub fn seconds(place: Place<'_>, value: Value<'_, '_>) -> PyResult<Duration> {
    let seconds = float(place, value)?;
    Duration::try_from_secs_f64(seconds).map_err(|_| place.invalid(value, "must be from 0 seconds to 100 years"))
}

/// An aware `datetime`.
fn time(place: Place<'_>, value: Value<'_, '_>) -> PyResult<DateTime<Utc>> {
    if !datetimes::is_datetime(value)? {
        return Err(place.wrong_type("a datetime", value));
    }
    let time = datetimes::from_python(value)?.ok_or_else(|| {
        place.invalid(value, "has no time zone: use datetime.now(timezone.utc), or .astimezone() for local time")
    })?;
    // Else it could not be read again.
    if datetimes::is_held(time) { Ok(time) } else { Err(place.invalid(value, "is beyond the years 1 to 9999 in UTC")) }
}

pub fn optional_time(place: Place<'_>, value: Value<'_, '_>) -> PyResult<Option<DateTime<Utc>>> {
    optional(place, value, time)
}

/// Any mapping that is JSON.
pub fn settings(place: Place<'_>, value: Value<'_, '_>) -> PyResult<Settings> {
    if !json::is_mapping(value)? {
        return Err(place.wrong_type("a mapping", value));
    }
    json::from_python(value)?.map_err(|refusal| match refusal {
        json::Refusal::NotStorable(reason) => place.invalid(value, reason),
        json::Refusal::NoJson(cause) => {
            let reason = format!("is not JSON: {}", cause.value(value.py()));
            if cause.is_instance_of::<PyTypeError>(value.py()) {
                return place.wrong_type_because(cause, value, &reason);
            }
            let error = place.invalid(value, reason);
            error.set_cause(value.py(), Some(cause));
            error
        }
    })
}

/// Any iterable. Neither text nor bytes are: their characters would be taken for elements.
fn each<'py, T>(
    place: Place<'_>,
    value: Value<'_, 'py>,
    expected: &str,
    read: impl Fn(Place<'_>, Value<'_, 'py>) -> PyResult<T>,
) -> PyResult<Vec<T>> {
    let is_text = value.is_instance_of::<PyString>()
        || value.is_instance_of::<PyBytes>()
        || value.is_instance_of::<PyByteArray>()
        || value.is_instance_of::<PyMemoryView>();
    let elements = if is_text { None } else { iterate(value)? };
    let elements = elements.ok_or_else(|| place.wrong_type(&format!("an iterable of {expected}"), value))?;
    elements.enumerate().map(|(index, element)| place.in_element(index, |place| read(place, &element?))).collect()
}

/// `None` if it is not iterable. Errors of an iterator of the caller's are the caller's.
fn iterate<'a, 'py>(
    value: Value<'a, 'py>,
) -> PyResult<Option<impl Iterator<Item = PyResult<Bound<'py, PyAny>>> + use<'a, 'py>>> {
    match value.try_iter() {
        Ok(elements) => Ok(Some(elements)),
        Err(error) if error.is_instance_of::<PyTypeError>(value.py()) => Ok(None),
        Err(error) => Err(error),
    }
}

pub fn ids<T: FromStr<Err = Error> + From<u64>>(place: Place<'_>, value: Value<'_, '_>) -> PyResult<Vec<T>> {
    each(place, value, "ids", id)
}

/// Reads an attribute.
fn field<'py, T>(
    place: Place<'_>,
    value: Value<'_, 'py>,
    (name, attribute): (&str, &Bound<'py, PyString>),
    read: impl FnOnce(Place<'_>, Value<'_, 'py>) -> PyResult<T>,
) -> PyResult<T> {
    let found = value.getattr(attribute).map_err(|error| {
        if error.is_instance_of::<PyAttributeError>(value.py()) {
            let reason = format!("must have an attribute `{name}`: {}", error.value(value.py()));
            place.wrong_type_because(error, value, &reason)
        } else {
            error
        }
    })?;
    place.in_field(name, |place| read(place, &found))
}

/// Makes a function that reads an object by its attributes.
macro_rules! object {
    ($(#[$doc:meta])* $name:ident($place:ident, $value:ident) -> $type:ty {
        $($field:ident $(= $attribute:literal)?: $read:expr,)+
    } => $make:expr) => {
        $(#[$doc])*
        pub fn $name($place: Place<'_>, $value: Value<'_, '_>) -> PyResult<$type> {
            $(
                let name = object!(@name $field $($attribute)?);
                let $field = field($place, $value, (name, intern!($value.py(), object!(@name $field $($attribute)?))), $read)?;
            )+
            Ok($make)
        }
    };
    (@name $field:ident) => { stringify!($field) };
    (@name $field:ident $attribute:literal) => { $attribute };
}

pub fn guild(place: Place<'_>, value: Value<'_, '_>) -> PyResult<GuildSnapshot> {
    let mut guild = guild_alone(place, value)?;
    guild.channels = field(place, value, ("channels", intern!(value.py(), "channels")), channels)?;
    Ok(guild)
}

object! {
    /// Without its channels, which `upsert_guilds` does not write.
    guild_alone(place, value) -> GuildSnapshot {
        id: id, name: text, icon: optional_text, owner_user_id: optional_id, joined_at: optional_time,
    } => {
        let mut guild = GuildSnapshot::new(id, name);
        (guild.icon, guild.owner_user_id, guild.joined_at) = (icon, owner_user_id, joined_at);
        guild
    }
}

object! {
    channel(place, value) -> ChannelSnapshot {
        id: id, name: optional_text, kind = "type": optional_text, is_nsfw: boolean, settings_overrides: optional_settings,
    } => {
        let mut channel = ChannelSnapshot::new(id, "", "");
        (channel.name, channel.kind) = (name, kind);
        (channel.is_nsfw, channel.settings_overrides) = (is_nsfw, settings_overrides);
        channel
    }
}

object! {
    user(place, value) -> UserSnapshot {
        id: id, username: optional_text, global_name: optional_text, avatar: optional_text, last_login_at: optional_time,
    } => {
        let mut user = UserSnapshot::new(id, "");
        (user.username, user.global_name, user.avatar, user.last_login_at) = (username, global_name, avatar, last_login_at);
        user
    }
}

object! {
    /// What `claim_scan_runs` returned.
    claim(place, value) -> ScanClaim {
        run_id: run_id, token: integer, channel_id: id, guild_id: id, after: optional_id, before: optional_id, attempt: integer,
    } => {
        let mut claim = ScanClaim::new(run_id, token, channel_id, guild_id);
        (claim.after, claim.before, claim.attempt) = (after, before, attempt);
        claim
    }
}

object! {
    interval(place, value) -> MessageInterval { first: id, last: id, } => {
        MessageInterval::new(first, last)
    }
}

object! {
    page(place, value) -> ScanPage { covered: interval, messages: ids, clips: clip_messages, } => {
        ScanPage::new(covered, messages).with_clips(clips)
    }
}

object! {
    clip_message(place, value) -> ClipMessage {
        id: id, author: author, attachments: attachments,
    } => ClipMessage::new(id, author, attachments)
}

object! {
    author(place, value) -> ClipAuthor {
        id: id, name: text, display_name: optional_text, avatar: optional_text,
    } => {
        let mut author = ClipAuthor::new(id, name);
        (author.display_name, author.avatar) = (display_name, avatar);
        author
    }
}

object! {
    attachment(place, value) -> Attachment {
        id: id, file_name: text, content_type: optional_text, size: size, duration_seconds: optional_float,
        width: optional_integer, height: optional_integer, url: text,
    } => {
        let mut attachment = Attachment::new(id, file_name, size, url);
        (attachment.content_type, attachment.duration_seconds) = (content_type, duration_seconds);
        (attachment.width, attachment.height) = (width, height);
        attachment
    }
}

object! {
    clip_key(place, value) -> ClipKey { message_id: id, attachment_id: id, } => {
        ClipKey { message_id, attachment_id }
    }
}

fn optional_settings(place: Place<'_>, value: Value<'_, '_>) -> PyResult<Option<Settings>> {
    optional(place, value, settings)
}

fn optional_float(place: Place<'_>, value: Value<'_, '_>) -> PyResult<Option<f64>> {
    optional(place, value, float)
}

fn size(place: Place<'_>, value: Value<'_, '_>) -> PyResult<u64> {
    integer(place, value)
}

pub fn optional_clip_key(place: Place<'_>, value: Value<'_, '_>) -> PyResult<Option<ClipKey>> {
    optional(place, value, clip_key)
}

pub fn guilds(place: Place<'_>, value: Value<'_, '_>) -> PyResult<Vec<GuildSnapshot>> {
    each(place, value, "GuildSnapshots", guild_alone)
}

pub fn channels(place: Place<'_>, value: Value<'_, '_>) -> PyResult<Vec<ChannelSnapshot>> {
    each(place, value, "ChannelSnapshots", channel)
}

pub fn users(place: Place<'_>, value: Value<'_, '_>) -> PyResult<Vec<UserSnapshot>> {
    each(place, value, "UserSnapshots", user)
}

pub fn claims(place: Place<'_>, value: Value<'_, '_>) -> PyResult<Vec<ScanClaim>> {
    each(place, value, "ScanClaims", claim)
}

fn clip_messages(place: Place<'_>, value: Value<'_, '_>) -> PyResult<Vec<ClipMessage>> {
    each(place, value, "ClipMessages", clip_message)
}

fn attachments(place: Place<'_>, value: Value<'_, '_>) -> PyResult<Vec<Attachment>> {
    each(place, value, "Attachments", attachment)
}

pub fn worker(place: Place<'_>, value: Value<'_, '_>) -> PyResult<Arc<clip_saver_db::ScanWorker>> {
    value.cast::<ScanWorker>().map(|worker| worker.get().worker()).map_err(|_| place.wrong_type("a ScanWorker", value))
}
