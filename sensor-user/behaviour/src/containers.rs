//! Containers, clusters, and ways out of them.

use crate::{
    commands::{Call, contains},
    fact::Fact,
    place::{self, Place},
    run::{File, Run},
    value::{Taint, Value},
};

/// Workloads that watch a cluster for attacks.
const WATCHERS: &[&str] =
    &["falco", "tetragon", "tracee", "sysdig", "crowdstrike", "wazuh", "kubearmor", "neuvector"];

/// Parts of the names of what decides what may run in a cluster.
const POLICIES: [&str; 5] = ["kyverno", "gatekeeper", "opa-", "polaris", "kubewarden"];

impl Run {
    pub(crate) fn container(&mut self, call: &Call<'_>) {
        let line = call.line();
        match &call.name[..] {
            b"docker" | b"podman" | b"nerdctl" | b"ctr" | b"crictl" => self.runtime(call, &line),
            b"kubectl" | b"oc" | b"k3s" => self.cluster(call, &line),
            b"mount" => {
                let disk = call.operands().any(|a| {
                    Place::of(&a.text) == Place::Disk || contains(&a.text, "/dev/") && a.text.contains(&0)
                });
                let target = call.operands().last().map(|a| self.path(&a.text)).unwrap_or_default();
                if contains(&line, "cgroup") {
                    self.fact(Fact::NamespaceTrick, &line);
                }
                if disk
                    && (place::is_temporary(&target)
                        || contains(&target, "host")
                        || contains(&target, "/mnt")
                        || contains(&target, "root"))
                {
                    self.remember(&target, File { executable: true, ..File::default() });
                    self.fact(Fact::EscapeMount, &line);
                }
            }
            b"capsh" => {
                self.looked("capabilities");
            }
            b"cdk" | b"deepce.sh" | b"amicontained" | b"peirates" | b"kubeletctl" | b"kube-hunter"
            | b"botb" => self.fact(Fact::EscapeHost, &call.name),
            b"debugfs" => self.fact(Fact::EscapeMount, &line),
            b"etcdctl" if call.has(&["get"]) => {
                self.fact(Fact::ClusterReach, &line);
            }
            b"etcdctl" if call.has(&["del"]) && call.has(&["--prefix", "--from-key"]) => {
                self.fact(Fact::DeletesData, &line);
            }
            b"helm" if call.has(&["uninstall", "delete"]) && call.says(WATCHERS) => {
                self.fact(Fact::DefenceStopped, &line);
            }
            _ => {}
        }
        for argument in call.arguments.iter().take(64) {
            let path = &argument.text;
            match Place::of(path) {
                Place::RuntimeSocket => {
                    let path = path.clone();
                    self.fact(Fact::RuntimeSocket, &path);
                }
                Place::HostRoot if !call.is(&["cd", "echo"]) => {
                    let path = path.clone();
                    self.fact(Fact::EscapeMount, &path);
                }
                _ => {}
            }
        }
    }

    fn runtime(&mut self, call: &Call<'_>, line: &[u8]) {
        let has = |part: &str| contains(line, part);
        let whole = has("-v /:/")
            || has("--volume /:")
            || has("--volume=/:")
            || has("type=bind,src=/,")
            || has("source=/,")
            || has("-v=/:");
        let host = has("--privileged")
            || has("--pid=host")
            || has("--pid host")
            || has("--cap-add=ALL")
            || has("--cap-add=SYS_ADMIN")
            || has("--cap-add SYS_ADMIN");
        if whole && !has(":ro") || host && (has("nsenter") || has("chroot")) {
            self.fact(Fact::EscapePod, line);
        }
        if has("-H tcp://") || has("-H=tcp") || has("--host tcp") {
            self.fact(Fact::RuntimeSocket, line);
        }
        if has("rm -f") && (has("$(") || call.arguments.iter().any(|a| a.text.contains(&0))) {
            self.fact(Fact::DeletesData, line);
        }
        let at = call.arguments.iter().position(|a| {
            matches!(&a.text[..], b"sh" | b"bash" | b"/bin/sh" | b"/bin/bash" | b"chroot" | b"nsenter")
        });
        if let Some(at) = at.filter(|_| call.has(&["run", "exec"])) {
            self.command(&call.arguments[at..], call.input, call.manner);
        }
    }

    fn cluster(&mut self, call: &Call<'_>, line: &[u8]) {
        let text = [line, b"\n", &call.input.text[..call.input.text.len().min(16_384)]].concat();
        let has = |part: &str| contains(&text, part);
        let mut manifest = text.clone();
        for file in call.operands().map(|a| a.text.clone()).collect::<Vec<_>>() {
            let path = self.path(&file);
            if let Some(content) = self.files.get(&path).and_then(|f| f.content.clone()) {
                manifest.extend_from_slice(&content.text[..content.text.len().min(16_384)]);
            }
        }
        let says = |part: &str| contains(&manifest, part);
        let creates = call.has(&["apply", "create", "run", "replace", "patch"]);
        let privileged =
            says("privileged: true") || says("\"privileged\":true") || says("\"privileged\": true");
        if creates
            && (says("hostPID")
                || privileged && call.has(&["patch"])
                || says("hostPath")
                    && (says("path: /\n")
                        || says("\"path\":\"/\"")
                        || says("\"path\": \"/\"")
                        || says("path: \"/\""))
                || says("privileged: true") && (says("nsenter") || says("chroot") || says("hostPath"))
                || says("\"privileged\":true") && says("hostP"))
        {
            self.fact(Fact::EscapePod, line);
        }
        if has("get secret") || has("get secrets") || has("describe secret") {
            self.secret(Fact::SecretCluster, line);
        }
        if has("auth can-i")
            || has("--token")
            || has("get pods --all-namespaces") && self.has(Fact::SecretToken)
        {
            self.fact(Fact::ClusterReach, line);
        }
        if has("clusterrolebinding") && creates && (says("cluster-admin") || says("ClusterRoleBinding")) {
            self.fact(Fact::ClusterRights, line);
        }
        if call.has(&["delete", "scale", "patch"])
            && call.says(WATCHERS)
            && (!call.has(&["patch"]) || has("nodeSelector") || has("replicas"))
            || has("delete validatingwebhookconfiguration")
                && (has("--all") || POLICIES.iter().any(|name| has(name)))
        {
            self.fact(Fact::DefenceStopped, line);
        }
        if call.has(&["delete", "scale", "patch"])
            && call.taint().has(Taint::PROCESSES)
            && !self.tally.sought.is_empty()
        {
            let sought = std::mem::take(&mut self.tally.sought);
            self.stopped(&sought);
        }
        if call.has(&["delete"]) && call.has(&["events", "event"]) {
            self.fact(Fact::LogsRemoved, line);
        }
        if has("delete")
            && (has("--all")
                || has("--all-namespaces")
                || has(" -A")
                || has("delete ns")
                || has("delete namespace"))
        {
            self.fact(Fact::DeletesData, line);
        }
        if call.has(&["exec"])
            && let Some(at) = call.arguments.iter().position(|a| a.text == b"--")
        {
            if self.loops > 0 {
                self.fact(Fact::RemoteMany, b"kubectl exec");
            }
            self.spend(call.arguments.iter().map(|argument| 64 + argument.text.len()).sum());
            let inner: Vec<Value> = call.arguments[at + 1..].to_vec();
            self.command(&inner, call.input, call.manner);
        }
        if call.has(&["create"]) && call.has(&["cronjob"]) {
            self.fact(Fact::CronAdded, line);
        }
        if call.has(&["debug"]) && has("node/") {
            self.fact(Fact::EscapePod, line);
        }
    }
}
