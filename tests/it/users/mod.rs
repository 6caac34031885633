//! Users and install intents: what each of their functions promises.

pub mod install_intents;
pub mod users;
