//! The limit on open files.

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tracing::{debug, warn};

/// What a process opens at its start, and some more. Where it cannot, a library may panic.
const FEWEST: u64 = 128;

/// So few files may be open that the process cannot start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "only {0} files may be open, and {FEWEST} are needed: raise the limit (ulimit -n, LimitNOFILE= of systemd)"
)]
pub struct TooFew(u64);

/// Raises the soft limit on open files to the hard one, and returns it. The soft one is 1,024 in most containers, for the sake
/// of `select(2)`, which nothing here calls. 0: it is not known.
pub fn raise_descriptor_limit() -> Result<u64, TooFew> {
    match raise() {
        few @ 1..FEWEST => Err(TooFew(few)),
        limit => Ok(limit),
    }
}

fn raise() -> u64 {
    let limits = getrlimit(Resource::RLIMIT_NOFILE);
    let Ok((soft, hard)) = limits else {
        warn!("the limit on open files cannot be read");
        return 0;
    };
    if soft < hard {
        match setrlimit(Resource::RLIMIT_NOFILE, hard, hard) {
            Ok(()) => debug!("limit on open files: {soft} -> {hard}"),
            Err(e) => {
                warn!("the limit on open files stays {soft}: {e}");
                return soft;
            }
        }
    }
    hard
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_becomes_the_hard_one() {
        let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
        assert_eq!(raise_descriptor_limit(), Ok(hard));
        assert_eq!(getrlimit(Resource::RLIMIT_NOFILE).unwrap(), (hard, hard));
    }
}
