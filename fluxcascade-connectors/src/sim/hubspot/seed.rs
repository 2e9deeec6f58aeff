//! Filling a portal: synthetic people, who are the same in every simulator.

use std::time::Duration;

use super::record::Author;
use super::{HubSpotRefusal, HubSpotSystem, given};
use crate::sim::{Person, Sim};

impl Sim<HubSpotSystem> {
    /// So many synthetic [`Person`]s, made over the year before now, which search shows; gives
    /// how many. The same seed gives the same people in every simulator.
    ///
    /// # Errors
    /// If HubSpot would refuse one, which means that these people are there already.
    pub fn seed_people(&self, people: u64) -> Result<u64, HubSpotRefusal> {
        let now = self.now();
        self.change(|portal| {
            let seed = portal.seed();
            let among = portal.of_mut("contacts")?;
            for number in 0..people {
                let person = Person::of(seed, number);
                // Evenly over a year, in the order of their ids, as if they had come one by one.
                let age = Duration::from_secs(365 * 24 * 3600) / clamped(people)
                    * clamped(people - number);
                let id = among.create(contact_of(&person), Author::User, now - age)?;
                among.index_now(id);
            }
            Ok(people)
        })
    }
}

fn clamped(n: u64) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX).max(1)
}

fn contact_of(person: &Person) -> Vec<(String, String)> {
    given([
        ("email", person.email.as_str()),
        ("firstname", &person.first_name),
        ("lastname", &person.last_name),
        ("phone", &person.phone),
        ("company", person.company.as_deref().unwrap_or_default()),
        ("address", &person.street),
        ("city", &person.city),
        ("state", &person.state),
        ("zip", &person.zip),
        ("country", &person.country),
        ("lifecyclestage", "lead"),
    ])
}
