//! Pods whose processes have a kernel of their own, which the sensor cannot see into.

use std::collections::BTreeMap;

use proto::cri::{PodSandbox, PodSandboxState};

/// Handlers that are told apart; the rest are one.
const HANDLERS: usize = 16;
const OTHERS: &str = "others";

/// Does this runtime handler give a pod a kernel of its own? Handlers bear the names that operators gave them; these are the usual ones:
/// gVisor is `gvisor` on GKE and `runsc` elsewhere, Kata Containers `kata` with an ending for the hypervisor.
fn hides(handler: &str) -> bool {
    let handler = handler.to_ascii_lowercase();
    ["gvisor", "runsc", "kata", "firecracker"].iter().any(|name| handler.contains(name))
}

/// How many running pods are hidden, by runtime handler.
pub(crate) fn hidden(pods: &[PodSandbox]) -> BTreeMap<String, u64> {
    let mut hidden = BTreeMap::new();
    let running = pods.iter().filter(|pod| pod.state() == PodSandboxState::SandboxReady);
    for pod in running.filter(|pod| hides(&pod.runtime_handler)) {
        let is_known = hidden.len() < HANDLERS || hidden.contains_key(&pod.runtime_handler);
        let handler = if is_known { &pod.runtime_handler } else { OTHERS };
        *hidden.entry(handler.to_owned()).or_default() += 1;
    }
    hidden
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn running_pods_with_a_kernel_of_their_own_are_counted_by_handler() {
        let pod = |handler: &str, state: PodSandboxState| PodSandbox {
            runtime_handler: handler.to_owned(),
            state: state.into(),
            ..PodSandbox::default()
        };
        let ready = PodSandboxState::SandboxReady;
        let mut pods = vec![
            pod("", ready),
            pod("runc", ready),
            pod("nvidia", ready),
            pod("gvisor", ready),
            pod("gvisor", ready),
            pod("gvisor", PodSandboxState::SandboxNotready),
            pod("kata-qemu", ready),
        ];
        let of = |pods: &[PodSandbox]| hidden(pods).into_iter().collect::<Vec<_>>();
        assert_eq!(of(&pods), [("gvisor".to_owned(), 2), ("kata-qemu".to_owned(), 1)]);
        pods.extend((0..100).map(|n| pod(&format!("runsc-{n}"), ready)));
        let all = hidden(&pods);
        assert_eq!((all.len(), all.values().sum::<u64>()), (HANDLERS + 1, 103));
    }
}
