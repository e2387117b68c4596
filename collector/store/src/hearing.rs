//! What was heard of sensors since it was handed to the writer last.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use proto::ingest;
use tokio_util::sync::CancellationToken;

use crate::{
    handle::StoreHandle,
    sensors::{Health, SENSORS_MAX, Word},
};

/// How often what was heard is handed over.
const PERIOD: Duration = Duration::from_secs(5);
/// Reasons that a sensor may give, and bytes of each, and of its version.
const IMPAIRMENTS_MAX: usize = 16;
const WORD_BYTES_MAX: usize = 32;

/// What streams heard of sensors. Shared by them.
#[derive(Default)]
pub struct Hearing {
    words: Mutex<HashMap<String, Word>>,
}

impl Hearing {
    /// A batch of a sensor came, at that Unix time in ns. What came later counts, in whatever order it is told.
    pub fn hear(&self, node: &str, version: &str, health: Option<ingest::Health>, seen_ns: i64) {
        let health = health.map(checked);
        let mut words = self.words.lock().unwrap_or_else(PoisonError::into_inner);
        if words.len() >= SENSORS_MAX && !words.contains_key(node) {
            return;
        }
        let word = words.entry(node.to_owned()).or_insert_with(|| Word {
            node: node.to_owned(),
            version: String::new(),
            seen_ns,
            health: None,
        });
        if seen_ns < word.seen_ns {
            return;
        }
        word.seen_ns = seen_ns;
        if is_word(version) {
            version.clone_into(&mut word.version);
        }
        if health.is_some() {
            word.health = health;
        }
    }

    /// Hands over what was heard, again and again until `stop` is cancelled, and then once more.
    pub async fn pass_on(&self, handle: StoreHandle, stop: CancellationToken) {
        loop {
            let is_last = tokio::time::timeout(PERIOD, stop.cancelled()).await.is_ok();
            let words = std::mem::take(&mut *self.words.lock().unwrap_or_else(PoisonError::into_inner));
            if handle.tell(words.into_values().collect()).await.is_err() || is_last {
                return;
            }
        }
    }
}

/// What a sensor says, as far as it may be written down.
fn checked(health: ingest::Health) -> Health {
    let ingest::Health { waiting_findings, oldest_waiting_seconds, impairments, stopping } = health;
    Health {
        waiting: waiting_findings,
        oldest_seconds: oldest_waiting_seconds,
        impairments: impairments.into_iter().filter(|reason| is_word(reason)).take(IMPAIRMENTS_MAX).collect(),
        stopping,
    }
}

fn is_word(text: &str) -> bool {
    (1..=WORD_BYTES_MAX).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_word_counts_and_what_is_none_is_left_out() {
        let hearing = Hearing::default();
        let health = |reasons: &[&str]| ingest::Health {
            waiting_findings: 3,
            impairments: reasons.iter().map(|reason| (*reason).to_owned()).collect(),
            ..ingest::Health::default()
        };
        hearing.hear(
            "n",
            "1.0.0",
            Some(health(&["events_lost", "a b", "\u{1b}[31m", "", &"x".repeat(33)])),
            2,
        );
        // A batch that says nothing of it changes nothing but the time.
        hearing.hear("n", "a\nb", None, 3);
        // What was said before that comes late.
        hearing.hear("n", "0.9.0", Some(health(&[])), 1);
        let words = hearing.words.lock().expect("no panic");
        let word = &words["n"];
        assert_eq!((word.version.as_str(), word.seen_ns), ("1.0.0", 3));
        let told = word.health.clone().expect("health");
        assert_eq!((told.waiting, told.impairments), (3, vec!["events_lost".to_owned()]));
    }

    #[test]
    fn names_without_end_fill_no_memory() {
        let hearing = Hearing::default();
        for n in 0..SENSORS_MAX + 10 {
            hearing.hear(&n.to_string(), "1.0.0", None, 1);
        }
        assert_eq!(hearing.words.lock().expect("no panic").len(), SENSORS_MAX);
    }
}
