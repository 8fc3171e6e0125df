//! The ledger (台账): one row a lead, in columns that an office knows.

use std::collections::HashMap;

use aidlink_faults::text::Text;
use aidlink_policy::calendar::Calendar;
use jiff::civil::Date;
use serde::{Serialize, Serializer};

use crate::amount::Amount;
use crate::book::{Book, Lead};
use crate::chain::Recorded;
use crate::decision::Reason;
use crate::due::{Clocks, Due, DueKind, Standing, due};
use crate::event::{
    Answer, AnsweredBy, Direction, Event, Evidence, Found, JudicialAidStep, MaterialState, Per,
    ReturnedWhy, Source, ToldBy, VisitResult, Way,
};
use crate::fold::LeadState;
use crate::number::LeadNumber;
use crate::workflow::Stage;

/// A cell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Cell {
    /// Nothing is recorded.
    #[default]
    Empty,
    /// A text.
    Text(String),
    /// A word of the program, in both languages.
    Word(Text),
    /// A number.
    Number(u64),
    /// An amount in yuan.
    Amount(Amount),
    /// A day.
    Day(Date),
    /// Something is late: by how many working days.
    Late(u32),
}

impl Serialize for Cell {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Cell::Empty => serializer.serialize_none(),
            Cell::Text(text) => serializer.serialize_str(text),
            Cell::Word(word) => word.serialize(serializer),
            Cell::Number(number) => serializer.serialize_u64(*number),
            Cell::Amount(amount) => amount.serialize(serializer),
            Cell::Day(day) => day.serialize(serializer),
            Cell::Late(_) => self.late_word().serialize(serializer),
        }
    }
}

impl Cell {
    /// Returns the words of a late cell, empty for others.
    pub fn late_word(&self) -> Text {
        match self {
            Cell::Late(days) => Text::new(
                format!("逾期{days}个工作日"),
                match days {
                    1 => "late by 1 working day".to_owned(),
                    days => format!("late by {days} working days"),
                },
            ),
            _ => Text::default(),
        }
    }

    fn text(text: Option<&str>) -> Self {
        text.map_or(Cell::Empty, |text| Cell::Text(text.to_owned()))
    }

    fn list(texts: &[String]) -> Self {
        match texts.is_empty() {
            true => Cell::Empty,
            false => Cell::Text(texts.join("；")),
        }
    }

    fn day(day: Option<Date>) -> Self {
        day.map_or(Cell::Empty, Cell::Day)
    }

    fn word(word: Option<Text>) -> Self {
        word.map_or(Cell::Empty, Cell::Word)
    }
}

macro_rules! columns {
    ($($field:ident, $zh:literal, $en:literal;)*) => {
        /// A row of the ledger: a lead. The fields are its columns, in their order.
        #[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
        pub struct LedgerRow {
            $(#[doc = $en] pub $field: Cell,)*
        }

        /// The columns: the name of the field, and the header.
        pub const COLUMNS: &[(&str, &str, &str)] = &[$((stringify!($field), $zh, $en)),*];

        impl LedgerRow {
            /// Returns the cells, in the order of the columns.
            pub fn cells(&self) -> Vec<&Cell> {
                vec![$(&self.$field),*]
            }
        }
    };
}

columns! {
    number, "序号", "No.";
    lead, "线索编号", "Lead";
    person, "人员编号", "Person";
    name, "姓名", "Name";
    stage, "当前阶段", "Stage";
    late, "逾期", "Late";
    aid, "拟救助项目", "Aid";
    agency, "接收单位", "Agency";
    matter, "户编号", "Household";
    source, "来源", "Source";
    direction, "方向", "Direction";
    found_on, "发现日期", "Found on";
    reopened, "再次发现次数", "Times found again";
    unit, "办案单位", "Unit";
    handler, "承办人", "Handler";
    case_number, "案号", "Case number";
    sex, "性别", "Sex";
    age, "年龄", "Age";
    minor, "未成年", "Minor";
    registered_at, "户籍地", "Registered at";
    lives_at, "现住地", "Lives at";
    guardian, "监护人", "Guardian";
    evidence, "困难印证（规则、来源、数据日期）", "Evidence (rule, register, snapshot)";
    judicial_aid, "司法救助状态", "Judicial aid";
    judicial_aid_on, "司法救助日期", "Judicial aid on";
    judicial_aid_amount, "司法救助金额（元）", "Judicial aid (yuan)";
    finding, "核查结论", "Finding";
    reason, "不予移送理由", "Why rejected";
    decided_by, "核查人", "Decided by";
    decided_on, "核查日期", "Decided on";
    rights_told_on, "权利告知日期", "Rights told on";
    rights_told, "权利告知方式", "Rights told by";
    consent, "本人意愿", "Consent";
    consent_by, "答复人", "Answered by";
    consent_on, "意愿日期", "Consent on";
    approver, "审批人", "Approver";
    approved_on, "审批日期", "Approved on";
    paper, "审批文号", "Approval";
    letter, "移送文号", "Letter";
    sent_on, "移送日期", "Sent on";
    advance_reasons, "先行移送理由", "Why in advance";
    materials_owed, "欠材料", "Materials owed";
    materials_late, "欠材料逾期", "Materials late";
    signed_for_on, "签收日期", "Signed for on";
    returned_on, "退回日期", "Returned on";
    returned, "退回原因", "Returned because";
    reply_due, "反馈期限", "Reply due";
    replied_on, "反馈日期", "Replied on";
    reply, "反馈结果", "Reply";
    refused_because, "不符合理由", "Why refused";
    outcome_told_on, "告知本人日期", "Outcome told on";
    outcome_told, "告知方式", "Outcome told by";
    applied_on, "申请日期", "Applied on";
    applied_at, "受理地点", "Applied at";
    granted_on, "落实日期", "Granted on";
    granted, "落实项目", "Granted";
    granted_from, "落实起始日期", "Granted from";
    granted_amount, "落实金额（元）", "Granted (yuan)";
    granted_per, "发放方式", "Paid";
    visit_planned, "回访计划", "Visit planned";
    visited_on, "回访日期", "Visited on";
    visit, "回访结果", "Visit";
    moved_on, "移送管辖日期", "Moved on";
    moved_to, "有管辖权单位", "Moved to";
    closed_on, "办结日期", "Closed on";
    closed_because, "办结原因", "Closed because";
    remark, "备注", "Remark";
}

/// The number of columns that stay in view: those that say which lead it is.
pub const FROZEN: usize = 8;

/// Names of aids, agencies and rules, as the policy has them.
pub trait Names {
    /// Returns the title of an aid.
    fn aid(&self, id: &str) -> Option<Text>;
    /// Returns the name of an agency.
    fn agency(&self, id: &str) -> Option<Text>;
    /// Returns the title of a rule.
    fn rule(&self, id: &str) -> Option<Text>;
}

impl Names for aidlink_policy::pack::Policy {
    fn aid(&self, id: &str) -> Option<Text> {
        self.aid(id).map(|aid| aid.title.clone())
    }

    fn agency(&self, id: &str) -> Option<Text> {
        let mut agencies = self.agencies.iter();
        let agency = agencies.find(|agency| agency.id == id)?;
        Some(agency.name.clone())
    }

    fn rule(&self, id: &str) -> Option<Text> {
        self.rule(id).map(|rule| rule.title.clone())
    }
}

/// Returns the ledger as of a day, in the order of the leads' numbers. Leads whose events
/// were all withdrawn are not in it.
pub fn ledger(
    book: &Book,
    as_of: Date,
    clocks: &Clocks,
    calendar: &Calendar,
    names: &impl Names,
) -> Vec<LedgerRow> {
    let due = due(book, as_of, clocks, calendar);
    let leads = book.leads();
    let leads = leads.filter_map(|lead| lead.state.as_ref().map(|state| (lead, state)));
    let mut of_leads: HashMap<&LeadNumber, Vec<&Due>> = HashMap::new();
    for due in &due {
        if let Some(lead) = &due.lead {
            of_leads.entry(lead).or_default().push(due);
        }
    }
    let rows = leads.enumerate().map(|(index, (lead, state))| {
        let of_lead = of_leads.get(&lead.number).map_or(&[][..], Vec::as_slice);
        row(book, lead, state, of_lead, names, index as u64 + 1)
    });
    rows.collect()
}

fn row(
    book: &Book,
    lead: &Lead,
    state: &LeadState,
    due: &[&Due],
    names: &impl Names,
    number: u64,
) -> LedgerRow {
    let found = book.last_found(lead);
    let about = book.about(lead);
    let mut row = LedgerRow {
        number: Cell::Number(number),
        lead: Cell::Text(lead.number.to_string()),
        person: Cell::Text(lead.person.to_string()),
        name: Cell::list(&about.names),
        stage: Cell::Word(state.stage.text()),
        aid: named(names.aid(&lead.aid), &lead.aid),
        agency: named(names.agency(book.agency_of(lead)), book.agency_of(lead)),
        matter: Cell::text(about.matter.as_deref()),
        source: Cell::word(found.map(|found| source(found.source))),
        direction: Cell::Word(direction(lead.direction)),
        found_on: Cell::Day(state.opened),
        reopened: Cell::Number(u64::from(state.reopened)),
        unit: Cell::text(about.unit.as_deref()),
        handler: Cell::text(about.handler.as_deref()),
        case_number: Cell::list(&about.case_numbers),
        sex: Cell::text(about.sex.as_deref()),
        age: about
            .age
            .map_or(Cell::Empty, |age| Cell::Number(age.into())),
        minor: Cell::word(found.and_then(|found| found.minor).map(yes_or_no)),
        registered_at: Cell::text(about.registered_at.as_deref()),
        lives_at: Cell::text(about.lives_at.as_deref()),
        guardian: Cell::text(about.guardian.as_deref()),
        evidence: found
            .map(|found| evidence(found, names))
            .unwrap_or_default(),
        finding: Cell::word(state.decision.map(|decided| decided.finding.text())),
        reason: Cell::word(
            state
                .decision
                .and_then(|decided| decided.reason)
                .map(Reason::text),
        ),
        decided_on: Cell::day(state.decision.map(|decided| decided.on)),
        rights_told_on: Cell::day(state.rights_told),
        consent: Cell::word(state.consent.map(|(answer, _)| consent(answer))),
        consent_on: Cell::day(state.consent.map(|(_, on)| on)),
        sent_on: Cell::day(state.sent.map(|(_, on)| on)),
        materials_owed: owed(state),
        signed_for_on: Cell::day(state.signed_for),
        replied_on: Cell::day(state.replied),
        outcome_told_on: Cell::day(state.outcome_told),
        granted_from: Cell::day(state.granted),
        visit_planned: Cell::day(state.visit_planned),
        visited_on: Cell::day(state.visited),
        closed_because: Cell::word(state.closure.map(|closure| closure.text())),
        ..LedgerRow::default()
    };
    if state.stage == Stage::Closed {
        row.closed_on = Cell::Day(state.since);
    }
    if let Some((step, on, amount)) = state.judicial_aid {
        row.judicial_aid = Cell::Word(judicial_aid(step));
        row.judicial_aid_on = Cell::Day(on);
        row.judicial_aid_amount = amount.map_or(Cell::Empty, Cell::Amount);
    }
    let mut remarks = Vec::new();
    // Only what was recorded since the lead was last opened.
    for event in book.events_of(lead) {
        if event.effective().is_none_or(|(_, on)| on < state.opened) {
            continue;
        }
        row.note(event, lead.direction, &mut remarks);
    }
    row.remark = Cell::list(&remarks);
    row.mark_late(due);
    row
}

impl LedgerRow {
    /// Fills in what a single event says. Later events replace earlier ones.
    fn note(&mut self, recorded: &Recorded, to: Direction, remarks: &mut Vec<String>) {
        let Some((event, on)) = recorded.effective() else {
            return;
        };
        let remark = match event {
            Event::Checked(checked) => {
                let by = checked.decided_by.as_deref().unwrap_or(&recorded.operator);
                self.decided_by = Cell::text(Some(by));
                &checked.remark
            }
            Event::Approved(approved) => {
                self.approver = Cell::text(recorded.approver.as_deref());
                self.approved_on = Cell::Day(on);
                self.paper = Cell::text(approved.paper.as_deref());
                &approved.remark
            }
            Event::Sent(sent) => {
                self.letter = Cell::text(sent.letter.as_deref());
                self.advance_reasons = Cell::text(sent.reasons.as_deref());
                (self.reply, self.replied_on) = (Cell::Empty, Cell::Empty);
                self.refused_because = Cell::Empty;
                (self.returned, self.returned_on) = (Cell::Empty, Cell::Empty);
                &sent.remark
            }
            Event::Replied(replied) => {
                let step = crate::workflow::Step::of(event);
                self.reply = Cell::word(step.map(|step| step.text()));
                self.replied_on = Cell::Day(on);
                self.refused_because = Cell::word(replied.reason.map(Reason::text));
                &replied.remark
            }
            Event::ToldOutcome(told) => {
                let parts = [told.by.map(told_by), told.way.map(way)];
                let parts: Vec<Text> = parts.into_iter().flatten().collect();
                let join = |of: fn(&Text) -> &str, between: &str| {
                    parts.iter().map(of).collect::<Vec<_>>().join(between)
                };
                self.outcome_told = match parts.is_empty() {
                    true => Cell::Empty,
                    false => Cell::Word(Text::new(
                        join(|text| &text.zh, "，"),
                        join(|text| &text.en, ", "),
                    )),
                };
                &told.remark
            }
            Event::Granted(granted) => {
                self.granted = match (&granted.what, &granted.shown_by) {
                    (Some(what), _) => Cell::Text(what.clone()),
                    (None, Some(shown)) => Cell::Word(Text::new(
                        format!("已落实（{}登记，{}）", shown.register, shown.snapshot),
                        format!("given (register {} of {})", shown.register, shown.snapshot),
                    )),
                    (None, None) => Cell::Word(Text::new("已落实", "given")),
                };
                self.granted_on = Cell::Day(on);
                self.granted_amount = granted.amount.map_or(Cell::Empty, Cell::Amount);
                self.granted_per = Cell::word(granted.per.map(per));
                &granted.remark
            }
            Event::Visited(visited) => {
                self.visit = Cell::Word(visit(visited.result));
                &visited.remark
            }
            Event::ToldRights(told) => {
                self.rights_told = Cell::word(told.way.map(way));
                &told.remark
            }
            Event::Consent(consent) => {
                self.consent_by = Cell::word(consent.by.map(answered_by));
                &consent.remark
            }
            Event::JudicialAid(aid) => {
                // Of a lead to social aid it is why that was refused.
                if let Some(reason) = aid.reason.filter(|_| to == Direction::ToJudicial) {
                    self.refused_because = Cell::Word(reason.text());
                }
                &aid.remark
            }
            Event::Material(material) => &material.remark,
            Event::SignedFor(signed) => &signed.remark,
            Event::Returned(returned) => {
                self.returned_on = Cell::Day(on);
                self.returned = Cell::Word(returned_why(returned.why));
                &returned.remark
            }
            Event::AppliedAt(applied) => {
                self.applied_on = Cell::Day(on);
                self.applied_at = Cell::text(Some(&applied.office));
                &applied.remark
            }
            Event::RefusedFinally(refused) => {
                self.refused_because = Cell::word(Some(refused.reason.text()));
                &refused.remark
            }
            Event::Moved(moved) => {
                self.moved_on = Cell::Day(on);
                self.moved_to = Cell::text(Some(&moved.office));
                &moved.remark
            }
            Event::VisitPlanned(planned) => &planned.remark,
            Event::Advice(advice) => &advice.remark,
            Event::Closed(closed) => &closed.remark,
            Event::Found(found) => &found.remark,
            Event::Created(_)
            | Event::Rekeyed(_)
            | Event::Accepted(_)
            | Event::Corrected(_)
            | Event::Withdrawn(_) => &None,
        };
        remarks.extend(remark.clone());
    }

    /// Marks what is late, in the cell that is to be filled in.
    fn mark_late(&mut self, due: &[&Due]) {
        for due in due {
            if due.kind == DueKind::Reply {
                self.reply_due = Cell::day(due.due_on);
            }
            let Some(days) = due.late_by.filter(|_| due.standing == Standing::Late) else {
                continue;
            };
            let cell = match due.kind {
                DueKind::ToCheck => &mut self.decided_on,
                DueKind::ToSend => &mut self.sent_on,
                DueKind::Unsigned => &mut self.signed_for_on,
                DueKind::Reply => &mut self.replied_on,
                DueKind::Materials => &mut self.materials_late,
                DueKind::TellRights => &mut self.rights_told_on,
                DueKind::TellOutcome => &mut self.outcome_told_on,
                DueKind::Visit => &mut self.visited_on,
                DueKind::Gap => continue,
            };
            *cell = match cell {
                // Of several materials the one that is most late.
                Cell::Late(other) => Cell::Late(days.max(*other)),
                // What was done once, and is to be done again: the day stays.
                Cell::Day(day) => Cell::Day(*day),
                _ => Cell::Late(days),
            };
            let most = match self.late {
                Cell::Late(other) => other.max(days),
                _ => days,
            };
            self.late = Cell::Late(most);
        }
    }
}

fn named(name: Option<Text>, id: &str) -> Cell {
    name.map_or_else(|| Cell::Text(id.to_owned()), Cell::Word)
}

/// Returns what speaks for a lead: the title of each rule, its id, register and snapshot. The
/// import of a ledger reads it again.
fn evidence(found: &Found, names: &impl Names) -> Cell {
    let of_language = |of: fn(&Text) -> &str| {
        let texts = found.evidence.iter().map(|one| {
            let Evidence { rule, register, .. } = one;
            let from = match one.snapshot {
                Some(day) => format!("({register} {day})"),
                None => format!("({register})"),
            };
            match names.rule(rule) {
                None => format!("{rule} {from}"),
                // A semicolon divides the rules.
                Some(title) => format!("{} [{rule}] {from}", of(&title).replace(['；', ';'], "，")),
            }
        });
        texts.collect::<Vec<_>>().join("；")
    };
    let text = Text::new(of_language(|text| &text.zh), of_language(|text| &text.en));
    match text.zh.is_empty() {
        true => Cell::Empty,
        false => Cell::Word(text),
    }
}

fn owed(state: &LeadState) -> Cell {
    if !state.owes_materials() {
        return Cell::Empty;
    }
    let items = state.materials.iter();
    let items = items.filter(|(_, (state, ..))| *state == MaterialState::Owed);
    let items: Vec<String> = items.map(|(item, _)| item.clone()).collect();
    match items.is_empty() {
        // Sent in advance, and nobody recorded what is missing.
        true => Cell::Word(Text::new(
            "先行移送，所欠材料未列明",
            "sent in advance, not listed",
        )),
        false => Cell::list(&items),
    }
}

fn yes_or_no(yes: bool) -> Text {
    match yes {
        true => Text::new("是", "yes"),
        false => Text::new("否", "no"),
    }
}

/// Returns the words of where a lead comes from.
pub fn source(source: Source) -> Text {
    match source {
        Source::Round => Text::new("联合筛查", "round"),
        Source::Colleague => Text::new("内部移送", "colleague"),
        Source::Agency => Text::new("单位移送", "agency"),
        Source::Applicant => Text::new("本人或亲属申请", "applicant"),
        Source::Petition => Text::new("信访", "petition"),
    }
}

/// Returns the words of a direction.
pub fn direction(direction: Direction) -> Text {
    match direction {
        Direction::ToSocial => Text::new("转社会救助", "to social aid"),
        Direction::ToJudicial => Text::new("转司法救助", "to judicial aid"),
    }
}

/// Returns the words of an answer.
pub fn consent(answer: Answer) -> Text {
    match answer {
        Answer::Given => Text::new("同意", "given"),
        Answer::Refused => Text::new("放弃", "refused"),
        Answer::NotReachable => Text::new("无法联系", "not reachable"),
    }
}

/// Returns the words of who answered.
pub fn answered_by(by: AnsweredBy) -> Text {
    match by {
        AnsweredBy::Person => Text::new("本人", "the person"),
        AnsweredBy::Guardian => Text::new("监护人", "the guardian"),
    }
}

/// Returns the words of why a lead was returned.
pub fn returned_why(why: ReturnedWhy) -> Text {
    match why {
        ReturnedWhy::NotOurDuty => Text::new("非本单位职责", "not our duty"),
        ReturnedWhy::Incomplete => Text::new("材料不全", "incomplete"),
        ReturnedWhy::NotRegisteredHere => Text::new("非本地户籍", "not registered here"),
    }
}

/// Returns the words of how often an amount is paid.
pub fn per(per: Per) -> Text {
    match per {
        Per::Month => Text::new("每月", "every month"),
        Per::Once => Text::new("一次性", "once"),
    }
}

/// Returns the words of a step of judicial aid.
pub fn judicial_aid(step: JudicialAidStep) -> Text {
    match step {
        JudicialAidStep::Applied => Text::new("已申请", "applied"),
        JudicialAidStep::Granted => Text::new("已决定救助", "granted"),
        JudicialAidStep::Refused => Text::new("不予救助", "refused"),
        JudicialAidStep::Paid => Text::new("已发放", "paid"),
    }
}

/// Returns the words of who told the person.
pub fn told_by(by: ToldBy) -> Text {
    match by {
        ToldBy::Procuratorate => Text::new("检察院告知", "by the procuratorate"),
        ToldBy::Agency => Text::new("受理单位告知", "by the agency"),
    }
}

/// Returns the words of a way.
pub fn way(way: Way) -> Text {
    match way {
        Way::InPerson => Text::new("当面", "in person"),
        Way::Post => Text::new("邮寄", "by post"),
        Way::Call => Text::new("电话", "by telephone"),
        Way::Message => Text::new("信息", "by message"),
    }
}

/// Returns the words of what a visit found.
pub fn visit(result: VisitResult) -> Text {
    match result {
        VisitResult::Solved => Text::new("困难已解决", "solved"),
        VisitResult::Eased => Text::new("有所缓解", "eased"),
        VisitResult::Same => Text::new("没有变化", "the same"),
        VisitResult::Worse => Text::new("更加困难", "worse"),
    }
}
