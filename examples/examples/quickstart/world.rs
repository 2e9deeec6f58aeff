//! The two simulated systems, the people in them, and the clock that they share. What is synced,
//! and how, is in the parent.

use std::error::Error;
use std::sync::Arc;

use fluxcascade_connectors::sim::hubspot::{HubSpotSim, SimContact};
use fluxcascade_connectors::sim::jobber::{JobberClient, JobberSim};
use fluxcascade_connectors::sim::{Person, SimConfig};
use fluxcascade_core::clock::{Clock, ManualClock};
use fluxcascade_core::model::{RecordId, Sides};

/// The same seed gives the same people, and the same run.
const SEED: u64 = 7;

/// People in HubSpot: the numbers from 0.
pub(crate) const CONTACTS: u64 = 200;
/// The first person who is in Jobber.
const FIRST_CLIENT: u64 = 80;
/// People in Jobber: the numbers from [`FIRST_CLIENT`].
pub(crate) const CLIENTS: u64 = 150;
/// People who are in both.
pub(crate) const SHARED: u64 = CONTACTS - FIRST_CLIENT;
/// All people.
pub(crate) const PEOPLE: u64 = FIRST_CLIENT + CLIENTS;

/// Two systems on one clock, which moves when it is told to and when somebody would wait.
pub(crate) struct World {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) hubspot: HubSpotSim,
    pub(crate) jobber: JobberSim,
}

/// Somebody who is in both systems.
pub(crate) struct Customer {
    pub(crate) contact: String,
    pub(crate) client: String,
}

impl World {
    /// Starts both systems and fills them as two offices would have done, each in its own way.
    pub(crate) async fn start() -> Result<Self, Box<dyn Error>> {
        // The people are older than the sync.
        let clock = Arc::new(ManualClock::starting("2026-03-01T09:00:00Z".parse()?));
        let shared: Arc<dyn Clock> = Arc::<ManualClock>::clone(&clock);
        let hubspot = HubSpotSim::start(SimConfig::with_clock(SEED, Arc::clone(&shared))).await?;
        let jobber = JobberSim::start(SimConfig::with_clock(SEED, shared)).await?;
        hubspot.seed_people(CONTACTS)?;
        for (number, contact) in (0..CONTACTS).zip(hubspot.contacts()) {
            if number % 20 == 7 && number >= FIRST_CLIENT {
                hubspot.edit_contact(&contact.id, [("phone", "")])?;
            }
        }
        for number in FIRST_CLIENT..PEOPLE {
            jobber.seed_client(client(number));
        }
        Ok(Self { clock, hubspot, jobber })
    }

    pub(crate) fn shared_clock(&self) -> Arc<dyn Clock> {
        Arc::<ManualClock>::clone(&self.clock)
    }

    /// The e-mail of the person of this number, as HubSpot has it.
    pub(crate) fn email(number: u64) -> String {
        Person::of(SEED, number).email
    }

    /// The person of this number, as both systems have them.
    pub(crate) fn customer(&self, number: u64) -> Result<Customer, Box<dyn Error>> {
        let email = Person::of(SEED, number).email;
        let contact = self.hubspot.contacts().into_iter().find(|c| c.value("email") == email);
        let has_mail = |client: &JobberClient| {
            client.emails.iter().any(|entry| entry.address.eq_ignore_ascii_case(&email))
        };
        let client = self.jobber.clients().into_iter().find(has_mail);
        match (contact, client) {
            (Some(contact), Some(client)) => {
                Ok(Customer { contact: contact.id, client: client.id })
            }
            _ => Err(format!("{email} is not in both systems").into()),
        }
    }

    pub(crate) fn contact(&self, customer: &Customer) -> Result<SimContact, Box<dyn Error>> {
        Ok(self.hubspot.contact(&customer.contact).ok_or("the contact is gone")?)
    }

    pub(crate) fn client(&self, customer: &Customer) -> Result<JobberClient, Box<dyn Error>> {
        Ok(self.jobber.client(&customer.client).ok_or("the client is gone")?)
    }

    /// Who a record is: the name in HubSpot, else that in Jobber.
    pub(crate) fn name(&self, records: &Sides<Option<RecordId>>) -> String {
        let contact = records.source.as_ref().and_then(|id| self.hubspot.contact(id.as_str()));
        let client = records.target.as_ref().and_then(|id| self.jobber.client(id.as_str()));
        match (contact, client) {
            (Some(contact), _) => {
                format!("{} {}", contact.value("firstname"), contact.value("lastname"))
            }
            (None, Some(client)) => client.name(),
            (None, None) => "?".into(),
        }
    }
}

/// A person as Jobber's office typed them: e-mails in capitals, some companies with their legal
/// form, some addresses not at all.
fn client(number: u64) -> JobberClient {
    let mut client = JobberClient::from(Person::of(SEED, number));
    for email in &mut client.emails {
        email.address = email.address.to_uppercase();
    }
    if number % 10 == 3 {
        client.billing_address = None;
    }
    if number % 30 == 5
        && let Some(company) = &mut client.company_name
    {
        company.push_str(" LLC");
    }
    client
}
