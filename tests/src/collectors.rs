//! Collectors on this machine, and what they store.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::ensure;
use serde_json::Value;

use crate::daemon::{Daemon, bin, free_port, wait_for_file};

/// Starts a collector; returns it and its port.
pub fn start(dir: &Path, port: u16) -> anyhow::Result<(Daemon, u16)> {
    start_in(dir, "port", port)
}

/// Starts one of several collectors in a directory; each has another name for its port's file.
pub fn start_in(dir: &Path, port_file: &str, port: u16) -> anyhow::Result<(Daemon, u16)> {
    start_with(dir, port_file, port, &["--plaintext"])
}

/// Starts a collector with these arguments of `collector serve` besides.
pub fn start_with(dir: &Path, port_file: &str, port: u16, args: &[&str]) -> anyhow::Result<(Daemon, u16)> {
    start_in_env(dir, port_file, port, args, &[])
}

/// Starts a collector with these arguments and this environment.
pub fn start_in_env(
    dir: &Path,
    port_file: &str,
    port: u16,
    args: &[&str],
    env: &[(&str, String)],
) -> anyhow::Result<(Daemon, u16)> {
    let store = dir.join("findings.db");
    serve(dir, port_file, port, store.as_os_str(), args, env)
}

/// Two collectors with a store each that end streams after a second.
pub struct Two {
    /// The processes.
    pub daemons: [Daemon; 2],
    /// The addresses of both, for `--collector`.
    pub uris: String,
    /// Where their metrics are.
    pub admins: [String; 2],
}

impl Two {
    /// Starts them.
    pub fn start(dirs: [&Path; 2]) -> anyhow::Result<Self> {
        let admins = [(); 2].map(|()| format!("127.0.0.1:{}", free_port()));
        let start = |of: usize| {
            let args = ["--plaintext", "--client-stream-age", "1", "--admin-listen", &admins[of]];
            start_with(dirs[of], "port", 0, &args)
        };
        let [(first, a), (second, b)] = [start(0)?, start(1)?];
        let uris = format!("http://127.0.0.1:{a},http://127.0.0.1:{b}");
        Ok(Self { daemons: [first, second], uris, admins })
    }
}

/// Starts a collector that keeps findings in a stream, by its address, with these arguments besides.
pub fn start_into(
    stream: &str,
    dir: &Path,
    port_file: &str,
    port: u16,
    args: &[&str],
) -> anyhow::Result<(Daemon, u16)> {
    let mut all = vec!["--plaintext"];
    all.extend(args);
    start_encrypted_into(stream, dir, port_file, port, &all, &[])
}

/// Likewise, where the arguments say how connections are encrypted, and with this environment.
pub fn start_encrypted_into(
    stream: &str,
    dir: &Path,
    port_file: &str,
    port: u16,
    args: &[&str],
    env: &[(&str, String)],
) -> anyhow::Result<(Daemon, u16)> {
    serve(dir, port_file, port, stream.as_ref(), args, env)
}

fn serve(
    dir: &Path,
    port_file: &str,
    port: u16,
    store: &std::ffi::OsStr,
    args: &[&str],
    env: &[(&str, String)],
) -> anyhow::Result<(Daemon, u16)> {
    let port_file = dir.join(port_file);
    let _ = fs::remove_file(&port_file);
    let daemon = Daemon::start(
        Command::new(bin().join("collector"))
            .args(["serve", "--listen", &format!("127.0.0.1:{port}")])
            .args(args)
            .arg("--store")
            .arg(store)
            .arg("--port-file")
            .arg(&port_file)
            .env("SCRIPTWATCH_COLLECTOR_LOG", "warn")
            .envs(env.iter().map(|(key, value)| (key, value))),
    )?;
    let port = wait_for_file(&port_file)?.parse()?;
    Ok((daemon, port))
}

/// Starts to write a stream into the directory's database.
pub fn index(stream: &str, dir: &Path) -> anyhow::Result<Daemon> {
    Daemon::start(
        Command::new(bin().join("collector"))
            .args(["index", "--from", stream, "--store"])
            .arg(dir.join("findings.db"))
            .env("SCRIPTWATCH_COLLECTOR_LOG", "warn"),
    )
}

/// What a collector that does not start says, by its arguments.
pub fn refusal(args: &[&str]) -> anyhow::Result<String> {
    let output = Command::new(bin().join("collector"))
        .args(args)
        .env("SCRIPTWATCH_COLLECTOR_LOG", "error")
        .stdin(Stdio::null())
        .output()?;
    ensure!(!output.status.success(), "{args:?} is taken");
    Ok(String::from_utf8_lossy(&output.stderr).into_owned())
}

/// Findings in a store, page by page.
pub fn findings(dir: &Path) -> anyhow::Result<Vec<Value>> {
    let mut findings = Vec::new();
    let mut page: Vec<String> = Vec::new();
    loop {
        let output = Command::new(bin().join("collector"))
            .args(["list", "--limit", "1000000", "--format", "json", "--store"])
            .arg(dir.join("findings.db"))
            .args(&page)
            .env("SCRIPTWATCH_COLLECTOR_LOG", "warn")
            .output()?;
        let told = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{told}");
        for line in String::from_utf8(output.stdout)?.lines() {
            findings.push(serde_json::from_str(line)?);
        }
        // The rest of a long list comes by another call, which it says.
        let Some((_, token)) = told.split_once("more: --page-token ") else { return Ok(findings) };
        page = vec!["--page-token".to_owned(), token.trim().to_owned()];
    }
}

/// Sensors that a store knows of, with these arguments of `collector nodes` besides.
pub fn nodes(dir: &Path, args: &[&str]) -> anyhow::Result<Vec<Value>> {
    let output = Command::new(bin().join("collector"))
        .args(["nodes", "--format", "json", "--store"])
        .arg(dir.join("findings.db"))
        .args(args)
        .env("SCRIPTWATCH_COLLECTOR_LOG", "warn")
        .output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout)?.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
}
