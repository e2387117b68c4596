//! How a shell was called: from its argument vector to where its script comes from.

use crate::{
    family::Family,
    profile::{Applets, Grammar, LonePlus, Long, LooksLikeOption, Name, Operand},
};

/// Where a shell takes its commands from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// `-c`: the argument at this index is the script.
    Command(usize),
    /// The argument at this index names the script file.
    File(usize),
    /// Standard input.
    Stdin,
    /// A binary of many programs, called as one that is no shell.
    NotAShell,
}

/// A parsed argument vector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invocation {
    /// Where the script comes from.
    pub mode: Mode,
    /// Standard input is asked for (`-s`) beside a script of another kind: some shells go on with it.
    pub and_stdin: bool,
    /// Index of the first argument given to the script itself.
    pub args_at: usize,
}

impl Invocation {
    /// Parses the vector of a shell of this family as the shell itself would.
    pub fn parse(family: Family, argv: &[impl AsRef<[u8]>]) -> Self {
        let profile = family.profile();
        let at = match profile.applets {
            // It may be a binary of many programs that could not be looked at.
            None if family == Family::unknown() => UNKNOWN_APPLETS.first_argument(argv).unwrap_or(1),
            None => 1,
            Some(applets) => match applets.first_argument(argv) {
                Some(at) => at,
                None => return Self { mode: Mode::NotAShell, and_stdin: false, args_at: argv.len() },
            },
        };
        Parser { grammar: &profile.grammar, argv, at, command: false, stdin: false, any_letters: false }
            .parse()
    }
}

/// As of a binary of many programs whatever its name.
const UNKNOWN_APPLETS: Applets = Applets { binary: "busybox", shells: &["ash", "bash", "hush", "sh"] };

/// Words that may be the text of `-c` in the vector of a shell whose grammar is not known: what follows words of letters with a
/// `c`, in order.
pub fn likely_commands(argv: &[impl AsRef<[u8]>]) -> Vec<usize> {
    let is_option = |word: &[u8]| word.first().is_some_and(|sign| matches!(sign, b'-' | b'+'));
    let is_command = |word: &[u8]| {
        is_option(word) && word[1..].contains(&b'c') && word[1..].iter().all(u8::is_ascii_alphabetic)
    };
    let mut texts = Vec::new();
    let mut next = None;
    // From the end, so that each word is looked at once.
    for (at, word) in argv.iter().enumerate().rev() {
        if !is_option(word.as_ref()) {
            next = Some(at);
        } else if is_command(word.as_ref()) {
            texts.extend(next);
        }
    }
    texts.reverse();
    texts.dedup();
    texts
}

impl Applets {
    /// Index of a shell's first argument; `None` when another applet was called.
    fn first_argument(&self, argv: &[impl AsRef<[u8]>]) -> Option<usize> {
        // The binary's own name may come again: `busybox busybox sh`.
        let at = argv
            .iter()
            .position(|word| !base_name(Some(word.as_ref())).starts_with(self.binary.as_bytes()))?;
        let applet = base_name(argv.get(at).map(AsRef::as_ref));
        self.shells.iter().any(|shell| shell.as_bytes() == applet).then_some(at + 1)
    }
}

fn base_name(arg: Option<&[u8]>) -> &[u8] {
    let name = arg.unwrap_or_default().rsplit(|b| *b == b'/').next().unwrap_or_default();
    name.strip_prefix(b"-").unwrap_or(name)
}

/// The words of an argument vector, one after the other.
struct Parser<'a, W> {
    grammar: &'a Grammar,
    argv: &'a [W],
    at: usize,
    command: bool,
    stdin: bool,
    /// There was a word of option letters.
    any_letters: bool,
}

impl<W: AsRef<[u8]>> Parser<'_, W> {
    fn parse(mut self) -> Invocation {
        while let Some(word) = self.argv.get(self.at)
            && self.is_option(word.as_ref())
        {}
        let Self { argv, command, stdin, .. } = self;
        let at = self.at.min(argv.len());
        let (mode, args_at) = if command && at < argv.len() {
            (Mode::Command(at), at + 1)
        } else if stdin || at == argv.len() {
            (Mode::Stdin, at)
        } else {
            (Mode::File(at), at + 1)
        };
        Invocation { mode, and_stdin: stdin && mode != Mode::Stdin, args_at }
    }

    /// Takes a word in; false when no option can follow.
    fn is_option(&mut self, word: &[u8]) -> bool {
        match (word, self.grammar.lone_plus) {
            (b"-" | b"--", _) | (b"+", LonePlus::EndsOptions) => {
                self.at += 1;
                return false;
            }
            (b"+", LonePlus::Skipped) => {
                self.at += 1;
                return true;
            }
            _ => {}
        }
        match word.split_first() {
            Some((sign @ (b'-' | b'+'), rest)) if !rest.is_empty() => {
                self.at += 1;
                self.long(*sign, rest).unwrap_or_else(|| self.letters(*sign, rest))
            }
            _ => false,
        }
    }

    /// A long option, behind its first sign; `None` when it is none.
    fn long(&mut self, sign: u8, rest: &[u8]) -> Option<bool> {
        let two = rest.strip_prefix(&[sign]);
        let takes_next = match self.grammar.long {
            Long::None => return None,
            Long::Plain => {
                self.named(sign, two?);
                false
            }
            Long::OneDashOrTwo(known, with_operand) => {
                let name = two.unwrap_or(rest);
                let is = |names: &[&str]| names.iter().any(|known| known.as_bytes() == name);
                if sign != b'-' || self.any_letters || !is(known) {
                    return None;
                }
                is(with_operand)
            }
            Long::WithOperands(with_operand) => {
                let name = two?;
                self.named(sign, name);
                name.len() >= 2 && with_operand.iter().any(|known| known.as_bytes().starts_with(name))
            }
        };
        self.at += usize::from(takes_next);
        Some(true)
    }

    /// A word of option letters, behind its sign.
    fn letters(&mut self, sign: u8, letters: &[u8]) -> bool {
        self.any_letters = true;
        for (i, letter) in letters.iter().enumerate() {
            match letter {
                b'c' | b's' if sign == b'+' && self.grammar.plus_c_and_s_are_ignored => {}
                b'c' => self.command = sign == b'-' || self.grammar.plus_c_is_command,
                b's' => self.stdin = sign == b'-' || self.grammar.plus_s_is_stdin,
                letter if self.grammar.ends_options.contains(letter) => {
                    self.command |= letters[i..].contains(&b'c');
                    return false;
                }
                letter => {
                    let rest = &letters[i + 1..];
                    let mut with_operand = self.grammar.with_operand.iter();
                    match with_operand.find(|(with, _)| with == letter).map(|(_, operand)| *operand) {
                        None => {}
                        Some(Operand::Next) => self.take_name(sign),
                        Some(_) if !rest.is_empty() => {
                            self.named(sign, rest);
                            return true;
                        }
                        Some(Operand::RestOrNextUnless(looks)) if self.next_is_option(looks) => return true,
                        Some(Operand::RestOrNext | Operand::RestOrNextUnless(_)) => {
                            self.take_name(sign);
                            return true;
                        }
                    }
                }
            }
        }
        true
    }

    fn next_is_option(&self, looks: LooksLikeOption) -> bool {
        self.argv.get(self.at).map(AsRef::as_ref).is_some_and(|word: &[u8]| match looks {
            LooksLikeOption::DashAndMore => word.len() > 1 && word[0] == b'-',
            LooksLikeOption::DashOrPlus => matches!(word.first(), Some(b'-' | b'+')),
        })
    }

    /// The next word is the name of an option.
    fn take_name(&mut self, sign: u8) {
        if let Some(name) = self.argv.get(self.at) {
            self.named(sign, name.as_ref());
            self.at += 1;
        }
    }

    /// An option by its name: only letters and digits count, their case does not, and `no` before them turns it around.
    fn named(&mut self, sign: u8, name: &[u8]) {
        let plain: Vec<u8> =
            name.iter().filter(|b| b.is_ascii_alphanumeric()).map(u8::to_ascii_lowercase).collect();
        let named = self.grammar.named;
        let is = |wanted: Option<Name>, name: &[u8]| {
            wanted.is_some_and(|wanted| {
                name.len() >= wanted.letters && wanted.whole.as_bytes().starts_with(name)
            })
        };
        for (name, on) in [(Some(&plain[..]), sign == b'-'), (plain.strip_prefix(b"no"), sign != b'-')] {
            let Some(name) = name else { continue };
            if is(named.command, name) {
                self.command = on;
            }
            if is(named.stdin, name) {
                self.stdin = on;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Mode::{Command, File, NotAShell, Stdin};

    #[track_caller]
    fn all(family: &str, cases: &[(&str, Mode)]) {
        let family = Family::named(family).unwrap();
        for (line, expected) in cases {
            let argv: Vec<Vec<u8>> = line.split(' ').map(|a| a.as_bytes().to_vec()).collect();
            assert_eq!(Invocation::parse(family, &argv).mode, *expected, "{line}");
        }
    }

    // Every case was compared with what the shell itself does.

    #[test]
    fn bash_takes_long_options_with_one_dash_before_all_others() {
        all(
            "bash",
            &[
                ("bash", Stdin),
                ("bash a.sh x y", File(1)),
                ("bash -c true", Command(2)),
                ("bash -lc true name arg", Command(2)),
                ("bash -e -c true", Command(3)),
                ("bash -c -e true", Command(3)),
                ("bash -eo pipefail -c true", Command(4)),
                ("bash -co errexit true", Command(3)),
                ("bash -o errexit a.sh", File(3)),
                ("bash -oo errexit nounset a.sh", File(4)),
                ("bash -Oo extglob errexit -c true", Command(5)),
                ("bash -O extglob +x a.sh", File(4)),
                ("bash --norc --rcfile /x a.sh 1", File(4)),
                ("bash -norc -rcfile /x a.sh 1", File(4)),
                ("bash -login a.sh", File(2)),
                ("bash -posix -c true", Command(3)),
                ("bash --init-file /x -c true", Command(4)),
                ("bash +c true", Command(2)),
                ("bash + -c true", Command(3)),
                ("bash -c - true", Command(3)),
                ("bash -s a b", Stdin),
                ("bash -so errexit a", Stdin),
                ("bash -- a.sh", File(2)),
                ("bash - a.sh", File(2)),
                ("-bash", Stdin),
                ("bash -i", Stdin),
                ("bash -c", Stdin),
            ],
        );
    }

    #[test]
    fn dash_reads_plus_c_as_minus_c() {
        all(
            "dash",
            &[
                ("sh -ec true", Command(2)),
                ("sh -o nounset a.sh", File(3)),
                ("dash +c true", Command(2)),
                ("dash + -c true", Command(3)),
                ("dash +s a.sh", File(2)),
                ("dash -c -eu -- true", Command(4)),
                ("dash -es a.sh", Stdin),
                ("dash -x -- -c", File(3)),
            ],
        );
        let argv: Vec<Vec<u8>> = [&b"dash"[..], b"-s", b"-c", b"true"].map(<[u8]>::to_vec).into();
        let both = Invocation::parse(Family::named("dash").unwrap(), &argv);
        assert_eq!((both.mode, both.and_stdin), (Command(3), true));
    }

    #[test]
    fn busybox_is_a_shell_by_its_applet_and_skips_long_options() {
        all(
            "busybox",
            &[
                ("/bin/sh -c true", Command(2)),
                ("busybox sh a.sh", File(2)),
                ("/bin/busybox ash", Stdin),
                ("busybox hush -c true", Command(3)),
                ("busybox busybox.static /bin/busybox sh -c true", Command(5)),
                ("busybox ash --login -c true", Command(4)),
                ("ash -e --login a.sh", File(3)),
                ("ash -ce -o pipefail true", Command(4)),
                ("ash +s true", Stdin),
                ("cat a.sh", NotAShell),
                ("busybox cat", NotAShell),
            ],
        );
    }

    #[test]
    fn zsh_takes_names_in_the_same_word_and_ends_options_with_b() {
        all(
            "zsh",
            &[
                ("zsh -c true", Command(2)),
                ("zsh --emulate sh -c true", Command(4)),
                ("zsh -bc true", Command(2)),
                ("zsh -cb true", Command(2)),
                ("zsh -b -c true", File(2)),
                ("zsh -coerrexit true", Command(2)),
                ("zsh -fo errexit a.sh", File(3)),
                ("zsh --no-rcs -c true", Command(3)),
                ("zsh -oshinstdin a", Stdin),
                ("zsh -o shin_stdin a", Stdin),
                ("zsh -s -o noshinstdin a", File(4)),
                ("zsh +c true", Command(2)),
                ("zsh + -c", File(2)),
                ("zsh -c -- true", Command(3)),
            ],
        );
    }

    #[test]
    fn ksh93_may_leave_the_name_of_an_option_out() {
        all(
            "ksh93",
            &[
                ("ksh -co errexit true", Command(3)),
                ("ksh -o -c true", Command(3)),
                ("ksh -o posix -c true", Command(4)),
                ("ksh -oc a.sh", File(2)),
                ("ksh --errexit -c true", Command(3)),
                ("ksh -onotify -c true", Command(3)),
                ("ksh -ao errexit a.sh", File(3)),
                ("ksh +ec a.sh", File(2)),
                ("ksh -es a", Stdin),
                ("ksh -e -- -c", File(3)),
            ],
        );
    }

    #[test]
    fn mksh_takes_names_in_the_same_word() {
        all(
            "mksh",
            &[
                ("mksh -ceo errexit true", Command(3)),
                ("mksh -ostdin a", Stdin),
                ("mksh -oerrexit a.sh", File(2)),
                ("mksh -c -o posix -- true", Command(5)),
                ("mksh +co errexit a.sh", File(3)),
                ("mksh -xo errexit -- a.sh", File(4)),
                ("mksh -T - a.sh", File(3)),
                ("mksh -sc true", Command(2)),
            ],
        );
    }

    #[test]
    fn yash_knows_its_letters_by_name_and_the_last_word_counts() {
        all(
            "yash",
            &[
                ("yash --cmdline true", Command(2)),
                ("yash --cmd true", Command(2)),
                ("yash -ocmdline true", Command(2)),
                ("yash -coerrexit true", Command(2)),
                ("yash --rcfile /x a.sh", File(3)),
                ("yash --rcfile=/x a.sh", File(2)),
                ("yash --rc /x a.sh", File(3)),
                ("yash --std a", Stdin),
                ("yash -c --no-cmdline a.sh", File(3)),
                ("yash -c +c a.sh", File(3)),
                ("yash --stdin --nostdin a.sh", File(3)),
                ("yash ++cmdline a.sh", File(2)),
                ("yash +", File(1)),
            ],
        );
    }
}
