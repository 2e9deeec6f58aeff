//! What the HubSpot adapter can do beside reading and writing properties, against the simulated portal:
//! associations, upserts, archives, fields and webhooks that are set up; and what all of it costs.

#![allow(clippy::unwrap_used, reason = "tests, and their helpers")]

#[path = "hubspot_powers/associations.rs"]
mod associations;
#[path = "hubspot_bench/bench.rs"]
mod bench;
#[path = "hubspot_powers/catalog.rs"]
mod catalog;
#[path = "hubspot_powers/costs.rs"]
mod costs;
#[path = "hubspot_powers/custom.rs"]
mod custom;
#[path = "hubspot_powers/history.rs"]
mod history;
#[path = "hubspot_powers/setting_up.rs"]
mod setting_up;
#[path = "hubspot_powers/writing.rs"]
mod writing;
