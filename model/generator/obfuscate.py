"""Ways to hide a script's words. Each takes a script and a random source and returns another script that a shell
would run to the same effect."""

import base64
import gzip
import random
import re
import zlib

from .grammar import b64, wrapped

COMMANDS = "curl wget bash chmod nc crontab rm base64 python3 python perl nsenter mount pkill kill chattr echo cat sh find tar ssh docker openssl history systemctl".split()


def base64_wrap(text, rng):
    b = b64(text.encode())
    return rng.choice([
        f"echo {b} | base64 -d | bash", f"echo '{b}'|base64 --decode|sh", f"eval \"$(echo {b} | base64 -d)\"",
        f"bash -c \"$(base64 -d <<< {b})\"", f"x={b}; echo $x | base64 -d | bash", f"bash <(echo {b} | base64 -d)",
        f"python3 -c \"import base64,os;os.system(base64.b64decode('{b}').decode())\"", f"echo {b} | openssl base64 -d -A | sh",
        f"base64 -d <<E | bash\n{wrapped(b, rng)}\nE", f"x=$(base64 -d <<'E'\n{wrapped(b, rng)}\nE\n); eval \"$x\"",
    ])


def gzip_wrap(text, rng):
    b = b64(gzip.compress(text.encode(), mtime=0))
    return rng.choice([f"echo {b} | base64 -d | gunzip | bash", f"base64 -d <<<'{b}' | zcat | sh", f"eval \"$(echo {b}|base64 -d|gzip -dc)\"",
                       f"openssl base64 -d <<'E' | gunzip | bash\n{wrapped(b, rng)}\nE"])


def zlib_wrap(text, rng):
    b = b64(zlib.compress(text.encode(), 9))
    return rng.choice([f"python3 -c \"import os,zlib,base64;os.system(zlib.decompress(base64.b64decode('{b}')))\"", f"base64 -d <<< {b} | zlib-flate -uncompress | sh",
                       f"perl -MMIME::Base64 -MCompress::Zlib -e 'system(uncompress(decode_base64(\"{b}\")))'", f"echo {b} | openssl base64 -d -A | pigz -dz | bash"])


def base32_wrap(text, rng):
    b = base64.b32encode(text.encode()).decode()
    return rng.choice([f"echo {b} | base32 -d | bash", f"base32 --decode <<< {b} | sh", f"eval \"$(base32 -d <<< '{b}')\"",
                       f"python3 -c \"import os,base64;os.system(base64.b32decode('{b}'))\""])


def codes(text, rng):
    """The codes of its characters, one by one."""
    data = text.encode()
    hexes = [f"{b:02x}" for b in data]
    return rng.choice([
        f"xxd -r -p <<< '{' '.join(hexes)}' | bash", f"for i in {' '.join(hexes)}; do printf \"\\x$i\"; done | sh",
        f"python3 -c 'import os;os.system(bytes([{','.join(map(str, data))}]).decode())'", f"perl -e 'system(pack(\"C*\",{','.join(map(str, data))}))'",
        f"php -r 'system({'.'.join(f'chr({b})' for b in data)});'", f"awk 'BEGIN{{split(\"{' '.join(map(str, data))}\",a);for(i=1;i<={len(data)};i++)printf \"%c\",a[i]+0}}' | bash",
        f"python3 -c \"exec(''.join(map(chr,[{', '.join(map(str, data))}])))\"", f"node -e 'require(\"child_process\").execSync(String.fromCharCode({','.join(map(str, data))}))'",
    ])


def hex_wrap(text, rng):
    h = text.encode().hex()
    return rng.choice([f"echo {h} | xxd -r -p | bash", f"xxd -r -p <<< {h} | sh", f"printf '{''.join(chr(92) + 'x' + h[i:i+2] for i in range(0, len(h), 2))}' | bash",
                       f"eval \"$(echo -e '{''.join(chr(92) + 'x' + h[i:i+2] for i in range(0, len(h), 2))}')\""])


def octal_wrap(text, rng):
    o = "".join("\\%03o" % b for b in text.encode())
    return rng.choice([f"printf '{o}' | bash", f"eval $'{o}'", f"bash -c \"$(printf '{o}')\""])


def reverse_wrap(text, rng):
    one = text.replace("\n", ";").replace("'", '"')
    return rng.choice([f"echo '{one[::-1]}' | rev | bash", f"eval \"$(rev <<< '{one[::-1]}')\"", f"python3 -c \"print('{one[::-1]}'[::-1])\" | sh"])


def nested(text, rng):
    return base64_wrap(rng.choice([base64_wrap, hex_wrap, gzip_wrap])(text, rng), rng)


def _each_command(text, change, rng, chance=0.7):
    pattern = re.compile(r"(?<![\w/.$-])(%s)(?![\w/.-])" % "|".join(COMMANDS))
    return pattern.sub(lambda m: change(m.group(1)) if rng.random() < chance else m.group(1), text)


def split_quotes(text, rng):
    def change(word):
        at = rng.randrange(1, len(word)) if len(word) > 1 else 1
        return rng.choice([word[:at] + "''" + word[at:], word[:at] + '""' + word[at:], word[:at] + "\\" + word[at:], word[0] + "$@" + word[1:],
                           "'" + word[:at] + "'" + word[at:], '"' + word[:at] + '"' + word[at:]])
    return _each_command(text, change, rng)


def ansi_c(text, rng):
    return _each_command(text, lambda w: "$'" + "".join(rng.choice(["\\x%02x", "\\%03o"]) % ord(c) for c in w) + "'", rng)


def ifs(text, rng):
    def change(line):
        if any(c in line for c in "'\"#<>=[]") or len(line) > 200:
            return line
        return line.strip().replace(" ", rng.choice(["${IFS}", "$IFS", "${IFS}"]))
    return "\n".join(change(line) if rng.random() < 0.8 else line for line in text.split("\n"))


def variables(text, rng):
    names = iter(rng.sample([a + b for a in "abcdefghijklmnopqrstuvwxyz" for b in "abcdefgh0123456789"], 120))
    head = []

    def change(word):
        at = rng.randrange(1, len(word)) if len(word) > 1 else 1
        a, b = next(names, "zz"), next(names, "zy")
        head.append(f"{a}={word[:at]}" + rng.choice([";", "\n"]) + f"{b}={word[at:]}")
        return f"${{{a}}}${{{b}}}" if rng.random() < 0.6 else f"${a}${b}"

    body = _each_command(text, change, rng, 0.5)
    return "\n".join(head) + "\n" + body


def globs(text, rng):
    paths = {"bash": "/bin/b??h", "sh": "/bin/?h", "cat": "/bin/c?t", "nc": "/???/n?", "curl": "/usr/bin/c?rl", "wget": "/usr/bin/w??t", "rm": "/bin/r?",
             "chmod": "/bin/ch??d", "base64": "/usr/bin/b?s?64", "python3": "/usr/bin/pyt?on3", "echo": "/bin/e??o"}
    return _each_command(text, lambda w: paths.get(w, w), rng)


def case_trick(text, rng):
    def change(word):
        mixed = "".join(c.upper() if rng.random() < 0.5 else c for c in word)
        return rng.choice([f"$(tr A-Z a-z<<<{mixed})", f"$(echo {mixed}|tr '[:upper:]' '[:lower:]')", f"$(printf %s {mixed} | tr A-Z a-z)"])
    return _each_command(text, change, rng, 0.4)


def heredoc(text, rng):
    end = rng.choice(["EOF", "END", "_", "X"])
    return rng.choice([f"bash <<'{end}'\n{text}\n{end}", f"cat <<'{end}' | sh\n{text}\n{end}", f"cat > /tmp/.{rng.randrange(999)} <<'{end}'\n{text}\n{end}\nbash /tmp/.x"])


def junk_comments(text, rng):
    words = "the this file config value set check note todo update version build service user test result list item page data".split()
    return "\n".join(line if rng.random() < 0.4 else "# " + " ".join(rng.choices(words, k=rng.randrange(3, 12))) + "\n" + line for line in text.split("\n"))


def padding(text, rng):
    """Harmless lines before and behind, so that the payload is a small part."""
    lines = ["echo \"step %d\"", "mkdir -p /opt/app/%d", "export VALUE_%d=1", "[ -d /opt/%d ] || echo missing", "# section %d", "log \"value %d\"", "count=$((count + %d))", "printf '%%s\\n' %d"]
    some = lambda k: "\n".join(rng.choice(lines) % rng.randrange(1000) for _ in range(k))
    return some(rng.randrange(20, 400)) + "\n" + text + "\n" + some(rng.randrange(0, 200))


ALL = {
    "base64": base64_wrap, "base32": base32_wrap, "gzip": gzip_wrap, "zlib": zlib_wrap, "codes": codes, "hex": hex_wrap, "octal": octal_wrap, "reverse": reverse_wrap, "nested": nested, "quotes": split_quotes,
    "ansi_c": ansi_c, "ifs": ifs, "variables": variables, "globs": globs, "case": case_trick, "heredoc": heredoc, "comments": junk_comments, "padding": padding,
}


def apply(text, rng, names=None):
    """One or two of the transforms."""
    for name in rng.sample(sorted(names or ALL), k=1 if rng.random() < 0.75 else 2):
        text = ALL[name](text, rng)
    return text
