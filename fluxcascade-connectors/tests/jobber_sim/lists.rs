//! The lists of a client's e-mails and phones, where more than one entry is of one description.

use fluxcascade_connectors::sim::jobber::{JobberClient, JobberEmail};

use super::{Stage, mail};

#[tokio::test]
async fn a_cleared_entry_is_blank_though_the_client_has_more_of_its_description() {
    let stage = Stage::start().await;
    let mut ann = JobberClient::person("Ann", "Lee");
    ann.emails = vec![
        mail("a@lee.example", "Main", true),
        mail("b@lee.example", "Work", false),
        mail("c@lee.example", "Work", false),
        mail("b@lee.example", "Work", false),
    ];
    let id = stage.sim.seed_client(ann);
    stage.update(&id, &[("emails.work", "")]).await;
    assert_eq!(stage.shows(&id, "emails.work").await, None);
    let left = || {
        let stored = stage.sim.client(&id).unwrap();
        let one = |mail: &JobberEmail| format!("{} {}", mail.description, &mail.address[..1]);
        stored.emails.iter().map(one).collect::<Vec<String>>()
    };
    assert_eq!(left(), ["Main a", "Other c"], "what was not mapped has its address still");
    let edits = stage.jobber.requests().of("edit");
    stage.update(&id, &[("emails.work", "")]).await;
    assert_eq!(stage.jobber.requests().of("edit"), edits, "and it ends");
    assert_eq!(left(), ["Main a", "Other c"]);
}
