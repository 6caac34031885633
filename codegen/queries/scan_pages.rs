// This file was generated with `cornucopia`. Do not modify.

#[derive(Debug)]
pub struct RecordScanPageParams<
    T1: crate::StringSql,
    T2: crate::ArraySql<Item = i64>,
    T3: crate::ArraySql<Item = i64>,
    T4: crate::ArraySql<Item = i64>,
    T5: crate::ArraySql<Item = i64>,
    T6: crate::ArraySql<Item = bool>,
    T7: crate::StringSql,
    T8: crate::ArraySql<Item = T7>,
    T9: crate::StringSql,
    T10: crate::ArraySql<Item = Option<T9>>,
    T11: crate::StringSql,
    T12: crate::ArraySql<Item = Option<T11>>,
    T13: crate::ArraySql<Item = i64>,
    T14: crate::ArraySql<Item = i64>,
    T15: crate::ArraySql<Item = i64>,
    T16: crate::ArraySql<Item = i64>,
    T17: crate::StringSql,
    T18: crate::ArraySql<Item = T17>,
    T19: crate::StringSql,
    T20: crate::ArraySql<Item = Option<T19>>,
    T21: crate::ArraySql<Item = i64>,
    T22: crate::ArraySql<Item = Option<f64>>,
    T23: crate::ArraySql<Item = Option<i32>>,
    T24: crate::ArraySql<Item = Option<i32>>,
    T25: crate::StringSql,
    T26: crate::ArraySql<Item = T25>,
    T27: crate::ArraySql<Item = Option<chrono::DateTime<chrono::Utc>>>,
> {
    pub channel_id: T1,
    pub author_ids: T2,
    pub run_id: Option<uuid::Uuid>,
    pub token: Option<i64>,
    pub firsts: T3,
    pub lasts: T4,
    pub message_ids: T5,
    pub have_clips: T6,
    pub author_names: T8,
    pub author_display_names: T10,
    pub author_avatars: T12,
    pub clip_message_ids: T13,
    pub clip_author_ids: T14,
    pub attachment_ids: T15,
    pub attachment_message_ids: T16,
    pub file_names: T18,
    pub content_types: T20,
    pub sizes: T21,
    pub durations: T22,
    pub widths: T23,
    pub heights: T24,
    pub urls: T26,
    pub url_expiries: T27,
}
#[derive(Debug)]
pub struct GetScanGapsParams<T1: crate::StringSql> {
    pub up_to: i64,
    pub channel_id: T1,
}
#[derive(Debug, Clone, PartialEq, Copy)]
pub struct ScanPageRow {
    pub has_channel: bool,
    pub holds_claim: bool,
    pub has_coverage: bool,
    pub new_messages: i64,
    pub new_clips: i64,
    pub messages_scanned: Option<i64>,
    pub messages_matched: Option<i64>,
    pub is_cancel_requested: Option<bool>,
}
#[derive(Debug, Clone, PartialEq, Copy)]
pub struct ScanIntervalRow {
    pub first: i64,
    pub last: i64,
}
use crate::client::async_::GenericClient;
use futures::{self, StreamExt, TryStreamExt};
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
pub struct ScanPageRowQuery<'c, 'a, 's, C: GenericClient, T, const N: usize> {
    client: &'c C,
    params: [&'a (dyn postgres_types::ToSql + Sync); N],
    query: &'static str,
    cached: Option<&'s tokio_postgres::Statement>,
    extractor: fn(&tokio_postgres::Row) -> Result<ScanPageRow, tokio_postgres::Error>,
    mapper: fn(ScanPageRow) -> T,
}
impl<'c, 'a, 's, C, T: 'c, const N: usize> ScanPageRowQuery<'c, 'a, 's, C, T, N>
where
    C: GenericClient,
{
    pub fn map<R>(self, mapper: fn(ScanPageRow) -> R) -> ScanPageRowQuery<'c, 'a, 's, C, R, N> {
        ScanPageRowQuery {
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
pub struct ScanIntervalRowQuery<'c, 'a, 's, C: GenericClient, T, const N: usize> {
    client: &'c C,
    params: [&'a (dyn postgres_types::ToSql + Sync); N],
    query: &'static str,
    cached: Option<&'s tokio_postgres::Statement>,
    extractor: fn(&tokio_postgres::Row) -> Result<ScanIntervalRow, tokio_postgres::Error>,
    mapper: fn(ScanIntervalRow) -> T,
}
impl<'c, 'a, 's, C, T: 'c, const N: usize> ScanIntervalRowQuery<'c, 'a, 's, C, T, N>
where
    C: GenericClient,
{
    pub fn map<R>(
        self,
        mapper: fn(ScanIntervalRow) -> R,
    ) -> ScanIntervalRowQuery<'c, 'a, 's, C, R, N> {
        ScanIntervalRowQuery {
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
pub struct CreateScanCoverageStmt(&'static str, Option<tokio_postgres::Statement>);
/// An empty coverage, for a channel that has none. The lock keeps a racing delete from turning this into a foreign key error.
pub fn create_scan_coverage() -> CreateScanCoverageStmt {
    CreateScanCoverageStmt(
        "with /* create_scan_coverage */ channel as materialized ( select channel_id from bot_channels where channel_id = $1 for key share ) insert into bot_channel_coverage (channel_id) select channel_id from channel on conflict (channel_id) do nothing returning channel_id",
        None,
    )
}
impl CreateScanCoverageStmt {
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
    ) -> StringQuery<'c, 'a, 's, C, String, 1> {
        StringQuery {
            client,
            params: [channel_id],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |row| Ok(row.try_get(0)?),
            mapper: |it| it.into(),
        }
    }
}
pub struct RecordScanPageStmt(&'static str, Option<tokio_postgres::Statement>);
/// A page of messages with its clips. Adds its intervals to the channel's coverage, and to the counters those messages that
/// were not covered. With a run, only if the claim still holds; without one, for messages that came by the gateway. A message
/// whose tombstone is there is not stored again: `on conflict` sees the tombstone also if the snapshot does not. The cursor
/// becomes the end of the interval that begins with 0, so it passes no gap. An attachment's URL that expires later replaces
/// the stored one. Keys come in order, and none twice. A message's time is in its id:
/// <https://discord.com/developers/docs/reference#snowflakes>
pub fn record_scan_page() -> RecordScanPageStmt {
    RecordScanPageStmt(
        "with /* record_scan_page */ guild as materialized ( select g.guild_id from bot_channels c join bot_guilds g on g.guild_id = c.guild_id where c.channel_id = $1 and cardinality($2::bigint[]) > 0 for key share of g ), channel as materialized ( select channel_id, guild_id, case when last_message_id ~ '^(0|[1-9][0-9]{0,19})$' then case when last_message_id::numeric <= 18446744073709551615 then int8multirange( int8range(0, nullif(least(last_message_id::numeric, 9223372036854775807)::bigint, 9223372036854775807) + 1) ) else '{}' end else '{}' end as up_to_cursor from bot_channels where channel_id = $1 and (select count(*) from guild) >= 0 and (select count(*) from (select pg_advisory_xact_lock(hashtextextended($1, 0))) l) > 0 for no key update ), run as materialized ( select r.id, r.messages_scanned, r.messages_matched, r.cancel_requested_at is not null as is_cancel_requested from bot_channel_scan_runs r join channel c on c.channel_id = r.channel_id where r.id = $3 and r.claim_token = $4 and r.status::text = 'running' and r.lease_until > now() for no key update of r ), covered as materialized ( select v.channel_id, c.guild_id, v.covered + c.up_to_cursor as covered from bot_channel_coverage v join channel c on c.channel_id = v.channel_id where $3::uuid is null or exists (select from run) for no key update of v ), added as materialized ( select range_agg(int8range(i.first, nullif(i.last, 9223372036854775807) + 1)) as intervals from unnest($5::bigint[], $6::bigint[]) as i (first, last) ), counted as materialized ( select count(*) as messages, count(*) filter (where p.has_clips) as matched from covered v cross join unnest($7::bigint[], $8::boolean[]) as p (message_id, has_clips) where not v.covered @> p.message_id ), authors as ( insert into bot_authors as a (guild_id, user_id, name, display_name, avatar) select v.guild_id, p.user_id, p.name, p.display_name, p.avatar from covered v cross join unnest( $2::bigint[], $9::text[], $10::text[], $11::text[] ) as p (user_id, name, display_name, avatar) where ( select (o.name, o.display_name, o.avatar) is not distinct from (p.name, p.display_name, p.avatar) from bot_authors o where o.guild_id = v.guild_id and o.user_id = p.user_id ) is not true order by p.user_id on conflict (guild_id, user_id) do update set name = excluded.name, display_name = excluded.display_name, avatar = excluded.avatar where (a.name, a.display_name, a.avatar) is distinct from (excluded.name, excluded.display_name, excluded.avatar) ), messages as ( insert into bot_clip_messages as m (message_id, channel_id, author_id, created_at) select p.message_id, v.channel_id, p.author_id, to_timestamp(((p.message_id >> 22) + 1420070400000) / 1000.0) from covered v cross join unnest($12::bigint[], $13::bigint[]) as p (message_id, author_id) order by p.message_id on conflict (message_id) do update set author_id = excluded.author_id where m.deleted_at is null and m.channel_id = excluded.channel_id returning m.message_id, m.author_id ), clips as ( insert into bot_clips as k ( attachment_id, message_id, channel_id, guild_id, author_id, file_name, content_type, size, duration_seconds, width, height, url, url_expires_at ) select p.attachment_id, p.message_id, v.channel_id, v.guild_id, m.author_id, p.file_name, p.content_type, p.size, p.duration, p.width, p.height, p.url, p.url_expires_at from covered v cross join unnest( $14::bigint[], $15::bigint[], $16::text[], $17::text[], $18::bigint[], $19::double precision[], $20::integer[], $21::integer[], $22::text[], $23::timestamptz[] ) as p ( attachment_id, message_id, file_name, content_type, size, duration, width, height, url, url_expires_at ) join messages m on m.message_id = p.message_id order by p.attachment_id on conflict (attachment_id) do update set file_name = excluded.file_name, content_type = excluded.content_type, size = excluded.size, duration_seconds = excluded.duration_seconds, width = excluded.width, height = excluded.height, url = excluded.url, url_expires_at = excluded.url_expires_at where k.deleted_at is null and coalesce(excluded.url_expires_at, '-infinity') > coalesce(k.url_expires_at, '-infinity') returning (k.xmax = 0) as is_new ), stored as ( update bot_channel_coverage v set covered = b.covered + a.intervals from covered b cross join added a where v.channel_id = b.channel_id and (v.covered <> b.covered + a.intervals or cardinality($14::bigint[]) > 0) ), progressed as ( update bot_channel_scan_runs r set messages_scanned = r.messages_scanned + n.messages, messages_matched = r.messages_matched + n.matched from run cross join counted n where r.id = run.id and n.messages > 0 ), cursor as materialized ( select v.channel_id, (upper(f.first) - 1)::text as last_message_id from covered v cross join added a cross join lateral (select unnest(v.covered + a.intervals) as first limit 1) f where f.first @> 0::bigint and not upper_inf(f.first) ), moved as ( update bot_channels c set last_message_id = coalesce((select last_message_id from cursor), c.last_message_id), message_count = c.message_count + n.messages, last_scanned_at = case when $3::uuid is null then c.last_scanned_at else now() end from covered b cross join counted n where c.channel_id = b.channel_id and ( n.messages > 0 or $3::uuid is not null or c.last_message_id is distinct from coalesce((select last_message_id from cursor), c.last_message_id) ) ) select (select count(*) from channel) > 0 as has_channel, (select count(*) from run) > 0 as holds_claim, (select count(*) from covered) > 0 as has_coverage, n.messages as new_messages, (select count(*) from clips where is_new) as new_clips, r.messages_scanned + n.messages as messages_scanned, r.messages_matched + n.matched as messages_matched, r.is_cancel_requested from counted n left join run r on true",
        None,
    )
}
impl RecordScanPageStmt {
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
        T3: crate::ArraySql<Item = i64>,
        T4: crate::ArraySql<Item = i64>,
        T5: crate::ArraySql<Item = i64>,
        T6: crate::ArraySql<Item = bool>,
        T7: crate::StringSql,
        T8: crate::ArraySql<Item = T7>,
        T9: crate::StringSql,
        T10: crate::ArraySql<Item = Option<T9>>,
        T11: crate::StringSql,
        T12: crate::ArraySql<Item = Option<T11>>,
        T13: crate::ArraySql<Item = i64>,
        T14: crate::ArraySql<Item = i64>,
        T15: crate::ArraySql<Item = i64>,
        T16: crate::ArraySql<Item = i64>,
        T17: crate::StringSql,
        T18: crate::ArraySql<Item = T17>,
        T19: crate::StringSql,
        T20: crate::ArraySql<Item = Option<T19>>,
        T21: crate::ArraySql<Item = i64>,
        T22: crate::ArraySql<Item = Option<f64>>,
        T23: crate::ArraySql<Item = Option<i32>>,
        T24: crate::ArraySql<Item = Option<i32>>,
        T25: crate::StringSql,
        T26: crate::ArraySql<Item = T25>,
        T27: crate::ArraySql<Item = Option<chrono::DateTime<chrono::Utc>>>,
    >(
        &'s self,
        client: &'c C,
        channel_id: &'a T1,
        author_ids: &'a T2,
        run_id: &'a Option<uuid::Uuid>,
        token: &'a Option<i64>,
        firsts: &'a T3,
        lasts: &'a T4,
        message_ids: &'a T5,
        have_clips: &'a T6,
        author_names: &'a T8,
        author_display_names: &'a T10,
        author_avatars: &'a T12,
        clip_message_ids: &'a T13,
        clip_author_ids: &'a T14,
        attachment_ids: &'a T15,
        attachment_message_ids: &'a T16,
        file_names: &'a T18,
        content_types: &'a T20,
        sizes: &'a T21,
        durations: &'a T22,
        widths: &'a T23,
        heights: &'a T24,
        urls: &'a T26,
        url_expiries: &'a T27,
    ) -> ScanPageRowQuery<'c, 'a, 's, C, ScanPageRow, 23> {
        ScanPageRowQuery {
            client,
            params: [
                channel_id,
                author_ids,
                run_id,
                token,
                firsts,
                lasts,
                message_ids,
                have_clips,
                author_names,
                author_display_names,
                author_avatars,
                clip_message_ids,
                clip_author_ids,
                attachment_ids,
                attachment_message_ids,
                file_names,
                content_types,
                sizes,
                durations,
                widths,
                heights,
                urls,
                url_expiries,
            ],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |row: &tokio_postgres::Row| -> Result<ScanPageRow, tokio_postgres::Error> {
                Ok(ScanPageRow {
                    has_channel: row.try_get(0)?,
                    holds_claim: row.try_get(1)?,
                    has_coverage: row.try_get(2)?,
                    new_messages: row.try_get(3)?,
                    new_clips: row.try_get(4)?,
                    messages_scanned: row.try_get(5)?,
                    messages_matched: row.try_get(6)?,
                    is_cancel_requested: row.try_get(7)?,
                })
            },
            mapper: |it| ScanPageRow::from(it),
        }
    }
}
impl<
    'c,
    'a,
    's,
    C: GenericClient,
    T1: crate::StringSql,
    T2: crate::ArraySql<Item = i64>,
    T3: crate::ArraySql<Item = i64>,
    T4: crate::ArraySql<Item = i64>,
    T5: crate::ArraySql<Item = i64>,
    T6: crate::ArraySql<Item = bool>,
    T7: crate::StringSql,
    T8: crate::ArraySql<Item = T7>,
    T9: crate::StringSql,
    T10: crate::ArraySql<Item = Option<T9>>,
    T11: crate::StringSql,
    T12: crate::ArraySql<Item = Option<T11>>,
    T13: crate::ArraySql<Item = i64>,
    T14: crate::ArraySql<Item = i64>,
    T15: crate::ArraySql<Item = i64>,
    T16: crate::ArraySql<Item = i64>,
    T17: crate::StringSql,
    T18: crate::ArraySql<Item = T17>,
    T19: crate::StringSql,
    T20: crate::ArraySql<Item = Option<T19>>,
    T21: crate::ArraySql<Item = i64>,
    T22: crate::ArraySql<Item = Option<f64>>,
    T23: crate::ArraySql<Item = Option<i32>>,
    T24: crate::ArraySql<Item = Option<i32>>,
    T25: crate::StringSql,
    T26: crate::ArraySql<Item = T25>,
    T27: crate::ArraySql<Item = Option<chrono::DateTime<chrono::Utc>>>,
>
    crate::client::async_::Params<
        'c,
        'a,
        's,
        RecordScanPageParams<
            T1,
            T2,
            T3,
            T4,
            T5,
            T6,
            T7,
            T8,
            T9,
            T10,
            T11,
            T12,
            T13,
            T14,
            T15,
            T16,
            T17,
            T18,
            T19,
            T20,
            T21,
            T22,
            T23,
            T24,
            T25,
            T26,
            T27,
        >,
        ScanPageRowQuery<'c, 'a, 's, C, ScanPageRow, 23>,
        C,
    > for RecordScanPageStmt
{
    fn params(
        &'s self,
        client: &'c C,
        params: &'a RecordScanPageParams<
            T1,
            T2,
            T3,
            T4,
            T5,
            T6,
            T7,
            T8,
            T9,
            T10,
            T11,
            T12,
            T13,
            T14,
            T15,
            T16,
            T17,
            T18,
            T19,
            T20,
            T21,
            T22,
            T23,
            T24,
            T25,
            T26,
            T27,
        >,
    ) -> ScanPageRowQuery<'c, 'a, 's, C, ScanPageRow, 23> {
        self.bind(
            client,
            &params.channel_id,
            &params.author_ids,
            &params.run_id,
            &params.token,
            &params.firsts,
            &params.lasts,
            &params.message_ids,
            &params.have_clips,
            &params.author_names,
            &params.author_display_names,
            &params.author_avatars,
            &params.clip_message_ids,
            &params.clip_author_ids,
            &params.attachment_ids,
            &params.attachment_message_ids,
            &params.file_names,
            &params.content_types,
            &params.sizes,
            &params.durations,
            &params.widths,
            &params.heights,
            &params.urls,
            &params.url_expiries,
        )
    }
}
pub struct GetScanCoverageStmt(&'static str, Option<tokio_postgres::Statement>);
/// The intervals that were read, ascending, with everything up to the cursor.
pub fn get_scan_coverage() -> GetScanCoverageStmt {
    GetScanCoverageStmt(
        "select /* get_scan_coverage */ lower(i.covered) as first, coalesce(upper(i.covered) - 1, 9223372036854775807) as last from bot_channels c left join bot_channel_coverage v on v.channel_id = c.channel_id cross join unnest( coalesce(v.covered, '{}') + case when c.last_message_id ~ '^(0|[1-9][0-9]{0,19})$' then case when c.last_message_id::numeric <= 18446744073709551615 then int8multirange( int8range(0, nullif(least(c.last_message_id::numeric, 9223372036854775807)::bigint, 9223372036854775807) + 1) ) else '{}' end else '{}' end ) as i (covered) where c.channel_id = $1 order by first",
        None,
    )
}
impl GetScanCoverageStmt {
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
    ) -> ScanIntervalRowQuery<'c, 'a, 's, C, ScanIntervalRow, 1> {
        ScanIntervalRowQuery {
            client,
            params: [channel_id],
            query: self.0,
            cached: self.1.as_ref(),
            extractor:
                |row: &tokio_postgres::Row| -> Result<ScanIntervalRow, tokio_postgres::Error> {
                    Ok(ScanIntervalRow {
                        first: row.try_get(0)?,
                        last: row.try_get(1)?,
                    })
                },
            mapper: |it| ScanIntervalRow::from(it),
        }
    }
}
pub struct GetScanGapsStmt(&'static str, Option<tokio_postgres::Statement>);
/// What was not read from 0 to an id, ascending.
pub fn get_scan_gaps() -> GetScanGapsStmt {
    GetScanGapsStmt(
        "select /* get_scan_gaps */ lower(i.gap) as first, coalesce(upper(i.gap) - 1, 9223372036854775807) as last from bot_channels c left join bot_channel_coverage v on v.channel_id = c.channel_id cross join unnest( int8multirange(int8range(0, nullif($1::bigint, 9223372036854775807) + 1)) - coalesce(v.covered, '{}') - case when c.last_message_id ~ '^(0|[1-9][0-9]{0,19})$' then case when c.last_message_id::numeric <= 18446744073709551615 then int8multirange( int8range(0, nullif(least(c.last_message_id::numeric, 9223372036854775807)::bigint, 9223372036854775807) + 1) ) else '{}' end else '{}' end ) as i (gap) where c.channel_id = $2 order by first",
        None,
    )
}
impl GetScanGapsStmt {
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
        up_to: &'a i64,
        channel_id: &'a T1,
    ) -> ScanIntervalRowQuery<'c, 'a, 's, C, ScanIntervalRow, 2> {
        ScanIntervalRowQuery {
            client,
            params: [up_to, channel_id],
            query: self.0,
            cached: self.1.as_ref(),
            extractor:
                |row: &tokio_postgres::Row| -> Result<ScanIntervalRow, tokio_postgres::Error> {
                    Ok(ScanIntervalRow {
                        first: row.try_get(0)?,
                        last: row.try_get(1)?,
                    })
                },
            mapper: |it| ScanIntervalRow::from(it),
        }
    }
}
impl<'c, 'a, 's, C: GenericClient, T1: crate::StringSql>
    crate::client::async_::Params<
        'c,
        'a,
        's,
        GetScanGapsParams<T1>,
        ScanIntervalRowQuery<'c, 'a, 's, C, ScanIntervalRow, 2>,
        C,
    > for GetScanGapsStmt
{
    fn params(
        &'s self,
        client: &'c C,
        params: &'a GetScanGapsParams<T1>,
    ) -> ScanIntervalRowQuery<'c, 'a, 's, C, ScanIntervalRow, 2> {
        self.bind(client, &params.up_to, &params.channel_id)
    }
}
