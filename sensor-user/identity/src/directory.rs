//! Who is in which cgroup: what is known, what is being asked, and who waits for it.
//!
//! The capture thread puts in where cgroups are; the runtime's client puts in containers; findings ask.

use std::{
    collections::BTreeMap,
    num::NonZeroUsize,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use lru::LruCache;
use tokio::sync::{broadcast, mpsc};
use tracing::warn;

use super::{
    cgroup::{ContainerId, Placement},
    container::{Container, Pod},
};

/// Cgroups remembered: more than the kernel half remembers to have told.
const CGROUPS: NonZeroUsize = NonZeroUsize::new(16_384).expect("not zero");
/// Containers remembered; those that ended stay until others need the room.
const CONTAINERS: NonZeroUsize = NonZeroUsize::new(8192).expect("not zero");
/// Pods remembered by their UID.
const PODS: NonZeroUsize = NonZeroUsize::new(4096).expect("not zero");
/// Questions that may wait for the runtime. One that does not fit is put again with the next execution.
const QUESTIONS: usize = 4096;
/// News that a slow listener may be behind.
const NEWS: usize = 1024;

/// How much is known of a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Knowledge {
    /// Its bundle was read.
    Bundle,
    /// The runtime's list has it: that tells labels, too.
    Listed,
    /// The runtime was asked about it.
    Complete,
}

struct Entry {
    container: Option<Arc<Container>>,
    knowledge: Option<Knowledge>,
    asked: Instant,
    /// Nobody knows more at this time: nothing is waited for.
    is_given_up: bool,
}

/// Who a process is.
#[derive(Clone, Debug, Default)]
pub struct Identity {
    /// Its container's id, which its cgroup tells.
    pub id: Option<ContainerId>,
    /// Its container, as far as it is known.
    pub container: Option<Arc<Container>>,
    /// Its pod, which may be known where the container is not.
    pub pod: Option<Arc<Pod>>,
    /// Path of its cgroup.
    pub cgroup: Option<String>,
    /// False when waiting may bring more.
    pub is_complete: bool,
}

struct State {
    cgroups: LruCache<u64, Arc<Placement>>,
    containers: LruCache<ContainerId, Entry>,
    pods: LruCache<String, Arc<Pod>>,
    /// Running pods that cannot be seen into, by runtime handler.
    hidden: BTreeMap<String, u64>,
}

/// Shared by all who put in and ask.
pub struct Directory {
    state: Mutex<State>,
    questions: mpsc::Sender<ContainerId>,
    news: broadcast::Sender<ContainerId>,
    /// Is there a runtime to ask?
    has_runtime: bool,
}

/// A container that nobody knew is asked about again after this long.
const ASK_AGAIN: Duration = Duration::from_secs(5);

/// And one that was given up after this long: it may be there now.
const GIVEN_UP: Duration = Duration::from_secs(1);

impl Directory {
    /// An empty directory and the questions that its runtime is to answer. Without a runtime nothing is waited for.
    pub fn new(has_runtime: bool) -> (Arc<Self>, mpsc::Receiver<ContainerId>) {
        let (questions, to_answer) = mpsc::channel(QUESTIONS);
        let (news, _) = broadcast::channel(NEWS);
        let state = State {
            cgroups: LruCache::new(CGROUPS),
            containers: LruCache::new(CONTAINERS),
            pods: LruCache::new(PODS),
            hidden: BTreeMap::new(),
        };
        (Arc::new(Self { state: Mutex::new(state), questions, news, has_runtime }), to_answer)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A cgroup was met; its container is asked about at once, since it may be gone in a moment.
    pub fn place(&self, cgroup: u64, placement: Placement) {
        let container = placement.container.clone();
        self.state().cgroups.put(cgroup, Arc::new(placement));
        if let Some(id) = container {
            self.ask(&id);
        }
    }

    /// Asks about a container unless it is known or was just asked about.
    pub fn ask(&self, id: &ContainerId) {
        let now = Instant::now();
        {
            let mut state = self.state();
            match state.containers.get_mut(id) {
                Some(entry)
                    if entry.knowledge == Some(Knowledge::Complete) || entry.asked + ASK_AGAIN > now =>
                {
                    return;
                }
                Some(entry) => {
                    entry.asked = now;
                    entry.is_given_up = false;
                }
                None => {
                    let entry = Entry { container: None, knowledge: None, asked: now, is_given_up: false };
                    state.containers.put(id.clone(), entry);
                }
            }
        }
        if self.questions.try_send(id.clone()).is_err()
            && let Some(entry) = self.state().containers.get_mut(id)
        {
            entry.asked = now.checked_sub(ASK_AGAIN).unwrap_or(now);
        }
    }

    /// Is all known of a container that can be?
    pub fn knows(&self, id: &ContainerId) -> bool {
        self.state().containers.peek(id).is_some_and(|e| e.knowledge == Some(Knowledge::Complete))
    }

    /// Is nothing known of a container yet?
    pub fn is_unknown(&self, id: &ContainerId) -> bool {
        self.state().containers.peek(id).is_none_or(|e| e.container.is_none())
    }

    /// A container is known, as well as `knowledge` says. Less never replaces more.
    pub fn learn(&self, container: Container, knowledge: Knowledge) {
        let id = container.id.clone();
        {
            let mut state = self.state();
            // A pod that the runtime told by itself has its labels; one that a container told of may not.
            if let Some(pod) = container.pod.as_ref().filter(|pod| !pod.uid.is_empty())
                && (!pod.labels.is_empty() || !state.pods.contains(&pod.uid))
            {
                state.pods.put(pod.uid.clone(), Arc::new(pod.clone()));
            }
            let known = state.containers.peek(&id);
            if known.and_then(|entry| entry.knowledge) > Some(knowledge) {
                return;
            }
            let entry = Entry {
                container: Some(Arc::new(container)),
                knowledge: Some(knowledge),
                asked: Instant::now(),
                is_given_up: false,
            };
            state.containers.put(id.clone(), entry);
        }
        // Nobody listening is no failure.
        let _ = self.news.send(id);
    }

    /// Nobody knows more of it at this time: whoever waits need not. With the next execution in a cgroup of it that is met for the
    /// first time, or the next event, it is asked about again.
    pub fn give_up(&self, id: &ContainerId) {
        {
            let mut state = self.state();
            let Some(entry) = state.containers.get_mut(id) else { return };
            entry.is_given_up = true;
            let ago = ASK_AGAIN.saturating_sub(GIVEN_UP);
            entry.asked = Instant::now().checked_sub(ago).unwrap_or(entry.asked);
        }
        let _ = self.news.send(id.clone());
    }

    /// Learns a pod by itself.
    pub fn learn_pod(&self, pod: Pod) {
        if !pod.uid.is_empty() {
            self.state().pods.put(pod.uid.clone(), Arc::new(pod));
        }
    }

    /// Learns which running pods cannot be seen into; what is new is told in the log.
    pub(crate) fn learn_hidden(&self, hidden: BTreeMap<String, u64>) {
        let mut state = self.state();
        for (handler, count) in &hidden {
            if !state.hidden.contains_key(handler) {
                warn!(
                    "{count} pods have a kernel of their own (runtime handler {handler:?}): what their shells run is not seen"
                );
            }
        }
        state.hidden = hidden;
    }

    /// How many running pods cannot be seen into, by runtime handler.
    pub fn hidden_pods(&self) -> BTreeMap<String, u64> {
        self.state().hidden.clone()
    }

    /// Containers as they become known.
    pub fn news(&self) -> broadcast::Receiver<ContainerId> {
        self.news.subscribe()
    }

    /// Cgroups whose place is known.
    pub fn placed(&self) -> Vec<u64> {
        self.state().cgroups.iter().map(|(cgroup, _)| *cgroup).collect()
    }

    /// Where a cgroup is.
    pub fn placement(&self, cgroup: u64) -> Option<Arc<Placement>> {
        self.state().cgroups.get(&cgroup).cloned()
    }

    /// Who is in a cgroup, as far as known now.
    pub fn identify(&self, cgroup: u64) -> Identity {
        let mut state = self.state();
        let Some(placement) = state.cgroups.get(&cgroup).cloned() else {
            // Its record was lost; the next execution there brings it again.
            return Identity { is_complete: cgroup == 0, ..Identity::default() };
        };
        let path = Some(placement.path.clone());
        let pod = placement.pod_uid.as_ref().and_then(|uid| state.pods.get(uid)).cloned();
        let Some(id) = &placement.container else {
            return Identity { id: None, container: None, pod, cgroup: path, is_complete: true };
        };
        state.containers.promote(id);
        let entry = state.containers.peek(id);
        let container = entry.and_then(|entry| entry.container.clone());
        let is_known =
            entry.is_some_and(|entry| entry.is_given_up || entry.knowledge == Some(Knowledge::Complete));
        let told = container.as_ref().and_then(|container| container.pod.clone());
        // That pod may be told by a bundle, which has no labels.
        let pod = match told {
            Some(told) if !told.labels.is_empty() => Some(Arc::new(told)),
            Some(told) => state.pods.get(&told.uid).cloned().or_else(|| Some(Arc::new(told))),
            None => pod,
        };
        let is_complete = !self.has_runtime || is_known;
        Identity { id: Some(id.clone()), container, pod, cgroup: path, is_complete }
    }

    /// Containers remembered now.
    pub fn containers(&self) -> usize {
        self.state().containers.len()
    }
}
