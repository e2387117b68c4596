//! Where the collectors are, and how a connection to one is made.

use std::{
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use proto::ingest::ingest_service_client::IngestServiceClient;
use tokio::fs;
use tonic::{
    codec::CompressionEncoding,
    metadata::{MetadataMap, MetadataValue},
    transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity},
};

use cause::chain;

/// Largest message in either direction.
const MESSAGE_BYTES: usize = 16 * 1024 * 1024;

/// How collectors prove who they are, and how this sensor does. Files are read anew for every connection, so that a
/// certificate or token that was renewed is used without a restart.
#[derive(Clone, Debug, Default)]
pub struct Tls {
    /// Certificates of authorities to trust, instead of the system's.
    pub authority: Option<PathBuf>,
    /// This sensor's certificate and its key.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// Name that the collector's certificate must bear, instead of the address's.
    pub server_name: Option<String>,
    /// A token that says on which node this is. It is sent only over TLS.
    pub token: Option<PathBuf>,
}

/// One or more collectors; the next is tried when one fails.
#[derive(Clone, Debug)]
pub struct Endpoints {
    uris: Vec<String>,
    tls: Tls,
    current: usize,
}

impl Endpoints {
    /// Collectors such as `https://collector.example:7600`; `http` is without encryption. `None` when there are none.
    pub fn new(uris: Vec<String>, tls: Tls) -> Option<Self> {
        (!uris.is_empty()).then(|| {
            let mut endpoints = Self { uris, tls, current: 0 };
            endpoints.choose();
            endpoints
        })
    }

    /// The collector in use.
    pub(super) fn uri(&self) -> &str {
        &self.uris[self.current]
    }

    /// Goes on with any of them, so that all have about as many sensors.
    pub(super) fn choose(&mut self) {
        self.current = fastrand::usize(..self.uris.len());
    }

    /// Goes on with any other: if all took the same, that one would have the sensors of two.
    pub(super) fn avoid(&mut self) {
        let others = self.uris.len() - 1;
        if others > 0 {
            self.current = (self.current + 1 + fastrand::usize(..others)) % self.uris.len();
        }
    }

    /// Connects; an error says what is wrong and what to do about it.
    pub(super) async fn connect(&self) -> Result<IngestServiceClient<Channel>, String> {
        let uri = self.uri();
        let mut endpoint = Endpoint::from_shared(uri.to_owned())
            .map_err(|e| format!("not a usable address: {e}"))?
            .connect_timeout(Duration::from_secs(5))
            .http2_keep_alive_interval(Duration::from_secs(20))
            .keep_alive_timeout(Duration::from_secs(10))
            .keep_alive_while_idle(true)
            .tcp_nodelay(true);
        if uri.starts_with("https:") {
            let config = self.tls.config().await?;
            // Reads the certificates that the system trusts.
            endpoint = tokio::task::spawn_blocking(move || endpoint.tls_config(config))
                .await
                .map_err(|e| chain(&e))?
                .map_err(|e| chain(&e))?;
        }
        let channel = endpoint.connect().await.map_err(|e| remedied(chain(&e)))?;
        Ok(IngestServiceClient::new(channel)
            .max_decoding_message_size(MESSAGE_BYTES)
            .max_encoding_message_size(MESSAGE_BYTES)
            .send_compressed(CompressionEncoding::Gzip)
            .accept_compressed(CompressionEncoding::Gzip))
    }

    /// Why a stream was refused, with what to do about it. A collector that wants a certificate says so after the handshake, and
    /// the connection may be gone before that is read.
    pub(super) fn refused(&self, said: String) -> String {
        let anonymous = self.uri().starts_with("https:") && self.tls.identity.is_none();
        if anonymous && said.contains("connection closed") {
            return format!(
                "if the collector asks for a certificate, give one with --tls-cert and --tls-key; it closed the connection ({said})"
            );
        }
        said
    }

    /// What goes with the request for a stream: the token, if there is one.
    pub(super) async fn headers(&self) -> Result<MetadataMap, String> {
        let mut headers = MetadataMap::new();
        if let Some(path) = self.tls.token.as_ref().filter(|_| self.uri().starts_with("https:")) {
            let bytes = read(path).await?;
            let token = String::from_utf8_lossy(&bytes);
            let mut value = MetadataValue::try_from(format!("Bearer {}", token.trim()))
                .map_err(|_| format!("{} holds no token", path.display()))?;
            value.set_sensitive(true);
            headers.insert("authorization", value);
        }
        Ok(headers)
    }

    /// When the files of the sensor's identity and of the authorities were last written.
    pub(super) async fn renewed(&self) -> Vec<Option<SystemTime>> {
        let identity = self.tls.identity.iter().flat_map(|(certificate, key)| [certificate, key]);
        let mut times = Vec::new();
        for path in self.tls.authority.iter().chain(identity).chain(&self.tls.token) {
            times.push(fs::metadata(path).await.and_then(|m| m.modified()).ok());
        }
        times
    }
}

impl Tls {
    async fn config(&self) -> Result<ClientTlsConfig, String> {
        let mut config = ClientTlsConfig::new();
        config = match &self.authority {
            Some(path) => config.ca_certificate(Certificate::from_pem(read(path).await?)),
            None => config.with_native_roots(),
        };
        if let Some((certificate, key)) = &self.identity {
            config = config.identity(Identity::from_pem(read(certificate).await?, read(key).await?));
        }
        if let Some(name) = &self.server_name {
            config = config.domain_name(name.clone());
        }
        Ok(config)
    }
}

async fn read(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).await.map_err(|e| format!("{}: {e}", path.display()))
}

/// What TLS says, with what to do about it.
pub(super) fn remedied(error: String) -> String {
    let plain = error.to_lowercase().replace(' ', "");
    let remedy = [
        ("certificateexpired", "the collector's certificate has expired, or a clock is wrong"),
        (
            "notvalidforname",
            "the collector's certificate is for another name: connect by that name, or give --tls-server-name",
        ),
        ("unknownissuer", "nobody trusted issued the collector's certificate: give its authority with --tls-ca"),
        ("certificaterequired", "the collector asks for a certificate: give one with --tls-cert and --tls-key"),
    ]
    .into_iter()
    .find(|(sign, _)| plain.contains(sign));
    match remedy {
        Some((_, remedy)) => format!("{remedy} ({error})"),
        None => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_collectors_are_chosen_and_never_again_the_one_that_failed() {
        let uris: Vec<String> = (0..3).map(|number| format!("http://c{number}")).collect();
        let mut endpoints = Endpoints::new(uris.clone(), Tls::default()).expect("some");
        let mut after = std::collections::BTreeSet::new();
        for _ in 0..500 {
            let failed = endpoints.uri().to_owned();
            endpoints.avoid();
            assert_ne!(endpoints.uri(), failed);
            after.insert((failed, endpoints.uri().to_owned()));
        }
        assert_eq!(after.len(), 6, "{after:?}");
        let chosen: std::collections::BTreeSet<String> = (0..200)
            .map(|_| {
                endpoints.choose();
                endpoints.uri().to_owned()
            })
            .collect();
        assert_eq!(chosen.len(), 3);
        let mut alone = Endpoints::new(uris[..1].to_vec(), Tls::default()).expect("one");
        alone.avoid();
        assert_eq!(alone.uri(), uris[0]);
    }

    #[test]
    fn who_has_no_certificate_is_told_of_it_when_the_connection_closes() {
        let closed = || "transport error: operation was canceled: connection closed".to_owned();
        let refused = |uri: &str, identity| {
            let tls = Tls { identity, ..Tls::default() };
            Endpoints::new(vec![uri.to_owned()], tls).expect("an endpoint").refused(closed())
        };
        assert!(refused("https://collector:7600", None).contains("give one with --tls-cert and --tls-key"));
        assert_eq!(refused("https://collector:7600", Some(("c".into(), "k".into()))), closed());
        assert_eq!(refused("http://collector:7600", None), closed());
    }
}
