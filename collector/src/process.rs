//! What all parts of a collector process share.

use std::{io, sync::Arc};

use metrics::Metrics;
use prometheus_client::registry::Registry;
use stage::{Failure, Supervisor};
use tokio_util::sync::CancellationToken;

use crate::admin::State;

/// Counters, the supervisor, and the token that says when to stop.
pub(crate) struct Process {
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) supervisor: Supervisor,
    pub(crate) state: Arc<State>,
    pub(crate) stop: CancellationToken,
}

impl Process {
    /// Starts the watch over stages, too.
    pub(crate) fn start() -> io::Result<Self> {
        let mut registry = Registry::with_prefix(Metrics::PREFIX);
        let metrics = Arc::new(Metrics::register(&mut registry, env!("CARGO_PKG_VERSION")));
        let supervisor = Supervisor::register(&mut registry);
        supervisor.watch()?;
        let state = State { registry, metrics: metrics.clone(), supervisor: supervisor.clone() };
        Ok(Self { metrics, supervisor, state: Arc::new(state), stop: CancellationToken::new() })
    }

    /// From now on stages may end, and are told to.
    pub(crate) fn begin_stop(&self) {
        self.supervisor.expect_ends();
        self.stop.cancel();
    }

    /// What failed while it stopped, if anything did.
    pub(crate) fn stopped(&self) -> Result<(), Failure> {
        self.supervisor.failure().map_or(Ok(()), Err)
    }
}
