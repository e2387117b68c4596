//! Security Command Center: every finding through `CreateFinding`, and `UpdateFinding` when it exists already.

use std::{
    collections::{HashMap, HashSet},
    num::NonZeroU32,
    time::{Duration, Instant},
};

use gce_metadata::MetadataServer;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use prost::Message;
use proto::{
    scc::{
        CreateFindingRequest, Finding, UpdateFindingRequest, security_center_client::SecurityCenterClient,
    },
    well_known::{Value, value::Kind},
};
use store::Stored;
use tokio_util::sync::CancellationToken;
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
    /// Bytes of a script's contents that are sent; what is beyond stays in the collector's database.
    pub contents_bytes: usize,
    /// MiB a day; `None` is no limit.
    pub mib_per_day: Option<NonZeroU32>,
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
    /// Spreads KiB over the day, where those are limited, and how many there may be at once.
    volume: Option<(DefaultDirectRateLimiter, u32)>,
    stop: CancellationToken,
    parents: Parents,
}

/// Where findings may be filed, as far as it was tried.
#[derive(Default)]
struct Parents {
    worked: HashSet<String>,
    /// How often findings were refused below a parent that has taken none.
    refused: HashMap<String, u32>,
    /// And how often those of a node were: a node is in one project, so who names many of them does not have each tried.
    of_node: HashMap<String, u32>,
}

impl Parents {
    /// A finding was filed below a parent.
    fn worked(&mut self, parent: &str) {
        if self.worked.len() < PARENTS && !self.worked.contains(parent) {
            self.refused.remove(parent);
            self.worked.insert(parent.to_owned());
        }
    }

    /// A node's finding was refused for its place. Is it to be passed over? If others are taken elsewhere, and none ever was there, it
    /// is this place that is wrong, and must not hold up the others.
    fn is_hopeless(&mut self, parent: &str, node: &str) -> bool {
        if self.worked.contains(parent) {
            return false;
        }
        let of_parent = count(&mut self.refused, parent);
        let of_node = count(&mut self.of_node, node);
        of_parent.max(of_node) >= TRIES && !self.worked.is_empty()
    }
}

/// Counts one more, of a few.
fn count(counts: &mut HashMap<String, u32>, of: &str) -> u32 {
    if counts.len() >= PARENTS && !counts.contains_key(of) {
        counts.clear();
    }
    let count = counts.entry(of.to_owned()).or_default();
    *count = count.saturating_add(1);
    *count
}

impl SecurityCommandCenter {
    /// A sink that has not connected yet, and waits for nothing any more when `stop` is cancelled.
    pub fn new(options: Options, stop: CancellationToken) -> Self {
        // One at a time: a burst would use up what others need.
        let quota = Quota::per_minute(options.per_minute).allow_burst(NonZeroU32::MIN);
        let volume = options.mib_per_day.and_then(|mib| {
            let burst_kib = mib.get().saturating_mul(1024).min(BURST_KIB);
            Some((RateLimiter::direct(volume(mib, burst_kib)?), burst_kib))
        });
        Self {
            options,
            volume,
            stop,
            client: None,
            token: None,
            pace: RateLimiter::direct(quota),
            parents: Parents::default(),
        }
    }

    /// Waits until there may be another call with this finding.
    async fn keep_pace(&self, finding: &Finding) -> Result<(), SinkError> {
        let ready = async {
            self.pace.until_ready().await;
            if let Some((volume, burst_kib)) = &self.volume {
                let kib = u32::try_from(finding.encoded_len() / 1024 + 1).unwrap_or(u32::MAX).min(*burst_kib);
                // It is never more than a burst.
                let _ = volume.until_n_ready(NonZeroU32::new(kib).unwrap_or(NonZeroU32::MIN)).await;
            }
        };
        // That may take hours.
        tokio::select! {
            () = ready => Ok(()),
            () = self.stop.cancelled() => Err(SinkError::Later("the collector stops".to_owned())),
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

    /// More than it takes in a minute.
    fn behind_beyond(&self) -> Option<i64> {
        Some(self.options.per_minute.get().into())
    }

    async fn write(&mut self, stored: &Stored) -> Result<(), SinkError> {
        let finding = cut(stored.finding.clone(), self.options.contents_bytes);
        let Some((parent, id)) = finding.name.split_once("/findings/") else {
            return Err(SinkError::Never("its name has no /findings/".to_owned()));
        };
        if parent.starts_with("projects/-/") {
            return Err(SinkError::Never(
                "its sensor knows no project yet: it is filed when it does, or give sensors --project"
                    .to_owned(),
            ));
        }
        let (parent, finding_id) = (parent.to_owned(), id.to_owned());
        let place = parent.clone();
        let mut client = self.client().await?;
        self.keep_pace(&finding).await?;
        let create = CreateFindingRequest { parent, finding_id, finding: Some(finding.clone()) };
        let created = client.create_finding(self.request(create).await?).await;
        let status = match created {
            Ok(_) => {
                self.parents.worked(&place);
                return Ok(());
            }
            Err(status) if status.code() == Code::AlreadyExists => {
                self.keep_pace(&finding).await?;
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
            SinkError::Later(why) if is_for_its_place && self.parents.is_hopeless(&place, &stored.node) => {
                Err(SinkError::Never(why))
            }
            error => Err(error),
        }
    }
}

/// KiB that may be sent at once when nothing was sent for long: the largest finding.
const BURST_KIB: u32 = 16 * 1024;

/// So many MiB a day, in KiB.
fn volume(mib_per_day: NonZeroU32, burst_kib: u32) -> Option<Quota> {
    let of_one = Duration::from_hours(24) / mib_per_day.get().saturating_mul(1024);
    Some(Quota::with_period(of_one)?.allow_burst(NonZeroU32::new(burst_kib)?))
}

/// The finding with at most so many bytes of each script's contents. Hash and sizes stay those of the script; what was cut is said.
fn cut(mut finding: Finding, contents_bytes: usize) -> Finding {
    let mut cut = None;
    for script in finding.processes.iter_mut().filter_map(|process| process.script.as_mut()) {
        let kept = script.contents.floor_char_boundary(contents_bytes);
        if kept < script.contents.len() {
            cut = Some(format!("{kept} of {} bytes", script.contents.len()));
            script.contents.truncate(kept);
        }
    }
    if let Some(cut) = cut {
        let value = Value { kind: Some(Kind::StringValue(cut)) };
        finding.source_properties.insert(CONTENTS_KEPT.to_owned(), value);
    }
    finding
}

/// Source property of a finding whose script's contents were cut for Security Command Center.
const CONTENTS_KEPT: &str = "Script_Contents_Kept";

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
    use proto::scc::{File, Process};

    use super::*;

    #[test]
    fn contents_are_cut_between_characters_and_it_is_said() {
        let script = |contents: &str| {
            let script = File {
                contents: contents.to_owned(),
                sha256: "0".repeat(64),
                hashed_size: 7,
                size: 7,
                ..File::default()
            };
            let process = Process { script: Some(script), ..Process::default() };
            Finding { processes: vec![Process::default(), process], ..Finding::default() }
        };
        let whole = script("abcdé");
        assert_eq!(cut(whole.clone(), 6), whole);
        let short = cut(whole.clone(), 5);
        let told = &short.source_properties["Script_Contents_Kept"];
        assert_eq!(told.kind, Some(Kind::StringValue("4 of 6 bytes".to_owned())));
        let file = short.processes[1].script.clone().expect("a script");
        assert_eq!((file.contents.as_str(), file.hashed_size, file.size), ("abcd", 7, 7));
    }

    #[test]
    fn a_day_has_so_many_bytes() {
        let one_mib = volume(NonZeroU32::MIN, 4).expect("a quota");
        assert_eq!(one_mib.replenish_interval().as_millis(), 84_375);
        assert!(volume(NonZeroU32::MAX, 4).is_some());
    }

    #[test]
    fn one_wrong_place_does_not_hold_up_the_others() {
        let mut parents = Parents::default();
        let tries = |parents: &mut Parents, parent: &str, node: &str| {
            (0..TRIES).any(|_| parents.is_hopeless(parent, node))
        };
        // Before anything was taken it may be the permission that is missing, everywhere.
        assert!(!tries(&mut parents, "projects/q", "n"));
        parents.worked("projects/p");
        assert!(!parents.is_hopeless("projects/r", "m"), "at the first try");
        assert!(tries(&mut parents, "projects/r", "m"));
        assert!(parents.is_hopeless("projects/r", "o"), "the next finding there is passed over at once");
        assert!(parents.is_hopeless("projects/s", "m"), "and of its node all that are elsewhere");
        assert!(!parents.is_hopeless("projects/t", "o"), "others are tried");
        // Where findings were taken they will be again.
        assert!(!tries(&mut parents, "projects/p", "m"));
    }
}
