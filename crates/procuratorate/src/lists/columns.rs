//! The columns of a match list, and its rows as they are written and read.
//!
//! Only this module converts a [`ListRow`] to cells and back, so that code that
//! checks lists does not depend on column positions or the wording of cells.
//! Cells that were changed by hand are kept ([`Cell::AsFound`]): writing a row
//! that was read gives the same cells again.

use aidlink_agency::spreadsheet_csv::safe_cell;
use aidlink_contract::grade::Grade;
use aidlink_faults::text::{Language, Text};
use aidlink_policy::calendar::Calendar;
use aidlink_policy::pack::{Aid, DeadlineStart, Policy, PolicyDeadline};
use aidlink_policy::schema::ExportSchema;
use jiff::civil::Date;

use super::earlier::Status;
use super::marking::{Marking, in_language};

/// The columns in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    /// The lead's number: that of the person, and the aid.
    LeadNumber,
    /// How soon the lead must be checked.
    Urgency,
    /// How sure the lead is.
    Grade,
    /// What the lead is to the register: new, carried or open again. Empty without a register.
    Status,
    /// The list fields of the case parties' schema, one column each.
    CaseFields,
    /// The aid with its citations.
    Aid,
    /// Rules of the aid that are yes.
    Grounds,
    /// Rules of the aid that are indicated or unknown.
    Unknown,
    /// Exclusion rules that are yes.
    Exclusions,
    /// Priority rules that are yes.
    Priority,
    /// What a person must check, marks first.
    ToCheck,
    /// The day of issue.
    IssuedOn,
    /// The deadline.
    ActBy,
    /// What is to be known of the deadline.
    AboutActBy,
    /// How an earlier lead ended, and why the person is a lead again.
    WhyAgain,
    /// The last decision on the lead in the register.
    LastDecision,
    /// The decision, filled in by the person who decides.
    Decision,
    /// The reason for the decision.
    Reason,
    /// Who decided.
    DecidedBy,
    /// When it was decided.
    DecidedOn,
    /// The rules that are yes, with policy and version.
    Rules,
    /// Empty; the header of this column is the confidentiality marking.
    Marking,
}

impl Column {
    /// Every column in order. Other programs read lists by this order and by the headers:
    /// a change of either is a new version of the form in docs/formats.md.
    pub const ALL: [Column; 22] = [
        Column::LeadNumber,
        Column::Urgency,
        Column::Grade,
        Column::Status,
        Column::CaseFields,
        Column::Aid,
        Column::Grounds,
        Column::Unknown,
        Column::Exclusions,
        Column::Priority,
        Column::ToCheck,
        Column::IssuedOn,
        Column::ActBy,
        Column::AboutActBy,
        Column::WhyAgain,
        Column::LastDecision,
        Column::Decision,
        Column::Reason,
        Column::DecidedBy,
        Column::DecidedOn,
        Column::Rules,
        Column::Marking,
    ];

    /// The columns of lists of version 0.1, in their order.
    const OF_VERSION_0_1: [Column; 17] = [
        Column::LeadNumber,
        Column::Urgency,
        Column::CaseFields,
        Column::Aid,
        Column::Grounds,
        Column::Unknown,
        Column::Exclusions,
        Column::Priority,
        Column::ToCheck,
        Column::IssuedOn,
        Column::ActBy,
        Column::Rules,
        Column::Decision,
        Column::Reason,
        Column::DecidedBy,
        Column::DecidedOn,
        Column::Marking,
    ];

    /// Returns the header of a column; `None` if it varies between lists. The
    /// headers of list fields come from the schema, and the marking says whether
    /// the list is provisional.
    pub fn header(self) -> Option<Text> {
        let (zh, en) = match self {
            Column::LeadNumber => ("线索编号", "Lead number"),
            Column::Urgency => ("轻重缓急", "Urgency"),
            Column::Grade => ("依据程度", "Grade"),
            Column::Status => ("线索状态", "Status"),
            Column::Aid => ("救助项目", "Aid"),
            Column::Grounds => ("依据和证据", "Grounds and evidence"),
            Column::Unknown => ("尚不明确的条件", "Conditions not yet known"),
            Column::Exclusions => (
                "一般不予救助的情形（须核查）",
                "Reasons against (to be checked)",
            ),
            Column::Priority => ("优先对象", "Priority groups"),
            Column::ToCheck => ("核查事项", "What to check"),
            Column::IssuedOn => ("签发日期", "Issued on"),
            Column::ActBy => ("办理期限", "Act by"),
            Column::AboutActBy => ("期限说明", "About the deadline"),
            Column::WhyAgain => ("重新列出原因", "Why listed again"),
            Column::LastDecision => ("上次核查结论", "Last decision"),
            Column::Rules => ("规则", "Rules"),
            Column::Decision => ("核查结论", "Decision"),
            Column::Reason => ("理由", "Reason"),
            Column::DecidedBy => ("核查人", "Decided by"),
            Column::DecidedOn => ("核查日期", "Decided on"),
            Column::CaseFields | Column::Marking => return None,
        };
        Some(Text::new(zh, en))
    }
}

/// Returns the header of the column for remarks, which only review workbooks have.
pub(crate) fn remark_header() -> Text {
    Text::new("备注", "Remark")
}

/// The form of a round's lists: their language, and the fields of the case
/// parties that they show.
#[derive(Clone, Debug)]
pub struct ListForm {
    /// The language of headers, titles and remarks.
    pub language: Language,
    /// The titles of the list fields, in the schema's order.
    case_fields: Vec<Text>,
    columns: Columns,
}

/// Which columns lists have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Columns {
    Current,
    /// Those of [`Column::OF_VERSION_0_1`]. The deadline and its remark are in one cell.
    OfVersion0_1,
}

impl ListForm {
    /// Creates the form of lists in a language from the schema of the case
    /// parties.
    pub fn of(cases: &ExportSchema, language: Language) -> Self {
        ListForm {
            language,
            case_fields: cases
                .list_fields()
                .map(|field| field.title.clone())
                .collect(),
            columns: Columns::Current,
        }
    }

    /// Returns the form of lists that version 0.1 wrote. They are read, and no longer
    /// written.
    pub fn of_version_0_1(self) -> Self {
        ListForm {
            columns: Columns::OfVersion0_1,
            ..self
        }
    }

    /// Returns whether lists have a column for the grade.
    pub fn has_grade(&self) -> bool {
        self.columns == Columns::Current
    }

    fn columns(&self) -> impl Iterator<Item = Column> + use<> {
        let columns: &'static [Column] = match self.columns {
            Columns::Current => &Column::ALL,
            Columns::OfVersion0_1 => &Column::OF_VERSION_0_1,
        };
        columns.iter().copied()
    }

    /// Returns the number of columns of a list.
    pub fn width(&self) -> usize {
        self.columns().count() - 1 + self.case_fields.len()
    }

    /// Returns the header row of a list.
    pub fn header(&self, marking: &Marking) -> Vec<String> {
        let mut header = Vec::new();
        for column in self.columns() {
            match column {
                Column::CaseFields => header.extend(
                    self.case_fields
                        .iter()
                        .map(|title| self.translate(title).to_owned()),
                ),
                Column::Marking => header.push(marking.cell(self.language)),
                column => {
                    header.extend(column.header().map(|text| self.translate(&text).to_owned()))
                }
            }
        }
        header
    }

    /// Returns whether a row is the header row of a list, with any marking.
    pub fn has_header(&self, header: &[String]) -> bool {
        let expected = self.header(&Marking::default());
        let (Some((_, expected)), Some((_, found))) = (expected.split_last(), header.split_last())
        else {
            return false;
        };
        expected
            .iter()
            .map(|cell| safe_cell(cell))
            .eq(found.iter().cloned())
    }

    /// Returns the marking in the header row of a list.
    pub fn marking(&self, header: &[String]) -> Option<Marking> {
        Marking::parse(header.last()?, self.language)
    }

    fn grade(&self, grade: Option<Grade>) -> String {
        grade.map_or_else(String::new, |grade| {
            self.translate(&grade.title()).to_owned()
        })
    }

    fn status(&self, status: Option<Status>) -> String {
        status.map_or_else(String::new, |status| {
            self.translate(&status.text()).to_owned()
        })
    }

    fn translate<'t>(&self, text: &'t Text) -> &'t str {
        text.in_language(self.language)
    }
}

/// The parsed value of a cell, or its text if it cannot be parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell<T> {
    /// The value of the cell.
    Read(T),
    /// The text of a cell that aidlink did not write in this form.
    AsFound(String),
}

impl<T> Cell<T> {
    /// Returns the value, if the cell could be parsed.
    pub fn value(&self) -> Option<&T> {
        match self {
            Cell::Read(value) => Some(value),
            Cell::AsFound(_) => None,
        }
    }

    /// Parses a cell. A value is accepted only if writing it gives the same text.
    fn read(
        text: &str,
        parse: impl Fn(&str) -> Option<T>,
        write: impl Fn(&T) -> String,
    ) -> Cell<T> {
        match parse(text) {
            Some(value) if write(&value) == text => Cell::Read(value),
            _ => Cell::AsFound(text.to_owned()),
        }
    }

    fn write(&self, write: impl Fn(&T) -> String) -> String {
        match self {
            Cell::Read(value) => write(value),
            Cell::AsFound(text) => text.clone(),
        }
    }
}

/// How soon a lead must be checked; the most urgent comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// A rule that makes leads urgent is yes or indicated.
    Urgent,
    /// A priority rule is yes.
    Priority,
    /// Neither urgent nor priority.
    Ordinary,
}

impl Urgency {
    const ALL: [Urgency; 3] = [Urgency::Urgent, Urgency::Priority, Urgency::Ordinary];

    /// Returns the text of the cell, which sorts by urgency.
    pub fn text(self) -> Text {
        match self {
            Urgency::Urgent => Text::new("1 紧急", "1 urgent"),
            Urgency::Priority => Text::new("2 优先", "2 priority"),
            Urgency::Ordinary => Text::new("3 一般", "3 ordinary"),
        }
    }
}

/// An aid as shown on lists: its title, and its citations in brackets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CitedAid(String);

impl CitedAid {
    /// Creates the text for an aid of a policy.
    pub fn of(policy: &Policy, aid: &Aid, language: Language) -> Self {
        let title = aid.title.in_language(language);
        let citations = citations(policy, &aid.cites, language);
        CitedAid(safe_cell(&format!("{title}〔{citations}〕")))
    }

    /// Returns the text.
    pub(super) fn text(&self) -> &str {
        &self.0
    }
}

/// Returns citations joined, with the short names of their documents.
pub fn citations(policy: &Policy, cites: &[String], language: Language) -> String {
    let cites = policy.citations_on_lists(cites).into_iter();
    let cites: Vec<String> = cites
        .map(|cite| cite.in_language(language).to_owned())
        .collect();
    cites.join("、")
}

/// A mark at the start of what a person must check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mark {
    /// Whether the person receives the aid already could not be verified.
    ReceiptNotVerified,
    /// Whether the person was referred before could not be verified.
    ReferralNotVerified,
    /// Whether the person qualifies depends on conditions not yet known. Only on lists
    /// of version 0.1, which have no grade.
    Review,
    /// The titles of columns of the case row that could not be read.
    Unreadable(String),
    /// The numbers of the other leads of the same case for this aid, which a household
    /// gets as a whole.
    SameCase(String),
}

impl Mark {
    const FIXED: [Mark; 3] = [
        Mark::ReceiptNotVerified,
        Mark::ReferralNotVerified,
        Mark::Review,
    ];
    const UNREADABLE: [&'static str; 2] = [
        "案件导出中无法读取的列：",
        "columns of the case row that could not be read: ",
    ];

    const SAME_CASE: [&'static str; 2] = [
        "同案线索（也可能在未成年人清单上），请核实是否同户，同户的按一户办理：",
        "same case (also on the list of minors), household to be checked: if it is one, handle it once; leads ",
    ];

    /// Returns the mark as lists show it.
    pub(super) fn text(&self) -> Text {
        let [zh, en] = [Language::Chinese, Language::English].map(|language| self.write(language));
        Text::new(zh, en)
    }

    fn write(&self, language: Language) -> String {
        let text = match self {
            Mark::ReceiptNotVerified => ["是否已在领取未能核实", "receipt not verified"],
            Mark::ReferralNotVerified => {
                ["此前是否已转介未能核实", "earlier referral not verified"]
            }
            Mark::Review => [
                "是否符合条件取决于尚不明确的条件",
                "whether the person qualifies depends on the conditions not yet known",
            ],
            Mark::Unreadable(columns) => {
                return format!("【{}{columns}】", in_language(Mark::UNREADABLE, language));
            }
            Mark::SameCase(numbers) => {
                return format!("【{}{numbers}】", in_language(Mark::SAME_CASE, language));
            }
        };
        format!("【{}】", in_language(text, language))
    }

    /// Splits the mark at the start of a text from the rest.
    fn split_from(text: &str, language: Language) -> Option<(Mark, &str)> {
        for mark in Mark::FIXED {
            if let Some(rest) = text.strip_prefix(&mark.write(language)) {
                return Some((mark, rest));
            }
        }
        let text = text.strip_prefix('【')?;
        let listed = |words| {
            let rest = text.strip_prefix(in_language(words, language))?;
            let (listed, rest) = rest.split_once('】')?;
            Some((listed.to_owned(), rest))
        };
        if let Some((columns, rest)) = listed(Mark::UNREADABLE) {
            return Some((Mark::Unreadable(columns), rest));
        }
        let (numbers, rest) = listed(Mark::SAME_CASE)?;
        Some((Mark::SameCase(numbers), rest))
    }
}

/// What a person must check: marks, then the checks of the rules and the aid.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ToCheck {
    /// The marks.
    pub marks: Vec<Mark>,
    /// The checks of the rules and the aid, joined by `；`.
    pub checks: String,
}

impl ToCheck {
    /// Returns whether there is nothing to check.
    pub fn is_empty(&self) -> bool {
        self.marks.is_empty() && self.checks.trim().is_empty()
    }

    pub(super) fn write(&self, language: Language) -> String {
        let marks = self.marks.iter().map(|mark| mark.write(language));
        marks.collect::<String>() + &self.checks
    }

    fn parse(text: &str, language: Language) -> Self {
        let mut marks = Vec::new();
        let mut rest = text;
        while let Some((mark, after)) = Mark::split_from(rest, language) {
            marks.push(mark);
            rest = after;
        }
        ToCheck {
            marks,
            checks: rest.to_owned(),
        }
    }
}

/// The day by which somebody must act, with its remark. The list's day of issue is all
/// that is known when a list is written, so a period that runs from another day is counted
/// from that one, and the remark says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ActBy {
    /// The day.
    pub on: Date,
    /// What the period runs from.
    pub from: DeadlineStart,
    /// Whether a year of the period was not in the calendar when the list was
    /// issued.
    pub calendar_open: bool,
}

impl ActBy {
    /// Returns the day by which a lead on a list of this day must be acted on. `None` if
    /// the policy sets no number of days.
    pub fn of(deadline: &PolicyDeadline, issued_on: Date, calendar: &Calendar) -> Option<ActBy> {
        let counted = deadline.counted_from_issue(issued_on, calendar)?;
        Some(ActBy {
            on: counted.on,
            from: deadline.from,
            calendar_open: counted.provisional,
        })
    }

    /// Returns whether the day is not final.
    pub fn is_provisional(&self) -> bool {
        let is_known = matches!(
            self.from,
            DeadlineStart::Confirmation | DeadlineStart::Issue
        );
        self.calendar_open || !is_known
    }

    /// Returns what a reader must know of the day.
    pub(super) fn note(self) -> Text {
        match (self.from, self.calendar_open) {
            (DeadlineStart::Confirmation, false) => {
                Text::new("以核查确认为准", "counts once confirmed")
            }
            (DeadlineStart::Receipt, false) => Text::new(
                "暂定：自收到线索之日起算",
                "provisional: runs from receipt of the lead",
            ),
            (DeadlineStart::Issue, false) => {
                Text::new("自清单签发之日起算", "runs from the issue of the list")
            }
            (DeadlineStart::Confirmation, true) => Text::new(
                "暂定：当年放假安排未公布",
                "provisional: that year's calendar is not out",
            ),
            (DeadlineStart::Receipt, true) => Text::new(
                "暂定：自收到线索之日起算，且当年放假安排未公布",
                "provisional: runs from receipt of the lead, and that year's calendar is not out",
            ),
            (DeadlineStart::Issue, true) => Text::new(
                "暂定：自清单签发之日起算，且当年放假安排未公布",
                "provisional: runs from the issue of the list, and that year's calendar is not out",
            ),
            (
                from @ (DeadlineStart::Sending | DeadlineStart::Reply | DeadlineStart::Delivery),
                open,
            ) => {
                let from = from.title();
                let (zh, en) = match open {
                    true => (
                        "，且当年放假安排未公布",
                        ", and that year's calendar is not out",
                    ),
                    false => ("", ""),
                };
                Text::new(
                    format!("暂定：{}起算{zh}", from.zh),
                    format!("provisional: runs {}{en}", from.en),
                )
            }
        }
    }

    /// Returns the remark in the cell of the day on lists of version 0.1, whose deadlines
    /// all run from confirmation.
    fn remark_of_version_0_1(self, language: Language) -> &'static str {
        let remark = if self.calendar_open {
            [
                "（暂定：当年放假安排未公布）",
                " (provisional: that year's calendar is not out)",
            ]
        } else {
            ["（以核查确认为准）", " (counts once confirmed)"]
        };
        in_language(remark, language)
    }

    /// Writes the day and its note as they stand in their cells.
    fn write(act_by: &Option<ActBy>, form: &ListForm) -> (String, String) {
        let Some(act_by) = act_by else {
            return (String::new(), String::new());
        };
        let day = act_by.on.to_string();
        match form.columns {
            Columns::Current => (day, form.translate(&act_by.note()).to_owned()),
            Columns::OfVersion0_1 => {
                let remark = act_by.remark_of_version_0_1(form.language);
                (format!("{day}{remark}"), String::new())
            }
        }
    }

    /// Parses the cells of the day and of its note. Returns `Some(None)` for empty cells,
    /// which mean that there is no deadline.
    fn parse(day: &str, note: &str, form: &ListForm) -> Option<Option<ActBy>> {
        if day.is_empty() && note.is_empty() {
            return Some(None);
        }
        let of = |from, calendar_open| {
            // The day is what stands before the remark.
            let known = ActBy {
                on: Date::ZERO,
                from,
                calendar_open,
            };
            let on = match form.columns {
                Columns::Current => day,
                Columns::OfVersion0_1 => {
                    day.strip_suffix(known.remark_of_version_0_1(form.language))?
                }
            };
            let on = on.parse().ok()?;
            let act_by = Some(ActBy { on, ..known });
            let is_it = ActBy::write(&act_by, form) == (day.to_owned(), note.to_owned());
            is_it.then_some(act_by)
        };
        let starts = DeadlineStart::ALL.into_iter();
        let mut all = starts.flat_map(|from| [(from, true), (from, false)]);
        all.find_map(|(from, open)| of(from, open))
    }
}

/// The rules of a lead that are yes, with their policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppliedRules {
    /// The policy's id.
    pub policy: String,
    /// The policy's version.
    pub version: String,
    /// The ids of the rules; empty if the lead rests only on unknown rules.
    pub rules: Vec<String>,
}

impl AppliedRules {
    /// Returns whether id and version are those of a policy and the policy has
    /// all the rules.
    pub fn belong_to(&self, policy: &Policy) -> bool {
        // Compare the written form: an id or a version may contain spaces.
        format!("{} {}", self.policy, self.version) == format!("{} {}", policy.id, policy.version)
            && self.rules.iter().all(|id| policy.rule(id).is_some())
    }

    pub(super) fn write(&self) -> String {
        let rules = self.rules.join(" ");
        format!("{} {}: {rules}", self.policy, self.version)
    }

    fn parse(text: &str) -> Option<Self> {
        let (policy, rules) = text.rsplit_once(": ")?;
        let (policy, version) = policy.split_once(' ')?;
        let rules = rules.split(' ').filter(|id| !id.is_empty());
        Some(AppliedRules {
            policy: policy.to_owned(),
            version: version.to_owned(),
            rules: rules.map(str::to_owned).collect(),
        })
    }
}

/// The cells that the person who decides fills in; empty when a list is issued.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decision {
    /// The decision.
    pub decision: String,
    /// The reason for it.
    pub reason: String,
    /// Who decided.
    pub by: String,
    /// When it was decided.
    pub on: String,
}

/// One lead on a list. Titles and remarks are in the list's language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListRow {
    /// The lead's number.
    pub number: String,
    /// How soon it must be checked.
    pub urgency: Cell<Urgency>,
    /// How sure it is; `None` on a list of version 0.1.
    pub grade: Cell<Option<Grade>>,
    /// What it is to the register; `None` without a register.
    pub status: Cell<Option<Status>>,
    /// The list fields of the case rows, in the schema's order.
    pub case_fields: Vec<String>,
    /// The aid.
    pub aid: CitedAid,
    /// The rules of the aid that are yes, by title.
    pub grounds: String,
    /// The rules of the aid that are indicated or unknown, by title.
    pub unknown: String,
    /// The exclusion rules that are yes, by title.
    pub exclusions: String,
    /// The priority rules that are yes, by title.
    pub priority: String,
    /// What must be checked.
    pub to_check: ToCheck,
    /// The day of issue.
    pub issued_on: Cell<Date>,
    /// The deadline, with what is to be known of it; `None` if it cannot be computed.
    pub act_by: Cell<Option<ActBy>>,
    /// The cell of what is to be known of the deadline, if the deadline could not be parsed;
    /// otherwise empty.
    pub about_act_by: String,
    /// How an earlier lead ended, and why the person is a lead again; empty if none ended.
    pub why_again: String,
    /// The last decision in the register; empty if there is none.
    pub last_decision: String,
    /// The rules that are yes.
    pub rules: Cell<AppliedRules>,
    /// The decision.
    pub decision: Decision,
    /// The cell below the marking; empty when a list is issued.
    pub below_marking: String,
}

impl ListRow {
    /// Returns the cells in the order of [`Column::ALL`].
    pub fn cells(&self, form: &ListForm) -> Vec<String> {
        let language = form.language;
        let mut cells = Vec::with_capacity(form.width());
        let (act_by, about_act_by) = match &self.act_by {
            Cell::Read(act_by) => ActBy::write(act_by, form),
            Cell::AsFound(day) => (day.clone(), self.about_act_by.clone()),
        };
        for column in form.columns() {
            cells.push(match column {
                Column::LeadNumber => self.number.clone(),
                Column::Urgency => self
                    .urgency
                    .write(|urgency| form.translate(&urgency.text()).to_owned()),
                Column::Grade => self.grade.write(|grade| form.grade(*grade)),
                Column::Status => self.status.write(|status| form.status(*status)),
                Column::CaseFields => {
                    cells.extend(self.case_fields.iter().cloned());
                    continue;
                }
                Column::Aid => self.aid.0.clone(),
                Column::Grounds => self.grounds.clone(),
                Column::Unknown => self.unknown.clone(),
                Column::Exclusions => self.exclusions.clone(),
                Column::Priority => self.priority.clone(),
                Column::ToCheck => self.to_check.write(language),
                Column::IssuedOn => self.issued_on.write(Date::to_string),
                Column::ActBy => act_by.clone(),
                Column::AboutActBy => about_act_by.clone(),
                Column::WhyAgain => self.why_again.clone(),
                Column::LastDecision => self.last_decision.clone(),
                Column::Rules => self.rules.write(AppliedRules::write),
                Column::Decision => self.decision.decision.clone(),
                Column::Reason => self.decision.reason.clone(),
                Column::DecidedBy => self.decision.by.clone(),
                Column::DecidedOn => self.decision.on.clone(),
                Column::Marking => self.below_marking.clone(),
            });
        }
        cells
    }

    /// Parses the cells of a row; `None` if their number is not the list's
    /// number of columns.
    pub fn parse(form: &ListForm, cells: &[String]) -> Option<Self> {
        if cells.len() != form.width() {
            return None;
        }
        let language = form.language;
        let mut cells = cells.iter().cloned();
        // Never runs out: the number of cells was checked above.
        let mut next = || cells.next().unwrap_or_default();
        let mut row = ListRow::empty();
        let mut act_by = String::new();
        let mut about_act_by = String::new();
        for column in form.columns() {
            match column {
                Column::LeadNumber => row.number = next(),
                Column::Urgency => {
                    row.urgency = Cell::read(
                        &next(),
                        |text| {
                            let of_text =
                                |urgency: &Urgency| form.translate(&urgency.text()) == text;
                            Urgency::ALL.into_iter().find(of_text)
                        },
                        |urgency| form.translate(&urgency.text()).to_owned(),
                    );
                }
                Column::Grade => {
                    row.grade = Cell::read(
                        &next(),
                        |text| {
                            let is_of_text = |grade: &Grade| form.grade(Some(*grade)) == text;
                            Grade::ALL.into_iter().find(is_of_text).map(Some)
                        },
                        |grade| form.grade(*grade),
                    );
                }
                Column::Status => {
                    row.status = Cell::read(
                        &next(),
                        |text| {
                            let is_of_text = |status: &Option<Status>| form.status(*status) == text;
                            let all = Status::ALL.into_iter().map(Some);
                            all.chain([None]).find(is_of_text)
                        },
                        |status| form.status(*status),
                    );
                }
                Column::CaseFields => {
                    row.case_fields = form.case_fields.iter().map(|_| next()).collect();
                }
                Column::Aid => row.aid = CitedAid(next()),
                Column::Grounds => row.grounds = next(),
                Column::Unknown => row.unknown = next(),
                Column::Exclusions => row.exclusions = next(),
                Column::Priority => row.priority = next(),
                Column::ToCheck => row.to_check = ToCheck::parse(&next(), language),
                Column::IssuedOn => {
                    row.issued_on = Cell::read(&next(), |text| text.parse().ok(), Date::to_string);
                }
                Column::ActBy => act_by = next(),
                Column::AboutActBy => about_act_by = next(),
                Column::WhyAgain => row.why_again = next(),
                Column::LastDecision => row.last_decision = next(),
                Column::Rules => {
                    row.rules = Cell::read(&next(), AppliedRules::parse, AppliedRules::write);
                }
                Column::Decision => row.decision.decision = next(),
                Column::Reason => row.decision.reason = next(),
                Column::DecidedBy => row.decision.by = next(),
                Column::DecidedOn => row.decision.on = next(),
                Column::Marking => row.below_marking = next(),
            }
        }
        match ActBy::parse(&act_by, &about_act_by, form) {
            Some(read) => row.act_by = Cell::Read(read),
            None => {
                row.act_by = Cell::AsFound(act_by);
                row.about_act_by = about_act_by;
            }
        }
        Some(row)
    }

    /// Returns a row without content.
    fn empty() -> Self {
        let nothing = String::new;
        ListRow {
            number: nothing(),
            urgency: Cell::AsFound(nothing()),
            grade: Cell::Read(None),
            status: Cell::Read(None),
            case_fields: Vec::new(),
            aid: CitedAid(nothing()),
            grounds: nothing(),
            unknown: nothing(),
            exclusions: nothing(),
            priority: nothing(),
            to_check: ToCheck::default(),
            issued_on: Cell::AsFound(nothing()),
            act_by: Cell::Read(None),
            about_act_by: nothing(),
            why_again: nothing(),
            last_decision: nothing(),
            rules: Cell::AsFound(nothing()),
            decision: Decision::default(),
            below_marking: nothing(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use aidlink_policy::schema::Schemas;

    use super::*;

    const LANGUAGES: [Language; 2] = [Language::Chinese, Language::English];

    fn project() -> std::path::PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
    }

    fn schemas() -> Schemas {
        Schemas::read(&project().join("schemas")).expect("the shipped schemas")
    }

    fn policy() -> Policy {
        Policy::read(&project().join("policies/shaoguan.toml"), &schemas())
            .expect("the shipped policy")
    }

    fn form(language: Language) -> ListForm {
        let schemas = schemas();
        let cases = schemas.get(aidlink_policy::pack::CASE_EXPORT);
        ListForm::of(cases.expect("the case parties"), language)
    }

    fn row(form: &ListForm) -> ListRow {
        let policy = policy();
        let aid = policy.aid("dibao").expect("an aid");
        ListRow {
            number: "K7M2-9QXD-dibao".to_owned(),
            urgency: Cell::Read(Urgency::Priority),
            grade: Cell::Read(Some(Grade::ToBeClarified)),
            status: Cell::Read(Some(Status::OpenAgain)),
            case_fields: (0..form.case_fields.len())
                .map(|index| format!("field {index}"))
                .collect(),
            aid: CitedAid::of(&policy, aid, form.language),
            grounds: "grounds".to_owned(),
            unknown: "unknown".to_owned(),
            exclusions: "exclusions".to_owned(),
            priority: "priority".to_owned(),
            to_check: ToCheck {
                marks: vec![Mark::ReceiptNotVerified],
                checks: "checks".to_owned(),
            },
            issued_on: Cell::Read(Date::constant(2026, 9, 30)),
            act_by: Cell::Read(Some(ActBy {
                on: Date::constant(2026, 10, 13),
                from: DeadlineStart::Confirmation,
                calendar_open: false,
            })),
            about_act_by: String::new(),
            why_again: "why".to_owned(),
            last_decision: "last".to_owned(),
            rules: Cell::Read(AppliedRules {
                policy: "shaoguan".to_owned(),
                version: "2".to_owned(),
                rules: vec!["j3_bereaved".to_owned(), "dibao_receiving".to_owned()],
            }),
            decision: Decision {
                decision: "decision".to_owned(),
                reason: "reason".to_owned(),
                by: "by".to_owned(),
                on: "on".to_owned(),
            },
            below_marking: String::new(),
        }
    }

    #[test]
    fn every_cell_is_below_its_header_in_both_languages() {
        let expected = [
            [
                ("线索编号", "K7M2-9QXD-dibao"),
                ("轻重缓急", "2 优先"),
                ("依据程度", "待核实"),
                ("线索状态", "重新列出"),
                ("案号", "field 0"),
                ("姓名", "field 1"),
                ("承办人", "field 2"),
                (
                    "救助项目",
                    "最低生活保障〔韶关意见 三(三)、韶关意见 二(三)〕",
                ),
                ("依据和证据", "grounds"),
                ("尚不明确的条件", "unknown"),
                ("一般不予救助的情形（须核查）", "exclusions"),
                ("优先对象", "priority"),
                ("核查事项", "【是否已在领取未能核实】checks"),
                ("签发日期", "2026-09-30"),
                ("办理期限", "2026-10-13"),
                ("期限说明", "以核查确认为准"),
                ("重新列出原因", "why"),
                ("上次核查结论", "last"),
                ("核查结论", "decision"),
                ("理由", "reason"),
                ("核查人", "by"),
                ("核查日期", "on"),
                ("规则", "shaoguan 2: j3_bereaved dibao_receiving"),
                ("保密：仅供核查", ""),
            ],
            [
                ("Lead number", "K7M2-9QXD-dibao"),
                ("Urgency", "2 priority"),
                ("Grade", "to be clarified"),
                ("Status", "open again"),
                ("Case number", "field 0"),
                ("Name", "field 1"),
                ("Handler", "field 2"),
                (
                    "Aid",
                    "Subsistence allowance (dibao)〔Shaoguan opinion 三(三)、Shaoguan opinion 二(三)〕",
                ),
                ("Grounds and evidence", "grounds"),
                ("Conditions not yet known", "unknown"),
                ("Reasons against (to be checked)", "exclusions"),
                ("Priority groups", "priority"),
                ("What to check", "【receipt not verified】checks"),
                ("Issued on", "2026-09-30"),
                ("Act by", "2026-10-13"),
                ("About the deadline", "counts once confirmed"),
                ("Why listed again", "why"),
                ("Last decision", "last"),
                ("Decision", "decision"),
                ("Reason", "reason"),
                ("Decided by", "by"),
                ("Decided on", "on"),
                ("Rules", "shaoguan 2: j3_bereaved dibao_receiving"),
                ("CONFIDENTIAL: for review only", ""),
            ],
        ];
        for (language, expected) in LANGUAGES.into_iter().zip(expected) {
            let form = form(language);
            let (header, cells) = (form.header(&Marking::default()), row(&form).cells(&form));
            let found = header.iter().zip(&cells);
            let found: Vec<(&str, &str)> = found.map(|(a, b)| (a.as_str(), b.as_str())).collect();
            assert_eq!(found, expected);
            assert_eq!((header.len(), cells.len()), (form.width(), form.width()));
        }
    }

    #[test]
    fn written_rows_are_read_back() {
        let act_by = DeadlineStart::ALL.into_iter().flat_map(|from| {
            [false, true].map(|calendar_open| ActBy {
                on: Date::constant(2027, 1, 4),
                from,
                calendar_open,
            })
        });
        let act_by: Vec<ActBy> = act_by.collect();
        let rules = |rules: &[&str]| AppliedRules {
            policy: "shaoguan".to_owned(),
            version: "1.2: draft".to_owned(),
            rules: rules.iter().map(|&rule| rule.to_owned()).collect(),
        };
        let marks = [
            vec![],
            vec![Mark::ReceiptNotVerified],
            vec![
                Mark::ReceiptNotVerified,
                Mark::ReferralNotVerified,
                Mark::Review,
                Mark::Unreadable("Role, Sealed".to_owned()),
                Mark::SameCase("2026Q3-00002, 2026Q3-00007".to_owned()),
            ],
        ];
        for language in LANGUAGES {
            let form = form(language);
            let mut rows = Vec::new();
            for urgency in Urgency::ALL {
                rows.push(ListRow {
                    urgency: Cell::Read(urgency),
                    ..row(&form)
                });
            }
            for grade in Grade::ALL {
                rows.push(ListRow {
                    grade: Cell::Read(Some(grade)),
                    ..row(&form)
                });
            }
            for act_by in act_by.iter().copied().map(Some).chain([None]) {
                rows.push(ListRow {
                    act_by: Cell::Read(act_by),
                    ..row(&form)
                });
            }
            for rules in [rules(&[]), rules(&["a"]), rules(&["a", "b", "c"])] {
                rows.push(ListRow {
                    rules: Cell::Read(rules),
                    ..row(&form)
                });
            }
            for marks in &marks {
                for checks in ["", "checks", "【checks】；more"] {
                    let (marks, checks) = (marks.clone(), checks.to_owned());
                    let to_check = ToCheck { marks, checks };
                    rows.push(ListRow {
                        to_check,
                        ..row(&form)
                    });
                }
            }
            for row in rows {
                assert_eq!(ListRow::parse(&form, &row.cells(&form)), Some(row));
            }
        }
    }

    #[test]
    fn a_changed_cell_is_kept_and_does_not_affect_others() {
        for language in LANGUAGES {
            let form = form(language);
            let written = row(&form).cells(&form);
            for index in 0..written.len() {
                for text in [
                    "",
                    "x",
                    "【",
                    "〔〕",
                    "2026-10-13",
                    "20261013",
                    "a: b",
                    "保密",
                ] {
                    let mut cells = written.clone();
                    cells[index] = text.to_owned();
                    let read = ListRow::parse(&form, &cells).expect("the right number of cells");
                    assert_eq!(read.cells(&form), cells);
                    let parsed = [
                        read.urgency.value().is_some(),
                        read.grade.value().is_some(),
                        read.issued_on.value().is_some(),
                        read.act_by.value().is_some(),
                        read.rules.value().is_some(),
                    ];
                    assert!(parsed.iter().filter(|parsed| !**parsed).count() <= 1);
                }
            }
            // A deadline without its note is not parsed, nor a note without a deadline.
            let deadline = written.iter().position(|cell| cell == "2026-10-13");
            let deadline = deadline.expect("the deadline");
            for (place, day) in [(deadline + 1, "2026-10-13"), (deadline, "")] {
                let mut cells = written.clone();
                cells[place].clear();
                let read = ListRow::parse(&form, &cells).expect("the right number of cells");
                assert_eq!(read.act_by, Cell::AsFound(day.to_owned()));
                assert_eq!(read.cells(&form), cells);
            }
            // A wrong number of cells is refused.
            let more = [&written[..], &[String::new()]].concat();
            assert_eq!(ListRow::parse(&form, &more), None);
            assert_eq!(ListRow::parse(&form, &written[1..]), None);
            assert_eq!(ListRow::parse(&form, &[]), None);
        }
    }

    #[test]
    fn lists_of_version_0_1_are_read_without_a_grade() {
        for language in LANGUAGES {
            let form = form(language);
            let old = form.clone().of_version_0_1();
            // Without the grade and what the register says, with the remark in the cell of the
            // deadline, and with the rules before the decision.
            let place = |column: Column| Column::ALL.iter().position(|other| *other == column);
            let place = |column| {
                let at = place(column).expect("a column");
                let fields = form.case_fields.len() - 1;
                at + if at > place(Column::CaseFields).expect("a column") {
                    fields
                } else {
                    0
                }
            };
            let as_old = |mut cells: Vec<String>| {
                let rules = cells.remove(place(Column::Rules));
                cells[place(Column::AboutActBy)] = rules;
                // From the last, so that the others keep their places.
                for column in [
                    Column::LastDecision,
                    Column::WhyAgain,
                    Column::Status,
                    Column::Grade,
                ] {
                    cells.remove(place(column));
                }
                cells
            };
            let header = form.header(&Marking::default());
            assert_eq!(old.width(), form.width() - 5);
            assert_eq!(old.header(&Marking::default()), as_old(header.clone()));
            assert!(old.has_header(&as_old(header.clone())) && !old.has_header(&header));
            assert!(!form.has_header(&as_old(header)));
            for calendar_open in [false, true] {
                let act_by = ActBy {
                    on: Date::constant(2026, 10, 13),
                    from: DeadlineStart::Confirmation,
                    calendar_open,
                };
                let row = ListRow {
                    act_by: Cell::Read(Some(act_by)),
                    ..row(&form)
                };
                let mut written = row.cells(&form);
                written[place(Column::ActBy)] += act_by.remark_of_version_0_1(language);
                let written = as_old(written);
                let read = ListRow::parse(&old, &written).expect("the right number of cells");
                assert_eq!(read.grade, Cell::Read(None));
                assert_eq!(read.act_by, Cell::Read(Some(act_by)));
                assert_eq!(read.rules, row.rules);
                assert_eq!(read.decision, row.decision);
                assert_eq!(read.cells(&old), written);
                assert_eq!(ListRow::parse(&form, &written), None);
            }
        }
    }

    #[test]
    fn rules_belong_to_one_policy_and_version() {
        let policy = policy();
        let belong = |text: &str| AppliedRules::parse(text).map(|rules| rules.belong_to(&policy));
        for text in [
            "shaoguan 2: j3_bereaved",
            "shaoguan 2: ",
            "shaoguan 2: j3_bereaved x1_major_fault",
        ] {
            assert_eq!(belong(text), Some(true), "{text}");
        }
        for text in [
            "shaoguan 3: j3_bereaved",
            "ordos 1: j3_bereaved",
            "shaoguan 2: j3_bereavd",
        ] {
            assert_eq!(belong(text), Some(false), "{text}");
        }
        for text in ["", "shaoguan", "shaoguan 1", "shaoguan: j3_bereaved"] {
            assert_eq!(belong(text), None, "{text}");
        }
    }

    #[test]
    fn a_header_is_recognised_with_any_marking() {
        for language in LANGUAGES {
            let form = form(language);
            let header = form.header(&Marking::default());
            let marking = Marking {
                provisional: vec!["a".to_owned()],
                ..Marking::default()
            };
            let marked = form.header(&marking);
            assert!(form.has_header(&marked));
            assert_eq!(form.marking(&marked), Some(marking));
            for index in 0..header.len() {
                let mut changed = header.clone();
                changed[index] = "changed".to_owned();
                let is_marking = index == header.len() - 1;
                assert_eq!(form.has_header(&changed), is_marking);
                assert_eq!(form.marking(&changed).is_none(), is_marking);
            }
            assert!(!form.has_header(&header[1..]) && !form.has_header(&[]));
            assert_eq!(form.marking(&[]), None);
        }
    }
}
