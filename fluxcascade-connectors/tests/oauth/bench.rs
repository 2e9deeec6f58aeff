//! What these tests share: simulators with an app, adapters of which each stands for a process, and a
//! store that all of them have.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use fluxcascade_connectors::http::oauth::{OAuth, OAuthApp, TokenPlace};
use fluxcascade_connectors::sim::hubspot::{HubSpotOptions, HubSpotSim};
use fluxcascade_connectors::sim::jobber::JobberSim;
use fluxcascade_connectors::sim::{SimApp, SimConfig, SteeredClock};
use fluxcascade_connectors::{HubSpot, Jobber};
use fluxcascade_core::clock::{Clock, ManualClock};
use fluxcascade_core::model::{ConnectionName, TenantId, Timestamp};
use fluxcascade_core::store::{StoreError, StoredToken, TokenKey, TokenStore};

pub(super) const REDIRECT: &str = "https://acme.example/connected";

/// Tokens in memory, and a store that can be away.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    kept: Mutex<BTreeMap<TokenKey, (u64, Vec<u8>)>>,
    claims: Mutex<BTreeMap<TokenKey, Timestamp>>,
    /// So many of the next replacements fail.
    pub(super) failing: AtomicU32,
    /// Nothing can be read.
    pub(super) unreadable: AtomicBool,
    /// The process that makes the next claim stands still by this clock, until the claim is over.
    pub(super) standing_still: Mutex<Option<Arc<ManualClock>>>,
}

#[async_trait]
impl TokenStore for Tokens {
    async fn token(&self, key: &TokenKey) -> Result<Option<StoredToken>, StoreError> {
        if self.unreadable.load(Ordering::SeqCst) {
            return Err(StoreError::failed("the network is down"));
        }
        let kept = self.kept.lock().unwrap();
        let found = kept.get(key);
        Ok(found.map(|(generation, secret)| StoredToken {
            generation: *generation,
            secret: secret.clone(),
        }))
    }

    async fn replace_token(
        &self,
        key: &TokenKey,
        generation: u64,
        secret: &[u8],
    ) -> Result<bool, StoreError> {
        if self.failing.load(Ordering::SeqCst) > 0 {
            self.failing.fetch_sub(1, Ordering::SeqCst);
            return Err(StoreError::failed("the disk is full"));
        }
        let mut kept = self.kept.lock().unwrap();
        if kept.get(key).map_or(0, |(generation, _)| *generation) != generation {
            return Ok(false);
        }
        kept.insert(key.clone(), (generation + 1, secret.to_vec()));
        Ok(true)
    }

    async fn claim_refresh(
        &self,
        key: &TokenKey,
        now: Timestamp,
        ttl: Duration,
    ) -> Result<bool, StoreError> {
        let mut claims = self.claims.lock().unwrap();
        if claims.get(key).is_some_and(|until| now < *until) {
            return Ok(false);
        }
        claims.insert(key.clone(), now + ttl);
        if let Some(clock) = self.standing_still.lock().unwrap().take() {
            clock.advance(ttl);
        }
        Ok(true)
    }

    async fn release_refresh(&self, key: &TokenKey, until: Timestamp) -> Result<(), StoreError> {
        let mut claims = self.claims.lock().unwrap();
        if claims.get(key) == Some(&until) {
            claims.remove(key);
        }
        Ok(())
    }
}

/// A time that all share.
pub(super) fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::starting("2026-03-01T14:00:00Z".parse().unwrap()))
}

pub(super) fn config<C: SteeredClock>(clock: &Arc<C>) -> SimConfig {
    SimConfig::steered(7, Arc::clone(clock)).app(SimApp {
        client_id: "app 1".to_owned(),
        client_secret: "s3cret".into(),
        redirect_uri: REDIRECT.to_owned(),
    })
}

pub(super) fn app() -> OAuthApp {
    OAuthApp::new("app 1", "s3cret", REDIRECT).scopes(["crm.objects.contacts.read", "oauth"])
}

fn key() -> TokenKey {
    TokenKey { tenant: TenantId::default(), connection: ConnectionName::new("customer").unwrap() }
}

pub(super) fn place(tokens: &Arc<Tokens>) -> TokenPlace {
    TokenPlace {
        store: Arc::<Tokens>::clone(tokens),
        tenant: key().tenant,
        connection: key().connection,
    }
}

pub(super) fn shared<C: Clock>(clock: &Arc<C>) -> Arc<dyn Clock> {
    Arc::<C>::clone(clock)
}

/// A Jobber with an app, and the store of those who connect to it.
pub(super) struct JobberBench<C = ManualClock> {
    pub(super) sim: JobberSim,
    pub(super) clock: Arc<C>,
    pub(super) tokens: Arc<Tokens>,
}

impl JobberBench {
    pub(super) async fn new() -> Self {
        Self::with(clock()).await
    }

    /// A process, and an account that is connected.
    pub(super) async fn connected() -> (Self, Jobber) {
        Self::connected_with(clock()).await
    }
}

impl<C: SteeredClock> JobberBench<C> {
    pub(super) async fn with(clock: Arc<C>) -> Self {
        let sim = JobberSim::start(config(&clock)).await.unwrap();
        Self { sim, clock, tokens: Arc::default() }
    }

    /// One more process.
    pub(super) fn process(&self) -> Jobber {
        let builder = Jobber::builder().oauth(app(), place(&self.tokens));
        builder.base_url(self.sim.base_url()).clock(shared(&self.clock)).build().unwrap()
    }

    /// A process, and an account that is connected, with this clock.
    pub(super) async fn connected_with(clock: Arc<C>) -> (Self, Jobber) {
        let bench = Self::with(clock).await;
        let jobber = bench.process();
        connect(jobber.oauth().unwrap()).await;
        bench.sim.clear_requests();
        (bench, jobber)
    }

    /// A call that is given up as soon as it has asked for a token.
    pub(super) async fn given_up<T>(&self, call: impl Future<Output = T>) {
        let asked = async {
            while self.renewals() == 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::select! {
            biased;
            () = asked => {}
            _ = call => panic!("it was answered before it could be given up"),
        }
    }

    /// A process begins to renew, and dies.
    pub(super) async fn claimed_by_one_who_died(&self) {
        let (key, now) = (key(), self.clock.now());
        let claimed = self.tokens.claim_refresh(&key, now, Duration::from_secs(300)).await;
        assert!(claimed.unwrap());
    }

    /// Requests at the token endpoint.
    pub(super) fn renewals(&self) -> usize {
        self.sim.requests().iter().filter(|r| r.path == "/api/oauth/token").count()
    }
}

/// A HubSpot with an app, and the store of those who connect to it.
pub(super) struct HubSpotBench {
    pub(super) sim: HubSpotSim,
    pub(super) clock: Arc<ManualClock>,
    pub(super) tokens: Arc<Tokens>,
}

impl HubSpotBench {
    pub(super) async fn new() -> Self {
        let clock = clock();
        let sim = HubSpotSim::start(config(&clock)).await.unwrap();
        Self { sim, clock, tokens: Arc::default() }
    }

    /// One more process.
    pub(super) fn process(&self) -> HubSpot {
        self.process_of("app 1", "s3cret")
    }

    /// A process that is set up for this app.
    pub(super) fn process_of(&self, id: &str, secret: &str) -> HubSpot {
        let app = OAuthApp { client_id: id.to_owned(), client_secret: secret.into(), ..app() };
        let builder = HubSpot::builder().oauth(app, place(&self.tokens));
        let builder = builder.authorize_url(format!("{}/oauth/authorize", self.sim.base_url()));
        builder.base_url(self.sim.base_url()).clock(shared(&self.clock)).build().unwrap()
    }

    /// From now on this account is behind the same address.
    pub(super) async fn move_in(&mut self, portal_id: u64) {
        let port = self.sim.base_url().rsplit(':').next().unwrap().parse().unwrap();
        let options = HubSpotOptions { portal_id, ..HubSpotOptions::default() };
        // The one before lets go of its port when it is gone.
        self.sim = HubSpotSim::start(config(&self.clock)).await.unwrap();
        self.sim = loop {
            let there = config(&self.clock).port(port);
            match HubSpotSim::start_with(there, options.clone()).await {
                Ok(sim) => break sim,
                Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        };
    }

    /// A process, and an account that is connected.
    pub(super) async fn connected() -> (Self, HubSpot) {
        let bench = Self::new().await;
        let hubspot = bench.process();
        connect(hubspot.oauth().unwrap()).await;
        bench.sim.clear_requests();
        (bench, hubspot)
    }
}

/// What a browser does that is sent to an address: the address that it is sent back to.
pub(super) async fn browser(url: &str) -> String {
    let policy = reqwest::redirect::Policy::none();
    let client = reqwest::Client::builder().redirect(policy).no_proxy().build().unwrap();
    let answer = client.get(url).send().await.unwrap();
    answer.headers().get("location").unwrap().to_str().unwrap().to_owned()
}

/// The whole way of a customer who connects an account.
pub(super) async fn connect(oauth: OAuth<'_>) {
    let begun = oauth.begin().unwrap();
    let callback = browser(&begun.url).await;
    oauth.finish(&begun.pending, &callback).await.unwrap();
}
