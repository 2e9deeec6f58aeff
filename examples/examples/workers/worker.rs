//! A worker: the whole of what a process needs to share in the work.

use std::io::{BufRead as _, Read as _};
use std::sync::Arc;
use std::time::Duration;

use fluxcascade_connectors::http::{HttpSettings, SharedBudget};
use fluxcascade_connectors::{HubSpot, Jobber};
use fluxcascade_core::engine::Turn;
use fluxcascade_core::mapping::{ConfigError, Mapping, Test};
use fluxcascade_core::model::{ConnectionName, TenantId, WorkerName};
use fluxcascade_core::{Engine, Side};
use fluxcascade_store::PostgresStore;
use fluxcascade_store::postgres::PostgresOptions;
use serde::{Deserialize, Serialize};

use crate::Outcome;
use crate::town::CITIES;

/// How often each mapping is synced, if nothing wakes it.
const EVERY: Duration = Duration::from_secs(1000);
/// Much shorter than one would have them, so that nobody waits long for the lease of one that was
/// killed.
const LEASE: Duration = Duration::from_secs(5);
const REQUEST: Duration = Duration::from_secs(2);

/// What a worker is told: where everything is. It comes over its input, as the database's URL may have
/// a password in it, which a command line would show to everybody on the machine.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Order {
    pub(crate) database: String,
    pub(crate) schema: String,
    pub(crate) hubspot: String,
    pub(crate) jobber: String,
}

impl Order {
    pub(crate) async fn store(&self) -> Outcome<Arc<PostgresStore>> {
        let options = PostgresOptions::new(&self.database).schema(&self.schema).connections(4);
        Ok(Arc::new(PostgresStore::open(&options).await?))
    }
}

/// The people of one city: a contact in HubSpot is a client in Jobber with the same e-mail.
pub(crate) fn people_of(city: &str) -> Result<Mapping, ConfigError> {
    Mapping::builder(city)
        .source("hubspot", "contacts")
        .target("jobber", "clients")
        .filter(Side::Source, "city", Test::Equals(city.into()))
        .filter(Side::Target, "billingAddress.city", Test::Equals(city.into()))
        .match_on("email", "emails.primary")
        .pair("email", "emails.primary")
        .pair("firstname", "firstName")
        .pair("lastname", "lastName")
        .pair_fields(
            ["address", "city", "zip"],
            ["billingAddress.street1", "billingAddress.city", "billingAddress.postalCode"],
            |pair| pair,
        )
        .build()
}

/// Works until this process is killed, or the one that started it ends.
pub(crate) fn work() -> Outcome<()> {
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    let order = serde_json::from_str(&line)?;
    std::thread::spawn(|| {
        let _ = std::io::stdin().read(&mut [0]);
        std::process::exit(0);
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(take_turns(&order))
}

async fn take_turns(order: &Order) -> Outcome<()> {
    let store = order.store().await?;
    let me = WorkerName::new(format!("process {}", std::process::id()))?;
    let engine = engine(order, &store, &me).await?;
    engine.schedule(&*store, EVERY).await?;
    loop {
        match engine.next_turn(&*store, &me).await? {
            Turn::Due(run) => {
                let city = run.mapping().to_owned();
                println!("begins {city}");
                match run.sync().await {
                    Ok(report) => println!(
                        "synced {city} {} linked, {} writes",
                        report.linked,
                        report.writes()
                    ),
                    Err(error) => println!("failed {city} {error}"),
                }
            }
            Turn::Idle(until) => engine.rest(&*store, until).await,
        }
    }
}

async fn engine(order: &Order, store: &Arc<PostgresStore>, me: &WorkerName) -> Outcome<Engine> {
    let http = || HttpSettings {
        request_timeout: REQUEST,
        connect_timeout: REQUEST / 2,
        ..HttpSettings::default()
    };
    // All workers together stay within what HubSpot takes of one account.
    let budget = SharedBudget {
        store: Arc::<PostgresStore>::clone(store),
        tenant: TenantId::default(),
        connection: ConnectionName::new("hubspot")?,
        worker: me.clone(),
    };
    let hubspot = HubSpot::builder().token("any-token").base_url(&order.hubspot).budget(budget);
    let jobber = Jobber::builder().token("any-token").base_url(&order.jobber);
    let mut engine = Engine::builder()
        .connection("hubspot", hubspot.http(http()).build()?)
        .connection("jobber", jobber.http(http()).build()?)
        .store(Arc::<PostgresStore>::clone(store))
        .lease(LEASE)
        .request_timeout(REQUEST);
    for city in CITIES {
        engine = engine.mapping(people_of(city)?);
    }
    Ok(engine.build().await?)
}
