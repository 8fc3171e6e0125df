"""Works out the leads and accounts of the hand-made round from its exports and the policy,
and compares them with expected-leads.csv and expected-accounts.csv, and the leads with those
that the tables of the round's README.md name, which no evaluator wrote. Shares no code with
the program, and has an evaluator of its own for rules: a cell is a value, empty (None) or
UNREADABLE, an outcome 0 to 3.

    python3 tests/oracles/hand_made_round.py [--write]
"""

import csv
import datetime as dt
import json
import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "examples"))
import policy_layers  # noqa: E402

FOLDER = ROOT / "tests/rounds/hand-made"
NO, UNKNOWN, INDICATED, YES = range(4)
UNREADABLE = object()
WORD = re.compile(
    r"\s*(?:(?P<string>'[^']*')|(?P<number>\d+(?:\.\d+)?)"
    r"|(?P<name>[A-Za-z_]\w*)|(?P<sign><=|>=|<>|!=|[<>=(),+-]))"
)


def words_of(text):
    words, at = [], 0
    text = re.sub(r"--[^\n]*|/\*.*?\*/", " ", text.strip(), flags=re.DOTALL).strip()
    while at < len(text):
        match = WORD.match(text, at)
        assert match, text[at:]
        words.append((match.lastgroup, match.group(match.lastgroup)))
        at = match.end()
    return words + [("end", "")]


def unknown(*values):
    """Whether a value is empty or cannot be read."""
    return any(value is None or value is UNREADABLE for value in values)


def unknown_of(values):
    """Returns UNREADABLE if one of some unknown values is; None otherwise."""
    return UNREADABLE if any(value is UNREADABLE for value in values) else None


def later(day, count, unit):
    """Returns the day so many days, months or years later; a count below 0 goes back."""
    unit = unit.upper().removesuffix("S")
    if unit == "DAY":
        return day + dt.timedelta(count)
    return months_before(day, -count * {"MONTH": 1, "YEAR": 12}[unit])


def months_before(day, months):
    month = day.year * 12 + day.month - 1 - months
    year, month = divmod(month, 12)
    last = (dt.date(year + (month == 11), (month + 1) % 12 + 1, 1) - dt.timedelta(1)).day
    return dt.date(year, month + 1, min(day.day, last))


class Parser:
    """Turns a condition into a function of a row, which gives True, False, None or UNREADABLE."""

    def __init__(self, text, as_of):
        self.words, self.at, self.as_of = words_of(text), 0, as_of

    def peek(self, *texts):
        kind, text = self.words[self.at]
        return kind != "string" and text.upper() in texts

    def take(self, *texts):
        found = self.peek(*texts)
        self.at += found
        return found

    def all(self):
        condition = self.disjunction()
        assert self.words[self.at][0] == "end", self.words[self.at :]
        return condition

    def disjunction(self):
        parts = [self.conjunction()]
        while self.take("OR"):
            parts.append(self.conjunction())

        def disjunction(row):
            truths = [part(row) for part in parts]
            return True if True in truths else unknown_of(truths) if unknown(*truths) else False

        return disjunction

    def conjunction(self):
        parts = [self.negation()]
        while self.take("AND"):
            parts.append(self.negation())

        def conjunction(row):
            truths = [part(row) for part in parts]
            return False if False in truths else unknown_of(truths) if unknown(*truths) else True

        return conjunction

    def negation(self):
        if self.take("NOT"):
            inner = self.negation()

            def negation(row):
                truth = inner(row)
                return truth if unknown(truth) else not truth

            return negation
        return self.comparison()

    def comparison(self):
        if self.take("("):
            inner = self.disjunction()
            assert self.take(")")
            return inner
        left = self.sum()
        negated = self.take("NOT")

        def unless_unknown(test):
            def comparison(row):
                truth = test(row)
                return truth if unknown(truth) else truth != negated

            return comparison

        if self.take("IN"):
            assert self.take("(")
            values = [self.value()]
            while self.take(","):
                values.append(self.value())
            assert self.take(")")
            return unless_unknown(
                lambda row: left(row) if unknown(left(row)) else left(row) in [v(row) for v in values]
            )
        if self.take("BETWEEN"):
            low = self.sum()
            assert self.take("AND")
            high = self.sum()
            return unless_unknown(
                lambda row: left(row) if unknown(left(row)) else low(row) <= left(row) <= high(row)
            )
        if self.take("IS"):
            negated = self.take("NOT")
            assert self.take("NULL")
            return unless_unknown(
                lambda row: UNREADABLE if left(row) is UNREADABLE else left(row) is None
            )
        for sign, test in [
            ("=", lambda a, b: a == b),
            ("<>", lambda a, b: a != b),
            ("!=", lambda a, b: a != b),
            ("<=", lambda a, b: a <= b),
            (">=", lambda a, b: a >= b),
            ("<", lambda a, b: a < b),
            (">", lambda a, b: a > b),
        ]:
            if self.take(sign):
                right = self.sum()

                def compared(row, test=test, right=right):
                    a, b = left(row), right(row)
                    return unknown_of([a, b]) if unknown(a, b) else test(a, b)

                return compared
        return left

    def sum(self):
        left = self.value()
        while self.peek("+", "-"):
            sign = 1 if self.take("+") else -1
            self.at += sign < 0
            left = self.added(left, sign)
        return left

    def added(self, left, sign):
        if self.take("INTERVAL"):
            number, unit = int(self.words[self.at][1].strip("'")), self.words[self.at + 1][1]
            self.at += 2
            return lambda row: later(left(row), sign * number, unit)
        right = self.value()

        def sum_of(row):
            a, b = left(row), right(row)
            return unknown_of([a, b]) if unknown(a, b) else a + sign * b

        return sum_of

    def value(self):
        kind, text = self.words[self.at]
        self.at += 1
        if kind == "string":
            return lambda row: text[1:-1]
        if text == "-":
            return lambda row, number=self.value(): -number(row)
        if kind == "number":
            return lambda row: float(text)
        if text.upper() == "DATE":
            text = self.words[self.at][1].strip("'")
            self.at += 1
            return lambda row: dt.date.fromisoformat(text)
        if text == "as_of":
            return lambda row: self.as_of
        if text.upper() in ("TRUE", "FALSE"):
            return lambda row: text.upper() == "TRUE"
        assert kind == "name", text
        return lambda row: row.get(text)


def id_birth(number):
    """Returns the birth date in an ID number; None if the number is not valid (GB 11643)."""
    if len(number) != 18:
        return None
    weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]
    total = sum(int(digit) * weight for digit, weight in zip(number, weights))
    if "10X98765432"[total % 11] != number[17]:
        return None
    return dt.date(int(number[6:10]), int(number[10:12]), int(number[12:14]))


def read_cell(field, text, codes):
    """Returns a cell's value; None if it is empty, UNREADABLE if it cannot be read."""
    text = text.strip()
    if text == "":
        return None
    if field["type"] == "boolean":
        return {"true": True, "false": False}.get(text, UNREADABLE)
    try:
        if field["type"] in ("integer", "number"):
            return float(text)
        if field["type"] == "date":
            return dt.date.fromisoformat(text)
    except ValueError:
        return UNREADABLE
    return text if codes is None or text in codes else UNREADABLE


class Export:
    def __init__(self, name, as_of):
        schema = json.loads((ROOT / f"schemas/{name}.json").read_text())
        fields = {field["name"]: field for field in schema["fields"]}
        self.name, self.rows, self.rejected = name, [], 0
        with open(FOLDER / f"{name}.csv", encoding="utf-8", newline="") as file:
            for cells in csv.DictReader(file):
                birth = id_birth(cells["national_id"])
                if birth is None:
                    self.rejected += 1
                    continue
                row = {}
                for column, text in cells.items():
                    field = fields[column]
                    codes = field.get("constraints", {}).get("enum")
                    row[column] = read_cell(field, text, codes)
                age = as_of.year - birth.year
                age -= (as_of.month, as_of.day) < (birth.month, birth.day)
                sex = "male" if int(cells["national_id"][16]) % 2 else "female"
                row.update(age=age, minor=age < 18, sex=sex, id=cells["national_id"], raw=cells)
                self.rows.append(row)


def main():
    config = tomllib.loads((FOLDER / "round.toml").read_text("utf-8"))
    policy = policy_layers.with_literals(policy_layers.read(FOLDER / config["policy"]))
    as_of = config["as_of"]
    exports = {
        name: Export(name, as_of)
        for name in sorted({rule["on"] for rule in policy["rule"]} | {"procuratorate.referrals"})
    }
    conditions, cores = {}, {}
    for rule in policy["rule"]:
        conditions[rule["id"]] = Parser(rule["when"], as_of).all()
        if "core" in rule:
            cores[rule["id"]] = Parser(rule["core"], as_of).all()

    def outcome(rule, row):
        truth = conditions[rule["id"]](row)
        if not unknown(truth):
            limit = INDICATED if rule.get("at_most") == "review" else YES
            return limit if truth else NO
        if rule["id"] in cores and cores[rule["id"]](row) is True:
            return INDICATED
        if truth is UNREADABLE:
            return YES if rule["unknown"] == "yes" else UNKNOWN
        return {"yes": YES, "no": NO, "review": UNKNOWN}[rule["unknown"]]

    def of_kind(name, withhold):
        rules = [rule for rule in policy["rule"] if rule["on"] == name]
        return [rule for rule in rules if (rule["kind"] == "withhold") == withhold]

    def withholding(name, row):
        return max((outcome(rule, row) for rule in of_kind(name, True)), default=NO)

    def is_withheld(name, row):
        return withholding(name, row) == YES

    cases = "procuratorate.case-parties"
    persons, registers = {}, {}
    for name, export in exports.items():
        for row in export.rows:
            if is_withheld(name, row):
                continue
            outcomes = {rule["id"]: outcome(rule, row) for rule in of_kind(name, False)}
            if withholding(name, row) != NO:
                # A cell that cannot be read leaves open whether the row is withheld.
                outcomes = {rule: min(it, INDICATED) for rule, it in outcomes.items()}
            if name == cases:
                persons.setdefault(row["id"], []).append((row, outcomes))
            elif name != "procuratorate.referrals":
                joined = registers.setdefault(row["id"], {})
                for rule, found in outcomes.items():
                    joined[rule] = max(joined.get(rule, NO), found)

    terms = {term["id"]: term["means"] for term in policy["term"]}

    def named(text):
        rules = set()
        for word in re.findall(r"[a-z_0-9]+", text):
            rules |= named(terms[word]) if word in terms else {word}
        return rules

    def combined(text, of):
        words = [text for _, text in words_of(text)][:-1]

        def either():
            value = both()
            while words and words[0] == "OR":
                words.pop(0)
                value = max(value, both())
            return value

        def both():
            value = one()
            while words and words[0] == "AND":
                words.pop(0)
                value = min(value, one())
            return value

        def one():
            word = words.pop(0)
            if word == "NOT":
                return {NO: YES, YES: NO}.get(one(), UNKNOWN)
            if word == "(":
                value = either()
                assert words.pop(0) == ")"
                return value
            return combined(terms[word], of) if word in terms else of(word)

        return either()

    entries = policy["referral_state"]

    def referred(aid, person, case):
        found = NO
        for row in exports["procuratorate.referrals"].rows:
            if row["id"] != person:
                continue
            same = UNKNOWN if unknown(row["aid"]) else YES if row["aid"] == aid else NO
            if unknown(row["state"]):
                live = UNKNOWN
            else:
                about = [e for e in entries if aid in e.get("aids", [aid])]
                entry = next(e for e in about if row["state"] in e["states"])
                period = entry["suppresses"]
                if period in ("never", "always"):
                    live = YES if period == "always" else NO
                elif unknown(row["state_on"]):
                    live = UNKNOWN
                else:
                    count, unit = period.split()
                    since = later(as_of, -int(count), unit)
                    live = YES if since <= row["state_on"] <= as_of else NO
                    # What was found before this day lapses: a new standard of dibao.
                    if "lapses_on" in entry and row["state_on"] < entry["lapses_on"] <= as_of:
                        live = NO
                if "reopened_by" in entry:
                    live = min(live, {NO: YES, YES: NO}.get(case[entry["reopened_by"]], UNKNOWN))
            found = max(found, min(same, live))
        return found

    rules = {rule["id"]: rule for rule in policy["rule"]}
    always_shown = {r for r, rule in rules.items() if rule["kind"] in ("exclusion", "priority")}
    leads = []
    for person, rows in persons.items():
        for aid in policy["aid"]:
            shown = named(aid["requires"]) | named(aid["qualifies"]) | always_shown
            evidence, receipts, referrals = [], [], []
            for row, own in rows:
                known = {**registers.get(person, {}), **own}
                of = lambda rule: known.get(rule, NO)
                required, qualified = combined(aid["requires"], of), combined(aid["qualifies"], of)
                if min(required, qualified) == NO or max(required, qualified) == UNKNOWN:
                    continue
                grade = min(required, qualified) == YES
                settled = combined(aid["settled"], of) if "settled" in aid else NO
                earlier = referred(aid["id"], person, known)
                if settled == YES or earlier == YES:
                    continue
                rules_of = {o: {r for r in shown if of(r) == o} for o in (UNKNOWN, INDICATED, YES)}
                if grade:
                    rules_of[UNKNOWN] &= always_shown
                evidence.append((row, grade, rules_of))
                receipts.append(settled in (UNKNOWN, INDICATED))
                referrals.append(earlier in (UNKNOWN, INDICATED))
            if evidence:
                joined = lambda o: " ".join(sorted(set().union(*(e[2][o] for e in evidence))))
                word = lambda truth: "true" if truth else "false"
                leads.append(
                    [
                        evidence[0][0]["raw"]["name"],
                        aid["id"],
                        word(evidence[0][0]["minor"]),
                        ";".join(sorted({e[0]["raw"]["case_number"] for e in evidence})),
                        joined(YES),
                        joined(UNKNOWN),
                        joined(INDICATED),
                        "established" if any(e[1] for e in evidence) else "to_be_clarified",
                        word(any(receipts)),
                        word(any(referrals)),
                    ]
                )
    order = [cases, "procuratorate.referrals", "civil-affairs.assistance", "education.students"]
    order += ["disabled-federation.persons", "veterans.persons"]
    accounts = []

    def can_reach_an_aid(own):
        """Whether the registers could make the row a lead."""
        best = lambda rule: own.get(rule, YES)
        sides = [(combined(a["requires"], best), combined(a["qualifies"], best)) for a in policy["aid"]]
        return any(min(pair) > NO and max(pair) > UNKNOWN for pair in sides)

    sent = [id for id, rows in persons.items() for _, own in rows if can_reach_an_aid(own)]
    for name in order:
        export = exports[name]
        withheld = sum(is_withheld(name, row) for row in export.rows)
        account = [name, len(export.rows) + export.rejected, export.rejected, withheld]
        if name == cases:
            kept = sum(len(rows) for rows in persons.values())
            account += [kept - len(sent), len(sent), "", ""]
        else:
            # The program joins a register's rows before it judges them.
            matched = [row for row in export.rows if row["id"] in sent]
            account[3] = sum(is_withheld(name, row) for row in matched)
            matched = len(matched) - account[3]
            unmatched = len(export.rows) - matched - account[3]
            account += ["", "", matched, unmatched]
        accounts.append([str(figure) for figure in account])
    leads.sort()
    different = differs_from_readme(leads)
    lead_columns = "person,aid,minor,cases,yes,unknown,indicated,grade,receipt_not_verified"
    lead_columns += ",referral_not_verified"
    account_columns = "export,rows,rejected,withheld,without_outcome,sent,matched,unmatched"
    different |= compare("expected-leads.csv", lead_columns, leads)
    different |= compare("expected-accounts.csv", account_columns, accounts)
    asked = set().union(*(named(aid[side]) for aid in policy["aid"] for side in ("requires", "qualifies")))
    different |= lacks_persons(asked, entries, exports, leads)
    sys.exit(different)


def lacks_persons(asked, entries, exports, leads):
    """Names the rules of aids that no lead shows, and the entries of referral states that no row has."""
    shown = {rule for lead in leads for cell in lead[4:7] for rule in cell.split()}
    states = {row["state"] for row in exports["procuratorate.referrals"].rows if isinstance(row["state"], str)}
    missing = [f"no lead shows the rule {rule}" for rule in sorted(asked - shown)]
    missing += [
        f"no row has a state of {entry['id']}"
        for entry in entries
        if not states & set(entry["states"])
    ]
    for line in missing:
        print(line)
    return bool(missing)


def leads_in_readme():
    """Yields person, aid, grade, the two marks and whether the lead is on the minors' list, of
    each lead that the tables name."""
    for line in (FOLDER / "README.md").read_text("utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) != 4 or cells[0] in ("person", "---"):
            continue
        person, _, leads, _ = cells
        minor = leads.endswith("on the minors’ list")
        for aid, marks in re.findall(r"`(\w+)`(?: \(([^)]*)\))?", leads):
            marks = marks.split(", ")
            grade = "to_be_clarified" if "to be clarified" in marks else "established"
            yield person, aid, minor, grade, *(
                f"{what} not verified" in marks for what in ("receipt", "referral")
            )


def differs_from_readme(leads):
    """Prints the leads that the README does not name, and those that only it names."""
    named = set(leads_in_readme())
    found = {
        (person, aid, minor == "true", grade, receipt == "true", referral == "true")
        for person, aid, minor, *_, grade, receipt, referral in leads
    }
    for what, only in [("README.md only", named - found), ("not in README.md", found - named)]:
        for lead in sorted(only):
            print(f"{what}:", *lead)
    return named != found


def compare(name, columns, rows):
    path = FOLDER / name
    table = [columns.split(","), *rows]
    if sys.argv[1:] == ["--write"]:
        with open(path, "w", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows(table)
    with open(path, encoding="utf-8", newline="") as file:
        expected = list(csv.reader(file))
    different = [row for row in table if row not in expected]
    different += [row for row in expected if row not in table]
    for row in different:
        print(*row, sep=",")
    print(f"{name}: {len(rows)} rows, {len(different)} differ")
    return bool(different)


main()
