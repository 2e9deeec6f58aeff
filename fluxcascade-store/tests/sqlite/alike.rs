//! The store in a file and the one in memory answer alike.
//!
//! The contract suite says what is right; this finds where one store forgets an index.

use fluxcascade_store::SqliteStore;

use crate::shared::assert_alike;

#[tokio::test]
async fn both_stores_answer_alike_whatever_they_are_asked() {
    let folder = tempfile::tempdir().unwrap();
    let open =
        async |seed| SqliteStore::open(folder.path().join(format!("{seed}.db"))).await.unwrap();
    assert_alike(1..=42, 20, open).await;
}
