//! The committed code is what the definitions in `proto/proto` give. It is committed because its generators are thirty crates
//! that every first build would wait for.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use prost::Message;

const FILES: [&str; 5] = [
    "scriptwatch/ingest/v1/ingest.proto",
    "google/cloud/securitycenter/v2/finding.proto",
    "google/cloud/securitycenter/v2/securitycenter_service.proto",
    "runtime/v1/cri.proto",
    "containerd/services/events/v1/events.proto",
];
/// Set, the test writes the committed files instead of comparing them.
const WRITE: &str = "SCRIPTWATCH_WRITE_GENERATED";

/// Generates code and descriptors. protox compiles the definitions in Rust, so no `protoc` is needed.
fn generate(definitions: &Path, to: &Path) {
    let descriptors = protox::compile(FILES, [definitions]).expect("definitions without mistakes");
    let bytes = descriptors.encode_to_vec();
    // Reflection tells what the collector takes, and no more.
    let served = protox::compile(&FILES[..2], [definitions]).expect("definitions without mistakes");
    fs::write(to.join("descriptors.bin"), served.encode_to_vec()).expect("a file");
    tonic_prost_build::configure()
        .out_dir(to)
        .compile_well_known_types(true)
        .extern_path(".google.protobuf", "::prost_types")
        .extern_path(".google.protobuf.Timestamp", "crate::well_known::Timestamp")
        .extern_path(".google.protobuf.Value", "crate::well_known::Value")
        .btree_map(".")
        .bytes(".scriptwatch.ingest.v1.Envelope")
        .codec_path("crate::codec::BoundedCodec")
        .compile_fds(descriptors)
        .expect("types");
    pbjson_build::Builder::new()
        .out_dir(to)
        .register_descriptors(&bytes)
        .expect("descriptors")
        .btree_map(["."])
        // Nobody prints a request, and a field mask would need an implementation of its own.
        .exclude([".google.cloud.securitycenter.v2.UpdateFindingRequest"])
        .build(&[".google.cloud.securitycenter.v2", ".scriptwatch.ingest.v1"])
        .expect("serde implementations");
}

fn files(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(dir).expect("a directory").map(|entry| entry.expect("an entry").path());
    entries
        .map(|path| (path.file_name().expect("a name").to_string_lossy().into_owned(), path))
        .map(|(name, path)| (name, fs::read(path).expect("a file")))
        .collect()
}

#[test]
fn the_generated_code_is_that_of_the_definitions() {
    let package = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let committed = package.join("src/generated");
    if std::env::var_os(WRITE).is_some() {
        fs::create_dir_all(&committed).expect("a directory");
        return generate(&package.join("proto"), &committed);
    }
    let dir = tempfile::tempdir().expect("a directory");
    generate(&package.join("proto"), dir.path());
    let (fresh, committed) = (files(dir.path()), files(&committed));
    assert_eq!(fresh.keys().collect::<Vec<_>>(), committed.keys().collect::<Vec<_>>());
    for (name, content) in fresh {
        assert!(
            content == committed[&name],
            "proto/src/generated/{name} is not what the definitions give: run \
             `{WRITE}=1 cargo test -p scriptwatch-proto --test generated`"
        );
    }
}
