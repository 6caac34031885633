//! What the project promises about itself: documents, packages, rights, examples, style.

mod benches;
pub mod examples;
mod examples_bot;
mod examples_worker;
pub mod floors;
#[cfg(target_os = "linux")]
pub mod fresh_machine;
pub mod packaging;
pub mod privileges;
pub mod query_names;
pub mod reliability;
pub mod roles;
pub mod style;
pub mod style_columns;
pub mod style_outcomes;
