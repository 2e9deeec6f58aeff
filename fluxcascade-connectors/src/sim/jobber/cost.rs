//! What a query costs, the bucket that it is paid from, and the gate that counts requests.

use std::collections::HashMap;
use std::time::Duration;

use async_graphql::parser::types::{
    DocumentOperations, ExecutableDocument, Field, OperationDefinition, Selection, SelectionSet,
};
use async_graphql::{Name, Value, Variables};
use fluxcascade_core::Timestamp;

use super::listing::PAGE;

/// The schema's fields that are connections.
const CONNECTIONS: [&str; 12] = [
    "clients",
    "clientEmails",
    "clientPhones",
    "clientProperties",
    "tags",
    "properties",
    "requests",
    "quotes",
    "jobs",
    "visits",
    "invoices",
    "customFieldConfigurations",
];
/// Deeper selections are not priced: the schema refuses them.
const MAX_DEPTH: usize = 64;

/// What the operation may cost at most: one point a field; a connection's rows as often as its
/// page is long; `edges`, `nodes`, `node` and the connection itself nothing.
pub(super) fn requested(
    document: &ExecutableDocument,
    operation: Option<&str>,
    variables: &Variables,
) -> u64 {
    let Some(operation) = chosen(document, operation) else { return 0 };
    let mut pricing = Pricing { document, operation, variables, fragments: HashMap::new() };
    pricing.set(&operation.selection_set.node, 0).total()
}

/// Whether the operation asks for nothing but the schema.
pub(super) fn is_introspection(document: &ExecutableDocument, operation: Option<&str>) -> bool {
    let Some(operation) = chosen(document, operation) else { return false };
    let items = &operation.selection_set.node.items;
    items.iter().all(|item| match &item.node {
        Selection::Field(field) => field.node.name.node.starts_with("__"),
        Selection::FragmentSpread(_) | Selection::InlineFragment(_) => false,
    })
}

/// The operation that is asked for.
pub(super) fn chosen<'a>(
    document: &'a ExecutableDocument,
    name: Option<&str>,
) -> Option<&'a OperationDefinition> {
    match (&document.operations, name) {
        (DocumentOperations::Single(operation), _) => Some(&operation.node),
        (DocumentOperations::Multiple(all), Some(name)) => all.get(name).map(|one| &one.node),
        (DocumentOperations::Multiple(all), None) if all.len() == 1 => {
            all.values().next().map(|one| &one.node)
        }
        (DocumentOperations::Multiple(_), None) => None,
    }
}

/// The price of a selection: what is paid for each row of a connection, and the rest.
#[derive(Debug, Clone, Copy, Default)]
struct Price {
    rows: u64,
    rest: u64,
}

impl Price {
    fn total(self) -> u64 {
        self.rows.saturating_add(self.rest)
    }

    fn plus(self, other: Price) -> Price {
        Price {
            rows: self.rows.saturating_add(other.rows),
            rest: self.rest.saturating_add(other.rest),
        }
    }
}

struct Pricing<'a> {
    document: &'a ExecutableDocument,
    operation: &'a OperationDefinition,
    variables: &'a Variables,
    /// Each fragment is priced once; one that is being priced is worth nothing to itself.
    fragments: HashMap<&'a str, Price>,
}

impl<'a> Pricing<'a> {
    fn set(&mut self, set: &'a SelectionSet, depth: usize) -> Price {
        if depth > MAX_DEPTH {
            return Price::default();
        }
        let prices = set.items.iter().map(|item| match &item.node {
            Selection::Field(field) => self.field(&field.node, depth),
            Selection::InlineFragment(part) => self.set(&part.node.selection_set.node, depth + 1),
            Selection::FragmentSpread(spread) => {
                self.fragment(&spread.node.fragment_name.node, depth)
            }
        });
        prices.fold(Price::default(), Price::plus)
    }

    fn field(&mut self, field: &'a Field, depth: usize) -> Price {
        let inner = self.set(&field.selection_set.node, depth + 1);
        let name = field.name.node.as_str();
        match name {
            "edges" | "nodes" => Price { rows: inner.total(), rest: 0 },
            "node" => Price { rows: 0, rest: inner.total() },
            _ if CONNECTIONS.contains(&name) && !field.selection_set.node.items.is_empty() => {
                let rest = inner.rows.saturating_mul(self.page(field)).saturating_add(inner.rest);
                Price { rows: 0, rest }
            }
            _ => Price { rows: 0, rest: inner.total().saturating_add(1) },
        }
    }

    fn fragment(&mut self, name: &'a Name, depth: usize) -> Price {
        if let Some(price) = self.fragments.get(name.as_str()) {
            return *price;
        }
        let Some(fragment) = self.document.fragments.get(name) else { return Price::default() };
        self.fragments.insert(name, Price::default());
        let price = self.set(&fragment.node.selection_set.node, depth + 1);
        self.fragments.insert(name, price);
        price
    }

    /// How many rows the connection may have.
    fn page(&self, field: &Field) -> u64 {
        let asked = ["first", "last"].iter().filter_map(|name| self.argument(field, name));
        let limit = PAGE as u64;
        asked.max().map_or(limit, |asked| asked.min(limit))
    }

    fn argument(&self, field: &Field, name: &str) -> Option<u64> {
        let value = &field.get_argument(name)?.node;
        let number = value.clone().into_const_with(|name| self.variable(&name).ok_or(())).ok()?;
        serde_json::to_value(number).ok()?.as_u64()
    }

    fn variable(&self, name: &Name) -> Option<Value> {
        let given = self.variables.get(name).cloned();
        let definitions = &self.operation.variable_definitions;
        let default = || {
            let of_name = definitions.iter().find(|one| one.node.name.node == *name);
            of_name.and_then(|one| one.node.default_value().cloned())
        };
        given.or_else(default)
    }
}

/// What an answer did cost: one point a field that is in it, but for `edges`, `nodes`, `node`. A
/// plain list costs as much as its richest entry, so that it never costs more than was requested.
pub(super) fn actual(data: &Value) -> u64 {
    match data {
        Value::Object(fields) => fields.iter().map(|(name, value)| field(name, value)).sum(),
        Value::List(entries) => entries.iter().map(actual).max().unwrap_or(0),
        Value::Null
        | Value::Number(_)
        | Value::String(_)
        | Value::Boolean(_)
        | Value::Binary(_)
        | Value::Enum(_) => 0,
    }
}

fn field(name: &Name, value: &Value) -> u64 {
    match (name.as_str(), value) {
        ("edges" | "nodes", Value::List(rows)) => rows.iter().map(actual).sum(),
        ("node" | "edges" | "nodes", _) => actual(value),
        (name, _) if CONNECTIONS.contains(&name) => actual(value),
        (_, _) => actual(value).saturating_add(1),
    }
}

/// Points that are spent by queries and come back with time.
#[derive(Debug, Clone)]
pub(super) struct Bucket {
    maximum: u64,
    restore_rate: u64,
    /// In millionths of a point, so that no time is too short to restore something.
    available: u64,
    at: Option<Timestamp>,
}

const POINT: u64 = 1_000_000;

impl Bucket {
    /// A full bucket that gets so many points a second.
    pub(super) fn full(maximum: u64, restore_rate: u64) -> Self {
        Self { maximum, restore_rate, available: maximum.saturating_mul(POINT), at: None }
    }

    /// Spends points, if there are so many.
    pub(super) fn spend(&mut self, points: u64, now: Timestamp) -> Spent {
        self.restore(now);
        match self.available.checked_sub(points.saturating_mul(POINT)) {
            Some(left) => {
                self.available = left;
                Spent::Yes
            }
            None => Spent::No,
        }
    }

    /// Gives points back that were not needed.
    pub(super) fn refund(&mut self, points: u64) {
        self.add(points.saturating_mul(POINT));
    }

    /// The whole points that are there now.
    pub(super) fn available(&mut self, now: Timestamp) -> u64 {
        self.restore(now);
        self.available / POINT
    }

    pub(super) fn maximum(&self) -> u64 {
        self.maximum
    }

    pub(super) fn restore_rate(&self) -> u64 {
        self.restore_rate
    }

    fn restore(&mut self, now: Timestamp) {
        let elapsed = now.since(self.at.unwrap_or(now)).as_micros();
        let micros = u64::try_from(elapsed).unwrap_or(u64::MAX);
        self.add(micros.saturating_mul(self.restore_rate));
        self.at = Some(now);
    }

    fn add(&mut self, micro_points: u64) {
        let full = self.maximum.saturating_mul(POINT);
        self.available = self.available.saturating_add(micro_points).min(full);
    }
}

/// Whether points were spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spent {
    Yes,
    No,
}

/// Counts requests in windows of five minutes of the clock, whatever they cost.
#[derive(Debug, Default)]
pub(super) struct Gate {
    window: i64,
    requests: u32,
}

/// How long the gate's windows are.
const WINDOW: Duration = Duration::from_secs(300);

impl Gate {
    /// Counts a request; whether it is one of the first `limit` of its window.
    pub(super) fn admits(&mut self, limit: u32, now: Timestamp) -> bool {
        let window = now.floor_to(WINDOW).micros();
        if window != self.window {
            *self = Self { window, requests: 0 };
        }
        self.requests = self.requests.saturating_add(1);
        self.requests <= limit
    }
}

#[cfg(test)]
mod tests;
