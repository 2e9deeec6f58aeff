//! Posting to an endpoint on this machine: what the simulators send their webhooks with. No adapter uses
//! it.

use std::time::Duration;

use reqwest::{Url, redirect};

use super::host::install_tls;
use super::settings::is_loopback;

/// Posts to endpoints on this machine, and to no other.
#[derive(Debug, Clone)]
pub(crate) struct Poster(reqwest::Client);

impl Poster {
    /// With a limit on the time that an endpoint may take.
    pub(crate) fn new(timeout: Duration) -> Result<Self, String> {
        install_tls();
        let client = reqwest::Client::builder()
            .timeout(timeout)
            .redirect(redirect::Policy::none())
            .referer(false)
            .no_proxy()
            .build()
            .map_err(|_| "no HTTP client could be set up on this machine".to_owned())?;
        Ok(Self(client))
    }

    /// The status that the endpoint answers with; none if it gives no answer.
    pub(crate) async fn post(
        &self,
        url: &str,
        headers: &[(&'static str, String)],
        body: Vec<u8>,
    ) -> Option<u16> {
        let url = Url::parse(url).ok().filter(|url| url.host_str().is_some_and(is_loopback))?;
        let mut request = self.0.post(url).body(body);
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        request.send().await.ok().map(|response| response.status().as_u16())
    }
}
