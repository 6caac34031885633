// This file was generated with `cornucopia`. Do not modify.

#[derive(Debug)]
pub struct UpsertUsersParams<
    T1: crate::StringSql,
    T2: crate::ArraySql<Item = T1>,
    T3: crate::StringSql,
    T4: crate::ArraySql<Item = Option<T3>>,
    T5: crate::StringSql,
    T6: crate::ArraySql<Item = Option<T5>>,
    T7: crate::StringSql,
    T8: crate::ArraySql<Item = Option<T7>>,
    T9: crate::ArraySql<Item = Option<chrono::DateTime<chrono::Utc>>>,
> {
    pub discord_user_ids: T2,
    pub usernames: T4,
    pub global_names: T6,
    pub avatars: T8,
    pub last_login_ats: T9,
}
#[derive(Debug, Clone, PartialEq)]
pub struct UserRow {
    pub id: i32,
    pub discord_user_id: String,
    pub username: Option<String>,
    pub global_name: Option<String>,
    pub avatar: Option<String>,
    pub last_login_at: Option<chrono::DateTime<chrono::Utc>>,
}
pub struct UserRowBorrowed<'a> {
    pub id: i32,
    pub discord_user_id: &'a str,
    pub username: Option<&'a str>,
    pub global_name: Option<&'a str>,
    pub avatar: Option<&'a str>,
    pub last_login_at: Option<chrono::DateTime<chrono::Utc>>,
}
impl<'a> From<UserRowBorrowed<'a>> for UserRow {
    fn from(
        UserRowBorrowed {
            id,
            discord_user_id,
            username,
            global_name,
            avatar,
            last_login_at,
        }: UserRowBorrowed<'a>,
    ) -> Self {
        Self {
            id,
            discord_user_id: discord_user_id.into(),
            username: username.map(|v| v.into()),
            global_name: global_name.map(|v| v.into()),
            avatar: avatar.map(|v| v.into()),
            last_login_at,
        }
    }
}
use crate::client::async_::GenericClient;
use futures::{self, StreamExt, TryStreamExt};
pub struct UserRowQuery<'c, 'a, 's, C: GenericClient, T, const N: usize> {
    client: &'c C,
    params: [&'a (dyn postgres_types::ToSql + Sync); N],
    query: &'static str,
    cached: Option<&'s tokio_postgres::Statement>,
    extractor: fn(&tokio_postgres::Row) -> Result<UserRowBorrowed, tokio_postgres::Error>,
    mapper: fn(UserRowBorrowed) -> T,
}
impl<'c, 'a, 's, C, T: 'c, const N: usize> UserRowQuery<'c, 'a, 's, C, T, N>
where
    C: GenericClient,
{
    pub fn map<R>(self, mapper: fn(UserRowBorrowed) -> R) -> UserRowQuery<'c, 'a, 's, C, R, N> {
        UserRowQuery {
            client: self.client,
            params: self.params,
            query: self.query,
            cached: self.cached,
            extractor: self.extractor,
            mapper,
        }
    }
    pub async fn one(self) -> Result<T, tokio_postgres::Error> {
        let row =
            crate::client::async_::one(self.client, self.query, &self.params, self.cached).await?;
        Ok((self.mapper)((self.extractor)(&row)?))
    }
    pub async fn all(self) -> Result<Vec<T>, tokio_postgres::Error> {
        self.iter().await?.try_collect().await
    }
    pub async fn opt(self) -> Result<Option<T>, tokio_postgres::Error> {
        let opt_row =
            crate::client::async_::opt(self.client, self.query, &self.params, self.cached).await?;
        Ok(opt_row
            .map(|row| {
                let extracted = (self.extractor)(&row)?;
                Ok((self.mapper)(extracted))
            })
            .transpose()?)
    }
    pub async fn iter(
        self,
    ) -> Result<
        impl futures::Stream<Item = Result<T, tokio_postgres::Error>> + 'c,
        tokio_postgres::Error,
    > {
        let stream = crate::client::async_::raw(
            self.client,
            self.query,
            crate::slice_iter(&self.params),
            self.cached,
        )
        .await?;
        let mapped = stream
            .map(move |res| {
                res.and_then(|row| {
                    let extracted = (self.extractor)(&row)?;
                    Ok((self.mapper)(extracted))
                })
            })
            .into_stream();
        Ok(mapped)
    }
}
pub struct BoolQuery<'c, 'a, 's, C: GenericClient, T, const N: usize> {
    client: &'c C,
    params: [&'a (dyn postgres_types::ToSql + Sync); N],
    query: &'static str,
    cached: Option<&'s tokio_postgres::Statement>,
    extractor: fn(&tokio_postgres::Row) -> Result<bool, tokio_postgres::Error>,
    mapper: fn(bool) -> T,
}
impl<'c, 'a, 's, C, T: 'c, const N: usize> BoolQuery<'c, 'a, 's, C, T, N>
where
    C: GenericClient,
{
    pub fn map<R>(self, mapper: fn(bool) -> R) -> BoolQuery<'c, 'a, 's, C, R, N> {
        BoolQuery {
            client: self.client,
            params: self.params,
            query: self.query,
            cached: self.cached,
            extractor: self.extractor,
            mapper,
        }
    }
    pub async fn one(self) -> Result<T, tokio_postgres::Error> {
        let row =
            crate::client::async_::one(self.client, self.query, &self.params, self.cached).await?;
        Ok((self.mapper)((self.extractor)(&row)?))
    }
    pub async fn all(self) -> Result<Vec<T>, tokio_postgres::Error> {
        self.iter().await?.try_collect().await
    }
    pub async fn opt(self) -> Result<Option<T>, tokio_postgres::Error> {
        let opt_row =
            crate::client::async_::opt(self.client, self.query, &self.params, self.cached).await?;
        Ok(opt_row
            .map(|row| {
                let extracted = (self.extractor)(&row)?;
                Ok((self.mapper)(extracted))
            })
            .transpose()?)
    }
    pub async fn iter(
        self,
    ) -> Result<
        impl futures::Stream<Item = Result<T, tokio_postgres::Error>> + 'c,
        tokio_postgres::Error,
    > {
        let stream = crate::client::async_::raw(
            self.client,
            self.query,
            crate::slice_iter(&self.params),
            self.cached,
        )
        .await?;
        let mapped = stream
            .map(move |res| {
                res.and_then(|row| {
                    let extracted = (self.extractor)(&row)?;
                    Ok((self.mapper)(extracted))
                })
            })
            .into_stream();
        Ok(mapped)
    }
}
pub struct GetUserStmt(&'static str, Option<tokio_postgres::Statement>);
/// One user by Discord id.
pub fn get_user() -> GetUserStmt {
    GetUserStmt(
        "select /* get_user */ id, discord_user_id, username, global_name, avatar, last_login_at from users where discord_user_id = $1",
        None,
    )
}
impl GetUserStmt {
    pub async fn prepare<'a, C: GenericClient>(
        mut self,
        client: &'a C,
    ) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub fn bind<'c, 'a, 's, C: GenericClient, T1: crate::StringSql>(
        &'s self,
        client: &'c C,
        discord_user_id: &'a T1,
    ) -> UserRowQuery<'c, 'a, 's, C, UserRow, 1> {
        UserRowQuery {
            client,
            params: [discord_user_id],
            query: self.0,
            cached: self.1.as_ref(),
            extractor:
                |row: &tokio_postgres::Row| -> Result<UserRowBorrowed, tokio_postgres::Error> {
                    Ok(UserRowBorrowed {
                        id: row.try_get(0)?,
                        discord_user_id: row.try_get(1)?,
                        username: row.try_get(2)?,
                        global_name: row.try_get(3)?,
                        avatar: row.try_get(4)?,
                        last_login_at: row.try_get(5)?,
                    })
                },
            mapper: |it| UserRow::from(it),
        }
    }
}
pub struct UpsertUsersStmt(&'static str, Option<tokio_postgres::Statement>);
/// Inserts or updates a batch of users. No user may come twice, and they come in key order, known and new ones alike, so that
/// batches in opposite orders cannot deadlock (see upsert_guilds). A known user brings an `id` along: the default would draw a
/// number from the 32-bit `users_id_seq` for every row of every sync, until it runs out. It is not the user's own, which
/// could be taken for a second row while another session updates the first; the update keeps the own one. The lock, which is
/// the update's own, keeps the row until then: if a racing delete took it, the negative number would be stored. A new user gets
/// the next number of the sequence that no row has: after an import the sequence may be behind the rows. The limit only tells the
/// planner that there are few rows: without it a few users are planned anew at each call where sessions have no plan_cache_mode.
pub fn upsert_users() -> UpsertUsersStmt {
    UpsertUsersStmt(
        "with /* upsert_users */ written as ( insert into users as u (id, discord_user_id, username, global_name, avatar, last_login_at) select coalesce(-k.id, ( select s.id from ( select nextval('users_id_seq') as id from (select generate_series(1, 2147483647)) endless where i.discord_user_id is not null ) s where (select t.id from users t where t.id = s.id) is null limit 1 )), i.discord_user_id, i.username, i.global_name, i.avatar, i.last_login_at from ( select discord_user_id, username, global_name, avatar, last_login_at from unnest( $1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[] ) as t (discord_user_id, username, global_name, avatar, last_login_at) limit cardinality($1) ) i left join lateral (select t.id from users t where t.discord_user_id = i.discord_user_id for no key update) k on true on conflict (discord_user_id) do update set username = excluded.username, global_name = excluded.global_name, avatar = excluded.avatar, last_login_at = coalesce(excluded.last_login_at, u.last_login_at) ) select true as is_written",
        None,
    )
}
impl UpsertUsersStmt {
    pub async fn prepare<'a, C: GenericClient>(
        mut self,
        client: &'a C,
    ) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub fn bind<
        'c,
        'a,
        's,
        C: GenericClient,
        T1: crate::StringSql,
        T2: crate::ArraySql<Item = T1>,
        T3: crate::StringSql,
        T4: crate::ArraySql<Item = Option<T3>>,
        T5: crate::StringSql,
        T6: crate::ArraySql<Item = Option<T5>>,
        T7: crate::StringSql,
        T8: crate::ArraySql<Item = Option<T7>>,
        T9: crate::ArraySql<Item = Option<chrono::DateTime<chrono::Utc>>>,
    >(
        &'s self,
        client: &'c C,
        discord_user_ids: &'a T2,
        usernames: &'a T4,
        global_names: &'a T6,
        avatars: &'a T8,
        last_login_ats: &'a T9,
    ) -> BoolQuery<'c, 'a, 's, C, bool, 5> {
        BoolQuery {
            client,
            params: [
                discord_user_ids,
                usernames,
                global_names,
                avatars,
                last_login_ats,
            ],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |row| Ok(row.try_get(0)?),
            mapper: |it| it,
        }
    }
}
impl<
    'c,
    'a,
    's,
    C: GenericClient,
    T1: crate::StringSql,
    T2: crate::ArraySql<Item = T1>,
    T3: crate::StringSql,
    T4: crate::ArraySql<Item = Option<T3>>,
    T5: crate::StringSql,
    T6: crate::ArraySql<Item = Option<T5>>,
    T7: crate::StringSql,
    T8: crate::ArraySql<Item = Option<T7>>,
    T9: crate::ArraySql<Item = Option<chrono::DateTime<chrono::Utc>>>,
>
    crate::client::async_::Params<
        'c,
        'a,
        's,
        UpsertUsersParams<T1, T2, T3, T4, T5, T6, T7, T8, T9>,
        BoolQuery<'c, 'a, 's, C, bool, 5>,
        C,
    > for UpsertUsersStmt
{
    fn params(
        &'s self,
        client: &'c C,
        params: &'a UpsertUsersParams<T1, T2, T3, T4, T5, T6, T7, T8, T9>,
    ) -> BoolQuery<'c, 'a, 's, C, bool, 5> {
        self.bind(
            client,
            &params.discord_user_ids,
            &params.usernames,
            &params.global_names,
            &params.avatars,
            &params.last_login_ats,
        )
    }
}
