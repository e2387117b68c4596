//! Findings made by the number: what number N says is known to whoever makes it and to whoever looks for it.

use proto::{
    scc::{File, Finding, Process},
    well_known::Timestamp,
};

/// The script of a finding: of varying length, and different for each.
pub fn script(number: u64) -> String {
    let line = format!("echo finding {number}\n");
    line.repeat(1 + (number % 97) as usize)
}

/// Finding number N.
pub fn finding(number: u64) -> Finding {
    let contents = script(number);
    let sha256 = crate::outcome::sha256(contents.as_bytes());
    let size = contents.len() as i64;
    let script = File { size, hashed_size: size, sha256, contents, ..File::default() };
    Finding {
        name: format!("projects/p/sources/s/locations/global/findings/f{number}"),
        category: "Malicious Script Executed".to_owned(),
        event_time: Some(Timestamp { seconds: 1_700_000_000 + number as i64, nanos: 0 }),
        processes: vec![Process { script: Some(script), ..Process::default() }],
        ..Finding::default()
    }
}

/// A finding of an id that says something.
pub fn saying(id: &str, description: &str) -> Finding {
    Finding {
        name: format!("projects/p/sources/s/locations/global/findings/{id}"),
        description: description.to_owned(),
        ..Finding::default()
    }
}

/// The number of a stored finding, if it is one of these and nothing of it was altered.
pub fn number_of(stored: &Finding) -> Option<u64> {
    let number = stored.name.rsplit_once("/findings/f")?.1.parse().ok()?;
    (*stored == finding(number)).then_some(number)
}
