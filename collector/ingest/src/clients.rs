//! How much one client may ask for.

use std::{
    collections::HashMap,
    num::NonZeroU32,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

/// By which part of it the age of a stream varies, as that of gRPC's `MAX_CONNECTION_AGE`.
const AGE_SPREAD: f64 = 0.1;

/// Limits for each client.
#[derive(Clone, Copy, Debug)]
pub struct ClientLimits {
    /// Streams at once.
    pub streams: usize,
    /// Findings a second; who sends faster is read from more slowly. `None` is as fast as they come.
    pub findings_per_second: Option<NonZeroU32>,
    /// How long a stream is kept, give or take a tenth. `None` is as long as the client keeps it.
    pub stream_age: Option<Duration>,
}

/// Who has streams at this time.
pub struct Clients {
    limits: ClientLimits,
    open: Mutex<HashMap<String, Shared>>,
}

struct Shared {
    streams: usize,
    pace: Option<Arc<DefaultDirectRateLimiter>>,
}

impl Clients {
    /// Nobody yet.
    pub fn new(limits: ClientLimits) -> Arc<Self> {
        Arc::new(Self { limits, open: Mutex::default() })
    }

    /// A stream of a client; `None` when it has as many as it may. All its streams share one pace.
    pub(crate) fn enter(self: &Arc<Self>, client: &str) -> Option<Client> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let shared = open.entry(client.to_owned()).or_insert_with(|| Shared {
            streams: 0,
            pace: self
                .limits
                .findings_per_second
                .map(|n| Arc::new(RateLimiter::direct(Quota::per_second(n)))),
        });
        if shared.streams >= self.limits.streams {
            return None;
        }
        shared.streams += 1;
        Some(Client { name: client.to_owned(), pace: shared.pace.clone(), all: self.clone() })
    }

    /// How long the next stream is kept: not all as long, so that those that began together do not end together.
    pub(crate) fn stream_age(&self) -> Option<Duration> {
        self.limits.stream_age.map(|age| age.mul_f64(1.0 + AGE_SPREAD * (2.0 * fastrand::f64() - 1.0)))
    }

    /// Streams a client may have.
    pub(crate) fn most(&self) -> usize {
        self.limits.streams
    }
}

/// One stream of a client; counted until it is dropped.
pub(crate) struct Client {
    name: String,
    pace: Option<Arc<DefaultDirectRateLimiter>>,
    all: Arc<Clients>,
}

impl Client {
    /// Waits until so many findings may be taken in; says how long that was.
    pub(crate) async fn keep_pace(&self, findings: usize) -> Duration {
        let (Some(pace), Some(most)) = (&self.pace, self.all.limits.findings_per_second) else {
            return Duration::ZERO;
        };
        let begun = Instant::now();
        let mut left = u32::try_from(findings).unwrap_or(u32::MAX);
        while let Some(share) = NonZeroU32::new(left.min(most.get())) {
            // A share is never more than a second's worth, so there is always a time for it.
            let _ = pace.until_n_ready(share).await;
            left -= share.get();
        }
        begun.elapsed()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let mut open = self.all.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(shared) = open.get_mut(&self.name) {
            shared.streams -= 1;
            if shared.streams == 0 {
                open.remove(&self.name);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_counted_by_client_and_given_back() {
        let clients = Clients::new(ClientLimits { streams: 2, findings_per_second: None, stream_age: None });
        let first = clients.enter("a").expect("a stream");
        let _second = clients.enter("a").expect("a stream");
        assert!(clients.enter("a").is_none());
        assert!(clients.enter("b").is_some());
        drop(first);
        assert!(clients.enter("a").is_some());
    }

    #[tokio::test]
    async fn a_pace_holds_for_more_than_a_second_of_findings() {
        let findings_per_second = NonZeroU32::new(1000);
        let limits = ClientLimits { streams: 1, findings_per_second, stream_age: None };
        let client = Clients::new(limits).enter("a").expect("a stream");
        let waited = client.keep_pace(1500).await;
        assert!(waited.as_millis() >= 400, "{waited:?}");
    }

    #[test]
    fn streams_do_not_all_end_together() {
        let stream_age = Some(Duration::from_secs(1000));
        let clients = Clients::new(ClientLimits { streams: 1, findings_per_second: None, stream_age });
        let ages: Vec<u64> =
            (0..1000).filter_map(|_| clients.stream_age()).map(|age| age.as_secs()).collect();
        assert!(ages.iter().all(|age| (900..=1100).contains(age)), "{ages:?}");
        assert!(ages.iter().any(|age| *age < 950) && ages.iter().any(|age| *age > 1050), "{ages:?}");
    }
}
