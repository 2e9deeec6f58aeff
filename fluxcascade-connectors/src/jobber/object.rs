//! The object types of Jobber that this adapter knows: what each is called in the API, how its
//! changes are read, and which of its records can be put away. Their fields are in
//! [`super::fields`], the mutations that write them in [`super::mutation`].

use fluxcascade_core::connector::{ConnectorError, DeleteSignal, ErrorKind};
use fluxcascade_core::model::ObjectType;

/// An object type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Object {
    Clients,
    Properties,
    Requests,
    Jobs,
    Quotes,
    Visits,
    Invoices,
}

/// How an object's changes can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Feed {
    /// By a filter on a time and a sort by it, oldest first.
    Sorted,
    /// By a filter on `updatedAt`, in the order in which they were made: there is no sort by it.
    Filtered,
    /// By a sort alone, newest first: the read ends at the first row that is old enough.
    Newest,
    /// By no time of its own: through the clients that changed.
    OfClients,
}

/// How a record says that it was put away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Archive {
    /// It cannot be.
    Never,
    /// By this field, which is then true.
    Flag(&'static str),
    /// By this field, which is then `archived`.
    Status(&'static str),
}

impl Object {
    pub(super) const ALL: [Object; 7] = [
        Object::Clients,
        Object::Properties,
        Object::Requests,
        Object::Jobs,
        Object::Quotes,
        Object::Visits,
        Object::Invoices,
    ];

    /// The object of this name.
    ///
    /// # Errors
    /// If there is none.
    pub(super) fn named(object: &ObjectType) -> Result<Self, ConnectorError> {
        let named = Self::ALL.into_iter().find(|known| known.many() == object.as_str());
        named.ok_or_else(|| {
            let known: Vec<&str> = Self::ALL.into_iter().map(Self::many).collect();
            ConnectorError::new(
                ErrorKind::NotFound,
                format!("jobber has no object type {object} here: use {}", known.join(", ")),
            )
        })
    }

    /// Its name, which is also that of the query for a list of it.
    pub(super) fn many(self) -> &'static str {
        match self {
            Object::Clients => "clients",
            Object::Properties => "properties",
            Object::Requests => "requests",
            Object::Jobs => "jobs",
            Object::Quotes => "quotes",
            Object::Visits => "visits",
            Object::Invoices => "invoices",
        }
    }

    /// What one of them is called, which is also the query for one by its id.
    pub(super) fn one(self) -> &'static str {
        match self {
            Object::Clients => "client",
            Object::Properties => "property",
            Object::Requests => "request",
            Object::Jobs => "job",
            Object::Quotes => "quote",
            Object::Visits => "visit",
            Object::Invoices => "invoice",
        }
    }

    /// The type of the schema.
    pub(super) fn type_name(self) -> &'static str {
        match self {
            Object::Clients => "Client",
            Object::Properties => "Property",
            Object::Requests => "Request",
            Object::Jobs => "Job",
            Object::Quotes => "Quote",
            Object::Visits => "Visit",
            Object::Invoices => "Invoice",
        }
    }

    /// How its changes are read.
    pub(super) fn feed(self) -> Feed {
        match self {
            Object::Clients | Object::Visits | Object::Invoices => Feed::Sorted,
            Object::Requests | Object::Quotes => Feed::Filtered,
            Object::Jobs => Feed::Newest,
            Object::Properties => Feed::OfClients,
        }
    }

    /// The field by whose time its changes are read; none if it has no time.
    pub(super) fn time(self) -> Option<&'static str> {
        match self {
            Object::Clients
            | Object::Requests
            | Object::Jobs
            | Object::Quotes
            | Object::Invoices => Some("updatedAt"),
            Object::Visits => Some("createdAt"),
            Object::Properties => None,
        }
    }

    /// Whether its records say when they were last changed.
    pub(super) fn has_version(self) -> bool {
        match self {
            Object::Clients
            | Object::Requests
            | Object::Jobs
            | Object::Quotes
            | Object::Invoices => true,
            Object::Visits | Object::Properties => false,
        }
    }

    /// The input type of the list's filter.
    pub(super) fn filter_type(self) -> &'static str {
        match self {
            Object::Clients => "ClientFilterAttributes",
            Object::Properties => "PropertiesFilterAttributes",
            Object::Requests => "RequestFilterAttributes",
            Object::Jobs => "JobFilterAttributes",
            Object::Quotes => "QuoteFilterAttributes",
            Object::Visits => "VisitFilterAttributes",
            Object::Invoices => "InvoiceFilterAttributes",
        }
    }

    /// The list's argument for its order, where changes are read by one. Clients take one order, the
    /// others a list of them, for which one stands as well, in every version of the API.
    pub(super) fn sort(self) -> Option<&'static str> {
        match self {
            Object::Clients | Object::Invoices => {
                Some("sort: { key: UPDATED_AT, direction: ASCENDING }")
            }
            Object::Requests => Some("sort: { key: REQUESTED_AT, direction: ASCENDING }"),
            Object::Quotes | Object::Visits => {
                Some("sort: { key: CREATED_AT, direction: ASCENDING }")
            }
            Object::Jobs => Some("sort: { key: UPDATED_AT, direction: DESCENDING }"),
            Object::Properties => None,
        }
    }

    /// How its records say that they were put away. A closed job is `archived` too, in Jobber's
    /// words, and a quote that came to nothing; neither is gone.
    pub(super) fn archive(self) -> Archive {
        match self {
            Object::Clients => Archive::Flag("isArchived"),
            Object::Requests => Archive::Status("requestStatus"),
            Object::Properties
            | Object::Jobs
            | Object::Quotes
            | Object::Visits
            | Object::Invoices => Archive::Never,
        }
    }

    /// How a delete of it shows.
    pub(super) fn delete_signal(self) -> DeleteSignal {
        match self.archive() {
            Archive::Flag(_) | Archive::Status(_) => DeleteSignal::Flag,
            Archive::Never => DeleteSignal::Absence,
        }
    }

    /// Whether its records can be removed for good.
    pub(super) fn can_be_deleted(self) -> bool {
        match self {
            Object::Properties | Object::Visits => true,
            Object::Clients
            | Object::Requests
            | Object::Jobs
            | Object::Quotes
            | Object::Invoices => false,
        }
    }

    /// What custom fields must apply to, to be on it; none if it has none.
    pub(super) fn applies_to(self) -> Option<&'static str> {
        match self {
            Object::Clients => Some("ALL_CLIENTS"),
            Object::Properties => Some("ALL_PROPERTIES"),
            Object::Jobs => Some("ALL_JOBS"),
            Object::Quotes => Some("ALL_QUOTES"),
            Object::Invoices => Some("ALL_INVOICES"),
            Object::Requests | Object::Visits => None,
        }
    }

    /// What every read of it selects besides the id: what tells whether it was put away, and when
    /// it was changed.
    pub(super) fn always(self) -> impl Iterator<Item = &'static str> {
        let archived = match self.archive() {
            Archive::Flag(field) | Archive::Status(field) => Some(field),
            Archive::Never => None,
        };
        archived.into_iter().chain(self.time())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_type_that_is_not_known_is_answered_with_those_that_are() {
        let error = Object::named(&ObjectType::new("tasks").unwrap()).unwrap_err();
        assert_eq!(error.kind, ErrorKind::NotFound);
        assert!(error.message.contains("clients, properties, requests, jobs"), "{error}");
        for object in Object::ALL {
            assert_eq!(Object::named(&ObjectType::new(object.many()).unwrap()).unwrap(), object);
        }
    }

    #[test]
    fn no_updated_at_is_asked_of_what_has_none() {
        for object in Object::ALL {
            let asked = object.always().any(|field| field == "updatedAt");
            assert_eq!(asked, object.has_version(), "{object:?}");
        }
    }
}
