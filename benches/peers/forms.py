"""Writes registers as offices send them, and reads these files in DuckDB.

A register is a CSV file of `aidlink sample --dirt none`. Its forms:

csv      the file as it is
gb18030  in GB18030, as Excel in Chinese saves CSV
xlsx     a workbook for each district, of at most ROWS_PER_WORKBOOK rows
narrow   without every second column that rules need
"""

import csv
import itertools
import subprocess

import fastexcel
import xlsxwriter

import policy_sql

FORMS = ("csv", "gb18030", "xlsx", "narrow")
ROWS_PER_WORKBOOK = 60_000


def write(form, round_, export, place):
    """Writes the register in a form to a folder. Returns its files."""
    if form == "csv":
        return [export.path]
    if form == "gb18030":
        file = place / f"{export.schema}.gb18030.csv"
        with open(export.path, encoding="utf-8-sig", newline="") as rows, \
                open(file, "w", encoding="gb18030", newline="") as out:
            for part in iter(lambda: rows.read(1 << 22), ""):
                out.write(part)
        return [file]
    with open(export.path, encoding="utf-8-sig", newline="") as file:
        rows = csv.reader(file)
        header = next(rows)
        if form == "narrow":
            return [write_narrow(round_, export, header, rows, place)]
        return list(write_workbooks(export, header, rows, place))


def write_narrow(round_, export, header, rows, place):
    needed = [field["name"] for field in round_.columns_needed(export.schema) if field["name"] in header]
    kept = [at for at, name in enumerate(header) if name not in needed[1::2]]
    file = place / f"{export.schema}.narrow.csv"
    with open(file, "w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        for row in itertools.chain([header], rows):
            writer.writerow([row[at] for at in kept])
    return file


def write_workbooks(export, header, rows, place):
    for number in itertools.count(1):
        part = list(itertools.islice(rows, ROWS_PER_WORKBOOK))
        if not part:
            return
        file = place / f"{export.schema}.{number}.xlsx"
        with xlsxwriter.Workbook(file, {"constant_memory": True}) as workbook:
            sheet = workbook.add_worksheet()
            for at, row in enumerate(itertools.chain([header], part)):
                for column, cell in enumerate(row):
                    if cell:
                        sheet.write_string(at, column, cell)
        yield file


def rows_in_duckdb(connection, form, files, place):
    """Returns the SQL of a register's rows as texts. DuckDB has no GB18030 of its own, so `iconv`
    comes first; workbooks are read by fastexcel."""
    if form == "xlsx":
        for at, file in enumerate(files):
            sheet = fastexcel.read_excel(file).load_sheet(0, dtypes="string")
            connection.register(f"sheet{at}", sheet)
        union = " UNION ALL BY NAME ".join(f"SELECT * FROM sheet{at}" for at in range(len(files)))
        return f"({union})"
    [file] = files
    if form == "gb18030":
        utf8 = place / "utf8.csv"
        with open(utf8, "wb") as out:
            subprocess.run(["iconv", "-f", "GB18030", "-t", "UTF-8", file], stdout=out, check=True)
        file = utf8
    return f"""read_csv({policy_sql.text(file)}, header = true, delim = ',', quote = '"',
    escape = '"', all_varchar = true)"""
