//! Certificates: who may connect, and as whom. Certificates are read again when their files change, so that renewed ones are
//! used without a restart.

use std::{
    fmt, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use crate::peer::{Credential, Peer};
use tokio_rustls::rustls::{
    RootCertStore, ServerConfig,
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{self, PemObject},
    },
    server::WebPkiClientVerifier,
};
use tonic::{
    Request,
    transport::server::{TcpConnectInfo, TlsConnectInfo},
};
use tracing::{info, warn};
use x509_parser::{extensions::GeneralName, parse_x509_certificate};

/// Why TLS cannot be set up. Each message names the file.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{0}: {1}")]
    Read(PathBuf, io::Error),
    /// A file holds no certificate.
    #[error("{0} holds no certificate in PEM")]
    NoCertificate(PathBuf),
    /// A file holds no key.
    #[error("{0} holds no private key in PEM")]
    NoKey(PathBuf),
    /// They do not fit together.
    #[error("the certificate {0} cannot be used: {1}")]
    Unfit(PathBuf, String),
}

/// The files.
#[derive(Clone, Debug)]
pub struct Files {
    /// The collector's certificate, with those between it and its authority.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
    /// Authorities that issue sensors' certificates; with them, a sensor must have one.
    pub clients: Option<PathBuf>,
}

impl Files {
    fn modified(&self) -> Vec<Option<SystemTime>> {
        [Some(&self.certificate), Some(&self.key), self.clients.as_ref()]
            .into_iter()
            .flatten()
            .map(|path| std::fs::metadata(path).and_then(|m| m.modified()).ok())
            .collect()
    }

    fn load(&self) -> Result<Arc<ServerConfig>, TlsError> {
        let chain = certificates(&self.certificate)?;
        let key = key(&self.key)?;
        let unfit = |e: &dyn fmt::Display| TlsError::Unfit(self.certificate.clone(), e.to_string());
        let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|e| unfit(&e))?;
        let builder = match &self.clients {
            Some(path) => {
                let mut roots = RootCertStore::empty();
                for certificate in certificates(path)? {
                    roots.add(certificate).map_err(|e| TlsError::Unfit(path.clone(), e.to_string()))?;
                }
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                    .build()
                    .map_err(|e| TlsError::Unfit(path.clone(), e.to_string()))?;
                builder.with_client_cert_verifier(verifier)
            }
            None => builder.with_no_client_auth(),
        };
        let mut config = builder.with_single_cert(chain, key).map_err(|e| unfit(&e))?;
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(Arc::new(config))
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let found = found.map_err(|e| TlsError::of(path, e, TlsError::NoCertificate))?;
    if found.is_empty() { Err(TlsError::NoCertificate(path.to_owned())) } else { Ok(found) }
}

fn key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_file(path).map_err(|e| TlsError::of(path, e, TlsError::NoKey))
}

impl TlsError {
    fn of(path: &Path, error: pem::Error, nothing: fn(PathBuf) -> Self) -> Self {
        match error {
            pem::Error::Io(e) => Self::Read(path.to_owned(), e),
            pem::Error::NoItemsFound => nothing(path.to_owned()),
            other => {
                Self::Read(path.to_owned(), io::Error::new(io::ErrorKind::InvalidData, other.to_string()))
            }
        }
    }
}

/// The configuration as the files are now.
pub struct Current {
    files: Files,
    state: Mutex<(Vec<Option<SystemTime>>, Arc<ServerConfig>)>,
}

impl Current {
    /// Reads the files.
    pub fn load(files: Files) -> Result<Arc<Self>, TlsError> {
        let state = (files.modified(), files.load()?);
        Ok(Arc::new(Self { files, state: Mutex::new(state) }))
    }

    /// Files that make no sense leave what was there: a renewal may be half done.
    pub(crate) async fn get(self: &Arc<Self>) -> Arc<ServerConfig> {
        let current = self.clone();
        // Beside the async runtime: it looks at files, and reads them when they changed.
        match tokio::task::spawn_blocking(move || current.reload()).await {
            Ok(config) => config,
            Err(_) => self.state.lock().unwrap_or_else(PoisonError::into_inner).1.clone(),
        }
    }

    fn reload(&self) -> Arc<ServerConfig> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let modified = self.files.modified();
        if modified != state.0 {
            match self.files.load() {
                Ok(config) => {
                    info!("certificates were renewed");
                    *state = (modified, config);
                }
                Err(e) => warn!("the old certificate stays in use: {e}"),
            }
        }
        state.1.clone()
    }
}

/// Who sent a request over TLS with a client certificate.
pub(crate) fn peer<T>(request: &Request<T>) -> Option<Peer> {
    let info = request.extensions().get::<TlsConnectInfo<TcpConnectInfo>>()?;
    let certificates = info.peer_certs()?;
    // A certificate whose names cannot be read is for nobody.
    let names = certificates.first().and_then(|der| names(der)).unwrap_or_default();
    Some(Peer { by: Credential::Certificate, names })
}

/// DNS names, and the last segment of URIs (`spiffe://cluster/node/NAME`); the common name where there are none.
fn names(der: &[u8]) -> Option<Vec<String>> {
    let (_, certificate) = parse_x509_certificate(der).ok()?;
    let mut found = Vec::new();
    if let Some(alternatives) = certificate.subject_alternative_name().ok()? {
        for name in &alternatives.value.general_names {
            match name {
                GeneralName::DNSName(name) => found.push((*name).to_owned()),
                GeneralName::URI(uri) => {
                    found.extend(uri.rsplit('/').next().map(str::to_owned));
                }
                _ => {}
            }
        }
    }
    if found.is_empty() {
        let common = certificate.subject().iter_common_name().next()?;
        found.push(common.as_str().ok()?.to_owned());
    }
    Some(found)
}
