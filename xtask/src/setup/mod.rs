//! Setting a machine up: everything that is not in the repository and not cargo's.

pub(crate) mod apt;
pub(crate) mod bpf_fs;
pub(crate) mod compiler;
pub(crate) mod configure;
pub(crate) mod cross;
pub(crate) mod debian;
pub(crate) mod ebpf;
pub(crate) mod linker;
pub(crate) mod onnxruntime;
pub(crate) mod packages;
pub(crate) mod python;
pub(crate) mod shells_32;

use crate::architecture::Architecture;

/// Installs and builds all of it.
pub(crate) fn everything() -> anyhow::Result<()> {
    ebpf::build(Architecture::here())?;
    onnxruntime::library(Architecture::here())?;
    packages::for_tests()?;
    Ok(())
}
