"""Makes the filled lists in this folder: review workbooks and lists of a round made by hand,
filled in as people do, and saved by the programs that people use.

    python3 tests/files/filled/make.py

It needs openpyxl and LibreOffice (`soffice`). All persons are synthetic.

    issued.xlsx, leads.csv  some leads of the hand-made round as its workbook issued them, under a
                            key of their own; number, person, name, case and aid of each
    story.csv, messy.csv    what is filled in: of each lead what must be taken in, or `refused`
    story.xlsx              saved by openpyxl, which writes as Excel does
    story-*.xlsx .xls .ods  saved by LibreOffice
    persons-*.csv           the sheet of persons, saved by LibreOffice in other encodings
    messy.xlsx, messy.ods   columns reordered, added and removed, rows sorted, hidden, doubled
                            and deleted, the header moved down and repeated, sheets renamed and
                            added, cells merged and turned into other types
"""

import csv
import datetime
import pathlib
import shutil
import subprocess
import tempfile

import openpyxl

HERE = pathlib.Path(__file__).resolve().parent
FILL_IN = ["核查结论", "理由", "备注", "核查人", "核查日期"]
NUMBER, PERSON, NAME = "线索编号", "人员编号", "姓名"
HEADER_ROW = 2


def columns(sheet) -> dict[str, int]:
    return {cell.value: cell.column for cell in sheet[HEADER_ROW] if cell.value}


def issued():
    """Returns the workbook as it was issued, and the numbers of its persons."""
    with (HERE / "leads.csv").open(encoding="utf-8", newline="") as file:
        kept = {row["lead_number"]: row["person_number"] for row in csv.DictReader(file)}
    book = openpyxl.load_workbook(HERE / "issued.xlsx")
    found = {number for leads in leads_of(book).values() for number in leads}
    assert found == set(kept), found ^ set(kept)
    return book, list(dict.fromkeys(kept.values()))


def rows_of(sheet):
    """Returns row numbers by the number in the first column of numbers."""
    at = columns(sheet)
    column = at.get(PERSON) or at.get(NUMBER)
    return {
        sheet.cell(row, column).value: row for row in range(HEADER_ROW + 1, sheet.max_row + 1)
    }


def fill(sheet, row: int, **cells) -> None:
    at = columns(sheet)
    words = dict(zip(["finding", "reason", "remark", "by", "on"], FILL_IN))
    for name, value in cells.items():
        cell = sheet.cell(row, at[words[name]])
        cell.value = value
        if name == "on" and isinstance(value, (str, int)):
            cell.number_format = "General"


def leads_of(book) -> dict[str, dict[str, tuple]]:
    """Returns sheet and row of each lead on the sheets of agencies, by person."""
    found: dict[str, dict[str, tuple]] = {}
    for sheet in book.worksheets:
        at = columns(sheet)
        if NUMBER not in at or PERSON in at:
            continue
        for number, row in rows_of(sheet).items():
            person = "-".join(number.split("-")[:2])
            found.setdefault(person, {})[number] = (sheet, row)
    return found


def tell(book, persons: list[str]) -> dict[str, tuple]:
    """Fills the workbook in. Returns what must become of each lead."""
    leads, sheet = leads_of(book), book["人员"]
    rows = rows_of(sheet)
    day = datetime.date(2026, 10, 8)
    says = {number: ("open",) for person in persons for number in leads[person]}

    def person(index: int, **cells) -> None:
        fill(sheet, rows[persons[index]], **cells)

    def lead(number: str, **cells) -> None:
        of, row = next(found[number] for found in leads.values() if number in found)
        fill(of, row, **cells)

    numbers = [sorted(leads[person]) for person in persons]
    # One decision for all leads of a person, another one for one of them.
    person(0, finding="确认", by="张核", on=day)
    for number in numbers[0]:
        says[number] = ("confirmed", "", "张核", "2026-10-08", "")
    lead(numbers[0][0], finding="不予移送", reason="收入超标", by="李查", on=day)
    says[numbers[0][0]] = ("rejected", "income", "李查", "2026-10-08", "")
    # A remark of an agency's row goes with the decision on the person.
    lead(numbers[0][1], remark="已电话告知本人")
    says[numbers[0][1]] = ("confirmed", "", "张核", "2026-10-08", "已电话告知本人")
    # Decisions on leads, the day as a text, as a serial number, with a time.
    lead(numbers[1][0], finding=" confirmed ", by="王某", on="2026年10月9日")
    says[numbers[1][0]] = ("confirmed", "", "王某", "2026-10-09", "")
    lead(numbers[1][1], finding="需補充核實", by="王某", on=46304, remark="缺收入证明")
    says[numbers[1][1]] = ("needs_more", "", "王某", "2026-10-09", "缺收入证明")
    lead(numbers[1][2], finding="rejected", reason="ｄｅａｄ", by="王某", on="2026/10/9 10:30")
    says[numbers[1][2]] = ("rejected", "dead", "王某", "2026-10-09", "")
    # Refused: without a reason; a reason that nobody offers; a day to come; a number.
    person(2, finding="不予移送", by="张核", on=day)
    says |= {number: ("refused",) for number in numbers[2]}
    lead(numbers[3][0], finding="确认", by="张核", on=datetime.date(2027, 1, 5))
    lead(numbers[3][1], finding="不予移送", reason="不合适", by="张核", on=day)
    lead(numbers[3][2], finding="确认", by="张核", on=day, remark="电话13800001234")
    says |= {number: ("refused",) for number in numbers[3][:3]}
    # Rejected for another reason, with a remark.
    person(4, finding="不予移送", reason="其他", by="张核", on=day, remark="本人已出国定居")
    for number in numbers[4]:
        says[number] = ("rejected", "other", "张核", "2026-10-08", "本人已出国定居")
    # The last person stays open.
    return says


def write_csv(path: pathlib.Path, rows) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)


def convert(source: pathlib.Path, to: str, target: pathlib.Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        profile = f"-env:UserInstallation=file://{folder}/profile"
        command = ["soffice", profile, "--headless", "--convert-to", to, "--outdir", folder]
        subprocess.run([*command, str(source)], check=True, stdout=subprocess.DEVNULL)
        made = [path for path in pathlib.Path(folder).iterdir() if path.is_file()]
        assert len(made) == 1, made
        shutil.copy(made[0], target)


def mess_up(book, says: dict[str, tuple]) -> dict[str, tuple]:
    """Changes what people change. Returns what must become of each lead."""
    says = dict(says)
    sheets = [sheet for sheet in book.worksheets if NUMBER in columns(sheet)]
    for place, sheet in enumerate(sheets):
        sheet.data_validations.dataValidation.clear()
        at = columns(sheet)
        grid = [[cell.value for cell in row] for row in sheet.iter_rows(min_row=HEADER_ROW)]
        header, rows = grid[0], grid[1:]
        # The columns in another order, without those in the middle that nobody needs.
        order = [at[name] - 1 for name in [*reversed(FILL_IN), NAME, NUMBER]]
        order += [at[PERSON] - 1] if PERSON in at else []
        # Sorted from the last row to the first.
        rows = [["复核"] + [row[column] for column in order] for row in reversed(rows)]
        header = ["  序\n号 "] + [f" {header[column]}\n" for column in order]
        sheet.delete_rows(1, sheet.max_row)
        sheet.freeze_panes = None
        # The header moved down, and repeated between the rows.
        above = [["核查表"], [], ["填表说明：见第一张表"], []]
        middle = len(rows) // 2
        for row in [*above, header, *rows[:middle], header, *rows[middle:], [], ["填表人：", "张核"]]:
            sheet.append(row)
        sheet.title = f"表{place + 1}"
        # Filtered.
        for row in range(len(above) + 2, len(above) + 4):
            sheet.row_dimensions[row].hidden = True
    # A row that is there twice, and one that is gone.
    leads = {}
    for sheet in sheets:
        for row in sheet.iter_rows():
            for cell in row:
                if isinstance(cell.value, str) and cell.value in says:
                    leads[cell.value] = (sheet, cell.row)
    taken = [number for number, said in sorted(says.items()) if len(said) > 1 and number in leads]
    sheet, row = leads[taken[0]]
    sheet.append([cell.value for cell in sheet[row]])
    gone = next(number for number, said in sorted(says.items()) if said == ("open",))
    sheet, row = leads[gone]
    for cell in sheet[row]:
        cell.value = None
    # Cells that became something else: a truth value, an error, a number.
    still_open = [n for n, said in sorted(says.items()) if said == ("open",) and n != gone]
    finding = 6
    for number, value in zip(still_open, [True, "#N/A", 1]):
        sheet, row = leads[number]
        cell = sheet.cell(row, finding)
        cell.value = value
        if value == "#N/A":
            cell.data_type = "e"
        says[number] = ("refused",)
    # A sheet of one's own, and a hidden copy of an old one.
    own = book.create_sheet("统计")
    own.append(["单位", "线索数"])
    own.append(["民政", "=COUNTA(表1!A:A)"])
    book.active = book.worksheets.index(sheets[0])
    return says


def main() -> None:
    book, persons = issued()
    says = tell(book, persons)
    head = ["lead_number", "finding", "reason", "decided_by", "decided_on", "remark"]
    write_csv(HERE / "story.csv", [head, *[[n, *said] for n, said in sorted(says.items())]])
    story = HERE / "story.xlsx"
    book.save(story)
    convert(story, "xlsx:Calc MS Excel 2007 XML", HERE / "story-libreoffice.xlsx")
    convert(story, "xls:MS Excel 97", HERE / "story-libreoffice.xls")
    convert(story, "ods", HERE / "story-libreoffice.ods")
    place = book.sheetnames.index("人员") + 1
    text = "Text - txt - csv (StarCalc)"
    for name, delimiter, charset in [
        ("persons-utf-8.csv", 44, 76),
        ("persons-gb18030.csv", 44, 85),
        ("persons-utf-16.csv", 9, 65535),
        ("persons-semicolon.csv", 59, 76),
    ]:
        options = f"{delimiter},34,{charset},1,,0,false,true,false,false,false,{place}"
        convert(story, f"csv:{text}:{options}", HERE / name)
    says = mess_up(book, says)
    write_csv(HERE / "messy.csv", [head, *[[n, *said] for n, said in sorted(says.items())]])
    messy = HERE / "messy.xlsx"
    book.save(messy)
    convert(messy, "ods", HERE / "messy.ods")


main()
