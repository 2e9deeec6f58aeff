//! The host's endpoint for webhooks: what is really sent to it is passed on to the engine.

use std::sync::{Arc, Mutex};

use fluxcascade_core::clock::{Clock, ManualClock};
use fluxcascade_core::connector::{Delivery, SubscribeRequest};
use fluxcascade_core::model::{FieldName, ObjectType, Timestamp};
use fluxcascade_core::{Connector, Engine};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

pub(crate) struct Endpoint {
    server: MockServer,
    /// What has come and is not passed on yet, and when it came.
    came: Arc<Mutex<Vec<(Timestamp, Request)>>>,
    /// The records that deliveries were about.
    pub(crate) heard: usize,
}

impl Endpoint {
    pub(crate) async fn open(clock: &Arc<ManualClock>) -> Self {
        let came: Arc<Mutex<Vec<_>>> = Arc::default();
        let (into, clock) = (Arc::clone(&came), Arc::clone(clock));
        let take = move |request: &Request| {
            into.lock().unwrap().push((clock.now(), request.clone()));
            ResponseTemplate::new(200)
        };
        let server = MockServer::start().await;
        Mock::given(any()).respond_with(take).mount(&server).await;
        Self { server, came, heard: 0 }
    }

    fn url(&self, connection: &str) -> String {
        format!("{}/{connection}", self.server.uri())
    }

    /// A connection's system tells of this object type from now on.
    pub(crate) async fn listens_to(
        &self,
        connection: &str,
        connector: &Arc<dyn Connector>,
        object: &str,
        fields: &[&str],
    ) {
        let fields = fields.iter().map(|field| FieldName::new(*field).unwrap());
        let wanted = SubscribeRequest {
            object: ObjectType::new(object).unwrap(),
            fields: fields.collect(),
            url: self.url(connection),
        };
        let subscriptions = connector.extensions().subscriptions.unwrap();
        assert!(!subscriptions.subscribe(wanted).await.unwrap().is_empty());
    }

    /// Passes on what has come since.
    pub(crate) async fn pass_on(&mut self, engine: &Engine) {
        let came = std::mem::take(&mut *self.came.lock().unwrap());
        for (received, request) in came {
            let headers: Vec<(&str, &str)> = request
                .headers
                .iter()
                .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
                .collect();
            let connection = request.url.path().trim_start_matches('/');
            let url = self.url(connection);
            let (method, body) = ("POST", &request.body);
            let delivery = Delivery { method, url: &url, headers: &headers, body, received };
            self.heard += engine.webhook(connection, &delivery).await.unwrap().records;
        }
    }
}
