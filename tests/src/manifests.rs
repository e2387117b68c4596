//! Objects of Kubernetes, as the chart renders them.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::Context;
use serde_json::Value;

/// Objects by kind and name (`DaemonSet scriptwatch-sensor`).
pub type Objects = BTreeMap<String, Value>;

/// Those of the plain manifests.
pub fn read() -> anyhow::Result<Objects> {
    read_from(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/kubernetes/scriptwatch.yaml"))
}

/// Those of a file.
pub fn read_from(path: &Path) -> anyhow::Result<Objects> {
    let text = fs::read_to_string(path).with_context(|| format!("{}", path.display()))?;
    let mut objects = BTreeMap::new();
    for document in text.split("\n---\n") {
        let object: Value = serde_norway::from_str(document)?;
        if let (Some(kind), Some(name)) = (object["kind"].as_str(), object["metadata"]["name"].as_str()) {
            objects.insert(format!("{kind} {name}"), object);
        }
    }
    Ok(objects)
}
