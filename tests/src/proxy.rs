//! A TCP proxy on loopback that does what networks do: cuts, delays, goes silent, and corrupts.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

/// Numbers from a seed, the same for the same.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// From a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    /// A number below `n`.
    pub fn below(&mut self, n: u64) -> u64 {
        // xorshift64*
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % n.max(1)
    }
}

/// What the network does to every connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weather {
    /// Everything arrives.
    Fair,
    /// Every piece is late by so many milliseconds.
    Slow(u64),
    /// Connections stay open and nothing arrives.
    Silent,
    /// About one byte in so many is another.
    Corrupt(u64),
}

struct Shared {
    to: SocketAddr,
    weather: Mutex<Weather>,
    open: Mutex<Vec<TcpStream>>,
    seed: AtomicU64,
}

/// A running proxy; it ends with the test's process.
#[derive(Clone)]
pub struct Proxy {
    /// Where it listens.
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

impl Proxy {
    /// Starts one in fair weather.
    pub fn start(to: SocketAddr, seed: u64) -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            to,
            weather: Mutex::new(Weather::Fair),
            open: Mutex::default(),
            seed: AtomicU64::new(seed),
        });
        let proxy = Self { address, shared };
        let accepting = proxy.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // Nobody there is what the client is to find out.
                if let Ok(there) = TcpStream::connect(accepting.shared.to) {
                    accepting.join(&stream, &there);
                }
            }
        });
        Ok(proxy)
    }

    /// Changes the weather, for open connections too.
    pub fn set(&self, weather: Weather) {
        *self.shared.weather.lock().unwrap_or_else(PoisonError::into_inner) = weather;
    }

    /// Cuts every connection.
    pub fn cut(&self) {
        for stream in self.shared.open.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            let _ = stream.shutdown(std::net::Shutdown::Both);
        }
    }

    fn join(&self, a: &TcpStream, b: &TcpStream) {
        let mut open = self.shared.open.lock().unwrap_or_else(PoisonError::into_inner);
        for (from, to) in [(a, b), (b, a)] {
            let (Ok(from), Ok(to), Ok(kept)) = (from.try_clone(), to.try_clone(), from.try_clone()) else {
                return;
            };
            open.push(kept);
            let shared = self.shared.clone();
            let random = Random::new(shared.seed.fetch_add(0x9e37_79b9, Ordering::Relaxed));
            thread::spawn(move || carry(from, to, &shared, random));
        }
    }
}

fn carry(mut from: TcpStream, mut to: TcpStream, shared: &Shared, mut random: Random) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(n) = from.read(&mut buffer) {
        if n == 0 {
            break;
        }
        let piece = &mut buffer[..n];
        let weather = *shared.weather.lock().unwrap_or_else(PoisonError::into_inner);
        match weather {
            Weather::Fair => {}
            Weather::Slow(ms) => thread::sleep(Duration::from_millis(ms)),
            Weather::Silent => continue,
            Weather::Corrupt(one_in) => {
                for byte in piece.iter_mut() {
                    if random.below(one_in) == 0 {
                        *byte ^= 1 << random.below(8);
                    }
                }
            }
        }
        if to.write_all(piece).is_err() {
            break;
        }
    }
    let _ = to.shutdown(std::net::Shutdown::Both);
    let _ = from.shutdown(std::net::Shutdown::Both);
}
