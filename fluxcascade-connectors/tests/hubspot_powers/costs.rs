//! What it costs, in requests: P27 of the semantics.

use std::time::Duration;

use fluxcascade_core::connector::{Position, WriteOutcome};
use fluxcascade_core::model::RecordId;

use super::bench::{Bench, LAG, create, known, update};

const KINDS: [&str; 6] = ["list", "search", "read", "associations", "create", "update"];

#[tokio::test]
async fn a_first_read_costs_a_request_per_page_and_one_for_the_archived() {
    for (records, archived, lists) in [(0, 0, 2), (100, 0, 2), (101, 0, 3), (250, 101, 5)] {
        let bench = Bench::new().await;
        bench.sim.seed_people(records + archived).unwrap();
        for contact in bench.sim.contacts().iter().take(usize::try_from(archived).unwrap()) {
            bench.sim.archive_contact(&contact.id).unwrap();
        }
        bench.follow(Position::Start).await;
        // ⌈live ÷ 100⌉ and ⌈archived ÷ 100⌉, each at least one.
        assert_eq!(bench.sent(&KINDS), [lists, 0, 0, 0, 0, 0], "{records} and {archived}");
    }
}

#[tokio::test]
async fn a_quiet_poll_costs_one_request() {
    let bench = Bench::of("contacts", &["email", "associations.companies"]).await;
    bench.sim.seed_people(30).unwrap();
    bench.clock.advance(Duration::from_secs(3600));
    let (_, mut next) = bench.follow(Position::Start).await;
    let before = bench.sim.requests().len();
    for polls in 1..=3 {
        bench.clock.advance(Duration::from_secs(60));
        (_, next) = bench.follow(next).await;
        assert_eq!(bench.sim.requests().len(), before + polls);
    }
}

#[tokio::test]
async fn updates_cost_a_read_and_a_write_per_hundred() {
    let bench = Bench::new().await;
    bench.sim.seed_people(250).unwrap();
    bench.clock.advance(Duration::from_secs(3600));
    let (_, next) = bench.follow(Position::Start).await;
    for contact in bench.sim.contacts() {
        bench.sim.edit_contact(&contact.id, [("phone", "1")]).unwrap();
    }
    bench.clock.advance(LAG);
    let before = bench.sent(&KINDS);
    let (seen, _) = bench.follow(next).await;
    let cost = |before: &[u64]| -> Vec<u64> {
        bench.sent(&KINDS).iter().zip(before).map(|(now, then)| now - then).collect()
    };
    assert_eq!(cost(&before), [0, 3, 3, 0, 0, 0], "a page of changes is a search and a read by id");

    let before = bench.sent(&KINDS);
    let ids = known(&seen);
    let records: Vec<RecordId> = ids.iter().map(|id| RecordId::new(id).unwrap()).collect();
    let (object, projection) = (bench.object.clone(), bench.projection.clone());
    let request = fluxcascade_core::connector::FetchRequest { object, projection, records };
    fluxcascade_core::Reader::fetch(&bench.hubspot, request).await.unwrap();
    let outcomes =
        bench.write(ids.iter().map(|id| update(id, &[("firstname", "X")])).collect()).await;
    assert_eq!(cost(&before), [0, 0, 3, 0, 0, 3]);
    let is_proof =
        |outcome: &WriteOutcome| matches!(outcome, WriteOutcome::Applied { values: Some(_), .. });
    assert!(outcomes.iter().all(is_proof), "nothing has to be read back");

    let before = bench.sent(&KINDS);
    let new = (0..201).map(|n| create(&[("email", &format!("new{n}@x.io"))])).collect();
    bench.write(new).await;
    assert_eq!(cost(&before), [0, 0, 0, 0, 3, 0]);
}
