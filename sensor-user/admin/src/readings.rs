//! The numbers of a registry, by name.

use std::collections::BTreeMap;

use prometheus_client::{encoding::text::encode, registry::Registry};

/// What every metric of the sensor begins with.
pub const PREFIX: &str = "scriptwatch_sensor";

/// Every counter and gauge, by its name without [`PREFIX`] and with its labels, such as
/// `queue_items_dropped_total{queue="captures"}`; of histograms, how much they counted.
pub fn readings(registry: &Registry) -> BTreeMap<String, u64> {
    let mut text = String::new();
    // Writing into a string does not fail.
    let _ = encode(&mut text, registry);
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| {
            let (name, value) = line.rsplit_once(' ')?;
            let name = name.strip_prefix(PREFIX)?.strip_prefix('_')?;
            // Buckets, sums and texts are for those who scrape.
            let is_number = !name.contains("_bucket{");
            value.parse().ok().filter(|_| is_number).map(|value| (name.to_owned(), value))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use prometheus_client::metrics::{counter::Counter, histogram::Histogram};

    use super::*;

    #[test]
    fn numbers_are_read_back_by_their_names() {
        let mut registry = Registry::with_prefix(PREFIX);
        let counter: Counter = Counter::default();
        counter.inc_by(7);
        registry.register("things", "Things", counter);
        let histogram = Histogram::new([0.5, 1.0]);
        histogram.observe(0.7);
        registry.register("time", "Time", histogram);
        let expected = [("things_total", 7), ("time_count", 1)];
        assert_eq!(readings(&registry), expected.map(|(name, n)| (name.to_owned(), n)).into());
    }
}
