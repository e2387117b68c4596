//! Keeps a stopped shell stopped when somebody else continues it.
//!
//! Best is a program where a process leaves the kernel behind a stop (`get_signal`): there nothing has run yet. Where the kernel lets
//! no program stand at its functions, one at the tracepoint of signals stops the process again, with a function that kernels have
//! from 6.13 on: some instructions run in between, and beside a process that does nothing else now and then a short script does.
//! This stop comes a moment late, so it is used only where the other cannot be.

use std::{
    io,
    os::fd::{AsRawFd, OwnedFd},
};

use aya_obj::generated::{BPF_CALL, BPF_JMP, BPF_PSEUDO_KFUNC_CALL, bpf_attach_type, bpf_cmd, bpf_prog_type};
use ebpf::{counter, map::SEND_SIGNAL_TASK};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, raise, sigaction};
use tracing::{debug, info, warn};

use crate::{
    Counters,
    kernel_types::Functions,
    loader::{Kind, Loader, bpf},
};

/// Where a program stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Where a process leaves the kernel.
    GetSignal,
    /// Where a signal is sent.
    SignalGenerate,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::GetSignal => "get_signal",
            Self::SignalGenerate => "signal_generate",
        })
    }
}

/// Keeps stopped shells stopped while it is closed.
pub struct Latch {
    programs: Vec<(Place, OwnedFd)>,
    links: Vec<OwnedFd>,
    counters: Counters,
    /// It was said that there is none.
    is_told: bool,
}

/// The part of `union bpf_attr` for `BPF_RAW_TRACEPOINT_OPEN`.
#[repr(C)]
struct OpenAttributes {
    name: u64,
    prog_fd: u32,
    reserved: u32,
}

impl Latch {
    /// Loads the programs that this kernel takes.
    pub(crate) fn load(loader: &Loader, functions: &Functions, counters: Counters) -> Self {
        let load = |place| match load(loader, functions, place) {
            Ok(program) => Some((place, program)),
            Err(e) => {
                debug!(?place, "{e}");
                None
            }
        };
        let programs = [Place::GetSignal, Place::SignalGenerate].into_iter().filter_map(load).collect();
        Self { programs, links: Vec::new(), counters, is_told: false }
    }

    /// From now on whoever is stopped stays so.
    pub fn close(&mut self) {
        if !self.links.is_empty() {
            return;
        }
        let mut programs = std::mem::take(&mut self.programs).into_iter();
        for (place, program) in programs.by_ref() {
            let attributes = OpenAttributes { name: 0, prog_fd: program.as_raw_fd() as u32, reserved: 0 };
            // SAFETY: the attributes are those of the command.
            match unsafe { bpf(bpf_cmd::BPF_RAW_TRACEPOINT_OPEN, &attributes) } {
                // What does not work is not tried again.
                Ok(_) if place == Place::GetSignal && !self.sees_signals() => {
                    debug!(?place, "it is attached and does not run");
                }
                Ok(link) => {
                    info!("stopped shells are kept so at {place}");
                    self.links.push(link);
                    self.programs.push((place, program));
                    break;
                }
                Err(e) => debug!(?place, "{e}"),
            }
        }
        self.programs.extend(programs);
        if self.links.is_empty() && !std::mem::replace(&mut self.is_told, true) {
            warn!(
                "this kernel takes no program that keeps a stopped shell stopped: other processes of its container may continue it"
            );
        }
    }

    /// Nobody is kept any more.
    pub fn open(&mut self) {
        self.links.clear();
    }

    /// Does the program at `get_signal` see the signals that are sent here? It looks at the sensor as at a shell.
    fn sees_signals(&self) -> bool {
        const SIGNALS: u64 = 4;
        extern "C" fn nothing(_: libc::c_int) {}
        let seen = || self.counters.read()[counter::SIGNAL_TEST as usize];
        let action = SigAction::new(SigHandler::Handler(nothing), SaFlags::SA_RESTART, SigSet::empty());
        // SAFETY: the handler does nothing.
        let Ok(before_action) = (unsafe { sigaction(Signal::SIGURG, &action) }) else { return false };
        let before = seen();
        let raised = (0..SIGNALS).filter(|_| raise(Signal::SIGURG).is_ok()).count() as u64;
        let runs = seen() - before >= raised;
        // SAFETY: it was so before.
        let _ = unsafe { sigaction(Signal::SIGURG, &before_action) };
        runs
    }
}

fn load(loader: &Loader, functions: &Functions, place: Place) -> io::Result<OwnedFd> {
    let missing = |name: &str| io::Error::new(io::ErrorKind::NotFound, format!("the kernel has no {name}"));
    let program = bpf_prog_type::BPF_PROG_TYPE_TRACING;
    match place {
        Place::GetSignal => {
            let function = functions.get_signal.ok_or_else(|| missing("get_signal"))?;
            let kind = Kind { program, attach: bpf_attach_type::BPF_TRACE_FEXIT, function };
            loader.load("get_signal", kind, |_| ())
        }
        Place::SignalGenerate => {
            let function = functions.signal_generate.ok_or_else(|| missing("tracepoint signal_generate"))?;
            let send = functions.send_signal_task.ok_or_else(|| missing("bpf_send_signal_task"))?;
            let kind = Kind { program, attach: bpf_attach_type::BPF_TRACE_RAW_TP, function };
            loader.load("signal_generate", kind, |instructions| {
                for instruction in instructions {
                    let is_call = u32::from(instruction.code) == BPF_JMP | BPF_CALL;
                    if is_call && instruction.imm == SEND_SIGNAL_TASK as i32 {
                        instruction.set_src_reg(BPF_PSEUDO_KFUNC_CALL as u8);
                        instruction.imm = send as i32;
                    }
                }
            })
        }
    }
}
