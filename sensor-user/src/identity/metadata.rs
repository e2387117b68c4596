//! Google Cloud's metadata server: which project, cluster and machine this node is.

use std::{sync::Arc, time::Duration};

use backon::{BackoffBuilder, ExponentialBuilder};
use tokio::sync::watch;
use tracing::{debug, info};

use super::node::{Cloud, Node};

/// Where the server is, unless `GCE_METADATA_HOST` says otherwise, as Google's clients have it.
const HOST: &str = "metadata.google.internal";
/// Its answers take milliseconds.
const TIMEOUT: Duration = Duration::from_secs(2);
/// A machine that does not answer for this long is on no Google Cloud.
const ATTEMPTS: usize = 20;

/// Is this a machine of Google Cloud, or was a server named?
pub fn is_on_google_cloud() -> bool {
    let product = std::fs::read_to_string("/sys/class/dmi/id/product_name").unwrap_or_default();
    product.trim() == "Google Compute Engine" || std::env::var_os("GCE_METADATA_HOST").is_some()
}

/// Completes what is known of the node. What the operator said stands; a server that does not answer leaves the rest
/// empty, and is asked again for some minutes while everything else goes on.
pub async fn complete(node: watch::Sender<Arc<Node>>) {
    let host = std::env::var("GCE_METADATA_HOST").unwrap_or_else(|_| HOST.to_owned());
    let mut delays = ExponentialBuilder::new()
        .with_min_delay(Duration::from_millis(200))
        .with_max_delay(Duration::from_secs(30))
        .with_jitter()
        .with_max_times(ATTEMPTS)
        .build();
    loop {
        let asked = host.clone();
        match tokio::task::spawn_blocking(move || ask(&asked)).await {
            Ok(Ok(cloud)) => {
                info!(project = cloud.project_id, cluster = cloud.cluster, "metadata of the node");
                node.send_modify(|node| *node = Arc::new(node.with_cloud(cloud)));
                return;
            }
            Ok(Err(e)) => debug!("metadata server {host}: {e}"),
            Err(e) => debug!("metadata server {host}: {e}"),
        }
        let Some(delay) = delays.next() else {
            info!(
                "no metadata server at {host}: what names the project and cluster comes from the configuration"
            );
            node.send_modify(|node| *node = Arc::new(node.without_cloud()));
            return;
        };
        tokio::time::sleep(delay).await;
    }
}

/// Reads all at once. What the server has no entry for is empty.
fn ask(host: &str) -> Result<Cloud, ureq::Error> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(TIMEOUT))
        .http_status_as_error(false)
        .proxy(None)
        .build()
        .into();
    let get = |path: &str| -> Result<String, ureq::Error> {
        let url = format!("http://{host}/computeMetadata/v1/{path}");
        let mut response = agent.get(&url).header("Metadata-Flavor", "Google").call()?;
        let genuine = response.headers().get("Metadata-Flavor").is_some_and(|value| value == "Google");
        match response.status().as_u16() {
            200 if genuine => Ok(response.body_mut().read_to_string()?.trim().to_owned()),
            // Any web server may be behind that name; only the metadata server says what it is.
            200 => Err(ureq::Error::StatusCode(200)),
            404 => Ok(String::new()),
            other => Err(ureq::Error::StatusCode(other)),
        }
    };
    // The path of the zone is `projects/NUMBER/zones/ZONE`.
    let last = |path: String| path.rsplit('/').next().unwrap_or_default().to_owned();
    Ok(Cloud {
        project_id: get("project/project-id")?,
        project_number: get("project/numeric-project-id")?,
        zone: last(get("instance/zone")?),
        instance_name: get("instance/name")?,
        instance_id: get("instance/id")?,
        cluster: get("instance/attributes/cluster-name")?,
        cluster_location: get("instance/attributes/cluster-location")?,
    })
}
