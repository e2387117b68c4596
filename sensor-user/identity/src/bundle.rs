//! What an OCI bundle tells of its container: a file on the node, there from before the first process until the
//! container's end, and quicker to read than any call.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use super::{
    cgroup::ContainerId,
    container::{Container, Pod},
};

/// Where runtimes keep their bundles, under the directory of their state.
const PLACES: [&str; 3] = [
    "io.containerd.runtime.v2.task/k8s.io/{id}/config.json",
    "io.containerd.runtime.v2.task/moby/{id}/config.json",
    "io.containerd.runtime.v2.task/default/{id}/config.json",
];
/// Where CRI-O keeps them.
const CRIO: &str = "/run/containers/storage/overlay-containers/{id}/userdata/config.json";
/// A configuration larger than that is none.
const BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Finds bundles.
#[derive(Clone, Debug)]
pub(super) struct Bundles {
    state: PathBuf,
}

/// The part of the OCI runtime specification's `config.json` that is looked at.
#[derive(Deserialize)]
struct Config {
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

impl Bundles {
    /// Under containerd's state directory, `/run/containerd` on most nodes.
    pub(super) fn new(state: PathBuf) -> Self {
        Self { state }
    }

    /// What the bundle of a container tells; `None` where there is no bundle that can be read.
    pub(super) async fn look_up(&self, id: &ContainerId) -> Option<Container> {
        let places = PLACES
            .iter()
            .map(|place| self.state.join(place.replace("{id}", id.as_str())))
            .chain([PathBuf::from(CRIO.replace("{id}", id.as_str()))]);
        for path in places {
            if let Some(container) = read(&path, id).await {
                return Some(container);
            }
        }
        None
    }
}

async fn read(path: &Path, id: &ContainerId) -> Option<Container> {
    let length = tokio::fs::metadata(path).await.ok()?.len();
    if length > BYTES_MAX {
        return None;
    }
    let config: Config = serde_json::from_slice(&tokio::fs::read(path).await.ok()?).ok()?;
    Some(of_annotations(id, &config.annotations))
}

/// containerd's CRI plugin annotates with `io.kubernetes.cri.*`, CRI-O with the kubelet's own labels and more.
fn of_annotations(id: &ContainerId, annotations: &BTreeMap<String, String>) -> Container {
    let first =
        |keys: [&str; 2]| keys.iter().find_map(|key| annotations.get(*key)).cloned().unwrap_or_default();
    let pod = Pod {
        namespace: first(["io.kubernetes.cri.sandbox-namespace", "io.kubernetes.pod.namespace"]),
        name: first(["io.kubernetes.cri.sandbox-name", "io.kubernetes.pod.name"]),
        uid: first(["io.kubernetes.cri.sandbox-uid", "io.kubernetes.pod.uid"]),
        labels: BTreeMap::new(),
    };
    Container {
        id: id.clone(),
        name: first(["io.kubernetes.cri.container-name", "io.kubernetes.container.name"]),
        image_uri: first(["io.kubernetes.cri.image-name", "io.kubernetes.cri-o.ImageName"]),
        image_id: String::new(),
        labels: BTreeMap::new(),
        created_unix_ns: None,
        sandbox: first(["io.kubernetes.cri.sandbox-id", "io.kubernetes.cri-o.SandboxID"]),
        pod: (!pod.name.is_empty()).then_some(pod),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_bundle_tells_the_pod_and_a_broken_one_nothing() {
        let state = tempfile::tempdir().unwrap();
        let id = ContainerId::new(&"a1".repeat(32)).unwrap();
        let dir = state.path().join(format!("io.containerd.runtime.v2.task/k8s.io/{id}"));
        std::fs::create_dir_all(&dir).unwrap();
        let bundles = Bundles::new(state.path().to_owned());
        assert_eq!(bundles.look_up(&id).await, None);
        std::fs::write(dir.join("config.json"), "{\"annotations\": 7}").unwrap();
        assert_eq!(bundles.look_up(&id).await, None);
        std::fs::write(
            dir.join("config.json"),
            r#"{"ociVersion":"1.0.2","annotations":{"io.kubernetes.cri.sandbox-namespace":"shop",
                "io.kubernetes.cri.sandbox-name":"web-0","io.kubernetes.cri.sandbox-uid":"u",
                "io.kubernetes.cri.container-name":"app","io.kubernetes.cri.image-name":"i:1",
                "io.kubernetes.cri.sandbox-id":"s"}}"#,
        )
        .unwrap();
        let container = bundles.look_up(&id).await.unwrap();
        assert_eq!((container.name.as_str(), container.image_uri.as_str()), ("app", "i:1"));
        let pod = container.pod.unwrap();
        assert_eq!((pod.namespace.as_str(), pod.name.as_str(), pod.uid.as_str()), ("shop", "web-0", "u"));
    }
}
