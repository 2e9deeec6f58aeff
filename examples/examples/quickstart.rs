//! A two-way sync between two simulated systems, from the first run to a resolved conflict:
//!
//! ```text
//! cargo run --example quickstart
//! ```
//!
//! HubSpot and Jobber are servers on this machine, and everybody goes by one clock that is moved
//! by hand: an hour passes in seconds, and the output is the same every time. With real accounts
//! the engine is built by the same calls; only `base_url` and `clock` are left out. The program
//! checks what it shows, and fails if anything is not as it should be.

#![expect(clippy::print_stdout, reason = "a program for people, who read its standard output")]

#[path = "quickstart/scenes.rs"]
mod scenes;
#[path = "quickstart/waiting.rs"]
mod waiting;
#[path = "quickstart/world.rs"]
mod world;

use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use clap::Parser;
use fluxcascade_connectors::{HubSpot, Jobber};
use fluxcascade_core::connector::Connector;
use fluxcascade_core::mapping::{ConfigError, Mapping};
use fluxcascade_core::model::Sides;
use fluxcascade_core::transform::phone_e164;
use fluxcascade_core::{Engine, Side, Strategy};
use fluxcascade_examples::progress::Progress;
use fluxcascade_store::SqliteStore;

use world::World;

/// What the mapping is called.
const MAPPING: &str = "contacts";

type Outcome<T> = Result<T, Box<dyn Error>>;

/// A two-way sync between a simulated HubSpot and a simulated Jobber.
#[derive(Debug, Parser)]
struct Args {
    /// Keeps the store's file when the program ends.
    #[arg(long)]
    keep: bool,
}

#[tokio::main]
async fn main() -> Outcome<()> {
    let args = Args::parse();
    let mut folder = tempfile::Builder::new().prefix("fluxcascade-").tempdir()?;
    folder.disable_cleanup(args.keep);
    let stage = Stage::set(&folder.path().join("sync.db")).await?;
    stage.introduce(&folder.path().join("sync.db"), args.keep)?;
    stage.guard_stops_a_wrong_mapping().await?;
    stage.first_sync().await?;
    stage.phone_changes_in_hubspot().await?;
    stage.address_changes_in_jobber().await?;
    stage.phone_changes_in_both().await?;
    stage.show_log().await?;
    stage.things_wait_for_a_person().await?;
    stage.a_person_answers().await?;
    stage.quiet_run().await
}

/// What is kept in sync: a contact in HubSpot is a client in Jobber with the same e-mail.
fn contacts() -> Result<Mapping, ConfigError> {
    Mapping::builder(MAPPING)
        .source("hubspot", "contacts")
        .target("jobber", "clients")
        .match_on("email", "emails.primary")
        .pair_with("email", "emails.primary", |pair| pair.id("email"))
        .pair_with("firstname", "firstName", |pair| pair.id("first name"))
        .pair_with("lastname", "lastName", |pair| pair.id("last name"))
        .pair_with("phone", "phones.primary", |pair| pair.id("phone").transform(phone_e164("US")))
        // Whose name a company goes by is no question of who typed last.
        .pair_with("company", "companyName", |pair| pair.id("company").conflicts(Strategy::Manual))
        // An address is decided and written as a whole: half of one and half of another is none.
        .pair_fields(
            ["address", "city", "state", "zip"],
            [
                "billingAddress.street1",
                "billingAddress.city",
                "billingAddress.province",
                "billingAddress.postalCode",
            ],
            |pair| pair.id("address"),
        )
        .conflicts(Strategy::NewestWins)
        .primary(Side::Source)
        .build()
}

/// The two systems, and the engine between them.
struct Stage {
    world: World,
    hubspot: Arc<HubSpot>,
    jobber: Arc<Jobber>,
    engine: Engine,
    progress: Arc<Progress>,
}

impl Stage {
    async fn set(store: &Path) -> Outcome<Self> {
        let world = World::start().await?;
        let clock = || world.shared_clock();
        let hubspot = HubSpot::builder().token("any-token").base_url(world.hubspot.base_url());
        let hubspot = Arc::new(hubspot.clock(clock()).build()?);
        let jobber = Jobber::builder().token("any-token").base_url(world.jobber.base_url());
        let jobber = Arc::new(jobber.clock(clock()).build()?);
        let progress = Arc::new(Progress::new(Sides::new("hubspot".into(), "jobber".into())));
        let observer = Arc::clone(&progress);
        world.clock.set("2026-03-02T13:00:00Z".parse()?);
        let engine = Engine::builder()
            .shared_connection("hubspot", Arc::<HubSpot>::clone(&hubspot) as Arc<dyn Connector>)
            .shared_connection("jobber", Arc::<Jobber>::clone(&jobber) as Arc<dyn Connector>)
            .store(Arc::new(SqliteStore::open(store).await?))
            .clock(clock())
            .observer(move |event| observer.tell(event))
            .mapping(contacts()?)
            .build()
            .await?;
        Ok(Self { world, hubspot, jobber, engine, progress })
    }
}
