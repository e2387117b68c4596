//! The features of a word in its context: itself, what came before it, its command, and what both are about.

use super::{
    concepts::{About, Concepts},
    feature::{BUCKETS, Feature},
    normal::Normal,
    url::Url,
    words::{self, Joint, Parts, Word},
};

/// Arguments of one command that are paired with it.
const PAIRED_ARGUMENTS: u32 = 24;

/// What came before the word at hand.
#[derive(Clone, Default)]
pub(super) struct Context {
    concepts: &'static Concepts,
    /// Canonical forms of the two words before, 0 where a layer began.
    before: [u64; 2],
    /// The statement's command, 0 until it is known.
    command: u64,
    /// The command of the statement before.
    last_command: u64,
    /// The command whose output is piped into this statement.
    piped_from: u64,
    /// Arguments of the command so far.
    arguments: u32,
    /// `before`, `last_command` and `last_command_about` when statements began that only print.
    effect: Option<([u64; 2], u64, About)>,
    /// Within a decoded layer.
    decoded: bool,
    /// The word before was the name of a variable that is given a value.
    assigning: bool,
    /// What the statement's command, the one before, and the one that is piped into this are about.
    command_about: About,
    last_command_about: About,
    piped_about: About,
    /// What the word before was about, or the one before it.
    last_about: About,
}

/// Tags that keep kinds of features apart.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Word = 1,
    Pair,
    Triple,
    Command,
    Argument,
    Pipe,
    Sequence,
    Operator,
    Layer,
    Assignment,
    Assigned,
    /// What a word is about, and the operator before it.
    Concept,
    /// What two words in a row of a statement are about, others between them left out.
    ConceptPair,
    ConceptPipe,
    ConceptSequence,
    /// A command, and what an argument is about.
    ConceptOfArgument,
    /// What a command is about, and an argument.
    ConceptOfCommand,
    ConceptArgument,
}

/// Features of one word: words that are about many things would fill a set that goes through the model alone, and those behind them
/// would be left out.
pub(super) const FEATURES_PER_WORD: usize = 85;

/// Stands for the name of a variable in pairs of words.
const ASSIGNED: u64 = 0x6173_7369_676e_6564;

impl Context {
    /// Appends the features of the next word. `assigned`: it is the name of a variable that is given a value; `print_only`: its statement
    /// only prints.
    pub(super) fn word(
        &mut self,
        normal: &Normal,
        word: Word,
        assigned: bool,
        print_only: bool,
        out: &mut Vec<Feature>,
    ) {
        let bytes = word.of(&normal.text);
        let at = normal.origin(word.start);
        let most = out.len() + FEATURES_PER_WORD;
        let mut emit = |kind: Kind, a: u64, b: u64| {
            if out.len() < most {
                out.push(Feature { id: bucket(kind, a, b), at });
            }
        };
        match word.joint {
            Joint::Space => {}
            Joint::Pipe => {
                self.piped_from = self.command;
                self.piped_about = self.command_about;
                self.end_statement();
            }
            Joint::Statement => {
                self.piped_from = 0;
                self.piped_about = About::default();
                self.end_statement();
            }
            Joint::Layer => {
                self.piped_from = 0;
                self.piped_about = About::default();
                self.end_statement();
                self.before = [0; 2];
                if !self.decoded {
                    emit(Kind::Layer, 0, 0);
                }
                self.decoded = true;
                self.effect = None;
            }
        }
        if word.joint != Joint::Space {
            self.pass_over(print_only);
        }
        // The author's names for variables say little, and what is assigned is no argument of a command.
        if self.command == 0 && assigned {
            self.assigning = true;
            emit(Kind::Assignment, words::canonical(bytes, Url::of(bytes).as_ref()), 0);
            self.before = [ASSIGNED, 0];
            return;
        }
        let url =
            Url::of(bytes).or_else(|| self.command_about.fetches().then(|| Url::of_fetched(bytes)).flatten());
        let parts = Parts::of(bytes, url.as_ref());
        let canonical = parts.canonical();
        let about = self.concepts.of(bytes, url.as_ref());
        for concept in about.each() {
            emit(Kind::Concept, concept, word.operator);
        }
        if std::mem::take(&mut self.assigning) && word.joint == Joint::Space {
            parts.each().for_each(|part| emit(Kind::Assigned, part, 0));
            self.before = [canonical, ASSIGNED];
            return;
        }
        if word.operator != 0 {
            emit(Kind::Operator, word.operator, canonical);
        }
        parts.each().for_each(|part| emit(Kind::Word, part, 0));
        let [before, before_that] = self.before;
        let joined = canonical ^ word.operator.rotate_left(17);
        if before != 0 {
            emit(Kind::Pair, before, joined);
            if before_that != 0 {
                emit(Kind::Triple, before_that.rotate_left(9) ^ before, joined);
            }
        }
        for concept in about.each() {
            for last in self.last_about.each() {
                emit(Kind::ConceptPair, last, concept);
            }
        }
        if !about.is_nothing() {
            self.last_about = about;
        }
        if self.command == 0 {
            if !words::is_wrapper(bytes) {
                self.command_about = about;
                for concept in about.each() {
                    for from in self.piped_about.each() {
                        emit(Kind::ConceptPipe, from, concept);
                    }
                    for last in self.last_command_about.each() {
                        emit(Kind::ConceptSequence, last, concept);
                    }
                }
                let base = bytes.rsplit(|b| *b == b'/').next().unwrap_or_default();
                self.command = words::canonical(base, None).max(1);
                self.arguments = 0;
                emit(Kind::Command, self.command, 0);
                if self.piped_from != 0 {
                    emit(Kind::Pipe, self.piped_from, self.command);
                }
                if self.last_command != 0 {
                    emit(Kind::Sequence, self.last_command, self.command);
                }
            }
        } else if self.arguments < PAIRED_ARGUMENTS {
            self.arguments += 1;
            let command = self.command;
            parts.each().for_each(|part| emit(Kind::Argument, command, part));
            for concept in about.each() {
                emit(Kind::ConceptOfArgument, command, concept);
            }
            for of_command in self.command_about.each() {
                emit(Kind::ConceptOfCommand, of_command, canonical);
                for concept in about.each() {
                    emit(Kind::ConceptArgument, of_command, concept);
                }
            }
        }
        self.before = [canonical, before];
    }

    /// What only prints does not come between an effect and the next one.
    fn pass_over(&mut self, print_only: bool) {
        if print_only {
            self.effect.get_or_insert((self.before, self.last_command, self.last_command_about));
        } else if let Some(effect) = self.effect.take() {
            (self.before, self.last_command, self.last_command_about) = effect;
        }
    }

    fn end_statement(&mut self) {
        if self.command != 0 {
            self.last_command = self.command;
            self.last_command_about = self.command_about;
        }
        self.command = 0;
        self.command_about = About::default();
        self.last_about = About::default();
    }
}

/// The feature of that kind for two hashes.
pub(super) fn bucket(kind: Kind, a: u64, b: u64) -> u32 {
    // The finalizer of MurmurHash3 spreads the bits.
    let mut h = a ^ b.rotate_left(32) ^ (kind as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    h = (h ^ (h >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    h = (h ^ (h >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    h ^= h >> 33;
    (h & u64::from(BUCKETS - 1)) as u32
}
