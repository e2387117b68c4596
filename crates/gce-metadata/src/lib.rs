//! Google Cloud's metadata server, by its documented protocol: plain HTTP on the link-local network, a header on both sides
//! so that no other web server is taken for it. Calls block; an async caller makes them on a thread of its own.

use std::time::Duration;

use serde::Deserialize;

/// Where the server is, unless `GCE_METADATA_HOST` says otherwise, as Google's clients have it.
const HOST: &str = "metadata.google.internal";
/// Its answers take milliseconds.
const TIMEOUT: Duration = Duration::from_secs(2);
const FLAVOR: &str = "Metadata-Flavor";
const GOOGLE: &str = "Google";

/// Is this a machine of Google Cloud, or was a server named?
pub fn is_on_google_cloud() -> bool {
    let product = std::fs::read_to_string("/sys/class/dmi/id/product_name").unwrap_or_default();
    product.trim() == "Google Compute Engine" || std::env::var_os("GCE_METADATA_HOST").is_some()
}

/// Why the server did not answer as it should.
#[derive(Debug, thiserror::Error)]
pub enum MetadataError {
    /// No connection, or an answer that breaks off.
    #[error("metadata server {0}: {1}")]
    Http(String, Box<ureq::Error>),
    /// Some other server answered.
    #[error("metadata server {0}: what answers there is not the metadata server")]
    Other(String),
    /// It answered something else than what was asked for.
    #[error("metadata server {0}: status {1}")]
    Status(String, u16),
    /// A token that cannot be understood.
    #[error("metadata server {0}: {1}")]
    Token(String, serde_json::Error),
}

/// An access token of the machine's service account.
#[derive(Clone, Deserialize)]
pub struct Token {
    /// The secret itself.
    pub access_token: String,
    /// How long it is good, seconds.
    pub expires_in: u64,
}

/// A client.
pub struct MetadataServer {
    host: String,
    agent: ureq::Agent,
}

impl MetadataServer {
    /// Of the server that the environment names, or the usual one.
    pub fn from_env() -> Self {
        let host = std::env::var("GCE_METADATA_HOST").unwrap_or_else(|_| HOST.to_owned());
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(TIMEOUT))
            .http_status_as_error(false)
            .proxy(None)
            .build()
            .into();
        Self { host, agent }
    }

    /// Its address.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// An entry, by its path under `computeMetadata/v1/`; `None` where the server has none.
    pub fn get(&self, path: &str) -> Result<Option<String>, MetadataError> {
        let failed = |e: ureq::Error| MetadataError::Http(self.host.clone(), Box::new(e));
        let url = format!("http://{}/computeMetadata/v1/{path}", self.host);
        let mut response = self.agent.get(&url).header(FLAVOR, GOOGLE).call().map_err(failed)?;
        let genuine = response.headers().get(FLAVOR).is_some_and(|value| value == GOOGLE);
        match response.status().as_u16() {
            200 if genuine => {
                Ok(Some(response.body_mut().read_to_string().map_err(failed)?.trim().to_owned()))
            }
            // Any web server may be behind that name; only the metadata server says what it is.
            200 => Err(MetadataError::Other(self.host.clone())),
            404 => Ok(None),
            status => Err(MetadataError::Status(self.host.clone(), status)),
        }
    }

    /// A token of the machine's service account.
    pub fn token(&self) -> Result<Token, MetadataError> {
        let path = "instance/service-accounts/default/token";
        let text = self.get(path)?.ok_or_else(|| MetadataError::Status(self.host.clone(), 404))?;
        serde_json::from_str(&text).map_err(|e| MetadataError::Token(self.host.clone(), e))
    }
}
