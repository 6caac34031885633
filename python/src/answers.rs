//! What the database answered, as Python objects: dictionaries where the Python programs had them, else the classes of
//! `clip_saver_db.types`.

use std::time::Duration;

use chrono::{DateTime, Utc};
use clip_saver_db::{
    ActiveScan, AttachmentId, Channel, ChannelId, ChannelSettings, Clip, ClipAuthor, ClipKey, ClipPage, Guild, GuildId,
    GuildSettings, Health, InstallIntent, LastScan, LeaseState, LiveMessagesRecorded, MessageId, MessageInterval,
    PageRecorded, RecordedScanPage, ScanClaim, ScanProgress, ScanQueueStats, ScanRequested, ScanRun, ScanRunId,
    ScanState, ScanStatus, Settings, UnreadableRow, User, UserId,
};
use pyo3::IntoPyObjectExt as _;
use pyo3::ffi::{PyGC_Disable, PyGC_Enable};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyList, PyString, PyTuple};

use crate::{datetimes, errors, json, reports};

/// An answer that Python can hold.
pub trait Answer: Send + Sized + 'static {
    fn into_python(self, py: Python<'_>) -> PyResult<Py<PyAny>>;
}

macro_rules! plain {
    ($($type:ty),+) => {$(
        impl Answer for $type {
            fn into_python(self, py: Python<'_>) -> PyResult<Py<PyAny>> {
                self.into_py_any(py)
            }
        }
    )+};
}

plain!(bool, i16, i32, i64, u32, u64, usize, f64, String, &'static str);

impl Answer for () {
    fn into_python(self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        Ok(py.None())
    }
}

impl<T: Answer> Answer for Option<T> {
    fn into_python(self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        self.map_or_else(|| Ok(py.None()), |value| value.into_python(py))
    }
}

/// Rows that Python cannot hold are left out and reported, as the crate does it with those that it cannot read itself.
impl<T: Answer> Answer for Vec<T> {
    fn into_python(self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let paused = PausedCollector::new(py);
        let (mut rows, mut unreadable) = (Vec::with_capacity(self.len()), Vec::new());
        for row in self {
            match row.into_python(py) {
                Ok(row) => rows.push(row),
                Err(error) if errors::is_unreadable(py, &error) => unreadable.push(error),
                Err(error) => return Err(error),
            }
        }
        let list = PyList::new(py, rows)?;
        drop(paused); // a logging handler may turn the collector off
        unreadable.iter().try_for_each(|error| reports::warn_of_row(py, error))?;
        Ok(list.into_any().unbind())
    }
}

/// Python's garbage collector does not look for cycles in rows that are just being made. It would do so after each 700 objects.
struct PausedCollector {
    was_enabled: bool,
}

impl PausedCollector {
    #[expect(unsafe_code, reason = "a function of CPython")]
    fn new(_attached: Python<'_>) -> Self {
        // SAFETY: this thread is attached.
        Self { was_enabled: unsafe { PyGC_Disable() } == 1 }
    }
}

impl Drop for PausedCollector {
    #[expect(unsafe_code, reason = "a function of CPython")]
    fn drop(&mut self) {
        if self.was_enabled {
            // SAFETY: it is dropped where it was made, by a thread that is attached.
            unsafe { PyGC_Enable() };
        }
    }
}

impl Answer for DateTime<Utc> {
    fn into_python(self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        datetimes::into_python(py, self)
    }
}

impl Answer for Duration {
    /// Seconds.
    fn into_python(self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        self.as_secs_f64().into_python(py)
    }
}

impl Answer for Settings {
    fn into_python(self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        json::into_python(py, &self).map(Bound::unbind)
    }
}

macro_rules! ids {
    ($($type:ty),+) => {$(
        impl Answer for $type {
            fn into_python(self, py: Python<'_>) -> PyResult<Py<PyAny>> {
                Ok(PyString::new(py, itoa::Buffer::new().format(self.get())).into_any().unbind())
            }
        }
    )+};
}

ids!(AttachmentId, ChannelId, GuildId, MessageId, UserId);

impl Answer for ScanRunId {
    fn into_python(self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        static UUID: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let options = PyDict::new(py);
        options.set_item(intern!(py, "int"), self.get().as_u128())?;
        Ok(UUID.import(py, "uuid", "UUID")?.call((), Some(&options))?.unbind())
    }
}

impl Answer for ScanStatus {
    fn into_python(self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        Ok(PyString::intern(py, self.as_str()).into_any().unbind())
    }
}

/// A row as a dictionary. The first field is its key.
pub struct AsDict<T>(pub T);

macro_rules! dict {
    ($type:ty { $first:ident $(, $field:ident $(= $key:literal)?)* $(,)? }) => {
        impl Answer for AsDict<$type> {
            fn into_python(self, py: Python<'_>) -> PyResult<Py<PyAny>> {
                // A copy has room for all keys: none is moved while they get their values.
                static KEYS: PyOnceLock<Py<PyDict>> = PyOnceLock::new();
                let keys = KEYS.get_or_try_init(py, || {
                    let dict = PyDict::new(py);
                    dict.set_item(dict!(@key py $first), py.None())?;
                    $(dict.set_item(dict!(@key py $field $($key)?), py.None())?;)*
                    PyResult::Ok(dict.unbind())
                })?;
                let dict = keys.bind(py).copy()?;
                let $first = self.0.$first.into_python(py)?;
                dict.set_item(dict!(@key py $first), &$first)?;
                $(
                    let value = self.0.$field.into_python(py);
                    let value = value.map_err(|error| errors::in_row(py, error, &$first, stringify!($field)))?;
                    dict.set_item(dict!(@key py $field $($key)?), value)?;
                )*
                Ok(dict.into_any().unbind())
            }
        }
    };
    (@key $py:ident $field:ident) => { intern!($py, stringify!($field)) };
    (@key $py:ident $field:ident $key:literal) => { intern!($py, $key) };
}

dict!(GuildSettings { guild_id, settings, updated_at });
dict!(ChannelSettings { channel_id, settings, updated_at });
dict!(ScanProgress { messages_scanned, messages_matched });
dict!(Channel {
    channel_id, guild_id, name, kind = "type", is_nsfw, is_reading, last_message_id, last_scanned_at, last_activity_at,
    message_count, settings, created_at, updated_at,
});

/// A row as an object of the class that has its name in `clip_saver_db.types`. The first field is its key.
macro_rules! object {
    ($type:ident { $first:ident $(, $field:ident)* $(,)? }) => {
        impl Answer for $type {
            fn into_python(self, py: Python<'_>) -> PyResult<Py<PyAny>> {
                static CLASS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
                let $first = self.$first.into_python(py)?;
                $(
                    let $field = self.$field.into_python(py);
                    let $field = $field.map_err(|error| errors::in_row(py, error, &$first, stringify!($field)))?;
                )*
                let fields = PyTuple::new(py, [$first $(, $field)*])?;
                Ok(CLASS.import(py, "clip_saver_db.types", stringify!($type))?.call1(fields)?.unbind())
            }
        }
    };
}

object!(User { id, discord_user_id, username, global_name, avatar, last_login_at });
object!(Guild { guild_id, name, icon, owner_user_id, joined_at, last_seen_at });
object!(Channel {
    channel_id,
    guild_id,
    name,
    kind,
    is_nsfw,
    is_reading,
    last_message_id,
    last_scanned_at,
    last_activity_at,
    message_count,
    settings,
    created_at,
    updated_at,
});
object!(InstallIntent { state, user_id, guild_id, created_at, expires_at });
object!(ScanRun {
    id,
    channel_id,
    after_message_id,
    before_message_id,
    last_message_id,
    status,
    messages_scanned,
    messages_matched,
    error_message,
    started_at,
    finished_at,
    created_at,
    priority,
    not_before,
    worker,
    lease_until,
    attempts,
    takeovers,
    cancel_requested_at,
});
object!(ScanProgress { messages_scanned, messages_matched });
object!(ScanClaim { run_id, token, channel_id, guild_id, after, before, attempt });
object!(ActiveScan { run_id, status, worker, lease_until, progress });
object!(LastScan { status, finished_at, error_message });
object!(ScanState { channel_id, name, is_reading, message_count, gaps, active, last });
object!(ScanQueueStats { queued, delayed, running, expired, oldest });
object!(MessageInterval { first, last });
object!(PageRecorded { new_messages, new_clips, progress, is_cancel_requested });
object!(LiveMessagesRecorded { new_messages, new_clips });
object!(ClipAuthor { id, name, display_name, avatar });
object!(Clip {
    id,
    message_id,
    channel_id,
    guild_id,
    author,
    file_name,
    content_type,
    size,
    duration_seconds,
    width,
    height,
    url,
    url_expires_at,
    first_seen_at,
});
object!(ClipKey { message_id, attachment_id });
object!(ClipPage { clips, next });
object!(UnreadableRow { table, key, column, value, reason });
object!(Health { round_trip, is_read_only, connections, most_connections, waiting, pooler });

/// `None` if the claim is lost.
impl Answer for RecordedScanPage {
    fn into_python(self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        match self {
            Self::Recorded(page) => page.into_python(py),
            Self::Lost => Ok(py.None()),
        }
    }
}

impl Answer for ScanRequested {
    fn into_python(self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        static CLASS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let (outcome, run_id) = match self {
            Self::Enqueued(run) => ("enqueued", Some(run)),
            Self::AlreadyActive(run) => ("already_active", Some(run)),
            Self::NotReading => ("not_reading", None),
            Self::UnknownChannel => ("unknown_channel", None),
        };
        let fields = (outcome, run_id.into_python(py)?);
        Ok(CLASS.import(py, "clip_saver_db.types", "ScanRequested")?.call1(fields)?.unbind())
    }
}

impl Answer for LeaseState {
    fn into_python(self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let state = match self {
            Self::Held => "held",
            Self::CancelRequested => "cancel_requested",
            Self::Lost => "lost",
        };
        Ok(PyString::intern(py, state).into_any().unbind())
    }
}
