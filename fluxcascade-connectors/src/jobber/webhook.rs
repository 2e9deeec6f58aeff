//! Deliveries of Jobber's webhooks: signatures, and which record they are about.
//!
//! Facts are from "Setting up webhooks" in Jobber's documentation. A delivery has no time that is
//! signed but that of the event, which may be old when it is sent again.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fluxcascade_core::connector::{Delivery, DeliveryError, Notice, WebhookSource};
use fluxcascade_core::model::{ObjectType, RecordId};
use serde::Deserialize;

use crate::signature::{Secret, check_size, said};

const SIGNATURE: &str = "X-Jobber-Hmac-SHA256";

/// The object types of topics; of the other topics nothing is read.
const OBJECTS: [(&str, &str); 7] = [
    ("CLIENT", "clients"),
    ("PROPERTY", "properties"),
    ("REQUEST", "requests"),
    ("QUOTE", "quotes"),
    ("JOB", "jobs"),
    ("VISIT", "visits"),
    ("INVOICE", "invoices"),
];

/// The webhooks of an app.
#[derive(Debug)]
pub(super) struct Webhooks(pub(super) Secret);

impl Webhooks {
    fn check(&self, delivery: &Delivery<'_>) -> Result<(), DeliveryError> {
        check_size(delivery)?;
        let signature = delivery.header(SIGNATURE).ok_or(DeliveryError::NotSigned(SIGNATURE))?;
        let signature = STANDARD.decode(signature).map_err(|_| DeliveryError::Forged)?;
        let is_right = self.0.has_signed(&[delivery.body], &signature);
        if is_right { Ok(()) } else { Err(DeliveryError::Forged) }
    }
}

#[derive(Deserialize)]
struct Said {
    data: SaidData,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SaidData {
    web_hook_event: Event,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    topic: String,
    account_id: String,
    item_id: String,
}

impl WebhookSource for Webhooks {
    fn read(&self, delivery: &Delivery<'_>) -> Result<Vec<Notice>, DeliveryError> {
        self.check(delivery)?;
        let said: Said = said(delivery, "event of a webhook")?;
        let Event { topic, account_id: account, item_id } = said.data.web_hook_event;
        let (of, _) = topic.split_once('_').unwrap_or_default();
        let Some((_, object)) = OBJECTS.iter().find(|(topic, _)| *topic == of) else {
            return Ok(Vec::new());
        };
        let malformed = |what: &str| DeliveryError::Malformed(format!("the {what} is not one"));
        let object = ObjectType::new(*object).map_err(|_| malformed("topic"))?;
        let record = RecordId::new(item_id).map_err(|_| malformed("id of the item"))?;
        Ok(vec![Notice { account, object, record }])
    }
}

#[cfg(test)]
mod tests {
    use fluxcascade_core::model::Timestamp;
    use hmac::{Hmac, KeyInit, Mac};
    use secrecy::SecretString;
    use sha2::Sha256;

    use super::*;

    const SECRET: &str = "my app's OAuth client secret";

    fn read(body: &[u8], signature: Option<&str>) -> Result<Vec<Notice>, DeliveryError> {
        let webhooks = Webhooks(Secret::new(SecretString::from(SECRET.to_owned())));
        let headers: Vec<_> = signature.map(|text| (SIGNATURE, text)).into_iter().collect();
        let (method, url, received) = ("POST", "https://example.com/", Timestamp::from_secs(0));
        webhooks.read(&Delivery { method, url, headers: &headers, body, received })
    }

    fn signed(body: &str) -> Result<Vec<Notice>, DeliveryError> {
        let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
        mac.update(body.as_bytes());
        read(body.as_bytes(), Some(&STANDARD.encode(mac.finalize().into_bytes())))
    }

    fn event(topic: &str, item: &str, time: &str) -> String {
        format!(
            r#"{{"data":{{"webHookEvent":{{"topic":"{topic}","appId":"a","accountId":"acc","itemId":"{item}","{time}":"2021-08-12T16:31:36-06:00"}}}}}}"#
        )
    }

    /// The vector was computed apart from this code, over the body that the documentation prints.
    #[test]
    fn the_vector_is_right_and_every_other_signature_is_not() {
        let body = br#"{"data":{"webHookEvent":{"topic":"APP_CONNECT","appId":"id","accountId":"id","itemId":"id","occurredAt":"ISO8601DateTime"}}}"#;
        let signature = "+PXo5mRPCuHqX3CePBACS8afHQPY9rXzPlp9AG/a8BI=";
        assert_eq!(read(body, Some(signature)), Ok(Vec::new()));
        let changed = String::from_utf8_lossy(body).replace("APP_CONNECT", "APP_CONNECt");
        assert_eq!(read(changed.as_bytes(), Some(signature)), Err(DeliveryError::Forged));
        for wrong in ["", "+PXo5mRPCuHqX3CePBACS8afHQPY9rXzPlp9AG/a8BA=", "+PXo", "~"] {
            assert_eq!(read(body, Some(wrong)), Err(DeliveryError::Forged), "{wrong:?}");
        }
        assert_eq!(read(body, None), Err(DeliveryError::NotSigned(SIGNATURE)));
    }

    #[test]
    fn topics_of_objects_name_their_records_and_the_others_nothing() {
        let named = |topic: &str, time: &str| {
            let notices = signed(&event(topic, "Z2lk", time)).unwrap();
            notices.into_iter().map(|of| (of.account, of.object.to_string(), of.record.to_string()))
        };
        let of_client = ("acc".to_owned(), "clients".to_owned(), "Z2lk".to_owned());
        // Apps that were made before December 2023 get the time under a misspelt name.
        for time in ["occurredAt", "occuredAt"] {
            assert_eq!(named("CLIENT_UPDATE", time).next(), Some(of_client.clone()));
        }
        let objects = ["PROPERTY_CREATE", "JOB_CLOSED", "QUOTE_SENT", "VISIT_COMPLETE"]
            .map(|topic| named(topic, "occurredAt").next().unwrap().1);
        assert_eq!(objects, ["properties", "jobs", "quotes", "visits"]);
        for topic in ["APP_DISCONNECT", "PAYMENT_CREATE", "", "CLIENTS"] {
            assert_eq!(named(topic, "occurredAt").count(), 0, "{topic}");
        }
    }

    #[test]
    fn what_is_signed_and_cannot_be_read_is_told_without_its_text() {
        for body in
            ["", "[]", "{\"data\":{\"secret\":1}}", &event("CLIENT_UPDATE", "", "occurredAt")]
        {
            let error = signed(body).unwrap_err();
            assert_eq!(error.status(), 400);
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }
}
