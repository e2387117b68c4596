//! Generates the wire types without `protoc`: protox compiles the .proto files in Rust.

use std::{error::Error, path::PathBuf};

use prost::Message;

const FILES: [&str; 5] = [
    "scriptwatch/ingest/v1/ingest.proto",
    "google/cloud/securitycenter/v2/finding.proto",
    "google/cloud/securitycenter/v2/securitycenter_service.proto",
    "runtime/v1/cri.proto",
    "containerd/services/events/v1/events.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=proto");
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    let descriptors = protox::compile(FILES, ["proto"])?;
    let bytes = descriptors.encode_to_vec();
    // Reflection tells what the collector takes, and no more.
    let served = protox::compile(&FILES[..2], ["proto"])?;
    std::fs::write(out.join("descriptors.bin"), served.encode_to_vec())?;

    tonic_prost_build::configure()
        .compile_well_known_types(true)
        .extern_path(".google.protobuf", "::pbjson_types")
        .extern_path(".google.protobuf.Timestamp", "crate::well_known::Timestamp")
        .btree_map(".")
        .bytes(".scriptwatch.ingest.v1.Envelope")
        .compile_fds(descriptors)?;
    pbjson_build::Builder::new()
        .register_descriptors(&bytes)?
        .btree_map(["."])
        .build(&[".google.cloud.securitycenter.v2", ".scriptwatch.ingest.v1"])?;
    Ok(())
}
