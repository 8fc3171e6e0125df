//! The marking of a list, in the last cell of its header: confidentiality, and what a
//! reader must know of the whole list.

use std::collections::BTreeSet;

use aidlink_contract::screened_lead::Provisional;
use aidlink_faults::text::{Language, Text};

/// What a list says of itself besides the confidentiality marking. The texts are in the
/// list's language.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marking {
    /// Why the list is provisional; empty if it is not.
    pub provisional: Vec<String>,
    /// The exports that the list needs and that were not joined.
    pub not_screened: Vec<String>,
    /// What the round file states for every row of an export of case parties, although a
    /// gap there withholds rows, with the reasons.
    pub stated: Vec<String>,
}

/// What the markings of a round's lists say. Each list has the parts that concern it.
#[derive(Clone, Debug, Default)]
pub struct RoundMarking<'a> {
    /// Why the lists are provisional.
    pub provisional: &'a [Provisional],
    /// The exports that were not joined, with their titles.
    pub not_joined: Vec<(&'a str, &'a Text)>,
    /// As [`Marking::stated`], in both languages.
    pub stated: Vec<Text>,
}

impl RoundMarking<'_> {
    /// Returns the marking of a list that needs these exports.
    pub fn of_list(&self, needed: &BTreeSet<&str>, language: Language) -> Marking {
        let concerns = |reason: &&Provisional| match reason {
            Provisional::Absent { export } => needed.contains(export.as_str()),
            Provisional::RejectRate { .. } | Provisional::Stale { .. } => true,
        };
        let owned = |text: &Text| text.in_language(language).to_owned();
        let provisional = self.provisional.iter().filter(concerns);
        let not_joined = self.not_joined.iter();
        let not_joined = not_joined.filter(|(export, _)| needed.contains(export));
        Marking {
            provisional: provisional.map(|reason| owned(&reason.text())).collect(),
            not_screened: not_joined.map(|(_, title)| owned(title)).collect(),
            stated: self.stated.iter().map(owned).collect(),
        }
    }
}

/// A part of the marking: what stands before and after its items.
type Part = [(&'static str, &'static str); 2];

impl Marking {
    const PLAIN: [&'static str; 2] = ["保密：仅供核查", "CONFIDENTIAL: for review only"];
    const PROVISIONAL: Part = [("·暂定（", "）"), (". PROVISIONAL (", ")")];
    const NOT_SCREENED: Part = [
        ("·未与下列数据比对（", "）"),
        (". NOT SCREENED AGAINST (", ")"),
    ];
    const STATED: Part = [
        ("·轮次文件对案件当事人的每一行注明（", "）"),
        (". STATED FOR EVERY CASE ROW BY THE ROUND FILE (", ")"),
    ];
    const BETWEEN: &'static str = "；";

    fn parts(&self) -> [(Part, &Vec<String>); 3] {
        [
            (Marking::PROVISIONAL, &self.provisional),
            (Marking::NOT_SCREENED, &self.not_screened),
            (Marking::STATED, &self.stated),
        ]
    }

    /// Returns the confidentiality marking alone.
    pub(super) fn confidential(language: Language) -> &'static str {
        in_language(Marking::PLAIN, language)
    }

    /// Returns the header cell.
    pub fn cell(&self, language: Language) -> String {
        let mut cell = in_language(Marking::PLAIN, language).to_owned();
        for (part, items) in self.parts() {
            if !items.is_empty() {
                let (before, after) = in_language(part, language);
                cell += before;
                cell += &items.join(Marking::BETWEEN);
                cell += after;
            }
        }
        cell
    }

    /// Parses the header cell of a list in this language. Returns `None` for a cell that
    /// [`Marking::cell`] does not write.
    pub fn parse(cell: &str, language: Language) -> Option<Self> {
        let mut rest = cell.strip_prefix(in_language(Marking::PLAIN, language))?;
        let mut marking = Marking::default();
        let parts = [Marking::PROVISIONAL, Marking::NOT_SCREENED, Marking::STATED];
        let parts = parts.map(|part| in_language(part, language));
        let items = [
            &mut marking.provisional,
            &mut marking.not_screened,
            &mut marking.stated,
        ];
        for (index, items) in items.into_iter().enumerate() {
            let (before, after) = parts[index];
            let Some(content) = rest.strip_prefix(before) else {
                continue;
            };
            // The part ends where a later one begins, or at the end.
            let later = parts[index + 1..].iter();
            let ends = later.filter_map(|(next, _)| content.find(&format!("{after}{next}")));
            let end = match ends.min() {
                Some(end) => end,
                None => content.len() - content.strip_suffix(after).map(|_| after.len())?,
            };
            let split = content.get(..end)?.split(Marking::BETWEEN);
            items.extend(split.map(str::to_owned));
            rest = content.get(end + after.len()..)?;
        }
        rest.is_empty().then_some(marking)
    }
}

/// Returns the Chinese or the English item of a pair.
pub(super) fn in_language<T: Copy>([zh, en]: [T; 2], language: Language) -> T {
    match language {
        Language::Chinese => zh,
        Language::English => en,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LANGUAGES: [Language; 2] = [Language::Chinese, Language::English];

    #[test]
    fn every_combination_of_parts_is_read_back() {
        let texts = |count: usize, of: &str| -> Vec<String> {
            (0..count)
                .map(|index| format!("{of} ({index})）"))
                .collect()
        };
        for language in LANGUAGES {
            let other = LANGUAGES.into_iter().find(|other| *other != language);
            for (provisional, not_screened, stated) in (0..27).map(|n| (n / 9, n / 3 % 3, n % 3)) {
                let marking = Marking {
                    provisional: texts(provisional, "reason: 6.3 %"),
                    not_screened: texts(not_screened, "退役军人"),
                    stated: texts(stated, "是否封存 = 否"),
                };
                let cell = marking.cell(language);
                assert_eq!(Marking::parse(&cell, language), Some(marking), "{cell}");
                for changed in [
                    format!("{cell} "),
                    format!(" {cell}"),
                    cell.replacen('：', "", 1),
                ] {
                    if changed != cell {
                        assert_eq!(Marking::parse(&changed, language), None, "{changed}");
                    }
                }
                assert_eq!(Marking::parse(&cell, other.expect("two")), None);
            }
        }
    }

    #[test]
    fn a_list_names_the_missing_exports_that_it_needs() {
        let absent = |export: &str| Provisional::Absent {
            export: export.to_owned(),
        };
        let stale = Provisional::Stale {
            export: "c".to_owned(),
        };
        let title = |export: &str| Text::new(format!("{export}表"), format!("list {export}"));
        let (a, b) = (title("a"), title("b"));
        let provisional = [absent("a"), stale];
        let round = RoundMarking {
            provisional: &provisional,
            // b is left out on purpose, so the lists are not provisional for its sake.
            not_joined: vec![("a", &a), ("b", &b)],
            stated: Vec::new(),
        };
        let marking = |needed: &[&'static str], language| {
            let needed = needed.iter().copied().collect();
            round.of_list(&needed, language).cell(language)
        };
        for (needed, zh, en) in [
            (
                &["a", "b", "c"][..],
                "保密：仅供核查·暂定（a 缺失；c 数据过旧）·未与下列数据比对（a表；b表）",
                "CONFIDENTIAL: for review only. PROVISIONAL (a: missing；c: the snapshot is too old). NOT SCREENED AGAINST (list a；list b)",
            ),
            (
                &["b"],
                "保密：仅供核查·暂定（c 数据过旧）·未与下列数据比对（b表）",
                "CONFIDENTIAL: for review only. PROVISIONAL (c: the snapshot is too old). NOT SCREENED AGAINST (list b)",
            ),
            (
                &["c"],
                "保密：仅供核查·暂定（c 数据过旧）",
                "CONFIDENTIAL: for review only. PROVISIONAL (c: the snapshot is too old)",
            ),
        ] {
            assert_eq!(marking(needed, Language::Chinese), zh);
            assert_eq!(marking(needed, Language::English), en);
        }
    }
}
