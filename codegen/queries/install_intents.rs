// This file was generated with `cornucopia`. Do not modify.

#[derive(Debug)]
pub struct CreateInstallIntentParams<
    T1: crate::StringSql,
    T2: crate::StringSql,
    T3: crate::StringSql,
> {
    pub state: T1,
    pub user_id: T2,
    pub guild_id: T3,
    pub lifetime_seconds: f64,
}
#[derive(Debug, Clone, PartialEq)]
pub struct InstallIntentRow {
    pub state: String,
    pub user_id: String,
    pub guild_id: String,
    pub created_at: Option<chrono::DateTime<chrono::Utc>>,
    pub expires_at: chrono::DateTime<chrono::Utc>,
}
pub struct InstallIntentRowBorrowed<'a> {
    pub state: &'a str,
    pub user_id: &'a str,
    pub guild_id: &'a str,
    pub created_at: Option<chrono::DateTime<chrono::Utc>>,
    pub expires_at: chrono::DateTime<chrono::Utc>,
}
impl<'a> From<InstallIntentRowBorrowed<'a>> for InstallIntentRow {
    fn from(
        InstallIntentRowBorrowed {
            state,
            user_id,
            guild_id,
            created_at,
            expires_at,
        }: InstallIntentRowBorrowed<'a>,
    ) -> Self {
        Self {
            state: state.into(),
            user_id: user_id.into(),
            guild_id: guild_id.into(),
            created_at,
            expires_at,
        }
    }
}
use crate::client::async_::GenericClient;
use futures::{self, StreamExt, TryStreamExt};
pub struct InstallIntentRowQuery<'c, 'a, 's, C: GenericClient, T, const N: usize> {
    client: &'c C,
    params: [&'a (dyn postgres_types::ToSql + Sync); N],
    query: &'static str,
    cached: Option<&'s tokio_postgres::Statement>,
    extractor: fn(&tokio_postgres::Row) -> Result<InstallIntentRowBorrowed, tokio_postgres::Error>,
    mapper: fn(InstallIntentRowBorrowed) -> T,
}
impl<'c, 'a, 's, C, T: 'c, const N: usize> InstallIntentRowQuery<'c, 'a, 's, C, T, N>
where
    C: GenericClient,
{
    pub fn map<R>(
        self,
        mapper: fn(InstallIntentRowBorrowed) -> R,
    ) -> InstallIntentRowQuery<'c, 'a, 's, C, R, N> {
        InstallIntentRowQuery {
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
pub struct CreateInstallIntentStmt(&'static str, Option<tokio_postgres::Statement>);
/// Stores an intent that expires after the given number of seconds. `created_at` is written because its default
/// follows the session's zone.
pub fn create_install_intent() -> CreateInstallIntentStmt {
    CreateInstallIntentStmt(
        "insert /* create_install_intent */ into install_intents (state, user_id, guild_id, created_at, expires_at) values ( $1, $2, $3, now() at time zone 'utc', (now() at time zone 'utc') + make_interval(secs => $4) ) returning state, user_id, guild_id, created_at at time zone 'utc' as created_at, expires_at at time zone 'utc' as expires_at",
        None,
    )
}
impl CreateInstallIntentStmt {
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
        state: &'a T1,
        user_id: &'a T2,
        guild_id: &'a T3,
        lifetime_seconds: &'a f64,
    ) -> InstallIntentRowQuery<'c, 'a, 's, C, InstallIntentRow, 4> {
        InstallIntentRowQuery {
            client,
            params: [state, user_id, guild_id, lifetime_seconds],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |
                row: &tokio_postgres::Row,
            | -> Result<InstallIntentRowBorrowed, tokio_postgres::Error> {
                Ok(InstallIntentRowBorrowed {
                    state: row.try_get(0)?,
                    user_id: row.try_get(1)?,
                    guild_id: row.try_get(2)?,
                    created_at: row.try_get(3)?,
                    expires_at: row.try_get(4)?,
                })
            },
            mapper: |it| InstallIntentRow::from(it),
        }
    }
}
impl<'c, 'a, 's, C: GenericClient, T1: crate::StringSql, T2: crate::StringSql, T3: crate::StringSql>
    crate::client::async_::Params<
        'c,
        'a,
        's,
        CreateInstallIntentParams<T1, T2, T3>,
        InstallIntentRowQuery<'c, 'a, 's, C, InstallIntentRow, 4>,
        C,
    > for CreateInstallIntentStmt
{
    fn params(
        &'s self,
        client: &'c C,
        params: &'a CreateInstallIntentParams<T1, T2, T3>,
    ) -> InstallIntentRowQuery<'c, 'a, 's, C, InstallIntentRow, 4> {
        self.bind(
            client,
            &params.state,
            &params.user_id,
            &params.guild_id,
            &params.lifetime_seconds,
        )
    }
}
pub struct GetInstallIntentStmt(&'static str, Option<tokio_postgres::Statement>);
/// One intent by its state, expired or not.
pub fn get_install_intent() -> GetInstallIntentStmt {
    GetInstallIntentStmt(
        "select /* get_install_intent */ state, user_id, guild_id, created_at at time zone 'utc' as created_at, expires_at at time zone 'utc' as expires_at from install_intents where state = $1",
        None,
    )
}
impl GetInstallIntentStmt {
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
        state: &'a T1,
    ) -> InstallIntentRowQuery<'c, 'a, 's, C, InstallIntentRow, 1> {
        InstallIntentRowQuery {
            client,
            params: [state],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |
                row: &tokio_postgres::Row,
            | -> Result<InstallIntentRowBorrowed, tokio_postgres::Error> {
                Ok(InstallIntentRowBorrowed {
                    state: row.try_get(0)?,
                    user_id: row.try_get(1)?,
                    guild_id: row.try_get(2)?,
                    created_at: row.try_get(3)?,
                    expires_at: row.try_get(4)?,
                })
            },
            mapper: |it| InstallIntentRow::from(it),
        }
    }
}
pub struct ConsumeInstallIntentStmt(&'static str, Option<tokio_postgres::Statement>);
/// Takes an intent that has not expired: returns and deletes it, so that it counts once.
pub fn consume_install_intent() -> ConsumeInstallIntentStmt {
    ConsumeInstallIntentStmt(
        "delete /* consume_install_intent */ from install_intents where state = $1 and expires_at > now() at time zone 'utc' returning state, user_id, guild_id, created_at at time zone 'utc' as created_at, expires_at at time zone 'utc' as expires_at",
        None,
    )
}
impl ConsumeInstallIntentStmt {
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
        state: &'a T1,
    ) -> InstallIntentRowQuery<'c, 'a, 's, C, InstallIntentRow, 1> {
        InstallIntentRowQuery {
            client,
            params: [state],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |
                row: &tokio_postgres::Row,
            | -> Result<InstallIntentRowBorrowed, tokio_postgres::Error> {
                Ok(InstallIntentRowBorrowed {
                    state: row.try_get(0)?,
                    user_id: row.try_get(1)?,
                    guild_id: row.try_get(2)?,
                    created_at: row.try_get(3)?,
                    expires_at: row.try_get(4)?,
                })
            },
            mapper: |it| InstallIntentRow::from(it),
        }
    }
}
pub struct PurgeExpiredInstallIntentsStmt(&'static str, Option<tokio_postgres::Statement>);
/// Deletes the intents that expired at least the grace ago; returns how many.
pub fn purge_expired_install_intents() -> PurgeExpiredInstallIntentsStmt {
    PurgeExpiredInstallIntentsStmt(
        "with /* purge_expired_install_intents */ deleted as ( delete from install_intents where expires_at <= (now() at time zone 'utc') - make_interval(secs => $1) returning state ) select count(*) as deleted from deleted",
        None,
    )
}
impl PurgeExpiredInstallIntentsStmt {
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
        grace_seconds: &'a f64,
    ) -> I64Query<'c, 'a, 's, C, i64, 1> {
        I64Query {
            client,
            params: [grace_seconds],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |row| Ok(row.try_get(0)?),
            mapper: |it| it,
        }
    }
}
