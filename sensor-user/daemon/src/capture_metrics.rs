//! What the capture thread counts.

use std::{cell::RefCell, sync::atomic::Ordering, time::Instant};

use identity::Directory;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};
use script::{Assembler, AssemblerCounts};

use crate::unseen::UnseenContainers;

/// Why something was not kept, or not there.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Because {
    reason: &'static str,
}

/// Bounds of the buckets for capture, in seconds.
const SECONDS: [f64; 10] = [0.000_5, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.0];

/// One of the assembler's accounts.
type Account = fn(&AssemblerCounts) -> u64;

/// Counters and levels of the capture thread.
pub(crate) struct CaptureMetrics {
    events: Counter,
    undecodable: Counter,
    seconds: Histogram,
    accounts: Vec<(Counter, Account)>,
    followed: Gauge,
    probed: Gauge,
    kept: Gauge,
    containers: Gauge,
    unseen: RefCell<UnseenContainers>,
}

impl CaptureMetrics {
    /// Metrics that are shown in this registry.
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let counter = |registry: &mut Registry, name: &str, help: &str| {
            let counter = Counter::default();
            registry.register(name, help, counter.clone());
            counter
        };
        let events = counter(registry, "events", "Events read from the kernel");
        let undecodable = counter(registry, "events_undecodable", "Records that could not be decoded");
        let mut accounts: Vec<(Counter, Account)> = Vec::new();
        let plain: [(&str, &str, Account); 7] = [
            ("events_lost", "Events lost, by the processes' own accounts", |c| c.lost_events),
            ("events_orphaned", "Events of processes whose execution was not seen", |c| c.orphans),
            ("shells", "Shells seen", |c| c.shells),
            ("scripts", "Distinct scripts", |c| c.scripts),
            ("captures", "Captures emitted; a growing script is emitted again", |c| c.captures),
            ("evaluations_repeated", "Evaluated strings that were emitted before", |c| c.evaluated_again),
            ("shells_abandoned", "Processes forgotten because their end was not seen", |c| c.abandoned),
        ];
        for (name, help, account) in plain {
            accounts.push((counter(registry, name, help), account));
        }
        let cut: Family<Because, Counter> = Family::default();
        registry.register_with_unit("script_cut", "Script text not kept", Unit::Bytes, cut.clone());
        let without: Family<Because, Counter> = Family::default();
        registry.register("shells_without_script", "Shells of which no script was captured", without.clone());
        let of = |family: &Family<Because, Counter>, reason| family.get_or_create_owned(&Because { reason });
        accounts.push((of(&cut, "script_limit"), |c| c.cut_bytes));
        accounts.push((of(&cut, "total_limit"), |c| c.memory_cut_bytes));
        accounts.push((of(&without, "events_lost"), |c| c.shells_lost));
        accounts.push((of(&without, "no_script"), |c| c.shells_silent));
        let (followed, probed, kept, containers) =
            (Gauge::default(), Gauge::default(), Gauge::default(), Gauge::default());
        registry.register("shells_followed", "Shells followed now", followed.clone());
        registry.register("shell_binaries_probed", "Shell binaries with probes now", probed.clone());
        registry.register_with_unit(
            "script_buffer",
            "Text of scripts that are still being read",
            Unit::Bytes,
            kept.clone(),
        );
        registry.register(
            "containers_known",
            "Containers known, those that ended a while ago among them",
            containers.clone(),
        );
        let unseen = RefCell::new(UnseenContainers::register(registry));
        let seconds = Histogram::new(SECONDS);
        registry.register_with_unit(
            "capture_duration",
            "From the first byte of a script to its capture",
            Unit::Seconds,
            seconds.clone(),
        );
        Self { events, undecodable, seconds, accounts, followed, probed, kept, containers, unseen }
    }

    pub(crate) fn read(&self, events: usize) {
        self.events.inc_by(events as u64);
    }

    pub(crate) fn undecodable(&self) {
        self.undecodable.inc();
    }

    pub(crate) fn emitted(&self, output: &script::Output) {
        if let script::Output::Capture(capture) = output {
            let nanos = clock::now_unix_ns().saturating_sub(capture.time_unix_ns);
            self.seconds.observe(nanos as f64 / 1e9);
            self.unseen.borrow_mut().captured(capture, Instant::now());
        }
    }

    /// Shows the accounts and levels as they are.
    pub(crate) fn set(&self, assembler: &Assembler, probed: usize, directory: &Directory) {
        let counts = assembler.counts();
        for (counter, account) in &self.accounts {
            counter.inner().store(account(&counts), Ordering::Relaxed);
        }
        self.followed.set(assembler.followed() as i64);
        self.set_probed(probed);
        self.kept.set(assembler.kept_bytes() as i64);
        self.containers.set(directory.containers() as i64);
        self.unseen.borrow_mut().set(Instant::now());
    }

    /// Shows how many shell binaries have probes.
    pub(crate) fn set_probed(&self, probed: usize) {
        self.probed.set(probed as i64);
    }
}
