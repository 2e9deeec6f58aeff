//! Rules of credentials that change.

use futures::future::join_all;

use super::nouns::*;
use super::{Checked, ensure, same, there};
use crate::model::Side;
use crate::store::{StoredToken, TokenKey, TokenStore};

pub(super) fn key(tenant: &str, of: Side) -> TokenKey {
    let connection = match of {
        Side::Source => feed_key().connection,
        Side::Target => page(Side::Target, []).feed_key.connection,
    };
    TokenKey { tenant: mapping_of(tenant, "contacts").tenant, connection }
}

pub(super) async fn a_token_is_replaced_only_at_its_generation(store: &dyn TokenStore) -> Checked {
    let key = key("default", Side::Target);
    same!(store.token(&key).await?, None);
    same!(store.replace_token(&key, 1, b"too early").await?, false, "before there is one");
    same!(store.token(&key).await?, None);
    same!(store.replace_token(&key, 0, b"first").await?, true);
    same!(store.replace_token(&key, 0, b"again").await?, false);
    same!(store.replace_token(&key, 1, b"second").await?, true);
    let token = there("token", store.token(&key).await?)?;
    same!(token, StoredToken { generation: 2, secret: b"second".to_vec() });
    Ok(())
}

pub(super) async fn of_two_replacements_of_the_same_generation_one_is_refused(
    store: &dyn TokenStore,
) -> Checked {
    let key = key("default", Side::Target);
    for generation in 0..5 {
        let secrets: Vec<Vec<u8>> = (0..8_u8).map(|n| vec![n; 4]).collect();
        let tries = secrets.iter().map(|secret| store.replace_token(&key, generation, secret));
        let answers: Vec<bool> = join_all(tries).await.into_iter().collect::<Result<_, _>>()?;
        let winners: Vec<_> =
            secrets.iter().zip(answers).filter(|(_, replaced)| *replaced).collect();
        same!(winners.len(), 1, "how many of 8 replaced generation {generation}");
        let token = there("token", store.token(&key).await?)?;
        same!(token.generation, generation + 1, "the generation");
        ensure!(
            winners.iter().all(|(secret, _)| **secret == token.secret),
            "the secret is not the one that replaced it"
        );
    }
    Ok(())
}

pub(super) async fn while_a_claim_holds_another_claim_of_the_same_key_is_refused(
    store: &dyn TokenStore,
) -> Checked {
    let key = key("default", Side::Target);
    same!(store.claim_refresh(&key, at(0), TTL).await?, true);
    same!(store.claim_refresh(&key, at(299), TTL).await?, false);
    same!(store.token(&key).await?, None, "a claim is no token, and the token");
    same!(store.replace_token(&key, 0, b"first").await?, true);
    same!(store.claim_refresh(&key, at(299), TTL).await?, false, "after a replacement");
    same!(store.claim_refresh(&key, at(300), TTL).await?, true, "after its end");
    store.release_refresh(&key, at(600)).await?;
    same!(store.claim_refresh(&key, at(301), TTL).await?, true, "after it was given back");
    let token = there("token", store.token(&key).await?)?;
    same!(token.generation, 1, "the generation");
    Ok(())
}

pub(super) async fn a_claim_that_is_given_back_late_leaves_a_later_one(
    store: &dyn TokenStore,
) -> Checked {
    let key = key("default", Side::Target);
    store.replace_token(&key, 0, b"first").await?;
    same!(store.claim_refresh(&key, at(0), TTL).await?, true);
    same!(store.claim_refresh(&key, at(301), TTL).await?, true, "after its end");
    store.release_refresh(&key, at(300)).await?;
    same!(store.claim_refresh(&key, at(302), TTL).await?, false, "while the second refreshes");
    Ok(())
}

pub(super) async fn a_token_is_the_tenant_s_and_the_connection_s(
    store: &dyn TokenStore,
) -> Checked {
    let mine = key("default", Side::Target);
    store.replace_token(&mine, 0, b"mine").await?;
    store.claim_refresh(&mine, at(0), TTL).await?;
    for other in [key("other", Side::Target), key("default", Side::Source)] {
        same!(store.token(&other).await?, None);
        same!(store.claim_refresh(&other, at(0), TTL).await?, true, "a claim of another key");
        store.release_refresh(&other, at(300)).await?;
    }
    same!(store.claim_refresh(&mine, at(0), TTL).await?, false);
    Ok(())
}

pub(super) async fn a_secret_is_not_shown(store: &dyn TokenStore) -> Checked {
    let key = key("default", Side::Target);
    store.replace_token(&key, 0, b"hunter2").await?;
    let token = store.token(&key).await?;
    for shown in [format!("{store:?}"), format!("{token:?}")] {
        ensure!(!shown.contains("hunter2") && !shown.contains("104, 117"), "it is in the text");
    }
    Ok(())
}
