//! Keys and values of the maps that userspace writes or reads.

use bytemuck::{Pod, Zeroable};

/// Names a file's content version: an executable that is overwritten in place gets another key, because its
/// change time moves and cannot be set back from userspace.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Pod, Zeroable)]
pub struct FileKey {
    /// Inode number.
    pub ino: u64,
    /// Size in bytes.
    pub size: u64,
    /// Change time, seconds.
    pub ctime_s: u64,
    /// Change time, nanoseconds part.
    pub ctime_ns: u32,
    /// Device number as the kernel encodes it (major in the upper 12 bits, minor in the lower 20).
    pub dev: u32,
}

/// Class of an executable not yet looked at: its reads are captured until userspace has classified it.
pub const EXE_UNKNOWN: u32 = 0;
/// A shell.
pub const EXE_SHELL: u32 = 1;
/// Not a shell.
pub const EXE_OTHER: u32 = 2;

/// A binary of many programs (busybox): a shell when it is called by a shell's name.
pub const EXE_MULTICALL: u32 = 3;

/// What userspace tells of an executable: one of the `EXE_*` classes, and the number of the probes attached to it.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct Exe {
    /// `EXE_*`.
    pub class: u32,
    /// Cookie of the uprobes that serve this executable; 0 when it has none. Two containers of one image show
    /// one file under two keys, and each process listens to its own probe only.
    pub probe: u32,
}

/// A followed process, keyed by its thread group id.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, Pod, Zeroable)]
pub struct Shell {
    /// Time of the `execve` that started this image (boot time, ns). With the tgid it names the image.
    pub exec_ns: u64,
    /// The executable.
    pub exe: FileKey,
    /// Id of its cgroup, as `event::Cgroup` has it.
    pub cgroup: u64,
    /// Events of this process lost since the last one that arrived.
    pub lost: u32,
    /// One of the `EXE_*` classes, as last seen.
    pub class: u32,
    /// Inode of the file whose first bytes the shell looked at to see whether it is a script; 0 when none.
    pub sniffed_ino: u64,
    /// Inode of the file on a low descriptor that it began to read last; 0 when none.
    pub begun_ino: u64,
    /// When it was stopped last until its text is judged (boot time, ns); 0 when it was not.
    pub held_ns: u64,
    /// The cgroup whose share of the table it counts for: processes may move.
    pub counted: u64,
    /// Length of a string that is being measured: kept here, since the verifier does not follow values in maps.
    pub measured: u64,
    /// Inode of what it read last of which the writer was looked for; 0 when none.
    pub asked_ino: u64,
}

/// Entries that a cgroup has, or all together.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, Pod, Zeroable)]
pub struct Entries {
    /// In the table of shells.
    pub shells: i64,
    /// In the table of lines.
    pub lines: i64,
}

/// What a cgroup may still send while the ring buffer is half full or fuller.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, Pod, Zeroable)]
pub struct Share {
    /// Bytes; below zero what was taken in advance.
    pub left: i64,
    /// How far the reader was when `left` was reckoned: bytes since the beginning.
    pub read: u64,
}

/// A stop of a process. Each has an entry of its own, so that what is decided of one is never taken for the next.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Pod, Zeroable)]
pub struct Stop {
    /// When it was stopped (boot time, ns).
    pub since_ns: u64,
    /// Thread group id.
    pub tgid: u32,
    /// Unused, zero.
    pub reserved: u32,
}

/// What is known of a process that was stopped until its text is judged.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct Held {
    /// When the process was forked (boot time, ns): another that gets its id is not it.
    pub start_ns: u64,
    /// Id of its cgroup.
    pub cgroup: u64,
    /// `EXE_*` class of what it runs.
    pub class: u32,
    /// 1 when userspace has ended the stop: the process is, or was, continued.
    pub is_let_go: u32,
}

/// Stands in programs that run in processes for the number of the helper `bpf_tail_call`. No helper has it.
pub const TAIL_CALL: u32 = 0x7fff_0002;

/// Stands in the programs for the number of the kernel's function `bpf_send_signal_task`. No helper has it.
pub const SEND_SIGNAL_TASK: u32 = 0x7fff_0001;

/// Who forked a process, keyed by the thread group id of the process.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct Descendant {
    /// When the process was forked (boot time, ns): another that gets its id is not it.
    pub start_ns: u64,
    /// When its parent was forked.
    pub parent_start_ns: u64,
    /// Its parent's thread group id.
    pub parent: u32,
    /// Unused, zero.
    pub reserved: u32,
}

/// A pipe or a file, while it exists.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Pod, Zeroable)]
pub struct Written {
    /// Inode number.
    pub ino: u64,
    /// Device number.
    pub dev: u32,
    /// Unused, zero.
    pub reserved: u32,
}

/// What a process reads as data: it is not stopped for it.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct DataSource {
    /// Time of the `execve` that started the image (boot time, ns).
    pub exec_ns: u64,
    /// Inode number.
    pub ino: u64,
    /// Device number.
    pub dev: u32,
    /// File descriptor.
    pub fd: i32,
}

/// Whether shells are stopped. One for the node.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct Holding {
    /// When the sensor was last known to be alive (boot time, ns); 0 when nobody is to be stopped.
    pub beat_ns: u64,
    /// 1 when shells outside of containers are stopped, too.
    pub node: u32,
    /// Unused, zero.
    pub reserved: u32,
}

/// Of a cgroup: its shells are not stopped.
pub const HOLD_NEVER: u8 = 0;
/// Of a cgroup: its shells are stopped.
pub const HOLD_ALWAYS: u8 = 1;

// SAFETY: plain numbers without padding (derived `bytemuck::Pod` proves it).
#[cfg(feature = "user")]
unsafe impl aya::Pod for FileKey {}

// SAFETY: as above.
#[cfg(feature = "user")]
unsafe impl aya::Pod for Exe {}

// SAFETY: as above.
#[cfg(feature = "user")]
unsafe impl aya::Pod for Held {}

// SAFETY: as above.
#[cfg(feature = "user")]
unsafe impl aya::Pod for Stop {}

// SAFETY: as above.
#[cfg(feature = "user")]
unsafe impl aya::Pod for Descendant {}

// SAFETY: as above.
#[cfg(feature = "user")]
unsafe impl aya::Pod for DataSource {}

// SAFETY: as above.
#[cfg(feature = "user")]
unsafe impl aya::Pod for Holding {}

// SAFETY: as above.
#[cfg(feature = "user")]
unsafe impl aya::Pod for Shell {}
