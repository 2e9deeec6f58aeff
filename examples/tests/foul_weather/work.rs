//! HubSpot's deals become Jobber's jobs, of the client that is the deal's contact.

use std::collections::BTreeMap;
use std::sync::Arc;

use fluxcascade_connectors::sim::hubspot::HubSpotSim;
use fluxcascade_connectors::sim::jobber::{JobberAddress, JobberJob, JobberProperty, JobberSim};
use fluxcascade_core::clock::ManualClock;
use fluxcascade_core::{Engine, Mapping, Side};
use fluxcascade_store::MemoryStore;

use super::endpoint::Endpoint;
use super::system::{Dice, Late, System, Vendor, clock, minutes, was_foul};

const PEOPLE: usize = 4;
const DEALS: usize = 8;
const ROUNDS: usize = 6;
const SEEDS: u64 = 4;

/// The engine, which is told of what happens.
async fn engine(
    hubspot: &System,
    jobber: &System,
    endpoint: &Endpoint,
    clock: &Arc<ManualClock>,
) -> Engine {
    let (hubspot, jobber) = (hubspot.connector(clock), jobber.connector(clock));
    endpoint.listens_to("hubspot", &hubspot, "contacts", &["email", "firstname"]).await;
    let of_deals = ["dealname", "description", "associations.contacts"];
    endpoint.listens_to("hubspot", &hubspot, "deals", &of_deals).await;
    for object in ["clients", "jobs"] {
        endpoint.listens_to("jobber", &jobber, object, &[]).await;
    }
    let people = Mapping::builder("people")
        .source("hubspot", "contacts")
        .target("jobber", "clients")
        .primary(Side::Source)
        .match_on("email", "emails.primary")
        .pair("email", "emails.primary")
        .pair("firstname", "firstName");
    let work = Mapping::builder("work")
        .source("hubspot", "deals")
        .target("jobber", "jobs")
        // Whoever is linked to a job whose create had no answer may have been edited since.
        .primary(Side::Source)
        .create(fluxcascade_core::mapping::Create::ToTarget)
        .match_on("dealname", "title")
        .pair("dealname", "title")
        .pair("description", "instructions")
        .pair_with("association.contacts", "client", |pair| {
            pair.source_only().references("people")
        });
    let builder = Engine::builder()
        .shared_connection("hubspot", hubspot)
        .shared_connection("jobber", jobber)
        .store(Arc::new(MemoryStore::new()))
        .clock(Arc::<ManualClock>::clone(clock))
        .mapping(people.build().unwrap())
        .mapping(work.build().unwrap());
    builder.build().await.unwrap()
}

/// Whose each piece of work is, by its name, and what is to be done.
type Work = BTreeMap<String, (String, String)>;

fn deals(sim: &HubSpotSim) -> Work {
    let each = |deal: &fluxcascade_connectors::sim::hubspot::SimRecord| {
        let contacts = sim.associated(("deals", &deal.id), "contacts");
        let whose = sim.contact(&contacts[0].0).unwrap().value("email").to_owned();
        (deal.value("dealname").to_owned(), (whose, deal.value("description").to_owned()))
    };
    sim.records("deals").iter().map(each).collect()
}

fn jobs(sim: &JobberSim) -> Work {
    let all = sim.records::<JobberJob>();
    let each = |job: &JobberJob| {
        let whose = sim.client(&job.client_id).unwrap();
        let email = whose.primary_email().unwrap().address.clone();
        let title = job.title.clone().unwrap_or_default();
        (title, (email, job.instructions.clone().unwrap_or_default()))
    };
    let work: Work = all.iter().map(each).collect();
    assert_eq!(work.len(), all.len(), "a job is there twice");
    work
}

async fn storm(seed: u64, faults: &mut BTreeMap<String, usize>) {
    let clock = clock();
    let hubspot = System::start(Vendor::HubSpot, seed, &clock).await;
    let jobber = System::start(Vendor::Jobber, seed + 100, &clock).await;
    let (System::HubSpot(deals_at), System::Jobber(jobs_at)) = (&hubspot, &jobber) else {
        unreachable!("they were started so")
    };
    let mut contacts = Vec::new();
    for n in 0..PEOPLE {
        let email = format!("person{n}@x.example");
        let person = [("email", email.clone()), ("firstname", format!("First{n}"))];
        contacts.push(deals_at.seed_contact(person).unwrap());
        jobber.add(&email, &format!("First{n}"));
    }
    for client in jobs_at.clients() {
        let address = JobberAddress { street1: "1 Main St".to_owned(), ..JobberAddress::default() };
        let home = JobberProperty { address, ..JobberProperty::default() };
        jobs_at.create_property(&client.id, home).unwrap();
    }
    minutes(&clock, 30);
    let mut endpoint = Endpoint::open(&clock).await;
    let engine = engine(&hubspot, &jobber, &endpoint, &clock).await;
    let mut dice = Dice(seed);
    hubspot.goes_wrong(seed, Late::Writes);
    jobber.goes_wrong(seed + 1, Late::Writes);
    let mut made: Vec<String> = Vec::new();
    for round in 0..ROUNDS {
        if made.len() < DEALS {
            for n in 0..2 {
                let name = format!("Deal {round}.{n}");
                let stage = ("dealstage", "appointmentscheduled".to_owned());
                let deal = [("dealname", name), ("pipeline", "default".to_owned()), stage];
                let deal = deals_at.create("deals", deal).unwrap();
                let whose = &contacts[dice.below(PEOPLE)];
                deals_at.associate(("deals", &deal), ("contacts", whose)).unwrap();
                made.push(deal);
            }
            hubspot.tells(&mut dice).await;
            endpoint.pass_on(&engine).await;
        }
        let _ = engine.sync("people").await;
        let _ = engine.sync("work").await;
        minutes(&clock, 3);
        let deal = made[dice.below(made.len())].clone();
        deals_at.edit("deals", &deal, [("description", format!("deal says {round}"))]).unwrap();
        hubspot.tells(&mut dice).await;
        endpoint.pass_on(&engine).await;
        minutes(&clock, 3);
        let all = jobs_at.records::<JobberJob>();
        if !all.is_empty() {
            let job = all[dice.below(all.len())].id.clone();
            let said = format!("job says {round}");
            jobs_at.edit::<JobberJob>(&job, |job| job.instructions = Some(said)).unwrap();
        }
        jobber.tells(&mut dice).await;
        endpoint.pass_on(&engine).await;
        minutes(&clock, 11);
    }
    assert!(endpoint.heard > 0, "{seed}: nobody told of anything");
    hubspot.clears();
    jobber.clears();
    settle(&engine, &clock).await;
    let (left, right) = (deals(deals_at), jobs(jobs_at));
    assert_eq!(left.len(), made.len(), "{seed}");
    assert_eq!(left, right, "{seed}: {}", engine.desk("work").await.unwrap());
    hubspot.add_faults(faults);
    jobber.add_faults(faults);
}

/// Runs both mappings until neither writes anything.
async fn settle(engine: &Engine, clock: &ManualClock) {
    let mut last = String::new();
    for _ in 0..5 {
        minutes(clock, 30);
        let people = engine.run("people").full().sync().await.unwrap();
        let work = engine.run("work").full().sync().await.unwrap();
        if people.writes() + work.writes() == 0 && work.failed.is_empty() {
            return;
        }
        last = format!("{people}\n{work}");
    }
    panic!("it does not come to rest: {last}");
}

#[tokio::test]
async fn deals_and_jobs_agree_with_whose_they_are_when_the_weather_clears() {
    let mut faults = BTreeMap::new();
    for seed in 1..=SEEDS {
        storm(seed, &mut faults).await;
    }
    was_foul(&faults, 100, 12);
}
