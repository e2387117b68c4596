//! Who ran it: the node, the container and pod, and processes as /proc shows them.
//!
//! Knows nothing of scripts or findings.

mod ancestry;
mod bundle;
mod cgroup;
mod container;
mod cri;
mod directory;
mod metadata;
mod node;
mod process;
mod provenance;
mod runtime;
mod sandbox;

pub use ancestry::Ancestry;
pub use cgroup::{ContainerId, Placement};
pub use container::{Container, Pod};
pub use directory::{Directory, Identity, Knowledge};
pub use gce_metadata::is_on_google_cloud;
pub use metadata::complete;
pub use node::{Cloud, Node};
pub use process::{ProcessFacts, cut};
pub use provenance::Provenance;
pub use runtime::{OnEnd, follow, usual_socket};
