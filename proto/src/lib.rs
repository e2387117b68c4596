//! The wire types: Security Command Center's finding (a subset with the public API's names and numbers), the
//! ingest service between sensor and collector, and what container runtimes are asked.
//!
//! Every message of the first two also has serde implementations of Protobuf's JSON mapping, so that a finding prints with the
//! names that SCC's JSON uses.

mod codec;
pub mod elements;
mod envelope;
mod json;
mod property;
mod timestamp;

#[allow(clippy::all, clippy::pedantic, missing_docs, unreachable_pub)]
mod generated {
    // The generated code names its neighbours by package, so the modules nest as packages do.
    pub mod google {
        pub mod cloud {
            pub mod securitycenter {
                pub mod v2 {
                    include!("generated/google.cloud.securitycenter.v2.rs");
                    include!("generated/google.cloud.securitycenter.v2.serde.rs");
                }
            }
        }
    }
    pub mod runtime {
        pub mod v1 {
            include!("generated/runtime.v1.rs");
        }
    }
    pub mod containerd {
        pub mod services {
            pub mod events {
                pub mod v1 {
                    include!("generated/containerd.services.events.v1.rs");
                }
            }
        }
    }
    pub mod scriptwatch {
        pub mod ingest {
            pub mod v1 {
                include!("generated/scriptwatch.ingest.v1.rs");
                include!("generated/scriptwatch.ingest.v1.serde.rs");
            }
        }
    }
}

/// `containerd.services.events.v1`, the subset the sensor listens to.
pub use generated::containerd::services::events::v1 as containerd;
/// `google.cloud.securitycenter.v2`, the subset this product fills.
pub use generated::google::cloud::securitycenter::v2 as scc;
/// `runtime.v1`, the Container Runtime Interface, the subset that identifies containers.
pub use generated::runtime::v1 as cri;
/// `scriptwatch.ingest.v1`.
pub use generated::scriptwatch::ingest::v1 as ingest;
/// Well-known types as they appear in the messages.
pub mod well_known {
    pub use crate::{
        json::{ListValue, Struct, Value, value},
        timestamp::Timestamp,
    };
}
pub use envelope::{Damaged, FINDING_BYTES_MAX, FINDING_ELEMENTS_MAX};

/// The encoded `FileDescriptorSet`, for gRPC reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!("generated/descriptors.bin");
