//! The simulated HubSpot and Jobber, which live in the process that is not killed; their users; and
//! what must hold of both when all has settled.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use fluxcascade_connectors::sim::hubspot::{HubSpotOptions, HubSpotSim, Limits, SimContact};
use fluxcascade_connectors::sim::jobber::{JobberAddress, JobberClient, JobberOptions, JobberSim};
use fluxcascade_connectors::sim::{LoggedRequest, OffsetClock, SimConfig, SteeredClock};
use fluxcascade_core::clock::Clock;
use fluxcascade_core::model::{Link, LinkStatus, MappingKey, MappingName, Side, Timestamp};
use fluxcascade_core::store::Page;
use tokio::runtime::Runtime;

use crate::child::{Kept, Order, engine};

/// Values that nobody wrote twice: what a person is to be called in the end.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Person {
    first: String,
    last: String,
    company: String,
    street: String,
    city: &'static str,
}

/// Both systems, and what their users did.
pub(crate) struct Systems {
    runtime: Runtime,
    clock: Arc<OffsetClock>,
    ahead: Duration,
    hubspot: HubSpotSim,
    jobber: JobberSim,
    /// By e-mail.
    people: BTreeMap<String, Person>,
    /// Where those were made who were not in both from the start.
    made: BTreeMap<String, Side>,
    /// Who is linked.
    linked: BTreeSet<String>,
    words: u64,
    cities: &'static [&'static str],
    /// Who is edited: so many of the first, where those who are made later may be linked late.
    edited: usize,
}

impl Systems {
    /// Both, with so many people who are in both.
    pub(crate) fn start(people: usize) -> Self {
        Self::limited(people, &[], Limits::Off)
    }

    /// The same in several cities, with limits on what HubSpot takes.
    pub(crate) fn limited(people: usize, cities: &'static [&'static str], limits: Limits) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let clock = Arc::new(OffsetClock::default());
        let (hubspot, jobber) = runtime.block_on(async {
            let config = || SimConfig::steered(7, Arc::clone(&clock));
            let at_once = (Duration::ZERO, Duration::ZERO);
            let mut options = HubSpotOptions { limits, ..HubSpotOptions::default() };
            if !cities.is_empty() {
                options.search_lag = at_once;
            }
            let plenty = JobberOptions {
                maximum_available: 1_000_000,
                restore_rate: 1_000_000,
                requests_per_window: u32::MAX,
                ..JobberOptions::default()
            };
            let hubspot = HubSpotSim::start_with(config(), options).await.unwrap();
            (hubspot, JobberSim::start_with(config(), plenty).await.unwrap())
        });
        let mut systems = Self {
            runtime,
            clock,
            ahead: Duration::ZERO,
            hubspot,
            jobber,
            people: BTreeMap::new(),
            made: BTreeMap::new(),
            linked: BTreeSet::new(),
            words: 0,
            cities,
            edited: if cities.is_empty() { usize::MAX } else { people },
        };
        for _ in 0..people {
            let (email, person) = systems.new_person();
            systems.hubspot.seed_contact(contact(&email, &person)).unwrap();
            systems.jobber.seed_client(client(&email, &person));
        }
        systems.minutes(60);
        systems
    }

    pub(crate) fn order(&self, kept: &Kept) -> Order {
        let (hubspot, jobber) = (self.hubspot.base_url(), self.jobber.base_url());
        Order { hubspot, jobber, kept: kept.clone(), cities: self.cities }
    }

    /// How far the time here is ahead of the machine's.
    pub(crate) fn ahead(&self) -> Duration {
        self.ahead
    }

    /// The time here.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn wait_for<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    /// The requests that reached HubSpot, and those that reached Jobber, in the order of their times.
    pub(crate) fn requests(&self) -> Vec<LoggedRequest> {
        let mut all = self.hubspot.requests();
        all.extend(self.jobber.requests());
        all.sort_by_key(|request| request.at);
        all
    }

    pub(crate) fn minutes(&mut self, minutes: u64) {
        let by = Duration::from_secs(60 * minutes);
        self.clock.advance(by);
        self.ahead += by;
    }

    fn word(&mut self, what: &str) -> String {
        self.words += 1;
        format!("{what} {}", self.words)
    }

    /// Where the n-th person lives.
    fn city(&self, n: usize) -> &'static str {
        if self.cities.is_empty() { "Boaz" } else { self.cities[n % self.cities.len()] }
    }

    fn new_person(&mut self) -> (String, Person) {
        let person = Person {
            first: self.word("First"),
            last: self.word("Last"),
            company: self.word("Company"),
            street: self.word("Street"),
            city: self.city(self.people.len()),
        };
        let email = email(self.people.len());
        self.people.insert(email.clone(), person.clone());
        (email, person)
    }

    /// A user of a system does something, as the dice say: an edit mostly, and now and then a person
    /// is made. Each field is edited in one of the systems, so that nothing is in conflict.
    pub(crate) fn act(&mut self, deed: u32, whom: u64) {
        let edited = self.people.len().min(self.edited);
        let email = email(usize::try_from(whom % edited as u64).unwrap());
        match deed {
            0 => {
                let (email, person) = self.new_person();
                self.hubspot.create_contact(contact(&email, &person)).unwrap();
                self.made.insert(email, Side::Source);
            }
            1 => {
                let (email, person) = self.new_person();
                self.jobber.create_client(client(&email, &person));
                self.made.insert(email, Side::Target);
            }
            2..=5 => self.edit_contact(&email, "firstname", "First", |person| &mut person.first),
            6..=8 => self.edit_contact(&email, "company", "Company", |person| &mut person.company),
            9..=12 => self.edit_client(&email, "Last", |person, client, word| {
                client.last_name.clone_from(&word);
                person.last = word;
            }),
            _ => self.edit_client(&email, "Street", |person, client, word| {
                client.billing_address = Some(address(&word, person.city));
                person.street = word;
            }),
        }
    }

    fn edit_contact(
        &mut self,
        email: &str,
        field: &str,
        what: &str,
        held: impl Fn(&mut Person) -> &mut String,
    ) {
        let contacts = self.hubspot.contacts();
        let contact = contacts.iter().find(|contact| contact.value("email") == email);
        let Some(contact) = contact.filter(|_| self.is_known(Side::Source, email)) else { return };
        let word = self.word(what);
        self.hubspot.edit_contact(&contact.id, [(field, &word)]).unwrap();
        *held(self.people.get_mut(email).unwrap()) = word;
    }

    fn edit_client(
        &mut self,
        email: &str,
        what: &str,
        edit: impl Fn(&mut Person, &mut JobberClient, String),
    ) {
        let clients = self.jobber.clients();
        let client = clients.iter().find(|client| email_of(client) == email);
        let Some(client) = client.filter(|_| self.is_known(Side::Target, email)) else { return };
        let word = self.word(what);
        let person = self.people.get_mut(email).unwrap();
        self.jobber.edit_client(&client.id, |client| edit(person, client, word)).unwrap();
    }

    /// Whether users edit a person's record there. One that the process has just made, and that is not
    /// linked yet, is let alone: what was sent was not confirmed, so that an edit of it could be a
    /// rewriting of the system's as well, and is decided as a conflict.
    fn is_known(&self, side: Side, email: &str) -> bool {
        self.linked.contains(email) || self.made.get(email) == Some(&side)
    }

    /// Looks into the store, while no process runs.
    pub(crate) fn learn(&mut self, kept: &Kept) {
        let links = self.runtime.block_on(async {
            let store = kept.open().await;
            let mut links = Vec::new();
            for name in self.order(kept).names() {
                let key = MappingKey::of(MappingName::new(name).unwrap());
                links.extend(store.links(&key, None, usize::MAX).await.unwrap());
            }
            links
        });
        let contact = |link: &Link| self.hubspot.contact(link.records[Side::Source].as_str());
        let linked = links.iter().filter_map(contact);
        self.linked = linked.map(|contact| contact.value("email").to_owned()).collect();
    }

    /// No update was lost, nothing is there twice, and nothing is unlinked.
    pub(crate) fn judge(&self, kept: &Kept) {
        let mut wrong = Vec::new();
        for (system, records) in [("HubSpot", self.in_hubspot()), ("Jobber", self.in_jobber())] {
            let emails: BTreeSet<&String> = records.iter().map(|(email, _)| email).collect();
            if emails.len() != records.len() || records.len() != self.people.len() {
                wrong.push(format!(
                    "{system} has {} records of {} people, and {} were made",
                    records.len(),
                    emails.len(),
                    self.people.len()
                ));
            }
            for (email, person) in &self.people {
                let found = records.iter().find(|(of, _)| of == email);
                let found = found.map(|(_, person)| person);
                if found != Some(person) {
                    wrong.push(format!("{email} in {system}: {found:?} instead of {person:?}"));
                }
            }
        }
        let log = self.runtime.block_on(self.judge_store(kept, &mut wrong));
        assert!(wrong.is_empty(), "{}\n{}", wrong.join("\n"), log.join("\n"));
    }

    /// A city that people live in, or none.
    fn known_city(&self, name: &str) -> &'static str {
        let known = (0..self.cities.len().max(1)).map(|n| self.city(n));
        known.into_iter().find(|city| *city == name).unwrap_or("nowhere")
    }

    fn in_hubspot(&self) -> Vec<(String, Person)> {
        let read = |contact: &SimContact| {
            let value = |name: &str| contact.value(name).to_owned();
            let person = Person {
                first: value("firstname"),
                last: value("lastname"),
                company: value("company"),
                street: value("address"),
                city: self.known_city(&value("city")),
            };
            (value("email"), person)
        };
        self.hubspot.contacts().iter().map(read).collect()
    }

    fn in_jobber(&self) -> Vec<(String, Person)> {
        let read = |client: &JobberClient| {
            let address = client.billing_address.as_ref();
            let street = address.map(|address| address.street1.clone());
            let city = address.map(|address| address.city.clone());
            let person = Person {
                first: client.first_name.clone(),
                last: client.last_name.clone(),
                company: client.company_name.clone().unwrap_or_default(),
                street: street.unwrap_or_default(),
                city: self.known_city(city.as_deref().unwrap_or_default()),
            };
            (email_of(client).to_owned(), person)
        };
        self.jobber.clients().iter().map(read).collect()
    }

    /// What is wrong with what is stored; gives the log, for those who look into it.
    async fn judge_store(&self, kept: &Kept, wrong: &mut Vec<String>) -> Vec<String> {
        let clock: Arc<dyn Clock> = Arc::<OffsetClock>::clone(&self.clock);
        let engine = engine(&self.order(kept), clock).await.unwrap();
        let (store, names) = (engine.store(), self.order(kept).names());
        let (mut links, mut log) = (Vec::new(), Vec::new());
        for name in &names {
            let key = engine.mapping(name).unwrap().key.clone();
            links.extend(store.links(&key, None, usize::MAX).await.unwrap());
            let counts = engine.counts(name).await.unwrap();
            if (counts.operations, counts.inbox) != (0, 0) {
                wrong.push(format!("something is left to do of {name}: {counts:?}"));
            }
            let holds = store.holds(&key, &Page::all()).await.unwrap();
            wrong.extend(holds.iter().map(|hold| format!("waits for a person: {hold:?}")));
            // No field was edited on both sides.
            let conflicts = store.conflicts(&key, &Page::all()).await.unwrap();
            wrong.extend(conflicts.iter().map(|row| format!("no conflict: {row:?}")));
            let rows = store.log(&key, &Page::all()).await.unwrap();
            log.extend(rows.iter().rev().map(|row| format!("{row:?}")));
        }
        if links.len() != self.people.len() {
            wrong.push(format!("{} links of {} people", links.len(), self.people.len()));
        }
        for link in &links {
            let contact = self.hubspot.contact(link.records[Side::Source].as_str());
            let client = self.jobber.client(link.records[Side::Target].as_str());
            let of_one = contact.zip(client).is_some_and(|(contact, client)| {
                contact.value("email") == email_of(&client) && link.status == LinkStatus::Active
            });
            if !of_one {
                wrong.push(format!("no active link of one person: {link:?}"));
            }
        }
        log
    }
}

fn contact(email: &str, person: &Person) -> [(&'static str, String); 7] {
    [
        ("email", email.to_owned()),
        ("firstname", person.first.clone()),
        ("lastname", person.last.clone()),
        ("company", person.company.clone()),
        ("address", person.street.clone()),
        ("city", person.city.to_owned()),
        ("zip", "35957".to_owned()),
    ]
}

fn client(email: &str, person: &Person) -> JobberClient {
    let mut client = JobberClient::person(&person.first, &person.last)
        .with_email(email)
        .with_billing_address(address(&person.street, person.city));
    client.company_name = Some(person.company.clone());
    client
}

fn address(street: &str, city: &str) -> JobberAddress {
    JobberAddress {
        street1: street.to_owned(),
        city: city.to_owned(),
        postal_code: "35957".to_owned(),
        ..JobberAddress::default()
    }
}

/// The address of the n-th person.
fn email(n: usize) -> String {
    format!("p{n}@mail.example")
}

fn email_of(client: &JobberClient) -> &str {
    client.primary_email().map_or("", |email| email.address.as_str())
}
