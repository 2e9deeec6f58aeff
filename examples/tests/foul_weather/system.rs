//! A simulated system of either vendor, as these tests have it: its people, what users do, what goes wrong.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use fluxcascade_connectors::http::HttpSettings;
use fluxcascade_connectors::sim::hubspot::{HubSpotOptions, HubSpotSim};
use fluxcascade_connectors::sim::jobber::{JobberClient, JobberOptions, JobberSim, Lag};
use fluxcascade_connectors::sim::{Effect, FaultPlan, FaultRule, Mishap, SimConfig, When};
use fluxcascade_connectors::{HubSpot, Jobber};
use fluxcascade_core::Connector;
use fluxcascade_core::clock::{Clock, ManualClock};

/// How long the adapters wait for an answer, in real time: some never comes.
const PATIENCE: Duration = Duration::from_millis(400);

/// How late lists and searches show what was written, at most: less than the adapters declare.
const LATE: Duration = Duration::from_secs(100);

/// One system.
pub(crate) enum System {
    HubSpot(HubSpotSim),
    Jobber(JobberSim),
}

/// What of a deployment the simulators have by themselves.
const HUBSPOT_APP: u64 = 9_393_361;
const HUBSPOT_SECRET: &str = "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy";

fn impatient() -> HttpSettings {
    HttpSettings {
        request_timeout: PATIENCE,
        connect_timeout: PATIENCE / 2,
        ..HttpSettings::default()
    }
}

/// Which vendor's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Vendor {
    HubSpot,
    Jobber,
}

/// What may be late.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Late {
    /// What lists and searches show.
    Answers,
    /// And requests, which are carried out after the connection closed: what a person has written
    /// meanwhile is lost, whatever anybody does (the stated window of P15).
    Writes,
}

/// First and last names by e-mail.
pub(crate) type People = BTreeMap<String, (String, String)>;

pub(crate) fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::starting("2026-03-01T12:00:00Z".parse().unwrap()))
}

fn shared(clock: &Arc<ManualClock>) -> Arc<dyn Clock> {
    Arc::<ManualClock>::clone(clock)
}

impl System {
    pub(crate) async fn start(vendor: Vendor, seed: u64, clock: &Arc<ManualClock>) -> Self {
        let config = SimConfig::steered(seed, Arc::clone(clock));
        match vendor {
            Vendor::HubSpot => {
                let options = HubSpotOptions {
                    search_lag: (Duration::ZERO, LATE),
                    ..HubSpotOptions::default()
                };
                System::HubSpot(HubSpotSim::start_with(config, options).await.unwrap())
            }
            Vendor::Jobber => {
                let lag = Lag::between(Duration::ZERO, LATE);
                let options =
                    JobberOptions { list_lag: lag, search_lag: lag, ..JobberOptions::default() };
                System::Jobber(JobberSim::start_with(config, options).await.unwrap())
            }
        }
    }

    /// The adapter to it.
    pub(crate) fn connector(&self, clock: &Arc<ManualClock>) -> Arc<dyn Connector> {
        match self {
            System::HubSpot(sim) => {
                let builder = HubSpot::builder().token("any").base_url(sim.base_url());
                let builder = builder.app(HUBSPOT_APP, "dev-key").webhook_secret(HUBSPOT_SECRET);
                Arc::new(builder.http(impatient()).clock(shared(clock)).build().unwrap())
            }
            System::Jobber(sim) => {
                let builder = Jobber::builder().token("any").base_url(sim.base_url());
                let secret = JobberOptions::default().client_secret;
                Arc::new(
                    builder
                        .webhook_secret(secret)
                        .http(impatient())
                        .clock(shared(clock))
                        .build()
                        .unwrap(),
                )
            }
        }
    }

    /// The object type of people, and the fields of e-mail, first and last name.
    pub(crate) fn names(&self) -> (&'static str, [&'static str; 3]) {
        match self {
            System::HubSpot(_) => ("contacts", ["email", "firstname", "lastname"]),
            System::Jobber(_) => ("clients", ["emails.primary", "firstName", "lastName"]),
        }
    }

    pub(crate) fn add(&self, email: &str, first: &str) {
        match self {
            System::HubSpot(sim) => {
                let person = [("email", email), ("firstname", first), ("lastname", "Lee")];
                sim.create_contact(person).unwrap();
            }
            System::Jobber(sim) => {
                sim.create_client(JobberClient::person(first, "Lee").with_email(email));
            }
        }
    }

    /// A user calls somebody otherwise, if there is one of this e-mail; says whether there is.
    pub(crate) fn rename(&self, email: &str, first: &str) -> bool {
        match self {
            System::HubSpot(sim) => {
                let found = sim.contacts().into_iter().find(|c| c.value("email") == email);
                if let Some(contact) = &found {
                    sim.edit_contact(&contact.id, [("firstname", first)]).unwrap();
                }
                found.is_some()
            }
            System::Jobber(sim) => {
                let is_it = |client: &JobberClient| {
                    client.primary_email().is_some_and(|primary| primary.address == email)
                };
                let found = sim.clients().into_iter().find(is_it);
                if let Some(client) = &found {
                    sim.edit_client(&client.id, |client| first.clone_into(&mut client.first_name));
                }
                found.is_some()
            }
        }
    }

    /// Everybody; it fails if two have one e-mail.
    pub(crate) fn people(&self) -> People {
        let all: Vec<(String, String, String)> = match self {
            System::HubSpot(sim) => {
                let value = |contact: &_, name: &str| read(contact, name);
                let contacts = sim.contacts();
                let of = |c| (value(c, "email"), value(c, "firstname"), value(c, "lastname"));
                contacts.iter().map(of).collect()
            }
            System::Jobber(sim) => {
                let email = |client: &JobberClient| {
                    client.primary_email().map(|email| email.address.clone()).unwrap_or_default()
                };
                let clients = sim.clients();
                let of = |c: &JobberClient| (email(c), c.first_name.clone(), c.last_name.clone());
                clients.iter().map(of).collect()
            }
        };
        let count = all.len();
        let people: People = all.into_iter().map(|(e, first, last)| (e, (first, last))).collect();
        assert_eq!(people.len(), count, "somebody is there twice");
        people
    }

    /// Everything goes wrong now and then. What is done twice is not a create at Jobber: it refuses no
    /// duplicate, so that nobody could prevent one.
    pub(crate) fn goes_wrong(&self, seed: u64, late: Late) {
        let now_and_then = |effect| FaultRule::new(When::Permille(60), effect);
        let effects = [
            Effect::Limit,
            Effect::Status(500),
            Effect::Status(503),
            Effect::DoneThenStatus(502),
            Effect::BadGateway,
            Effect::LostRequest,
            Effect::LostAnswer,
            Effect::CutAnswer,
            Effect::Page,
            Effect::WithoutIds,
        ];
        let later = match late {
            Late::Answers => None,
            Late::Writes => Some(now_and_then(Effect::DoneLater(20))),
        };
        let plan = effects
            .into_iter()
            .map(now_and_then)
            .chain(later)
            .fold(FaultPlan::seeded(seed), FaultPlan::rule)
            // What hangs takes real time.
            .rule(FaultRule::new(When::Permille(10), Effect::Hang))
            .rule(FaultRule::new(When::Permille(10), Effect::DoneThenHang));
        match self {
            System::HubSpot(sim) => sim.set_faults(plan.rule(now_and_then(Effect::DoneTwice))),
            System::Jobber(sim) => {
                let twice = now_and_then(Effect::DoneTwice).body("clientEdit(");
                sim.set_faults(plan.rule(twice));
            }
        }
    }

    /// Sends its webhooks: the next one is lost, comes twice, or is overtaken now and then.
    pub(crate) async fn tells(&self, dice: &mut Dice) {
        let mishap = match dice.below(8) {
            0 => Some(Mishap::Drop),
            1 => Some(Mishap::Repeat),
            2 => Some(Mishap::Overtaken),
            _ => None,
        };
        match self {
            System::HubSpot(sim) => {
                sim.deliver().await;
                sim.webhook_mishaps(mishap);
            }
            System::Jobber(sim) => {
                sim.deliver().await;
                sim.webhook_mishaps(mishap);
            }
        }
    }

    pub(crate) fn clears(&self) {
        match self {
            System::HubSpot(sim) => sim.clear_faults(),
            System::Jobber(sim) => sim.clear_faults(),
        }
    }

    /// Adds the faults that took effect, by what they are.
    pub(crate) fn add_faults(&self, to: &mut BTreeMap<String, usize>) {
        let requests = match self {
            System::HubSpot(sim) => sim.requests(),
            System::Jobber(sim) => sim.requests(),
        };
        for fault in requests.into_iter().filter_map(|request| request.fault) {
            *to.entry(fault).or_default() += 1;
        }
    }
}

/// Checks that it was foul: so many faults, of so many kinds.
pub(crate) fn was_foul(faults: &BTreeMap<String, usize>, at_least: usize, kinds: usize) {
    assert!(faults.values().sum::<usize>() > at_least, "fair weather: {faults:?}");
    assert!(faults.len() >= kinds, "{faults:?}");
}

fn read(contact: &fluxcascade_connectors::sim::hubspot::SimContact, name: &str) -> String {
    contact.value(name).to_owned()
}

/// Numbers out of a seed.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % bound
    }
}

pub(crate) fn minutes(clock: &ManualClock, minutes: u64) {
    clock.advance(Duration::from_secs(60 * minutes));
}
