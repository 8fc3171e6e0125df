//! Match lists: for each agency, and for judicial aid, the leads that a person
//! at the procuratorate is to check. Minors stand on lists of their own
//! (Law on the Protection of Minors, 103 and 111).

use std::collections::{BTreeMap, BTreeSet};

use aidlink_contract::screened_lead::{CaseEvidence, Provisional};
use aidlink_faults::fault::Fault;
use aidlink_faults::text::{Language, Text};
use aidlink_office::output_folder::OutputFolder;
use aidlink_office::round::RoundTerms;
use aidlink_policy::pack::{Aid, Direction, Policy, Rule, RuleKind};

use crate::resolve::ResolvedLead;
use aidlink_agency::spreadsheet_csv;

/// A list as it is written.
pub struct MatchList {
    /// `to-civil-affairs`, `to-judicial-aid`; minors: `….minors`.
    pub name: String,
    /// The file's bytes.
    pub bytes: Vec<u8>,
    /// How many leads it holds.
    pub leads: usize,
}

/// Where the columns of a list stand, for who reads one again.
#[derive(Clone, Copy, Debug)]
pub struct Columns {
    /// How many columns come before those that are the same on every list.
    before: usize,
}

impl Columns {
    /// Of lists that show so many fields of the case parties.
    pub fn of(list_fields: usize) -> Self {
        Columns {
            before: 2 + list_fields,
        }
    }

    /// The aid with its citations.
    pub fn aid(self) -> usize {
        self.before
    }

    /// What to check, marks first.
    pub fn check(self) -> usize {
        self.before + 5
    }

    /// The deadline.
    pub fn act_by(self) -> usize {
        self.before + 7
    }

    /// Policy, version and rules.
    pub fn rules(self) -> usize {
        self.before + 8
    }

    /// The marking, whose header alone says something.
    pub fn marking(self) -> usize {
        self.before + 13
    }

    /// How many there are.
    pub fn count(self) -> usize {
        self.before + 14
    }
}

/// How soon a lead is to be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Urgency {
    Urgent,
    Priority,
    Ordinary,
}

impl Urgency {
    fn text(self) -> Text {
        match self {
            Urgency::Urgent => Text::new("1 紧急", "1 urgent"),
            Urgency::Priority => Text::new("2 优先", "2 priority"),
            Urgency::Ordinary => Text::new("3 一般", "3 ordinary"),
        }
    }
}

/// The list that the leads of an aid stand on.
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

/// How an aid stands on lists: its title, then its citations in brackets.
pub fn aid_title(aid: &Aid, language: Language) -> &str {
    aid.title.in_language(language)
}

/// The lead's number: leads are numbered in token order over all lists.
pub fn lead_number(terms: &RoundTerms, index: usize) -> String {
    format!("{}-{:05}", terms.round, index + 1)
}

/// Every list of the round, also those without a lead.
pub fn match_lists(
    terms: &RoundTerms,
    leads: &[ResolvedLead],
    provisional: &[Provisional],
) -> Vec<MatchList> {
    let mut rows: BTreeMap<String, Vec<(Urgency, usize, Vec<String>)>> = BTreeMap::new();
    for aid in &terms.policy.aids {
        for minor in [false, true] {
            rows.entry(list_name(aid, minor)).or_default();
        }
    }
    for (index, lead) in leads.iter().enumerate() {
        // A lead's aid is one of the policy's: screening iterates over them.
        let Some(aid) = terms.policy.aid(&lead.screened.aid) else {
            continue;
        };
        let row = LeadRow { terms, aid, lead };
        let urgency = row.urgency();
        rows.entry(list_name(aid, lead.minor)).or_default().push((
            urgency,
            index,
            row.cells(index, urgency),
        ));
    }
    let header = header(terms, provisional);
    rows.into_iter()
        .map(|(name, mut leads)| {
            leads.sort();
            let count = leads.len();
            let mut table = vec![header.clone()];
            table.extend(leads.into_iter().map(|(_, _, cells)| cells));
            MatchList {
                name,
                bytes: spreadsheet_csv::to_bytes(&table),
                leads: count,
            }
        })
        .collect()
}

/// Writes the lists into a folder.
///
/// # Errors
/// When the folder cannot be written.
pub fn write_lists(folder: &mut OutputFolder, lists: &[MatchList]) -> Result<(), Fault> {
    for list in lists {
        folder.write(&format!("lists/for-review/{}.csv", list.name), &list.bytes)?;
    }
    Ok(())
}

fn header(terms: &RoundTerms, provisional: &[Provisional]) -> Vec<String> {
    let language = terms.list_language;
    let list_fields = terms.cases.schema.list_fields().map(|field| &field.title);
    let marking = if provisional.is_empty() {
        Text::new("保密：仅供核查", "CONFIDENTIAL: for review only")
    } else {
        let reasons: Vec<Text> = provisional.iter().map(Provisional::text).collect();
        let join =
            |pick: fn(&Text) -> &str| reasons.iter().map(pick).collect::<Vec<_>>().join("；");
        Text::new(
            format!("保密：仅供核查·暂定（{}）", join(|text| &text.zh)),
            format!(
                "CONFIDENTIAL: for review only. PROVISIONAL ({})",
                join(|text| &text.en)
            ),
        )
    };
    let before = [
        Text::new("线索编号", "Lead number"),
        Text::new("轻重缓急", "Urgency"),
    ];
    let after = [
        Text::new("救助项目", "Aid"),
        Text::new("依据和证据", "Grounds and evidence"),
        Text::new("尚不明确的条件", "Conditions not yet known"),
        Text::new(
            "一般不予救助的情形（须核查）",
            "Reasons against (to be checked)",
        ),
        Text::new("优先对象", "Priority groups"),
        Text::new("核查事项", "What to check"),
        Text::new("签发日期", "Issued on"),
        Text::new("办理期限", "Act by"),
        Text::new("规则", "Rules"),
        Text::new("核查结论", "Decision"),
        Text::new("理由", "Reason"),
        Text::new("核查人", "Decided by"),
        Text::new("核查日期", "Decided on"),
        marking,
    ];
    before
        .iter()
        .chain(list_fields)
        .chain(&after)
        .map(|text| text.in_language(language).to_owned())
        .collect()
}

/// One lead with what is needed to write its row.
struct LeadRow<'a> {
    terms: &'a RoundTerms,
    aid: &'a Aid,
    lead: &'a ResolvedLead,
}

impl LeadRow<'_> {
    fn say<'t>(&self, text: &'t Text) -> &'t str {
        text.in_language(self.terms.list_language)
    }

    /// The rules of an outcome over all case rows, in the policy's order.
    fn rules(&self, unknown: bool) -> Vec<&Rule> {
        let ids: BTreeSet<&str> = self
            .lead
            .screened
            .cases
            .iter()
            .flat_map(|case| if unknown { &case.unknown } else { &case.yes })
            .map(String::as_str)
            .collect();
        let policy: &Policy = &self.terms.policy;
        policy
            .rules
            .iter()
            .filter(|rule| ids.contains(rule.id.as_str()))
            .collect()
    }

    fn urgency(&self) -> Urgency {
        let rules = self.rules(false);
        // What may turn out urgent is looked at first.
        let may_be_urgent = self.rules(true).iter().any(|rule| rule.urgent);
        if may_be_urgent || rules.iter().any(|rule| rule.urgent) {
            Urgency::Urgent
        } else if rules.iter().any(|rule| rule.kind == RuleKind::Priority) {
            Urgency::Priority
        } else {
            Urgency::Ordinary
        }
    }

    fn citations(&self, cites: &[String]) -> String {
        let cites: Vec<String> = cites
            .iter()
            .map(|cite| self.say(&self.terms.policy.citation(cite)).to_owned())
            .collect();
        cites.join("、")
    }

    fn titles(&self, rules: &[&Rule], keep: impl Fn(RuleKind) -> bool) -> String {
        let titles: Vec<String> = rules
            .iter()
            .filter(|rule| keep(rule.kind))
            .map(|rule| {
                format!(
                    "{}〔{}〕",
                    self.say(&rule.title),
                    self.citations(&rule.cites)
                )
            })
            .collect();
        titles.join("；")
    }

    /// The titles of the rules of an outcome; of several cases, case by case.
    fn titles_by_case(&self, unknown: bool, keep: impl Fn(RuleKind) -> bool) -> String {
        let cases = &self.lead.screened.cases;
        let of_case = |case: &CaseEvidence| {
            let ids = if unknown { &case.unknown } else { &case.yes };
            let rules = self.terms.policy.rules.iter();
            let rules: Vec<&Rule> = rules.filter(|rule| ids.contains(&rule.id)).collect();
            self.titles(&rules, &keep)
        };
        let all: Vec<String> = cases.iter().map(of_case).collect();
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

    fn to_check(&self, yes: &[&Rule], unknown: &[&Rule]) -> String {
        let mut checks: Vec<&str> = Vec::new();
        let of_rules = yes
            .iter()
            .chain(unknown)
            .filter_map(|rule| rule.check.as_ref());
        for check in of_rules.chain(&self.aid.check) {
            let check = self.say(check);
            if !checks.contains(&check) {
                checks.push(check);
            }
        }
        let screened = &self.lead.screened;
        let receipt = Text::new("是否已在领取未能核实", "receipt not verified");
        let referral = Text::new("此前是否已转介未能核实", "earlier referral not verified");
        let review = Text::new(
            "是否符合条件取决于尚不明确的条件",
            "whether the person qualifies depends on the conditions not yet known",
        );
        let marks = [
            (screened.receipt_not_verified, &receipt),
            (screened.referral_not_verified, &referral),
            (screened.cases.iter().all(|case| case.needs_review), &review),
        ];
        let mut marks: Vec<String> = marks
            .into_iter()
            .filter(|(holds, _)| *holds)
            .map(|(_, text)| format!("【{}】", self.say(text)))
            .collect();
        let unreadable: BTreeSet<&str> = self
            .lead
            .cases
            .iter()
            .flat_map(|case| &case.unreadable)
            .filter_map(|name| self.terms.cases.schema.field(name))
            .map(|field| self.say(&field.title))
            .collect();
        if !unreadable.is_empty() {
            let columns = unreadable.into_iter().collect::<Vec<_>>().join(", ");
            let text = Text::new(
                format!("案件导出中无法读取的列：{columns}"),
                format!("columns of the case row that could not be read: {columns}"),
            );
            marks.push(format!("【{}】", self.say(&text)));
        }
        marks.concat() + &checks.join("；")
    }

    fn act_by(&self) -> String {
        let deadline = self
            .terms
            .policy
            .deadline(&self.aid.deadline)
            .and_then(|deadline| {
                let days = deadline.working_days;
                self.terms.calendar.deadline(self.terms.issued_on, days)
            });
        let Some(deadline) = deadline else {
            return String::new();
        };
        let note = if deadline.provisional {
            Text::new(
                "（暂定：当年放假安排未公布）",
                " (provisional: that year's calendar is not out)",
            )
        } else {
            Text::new("（以核查确认为准）", " (counts once confirmed)")
        };
        format!("{}{}", deadline.on, self.say(&note))
    }

    fn cells(&self, index: usize, urgency: Urgency) -> Vec<String> {
        let yes = self.rules(false);
        let unknown = self.rules(true);
        let apart = |kind| matches!(kind, RuleKind::Exclusion | RuleKind::Priority);
        let mut cells = vec![
            lead_number(self.terms, index),
            self.say(&urgency.text()).to_owned(),
        ];
        for (column, _) in self.terms.cases.schema.list_fields().enumerate() {
            // One value for each case in the order of the cases, or one for all.
            let mut values: Vec<&str> = self
                .lead
                .cases
                .iter()
                .map(|case| case.fields.get(column).map_or("", String::as_str))
                .collect();
            if values.windows(2).all(|pair| pair[0] == pair[1]) {
                values.truncate(1);
            }
            cells.push(values.join("；"));
        }
        let rules: Vec<&str> = yes.iter().map(|rule| rule.id.as_str()).collect();
        let aid_cites = self.citations(&self.aid.cites);
        cells.extend([
            format!("{}〔{aid_cites}〕", self.say(&self.aid.title)),
            self.titles_by_case(false, |kind| !apart(kind)),
            self.titles_by_case(true, |kind| !apart(kind)),
            self.titles_by_case(false, |kind| kind == RuleKind::Exclusion),
            self.titles_by_case(false, |kind| kind == RuleKind::Priority),
            self.to_check(&yes, &unknown),
            self.terms.issued_on.to_string(),
            self.act_by(),
            format!(
                "{} {}: {}",
                self.terms.policy.id,
                self.terms.policy.version,
                rules.join(" ")
            ),
        ]);
        // What the person who decides fills in, and the column under the marking.
        cells.extend(std::iter::repeat_n(String::new(), 5));
        cells
    }
}
