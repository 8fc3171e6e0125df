//! Reads a ledger of leads (台账), or an export of referrals, row by row: which column is which,
//! and what its cells say.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use aidlink_agency::scan::plain_rows::PlainCell;
use aidlink_faults::fault::Faults;
use aidlink_faults::personal_number::{NumberKind, find};
use aidlink_faults::text::Text;
use aidlink_faults::uniform_text::{uniform, uniform_label};
use aidlink_office::round::site_words::SiteWords;
use aidlink_policy::pack::Policy;
use aidlink_policy::schema::{ExportSchema, Schemas};
use aidlink_register::amount::Amount;
use aidlink_register::ledger::COLUMNS;
use jiff::civil::Date;

use super::filled::words::{exact, finding, folded, pick, reason};
use super::filled::{RowPlace, WhyRefused};
use super::table::{self, TableRow, header_form};

/// The schema of an export of referrals.
pub const REFERRALS: &str = "procuratorate.referrals";
/// The column of ID numbers. A ledger that this program writes has none.
pub const NATIONAL_ID: &str = "national_id";
/// The columns that an export of referrals has beside those of a ledger.
const OF_REFERRALS: [&str; 2] = ["state", "state_on"];

/// Other headers of the ledger's columns. A site adds its own.
const ALIASES: &[(&str, &[&str])] = &[
    ("lead", &["线索号", "登记号", "台账编号"]),
    ("person", &["人员号"]),
    ("matter", &["户号", "家庭编号"]),
    (
        "name",
        &[
            "当事人姓名",
            "救助对象",
            "申请人",
            "申请人姓名",
            "被救助人",
            "救助对象姓名",
        ],
    ),
    ("source", &["线索来源"]),
    ("direction", &["移送方向", "线索方向"]),
    (
        "found_on",
        &[
            "发现时间",
            "线索发现日期",
            "登记日期",
            "收到日期",
            "受理日期",
        ],
    ),
    ("unit", &["办案部门", "承办单位", "承办部门"]),
    ("handler", &["承办检察官", "经办人"]),
    ("case_number", &["案件编号", "案件号"]),
    ("registered_at", &["户籍所在地", "户籍地址"]),
    ("lives_at", &["现住址", "居住地", "住址", "现居住地"]),
    (
        "evidence",
        &["困难印证", "印证来源/数据日期", "印证来源", "困难印证来源"],
    ),
    ("judicial_aid", &["司法救助", "司法救助情况"]),
    ("judicial_aid_on", &["司法救助时间", "司法救助发放日期"]),
    ("judicial_aid_amount", &["司法救助金额", "司法救助金额(元)"]),
    ("aid", &["救助项目", "拟请给予的救助项目", "救助类别"]),
    ("agency", &["移送单位", "受理单位", "接收部门"]),
    ("finding", &["核查结果", "核实结论"]),
    ("reason", &["理由", "原因"]),
    ("decided_by", &["核实人"]),
    ("decided_on", &["核查时间", "核实日期"]),
    ("rights_told_on", &["权利告知时间", "告知权利日期"]),
    ("consent", &["意愿", "本人(监护人)意愿"]),
    ("approved_on", &["审批时间"]),
    ("letter", &["移送函文号", "移送函号"]),
    ("sent_on", &["移送时间", "移送函日期"]),
    ("advance_reasons", &["先行移送及理由"]),
    ("materials_owed", &["所欠材料", "欠缺材料"]),
    ("signed_for_on", &["签收时间", "签收回执日期"]),
    ("replied_on", &["反馈时间", "回复日期"]),
    ("reply", &["审查结果", "反馈意见", "回复结果"]),
    (
        "refused_because",
        &["不符合原因", "不予救助理由", "反馈理由"],
    ),
    ("outcome_told_on", &["告知本人时间", "告知结果日期"]),
    ("outcome_told", &["告知本人方式", "告知结果方式"]),
    ("granted", &["落实救助项目", "落实情况"]),
    ("granted_from", &["起始日期", "落实起始"]),
    ("granted_amount", &["落实金额", "落实金额(元)", "落实标准"]),
    ("visit_planned", &["计划回访日期", "回访计划日期"]),
    ("visited_on", &["回访时间"]),
    ("visit", &["回访情况"]),
    ("closed_on", &["办结时间"]),
    ("closed_because", &["办结情况", "办结结果"]),
    ("remark", &["说明", "其他说明"]),
    (
        NATIONAL_ID,
        &[
            "national_id",
            "公民身份号码",
            "身份证号",
            "身份证号码",
            "公民身份证号码",
            "公民身份证号",
            "居民身份证号",
            "居民身份证号码",
            "身份证件号码",
            "身份证件号",
            "身份证",
            "证件号码",
            "证件号",
            "身份号码",
            "当事人身份证号",
            "当事人身份证号码",
            "当事人证件号码",
            "救助对象身份证号",
            "救助对象身份证号码",
            "申请人身份证号",
            "申请人身份证号码",
        ],
    ),
];

/// The most cells of a title row that has a day: two labels, each with a value.
const MOST_OF_A_TITLE: usize = 4;

/// Columns from which nothing is recorded: they are numbers of rows, or follow from the others.
const DERIVED: [&str; 5] = ["number", "late", "reply_due", "materials_late", "reopened"];

/// Returns a label of a site in the form in which it is compared: with its signs.
pub fn label_form(label: &str) -> String {
    exact(label)
}

/// What a cell is refused for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CellFault {
    /// The header of the column as the file has it; empty if the whole row is meant.
    pub column: String,
    /// What is wrong.
    pub message: Text,
    /// What to do.
    pub hint: Text,
}

/// A row of a ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerLine {
    /// Where it is.
    pub place: RowPlace,
    /// The text of each column that is filled in, by the name of the column.
    pub texts: BTreeMap<&'static str, String>,
    /// The headers of these columns, as the file has them.
    pub headers: BTreeMap<&'static str, String>,
}

/// A ledger that was read.
#[derive(Debug, Default)]
pub struct LedgerTable {
    /// Its rows, in the order of the file: what they say, or why they cannot be read.
    pub rows: Vec<(RowPlace, Result<LedgerLine, CellFault>)>,
    /// The headers of columns from which nothing is taken in, as the file has them.
    pub not_read: BTreeSet<String>,
    /// The sheets without the header of a ledger, each with the number of its rows.
    pub sheets_not_read: BTreeMap<String, u64>,
}

/// The words of a ledger: its headers, and labels of the site.
pub struct LedgerWords<'w> {
    /// The policy: aids and agencies.
    pub policy: &'w Policy,
    referrals: Option<&'w ExportSchema>,
    headers: BTreeMap<String, &'static str>,
    of_referrals: BTreeMap<String, &'static str>,
    labels: BTreeMap<(String, String), String>,
}

/// Whether a header, in the form in which headers are compared, is that of ID numbers.
pub fn is_national_id(form: &str) -> bool {
    let mut aliases = ALIASES.iter().filter(|(name, _)| *name == NATIONAL_ID);
    aliases.any(|(_, aliases)| aliases.iter().any(|alias| header_form(alias) == form))
}

/// Returns the names of the columns, as a site's own headers and labels name them.
pub fn fields() -> Vec<&'static str> {
    let own = COLUMNS.iter().map(|(name, ..)| *name);
    own.chain([NATIONAL_ID]).chain(OF_REFERRALS).collect()
}

impl<'w> LedgerWords<'w> {
    /// Returns the words that a policy, the schemas and a site have.
    pub fn of(policy: &'w Policy, schemas: &'w Schemas, site: &SiteWords) -> Self {
        let all = fields();
        let named = |field: &str| all.iter().copied().find(|name| *name == field);
        let referrals = schemas.get(REFERRALS);
        let mut headers = BTreeMap::new();
        for (name, zh, en) in COLUMNS {
            for header in [*name, *zh, *en] {
                headers.entry(header_form(header)).or_insert(*name);
            }
        }
        for (name, aliases) in ALIASES {
            for alias in *aliases {
                headers.entry(header_form(alias)).or_insert(*name);
            }
        }
        let mut of_referrals = BTreeMap::new();
        for field in referrals.iter().flat_map(|schema| &schema.fields) {
            let name = match field.name.as_str() {
                // What the register calls a lead.
                "referral_number" => Some("lead"),
                name => named(name),
            };
            let Some(name) = name else { continue };
            let own = [
                field.name.as_str(),
                field.title.zh.as_str(),
                field.title.en.as_str(),
            ];
            let aliases = field.aliases.iter().map(String::as_str);
            for header in own.into_iter().chain(aliases) {
                of_referrals.entry(header_form(header)).or_insert(name);
            }
        }
        for (header, field) in &site.headers {
            if let Some(name) = named(&field.value) {
                headers.insert(header_form(header), name);
                of_referrals.insert(header_form(header), name);
            }
        }
        let labels = site.labels.iter().map(|label| {
            let key = (label.field.value.clone(), exact(&label.label.value));
            (key, label.code.value.clone())
        });
        LedgerWords {
            policy,
            referrals,
            headers,
            of_referrals,
            labels: labels.collect(),
        }
    }

    /// Returns the columns of a header; `None` for every other row.
    fn columns(&self, forms: &[&str]) -> Option<Vec<Option<&'static str>>> {
        let read = |headers: &BTreeMap<String, &'static str>| -> Vec<Option<&'static str>> {
            let columns = forms.iter().map(|form| headers.get(*form).copied());
            columns.collect()
        };
        let has = |columns: &[Option<&str>], name: &str| columns.contains(&Some(name));
        let referrals = read(&self.of_referrals);
        if has(&referrals, "state") && has(&referrals, "aid") && has(&referrals, "state_on") {
            return Some(referrals);
        }
        let ledger = read(&self.headers);
        let names_whom = ["lead", "person", "name", NATIONAL_ID];
        let is_header = names_whom.iter().any(|name| has(&ledger, name))
            && (has(&ledger, "aid") || has(&ledger, "lead"))
            && ledger.iter().flatten().count() > 2;
        is_header.then_some(ledger)
    }

    /// Reads a file.
    ///
    /// # Errors
    /// If it cannot be read, or has no header.
    pub fn read(&self, path: &Path) -> Result<LedgerTable, Faults> {
        let expected = Text::new(
            "台账的表头须有 姓名（或线索编号、人员编号）、拟救助项目、发现日期 等列；移送登记的表头须有 救助项目、移送状态、状态日期。本地表头可用 --reading 指明",
            "the header of a ledger names a name (or lead, person), an aid and a day of finding; that of a referrals export an aid, a state and its day. Name headers of your own with --reading",
        );
        let mut read = LedgerTable::default();
        let is_header = |forms: &[&str]| self.columns(forms).is_some();
        // Sheets whose names are shown alike are told apart by their places.
        type Sheet = Option<(usize, String)>;
        let mut with_header: BTreeSet<Sheet> = BTreeSet::new();
        let mut above: BTreeMap<Sheet, Vec<(RowPlace, bool)>> = BTreeMap::new();
        table::read(path, &is_header, &expected, &mut |row| {
            let sheet = &row.place.sheet;
            if row.headers.is_empty() {
                let above = above.entry(sheet.clone()).or_default();
                above.push((row.place.clone(), self.is_like_a_row(row)));
                return;
            }
            if !with_header.contains(sheet) {
                with_header.insert(sheet.clone());
            }
            let forms: Vec<&str> = row
                .headers
                .iter()
                .map(|header| header.form.as_str())
                .collect();
            let Some(columns) = self.columns(&forms) else {
                return;
            };
            let line = self.line(row, &columns, &mut read.not_read);
            if !matches!(&line, Ok(line) if line.texts.is_empty()) {
                read.rows.push((row.place.clone(), line));
            }
        })?;
        for (sheet, above) in above {
            match sheet {
                // A sheet that is no ledger: the choices of drop-downs.
                Some((_, name)) if !with_header.contains(&sheet) => {
                    *read.sheets_not_read.entry(name.clone()).or_default() += above.len() as u64;
                }
                // Titles, and rows that were sorted together with the header.
                _ => {
                    let rows = above.into_iter().filter(|(_, is_row)| *is_row);
                    let fault = || CellFault {
                        column: String::new(),
                        message: WhyRefused::NoHeader.text(),
                        hint: Text::default(),
                    };
                    read.rows
                        .extend(rows.map(|(place, _)| (place, Err(fault()))));
                }
            }
        }
        read.rows.sort_by(|(one, _), (other, _)| one.cmp(other));
        Ok(read)
    }

    /// Whether a row above the header is a row of a ledger, and no title, legend or second header:
    /// a cell has the number of a lead or a person or an ID number, or one is an aid and another a
    /// day. Of many cells one of these is enough, but in a legend.
    fn is_like_a_row(&self, row: &TableRow<'_>) -> bool {
        let Ok(cells) = row.cells.as_ref() else {
            return true;
        };
        let texts = cells.iter().filter_map(PlainCell::text);
        let texts: Vec<&str> = texts.filter(|text| !text.trim().is_empty()).collect();
        let has_day = || texts.iter().any(|text| table::day(text).is_some());
        let has_id = texts.iter().any(|text| {
            let mut numbers = find(text).into_iter();
            numbers.any(|number| number.kind == NumberKind::NationalId)
        });
        let aids = texts
            .iter()
            .filter(|text| self.aids(text).is_some())
            .count();
        let is_legend = texts
            .first()
            .is_some_and(|text| text.trim_end().ends_with(['：', ':']));
        let is_wide = texts.len() > MOST_OF_A_TITLE && (has_day() || aids == 1) && !is_legend;
        let is_row = texts.len() > 2 && aids > 0 && has_day();
        table::states_number(cells) || has_id || is_wide || is_row
    }

    fn line(
        &self,
        row: &TableRow<'_>,
        columns: &[Option<&'static str>],
        not_read: &mut BTreeSet<String>,
    ) -> Result<LedgerLine, CellFault> {
        let texts = row.texts().map_err(|bad| {
            let bad = bad.into_iter().next();
            let (column, why) = bad.map_or((String::new(), WhyRefused::Row), |bad| {
                (bad.column, bad.why)
            });
            CellFault {
                column,
                message: why.text(),
                hint: Text::default(),
            }
        })?;
        let mut line = LedgerLine {
            place: row.place.clone(),
            texts: BTreeMap::new(),
            headers: BTreeMap::new(),
        };
        for (place, text) in texts {
            let name = columns.get(place).copied().flatten();
            let Some(name) = name.filter(|name| !DERIVED.contains(name)) else {
                if name.is_none() {
                    let header = row.column(place);
                    not_read.insert(match header.is_empty() {
                        true => format!("（{}）", place + 1),
                        false => header,
                    });
                }
                continue;
            };
            // Cells have line breaks where a clerk pressed Alt and Enter.
            let text: String = text
                .chars()
                .map(|c| if c.is_control() { ' ' } else { c })
                .collect();
            if line.texts.insert(name, text).is_some() {
                return Err(CellFault {
                    column: row.column(place),
                    message: WhyRefused::TwoColumns.text(),
                    hint: Text::default(),
                });
            }
            line.headers.insert(name, row.column(place));
        }
        Ok(line)
    }

    /// Returns the code that a label of the site means in a field. A label is the whole text with
    /// its signs: `×` and `√` are other labels, and so are `×同意` and `同意`.
    fn site_code(&self, field: &str, text: &str) -> Option<&str> {
        let key = (field.to_owned(), exact(text));
        self.labels.get(&key).map(String::as_str)
    }

    /// Returns the ids of the aids that a cell names; `None` if one is not known.
    pub fn aids(&self, text: &str) -> Option<Vec<String>> {
        if let Some(aid) = self.aid(text) {
            return Some(vec![aid]);
        }
        let parts = text
            .split(['、', '；', ';', '，', ',', '+', '\n'])
            .map(str::trim);
        let parts = parts.filter(|part| !part.is_empty());
        let mut aids: Vec<String> = parts.map(|part| self.aid(part)).collect::<Option<_>>()?;
        aids.sort();
        aids.dedup();
        (!aids.is_empty()).then_some(aids)
    }

    fn aid(&self, text: &str) -> Option<String> {
        if let Some(code) = self.site_code("aid", text) {
            return Some(code.to_owned());
        }
        let words = self.policy.aids.iter().flat_map(|aid| {
            let id = aid.id.as_str();
            [id, &aid.title.zh, &aid.title.en].map(|word| (id, word))
        });
        let aid = pick(text, words).map(str::to_owned);
        aid.or_else(|| self.code("aid", text))
    }

    /// Returns the id of the agency that a cell names.
    pub fn agency(&self, text: &str) -> Option<String> {
        if let Some(code) = self.site_code("agency", text) {
            return Some(code.to_owned());
        }
        let words = self.policy.agencies.iter().flat_map(|agency| {
            let id = agency.id.as_str();
            [id, &agency.name.zh, &agency.name.en].map(|word| (id, word))
        });
        pick(text, words).map(str::to_owned)
    }

    /// Returns the code of a label in the schema of referrals.
    pub fn code(&self, field: &str, text: &str) -> Option<String> {
        if let Some(code) = self.site_code(field, text) {
            return Some(code.to_owned());
        }
        let field = self.referrals?.field(field)?;
        let label = uniform_label(text);
        let own = field
            .codes
            .as_ref()
            .is_some_and(|codes| codes.contains(&label));
        match own {
            true => Some(label),
            false => field.raw_codes.get(&label).cloned(),
        }
    }

    /// Returns a choice that a cell names: by its code, its word in either language, or a label
    /// of the site.
    ///
    /// # Errors
    /// If it names none of them.
    pub fn choice<T: Copy + PartialEq>(
        &self,
        line: &LedgerLine,
        field: &'static str,
        all: &[(T, &str, Text)],
    ) -> Result<Option<T>, CellFault> {
        let Some(text) = line.texts.get(field) else {
            return Ok(None);
        };
        let words = all
            .iter()
            .flat_map(|(one, code, words)| [*code, &words.zh, &words.en].map(|word| (*one, word)));
        match pick(self.site_code(field, text).unwrap_or(text), words) {
            Some(one) => Ok(Some(one)),
            None => {
                let zh: Vec<&str> = all.iter().map(|(_, _, words)| words.zh.as_str()).collect();
                let en: Vec<&str> = all.iter().map(|(_, _, words)| words.en.as_str()).collect();
                Err(line.fault(
                    field,
                    Text::new("此栏的内容无法识别", "what this column says is not known"),
                    Text::new(
                        format!("可填：{}。本地用语可用 --reading 指明", zh.join("、")),
                        format!(
                            "one of: {}. Name words of your own with --reading",
                            en.join(", ")
                        ),
                    ),
                ))
            }
        }
    }

    /// Returns the finding of a row.
    ///
    /// # Errors
    /// If the cell is no finding.
    pub fn finding(
        &self,
        line: &LedgerLine,
    ) -> Result<Option<aidlink_register::decision::Finding>, CellFault> {
        let Some(text) = line.texts.get("finding") else {
            return Ok(None);
        };
        let text = self.site_code("finding", text).unwrap_or(text);
        finding(text).map(Some).ok_or_else(|| {
            let (message, hint) = (WhyRefused::UnknownDecision.text(), Text::default());
            line.fault("finding", message, hint)
        })
    }

    /// Returns the reason in a column of a row.
    ///
    /// # Errors
    /// If the cell is no reason.
    pub fn reason(
        &self,
        line: &LedgerLine,
        field: &str,
    ) -> Result<Option<aidlink_register::decision::Reason>, CellFault> {
        let Some(text) = line.texts.get(field) else {
            return Ok(None);
        };
        let text = self.site_code(field, text).unwrap_or(text);
        reason(text).map(Some).ok_or_else(|| {
            let (message, hint) = (WhyRefused::UnknownReason.text(), Text::default());
            line.fault(field, message, hint)
        })
    }
}

/// Whether a cell only says that a step is late, in the words of
/// [`Cell::late_word`](aidlink_register::ledger::Cell) or nearly so, and perhaps that it is not
/// done. An office may write beside them when it was done: that is no such cell.
fn is_late_word(text: &str) -> bool {
    let text = folded(text);
    if let Some(rest) = text.strip_prefix("逾期") {
        let units = ["个工作日", "工作日", "天", "日"];
        let rest = after_number(rest, &units).unwrap_or(rest);
        let not_done = rest.strip_prefix('未').map(|done| STEPS.contains(&done));
        return not_done.unwrap_or(rest.is_empty());
    }
    let units = ["workingdays", "workingday"];
    let number = text.strip_prefix("lateby");
    text == "late" || number.and_then(|number| after_number(number, &units)) == Some("")
}

/// What an office says that it has not done.
const STEPS: [&str; 35] = [
    "", "核查", "核实", "征询", "告知", "审批", "批准", "移送", "送达", "报送", "报", "送", "签收",
    "收到", "办理", "办结", "办", "落实", "发放", "反馈", "回复", "答复", "回访", "结案", "移交",
    "转交", "转办", "处理", "完成", "救助", "接收", "受理", "审核", "登记", "到账",
];

/// Returns what stands behind a number of these units, and `None` if no such number is in front.
fn after_number<'t>(text: &'t str, units: &[&str]) -> Option<&'t str> {
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let is_counted = unit.len() < text.len();
    let mut units = units.iter().filter(|_| is_counted);
    units.find_map(|of| unit.strip_prefix(of))
}

impl LedgerLine {
    /// Returns the fault of a column.
    pub fn fault(&self, field: &str, message: Text, hint: Text) -> CellFault {
        let column = self.headers.get(field).cloned();
        let header = || {
            let mut columns = COLUMNS.iter();
            let column = columns.find(|(name, ..)| *name == field);
            column.map_or_else(String::new, |(_, zh, _)| (*zh).to_owned())
        };
        CellFault {
            column: column.unwrap_or_else(header),
            message,
            hint,
        }
    }

    /// Returns the text of a column.
    pub fn text(&self, field: &str) -> Option<&str> {
        self.texts.get(field).map(String::as_str)
    }

    /// Returns the texts of a column that several may be in.
    pub fn list(&self, field: &str) -> Vec<String> {
        let texts = self.text(field).unwrap_or_default().split(['；', ';']);
        let texts = texts.map(str::trim).filter(|text| !text.is_empty());
        texts.map(str::to_owned).collect()
    }

    /// Returns the day of a column. The words with which this program marks a cell as late are no
    /// day.
    ///
    /// # Errors
    /// If the cell is no day.
    pub fn day(&self, field: &str) -> Result<Option<Date>, CellFault> {
        let Some(text) = self.text(field) else {
            return Ok(None);
        };
        if is_late_word(text) {
            return Ok(None);
        }
        table::day(text).map(Some).ok_or_else(|| {
            self.fault(
                field,
                Text::new("不是日期", "this is not a day"),
                Text::new("日期写法如 2026-10-08", "write a day such as 2026-10-08"),
            )
        })
    }

    /// Returns the amount of a column.
    ///
    /// # Errors
    /// If the cell is no amount in yuan.
    pub fn amount(&self, field: &str) -> Result<Option<Amount>, CellFault> {
        let Some(text) = self.text(field) else {
            return Ok(None);
        };
        let plain = uniform(text);
        let plain = plain.trim().trim_end_matches('元').trim_end();
        Amount::parse(plain).map(Some).ok_or_else(|| {
            self.fault(
                field,
                Text::new("不是金额", "this is not an amount"),
                Text::new(
                    "金额以元为单位，如 1200 或 1200.50",
                    "an amount in yuan, such as 1200 or 1200.50",
                ),
            )
        })
    }
}
