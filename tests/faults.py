"""Fault injection: kills every command that writes, and makes its writes fail.

A killed command must leave no result or a complete one, and the next run must succeed. A
command whose writes fail must report an error, end with code 1 and leave nothing behind.

    python3 tests/faults.py AIDLINK AIDLINK_SCREEN [--kills N] [--points N] [--large]

Each command is killed at random moments (--kills) and at system calls that change files
(--points, spread evenly). Full and read-only file systems are tried too. --large adds an
export with a line of a thousand million columns. Needs strace and root.
"""

import argparse
import collections
import itertools
import os
import pathlib
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time

PROJECT = pathlib.Path(__file__).resolve().parent.parent
CALLS = ["write", "fsync", "renameat2,rename,renameat", "mkdir", "linkat,link", "unlink,unlinkat,rmdir"]

arguments = argparse.ArgumentParser()
arguments.add_argument("aidlink", type=pathlib.Path)
arguments.add_argument("screen", type=pathlib.Path)
arguments.add_argument("--kills", type=int, default=200)
arguments.add_argument("--points", type=int, default=400)
arguments.add_argument("--large", action="store_true")
arguments.add_argument("--seed", type=int, default=1)
options = arguments.parse_args()
AIDLINK, SCREEN = str(options.aidlink.resolve()), str(options.screen.resolve())
chance = random.Random(options.seed)
counts = collections.Counter()
failures = []


def run(argv, **more):
    return subprocess.run(argv, capture_output=True, text=True, **more)


def fail(what, why, ended=None):
    failures.append(what)
    counts["failed"] += 1
    print(f"FAILED {what}: {why}")
    if ended is not None:
        print(ended.stdout[-600:], ended.stderr[-600:])


def passed(kind):
    counts["passed"] += 1
    counts[kind] += 1


# ---------------------------------------------------------------- rounds

if shutil.which("strace") is None:
    sys.exit("strace is not installed; it is needed to make system calls fail")
if os.geteuid() != 0:
    sys.exit("root is needed to mount a full file system")
WORK = pathlib.Path(tempfile.mkdtemp(prefix="faults-"))


def template(name, edit=lambda text: text):
    """Makes a copy of the project with the hand-made round and its signing key."""
    root = WORK / f"template-{name}"
    for part in ["policies", "schemas", "calendars"]:
        shutil.copytree(PROJECT / part, root / part)
    folder = root / "tests/rounds/round"
    shutil.copytree(PROJECT / "tests/rounds/hand-made", folder)
    round_file = folder / "round.toml"
    round_file.write_text(edit(round_file.read_text()))
    assert run([AIDLINK, "signing", "new", str(folder / "signing.key")]).returncode == 0
    return root


def overdue(text):
    return text.replace("retention_until = 2026-12-31", "retention_until = 2026-10-01")


def split(text):
    sealing = f'\n[sealing]\ncentre = "{CENTRE}"\nprocuratorate = "{PROCURATORATE}"\n\n[signing.signers]\n'
    sealing += "".join(f'{office} = "{public}"\n' for office, public in SIGNERS.items())
    return text.replace('mode = "pooled"', 'mode = "split"').replace("\n[key]", sealing + "\n[key]")


def recipient(name):
    ended = run([AIDLINK, "identity", "new", str(WORK / name), "--lang", "en"])
    return ended.stdout.split()[-1]


def signing_key(office):
    """The signing key of an office. Pooled steps use another one, in the round's folder."""
    return str(WORK / f"{office}.signing.key")


def signer(office):
    ended = run([AIDLINK, "signing", "new", signing_key(office)])
    assert ended.returncode == 0, ended.stderr
    return pathlib.Path(signing_key(office)).with_suffix(".pub").read_text().splitlines()[1]


CENTRE, PROCURATORATE, AGENCY = recipient("centre"), recipient("procuratorate"), recipient("agency")
SIGNERS = {office: signer(office) for office in
           ["procuratorate", "civil-affairs", "education", "disabled-federation", "veterans", "centre"]}
POOLED = template("pooled")
RUN_DONE = template("run-done", overdue)
SPLIT = template("split", split)
INNER = "tests/rounds/round"


def prepare():
    """Runs the steps that have to precede a command."""
    folder = RUN_DONE / INNER
    assert run([AIDLINK, "run", str(folder / "round.toml")]).returncode == 0
    folder = SPLIT / INNER
    round_file = str(folder / "round.toml")
    assert run([AIDLINK, "key", "new", round_file]).returncode == 0
    ended = run([AIDLINK, "key", "seal", round_file, "--recipient", AGENCY, "--out", str(folder / "key.age"),
                 "--signing-key", signing_key("procuratorate")])
    assert ended.returncode == 0, ended.stderr
    received = folder / "received"
    received.mkdir()
    for schema in ["procuratorate.case-parties", "procuratorate.referrals", "veterans.persons",
                   "civil-affairs.assistance", "education.students", "disabled-federation.persons"]:
        output = folder / f"at-{schema}"
        ended = run([AIDLINK, "tokenise", round_file, "--export", schema, "--output", str(output),
                     "--signing-key", signing_key(schema.split(".")[0])])
        assert ended.returncode == 0, ended.stderr
        for file in (output / "to-centre").iterdir():
            shutil.copy(file, received)
        shutil.rmtree(output)
    ended = run([SCREEN, "run", round_file, "--tokens", str(received), "--identity", str(WORK / "centre"),
                 "--output", str(folder / "at-centre"), "--signing-key", signing_key("centre")])
    assert ended.returncode == 0, ended.stderr


prepare()
WITHOUT_KEY = WORK / "template-without-key"
shutil.copytree(SPLIT, WITHOUT_KEY)
(WITHOUT_KEY / INNER / "round.key").unlink()


class Place:
    """A copy of a template."""

    def __init__(self, source, on=None):
        self.root = pathlib.Path(tempfile.mkdtemp(dir=on or WORK))
        shutil.copytree(source, self.root, dirs_exist_ok=True)
        self.folder = self.root / INNER
        self.round = str(self.folder / "round.toml")

    def names(self):
        return sorted(str(path.relative_to(self.folder)) for path in self.folder.rglob("*"))

    def partials(self):
        return [path.name for path in self.folder.iterdir() if ".partial-" in path.name]

    def remove(self):
        shutil.rmtree(self.root)


def verified(place, output, office=None):
    public = SIGNERS[office] if office else str(place.folder / "signing.pub")
    ended = run([AIDLINK, "audit", "verify", str(place.folder / output), "--lang", "en", "--public-key", public])
    return ended.returncode == 0, ended


def folder_is_complete(output, office=None):
    return lambda place: verified(place, output, office)[0]


def key_is_complete(place):
    return run([AIDLINK, "key", "id", place.round]).returncode == 0


def sealed_is_complete(place):
    other = Place(WITHOUT_KEY)
    ended = run([AIDLINK, "key", "open", other.round, "--sealed", str(place.folder / "new.age"),
                 "--identity", str(WORK / "agency")])
    other.remove()
    return ended.returncode == 0


def identity_is_complete(place):
    text = (place.folder / "identity").read_text()
    return text.count("\n") == 2 and "AGE-SECRET-KEY-1" in text and len(text) in range(130, 160)


def signing_is_complete(place):
    """Whether the public key verifies what the signing key signs."""
    round_file = pathlib.Path(place.round)
    text = round_file.read_text() + '\n[signing]\nkey = "new.key"\n'
    probe = place.folder / "probe.toml"
    probe.write_text(text)
    ended = run([AIDLINK, "run", str(probe), "--output", str(place.folder / "probe")])
    verification = run([AIDLINK, "audit", "verify", str(place.folder / "probe"), "--round", str(probe),
                        "--public-key", str(place.folder / "new.pub")])
    shutil.rmtree(place.folder / "probe", ignore_errors=True)
    probe.unlink()
    return ended.returncode == 0 and verification.returncode == 0


def sample_is_complete(place):
    ended = run([AIDLINK, "run", str(place.folder / "sample/round.toml"), "--output", str(place.folder / "of-sample")])
    shutil.rmtree(place.folder / "of-sample", ignore_errors=True)
    return ended.returncode == 0


def matrix_is_complete(place):
    return len(list((place.folder / "matrix").iterdir())) == 5


Command = collections.namedtuple("Command", "name template argv result is_complete")
COMMANDS = [
    Command("run", POOLED, lambda p: [AIDLINK, "run", p.round], "output", folder_is_complete("output")),
    Command("tokenise", SPLIT, lambda p: [AIDLINK, "tokenise", p.round, "--export", "veterans.persons",
                                            "--signing-key", signing_key("veterans")],
            "output", folder_is_complete("output", "veterans")),
    Command("aidlink-screen run", SPLIT,
            lambda p: [SCREEN, "run", p.round, "--tokens", str(p.folder / "received"), "--identity", str(WORK / "centre"),
                       "--signing-key", signing_key("centre")],
            "output", folder_is_complete("output", "centre")),
    Command("resolve", SPLIT,
            lambda p: [AIDLINK, "resolve", p.round, "--leads",
                       str(p.folder / "at-centre/to-procuratorate/leads.json.age"),
                       "--identity", str(WORK / "procuratorate"), "--signing-key", signing_key("procuratorate")],
            "output", folder_is_complete("output", "procuratorate")),
    Command("key new", WITHOUT_KEY, lambda p: [AIDLINK, "key", "new", p.round], "round.key", key_is_complete),
    Command("key seal", SPLIT,
            lambda p: [AIDLINK, "key", "seal", p.round, "--recipient", AGENCY, "--out", str(p.folder / "new.age"),
                       "--signing-key", signing_key("procuratorate")],
            "new.age", sealed_is_complete),
    Command("key open", WITHOUT_KEY,
            lambda p: [AIDLINK, "key", "open", p.round, "--sealed", str(p.folder / "key.age"),
                       "--identity", str(WORK / "agency")],
            "round.key", key_is_complete),
    Command("identity new", POOLED, lambda p: [AIDLINK, "identity", "new", str(p.folder / "identity")],
            "identity", identity_is_complete),
    Command("signing new", POOLED, lambda p: [AIDLINK, "signing", "new", str(p.folder / "new.key")],
            "new.key", signing_is_complete),
    Command("sample", POOLED, lambda p: [AIDLINK, "sample", "--out", str(p.folder / "sample"), "--dirt", "none"],
            "sample", sample_is_complete),
    Command("audit matrix", POOLED,
            lambda p: [AIDLINK, "audit", "matrix", p.round, "--output", str(p.folder / "matrix")],
            "matrix", matrix_is_complete),
    Command("purge", RUN_DONE, lambda p: [AIDLINK, "purge", str(p.folder)], None, None),
]


def check_after(command, place, what, kind):
    """Checks what must be true after a command has ended in any way."""
    if command.name == "purge":
        # The next purge must finish the work, and its record must list every file.
        ended = run(command.argv(place) + ["--lang", "en"])
        is_verified, verification = verified(place, "output")
        left = [name for name in ["round.key", "output/lists"] if (place.folder / name).exists()]
        if ended.returncode != 0 or not is_verified or left:
            fail(what, f"after the next purge these are left: {left}", ended if ended.returncode else verification)
            return
        audit = run([AIDLINK, "audit", str(place.folder), "--lang", "en",
                     "--public-key", str(place.folder / "signing.pub")])
        if audit.returncode != 0:
            fail(what, "the audit fails after the purge", audit)
            return
        passed(kind)
        return
    result = place.folder / command.result
    exists = result.exists()
    if exists and not command.is_complete(place):
        fail(what, "the result is incomplete")
        return
    if exists:
        # A complete result is removed for the next run.
        shutil.rmtree(result) if result.is_dir() else result.unlink()
        result.with_suffix(".pub").unlink(missing_ok=True) if command.name == "signing new" else None
    ended = run(command.argv(place) + ["--lang", "en"])
    if ended.returncode != 0 or not command.is_complete(place):
        fail(what, "the next run fails", ended)
    elif place.partials():
        fail(what, f"left behind: {place.partials()}")
    else:
        passed(kind)


def kill_at_random(command):
    place = Place(command.template)
    started = time.monotonic()
    run(command.argv(place))
    duration = time.monotonic() - started
    place.remove()
    for number in range(options.kills):
        place = Place(command.template)
        process = subprocess.Popen(command.argv(place), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(chance.uniform(0, duration * 1.1))
        process.send_signal(signal.SIGKILL)
        process.wait()
        check_after(command, place, f"{command.name}, kill {number}", "killed at a random moment")
        place.remove()


def strace(inject, argv, environment=None):
    return run(["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"inject={inject}"] + argv, env=environment)


def calls_of(command, calls):
    """Counts how often a command makes these system calls."""
    place = Place(command.template)
    log = WORK / "calls"
    run(["strace", "-f", "-qq", "-o", str(log), "-e", f"trace={calls}"] + command.argv(place))
    place.remove()
    lines = log.read_text().splitlines()
    return sum("resumed>" not in line and "(" in line for line in lines)


def points(count, most):
    """Returns at most `most` numbers from 1 to `count`, spread evenly."""
    if count <= most:
        return range(1, count + 1)
    return sorted({1 + (count - 1) * index // (most - 1) for index in range(most)})


def kill_at_system_calls(command):
    share = max(2, options.points // len(CALLS))
    for calls in CALLS:
        for point in points(calls_of(command, calls), share):
            place = Place(command.template)
            strace(f"{calls}:signal=KILL:when={point}", command.argv(place))
            check_after(command, place, f"{command.name}, killed at {calls} {point}", "killed at a system call")
            place.remove()


ERRORS = [("fsync", "EIO", ""), ("write", "ENOSPC", "+"), ("renameat2,rename,renameat", "EACCES", ""),
          ("mkdir", "EACCES", ""), ("linkat,link", "EIO", "")]


def fail_writes(command):
    share = max(2, options.points // (4 * len(ERRORS)))
    for calls, error, on in ERRORS:
        for point in points(calls_of(command, calls), share):
            place = Place(command.template)
            before = place.names()
            what = f"{command.name}, {calls} {point} fails with {error}"
            ended = strace(f"{calls}:error={error}:when={point}{on}", command.argv(place) + ["--lang", "en"])
            has_message = "error: " in ended.stderr
            if "internal error" in ended.stderr or ended.returncode not in (0, 1, 3, 4):
                fail(what, f"it ended with {ended.returncode}", ended)
            elif ended.returncode == 1 and not has_message and error != "ENOSPC":
                fail(what, "it failed without a message", ended)
            elif command.name != "purge" and ended.returncode == 1 and not (place.folder / command.result).exists() \
                    and [name for name in place.names() if name not in before]:
                new = [name for name in place.names() if name not in before]
                fail(what, f"left behind: {new}", ended)
            else:
                check_after(command, place, what, "failed writes")
            place.remove()


def try_file_systems(command):
    """Runs the command on full and read-only file systems."""
    on = WORK / "disk"
    on.mkdir(exist_ok=True)
    source = command.template
    size = sum(path.stat().st_size + 4096 for path in source.rglob("*")) // 1024
    for free in [0, 16, 64, 128, 256, 512]:
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size + free}k", "none", str(on)], check=True)
        place = None
        try:
            try:
                place = Place(source, on)
            except OSError:
                continue
            before = place.names()
            ended = run(command.argv(place) + ["--lang", "en"])
            what = f"{command.name}, a disk with {free} KiB free"
            if ended.returncode == 1:
                new = [name for name in place.names() if name not in before]
                if "error: " not in ended.stderr or "internal error" in ended.stderr:
                    fail(what, "it does not report the error", ended)
                elif new and command.name != "purge":
                    fail(what, f"left behind: {new}", ended)
                else:
                    passed("full disk")
            elif ended.returncode == 0 and (command.is_complete is None or command.is_complete(place)):
                passed("full disk")
            elif ended.returncode != 0:
                fail(what, f"it ended with {ended.returncode}", ended)
        finally:
            subprocess.run(["umount", "-l", str(on)], check=True)
    subprocess.run(["mount", "-t", "tmpfs", "none", str(on)], check=True)
    try:
        place = Place(source, on)
        subprocess.run(["mount", "-o", "remount,ro", str(on)], check=True)
        ended = run(command.argv(place) + ["--lang", "en"])
        if ended.returncode == 1 and "error: " in ended.stderr and "internal error" not in ended.stderr:
            passed("read-only folder")
        else:
            fail(f"{command.name}, a read-only folder", f"it ended with {ended.returncode}", ended)
    finally:
        subprocess.run(["umount", "-l", str(on)], check=True)


def several_at_once(times):
    """Four runs with one output folder: exactly one of them writes it."""
    command = COMMANDS[0]
    for number in range(times):
        place = Place(command.template)
        (place.folder / "round.key").unlink(missing_ok=True)
        assert run([AIDLINK, "key", "new", place.round]).returncode == 0
        processes = [
            subprocess.Popen(command.argv(place) + ["--lang", "en"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            for _ in range(4)
        ]
        ended = [(process.communicate()[1], process.returncode) for process in processes]
        codes = sorted(code for _, code in ended)
        others_report = all("the output folder already exists" in stderr for stderr, code in ended if code != 0)
        if codes.count(0) != 1 or not others_report or not command.is_complete(place) or place.partials():
            fail(f"four runs at once, {number}", f"codes {codes}, {place.partials()}, {ended}")
        else:
            passed("runs at once")
        place.remove()


def interrupted(times):
    """Ctrl-C leaves nothing behind, not even a hidden folder."""
    command = COMMANDS[0]
    for number in range(times):
        place = Place(command.template)
        process = subprocess.Popen(command.argv(place), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(chance.uniform(0.02, 0.08))
        process.send_signal(signal.SIGINT)
        code = process.wait()
        exists = (place.folder / "output").exists()
        if place.partials() or code not in (0, 130, -2) or (code == 0) != exists and code != 130:
            fail(f"interruption {number}", f"code {code}, left {place.partials()}")
        else:
            passed("interrupted")
        place.remove()


def a_line_of_a_thousand_million_columns():
    place = Place(POOLED)
    path = place.folder / "veterans.persons.csv"
    text = path.read_text()
    header, rows = text.split("\n", 1)
    with path.open("wb") as file:
        file.write(header.encode() + b"\n")
        block = b"," * (1 << 24)
        for _ in range(60):
            file.write(block)
        file.write(b"\n" + rows.encode())
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    ended = run([AIDLINK, "run", place.round, "--lang", "en"])
    peak = max(before, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss) // 1024
    rejects = (place.folder / "output/rejects/veterans.csv").read_text() if ended.returncode in (0, 3) else ""
    if "record_too_long" in rejects and peak < 1024:
        passed("line of a thousand million columns")
        print(f"a line of 1,006,632,960 commas: one reject, peak memory {peak} MiB")
    else:
        fail("a line of a thousand million columns", f"{peak} MiB", ended)
    place.remove()


try:
    for command in COMMANDS:
        before = dict(counts)
        kill_at_random(command)
        kill_at_system_calls(command)
        fail_writes(command)
        if command.name not in ("aidlink-screen run", "resolve"):
            try_file_systems(command)
        new = {kind: counts[kind] - before.get(kind, 0) for kind in counts if kind not in ("passed", "failed")}
        print(f"{command.name}: " + ", ".join(f"{count} {kind}" for kind, count in new.items() if count), flush=True)
    several_at_once(max(2, options.kills // 10))
    interrupted(max(3, options.kills // 4))
    if options.large:
        a_line_of_a_thousand_million_columns()
finally:
    shutil.rmtree(WORK, ignore_errors=True)
for kind, count in sorted(counts.items()):
    if kind not in ("passed", "failed"):
        print(f"  {kind}: {count}")
print(f"{counts['passed']} passed, {counts['failed']} failed")
sys.exit(1 if failures else 0)
