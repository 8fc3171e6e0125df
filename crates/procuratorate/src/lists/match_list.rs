//! Match lists: for each agency, and for judicial aid, the leads that a person
//! at the procuratorate must check. Minors are on separate lists (Law on the
//! Protection of Minors, 103 and 111).

use std::cmp::Reverse;
use std::collections::BTreeSet;

use aidlink_contract::grade::Grade;
use aidlink_contract::outcome::Outcome;
use aidlink_contract::screened_lead::CaseEvidence;
use aidlink_faults::text::Text;
use aidlink_office::round::RoundTerms;
use aidlink_policy::pack::{Aid, CASE_EXPORT, Direction, Policy, Rule, RuleKind};
use rayon::prelude::*;

use super::about_person::AboutPerson;
use super::case_cells::{case_fields, case_numbers};
use super::columns::{
    ActBy, AppliedRules, Cell, CitedAid, Decision, ListForm, ListRow, Mark, ToCheck, Urgency,
    citations,
};
use super::earlier::{self, Status};
use super::marking::RoundMarking;
use super::numbers::PersonNumbers;
use super::same_case::leads_of_same_case;
use crate::register::in_round::{EarlierLead, KnownPersons};
use crate::resolve::ResolvedLead;
use aidlink_agency::person_mark::PersonMark;
use aidlink_agency::spreadsheet_csv;
use aidlink_agency::tokenise::Listed;

/// A match list ready to be written.
pub struct MatchList {
    /// The name, such as `to-civil-affairs` or `to-judicial-aid`; lists of minors
    /// end in `.minors`.
    pub name: String,
    /// The content of the file.
    pub bytes: Vec<u8>,
    /// Number of leads on the list.
    pub leads: usize,
}

impl MatchList {
    /// Returns its path in the output folder.
    pub fn path(&self) -> String {
        format!("lists/for-review/{}.csv", self.name)
    }
}

/// Returns the name of the list for the leads of an aid.
pub fn list_name(aid: &Aid, minor: bool) -> String {
    let name = match aid.direction {
        Direction::ToSocial => format!("to-{}", aid.agency),
        Direction::ToJudicial => "to-judicial-aid".to_owned(),
    };
    if minor {
        format!("{name}.minors")
    } else {
        name
    }
}

/// A lead as lists show it.
pub(super) struct ListedLead<'l> {
    /// The name of its list.
    pub(super) list: String,
    /// Its aid.
    pub(super) aid: &'l Aid,
    /// The mark of the person.
    pub(super) person: PersonMark,
    /// The number of the person.
    pub(super) person_number: String,
    /// Whether it is on a list of minors.
    pub(super) minor: bool,
    /// How soon it must be checked.
    pub(super) urgency: Urgency,
    /// How sure it is.
    pub(super) grade: Grade,
    /// What it is to the register; `None` without a register.
    pub(super) status: Option<Status>,
    /// The deadline; `None` if it cannot be computed.
    pub(super) act_by: Option<ActBy>,
    /// The row of its match list.
    pub(super) row: ListRow,
    /// The same, part by part.
    pub(super) parts: LeadParts,
}

/// What a lead rests on and what is open, part by part, in the language of the lists.
/// Evidence of all cases of the person is together; a reason against that holds in some of
/// them only names them.
pub(super) struct LeadParts {
    /// The rules that are yes, each with its register and the day of its snapshot.
    pub(super) evidence: Vec<String>,
    /// The rules that are indicated or unknown.
    pub(super) open: Vec<String>,
    /// What a person must check.
    pub(super) checks: Vec<String>,
    /// The reasons against.
    pub(super) exclusions: Vec<String>,
    /// The priority groups of the person.
    pub(super) priorities: Vec<String>,
    /// The age of the person at the as-of date, if it is known.
    pub(super) age: Option<i64>,
    /// What reviewers see to find and judge the person.
    pub(super) about: AboutPerson,
}

/// Returns the leads as lists show them, sorted by list, then by urgency, grade and number.
pub(super) fn listed_leads<'l>(
    terms: &'l RoundTerms,
    leads: &'l [ResolvedLead],
    numbers: &PersonNumbers,
    known: Option<&KnownPersons>,
) -> Vec<ListedLead<'l>> {
    let same_case = leads_of_same_case(&terms.policy, &terms.cases.schema, leads);
    let number = |lead: &ResolvedLead, aid: &Aid| numbers.lead(&lead.person, &aid.id);
    let listed = leads.par_iter().enumerate().filter_map(|(index, lead)| {
        // Always found: screening takes aids from the policy, and the step of a
        // split round checks them.
        let aid = terms.policy.aid(&lead.screened.aid)?;
        let others = same_case.get(&index).into_iter().flatten();
        let others = others.filter_map(|other| leads.get(*other));
        let mut same_case: Vec<String> = others.map(|other| number(other, aid)).collect();
        same_case.sort();
        let of_person = known.and_then(|known| known.persons.get(&lead.person));
        let earlier = of_person.and_then(|person| person.leads.get(&aid.id));
        let lead_row = LeadRow {
            terms,
            aid,
            lead,
            rules: HeldRules::of(&terms.policy, lead),
            same_case,
            status: known.map(|_| Status::of(earlier)),
            earlier,
        };
        let urgency = lead_row.urgency();
        Some(ListedLead {
            list: list_name(aid, lead.minor),
            aid,
            person: lead.person,
            person_number: numbers.person(&lead.person).to_owned(),
            minor: lead.minor,
            urgency,
            grade: lead.screened.grade(),
            status: lead_row.status,
            act_by: lead_row.act_by(),
            row: lead_row.row(number(lead, aid), urgency),
            parts: lead_row.parts(),
        })
    });
    let mut listed: Vec<ListedLead<'_>> = listed.collect();
    let place = |lead: &ListedLead<'_>| (lead.urgency, Reverse(lead.grade));
    listed.sort_by(|one, other| {
        (&one.list, place(one), &one.row.number).cmp(&(
            &other.list,
            place(other),
            &other.row.number,
        ))
    });
    listed
}

/// Returns the names of all lists of a policy, in their order.
pub(super) fn list_names(policy: &Policy) -> BTreeSet<String> {
    let aids = policy.aids.iter();
    aids.flat_map(|aid| [list_name(aid, false), list_name(aid, true)])
        .collect()
}

/// Returns every list of the round, including lists without leads.
pub(super) fn match_lists(
    terms: &RoundTerms,
    leads: &[ListedLead<'_>],
    marking: &RoundMarking<'_>,
) -> Vec<MatchList> {
    let form = ListForm::of(&terms.cases.schema, terms.list_language);
    let names: Vec<String> = list_names(&terms.policy).into_iter().collect();
    names
        .into_par_iter()
        .map(|name| {
            let rows = leads.iter().filter(|lead| lead.list == name);
            let rows: Vec<Vec<String>> = rows.map(|lead| lead.row.cells(&form)).collect();
            let count = rows.len();
            let needed = registers_of_list(&terms.policy, &name);
            let mut table = vec![form.header(&marking.of_list(&needed, form.language))];
            table.extend(rows);
            MatchList {
                name,
                bytes: spreadsheet_csv::to_bytes(&table),
                leads: count,
            }
        })
        .collect()
}

/// Returns the registers that the aids of a list need: for evidence, for receipt or for
/// earlier referrals.
pub fn registers_of_list<'p>(policy: &'p Policy, list: &str) -> BTreeSet<&'p str> {
    let of_list = |aid: &&Aid| {
        [false, true]
            .iter()
            .any(|minor| list_name(aid, *minor) == list)
    };
    let mut rules: BTreeSet<&str> = BTreeSet::new();
    for aid in policy.aids.iter().filter(of_list) {
        rules.extend(aid.rests_on());
        rules.extend(aid.settled.iter().flat_map(|settled| settled.rules()));
        rules.extend(aid.referred.rules());
    }
    let named = policy.rules.iter();
    let named = named.filter(|rule| rules.contains(rule.id.as_str()));
    let exports = named.map(|rule| rule.on.as_str());
    exports.filter(|export| *export != CASE_EXPORT).collect()
}

/// Returns whether rules of this kind are evidence. The others have columns of their own.
fn is_evidence(kind: RuleKind) -> bool {
    !matches!(kind, RuleKind::Exclusion | RuleKind::Priority)
}

/// The rules that have an outcome for any case row of a lead, in the policy's order.
struct HeldRules<'a> {
    yes: Vec<&'a Rule>,
    indicated: Vec<&'a Rule>,
    unknown: Vec<&'a Rule>,
}

impl<'a> HeldRules<'a> {
    fn of(policy: &'a Policy, lead: &ResolvedLead) -> Self {
        let rules = |outcome: Outcome| {
            let cases = lead.screened.cases.iter();
            let ids: BTreeSet<&str> = cases
                .flat_map(|case| case.rules(outcome))
                .map(String::as_str)
                .collect();
            let rules = policy.rules.iter();
            match ids.is_empty() {
                true => Vec::new(),
                false => rules
                    .filter(|rule| ids.contains(rule.id.as_str()))
                    .collect(),
            }
        };
        HeldRules {
            yes: rules(Outcome::Yes),
            indicated: rules(Outcome::Indicated),
            unknown: rules(Outcome::Unknown),
        }
    }

    /// Returns those that a person must look at, the surest first.
    fn open(&self) -> impl Iterator<Item = &'a Rule> {
        self.indicated.iter().chain(&self.unknown).copied()
    }
}

/// One lead with the data needed to write its row.
struct LeadRow<'a> {
    terms: &'a RoundTerms,
    aid: &'a Aid,
    lead: &'a ResolvedLead,
    rules: HeldRules<'a>,
    /// The numbers of the leads that may belong to the same household.
    same_case: Vec<String>,
    status: Option<Status>,
    /// What the register knows of an earlier lead.
    earlier: Option<&'a EarlierLead>,
}

impl LeadRow<'_> {
    fn translate<'t>(&self, text: &'t Text) -> &'t str {
        text.in_language(self.terms.list_language)
    }

    fn urgency(&self) -> Urgency {
        let HeldRules { yes, indicated, .. } = &self.rules;
        // A lead that may turn out to be urgent is checked first. Unknown rules do not
        // count: of a poor export every rule is unknown.
        if indicated.iter().chain(yes).any(|rule| rule.urgent) {
            Urgency::Urgent
        } else if yes.iter().any(|rule| rule.kind == RuleKind::Priority) {
            Urgency::Priority
        } else {
            Urgency::Ordinary
        }
    }

    /// Returns the cited titles of the rules with these ids, in the policy's order.
    fn titles(&self, ids: &[String], keep: impl Fn(RuleKind) -> bool) -> Vec<String> {
        let rules = self.terms.policy.rules.iter();
        rules
            .filter(|rule| keep(rule.kind) && ids.contains(&rule.id))
            .map(|rule| {
                format!(
                    "{}〔{}〕",
                    self.translate(&rule.title),
                    citations(&self.terms.policy, &rule.cites, self.terms.list_language)
                )
            })
            .collect()
    }

    /// Returns the titles of the rules that are yes; if they differ between cases,
    /// numbered by case.
    fn titles_by_case(&self, keep: impl Fn(RuleKind) -> bool) -> String {
        self.by_case(|case| self.titles(case.rules(Outcome::Yes), &keep))
    }

    /// Returns the titles of the rules that are indicated, marked as such, and of
    /// those that are unknown; if they differ between cases, numbered by case.
    fn open_titles_by_case(&self, keep: impl Fn(RuleKind) -> bool) -> String {
        let mark = self
            .translate(&Text::new("（已有部分依据）", " (indicated)"))
            .to_owned();
        self.by_case(|case| {
            let indicated = self.titles(case.rules(Outcome::Indicated), &keep);
            let indicated = indicated.into_iter().map(|title| title + &mark);
            let unknown = self.titles(case.rules(Outcome::Unknown), &keep);
            indicated.chain(unknown).collect()
        })
    }

    fn by_case(&self, titles: impl Fn(&CaseEvidence) -> Vec<String>) -> String {
        let cases = &self.lead.screened.cases;
        let all: Vec<String> = cases.iter().map(|case| titles(case).join("；")).collect();
        if all.windows(2).all(|pair| pair[0] == pair[1]) {
            return all.into_iter().next().unwrap_or_default();
        }
        let numbered = all
            .iter()
            .enumerate()
            .filter(|(_, titles)| !titles.is_empty());
        let numbered: Vec<String> = numbered
            .map(|(index, titles)| format!("({}) {titles}", index + 1))
            .collect();
        numbered.join("；")
    }

    /// Returns the checks of the rules and the aid, each once.
    fn checks(&self) -> Vec<&str> {
        let mut checks: Vec<&str> = Vec::new();
        let of_rules = self.rules.yes.iter().copied().chain(self.rules.open());
        let of_rules = of_rules.filter_map(|rule| rule.check.as_ref());
        for check in of_rules.chain(&self.aid.check) {
            let check = self.translate(check);
            if !checks.contains(&check) {
                checks.push(check);
            }
        }
        checks
    }

    /// Returns the titles of the rules of a kind that are yes. Those that hold in some cases
    /// only have the numbers of these.
    fn with_cases(&self, kind: RuleKind) -> Vec<String> {
        let rules = self.rules.yes.iter();
        let rules = rules.filter(|rule| rule.kind == kind);
        let titles = rules.map(|rule| {
            let title = self.translate(&rule.title);
            let cases = self.lead.screened.cases.iter().zip(&self.lead.cases);
            let (holds, others): (Vec<_>, Vec<_>) =
                cases.partition(|(case, _)| case.rules(Outcome::Yes).contains(&rule.id));
            if others.is_empty() {
                return title.to_owned();
            }
            let cases: Vec<&Listed> = holds.into_iter().map(|(_, case)| case).collect();
            let numbers = case_numbers(&self.terms.cases.schema, &cases).join("、");
            let titled = Text::new(
                format!("{title}（案号：{numbers}）"),
                format!("{title} (case {numbers})"),
            );
            self.translate(&titled).to_owned()
        });
        titles.collect()
    }

    fn parts(&self) -> LeadParts {
        let title = |rule: &Rule| self.translate(&rule.title).to_owned();
        let evidence = self.rules.yes.iter();
        let evidence = evidence.filter(|rule| is_evidence(rule.kind));
        let evidence = evidence.map(|rule| {
            let title = title(rule);
            match self.terms.export(&rule.on) {
                None => title,
                Some(export) => {
                    let register = self.translate(&export.schema.title);
                    let source = Text::new(
                        format!("{title}（{register}，{}）", export.snapshot),
                        format!("{title} ({register}, {})", export.snapshot),
                    );
                    self.translate(&source).to_owned()
                }
            }
        });
        let open = self.rules.open().filter(|rule| is_evidence(rule.kind));
        LeadParts {
            evidence: evidence.collect(),
            open: open.map(title).collect(),
            checks: self.checks().into_iter().map(str::to_owned).collect(),
            exclusions: self.with_cases(RuleKind::Exclusion),
            priorities: self.with_cases(RuleKind::Priority),
            age: self.lead.cases.iter().find_map(|case| case.age),
            about: AboutPerson::of(
                &self.terms.cases.schema,
                &self.lead.cases,
                self.terms.list_language,
            ),
        }
    }

    fn to_check(&self) -> ToCheck {
        let screened = &self.lead.screened;
        let marks = [
            (screened.receipt_not_verified, Mark::ReceiptNotVerified),
            (screened.referral_not_verified, Mark::ReferralNotVerified),
        ];
        let mut marks: Vec<Mark> = marks
            .into_iter()
            .filter_map(|(holds, mark)| holds.then_some(mark))
            .collect();
        let unreadable: BTreeSet<&str> = self
            .lead
            .cases
            .iter()
            .flat_map(|case| &case.unreadable)
            .filter_map(|name| self.terms.cases.schema.field(name))
            .map(|field| self.translate(&field.title))
            .collect();
        if !unreadable.is_empty() {
            let columns = unreadable.into_iter().collect::<Vec<_>>().join(", ");
            marks.push(Mark::Unreadable(columns));
        }
        if !self.same_case.is_empty() {
            let separator = self.translate(&Text::new("、", ", ")).to_owned();
            marks.push(Mark::SameCase(self.same_case.join(&separator)));
        }
        ToCheck {
            marks,
            checks: self.checks().join("；"),
        }
    }

    fn act_by(&self) -> Option<ActBy> {
        let deadline = self.terms.policy.deadline(&self.aid.deadline)?;
        ActBy::of(deadline, self.terms.issued_on, &self.terms.calendar)
    }

    fn row(&self, number: String, urgency: Urgency) -> ListRow {
        let policy = &self.terms.policy;
        let why_again = self
            .earlier
            .map(|earlier| earlier::why_again(policy, &self.aid.id, earlier, self.terms.as_of));
        let last_decision = self.earlier.map(earlier::last_decision);
        let written = |text: Option<Text>| {
            let text = text.unwrap_or_default();
            self.translate(&text).to_owned()
        };
        ListRow {
            number,
            urgency: Cell::Read(urgency),
            grade: Cell::Read(Some(self.lead.screened.grade())),
            status: Cell::Read(self.status),
            case_fields: case_fields(&self.terms.cases.schema, &self.lead.cases),
            aid: CitedAid::of(policy, self.aid, self.terms.list_language),
            grounds: self.titles_by_case(is_evidence),
            unknown: self.open_titles_by_case(is_evidence),
            exclusions: self.titles_by_case(|kind| kind == RuleKind::Exclusion),
            priority: self.titles_by_case(|kind| kind == RuleKind::Priority),
            to_check: self.to_check(),
            issued_on: Cell::Read(self.terms.issued_on),
            act_by: Cell::Read(self.act_by()),
            about_act_by: String::new(),
            why_again: written(why_again),
            last_decision: written(last_decision),
            rules: Cell::Read(AppliedRules {
                policy: policy.id.clone(),
                version: policy.version.clone(),
                rules: self.rules.yes.iter().map(|rule| rule.id.clone()).collect(),
            }),
            decision: Decision::default(),
            below_marking: String::new(),
        }
    }
}
