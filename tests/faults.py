"""Fault injection: kills every command that writes, and makes its writes fail.

A killed command must leave no result or a complete one, and the next run must succeed. A
command whose writes fail must report an error, end with code 1 and leave nothing behind.
After every verb of `register` that ended in any way, the register must verify, have the whole
of a batch or nothing of it, and have what was acknowledged; the verb again must give what an
undisturbed one gives.

    python3 tests/faults.py AIDLINK AIDLINK_SCREEN [--kills N] [--points N] [--only round|register] [--large]

Each command is killed at random moments (--kills) and at system calls that change files
(--points, spread evenly). Full and read-only file systems are tried too. --large adds an
export with a line of a thousand million columns. Needs strace and root.
"""

import argparse
import collections
import itertools
import json
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
arguments.add_argument("--only", nargs="+", choices=["round", "register"], default=["round", "register"])
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


def left_behind(command, place, before):
    """What a failed command left. The keys that a first run makes stay: another run may use them."""
    keys = {"round.key", "signing.key", "signing.pub"} - {command.result}
    return [name for name in place.names() if name not in before and pathlib.PurePath(name).name not in keys]


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
    place = Desk(command.template) if isinstance(command, Verb) else Place(command.template)
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
                    and left_behind(command, place, before):
                new = left_behind(command, place, before)
                fail(what, f"left behind: {new}", ended)
            else:
                check_after(command, place, what, "failed writes")
            place.remove()


def fill(disk, free):
    """Fills a disk but for some KiB."""
    space = os.statvfs(disk)
    (disk / "filler").write_bytes(bytes(space.f_bavail * space.f_frsize - free * 1024))


def try_file_systems(command):
    """Runs the command on full and read-only file systems."""
    on = WORK / "disk"
    on.mkdir(exist_ok=True)
    source = command.template
    for free in [0, 16, 64, 128, 256, 512]:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "none", str(on)], check=True)
        try:
            place = Place(source, on)
            fill(on, free)
            before = place.names()
            ended = run(command.argv(place) + ["--lang", "en"])
            what = f"{command.name}, a disk with {free} KiB free"
            if ended.returncode == 1:
                new = left_behind(command, place, before)
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


# ---------------------------------------------------------------- the register

# SQLite writes by other system calls.
REGISTER_CALLS = CALLS + ["pwrite64", "fdatasync", "ftruncate"]
REGISTER_ERRORS = [("fsync", "EIO", ""), ("fdatasync", "EIO", ""), ("pwrite64", "ENOSPC", "+"), ("pwrite64", "EIO", ""),
                   ("ftruncate", "EIO", ""), ("write", "ENOSPC", "+"), ("renameat2,rename,renameat", "EACCES", ""),
                   ("linkat,link", "EIO", "")]
# A verb that cannot write may end with 2 if it is its configuration, such as a key, that it cannot read.
RECORDED_ALL_THE_SAME = "the events are recorded, but the head beside the register could not be written"


def id_number(number):
    """A synthetic ID number of a region that was never assigned."""
    digits = f"44990119850505{number:03}"
    weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]
    return digits + "10X98765432"[sum(weight * int(digit) for weight, digit in zip(weights, digits)) % 11]


def ledger_of(numbers):
    rows = [f"某{number},{id_number(number)},低保,2024-10-08,示例镇民政局" for number in numbers]
    return "姓名,公民身份号码,拟救助项目,发现日期,接收单位\n" + "\n".join(rows) + "\n"


class Desk(Place):
    """A copy of a round of the town, and of the register beside it."""

    def __init__(self, source, on=None):
        super().__init__(source, on)
        self.register = self.root / "register/register.db"

    def file(self, name):
        return str(self.root / name)

    def verb(self, verb, *more):
        return [AIDLINK, "register", verb, *more, "--register", str(self.register)]

    def head(self):
        """Returns the head of the register, or why there is none."""
        ended = run(self.verb("verify", "--json"))
        if ended.returncode != 0:
            return None, ended
        return json.loads(ended.stdout)["head"], ended

    def leads(self):
        """Returns what the register says of each lead, without numbers, which chance gives."""
        ended = run(self.verb("show", "--events", "--json", "--policy", self.file("tests/rounds/policies/town.toml")))
        leads = json.loads(ended.stdout)["leads"]
        of_event = lambda event: (event["kind"], event["on"], event["operator"])
        return sorted((lead["names"], lead["case_numbers"], lead["agency"], lead["stage"], lead["since"], lead.get("reason") or "",
                       [of_event(event) for event in lead["events"]]) for lead in leads)

    def all_names(self):
        """Returns the names of all files, but for those that SQLite and the lock may leave."""
        names = {str(path.relative_to(self.root)) for path in self.root.rglob("*")}
        return {name for name in names if not name.endswith((".db-wal", ".db-shm", ".lock"))}

    def open_to_others(self):
        """Returns the files of the register that others may read."""
        files = [path for path in self.root.rglob("*") if path.is_file() and "tests/rounds" not in str(path) and "/in/" not in str(path)]
        return [path.name for path in files if path.stat().st_mode & 0o077 and path.suffix != ".pub"]


def town_template(name):
    """Makes a round of the town that was run, and a register without leads."""
    root = WORK / f"template-{name}"
    (root / "tests").mkdir(parents=True)
    shutil.copytree(PROJECT / "tests/rounds/town", root / "tests/rounds")
    (root / "tests/rounds/2024Q3").rename(root / INNER)
    ended = run([AIDLINK, "run", str(root / INNER / "round.toml")])
    assert ended.returncode == 0, ended.stderr
    ended = run([AIDLINK, "register", "init", str(root / "register"), "--operator", "clerk"])
    assert ended.returncode == 0, ended.stderr
    return root


def take_of(desk):
    return desk.verb("take", desk.round, "--public-key", str(desk.folder / "signing.pub"))


def import_of(desk, file):
    return desk.verb("import", desk.file(file), "--policy", desk.file("tests/rounds/policies/town.toml"), "--operator", "clerk")


def prepare_registers():
    """Makes a register without leads, and one with those of a round and of a ledger; beside each the files that
    the verbs read."""
    new = town_template("register-new")
    (new / "in").mkdir()
    (new / "in/ledger.csv").write_text(ledger_of(range(1, 61)))
    (new / "in/more.csv").write_text(ledger_of(range(40, 101)))
    taken = WORK / "template-register"
    shutil.copytree(new, taken)
    desk = Desk(taken)
    for argv in [take_of(desk), import_of(desk, "in/ledger.csv")]:
        ended = run(argv)
        assert ended.returncode == 0, ended.stdout + ended.stderr
    shown = json.loads(run(desk.verb("show", "--json")).stdout)["leads"]
    events = ["lead,kind,on,finding,reason"]
    for place, lead in enumerate(one for one in shown if one["names"][0].startswith("某")):
        events.append(f"{lead['lead']},checked,2024-10-09,{'rejected,income' if place % 3 else 'confirmed,'}")
    (desk.root / "in/events.csv").write_text("\n".join(events) + "\n")
    filled = ["线索编号,核查结论,理由,核查人,核查日期"]
    for path in sorted((desk.folder / "output/lists/for-review").iterdir()):
        filled += [f"{line.split(',')[0]},确认,,张核,2024-10-09" for line in path.read_text().splitlines()[1:] if "-" in line.split(",")[0]]
    assert len(filled) == 4 and len(events) == 61, (filled, len(events))
    for root in (desk.root, new):
        (root / "in/filled.csv").write_text("\n".join(filled) + "\n")
    shutil.rmtree(taken)
    shutil.move(desk.root, taken)
    return new, taken


# `said`: what the verb prints when it is done. `code`: how it ends, the first time and when nothing is left to do.
# `result`: what it makes beside the register. `is_complete`: whether that is whole.
Verb = collections.namedtuple("Verb", "name template argv said codes result is_complete")


def backup_is_complete(desk):
    ended = run([AIDLINK, "register", "verify", "--register", desk.file("backup.db"), "--signing-key", desk.file("register/signing.key")])
    return ended.returncode == 0


def sealed_is_complete_too(desk):
    ended = subprocess.run(["age", "-d", "-i", str(WORK / "agency"), desk.file("backup.age")], capture_output=True)
    listed = subprocess.run(["tar", "-t"], input=ended.stdout, capture_output=True)
    return ended.returncode == 0 and listed.stdout.split() == [
        b"register.db", b"register.db.head.json", b"register.db.head.json.minisig", b"register.key"]


def ledger_is_complete(desk):
    return len(json.loads(pathlib.Path(desk.file("out.json")).read_text())["leads"]) == 63


def made_is_complete(desk):
    ended = run([AIDLINK, "register", "verify", "--register", desk.file("made/register.db")])
    names = {path.name for path in pathlib.Path(desk.file("made")).iterdir()}
    return ended.returncode == 0 and {"register.key", "signing.key", "signing.pub", "register.db.head.json"} <= names


def verbs():
    new, taken = prepare_registers()
    policy = lambda desk: ["--policy", desk.file("tests/rounds/policies/town.toml"), "--as-of", "2024-11-01"]
    lead = json.loads(run(Desk(taken).verb("show", "--json")).stdout)["leads"][0]["lead"]
    return [
        Verb("register init", new, lambda d: [AIDLINK, "register", "init", d.file("made"), "--operator", "clerk"],
             "made the register", (0, 0), "made", made_is_complete),
        Verb("register take", new, take_of, "leads on the lists", (0, 0), None, None),
        Verb("register decide", taken, lambda d: d.verb("decide", d.round, d.file("in/filled.csv"), "--public-key", str(d.folder / "signing.pub")),
             "still open", (0, 0), None, None),
        Verb("register note", taken, lambda d: d.verb("note", "--lead", lead, "--kind", "told_rights", "--on", "2024-10-08", "--set", "way=call",
                                                      "--operator", "clerk"),
             "1 recorded", (0, 0), None, None),
        Verb("register note --csv", taken, lambda d: d.verb("note", "--csv", d.file("in/events.csv"), "--operator", "clerk"),
             "60 recorded", (0, 0), None, None),
        Verb("register import", taken, lambda d: import_of(d, "in/more.csv"), "61 rows: 40 leads", (0, 0), None, None),
        Verb("register export", taken, lambda d: d.verb("export", *policy(d), "--format", "json", "--out", d.file("out.json")),
             "wrote the ledger", (0, 0), "out.json", ledger_is_complete),
        Verb("register backup", taken, lambda d: d.verb("backup", "--out", d.file("backup.db")), "backed up", (0, 0), "backup.db", backup_is_complete),
        Verb("register backup --seal-to", taken, lambda d: d.verb("backup", "--out", d.file("backup.age"), "--seal-to", AGENCY),
             "backed up", (0, 0), "backup.age", sealed_is_complete_too),
        Verb("register rekey", taken,
             lambda d: d.verb("rekey", "--export", d.file("in/ledger.csv"), "--new-key", d.file("new.key"), "--operator", "clerk",
                              "--because", "new keeper"),
             "the register has a new key", (3, 3), "new.key", None),
        Verb("register show", taken, lambda d: d.verb("show", "--events"), "", (0, 0), None, None),
        Verb("register due", taken, lambda d: d.verb("due", *policy(d), "--all"), "", (0, 0), None, None),
        Verb("register verify", taken, lambda d: d.verb("verify"), "", (0, 0), None, None),
    ]


READERS = {"register show", "register due", "register verify"}


class Undisturbed:
    """What a verb does if nothing happens to it."""

    def __init__(self, verb):
        desk = Desk(verb.template)
        self.before = desk.head()[0]["events"]
        ended = run(verb.argv(desk) + ["--lang", "en"])
        assert ended.returncode == verb.codes[0] and verb.said in ended.stdout, (verb.name, ended)
        self.after = desk.head()[0]["events"]
        self.leads = desk.leads()
        self.names = desk.all_names()
        assert verb.is_complete is None or verb.is_complete(desk), verb.name
        desk.remove()


def repaired(verb, desk):
    """Does what the documents say is to be done after an interruption. Returns the arguments with which the verb
    runs again."""
    argv = verb.argv(desk)
    if verb.name == "register init":
        # The message says: delete an .unfinished folder that an interrupted command left.
        shutil.rmtree(desk.file("made.unfinished"), ignore_errors=True)
    if verb.name == "register rekey" and pathlib.Path(desk.file("new.key")).exists():
        # If the register uses the new key, it was done: everybody is found under it. Otherwise the key is deleted.
        ended = run(import_of(desk, "in/ledger.csv") + ["--register-key", desk.file("new.key")])
        if ended.returncode == 0:
            return None
        pathlib.Path(desk.file("new.key")).unlink()
    return argv


def check_register(verb, undisturbed, desk, what, kind, stdout="", failed=None):
    """Checks what must be true of a register after a verb has ended in any way. `failed` is what it ended as, if its
    writes were made to fail."""
    head, verification = desk.head()
    if head is None:
        return fail(what, "the register does not verify", verification)
    if head["events"] not in (undisturbed.before, undisturbed.after):
        return fail(what, f"a part of a batch: {head['events']} of {undisturbed.before} to {undisturbed.after} events")
    if verb.said and verb.said in stdout and head["events"] != undisturbed.after:
        return fail(what, "what was acknowledged is lost")
    if failed is not None and failed.returncode == 1 and head["events"] != undisturbed.before and RECORDED_ALL_THE_SAME not in failed.stderr \
            and "write" not in what.split(",")[1]:
        return fail(what, "it says that it failed, and recorded the events", failed)
    result = pathlib.Path(desk.file(verb.result)) if verb.result else None
    if verb.is_complete and result.exists():
        if not verb.is_complete(desk):
            return fail(what, "the result is incomplete")
        if verb.said in stdout:
            return passed(kind)
        for path in [result, *desk.root.glob(f"{verb.result}.head.json*")]:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    elif verb.is_complete and verb.said in stdout and failed is None:
        return fail(what, "what was acknowledged is not there")
    argv = repaired(verb, desk)
    if argv is not None:
        ended = run(argv + ["--lang", "en"])
        if ended.returncode not in verb.codes or verb.is_complete and not verb.is_complete(desk):
            return fail(what, "the verb again fails", ended)
    if desk.head()[0] is None:
        return fail(what, "the register does not verify after the verb ran again")
    if desk.leads() != undisturbed.leads:
        return fail(what, "the register says something else than after an undisturbed verb")
    left = desk.all_names() - undisturbed.names
    if left or desk.open_to_others():
        return fail(what, f"left behind: {sorted(left)}, others may read: {desk.open_to_others()}")
    return passed(kind)


def disturbed_at_random(verb, undisturbed):
    desk = Desk(verb.template)
    started = time.monotonic()
    run(verb.argv(desk))
    duration = time.monotonic() - started
    desk.remove()
    for number in range(options.kills):
        desk = Desk(verb.template)
        process = subprocess.Popen(verb.argv(desk) + ["--lang", "en"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        time.sleep(chance.uniform(0, duration * 1.1))
        process.send_signal(signal.SIGKILL)
        stdout = process.communicate()[0]
        check_register(verb, undisturbed, desk, f"{verb.name}, kill {number}", "killed at a random moment", stdout)
        desk.remove()


def disturbed_at_system_calls(verb, undisturbed):
    share = max(2, options.points // len(REGISTER_CALLS))
    for calls in REGISTER_CALLS:
        for point in points(calls_of(verb, calls), share):
            desk = Desk(verb.template)
            ended = strace(f"{calls}:signal=KILL:when={point}", verb.argv(desk) + ["--lang", "en"])
            check_register(verb, undisturbed, desk, f"{verb.name}, killed at {calls} {point}", "killed at a system call", ended.stdout)
            desk.remove()
    share = max(2, options.points // (4 * len(REGISTER_ERRORS)))
    for calls, error, on in REGISTER_ERRORS:
        for point in points(calls_of(verb, calls), share):
            desk = Desk(verb.template)
            ended = strace(f"{calls}:error={error}:when={point}{on}", verb.argv(desk) + ["--lang", "en"])
            what = f"{verb.name}, {calls} {point} fails with {error}"
            failed_writes(verb, undisturbed, desk, what, "failed writes", ended, error)
            desk.remove()


def failed_writes(verb, undisturbed, desk, what, kind, ended, error=""):
    """Checks a verb whose writes failed: how it ended, and what it left."""
    if "internal error" in ended.stderr or ended.returncode not in (0, 1, 2, 3):
        return fail(what, f"it ended with {ended.returncode}", ended)
    if ended.returncode in (1, 2) and "error: " not in ended.stderr and "write 1" not in what and error != "ENOSPC":
        return fail(what, "it failed without a message", ended)
    if ended.returncode == 1:
        new = desk.all_names() - undisturbed.names
        if new:
            return fail(what, f"left behind: {sorted(new)}", ended)
    return check_register(verb, undisturbed, desk, what, kind, ended.stdout, ended)


def too_large(limit):
    """Limits the size of files. The system ends a program that writes more, unless it asked to be told."""
    def limited():
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    return limited


def disturbed_by_file_systems(verb, undisturbed):
    for limit in [0, 1024, 40_000]:
        desk = Desk(verb.template)
        ended = run(verb.argv(desk) + ["--lang", "en"], preexec_fn=too_large(limit))
        check_register(verb, undisturbed, desk, f"{verb.name}, files of {limit} bytes", "limited size of files", ended.stdout)
        desk.remove()
    on = WORK / "disk"
    on.mkdir(exist_ok=True)
    for free in [0, 4, 16, 64, 128]:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "none", str(on)], check=True)
        try:
            desk = Desk(verb.template, on)
            fill(on, free)
            ended = run(verb.argv(desk) + ["--lang", "en"])
            subprocess.run(["mount", "-o", "remount,size=64m", str(on)], check=True)
            kind = "full disk, refused" if ended.returncode == 1 else "nearly full disk, done"
            failed_writes(verb, undisturbed, desk, f"{verb.name}, a disk with {free} KiB free", kind, ended)
        finally:
            subprocess.run(["umount", "-l", str(on)], check=True)
    subprocess.run(["mount", "-t", "tmpfs", "none", str(on)], check=True)
    try:
        desk = Desk(verb.template, on)
        subprocess.run(["mount", "-o", "remount,ro", str(on)], check=True)
        ended = run(verb.argv(desk) + ["--lang", "en"])
        what = f"{verb.name}, a read-only folder"
        if ended.returncode != 1 or "error: " not in ended.stderr or "internal error" in ended.stderr:
            fail(what, f"it ended with {ended.returncode}", ended)
        else:
            subprocess.run(["mount", "-o", "remount,rw", str(on)], check=True)
            check_register(verb, undisturbed, desk, what, "read-only folder", ended.stdout, ended)
    finally:
        subprocess.run(["umount", "-l", str(on)], check=True)


def writers_at_once(all_verbs, times):
    """Every verb that writes, twice, at once: whatever the order, each does what it does alone, and only once."""
    by_name = {verb.name: verb for verb in all_verbs}
    together = [by_name[f"register {name}"] for name in ["take", "decide", "note", "note --csv", "import"]]
    for number in range(times):
        desk = Desk(together[1].template)
        before = desk.head()[0]["events"]
        argvs = [verb.argv(desk) + ["--lang", "en"] for verb in together for _ in range(2)]
        argvs.append(desk.verb("backup", "--out", desk.file("backup.db")))
        chance.shuffle(argvs)
        processes = [subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for argv in argvs]
        ended = [(argv[2], *process.communicate(), process.returncode) for argv, process in zip(argvs, processes)]
        head, verification = desk.head()
        # Three decisions, one event, sixty events, forty leads; and the leads of the round were there.
        expected = before + 3 + 1 + 60 + 40
        what = f"verbs of the register at once, {number}"
        if any(code != 0 for *_, code in ended) or head is None or head["events"] != expected or not backup_is_complete(desk):
            fail(what, f"{head and head['events']} events of {expected}: {[one for one in ended if one[-1]]}", verification)
        else:
            passed("verbs at once")
        desk.remove()
    # Three backups of one name: one of them is made, and whole.
    for number in range(4 * times):
        desk = Desk(by_name["register backup"].template)
        argv = by_name["register backup"].argv(desk) + ["--lang", "en"]
        processes = [subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) for _ in range(3)]
        ended = [(process.communicate()[1], process.returncode) for process in processes]
        are_told = all("exists and is not overwritten" in stderr for stderr, code in ended if code)
        if sorted(code for _, code in ended) != [0, 1, 1] or not are_told or not backup_is_complete(desk):
            fail(f"three backups at once, {number}", str(ended))
        else:
            passed("verbs at once")
        desk.remove()
    # Two that make the same register: one of them does.
    for number in range(times):
        desk = Desk(by_name["register init"].template)
        argv = by_name["register init"].argv(desk) + ["--lang", "en"]
        processes = [subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) for _ in range(2)]
        ended = [(process.communicate()[1], process.returncode) for process in processes]
        if sorted(code for _, code in ended) != [0, 1] or not made_is_complete(desk) or pathlib.Path(desk.file("made.unfinished")).exists():
            fail(f"two init at once, {number}", str(ended))
        else:
            passed("verbs at once")
        desk.remove()


def registers():
    all_verbs = verbs()
    for verb in all_verbs:
        before = dict(counts)
        undisturbed = Undisturbed(verb)
        disturbed_at_random(verb, undisturbed)
        if verb.name not in READERS:
            disturbed_at_system_calls(verb, undisturbed)
        disturbed_by_file_systems(verb, undisturbed)
        told(verb.name, before)
    writers_at_once(all_verbs, max(3, options.kills // 4))


def told(name, before):
    new = {kind: counts[kind] - before.get(kind, 0) for kind in counts if kind not in ("passed", "failed")}
    print(f"{name}: " + ", ".join(f"{count} {kind}" for kind, count in new.items() if count), flush=True)


try:
    if "register" in options.only:
        registers()
    for command in COMMANDS if "round" in options.only else []:
        before = dict(counts)
        kill_at_random(command)
        kill_at_system_calls(command)
        fail_writes(command)
        if command.name not in ("aidlink-screen run", "resolve"):
            try_file_systems(command)
        told(command.name, before)
    if "round" in options.only:
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
