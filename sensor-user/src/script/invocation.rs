//! How a shell was called: from its argument vector to where its script comes from.

use crate::probe::classify::ShellKind;

/// Where a shell takes its commands from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// `-c`: the argument at this index is the script.
    Command(usize),
    /// The argument at this index names the script file.
    File(usize),
    /// Standard input.
    Stdin,
    /// busybox called as something that is no shell.
    NotAShell,
}

/// A parsed argument vector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invocation {
    /// Where the script comes from.
    pub mode: Mode,
    /// Index of the first argument given to the script itself.
    pub args_at: usize,
}

/// Long options of bash that take an argument.
const LONG_WITH_ARGUMENT: [&[u8]; 2] = [b"--rcfile", b"--init-file"];

impl Invocation {
    /// Parses the vector of a shell of this kind, as the shell itself would.
    pub fn parse(kind: ShellKind, argv: &[Vec<u8>]) -> Self {
        let mut at = 1;
        if kind == ShellKind::Busybox {
            let called = applet(argv.first());
            let applet_name = if called.starts_with(b"busybox") {
                at = 2;
                applet(argv.get(1))
            } else {
                called
            };
            if !is_shell_applet(applet_name) {
                return Self { mode: Mode::NotAShell, args_at: argv.len() };
            }
        }
        let mut command = false;
        let mut stdin = false;
        while let Some(arg) = argv.get(at) {
            if arg == b"--" || arg == b"-" {
                at += 1;
                break;
            }
            if arg.starts_with(b"--") && kind == ShellKind::Bash {
                at += if LONG_WITH_ARGUMENT.contains(&arg.as_slice()) { 2 } else { 1 };
                continue;
            }
            let Some(letters) = arg.strip_prefix(b"-").or_else(|| arg.strip_prefix(b"+")) else { break };
            if letters.is_empty() {
                break;
            }
            command |= arg[0] == b'-' && letters.contains(&b'c');
            stdin |= letters.contains(&b's');
            // `-o name`, `-O name`: each such letter takes the next argument.
            let with_argument =
                letters.iter().filter(|l| **l == b'o' || **l == b'O' && kind == ShellKind::Bash);
            at += 1 + with_argument.count();
        }
        let at = at.min(argv.len());
        if command && at < argv.len() {
            Self { mode: Mode::Command(at), args_at: at + 1 }
        } else if stdin || at == argv.len() {
            Self { mode: Mode::Stdin, args_at: at }
        } else {
            Self { mode: Mode::File(at), args_at: at + 1 }
        }
    }
}

fn applet(arg: Option<&Vec<u8>>) -> &[u8] {
    let name = arg.map_or(&[][..], Vec::as_slice).rsplit(|b| *b == b'/').next().unwrap_or_default();
    name.strip_prefix(b"-").unwrap_or(name)
}

fn is_shell_applet(name: &[u8]) -> bool {
    matches!(name, b"sh" | b"ash" | b"bash" | b"hush")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(kind: ShellKind, line: &str) -> (Mode, usize) {
        let argv: Vec<Vec<u8>> = line.split(' ').map(|a| a.as_bytes().to_vec()).collect();
        let invocation = Invocation::parse(kind, &argv);
        (invocation.mode, invocation.args_at)
    }

    #[test]
    fn bash_is_called_in_many_ways() {
        use ShellKind::Bash;
        for (line, expected) in [
            ("bash", (Mode::Stdin, 1)),
            ("bash a.sh x y", (Mode::File(1), 2)),
            ("bash -c true", (Mode::Command(2), 3)),
            ("bash -lc true name arg", (Mode::Command(2), 3)),
            ("bash -e -c true", (Mode::Command(3), 4)),
            ("bash -eo pipefail -c true", (Mode::Command(4), 5)),
            ("bash -o errexit a.sh", (Mode::File(3), 4)),
            ("bash -O extglob +x a.sh", (Mode::File(4), 5)),
            ("bash --norc --rcfile /x a.sh 1", (Mode::File(4), 5)),
            ("bash -s a b", (Mode::Stdin, 2)),
            ("bash -- a.sh", (Mode::File(2), 3)),
            ("-bash", (Mode::Stdin, 1)),
            ("bash -i", (Mode::Stdin, 2)),
            ("bash -c", (Mode::Stdin, 2)),
        ] {
            assert_eq!(parse(Bash, line), expected, "{line}");
        }
    }

    #[test]
    fn busybox_is_a_shell_by_its_applet() {
        use ShellKind::Busybox;
        assert_eq!(parse(Busybox, "/bin/sh -c true"), (Mode::Command(2), 3));
        assert_eq!(parse(Busybox, "busybox sh a.sh"), (Mode::File(2), 3));
        assert_eq!(parse(Busybox, "/bin/busybox ash"), (Mode::Stdin, 2));
        assert_eq!(parse(Busybox, "cat a.sh").0, Mode::NotAShell);
        assert_eq!(parse(Busybox, "busybox cat").0, Mode::NotAShell);
    }

    #[test]
    fn dash_knows_no_long_options() {
        assert_eq!(parse(ShellKind::Posix, "sh -ec true"), (Mode::Command(2), 3));
        assert_eq!(parse(ShellKind::Posix, "sh -o nounset a.sh"), (Mode::File(3), 4));
    }
}
