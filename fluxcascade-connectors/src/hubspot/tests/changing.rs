//! Reading changes: full, incremental, and the cursor between them.

use fluxcascade_core::connector::{ChangesPage, ChangesRequest, Cursor, Position};
use fluxcascade_core::model::{Provenance, State};

use super::*;

async fn page(bench: &Bench, position: Position) -> Result<ChangesPage, ConnectorError> {
    let projection = projection(&["email", "firstname", "not_there"]);
    let request = ChangesRequest { object: contacts(), projection, position, limit: 1000 };
    bench.hubspot.changes(request).await
}

fn after(page: &ChangesPage) -> Position {
    Position::After(page.cursor.clone())
}

fn marked(millis: i64) -> Position {
    let text = format!(r#"{{"format":1,"at":{{"marked":{{"mark":{millis}}}}}}}"#);
    Position::After(Cursor::new(text).unwrap())
}

fn known(page: &ChangesPage) -> Vec<(&str, &State)> {
    page.observations.iter().map(|seen| (seen.record.as_str(), &seen.state)).collect()
}

fn ids(rows: &[u64], more: bool) -> Json {
    let results: Vec<Json> = rows.iter().map(|row| json!({ "id": row.to_string() })).collect();
    let mut page = json!({ "total": rows.len(), "results": results });
    if more {
        page["paging"] = json!({ "next": { "after": "100" } });
    }
    page
}

/// What the incremental read asked for, as (property, operator, value).
fn filters(search: &Json) -> Vec<(String, String, String)> {
    let text = |json: &Json| json.as_str().unwrap().to_owned();
    search["filterGroups"][0]["filters"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| (text(&f["propertyName"]), text(&f["operator"]), text(&f["value"])))
        .collect()
}

#[tokio::test]
async fn a_full_read_lists_the_live_then_the_archived_and_marks_the_first_answers_date() {
    let bench = Bench::new().await;
    let mut first = json!({ "results": [contact(1, "ann@x.io", "Ann")] });
    first["paging"] = json!({ "next": { "after": "2", "link": "https://elsewhere" } });
    bench.once("GET", LIST, ok(first)).await;
    let later = ok(json!({ "results": [contact(2, "bob@x.io", "Bob")] }))
        .insert_header("Date", "Sun, 01 Mar 2026 12:30:00 GMT");
    bench.once("GET", LIST, later).await;
    let archived = json!({ "results": [{
        "id": "3", "archivedAt": "2026-02-01T00:00:00Z", "properties": { "email": "cy@x.io" }
    }] });
    bench.answer("GET", LIST, archived).await;

    let live = page(&bench, Position::Start).await.unwrap();
    let rest = page(&bench, after(&live)).await.unwrap();
    let gone = page(&bench, after(&rest)).await.unwrap();
    assert_eq!([live.more, rest.more, gone.more], [true, true, false]);
    assert_eq!((known(&live)[0].0, known(&rest)[0].0), ("1", "2"));
    let [("3", State::Archived(values))] = known(&gone)[..] else { panic!("{gone:?}") };
    assert_eq!(values[0], Value::from("cy@x.io").into());
    assert!(values[1].is_absent(), "a property that the answer does not have");
    assert_eq!(after(&gone), marked(DATE_MILLIS), "the mark is HubSpot's clock, not ours");

    let (values, version) = live.observations[0].known().unwrap();
    assert_eq!(values[0], Value::from("ann@x.io").into());
    assert!(values[2].is_absent(), "a property that the account does not have");
    let modified = version.modified.unwrap();
    assert_eq!(modified.at.to_string(), "2026-03-01T11:58:00.123Z");
    assert_eq!(modified.granularity, Duration::from_millis(1));

    let requests = bench.requests().await;
    let query = |at: usize| requests[at].url.query().unwrap().to_owned();
    assert_eq!(
        query(0),
        "limit=100&archived=false&properties=email%2Cfirstname%2Chs_merged_object_ids"
    );
    assert!(query(1).ends_with("&after=2"));
    assert_eq!(
        query(2),
        "limit=100&archived=true&properties=email%2Cfirstname%2Chs_merged_object_ids"
    );
    assert_eq!(requests[0].headers["authorization"], "Bearer pat-na1-s3cret");
}

#[tokio::test]
async fn a_quiet_incremental_read_costs_one_request() {
    let bench = Bench::new().await;
    bench.answer("POST", SEARCH, ids(&[], false)).await;
    let quiet = page(&bench, marked(1_772_366_000_000)).await.unwrap();
    assert_eq!((quiet.observations.len(), quiet.more), (0, false));
    assert_eq!(after(&quiet), marked(DATE_MILLIS));
    assert_eq!(bench.requests().await.len(), 1);
    let search = &bench.bodies(SEARCH).await[0];
    // Ten minutes before the mark, as late as the search may be: rows that it shows late are seen.
    let since = ("lastmodifieddate".into(), "GTE".into(), "1772365400000".into());
    assert_eq!(filters(search), [since]);
    assert_eq!(search["sorts"], json!(["hs_object_id"]));
    assert_eq!(search["properties"], json!(["hs_object_id"]));
}

#[tokio::test]
async fn many_rows_on_one_millisecond_are_paged_by_id_under_a_frozen_end() {
    let bench = Bench::new().await;
    let all: Vec<u64> = (1..=250).collect();
    for (at, chunk) in all.chunks(100).enumerate() {
        // Later pages have later dates, and edits go on; the pass ends where it began.
        let date = format!("Sun, 01 Mar 2026 11:59:3{at} GMT");
        let found = ok(ids(chunk, at < 2)).insert_header("Date", date.as_str());
        bench.once("POST", SEARCH, found).await;
        let same_time: Vec<Json> = chunk.iter().rev().map(|i| contact(*i, "a@x.io", "A")).collect();
        bench.once("POST", READ, ok(rows(&same_time))).await;
    }
    let mut position = marked(1_772_366_000_000);
    let mut seen = Vec::new();
    loop {
        let next = page(&bench, position).await.unwrap();
        seen.extend(next.observations.iter().map(|o| o.record.as_str().parse::<u64>().unwrap()));
        position = after(&next);
        if !next.more {
            break;
        }
    }
    assert_eq!(seen, all);
    assert_eq!(position, marked(DATE_MILLIS));
    let searches = bench.bodies(SEARCH).await;
    let until = (DATE_MILLIS + 999).to_string();
    let expected = |last: &str| {
        [
            ("lastmodifieddate".into(), "GTE".into(), "1772365400000".into()),
            ("lastmodifieddate".into(), "LTE".into(), until.clone()),
            ("hs_object_id".into(), "GT".into(), last.to_owned()),
        ]
    };
    assert_eq!(filters(&searches[1]), expected("100"));
    assert_eq!(filters(&searches[2]), expected("200"));
    assert!(searches.iter().all(|search| search["after"] == "0"), "each is a fresh search");
    assert_eq!(bench.hubspot.requests().of("read"), 3, "one read by id for each page");
}

#[tokio::test]
async fn a_row_that_is_gone_when_it_is_read_is_missing_and_not_lost() {
    let bench = Bench::new().await;
    bench.answer("POST", SEARCH, ids(&[7, 8], false)).await;
    let mut answer = rows(&[contact(8, "b@x.io", "B")]);
    answer["errors"] = json!([{ "category": "OBJECT_NOT_FOUND", "context": { "ids": ["7"] } }]);
    bench.say("POST", READ, status(207, answer)).await;
    let seen = page(&bench, marked(DATE_MILLIS)).await.unwrap();
    assert_eq!(known(&seen)[0], ("7", &State::Missing));
    assert_eq!(known(&seen)[1].0, "8");
}

#[tokio::test]
async fn a_changed_record_that_hubspot_refuses_to_give_is_unreadable_and_the_read_goes_on() {
    let bench = Bench::new().await;
    bench.answer("POST", SEARCH, ids(&[7, 8, 9], false)).await;
    let mut answer = rows(&[contact(8, "b@x.io", "B")]);
    answer["errors"] = json!([
        { "category": "VALIDATION_ERROR", "message": "broken", "context": { "ids": ["7"] } },
        { "category": "OBJECT_NOT_FOUND", "context": { "ids": ["9"] } }
    ]);
    bench.say("POST", READ, status(207, answer)).await;
    let seen = page(&bench, marked(1_772_366_000_000)).await.unwrap();
    let words: Vec<_> = known(&seen).iter().map(|(at, state)| (*at, state.word())).collect();
    assert_eq!(words, [("7", "unreadable"), ("8", "known"), ("9", "missing")]);
    assert!(seen.observations.iter().all(|seen| seen.provenance == Provenance::Listed));
    assert_eq!(after(&seen), marked(DATE_MILLIS));

    let mut later = rows(&[]);
    later["errors"] = json!([{ "category": "INTERNAL_ERROR", "context": { "ids": ["7"] } }]);
    bench.once("POST", READ, status(207, later)).await;
    let error = page(&bench, marked(DATE_MILLIS)).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Transient);
}

#[tokio::test]
async fn a_merge_shows_with_the_record_that_survives() {
    let bench = Bench::new().await;
    let mut survivor = contact(9, "a@x.io", "A");
    survivor["properties"]["hs_merged_object_ids"] = json!("3;5");
    bench.answer("GET", LIST, json!({ "results": [survivor] })).await;
    let seen = page(&bench, Position::Start).await.unwrap();
    let merged = State::MergedInto(id("9"));
    assert_eq!(known(&seen)[..2], [("3", &merged), ("5", &merged)]);
    assert_eq!(known(&seen)[2].0, "9");
}

#[tokio::test]
async fn a_record_that_cannot_be_read_stops_no_other() {
    let bench = Bench::new().await;
    let mut odd = contact(1, "a@x.io", "A");
    odd["properties"]["firstname"] = json!({ "not": "text" });
    let list = json!({ "results": [odd, contact(2, "b@x.io", "B")] });
    bench.answer("GET", LIST, list).await;
    let seen = page(&bench, Position::Start).await.unwrap();
    assert_eq!(known(&seen)[0].1, &State::Unreadable("`firstname` is no text".to_owned()));
    assert_eq!(known(&seen)[1].1.word(), "known");
}

#[tokio::test]
async fn rows_out_of_order_and_endless_pages_are_errors() {
    let bench = Bench::new().await;
    let odd = [ids(&[10, 9], true), ids(&[5, 5], false), ids(&[], true)];
    for search in odd {
        bench.once("POST", SEARCH, ok(search)).await;
        let error = page(&bench, marked(DATE_MILLIS)).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Protocol, "{error}");
    }
    let mut circle = json!({ "results": [contact(1, "a@x.io", "A")] });
    circle["paging"] = json!({ "next": { "after": "1" } });
    bench.answer("GET", LIST, circle).await;
    let first = page(&bench, Position::Start).await.unwrap();
    assert_eq!(page(&bench, after(&first)).await.unwrap_err().kind, ErrorKind::Protocol);
}

#[tokio::test]
async fn a_cursor_of_another_format_asks_for_a_full_read() {
    let bench = Bench::new().await;
    let later = r#"{"format":2,"at":{"marked":{"mark":1}}}"#;
    for text in ["", "1772366370000", later] {
        let cursor = Cursor::new(text).unwrap();
        let error = page(&bench, Position::After(cursor)).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::PositionLost);
        assert!(error.message.contains("read the contacts in full again"));
    }
    assert!(bench.requests().await.is_empty());
}

#[tokio::test]
async fn a_refused_search_says_what_to_do() {
    let bench = Bench::new().await;
    let body = json!({ "category": "VALIDATION_ERROR", "message": "paging beyond 10,000" });
    bench.say("POST", SEARCH, status(400, body)).await;
    let error = page(&bench, marked(DATE_MILLIS)).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Permanent);
    assert!(error.message.ends_with("read the contacts in full again"), "{error}");
}

#[tokio::test]
async fn a_list_of_very_many_properties_is_read_by_id() {
    let bench = Bench::new().await;
    let names: Vec<String> = (0..400).map(|i| format!("a_property_with_a_long_name_{i}")).collect();
    let wide: Vec<Json> = names
        .iter()
        .map(|name| json!({ "name": name, "type": "string", "fieldType": "text" }))
        .collect();
    bench.once("GET", PROPERTIES, ok(json!({ "results": wide }))).await;
    bench.answer("GET", LIST, json!({ "results": [{ "id": "1" }] })).await;
    bench.answer("POST", READ, rows(&[contact(1, "a@x.io", "A")])).await;
    let projection = Projection::new(names.iter().map(|field| name(field)));
    let (object, position) = (contacts(), Position::Start);
    let request = ChangesRequest { object, projection, position, limit: 100 };
    let seen = bench.hubspot.changes(request).await.unwrap();
    assert_eq!(seen.observations[0].values().unwrap().slots().len(), 400);
    assert_eq!(bench.bodies(READ).await[0]["properties"].as_array().unwrap().len(), 401);
}
