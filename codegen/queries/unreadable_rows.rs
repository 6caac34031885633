// This file was generated with `cornucopia`. Do not modify.

#[derive(Debug, Clone, PartialEq)]
pub struct GetUnreadableRows {
    pub table_name: String,
    pub key: String,
    pub column_name: String,
    pub value: String,
    pub reason: String,
}
pub struct GetUnreadableRowsBorrowed<'a> {
    pub table_name: &'a str,
    pub key: &'a str,
    pub column_name: &'a str,
    pub value: &'a str,
    pub reason: &'a str,
}
impl<'a> From<GetUnreadableRowsBorrowed<'a>> for GetUnreadableRows {
    fn from(
        GetUnreadableRowsBorrowed {
            table_name,
            key,
            column_name,
            value,
            reason,
        }: GetUnreadableRowsBorrowed<'a>,
    ) -> Self {
        Self {
            table_name: table_name.into(),
            key: key.into(),
            column_name: column_name.into(),
            value: value.into(),
            reason: reason.into(),
        }
    }
}
use crate::client::async_::GenericClient;
use futures::{self, StreamExt, TryStreamExt};
pub struct GetUnreadableRowsQuery<'c, 'a, 's, C: GenericClient, T, const N: usize> {
    client: &'c C,
    params: [&'a (dyn postgres_types::ToSql + Sync); N],
    query: &'static str,
    cached: Option<&'s tokio_postgres::Statement>,
    extractor: fn(&tokio_postgres::Row) -> Result<GetUnreadableRowsBorrowed, tokio_postgres::Error>,
    mapper: fn(GetUnreadableRowsBorrowed) -> T,
}
impl<'c, 'a, 's, C, T: 'c, const N: usize> GetUnreadableRowsQuery<'c, 'a, 's, C, T, N>
where
    C: GenericClient,
{
    pub fn map<R>(
        self,
        mapper: fn(GetUnreadableRowsBorrowed) -> R,
    ) -> GetUnreadableRowsQuery<'c, 'a, 's, C, R, N> {
        GetUnreadableRowsQuery {
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
pub struct GetUnreadableRowsStmt(&'static str, Option<tokio_postgres::Statement>);
/// The values that cannot be read: ids that are no snowflakes (src/types/ids.rs) and times that chrono cannot hold. An
/// unreadable cursor is none of them: it counts as none. Wrong ids come before times, because
/// `clip-db unreadable --delete` deletes those; then rows that others refer to come first. Reads every table: for people.
pub fn get_unreadable_rows() -> GetUnreadableRowsStmt {
    GetUnreadableRowsStmt(
        "with /* get_unreadable_rows */ ids (place, table_name, key, column_name, value) as ( select 1, 'users', discord_user_id, 'discord_user_id', discord_user_id from users union all select 2, 'bot_guilds', guild_id, 'guild_id', guild_id from bot_guilds union all select 2, 'bot_guilds', guild_id, 'owner_user_id', owner_user_id from bot_guilds union all select 3, 'guild_settings', guild_id, 'guild_id', guild_id from guild_settings union all select 4, 'bot_channels', channel_id, 'channel_id', channel_id from bot_channels union all select 4, 'bot_channels', channel_id, 'guild_id', guild_id from bot_channels union all select 5, 'install_intents', state, 'user_id', user_id from install_intents union all select 5, 'install_intents', state, 'guild_id', guild_id from install_intents union all select 6, 'bot_channel_scan_runs', id::text, 'channel_id', channel_id from bot_channel_scan_runs ), times (place, table_name, key, column_name, value) as ( select 1, 'users', discord_user_id, 'last_login_at', last_login_at from users union all select 2, 'bot_guilds', guild_id, 'joined_at', joined_at from bot_guilds union all select 2, 'bot_guilds', guild_id, 'last_seen_at', last_seen_at from bot_guilds union all select 3, 'guild_settings', guild_id, 'updated_at', updated_at from guild_settings union all select 4, 'bot_channels', channel_id, 'last_scanned_at', last_scanned_at from bot_channels union all select 4, 'bot_channels', channel_id, 'last_activity_at', last_activity_at from bot_channels union all select 4, 'bot_channels', channel_id, 'created_at', created_at from bot_channels union all select 4, 'bot_channels', channel_id, 'updated_at', updated_at from bot_channels union all select 5, 'install_intents', state, 'created_at', created_at at time zone 'utc' from install_intents union all select 5, 'install_intents', state, 'expires_at', expires_at at time zone 'utc' from install_intents union all select 6, 'bot_channel_scan_runs', id::text, 'started_at', started_at from bot_channel_scan_runs union all select 6, 'bot_channel_scan_runs', id::text, 'finished_at', finished_at from bot_channel_scan_runs union all select 6, 'bot_channel_scan_runs', id::text, 'created_at', created_at from bot_channel_scan_runs ), unreadable as ( select place, table_name, key, column_name, value, 'is not a Discord snowflake' as reason, false as is_time from ids where value !~ '^(0|[1-9][0-9]{0,19})$' or length(value) = 20 and value collate \"C\" > '18446744073709551615' union all select place, table_name, key, column_name, (value at time zone 'utc')::text, 'is not a time that this version can read', true from times where not isfinite(value) or value >= '262143-01-01 00:00:00+00' ) select table_name, key, column_name, value, reason from unreadable order by is_time, place, key collate \"C\", column_name limit $1",
        None,
    )
}
impl GetUnreadableRowsStmt {
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
        limit: &'a i64,
    ) -> GetUnreadableRowsQuery<'c, 'a, 's, C, GetUnreadableRows, 1> {
        GetUnreadableRowsQuery {
            client,
            params: [limit],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |
                row: &tokio_postgres::Row,
            | -> Result<GetUnreadableRowsBorrowed, tokio_postgres::Error> {
                Ok(GetUnreadableRowsBorrowed {
                    table_name: row.try_get(0)?,
                    key: row.try_get(1)?,
                    column_name: row.try_get(2)?,
                    value: row.try_get(3)?,
                    reason: row.try_get(4)?,
                })
            },
            mapper: |it| GetUnreadableRows::from(it),
        }
    }
}
