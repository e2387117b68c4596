//! What a shell read: shared by the hooks of both tiers, which differ only in how they come by the arguments.

use aya_ebpf::helpers::generated::bpf_probe_read_user;
use ebpf::{
    counter,
    event::{FLAG_GATHERED, Header, KIND_PATH, KIND_READ, PATH_FILE, PathRecord, Read, Record},
    limit::{CHUNK_SMALL_BYTES, CHUNKS_PER_READ, LINE_BYTES},
    map::{EXE_OTHER, Shell},
};

use crate::{
    emit,
    hold::{Source, hold},
    kernel::{device, field, file_of_fd, offset},
    maps::{EMPTY_LINE, EVENTS, EXES, LINES, SHELLS, count, header, is_no_shell},
    path,
    quota::{self, Table},
    registers::Call,
    share,
    verifier::{any, bounded, forget},
    writers,
};

const S_IFMT: u32 = 0o170_000;
const S_IFREG: u32 = 0o100_000;
/// Shells move the descriptor of their script up to here or above.
const SCRIPT_FD_MIN: i32 = 10;
/// bash looks at the first bytes of a script to see whether it is a binary.
const SNIFF_BYTES: u64 = 80;
/// What the dynamic loaders of glibc and musl read of every library before a program begins.
const LOADER_BYTES: [u64; 2] = [832, 960];
/// Where the position is unknown.
const NO_POSITION: i64 = -1;

/// A `read(2)` of a followed process that returned `ret` bytes.
#[inline(always)]
pub(crate) fn on_read(tgid: u32, call: Call, ret: i64) {
    let Call { fd, buffer, count: asked, .. } = call;
    if ret < 0 || fd < 0 {
        return;
    }
    if ret == 1 && asked == 1 && goes_on(tgid, fd, buffer) {
        return;
    }
    let Some(shell) = SHELLS.get_ptr_mut(tgid) else {
        // The sensor is marked as followed, and is no shell.
        count(counter::SELF_TEST, 1);
        return;
    };
    let shell = unsafe { &mut *shell };
    if shell.class != ebpf::map::EXE_SHELL {
        // Not classified when it was executed: userspace may have done so since.
        match unsafe { EXES.get(shell.exe) }.map(|known| known.class) {
            Some(EXE_OTHER) => {
                is_no_shell(tgid);
                return;
            }
            Some(class) => shell.class = class,
            None => {}
        }
    }

    let file = file_of_fd(fd as u32);
    if file == 0 {
        return;
    }
    let inode: u64 = field(file, offset!(file_inode));
    let mode = u32::from(field::<u16>(inode, offset!(inode_mode)));
    let regular = mode & S_IFMT == S_IFREG;
    let size: u64 = field(inode, offset!(inode_size));
    // The position was moved by this read already.
    let pos = if regular { field::<i64>(file, offset!(file_pos)) - ret } else { NO_POSITION };

    let script_fd = fd == 0 || fd >= SCRIPT_FD_MIN;
    let ino: u64 = field(inode, offset!(inode_ino));
    // A file of just that size that is read whole is not looked at first.
    let is_whole = asked == size;
    if regular && pos == 0 && asked == SNIFF_BYTES && !is_whole {
        shell.sniffed_ino = ino;
    }
    // With a low limit on open files shells cannot move their script's descriptor up, and some source on low ones.
    let is_of_loader = asked == LOADER_BYTES[0] || asked == LOADER_BYTES[1];
    let begins = regular && pos == 0 && !(is_of_loader && is_library(buffer));
    if begins && !script_fd && !is_whole {
        shell.begun_ino = ino;
    }
    // Byte by byte only scripts are read, and what the builtin `read` reads.
    let bytewise = !regular && asked == 1;
    let goes_on = regular && (ino == shell.sniffed_ino || ino == shell.begun_ino);
    if !script_fd && !begins && !goes_on && !bytewise {
        return;
    }

    // What was found out above decides below again. If the verifier still knew it, each way here would be walked to the end
    // by itself, through the loop that sends what was read.
    let regular = forget(regular);
    let (pos, ret, asked) = (any(pos as u64) as i64, any(ret as u64) as i64, any(asked));
    let (size, ino) = (any(size), any(ino));
    let dev = device(inode);
    writers::tell(shell, tgid, ino, dev, regular && pos == 0);
    let body = Read { ino, size, pos, ret: ret as u64, count: asked, dev, mode, fd, reserved: 0 };
    if !regular && asked == 1 && ret == 1 {
        if gather(tgid, shell, body, buffer) {
            hold(shell, tgid, Source { ino, dev: body.dev, fd, may_be_data: fd < SCRIPT_FD_MIN });
        }
        return;
    }
    let rest = flush(tgid, shell);
    let rest = forget(rest);
    let path_bytes = if regular && pos == 0 { size_of::<PathRecord>() as u64 } else { 0 };
    let bytes = path_bytes + share::cost(ret as u64);
    if !share::admits(shell, bytes, if regular { share::SCRIPT } else { share::DATA }) {
        return;
    }
    if regular && pos == 0 {
        let header = header(KIND_PATH, tgid, shell);
        path::send(shell, header, PATH_FILE, file);
    }
    if ret == 0 {
        let header = header(KIND_READ, tgid, shell);
        emit::bare(shell, header, body);
    } else {
        emit::train::<_, CHUNKS_PER_READ>(shell, KIND_READ, tgid, buffer, ret as usize, |at| Read {
            pos: if regular { pos + at as i64 } else { NO_POSITION },
            ..body
        });
    }
    // What a shell only looked at it does not run yet. The end of a pipe ends its last line.
    let looked_at = regular && pos == 0 && asked == SNIFF_BYTES && size != SNIFF_BYTES;
    if ret != 0 && !looked_at || rest {
        let may_be_data = fd < SCRIPT_FD_MIN && !(regular && pos == 0);
        hold(shell, tgid, Source { ino, dev: body.dev, fd, may_be_data });
    }
}

/// Did it read the beginning of an ELF file?
#[inline(always)]
fn is_library(buffer: u64) -> bool {
    let mut magic = 0u32;
    let read = unsafe { bpf_probe_read_user((&raw mut magic).cast(), 4, buffer as *const _) };
    read == 0 && magic == u32::from_le_bytes(*b"\x7fELF")
}

/// Appends a byte in the middle of a line: nine of ten reads of a shell on a pipe, so they skip everything that
/// was found out at the line's first byte. False when the line begins or would end here.
#[inline(always)]
fn goes_on(tgid: u32, fd: i32, buffer: u64) -> bool {
    let Some(line) = LINES.get_ptr_mut(tgid) else {
        return false;
    };
    let line = unsafe { &mut *line };
    // Masked rather than compared: a bound the verifier sees whatever the compiler makes of the comparisons.
    let at = line.header.len as usize & (LINE_BYTES - 1);
    if at == 0 || at == LINE_BYTES - 1 || line.body.fd != fd {
        return false;
    }
    let mut byte = 0u8;
    if unsafe { bpf_probe_read_user((&raw mut byte).cast(), 1, buffer as *const _) } != 0 || ends_line(byte) {
        return false;
    }
    line.payload[at] = byte;
    line.header.len = at as u32 + 1;
    true
}

/// A terminal in raw mode sends a carriage return where others send a line feed.
#[inline(always)]
fn ends_line(byte: u8) -> bool {
    byte == b'\n' || byte == b'\r'
}

/// Keeps one byte back until its line is whole: bash reads a pipe byte by byte, and an event for each would
/// cost it dearly. True when the line is whole.
#[inline(always)]
fn gather(tgid: u32, shell: &mut Shell, body: Read, buffer: u64) -> bool {
    let mut line = LINES.get_ptr_mut(tgid);
    if let Some(other) = line {
        let other = unsafe { &mut *other };
        if other.header.len != 0 && (other.body.ino != body.ino || other.body.fd != body.fd) {
            let _ = flush(tgid, shell);
        }
    } else if quota::admits(Table::Lines, shell.counted)
        && let Some(empty) = EMPTY_LINE.get_ptr(0)
    {
        if LINES.insert(tgid, unsafe { &*empty }, 0).is_ok() {
            quota::account(Table::Lines, shell.counted, 1);
        }
        line = LINES.get_ptr_mut(tgid);
    }
    let Some(line) = line else {
        count(counter::LINES_FULL, 1);
        // A record for each byte: only while there is room for everybody.
        if share::admits(shell, share::cost(1), share::DATA) {
            let header = header(KIND_READ, tgid, shell);
            emit::user_bytes(shell, header, body, buffer, 1);
        }
        let mut byte = 0u8;
        let read = unsafe { bpf_probe_read_user((&raw mut byte).cast(), 1, buffer as *const _) };
        return read == 0 && ends_line(byte);
    };
    let line = unsafe { &mut *line };
    let mut byte = 0u8;
    if unsafe { bpf_probe_read_user((&raw mut byte).cast(), 1, buffer as *const _) } != 0 {
        count(counter::SHORT_READ, 1);
        shell.lost += 1;
        return false;
    }
    if line.header.len == 0 {
        line.body = body;
    }
    let at = line.header.len as usize;
    if at < LINE_BYTES {
        line.payload[at] = byte;
        line.header.len = at as u32 + 1;
    }
    let is_whole = ends_line(byte) || at + 1 >= LINE_BYTES;
    if is_whole {
        emit_line(tgid, shell, line);
    }
    is_whole
}

/// Hands over what was gathered and not yet sent: before a fork, an exec, the end, or another kind of read. True when there
/// was something.
#[inline(always)]
pub(crate) fn flush(tgid: u32, shell: &mut Shell) -> bool {
    if let Some(line) = LINES.get_ptr_mut(tgid) {
        let line = unsafe { &mut *line };
        if line.header.len != 0 {
            emit_line(tgid, shell, line);
            return true;
        }
    }
    false
}

#[inline(always)]
fn emit_line(tgid: u32, shell: &mut Shell, line: &mut Record<Read, LINE_BYTES>) {
    let len = line.header.len;
    if !share::admits(shell, share::RECORD + u64::from(len), share::DATA) {
        line.header.len = 0;
        return;
    }
    let mut header: Header = header(KIND_READ, tgid, shell);
    header.flags = FLAG_GATHERED;
    header.len = len;
    line.header = header;
    line.body.ret = u64::from(len);
    const FIXED: u64 = (size_of::<Header>() + size_of::<Read>()) as u64;
    let bytes = bounded(FIXED + u64::from(len), size_of::<Record<Read, LINE_BYTES>>() as u64);
    let record = unsafe { core::slice::from_raw_parts((&raw const *line).cast::<u8>(), bytes as usize) };
    if EVENTS.output::<[u8]>(record, emit::wakeup()).is_ok() {
    } else {
        emit::lose(shell, &header);
    }
    line.header.len = 0;
}
