//! Pods of this node that the sensor cannot see into, as a metric.

use std::{fmt, sync::Arc};

use identity::Directory;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{MetricType, gauge::ConstGauge},
};

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
