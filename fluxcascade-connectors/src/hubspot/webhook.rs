//! Deliveries of HubSpot's webhooks: signatures, and which records they are about.
//!
//! Facts are from "Validating requests" and "Webhooks API" in HubSpot's documentation, and from payloads
//! that others have published: real ones name the type `subscriptionType` where examples say `eventType`,
//! and ids are numbers.
//!
//! The third way of signing has a time, and a delivery is taken for five minutes from it. The first and the
//! second have none: whoever got hold of a delivery could send it again for ever, also one that was signed in
//! the third way, too, with that header left out. So what they sign must say for itself when it happened,
//! and is taken for as long as HubSpot goes on sending it. Sent again within that time it is a reason to
//! read a record once more, and nothing else.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fluxcascade_core::connector::{Delivery, DeliveryError, Notice, WebhookSource};
use fluxcascade_core::model::{ObjectType, RecordId, Timestamp};
use serde::Deserialize;

use super::catalog::Names;
use super::convert::id_of_number;
use super::wire::Id;
use crate::signature::{Secret, check_age, check_size, said};

/// How old a delivery with a time may be; of HubSpot's documentation.
const OLDEST: Duration = Duration::from_secs(5 * 60);

/// How long ago the events of a delivery without a time may have been: HubSpot tries for a day, and some
/// deliveries come late on their last attempt.
const OLDEST_EVENT: Duration = Duration::from_secs(25 * 3600);

const V3: &str = "X-HubSpot-Signature-v3";
const TIME: &str = "X-HubSpot-Request-Timestamp";
const V1: &str = "X-HubSpot-Signature";
const VERSION: &str = "X-HubSpot-Signature-Version";

/// What HubSpot decodes of an address before it signs it, and nothing else of it.
const DECODED: [(&str, &str); 12] = [
    ("%3A", ":"),
    ("%2F", "/"),
    ("%3F", "?"),
    ("%40", "@"),
    ("%21", "!"),
    ("%24", "$"),
    ("%27", "'"),
    ("%28", "("),
    ("%29", ")"),
    ("%2A", "*"),
    ("%2C", ","),
    ("%3B", ";"),
];

/// The webhooks of an app.
#[derive(Debug)]
pub(super) struct Webhooks {
    pub(super) secret: Secret,
    /// What the host calls custom objects, as far as they were asked for.
    pub(super) names: Arc<Names>,
}

impl Webhooks {
    /// HubSpot signs CRM events in the first and in the third way at once. The third one has a time, so
    /// that it counts where it is there.
    fn check(&self, delivery: &Delivery<'_>) -> Result<Timed, DeliveryError> {
        check_size(delivery)?;
        let mut timed = Timed::BySignature;
        let is_right = if let Some(signature) = delivery.header(V3) {
            self.check_third(delivery, signature)?
        } else {
            timed = Timed::ByItsEvents;
            let signature = delivery.header(V1).ok_or(DeliveryError::NotSigned(V3))?;
            let parts: &[&[u8]] = match delivery.header(VERSION) {
                Some("v2") => &[delivery.method.as_bytes(), delivery.url.as_bytes(), delivery.body],
                Some(_) | None => &[delivery.body],
            };
            self.secret.has_hashed(parts, signature)
        };
        if is_right { Ok(timed) } else { Err(DeliveryError::Forged) }
    }

    fn check_third(&self, delivery: &Delivery<'_>, signature: &str) -> Result<bool, DeliveryError> {
        let time = delivery.header(TIME).ok_or(DeliveryError::NotSigned(TIME))?;
        let millis = time.parse().map_err(|_| DeliveryError::NotSigned(TIME))?;
        let signed = Timestamp::from_millis(millis);
        check_age(delivery, signed, OLDEST)?;
        let Ok(signature) = STANDARD.decode(signature) else { return Ok(false) };
        let decoded = decoded(delivery.url);
        // Its own client decodes nothing of the address, its documentation does.
        let is_over = |url: &str| {
            let method = delivery.method.as_bytes();
            let parts = [method, url.as_bytes(), delivery.body, time.as_bytes()];
            self.secret.has_signed(&parts, &signature)
        };
        Ok(is_over(&decoded) || is_over(delivery.url))
    }
}

/// What says of a delivery when it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Timed {
    /// What is signed with it; it was looked at.
    BySignature,
    /// Each of its events.
    ByItsEvents,
}

fn decoded(url: &str) -> String {
    DECODED.iter().fold(url.to_owned(), |url, (from, to)| url.replace(from, to))
}

impl WebhookSource for Webhooks {
    fn read(&self, delivery: &Delivery<'_>) -> Result<Vec<Notice>, DeliveryError> {
        let timed = self.check(delivery)?;
        let events: Vec<Event> = said(delivery, "list of events")?;
        if timed == Timed::ByItsEvents {
            for event in &events {
                event.check_age(delivery)?;
            }
        }
        let mut notices: BTreeSet<Notice> = events.iter().flat_map(Event::notices).collect();
        // A host may call a custom object by its name.
        let renamed = |notice: &Notice| {
            let object = self.names.of(notice.object.as_str())?;
            Some(Notice { object, ..notice.clone() })
        };
        let more: Vec<Notice> = notices.iter().filter_map(renamed).collect();
        notices.extend(more);
        Ok(notices.into_iter().collect())
    }
}

/// An event, as far as it is read. Everything but its account may be missing, or be for others.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    portal_id: Id,
    occurred_at: Option<i64>,
    #[serde(alias = "eventType")]
    subscription_type: Option<String>,
    object_type_id: Option<String>,
    object_id: Option<Id>,
    primary_object_id: Option<Id>,
    #[serde(default)]
    merged_object_ids: Vec<Id>,
    new_object_id: Option<Id>,
    association_type: Option<String>,
    from_object_id: Option<Id>,
    to_object_id: Option<Id>,
    from_object_type_id: Option<String>,
    to_object_type_id: Option<String>,
}

impl Event {
    /// Refuses an event that HubSpot would not send any more, or that says nothing of its time.
    fn check_age(&self, delivery: &Delivery<'_>) -> Result<(), DeliveryError> {
        let occurred = self.occurred_at.ok_or_else(|| {
            DeliveryError::Malformed(
                "an event that is signed without a time has no occurredAt".into(),
            )
        })?;
        let occurred = Timestamp::from_millis(occurred);
        let most = if occurred > delivery.received { OLDEST } else { OLDEST_EVENT };
        check_age(delivery, occurred, most)
    }

    /// The records that it is about. A merge is about all of its records: which of them is left is read.
    fn notices(&self) -> Vec<Notice> {
        let mut found: Vec<(Option<ObjectType>, &Id)> = Vec::new();
        let merged = self.primary_object_id.iter().chain(&self.merged_object_ids);
        let own = self.object_id.iter().chain(merged).chain(&self.new_object_id);
        found.extend(own.map(|id| (self.object(), id)));
        // CONTACT_TO_COMPANY: either one's references changed.
        let ends = self.association_type.as_deref().and_then(|text| text.split_once("_TO_"));
        let (from, to) = ends.unwrap_or_default();
        let end = |number: &Option<String>, name: &str| match number {
            Some(number) => numbered(number),
            None => plural(name),
        };
        found.extend(
            self.from_object_id.iter().map(|id| (end(&self.from_object_type_id, from), id)),
        );
        found.extend(self.to_object_id.iter().map(|id| (end(&self.to_object_type_id, to), id)));
        let account = super::convert::id_text(&self.portal_id);
        let notice = |(object, id): (Option<ObjectType>, &Id)| {
            Some(Notice { account: account.clone(), object: object?, record: record(id)? })
        };
        found.into_iter().filter_map(notice).collect()
    }

    /// The object type of `contact.creation`, or of `object.creation` with a type of its own.
    fn object(&self) -> Option<ObjectType> {
        let (object, _) = self.subscription_type.as_deref()?.split_once('.')?;
        match object {
            "object" => numbered(self.object_type_id.as_deref()?),
            named => plural(named),
        }
    }
}

/// The names of the object types that have numbers in every account.
const FIXED: [(&str, &str); 6] = [
    ("0-1", "contacts"),
    ("0-2", "companies"),
    ("0-3", "deals"),
    ("0-5", "tickets"),
    ("0-27", "tasks"),
    ("0-46", "notes"),
];

/// The object type of a number.
fn numbered(id: &str) -> Option<ObjectType> {
    let fixed = FIXED.iter().find(|(fixed, _)| *fixed == id);
    ObjectType::new(fixed.map_or(id, |(_, name)| *name)).ok()
}

/// An object type as paths name it.
fn plural(singular: &str) -> Option<ObjectType> {
    if singular.is_empty() {
        return None;
    }
    let singular = singular.to_ascii_lowercase();
    let plural = match singular.strip_suffix('y') {
        Some(stem) => format!("{stem}ies"),
        None => format!("{singular}s"),
    };
    ObjectType::new(plural).ok()
}

fn record(id: &Id) -> Option<RecordId> {
    match id {
        Id::Number(number) => id_of_number(*number),
        Id::Text(text) => text.parse().ok().and_then(id_of_number),
    }
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;
    use sha2::{Digest, Sha256};

    use super::*;

    /// The secret of HubSpot's own vectors.
    const SECRET: &str = "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy";
    const URL: &str = "https://www.example.com/webhook_uri";
    const SIGNED_AT: i64 = 1_700_000_000_000;

    fn webhooks() -> Webhooks {
        let secret = Secret::new(SecretString::from(SECRET.to_owned()));
        Webhooks { secret, names: Arc::default() }
    }

    fn delivery<'a>(
        method: &'a str,
        headers: &'a [(&'a str, &'a str)],
        body: &'a [u8],
    ) -> Delivery<'a> {
        let received = Timestamp::from_millis(SIGNED_AT + 1_000);
        Delivery { method, url: URL, headers, body, received }
    }

    const CREATION: &str = r#"[{"eventId":1,"subscriptionId":12345,"portalId":62515,"occurredAt":1564113600000,"subscriptionType":"contact.creation","attemptNumber":0,"objectId":123,"changeSource":"CRM","changeFlag":"NEW","appId":54321}]"#;

    const FIRST: &str = "232db2615f3d666fe21a8ec971ac7b5402d33b9a925784df3ca654d05f4817de";
    const OCCURRED_AT: i64 = 1_564_113_600_000;

    /// The first vector, so many seconds after its event.
    fn first_way<'a>(headers: &'a [(&'a str, &'a str)], seconds: i64) -> Delivery<'a> {
        let received = Timestamp::from_millis(OCCURRED_AT + seconds * 1_000);
        Delivery { received, ..delivery("POST", headers, CREATION.as_bytes()) }
    }

    /// HubSpot's documentation, "Validating requests".
    #[test]
    fn the_vectors_of_the_first_and_the_second_way_are_right() {
        let headers = [(V1, FIRST), (VERSION, "v1")];
        let read = webhooks().read(&first_way(&headers, 1)).unwrap();
        assert_eq!(read, [notice("62515", "contacts", "123")]);
        let second = "9569219f8ba981ffa6f6f16aa0f48637d35d728c7e4d93d0d52efaa512af7900";
        let headers = [(V1, second), (VERSION, "v2")];
        let body = br#"{"example_field":"example_value"}"#;
        webhooks().check(&delivery("POST", &headers, body)).unwrap();
        let get = "eee2dddcc73c94d699f5e395f4b9d454a069a6855fbfa152e91e88823087200e";
        webhooks().check(&delivery("GET", &[(V1, get), (VERSION, "v2")], b"")).unwrap();
    }

    #[test]
    fn what_is_signed_without_a_time_is_taken_only_while_its_events_are_young() {
        const HOUR: i64 = 3600;
        let headers = [(V1, FIRST)];
        for taken in [-300, 0, 24 * HOUR, 25 * HOUR] {
            assert_eq!(webhooks().read(&first_way(&headers, taken)).unwrap().len(), 1, "{taken}");
        }
        for refused in [-301, 26 * HOUR, 365 * 24 * HOUR] {
            let error = webhooks().read(&first_way(&headers, refused)).unwrap_err();
            assert_eq!(error, DeliveryError::OutOfTime(refused.unsigned_abs()));
            assert_eq!(error.status(), 401);
        }
        // Nothing says how old it is.
        let body = br#"[{"portalId":7,"subscriptionType":"contact.creation","objectId":1}]"#;
        let hash = Sha256::digest([SECRET.as_bytes(), body].concat());
        let hash: String =
            hash.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
        let error = webhooks().read(&delivery("POST", &[(V1, &hash)], body)).unwrap_err();
        assert!(matches!(error, DeliveryError::Malformed(_)), "{error}");
    }

    const THIRD: &str = "rQEKkaNUiu+1qGF//O/pw4BCzstSqO1PyUnGICmf+7o=";
    const BODY: &[u8] = br#"{"example_field":"example_value"}"#;

    #[test]
    fn the_third_way_is_over_the_address_and_the_time() {
        let headers = [("x-hubspot-signature-v3", THIRD), (TIME, "1700000000000")];
        let right = delivery("POST", &headers, BODY);
        webhooks().check(&right).unwrap();
        let wrong = [
            Delivery { method: "PUT", ..right },
            Delivery { url: "https://www.example.com/webhook_url", ..right },
            Delivery { body: br#"{"example_field":"example_valuE"}"#, ..right },
        ];
        for delivery in wrong {
            assert_eq!(webhooks().check(&delivery), Err(DeliveryError::Forged));
        }
        let late = Delivery { received: Timestamp::from_millis(SIGNED_AT + 300_001), ..right };
        assert_eq!(webhooks().check(&late), Err(DeliveryError::OutOfTime(300)));
        let early = Delivery { received: Timestamp::from_millis(SIGNED_AT - 300_001), ..right };
        assert_eq!(webhooks().check(&early), Err(DeliveryError::OutOfTime(300)));
        let without = [(V3, THIRD)];
        let untimed = delivery("POST", &without, BODY);
        assert_eq!(webhooks().check(&untimed), Err(DeliveryError::NotSigned(TIME)));
    }

    /// A signature of another way does not help one that is not right.
    #[test]
    fn a_wrong_signature_is_not_made_up_for_by_another_way() {
        let first = FIRST;
        let headers = [(V3, THIRD), (TIME, "1700000000000"), (V1, first)];
        let both = delivery("POST", &headers, CREATION.as_bytes());
        assert_eq!(webhooks().read(&both), Err(DeliveryError::Forged));
        for wrong in ["", "zz", &first[..63], &format!("{first}0"), "é".repeat(32).as_str()] {
            let headers = [(V1, wrong)];
            let delivery = delivery("POST", &headers, CREATION.as_bytes());
            assert_eq!(webhooks().read(&delivery), Err(DeliveryError::Forged), "{wrong:?}");
        }
        let unsigned = delivery("POST", &[], CREATION.as_bytes());
        assert_eq!(webhooks().read(&unsigned), Err(DeliveryError::NotSigned(V3)));
    }

    #[test]
    fn what_is_larger_than_anything_that_is_sent_is_not_looked_at() {
        let body = vec![b' '; crate::signature::LARGEST + 1];
        let found = webhooks().read(&delivery("POST", &[], &body)).unwrap_err();
        assert_eq!(found.status(), 413);
    }

    #[test]
    fn only_what_hubspot_decodes_of_an_address_is_decoded() {
        let url = "https://example.com/a%2Fb?x=%40%20%26%3D%C3%28";
        assert_eq!(decoded(url), "https://example.com/a/b?x=@%20%26%3D%C3(");
    }

    fn notice(account: &str, object: &str, record: &str) -> Notice {
        Notice {
            account: account.to_owned(),
            object: ObjectType::new(object).unwrap(),
            record: RecordId::new(record).unwrap(),
        }
    }

    fn notices(body: &str) -> Vec<Notice> {
        let events: Vec<Event> = serde_json::from_str(body).unwrap();
        events.iter().flat_map(Event::notices).collect()
    }

    #[test]
    fn each_sort_of_event_names_the_records_that_it_is_about() {
        // The type under its other name, and one that is named by its number.
        let body = r#"[{"portalId":"7","eventType":"company.propertyChange","objectId":"5"},
            {"portalId":7,"subscriptionType":"object.deletion","objectId":6,"objectTypeId":"0-1"},
            {"portalId":7,"subscriptionType":"object.creation","objectId":8,"objectTypeId":"2-99"}]"#;
        let expected =
            [notice("7", "companies", "5"), notice("7", "contacts", "6"), notice("7", "2-99", "8")];
        assert_eq!(notices(body), expected);
        let merge = r#"[{"portalId":7,"subscriptionType":"contact.merge","objectId":1,
            "primaryObjectId":1,"mergedObjectIds":[2,3],"newObjectId":4}]"#;
        let named: BTreeSet<_> = notices(merge).into_iter().map(|of| of.record).collect();
        assert_eq!(named.iter().map(RecordId::as_str).collect::<Vec<_>>(), ["1", "2", "3", "4"]);
        let tied = r#"[{"portalId":7,"subscriptionType":"contact.associationChange",
            "associationType":"CONTACT_TO_COMPANY","fromObjectId":1,"toObjectId":2}]"#;
        assert_eq!(notices(tied), [notice("7", "contacts", "1"), notice("7", "companies", "2")]);
        // Nothing that can be read, of accounts that are nobody's.
        let odd = r#"[{"portalId":7,"subscriptionType":"contact"},{"portalId":7,"objectId":1},
            {"portalId":7,"subscriptionType":"contact.creation","objectId":"x"}]"#;
        assert_eq!(notices(odd), []);
    }
}
