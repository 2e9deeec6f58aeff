//! P30: keys are rotated beside syncs: old rows stay readable, and are sealed anew in steps.

use fluxcascade_core::model::TenantId;
use fluxcascade_core::store::{Store, StoreErrorKind};
use fluxcascade_core::testkit::conformance::store::nouns::*;
use fluxcascade_store::sealed::{Keyring, Rewrap, Sealed};
use fluxcascade_store::{MemoryStore, SqliteStore};

use crate::whole::{content, fill};
use crate::{Kept, key, sealed};

async fn rotates<S: Kept>(store: S) {
    let store = sealed(store);
    fill(&store).await.unwrap();
    let before = content(&store).await.unwrap();

    // Both keys: all is read, and what is written is sealed with the new one.
    let both = Keyring::new(key("two", 2)).with_older(key("one", 1)).unwrap();
    let store = Sealed::new(store.into_inner(), both);
    assert_eq!(content(&store).await.unwrap(), before);
    let lease = leased(&store).await.unwrap();
    let more = links([link(9)]);
    store.commit(&lease, &more).await.unwrap();
    let tenants = [TenantId::default(), TenantId::new("other").unwrap()];
    let mut at: Option<Rewrap> = None;
    let (mut looked, mut rewrapped, mut steps) = (0, 0, 0);
    loop {
        let step = store.rewrap(&tenants[0], at.as_ref(), 2).await.unwrap();
        // The first step does the credentials, too.
        assert!(step.looked <= if steps == 0 { 4 } else { 2 }, "{step:?}");
        looked += step.looked;
        rewrapped += step.rewrapped;
        steps += 1;
        let Some(next) = step.next else { break };
        assert!(next.to_string().ends_with("of mapping contacts"), "{next}");
        at = Some(next);
    }
    // 3 entries, 2 links, an operation, a hold, a conflict, a log row, a run, and 2 credentials; the
    // second link was sealed with the new key from the first.
    assert_eq!((looked, rewrapped), (12, 11));
    assert_eq!(steps, 6);
    let again = store.rewrap(&tenants[0], None, 99).await.unwrap();
    assert_eq!((again.looked, again.rewrapped, again.next), (12, 0, None));
    assert_eq!(store.rewrap(&tenants[1], None, 99).await.unwrap().rewrapped, 1);
    store.release(&lease).await.unwrap();
    let with_more = content(&store).await.unwrap();

    // The old key can go.
    let store = Sealed::new(store.into_inner(), Keyring::new(key("two", 2)));
    assert_eq!(content(&store).await.unwrap(), with_more);
    let store = sealed(store.into_inner());
    assert_eq!(content(&store).await.unwrap_err().kind, StoreErrorKind::Locked);
}

#[tokio::test]
async fn keys_rotate_in_memory() {
    rotates(MemoryStore::new()).await;
}

#[tokio::test]
async fn keys_rotate_in_a_file() {
    let folder = tempfile::tempdir().unwrap();
    rotates(SqliteStore::open(folder.path().join("sync.db")).await.unwrap()).await;
}

#[cfg(feature = "postgres")]
#[tokio::test]
async fn keys_rotate_on_a_server() {
    let Some(place) = crate::server::Place::or_skip() else { return };
    rotates(fluxcascade_store::PostgresStore::open(&place.options()).await.unwrap()).await;
}

/// The answer keeps the hold's text, which is sealed with the older key, between the look and the writing.
#[cfg(feature = "postgres")]
#[tokio::test]
async fn a_rewrap_beside_an_answer_leaves_nothing_of_the_older_key() {
    use std::sync::Arc;
    use std::time::Duration;

    use fluxcascade_core::model::{Answer, AnswerOutcome, AnswerTo, Choice};
    use fluxcascade_core::store::CommitBatch;
    use fluxcascade_store::PostgresStore;

    let Some(place) = crate::server::Place::or_skip() else { return };
    let open = async || PostgresStore::open(&place.options()).await.unwrap();
    let store = sealed(open().await);
    let lease = leased(&store).await.unwrap();
    let held = pair_hold(1, "name", None);
    let batch = CommitBatch { holds: vec![held.clone()], ..links([link(1)]) };
    store.commit(&lease, &batch).await.unwrap();
    store.release(&lease).await.unwrap();

    let both = || Keyring::new(key("two", 2)).with_older(key("one", 1)).unwrap();
    let one = Arc::new(Sealed::new(open().await, both()));
    let two = Arc::new(Sealed::new(open().await, both()));
    let mut at_rows = two.rewrap(&TenantId::default(), None, 1).await.unwrap().next;
    // Both wait for the mapping: first the answer, then the rewrap, which has looked at the hold.
    let raw = place.hold_locked("mappings").await;
    let answering = {
        let answer = Answer { choice: Choice::Leave, at: at(7) };
        let to = AnswerTo { hold: held.key.clone(), version: held.version(), answer };
        let one = Arc::clone(&one);
        tokio::spawn(async move { one.answer(&contacts(), &[to]).await })
    };
    tokio::time::sleep(Duration::from_millis(500)).await;
    let rewrapping = tokio::spawn(async move {
        while let Some(next) = at_rows {
            at_rows = two.rewrap(&TenantId::default(), Some(&next), 1_000).await.unwrap().next;
        }
    });
    tokio::time::sleep(Duration::from_millis(500)).await;
    raw.batch_execute("COMMIT").await.unwrap();
    assert_eq!(answering.await.unwrap().unwrap(), [AnswerOutcome::Stored]);
    rewrapping.await.unwrap();

    let store = Sealed::new(open().await, Keyring::new(key("two", 2)));
    let lease = store.lease(&contacts(), at(900), TTL).await.unwrap();
    store.work(&lease, &all_work(at(900))).await.unwrap();
}
