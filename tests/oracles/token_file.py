"""Compares a token file made by examples/token_file.py, without aidlink, with aidlink's own.

Usage: token_file.py AIDLINK    (the program; aidlink-screen must be beside it)
For each token algorithm, the script makes a clean round and adds rows to its veterans register: several for one
person, with empty cells, and some with a wrong ID number. aidlink tokenises all exports; the example makes the
register's token file too, and minisign signs it with the sender's statement.
The script checks that
- minisign verifies aidlink's signature, which has the same statement;
- DuckDB and PyArrow read the same columns, in the same order, and the same rows from both files;
- tokens ascend and the heads are equal;
- screenings with either file give the same leads, except for the screening's id, and leads of both grades
  for `veteran_support`.
Prints one line; exit code 1 on any failure.
"""

import csv
import json
import random
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from blake3 import blake3

EXAMPLE = Path(__file__).resolve().parent / "../../examples/token_file.py"
REGISTER = "veterans.persons"
EXPORTS = [
    "procuratorate.case-parties",
    "procuratorate.referrals",
    "civil-affairs.assistance",
    "education.students",
    "disabled-federation.persons",
    REGISTER,
]
# Cells of the columns that rules read, with the as-of date of the sample (2026-09-30) and its neighbours.
CELLS = {
    "kind": ["veteran", "military_family", "bereaved_family", "ill_returned", ""],
    "status": ["active", "active", "ended", "died", ""],
    "benefit_status": ["none", "receiving", "suspended", ""],
    "benefit_started_on": ["2026-09-29", "2026-09-30", "2026-10-01", ""],
    "hardship": ["true", "false", ""],
    "employed": ["true", "false", ""],
}


def check(holds, what):
    if not holds:
        sys.exit(f"token_file.py: {what}")


def run(*command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    check(done.returncode == 0, f"{' '.join(map(str, command))} ended with {done.returncode}:\n{done.stderr}")
    return done.stdout


def signing_key(folder, office):
    return folder / f"{office}.signing.key"


def digest(path):
    return blake3(path.read_bytes()).hexdigest()


def national_ids(path):
    with open(path, encoding="utf-8-sig", newline="") as file:
        return [row["national_id"] for row in csv.DictReader(file)]


def add_rows(folder):
    """Adds rows with random cells to the register: several for each case party on it, and some for other case
    parties and other persons."""
    path = folder / f"{REGISTER}.csv"
    registered = national_ids(path)
    parties = set(national_ids(folder / "procuratorate.case-parties.csv"))
    draw = random.Random(21)
    persons = [number for number in registered if number in parties] * 2 + draw.choices(registered, k=600)
    persons += draw.sample(sorted(parties - set(registered)), k=400)
    with open(path, encoding="utf-8-sig", newline="") as file:
        fields = next(csv.reader(file))
    with open(path, "a", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fields, restval="")
        for place, number in enumerate(persons):
            if place % 100 == 99:
                # A wrong check digit, which both must reject.
                number = number[:17] + ("1" if number[17] == "0" else "0")
            cells = {field: draw.choice(values) for field, values in CELLS.items()}
            writer.writerow({"national_id": number, **cells})


def make_round(aidlink, folder, algorithm):
    run(aidlink, "sample", "--seed", "21", "--dirt", "none", "--out", folder)
    add_rows(folder)
    path = folder / "round.toml"
    text = path.read_text("utf-8")
    for old, new in [('mode = "pooled"', 'mode = "split"'), ('"hmac-sha256"', f'"{algorithm}"')]:
        check(text.count(old) == 1, f"expected {old} once in the sample's round file")
        text = text.replace(old, new)
    text += '\n[sealing]\nplain = ["tokens", "leads"]\n\n[signing.signers]\n'
    for office in sorted({export.split(".")[0] for export in EXPORTS} | {"centre"}):
        key = signing_key(folder, office)
        run("minisign", "-G", "-W", "-p", key.with_suffix(".pub"), "-s", key)
        key.chmod(0o600)
        text += f'{office} = "{key.with_suffix(".pub").read_text("utf-8").splitlines()[1]}"\n'
    path.write_text(text, "utf-8")
    run(aidlink, "key", "new", path)
    return path


def read(path):
    """Returns the columns and rows, which DuckDB and PyArrow must read alike, and the head."""
    table = pq.read_table(path)
    check(table.schema.field(0).type == pa.binary(16), f"{path.name}: a token does not have 16 bytes")
    # Read from the file's own metadata, because a stored Arrow schema need not repeat it.
    head = json.loads(pq.read_metadata(path).metadata[b"aidlink"])
    relation = duckdb.read_parquet(str(path))
    columns, rows = list(zip(relation.columns, map(str, relation.types))), relation.fetchall()
    check(columns[0] == ("token", "BLOB"), f"{path.name}: the first column is not the token")
    check(all(kind == "UTINYINT" for _, kind in columns[1:]), f"{path.name}: an outcome is not an unsigned byte")
    nullable = [field.name for field in table.schema if field.nullable]
    check(not nullable, f"{path.name}: nulls are allowed in {nullable}")
    check(table.column_names == relation.columns, f"{path.name}: DuckDB and PyArrow differ on the columns")
    same = rows == list(zip(*(column.to_pylist() for column in table.columns)))
    check(same, f"{path.name}: DuckDB and PyArrow differ on the rows")
    tokens = [row[0] for row in rows]
    check(all(one < next_ for one, next_ in zip(tokens, tokens[1:])), f"{path.name}: tokens do not ascend")
    return columns, rows, head


def statement(aidlink, round_file):
    """Returns the sender's statement on the register's plain token file: the trusted comment of its signature."""
    round_ = tomllib.loads(round_file.read_text("utf-8"))["round"]
    terms = re.search("[0-9a-f]{64}", run(aidlink, "round", "terms", round_file))[0]
    key_id = run(aidlink, "key", "id", round_file).strip()
    return f"aidlink crossing; round {round_}; terms {terms}; content tokens {REGISTER}; key id {key_id}; to plain"


def leads(screen, round_file, files, output):
    key = signing_key(round_file.parent, "centre")
    run(screen, "run", round_file, "--output", output, "--signing-key", key, "--tokens", *files)
    found = json.loads((output / "to-procuratorate/leads.json").read_text("utf-8"))
    return found.pop("screening"), found


def compare(aidlink, folder, algorithm):
    round_file = make_round(aidlink, folder, algorithm)
    files = {}
    for export in EXPORTS:
        output = folder / f"at-{export}"
        key = signing_key(folder, export.split(".")[0])
        run(aidlink, "tokenise", round_file, "--export", export, "--output", output, "--signing-key", key)
        files[export] = output / f"to-centre/{export}.tokens.parquet"
    theirs = folder / f"{REGISTER}.tokens.parquet"
    policy = json.loads(run(aidlink, "policy", "check", folder / "policies/shaoguan.toml", "--json"))
    digests = {
        "--policy-blake3": policy["blake3"],
        "--schema-blake3": digest(folder / f"schemas/{REGISTER}.json"),
    }
    run(sys.executable, EXAMPLE, round_file, theirs, *(part for pair in digests.items() for part in pair))

    columns, rows, head = read(files[REGISTER])
    other_columns, other_rows, other_head = read(theirs)
    check(columns == other_columns, f"{algorithm}: the columns differ")
    check(len(rows) == len(other_rows), f"{algorithm}: {len(rows)} rows and {len(other_rows)}")
    differing = sum(one != other for one, other in zip(rows, other_rows))
    check(differing == 0, f"{algorithm}: {differing} rows differ")
    check(head == other_head, f"{algorithm}: the heads differ: {head} and {other_head}")
    key = signing_key(folder, REGISTER.split(".")[0])
    comment = statement(aidlink, round_file)
    run("minisign", "-S", "-s", key, "-t", comment, "-m", theirs)
    for file in [files[REGISTER], theirs]:
        stated = run("minisign", "-V", "-Q", "-p", key.with_suffix(".pub"), "-m", file).strip()
        check(stated == comment, f"{algorithm}: {file} states {stated!r}, not {comment!r}")
    # The comparison is only meaningful if every figure and every outcome occurs.
    check(min(head["account"].values()) > 0, f"{algorithm}: the account has a zero: {head['account']}")
    check(head["account"]["sent"] > len(rows), f"{algorithm}: no person has several rows")
    outcomes = {outcome for row in rows for outcome in row[1:]}
    check(outcomes == {0, 1, 2, 3}, f"{algorithm}: expected every outcome, found {outcomes}")

    screen = aidlink.with_name("aidlink-screen")
    screening, found = leads(screen, round_file, files.values(), folder / "screened")
    files[REGISTER] = theirs
    other_screening, other_found = leads(screen, round_file, files.values(), folder / "screened-with-example")
    check(screening != other_screening, f"{algorithm}: both screenings read the same file")
    check(found == other_found, f"{algorithm}: the leads differ")
    support = [lead for lead in found["leads"] if lead["aid"] == "veteran_support"]
    grades = {case["grade"] for lead in support for case in lead["cases"]}
    both = {"to_be_clarified", "established"}
    check(grades == both, f"{algorithm}: expected leads of both grades for veteran_support, found {grades}")
    total = len(found["leads"])
    return f"{algorithm} {len(rows)} tokens of {head['account']['rows']} rows, {total} leads, {len(support)} veteran_support"


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    aidlink = Path(sys.argv[1]).resolve()
    figures = []
    for algorithm in ["hmac-sha256", "hmac-sm3"]:
        with tempfile.TemporaryDirectory() as folder:
            figures.append(compare(aidlink, Path(folder) / "round", algorithm))
    print(f"token files and leads equal: {'; '.join(figures)}")


if __name__ == "__main__":
    main()
