//! Who approved what: each approval and each sending of a lead needs two persons, the operator
//! and somebody else who approved it.

use aidlink_faults::text::Text;
use aidlink_faults::uniform_text::uniform;

use crate::book::{Book, Lead};
use crate::event::Event;
use crate::workflow::{Stage, Step, row_of};

/// Whether two names are of one person, as far as their writing tells: case, full width, white
/// space and the dot between parts of a name do not count.
pub fn is_same_person(one: &str, other: &str) -> bool {
    folded(one) == folded(other)
}

fn folded(name: &str) -> String {
    let name = uniform(name);
    let characters = name
        .chars()
        .filter(|c| !c.is_whitespace() && !matches!(c, '·' | '•' | '・'));
    characters.flat_map(char::to_lowercase).collect()
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

    /// Returns the approvals and sendings of a lead that count. A sending is approved by its own
    /// approver, or by an approval before it in the same handling of the lead, of somebody other
    /// than the operator of the sending.
    pub fn approvals(&self, lead: &Lead) -> Approvals {
        let mut approvals = Approvals::default();
        let mut stage = Stage::Lead;
        let mut approved_by: Vec<&str> = Vec::new();
        let mut wrong = |why: Unapproved| {
            if !approvals.wrong.contains(&why) {
                approvals.wrong.push(why);
            }
        };
        let mut steps = 0;
        for recorded in self.events_of(lead) {
            let Some((event, _)) = recorded.effective() else {
                continue;
            };
            let operator = recorded.operator.as_str();
            let approver = recorded.approver.as_deref();
            let approver = approver.filter(|approver| !approver.trim().is_empty());
            match event {
                Event::Approved(_) => {
                    steps += 1;
                    match approver {
                        None => wrong(Unapproved::ApprovedByNobody),
                        Some(one) if is_same_person(one, operator) => {
                            wrong(Unapproved::ApprovedByOperator);
                        }
                        Some(one) => approved_by.push(one),
                    }
                }
                Event::Sent(_) => {
                    steps += 1;
                    let mut by = approved_by.iter().copied().chain(approver);
                    let is_approved = by.clone().any(|one| !is_same_person(one, operator));
                    if !is_approved {
                        wrong(match by.next() {
                            None => Unapproved::SentUnapproved,
                            Some(_) => Unapproved::SentByApprover,
                        });
                    }
                }
                // A new handling needs a new approval.
                Event::Found(_) if stage.is_resting() => {
                    approved_by.clear();
                    stage = Stage::Lead;
                }
                _ => {}
            }
            let row = Step::of(event).and_then(|step| row_of(step, lead.direction));
            if let Some(to) = row.and_then(|row| row.to) {
                stage = to;
            }
        }
        approvals.steps = steps;
        approvals
    }
}

#[cfg(test)]
mod tests {
    use super::is_same_person;

    #[test]
    fn names_that_differ_in_writing_only_are_of_one_person() {
        for (one, other) in [
            ("Zhang San", "zhang san"),
            ("Zhang San", "ＺＨＡＮＧ　ＳＡＮ"),
            ("张 三", "张三"),
            (" 张三\u{3000}", "张三"),
            ("买买提·吐尔逊", "买买提吐尔逊"),
        ] {
            assert!(is_same_person(one, other), "{one} {other}");
        }
        for (one, other) in [("张三", "张四"), ("Zhang San", "Zhang"), ("张三", "")] {
            assert!(!is_same_person(one, other), "{one} {other}");
        }
    }
}
