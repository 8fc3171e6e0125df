"""Compares merged policies with examples/policy_layers.py, which shares no code with the program: digest, conditions,
sides of aids, citations, parameters, differences. Exit code 1: they differ.

    python3 tests/oracles/merged_policies.py target/release/aidlink

The policies are those in `policies`, a layer on top of each that changes it in every way that fits any policy, and
layers of the script's own in which each way of changing a part occurs (docs/formats.md, section 5). The program must
be built with these policies, because it has its own copy of those it knows by name. Needs blake3 (requirements.txt).
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from blake3 import blake3

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "examples"))
import policy_layers  # noqa: E402

# The lowest layer: every table, every type of parameter, and each place where one can be used.
NATION = """
id = "nation"
version = "1"
title = { zh = "全国", en = "Nation" }

[[source]]
id = "LAW"
title = { zh = "法", en = "Law \\"of\\" 2021\\t\\u0001\\u2028😀" }

[[source]]
id = "OLD"
title = { zh = "旧法", en = "Old law" }

[[agency]]
id = "procuratorate"
name = { zh = "检察院", en = "Procuratorate" }

[[agency]]
id = "civil-affairs"
name = { zh = "民政局", en = "Civil affairs" }

[[deadline]]
id = "transfer"
title = { zh = "移送", en = "Transfer" }
working_days = "transfer_days"
cites = ["LAW 5"]

[[deadline]]
id = "reply"
title = { zh = "答复", en = "Reply" }
from = "receipt"
working_days = 20
cites = ["LAW 6"]

[[deadline]]
id = "visit"
title = { zh = "回访", en = "Visit" }
from = "issue"
working_days = 250
cites = ["LAW 6"]

[parameters.major_loss]
type = "amount"
title = { zh = "重大损失", en = "Major loss" }
default = 30000
source = "LAW 4"

[parameters.change]
type = "number"
title = { zh = "差额", en = "Change" }
default = -0.5
source = "local"

[parameters.relief_period]
type = "period"
title = { zh = "临时救助期", en = "Time of relief" }
default = "6 months"
source = "local"

[parameters.refusal]
type = "period"
title = { zh = "不符合条件的期限", en = "Time after a refusal" }
default = "90 days"
source = "local"

[parameters.injuries]
type = "list"
title = { zh = "重伤", en = "Grave injuries" }
default = ["serious_1", "serious_2"]
source = "LAW 1"

[parameters.since]
type = "date"
title = { zh = "起算日", en = "Since" }
default = 2020-01-01
source = "LAW 9"

[parameters.quoted_since]
type = "date"
title = { zh = "起算日", en = "Since" }
default = "2020-01-01"
source = "LAW 9"

[parameters.kind_of_case]
type = "text"
title = { zh = "案件类别", en = "Kind of case" }
default = "criminal"
source = "LAW 1"

[parameters.transfer_days]
type = "integer"
title = { zh = "移送工作日", en = "Days for the transfer" }

[[rule]]
id = "withhold_role"
on = "procuratorate.case-parties"
kind = "withhold"
when = "role NOT IN ('victim', 'witness')"
unknown = "yes"
title = { zh = "身份", en = "Role" }
cites = ["LAW 1"]
[[rule.case]]
row = { role = "suspect" }
outcome = "yes"

[[rule]]
id = "withhold_sealed"
on = "procuratorate.case-parties"
kind = "withhold"
when = "sealed"
unknown = "yes"
title = { zh = "封存", en = "Sealed" }
cites = ["LAW 1"]
[[rule.case]]
row = { sealed = true }
outcome = "yes"

[[rule]]
id = "withhold_deceased"
on = "procuratorate.case-parties"
kind = "withhold"
when = "deceased"
unknown = "no"
title = { zh = "死亡", en = "Deceased" }
cites = ["LAW 1"]
[[rule.case]]
row = { deceased = true }
outcome = "yes"

[[rule]]
id = "loss"
on = "procuratorate.case-parties"
kind = "ground"
when = '''
case_kind = kind_of_case -- 'not a text' of kind_of_case
AND (property_loss >= major_loss - change OR injury_level IN (injuries, 'slight_1')) /* since */
AND offence_on >= since AND offence_on >= quoted_since
'''
core = "property_loss >= major_loss"
unknown = "review"
title = { zh = "损失", en = "Loss" }
cites = ["LAW 4", "OLD 1"]
check = { zh = "核实", en = "Check" }
[[rule.case]]
row = { case_kind = "criminal", property_loss = 29999.5, offence_on = 2020-01-01 }
outcome = "yes"
[[rule.case]]
row = { case_kind = "criminal", property_loss = 29999, injury_level = "minor", offence_on = 2020-01-01 }
outcome = "no"

[[rule]]
id = "changed"
on = "procuratorate.case-parties"
kind = "status"
when = "changed_on >= as_of - INTERVAL '3' MONTH"
unknown = "no"
title = { zh = "变更", en = "Changed" }
cites = ["local"]
[[rule.case]]
row = {}
outcome = "no"

[[rule]]
id = "dibao_receiving"
on = "civil-affairs.assistance"
kind = "receiving"
when = "kind = 'dibao' AND status = 'active'"
unknown = "review"
title = { zh = "低保", en = "Dibao" }
cites = ["LAW 3"]
[[rule.case]]
row = { kind = "dibao", status = "active" }
outcome = "yes"

[[rule]]
id = "relief_recent"
on = "civil-affairs.assistance"
kind = "receiving"
when = "kind = 'temporary_relief' AND started_on >= as_of - relief_period"
unknown = "review"
title = { zh = "临时救助", en = "Temporary relief" }
cites = ["LAW 3"]
[[rule.case]]
row = { kind = "temporary_relief", started_on = 2026-04-01 }
outcome = "yes"

[[term]]
id = "hardship"
title = { zh = "困难", en = "Hardship" }
means = "dibao_receiving OR relief_recent"

[[term]]
id = "side"
title = { zh = "一侧", en = "Side" }
means = "loss AND (hardship OR loss)"

[[aid]]
id = "dibao"
direction = "to_social"
agency = "civil-affairs"
title = { zh = "低保", en = "Dibao" }
cites = ["LAW 3"]
requires = "side"
qualifies = "loss"
settled = "dibao_receiving AND NOT changed"
household = true
deadline = "transfer"

[[aid]]
id = "temporary_relief"
direction = "to_social"
agency = "civil-affairs"
title = { zh = "临时救助", en = "Temporary relief" }
cites = ["LAW 3"]
requires = "side"
qualifies = "loss"
settled = "relief_recent"
deadline = "transfer"

[[aid]]
id = "judicial_aid"
direction = "to_judicial"
agency = "procuratorate"
title = { zh = "司法救助", en = "Judicial aid" }
cites = ["LAW 2"]
requires = "loss"
qualifies = "hardship"
deadline = "reply"

[referrals]
on = "procuratorate.referrals"
aid = "aid"
state = "state"
since = "state_on"

[[referral_state]]
states = ["not_referred", "rights_explained", "other"]
suppresses = "never"
title = { zh = "未移送", en = "Not referred" }
cites = ["LAW 7"]

[[referral_state]]
id = "under_way"
states = [
  "transferred_in_advance", "awaiting_receipt", "received", "under_review", "eligible", "materials_needed",
  "person_told", "jurisdiction_transferred", "overdue", "follow_up_due", "aid_delivered", "followed_up", "closed",
  "confirmed", "returned", "withdrawn", "not_reachable", "declined", "dead", "duplicate", "moved_away",
  "income_over_line",
]
suppresses = "always"
title = { zh = "办理中", en = "Under way" }
cites = ["LAW 7"]

[[referral_state]]
id = "refused"
states = ["not_eligible", "not_suitable"]
suppresses = "refusal"
reopened_by = "changed"
title = { zh = "不符合条件", en = "Refused" }
cites = ["LAW 7"]

[[guarantee]]
id = "roles"
of = "role"
on = "procuratorate.case-parties"
rules = ["withhold_role"]
column = "role"
passes = ["victim", "witness"]
ages = [17, 40]
title = { zh = "身份", en = "Roles" }
cites = ["LAW 1"]
[[guarantee.case]]
row = { role = "suspect" }
withheld = true
[[guarantee.case]]
row = { role = "witness" }
withheld = false

[[guarantee]]
id = "seal"
of = "seal"
on = "procuratorate.case-parties"
rules = ["withhold_sealed"]
title = { zh = "封存", en = "Seal" }
cites = ["LAW 1"]
[[guarantee.case]]
row = { sealed = true }
withheld = true
[[guarantee.case]]
row = { sealed = false }
withheld = false

[[guarantee]]
id = "death"
of = "death"
on = "procuratorate.case-parties"
rules = ["withhold_deceased"]
title = { zh = "死亡", en = "Death" }
cites = ["LAW 1"]
[[guarantee.case]]
row = { deceased = true }
withheld = true
[[guarantee.case]]
row = { deceased = false }
withheld = false
""".replace('cites = ["local"]', 'cites = ["LAW 8"]')

# Adds, replaces, amends and drops parts, sets parameters both ways, widens.
PROVINCE = """
id = "province"
version = "2"
title = { zh = "省", en = "Province" }
extends = "nation.toml"

[[source]]
id = "PROV"
short = { zh = "省文件", en = "Province" }
title = { zh = "省文件", en = "The province's document" }

[[source]]
id = "LAW"
amend = true
because = "lists need a short title"
short = { zh = "法", en = "Law" }

[[agency]]
id = "civil-affairs"
replace = true
because = "its name"
name = { zh = "省民政厅", en = "Civil affairs of the province" }

[[agency]]
id = "education"
name = { zh = "教育厅", en = "Education" }

[parameters]
transfer_days = 7
major_loss = { value = 20000.5, source = "PROV 4" }
relief_period = "1 year"
injuries = ["serious_1"]

[parameters.oldest]
type = "integer"
title = { zh = "年龄", en = "Age" }
default = 60
source = "PROV 8"

[[rule]]
id = "loss"
amend = true
because = "article 4 of the province is narrower"
at_most = "review"
check = { zh = "一律由人核实", en = "A person checks" }
[[rule.case]]
row = { case_kind = "criminal", property_loss = 20001, offence_on = 2020-01-01 }
outcome = "indicated"

[[rule]]
id = "dibao_receiving"
replace = true
because = "tekun counts, too"
on = "civil-affairs.assistance"
kind = "receiving"
when = "kind IN ('dibao', 'tekun')"
unknown = "review"
title = { zh = "低保特困", en = "Dibao or tekun" }
cites = ["PROV 1"]
[[rule.case]]
row = { kind = "tekun" }
outcome = "yes"

[[rule]]
id = "old"
on = "procuratorate.case-parties"
kind = "status"
when = "age >= oldest"
unknown = "review"
title = { zh = "老年人", en = "Old" }
cites = ["PROV 8"]
[[rule.case]]
row = {}
age = 60
outcome = "yes"

[[rule]]
id = "withhold_witness"
on = "procuratorate.case-parties"
kind = "withhold"
when = "role = 'witness'"
unknown = "no"
title = { zh = "证人", en = "Witness" }
cites = ["PROV 1"]
[[rule.case]]
row = { role = "witness" }
outcome = "yes"

[[term]]
id = "hardship"
replace = true
because = "the elderly"
title = { zh = "困难", en = "Hardship" }
means = "dibao_receiving OR relief_recent OR old"

[[term]]
id = "both"
title = { zh = "兼有", en = "Both" }
means = "loss AND old"

[[aid]]
id = "judicial_aid"
amend = true
because = "the deadline for transfers counts"
deadline = "transfer"
settled = "both AND NOT old"

[[aid]]
id = "education_assistance"
direction = "to_social"
agency = "education"
title = { zh = "教育", en = "Education" }
cites = ["PROV 3"]
requires = "loss"
qualifies = "both OR old"
deadline = "transfer"

[[drop]]
aid = "temporary_relief"
because = "there is none"

[[drop]]
deadline = "reply"
because = "nothing uses it"

[[deadline]]
id = "transfer"
amend = true
because = "another article"
from = "issue"
cites = ["PROV 5"]

[[deadline]]
id = "visit"
replace = true
because = "the province has no number"
title = { zh = "回访", en = "Visit" }
unset = { zh = "省文件未定", en = "The province's document has no number" }
cites = ["PROV 5"]

[[referral_state]]
id = "refused"
amend = true
because = "no period"
suppresses = "always"

[[referral_state]]
id = "under_way"
replace = true
because = "what is closed counts no longer"
states = [
  "transferred_in_advance", "awaiting_receipt", "received", "under_review", "eligible", "materials_needed",
  "person_told", "jurisdiction_transferred", "overdue", "follow_up_due", "confirmed", "returned", "withdrawn",
  "not_reachable", "declined", "dead", "duplicate", "moved_away", "income_over_line",
]
suppresses = "always"
title = { zh = "办理中", en = "Under way" }
cites = ["PROV 7"]

[[referral_state]]
states = ["aid_delivered", "followed_up", "closed"]
suppresses = "relief_period"
title = { zh = "已救助", en = "Delivered" }
cites = ["PROV 7"]

[[widen]]
guarantee = "roles"
because = "witnesses are not helped"
rules = ["withhold_witness"]
passes_no_longer = ["witness"]
ages = [9]
[[widen.case]]
row = { role = "witness" }
withheld = true
[[widen.case]]
row = { role = "victim" }
withheld = false

[[widen]]
guarantee = "seal"
because = "a further case"
[[widen.case]]
row = {}
withheld = true
"""

# Changes what the layers below changed, and is silent of the rest.
COUNTY = """
id = "county"
version = "3"
title = { zh = "县", en = "County" }
extends = "../province.toml"

[parameters]
oldest = 65
change = -2
since = 2021-02-03
quoted_since = "2021-02-03"
kind_of_case = { value = "civil" }
transfer_days = { value = 3, source = "LAW 10" }

[[rule]]
id = "loss"
amend = true
because = "the county's own words"
title = { zh = "县内损失", en = "Loss in the county" }
core = "case_kind = kind_of_case"
[[rule.case]]
row = {}
outcome = "unknown"

[[source]]
id = "OLD"
amend = true
because = "its title"
title = { zh = "旧", en = "Old" }

[[term]]
id = "both"
amend = true
because = "wider"
means = "loss OR old"

[[aid]]
id = "dibao"
amend = true
because = "by person"
household = false

[[drop]]
aid = "education_assistance"
because = "the city gives it"

[[drop]]
agency = "education"
because = "no aid of its own"

[[widen]]
guarantee = "roles"
because = "another age"
ages = [80]

[referrals]
amend = true
because = "the same column, said again"
since = "state_on"
"""


def layer_on_top_of(path, policies):
    """Returns a layer that changes a policy of which only the form is known. The program knows the policies of the
    project by name, others by path."""
    below = policy_layers.read(path, policies)
    extends = path.stem if policies == ROOT / "policies" else path.resolve()
    text = f'id = "on-{path.stem}"\nversion = "9"\ntitle = {{ zh = "层", en = "Layer" }}\nextends = "{extends}"\n'
    text += '[[source]]\nid = "LAYER"\ntitle = { zh = "层", en = "Layer" }\n'
    for kind in ("source", "agency", "deadline", "term", "aid"):
        title = "name" if kind == "agency" else "title"
        for part in below.get(kind, [])[::2]:
            text += f'[[{kind}]]\nid = "{part["id"]}"\namend = true\nbecause = "other words"\n'
            text += f'{title} = {{ zh = "新", en = "New" }}\n'
    for guarantee in below["guarantee"]:
        if guarantee["of"] == "role":
            text += f'[[widen]]\nguarantee = "{guarantee["id"]}"\nbecause = "an age"\nages = [9]\n'
    used = " ".join(
        part.get(key, "")
        for kind, keys in (("aid", ("requires", "qualifies", "settled")), ("term", ("means",)))
        for part in below.get(kind, [])
        for key in keys
    )
    ended = {entry.get("reopened_by") for entry in below.get("referral_state", [])}
    of_guarantees = {rule for guarantee in below["guarantee"] for rule in guarantee["rules"]}
    for rule in below["rule"]:
        if rule["id"] not in {*re.findall(r"\w+", used), *ended, *of_guarantees}:
            text += f'[[drop]]\nrule = "{rule["id"]}"\nbecause = "a test"\n'
    numbers = {name: it["value"] for name, it in below.get("parameters", {}).items() if it["type"] == "amount"}
    if numbers:
        text += "[parameters]\n" + "".join(f"{name} = {value + 1}\n" for name, value in numbers.items())
    return text


class Program:
    def __init__(self, path):
        self.path = path

    def json(self, *words):
        command = [self.path, "policy", *map(str, words), "--schemas", ROOT / "schemas", "--lang", "en", "--json"]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"aidlink policy {words[0]}: exit code {done.returncode}\n{done.stderr}")
        return json.loads(done.stdout)


def shown(value):
    """Returns a parameter's value as the program shows it."""
    match value:
        case list():
            return ", ".join(map(shown, value))
        case float() if value == int(value):
            return str(int(value))
        case _:
            return str(value)


def rules_in(policy, text):
    """Returns the ids of the rules that an expression rests on, its terms put in."""
    means = {term["id"]: term["means"] for term in policy.get("term", [])}
    found, left = set(), [text]
    while left:
        for word in re.findall(r"\w+", left.pop()):
            if word in means:
                left.append(means[word])
            elif word.upper() not in ("AND", "OR", "NOT"):
                found.add(word)
    return found


def expected_parts(policy):
    """Yields each part that `policy explain` shows, as far as the policy alone says it."""
    parameters = policy.get("parameters", {})
    for rule in policy["rule"]:
        named = set(policy_layers.PIECE.findall(rule["when"] + "\n" + rule.get("core", "")))
        yield {
            "part": "rule",
            "id": rule["id"],
            "title": rule["title"],
            "cites": rule["cites"],
            "on": rule["on"],
            "when": rule["when"],
            "core": rule.get("core"),
            "at_most": rule.get("at_most"),
            "check": rule.get("check"),
            "parameters": sorted([name, shown(parameters[name]["value"])] for name in named & parameters.keys()),
        }
    for term in policy.get("term", []):
        rests_on = sorted(rules_in(policy, term["means"]))
        yield {"part": "term"} | {key: term[key] for key in ("id", "title", "means")} | {"rests_on": rests_on}
    for aid in policy["aid"]:
        same = {key: aid[key] for key in ("id", "title", "agency", "cites", "requires", "qualifies", "deadline")}
        rests_on = sorted(rules_in(policy, f"{aid['requires']} {aid['qualifies']}"))
        yield {"part": "aid"} | same | {"settled": aid.get("settled"), "rests_on": rests_on}
    for guarantee in policy["guarantee"]:
        same = {key: guarantee[key] for key in ("id", "title", "cites", "on")}
        more = {"withheld_by": guarantee["rules"], "cases": len(guarantee["case"])}
        yield {"part": "guarantee"} | same | more
    for name, parameter in parameters.items():
        last = {"value": shown(parameter["value"]), "source": parameter["source"]}
        yield {"part": "parameter", "id": name, "title": parameter["title"], "type": parameter["type"], "values": last}


def as_expected(found):
    """Brings a part as the program tells it into the form of `expected_parts`."""
    found = dict(found)
    match found["part"]:
        case "rule":
            found["parameters"] = sorted(list(pair) for pair in found.get("parameters", []))
        case "parameter":
            found["values"] = found["values"][-1]
    return found


def compare(program, path, policies, each):
    """Prints what differs between the two readings of a policy, and returns whether anything does. Rules and terms are
    asked for one by one, which takes long, if `each`; the digest is of them, too."""
    policy = policy_layers.read(path, policies)
    checked = program.json("check", path)
    different = []

    def check(what, ours, theirs):
        # The program shows expressions without the white space around them.
        if isinstance(ours, str) and isinstance(theirs, str):
            ours, theirs = ours.strip(), theirs.strip()
        if isinstance(ours, list) and isinstance(theirs, list):
            # Of long lists only what one side has alone.
            alone = [[item for item in one if item not in other] for one, other in ((ours, theirs), (theirs, ours))]
            ours, theirs = alone if any(alone) else (ours, theirs)
        if ours != theirs:
            different.append(f"{what}\n    here:    {ours}\n    program: {theirs}")

    check("digest", blake3(policy_layers.canonical(policy)).hexdigest(), checked["blake3"])
    for key in ("id", "version"):
        check(key, policy[key], checked[key])
    for key, kind in (("rules", "rule"), ("terms", "term"), ("aids", "aid"), ("guarantees", "guarantee")):
        made = referral_rules(policy) if kind == "rule" else 0
        check(f"number of {key}", len(policy.get(kind, [])) + made, checked[key])
    parts = [part for part in expected_parts(policy) if each or part["part"] not in ("rule", "term")]
    at_once = {(part["part"], part["id"]): part for part in program.json("explain", path)}
    for part in parts:
        key = part["part"], part["id"]
        [found] = [at_once[key]] if key in at_once else program.json("explain", path, "--id", part["id"])
        found = as_expected(found)
        for key, value in part.items():
            check(f"{part['part']} {part['id']}, {key}", value, found.get(key))
    print(f"{path}: {len(parts)} parts, {len(different)} differ")
    for words in different:
        print(f"  {words}")
    return bool(different)


def referral_rules(policy):
    """Returns how many rules are made from [[referral_state]]: for each aid one, and one for each rule that reopens."""
    made = 0
    for aid in policy["aid"]:
        entries = [
            entry
            for entry in policy.get("referral_state", [])
            if entry["suppresses"] != "never" and aid["id"] in entry.get("aids", [aid["id"]])
        ]
        made += len({entry.get("reopened_by") for entry in entries})
    return made


def described(policy):
    """Returns what a policy says of each part, by kind and id."""
    parts = {}
    for kind in ("source", "agency", "deadline", "term", "guarantee", "aid", "rule"):
        for part in policy.get(kind, []):
            parts[kind, part["id"]] = {key: value for key, value in part.items() if key != "case"}
    for name, parameter in policy.get("parameters", {}).items():
        parts["parameters", name] = {"value": parameter["value"], "source": parameter["source"]}
    return parts


def compare_differences(program, one, other, policies):
    """Prints the parts that differ between two policies by one reading alone; returns whether there are any."""
    before, after = (described(policy_layers.read(path, policies)) for path in (one, other))
    ours = {
        key: "added" if key not in before else "removed" if key not in after else "changed"
        for key in before.keys() | after.keys()
        if before.get(key) != after.get(key)
    }
    theirs = {(part["kind"], part["id"]): part["what"] for part in program.json("diff", one, other)}
    different = {key: what for key, what in ours.items() if theirs.get(key) != what}
    # These the program also tells when only a parameter, a deadline or a state that they name differs.
    by_name = {"rule", "aid", "deadline", "referral_state", "policy", "referral"}
    different |= {key: what for key, what in theirs.items() if key not in ours and key[0] not in by_name}
    print(f"{one} -> {other}: {len(ours)} parts differ, {len(different)} by one reading alone")
    for (kind, id), what in different.items():
        print(f"  {kind} {id}: {what}")
    return bool(different)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("program")
    parser.add_argument("--policies", type=Path, default=ROOT / "policies")
    arguments = parser.parse_args()
    shipped = sorted(arguments.policies.glob("*.toml"))
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        program = Program(arguments.program)
        (folder / "below").mkdir()
        own = {"nation.toml": NATION, "province.toml": PROVINCE, "below/county.toml": COUNTY}
        own |= {f"on-{path.stem}.toml": layer_on_top_of(path, arguments.policies) for path in shipped}
        for name, text in own.items():
            (folder / name).write_text(text, "utf-8")
        # A nation's policy is whole only with a layer that sets `transfer_days`.
        paths = [*shipped, *(folder / name for name in own if name != "nation.toml")]
        different = [compare(program, path, arguments.policies, path.stem in ("province", "county")) for path in paths]
        pairs = [(path, folder / f"on-{path.stem}.toml") for path in shipped]
        pairs += [(folder / "province.toml", folder / "below/county.toml"), *zip(shipped, shipped[1:])]
        different += [compare_differences(program, *pair, arguments.policies) for pair in pairs]
    sys.exit(any(different))


if __name__ == "__main__":
    main()
