//! The files the sensor needs besides its binary, and where they are looked for.

use std::path::{Path, PathBuf};

/// Where they are.
#[derive(Clone, Debug)]
pub struct Assets {
    /// The BPF object.
    pub bpf_object: PathBuf,
    /// The ONNX model.
    pub model: PathBuf,
    /// ONNX Runtime's shared library.
    pub onnxruntime: PathBuf,
}

/// Where an installation keeps them.
const INSTALLED: &str = "/usr/lib/scriptwatch";

impl Assets {
    /// The given paths; for those not given, the directory of the binary, then the installation's.
    pub fn find(bpf_object: Option<PathBuf>, model: Option<PathBuf>, onnxruntime: Option<PathBuf>) -> Self {
        let beside = std::env::current_exe().ok().and_then(|exe| exe.parent().map(Path::to_owned));
        let look = |given: Option<PathBuf>, name: &str| {
            given.unwrap_or_else(|| {
                beside
                    .iter()
                    .map(|dir| dir.join(name))
                    .find(|p| p.exists())
                    .unwrap_or_else(|| Path::new(INSTALLED).join(name))
            })
        };
        Self {
            bpf_object: look(bpf_object, "sensor-ebpf.o"),
            model: look(model, "script.onnx"),
            onnxruntime: look(onnxruntime, "libonnxruntime.so"),
        }
    }
}
