//! Implements the generated trait for this crate's clients.

use std::any::type_name;

use tokio_postgres::Statement;

/// Whether a statement is text. Text could be any SQL, such as `begin` or `set`; the generated functions send prepared
/// statements. Only `Statement` and text types are `ToStatement`, and no text type has this name.
pub(super) fn is_text<T: ?Sized>() -> bool {
    type_name::<T>() != type_name::<Statement>()
}

/// Whether it may leave something behind in its session, such as a setting or an open transaction. A query of this crate returns
/// columns, or is one of these.
pub(super) fn may_leave_traces(sql: &str, statement: &Statement) -> bool {
    statement.columns().is_empty() && !matches!(sql.split(' ').next(), Some("insert" | "update"))
}

/// Implements [`GenericClient`](crate::GenericClient) for a client that passes statements to an inner one. `run` wraps
/// the future of each statement, `stream` that of a statement whose rows are streamed. `check`, if given, first gets
/// the statement's type. Statements are prepared once for each connection, also in transactions.
macro_rules! generic_client {
    (
        $client:ty,
        |$self:ident| $inner:expr,
        $(check: $check:ident,)?
        prepare: $prepare:ident,
        run: |$statement:ident| $run:expr,
        stream: |$rows:ident| $stream:expr
    ) => {
        impl crate::GenericClient for $client {
            fn stmt_cache() -> bool {
                true
            }

            async fn prepare(&$self, sql: &str) -> Result<tokio_postgres::Statement, tokio_postgres::Error> {
                $self.$prepare(sql).await
            }

            generic_client! { @query $self $inner, $($check)?, |$statement| $run, execute -> u64 }
            generic_client! { @query $self $inner, $($check)?, |$statement| $run, query_one -> tokio_postgres::Row }
            generic_client! { @query $self $inner, $($check)?, |$statement| $run, query_opt -> Option<tokio_postgres::Row> }
            generic_client! { @query $self $inner, $($check)?, |$statement| $run, query -> Vec<tokio_postgres::Row> }

            async fn query_raw<T, I>(
                &$self,
                statement: &T,
                params: I,
            ) -> Result<tokio_postgres::RowStream, tokio_postgres::Error>
            where
                T: ?Sized + tokio_postgres::ToStatement + Sync + Send,
                I: IntoIterator + Sync + Send,
                I::IntoIter: ExactSizeIterator,
                I::Item: tokio_postgres::types::BorrowToSql,
            {
                $($self.$check::<T>();)?
                let $rows = $inner.query_raw(statement, params);
                $stream.await
            }
        }
    };
    (@query $self:ident $inner:expr, $($check:ident)?, |$statement:ident| $run:expr, $name:ident -> $result:ty) => {
        async fn $name<T>(
            &$self,
            statement: &T,
            params: &[&(dyn tokio_postgres::types::ToSql + Sync)],
        ) -> Result<$result, tokio_postgres::Error>
        where
            T: ?Sized + tokio_postgres::ToStatement + Sync + Send,
        {
            $($self.$check::<T>();)?
            // Pinned: otherwise it would be moved into the future of each wrapper.
            let $statement = std::pin::pin!($inner.$name(statement, params));
            $run.await
        }
    };
}
