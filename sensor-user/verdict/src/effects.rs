//! What a script does, apart from what it says: words of statements that only print are none of its effects.
//!
//! A banner of a hundred lines between a download and what runs it keeps them apart in every window. Nothing depends on
//! this being exact: the whole text is judged as well.

use fixedbitset::FixedBitSet;

use super::{
    normal::Normal,
    separator::is_operator,
    words::{self, Joint, Word, Words},
};

/// There are windows of effects when a script has at most so many words of effects in a hundred.
const EFFECTS_PERCENT_MAX: usize = 70;

/// Which words belong to effects.
#[derive(Default)]
pub(super) struct Effects {
    /// For each word: does its statement only print?
    print_only: FixedBitSet,
    /// How many words there are.
    words: usize,
    /// How many words of effects there are; 0 where most of the script is effects.
    acting: usize,
    /// Of the words of effects, the number of the first, and of each that many further.
    starts: Vec<u32>,
}

/// Words of effects from one whose number is kept to the next.
const STEP: usize = 64;

impl Effects {
    /// Finds the effects in a normal form.
    pub(super) fn find(&mut self, normal: &Normal) {
        self.print_only.clear();
        self.starts.clear();
        let mut words = Words::of(&normal.text);
        let mut next = words.next();
        let mut closed = true;
        let mut end = 0;
        while let Some(first) = next {
            let statement = Statement::of(normal, first, words);
            let print_only = statement.only_prints();
            end = self.learn(end, statement.length, print_only);
            (next, words) = (statement.next, statement.behind_next.clone());
            if print_only
                && closed
                && let Some(closing) = statement.closes_with()
            {
                // The search goes over all that is left but once.
                match statement.end_of_here_document(closing) {
                    Some((length, mut rest)) => {
                        end = self.learn(end, length, true);
                        next = rest.next();
                        words = rest;
                    }
                    None => closed = false,
                }
            }
        }
        self.words = end;
        self.acting = end - self.print_only.count_ones(..);
        if 100 * self.acting > EFFECTS_PERCENT_MAX * end {
            self.acting = 0;
        }
        if self.acting > 0 {
            for (n, word) in (0..end).filter(|word| !self.print_only.contains(*word)).enumerate() {
                if n % STEP == 0 {
                    self.starts.push(word as u32);
                }
            }
        }
    }

    /// So many more words only print, or do not; returns how many words there are now.
    fn learn(&mut self, words: usize, more: usize, print_only: bool) -> usize {
        let end = words + more;
        if print_only {
            self.print_only.grow(end);
            self.print_only.insert_range(words..end);
        }
        end
    }

    /// Is that word only printed, or does it make something be printed?
    pub(super) fn is_print_only(&self, word: usize) -> bool {
        self.print_only.contains(word)
    }

    /// How many words of effects there are; 0 where most of the script is effects.
    pub(super) fn count(&self) -> usize {
        self.acting
    }

    /// Numbers of the words of effects, rising, from one of them on: a multiple of 64.
    pub(super) fn words_from(&self, effect: usize) -> impl Iterator<Item = usize> {
        debug_assert!(effect.is_multiple_of(STEP));
        let start = self.starts.get(effect / STEP).map_or(self.words, |word| *word as usize);
        (start..self.words).filter(|word| !self.print_only.contains(*word))
    }
}

/// A statement: words up to the next that begins one.
struct Statement<'a> {
    normal: &'a Normal,
    /// Its first word.
    first: Word,
    /// Its last word, and does `<<` stand before it? To look costs what the gap is long, and not once for each word.
    last: Word,
    here: bool,
    /// Its words but the first.
    words: Words<'a>,
    /// How many words it has.
    length: usize,
    /// The word behind it.
    next: Option<Word>,
    /// The words behind that one.
    behind_next: Words<'a>,
}

impl<'a> Statement<'a> {
    /// The one that begins with a word, behind which these are.
    fn of(normal: &'a Normal, first: Word, words: Words<'a>) -> Self {
        let mut behind_next = words.clone();
        let next = behind_next.next();
        let mut found = Self { normal, first, last: first, here: false, words, length: 1, next, behind_next };
        while let Some(word) = found.next.filter(|word| found.joint(*word) == Joint::Space) {
            found.last = word;
            found.length += 1;
            found.next = found.behind_next.next();
        }
        found.here = found.operators(found.last).eq(*b"<<");
        found
    }

    /// Its words.
    fn words(&self) -> impl Iterator<Item = Word> {
        std::iter::once(self.first).chain(self.words.clone().take(self.length - 1))
    }

    fn text(&self, word: Word) -> &'a [u8] {
        word.of(&self.normal.text)
    }

    /// The operators before a word, without those within quotes.
    fn operators(&self, word: Word) -> impl DoubleEndedIterator<Item = u8> {
        let operators = word.gap().filter(|at| is_operator(self.normal.text[*at]));
        operators.filter(|at| !self.normal.is_quoted(*at)).map(|at| self.normal.text[at])
    }

    /// What joins a word to the one before it; operators within quotes do not.
    fn joint(&self, word: Word) -> Joint {
        match word.joint {
            Joint::Pipe | Joint::Statement
                if !word.is_first_of_line(&self.normal.text) && self.operators(word).next().is_none() =>
            {
                Joint::Space
            }
            joint => joint,
        }
    }

    /// Does it give a variable a value, or print to the terminal, and nothing else?
    fn only_prints(&self) -> bool {
        let piped = self.next.is_some_and(|next| self.joint(next) == Joint::Pipe);
        // Its output is a value, or an argument.
        let used = matches!(self.operators(self.first).next_back(), Some(b'(' | b'`'));
        if piped || used || self.joint(self.first) == Joint::Pipe {
            return false;
        }
        let mut words = self.words().peekable();
        while words.next_if(|word| words::is_wrapper(self.text(*word))).is_some() {}
        let command = loop {
            let Some(word) = words.next() else { return true };
            if !words.peek().is_some_and(|value| words::is_assignment(word, *value)) {
                break word;
            }
            words.next();
            while words.next_if(|word| word.gap().all(|at| self.normal.is_quoted(at))).is_some() {}
        };
        (prints(self.text(command)) || self.here_document(command).is_some())
            && !words.any(|word| self.goes_to_file(word))
    }

    /// Is a word the file that output goes to?
    fn goes_to_file(&self, word: Word) -> bool {
        // `>&2` is the terminal still.
        let to_stream = || self.operators(word).eq(*b">&") && self.text(word).iter().all(u8::is_ascii_digit);
        self.operators(word).any(|b| b == b'>') && !to_stream()
    }

    /// The closing word of a here-document that this command of it prints.
    fn here_document(&self, command: Word) -> Option<Word> {
        (self.here && self.last.start > command.start && self.text(command) == b"cat").then_some(self.last)
    }

    /// The closing word of the here-document that this statement prints.
    fn closes_with(&self) -> Option<Word> {
        self.words().find_map(|word| self.here_document(word))
    }

    /// How many words behind this statement there are up to where that word closes, and the words behind it.
    fn end_of_here_document(&self, closing: Word) -> Option<(usize, Words<'a>)> {
        let closing = self.text(closing);
        // Of `<<-`, the dash is part of the word.
        let closing = closing.strip_prefix(b"-").unwrap_or(closing);
        let closes = |word: Word| self.text(word) == closing && word.is_first_of_line(&self.normal.text);
        let mut rest = self.behind_next.clone();
        if self.next.is_some_and(closes) {
            return Some((1, rest));
        }
        let before = rest.by_ref().position(closes)?;
        Some((before + 2, rest))
    }
}

/// Commands that print, or wait so that it can be read.
fn prints(command: &[u8]) -> bool {
    matches!(command, b"echo" | b"printf" | b"print" | b"clear" | b"sleep" | b"tput" | b"true" | b":")
        // The end of a colour, whose first half was in the statement before.
        || command.len() <= 4 && command.last() == Some(&b'm') && command[..command.len() - 1].iter().all(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn effects(script: &str) -> String {
        let mut normal = Normal::default();
        normal.form(script.as_bytes());
        let words: Vec<Word> = Words::of(&normal.text).collect();
        let mut effects = Effects::default();
        effects.find(&normal);
        let of_effects = effects.words_from(0).map(|i| String::from_utf8_lossy(words[i].of(&normal.text)));
        of_effects.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn what_is_printed_is_no_act() {
        let print_only = "echo 'a | b' \"c > d; e\" f; printf 'x <y> <z>'\nif clear; then echo >&2 g h don't\nfi\nRED=1 sleep 5; A=\"b | c; d\"; B=$A$A\n";
        assert_eq!(effects(&format!("{print_only}curl x\n{print_only}sh x")), "fi curl x fi sh x");
        let banner = "cat <<EOF\ncurl x; sh x\n a b c d e f g EOF h\nEOF\n";
        assert_eq!(effects(&format!("{banner}id\n{banner}id")), "id id");
        assert_eq!(effects(&format!("{}id", banner.repeat(2).replace("<<", "<<-"))), "id");
        for print_only in ["echo \"a \\\" | b\"", "A='b>c'; echo $A", "echo \"${UNSET} b ${UNSET:-c}\""] {
            assert_eq!(effects(&format!("{print_only}\n{print_only}\nid")), "id", "{print_only}");
        }
        // But what stands in double quotes may be a command.
        assert_eq!(
            effects(&format!("{banner}{banner}echo \"x $(curl x)\"; echo \"y `sh x`\"")),
            "curl x sh x"
        );
    }

    #[test]
    fn what_is_written_piped_or_used_is_an_act() {
        let much = "echo a b c d e f g h i j k l m n o p q r s t u v w x y z\n".repeat(3);
        for act in [
            "echo x > y",
            "echo x >> y",
            "echo x &> y",
            "echo x | sh",
            "x | echo y",
            "echo x- > y",
            "y $( echo x )",
            "y ` echo x `",
            "cat <<EOF | sh",
            "cat <<EOF > y",
            "cat <<<EOF",
            "cat EOF",
            "echoes x",
        ] {
            let words: String = act.chars().map(|c| if "|><&=()`".contains(c) { ' ' } else { c }).collect();
            let expected: Vec<&str> = words.split_whitespace().collect();
            assert_eq!(effects(&format!("{much}{act}")), expected.join(" "), "{act}");
        }
    }

    #[test]
    fn where_most_are_effects_there_are_none_apart() {
        assert_eq!(effects("id a b c d e f; echo b"), "");
        assert_eq!(effects(""), "");
    }

    #[test]
    fn after_a_here_document_that_never_ends_none_is_looked_for() {
        let never = "cat <<NEVER\n";
        let banner = "cat <<EOF\ncurl x\nEOF\n";
        let much = "echo a b c d e f g\n".repeat(3);
        assert_eq!(effects(&format!("{much}{banner}{never}{banner}")), "curl x EOF");
        assert_eq!(effects(&format!("{much}{banner}{banner}{never}")), "");
    }
}
