//! What a client may say: findings of its own node, by the certificate or token it came with.

use std::sync::Arc;

use tonic::Status;

use crate::{head::Head, peer::Peer};

/// Who a client is.
pub(crate) struct Claim {
    /// What its credentials vouch for; empty when it has none.
    pub(crate) vouched: Vec<Peer>,
    /// Projects that its findings may be filed under; empty is any.
    pub(crate) projects: Arc<[String]>,
}

impl Claim {
    /// A credential is for one node, and nobody else's findings.
    pub(crate) fn check(&self, node: &str) -> Result<(), Status> {
        match self.vouched.iter().find(|peer| !peer.is_for(node)) {
            Some(peer) => Err(Status::permission_denied(format!(
                "the client's {} is for {peer}, not for node {node:?}",
                peer.by
            ))),
            None => Ok(()),
        }
    }

    /// Whether a finding may come from this node; an error says what speaks against it. Who has no credential is taken at its
    /// word, but must not contradict itself.
    pub(crate) fn admits(&self, finding: &Head, node: &str) -> Result<(), String> {
        let project = consistent_project(finding)?;
        if project != "-" && !self.projects.is_empty() && !self.projects.iter().any(|p| p == project) {
            return Err(format!("project {project:?} is not among --projects of the collector"));
        }
        let Some(peer) = self.vouched.first() else { return Ok(()) };
        match finding.text_property("Node_Name").as_deref() {
            Some(named) if named == node => {}
            Some(named) => {
                return Err(format!("Node_Name is {named:?}, and the client's {} is for {node:?}", peer.by));
            }
            None => return Err("it has no property Node_Name".to_owned()),
        }
        // A virtual machine may be called otherwise than its node.
        let instance = finding.text_property("VM_Instance_Name");
        let instance = instance.as_deref().unwrap_or(node);
        for named in finding.nodes() {
            let of_project = named.strip_prefix("//compute.googleapis.com/projects/").is_some_and(|rest| {
                rest.split_once('/').is_some_and(|(p, _)| p == project)
                    && rest.rsplit_once("/instances/").is_some_and(|(_, i)| i == instance)
            });
            if named != node && !of_project {
                return Err(format!("kubernetes.nodes names {named:?}, which is not {node:?}"));
            }
        }
        // As sensors make them: the cluster, the machine, or the node outside of Google Cloud.
        let resource = finding.resource_name.as_str();
        let is_own = if let Some(named) = resource.strip_prefix("//scriptwatch/nodes/") {
            named == node
        } else if resource.starts_with("//compute.googleapis.com/") {
            let id = finding.text_property("VM_Instance_Id");
            let id = id.as_deref().unwrap_or(instance);
            resource.rsplit_once("/instances/").is_some_and(|(_, named)| named == instance || named == id)
        } else {
            resource.starts_with("//container.googleapis.com/")
        };
        if is_own { Ok(()) } else { Err(format!("resource_name is {resource:?}, which is not of {node:?}")) }
    }
}

/// The project that the finding's name is filed under, which all other places must name, too. `-` is none: then no other place
/// may name one.
fn consistent_project(finding: &Head) -> Result<&str, String> {
    let parent = finding.name.rsplit_once("/findings/").map_or("", |(parent, _)| parent);
    if !finding.parent.is_empty() && finding.parent != parent {
        return Err(format!("its name is not below its parent {:?}", finding.parent));
    }
    let project = segment(parent, "projects/");
    let elsewhere =
        finding.resource_name.split_once(".googleapis.com/").map(|(_, path)| segment(path, "projects/"));
    if elsewhere.is_some_and(|named| named != project) {
        return Err(format!(
            "resource_name {:?} is of another project than its name, {project:?}",
            finding.resource_name
        ));
    }
    Ok(project)
}

/// The first segment behind a prefix.
fn segment<'a>(path: &'a str, prefix: &str) -> &'a str {
    path.strip_prefix(prefix).and_then(|rest| rest.split('/').next()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use prost::Message;
    use proto::scc::{Finding, Kubernetes, kubernetes};
    use proto::well_known::{Value, value::Kind};

    use super::*;
    use crate::peer::Credential;

    /// What the refusal says, and how a finding is forged.
    type Forged = (&'static str, fn(&mut Finding));

    fn text(value: &str) -> Value {
        Value { kind: Some(Kind::StringValue(value.to_owned())) }
    }

    /// As a sensor in GKE makes it.
    fn of_node() -> Finding {
        Finding {
            name: "projects/p/sources/1/locations/global/findings/a1".to_owned(),
            parent: "projects/p/sources/1/locations/global".to_owned(),
            resource_name: "//container.googleapis.com/projects/p/zones/z/clusters/c".to_owned(),
            source_properties: [("Node_Name", "n"), ("VM_Instance_Name", "vm")]
                .map(|(key, value)| (key.to_owned(), text(value)))
                .into(),
            kubernetes: Some(Kubernetes {
                nodes: vec![kubernetes::Node {
                    name: "//compute.googleapis.com/projects/p/zones/z/instances/vm".to_owned(),
                }],
                ..Kubernetes::default()
            }),
            ..Finding::default()
        }
    }

    fn head(finding: &Finding) -> Head {
        Head::decode(bytes::Bytes::from(finding.encode_to_vec())).expect("a head")
    }

    #[test]
    fn a_credential_is_for_the_findings_of_one_node() {
        let claim = Claim {
            vouched: vec![Peer { by: Credential::Certificate, names: vec!["n".to_owned()] }],
            projects: [].into(),
        };
        assert_eq!(claim.admits(&head(&of_node()), "n"), Ok(()));
        let outside = Finding {
            name: "projects/-/sources/-/locations/global/findings/a1".to_owned(),
            parent: String::new(),
            resource_name: "//scriptwatch/nodes/n".to_owned(),
            kubernetes: None,
            ..of_node()
        };
        assert_eq!(claim.admits(&head(&outside), "n"), Ok(()));
        let forged: [Forged; 10] = [
            ("no property Node_Name", |f| f.source_properties.clear()),
            ("Node_Name is \"m\"", |f| _ = f.source_properties.insert("Node_Name".to_owned(), text("m"))),
            ("kubernetes.nodes names", |f| {
                f.kubernetes.as_mut().expect("set").nodes[0].name = "m".to_owned();
            }),
            ("kubernetes.nodes names", |f| {
                f.kubernetes.as_mut().expect("set").nodes[0].name =
                    "//compute.googleapis.com/projects/q/zones/z/instances/vm".to_owned();
            }),
            ("resource_name is", |f| f.resource_name = "//x/projects/p/nodes/m".to_owned()),
            ("resource_name is", |f| {
                f.resource_name = "//compute.googleapis.com/projects/p/zones/z/instances/m".to_owned();
            }),
            ("resource_name is", |f| f.resource_name = "//scriptwatch/nodes/m".to_owned()),
            ("another project", |f| {
                f.resource_name = "//container.googleapis.com/projects/q/zones/z/clusters/c".to_owned();
            }),
            ("another project", |f| {
                f.name = "projects/-/sources/1/locations/global/findings/a1".to_owned();
                f.parent = String::new();
            }),
            ("not below its parent", |f| f.parent = "projects/q/sources/1/locations/global".to_owned()),
        ];
        for (says, forge) in forged {
            let mut finding = of_node();
            forge(&mut finding);
            let why = claim.admits(&head(&finding), "n").expect_err(says);
            assert!(why.contains(says), "{why}");
        }
    }

    #[test]
    fn without_a_credential_only_contradictions_are_refused() {
        let claim = Claim { vouched: vec![], projects: [].into() };
        let mut finding = of_node();
        finding.source_properties.clear();
        assert_eq!(claim.admits(&head(&finding), "m"), Ok(()));
        finding.parent = "projects/q".to_owned();
        assert!(claim.admits(&head(&finding), "m").is_err());
    }

    #[test]
    fn only_the_projects_that_are_named_are_taken() {
        let claim = Claim { vouched: vec![], projects: ["p".to_owned()].into() };
        let of = |project: &str| Finding {
            name: format!("projects/{project}/sources/1/locations/global/findings/a1"),
            ..Finding::default()
        };
        assert_eq!(claim.admits(&head(&of("p")), "n"), Ok(()));
        // Of a sensor that does not know it yet; it is filed under it later.
        assert_eq!(claim.admits(&head(&of("-")), "n"), Ok(()));
        for other in ["q", "pp", "P", ""] {
            assert!(claim.admits(&head(&of(other)), "n").expect_err(other).contains("--projects"));
        }
        let elsewhere =
            Finding { name: "organizations/9/sources/1/locations/global/findings/a1".to_owned(), ..of("p") };
        assert!(claim.admits(&head(&elsewhere), "n").is_err());
    }
}
