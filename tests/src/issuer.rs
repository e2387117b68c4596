//! A Kubernetes cluster as far as it vouches for its pods: it signs tokens of service accounts, and publishes the keys for that
//! as the API server does, at `/openid/v1/jwks`, to who shows a token.

use std::{
    net::{SocketAddr, TcpListener},
    process::{Command, Stdio},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, ensure};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::{
    certificate::Files,
    https::{Asked, serve_at},
};

/// Where API servers publish their keys.
pub const PATH: &str = "/openid/v1/jwks";

/// The cluster.
pub struct Issuer {
    /// Where its API server listens.
    pub address: SocketAddr,
    key: Key,
    published: Arc<Mutex<Vec<Value>>>,
    failures: Arc<AtomicUsize>,
}

struct Key {
    id: String,
    private: Vec<u8>,
    public: Value,
}

impl Key {
    /// Of RSA, as clusters have by default.
    fn make(id: &str) -> anyhow::Result<Self> {
        let pem = openssl(&["genrsa", "2048"], b"")?;
        let modulus = openssl(&["rsa", "-noout", "-modulus"], &pem)?;
        let modulus = String::from_utf8(modulus)?;
        let modulus = hex::decode(modulus.trim().strip_prefix("Modulus=").context("no modulus")?)?;
        let public = json!({
            "use": "sig", "kty": "RSA", "kid": id, "alg": "RS256",
            "n": BASE64_URL_SAFE_NO_PAD.encode(modulus), "e": "AQAB",
        });
        Ok(Self { id: id.to_owned(), private: pem, public })
    }
}

impl Key {
    fn sign(&self, message: &[u8]) -> anyhow::Result<Vec<u8>> {
        let file = tempfile::NamedTempFile::new()?;
        std::fs::write(file.path(), &self.private)?;
        let path = file.path().to_str().context("a path")?;
        openssl(&["dgst", "-sha256", "-sign", path], message)
    }
}

fn openssl(args: &[&str], input: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut child = Command::new("openssl")
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .context("openssl")?;
    std::io::Write::write_all(&mut child.stdin.take().context("its input")?, input)?;
    let output = child.wait_with_output()?;
    ensure!(output.status.success(), "openssl {args:?}: {}", output.status);
    Ok(output.stdout)
}

impl Issuer {
    /// Starts one whose API server has this certificate, and gives its keys to who shows this token.
    pub fn start(files: &Files, bearer: &str) -> anyhow::Result<Self> {
        Self::start_at(TcpListener::bind("127.0.0.1:0")?, files, bearer)
    }

    /// Likewise, where there is a listener already.
    pub fn start_at(listener: TcpListener, files: &Files, bearer: &str) -> anyhow::Result<Self> {
        let key = Key::make("first")?;
        let published = Arc::new(Mutex::new(vec![key.public.clone()]));
        let (shared, header) = (published.clone(), ("authorization".to_owned(), format!("Bearer {bearer}")));
        let failures = Arc::new(AtomicUsize::new(0));
        let failed = failures.clone();
        let address = serve_at(listener, files, move |asked: Asked| {
            if !asked.headers.contains(&header) {
                return (401, String::new());
            }
            if !asked.line.starts_with(&format!("GET {PATH} ")) {
                return (404, String::new());
            }
            let keys = shared.lock().unwrap_or_else(PoisonError::into_inner).clone();
            if keys.is_empty() {
                failed.fetch_add(1, Ordering::Relaxed);
                return (503, String::new());
            }
            (200, json!({ "keys": keys }).to_string())
        })?;
        Ok(Self { address, key, published, failures })
    }

    /// How often it was asked since it is ill.
    pub fn failures(&self) -> usize {
        self.failures.load(Ordering::Relaxed)
    }

    /// Publishes nothing: the server is ill.
    pub fn fail(&self) {
        self.failures.store(0, Ordering::Relaxed);
        self.published.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Publishes its key.
    pub fn recover(&self) {
        *self.published.lock().unwrap_or_else(PoisonError::into_inner) = vec![self.key.public.clone()];
    }

    /// Signs with another key from now on, and publishes only that.
    pub fn rotate(&mut self) -> anyhow::Result<()> {
        self.key = Key::make("second")?;
        self.recover();
        Ok(())
    }

    /// A token as a kubelet gives it to a pod of this service account on this node, good for so many seconds.
    ///
    /// # Panics
    /// When openssl cannot sign it.
    pub fn token(&self, audience: &str, account: (&str, &str), node: &str, seconds: i64) -> String {
        let (namespace, name) = account;
        let claims = json!({
            "aud": [audience],
            "iss": "https://kubernetes.default.svc",
            "sub": format!("system:serviceaccount:{namespace}:{name}"),
            "iat": now() - 60, "nbf": now() - 60, "exp": now() + seconds,
            "jti": "6b1d3a5e-0c1f-4e6a-9f1b-2f3c4d5e6f70",
            "kubernetes.io": {
                "namespace": namespace,
                "node": { "name": node, "uid": "11111111-0c1f-4e6a-9f1b-2f3c4d5e6f70" },
                "pod": { "name": "p", "uid": "22222222-0c1f-4e6a-9f1b-2f3c4d5e6f70" },
                "serviceaccount": { "name": name, "uid": "33333333-0c1f-4e6a-9f1b-2f3c4d5e6f70" },
            },
        });
        let header = json!({ "alg": "RS256", "kid": self.key.id });
        let encode = |value: Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", encode(header), encode(claims));
        let signature = self.key.sign(message.as_bytes()).expect("a signature");
        format!("{message}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
    }
}

fn now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock");
    i64::try_from(now.as_secs()).expect("a time")
}
