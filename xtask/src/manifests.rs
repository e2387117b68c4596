//! `cargo xtask manifests`: plain manifests made from the Helm chart, and the chart's own tests.

use std::{
    fs,
    io::Write,
    path::PathBuf,
    process::{Command, Output, Stdio},
};

use anyhow::{Context, bail, ensure};
use serde_json::{Value, json};

use crate::{layout::root, setup::python, step::Step};

/// Release and namespace of the plain manifests.
const NAME: &str = "scriptwatch";
/// Versions of Kubernetes whose schemas the result must fit.
const KUBERNETES: [&str; 2] = ["1.30", "1.33"];

/// Who may resolve names: pods of kube-system, and the addresses of two services of GKE.
const RESOLVERS: [&str; 3] = ["kube-system/", "169.254.169.254", "169.254.20.10"];

/// What stands before the rendered objects: they need a namespace, and the chart does not make one.
const HEAD: &str = "# Made from deploy/chart by `cargo xtask manifests`; change that.
#
# It needs Kubernetes 1.30, which writes into tokens of pods on which node they are; for older ones use the chart.
# The collector needs a certificate, and sensors its authority. After the namespace is made:
#
#     openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -keyout tls.key -out tls.crt -subj '/CN=scriptwatch collector' \\
#         -addext basicConstraints=critical,CA:FALSE -addext subjectAltName=DNS:scriptwatch-collector.scriptwatch.svc
#     kubectl -n scriptwatch create secret tls scriptwatch-collector-tls --cert=tls.crt --key=tls.key
#     kubectl -n scriptwatch create secret generic scriptwatch-collector-ca --from-file=ca.crt=tls.crt
apiVersion: v1
kind: Namespace
metadata:
  name: scriptwatch
  labels:
    # Host PID namespace, host paths and capabilities: what a sensor needs and the other levels forbid.
    pod-security.kubernetes.io/enforce: privileged
---
";

fn plain() -> PathBuf {
    root().join("deploy/kubernetes/scriptwatch.yaml")
}

fn allowlist() -> PathBuf {
    root().join("deploy/kubernetes/autopilot-allowlist.yaml")
}

/// What stands before the allowlist.
const ALLOWLIST_HEAD: &str = "# Made from deploy/chart by `cargo xtask manifests`; change that. For other values than the chart's, and for your image, see
# docs/deploy.md, \"GKE Autopilot\".
";

fn values() -> PathBuf {
    root().join("docs/values.md")
}

/// Helm's own code, and the schemas of the Kubernetes API.
pub(crate) struct Tools {
    python: PathBuf,
}

/// Sets them up.
pub(crate) fn tools() -> anyhow::Result<Tools> {
    // The wheels ask for a newer Python than they need.
    let flags = ["--ignore-requires-python"];
    let python = python::environment("chart", &[&root().join("deploy/requirements.txt")], &flags)?;
    Ok(Tools { python })
}

impl Tools {
    fn script(&self, args: &[&str], input: &str) -> anyhow::Result<Output> {
        self.script_with(args, input, &[])
    }

    fn script_with(
        &self,
        args: &[&str],
        input: &str,
        environment: &[(&str, &str)],
    ) -> anyhow::Result<Output> {
        let mut child = Command::new(&self.python)
            .envs(environment.iter().copied())
            .current_dir(root().join("deploy"))
            .arg("render.py")
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("python cannot be started")?;
        if let Some(mut stdin) = child.stdin.take() {
            // A script that ends early says why.
            let _ = stdin.write_all(input.as_bytes());
        }
        Ok(child.wait_with_output()?)
    }

    /// The manifest, or what Helm says against these values.
    fn render(&self, values: &Value) -> anyhow::Result<Result<String, String>> {
        self.render_in(values, &[])
    }

    /// As above, in a cluster that is as `render.py` is told: `KUBE_DNS` is that service's address, `KUBERNETES` the version,
    /// `SECRET` the collector's certificate. With `NOTES`, what Helm says instead of the manifest.
    fn render_in(&self, values: &Value, cluster: &[(&str, &str)]) -> anyhow::Result<Result<String, String>> {
        let file = tempfile::NamedTempFile::new()?;
        fs::write(file.path(), serde_json::to_vec(values)?)?;
        let path = file.path().to_str().context("a path that is not UTF-8")?;
        let output = self.script_with(&["chart", NAME, NAME, path], "", cluster)?;
        if output.status.success() {
            return Ok(Ok(String::from_utf8(output.stdout)?));
        }
        Ok(Err(String::from_utf8_lossy(&output.stderr).into_owned()))
    }

    /// Fails when an object does not fit a schema.
    fn check(&self, manifest: &str) -> anyhow::Result<()> {
        let output = self.script(&[&["--check"], &KUBERNETES[..]].concat(), manifest)?;
        ensure!(output.status.success(), "{}", text(&output.stderr));
        Ok(())
    }

    fn rendered(&self) -> anyhow::Result<String> {
        // A key that the chart makes belongs into no file.
        let values = json!({
            "collector": { "tls": { "secretName": "scriptwatch-collector-tls" } },
            "sensor": { "tls": { "secretName": "scriptwatch-collector-ca" } },
        });
        let objects = self.render(&values)?.map_err(anyhow::Error::msg)?;
        Ok(format!("{HEAD}{objects}"))
    }

    /// What the end-to-end tests install into a cluster of their own: the chart as it is, as an upgrade changes it (with the
    /// certificate that is there), and the pod of `helm test`.
    pub(crate) fn for_cluster(&self) -> anyhow::Result<PathBuf> {
        let dir = root().join("target/chart");
        fs::create_dir_all(&dir)?;
        let installed = self.render(&json!({}))?.map_err(anyhow::Error::msg)?;
        let secret = document(&installed, "Secret", &format!("{NAME}-collector-tls"))?;
        let other = json!({
            "collector": { "port": 7610, "retentionDays": 30 },
            "sensor": { "config": { "operating_point": "sensitive" } },
        });
        let cluster = [("SECRET", secret)];
        let upgraded = self.render_in(&other, &cluster)?.map_err(anyhow::Error::msg)?;
        let test = self.render_in(&json!({}), &[("HOOKS", "1")])?.map_err(anyhow::Error::msg)?;
        for (name, text) in [("installed", installed), ("upgraded", upgraded), ("test", test)] {
            fs::write(dir.join(format!("{name}.yaml")), text)?;
        }
        Ok(dir)
    }

    /// A table of the chart's values.
    fn table(&self) -> anyhow::Result<String> {
        let output = self.script(&["--values", "chart"], "")?;
        ensure!(output.status.success(), "{}", text(&output.stderr));
        Ok(String::from_utf8(output.stdout)?)
    }

    /// What lets the sensor's pods run on GKE Autopilot.
    fn allowlist(&self) -> anyhow::Result<String> {
        let output = self.script(&["--allowlist"], &self.rendered()?)?;
        ensure!(output.status.success(), "{}", text(&output.stderr));
        Ok(format!("{ALLOWLIST_HEAD}{}", String::from_utf8(output.stdout)?))
    }

    /// The pod of `helm test` is where the database is, and there is none without one.
    fn test_pod(&self) -> anyhow::Result<()> {
        let hooks = |values: Value| self.render_in(&values, &[("HOOKS", "1")])?.map_err(anyhow::Error::msg);
        for (values, claim) in [(json!({}), "scriptwatch-collector"), (every_option(), "watch-index")] {
            let pod = hooks(values)?;
            self.check(&pod)?;
            let component = claim.rsplit('-').next().unwrap_or_default();
            for text in [
                format!("claimName: {claim}\n"),
                format!("app.kubernetes.io/component: {component}\n"),
                "helm.sh/hook: test\n".to_owned(),
                format!("\"--pod\", \"{}-test\"", claim.split('-').next().unwrap_or_default()),
            ] {
                ensure!(pod.contains(&text), "{text:?} is not rendered in\n{pod}");
            }
        }
        for none in [
            json!({ "test": { "enabled": false } }),
            json!({ "test": null }),
            json!({ "collector": { "persistence": { "enabled": false } } }),
            json!({ "collector": { "enabled": false, "url": "https://c.example:7600" } }),
        ] {
            ensure!(hooks(none.clone())?.is_empty(), "{none}: there is a test that cannot pass");
        }
        Ok(())
    }

    /// Who may connect where: names of every kind of resolver, and the metadata server before and after translation.
    fn policy(&self) -> anyhow::Result<()> {
        let sinks = json!({ "networkPolicy": { "collectorEgress": [{ "ports": [{ "port": 443 }] }] } });
        let usual = self.rendered()?;
        let in_gke = self.render_in(&sinks, &[("KUBE_DNS", "10.8.0.10")])?.map_err(anyhow::Error::msg)?;
        let allows = |manifest: &str, component: &str, protocol: &str, to: &str, port: u16| {
            self.script(&["--allows", component, protocol, to, &port.to_string()], manifest)
        };
        for protocol in ["UDP", "TCP"] {
            let more = [("sensor", &in_gke), ("collector", &in_gke)].map(|(c, m)| (c, m, "10.8.0.10"));
            let names = RESOLVERS
                .into_iter()
                .flat_map(|to| [("sensor", &usual, to), ("sensor", &in_gke, to), ("collector", &in_gke, to)]);
            for (component, manifest, to) in names.chain(more) {
                let output = allows(manifest, component, protocol, to, 53)?;
                ensure!(output.status.success(), "{}", text(&output.stderr));
            }
        }
        for (to, port) in [("169.254.169.254", 80), ("10.128.0.7", 988)] {
            let output = allows(&usual, "sensor", "TCP", to, port)?;
            ensure!(output.status.success(), "{}", text(&output.stderr));
        }
        // The Kubernetes API, for the keys of tokens.
        for (to, port) in [("10.0.0.1", 443), ("172.16.0.2", 6443)] {
            let output = allows(&usual, "collector", "TCP", to, port)?;
            ensure!(output.status.success(), "{}", text(&output.stderr));
        }
        let without = json!({ "collector": { "nodeTokens": false } });
        let without = self.render(&without)?.map_err(anyhow::Error::msg)?;
        for (manifest, component, to, port) in [
            (&usual, "sensor", "10.8.0.10", 53),
            (&usual, "sensor", "10.128.0.7", 443),
            (&usual, "collector", "10.128.0.7", 80),
            (&without, "collector", "10.0.0.1", 443),
            (&without, "collector", "kube-system/", 53),
        ] {
            let output = allows(manifest, component, "TCP", to, port)?;
            ensure!(!output.status.success(), "{component} may connect to {to}:{port}");
        }
        Ok(())
    }

    /// Without a word connections are encrypted, and each sensor speaks for its node; where it is not so, the notes warn.
    fn identities(&self) -> anyhow::Result<()> {
        let none = json!({});
        let render = |cluster: &[(&str, &str)]| self.render_in(&none, cluster)?.map_err(anyhow::Error::msg);
        let made = render(&[])?;
        for text in [
            "collector = \"https://scriptwatch-collector.scriptwatch.svc:7600\"\n",
            "tls_ca = \"/etc/scriptwatch-tls/ca.crt\"\n",
            "token_file = \"/var/run/secrets/scriptwatch/token\"\n",
            "audience: \"scriptwatch-collector\"\n",
            "value: system:serviceaccount:scriptwatch:scriptwatch-sensor\n",
            "appProtocol: https\n",
        ] {
            ensure!(made.contains(text), "{text:?} is not rendered");
        }
        ensure!(!made.contains("SCRIPTWATCH_COLLECTOR_PLAINTEXT"), "connections are not encrypted");
        let entry = |manifest: &str, name: &str| -> anyhow::Result<String> {
            let line = manifest.lines().find_map(|line| line.trim().strip_prefix(name));
            Ok(line.with_context(|| format!("no {name}"))?.trim().to_owned())
        };
        let (ca, crt) = (entry(&made, "ca.crt: LS")?, entry(&made, "tls.crt:")?);
        ensure!(made.matches("tls.key:").count() == 1, "the key is in more than one object");
        ensure!(entry(&render(&[])?, "tls.crt:")? != crt, "the certificate is always the same");
        // What is there stays, until it is old.
        let secret = |age_days: u64| {
            let made = clock_unix().saturating_sub(age_days * 24 * 3600).to_string();
            json!({
                "kind": "Secret", "apiVersion": "v1",
                "metadata": {
                    "name": "scriptwatch-collector-tls", "namespace": NAME,
                    "labels": { "app.kubernetes.io/managed-by": "Helm" },
                    "annotations": {
                        "scriptwatch.dev/made": made,
                        "meta.helm.sh/release-name": NAME, "meta.helm.sh/release-namespace": NAME,
                    },
                },
                "data": { "ca.crt": format!("LS{ca}"), "tls.crt": crt, "tls.key": "eA==" },
            })
            .to_string()
        };
        let kept = render(&[("SECRET", &secret(5 * 365 - 1))])?;
        ensure!(
            entry(&kept, "tls.crt:")? == crt
                && entry(&kept, "ca.crt: LS")? == ca
                && entry(&kept, "tls.key:")? == "eA==",
            "an upgrade makes another certificate"
        );
        let renewed = render(&[("SECRET", &secret(5 * 365 + 1))])?;
        ensure!(entry(&renewed, "tls.crt:")? != crt, "an old certificate stays");
        let notes = |values: Value, version: &str| {
            self.render_in(&values, &[("NOTES", "1"), ("KUBERNETES", version)])?.map_err(anyhow::Error::msg)
        };
        let plaintext = json!({ "collector": { "plaintext": true } });
        for (values, version, warns) in [
            (none.clone(), "1.30.0", false),
            (none.clone(), "1.33.5-gke.1080000", false),
            (none.clone(), "1.29.9", true),
            (json!({ "collector": { "nodeTokens": false } }), "1.33.0", true),
            (
                json!({ "collector": { "tls": { "secretName": "c", "clientCertificates": true } } }),
                "1.29.0",
                false,
            ),
            (json!({ "collector": { "enabled": false, "url": "http://c.example:7600" } }), "1.33.0", true),
            (json!({ "sensor": { "config": { "collector": "http://c.example:7600" } } }), "1.33.0", true),
            (json!({ "collector": { "enabled": false, "url": "https://c.example:7600" } }), "1.29.0", false),
            (json!({ "collector": { "enabled": false } }), "1.29.0", false),
            (plaintext.clone(), "1.33.0", true),
        ] {
            let said = notes(values.clone(), version)?;
            ensure!(said.contains("WARNING") == warns, "{values}, Kubernetes {version}: {said}");
        }
        // An upgrade with --reuse-values has nothing where the chart has new values.
        let reused = json!({
            "collector": { "plaintext": null, "nodeTokens": null, "tokenAudience": null, "tls": { "issuerRef": null } },
            "networkPolicy": { "apiServer": null, "collectorEgress": null },
        });
        let reused = self.render(&reused)?.map_err(anyhow::Error::msg)?;
        // Certificates are long lines of random letters.
        let tokens = |manifest: &str| -> Vec<String> {
            let lines = manifest.lines().filter(|line| line.contains("oken") && line.len() < 200);
            lines.map(str::to_owned).collect()
        };
        ensure!(reused.contains("port: 16443"), "the Kubernetes API cannot be reached");
        ensure!(tokens(&reused) == tokens(&made), "an upgrade that reuses values changes who is believed");
        // What is given in the sensors' own configuration stands, and once.
        let given = json!({ "sensor": { "config": {
            "collector": "https://c.example:7600", "tls_ca": "/ca.pem", "token_file": "/token",
        } } });
        let given = self.render(&given)?.map_err(anyhow::Error::msg)?;
        for line in [
            "tls_ca = \"/ca.pem\"\n",
            "token_file = \"/token\"\n",
            "collector = \"https://c.example:7600\"\n",
        ] {
            let key = line.split('=').next().unwrap_or_default();
            ensure!(
                given.contains(line) && given.matches(&format!("    {key}=")).count() == 1,
                "{line:?} does not stand"
            );
        }
        let open = self.render(&plaintext)?.map_err(anyhow::Error::msg)?;
        ensure!(open.contains("collector = \"http://"), "plaintext is not plain");
        ensure!(!open.contains("serviceAccountToken"), "a token would be sent unencrypted");
        Ok(())
    }

    /// Whatever changes the sensors' configuration replaces their pods, and every option stands where it belongs.
    fn pods_are_replaced(&self) -> anyhow::Result<()> {
        let hash = |values: Value| -> anyhow::Result<String> {
            let manifest = self.render(&values)?.map_err(anyhow::Error::msg)?;
            let line = manifest.lines().find_map(|line| line.trim().strip_prefix("checksum/config: "));
            Ok(line.context("the pods bear no hash of their configuration")?.to_owned())
        };
        let usual = hash(json!({}))?;
        for values in [
            json!({ "sensor": { "port": 7611 } }),
            json!({ "sensor": { "probePort": 7613 } }),
            json!({ "collector": { "nodeTokens": false } }),
            json!({ "sensor": { "shellProbes": false } }),
            json!({ "collector": { "plaintext": true } }),
            json!({ "collector": { "tls": { "secretName": "c" } } }),
            json!({ "collector": { "port": 7610 } }),
            json!({ "podMonitor": { "enabled": true } }),
        ] {
            let message = format!("{values} changes the configuration and replaces no pods");
            ensure!(hash(values)? != usual, "{message}");
        }
        let all = self.render(&every_option())?.map_err(anyhow::Error::msg)?;
        for text in [
            "name: watch-sensor\n",
            "https://watch-collector.",
            "value: system:serviceaccount:scriptwatch:watch-sensor\n",
            "/run/crio/crio.sock",
            "type: spc_t",
            "team: security",
            "iam.gke.io/gcp-service-account: scc@p.iam.gserviceaccount.com",
            "\"--script-bytes\",\"65536\"",
            "name: TZ\n",
            "kind: PodDisruptionBudget",
            "redact = \"/etc/scriptwatch/redact.toml\"\n",
            "  redact.toml: |\n    [[redact]]\n",
            "helm.sh/resource-policy: keep",
            "topologyKey: topology.kubernetes.io/zone",
            "release: prometheus",
            "kind: PrometheusRule",
            "summary: \"{{ $value }} sensors say nothing: nobody watches the scripts of their nodes\"",
            "grafana_dashboard: \"1\"",
            "\"uid\": \"scriptwatch\"",
        ] {
            ensure!(all.contains(text), "{text:?} is not rendered");
        }
        ensure!(!all.contains("runAsUser: 65532"), "the pod's users cannot be left to OpenShift");
        Ok(())
    }

    /// The chart renders, fits the schemas, refuses nonsense, and the plain manifests are made from it.
    pub(crate) fn test(&self) -> anyhow::Result<()> {
        let step = Step::begin("the Helm chart and the manifests");
        let lint = self.script(&["--lint", "chart"], "")?;
        ensure!(lint.status.success(), "{}", text(&lint.stderr));
        for values in [
            json!({}),
            json!({ "podMonitor": { "enabled": true } }),
            json!({
                "collector": { "tls": { "secretName": "c", "clientCertificates": true } },
                "sensor": { "tls": { "secretName": "s", "identity": true } },
            }),
            json!({
                "podMonitor": { "enabled": true, "apiVersion": "monitoring.googleapis.com/v1" },
                "prometheusRule": { "enabled": true, "apiVersion": "monitoring.googleapis.com/v1" },
            }),
            json!({ "collector": { "enabled": false, "url": "https://collector.example:7600" } }),
            json!({ "collector": { "plaintext": true } }),
            json!({ "collector": { "tls": { "issuerRef": { "name": "i", "kind": "ClusterIssuer" }, "clientCertificates": true } } }),
            json!({
                "collector": {
                    "jetstream": { "url": "jetstream://nats:4222/findings?replicas=3", "replicas": 3 },
                    "tls": { "secretName": "c" },
                    "extraEnv": [{ "name": "SCRIPTWATCH_COLLECTOR_JSON_LINES", "value": "-" }],
                    "extraVolumes": [{ "name": "x", "emptyDir": {} }],
                    "extraVolumeMounts": [{ "name": "x", "mountPath": "/x" }],
                },
                "networkPolicy": { "collectorEgress": [{ "ports": [{ "port": 4222 }] }] },
                "podMonitor": { "enabled": true },
            }),
            json!({ "collector": { "persistence": { "enabled": false } }, "networkPolicy": { "enabled": false } }),
            json!({ "image": { "repository": "r.example/s", "digest": format!("sha256:{}", "0".repeat(64)) } }),
            json!({ "sensor": { "shellProbes": false } }),
            json!({ "sensor": { "respond": "audit", "responseRules": "[[respond]]\naction = \"none\"\nreason = \"r\"" } }),
            json!({ "sensor": { "appArmorProfile": null, "priorityClassName": "" } }),
            every_option(),
        ] {
            let manifest = self.render(&values)?.map_err(anyhow::Error::msg).context(values.to_string())?;
            self.check(&manifest).with_context(|| values.to_string())?;
        }
        let killing =
            self.render(&json!({ "sensor": { "respond": "kill" } }))?.map_err(anyhow::Error::msg)?;
        ensure!(killing.contains("- KILL\n"), "respond = kill needs CAP_KILL");
        let holding =
            self.render(&json!({ "sensor": { "respond": "hold" } }))?.map_err(anyhow::Error::msg)?;
        ensure!(holding.contains("- KILL\n"), "respond = hold needs CAP_KILL");
        ensure!(holding.contains("mountPath: /sys/fs/bpf\n"), "respond = hold needs the BPF file system");
        self.check(&holding).context("respond = hold")?;
        self.pods_are_replaced()?;
        self.identities()?;
        let usual = self.rendered()?;
        ensure!(!usual.contains("- KILL\n"), "CAP_KILL is granted without need");
        ensure!(!usual.contains("- SYS_ADMIN\n"), "CAP_SYS_ADMIN is granted without need");
        let older =
            self.render(&json!({ "sensor": { "olderKernels": true } }))?.map_err(anyhow::Error::msg)?;
        ensure!(older.contains("- SYS_ADMIN\n"), "kernels before 6.6 need CAP_SYS_ADMIN");
        ensure!(!usual.contains("/sys/fs/bpf"), "the BPF file system is mounted without need");
        for (values, says) in [
            (json!({ "sensor": { "respond": "stop" } }), "/sensor/respond"),
            (json!({ "sensor": { "port": 80 } }), "/sensor/port"),
            (json!({ "sensro": {} }), "sensro"),
            (json!({ "sensor": { "capabilities": ["CAP_BPF"] } }), "/sensor/capabilities"),
            (json!({ "collector": { "url": "collector:7600" } }), "/collector/url"),
            (json!({ "collector": { "jetstream": { "url": "nats://n:4222" } } }), "/collector/jetstream/url"),
            (
                json!({ "collector": { "plaintext": true, "tls": { "secretName": "c" } } }),
                "contradict each other",
            ),
            (json!({ "collector": { "plaintext": true, "nodeTokens": true } }), "not sent unencrypted"),
            (json!({ "collector": { "tls": { "clientCertificates": true } } }), "collector.tls.secretName"),
            (json!({ "sensor": { "tls": { "secretName": "s" } } }), "by another"),
            (json!({ "image": { "digest": "sha256:0" } }), "/image/digest"),
            (json!({ "nameOverride": "-a" }), "/nameOverride"),
            (json!({ "sensor": { "runtimeSocket": "/run/crio/crio.sock" } }), "/sensor/runtimeSocket"),
        ] {
            match self.render(&values)? {
                Ok(_) => bail!("{values} is accepted"),
                Err(why) => ensure!(why.contains(says), "{values}: {why:?} does not name {says}"),
            }
        }
        self.policy()?;
        self.test_pod()?;
        let table = fs::read_to_string(values()).unwrap_or_default();
        ensure!(
            table == self.table()?,
            "{} is not up to date: run `cargo xtask manifests`",
            values().display()
        );
        let committed = fs::read_to_string(allowlist()).unwrap_or_default();
        ensure!(
            committed == self.allowlist()?,
            "{} is not up to date: run `cargo xtask manifests`",
            allowlist().display()
        );
        let committed = fs::read_to_string(plain()).unwrap_or_default();
        ensure!(
            committed == self.rendered()?,
            "{} is not up to date: run `cargo xtask manifests`",
            plain().display()
        );
        step.done();
        Ok(())
    }
}

/// An object of a manifest.
fn document<'a>(manifest: &'a str, kind: &str, name: &str) -> anyhow::Result<&'a str> {
    let (kind, name) = (format!("\nkind: {kind}\n"), format!("\n  name: {name}\n"));
    let mut documents = manifest.split("\n---\n");
    let found = documents.find(|document| document.contains(&kind) && document.contains(&name));
    found.with_context(|| format!("no{kind}of{name}is rendered"))
}

/// What platform teams set.
fn every_option() -> Value {
    let pods = json!({
        "affinity": { "nodeAffinity": { "requiredDuringSchedulingIgnoredDuringExecution": { "nodeSelectorTerms": [
            { "matchExpressions": [{ "key": "pool", "operator": "In", "values": ["a"] }] }
        ] } } },
        "podAnnotations": { "team": "security" },
        "podLabels": { "team": "security" },
        "serviceAccountAnnotations": { "iam.gke.io/gcp-service-account": "scc@p.iam.gserviceaccount.com" },
        "extraEnv": [{ "name": "TZ", "value": "UTC" }],
    });
    let with = |more: Value| -> Value {
        let (mut pods, more) = (pods.clone(), more);
        if let (Some(pods), Some(more)) = (pods.as_object_mut(), more.as_object()) {
            pods.extend(more.clone());
        }
        pods
    };
    json!({
        "nameOverride": "watch",
        "sensor": with(json!({
            "runtimeDirectory": "/run/crio",
            "runtimeSocket": "crio.sock",
            "seLinuxOptions": { "type": "spc_t" },
            "extraArgs": ["--script-bytes", "65536"],
            "redactions": "[[redact]]\nname = \"key\"\npattern = \"AKIA\"",
        })),
        "collector": with(json!({
            "jetstream": { "url": "jetstream://nats:4222/findings?replicas=3", "replicas": 3 },
            "extraArgs": ["--retention-mib", "4096"],
            "priorityClassName": "high",
            "persistence": { "keep": true },
            "podSecurityContext": { "runAsUser": null, "runAsGroup": null, "fsGroup": null },
            "topologySpreadConstraints": [{
                "maxSkew": 1,
                "topologyKey": "topology.kubernetes.io/zone",
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": { "matchLabels": { "team": "security" } },
            }],
        })),
        "podMonitor": { "enabled": true, "labels": { "release": "prometheus" } },
        "prometheusRule": { "enabled": true },
        "grafanaDashboard": { "enabled": true },
    })
}

fn clock_unix() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |now| now.as_secs())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim().to_owned()
}

/// Writes the plain manifests.
pub(crate) fn write() -> anyhow::Result<()> {
    let tools = tools()?;
    let manifest = tools.rendered()?;
    tools.check(&manifest)?;
    fs::create_dir_all(plain().parent().unwrap_or(&root()))?;
    fs::write(plain(), manifest)?;
    fs::write(values(), tools.table()?)?;
    fs::write(allowlist(), tools.allowlist()?)?;
    println!("{}\n{}\n{}", plain().display(), allowlist().display(), values().display());
    Ok(())
}
