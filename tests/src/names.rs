//! Answers of a resolver (RFC 1035), with the addresses that a test has names for.

use std::net::{Ipv4Addr, UdpSocket};

/// Answers questions at this socket until the test's process ends.
pub fn serve(socket: UdpSocket, address_of: impl Fn(&str) -> Option<Ipv4Addr> + Send + 'static) {
    std::thread::spawn(move || {
        let mut question = [0; 512];
        while let Ok((n, from)) = socket.recv_from(&mut question) {
            let _ = socket.send_to(&answer(&question[..n], &address_of), from);
        }
    });
}

/// One address for a name that has one, nothing for its other records, and "no such name" for others. What is no question comes
/// back as it is.
fn answer(question: &[u8], address_of: impl Fn(&str) -> Option<Ipv4Addr>) -> Vec<u8> {
    const HEADER: usize = 12;
    let Some(end) = question.get(HEADER..).and_then(|rest| rest.iter().position(|b| *b == 0)) else {
        return question.to_vec();
    };
    let end = HEADER + end + 5;
    let Some(asked) = question.get(HEADER..end) else { return question.to_vec() };
    let mut labels = Vec::new();
    let mut rest = asked;
    while let Some((&length, after)) = rest.split_first()
        && length > 0
    {
        let Some((label, after)) = after.split_at_checked(usize::from(length)) else {
            return question.to_vec();
        };
        labels.push(String::from_utf8_lossy(label).to_lowercase());
        rest = after;
    }
    let address = address_of(&labels.join("."));
    let is_ipv4 = asked[asked.len() - 4..] == [0, 1, 0, 1];
    let given = address.filter(|_| is_ipv4);
    let no_such_name = if address.is_some() { 0 } else { 3 };
    let mut answer = question[..2].to_vec();
    answer.extend([0x81, 0x80 | no_such_name, 0, 1, 0, u8::from(given.is_some()), 0, 0, 0, 0]);
    answer.extend(asked);
    if let Some(address) = given {
        answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
        answer.extend(address.octets());
    }
    answer
}
