//! temp
use sensor::{probe::*, script::*};
use std::{sync::Arc, time::Duration};
fn main() {
    tracing_subscriber::fmt().init();
    let mut p = Probe::start(&Settings{object: std::env::args().nth(1).unwrap().into(), tier: None, ring_bytes: 1<<24}).unwrap();
    let mut r = p.reader().unwrap();
    let mut a = Assembler::new(Limits::default(), 0);
    let t = std::time::Instant::now();
    let mut cache = std::collections::HashMap::new();
    while t.elapsed() < Duration::from_secs(6) {
        r.wait(Duration::from_millis(20));
        let mut out = vec![];
        r.drain(10000, |e, classes| {
            let e = e.unwrap();
            if std::env::var("V").is_ok() { println!("{e:?}"); }
            a.take(e, |h, x| cache.entry(x.exe).or_insert_with(|| { let e = Arc::new(classify::look_at(h.tgid, &x.exe, None).unwrap_or(classify::Executable::unseen(event::until_nul(&x.interp), 0))); classes.set(x.exe, e.class()); e}).clone(), &mut |c| out.push(c));
        });
        let mut ts = nix::time::clock_gettime(nix::time::ClockId::CLOCK_BOOTTIME).unwrap(); let now = ts.tv_sec() as u64*1_000_000_000+ts.tv_nsec() as u64;
        a.tick(now, &mut |c| out.push(c));
        for c in out { println!("CAPTURE {} {}", serde_json::to_string(&c).unwrap(), ""); }
    }
    println!("{:?}", a.counts());
    println!("{:?}", p.counters().unwrap().read());
}
