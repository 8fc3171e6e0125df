"""Counts the planted leads that an exact join on raw ID cells misses.

    python exact_join.py ROUND_DIR

The script handles encodings, title lines, delimiters and header names, and skips lines
that are not CSV, but cleans nothing else. Fields that contain line breaks are not read.
A planted lead rests on the registers that its aid's `requires` and `qualifies` name (with
terms expanded) and in which the person has a row. An exact join finds the lead if the raw ID
cell of one such row equals the raw ID cell of one of the lead's case rows. A lead that
rests on no register row counts as found. Registers that no aid names there, such as the
referrals, are not read.

The normalised ID number, which the join does not use, tells which rows belong to a
person. Two more lenient joins follow, as a careful user would try.
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

from policy_sql import CASES, read_aids, read_policy, read_rules, read_schemas

HEADER_WITHIN = 30
ENCODING_WITHIN = 1 << 20
CERTIFICATE = re.compile(r"(\d{17}[\dX])[1-7][1-4]([A-Z]\d)?")


def normalised(cell):
    """Returns what aidlink would hash. The check digit is not checked."""
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
    """Decodes a line by the first encoding in which it is valid, or returns None."""
    for encoding in encodings:
        try:
            return line.decode(encoding)
        except UnicodeDecodeError:
            pass
    return None


def lines(path):
    """Yields the lines of a file, each decoded by the file's encoding or else by the other.
    The file's encoding is the one in which fewer of its first lines are invalid."""
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
    """Returns the cells of a line, or None if it is not CSV, such as with an unclosed quote."""
    try:
        return next(csv.reader([line], delimiter=delimiter, strict=True))
    except csv.Error:
        return None


def records(path, fields):
    """Yields the raw cells of each row by canonical name. The header is the line among the
    first ones, and its delimiter the one, that gives the most known fields."""
    known, fallback = {}, {}
    for field in fields:
        extra = field.get("aidlink", {})
        for header in (field["name"], field["title"], *extra.get("aliases", [])):
            known.setdefault(plain(header), field["name"])
        for header in extra.get("fallback_aliases", []):
            fallback.setdefault(plain(header), field["name"])

    def names_of(record):
        """Returns the names of a header's columns. A fallback counts only for a field that
        has no other column."""
        header = [known.get(plain(cell)) for cell in record]
        others = [fallback.get(plain(cell)) for cell in record]
        return [name or (None if other in header else other) for name, other in zip(header, others)]

    def named():
        for index, line in enumerate(islice(lines(path), HEADER_WITHIN)):
            for delimiter in ",;\t|":
                header = names_of(cells(line, delimiter) or [])
                if "national_id" in header:
                    yield header, index, delimiter

    headers = list(named())
    if not headers:
        sys.exit(f"{path}: no header with an ID column")
    best, start, delimiter = max(
        headers, key=lambda found: sum(name is not None for name in found[0])
    )
    for line in islice(lines(path), start + 1, None):
        record = cells(line, delimiter)
        if record and any(record):  # missing cells at the end of a row are empty
            yield {name: cell for name, cell in zip_longest(best, record, fillvalue="") if name}


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    folder = Path(sys.argv[1])
    config = tomllib.loads((folder / "round.toml").read_text("utf-8"))
    policy = read_policy(folder / config["policy"])
    schemas = read_schemas(folder / config["schemas"])
    paths = {export["schema"]: folder / export["path"] for export in config["export"]}
    on = {rule.id: rule.on for rule in read_rules(policy)}
    registers_of = {
        aid.id: {on[rule] for rule in aid.rests_on()} - {CASES}
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
    total, without_register, missed, missed_by_aid, missed_by_grade = 0, 0, Counter(), Counter(), Counter()
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
                sys.exit(f"a planted lead has no case row: {lead['cases']}")
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
                        missed_by_grade[lead["grade"]] += 1
    print(f"planted leads: {total}, of which {without_register} rest on no register row")
    for join in joins:
        count = missed[join]
        print(f"exact join on {join}: {total - count} found, {count} missed ({count / total:.1%})")
    print("missed on raw cells, by aid:", dict(missed_by_aid.most_common()))
    print("missed on raw cells, by grade:", dict(missed_by_grade.most_common()))


if __name__ == "__main__":
    main()
