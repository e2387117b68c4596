//! What keeps findings: streams hand batches in and are told when each is kept.

use tokio::{
    sync::{OwnedSemaphorePermit, mpsc, oneshot},
    task::JoinHandle,
};

use crate::store::Incoming;

/// Batches waiting; senders wait when it is full, and HTTP/2 flow control holds the sensors back.
pub(crate) const WAITING: usize = 256;

/// A batch and whom to tell when it is stored.
pub(crate) struct Job {
    pub(crate) node: String,
    pub(crate) findings: Vec<Incoming>,
    pub(crate) done: oneshot::Sender<Result<(), String>>,
    /// Its share of the memory for batches, given back with it.
    pub(crate) _room: Option<OwnedSemaphorePermit>,
}

/// A running one: a database's writer, or a stream's publisher.
pub(crate) struct Keeper {
    pub(crate) jobs: mpsc::Sender<Job>,
    /// Ends when every sender is gone and what was handed in is stored.
    pub(crate) ended: JoinHandle<()>,
}
