//! Pods of this node that the sensor cannot see into, as a metric and, if asked for, as a finding.

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use detection::Impairments;
use finding::Reason;
use identity::Directory;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{MetricType, gauge::ConstGauge},
};

/// How often it is looked for new ones; the runtime is asked as seldom.
const LOOK: Duration = Duration::from_secs(30);

/// Reports them: once for each runtime handler that has some, and again when it has twice as many.
pub(crate) async fn tell(hidden: impl Fn() -> BTreeMap<String, u64>, impairments: Impairments) {
    let (mut told, mut look) = (BTreeMap::new(), tokio::time::interval(LOOK));
    loop {
        look.tick().await;
        for (handler, count) in hidden() {
            let before = told.entry(handler).or_insert(0);
            if count > 0 && count >= 2 * *before {
                impairments.report(Reason::PodsUnseen, 0, count - *before);
                *before = count;
            }
        }
    }
}

/// Shows them.
pub(crate) struct HiddenPods(pub(crate) Arc<Directory>);

impl fmt::Debug for HiddenPods {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("HiddenPods").field(&self.0.hidden_pods()).finish()
    }
}

impl Collector for HiddenPods {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let help = "Running pods whose runtime handler gives them a kernel of their own (gVisor, Kata Containers): what their shells run is not seen";
        let mut family = encoder.encode_descriptor("pods_unseen", help, None, MetricType::Gauge)?;
        for (handler, count) in self.0.hidden_pods() {
            let labels = [("runtime_handler", handler)];
            ConstGauge::new(i64::try_from(count).unwrap_or(i64::MAX))
                .encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use prometheus_client::{encoding::text::encode, registry::Registry};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_runtime_handler_is_told_once_and_again_when_it_has_twice_as_many() {
        let mut registry = Registry::default();
        let impairments = Impairments::register(&mut registry);
        let pods = Arc::new(AtomicU64::new(0));
        let hidden = {
            let pods = pods.clone();
            move || match pods.load(Ordering::Relaxed) {
                0 => BTreeMap::new(),
                1 => [("gvisor".to_owned(), 2)].into(),
                2 => [("gvisor".to_owned(), 3), ("kata".to_owned(), 1)].into(),
                _ => [("gvisor".to_owned(), 5), ("kata".to_owned(), 1)].into(),
            }
        };
        let telling = tokio::spawn(tell(hidden, impairments));
        let counted = || {
            let mut text = String::new();
            encode(&mut text, &registry).expect("text");
            let line = text.lines().find(|line| line.contains("pods_unseen")).expect("a counter").to_owned();
            line.rsplit(' ').next().and_then(|n| n.parse::<u64>().ok())
        };
        for (state, sum) in [(0, 0), (1, 2), (1, 2), (2, 3), (2, 3), (3, 6), (2, 6)] {
            pods.store(state, Ordering::Relaxed);
            tokio::time::sleep(2 * LOOK).await;
            assert_eq!(counted(), Some(sum), "state {state}");
        }
        telling.abort();
    }
}
