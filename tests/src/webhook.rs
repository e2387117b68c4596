//! A receiver of webhooks, on loopback: it keeps what is posted and answers as it is told.

use std::{
    collections::VecDeque,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio_rustls::rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

use crate::certificate::Files;

/// One post.
#[derive(Clone, Debug)]
pub struct Post {
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// What was posted.
    pub body: Vec<u8>,
    /// The status it was answered with.
    pub answered: u16,
}

/// What was posted, and what comes next.
#[derive(Default)]
pub struct State {
    /// In their order.
    pub posts: Vec<Post>,
    /// Statuses of the next answers; then 204.
    pub answers: VecDeque<u16>,
}

/// A running receiver; it ends with the test's process.
pub struct Receiver {
    /// Where it listens.
    pub address: SocketAddr,
    state: Arc<Mutex<State>>,
}

impl Receiver {
    /// Starts one with this certificate.
    pub fn start(files: &Files) -> anyhow::Result<Self> {
        let chain = CertificateDer::pem_file_iter(&files.certificate)?.collect::<Result<Vec<_>, _>>()?;
        let key = PrivateKeyDer::from_pem_file(&files.key)?;
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        let config = Arc::new(config);
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let state = Arc::new(Mutex::new(State::default()));
        let shared = state.clone();
        std::thread::spawn(move || {
            for socket in listener.incoming().flatten() {
                let Ok(connection) = ServerConnection::new(config.clone()) else { return };
                // A client that hangs up, or does not trust the certificate, is its own business.
                let _ = answer(StreamOwned::new(connection, socket), &shared);
            }
        });
        Ok(Self { address, state })
    }

    /// What was posted so far.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn answer(stream: impl Read + Write, state: &Mutex<State>) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    stream.read_line(&mut line)?;
    let mut headers = Vec::new();
    loop {
        line.clear();
        stream.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.push((name.to_lowercase(), value.trim().to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length").and_then(|(_, n)| n.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body)?;
    let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
    let answered = state.answers.pop_front().unwrap_or(204);
    state.posts.push(Post { headers, body, answered });
    drop(state);
    let stream = stream.get_mut();
    write!(stream, "HTTP/1.1 {answered} As-Told\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")?;
    stream.flush()
}
