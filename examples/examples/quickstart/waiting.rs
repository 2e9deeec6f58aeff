//! What waits for a person: a mapping that its guard stops, and a desk with a conflict, a record
//! that could be two, and a dead letter. Then a person answers, and nothing waits any more.

use std::error::Error;
use std::sync::Arc;

use fluxcascade_connectors::sim::jobber::JobberClient;
use fluxcascade_core::connector::Connector;
use fluxcascade_core::engine::{Desk, DeskItem};
use fluxcascade_core::mapping::Mapping;
use fluxcascade_core::model::{AnswerOutcome, Choice, HoldReason, RecordId, Side, Withheld};
use fluxcascade_core::{Engine, SyncReport};
use fluxcascade_store::MemoryStore;

use crate::world::World;
use crate::{MAPPING, Stage};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Who is edited here: people who are in both systems.
const RENAMED: u64 = 131;
const MISTYPED: u64 = 150;

/// The e-mail that a new contact and two new clients have.
const SHARED_MAIL: &str = "office@ridgeline.example";

impl Stage {
    /// Before anything is synced: a mapping that matches by the wrong fields does no harm.
    pub(crate) async fn guard_stops_a_wrong_mapping(&self) -> Outcome<()> {
        self.heading("A mapping with a mistake in it is stopped by its guard");
        println!(
            "Somebody wrote down that a contact's company is matched with a client's last name."
        );
        println!("The plan of such a first sync, with a store of its own:");
        println!();
        let hubspot = Arc::clone(&self.hubspot) as Arc<dyn Connector>;
        let jobber = Arc::clone(&self.jobber) as Arc<dyn Connector>;
        let engine = Engine::builder()
            .shared_connection("hubspot", hubspot)
            .shared_connection("jobber", jobber)
            .store(Arc::new(MemoryStore::new()))
            .clock(self.world.shared_clock())
            .mapping(
                Mapping::builder("mistaken")
                    .source("hubspot", "contacts")
                    .target("jobber", "clients")
                    .match_on("company", "lastName")
                    .pair("firstname", "firstName")
                    .pair("lastname", "lastName")
                    .build()?,
            )
            .build()
            .await?;
        let plan = engine.plan("mistaken").await?;
        let writes = plan.writes();
        ensure(writes.source + writes.target == 0, "the guard let something through")?;
        let [stop] = plan.stops.as_slice() else { return Err("no guard stopped the plan".into()) };
        ensure(stop.what == Withheld::Create, "another guard stopped the plan")?;
        println!("guard: {stop}");
        Ok(())
    }

    /// Three things that no rule decides.
    pub(crate) async fn things_wait_for_a_person(&self) -> Outcome<()> {
        let renamed = self.world.customer(RENAMED)?;
        let mistyped = self.world.customer(MISTYPED)?;
        self.at("14:20")?;
        self.world.hubspot.edit_contact(&renamed.contact, [("company", "Birch & Sons")])?;
        self.world.hubspot.create_contact([
            ("email", SHARED_MAIL),
            ("firstname", "Robin"),
            ("lastname", "Hale"),
        ])?;
        for name in ["Robin", "Robyn"] {
            let client = JobberClient::person(name, "Hale").with_email(SHARED_MAIL);
            self.world.jobber.create_client(client);
        }
        self.at("14:22")?;
        self.world.jobber.edit_client(&renamed.client, |client| {
            client.company_name = Some("Birch Brothers".into());
        });
        self.world.jobber.edit_client(&mistyped.client, |client| {
            for email in &mut client.emails {
                email.address = "ask at the front desk".into();
            }
        });
        self.at("14:30")?;
        self.heading("Some things wait for a person");
        println!(
            "At 14:20 a company was renamed in both systems, each to another name; the mapping"
        );
        println!(
            "leaves companies to a person. A new contact has the e-mail of two new clients. And"
        );
        println!(
            "in Jobber somebody typed \"ask at the front desk\" as an e-mail, which HubSpot refuses."
        );
        println!();
        let report = self.engine.sync(MAPPING).await?;
        println!("{report}");
        let held = |reason| report.held.iter().filter(|held| held.reason == reason).count();
        ensure(held(HoldReason::Conflict) == 1, "the conflict does not wait")?;
        ensure(held(HoldReason::Ambiguous) == 3, "the records that could be two do not wait")?;
        ensure(held(HoldReason::Rejected) == 1, "the refused e-mail does not wait")?;

        self.at_day("04", "15:00")?;
        self.heading("Two days later the refused e-mail is a dead letter: this is the desk");
        self.engine.sync(MAPPING).await?;
        let desk = self.engine.desk(MAPPING).await?;
        println!("{desk}");
        ensure(desk.items.len() == 5, "the desk has something else on it")?;
        Ok(())
    }

    /// A person answers, and mends what only they can mend.
    pub(crate) async fn a_person_answers(&self) -> Outcome<()> {
        let desk = self.engine.desk(MAPPING).await?;
        let conflict = find(&desk, |item| item.reason == HoldReason::Conflict)?;
        let parked = |side: Side| {
            move |item: &DeskItem| {
                item.reason == HoldReason::Ambiguous && item.records[side].is_some()
            }
        };
        let contact = find(&desk, parked(Side::Source))?;
        let named = |name: &str, record: &RecordId| {
            let client = self.world.jobber.client(record.as_str());
            client.is_some_and(|client| client.first_name == name)
        };
        let is_robin =
            |choice: &&Choice| matches!(choice, Choice::LinkTo(record) if named("Robin", record));
        let link = contact.choices().iter().find(is_robin).cloned().ok_or("nobody is Robin")?;
        let other = find(&desk, |item| {
            let client = item.records[Side::Target].as_ref();
            item.reason == HoldReason::Ambiguous && client.is_some_and(|id| named("Robyn", id))
        })?;
        self.at_day("04", "15:05")?;
        self.heading("A person answers, and mends the e-mail");
        println!(
            "Of the company the name in Jobber stands; the contact is the first of both clients,"
        );
        println!(
            "and the second is left alone. Each answer names the version that was seen: if something"
        );
        println!("had moved since, it would be refused. The e-mail is mended in Jobber itself.");
        println!();
        let answers = [
            conflict.answer(Choice::Take(Side::Target)),
            contact.answer(link),
            other.answer(Choice::Never),
        ];
        for outcome in self.engine.answer_all(MAPPING, answers).await? {
            ensure(outcome? == AnswerOutcome::Stored, "an answer was not taken")?;
        }
        let mistyped = find(&desk, |item| item.reason == HoldReason::Rejected)?;
        let client = mistyped.records.target.as_ref().ok_or("the client is gone")?;
        self.world.jobber.edit_client(client.as_str(), |client| {
            for email in &mut client.emails {
                email.address = World::email(MISTYPED);
            }
        });
        self.at_day("04", "15:15")?;
        let report: SyncReport = self.engine.sync(MAPPING).await?;
        println!("{report}");
        ensure(report.linked == 1 && report.writes() == 1, "the answers were not carried out")?;
        let desk = self.engine.desk(MAPPING).await?;
        println!("{desk}");
        ensure(desk.items.is_empty(), "something still waits")
    }
}

fn find(desk: &Desk, wanted: impl Fn(&DeskItem) -> bool) -> Outcome<&DeskItem> {
    let item = desk.items.iter().find(|item| wanted(item));
    item.ok_or_else(|| "something is not on the desk".into())
}

fn ensure(holds: bool, otherwise: &str) -> Outcome<()> {
    if holds { Ok(()) } else { Err(otherwise.into()) }
}
