"""Compares aidlink with its peers. Each runs as a separate process, in turn.

    python compare.py ROUND_DIR --aidlink PATH_TO_BINARY [--bound PATH] [--runs 3] [--check-ids]

Afterwards each runs once more, untimed, and lists its leads. Exit code 1 if matched rows, or
leads and their grades, differ.
"""

import argparse
import csv
import importlib.metadata
import importlib.util
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import policy_sql
from measure import measure

HERE = Path(__file__).resolve().parent
PROVISIONAL = 3  # aidlink's exit code if the lists are provisional, but complete


# The header of the grade, and the word for each grade, on lists in each language.
GRADE_HEADER = {"zh": "依据程度", "en": "Grade"}
GRADE_WORDS = {
    "zh": {"待核实": "to_be_clarified", "已有依据": "established"},
    "en": {"to be clarified": "to_be_clarified", "established": "established"},
}
AID_HEADER = {"zh": "救助项目", "en": "Aid"}


def leads_on_lists(round_, output):
    """Returns the leads on the match lists."""
    language = round_.list_language
    headers = [field["title"] if language == "zh" else field["aidlink"]["title_en"] for field in round_.shown_fields()]
    leads = []
    for path in (output / "lists/for-review").glob("*.csv"):
        with open(path, encoding="utf-8-sig", newline="") as file:
            for row in csv.DictReader(file):
                # The title stands before the citations.
                cell = row[AID_HEADER[language]]
                (aid,) = (aid for aid in round_.aids if re.match(re.escape(aid.title[language]) + r" ?[〔[(]", cell))
                shown = ["；".join(sorted(set(re.split("[；;] ?", row[header])))) for header in headers]
                leads.append([aid.id, GRADE_WORDS[language][row[GRADE_HEADER[language]]], *shown])
    return sorted(leads)


def run_aidlink(binary, round_, folder):
    with tempfile.TemporaryDirectory() as scratch:
        output = Path(scratch) / "output"
        command = [binary, "run", str(folder / "round.toml"), "--output", str(output)]
        _, figures = measure(command, (0, PROVISIONAL))
        summary = json.loads((output / "summary.json").read_text("utf-8"))
        leads = leads_on_lists(round_, output)
    exports = summary["exports"].items()
    unreadable = [name for name, account in exports if account["unreadable_values"]]
    if unreadable:
        print(f"{', '.join(unreadable)}: has cells that cannot be read, which the peers take for empty", file=sys.stderr)
    counts = Counter((aid, grade) for aid, grade, *_ in leads)
    found = {
        "leads_by_aid": {
            aid.id: {grade: counts[aid.id, grade] for grade in policy_sql.GRADES.values()} for aid in round_.aids
        },
        "matched_rows": {name: account["matched"] for name, account in exports if name != policy_sql.CASES},
    }
    return found, figures, leads


def run_peer(script, folder, *options):
    output, figures = measure([sys.executable, str(HERE / script), str(folder), *options])
    found = json.loads(output)
    del found["seconds"]
    return found, figures, found.pop("leads", None)


def machine():
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        model = "unknown CPU"
    return f"{model}, {len(os.sched_getaffinity(0))} cores"


def differences(found):
    """Yields the counts in which a program differs from the first one."""
    reference, expected = next(iter(found.items()))
    for program, counts in found.items():
        for what in ("leads_by_aid", "matched_rows"):
            for key in sorted(expected[what].keys() | counts[what].keys()):
                one, other = expected[what].get(key), counts[what].get(key)
                if one != other:
                    yield f"{what} of {key}: {reference} {one}, {program} {other}"


def differing_leads(listed):
    """Yields how many leads of each program differ from those of the first one. Names are
    not printed."""
    reference, expected = next(iter(listed.items()))
    for program, leads in listed.items():
        one, other = (Counter(map(tuple, each)) for each in (expected, leads))
        if one != other:
            missed, added = (one - other).total(), (other - one).total()
            yield f"{program} misses {missed} leads of {reference} and lists {added} others"


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("round_dir", type=Path)
    arguments.add_argument("--aidlink", required=True)
    arguments.add_argument("--bound", help="the example hashing_bound of the agency crate: hashing and digests alone")
    arguments.add_argument("--runs", type=int, default=3)
    arguments.add_argument("--check-ids", action="store_true", help="the peers check ID numbers too")
    arguments = arguments.parse_args()
    folder = arguments.round_dir
    options = ["--check-ids"] if arguments.check_ids else []
    round_ = policy_sql.Round(folder, policy_sql.SHOWN)
    programs = {
        "aidlink": lambda *_: run_aidlink(arguments.aidlink, round_, folder),
        "DuckDB": lambda *more: run_peer("duckdb_round.py", folder, *options, *more),
        "Polars": lambda *more: run_peer("polars_round.py", folder, *options, *more),
    }
    if importlib.util.find_spec("polars_hash"):
        programs["Polars, polars-hash"] = lambda *more: run_peer(
            "polars_round.py", folder, "--hash", "polars-hash", *options, *more
        )
    exports = round_.exports.values()
    if arguments.bound:
        command = [arguments.bound, *(str(export.path) for export in exports)]
        programs["hashing alone"] = lambda *_: (None, measure(command)[1], None)
    rows = size = 0
    for export in exports:  # this also puts every file into the page cache
        content = export.path.read_bytes()
        rows, size = rows + content.count(b"\n") - 1, size + len(content)
        del content
    figures, found, load = {program: [] for program in programs}, {}, os.getloadavg()[0]
    for _ in range(arguments.runs):
        for program, run in programs.items():
            counts, measured, _ = run()
            if counts is not None and found.setdefault(program, counts) != counts:
                sys.exit(f"{program} gave different counts in two runs")
            figures[program].append(measured)

    listed = {program: programs[program]("--leads")[2] for program in found}

    version = subprocess.run([arguments.aidlink, "--version"], capture_output=True, text=True).stdout.strip()
    libraries = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("duckdb", "polars"))
    print(f"{version}, {libraries}, Python {sys.version.split()[0]}")
    print(f"{machine()}; load before {load:.1f}")
    print(f"{rows:,} rows, {size / 1e6:,.0f} MB; medians of {arguments.runs} runs, files in the page cache\n")
    print(f"{'':22}{'wall s':>10}{'CPU s':>10}{'peak MiB':>10}{'wall min..max':>18}")
    medians = {}
    for program, runs in figures.items():
        walls, cpus, peaks = zip(*runs)
        medians[program] = statistics.median(walls)
        spread = f"{min(walls):.2f}..{max(walls):.2f}"
        print(
            f"{program:22}{medians[program]:10.2f}{statistics.median(cpus):10.2f}"
            f"{statistics.median(peaks):10.0f}{spread:>18}"
        )
    print()
    for program in list(programs)[1:]:
        print(f"aidlink : {program} = 1 : {medians[program] / medians['aidlink']:.2f} (wall time)")
    print()
    faults = [*differences(found), *differing_leads(listed)]
    if faults:
        print("\n".join(faults))
        sys.exit(1)
    counts = found["aidlink"]
    leads = [
        f"{sum(grades[grade] for grades in counts['leads_by_aid'].values())} {grade.replace('_', ' ')}"
        for grade in policy_sql.GRADES.values()
    ]
    matched = sum(counts["matched_rows"].values())
    print(f"leads and their grades ({' and '.join(leads)}) and matched rows of each register ({matched}) are equal")


if __name__ == "__main__":
    main()
