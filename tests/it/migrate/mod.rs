//! Migrations: on any database, by programs that start together, and with faults.

pub mod adoption;
pub mod blocked;
pub mod blockers;
pub mod build_script;
pub mod evolution;
pub mod migration_faults;
pub mod migration_lint;
pub mod migration_lint_released;
pub mod migration_lint_squawk;
pub mod migration_races;
pub mod migrations;
pub mod password_server;
mod places;
pub mod rights;
pub mod schema;
pub mod schemas;
pub mod tortoise;
