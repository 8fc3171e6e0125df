//! Errors in the command line. The English text comes from clap. Clap has no other
//! language, so this module composes the Chinese text from the parts of the error.

use std::io::Write as _;
use std::process::ExitCode;

use aidlink_faults::personal_number::shown_message;
use aidlink_faults::text::Language;
use clap::Error;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::help::{part, usage_in_chinese};

/// Prints help to standard output and errors to standard error.
pub(super) fn print(error: &Error, language: Language) -> ExitCode {
    let is_help = matches!(
        error.kind(),
        ErrorKind::DisplayHelp
            | ErrorKind::DisplayVersion
            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
    );
    // A closed pipe is not an error.
    if is_help {
        let _ = error.print();
    } else {
        let text = match language {
            Language::English => in_english(error),
            Language::Chinese => in_chinese(error),
        };
        // A shell may have expanded `*` to the names of exports, with numbers in them.
        let _ = std::io::stderr().write_all(shown_message(&text).as_bytes());
    }
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}

fn in_english(error: &Error) -> String {
    let text = error.render().to_string();
    match reason(error) {
        Some(reason) if reason.contains(" / ") => {
            text.replace(&reason, &part(&reason, Language::English))
        }
        _ => text,
    }
}

fn in_chinese(error: &Error) -> String {
    let context = |kind| error.get(kind).map(words).unwrap_or_default();
    // A verb that conflicts with an argument has a context of its own.
    let argument = match context(ContextKind::InvalidArg) {
        argument if argument.is_empty() => context(ContextKind::InvalidSubcommand),
        argument => argument,
    };
    let value = context(ContextKind::InvalidValue);
    let sentence = match error.kind() {
        ErrorKind::InvalidValue if value.is_empty() => format!("“{argument}”缺少值"),
        ErrorKind::InvalidValue => format!("“{argument}”的值“{value}”无效"),
        ErrorKind::UnknownArgument if argument.starts_with('-') => {
            format!("未知选项“{argument}”")
        }
        ErrorKind::UnknownArgument => format!("多余的参数“{argument}”"),
        ErrorKind::InvalidSubcommand => format!("未知命令“{argument}”"),
        ErrorKind::NoEquals => format!("“{argument}”与其值之间须用等号"),
        ErrorKind::ValueValidation => {
            let reason = reason(error).map_or(String::new(), |reason| {
                format!("：{}", part(&reason, Language::Chinese))
            });
            format!("“{argument}”的值“{value}”无效{reason}")
        }
        ErrorKind::TooManyValues => format!("“{argument}”的值“{value}”多余"),
        ErrorKind::TooFewValues | ErrorKind::WrongNumberOfValues => {
            format!("“{argument}”的值的个数不对")
        }
        ErrorKind::ArgumentConflict => {
            let other = context(ContextKind::PriorArg);
            match other.is_empty() || other == argument {
                true => format!("“{argument}”不能重复使用"),
                false => format!("“{argument}”不能与“{other}”同时使用"),
            }
        }
        ErrorKind::MissingRequiredArgument => format!("缺少必需的参数：{argument}"),
        ErrorKind::MissingSubcommand => {
            let known = context(ContextKind::ValidSubcommand);
            format!("缺少命令，可用的命令：{known}")
        }
        ErrorKind::InvalidUtf8 => "参数不是有效的 UTF-8 文本".to_owned(),
        _ => "命令行有误".to_owned(),
    };
    let mut text = format!("错误：{sentence}\n");
    let possible = context(ContextKind::ValidValue);
    if !possible.is_empty() {
        text.push_str(&format!("  可选值：{possible}\n"));
    }
    for kind in [
        ContextKind::SuggestedSubcommand,
        ContextKind::SuggestedArg,
        ContextKind::SuggestedValue,
    ] {
        let suggested = context(kind);
        if !suggested.is_empty() {
            text.push_str(&format!("  是否应为：{suggested}\n"));
        }
    }
    let usage = context(ContextKind::Usage);
    if !usage.is_empty() {
        let usage = usage.trim_start_matches("用法：");
        text.push_str(&format!("\n用法：{}\n", usage_in_chinese(usage)));
    }
    text.push_str("\n详情请见 --help。\n");
    text
}

/// Returns why a value was refused. Parsers of this project give
/// `English / 中文`, those of clap only English.
fn reason(error: &Error) -> Option<String> {
    let is_of_value = error.kind() == ErrorKind::ValueValidation;
    let source = std::error::Error::source(error).filter(|_| is_of_value);
    source.map(ToString::to_string)
}

/// Returns a part of an error as text.
fn words(value: &ContextValue) -> String {
    match value {
        ContextValue::String(text) => text.clone(),
        ContextValue::Strings(texts) => texts.join("、"),
        ContextValue::StyledStr(text) => text.to_string(),
        ContextValue::StyledStrs(texts) => {
            let texts = texts.iter().map(ToString::to_string);
            texts.collect::<Vec<_>>().join("；")
        }
        ContextValue::Number(number) => number.to_string(),
        ContextValue::Bool(_) | ContextValue::None => String::new(),
        _ => String::new(),
    }
}
