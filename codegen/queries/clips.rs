// This file was generated with `cornucopia`. Do not modify.

#[derive(Debug)]
pub struct GetClipsParams<T1: crate::StringSql> {
    pub guild_id: T1,
    pub first_message_id: i64,
    pub last_message_id: i64,
    pub from_message_id: i64,
    pub from_attachment_id: i64,
    pub limit: i64,
}
#[derive(Debug)]
pub struct GetClipsOfChannelParams<T1: crate::StringSql, T2: crate::StringSql> {
    pub guild_id: T1,
    pub channel_id: T2,
    pub first_message_id: i64,
    pub last_message_id: i64,
    pub from_message_id: i64,
    pub from_attachment_id: i64,
    pub limit: i64,
}
#[derive(Debug)]
pub struct GetClipsOfAuthorParams<T1: crate::StringSql> {
    pub guild_id: T1,
    pub author_id: i64,
    pub first_message_id: i64,
    pub last_message_id: i64,
    pub from_message_id: i64,
    pub from_attachment_id: i64,
    pub limit: i64,
}
#[derive(Debug)]
pub struct GetClipsOfChannelAndAuthorParams<T1: crate::StringSql, T2: crate::StringSql> {
    pub guild_id: T1,
    pub channel_id: T2,
    pub author_id: i64,
    pub first_message_id: i64,
    pub last_message_id: i64,
    pub from_message_id: i64,
    pub from_attachment_id: i64,
    pub limit: i64,
}
#[derive(Debug)]
pub struct CountClipsParams<T1: crate::StringSql> {
    pub guild_id: T1,
    pub first_message_id: i64,
    pub last_message_id: i64,
}
#[derive(Debug)]
pub struct CountClipsOfChannelParams<T1: crate::StringSql, T2: crate::StringSql> {
    pub guild_id: T1,
    pub channel_id: T2,
    pub first_message_id: i64,
    pub last_message_id: i64,
}
#[derive(Debug)]
pub struct CountClipsOfAuthorParams<T1: crate::StringSql> {
    pub guild_id: T1,
    pub author_id: i64,
    pub first_message_id: i64,
    pub last_message_id: i64,
}
#[derive(Debug)]
pub struct CountClipsOfChannelAndAuthorParams<T1: crate::StringSql, T2: crate::StringSql> {
    pub guild_id: T1,
    pub channel_id: T2,
    pub author_id: i64,
    pub first_message_id: i64,
    pub last_message_id: i64,
}
#[derive(Clone, Copy, Debug)]
pub struct GetExpiringClipsParams {
    pub within_seconds: f64,
    pub limit: i64,
}
#[derive(Debug)]
pub struct RefreshClipUrlParams<T1: crate::StringSql> {
    pub url: T1,
    pub url_expires_at: Option<chrono::DateTime<chrono::Utc>>,
    pub attachment_id: i64,
}
#[derive(Debug)]
pub struct DeleteMessagesParams<T1: crate::StringSql, T2: crate::ArraySql<Item = i64>> {
    pub channel_id: T1,
    pub message_ids: T2,
}
#[derive(Debug, Clone, PartialEq)]
pub struct ClipRow {
    pub attachment_id: i64,
    pub message_id: i64,
    pub channel_id: String,
    pub guild_id: String,
    pub author_id: i64,
    pub file_name: String,
    pub content_type: Option<String>,
    pub size: i64,
    pub duration_seconds: Option<f64>,
    pub width: Option<i32>,
    pub height: Option<i32>,
    pub url: String,
    pub url_expires_at: Option<chrono::DateTime<chrono::Utc>>,
    pub first_seen_at: chrono::DateTime<chrono::Utc>,
    pub author_name: String,
    pub author_display_name: Option<String>,
    pub author_avatar: Option<String>,
}
pub struct ClipRowBorrowed<'a> {
    pub attachment_id: i64,
    pub message_id: i64,
    pub channel_id: &'a str,
    pub guild_id: &'a str,
    pub author_id: i64,
    pub file_name: &'a str,
    pub content_type: Option<&'a str>,
    pub size: i64,
    pub duration_seconds: Option<f64>,
    pub width: Option<i32>,
    pub height: Option<i32>,
    pub url: &'a str,
    pub url_expires_at: Option<chrono::DateTime<chrono::Utc>>,
    pub first_seen_at: chrono::DateTime<chrono::Utc>,
    pub author_name: &'a str,
    pub author_display_name: Option<&'a str>,
    pub author_avatar: Option<&'a str>,
}
impl<'a> From<ClipRowBorrowed<'a>> for ClipRow {
    fn from(
        ClipRowBorrowed {
            attachment_id,
            message_id,
            channel_id,
            guild_id,
            author_id,
            file_name,
            content_type,
            size,
            duration_seconds,
            width,
            height,
            url,
            url_expires_at,
            first_seen_at,
            author_name,
            author_display_name,
            author_avatar,
        }: ClipRowBorrowed<'a>,
    ) -> Self {
        Self {
            attachment_id,
            message_id,
            channel_id: channel_id.into(),
            guild_id: guild_id.into(),
            author_id,
            file_name: file_name.into(),
            content_type: content_type.map(|v| v.into()),
            size,
            duration_seconds,
            width,
            height,
            url: url.into(),
            url_expires_at,
            first_seen_at,
            author_name: author_name.into(),
            author_display_name: author_display_name.map(|v| v.into()),
            author_avatar: author_avatar.map(|v| v.into()),
        }
    }
}
#[derive(Debug, Clone, PartialEq, Copy)]
pub struct DeletedMessagesRow {
    pub has_channel: bool,
    pub has_coverage: bool,
    pub removed: i64,
    pub must_run_again: bool,
}
use crate::client::async_::GenericClient;
use futures::{self, StreamExt, TryStreamExt};
pub struct ClipRowQuery<'c, 'a, 's, C: GenericClient, T, const N: usize> {
    client: &'c C,
    params: [&'a (dyn postgres_types::ToSql + Sync); N],
    query: &'static str,
    cached: Option<&'s tokio_postgres::Statement>,
    extractor: fn(&tokio_postgres::Row) -> Result<ClipRowBorrowed, tokio_postgres::Error>,
    mapper: fn(ClipRowBorrowed) -> T,
}
impl<'c, 'a, 's, C, T: 'c, const N: usize> ClipRowQuery<'c, 'a, 's, C, T, N>
where
    C: GenericClient,
{
    pub fn map<R>(self, mapper: fn(ClipRowBorrowed) -> R) -> ClipRowQuery<'c, 'a, 's, C, R, N> {
        ClipRowQuery {
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
pub struct DeletedMessagesRowQuery<'c, 'a, 's, C: GenericClient, T, const N: usize> {
    client: &'c C,
    params: [&'a (dyn postgres_types::ToSql + Sync); N],
    query: &'static str,
    cached: Option<&'s tokio_postgres::Statement>,
    extractor: fn(&tokio_postgres::Row) -> Result<DeletedMessagesRow, tokio_postgres::Error>,
    mapper: fn(DeletedMessagesRow) -> T,
}
impl<'c, 'a, 's, C, T: 'c, const N: usize> DeletedMessagesRowQuery<'c, 'a, 's, C, T, N>
where
    C: GenericClient,
{
    pub fn map<R>(
        self,
        mapper: fn(DeletedMessagesRow) -> R,
    ) -> DeletedMessagesRowQuery<'c, 'a, 's, C, R, N> {
        DeletedMessagesRowQuery {
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
pub struct GetClipsStmt(&'static str, Option<tokio_postgres::Statement>);
/// A guild's clips, newest first, from a place on.
pub fn get_clips() -> GetClipsStmt {
    GetClipsStmt(
        "select /* get_clips */ k.attachment_id, k.message_id, k.channel_id, k.guild_id, k.author_id, k.file_name, k.content_type, k.size, k.duration_seconds, k.width, k.height, k.url, k.url_expires_at, k.first_seen_at, coalesce(a.name, '') as author_name, a.display_name as author_display_name, a.avatar as author_avatar from bot_clips k left join bot_authors a on a.guild_id = k.guild_id and a.user_id = k.author_id where k.guild_id = $1 and k.deleted_at is null and k.message_id between $2 and $3 and (k.message_id, k.attachment_id) <= ($4, $5) order by k.message_id desc, k.attachment_id desc limit $6",
        None,
    )
}
impl GetClipsStmt {
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
        first_message_id: &'a i64,
        last_message_id: &'a i64,
        from_message_id: &'a i64,
        from_attachment_id: &'a i64,
        limit: &'a i64,
    ) -> ClipRowQuery<'c, 'a, 's, C, ClipRow, 6> {
        ClipRowQuery {
            client,
            params: [
                guild_id,
                first_message_id,
                last_message_id,
                from_message_id,
                from_attachment_id,
                limit,
            ],
            query: self.0,
            cached: self.1.as_ref(),
            extractor:
                |row: &tokio_postgres::Row| -> Result<ClipRowBorrowed, tokio_postgres::Error> {
                    Ok(ClipRowBorrowed {
                        attachment_id: row.try_get(0)?,
                        message_id: row.try_get(1)?,
                        channel_id: row.try_get(2)?,
                        guild_id: row.try_get(3)?,
                        author_id: row.try_get(4)?,
                        file_name: row.try_get(5)?,
                        content_type: row.try_get(6)?,
                        size: row.try_get(7)?,
                        duration_seconds: row.try_get(8)?,
                        width: row.try_get(9)?,
                        height: row.try_get(10)?,
                        url: row.try_get(11)?,
                        url_expires_at: row.try_get(12)?,
                        first_seen_at: row.try_get(13)?,
                        author_name: row.try_get(14)?,
                        author_display_name: row.try_get(15)?,
                        author_avatar: row.try_get(16)?,
                    })
                },
            mapper: |it| ClipRow::from(it),
        }
    }
}
impl<'c, 'a, 's, C: GenericClient, T1: crate::StringSql>
    crate::client::async_::Params<
        'c,
        'a,
        's,
        GetClipsParams<T1>,
        ClipRowQuery<'c, 'a, 's, C, ClipRow, 6>,
        C,
    > for GetClipsStmt
{
    fn params(
        &'s self,
        client: &'c C,
        params: &'a GetClipsParams<T1>,
    ) -> ClipRowQuery<'c, 'a, 's, C, ClipRow, 6> {
        self.bind(
            client,
            &params.guild_id,
            &params.first_message_id,
            &params.last_message_id,
            &params.from_message_id,
            &params.from_attachment_id,
            &params.limit,
        )
    }
}
pub struct GetClipsOfChannelStmt(&'static str, Option<tokio_postgres::Statement>);
/// A channel's clips.
pub fn get_clips_of_channel() -> GetClipsOfChannelStmt {
    GetClipsOfChannelStmt(
        "select /* get_clips_of_channel */ k.attachment_id, k.message_id, k.channel_id, k.guild_id, k.author_id, k.file_name, k.content_type, k.size, k.duration_seconds, k.width, k.height, k.url, k.url_expires_at, k.first_seen_at, coalesce(a.name, '') as author_name, a.display_name as author_display_name, a.avatar as author_avatar from bot_clips k left join bot_authors a on a.guild_id = k.guild_id and a.user_id = k.author_id where k.guild_id = $1 and k.channel_id = $2 and k.deleted_at is null and k.message_id between $3 and $4 and (k.message_id, k.attachment_id) <= ($5, $6) order by k.message_id desc, k.attachment_id desc limit $7",
        None,
    )
}
impl GetClipsOfChannelStmt {
    pub async fn prepare<'a, C: GenericClient>(
        mut self,
        client: &'a C,
    ) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub fn bind<'c, 'a, 's, C: GenericClient, T1: crate::StringSql, T2: crate::StringSql>(
        &'s self,
        client: &'c C,
        guild_id: &'a T1,
        channel_id: &'a T2,
        first_message_id: &'a i64,
        last_message_id: &'a i64,
        from_message_id: &'a i64,
        from_attachment_id: &'a i64,
        limit: &'a i64,
    ) -> ClipRowQuery<'c, 'a, 's, C, ClipRow, 7> {
        ClipRowQuery {
            client,
            params: [
                guild_id,
                channel_id,
                first_message_id,
                last_message_id,
                from_message_id,
                from_attachment_id,
                limit,
            ],
            query: self.0,
            cached: self.1.as_ref(),
            extractor:
                |row: &tokio_postgres::Row| -> Result<ClipRowBorrowed, tokio_postgres::Error> {
                    Ok(ClipRowBorrowed {
                        attachment_id: row.try_get(0)?,
                        message_id: row.try_get(1)?,
                        channel_id: row.try_get(2)?,
                        guild_id: row.try_get(3)?,
                        author_id: row.try_get(4)?,
                        file_name: row.try_get(5)?,
                        content_type: row.try_get(6)?,
                        size: row.try_get(7)?,
                        duration_seconds: row.try_get(8)?,
                        width: row.try_get(9)?,
                        height: row.try_get(10)?,
                        url: row.try_get(11)?,
                        url_expires_at: row.try_get(12)?,
                        first_seen_at: row.try_get(13)?,
                        author_name: row.try_get(14)?,
                        author_display_name: row.try_get(15)?,
                        author_avatar: row.try_get(16)?,
                    })
                },
            mapper: |it| ClipRow::from(it),
        }
    }
}
impl<'c, 'a, 's, C: GenericClient, T1: crate::StringSql, T2: crate::StringSql>
    crate::client::async_::Params<
        'c,
        'a,
        's,
        GetClipsOfChannelParams<T1, T2>,
        ClipRowQuery<'c, 'a, 's, C, ClipRow, 7>,
        C,
    > for GetClipsOfChannelStmt
{
    fn params(
        &'s self,
        client: &'c C,
        params: &'a GetClipsOfChannelParams<T1, T2>,
    ) -> ClipRowQuery<'c, 'a, 's, C, ClipRow, 7> {
        self.bind(
            client,
            &params.guild_id,
            &params.channel_id,
            &params.first_message_id,
            &params.last_message_id,
            &params.from_message_id,
            &params.from_attachment_id,
            &params.limit,
        )
    }
}
pub struct GetClipsOfAuthorStmt(&'static str, Option<tokio_postgres::Statement>);
/// An author's clips in a guild.
pub fn get_clips_of_author() -> GetClipsOfAuthorStmt {
    GetClipsOfAuthorStmt(
        "select /* get_clips_of_author */ k.attachment_id, k.message_id, k.channel_id, k.guild_id, k.author_id, k.file_name, k.content_type, k.size, k.duration_seconds, k.width, k.height, k.url, k.url_expires_at, k.first_seen_at, coalesce(a.name, '') as author_name, a.display_name as author_display_name, a.avatar as author_avatar from bot_clips k left join bot_authors a on a.guild_id = k.guild_id and a.user_id = k.author_id where k.guild_id = $1 and k.author_id = $2 and k.deleted_at is null and k.message_id between $3 and $4 and (k.message_id, k.attachment_id) <= ($5, $6) order by k.message_id desc, k.attachment_id desc limit $7",
        None,
    )
}
impl GetClipsOfAuthorStmt {
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
        author_id: &'a i64,
        first_message_id: &'a i64,
        last_message_id: &'a i64,
        from_message_id: &'a i64,
        from_attachment_id: &'a i64,
        limit: &'a i64,
    ) -> ClipRowQuery<'c, 'a, 's, C, ClipRow, 7> {
        ClipRowQuery {
            client,
            params: [
                guild_id,
                author_id,
                first_message_id,
                last_message_id,
                from_message_id,
                from_attachment_id,
                limit,
            ],
            query: self.0,
            cached: self.1.as_ref(),
            extractor:
                |row: &tokio_postgres::Row| -> Result<ClipRowBorrowed, tokio_postgres::Error> {
                    Ok(ClipRowBorrowed {
                        attachment_id: row.try_get(0)?,
                        message_id: row.try_get(1)?,
                        channel_id: row.try_get(2)?,
                        guild_id: row.try_get(3)?,
                        author_id: row.try_get(4)?,
                        file_name: row.try_get(5)?,
                        content_type: row.try_get(6)?,
                        size: row.try_get(7)?,
                        duration_seconds: row.try_get(8)?,
                        width: row.try_get(9)?,
                        height: row.try_get(10)?,
                        url: row.try_get(11)?,
                        url_expires_at: row.try_get(12)?,
                        first_seen_at: row.try_get(13)?,
                        author_name: row.try_get(14)?,
                        author_display_name: row.try_get(15)?,
                        author_avatar: row.try_get(16)?,
                    })
                },
            mapper: |it| ClipRow::from(it),
        }
    }
}
impl<'c, 'a, 's, C: GenericClient, T1: crate::StringSql>
    crate::client::async_::Params<
        'c,
        'a,
        's,
        GetClipsOfAuthorParams<T1>,
        ClipRowQuery<'c, 'a, 's, C, ClipRow, 7>,
        C,
    > for GetClipsOfAuthorStmt
{
    fn params(
        &'s self,
        client: &'c C,
        params: &'a GetClipsOfAuthorParams<T1>,
    ) -> ClipRowQuery<'c, 'a, 's, C, ClipRow, 7> {
        self.bind(
            client,
            &params.guild_id,
            &params.author_id,
            &params.first_message_id,
            &params.last_message_id,
            &params.from_message_id,
            &params.from_attachment_id,
            &params.limit,
        )
    }
}
pub struct GetClipsOfChannelAndAuthorStmt(&'static str, Option<tokio_postgres::Statement>);
/// An author's clips in a channel.
pub fn get_clips_of_channel_and_author() -> GetClipsOfChannelAndAuthorStmt {
    GetClipsOfChannelAndAuthorStmt(
        "select /* get_clips_of_channel_and_author */ k.attachment_id, k.message_id, k.channel_id, k.guild_id, k.author_id, k.file_name, k.content_type, k.size, k.duration_seconds, k.width, k.height, k.url, k.url_expires_at, k.first_seen_at, coalesce(a.name, '') as author_name, a.display_name as author_display_name, a.avatar as author_avatar from bot_clips k left join bot_authors a on a.guild_id = k.guild_id and a.user_id = k.author_id where k.guild_id = $1 and k.channel_id = $2 and k.author_id = $3 and k.deleted_at is null and k.message_id between $4 and $5 and (k.message_id, k.attachment_id) <= ($6, $7) order by k.message_id desc, k.attachment_id desc limit $8",
        None,
    )
}
impl GetClipsOfChannelAndAuthorStmt {
    pub async fn prepare<'a, C: GenericClient>(
        mut self,
        client: &'a C,
    ) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub fn bind<'c, 'a, 's, C: GenericClient, T1: crate::StringSql, T2: crate::StringSql>(
        &'s self,
        client: &'c C,
        guild_id: &'a T1,
        channel_id: &'a T2,
        author_id: &'a i64,
        first_message_id: &'a i64,
        last_message_id: &'a i64,
        from_message_id: &'a i64,
        from_attachment_id: &'a i64,
        limit: &'a i64,
    ) -> ClipRowQuery<'c, 'a, 's, C, ClipRow, 8> {
        ClipRowQuery {
            client,
            params: [
                guild_id,
                channel_id,
                author_id,
                first_message_id,
                last_message_id,
                from_message_id,
                from_attachment_id,
                limit,
            ],
            query: self.0,
            cached: self.1.as_ref(),
            extractor:
                |row: &tokio_postgres::Row| -> Result<ClipRowBorrowed, tokio_postgres::Error> {
                    Ok(ClipRowBorrowed {
                        attachment_id: row.try_get(0)?,
                        message_id: row.try_get(1)?,
                        channel_id: row.try_get(2)?,
                        guild_id: row.try_get(3)?,
                        author_id: row.try_get(4)?,
                        file_name: row.try_get(5)?,
                        content_type: row.try_get(6)?,
                        size: row.try_get(7)?,
                        duration_seconds: row.try_get(8)?,
                        width: row.try_get(9)?,
                        height: row.try_get(10)?,
                        url: row.try_get(11)?,
                        url_expires_at: row.try_get(12)?,
                        first_seen_at: row.try_get(13)?,
                        author_name: row.try_get(14)?,
                        author_display_name: row.try_get(15)?,
                        author_avatar: row.try_get(16)?,
                    })
                },
            mapper: |it| ClipRow::from(it),
        }
    }
}
impl<'c, 'a, 's, C: GenericClient, T1: crate::StringSql, T2: crate::StringSql>
    crate::client::async_::Params<
        'c,
        'a,
        's,
        GetClipsOfChannelAndAuthorParams<T1, T2>,
        ClipRowQuery<'c, 'a, 's, C, ClipRow, 8>,
        C,
    > for GetClipsOfChannelAndAuthorStmt
{
    fn params(
        &'s self,
        client: &'c C,
        params: &'a GetClipsOfChannelAndAuthorParams<T1, T2>,
    ) -> ClipRowQuery<'c, 'a, 's, C, ClipRow, 8> {
        self.bind(
            client,
            &params.guild_id,
            &params.channel_id,
            &params.author_id,
            &params.first_message_id,
            &params.last_message_id,
            &params.from_message_id,
            &params.from_attachment_id,
            &params.limit,
        )
    }
}
pub struct CountClipsStmt(&'static str, Option<tokio_postgres::Statement>);
/// How many clips get_clips finds.
pub fn count_clips() -> CountClipsStmt {
    CountClipsStmt(
        "select /* count_clips */ count(*) as clips from bot_clips k where k.guild_id = $1 and k.deleted_at is null and k.message_id between $2 and $3",
        None,
    )
}
impl CountClipsStmt {
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
        first_message_id: &'a i64,
        last_message_id: &'a i64,
    ) -> I64Query<'c, 'a, 's, C, i64, 3> {
        I64Query {
            client,
            params: [guild_id, first_message_id, last_message_id],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |row| Ok(row.try_get(0)?),
            mapper: |it| it,
        }
    }
}
impl<'c, 'a, 's, C: GenericClient, T1: crate::StringSql>
    crate::client::async_::Params<
        'c,
        'a,
        's,
        CountClipsParams<T1>,
        I64Query<'c, 'a, 's, C, i64, 3>,
        C,
    > for CountClipsStmt
{
    fn params(
        &'s self,
        client: &'c C,
        params: &'a CountClipsParams<T1>,
    ) -> I64Query<'c, 'a, 's, C, i64, 3> {
        self.bind(
            client,
            &params.guild_id,
            &params.first_message_id,
            &params.last_message_id,
        )
    }
}
pub struct CountClipsOfChannelStmt(&'static str, Option<tokio_postgres::Statement>);
/// The same for get_clips_of_channel.
pub fn count_clips_of_channel() -> CountClipsOfChannelStmt {
    CountClipsOfChannelStmt(
        "select /* count_clips_of_channel */ count(*) as clips from bot_clips k where k.guild_id = $1 and k.channel_id = $2 and k.deleted_at is null and k.message_id between $3 and $4",
        None,
    )
}
impl CountClipsOfChannelStmt {
    pub async fn prepare<'a, C: GenericClient>(
        mut self,
        client: &'a C,
    ) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub fn bind<'c, 'a, 's, C: GenericClient, T1: crate::StringSql, T2: crate::StringSql>(
        &'s self,
        client: &'c C,
        guild_id: &'a T1,
        channel_id: &'a T2,
        first_message_id: &'a i64,
        last_message_id: &'a i64,
    ) -> I64Query<'c, 'a, 's, C, i64, 4> {
        I64Query {
            client,
            params: [guild_id, channel_id, first_message_id, last_message_id],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |row| Ok(row.try_get(0)?),
            mapper: |it| it,
        }
    }
}
impl<'c, 'a, 's, C: GenericClient, T1: crate::StringSql, T2: crate::StringSql>
    crate::client::async_::Params<
        'c,
        'a,
        's,
        CountClipsOfChannelParams<T1, T2>,
        I64Query<'c, 'a, 's, C, i64, 4>,
        C,
    > for CountClipsOfChannelStmt
{
    fn params(
        &'s self,
        client: &'c C,
        params: &'a CountClipsOfChannelParams<T1, T2>,
    ) -> I64Query<'c, 'a, 's, C, i64, 4> {
        self.bind(
            client,
            &params.guild_id,
            &params.channel_id,
            &params.first_message_id,
            &params.last_message_id,
        )
    }
}
pub struct CountClipsOfAuthorStmt(&'static str, Option<tokio_postgres::Statement>);
/// The same for get_clips_of_author.
pub fn count_clips_of_author() -> CountClipsOfAuthorStmt {
    CountClipsOfAuthorStmt(
        "select /* count_clips_of_author */ count(*) as clips from bot_clips k where k.guild_id = $1 and k.author_id = $2 and k.deleted_at is null and k.message_id between $3 and $4",
        None,
    )
}
impl CountClipsOfAuthorStmt {
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
        author_id: &'a i64,
        first_message_id: &'a i64,
        last_message_id: &'a i64,
    ) -> I64Query<'c, 'a, 's, C, i64, 4> {
        I64Query {
            client,
            params: [guild_id, author_id, first_message_id, last_message_id],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |row| Ok(row.try_get(0)?),
            mapper: |it| it,
        }
    }
}
impl<'c, 'a, 's, C: GenericClient, T1: crate::StringSql>
    crate::client::async_::Params<
        'c,
        'a,
        's,
        CountClipsOfAuthorParams<T1>,
        I64Query<'c, 'a, 's, C, i64, 4>,
        C,
    > for CountClipsOfAuthorStmt
{
    fn params(
        &'s self,
        client: &'c C,
        params: &'a CountClipsOfAuthorParams<T1>,
    ) -> I64Query<'c, 'a, 's, C, i64, 4> {
        self.bind(
            client,
            &params.guild_id,
            &params.author_id,
            &params.first_message_id,
            &params.last_message_id,
        )
    }
}
pub struct CountClipsOfChannelAndAuthorStmt(&'static str, Option<tokio_postgres::Statement>);
/// The same for get_clips_of_channel_and_author.
pub fn count_clips_of_channel_and_author() -> CountClipsOfChannelAndAuthorStmt {
    CountClipsOfChannelAndAuthorStmt(
        "select /* count_clips_of_channel_and_author */ count(*) as clips from bot_clips k where k.guild_id = $1 and k.channel_id = $2 and k.author_id = $3 and k.deleted_at is null and k.message_id between $4 and $5",
        None,
    )
}
impl CountClipsOfChannelAndAuthorStmt {
    pub async fn prepare<'a, C: GenericClient>(
        mut self,
        client: &'a C,
    ) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub fn bind<'c, 'a, 's, C: GenericClient, T1: crate::StringSql, T2: crate::StringSql>(
        &'s self,
        client: &'c C,
        guild_id: &'a T1,
        channel_id: &'a T2,
        author_id: &'a i64,
        first_message_id: &'a i64,
        last_message_id: &'a i64,
    ) -> I64Query<'c, 'a, 's, C, i64, 5> {
        I64Query {
            client,
            params: [
                guild_id,
                channel_id,
                author_id,
                first_message_id,
                last_message_id,
            ],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |row| Ok(row.try_get(0)?),
            mapper: |it| it,
        }
    }
}
impl<'c, 'a, 's, C: GenericClient, T1: crate::StringSql, T2: crate::StringSql>
    crate::client::async_::Params<
        'c,
        'a,
        's,
        CountClipsOfChannelAndAuthorParams<T1, T2>,
        I64Query<'c, 'a, 's, C, i64, 5>,
        C,
    > for CountClipsOfChannelAndAuthorStmt
{
    fn params(
        &'s self,
        client: &'c C,
        params: &'a CountClipsOfChannelAndAuthorParams<T1, T2>,
    ) -> I64Query<'c, 'a, 's, C, i64, 5> {
        self.bind(
            client,
            &params.guild_id,
            &params.channel_id,
            &params.author_id,
            &params.first_message_id,
            &params.last_message_id,
        )
    }
}
pub struct GetClipStmt(&'static str, Option<tokio_postgres::Statement>);
/// One clip by its attachment.
pub fn get_clip() -> GetClipStmt {
    GetClipStmt(
        "select /* get_clip */ k.attachment_id, k.message_id, k.channel_id, k.guild_id, k.author_id, k.file_name, k.content_type, k.size, k.duration_seconds, k.width, k.height, k.url, k.url_expires_at, k.first_seen_at, coalesce(a.name, '') as author_name, a.display_name as author_display_name, a.avatar as author_avatar from bot_clips k left join bot_authors a on a.guild_id = k.guild_id and a.user_id = k.author_id where k.attachment_id = $1 and k.deleted_at is null",
        None,
    )
}
impl GetClipStmt {
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
        attachment_id: &'a i64,
    ) -> ClipRowQuery<'c, 'a, 's, C, ClipRow, 1> {
        ClipRowQuery {
            client,
            params: [attachment_id],
            query: self.0,
            cached: self.1.as_ref(),
            extractor:
                |row: &tokio_postgres::Row| -> Result<ClipRowBorrowed, tokio_postgres::Error> {
                    Ok(ClipRowBorrowed {
                        attachment_id: row.try_get(0)?,
                        message_id: row.try_get(1)?,
                        channel_id: row.try_get(2)?,
                        guild_id: row.try_get(3)?,
                        author_id: row.try_get(4)?,
                        file_name: row.try_get(5)?,
                        content_type: row.try_get(6)?,
                        size: row.try_get(7)?,
                        duration_seconds: row.try_get(8)?,
                        width: row.try_get(9)?,
                        height: row.try_get(10)?,
                        url: row.try_get(11)?,
                        url_expires_at: row.try_get(12)?,
                        first_seen_at: row.try_get(13)?,
                        author_name: row.try_get(14)?,
                        author_display_name: row.try_get(15)?,
                        author_avatar: row.try_get(16)?,
                    })
                },
            mapper: |it| ClipRow::from(it),
        }
    }
}
pub struct GetExpiringClipsStmt(&'static str, Option<tokio_postgres::Statement>);
/// The clips whose URL has expired or will soon, the earliest first.
pub fn get_expiring_clips() -> GetExpiringClipsStmt {
    GetExpiringClipsStmt(
        "select /* get_expiring_clips */ k.attachment_id, k.message_id, k.channel_id, k.guild_id, k.author_id, k.file_name, k.content_type, k.size, k.duration_seconds, k.width, k.height, k.url, k.url_expires_at, k.first_seen_at, coalesce(a.name, '') as author_name, a.display_name as author_display_name, a.avatar as author_avatar from bot_clips k left join bot_authors a on a.guild_id = k.guild_id and a.user_id = k.author_id where k.deleted_at is null and k.url_expires_at <= now() + make_interval(secs => $1) order by k.url_expires_at, k.attachment_id limit $2",
        None,
    )
}
impl GetExpiringClipsStmt {
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
        within_seconds: &'a f64,
        limit: &'a i64,
    ) -> ClipRowQuery<'c, 'a, 's, C, ClipRow, 2> {
        ClipRowQuery {
            client,
            params: [within_seconds, limit],
            query: self.0,
            cached: self.1.as_ref(),
            extractor:
                |row: &tokio_postgres::Row| -> Result<ClipRowBorrowed, tokio_postgres::Error> {
                    Ok(ClipRowBorrowed {
                        attachment_id: row.try_get(0)?,
                        message_id: row.try_get(1)?,
                        channel_id: row.try_get(2)?,
                        guild_id: row.try_get(3)?,
                        author_id: row.try_get(4)?,
                        file_name: row.try_get(5)?,
                        content_type: row.try_get(6)?,
                        size: row.try_get(7)?,
                        duration_seconds: row.try_get(8)?,
                        width: row.try_get(9)?,
                        height: row.try_get(10)?,
                        url: row.try_get(11)?,
                        url_expires_at: row.try_get(12)?,
                        first_seen_at: row.try_get(13)?,
                        author_name: row.try_get(14)?,
                        author_display_name: row.try_get(15)?,
                        author_avatar: row.try_get(16)?,
                    })
                },
            mapper: |it| ClipRow::from(it),
        }
    }
}
impl<'c, 'a, 's, C: GenericClient>
    crate::client::async_::Params<
        'c,
        'a,
        's,
        GetExpiringClipsParams,
        ClipRowQuery<'c, 'a, 's, C, ClipRow, 2>,
        C,
    > for GetExpiringClipsStmt
{
    fn params(
        &'s self,
        client: &'c C,
        params: &'a GetExpiringClipsParams,
    ) -> ClipRowQuery<'c, 'a, 's, C, ClipRow, 2> {
        self.bind(client, &params.within_seconds, &params.limit)
    }
}
pub struct RefreshClipUrlStmt(&'static str, Option<tokio_postgres::Statement>);
/// A URL that expires later than the stored one.
pub fn refresh_clip_url() -> RefreshClipUrlStmt {
    RefreshClipUrlStmt(
        "update /* refresh_clip_url */ bot_clips set url = $1, url_expires_at = $2 where attachment_id = $3 and deleted_at is null and coalesce($2::timestamptz, '-infinity') > coalesce(url_expires_at, '-infinity') returning attachment_id",
        None,
    )
}
impl RefreshClipUrlStmt {
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
        url: &'a T1,
        url_expires_at: &'a Option<chrono::DateTime<chrono::Utc>>,
        attachment_id: &'a i64,
    ) -> I64Query<'c, 'a, 's, C, i64, 3> {
        I64Query {
            client,
            params: [url, url_expires_at, attachment_id],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |row| Ok(row.try_get(0)?),
            mapper: |it| it,
        }
    }
}
impl<'c, 'a, 's, C: GenericClient, T1: crate::StringSql>
    crate::client::async_::Params<
        'c,
        'a,
        's,
        RefreshClipUrlParams<T1>,
        I64Query<'c, 'a, 's, C, i64, 3>,
        C,
    > for RefreshClipUrlStmt
{
    fn params(
        &'s self,
        client: &'c C,
        params: &'a RefreshClipUrlParams<T1>,
    ) -> I64Query<'c, 'a, 's, C, i64, 3> {
        self.bind(
            client,
            &params.url,
            &params.url_expires_at,
            &params.attachment_id,
        )
    }
}
pub struct DeleteMessagesStmt(&'static str, Option<tokio_postgres::Statement>);
/// Tombstones for messages, also for unknown ones, and for their clips. The channel's count loses those that had been counted;
/// the ids count as covered, so that no page counts them later. Clips that a concurrent page stored after this statement's
/// snapshot are not seen: then the coverage has changed since, and the statement must run again. Keys come in order, and none
/// twice.
pub fn delete_messages() -> DeleteMessagesStmt {
    DeleteMessagesStmt(
        "with /* delete_messages */ channel as materialized ( select channel_id, case when last_message_id ~ '^(0|[1-9][0-9]{0,19})$' then case when last_message_id::numeric <= 18446744073709551615 then int8multirange( int8range(0, nullif(least(last_message_id::numeric, 9223372036854775807)::bigint, 9223372036854775807) + 1) ) else '{}' end else '{}' end as up_to_cursor from bot_channels where channel_id = $1 and (select count(*) from (select pg_advisory_xact_lock(hashtextextended($1, 0))) l) > 0 for no key update ), covered as materialized ( select v.channel_id, v.covered + c.up_to_cursor as covered, v.xmin as written_by from bot_channel_coverage v join channel c on c.channel_id = v.channel_id for no key update of v ), added as materialized ( select range_agg(int8range(i.id, nullif(i.id, 9223372036854775807) + 1)) as intervals from unnest($2::bigint[]) as i (id) ), given as materialized ( select i.id, v.channel_id from covered v cross join unnest($2::bigint[]) as i (id) ), tombstones as ( insert into bot_clip_messages as m (message_id, channel_id, created_at, deleted_at) select g.id, g.channel_id, to_timestamp(((g.id >> 22) + 1420070400000) / 1000.0), now() from given g order by g.id on conflict (message_id) do update set deleted_at = excluded.deleted_at where m.deleted_at is null and m.channel_id = excluded.channel_id returning m.message_id ), removed as ( update bot_clips k set deleted_at = now() from given g where k.channel_id = g.channel_id and k.message_id = g.id and coalesce(k.deleted_at, 'infinity') = 'infinity' returning k.attachment_id ), stored as ( update bot_channel_coverage v set covered = b.covered + a.intervals from covered b cross join added a where v.channel_id = b.channel_id and v.covered <> b.covered + a.intervals ), uncounted as materialized ( select count(*) as messages from tombstones t join covered v on v.covered @> t.message_id ), moved as ( update bot_channels c set message_count = greatest(c.message_count - n.messages, 0) from covered b cross join uncounted n where c.channel_id = b.channel_id and n.messages > 0 ) select (select count(*) from channel) > 0 as has_channel, (select count(*) from covered) > 0 as has_coverage, (select count(*) from removed) as removed, exists ( select from covered b where b.written_by is distinct from ( select v.xmin from bot_channel_coverage v where v.channel_id = $1 ) ) as must_run_again",
        None,
    )
}
impl DeleteMessagesStmt {
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
        T2: crate::ArraySql<Item = i64>,
    >(
        &'s self,
        client: &'c C,
        channel_id: &'a T1,
        message_ids: &'a T2,
    ) -> DeletedMessagesRowQuery<'c, 'a, 's, C, DeletedMessagesRow, 2> {
        DeletedMessagesRowQuery {
            client,
            params: [channel_id, message_ids],
            query: self.0,
            cached: self.1.as_ref(),
            extractor:
                |row: &tokio_postgres::Row| -> Result<DeletedMessagesRow, tokio_postgres::Error> {
                    Ok(DeletedMessagesRow {
                        has_channel: row.try_get(0)?,
                        has_coverage: row.try_get(1)?,
                        removed: row.try_get(2)?,
                        must_run_again: row.try_get(3)?,
                    })
                },
            mapper: |it| DeletedMessagesRow::from(it),
        }
    }
}
impl<'c, 'a, 's, C: GenericClient, T1: crate::StringSql, T2: crate::ArraySql<Item = i64>>
    crate::client::async_::Params<
        'c,
        'a,
        's,
        DeleteMessagesParams<T1, T2>,
        DeletedMessagesRowQuery<'c, 'a, 's, C, DeletedMessagesRow, 2>,
        C,
    > for DeleteMessagesStmt
{
    fn params(
        &'s self,
        client: &'c C,
        params: &'a DeleteMessagesParams<T1, T2>,
    ) -> DeletedMessagesRowQuery<'c, 'a, 's, C, DeletedMessagesRow, 2> {
        self.bind(client, &params.channel_id, &params.message_ids)
    }
}
