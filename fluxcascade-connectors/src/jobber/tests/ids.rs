//! Ids that Jobber cannot read, among others.

use fluxcascade_core::model::State;

use super::*;

#[tokio::test]
async fn an_id_that_jobber_cannot_read_is_missing_and_does_not_hide_the_others() {
    let of_batch = bad_variable("id1", "EncodedId!", "nope");
    let alone = bad_variable("id0", "EncodedId!", "nope");
    let good = data(&json!({ "c0": client("a", "2026-01-01T00:00:00Z") }));
    let stage = Stage::with(vec![of_batch, good, alone]).await;
    let seen = fetch(&stage, &["a", "nope"], &["firstName"]).await;
    assert!(seen[0].values().is_some());
    assert_eq!(seen[1].state, State::Missing);

    let only = Stage::with(vec![bad_variable("id0", "EncodedId!", "nope")]).await;
    assert_eq!(fetch(&only, &["nope"], &["firstName"]).await[0].state, State::Missing);
}

/// How many requests it costs to read these, and which are not there, where each document that has one of
/// the unreadable ids is refused; by name, or without one.
async fn read_beside(unreadable: &[usize], named: bool) -> (usize, Vec<usize>) {
    let ids: Vec<String> = (0..20).map(|n| format!("id{n:02}")).collect();
    let is_bad = |id: &str| unreadable.iter().any(|n| ids[*n] == id);
    let bad: Vec<String> = ids.iter().filter(|id| is_bad(id)).cloned().collect();
    let answers = move |request: &Request| {
        let body: Json = request.body_json().unwrap();
        let asked = body["variables"].as_object().unwrap();
        match asked.iter().find(|(_, id)| bad.iter().any(|bad| **id == **bad)) {
            Some((name, _)) if named => bad_variable(name, "EncodedId!", "nope"),
            Some(_) => refusal("BAD_USER_INPUT", "an EncodedId is not valid"),
            None => {
                let of = |(name, id): (&String, &Json)| {
                    let found = client(id.as_str().unwrap(), "2026-01-01T00:00:00Z");
                    (name.replace("id", "c"), found)
                };
                data(&Json::Object(asked.iter().map(of).collect()))
            }
        }
    };
    let stage = Stage::answering(answers).await;
    let asked: Vec<&str> = ids.iter().map(String::as_str).collect();
    let seen = fetch(&stage, &asked, &["firstName"]).await;
    let missing = seen.iter().enumerate().filter(|(_, seen)| seen.state == State::Missing);
    let missing = missing.map(|(n, _)| n).collect();
    assert_eq!(seen.iter().filter(|seen| seen.values().is_some()).count(), 20 - unreadable.len());
    (stage.sent().await.len(), missing)
}

#[tokio::test]
async fn an_id_that_jobber_cannot_read_costs_few_requests_more() {
    assert_eq!(read_beside(&[7], true).await, (3, vec![7]), "all, the others, and it alone");
    assert_eq!(read_beside(&[1, 13], true).await, (5, vec![1, 13]));
    let (asked, missing) = read_beside(&[7], false).await;
    assert_eq!(missing, [7]);
    assert!(asked <= 11, "{asked}: half of it each time");
}
