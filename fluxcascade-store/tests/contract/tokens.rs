//! Credentials that change.

use fluxcascade_core::model::{ConnectionName, TenantId};
use fluxcascade_core::store::{StoredToken, TokenKey};
use futures::future::join_all;

use crate::FullStore;
use crate::nouns::*;

fn key(tenant: &str, connection: &str) -> TokenKey {
    TokenKey {
        tenant: TenantId::new(tenant).unwrap(),
        connection: ConnectionName::new(connection).unwrap(),
    }
}

pub(crate) async fn a_token_is_replaced_only_at_its_generation(store: &impl FullStore) {
    let key = key("default", "jobber");
    assert_eq!(store.token(&key).await.unwrap(), None);
    assert!(!store.replace_token(&key, 1, b"too early").await.unwrap());
    assert_eq!(store.token(&key).await.unwrap(), None);
    assert!(store.replace_token(&key, 0, b"first").await.unwrap());
    assert!(!store.replace_token(&key, 0, b"again").await.unwrap());
    assert!(store.replace_token(&key, 1, b"second").await.unwrap());
    let token = store.token(&key).await.unwrap().unwrap();
    assert_eq!(token, StoredToken { generation: 2, secret: b"second".to_vec() });
}

pub(crate) async fn of_two_replacements_of_the_same_generation_one_is_refused(
    store: &impl FullStore,
) {
    let key = key("default", "jobber");
    for generation in 0..5 {
        let secrets: Vec<Vec<u8>> = (0..8_u8).map(|n| vec![n; 4]).collect();
        let tries = secrets.iter().map(|secret| store.replace_token(&key, generation, secret));
        let answers: Vec<bool> = join_all(tries).await.into_iter().map(Result::unwrap).collect();
        assert_eq!(answers.iter().filter(|replaced| **replaced).count(), 1);
        let winner = answers.iter().position(|replaced| *replaced).unwrap();
        let token = store.token(&key).await.unwrap().unwrap();
        assert_eq!(token.generation, generation + 1);
        assert_eq!(token.secret, secrets[winner]);
    }
}

pub(crate) async fn while_a_claim_holds_another_claim_of_the_same_key_is_refused(
    store: &impl FullStore,
) {
    let key = key("default", "jobber");
    assert!(store.claim_refresh(&key, at(0), TTL).await.unwrap());
    assert!(!store.claim_refresh(&key, at(299), TTL).await.unwrap());
    assert_eq!(store.token(&key).await.unwrap(), None, "a claim is no token");
    assert!(store.replace_token(&key, 0, b"first").await.unwrap());
    assert!(!store.claim_refresh(&key, at(299), TTL).await.unwrap());
    assert!(store.claim_refresh(&key, at(300), TTL).await.unwrap(), "it ended");
    store.release_refresh(&key).await.unwrap();
    assert!(store.claim_refresh(&key, at(301), TTL).await.unwrap());
    assert_eq!(store.token(&key).await.unwrap().unwrap().secret, b"first");
}

pub(crate) async fn a_token_is_the_tenants_and_the_connections(store: &impl FullStore) {
    let mine = key("default", "jobber");
    store.replace_token(&mine, 0, b"mine").await.unwrap();
    store.claim_refresh(&mine, at(0), TTL).await.unwrap();
    for other in [key("other", "jobber"), key("default", "hubspot")] {
        assert_eq!(store.token(&other).await.unwrap(), None);
        assert!(store.claim_refresh(&other, at(0), TTL).await.unwrap());
        store.release_refresh(&other).await.unwrap();
    }
    assert!(!store.claim_refresh(&mine, at(0), TTL).await.unwrap());
}

pub(crate) async fn a_secret_is_not_shown(store: &impl FullStore) {
    let key = key("default", "jobber");
    store.replace_token(&key, 0, b"hunter2").await.unwrap();
    let token = store.token(&key).await.unwrap();
    for shown in [format!("{store:?}"), format!("{token:?}")] {
        assert!(!shown.contains("hunter2") && !shown.contains("104, 117"), "{shown}");
    }
}
