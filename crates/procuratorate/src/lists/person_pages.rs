//! The person pages (一人一档): for whoever visits a person, all leads of that person on a
//! page, with what they rest on, what to ask, and boxes to tick. Printed, and filled in by
//! hand; the decision is then entered in the review workbook.

use std::collections::{BTreeMap, BTreeSet};

use aidlink_faults::text::{Language, Text};
use aidlink_office::page::page;
use aidlink_office::round::RoundTerms;
use aidlink_register::decision::{Finding, Reason};
use maud::{Markup, PreEscaped, html};
use rayon::prelude::*;

use super::case_cells::distinct;
use super::columns::{Column, Urgency};
use super::marking::RoundMarking;
use super::match_list::{ListedLead, registers_of_list};
use super::not_judged::number_header;
use super::persons::{Person, persons};

/// The path of the pages of adults.
pub const ADULTS: &str = "review/persons.html";
/// The path of the pages of minors and of persons of unknown age.
pub const MINORS: &str = "review/persons.minors.html";

/// The pages of a round's adults, or of its minors, in one file.
pub struct PersonPages {
    /// Its path in the output folder.
    pub path: &'static str,
    /// The content of the file.
    pub bytes: Vec<u8>,
    /// Number of persons.
    pub persons: usize,
}

/// The style of the pages. A person begins on a new sheet.
const STYLE: &str = "\
@page { size: A4 portrait; margin: 12mm 12mm 14mm; }
body { max-width: 186mm; font-size: 9.5pt; }
.person { break-before: page; margin-bottom: 3em; } .person:first-child { break-before: auto; }
.marking { border: 1.5px solid #111; padding: .1em .5em; font-weight: bold; }
.head { display: flex; justify-content: space-between; align-items: baseline; gap: 1em; margin: .4em 0; }
.number { font-family: monospace; font-size: 12pt; white-space: nowrap; } h1 { font-size: 14pt; } h2 { font-size: 10.5pt; margin: .7em 0 .2em; }
.facts th { width: 13%; } .facts td { width: 37%; } .aid th { width: 13%; } .aid { margin-bottom: .4em; break-inside: avoid; } .urgent { font-weight: bold; text-decoration: underline; }
ul { margin: 0; padding: 0; list-style: none; } li { padding-left: 1.5em; text-indent: -1.5em; } ol.evidence { margin: 0; padding-left: 2em; list-style: decimal; } ol.evidence li { padding: 0; text-indent: 0; }
.lines { table-layout: fixed; } .lines td { height: 1.6em; } .lines th { width: 13%; } .tall td { height: 4em; }
.about { color: #444; font-size: 8pt; margin: .2em 0 .4em; }
";

/// Returns the pages of a round; those without persons are not made.
pub(super) fn person_pages(
    terms: &RoundTerms,
    leads: &[ListedLead<'_>],
    marking: &RoundMarking<'_>,
) -> Vec<PersonPages> {
    let mut made = Vec::new();
    for (path, minor) in [(ADULTS, false), (MINORS, true)] {
        let leads = leads.iter().filter(|lead| lead.minor == minor);
        let leads: Vec<&ListedLead<'_>> = leads.collect();
        let persons = persons(&leads);
        if persons.is_empty() {
            continue;
        }
        let names: BTreeSet<&str> = leads.iter().map(|lead| lead.list.as_str()).collect();
        let registers = |list| (list, registers_of_list(&terms.policy, list));
        let writer = Writer {
            terms,
            language: terms.list_language,
            minor,
            registers: names.into_iter().map(registers).collect(),
        };
        made.push(PersonPages {
            path,
            bytes: writer.pages(&persons, marking),
            persons: persons.len(),
        });
    }
    made
}

struct Writer<'t> {
    terms: &'t RoundTerms,
    language: Language,
    minor: bool,
    /// The registers that each list needs.
    registers: BTreeMap<&'t str, BTreeSet<&'t str>>,
}

impl Writer<'_> {
    fn say(&self, zh: impl Into<String>, en: impl Into<String>) -> String {
        self.translate(&Text::new(zh, en)).to_owned()
    }

    fn translate<'t>(&self, text: &'t Text) -> &'t str {
        text.in_language(self.language)
    }

    fn header(&self, column: Column) -> String {
        let header = column.header().unwrap_or_default();
        self.translate(&header).to_owned()
    }

    fn pages(&self, persons: &[Person<'_>], marking: &RoundMarking<'_>) -> Vec<u8> {
        let round = &self.terms.round;
        let title = self.say(
            format!("一人一档 {round}"),
            format!("Person pages, round {round}"),
        );
        let pages = persons.par_iter().enumerate();
        let pages = pages.map(|(index, person)| {
            self.person(person, index + 1, persons.len(), marking)
                .into_string()
        });
        page(self.language, &title, STYLE, &PreEscaped(pages.collect()))
    }

    fn person(
        &self,
        person: &Person<'_>,
        place: usize,
        of: usize,
        marking: &RoundMarking<'_>,
    ) -> Markup {
        let leads = person.leads.iter();
        let needed = leads.filter_map(|lead| self.registers.get(lead.list.as_str()));
        let needed: BTreeSet<&str> = needed.flatten().copied().collect();
        let marking = marking.of_list(&needed, self.language);
        let mut asked: BTreeSet<&str> = BTreeSet::new();
        let evidence = person.leads.iter().flat_map(|lead| &lead.parts.evidence);
        let evidence = distinct(evidence.map(String::as_str));
        html! {
            section.person {
                p.marking { (marking.cell(self.language)) }
                div.head {
                    h1 { (self.title(person)) }
                    span.number { (self.translate(&number_header())) " " (person.number()) }
                }
                (self.about_page(place, of))
                (self.facts(person))
                h2 { (self.say("一、依据和证据", "1. Evidence")) }
                ol.evidence { @for item in &evidence { li { (item) } } }
                h2 { (self.say("二、拟核查的救助项目", "2. Aids to be checked")) }
                @for lead in &person.leads { (self.lead(lead, &evidence, &mut asked)) }
                (self.exclusions(person))
                h2 { (self.say("三、本人意愿", "3. What the person wants")) }
                (self.consent())
                h2 { (self.say("四、走访记录", "4. Record of the visit")) }
                (self.visit())
            }
        }
    }

    /// Returns what the page is of, and what to do with it.
    fn about_page(&self, place: usize, of: usize) -> Markup {
        let terms = self.terms;
        html! {
                p.about {
                    (self.say(
                        format!("第{place}人，共{of}人。轮次 {}，基准日 {}，签发日期 {}，规则文件 {} 第{}版。请勿填写证件号码、电话号码、银行卡号。核查结论另录入核查工作簿；本页随本轮数据于 {} 前销毁或归档。",
                            terms.round, terms.as_of, terms.issued_on, terms.policy.id, terms.policy.version, terms.retention_until),
                        format!("Person {place} of {of}. Round {}, as of {}, issued on {}, policy {} version {}. Do not write ID, telephone or bank card numbers. Enter the decision in the review workbook; file or destroy this page by {}.",
                            terms.round, terms.as_of, terms.issued_on, terms.policy.id, terms.policy.version, terms.retention_until),
                    ))
                }
        }
    }

    fn title(&self, person: &Person<'_>) -> String {
        let mut leads = person.leads.iter();
        let age_is_unknown = leads.all(|lead| lead.parts.age.is_none());
        match self.minor {
            true if age_is_unknown => self.say(
                "救助线索核查表（年龄不明，按未成年人办理）",
                "Leads to be checked: age unknown, treated as a minor",
            ),
            true => self.say("救助线索核查表（未成年人）", "Leads to be checked: a minor"),
            false => self.say("救助线索核查表", "Leads to be checked"),
        }
    }

    /// Returns the table of what the lists show of the person's cases.
    fn facts(&self, person: &Person<'_>) -> Markup {
        let fields = self.terms.cases.schema.list_fields();
        let titles: Vec<&str> = fields.map(|field| self.translate(&field.title)).collect();
        let values = person.case_fields(titles.len());
        let priorities = person.leads.iter().flat_map(|lead| &lead.parts.priorities);
        let priorities = distinct(priorities.map(String::as_str)).join("；");
        let listed = titles.iter().map(|title| (*title).to_owned()).zip(values);
        let facts: Vec<(String, String)> = listed.chain(person.about().0).collect();
        html! {
            table.facts {
                // Two facts in a row.
                @for pair in facts.chunks(2) {
                    tr {
                        @for (title, value) in pair { th { (title) } td { (value) } }
                        @if pair.len() == 1 { th {} td {} }
                    }
                }
                @if !priorities.is_empty() {
                    tr {
                        th { (self.header(Column::Priority)) }
                        td colspan="3" { (priorities) }
                    }
                }
            }
        }
    }

    /// Returns a lead. It names the evidence of the page by its numbers. What an earlier lead of
    /// the page asks is not asked again; `asked` keeps it.
    fn lead<'l>(
        &self,
        lead: &'l ListedLead<'_>,
        evidence: &[&str],
        asked: &mut BTreeSet<&'l str>,
    ) -> Markup {
        let agency = self.terms.policy.agency_name(&lead.aid.agency);
        let (agency, aid) = (self.translate(&agency), self.translate(&lead.aid.title));
        let named = self.say(format!("{agency}：{aid}"), format!("{agency}: {aid}"));
        let urgency = lead.urgency.text();
        // Without the digit by which lists sort.
        let urgency = self.translate(&urgency);
        let urgency = urgency.split_once(' ').map_or(urgency, |(_, word)| word);
        let is_urgent = lead.urgency == Urgency::Urgent;
        let marks = lead.row.to_check.marks.iter();
        let marks: Vec<String> = marks
            .map(|mark| self.translate(&mark.text()).to_owned())
            .collect();
        let parts = &lead.parts;
        let places = evidence.iter().enumerate();
        let places = places.filter(|(_, item)| parts.evidence.iter().any(|own| own == *item));
        let places: Vec<String> = places.map(|(place, _)| (place + 1).to_string()).collect();
        let rests_on = places.join(&self.say("、", ", "));
        let mut new = |items: &'l [String]| -> Vec<&'l str> {
            let items = items.iter().map(String::as_str);
            items.filter(|item| asked.insert(item)).collect()
        };
        let (open, checks) = (new(&parts.open), new(&parts.checks));
        let asked_above = parts.open.len() + parts.checks.len() > open.len() + checks.len();
        html! {
            table.aid {
                tr {
                    th { (self.header(Column::Aid)) }
                    td {
                        b { (named) } " "
                        span.urgent[is_urgent] { (urgency) } " · "
                        (self.translate(&lead.grade.title())) " · "
                        span.number style="font-size: 9pt" { (lead.row.number) }
                        @if let Some(by) = lead.act_by {
                            " · " (self.header(Column::ActBy)) " " (by.on) " "
                            small { (self.translate(&by.note())) }
                        }
                        @if !rests_on.is_empty() {
                            br;
                            (self.say(
                                format!("依据第{rests_on}项"),
                                format!("rests on evidence {rests_on}"),
                            ))
                        }
                    }
                }
                @if let Some(status) = lead.status {
                    tr {
                        th { (self.header(Column::Status)) }
                        td {
                            (self.translate(&status.text()))
                            @for (column, text) in [
                                (Column::WhyAgain, &lead.row.why_again),
                                (Column::LastDecision, &lead.row.last_decision),
                            ] {
                                @if !text.is_empty() {
                                    " · " (self.header(column)) " " (text)
                                }
                            }
                        }
                    }
                }
                @if !open.is_empty() {
                    tr {
                        th { (self.say("须查明", "To find out")) }
                        td { ul { @for item in &open { li { (box_of(item)) } } } }
                    }
                }
                @if !checks.is_empty() || !marks.is_empty() || asked_above {
                    tr {
                        th { (self.header(Column::ToCheck)) }
                        td {
                            ul {
                                @for item in marks.iter().map(String::as_str).chain(checks) {
                                    li { (box_of(item)) }
                                }
                                @if asked_above { li { (self.say("其余同上", "the rest as above")) } }
                            }
                        }
                    }
                }
                tr {
                    th { (self.header(Column::Decision)) }
                    td {
                        @for finding in Finding::ALL {
                            (box_of(self.translate(&finding.text()))) "　"
                        }
                        (self.header(Column::Reason)) " ____________________"
                    }
                }
            }
        }
    }

    /// Returns the reasons against that hold for any lead.
    fn exclusions(&self, person: &Person<'_>) -> Markup {
        let texts = person.leads.iter().flat_map(|lead| &lead.parts.exclusions);
        let texts = distinct(texts.map(String::as_str));
        html! {
            @if !texts.is_empty() {
                p { b { (self.header(Column::Exclusions)) } }
                ul { @for text in texts { li { (box_of(text)) } } }
            }
        }
    }

    fn consent(&self) -> Markup {
        let boxes = |choices: &[Text]| {
            let boxes = choices.iter().map(|text| box_of(self.translate(text)));
            boxes.collect::<Vec<String>>().join("　")
        };
        let told = [
            Text::new("已当面告知权利", "rights told in person"),
            Text::new("已邮寄告知书", "notice sent by post"),
            Text::new("已电话告知", "told by telephone"),
        ];
        let consent = [
            Text::new("同意移送", "agrees to be referred"),
            Text::new("仅同意部分项目（注明）", "agrees for some aids (say which)"),
            Text::new(Reason::Declined.text().zh, "declines"),
            Text::new(Reason::NotReachable.text().zh, "not reachable"),
        ];
        html! {
            table.lines {
                tr { th { (self.say("告知", "Told")) } td { (boxes(&told)) } }
                tr { th { (self.say("意愿", "Consent")) } td { (boxes(&consent)) } }
                @if self.minor {
                    tr {
                        th { (self.say("监护人", "Guardian")) }
                        td {
                            (self.say(
                                "姓名____________　与未成年人关系____________　□ 监护人同意（未满十四周岁须由监护人同意，个保法第三十一条）",
                                "name ____________  relationship ____________  □ guardian agrees (required below the age of 14, PIPL 31)"
                            ))
                        }
                    }
                }
                tr { th { (self.say("本人（监护人）签名", "Signature")) } td {} }
            }
        }
    }

    fn visit(&self) -> Markup {
        let rows = [
            [
                Text::new("日期、地点", "Day, place"),
                Text::new("走访人（二人）", "Visitors (two)"),
            ],
            [
                Text::new("家庭人口、住房", "Household, home"),
                Text::new("收入、必要支出", "Income, needed expenses"),
            ],
        ];
        html! {
            table.lines {
                @for row in &rows {
                    tr { @for title in row { th { (self.translate(title)) } td {} } }
                }
                tr {
                    th { (self.say("已享受的救助", "Aid received already")) }
                    td colspan="3" {}
                }
                tr.tall {
                    th { (self.say("情况和其他需求", "Situation, other needs")) }
                    td colspan="3" {}
                }
            }
        }
    }
}

/// Returns a text with a box to tick before it.
fn box_of(text: &str) -> String {
    format!("□ {text}")
}
