//! Keeps a stopped shell stopped when somebody else continues it.
//!
//! Best is a program where a process leaves the kernel behind a stop (`get_signal`): there nothing has run yet. Where the kernel lets
//! no program stand at its functions, one at the tracepoint of signals stops the process again, with a function that kernels have
//! from 6.13 on: a few instructions may run in between.

use std::{
    io,
    os::fd::{AsRawFd, OwnedFd},
};

use aya_obj::generated::{BPF_CALL, BPF_JMP, BPF_PSEUDO_KFUNC_CALL, bpf_attach_type, bpf_cmd, bpf_prog_type};
use ebpf::map::SEND_SIGNAL_TASK;
use tracing::{debug, warn};

use crate::{
    kernel_types::Functions,
    loader::{Kind, Loader, bpf},
};

/// Where the program stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Where a process leaves the kernel.
    GetSignal,
    /// Where a signal is sent.
    SignalGenerate,
}

/// Keeps stopped shells stopped while it is closed.
#[derive(Debug)]
pub struct Latch {
    program: Option<(Place, OwnedFd)>,
    link: Option<OwnedFd>,
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
    /// Loads the program that this kernel takes.
    pub(crate) fn load(loader: &Loader, functions: &Functions) -> Self {
        let mut program = None;
        for place in [Place::GetSignal, Place::SignalGenerate] {
            match load(loader, functions, place) {
                Ok(fd) => {
                    program = Some((place, fd));
                    break;
                }
                Err(e) => debug!(?place, "{e}"),
            }
        }
        Self { program, link: None, is_told: false }
    }

    /// From now on whoever is stopped stays so.
    pub fn close(&mut self) {
        if self.link.is_some() {
            return;
        }
        let Some((place, program)) = &self.program else {
            if !std::mem::replace(&mut self.is_told, true) {
                warn!(
                    "this kernel takes no program that keeps a stopped shell stopped: other processes of its container may continue it"
                );
            }
            return;
        };
        let attributes = OpenAttributes { name: 0, prog_fd: program.as_raw_fd() as u32, reserved: 0 };
        // SAFETY: the attributes are those of the command.
        match unsafe { bpf(bpf_cmd::BPF_RAW_TRACEPOINT_OPEN, &attributes) } {
            Ok(link) => {
                self.link = Some(link);
                debug!(?place, "a stopped shell stays stopped");
            }
            Err(e) => {
                debug!(?place, "{e}");
                self.program = None;
            }
        }
    }

    /// Nobody is kept any more.
    pub fn open(&mut self) {
        self.link = None;
    }

    /// Is whoever is stopped kept so?
    pub fn is_closed(&self) -> bool {
        self.link.is_some()
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
