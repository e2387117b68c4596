"""Shell scripts as they occur: those of Debian's packages and of the source packages that they are built from.

`python -m trainer.natural --out FILE` downloads packages with apt and reads them; nothing is installed, unpacked to disk or
run. Which packages is decided by the hash of their names, so that a run can be repeated as long as the release stands still.
"""

import argparse
import hashlib
import io
import json
import pathlib
import re
import subprocess
import tarfile
import tempfile

import zstandard

# The largest package and the largest script that are read, in bytes.
PACKAGE_MAX, SOURCE_MAX, SCRIPT_MAX = 600_000, 1_500_000, 1 << 20
# A package's scripts count as at most so many, or a few with hundreds of tests would be all there is.
SCRIPTS_MAX = 12
SHELL = re.compile(rb"#! ?/(usr/)?bin/(env )?(ba|da|k|z)?sh\b|#!/bin/busybox sh")
# What Debian calls the scripts that run at a package's installation and removal.
MAINTAINER = {"preinst", "postinst", "prerm", "postrm", "config"}
AT_ONCE = 50
KEYS = "/usr/share/keyrings/debian-archive-keyring.gpg"


def by_hash(names):
    return sorted(names, key=lambda name: hashlib.sha256(name.encode()).digest())


def paragraphs(text):
    """Fields of the paragraphs of a Debian control file; of continuation lines only what stands on the first is kept."""
    for paragraph in text.split("\n\n"):
        yield dict(line.split(": ", 1) for line in paragraph.splitlines() if ": " in line and line[0] != " ")


class Apt:
    """apt with lists of its own, as this machine's sources may lack those of source packages."""

    def __init__(self, directory):
        said = self._out(["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)", "Created-By: Packages"])
        releases = {line for line in said.splitlines() if line.endswith(" main")}
        if not releases:
            raise SystemExit("apt has no lists: apt-get update makes them")
        lists, archives = directory / "lists", directory / "cache"
        (lists / "partial").mkdir(parents=True)
        (archives / "archives/partial").mkdir(parents=True)
        sources = directory / "sources.list"
        with sources.open("w") as file:
            for release in sorted(releases):
                file.write(f"deb [signed-by={KEYS}] {release}\ndeb-src [signed-by={KEYS}] {release}\n")
        self.options = []
        for option in (
            f"Dir::Etc::sourcelist={sources}",
            "Dir::Etc::sourceparts=-",
            f"Dir::State::Lists={lists}",
            f"Dir::Cache={archives}",
            "APT::Sandbox::User=root",
        ):
            self.options += ["-o", option]
        self.run(["apt-get", "update", "-qq"])

    @staticmethod
    def _out(command, **how):
        return subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True, **how).stdout

    def run(self, command, **how):
        return self._out([command[0], *self.options, *command[1:]], **how)


def scripts_of_tar(stream):
    """Path and text of each shell script in a tar file."""
    with tarfile.open(fileobj=stream, mode="r|*") as archive:
        for member in archive:
            if not member.isfile() or not 8 < member.size <= SCRIPT_MAX:
                continue
            file = archive.extractfile(member)
            text = file.read(64)
            if SHELL.match(text):
                yield member.name, text + file.read()


def scripts_of_package(path):
    for flag, what in (("--ctrl-tarfile", "control"), ("--fsys-tarfile", "files")):
        data = subprocess.run(["dpkg-deb", flag, path], stdout=subprocess.PIPE, check=True).stdout
        for name, text in scripts_of_tar(io.BytesIO(data)):
            yield f"{what}:{name}", text


def kind_of(path):
    name = path.rsplit("/", 1)[-1]
    if path.startswith("control:") and name in MAINTAINER:
        return "maintainer"
    if name in ("configure", "libtool", "ltmain.sh", "config.guess", "config.sub", "install-sh", "depcomp", "missing", "compile", "test-driver"):
        return "build"
    return "test" if "test" in path else "sysadmin"


def write(out, name, found, seen):
    """At most SCRIPTS_MAX scripts of a package, chosen by hash, that no other had."""
    new = {}
    for path, text in found:
        id = hashlib.sha256(text).hexdigest()
        if id not in seen and id not in new:
            new[id] = path, text
    count = 0
    for id in sorted(new)[:SCRIPTS_MAX]:
        path, text = new[id]
        try:
            content = text.decode()
        except UnicodeDecodeError:
            continue
        seen.add(id)
        count += 1
        item = {"id": id, "content": content, "source": name, "path": path, "label": "benign", "kind": kind_of(path), "form": "file"}
        out.write(json.dumps(item).encode() + b"\n")
    return count


def main():
    parser = argparse.ArgumentParser(prog="trainer.natural")
    parser.add_argument("--out", required=True, type=pathlib.Path, help="a file whose name ends in .jsonl.zst")
    parser.add_argument("--packages", type=int, default=1500)
    parser.add_argument("--sources", type=int, default=250)
    parser.add_argument("--except", dest="left_out", type=pathlib.Path, help="a file of sources, `debian:NAME` a line, that are not read")
    arguments = parser.parse_args()
    left_out = set(arguments.left_out.read_text().split()) if arguments.left_out else set()
    seen, written = set(), 0
    with tempfile.TemporaryDirectory() as scratch, zstandard.ZstdCompressor(10).stream_writer(arguments.out.open("wb")) as out:
        scratch = pathlib.Path(scratch)
        apt = Apt(scratch)
        packages, sizes = {}, {}
        for fields in paragraphs(apt.run(["apt-cache", "dumpavail"])):
            name = fields.get("Package", "")
            source = fields.get("Source", name).split(" ")[0]
            if name and 0 < int(fields.get("Size", 0)) <= PACKAGE_MAX and not {f"debian:{name}", f"debian:{source}"} & left_out:
                packages.setdefault(source, []).append(name)
                sizes[name] = int(fields["Size"])
        chosen = by_hash(packages)
        names = [by_hash(packages[source])[0] for source in chosen[: arguments.packages]]
        of = dict(zip(names, chosen))
        for at in range(0, len(names), AT_ONCE):
            download = scratch / "packages"
            download.mkdir(exist_ok=True)
            apt.run(["apt-get", "download", "-qq", *names[at : at + AT_ONCE]], cwd=download)
            for path in sorted(download.iterdir()):
                written += write(out, f"debian-natural:{of[path.name.split('_')[0]]}", scripts_of_package(path), seen)
                path.unlink()
            print(f"{at + AT_ONCE} of {len(names)} packages: {written} scripts", flush=True)
        read = 0
        for source in chosen[arguments.packages :]:
            if read == arguments.sources:
                break
            download = scratch / "source"
            download.mkdir(exist_ok=True)
            said = apt.run(["apt-get", "source", "-qq", "--print-uris", source], cwd=download)
            tars = [line.split(" ") for line in said.splitlines() if ".orig" in line and ".asc" not in line.split(" ")[1]]
            if len(tars) != 1 or int(tars[0][2]) > SOURCE_MAX:
                continue
            try:
                apt.run(["apt-get", "source", "-qq", "--download-only", "--tar-only", source], cwd=download)
            except subprocess.CalledProcessError:
                # A mirror need not have what its list names.
                print(f"{source}: cannot be downloaded", flush=True)
            for path in sorted(download.iterdir()):
                if ".orig" in path.name and not path.name.endswith(".asc"):
                    with path.open("rb") as stream:
                        try:
                            written += write(out, f"debian-natural:{source}", scripts_of_tar(stream), seen)
                        except tarfile.TarError as error:
                            print(f"{path.name}: {error}")
                path.unlink()
                read += 1
            if read % AT_ONCE == 0:
                print(f"{read} of {arguments.sources} source packages: {written} scripts", flush=True)


if __name__ == "__main__":
    main()
