//! Which project, cluster and machine this node is, by Google Cloud's metadata server.

use std::{sync::Arc, time::Duration};

use backon::{BackoffBuilder, ExponentialBuilder};
use gce_metadata::{MetadataError, MetadataServer};
use tokio::sync::watch;
use tracing::{debug, info};

use super::node::{Cloud, Node};

/// A machine that does not answer for this long is on no Google Cloud.
const ATTEMPTS: usize = 20;

/// Completes what is known of the node. What the operator said stands; a server that does not answer leaves the rest
/// empty, and is asked again for some minutes while everything else goes on.
pub async fn complete(node: watch::Sender<Arc<Node>>) {
    let mut delays = ExponentialBuilder::new()
        .with_min_delay(Duration::from_millis(200))
        .with_max_delay(Duration::from_secs(30))
        .with_jitter()
        .with_max_times(ATTEMPTS)
        .build();
    loop {
        match tokio::task::spawn_blocking(ask).await {
            Ok(Ok(cloud)) => {
                info!(project = cloud.project_id, cluster = cloud.cluster, "metadata of the node");
                node.send_modify(|node| *node = Arc::new(node.with_cloud(cloud)));
                return;
            }
            Ok(Err(e)) => debug!("{e}"),
            Err(e) => debug!("metadata server: {e}"),
        }
        let Some(delay) = delays.next() else {
            info!(
                "the metadata server does not answer: project and cluster are taken from the configuration alone"
            );
            node.send_modify(|node| *node = Arc::new(node.without_cloud()));
            return;
        };
        tokio::time::sleep(delay).await;
    }
}

/// Reads all at once. What the server has no entry for is empty.
fn ask() -> Result<Cloud, MetadataError> {
    let server = MetadataServer::from_env();
    let get = |path: &str| server.get(path).map(Option::unwrap_or_default);
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
