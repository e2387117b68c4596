//! The records in the ring buffer. Each begins with a [`Header`]; `kind` says what follows.

use bytemuck::{Pod, Zeroable};

use crate::{
    limit::{CGROUP_BYTES, COMM_BYTES, EXEC_NAME_BYTES, NAME_BYTES, PATH_BYTES, TEXT_BY_BYTES},
    map::FileKey,
};

/// A shell, or a program not yet classified, was executed. Body: [`Exec`].
pub const KIND_EXEC: u16 = 1;
/// A piece of its argument vector. Body: [`Chunk`], then bytes (NUL-separated arguments).
pub const KIND_ARGS: u16 = 2;
/// A shell read something that may be script. Body: [`Read`], then bytes.
pub const KIND_READ: u16 = 3;
/// Where a file lies. Body: [`Path`], then components from the leaf to the root, each ended by NUL.
pub const KIND_PATH: u16 = 4;
/// A followed process forked. Body: [`Fork`].
pub const KIND_FORK: u16 = 5;
/// A followed process ended or became another program. Body: [`Exit`].
pub const KIND_EXIT: u16 = 6;
/// A string that a shell evaluates, or a line that was typed. Body: [`Text`], then bytes.
pub const KIND_TEXT: u16 = 7;

/// Where a cgroup is in its hierarchy. Body: [`Cgroup`], then names from the leaf to the root, each ended by NUL.
pub const KIND_CGROUP: u16 = 8;

/// A piece of a shell's environment. Body: [`Chunk`], then bytes (NUL-separated `NAME=value`).
pub const KIND_ENVIRONMENT: u16 = 9;

/// A shell was stopped after what was sent of it before: it waits for a verdict. Body: [`Hold`].
pub const KIND_HOLD: u16 = 10;

/// Who wrote what a shell reads. Body: [`Writer`].
pub const KIND_WRITER: u16 = 11;

/// The read was of single bytes, gathered in the kernel.
pub const FLAG_GATHERED: u16 = 1;
/// This record's payload is not the whole read or vector: more chunks follow.
pub const FLAG_MORE: u16 = 2;
/// The rest of the read or vector was cut.
pub const FLAG_CUT: u16 = 4;
/// The process could not be put into the table of shells: its reads will not arrive.
pub const FLAG_UNFOLLOWED: u16 = 8;

/// What every record begins with. 32 bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, Pod, Zeroable)]
pub struct Header {
    /// One of the `KIND_*` constants.
    pub kind: u16,
    /// `FLAG_*` bits.
    pub flags: u16,
    /// Thread group id in the initial PID namespace.
    pub tgid: u32,
    /// Boot time in nanoseconds.
    pub time_ns: u64,
    /// Boot time of the `execve` that started the image, ns; with `tgid` it names the image.
    pub exec_ns: u64,
    /// Events of this process that were lost since the last one that arrived.
    pub lost: u32,
    /// Bytes of payload behind the body.
    pub len: u32,
}

/// Body of [`KIND_EXEC`].
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub struct Exec {
    /// The executable: for a script, its interpreter.
    pub exe: FileKey,
    /// [`Cgroup::id`] of the cgroup the process is in.
    pub cgroup: u64,
    /// When the process was forked, boot time in ns.
    pub start_ns: u64,
    /// Parent's thread group id.
    pub ppid: u32,
    /// Real user id.
    pub uid: u32,
    /// Real group id.
    pub gid: u32,
    /// Process id in the innermost PID namespace.
    pub ns_pid: u32,
    /// Length of the argument vector in bytes, terminating NULs included.
    pub args_len: u32,
    /// `EXE_*` class known to the kernel.
    pub class: u32,
    /// Path given to `execve`; for `#!` scripts the script's. NUL-terminated, cut at the array's length.
    pub filename: [u8; EXEC_NAME_BYTES],
    /// Path of the interpreter; equals `filename` when there is none.
    pub interp: [u8; EXEC_NAME_BYTES],
}

/// Body of [`KIND_ARGS`] and [`KIND_ENVIRONMENT`].
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, Pod, Zeroable)]
pub struct Chunk {
    /// Where the payload starts in the vector, bytes.
    pub offset: u32,
    /// Length of the whole vector, bytes.
    pub total: u32,
}

/// Body of [`KIND_READ`].
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, Pod, Zeroable)]
pub struct Read {
    /// Inode number of what was read.
    pub ino: u64,
    /// Size of the file at that moment, bytes.
    pub size: u64,
    /// File position of the payload's first byte; -1 where there is none (pipe, socket, terminal).
    pub pos: i64,
    /// What `read(2)` returned in all, bytes; 0 is the end of the file.
    pub ret: u64,
    /// Bytes asked for.
    pub count: u64,
    /// Device number.
    pub dev: u32,
    /// `i_mode` of the inode (`S_IF*`).
    pub mode: u32,
    /// File descriptor.
    pub fd: i32,
    /// Unused, zero.
    pub reserved: u32,
}

/// [`Path::purpose`]: the executable of the last [`KIND_EXEC`].
pub const PATH_EXE: u32 = 1;
/// [`Path::purpose`]: a file being read.
pub const PATH_FILE: u32 = 2;

/// Body of [`KIND_PATH`].
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, Pod, Zeroable)]
pub struct Path {
    /// Inode number of the file.
    pub ino: u64,
    /// Its device number.
    pub dev: u32,
    /// `PATH_EXE` or `PATH_FILE`.
    pub purpose: u32,
}

/// Body of [`KIND_WRITER`]: the last process whose standard output a pipe or file was when it was executed, or that opened the file
/// for writing.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct Writer {
    /// Inode number of what is read.
    pub ino: u64,
    /// When that was, boot time in ns.
    pub time_ns: u64,
    /// Its device number.
    pub dev: u32,
    /// Thread group id of the writer.
    pub tgid: u32,
    /// Its name (`task_struct.comm`), NUL-terminated.
    pub comm: [u8; COMM_BYTES],
}

/// Set in [`Cgroup::id`] when the cgroup is one of a version 1 hierarchy, whose ids are counted on their own.
pub const CGROUP_V1: u64 = 1 << 63;

/// Body of [`KIND_CGROUP`]. Sent with the first execution in a cgroup, and again when the kernel half has forgotten
/// that it was. [`FLAG_CUT`] says that the root was not reached.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, Pod, Zeroable)]
pub struct Cgroup {
    /// Id of the cgroup's directory; never used again until the next boot. May carry [`CGROUP_V1`].
    pub id: u64,
}

/// [`Text::what`]: a string that a shell evaluates.
pub const TEXT_EVALUATED: u32 = 1;
/// [`Text::what`]: a line that bash's `readline` returned.
pub const TEXT_TYPED: u32 = 2;

/// Body of [`KIND_TEXT`].
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, Pod, Zeroable)]
pub struct Text {
    /// `TEXT_EVALUATED` or `TEXT_TYPED`.
    pub what: u32,
    /// 1 when `by` is a literal of the shell's own binary, and not a file's or a function's name.
    pub by_shell: u32,
    /// Where the payload starts in the string, bytes.
    pub offset: u32,
    /// Length of the whole string, bytes.
    pub total: u32,
    /// Why it is evaluated, in the shell's own words: `eval`, `trap`, a file's or function's name. NUL-terminated,
    /// cut at the array's length; empty when the shell does not say.
    pub by: [u8; TEXT_BY_BYTES],
}

/// Body of [`KIND_FORK`].
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, Pod, Zeroable)]
pub struct Fork {
    /// Thread group id of the child.
    pub child: u32,
    /// Its process id in the innermost PID namespace.
    pub ns_pid: u32,
    /// When it was forked (boot time, ns), as `task_struct` has it.
    pub start_ns: u64,
}

/// [`Exit::how`]: the process ended.
pub const EXIT_ENDED: u32 = 0;
/// [`Exit::how`]: it executed a program that is no shell.
pub const EXIT_REPLACED: u32 = 1;

/// Body of [`KIND_EXIT`].
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, Pod, Zeroable)]
pub struct Exit {
    /// `EXIT_ENDED` or `EXIT_REPLACED`.
    pub how: u32,
    /// Wait status as the kernel keeps it.
    pub status: u32,
}

/// Body of [`KIND_HOLD`].
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct Hold {
    /// When it was stopped, boot time in ns.
    pub since_ns: u64,
    /// Inode number of what it read; 0 when it read nothing.
    pub ino: u64,
    /// Its device number.
    pub dev: u32,
    /// The descriptor.
    pub fd: i32,
    /// Id of its cgroup.
    pub cgroup: u64,
}

/// A record of a body and up to `N` payload bytes, as the programs reserve it.
#[repr(C)]
pub struct Record<B, const N: usize> {
    /// What every record begins with.
    pub header: Header,
    /// What the kind says.
    pub body: B,
    /// `header.len` bytes of it are valid.
    pub payload: [u8; N],
}

/// A path record: room for one more component behind the bound that the verifier checks.
pub type PathRecord = Record<Path, { PATH_BYTES + NAME_BYTES }>;

/// A cgroup record, with room for one more name behind the bound that the verifier checks.
pub type CgroupRecord = Record<Cgroup, { CGROUP_BYTES + NAME_BYTES }>;
