//! The words with which a person decides on a lead: what the drop-downs of the review
//! workbooks offer, and what the register keeps.

use aidlink_faults::text::Text;
use serde::{Deserialize, Serialize};

/// What a person finds on checking a lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// The lead is right: it is to be referred.
    Confirmed,
    /// The lead is not to be referred. It takes a reason.
    Rejected,
    /// Something must be found out first.
    NeedsMore,
}

impl Finding {
    /// Every finding, in the order of the drop-down.
    pub const ALL: [Finding; 3] = [Finding::Confirmed, Finding::Rejected, Finding::NeedsMore];

    /// Returns the name in documents.
    pub fn name(self) -> &'static str {
        match self {
            Finding::Confirmed => "confirmed",
            Finding::Rejected => "rejected",
            Finding::NeedsMore => "needs_more",
        }
    }

    /// Returns the word in the drop-down.
    pub fn text(self) -> Text {
        match self {
            Finding::Confirmed => Text::new("确认", "confirmed"),
            Finding::Rejected => Text::new("不予移送", "rejected"),
            Finding::NeedsMore => Text::new("需补充核实", "needs more"),
        }
    }

    /// Returns when to choose it.
    pub fn meaning(self) -> Text {
        match self {
            Finding::Confirmed => Text::new(
                "情况属实、符合条件，拟移送（司法救助线索：拟启动审查）",
                "the facts are right and the conditions are met: to be referred (judicial aid: to be examined)",
            ),
            Finding::Rejected => Text::new(
                "不属实、不符合条件或本人不需要，不移送；须选理由",
                "not right, conditions not met, or not wanted: not to be referred; choose a reason",
            ),
            Finding::NeedsMore => Text::new(
                "尚不能判断，在备注中写明还需查什么",
                "cannot be decided yet: write in the remark what must be found out",
            ),
        }
    }
}

/// Why a lead is not referred.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The income is over the line.
    Income,
    /// The property is over the line.
    Property,
    /// The place of registration is elsewhere.
    NotLocal,
    /// The person receives an aid of the same kind.
    Receives,
    /// Conditions of disability or age are not met.
    DisabilityOrAge,
    /// Materials did not come in time.
    MaterialsLate,
    /// The person does not want the aid.
    Declined,
    /// The person cannot be reached.
    NotReachable,
    /// The aid is another office's duty.
    NotOurDuty,
    /// The person has died.
    Dead,
    /// The lead is already being handled.
    Duplicate,
    /// The person has moved away.
    MovedAway,
    /// Anything else.
    Other,
}

impl Reason {
    /// Every reason, in the order of the drop-down.
    pub const ALL: [Reason; 13] = [
        Reason::Income,
        Reason::Property,
        Reason::NotLocal,
        Reason::Receives,
        Reason::DisabilityOrAge,
        Reason::MaterialsLate,
        Reason::Declined,
        Reason::NotReachable,
        Reason::NotOurDuty,
        Reason::Dead,
        Reason::Duplicate,
        Reason::MovedAway,
        Reason::Other,
    ];

    /// Returns the code in documents.
    pub fn name(self) -> &'static str {
        match self {
            Reason::Income => "income",
            Reason::Property => "property",
            Reason::NotLocal => "not_local",
            Reason::Receives => "receives",
            Reason::DisabilityOrAge => "disability_or_age",
            Reason::MaterialsLate => "materials_late",
            Reason::Declined => "declined",
            Reason::NotReachable => "not_reachable",
            Reason::NotOurDuty => "not_our_duty",
            Reason::Dead => "dead",
            Reason::Duplicate => "duplicate",
            Reason::MovedAway => "moved_away",
            Reason::Other => "other",
        }
    }

    /// Returns the words in the drop-down.
    pub fn text(self) -> Text {
        match self {
            Reason::Income => Text::new("收入超标", "income over the line"),
            Reason::Property => Text::new("财产超标", "property over the line"),
            Reason::NotLocal => Text::new("非本地户籍", "not registered here"),
            Reason::Receives => Text::new("已享受同类", "receives the same kind"),
            Reason::DisabilityOrAge => {
                Text::new("不符合残疾/年龄条件", "disability or age not met")
            }
            Reason::MaterialsLate => Text::new("材料不全逾期", "materials not in time"),
            Reason::Declined => Text::new("本人放弃", "declined"),
            Reason::NotReachable => Text::new("无法联系", "not reachable"),
            Reason::NotOurDuty => Text::new("非本单位职责", "another office's duty"),
            Reason::Dead => Text::new("已死亡", "dead"),
            Reason::Duplicate => Text::new("重复", "duplicate"),
            Reason::MovedAway => Text::new("已迁出", "moved away"),
            Reason::Other => Text::new("其他", "other"),
        }
    }

    /// Returns when to choose it.
    pub fn meaning(self) -> Text {
        match self {
            Reason::Income => Text::new(
                "家庭人均收入超过标准",
                "the income per head of the household is over the standard",
            ),
            Reason::Property => Text::new(
                "家庭财产超过标准",
                "the household's property is over the standard",
            ),
            Reason::NotLocal => Text::new(
                "户籍不在本地，应由户籍地办理",
                "registered elsewhere; the place of registration is in charge",
            ),
            Reason::Receives => Text::new(
                "正在领取或已领取同类救助",
                "receives, or has received, aid of the same kind",
            ),
            Reason::DisabilityOrAge => Text::new(
                "残疾类别、等级或年龄不符合条件",
                "kind or grade of disability, or age, does not fit",
            ),
            Reason::MaterialsLate => Text::new(
                "经催告仍未在期限内补齐材料",
                "materials were asked for and did not come in time",
            ),
            Reason::Declined => Text::new(
                "已告知，本人（监护人）明确表示不申请",
                "told, and the person (or guardian) does not want to apply",
            ),
            Reason::NotReachable => Text::new(
                "多次联系未果，在备注中写明方式和日期",
                "tried several times: write how and when in the remark",
            ),
            Reason::NotOurDuty => Text::new(
                "应由其他单位办理，在备注中写明单位",
                "another office is in charge: name it in the remark",
            ),
            Reason::Dead => Text::new("本人已死亡", "the person has died"),
            Reason::Duplicate => Text::new(
                "同一事项已在办理",
                "the same matter is already being handled",
            ),
            Reason::MovedAway => Text::new(
                "户籍或居住地已迁往外地",
                "registration or home has moved away",
            ),
            Reason::Other => Text::new("在备注中写明", "write it in the remark"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_choice_is_told_from_the_others_in_both_languages_and_in_documents() {
        let findings = Finding::ALL.map(|one| (one.name(), one.text(), one.meaning()));
        let reasons = Reason::ALL.map(|one| (one.name(), one.text(), one.meaning()));
        for choices in [&findings[..], &reasons[..]] {
            let distinct = |of: &dyn Fn(&(&str, Text, Text)) -> String| {
                let all: BTreeSet<String> = choices.iter().map(of).collect();
                assert!(all.iter().all(|word| !word.trim().is_empty()));
                all.len()
            };
            assert_eq!(distinct(&|(name, _, _)| (*name).to_owned()), choices.len());
            assert_eq!(distinct(&|(_, text, _)| text.zh.clone()), choices.len());
            assert_eq!(distinct(&|(_, text, _)| text.en.clone()), choices.len());
            assert_eq!(
                distinct(&|(_, _, meaning)| meaning.zh.clone()),
                choices.len()
            );
            assert_eq!(
                distinct(&|(_, _, meaning)| meaning.en.clone()),
                choices.len()
            );
        }
    }
}
