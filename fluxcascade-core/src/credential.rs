//! One refresh of a credential at a time, across tasks and processes. How a vendor is asked for it is
//! the adapter's affair.

use std::future::Future;
use std::time::Duration;

use crate::clock::Clock;
use crate::model::Timestamp;
use crate::store::{StoreError, StoreErrorKind, StoredToken, TokenKey, TokenStore};

/// How long to wait before looking again whether another one has refreshed.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// How long to wait at most before a store that is away is tried again.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// A credential that is not good any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stale {
    /// Whose.
    pub key: TokenKey,
    /// The generation that was used, and refused or is about to end.
    pub generation: u64,
    /// How long a refresh may take: after that it is given up, and another may begin one. Longer than
    /// the request's own limit.
    pub patience: Duration,
    /// What to do while another one refreshes it.
    pub if_claimed: IfClaimed,
}

/// What to do while another one refreshes a credential: it may have died over it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IfClaimed {
    /// Wait for it: there is nothing else to go on with. After twice the patience there is an error of the
    /// kind [`Busy`](StoreErrorKind::Busy): others try one after the other, and none succeeds.
    Wait,
    /// Leave it, with an error of the kind [`Busy`](StoreErrorKind::Busy): the credential is only about to
    /// end, and good for now.
    Leave,
}

/// The right to refresh a credential, which nobody else has until it is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    /// What is stored now, if there is anything.
    pub token: Option<StoredToken>,
    /// When the right ends: whoever asks the vendor then may ask with what another one has used. A
    /// request is to leave early enough for its answer to come before.
    pub until: Timestamp,
}

/// A credential of a later generation than the stale one: another's refresh, if there was one, else
/// what `refresh` makes of the one that is stored. Of any number that ask at once, in however many
/// processes, one calls `refresh`, and the others wait for what it stores, or leave it.
///
/// A process that is killed after the vendor has answered, and before that is stored, loses the answer:
/// with a vendor that gives each refresh token once, the account is then to be connected anew.
///
/// ```
/// use std::time::Duration;
///
/// use fluxcascade_core::SystemClock;
/// use fluxcascade_core::model::{ConnectionName, TenantId};
/// use fluxcascade_core::credential::{Claimed, IfClaimed, Stale, refreshed};
/// use fluxcascade_core::store::{StoreError, StoredToken, TokenKey, TokenStore};
/// use fluxcascade_core::testkit::block_on;
/// use fluxcascade_store::MemoryStore;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let store = MemoryStore::new();
/// let key = TokenKey { tenant: TenantId::default(), connection: ConnectionName::new("jobber")? };
/// block_on(store.replace_token(&key, 0, b"first"))?;
///
/// let stale = Stale { key, generation: 1, patience: Duration::from_secs(60), if_claimed: IfClaimed::Wait };
/// // An adapter asks the vendor here, with the refresh token that is in the stored one.
/// let ask = |_claimed: Claimed| async { Ok::<_, StoreError>(b"second".to_vec()) };
/// let token = block_on(refreshed(&store, &SystemClock, &stale, ask))?;
/// assert_eq!((token.generation, token.secret), (2, b"second".to_vec()));
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// If the store fails, or with what `refresh` fails with; then another may try at once.
pub async fn refreshed<E, F>(
    tokens: &dyn TokenStore,
    clock: &dyn Clock,
    stale: &Stale,
    refresh: impl FnOnce(Claimed) -> F,
) -> Result<StoredToken, E>
where
    E: From<StoreError>,
    F: Future<Output = Result<Vec<u8>, E>>,
{
    let began = clock.now();
    let until = loop {
        if let Some(newer) = newer(tokens, stale).await? {
            return Ok(newer);
        }
        let now = clock.now();
        if tokens.claim_refresh(&stale.key, now, stale.patience).await? {
            break now + stale.patience;
        }
        let why = match stale.if_claimed {
            IfClaimed::Wait if now.since(began) <= stale.patience * 2 => {
                clock.sleep(LOOK_AGAIN).await;
                continue;
            }
            IfClaimed::Wait => "others try to refresh the credential, and do not succeed",
            IfClaimed::Leave => "another one refreshes the credential just now",
        };
        return Err(StoreError::new(StoreErrorKind::Busy, why).into());
    };
    let outcome = refresh_claimed(tokens, clock, stale, until, refresh).await;
    // If that fails, the claim ends by itself.
    let _ = tokens.release_refresh(&stale.key, until).await;
    outcome
}

async fn newer(tokens: &dyn TokenStore, stale: &Stale) -> Result<Option<StoredToken>, StoreError> {
    let token = tokens.token(&stale.key).await?;
    Ok(token.filter(|token| token.generation > stale.generation))
}

async fn refresh_claimed<E, F>(
    tokens: &dyn TokenStore,
    clock: &dyn Clock,
    stale: &Stale,
    until: Timestamp,
    refresh: impl FnOnce(Claimed) -> F,
) -> Result<StoredToken, E>
where
    E: From<StoreError>,
    F: Future<Output = Result<Vec<u8>, E>>,
{
    // Somebody may have refreshed between the look and the claim.
    let current = tokens.token(&stale.key).await?;
    let generation = current.as_ref().map_or(0, |token| token.generation);
    if let Some(newer) = current.clone().filter(|_| generation > stale.generation) {
        return Ok(newer);
    }
    let secret = refresh(Claimed { token: current, until }).await?;
    if stored(tokens, clock, stale, (generation, until), &secret).await? {
        return Ok(StoredToken { generation: generation + 1, secret });
    }
    // The claim was over before the answer came, and another has refreshed.
    newer(tokens, stale).await?.ok_or_else(|| {
        let why = "the credential was refreshed and is gone: connect the account anew";
        StoreError::failed(why).into()
    })
}

/// Stores what the vendor answered in the place of this generation; says whether it did. With some vendors
/// the answer comes once, so that a store which is away is tried again for as long as the claim holds.
async fn stored(
    tokens: &dyn TokenStore,
    clock: &dyn Clock,
    stale: &Stale,
    (generation, until): (u64, Timestamp),
    secret: &[u8],
) -> Result<bool, StoreError> {
    let mut pause = LOOK_AGAIN;
    loop {
        let error = match tokens.replace_token(&stale.key, generation, secret).await {
            Ok(replaced) => return Ok(replaced),
            Err(error) => error,
        };
        if !error.is_transient() || clock.now() + pause >= until {
            return Err(error);
        }
        clock.sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
        // It may have been stored though the call failed.
        let now = tokens.token(&stale.key).await;
        if now.is_ok_and(|now| now.is_some_and(|now| now.secret == secret)) {
            return Ok(true);
        }
    }
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use futures::executor::block_on;

    use super::*;
    use crate::clock::ManualClock;
    use crate::model::{ConnectionName, TenantId};

    /// Others have it claimed, one after the other.
    #[derive(Debug)]
    struct Taken;

    #[async_trait]
    impl TokenStore for Taken {
        async fn token(&self, _: &TokenKey) -> Result<Option<StoredToken>, StoreError> {
            Ok(Some(StoredToken { generation: 1, secret: b"old".to_vec() }))
        }

        async fn replace_token(&self, _: &TokenKey, _: u64, _: &[u8]) -> Result<bool, StoreError> {
            Ok(false)
        }

        async fn claim_refresh(
            &self,
            _: &TokenKey,
            _: Timestamp,
            _: Duration,
        ) -> Result<bool, StoreError> {
            Ok(false)
        }

        async fn release_refresh(&self, _: &TokenKey, _: Timestamp) -> Result<(), StoreError> {
            Ok(())
        }
    }

    #[test]
    fn nobody_waits_for_ever_for_others_that_do_not_succeed() {
        let start = Timestamp::from_secs(1_772_366_400);
        let clock = ManualClock::starting(start);
        let connection = ConnectionName::new("jobber").unwrap();
        let key = TokenKey { tenant: TenantId::default(), connection };
        let patience = Duration::from_secs(60);
        let stale = Stale { key, generation: 1, patience, if_claimed: IfClaimed::Wait };
        let ask = |_| async { Ok::<_, StoreError>(Vec::new()) };
        let error = block_on(refreshed(&Taken, &clock, &stale, ask)).unwrap_err();
        assert_eq!(error.kind, StoreErrorKind::Busy);
        let waited = clock.now().since(start);
        assert!(waited >= patience * 2 && waited < patience * 3, "{waited:?}");
    }
}
