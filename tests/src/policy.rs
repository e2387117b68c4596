//! A network policy as rules of nftables.

use std::{fmt::Write as _, net::Ipv4Addr};

use anyhow::{Context, bail, ensure};
use serde_json::Value;

/// A pod of the cluster, as selectors see it.
pub struct Peer {
    /// Its address.
    pub address: Ipv4Addr,
    /// Its namespace.
    pub namespace: &'static str,
    /// Its labels.
    pub labels: Vec<(String, String)>,
}

/// The rules that a network policy amounts to for one of its pods, as a network plugin would make them: what is not allowed is
/// dropped, in the directions that the policy names. Fails on what it does not know.
///
/// `node` is where the kubelet's probes come from, which every network plugin lets in.
pub fn rules(policy: &Value, peers: &[Peer], node: Option<Ipv4Addr>) -> anyhow::Result<String> {
    let own = policy["metadata"]["namespace"].as_str().context("a namespace")?;
    let spec = &policy["spec"];
    known(spec, &["podSelector", "policyTypes", "egress", "ingress"])?;
    let mut text = String::from("table inet allowed {\n");
    for direction in list(&spec["policyTypes"]) {
        let (key, hook, side, address) = match direction.as_str() {
            Some("Egress") => ("egress", "output", "to", "ip daddr"),
            Some("Ingress") => ("ingress", "input", "from", "ip saddr"),
            _ => bail!("policy type {direction}"),
        };
        writeln!(text, "chain to_{hook} {{ type filter hook {hook} priority 0; policy drop;")?;
        let interface = if hook == "input" { "iif" } else { "oif" };
        writeln!(text, "ct state established,related accept\n{interface} lo accept")?;
        if let Some(node) = node.filter(|_| hook == "input") {
            writeln!(text, "ip saddr {node} accept")?;
        }
        for rule in list(&spec[key]) {
            known(&rule, &[side, "ports"])?;
            let sides = list(&rule[side]);
            let mut places = Vec::new();
            for side in &sides {
                places.extend(addresses(side, own, peers)?.iter().map(|place| format!("{address} {place} ")));
            }
            if sides.is_empty() {
                // Everywhere.
                places.push(String::new());
            }
            let mut ports = Vec::new();
            for port in list(&rule["ports"]) {
                known(&port, &["port", "protocol"])?;
                let protocol = port["protocol"].as_str().unwrap_or("TCP").to_lowercase();
                ports.push(format!("{protocol} dport {} ", port["port"]));
            }
            if ports.is_empty() {
                // All of them.
                ports.push(String::new());
            }
            for place in &places {
                for port in &ports {
                    writeln!(text, "{place}{port}accept")?;
                }
            }
        }
        // A plugin drops it; told at once, the test does not wait.
        text += "reject\n}\n";
    }
    Ok(text + "}\n")
}

fn list(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_default()
}

fn known(object: &Value, keys: &[&str]) -> anyhow::Result<()> {
    let unknown = object.as_object().into_iter().flatten().find(|(key, _)| !keys.contains(&key.as_str()));
    ensure!(unknown.is_none(), "the test does not know what {unknown:?} means");
    Ok(())
}

/// The addresses that a peer of a rule means.
fn addresses(side: &Value, own: &str, peers: &[Peer]) -> anyhow::Result<Vec<String>> {
    known(side, &["ipBlock", "namespaceSelector", "podSelector"])?;
    if let Some(block) = side.get("ipBlock") {
        known(block, &["cidr"])?;
        return Ok(vec![block["cidr"].as_str().context("a block of addresses")?.to_owned()]);
    }
    let wanted = |selector: &Value| -> anyhow::Result<Vec<(String, String)>> {
        known(selector, &["matchLabels"])?;
        let labels = selector["matchLabels"].as_object().into_iter().flatten();
        labels
            .map(|(name, value)| Ok((name.clone(), value.as_str().context("a label")?.to_owned())))
            .collect()
    };
    let namespaces = side.get("namespaceSelector").map(&wanted).transpose()?;
    let labels = wanted(&side["podSelector"])?;
    let is_meant = |peer: &&Peer| {
        let is_of = namespaces.as_ref().map_or(peer.namespace == own, |wanted| {
            wanted
                .iter()
                .all(|(name, value)| name == "kubernetes.io/metadata.name" && value == peer.namespace)
        });
        is_of && labels.iter().all(|pair| peer.labels.contains(pair))
    };
    Ok(peers.iter().filter(is_meant).map(|peer| peer.address.to_string()).collect())
}
