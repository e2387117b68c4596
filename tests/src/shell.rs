//! Running shells in every way a test needs. Output goes nowhere.

use std::{
    ffi::OsStr,
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::ensure;

/// Runs a command to its end with no input; returns its process id.
pub fn run(program: &str, args: &[&str]) -> anyhow::Result<u32> {
    let mut child = quiet(program).args(args).stdin(Stdio::null()).spawn()?;
    let pid = child.id();
    child.wait()?;
    Ok(pid)
}

/// Runs a command with this text piped to it, all at once.
pub fn pipe(program: &str, args: &[&str], text: &[u8]) -> anyhow::Result<u32> {
    let mut child = quiet(program).args(args).stdin(Stdio::piped()).spawn()?;
    let pid = child.id();
    if let Some(mut stdin) = child.stdin.take() {
        // A shell that exits early closes its end.
        let _ = stdin.write_all(text);
    }
    child.wait()?;
    Ok(pid)
}

/// Runs a command with its standard input from a file.
pub fn from_file(program: &str, args: &[&str], file: &Path) -> anyhow::Result<u32> {
    let mut child = quiet(program).args(args).stdin(std::fs::File::open(file)?).spawn()?;
    let pid = child.id();
    child.wait()?;
    Ok(pid)
}

/// Makes a file executable and runs it.
pub fn execute(file: &Path, args: &[&str]) -> anyhow::Result<u32> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o755))?;
    let path = file.to_str().unwrap_or_default();
    ensure!(!path.is_empty(), "the path is not UTF-8");
    run(path, args)
}

/// A command whose output goes nowhere and whose input is empty.
pub fn quiet(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}
