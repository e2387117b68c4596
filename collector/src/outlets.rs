//! What goes out of a store: sinks, the page, the admin server. Ingest and indexing have them alike.

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use metrics::Metrics;
use sink::{
    Filter, Format, JsonLines, SccOptions, SecurityCommandCenter, Sink, Source, Webhook, WebhookOptions,
    follow,
};
use store::{Backlog, Limits, Retention, Store, StoreHandle, Writing, checkpoint, intake, writer};
use tokio::{net::TcpListener, task::JoinHandle};
use tracing::{info, warn};

use crate::{admin, error::ServerError, process::Process};

/// How long sinks may take to end.
const GRACE: Duration = Duration::from_secs(5);

/// And what was taken in to be stored.
const STORED: Duration = Duration::from_secs(17);

/// How findings come into the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taking {
    /// A batch is acknowledged when it is on disk, before it can be searched.
    Backlog,
    /// When it can be searched: where it comes from it is safe.
    Directly,
}

/// Where the page is.
#[derive(Clone, Debug)]
pub struct WebOptions {
    /// Address to listen on.
    pub listen: SocketAddr,
    /// Names that it may be called by, besides localhost and addresses.
    pub hosts: Vec<String>,
}

/// Which there are.
#[derive(Clone, Debug, Default)]
pub struct Outlets {
    /// How much the store keeps.
    pub retention: Limits,
    /// Findings are appended to this file as JSON Lines; `-` is standard output.
    pub json_lines: Option<(PathBuf, Format, Filter)>,
    /// Findings are written to Security Command Center.
    pub scc: Option<(SccOptions, Filter)>,
    /// Findings are posted.
    pub webhook: Option<(WebhookOptions, Filter)>,
    /// The page for people.
    pub web: Option<WebOptions>,
    /// State and metrics are served there.
    pub admin: Option<SocketAddr>,
}

impl Outlets {
    /// Those that need a database.
    pub(crate) fn needing_a_database(&self) -> Vec<&'static str> {
        [
            (self.json_lines.is_some(), "--json-lines"),
            (self.scc.is_some(), "--scc"),
            (self.webhook.is_some(), "--webhook"),
            (self.web.is_some(), "--web-listen"),
        ]
        .into_iter()
        .filter_map(|(is_there, option)| is_there.then_some(option))
        .collect()
    }
}

/// What runs beside ingest.
pub(crate) struct Running {
    pub(crate) writing: Writing,
    /// What the first one hands over to, or what goes on beside it.
    behind: Vec<Behind>,
    sinks: Vec<JoinHandle<()>>,
}

/// What has to end, too.
struct Behind {
    handle: Option<StoreHandle>,
    ended: JoinHandle<()>,
}

impl From<Writing> for Behind {
    fn from(Writing { handle, ended }: Writing) -> Self {
        Self { handle: Some(handle), ended }
    }
}

impl Running {
    /// Without sinks.
    pub(crate) fn without_sinks(writing: Writing) -> Self {
        Self { writing, behind: Vec::new(), sinks: Vec::new() }
    }

    /// Waits until sinks have stopped; what waits to be stored is not waited for, since others have handles still.
    pub(crate) async fn abandon(self) {
        stopped(self.sinks).await;
    }

    /// Waits until sinks have stopped, and then until all that was handed over is stored. Sinks go on from where they stopped
    /// when the collector comes again.
    pub(crate) async fn end(self) {
        let Self { writing, behind, sinks } = self;
        stopped(sinks).await;
        let stored = async {
            for Behind { handle, ended } in std::iter::once(writing.into()).chain(behind) {
                drop(handle);
                let _ = ended.await;
            }
        };
        if tokio::time::timeout(STORED, stored).await.is_err() {
            warn!("not all that was taken in is stored within {STORED:?}: the next start does the rest");
        }
    }
}

/// Waits until sinks have stopped, and noted how far they came.
async fn stopped(sinks: Vec<JoinHandle<()>>) {
    let stopped = async {
        for sink in sinks {
            let _ = sink.await;
        }
    };
    let _ = tokio::time::timeout(GRACE, stopped).await;
}

/// Opens the database and starts its writer and everything that follows it.
pub(crate) async fn start(
    outlets: Outlets,
    path: PathBuf,
    taking: Taking,
    process: &Process,
) -> Result<Running, ServerError> {
    let Outlets { retention, json_lines, scc, webhook, web, admin } = outlets;
    let store = Store::open(&path)?;
    // One that another way of taking left there has to be emptied.
    let has_backlog = taking == Taking::Backlog || Backlog::is_left(&path)?;
    let backlog = if has_backlog { Some(Backlog::open(&path)?) } else { None };
    checkpoint::start(&path, process.metrics.clone(), process.stop.clone(), &process.supervisor)?;
    let webhook = webhook
        .map(|(options, filter)| Ok((Webhook::new(&options)?, filter)))
        .transpose()
        .map_err(ServerError::Sink)?;
    let json_lines = json_lines.map(|(file, format, filter)| (JsonLines::new(&file, format), filter));
    let scc =
        scc.map(|(options, filter)| (SecurityCommandCenter::new(options, process.stop.clone()), filter));
    let names = [
        json_lines.as_ref().map(|(sink, _)| sink.name()),
        scc.as_ref().map(|(sink, _)| sink.name()),
        webhook.as_ref().map(|(sink, _)| sink.name()),
    ];
    let retention = Retention::new(retention, names.into_iter().flatten().collect());
    let writer = writer::start(
        store,
        taking == Taking::Directly,
        env!("CARGO_PKG_VERSION"),
        retention,
        process.metrics.clone(),
        &process.supervisor,
    )?;
    let following = Following { path: &path, process, handle: &writer.handle };
    let sinks = [
        json_lines.map(|(sink, filter)| following.start("sink-json-lines", sink, filter)),
        scc.map(|(sink, filter)| following.start("sink-scc", sink, filter)),
        webhook.map(|(sink, filter)| following.start("sink-webhook", sink, filter)),
    ];
    let sinks = sinks.into_iter().flatten().collect();
    let intake = backlog.map(|backlog| {
        let (handle, metrics) = (writer.handle.clone(), process.metrics.clone());
        intake::start(&path, backlog, handle, metrics, &process.supervisor, process.stop.clone())
    });
    if let Some(WebOptions { listen, hosts }) = web {
        let listener = bind(listen).await?;
        process.supervisor.task("web", web::serve(listener, hosts, path, process.stop.clone()));
    }
    serve_admin(admin, process).await?;
    Ok(match (taking, intake.transpose()?) {
        (Taking::Backlog, Some(intake)) => Running { writing: intake, behind: vec![writer.into()], sinks },
        (_, emptying) => {
            // It goes on beside what comes.
            let emptying = emptying.map(|Writing { ended, .. }| {
                info!("bringing what was taken in before into the database");
                Behind { handle: None, ended }
            });
            Running { writing: writer, behind: emptying.into_iter().collect(), sinks }
        }
    })
}

/// Serves state and metrics where they are asked for.
pub(crate) async fn serve_admin(listen: Option<SocketAddr>, process: &Process) -> Result<(), ServerError> {
    if let Some(address) = listen {
        let serving = admin::serve(bind(address).await?, process.state.clone(), process.stop.clone());
        process.supervisor.task("admin", serving);
    }
    Ok(())
}

/// Listens at an address.
pub(crate) async fn bind(address: SocketAddr) -> Result<TcpListener, ServerError> {
    TcpListener::bind(address).await.map_err(|e| ServerError::Listen(address, e))
}

struct Following<'a> {
    path: &'a PathBuf,
    process: &'a Process,
    handle: &'a StoreHandle,
}

impl Following<'_> {
    fn start(&self, stage: &'static str, sink: impl Sink + 'static, filter: Filter) -> JoinHandle<()> {
        let metrics: Arc<Metrics> = self.process.metrics.clone();
        let source = Source { store: self.path.clone(), handle: self.handle.clone(), filter, metrics };
        self.process.supervisor.task(stage, follow(sink, source, self.process.stop.clone()))
    }
}
