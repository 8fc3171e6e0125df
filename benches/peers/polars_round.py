"""Runs a round in Polars: python polars_round.py ROUND_DIR [--hash polars-hash] [--check-ids] [--leads]"""

import argparse
import hashlib
import json
import time

import polars as pl

from policy_sql import CASES, CHECK_WEIGHTS, GRADES, INDICATED, NO, SALT, SHOWN, UNKNOWN, YES
from policy_sql import Round, best_case, lead


def hashlib_tokens(ids):
    """Hashes a batch of IDs, each from a copy of the salted state."""
    copy = hashlib.sha256(SALT.encode()).copy
    digests = []
    for national_id in ids.cast(pl.Binary).to_list():
        if national_id is None:
            digests.append(None)
            continue
        state = copy()
        state.update(national_id)
        digests.append(state.digest())
    return pl.Series(digests, dtype=pl.Binary)


def token(hash_with):
    national_id = pl.col("national_id")
    if hash_with == "hashlib":
        return national_id.map_batches(hashlib_tokens, return_dtype=pl.Binary, is_elementwise=True)
    import polars_hash  # noqa: F401, adds `chash` to expressions

    return pl.concat_str(pl.lit(SALT), national_id).chash.sha2_256()


def scan(round_, export, options):
    """Reads the needed columns of a file as text and hashes every ID once."""
    needed = [
        field["name"]
        for field in round_.columns_needed(export.schema)
        if field["name"] in export.header
    ]
    rows = pl.scan_csv(export.path, infer_schema=False).select("national_id", *needed)
    if options.check_ids:
        rows = rows.filter(valid_id())
    return rows.with_columns(token(options.hash).alias("token"))


def valid_id():
    """Whether the ID has eighteen characters and a correct check digit (ISO 7064 MOD 11-2)."""
    national_id = pl.col("national_id")
    digits = national_id.str.slice(0, 17).cast(pl.Int64, strict=False)
    weighted = sum(weight * (digits // 10**place % 10) for place, weight in enumerate(CHECK_WEIGHTS))
    fits = pl.lit("10X98765432").str.slice(weighted % 11, 1) == national_id.str.slice(17, 1)
    return (national_id.str.len_bytes() == 18) & fits


def typed(field, present):
    """Converts a text column to its type; unreadable cells become null."""
    column, kind = pl.col(field["name"]), field["type"]
    if not present:
        dtype = {"boolean": pl.Boolean, "date": pl.Date, "string": pl.String}.get(kind, pl.Float64)
        return pl.lit(None, dtype).alias(field["name"])
    if kind == "boolean":
        yes, no = column.is_in(field["trueValues"]), column.is_in(field["falseValues"])
        return pl.when(yes).then(True).when(no).then(False).alias(field["name"])
    if kind == "date":
        return column.str.to_date("%Y-%m-%d", strict=False)
    if kind in ("integer", "number"):
        return column.cast(pl.Float64, strict=False)
    codes = field.get("constraints", {}).get("enum")
    return pl.when(column.is_in(codes)).then(column) if codes else column


def typed_row(round_, schema, header):
    """Returns the columns that rules may name: those of the export and those derived from the ID."""
    national_id = pl.col("national_id")
    today = int(round_.as_of.strftime("%Y%m%d"))
    age = (today - national_id.str.slice(6, 8).cast(pl.Int32, strict=False)) // 10000
    odd = national_id.str.slice(16, 1).cast(pl.Int32, strict=False) % 2 == 1
    columns = [typed(field, field["name"] in header) for field in round_.columns_needed(schema)]
    derived = {
        "age": age,
        "minor": age < 18,
        "sex": pl.when(odd).then(pl.lit("male")).otherwise(pl.lit("female")),
        "as_of": pl.lit(round_.as_of),
    }
    return columns + [expression.alias(column) for column, expression in derived.items()]


def number(outcome):
    return pl.lit(outcome, pl.UInt8)


def outcome(rule):
    when = pl.sql_expr(rule.when)
    outcome = pl.when(when).then(number(rule.if_yes)).when(~when).then(number(NO))
    if rule.core:
        outcome = outcome.when(pl.sql_expr(rule.core)).then(number(INDICATED))
    return outcome.otherwise(number(rule.if_unknown)).alias(rule.id)


def combined(combination):
    """Returns the outcome of a combination of rules."""
    match combination:
        case ("AND", one, other):
            return pl.min_horizontal(combined(one), combined(other))
        case ("OR", one, other):
            return pl.max_horizontal(combined(one), combined(other))
        case ("NOT", one):
            one = combined(one)
            turned = pl.when(one == NO).then(number(YES)).when(one == YES).then(number(NO))
            return turned.otherwise(number(UNKNOWN))
        case str(rule):
            return pl.col(rule)
        case constant:
            return number(constant)


def grade(requires, qualifies):
    """Returns the grade that the two sides of an aid give."""
    requires, qualifies = combined(requires), combined(qualifies)
    lesser, greater = pl.min_horizontal(requires, qualifies), pl.max_horizontal(requires, qualifies)
    graded = pl.when(lesser == YES).then(number(2))
    return graded.when((lesser > NO) & (greater >= INDICATED)).then(number(1)).otherwise(number(0))


def outcomes(round_, export, rows):
    """Returns the rows that are not withheld, as a token and an outcome for each rule."""
    rows = rows.select("token", *typed_row(round_, export.schema, export.header))
    for rule in round_.withhold_rules(export.schema):
        rows = rows.filter(outcome(rule) != YES)
    shown = round_.shown if export.schema == CASES else []
    return rows.select("token", *shown, *map(outcome, round_.outcome_rules(export.schema)))


def persons(round_, export, parties, options):
    """Returns the outcomes of case parties, the greatest over the rows of a person."""
    hits = scan(round_, export, options).join(parties, on="token", how="semi")
    hits = hits.collect(engine="streaming").lazy()
    rules = [rule.id for rule in round_.outcome_rules(export.schema)]
    return (
        outcomes(round_, export, hits)
        .group_by("token")
        .agg(pl.len().alias("matched_rows"), pl.col(rules).max())
        .collect()
    )


def run(round_, options):
    """Returns the leads as a frame of token, grade, columns shown and aid, and the matched rows of each register."""
    cases = outcomes(round_, round_.exports[CASES], scan(round_, round_.exports[CASES], options))
    cases = cases.filter(
        pl.any_horizontal(grade(*best_case(round_, aid)) > 0 for aid in round_.aids)
    ).collect()
    parties = cases.lazy().select("token").unique()
    joined, matched = cases.lazy(), {}
    for rule in round_.rules:
        if rule.on not in round_.exports and not rule.withhold:
            joined = joined.with_columns(number(NO).alias(rule.id))
    for export in round_.registers:
        person = persons(round_, export, parties, options)
        matched[export.schema] = int(person["matched_rows"].sum())
        person = person.lazy().drop("matched_rows")
        # For persons who are not in a register, all its outcomes are no.
        rules = [rule.id for rule in round_.outcome_rules(export.schema)]
        joined = joined.join(person, on="token", how="left").with_columns(pl.col(rules).fill_null(NO))
    joined = joined.collect()
    # The best grade of a person's case rows counts.
    leads = [
        joined.filter((combined(aid.settled) != YES) & (combined(aid.referred) != YES))
        .with_columns(grade(aid.requires, aid.qualifies).alias("grade"))
        .filter(pl.col("grade") > 0)
        .group_by("token")
        .agg(pl.col("grade").max(), *(pl.col(column).unique() for column in round_.shown))
        .with_columns(pl.lit(aid.id).alias("aid"))
        for aid in round_.aids
    ]
    return pl.concat(leads), matched


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("round_dir")
    arguments.add_argument("--hash", choices=["hashlib", "polars-hash"], default="hashlib")
    arguments.add_argument("--check-ids", action="store_true", help="leave out rows whose check digit is wrong")
    arguments.add_argument("--leads", action="store_true", help="list the leads too")
    arguments = arguments.parse_args()
    started = time.perf_counter()
    round_ = Round(arguments.round_dir, SHOWN if arguments.leads else [])
    leads, matched = run(round_, arguments)
    counts = {(aid, grade): count for aid, grade, count in leads.group_by("aid", "grade").len().iter_rows()}
    result = {
        "leads_by_aid": {
            aid.id: {grade: counts.get((aid.id, number), 0) for number, grade in GRADES.items()}
            for aid in round_.aids
        },
        "matched_rows": matched,
        "seconds": round(time.perf_counter() - started, 3),
    }
    if arguments.leads:
        result["leads"] = sorted(lead(*row) for row in leads.select("aid", "grade", *SHOWN).iter_rows())
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
