//! Accepts connections. Who connects and says nothing holds up nobody else: each address may have so many that have not begun to
//! speak, and is cut off after a while.

use std::{
    collections::HashMap,
    io,
    net::{IpAddr, Ipv6Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use stage::Supervisor;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tracing::warn;

use crate::tls::Current;

/// Who has not begun to speak by then is cut off.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long a refused peer may go on sending.
const PARTING: Duration = Duration::from_secs(1);
/// Connections of one address that have not begun to speak. Behind one that translates addresses there may be a whole fleet, of
/// which each takes milliseconds.
const SILENT_OF_ADDRESS: usize = 64;
/// As above, of all addresses.
const SILENT: usize = 1024;
/// Connections that wait to be served.
const WAITING: usize = 64;
/// How long nobody is accepted when descriptors are at their limit: those in use must end first.
const PAUSE: Duration = Duration::from_millis(100);
/// How HTTP/2 begins (RFC 9113, 3.4).
const PREFACE: usize = 24;

/// Accepts connections and their TLS until the receiver is gone.
pub fn encrypted(
    listener: TcpListener,
    current: Arc<Current>,
    supervisor: &Supervisor,
) -> mpsc::Receiver<io::Result<TlsStream<TcpStream>>> {
    let (sender, receiver) = mpsc::channel(WAITING);
    let accepting = accept(listener, sender, move |stream| {
        let current = current.clone();
        async move {
            let acceptor = TlsAcceptor::from(current.get().await);
            let accepted = acceptor.accept(stream).into_fallible().await;
            let mut stream = accepted.map_err(|(e, stream)| (e, Some(stream)))?;
            // What is there stays there; nobody waits for a connection that is open and silent.
            match stream.fill_buf().await {
                Ok([]) => Err((io::ErrorKind::UnexpectedEof.into(), None)),
                Ok(_) => Ok(stream),
                Err(e) => Err((e, None)),
            }
        }
    });
    // It ends with the server that takes what it accepts.
    supervisor.task("accept", accepting);
    receiver
}

/// Accepts connections without TLS until the receiver is gone.
pub fn plain(listener: TcpListener, supervisor: &Supervisor) -> mpsc::Receiver<io::Result<TcpStream>> {
    let (sender, receiver) = mpsc::channel(WAITING);
    let accepting = accept(listener, sender, async |stream| match begins(&stream).await {
        Ok(()) => Ok(stream),
        Err(e) => Err((e, None)),
    });
    supervisor.task("accept", accepting);
    receiver
}

/// Waits until a peer has sent as much as every HTTP/2 connection begins with.
async fn begins(stream: &TcpStream) -> io::Result<()> {
    let mut preface = [0; PREFACE];
    let mut pause = Duration::from_millis(10);
    loop {
        match stream.peek(&mut preface).await? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            PREFACE => return Ok(()),
            // More is on its way, and what is there is not taken yet.
            _ => {
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(Duration::from_secs(1));
            }
        }
    }
}

/// Accepts connections, and greets each in a task of its own. A greeting that fails may give the stream back, to be told.
async fn accept<T, F>(
    listener: TcpListener,
    sender: mpsc::Sender<io::Result<T>>,
    greet: impl Fn(TcpStream) -> F + Clone + Send + 'static,
) where
    T: Send + 'static,
    F: Future<Output = Result<T, (io::Error, Option<TcpStream>)>> + Send,
{
    let silent = Arc::new(Silent::default());
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = sender.closed() => return,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(e) => {
                warn!("a connection cannot be accepted: {e}");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        let one = match silent.enter(peer.ip()) {
            Ok(one) => one,
            Err(why) => {
                tell(peer, why);
                continue;
            }
        };
        let (greet, sender) = (greet.clone(), sender.clone());
        tokio::spawn(async move {
            let _ = stream.set_nodelay(true);
            match tokio::time::timeout(HANDSHAKE, greet(stream)).await {
                Ok(Ok(stream)) => {
                    drop(one);
                    // A server that stops takes no more.
                    let _ = sender.send(Ok(stream)).await;
                }
                Ok(Err((e, stream))) => {
                    tell(peer, &e.to_string());
                    if let Some(stream) = stream {
                        part(stream).await;
                    }
                }
                Err(_) => tell(peer, "no handshake in time"),
            }
        });
    }
}

/// Ends a connection so that the peer reads the alert: what it sent meanwhile, unread, would make the kernel reset it.
async fn part(mut stream: TcpStream) {
    let _ = stream.shutdown().await;
    let _ = tokio::time::timeout(PARTING, tokio::io::copy(&mut stream, &mut tokio::io::sink())).await;
}

fn tell(peer: SocketAddr, why: &str) {
    warn!(%peer, "connection refused: {why}");
}

/// How many connections of each address have not begun to speak.
#[derive(Default)]
struct Silent(Mutex<HashMap<IpAddr, usize>>);

impl Silent {
    /// One more; an error says why not.
    fn enter(self: &Arc<Self>, address: IpAddr) -> Result<One, &'static str> {
        let address = whose(address);
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.values().sum::<usize>() >= SILENT {
            return Err("too many connections, of all addresses together, have not begun to speak");
        }
        let of_address = all.entry(address).or_default();
        if *of_address >= SILENT_OF_ADDRESS {
            return Err("too many connections of its address have not begun to speak");
        }
        *of_address += 1;
        Ok(One { address, all: self.clone() })
    }
}

/// Who has one address of IPv6 has the 2^64 of its network.
fn whose(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        address @ IpAddr::V4(_) => address,
    }
}

/// One of them, counted until it is dropped.
struct One {
    address: IpAddr,
    all: Arc<Silent>,
}

impl Drop for One {
    fn drop(&mut self) {
        let mut all = self.all.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(of_address) = all.get_mut(&self.address) {
            *of_address -= 1;
            if *of_address == 0 {
                all.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::registry::Registry;
    use tokio::io::AsyncReadExt;

    use super::*;

    #[tokio::test]
    async fn who_says_nothing_holds_up_nobody() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
        let port = listener.local_addr().expect("an address").port();
        let supervisor = Supervisor::register(&mut Registry::default());
        let mut served = plain(listener, &supervisor);
        let connect = |from: [u8; 4]| async move {
            let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
            socket.bind((from, 0).into()).expect("an address of loopback");
            socket.connect(([127, 0, 0, 1], port).into()).await.expect("a connection")
        };
        let mut silent = Vec::new();
        for _ in 0..SILENT_OF_ADDRESS + 8 {
            silent.push(connect([127, 0, 0, 2]).await);
        }
        // Those beyond the share are closed at once.
        let mut closed = 0;
        for stream in &mut silent[SILENT_OF_ADDRESS..] {
            closed += usize::from(matches!(stream.read(&mut [0]).await, Ok(0) | Err(_)));
        }
        assert_eq!(closed, 8);
        let mut speaks = connect([127, 0, 0, 1]).await;
        speaks.write_all(b"PRI * HTTP/2.0\r\n").await.expect("the first half");
        speaks.write_all(b"\r\nSM\r\n\r\n").await.expect("the second half");
        let taken = tokio::time::timeout(HANDSHAKE / 2, served.recv()).await.expect("in time");
        assert!(taken.is_some_and(|stream| stream.is_ok()));
        // One that goes makes room.
        drop(silent);
        let mut later = connect([127, 0, 0, 2]).await;
        later.write_all(&[0; PREFACE]).await.expect("something");
        assert!(tokio::time::timeout(HANDSHAKE / 2, served.recv()).await.expect("in time").is_some());
    }
}
