//! A probe on the simulated systems: it writes to no record that it did not make, whatever fails, and says
//! what it leaves.

#![allow(clippy::unwrap_used, reason = "tests, and their helpers")]

#[path = "probe/archiving.rs"]
mod archiving;
#[path = "probe/interrupted.rs"]
mod interrupted;
#[path = "probe/untouched.rs"]
mod untouched;
#[path = "support/world.rs"]
mod world;

use std::collections::BTreeSet;
use std::sync::Arc;

use fluxcascade_connectors::sim::{FaultRule, LoggedRequest};
use fluxcascade_core::connector::Connector;
use fluxcascade_core::model::ObjectType;
use fluxcascade_examples::probe::{Report, Stop, Verdict, Wanted, run};
use fluxcascade_examples::progress::Progress;

use world::{TOKEN, World, changes_hubspot, changes_jobber};

/// A simulated system with people in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    HubSpot,
    Jobber,
}

pub(crate) const BOTH: [Which; 2] = [Which::HubSpot, Which::Jobber];

/// People who are there before.
pub(crate) const PEOPLE: u64 = 7;

impl Which {
    pub(crate) fn fill(self, world: &World) {
        match self {
            Which::HubSpot => {
                world.hubspot.seed_people(PEOPLE).unwrap();
            }
            Which::Jobber => {
                world.jobber.seed_people(PEOPLE);
            }
        }
        world.time("13:30");
    }

    fn connector(self, world: &World, token: &str) -> (Arc<dyn Connector>, &'static str) {
        match self {
            Which::HubSpot => {
                (Arc::new(world.hubspot_at(&world.hubspot.base_url(), token)), "contacts")
            }
            Which::Jobber => {
                (Arc::new(world.jobber_at(&world.jobber.base_url(), token)), "clients")
            }
        }
    }

    /// All that there is and is not archived, by id.
    pub(crate) fn records(self, world: &World) -> Vec<(String, String)> {
        match self {
            Which::HubSpot => {
                let live = world.hubspot.contacts().into_iter().filter(|c| c.archived_at.is_none());
                live.map(|contact| (contact.id.clone(), format!("{contact:?}"))).collect()
            }
            Which::Jobber => {
                let live = world.jobber.clients().into_iter().filter(|client| !client.is_archived);
                live.map(|client| (client.id.clone(), format!("{client:?}"))).collect()
            }
        }
    }

    pub(crate) fn ids(self, world: &World) -> BTreeSet<String> {
        self.records(world).into_iter().map(|(id, _)| id).collect()
    }

    pub(crate) fn requests(self, world: &World) -> Vec<LoggedRequest> {
        match self {
            Which::HubSpot => world.hubspot.requests(),
            Which::Jobber => world.jobber.requests(),
        }
    }

    /// The requests that may have changed something.
    pub(crate) fn writes(self, world: &World) -> Vec<LoggedRequest> {
        let changes = match self {
            Which::HubSpot => changes_hubspot,
            Which::Jobber => changes_jobber,
        };
        self.requests(world).into_iter().filter(changes).collect()
    }

    pub(crate) fn fail(self, world: &World, rule: FaultRule) {
        match self {
            Which::HubSpot => world.hubspot.add_fault(rule),
            Which::Jobber => world.jobber.add_fault(rule),
        }
    }
}

/// Probes; gives what it came to, and what was said.
pub(crate) async fn probe(
    which: Which,
    world: &World,
    token: &str,
    stop: Stop,
) -> (Report, String) {
    let (connector, object) = which.connector(world, token);
    let mut out = Vec::new();
    let wanted = Wanted {
        connector,
        object: ObjectType::new(object).unwrap(),
        given: Vec::new(),
        most_pages: 20,
        clock: world.shared_clock(),
        progress: Arc::new(Progress::hidden()),
    };
    let report = run(wanted, stop, &mut out).await.unwrap();
    let out = String::from_utf8(out).unwrap();
    assert!(!out.contains(TOKEN), "{out}");
    (report, out)
}

/// The verdict of a step.
pub(crate) fn verdict<'r>(report: &'r Report, step: &str) -> &'r Verdict {
    &report.steps.iter().find(|(name, _)| *name == step).unwrap().1
}

/// Whoever was there before is there as before, every write names own records alone, and what is there
/// besides is told: by its id, or by the mark of a create that had no answer.
pub(crate) fn nothing_else_was_touched(
    which: Which,
    world: &World,
    before: &[(String, String)],
    report: &Report,
    out: &str,
) {
    let after = which.records(world);
    for record in before {
        assert!(after.contains(record), "{record:?} was touched\n{out}");
    }
    for request in which.writes(world) {
        let foreign = before.iter().find(|(id, _)| {
            request.body.contains(id.as_str()) || request.path.contains(id.as_str())
        });
        assert_eq!(foreign, None, "{request:?}");
    }
    for (id, shown) in after.iter().filter(|record| !before.contains(record)) {
        let told = report.left.iter().any(|left| left.as_str() == id);
        let doubtful = report.doubtful.iter().any(|mark| shown.contains(mark.as_str()));
        let stray = report.strays.iter().any(|stray| stray.as_str() == id);
        assert!(told || doubtful || stray, "{shown} is told nowhere\n{out}");
        assert!(out.contains(id.as_str()) || doubtful, "{out}");
    }
}
