//! What the kernel half counts, by cause. Indexes into the per-CPU array `COUNTERS`.

/// Events lost because the ring buffer was full.
pub const RING_FULL: u32 = 0;
/// Shells not followed because the table of shells was full.
pub const SHELLS_FULL: u32 = 1;
/// Byte-wise reads handed over singly because the table of partial lines was full.
pub const LINES_FULL: u32 = 2;
/// Bytes cut because one read or one argument vector was longer than a record train.
pub const CUT_BYTES: u32 = 3;
/// Reads whose user memory could not be copied.
pub const SHORT_READ: u32 = 4;
/// Executions seen of programs that are shells or not yet classified.
pub const EXECS: u32 = 5;
/// Reads whose arguments could not be found.
pub const NO_REGISTERS: u32 = 6;
/// Executions whose event was lost (also counted as [`RING_FULL`]): shells that nothing else tells of.
pub const LOST_EXECS: u32 = 7;
/// Strings evaluated by a shell whose memory could not be copied.
pub const NO_TEXT: u32 = 8;
/// Reads given up because the ring buffer was filling and their cgroup had used its share.
pub const OVER_SHARE: u32 = 9;
/// Reads of the sensor itself, by which it tests whether its programs run.
pub const SELF_TEST: u32 = 10;
/// Shells stopped until their text is judged.
pub const HOLDS: u32 = 11;
/// Shells not stopped because a parent with job control would notice, or a debugger.
pub const HOLDS_NOTICED: u32 = 12;
/// Shells not stopped because the sensor was late to say that it is alive.
pub const HOLDS_STALE: u32 = 13;
/// Shells that could not be stopped: the table was full, or the kernel refused.
pub const HOLDS_FAILED: u32 = 14;
/// Times that somebody else continued a stopped shell, and it was stopped again.
pub const HOLDS_KEPT: u32 = 15;
/// Signals of the sensor itself, by which it tests whether its program at `get_signal` runs.
pub const SIGNAL_TEST: u32 = 16;
/// How many counters there are.
pub const COUNT: u32 = 17;

/// What each counts, in index order.
pub const HELP: [&str; COUNT as usize] = [
    "Events lost because the ring buffer was full",
    "Shells not followed because the table of shells was full",
    "Byte-wise reads handed over singly because the table of lines was full",
    "Bytes of one read, string or argument vector beyond what is handed over",
    "Reads whose memory could not be copied",
    "Executions of shells, and of programs not yet classified",
    "Reads whose arguments could not be found",
    "Executions whose event was lost",
    "Evaluated strings whose memory could not be copied",
    "Reads given up because the ring buffer was filling and their cgroup had used its share",
    "Reads of the sensor itself that its programs saw",
    "Shells stopped until their text is judged",
    "Shells not stopped because a parent with job control or a debugger would notice",
    "Shells not stopped because the sensor was late to say that it is alive",
    "Shells that could not be stopped: the table was full, or the kernel refused",
    "Times that somebody else continued a stopped shell, and it was stopped again",
    "Signals of the sensor itself, and of shells, that its program saw",
];

/// The counters' names as telemetry shows them, in index order.
pub const NAMES: [&str; COUNT as usize] = [
    "ring_full",
    "shells_full",
    "lines_full",
    "cut_bytes",
    "short_read",
    "execs",
    "no_registers",
    "lost_execs",
    "no_text",
    "over_share",
    "self_test",
    "holds",
    "holds_noticed",
    "holds_stale",
    "holds_failed",
    "holds_kept",
    "signal_test",
];
