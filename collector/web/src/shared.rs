//! What requests share.

use std::{path::PathBuf, sync::Arc};

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

pub(crate) struct Shared {
    /// The database.
    pub(crate) store: PathBuf,
    /// Names that the page may be called by, besides localhost and addresses.
    pub(crate) hosts: Vec<String>,
    /// Room for pages that are told of news.
    pub(crate) watchers: Arc<Semaphore>,
    pub(crate) stop: CancellationToken,
}
