//! The node's container runtime: asked about containers over CRI, and listened to where it is containerd.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use backon::{BackoffBuilder, ExponentialBuilder, Retryable};
use prost::Message;
use proto::{
    containerd::{AboutContainer, Envelope, SubscribeRequest, events_client::EventsClient},
    cri::{
        self, ContainerFilter, ContainerStatusRequest, ListContainersRequest, ListPodSandboxRequest,
        PodSandboxStatusRequest, runtime_service_client::RuntimeServiceClient,
    },
};
use tokio::{
    sync::{Semaphore, mpsc},
    task::{JoinError, JoinSet},
};
use tonic::{
    Code, Status,
    transport::{Channel, Endpoint},
};
use tracing::{debug, info, warn};

use super::{
    bundle::Bundles,
    cgroup::ContainerId,
    container::{Container, Pod, without_kubelets},
    directory::{Directory, Knowledge},
};
use cause::chain;

/// Where runtimes listen: GKE and most others, CRI-O, k3s, cri-dockerd.
const SOCKETS: [&str; 4] = [
    "/run/containerd/containerd.sock",
    "/run/crio/crio.sock",
    "/run/k3s/containerd/containerd.sock",
    "/run/cri-dockerd.sock",
];
/// A call that takes longer is given up and made again.
const CALL: Duration = Duration::from_secs(2);
/// Calls under way at once.
const CALLS: usize = 16;
/// Events that may wait.
const EVENTS: usize = 1024;
/// How often an idle connection is tried.
const CHECK: Duration = Duration::from_secs(5);
/// Lists of all containers of a node are larger than gRPC's default of 4 MiB.
const MESSAGE_BYTES: usize = 64 * 1024 * 1024;

/// The runtime's socket, if one of the usual ones is there.
pub fn usual_socket() -> Option<PathBuf> {
    SOCKETS.iter().map(PathBuf::from).find(|socket| socket.exists())
}

/// Is told of containers that ended.
pub type OnEnd = Arc<dyn Fn(ContainerId) + Send + Sync>;

/// Answers the directory's questions and keeps it up to date, over as many connections as it takes. Never returns.
pub async fn follow(
    socket: PathBuf,
    directory: Arc<Directory>,
    mut questions: mpsc::Receiver<ContainerId>,
    on_end: OnEnd,
) {
    // The state directory is where the socket is.
    let state = socket.parent().unwrap_or(Path::new("/run/containerd")).to_owned();
    let bundles = Bundles::new(state);
    let mut waiting = Vec::new();
    loop {
        let delays = ExponentialBuilder::new()
            .with_min_delay(Duration::from_millis(50))
            .with_max_delay(Duration::from_secs(5))
            .with_jitter()
            .without_max_times();
        let connecting = (|| connect(&socket)).retry(delays).notify(|e: &String, delay| {
            warn!("container runtime {}: {e}; again in {delay:?}", socket.display());
        });
        tokio::pin!(connecting);
        // Bundles answer while the runtime does not.
        let channel = loop {
            tokio::select! {
                connected = &mut connecting => match connected {
                    Ok(channel) => break channel,
                    Err(e) => debug!("{e}"),
                },
                Some(id) = questions.recv() => {
                    from_bundle(&bundles, &directory, &id).await;
                    waiting.push(id);
                }
            }
        };
        info!("container runtime at {}", socket.display());
        let client =
            Client { cri: cri_client(&channel), bundles: bundles.clone(), directory: directory.clone() };
        let why = session(client, channel, &mut questions, std::mem::take(&mut waiting), &on_end).await;
        warn!("container runtime {}: {why}", socket.display());
    }
}

fn cri_client(channel: &Channel) -> RuntimeServiceClient<Channel> {
    RuntimeServiceClient::new(channel.clone()).max_decoding_message_size(MESSAGE_BYTES)
}

async fn connect(socket: &Path) -> Result<Channel, String> {
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

async fn from_bundle(bundles: &Bundles, directory: &Directory, id: &ContainerId) {
    if let Some(container) = bundles.look_up(id).await {
        directory.learn(container, Knowledge::Bundle);
    }
}

/// One connection's life; returns why it ended.
async fn session(
    client: Client,
    channel: Channel,
    questions: &mut mpsc::Receiver<ContainerId>,
    waiting: Vec<ContainerId>,
    on_end: &OnEnd,
) -> String {
    let (heard, mut events) = mpsc::channel(EVENTS);
    let mut tasks = JoinSet::new();
    tasks.spawn(listen(channel, heard));
    let lister = client.clone();
    tasks.spawn(async move {
        lister
            .learn_all()
            .await
            .map_err(|status| format!("its containers cannot be listed: {}", status.message()))
    });
    let calls = Arc::new(Semaphore::new(CALLS));
    let mut asking = JoinSet::new();
    let ask = |asking: &mut JoinSet<Result<(), Status>>, id: ContainerId| {
        let (client, calls) = (client.clone(), calls.clone());
        asking.spawn(async move {
            let _permit = calls.acquire().await;
            client.answer(&id).await
        });
    };
    for id in waiting {
        ask(&mut asking, id);
    }
    let mut check = tokio::time::interval(CHECK);
    loop {
        tokio::select! {
            Some(id) = questions.recv() => ask(&mut asking, id),
            Some(answer) = asking.join_next() => {
                if let Err(status) = not_panicked(answer) {
                    return status.message().to_owned();
                }
            }
            Some(done) = tasks.join_next() => {
                if let Err(why) = not_panicked(done) {
                    return why;
                }
            }
            Some(envelope) = events.recv() => match about(&envelope) {
                Some((id, true)) => {
                    debug!("container {id} is gone");
                    on_end(id);
                }
                Some((id, false)) => client.directory.ask(&id),
                None => {}
            },
            // Where there are no events this is how its end is noticed.
            _ = check.tick() => {
                if let Err(status) = client.ping().await {
                    return status.message().to_owned();
                }
            }
        }
    }
}

/// What a task returned. Its panic goes on here, where the supervisor sees it.
fn not_panicked<T>(done: Result<T, JoinError>) -> T {
    done.unwrap_or_else(|e| match e.try_into_panic() {
        Ok(panic) => std::panic::resume_unwind(panic),
        Err(e) => unreachable!("nobody cancels it: {e}"),
    })
}

/// Listens to containerd's events until the connection ends. Another runtime has none, which is well.
async fn listen(channel: Channel, heard: mpsc::Sender<Envelope>) -> Result<(), String> {
    let topics = ["/containers/create", "/tasks/start", "/containers/delete"];
    let filters = topics.iter().map(|topic| format!("topic==\"{topic}\"")).collect();
    // containerd answers with its first event, so nothing may wait for this.
    let mut stream = match EventsClient::new(channel).subscribe(SubscribeRequest { filters }).await {
        Ok(response) => response.into_inner(),
        Err(status) if status.code() == Code::Unimplemented => return Ok(()),
        Err(status) => return Err(status.message().to_owned()),
    };
    loop {
        match stream.message().await {
            Ok(Some(envelope)) => {
                if heard.send(envelope).await.is_err() {
                    return Ok(());
                }
            }
            Ok(None) => return Err("its events ended".to_owned()),
            Err(status) => return Err(status.message().to_owned()),
        }
    }
}

/// Which container an event is about, and whether it ended.
fn about(envelope: &Envelope) -> Option<(ContainerId, bool)> {
    let event = envelope.event.as_ref()?;
    let id = ContainerId::new(&AboutContainer::decode(&*event.value).ok()?.container_id)?;
    Some((id, envelope.topic == "/containers/delete"))
}

/// Asks, and tells the directory.
#[derive(Clone)]
struct Client {
    cri: RuntimeServiceClient<Channel>,
    bundles: Bundles,
    directory: Arc<Directory>,
}

fn request<T>(message: T) -> tonic::Request<T> {
    let mut request = tonic::Request::new(message);
    request.set_timeout(CALL);
    request
}

impl Client {
    async fn ping(&self) -> Result<(), Status> {
        self.cri.clone().version(request(cri::VersionRequest::default())).await.map(|_| ())
    }

    /// All that there is when the connection begins.
    async fn learn_all(mut self) -> Result<(), Status> {
        let pods = self.cri.list_pod_sandbox(request(ListPodSandboxRequest {})).await?.into_inner().items;
        let pods: HashMap<String, Pod> = pods
            .into_iter()
            .filter_map(|sandbox| Some((sandbox.id, pod(sandbox.metadata?, sandbox.labels))))
            .collect();
        for pod in pods.values() {
            self.directory.learn_pod(pod.clone());
        }
        let all = self.cri.list_containers(request(ListContainersRequest::default())).await?.into_inner();
        for listed in all.containers {
            let Some(id) = ContainerId::new(&listed.id) else { continue };
            if !self.directory.knows(&id) {
                let pod = pods.get(&listed.pod_sandbox_id).cloned();
                self.complete(id, listed, pod).await?;
            }
        }
        Ok(())
    }

    /// Learns a container. It may be there before the runtime's list has it, so one that is not found is asked
    /// about for a while.
    async fn answer(&self, id: &ContainerId) -> Result<(), Status> {
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
            if self.ask_once(id).await? {
                return Ok(());
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
        let found = cri.list_containers(request(list)).await?.into_inner().containers;
        let Some(listed) = found.into_iter().find(|c| c.id == id.as_str()) else { return Ok(false) };
        let sandbox = PodSandboxStatusRequest { pod_sandbox_id: listed.pod_sandbox_id.clone() };
        let pod = match cri.pod_sandbox_status(request(sandbox)).await {
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
        let status = match self.cri.clone().container_status(request(question)).await {
            Ok(response) => response.into_inner().status,
            Err(status) if status.code() == Code::NotFound => None,
            Err(status) => return Err(status),
        };
        let pod = pod.or_else(|| Pod::of_labels(&listed.labels));
        let named = listed.image.map(|image| image.image).unwrap_or_default();
        let (image_uri, reference) = match status {
            Some(status) => (status.image.map_or(named, |i| i.image), status.image_ref),
            None => (named, String::new()),
        };
        let digest = |text: &str| text.rsplit_once('@').map(|(_, digest)| digest.to_owned());
        self.directory.learn(
            Container {
                id,
                name: listed.metadata.map(|m| m.name).unwrap_or_default(),
                image_uri,
                image_id: digest(&reference).unwrap_or(listed.image_ref),
                labels: without_kubelets(listed.labels),
                created_unix_ns: u64::try_from(listed.created_at).ok(),
                sandbox: listed.pod_sandbox_id,
                pod,
            },
            Knowledge::Complete,
        );
        Ok(())
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
