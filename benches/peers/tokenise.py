"""Times tokenising registers, by aidlink and by DuckDB in turn.

python benches/peers/tokenise.py ROUND_DIR --aidlink target/release/aidlink [--runs 5] [--form gb18030]

ROUND_DIR is a clean round of `aidlink sample --dirt none`. For each register both check every
ID number, evaluate every rule, leave out the rows on which none holds, hash the ID numbers of
the others, make one row a person, sort by token and write Parquet. Both must write the same
number of persons, and each rule must have the same outcomes. `--form` writes the registers as
offices send them before (forms.py); that is not timed.
"""

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

import duckdb

import forms
import policy_sql
from measure import measure
from offices import split_round


def statement(round_, export, header, rows, out):
    """Returns the SQL that an expert would write. IDs are hashed last, so only of the rows that
    leave."""
    rules = round_.outcome_rules(export.schema)
    needed = [
        policy_sql.name(field["name"])
        for field in round_.columns_needed(export.schema)
        if field["name"] in header
    ]
    read = f"(SELECT {', '.join(['national_id', *needed])} FROM {policy_sql.with_valid_id(rows)})"
    outcomes = ",\n  ".join(f"{policy_sql.outcome(rule)} AS {rule.id}" for rule in rules)
    names = [rule.id for rule in rules]
    return f"""COPY (
SELECT sha256({policy_sql.text(policy_sql.SALT)} || national_id)[:32] AS token,
  {", ".join(f"max({one}) AS {one}" for one in names)}
FROM (SELECT national_id,
  {outcomes}
FROM (
  SELECT national_id,
    {policy_sql.typed_row(round_, export.schema, header)}
  FROM {read}
) WHERE {policy_sql.not_withheld(round_, export.schema)})
WHERE greatest({", ".join(names)}) > 0
GROUP BY token ORDER BY token
) TO {policy_sql.text(out)} (FORMAT parquet, COMPRESSION zstd)"""


def run_duckdb(folder, schema, form, out, files):
    round_ = policy_sql.Round(folder)
    connection = duckdb.connect()
    connection.execute("SET enable_progress_bar = false")
    rows = forms.rows_in_duckdb(connection, form, files, out.parent)
    header = [column[0] for column in connection.execute(f"DESCRIBE SELECT * FROM {rows}").fetchall()]
    connection.execute(statement(round_, round_.exports[schema], header, rows, out))


def with_files(text, export, files):
    """Returns the text of a round file with these files in place of the register's."""
    names = ", ".join(json.dumps(str(file.relative_to(export.path.parent))) for file in files)
    old = f'path = "{export.path.name}"'
    if text.count(old) != 1:
        sys.exit(f"the round file does not have {old} once")
    return text.replace(old, f"path = [{names}]")


def outcomes_of(path):
    """Returns how many persons there are, and how many have each outcome of each rule."""
    connection = duckdb.connect()
    file = f"read_parquet({policy_sql.text(path)})"
    rules = [row[0] for row in connection.execute(f"DESCRIBE SELECT * EXCLUDE (token) FROM {file}").fetchall()]
    counts = ", ".join(f"count(*) FILTER (WHERE {rule} = {grade})" for rule in rules for grade in (1, 2, 3))
    row = connection.execute(f"SELECT count(*), {counts} FROM {file}").fetchone()
    return dict(zip(["persons", *(f"{rule}={grade}" for rule in rules for grade in (1, 2, 3))], row))


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("round_dir", type=Path)
    arguments.add_argument("--aidlink", default="aidlink")
    arguments.add_argument("--runs", type=int, default=5)
    arguments.add_argument("--register", action="append", help="only this one; may be repeated")
    arguments.add_argument("--form", choices=forms.FORMS, default="csv", help="how the registers are written")
    # The peer is this file in a process of its own.
    arguments.add_argument("--duckdb", nargs="+", metavar=("EXPORT OUT", "FILE"), help=argparse.SUPPRESS)
    options = arguments.parse_args()
    options.round_dir = options.round_dir.resolve()
    if options.duckdb:
        schema, out, *files = options.duckdb
        run_duckdb(options.round_dir, schema, options.form, Path(out), files)
        return
    round_ = policy_sql.Round(options.round_dir)
    registers = options.register or [one.schema for one in round_.registers if not one.schema.startswith("procuratorate")]
    differs = False
    with tempfile.TemporaryDirectory(dir=options.round_dir) as place:
        place, of_register = Path(place), options.round_dir / "one.toml"
        split = split_round(options.aidlink, options.round_dir, place)
        print(f"{'register':32} {'program':8} {'wall s':>8} {'min..max':>14} {'CPU s':>8} {'MiB':>6} {'ratio':>6}")
        total = {"aidlink": [0.0, 0.0], "DuckDB": [0.0, 0.0]}
        for schema in registers:
            export = round_.exports[schema]
            files = forms.write(options.form, round_, export, place)
            for file in files:
                file.read_bytes()  # into the page cache
            of_register.write_text(with_files(split.read_text(), export, files))
            figures = {"aidlink": [], "DuckDB": []}
            for _ in range(options.runs):
                out, sql_out = place / "aidlink", place / "duckdb.parquet"
                shutil.rmtree(out, ignore_errors=True)
                office = schema.split(".")[0]
                command = [options.aidlink, "tokenise", of_register, "--export", schema, "--output", out,
                           "--signing-key", place / f"{office}.key", "--quiet"]
                figures["aidlink"].append(measure(command, (0, 3))[1])
                peer = [sys.executable, __file__, options.round_dir, "--form", options.form,
                        "--duckdb", schema, sql_out, *files]
                figures["DuckDB"].append(measure(peer)[1])
            medians = {name: statistics.median(wall for wall, _, _ in runs) for name, runs in figures.items()}
            for name, runs in figures.items():
                walls = [wall for wall, _, _ in runs]
                cpu = statistics.median(cpu for _, cpu, _ in runs)
                peak = max(peak for _, _, peak in runs)
                total[name][0] += medians[name]
                total[name][1] += cpu
                print(f"{schema:32} {name:8} {medians[name]:8.2f} {min(walls):6.2f}..{max(walls):<6.2f} {cpu:8.2f} "
                      f"{peak:6.0f} {medians[name] / medians['aidlink']:6.2f}")
            ours = outcomes_of(next((place / "aidlink/to-centre").glob("*.parquet")))
            theirs = outcomes_of(place / "duckdb.parquet")
            if ours != theirs:
                differs = True
                different = {key: (ours.get(key), theirs.get(key)) for key in ours if ours.get(key) != theirs.get(key)}
                print(f"  differ (aidlink, DuckDB): {json.dumps(different)}")
        for unit, ours, theirs in zip(("s", "CPU s"), total["aidlink"], total["DuckDB"]):
            print(f"all: aidlink {ours:.2f} {unit}, DuckDB {theirs:.2f} {unit}, 1 : {theirs / ours:.2f}")
        print(f"{time.strftime('%Y-%m-%d')}, {options.runs} runs in turn, load {os.getloadavg()[0]:.1f}")
        split.unlink()
        of_register.unlink()
    if differs:
        sys.exit("the outcomes differ")


if __name__ == "__main__":
    main()
