//! Sizes that both halves rely on. Units are in the names.

/// Bytes of one read or argument chunk that travel in one ring buffer record.
pub const CHUNK_BYTES: usize = 32 * 1024;
/// Payload of the large record size; a block as shells read them fits.
pub const CHUNK_LARGE_BYTES: usize = 8 * 1024;
/// Payload of the middle record size; most script files fit.
pub const CHUNK_MEDIUM_BYTES: usize = 2 * 1024;
/// Payload of the small record size; `-c` commands and single lines fit.
pub const CHUNK_SMALL_BYTES: usize = 256;
/// Chunks handed over of a single `read(2)` or of a string, 1.25 MiB; what is beyond is counted as cut. Each turn of such a loop counts
/// against the million instructions that verifiers look at: with 128 that of 6.1 refuses the probes of strings.
pub const CHUNKS_PER_READ: usize = 40;
/// Chunks handed over of one argument vector: 2 MiB, as much as the kernel allows with a stack of the usual size. With an unlimited one
/// it allows 6 MiB, for which 6.1's verifier has no time.
pub const CHUNKS_PER_ARGV: usize = 64;
/// Chunks handed over of one environment, as of an argument vector.
pub const CHUNKS_PER_ENVIRONMENT: usize = 64;
/// Bytes of a pipe that are gathered before they are handed over, when a shell reads it byte by byte.
pub const LINE_BYTES: usize = 512;
/// Bytes of a path record's component buffer.
pub const PATH_BYTES: usize = 4096;
/// Longest file name component (`NAME_MAX` and its NUL).
pub const NAME_BYTES: usize = 256;
/// Directory levels and mount crossings walked for one path.
pub const PATH_STEPS: usize = 64;
/// Bytes of a cgroup record's names. A container's cgroup in Kubernetes takes about 200.
pub const CGROUP_BYTES: usize = 1024;
/// Levels of a cgroup hierarchy walked.
pub const CGROUP_STEPS: usize = 24;
/// Cgroups that the kernel half remembers to have announced.
pub const CGROUPS_MAX: u32 = 4096;
/// Bytes kept of the path given to `execve` and of the interpreter's.
pub const EXEC_NAME_BYTES: usize = 256;
/// Bytes kept of what an evaluated string is called.
pub const TEXT_BY_BYTES: usize = 32;
/// Shell processes followed at once.
pub const SHELLS_MAX: u32 = 16_384;
/// Pipes that are read byte by byte and gathered at once.
pub const LINES_MAX: u32 = 4096;
/// Processes stopped at once until their text is judged. Each is a shell that is followed, so a cgroup's share of those is its
/// share here.
pub const HOLDS_MAX: u32 = SHELLS_MAX;
/// A sensor that has not said for so long that it is alive stops nobody.
pub const HOLD_STALE_NS: u64 = 150_000_000;
/// Whoever is stopped for longer is not stopped again when somebody continues it: those who should have done so are gone. The
/// longest deadline is a second.
pub const HOLD_KEPT_NS: u64 = 1_500_000_000;
/// Descendants of shells remembered, also of those that have ended.
pub const DESCENDANTS_MAX: u32 = 32_768;
/// Bytes of a task's name (`TASK_COMM_LEN`).
pub const COMM_BYTES: usize = 16;
/// Pipes and files whose writer is remembered.
pub const WRITERS_MAX: u32 = 8192;
/// Executables whose class is remembered in the kernel.
pub const EXES_MAX: u32 = 16_384;
/// `pid_max` can be at most 2^22; one byte a process says whether it is a shell.
pub const PID_PAGES: u32 = 1024;
/// Processes a page of that table covers.
pub const PIDS_PER_PAGE: usize = 4096;
