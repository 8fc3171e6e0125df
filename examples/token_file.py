"""Makes the token file of the register veterans.persons without aidlink. Needs Python 3.11 or later and pyarrow.

    python3 examples/token_file.py ROUND.toml veterans.persons.tokens.parquet \\
        --policy-blake3 "$(aidlink policy check POLICY.toml --json | jq -r .blake3)" \\
        --schema-blake3 "$(b3sum --no-names SCHEMAS/veterans.persons.json)"

The round file names the policy, the key and the export. The digest of a policy is of what it says, with the policies
below it (docs/formats.md), which policy_layers.py puts together; that of a schema is of the file, by `b3sum`, because
hashlib has no BLAKE3.
The export must be one clean CSV in UTF-8, with the headers and codes of the schema, `true` and `false`, and dates
such as 2026-09-30. Rows are rejected, and their lines printed, if the ID number does not have 18 characters, a
possible birth date and a correct check digit. The script ends at any other cell that is not clean.

The script writes a plain token file and its checksum file. The sender signs it with minisign, in one line:

    minisign -S -s veterans.key -m veterans.persons.tokens.parquet -t \\
        "aidlink crossing; round ROUND; terms TERMS; content tokens veterans.persons; key id KEY_ID; to plain"

`aidlink round terms -q ROUND.toml` prints TERMS; `aidlink key id -q ROUND.toml` prints KEY_ID. If the round seals
token files, the signature is inside the sealed file; docs/formats.md describes both forms.
"""

import argparse
import csv
import hashlib
import hmac
import json
import os
import re
import sys
import tomllib
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

import policy_layers

EXPORT = "veterans.persons"
NO, UNKNOWN, INDICATED, YES = 0, 1, 2, 3  # AND is min(), OR is max()
CODES = {  # the codes of the columns that rules read
    "kind": ["disabled", "bereaved_family", "demobilised_rural", "ill_returned", "veteran", "military_family"],
    "status": ["active", "ended", "died"],
    "benefit_status": ["none", "receiving", "suspended"],
    "hardship": ["true", "false"],
    "employed": ["true", "false"],
}
ENTITLED = ["disabled", "bereaved_family", "demobilised_rural", "ill_returned"]


def is_in(cell, *codes):
    return UNKNOWN if cell == "" else YES if cell in codes else NO


def is_null_or_started(cell, as_of):
    return YES if cell == "" or date.fromisoformat(cell) <= as_of else NO


def is_of_age(row, as_of, low, high):
    """Whether the age in whole years is one of these. Every ID number here states a birth date."""
    born = row["national_id"][6:14]
    return YES if low <= (int(as_of.strftime("%Y%m%d")) - int(born)) // 10000 <= high else NO


# The conditions (`when` and `core`) of every rule of the policy on this export, in Python, with the values of
# parameters. A condition that is not listed ends the script. Ids, kinds, `unknown`, `at_most` and order are read from
# the policy.
CONDITIONS = {
    "status = 'died'": lambda row, as_of: is_in(row["status"], "died"),
    "status = 'active'": lambda row, as_of: is_in(row["status"], "active"),
    "hardship": lambda row, as_of: is_in(row["hardship"], "true"),
    "status = 'active' AND hardship": lambda row, as_of: min(
        is_in(row["status"], "active"), is_in(row["hardship"], "true")
    ),
    "kind IN ('disabled','bereaved_family','demobilised_rural','ill_returned')": lambda row, as_of: is_in(
        row["kind"], *ENTITLED
    ),
    "status = 'active' AND kind IN ('disabled','bereaved_family','demobilised_rural','ill_returned') "
    "AND hardship IS NULL": lambda row, as_of: min(
        is_in(row["status"], "active"), is_in(row["kind"], *ENTITLED), YES if row.get("hardship", "") == "" else NO
    ),
    "status = 'active' AND kind IN ('military_family','bereaved_family')": lambda row, as_of: min(
        is_in(row["status"], "active"), is_in(row["kind"], "military_family", "bereaved_family")
    ),
    "status = 'active' AND kind IN ('veteran','disabled','demobilised_rural','ill_returned')": lambda row, as_of: min(
        is_in(row["status"], "active"), is_in(row["kind"], "veteran", "disabled", "demobilised_rural", "ill_returned")
    ),
    "benefit_status = 'receiving' AND (benefit_started_on IS NULL OR benefit_started_on <= as_of)": (
        lambda row, as_of: min(
            is_in(row["benefit_status"], "receiving"), is_null_or_started(row["benefit_started_on"], as_of)
        )
    ),
}




def without_work(row, as_of):
    return min(is_in(row["employed"], "false"), is_of_age(row, as_of, 16, 59))


def without_work_of_kind(row, as_of):
    kinds = ["veteran", "disabled", "demobilised_rural", "ill_returned", "military_family"]
    return min(without_work(row, as_of), is_in(row["kind"], *kinds))


def benefit_due(row, as_of):
    return min(is_in(row["kind"], *ENTITLED), is_in(row["benefit_status"], "none", "suspended"))


def if_active(condition):
    return lambda row, as_of: min(is_in(row["status"], "active"), condition(row, as_of))


for text, condition in {
    "NOT employed AND age BETWEEN 16 AND 59": without_work,
    "NOT employed AND age BETWEEN 16 AND 59 "
    "AND kind IN ('veteran','disabled','demobilised_rural','ill_returned','military_family')": without_work_of_kind,
    "kind IN ('disabled','bereaved_family','demobilised_rural','ill_returned') "
    "AND benefit_status IN ('none','suspended')": benefit_due,
}.items():
    CONDITIONS |= {text: condition, f"status = 'active' AND {text}": if_active(condition)}
CONDITIONS["status = 'active' AND employed AND age BETWEEN 16 AND 59"] = if_active(
    lambda row, as_of: min(is_in(row["employed"], "true"), is_of_age(row, as_of, 16, 59))
)


def outcome(rule, row, as_of):
    """Returns the outcome of a rule on a row. Every cell that is not empty can be read."""

    def known(condition):
        return CONDITIONS[" ".join(condition.split())](row, as_of)

    holds = known(rule["when"])
    if holds == UNKNOWN:
        if "core" in rule and known(rule["core"]) == YES:
            return INDICATED
        return {"review": UNKNOWN, "no": NO, "yes": YES}[rule["unknown"]]
    return INDICATED if holds == YES and rule.get("at_most") == "review" else holds


def hkdf(key, info, length):
    """HKDF-SHA-256 (RFC 5869) without salt, for at most 32 bytes."""
    return hmac.digest(hmac.digest(bytes(32), key, "sha256"), info.encode() + b"\x01", "sha256")[:length]


def is_id_number(number, as_of):
    """Checks for 18 characters, a possible birth date and the check digit of GB 11643 (ISO 7064 MOD 11-2)."""
    if not re.fullmatch("[0-9]{17}[0-9X]", number):
        return False
    try:
        born = date.fromisoformat(f"{number[6:10]}-{number[10:12]}-{number[12:14]}")
    except ValueError:
        return False
    digits = [int(digit) for digit in number[:17]] + [10 if number[17] == "X" else int(number[17])]
    fits = sum(digit << (17 - place) for place, digit in enumerate(digits)) % 11 == 1
    return fits and born <= as_of and as_of.year - born.year <= 130


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("round", type=Path)
    parser.add_argument("out", type=Path)
    for name in ["policy", "schema"]:
        parser.add_argument(f"--{name}-blake3", required=True, help="64 digits, as b3sum prints them")
    arguments = parser.parse_args()

    # Read the round, the rules of its policy on this export, and the key.
    folder = arguments.round.parent
    round_ = tomllib.loads(arguments.round.read_text("utf-8-sig"))
    as_of, algorithm = date.fromisoformat(str(round_["as_of"])), round_["key"]["algorithm"]
    (export,) = (export for export in round_["export"] if export["schema"] == EXPORT)
    policy = policy_layers.with_literals(policy_layers.read(folder / round_["policy"]))
    rules = [rule for rule in policy["rule"] if rule["on"] == EXPORT]
    withhold = [rule for rule in rules if rule["kind"] == "withhold"]
    sent = [rule for rule in rules if rule["kind"] != "withhold"]
    key_file = tomllib.loads((folder / round_["key"]["file"]).read_text("utf-8"))
    if (key_file["round"], key_file["purpose"]) != (round_["round"], round_["purpose"]):
        sys.exit("the key is for another round or purpose")
    key = bytes.fromhex(key_file["key"].removeprefix("aidlink-round-key-v2:"))
    bound = f"; round {round_['round']}; purpose {round_['purpose']}"
    subkey = hkdf(key, f"aidlink v2 person token {algorithm}{bound}", 32)

    # Make one token per person, with the outcomes of all rows of the person combined by OR.
    persons = {}
    account = dict.fromkeys(["rows", "rejected", "withheld", "without_outcome", "sent"], 0)
    source = folder / export["path"]
    with open(source, encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        for row in reader:
            account["rows"] += 1
            if not is_id_number(row["national_id"], as_of):
                account["rejected"] += 1
                print(f"line {reader.line_num} rejected: invalid ID number", file=sys.stderr)
                continue
            if None in row or any(row[field] not in ["", *codes] for field, codes in CODES.items()):
                sys.exit(f"line {reader.line_num}: too many or too few fields, or a code that the schema does not have")
            outcomes = [outcome(rule, row, as_of) for rule in sent]
            if any(outcome(rule, row, as_of) == YES for rule in withhold):
                account["withheld"] += 1
            elif max(outcomes) == NO:
                account["without_outcome"] += 1
            else:
                account["sent"] += 1
                token = hmac.digest(subkey, row["national_id"].encode(), algorithm.removeprefix("hmac-"))[:16]
                persons[token] = list(map(max, persons.get(token, outcomes), outcomes))

    # Write the file sorted by token, so that it does not show the order of the rows.
    head = {
        "format": "aidlink token file",
        "version": 2,
        "round": round_["round"],
        "as_of": str(as_of),
        "export": EXPORT,
        "snapshot": str(export["snapshot"]),
        "policy_blake3": arguments.policy_blake3,
        "schema_blake3": arguments.schema_blake3,
        "algorithm": algorithm,
        "key_id": hkdf(key, f"aidlink v2 key id{bound}", 8).hex(),
        "sources": [],  # only for the case parties
        "account": account,
    }
    fields = [pa.field("token", pa.binary(16), nullable=False)]
    fields += [pa.field(rule["id"], pa.uint8(), nullable=False) for rule in sent]
    tokens = sorted(persons)
    columns = [[persons[token][place] for token in tokens] for place in range(len(sent))]
    table = pa.table([tokens, *columns], schema=pa.schema(fields, metadata={"aidlink": json.dumps(head)}))
    os.umask(0o077)  # owner-only
    with open(arguments.out, "xb") as file:
        pq.write_table(table, file)
    checksum = hashlib.sha256(arguments.out.read_bytes()).hexdigest()
    Path(f"{arguments.out}.sha256").write_text(f"{checksum}  {arguments.out.name}\n")
    print(f"{len(tokens)} tokens; " + ", ".join(f"{count} {what}" for what, count in account.items()))


if __name__ == "__main__":
    main()
