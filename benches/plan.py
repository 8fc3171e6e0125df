"""Plans a round from measured figures: time, memory, files and network.

    python3 benches/plan.py                                     a city, a province and the country
    python3 benches/plan.py --people 3e6 --rows 1.2e6 --cores 8     one of your own

`--rows` are the rows of all registers, `--cases` those of the case export. The figures below are medians of
docs/performance.md on one machine: measure your own with the commands there, and put them in.
"""

import argparse

# Processor seconds for a million rows, of one core (AMD EPYC, 2026).
POOLED = 0.27  # read a CSV register row in a pooled round
TOKENISE = 1.1  # the same, and write its token
SCREEN = 0.042  # search a register's token among the case parties
SHEET = 13.0  # read a row of ten columns from an XLSX workbook
# Processor seconds for a lead: its rows on lists, in the workbook and on the person's page.
LISTED = 0.00024
# Bytes.
CSV_ROW = 95  # of a register
TOKEN = 17  # a token with its outcomes, in a token file
LEAD = 40  # a lead on its way from the centre
# Memory in MiB.
BASE = 56  # of every command
TOKENISE_MOST = 291  # however many rows: persons are sorted in runs
PER_LISTED_LEAD = 0.019  # `run` and `resolve`
PER_MILLION_LEADS = 1_540  # `aidlink-screen`, by leads
# Shares, as in the sample: persons of a register who are sent, and leads of a case row.
SENT = 0.45
LEADS = 0.33
# What carries files between offices, bytes a second (100 Mbit/s).
NETWORK = 12.5e6

PLACES = {
    "city of 3 million": 3e6,
    "province of 130 million": 130e6,
    "country of 1,400 million": 1_400e6,
}
# Rows of registers for an inhabitant (students, disabled, assistance, veterans ...), and case rows.
REGISTER_ROWS = 0.25
CASE_ROWS = 0.004


def seconds(value):
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if value >= size:
            return f"{value / size:.1f} {unit}"
    return f"{value:.1f} s"


def work(value, cores):
    """Returns processor seconds, and how long they take on all cores."""
    return f"{value:,.1f} core-s, {seconds(value / cores)}"


def size(value):
    for unit, one in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if value >= one:
            return f"{value / one:.1f} {unit}"
    return f"{value / 1e3:.0f} kB"


def plan(rows, cases, cores):
    """Returns the lines of a plan, and the step that takes the most."""
    millions = rows / 1e6
    leads = cases * LEADS
    tokens = rows * SENT
    listed = LISTED * leads
    pooled = POOLED * millions + listed
    tokenise = TOKENISE * millions
    screen = SCREEN * tokens / 1e6
    carry = tokens * TOKEN / NETWORK
    sheets = SHEET * millions
    memory = BASE + PER_LISTED_LEAD * leads
    screening = BASE + PER_MILLION_LEADS * leads / 1e6
    steps = {
        "tokenise": tokenise / cores,
        "carry the token files": carry,
        "screen": screen / cores,
        "resolve": (POOLED * cases / 1e6 + listed) / cores,
    }
    lines = [
        ("rows of registers, of cases", f"{rows:,.0f}, {cases:,.0f}"),
        ("exports as CSV", size(rows * CSV_ROW)),
        ("pooled round", f"{work(pooled, cores)}, {memory:,.0f} MiB"),
        ("the same from XLSX", work(sheets + pooled, cores)),
        ("tokenise, all registers after each other", f"{work(tokenise, cores)}, {TOKENISE_MOST} MiB"),
        ("token files", size(tokens * TOKEN)),
        ("carry them at 100 Mbit/s", seconds(carry)),
        ("screen", f"{work(screen, cores)}, {screening:,.0f} MiB"),
        ("leads, as a file", f"{leads:,.0f}, {size(leads * LEAD)}"),
        ("resolve", f"{work(POOLED * cases / 1e6 + listed, cores)}, {memory:,.0f} MiB"),
    ]
    first = max(steps, key=steps.get)
    return lines, f"{first} ({seconds(steps[first])})"


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--people", type=float, help="inhabitants; rows follow from them unless given")
    arguments.add_argument("--rows", type=float, help="rows of all registers")
    arguments.add_argument("--cases", type=float, help="rows of the case export")
    arguments.add_argument("--cores", type=int, default=2)
    options = arguments.parse_args()
    places = PLACES
    if options.people or options.rows:
        people = options.people or options.rows / REGISTER_ROWS
        places = {f"{people:,.0f} people": people}
    for name, people in places.items():
        rows = options.rows or people * REGISTER_ROWS
        cases = options.cases or people * CASE_ROWS
        lines, first = plan(rows, cases, options.cores)
        print(f"{name}, {options.cores} cores")
        for what, how_much in lines:
            print(f"  {what:42} {how_much}")
        print(f"  {'longest step of a split round':42} {first}\n")


if __name__ == "__main__":
    main()
