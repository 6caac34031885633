//! Users: guild owners, and users who install the bot.

use chrono::{DateTime, Utc};

use super::parts::{self, Batch, ID, Part};
use super::{Texts, bytes_of, check_batch, check_texts, check_time, stored};
use crate::GenericClient;
use crate::codegen::IterSql;
use crate::codegen::client::Params as _;
use crate::codegen::queries::users::{self as queries, UpsertUsersParams, UserRowBorrowed};
use crate::config::Limits;
use crate::error::Error;
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::pool::client::Client;
use crate::types::ids::UserId;
use crate::types::models::User;
use crate::types::snapshots::UserSnapshot;

impl TryFrom<UserRowBorrowed<'_>> for User {
    type Error = Error;

    fn try_from(row: UserRowBorrowed<'_>) -> Result<Self, Error> {
        let UserRowBorrowed { id, discord_user_id, username, global_name, avatar, last_login_at } = row;
        Ok(Self {
            id,
            discord_user_id: stored("users.discord_user_id", discord_user_id, discord_user_id)?,
            username: username.map(Into::into),
            global_name: global_name.map(Into::into),
            avatar: avatar.map(Into::into),
            last_login_at,
        })
    }
}

/// Returns a user; `None` if it is not stored.
///
/// Needs: select on `users`.
///
/// # Errors
/// See the [module](super#errors).
pub async fn get_user(client: &impl Client, user_id: UserId) -> Result<Option<User>, Error> {
    read!(client, "get_user", |on| queries::get_user().bind(on, &user_id).map(|row| User::try_from(row)))
}

/// Stores a user: replaces both names and the avatar, and `last_login_at` if it is given. A new user gets the next number
/// (`id`) of the sequence that nobody has.
///
/// Idempotent.
///
/// Needs: select, insert, update on `users`; usage on `users_id_seq`.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] for U+0000; else see the [module](super#errors).
pub async fn upsert_user(client: &impl Client, user: &UserSnapshot) -> Result<(), Error> {
    let batch = Upsert(std::slice::from_ref(user));
    idempotent!(
        client,
        "upsert_user",
        "INSERT",
        || check(user),
        || parts::check_length(&batch, client.limits()),
        |on| parts::write_whole(on, &batch).await.map(drop)
    )
}

/// Stores a batch of users, atomically; returns how many distinct users were written.
///
/// Idempotent.
///
/// Needs: select, insert, update on `users`; usage on `users_id_seq`.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] for U+0000, naming the field; else see the [module](super#errors).
pub async fn upsert_users(client: &impl Client, users: &[UserSnapshot]) -> Result<u64, Error> {
    parts::write(client, &Upsert(users), operation!("upsert_users", "INSERT")).await
}

struct Upsert<'a>(&'a [UserSnapshot]);

impl Batch for Upsert<'_> {
    const NAME: &'static str = "users";

    type Row = UserSnapshot;

    fn rows(&self) -> &[UserSnapshot] {
        self.0
    }

    fn check(&self, _: &Limits) -> Result<(), Error> {
        check_batch(Self::NAME, self.0, check)
    }

    fn key(user: &UserSnapshot) -> u64 {
        user.id.get()
    }

    fn bytes(user: &UserSnapshot) -> usize {
        ID + bytes_of(texts(user))
    }

    async fn write<C: GenericClient>(&self, client: &C, part: Part<'_, UserSnapshot>) -> Result<u64, Error> {
        let users = part.distinct(Self::key);
        let params = UpsertUsersParams {
            discord_user_ids: IterSql(|| users.iter().map(|user| user.id)),
            usernames: IterSql(|| users.iter().map(|user| user.username.as_deref())),
            global_names: IterSql(|| users.iter().map(|user| user.global_name.as_deref())),
            avatars: IterSql(|| users.iter().map(|user| user.avatar.as_deref())),
            last_login_ats: IterSql(|| users.iter().map(|user| -> Option<DateTime<Utc>> { user.last_login_at })),
        };
        queries::upsert_users().params(client, &params).one().await?;
        Ok(users.len() as u64)
    }
}

fn texts(user: &UserSnapshot) -> Texts<'_, 3> {
    let UserSnapshot { id: _, username, global_name, avatar, last_login_at: _ } = user;
    [("username", username.as_deref()), ("global_name", global_name.as_deref()), ("avatar", avatar.as_deref())]
}

fn check(user: &UserSnapshot) -> Result<(), Error> {
    check_texts(texts(user))?;
    check_time("last_login_at", user.last_login_at)
}
