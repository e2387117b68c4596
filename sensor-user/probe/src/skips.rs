//! Runs of programs that the kernel skipped: a program that is already running on a processor is not run there once more. With
//! `preempt=full` another process can come in between, and what it reads is not seen.

use std::{
    fmt, io,
    os::fd::{AsFd, AsRawFd, OwnedFd},
    sync::Arc,
};

use aya::Ebpf;
use aya_obj::generated::{bpf_cmd, bpf_prog_info};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{MetricType, counter::ConstCounter},
};
use tracing::debug;

use crate::loader::bpf_raw;

/// The part of `union bpf_attr` for `BPF_OBJ_GET_INFO_BY_FD`.
#[repr(C)]
struct InfoAttributes {
    fd: u32,
    length: u32,
    info: u64,
}

/// Reads how many runs were skipped; in a registry it shows that. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Skips(Arc<Vec<OwnedFd>>);

impl Skips {
    /// Of the programs that are loaded.
    pub(crate) fn of(ebpf: &Ebpf) -> Self {
        // A hint that is missing is no loss.
        let counts = |name: &str| !matches!(name, "file_opened" | "sys_exit_open");
        let loaded =
            ebpf.programs().filter(|(name, _)| counts(name)).filter_map(|(_, program)| program.fd().ok());
        Self(Arc::new(loaded.filter_map(|fd| fd.as_fd().try_clone_to_owned().ok()).collect()))
    }

    /// Runs skipped since the programs were loaded. Kernels before 5.12 do not count them.
    pub fn total(&self) -> u64 {
        let of = |program| {
            skipped(program).unwrap_or_else(|e| {
                debug!("the kernel does not tell of a program: {e}");
                0
            })
        };
        self.0.iter().map(of).sum()
    }
}

fn skipped(program: &OwnedFd) -> io::Result<u64> {
    // SAFETY: a structure of numbers, of which zero is one.
    let mut info: bpf_prog_info = unsafe { std::mem::zeroed() };
    let mut attributes = InfoAttributes {
        fd: program.as_raw_fd() as u32,
        length: size_of::<bpf_prog_info>() as u32,
        info: std::ptr::from_mut(&mut info) as u64,
    };
    // SAFETY: the attributes are those of the command, and the structure outlives the call.
    unsafe { bpf_raw(bpf_cmd::BPF_OBJ_GET_INFO_BY_FD, &mut attributes) }?;
    Ok(info.recursion_misses)
}

impl Collector for Skips {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let help = "Runs of BPF programs that the kernel skipped, since they were running on that processor";
        let metric = encoder.encode_descriptor("kernel_runs_skipped", help, None, MetricType::Counter)?;
        ConstCounter::new(self.total()).encode(metric)
    }
}
