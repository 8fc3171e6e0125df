//! User-facing text in Chinese and English.

use serde::{Deserialize, Serialize};

/// The language of messages and lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Language {
    /// Simplified Chinese.
    #[serde(rename = "zh")]
    Chinese,
    /// English.
    #[serde(rename = "en")]
    English,
}

/// The same sentence in Chinese and in English.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Text {
    /// Chinese.
    pub zh: String,
    /// English.
    pub en: String,
}

impl Text {
    /// Pairs a Chinese sentence with its English translation.
    pub fn new(zh: impl Into<String>, en: impl Into<String>) -> Self {
        Text {
            zh: zh.into(),
            en: en.into(),
        }
    }

    /// Lists names: the first twenty, and how many more there are.
    pub fn names<N: AsRef<str>>(names: impl IntoIterator<Item = N>) -> Self {
        const LISTED: usize = 20;
        let mut names = names.into_iter();
        let mut list = String::new();
        for (number, name) in names.by_ref().take(LISTED).enumerate() {
            if number > 0 {
                list += ", ";
            }
            list += name.as_ref();
        }
        match names.count() {
            0 => Text::new(list.clone(), list),
            more => Text::new(
                format!("{list}，另有{more}个"),
                format!("{list} and {more} more"),
            ),
        }
    }

    /// Returns the sentence in the given language.
    pub fn in_language(&self, language: Language) -> &str {
        match language {
            Language::Chinese => &self.zh,
            Language::English => &self.en,
        }
    }
}
