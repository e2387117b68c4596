//! The node's container runtime: asked about containers over CRI, and listened to where it is containerd.

use std::{
    collections::{HashMap, HashSet},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use backon::{ExponentialBuilder, Retryable};
use prost::Message;
use proto::containerd::{AboutContainer, Envelope, SubscribeRequest, events_client::EventsClient};
use tokio::{
    sync::mpsc,
    task::{JoinError, JoinSet},
};
use tonic::{Code, Status, transport::Channel};
use tracing::{debug, info, warn};

use super::{
    bundle::Bundles,
    cgroup::ContainerId,
    cri::{Client, connect, from_bundle},
    directory::Directory,
};

/// Where runtimes listen: GKE and most others, CRI-O, k3s, cri-dockerd.
const SOCKETS: [&str; 4] = [
    "/run/containerd/containerd.sock",
    "/run/crio/crio.sock",
    "/run/k3s/containerd/containerd.sock",
    "/run/cri-dockerd.sock",
];
/// Events that may wait.
const EVENTS: usize = 1024;
/// How often an idle connection is tried.
const CHECK: Duration = Duration::from_secs(5);
/// How often a question fails until that is told.
const TOLD: u32 = 4;
/// How long until it is put again, twice as long each time.
const AGAIN: Duration = Duration::from_secs(1);
/// And at most.
const AGAIN_MAX: Duration = Duration::from_mins(1);
/// When it is asked again about a container that was not found: the runtime may know it late.
const NOT_FOUND: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(5), Duration::from_secs(30)];
/// A session that was shorter is followed by a pause.
const SHORT: Duration = Duration::from_secs(5);
/// Questions under way at once; more wait where they come from.
const QUESTIONS: usize = 4096;
/// A runtime that was not in time so often is connected to anew: after five minutes.
const LATE: u32 = 60;
/// How often it is looked which pods cannot be seen into.
const HIDDEN: Duration = Duration::from_mins(1);
/// How long until the list of all is asked for again.
const LIST_AGAIN: Duration = Duration::from_secs(10);

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
    let mut waiting = HashSet::new();
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
                Some(id) = questions.recv(), if waiting.len() < QUESTIONS => {
                    from_bundle(&bundles, &directory, &id).await;
                    waiting.insert(id);
                }
            }
        };
        info!("container runtime at {}", socket.display());
        let client = Client::new(&channel, bundles.clone(), directory.clone());
        let mut session = Session::new(client, std::mem::take(&mut waiting));
        let since = Instant::now();
        let why = session.run(channel, &mut questions, &on_end).await;
        waiting.extend(session.under_way);
        warn!("container runtime {}: {why}", socket.display());
        if since.elapsed() < SHORT {
            tokio::time::sleep(AGAIN).await;
        }
    }
}

/// One connection's life.
struct Session {
    client: Client,
    /// Questions that are not answered.
    under_way: HashSet<ContainerId>,
    asking: JoinSet<(ContainerId, Result<bool, Status>)>,
    /// How often a question has failed.
    failures: HashMap<ContainerId, u32>,
    /// How often a container was not found.
    not_found: HashMap<ContainerId, usize>,
}

impl Session {
    fn new(client: Client, waiting: HashSet<ContainerId>) -> Self {
        let (failures, not_found) = (HashMap::new(), HashMap::new());
        let (under_way, asking) = (HashSet::new(), JoinSet::new());
        let mut session = Self { client, under_way, asking, failures, not_found };
        for id in waiting {
            session.ask(id, Duration::ZERO);
        }
        session
    }

    fn ask(&mut self, id: ContainerId, after: Duration) {
        if !self.under_way.insert(id.clone()) {
            return;
        }
        let client = self.client.clone();
        self.asking.spawn(async move {
            tokio::time::sleep(after).await;
            let answer = client.answer(&id).await;
            (id, answer)
        });
    }

    /// A question about one container that fails is that container's: others' answers do not depend on it.
    fn answered(&mut self, id: ContainerId, answer: Result<bool, Status>) {
        self.under_way.remove(&id);
        let status = match answer {
            Ok(true) => {
                self.failures.remove(&id);
                self.not_found.remove(&id);
                return;
            }
            Ok(false) => {
                self.failures.remove(&id);
                let times = self.not_found.entry(id.clone()).or_default();
                match NOT_FOUND.get(*times) {
                    Some(after) => {
                        *times += 1;
                        self.ask(id, *after);
                    }
                    None => drop(self.not_found.remove(&id)),
                }
                return;
            }
            Err(status) => status,
        };
        let failures = self.failures.entry(id.clone()).or_default();
        *failures += 1;
        if *failures == TOLD {
            warn!("container {id}: the runtime does not say who it is: {}", status.message());
        }
        let after = AGAIN.saturating_mul(2_u32.saturating_pow(*failures - 1)).min(AGAIN_MAX);
        debug!("container {id}: {}; again in {after:?}", status.message());
        self.ask(id, after);
    }

    /// Returns why it ended.
    async fn run(
        &mut self,
        channel: Channel,
        questions: &mut mpsc::Receiver<ContainerId>,
        on_end: &OnEnd,
    ) -> String {
        let (heard, mut events) = mpsc::channel(EVENTS);
        let (listed, mut not_told) = mpsc::channel(1);
        let mut tasks = JoinSet::new();
        tasks.spawn(listen(channel, heard));
        tasks.spawn(check(self.client.clone()));
        tasks.spawn(list(self.client.clone(), listed));
        tasks.spawn(count_hidden(self.client.clone()));
        loop {
            tokio::select! {
                Some(id) = questions.recv(), if self.under_way.len() < QUESTIONS => {
                    self.ask(id, Duration::ZERO);
                }
                Some(ids) = not_told.recv() => {
                    for id in ids {
                        self.ask(id, AGAIN);
                    }
                }
                Some(answer) = self.asking.join_next() => {
                    let (id, answer) = not_panicked(answer);
                    self.answered(id, answer);
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
                    Some((id, false)) => self.ask(id, Duration::ZERO),
                    None => {}
                },
            }
        }
    }
}

/// Asks the runtime for nothing, now and then: where there are no events this is how the connection's end is noticed. A runtime that is
/// only slow keeps its connection; one that says nothing for minutes may have gone on at another socket of that name.
async fn check(client: Client) -> Result<(), String> {
    let mut check = tokio::time::interval(CHECK);
    let mut late = 0;
    loop {
        check.tick().await;
        if client.ping().await.map_err(|status| status.message().to_owned())? {
            if late > 0 {
                info!("the container runtime answers in time again");
            }
            late = 0;
            continue;
        }
        late += 1;
        if late == 1 {
            warn!("the container runtime answers slowly");
        }
        if late == LATE {
            return Err("it does not answer".to_owned());
        }
    }
}

/// Looks now and then which pods cannot be seen into. What fails is asked again the next time: whether the connection is good, others
/// say.
async fn count_hidden(client: Client) -> Result<(), String> {
    let mut count = tokio::time::interval(HIDDEN);
    loop {
        count.tick().await;
        if let Err(status) = client.learn_hidden().await {
            debug!("the runtime's pods cannot be listed: {}", status.message());
        }
    }
}

/// Learns all containers there are; those of which the runtime did not tell all are to be asked about.
async fn list(client: Client, not_told: mpsc::Sender<Vec<ContainerId>>) -> Result<(), String> {
    loop {
        match client.clone().learn_all().await {
            Ok(ids) => {
                // The session takes it, or has ended.
                let _ = not_told.send(ids).await;
                return Ok(());
            }
            Err(status) => {
                warn!(
                    "the runtime's containers cannot be listed: {}; again in {LIST_AGAIN:?}",
                    status.message()
                );
                tokio::time::sleep(LIST_AGAIN).await;
            }
        }
    }
}

/// What a task returned. Its panic goes on here, where the supervisor sees it.
pub(crate) fn not_panicked<T>(done: Result<T, JoinError>) -> T {
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
