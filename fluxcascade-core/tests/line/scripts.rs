//! Scripts drawn by proptest: edits on both sides, faults, lags and runs in any order. Afterwards
//! the sides agree, nothing that a person wrote is lost, and nothing was made up.
//!
//! The check knows nothing of the engine: it has the history of edits, and looks at the systems,
//! the conflict rows and the log.

use std::time::Duration;

use fluxcascade_core::connector::{Capabilities, Consistency};
use fluxcascade_core::model::{HoldReason, RecordId, Side, Value};
use fluxcascade_core::testkit::{CallKind, Fault, SimProfile};
use proptest::prelude::*;

use crate::world::{World, contacts};

const PEOPLE: usize = 3;
const FIELDS: [(&str, &str); 3] = [("name", "name"), ("phone", "phone"), ("address", "street")];

#[derive(Debug, Clone)]
enum Step {
    Edit {
        person: usize,
        field: usize,
        side: Side,
    },
    /// An edit while a run is under way, just before a call.
    EditBefore {
        person: usize,
        field: usize,
        side: Side,
        call: CallKind,
    },
    Fail {
        side: Side,
        call: CallKind,
        fault: Fault,
    },
    Wait {
        seconds: u64,
    },
    Sync,
}

fn side() -> impl Strategy<Value = Side> {
    prop_oneof![Just(Side::Source), Just(Side::Target)]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let call = prop_oneof![Just(CallKind::Changes), Just(CallKind::Fetch), Just(CallKind::Update)];
    // An edit between a record's fetch and its write is in the stated window of P15.
    let edit_before = prop_oneof![Just(CallKind::Changes), Just(CallKind::Fetch)];
    let fault =
        prop_oneof![Just(Fault::RequestLost), Just(Fault::AnswerLost), Just(Fault::Unavailable)];
    let step = prop_oneof![
        6 => (0..PEOPLE, 0..FIELDS.len(), side())
            .prop_map(|(person, field, side)| Step::Edit { person, field, side }),
        2 => (0..PEOPLE, 0..FIELDS.len(), side(), edit_before)
            .prop_map(|(person, field, side, call)| Step::EditBefore { person, field, side, call }),
        2 => (side(), call, fault).prop_map(|(side, call, fault)| Step::Fail { side, call, fault }),
        3 => (1_u64..900).prop_map(|seconds| Step::Wait { seconds }),
        4 => Just(Step::Sync),
    ];
    proptest::collection::vec(step, 4..30)
}

/// What a person wrote: in the order of the edits.
struct Edit {
    person: usize,
    field: usize,
    value: String,
}

struct Script {
    world: World,
    records: Vec<(RecordId, RecordId)>,
    edits: std::sync::Arc<std::sync::Mutex<Vec<Edit>>>,
}

impl Script {
    async fn new(lag: u64, granularity: u64, values: Answers) -> Self {
        let profile = |lag: u64| SimProfile {
            list_lag: Duration::from_secs(lag),
            granularity: Duration::from_millis(granularity),
            answers_with_values: values == Answers::WithValues,
            capabilities: Capabilities {
                list: Consistency::Lagging(Duration::from_secs(lag)),
                page: 2,
                read_batch: 2,
                write_batch: 2,
                ..SimProfile::default().capabilities
            },
            ..SimProfile::default()
        };
        let world = World::with(profile(lag), profile(0), contacts());
        let mut records = Vec::new();
        for person in 0..PEOPLE {
            let mail = format!("p{person}@x.io");
            let source = world.crm.insert([("email", mail.clone())]);
            records.push((source, world.field.insert([("mail", mail)])));
        }
        world.minutes(30);
        assert_eq!(world.sync().await.linked, PEOPLE as u64);
        Self { world, records, edits: std::sync::Arc::default() }
    }

    /// An edit with a value that nobody wrote before.
    fn edit(&self, person: usize, field: usize, side: Side) -> impl Fn() + Send + 'static {
        let (source, target) = self.records[person].clone();
        let (crm, client) = (self.world.crm.clone(), self.world.field.clone());
        let edits = std::sync::Arc::clone(&self.edits);
        move || {
            let mut edits = edits.lock().unwrap();
            let value = format!("{}", 1_000_000 + edits.len());
            match side {
                Side::Source => crm.edit(&source, FIELDS[field].0, value.as_str()),
                Side::Target => client.edit(&target, FIELDS[field].1, value.as_str()),
            }
            edits.push(Edit { person, field, value });
        }
    }

    async fn play(&self, steps: &[Step]) {
        let engine = self.world.engine().await;
        for step in steps {
            let system = |side: Side| match side {
                Side::Source => &self.world.crm,
                Side::Target => &self.world.field,
            };
            match step {
                Step::Edit { person, field, side } => self.edit(*person, *field, *side)(),
                Step::EditBefore { person, field, side, call } => {
                    let edit = self.edit(*person, *field, *side);
                    system(*side).before_next(*call, move |_| edit());
                }
                Step::Fail { side, call, fault } => system(*side).fail_next(*call, *fault),
                Step::Wait { seconds } => self.world.clock.advance(Duration::from_secs(*seconds)),
                Step::Sync => {
                    let _ = engine.sync("contacts").await; // a fault may fail it
                }
            }
        }
        // Faults and hooks that are still armed go off in these.
        for _ in 0..12 {
            self.world.minutes(20);
            let _ = engine.sync("contacts").await;
        }
        self.world.settle().await;
    }

    async fn check(&self) {
        let held: Vec<(HoldReason, String)> =
            self.world.holds().await.into_iter().map(|h| (h.reason, h.detail)).collect();
        let conflicts = self.world.conflicts().await;
        let log = self.world.log().await;
        let links = self.world.links().await.len();
        let edits = self.edits.lock().unwrap();
        for (person, (source, target)) in self.records.iter().enumerate() {
            for (field, (here, there)) in FIELDS.iter().enumerate() {
                let (a, b) =
                    (self.world.crm.text(source, here), self.world.field.text(target, there));
                let own: Vec<&str> = edits
                    .iter()
                    .filter(|edit| edit.person == person && edit.field == field)
                    .map(|edit| edit.value.as_str())
                    .collect();
                let waits = held.iter().any(|(_, detail)| detail.starts_with(&format!("{here} =")));
                assert!(a == b || waits, "{here}: {a} and {b} (P1)\n{held:?}");
                for live in [&a, &b] {
                    assert!(live.is_empty() || own.contains(&live.as_str()), "{live} (P4)");
                }
                // The last edit is live on a side or stands in a row; those before may be overwritten.
                if let Some(last) = own.last() {
                    let in_row = conflicts.iter().any(|row| {
                        let value = [Value::from(*last)];
                        row.values.source == value || row.values.target == value
                    });
                    let in_log = log
                        .iter()
                        .flat_map(|row| &row.pairs)
                        .any(|pair| pair.before == [Value::from(*last)]);
                    assert!(
                        a == *last || b == *last || in_row || in_log,
                        "{last} is lost: {here} is {a} and {b}, after {own:?} (P3)"
                    );
                }
            }
        }
        assert_eq!(self.world.crm.records().len(), PEOPLE, "no record was made (P6)");
        assert_eq!(self.world.field.records().len(), PEOPLE, "no record was made (P6)");
        assert_eq!(links, PEOPLE, "(P7)");
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answers {
    WithValues,
    Bare,
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// P1, P3, P4, P6, P7 over edits, faults and lags in any order.
    #[test]
    fn the_sides_agree_and_nothing_is_lost_or_made_up(
        steps in steps(),
        lag in prop_oneof![Just(0_u64), Just(20), Just(240)],
        granularity in prop_oneof![Just(1_u64), Just(1000)],
        values in prop_oneof![Just(Answers::WithValues), Just(Answers::Bare)],
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let script = Script::new(lag, granularity, values).await;
            script.play(&steps).await;
            script.check().await;
        });
    }
}
