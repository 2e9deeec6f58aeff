//! A connection dies while work is queued for it: nothing is lost, nobody asks in vain, and everything
//! goes on once the account is connected again.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock};

use fluxcascade_connectors::Jobber;
use fluxcascade_connectors::http::oauth::{OAuthApp, TokenPlace};
use fluxcascade_connectors::http::{RequestEvent, RequestObserver, reqwest};
use fluxcascade_connectors::sim::hubspot::HubSpotSim;
use fluxcascade_connectors::sim::jobber::{JobberClient, JobberSim};
use fluxcascade_connectors::sim::{Effect, FaultRule, SimApp, SimConfig, When};
use fluxcascade_core::Engine;
use fluxcascade_core::model::{ConnectionName, Sides, TenantId};
use fluxcascade_store::MemoryStore;

use crate::world::{NAME, TOKEN, World, at, people, sync};

const REDIRECT: &str = "https://acme.example/connected";
const PEOPLE: u64 = 12;

/// The customer removes the app as soon as the first request of a kind was answered.
#[derive(Debug, Default)]
struct Revoking {
    jobber: OnceLock<Arc<JobberSim>>,
    after: Mutex<Option<&'static str>>,
}

impl RequestObserver for Revoking {
    fn answered(&self, event: &RequestEvent) {
        if self.after.lock().unwrap().take_if(|kind| *kind == event.kind).is_some() {
            self.jobber.wait().revoke_grants();
        }
    }
}

struct Office {
    world: World,
    engine: Engine,
    /// Jobber, as another process of the host has it.
    jobber: Jobber,
    revoking: Arc<Revoking>,
}

impl Office {
    /// People on both sides, all of them linked.
    async fn start() -> Self {
        let clock = Arc::new(fluxcascade_core::clock::ManualClock::starting(at("12:00")));
        let config = || SimConfig::steered(7, Arc::clone(&clock));
        let hubspot = HubSpotSim::start(config().token(TOKEN)).await.unwrap();
        let app = SimApp {
            client_id: "app 1".to_owned(),
            client_secret: "s3cret".into(),
            redirect_uri: REDIRECT.to_owned(),
        };
        let jobber = Arc::new(JobberSim::start(config().app(app)).await.unwrap());
        hubspot.seed_people(PEOPLE).unwrap();
        let world = World { clock, hubspot, jobber };

        let store = Arc::new(MemoryStore::new());
        let revoking = Arc::new(Revoking::default());
        revoking.jobber.set(Arc::clone(&world.jobber)).unwrap();
        let process = |observer: Arc<Revoking>| {
            let place = TokenPlace {
                store: Arc::<MemoryStore>::clone(&store),
                tenant: TenantId::default(),
                connection: ConnectionName::new("jobber").unwrap(),
            };
            let builder =
                Jobber::builder().oauth(OAuthApp::new("app 1", "s3cret", REDIRECT), place);
            let builder = builder.base_url(world.jobber.base_url()).clock(world.shared_clock());
            builder.observer(observer).build().unwrap()
        };
        let jobber = process(Arc::default());
        connect(&jobber).await;
        let engine = Engine::builder()
            .connection("hubspot", world.hubspot_at(&world.hubspot.base_url(), TOKEN))
            .connection("jobber", process(Arc::clone(&revoking)))
            .store(Arc::<MemoryStore>::clone(&store))
            .clock(world.shared_clock())
            .mapping(people().build().unwrap())
            .build()
            .await
            .unwrap();
        let office = Self { world, engine, jobber, revoking };
        office.world.time("12:30");
        let report = sync(&office.engine).await;
        assert_eq!(report.sides.target.created, PEOPLE, "{report}");
        office
    }

    /// Work for both sides: two names and a new person on HubSpot, a name on Jobber.
    fn edit(&self, names: [&str; 3], new: &str) {
        let contacts = self.world.hubspot.contacts();
        for (contact, name) in contacts.iter().zip(names) {
            self.world.edit_contact(&contact.id, "lastname", name);
        }
        let email = format!("{new}@lee.example");
        let new = [("email", email.as_str()), ("firstname", new), ("lastname", "Lee")];
        self.world.hubspot.seed_contact(new).unwrap();
        let clients = self.world.jobber.clients();
        let edited = |client: &mut JobberClient| names[2].clone_into(&mut client.first_name);
        self.world.jobber.edit_client(&clients[0].id, edited).unwrap();
    }

    /// Each person's names, as both sides have them.
    fn names(&self) -> Sides<BTreeMap<String, String>> {
        let contacts = self.world.hubspot.contacts();
        let contacts = contacts.iter().map(|contact| {
            let names = [contact.value("firstname"), contact.value("lastname")];
            (contact.value("email").to_owned(), names.join(" "))
        });
        let clients = self.world.jobber.clients();
        let clients = clients.iter().map(|client| {
            let names = [client.first_name.as_str(), &client.last_name];
            (client.emails[0].address.clone(), names.join(" "))
        });
        Sides::new(contacts.collect(), clients.collect())
    }

    /// A run while the connection dies, or is dead: what it says of that.
    async fn in_vain(&self) -> String {
        self.world.minutes(15);
        match self.engine.sync(NAME).await {
            Ok(report) => report.to_string(),
            Err(error) => error.to_string(),
        }
    }

    /// Connected again: what was queued goes on, and then nothing is left to do.
    async fn goes_on(&self, last: [&str; 3], people: u64) {
        connect(&self.jobber).await;
        for _ in 0..2 {
            self.world.minutes(15);
            let report = sync(&self.engine).await;
            assert_eq!(report.failed, [], "{report}");
        }
        self.world.minutes(15);
        let report = sync(&self.engine).await;
        assert_eq!((report.writes(), report.waiting), (0, 0), "{report}");
        let names = self.names();
        assert_eq!(names.source.len() as u64, people);
        assert_eq!(names.source, names.target);
        for name in last {
            let has = |all: &BTreeMap<String, String>| all.values().any(|n| n.contains(name));
            assert!(has(&names.source), "{name} is lost: {names:?}");
        }
        let counts = self.engine.counts(NAME).await.unwrap();
        assert_eq!((counts.operations, counts.holds.len(), counts.inbox), (0, 0, 0), "{counts:?}");
    }
}

/// The whole way of a customer who connects the account.
async fn connect(jobber: &Jobber) {
    let oauth = jobber.oauth().unwrap();
    let begun = oauth.begin().unwrap();
    let policy = reqwest::redirect::Policy::none();
    let browser = reqwest::Client::builder().redirect(policy).no_proxy().build().unwrap();
    let answer = browser.get(&begun.url).send().await.unwrap();
    let callback = answer.headers().get("location").unwrap().to_str().unwrap().to_owned();
    oauth.finish(&begun.pending, &callback).await.unwrap();
}

#[tokio::test]
async fn what_was_queued_when_a_refresh_was_lost_goes_on_after_reconnecting() {
    let office = Office::start().await;
    office.world.minutes(61);
    office.edit(["Zoe", "Yves", "Xaver"], "one");
    let lost = FaultRule::new(When::Next(1), Effect::LostAnswer).path("*/oauth/token");
    office.world.jobber.add_fault(lost);
    office.in_vain().await;
    office.world.clear_requests();
    for _ in 0..3 {
        let told = office.in_vain().await;
        assert!(told.contains("reconnect the account"), "{told}");
    }
    let asked = office.world.jobber.requests().len();
    assert_eq!(asked, 1, "the refresh that was refused");
    office.goes_on(["Zoe", "Yves", "Xaver"], PEOPLE + 1).await;
}

#[tokio::test]
async fn what_was_under_way_when_the_app_was_removed_goes_on_after_reconnecting() {
    for after in ["clients", "fetch", "edit", "create"] {
        let office = Office::start().await;
        office.world.minutes(5);
        office.edit(["Zoe", "Yves", "Xaver"], "one");
        *office.revoking.after.lock().unwrap() = Some(after);
        let told = [office.in_vain().await, office.in_vain().await].concat();
        assert!(told.contains("reconnect the account"), "after {after}: {told}");
        office.edit(["Uma", "Tim", "Sue"], "two");
        office.in_vain().await;
        office.goes_on(["Uma", "Tim", "Sue"], PEOPLE + 2).await;
    }
}
