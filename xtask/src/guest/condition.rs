//! How a guest differs from what nodes are usually like.

use clap::ValueEnum;

/// A setting of the kernel or of the system that starts on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Condition {
    /// Control groups of version 2, nothing else.
    #[default]
    Usual,
    /// `lockdown=confidentiality`: BPF programs may not read the kernel's memory.
    Lockdown,
    /// `kernel.perf_event_paranoid=3`: perf events for the privileged only.
    Paranoid,
    /// Control groups of version 1.
    CgroupV1,
    /// Control groups of version 1 with controllers, and of version 2 without.
    Hybrid,
}

impl Condition {
    /// Those that are none of the usual.
    pub(crate) const OTHERS: [Self; 4] = [Self::Lockdown, Self::Paranoid, Self::CgroupV1, Self::Hybrid];

    /// Its name on the command line.
    pub(crate) fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }

    /// What the kernel is booted with.
    pub(super) fn boot(self) -> &'static str {
        if self == Self::Lockdown { "lockdown=confidentiality" } else { "" }
    }

    /// Lines of the guest's first program: control groups, and what else is set. `$b` is busybox. A guest in which that fails ends, before
    /// its tests do.
    pub(super) fn begin(self) -> &'static str {
        const VERSION_1: &str = "$b mount -t tmpfs cgroup /sys/fs/cgroup || $b poweroff -f
for c in cpu memory pids; do $b mkdir /sys/fs/cgroup/$c; $b mount -t cgroup -o $c $c /sys/fs/cgroup/$c || $b poweroff -f; done
";
        const HYBRID: &str = "$b mount -t tmpfs cgroup /sys/fs/cgroup || $b poweroff -f
for c in cpu memory pids; do $b mkdir /sys/fs/cgroup/$c; $b mount -t cgroup -o $c $c /sys/fs/cgroup/$c || $b poweroff -f; done
$b mkdir /sys/fs/cgroup/unified; $b mount -t cgroup2 cgroup2 /sys/fs/cgroup/unified || $b poweroff -f
";
        match self {
            Self::Usual => "$b mount -t cgroup2 cgroup2 /sys/fs/cgroup\n",
            Self::Lockdown => {
                "$b mount -t cgroup2 cgroup2 /sys/fs/cgroup\n$b mount -t securityfs none /sys/kernel/security || $b poweroff -f\n"
            }
            Self::Paranoid => {
                "$b mount -t cgroup2 cgroup2 /sys/fs/cgroup\necho 3 > /proc/sys/kernel/perf_event_paranoid || $b poweroff -f\n"
            }
            Self::CgroupV1 => VERSION_1,
            Self::Hybrid => HYBRID,
        }
    }
}
