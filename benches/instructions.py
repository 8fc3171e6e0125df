"""Counts the instructions of small commands under callgrind, and compares them with the last counts
that were recorded.

    python3 benches/instructions.py target/release/aidlink            prints the counts
    python3 benches/instructions.py target/release/aidlink --record   adds a line for each to the record

Times differ from machine to machine and from minute to minute; the number of instructions of one thread hardly
does. So `benches/instructions.tsv` keeps it over time, and a change that costs a tenth more is seen at once. It is
told then; exit code 1 if a command takes over a quarter more than recorded: make it cheaper, or record the new count
in the commit that explains it. How much `tokenise` takes depends on how many blocks of rows begin before the kinds of
rows in the ones before are known, so on what else the machine does: it is told, and never a failure. Valgrind has no
AVX-512 and no SHA instructions, so the counts are not those of a new processor, and hashing weighs more than it does
there.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
RECORD = PROJECT / "benches/instructions.tsv"
SAMPLE = "sample_data/2026Q3"
# More than recorded by this much is told, and by this much is a failure. A processor without AVX2 needs more too.
TOLD = 1.1
ALLOWED = 1.25
# Those whose number is the same each time.
STEADY = {"run", "verify"}


def instructions(command, folder):
    """Runs a command under callgrind and returns its number of instructions."""
    valgrind = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
    done = subprocess.run([*valgrind, *map(str, command)], cwd=folder, capture_output=True, text=True)
    collected = re.search(r"Collected\s*:\s*(\d+)", done.stderr)
    if done.returncode not in (0, 3) or not collected:
        sys.exit(f"{' '.join(map(str, command))}: exit code {done.returncode}\n{done.stderr[-2000:]}")
    return int(collected.group(1))


def make_split(aidlink, folder):
    """Makes the split round of the sample, whose exports are tokenised one by one."""
    sys.path.insert(0, str(PROJECT / "benches/peers"))
    from offices import split_round

    return split_round(aidlink, folder, folder)


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("aidlink", type=Path)
    arguments.add_argument("--record", action="store_true")
    options = arguments.parse_args()
    aidlink = options.aidlink.resolve()
    with tempfile.TemporaryDirectory() as place:
        place = Path(place)
        for part in ("policies", "schemas", "calendars", SAMPLE):
            ignored = shutil.ignore_patterns("output", "*.key", "*.pub")
            shutil.copytree(PROJECT / part, place / part, ignore=ignored)
        folder = place / SAMPLE
        # Makes the keys, so that the counted run does not.
        subprocess.run([aidlink, "run", folder / "round.toml", "--output", place / "first", "--quiet"], capture_output=True)
        split = make_split(aidlink, folder)
        counted = {}
        for name, command in {
            "run": ["run", folder / "round.toml", "--output", place / "run"],
            "tokenise students": ["tokenise", split, "--export", "education.students", "--output", place / "tokens",
                                  "--signing-key", folder / "education.key"],
            "verify": ["audit", "verify", place / "run", "--public-key", folder / "signing.pub"],
        }.items():
            threads = [] if name == "verify" else ["--threads", "1"]
            counted[name] = instructions([aidlink, *command, *threads, "--quiet"], place)
    last = {}
    for line in RECORD.read_text().splitlines()[1:] if RECORD.exists() else []:
        day, name, count = line.split("\t")
        last[name] = (day, int(count))
    is_more = False
    print(f"{'command':20} {'million instructions':>20} {'recorded':>12} {'on':>12} {'ratio':>7}")
    for name, count in counted.items():
        day, before = last.get(name, ("", 0))
        ratio = count / before if before else None
        is_more |= name in STEADY and ratio is not None and ratio > ALLOWED
        shown = f"{before / 1e6:12,.1f} {day:>12} {ratio:7.3f}" if ratio else f"{'none':>12}"
        more = "  MORE" if ratio is not None and ratio > TOLD else ""
        print(f"{name:20} {count / 1e6:20,.1f} {shown}{more}")
    if options.record:
        lines = RECORD.read_text() if RECORD.exists() else "day\tcommand\tinstructions\n"
        today = time.strftime("%Y-%m-%d")
        RECORD.write_text(lines + "".join(f"{today}\t{name}\t{count}\n" for name, count in counted.items()))
    elif is_more:
        sys.exit("a command takes over a quarter more instructions than recorded")


if __name__ == "__main__":
    main()
