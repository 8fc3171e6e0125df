//! Help texts in one language, with examples and exit codes.

use aidlink_faults::text::{Language, Text};
use clap::builder::StyledStr;
use clap::{Arg, ArgAction, Command};

/// Examples and exit codes for the help of a verb.
#[derive(Clone, Copy, Debug)]
pub struct VerbHelp {
    /// The verb and its sub-verb, such as `policy test`.
    pub verb: &'static str,
    /// Command lines as a user types them.
    pub examples: &'static [&'static str],
    /// The exit codes with which the verb can end.
    pub exit_codes: &'static [u8],
}

/// Returns the meaning of an exit code; it is the same for both programs.
pub fn exit_code_text(code: u8) -> Text {
    match code {
        0 => Text::new("完成", "done"),
        1 => Text::new("失败，没有写出结果", "failed, no result was written"),
        2 => Text::new(
            "命令行、轮次文件或其他配置有误",
            "the command line, the round file or another configuration file is wrong",
        ),
        3 => Text::new(
            "完成，但有保留：清单为暂定、超过阈值，或有行须更正",
            "done with reservations: provisional lists, a threshold exceeded, or rows to correct",
        ),
        _ => Text::new(
            "检查不符合，或发现改动",
            "a check does not hold, or tampering was found",
        ),
    }
}

/// Returns a command with its help in one language. Its texts have the form
/// `English / 中文`; a text in one language only stays unchanged.
pub fn in_language(command: Command, verbs: &[VerbHelp], language: Language) -> Command {
    let mut command = command;
    command.build();
    translated(command, "", verbs, language)
}

/// Returns the part of a text that is in the given language.
pub(super) fn part(text: &str, language: Language) -> String {
    // A long help text has a line break before the slash.
    let flat = text.replace("\n/ ", " / ");
    match (flat.rsplit_once(" / "), language) {
        (Some((_, zh)), Language::Chinese) => zh.trim().to_owned(),
        (Some((en, _)), Language::English) => en.trim().to_owned(),
        (None, _) => flat,
    }
}

fn styled_part(text: Option<&StyledStr>, language: Language) -> Option<String> {
    text.map(|text| part(&text.to_string(), language))
}

fn translated(command: Command, verb: &str, verbs: &[VerbHelp], language: Language) -> Command {
    let mut command = command;
    if let Some(about) = styled_part(command.get_about(), language) {
        command = command.about(about);
    }
    if let Some(about) = styled_part(command.get_long_about(), language) {
        command = command.long_about(about);
    }
    command = command.mut_args(|argument| translated_argument(argument, language));
    let after = after_help(verb, verbs, language);
    if !after.is_empty() {
        command = command.after_help(after);
    }
    if language == Language::Chinese {
        let usage = command.render_usage().to_string();
        let template = chinese_template(&command);
        command = command
            .override_usage(usage_in_chinese(&usage))
            .help_template(template);
    }
    let names: Vec<String> = command
        .get_subcommands()
        .map(|verb| verb.get_name().to_owned())
        .collect();
    for name in names {
        let path = format!("{verb} {name}");
        let path = path.trim().to_owned();
        command = command.mut_subcommand(&name, |inner| {
            let inner = match (name.as_str(), language) {
                // This command comes from clap and has no Chinese text.
                ("help", Language::Chinese) => inner.about("显示本说明或某一命令的说明"),
                ("help", Language::English) => {
                    inner.about("Print this message or the help of a command")
                }
                _ => inner,
            };
            translated(inner, &path, verbs, language)
        });
    }
    command
}

/// The parts of a help text under Chinese headings; clap itself writes English ones.
fn chinese_template(command: &Command) -> String {
    let mut template = "{before-help}{about-with-newline}\n用法：{usage}".to_owned();
    if command.has_subcommands() {
        template.push_str("\n\n命令：\n{subcommands}");
    }
    if command.get_positionals().next().is_some() {
        template.push_str("\n\n参数：\n{positionals}");
    }
    template.push_str("\n\n选项：\n{options}{after-help}");
    template
}

/// A usage line without its head and with the placeholders of clap in Chinese.
pub(super) fn usage_in_chinese(usage: &str) -> String {
    let line = usage.trim_start_matches("Usage:").trim();
    line.replace("[OPTIONS]", "[选项]")
        .replace("[COMMAND]", "[命令]")
        .replace("<COMMAND>", "<命令>")
        // Under the first line: “用法：” is a column narrower than `Usage: `.
        .replace("\n       ", "\n      ")
}

fn translated_argument(argument: Arg, language: Language) -> Arg {
    let mut argument = argument;
    let help = match argument.get_action() {
        ArgAction::Help | ArgAction::HelpShort | ArgAction::HelpLong => Some(match language {
            Language::Chinese => "显示说明".to_owned(),
            Language::English => "Print help".to_owned(),
        }),
        ArgAction::Version => Some(match language {
            Language::Chinese => "显示版本".to_owned(),
            Language::English => "Print version".to_owned(),
        }),
        _ => styled_part(argument.get_help(), language),
    };
    if let Some(help) = help {
        argument = argument.help(help);
    }
    if let Some(help) = styled_part(argument.get_long_help(), language) {
        argument = argument.long_help(help);
    }
    match language {
        Language::English => argument,
        Language::Chinese => with_chinese_values(argument),
    }
}

/// Possible values and defaults, which clap itself shows in English.
fn with_chinese_values(argument: Arg) -> Arg {
    let mut notes = Vec::new();
    if argument.get_action().takes_values() {
        let values = argument.get_possible_values();
        let values: Vec<&str> = values.iter().map(|value| value.get_name()).collect();
        if !values.is_empty() {
            notes.push(format!("[可选值：{}]", values.join(", ")));
        }
        let defaults = argument.get_default_values().iter();
        let defaults: Vec<_> = defaults.map(|value| value.to_string_lossy()).collect();
        if !defaults.is_empty() {
            notes.push(format!("[默认：{}]", defaults.join(", ")));
        }
    }
    let mut argument = argument.hide_possible_values(true).hide_default_value(true);
    if !notes.is_empty() {
        let notes = notes.join(" ");
        let help = argument.get_help().map(ToString::to_string);
        argument = argument.help(format!("{} {notes}", help.unwrap_or_default()));
        if let Some(long) = argument.get_long_help().map(ToString::to_string) {
            argument = argument.long_help(format!("{long} {notes}"));
        }
    }
    argument
}

fn after_help(verb: &str, verbs: &[VerbHelp], language: Language) -> String {
    let Some(help) = verbs.iter().find(|help| help.verb == verb) else {
        return String::new();
    };
    let (examples, codes) = match language {
        Language::Chinese => ("示例：", "退出码："),
        Language::English => ("Examples:", "Exit codes:"),
    };
    let mut text = String::new();
    if !help.examples.is_empty() {
        text.push_str(examples);
        for example in help.examples {
            text.push_str("\n  ");
            text.push_str(example);
        }
    }
    if !help.exit_codes.is_empty() {
        if !text.is_empty() {
            text.push_str("\n\n");
        }
        text.push_str(codes);
        for code in help.exit_codes {
            let meaning = exit_code_text(*code);
            text.push_str(&format!("\n  {code}  {}", meaning.in_language(language)));
        }
    }
    text
}
