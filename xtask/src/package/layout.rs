//! An image as an OCI layout: blobs by their digest, and an index that names the image.

use std::{
    collections::BTreeMap,
    fs,
    io::BufWriter,
    path::{Path, PathBuf},
};

use anyhow::Context;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{
    VERSION,
    layer::{Layer, append, gzip},
};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// Blobs of a layout.
#[derive(Default)]
struct Blobs(BTreeMap<PathBuf, Vec<u8>>);

impl Blobs {
    /// Adds a blob; returns its descriptor.
    fn add(&mut self, media_type: &str, bytes: Vec<u8>) -> Value {
        let digest = hex::encode(Sha256::digest(&bytes));
        let descriptor =
            json!({ "mediaType": media_type, "digest": format!("sha256:{digest}"), "size": bytes.len() });
        self.0.insert(Path::new("blobs/sha256").join(digest), bytes);
        descriptor
    }
}

/// Writes the image, with a layer for each architecture; returns the digest that it is known by, that of the index of its manifests.
pub(super) fn write(to: &Path, image: &str, layers: &[(&str, Layer)]) -> anyhow::Result<String> {
    let mut blobs = Blobs::default();
    let manifests = layers
        .iter()
        .map(|(name, layer)| manifest(&mut blobs, name, layer))
        .collect::<Result<Vec<_>, _>>()?;
    // Also around a single one: a client takes a bare manifest for its own architecture's, whatever that is.
    let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": manifests });
    let mut descriptor = blobs.add(INDEX, serde_json::to_vec(&index)?);
    let digest = descriptor["digest"].as_str().unwrap_or_default().to_owned();
    descriptor["annotations"] = json!({
        // What containerd names it by, and what other clients do.
        "io.containerd.image.name": image,
        "org.opencontainers.image.ref.name": image.rsplit_once(':').map_or(VERSION, |(_, tag)| tag),
    });
    let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [descriptor] });
    let file = fs::File::create(to).with_context(|| format!("{}", to.display()))?;
    let mut tar = tar::Builder::new(BufWriter::new(file));
    append(&mut tar, Path::new("oci-layout"), br#"{"imageLayoutVersion":"1.0.0"}"#, 0o644)?;
    append(&mut tar, Path::new("index.json"), &serde_json::to_vec(&index)?, 0o644)?;
    for (path, bytes) in &blobs.0 {
        append(&mut tar, path, bytes, 0o644)?;
    }
    tar.into_inner()?.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all()?;
    Ok(digest)
}

/// Adds what one architecture's image is made of; returns the descriptor of its manifest.
fn manifest(blobs: &mut Blobs, architecture: &str, layer: &Layer) -> anyhow::Result<Value> {
    let plain = layer.tar()?;
    let plain_digest = format!("sha256:{}", hex::encode(Sha256::digest(&plain)));
    let layer = blobs.add("application/vnd.oci.image.layer.v1.tar+gzip", gzip(&plain)?);
    let labels = json!({
        "org.opencontainers.image.title": "scriptwatch",
        "org.opencontainers.image.description": "Reports malicious scripts that shells of this node execute",
        "org.opencontainers.image.version": VERSION,
        "org.opencontainers.image.licenses": "Apache-2.0 OR MIT",
    });
    let config = json!({
        "architecture": architecture,
        "os": "linux",
        "config": {
            "Entrypoint": ["/usr/bin/sensor"],
            "Cmd": ["run"],
            "Env": ["PATH=/usr/bin"],
            "WorkingDir": "/",
            "Labels": labels,
        },
        "rootfs": { "type": "layers", "diff_ids": [plain_digest] },
        "history": [{ "created_by": "cargo xtask package" }],
    });
    let config = blobs.add("application/vnd.oci.image.config.v1+json", serde_json::to_vec(&config)?);
    let manifest = json!({ "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer] });
    let mut descriptor = blobs.add(MANIFEST, serde_json::to_vec(&manifest)?);
    descriptor["platform"] = json!({ "architecture": architecture, "os": "linux" });
    Ok(descriptor)
}
