//! A sensor and a collector for end-to-end tests and measurements: started with their files in a directory of
//! their own, ended when dropped.

pub mod browser;
pub mod certificate;
pub mod cgroup;
pub mod client;
pub mod cluster;
pub mod collectors;
pub mod containerd;
pub mod cost;
pub mod daemon;
pub mod drill;
pub mod holding;
pub mod https;
pub mod image;
pub mod issuer;
pub mod kubelet;
pub mod made;
pub mod manifests;
pub mod metadata;
pub mod names;
pub mod namespace;
pub mod nats;
pub mod nats_cluster;
pub mod node;
pub mod outcome;
pub mod pod_network;
pub mod policy;
pub mod prometheus;
pub mod proxy;
pub mod request;
pub mod scc;
pub mod shell;
pub mod shells;
pub mod stopped_thread;
pub mod terminal;
pub mod webhook;
