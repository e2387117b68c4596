//! Streams of events as the kernel half sends them, and what must come of them.

use std::ops::Range;

use ebpf::event::{
    Chunk, Exit, FLAG_GATHERED, Fork, Header, Hold, KIND_ARGS, KIND_EXEC, KIND_EXIT, KIND_FORK, KIND_HOLD,
    KIND_READ, KIND_TEXT, Read, TEXT_EVALUATED, Text,
};
use ebpf::map::{EXE_SHELL, EXE_UNKNOWN};

use super::*;
use shell::Family;

use crate::{Capture, HeldShell, Origin, ScriptId};

fn family(name: &str) -> Option<Family> {
    Family::named(name).ok()
}

const BASH: u32 = 100;
const EXEC_NS: u64 = 5_000;

/// Takes every executable for the same.
struct Always(Arc<Executable>);

impl Classify for Always {
    fn executed(&mut self, _: &Header, _: &Exec) -> Classified {
        Classified::Known(self.0.clone())
    }

    fn loaded(&mut self, _: u32, _: u64, _: &[u8]) -> Classified {
        Classified::Known(self.0.clone())
    }
}

struct Run {
    assembler: Assembler,
    now: u64,
    captures: Vec<Arc<Capture>>,
    finished: Vec<ScriptId>,
    held: Vec<HeldShell>,
    /// Since when shells have probes, boot time in ns.
    probed_ns: Option<u64>,
}

impl Run {
    fn new() -> Self {
        Self {
            assembler: Assembler::new(Limits::default(), 0),
            now: EXEC_NS,
            captures: vec![],
            finished: vec![],
            held: vec![],
            probed_ns: None,
        }
    }

    fn header(&mut self, kind: u16, tgid: u32) -> Header {
        self.now += 1000;
        Header { kind, tgid, exec_ns: EXEC_NS, time_ns: self.now, ..Header::default() }
    }

    fn send(&mut self, event: Event<'_>, family: Option<Family>) {
        let executable = Arc::new(Executable {
            family,
            size: 1,
            probed: self.probed_ns.is_some(),
            probed_ns: self.probed_ns.unwrap_or(0),
            ..Executable::default()
        });
        let (captures, finished, held) = (&mut self.captures, &mut self.finished, &mut self.held);
        self.assembler.take(event, &mut Always(executable), &mut |output| match output {
            Output::Capture(capture) => captures.push(capture),
            Output::Finished(id, _) => finished.push(id),
            Output::Held(shell) => held.push(shell),
        });
    }

    fn exec(&mut self, tgid: u32, family: Option<Family>, args: &str) {
        self.exec_in(0, tgid, family, args);
    }

    fn exec_in(&mut self, cgroup: u64, tgid: u32, family: Option<Family>, args: &str) {
        let header = self.header(KIND_EXEC, tgid);
        let class = if self.probed_ns.is_some() { EXE_SHELL } else { EXE_UNKNOWN };
        let exec = Exec { cgroup, class, ..bytemuck::Zeroable::zeroed() };
        self.send(Event::Exec(header, Box::new(exec)), family);
        let args: Vec<u8> = args.replace(' ', "\0").into_bytes().into_iter().chain([0]).collect();
        let header = self.header(KIND_ARGS, tgid);
        self.send(Event::Args(header, Chunk { offset: 0, total: args.len() as u32 }, &args), None);
    }

    fn read(&mut self, tgid: u32, fd: i32, pos: i64, size: u64, bytes: &[u8]) {
        self.read_of(7, tgid, fd, pos, size, bytes);
    }

    fn read_of(&mut self, ino: u64, tgid: u32, fd: i32, pos: i64, size: u64, bytes: &[u8]) {
        let header = self.header(KIND_READ, tgid);
        let read =
            Read { ino, size, pos, ret: bytes.len() as u64, count: 8192, dev: 1, mode: 0, fd, reserved: 0 };
        self.send(Event::Read(header, read, bytes), None);
    }

    fn line(&mut self, tgid: u32, bytes: &[u8], lost: u32) {
        let mut header = self.header(KIND_READ, tgid);
        header.flags = FLAG_GATHERED;
        header.lost = lost;
        let read = Read { ino: 9, pos: -1, ret: bytes.len() as u64, count: 1, ..Read::default() };
        self.send(Event::Read(header, read, bytes), None);
    }

    fn fork(&mut self, tgid: u32, child: u32) {
        let header = self.header(KIND_FORK, tgid);
        self.send(Event::Fork(header, Fork { child, ns_pid: child, start_ns: self.now }), None);
    }

    fn exit(&mut self, tgid: u32) {
        let header = self.header(KIND_EXIT, tgid);
        self.send(Event::Exit(header, Exit { how: EXIT_ENDED, status: 0 }), None);
    }

    fn hold(&mut self, tgid: u32, ino: u64) {
        let header = self.header(KIND_HOLD, tgid);
        self.send(Event::Hold(header, Hold { since_ns: self.now, ino, dev: 1, fd: 0, cgroup: 5 }), None);
    }

    fn last(&self) -> &Capture {
        self.captures.last().expect("a capture")
    }
}

#[test]
fn a_file_read_again_after_a_seek_is_captured_once_and_at_once() {
    let mut run = Run::new();
    run.exec(BASH, family("bash"), "bash a.sh");
    run.read(BASH, 255, 0, 20, b"true one\n");
    assert!(run.captures.is_empty(), "half of the file");
    run.read(BASH, 255, 9, 20, b": and rest\n");
    assert_eq!(run.captures.len(), 1);
    run.fork(BASH, 101);
    run.read(BASH, 255, 9, 20, b": and rest\n");
    run.exit(101);
    run.exit(BASH);
    assert_eq!(run.captures.len(), 1);
    assert_eq!(run.last().content[..], *b"true one\n: and rest\n");
    assert_eq!((run.last().origin, run.finished.len()), (Origin::File, 1));
    assert_eq!(run.assembler.followed(), 0);
}

#[test]
fn a_stream_is_emitted_at_the_first_fork_and_whole_at_the_end() {
    let mut run = Run::new();
    run.exec(BASH, family("bash"), "bash");
    run.line(BASH, b"cd /tmp\n", 0);
    run.fork(BASH, 101);
    assert_eq!(run.last().content[..], *b"cd /tmp\n");
    run.line(BASH, b"ls\n", 0);
    run.exit(BASH);
    assert_eq!(run.last().content[..], *b"cd /tmp\nls\n");
    assert!(run.finished.is_empty(), "the subshell still runs");
    run.exit(101);
    assert_eq!(run.finished.len(), 1);
}

#[test]
fn a_loss_is_told_by_the_capture() {
    let mut run = Run::new();
    run.exec(BASH, family("bash"), "bash");
    run.line(BASH, b"echo a\n", 0);
    run.line(BASH, b"echo c\n", 3);
    run.exit(BASH);
    assert!(run.last().flags.incomplete);
    assert_eq!(run.assembler.counts().lost_events, 3);
}

#[test]
fn standard_input_of_a_shell_with_a_script_is_data() {
    let mut run = Run::new();
    run.exec(BASH, family("bash"), "bash -c read");
    assert_eq!(run.last().origin, Origin::Command);
    run.line(BASH, b"secret\n", 0);
    run.exit(BASH);
    assert_eq!(run.captures.len(), 1);
}

#[test]
fn a_process_id_used_again_begins_anew() {
    let mut run = Run::new();
    for _ in 0..1000 {
        run.exec(BASH, family("posix"), "sh");
        run.read(BASH, 0, -1, 0, b"echo x\n");
        // Its end was lost.
    }
    assert_eq!(run.assembler.followed(), 1);
    assert_eq!(run.captures.len(), 999);
}

#[test]
fn text_that_waits_is_emitted() {
    let mut run = Run::new();
    run.exec(BASH, family("bash"), "bash");
    run.line(BASH, b"x=1\n", 0);
    let mut seen = 0;
    run.assembler.tick(run.now + 1, &mut Later, &mut |_| seen += 1);
    assert_eq!(seen, 0);
    run.assembler.tick(run.now + 2 * IDLE_NS, &mut Later, &mut |_| seen += 1);
    run.assembler.tick(run.now + 3 * IDLE_NS, &mut Later, &mut |_| seen += 1);
    assert_eq!(seen, 1);
}

#[test]
fn a_process_that_is_no_shell_is_neither_followed_nor_missed() {
    let mut run = Run::new();
    run.exec(BASH, None, "ls");
    run.line(BASH, b"x\n", 0);
    run.fork(BASH, 101);
    run.exit(101);
    run.exit(BASH);
    assert_eq!(run.assembler.counts().orphans, 0);
    run.exit(BASH);
    assert_eq!(run.assembler.counts().orphans, 1, "now it is unknown");
}

/// Says of every executable that it is being looked at, under the number of its process.
struct Later;

impl Classify for Later {
    fn executed(&mut self, header: &Header, _: &Exec) -> Classified {
        Classified::Asked(u64::from(header.tgid))
    }

    fn loaded(&mut self, tgid: u32, _: u64, path: &[u8]) -> Classified {
        assert_eq!(path, b"/bin/dash");
        Classified::Asked(u64::from(tgid) + 1000)
    }
}

fn executable(name: &str, is_loader: bool) -> Arc<Executable> {
    Arc::new(Executable { family: family(name), is_loader, size: 1, ..Executable::default() })
}

impl Run {
    /// Sends an event while nothing is known of executables.
    fn send_later(&mut self, event: Event<'_>) {
        let (captures, finished, held) = (&mut self.captures, &mut self.finished, &mut self.held);
        self.assembler.take(event, &mut Later, &mut |output| match output {
            Output::Capture(capture) => captures.push(capture),
            Output::Finished(id, _) => finished.push(id),
            Output::Held(shell) => held.push(shell),
        });
    }

    fn exec_later(&mut self, tgid: u32, args: &str) {
        let header = self.header(KIND_EXEC, tgid);
        self.send_later(Event::Exec(header, Box::new(bytemuck::Zeroable::zeroed())));
        let args: Vec<u8> = args.replace(' ', "\0").into_bytes().into_iter().chain([0]).collect();
        let header = self.header(KIND_ARGS, tgid);
        self.send_later(Event::Args(header, Chunk { offset: 0, total: args.len() as u32 }, &args));
    }

    /// A second and more goes by.
    fn wait(&mut self) {
        self.now += 1_200_000_000;
        let (captures, finished, held) = (&mut self.captures, &mut self.finished, &mut self.held);
        self.assembler.tick(self.now, &mut Later, &mut |output| match output {
            Output::Capture(capture) => captures.push(capture),
            Output::Finished(id, _) => finished.push(id),
            Output::Held(shell) => held.push(shell),
        });
    }

    fn classified(&mut self, ticket: u64, executable: &Arc<Executable>) {
        let (captures, finished, held) = (&mut self.captures, &mut self.finished, &mut self.held);
        self.assembler.classified(ticket, executable, &mut Later, &mut |output| match output {
            Output::Capture(capture) => captures.push(capture),
            Output::Finished(id, _) => finished.push(id),
            Output::Held(shell) => held.push(shell),
        });
    }
}

#[test]
fn a_late_answer_leaves_nobody_in_whose_place_it_puts_a_shell() {
    let mut run = Run::new();
    run.exec(BASH, family("bash"), "bash -c :");
    let child = |kind| Header {
        kind,
        tgid: 101,
        exec_ns: EXEC_NS + 500_000,
        time_ns: EXEC_NS + 500_000,
        ..Header::default()
    };
    run.send_later(Event::Exec(child(KIND_EXEC), Box::new(bytemuck::Zeroable::zeroed())));
    // Records that contradict each other: the child that executes already is forked now.
    run.fork(BASH, 101);
    run.classified(101, &executable("bash", false));
    run.send(Event::Exit(child(KIND_EXIT), Exit { how: EXIT_ENDED, status: 0 }), None);
    run.exit(BASH);
    assert_eq!((run.assembler.followed(), run.assembler.kept_bytes()), (0, 0));
}

#[test]
fn what_arrives_before_an_executable_is_known_is_taken_in_then() {
    let mut run = Run::new();
    run.exec_later(BASH, "sh");
    let header = run.header(KIND_READ, BASH);
    let read = Read { ino: 9, pos: -1, ret: 8, count: 8192, ..Read::default() };
    run.send_later(Event::Read(header, read, b"echo hi\n"));
    let header = run.header(KIND_FORK, BASH);
    run.send_later(Event::Fork(header, Fork { child: 101, ns_pid: 2, start_ns: 1 }));
    let header = run.header(KIND_EXIT, BASH);
    run.send_later(Event::Exit(header, Exit { how: EXIT_ENDED, status: 0 }));
    assert!(run.captures.is_empty());
    run.classified(u64::from(BASH), &executable("dash", false));
    assert_eq!(run.last().content[..], *b"echo hi\n");
    assert_eq!((run.last().origin, run.last().id.pid), (Origin::Stdin, BASH));
    run.exit(101);
    assert_eq!(run.assembler.followed(), 0);
}

#[test]
fn what_is_no_shell_is_forgotten_with_all_that_arrived() {
    let mut run = Run::new();
    run.exec_later(BASH, "cat");
    run.classified(u64::from(BASH), &executable("", false));
    run.line(BASH, b"x\n", 0);
    assert_eq!((run.captures.len(), run.assembler.counts().orphans), (0, 0));
}

#[test]
fn a_loader_is_looked_through() {
    let mut run = Run::new();
    run.exec_later(BASH, "ld.so --argv0 cron /bin/dash -c true");
    run.classified(u64::from(BASH), &executable("", true));
    assert!(run.captures.is_empty(), "the program is being looked at");
    run.classified(u64::from(BASH) + 1000, &executable("dash", false));
    assert_eq!(run.last().content[..], *b"true");
    assert_eq!(run.last().args, [b"cron".to_vec(), b"-c".to_vec(), b"true".to_vec()]);
    assert_eq!(run.last().interpreter.path, b"/bin/dash");
}

#[test]
fn a_process_that_became_another_shell_meanwhile_keeps_that() {
    let mut run = Run::new();
    run.exec_later(BASH, "sh -c one");
    let later =
        Header { exec_ns: EXEC_NS + 9_000_000, time_ns: EXEC_NS + 9_000_000, ..run.header(KIND_EXEC, BASH) };
    run.send(Event::Exec(later, Box::new(bytemuck::Zeroable::zeroed())), family("dash"));
    run.classified(u64::from(BASH), &executable("dash", false));
    assert_eq!(run.last().content[..], *b"one");
    let args = b"sh\0-c\0two\0";
    let header = Header { kind: KIND_ARGS, ..later };
    run.send(Event::Args(header, Chunk { offset: 0, total: args.len() as u32 }, args), None);
    assert_eq!(run.last().content[..], *b"two");
    assert_eq!(run.assembler.followed(), 1);
}

#[test]
fn a_long_stream_comes_in_parts_that_overlap() {
    let mut run = Run::new();
    run.assembler.limits.script_bytes = 10_000;
    run.exec(BASH, family("dash"), "sh");
    let text: Vec<u8> = (0..2500).flat_map(|n| format!(": line {n:05}\n").into_bytes()).collect();
    for piece in text.chunks(7_000) {
        run.read(BASH, 0, -1, 0, piece);
    }
    run.exit(BASH);
    let last_of = |offset: u64| run.captures.iter().rfind(|c| c.offset == offset).map(|c| c.content.to_vec());
    assert_eq!(last_of(0).unwrap(), text[..10_000]);
    assert_eq!(last_of(10_000 - 4096).unwrap(), text[10_000 - 4096..20_000]);
    assert_eq!(last_of(30_000 - 4096).unwrap(), text[30_000 - 4096..]);
    assert_eq!(run.assembler.kept_bytes(), 0);
}

#[test]
fn a_script_that_writes_itself_anew_is_two_scripts() {
    let mut run = Run::new();
    run.exec(BASH, family("bash"), "bash a.sh");
    run.read(BASH, 255, 0, 9, b"evil one\n");
    run.read(BASH, 0, 0, 9, b": nothing");
    run.exit(BASH);
    let texts: Vec<_> = run.captures.iter().map(|c| (c.id.ordinal, c.content.to_vec())).collect();
    assert_eq!(texts, [(0, b"evil one\n".to_vec()), (1, b": nothing".to_vec())]);
}

#[test]
fn a_child_that_reads_a_file_itself_is_a_shell_of_its_own() {
    let mut run = Run::new();
    run.exec(BASH, family("bash"), "bash -c ./tool");
    run.fork(BASH, 101);
    let header = run.header(KIND_READ, 101);
    let read = Read { ino: 8, size: 12, pos: 0, ret: 12, count: 80, dev: 1, mode: 0, fd: 3, reserved: 0 };
    run.send(Event::Read(header, read, b"echo inside\n"), None);
    assert_eq!(run.last().content[..], *b"echo inside\n");
    assert_eq!((run.last().origin, run.last().id.pid, run.last().ns_pid), (Origin::File, 101, 101));
    assert_eq!(run.last().ppid, BASH);
    run.exit(101);
    run.exit(BASH);
    assert_eq!((run.assembler.followed(), run.assembler.kept_bytes()), (0, 0));
}

#[test]
fn an_hour_of_reused_process_ids_mixes_nothing_up() {
    const IDS: u32 = 300;
    const PER_SECOND: u64 = 50;
    let mut run = Run::new();
    let mut expected = Vec::new();
    for turn in 0..3600 * PER_SECOND {
        let pid = 1000 + (turn % u64::from(IDS)) as u32;
        let exec_ns = EXEC_NS + turn * 1_000_000_000 / PER_SECOND;
        run.now = exec_ns;
        let header = |kind| Header { kind, tgid: pid, exec_ns, time_ns: exec_ns, ..Header::default() };
        run.send(Event::Exec(header(KIND_EXEC), Box::new(bytemuck::Zeroable::zeroed())), family("posix"));
        let args = format!("sh\0-c\0: turn {turn}\0");
        let chunk = Chunk { offset: 0, total: args.len() as u32 };
        run.send(Event::Args(header(KIND_ARGS), chunk, args.as_bytes()), None);
        expected.push((pid, exec_ns));
        // The child of an earlier process of this number must not be taken for this one's.
        if turn % 3 == 0 {
            run.send(
                Event::Fork(
                    header(KIND_FORK),
                    Fork { child: 1000 + (pid + 7) % IDS, ns_pid: 1, start_ns: 1 },
                ),
                None,
            );
        }
        // The end of one in ten is lost.
        if turn % 10 != 0 {
            run.send(Event::Exit(header(KIND_EXIT), Exit { how: EXIT_ENDED, status: 0 }), None);
        }
        // What a process left behind that was there before under this number belongs to no one now.
        let late = Header { exec_ns: exec_ns - 1, ..header(KIND_READ) };
        let read = Read { ino: 3, fd: 255, count: 80, size: 9, ..Read::default() };
        run.send(Event::Read(late, read, b"not mine\n"), None);
        assert!(
            run.assembler.followed() <= IDS as usize * 2,
            "{} shells at turn {turn}",
            run.assembler.followed()
        );
    }
    assert_eq!(run.captures.len(), expected.len());
    for (turn, (capture, (pid, exec_ns))) in run.captures.iter().zip(expected).enumerate() {
        assert_eq!((capture.id.pid, capture.id.exec_ns), (pid, exec_ns));
        assert_eq!(capture.content[..], *format!(": turn {turn}").as_bytes());
    }
    let mut ended = 0;
    run.assembler.end(&mut |output| ended += usize::from(matches!(output, Output::Finished(..))));
    assert_eq!(run.finished.len() + ended, run.captures.len());
    assert_eq!((run.assembler.kept_bytes(), run.assembler.followed()), (0, 0));
}

#[test]
fn a_process_that_is_gone_is_forgotten_only_when_its_end_does_not_come() {
    let mut run = Run::new();
    // Above every process id there can be: /proc does not know them.
    let (ends, is_missed, other) = (5_000_000, 5_000_001, 5_000_002);
    run.exec(ends, family("dash"), "dash -s");
    run.exec(is_missed, family("dash"), "dash -s");
    run.exec(other, None, "cat");
    run.assembler.sweep(&mut |_| {});
    assert_eq!(run.assembler.followed(), 2, "their ends may be on their way");
    run.line(ends, b"echo late\n", 0);
    run.exit(ends);
    run.exit(other);
    assert_eq!(&run.last().content[..], b"echo late\n");
    run.assembler.sweep(&mut |_| {});
    let counts = run.assembler.counts();
    assert_eq!((run.assembler.followed(), counts.abandoned, counts.orphans), (0, 1, 0));
}

#[test]
fn what_a_held_shell_has_read_is_emitted_before_it_is_told_that_it_waits() {
    let mut run = Run::new();
    run.exec(BASH, family("bash"), "bash");
    run.hold(BASH, 0);
    assert!(run.captures.is_empty(), "it has read nothing");
    let told = HeldShell { pid: BASH, shell: BASH, since_ns: run.now, cgroup: 5, data: None };
    assert_eq!(run.held, [told]);
    run.line(BASH, b"one\n", 0);
    run.hold(BASH, 9);
    assert_eq!((run.last().content.as_ref(), run.held[1].data), (&b"one\n"[..], None));
    // A file that a command reads is no script.
    run.hold(BASH, 77);
    assert_eq!((run.captures.len(), run.held[2].data.map(|data| data.ino)), (1, Some(77)));
    // What is no shell goes on, too.
    let mut other = Run::new();
    other.exec(BASH, None, "ls");
    other.hold(BASH, 0);
    assert_eq!(other.held.len(), 1);
}

#[test]
fn of_a_long_script_that_comes_line_by_line_each_line_is_judged_and_all_of_it_seldom() {
    const LINE: &[u8] = b"true; true; true; true\n";
    let mut run = Run::new();
    run.exec(BASH, family("bash"), "bash");
    for _ in 0..1000 {
        run.line(BASH, LINE, 0);
        run.hold(BASH, 9);
    }
    assert_eq!(run.held.len(), 1000);
    assert_eq!(run.captures.len(), 1000, "nothing runs that was not judged");
    let whole = |run: &Run| -> Vec<usize> {
        let captures = run.captures.iter().filter(|capture| capture.news.is_none());
        captures.map(|capture| capture.content.len()).collect()
    };
    let long: Vec<usize> = whole(&run).into_iter().filter(|bytes| *bytes > 9000).collect();
    assert!(long.len() <= 2, "{long:?}");
    // What is new begins where the capture before it ended.
    for pair in run.captures.windows(2) {
        assert!(pair[1].news.as_ref().is_none_or(|news| news.start == pair[0].content.len()));
    }
    // At its end it is judged as a whole.
    run.exit(BASH);
    assert_eq!(whole(&run).last(), Some(&(1000 * LINE.len())));
}

#[test]
fn a_long_file_is_judged_as_a_whole_when_all_of_it_was_read() {
    const BLOCK: usize = 8192;
    let mut run = Run::new();
    run.exec(BASH, family("bash"), "bash long.sh");
    let text = b"true # and more\n".repeat(10 * BLOCK / 16);
    for at in (0..text.len()).step_by(BLOCK) {
        run.read(BASH, 255, at as i64, text.len() as u64, &text[at..at + BLOCK]);
        run.hold(BASH, 9);
    }
    let news: Vec<Option<Range<usize>>> = run.captures.iter().map(|capture| capture.news.clone()).collect();
    assert_eq!(run.last().content.len(), text.len());
    assert_eq!((run.captures.len(), news.last()), (10, Some(&None)));
    // Blocks 1 and 2 are short, and at 4 and 8 it had doubled.
    assert_eq!(news.iter().flatten().count(), 5, "{news:?}");
}

#[test]
fn what_fills_a_hole_is_news() {
    const BLOCK: usize = 8192;
    let mut run = Run::new();
    run.exec(BASH, family("bash"), "bash holes.sh");
    let text = b"true # and more\n".repeat(10 * BLOCK / 16);
    run.read(BASH, 255, 0, text.len() as u64, &text[..BLOCK]);
    run.hold(BASH, 9);
    // A command of the script reads a byte far behind.
    run.read(BASH, 3, 65_000, text.len() as u64, &text[65_000..65_001]);
    run.hold(BASH, 9);
    run.read(BASH, 255, BLOCK as i64, text.len() as u64, &text[BLOCK..BLOCK + 300]);
    run.hold(BASH, 9);
    assert_eq!(run.last().news, Some(BLOCK..BLOCK + 300));
    run.exit(BASH);
    assert_eq!(run.last().news, None, "at the end it is judged as a whole");
    assert_eq!(run.last().content.len(), 65_001);
}

#[test]
fn what_is_not_kept_makes_no_new_text() {
    let mut run = Run::new();
    run.assembler.limits.script_bytes = 10_000;
    run.exec(BASH, family("bash"), "bash");
    for _ in 0..2_000 {
        run.line(BASH, b"true; true\n", 0);
    }
    run.hold(BASH, 9);
    let main = |run: &Run| run.captures.iter().filter(|capture| capture.offset == 0).count();
    let before = main(&run);
    for _ in 0..100 {
        run.line(BASH, b"true; true\n", 0);
        run.hold(BASH, 9);
    }
    assert_eq!(main(&run), before);
    run.exit(BASH);
    let last = run.captures.iter().rfind(|capture| capture.offset == 0).expect("a capture");
    assert_eq!((last.news.clone(), last.size), (None, 2_100 * 11));
}

#[test]
fn a_child_of_a_shell_nobody_knows_runs_an_executable_file_itself() {
    for (mode, origin) in [(0o100_755, Origin::File), (0o100_644, Origin::Sourced)] {
        let mut run = Run::new();
        run.exec(BASH, Some(Family::unknown()), "gone ./outer");
        run.read(BASH, 10, 0, 9, b"./inner\n:");
        run.fork(BASH, 101);
        let header = run.header(KIND_READ, 101);
        let read =
            Read { ino: 8, size: 6, pos: 0, ret: 6, count: 65_536, dev: 1, mode, fd: 10, ..Read::default() };
        run.send(Event::Read(header, read, b": one\n"), None);
        run.exit(101);
        let found = run.captures.iter().rfind(|capture| capture.content.ends_with(b": one\n"));
        let capture = found.expect("a capture");
        assert_eq!(capture.origin, origin);
        assert_eq!(capture.id.pid, if origin == Origin::File { 101 } else { BASH });
    }
}

#[test]
fn all_that_may_be_the_command_of_a_shell_nobody_knows_is_judged() {
    for words in [
        "gone -norc -O extglob -c true",
        "gone -c true",
        "gone -ec true x -c y",
        "gone -rcfile a -rcfile b -rcfile c -rcfile d -rcfile e -rcfile f -rcfile g -rcfile h -c true",
    ] {
        let mut run = Run::new();
        run.exec(BASH, Some(Family::unknown()), words);
        run.exit(BASH);
        let is_there = |capture: &Capture| capture.content.split(|b| *b == b'\n').any(|line| line == b"true");
        assert!(run.captures.iter().any(|capture| is_there(capture)), "{words}");
    }
}

#[test]
fn small_reads_of_a_long_file_are_judged_before_they_run() {
    let mut run = Run::new();
    run.exec(BASH, family("bash"), "bash grows.sh");
    let text = b"true # and more\n".repeat(2048);
    // bash's buffer is as large as the file was when it was opened.
    for (i, piece) in text.chunks(128).enumerate() {
        let header = run.header(KIND_READ, BASH);
        let read = Read {
            ino: 7,
            size: 1 << 20,
            pos: (i * 128) as i64,
            ret: 128,
            count: 128,
            dev: 1,
            fd: 255,
            ..Read::default()
        };
        run.send(Event::Read(header, read, piece), None);
        run.hold(BASH, 9);
        let last = run.last();
        let judged = last.news.as_ref().map_or(last.content.len(), |news| news.end);
        assert_eq!(judged, (i + 1) * 128);
    }
}

#[test]
fn a_cgroup_that_keeps_much_leaves_room_for_others_and_is_named() {
    let mut run = Run::new();
    run.assembler = Assembler::new(Limits { total_bytes: 200_000, ..Limits::default() }, 0);
    let text = b": line\n".repeat(1000);
    for shell in 0..50 {
        run.exec_in(1, 1000 + shell, family("dash"), "sh");
        run.read(1000 + shell, 0, -1, 0, &text);
    }
    assert!(run.assembler.kept_bytes() <= 120_000, "{}", run.assembler.kept_bytes());
    run.exec_in(2, BASH, family("dash"), "sh");
    run.read(BASH, 0, -1, 0, &text);
    run.exit(BASH);
    assert_eq!((run.last().content.len(), run.last().flags.truncated), (text.len(), false));
    let cut: Vec<(u64, u64)> = run.assembler.take_cut().collect();
    assert!(matches!(cut[..], [(1, 25..=45)]), "{cut:?}");
    assert_eq!(run.assembler.take_cut().count(), 0);
    for shell in 0..50 {
        run.exit(1000 + shell);
    }
    assert_eq!(run.assembler.kept_bytes(), 0);
}

#[test]
fn what_living_shells_were_given_is_bounded_and_judged_all_the_same() {
    let mut run = Run::new();
    run.assembler = Assembler::new(Limits { total_bytes: 200_000, ..Limits::default() }, 0);
    let text = format!("true;{}", ":;".repeat(15_000));
    for shell in 0..100 {
        run.exec_in(1, 1000 + shell, family("bash"), &format!("bash -c {text} {}", "x".repeat(30_000)));
        assert_eq!(run.last().content.len(), text.len());
        let header = run.header(ebpf::event::KIND_TEXT, 1000 + shell);
        let evaluated = ":".repeat(10_000 + shell as usize);
        let piece = ebpf::event::Text { total: evaluated.len() as u32, ..bytemuck::Zeroable::zeroed() };
        run.send(Event::Text(header, piece, evaluated.as_bytes()), None);
        assert_eq!(run.last().content.len(), evaluated.len());
    }
    assert!(run.assembler.kept_bytes() <= 150_000, "{}", run.assembler.kept_bytes());
    assert_eq!(run.assembler.take_cut().count(), 0, "all of it was judged");
}

#[test]
fn a_shell_that_sources_more_than_its_share_gives_up_what_it_sourced_before() {
    let mut run = Run::new();
    run.assembler = Assembler::new(Limits { total_bytes: 100_000, ..Limits::default() }, 0);
    run.exec_in(1, BASH, family("dash"), "sh main.sh");
    run.read_of(1, BASH, 10, 0, 5, b". x;\n");
    assert_eq!(run.last().content.len(), 5);
    let text = b": line\n".repeat(1000);
    for file in 0..30 {
        run.read_of(100 + file, BASH, 10, 0, text.len() as u64, &text);
        assert_eq!((run.last().content.len(), run.last().flags.truncated), (text.len(), false));
    }
    assert_eq!(run.assembler.take_cut().count(), 0);
    assert!(run.assembler.kept_bytes() <= 60_000, "{}", run.assembler.kept_bytes());
    run.exit(BASH);
    assert_eq!(run.finished.len(), 31);
}

/// A run in which cgroup 1 keeps all that it may.
fn crowded() -> Run {
    let mut run = Run::new();
    run.assembler = Assembler::new(Limits { total_bytes: 300_000, ..Limits::default() }, 0);
    for shell in 0..100 {
        run.exec_in(1, 1000 + shell, family("dash"), "sh");
        run.read(1000 + shell, 0, -1, 0, &b": line\n".repeat(1000));
    }
    run.assembler.take_cut().for_each(drop);
    run.captures.clear();
    run
}

#[test]
fn what_a_shell_was_given_is_judged_though_its_cgroup_keeps_too_much() {
    let mut run = crowded();
    let words = "x".repeat(200);
    run.exec_in(1, BASH, family("busybox"), &format!("busybox sh -c true {words}"));
    assert_eq!(run.last().content[..], *b"true");
    let header = run.header(ebpf::event::KIND_ENVIRONMENT, BASH);
    let variables = b"PS4=$(id)\0";
    let chunk = Chunk { offset: 0, total: variables.len() as u32 };
    run.send(Event::Environment(header, chunk, variables), None);
    assert_eq!(run.last().content[..], *b"$(id)");
    // In pieces, too.
    run.exec_in(1, BASH + 1, family("dash"), "sh -c true");
    let variables = format!("PS4=$(id){}\0", " ".repeat(40_000)).into_bytes();
    for (at, piece) in [(0, &variables[..32_768]), (32_768, &variables[32_768..])] {
        let mut header = run.header(ebpf::event::KIND_ENVIRONMENT, BASH + 1);
        header.flags = if at == 0 { FLAG_MORE } else { 0 };
        run.send(
            Event::Environment(header, Chunk { offset: at, total: variables.len() as u32 }, piece),
            None,
        );
    }
    assert_eq!(run.last().content.len(), variables.len() - 5);
    assert_eq!(run.assembler.take_cut().count(), 0);
}

#[test]
fn words_without_bytes_count() {
    let mut run = Run::new();
    run.assembler = Assembler::new(Limits { total_bytes: 200_000, ..Limits::default() }, 0);
    for shell in 0..100 {
        run.exec_in(1, 1000 + shell, family("bash"), &format!("bash{}", " ".repeat(2000)));
    }
    assert!(run.assembler.kept_bytes() <= 120_000, "{}", run.assembler.kept_bytes());
    assert!(run.assembler.budget.room(2) > 30_000);
}

#[test]
fn what_finds_no_room_at_a_place_that_was_passed_over_is_told() {
    let mut run = crowded();
    run.exec_in(1, BASH, family("dash"), "sh");
    // Its input was read from far behind, and then from the beginning.
    run.read(BASH, 0, 2 << 20, 3 << 20, b": far\n");
    run.assembler.take_cut().for_each(drop);
    run.read(BASH, 0, 0, 3 << 20, &b": near\n".repeat(5000));
    assert_eq!(run.assembler.take_cut().collect::<Vec<_>>(), [(1, 1)]);
    // And judged by itself.
    assert_eq!((run.last().content.len(), run.last().flags.incomplete), (35_000, true));
}

#[test]
fn parts_go_with_the_version_that_they_are_of() {
    let mut run = Run::new();
    run.assembler.limits.script_bytes = 10_000;
    run.exec(BASH, family("dash"), "sh main.sh");
    run.read_of(1, BASH, 10, 0, 5, b". x;\n");
    for version in 0..20u8 {
        let text = [&[b'a' + version][..], &b": line\n".repeat(2000)].concat();
        for (at, piece) in text.chunks(8192).enumerate() {
            run.read_of(2, BASH, 10, (at * 8192) as i64, text.len() as u64, piece);
        }
    }
    let shell = run.assembler.shells.values().next().expect("a shell");
    assert!(shell.scripts.len() <= 3, "{}", shell.scripts.len());
}

#[test]
fn a_loader_whose_arguments_were_lost_does_not_wait_for_ever() {
    for ends in [true, false] {
        let mut run = Run::new();
        let header = run.header(KIND_EXEC, BASH);
        run.send_later(Event::Exec(header, Box::new(bytemuck::Zeroable::zeroed())));
        run.classified(u64::from(BASH), &executable("", true));
        let header = run.header(KIND_READ, BASH);
        let read = Read { ino: 9, pos: -1, ret: 8, count: 8192, ..Read::default() };
        run.send_later(Event::Read(header, read, b"echo hi\n"));
        assert!(run.assembler.waits());
        if ends {
            let header = run.header(KIND_EXIT, BASH);
            run.send_later(Event::Exit(header, Exit { how: EXIT_ENDED, status: 0 }));
        } else {
            run.wait();
        }
        assert!(!run.assembler.waits());
        run.exit(BASH);
        assert_eq!(run.last().content[..], *b"echo hi\n");
        assert_eq!((run.assembler.followed(), run.assembler.waiting.room(0)), (0, waiting::TOTAL_BYTES / 2));
    }
}

#[test]
fn what_is_behind_the_limit_is_handed_over_before_other_bytes_take_its_place() {
    let mut run = Run::new();
    run.assembler.limits.script_bytes = 10_000;
    run.exec(BASH, family("bash"), "bash a.sh");
    let text = [&b": line\n".repeat(2000)[..], b"evil\n"].concat();
    let size = text.len() as u64;
    for (at, piece) in text.chunks(8192).enumerate() {
        run.read(BASH, 255, (at * 8192) as i64, size, piece);
    }
    run.captures.clear();
    run.read(BASH, 20, size as i64 - 5, size, b":    ");
    assert!(run.captures.iter().any(|capture| capture.content.ends_with(b"evil\n")));
}

#[test]
fn who_replaces_a_long_script_byte_by_byte_is_told_of_what_was_not_looked_at() {
    let mut run = Run::new();
    run.exec_in(1, BASH, family("bash"), "bash a.sh");
    let text = b": line\n".repeat(100_000);
    for (at, piece) in text.chunks(8192).enumerate() {
        run.read(BASH, 255, (at * 8192) as i64, text.len() as u64, piece);
    }
    for turn in 0..1000u32 {
        run.read(BASH, 20, 0, text.len() as u64, if turn % 2 == 0 { b"a" } else { b"b" });
    }
    let whole = run.captures.iter().filter(|capture| capture.content.len() > 1).count();
    assert!(whole < 100, "{whole}");
    assert!(run.captures.len() > 900, "each byte was judged by itself");
    let cut: Vec<(u64, u64)> = run.assembler.take_cut().collect();
    assert!(matches!(cut[..], [(1, 900..)]), "{cut:?}");
}

#[test]
fn a_string_whose_end_was_lost_is_judged_after_a_while() {
    let mut run = Run::new();
    run.exec(BASH, family("bash"), "bash -c :");
    let mut header = run.header(ebpf::event::KIND_TEXT, BASH);
    header.flags = FLAG_MORE;
    let piece = ebpf::event::Text { total: 50_000, ..bytemuck::Zeroable::zeroed() };
    run.send(Event::Text(header, piece, &b":".repeat(32_768)), None);
    assert_eq!(run.captures.len(), 1);
    run.wait();
    assert_eq!((run.last().content.len(), run.last().flags.incomplete), (32_768, true));
    assert_eq!(run.assembler.arriving.used(), 0);
}

#[test]
fn what_the_kernel_half_cut_of_a_read_or_a_string_is_told() {
    let mut run = Run::new();
    run.exec_in(5, 1, family("dash"), "dash a.sh");
    let mut header = run.header(KIND_READ, 1);
    header.flags = FLAG_CUT;
    let read = Read { ino: 7, size: 9000, ret: 9000, count: 8192, dev: 1, fd: 10, ..Read::default() };
    run.send(Event::Read(header, read, b"echo a\n"), None);
    assert_eq!(run.assembler.take_cut().collect::<Vec<_>>(), [(5, 1)]);
    let mut header = run.header(KIND_TEXT, 1);
    header.flags = FLAG_CUT;
    run.send(
        Event::Text(header, Text { what: TEXT_EVALUATED, total: 9000, ..Text::default() }, b"echo b"),
        None,
    );
    assert_eq!(run.assembler.take_cut().collect::<Vec<_>>(), [(5, 1)]);
    assert!(run.captures.iter().all(|capture| capture.flags.incomplete));
}

#[test]
fn a_shell_is_believed_to_tell_what_it_evaluates_if_it_had_probes_when_it_was_executed() {
    for (probed_ns, is_flagged) in [(Some(EXEC_NS), false), (Some(EXEC_NS + 1), true), (None, true)] {
        let mut run = Run { probed_ns, ..Run::new() };
        run.exec(1, family("dash"), "dash -c eval$IFS\"$x\";eval\t$x");
        assert_eq!(run.last().flags.evaluates_unseen, is_flagged, "{probed_ns:?}");
    }
}
