"""How many planted leads an exact join on raw ID cells misses.

    python exact_join.py ROUND_DIR

Encodings, title lines, delimiters and header names are handled, and a line that is no
CSV is passed over; nothing else is. Fields with line breaks inside are not read. A
planted lead rests on the registers that its aid's `qualifies` names (with terms put
in) and in which the person has a row at all. An exact join finds that evidence when
the raw ID cell of one such row equals the raw ID cell of one of the lead's case rows.
A lead that rests on no register row is found by definition. Registers that no
`qualifies` names, as that of the referrals, are not read.

Who is who is told by the normalised ID number, which the join itself does not get.
Two kinder joins follow, for what a careful user would do first.
"""

import codecs
import csv
import re
import sys
import tomllib
import unicodedata
from collections import Counter, defaultdict
from itertools import islice, zip_longest
from pathlib import Path

from policy_sql import CASES, read_aids, read_rules, read_schemas, names_in

HEADER_WITHIN = 30
ENCODING_WITHIN = 1 << 20
CERTIFICATE = re.compile(r"(\d{17}[\dX])[1-7][1-4]([A-Z]\d)?")


def normalised(cell):
    """What aidlink would hash; the check digit is not looked at."""
    cell = unicodedata.normalize("NFKC", cell).upper()
    cell = re.sub(r"[×✕✖╳⨯ХΧ]", "X", cell)
    cell = re.sub(r"\.0+$", "", cell.strip())
    cell = re.sub(r"[^0-9A-Z]", "", cell)
    if re.fullmatch(r"\d{15}", cell):  # the first generation: no century, no check digit
        cell = cell[:6] + "19" + cell[6:]
        total = sum(int(digit) * 2 ** (17 - place) for place, digit in enumerate(cell))
        cell += "10X98765432"[total % 11]
    certificate = CERTIFICATE.fullmatch(cell)
    return certificate[1] if certificate else cell


def plain(header):
    return re.sub(r"[\s*]", "", unicodedata.normalize("NFKC", header)).lower()


def decoded(line, encodings):
    """The line by the first of the encodings in which it is valid."""
    for encoding in encodings:
        try:
            return line.decode(encoding)
        except UnicodeDecodeError:
            pass
    return None


def lines(path):
    """The file's lines, each by the file's encoding or else by the other. The file's is
    the one in which fewer of its first lines are wrong."""
    with open(path, "rb") as file:
        if file.read(len(codecs.BOM_UTF8)) != codecs.BOM_UTF8:
            file.seek(0)
        begin = file.tell()
        head = file.readlines(ENCODING_WITHIN)
        encodings = sorted(
            ("utf-8", "gb18030"),
            key=lambda encoding: sum(decoded(line, [encoding]) is None for line in head),
        )
        file.seek(begin)
        for line in file:
            text = decoded(line.rstrip(b"\r\n"), encodings)
            if text is not None:
                yield text


def cells(line, delimiter):
    """None of a line that is no CSV, as with a quote that is not closed."""
    try:
        return next(csv.reader([line], delimiter=delimiter, strict=True))
    except csv.Error:
        return None


def records(path, fields):
    """Each row's raw cells by canonical name. The header is the line of the first ones
    that names the most fields, under the delimiter that lets it do so."""
    known = {}
    for field in fields:
        extra = field.get("aidlink", {}).get("aliases", [])
        for header in (field["name"], field["title"], *extra):
            known.setdefault(plain(header), field["name"])

    def named():
        for index, line in enumerate(islice(lines(path), HEADER_WITHIN)):
            for delimiter in ",;\t|":
                header = [known.get(plain(cell)) for cell in cells(line, delimiter) or []]
                if "national_id" in header:
                    yield header, index, delimiter

    headers = list(named())
    if not headers:
        sys.exit(f"no header with an ID column: {path}")
    best, start, delimiter = max(
        headers, key=lambda found: sum(name is not None for name in found[0])
    )
    for line in islice(lines(path), start + 1, None):
        record = cells(line, delimiter)
        if record and any(record):  # cells left out at the end of a row are empty
            yield {name: cell for name, cell in zip_longest(best, record, fillvalue="") if name}


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    folder = Path(sys.argv[1])
    config = tomllib.loads((folder / "round.toml").read_text("utf-8"))
    policy = tomllib.loads((folder / config["policy"]).read_text("utf-8"))
    schemas = read_schemas(folder / config["schemas"])
    paths = {export["schema"]: folder / export["path"] for export in config["export"]}
    on = {rule.id: rule.on for rule in read_rules(policy)}
    registers_of = {
        aid.id: {on[rule] for rule in names_in(aid.qualifies) if rule in on} - {CASES}
        for aid in read_aids(policy, {}, set())
    }

    case_ids = defaultdict(set)
    for row in records(paths[CASES], schemas[CASES]):
        case_ids[row["case_number"]].add((row["name"], row["national_id"]))
    named = set().union(*registers_of.values())
    rows = {register: defaultdict(set) for register in paths if register in named}
    for register, by_person in rows.items():
        for row in records(paths[register], schemas[register]):
            by_person[normalised(row["national_id"])].add(row["national_id"])

    joins = {
        "raw cells": lambda cell: cell,
        "cells trimmed and in upper case": lambda cell: cell.strip().upper(),
        "the first 18 characters of those": lambda cell: cell.strip().upper()[:18],
    }
    total, without_register, missed, missed_by_aid = 0, 0, Counter(), Counter()
    with open(folder / "truth/planted-leads.csv", encoding="utf-8-sig", newline="") as file:
        for lead in csv.DictReader(file):
            total += 1
            raw = {
                national_id
                for case in re.split("[;；]", lead["cases"])
                for name, national_id in case_ids[case]
                if name == lead["person"]
            }
            if not raw:
                sys.exit(f"no case row of a planted lead: {lead['cases']}")
            evidence = {
                cell
                for register in registers_of[lead["aid"]] & rows.keys()
                for national_id in raw
                for cell in rows[register].get(normalised(national_id), ())
            }
            if not evidence:
                without_register += 1
                continue
            for join, key in joins.items():
                if not set(map(key, raw)) & set(map(key, evidence)):
                    missed[join] += 1
                    if join == "raw cells":
                        missed_by_aid[lead["aid"]] += 1
    print(f"planted leads: {total}, of which {without_register} rest on no register row")
    for join in joins:
        count = missed[join]
        print(f"exact join on {join}: {total - count} found, {count} missed ({count / total:.1%})")
    print("missed on raw cells, by aid:", dict(missed_by_aid.most_common()))


if __name__ == "__main__":
    main()
