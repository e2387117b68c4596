//! Where the files are looked for that the sensor needs besides its binary.

use std::path::{Path, PathBuf};

use daemon::Assets;

/// Where an installation keeps them.
const INSTALLED: &str = "/usr/lib/scriptwatch";

/// The given paths; for those not given, the directory of the binary, then the installation's.
pub(crate) fn find(
    bpf_object: Option<PathBuf>,
    model: Option<PathBuf>,
    onnxruntime: Option<PathBuf>,
) -> Assets {
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
    Assets {
        bpf_object: look(bpf_object, "sensor-ebpf.o"),
        model: look(model, "script.onnx"),
        onnxruntime: look(onnxruntime, "libonnxruntime.so"),
    }
}
