//! The simulator of Jobber as a plain HTTP client meets it. Nothing of the adapter is used.
#![expect(clippy::unwrap_used, reason = "a test fails by it")]

#[path = "sim_jobber/doings.rs"]
mod doings;
#[path = "sim_jobber/leaving.rs"]
mod leaving;
#[path = "sim_jobber/limits.rs"]
mod limits;
#[path = "sim_jobber/reads.rs"]
mod reads;
#[path = "sim_jobber/writes.rs"]
mod writes;

use std::sync::Arc;
use std::time::Duration;

use fluxcascade_connectors::sim::SimConfig;
use fluxcascade_connectors::sim::jobber::{JobberOptions, JobberSim};
use fluxcascade_core::clock::ManualClock;
use serde_json::{Value as Json, json};

const VERSION: &str = "2026-05-12";
const START: &str = "2026-03-01T14:00:00Z";

/// A simulator, its clock, and a client that speaks to it.
struct Jobber {
    sim: JobberSim,
    clock: Arc<ManualClock>,
    http: reqwest::Client,
}

impl Jobber {
    async fn start() -> Self {
        Self::configured(|_| {}).await
    }

    async fn configured(configure: impl FnOnce(&mut JobberOptions)) -> Self {
        Self::with_token(None, configure).await
    }

    async fn with_token(token: Option<&str>, configure: impl FnOnce(&mut JobberOptions)) -> Self {
        rustls::crypto::ring::default_provider().install_default().ok();
        let clock = Arc::new(ManualClock::starting(START.parse().unwrap()));
        let mut config = SimConfig::steered(7, Arc::clone(&clock));
        config.token = token.map(Into::into);
        let mut options = JobberOptions::default();
        configure(&mut options);
        let sim = JobberSim::start_with(config, options).await.unwrap();
        Self { sim, clock, http: reqwest::Client::new() }
    }

    fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// Posts a query with these headers besides the usual ones.
    fn post(&self, query: &str, variables: &Json) -> reqwest::RequestBuilder {
        self.http
            .post(self.sim.graphql_url())
            .header("X-JOBBER-GRAPHQL-VERSION", VERSION)
            .bearer_auth("any token")
            .json(&json!({ "query": query, "variables": variables }))
    }

    /// The whole answer to a query, which must come with status 200.
    async fn ask(&self, query: &str, variables: Json) -> Json {
        let answer = self.post(query, &variables).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        answer.json().await.unwrap()
    }

    /// The data of an answer that has no errors.
    async fn data(&self, query: &str, variables: Json) -> Json {
        let mut answer = self.ask(query, variables).await;
        assert_eq!(answer.get("errors"), None, "{answer:#}");
        answer["data"].take()
    }
}

/// The texts at this key of all rows of a list.
fn texts(rows: &Json, key: &str) -> Vec<String> {
    let rows = rows.as_array().expect("a list");
    rows.iter().map(|row| row[key].as_str().expect("a text").to_owned()).collect()
}
