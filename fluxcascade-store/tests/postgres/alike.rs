//! The store in a database and the one in memory answer alike.
//!
//! The contract suite says what is right; this finds where one store forgets an index.

use fluxcascade_store::PostgresStore;

use crate::server::Place;
use crate::shared::assert_alike;

#[tokio::test]
async fn both_stores_answer_alike_whatever_they_are_asked() {
    let Some(place) = Place::or_skip() else { return };
    let open = async |seed| {
        let place = Place { schema: format!("{}_{seed}", place.schema), ..place.clone() };
        PostgresStore::open(&place.options()).await.unwrap()
    };
    assert_alike(1..=20, 3, open).await;
}
