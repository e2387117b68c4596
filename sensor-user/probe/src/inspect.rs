//! Opens executables and looks at what they hold.

use std::{
    collections::HashSet,
    fs::File,
    os::{
        fd::AsRawFd,
        unix::fs::{FileExt, MetadataExt, OpenOptionsExt},
    },
    path::Path,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use ebpf::map::{EXE_SHELL, FileKey};
use nix::{
    errno::Errno,
    fcntl::{OFlag, OpenHow, ResolveFlag, openat2},
    sys::statfs::{BTRFS_SUPER_MAGIC, OVERLAYFS_SUPER_MAGIC, fstatfs},
    unistd::{Whence, lseek},
};
use shell::{Executable, NamedLoader, ProbePoints, named_loader, recognition::Recognition, table};

/// What a file's key is worth: its times move in steps, so who writes twice within one leaves them as they were.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    /// It names what was read, now and later.
    Lasting,
    /// What was read was executed, but the file was changed so lately that its key may come to name something else.
    Young,
    /// And what was executed may have been something else.
    Doubtful,
}

/// The longest step of a file system's times where they have fractions of seconds (a tick of the kernel), and where they have none.
const STEP: Duration = Duration::from_millis(20);
const WHOLE_STEP: Duration = Duration::from_secs(2);

/// An executable just inspected, with its file still open: probes go in first, since the shell runs already, and hashing
/// takes milliseconds.
#[derive(Debug)]
pub(crate) struct Inspected {
    executable: Executable,
    file: File,
    binary: Vec<u8>,
}

impl Inspected {
    /// What was found, but for the hash.
    pub(crate) fn executable(&self) -> &Executable {
        &self.executable
    }

    /// The kernel runs another file in its place, which it names as its loader: it is what that is. False where that is not known.
    fn is_run_by(&mut self, tgid: u32, loader: &[u8]) -> bool {
        let Some((_, other, _)) = inspect_path(tgid, loader) else { return false };
        if other.executable.family.is_some() {
            // Its functions are elsewhere.
            self.executable = Executable { probe_points: ProbePoints::default(), ..other.executable };
        }
        self.executable.family.is_some() || other.executable.is_loader
    }

    /// The open file.
    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// What was found, with the hash when it is a shell, and since when it is probed (boot time in ns).
    pub(crate) fn hashed(self, probed_ns: Option<u64>) -> Executable {
        self.executable.hashed(&self.binary, probed_ns)
    }
}

/// As much of a binary is kept in memory while its functions are looked for. The part of any shell that is loaded is smaller;
/// what is behind it, such as padding, is searched for texts all the same.
const KEPT_BYTES: usize = 32 * 1024 * 1024;
/// A file is looked at for so long at most; one that takes longer counts as a shell. It is enough for 600 MiB in the page cache.
const LOOK: Duration = Duration::from_millis(1500);
/// Read at once.
const PIECE_BYTES: usize = 1 << 20;

/// Where shells usually lie.
const USUAL: [&str; 3] = ["/bin", "/usr/bin", "/usr/local/bin"];

/// Inspects the shells of this node, so that the first script run by one of them is not the first time it is seen.
pub(crate) fn usual_shells() -> Vec<(FileKey, Inspected)> {
    let programs = table::FAMILIES.iter().flat_map(|profile| profile.programs);
    let paths = programs.flat_map(|program| USUAL.map(|dir| Path::new(dir).join(program)));
    let mut seen = HashSet::new();
    paths
        .filter_map(|path| {
            let file = open_on_node(&path)?;
            let metadata = file.metadata().ok()?;
            let key = key_of(&metadata);
            // `/bin` may be `/usr/bin`, and `sh` another shell.
            if !seen.insert((key.dev, key.ino)) {
                return None;
            }
            Some((key, of_file(file, metadata.size())?))
        })
        .collect()
}

/// Opens a file of the node: the sensor's own container has others at the same paths.
fn open_on_node(path: &Path) -> Option<File> {
    open_as_seen_by(1, path).or_else(|| open_file(path))
}

/// Opens a regular file. A container may put a FIFO in an executable's place, whose opening waits for a writer, or a device, whose opening
/// does something: so it is looked at first, and what was looked at is opened.
fn open_file(path: &Path) -> Option<File> {
    let found = File::options().read(true).custom_flags(libc::O_PATH).open(path).ok()?;
    open_found(&found)
}

fn open_found(found: &File) -> Option<File> {
    if !found.metadata().ok()?.is_file() {
        return None;
    }
    let path = format!("/proc/self/fd/{}", found.as_raw_fd());
    File::options().read(true).custom_flags(libc::O_NONBLOCK).open(path).ok()
}

/// Likewise, where a process sees it at an absolute path: links in its root lead nowhere else.
fn open_as_seen_by(pid: u32, path: &Path) -> Option<File> {
    let below = path.strip_prefix("/").ok()?;
    let root = File::open(format!("/proc/{pid}/root")).ok()?;
    let how = OpenHow::new().flags(OFlag::O_PATH | OFlag::O_CLOEXEC).resolve(ResolveFlag::RESOLVE_IN_ROOT);
    open_found(&File::from(openat2(&root, below, how).ok()?))
}

/// Is it the file that the kernel half names, as that process sees it? A number may be given twice where there are two file systems.
fn is_that(file: &File, pid: u32, metadata: &std::fs::Metadata, key: &FileKey) -> bool {
    let seen = key_of(metadata);
    let same = FileKey { dev: key.dev, ..seen } == *key;
    // Those show another device number here than in the inode. Their mount has the inode's, if the process has that mount.
    let shows_another = || {
        fstatfs(file)
            .is_ok_and(|fs| matches!(fs.filesystem_type(), OVERLAYFS_SUPER_MAGIC | BTRFS_SUPER_MAGIC))
    };
    same && (seen.dev == key.dev
        || shows_another() && device_of_mount(file, pid).is_none_or(|dev| dev == key.dev))
}

/// The device of the mount that a file was opened on, as the kernel half forms it, if that is one of the process's.
fn device_of_mount(file: &File, pid: u32) -> Option<u32> {
    let told = std::fs::read_to_string(format!("/proc/self/fdinfo/{}", file.as_raw_fd())).ok()?;
    let id = told.lines().find_map(|line| line.strip_prefix("mnt_id:"))?.trim().to_owned();
    let mounts = std::fs::read_to_string(format!("/proc/{pid}/mountinfo")).ok()?;
    let mount = mounts.lines().find(|line| line.split(' ').next() == Some(&*id))?;
    let (major, minor) = mount.split(' ').nth(2)?.split_once(':')?;
    Some(major.parse::<u32>().ok()? << 20 | minor.parse::<u32>().ok()?)
}

/// The key as the kernel half forms it.
fn key_of(metadata: &std::fs::Metadata) -> FileKey {
    let dev = metadata.dev();
    FileKey {
        ino: metadata.ino(),
        size: metadata.size(),
        ctime_s: metadata.ctime() as u64,
        ctime_ns: metadata.ctime_nsec() as u32,
        // Inside the kernel a device number has twelve bits of major and twenty of minor.
        dev: libc::major(dev) << 20 | libc::minor(dev),
    }
}

/// Inspects the executable of a live process. When the process is gone, the file at `path` where its parent sees it, or on this
/// node. `None` when none of them is the file that `key` names.
pub(crate) fn inspect(
    (tgid, exec_ns): (u32, u64),
    parent: u32,
    key: &FileKey,
    path: &[u8],
) -> Option<(Inspected, Key)> {
    use std::os::unix::ffi::OsStrExt;
    let path = Path::new(std::ffi::OsStr::from_bytes(path));
    // What is short, such as `wc`, is gone before it is looked at; in a container only others of it see its files.
    let running = std::iter::once_with(|| (tgid, open_file(Path::new(&format!("/proc/{tgid}/exe")))));
    let seen = [tgid, parent, 1].into_iter().map(|pid| (pid, open_as_seen_by(pid, path)));
    let own = std::iter::once_with(|| (std::process::id(), open_file(path)));
    let (file, size) = running.chain(seen).chain(own).find_map(|(pid, file)| {
        let file = file?;
        let metadata = file.metadata().ok()?;
        is_that(&file, pid, &metadata, key).then(|| (file, metadata.size()))
    })?;
    let mut inspected = of_file(file, size)?;
    let is_shell = matches!(inspected.executable.class(), EXE_SHELL);
    let is_run_by_what_is_known = is_shell
        || match named_loader(&inspected.binary) {
            NamedLoader::Usual => true,
            NamedLoader::Other(loader) => inspected.is_run_by(tgid, &loader),
            NamedLoader::Unreadable => false,
        };
    // It was changed while it was read.
    let after = key_of(&inspected.file.metadata().ok()?);
    if (FileKey { dev: key.dev, ..after }) != *key {
        return None;
    }
    let now = SystemTime::now();
    let executed = now - Duration::from_nanos(crate::control::boot_ns().saturating_sub(exec_ns));
    // Nobody can write to what is being executed.
    let worth = if !is_run_by_what_is_known {
        Key::Doubtful
    } else if !was_young(&after, executed) {
        Key::Lasting
    } else if !runs(tgid, key) {
        Key::Doubtful
    } else if was_young(&after, now) {
        Key::Young
    } else {
        Key::Lasting
    };
    Some((inspected, worth))
}

/// Was the file changed within the last step of its file system's times before then?
fn was_young(key: &FileKey, then: SystemTime) -> bool {
    let then = then.duration_since(UNIX_EPOCH).unwrap_or_default();
    let changed = Duration::new(key.ctime_s, key.ctime_ns);
    // Where the clock was set back, what is far ahead of it is old.
    changed < then + WHOLE_STEP && then < changed + if key.ctime_ns == 0 { WHOLE_STEP } else { STEP }
}

/// Does the process run this file?
fn runs(tgid: u32, key: &FileKey) -> bool {
    let exe = format!("/proc/{tgid}/exe");
    std::fs::metadata(exe).is_ok_and(|metadata| (FileKey { dev: key.dev, ..key_of(&metadata) }) == *key)
}

/// Inspects the program that a loader was told to run, as its process sees that path.
pub(crate) fn inspect_path(tgid: u32, path: &[u8]) -> Option<(FileKey, Inspected, Key)> {
    use std::os::unix::ffi::OsStrExt;
    let own = format!("/proc/{tgid}");
    let path = Path::new(std::ffi::OsStr::from_bytes(path));
    let file = if let Ok(below) = path.strip_prefix("/proc/self") {
        open_file(&Path::new(&own).join(below))
    } else if let Ok(below) = path.strip_prefix("/dev/fd") {
        open_file(&Path::new(&own).join("fd").join(below))
    } else if path.is_absolute() {
        open_as_seen_by(tgid, path)
    } else {
        open_file(&Path::new(&own).join("cwd").join(path))
    }?;
    let metadata = file.metadata().ok()?;
    let key = key_of(&metadata);
    let worth = if was_young(&key, SystemTime::now()) { Key::Doubtful } else { Key::Lasting };
    Some((key, of_file(file, metadata.size())?, worth))
}

/// Looks at a file for a bounded time; `None` when that was too short. Holes are passed over: padding by them costs nothing.
fn of_file(file: File, size: u64) -> Option<Inspected> {
    let begun = Instant::now();
    let mut binary =
        Vec::with_capacity(usize::try_from(size).map_or(KEPT_BYTES, |size| size.min(KEPT_BYTES)));
    let mut recognition = Recognition::new();
    let mut piece = vec![0; PIECE_BYTES];
    let mut at = 0;
    while at < size {
        if begun.elapsed() > LOOK {
            return None;
        }
        let data = next_data(&file, at);
        if data >= size {
            break;
        }
        // Read, not mapped: whoever owns the file could cut it short, and a mapping would then raise SIGBUS.
        let Ok(n @ 1..) = file.read_at(&mut piece, data) else { break };
        recognition.feed(&piece[..n]);
        if let Ok(start) = usize::try_from(data)
            && start < KEPT_BYTES
        {
            let end = (start + n).min(KEPT_BYTES);
            binary.resize(end, 0);
            binary[start..end].copy_from_slice(&piece[..end - start]);
        }
        at = data + n as u64;
    }
    let executable = Executable::of_binary(recognition.end(), &binary, size);
    Some(Inspected { executable, file, binary })
}

/// Where the next bytes are that are no hole; the same place where the file system does not say.
fn next_data(file: &File, at: u64) -> u64 {
    match lseek(file, at as i64, Whence::SeekData) {
        Ok(data) => data as u64,
        // Nothing but a hole up to the end.
        Err(Errno::ENXIO) => u64::MAX,
        Err(_) => at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_behind_holes_is_found_where_it_is_and_a_gigabyte_of_them_costs_nothing() {
        let Ok(dash) = std::fs::read("/bin/dash") else { return };
        let path = std::env::temp_dir().join(format!("scriptwatch-hole-{}", std::process::id()));
        let file = File::create_new(&path).unwrap();
        file.write_all_at(&dash, 0).unwrap();
        file.set_len(64 << 30).unwrap();
        let (file, begun) = (File::open(&path).unwrap(), Instant::now());
        let inspected = of_file(file, 64 << 30);
        std::fs::remove_file(&path).unwrap();
        let inspected = inspected.expect("in time");
        assert!(begun.elapsed() < LOOK);
        assert_eq!(inspected.executable.family.map(shell::Family::name), Some("dash"));
        assert!(inspected.executable.probe_points.input_string.is_some());
    }

    #[test]
    fn what_was_written_just_before_is_young_and_what_is_ahead_of_the_clock_is_old() {
        let at = |ms| UNIX_EPOCH + Duration::from_millis(ms);
        let changed = |ctime_s, ctime_ns| FileKey { ctime_s, ctime_ns, ..FileKey::default() };
        assert!(was_young(&changed(100, 1), at(100_010)) && !was_young(&changed(100, 1), at(100_030)));
        // A file system that counts in seconds.
        assert!(was_young(&changed(100, 0), at(101_500)) && !was_young(&changed(100, 0), at(102_500)));
        // The clock was set back since.
        assert!(!was_young(&changed(4000, 1), at(100_000)));
    }

    #[test]
    fn a_fifo_in_the_place_of_an_executable_holds_nobody_up() {
        let path = std::env::temp_dir().join(format!("scriptwatch-fifo-{}", std::process::id()));
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let (done, opened) = std::sync::mpsc::channel();
        let fifo = path.clone();
        std::thread::spawn(move || done.send(open_file(&fifo).is_none()).unwrap());
        let is_refused = opened.recv_timeout(std::time::Duration::from_secs(10));
        std::fs::remove_file(&path).unwrap();
        assert_eq!(is_refused, Ok(true));
        assert!(open_file(Path::new("/proc/self/exe")).is_some());
    }

    #[test]
    fn a_file_of_another_file_system_is_another_file() {
        let path = format!("/dev/shm/scriptwatch-that-{}", std::process::id());
        let Ok(file) = File::create_new(&path) else { return };
        let metadata = file.metadata().unwrap();
        std::fs::remove_file(&path).unwrap();
        let (key, own) = (key_of(&metadata), std::process::id());
        // Its mount says so, too.
        assert_eq!(device_of_mount(&file, own), Some(key.dev));
        assert!(is_that(&file, own, &metadata, &key));
        // Two such file systems number their files alike.
        assert!(!is_that(&file, own, &metadata, &FileKey { dev: key.dev + 1, ..key }));
        assert!(!is_that(&file, own, &metadata, &FileKey { ctime_ns: key.ctime_ns ^ 1, ..key }));
    }

    #[test]
    fn links_in_a_process_root_lead_nowhere_else() {
        let here = std::env::temp_dir().join(format!("scriptwatch-link-{}", std::process::id()));
        std::os::unix::fs::symlink("/proc/self/exe", &here).unwrap();
        // What such a link means depends on who follows it.
        let found = open_as_seen_by(std::process::id(), &here);
        std::fs::remove_file(&here).unwrap();
        assert!(found.is_none());
        assert!(open_as_seen_by(std::process::id(), Path::new("/bin/sh")).is_some());
    }
}
