//! A client of HTTPS servers: which addresses it takes, and whom it trusts.

use std::{fmt, path::Path, sync::Arc, time::Duration};

use rustls_pki_types::{CertificateDer, pem::PemObject};
use ureq::{
    Agent,
    config::ConfigBuilder,
    tls::{Certificate, RootCerts, TlsConfig},
    typestate::AgentScope,
};

/// Is what is sent there encrypted, or does it stay on this machine? An error says why it is no address.
pub fn is_private(address: &str) -> Result<bool, String> {
    let url = url::Url::parse(address).map_err(|e| e.to_string())?;
    let is_local = match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    Ok(url.scheme() == "https" || url.scheme() == "http" && is_local)
}

/// A client that follows no redirects and gives up a call after so long. It trusts the authorities of a PEM file instead of the
/// system's, where one is given; an error names the file.
pub fn client(authorities: Option<&Path>, call: Duration) -> Result<ConfigBuilder<AgentScope>, String> {
    let roots = match authorities {
        None => RootCerts::PlatformVerifier,
        Some(path) => {
            let failed = |e: &dyn fmt::Display| format!("{}: {e}", path.display());
            let found = CertificateDer::pem_file_iter(path)
                .and_then(Iterator::collect::<Result<Vec<_>, _>>)
                .map_err(|e| failed(&e))?;
            if found.is_empty() {
                return Err(failed(&"it holds no certificate in PEM"));
            }
            let owned = found.iter().map(|der| Certificate::from_der(der).to_owned()).collect();
            RootCerts::Specific(Arc::new(owned))
        }
    };
    Ok(Agent::config_builder()
        .timeout_global(Some(call))
        .max_redirects(0)
        .http_status_as_error(false)
        .tls_config(TlsConfig::builder().root_certs(roots).build()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_encrypted_or_of_this_machine() {
        for address in [
            "https://kubernetes.default.svc/openid/v1/jwks",
            "http://127.0.0.1:8001/x",
            "http://[::1]/x",
            "http://localhost/x",
        ] {
            assert_eq!(is_private(address), Ok(true), "{address}");
        }
        for address in [
            "http://kubernetes.default.svc/x",
            "http://127.0.0.1.example/x",
            "http://localhost.example/x",
            "ftp://x/y",
        ] {
            assert_eq!(is_private(address), Ok(false), "{address}");
        }
        assert!(is_private("://").is_err());
    }

    #[test]
    fn a_file_without_certificates_is_named() {
        let none = client(Some(Path::new("/dev/null")), Duration::from_secs(1)).err().expect("an error");
        assert_eq!(none, "/dev/null: it holds no certificate in PEM");
        assert!(client(Some(Path::new("/nowhere")), Duration::from_secs(1)).err().is_some());
        assert!(client(None, Duration::from_secs(1)).is_ok());
    }
}
