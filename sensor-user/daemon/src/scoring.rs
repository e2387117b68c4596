//! The scoring threads: captures → detections. The first one sorts, and records the captures where that is asked for.

use detection::{Detection, Detector, Sensitivity};
use hold::State;
use record::Recording;
use response::Held;
use stage::{Heartbeat, Received, Receiver, Sender};
use tokio::{runtime::Runtime, sync::watch};
use tracing::info;

use crate::{holding::Holding, lanes::Lanes, output::Output};

/// What a scoring thread works with.
pub(crate) struct Scorer {
    pub(crate) detector: Detector,
    pub(crate) sensitivity: watch::Receiver<Sensitivity>,
    pub(crate) detections: Sender<Detection>,
    pub(crate) recording: Option<Recording>,
    /// Where long texts go; the thread that judges them has none.
    pub(crate) lanes: Option<Lanes>,
    pub(crate) holding: Holding,
}

impl Scorer {
    /// Scores until who sends captures is gone. `runtime` keeps the time while it waits.
    pub(crate) fn run(mut self, mut outputs: Receiver<Output>, heartbeat: &Heartbeat, runtime: &Runtime) {
        loop {
            heartbeat.beat();
            // The queue counts what does not fit, and a reporter that is gone has failed: the supervisor knows.
            let mut report = |detection| {
                let _ = self.detections.try_send(detection);
            };
            self.detector.send_due(&mut report);
            let Output { said, ticket } = match outputs.recv_within(heartbeat.interval(), runtime) {
                Received::Item(output) => output,
                Received::Nothing => continue,
                Received::Ended => break,
            };
            if let Some(recording) = &mut self.recording {
                recording.hear(&said);
            }
            let said = match &self.lanes {
                None => said,
                Some(lanes) => {
                    if let script::Output::Capture(capture) = &said {
                        // Here, where they come in their order; its children may be judged before it is.
                        self.detector.remember(capture);
                    }
                    let Some(said) = lanes.sort(said) else { continue };
                    said
                }
            };
            // Behind the wait: what comes after a reload is judged as it says.
            if self.sensitivity.has_changed().unwrap_or(false) {
                let sensitivity = *self.sensitivity.borrow_and_update();
                let threshold = self.detector.set_sensitivity(sensitivity);
                info!(threshold, "threshold set");
            }
            match said {
                script::Output::Capture(capture) => {
                    let holder = &self.holding.holder;
                    let held = || match holder.state(capture.reader, capture.id.exec_ns) {
                        State::NotHeld => Held::No,
                        State::Held(held) => Held::Yes(held),
                        State::TimedOut(held) => Held::TimedOut(held),
                    };
                    self.detector.judge(&capture, held, &mut report);
                }
                script::Output::Held(shell) => {
                    self.holding.holder.judged(&shell);
                    // By now more may be known of its container.
                    self.holding.decide(shell.cgroup);
                }
                script::Output::Finished(id, _) => {
                    self.detector.finished(&id, &mut report);
                }
            }
            // What is said of its shell from now on may be judged elsewhere.
            drop(ticket);
        }
        self.detector.end(&mut |detection| {
            let _ = self.detections.try_send(detection);
        });
        if let Some(recording) = self.recording {
            recording.end();
        }
    }
}
