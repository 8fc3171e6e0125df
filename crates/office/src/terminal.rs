//! Output on the terminal. Nothing that is printed contains a value of an export.

use std::borrow::Cow;
use std::io::{IsTerminal, Write};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use aidlink_contract::hexadecimal::is_key_id;
use aidlink_faults::fault::{Fault, Faults, Place};
use aidlink_faults::personal_number::{
    black_out_lines, shown_message, shown_path, without_control_characters,
};
use aidlink_faults::text::{Language, Text};
use aidlink_files::guarded::is_guarded;
use indicatif::{HumanCount, ProgressBar, ProgressStyle};
use serde::Serialize;
use serde_json::Value;

use crate::{confinement, interruption};

/// The form in which a command answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Sentences in the user's language.
    Text,
    /// JSON, the same in every language.
    Json,
    /// Only errors, and the value alone if the command was asked for one value.
    Quiet,
}

/// How a command prints its answer on standard output.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    /// The user's language.
    pub language: Language,
    /// The form of the answer.
    pub form: Form,
}

impl Output {
    /// Prints a line, in text form only. Numbers that identify a person are blacked out:
    /// the line may quote a file. A closed pipe is not an error.
    pub fn say(self, text: &Text) {
        if self.form == Form::Text {
            print_line(&black_out_lines(text.in_language(self.language)));
        }
    }

    /// Prints the faults that a check found, each with its hint, in text form and in
    /// quiet form.
    pub fn say_faults<'f>(self, faults: impl Iterator<Item = &'f Fault>) {
        if self.form == Form::Json {
            return;
        }
        let mut stdout = std::io::stdout().lock();
        for fault in faults {
            let _ = writeln!(stdout, "  ! {}", fault.render(self.language));
        }
    }

    /// Prints the answer as JSON, in JSON form only. Numbers that identify a person are
    /// blacked out in all its texts, as by [`Output::say`].
    pub fn json(self, value: &impl Serialize) {
        if self.form == Form::Json {
            // All map keys are text, so serialising cannot fail.
            let mut value = serde_json::to_value(value).unwrap_or_default();
            black_out_texts(&mut value, "");
            print_json(&value);
        }
    }

    /// Prints an answer of one value: as a sentence, as JSON, or alone in quiet form.
    pub fn answer(self, text: &Text, value: &str, json: &impl Serialize) {
        match self.form {
            // Ids and keys must be exact, so no number is blacked out.
            Form::Text => print_line(text.in_language(self.language)),
            Form::Json => print_json(json),
            Form::Quiet => print_line(value),
        }
    }
}

fn print_json(value: &impl Serialize) {
    print_line(&serde_json::to_string_pretty(value).unwrap_or_default());
}

/// Blacks out numbers in the texts of a JSON value. `name` is the name under which it is in
/// its object. Key ids stay: one may have the form of a bank card number.
fn black_out_texts(value: &mut Value, name: &str) {
    match value {
        Value::String(text) if name == "key_id" && is_key_id(&text.to_ascii_lowercase()) => {}
        Value::String(text) => {
            if let Cow::Owned(shown) = black_out_lines(text) {
                *text = shown;
            }
        }
        Value::Array(values) => {
            for value in values {
                black_out_texts(value, name);
            }
        }
        Value::Object(object) => {
            for (inner, value) in object {
                let is_key_id = name == "key" && inner == "id";
                black_out_texts(value, if is_key_id { "key_id" } else { inner });
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn print_line(text: &str) {
    let _ = writeln!(std::io::stdout(), "{}", without_control_characters(text));
}

/// Prepares the process; every command calls this first. Gives up the network and
/// core dumps, keeps values out of panic messages, and cleans up on interruption.
pub fn begin() {
    keep_owner_permissions();
    // Before any other thread starts: threads and child processes inherit the restrictions.
    confinement::confine();
    silence_panics();
    interruption::listen();
}

/// Clears the owner's bits in the umask. With them, the owner could not use the folders
/// and files that the program creates.
#[cfg(unix)]
fn keep_owner_permissions() {
    use rustix::fs::Mode;
    use rustix::process::umask;
    let mask = umask(Mode::RWXG | Mode::RWXO);
    umask(mask - Mode::RWXU);
}

#[cfg(not(unix))]
fn keep_owner_permissions() {}

/// Warns on standard error if the system could not confine the program.
pub fn warn_if_not_confined(language: Language) {
    if let Some(text) = confinement::granted().warning() {
        let _ = writeln!(std::io::stderr(), "{}", text.in_language(language));
    }
}

/// Makes panic messages show only the place in the source code, because the code
/// that panicked may have put a value of an export into its message.
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

/// A fault in a JSON answer.
#[derive(Serialize)]
pub struct ReportedFault {
    file: String,
    /// Counted from 1; absent if the fault has no line.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u64>,
    zh: String,
    en: String,
}

impl ReportedFault {
    /// Takes the file, the line and the message of a fault, without its hint.
    pub fn of(fault: &Fault) -> Self {
        ReportedFault {
            file: shown_path(&fault.file),
            line: fault.place.as_ref().and_then(Place::line),
            zh: shown_message(&fault.message.zh).into_owned(),
            en: shown_message(&fault.message.en).into_owned(),
        }
    }
}

/// The most faults that are printed. A file of another kind has one on each line.
const MOST_FAULTS_SHOWN: usize = 100;

/// Prints faults on standard error, each with what to do. Their text may be printed as
/// it is ([`Fault::render`]).
pub fn print_faults(faults: &Faults, language: Language) {
    let mut stderr = std::io::stderr().lock();
    for fault in faults.iter().take(MOST_FAULTS_SHOWN) {
        let head = match language {
            Language::Chinese => "错误：",
            Language::English => "error: ",
        };
        let _ = writeln!(stderr, "{head}{}", fault.render(language));
    }
    let more = faults.iter().count().saturating_sub(MOST_FAULTS_SHOWN);
    if more > 0 {
        let text = Text::new(
            format!("另有{more}处错误"),
            format!("and {more} more errors"),
        );
        let _ = writeln!(stderr, "{}", text.in_language(language));
    }
}

/// Shows the progress of a command on standard error, if that is a terminal.
pub struct Progress {
    bar: ProgressBar,
    language: Language,
    /// When the present stage began.
    began: Mutex<Instant>,
}

impl Progress {
    /// Makes a progress line. It is hidden if standard error is not a terminal, and in
    /// quiet form.
    pub fn new(output: Output) -> Self {
        let Output { language, form } = output;
        let bar = if std::io::stderr().is_terminal() && form != Form::Quiet {
            ProgressBar::new_spinner()
        } else {
            ProgressBar::hidden()
        };
        Progress {
            bar,
            language,
            began: Mutex::new(Instant::now()),
        }
    }

    /// Starts a new stage.
    pub fn step(&self, text: &Text) {
        self.begin(text, "{spinner} {msg}", None);
    }

    /// Starts to read an export. `bytes` is how many there are, if that is known.
    pub fn reading(&self, text: &Text, bytes: Option<u64>) {
        let template = match bytes {
            None => "{spinner} {msg} {prefix}",
            Some(_) => "{spinner} {msg} {prefix} {bar:16} {percent}% ({eta})",
        };
        self.begin(text, template, bytes);
    }

    fn begin(&self, text: &Text, template: &str, length: Option<u64>) {
        // The templates are constant and valid, so this cannot fail.
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.bar.set_style(style);
        }
        match length {
            Some(length) => self.bar.set_length(length),
            None => self.bar.unset_length(),
        }
        *self.began.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        self.bar.reset();
        self.bar.set_prefix("");
        self.bar
            .set_message(text.in_language(self.language).to_owned());
        self.bar.tick();
    }

    /// Shows how many rows and bytes of the export were read so far.
    pub fn advance(&self, rows: u64, bytes: u64) {
        if self.bar.is_hidden() {
            return;
        }
        let began = *self.began.lock().unwrap_or_else(PoisonError::into_inner);
        let seconds = began.elapsed().as_secs_f64();
        let rate = match seconds > 0.0 {
            true => (rows as f64 / seconds) as u64,
            false => 0,
        };
        let (rows, rate) = (HumanCount(rows), HumanCount(rate));
        let text = Text::new(
            format!("{rows}行，每秒{rate}行"),
            format!("{rows} rows, {rate}/s"),
        );
        self.bar
            .set_prefix(text.in_language(self.language).to_owned());
        self.bar.set_position(bytes);
    }

    /// Leaves a line above the progress line.
    pub fn line(&self, text: &Text) {
        let text = text.in_language(self.language);
        let text = black_out_lines(text);
        self.bar.println(without_control_characters(&text));
    }

    /// Removes the line.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::black_out_texts;

    #[test]
    fn numbers_are_blacked_out_in_all_texts_of_an_answer_and_key_ids_stay() {
        let (id, key_id) = ("449901199001011234", "6222020200112230");
        let digest = "0123456789abcdef".repeat(4);
        let mut answer = json!({
            "round": id,
            "files": [{"file": format!("{id}.csv"), "blake3": digest, "rows": 13_800_001_234_u64}],
            "list": [id, [id]],
            "key": {"id": key_id, "file": key_id},
            "signing": {"key_id": key_id, "id": key_id},
            "key_id": id,
        });
        black_out_texts(&mut answer, "");
        let expected = json!({
            "round": "***",
            "files": [{"file": "***.csv", "blake3": digest, "rows": 13_800_001_234_u64}],
            "list": ["***", ["***"]],
            "key": {"id": key_id, "file": "***"},
            "signing": {"key_id": key_id, "id": "***"},
            "key_id": "***",
        });
        assert_eq!(answer, expected);
    }
}
