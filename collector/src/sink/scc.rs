//! Security Command Center: every finding through `CreateFinding`, and `UpdateFinding` when it exists already.

use std::time::{Duration, Instant};

use proto::scc::{CreateFindingRequest, UpdateFindingRequest, security_center_client::SecurityCenterClient};
use serde::Deserialize;
use tonic::{
    Code, Request, Status,
    metadata::{Ascii, MetadataValue},
    transport::{Channel, ClientTlsConfig, Endpoint},
};

use super::{Sink, SinkError};
use crate::store::Stored;

/// The public service.
pub const ENDPOINT: &str = "https://securitycenter.googleapis.com";
/// Where tokens come from, unless `GCE_METADATA_HOST` says otherwise.
const METADATA_HOST: &str = "metadata.google.internal";
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
    pub per_minute: u32,
}

/// The sink.
pub struct SecurityCommandCenter {
    options: Options,
    client: Option<SecurityCenterClient<Channel>>,
    token: Option<(MetadataValue<Ascii>, Instant)>,
    /// When the next call is due.
    due: Instant,
}

impl SecurityCommandCenter {
    /// A sink that has not connected yet.
    pub fn new(options: Options) -> Self {
        Self { options, client: None, token: None, due: Instant::now() }
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

    /// Keeps to the rate: calls are spread over the minute.
    async fn keep_pace(&mut self) {
        let gap = Duration::from_mins(1) / self.options.per_minute.max(1);
        let now = Instant::now();
        if self.due > now {
            tokio::time::sleep(self.due - now).await;
        }
        self.due = self.due.max(now) + gap;
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
                "{said}: does the source exist that the sensors name by --source, in the project that they name?"
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
        let mut client = self.client().await?;
        self.keep_pace().await;
        let create = CreateFindingRequest { parent, finding_id, finding: Some(finding.clone()) };
        let created = client.create_finding(self.request(create).await?).await;
        let status = match created {
            Ok(_) => return Ok(()),
            Err(status) if status.code() == Code::AlreadyExists => {
                self.keep_pace().await;
                let update = UpdateFindingRequest { finding: Some(finding), update_mask: None };
                match client.update_finding(self.request(update).await?).await {
                    Ok(_) => return Ok(()),
                    Err(status) => status,
                }
            }
            Err(status) => status,
        };
        Err(self.judge(&status))
    }
}

/// What the metadata server answers.
#[derive(Deserialize)]
struct Token {
    access_token: String,
    expires_in: u64,
}

/// A token of the machine's service account, as a header, and how long it is good.
fn token() -> Result<(MetadataValue<Ascii>, Duration), String> {
    let host = std::env::var("GCE_METADATA_HOST").unwrap_or_else(|_| METADATA_HOST.to_owned());
    let url = format!("http://{host}/computeMetadata/v1/instance/service-accounts/default/token");
    let agent: ureq::Agent =
        ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(5))).proxy(None).build().into();
    let failed = |e: &dyn std::fmt::Display| format!("no token from the metadata server {host}: {e}");
    let mut response = agent.get(&url).header("Metadata-Flavor", "Google").call().map_err(|e| failed(&e))?;
    let text = response.body_mut().read_to_string().map_err(|e| failed(&e))?;
    let token: Token = serde_json::from_str(&text).map_err(|e| failed(&e))?;
    let mut header: MetadataValue<Ascii> =
        format!("Bearer {}", token.access_token).parse().map_err(|e| failed(&e))?;
    header.set_sensitive(true);
    Ok((header, Duration::from_secs(token.expires_in)))
}
