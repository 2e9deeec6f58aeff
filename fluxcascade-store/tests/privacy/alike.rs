//! A sealed store and a bare one answer alike, whatever they are asked.

use fluxcascade_store::{MemoryStore, SqliteStore};

use crate::sealed;
use crate::shared::assert_alike;

#[tokio::test]
async fn a_sealed_store_in_memory_answers_as_a_bare_one() {
    assert_alike(1..=40, 10, async |_| sealed(MemoryStore::new())).await;
}

#[tokio::test]
async fn a_sealed_store_in_a_file_answers_as_a_bare_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = |seed: u64| folder.path().join(format!("{seed}.db"));
    let open = async |seed| sealed(SqliteStore::open(path(seed)).await.unwrap());
    assert_alike(50..=66, 3, open).await;
}
