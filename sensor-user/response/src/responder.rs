//! Decides by mode and rules, and acts.

use std::time::{Duration, Instant};

use identity::{Identity, Placement};
use script::{Capture, Origin};
use verdict::Verdict;

use crate::{
    kill::{Descendants, Ended, Target, end, go_on},
    rules::{RuleAction, Rules},
};

/// Bytes that most shells read of a file at once.
const AT_ONCE: u64 = 8192;

/// How far the sensor may go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Findings only.
    #[default]
    Off,
    /// Findings say what [`Mode::Kill`] would have done.
    Audit,
    /// The shell and what descends from it is killed.
    Kill,
    /// The shell is stopped until its text is judged, and then goes on or is killed.
    Hold,
}

impl std::fmt::Display for Mode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Off => "off",
            Self::Audit => "audit",
            Self::Kill => "kill",
            Self::Hold => "hold",
        })
    }
}

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Nothing: no rule, or a rule that says so.
    None,
    /// Nothing, but it would have been killed.
    WouldKill,
    /// So many processes were killed.
    Killed(u32),
    /// So many processes were killed, and others may be left: there were too many, or some could not be held.
    KilledPartly(u32),
    /// The shell had ended by itself.
    Gone,
    /// It is a container's first process, and the rule leaves those alone.
    LeftInit,
    /// It may be data, and the rule leaves that alone.
    LeftData,
    /// The kernel refused.
    Denied,
    /// It is not known yet which container ran it, so that no rule can be trusted.
    NotIdentified,
}

impl Action {
    /// The name in findings and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::WouldKill => "would_kill",
            Self::Killed(_) => "killed",
            Self::KilledPartly(_) => "killed_partly",
            Self::Gone => "gone",
            Self::LeftInit => "left_init",
            Self::LeftData => "left_data",
            Self::Denied => "denied",
            Self::NotIdentified => "not_identified",
        }
    }

    /// Was anything killed?
    pub fn is_kill(self) -> bool {
        matches!(self, Self::Killed(_) | Self::KilledPartly(_))
    }
}

/// How the shell stood at the verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Held {
    /// It was not stopped.
    #[default]
    No,
    /// It was stopped for so long by then.
    Yes(Duration),
    /// It had been stopped for so long, and went on before the verdict.
    TimedOut(Duration),
}

/// What had run of a script at its verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// How its shell stood.
    pub held: Held,
    /// This was the first that was read of it, and no script that ran before sourced or evaluated it.
    pub is_beginning: bool,
    /// How often its shell had forked, as far as events were read.
    pub forks: u32,
}

impl Progress {
    /// What would have run of it, were its shell stopped.
    fn if_held(&self) -> &'static str {
        if self.is_beginning { "nothing" } else { "part" }
    }

    /// What had run of it: `nothing`, `part` (what was judged before), or `unknown`.
    pub fn ran(&self) -> &'static str {
        match (self.held, self.is_beginning) {
            (Held::Yes(_), _) => self.if_held(),
            (Held::No | Held::TimedOut(_), _) => "unknown",
        }
    }
}

/// What is known of where a script ran.
#[derive(Clone, Copy)]
pub struct Known<'a> {
    /// Its place in the cgroup hierarchy.
    pub placement: Option<&'a Placement>,
    /// Its container and pod.
    pub identity: &'a Identity,
    /// It depends on the container's image or pod whether it is suppressed.
    pub need_identity: bool,
    /// Of what a script left behind, only what was forked since then (boot time, ns) is its own.
    pub strays_since_ns: u64,
    /// What descends from a process, as far as is known.
    pub descendants: &'a Descendants,
}

/// What was done about a script, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// What was done.
    pub action: Action,
    /// The rule's reason; empty where none matched.
    pub reason: String,
    /// How long it took, ns.
    pub took_ns: u64,
    /// What had run by then.
    pub progress: Progress,
    /// In audit mode, if its shell would be stopped: what would have run by then.
    pub if_held: Option<&'static str>,
}

/// May this process signal those of other users?
pub fn may_kill() -> bool {
    const CAP_KILL: u32 = 5;
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    effective
        .and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok())
        .is_some_and(|set| set >> CAP_KILL & 1 == 1)
}

/// Acts on malicious scripts.
#[derive(Clone, Debug, Default)]
pub struct Responder {
    mode: Mode,
    rules: Rules,
}

impl Responder {
    /// Acts in this mode by these rules.
    pub fn new(mode: Mode, rules: Rules) -> Self {
        Self { mode, rules }
    }

    /// How far it may go.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Are shells to be stopped at all?
    pub fn holds_any(&self) -> bool {
        self.mode == Mode::Hold && self.rules.hold_any()
    }

    /// Are shells to be stopped that no container runs?
    pub fn holds_in_node(&self) -> bool {
        self.mode == Mode::Hold && self.rules.hold_in_node()
    }

    /// Is a shell here to be stopped until its text is judged, as far as can be known before?
    pub fn holds(&self, placement: Option<&Placement>, identity: &Identity) -> bool {
        let in_container = placement.is_some_and(|placement| placement.container.is_some());
        self.mode == Mode::Hold && self.rules.may_hold(in_container, identity)
    }

    /// Acts on a script that was judged malicious; `None` when the mode is off.
    pub fn respond(
        &self,
        capture: &Capture,
        verdict: &Verdict,
        known: &Known<'_>,
        progress: Progress,
    ) -> Option<Response> {
        if self.mode == Mode::Off {
            return None;
        }
        let begun = Instant::now();
        let (action, reason) = self.act(capture, verdict, known);
        let took_ns = u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let in_container = known.placement.is_some_and(|placement| placement.container.is_some());
        let would_hold = self.mode == Mode::Audit
            && matches!(action, Action::WouldKill | Action::Gone)
            && self.rules.may_hold(in_container, known.identity);
        // Of a longer file or stream the first blocks would have run.
        let at_once = capture.size <= AT_ONCE || matches!(capture.origin, Origin::Command | Origin::Eval);
        let if_held = would_hold.then_some(if at_once { progress.if_held() } else { "part" });
        Some(Response { action, reason: reason.to_owned(), took_ns, progress, if_held })
    }

    fn act(&self, capture: &Capture, verdict: &Verdict, known: &Known<'_>) -> (Action, &str) {
        let Known { placement, identity, need_identity, descendants, .. } = *known;
        let container = placement.and_then(|placement| placement.container.as_ref());
        // Where the place is not known, nobody is blamed and nobody is killed.
        if container.is_none() && !placement.is_some_and(|placement| placement.is_of_node) {
            return (Action::NotIdentified, "");
        }
        if container.is_some()
            && identity.container.is_none()
            && (need_identity || self.rules.need_identity())
        {
            return (Action::NotIdentified, "");
        }
        let Some(rule) = self.rules.matching(capture, verdict, container.is_some(), identity) else {
            return (Action::None, "");
        };
        let reason = rule.reason.as_str();
        if rule.action == RuleAction::None {
            return (Action::None, reason);
        }
        if capture.flags.maybe_data && !rule.maybe_data {
            return (Action::LeftData, reason);
        }
        let target = Target {
            pid: capture.id.pid,
            start_ns: capture.start_ns,
            container: container.map(ToString::to_string),
            spare_init: !rule.init && capture.ns_pid == 1,
            only_look: self.mode == Mode::Audit,
            strays_since_ns: known.strays_since_ns,
        };
        let action = match end(&target, descendants) {
            Ended::Processes { count, all: true } => Action::Killed(count),
            Ended::Processes { count, all: false } => {
                go_on(target, descendants.clone());
                Action::KilledPartly(count)
            }
            Ended::WouldEnd => Action::WouldKill,
            Ended::IsInit => Action::LeftInit,
            Ended::Gone => Action::Gone,
            Ended::Denied => Action::Denied,
        };
        (action, reason)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::{Arc, LazyLock};

    use super::*;
    use verdict::ScriptHash;

    pub(crate) fn capture(pid: u32) -> Capture {
        Capture { origin: Origin::Command, ..script::sample(pid, b"x") }
    }

    pub(crate) fn verdict() -> Verdict {
        Verdict {
            hash: ScriptHash::of(b"x"),
            score: 0.99,
            malicious: true,
            techniques: vec![],
            spans: vec![],
            reasons: vec![],
        }
    }

    fn progress() -> Progress {
        Progress { held: Held::No, is_beginning: true, forks: 0 }
    }

    static NOBODY: LazyLock<Identity> = LazyLock::new(Identity::default);
    static NONE: LazyLock<Descendants> = LazyLock::new(|| Arc::new(|_| vec![]));

    fn known(placement: Option<&Placement>, need_identity: bool) -> Known<'_> {
        Known { placement, identity: &NOBODY, need_identity, strays_since_ns: 0, descendants: &NONE }
    }

    fn in_container() -> Placement {
        let id = "a".repeat(64);
        Placement::of(&[id.as_bytes(), b"pod6b1d3a5e-0c1f-4e6a-9f1b-2f3c4d5e6f70", b"kubepods"], true)
    }

    fn action_by(
        rules: Rules,
        capture: &Capture,
        placement: Option<&Placement>,
        need_identity: bool,
    ) -> Action {
        let responder = Responder::new(Mode::Kill, rules);
        let response = responder.respond(capture, &verdict(), &known(placement, need_identity), progress());
        response.expect("a response").action
    }

    fn action(capture: &Capture, placement: Option<&Placement>) -> Action {
        action_by(Rules::all_containers(), capture, placement, false)
    }

    #[test]
    fn off_is_off() {
        let responder = Responder::new(Mode::Off, Rules::all_containers());
        let place = in_container();
        assert!(
            responder.respond(&capture(7), &verdict(), &known(Some(&place), false), progress()).is_none()
        );
    }

    #[test]
    fn without_rules_containers_are_acted_on_and_nothing_else() {
        // This test's own process would be hit, were it taken for a container's.
        let own = capture(std::process::id());
        let outside = Placement::of(&[b"ssh.service", b"system.slice"], true);
        assert_eq!(action(&own, Some(&outside)), Action::None);
        assert_eq!(action(&own, None), Action::NotIdentified, "nobody knows where it is");
        let deep = Placement::of(&[b"a", b"b"], false);
        let id = "b".repeat(64);
        let two = Placement::of(
            &[
                id.as_bytes(),
                b"docker",
                "a".repeat(64).as_bytes(),
                b"pod6b1d3a5e-0c1f-4e6a-9f1b-2f3c4d5e6f70",
            ],
            true,
        );
        // In a pod, and in none of its containers.
        let pod = Placement::of(&[b"pod6b1d3a5e-0c1f-4e6a-9f1b-2f3c4d5e6f70", b"kubepods"], true);
        for place in [deep, pod] {
            assert!(place.container.is_none());
            assert_eq!(action(&own, Some(&place)), Action::NotIdentified);
        }
        // It is in no such container.
        for place in [in_container(), two] {
            assert_eq!(action(&own, Some(&place)), Action::Gone);
        }
    }

    #[test]
    fn what_may_be_data_and_what_is_not_identified_is_left_alone() {
        let place = in_container();
        let mut data = capture(7);
        data.flags.maybe_data = true;
        assert_eq!(action(&data, Some(&place)), Action::LeftData);
        assert_eq!(
            action_by(Rules::all_containers(), &capture(7), Some(&place), true),
            Action::NotIdentified
        );
    }
}
