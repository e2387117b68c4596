"""Renders a chart with Helm's own code and checks the result against the schemas of the Kubernetes API.

    python render.py CHART RELEASE NAMESPACE [VALUES.json]     writes YAML to standard output, NOTES=1: what Helm says, HOOKS=1: the
                                                               pods of `helm test`
    python render.py --allowlist < YAML                        writes what lets the sensor's pods run on GKE Autopilot
    python render.py --values CHART                            writes a table of the chart's values
    python render.py --lint CHART
    python render.py --check VERSION… < YAML
    python render.py --allows COMPONENT PROTOCOL TO PORT < YAML   TO is an address, or NAMESPACE/ for a pod there

Used where no `helm` is installed. Helm's library can only install, so it installs into a cluster that is not there: a server
on loopback answers what Helm asks of an API server before it creates anything, and the manifest is taken from the
release that Helm stores first. Nothing is created anywhere.
"""

import base64
import ctypes
import glob
import gzip
import http.server
import importlib.util
import ipaddress
import json
import os
import re
import sys
import tempfile
import threading


def library():
    """Helm as a shared library, from the wheel; its Python half wants a newer Python than some have."""
    package = os.path.dirname(importlib.util.find_spec("helm_sdkpy").origin)
    machine = {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine]
    lib = ctypes.CDLL(glob.glob(f"{package}/_lib/linux-{machine}/*.so")[0])
    lib.helm_sdkpy_last_error.restype = ctypes.c_char_p
    return lib


def plural(kind):
    if kind.endswith("s"):
        return kind.lower()
    return kind.lower().removesuffix("y") + "ies" if kind.endswith("y") else kind.lower() + "s"


def group(name, version, *kinds):
    resources = [
        {"name": plural(kind), "kind": kind, "namespaced": True,
         "verbs": ["create", "get", "list", "patch", "update", "delete"]}
        for kind in kinds
    ]
    group_version = f"{name}/{version}" if name else version
    return group_version, {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version,
                           "resources": resources}


GROUPS = dict([
    group("", "v1", "ConfigMap", "PersistentVolumeClaim", "ResourceQuota", "Secret", "Service", "ServiceAccount", "Namespace"),
    group("apps", "v1", "DaemonSet", "Deployment"),
    group("cert-manager.io", "v1", "Certificate"),
    group("networking.k8s.io", "v1", "NetworkPolicy"),
    group("policy", "v1", "PodDisruptionBudget"),
    group("monitoring.coreos.com", "v1", "PodMonitor", "PrometheusRule"),
    group("monitoring.googleapis.com", "v1", "PodMonitoring", "Rules"),
])


VERSION = os.environ.get("KUBERNETES", "1.33.0")


class ApiServer(http.server.BaseHTTPRequestHandler):
    """Answers discovery, knows of no object but those in the environment, and keeps the first release that it is given."""

    release = None

    def log_message(self, *_):
        pass

    def reply(self, status, body):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        path = self.path.split("?")[0].rstrip("/")
        if path == "/version":
            self.reply(200, {"major": "1", "minor": VERSION.split(".")[1], "gitVersion": f"v{VERSION}"})
        elif path == "/api":
            self.reply(200, {"kind": "APIVersions", "versions": ["v1"]})
        elif path == "/apis":
            named = [gv.split("/") for gv in GROUPS if "/" in gv]
            self.reply(200, {"kind": "APIGroupList", "apiVersion": "v1", "groups": [
                {"name": g, "versions": [{"groupVersion": f"{g}/{v}", "version": v}],
                 "preferredVersion": {"groupVersion": f"{g}/{v}", "version": v}} for g, v in named]})
        elif path.removeprefix("/apis/").removeprefix("/api/") in GROUPS:
            self.reply(200, GROUPS[path.removeprefix("/apis/").removeprefix("/api/")])
        elif path == "/api/v1/namespaces/kube-system/services/kube-dns" and "KUBE_DNS" in os.environ:
            self.reply(200, {"kind": "Service", "apiVersion": "v1", "metadata": {"name": "kube-dns"},
                             "spec": {"clusterIP": os.environ["KUBE_DNS"]}})
        elif path.endswith("-collector-tls") and "SECRET" in os.environ:
            import yaml

            secret = yaml.safe_load(os.environ["SECRET"])
            # Helm writes into what it creates whose it is.
            secret["metadata"].setdefault("annotations", {}).update(
                {"meta.helm.sh/release-name": sys.argv[2], "meta.helm.sh/release-namespace": sys.argv[3]})
            self.reply(200, secret)
        elif path.endswith("/secrets"):
            self.reply(200, {"kind": "SecretList", "apiVersion": "v1", "metadata": {}, "items": []})
        else:
            self.reply(404, {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound",
                             "code": 404, "message": "not found"})

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        # A release is a Secret in Protobuf's encoding; in it is gzip in base64, which begins like this.
        release = re.search(rb"H4sI[A-Za-z0-9+/]+=*", body)
        if release and ApiServer.release is None:
            ApiServer.release = json.loads(gzip.decompress(base64.b64decode(release[0])))
        self.reply(403, {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Forbidden",
                         "code": 403, "message": "nothing is created here"})

    do_PUT = do_PATCH = do_DELETE = do_POST


class Server(http.server.ThreadingHTTPServer):
    # Helm asks for all groups at once, and would wait a second for each connection that finds no room.
    request_queue_size = 64


def call(lib, function, *arguments):
    result = ctypes.c_char_p()
    status = function(*arguments, ctypes.byref(result))
    return status, result.value, (lib.helm_sdkpy_last_error() or b"").decode()


def connect(lib, directory, server, namespace):
    config = os.path.join(directory, "kubeconfig")
    with open(config, "w") as file:
        json.dump({
            "apiVersion": "v1", "kind": "Config", "current-context": "x",
            "clusters": [{"name": "x", "cluster": {"server": server}}],
            "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}],
            "users": [{"name": "x", "user": {}}],
        }, file)
    handle = ctypes.c_ulonglong()
    if lib.helm_sdkpy_config_create(namespace.encode(), config.encode(), b"x", b"{}", ctypes.byref(handle)):
        sys.exit(f"helm: {(lib.helm_sdkpy_last_error() or b'').decode()}")
    return handle


def render(chart, release, namespace, values):
    server = Server(("127.0.0.1", 0), ApiServer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    lib = library()
    with tempfile.TemporaryDirectory() as directory:
        os.environ["HOME"] = directory
        handle = connect(lib, directory, f"http://127.0.0.1:{server.server_address[1]}", namespace)
        _, _, error = call(lib, lib.helm_sdkpy_install, handle, release.encode(), os.path.abspath(chart).encode(),
                           json.dumps(values).encode(), b"", b"{}")
    if ApiServer.release is None:
        sys.exit(f"helm: {error}")
    if "NOTES" in os.environ:
        sys.stdout.write(ApiServer.release["info"]["notes"])
        return
    if "HOOKS" in os.environ:
        sys.stdout.write("".join(f"---\n{hook['manifest'].strip()}\n" for hook in ApiServer.release.get("hooks") or []))
        return
    # Helm puts documents in the order in which it would create them.
    sys.stdout.write(ApiServer.release["manifest"].strip() + "\n")


def lint(chart):
    lib = library()
    with tempfile.TemporaryDirectory() as directory:
        os.environ["HOME"] = directory
        handle = connect(lib, directory, "http://127.0.0.1:9", "default")
        status, result, error = call(lib, lib.helm_sdkpy_lint, handle, os.path.abspath(chart).encode())
    if status:
        sys.exit(f"helm lint: {error}")
    print(result.decode())


# GKE's constraints that the sensor's pods do not keep, by the names of Autopilot's admission.
EXEMPTIONS = [
    "autogke-disallow-hostnamespaces",
    "autogke-no-write-mode-hostpath",
    "autogke-default-linux-capabilities",
]


def criteria(container):
    """What an allowlist compares of a container."""
    context = container.get("securityContext", {})
    probes = {
        probe: {"exec": {"command": container[probe]["exec"]["command"]}}
        for probe in ("livenessProbe", "readinessProbe", "startupProbe")
        if "exec" in container.get(probe, {})
    }
    found = {
        "name": container["name"],
        "image": container["image"],
        "command": container.get("command"),
        "args": container.get("args"),
        "env": [{k: v for k, v in entry.items() if k in ("name", "value")} for entry in container.get("env", [])],
        **probes,
        "securityContext": {k: v for k, v in context.items() if k in ("capabilities", "privileged")},
        "volumeMounts": container.get("volumeMounts"),
    }
    return {key: value for key, value in found.items() if value}


def allowlist():
    """A WorkloadAllowlist (auto.gke.io/v1) of the DaemonSet that is read."""
    import yaml

    daemon_set = next(o for o in yaml.safe_load_all(sys.stdin) if o and o["kind"] == "DaemonSet")
    pod = daemon_set["spec"]["template"]["spec"]
    version = daemon_set["metadata"]["labels"]["app.kubernetes.io/version"]
    volumes = [
        {"name": volume["name"]}
        | ({"hostPath": {"path": volume["hostPath"]["path"]}} if "hostPath" in volume else {})
        | ({"configMap": {"name": volume["configMap"]["name"]}} if "configMap" in volume else {})
        for volume in pod["volumes"]
    ]
    yaml.safe_dump({
        "apiVersion": "auto.gke.io/v1",
        "kind": "WorkloadAllowlist",
        "metadata": {"name": f"{daemon_set['metadata']['name']}-{version}"},
        "exemptions": EXEMPTIONS,
        "matchingCriteria": {
            "hostPID": pod.get("hostPID", False),
            **{kind: [criteria(c) for c in pod[kind]] for kind in ("initContainers", "containers") if pod.get(kind)},
            "volumes": volumes,
        },
    }, sys.stdout, sort_keys=False, default_flow_style=False)


def comment_above(lines, line):
    """The comment that ends above a line, as a paragraph."""
    found = []
    while line > 0 and lines[line - 1].strip().startswith("#"):
        line -= 1
        found.insert(0, lines[line].strip().lstrip("#").strip())
    return " ".join(found)


def leaves(node, lines, path=(), above=""):
    """Path, default and description of each value; a mapping of values that users choose is one."""
    import yaml

    for key, value in node.value:
        name, told = (*path, key.value), comment_above(lines, key.start_mark.line)
        if isinstance(value, yaml.MappingNode) and value.value and not value.flow_style:
            said = " ".join(filter(None, [above, told]))
            yield from leaves(value, lines, name, said)
        else:
            default = yaml.safe_load(yaml.serialize(value))
            yield ".".join(name), default, " ".join(filter(None, [above, told]))
            # What stands above a group is told once.
        above = ""


def values(chart):
    import yaml

    with open(os.path.join(chart, "values.yaml")) as file:
        text = file.read()
    cell = lambda words: words.replace("|", "\\|")
    print("<!-- Made from deploy/chart/values.yaml by `cargo xtask manifests`; change that. -->\n")
    print("# Values of the Helm chart\n")
    print("`values.schema.json` refuses what is not here. A description may hold for the lines below it, too.\n")
    print("| value | default | description |\n|---|---|---|")
    for name, default, told in leaves(yaml.compose(text), text.splitlines()):
        print(f"| `{name}` | `{cell(json.dumps(default, ensure_ascii=False))}` | {cell(told)} |")


def check(versions):
    import kubernetes_validate
    import yaml

    objects = [o for o in yaml.load_all(sys.stdin, getattr(yaml, "CSafeLoader", yaml.SafeLoader)) if o]
    for version in versions:
        known = 0
        for o in objects:
            where = f"Kubernetes {version}: {o.get('kind')} {o.get('metadata', {}).get('name')}"
            if o["apiVersion"].startswith(("cert-manager.io/", "monitoring.")):
                continue
            try:
                kubernetes_validate.validate(o, version, strict=True)
                known += 1
            except kubernetes_validate.ValidationError as e:
                sys.exit(f"{where}: {'.'.join(map(str, e.path))}: {e.message}")
            except kubernetes_validate.SchemaNotFoundError as e:
                sys.exit(f"{where}: {e.message}")
        print(f"{known} objects fit the schemas of Kubernetes {version}")


def admits(peer, to):
    """Is `to` what this peer of a NetworkPolicy selects? Pods are told apart by their namespaces here."""
    if to.endswith("/"):
        labels = peer.get("namespaceSelector", {}).get("matchLabels", {})
        return labels == {"kubernetes.io/metadata.name": to[:-1]} and "podSelector" not in peer
    block = peer.get("ipBlock")
    address = ipaddress.ip_address(to)
    return block is not None and address in ipaddress.ip_network(block["cidr"]) and not any(
        address in ipaddress.ip_network(left_out) for left_out in block.get("except", []))


def allows(component, protocol, to, port):
    """Fails unless the policy of a component's pods lets them connect there."""
    import yaml

    policies = [
        o for o in yaml.safe_load_all(sys.stdin)
        if o and o["kind"] == "NetworkPolicy"
        and o["spec"]["podSelector"]["matchLabels"].get("app.kubernetes.io/component") == component
    ]
    if not policies:
        sys.exit(f"there is no policy for {component}")
    for rule in (rule for policy in policies for rule in policy["spec"].get("egress") or []):
        ports = rule.get("ports")
        fits = ports is None or any(p.get("protocol", "TCP") == protocol and p.get("port", port) == port for p in ports)
        if fits and ("to" not in rule or any(admits(peer, to) for peer in rule["to"])):
            return
    sys.exit(f"{component} may not connect to {to} {protocol} {port}")


if __name__ == "__main__":
    if sys.argv[1] == "--allows":
        allows(sys.argv[2], sys.argv[3], sys.argv[4], int(sys.argv[5]))
    elif sys.argv[1] == "--check":
        check(sys.argv[2:])
    elif sys.argv[1] == "--allowlist":
        allowlist()
    elif sys.argv[1] == "--values":
        values(sys.argv[2])
    elif sys.argv[1] == "--lint":
        lint(sys.argv[2])
    else:
        given = json.load(open(sys.argv[4])) if len(sys.argv) > 4 else {}
        render(sys.argv[1], sys.argv[2], sys.argv[3], given)
