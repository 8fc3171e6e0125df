//! What is said on the terminal. Nothing said here holds a value of an export.

use std::io::{IsTerminal, Write};

use aidlink_faults::fault::{Fault, Faults};
use aidlink_faults::personal_number::without_control_characters;
use aidlink_faults::text::{Language, Text};
use aidlink_files::guarded::is_guarded;
use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use crate::{confinement, interruption};

/// The language of messages, as the command line says it.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum LanguageChoice {
    /// Chinese / 中文
    Zh,
    /// English / 英文
    En,
}

impl LanguageChoice {
    /// The language asked for, or that of the locale: Chinese for `zh`, else English.
    pub fn or_locale(choice: Option<Self>) -> Language {
        match choice {
            Some(LanguageChoice::Zh) => Language::Chinese,
            Some(LanguageChoice::En) => Language::English,
            None => match sys_locale::get_locale() {
                Some(locale) if locale.starts_with("zh") => Language::Chinese,
                _ => Language::English,
            },
        }
    }
}

/// Prints a line on standard output. A reader that has gone away is no fault
/// of the run.
pub fn say(text: &Text, language: Language) {
    let _ = writeln!(
        std::io::stdout(),
        "{}",
        without_control_characters(text.in_language(language))
    );
}

/// Prints a value as JSON on standard output. It is the same in every language.
pub fn say_json(value: &impl Serialize) {
    // What is printed has only text keys, so serialising cannot fail.
    let text = serde_json::to_string_pretty(value).unwrap_or_default();
    let _ = writeln!(std::io::stdout(), "{}", without_control_characters(&text));
}

/// What every command does first: it gives up the network and core dumps, says
/// nothing of values when it panics, and cleans up when it is interrupted.
pub fn begin() {
    // Before there is another thread: what is given up, children and threads lack too.
    confinement::confine();
    silence_panics();
    interruption::listen();
}

/// Tells a user whose system could not confine the program.
pub fn warn_if_not_confined(language: Language) {
    if let Some(text) = confinement::granted().warning() {
        let _ = writeln!(std::io::stderr(), "{}", text.in_language(language));
    }
}

/// What is said of a panic names the place in the program and nothing else: the
/// library that panicked may have put a value of an export into its message.
fn silence_panics() {
    std::panic::set_hook(Box::new(|panic| {
        if is_guarded() {
            return;
        }
        let place = panic.location().map_or(String::new(), |place| {
            format!("{}:{}", place.file(), place.line())
        });
        let _ = writeln!(
            std::io::stderr(),
            "internal error / 内部错误 ({place}); please report it / 请报告此问题"
        );
    }));
}

/// Prints faults on standard error, each with what to do. Their text may be printed as
/// it is ([`Fault::render`]).
pub fn print_faults(faults: &Faults, language: Language) {
    let mut stderr = std::io::stderr().lock();
    for fault in faults.iter() {
        let head = match language {
            Language::Chinese => "错误：",
            Language::English => "error: ",
        };
        let _ = writeln!(stderr, "{head}{}", fault.render(language));
    }
}

/// Prints what was found wrong on standard output, each with what to do.
pub fn say_faults<'f>(faults: impl Iterator<Item = &'f Fault>, language: Language) {
    let mut stdout = std::io::stdout().lock();
    for fault in faults {
        let _ = writeln!(stdout, "  ! {}", fault.render(language));
    }
}

/// Progress of a run on standard error; silent when that is no terminal.
pub struct Progress {
    bar: ProgressBar,
    language: Language,
}

impl Progress {
    /// A progress line, hidden when standard error is piped.
    pub fn new(language: Language) -> Self {
        let bar = if std::io::stderr().is_terminal() {
            ProgressBar::new_spinner()
        } else {
            ProgressBar::hidden()
        };
        // The template is constant and valid; were it not, the default serves.
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {human_pos}") {
            bar.set_style(style);
        }
        Progress { bar, language }
    }

    /// A new step begins.
    pub fn step(&self, text: &Text) {
        self.bar.set_position(0);
        self.bar
            .set_message(text.in_language(self.language).to_owned());
        self.bar.tick();
    }

    /// Rows read so far in this step.
    pub fn rows(&self, rows: u64) {
        self.bar.set_position(rows);
    }

    /// The end of the run.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
