#!/usr/bin/env python3
"""Makes the pictures of the clerk's guide, by doing what the guide says.

    pip install -r docs/pictures/requirements.txt
    python3 docs/pictures/make.py target/release/aidlink

Takes the commands from docs/guide.zh-CN.md and docs/guide.md, runs them on sample_data/2026Q3 in a temporary folder,
answers the questions of `round new` on a pseudo-terminal, and writes what the terminal shows as SVG and what
LibreOffice prints of a filled in review workbook as PNG. All data is synthetic. Dates come from the commands and from
the answers; the keys, which are random, are shown as dots, and the workbook is of a run with a fixed key. So the
same program makes the same pictures. tests/guide.rs holds the terminals' text to what the program prints.

Needs Linux, `soffice`, `pdftotext`, `pdftoppm` and a font with Chinese characters.
"""

import fcntl
import html
import io
import os
import pty
import re
import select
import shlex
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
import unicodedata
from datetime import date
from pathlib import Path

import openpyxl
from PIL import Image

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parent.parent
# Width of the terminal, in cells: too wide for the program to cut lines. The pictures are narrower.
WIDE = 400
FIXED_KEY = "round = '2026Q3'\npurpose = 'joint-screening'\nkey = 'aidlink-round-key-v2:{}'\n"

# What the pictures show of long outputs; dots stand for the rest.
QUESTIONS = (
    r"^\$|签发日期|经办人|删除期限|影响评估|检察机关案件当事人|^  社会救助对象|已写入|请核对"
    r"|day of issue|who runs|must be deleted|assessment|parties to cases|^Wrote|^Check"
)
RUN = (
    r"^\$|^\S|公钥|当事人：|民政社会救助对象："
    r"|signing key |parties to cases:|Civil affairs:"
    r"|to-civil-affairs.csv|[:：] ?review/|not-judged"
)
# What belongs to the question above it: what Enter does, and the answer.
IS_HOW = re.compile("^ *(回车：|Enter: )")
BELONGS = re.compile("^ *(回车：|Enter: |:)")
PURGE = r"^\$|^\S|案件当事人|[:：] ?review/adults"

LANGUAGES = {
    "zh": {
        "page": "guide.zh-CN.md",
        "locale": "zh_CN.UTF-8",
        "answers": {"签发日期": "2026-10-08", "经办人": "李某", "编号": "PIA-2026-08", "有效期": "2027-06-30", "法律依据": "数据共享协议第五条"},
        "wide": "AFW",
        # Width of the pictures of terminals, in cells.
        "columns": 80,
        # Left out of the pictures of sheets, so that the others can be read in print.
        "hidden": {"承办人", "优先对象", "期限说明", "一般不予救助的情形（须核查）", "案号"},
        "persons": [("确认", None, None), None, ("不予移送", "本人放弃", "10月8日面询")],
        "agency": [("不予移送", "已享受同类", "9月起领取低保"), ("需补充核实", None, "查医疗费支出")],
        "by": "王某",
        "headers": ("轻重缓急", "依据程度", "核查结论"),
        "unclear": "待核实",
    },
    "en": {
        "page": "guide.md",
        "locale": "C.UTF-8",
        "answers": {"day of issue": "2026-10-08", "who runs": "Li Mou", "id of": "PIA-2026-08", "is valid": "2027-06-30", "the law": "data agreement, article 5"},
        "wide": "FW",
        "columns": 92,
        "hidden": {"Handler", "Priority groups", "About the deadline", "Reasons against (to be checked)", "Case number"},
        "persons": [("confirmed", None, None), None, ("rejected", "declined", "asked in person")],
        "agency": [("rejected", "receives the same kind", "since September"), ("needs more", None, "see medical bills")],
        "by": "Wang Mou",
        "headers": ("Urgency", "Grade", "Decision"),
        "unclear": "to be clarified",
    },
}


def cells(text, wide):
    """The width of a text in a terminal. `wide` are the classes of East Asian width that count two cells."""
    return sum(2 if unicodedata.east_asian_width(character) in wide else 1 for character in text)


def folded(line, wide, columns):
    """Cuts a line into lines that fit, at spaces if there are some; further lines are set in."""
    indent = re.match(" *", line).group() + "    "
    while cells(line, wide) > columns:
        end = next(end for end in range(len(line), 0, -1) if cells(line[:end], wide) <= columns)
        space = line.rfind(" ", len(indent) + columns // 3, end + 1)
        end = space if space > 0 else end
        yield line[:end].rstrip()
        line = indent + line[end:].lstrip()
    yield line


class Terminal:
    """As much of a terminal as the program uses: it writes, goes back, up and down, and clears lines."""

    def __init__(self, wide):
        self.wide, self.lines, self.row, self.column = wide, [[]], 0, 0

    def feed(self, text):
        for part in re.findall(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b.|[\r\n\b]|[^\x1b\r\n\b]", text):
            if part == "\n":
                self.down(1)
            elif part == "\r":
                self.column = 0
            elif part == "\b":
                self.column = max(self.column - 1, 0)
            elif part.startswith("\x1b["):
                self.control(part[-1], part[2:-1])
            elif not part.startswith("\x1b"):
                self.put(part)

    def down(self, count):
        self.row += count
        while len(self.lines) <= self.row:
            self.lines.append([])

    def control(self, kind, numbers):
        count = int(numbers) if numbers.isdigit() else 1
        line = self.lines[self.row]
        if kind == "A":
            self.row = max(self.row - count, 0)
        elif kind == "B":
            self.down(count)
        elif kind == "C":
            self.column += count
        elif kind == "D":
            self.column = max(self.column - count, 0)
        elif kind == "G":
            self.column = count - 1
        elif kind == "K" and numbers in ("", "0"):
            del line[self.column:]
        elif kind == "K":
            line.clear()
        elif kind == "J":
            del line[self.column:]
            del self.lines[self.row + 1:]

    def put(self, character):
        # The second cell of a wide character holds an empty string.
        width = cells(character, self.wide)
        if self.column + width > WIDE:
            self.down(1)
            self.column = 0
        line = self.lines[self.row]
        while len(line) < self.column + width:
            line.append(" ")
        line[self.column:self.column + width] = [character] + [""] * (width - 1)
        self.column += width

    def text(self):
        lines = ["".join(line).rstrip() for line in self.lines]
        return [line for line in lines if line]


def on_terminal(command, folder, environment, answers, wide):
    """Runs a command on a pseudo-terminal. Answers questions by a word in them, the others with Enter."""
    process, terminal = pty.fork()
    if process == 0:
        os.chdir(folder)
        os.execvpe(command[0], command, environment)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 200, WIDE, 0, 0))
    screen, pending = Terminal(wide), ""
    while True:
        # A question ends without a line break: after it nothing comes until it is answered.
        ready, _, _ = select.select([terminal], [], [], 0.5)
        # Above it are the question, the values to choose from if there are some, and what Enter does.
        question = pending.split("\n")[-4:]
        if not ready and len(question) > 2 and IS_HOW.search(question[-2]):
            answer = next((answer for word, answer in answers.items() if word in "".join(question)), None)
            # Backspace removes what is proposed.
            keys = b"" if answer is None else b"\x7f" * 40 + answer.encode()
            os.write(terminal, keys + b"\r")
        if not ready:
            continue
        try:
            seen = os.read(terminal, 65536)
        except OSError:
            seen = b""
        if not seen:
            break
        pending += seen.decode("utf-8", "replace")
    os.waitpid(process, 0)
    screen.feed(pending)
    # Lines of progress are drawn over on a terminal.
    return [line for line in screen.text() if not "\u2800" <= line.lstrip()[0] <= "\u28ff"]


def masked(line):
    """Leaves out public keys and the ids of keys, which are random."""
    return re.sub(r"RW[\w+/]{54}|(?<=编号 )[0-9a-f]{16}|(?<=id )[0-9a-f]{16}|\b[0-9A-F]{16}\b", "…", line)


def svg(name, lines, wide, columns):
    """Writes a picture of a terminal. Each line is as wide as its cells, whatever the font.

    What a line could not hold is on further lines with class="more", which tests/guide.rs puts together again.
    """
    cell, height, margin, size = 7.2, 18, 12, 13
    # Free space on the left, where the text of the page runs beside the picture.
    space = 14
    lines = [(short, more) for line in lines for more, short in enumerate(folded(line, wide, columns))]
    width = round(columns * cell + 2 * margin)
    total = round(len(lines) * height + 2 * margin)
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width + space}" height="{total}" viewBox="{-space} 0 {width + space} {total}">',
        f'<rect x="0.5" y="0.5" width="{width - 1}" height="{total - 1}" rx="6" fill="#fbfbf9" stroke="#b5b5b0"/>',
        f'<g font-family="\'Noto Sans Mono CJK SC\',\'Sarasa Mono SC\',\'DejaVu Sans Mono\',Consolas,\'Noto Sans CJK SC\',SimSun,monospace" font-size="{size}" fill="#222" xml:space="preserve">',
    ]
    for number, (line, more) in enumerate(lines):
        text = line.lstrip(" ")
        x = round(margin + (len(line) - len(text)) * cell, 1)
        y = margin + number * height + 13
        look = ' font-weight="bold" fill="#06407a"' if text.startswith("$ ") else ""
        look += ' class="more"' if more else ""
        length = round(cells(text, wide) * cell, 1)
        out.append(f'<text x="{x}" y="{y}" textLength="{length}" lengthAdjust="spacingAndGlyphs"{look}>{html.escape(text, quote=False)}</text>')
    out.append("</g></svg>\n")
    (HERE / name).write_text("\n".join(out), "utf-8")


def shortened(lines, keep):
    """Keeps the lines that a pattern finds, with dots for each run of others."""
    kept, is_kept = [], False
    for line in lines:
        is_kept = is_kept if BELONGS.match(line) else bool(re.search(keep, line))
        if is_kept and not IS_HOW.match(line):
            kept.append(line)
        elif is_kept:
            continue
        elif kept and kept[-1].strip() != "…":
            kept.append(re.match(" *", line).group() + "…")
    return kept


def commands(page):
    blocks = re.findall(r"^```sh\n(.*?)^```$", (PROJECT / "docs" / page).read_text("utf-8"), re.M | re.S)
    return [line for block in blocks for line in block.splitlines() if line.strip()]


def filled(workbook, target, words):
    """Fills in a review workbook and hides columns and rows, so that what is left can be read in print.

    Returns the names of the two sheets that are left: that of persons, and that of the agency with most leads.
    """
    book = openpyxl.load_workbook(workbook)
    persons, agency = book.sheetnames[1:3]
    for name in book.sheetnames:
        if name not in (persons, agency):
            book[name].sheet_state = "hidden"
    for name, decisions in ((persons, words["persons"]), (agency, words["agency"])):
        sheet = book[name]
        column_of = {cell.value: cell.column for cell in sheet[2]}
        for header in words["hidden"] & column_of.keys():
            sheet.column_dimensions[openpyxl.utils.get_column_letter(column_of[header])].hidden = True
        urgency, grade, first = (column_of[header] for header in words["headers"])
        rows = range(3, sheet.max_row + 1)
        unclear = [row for row in rows if sheet.cell(row, grade).value == words["unclear"]]
        not_urgent = [row for row in rows if not sheet.cell(row, urgency).value.startswith("1")]
        # Of persons the first and the first that is not urgent, of leads one that is established; then one that is
        # to be clarified. Low rows make a low picture.
        heights = {row: sheet.row_dimensions[row].height for row in not_urgent}
        established = min(heights.keys() - set(unclear), key=lambda row: (heights[row], row))
        shown = [rows[0], not_urgent[0]] if name == persons else [established]
        shown.append(min(heights.keys() & set(unclear), key=lambda row: (heights[row], row)))
        for row in rows:
            sheet.row_dimensions[row].hidden = row not in shown
        for row, decision in zip(shown, decisions, strict=True):
            if decision is not None:
                for offset, value in enumerate((*decision, words["by"], date(2026, 10, 9))):
                    sheet.cell(row, first + offset).value = value
    book.active = 1
    book.save(target)
    return persons, agency


def png(name, pdf, sheet):
    """Writes the first page of a sheet, cut to its content, in few colours."""
    pages = subprocess.run(["pdftotext", "-layout", pdf, "-"], capture_output=True, text=True, check=True).stdout
    pages = [page.strip().splitlines()[0] if page.strip() else "" for page in pages.split("\f")]
    page = next(number for number, line in enumerate(pages, 1) if line.endswith(sheet))
    shown = ["pdftoppm", "-r", "130", "-f", str(page), "-l", str(page), "-png", pdf]
    image = Image.open(io.BytesIO(subprocess.run(shown, capture_output=True, check=True).stdout)).convert("RGB")
    # Without the lines at head and foot of the page.
    width, height = image.size
    image = image.crop((0, round(height * 0.055), width, round(height * 0.94)))
    box = Image.eval(image.convert("L"), lambda value: 255 - value).getbbox()
    image = image.crop((max(box[0] - 8, 0), max(box[1] - 8, 0), box[2] + 8, box[3] + 8))
    image.quantize(24, dither=Image.Dither.NONE).save(HERE / name, optimize=True)


def make(program, language):
    words = LANGUAGES[language]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        shutil.copytree(PROJECT / "sample_data/2026Q3", folder / "sample_data/2026Q3")
        (folder / "bin").mkdir()
        (folder / "bin/aidlink").symlink_to(program)
        environment = {"PATH": f"{folder / 'bin'}:/usr/bin:/bin", "LANG": words["locale"], "TERM": "xterm", "HOME": temporary}
        review = folder / "2026Q3/output/review/adults.xlsx"
        shown = {}
        for command in commands(words["page"]):
            program_and_verb = command.split()[:2]
            if program_and_verb[0] != "aidlink":
                subprocess.run(["sh", "-c", command], cwd=folder, env=environment, check=True)
                continue
            if "--output" in command or "--early" in command:
                continue
            if "verify" in command:
                filled(review, review, words)
            answers = words["answers"] if program_and_verb[1] == "round" else {}
            lines = on_terminal(shlex.split(command), folder, environment, answers, words["wide"])
            shown[command] = [f"$ {command}", *map(masked, lines)]

        def picture(name, *parts):
            lines = []
            for command, keep in parts:
                found = next(lines for line, lines in shown.items() if re.search(command, line))
                lines += shortened(found, keep)
            svg(f"{name}.{language}.svg", lines, words["wide"], words["columns"])

        picture("questions", ("round new", QUESTIONS))
        picture("run", (r"run \S+$", RUN))
        picture("after", ("audit verify", "."), ("purge", PURGE))

        (folder / "2026Q3/round.key").write_text(FIXED_KEY.format("0123456789abcdef" * 4))
        again = ["aidlink", "run", "2026Q3/round.toml", "--output", "2026Q3/fixed", "--quiet"]
        subprocess.run(again, cwd=folder, env=environment, check=True)
        persons, agency = filled(folder / "2026Q3/fixed/review/adults.xlsx", folder / "adults.xlsx", words)
        convert = ["soffice", "--headless", "--convert-to", "pdf", "--outdir", temporary, str(folder / "adults.xlsx")]
        subprocess.run(convert, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        png(f"persons.{language}.png", str(folder / "adults.pdf"), persons)
        png(f"agency.{language}.png", str(folder / "adults.pdf"), agency)


def main():
    program = Path(sys.argv[1]).resolve()
    for language in LANGUAGES:
        make(program, language)


if __name__ == "__main__":
    main()
