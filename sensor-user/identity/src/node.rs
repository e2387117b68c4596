//! The machine the sensor runs on.

use std::path::PathBuf;

/// Where a node is on Google Cloud. What is not known is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cloud {
    /// Project id, such as `my-project`.
    pub project_id: String,
    /// Project number.
    pub project_number: String,
    /// Zone of the machine.
    pub zone: String,
    /// Name of the machine.
    pub instance_name: String,
    /// Number of the machine.
    pub instance_id: String,
    /// Name of the GKE cluster.
    pub cluster: String,
    /// Its region or zone.
    pub cluster_location: String,
}

impl Cloud {
    /// This, and what `other` knows where this is empty.
    fn or(self, other: Self) -> Self {
        let first = |a: String, b: String| if a.is_empty() { b } else { a };
        Self {
            project_id: first(self.project_id, other.project_id),
            project_number: first(self.project_number, other.project_number),
            zone: first(self.zone, other.zone),
            instance_name: first(self.instance_name, other.instance_name),
            instance_id: first(self.instance_id, other.instance_id),
            cluster: first(self.cluster, other.cluster),
            cluster_location: first(self.cluster_location, other.cluster_location),
        }
    }

    /// Project number or id.
    fn project(&self) -> &str {
        if self.project_id.is_empty() { &self.project_number } else { &self.project_id }
    }
}

/// The machine, and where its findings are filed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Node {
    /// Name of the node.
    pub name: String,
    /// Random id of this boot, from the kernel.
    pub boot_id: String,
    /// Security Command Center source id.
    pub source: String,
    /// Location of the findings, such as `global`.
    pub location: String,
    /// Where it is.
    pub cloud: Cloud,
    /// False while the metadata server may still complete `cloud`.
    pub is_complete: bool,
}

/// A file of the kernel could not be read.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {source}")]
pub struct NodeError {
    path: PathBuf,
    source: std::io::Error,
}

impl Node {
    /// The node with what the kernel knows of it, and these names for the rest.
    pub fn of_this_machine(
        name: Option<String>,
        source: &str,
        location: &str,
        cloud: Cloud,
    ) -> Result<Self, NodeError> {
        let read = |path: &str| {
            std::fs::read_to_string(path)
                .map(|text| text.trim().to_owned())
                .map_err(|source| NodeError { path: path.into(), source })
        };
        let name = match name {
            Some(name) => name,
            None => read("/proc/sys/kernel/hostname")?,
        };
        Ok(Self {
            name,
            boot_id: read("/proc/sys/kernel/random/boot_id")?,
            source: source.to_owned(),
            location: location.to_owned(),
            cloud,
            is_complete: true,
        })
    }

    /// The node with what the metadata server says. What the operator said stands.
    pub(super) fn with_cloud(&self, cloud: Cloud) -> Self {
        Self { cloud: self.cloud.clone().or(cloud), is_complete: true, ..self.clone() }
    }

    /// The node when there is no metadata server.
    pub(super) fn without_cloud(&self) -> Self {
        Self { is_complete: true, ..self.clone() }
    }

    /// Project that findings are filed under; "-" when there is none.
    pub fn project(&self) -> &str {
        match self.cloud.project() {
            "" => "-",
            project => project,
        }
    }

    /// Name of the virtual machine; the node's where it has no other.
    pub fn instance(&self) -> &str {
        if self.cloud.instance_name.is_empty() { &self.name } else { &self.cloud.instance_name }
    }

    /// Full resource name: the cluster, the machine outside of clusters, the node outside of Google Cloud.
    pub fn resource_name(&self) -> String {
        let cloud = &self.cloud;
        let project = cloud.project();
        if project.is_empty() {
            return format!("//scriptwatch/nodes/{}", self.name);
        }
        if !cloud.cluster.is_empty() && !cloud.cluster_location.is_empty() {
            let kind = if is_zone(&cloud.cluster_location) { "zones" } else { "locations" };
            return format!(
                "//container.googleapis.com/projects/{project}/{kind}/{}/clusters/{}",
                cloud.cluster_location, cloud.cluster
            );
        }
        let instance = if cloud.instance_id.is_empty() { self.instance() } else { &cloud.instance_id };
        format!("//compute.googleapis.com/projects/{project}/zones/{}/instances/{instance}", cloud.zone)
    }
}

/// A zone is a region with a letter behind it: `us-central1-a`.
fn is_zone(location: &str) -> bool {
    let mut parts = location.rsplit('-');
    let letter = parts.next().is_some_and(|p| p.len() == 1 && p.bytes().all(|b| b.is_ascii_lowercase()));
    letter && parts.count() >= 2
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(change: impl FnOnce(&mut Cloud)) -> Node {
        let mut cloud = Cloud {
            project_id: "p".to_owned(),
            project_number: "1".to_owned(),
            zone: "us-central1-a".to_owned(),
            instance_name: "vm".to_owned(),
            instance_id: "9".to_owned(),
            cluster: "c".to_owned(),
            cluster_location: "us-central1".to_owned(),
        };
        change(&mut cloud);
        Node { name: "n".to_owned(), cloud, ..Node::default() }
    }

    #[test]
    fn resource_names_follow_the_documented_forms() {
        let regional = node(|_| {}).resource_name();
        assert_eq!(regional, "//container.googleapis.com/projects/p/locations/us-central1/clusters/c");
        let zonal = node(|c| c.cluster_location = "us-central1-a".to_owned()).resource_name();
        assert_eq!(zonal, "//container.googleapis.com/projects/p/zones/us-central1-a/clusters/c");
        let machine = node(|c| c.cluster.clear()).resource_name();
        assert_eq!(machine, "//compute.googleapis.com/projects/p/zones/us-central1-a/instances/9");
        let elsewhere = node(|c| *c = Cloud::default());
        assert_eq!(elsewhere.resource_name(), "//scriptwatch/nodes/n");
        assert_eq!((elsewhere.project(), elsewhere.instance()), ("-", "n"));
    }

    #[test]
    fn what_the_operator_says_stands() {
        let told =
            Node { cloud: Cloud { cluster: "mine".to_owned(), ..Cloud::default() }, ..Node::default() };
        let cloud = told.with_cloud(node(|_| {}).cloud).cloud;
        assert_eq!((cloud.cluster.as_str(), cloud.project_id.as_str()), ("mine", "p"));
    }
}
