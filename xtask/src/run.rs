//! `cargo xtask run`: collector and sensor on this machine, findings on the terminal.

use std::{
    os::unix::process::CommandExt,
    process::{Command, ExitCode},
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};

use crate::{
    binaries,
    services::{self, Ended},
};

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

extern "C" fn interrupted(_: i32) {
    INTERRUPTED.store(true, Ordering::Relaxed);
}

/// Makes Ctrl-C set a flag; the children are in groups of their own and do not get the signal.
fn catch_interrupt() -> anyhow::Result<()> {
    let action = SigAction::new(SigHandler::Handler(interrupted), SaFlags::empty(), SigSet::empty());
    // SAFETY: the handler only stores into an atomic.
    unsafe { sigaction(Signal::SIGINT, &action)? };
    // SAFETY: as above.
    unsafe { sigaction(Signal::SIGTERM, &action)? };
    Ok(())
}

/// The exit code of a service that could not start on this machine is passed on.
pub(crate) fn code_of(error: anyhow::Error) -> anyhow::Result<ExitCode> {
    match error.downcast_ref::<Ended>().and_then(|e| e.status.code()) {
        Some(code) => Ok(ExitCode::from(code as u8)),
        None => Err(error),
    }
}

/// Runs until Ctrl-C.
pub(crate) fn run(sensor_args: &[String]) -> anyhow::Result<ExitCode> {
    let bin = binaries::build()?;
    let dir = tempfile::tempdir()?;
    catch_interrupt()?;
    let mut pair = match services::start(&bin, dir.path(), sensor_args, false) {
        Ok(pair) => pair,
        Err(e) => return code_of(e),
    };
    eprintln!("==> watching this machine (tier {}); findings appear below, Ctrl-C ends", pair.tier);
    let mut tail = Command::new(bin.join("collector"))
        .env("SCRIPTWATCH_COLLECTOR_LOG", "warn")
        .args(["tail", "--store"])
        .arg(&pair.store)
        .process_group(0)
        .spawn()?;
    while !INTERRUPTED.load(Ordering::Relaxed) {
        if let Some(status) = pair.sensor.ended()? {
            eprintln!("xtask: the sensor ended: {status}");
            break;
        }
        if let Some(status) = pair.collector.ended()? {
            eprintln!("xtask: the collector ended: {status}");
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let wanted = INTERRUPTED.load(Ordering::Relaxed);
    pair.sensor.stop()?;
    // What arrived last is shown, too.
    std::thread::sleep(Duration::from_millis(100));
    let _ = tail.kill();
    tail.wait()?;
    pair.collector.stop()?;
    Ok(if wanted { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
