//! Implements the generated trait for this crate's clients.

/// Implements [`GenericClient`](crate::GenericClient) for a client that passes statements to an inner one. `run` wraps the
/// future of each statement, except those of `prepare` and `stream`, which have methods of their own. Statements are prepared
/// once for each connection, also in transactions.
macro_rules! generic_client {
    ($client:ty, |$self:ident| $inner:expr, run: $run:ident, prepare: $prepare:ident, stream: $stream:ident) => {
        impl crate::GenericClient for $client {
            fn stmt_cache() -> bool {
                true
            }

            async fn prepare(&$self, sql: &str) -> Result<tokio_postgres::Statement, tokio_postgres::Error> {
                $self.$prepare(sql).await
            }

            generic_client! { @query $self $inner, $run, execute -> u64 }
            generic_client! { @query $self $inner, $run, query_one -> tokio_postgres::Row }
            generic_client! { @query $self $inner, $run, query_opt -> Option<tokio_postgres::Row> }
            generic_client! { @query $self $inner, $run, query -> Vec<tokio_postgres::Row> }

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
                $self.$stream::<T, _>($inner.query_raw(statement, params)).await
            }
        }
    };
    (@query $self:ident $inner:expr, $run:ident, $name:ident -> $result:ty) => {
        async fn $name<T>(
            &$self,
            statement: &T,
            params: &[&(dyn tokio_postgres::types::ToSql + Sync)],
        ) -> Result<$result, tokio_postgres::Error>
        where
            T: ?Sized + tokio_postgres::ToStatement + Sync + Send,
        {
            $self.$run::<T, _>($inner.$name(statement, params)).await
        }
    };
}
