//! What reviewers see to find and judge a person, beside the fields of the lists: sex and age
//! from the ID number, and the fields that the schema declares for them. It is in the review
//! workbooks and on the person pages, and on no CSV list.

use aidlink_agency::national_id::Sex;
use aidlink_agency::tokenise::Listed;
use aidlink_faults::text::{Language, Text};
use aidlink_policy::schema::ExportSchema;

use super::case_cells::distinct;

/// What is known of a person: titles and values in the language of the lists. Without a
/// declared field there is nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct AboutPerson(pub(super) Vec<(String, String)>);

impl AboutPerson {
    /// Takes it from the case rows of a person. Where rows differ, all values are given.
    pub(super) fn of(schema: &ExportSchema, cases: &[Listed], language: Language) -> Self {
        let say = |text: &Text| text.in_language(language).to_owned();
        let mut about = Vec::new();
        if schema.reviewer_fields().next().is_none() {
            return AboutPerson(about);
        }
        // All rows have the same ID number.
        if let Some(sex) = cases.iter().find_map(|case| case.sex) {
            let word = match sex {
                Sex::Male => Text::new("男", "male"),
                Sex::Female => Text::new("女", "female"),
            };
            about.push((say(&Text::new("性别", "Sex")), say(&word)));
        }
        if let Some(age) = cases.iter().find_map(|case| case.age) {
            about.push((say(&Text::new("年龄", "Age")), age.to_string()));
        }
        for (index, field) in schema.reviewer_fields().enumerate() {
            let values = cases
                .iter()
                .filter_map(|case| case.for_reviewers.get(index));
            let values = distinct(values.map(String::as_str)).join("；");
            if !values.is_empty() {
                about.push((say(&field.title), values));
            }
        }
        AboutPerson(about)
    }

    /// Returns one line for each fact.
    pub(super) fn lines(&self, language: Language) -> Vec<String> {
        let colon = match language {
            Language::Chinese => "：",
            Language::English => ": ",
        };
        let facts = self.0.iter();
        facts
            .map(|(title, value)| format!("{title}{colon}{value}"))
            .collect()
    }
}
