//! Which shells are stopped until they are judged: what the rules say is told to the kernel half; and the thread that keeps the
//! deadline.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::park_timeout,
};

use ebpf::limit::CGROUPS_MAX;
use hold::{HoldSettings, Holder, Keeper};
use identity::Directory;
use response::{Mode, Responder};
use stage::Heartbeat;
use tokio::sync::watch;

/// Asks the rules. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Holding {
    pub(crate) holder: Holder,
    pub(crate) directory: Arc<Directory>,
    pub(crate) responder: watch::Receiver<Arc<Responder>>,
}

impl Holding {
    /// Tells whether shells of a cgroup are to be stopped.
    pub(crate) fn decide(&self, cgroup: u64) {
        let responder = self.responder.borrow().clone();
        if responder.mode() == Mode::Hold {
            // Of what is not known nothing is decided.
            if let Some(placement) = self.directory.placement(cgroup) {
                let hold = responder.holds(Some(&placement), &self.directory.identify(cgroup));
                self.holder.decide(cgroup, hold);
            }
        }
    }

    fn settings(&self) -> HoldSettings {
        let responder = self.responder.borrow();
        HoldSettings { hold: responder.holds_any(), in_node: responder.holds_in_node() }
    }

    /// Keeps the deadline until `running` turns false. The thread is unparked then.
    pub(crate) fn keep(&self, mut keeper: Keeper, heartbeat: &Heartbeat, running: &AtomicBool) {
        let mut rules = self.responder.clone();
        while running.load(Ordering::Relaxed) {
            heartbeat.beat();
            let again = keeper.keep(self.settings());
            if rules.has_changed().unwrap_or(false) {
                rules.mark_unchanged();
                keeper.undecide_all();
                // As many as the kernel half remembers, those used last at the end.
                for cgroup in self.directory.placed().into_iter().take(CGROUPS_MAX as usize).rev() {
                    self.decide(cgroup);
                }
            }
            park_timeout(again.min(heartbeat.interval()));
        }
        keeper.end();
    }
}
