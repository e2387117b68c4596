//! Decides by mode and rules, and acts.

use std::time::Instant;

use identity::{Identity, Placement};
use script::{Capture, ScriptId};
use verdict::Verdict;

use crate::{
    kill::{Ended, Target, end},
    rules::{RuleAction, Rules},
};

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
    /// It had ended by itself.
    Gone,
    /// It is a container's first process, and the rule leaves those alone.
    LeftInit,
    /// The kernel refused: `CAP_KILL` is missing.
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
            Self::Gone => "gone",
            Self::LeftInit => "left_init",
            Self::Denied => "denied",
            Self::NotIdentified => "not_identified",
        }
    }
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

    /// Acts on a script that was judged malicious; `None` when the mode is off.
    pub fn respond(
        &self,
        capture: &Capture,
        verdict: &Verdict,
        placement: Option<&Placement>,
        identity: &Identity,
    ) -> Option<Response> {
        if self.mode == Mode::Off {
            return None;
        }
        let begun = Instant::now();
        let container = placement.and_then(|placement| placement.container.as_ref());
        // Where two containers are named, or the place is not known, nobody is blamed and nobody is killed; a rule for
        // the node does not mean a pod either.
        let is_of_node = placement.is_some_and(|p| p.container.is_none() && p.pod_uid.is_none());
        let rule = if container.is_some() || is_of_node {
            self.rules.matching(capture, verdict, container.is_some(), identity)
        } else {
            None
        };
        let Some(rule) = rule else {
            return Some(Response { action: Action::None, reason: String::new(), took_ns: 0 });
        };
        if !identity.is_complete && rule.action == RuleAction::Kill {
            return Some(Response { action: Action::NotIdentified, reason: rule.reason.clone(), took_ns: 0 });
        }
        let ScriptId { pid, .. } = capture.id;
        let action = match (rule.action, self.mode) {
            (RuleAction::None, _) | (_, Mode::Off) => Action::None,
            (RuleAction::Kill, _) if container.is_some() && capture.ns_pid == 1 && !rule.init => {
                Action::LeftInit
            }
            (RuleAction::Kill, Mode::Audit) => Action::WouldKill,
            (RuleAction::Kill, Mode::Kill) => {
                let id = container.map(ToString::to_string);
                match end(&Target { pid, start_ns: capture.start_ns, container: id.as_deref() }) {
                    Ended::Processes(count) => Action::Killed(count),
                    Ended::Gone => Action::Gone,
                    Ended::Denied => Action::Denied,
                }
            }
        };
        let took_ns = u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
        Some(Response { action, reason: rule.reason.clone(), took_ns })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use script::{Interpreter, Origin, ScriptFlags};
    use shell::Family;
    use verdict::ScriptHash;

    pub(crate) fn capture(pid: u32) -> Capture {
        Capture {
            id: ScriptId { pid, exec_ns: 1, ordinal: 0 },
            origin: Origin::Command,
            parent: None,
            evaluated_by: None,
            content: b"x"[..].into(),
            offset: 0,
            size: 1,
            flags: ScriptFlags::default(),
            path: None,
            interpreter: Interpreter {
                kind: Family::named("bash").unwrap(),
                path: vec![],
                size: 0,
                sha256: None,
            },
            args: vec![],
            args_truncated: false,
            ns_pid: 5,
            ppid: 1,
            uid: 0,
            gid: 0,
            cgroup: 1,
            start_ns: 1,
            time_unix_ns: 1,
        }
    }

    pub(crate) fn verdict() -> Verdict {
        Verdict {
            hash: ScriptHash::of(b"x"),
            score: 0.99,
            malicious: true,
            techniques: vec![],
            spans: vec![],
        }
    }

    fn in_container() -> Placement {
        let id = "a".repeat(64);
        Placement::of(&[id.as_bytes(), b"pod6b1d3a5e-0c1f-4e6a-9f1b-2f3c4d5e6f70", b"kubepods"], true)
    }

    fn action(mode: Mode, capture: &Capture, placement: Option<&Placement>) -> Option<Action> {
        let responder = Responder::new(mode, Rules::all_containers());
        let identity = Identity { is_complete: true, ..Identity::default() };
        let response = responder.respond(capture, &verdict(), placement, &identity);
        response.map(|response| response.action)
    }

    #[test]
    fn without_rules_containers_are_acted_on_and_nothing_else() {
        let place = in_container();
        assert!(place.container.is_some());
        let outside = Placement::of(&[b"ssh.service", b"system.slice"], true);
        assert_eq!(action(Mode::Off, &capture(7), Some(&place)), None);
        assert_eq!(action(Mode::Audit, &capture(7), Some(&place)), Some(Action::WouldKill));
        assert_eq!(action(Mode::Audit, &capture(7), Some(&outside)), Some(Action::None));
        assert_eq!(action(Mode::Kill, &capture(1), Some(&outside)), Some(Action::None));
        assert_eq!(action(Mode::Kill, &capture(7), None), Some(Action::None), "nobody knows where it is");
        let init = Capture { ns_pid: 1, ..capture(7) };
        assert_eq!(action(Mode::Kill, &init, Some(&place)), Some(Action::LeftInit));
    }

    #[test]
    fn a_process_id_that_belongs_to_another_by_now_is_left_alone() {
        // This test's own process has another start time, and is in no such container.
        let own = capture(std::process::id());
        assert_eq!(action(Mode::Kill, &own, Some(&in_container())), Some(Action::Gone));
    }
}
