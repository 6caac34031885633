//! Sends batches that are too large for one statement in parts of one transaction, so that memory does not grow with them.
//! The parts are in key order, and all rows of a key are in one part. So a part's promises (the last duplicate wins,
//! distinct keys are counted, locks are taken in key order) hold for the whole batch. A part keeps them by its own order:
//! the statements lock and write their rows as they are given.

use std::pin::pin;

use futures::future::try_join;

use crate::GenericClient;
use crate::codegen::queries::parts as queries;
use crate::config::Limits;
use crate::error::{Error, ErrorKind};
use crate::pool::attempt::{Attempts, CallKind};
use crate::pool::client::Client;
use crate::pool::db::Db;
use crate::pool::observe::Operation;
use crate::pool::transaction::Transaction;

/// The most rows of a part, unless one key has more.
const MAX_PART_ROWS: usize = 10_000;

/// The most bytes of an id as text.
pub(super) const ID: usize = 20;

/// The rows that a repository function writes, and its statement.
pub(super) trait Batch {
    /// Whether the batch may be sent again.
    const KIND: CallKind = CallKind::Idempotent;

    /// The argument's name.
    const NAME: &'static str;

    type Row;

    fn rows(&self) -> &[Self::Row];

    /// Whether there is nothing to write: then nothing is sent.
    fn is_empty(&self) -> bool {
        self.rows().is_empty()
    }

    /// Refuses what cannot be stored.
    fn check(&self, _: &Limits) -> Result<(), Error> {
        Ok(())
    }

    fn key(row: &Self::Row) -> u64;

    /// The total length of a row's texts and ids.
    fn bytes(row: &Self::Row) -> usize;

    /// Writes a part in one statement. Returns how many distinct keys it has.
    async fn write<C: GenericClient>(&self, client: &C, part: Part<'_, Self::Row>) -> Result<u64, Error>;
}

/// The rows of one statement.
#[derive(Debug)]
pub(super) struct Part<'a, T> {
    rows: &'a [T],
    /// The indexes of the part's rows in `rows`; `None` means all rows.
    indexes: Option<&'a [usize]>,
    pub is_first: bool,
}

impl<'a, T> Part<'a, T> {
    fn whole(rows: &'a [T]) -> Self {
        Self { rows, indexes: None, is_first: true }
    }

    pub fn iter(&self) -> impl ExactSizeIterator<Item = &'a T> {
        let Self { rows, indexes, .. } = *self;
        (0..indexes.map_or(rows.len(), <[_]>::len)).map(move |n| &rows[indexes.map_or(n, |indexes| indexes[n])])
    }

    /// The rows in PostgreSQL's order of keys. Duplicates keep their order.
    pub fn in_key_order(&self, key: impl Fn(&T) -> u64) -> Vec<&'a T> {
        let mut rows: Vec<_> = self.iter().collect();
        rows.sort_by_key(|row| text_order(key(row)));
        rows
    }

    /// The last row of each key, in PostgreSQL's order of keys.
    pub fn distinct(&self, key: impl Fn(&T) -> u64) -> Vec<&'a T> {
        let mut rows = self.in_key_order(&key);
        keep_last(&mut rows, key);
        rows
    }
}

/// Leaves the last one of the rows that follow each other with the same key.
pub(super) fn keep_last<T>(rows: &mut Vec<&T>, key: impl Fn(&T) -> u64) {
    rows.dedup_by(|later, kept| {
        let is_duplicate = key(later) == key(kept);
        if is_duplicate {
            *kept = *later;
        }
        is_duplicate
    });
}

/// Writes a batch. Returns how many distinct keys it has.
pub(super) async fn write<B: Batch>(
    client: &impl Client,
    batch: &B,
    operation: &'static Operation,
) -> Result<u64, Error> {
    if batch.is_empty() {
        return Ok(0);
    }
    operation.observe(client.limits().slow_query, pin!(write_checked(client, batch))).await
}

async fn write_checked<B: Batch>(client: &impl Client, batch: &B) -> Result<u64, Error> {
    batch.check(client.limits())?;
    check_length(batch, client.limits())?;
    if batch.rows().len() <= MAX_PART_ROWS {
        return attempts!(client, Attempts::of(client, B::KIND), |on| write_whole(on, batch).await);
    }
    if let Some(db) = client.db() {
        return write_in_transactions(db, batch).await;
    }
    // Outside a transaction the batch is one statement: only the caller may begin a transaction, because a dropped future
    // would leave it open.
    attempts!(client, Attempts::of(client, B::KIND), |on| {
        if is_in_transaction(on).await? { write_parts(on, batch).await } else { write_whole(on, batch).await }
    })
}

/// Refuses a batch of more bytes than `DB_MAX_BATCH_BYTES`.
pub(super) fn check_length<B: Batch>(batch: &B, limits: &Limits) -> Result<(), Error> {
    check_bytes(B::NAME, batch.rows().iter().map(B::bytes), limits)
}

/// Refuses rows of more bytes than `DB_MAX_BATCH_BYTES`.
pub(super) fn check_bytes(name: &str, rows: impl Iterator<Item = usize>, limits: &Limits) -> Result<(), Error> {
    let (bytes, limit) = (rows.sum::<usize>(), limits.batch_bytes);
    if bytes <= limit {
        return Ok(());
    }
    let reason =
        format!("has {bytes} bytes, over the limit of {limit}: write less at a time, or raise DB_MAX_BATCH_BYTES");
    Err(Error::invalid_input(name, reason))
}

/// Writes a batch in one statement.
pub(super) async fn write_whole<B: Batch>(client: &impl GenericClient, batch: &B) -> Result<u64, Error> {
    batch.write(client, Part::whole(batch.rows())).await
}

/// Writes the batch in one transaction. If its connection breaks and the batch may be sent again, or a prepared statement was
/// useless, begins another transaction.
async fn write_in_transactions<B: Batch>(db: &Db, batch: &B) -> Result<u64, Error> {
    let first = match write_in(db.begin_unnamed().await?, batch).await {
        Err(error) if matches!(error.kind(), ErrorKind::Connection | ErrorKind::StaleStatement) => error,
        Err(error) if error.is_outcome_unknown() && error.is_retryable() => error,
        result => return result,
    };
    let again = async { write_in(db.begin_unnamed().await?, batch).await };
    again.await.map_err(|second| if first.is_outcome_unknown() { first } else { second })
}

async fn write_in<B: Batch>(transaction: Transaction, batch: &B) -> Result<u64, Error> {
    match write_parts(&transaction, batch).await {
        Ok(written) => transaction.commit_unnamed(B::KIND).await.map(|()| written),
        Err(error) => {
            transaction.rollback().await;
            Err(error)
        }
    }
}

async fn write_parts<B: Batch>(client: &impl GenericClient, batch: &B) -> Result<u64, Error> {
    let rows = batch.rows();
    let indexes = in_key_order(rows, B::key);
    let (mut written, mut rest) = (0, &indexes[..]);
    while !rest.is_empty() {
        let is_first = rest.len() == indexes.len();
        let (part, others) = rest.split_at(part_length(rest, |index| B::key(&rows[index])));
        written += batch.write(client, Part { rows, indexes: Some(part), is_first }).await?;
        rest = others;
    }
    Ok(written)
}

/// The indexes of the rows in PostgreSQL's order of keys, which are decimal text there. Duplicates keep their order. Besides
/// the largest part, a batch in parts needs only this memory.
fn in_key_order<T>(rows: &[T], key: impl Fn(&T) -> u64) -> Vec<usize> {
    let mut indexes: Vec<_> = (0..rows.len()).collect();
    indexes.sort_unstable_by_key(|&index| (text_order(key(&rows[index])), index));
    indexes
}

/// Orders numbers as their decimal texts ("10" before "9"): by the digits from the left, then by their count.
fn text_order(number: u64) -> (u128, u32) {
    let last = number.checked_ilog10().unwrap_or(0);
    (u128::from(number) * 10_u128.pow(u64::MAX.ilog10() - last), last)
}

/// How many rows the next part has. All rows of a key are in one part, even if that makes the part too long.
fn part_length(indexes: &[usize], key: impl Fn(usize) -> u64) -> usize {
    let mut end = 0;
    for of_one_key in indexes.chunk_by(|&one, &other| key(one) == key(other)) {
        if end > 0 && end + of_one_key.len() > MAX_PART_ROWS {
            break;
        }
        end += of_one_key.len();
    }
    end
}

/// Whether this client is in a transaction: then two statements have the same transaction. Joined, they are one round trip.
async fn is_in_transaction(client: &impl GenericClient) -> Result<bool, Error> {
    let current = || async { queries::current_transaction().bind(client).one().await };
    let (first, second) = try_join(current(), current()).await?;
    Ok(first.is_some() && first == second)
}
