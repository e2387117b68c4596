//! The tasks beside the way of the data: delivery, the container runtime, the metadata server, the admin server, the
//! programs' own log.

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use aya_log::EbpfLogger;
use delivery::{Endpoints, Queue, Sender, deliver};
use detection::Impairments;
use identity::{ContainerId, Directory, Node};
use proto::ingest::Sensor;
use stage::Supervisor;
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

use crate::{hidden_pods, memory};

/// How often the programs' own messages are passed on; they are rare and nobody waits for them.
const LOG_PERIOD: Duration = Duration::from_secs(1);
/// For so long the collector hears of what went wrong.
const LATELY: Duration = Duration::from_mins(10);
/// How often freed memory is given back.
const TRIM: Duration = Duration::from_secs(30);
/// How often the runtime shows that it is alive, and how late it may be.
const BEAT: Duration = Duration::from_secs(1);
const HUNG: Duration = Duration::from_secs(10);

/// What is to run.
pub(crate) struct Plan {
    pub(crate) collectors: Option<Endpoints>,
    pub(crate) ack_timeout: Duration,
    /// The collector is told of them.
    pub(crate) impairments: Impairments,
    /// And whether a stop was asked for.
    pub(crate) is_asked_to_stop: Arc<AtomicBool>,
    pub(crate) container_runtime: Option<PathBuf>,
    pub(crate) admin_listen: Option<SocketAddr>,
    pub(crate) probe_listen: Option<SocketAddr>,
    /// Ask the metadata server.
    pub(crate) complete_node: bool,
    /// A finding says that pods cannot be seen into.
    pub(crate) report_unseen_pods: bool,
}

/// What the tasks share.
pub(crate) struct Services<'a> {
    pub(crate) supervisor: &'a Supervisor,
    pub(crate) stop: &'a CancellationToken,
    pub(crate) directory: &'a Arc<Directory>,
    pub(crate) state: &'a Arc<admin::State>,
    pub(crate) logger: Option<EbpfLogger<&'static dyn log::Log>>,
}

impl Services<'_> {
    /// Starts them; returns those that have to be waited for when `stop` is cancelled.
    pub(crate) fn start(
        self,
        plan: Plan,
        queue: Queue,
        questions: mpsc::Receiver<ContainerId>,
        on_end: impl Fn(ContainerId) + Send + Sync + 'static,
        node: watch::Sender<Arc<Node>>,
    ) -> Vec<JoinHandle<()>> {
        let Self { supervisor, stop, directory, state, logger } = self;
        let mut tasks = Vec::new();
        if plan.report_unseen_pods {
            let telling = {
                let directory = directory.clone();
                hidden_pods::tell(move || directory.hidden_pods(), plan.impairments.clone())
            };
            supervisor.errand("unseen-pods", telling);
        }
        if let Some(endpoints) = plan.collectors {
            let sensor = Sensor { node: state.node.clone(), version: state.version.to_owned() };
            let impairments = move || plan.impairments.lately(LATELY);
            let sender = Sender {
                sensor,
                ack_timeout: plan.ack_timeout,
                impairments: Arc::new(impairments),
                is_asked_to_stop: plan.is_asked_to_stop,
            };
            tasks.push(supervisor.task("delivery", deliver(endpoints, sender, queue, stop.clone())));
        }
        if let Some(logger) = logger {
            tasks.push(supervisor.task("bpf-log", forward_log(logger, stop.clone())));
        }
        let heartbeat = supervisor.heartbeat("runtime", HUNG);
        let beating = async move {
            loop {
                heartbeat.beat();
                tokio::time::sleep(BEAT).await;
            }
        };
        supervisor.task("runtime", beating);
        supervisor.errand("memory", async {
            loop {
                tokio::time::sleep(TRIM).await;
                // It takes a millisecond or two.
                let _ = tokio::task::spawn_blocking(memory::trim).await;
            }
        });
        if let Some(socket) = plan.container_runtime {
            let following = identity::follow(socket, directory.clone(), questions, Arc::new(on_end));
            supervisor.task("container-runtime", following);
        }
        if plan.complete_node {
            supervisor.errand("metadata", identity::complete(node));
        }
        if let Some(address) = plan.admin_listen {
            supervisor.errand("admin", admin::serve(address, state.clone(), admin::Tells::All));
        }
        if let Some(address) = plan.probe_listen {
            supervisor.errand("probes", admin::serve(address, state.clone(), admin::Tells::Health));
        }
        tasks
    }
}

async fn forward_log(mut logger: EbpfLogger<&'static dyn log::Log>, stop: CancellationToken) {
    while tokio::time::timeout(LOG_PERIOD, stop.cancelled()).await.is_err() {
        logger.flush();
    }
    logger.flush();
}
