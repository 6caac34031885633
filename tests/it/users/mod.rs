//! Users and install intents: what each of their functions promises.

pub mod discord_users;
pub mod install_intents;
pub mod user_numbers;
