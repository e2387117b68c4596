//! A real Prometheus, on loopback, with its files in a directory.

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
};

use serde_json::Value;

use crate::{daemon, request};

/// A running server; it ends when dropped.
pub struct Prometheus {
    child: Child,
    address: String,
}

impl Prometheus {
    /// Starts one that asks these addresses each second, and looks at these rules as often.
    pub fn start(dir: &Path, targets: &[&str], rules: &Path) -> anyhow::Result<Self> {
        let address = format!("127.0.0.1:{}", daemon::free_port());
        let config = serde_json::json!({
            "global": { "scrape_interval": "1s", "evaluation_interval": "1s" },
            "rule_files": [rules],
            "scrape_configs": [{ "job_name": "scriptwatch", "static_configs": [{ "targets": targets }] }],
        });
        // JSON is YAML.
        let file = dir.join("prometheus.yml");
        fs::write(&file, config.to_string())?;
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", dir.join("prometheus").display()))
            .arg(format!("--web.listen-address={address}"))
            .arg("--log.level=error")
            .stdin(Stdio::null())
            .spawn()?;
        let server = Self { child, address };
        daemon::wait_until("Prometheus", || {
            request::try_get(&server.address, &server.address, "/-/ready")
                .is_ok_and(|said| said.contains("200 OK"))
        });
        Ok(server)
    }

    /// What its API says below `/api/v1/`.
    pub fn ask(&self, path: &str) -> anyhow::Result<Value> {
        let said = request::try_get(&self.address, &self.address, &format!("/api/v1/{path}"))?;
        let body = said.split_once("\r\n\r\n").map_or(said.as_str(), |(_, body)| body);
        let (start, end) = (body.find('{').unwrap_or(0), body.rfind('}').map_or(0, |end| end + 1));
        Ok(serde_json::from_str(&body[start..end])?)
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
