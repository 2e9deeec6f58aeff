//! The two systems, and the people of some cities in them.

use std::collections::BTreeMap;
use std::time::Duration;

use fluxcascade_connectors::sim::SimConfig;
use fluxcascade_connectors::sim::hubspot::{HubSpotOptions, HubSpotSim};
use fluxcascade_connectors::sim::jobber::{JobberAddress, JobberClient, JobberOptions, JobberSim};
use fluxcascade_core::model::{ConnectionName, ObjectType, RecordId, TenantId};
use fluxcascade_core::store::{Hint, Store};

use crate::Outcome;
use crate::worker::Order;

/// The cities, each of which has a mapping.
pub(crate) const CITIES: [&str; 4] = ["Arab", "Attalla", "Boaz", "Guntersville"];

/// People of each city.
const PEOPLE: usize = 25;

/// Both systems, as those see them who edit records in them.
pub(crate) struct Town {
    pub(crate) hubspot: HubSpotSim,
    pub(crate) jobber: JobberSim,
}

impl Town {
    /// Half of the people are in both systems, and a quarter in each alone.
    pub(crate) async fn build() -> Outcome<Self> {
        // A search that shows everything at once: the example does not wait for HubSpot's index.
        let options = HubSpotOptions {
            search_lag: (Duration::ZERO, Duration::ZERO),
            ..HubSpotOptions::default()
        };
        let hubspot = HubSpotSim::start_with(SimConfig::new(1), options).await?;
        // Jobber's limit is on the cost of queries, and would have the leases of this example end.
        let plenty = JobberOptions {
            maximum_available: 1_000_000,
            restore_rate: 1_000_000,
            ..JobberOptions::default()
        };
        let jobber = JobberSim::start_with(SimConfig::new(1), plenty).await?;
        for (n, city) in CITIES.iter().cycle().take(PEOPLE * CITIES.len()).enumerate() {
            let person = Person::new(n, city);
            if n % 16 < 12 {
                hubspot.seed_contact(person.contact())?;
            }
            if n % 16 >= 4 {
                jobber.seed_client(person.client());
            }
        }
        Ok(Self { hubspot, jobber })
    }

    /// Users move some people in HubSpot and rename others in Jobber. The webhooks for it reach the
    /// store, which wakes a worker.
    pub(crate) async fn people_edit(&self, order: &Order, round: usize) -> Outcome<()> {
        let mut hints = Vec::new();
        for (n, contact) in self.hubspot.contacts().into_iter().enumerate().step_by(3) {
            self.hubspot.edit_contact(&contact.id, [("address", format!("{n} Road {round}"))])?;
            hints.push(hint("hubspot", "contacts", &contact.id)?);
        }
        for (n, client) in self.jobber.clients().into_iter().enumerate().step_by(3) {
            let name = format!("Name {n}.{round}");
            let edited = self.jobber.edit_client(&client.id, |client| client.first_name = name);
            edited.ok_or("a client is gone")?;
            hints.push(hint("jobber", "clients", &client.id)?);
        }
        order.store().await?.notify(&hints).await?;
        Ok(())
    }

    /// Where the systems do not say the same, and who is somewhere twice.
    pub(crate) fn disagreements(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut in_hubspot: BTreeMap<String, [String; 2]> = BTreeMap::new();
        for contact in self.hubspot.contacts() {
            let says = ["firstname", "address"].map(|name| contact.value(name).to_owned());
            if in_hubspot.insert(contact.value("email").to_owned(), says).is_some() {
                wrong.push(format!("{} is in hubspot twice", contact.value("email")));
            }
        }
        for client in self.jobber.clients() {
            let email = client.primary_email().map_or("", |email| email.address.as_str());
            let street = client.billing_address.as_ref().map(|address| address.street1.clone());
            let says = [client.first_name.clone(), street.unwrap_or_default()];
            match in_hubspot.remove(email) {
                Some(other) if other == says => {}
                other => wrong.push(format!("{email}: jobber has {says:?}, hubspot {other:?}")),
            }
        }
        wrong.extend(in_hubspot.keys().map(|email| format!("{email} is in hubspot alone")));
        wrong
    }
}

/// Somebody.
struct Person {
    n: usize,
    city: &'static str,
}

impl Person {
    fn new(n: usize, city: &'static str) -> Self {
        Self { n, city }
    }

    fn email(&self) -> String {
        format!("p{}@mail.example", self.n)
    }

    fn street(&self) -> String {
        format!("{} Main St", self.n)
    }

    fn contact(&self) -> [(&'static str, String); 6] {
        [
            ("email", self.email()),
            ("firstname", format!("First {}", self.n)),
            ("lastname", format!("Last {}", self.n)),
            ("address", self.street()),
            ("city", self.city.to_owned()),
            ("zip", "35957".to_owned()),
        ]
    }

    fn client(&self) -> JobberClient {
        JobberClient::person(format!("First {}", self.n), format!("Last {}", self.n))
            .with_email(self.email())
            .with_billing_address(JobberAddress {
                street1: self.street(),
                city: self.city.to_owned(),
                postal_code: "35957".to_owned(),
                ..JobberAddress::default()
            })
    }
}

fn hint(connection: &str, object: &str, record: &str) -> Outcome<Hint> {
    Ok(Hint {
        tenant: TenantId::default(),
        connection: ConnectionName::new(connection)?,
        object: ObjectType::new(object)?,
        record: RecordId::new(record)?,
    })
}
