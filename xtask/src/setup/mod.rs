//! Setting a machine up: everything that is not in the repository and not cargo's.

pub(crate) mod apt;
pub(crate) mod bpf_fs;
pub(crate) mod configure;
pub(crate) mod ebpf;
pub(crate) mod linker;
pub(crate) mod onnxruntime;
pub(crate) mod packages;
pub(crate) mod python;
pub(crate) mod shells_32;

/// Installs and builds all of it.
pub(crate) fn everything() -> anyhow::Result<()> {
    ebpf::build()?;
    onnxruntime::library()?;
    packages::for_tests()?;
    Ok(())
}
