//! Results of checks, and results that several checks share.

use aidlink_contract::hexadecimal::is_digest;
use aidlink_faults::personal_number::shown_message;
use aidlink_faults::text::Text;
use serde::Serialize;

use crate::evidence::Evidence;

/// The state of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// The requirement is met.
    Held,
    /// The requirement is not met.
    NotHeld,
    /// The check does not apply to this folder, or the folder cannot answer it.
    NotApplicable,
}

impl State {
    /// Returns the words for the user, padded to equal width.
    pub fn text(self) -> Text {
        match self {
            State::Held => Text::new("符合　", "held          "),
            State::NotHeld => Text::new("不符合", "NOT HELD      "),
            State::NotApplicable => Text::new("不适用", "not applicable"),
        }
    }
}

/// The result of a check.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    /// Whether the requirement is met.
    pub state: State,
    /// The evidence for it: files, lines, figures.
    pub evidence: Vec<Text>,
    /// Digests in the evidence, hexadecimal, that a person compares with the minutes: they are
    /// shown in full, although a key may have the same form.
    #[serde(skip)]
    digests: Vec<String>,
}

impl Finding {
    pub(super) fn held(zh: impl Into<String>, en: impl Into<String>) -> Self {
        Finding {
            state: State::Held,
            evidence: vec![Text::new(zh, en)],
            digests: Vec::new(),
        }
    }

    pub(super) fn not_held(zh: impl Into<String>, en: impl Into<String>) -> Self {
        Finding {
            state: State::NotHeld,
            evidence: vec![Text::new(zh, en)],
            digests: Vec::new(),
        }
    }

    pub(super) fn not_applicable(zh: impl Into<String>, en: impl Into<String>) -> Self {
        Finding {
            state: State::NotApplicable,
            evidence: vec![Text::new(zh, en)],
            digests: Vec::new(),
        }
    }

    /// Returns held with the evidence `held` if `wrong` is empty, otherwise not held with
    /// `wrong` as evidence.
    pub(super) fn of(wrong: Vec<Text>, held: Text) -> Self {
        Finding::of_each(wrong, vec![held])
    }

    /// Shows these digests in full. What has another form than a digest is not.
    pub(super) fn with_digests<'d>(self, digests: impl IntoIterator<Item = &'d str>) -> Self {
        let digests = digests.into_iter().filter(|digest| is_digest(digest));
        Finding {
            digests: digests.map(str::to_owned).collect(),
            ..self
        }
    }

    /// Blacks out numbers and keys in fields of the folder's files that the evidence quotes.
    pub(super) fn shown(self) -> Self {
        let shown = |text: &str| shown_but(text, &self.digests);
        let evidence = self.evidence.iter();
        Finding {
            evidence: evidence
                .map(|text| Text::new(shown(&text.zh), shown(&text.en)))
                .collect(),
            ..self
        }
    }

    /// Like [`Finding::of`], with several pieces of evidence.
    pub(super) fn of_each(wrong: Vec<Text>, held: Vec<Text>) -> Self {
        if wrong.is_empty() {
            Finding {
                state: State::Held,
                evidence: held,
                digests: Vec::new(),
            }
        } else {
            Finding {
                state: State::NotHeld,
                evidence: wrong,
                digests: Vec::new(),
            }
        }
    }
}

/// Blacks out numbers and keys in a text, except these digests.
fn shown_but(text: &str, digests: &[String]) -> String {
    let Some((digest, others)) = digests.split_first() else {
        return shown_message(text).into_owned();
    };
    let parts = text.split(digest.as_str());
    let parts: Vec<String> = parts.map(|part| shown_but(part, others)).collect();
    parts.join(digest)
}

/// The result if the round's documents are needed and cannot be read.
pub(super) fn no_documents() -> Finding {
    Finding::not_held(
        "configuration/ 中的轮次文件、规则文件、模式或日历缺失或无法读取",
        "the round file, policy, schemas or calendar in configuration/ are missing or cannot be read",
    )
}

/// The result for the centre, which reads no exports.
pub(super) fn no_exports() -> Finding {
    Finding::not_applicable("筛查机构不读取导出", "the centre reads no exports")
}

/// Returns the result for a folder that has no lists; `None` if it has or should have
/// lists.
pub(super) fn no_lists(evidence: &Evidence) -> Option<Finding> {
    if !evidence.step().writes_lists() {
        return Some(Finding::not_applicable(
            "此步骤不生成清单",
            "this step writes no lists",
        ));
    }
    if evidence.lists.is_empty() && evidence.is_purged() {
        return Some(Finding::not_applicable(
            "清单已按记录删除",
            "the lists were deleted; there is a deletion record",
        ));
    }
    None
}
