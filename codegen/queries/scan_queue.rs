// This file was generated with `cornucopia`. Do not modify.

#[derive(Debug)]
pub struct RequestScanParams<T1: crate::StringSql, T2: crate::StringSql, T3: crate::StringSql> {
    pub channel_id: T1,
    pub priority: i16,
    pub after_message_id: Option<T2>,
    pub before_message_id: Option<T3>,
    pub not_before: Option<chrono::DateTime<chrono::Utc>>,
}
#[derive(Debug)]
pub struct ClaimQueuedScanRunsParams<T1: crate::StringSql> {
    pub limit: i64,
    pub request: uuid::Uuid,
    pub worker: T1,
    pub lease_seconds: f64,
}
#[derive(Debug)]
pub struct ClaimScanRunsParams<T1: crate::StringSql> {
    pub lease_seconds: f64,
    pub is_repeated: bool,
    pub request: uuid::Uuid,
    pub is_full: bool,
    pub limit: i64,
    pub worker: T1,
}
#[derive(Clone, Copy, Debug)]
pub struct RenewScanLeaseParams {
    pub lease_seconds: f64,
    pub id: uuid::Uuid,
    pub token: i64,
}
#[derive(Clone, Copy, Debug)]
pub struct CompleteScanParams {
    pub id: uuid::Uuid,
    pub token: i64,
}
#[derive(Debug)]
pub struct CompleteScansParams<
    T1: crate::ArraySql<Item = uuid::Uuid>,
    T2: crate::ArraySql<Item = i64>,
> {
    pub ids: T1,
    pub tokens: T2,
}
#[derive(Debug)]
pub struct FailScanParams<T1: crate::StringSql> {
    pub retry_at: Option<chrono::DateTime<chrono::Utc>>,
    pub reason: T1,
    pub id: uuid::Uuid,
    pub token: i64,
}
#[derive(Clone, Copy, Debug)]
pub struct ReleaseScanParams {
    pub id: uuid::Uuid,
    pub token: i64,
}
#[derive(Debug)]
pub struct CancelScansParams<
    T1: crate::StringSql,
    T2: crate::StringSql,
    T3: crate::ArraySql<Item = T2>,
> {
    pub guild_id: Option<T1>,
    pub channel_ids: T3,
}
#[derive(Debug)]
pub struct PurgeFinishedScanRunsParams<T1: crate::StringSql> {
    pub after_channel_id: Option<T1>,
    pub keep: i64,
    pub older_than_seconds: f64,
}
#[derive(Debug, Clone, PartialEq, Copy)]
pub struct ScanRequestRow {
    pub is_reading: bool,
    pub id: Option<uuid::Uuid>,
    pub is_new: Option<bool>,
    pub notifications: i64,
}
#[derive(Debug, Clone, PartialEq)]
pub struct ClaimedRunRow {
    pub id: uuid::Uuid,
    pub channel_id: String,
    pub guild_id: String,
    pub after_message_id: Option<String>,
    pub before_message_id: Option<String>,
    pub claim_token: i64,
    pub attempts: i32,
}
pub struct ClaimedRunRowBorrowed<'a> {
    pub id: uuid::Uuid,
    pub channel_id: &'a str,
    pub guild_id: &'a str,
    pub after_message_id: Option<&'a str>,
    pub before_message_id: Option<&'a str>,
    pub claim_token: i64,
    pub attempts: i32,
}
impl<'a> From<ClaimedRunRowBorrowed<'a>> for ClaimedRunRow {
    fn from(
        ClaimedRunRowBorrowed {
            id,
            channel_id,
            guild_id,
            after_message_id,
            before_message_id,
            claim_token,
            attempts,
        }: ClaimedRunRowBorrowed<'a>,
    ) -> Self {
        Self {
            id,
            channel_id: channel_id.into(),
            guild_id: guild_id.into(),
            after_message_id: after_message_id.map(|v| v.into()),
            before_message_id: before_message_id.map(|v| v.into()),
            claim_token,
            attempts,
        }
    }
}
#[derive(Debug, Clone, PartialEq, Copy)]
pub struct ReleaseScan {
    pub id: uuid::Uuid,
    pub notifications: i64,
}
#[derive(Debug, Clone, PartialEq)]
pub struct ScanStateRow {
    pub channel_id: String,
    pub name: Option<String>,
    pub is_reading: bool,
    pub message_count: i64,
    pub run_id: Option<uuid::Uuid>,
    pub status: Option<String>,
    pub worker: Option<String>,
    pub lease_until: Option<chrono::DateTime<chrono::Utc>>,
    pub messages_scanned: Option<i64>,
    pub messages_matched: Option<i64>,
    pub gaps: i64,
    pub last_status: Option<String>,
    pub last_finished_at: Option<chrono::DateTime<chrono::Utc>>,
    pub last_error: Option<String>,
}
pub struct ScanStateRowBorrowed<'a> {
    pub channel_id: &'a str,
    pub name: Option<&'a str>,
    pub is_reading: bool,
    pub message_count: i64,
    pub run_id: Option<uuid::Uuid>,
    pub status: Option<&'a str>,
    pub worker: Option<&'a str>,
    pub lease_until: Option<chrono::DateTime<chrono::Utc>>,
    pub messages_scanned: Option<i64>,
    pub messages_matched: Option<i64>,
    pub gaps: i64,
    pub last_status: Option<&'a str>,
    pub last_finished_at: Option<chrono::DateTime<chrono::Utc>>,
    pub last_error: Option<&'a str>,
}
impl<'a> From<ScanStateRowBorrowed<'a>> for ScanStateRow {
    fn from(
        ScanStateRowBorrowed {
            channel_id,
            name,
            is_reading,
            message_count,
            run_id,
            status,
            worker,
            lease_until,
            messages_scanned,
            messages_matched,
            gaps,
            last_status,
            last_finished_at,
            last_error,
        }: ScanStateRowBorrowed<'a>,
    ) -> Self {
        Self {
            channel_id: channel_id.into(),
            name: name.map(|v| v.into()),
            is_reading,
            message_count,
            run_id,
            status: status.map(|v| v.into()),
            worker: worker.map(|v| v.into()),
            lease_until,
            messages_scanned,
            messages_matched,
            gaps,
            last_status: last_status.map(|v| v.into()),
            last_finished_at,
            last_error: last_error.map(|v| v.into()),
        }
    }
}
#[derive(Debug, Clone, PartialEq, Copy)]
pub struct ScanQueueStatsRow {
    pub queued: i64,
    pub delayed: i64,
    pub running: i64,
    pub expired: i64,
    pub oldest_seconds: Option<f64>,
}
#[derive(Debug, Clone, PartialEq)]
pub struct PurgedRow {
    pub deleted: i64,
    pub last_channel_id: Option<String>,
}
pub struct PurgedRowBorrowed<'a> {
    pub deleted: i64,
    pub last_channel_id: Option<&'a str>,
}
impl<'a> From<PurgedRowBorrowed<'a>> for PurgedRow {
    fn from(
        PurgedRowBorrowed {
            deleted,
            last_channel_id,
        }: PurgedRowBorrowed<'a>,
    ) -> Self {
        Self {
            deleted,
            last_channel_id: last_channel_id.map(|v| v.into()),
        }
    }
}
use crate::client::async_::GenericClient;
use futures::{self, StreamExt, TryStreamExt};
pub struct ScanRequestRowQuery<'c, 'a, 's, C: GenericClient, T, const N: usize> {
    client: &'c C,
    params: [&'a (dyn postgres_types::ToSql + Sync); N],
    query: &'static str,
    cached: Option<&'s tokio_postgres::Statement>,
    extractor: fn(&tokio_postgres::Row) -> Result<ScanRequestRow, tokio_postgres::Error>,
    mapper: fn(ScanRequestRow) -> T,
}
impl<'c, 'a, 's, C, T: 'c, const N: usize> ScanRequestRowQuery<'c, 'a, 's, C, T, N>
where
    C: GenericClient,
{
    pub fn map<R>(
        self,
        mapper: fn(ScanRequestRow) -> R,
    ) -> ScanRequestRowQuery<'c, 'a, 's, C, R, N> {
        ScanRequestRowQuery {
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
pub struct ClaimedRunRowQuery<'c, 'a, 's, C: GenericClient, T, const N: usize> {
    client: &'c C,
    params: [&'a (dyn postgres_types::ToSql + Sync); N],
    query: &'static str,
    cached: Option<&'s tokio_postgres::Statement>,
    extractor: fn(&tokio_postgres::Row) -> Result<ClaimedRunRowBorrowed, tokio_postgres::Error>,
    mapper: fn(ClaimedRunRowBorrowed) -> T,
}
impl<'c, 'a, 's, C, T: 'c, const N: usize> ClaimedRunRowQuery<'c, 'a, 's, C, T, N>
where
    C: GenericClient,
{
    pub fn map<R>(
        self,
        mapper: fn(ClaimedRunRowBorrowed) -> R,
    ) -> ClaimedRunRowQuery<'c, 'a, 's, C, R, N> {
        ClaimedRunRowQuery {
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
pub struct UuidUuidQuery<'c, 'a, 's, C: GenericClient, T, const N: usize> {
    client: &'c C,
    params: [&'a (dyn postgres_types::ToSql + Sync); N],
    query: &'static str,
    cached: Option<&'s tokio_postgres::Statement>,
    extractor: fn(&tokio_postgres::Row) -> Result<uuid::Uuid, tokio_postgres::Error>,
    mapper: fn(uuid::Uuid) -> T,
}
impl<'c, 'a, 's, C, T: 'c, const N: usize> UuidUuidQuery<'c, 'a, 's, C, T, N>
where
    C: GenericClient,
{
    pub fn map<R>(self, mapper: fn(uuid::Uuid) -> R) -> UuidUuidQuery<'c, 'a, 's, C, R, N> {
        UuidUuidQuery {
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
pub struct ReleaseScanQuery<'c, 'a, 's, C: GenericClient, T, const N: usize> {
    client: &'c C,
    params: [&'a (dyn postgres_types::ToSql + Sync); N],
    query: &'static str,
    cached: Option<&'s tokio_postgres::Statement>,
    extractor: fn(&tokio_postgres::Row) -> Result<ReleaseScan, tokio_postgres::Error>,
    mapper: fn(ReleaseScan) -> T,
}
impl<'c, 'a, 's, C, T: 'c, const N: usize> ReleaseScanQuery<'c, 'a, 's, C, T, N>
where
    C: GenericClient,
{
    pub fn map<R>(self, mapper: fn(ReleaseScan) -> R) -> ReleaseScanQuery<'c, 'a, 's, C, R, N> {
        ReleaseScanQuery {
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
pub struct ScanStateRowQuery<'c, 'a, 's, C: GenericClient, T, const N: usize> {
    client: &'c C,
    params: [&'a (dyn postgres_types::ToSql + Sync); N],
    query: &'static str,
    cached: Option<&'s tokio_postgres::Statement>,
    extractor: fn(&tokio_postgres::Row) -> Result<ScanStateRowBorrowed, tokio_postgres::Error>,
    mapper: fn(ScanStateRowBorrowed) -> T,
}
impl<'c, 'a, 's, C, T: 'c, const N: usize> ScanStateRowQuery<'c, 'a, 's, C, T, N>
where
    C: GenericClient,
{
    pub fn map<R>(
        self,
        mapper: fn(ScanStateRowBorrowed) -> R,
    ) -> ScanStateRowQuery<'c, 'a, 's, C, R, N> {
        ScanStateRowQuery {
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
pub struct ScanQueueStatsRowQuery<'c, 'a, 's, C: GenericClient, T, const N: usize> {
    client: &'c C,
    params: [&'a (dyn postgres_types::ToSql + Sync); N],
    query: &'static str,
    cached: Option<&'s tokio_postgres::Statement>,
    extractor: fn(&tokio_postgres::Row) -> Result<ScanQueueStatsRow, tokio_postgres::Error>,
    mapper: fn(ScanQueueStatsRow) -> T,
}
impl<'c, 'a, 's, C, T: 'c, const N: usize> ScanQueueStatsRowQuery<'c, 'a, 's, C, T, N>
where
    C: GenericClient,
{
    pub fn map<R>(
        self,
        mapper: fn(ScanQueueStatsRow) -> R,
    ) -> ScanQueueStatsRowQuery<'c, 'a, 's, C, R, N> {
        ScanQueueStatsRowQuery {
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
pub struct PurgedRowQuery<'c, 'a, 's, C: GenericClient, T, const N: usize> {
    client: &'c C,
    params: [&'a (dyn postgres_types::ToSql + Sync); N],
    query: &'static str,
    cached: Option<&'s tokio_postgres::Statement>,
    extractor: fn(&tokio_postgres::Row) -> Result<PurgedRowBorrowed, tokio_postgres::Error>,
    mapper: fn(PurgedRowBorrowed) -> T,
}
impl<'c, 'a, 's, C, T: 'c, const N: usize> PurgedRowQuery<'c, 'a, 's, C, T, N>
where
    C: GenericClient,
{
    pub fn map<R>(self, mapper: fn(PurgedRowBorrowed) -> R) -> PurgedRowQuery<'c, 'a, 's, C, R, N> {
        PurgedRowQuery {
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
pub struct RequestScanStmt(&'static str, Option<tokio_postgres::Statement>);
/// A shared run in the queue, if the channel is there and reading and no equal run is active: the unique index lets one of many
/// concurrent requests win, and the others get its run. The queue's row of a priority is made by its first request. Wakes
/// the workers at the commit.
pub fn request_scan() -> RequestScanStmt {
    RequestScanStmt(
        "with /* request_scan */ channel as materialized ( select channel_id, guild_id, is_reading from bot_channels where channel_id = $1 for key share ), level as ( insert into bot_scan_queue (priority) select $2::smallint from channel where is_reading and not exists (select from bot_scan_queue where priority = $2) on conflict (priority) do nothing ), present as materialized ( select coalesce(( select coalesce( ( select r.turn from bot_channel_scan_runs r where r.status = 'queued' and r.not_before is null and r.turn is not null and r.priority = q.priority and (r.turn, r.created_at, r.id) >= (q.turn, q.created_at, q.run_id) order by r.turn, r.created_at, r.id limit 1 ), q.turn ) from bot_scan_queue q where q.priority = $2 ), 0) as turn ), enqueued as ( insert into bot_channel_scan_runs as r ( channel_id, queue_guild_id, after_message_id, before_message_id, priority, not_before, turn ) select c.channel_id, c.guild_id, $3, $4, $2, $5, greatest( p.turn, ( select o.turn + 1 from bot_channel_scan_runs o where o.status = 'queued' and o.not_before is null and o.turn is not null and o.queue_guild_id = c.guild_id and o.priority = $2 order by o.turn desc limit 1 ) ) from channel c cross join present p where c.is_reading on conflict ( channel_id, coalesce(after_message_id, ''), coalesce(before_message_id, ''), coalesce(cancel_requested_at, '-infinity') ) where status in ('queued', 'running') and turn is not null do update set queue_guild_id = excluded.queue_guild_id returning r.id, (r.xmax = 0) as is_new ) select c.is_reading, e.id, e.is_new, (select count(*) from (select pg_notify('clip_saver_scans', '') from enqueued where is_new) n) as notifications from channel c left join enqueued e on true",
        None,
    )
}
impl RequestScanStmt {
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
    >(
        &'s self,
        client: &'c C,
        channel_id: &'a T1,
        priority: &'a i16,
        after_message_id: &'a Option<T2>,
        before_message_id: &'a Option<T3>,
        not_before: &'a Option<chrono::DateTime<chrono::Utc>>,
    ) -> ScanRequestRowQuery<'c, 'a, 's, C, ScanRequestRow, 5> {
        ScanRequestRowQuery {
            client,
            params: [
                channel_id,
                priority,
                after_message_id,
                before_message_id,
                not_before,
            ],
            query: self.0,
            cached: self.1.as_ref(),
            extractor:
                |row: &tokio_postgres::Row| -> Result<ScanRequestRow, tokio_postgres::Error> {
                    Ok(ScanRequestRow {
                        is_reading: row.try_get(0)?,
                        id: row.try_get(1)?,
                        is_new: row.try_get(2)?,
                        notifications: row.try_get(3)?,
                    })
                },
            mapper: |it| ScanRequestRow::from(it),
        }
    }
}
impl<'c, 'a, 's, C: GenericClient, T1: crate::StringSql, T2: crate::StringSql, T3: crate::StringSql>
    crate::client::async_::Params<
        'c,
        'a,
        's,
        RequestScanParams<T1, T2, T3>,
        ScanRequestRowQuery<'c, 'a, 's, C, ScanRequestRow, 5>,
        C,
    > for RequestScanStmt
{
    fn params(
        &'s self,
        client: &'c C,
        params: &'a RequestScanParams<T1, T2, T3>,
    ) -> ScanRequestRowQuery<'c, 'a, 's, C, ScanRequestRow, 5> {
        self.bind(
            client,
            &params.channel_id,
            &params.priority,
            &params.after_message_id,
            &params.before_message_id,
            &params.not_before,
        )
    }
}
pub struct ClaimQueuedScanRunsStmt(&'static str, Option<tokio_postgres::Statement>);
/// Claims the first runs of the queue: highest priority first, then by turn, then the oldest. Never waits: what others are
/// claiming is skipped. Begins at the queue's bound, behind the entries of former claims. The literal limit, the bounds of the
/// priority and the second limit tell the planner that there are few rows, whether or not the tables were analyzed: so it keeps
/// one plan, also behind poolers where sessions have no plan_cache_mode. claim_scan_runs looks further, and raises the bound.
pub fn claim_queued_scan_runs() -> ClaimQueuedScanRunsStmt {
    ClaimQueuedScanRunsStmt(
        "with /* claim_queued_scan_runs */ queued as materialized ( select r.id, l.priority, r.turn, r.created_at from ( select priority, turn, created_at, run_id from bot_scan_queue where priority between -32768 and 32767 order by priority desc ) l cross join lateral ( select o.id, o.turn, o.created_at from bot_channel_scan_runs o where o.status = 'queued' and o.not_before is null and o.turn is not null and o.priority = l.priority and (o.turn, o.created_at, o.id) >= (l.turn, l.created_at, l.run_id) order by o.turn, o.created_at, o.id limit 100 for no key update skip locked ) r order by l.priority desc limit $1 ), claimed as ( update bot_channel_scan_runs r set status = 'running', claim_token = r.claim_token + 1, claim_request = $2, worker = $3, lease_until = now() + make_interval(secs => $4), attempts = r.attempts + 1, started_at = coalesce(r.started_at, now()) from (select id from queued limit $1) q where r.id = q.id returning r.id, r.channel_id, r.queue_guild_id as guild_id, r.after_message_id, r.before_message_id, r.claim_token, r.attempts, r.priority, r.turn, r.created_at ) select id, channel_id, guild_id, after_message_id, before_message_id, claim_token, attempts from claimed order by priority desc, turn, created_at, id",
        None,
    )
}
impl ClaimQueuedScanRunsStmt {
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
        limit: &'a i64,
        request: &'a uuid::Uuid,
        worker: &'a T1,
        lease_seconds: &'a f64,
    ) -> ClaimedRunRowQuery<'c, 'a, 's, C, ClaimedRunRow, 4> {
        ClaimedRunRowQuery {
            client,
            params: [limit, request, worker, lease_seconds],
            query: self.0,
            cached: self.1.as_ref(),
            extractor:
                |row: &tokio_postgres::Row| -> Result<ClaimedRunRowBorrowed, tokio_postgres::Error> {
                    Ok(ClaimedRunRowBorrowed {
                        id: row.try_get(0)?,
                        channel_id: row.try_get(1)?,
                        guild_id: row.try_get(2)?,
                        after_message_id: row.try_get(3)?,
                        before_message_id: row.try_get(4)?,
                        claim_token: row.try_get(5)?,
                        attempts: row.try_get(6)?,
                    })
                },
            mapper: |it| ClaimedRunRow::from(it),
        }
    }
}
impl<'c, 'a, 's, C: GenericClient, T1: crate::StringSql>
    crate::client::async_::Params<
        'c,
        'a,
        's,
        ClaimQueuedScanRunsParams<T1>,
        ClaimedRunRowQuery<'c, 'a, 's, C, ClaimedRunRow, 4>,
        C,
    > for ClaimQueuedScanRunsStmt
{
    fn params(
        &'s self,
        client: &'c C,
        params: &'a ClaimQueuedScanRunsParams<T1>,
    ) -> ClaimedRunRowQuery<'c, 'a, 's, C, ClaimedRunRow, 4> {
        self.bind(
            client,
            &params.limit,
            &params.request,
            &params.worker,
            &params.lease_seconds,
        )
    }
}
pub struct ClaimScanRunsStmt(&'static str, Option<tokio_postgres::Statement>);
/// Claims the first runs, looking further than claim_queued_scan_runs. A full look also finds runs whose lease has expired,
/// delayed runs whose time has come, and runs whose place is before the queue's bound. Such a run was handed back, or enqueued
/// while the bound rose, or its claim was rolled back. Each of these indexes begins with the entries of former claims until
/// vacuum removes them, and it cannot while a snapshot is older than they are: so workers look there only now and then.
/// The first of the queued runs becomes the bound. A delayed run gets a new turn when its time has come, as if it were
/// requested now: else a guild's many delayed runs would come before those that others queued meanwhile.
/// An expired run that was to be canceled is canceled, and one that was taken over 20 times has failed; both get a new token.
/// A repeated call returns the claims of the first, with new leases. It locks them in key order first, as cancel_scans does.
pub fn claim_scan_runs() -> ClaimScanRunsStmt {
    ClaimScanRunsStmt(
        "with /* claim_scan_runs */ repeated as ( update bot_channel_scan_runs r set lease_until = now() + make_interval(secs => $1) where r.id = any(array( select id from bot_channel_scan_runs where $2::boolean and status = 'running' and turn is not null and claim_request = $3 and lease_until > now() order by id for no key update )) returning r.id, r.channel_id, r.queue_guild_id as guild_id, r.after_message_id, r.before_message_id, r.claim_token, r.attempts, r.priority, r.turn, r.created_at ), expired as materialized ( select id, priority, turn, created_at, cancel_requested_at is not null as is_canceled, takeovers >= 20 as is_hopeless from bot_channel_scan_runs where $4::boolean and not exists (select from repeated) and status = 'running' and turn is not null and lease_until <= now() order by lease_until limit 100 for no key update skip locked ), ended as ( update bot_channel_scan_runs r set status = case when e.is_canceled then 'canceled' else 'failed' end::scan_status, finished_at = now(), claim_token = r.claim_token + 1, lease_until = null, error_message = case when e.is_canceled then r.error_message else 'given up: 20 workers lost it in turn, the last was ' || coalesce(r.worker, 'unknown') end from expired e where r.id = e.id and (e.is_canceled or e.is_hopeless) ), due as materialized ( select id, queue_guild_id as guild_id, priority, not_before from bot_channel_scan_runs where $4::boolean and not exists (select from repeated) and status = 'queued' and turn is not null and not_before <= now() order by not_before limit 100 for no key update skip locked ), queued as materialized ( select r.id, r.priority, r.turn, r.created_at from ( select priority, turn, created_at, run_id from bot_scan_queue where priority between -32768 and 32767 and not exists (select from repeated) order by priority desc ) l cross join lateral ( select o.id, o.priority, o.turn, o.created_at from bot_channel_scan_runs o where o.status = 'queued' and o.not_before is null and o.turn is not null and o.priority = l.priority and (o.turn, o.created_at, o.id) >= ( case when $4::boolean then 0 else l.turn end, case when $4::boolean then '-infinity' else l.created_at end, l.run_id ) order by o.turn, o.created_at, o.id limit 100 for no key update skip locked ) r order by l.priority desc limit $5 ), present as materialized ( select d.id, d.priority, d.guild_id, d.not_before, greatest( q.turn, ( select r.turn from bot_channel_scan_runs r where r.status = 'queued' and r.not_before is null and r.turn is not null and r.priority = d.priority and (r.turn, r.created_at, r.id) >= (q.turn, q.created_at, q.run_id) order by r.turn, r.created_at, r.id limit 1 ), ( select o.turn + 1 from bot_channel_scan_runs o where o.status = 'queued' and o.not_before is null and o.turn is not null and o.queue_guild_id = d.guild_id and o.priority = d.priority order by o.turn desc limit 1 ) ) as turn from due d left join lateral ( select b.turn, b.created_at, b.run_id from bot_scan_queue b where b.priority = d.priority limit 1 ) q on true ), ready as materialized ( select id, priority, not_before, coalesce(turn, 0) + row_number() over (partition by priority, guild_id order by not_before) - 1 as turn from present ), chosen as materialized ( select id, turn from ( select id, priority, turn, created_at as since from expired where not is_canceled and not is_hopeless union all select id, priority, turn, not_before from ready union all select id, priority, turn, created_at from queued order by priority desc, turn, since, id limit 100 ) c limit $5 ), promoted as ( update bot_channel_scan_runs r set not_before = null, turn = p.turn from (select id, turn from ready w where not exists (select from chosen c where c.id = w.id) limit 100) p where r.id = p.id ), raised as ( update bot_scan_queue q set turn = n.turn, created_at = n.created_at, run_id = n.id from ( select l.priority, n.turn, n.created_at, n.id from (select distinct on (priority) priority, turn, created_at, id from queued order by priority, turn, created_at, id) n join bot_scan_queue l on l.priority = n.priority where (n.turn, n.created_at, n.id) > (l.turn, l.created_at, l.run_id) for no key update of l skip locked ) n where q.priority = n.priority ), claimed as ( update bot_channel_scan_runs r set status = 'running', claim_token = r.claim_token + 1, claim_request = $3, worker = $6, lease_until = now() + make_interval(secs => $1), attempts = r.attempts + 1, takeovers = r.takeovers + (r.status = 'running')::integer, started_at = coalesce(r.started_at, now()), not_before = null, turn = c.turn from chosen c where r.id = c.id returning r.id, r.channel_id, r.queue_guild_id as guild_id, r.after_message_id, r.before_message_id, r.claim_token, r.attempts, r.priority, r.turn, r.created_at ) select id, channel_id, guild_id, after_message_id, before_message_id, claim_token, attempts from ( select id, channel_id, guild_id, after_message_id, before_message_id, claim_token, attempts, priority, turn, created_at from claimed union all select id, channel_id, guild_id, after_message_id, before_message_id, claim_token, attempts, priority, turn, created_at from repeated ) a order by priority desc, turn, created_at, id",
        None,
    )
}
impl ClaimScanRunsStmt {
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
        lease_seconds: &'a f64,
        is_repeated: &'a bool,
        request: &'a uuid::Uuid,
        is_full: &'a bool,
        limit: &'a i64,
        worker: &'a T1,
    ) -> ClaimedRunRowQuery<'c, 'a, 's, C, ClaimedRunRow, 6> {
        ClaimedRunRowQuery {
            client,
            params: [lease_seconds, is_repeated, request, is_full, limit, worker],
            query: self.0,
            cached: self.1.as_ref(),
            extractor:
                |row: &tokio_postgres::Row| -> Result<ClaimedRunRowBorrowed, tokio_postgres::Error> {
                    Ok(ClaimedRunRowBorrowed {
                        id: row.try_get(0)?,
                        channel_id: row.try_get(1)?,
                        guild_id: row.try_get(2)?,
                        after_message_id: row.try_get(3)?,
                        before_message_id: row.try_get(4)?,
                        claim_token: row.try_get(5)?,
                        attempts: row.try_get(6)?,
                    })
                },
            mapper: |it| ClaimedRunRow::from(it),
        }
    }
}
impl<'c, 'a, 's, C: GenericClient, T1: crate::StringSql>
    crate::client::async_::Params<
        'c,
        'a,
        's,
        ClaimScanRunsParams<T1>,
        ClaimedRunRowQuery<'c, 'a, 's, C, ClaimedRunRow, 6>,
        C,
    > for ClaimScanRunsStmt
{
    fn params(
        &'s self,
        client: &'c C,
        params: &'a ClaimScanRunsParams<T1>,
    ) -> ClaimedRunRowQuery<'c, 'a, 's, C, ClaimedRunRow, 6> {
        self.bind(
            client,
            &params.lease_seconds,
            &params.is_repeated,
            &params.request,
            &params.is_full,
            &params.limit,
            &params.worker,
        )
    }
}
pub struct RenewScanLeaseStmt(&'static str, Option<tokio_postgres::Statement>);
/// A new end of the lease, if the claim still holds. Returns whether the run is to be canceled.
pub fn renew_scan_lease() -> RenewScanLeaseStmt {
    RenewScanLeaseStmt(
        "update /* renew_scan_lease */ bot_channel_scan_runs set lease_until = now() + make_interval(secs => $1) where id = $2 and claim_token = $3 and status::text = 'running' and lease_until > now() returning cancel_requested_at is not null as is_cancel_requested",
        None,
    )
}
impl RenewScanLeaseStmt {
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
        lease_seconds: &'a f64,
        id: &'a uuid::Uuid,
        token: &'a i64,
    ) -> BoolQuery<'c, 'a, 's, C, bool, 3> {
        BoolQuery {
            client,
            params: [lease_seconds, id, token],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |row| Ok(row.try_get(0)?),
            mapper: |it| it,
        }
    }
}
impl<'c, 'a, 's, C: GenericClient>
    crate::client::async_::Params<
        'c,
        'a,
        's,
        RenewScanLeaseParams,
        BoolQuery<'c, 'a, 's, C, bool, 3>,
        C,
    > for RenewScanLeaseStmt
{
    fn params(
        &'s self,
        client: &'c C,
        params: &'a RenewScanLeaseParams,
    ) -> BoolQuery<'c, 'a, 's, C, bool, 3> {
        self.bind(client, &params.lease_seconds, &params.id, &params.token)
    }
}
pub struct CompleteScanStmt(&'static str, Option<tokio_postgres::Statement>);
/// complete_scans for one claim. A statement of its own: it has fewer steps, and complete_scans costs so much less if the planner
/// knows that there is one that it would plan each call anew where sessions have no plan_cache_mode.
pub fn complete_scan() -> CompleteScanStmt {
    CompleteScanStmt(
        "update /* complete_scan */ bot_channel_scan_runs set status = 'succeeded', finished_at = coalesce(finished_at, now()), lease_until = null, error_message = null where id = $1 and claim_token = $2 and case status::text when 'running' then lease_until > now() when 'succeeded' then true else false end returning id",
        None,
    )
}
impl CompleteScanStmt {
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
        id: &'a uuid::Uuid,
        token: &'a i64,
    ) -> UuidUuidQuery<'c, 'a, 's, C, uuid::Uuid, 2> {
        UuidUuidQuery {
            client,
            params: [id, token],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |row| Ok(row.try_get(0)?),
            mapper: |it| it,
        }
    }
}
impl<'c, 'a, 's, C: GenericClient>
    crate::client::async_::Params<
        'c,
        'a,
        's,
        CompleteScanParams,
        UuidUuidQuery<'c, 'a, 's, C, uuid::Uuid, 2>,
        C,
    > for CompleteScanStmt
{
    fn params(
        &'s self,
        client: &'c C,
        params: &'a CompleteScanParams,
    ) -> UuidUuidQuery<'c, 'a, 's, C, uuid::Uuid, 2> {
        self.bind(client, &params.id, &params.token)
    }
}
pub struct CompleteScansStmt(&'static str, Option<tokio_postgres::Statement>);
/// running → succeeded, for each claim that still holds. The reason of an earlier attempt's failure is forgotten. A claim that
/// has completed its run counts again. Never waits, and so needs no order: runs that others are writing to are skipped, and
/// left to complete_scan.
pub fn complete_scans() -> CompleteScansStmt {
    CompleteScansStmt(
        "with /* complete_scans */ held as materialized ( select r.id from unnest($1::uuid[], $2::bigint[]) as c (id, token) join bot_channel_scan_runs r on r.id = c.id and r.claim_token = c.token where case r.status::text when 'running' then r.lease_until > now() when 'succeeded' then true else false end for no key update of r skip locked ) update bot_channel_scan_runs r set status = 'succeeded', finished_at = coalesce(r.finished_at, now()), lease_until = null, error_message = null from held h where r.id = h.id returning r.id",
        None,
    )
}
impl CompleteScansStmt {
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
        T1: crate::ArraySql<Item = uuid::Uuid>,
        T2: crate::ArraySql<Item = i64>,
    >(
        &'s self,
        client: &'c C,
        ids: &'a T1,
        tokens: &'a T2,
    ) -> UuidUuidQuery<'c, 'a, 's, C, uuid::Uuid, 2> {
        UuidUuidQuery {
            client,
            params: [ids, tokens],
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
    T1: crate::ArraySql<Item = uuid::Uuid>,
    T2: crate::ArraySql<Item = i64>,
>
    crate::client::async_::Params<
        'c,
        'a,
        's,
        CompleteScansParams<T1, T2>,
        UuidUuidQuery<'c, 'a, 's, C, uuid::Uuid, 2>,
        C,
    > for CompleteScansStmt
{
    fn params(
        &'s self,
        client: &'c C,
        params: &'a CompleteScansParams<T1, T2>,
    ) -> UuidUuidQuery<'c, 'a, 's, C, uuid::Uuid, 2> {
        self.bind(client, &params.ids, &params.tokens)
    }
}
pub struct FailScanStmt(&'static str, Option<tokio_postgres::Statement>);
/// running → failed with the reason, or back into the queue at a time, unless it is to be canceled; if the claim still holds.
/// A claim that has done this counts again.
pub fn fail_scan() -> FailScanStmt {
    FailScanStmt(
        "update /* fail_scan */ bot_channel_scan_runs set status = case when status::text <> 'running' then status when cancel_requested_at is not null then 'canceled' when $1::timestamptz is null then 'failed' else 'queued' end, finished_at = case when status::text = 'running' and ($1::timestamptz is null or cancel_requested_at is not null) then now() else finished_at end, not_before = case when status::text = 'running' then $1 else not_before end, error_message = case when status::text = 'running' then $2 else error_message end, lease_until = null where id = $3 and claim_token = $4 and case when status::text = 'running' then lease_until > now() else status::text in ('failed', 'queued', 'canceled') and error_message = $2 end returning id",
        None,
    )
}
impl FailScanStmt {
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
        retry_at: &'a Option<chrono::DateTime<chrono::Utc>>,
        reason: &'a T1,
        id: &'a uuid::Uuid,
        token: &'a i64,
    ) -> UuidUuidQuery<'c, 'a, 's, C, uuid::Uuid, 4> {
        UuidUuidQuery {
            client,
            params: [retry_at, reason, id, token],
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
        FailScanParams<T1>,
        UuidUuidQuery<'c, 'a, 's, C, uuid::Uuid, 4>,
        C,
    > for FailScanStmt
{
    fn params(
        &'s self,
        client: &'c C,
        params: &'a FailScanParams<T1>,
    ) -> UuidUuidQuery<'c, 'a, 's, C, uuid::Uuid, 4> {
        self.bind(
            client,
            &params.retry_at,
            &params.reason,
            &params.id,
            &params.token,
        )
    }
}
pub struct ReleaseScanStmt(&'static str, Option<tokio_postgres::Statement>);
/// running → queued, in front of its priority, without counting as an attempt; canceled if that was asked for; if the claim still
/// holds. A claim that has done this counts again. Wakes the workers.
pub fn release_scan() -> ReleaseScanStmt {
    ReleaseScanStmt(
        "with /* release_scan */ released as ( update bot_channel_scan_runs r set status = case when r.status::text <> 'running' then r.status when r.cancel_requested_at is null then 'queued' else 'canceled' end, finished_at = case when r.status::text = 'running' and r.cancel_requested_at is not null then now() else r.finished_at end, attempts = r.attempts - (r.status::text = 'running')::integer, turn = greatest(r.turn, (select q.turn from bot_scan_queue q where q.priority = r.priority)), lease_until = null where r.id = $1 and r.claim_token = $2 and case r.status::text when 'running' then r.lease_until > now() when 'queued' then true when 'canceled' then r.cancel_requested_at is not null else false end returning r.id ) select id, (select count(*) from (select pg_notify('clip_saver_scans', '') from released) n) as notifications from released",
        None,
    )
}
impl ReleaseScanStmt {
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
        id: &'a uuid::Uuid,
        token: &'a i64,
    ) -> ReleaseScanQuery<'c, 'a, 's, C, ReleaseScan, 2> {
        ReleaseScanQuery {
            client,
            params: [id, token],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |row: &tokio_postgres::Row| -> Result<ReleaseScan, tokio_postgres::Error> {
                Ok(ReleaseScan {
                    id: row.try_get(0)?,
                    notifications: row.try_get(1)?,
                })
            },
            mapper: |it| ReleaseScan::from(it),
        }
    }
}
impl<'c, 'a, 's, C: GenericClient>
    crate::client::async_::Params<
        'c,
        'a,
        's,
        ReleaseScanParams,
        ReleaseScanQuery<'c, 'a, 's, C, ReleaseScan, 2>,
        C,
    > for ReleaseScanStmt
{
    fn params(
        &'s self,
        client: &'c C,
        params: &'a ReleaseScanParams,
    ) -> ReleaseScanQuery<'c, 'a, 's, C, ReleaseScan, 2> {
        self.bind(client, &params.id, &params.token)
    }
}
pub struct RequestScanCancelStmt(&'static str, Option<tokio_postgres::Statement>);
/// queued → canceled. A running run's worker is told by its next page or renewal; without a lease it is canceled at once, since
/// nobody would be told.
pub fn request_scan_cancel() -> RequestScanCancelStmt {
    RequestScanCancelStmt(
        "update /* request_scan_cancel */ bot_channel_scan_runs set status = case when status = 'queued' or lease_until is null then 'canceled' else status end, finished_at = case when status = 'queued' or lease_until is null then now() else finished_at end, cancel_requested_at = coalesce(cancel_requested_at, now()) where id = $1 and status::text in ('queued', 'running') returning id",
        None,
    )
}
impl RequestScanCancelStmt {
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
        id: &'a uuid::Uuid,
    ) -> UuidUuidQuery<'c, 'a, 's, C, uuid::Uuid, 1> {
        UuidUuidQuery {
            client,
            params: [id],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |row| Ok(row.try_get(0)?),
            mapper: |it| it,
        }
    }
}
pub struct CancelScansStmt(&'static str, Option<tokio_postgres::Statement>);
/// The same for the shared runs of a guild, and of channels.
pub fn cancel_scans() -> CancelScansStmt {
    CancelScansStmt(
        "update /* cancel_scans */ bot_channel_scan_runs set status = case when status = 'queued' or lease_until is null then 'canceled' else status end, finished_at = case when status = 'queued' or lease_until is null then now() else finished_at end, cancel_requested_at = coalesce(cancel_requested_at, now()) where id = any(array( select id from bot_channel_scan_runs where channel_id = any(array( select channel_id from bot_channels where guild_id = $1 or channel_id = any($2::text[]) order by channel_id for key share )) and status in ('queued', 'running') and turn is not null order by id for no key update )) returning id",
        None,
    )
}
impl CancelScansStmt {
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
    >(
        &'s self,
        client: &'c C,
        guild_id: &'a Option<T1>,
        channel_ids: &'a T3,
    ) -> UuidUuidQuery<'c, 'a, 's, C, uuid::Uuid, 2> {
        UuidUuidQuery {
            client,
            params: [guild_id, channel_ids],
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
>
    crate::client::async_::Params<
        'c,
        'a,
        's,
        CancelScansParams<T1, T2, T3>,
        UuidUuidQuery<'c, 'a, 's, C, uuid::Uuid, 2>,
        C,
    > for CancelScansStmt
{
    fn params(
        &'s self,
        client: &'c C,
        params: &'a CancelScansParams<T1, T2, T3>,
    ) -> UuidUuidQuery<'c, 'a, 's, C, uuid::Uuid, 2> {
        self.bind(client, &params.guild_id, &params.channel_ids)
    }
}
pub struct GetScanStatesStmt(&'static str, Option<tokio_postgres::Statement>);
/// A row for each channel of a guild, by number: its shared run that runs, or else the oldest in the queue; how many intervals
/// of its history were not read up to the last message that was; and how its last run ended.
pub fn get_scan_states() -> GetScanStatesStmt {
    GetScanStatesStmt(
        "select /* get_scan_states */ c.channel_id, c.name, c.is_reading, c.message_count, a.id as run_id, a.status::text as status, a.worker, a.lease_until, a.messages_scanned, a.messages_matched, coalesce(g.gaps, 0) as gaps, e.status::text as last_status, e.finished_at as last_finished_at, e.error_message as last_error from bot_channels c left join lateral ( select r.id, r.status, r.worker, r.lease_until, r.messages_scanned, r.messages_matched from bot_channel_scan_runs r where r.channel_id = c.channel_id and r.status in ('queued', 'running') and r.turn is not null order by r.status desc, r.created_at, r.id limit 1 ) a on true left join lateral ( select r.status, r.finished_at, r.error_message from bot_channel_scan_runs r where r.channel_id = c.channel_id and r.finished_at is not null order by r.created_at desc, r.id limit 1 ) e on true left join lateral ( select count(*) as gaps from bot_channel_coverage v cross join unnest(int8multirange(int8range(0, upper(v.covered))) - v.covered - case when c.last_message_id ~ '^(0|[1-9][0-9]{0,19})$' then case when c.last_message_id::numeric <= 18446744073709551615 then int8multirange( int8range(0, nullif(least(c.last_message_id::numeric, 9223372036854775807)::bigint, 9223372036854775807) + 1) ) else '{}' end else '{}' end) as i (gap) where v.channel_id = c.channel_id and not isempty(v.covered) ) g on true where c.guild_id = $1 order by length(c.channel_id), c.channel_id collate \"C\"",
        None,
    )
}
impl GetScanStatesStmt {
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
    ) -> ScanStateRowQuery<'c, 'a, 's, C, ScanStateRow, 1> {
        ScanStateRowQuery {
            client,
            params: [guild_id],
            query: self.0,
            cached: self.1.as_ref(),
            extractor:
                |row: &tokio_postgres::Row| -> Result<ScanStateRowBorrowed, tokio_postgres::Error> {
                    Ok(ScanStateRowBorrowed {
                        channel_id: row.try_get(0)?,
                        name: row.try_get(1)?,
                        is_reading: row.try_get(2)?,
                        message_count: row.try_get(3)?,
                        run_id: row.try_get(4)?,
                        status: row.try_get(5)?,
                        worker: row.try_get(6)?,
                        lease_until: row.try_get(7)?,
                        messages_scanned: row.try_get(8)?,
                        messages_matched: row.try_get(9)?,
                        gaps: row.try_get(10)?,
                        last_status: row.try_get(11)?,
                        last_finished_at: row.try_get(12)?,
                        last_error: row.try_get(13)?,
                    })
                },
            mapper: |it| ScanStateRow::from(it),
        }
    }
}
pub struct ScanQueueStatsStmt(&'static str, Option<tokio_postgres::Statement>);
/// How many shared runs are queued, delayed, running, and running with an expired lease; and how long the oldest queued one
/// waits, in seconds.
pub fn scan_queue_stats() -> ScanQueueStatsStmt {
    ScanQueueStatsStmt(
        "select /* scan_queue_stats */ ( select count(*) from bot_channel_scan_runs where status = 'queued' and turn is not null and (not_before is null or not_before <= now()) ) as queued, ( select count(*) from bot_channel_scan_runs where status = 'queued' and turn is not null and not_before > now() ) as delayed, ( select count(*) from bot_channel_scan_runs where status = 'running' and turn is not null and lease_until > now() ) as running, ( select count(*) from bot_channel_scan_runs where status = 'running' and turn is not null and lease_until <= now() ) as expired, ( select extract(epoch from now() - min(greatest(created_at, not_before)))::double precision from bot_channel_scan_runs where status = 'queued' and turn is not null and (not_before is null or not_before <= now()) ) as oldest_seconds",
        None,
    )
}
impl ScanQueueStatsStmt {
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
    ) -> ScanQueueStatsRowQuery<'c, 'a, 's, C, ScanQueueStatsRow, 0> {
        ScanQueueStatsRowQuery {
            client,
            params: [],
            query: self.0,
            cached: self.1.as_ref(),
            extractor:
                |row: &tokio_postgres::Row| -> Result<ScanQueueStatsRow, tokio_postgres::Error> {
                    Ok(ScanQueueStatsRow {
                        queued: row.try_get(0)?,
                        delayed: row.try_get(1)?,
                        running: row.try_get(2)?,
                        expired: row.try_get(3)?,
                        oldest_seconds: row.try_get(4)?,
                    })
                },
            mapper: |it| ScanQueueStatsRow::from(it),
        }
    }
}
pub struct PurgeFinishedScanRunsStmt(&'static str, Option<tokio_postgres::Statement>);
/// One step of a purge: of at most 100 channels after one, deletes at most 10,000 runs that finished long enough ago, but never
/// the newest of a channel. Returns how many, and the last of these channels.
pub fn purge_finished_scan_runs() -> PurgeFinishedScanRunsStmt {
    PurgeFinishedScanRunsStmt(
        "with /* purge_finished_scan_runs */ channels as materialized ( select channel_id from bot_channels where channel_id > coalesce($1, '') order by channel_id limit 100 ), held as materialized ( select c.channel_id from bot_channels c join channels d on d.channel_id = c.channel_id for key share of c skip locked ), doomed as materialized ( select r.id from held c cross join lateral ( select o.created_at, o.id from bot_channel_scan_runs o where o.channel_id = c.channel_id order by o.created_at desc, o.id offset $2 limit 1 ) first join bot_channel_scan_runs r on r.channel_id = c.channel_id and r.created_at <= first.created_at where (r.created_at < first.created_at or r.id >= first.id) and r.finished_at < now() - make_interval(secs => $3) limit 10000 ), deleted as ( delete from bot_channel_scan_runs r using (select id from doomed limit 10000) d where r.id = d.id returning r.id ) select (select count(*) from deleted) as deleted, (select max(channel_id) from channels) as last_channel_id",
        None,
    )
}
impl PurgeFinishedScanRunsStmt {
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
        after_channel_id: &'a Option<T1>,
        keep: &'a i64,
        older_than_seconds: &'a f64,
    ) -> PurgedRowQuery<'c, 'a, 's, C, PurgedRow, 3> {
        PurgedRowQuery {
            client,
            params: [after_channel_id, keep, older_than_seconds],
            query: self.0,
            cached: self.1.as_ref(),
            extractor:
                |row: &tokio_postgres::Row| -> Result<PurgedRowBorrowed, tokio_postgres::Error> {
                    Ok(PurgedRowBorrowed {
                        deleted: row.try_get(0)?,
                        last_channel_id: row.try_get(1)?,
                    })
                },
            mapper: |it| PurgedRow::from(it),
        }
    }
}
impl<'c, 'a, 's, C: GenericClient, T1: crate::StringSql>
    crate::client::async_::Params<
        'c,
        'a,
        's,
        PurgeFinishedScanRunsParams<T1>,
        PurgedRowQuery<'c, 'a, 's, C, PurgedRow, 3>,
        C,
    > for PurgeFinishedScanRunsStmt
{
    fn params(
        &'s self,
        client: &'c C,
        params: &'a PurgeFinishedScanRunsParams<T1>,
    ) -> PurgedRowQuery<'c, 'a, 's, C, PurgedRow, 3> {
        self.bind(
            client,
            &params.after_channel_id,
            &params.keep,
            &params.older_than_seconds,
        )
    }
}
