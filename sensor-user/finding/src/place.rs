//! The parts of a finding that say where: container, pod, image, node, cluster.

use std::{collections::BTreeMap, sync::Arc};

use proto::scc::{
    self, Kubernetes, Label,
    kubernetes::{Node as KubernetesNode, Pod as KubernetesPod},
};

use crate::time::{rfc3339, timestamp};
use identity::{Container, Identity, Node, Pod};

/// Where a script ran.
pub(super) struct Place<'a> {
    identity: &'a Identity,
    pod: Option<Pod>,
    node: &'a Node,
}

impl<'a> Place<'a> {
    pub(super) fn of(identity: &'a Identity, node: &'a Node) -> Self {
        let of_container = identity.container.as_ref().and_then(|c| c.pod.clone());
        let pod = of_container.or_else(|| identity.pod.as_deref().cloned());
        Self { identity, pod, node }
    }

    fn container(&self) -> Option<&Arc<Container>> {
        self.identity.container.as_ref()
    }

    pub(super) fn containers(&self) -> Vec<scc::Container> {
        let container = |c: &Arc<Container>| scc::Container {
            name: c.name.clone(),
            uri: c.image_uri.clone(),
            image_id: c.image_id.clone(),
            labels: labels(&c.labels),
            create_time: c.created_unix_ns.map(timestamp),
        };
        self.container().map(container).into_iter().collect()
    }

    pub(super) fn kubernetes(&self) -> Kubernetes {
        let pods = self.pod.iter().map(|pod| KubernetesPod {
            ns: pod.namespace.clone(),
            name: pod.name.clone(),
            labels: labels(&pod.labels),
            containers: self.containers(),
        });
        Kubernetes { pods: pods.collect(), nodes: vec![KubernetesNode { name: self.node_name() }] }
    }

    /// Full resource name of the machine, where it is known.
    fn node_name(&self) -> String {
        let cloud = &self.node.cloud;
        if cloud.project_id.is_empty() || cloud.zone.is_empty() {
            return self.node.name.clone();
        }
        format!(
            "//compute.googleapis.com/projects/{}/zones/{}/instances/{}",
            cloud.project_id,
            cloud.zone,
            self.node.instance()
        )
    }

    /// What the documentation of the finding promises, each where it is known.
    pub(super) fn properties(&self) -> Vec<(&'static str, String)> {
        let mut all = Vec::new();
        if let Some(pod) = &self.pod {
            all.push(("Pod_Namespace", pod.namespace.clone()));
            all.push(("Pod_Name", pod.name.clone()));
            all.push(("Pod_Uid", pod.uid.clone()));
        }
        if let Some(container) = self.container() {
            all.push(("Container_Id", container.id.to_string()));
            all.push(("Container_Name", container.name.clone()));
            all.push(("Container_Image_Uri", container.image_uri.clone()));
            all.push(("Container_Image_Id", container.image_id.clone()));
            all.push(("Container_Sandbox_Id", container.sandbox.clone()));
            let created = container.created_unix_ns.map(rfc3339);
            all.push(("Container_Creation_Timestamp", created.unwrap_or_default()));
        }
        if let Some(cgroup) = &self.identity.cgroup {
            all.push(("Cgroup_Path", cgroup.clone()));
        }
        let cloud = &self.node.cloud;
        for (key, value) in [
            ("Project_Id", &cloud.project_id),
            ("Project_Number", &cloud.project_number),
            ("Cluster_Name", &cloud.cluster),
            ("Cluster_Location", &cloud.cluster_location),
            ("VM_Instance_Id", &cloud.instance_id),
            ("VM_Zone", &cloud.zone),
        ] {
            all.push((key, value.clone()));
        }
        all.retain(|(_, value)| !value.is_empty());
        all
    }

    /// Where, in a sentence.
    pub(super) fn words(&self) -> String {
        match (self.container(), &self.pod) {
            (Some(container), Some(pod)) => format!(
                "in container {} of pod {}/{} (image {})",
                container.name, pod.namespace, pod.name, container.image_uri
            ),
            (Some(container), None) => format!("in container {}", container.id),
            (None, Some(pod)) => {
                format!("in pod {}/{}, in a container of its own making", pod.namespace, pod.name)
            }
            (None, None) => match &self.identity.id {
                Some(id) if self.identity.is_complete => {
                    format!("in container {id}, of which the container runtime tells nothing")
                }
                None if self.identity.is_complete => "outside of containers".to_owned(),
                _ => "in a container that is not known yet".to_owned(),
            },
        }
    }

    /// The first commands of whoever opens the finding.
    pub(super) fn how_to_look(&self) -> String {
        match &self.pod {
            Some(pod) => format!(
                "`kubectl -n {0} describe pod {1}` and `kubectl -n {0} logs {1} --all-containers`; what owns the pod, \
                 and who changed that last?",
                pod.namespace, pod.name
            ),
            None => match &self.identity.id {
                Some(id) => format!("`crictl inspect {id}` on the node; what started that container?"),
                None => {
                    "It ran in no pod: look at the node's own services and at who is logged in.".to_owned()
                }
            },
        }
    }
}

fn labels(all: &BTreeMap<String, String>) -> Vec<Label> {
    all.iter().map(|(name, value)| Label { name: name.clone(), value: value.clone() }).collect()
}
