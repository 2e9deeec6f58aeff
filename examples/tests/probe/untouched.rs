//! A probe on HubSpot and Jobber as they should be, and with each of its requests failing in turn.

use fluxcascade_connectors::sim::{Effect, FaultRule, When};
use fluxcascade_examples::probe::{Verdict, never};

use crate::world::{TOKEN, World};
use crate::{BOTH, PEOPLE, nothing_else_was_touched, probe, verdict};

#[tokio::test]
async fn everything_that_an_adapter_can_do_passes_and_no_other_record_is_touched() {
    for which in BOTH {
        let world = World::start().await;
        which.fill(&world);
        let before = which.records(&world);
        let (report, out) = probe(which, &world, TOKEN, never()).await;
        assert!(report.is_fine(), "{out}");
        for step in [
            "account",
            "schema",
            "read all",
            "create",
            "read back",
            "update",
            "find",
            "incremental read",
            "batch",
            "clear a field",
        ] {
            assert!(matches!(verdict(&report, step), Verdict::Passed(_)), "{step}\n{out}");
        }
        nothing_else_was_touched(which, &world, &before, &report, &out);
        // What the adapter cannot remove is told by its id; else nothing is left.
        let left = which.ids(&world).len() - before.len();
        assert_eq!(left, report.left.len(), "{out}");
        match verdict(&report, "archive") {
            Verdict::Lacks(_) => assert!(out.contains("left, for you to remove: "), "{out}"),
            Verdict::Passed(_) => assert_eq!(left, 0, "{out}"),
            other @ (Verdict::Failed(_) | Verdict::NotTried(_)) => panic!("{other:?}"),
        }
    }
}

/// Every request of a whole life meets trouble, one at a time.
#[tokio::test]
async fn whatever_request_fails_nothing_else_is_touched_and_what_is_left_is_told() {
    for which in BOTH {
        let requests = {
            let world = World::start().await;
            which.fill(&world);
            probe(which, &world, TOKEN, never()).await;
            which.requests(&world).len() as u64
        };
        assert!(requests > 10, "{requests}");
        let mut failed = 0;
        for number in 1..=requests {
            // Each request meets one of them; its neighbours meet the others.
            let effects =
                [Effect::Status(403), Effect::LostAnswer, Effect::Status(400), Effect::CutAnswer];
            let effect = effects[usize::try_from(number).unwrap() % effects.len()];
            let world = World::start().await;
            which.fill(&world);
            let before = which.records(&world);
            which.fail(&world, FaultRule::new(When::Nth(number), effect));
            let (report, out) = probe(which, &world, TOKEN, never()).await;
            nothing_else_was_touched(which, &world, &before, &report, &out);
            failed += u64::from(!report.is_fine());
        }
        assert!(failed * 4 >= requests, "{failed} of {requests}: the faults hit nothing");
    }
}

#[tokio::test]
async fn a_refused_token_ends_the_probe_before_anything_is_made() {
    for which in BOTH {
        let world = World::start().await;
        which.fill(&world);
        let (report, out) = probe(which, &world, "pat-na1-a-wrong-one", never()).await;
        assert!(!report.is_fine());
        assert!(matches!(verdict(&report, "account"), Verdict::Failed(_)), "{out}");
        assert!(which.writes(&world).is_empty() && !out.contains("wrong-one"), "{out}");
        assert_eq!(which.ids(&world).len() as u64, PEOPLE);
    }
}

#[tokio::test]
async fn what_the_account_may_not_do_is_told_as_lacking() {
    let which = crate::Which::HubSpot;
    let world = World::start().await;
    which.fill(&world);
    let before = which.records(&world);
    let forbidden = FaultRule::new(When::Always, Effect::Status(403));
    which.fail(&world, forbidden.method("POST").path("*/objects/contacts/batch/update"));
    let (report, out) = probe(which, &world, TOKEN, never()).await;
    assert!(matches!(verdict(&report, "update"), Verdict::Lacks(_)), "{out}");
    assert!(matches!(verdict(&report, "create"), Verdict::Passed(_)), "{out}");
    nothing_else_was_touched(which, &world, &before, &report, &out);
}
