//! A container and its pod, as the runtime knows them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::cgroup::ContainerId;

/// A Kubernetes pod.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Pod {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// Kubernetes' UID.
    pub uid: String,
    /// Labels, without those that the kubelet adds for itself.
    pub labels: BTreeMap<String, String>,
}

/// A container. What is not known is empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Container {
    /// The runtime's id.
    pub id: ContainerId,
    /// Name in the pod's specification.
    #[serde(default)]
    pub name: String,
    /// Name of its image, such as `europe-docker.pkg.dev/p/r/web:1`.
    #[serde(default)]
    pub image_uri: String,
    /// Digest of its image, `sha256:` and 64 hex digits: the repository's where it came from one.
    #[serde(default)]
    pub image_id: String,
    /// Labels.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Unix time of its creation, ns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_unix_ns: Option<u64>,
    /// Id of its sandbox.
    #[serde(default)]
    pub sandbox: String,
    /// The pod, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod: Option<Pod>,
}

/// Labels under this are how the kubelet finds its containers, and are told in fields of their own.
const KUBELET: &str = "io.kubernetes.";

impl Pod {
    /// From labels as the kubelet sets them on sandboxes and containers; `None` where they name no pod.
    pub fn of_labels(labels: &BTreeMap<String, String>) -> Option<Self> {
        let get = |key: &str| labels.get(&format!("{KUBELET}pod.{key}")).cloned();
        Some(Self {
            namespace: get("namespace")?,
            name: get("name")?,
            uid: get("uid").unwrap_or_default(),
            labels: BTreeMap::new(),
        })
    }
}

/// Labels of a pod or container that are kept: a pod can have any number, and a finding cannot.
const LABELS: usize = 256;

/// Labels that people set.
pub(super) fn without_kubelets(
    labels: impl IntoIterator<Item = (String, String)>,
) -> BTreeMap<String, String> {
    labels.into_iter().filter(|(key, _)| !key.starts_with(KUBELET)).take(LABELS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_labels_are_kept_that_a_finding_can_hold_them() {
        let many = (0..10_000).map(|n| (format!("{n:05}"), String::new()));
        assert_eq!(without_kubelets(many).len(), LABELS);
    }
}
