//! What a script does, apart from what it says: words of statements that only print are none of its effects.
//!
//! A banner of a hundred lines between a download and what runs it keeps them apart in every window. Nothing depends on
//! this being exact: the whole text is judged as well.

use std::ops::Range;

use super::{
    normal::Normal,
    separator::is_operator,
    words::{self, Joint, Word},
};

/// There are windows of effects when a script has at most so many words of effects in a hundred.
const EFFECTS_PERCENT_MAX: usize = 70;

/// Which words belong to effects.
#[derive(Default)]
pub(super) struct Effects {
    /// For each word: does its statement only print?
    print_only: Vec<bool>,
    /// Numbers of the others, where there are few enough.
    words: Vec<u32>,
}

impl Effects {
    /// Finds the effects among the words of a normal form.
    pub(super) fn find(&mut self, normal: &Normal, words: &[Word]) {
        self.print_only.clear();
        self.words.clear();
        let mut closed = true;
        let mut statement = Statement { normal, words, range: 0..0 };
        while statement.range.end < words.len() {
            statement.advance();
            let print_only = statement.only_prints();
            self.print_only.resize(statement.range.end, print_only);
            if print_only
                && closed
                && let Some(closing) = statement.closes_with()
            {
                // The search goes over all that is left but once.
                match statement.end_of_here_document(closing) {
                    Some(end) => {
                        self.print_only.resize(end, true);
                        statement.range.end = end;
                    }
                    None => closed = false,
                }
            }
        }
        let effects = self.print_only.iter().filter(|print_only| !**print_only).count();
        if 100 * effects <= EFFECTS_PERCENT_MAX * words.len() {
            self.words.extend((0..words.len() as u32).filter(|i| !self.print_only[*i as usize]));
        }
    }

    /// Is that word only printed, or does it make something be printed?
    pub(super) fn is_print_only(&self, word: usize) -> bool {
        self.print_only[word]
    }

    /// Numbers of the words of effects, rising; empty where most of the script is effects.
    pub(super) fn words(&self) -> &[u32] {
        &self.words
    }
}

/// A statement: words up to the next that begins one.
struct Statement<'a> {
    normal: &'a Normal,
    words: &'a [Word],
    range: Range<usize>,
}

impl Statement<'_> {
    fn advance(&mut self) {
        let start = self.range.end;
        let next = (start + 1..self.words.len()).find(|i| self.joint(*i) != Joint::Space);
        self.range = start..next.unwrap_or(self.words.len());
    }

    fn word(&self, i: usize) -> &[u8] {
        &self.normal.text[self.words[i].start as usize..self.words[i].end as usize]
    }

    /// Where a word and the one before it are apart.
    fn gap(&self, i: usize) -> Range<usize> {
        i.checked_sub(1).map_or(0, |j| self.words[j].end as usize)..self.words[i].start as usize
    }

    fn is_quoted(&self, at: usize) -> bool {
        self.normal.quoted.binary_search(&(at as u32)).is_ok()
    }

    /// The operators there, without those within quotes.
    fn operators(&self, i: usize) -> impl DoubleEndedIterator<Item = u8> {
        let operators = self.gap(i).filter(|at| is_operator(self.normal.text[*at]));
        operators.filter(|at| !self.is_quoted(*at)).map(|at| self.normal.text[at])
    }

    fn is_first_of_line(&self, i: usize) -> bool {
        self.normal.text[self.gap(i)].contains(&b'\n')
    }

    /// What joins a word to the one before it; operators within quotes do not.
    fn joint(&self, i: usize) -> Joint {
        match self.words[i].joint {
            Joint::Pipe | Joint::Statement
                if !self.is_first_of_line(i) && self.operators(i).next().is_none() =>
            {
                Joint::Space
            }
            joint => joint,
        }
    }

    /// Does it give a variable a value, or print to the terminal, and nothing else?
    fn only_prints(&self) -> bool {
        let Range { start, end } = self.range;
        let piped = end < self.words.len() && self.joint(end) == Joint::Pipe;
        // Its output is a value, or an argument.
        let used = matches!(self.operators(start).next_back(), Some(b'(' | b'`'));
        if piped || used || self.joint(start) == Joint::Pipe {
            return false;
        }
        let mut at = start;
        while at < end && words::is_wrapper(self.word(at)) {
            at += 1;
        }
        while at + 1 < end && words::is_assignment(self.words[at], self.words[at + 1]) {
            at += 2;
            while at < end && self.gap(at).all(|at| self.is_quoted(at)) {
                at += 1;
            }
        }
        if at == end {
            return true;
        }
        (prints(self.word(at)) || self.here_document(at).is_some())
            && !(at + 1..end).any(|i| self.goes_to_file(i))
    }

    /// Is a word the file that output goes to?
    fn goes_to_file(&self, i: usize) -> bool {
        // `>&2` is the terminal still.
        let to_stream = || self.operators(i).eq(*b">&") && self.word(i).iter().all(u8::is_ascii_digit);
        self.operators(i).any(|b| b == b'>') && !to_stream()
    }

    /// The closing word of a here-document that the command at `at` prints.
    fn here_document(&self, at: usize) -> Option<usize> {
        let last = self.range.end - 1;
        (self.word(at) == b"cat" && last > at && self.operators(last).eq(*b"<<")).then_some(last)
    }

    /// The closing word of the here-document that this statement prints.
    fn closes_with(&self) -> Option<usize> {
        self.range.clone().find_map(|at| self.here_document(at))
    }

    /// One past that word where it closes.
    fn end_of_here_document(&self, closing: usize) -> Option<usize> {
        let word = self.word(closing);
        // Of `<<-`, the dash is part of the word.
        let word = word.strip_prefix(b"-").unwrap_or(word);
        let mut rest = self.range.end..self.words.len();
        rest.find(|i| self.word(*i) == word && self.is_first_of_line(*i)).map(|i| i + 1)
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
        let mut words = Vec::new();
        words::cut(&normal.text, &mut words);
        let mut effects = Effects::default();
        effects.find(&normal, &words);
        let text = |i: &u32| &normal.text[words[*i as usize].start as usize..words[*i as usize].end as usize];
        effects.words().iter().map(|i| String::from_utf8_lossy(text(i))).collect::<Vec<_>>().join(" ")
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
