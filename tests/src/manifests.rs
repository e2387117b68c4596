//! The plain manifests of the chart.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::Context;
use serde_json::Value;

/// Its objects, by kind and name (`DaemonSet scriptwatch-sensor`).
pub fn read() -> anyhow::Result<BTreeMap<String, Value>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/kubernetes/scriptwatch.yaml");
    let text = fs::read_to_string(&path).with_context(|| format!("{}", path.display()))?;
    let mut objects = BTreeMap::new();
    for document in text.split("\n---\n") {
        let object: Value = serde_norway::from_str(document)?;
        if let (Some(kind), Some(name)) = (object["kind"].as_str(), object["metadata"]["name"].as_str()) {
            objects.insert(format!("{kind} {name}"), object);
        }
    }
    Ok(objects)
}
