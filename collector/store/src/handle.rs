//! The way to whoever writes the store.

use stage::Closed;
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
};

use crate::{incoming::Incoming, sensors::Word};

/// Batches waiting; senders wait when it is full, and HTTP/2 flow control holds the sensors back.
pub const WAITING: usize = 256;

/// What a node sent.
pub struct Part {
    /// Node of the sensor.
    pub node: String,
    /// Its findings.
    pub findings: Vec<Incoming>,
}

/// A batch, and whom to tell when it is stored.
pub struct Batch {
    /// What is in it, of each node.
    pub parts: Vec<Part>,
    /// Is told whether they are stored, or why not.
    pub done: oneshot::Sender<Result<(), String>>,
    /// Its share of the memory for batches, given back with it.
    pub room: Option<tokio::sync::OwnedSemaphorePermit>,
}

impl Batch {
    /// All its findings.
    pub fn findings(&self) -> impl Iterator<Item = &Incoming> {
        self.parts.iter().flat_map(|part| &part.findings)
    }

    /// How many they are.
    pub fn len(&self) -> usize {
        self.parts.iter().map(|part| part.findings.len()).sum()
    }

    /// Are there none? Then it only says how its sensor is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of its findings.
    pub fn bytes(&self) -> usize {
        self.findings().map(|finding| finding.message().len()).sum()
    }
}

/// How far a sink has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Its name.
    pub sink: String,
    /// Sequence number up to which it has written.
    pub seq: i64,
    /// And those beyond that it has written since it was noted last.
    pub ahead: Vec<i64>,
    /// Findings that it refused for good on the way.
    pub refused: u64,
}

/// What is to be written.
pub enum Write {
    /// Findings.
    Batch(Batch),
    /// A sink's place. Whoever may write findings keeps it, so that the database has one writer.
    Progress(Progress, oneshot::Sender<Result<(), String>>),
    /// What was heard of sensors since the last time; perhaps nothing.
    Sensors(Vec<Word>),
}

/// Hands over what is to be written. Cheap to clone.
#[derive(Clone)]
pub struct StoreHandle(mpsc::Sender<Write>);

impl StoreHandle {
    /// A handle, and where what it is given comes out.
    pub fn new() -> (Self, mpsc::Receiver<Write>) {
        let (sender, receiver) = mpsc::channel(WAITING);
        (Self(sender), receiver)
    }

    /// Hands a batch over as soon as there is room.
    pub async fn put(&self, batch: Batch) -> Result<(), Closed> {
        self.0.send(Write::Batch(batch)).await.map_err(|_| Closed)
    }

    /// Passes on what came to another handle.
    pub(crate) async fn pass(&self, write: Write) -> Result<(), Closed> {
        self.0.send(write).await.map_err(|_| Closed)
    }

    /// Hands over what was heard of sensors.
    pub async fn tell(&self, words: Vec<Word>) -> Result<(), Closed> {
        self.0.send(Write::Sensors(words)).await.map_err(|_| Closed)
    }

    /// Has a sink's place written; returns when it is.
    pub async fn note(&self, progress: Progress) -> Result<(), String> {
        let (done, wait) = oneshot::channel();
        self.0.send(Write::Progress(progress, done)).await.map_err(|_| Closed.to_string())?;
        wait.await.map_err(|_| Closed.to_string())?
    }
}

/// A running writer: a database's, or a stream's publisher.
pub struct Writing {
    /// The way to it.
    pub handle: StoreHandle,
    /// Ends when every handle is gone and what was handed over is stored.
    pub ended: JoinHandle<()>,
}
