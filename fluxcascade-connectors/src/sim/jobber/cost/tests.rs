//! Prices of documents, and the bucket by a clock.

use async_graphql::parser::parse_query;
use async_graphql::value;

use super::*;

fn price(query: &str, variables: serde_json::Value) -> u64 {
    requested(&parse_query(query).unwrap(), None, &Variables::from_json(variables))
}

#[test]
fn a_connection_costs_its_rows_as_often_as_the_page_is_long() {
    let none = serde_json::json!({});
    let five = "nodes { id firstName lastName email phone }";
    assert_eq!(price(&format!("{{ clients(first: 10) {{ {five} }} }}"), none.clone()), 50);
    assert_eq!(price(&format!("{{ clients {{ {five} }} }}"), none.clone()), 500);
    assert_eq!(price("{ clients(last: 7) { edges { cursor node { id } } } }", none.clone()), 14);
    assert_eq!(price("{ account { id name } }", none.clone()), 3);
    let with_page = "{ clients(first: 10) { nodes { id } pageInfo { hasNextPage endCursor } } }";
    assert_eq!(price(with_page, none.clone()), 13);
    let nested = "{ clients(first: 10) { nodes { id tags(first: 20) { nodes { label } } } } }";
    assert_eq!(price(nested, none), 10 * 21);
}

#[test]
fn the_page_is_read_from_variables_and_their_defaults() {
    let query = "query($n: Int = 20) { clients(first: $n) { nodes { id } } }";
    assert_eq!(price(query, serde_json::json!({ "n": 5 })), 5);
    assert_eq!(price(query, serde_json::json!({})), 20);
    assert_eq!(price(query, serde_json::json!({ "n": null })), 100);
}

#[test]
fn fragments_are_priced_where_they_are_used_and_cycles_end() {
    let query = "query { a: client(id: 1) { ...F } b: client(id: 2) { ...F } } \
                 fragment F on Client { id emails { address } }";
    assert_eq!(price(query, serde_json::json!({})), 8);
    let rows = "{ clients(first: 3) { ... on ClientConnection { nodes { ...F } } } } \
                fragment F on Client { id name }";
    assert_eq!(price(rows, serde_json::json!({})), 6);
    let cycle = "{ client(id: 1) { ...F } } fragment F on Client { id ...F }";
    assert_eq!(price(cycle, serde_json::json!({})), 2);
}

#[test]
fn an_answer_never_costs_more_than_was_requested() {
    let query = "{ clients(first: 3) { nodes { id emails { address } } pageInfo { endCursor } } }";
    let answer = value!({ "clients": {
        "nodes": [
            { "id": "1", "emails": [{ "address": "a" }, { "address": "b" }] },
            { "id": "2", "emails": [] },
        ],
        "pageInfo": { "endCursor": "x" },
    } });
    assert_eq!(actual(&answer), 3 + 2 + 2);
    assert_eq!(price(query, serde_json::json!({})), 3 * 3 + 2);
}

#[test]
fn the_bucket_refuses_what_it_does_not_hold_and_fills_by_the_clock() {
    let now = Timestamp::from_secs(1000);
    let mut bucket = Bucket::full(10_000, 500);
    assert_eq!(bucket.spend(9_000, now), Spent::Yes);
    assert_eq!(bucket.spend(1_001, now), Spent::No);
    assert_eq!(bucket.available(now), 1_000);
    assert_eq!(bucket.available(now + Duration::from_millis(3)), 1_001);
    bucket.refund(8_000);
    assert_eq!(bucket.available(now + Duration::from_millis(3)), 9_001);
    assert_eq!(bucket.available(now + Duration::from_secs(60)), 10_000);
    assert_eq!(bucket.spend(10_001, now + Duration::from_secs(600)), Spent::No);
}

#[test]
fn the_gate_opens_again_with_the_next_window() {
    let mut gate = Gate::default();
    let now = Timestamp::from_secs(600);
    assert!((0..3).all(|_| gate.admits(3, now)));
    assert!(!gate.admits(3, now + Duration::from_secs(299)));
    assert!(gate.admits(3, now + Duration::from_secs(300)));
}
