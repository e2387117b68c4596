//! Chromium without a screen, driven by the `WebDriver` protocol.

use std::{
    net::{SocketAddr, TcpStream},
    os::unix::process::CommandExt,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::ensure;
use fantoccini::{Client, ClientBuilder, Locator, key::Key};
use serde_json::{Value, json};

use crate::daemon;

/// A running browser; it ends when dropped.
pub struct Browser {
    driver: Child,
    /// What drives it.
    pub client: Client,
}

impl Browser {
    /// Starts one with a window of this size, in pixels.
    pub async fn start(width: u32, height: u32, is_dark: bool) -> anyhow::Result<Self> {
        let port = daemon::free_port();
        let driver = Command::new("/usr/bin/chromedriver")
            .arg(format!("--port={port}"))
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()?;
        let start = Instant::now();
        while TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], port))).is_err() {
            ensure!(start.elapsed() < Duration::from_secs(20), "chromedriver does not start");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let mut args = vec![
            "--headless=new".to_owned(),
            // Root has no sandbox; the page is ours, and the machine is the test's.
            "--no-sandbox".to_owned(),
            "--disable-gpu".to_owned(),
            "--disable-dev-shm-usage".to_owned(),
            format!("--window-size={width},{height}"),
        ];
        if is_dark {
            args.push("--force-dark-mode".to_owned());
            args.push("--blink-settings=preferredColorScheme=0".to_owned());
        }
        let capabilities = json!({
            "goog:chromeOptions": { "args": args, "binary": "/usr/bin/chromium" },
            "goog:loggingPrefs": { "browser": "ALL" },
        });
        let Value::Object(capabilities) = capabilities else { unreachable!("it is an object") };
        let client = ClientBuilder::new(hyper_util::client::legacy::connect::HttpConnector::new())
            .capabilities(capabilities)
            .connect(&format!("http://127.0.0.1:{port}"))
            .await?;
        Ok(Self { driver, client })
    }

    /// Waits until an expression of the page is true.
    pub async fn wait_until(&self, expression: &str) -> anyhow::Result<()> {
        let start = Instant::now();
        while self.value(expression).await? != Value::Bool(true) {
            ensure!(start.elapsed() < Duration::from_secs(20), "it does not come to it: {expression}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// The value of an expression in the page.
    pub async fn value(&self, expression: &str) -> anyhow::Result<Value> {
        Ok(self.client.execute(&format!("return {expression};"), vec![]).await?)
    }

    /// Clicks on what a selector finds first, as a person does.
    pub async fn click(&self, selector: &str) -> anyhow::Result<()> {
        Ok(self.client.find(Locator::Css(selector)).await?.click().await?)
    }

    /// Pastes into what a selector finds first.
    pub async fn paste_into(&self, selector: &str) -> anyhow::Result<()> {
        let keys = format!("{}v{}", char::from(Key::Control), char::from(Key::Null));
        Ok(self.client.find(Locator::Css(selector)).await?.send_keys(&keys).await?)
    }

    /// Ends it.
    pub async fn close(self) -> anyhow::Result<()> {
        Ok(self.client.clone().close().await?)
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // A test that failed has not closed the browser; it is in the driver's group.
        // SAFETY: kill has no memory effects, and the group is ours: its leader is not yet waited for.
        unsafe { libc::kill(-(self.driver.id() as i32), libc::SIGKILL) };
        let _ = self.driver.wait();
    }
}
