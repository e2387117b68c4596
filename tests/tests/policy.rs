//! The chart's network policies as rules, in network namespaces: names resolve with each of the resolvers that clusters have, the
//! metadata server is reached as each of the data planes shows it, findings get to the collector, and no other port that is tried gets anywhere.

use std::{
    fmt::Write,
    net::{Ipv4Addr, SocketAddrV4},
};

use e2e::{
    manifests,
    pod_network::{PodNetwork, Protocol, RESOLVED},
    policy::{Peer, rules},
};

const KUBE_DNS: Ipv4Addr = Ipv4Addr::new(10, 64, 0, 10);
/// The address of its service, which the node turns into that of a pod before it asks for rules.
const KUBE_DNS_SERVICE: Ipv4Addr = Ipv4Addr::new(10, 96, 0, 10);
const NODE_LOCAL_DNS: Ipv4Addr = Ipv4Addr::new(169, 254, 20, 10);
/// Cloud DNS and the metadata server.
const METADATA: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);
const NODE: Ipv4Addr = Ipv4Addr::new(10, 128, 0, 2);
const SENSOR: Ipv4Addr = Ipv4Addr::new(10, 64, 0, 30);
const COLLECTOR: Ipv4Addr = Ipv4Addr::new(10, 64, 0, 20);
const MONITORING: Ipv4Addr = Ipv4Addr::new(10, 64, 0, 40);
const STRANGER: Ipv4Addr = Ipv4Addr::new(10, 64, 0, 50);
const OUTSIDE: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 5);
const ALL: [Ipv4Addr; 9] =
    [KUBE_DNS, NODE_LOCAL_DNS, METADATA, NODE, SENSOR, COLLECTOR, MONITORING, STRANGER, OUTSIDE];
/// All that the policies name, and some that they do not.
const PORTS: [u16; 12] = [22, 53, 80, 443, 988, 4317, 6443, 7600, 7601, 8080, 8443, 16443];

fn peers() -> Vec<Peer> {
    let of = |address, namespace, component: &str| Peer {
        address,
        namespace,
        labels: [("name", "scriptwatch"), ("instance", "scriptwatch"), ("component", component)]
            .map(|(name, value)| (format!("app.kubernetes.io/{name}"), value.to_owned()))
            .into(),
    };
    let plain = |address, namespace| Peer { address, namespace, labels: Vec::new() };
    vec![
        of(SENSOR, "scriptwatch", "sensor"),
        of(COLLECTOR, "scriptwatch", "collector"),
        plain(KUBE_DNS, "kube-system"),
        plain(MONITORING, "monitoring"),
        plain(STRANGER, "default"),
    ]
}

/// A pod behind a policy. The addresses of services and, with Dataplane V2, of the metadata server are translated before it.
fn network(name: &str, is_dataplane_v2: bool) -> PodNetwork {
    let policy = &manifests::read().expect("the manifests")[&format!("NetworkPolicy scriptwatch-{name}")];
    let network = PodNetwork::new(&name[..1], &ALL).expect("two network namespaces");
    network.answer(&PORTS).expect("servers");
    let mut translated = format!("ip daddr {KUBE_DNS_SERVICE} dnat to {KUBE_DNS}\n");
    if is_dataplane_v2 {
        let _ = writeln!(translated, "ip daddr {METADATA} tcp dport 80 dnat to {NODE}:988");
    }
    let translation = format!(
        "table ip nodes {{\nchain translated {{ type nat hook output priority -100;\n{translated}}}\n}}\n"
    );
    let rules = rules(policy, &peers(), None).expect("rules");
    network.enforce(&(translation + &rules)).expect("nftables");
    network
}

fn check(network: &PodNetwork, allowed: &[(Protocol, Ipv4Addr, u16)]) {
    for address in ALL {
        for port in PORTS {
            for protocol in [Protocol::Tcp, Protocol::Udp] {
                assert_eq!(
                    network.reaches(protocol, SocketAddrV4::new(address, port)),
                    allowed.contains(&(protocol, address, port)),
                    "{protocol:?} {address}:{port}"
                );
            }
        }
    }
}

fn names_resolve(network: &PodNetwork) {
    for resolver in [KUBE_DNS_SERVICE, NODE_LOCAL_DNS, METADATA] {
        let found = network.resolved("scriptwatch-collector.scriptwatch.svc", resolver).expect("getent");
        assert_eq!(found, RESOLVED, "by {resolver}");
    }
    assert_eq!(network.resolved("scriptwatch-collector.scriptwatch.svc", STRANGER).expect("getent"), "");
}

/// Where names may be asked for.
fn resolvers() -> Vec<(Protocol, Ipv4Addr, u16)> {
    [KUBE_DNS, NODE_LOCAL_DNS, METADATA]
        .into_iter()
        .flat_map(|at| [(Protocol::Tcp, at, 53), (Protocol::Udp, at, 53)])
        .collect()
}

#[test]
fn a_sensor_reaches_names_metadata_and_collector_and_nothing_else() {
    let mut allowed = resolvers();
    allowed.push((Protocol::Tcp, COLLECTOR, 7600));
    allowed.push((Protocol::Tcp, METADATA, 80));
    // The stand-in for the metadata server is on every node, whose addresses no policy can know.
    allowed.extend(ALL.map(|at| (Protocol::Tcp, at, 988)));
    let sensor = network("sensor", false);
    check(&sensor, &allowed);
    names_resolve(&sensor);
    drop(sensor);
    let sensor = network("sensor", true);
    assert!(sensor.reaches(Protocol::Tcp, SocketAddrV4::new(METADATA, 80)), "through the node's stand-in");
    assert!(!sensor.is_reached(STRANGER, 7601).expect("a connection"));
}

#[test]
fn a_collector_is_reached_by_sensors_and_monitoring_and_reaches_names_and_ports_of_tls() {
    let mut allowed = resolvers();
    allowed.extend(ALL.iter().flat_map(|at| [443, 6443, 8443, 16443].map(|port| (Protocol::Tcp, *at, port))));
    let collector = network("collector", false);
    check(&collector, &allowed);
    names_resolve(&collector);
    for (from, port, is_let_in) in [
        (SENSOR, 7600, true),
        (MONITORING, 7601, true),
        (MONITORING, 7600, false),
        (SENSOR, 7601, false),
        (STRANGER, 7600, false),
        (OUTSIDE, 7600, false),
    ] {
        assert_eq!(collector.is_reached(from, port).expect("a connection"), is_let_in, "{from} to {port}");
    }
}
