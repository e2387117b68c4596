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
    sandbox,
};
use cause::chain;

/// A call about one container that takes longer is given up.
const CALL: Duration = Duration::from_secs(2);
/// A connection's first answer may take so long: it is only made anew when there is none.
const CONNECT: Duration = Duration::from_secs(10);
/// A list of all there are may take so long: a busy runtime has hundreds.
const LIST: Duration = Duration::from_secs(30);
/// Calls under way at once about containers that are asked about, and about those of the list: there may be hundreds.
const CALLS: usize = 16;
const CALLS_OF_LIST: usize = 8;
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
        .connect_timeout(CONNECT)
        .connect()
        .await
        .map_err(|e| chain(&e))?;
    // A socket that accepts may belong to a runtime that is still starting.
    let asked = cri::VersionRequest { version: "v1".to_owned() };
    within(CONNECT, cri_client(&channel).version(asked))
        .await
        .map_err(|status| status.message().to_owned())?;
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
    status.code() == Code::DeadlineExceeded
}

/// Asks, and tells the directory.
#[derive(Clone)]
pub(crate) struct Client {
    cri: RuntimeServiceClient<Channel>,
    bundles: Bundles,
    pub(crate) directory: Arc<Directory>,
    calls: Arc<Semaphore>,
    calls_of_list: Arc<Semaphore>,
}

/// An answer, if it is whole in time.
async fn within<T>(
    limit: Duration,
    call: impl Future<Output = Result<tonic::Response<T>, Status>>,
) -> Result<T, Status> {
    match tokio::time::timeout(limit, call).await {
        Ok(answer) => answer.map(tonic::Response::into_inner),
        Err(_) => Err(Status::deadline_exceeded(format!("no answer within {limit:?}"))),
    }
}

impl Client {
    pub(crate) fn new(channel: &Channel, bundles: Bundles, directory: Arc<Directory>) -> Self {
        let (calls, of_list) = (Semaphore::new(CALLS), Semaphore::new(CALLS_OF_LIST));
        Self {
            cri: cri_client(channel),
            bundles,
            directory,
            calls: Arc::new(calls),
            calls_of_list: Arc::new(of_list),
        }
    }

    /// False when there is no answer in time.
    pub(crate) async fn ping(&self) -> Result<bool, Status> {
        match within(CALL, self.cri.clone().version(cri::VersionRequest::default())).await {
            Ok(_) => Ok(true),
            Err(status) if is_late(&status) => Ok(false),
            Err(status) => Err(status),
        }
    }

    /// Learns which pods cannot be seen into.
    pub(crate) async fn learn_hidden(&self) -> Result<(), Status> {
        let pods = within(LIST, self.cri.clone().list_pod_sandbox(ListPodSandboxRequest {})).await?.items;
        self.directory.learn_hidden(sandbox::hidden(&pods));
        Ok(())
    }

    /// All that there is when the connection begins; returns those of which the runtime did not tell all.
    pub(crate) async fn learn_all(self) -> Result<Vec<ContainerId>, Status> {
        let mut cri = self.cri.clone();
        // Before the pods: a container's pod is there before it.
        let all = within(LIST, cri.list_containers(ListContainersRequest::default())).await?;
        let pods = within(LIST, cri.list_pod_sandbox(ListPodSandboxRequest {})).await?.items;
        let pods: HashMap<String, Pod> = pods
            .into_iter()
            .filter_map(|sandbox| Some((sandbox.id, pod(sandbox.metadata?, sandbox.labels))))
            .collect();
        for pod in pods.values() {
            self.directory.learn_pod(pod.clone());
        }
        let mut completing = JoinSet::new();
        for listed in all.containers {
            let Some(id) = ContainerId::new(&listed.id) else { continue };
            if self.directory.knows(&id) {
                continue;
            }
            let pod = pods.get(&listed.pod_sandbox_id).cloned();
            let client = self.clone();
            client.learn_listed(&id, &listed, pod.as_ref());
            completing.spawn(async move {
                // Nobody closes it.
                let _permit = client.calls_of_list.acquire().await;
                if client.directory.knows(&id) {
                    return None;
                }
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
    /// False when it is not found.
    pub(crate) async fn answer(&self, id: &ContainerId) -> Result<bool, Status> {
        if self.directory.knows(id) {
            return Ok(true);
        }
        let delays = ExponentialBuilder::new()
            .with_min_delay(Duration::from_millis(10))
            .with_max_delay(Duration::from_millis(640))
            .with_max_times(8)
            .build();
        for delay in delays {
            // It may be there only now.
            if self.directory.is_unknown(id) {
                from_bundle(&self.bundles, &self.directory, id).await;
            }
            {
                let _permit = self.calls.acquire().await;
                if self.ask_once(id).await? {
                    return Ok(true);
                }
            }
            tokio::time::sleep(delay).await;
        }
        self.directory.give_up(id);
        Ok(false)
    }

    /// False when the runtime does not know it.
    async fn ask_once(&self, id: &ContainerId) -> Result<bool, Status> {
        let filter = ContainerFilter { id: id.as_str().to_owned(), ..ContainerFilter::default() };
        let list = ListContainersRequest { filter: Some(filter) };
        let mut cri = self.cri.clone();
        let found = within(CALL, cri.list_containers(list)).await?.containers;
        let Some(listed) = found.into_iter().find(|c| c.id == id.as_str()) else { return Ok(false) };
        let sandbox =
            PodSandboxStatusRequest { pod_sandbox_id: listed.pod_sandbox_id.clone(), verbose: false };
        let pod = match within(CALL, cri.pod_sandbox_status(sandbox)).await {
            Ok(response) => response.status.and_then(|status| Some(pod(status.metadata?, status.labels))),
            Err(status) if status.code() == Code::NotFound => None,
            Err(status) => {
                self.learn_listed(id, &listed, None);
                return Err(status);
            }
        };
        self.learn_listed(id, &listed, pod.as_ref());
        self.complete(id.clone(), listed, pod).await?;
        Ok(true)
    }

    /// All but the image's digest in its repository is in the list.
    fn learn_listed(&self, id: &ContainerId, listed: &cri::Container, pod: Option<&Pod>) {
        let known = container(id.clone(), listed.clone(), pod.cloned(), None);
        self.directory.learn(known, Knowledge::Listed);
    }

    /// The list has the image's own digest, the status the repository's.
    async fn complete(
        &self,
        id: ContainerId,
        listed: cri::Container,
        pod: Option<Pod>,
    ) -> Result<(), Status> {
        let question = ContainerStatusRequest { container_id: listed.id.clone() };
        let status = match within(CALL, self.cri.clone().container_status(question)).await {
            Ok(response) => response.status,
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
