//! What is asked of the node's container runtime over CRI, and learnt of its answers.

use std::{collections::HashMap, path::Path, sync::Arc, time::Duration};

use backon::{BackoffBuilder, ExponentialBuilder};
use proto::cri::{
    self, ContainerFilter, ContainerStatusRequest, ListContainersRequest, ListPodSandboxRequest,
    PodSandboxStatusRequest, runtime_service_client::RuntimeServiceClient,
};
use tokio::{sync::Semaphore, task::JoinSet};
use tonic::{
    Code, Status,
    transport::{Channel, Endpoint},
};

use super::{
    bundle::Bundles,
    cgroup::ContainerId,
    container::{Container, Pod, without_kubelets},
    directory::{Directory, Knowledge},
    runtime::not_panicked,
};
use cause::chain;

/// A call about one container that takes longer is given up.
const CALL: Duration = Duration::from_secs(2);
/// A list of all there are may take so long: a busy runtime has hundreds.
const LIST: Duration = Duration::from_secs(30);
/// Calls under way at once.
const CALLS: usize = 16;
/// Lists of all containers of a node are larger than gRPC's default of 4 MiB.
const MESSAGE_BYTES: usize = 64 * 1024 * 1024;

fn cri_client(channel: &Channel) -> RuntimeServiceClient<Channel> {
    RuntimeServiceClient::new(channel.clone()).max_decoding_message_size(MESSAGE_BYTES)
}

/// Connects, and waits for the runtime's first answer.
pub(crate) async fn connect(socket: &Path) -> Result<Channel, String> {
    let uri = format!("unix:{}", socket.display());
    let channel = Endpoint::from_shared(uri)
        .map_err(|e| format!("not a usable socket: {e}"))?
        .connect_timeout(CALL)
        .connect()
        .await
        .map_err(|e| chain(&e))?;
    // A socket that accepts may belong to a runtime that is still starting.
    let mut request = tonic::Request::new(cri::VersionRequest { version: "v1".to_owned() });
    request.set_timeout(CALL);
    cri_client(&channel).version(request).await.map_err(|status| status.message().to_owned())?;
    Ok(channel)
}

/// What the runtime's files say of a container.
pub(crate) async fn from_bundle(bundles: &Bundles, directory: &Directory, id: &ContainerId) {
    if let Some(container) = bundles.look_up(id).await {
        directory.learn(container, Knowledge::Bundle);
    }
}

/// Did a call take too long? The connection may be as good as ever.
fn is_late(status: &Status) -> bool {
    matches!(status.code(), Code::DeadlineExceeded | Code::Cancelled)
}

/// Asks, and tells the directory.
#[derive(Clone)]
pub(crate) struct Client {
    cri: RuntimeServiceClient<Channel>,
    bundles: Bundles,
    pub(crate) directory: Arc<Directory>,
    calls: Arc<Semaphore>,
}

fn request<T>(message: T, timeout: Duration) -> tonic::Request<T> {
    let mut request = tonic::Request::new(message);
    request.set_timeout(timeout);
    request
}

impl Client {
    pub(crate) fn new(channel: &Channel, bundles: Bundles, directory: Arc<Directory>) -> Self {
        Self { cri: cri_client(channel), bundles, directory, calls: Arc::new(Semaphore::new(CALLS)) }
    }

    /// False when there is no answer in time.
    pub(crate) async fn ping(&self) -> Result<bool, Status> {
        match self.cri.clone().version(request(cri::VersionRequest::default(), CALL)).await {
            Ok(_) => Ok(true),
            Err(status) if is_late(&status) => Ok(false),
            Err(status) => Err(status),
        }
    }

    /// All that there is when the connection begins; returns those of which the runtime did not tell all.
    pub(crate) async fn learn_all(mut self) -> Result<Vec<ContainerId>, Status> {
        let pods = request(ListPodSandboxRequest {}, LIST);
        let pods = self.cri.list_pod_sandbox(pods).await?.into_inner().items;
        let pods: HashMap<String, Pod> = pods
            .into_iter()
            .filter_map(|sandbox| Some((sandbox.id, pod(sandbox.metadata?, sandbox.labels))))
            .collect();
        for pod in pods.values() {
            self.directory.learn_pod(pod.clone());
        }
        let all = request(ListContainersRequest::default(), LIST);
        let all = self.cri.list_containers(all).await?.into_inner();
        let mut completing = JoinSet::new();
        for listed in all.containers {
            let Some(id) = ContainerId::new(&listed.id) else { continue };
            if self.directory.knows(&id) {
                continue;
            }
            let pod = pods.get(&listed.pod_sandbox_id).cloned();
            // All but the image's digest in its repository is in the list.
            self.directory.learn(container(id.clone(), listed.clone(), pod.clone(), None), Knowledge::Bundle);
            let client = self.clone();
            completing.spawn(async move {
                // Nobody closes it.
                let _permit = client.calls.acquire().await;
                client.complete(id.clone(), listed, pod).await.err().map(|_| id)
            });
        }
        let mut left = Vec::new();
        while let Some(done) = completing.join_next().await {
            left.extend(not_panicked(done));
        }
        Ok(left)
    }

    /// Learns a container. It may be there before the runtime's list has it, so one that is not found is asked
    /// about for a while.
    pub(crate) async fn answer(&self, id: &ContainerId) -> Result<(), Status> {
        if self.directory.knows(id) {
            return Ok(());
        }
        from_bundle(&self.bundles, &self.directory, id).await;
        let delays = ExponentialBuilder::new()
            .with_min_delay(Duration::from_millis(10))
            .with_max_delay(Duration::from_millis(640))
            .with_max_times(8)
            .build();
        for delay in delays {
            {
                let _permit = self.calls.acquire().await;
                if self.ask_once(id).await? {
                    return Ok(());
                }
            }
            tokio::time::sleep(delay).await;
        }
        self.directory.give_up(id);
        Ok(())
    }

    /// False when the runtime does not know it.
    async fn ask_once(&self, id: &ContainerId) -> Result<bool, Status> {
        let filter = ContainerFilter { id: id.as_str().to_owned(), ..ContainerFilter::default() };
        let list = ListContainersRequest { filter: Some(filter) };
        let mut cri = self.cri.clone();
        let found = cri.list_containers(request(list, CALL)).await?.into_inner().containers;
        let Some(listed) = found.into_iter().find(|c| c.id == id.as_str()) else { return Ok(false) };
        let sandbox = PodSandboxStatusRequest { pod_sandbox_id: listed.pod_sandbox_id.clone() };
        let pod = match cri.pod_sandbox_status(request(sandbox, CALL)).await {
            Ok(response) => {
                response.into_inner().status.and_then(|status| Some(pod(status.metadata?, status.labels)))
            }
            Err(status) if status.code() == Code::NotFound => None,
            Err(status) => return Err(status),
        };
        self.complete(id.clone(), listed, pod).await?;
        Ok(true)
    }

    /// The list has the image's own digest, the status the repository's.
    async fn complete(
        &self,
        id: ContainerId,
        listed: cri::Container,
        pod: Option<Pod>,
    ) -> Result<(), Status> {
        let question = ContainerStatusRequest { container_id: listed.id.clone() };
        let status = match self.cri.clone().container_status(request(question, CALL)).await {
            Ok(response) => response.into_inner().status,
            Err(status) if status.code() == Code::NotFound => None,
            Err(status) => return Err(status),
        };
        self.directory.learn(container(id, listed, pod, status), Knowledge::Complete);
        Ok(())
    }
}

fn container(
    id: ContainerId,
    listed: cri::Container,
    pod: Option<Pod>,
    status: Option<cri::ContainerStatus>,
) -> Container {
    let pod = pod.or_else(|| Pod::of_labels(&listed.labels));
    let named = listed.image.map(|image| image.image).unwrap_or_default();
    let (image_uri, reference) = match status {
        Some(status) => (status.image.map_or(named, |i| i.image), status.image_ref),
        None => (named, String::new()),
    };
    let digest = |text: &str| text.rsplit_once('@').map(|(_, digest)| digest.to_owned());
    Container {
        id,
        name: listed.metadata.map(|m| m.name).unwrap_or_default(),
        image_uri,
        image_id: digest(&reference).unwrap_or(listed.image_ref),
        labels: without_kubelets(listed.labels),
        created_unix_ns: u64::try_from(listed.created_at).ok(),
        sandbox: listed.pod_sandbox_id,
        pod,
    }
}

fn pod(metadata: cri::PodSandboxMetadata, labels: impl IntoIterator<Item = (String, String)>) -> Pod {
    Pod {
        namespace: metadata.namespace,
        name: metadata.name,
        uid: metadata.uid,
        labels: without_kubelets(labels),
    }
}
