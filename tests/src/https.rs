//! An HTTPS server that answers as a test says.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener},
    sync::Arc,
};

use tokio_rustls::rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

use crate::certificate::Files;

/// What was asked.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Method, path and version.
    pub line: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// What was sent with it.
    pub body: Vec<u8>,
}

/// Starts one with this certificate; `answer` gives status and body. It ends with the test's process.
pub fn serve(
    files: &Files,
    answer: impl Fn(Asked) -> (u16, String) + Send + 'static,
) -> anyhow::Result<SocketAddr> {
    serve_at(TcpListener::bind("127.0.0.1:0")?, files, answer)
}

/// Likewise, where there is a listener already.
pub fn serve_at(
    listener: TcpListener,
    files: &Files,
    answer: impl Fn(Asked) -> (u16, String) + Send + 'static,
) -> anyhow::Result<SocketAddr> {
    let chain = CertificateDer::pem_file_iter(&files.certificate)?.collect::<Result<Vec<_>, _>>()?;
    let key = PrivateKeyDer::from_pem_file(&files.key)?;
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    let config = Arc::new(config);
    let address = listener.local_addr()?;
    std::thread::spawn(move || {
        for socket in listener.incoming().flatten() {
            let Ok(connection) = ServerConnection::new(config.clone()) else { return };
            // A client that hangs up, or does not trust the certificate, is its own business.
            let _ = talk(StreamOwned::new(connection, socket), &answer);
        }
    });
    Ok(address)
}

fn talk(stream: impl Read + Write, answer: &impl Fn(Asked) -> (u16, String)) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    stream.read_line(&mut line)?;
    let mut asked = Asked { line: line.trim_end().to_owned(), headers: Vec::new(), body: Vec::new() };
    loop {
        line.clear();
        stream.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        asked.headers.push((name.to_lowercase(), value.trim().to_owned()));
    }
    let length = asked.headers.iter().find(|(name, _)| name == "content-length");
    asked.body = vec![0; length.and_then(|(_, n)| n.parse().ok()).unwrap_or(0)];
    stream.read_exact(&mut asked.body)?;
    let (status, body) = answer(asked);
    let length = body.len();
    let stream = stream.get_mut();
    write!(
        stream,
        "HTTP/1.1 {status} As-Told\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )?;
    stream.flush()
}
