//! A webhook: each finding is posted as JSON, signed as the Standard Webhooks specification has it
//! (<https://www.standardwebhooks.com>), so that the receiver can tell that it is ours and not an old one again.

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use standardwebhooks::Webhook as Signer;
use ureq::Agent;

use store::Stored;

use crate::{
    format::Format,
    sink::{Sink, SinkError},
};

/// A call that takes longer is made again.
const CALL: Duration = Duration::from_secs(15);
/// What a secret begins with.
const PREFIX: &str = "whsec_";
/// Bytes of a secret that is long enough.
const SECRET_MIN: usize = 24;

/// How to reach it.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where to post to: `https:`, or `http:` on loopback.
    pub url: String,
    /// File with the secret.
    pub secret_file: PathBuf,
    /// PEM file with authorities to trust instead of the system's.
    pub authorities: Option<PathBuf>,
    /// What is posted.
    pub format: Format,
}

/// The sink.
pub struct Webhook {
    url: String,
    signer: Arc<Signer>,
    agent: Agent,
    format: Format,
}

impl Webhook {
    /// Reads the files. Errors name the option that is wrong.
    pub fn new(options: &Options) -> Result<Self, String> {
        if !https::is_private(&options.url).map_err(|e| format!("--webhook {}: {e}", options.url))? {
            return Err(format!(
                "--webhook {}: findings hold scripts, so only https: is taken, or http: to this machine",
                options.url
            ));
        }
        let file = &options.secret_file;
        let text =
            std::fs::read_to_string(file).map_err(|e| format!("--webhook-secret {}: {e}", file.display()))?;
        let signer =
            secret(text.trim()).map_err(|why| format!("--webhook-secret {}: {why}", file.display()))?;
        let client = https::client(options.authorities.as_deref(), CALL)
            .map_err(|why| format!("--webhook-ca {why}"))?;
        let agent = client.build().into();
        Ok(Self { url: options.url.clone(), signer: Arc::new(signer), agent, format: options.format })
    }
}

/// A signer with a secret that is long enough.
fn secret(text: &str) -> Result<Signer, String> {
    // Four letters of base64 are three bytes.
    let is_long = text
        .strip_prefix(PREFIX)
        .is_some_and(|encoded| encoded.trim_end_matches('=').len() * 3 / 4 >= SECRET_MIN);
    is_long.then(|| Signer::new(text).ok()).flatten().ok_or_else(|| {
        format!(
            "{PREFIX} and the base64 of {SECRET_MIN} random bytes or more are expected: \
             printf {PREFIX}%s \"$(head -c 32 /dev/urandom | base64)\""
        )
    })
}

impl Sink for Webhook {
    fn name(&self) -> String {
        format!("webhook {}", self.url)
    }

    async fn write(&mut self, stored: &Stored) -> Result<(), SinkError> {
        let body = self.format.json(stored).map_err(|e| SinkError::Never(e.to_string()))?;
        // The same for a finding's version however often it is sent, so that the receiver can tell.
        let finding = stored.finding.name.rsplit('/').next().unwrap_or_default();
        let id = format!("{finding}.{}", stored.seq);
        let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() as i64;
        let signature = self.signer.sign(&id, time, &body).map_err(|e| SinkError::Never(e.to_string()))?;
        let request = self
            .agent
            .post(&self.url)
            .header("content-type", "application/json")
            .header("webhook-id", &id)
            .header("webhook-timestamp", time.to_string())
            .header("webhook-signature", signature);
        let answered = tokio::task::spawn_blocking(move || request.send(&body[..]))
            .await
            .map_err(|e| SinkError::Later(e.to_string()))?;
        match answered.map(|response| response.status()) {
            Ok(status) if status.is_success() => Ok(()),
            // What the receiver says of this very body.
            Ok(status) if matches!(status.as_u16(), 400 | 413 | 415 | 422) => {
                Err(SinkError::Never(format!("{} answers {status}", self.url)))
            }
            Ok(status) => Err(SinkError::Later(format!("{} answers {status}", self.url))),
            Err(e) => Err(SinkError::Later(format!("{}: {e}", self.url))),
        }
    }
}

#[cfg(test)]
mod tests {
    use base64::{Engine, prelude::BASE64_STANDARD};

    use super::*;

    #[test]
    fn what_is_no_secret_or_no_address_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let secret_file = dir.path().join("secret");
        let good = format!("{PREFIX}{}\n", BASE64_STANDARD.encode([7; 32]));
        std::fs::write(&secret_file, &good).unwrap();
        let with = |url: &str| {
            Webhook::new(&Options {
                url: url.to_owned(),
                secret_file: secret_file.clone(),
                authorities: None,
                format: Format::default(),
            })
        };
        assert!(with("https://hooks.example/x").is_ok());
        assert!(with("http://127.0.0.1:1/x").is_ok());
        assert!(with("http://hooks.example/x").err().unwrap().contains("https"));
        std::fs::write(&secret_file, "whsec_YWJj").unwrap();
        assert!(with("https://hooks.example/x").err().unwrap().contains("24"));
    }
}
