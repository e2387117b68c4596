//! Plain HTTP by hand, as an attacker or a probe would ask.

use std::{
    io::{self, Read, Write},
    net::TcpStream,
};

/// What is answered over plain HTTP, head and body.
///
/// # Panics
/// When there is no answer.
pub fn get(address: &str, path: &str) -> String {
    get_as(address, address, path)
}

/// Likewise, asked for by this name of the host.
///
/// # Panics
/// When there is no answer.
pub fn get_as(address: &str, host: &str, path: &str) -> String {
    try_get(address, host, path).expect("an answer")
}

/// Likewise, where there may be no answer.
pub fn try_get(address: &str, host: &str, path: &str) -> io::Result<String> {
    let mut answer = String::new();
    let mut socket = TcpStream::connect(address)?;
    write!(socket, "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")?;
    socket.read_to_string(&mut answer)?;
    Ok(answer)
}
