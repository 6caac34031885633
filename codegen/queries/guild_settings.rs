// This file was generated with `cornucopia`. Do not modify.

#[derive(Debug)]
pub struct EnsureGuildSettingsParams<T1: crate::StringSql, T2: crate::JsonSql> {
    pub guild_id: T1,
    pub defaults: T2,
}
#[derive(Debug)]
pub struct UpdateGuildSettingsParams<T1: crate::JsonSql, T2: crate::StringSql> {
    pub patch: T1,
    pub guild_id: T2,
}
#[derive(Debug)]
pub struct SetGuildSettingsParams<T1: crate::StringSql, T2: crate::JsonSql> {
    pub guild_id: T1,
    pub settings: T2,
}
#[derive(Debug, Clone, PartialEq)]
pub struct GuildSettingsRow {
    pub guild_id: String,
    pub settings: crate::Settings,
    pub updated_at: Option<chrono::DateTime<chrono::Utc>>,
}
pub struct GuildSettingsRowBorrowed<'a> {
    pub guild_id: &'a str,
    pub settings: crate::RawJson<'a>,
    pub updated_at: Option<chrono::DateTime<chrono::Utc>>,
}
impl<'a> From<GuildSettingsRowBorrowed<'a>> for GuildSettingsRow {
    fn from(
        GuildSettingsRowBorrowed {
            guild_id,
            settings,
            updated_at,
        }: GuildSettingsRowBorrowed<'a>,
    ) -> Self {
        Self {
            guild_id: guild_id.into(),
            settings: serde_json::from_str(settings.0.get()).unwrap(),
            updated_at,
        }
    }
}
use crate::client::async_::GenericClient;
use futures::{self, StreamExt, TryStreamExt};
pub struct GuildSettingsRowQuery<'c, 'a, 's, C: GenericClient, T, const N: usize> {
    client: &'c C,
    params: [&'a (dyn postgres_types::ToSql + Sync); N],
    query: &'static str,
    cached: Option<&'s tokio_postgres::Statement>,
    extractor: fn(&tokio_postgres::Row) -> Result<GuildSettingsRowBorrowed, tokio_postgres::Error>,
    mapper: fn(GuildSettingsRowBorrowed) -> T,
}
impl<'c, 'a, 's, C, T: 'c, const N: usize> GuildSettingsRowQuery<'c, 'a, 's, C, T, N>
where
    C: GenericClient,
{
    pub fn map<R>(
        self,
        mapper: fn(GuildSettingsRowBorrowed) -> R,
    ) -> GuildSettingsRowQuery<'c, 'a, 's, C, R, N> {
        GuildSettingsRowQuery {
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
pub struct GetGuildSettingsStmt(&'static str, Option<tokio_postgres::Statement>);
/// The settings of one guild.
pub fn get_guild_settings() -> GetGuildSettingsStmt {
    GetGuildSettingsStmt(
        "select /* get_guild_settings */ guild_id, settings, updated_at from guild_settings where guild_id = $1",
        None,
    )
}
impl GetGuildSettingsStmt {
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
    ) -> GuildSettingsRowQuery<'c, 'a, 's, C, GuildSettingsRow, 1> {
        GuildSettingsRowQuery {
            client,
            params: [guild_id],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |
                row: &tokio_postgres::Row,
            | -> Result<GuildSettingsRowBorrowed, tokio_postgres::Error> {
                Ok(GuildSettingsRowBorrowed {
                    guild_id: row.try_get(0)?,
                    settings: row.try_get(1)?,
                    updated_at: row.try_get(2)?,
                })
            },
            mapper: |it| GuildSettingsRow::from(it),
        }
    }
}
pub struct EnsureGuildSettingsStmt(&'static str, Option<tokio_postgres::Statement>);
/// The settings of one guild, created from the defaults if there are none. "Do nothing, then select" would miss a row
/// that a concurrent call has just committed; the no-op update returns it.
pub fn ensure_guild_settings() -> EnsureGuildSettingsStmt {
    EnsureGuildSettingsStmt(
        "with /* ensure_guild_settings */ existing as ( select guild_id, settings, updated_at from guild_settings where guild_id = $1 ), created as ( insert into guild_settings as s (guild_id, settings, updated_at) select $1, $2::jsonb, now() where not exists (select from existing) on conflict (guild_id) do update set guild_id = excluded.guild_id returning s.guild_id, s.settings, s.updated_at ) select guild_id, settings, updated_at from existing union all select guild_id, settings, updated_at from created",
        None,
    )
}
impl EnsureGuildSettingsStmt {
    pub async fn prepare<'a, C: GenericClient>(
        mut self,
        client: &'a C,
    ) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub fn bind<'c, 'a, 's, C: GenericClient, T1: crate::StringSql, T2: crate::JsonSql>(
        &'s self,
        client: &'c C,
        guild_id: &'a T1,
        defaults: &'a T2,
    ) -> GuildSettingsRowQuery<'c, 'a, 's, C, GuildSettingsRow, 2> {
        GuildSettingsRowQuery {
            client,
            params: [guild_id, defaults],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |
                row: &tokio_postgres::Row,
            | -> Result<GuildSettingsRowBorrowed, tokio_postgres::Error> {
                Ok(GuildSettingsRowBorrowed {
                    guild_id: row.try_get(0)?,
                    settings: row.try_get(1)?,
                    updated_at: row.try_get(2)?,
                })
            },
            mapper: |it| GuildSettingsRow::from(it),
        }
    }
}
impl<'c, 'a, 's, C: GenericClient, T1: crate::StringSql, T2: crate::JsonSql>
    crate::client::async_::Params<
        'c,
        'a,
        's,
        EnsureGuildSettingsParams<T1, T2>,
        GuildSettingsRowQuery<'c, 'a, 's, C, GuildSettingsRow, 2>,
        C,
    > for EnsureGuildSettingsStmt
{
    fn params(
        &'s self,
        client: &'c C,
        params: &'a EnsureGuildSettingsParams<T1, T2>,
    ) -> GuildSettingsRowQuery<'c, 'a, 's, C, GuildSettingsRow, 2> {
        self.bind(client, &params.guild_id, &params.defaults)
    }
}
pub struct UpdateGuildSettingsStmt(&'static str, Option<tokio_postgres::Statement>);
/// Replaces the top-level keys of the patch. A stored value that is no object is replaced by the patch.
pub fn update_guild_settings() -> UpdateGuildSettingsStmt {
    UpdateGuildSettingsStmt(
        "update /* update_guild_settings */ guild_settings set settings = case when jsonb_typeof(settings) = 'object' then settings || $1 else $1 end, updated_at = now() where guild_id = $2 returning guild_id, settings, updated_at",
        None,
    )
}
impl UpdateGuildSettingsStmt {
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
        guild_id: &'a T2,
    ) -> GuildSettingsRowQuery<'c, 'a, 's, C, GuildSettingsRow, 2> {
        GuildSettingsRowQuery {
            client,
            params: [patch, guild_id],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |
                row: &tokio_postgres::Row,
            | -> Result<GuildSettingsRowBorrowed, tokio_postgres::Error> {
                Ok(GuildSettingsRowBorrowed {
                    guild_id: row.try_get(0)?,
                    settings: row.try_get(1)?,
                    updated_at: row.try_get(2)?,
                })
            },
            mapper: |it| GuildSettingsRow::from(it),
        }
    }
}
impl<'c, 'a, 's, C: GenericClient, T1: crate::JsonSql, T2: crate::StringSql>
    crate::client::async_::Params<
        'c,
        'a,
        's,
        UpdateGuildSettingsParams<T1, T2>,
        GuildSettingsRowQuery<'c, 'a, 's, C, GuildSettingsRow, 2>,
        C,
    > for UpdateGuildSettingsStmt
{
    fn params(
        &'s self,
        client: &'c C,
        params: &'a UpdateGuildSettingsParams<T1, T2>,
    ) -> GuildSettingsRowQuery<'c, 'a, 's, C, GuildSettingsRow, 2> {
        self.bind(client, &params.patch, &params.guild_id)
    }
}
pub struct SetGuildSettingsStmt(&'static str, Option<tokio_postgres::Statement>);
/// Replaces the settings as a whole; creates the row if missing.
pub fn set_guild_settings() -> SetGuildSettingsStmt {
    SetGuildSettingsStmt(
        "insert /* set_guild_settings */ into guild_settings as s (guild_id, settings, updated_at) values ($1, $2, now()) on conflict (guild_id) do update set settings = excluded.settings, updated_at = excluded.updated_at returning s.guild_id, s.settings, s.updated_at",
        None,
    )
}
impl SetGuildSettingsStmt {
    pub async fn prepare<'a, C: GenericClient>(
        mut self,
        client: &'a C,
    ) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub fn bind<'c, 'a, 's, C: GenericClient, T1: crate::StringSql, T2: crate::JsonSql>(
        &'s self,
        client: &'c C,
        guild_id: &'a T1,
        settings: &'a T2,
    ) -> GuildSettingsRowQuery<'c, 'a, 's, C, GuildSettingsRow, 2> {
        GuildSettingsRowQuery {
            client,
            params: [guild_id, settings],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |
                row: &tokio_postgres::Row,
            | -> Result<GuildSettingsRowBorrowed, tokio_postgres::Error> {
                Ok(GuildSettingsRowBorrowed {
                    guild_id: row.try_get(0)?,
                    settings: row.try_get(1)?,
                    updated_at: row.try_get(2)?,
                })
            },
            mapper: |it| GuildSettingsRow::from(it),
        }
    }
}
impl<'c, 'a, 's, C: GenericClient, T1: crate::StringSql, T2: crate::JsonSql>
    crate::client::async_::Params<
        'c,
        'a,
        's,
        SetGuildSettingsParams<T1, T2>,
        GuildSettingsRowQuery<'c, 'a, 's, C, GuildSettingsRow, 2>,
        C,
    > for SetGuildSettingsStmt
{
    fn params(
        &'s self,
        client: &'c C,
        params: &'a SetGuildSettingsParams<T1, T2>,
    ) -> GuildSettingsRowQuery<'c, 'a, 's, C, GuildSettingsRow, 2> {
        self.bind(client, &params.guild_id, &params.settings)
    }
}
