//! What the page asks for.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    Json,
    extract::{Query, State as AxumState},
    http::StatusCode,
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures_util::stream;
use proto::scc::Finding;
use serde::{Deserialize, Serialize};

use store::{Columns, Search, Sensor, State, Store, StoreError, Stored, Summary, View, Word, moment};

use crate::shared::Shared;

/// Longest text in a cell, characters.
const CELL_MAX: usize = 60;

/// Findings on a page.
const PAGE: u32 = 100;
/// How often the store is looked at for those who wait.
const POLL: Duration = Duration::from_millis(500);

/// What is looked for; empty is anything.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Wanted {
    sha256: String,
    pod: String,
    namespace: String,
    image: String,
    technique: String,
    origin: String,
    provenance: String,
    written_by: String,
    node: String,
    since: String,
    until: String,
    page_token: String,
}

impl Wanted {
    fn search(self) -> Result<Search, String> {
        let given = |text: String| (!text.trim().is_empty()).then(|| text.trim().to_owned());
        let time = |text: String| given(text).map(|text| moment(&text)).transpose();
        Ok(Search {
            sha256: given(self.sha256),
            pod: given(self.pod),
            namespace: given(self.namespace),
            image: given(self.image),
            technique: given(self.technique),
            origin: given(self.origin),
            provenance: given(self.provenance),
            written_by: given(self.written_by),
            node: given(self.node),
            since_ns: time(self.since)?,
            until_ns: time(self.until)?,
            after: given(self.page_token).map(|text| text.parse()).transpose()?,
        })
    }
}

/// A row of the list.
#[derive(Serialize)]
struct Row {
    name: String,
    time: String,
    severity: &'static str,
    score: String,
    node: String,
    namespace: String,
    pod: String,
    image: String,
    origin: String,
    script: String,
    techniques: Vec<String>,
}

impl Row {
    fn of(stored: Stored) -> Self {
        let of = Columns::of(&stored.finding);
        let summary = Summary::of(&stored.finding, &stored.node);
        Self {
            name: stored.finding.name,
            time: summary.time,
            severity: summary.severity,
            score: summary.score,
            node: stored.node,
            namespace: of.namespace,
            pod: of.pod,
            image: of.image,
            origin: terminal::field(&summary.origin, CELL_MAX),
            script: terminal::field(&summary.script, CELL_MAX),
            techniques: of.techniques.split_whitespace().map(str::to_owned).collect(),
        }
    }
}

#[derive(Serialize)]
struct Rows {
    findings: Vec<Row>,
    /// Names the next page.
    next: Option<String>,
}

/// An answer that is no finding.
pub(super) struct Refusal(StatusCode, String);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.0, self.1 + "\n").into_response()
    }
}

/// Reads the store beside the runtime's threads.
async fn read<T: Send + 'static>(
    shared: &Shared,
    ask: impl FnOnce(&Store) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, Refusal> {
    let path = shared.store.clone();
    let read = tokio::task::spawn_blocking(move || ask(&Store::open_for_reading(&path)?)).await;
    let failed = |e: &dyn std::fmt::Display| Refusal(StatusCode::INTERNAL_SERVER_ERROR, e.to_string());
    read.map_err(|e| failed(&e))?.map_err(|e| failed(&e))
}

pub(super) async fn list(
    AxumState(shared): AxumState<Arc<Shared>>,
    Query(wanted): Query<Wanted>,
) -> Result<impl IntoResponse, Refusal> {
    let search = wanted.search().map_err(|why| Refusal(StatusCode::BAD_REQUEST, why))?;
    let (found, more) = read(&shared, move |store| store.page(&search, PAGE)).await?;
    let next = found.last().filter(|_| more).map(|last| last.cursor().to_string());
    Ok(Json(Rows { findings: found.into_iter().map(Row::of).collect(), next }))
}

#[derive(Deserialize)]
pub(super) struct Named {
    name: String,
    node: Option<String>,
}

#[derive(Serialize)]
struct Whole {
    node: String,
    finding: Finding,
}

pub(super) async fn show(
    AxumState(shared): AxumState<Arc<Shared>>,
    Query(Named { name, node }): Query<Named>,
) -> Result<impl IntoResponse, Refusal> {
    let found = read(&shared, move |store| store.find(&name, node.as_deref())).await?;
    let Stored { node, finding, .. } =
        found.ok_or_else(|| Refusal(StatusCode::NOT_FOUND, "no finding has this name".to_owned()))?;
    Ok(Json(Whole { node, finding }))
}

/// A sensor.
#[derive(Serialize)]
struct SensorRow {
    node: String,
    state: State,
    version: String,
    seen_seconds_ago: u64,
    waiting_findings: u64,
    impairments: Vec<String>,
}

impl SensorRow {
    fn of(sensor: Sensor, view: View<'_>) -> Self {
        let state = sensor.state(view);
        let Word { node, version, seen_ns, health } = sensor.word;
        let health = health.unwrap_or_default();
        let seen_seconds_ago = view.now_ns.saturating_sub(seen_ns).max(0).unsigned_abs() / 1_000_000_000;
        let (waiting_findings, impairments) = (health.waiting, health.impairments);
        Self { node, state, version, seen_seconds_ago, waiting_findings, impairments }
    }
}

/// Sensors that are listed; there may be more.
const NODES: usize = 200;

#[derive(Serialize)]
struct Sensors {
    all: usize,
    /// How many are in each state, the worst first; one may be in several.
    counts: Vec<(State, usize)>,
    /// The worst of them.
    nodes: Vec<SensorRow>,
}

/// The sensors that were heard of, the worst first.
pub(super) async fn nodes(AxumState(shared): AxumState<Arc<Shared>>) -> Result<impl IntoResponse, Refusal> {
    // Thousands of them are sorted, beside the runtime's threads.
    let nodes = read(&shared, |store| {
        let view = View::now(env!("CARGO_PKG_VERSION"));
        let mut sensors = store.sensors()?;
        sensors.sort_by_cached_key(|sensor| sensor.state(view));
        let count = |state: State| sensors.iter().filter(|sensor| sensor.is(state, view)).count();
        let (all, counts) = (sensors.len(), State::ALL.map(|state| (state, count(state))).to_vec());
        sensors.truncate(NODES);
        Ok(Sensors {
            all,
            counts,
            nodes: sensors.into_iter().map(|sensor| SensorRow::of(sensor, view)).collect(),
        })
    });
    Ok(Json(nodes.await?))
}

/// Says when something was stored, and when this begins.
pub(super) async fn news(AxumState(shared): AxumState<Arc<Shared>>) -> Result<impl IntoResponse, Refusal> {
    let place = shared
        .watchers
        .clone()
        .try_acquire_owned()
        .map_err(|_| Refusal(StatusCode::SERVICE_UNAVAILABLE, "too many pages are open".to_owned()))?;
    let state = (shared, None, place);
    let events = stream::unfold(state, |(shared, seen, place)| async move {
        let stop = shared.stop.clone();
        loop {
            let last = read(&shared, Store::last_seq).await.ok();
            if last != seen && last.is_some() {
                let event = Event::default().event("change").data(last.unwrap_or_default().to_string());
                return Some((Ok::<_, Infallible>(event), (shared, last, place)));
            }
            if tokio::time::timeout(POLL, stop.cancelled()).await.is_ok() {
                return None;
            }
        }
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::default()))
}
