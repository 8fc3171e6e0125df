//! Tables of events and ledgers with any cells, and files with any bytes: nothing panics, every
//! row is taken in or told, and neither a message nor the register shows a personal number.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use aidlink_agency::register_token::{RegisterKey, RegisterTokeniser};
use aidlink_contract::token::TokenAlgorithm;
use aidlink_faults::text::{Language, Text};
use aidlink_office::round::site_words::SiteWords;
use aidlink_office::signing::SigningKey;
use aidlink_policy::pack::Policy;
use aidlink_policy::schema::Schemas;
use aidlink_procuratorate::register::case_numbers::KnownCases;
use aidlink_procuratorate::register::filled::{self, IssueDays, Issued, IssuedLead, UnlessStated};
use aidlink_procuratorate::register::ledger_plan::Planning;
use aidlink_procuratorate::register::ledger_table::LedgerWords;
use aidlink_procuratorate::register::noted;
use aidlink_register::event::{About, Direction, Source};
use aidlink_register::form::{Known, event_of};
use aidlink_register::items::{Appended, Batch, FoundLead, NewEvent, NewItem, Subject};
use aidlink_register::number::{LeadNumber, PersonNumber};
use aidlink_register::register::{NewRegister, Register};
use aidlink_register::token::RegisterToken;
use jiff::Timestamp;
use jiff::civil::Date;
use proptest::prelude::*;

const TODAY: Date = Date::constant(2026, 11, 29);
/// Numbers that nobody has: the region was never assigned.
const ID: &str = "449901198505050014";
const PHONE: &str = "13800001234";
const OPERATOR: &str = "张三";
const PERSONS: [&str; 3] = ["04HM-ASW9", "1111-1111", "2222-2222"];

/// What people, and programs, put into cells.
const CELLS: &[&str] = &[
    "",
    "04HM-ASW9-dibao",
    "1111-1111-dibao",
    "2222-2222-dibao",
    "9999-9999-dibao",
    "04HM-ASW9",
    "E-04HM-ASW9",
    "核查",
    "checked",
    "移送",
    "sent",
    "found",
    "发现",
    "closed",
    "办结",
    "withdrawn",
    "material",
    "judicial_aid",
    "2026-10-09",
    "2026年10月9日",
    "20261009",
    "46000",
    "2026-13-45",
    "2099-01-01",
    "十月",
    "确认",
    "confirmed",
    "不予移送",
    "收入超标",
    "dead",
    "其他",
    "移送",
    "先行移送",
    "ordinary",
    "advance",
    "张三",
    "李四；王五",
    "低保",
    "临时救助",
    "司法救助",
    "民政部门",
    "procuratorate",
    "colleague",
    "信访",
    "是",
    "否",
    "650.50",
    "20000",
    "-1",
    "1e9",
    "99999999999999999999",
    "粤检移〔2026〕1号",
    "（2026）粤9901刑初1号",
    ID,
    PHONE,
    "449901 19850505 0014",
    "电话13800001234",
    "４４９９０１１９８５０５０５００１４",
    "1380000\u{200b}1234",
    "=1+1",
    "'=HYPERLINK(\"x\")",
    "#N/A",
    "\"",
    "a\nb",
    "a\r\nb\tc",
    "\u{feff}x",
    "\u{202e}反",
    "a\u{7f}b",
    "；；",
    "𠮷𠮷",
    "x, y; z|",
];

/// The headers of a table of events, some of them unknown or doubtful.
const HEADERS_OF_EVENTS: &[&str] = &[
    "人员编号",
    "核查结论",
    "理由",
    "移送方式",
    "文号",
    "登记人",
    "审批人",
    "登记原因",
    "备注",
    "更正事项编号",
    "撤销事项编号",
    "by",
    "amount",
    "随便",
    ID,
    "",
    "日期",
];

/// The headers of a ledger.
const HEADERS_OF_LEDGERS: &[&str] = &[
    "线索编号",
    "人员编号",
    "公民身份号码",
    "来源",
    "方向",
    "案号",
    "性别",
    "年龄",
    "未成年",
    "户籍地",
    "司法救助状态",
    "司法救助日期",
    "接收单位",
    "核查结论",
    "理由",
    "核查人",
    "核查日期",
    "移送日期",
    "签收日期",
    "反馈日期",
    "反馈结果",
    "落实金额（元）",
    "办结日期",
    "办结原因",
    "备注",
    "随便",
    ID,
    "",
];

fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(path)
}

static SCHEMAS: LazyLock<Schemas> =
    LazyLock::new(|| Schemas::read(&project("schemas")).expect("the shipped schemas"));
static POLICY: LazyLock<Policy> = LazyLock::new(|| {
    Policy::read(&project("policies/shaoguan.toml"), &SCHEMAS).expect("the shipped policy")
});

/// A register with a few leads, in a temporary folder.
struct Kept {
    folder: tempfile::TempDir,
    register: Register,
    tokeniser: RegisterTokeniser,
}

impl Kept {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let key = RegisterKey::create(
            &folder.path().join("register.key"),
            &"07".repeat(16),
            TokenAlgorithm::HmacSha256,
        )
        .expect("a key");
        let new = NewRegister {
            id: [7; 16],
            key_id: key.id(),
            today: TODAY,
            recorded_at: Timestamp::UNIX_EPOCH,
            operator: OPERATOR.to_owned(),
        };
        let signing = SigningKey::make(&folder.path().join("signing.key")).expect("a signing key");
        let register = Register::create(&folder.path().join("register.db"), &new, signing);
        let mut kept = Kept {
            folder,
            register: register.expect("a register"),
            tokeniser: key.tokeniser(),
        };
        let found = (1..).zip(PERSONS).map(|(token, person)| {
            NewItem::Found(FoundLead {
                token: Some(RegisterToken([token; 16])),
                person_number: PersonNumber::parse(person).expect("a number"),
                aid: "dibao".to_owned(),
                agency: "civil-affairs".to_owned(),
                direction: Direction::ToSocial,
                source: Source::Colleague,
                round: None,
                about: About::default(),
                grade: None,
                urgency: None,
                minor: None,
                act_by: None,
                evidence: Vec::new(),
                remark: None,
                on: Date::constant(2026, 9, 28),
                operator: OPERATOR.to_owned(),
            })
        });
        let answers = kept.append(found.collect());
        assert!(answers.iter().all(|one| matches!(one, Appended::Added(_))));
        kept
    }

    fn append(&mut self, items: Vec<NewItem>) -> Vec<Appended> {
        let count = items.len();
        let answers = self.register.append(&Batch {
            items,
            recorded_at: Timestamp::UNIX_EPOCH,
            today: TODAY,
            all_or_nothing: false,
        });
        let answers = answers.expect("a register that can be written");
        assert_eq!(answers.len(), count, "each item has its answer");
        for answer in &answers {
            if let Appended::Refused(refused) = answer {
                shows_nothing(&refused.message);
                shows_nothing(&refused.hint);
            }
        }
        answers
    }

    fn write(&self, bytes: &[u8]) -> PathBuf {
        let path = self.folder.path().join("table.csv");
        fs::write(&path, bytes).expect("room in the temporary folder");
        path
    }

    /// The register is whole, and has no personal number.
    fn is_whole(&self) {
        let path = self.folder.path().join("register.db");
        let signer = SigningKey::read(&self.folder.path().join("signing.key")).expect("the key");
        assert!(Register::verify(&path, signer.public()).is_ok());
        for name in ["register.db", "register.db-wal"] {
            let bytes = fs::read(self.folder.path().join(name)).unwrap_or_default();
            assert!(!shows_a_number(&bytes), "{name}");
        }
    }
}

/// Whether bytes have one of the numbers. One that is part of a longer number is none.
fn shows_a_number(bytes: &[u8]) -> bool {
    [ID, PHONE].iter().any(|number| {
        let number = number.as_bytes();
        let mut places = bytes.windows(number.len()).enumerate();
        places.any(|(at, part)| {
            let before = at.checked_sub(1).and_then(|at| bytes.get(at));
            let after = bytes.get(at + number.len());
            part == number
                && ![before, after]
                    .into_iter()
                    .flatten()
                    .any(u8::is_ascii_digit)
        })
    })
}

fn shows_nothing(text: &Text) {
    for text in [&text.zh, &text.en] {
        assert!(!shows_a_number(text.as_bytes()), "{text}");
    }
}

/// A table as CSV. Cells are quoted as far as they need it.
fn csv(rows: &[Vec<&str>]) -> Vec<u8> {
    let quoted = |cell: &&str| match cell.contains(['"', ',', '\n', '\r']) {
        true => format!("\"{}\"", cell.replace('"', "\"\"")),
        false => (*cell).to_owned(),
    };
    let lines = rows
        .iter()
        .map(|row| row.iter().map(quoted).collect::<Vec<_>>().join(",") + "\r\n");
    lines.collect::<String>().into_bytes()
}

/// Whether a row says something: a cell that is more than blanks, and marks that keep a text a text.
fn says_something(row: &[&str]) -> bool {
    row.iter().any(|cell| {
        let invisible = |c: char| {
            c.is_whitespace() || c.is_control() || "\u{feff}\u{202e}\u{200b}'＇".contains(c)
        };
        !cell.chars().all(invisible)
    })
}

/// Rows of cells, under headers of which the first ones are given.
fn table(
    first: &'static [&'static str],
    more: &'static [&'static str],
) -> impl Strategy<Value = Vec<Vec<&'static str>>> {
    let header = prop::sample::subsequence(more, 0..more.len());
    let width = first.len() + more.len();
    let row = prop::collection::vec(prop::sample::select(CELLS), 1..width);
    (header, prop::collection::vec(row, 0..12)).prop_map(move |(header, rows)| {
        let header: Vec<&str> = first.iter().copied().chain(header).collect();
        let cut = |mut row: Vec<&'static str>| {
            // A record that spans lines has the width of its header.
            row.resize(header.len(), "");
            row
        };
        let rows: Vec<Vec<&str>> = rows.into_iter().map(cut).collect();
        [header].into_iter().chain(rows).collect()
    })
}

/// Makes the event that a row of a table says, as `register note` does.
fn event_item(written: &noted::WrittenEvent) -> Option<NewItem> {
    let lead = LeadNumber::parse(&written.lead);
    let person = PersonNumber::parse(&written.person);
    let subject = lead
        .clone()
        .map(Subject::Lead)
        .or(person.map(Subject::Person))?;
    let of_lead = lead.map(|lead| (lead.person().to_string(), lead.aid().to_owned()));
    let known = Known {
        lead: of_lead
            .as_ref()
            .map(|(person, aid)| (person.as_str(), aid.as_str())),
        corrects: None,
    };
    let fields = written.fields.iter();
    let fields = fields.map(|(name, text)| (name.as_str(), text.as_str()));
    let event = match event_of(&written.kind, fields, known) {
        Ok(event) => event,
        Err(refused) => {
            shows_nothing(&refused.message);
            shows_nothing(&refused.hint);
            return None;
        }
    };
    // What was read is written and read again as it is.
    let text = serde_json::to_string(&event).expect("an event is JSON");
    assert_eq!(
        serde_json::from_str::<aidlink_register::event::Event>(&text).expect("an event"),
        event
    );
    let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Some(NewItem::Event(NewEvent {
        subject,
        on: aidlink_register::form::day(&written.on).unwrap_or(TODAY),
        event,
        operator: text(&written.operator).unwrap_or(OPERATOR.to_owned()),
        approver: text(&written.approver),
        because: text(&written.because),
    }))
}

/// Reads a table of events and records what it says. Returns the lines of its rows.
fn note(kept: &mut Kept, path: &Path) -> Option<Vec<u64>> {
    let rows = match noted::read(path) {
        Ok(rows) => rows,
        Err(faults) => {
            for fault in faults.iter() {
                let shown = fault.render(Language::English);
                assert!(!shows_a_number(shown.as_bytes()), "{shown}");
            }
            return None;
        }
    };
    let mut items = Vec::new();
    for row in &rows {
        match &row.written {
            Ok(written) => items.extend(event_item(written)),
            Err(bad) => {
                shows_nothing(&bad.why.text());
                assert!(!shows_a_number(bad.column.as_bytes()));
            }
        }
    }
    kept.append(items);
    Some(rows.into_iter().map(|row| row.place.row).collect())
}

/// Reads a ledger and records what it says. Returns the lines of its rows.
fn import(kept: &mut Kept, path: &Path) -> Option<Vec<u64>> {
    let words = LedgerWords::of(&POLICY, &SCHEMAS, &SiteWords::default());
    let table = match words.read(path) {
        Ok(table) => table,
        Err(faults) => {
            for fault in faults.iter() {
                let shown = fault.render(Language::English);
                assert!(!shows_a_number(shown.as_bytes()), "{shown}");
            }
            return None;
        }
    };
    assert!(!shows_a_number(format!("{:?}", table.not_read).as_bytes()));
    let head = kept.register.head();
    let planning = Planning {
        words: &words,
        book: kept.register.book(),
        cases: &KnownCases::of_book(kept.register.book()),
        register: &head.register,
        tokeniser: Some(&kept.tokeniser),
        operator: OPERATOR,
        today: TODAY,
    };
    let mut items = Vec::new();
    for (_, line) in &table.rows {
        match line.as_ref().map(|line| planning.leads(line)) {
            Ok(Ok(leads)) => {
                for lead in leads {
                    for note in &lead.notes {
                        shows_nothing(&note.message);
                    }
                    items.extend(lead.steps.into_iter().map(|step| step.item));
                }
            }
            Ok(Err(fault)) => {
                shows_nothing(&fault.message);
                shows_nothing(&fault.hint);
                assert!(!shows_a_number(fault.column.as_bytes()));
            }
            Err(fault) => {
                shows_nothing(&fault.message);
                assert!(!shows_a_number(fault.column.as_bytes()));
            }
        }
    }
    kept.append(items);
    Some(table.rows.into_iter().map(|(place, _)| place.row).collect())
}

/// Reads a filled list.
fn decide(path: &Path) {
    let numbers: Vec<String> = PERSONS
        .iter()
        .map(|person| format!("{person}-dibao"))
        .collect();
    let names = [OPERATOR.to_owned()];
    let leads = PERSONS
        .iter()
        .zip(&numbers)
        .map(|(person, number)| IssuedLead {
            lead_number: number,
            person_number: person,
            names: &names,
            case_numbers: &[],
            aid: None,
        });
    let name = Text::new("姓名", "Name");
    let issued = Issued {
        round: "R",
        days: IssueDays {
            own: BTreeSet::from([Date::constant(2026, 9, 28)]),
            others: BTreeMap::new(),
        },
        today: TODAY,
        name: Some(&name),
        case_number: None,
        aids: Vec::new(),
        cases: &KnownCases::default(),
        leads: leads.collect(),
        elsewhere: &|_| None,
        unless_stated: UnlessStated::default(),
    };
    match filled::read(&[path.to_owned()], &issued) {
        Ok(rows) => {
            let taken: BTreeSet<&str> = rows
                .taken
                .iter()
                .map(|row| row.lead_number.as_str())
                .collect();
            assert_eq!(taken.len(), rows.taken.len(), "a lead is taken in once");
            for row in &rows.taken {
                assert!(numbers.contains(&row.lead_number));
                let texts = [&row.remark, &row.decided_by].into_iter().flatten();
                assert!(
                    texts
                        .into_iter()
                        .all(|text| !shows_a_number(text.as_bytes()))
                );
            }
            rows.refused
                .iter()
                .for_each(|row| shows_nothing(&row.why.text()));
        }
        Err(faults) => {
            for fault in faults.iter() {
                let shown = fault.render(Language::English);
                assert!(!shows_a_number(shown.as_bytes()), "{shown}");
            }
        }
    }
}

/// The lines on which rows begin, of those that say something in a column that counts.
fn lines_of(rows: &[Vec<&str>], counts: impl Fn(&[&str], &[&str]) -> bool) -> Vec<u64> {
    let mut line = 1;
    let mut lines = Vec::new();
    for (at, row) in rows.iter().enumerate() {
        if at > 0 && counts(&rows[0], row) {
            lines.push(line);
        }
        line += 1 + row
            .iter()
            .map(|cell| cell.matches('\n').count() as u64)
            .sum::<u64>();
    }
    lines
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn every_row_of_a_table_of_events_is_taken_in_or_told(
        rows in table(&["线索编号", "事项", "on"], HEADERS_OF_EVENTS),
    ) {
        let mut kept = Kept::new();
        let path = kept.write(&csv(&rows));
        let read = note(&mut kept, &path).expect("a table of events");
        let expected = lines_of(&rows, |_, row| says_something(row));
        prop_assert_eq!(read, expected);
        kept.is_whole();
    }

    #[test]
    fn every_row_of_a_ledger_is_taken_in_or_told(
        rows in table(&["姓名", "拟救助项目", "发现日期"], HEADERS_OF_LEDGERS),
    ) {
        let mut kept = Kept::new();
        let path = kept.write(&csv(&rows));
        let read = import(&mut kept, &path).expect("a ledger");
        // Of a row that says something in columns without a meaning alone, the columns are told.
        let has_meaning = |name: &&str| !["随便", ID, ""].contains(name);
        let expected = lines_of(&rows, |header, row| {
            let cells = row.iter().zip(header).filter(|(_, name)| has_meaning(name));
            let cells: Vec<&str> = cells.map(|(cell, _)| *cell).collect();
            says_something(&cells)
        });
        prop_assert_eq!(read, expected);
        kept.is_whole();
    }

    #[test]
    fn files_with_any_bytes_are_read_or_refused(
        rows in table(&["线索编号", "事项", "日期"], HEADERS_OF_EVENTS),
        ledger in table(&["姓名", "拟救助项目", "发现日期"], HEADERS_OF_LEDGERS),
        changes in prop::collection::vec((any::<prop::sample::Index>(), 0_usize..5, any::<u8>()), 1..40),
        encoding in 0_usize..4,
    ) {
        for rows in [rows, ledger] {
            let text = String::from_utf8(csv(&rows)).expect("text");
            let mut bytes = match encoding {
                0 => text.into_bytes(),
                1 => encoding_rs::GB18030.encode(&text).0.into_owned(),
                2 => std::iter::once(0xfeff).chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect(),
                _ => [b"\xef\xbb\xbf", text.as_bytes()].concat(),
            };
            for (at, what, byte) in &changes {
                let at = at.index(bytes.len());
                match what {
                    0 => bytes[at] = *byte,
                    1 => bytes.insert(at, *byte),
                    2 => drop(bytes.drain(at..(at + usize::from(*byte)).min(bytes.len()))),
                    3 => bytes.insert(at, b",;\t\"\n\r\0\xff"[usize::from(*byte % 8)]),
                    _ => {
                        let part = bytes[at..(at + usize::from(*byte)).min(bytes.len())].to_vec();
                        bytes.splice(at..at, part);
                    }
                }
                if bytes.is_empty() {
                    bytes.push(*byte);
                }
            }
            let mut kept = Kept::new();
            let path = kept.write(&bytes);
            note(&mut kept, &path);
            import(&mut kept, &path);
            decide(&path);
            kept.is_whole();
        }
    }
}
