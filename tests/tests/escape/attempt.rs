//! An attempt: one command that is run, and the token that its text says.

use std::{
    fs,
    io::Write,
    os::{
        fd::{AsRawFd, FromRawFd, OwnedFd},
        unix::{fs::PermissionsExt, net::UnixStream, process::CommandExt},
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use e2e::{shell::quiet, shells::Shell};

use crate::choice::{Carrier, Choice, Delivery};

/// Longer than any attempt takes: one that waits for input that does not come.
const PATIENCE: Duration = Duration::from_secs(10);
/// Comments in front of a long script's last line, bytes.
const LONG: usize = 1_200_000;

/// Names of variables that come before others.
const PADDING: [&str; 20] = [
    "A0", "A1", "A2", "A3", "A4", "A5", "A6", "A7", "A8", "A9", "B0", "B1", "B2", "B3", "B4", "B5", "B6",
    "B7", "B8", "B9",
];

/// An attempt, ready to be run.
pub(crate) struct Attempt {
    pub(crate) choice: Choice,
    pub(crate) token: String,
    /// How its files begin.
    file: String,
    /// The command as it can be pasted; what the carrier needs has to be made first.
    pub(crate) command: String,
}

/// What feeds a shell's standard input.
enum Input {
    Nothing,
    Pipe(String, bool),
    Socket(String),
    File(PathBuf),
}

impl Attempt {
    pub(crate) fn new(choice: Choice, number: usize) -> Self {
        Self {
            choice,
            token: format!("tok{number:06}en"),
            file: format!("f{number}"),
            command: String::new(),
        }
    }

    /// Runs it to its end. Files go to `dir`; what the text says is appended to `dir/said`.
    pub(crate) fn run(&mut self, dir: &Path) {
        let said = dir.join("said");
        let say = |token: &str| format!("echo {token} $$ >>{}", said.display());
        let text = format!("{}\n", say(&self.token));
        let file = |suffix: &str, content: &str, mode: u32| {
            let path = dir.join(format!("{}{suffix}", self.file));
            fs::write(&path, content).expect("a file");
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("a mode");
            path
        };
        let (mut args, mut env) = (Vec::new(), Vec::new());
        let mut input = Input::Nothing;
        // Held open while the command runs.
        let mut held: Vec<OwnedFd> = Vec::new();
        let mut writer = None;
        let substitution = format!("$({})", say(&self.token));
        match self.choice.delivery {
            Delivery::File => args.push(shown(&file(".sh", &text, 0o644))),
            Delivery::Shebang => {}
            Delivery::NoShebang => {
                let inner = file(".in", &text, 0o755);
                args.push(shown(&file(".sh", &format!("{}\n:\n", inner.display()), 0o644)));
            }
            Delivery::NoShebangFromCommand => {
                let inner = file(".in", &text, 0o755);
                args.extend(["-c".to_owned(), format!("{}; :", inner.display())]);
            }
            Delivery::Command => args.extend(["-c".to_owned(), text]),
            Delivery::Pipe => input = Input::Pipe(text, false),
            Delivery::SlowPipe => input = Input::Pipe(text, true),
            Delivery::Input => input = Input::File(file(".sh", &text, 0o644)),
            Delivery::Socket => input = Input::Socket(text),
            Delivery::Fifo => {
                let fifo = dir.join(format!("{}.fifo", self.file));
                nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).expect("a named pipe");
                args.push(shown(&fifo));
                writer = Some((fifo, text));
            }
            Delivery::Descriptor => {
                let (read, write) = nix::unistd::pipe().expect("a pipe");
                fs::File::from(write).write_all(text.as_bytes()).expect("room in a pipe");
                args.push(format!("/dev/fd/{}", read.as_raw_fd()));
                held.push(read);
            }
            Delivery::Sourced => {
                let inner = file(".in", &text, 0o644);
                args.extend(["-c".to_owned(), format!(". {}", inner.display())]);
            }
            Delivery::SourcedByFile => {
                let inner = file(".in", &text, 0o644);
                args.push(shown(&file(".sh", &format!(". {}\n", inner.display()), 0o644)));
            }
            Delivery::HereDocument => {
                let Shell { program, first, .. } = &self.choice.shell;
                let call = [&[*program], &first[..]].concat().join(" ");
                args.extend(["-c".to_owned(), format!("{call} <<'END'\n{text}END\n")]);
            }
            Delivery::Evaluated => {
                // The token stands nowhere as it is: the shell puts it together.
                let (a, b) = self.token.split_at(5);
                args.extend([
                    "-c".to_owned(),
                    format!("a={a} b={b}; eval \"{}\"; :", say("$a$b").replace("$$", "\\$\\$")),
                ]);
            }
            Delivery::OtherInput => {
                let inner = file(".in", &text, 0o644);
                input = Input::Pipe(format!("exec <{}\n", inner.display()), false);
            }
            Delivery::ExecutedFile => {
                let inner = file(
                    ".in",
                    &format!("{text}# longer than what a shell looks at to see whether it is text\n"),
                    0o755,
                );
                args.extend(["-c".to_owned(), format!("exec {}", inner.display())]);
            }
            Delivery::Alias => {
                let (a, b) = self.token.split_at(5);
                let define =
                    format!("a={a} b={b}; alias zz=\"{}\"\nzz\n", say("$a$b").replace("$$", "\\$\\$"));
                let expand =
                    if self.choice.shell.family == "bash" { "shopt -s expand_aliases\n" } else { "" };
                args.push(shown(&file(".sh", &format!("{expand}{define}"), 0o644)));
            }
            Delivery::Decoy => {
                let (a, b) = self.token.split_at(5);
                let apart: String =
                    say(&self.token).replace(' ', "").chars().flat_map(|c| [c, ' ']).collect();
                let put = say("$a$b").replace("$$", "\\$\\$");
                args.extend(["-c".to_owned(), format!(": '{apart}'\na={a} b={b}; eval \"{put}\"; :")]);
            }
            Delivery::PaddedPs4 => {
                env.extend(PADDING.map(|name| (name, "$(:)".to_owned())));
                env.push(("PS4", substitution));
                args.extend(["-xc".to_owned(), ":".to_owned()]);
            }
            Delivery::LongSourced => {
                let comments = "# a comment that fills a script up to more than what is kept of it\n";
                let inner = file(".in", &(comments.repeat(LONG / comments.len()) + &text), 0o644);
                args.extend(["-c".to_owned(), format!(". {}; :", inner.display())]);
            }
            Delivery::SourcedInput => {
                input = Input::Pipe(text, false);
                args.extend(["-c".to_owned(), ". /dev/stdin; :".to_owned()]);
            }
            Delivery::TextArgument => args.push(say(&self.token)),
            Delivery::OtherCommand => {
                // `true echo` is one command in quotes, and two where it is evaluated.
                let put = format!("true;{}", say(&self.token));
                let inner = file(".in", &put, 0o644);
                let shown_before = put.replace(';', " ");
                args.extend([
                    "-c".to_owned(),
                    format!(": '{shown_before}'\nread -r x <{}; eval \"$x\"; :", inner.display()),
                ]);
            }
            Delivery::Trap => {
                let (a, b) = self.token.split_at(5);
                args.extend([
                    "-c".to_owned(),
                    format!("a={a} b={b}; trap \"{}\" EXIT; :", say("$a$b").replace("$$", "\\$\\$")),
                ]);
            }
            Delivery::LongFile => {
                let comments = "# a comment that fills a script up to more than what is kept of it\n";
                args.push(shown(&file(".sh", &(comments.repeat(LONG / comments.len()) + &text), 0o644)));
            }
            Delivery::Rewritten => {
                let path = dir.join(format!("{}.sh", self.file));
                // As long as the line that it stands for, so that positions are those of before.
                let line = format!(
                    "{text}printf '%s' ': {}' 1<>\"$0\"; mapfile x <\"$0\"; :\n",
                    "x".repeat(text.len())
                );
                fs::write(&path, line).expect("a file");
                args.push(shown(&path));
            }
            Delivery::Ps4 => {
                env.push(("PS4", substitution));
                args.extend(["-xc".to_owned(), ":".to_owned()]);
            }
            Delivery::BashEnv => {
                env.push(("BASH_ENV", substitution));
                args.extend(["-c".to_owned(), ":".to_owned()]);
            }
            Delivery::Env => {
                env.push(("ENV", substitution));
                args.extend(["-i".to_owned(), "-c".to_owned(), ":".to_owned()]);
            }
            Delivery::Subscript => {
                env.push(("x", format!("a[{substitution}]")));
                args.extend(["-c".to_owned(), ": $((x))".to_owned()]);
            }
            Delivery::PromptExpansion => {
                env.push(("x", substitution));
                args.extend(["-c".to_owned(), ": \"${x@P}\"".to_owned()]);
            }
            Delivery::Function => {
                env.push(("BASH_FUNC_f%%", format!("() {{ {}\n}}", say(&self.token))));
                args.extend(["-c".to_owned(), "f; :".to_owned()]);
            }
        }
        let shell = &self.choice.shell;
        let mut words: Vec<String> = shell.first.iter().map(|word| (*word).to_owned()).collect();
        let options = self.choice.options.iter().flat_map(|option| option.split(' ')).map(str::to_owned);
        // The applet's name goes first.
        words.extend(options);
        words.extend(args);
        let (program, name, keep) = self.carry(dir);
        held.extend(keep);
        let mut command = quiet(&program);
        if let Some(name) = name {
            command.arg0(name);
        }
        if self.choice.delivery == Delivery::Shebang {
            let interpreter = format!("#!{program} {}\n", words.join(" "));
            let path = file(".sh", &format!("{interpreter}{}\n", say(&self.token)), 0o755);
            command = quiet(path);
        } else {
            command.args(self.prefix(&words));
        }
        command.env("HOME", dir).envs(env.iter().map(|(k, v)| (k, v))).current_dir(dir);
        for fd in &held {
            let _ = nix::fcntl::fcntl(fd, nix::fcntl::FcntlArg::F_SETFD(nix::fcntl::FdFlag::empty()));
        }
        self.command = format!("{command:?}");
        let mut child = feed(&mut command, input);
        if let (Some((fifo, text)), Some(child)) = (writer, &mut child) {
            write_to(&fifo, &text, child);
        }
        if self.choice.carrier == Carrier::Unlinked {
            let _ = fs::remove_file(&program);
        }
        if let Some(child) = child {
            wait(child);
        }
    }

    /// Words behind the program: through the loader its own path goes first.
    fn prefix(&self, words: &[String]) -> Vec<String> {
        match self.choice.carrier {
            Carrier::Nested => {
                let own = vec![self.choice.shell.program.to_owned(); 3];
                let applet = if self.choice.shell.first.is_empty() { vec!["sh".to_owned()] } else { vec![] };
                [&own[..], &applet, words].concat()
            }
            Carrier::Loader => [&[self.choice.shell.program.to_owned()], words].concat(),
            _ => words.to_vec(),
        }
    }

    /// The program that is called, the name it is called by, and what must stay open.
    fn carry(&self, dir: &Path) -> (String, Option<String>, Vec<OwnedFd>) {
        let original = self.choice.shell.program;
        let copy = |suffix: &str| {
            let path = dir.join(format!("{}{suffix}", self.file));
            fs::copy(original, &path).expect("a copy");
            path
        };
        // The binary of many programs takes its first word for the applet only when it is called by its own name.
        let name = (self.choice.shell.family == "busybox").then(|| "busybox".to_owned());
        match self.choice.carrier {
            Carrier::Plain | Carrier::Nested => (original.to_owned(), None, vec![]),
            Carrier::LongPath => (format!("{}{original}", "/".repeat(400)), None, vec![]),
            Carrier::OtherName => (original.to_owned(), Some("cron".to_owned()), vec![]),
            Carrier::NoName => (original.to_owned(), Some(String::new()), vec![]),
            Carrier::Copy | Carrier::Unlinked => (shown(&copy(".x")), name, vec![]),
            Carrier::Memfd => {
                // SAFETY: a NUL-terminated name; the descriptor is new and ours.
                let fd = unsafe { OwnedFd::from_raw_fd(libc::memfd_create(c"x".as_ptr(), 0)) };
                let mut file = fs::File::from(fd);
                file.write_all(&fs::read(original).expect("a binary")).expect("room in memory");
                let path = format!("/proc/self/fd/{}", file.as_raw_fd());
                (path, name, vec![file.into()])
            }
            Carrier::Loader => (loader_of(original), None, vec![]),
            Carrier::Padded => {
                let path = copy(".x");
                fs::File::options()
                    .write(true)
                    .open(&path)
                    .expect("a copy")
                    .set_len(41 << 20)
                    .expect("a hole");
                (shown(&path), name, vec![])
            }
            Carrier::Writable => {
                let path = dir.join(format!("{}.x", self.file));
                let mut binary = fs::read(original).expect("a binary");
                make_writable(&mut binary);
                fs::write(&path, binary).expect("a copy");
                fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("a mode");
                (shown(&path), name, vec![])
            }
            Carrier::Patched => {
                let path = dir.join(format!("{}.x", self.file));
                let mut binary = fs::read(original).expect("a binary");
                for (word, other) in [
                    ("BASH_VERSINFO", "BASH_VERSINFX"),
                    ("OPTIND", "OPTINX"),
                    ("PS4", "PSX"),
                    ("KSHUID", "KSHUIX"),
                ] {
                    replace(&mut binary, word.as_bytes(), other.as_bytes());
                }
                fs::write(&path, binary).expect("a copy");
                fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("a mode");
                (shown(&path), name, vec![])
            }
        }
    }
}

/// Sets the flag of a 64-bit ELF file's executable segments that their program may write to them (`Elf64_Phdr`).
fn make_writable(binary: &mut [u8]) {
    const LOAD: u32 = 1;
    let number = |at: usize, bytes: usize| {
        binary[at..at + bytes].iter().rev().fold(0, |n, b| n << 8 | usize::from(*b))
    };
    let (table, size, count) = (number(32, 8), number(54, 2), number(56, 2));
    let flags: Vec<usize> = (0..count)
        .map(|n| table + n * size)
        .filter(|at| number(*at, 4) as u32 == LOAD && binary[at + 4] & 1 != 0)
        .map(|at| at + 4)
        .collect();
    for at in flags {
        binary[at] |= 2;
    }
}

fn replace(bytes: &mut [u8], word: &[u8], other: &[u8]) {
    let places: Vec<usize> =
        bytes.windows(word.len()).enumerate().filter(|(_, w)| *w == word).map(|(at, _)| at).collect();
    for at in places {
        bytes[at..at + word.len()].copy_from_slice(other);
    }
}

/// The loader that a binary names.
fn loader_of(program: &str) -> String {
    let binary = fs::read(program).expect("a binary");
    let within = binary.windows(9).position(|w| w == b"/ld-linux").expect("a loader");
    let start = binary[..within].iter().rposition(|b| *b == 0).map_or(0, |at| at + 1);
    let end = binary[within..].iter().position(|b| *b == 0).expect("its end");
    String::from_utf8_lossy(&binary[start..within + end]).into_owned()
}

fn shown(path: &Path) -> String {
    path.to_str().expect("UTF-8").to_owned()
}

/// Starts a command with this input; `None` when it cannot be started.
fn feed(command: &mut Command, input: Input) -> Option<Child> {
    match input {
        Input::Nothing => command.stdin(Stdio::null()).spawn().ok(),
        Input::File(path) => command.stdin(fs::File::open(path).expect("a file")).spawn().ok(),
        Input::Socket(text) => {
            let (mut ours, theirs) = UnixStream::pair().expect("sockets");
            let child = command.stdin(OwnedFd::from(theirs)).spawn().ok();
            command.stdin(Stdio::null());
            let _ = ours.write_all(text.as_bytes());
            child
        }
        Input::Pipe(text, slow) => {
            let mut child = command.stdin(Stdio::piped()).spawn().ok()?;
            let mut pipe = child.stdin.take()?;
            for piece in text.as_bytes().chunks(if slow { 7 } else { text.len() }) {
                if pipe.write_all(piece).is_err() {
                    break;
                }
                if slow {
                    // So that the shell reads what there is: a race that is wanted either way.
                    std::thread::yield_now();
                }
            }
            Some(child)
        }
    }
}

/// Writes to a named pipe once this process reads it.
fn write_to(fifo: &Path, text: &str, child: &mut Child) {
    let start = Instant::now();
    while start.elapsed() < PATIENCE && matches!(child.try_wait(), Ok(None)) {
        use std::os::unix::fs::OpenOptionsExt;
        let open = fs::File::options().write(true).custom_flags(libc::O_NONBLOCK).open(fifo);
        if let Ok(mut file) = open {
            let _ = file.write_all(text.as_bytes());
            return;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn wait(mut child: Child) {
    let start = Instant::now();
    while let Ok(None) = child.try_wait() {
        if start.elapsed() > PATIENCE {
            eprintln!("killed after {PATIENCE:?}: {}", child.id());
            let _ = child.kill();
            let _ = child.wait();
            return;
        }
        std::thread::sleep(Duration::from_micros(300));
    }
}
