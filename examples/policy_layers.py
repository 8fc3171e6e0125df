"""Reads a policy with the policies below it, without aidlink, as docs/formats.md (section 5) describes them. Needs
Python 3.11 or later and nothing else. For those who want to use a policy in a program of their own.

    python3 examples/policy_layers.py POLICY                # the merged policy as JSON, with its parameters
    python3 examples/policy_layers.py POLICY --literals     # parameters as values in conditions and periods
    python3 examples/policy_layers.py POLICY --canonical | b3sum --no-names    # the policy's digest

POLICY is a file, or the name of a policy in the folder `policies` of the project (`--policies` names another one).
Layers that the script cannot put together end it with a message and exit code 2; it is not a check of a policy, which
`aidlink policy check` is.

As a module: `read(path)` returns the merged policy, a dict as tomllib gives it, `with_literals(policy)` a copy whose
conditions name no parameter, `canonical(policy)` the bytes of which the digest is.
"""

import argparse
import copy
import datetime as dt
import json
import re
import sys
import tomllib
from pathlib import Path

SHIPPED = Path(__file__).resolve().parents[1] / "policies"
MOST_LAYERS = 8
# The tables whose entries a layer may replace, amend and drop by their ids.
PARTS = ("source", "agency", "deadline", "rule", "term", "aid", "referral_state")
# What a layer says of the layer below it, and the merged policy does not.
OF_A_LAYER = ("replace", "amend", "because")
# A text, a comment or a word of a condition.
PIECE = re.compile(r"'(?:[^']|'')*'|--[^\n]*|/\*.*?\*/|[A-Za-z_]\w*", re.DOTALL)
PERIOD = re.compile(r"(\d+) +(day|month|year)s?")


class PolicyError(Exception):
    """Layers that cannot be put together. The message names the file and the part."""


def read(policy, policies=SHIPPED):
    """Returns the merged policy. `policy` is a path or the name of a policy in the folder `policies`.
    `parameters` maps each name to `title`, `type`, `value` and `source`. Raises PolicyError."""
    path = Path(policy)
    layers = read_layers(path if path.is_file() else named(str(policy), Path(), policies), Path(policies))
    merged = {}
    for path, layer in reversed(layers):
        merged = put_on_top(merged, copy.deepcopy(layer), path)
    for name, parameter in merged.get("parameters", {}).items():
        if "value" not in parameter:
            raise PolicyError(f"{layers[0][0]}: no layer sets the parameter `{name}`")
    return merged


def named(name, beside, policies):
    """Returns the file that `extends` names: a path has a `/` or ends in `.toml`, and is seen from its own file."""
    if "/" in name or name.endswith(".toml"):
        return beside / name
    return Path(policies) / f"{name}.toml"


def read_layers(path, policies):
    """Returns path and tables of each layer, the highest first. A finished round has copies in `NAME.layers` beside
    `NAME.toml`, which count before what `extends` names."""
    copies = path.parent / f"{path.stem}.layers"
    layers = []
    while True:
        if len(layers) == MOST_LAYERS:
            raise PolicyError(f"{path}: a policy has at most {MOST_LAYERS} layers")
        try:
            layer = tomllib.loads(path.read_text("utf-8-sig"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise PolicyError(f"{path}: {error}") from error
        layers.append((path, layer))
        if "extends" not in layer:
            return layers
        kept = copies / f"{len(layers)}.toml"
        path = kept if kept.is_file() else named(layer["extends"], path.parent, policies)


def put_on_top(below, layer, path):
    """Returns the policy `below` changed by a layer. The lowest layer is put on top of an empty policy."""

    def refuse(words):
        raise PolicyError(f"{path}: {words}")

    merged = {**below, **{key: layer[key] for key in ("id", "version", "title")}}
    guaranteed = {rule for guarantee in below.get("guarantee", []) for rule in guarantee["rules"]}

    def changed(kind, id, how):
        """Returns the position of a part below, which this layer replaces, amends or drops."""
        if kind == "guarantee" or kind == "rule" and id in guaranteed:
            refuse(f"{kind} `{id}` cannot be {how}: guarantees can only be widened")
        places = [place for place, part in enumerate(merged.get(kind, [])) if part.get("id") == id]
        if not places:
            refuse(f"{kind} `{id}` is {how}, but no policy below has it")
        return places[0]

    def reason(part, what):
        if not str(part.get("because", "")).strip():
            refuse(f"{what}: `because` gives no reason")

    for drop in layer.pop("drop", []):
        reason(drop, "[[drop]]")
        [(kind, id)] = [(key, value) for key, value in drop.items() if key != "because"]
        place = changed(kind, id, "dropped")
        merged[kind] = merged[kind][:place] + merged[kind][place + 1 :]

    for kind in PARTS:
        for part in layer.pop(kind, []):
            id, replaces, amends = part.get("id"), part.pop("replace", False), part.pop("amend", False)
            entries = list(merged.get(kind, []))
            if replaces or amends:
                reason(part, f"{kind} `{id}`")
                del part["because"]
                place = changed(kind, id, "replaced or amended")
                entries[place] = part if replaces else {**entries[place], **part}
            elif id is not None and id in [entry.get("id") for entry in entries]:
                refuse(f"the {kind} `{id}` is there already")
            else:
                entries.append(part)
            merged[kind] = entries

    if "referrals" in layer:
        referrals = layer.pop("referrals")
        replaces, amends = referrals.pop("replace", False), referrals.pop("amend", False)
        if (replaces or amends) != ("referrals" in below):
            refuse("[referrals] is there already, or is not there to be changed")
        if replaces or amends:
            reason(referrals, "[referrals]")
            del referrals["because"]
        merged["referrals"] = {**below["referrals"], **referrals} if amends else referrals

    guarantees = {guarantee["id"]: guarantee for guarantee in below.get("guarantee", [])}
    for guarantee in layer.pop("guarantee", []):
        if guarantee["id"] in guarantees or set(OF_A_LAYER) & guarantee.keys():
            changed("guarantee", guarantee["id"], "replaced or amended")
        guarantees[guarantee["id"]] = guarantee
    for widening in layer.pop("widen", []):
        reason(widening, "[[widen]]")
        id = widening["guarantee"]
        if id not in guarantees:
            refuse(f"the guarantee `{id}` is widened, but no policy below has it")
        guarantees[id] = widened(guarantees[id], widening)
    if guarantees:
        merged["guarantee"] = list(guarantees.values())

    parameters = {**below.get("parameters", {})}
    for name, setting in layer.pop("parameters", {}).items():
        parameters[name] = set_parameter(parameters.get(name), setting)
        if parameters[name] is None:
            refuse(f"the parameter `{name}` is set and not declared, or declared twice")
    if parameters:
        merged["parameters"] = parameters

    for key in ("id", "version", "title", "extends"):
        layer.pop(key, None)
    if layer:
        refuse(f"unknown keys: {', '.join(sorted(layer))}")
    return merged


def widened(guarantee, widening):
    """Returns a guarantee with what a layer adds to it."""
    guarantee = copy.deepcopy(guarantee)
    guarantee["rules"] += widening.get("rules", [])
    if "ages" in widening:
        guarantee["ages"] = guarantee.get("ages", []) + widening["ages"]
    no_longer = widening.get("passes_no_longer", [])
    if no_longer:
        guarantee["passes"] = [code for code in guarantee["passes"] if code not in no_longer]
    cases = widening.get("case", [])
    if any(not case["withheld"] for case in cases):
        guarantee["case"] = [case for case in guarantee["case"] if case["withheld"]]
    guarantee["case"] = guarantee["case"] + cases
    return guarantee


def set_parameter(below, setting):
    """Returns a parameter as a layer declares or sets it; None if it does neither as it should."""
    if isinstance(setting, dict) and "type" in setting:
        if below is not None:
            return None
        declared = {"type": setting["type"], "title": setting["title"]}
        if "default" in setting:
            declared |= {"value": setting["default"], "source": setting.get("source", "local")}
        return declared
    if below is None:
        return None
    if isinstance(setting, dict):
        return below | {"value": setting["value"], "source": setting.get("source", "local")}
    return below | {"value": setting, "source": "local"}


def with_literals(policy):
    """Returns a copy of a merged policy in which `when`, `core`, `working_days`, `suppresses` and `lapses_on` have the
    values of parameters in place of their names."""
    policy = copy.deepcopy(policy)
    parameters = policy.get("parameters", {})
    literals = {name: literal(parameter["type"], parameter["value"]) for name, parameter in parameters.items()}

    def put_in(condition):
        def piece(match):
            return literals.get(match[0], match[0])

        return PIECE.sub(piece, condition)

    for rule in policy.get("rule", []):
        for key in ("when", "core"):
            if key in rule:
                rule[key] = put_in(rule[key])
    for kind, key in (
        ("deadline", "working_days"), ("referral_state", "suppresses"), ("referral_state", "lapses_on"),
    ):
        for entry in policy.get(kind, []):
            if isinstance(entry.get(key), str) and entry[key] in parameters:
                entry[key] = parameters[entry[key]]["value"]
    return policy


def literal(kind, value):
    """Returns a parameter's value as the rule language writes it."""
    if kind == "period":
        count, unit = PERIOD.fullmatch(value).groups()
        return f"INTERVAL '{count}' {unit.upper()}"
    if kind == "list":
        return ", ".join(literal("date" if isinstance(one, dt.date) else "text", one) for one in value)
    if kind == "date":
        return f"DATE '{value}'"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    # The space keeps two minus signs from being a comment.
    return f" {value}" if value < 0 else str(value)


def canonical(policy):
    """Returns the JSON of a merged policy of which its digest is, in UTF-8."""
    document = {"format": "aidlink-policy", "policy": policy, "version": 1}
    # Python sorts texts by code point, which is the order of their bytes in UTF-8.
    text = json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=str)
    return text.encode()


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("policy")
    parser.add_argument("--policies", type=Path, default=SHIPPED)
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--literals", action="store_true")
    form.add_argument("--canonical", action="store_true")
    arguments = parser.parse_args()
    try:
        policy = read(arguments.policy, arguments.policies)
    except PolicyError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    if arguments.canonical:
        sys.stdout.buffer.write(canonical(policy))
        return
    policy = with_literals(policy) if arguments.literals else policy
    print(json.dumps(policy, ensure_ascii=False, indent=2, default=str))


if __name__ == "__main__":
    main()
