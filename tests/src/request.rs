//! Plain HTTP by hand, as an attacker or a probe would ask.

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
    use std::io::{Read, Write};
    let mut answer = String::new();
    let mut socket = std::net::TcpStream::connect(address).expect("a connection");
    write!(socket, "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").expect("a request");
    socket.read_to_string(&mut answer).expect("an answer");
    answer
}
