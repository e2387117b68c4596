//! Connections: few at a time, and none for long. Whoever can reach the port could open as many as the sensor has memory for, and
//! whoever asks for health is to be answered meanwhile.

use std::{collections::HashMap, net::IpAddr, time::Duration};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use tokio::{net::TcpListener, task::AbortHandle};
use tracing::debug;

/// Connections at a time. A probe takes a millisecond, and a scrape some.
const MAX: usize = 64;
/// How long one lasts at most.
const LIFETIME: Duration = Duration::from_secs(30);
/// How long nobody is accepted when descriptors are at their limit.
const PAUSE: Duration = Duration::from_millis(100);

/// Those that are open, the oldest first.
#[derive(Default)]
struct Open(Vec<(IpAddr, AbortHandle)>);

impl Open {
    /// Makes room for one more: the oldest of the address that has the most ends.
    fn make_room(&mut self) {
        self.0.retain(|(_, task)| !task.is_finished());
        if self.0.len() < MAX {
            return;
        }
        let mut counts: HashMap<IpAddr, usize> = HashMap::new();
        for (address, _) in &self.0 {
            *counts.entry(*address).or_default() += 1;
        }
        let most = counts.values().copied().max();
        if let Some(at) = self.0.iter().position(|(address, _)| counts.get(address).copied() == most) {
            self.0.remove(at).1.abort();
        }
    }
}

/// Serves until the runtime ends.
pub(crate) async fn serve(listener: TcpListener, router: Router) {
    let mut open = Open::default();
    loop {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(e) => {
                debug!("a connection cannot be accepted: {e}");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        open.make_room();
        let serving = http1::Builder::new()
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router.clone()));
        let task = tokio::spawn(async move {
            if let Ok(Err(e)) = tokio::time::timeout(LIFETIME, serving).await {
                debug!("connection from {peer}: {e}");
            }
        });
        open.0.push((peer.ip(), task.abort_handle()));
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::{TcpSocket, TcpStream},
    };

    use super::*;

    async fn connect(from: &str, to: std::net::SocketAddr) -> TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(from.parse().unwrap()).unwrap();
        socket.connect(to).await.unwrap()
    }

    #[tokio::test]
    async fn whoever_opens_many_closes_none_of_others() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(serve(listener, Router::new().route("/healthz", get(async || "ok\n"))));
        let mut other = connect("127.0.0.2:0", address).await;
        other.write_all(b"GET /hea").await.unwrap();
        let mut silent = Vec::new();
        for _ in 0..3 * MAX {
            silent.push(connect("127.0.0.1:0", address).await);
        }
        // The first of them are closed, and the last are not.
        let mut byte = [0];
        assert_eq!(silent[0].read(&mut byte).await.unwrap_or(0), 0);
        let last = silent.last_mut().unwrap();
        for stream in [&mut other, last] {
            let rest: &[u8] = if stream.local_addr().unwrap().ip().to_string() == "127.0.0.2" {
                b"lthz HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"
            } else {
                b"GET /healthz HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"
            };
            stream.write_all(rest).await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("ok\n"), "{answer}");
        }
    }
}
