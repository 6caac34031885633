//! Ids, settings and texts: what is taken, what is refused, and what comes back.

pub mod beyond_postgresql;
pub mod every_field;
pub mod fuzz_corpus;
pub mod ids;
pub mod invariants;
pub mod settings;
pub mod settings_refused;
pub mod strings;
pub mod unreadable_rows;
