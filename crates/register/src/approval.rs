//! Who approved what: each approval and each sending of a lead needs two persons, the operator
//! and somebody else who approved it.

use aidlink_faults::text::Text;
use aidlink_faults::uniform_text::uniform;
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

use crate::book::{Book, Lead};
use crate::chain::Recorded;
use crate::event::Event;
use crate::workflow::{Stage, Step, row_of};

/// Whether two names are of one person, as far as their writing tells: case, full width, white
/// space, and dots and other marks between parts of a name do not count.
pub fn is_same_person(one: &str, other: &str) -> bool {
    folded(one) == folded(other)
}

/// Whether a text can be the name of somebody: it has a letter or a digit that is seen, and neither
/// points to another row nor says that nobody is known. Away from that row nobody knows who is
/// meant.
pub fn names_somebody(name: &str) -> bool {
    let folded = folded(name);
    let is_nobody = NOBODY.contains(&folded.as_str()) || points_to_another_row(name);
    !folded.is_empty() && !is_nobody
}

/// Whether a text in the place of a name stands for that of another row.
pub fn points_to_another_row(name: &str) -> bool {
    let folded = folded(name);
    let is_mark = folded.is_empty() && name.contains(DITTO_MARKS);
    is_mark || folded.starts_with("同上") || OTHER_ROW.contains(&folded.as_str())
}

const DITTO_MARKS: [char; 7] = ['〃', '〞', '″', '"', '“', '”', '々'];
/// What people write for the name of another row, as [`folded`] has it.
const OTHER_ROW: [&str; 14] = [
    "同",
    "上同",
    "同前",
    "同左",
    "同右",
    "同一人",
    "如上",
    "见上",
    "見上",
    "见前",
    "見前",
    "ditto",
    "ibid",
    "sameasabove",
];
/// What people write if nobody is known, as [`folded`] has it.
const NOBODY: [&str; 10] = [
    "无", "無", "暂无", "暫無", "不详", "不詳", "未知", "待定", "none", "unknown",
];

/// Returns what tells one name from another: its letters and digits, in one case.
fn folded(name: &str) -> String {
    let name = uniform(name);
    // First as capitals: `ß` and `ſ` have none of their own.
    let upper = name.chars().flat_map(char::to_uppercase);
    upper
        .flat_map(char::to_lowercase)
        .filter(|c| c.is_alphanumeric() && is_seen(*c))
        .collect()
}

/// Whether a letter or digit tells one name from another. Some do not, though Unicode counts them
/// as letters: those that stand for a sign on or beside another letter (category Lm, such as the
/// tatweel), blank ones, and those that serve as the dot between the parts of a name.
fn is_seen(c: char) -> bool {
    let is_blank = matches!(
        c,
        '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}' | '\u{13441}' | '\u{13442}'
    );
    let is_dot = matches!(
        c,
        '\u{887}'
            | '\u{119e}'
            | '\u{1427}'
            | '\u{18df}'
            | '\u{318d}'
            | '\u{a78f}'
            | '\u{1bc84}'
            | '\u{1bc94}'
    );
    let is_sign = c.general_category() == GeneralCategory::ModifierLetter;
    !is_blank && !is_dot && !is_sign
}

/// What is wrong with a step of a lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unapproved {
    /// An approval names nobody who approved it.
    ApprovedByNobody,
    /// An approval names the operator.
    ApprovedByOperator,
    /// A lead was sent that nobody had approved.
    SentUnapproved,
    /// A lead was sent that only its operator had approved.
    SentByApprover,
}

impl Unapproved {
    /// Returns the words for users.
    pub fn text(self) -> Text {
        match self {
            Unapproved::ApprovedByNobody => Text::new(
                "审批未写明审批人",
                "approved, and nobody is named as approver",
            ),
            Unapproved::ApprovedByOperator => Text::new(
                "审批人与登记人为同一人",
                "approved, and operator and approver are one person",
            ),
            Unapproved::SentUnapproved => {
                Text::new("未经审批即移送", "sent, and nobody had approved it")
            }
            Unapproved::SentByApprover => Text::new(
                "移送的登记人与审批人为同一人",
                "sent, and the operator is the only one who had approved it",
            ),
        }
    }
}

/// The approvals and sendings of a lead.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Approvals {
    /// How many there are.
    pub steps: u64,
    /// What is wrong with them, each kind once.
    pub wrong: Vec<Unapproved>,
}

impl Book {
    /// Whether a round found a lead.
    pub fn is_of_round(&self, lead: &Lead, round: &str) -> bool {
        let mut events = self.events_of(lead).filter_map(|event| event.effective());
        events.any(|(event, _)| match event {
            Event::Found(found) => found.round.as_ref().is_some_and(|of| of.id == round),
            _ => false,
        })
    }

    /// Returns the approvals and sendings of a lead that count, in the handlings in which a round
    /// found it. A sending is approved by its own approver, or by an approval before it in the
    /// same handling of the lead, of somebody other than the operator of the sending.
    pub fn approvals(&self, lead: &Lead, round: &str) -> Approvals {
        let mut handlings = vec![Handling::default()];
        let mut stage = Stage::Lead;
        for recorded in self.events_of(lead) {
            let Some((event, _)) = recorded.effective() else {
                continue;
            };
            // Whoever put a field right later has neither sent nor approved it.
            let first = self.first_of(recorded);
            let operator = first.operator.as_str();
            let approver = recorded.approver.as_deref().or(first.approver.as_deref());
            let approver = approver.filter(|approver| names_somebody(approver));
            if matches!(event, Event::Found(_)) && stage.is_resting() {
                // A new handling needs a new approval.
                handlings.push(Handling::default());
                stage = Stage::Lead;
            }
            let Some(handling) = handlings.last_mut() else {
                continue;
            };
            let Approvals { steps, .. } = &mut handling.approvals;
            match event {
                Event::Approved(_) => {
                    *steps += 1;
                    match approver {
                        None => handling.wrong(Unapproved::ApprovedByNobody),
                        Some(one) if is_same_person(one, operator) => {
                            handling.wrong(Unapproved::ApprovedByOperator);
                        }
                        Some(one) => handling.approved_by.push(one),
                    }
                }
                Event::Sent(_) => {
                    *steps += 1;
                    let mut by = handling.approved_by.iter().copied().chain(approver);
                    let is_approved = by.clone().any(|one| !is_same_person(one, operator));
                    let has_approver = by.next().is_some();
                    if !is_approved {
                        handling.wrong(match has_approver {
                            false => Unapproved::SentUnapproved,
                            true => Unapproved::SentByApprover,
                        });
                    }
                }
                Event::Found(found) => {
                    let of = found.round.as_ref();
                    handling.is_of_round |= of.is_some_and(|of| of.id == round);
                }
                _ => {}
            }
            let row = Step::of(event).and_then(|step| row_of(step, lead.direction));
            if let Some(to) = row.and_then(|row| row.to) {
                stage = to;
            }
        }
        let mut approvals = Approvals::default();
        for handling in handlings.into_iter().filter(|one| one.is_of_round) {
            approvals.steps += handling.approvals.steps;
            for why in handling.approvals.wrong {
                if !approvals.wrong.contains(&why) {
                    approvals.wrong.push(why);
                }
            }
        }
        approvals
    }

    /// Returns the event that a correction put right, or the event itself.
    fn first_of<'b>(&'b self, recorded: &'b Recorded) -> &'b Recorded {
        let mut first = recorded;
        while let Some(of) = first.supersedes().and_then(|of| self.event(of)) {
            first = of;
        }
        first
    }
}

/// A lead from being found to its end.
#[derive(Default)]
struct Handling<'b> {
    is_of_round: bool,
    approved_by: Vec<&'b str>,
    approvals: Approvals,
}

impl Handling<'_> {
    fn wrong(&mut self, why: Unapproved) {
        if !self.approvals.wrong.contains(&why) {
            self.approvals.wrong.push(why);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{is_same_person, names_somebody, points_to_another_row};

    #[test]
    fn names_that_differ_in_writing_only_are_of_one_person() {
        for (one, other) in [
            ("Zhang San", "zhang san"),
            ("Zhang San", "ＺＨＡＮＧ　ＳＡＮ"),
            ("张 三", "张三"),
            (" 张三\u{3000}", "张三"),
            ("买买提·吐尔逊", "买买提吐尔逊"),
            ("买买提·吐尔逊", "买买提．吐尔逊"),
            ("买买提·吐尔逊", "买买提.吐尔逊"),
            ("买买提‧吐尔逊", "买买提∙吐尔逊"),
            ("买买提⋅吐尔逊", "买买提-吐尔逊"),
            ("买买提ㆍ吐尔逊", "买买提ꞏ吐尔逊"),
            ("张三\u{3164}", "张三"),
            ("张三\u{13441}", "张三\u{13442}"),
            ("买买提ᐧ吐尔逊", "买买提ॱ吐尔逊"),
            ("買買提ࢇ吐尔逊", "買買提ᣟ吐尔逊"),
            ("مـحمد", "محمد"),
            ("strasse", "STRAßE"),
            ("ΝΙΚΟΣ", "Νικος"),
            ("ſam", "SAM"),
            ("İvan", "ivan"),
            ("张\u{ffa0}三\u{1160}", "张\u{200b}三"),
        ] {
            assert!(is_same_person(one, other), "{one} {other}");
        }
        for (one, other) in [("张三", "张四"), ("Zhang San", "Zhang"), ("张三", "")] {
            assert!(!is_same_person(one, other), "{one} {other}");
        }
        for nobody in [
            "",
            " ",
            "\u{3000}",
            ".",
            "——",
            "\u{200b}",
            "\u{3164}",
            "\u{ffa0} \u{115f}",
            "\u{13441}\u{640}",
            "ॱᐧ",
            "同上",
            " 同 上 ",
            "（同上）",
            "同上一行",
            "無",
            "待定",
            "Same as above",
            "NONE",
        ] {
            assert!(!names_somebody(nobody), "{nobody:?}");
        }
        for somebody in [
            "张",
            "x",
            "买买提·吐尔逊",
            "\u{200b}3",
            "བསོད",
            "无忌",
            "同同",
            "Non",
        ] {
            assert!(names_somebody(somebody), "{somebody}");
        }
    }

    #[test]
    fn a_ditto_mark_stands_for_the_name_of_another_row() {
        for other in [
            "〃", "″", "\"", " ” ", "々", "同上", "(同上)", "见上", "Ditto",
        ] {
            assert!(points_to_another_row(other), "{other}");
        }
        for own in ["", "/", "——", "无", "张“三”", "同心"] {
            assert!(!points_to_another_row(own), "{own}");
        }
    }
}
