"""Times reading a large XLSX sheet with aidlink's reader and with fastexcel.

    cargo build --release -p aidlink-workbook --examples
    python benches/peers/sheets.py [--examples target/release/examples] [--rows 400000] [--runs 7]

Writes the sheet once, then runs both in turn, each as a separate process. Prints the
processor time (user and system) of the best run of each, and their ratio. fastexcel is
calamine with Arrow columns; its time includes the start of Python, which is also
printed separately. Exit code 1 if the two find different numbers of rows.
"""

import argparse
import os
import re
import sys
import tempfile
from pathlib import Path

from measure import measure

FASTEXCEL = """
import sys, fastexcel
sheet = fastexcel.read_excel(sys.argv[1]).load_sheet(0)
print(sheet.height + 1, "rows")
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--examples", type=Path, default=Path("target/release/examples"))
    parser.add_argument("--rows", type=int, default=400_000)
    parser.add_argument("--runs", type=int, default=7)
    arguments = parser.parse_args()

    with tempfile.TemporaryDirectory() as folder:
        file = str(Path(folder) / "register.xlsx")
        measure([str(arguments.examples / "write_sheet"), file, str(arguments.rows)])
        print(f"{arguments.rows} rows of ten columns, {os.path.getsize(file) / 2**20:.1f} MiB")
        read_sheet = str(arguments.examples / "read_sheet")
        commands = {
            "aidlink, with merged areas": [read_sheet, file],
            "aidlink, rows alone": [read_sheet, file, "--no-merged"],
            "fastexcel": [sys.executable, "-c", FASTEXCEL, file],
            "Python and fastexcel loaded": [sys.executable, "-c", "import fastexcel"],
        }
        best = {}
        for _ in range(arguments.runs):
            for name, command in commands.items():
                text, (_, seconds, peak) = measure(command)
                if name not in best or seconds < best[name][0]:
                    best[name] = (seconds, peak, text)
        for name, (seconds, peak, text) in best.items():
            print(f"{name:30} {seconds:6.3f} s {peak:6.0f} MiB  {text.strip()}")
        ours, theirs = best["aidlink, with merged areas"], best["fastexcel"]
        started = best["Python and fastexcel loaded"][0]
        print(
            f"fastexcel takes {theirs[0] / ours[0]:.2f} times the processor time of aidlink,"
            f" without its start {(theirs[0] - started) / ours[0]:.2f} times"
            f" (load {os.getloadavg()[0]:.1f})"
        )
        rows = [re.match(r"\d+", text).group() for _, _, text in (ours, theirs)]
        return rows[0] != rows[1]


if __name__ == "__main__":
    sys.exit(main())
