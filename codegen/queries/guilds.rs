// This file was generated with `cornucopia`. Do not modify.

#[derive(Debug)]
pub struct UpsertGuildParams<
    T1: crate::StringSql,
    T2: crate::StringSql,
    T3: crate::StringSql,
    T4: crate::StringSql,
> {
    pub guild_id: T1,
    pub name: T2,
    pub icon: Option<T3>,
    pub owner_user_id: Option<T4>,
    pub joined_at: Option<chrono::DateTime<chrono::Utc>>,
}
#[derive(Debug)]
pub struct UpsertGuildsParams<
    T1: crate::StringSql,
    T2: crate::ArraySql<Item = T1>,
    T3: crate::StringSql,
    T4: crate::ArraySql<Item = T3>,
    T5: crate::StringSql,
    T6: crate::ArraySql<Item = Option<T5>>,
    T7: crate::StringSql,
    T8: crate::ArraySql<Item = Option<T7>>,
    T9: crate::ArraySql<Item = Option<chrono::DateTime<chrono::Utc>>>,
> {
    pub guild_ids: T2,
    pub names: T4,
    pub icons: T6,
    pub owner_user_ids: T8,
    pub joined_ats: T9,
}
#[derive(Debug)]
pub struct SyncGuildParams<
    T1: crate::StringSql,
    T2: crate::StringSql,
    T3: crate::StringSql,
    T4: crate::StringSql,
    T5: crate::StringSql,
    T6: crate::ArraySql<Item = T5>,
    T7: crate::StringSql,
    T8: crate::ArraySql<Item = Option<T7>>,
    T9: crate::StringSql,
    T10: crate::ArraySql<Item = Option<T9>>,
    T11: crate::ArraySql<Item = bool>,
    T12: crate::JsonSql,
    T13: crate::ArraySql<Item = Option<T12>>,
> {
    pub owner_user_id: Option<T1>,
    pub guild_id: T2,
    pub name: T3,
    pub icon: Option<T4>,
    pub joined_at: Option<chrono::DateTime<chrono::Utc>>,
    pub channel_ids: T6,
    pub channel_names: T8,
    pub channel_types: T10,
    pub channel_nsfws: T11,
    pub channel_overrides: T13,
}
#[derive(Debug, Clone, PartialEq)]
pub struct GuildRow {
    pub guild_id: String,
    pub name: String,
    pub icon: Option<String>,
    pub owner_user_id: Option<String>,
    pub joined_at: Option<chrono::DateTime<chrono::Utc>>,
    pub last_seen_at: Option<chrono::DateTime<chrono::Utc>>,
}
pub struct GuildRowBorrowed<'a> {
    pub guild_id: &'a str,
    pub name: &'a str,
    pub icon: Option<&'a str>,
    pub owner_user_id: Option<&'a str>,
    pub joined_at: Option<chrono::DateTime<chrono::Utc>>,
    pub last_seen_at: Option<chrono::DateTime<chrono::Utc>>,
}
impl<'a> From<GuildRowBorrowed<'a>> for GuildRow {
    fn from(
        GuildRowBorrowed {
            guild_id,
            name,
            icon,
            owner_user_id,
            joined_at,
            last_seen_at,
        }: GuildRowBorrowed<'a>,
    ) -> Self {
        Self {
            guild_id: guild_id.into(),
            name: name.into(),
            icon: icon.map(|v| v.into()),
            owner_user_id: owner_user_id.map(|v| v.into()),
            joined_at,
            last_seen_at,
        }
    }
}
use crate::client::async_::GenericClient;
use futures::{self, StreamExt, TryStreamExt};
pub struct GuildRowQuery<'c, 'a, 's, C: GenericClient, T, const N: usize> {
    client: &'c C,
    params: [&'a (dyn postgres_types::ToSql + Sync); N],
    query: &'static str,
    cached: Option<&'s tokio_postgres::Statement>,
    extractor: fn(&tokio_postgres::Row) -> Result<GuildRowBorrowed, tokio_postgres::Error>,
    mapper: fn(GuildRowBorrowed) -> T,
}
impl<'c, 'a, 's, C, T: 'c, const N: usize> GuildRowQuery<'c, 'a, 's, C, T, N>
where
    C: GenericClient,
{
    pub fn map<R>(self, mapper: fn(GuildRowBorrowed) -> R) -> GuildRowQuery<'c, 'a, 's, C, R, N> {
        GuildRowQuery {
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
pub struct StringQuery<'c, 'a, 's, C: GenericClient, T, const N: usize> {
    client: &'c C,
    params: [&'a (dyn postgres_types::ToSql + Sync); N],
    query: &'static str,
    cached: Option<&'s tokio_postgres::Statement>,
    extractor: fn(&tokio_postgres::Row) -> Result<&str, tokio_postgres::Error>,
    mapper: fn(&str) -> T,
}
impl<'c, 'a, 's, C, T: 'c, const N: usize> StringQuery<'c, 'a, 's, C, T, N>
where
    C: GenericClient,
{
    pub fn map<R>(self, mapper: fn(&str) -> R) -> StringQuery<'c, 'a, 's, C, R, N> {
        StringQuery {
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
pub struct GetGuildStmt(&'static str, Option<tokio_postgres::Statement>);
/// One guild by id.
pub fn get_guild() -> GetGuildStmt {
    GetGuildStmt(
        "select /* get_guild */ guild_id, name, icon, owner_user_id, joined_at, last_seen_at from bot_guilds where guild_id = $1",
        None,
    )
}
impl GetGuildStmt {
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
        guild_id: &'a T1,
    ) -> GuildRowQuery<'c, 'a, 's, C, GuildRow, 1> {
        GuildRowQuery {
            client,
            params: [guild_id],
            query: self.0,
            cached: self.1.as_ref(),
            extractor:
                |row: &tokio_postgres::Row| -> Result<GuildRowBorrowed, tokio_postgres::Error> {
                    Ok(GuildRowBorrowed {
                        guild_id: row.try_get(0)?,
                        name: row.try_get(1)?,
                        icon: row.try_get(2)?,
                        owner_user_id: row.try_get(3)?,
                        joined_at: row.try_get(4)?,
                        last_seen_at: row.try_get(5)?,
                    })
                },
            mapper: |it| GuildRow::from(it),
        }
    }
}
pub struct GetGuildsStmt(&'static str, Option<tokio_postgres::Statement>);
/// Every guild, in the order of their ids (shorter decimal text is the smaller number).
pub fn get_guilds() -> GetGuildsStmt {
    GetGuildsStmt(
        "select /* get_guilds */ guild_id, name, icon, owner_user_id, joined_at, last_seen_at from bot_guilds order by length(guild_id), guild_id collate \"C\"",
        None,
    )
}
impl GetGuildsStmt {
    pub async fn prepare<'a, C: GenericClient>(
        mut self,
        client: &'a C,
    ) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub fn bind<'c, 'a, 's, C: GenericClient>(
        &'s self,
        client: &'c C,
    ) -> GuildRowQuery<'c, 'a, 's, C, GuildRow, 0> {
        GuildRowQuery {
            client,
            params: [],
            query: self.0,
            cached: self.1.as_ref(),
            extractor:
                |row: &tokio_postgres::Row| -> Result<GuildRowBorrowed, tokio_postgres::Error> {
                    Ok(GuildRowBorrowed {
                        guild_id: row.try_get(0)?,
                        name: row.try_get(1)?,
                        icon: row.try_get(2)?,
                        owner_user_id: row.try_get(3)?,
                        joined_at: row.try_get(4)?,
                        last_seen_at: row.try_get(5)?,
                    })
                },
            mapper: |it| GuildRow::from(it),
        }
    }
}
pub struct UpsertGuildStmt(&'static str, Option<tokio_postgres::Statement>);
/// Inserts a guild or replaces its name, icon and owner. `joined_at` is kept once it is there: a later sync does not
/// know it better.
pub fn upsert_guild() -> UpsertGuildStmt {
    UpsertGuildStmt(
        "insert /* upsert_guild */ into bot_guilds (guild_id, name, icon, owner_user_id, joined_at, last_seen_at) values ($1, $2, $3, $4, coalesce($5, now()), now()) on conflict (guild_id) do update set name = excluded.name, icon = excluded.icon, owner_user_id = excluded.owner_user_id, last_seen_at = excluded.last_seen_at",
        None,
    )
}
impl UpsertGuildStmt {
    pub async fn prepare<'a, C: GenericClient>(
        mut self,
        client: &'a C,
    ) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub async fn bind<
        'c,
        'a,
        's,
        C: GenericClient,
        T1: crate::StringSql,
        T2: crate::StringSql,
        T3: crate::StringSql,
        T4: crate::StringSql,
    >(
        &'s self,
        client: &'c C,
        guild_id: &'a T1,
        name: &'a T2,
        icon: &'a Option<T3>,
        owner_user_id: &'a Option<T4>,
        joined_at: &'a Option<chrono::DateTime<chrono::Utc>>,
    ) -> Result<u64, tokio_postgres::Error> {
        client
            .execute(&client.prepare(self.0).await?, &[guild_id, name, icon, owner_user_id, joined_at])
            .await
    }
}
impl<
    'a,
    C: GenericClient + Send + Sync,
    T1: crate::StringSql,
    T2: crate::StringSql,
    T3: crate::StringSql,
    T4: crate::StringSql,
>
    crate::client::async_::Params<
        'a,
        'a,
        'a,
        UpsertGuildParams<T1, T2, T3, T4>,
        std::pin::Pin<
            Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>,
        >,
        C,
    > for UpsertGuildStmt
{
    fn params(
        &'a self,
        client: &'a C,
        params: &'a UpsertGuildParams<T1, T2, T3, T4>,
    ) -> std::pin::Pin<
        Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>,
    > {
        Box::pin(self.bind(
            client,
            &params.guild_id,
            &params.name,
            &params.icon,
            &params.owner_user_id,
            &params.joined_at,
        ))
    }
}
pub struct UpsertGuildsStmt(&'static str, Option<tokio_postgres::Statement>);
/// The same for a batch. No guild may come twice, and they come in key order, so that batches in opposite orders cannot
/// deadlock. The caller sees to both and knows the count: sorting, `distinct on` and counting here made every batch slower.
pub fn upsert_guilds() -> UpsertGuildsStmt {
    UpsertGuildsStmt(
        "with /* upsert_guilds */ written as ( insert into bot_guilds (guild_id, name, icon, owner_user_id, joined_at, last_seen_at) select guild_id, name, icon, owner_user_id, coalesce(joined_at, now()), now() from unnest( $1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[] ) as t (guild_id, name, icon, owner_user_id, joined_at) on conflict (guild_id) do update set name = excluded.name, icon = excluded.icon, owner_user_id = excluded.owner_user_id, last_seen_at = excluded.last_seen_at ) select true as is_written",
        None,
    )
}
impl UpsertGuildsStmt {
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
        T4: crate::ArraySql<Item = T3>,
        T5: crate::StringSql,
        T6: crate::ArraySql<Item = Option<T5>>,
        T7: crate::StringSql,
        T8: crate::ArraySql<Item = Option<T7>>,
        T9: crate::ArraySql<Item = Option<chrono::DateTime<chrono::Utc>>>,
    >(
        &'s self,
        client: &'c C,
        guild_ids: &'a T2,
        names: &'a T4,
        icons: &'a T6,
        owner_user_ids: &'a T8,
        joined_ats: &'a T9,
    ) -> BoolQuery<'c, 'a, 's, C, bool, 5> {
        BoolQuery {
            client,
            params: [guild_ids, names, icons, owner_user_ids, joined_ats],
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
    T4: crate::ArraySql<Item = T3>,
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
        UpsertGuildsParams<T1, T2, T3, T4, T5, T6, T7, T8, T9>,
        BoolQuery<'c, 'a, 's, C, bool, 5>,
        C,
    > for UpsertGuildsStmt
{
    fn params(
        &'s self,
        client: &'c C,
        params: &'a UpsertGuildsParams<T1, T2, T3, T4, T5, T6, T7, T8, T9>,
    ) -> BoolQuery<'c, 'a, 's, C, bool, 5> {
        self.bind(
            client,
            &params.guild_ids,
            &params.names,
            &params.icons,
            &params.owner_user_ids,
            &params.joined_ats,
        )
    }
}
pub struct DeleteGuildsStmt(&'static str, Option<tokio_postgres::Statement>);
/// Deletes guilds; channels and scan runs go with them. Guilds, then channels, are locked in key order first, as the
/// batches do: the cascade itself would take the channels as they lie on the disk.
pub fn delete_guilds() -> DeleteGuildsStmt {
    DeleteGuildsStmt(
        "with /* delete_guilds */ doomed as materialized ( select guild_id from bot_guilds where guild_id = any($1::text[]) order by guild_id for update ), channels as materialized ( select c.channel_id from bot_channels c join doomed d on d.guild_id = c.guild_id order by c.channel_id for update of c ) delete from bot_guilds where guild_id = any(array(select guild_id from doomed)) and (select count(*) from channels) >= 0 returning guild_id",
        None,
    )
}
impl DeleteGuildsStmt {
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
    >(
        &'s self,
        client: &'c C,
        guild_ids: &'a T2,
    ) -> StringQuery<'c, 'a, 's, C, String, 1> {
        StringQuery {
            client,
            params: [guild_ids],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |row| Ok(row.try_get(0)?),
            mapper: |it| it.into(),
        }
    }
}
pub struct TouchGuildStmt(&'static str, Option<tokio_postgres::Statement>);
/// Marks a guild as seen now.
pub fn touch_guild() -> TouchGuildStmt {
    TouchGuildStmt(
        "update /* touch_guild */ bot_guilds set last_seen_at = now() where guild_id = $1",
        None,
    )
}
impl TouchGuildStmt {
    pub async fn prepare<'a, C: GenericClient>(
        mut self,
        client: &'a C,
    ) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub async fn bind<'c, 'a, 's, C: GenericClient, T1: crate::StringSql>(
        &'s self,
        client: &'c C,
        guild_id: &'a T1,
    ) -> Result<u64, tokio_postgres::Error> {
        client.execute(&client.prepare(self.0).await?, &[guild_id]).await
    }
}
pub struct SyncGuildStmt(&'static str, Option<tokio_postgres::Statement>);
/// A guild with its channels, in one statement; the channels as upsert_channels_for_guild (channels.sql) does, a statement of
/// its own because a few channels would cost a third more here. The owner is added to `users` if missing, since Discord names
/// owners whom nobody has stored yet, with the next number of the sequence that no row has (see upsert_users). Channels that
/// are not named stay.
pub fn sync_guild() -> SyncGuildStmt {
    SyncGuildStmt(
        "with /* sync_guild */ owner as ( insert into users (id, discord_user_id) select ( select s.id from (select nextval('users_id_seq') as id from (select generate_series(1, 2147483647)) endless) s where (select u.id from users u where u.id = s.id) is null limit 1 ), $1::text where $1::text is not null and not exists (select from users u where u.discord_user_id = $1) on conflict (discord_user_id) do nothing ), replaced as ( insert into bot_guilds (guild_id, name, icon, owner_user_id, joined_at, last_seen_at) values ($2, $3, $4, $1, coalesce($5, now()), now()) on conflict (guild_id) do update set name = excluded.name, icon = excluded.icon, owner_user_id = excluded.owner_user_id, last_seen_at = excluded.last_seen_at returning guild_id ), written as ( insert into bot_channels as c (channel_id, guild_id, name, type, is_nsfw, settings) select i.channel_id, (select r.guild_id from replaced r), i.name, i.type, i.is_nsfw, coalesce(i.overrides, '{}') from unnest( $6::text[], $7::text[], $8::text[], $9::boolean[], $10::jsonb[] ) as i (channel_id, name, type, is_nsfw, overrides) on conflict (channel_id) do update set guild_id = excluded.guild_id, name = excluded.name, type = excluded.type, is_nsfw = excluded.is_nsfw, settings = case when excluded.settings = '{}' then c.settings when jsonb_typeof(c.settings) = 'object' then c.settings || excluded.settings else excluded.settings end ) select true as is_written",
        None,
    )
}
impl SyncGuildStmt {
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
        T2: crate::StringSql,
        T3: crate::StringSql,
        T4: crate::StringSql,
        T5: crate::StringSql,
        T6: crate::ArraySql<Item = T5>,
        T7: crate::StringSql,
        T8: crate::ArraySql<Item = Option<T7>>,
        T9: crate::StringSql,
        T10: crate::ArraySql<Item = Option<T9>>,
        T11: crate::ArraySql<Item = bool>,
        T12: crate::JsonSql,
        T13: crate::ArraySql<Item = Option<T12>>,
    >(
        &'s self,
        client: &'c C,
        owner_user_id: &'a Option<T1>,
        guild_id: &'a T2,
        name: &'a T3,
        icon: &'a Option<T4>,
        joined_at: &'a Option<chrono::DateTime<chrono::Utc>>,
        channel_ids: &'a T6,
        channel_names: &'a T8,
        channel_types: &'a T10,
        channel_nsfws: &'a T11,
        channel_overrides: &'a T13,
    ) -> BoolQuery<'c, 'a, 's, C, bool, 10> {
        BoolQuery {
            client,
            params: [
                owner_user_id,
                guild_id,
                name,
                icon,
                joined_at,
                channel_ids,
                channel_names,
                channel_types,
                channel_nsfws,
                channel_overrides,
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
    T2: crate::StringSql,
    T3: crate::StringSql,
    T4: crate::StringSql,
    T5: crate::StringSql,
    T6: crate::ArraySql<Item = T5>,
    T7: crate::StringSql,
    T8: crate::ArraySql<Item = Option<T7>>,
    T9: crate::StringSql,
    T10: crate::ArraySql<Item = Option<T9>>,
    T11: crate::ArraySql<Item = bool>,
    T12: crate::JsonSql,
    T13: crate::ArraySql<Item = Option<T12>>,
>
    crate::client::async_::Params<
        'c,
        'a,
        's,
        SyncGuildParams<T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11, T12, T13>,
        BoolQuery<'c, 'a, 's, C, bool, 10>,
        C,
    > for SyncGuildStmt
{
    fn params(
        &'s self,
        client: &'c C,
        params: &'a SyncGuildParams<T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11, T12, T13>,
    ) -> BoolQuery<'c, 'a, 's, C, bool, 10> {
        self.bind(
            client,
            &params.owner_user_id,
            &params.guild_id,
            &params.name,
            &params.icon,
            &params.joined_at,
            &params.channel_ids,
            &params.channel_names,
            &params.channel_types,
            &params.channel_nsfws,
            &params.channel_overrides,
        )
    }
}
