//! The simulated HubSpot, as any HTTP client meets it. The adapter is not here: this is about
//! whether the simulator does what HubSpot says that it does.

#![allow(clippy::unwrap_used, clippy::needless_pass_by_value, reason = "tests, and their helpers")]

use std::sync::Arc;
use std::time::Duration;

use fluxcascade_connectors::sim::SimConfig;
use fluxcascade_connectors::sim::hubspot::{HubSpotOptions, HubSpotSim, Limits};
use fluxcascade_core::clock::ManualClock;
use reqwest::Method;
use serde_json::{Value as Json, json};

#[path = "sim_hubspot/associations.rs"]
mod associations;
#[path = "sim_hubspot/batches.rs"]
mod batches;
#[path = "sim_hubspot/limits.rs"]
mod limits;
#[path = "sim_hubspot/objects.rs"]
mod objects;
#[path = "sim_hubspot/reading.rs"]
mod reading;
#[path = "sim_hubspot/searching.rs"]
mod searching;
#[path = "sim_hubspot/telling.rs"]
mod telling;
#[path = "sim_hubspot/writing.rs"]
mod writing;

const OBJECTS: &str = "/crm/v3/objects/contacts";

/// A portal, its clock, and a client.
struct Portal {
    sim: HubSpotSim,
    clock: Arc<ManualClock>,
    http: reqwest::Client,
}

/// A portal without limits, whose search shows a write after 5 seconds.
async fn portal() -> Portal {
    let lag = Duration::from_secs(5);
    let options =
        HubSpotOptions { search_lag: (lag, lag), limits: Limits::Off, ..HubSpotOptions::default() };
    portal_with(options).await
}

async fn portal_with(options: HubSpotOptions) -> Portal {
    let clock = Arc::new(ManualClock::starting("2026-03-01T14:00:00Z".parse().unwrap()));
    let config = SimConfig::steered(7, Arc::clone(&clock));
    rustls::crypto::ring::default_provider().install_default().ok();
    let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(20));
    Portal {
        sim: HubSpotSim::start_with(config, options).await.unwrap(),
        clock,
        http: http.build().unwrap(),
    }
}

impl Portal {
    async fn send(&self, method: Method, path: &str, body: Option<&Json>) -> reqwest::Response {
        let url = self.sim.base_url() + path;
        let mut request = self.http.request(method, url).bearer_auth("pat-na1-test");
        if let Some(body) = body {
            request = request.json(body);
        }
        request.send().await.unwrap()
    }

    async fn get(&self, path: &str) -> (u16, Json) {
        opened(self.send(Method::GET, path, None).await).await
    }

    async fn post(&self, path: &str, body: Json) -> (u16, Json) {
        opened(self.send(Method::POST, path, Some(&body)).await).await
    }

    async fn patch(&self, path: &str, body: Json) -> (u16, Json) {
        opened(self.send(Method::PATCH, path, Some(&body)).await).await
    }

    async fn search(&self, body: Json) -> (u16, Json) {
        self.post(&format!("{OBJECTS}/search"), body).await
    }

    /// Seeds so many contacts, all at the clock's time; gives their ids.
    fn seed(&self, contacts: usize) -> Vec<String> {
        (0..contacts)
            .map(|n| self.sim.seed_contact([("email", format!("p{n}@example.com"))]).unwrap())
            .collect()
    }
}

async fn opened(answer: reqwest::Response) -> (u16, Json) {
    let status = answer.status().as_u16();
    let text = answer.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Json::String(text)))
}

/// The ids of an answer's results.
fn ids(body: &Json) -> Vec<String> {
    let results = body["results"].as_array().unwrap();
    results.iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
}

fn sorted(mut ids: Vec<String>) -> Vec<String> {
    ids.sort();
    ids
}

fn contact(properties: Json) -> Json {
    json!({ "properties": properties })
}
