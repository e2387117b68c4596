//! What the store forgets: findings that are too old, and the oldest when there are too many bytes.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tracing::{info, warn};

use crate::store::Store;

/// How often it is looked at.
const PERIOD: Duration = Duration::from_mins(1);

/// How much is kept. Without limits, everything.
#[derive(Clone, Copy, Debug, Default)]
pub struct Limits {
    /// How long a finding is kept after it was stored.
    pub age: Option<Duration>,
    /// Bytes of findings that are kept.
    pub bytes: Option<u64>,
}

/// Applies limits every now and then.
pub(crate) struct Retention {
    limits: Limits,
    last: Option<Instant>,
}

impl Retention {
    pub(crate) fn new(limits: Limits) -> Self {
        Self { limits, last: None }
    }

    /// To be called after every write.
    pub(crate) fn apply_now_and_then(&mut self, store: &mut Store) {
        if self.last.is_some_and(|last| last.elapsed() < PERIOD) {
            return;
        }
        self.last = Some(Instant::now());
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let before = self.limits.age.map(|age| now.saturating_sub(age).as_nanos() as i64);
        match store.forget(before, self.limits.bytes) {
            Ok(0) => {}
            Ok(forgotten) => info!("{forgotten} findings were past their retention and are gone"),
            Err(e) => warn!("retention could not be applied: {e}"),
        }
    }
}
