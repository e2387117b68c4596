//! A stand-in for Google Cloud's metadata server, on loopback, by its public protocol.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener, TcpStream},
};

/// A running server; it ends with the test's process.
pub struct MetadataServer {
    /// Where it listens.
    pub address: SocketAddr,
}

/// Serves these entries, by their paths under `computeMetadata/v1/`.
///
/// # Panics
/// When no port can be had.
pub fn serve(at: &str, entries: &[(&str, &str)]) -> MetadataServer {
    let listener = TcpListener::bind(at).expect("a port");
    let address = listener.local_addr().expect("an address");
    let entries: BTreeMap<String, String> =
        entries.iter().map(|(path, value)| ((*path).to_owned(), (*value).to_owned())).collect();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // A client that hangs up is its own business.
            let _ = answer(&stream, &entries);
        }
    });
    MetadataServer { address }
}

fn answer(stream: &TcpStream, entries: &BTreeMap<String, String>) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream).lines();
    let request = lines.next().unwrap_or_else(|| Ok(String::new()))?;
    let mut is_asked_for = false;
    for line in lines {
        let line = line?;
        if line.is_empty() {
            break;
        }
        is_asked_for |= line.eq_ignore_ascii_case("metadata-flavor: google");
    }
    let path = request.split(' ').nth(1).unwrap_or_default();
    let found = path.strip_prefix("/computeMetadata/v1/").and_then(|path| entries.get(path));
    let (status, body) = match found {
        // The real server refuses who does not say that he means it.
        _ if !is_asked_for => ("403 Forbidden", ""),
        Some(value) => ("200 OK", value.as_str()),
        None => ("404 Not Found", ""),
    };
    let mut out = stream;
    write!(
        out,
        "HTTP/1.1 {status}\r\nMetadata-Flavor: Google\r\nContent-Type: application/text\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}
