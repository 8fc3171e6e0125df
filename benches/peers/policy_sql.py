"""Translates a round with its policy and schemas to DuckDB SQL.

The rule language of a policy is SQL, so a rule's `when` and `core` are used in the query
unchanged but for the values of parameters, with the three-valued logic of SQL. A rule's outcome is a number: 0 no,
1 unknown, 2 indicated, 3 yes. Terms and aids combine outcomes: AND is the minimum, OR the
maximum. A grade is a number too: 0 no lead, 1 to be clarified, 2 established.
`python policy_sql.py ROUND_DIR` prints the SQL; duckdb_round.py runs it.
"""

import csv
import json
import re
import sys
import tomllib
from dataclasses import dataclass
from datetime import date
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "examples"))
import policy_layers  # noqa: E402

CASES = "procuratorate.case-parties"
# The columns by which the leads of programs are compared.
SHOWN = ["case_number", "name"]
NO, UNKNOWN, INDICATED, YES = range(4)
# The lead grades in the order of their numbers, as in the truth of a sample round.
GRADES = {1: "to_be_clarified", 2: "established"}
NAME = re.compile(r"[a-z][a-z0-9_]*")
PERIOD = re.compile(r"(\d+) (day|month|year)s?")
# 32 characters, so that salt and ID number fit into one block of SHA-256.
SALT = "c0ffee00" * 4


@dataclass
class Rule:
    id: str
    on: str
    when: str
    unknown: str
    withhold: bool
    core: str | None = None
    at_most: str | None = None

    @property
    def if_yes(self):
        return INDICATED if self.at_most == "review" else YES

    @property
    def if_unknown(self):
        return {"no": NO, "review": UNKNOWN, "yes": YES}[self.unknown]


@dataclass
class Export:
    schema: str
    path: Path
    header: list[str]
    stale: bool


@dataclass
class Aid:
    """An aid. Its combinations have every term expanded, so that they name only rules. A
    combination is the id of a rule, an outcome, or a tuple: ("AND", one, other),
    ("OR", one, other), ("NOT", one)."""

    id: str
    title: dict
    requires: str | int | tuple
    qualifies: str | int | tuple
    settled: str | int | tuple
    referred: str | int | tuple

    def rests_on(self):
        """Returns the ids of the rules that a lead rests on."""
        return rules_of(self.requires) | rules_of(self.qualifies)


class Round:
    """A round folder: round.toml and the files that it names. The columns `shown` of the
    case parties are read in addition to those that rules name."""

    def __init__(self, folder, shown=()):
        folder = Path(folder)
        config = tomllib.loads((folder / "round.toml").read_text("utf-8"))
        self.as_of: date = config["as_of"]
        self.shown = list(shown)
        self.list_language = config.get("list_language", "zh")
        policy = read_policy(folder / config["policy"])
        self.schemas = read_schemas(folder / config["schemas"])
        oldest = config["thresholds"]["snapshot_age_days"]
        self.exports = {}
        for entry in config["export"]:
            path = folder / entry["path"]
            with open(path, encoding="utf-8-sig", newline="") as file:
                header = next(csv.reader(file))
            stale = (self.as_of - entry["snapshot"]).days > oldest
            self.exports[entry["schema"]] = Export(entry["schema"], path, header, stale)
        self.rules = read_rules(policy)
        referral_rules, referred = read_referrals(policy)
        self.rules += referral_rules
        self.aids = read_aids(policy, referred, self.unverified_rules())

    @property
    def registers(self):
        return [export for name, export in self.exports.items() if name != CASES]

    def outcome_rules(self, schema):
        return [rule for rule in self.rules if rule.on == schema and not rule.withhold]

    def withhold_rules(self, schema):
        return [rule for rule in self.rules if rule.on == schema and rule.withhold]

    def columns_needed(self, schema):
        """Returns the fields of the schema that a rule names. Only these and `shown` are read."""
        conditions = [text for rule in self.rules if rule.on == schema for text in (rule.when, rule.core or "")]
        names = set(self.shown if schema == CASES else []).union(*map(names_in, conditions))
        return [field for field in self.schemas[schema] if field["name"] in names]

    def shown_fields(self):
        fields = {field["name"]: field for field in self.schemas[CASES]}
        return [fields[name] for name in self.shown]

    def unverified_rules(self):
        """Returns the rules on absent or stale exports, which are unknown in `settled` and `referred`."""
        fresh = {CASES} | {name for name, export in self.exports.items() if not export.stale}
        return {rule.id for rule in self.rules if rule.on not in fresh}


def names_in(expression):
    """Returns the names outside quotes. Keywords are included, which is harmless."""
    return set(NAME.findall(re.sub(r"'[^']*'", "", expression)))


def read_schemas(folder):
    schemas = {}
    for path in sorted(folder.glob("*.json")):
        schema = json.loads(path.read_text("utf-8"))
        schemas[schema["name"]] = schema["fields"]
    return schemas


def read_policy(path):
    """Returns a policy with the policies below it, and with values in place of parameters."""
    return policy_layers.with_literals(policy_layers.read(path))


def read_rules(policy):
    return [
        Rule(
            rule["id"],
            rule["on"],
            rule["when"],
            rule["unknown"],
            rule["kind"] == "withhold",
            rule.get("core"),
            rule.get("at_most"),
        )
        for rule in policy["rule"]
    ]


def read_combination(text):
    """Parses rules and terms with AND, OR, NOT and parentheses; see Aid."""
    words = re.findall(r"\w+|[()]", text)[::-1]

    def is_next(word):
        return bool(words) and words[-1].upper() == word

    def chain(word, part):
        found = part()
        while is_next(word):
            words.pop()
            found = (word, found, part())
        return found

    def one():
        word = words.pop()
        if word == "(":
            found = alternatives()
            words.pop()
            return found
        if word.upper() == "NOT":
            return ("NOT", one())
        return {"TRUE": YES, "FALSE": NO}.get(word.upper(), word)

    def alternatives():
        return chain("OR", lambda: chain("AND", one))

    found = alternatives()
    if words:
        raise ValueError(f"cannot read the combination {text!r}")
    return found


def replaced(combination, by_name):
    """Replaces names in a combination."""
    match combination:
        case (operator, *parts):
            return (operator, *(replaced(part, by_name) for part in parts))
        case _:
            return by_name.get(combination, combination)


def rules_of(combination):
    match combination:
        case (_, *parts):
            return set().union(*map(rules_of, parts))
        case str(rule):
            return {rule}
        case _:
            return set()


def read_aids(policy, referred, unverified):
    means = {term["id"]: read_combination(term["means"]) for term in policy.get("term", [])}
    unknown = dict.fromkeys(unverified, UNKNOWN)

    def expanded(text):
        combination = read_combination(text)
        while rules_of(combination) & means.keys():
            combination = replaced(combination, means)
        return combination

    return [
        Aid(
            aid["id"],
            aid["title"],
            expanded(aid["requires"]),
            expanded(aid["qualifies"]),
            replaced(expanded(aid.get("settled", "FALSE")), unknown),
            replaced(expanded(referred.get(aid["id"], "FALSE")), unknown),
        )
        for aid in policy["aid"]
    ]


def read_referrals(policy):
    """Turns [[referral_state]] into rules on the referrals export. Returns the rules, and
    for each aid the expression that means that the person was referred."""
    if "referrals" not in policy:
        return [], {}
    columns = policy["referrals"]
    rules, referred = [], {}
    for aid in policy["aid"]:
        suppressing = {}  # conditions by the rule that reopens, or None
        for entry in policy["referral_state"]:
            if entry["suppresses"] == "never" or aid["id"] not in entry.get("aids", [aid["id"]]):
                continue
            states = ", ".join(f"'{state}'" for state in entry["states"])
            condition = f"{columns['state']} IN ({states})"
            if entry["suppresses"] != "always":
                count, unit = PERIOD.fullmatch(entry["suppresses"]).groups()
                since = f"as_of - INTERVAL '{count}' {unit.upper()}"
                condition += f" AND {columns['since']} >= {since} AND {columns['since']} <= as_of"
            suppressing.setdefault(entry.get("reopened_by"), []).append(f"({condition})")
        parts = []
        for reopened_by, conditions in suppressing.items():
            name = f"referred_{aid['id']}" + (f"_unless_{reopened_by}" if reopened_by else "")
            when = f"{columns['aid']} = '{aid['id']}' AND ({' OR '.join(conditions)})"
            rules.append(Rule(name, columns["on"], when, "review", False))
            parts.append(f"({name} AND NOT {reopened_by})" if reopened_by else name)
        if parts:
            referred[aid["id"]] = " OR ".join(parts)
    return rules, referred


# ---------------------------------------------------------------- SQL


def text(value):
    return "'" + str(value).replace("'", "''") + "'"


def texts(values):
    return ", ".join(map(text, values))


def name(value):
    return '"' + value.replace('"', '""') + '"'


def typed(field, present):
    """Converts a text column to its type; unreadable cells become NULL."""
    column, kind = name(field["name"]), field["type"]
    if not present:
        sql_type = {"boolean": "BOOLEAN", "date": "DATE", "string": "VARCHAR"}.get(kind, "DOUBLE")
        return f"CAST(NULL AS {sql_type})"
    if kind == "boolean":
        yes, no = texts(field["trueValues"]), texts(field["falseValues"])
        return f"CASE WHEN {column} IN ({yes}) THEN TRUE WHEN {column} IN ({no}) THEN FALSE END"
    if kind == "date":
        return f"TRY_CAST({column} AS DATE)"
    if kind in ("integer", "number"):
        return f"TRY_CAST({column} AS DOUBLE)"
    codes = field.get("constraints", {}).get("enum")
    return f"CASE WHEN {column} IN ({texts(codes)}) THEN {column} END" if codes else column


def typed_row(round_, schema, header):
    """Returns the columns that rules may name: those of the export and those derived from the ID."""
    as_of = f"DATE '{round_.as_of}'"
    today = round_.as_of.strftime("%Y%m%d")
    age = f"({today} - TRY_CAST(substr(national_id, 7, 8) AS INTEGER)) // 10000"
    sex = "CASE WHEN TRY_CAST(substr(national_id, 17, 1) AS INTEGER) % 2 = 1 THEN 'male' ELSE 'female' END"
    columns = [
        f"{typed(field, field['name'] in header)} AS {name(field['name'])}"
        for field in round_.columns_needed(schema)
    ]
    columns += [f"{age} AS age", f"{age} < 18 AS minor", f"{sex} AS sex", f"{as_of} AS as_of"]
    return ",\n    ".join(columns)


def outcome(rule):
    """Returns the SQL of a rule's outcome."""
    when = f"({rule.when.strip()}\n)"  # the newline ends a comment at the end of the rule
    core = f"WHEN ({rule.core.strip()}\n) THEN {INDICATED} " if rule.core else ""
    return (
        f"CAST(CASE WHEN {when} THEN {rule.if_yes} WHEN NOT {when} THEN {NO} "
        f"{core}ELSE {rule.if_unknown} END AS UTINYINT)"
    )


def not_withheld(round_, schema):
    rules = round_.withhold_rules(schema)
    return " AND ".join(f"{outcome(rule)} <> {YES}" for rule in rules) or "TRUE"


def combined(combination):
    """Returns the SQL of a combination's outcome."""
    match combination:
        case ("AND", one, other):
            return f"least({combined(one)}, {combined(other)})"
        case ("OR", one, other):
            return f"greatest({combined(one)}, {combined(other)})"
        case ("NOT", one):
            return f"CASE {combined(one)} WHEN {NO} THEN {YES} WHEN {YES} THEN {NO} ELSE {UNKNOWN} END"
        case _:
            return str(combination)


def with_combinations(table, combinations):
    """Adds a column for each different combination to a table. Returns the new table and
    the column of each combination, so that aids share what they have in common."""
    columns = {combined(one): f"combination_{place}" for place, one in enumerate(combinations)}
    added = ",\n  ".join(f"{sql} AS {column}" for sql, column in columns.items())
    return f"(SELECT *,\n  {added}\nFROM {table})", {one: columns[combined(one)] for one in combinations}


def grade(requires, qualifies):
    """Returns the SQL of the grade that the two sides of an aid give, both columns."""
    return (
        f"CASE WHEN least({requires}, {qualifies}) = {YES} THEN 2 "
        f"WHEN least({requires}, {qualifies}) > {NO} AND greatest({requires}, {qualifies}) >= {INDICATED} THEN 1 "
        "ELSE 0 END"
    )


# Weights of the first 17 digits in the check sum, from the last to the first.
CHECK_WEIGHTS = [2**place % 11 for place in range(1, 18)]


def with_valid_id(table):
    """Keeps rows with 18 characters and a correct check digit (ISO 7064 MOD 11-2). The
    digits are computed from one number, because 17 substrings take twice as long."""
    weighted = " + ".join(
        f"{weight} * (digits // {10**place} % 10)" for place, weight in enumerate(CHECK_WEIGHTS)
    )
    return f"""(SELECT * FROM (
    SELECT *, TRY_CAST(substr(national_id, 1, 17) AS BIGINT) AS digits
    FROM {table} WHERE length(national_id) = 18
  ) WHERE substr(national_id, 18, 1) = substr('10X98765432', ({weighted}) % 11 + 1, 1))"""


def scan(round_, export, where, check_ids):
    """Reads the needed columns of a file as text and hashes every ID once.

    The sniffer stays on, because it also estimates the number of rows. Without the
    estimate, the planner builds the hash table of the join from the register instead of
    the parties, and the join takes a third longer.
    """
    needed = [
        name(field["name"])
        for field in round_.columns_needed(export.schema)
        if field["name"] in export.header
    ]
    selected = ", ".join([f"sha256({text(SALT)} || national_id) AS token", "national_id", *needed])
    rows = f"""read_csv({text(export.path)}, header = true, delim = ',', quote = '"', escape = '"',
    all_varchar = true)"""
    return f"""SELECT * FROM (
  SELECT {selected}
  FROM {with_valid_id(rows) if check_ids else rows}
){where}"""


def best_case(round_, aid):
    """Returns the two sides of an aid as if every rule on a register gave yes. A case row
    that makes no lead even then is left out."""
    case_rules = {rule.id for rule in round_.outcome_rules(CASES)}
    others = dict.fromkeys({rule.id for rule in round_.rules} - case_rules, YES)
    return replaced(aid.requires, others), replaced(aid.qualifies, others)


def statements(round_, check_ids=False):
    """Yields the statements of the round. The last but one counts leads by aid
    and grade, the last matched rows. The table `graded` has each case row with its grade
    for every aid."""
    cases = round_.exports[CASES]
    case_rules = round_.outcome_rules(CASES)
    case_outcomes = ",\n  ".join(f"{outcome(rule)} AS {rule.id}" for rule in case_rules)
    sides = [best_case(round_, aid) for aid in round_.aids]
    yield "SET preserve_insertion_order = false"
    keys = ", ".join(["token", *round_.shown])
    # Two tables, because the planner would otherwise put the rules into the condition of
    # the second one, many times each, and plan for seconds.
    yield f"""CREATE TEMP TABLE case_outcomes AS SELECT {keys},
  {case_outcomes}
FROM (
  SELECT token,
    {typed_row(round_, CASES, cases.header)}
  FROM ({scan(round_, cases, '', check_ids)})
) WHERE {not_withheld(round_, CASES)}"""
    rows, column = with_combinations("case_outcomes", [side for pair in sides for side in pair])
    any_lead = " OR ".join(f"{grade(column[one], column[other])} > 0" for one, other in sides)
    names = ", ".join(rule.id for rule in case_rules)
    yield f"""CREATE TEMP TABLE case_rows AS SELECT {keys}, {names} FROM {rows}
WHERE {any_lead}"""
    joins, outcomes, matched = [], [*round_.shown, *(rule.id for rule in case_rules)], []
    absent = [rule for rule in round_.rules if rule.on not in round_.exports and not rule.withhold]
    outcomes += [f"{NO} AS {rule.id}" for rule in absent]
    for number, export in enumerate(round_.registers):
        rules = round_.outcome_rules(export.schema)
        person = ",\n  ".join(f"max({rule.id}) AS {rule.id}" for rule in rules)
        row = ",\n  ".join(f"{outcome(rule)} AS {rule.id}" for rule in rules)
        yield f"""CREATE TEMP TABLE hits_{number} AS
{scan(round_, export, ' WHERE token IN (SELECT token FROM case_rows)', check_ids)}"""
        yield f"""CREATE TEMP TABLE persons_{number} AS SELECT token, count(*) AS matched_rows,
  {person}
FROM (SELECT token,
  {row}
FROM (
  SELECT token,
    {typed_row(round_, export.schema, export.header)}
  FROM hits_{number}
) WHERE {not_withheld(round_, export.schema)}
) GROUP BY token"""
        joins.append(f"LEFT JOIN persons_{number} ON persons_{number}.token = case_rows.token")
        # For persons who are not in a register, all its outcomes are no.
        outcomes += [
            f"coalesce(persons_{number}.{rule.id}, {NO}) AS {rule.id}" for rule in rules
        ]
        matched.append(
            f"SELECT {text(export.schema)}, (SELECT coalesce(sum(matched_rows), 0)::BIGINT FROM persons_{number})"
        )
    columns, joined = ",\n  ".join(outcomes), "\n".join(joins)
    rows = f"(SELECT case_rows.token,\n  {columns}\nFROM case_rows\n{joined})"
    used = [one for aid in round_.aids for one in (aid.requires, aid.qualifies, aid.settled, aid.referred)]
    rows, column = with_combinations(rows, used)
    grades = ",\n  ".join(
        f"CASE WHEN {column[aid.settled]} = {YES} OR {column[aid.referred]} = {YES} THEN 0\n"
        f"    ELSE {grade(column[aid.requires], column[aid.qualifies])} END AS {aid.id}"
        for aid in round_.aids
    )
    yield f"""CREATE TEMP TABLE graded AS SELECT {keys},
  {grades}
FROM {rows}"""
    # The best grade of a person's case rows counts.
    best = ", ".join(f"max({aid.id}) AS {aid.id}" for aid in round_.aids)
    counts = ",\n  ".join(
        f"count(*) FILTER (WHERE {aid.id} = {number})" for aid in round_.aids for number in GRADES
    )
    yield f"""SELECT {counts}
FROM (SELECT token, {best} FROM graded GROUP BY token)"""
    yield "\nUNION ALL ".join(matched)


def leads_shown(round_):
    """Returns the statement that lists the leads: the aid, the number of the grade, and the
    values of each column shown, of the case rows that make the lead."""
    shown = ", ".join(f"list(DISTINCT {column})" for column in round_.shown)
    return "\nUNION ALL ".join(
        f"SELECT {text(aid.id)}, max({aid.id}), {shown} FROM graded WHERE {aid.id} > 0 GROUP BY token"
        for aid in round_.aids
    )


def lead(aid, grade, *shown):
    """Returns a lead in the form in which programs are compared."""
    return [aid, GRADES[grade], *("；".join(sorted(values)) for values in shown)]


if __name__ == "__main__":
    for statement in statements(Round(sys.argv[1]), "--check-ids" in sys.argv[2:]):
        print(statement + ";\n")
