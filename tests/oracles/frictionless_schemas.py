"""Checks the export schemas with the `frictionless` package, an independent reader of Table Schema.

Usage: frictionless_schemas.py [SCHEMAS]    (default ../../schemas)
For each schema, frictionless must accept the descriptor and a clean CSV made from the schema (with
canonical headers, every enum code, and an empty cell in every optional field), and refuse copies
with one broken cell. Prints one line for each schema; exit code 1 on any failure.
"""

import csv
import json
import sys
import tempfile
from pathlib import Path

from frictionless import Resource, Schema

WEIGHTS = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]


def national_id(number):
    """Returns a number of the unassigned region 449901 with a correct check digit (GB 11643)."""
    body = f"44990119900101{number:03d}"
    return body + "10X98765432"[sum(int(d) * w for d, w in zip(body, WEIGHTS)) % 11]


def value(field, row):
    name, constraints = field["name"], field.get("constraints", {})
    if field.get("aidlink", {}).get("role") == "national_id":
        return national_id(row)
    if "enum" in constraints:
        return str(constraints["enum"][row % len(constraints["enum"])])
    match field["type"]:
        case "boolean":
            return ["true", "false"][row % 2]
        case "date":
            return f"2026-{1 + row % 12:02d}-{1 + row % 28:02d}"
        case "integer":
            low, high = constraints.get("minimum", 1), constraints.get("maximum", 10)
            return str(low + row % (high - low + 1))
        case "number":
            return f"{1234.5 * row:.2f}"
        case "string":
            return f"{name} {row}"
        case other:
            raise ValueError(f"field {name}: unknown type {other}")


def clean_rows(fields):
    count = max([10, 2] + [len(field.get("constraints", {}).get("enum", [])) for field in fields])
    rows = [[value(field, row) for field in fields] for row in range(count)]
    required = [field.get("constraints", {}).get("required", False) for field in fields]
    rows.append([value(field, count) if needed else "" for field, needed in zip(fields, required)])
    return rows


def breakages(fields):
    """Yields a column, an invalid value for it, and the error type that frictionless must report."""
    for column, field in enumerate(fields):
        constraints = field.get("constraints", {})
        if "enum" in constraints:
            yield column, "not_a_code", "constraint-error"
        if field["type"] == "boolean":
            yield column, "perhaps", "type-error"
        if field["type"] == "date":
            yield column, "2026-02-30", "type-error"
        if field["type"] in ("integer", "number"):
            yield column, "many", "type-error"
        if "maximum" in constraints:
            yield column, str(constraints["maximum"] + 1), "constraint-error"
        if constraints.get("required"):
            yield column, "", "constraint-error"


def validate(path, descriptor, rows):
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([field["name"] for field in descriptor["fields"]])
        writer.writerows(rows)
    resource = Resource(path.name, basepath=str(path.parent), schema=Schema.from_descriptor(descriptor))
    report = resource.validate()
    errors = [(e.type, getattr(e, "row_number", None), getattr(e, "field_name", None)) for t in report.tasks for e in t.errors]
    return report.valid, errors + [(e.type, None, None) for e in report.errors]


def check(descriptor, folder):
    """Returns the faults found and the number of refused copies."""
    faults = []
    report = Schema.validate_descriptor(descriptor)
    if not report.valid:
        return [f"descriptor: {error.note}" for error in report.errors], 0
    fields = descriptor["fields"]
    if [f.get("aidlink", {}).get("role") for f in fields].count("national_id") != 1:
        faults.append("not exactly one field has the role national_id")
    rows = clean_rows(fields)
    valid, errors = validate(folder / "clean.csv", descriptor, rows)
    if not valid:
        faults.append(f"the clean file is refused: {errors}")
    refused = 0
    for column, broken, expected in breakages(fields):
        copy = [list(row) for row in rows]
        copy[0][column] = broken
        valid, errors = validate(folder / "broken.csv", descriptor, copy)
        # row 1 is the header
        if valid or errors != [(expected, 2, fields[column]["name"])]:
            faults.append(f"{fields[column]['name']} = {broken!r}: expected only {expected} there, got {errors}")
        else:
            refused += 1
    return faults, refused


def main():
    default = Path(__file__).resolve().parent / "../../schemas"
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else default
    paths = sorted(folder.glob("*.json"))
    failed = not paths
    if not paths:
        print("no schemas found")
    with tempfile.TemporaryDirectory() as temporary:
        for path in paths:
            descriptor = json.loads(path.read_text(encoding="utf-8"))
            faults, refused = check(descriptor, Path(temporary))
            if descriptor.get("name") != path.stem:
                faults.append("the name in the descriptor is not the file name")
            if faults:
                failed = True
                print(f"{path.name}: FAILED: {'; '.join(faults)}")
            else:
                print(f"{path.name}: descriptor valid, clean file accepted, {refused} broken copies refused")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
