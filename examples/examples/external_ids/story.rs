//! The story of the example, told and checked. Where it is told is the caller's.

use std::error::Error;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use fluxcascade_connectors::sim::SimConfig;
use fluxcascade_connectors::sim::hubspot::HubSpotSim;
use fluxcascade_connectors::sim::jobber::JobberSim;
use fluxcascade_connectors::{HubSpot, Jobber};
use fluxcascade_core::clock::{Clock, ManualClock};
use fluxcascade_core::connector::{Connector, ExternalIdField, FetchRequest};
use fluxcascade_core::mapping::{ConfigError, IdWrites, Mapping};
use fluxcascade_core::model::{FieldName, Link, ObjectType, Projection, Side, Sides};
use fluxcascade_core::{Engine, SyncReport};
use fluxcascade_store::SqliteStore;

pub(crate) type Outcome<T> = Result<T, Box<dyn Error>>;

/// People in HubSpot; those in Jobber are the same, and a few more.
const CONTACTS: u64 = 20;
const CLIENTS: u64 = 24;
/// Longer than any system takes to show what was written.
const A_WHILE: Duration = Duration::from_secs(4_000);
const MAPPING: &str = "contacts";

/// Both systems, the connectors to them, and the fields for the other side's ids.
struct Office {
    clock: Arc<ManualClock>,
    hubspot: HubSpotSim,
    jobber: JobberSim,
    connectors: Sides<Arc<dyn Connector>>,
    objects: Sides<ObjectType>,
    fields: Sides<FieldName>,
}

/// What happens, from the first sync to the one after the store was lost.
pub(crate) async fn tell(out: &mut dyn Write) -> Outcome<()> {
    let folder = tempfile::tempdir()?;
    let store = folder.path().join("sync.db");
    let office = Office::open(out).await?;

    let report = office.sync(&store, out).await?;
    ensure(report.linked == CONTACTS, "not everybody who is in both systems was linked")?;
    writeln!(out, "Whoever was new in a system has an id since: it is stored by the next run.")?;
    office.sync(&store, out).await?;
    let links = office.everybody_has_the_others_id(&store).await?;
    writeln!(out, "All {} have the other's id, in both systems.\n", links.len())?;

    let (contact, client) = office.first(&links)?;
    writeln!(out, "Somebody changes an e-mail in Jobber, which the two were matched by.")?;
    office.change_email_in_jobber(&client, "a.new.address@example.com")?;
    let report = office.sync(&store, out).await?;
    ensure(report.writes() == 1 && report.linked == 0, "more than the e-mail was written")?;
    let email = office.hubspot.contact(&contact).ok_or("the contact is gone")?;
    ensure(email.value("email") == "a.new.address@example.com", "HubSpot has the old e-mail")?;
    let after = office.everybody_has_the_others_id(&store).await?;
    ensure(same(&links, &after), "the links are others")?;
    writeln!(out, "HubSpot has it too: it is still one link, and nobody is there twice.\n")?;

    writeln!(
        out,
        "The store is deleted. Meanwhile an e-mail is changed in HubSpot, so that the two"
    )?;
    writeln!(out, "have no e-mail in common any more.")?;
    for end in ["", "-wal", "-shm", ".lock"] {
        let _ = std::fs::remove_file(folder.path().join(format!("sync.db{end}")));
    }
    ensure(!store.exists(), "the store is still there")?;
    office.hubspot.edit_contact(&contact, [("email", "another.address@example.com")])?;
    let report = office.sync(&store, out).await?;
    ensure(report.linked == CLIENTS, "somebody was not linked again")?;
    let made = report.sides.source.created + report.sides.target.created;
    ensure(made == 0, "somebody is there twice now")?;
    ensure(report.writes() == 1, "more than the changed e-mail was written")?;
    let after = office.everybody_has_the_others_id(&store).await?;
    ensure(same(&links, &after), "the links are others")?;
    writeln!(
        out,
        "All {} are linked as before, by their ids; the one e-mail was written.",
        after.len()
    )?;
    Ok(())
}

fn ensure(holds: bool, otherwise: &str) -> Outcome<()> {
    if holds { Ok(()) } else { Err(otherwise.into()) }
}

/// Whether the same records are linked.
fn same(before: &[Link], after: &[Link]) -> bool {
    let pairs = |links: &[Link]| {
        let mut pairs: Vec<_> = links.iter().map(|link| link.records.clone()).collect();
        pairs.sort_by(|a, b| a.source.cmp(&b.source));
        pairs
    };
    pairs(before) == pairs(after)
}

impl Office {
    async fn open(out: &mut dyn Write) -> Outcome<Self> {
        let clock = Arc::new(ManualClock::starting("2026-03-02T09:00:00Z".parse()?));
        let shared = || Arc::<ManualClock>::clone(&clock) as Arc<dyn Clock>;
        let hubspot = HubSpotSim::start(SimConfig::with_clock(7, shared())).await?;
        let jobber = JobberSim::start(SimConfig::with_clock(7, shared())).await?;
        hubspot.seed_people(CONTACTS)?;
        jobber.seed_people(CLIENTS);
        let source = HubSpot::builder().token("any").base_url(hubspot.base_url());
        let target = Jobber::builder().token("any").base_url(jobber.base_url());
        let connectors: Sides<Arc<dyn Connector>> = Sides::new(
            Arc::new(source.clock(shared()).build()?),
            Arc::new(target.clock(shared()).build()?),
        );
        let objects = Sides::new(ObjectType::new("contacts")?, ObjectType::new("clients")?);
        let wanted = Sides::new(("jobber_id", "Jobber id"), ("hubspot_id", "HubSpot id"));
        // A field that an account has anyway, where an adapter makes none.
        let otherwise = Sides::new("jobtitle", "billingAddress.street2");
        let mut fields = otherwise.map(FieldName::new);
        for side in Side::BOTH {
            let (name, label) = wanted[side];
            let Some(provisioner) = connectors[side].extensions().provisioner else { continue };
            let object = objects[side].clone();
            let field =
                ExternalIdField { object, field: FieldName::new(name)?, label: label.into() };
            fields[side] = Ok(provisioner.ensure_external_id_field(field).await?.name);
        }
        let fields = Sides::new(fields.source?, fields.target?);
        writeln!(
            out,
            "HubSpot has {CONTACTS} contacts, Jobber the same people and a few more as clients."
        )?;
        writeln!(out, "A contact has its client's id in {}, a client", fields.source)?;
        writeln!(out, "its contact's in {}.\n", fields.target)?;
        Ok(Self { clock, hubspot, jobber, connectors, objects, fields })
    }

    /// Who is who is told by the e-mail at first, and by the ids from then on: they go before all rules.
    fn mapping(&self) -> Result<Mapping, ConfigError> {
        Mapping::builder(MAPPING)
            .source("hubspot", "contacts")
            .target("jobber", "clients")
            .primary(Side::Source)
            .foreign_id(Side::Source, &self.fields.source, IdWrites::Always)
            .foreign_id(Side::Target, &self.fields.target, IdWrites::Always)
            .match_on("email", "emails.primary")
            .pair("email", "emails.primary")
            .pair("firstname", "firstName")
            .pair("lastname", "lastName")
            .build()
    }

    async fn engine(&self, store: &Path) -> Outcome<Engine> {
        let Sides { source, target } = &self.connectors;
        Ok(Engine::builder()
            .shared_connection("hubspot", Arc::clone(source))
            .shared_connection("jobber", Arc::clone(target))
            .store(Arc::new(SqliteStore::open(store).await?))
            .clock(Arc::<ManualClock>::clone(&self.clock))
            .mapping(self.mapping()?)
            .build()
            .await?)
    }

    /// A while passes, both sides are synced, and a while passes in which everything shows.
    async fn sync(&self, store: &Path, out: &mut dyn Write) -> Outcome<SyncReport> {
        self.clock.advance(A_WHILE);
        let report = self.engine(store).await?.sync(MAPPING).await?;
        self.clock.advance(A_WHILE);
        write!(out, "{report}")?;
        ensure(report.failed.is_empty() && report.held.is_empty(), "something waits")?;
        let numbers = (self.hubspot.contacts().len(), self.jobber.clients().len());
        let all = usize::try_from(CLIENTS)?;
        ensure(numbers == (all, all), "somebody is missing, or there twice")?;
        Ok(report)
    }

    /// The links, if each record holds its twin's id: read from the systems, as anybody would.
    async fn everybody_has_the_others_id(&self, store: &Path) -> Outcome<Vec<Link>> {
        let engine = self.engine(store).await?;
        let key = engine.mapping(MAPPING)?.key.clone();
        let links = engine.store().links(&key, None, 1000).await?;
        ensure(links.len() == usize::try_from(CLIENTS)?, "there is not one link for each person")?;
        for side in Side::BOTH {
            let records = links.iter().map(|link| link.records[side].clone()).collect();
            let projection = Projection::new([self.fields[side].clone()]);
            let object = self.objects[side].clone();
            let request = FetchRequest { object, projection, records };
            let found = self.connectors[side].fetch(request).await?;
            for (link, found) in links.iter().zip(found) {
                let slot = found.values().and_then(|values| values.slots().first()?.value());
                let held = slot.and_then(|value| value.as_text().map(str::to_owned));
                let twin = link.records[side.other()].as_str();
                ensure(held.as_deref() == Some(twin), "a record does not have its twin's id")?;
            }
        }
        Ok(links)
    }

    /// A person of both systems who has an e-mail.
    fn first(&self, links: &[Link]) -> Outcome<(String, String)> {
        let contacts = self.hubspot.contacts();
        let contact = contacts.iter().find(|contact| !contact.value("email").is_empty());
        let contact = contact.ok_or("nobody has an e-mail")?.id.clone();
        let link = links.iter().find(|link| link.records.source.as_str() == contact);
        Ok((contact, link.ok_or("the contact is not linked")?.records.target.to_string()))
    }

    fn change_email_in_jobber(&self, client: &str, email: &str) -> Outcome<()> {
        let edited = self.jobber.edit_client(client, |client| {
            for entry in client.emails.iter_mut().filter(|entry| entry.primary) {
                email.clone_into(&mut entry.address);
            }
        });
        ensure(edited.is_some(), "the client is gone")
    }
}
