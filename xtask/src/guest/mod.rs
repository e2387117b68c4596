//! A virtual machine with another kernel than this machine's, which runs commands from an archive and turns itself
//! off. Plain emulation, so it works wherever qemu does.

mod condition;
mod initramfs;
mod kernel;

use std::{
    fmt::Write,
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc::{self, RecvTimeoutError},
    time::Duration,
};

use anyhow::{Context, bail, ensure};
use serde_json::Value;

use crate::{
    architecture::Architecture,
    binaries,
    layout::{cargo, root, target},
    setup::{cross, packages},
    step,
};

pub(crate) use condition::Condition;
pub(crate) use initramfs::Tree;
pub(crate) use kernel::{ALL as KERNELS, Series};

/// Where the guest keeps sensor, collector and their files.
const INSTALLED: &str = "/usr/lib/scriptwatch";
/// Where the tests' own shell is: the path that they were compiled with may lie below what is mounted there.
const FAKE_SHELL: &str = "/programs/fake-shell";
/// A guest that locks up or falls silent is booted so often.
const BOOTS: u32 = 2;
/// A guest that is silent for this long has hung: its tests give up by themselves before, and the longest took 4 minutes on
/// a busy machine.
const SILENCE: Duration = Duration::from_mins(8);
/// Begins the guest's own lines.
const MARK: &str = "@@guest";

/// Everything a guest needs but its kernel.
pub(crate) struct Guest {
    /// The kernel it boots.
    pub(crate) kernel: Series,
    architecture: Architecture,
    condition: Condition,
    archive: PathBuf,
}

/// A command of the guest, and the exit code it had.
pub(crate) struct Ran {
    /// Its label.
    pub(crate) label: String,
    /// Its exit code.
    pub(crate) code: i32,
}

impl Guest {
    /// Puts sensor, collector, shells and the given programs together. `commands` are labels and command lines.
    pub(crate) fn prepare(
        kernel: Series,
        architecture: Architecture,
        condition: Condition,
        programs: &[(String, PathBuf)],
        commands: &[(String, String)],
        more: impl FnOnce(&mut Tree) -> anyhow::Result<()>,
    ) -> anyhow::Result<Self> {
        packages::for_vms(architecture)?;
        let bin = binaries::build_for(architecture)?;
        let step = step::Step::begin("putting the guest's files together");
        let dir = target().join("vm");
        fs::create_dir_all(&dir)?;
        let mut tree = Tree::new(dir.join("root"), architecture)?;
        for name in ["sensor", "collector"] {
            tree.put_stripped(&bin.join(name), &Path::new(INSTALLED).join(name))?;
        }
        for name in ["sensor-ebpf.o", "floor.o", "script.onnx", "libonnxruntime.so"] {
            tree.put(&bin.join(name), &Path::new(INSTALLED).join(name))?;
        }
        for (name, path) in programs {
            tree.put_stripped(path, &Path::new("/programs").join(name))?;
        }
        tree.put_stripped(&bin.join("fake-shell"), Path::new(FAKE_SHELL))?;
        more(&mut tree)?;
        tree.write("/init", &init(condition, commands))?;
        let archive =
            dir.join(format!("guest-{}-{}-{}.cpio.zst", kernel.name, architecture.name(), condition.name()));
        tree.archive(&archive)?;
        step.done();
        Ok(Self { kernel, architecture, condition, archive })
    }

    /// Boots a kernel and shows what its commands print; returns how each ended.
    ///
    /// Attaching to a syscall's tracepoint makes the kernel patch its own code, and qemu's emulated processors now and
    /// then go on with the breakpoint that stood there for a moment (the trace ends in `asm_exc_int3` below
    /// `syscall_exit_to_user_mode`). Such a guest shows where it locked up and is booted again; what locks up for a
    /// reason does it every time.
    pub(crate) fn run(&self) -> anyhow::Result<Vec<Ran>> {
        for boot in 1.. {
            let (ran, locked_up) = self.run_once()?;
            if !locked_up || boot == BOOTS {
                return Ok(ran);
            }
            eprintln!("==> kernel {}: LOCKED UP, see above; once more from the beginning", self.kernel.name);
        }
        bail!("no boot of the guest was tried")
    }

    /// How each command ended, and whether the kernel locked up.
    fn run_once(&self) -> anyhow::Result<(Vec<Ran>, bool)> {
        let image = kernel::image(self.kernel, self.architecture)?;
        let name = self.kernel.name;
        eprintln!("==> kernel {name} ({})", image.file_name().unwrap_or_default().to_string_lossy());
        let mut qemu = self.boot(&image)?;
        let lines = lines_of(&mut qemu)?;
        let mut ran = Vec::new();
        let mut locked_up = false;
        loop {
            match lines.recv_timeout(SILENCE) {
                Ok(line) => {
                    locked_up |= line.contains("BUG: soft lockup");
                    // The firmware leaves control sequences before the first of them.
                    let Some((_, rest)) = line.split_once(MARK) else {
                        eprintln!(
                            "    {name} | {}",
                            line.escape_debug().to_string().replace("\\\"", "\"").replace("\\'", "'")
                        );
                        continue;
                    };
                    match rest.trim().split_once(' ') {
                        Some(("begin", label)) => eprintln!("==> kernel {name}: {label}"),
                        Some(("end", rest)) => {
                            let (code, label) = rest.split_once(' ').unwrap_or((rest, ""));
                            ran.push(Ran { label: label.to_owned(), code: code.parse().unwrap_or(-1) });
                        }
                        _ => {}
                    }
                }
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    eprintln!("==> kernel {name}: said nothing for {SILENCE:?} and is ended");
                    qemu.kill()?;
                    locked_up = true;
                    break;
                }
            }
        }
        qemu.wait()?;
        Ok((ran, locked_up))
    }

    fn boot(&self, image: &Path) -> anyhow::Result<Child> {
        // One thread for all CPUs: with one for each, kernel 6.12 panicked in three runs of five, at an `int3` in its entry code.
        let (machine, cpu, console) = match self.architecture {
            Architecture::Amd64 => ("q35", "max", "ttyS0"),
            // The other way to compute the signatures of pointers takes most of an emulated processor's time.
            Architecture::Arm64 => ("virt", "max,pauth-impdef=on", "ttyAMA0"),
        };
        Command::new(format!("qemu-system-{}", self.architecture.machine()))
            .args(["-M", machine, "-accel", "tcg,thread=single", "-cpu", cpu, "-smp", "2", "-m", "3072"])
            .args(["-nographic", "-no-reboot", "-nodefaults", "-serial", "stdio", "-kernel"])
            .arg(image)
            .arg("-initrd")
            .arg(&self.archive)
            // Where a kernel can be told so, a program may be preempted anywhere: what can come in between does. A kernel that locks up
            // says where and ends, instead of saying so for ever.
            .arg("-append")
            .arg(format!(
                "console={console} loglevel=5 preempt=full softlockup_panic=1 softlockup_all_cpu_backtrace=1 panic=-1 {}",
                self.condition.boot()
            ))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .context("qemu cannot be started")
    }
}

fn lines_of(qemu: &mut Child) -> anyhow::Result<mpsc::Receiver<String>> {
    let output = qemu.stdout.take().context("qemu has no output")?;
    let (sender, lines) = mpsc::channel();
    std::thread::spawn(move || {
        let mut reader = BufReader::new(output);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
            if sender.send(String::from_utf8_lossy(&line).trim_end().to_owned()).is_err() {
                break;
            }
            line.clear();
        }
    });
    Ok(lines)
}

/// What the guest does: mounts, runs every command, says how each ended, and turns itself off.
fn init(condition: Condition, commands: &[(String, String)]) -> String {
    let mut script = format!(
        r"#!/bin/busybox sh
b=/bin/busybox
$b mount -t proc proc /proc
$b mount -t sysfs sys /sys
$b mount -t devtmpfs dev /dev
$b mkdir -p /dev/pts /dev/shm
$b ln -s /proc/self/fd /dev/fd
$b mount -t devpts devpts /dev/pts
$b mount -t tmpfs shm /dev/shm
$b mount -t tmpfs tmp /tmp
{groups}$b ifconfig lo 127.0.0.1 up
$b hostname guest
export PATH=/usr/bin:/bin HOME=/root SCRIPTWATCH_TEST_BIN={INSTALLED} SCRIPTWATCH_TEST_FAKE_SHELL={FAKE_SHELL} SCRIPTWATCH_TEST_SCALE=20 SCRIPTWATCH_TEST_CONDITION={name}
",
        groups = condition.begin(),
        name = condition.name()
    );
    for (label, command) in commands {
        let _ =
            writeln!(script, "echo \"{MARK} begin {label}\"\n{command} 2>&1\necho \"{MARK} end $? {label}\"");
    }
    script + "$b poweroff -f\n"
}

/// Makes sure that qemu and these kernels are here.
pub(crate) fn fetch(
    kernels: impl IntoIterator<Item = Series>,
    architecture: Architecture,
) -> anyhow::Result<()> {
    packages::for_vms(architecture)?;
    kernels.into_iter().try_for_each(|series| kernel::image(series, architecture).map(|_| ()))
}

/// Builds test files of the package `e2e` and returns name and path of each.
pub(crate) fn test_binaries(
    names: &[&str],
    architecture: Architecture,
) -> anyhow::Result<Vec<(String, PathBuf)>> {
    let step = step::Step::begin("building the programs for the guest");
    let mut build = Command::new(cargo());
    build.current_dir(root()).args([
        "test",
        "--release",
        "-p",
        "scriptwatch-e2e",
        "--no-run",
        "--message-format",
        "json",
        "--quiet",
    ]);
    cross::aim(&mut build, architecture)?;
    let output = build.stderr(Stdio::inherit()).output()?;
    ensure!(output.status.success(), "the tests do not build");
    let found: Vec<(String, PathBuf)> = output
        .stdout
        .split(|b| *b == b'\n')
        .filter_map(|line| serde_json::from_slice::<Value>(line).ok())
        .filter_map(|message| {
            let name = message["target"]["name"].as_str()?;
            let path = message["executable"].as_str()?;
            (names.contains(&name) && message["target"]["kind"][0] == "test")
                .then(|| (name.to_owned(), path.into()))
        })
        .collect();
    ensure!(found.len() == names.len(), "cargo built {} of {} test files", found.len(), names.len());
    step.done();
    Ok(found)
}
