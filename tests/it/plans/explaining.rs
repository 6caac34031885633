//! A client that has each statement explained before it runs it.

use std::sync::Mutex;

use clip_saver_db::GenericClient;
use postgres_types::private::BytesMut;
use serde_json::Value;
use tokio_postgres::types::{BorrowToSql, IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Client, Error, Row, RowStream, SimpleQueryMessage, Statement, ToStatement};

/// What the server means to do for a statement.
pub struct Explained {
    pub sql: String,
    /// With the parameters of the call.
    pub custom: Value,
    /// With any parameters: what a prepared statement may come to after five calls.
    pub generic: Value,
}

pub struct Explaining {
    client: Client,
    prepared: Mutex<Option<(String, Statement)>>,
    explained: Mutex<Vec<Explained>>,
}

impl Explaining {
    pub fn on(client: Client) -> Self {
        Self { client, prepared: Mutex::default(), explained: Mutex::default() }
    }

    /// What was explained since the last time.
    pub fn take(&self) -> Vec<Explained> {
        std::mem::take(&mut self.explained.lock().unwrap())
    }

    /// Runs SQL as it is.
    pub async fn execute(&self, sql: &str) {
        self.client.batch_execute(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    }

    fn last_prepared(&self) -> (String, Statement) {
        self.prepared.lock().unwrap().clone().expect("the generated code prepares what it runs")
    }

    async fn explain(&self, params: &[&(dyn ToSql + Sync)]) -> Result<(), Error> {
        let (sql, _) = self.last_prepared();
        let custom = self.client.query_one(&format!("explain (format json) {sql}"), params).await?.get(0);
        let generic = self.generic(&sql, params.len()).await?;
        self.explained.lock().unwrap().push(Explained { sql, custom, generic });
        Ok(())
    }

    /// Under `force_generic_plan` the values do not matter.
    async fn generic(&self, sql: &str, params: usize) -> Result<Value, Error> {
        let values = vec!["null"; params].join(", ");
        let arguments = if params == 0 { String::new() } else { format!("({values})") };
        let script =
            format!("prepare generic as {sql}; explain (format json) execute generic{arguments}; deallocate generic");
        let messages = self.client.simple_query(&script).await?;
        let plan = messages.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0),
            _ => None,
        });
        Ok(serde_json::from_str(plan.expect("explain gives a row")).expect("explain gives JSON"))
    }
}

impl clip_saver_db::Client for Explaining {
    type Lease<'a> = &'a Self;

    async fn lease(&self) -> Result<&Self, clip_saver_db::Error> {
        Ok(self)
    }
}

impl GenericClient for Explaining {
    fn stmt_cache() -> bool {
        true
    }

    async fn prepare(&self, query: &str) -> Result<Statement, Error> {
        let statement = self.client.prepare(query).await?;
        *self.prepared.lock().unwrap() = Some((query.to_owned(), statement.clone()));
        Ok(statement)
    }

    async fn execute<T>(&self, _: &T, _: &[&(dyn ToSql + Sync)]) -> Result<u64, Error>
    where
        T: ?Sized + ToStatement + Sync + Send,
    {
        unreachable!("every statement returns rows")
    }

    async fn query_one<T>(&self, statement: &T, params: &[&(dyn ToSql + Sync)]) -> Result<Row, Error>
    where
        T: ?Sized + ToStatement + Sync + Send,
    {
        self.explain(params).await?;
        self.client.query_one(statement, params).await
    }

    async fn query_opt<T>(&self, statement: &T, params: &[&(dyn ToSql + Sync)]) -> Result<Option<Row>, Error>
    where
        T: ?Sized + ToStatement + Sync + Send,
    {
        self.explain(params).await?;
        self.client.query_opt(statement, params).await
    }

    async fn query<T>(&self, statement: &T, params: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, Error>
    where
        T: ?Sized + ToStatement + Sync + Send,
    {
        self.explain(params).await?;
        self.client.query(statement, params).await
    }

    async fn query_raw<T, I>(&self, statement: &T, params: I) -> Result<RowStream, Error>
    where
        T: ?Sized + ToStatement + Sync + Send,
        I: IntoIterator + Sync + Send,
        I::IntoIter: ExactSizeIterator,
        I::Item: BorrowToSql,
    {
        let params = encoded(params, self.last_prepared().1.params());
        let borrowed: Vec<_> = params.iter().map(|param| param as &(dyn ToSql + Sync)).collect();
        self.explain(&borrowed).await?;
        self.client.query_raw(statement, params).await
    }
}

/// A parameter as it is sent: what a stream is asked for with can be taken only once.
#[derive(Debug)]
struct Encoded(Option<BytesMut>);

impl ToSql for Encoded {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        self.0.iter().for_each(|bytes| out.extend_from_slice(bytes));
        Ok(if self.0.is_some() { IsNull::No } else { IsNull::Yes })
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

fn encoded<I: IntoIterator<Item: BorrowToSql>>(params: I, types: &[Type]) -> Vec<Encoded> {
    let encode = |(param, ty): (I::Item, &Type)| {
        let mut bytes = BytesMut::new();
        match param.borrow_to_sql().to_sql_checked(ty, &mut bytes).expect("the parameter fits its type") {
            IsNull::No => Encoded(Some(bytes)),
            IsNull::Yes => Encoded(None),
        }
    };
    params.into_iter().zip(types).map(encode).collect()
}
