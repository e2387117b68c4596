//! From keys to lines, for shells that edit lines themselves and whose finished line cannot be seen.

const BACKSPACE: u8 = 0x08;
const CONTROL_C: u8 = 0x03;
const CONTROL_U: u8 = 0x15;
const CONTROL_W: u8 = 0x17;
const ESCAPE: u8 = 0x1b;
const DELETE: u8 = 0x7f;

/// The lines that these keys enter: erasing keys erase, Return ends a line, cursor keys and other control keys leave
/// nothing behind. What they would have done in an editor that knows where the cursor is, that quotes keys or brings back what was
/// erased, cannot be told: so a line with such keys comes once more, with all that was typed.
pub(super) fn lines(keys: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(keys.len());
    let mut line = 0;
    let mut at = 0;
    let (mut typed, mut is_edited) = (Vec::new(), false);
    while let Some(&key) = keys.get(at) {
        at += 1;
        is_edited |= key < 0x20 && !matches!(key, b'\r' | b'\n' | b'\t' | BACKSPACE);
        match key {
            CONTROL_U | CONTROL_C | CONTROL_W => typed.push(b'\n'),
            0..=0x1f | DELETE => {}
            _ => typed.push(key),
        }
        match key {
            b'\r' | b'\n' => {
                if is_edited && typed != out[line..] {
                    out.push(b'\n');
                    out.extend_from_slice(&typed);
                }
                typed.clear();
                is_edited = false;
                out.push(b'\n');
                line = out.len();
            }
            BACKSPACE | DELETE => erase(&mut out, line),
            CONTROL_U | CONTROL_C => out.truncate(line),
            CONTROL_W => {
                let blank = |b: &u8| *b == b' ';
                while out.len() > line && out.last().is_some_and(blank) {
                    out.pop();
                }
                while out.len() > line && !out.last().is_some_and(blank) {
                    out.pop();
                }
            }
            ESCAPE => at += escape_sequence(&keys[at..]),
            // Tabs too: what they complete to is not known.
            0..=0x1f => {}
            _ => out.push(key),
        }
    }
    out
}

/// Takes the last character of the line away, all bytes of it.
fn erase(out: &mut Vec<u8>, line: usize) {
    while out.len() > line {
        // Bytes 10xxxxxx continue a UTF-8 character.
        if out.pop().is_some_and(|b| b & 0xc0 != 0x80) {
            break;
        }
    }
}

/// Length of a cursor key's sequence behind its ESC: `[` or `O`, parameters, a final byte; or one key (Alt).
fn escape_sequence(rest: &[u8]) -> usize {
    match rest.first() {
        Some(b'[' | b'O') => {
            let parameters = rest[1..].iter().take_while(|b| !(0x40..=0x7e).contains(*b)).count();
            (parameters + 2).min(rest.len())
        }
        Some(_) => 1,
        None => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn editing_keys_are_applied() {
        assert_eq!(lines(b"idd\x7f\r"), b"id\n");
        assert_eq!(lines(b"rm -rf /\x15ls -l\r"), b"ls -l\nrm -rf /\nls -l\n");
        assert_eq!(lines(b"ls\x1b[D\x1b[1;5C -l\r"), b"ls -l\n");
        assert_eq!(lines(b"echo one two\x17\x17three\n"), b"echo three\necho one two\n\nthree\n");
        assert_eq!(lines("é\u{7f}e\r".as_bytes()), b"e\n");
        assert_eq!(lines(b"sleep 9\x03w\r"), b"w\nsleep 9\nw\n");
        // Quoted, brought back, or erased where nothing stands.
        for keys in [&b"id #\x16\x15\r"[..], b"id\x15\x19\r", b"id\x01\x15\r", b"id\x01\x7f\x7f\x7f\r"] {
            assert!(lines(keys).windows(2).any(|w| w == b"id"), "{keys:?}");
        }
        assert_eq!(lines(b"\x7f\x7f\x1b"), b"");
    }
}
