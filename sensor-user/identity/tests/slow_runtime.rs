//! A container runtime that answers late, or not at all. Real ones cannot be told to; this one speaks the same protocol, and how
//! the sensor gets on with a real one, `tests/identity.rs` shows.

use std::{
    collections::HashMap,
    path::Path,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use proto::cri::{
    self,
    runtime_service_server::{RuntimeService, RuntimeServiceServer},
};
use scriptwatch_identity::{ContainerId, Directory, Placement};
use tokio::{net::UnixListener, task::JoinHandle};
use tokio_stream::wrappers::UnixListenerStream;
use tonic::{Request, Response, Status};

/// Longer than anything here waits.
const NEVER: Duration = Duration::from_mins(10);
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Clone, Default)]
struct Runtime {
    containers: Arc<Vec<ContainerId>>,
    /// So many are in the list of all; the others are found when they are asked about.
    listed: usize,
    /// How long the status of each takes.
    delays: Arc<Mutex<HashMap<String, Duration>>>,
    /// How often each container's status was asked for.
    asked: Arc<Mutex<HashMap<String, u32>>>,
    connections: Arc<Mutex<u32>>,
    /// Its pods, in the list.
    pods: Arc<Mutex<Vec<cri::PodSandbox>>>,
    /// Containers that came later.
    late: Arc<Mutex<Vec<ContainerId>>>,
}

fn id(number: u64) -> ContainerId {
    ContainerId::new(&format!("{number:064x}")).expect("a container's id")
}

impl Runtime {
    fn of(containers: impl Iterator<Item = u64>) -> Self {
        Self { containers: Arc::new(containers.map(id).collect()), ..Self::default() }
    }

    /// Serves at the socket until the handle is aborted.
    fn serve(&self, socket: &Path) -> JoinHandle<()> {
        let _ = std::fs::remove_file(socket);
        let listener = UnixListener::bind(socket).expect("a socket");
        let service = RuntimeServiceServer::new(self.clone());
        tokio::spawn(async move {
            let server = tonic::transport::Server::builder().add_service(service);
            server.serve_with_incoming(UnixListenerStream::new(listener)).await.expect("a server");
        })
    }

    fn delay(&self, container: &ContainerId, delay: Duration) {
        self.delays.lock().expect("a lock").insert(container.as_str().to_owned(), delay);
    }

    fn asked(&self, container: &ContainerId) -> u32 {
        self.asked.lock().expect("a lock").get(container.as_str()).copied().unwrap_or(0)
    }
}

fn listed(container: &ContainerId) -> cri::Container {
    cri::Container {
        id: container.as_str().to_owned(),
        pod_sandbox_id: "sandbox".to_owned(),
        metadata: Some(cri::ContainerMetadata { name: "web".to_owned(), ..Default::default() }),
        ..Default::default()
    }
}

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl RuntimeService for Runtime {
    async fn version(&self, request: Request<cri::VersionRequest>) -> Answer<cri::VersionResponse> {
        // Only who connects says a version.
        if !request.into_inner().version.is_empty() {
            *self.connections.lock().expect("a lock") += 1;
        }
        Ok(Response::new(cri::VersionResponse::default()))
    }

    async fn pod_sandbox_status(
        &self,
        _: Request<cri::PodSandboxStatusRequest>,
    ) -> Answer<cri::PodSandboxStatusResponse> {
        Ok(Response::new(cri::PodSandboxStatusResponse::default()))
    }

    async fn list_pod_sandbox(
        &self,
        _: Request<cri::ListPodSandboxRequest>,
    ) -> Answer<cri::ListPodSandboxResponse> {
        let items = self.pods.lock().expect("a lock").clone();
        Ok(Response::new(cri::ListPodSandboxResponse { items }))
    }

    async fn list_containers(
        &self,
        request: Request<cri::ListContainersRequest>,
    ) -> Answer<cri::ListContainersResponse> {
        let wanted = request.into_inner().filter.map(|filter| filter.id);
        let containers = match &wanted {
            Some(wanted) => {
                let late = self.late.lock().expect("a lock");
                let all = self.containers.iter().chain(late.iter());
                all.filter(|id| id.as_str() == wanted).map(listed).collect()
            }
            None => self.containers.iter().take(self.listed).map(listed).collect(),
        };
        Ok(Response::new(cri::ListContainersResponse { containers }))
    }

    async fn container_status(
        &self,
        request: Request<cri::ContainerStatusRequest>,
    ) -> Answer<cri::ContainerStatusResponse> {
        let container = request.into_inner().container_id;
        *self.asked.lock().expect("a lock").entry(container.clone()).or_default() += 1;
        let delay = self.delays.lock().expect("a lock").get(&container).copied();
        tokio::time::sleep(delay.unwrap_or_default()).await;
        Ok(Response::new(cri::ContainerStatusResponse::default()))
    }

    async fn run_pod_sandbox(
        &self,
        _: Request<cri::RunPodSandboxRequest>,
    ) -> Answer<cri::RunPodSandboxResponse> {
        Err(Status::unimplemented("nothing is run here"))
    }

    async fn stop_pod_sandbox(
        &self,
        _: Request<cri::StopPodSandboxRequest>,
    ) -> Answer<cri::StopPodSandboxResponse> {
        Err(Status::unimplemented("nothing is run here"))
    }

    async fn remove_pod_sandbox(
        &self,
        _: Request<cri::RemovePodSandboxRequest>,
    ) -> Answer<cri::RemovePodSandboxResponse> {
        Err(Status::unimplemented("nothing is run here"))
    }

    async fn create_container(
        &self,
        _: Request<cri::CreateContainerRequest>,
    ) -> Answer<cri::CreateContainerResponse> {
        Err(Status::unimplemented("nothing is run here"))
    }

    async fn start_container(
        &self,
        _: Request<cri::StartContainerRequest>,
    ) -> Answer<cri::StartContainerResponse> {
        Err(Status::unimplemented("nothing is run here"))
    }

    async fn stop_container(
        &self,
        _: Request<cri::StopContainerRequest>,
    ) -> Answer<cri::StopContainerResponse> {
        Err(Status::unimplemented("nothing is run here"))
    }

    async fn remove_container(
        &self,
        _: Request<cri::RemoveContainerRequest>,
    ) -> Answer<cri::RemoveContainerResponse> {
        Err(Status::unimplemented("nothing is run here"))
    }

    async fn exec_sync(&self, _: Request<cri::ExecSyncRequest>) -> Answer<cri::ExecSyncResponse> {
        Err(Status::unimplemented("nothing is run here"))
    }
}

/// A directory that is kept up to date from this socket.
fn follow(socket: &Path) -> Arc<Directory> {
    let (directory, questions) = Directory::new(true);
    tokio::spawn(scriptwatch_identity::follow(
        socket.to_owned(),
        directory.clone(),
        questions,
        Arc::new(|_| {}),
    ));
    directory
}

async fn until(what: &str, is_so: impl Fn() -> bool) -> Duration {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "{what}: not in time");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    begun.elapsed()
}

#[tokio::test]
async fn a_container_whose_status_hangs_is_alone_with_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let socket = dir.path().join("runtime.sock");
    let runtime = Runtime::of(0..20);
    runtime.delay(&id(0), NEVER);
    let _serving = runtime.serve(&socket);
    let directory = follow(&socket);
    directory.ask(&id(0));
    until("the first question", || runtime.asked(&id(0)) == 1).await;
    for number in 1..20 {
        directory.ask(&id(number));
    }
    let took = until("the others", || (1..20).all(|number| directory.knows(&id(number)))).await;
    assert!(took < Duration::from_secs(2), "{took:?}");
    // It is asked about again, over the same connection, until there is an answer.
    until("the second question", || runtime.asked(&id(0)) == 2).await;
    runtime.delay(&id(0), Duration::ZERO);
    until("the answer", || directory.knows(&id(0))).await;
    assert_eq!(*runtime.connections.lock().expect("a lock"), 1);
}

#[tokio::test]
async fn what_was_asked_when_the_connection_broke_is_asked_again() {
    let dir = tempfile::tempdir().expect("a directory");
    let socket = dir.path().join("runtime.sock");
    let runtime = Runtime::of(0..1);
    runtime.delay(&id(0), NEVER);
    // With a runtime of its own, the end of which ends the connections.
    let first =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("one");
    let entered = first.enter();
    let serving = runtime.serve(&socket);
    drop(entered);
    let directory = follow(&socket);
    directory.ask(&id(0));
    until("the question", || runtime.asked(&id(0)) == 1).await;
    serving.abort();
    first.shutdown_background();
    // Nobody is there for longer than a call waits, so that the session ends.
    tokio::time::sleep(Duration::from_secs(7)).await;
    runtime.delay(&id(0), Duration::ZERO);
    let _serving = runtime.serve(&socket);
    until("the answer", || directory.knows(&id(0))).await;
    assert_eq!(*runtime.connections.lock().expect("a lock"), 2);
}

#[tokio::test]
async fn what_the_list_tells_is_known_while_the_rest_hangs() {
    let dir = tempfile::tempdir().expect("a directory");
    let socket = dir.path().join("runtime.sock");
    let runtime = Runtime::of(0..1);
    runtime.delay(&id(0), NEVER);
    let _serving = runtime.serve(&socket);
    let directory = follow(&socket);
    directory.place(7, Placement { container: Some(id(0)), ..Placement::default() });
    until("its name", || directory.identify(7).container.is_some()).await;
    let identity = directory.identify(7);
    assert_eq!(identity.container.as_ref().map(|container| container.name.as_str()), Some("web"));
    assert_eq!((identity.id, identity.is_complete), (Some(id(0)), false));
    // Findings are completed when it answers.
    runtime.delay(&id(0), Duration::ZERO);
    until("the answer", || directory.knows(&id(0))).await;
    assert!(directory.identify(7).is_complete);
}

#[tokio::test]
async fn who_is_not_found_is_waited_for_no_longer_and_found_when_the_runtime_knows_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let socket = dir.path().join("runtime.sock");
    let runtime = Runtime::of(0..0);
    let _serving = runtime.serve(&socket);
    let directory = follow(&socket);
    directory.place(7, Placement { container: Some(id(0)), ..Placement::default() });
    until("nobody waits", || directory.identify(7).is_complete).await;
    assert_eq!((directory.identify(7).id, directory.identify(7).container.is_none()), (Some(id(0)), true));
    runtime.late.lock().expect("a lock").push(id(0));
    until("it is found", || directory.knows(&id(0))).await;
}

#[tokio::test]
async fn pods_with_a_kernel_of_their_own_are_told() {
    let dir = tempfile::tempdir().expect("a directory");
    let socket = dir.path().join("runtime.sock");
    let runtime = Runtime::of(0..1);
    let pod = |handler: &str| cri::PodSandbox { runtime_handler: handler.to_owned(), ..Default::default() };
    *runtime.pods.lock().expect("a lock") = vec![pod(""), pod("gvisor"), pod("gvisor")];
    let _serving = runtime.serve(&socket);
    let directory = follow(&socket);
    until("two pods", || directory.hidden_pods() == [("gvisor".to_owned(), 2)].into()).await;
}

#[tokio::test]
async fn five_hundred_containers_are_learnt_of_a_runtime_that_takes_its_time() {
    let dir = tempfile::tempdir().expect("a directory");
    let socket = dir.path().join("runtime.sock");
    let runtime = Runtime { listed: 500, ..Runtime::of((0..500).chain([900])) };
    for number in 0..500 {
        runtime.delay(&id(number), Duration::from_millis(100));
    }
    // More of them hang than are asked about at once.
    for number in 0..20 {
        runtime.delay(&id(number), NEVER);
    }
    let _serving = runtime.serve(&socket);
    let directory = follow(&socket);
    // Who is asked about meanwhile need not wait for the list.
    until("the list", || runtime.asked(&id(0)) == 1).await;
    directory.ask(&id(900));
    let took = until("the one asked about", || directory.knows(&id(900))).await;
    assert!(took < Duration::from_secs(1), "{took:?}");
    // One after the other would take 50 s, and a minute for those that hang.
    let took = until("all others", || (20..500).all(|number| directory.knows(&id(number)))).await;
    assert!(took < Duration::from_secs(20), "{took:?}");
    runtime.delay(&id(7), Duration::ZERO);
    until("the last", || directory.knows(&id(7))).await;
    assert_eq!(*runtime.connections.lock().expect("a lock"), 1);
}
