//! What the rows of a ledger say happened: for each lead the person, how it was found, and the
//! steps with their days. The register decides which of them it takes.

use std::collections::BTreeMap;

use aidlink_agency::national_id::NationalId;
use aidlink_agency::register_token::RegisterTokeniser;
use aidlink_agency::tokeniser::Scratch;
use aidlink_faults::personal_number::find;
use aidlink_faults::text::Text;
use aidlink_policy::pack::Aid;
use aidlink_register::approval::points_to_another_row;
use aidlink_register::book::Book;
use aidlink_register::decision::{Finding, Reason};
use aidlink_register::event::{
    About, Answer, AnsweredBy, AppliedAt, Approved, Checked, CloseReason, Closed, Consent,
    Direction, Event, Evidence, Granted, JudicialAid, JudicialAidStep, Material, MaterialState,
    Moved, Per, Replied, Reply, Returned, ReturnedWhy, Sent, SentAs, ShownBy, SignedFor, Source,
    ToldBy, ToldOutcome, ToldRights, VisitPlanned, VisitResult, Visited, Way,
};
use aidlink_register::fold::{LeadState, advance};
use aidlink_register::items::{FoundLead, NewEvent, NewItem, Subject};
use aidlink_register::ledger;
use aidlink_register::number::{LeadNumber, PersonNumber};
use aidlink_register::token::RegisterToken;
use aidlink_register::workflow::{Closure, Stage, Step};
use jiff::civil::Date;

use super::case_numbers::{KnownCases, cases_of, names_of};
use super::filled::RowPlace;
use super::filled::row::names_in;
use super::filled::words::{folded, pick};
use super::ledger_table::{CellFault, LedgerLine, LedgerWords, NATIONAL_ID};

/// What a referrals export does not say.
const NOT_SAID: &str = "原登记未写明";

/// A lead as a row of a ledger says it.
#[derive(Clone, Debug)]
pub struct LedgerLead {
    /// Where the row is.
    pub place: RowPlace,
    /// The number of the lead in the register.
    pub number: LeadNumber,
    /// The number of the person in the register.
    pub person: PersonNumber,
    /// The token of the person's ID number, if the ledger has it.
    pub token: Option<RegisterToken>,
    /// The names, in the form in which they are compared.
    pub names: Vec<String>,
    /// Whether the person is new and has no token, so that no round finds the person again.
    pub without_token: bool,
    /// What is to be recorded, in its order.
    pub steps: Vec<LedgerStep>,
    /// What the user must be told of the row although it is taken in.
    pub notes: Vec<CellFault>,
    /// Whether the steps were made of a state: their days are that of the state, and not their
    /// own.
    pub of_state_alone: bool,
}

/// Columns that say nothing without one of others.
const GO_TOGETHER: [(&str, &[&str]); 9] = [
    ("rights_told", &["rights_told_on"]),
    ("outcome_told", &["outcome_told_on"]),
    ("consent_on", &["consent"]),
    ("consent_by", &["consent"]),
    ("decided_on", &["finding"]),
    ("decided_by", &["finding"]),
    ("judicial_aid_on", &["judicial_aid"]),
    ("judicial_aid_amount", &["judicial_aid"]),
    ("advance_reasons", &["sent_on", "letter"]),
];

/// Something that is to be recorded.
#[derive(Clone, Debug)]
pub struct LedgerStep {
    /// The column that says it.
    pub column: &'static str,
    /// What.
    pub item: NewItem,
}

/// Who takes a ledger in, and with what.
pub struct Planning<'p> {
    /// The words of ledger and site.
    pub words: &'p LedgerWords<'p>,
    /// The register as it is.
    pub book: &'p Book,
    /// The id of the register.
    pub register: &'p str,
    /// Makes tokens; `None` without the register's key.
    pub tokeniser: Option<&'p RegisterTokeniser>,
    /// The case numbers that the register has.
    pub cases: &'p KnownCases,
    /// Who records it.
    pub operator: &'p str,
    /// Today: no ID number of somebody who was born later is one.
    pub today: Date,
}

/// A person of a row.
struct Whose {
    number: PersonNumber,
    token: Option<RegisterToken>,
    is_new: bool,
    /// Whether only the name says who it is.
    by_name_alone: bool,
}

impl Planning<'_> {
    /// Returns the leads of a row: one for each aid that it names.
    ///
    /// # Errors
    /// The cell that cannot be used.
    pub fn leads(&self, line: &LedgerLine) -> Result<Vec<LedgerLead>, CellFault> {
        let of_number = line.text("lead").and_then(LeadNumber::parse);
        // Another number is kept in the remark, and refused there if it identifies a person.
        let other = line.text("lead").filter(|_| of_number.is_none());
        if other.is_some_and(|text| !find(text).is_empty()) {
            return Err(line.fault(
                "lead",
                Text::new(
                    "含证件号码、电话号码或银行卡号形式的数字，不能保存",
                    "holds digits in the form of an ID, telephone or bank card number, which are not kept",
                ),
                Text::new("请删去后重试", "remove them and try again"),
            ));
        }
        let aids = match (line.text("aid"), &of_number) {
            (Some(text), _) => self.words.aids(text).ok_or_else(|| {
                let policy = self.words.policy.aids.iter();
                let titles: Vec<&str> = policy.map(|aid| aid.title.zh.as_str()).collect();
                line.fault(
                    "aid",
                    Text::new("救助项目无法识别", "the aid is not known"),
                    Text::new(
                        format!("规则文件有：{}。本地名称可用 --reading 的 values.aid 指明", titles.join("、")),
                        "use the title of an aid of the policy, or name your own under values.aid of --reading",
                    ),
                )
            })?,
            (None, Some(number)) => vec![number.aid().to_owned()],
            (None, None) => {
                return Err(line.fault(
                    "aid",
                    Text::new("未写明救助项目", "no aid is named"),
                    Text::new("请填写", "fill it in"),
                ));
            }
        };
        let whose = self.whose(line, of_number.as_ref())?;
        let mut leads = Vec::new();
        for aid in aids {
            leads.push(self.lead(line, of_number.as_ref(), &whose, &aid)?);
        }
        Ok(leads)
    }

    /// Returns whom a row concerns: the person with the ID number, if the ledger has it, or with
    /// the number of the ledger.
    fn whose(&self, line: &LedgerLine, of_number: Option<&LeadNumber>) -> Result<Whose, CellFault> {
        let stated = line.text("person").and_then(PersonNumber::parse);
        let stated = stated.or_else(|| of_number.map(LeadNumber::person));
        if let (Some(stated), Some(lead)) = (&stated, of_number)
            && *stated != lead.person()
        {
            return Err(line.fault(
                "person",
                Text::new(
                    "线索编号与人员编号不是同一人的",
                    "lead number and person number are of different persons",
                ),
                Text::new("请核对", "check them"),
            ));
        }
        let token = self.token(line)?;
        let known = token.as_ref().and_then(|token| self.book.person_of(token));
        let stated_person = stated
            .as_ref()
            .filter(|number| self.book.has_person(number));
        // The number in the row is another person's, or one that the register does not know.
        if let (Some(_), Some(stated)) = (&token, stated_person)
            && known != Some(stated)
        {
            if known.is_none() && !self.book.has_token(stated) {
                return Err(line.fault(
                    NATIONAL_ID,
                    Text::new(
                        "此人登记时没有身份号码，现在不能补入",
                        "the person was recorded without an ID number, and it cannot be added now",
                    ),
                    Text::new(
                        "请清空身份号码，按编号收录",
                        "clear it: the row is then known by its number",
                    ),
                ));
            }
            return Err(line.fault(
                "person",
                Text::new(
                    "人员编号与身份号码不是同一人的",
                    "person number and ID number are of different persons",
                ),
                Text::new("请核对", "check them"),
            ));
        }
        let others = [NATIONAL_ID, "person", "matter", "case_number"];
        let by_name_alone =
            of_number.is_none() && others.iter().all(|field| line.text(field).is_none());
        let (number, token, is_new) = match (known, stated) {
            (Some(known), _) => (known.clone(), token, false),
            // Without a token the number alone says who it is.
            (None, Some(stated)) if self.book.has_person(&stated) => (stated, None, false),
            (None, Some(stated)) => (stated, token, true),
            (None, None) => {
                let number = self.number(line, token.as_ref())?;
                let is_new = !self.book.has_person(&number);
                (number, token, is_new)
            }
        };
        if !is_new {
            self.check_name(line, &number)?;
            // An ID number says who it is; the person may be in a new case.
            if token.is_none() {
                self.check_case(line, &number)?;
            }
        }
        Ok(Whose {
            number,
            token,
            is_new,
            by_name_alone,
        })
    }

    /// Returns the token of the ID number of a row. The number itself goes no further.
    fn token(&self, line: &LedgerLine) -> Result<Option<RegisterToken>, CellFault> {
        let Some(text) = line.text(NATIONAL_ID) else {
            return Ok(None);
        };
        let Some(tokeniser) = self.tokeniser else {
            return Ok(None);
        };
        let checked = NationalId::parse(text, self.today).map_err(|fault| {
            line.fault(
                NATIONAL_ID,
                Text::new(
                    format!("身份号码不能使用（{}）", fault.code()),
                    format!("the ID number cannot be used ({})", fault.code()),
                ),
                Text::new(
                    "请核对，或清空后按编号收录",
                    "check it, or clear it: the row is then known by its number",
                ),
            )
        })?;
        let token = tokeniser.token(&checked.id, &mut Scratch::default());
        Ok(Some(RegisterToken(token)))
    }

    /// Makes the number of a person whom the ledger does not number: always the same for the
    /// same row.
    fn number(
        &self,
        line: &LedgerLine,
        token: Option<&RegisterToken>,
    ) -> Result<PersonNumber, CellFault> {
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"aidlink register import ");
        hasher.update(self.register.as_bytes());
        match token {
            Some(token) => {
                hasher.update(&token.0);
            }
            None => {
                let name = line.text("name").filter(|name| !name.trim().is_empty());
                let name = name.ok_or_else(|| {
                    line.fault(
                        "name",
                        Text::new(
                            "未写明姓名，也没有可用的编号",
                            "there is neither a name nor a number that can be used",
                        ),
                        Text::new("请填写", "fill it in"),
                    )
                })?;
                // Whatever else tells persons of one name apart.
                let numbers = line.text("person").map(|number| [number, ""]);
                let others = || {
                    let other = |field| line.text(field).unwrap_or_default();
                    [other("matter"), other("case_number")]
                };
                for part in std::iter::once(name).chain(numbers.unwrap_or_else(others)) {
                    hasher.update(b"\0");
                    hasher.update(folded(part).as_bytes());
                }
            }
        }
        let digest = hasher.finalize();
        let bytes = digest.as_bytes().iter().take(5);
        let bits = bytes.fold(0_u64, |bits, byte| (bits << 8) | u64::from(*byte));
        Ok(PersonNumber::of(bits))
    }

    /// Checks that the name in a row is that of the person whom the register has under the number.
    fn check_name(&self, line: &LedgerLine, number: &PersonNumber) -> Result<(), CellFault> {
        let known: Vec<String> = self
            .book
            .names_of(number)
            .iter()
            .map(|name| folded(name))
            .chain(
                names_of(self.book, number)
                    .iter()
                    .flat_map(|names| names_in(names)),
            )
            .collect();
        let stated: Vec<String> = line.list("name").iter().map(|name| folded(name)).collect();
        let is_other = !known.is_empty()
            && !stated.is_empty()
            && !stated.iter().any(|name| known.contains(name));
        match is_other {
            false => Ok(()),
            true => Err(line.fault(
                "name",
                Text::new(
                    "姓名不是登记簿中此编号的人员",
                    "the name is not that of the person whom the register has under this number",
                ),
                Text::new("请核对编号和姓名", "check number and name"),
            )),
        }
    }

    /// Checks that the case number in a row is not that of somebody else: whoever sorts some columns
    /// only may sort the name with the number. One that nobody in the register has is of the person:
    /// it was corrected since, mistyped, or spoilt by a spreadsheet.
    fn check_case(&self, line: &LedgerLine, number: &PersonNumber) -> Result<(), CellFault> {
        let stated = line.text("case_number").unwrap_or_default();
        match self.cases.are_others(stated, &cases_of(self.book, number)) {
            false => Ok(()),
            true => Err(line.fault(
                "case_number",
                Text::new(
                    "登记簿中这是他人的案号，此人没有此案号",
                    "in the register this case number is that of another person, and not of this one",
                ),
                Text::new(
                    "请核对编号和案号：可能只排序了部分列。登记簿有误的，请先更正登记簿；确是此人的另一案件的，请填写身份号码",
                    "check number and case number: perhaps only some columns were sorted. If the register is wrong, correct it first; if it is another case of this person, write the ID number",
                ),
            )),
        }
    }

    fn lead(
        &self,
        line: &LedgerLine,
        of_number: Option<&LeadNumber>,
        whose: &Whose,
        aid: &str,
    ) -> Result<LedgerLead, CellFault> {
        let number = whose.number.lead(aid).ok_or_else(|| {
            line.fault(
                "aid",
                Text::new("不是救助项目代号", "not the id of an aid"),
                Text::new("请核对规则文件", "check the policy"),
            )
        })?;
        if of_number.is_some_and(|of_number| of_number.aid() != aid) {
            return Err(line.fault(
                "aid",
                Text::new("线索编号与救助项目不符", "lead number and aid do not agree"),
                Text::new("请核对", "check them"),
            ));
        }
        let of_policy = self.words.policy.aid(aid);
        let direction = self.direction(line, of_policy)?;
        let agency = self.agency(line, of_policy)?;
        let of_state_alone = line.text("state").is_some();
        let line = &of_state(line, direction, self.words)?;
        let mut plan = Plan::of(self, line, direction, &number)?;
        let found = plan.found(whose, aid, agency)?;
        match direction {
            Direction::ToSocial => plan.read_social()?,
            Direction::ToJudicial => plan.read_judicial()?,
        }
        plan.end()?;
        if whose.by_name_alone {
            plan.notes.push(line.fault(
                "name",
                Text::new(
                    "此人只有姓名可供识别：同名的行会归为一人",
                    "the person is known by the name alone: rows of the same name are taken for one person",
                ),
                Text::new(
                    "请填写身份号码、人员编号、户编号或案号",
                    "write an ID number, a person number, a household or a case number",
                ),
            ));
        }
        let Plan {
            steps: planned,
            notes,
            ..
        } = plan;
        let mut steps = vec![LedgerStep {
            column: "found_on",
            item: NewItem::Found(found),
        }];
        steps.extend(planned);
        Ok(LedgerLead {
            place: line.place.clone(),
            number,
            person: whose.number.clone(),
            token: whose.token,
            names: line.list("name").iter().map(|name| folded(name)).collect(),
            without_token: whose.is_new && whose.token.is_none(),
            steps,
            notes,
            of_state_alone,
        })
    }

    fn direction(&self, line: &LedgerLine, aid: Option<&Aid>) -> Result<Direction, CellFault> {
        let of_schema = |text: &str| {
            let code = self.words.code("direction", text)?;
            Direction::ALL.into_iter().find(|one| one.name() == code)
        };
        if let Some(direction) = line.text("direction").and_then(of_schema) {
            return Ok(direction);
        }
        let all = Direction::ALL.map(|one| (one, one.name(), ledger::direction(one)));
        let stated = self.words.choice(line, "direction", &all)?;
        let of_policy = aid.map(|aid| Direction::from(aid.direction));
        stated.or(of_policy).ok_or_else(|| {
            line.fault(
                "direction",
                Text::new(
                    "未写明方向，规则文件也没有此项目",
                    "no direction, and the policy does not have the aid",
                ),
                Text::new("请填写", "fill it in"),
            )
        })
    }

    fn agency(&self, line: &LedgerLine, aid: Option<&Aid>) -> Result<String, CellFault> {
        match (line.text("agency"), aid) {
            (Some(text), _) => self.words.agency(text).ok_or_else(|| {
                line.fault(
                    "agency",
                    Text::new("单位无法识别", "the agency is not known"),
                    Text::new(
                        "请用规则文件中的单位名称，或用 --reading 的 values.agency 指明",
                        "use the name of an agency of the policy, or name your own under values.agency of --reading",
                    ),
                )
            }),
            (None, Some(aid)) => Ok(aid.agency.clone()),
            (None, None) => Err(line.fault(
                "agency",
                Text::new("未写明单位，规则文件也没有此项目", "no agency, and the policy does not have the aid"),
                Text::new("请填写", "fill it in"),
            )),
        }
    }
}

/// The steps of a lead while they are put together.
struct Plan<'l> {
    planning: &'l Planning<'l>,
    line: &'l LedgerLine,
    direction: Direction,
    number: &'l LeadNumber,
    found_on: Date,
    /// The day of the last step: one without a day of its own is on it.
    at: Date,
    /// Where the lead is, as far as the workflow allows the steps.
    state: Option<LeadState>,
    reason: Option<Reason>,
    reason_used: bool,
    /// Why the agency refused, if the ledger has a column of its own for it.
    refused_because: Option<Reason>,
    refused_because_used: bool,
    steps: Vec<LedgerStep>,
    notes: Vec<CellFault>,
}

/// The columns with days on which something was done about a lead.
const DAYS: [&str; 14] = [
    "rights_told_on",
    "decided_on",
    "consent_on",
    "approved_on",
    "sent_on",
    "signed_for_on",
    "returned_on",
    "replied_on",
    "outcome_told_on",
    "applied_on",
    "granted_on",
    "visited_on",
    "moved_on",
    "closed_on",
];

impl<'l> Plan<'l> {
    fn of(
        planning: &'l Planning<'l>,
        line: &'l LedgerLine,
        direction: Direction,
        number: &'l LeadNumber,
    ) -> Result<Self, CellFault> {
        let found_on = match line.day("found_on")? {
            Some(day) => day,
            None => {
                let mut days = Vec::new();
                for field in DAYS {
                    days.extend(line.day(field)?);
                }
                days.into_iter().min().ok_or_else(|| {
                    line.fault(
                        "found_on",
                        Text::new("没有任何日期", "there is no day at all"),
                        Text::new(
                            "请填写发现日期",
                            "write the day on which the lead was found",
                        ),
                    )
                })?
            }
        };
        Ok(Plan {
            planning,
            line,
            direction,
            number,
            found_on,
            at: found_on,
            state: None,
            reason: planning.words.reason(line, "reason")?,
            reason_used: false,
            refused_because: planning.words.reason(line, "refused_because")?,
            refused_because_used: false,
            steps: Vec::new(),
            notes: Vec::new(),
        })
    }

    fn found(&mut self, whose: &Whose, aid: &str, agency: String) -> Result<FoundLead, CellFault> {
        let line = self.line;
        let sources = [
            Source::Round,
            Source::Colleague,
            Source::Agency,
            Source::Applicant,
            Source::Petition,
        ];
        let names = ["round", "colleague", "agency", "applicant", "petition"];
        let all: Vec<(Source, &str, Text)> = sources
            .into_iter()
            .zip(names)
            .map(|(one, name)| (one, name, ledger::source(one)))
            .collect();
        let source = self.planning.words.choice(line, "source", &all)?;
        let minor = self.planning.words.choice(line, "minor", &yes_no())?;
        let owned = |field: &str| line.text(field).map(str::to_owned);
        let age = match line.text("age") {
            None => None,
            Some(text) => {
                let text = aidlink_faults::uniform_text::uniform(text);
                let age = text.trim().trim_end_matches('岁').trim();
                let age = age.parse::<u8>().ok().filter(|age| *age <= 150);
                Some(age.ok_or_else(|| {
                    line.fault(
                        "age",
                        Text::new("不是年龄", "this is not an age"),
                        Text::new("填周岁，0至150", "whole years, 0 to 150"),
                    )
                })?)
            }
        };
        let (evidence, other_evidence) = evidence(line);
        let remarks = [
            owned("remark"),
            other_evidence,
            line.text("lead")
                .filter(|text| LeadNumber::parse(text).is_none())
                .map(|text| format!("原线索编号：{text}")),
        ];
        let remarks: Vec<String> = remarks.into_iter().flatten().collect();
        let event = Event::Found(aidlink_register::event::Found {
            source: source.unwrap_or(Source::Colleague),
            person: whose.number.clone(),
            aid: aid.to_owned(),
            agency: agency.clone(),
            direction: self.direction,
            round: None,
            about: About::default(),
            grade: None,
            urgency: None,
            minor: None,
            act_by: None,
            evidence: Vec::new(),
            remark: None,
        });
        self.advance(&event, self.found_on);
        Ok(FoundLead {
            token: whose.token,
            person_number: whose.number.clone(),
            aid: aid.to_owned(),
            agency,
            direction: self.direction,
            source: source.unwrap_or(Source::Colleague),
            round: None,
            about: About {
                names: line.list("name"),
                case_numbers: line.list("case_number"),
                handler: owned("handler"),
                unit: owned("unit"),
                registered_at: owned("registered_at"),
                lives_at: owned("lives_at"),
                guardian: owned("guardian"),
                sex: owned("sex"),
                age,
                matter: owned("matter"),
            },
            grade: None,
            urgency: None,
            minor,
            act_by: None,
            evidence,
            remark: (!remarks.is_empty()).then(|| remarks.join("；")),
            on: self.found_on,
            operator: self.planning.operator.to_owned(),
        })
    }

    fn read_social(&mut self) -> Result<(), CellFault> {
        self.judicial_aid()?;
        self.told_rights()?;
        self.checked()?;
        self.consent(false)?;
        self.approved()?;
        self.sent()?;
        self.materials();
        self.signed_for()?;
        self.returned()?;
        self.replied()?;
        self.told_outcome()?;
        self.applied()?;
        self.granted()?;
        self.visits()?;
        Ok(())
    }

    fn read_judicial(&mut self) -> Result<(), CellFault> {
        self.told_rights()?;
        self.checked()?;
        self.consent(false)?;
        self.approved()?;
        self.judicial_aid()?;
        // What only leads to social aid have is planned all the same, so that it is told.
        self.sent()?;
        self.materials();
        self.signed_for()?;
        self.returned()?;
        self.replied()?;
        self.told_outcome()?;
        self.applied()?;
        self.granted()?;
        self.visits()
    }

    fn signed_for(&mut self) -> Result<(), CellFault> {
        if let Some(on) = self.line.day("signed_for_on")? {
            let signed = SignedFor {
                by: None,
                remark: None,
            };
            self.push("signed_for_on", on, Event::SignedFor(signed));
        }
        Ok(())
    }

    /// What ends a lead, and what is compared with the ledger.
    fn end(&mut self) -> Result<(), CellFault> {
        let line = self.line;
        let moved_on = line.day("moved_on")?;
        if moved_on.is_some() || line.text("moved_to").is_some() {
            let office = line.text("moved_to").unwrap_or(NOT_SAID).to_owned();
            let moved = Moved {
                office,
                sender_told_on: None,
                remark: None,
            };
            self.push("moved_on", moved_on.unwrap_or(self.at), Event::Moved(moved));
        }
        self.consent(true)?;
        self.closed()?;
        for (column, needs) in GO_TOGETHER {
            if line.text(column).is_some() && needs.iter().all(|need| line.text(need).is_none()) {
                self.notes.push(line.fault(
                    column,
                    Text::new(
                        "此栏没有收录：与其相关的栏目未填",
                        "not taken in: the column that it goes with is empty",
                    ),
                    Text::new(
                        "请补填，或用 register note 登记",
                        "fill it in, or record it with `register note`",
                    ),
                ));
            }
        }
        let stages = Stage::ALL.map(|stage| (stage, stage.name(), stage.text()));
        // Of a referrals export the stage is what `of_state` made of it.
        let stated = self.planning.words.choice(line, "stage", &stages)?;
        if let (Some(stated), Some(state)) = (stated, &self.state)
            && stated != state.stage
        {
            let (is, says) = (state.stage.text(), stated.text());
            self.notes.push(line.fault(
                "stage",
                Text::new(
                    format!("台账写的阶段是“{}”，按所填各栏应为“{}”", says.zh, is.zh),
                    format!(
                        "the ledger says `{}`; by its other columns it is `{}`",
                        says.en, is.en
                    ),
                ),
                Text::new(
                    "请核对该行，缺少的事项用 register note 补登",
                    "check the row, and record what is missing with `register note`",
                ),
            ));
        }
        for (field, reason, is_used) in [
            ("reason", self.reason, self.reason_used),
            (
                "refused_because",
                self.refused_because,
                self.refused_because_used,
            ),
        ] {
            if reason.is_none() || is_used || self.is_implied(reason) {
                continue;
            }
            self.notes.push(line.fault(
                field,
                Text::new(
                    "没有可附理由的结论，理由未收录",
                    "nothing in the row takes a reason, so it is not recorded",
                ),
                Text::new(
                    "如有需要，请写入备注",
                    "write it in the remark if it matters",
                ),
            ));
        }
        Ok(())
    }

    /// Whether a reason follows from the person's answer.
    fn is_implied(&self, reason: Option<Reason>) -> bool {
        let state = self.state.as_ref();
        state.is_some_and(|state| state.reason == reason)
    }

    fn advance(&mut self, event: &Event, on: Date) {
        if let Ok(state) = advance(self.state.as_ref(), self.direction, event, on) {
            self.state = state;
        }
    }

    fn push(&mut self, column: &'static str, on: Date, event: Event) {
        self.push_approved(column, on, event, None);
    }

    fn push_approved(
        &mut self,
        column: &'static str,
        on: Date,
        event: Event,
        approver: Option<String>,
    ) {
        self.advance(&event, on);
        let is_before = matches!(event, Event::ToldRights(_) | Event::JudicialAid(_));
        if !is_before || self.direction == Direction::ToJudicial {
            self.at = self.at.max(on);
        }
        self.steps.push(LedgerStep {
            column,
            item: NewItem::Event(NewEvent {
                subject: Subject::Lead(self.number.clone()),
                on,
                event,
                operator: self.planning.operator.to_owned(),
                approver,
                because: None,
            }),
        });
    }

    fn take_reason(&mut self) -> Option<Reason> {
        self.reason_used |= self.reason.is_some();
        self.reason
    }

    /// Returns why somebody else refused the aid. Many ledgers have one column for all
    /// reasons.
    fn take_refused_because(&mut self) -> Option<Reason> {
        match self.refused_because {
            None => self.take_reason(),
            Some(reason) => {
                self.refused_because_used = true;
                Some(reason)
            }
        }
    }

    fn no_reason(&self, field: &str) -> CellFault {
        self.line.fault(
            field,
            Text::new("未写明理由", "there is no reason"),
            Text::new("请填写", "fill it in"),
        )
    }

    fn judicial_aid(&mut self) -> Result<(), CellFault> {
        use JudicialAidStep::{Applied, Granted, Paid, Refused};
        let names = ["applied", "granted", "refused", "paid"];
        let all: Vec<(JudicialAidStep, &str, Text)> = [Applied, Granted, Refused, Paid]
            .into_iter()
            .zip(names)
            .map(|(one, name)| (one, name, ledger::judicial_aid(one)))
            .collect();
        let Some(step) = self
            .planning
            .words
            .choice(self.line, "judicial_aid", &all)?
        else {
            return Ok(());
        };
        let on = self.line.day("judicial_aid_on")?.unwrap_or(self.at);
        let amount = self.line.amount("judicial_aid_amount")?;
        let is_rejected = self.line.text("finding").is_some()
            && self.planning.words.finding(self.line)? == Some(Finding::Rejected);
        let reason = match step {
            Refused if self.direction == Direction::ToJudicial && !is_rejected => {
                self.take_refused_because()
            }
            _ => None,
        };
        let aid = JudicialAid {
            step,
            amount,
            organ: None,
            reason,
            remark: None,
        };
        self.push("judicial_aid", on, Event::JudicialAid(aid));
        Ok(())
    }

    fn told_rights(&mut self) -> Result<(), CellFault> {
        let way = self
            .planning
            .words
            .choice(self.line, "rights_told", &ways())?;
        if let Some(on) = self.line.day("rights_told_on")? {
            let told = ToldRights {
                way,
                notice: None,
                remark: None,
            };
            self.push("rights_told_on", on, Event::ToldRights(told));
        }
        Ok(())
    }

    fn checked(&mut self) -> Result<(), CellFault> {
        let Some(finding) = self.planning.words.finding(self.line)? else {
            return Ok(());
        };
        let reason = match finding {
            Finding::Rejected => {
                let reason = self.take_reason();
                // A ledger with one column for all reasons may call it so.
                let reason = reason.or_else(|| self.take_refused_because());
                Some(reason.ok_or_else(|| self.no_reason("reason"))?)
            }
            Finding::Confirmed | Finding::NeedsMore => None,
        };
        let on = self.line.day("decided_on")?.unwrap_or(self.at);
        let checked = Checked {
            finding,
            reason,
            decided_by: self.decided_by()?,
            remark: None,
        };
        self.push("finding", on, Event::Checked(checked));
        Ok(())
    }

    /// Who decided. What says that nobody knows it is kept as it stands.
    fn decided_by(&self) -> Result<Option<String>, CellFault> {
        let name = self.line.text("decided_by");
        if name.is_some_and(points_to_another_row) {
            return Err(self.line.fault(
                "decided_by",
                Text::new("指另一行的姓名", "this stands for the name of another row"),
                Text::new("请写明姓名", "write the name"),
            ));
        }
        Ok(name.map(str::to_owned))
    }

    /// The person's answer. One that refuses ends the lead, and so comes last.
    fn consent(&mut self, refused: bool) -> Result<(), CellFault> {
        let answers = [Answer::Given, Answer::Refused, Answer::NotReachable];
        let names = ["given", "refused", "not_reachable"];
        let all: Vec<(Answer, &str, Text)> = answers
            .into_iter()
            .zip(names)
            .map(|(one, name)| (one, name, ledger::consent(one)))
            .collect();
        let answer = self.planning.words.choice(self.line, "consent", &all)?;
        let Some(answer) = answer.filter(|answer| (*answer == Answer::Refused) == refused) else {
            return Ok(());
        };
        let by = [
            (AnsweredBy::Person, "person"),
            (AnsweredBy::Guardian, "guardian"),
        ];
        let by = by.map(|(one, name)| (one, name, ledger::answered_by(one)));
        let by = self.planning.words.choice(self.line, "consent_by", &by)?;
        let by = match answer {
            // The column is of the person's own will.
            Answer::Given | Answer::Refused => Some(by.unwrap_or(AnsweredBy::Person)),
            Answer::NotReachable => None,
        };
        let on = match self.line.day("consent_on")? {
            Some(day) => day,
            None => self.at,
        };
        let consent = Consent {
            answer,
            by,
            scope: Vec::new(),
            remark: None,
        };
        self.push("consent", on, Event::Consent(consent));
        Ok(())
    }

    fn approved(&mut self) -> Result<(), CellFault> {
        let on = self.line.day("approved_on")?;
        let approver = self.line.text("approver").map(str::to_owned);
        let paper = self.line.text("paper").map(str::to_owned);
        if on.is_none() && approver.is_none() && paper.is_none() {
            return Ok(());
        }
        let approved = Approved {
            paper,
            remark: None,
        };
        let on = on.unwrap_or(self.at);
        self.push_approved("approver", on, Event::Approved(approved), approver);
        Ok(())
    }

    fn sent(&mut self) -> Result<(), CellFault> {
        let on = self.line.day("sent_on")?;
        let letter = self.line.text("letter").map(str::to_owned);
        if on.is_none() && letter.is_none() {
            return Ok(());
        }
        let reasons = self.line.text("advance_reasons").map(str::to_owned);
        let sent = Sent {
            how: match reasons {
                Some(_) => SentAs::Advance,
                None => SentAs::Ordinary,
            },
            reasons,
            letter,
            agency: None,
            courier: None,
            remark: None,
        };
        self.push("sent_on", on.unwrap_or(self.at), Event::Sent(sent));
        Ok(())
    }

    fn materials(&mut self) {
        for item in self.line.list("materials_owed") {
            let unlisted = ["未列明", "not listed"];
            if unlisted.iter().any(|words| item.contains(words)) {
                continue;
            }
            let material = Material {
                item,
                state: MaterialState::Owed,
                register: None,
                by: None,
                remark: None,
            };
            self.push("materials_owed", self.at, Event::Material(material));
        }
    }

    fn returned(&mut self) -> Result<(), CellFault> {
        let whys = [
            (ReturnedWhy::NotOurDuty, "not_our_duty"),
            (ReturnedWhy::Incomplete, "incomplete"),
            (ReturnedWhy::NotRegisteredHere, "not_registered_here"),
        ];
        let whys = whys.map(|(one, name)| (one, name, ledger::returned_why(one)));
        let why = self.planning.words.choice(self.line, "returned", &whys)?;
        let on = self.line.day("returned_on")?;
        if let Some(why) = why {
            let returned = Returned {
                why,
                office: None,
                remark: None,
            };
            self.push(
                "returned_on",
                on.unwrap_or(self.at),
                Event::Returned(returned),
            );
        } else if on.is_some() {
            return Err(self.line.fault(
                "returned",
                Text::new("未写明退回原因", "nobody says why it was returned"),
                Text::new("请填写", "fill it in"),
            ));
        }
        Ok(())
    }

    fn replied(&mut self) -> Result<(), CellFault> {
        let replies = [
            (
                Reply::Eligible,
                "eligible",
                Text::new("符合", "eligible"),
                Step::RepliedEligible,
            ),
            (
                Reply::Procedure,
                "procedure",
                Text::new("需按程序办理", "procedure"),
                Step::RepliedProcedure,
            ),
            (
                Reply::NotEligible,
                "not_eligible",
                Text::new("不符合", "not eligible"),
                Step::RepliedNotEligible,
            ),
            (
                Reply::Receives,
                "receives",
                Text::new("已享受", "receives"),
                Step::RepliedReceives,
            ),
            (
                Reply::Elsewhere,
                "elsewhere",
                Text::new("应由他地办理", "elsewhere"),
                Step::RepliedElsewhere,
            ),
        ];
        let all = replies.iter().flat_map(|(one, name, words, step)| {
            // As a ledger of this program says it.
            [(*one, *name, words.clone()), (*one, *name, step.text())]
        });
        let all: Vec<(Reply, &str, Text)> = all.collect();
        let on = self.line.day("replied_on")?;
        let Some(reply) = self.planning.words.choice(self.line, "reply", &all)? else {
            return match on {
                None => Ok(()),
                Some(_) => Err(self.line.fault(
                    "reply",
                    Text::new(
                        "有反馈日期，未写明反馈结果",
                        "there is a day of the reply, but no reply",
                    ),
                    Text::new("请填写", "fill it in"),
                )),
            };
        };
        let reason = match reply {
            Reply::NotEligible => {
                let reason = self.take_refused_because();
                Some(reason.ok_or_else(|| self.no_reason("refused_because"))?)
            }
            _ => None,
        };
        let replied = Replied {
            reply,
            reason,
            steps: Vec::new(),
            materials: Vec::new(),
            office: None,
            letter: None,
            remark: None,
        };
        self.push("reply", on.unwrap_or(self.at), Event::Replied(replied));
        Ok(())
    }

    fn told_outcome(&mut self) -> Result<(), CellFault> {
        let Some(on) = self.line.day("outcome_told_on")? else {
            return Ok(());
        };
        let bys = [
            (
                ToldBy::Procuratorate,
                ["检察院告知", "检察院", "by the procuratorate"],
            ),
            (
                ToldBy::Agency,
                ["受理单位告知", "本单位直接告知", "by the agency"],
            ),
        ];
        let text = self.line.text("outcome_told").unwrap_or_default();
        let (mut by, mut way) = (None, None);
        let ways = ways();
        let parts = text.split(['，', ',', '、', '；', ';']);
        for part in parts.filter(|part| !part.trim().is_empty()) {
            // A word that is crossed out is refused as one that is not known.
            let words = bys.iter();
            let words = words.flat_map(|(one, words)| words.map(|word| (*one, word)));
            let told = pick(part, words);
            let words = ways.iter();
            let words = words.flat_map(|(one, code, words)| {
                [*code, &words.zh, &words.en].map(|word| (*one, word))
            });
            match (told, pick(part, words)) {
                (Some(one), _) => by = Some(one),
                (None, Some(one)) => way = Some(one),
                (None, None) => {
                    return Err(self.line.fault(
                        "outcome_told",
                        Text::new("告知方式无法识别", "who told the person, and how, is not known"),
                        Text::new(
                            "可填：检察院告知、受理单位告知；当面、邮寄、电话、信息",
                            "by the procuratorate or by the agency; in person, by post, by telephone, by message",
                        ),
                    ));
                }
            }
        }
        let told = ToldOutcome {
            by,
            way,
            remark: None,
        };
        self.push("outcome_told_on", on, Event::ToldOutcome(told));
        Ok(())
    }

    fn applied(&mut self) -> Result<(), CellFault> {
        let on = self.line.day("applied_on")?;
        let office = self.line.text("applied_at");
        if on.is_none() && office.is_none() {
            return Ok(());
        }
        let applied = AppliedAt {
            office: office.unwrap_or(NOT_SAID).to_owned(),
            remark: None,
        };
        self.push(
            "applied_on",
            on.unwrap_or(self.at),
            Event::AppliedAt(applied),
        );
        Ok(())
    }

    fn granted(&mut self) -> Result<(), CellFault> {
        let on = self.line.day("granted_on")?;
        let from = self.line.day("granted_from")?;
        let amount = self.line.amount("granted_amount")?;
        let pers = [(Per::Month, "month"), (Per::Once, "once")];
        let pers = pers.map(|(one, name)| (one, name, ledger::per(one)));
        let per = self
            .planning
            .words
            .choice(self.line, "granted_per", &pers)?;
        let text = self.line.text("granted");
        if on.is_none() && from.is_none() && text.is_none() && amount.is_none() {
            return Ok(());
        }
        let shown_by = text.and_then(shown_by);
        let is_plain = text.is_none_or(|text| ["已落实", "given"].contains(&text));
        let on = on.unwrap_or(from.map_or(self.at, |from| from.max(self.at)));
        let granted = Granted {
            what: match is_plain || shown_by.is_some() {
                true => None,
                false => text.map(str::to_owned),
            },
            from: from.filter(|from| *from != on),
            amount,
            per,
            shown_by,
            remark: None,
        };
        self.push("granted", on, Event::Granted(granted));
        Ok(())
    }

    fn visits(&mut self) -> Result<(), CellFault> {
        let results = [
            (VisitResult::Solved, "solved"),
            (VisitResult::Eased, "eased"),
            (VisitResult::Same, "same"),
            (VisitResult::Worse, "worse"),
        ];
        let results = results.map(|(one, name)| (one, name, ledger::visit(one)));
        let planned = self.line.day("visit_planned")?;
        let visited = self.line.day("visited_on")?;
        let result = self.planning.words.choice(self.line, "visit", &results)?;
        let plan = |plan: &mut Self| {
            if let Some(day) = planned {
                let planned = VisitPlanned { day, remark: None };
                plan.push("visit_planned", plan.at, Event::VisitPlanned(planned));
            }
        };
        // One that is planned for after the visit was planned after it.
        let is_next =
            matches!((planned, visited), (Some(planned), Some(visited)) if planned > visited);
        if !is_next {
            plan(self);
        }
        match (visited, result) {
            (None, None) => {}
            (Some(_), None) => {
                return Err(self.line.fault(
                    "visit",
                    Text::new(
                        "有回访日期，未写明回访结果",
                        "there is a day of the visit, but no result",
                    ),
                    Text::new("请填写", "fill it in"),
                ));
            }
            (on, Some(result)) => {
                let visited = Visited {
                    result,
                    satisfied: None,
                    new_need: None,
                    remark: None,
                };
                self.push("visited_on", on.unwrap_or(self.at), Event::Visited(visited));
            }
        }
        if is_next {
            plan(self);
        }
        Ok(())
    }

    fn closed(&mut self) -> Result<(), CellFault> {
        let all = Closure::ALL.map(|closure| (closure, closure.name(), closure.text()));
        let closure = self
            .planning
            .words
            .choice(self.line, "closed_because", &all)?;
        let on = self.line.day("closed_on")?;
        let ended = self.state.as_ref().and_then(|state| state.closure);
        let Some(closure) = closure else {
            if on.is_some() && ended.is_none() {
                return Err(self.line.fault(
                    "closed_because",
                    Text::new(
                        "有办结日期，未写明办结原因",
                        "there is a day of closing, but no reason",
                    ),
                    Text::new("请填写", "fill it in"),
                ));
            }
            return Ok(());
        };
        if ended == Some(closure) {
            return Ok(());
        }
        let reason =
            match closure {
                Closure::Delivered => CloseReason::Delivered,
                Closure::Refused => CloseReason::Refused,
                Closure::Declined => CloseReason::Declined,
                Closure::Dead => CloseReason::Dead,
                Closure::MovedAway => CloseReason::MovedAway,
                Closure::Duplicate => CloseReason::Duplicate,
                Closure::NoContact => CloseReason::NoContact,
                Closure::Rejected | Closure::Receives => {
                    return Err(self.line.fault(
                    "closed_because",
                    Text::new(
                        "办结原因须有相应的核查结论或反馈结果",
                        "this end follows from a finding or a reply, which the row does not have",
                    ),
                    Text::new("请补填核查结论或反馈结果", "fill in the finding or the reply"),
                ));
                }
            };
        let closed = Closed {
            reason,
            shown_by: None,
            remark: None,
        };
        self.push(
            "closed_because",
            on.unwrap_or(self.at),
            Event::Closed(closed),
        );
        Ok(())
    }
}

/// Returns the words of yes and no.
fn yes_no() -> [(bool, &'static str, Text); 2] {
    [
        (true, "true", Text::new("是", "yes")),
        (false, "false", Text::new("否", "no")),
    ]
}

/// Returns the ways in which a person is reached.
fn ways() -> [(Way, &'static str, Text); 4] {
    let ways = [
        (Way::InPerson, "in_person"),
        (Way::Post, "post"),
        (Way::Call, "call"),
        (Way::Message, "message"),
    ];
    ways.map(|(one, name)| (one, name, ledger::way(one)))
}

/// Returns what speaks for a lead as a ledger of this program writes it, and as a remark what
/// another ledger says.
fn evidence(line: &LedgerLine) -> (Vec<Evidence>, Option<String>) {
    let Some(text) = line.text("evidence") else {
        return (Vec::new(), None);
    };
    let one = |part: &String| -> Option<Evidence> {
        let (rule, rest) = part.rsplit_once(" (")?;
        let rest = rest.strip_suffix(')')?;
        // The id stands behind the title.
        let titled = rule
            .strip_suffix(']')
            .and_then(|rule| rule.rsplit_once(" ["));
        let rule = titled.map_or(rule, |(_, rule)| rule);
        let (register, snapshot) = match rest.rsplit_once(' ') {
            Some((register, day)) => (register, Some(day.parse::<Date>().ok()?)),
            None => (rest, None),
        };
        let is_id = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic());
        (is_id(rule) && is_id(register)).then(|| Evidence {
            rule: rule.to_owned(),
            register: register.to_owned(),
            snapshot,
        })
    };
    let all: Option<Vec<Evidence>> = line.list("evidence").iter().map(one).collect();
    match all {
        Some(all) => (all, None),
        None => (Vec::new(), Some(format!("困难印证：{text}"))),
    }
}

/// Returns the register that a cell names as showing the aid, as a ledger of this program writes
/// it.
fn shown_by(text: &str) -> Option<ShownBy> {
    let zh = text
        .strip_prefix("已落实（")
        .and_then(|text| text.strip_suffix('）'));
    let zh = zh.and_then(|text| text.split_once("登记，"));
    let en = text
        .strip_prefix("given (register ")
        .and_then(|text| text.strip_suffix(')'));
    let en = en.and_then(|text| text.split_once(" of "));
    let (register, snapshot) = zh.or(en)?;
    Some(ShownBy {
        register: register.to_owned(),
        snapshot: snapshot.parse().ok()?,
    })
}

/// Returns a row of a referrals export as a ledger would have it: its state is the last of
/// several steps, all on the state's day because no other is known. Every other row as it is.
fn of_state(
    line: &LedgerLine,
    direction: Direction,
    words: &LedgerWords<'_>,
) -> Result<LedgerLine, CellFault> {
    let mut line = line.clone();
    let Some(state) = line.texts.remove("state") else {
        return Ok(line);
    };
    let on = line.day("state_on")?.ok_or_else(|| {
        line.fault(
            "state_on",
            Text::new("未写明状态日期", "the state has no day"),
            Text::new("请填写", "fill it in"),
        )
    })?;
    let social = direction == Direction::ToSocial;
    let code = words.code("state", &state);
    let not_known = || {
        line.fault(
            "state",
            Text::new("此状态不对应登记簿的任何事项", "this state is no step that the register knows"),
            Text::new(
                "请改为一个办理环节（如 已移送待签收、已受理、已落实），或用 register note 登记",
                "name a step (such as awaiting receipt, received, delivered), or record it with `register note`",
            ),
        )
    };
    let reason = words.reason(&line, "reason")?;
    const CHECKED: [(&str, &str); 2] = [("finding", "confirmed"), ("decided_on", "")];
    const SENT: [(&str, &str); 3] = [
        ("finding", "confirmed"),
        ("decided_on", ""),
        ("sent_on", ""),
    ];
    /// Columns of the ledger, each with what it says.
    type Says = &'static [(&'static str, &'static str)];
    let (base, more): (Says, Says) = match (code.as_deref().unwrap_or_default(), social) {
        ("not_referred", _) => (&[], &[]),
        ("rights_explained", _) => (&[], &[("rights_told_on", "")]),
        // The procuratorate has the lead, and has not looked at it.
        ("awaiting_receipt" | "received" | "transferred_in_advance" | "overdue", false) => {
            (&[], &[])
        }
        ("confirmed", _) | ("materials_needed" | "person_told", false) => (&CHECKED, &[]),
        ("awaiting_receipt" | "overdue", true) => (&SENT, &[]),
        ("transferred_in_advance", true) => (&SENT, &[("advance_reasons", NOT_SAID)]),
        ("received", true) => (&SENT, &[("signed_for_on", "")]),
        ("materials_needed", true) => (&SENT, &[("reply", "procedure"), ("replied_on", "")]),
        ("person_told", true) => (
            &SENT,
            &[
                ("reply", "procedure"),
                ("replied_on", ""),
                ("outcome_told_on", ""),
            ],
        ),
        ("under_review", true) => (
            &SENT,
            &[
                ("reply", "procedure"),
                ("replied_on", ""),
                ("applied_on", ""),
            ],
        ),
        ("under_review", false) => (
            &CHECKED,
            &[("judicial_aid", "applied"), ("judicial_aid_on", "")],
        ),
        ("eligible", true) => (&SENT, &[("reply", "eligible"), ("replied_on", "")]),
        ("eligible", false) => (
            &CHECKED,
            &[("judicial_aid", "granted"), ("judicial_aid_on", "")],
        ),
        ("aid_delivered" | "follow_up_due" | "followed_up", true) => (&SENT, &[("granted_on", "")]),
        ("aid_delivered" | "follow_up_due" | "followed_up", false) => (
            &CHECKED,
            &[("judicial_aid", "paid"), ("judicial_aid_on", "")],
        ),
        ("closed", true) => (
            &SENT,
            &[("granted_on", ""), ("closed_because", "delivered")],
        ),
        ("closed", false) => (
            &CHECKED,
            &[
                ("judicial_aid", "paid"),
                ("judicial_aid_on", ""),
                ("closed_because", "delivered"),
            ],
        ),
        ("not_suitable" | "income_over_line", _) => {
            (&[], &[("finding", "rejected"), ("decided_on", "")])
        }
        ("not_eligible", true) => (&SENT, &[("reply", "not_eligible"), ("replied_on", "")]),
        ("not_eligible", false) => (
            &CHECKED,
            &[("judicial_aid", "refused"), ("judicial_aid_on", "")],
        ),
        ("jurisdiction_transferred", _) => (&[], &[("moved_on", "")]),
        ("declined", _) => (&[], &[("consent", "refused"), ("consent_on", "")]),
        ("not_reachable", _) => (&[], &[("closed_because", "no_contact"), ("closed_on", "")]),
        ("dead", _) => (&[], &[("closed_because", "dead"), ("closed_on", "")]),
        ("duplicate", _) => (&[], &[("closed_because", "duplicate"), ("closed_on", "")]),
        ("moved_away", _) => (&[], &[("closed_because", "moved_away"), ("closed_on", "")]),
        ("returned", true) => match reason {
            Some(Reason::NotOurDuty) => {
                (&SENT, &[("returned", "not_our_duty"), ("returned_on", "")])
            }
            Some(Reason::NotLocal) => (
                &SENT,
                &[("returned", "not_registered_here"), ("returned_on", "")],
            ),
            Some(Reason::MaterialsLate) => {
                (&SENT, &[("returned", "incomplete"), ("returned_on", "")])
            }
            _ => return Err(not_known()),
        },
        _ => return Err(not_known()),
    };
    let needs_reason = matches!(code.as_deref(), Some("not_suitable" | "not_eligible"));
    let header = line.headers.get("state").cloned().unwrap_or_default();
    let mut put = |name: &'static str, text: String| {
        line.texts.insert(name, text);
        line.headers.insert(name, header.clone());
    };
    for (name, value) in base.iter().chain(more) {
        let text = match value.is_empty() {
            true => on.to_string(),
            false => (*value).to_owned(),
        };
        put(name, text);
    }
    put("found_on", on.to_string());
    // The state says the reason.
    if code.as_deref() == Some("income_over_line") && reason.is_none() {
        put("reason", Reason::Income.name().to_owned());
    }
    if needs_reason && reason.is_none() {
        put("reason", Reason::Other.name().to_owned());
    }
    if matches!(code.as_deref(), Some("returned")) {
        // It is why the lead was returned.
        line.texts.remove("reason");
    }
    Ok(line)
}

/// Returns the leads whose person is, by number, that of an earlier one, but by ID number or name
/// is not: the position of each among `leads`, with the place of the earlier one.
pub fn other_persons(leads: &[LedgerLead]) -> BTreeMap<usize, RowPlace> {
    let mut first: BTreeMap<&PersonNumber, &LedgerLead> = BTreeMap::new();
    let mut others = BTreeMap::new();
    for (at, lead) in leads.iter().enumerate() {
        let earlier = *first.entry(&lead.person).or_insert(lead);
        let other_token =
            earlier.token.is_some() && lead.token.is_some() && earlier.token != lead.token;
        let (one, other) = (&earlier.names, &lead.names);
        let other_name =
            !one.is_empty() && !other.is_empty() && !other.iter().any(|name| one.contains(name));
        if other_token || other_name {
            others.insert(at, earlier.place.clone());
        }
    }
    others
}

/// Returns which leads several rows are of, each with the places of the rows. Rows that say the
/// same are one.
pub fn twice(leads: &[LedgerLead]) -> BTreeMap<LeadNumber, Vec<RowPlace>> {
    let mut of_leads: BTreeMap<&LeadNumber, Vec<&LedgerLead>> = BTreeMap::new();
    for lead in leads {
        of_leads.entry(&lead.number).or_default().push(lead);
    }
    let said = |lead: &LedgerLead| format!("{:?}", lead.steps);
    let differ = |leads: &[&LedgerLead]| {
        let mut said = leads.iter().map(|lead| said(lead));
        let first = said.next();
        said.any(|other| Some(&other) != first.as_ref())
    };
    let of_leads = of_leads.into_iter();
    let several = of_leads.filter(|(_, leads)| leads.len() > 1 && differ(leads));
    several
        .map(|(number, leads)| {
            let places = leads.iter().map(|lead| lead.place.clone());
            (number.clone(), places.collect())
        })
        .collect()
}
