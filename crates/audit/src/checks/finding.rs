//! What a check says, and what several of them say alike.

use aidlink_faults::text::Text;
use serde::Serialize;

use crate::evidence::Evidence;

/// What a check found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It holds.
    Held,
    /// It does not.
    NotHeld,
    /// It has no meaning for this folder, or cannot be told from it.
    NotApplicable,
}

impl State {
    /// The words for a user, padded to one width.
    pub fn text(self) -> Text {
        match self {
            State::Held => Text::new("符合　", "held          "),
            State::NotHeld => Text::new("不符合", "NOT HELD      "),
            State::NotApplicable => Text::new("不适用", "not applicable"),
        }
    }
}

/// What a check says.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    /// Whether it holds.
    pub state: State,
    /// On what that rests: files, lines, figures.
    pub evidence: Vec<Text>,
}

impl Finding {
    pub(super) fn held(zh: impl Into<String>, en: impl Into<String>) -> Self {
        Finding {
            state: State::Held,
            evidence: vec![Text::new(zh, en)],
        }
    }

    pub(super) fn not_held(zh: impl Into<String>, en: impl Into<String>) -> Self {
        Finding {
            state: State::NotHeld,
            evidence: vec![Text::new(zh, en)],
        }
    }

    pub(super) fn not_applicable(zh: impl Into<String>, en: impl Into<String>) -> Self {
        Finding {
            state: State::NotApplicable,
            evidence: vec![Text::new(zh, en)],
        }
    }

    /// Held with this evidence where nothing is wrong, else what is wrong.
    pub(super) fn of(wrong: Vec<Text>, held: Text) -> Self {
        Finding::of_each(wrong, vec![held])
    }

    /// As [`Finding::of`], with evidence of several parts.
    pub(super) fn of_each(wrong: Vec<Text>, held: Vec<Text>) -> Self {
        if wrong.is_empty() {
            Finding {
                state: State::Held,
                evidence: held,
            }
        } else {
            Finding {
                state: State::NotHeld,
                evidence: wrong,
            }
        }
    }
}

/// The documents are needed and cannot be read.
pub(super) fn no_documents() -> Finding {
    Finding::not_held(
        "configuration/ 中的轮次文件、规则、模式或日历缺失或无法读取",
        "the round's documents in configuration/ are missing or cannot be read",
    )
}

/// The centre reads no export.
pub(super) fn no_exports() -> Finding {
    Finding::not_applicable("筛查机构不读取导出", "the centre reads no export")
}

/// What has no lists.
pub(super) fn no_lists(evidence: &Evidence) -> Option<Finding> {
    if !evidence.step().writes_lists() {
        return Some(Finding::not_applicable(
            "此步骤不写清单",
            "this step writes no lists",
        ));
    }
    if evidence.lists.is_empty() && evidence.is_purged() {
        return Some(Finding::not_applicable(
            "清单已按记录删除",
            "the lists were deleted by record",
        ));
    }
    None
}
