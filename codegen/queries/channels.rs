// This file was generated with `cornucopia`. Do not modify.

#[derive(Debug)]
pub struct UpsertChannelsForGuildParams<
    T1: crate::StringSql,
    T2: crate::StringSql,
    T3: crate::ArraySql<Item = T2>,
    T4: crate::StringSql,
    T5: crate::ArraySql<Item = Option<T4>>,
    T6: crate::StringSql,
    T7: crate::ArraySql<Item = Option<T6>>,
    T8: crate::ArraySql<Item = bool>,
    T9: crate::JsonSql,
    T10: crate::ArraySql<Item = Option<T9>>,
> {
    pub guild_id: T1,
    pub channel_ids: T3,
    pub channel_names: T5,
    pub channel_types: T7,
    pub channel_nsfws: T8,
    pub channel_overrides: T10,
}
#[derive(Debug)]
pub struct SetChannelReadingParams<T1: crate::StringSql> {
    pub is_reading: bool,
    pub channel_id: T1,
}
#[derive(Debug)]
pub struct UpdateChannelCursorParams<T1: crate::StringSql, T2: crate::StringSql> {
    pub last_message_id: Option<T1>,
    pub channel_id: T2,
}
#[derive(Debug)]
pub struct UpdateChannelProgressParams<T1: crate::StringSql, T2: crate::StringSql> {
    pub last_seen_message_id: T1,
    pub ingested_count: i64,
    pub channel_id: T2,
}
#[derive(Debug)]
pub struct IncrementChannelMessageCountParams<T1: crate::StringSql> {
    pub by: i64,
    pub channel_id: T1,
}
#[derive(Debug)]
pub struct UpdateChannelSettingsParams<T1: crate::JsonSql, T2: crate::StringSql> {
    pub patch: T1,
    pub channel_id: T2,
}
#[derive(Debug)]
pub struct SetChannelSettingsParams<T1: crate::JsonSql, T2: crate::StringSql> {
    pub settings: T1,
    pub channel_id: T2,
}
#[derive(Debug, Clone, PartialEq)]
pub struct ChannelRow {
    pub channel_id: String,
    pub guild_id: String,
    pub name: Option<String>,
    pub r#type: Option<String>,
    pub is_nsfw: Option<bool>,
    pub is_reading: bool,
    pub last_message_id: Option<String>,
    pub last_scanned_at: Option<chrono::DateTime<chrono::Utc>>,
    pub last_activity_at: Option<chrono::DateTime<chrono::Utc>>,
    pub message_count: i64,
    pub settings: crate::Settings,
    pub created_at: chrono::DateTime<chrono::Utc>,
    pub updated_at: chrono::DateTime<chrono::Utc>,
}
pub struct ChannelRowBorrowed<'a> {
    pub channel_id: &'a str,
    pub guild_id: &'a str,
    pub name: Option<&'a str>,
    pub r#type: Option<&'a str>,
    pub is_nsfw: Option<bool>,
    pub is_reading: bool,
    pub last_message_id: Option<&'a str>,
    pub last_scanned_at: Option<chrono::DateTime<chrono::Utc>>,
    pub last_activity_at: Option<chrono::DateTime<chrono::Utc>>,
    pub message_count: i64,
    pub settings: crate::RawJson<'a>,
    pub created_at: chrono::DateTime<chrono::Utc>,
    pub updated_at: chrono::DateTime<chrono::Utc>,
}
impl<'a> From<ChannelRowBorrowed<'a>> for ChannelRow {
    fn from(
        ChannelRowBorrowed {
            channel_id,
            guild_id,
            name,
            r#type,
            is_nsfw,
            is_reading,
            last_message_id,
            last_scanned_at,
            last_activity_at,
            message_count,
            settings,
            created_at,
            updated_at,
        }: ChannelRowBorrowed<'a>,
    ) -> Self {
        Self {
            channel_id: channel_id.into(),
            guild_id: guild_id.into(),
            name: name.map(|v| v.into()),
            r#type: r#type.map(|v| v.into()),
            is_nsfw,
            is_reading,
            last_message_id: last_message_id.map(|v| v.into()),
            last_scanned_at,
            last_activity_at,
            message_count,
            settings: serde_json::from_str(settings.0.get()).unwrap(),
            created_at,
            updated_at,
        }
    }
}
#[derive(Debug, Clone, PartialEq)]
pub struct ChannelSettingsRow {
    pub channel_id: String,
    pub settings: crate::Settings,
    pub updated_at: chrono::DateTime<chrono::Utc>,
}
pub struct ChannelSettingsRowBorrowed<'a> {
    pub channel_id: &'a str,
    pub settings: crate::RawJson<'a>,
    pub updated_at: chrono::DateTime<chrono::Utc>,
}
impl<'a> From<ChannelSettingsRowBorrowed<'a>> for ChannelSettingsRow {
    fn from(
        ChannelSettingsRowBorrowed {
            channel_id,
            settings,
            updated_at,
        }: ChannelSettingsRowBorrowed<'a>,
    ) -> Self {
        Self {
            channel_id: channel_id.into(),
            settings: serde_json::from_str(settings.0.get()).unwrap(),
            updated_at,
        }
    }
}
use crate::client::async_::GenericClient;
use futures::{self, StreamExt, TryStreamExt};
pub struct ChannelRowQuery<'c, 'a, 's, C: GenericClient, T, const N: usize> {
    client: &'c C,
    params: [&'a (dyn postgres_types::ToSql + Sync); N],
    query: &'static str,
    cached: Option<&'s tokio_postgres::Statement>,
    extractor: fn(&tokio_postgres::Row) -> Result<ChannelRowBorrowed, tokio_postgres::Error>,
    mapper: fn(ChannelRowBorrowed) -> T,
}
impl<'c, 'a, 's, C, T: 'c, const N: usize> ChannelRowQuery<'c, 'a, 's, C, T, N>
where
    C: GenericClient,
{
    pub fn map<R>(
        self,
        mapper: fn(ChannelRowBorrowed) -> R,
    ) -> ChannelRowQuery<'c, 'a, 's, C, R, N> {
        ChannelRowQuery {
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
pub struct I64Query<'c, 'a, 's, C: GenericClient, T, const N: usize> {
    client: &'c C,
    params: [&'a (dyn postgres_types::ToSql + Sync); N],
    query: &'static str,
    cached: Option<&'s tokio_postgres::Statement>,
    extractor: fn(&tokio_postgres::Row) -> Result<i64, tokio_postgres::Error>,
    mapper: fn(i64) -> T,
}
impl<'c, 'a, 's, C, T: 'c, const N: usize> I64Query<'c, 'a, 's, C, T, N>
where
    C: GenericClient,
{
    pub fn map<R>(self, mapper: fn(i64) -> R) -> I64Query<'c, 'a, 's, C, R, N> {
        I64Query {
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
pub struct ChannelSettingsRowQuery<'c, 'a, 's, C: GenericClient, T, const N: usize> {
    client: &'c C,
    params: [&'a (dyn postgres_types::ToSql + Sync); N],
    query: &'static str,
    cached: Option<&'s tokio_postgres::Statement>,
    extractor:
        fn(&tokio_postgres::Row) -> Result<ChannelSettingsRowBorrowed, tokio_postgres::Error>,
    mapper: fn(ChannelSettingsRowBorrowed) -> T,
}
impl<'c, 'a, 's, C, T: 'c, const N: usize> ChannelSettingsRowQuery<'c, 'a, 's, C, T, N>
where
    C: GenericClient,
{
    pub fn map<R>(
        self,
        mapper: fn(ChannelSettingsRowBorrowed) -> R,
    ) -> ChannelSettingsRowQuery<'c, 'a, 's, C, R, N> {
        ChannelSettingsRowQuery {
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
pub struct GetChannelStmt(&'static str, Option<tokio_postgres::Statement>);
/// One channel by id.
pub fn get_channel() -> GetChannelStmt {
    GetChannelStmt(
        "select /* get_channel */ channel_id, guild_id, name, type, is_nsfw, is_reading, last_message_id, last_scanned_at, last_activity_at, message_count, settings, created_at, updated_at from bot_channels where channel_id = $1",
        None,
    )
}
impl GetChannelStmt {
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
        channel_id: &'a T1,
    ) -> ChannelRowQuery<'c, 'a, 's, C, ChannelRow, 1> {
        ChannelRowQuery {
            client,
            params: [channel_id],
            query: self.0,
            cached: self.1.as_ref(),
            extractor:
                |row: &tokio_postgres::Row| -> Result<ChannelRowBorrowed, tokio_postgres::Error> {
                    Ok(ChannelRowBorrowed {
                        channel_id: row.try_get(0)?,
                        guild_id: row.try_get(1)?,
                        name: row.try_get(2)?,
                        r#type: row.try_get(3)?,
                        is_nsfw: row.try_get(4)?,
                        is_reading: row.try_get(5)?,
                        last_message_id: row.try_get(6)?,
                        last_scanned_at: row.try_get(7)?,
                        last_activity_at: row.try_get(8)?,
                        message_count: row.try_get(9)?,
                        settings: row.try_get(10)?,
                        created_at: row.try_get(11)?,
                        updated_at: row.try_get(12)?,
                    })
                },
            mapper: |it| ChannelRow::from(it),
        }
    }
}
pub struct GetChannelsByGuildStmt(&'static str, Option<tokio_postgres::Statement>);
/// A guild's channels in any order: the caller sorts them. Sorted here, no row would be sent before the last one is read, and
/// 10,000 rows would take twice the time.
pub fn get_channels_by_guild() -> GetChannelsByGuildStmt {
    GetChannelsByGuildStmt(
        "select /* get_channels_by_guild */ channel_id, guild_id, name, type, is_nsfw, is_reading, last_message_id, last_scanned_at, last_activity_at, message_count, settings, created_at, updated_at from bot_channels where guild_id = $1",
        None,
    )
}
impl GetChannelsByGuildStmt {
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
    ) -> ChannelRowQuery<'c, 'a, 's, C, ChannelRow, 1> {
        ChannelRowQuery {
            client,
            params: [guild_id],
            query: self.0,
            cached: self.1.as_ref(),
            extractor:
                |row: &tokio_postgres::Row| -> Result<ChannelRowBorrowed, tokio_postgres::Error> {
                    Ok(ChannelRowBorrowed {
                        channel_id: row.try_get(0)?,
                        guild_id: row.try_get(1)?,
                        name: row.try_get(2)?,
                        r#type: row.try_get(3)?,
                        is_nsfw: row.try_get(4)?,
                        is_reading: row.try_get(5)?,
                        last_message_id: row.try_get(6)?,
                        last_scanned_at: row.try_get(7)?,
                        last_activity_at: row.try_get(8)?,
                        message_count: row.try_get(9)?,
                        settings: row.try_get(10)?,
                        created_at: row.try_get(11)?,
                        updated_at: row.try_get(12)?,
                    })
                },
            mapper: |it| ChannelRow::from(it),
        }
    }
}
pub struct GetReadingChannelsStmt(&'static str, Option<tokio_postgres::Statement>);
/// The channels of a guild that the worker reads, in any order: the caller sorts them.
pub fn get_reading_channels() -> GetReadingChannelsStmt {
    GetReadingChannelsStmt(
        "select /* get_reading_channels */ channel_id, guild_id, name, type, is_nsfw, is_reading, last_message_id, last_scanned_at, last_activity_at, message_count, settings, created_at, updated_at from bot_channels where guild_id = $1 and is_reading",
        None,
    )
}
impl GetReadingChannelsStmt {
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
    ) -> ChannelRowQuery<'c, 'a, 's, C, ChannelRow, 1> {
        ChannelRowQuery {
            client,
            params: [guild_id],
            query: self.0,
            cached: self.1.as_ref(),
            extractor:
                |row: &tokio_postgres::Row| -> Result<ChannelRowBorrowed, tokio_postgres::Error> {
                    Ok(ChannelRowBorrowed {
                        channel_id: row.try_get(0)?,
                        guild_id: row.try_get(1)?,
                        name: row.try_get(2)?,
                        r#type: row.try_get(3)?,
                        is_nsfw: row.try_get(4)?,
                        is_reading: row.try_get(5)?,
                        last_message_id: row.try_get(6)?,
                        last_scanned_at: row.try_get(7)?,
                        last_activity_at: row.try_get(8)?,
                        message_count: row.try_get(9)?,
                        settings: row.try_get(10)?,
                        created_at: row.try_get(11)?,
                        updated_at: row.try_get(12)?,
                    })
                },
            mapper: |it| ChannelRow::from(it),
        }
    }
}
pub struct CountChannelsByGuildStmt(&'static str, Option<tokio_postgres::Statement>);
/// How many channels of a guild are stored.
pub fn count_channels_by_guild() -> CountChannelsByGuildStmt {
    CountChannelsByGuildStmt(
        "select /* count_channels_by_guild */ count(*) as channels from bot_channels where guild_id = $1",
        None,
    )
}
impl CountChannelsByGuildStmt {
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
    ) -> I64Query<'c, 'a, 's, C, i64, 1> {
        I64Query {
            client,
            params: [guild_id],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |row| Ok(row.try_get(0)?),
            mapper: |it| it,
        }
    }
}
pub struct TotalMessageCountStmt(&'static str, Option<tokio_postgres::Statement>);
/// The sum of a guild's message counts (`sum` of bigints is numeric).
pub fn total_message_count() -> TotalMessageCountStmt {
    TotalMessageCountStmt(
        "select /* total_message_count */ coalesce(sum(message_count), 0)::bigint as messages from bot_channels where guild_id = $1",
        None,
    )
}
impl TotalMessageCountStmt {
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
    ) -> I64Query<'c, 'a, 's, C, i64, 1> {
        I64Query {
            client,
            params: [guild_id],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |row| Ok(row.try_get(0)?),
            mapper: |it| it,
        }
    }
}
pub struct UpsertChannelsForGuildStmt(&'static str, Option<tokio_postgres::Statement>);
/// A guild's channels. No channel may come twice, and they come in key order (see upsert_guilds in guilds.sql). Overrides are
/// merged into the stored settings. The guild is locked before its channels, as a racing delete_guilds does. An unknown guild is
/// left to the foreign key, whose error names it.
pub fn upsert_channels_for_guild() -> UpsertChannelsForGuildStmt {
    UpsertChannelsForGuildStmt(
        "with /* upsert_channels_for_guild */ written as ( insert into bot_channels as c (channel_id, guild_id, name, type, is_nsfw, settings) select i.channel_id, coalesce((select g.guild_id from bot_guilds g where g.guild_id = $1 for key share), $1), i.name, i.type, i.is_nsfw, coalesce(i.overrides, '{}') from unnest( $2::text[], $3::text[], $4::text[], $5::boolean[], $6::jsonb[] ) as i (channel_id, name, type, is_nsfw, overrides) on conflict (channel_id) do update set guild_id = excluded.guild_id, name = excluded.name, type = excluded.type, is_nsfw = excluded.is_nsfw, settings = case when excluded.settings = '{}' then c.settings when jsonb_typeof(c.settings) = 'object' then c.settings || excluded.settings else excluded.settings end ) select true as is_written",
        None,
    )
}
impl UpsertChannelsForGuildStmt {
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
        T3: crate::ArraySql<Item = T2>,
        T4: crate::StringSql,
        T5: crate::ArraySql<Item = Option<T4>>,
        T6: crate::StringSql,
        T7: crate::ArraySql<Item = Option<T6>>,
        T8: crate::ArraySql<Item = bool>,
        T9: crate::JsonSql,
        T10: crate::ArraySql<Item = Option<T9>>,
    >(
        &'s self,
        client: &'c C,
        guild_id: &'a T1,
        channel_ids: &'a T3,
        channel_names: &'a T5,
        channel_types: &'a T7,
        channel_nsfws: &'a T8,
        channel_overrides: &'a T10,
    ) -> BoolQuery<'c, 'a, 's, C, bool, 6> {
        BoolQuery {
            client,
            params: [
                guild_id,
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
    T3: crate::ArraySql<Item = T2>,
    T4: crate::StringSql,
    T5: crate::ArraySql<Item = Option<T4>>,
    T6: crate::StringSql,
    T7: crate::ArraySql<Item = Option<T6>>,
    T8: crate::ArraySql<Item = bool>,
    T9: crate::JsonSql,
    T10: crate::ArraySql<Item = Option<T9>>,
>
    crate::client::async_::Params<
        'c,
        'a,
        's,
        UpsertChannelsForGuildParams<T1, T2, T3, T4, T5, T6, T7, T8, T9, T10>,
        BoolQuery<'c, 'a, 's, C, bool, 6>,
        C,
    > for UpsertChannelsForGuildStmt
{
    fn params(
        &'s self,
        client: &'c C,
        params: &'a UpsertChannelsForGuildParams<T1, T2, T3, T4, T5, T6, T7, T8, T9, T10>,
    ) -> BoolQuery<'c, 'a, 's, C, bool, 6> {
        self.bind(
            client,
            &params.guild_id,
            &params.channel_ids,
            &params.channel_names,
            &params.channel_types,
            &params.channel_nsfws,
            &params.channel_overrides,
        )
    }
}
pub struct SetChannelReadingStmt(&'static str, Option<tokio_postgres::Statement>);
/// Turns reading on or off, in the column and in `settings.is_enabled`.
pub fn set_channel_reading() -> SetChannelReadingStmt {
    SetChannelReadingStmt(
        "update /* set_channel_reading */ bot_channels set is_reading = $1, settings = case when jsonb_typeof(settings) = 'object' then settings else '{}' end || jsonb_build_object('is_enabled', $1::boolean) where channel_id = $2",
        None,
    )
}
impl SetChannelReadingStmt {
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
        is_reading: &'a bool,
        channel_id: &'a T1,
    ) -> Result<u64, tokio_postgres::Error> {
        client.execute(&client.prepare(self.0).await?, &[is_reading, channel_id]).await
    }
}
impl<'a, C: GenericClient + Send + Sync, T1: crate::StringSql>
    crate::client::async_::Params<
        'a,
        'a,
        'a,
        SetChannelReadingParams<T1>,
        std::pin::Pin<
            Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>,
        >,
        C,
    > for SetChannelReadingStmt
{
    fn params(
        &'a self,
        client: &'a C,
        params: &'a SetChannelReadingParams<T1>,
    ) -> std::pin::Pin<
        Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>,
    > {
        Box::pin(self.bind(client, &params.is_reading, &params.channel_id))
    }
}
pub struct UpdateChannelCursorStmt(&'static str, Option<tokio_postgres::Statement>);
/// Sets the cursor as given, forward, backward or to none.
pub fn update_channel_cursor() -> UpdateChannelCursorStmt {
    UpdateChannelCursorStmt(
        "update /* update_channel_cursor */ bot_channels set last_message_id = $1, last_scanned_at = now() where channel_id = $2",
        None,
    )
}
impl UpdateChannelCursorStmt {
    pub async fn prepare<'a, C: GenericClient>(
        mut self,
        client: &'a C,
    ) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub async fn bind<'c, 'a, 's, C: GenericClient, T1: crate::StringSql, T2: crate::StringSql>(
        &'s self,
        client: &'c C,
        last_message_id: &'a Option<T1>,
        channel_id: &'a T2,
    ) -> Result<u64, tokio_postgres::Error> {
        client.execute(&client.prepare(self.0).await?, &[last_message_id, channel_id]).await
    }
}
impl<'a, C: GenericClient + Send + Sync, T1: crate::StringSql, T2: crate::StringSql>
    crate::client::async_::Params<
        'a,
        'a,
        'a,
        UpdateChannelCursorParams<T1, T2>,
        std::pin::Pin<
            Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>,
        >,
        C,
    > for UpdateChannelCursorStmt
{
    fn params(
        &'a self,
        client: &'a C,
        params: &'a UpdateChannelCursorParams<T1, T2>,
    ) -> std::pin::Pin<
        Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>,
    > {
        Box::pin(self.bind(client, &params.last_message_id, &params.channel_id))
    }
}
pub struct UpdateChannelProgressStmt(&'static str, Option<tokio_postgres::Statement>);
/// Moves the cursor forward, never back, and adds to the count. Cursors compare as numbers (999 < 1000). The cases are
/// nested because `and` promises no order, and the cast of a text that is no number would fail.
pub fn update_channel_progress() -> UpdateChannelProgressStmt {
    UpdateChannelProgressStmt(
        "update /* update_channel_progress */ bot_channels set last_message_id = case when last_message_id ~ '^(0|[1-9][0-9]{0,19})$' then case when last_message_id::numeric between $1::text::numeric and 18446744073709551615 then last_message_id else $1 end else $1 end, message_count = message_count + $2, last_scanned_at = now() where channel_id = $3",
        None,
    )
}
impl UpdateChannelProgressStmt {
    pub async fn prepare<'a, C: GenericClient>(
        mut self,
        client: &'a C,
    ) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub async fn bind<'c, 'a, 's, C: GenericClient, T1: crate::StringSql, T2: crate::StringSql>(
        &'s self,
        client: &'c C,
        last_seen_message_id: &'a T1,
        ingested_count: &'a i64,
        channel_id: &'a T2,
    ) -> Result<u64, tokio_postgres::Error> {
        client
            .execute(&client.prepare(self.0).await?, &[last_seen_message_id, ingested_count, channel_id])
            .await
    }
}
impl<'a, C: GenericClient + Send + Sync, T1: crate::StringSql, T2: crate::StringSql>
    crate::client::async_::Params<
        'a,
        'a,
        'a,
        UpdateChannelProgressParams<T1, T2>,
        std::pin::Pin<
            Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>,
        >,
        C,
    > for UpdateChannelProgressStmt
{
    fn params(
        &'a self,
        client: &'a C,
        params: &'a UpdateChannelProgressParams<T1, T2>,
    ) -> std::pin::Pin<
        Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>,
    > {
        Box::pin(self.bind(
            client,
            &params.last_seen_message_id,
            &params.ingested_count,
            &params.channel_id,
        ))
    }
}
pub struct TouchChannelActivityStmt(&'static str, Option<tokio_postgres::Statement>);
/// Marks a channel as active now.
pub fn touch_channel_activity() -> TouchChannelActivityStmt {
    TouchChannelActivityStmt(
        "update /* touch_channel_activity */ bot_channels set last_activity_at = now() where channel_id = $1",
        None,
    )
}
impl TouchChannelActivityStmt {
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
        channel_id: &'a T1,
    ) -> Result<u64, tokio_postgres::Error> {
        client.execute(&client.prepare(self.0).await?, &[channel_id]).await
    }
}
pub struct IncrementChannelMessageCountStmt(&'static str, Option<tokio_postgres::Statement>);
/// Adds to a channel's message count; a negative number subtracts.
pub fn increment_channel_message_count() -> IncrementChannelMessageCountStmt {
    IncrementChannelMessageCountStmt(
        "update /* increment_channel_message_count */ bot_channels set message_count = message_count + $1 where channel_id = $2",
        None,
    )
}
impl IncrementChannelMessageCountStmt {
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
        by: &'a i64,
        channel_id: &'a T1,
    ) -> Result<u64, tokio_postgres::Error> {
        client.execute(&client.prepare(self.0).await?, &[by, channel_id]).await
    }
}
impl<'a, C: GenericClient + Send + Sync, T1: crate::StringSql>
    crate::client::async_::Params<
        'a,
        'a,
        'a,
        IncrementChannelMessageCountParams<T1>,
        std::pin::Pin<
            Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>,
        >,
        C,
    > for IncrementChannelMessageCountStmt
{
    fn params(
        &'a self,
        client: &'a C,
        params: &'a IncrementChannelMessageCountParams<T1>,
    ) -> std::pin::Pin<
        Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>,
    > {
        Box::pin(self.bind(client, &params.by, &params.channel_id))
    }
}
pub struct UpdateChannelSettingsStmt(&'static str, Option<tokio_postgres::Statement>);
/// Replaces the top-level keys of the patch. A stored value that is no object is replaced by the patch.
pub fn update_channel_settings() -> UpdateChannelSettingsStmt {
    UpdateChannelSettingsStmt(
        "update /* update_channel_settings */ bot_channels set settings = case when jsonb_typeof(settings) = 'object' then settings || $1 else $1 end where channel_id = $2 returning channel_id, settings, updated_at",
        None,
    )
}
impl UpdateChannelSettingsStmt {
    pub async fn prepare<'a, C: GenericClient>(
        mut self,
        client: &'a C,
    ) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub fn bind<'c, 'a, 's, C: GenericClient, T1: crate::JsonSql, T2: crate::StringSql>(
        &'s self,
        client: &'c C,
        patch: &'a T1,
        channel_id: &'a T2,
    ) -> ChannelSettingsRowQuery<'c, 'a, 's, C, ChannelSettingsRow, 2> {
        ChannelSettingsRowQuery {
            client,
            params: [patch, channel_id],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |
                row: &tokio_postgres::Row,
            | -> Result<ChannelSettingsRowBorrowed, tokio_postgres::Error> {
                Ok(ChannelSettingsRowBorrowed {
                    channel_id: row.try_get(0)?,
                    settings: row.try_get(1)?,
                    updated_at: row.try_get(2)?,
                })
            },
            mapper: |it| ChannelSettingsRow::from(it),
        }
    }
}
impl<'c, 'a, 's, C: GenericClient, T1: crate::JsonSql, T2: crate::StringSql>
    crate::client::async_::Params<
        'c,
        'a,
        's,
        UpdateChannelSettingsParams<T1, T2>,
        ChannelSettingsRowQuery<'c, 'a, 's, C, ChannelSettingsRow, 2>,
        C,
    > for UpdateChannelSettingsStmt
{
    fn params(
        &'s self,
        client: &'c C,
        params: &'a UpdateChannelSettingsParams<T1, T2>,
    ) -> ChannelSettingsRowQuery<'c, 'a, 's, C, ChannelSettingsRow, 2> {
        self.bind(client, &params.patch, &params.channel_id)
    }
}
pub struct SetChannelSettingsStmt(&'static str, Option<tokio_postgres::Statement>);
/// Replaces a channel's settings as a whole.
pub fn set_channel_settings() -> SetChannelSettingsStmt {
    SetChannelSettingsStmt(
        "update /* set_channel_settings */ bot_channels set settings = $1 where channel_id = $2 returning channel_id, settings, updated_at",
        None,
    )
}
impl SetChannelSettingsStmt {
    pub async fn prepare<'a, C: GenericClient>(
        mut self,
        client: &'a C,
    ) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub fn bind<'c, 'a, 's, C: GenericClient, T1: crate::JsonSql, T2: crate::StringSql>(
        &'s self,
        client: &'c C,
        settings: &'a T1,
        channel_id: &'a T2,
    ) -> ChannelSettingsRowQuery<'c, 'a, 's, C, ChannelSettingsRow, 2> {
        ChannelSettingsRowQuery {
            client,
            params: [settings, channel_id],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |
                row: &tokio_postgres::Row,
            | -> Result<ChannelSettingsRowBorrowed, tokio_postgres::Error> {
                Ok(ChannelSettingsRowBorrowed {
                    channel_id: row.try_get(0)?,
                    settings: row.try_get(1)?,
                    updated_at: row.try_get(2)?,
                })
            },
            mapper: |it| ChannelSettingsRow::from(it),
        }
    }
}
impl<'c, 'a, 's, C: GenericClient, T1: crate::JsonSql, T2: crate::StringSql>
    crate::client::async_::Params<
        'c,
        'a,
        's,
        SetChannelSettingsParams<T1, T2>,
        ChannelSettingsRowQuery<'c, 'a, 's, C, ChannelSettingsRow, 2>,
        C,
    > for SetChannelSettingsStmt
{
    fn params(
        &'s self,
        client: &'c C,
        params: &'a SetChannelSettingsParams<T1, T2>,
    ) -> ChannelSettingsRowQuery<'c, 'a, 's, C, ChannelSettingsRow, 2> {
        self.bind(client, &params.settings, &params.channel_id)
    }
}
pub struct DeleteChannelsStmt(&'static str, Option<tokio_postgres::Statement>);
/// Deletes channels; their scan runs go with them. Rows are locked in key order first, as the batches do.
pub fn delete_channels() -> DeleteChannelsStmt {
    DeleteChannelsStmt(
        "delete /* delete_channels */ from bot_channels where channel_id = any(array( select channel_id from bot_channels where channel_id = any($1::text[]) order by channel_id for update )) returning channel_id",
        None,
    )
}
impl DeleteChannelsStmt {
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
        channel_ids: &'a T2,
    ) -> StringQuery<'c, 'a, 's, C, String, 1> {
        StringQuery {
            client,
            params: [channel_ids],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |row| Ok(row.try_get(0)?),
            mapper: |it| it.into(),
        }
    }
}
