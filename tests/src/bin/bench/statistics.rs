//! Percentiles of samples.

/// The value below which this share of the samples lies.
pub(crate) fn percentile(samples: &mut [f64], share: f64) -> f64 {
    samples.sort_by(f64::total_cmp);
    let index = ((samples.len() as f64 * share).ceil() as usize).clamp(1, samples.len()) - 1;
    samples[index]
}

/// "p50 1.2, p99 3.4 UNIT".
pub(crate) fn show(samples: &mut [f64], unit: &str) -> String {
    format!(
        "p50 {:.2}, p99 {:.2} {unit} (n = {})",
        percentile(samples, 0.5),
        percentile(samples, 0.99),
        samples.len()
    )
}
