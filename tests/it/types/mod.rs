//! Ids, settings and texts: what is accepted, what is refused, and what is read back.

pub mod every_field;
pub mod fuzz_corpus;
pub mod ids;
pub mod invariants;
pub mod postgresql_limits;
pub mod settings;
pub mod settings_refused;
pub mod strings;
pub mod unreadable_rows;
