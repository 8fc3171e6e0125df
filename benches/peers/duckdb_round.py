"""Runs a round in DuckDB: python duckdb_round.py ROUND_DIR [--check-ids] [--leads]"""

import argparse
import json
import time

import duckdb

import policy_sql


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("round_dir")
    arguments.add_argument("--check-ids", action="store_true", help="leave out rows whose check digit is wrong")
    arguments.add_argument("--leads", action="store_true", help="list the leads too")
    arguments = arguments.parse_args()
    started = time.perf_counter()
    round_ = policy_sql.Round(arguments.round_dir, policy_sql.SHOWN if arguments.leads else [])
    *steps, leads, matched = policy_sql.statements(round_, arguments.check_ids)
    connection = duckdb.connect()
    for step in steps:
        connection.execute(step)
    counts = iter(connection.execute(leads).fetchone())
    rows = dict(connection.execute(matched).fetchall())
    result = {
        "leads_by_aid": {
            aid.id: {grade: next(counts) for grade in policy_sql.GRADES.values()} for aid in round_.aids
        },
        "matched_rows": {export.schema: rows[export.schema] for export in round_.registers},
        "seconds": round(time.perf_counter() - started, 3),
    }
    if arguments.leads:
        listed = connection.execute(policy_sql.leads_shown(round_)).fetchall()
        result["leads"] = sorted(policy_sql.lead(*row) for row in listed)
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
