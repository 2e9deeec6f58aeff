//! The objects of the schema: how a stored client is shown.

#![expect(clippy::unused_async, reason = "async-graphql takes async resolvers only")]

use std::sync::Arc;

use async_graphql::{Context, Error, Object, Result, SimpleObject};

use super::account;
use super::connection::Connection;
use super::custom::{self, ValueNode};
use crate::sim::jobber::client::{
    ClientTitle, JobberAddress, JobberClient, JobberEmail, JobberPhone, JobberProperty, Kind,
    decode_id,
};
use crate::sim::jobber::custom::CustomFieldAppliesTo;
use crate::sim::jobber::input::{EmailFilterInput, EncodedId, Iso8601DateTime, PhoneFilterInput};
use crate::sim::jobber::listing::{self, Order, Place};

/// A client, as it was when it was read.
#[derive(Debug, Clone)]
pub(super) struct ClientNode(Arc<JobberClient>);

impl ClientNode {
    pub(super) fn of(client: &Arc<JobberClient>) -> Self {
        Self(Arc::clone(client))
    }
}

#[Object(name = "Client")]
impl ClientNode {
    async fn balance(&self) -> f64 {
        0.0
    }

    async fn billing_address(&self) -> Option<ClientAddress> {
        let name = self.0.name();
        self.0.billing_address.as_ref().map(|address| ClientAddress::of(address, name))
    }

    async fn billing_address_present(&self) -> bool {
        self.0.billing_address.is_some()
    }

    async fn client_properties(
        &self,
        ctx: &Context<'_>,
        after: Option<String>,
        before: Option<String>,
        first: Option<i32>,
        last: Option<i32>,
    ) -> Result<Connection<PropertyNode>> {
        let account = account(ctx)?;
        let rows = self.0.properties.iter().filter_map(|property| {
            let number = decode_id(Kind::Property, &property.id)?;
            Some((Place::made(number), PropertyNode::of(property, &self.0)))
        });
        let window = account.window(first, last, after, before);
        let page = listing::page(rows, Order::BY_ID, &window).map_err(Error::new)?;
        Ok(Connection::of(page, |node| node))
    }

    async fn company_name(&self) -> Option<&str> {
        self.0.company_name.as_deref()
    }

    async fn created_at(&self) -> Iso8601DateTime {
        Iso8601DateTime(self.0.created_at)
    }

    async fn custom_fields(&self, ctx: &Context<'_>) -> Result<Vec<ValueNode>> {
        custom::values(ctx, CustomFieldAppliesTo::AllClients, &self.0.custom_fields)
    }

    async fn default_emails(&self) -> Vec<&str> {
        let primary = self.0.emails.iter().filter(|email| email.primary);
        primary.map(|email| email.address.as_str()).collect()
    }

    async fn default_phones(&self) -> Vec<&str> {
        let primary = self.0.phones.iter().filter(|phone| phone.primary);
        primary.map(|phone| phone.number.as_str()).collect()
    }

    async fn email(&self) -> Option<&str> {
        self.0.primary_email().map(|email| email.address.as_str())
    }

    async fn emails(&self, filter: Option<EmailFilterInput>) -> Vec<EmailNode> {
        // Addresses belong to the client and not to a property of it.
        let of_properties = filter.and_then(|filter| filter.property_ids).is_some();
        let emails = self.0.emails.iter().filter(|_| !of_properties);
        emails.map(|email| EmailNode::of(email, &self.0)).collect()
    }

    async fn first_name(&self) -> &str {
        &self.0.first_name
    }

    async fn id(&self) -> EncodedId {
        EncodedId(self.0.id.clone())
    }

    async fn is_archivable(&self) -> bool {
        self.0.is_archivable()
    }

    async fn is_archived(&self) -> bool {
        self.0.is_archived
    }

    async fn is_company(&self) -> bool {
        self.0.is_company
    }

    async fn is_lead(&self) -> bool {
        self.0.is_lead
    }

    async fn jobber_web_uri(&self) -> String {
        let number = decode_id(Kind::Client, &self.0.id).unwrap_or_default();
        format!("https://secure.getjobber.com/clients/{number}")
    }

    async fn last_name(&self) -> &str {
        &self.0.last_name
    }

    async fn name(&self) -> String {
        self.0.name()
    }

    async fn phone(&self) -> Option<&str> {
        self.0.primary_phone().map(|phone| phone.number.as_str())
    }

    async fn phones(&self, filter: Option<PhoneFilterInput>) -> Vec<PhoneNode> {
        let of_properties = filter.and_then(|filter| filter.property_ids).is_some();
        let phones = self.0.phones.iter().filter(|_| !of_properties);
        phones.map(|phone| PhoneNode::of(phone, &self.0)).collect()
    }

    async fn receives_follow_ups(&self) -> bool {
        self.0.receives.follow_ups
    }

    async fn receives_invoice_follow_ups(&self) -> bool {
        self.0.receives.invoice_follow_ups
    }

    async fn receives_quote_follow_ups(&self) -> bool {
        self.0.receives.quote_follow_ups
    }

    async fn receives_reminders(&self) -> bool {
        self.0.receives.reminders
    }

    async fn receives_review_requests(&self) -> bool {
        self.0.receives.review_requests
    }

    async fn sample_data(&self) -> bool {
        false
    }

    async fn secondary_name(&self) -> Option<String> {
        self.0.secondary_name()
    }

    async fn tags(
        &self,
        ctx: &Context<'_>,
        after: Option<String>,
        before: Option<String>,
        first: Option<i32>,
        last: Option<i32>,
    ) -> Result<Connection<TagNode>> {
        let account = account(ctx)?;
        let state = account.state();
        let rows = self.0.tags.iter().filter_map(|label| {
            let id = state.tag_id(label);
            let place = Place::made(decode_id(Kind::Tag, &id)?);
            Some((place, TagNode { id: EncodedId(id), label: label.clone() }))
        });
        let window = account.window(first, last, after, before);
        let page = listing::page(rows, Order::BY_ID, &window).map_err(Error::new)?;
        Ok(Connection::of(page, |node| node))
    }

    async fn title(&self) -> Option<&str> {
        self.0.title.map(ClientTitle::shown)
    }

    async fn updated_at(&self) -> Iso8601DateTime {
        Iso8601DateTime(self.0.updated_at)
    }
}

/// An e-mail address, with the client that it belongs to.
#[derive(Debug, Clone)]
pub(super) struct EmailNode {
    email: JobberEmail,
    client: Arc<JobberClient>,
}

impl EmailNode {
    pub(super) fn of(email: &JobberEmail, client: &Arc<JobberClient>) -> Self {
        Self { email: email.clone(), client: Arc::clone(client) }
    }
}

#[Object(name = "Email")]
impl EmailNode {
    async fn address(&self) -> &str {
        &self.email.address
    }

    async fn client(&self) -> ClientNode {
        ClientNode::of(&self.client)
    }

    async fn description(&self) -> &str {
        &self.email.description
    }

    async fn id(&self) -> EncodedId {
        EncodedId(self.email.id.clone())
    }

    async fn primary(&self) -> bool {
        self.email.primary
    }
}

/// A phone number, with the client that it belongs to.
#[derive(Debug, Clone)]
pub(super) struct PhoneNode {
    phone: JobberPhone,
    client: Arc<JobberClient>,
}

impl PhoneNode {
    pub(super) fn of(phone: &JobberPhone, client: &Arc<JobberClient>) -> Self {
        Self { phone: phone.clone(), client: Arc::clone(client) }
    }
}

#[Object(name = "ClientPhoneNumber")]
impl PhoneNode {
    async fn client(&self) -> ClientNode {
        ClientNode::of(&self.client)
    }

    async fn description(&self) -> &str {
        &self.phone.description
    }

    async fn friendly(&self) -> &str {
        &self.phone.number
    }

    async fn id(&self) -> EncodedId {
        EncodedId(self.phone.id.clone())
    }

    async fn normalized_phone_number(&self) -> Option<String> {
        self.phone.normalized()
    }

    async fn number(&self) -> &str {
        &self.phone.number
    }

    async fn primary(&self) -> bool {
        self.phone.primary
    }

    async fn sms_allowed(&self) -> bool {
        self.phone.sms_allowed
    }
}

/// Where the bills go. Jobber has no address without its parts: one that is absent is empty.
#[derive(Debug, Clone, SimpleObject)]
pub(super) struct ClientAddress {
    city: String,
    country: String,
    latitude: String,
    longitude: String,
    name: Option<String>,
    postal_code: String,
    province: String,
    street: String,
    street1: String,
    street2: String,
}

impl ClientAddress {
    fn of(address: &JobberAddress, name: String) -> Self {
        Self {
            city: address.city.clone(),
            country: address.country.clone(),
            latitude: String::new(),
            longitude: String::new(),
            name: Some(name),
            postal_code: address.postal_code.clone(),
            province: address.province.clone(),
            street: address.street(),
            street1: address.street1.clone(),
            street2: address.street2.clone(),
        }
    }
}

/// A place of work, with the client that it belongs to.
#[derive(Debug, Clone)]
pub(super) struct PropertyNode {
    property: JobberProperty,
    client: Arc<JobberClient>,
}

impl PropertyNode {
    pub(super) fn of(property: &JobberProperty, client: &Arc<JobberClient>) -> Self {
        Self { property: property.clone(), client: Arc::clone(client) }
    }
}

#[Object(name = "Property")]
impl PropertyNode {
    async fn address(&self) -> PropertyAddress {
        PropertyAddress::of(&self.property)
    }

    async fn client(&self) -> Option<ClientNode> {
        Some(ClientNode::of(&self.client))
    }

    async fn custom_fields(&self, ctx: &Context<'_>) -> Result<Vec<ValueNode>> {
        custom::values(ctx, CustomFieldAppliesTo::AllProperties, &self.property.custom_fields)
    }

    async fn id(&self) -> EncodedId {
        EncodedId(self.property.id.clone())
    }

    async fn is_billing_address(&self) -> Option<bool> {
        Some(self.client.billing_address.as_ref() == Some(&self.property.address))
    }

    async fn jobber_web_uri(&self) -> String {
        let number = decode_id(Kind::Property, &self.property.id).unwrap_or_default();
        format!("https://secure.getjobber.com/properties/{number}")
    }

    async fn name(&self) -> Option<&str> {
        self.property.name.as_deref()
    }

    async fn routing_order(&self) -> Option<i32> {
        None
    }
}

/// Where a place of work is.
#[derive(Debug, Clone, SimpleObject)]
pub(super) struct PropertyAddress {
    city: Option<String>,
    country: Option<String>,
    id: EncodedId,
    name: Option<String>,
    postal_code: Option<String>,
    province: Option<String>,
    street: String,
    street1: Option<String>,
    street2: Option<String>,
}

impl PropertyAddress {
    fn of(property: &JobberProperty) -> Self {
        let address = &property.address;
        let part = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
        Self {
            city: part(&address.city),
            country: part(&address.country),
            id: EncodedId(property.id.clone()),
            name: property.name.clone(),
            postal_code: part(&address.postal_code),
            province: part(&address.province),
            street: address.street(),
            street1: part(&address.street1),
            street2: part(&address.street2),
        }
    }
}

/// A label of a client.
#[derive(Debug, Clone, SimpleObject)]
#[graphql(name = "Tag")]
pub(super) struct TagNode {
    pub(super) id: EncodedId,
    pub(super) label: String,
}
