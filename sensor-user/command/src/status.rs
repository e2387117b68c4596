//! `sensor status`: what a running sensor says of itself.

use std::{io::Write, net::SocketAddr, time::Duration};

use anyhow::Context;

use admin::Status;

/// How long the sensor may take to answer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Asks the sensor at this address; prints a table, or its JSON. False when it is not healthy.
pub fn run(address: SocketAddr, json: bool, out: &mut dyn Write) -> anyhow::Result<bool> {
    let agent: ureq::Agent = ureq::Agent::config_builder().timeout_global(Some(TIMEOUT)).build().into();
    let text = agent
        .get(format!("http://{address}/status"))
        .call()
        .and_then(|mut answer| answer.body_mut().read_to_string())
        .with_context(|| {
            format!("no sensor answers at {address}: is it running, and with this --admin-listen?")
        })?;
    let status: Status =
        serde_json::from_str(&text).with_context(|| format!("what answers at {address} is no sensor"))?;
    if json {
        writeln!(out, "{}", text.trim_end())?;
        return Ok(status.healthy);
    }
    let plain = |text: &str| terminal::field(text, 400);
    writeln!(out, "{:48} {}", "version", plain(&status.version))?;
    writeln!(out, "{:48} {}", "node", plain(&status.node))?;
    writeln!(out, "{:48} {}", "capture tier", plain(&status.tier))?;
    writeln!(
        out,
        "{:48} {}",
        "healthy",
        status
            .failure
            .as_deref()
            .map_or_else(|| "yes".to_owned(), |failure| format!("no: {}", plain(failure)))
    )?;
    for (name, value) in &status.readings {
        writeln!(out, "{:48} {value}", plain(name))?;
    }
    Ok(status.healthy)
}
