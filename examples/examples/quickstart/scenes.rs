//! What happens, scene by scene: somebody edits, the engine plans and syncs, and what should have
//! come of it is checked. How the stage is set is in the parent.

use std::error::Error;
use std::path::Path;

use fluxcascade_connectors::sim::jobber::JobberAddress;
use fluxcascade_core::clock::Clock;
use fluxcascade_core::model::{RecordId, Sides};
use fluxcascade_core::store::Page;
use fluxcascade_core::{Plan, Side, SyncReport};
use fluxcascade_examples::show::{Show, clock_time};

use crate::world::{CLIENTS, CONTACTS, Customer, PEOPLE, SHARED};
use crate::{MAPPING, Stage};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Who is edited in each scene: people who are in both systems.
const CALLS_HUBSPOT: u64 = 111;
const MOVES_HOUSE: u64 = 120;
const CALLS_BOTH: u64 = 142;

impl Stage {
    pub(crate) fn introduce(&self, store: &Path, keep: bool) -> Outcome<()> {
        let fate = if keep { "kept" } else { "removed at the end; --keep keeps it" };
        println!("A two-way sync between HubSpot and Jobber, both simulated on this machine.");
        println!();
        println!(
            "HubSpot has {CONTACTS} contacts, Jobber has {CLIENTS} clients; {SHARED} people are in both, with the same"
        );
        println!(
            "e-mail, but phones and e-mails are written differently, some values are missing on one"
        );
        println!(
            "side, and a few disagree. Times are UTC on a simulated clock, which is moved by hand."
        );
        println!("The sync remembers in {} ({fate}).", store.display());
        println!();
        println!("What is kept in sync (hubspot is the source and primary, jobber the target):");
        println!("{}", self.show(|show| Ok(show.mapping()))?);
        Ok(())
    }

    pub(crate) async fn first_sync(&self) -> Outcome<()> {
        self.heading("The first sync finds who is who, and brings both sides together");
        let report = self.sync(2).await?;
        let (contacts, clients) = self.sizes();
        ensure(contacts == PEOPLE && clients == PEOPLE, "a customer is missing on a side")?;
        ensure(report.linked == SHARED, "not everybody who is in both was linked")?;
        let counts = self.engine.counts(MAPPING).await?;
        ensure(counts.active_links == PEOPLE, "somebody is not linked")?;
        println!("Both systems now have all {PEOPLE} people, and nobody twice.");
        Ok(())
    }

    pub(crate) async fn phone_changes_in_hubspot(&self) -> Outcome<()> {
        let customer = self.world.customer(CALLS_HUBSPOT)?;
        let name = self.name(&customer)?;
        self.at("13:10")?;
        self.world.hubspot.edit_contact(&customer.contact, [("phone", "303.555.0177")])?;
        self.at("13:15")?;
        self.heading("A phone was changed in HubSpot");
        println!(
            "At 13:10 somebody typed 303.555.0177 as the phone of {name}, in HubSpot. The lists of"
        );
        println!("changes also have what the first sync wrote; that is known, and no news.");
        println!();
        let report = self.sync(3).await?;
        ensure(writes(&report) == (0, 1), "one write to Jobber was expected")?;
        self.same_phone(&customer, "3035550177")
    }

    pub(crate) async fn address_changes_in_jobber(&self) -> Outcome<()> {
        let customer = self.world.customer(MOVES_HOUSE)?;
        let name = self.name(&customer)?;
        self.at("13:25")?;
        let moved = self.world.jobber.edit_client(&customer.client, |client| {
            let country = client.billing_address.take().map(|old| old.country);
            client.billing_address = Some(JobberAddress {
                street1: "12 Station Rd".into(),
                city: "Boise".into(),
                province: "ID".into(),
                postal_code: "83702".into(),
                country: country.unwrap_or_default(),
                ..JobberAddress::default()
            });
        });
        ensure(moved.is_some(), "the client is gone")?;
        self.at("13:30")?;
        self.heading("An address was changed in Jobber");
        println!(
            "At 13:25 {name} got the billing address 12 Station Rd, Boise, in Jobber. The four fields of"
        );
        println!("the address are one pair: they are compared, decided and written together.");
        println!();
        let report = self.sync(3).await?;
        ensure(writes(&report) == (1, 0), "one write to HubSpot was expected")?;
        let contact = self.world.contact(&customer)?;
        let address = ["address", "city", "state", "zip"].map(|part| contact.value(part));
        let expected = ["12 Station Rd", "Boise", "ID", "83702"];
        ensure(address == expected, "HubSpot does not have the new address")?;
        println!("HubSpot now has {}.", address.join(", "));
        Ok(())
    }

    pub(crate) async fn phone_changes_in_both(&self) -> Outcome<()> {
        let customer = self.world.customer(CALLS_BOTH)?;
        let name = self.name(&customer)?;
        self.at("14:00")?;
        self.world.hubspot.edit_contact(&customer.contact, [("phone", "(512) 555-0100")])?;
        self.at("14:05")?;
        let edited = self.world.jobber.edit_client(&customer.client, |client| {
            for phone in &mut client.phones {
                phone.number = "512-555-0105".into();
            }
        });
        ensure(edited.is_some(), "the client is gone")?;
        self.at("14:15")?;
        self.heading("A phone was changed in both systems: a conflict");
        println!(
            "The phone of {name} became (512) 555-0100 at 14:00 in HubSpot, and 512-555-0105 at 14:05"
        );
        println!("in Jobber. The mapping says that the newest wins.");
        println!();
        let report = self.sync(3).await?;
        ensure(writes(&report) == (1, 0), "one write to HubSpot was expected")?;
        ensure(report.conflicts_decided == 1, "one conflict was expected")?;
        self.show_conflict(&report).await?;
        self.same_phone(&customer, "5125550105")
    }

    async fn show_conflict(&self, report: &SyncReport) -> Outcome<()> {
        let key = self.engine.mapping(MAPPING)?.key.clone();
        let found = self.engine.store().conflicts(&key, &Page::of_run(report.run)).await?;
        let [conflict] = found.as_slice() else {
            return Err("the conflict has no row of its own".into());
        };
        println!("{}", self.show(|show| Ok(show.conflict(conflict)))?);
        println!("{}", self.show(|show| Ok(show.verdict(conflict)))?);
        println!();
        let times = conflict.times.as_ref().map(|at| at.map(clock_time));
        let expected = Sides::new("14:00:00", "14:05:00").map(|at| Some(at.to_owned()));
        ensure(times == expected, "the conflict does not tell the times of the edits")
    }

    pub(crate) async fn show_log(&self) -> Outcome<()> {
        self.heading("The log: every write, what was there before, and why");
        let key = self.engine.mapping(MAPPING)?.key.clone();
        let log = self.engine.store().log(&key, &Page { limit: 5, ..Page::default() }).await?;
        println!("{}", self.show(|show| Ok(show.log(&log)))?);
        let conflicts = self.engine.store().conflicts(&key, &Page::all()).await?;
        let all = self.engine.store().log(&key, &Page::all()).await?;
        println!(
            "The newest {} of {} rows. Besides, {} conflicts are kept with both values.",
            log.len(),
            all.len(),
            conflicts.len()
        );
        Ok(())
    }

    pub(crate) async fn quiet_run(&self) -> Outcome<()> {
        self.at_day("04", "15:30")?;
        self.heading("Nobody has changed anything since");
        let report = self.sync(3).await?;
        ensure(report.writes() == 0, "the quiet run wrote something")?;
        let linked = self.engine.counts(MAPPING).await?.active_links;
        println!("Both sides agree on all {linked} customers: {} writes", report.writes());
        Ok(())
    }

    /// Plans, shows the plan, syncs, shows the report.
    async fn sync(&self, most_of_each: usize) -> Outcome<SyncReport> {
        let before = self.requests();
        self.progress.begin("planning");
        let plan = self.engine.plan(MAPPING).await;
        let listed = self.progress.end();
        let plan = plan?;
        self.show_plan(&plan, most_of_each)?;
        self.progress.begin("syncing");
        let report = self.engine.sync(MAPPING).await;
        self.progress.end();
        let report = report?;
        let requests = Sides::from_fn(|side| self.requests()[side] - before[side]);
        let more =
            [("records listed for the plan", listed), ("requests sent, plan and run", requests)];
        // The first line is the run in one sentence; the table has the rest.
        println!("{}", report.to_string().lines().next().unwrap_or_default());
        println!("{}", self.show(|show| Ok(show.report(&report, &more)))?);
        let planned = plan.writes();
        let planned = (u64::try_from(planned.source)?, u64::try_from(planned.target)?);
        ensure(planned == writes(&report), "the run did something else than was planned")?;
        ensure(report.failed.is_empty() && report.waiting == 0, "a record was not synced")?;
        ensure(report.held.is_empty(), "something waits for a person")?;
        Ok(report)
    }

    fn show_plan(&self, plan: &Plan, most_of_each: usize) -> Outcome<()> {
        let writes = plan.writes();
        match writes.source + writes.target {
            0 => println!("The plan: nothing to do."),
            1..=10 => {
                println!("The plan:");
                println!("{}", self.show(|show| Ok(show.plan(plan, most_of_each)))?);
            }
            _ => {
                println!("The plan, in numbers:");
                println!("{}", self.show(|show| Ok(show.plan_counts(plan)))?);
                println!("And a few of its writes, {most_of_each} of each sort:");
                println!("{}", self.show(|show| Ok(show.plan(plan, most_of_each)))?);
            }
        }
        Ok(())
    }

    fn same_phone(&self, customer: &Customer, expected: &str) -> Outcome<()> {
        let contact = self.world.contact(customer)?;
        let client = self.world.client(customer)?;
        let theirs = client.primary_phone().ok_or("Jobber has no phone")?;
        for phone in [contact.value("phone"), &theirs.number] {
            let digits: String = phone.chars().filter(char::is_ascii_digit).collect();
            ensure(digits.ends_with(expected), "a system does not have the new phone")?;
        }
        println!(
            "HubSpot now has {}, Jobber {}: one number, as each system writes it.",
            contact.value("phone"),
            theirs.number
        );
        Ok(())
    }

    pub(crate) fn heading(&self, title: &str) {
        println!();
        let now = clock_time(self.world.clock.now());
        println!("── {} ── {title}", now.strip_suffix(":00").unwrap_or(&now));
        println!();
    }

    pub(crate) fn at(&self, time: &str) -> Outcome<()> {
        self.at_day("02", time)
    }

    pub(crate) fn at_day(&self, day: &str, time: &str) -> Outcome<()> {
        let to = format!("2026-03-{day}T{time}:00Z").parse()?;
        ensure(to >= self.world.clock.now(), "the clock is past that already")?;
        self.world.clock.set(to);
        Ok(())
    }

    fn show<T>(&self, of: impl FnOnce(Show<'_>) -> Outcome<T>) -> Outcome<T> {
        let naming = |records: &Sides<Option<RecordId>>| self.world.name(records);
        of(Show::new(self.engine.mapping(MAPPING)?, &naming))
    }

    fn name(&self, customer: &Customer) -> Outcome<String> {
        let contact = RecordId::new(&customer.contact)?;
        Ok(self.world.name(&Sides::new(Some(contact), None)))
    }

    fn sizes(&self) -> (u64, u64) {
        let (contacts, clients) = (self.world.hubspot.contacts(), self.world.jobber.clients());
        (contacts.len() as u64, clients.len() as u64)
    }

    fn requests(&self) -> Sides<u64> {
        Sides::new(self.hubspot.requests().total(), self.jobber.requests().total())
    }
}

fn writes(report: &SyncReport) -> (u64, u64) {
    (report.sides[Side::Source].writes(), report.sides[Side::Target].writes())
}

fn ensure(holds: bool, otherwise: &str) -> Outcome<()> {
    if holds { Ok(()) } else { Err(otherwise.into()) }
}
