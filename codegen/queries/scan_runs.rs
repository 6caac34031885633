// This file was generated with `cornucopia`. Do not modify.

#[derive(Debug)]
pub struct GetScanRunsParams<T1: crate::StringSql> {
    pub channel_id: T1,
    pub limit: i64,
}
#[derive(Debug)]
pub struct RecordScanProgressParams<T1: crate::StringSql, T2: crate::StringSql> {
    pub channel_id: T1,
    pub last_message_id: T2,
    pub id: uuid::Uuid,
    pub scanned: i64,
    pub matched: i64,
}
#[derive(Clone, Copy, Debug)]
pub struct UpdateScanProgressParams {
    pub scanned: i64,
    pub matched: i64,
    pub id: uuid::Uuid,
}
#[derive(Debug)]
pub struct MarkScanFailedParams<T1: crate::StringSql> {
    pub error_message: T1,
    pub id: uuid::Uuid,
}
#[derive(Debug, Clone, PartialEq)]
pub struct ScanRunRow {
    pub id: uuid::Uuid,
    pub channel_id: String,
    pub after_message_id: Option<String>,
    pub before_message_id: Option<String>,
    pub last_message_id: Option<String>,
    pub status: String,
    pub messages_scanned: i64,
    pub messages_matched: i64,
    pub error_message: Option<String>,
    pub started_at: Option<chrono::DateTime<chrono::Utc>>,
    pub finished_at: Option<chrono::DateTime<chrono::Utc>>,
    pub created_at: chrono::DateTime<chrono::Utc>,
    pub priority: i16,
    pub not_before: Option<chrono::DateTime<chrono::Utc>>,
    pub worker: Option<String>,
    pub lease_until: Option<chrono::DateTime<chrono::Utc>>,
    pub attempts: i32,
    pub takeovers: i32,
    pub cancel_requested_at: Option<chrono::DateTime<chrono::Utc>>,
}
pub struct ScanRunRowBorrowed<'a> {
    pub id: uuid::Uuid,
    pub channel_id: &'a str,
    pub after_message_id: Option<&'a str>,
    pub before_message_id: Option<&'a str>,
    pub last_message_id: Option<&'a str>,
    pub status: &'a str,
    pub messages_scanned: i64,
    pub messages_matched: i64,
    pub error_message: Option<&'a str>,
    pub started_at: Option<chrono::DateTime<chrono::Utc>>,
    pub finished_at: Option<chrono::DateTime<chrono::Utc>>,
    pub created_at: chrono::DateTime<chrono::Utc>,
    pub priority: i16,
    pub not_before: Option<chrono::DateTime<chrono::Utc>>,
    pub worker: Option<&'a str>,
    pub lease_until: Option<chrono::DateTime<chrono::Utc>>,
    pub attempts: i32,
    pub takeovers: i32,
    pub cancel_requested_at: Option<chrono::DateTime<chrono::Utc>>,
}
impl<'a> From<ScanRunRowBorrowed<'a>> for ScanRunRow {
    fn from(
        ScanRunRowBorrowed {
            id,
            channel_id,
            after_message_id,
            before_message_id,
            last_message_id,
            status,
            messages_scanned,
            messages_matched,
            error_message,
            started_at,
            finished_at,
            created_at,
            priority,
            not_before,
            worker,
            lease_until,
            attempts,
            takeovers,
            cancel_requested_at,
        }: ScanRunRowBorrowed<'a>,
    ) -> Self {
        Self {
            id,
            channel_id: channel_id.into(),
            after_message_id: after_message_id.map(|v| v.into()),
            before_message_id: before_message_id.map(|v| v.into()),
            last_message_id: last_message_id.map(|v| v.into()),
            status: status.into(),
            messages_scanned,
            messages_matched,
            error_message: error_message.map(|v| v.into()),
            started_at,
            finished_at,
            created_at,
            priority,
            not_before,
            worker: worker.map(|v| v.into()),
            lease_until,
            attempts,
            takeovers,
            cancel_requested_at,
        }
    }
}
#[derive(Debug, Clone, PartialEq, Copy)]
pub struct ScanProgressRow {
    pub messages_scanned: i64,
    pub messages_matched: i64,
}
use crate::client::async_::GenericClient;
use futures::{self, StreamExt, TryStreamExt};
pub struct ScanRunRowQuery<'c, 'a, 's, C: GenericClient, T, const N: usize> {
    client: &'c C,
    params: [&'a (dyn postgres_types::ToSql + Sync); N],
    query: &'static str,
    cached: Option<&'s tokio_postgres::Statement>,
    extractor: fn(&tokio_postgres::Row) -> Result<ScanRunRowBorrowed, tokio_postgres::Error>,
    mapper: fn(ScanRunRowBorrowed) -> T,
}
impl<'c, 'a, 's, C, T: 'c, const N: usize> ScanRunRowQuery<'c, 'a, 's, C, T, N>
where
    C: GenericClient,
{
    pub fn map<R>(
        self,
        mapper: fn(ScanRunRowBorrowed) -> R,
    ) -> ScanRunRowQuery<'c, 'a, 's, C, R, N> {
        ScanRunRowQuery {
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
pub struct ScanProgressRowQuery<'c, 'a, 's, C: GenericClient, T, const N: usize> {
    client: &'c C,
    params: [&'a (dyn postgres_types::ToSql + Sync); N],
    query: &'static str,
    cached: Option<&'s tokio_postgres::Statement>,
    extractor: fn(&tokio_postgres::Row) -> Result<ScanProgressRow, tokio_postgres::Error>,
    mapper: fn(ScanProgressRow) -> T,
}
impl<'c, 'a, 's, C, T: 'c, const N: usize> ScanProgressRowQuery<'c, 'a, 's, C, T, N>
where
    C: GenericClient,
{
    pub fn map<R>(
        self,
        mapper: fn(ScanProgressRow) -> R,
    ) -> ScanProgressRowQuery<'c, 'a, 's, C, R, N> {
        ScanProgressRowQuery {
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
pub struct GetScanRunStmt(&'static str, Option<tokio_postgres::Statement>);
/// One run by id.
pub fn get_scan_run() -> GetScanRunStmt {
    GetScanRunStmt(
        "select /* get_scan_run */ id, channel_id, after_message_id, before_message_id, last_message_id, status::text as status, messages_scanned, messages_matched, error_message, started_at, finished_at, created_at, priority, not_before, worker, lease_until, attempts, takeovers, cancel_requested_at from bot_channel_scan_runs where id = $1",
        None,
    )
}
impl GetScanRunStmt {
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
    ) -> ScanRunRowQuery<'c, 'a, 's, C, ScanRunRow, 1> {
        ScanRunRowQuery {
            client,
            params: [id],
            query: self.0,
            cached: self.1.as_ref(),
            extractor:
                |row: &tokio_postgres::Row| -> Result<ScanRunRowBorrowed, tokio_postgres::Error> {
                    Ok(ScanRunRowBorrowed {
                        id: row.try_get(0)?,
                        channel_id: row.try_get(1)?,
                        after_message_id: row.try_get(2)?,
                        before_message_id: row.try_get(3)?,
                        last_message_id: row.try_get(4)?,
                        status: row.try_get(5)?,
                        messages_scanned: row.try_get(6)?,
                        messages_matched: row.try_get(7)?,
                        error_message: row.try_get(8)?,
                        started_at: row.try_get(9)?,
                        finished_at: row.try_get(10)?,
                        created_at: row.try_get(11)?,
                        priority: row.try_get(12)?,
                        not_before: row.try_get(13)?,
                        worker: row.try_get(14)?,
                        lease_until: row.try_get(15)?,
                        attempts: row.try_get(16)?,
                        takeovers: row.try_get(17)?,
                        cancel_requested_at: row.try_get(18)?,
                    })
                },
            mapper: |it| ScanRunRow::from(it),
        }
    }
}
pub struct GetScanRunsStmt(&'static str, Option<tokio_postgres::Statement>);
/// A channel's runs, newest first.
pub fn get_scan_runs() -> GetScanRunsStmt {
    GetScanRunsStmt(
        "select /* get_scan_runs */ id, channel_id, after_message_id, before_message_id, last_message_id, status::text as status, messages_scanned, messages_matched, error_message, started_at, finished_at, created_at, priority, not_before, worker, lease_until, attempts, takeovers, cancel_requested_at from bot_channel_scan_runs where channel_id = $1 order by created_at desc, id limit $2",
        None,
    )
}
impl GetScanRunsStmt {
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
        limit: &'a i64,
    ) -> ScanRunRowQuery<'c, 'a, 's, C, ScanRunRow, 2> {
        ScanRunRowQuery {
            client,
            params: [channel_id, limit],
            query: self.0,
            cached: self.1.as_ref(),
            extractor:
                |row: &tokio_postgres::Row| -> Result<ScanRunRowBorrowed, tokio_postgres::Error> {
                    Ok(ScanRunRowBorrowed {
                        id: row.try_get(0)?,
                        channel_id: row.try_get(1)?,
                        after_message_id: row.try_get(2)?,
                        before_message_id: row.try_get(3)?,
                        last_message_id: row.try_get(4)?,
                        status: row.try_get(5)?,
                        messages_scanned: row.try_get(6)?,
                        messages_matched: row.try_get(7)?,
                        error_message: row.try_get(8)?,
                        started_at: row.try_get(9)?,
                        finished_at: row.try_get(10)?,
                        created_at: row.try_get(11)?,
                        priority: row.try_get(12)?,
                        not_before: row.try_get(13)?,
                        worker: row.try_get(14)?,
                        lease_until: row.try_get(15)?,
                        attempts: row.try_get(16)?,
                        takeovers: row.try_get(17)?,
                        cancel_requested_at: row.try_get(18)?,
                    })
                },
            mapper: |it| ScanRunRow::from(it),
        }
    }
}
impl<'c, 'a, 's, C: GenericClient, T1: crate::StringSql>
    crate::client::async_::Params<
        'c,
        'a,
        's,
        GetScanRunsParams<T1>,
        ScanRunRowQuery<'c, 'a, 's, C, ScanRunRow, 2>,
        C,
    > for GetScanRunsStmt
{
    fn params(
        &'s self,
        client: &'c C,
        params: &'a GetScanRunsParams<T1>,
    ) -> ScanRunRowQuery<'c, 'a, 's, C, ScanRunRow, 2> {
        self.bind(client, &params.channel_id, &params.limit)
    }
}
pub struct EnqueueScanRunStmt(&'static str, Option<tokio_postgres::Statement>);
/// A queued run that starts after the channel's cursor, if the channel is there and reading. The lock keeps a racing
/// delete from turning this into a foreign key error. A cursor that is no snowflake is not copied.
pub fn enqueue_scan_run() -> EnqueueScanRunStmt {
    EnqueueScanRunStmt(
        "with /* enqueue_scan_run */ channel as materialized ( select channel_id, last_message_id from bot_channels where channel_id = $1 and is_reading for key share ) insert into bot_channel_scan_runs (channel_id, after_message_id) select channel_id, case when last_message_id ~ '^(0|[1-9][0-9]{0,19})$' then case when last_message_id::numeric <= 18446744073709551615 then last_message_id end end from channel returning id",
        None,
    )
}
impl EnqueueScanRunStmt {
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
    ) -> UuidUuidQuery<'c, 'a, 's, C, uuid::Uuid, 1> {
        UuidUuidQuery {
            client,
            params: [channel_id],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |row| Ok(row.try_get(0)?),
            mapper: |it| it,
        }
    }
}
pub struct MarkScanStartedStmt(&'static str, Option<tokio_postgres::Statement>);
/// queued → running. Of concurrent callers the row lock lets one see 'queued'.
pub fn mark_scan_started() -> MarkScanStartedStmt {
    MarkScanStartedStmt(
        "update /* mark_scan_started */ bot_channel_scan_runs set status = 'running', started_at = now() where id = $1 and status = 'queued'",
        None,
    )
}
impl MarkScanStartedStmt {
    pub async fn prepare<'a, C: GenericClient>(
        mut self,
        client: &'a C,
    ) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub async fn bind<'c, 'a, 's, C: GenericClient>(
        &'s self,
        client: &'c C,
        id: &'a uuid::Uuid,
    ) -> Result<u64, tokio_postgres::Error> {
        client.execute(&client.prepare(self.0).await?, &[id]).await
    }
}
pub struct RecordScanProgressStmt(&'static str, Option<tokio_postgres::Statement>);
/// A page of a run, counted once however often it is sent: only if it ends beyond the run's own last message, which it
/// then becomes. Adds to the run's counters and the channel's count, and moves the channel's cursor as
/// update_channel_progress does. Returns the totals, also for a page that was counted before; nothing if the run is not
/// of this channel. The channel is locked before the run, as a racing delete locks them. What was counted is read from
/// the locked run: the statement's snapshot may be older than a concurrent call.
pub fn record_scan_progress() -> RecordScanProgressStmt {
    RecordScanProgressStmt(
        "with /* record_scan_progress */ channel as materialized ( select channel_id from bot_channels where channel_id = $1 for no key update ), run as materialized ( select r.id, r.channel_id, r.messages_scanned, r.messages_matched, case when r.last_message_id ~ '^(0|[1-9][0-9]{0,19})$' then r.last_message_id::numeric between $2::text::numeric and 18446744073709551615 else false end as is_counted from bot_channel_scan_runs r join channel c on c.channel_id = r.channel_id where r.id = $3 for no key update of r ), counted as ( update bot_channel_scan_runs r set messages_scanned = r.messages_scanned + $4, messages_matched = r.messages_matched + $5, last_message_id = $2 from run where r.id = run.id and not run.is_counted returning r.messages_scanned, r.messages_matched ), moved as ( update bot_channels c set last_message_id = case when c.last_message_id ~ '^(0|[1-9][0-9]{0,19})$' then case when c.last_message_id::numeric between $2::text::numeric and 18446744073709551615 then c.last_message_id else $2 end else $2 end, message_count = c.message_count + $4, last_scanned_at = now() from run where c.channel_id = run.channel_id and not run.is_counted ) select messages_scanned, messages_matched from counted union all select messages_scanned, messages_matched from run where is_counted",
        None,
    )
}
impl RecordScanProgressStmt {
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
        channel_id: &'a T1,
        last_message_id: &'a T2,
        id: &'a uuid::Uuid,
        scanned: &'a i64,
        matched: &'a i64,
    ) -> ScanProgressRowQuery<'c, 'a, 's, C, ScanProgressRow, 5> {
        ScanProgressRowQuery {
            client,
            params: [channel_id, last_message_id, id, scanned, matched],
            query: self.0,
            cached: self.1.as_ref(),
            extractor:
                |row: &tokio_postgres::Row| -> Result<ScanProgressRow, tokio_postgres::Error> {
                    Ok(ScanProgressRow {
                        messages_scanned: row.try_get(0)?,
                        messages_matched: row.try_get(1)?,
                    })
                },
            mapper: |it| ScanProgressRow::from(it),
        }
    }
}
impl<'c, 'a, 's, C: GenericClient, T1: crate::StringSql, T2: crate::StringSql>
    crate::client::async_::Params<
        'c,
        'a,
        's,
        RecordScanProgressParams<T1, T2>,
        ScanProgressRowQuery<'c, 'a, 's, C, ScanProgressRow, 5>,
        C,
    > for RecordScanProgressStmt
{
    fn params(
        &'s self,
        client: &'c C,
        params: &'a RecordScanProgressParams<T1, T2>,
    ) -> ScanProgressRowQuery<'c, 'a, 's, C, ScanProgressRow, 5> {
        self.bind(
            client,
            &params.channel_id,
            &params.last_message_id,
            &params.id,
            &params.scanned,
            &params.matched,
        )
    }
}
pub struct UpdateScanProgressStmt(&'static str, Option<tokio_postgres::Statement>);
/// Adds to both counters, in any status; returns the totals.
pub fn update_scan_progress() -> UpdateScanProgressStmt {
    UpdateScanProgressStmt(
        "update /* update_scan_progress */ bot_channel_scan_runs set messages_scanned = messages_scanned + $1, messages_matched = messages_matched + $2 where id = $3 returning messages_scanned, messages_matched",
        None,
    )
}
impl UpdateScanProgressStmt {
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
        scanned: &'a i64,
        matched: &'a i64,
        id: &'a uuid::Uuid,
    ) -> ScanProgressRowQuery<'c, 'a, 's, C, ScanProgressRow, 3> {
        ScanProgressRowQuery {
            client,
            params: [scanned, matched, id],
            query: self.0,
            cached: self.1.as_ref(),
            extractor:
                |row: &tokio_postgres::Row| -> Result<ScanProgressRow, tokio_postgres::Error> {
                    Ok(ScanProgressRow {
                        messages_scanned: row.try_get(0)?,
                        messages_matched: row.try_get(1)?,
                    })
                },
            mapper: |it| ScanProgressRow::from(it),
        }
    }
}
impl<'c, 'a, 's, C: GenericClient>
    crate::client::async_::Params<
        'c,
        'a,
        's,
        UpdateScanProgressParams,
        ScanProgressRowQuery<'c, 'a, 's, C, ScanProgressRow, 3>,
        C,
    > for UpdateScanProgressStmt
{
    fn params(
        &'s self,
        client: &'c C,
        params: &'a UpdateScanProgressParams,
    ) -> ScanProgressRowQuery<'c, 'a, 's, C, ScanProgressRow, 3> {
        self.bind(client, &params.scanned, &params.matched, &params.id)
    }
}
pub struct MarkScanSucceededStmt(&'static str, Option<tokio_postgres::Statement>);
/// queued or running → succeeded.
pub fn mark_scan_succeeded() -> MarkScanSucceededStmt {
    MarkScanSucceededStmt(
        "update /* mark_scan_succeeded */ bot_channel_scan_runs set status = 'succeeded', finished_at = now() where id = $1 and status in ('queued', 'running')",
        None,
    )
}
impl MarkScanSucceededStmt {
    pub async fn prepare<'a, C: GenericClient>(
        mut self,
        client: &'a C,
    ) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub async fn bind<'c, 'a, 's, C: GenericClient>(
        &'s self,
        client: &'c C,
        id: &'a uuid::Uuid,
    ) -> Result<u64, tokio_postgres::Error> {
        client.execute(&client.prepare(self.0).await?, &[id]).await
    }
}
pub struct MarkScanFailedStmt(&'static str, Option<tokio_postgres::Statement>);
/// queued or running → failed, with the reason.
pub fn mark_scan_failed() -> MarkScanFailedStmt {
    MarkScanFailedStmt(
        "update /* mark_scan_failed */ bot_channel_scan_runs set status = 'failed', finished_at = now(), error_message = $1 where id = $2 and status in ('queued', 'running')",
        None,
    )
}
impl MarkScanFailedStmt {
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
        error_message: &'a T1,
        id: &'a uuid::Uuid,
    ) -> Result<u64, tokio_postgres::Error> {
        client.execute(&client.prepare(self.0).await?, &[error_message, id]).await
    }
}
impl<'a, C: GenericClient + Send + Sync, T1: crate::StringSql>
    crate::client::async_::Params<
        'a,
        'a,
        'a,
        MarkScanFailedParams<T1>,
        std::pin::Pin<
            Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>,
        >,
        C,
    > for MarkScanFailedStmt
{
    fn params(
        &'a self,
        client: &'a C,
        params: &'a MarkScanFailedParams<T1>,
    ) -> std::pin::Pin<
        Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>,
    > {
        Box::pin(self.bind(client, &params.error_message, &params.id))
    }
}
pub struct MarkScanCanceledStmt(&'static str, Option<tokio_postgres::Statement>);
/// queued or running → canceled.
pub fn mark_scan_canceled() -> MarkScanCanceledStmt {
    MarkScanCanceledStmt(
        "update /* mark_scan_canceled */ bot_channel_scan_runs set status = 'canceled', finished_at = now() where id = $1 and status in ('queued', 'running')",
        None,
    )
}
impl MarkScanCanceledStmt {
    pub async fn prepare<'a, C: GenericClient>(
        mut self,
        client: &'a C,
    ) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub async fn bind<'c, 'a, 's, C: GenericClient>(
        &'s self,
        client: &'c C,
        id: &'a uuid::Uuid,
    ) -> Result<u64, tokio_postgres::Error> {
        client.execute(&client.prepare(self.0).await?, &[id]).await
    }
}
