//! Writes what packages add to both programs: manual pages in English and Chinese, one for
//! each program and each command, and completions for bash, zsh and fish.
//!
//! ```sh
//! cargo run --release --example manual -- FOLDER
//! man -M FOLDER/man aidlink-run
//! ```
//!
//! An example, because the programs need nothing of it and a build script would make every
//! build slower. The texts are those of `--help`.

use std::io::Result;
use std::path::Path;
use std::process::ExitCode;
use std::{env, fs};

use aidlink_faults::text::Language;
use aidlink_office::command_line::{VerbHelp, exit_code_text, in_language};
use clap::{Arg, Command, CommandFactory as _};
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

/// The columns of an example on a terminal of 80, less the margins of a page and the
/// backslash of a line that goes on.
const WIDTH: usize = 64;

/// The first line of a page.
const ENCODING: &str = "'\\\" -*- coding: UTF-8 -*-\n";
/// No hyphens, so that options can be copied, and no justification.
const LEFT: &str = ".nh\n.ad l\n";
/// Lets groff break lines between Chinese characters also where the locale is not Chinese.
const CHINESE_LINES: &str = ".if \\n(.g .mso zh.tmac\n";

fn main() -> ExitCode {
    let Some(folder) = env::args_os().nth(1) else {
        eprintln!("usage: manual FOLDER");
        return ExitCode::from(2);
    };
    match write_all(Path::new(&folder)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("the pages could not be written: {error}");
            ExitCode::FAILURE
        }
    }
}

fn write_all(folder: &Path) -> Result<()> {
    let programs = [
        (aidlink::cli::Cli::command(), aidlink::cli::VERBS),
        (
            aidlink_centre::cli::Cli::command(),
            aidlink_centre::cli::VERBS,
        ),
    ];
    for (command, verbs) in programs {
        for (language, place) in [
            (Language::English, "man/man1"),
            (Language::Chinese, "man/zh_CN/man1"),
        ] {
            let place = folder.join(place);
            fs::create_dir_all(&place)?;
            let command = command.clone().disable_help_subcommand(true);
            // Examples and exit codes get sections of their own, so they are left out here.
            let command = in_language(command, &[], language);
            let pages = Pages { verbs, language };
            pages.write(&place, &command, "", &[])?;
        }
        write_completions(folder, command)?;
    }
    Ok(())
}

/// Writes the completions of a program under the names by which each shell finds them.
fn write_completions(folder: &Path, mut command: Command) -> Result<()> {
    let program = command.get_name().to_owned();
    for (shell, file) in [
        (Shell::Bash, format!("bash/{program}")),
        (Shell::Zsh, format!("zsh/_{program}")),
        (Shell::Fish, format!("fish/{program}.fish")),
    ] {
        let path = folder.join(file);
        fs::create_dir_all(path.parent().unwrap_or(folder))?;
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut command, &program, &mut script);
        fs::write(path, script)?;
    }
    Ok(())
}

/// The manual pages of a program in one language.
#[derive(Clone, Copy)]
struct Pages {
    verbs: &'static [VerbHelp],
    language: Language,
}

impl Pages {
    /// Writes the page of a command and those of its commands. `verb` is its path, such as
    /// `policy test`, and `above` the pages of the commands that it belongs to.
    fn write(self, place: &Path, command: &Command, verb: &str, above: &[String]) -> Result<()> {
        let name = page_name(command);
        fs::write(
            place.join(format!("{name}.1")),
            self.page(command, verb, above)?,
        )?;
        let above = [above, &[name]].concat();
        for inner in command.get_subcommands() {
            let verb = format!("{verb} {}", inner.get_name());
            self.write(place, inner, verb.trim(), &above)?;
        }
        Ok(())
    }

    fn page(self, command: &Command, verb: &str, above: &[String]) -> Result<String> {
        let version = command.get_version().unwrap_or_default();
        let usage = command.clone().render_usage().to_string();
        let usage = usage.trim_start_matches("Usage:").trim().to_owned();
        let commands = self.say("命令", "COMMANDS");
        let command = command
            .clone()
            .override_usage(usage)
            .subcommand_help_heading(commands);
        let man = Man::new(command.clone())
            .source(format!("aidlink {version}"))
            .manual(self.say("aidlink 手册", "aidlink manual"));

        let mut page = ENCODING.to_owned();
        page.push_str(&rendered(|text| man.render_title(text))?);
        page.push_str(LEFT);
        page.push_str(self.say(CHINESE_LINES, ""));
        let section = rendered(|text| man.render_name_section(text))?;
        page.push_str(&under(self.say("名称", "NAME"), &section));
        let section = rendered(|text| man.render_synopsis_section(text))?;
        page.push_str(&under(self.say("用法", "SYNOPSIS"), &section));
        page.push_str(&self.arguments(&command, true)?);
        page.push_str(&self.arguments(&command, false)?);
        if command.has_subcommands() {
            let section = rendered(|text| man.render_subcommands_section(text))?;
            page.push_str(&under(commands, &section));
        }
        if let Some(help) = self.verbs.iter().find(|help| help.verb == verb) {
            page.push_str(&self.examples(help));
            page.push_str(&self.exit_codes(help));
        }
        page.push_str(&self.see_also(&command, above));
        Ok(as_written(&page))
    }

    /// The section of the positional arguments, or that of the options.
    fn arguments(self, command: &Command, positional: bool) -> Result<String> {
        let is_of_section = |argument: &Arg| argument.is_positional() == positional;
        if !command.get_arguments().any(is_of_section) {
            return Ok(String::new());
        }
        let heading = match positional {
            true => self.say("参数", "ARGUMENTS"),
            false => self.say("选项", "OPTIONS"),
        };
        let command = command.clone().mut_args(|argument| {
            let hidden = argument.is_hide_set() || !is_of_section(&argument);
            argument.hide(hidden)
        });
        let section = rendered(|text| Man::new(command).render_options_section(text))?;
        Ok(under(heading, &section))
    }

    fn examples(self, help: &VerbHelp) -> String {
        let mut section = Roff::new();
        section.control("SH", [self.say("示例", "EXAMPLES")]);
        section.control("EX", []);
        for line in help.examples.iter().flat_map(|example| broken(example)) {
            section.text([roman(line)]);
        }
        section.control("EE", []);
        plain(&section)
    }

    fn exit_codes(self, help: &VerbHelp) -> String {
        let mut section = Roff::new();
        section.control("SH", [self.say("退出码", "EXIT STATUS")]);
        for code in help.exit_codes {
            let meaning = exit_code_text(*code);
            section.control("TP", ["4"]);
            section.text([bold(code.to_string())]);
            section.text([roman(meaning.in_language(self.language))]);
        }
        plain(&section)
    }

    /// The pages above this one; of a program, the other program and the documents.
    fn see_also(self, command: &Command, above: &[String]) -> String {
        let mut section = Roff::new();
        section.control("SH", [self.say("另见", "SEE ALSO")]);
        let mut pages: Vec<String> = above.to_vec();
        if above.is_empty() {
            let other = match command.get_name() {
                "aidlink" => "aidlink-screen",
                _ => "aidlink",
            };
            pages.push(other.to_owned());
        }
        let pages: Vec<String> = pages.iter().map(|page| format!("{page}(1)")).collect();
        section.text([roman(pages.join(self.say("，", ", ")))]);
        if above.is_empty() {
            section.control("PP", []);
            section.text([roman(self.say(
                "文档在 /usr/share/doc/aidlink，规则文件、模式、日历和样例在 /usr/share/aidlink（由软件包安装）。",
                "A package puts the documents into /usr/share/doc/aidlink, and policies, \
                 schemas, calendar and a sample round into /usr/share/aidlink.",
            ))]);
        }
        plain(&section)
    }

    fn say(self, zh: &'static str, en: &'static str) -> &'static str {
        match self.language {
            Language::Chinese => zh,
            Language::English => en,
        }
    }
}

/// The name of a command's page, such as `aidlink-policy-test`.
fn page_name(command: &Command) -> String {
    let name = command.get_display_name();
    name.unwrap_or_else(|| command.get_name()).to_owned()
}

fn rendered(render: impl FnOnce(&mut dyn std::io::Write) -> Result<()>) -> Result<String> {
    let mut text = Vec::new();
    render(&mut text)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// A section under another heading. What comes before the heading is in every section, and
/// the page has it already.
fn under(heading: &str, section: &str) -> String {
    let start = section.find(".SH ").unwrap_or_default();
    let body = section.get(start..).and_then(|text| text.split_once('\n'));
    let body = body.map_or("", |(_, body)| body);
    format!(".SH {heading}\n{body}")
}

fn plain(section: &Roff) -> String {
    let text = section.render();
    let start = text.find(".SH ").unwrap_or_default();
    text.get(start..).unwrap_or_default().to_owned()
}

/// Characters that must come out as they were written; roff would print curly quotes and
/// accents for some.
fn as_written(page: &str) -> String {
    page.replace("\\\\", "\\(rs")
        .replace('`', "\\(ga")
        .replace('^', "\\(ha")
        .replace('~', "\\(ti")
}

/// A command line in lines that a shell reads as one, broken before options.
fn broken(example: &str) -> Vec<String> {
    let mut lines = vec![];
    let mut line = String::new();
    for (number, part) in example.split(" --").enumerate() {
        let part = match number {
            0 => part.to_owned(),
            _ => format!(" --{part}"),
        };
        if !line.is_empty() && line.len() + part.len() > WIDTH {
            lines.push(format!("{line} \\"));
            line = "   ".to_owned();
        }
        line.push_str(&part);
    }
    lines.push(line);
    lines
}
