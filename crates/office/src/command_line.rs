//! The parts of the command line that every program shares: the language, the form
//! of the answer, and the exit code.
//!
//! Each help text in a program's clap types holds both languages, as
//! `English / 中文`; [`parse`] shows one of them.

use std::ffi::OsString;
use std::process::ExitCode;

use aidlink_faults::text::Language;
use clap::{Args, Parser, ValueEnum};

use crate::ending::Ending;
use crate::terminal::{self, Form, Output};

mod errors;
mod help;

pub use help::{VerbHelp, exit_code_text, in_language};

/// A value of `--lang`.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum LanguageChoice {
    /// Chinese.
    #[value(help = None::<&str>)]
    Zh,
    /// English.
    #[value(help = None::<&str>)]
    En,
}

impl LanguageChoice {
    fn language(self) -> Language {
        match self {
            LanguageChoice::Zh => Language::Chinese,
            LanguageChoice::En => Language::English,
        }
    }
}

/// The options that every command has.
#[derive(Clone, Copy, Debug, Args)]
pub struct CommonArguments {
    /// Language of messages and help [default: the system's] / 消息和帮助的语言，默认随系统
    #[arg(long, global = true, value_enum)]
    lang: Option<LanguageChoice>,
    /// Print the result as JSON, the same in every language / 以 JSON 输出结果，内容与语言无关
    #[arg(long, global = true, conflicts_with = "quiet")]
    json: bool,
    /// Print errors only, or the one value asked for / 只输出错误，或所要的那一个值
    #[arg(long, short, global = true)]
    quiet: bool,
}

impl CommonArguments {
    /// Returns the language and form in which the command answers.
    pub fn output(self) -> Output {
        Output {
            language: self
                .lang
                .map_or_else(locale_language, LanguageChoice::language),
            form: match (self.json, self.quiet) {
                (true, _) => Form::Json,
                (false, true) => Form::Quiet,
                (false, false) => Form::Text,
            },
        }
    }
}

/// Parses the command line of this process. Prints help, or an error in the command
/// line, in the user's language. Warns if the system could not confine the process.
///
/// # Errors
/// The exit code, if help or an error was printed.
pub fn parse<C: Parser>(verbs: &[VerbHelp]) -> Result<C, ExitCode> {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let language = language_of(&arguments);
    let mut command = in_language(C::command(), verbs, language);
    let parsed = command
        .try_get_matches_from_mut(arguments)
        .and_then(|mut matches| C::from_arg_matches_mut(&mut matches))
        .map_err(|error| error.format(&mut command));
    let parsed = parsed.map_err(|error| errors::print(&error, language))?;
    terminal::warn_if_not_confined(language);
    Ok(parsed)
}

/// Prints why a command failed, and returns its exit code.
pub fn end(ending: &Ending, output: Output) -> ExitCode {
    if let Ending::Failed(faults) | Ending::WrongConfiguration(faults) = ending {
        terminal::print_faults(faults, output.language);
    }
    ExitCode::from(ending.exit_code())
}

/// Returns the language that the arguments ask for. Help and errors need it before
/// the arguments are parsed.
fn language_of(arguments: &[OsString]) -> Language {
    let mut words = arguments.iter().filter_map(|word| word.to_str());
    let mut asked = None;
    while let Some(word) = words.next() {
        let value = match word {
            "--" => break,
            "--lang" => words.next(),
            _ => word.strip_prefix("--lang="),
        };
        asked = value.or(asked);
    }
    let choice = asked.and_then(|word| LanguageChoice::from_str(word, false).ok());
    choice.map_or_else(locale_language, LanguageChoice::language)
}

/// Returns Chinese if the system's locale begins with `zh`, otherwise English.
fn locale_language() -> Language {
    match sys_locale::get_locale() {
        Some(locale) if locale.starts_with("zh") => Language::Chinese,
        _ => Language::English,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_is_known_before_the_arguments_are_parsed() {
        let language =
            |line: &str| language_of(&line.split(' ').map(OsString::from).collect::<Vec<_>>());
        for (line, expected) in [
            ("aidlink --lang zh run", Language::Chinese),
            ("aidlink --lang=zh run", Language::Chinese),
            ("aidlink run --lang zh --help", Language::Chinese),
            ("aidlink --lang zh run --lang en", Language::English),
            ("aidlink --lang zh run -- --lang en", Language::Chinese),
        ] {
            assert_eq!(language(line), expected, "{line}");
        }
        // If the value is wrong or missing, the system's language is used.
        for line in [
            "aidlink",
            "aidlink --lang",
            "aidlink --lang fr",
            "aidlink --language zh",
        ] {
            assert_eq!(language(line), locale_language(), "{line}");
        }
    }
}
