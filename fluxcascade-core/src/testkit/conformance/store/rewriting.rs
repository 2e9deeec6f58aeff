//! Rules of rows that are written anew in place.

use super::nouns::*;
use super::tokens::key;
use super::{Checked, Fixture, Found, NO_ROWS, NO_TOKENS, Verdict, ensure, nth, refused, same};
use crate::model::{Link, RunNumber, Side, Slot, TenantId, Value};
use crate::store::{
    CommitBatch, MarkedRow, Rewrite, Row, RowMark, Rows, RunStart, Store, StoreErrorKind,
    StoredToken, Table,
};

pub(super) async fn the_mappings_of_a_tenant_come_in_order_of_their_names(
    store: &dyn Rows,
) -> Checked {
    same!(store.mappings(&TenantId::default()).await?, []);
    for of in [mapping("leads"), mapping_of("other", "deals"), contacts()] {
        store.lease(&of, at(0), TTL).await?;
    }
    let names = [contacts(), mapping("leads")].map(|of| of.mapping);
    same!(store.mappings(&TenantId::default()).await?, names);
    Ok(())
}

/// Three rows of each table.
async fn fill(store: &dyn Store) -> Checked {
    let lease = leased(store).await?;
    for n in 0..3 {
        store.start_run(&lease, &RunStart::at(at(n))).await?;
    }
    store.intake(&lease, &page(Side::Source, [row("s8", 1), row("s7", 1)])).await?;
    store.intake(&lease, &page(Side::Target, [row("s8", 1)])).await?;
    let operations = [update(2, &link(2)), update(1, &link(1)), create(3, Side::Target, "s8", &[])];
    store.begin(&lease, &operations).await?;
    let batch = CommitBatch {
        holds: vec![
            record_hold(Side::Source, "s8", None),
            pair_hold(1, "name", None),
            pair_hold(1, "owner", None),
        ],
        conflicts: [2, 1, 3].map(|n| conflict(n, 1)).into(),
        log: ["a", "b", "c"].map(|note| log_row(1, None, None, note)).into(),
        ..links([link(3), link(1), link(2)])
    };
    store.commit(&lease, &batch).await?;
    Ok(())
}

/// All rows of a table, one at a time.
async fn one_by_one(store: &dyn Rows, table: Table) -> Result<Vec<MarkedRow>, Found> {
    let mut all: Vec<MarkedRow> = Vec::new();
    loop {
        let after: Option<RowMark> = all.last().map(|row| row.mark.clone());
        let next = store.rows(&contacts(), table, after.as_ref(), 1).await?;
        if next.is_empty() || all.len() > 9 {
            return Ok(all);
        }
        all.extend(next);
    }
}

pub(super) async fn pages_that_go_on_after_the_last_mark_reach_every_row_of_a_table_once(
    store: &dyn Rows,
) -> Checked {
    same!(store.rows(&contacts(), Table::Links, None, 9).await?, [], "rows of an empty store");
    fill(store).await?;
    for table in Table::ALL {
        let all = store.rows(&contacts(), table, None, 99).await?;
        same!(all.len(), 3, "rows of the table of {table}");
        same!(one_by_one(store, table).await?, all, "the {table} one by one");
    }
    let runs = store.rows(&contacts(), Table::Runs, None, 1).await?;
    let Row::Run(run) = &nth(&runs, 0)?.row else { return Err(Found(format!("{runs:?}"))) };
    same!(run.number, RunNumber(1));
    Ok(())
}

/// The link with another value in a base, and a pair whose transform was changed.
fn anew(mut link: Link) -> Link {
    link.bases.source.slots[0] = Slot::Present(Value::from("anew"));
    link.bases.source.retransformed = vec![2];
    link
}

async fn rows_of_links(store: &dyn Rows) -> Result<Vec<MarkedRow>, Found> {
    Ok(store.rows(&contacts(), Table::Links, None, 9).await?)
}

pub(super) async fn a_row_that_is_written_anew_keeps_its_place(store: &dyn Rows) -> Checked {
    let lease = leased(store).await?;
    store.commit(&lease, &links([link(1), link(2), link(3)])).await?;
    let before = rows_of_links(store).await?;
    let from = nth(&before, 0)?.clone();
    let Row::Link(first) = &from.row else { return Err(Found(format!("{from:?}"))) };
    let to = Row::Link(anew(first.clone()));
    same!(store.rewrite(&contacts(), &[Rewrite { from, to: to.clone() }]).await?, 1);
    let mut expected = before.clone();
    for row in expected.iter_mut().take(1) {
        row.row = to.clone();
    }
    same!(rows_of_links(store).await?, expected);
    Ok(())
}

pub(super) async fn a_row_is_written_anew_only_if_it_is_still_as_it_was_read(
    store: &dyn Rows,
) -> Checked {
    let lease = leased(store).await?;
    store.commit(&lease, &links([link(1), link(2)])).await?;
    let read = rows_of_links(store).await?;
    let newer = link_between(1, "s1", "t9");
    store.commit(&lease, &links([newer.clone()])).await?;
    let rewrites: Vec<_> = read
        .iter()
        .filter_map(|from| match &from.row {
            Row::Link(link) => {
                Some(Rewrite { from: from.clone(), to: Row::Link(anew(link.clone())) })
            }
            Row::Entry(..)
            | Row::Operation(_)
            | Row::Hold(_)
            | Row::Conflict(_)
            | Row::Log(_)
            | Row::Run(_) => None,
        })
        .collect();
    same!(store.rewrite(&contacts(), &rewrites).await?, 1, "the number of rows written anew");
    same!(store.links(&contacts(), None, 9).await?, [newer, anew(link(2))]);
    same!(store.rewrite(&contacts(), &rewrites).await?, 0, "the number at the second time");
    Ok(())
}

pub(super) async fn a_row_is_written_anew_as_itself_alone(store: &dyn Rows) -> Checked {
    let lease = leased(store).await?;
    store.commit(&lease, &links([link(1), link(2)])).await?;
    let read = rows_of_links(store).await?;
    let (from, other) = (nth(&read, 0)?.clone(), nth(&read, 1)?.clone());
    let outcome = store.rewrite(&contacts(), &[Rewrite { from, to: other.row }]).await;
    same!(refused("a row in another one's place", outcome)?, StoreErrorKind::Misuse);
    same!(store.links(&contacts(), None, 9).await?, [link(1), link(2)]);
    Ok(())
}

pub(super) async fn credentials_come_in_order_of_their_connections(
    at_hand: &Fixture,
) -> Result<Verdict, Found> {
    let parts = at_hand.parts()?;
    let Some(rows) = parts.rows else { return Ok(NO_ROWS) };
    let Some(tokens) = parts.tokens else { return Ok(NO_TOKENS) };
    let (source, target) = (key("default", Side::Source), key("default", Side::Target));
    tokens.replace_token(&target, 0, b"second").await?;
    tokens.replace_token(&source, 0, b"first").await?;
    tokens.replace_token(&key("other", Side::Source), 0, b"theirs").await?;
    // A claim alone is no credential.
    tokens.claim_refresh(&key("default", Side::Source), at(0), TTL).await?;
    let told = rows.credentials(&source.tenant).await?;
    let stored = |secret: &[u8]| StoredToken { generation: 1, secret: secret.to_vec() };
    let expected = [(source.connection, stored(b"first")), (target.connection, stored(b"second"))];
    same!(told, expected);
    Ok(Verdict::Kept)
}

pub(super) async fn a_credential_is_written_anew_only_if_it_is_still_this_one(
    at_hand: &Fixture,
) -> Result<Verdict, Found> {
    let parts = at_hand.parts()?;
    let Some(rows) = parts.rows else { return Ok(NO_ROWS) };
    let Some(tokens) = parts.tokens else { return Ok(NO_TOKENS) };
    let key = key("default", Side::Target);
    tokens.replace_token(&key, 0, b"first").await?;
    let first = StoredToken { generation: 1, secret: b"first".to_vec() };
    ensure!(rows.rewrite_credential(&key, &first, b"anew").await?, "it was not written anew");
    let anew = StoredToken { generation: 1, secret: b"anew".to_vec() };
    same!(tokens.token(&key).await?, Some(anew));
    ensure!(!rows.rewrite_credential(&key, &first, b"again").await?, "it was another one by then");
    same!(tokens.token(&key).await?.map(|token| token.secret), Some(b"anew".to_vec()));
    Ok(Verdict::Kept)
}
