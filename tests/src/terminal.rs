//! A shell on a pseudo-terminal, and a person at it.

use std::{
    fs::File,
    io::{Read, Write},
    os::{
        fd::{AsFd, OwnedFd},
        unix::process::CommandExt,
    },
    path::Path,
    process::{Child, Command, Stdio},
};

use anyhow::{Context, bail};
use nix::{
    fcntl::{FcntlArg, FdFlag, fcntl},
    poll::{PollFd, PollFlags, PollTimeout, poll},
    pty::openpty,
};

use crate::cgroup::enter;

/// What the shells here are told to prompt with.
pub const PROMPT: &str = "READY> ";

/// How long a prompt may take, milliseconds.
const PATIENCE: u16 = 20_000;

/// The person's side of the terminal.
pub struct Terminal {
    child: Child,
    side: File,
    ended: bool,
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if !self.ended {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

impl Terminal {
    /// Starts a command with a terminal of its own, in `home`, and waits for its prompt.
    pub fn start(program: &str, args: &[&str], home: &Path) -> anyhow::Result<Self> {
        Self::start_in(None, program, args, home)
    }

    /// Likewise, in the cgroup whose processes are in this file.
    pub fn start_in(procs: Option<&Path>, program: &str, args: &[&str], home: &Path) -> anyhow::Result<Self> {
        Self::start_with(
            |command| procs.into_iter().for_each(|procs| enter(command, procs)),
            program,
            args,
            home,
        )
    }

    /// Likewise, after something was done about the command.
    pub fn start_with(
        prepare: impl FnOnce(&mut Command),
        program: &str,
        args: &[&str],
        home: &Path,
    ) -> anyhow::Result<Self> {
        let pair = openpty(None, None)?;
        for side in [&pair.master, &pair.slave] {
            fcntl(side, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
        }
        let stdio = |fd: &OwnedFd| -> anyhow::Result<Stdio> { Ok(fd.try_clone()?.into()) };
        let mut command = Command::new(program);
        command
            .args(args)
            .env_clear()
            .envs([("PATH", "/usr/bin:/bin"), ("TERM", "dumb"), ("PS1", PROMPT)])
            .env("HOME", home)
            .env("HISTFILE", home.join("history"))
            .stdin(stdio(&pair.slave)?)
            .stdout(stdio(&pair.slave)?)
            .stderr(stdio(&pair.slave)?);
        // SAFETY: setsid and ioctl are async-signal-safe.
        unsafe {
            command.pre_exec(|| {
                nix::unistd::setsid()?;
                // The slave is standard input by now.
                match libc::ioctl(0, libc::TIOCSCTTY, 0) {
                    0 => Ok(()),
                    _ => Err(std::io::Error::last_os_error()),
                }
            });
        }
        prepare(&mut command);
        let child = command.spawn().with_context(|| program.to_owned())?;
        drop(pair.slave);
        drop(command);
        let mut terminal = Self { child, side: pair.master.into(), ended: false };
        terminal.wait_for_prompt()?;
        Ok(terminal)
    }

    /// Process id of the shell.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Presses these keys and waits for the next prompt.
    pub fn enter(&mut self, keys: &[u8]) -> anyhow::Result<()> {
        self.side.write_all(keys)?;
        self.wait_for_prompt()
    }

    /// Presses these keys and waits for the shell's end.
    pub fn leave(mut self, keys: &[u8]) -> anyhow::Result<()> {
        self.side.write_all(keys)?;
        let mut rest = Vec::new();
        // The terminal reports EIO when its last user is gone.
        let _ = self.side.read_to_end(&mut rest);
        self.child.wait()?;
        self.ended = true;
        Ok(())
    }

    fn wait_for_prompt(&mut self) -> anyhow::Result<()> {
        let mut shown = Vec::new();
        let mut buffer = [0; 4096];
        // busybox asks the terminal for its width behind the prompt.
        while !shown.windows(PROMPT.len()).any(|w| w == PROMPT.as_bytes()) {
            let mut fds = [PollFd::new(self.side.as_fd(), PollFlags::POLLIN)];
            let n = if poll(&mut fds, PollTimeout::from(PATIENCE))? > 0 {
                self.side.read(&mut buffer).unwrap_or(0)
            } else {
                0
            };
            if n == 0 {
                bail!("no prompt but {:?}", String::from_utf8_lossy(&shown));
            }
            shown.extend_from_slice(&buffer[..n]);
        }
        Ok(())
    }
}
