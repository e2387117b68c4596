//! Who judges for a detector: a judge of its own, or one that works in another thread.

use std::{
    ops::Range,
    sync::mpsc::{Receiver, Sender, channel},
};

use script::ScriptText;
use verdict::{Judge, Verdict};

use crate::detector::Sensitivity;

/// What a judge says of a text.
pub(crate) struct Opinion {
    /// An error says why there is none.
    pub(crate) verdict: Result<Verdict, String>,
    /// A part of a malicious script may score so.
    pub(crate) is_suspicious: bool,
    /// From which score a script is malicious.
    pub(crate) threshold: f32,
    /// Lookups of the judge's cache so far, those that found something and those that did not.
    pub(crate) lookups: (u64, u64),
}

enum Question {
    Text(ScriptText, Range<usize>, bool),
    Sensitivity(Sensitivity),
}

enum Answer {
    Opinion(Opinion),
    Threshold(f32),
}

/// A judge in a thread of its own.
pub struct JudgeAside {
    judge: Judge,
    questions: Receiver<Question>,
    answers: Sender<Answer>,
}

/// The line to a judge in another thread.
pub struct JudgeLine {
    questions: Sender<Question>,
    answers: Receiver<Answer>,
}

impl JudgeAside {
    /// A judge, to be given to its thread, and the line to it.
    pub fn new(judge: Judge) -> (Self, JudgeLine) {
        let (questions, asked) = channel();
        let (answers, said) = channel();
        (Self { judge, questions: asked, answers }, JudgeLine { questions, answers: said })
    }

    /// Judges until nobody asks any more.
    pub fn run(mut self) {
        while let Ok(question) = self.questions.recv() {
            let answer = match question {
                Question::Text(text, range, evaluates_unseen) => {
                    Answer::Opinion(opinion(&mut self.judge, &text[range], evaluates_unseen))
                }
                Question::Sensitivity(sensitivity) => {
                    Answer::Threshold(set_sensitivity(&mut self.judge, sensitivity))
                }
            };
            if self.answers.send(answer).is_err() {
                return;
            }
        }
    }
}

impl JudgeLine {
    /// `None` when the judge's thread is gone.
    fn ask(&self, question: Question) -> Option<Answer> {
        self.questions.send(question).ok()?;
        self.answers.recv().ok()
    }
}

fn opinion(judge: &mut Judge, text: &[u8], evaluates_unseen: bool) -> Opinion {
    let verdict = judge.judge(text, evaluates_unseen).map_err(|e| e.to_string());
    let is_suspicious = verdict.as_ref().is_ok_and(|verdict| judge.is_suspicious(verdict.score));
    Opinion { verdict, is_suspicious, threshold: judge.threshold(), lookups: judge.hits_and_misses() }
}

fn set_sensitivity(judge: &mut Judge, Sensitivity { point, threshold }: Sensitivity) -> f32 {
    judge.set_threshold(point, threshold);
    judge.threshold()
}

/// Where a detector asks.
pub(crate) enum Judging {
    Here(Box<Judge>),
    Aside(JudgeLine),
}

impl Judging {
    /// Judges a part of a text. `evaluates_unseen`: it is a part of what runs.
    pub(crate) fn judge(&mut self, text: &ScriptText, part: Range<usize>, evaluates_unseen: bool) -> Opinion {
        let said = match self {
            Self::Here(judge) => return opinion(judge, &text[part], evaluates_unseen),
            Self::Aside(line) => line.ask(Question::Text(text.clone(), part, evaluates_unseen)),
        };
        match said {
            Some(Answer::Opinion(opinion)) => opinion,
            _ => Opinion {
                verdict: Err("the thread that judges is gone".to_owned()),
                is_suspicious: false,
                threshold: f32::INFINITY,
                lookups: (0, 0),
            },
        }
    }

    /// Judges from now on by another threshold; returns its value.
    pub(crate) fn set_sensitivity(&mut self, sensitivity: Sensitivity) -> f32 {
        let said = match self {
            Self::Here(judge) => return set_sensitivity(judge, sensitivity),
            Self::Aside(line) => line.ask(Question::Sensitivity(sensitivity)),
        };
        if let Some(Answer::Threshold(threshold)) = said { threshold } else { f32::NAN }
    }
}
