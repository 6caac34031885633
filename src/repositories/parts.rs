//! Batches that are too large for one statement: they are sent in parts, in one transaction, so that memory does not grow
//! with them. The parts come in key order, and all rows of a key are in the same one: what a statement promises of its
//! rows (the last duplicate wins, distinct keys are counted, locks are taken in key order) then holds for the batch.

use futures::future::try_join;

use crate::GenericClient;
use crate::codegen::queries::parts as queries;
use crate::config::Limits;
use crate::error::{Error, ErrorKind};
use crate::pool::attempt::{Attempts, CallKind};
use crate::pool::client::Client;
use crate::pool::db::Db;
use crate::pool::transaction::Transaction;

/// The most rows that a statement is given, but for a key that is repeated more often, and where no transaction is open.
const LARGEST_PART: usize = 10_000;

/// The most bytes of an id as text.
pub(super) const ID: usize = 20;

/// What a repository function is given to write, and its statement.
pub(super) trait Batch {
    /// What it means to write the batch twice.
    const KIND: CallKind = CallKind::Idempotent;

    /// The argument's name.
    const NAME: &'static str;

    type Row;

    fn rows(&self) -> &[Self::Row];

    fn key(row: &Self::Row) -> u64;

    /// How long the texts and ids of a row are together.
    fn bytes(row: &Self::Row) -> usize;

    /// Writes a part in one statement; returns how many distinct keys it has.
    async fn write<C: GenericClient>(&self, client: &C, part: Part<'_, Self::Row>) -> Result<u64, Error>;
}

/// The rows that one statement is given.
#[derive(Debug)]
pub(super) struct Part<'a, T> {
    rows: &'a [T],
    /// Where in `rows` they are; `None` for all of them.
    places: Option<&'a [usize]>,
    pub is_first: bool,
}

impl<'a, T> Part<'a, T> {
    fn whole(rows: &'a [T]) -> Self {
        Self { rows, places: None, is_first: true }
    }

    pub fn iter(&self) -> impl ExactSizeIterator<Item = &'a T> {
        let Self { rows, places, .. } = *self;
        (0..places.map_or(rows.len(), <[_]>::len)).map(move |n| &rows[places.map_or(n, |places| places[n])])
    }
}

/// Writes a batch; returns how many distinct keys it has.
pub(super) async fn write<B: Batch>(client: &impl Client, batch: &B) -> Result<u64, Error> {
    check_bytes(B::NAME, batch.rows().iter().map(B::bytes), client.limits())?;
    if batch.rows().len() <= LARGEST_PART {
        return attempts!(client, Attempts::of(client, B::KIND), |on| write_whole(on, batch).await);
    }
    if let Some(db) = client.db() {
        return write_in_transactions(db, batch).await;
    }
    // Outside of a transaction it is one statement: nobody but the caller may begin one here, since a future that is dropped
    // would leave it open.
    attempts!(client, Attempts::of(client, B::KIND), |on| {
        if is_in_transaction(on).await? { write_parts(on, batch).await } else { write_whole(on, batch).await }
    })
}

/// Refuses what is too large for the memory of the server.
pub(super) fn check_bytes(name: &str, rows: impl Iterator<Item = usize>, limits: &Limits) -> Result<(), Error> {
    let (bytes, most) = (rows.sum::<usize>(), limits.batch_bytes);
    if bytes <= most {
        return Ok(());
    }
    let reason =
        format!("has {bytes} bytes, over the limit of {most}: write less at a time, or raise DB_MAX_BATCH_BYTES");
    Err(Error::invalid_input(name, reason))
}

async fn write_whole<B: Batch>(client: &impl GenericClient, batch: &B) -> Result<u64, Error> {
    batch.write(client, Part::whole(batch.rows())).await
}

/// One transaction, and if its connection breaks and that does no harm, another.
async fn write_in_transactions<B: Batch>(db: &Db, batch: &B) -> Result<u64, Error> {
    let first = match write_in(db.begin_unnamed().await?, batch).await {
        Err(error) if error.kind() == ErrorKind::Connection => error,
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
    let places = in_key_order(rows, B::key);
    let (mut written, mut rest) = (0, &places[..]);
    while !rest.is_empty() {
        let is_first = rest.len() == places.len();
        let (part, others) = rest.split_at(end_of_part(rest, |place| B::key(&rows[place])));
        written += batch.write(client, Part { rows, places: Some(part), is_first }).await?;
        rest = others;
    }
    Ok(written)
}

/// The places of rows in the order that PostgreSQL gives their keys, which are decimal text there; duplicates as they
/// came. This is all the memory that parts take beside the largest of them.
fn in_key_order<T>(rows: &[T], key: impl Fn(&T) -> u64) -> Vec<usize> {
    let mut places: Vec<_> = (0..rows.len()).collect();
    places.sort_unstable_by_key(|&place| (as_text(key(&rows[place])), place));
    places
}

/// Numbers compare so as their decimal texts do ("10" before "9"): by their digits from the left, then by how many there are.
fn as_text(number: u64) -> (u128, u32) {
    let last = number.checked_ilog10().unwrap_or(0);
    (u128::from(number) * 10_u128.pow(u64::MAX.ilog10() - last), last)
}

/// How many of the places the next part has. It ends where a key does, even if a key has more rows than a part should.
fn end_of_part(places: &[usize], key: impl Fn(usize) -> u64) -> usize {
    let mut end = 0;
    for of_one_key in places.chunk_by(|&one, &other| key(one) == key(other)) {
        if end > 0 && end + of_one_key.len() > LARGEST_PART {
            break;
        }
        end += of_one_key.len();
    }
    end
}

/// Whether statements of this client are in one transaction. Two questions sent at once are one round trip.
async fn is_in_transaction(client: &impl GenericClient) -> Result<bool, Error> {
    let ask = || async { queries::current_transaction().bind(client).one().await };
    let (one, other) = try_join(ask(), ask()).await?;
    Ok(one.is_some() && one == other)
}
