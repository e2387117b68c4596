//! From a cgroup's place in its hierarchy to the container it was made for.
//!
//! The names of cgroups are given by container runtimes and by whoever may make cgroups, so only forms that are known
//! are believed, and only where nobody but the node's administrator could make them. Of two containers on the way to the root the
//! outer one counts: a container may make cgroups below its own and give them any name. Nodes that are containers themselves (kind,
//! k3d) are the exception.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Names a container at its runtime: 64 lower-case hex digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ContainerId(String);

impl ContainerId {
    /// The id, if it has the form of one.
    pub fn new(text: &str) -> Option<Self> {
        let hex = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
        (text.len() == 64 && text.bytes().all(hex)).then(|| Self(text.to_owned()))
    }

    /// Its digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ContainerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where a process is, by its cgroup.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Placement {
    /// The container: the first one from the root that is no node.
    pub container: Option<ContainerId>,
    /// Kubernetes' UID of the pod, likewise.
    pub pod_uid: Option<String>,
    /// True when nothing on the way to the root is named as containers and pods are.
    pub is_of_node: bool,
    /// The whole path; U+FFFD where it is not UTF-8.
    pub path: String,
}

impl Placement {
    /// Reads names from the leaf to the root. `whole` is false when the root was not reached.
    pub fn of(names: &[&[u8]], whole: bool) -> Self {
        let names: Vec<String> =
            names.iter().rev().map(|name| String::from_utf8_lossy(name).into_owned()).collect();
        let path = format!("/{}", names.join("/"));
        if !whole {
            return Self { path, ..Self::default() };
        }
        let (mut container, mut outer) = (None, None);
        let mut pods = Vec::new();
        for (i, name) in names.iter().enumerate() {
            let parent = i.checked_sub(1).map(|p| names[p].as_str());
            let (found, pod) = (container_of(name, parent), pod_of(name));
            if outer.is_none() && pods.is_empty() && found.is_none() && may_be_anyones(name) {
                break;
            }
            pods.extend(pod);
            if pods.is_empty() {
                outer = outer.or(found);
            } else if found.is_some() {
                container = found;
                break;
            }
        }
        if container.is_none() && outer.is_some() {
            // Only a container outside of pods that has containers in pods is a node. What else it names is its own.
            (container, pods) = (outer, Vec::new());
        }
        let is_of_node = container.is_none() && pods.is_empty();
        Self { container, pod_uid: single(pods), is_of_node, path }
    }

    /// Reads the components of a record of the kernel half: each ended by NUL.
    pub fn of_record(components: &[u8], whole: bool) -> Self {
        let names: Vec<&[u8]> = components.split(|b| *b == 0).filter(|name| !name.is_empty()).collect();
        Self::of(&names, whole)
    }

    /// Reads `/proc/PID/cgroup`.
    pub fn of_proc(text: &str) -> Self {
        // Version 2 has one line; else any controller's will do, as long as it names a container.
        let placements = text.lines().filter_map(|line| line.splitn(3, ':').nth(2)).map(|path| {
            let names: Vec<&[u8]> =
                path.split('/').rev().filter(|n| !n.is_empty()).map(str::as_bytes).collect();
            Self::of(&names, true)
        });
        let mut best = Self::default();
        for placement in placements {
            if best.container.is_none() && (placement.container.is_some() || best.path.len() < 2) {
                best = placement;
            }
        }
        best
    }
}

fn single<T>(mut all: Vec<T>) -> Option<T> {
    if all.len() == 1 { all.pop() } else { None }
}

/// Services below which runtimes and kubelets keep containers.
const SERVICES: [&str; 11] = [
    "containerd",
    "crio",
    "cri-docker",
    "docker",
    "kubelet",
    "k0scontroller",
    "k0sworker",
    "k3s",
    "k3s-agent",
    "rke2-agent",
    "rke2-server",
];

/// Is that a cgroup below which users and services without privileges may make others, of any name?
fn may_be_anyones(name: &str) -> bool {
    // What runs in a scope that is no container (a login, a machine) has it for itself, and LXC's containers theirs.
    if name == "user.slice" || name.strip_suffix(".scope").is_some() || name.starts_with("lxc") {
        return true;
    }
    // MicroK8s' services are named snap.microk8s.daemon-…, and k3s' may have a name of their own behind it.
    let is_runtime = |unit: &str| {
        let is_of = |service: &&str| {
            unit.strip_prefix(*service).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
        };
        SERVICES.iter().any(is_of) || unit.starts_with("snap.microk8s.")
    };
    name.strip_suffix(".service").is_some_and(|unit| !is_runtime(unit))
}

/// What runtimes put before the id in the name of a scope.
const SCOPES: [&str; 5] = ["cri-containerd-", "crio-", "docker-", "libpod-", "nerdctl-"];
/// Parents under which the cgroupfs driver makes a directory that is named by the id alone.
const PARENTS: [&str; 3] = ["docker", "k8s.io", "moby"];

fn container_of(name: &str, parent: Option<&str>) -> Option<ContainerId> {
    // systemd's driver: a scope. CRI-O and Podman keep the prefix with the cgroupfs driver, too.
    let unit = name.strip_suffix(".scope").unwrap_or(name);
    if let Some(id) = SCOPES.iter().find_map(|prefix| ContainerId::new(unit.strip_prefix(prefix)?)) {
        // Podman makes a cgroup for each of its pods, too.
        let is_in_tree = |parent: &str| {
            parent.strip_suffix(".slice").is_some()
                || pod_of(parent).is_some()
                || parent == "libpod_parent"
                || ContainerId::new(parent).is_some()
        };
        return parent.is_none_or(is_in_tree).then_some(id);
    }
    // A path for systemd's driver given to the cgroupfs driver: `slice:prefix:id`.
    if let [slice, _, id] = name.split(':').collect::<Vec<_>>()[..]
        && slice.strip_suffix(".slice").is_some()
    {
        return ContainerId::new(id);
    }
    let parent = parent?;
    let trusted = PARENTS.contains(&parent) || pod_of(parent).is_some();
    if trusted { ContainerId::new(name) } else { None }
}

/// UID in the name of a pod's cgroup: `pod<uid>`, or `[<root>-]kubepods[-<class>]-pod<uid, dashes as underscores>.slice`, where
/// `<root>` is what the kubelet was given as the root of its cgroups.
fn pod_of(name: &str) -> Option<String> {
    let name = name.split(':').next().unwrap_or(name);
    let uid = match name.strip_suffix(".slice") {
        Some(unit) if unit.split('-').any(|part| part == "kubepods") => {
            unit.rsplit_once("-pod")?.1.replace('_', "-")
        }
        Some(_) => return None,
        None => name.strip_prefix("pod")?.to_owned(),
    };
    let fits = |b: u8| b.is_ascii_hexdigit() || b == b'-';
    // Static pods have a hash of 32 digits.
    (matches!(uid.len(), 32 | 36) && uid.bytes().all(fits)).then_some(uid)
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    const B: &str = "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210";
    const UID: &str = "6b1d3a5e-0c1f-4e6a-9f1b-2f3c4d5e6f70";

    fn placement(path: &str) -> Placement {
        let names: Vec<&[u8]> = path.split('/').rev().filter(|n| !n.is_empty()).map(str::as_bytes).collect();
        Placement::of(&names, true)
    }

    #[track_caller]
    fn is(path: &str, container: Option<&str>, uid: Option<&str>) {
        let seen = placement(path);
        assert_eq!(seen.container.as_ref().map(ContainerId::as_str), container, "{path}");
        assert_eq!(seen.pod_uid.as_deref(), uid, "{path}");
    }

    #[test]
    fn the_forms_of_drivers_and_runtimes() {
        let under = UID.replace('-', "_");
        let hash = "0123456789abcdef0123456789abcdef";
        is(
            &format!(
                "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{under}.slice/cri-containerd-{A}.scope"
            ),
            Some(A),
            Some(UID),
        );
        is(
            &format!("/kubepods.slice/kubepods-pod{under}.slice/cri-containerd-{A}.scope"),
            Some(A),
            Some(UID),
        );
        is(&format!("/kubepods/burstable/pod{UID}/{A}"), Some(A), Some(UID));
        is(&format!("/kubepods/pod{hash}/{A}"), Some(A), Some(hash));
        is(&format!("/kubelet/kubepods/besteffort/pod{UID}/crio-{A}"), Some(A), Some(UID));
        is(
            &format!(
                "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod{under}.slice/crio-{A}.scope"
            ),
            Some(A),
            Some(UID),
        );
        is(&format!("/system.slice/docker-{A}.scope"), Some(A), None);
        is(&format!("/docker/{A}"), Some(A), None);
        is(&format!("/machine.slice/libpod-{A}.scope"), Some(A), None);
        is(&format!("/k8s.io/{A}"), Some(A), None);
        is(&format!("/libpod_parent/libpod-{A}/container"), Some(A), None);
        is(&format!("/libpod_parent/{B}/libpod-{A}"), Some(A), None);
        is(
            &format!("/system.slice/k3s-edge.service/kubepods-pod{under}.slice:cri-containerd:{A}"),
            Some(A),
            Some(UID),
        );
        is(
            &format!(
                "/system.slice/containerd.service/kubepods-burstable-pod{under}.slice:cri-containerd:{A}"
            ),
            Some(A),
            Some(UID),
        );
    }

    #[test]
    fn roots_of_kubelets_and_nodes_that_are_containers() {
        let under = UID.replace('-', "_");
        let hash = "0123456789abcdef0123456789abcdef";
        let kubelet = format!(
            "/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-burstable.slice/kubelet-kubepods-burstable-pod{under}.slice/cri-containerd-{A}.scope"
        );
        is(&kubelet, Some(A), Some(UID));
        is(&format!("/system.slice/k3s.service/kubepods/burstable/pod{UID}/{A}"), Some(A), Some(UID));
        is(
            &format!("/kubepods.slice/kubepods-pod{under}.slice/crio-{A}.scope/container"),
            Some(A),
            Some(UID),
        );
        // kind and k3d: the node is a container of the machine's Docker or Podman.
        is(&format!("/system.slice/docker-{B}.scope{kubelet}"), Some(A), Some(UID));
        is(&format!("/docker/{B}/kubelet/kubepods/pod{UID}/{A}"), Some(A), Some(UID));
        is(&format!("/machine.slice/libpod-{B}.scope/container{kubelet}"), Some(A), Some(UID));
        is(&format!("/system.slice/docker-{B}.scope/init.scope"), Some(B), None);
        // A pod in such a node cannot pass for another.
        is(&format!("/docker/{B}{kubelet}/kubepods/pod{hash}/{B}"), Some(A), Some(UID));
    }

    #[test]
    fn what_anybody_may_name_is_no_container() {
        let under = UID.replace('-', "_");
        let user = "/user.slice/user-1000.slice/user@1000.service";
        for below in [
            format!("cri-containerd-{A}.scope"),
            format!("app.slice/docker-{A}.scope"),
            format!("kubepods/pod{UID}/{A}"),
            format!("kubepods.slice/kubepods-pod{under}.slice/cri-containerd-{A}.scope"),
        ] {
            for above in [user, "/system.slice/some.service", "/user.slice"] {
                let path = format!("{above}/{below}");
                is(&path, None, None);
                assert!(placement(&path).is_of_node, "{path}");
            }
        }
        for above in ["/some.scope", "/some.scope/x.slice", "/lxc.payload.x/system.slice", "/lxc/x/docker"] {
            is(&format!("{above}/cri-containerd-{A}.scope"), None, None);
            is(&format!("{above}/{A}"), None, None);
        }
        // A container that names a pod below itself is still itself.
        for name in [format!("pod{UID}"), format!("kubepods.slice/kubepods-pod{under}.slice/x")] {
            is(&format!("/docker/{A}/{name}"), Some(A), None);
            is(&format!("/machine.slice/libpod-{A}.scope/container/{name}"), Some(A), None);
        }
        // A container's own services are its own.
        is(&format!("/kubepods/pod{UID}/{A}/user.slice/some.service"), Some(A), Some(UID));
    }

    #[test]
    fn below_a_container_is_still_the_container() {
        is(&format!("/kubepods/pod{UID}/{A}/init.scope"), Some(A), Some(UID));
        is(&format!("/kubepods/pod{UID}/{A}/system.slice/nginx.service"), Some(A), Some(UID));
    }

    #[test]
    fn nobody_rather_than_the_wrong_one() {
        // A container that names a cgroup of its own after another.
        is(&format!("/kubepods/pod{UID}/{A}/cri-containerd-{B}.scope"), Some(A), Some(UID));
        is(&format!("/kubepods/pod{UID}/{A}/x.slice/cri-containerd-{B}.scope"), Some(A), Some(UID));
        is(&format!("/kubepods/pod{UID}/{A}/docker/{B}"), Some(A), Some(UID));
        is(&format!("/kubepods/pod{UID}/{A}/pod{UID}/{A}"), Some(A), Some(UID));
        is(&format!("/system.slice/docker-{A}.scope/docker/{B}"), Some(A), None);
        // Digits in a place where no runtime puts them.
        is(&format!("/user.slice/{A}"), None, None);
        is(&format!("/{A}"), None, None);
        // The monitor of a container is not in it.
        is(&format!("/kubepods/pod{UID}/crio-conmon-{A}.scope"), None, Some(UID));
        is("/lxc/web", None, None);
        is("/", None, None);
        is(&format!("/system.slice/docker-{}.scope", &A[1..]), None, None);
        is(&format!("/system.slice/docker-{}.scope", A.to_uppercase()), None, None);
        // A path whose root was not reached may have another container above.
        let deep = Placement::of(&[A.as_bytes(), b"docker"], false);
        assert_eq!(deep.container, None);
    }

    #[test]
    fn what_proc_shows_is_understood() {
        let v1 = format!("12:pids:/kubepods/pod{UID}/{A}\n1:name=systemd:/init.scope\n0::/\n");
        assert_eq!(Placement::of_proc(&v1).container, ContainerId::new(A));
        let v2 = format!("0::/kubepods.slice/kubepods-pod{UID}.slice/cri-containerd-{A}.scope\n");
        assert_eq!(Placement::of_proc(&v2).container, ContainerId::new(A));
        assert_eq!(Placement::of_proc("0::/init.scope\n").path, "/init.scope");
        assert_eq!(Placement::of_proc("nonsense").container, None);
    }
}
