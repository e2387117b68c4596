//! The public keys that tokens are signed with, as the cluster publishes them (RFC 7517). They are asked for again from time to
//! time, and when a token names one that is not known: clusters change them.

use std::{
    fmt, fs,
    path::PathBuf,
    str::FromStr,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use jsonwebtoken::jwk::JwkSet;
use tokio::{
    sync::{Notify, watch},
    time::Instant,
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use ureq::Agent;

/// How often they are looked for.
const AGAIN: Duration = Duration::from_mins(5);
/// And when there are none, or one is missing: the shortest time from one look to the next.
const SOON: Duration = Duration::from_secs(2);
/// A server that takes longer is asked again later.
const CALL: Duration = Duration::from_secs(10);
/// Bytes of an answer: a key of RSA has some 500, and a cluster has a handful.
const BYTES_MAX: u64 = 1024 * 1024;

/// Where they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A server, such as that of the Kubernetes API.
    Url(String),
    /// A file.
    File(PathBuf),
}

impl FromStr for Source {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if !text.contains("://") {
            return Ok(Self::File(text.into()));
        }
        if https::is_private(text).map_err(|e| format!("not an address: {e}"))? {
            return Ok(Self::Url(text.to_owned()));
        }
        Err("these keys decide who is believed, so only https: is taken, or http: to this machine".to_owned())
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(url) => f.write_str(url),
            Self::File(path) => path.display().fmt(f),
        }
    }
}

/// How to get them.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where they are.
    pub source: Source,
    /// PEM file with authorities to trust instead of the system's.
    pub authorities: Option<PathBuf>,
    /// File with a token to show there. It is read anew each time.
    pub bearer: Option<PathBuf>,
}

/// The keys as they were last seen.
pub(crate) struct Keys {
    known: watch::Sender<Arc<JwkSet>>,
    wanted: Notify,
}

impl Keys {
    /// None yet; `follow` looks for them.
    pub(crate) fn new() -> Arc<Self> {
        Self::of(JwkSet { keys: Vec::new() })
    }

    pub(crate) fn of(set: JwkSet) -> Arc<Self> {
        Arc::new(Self { known: watch::Sender::new(Arc::new(set)), wanted: Notify::new() })
    }

    /// Those known now.
    pub(crate) fn known(&self) -> Arc<JwkSet> {
        self.known.borrow().clone()
    }

    /// Those of the next look, if it comes in time.
    pub(crate) async fn next(&self, time: Duration) -> Option<Arc<JwkSet>> {
        let mut receiver = self.known.subscribe();
        self.wanted.notify_one();
        match tokio::time::timeout(time, receiver.changed()).await {
            Ok(Ok(())) => Some(self.known()),
            Ok(Err(_)) | Err(_) => None,
        }
    }

    /// Looks for them until `stop` is cancelled. Those that were known stay in use when a look fails.
    pub(crate) async fn follow(self: Arc<Self>, fetcher: Fetcher, stop: CancellationToken) {
        let fetcher = Arc::new(fetcher);
        loop {
            let looked = Instant::now();
            let looking = fetcher.clone();
            let found = tokio::task::spawn_blocking(move || looking.fetch()).await;
            match found.unwrap_or_else(|e| Err(e.to_string())) {
                Ok(set) => {
                    let before = self.known.send_replace(Arc::new(set));
                    let now = self.known();
                    if *before != *now {
                        info!("{} keys that tokens are signed with: {}", now.keys.len(), fetcher.source);
                    }
                }
                Err(why) => warn!("the keys that tokens are signed with: {}: {why}", fetcher.source),
            }
            let again = if self.known().keys.is_empty() { SOON } else { AGAIN };
            tokio::select! {
                () = tokio::time::sleep(again) => {}
                () = self.wanted.notified() => tokio::time::sleep_until(looked + SOON).await,
                () = stop.cancelled() => return,
            }
        }
    }
}

/// Gets them.
pub(crate) struct Fetcher {
    source: Source,
    authorities: Option<PathBuf>,
    bearer: Option<PathBuf>,
    /// Made of the authorities as the file was then.
    agent: Mutex<Option<(Option<SystemTime>, Agent)>>,
}

impl Fetcher {
    /// Errors name the option that is wrong.
    pub(crate) fn new(options: &Options) -> Result<Self, String> {
        let Options { source, authorities, bearer } = options.clone();
        let fetcher = Self { source, authorities, bearer, agent: Mutex::default() };
        if matches!(fetcher.source, Source::Url(_)) {
            fetcher.agent()?;
        }
        Ok(fetcher)
    }

    fn fetch(&self) -> Result<JwkSet, String> {
        let text = match &self.source {
            Source::File(path) => fs::read_to_string(path).map_err(|e| e.to_string())?,
            Source::Url(url) => {
                let mut request = self.agent()?.get(url).header("Accept", "application/jwk-set+json");
                if let Some(path) = &self.bearer {
                    let token = fs::read_to_string(path)
                        .map_err(|e| format!("--token-keys-bearer {}: {e}", path.display()))?;
                    request = request.header("Authorization", format!("Bearer {}", token.trim()));
                }
                let mut response = request.call().map_err(|e| e.to_string())?;
                let status = response.status().as_u16();
                if status != 200 {
                    return Err(format!("status {status}"));
                }
                let body = response.body_mut().with_config().limit(BYTES_MAX).read_to_string();
                body.map_err(|e| e.to_string())?
            }
        };
        let set: JwkSet = serde_json::from_str(&text).map_err(|e| format!("not a set of keys: {e}"))?;
        if set.keys.is_empty() { Err("there are none".to_owned()) } else { Ok(set) }
    }

    /// A client that trusts the authorities as they are now: a cluster may change its own.
    fn agent(&self) -> Result<Agent, String> {
        let modified =
            self.authorities.as_ref().and_then(|path| fs::metadata(path).and_then(|m| m.modified()).ok());
        let mut made = self.agent.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, agent)) = made.as_ref()
            && *of == modified
        {
            return Ok(agent.clone());
        }
        let client = https::client(self.authorities.as_deref(), CALL)
            .map_err(|why| format!("--token-keys-ca {why}"))?;
        // Of a cluster, whose address means nothing to a proxy outside.
        let agent: Agent = client.proxy(None).build().into();
        *made = Some((modified, agent.clone()));
        Ok(agent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_from_a_file_or_safely() {
        let source = |text: &str| text.parse::<Source>();
        assert_eq!(source("/etc/keys.json"), Ok(Source::File("/etc/keys.json".into())));
        let url = "https://kubernetes.default.svc/openid/v1/jwks";
        assert_eq!(source(url), Ok(Source::Url(url.to_owned())));
        assert!(source("http://kubernetes.default.svc/x").is_err() && source("://").is_err());
    }
}
