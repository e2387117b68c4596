//! Whatever a shell executes is captured: commands at random, each of which says a token when its text runs. Every token that
//! was said must stand in a capture of the process that said it.
//!
//! `SCRIPTWATCH_TEST_RUNS` attempts, made from `SCRIPTWATCH_TEST_SEED`.

mod attempt;
mod choice;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fs,
};

use attempt::Attempt;
use choice::Choice;
use e2e::{node::Node, outcome::bytes, proxy::Random};

/// Attempts in the ordinary run.
const RUNS: u64 = 300;
/// Failures that are made simpler, a run each time.
const SHRUNK: usize = 6;

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name)
        .ok()
        .map_or(otherwise, |value| value.parse().unwrap_or_else(|_| panic!("{name}: {value:?} is no number")))
}

/// Attempts under one sensor: what it records of them is read as a whole.
const UNDER_ONE_SENSOR: usize = 1000;

/// What came of a number of attempts.
#[derive(Default)]
struct Tally {
    said: usize,
    missed: Vec<(Choice, String)>,
    totals: String,
    by_shell: BTreeMap<&'static str, (usize, usize)>,
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.said += other.said;
        self.missed.extend(other.missed);
        self.totals = other.totals;
        for (shell, (said, captured)) in other.by_shell {
            let (all, all_captured) = self.by_shell.entry(shell).or_default();
            *all += said;
            *all_captured += captured;
        }
    }
}

/// Runs attempts under one sensor.
fn run(choices: Vec<Choice>) -> Tally {
    let node = Node::start(&[]).expect("a sensor");
    let dir = node.dir.path().join("attempts");
    fs::create_dir(&dir).expect("a directory");
    let mut attempts: Vec<Attempt> =
        choices.into_iter().enumerate().map(|(number, choice)| Attempt::new(choice, number)).collect();
    for attempt in &mut attempts {
        attempt.run(&dir);
    }
    let said = fs::read_to_string(dir.join("said")).unwrap_or_default();
    let said: HashMap<&str, u64> = said
        .lines()
        .filter_map(|line| line.split_once(' '))
        .filter_map(|(t, pid)| Some((t, pid.parse().ok()?)))
        .collect();
    let outcome = node.finish().expect("a record");
    let mut tally = Tally {
        said: 0,
        missed: Vec::new(),
        totals: format!("{:?}", outcome.totals),
        by_shell: BTreeMap::new(),
    };
    let texts: Vec<(u64, String, &str)> = outcome
        .captures
        .iter()
        .map(|c| {
            let text = String::from_utf8_lossy(&bytes(&c["content"])).into_owned();
            (c["id"]["pid"].as_u64().unwrap_or_default(), text, c["origin"].as_str().unwrap_or_default())
        })
        .collect();
    let flagged: HashSet<u64> = outcome
        .captures
        .iter()
        .filter(|c| c["flags"]["evaluates_unseen"] == true)
        .filter_map(|c| c["id"]["pid"].as_u64())
        .collect();
    for attempt in attempts {
        let Some(pid) = said.get(attempt.token.as_str()) else { continue };
        tally.said += 1;
        let (of_shell, captured) = tally.by_shell.entry(attempt.choice.shell.name).or_default();
        *of_shell += 1;
        let holds: Vec<_> = texts.iter().filter(|(_, text, _)| text.contains(&attempt.token)).collect();
        let origins = attempt.choice.origins();
        // What a shell does not tell it must at least be said not to tell.
        let is_flagged = attempt.choice.delivery.may_be_unseen() && flagged.contains(pid);
        let is_right =
            is_flagged || holds.iter().any(|(of, _, origin)| of == pid && origins.contains(origin));
        if is_right {
            *captured += 1;
        } else {
            let instead: Vec<_> = holds.iter().map(|(of, _, origin)| (*of, *origin)).collect();
            tally.missed.push((
                attempt.choice,
                format!("said by {pid}, captured of {instead:?}: {}", attempt.command),
            ));
        }
    }
    tally
}

/// Runs all of them, so many under one sensor, and fails with what was missed.
#[track_caller]
fn check(choices: &[Choice], what: &str) {
    let mut whole = Tally::default();
    for some in choices.chunks(UNDER_ONE_SENSOR) {
        whole.add(run(some.to_vec()));
    }
    println!(
        "{what}: {} of {} attempts said their token; captured of said, by shell: {:?}",
        whole.said,
        choices.len(),
        whole.by_shell
    );
    assert!(whole.said * 2 > choices.len(), "only {} of {} attempts ran", whole.said, choices.len());
    if whole.missed.is_empty() {
        return;
    }
    let first = whole.missed.iter().take(SHRUNK);
    let shrunk: Vec<String> = first.map(|(choice, _)| simplest(choice.clone()).to_string()).collect();
    let all: Vec<String> = whole.missed.iter().map(|(choice, how)| format!("{choice}: {how}")).collect();
    panic!(
        "{what}: {} of {} not captured:\n{}\nthe simplest like the first:\n{}\n{}",
        all.len(),
        whole.said,
        all.join("\n"),
        shrunk.join("\n"),
        whole.totals
    );
}

#[test]
fn what_was_executed_at_random_was_captured() {
    let (seed, runs) = (number("SCRIPTWATCH_TEST_SEED", 1), number("SCRIPTWATCH_TEST_RUNS", RUNS));
    let mut random = Random::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let choices: Vec<Choice> = std::iter::repeat_with(|| Choice::random(&mut random))
        .filter(Choice::fits)
        .take(runs as usize)
        .collect();
    check(&choices, &format!("seed {seed}"));
}

#[test]
fn every_delivery_to_every_shell_and_every_way_to_call_it() {
    // In a guest, where everything is slow, every seventh; which ones differs from tier to tier.
    let step = if std::env::var_os("SCRIPTWATCH_SENSOR_TIER").is_some() { 7 } else { 1 };
    let choices: Vec<Choice> = Choice::all().into_iter().step_by(step).collect();
    check(&choices, "all");
}

/// The simplest choice that is missed as this one is.
fn simplest(mut choice: Choice) -> Choice {
    loop {
        let simpler = choice
            .simpler()
            .into_iter()
            .find(|simpler| simpler.fits() && !run(vec![simpler.clone()]).missed.is_empty());
        match simpler {
            Some(simpler) => choice = simpler,
            None => return choice,
        }
    }
}
