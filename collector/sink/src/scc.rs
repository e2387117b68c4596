//! Security Command Center: every finding through `CreateFinding`, and `UpdateFinding` when it exists already.

use std::{
    collections::{HashMap, HashSet},
    num::NonZeroU32,
    time::{Duration, Instant},
};

use gce_metadata::MetadataServer;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use proto::scc::{CreateFindingRequest, UpdateFindingRequest, security_center_client::SecurityCenterClient};
use store::Stored;
use tonic::{
    Code, Request, Status,
    metadata::{Ascii, MetadataValue},
    transport::{Channel, ClientTlsConfig, Endpoint},
};

use crate::sink::{Sink, SinkError};

/// The public service.
pub const ENDPOINT: &str = "https://securitycenter.googleapis.com";
/// A call that takes longer is made again.
const CALL: Duration = Duration::from_secs(30);
/// A token is renewed so long before it ends.
const RENEW: Duration = Duration::from_mins(2);

/// How to reach it.
#[derive(Clone, Debug)]
pub struct Options {
    /// The service, [`ENDPOINT`] mostly.
    pub endpoint: String,
    /// Calls a minute: less than the project's quota, which others need too.
    pub per_minute: NonZeroU32,
}

/// Parents that are remembered.
const PARENTS: usize = 1024;
/// So often a finding is tried below a parent that takes none, while others do: over a minute or two.
const TRIES: u32 = 10;

/// The sink.
pub struct SecurityCommandCenter {
    options: Options,
    client: Option<SecurityCenterClient<Channel>>,
    token: Option<(MetadataValue<Ascii>, Instant)>,
    /// Spreads calls over the minute.
    pace: DefaultDirectRateLimiter,
    parents: Parents,
}

/// Where findings may be filed, as far as it was tried.
#[derive(Default)]
struct Parents {
    worked: HashSet<String>,
    /// How often findings were refused below one that has taken none.
    refused: HashMap<String, u32>,
}

impl Parents {
    /// A finding was filed below a parent.
    fn worked(&mut self, parent: &str) {
        if self.worked.len() < PARENTS && !self.worked.contains(parent) {
            self.refused.remove(parent);
            self.worked.insert(parent.to_owned());
        }
    }

    /// A finding was refused for its place. Is it to be passed over? If others are taken elsewhere, and none ever was there, it is
    /// this place that is wrong, and must not hold up the others.
    fn is_hopeless(&mut self, parent: &str) -> bool {
        if self.worked.contains(parent) {
            return false;
        }
        if self.refused.len() >= PARENTS && !self.refused.contains_key(parent) {
            self.refused.clear();
        }
        let tries = self.refused.entry(parent.to_owned()).or_default();
        *tries = tries.saturating_add(1);
        *tries >= TRIES && !self.worked.is_empty()
    }
}

impl SecurityCommandCenter {
    /// A sink that has not connected yet.
    pub fn new(options: Options) -> Self {
        // One at a time: a burst would use up what others need.
        let quota = Quota::per_minute(options.per_minute).allow_burst(NonZeroU32::MIN);
        Self {
            options,
            client: None,
            token: None,
            pace: RateLimiter::direct(quota),
            parents: Parents::default(),
        }
    }

    async fn client(&mut self) -> Result<SecurityCenterClient<Channel>, SinkError> {
        if let Some(client) = &self.client {
            return Ok(client.clone());
        }
        let later = |e: tonic::transport::Error| SinkError::Later(format!("{}: {e}", self.options.endpoint));
        let mut endpoint = Endpoint::from_shared(self.options.endpoint.clone()).map_err(later)?.timeout(CALL);
        if self.options.endpoint.starts_with("https:") {
            endpoint = endpoint.tls_config(ClientTlsConfig::new().with_native_roots()).map_err(later)?;
        }
        let client = SecurityCenterClient::new(endpoint.connect().await.map_err(later)?);
        self.client = Some(client.clone());
        Ok(client)
    }

    /// A request with the token of the machine's service account.
    async fn request<T>(&mut self, message: T) -> Result<Request<T>, SinkError> {
        let fresh = self.token.as_ref().filter(|(_, until)| *until > Instant::now());
        let token = if let Some((token, _)) = fresh {
            token.clone()
        } else {
            let (token, lifetime) = tokio::task::spawn_blocking(token)
                .await
                .map_err(|e| SinkError::Later(e.to_string()))?
                .map_err(SinkError::Later)?;
            let until = Instant::now() + lifetime.saturating_sub(RENEW);
            self.token = Some((token.clone(), until));
            token
        };
        let mut request = Request::new(message);
        request.metadata_mut().insert("authorization", token);
        Ok(request)
    }

    /// What a failure means for the finding, and for what is kept of the connection.
    fn judge(&mut self, status: &Status) -> SinkError {
        let said = format!("{:?}: {}", status.code(), status.message());
        match status.code() {
            // The finding itself is wrong.
            Code::InvalidArgument | Code::OutOfRange | Code::Unimplemented => SinkError::Never(said),
            Code::Unauthenticated => {
                self.token = None;
                SinkError::Later(said)
            }
            Code::NotFound => SinkError::Later(format!(
                "{said}: does the source exist that the sensors name by --scc-source, in the project that they name?"
            )),
            Code::PermissionDenied => SinkError::Later(format!(
                "{said}: the service account needs roles/securitycenter.findingsEditor on the source"
            )),
            _ => {
                self.client = None;
                SinkError::Later(said)
            }
        }
    }
}

impl Sink for SecurityCommandCenter {
    fn name(&self) -> String {
        format!("scc {}", self.options.endpoint)
    }

    async fn write(&mut self, stored: &Stored) -> Result<(), SinkError> {
        let finding = stored.finding.clone();
        let Some((parent, id)) = finding.name.split_once("/findings/") else {
            return Err(SinkError::Never("its name has no /findings/".to_owned()));
        };
        if parent.starts_with("projects/-/") {
            return Err(SinkError::Never("its sensor knew no project: give sensors --project".to_owned()));
        }
        let (parent, finding_id) = (parent.to_owned(), id.to_owned());
        let place = parent.clone();
        let mut client = self.client().await?;
        self.pace.until_ready().await;
        let create = CreateFindingRequest { parent, finding_id, finding: Some(finding.clone()) };
        let created = client.create_finding(self.request(create).await?).await;
        let status = match created {
            Ok(_) => {
                self.parents.worked(&place);
                return Ok(());
            }
            Err(status) if status.code() == Code::AlreadyExists => {
                self.pace.until_ready().await;
                let update = UpdateFindingRequest { finding: Some(finding), update_mask: None };
                match client.update_finding(self.request(update).await?).await {
                    Ok(_) => {
                        self.parents.worked(&place);
                        return Ok(());
                    }
                    Err(status) => status,
                }
            }
            Err(status) => status,
        };
        let is_for_its_place = matches!(status.code(), Code::NotFound | Code::PermissionDenied);
        match self.judge(&status) {
            SinkError::Later(why) if is_for_its_place && self.parents.is_hopeless(&place) => {
                Err(SinkError::Never(why))
            }
            error => Err(error),
        }
    }
}

/// A token of the machine's service account, as a header, and how long it is good.
fn token() -> Result<(MetadataValue<Ascii>, Duration), String> {
    let token = MetadataServer::from_env().token().map_err(|e| format!("no token: {e}"))?;
    let mut header: MetadataValue<Ascii> =
        format!("Bearer {}", token.access_token).parse().map_err(|e| format!("no token: {e}"))?;
    header.set_sensitive(true);
    Ok((header, Duration::from_secs(token.expires_in)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_wrong_place_does_not_hold_up_the_others() {
        let mut parents = Parents::default();
        let tries = |parents: &mut Parents, parent: &str| (0..TRIES).any(|_| parents.is_hopeless(parent));
        // Before anything was taken it may be the permission that is missing, everywhere.
        assert!(!tries(&mut parents, "projects/q"));
        parents.worked("projects/p");
        assert!(!parents.is_hopeless("projects/r"), "at the first try");
        assert!(tries(&mut parents, "projects/r"));
        assert!(parents.is_hopeless("projects/r"), "the next finding there is passed over at once");
        // Where findings were taken they will be again.
        assert!(!tries(&mut parents, "projects/p"));
    }
}
