//! `cargo xtask bench`: measurements on this machine. Figures of one run are compared with each other; the
//! machine may be shared and noisy, so medians and 99th percentiles are given.

mod capture;
mod configure;
mod fleet;
mod hold;
mod identity;
mod ingest;
mod latency;
mod memory;
mod ring;
mod scoring;
mod statistics;
mod store;
mod watcher;

/// A measurement; it prints what it finds.
type Measure = fn() -> anyhow::Result<()>;

const ALL: [(&str, Measure); 11] = [
    ("latency", latency::run),
    ("scoring", scoring::run),
    ("memory", memory::run),
    ("capture", capture::run),
    ("ring", ring::run),
    ("hold", hold::run),
    ("configure", configure::run),
    ("identity", identity::run),
    ("ingest", ingest::run),
    ("fleet", fleet::run),
    ("store", store::run),
];

fn main() -> anyhow::Result<()> {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    if let [mode, which] = &wanted[..]
        && mode == "--calls"
    {
        return capture::calls(which);
    }
    if let [mode, file] = &wanted[..]
        && mode == "--echo"
    {
        return ingest::echo(file);
    }
    if let Some(unknown) = wanted.iter().find(|w| !ALL.iter().any(|(name, _)| name == w)) {
        anyhow::bail!("no measurement named {unknown:?}: there are {}", ALL.map(|(name, _)| name).join(", "));
    }
    for (name, measure) in ALL {
        if wanted.is_empty() || wanted.iter().any(|w| w == name) {
            println!("## {name}");
            measure()?;
            println!();
        }
    }
    Ok(())
}
