//! What goes out of a store: sinks, the page, the state. Ingest and indexing have them alike.

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use tokio::{sync::watch, task::JoinSet};

use crate::{
    checkpoint,
    keeper::Keeper,
    metrics::Metrics,
    retention::{Limits, Retention},
    server::ServerError,
    sink::{JsonLines, SccOptions, SecurityCommandCenter, Sink, Webhook, WebhookOptions, follow},
    status,
    store::Store,
    web, writer,
};

/// Which there are.
#[derive(Clone, Debug, Default)]
pub struct Outlets {
    /// How much the store keeps.
    pub retention: Limits,
    /// Findings are appended to this file as JSON Lines; `-` is standard output.
    pub json_lines: Option<PathBuf>,
    /// Findings are written to Security Command Center.
    pub scc: Option<SccOptions>,
    /// Findings are posted.
    pub webhook: Option<WebhookOptions>,
    /// The page for people.
    pub web: Option<web::Options>,
    /// State and metrics are served there.
    pub status: Option<SocketAddr>,
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

/// What runs beside the writer.
pub(crate) struct Running {
    pub(crate) keeper: Keeper,
    pub(crate) sinks: JoinSet<()>,
}

/// Opens the database and starts its writer and everything that follows it.
pub(crate) async fn start(
    outlets: Outlets,
    path: PathBuf,
    metrics: &Arc<Metrics>,
    stop: &watch::Receiver<bool>,
) -> Result<Running, ServerError> {
    let Outlets { retention, json_lines, scc, webhook, web, status } = outlets;
    let store = Store::open(&path)?;
    checkpoint::start(&path, stop.clone())?;
    let mut following =
        Following { path: path.clone(), metrics, stop, names: Vec::new(), tasks: JoinSet::new() };
    if let Some(file) = json_lines {
        following.add(JsonLines::new(&file));
    }
    if let Some(options) = scc {
        following.add(SecurityCommandCenter::new(options));
    }
    if let Some(options) = webhook {
        following.add(Webhook::new(&options).map_err(ServerError::Sink)?);
    }
    let Following { names, tasks: sinks, .. } = following;
    let keeper = writer::start(store, Retention::new(retention, names), metrics.clone())?;
    if let Some(options) = web {
        web::serve(options, path, stop.clone()).await?;
    }
    if let Some(address) = status {
        status::serve(address, metrics.clone(), stop.clone()).await?;
    }
    Ok(Running { keeper, sinks })
}

struct Following<'a> {
    path: PathBuf,
    metrics: &'a Arc<Metrics>,
    stop: &'a watch::Receiver<bool>,
    names: Vec<String>,
    tasks: JoinSet<()>,
}

impl Following<'_> {
    fn add(&mut self, sink: impl Sink + 'static) {
        self.names.push(sink.name());
        self.tasks.spawn(follow(sink, self.path.clone(), self.metrics.clone(), self.stop.clone()));
    }
}
