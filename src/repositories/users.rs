//! Users: guild owners, and whoever installs the bot.

use chrono::{DateTime, Utc};

use super::parts::{self, Batch, ID, Part};
use super::{call, check_batch, check_optional_text, check_time, rows, stored};
use crate::GenericClient;
use crate::codegen::IterSql;
use crate::codegen::client::Params as _;
use crate::codegen::queries::users::{self as queries, UpsertUsersParams, UserRowBorrowed};
use crate::error::Error;
use crate::ids::UserId;
use crate::lease::Client;
use crate::models::User;
use crate::snapshots::UserSnapshot;

impl TryFrom<UserRowBorrowed<'_>> for User {
    type Error = Error;

    fn try_from(row: UserRowBorrowed<'_>) -> Result<Self, Error> {
        Ok(Self {
            id: row.id,
            discord_user_id: stored("users.discord_user_id", row.discord_user_id, row.discord_user_id)?,
            username: row.username.map(Into::into),
            global_name: row.global_name.map(Into::into),
            avatar: row.avatar.map(Into::into),
            last_login_at: row.last_login_at,
        })
    }
}

/// One user; `None` if nobody has stored it.
///
/// Needs: select on `users`.
///
/// # Errors
/// See the [module](super#errors).
pub async fn get_user(client: &impl Client, user_id: UserId) -> Result<Option<User>, Error> {
    call(client, operation!("get_user", "SELECT"), async {
        let query = queries::get_user();
        read!(client, |on| query.bind(on, &user_id).map(|row| User::try_from(row)).opt().await?.transpose())
    })
    .await
}

/// Stores a user: name, shown name and picture are replaced, `last_login_at` is if given.
///
/// Idempotent.
///
/// Needs: select, insert, update on `users`; usage on `users_id_seq`.
///
/// # Errors
/// [`Error::InvalidInput`] for U+0000; else see the [module](super#errors).
pub async fn upsert_user(client: &impl Client, user: &UserSnapshot) -> Result<(), Error> {
    call(client, operation!("upsert_user", "INSERT"), async {
        check(user)?;
        parts::write(client, &Upsert(std::slice::from_ref(user))).await.map(drop)
    })
    .await
}

/// Stores a batch of users, atomically; returns how many distinct users were written.
///
/// Idempotent.
///
/// Needs: select, insert, update on `users`; usage on `users_id_seq`.
///
/// # Errors
/// [`Error::InvalidInput`] for U+0000, naming the field; else see the [module](super#errors).
pub async fn upsert_users(client: &impl Client, users: &[UserSnapshot]) -> Result<u64, Error> {
    if users.is_empty() {
        return Ok(0);
    }
    call(client, operation!("upsert_users", "INSERT"), async {
        check_batch("users", users, check)?;
        parts::write(client, &Upsert(users)).await
    })
    .await
}

struct Upsert<'a>(&'a [UserSnapshot]);

impl Batch for Upsert<'_> {
    const NAME: &'static str = "users";

    type Row = UserSnapshot;

    fn rows(&self) -> &[UserSnapshot] {
        self.0
    }

    fn key(user: &UserSnapshot) -> u64 {
        user.id.get()
    }

    fn bytes(user: &UserSnapshot) -> usize {
        let texts = [&user.username, &user.global_name, &user.avatar];
        ID + texts.into_iter().flatten().map(String::len).sum::<usize>()
    }

    async fn write<C: GenericClient>(&self, client: &C, part: Part<'_, UserSnapshot>) -> Result<u64, Error> {
        let params = UpsertUsersParams {
            discord_user_ids: IterSql(|| part.iter().map(|user| user.id)),
            usernames: IterSql(|| part.iter().map(|user| user.username.as_deref())),
            global_names: IterSql(|| part.iter().map(|user| user.global_name.as_deref())),
            avatars: IterSql(|| part.iter().map(|user| user.avatar.as_deref())),
            last_login_ats: IterSql(|| part.iter().map(|user| -> Option<DateTime<Utc>> { user.last_login_at })),
        };
        Ok(rows(queries::upsert_users().params(client, &params).one().await?))
    }
}

fn check(user: &UserSnapshot) -> Result<(), Error> {
    check_optional_text("username", user.username.as_deref())?;
    check_optional_text("global_name", user.global_name.as_deref())?;
    check_optional_text("avatar", user.avatar.as_deref())?;
    check_time("last_login_at", user.last_login_at)
}
