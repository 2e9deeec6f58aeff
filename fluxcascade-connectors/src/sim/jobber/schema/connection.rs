//! Connections as the schema has them. Which rows they have is `listing`'s.

use async_graphql::{OutputType, SimpleObject};

use super::custom::ConfigurationNode;
use super::object::{ClientNode, EmailNode, PhoneNode, PropertyNode, TagNode};
use super::work::{InvoiceNode, JobNode, QuoteNode, RequestNode, VisitNode};
use crate::sim::jobber::listing::Page;

#[derive(Debug, Clone, SimpleObject)]
pub(super) struct PageInfo {
    end_cursor: Option<String>,
    has_next_page: bool,
    has_previous_page: bool,
    start_cursor: Option<String>,
}

/// A page of rows, by row and by edge.
#[derive(Debug, SimpleObject)]
#[graphql(concrete(name = "ClientConnection", params(ClientNode)))]
#[graphql(concrete(name = "EmailConnection", params(EmailNode)))]
#[graphql(concrete(name = "ClientPhoneNumberConnection", params(PhoneNode)))]
#[graphql(concrete(name = "PropertyConnection", params(PropertyNode)))]
#[graphql(concrete(name = "TagConnection", params(TagNode)))]
#[graphql(concrete(name = "RequestConnection", params(RequestNode)))]
#[graphql(concrete(name = "QuoteConnection", params(QuoteNode)))]
#[graphql(concrete(name = "JobConnection", params(JobNode)))]
#[graphql(concrete(name = "VisitConnection", params(VisitNode)))]
#[graphql(concrete(name = "InvoiceConnection", params(InvoiceNode)))]
#[graphql(concrete(name = "CustomFieldConfigurationConnection", params(ConfigurationNode)))]
pub(super) struct Connection<T>
where
    T: OutputType,
    Edge<T>: OutputType,
{
    edges: Option<Vec<Edge<T>>>,
    nodes: Vec<T>,
    page_info: PageInfo,
    total_count: i32,
}

/// A row with its cursor.
#[derive(Debug, SimpleObject)]
#[graphql(concrete(name = "ClientEdge", params(ClientNode)))]
#[graphql(concrete(name = "EmailEdge", params(EmailNode)))]
#[graphql(concrete(name = "ClientPhoneNumberEdge", params(PhoneNode)))]
#[graphql(concrete(name = "PropertyEdge", params(PropertyNode)))]
#[graphql(concrete(name = "TagEdge", params(TagNode)))]
#[graphql(concrete(name = "RequestEdge", params(RequestNode)))]
#[graphql(concrete(name = "QuoteEdge", params(QuoteNode)))]
#[graphql(concrete(name = "JobEdge", params(JobNode)))]
#[graphql(concrete(name = "VisitEdge", params(VisitNode)))]
#[graphql(concrete(name = "InvoiceEdge", params(InvoiceNode)))]
#[graphql(concrete(name = "CustomFieldConfigurationEdge", params(ConfigurationNode)))]
pub(super) struct Edge<T: OutputType> {
    cursor: String,
    node: T,
}

impl<T> Connection<T>
where
    T: OutputType + Clone,
    Edge<T>: OutputType,
{
    /// Shows a page, each row as a node.
    pub(super) fn of<R>(page: Page<R>, node: impl Fn(R) -> T) -> Self {
        let page_info = PageInfo {
            end_cursor: page.rows.last().map(|(cursor, _)| cursor.clone()),
            has_next_page: page.has_next,
            has_previous_page: page.has_previous,
            start_cursor: page.rows.first().map(|(cursor, _)| cursor.clone()),
        };
        let rows = page.rows.into_iter();
        let edges: Vec<_> = rows.map(|(cursor, row)| Edge { cursor, node: node(row) }).collect();
        Self {
            nodes: edges.iter().map(|edge| edge.node.clone()).collect(),
            edges: Some(edges),
            page_info,
            total_count: i32::try_from(page.total).unwrap_or(i32::MAX),
        }
    }
}
