//! `aidlink round new`: looks at the files of a folder and writes a round file, in which a
//! person fills in what no program can know.

use std::collections::BTreeMap;
use std::io::{IsTerminal as _, Write as _};
use std::path::Path;

use aidlink_agency::recognise::{NotRecognised, Recognised, recognise};
use aidlink_faults::fault::{Fault, FaultCollector, Faults, io_reason};
use aidlink_faults::personal_number::{refused_name, shown_name, shown_path};
use aidlink_faults::text::{Language, Text};
use aidlink_files::owner_only::write_new_for_everybody;
use aidlink_office::terminal::{Form, Output, Progress};
use aidlink_policy::pack::{CASE_EXPORT, Policy, REFERRALS_EXPORT};
use aidlink_policy::schema::Schemas;
use aidlink_policy::shipped::{self, Shipped};
use aidlink_register::form::day;
use dialoguer::Input;
use dialoguer::theme::Theme;
use jiff::Zoned;
use jiff::civil::Date;
use serde::Serialize;

use super::Ending;
use crate::cli::RoundNewArguments;
use crate::round_draft::{Ask, Draft, DraftExport, Drafted, Kind, MarkedPlace, Question};
use aidlink_office::shell::in_shell;

/// The name of the round file.
const ROUND_FILE: &str = "round.toml";

/// The answer of `round new`.
#[derive(Serialize)]
struct NewRound<'a> {
    file: &'a str,
    exports: BTreeMap<&'a str, Vec<&'a str>>,
    without_file: Vec<&'a str>,
    not_recognised: Vec<&'a str>,
    places_to_fill_in: usize,
}

/// Writes a round file for the files of a folder.
pub fn new(arguments: &RoundNewArguments, output: Output) -> Ending {
    match make(arguments, output) {
        Ok(ending) => ending,
        Err(faults) => Ending::Failed(faults),
    }
}

fn make(arguments: &RoundNewArguments, output: Output) -> Result<Ending, Faults> {
    let folder = &arguments.folder;
    let file = folder.join(ROUND_FILE);
    if std::fs::symlink_metadata(&file).is_ok() {
        return Err(Fault::of_file(
            &file,
            Text::new("轮次文件已存在", "the round file exists already"),
            Text::new(
                "请先移走或删除，或换一个文件夹",
                "move or remove it first, or use another folder",
            ),
        )
        .into());
    }
    let written = [
        ("--id", arguments.id.clone()),
        (
            "--register",
            arguments
                .register
                .as_ref()
                .map(|path| path.to_string_lossy().into_owned()),
        ),
    ];
    for (option, text) in written {
        if let Some(reason) = text.and_then(|text| refused_name(&text)) {
            let hint = Text::new("请更改", "choose another one");
            return Err(Fault::of_file(Path::new(option), reason, hint).into());
        }
    }
    let schemas = schemas(folder)?;
    let policy = policy(folder, &schemas)?;
    let (names, folders) = names(folder)?;
    let progress = Progress::new(output);
    let mut exports: BTreeMap<String, DraftExport> = BTreeMap::new();
    let mut others: Vec<(String, Text)> = Vec::new();
    for name in names {
        if let Some(reason) = refused_name(&name) {
            others.push((name, reason));
            continue;
        }
        progress.step(&Text::new(
            format!("查看 {name}"),
            format!("looking at {name}"),
        ));
        let path = folder.join(&name);
        match recognise(&path, &schemas, &policy) {
            Ok(recognised) => {
                for Recognised { schema, parts } in recognised {
                    let export = exports.entry(schema.clone()).or_insert(DraftExport {
                        schema,
                        changed_on: None,
                        files: Vec::new(),
                    });
                    export.changed_on = export.changed_on.max(changed_on(&path));
                    export.files.push((name.clone(), parts));
                }
            }
            Err(reason) => others.push((name, why(reason, &schemas))),
        }
    }
    progress.finish();
    others.extend(folders.into_iter().map(|name| {
        let reason = Text::new(
            "文件夹未查看；其中有导出的，请移到本文件夹",
            "this folder was not looked at; move exports in it up into the round's folder",
        );
        (name, reason)
    }));
    if exports.is_empty() {
        return Err(nothing_recognised(folder, &others));
    }
    let cases = exports.remove(CASE_EXPORT);
    if cases.is_none() && !arguments.split {
        return Err(no_cases(folder, &exports, &others));
    }
    let is_interactive = output.form == Form::Text
        && std::io::stdin().is_terminal()
        && std::io::stderr().is_terminal();
    let mut ask = |question: &Question| ask_person(question, output.language);
    let mut ask_nobody = |_: &Question| None;
    let ask: &mut Ask<'_> = match is_interactive {
        true => &mut ask,
        false => &mut ask_nobody,
    };
    let today = Zoned::now().date();
    let as_of = arguments.as_of.unwrap_or_else(|| as_of(ask, today));
    let register = arguments.register.as_deref().map(register).transpose()?;
    if register.is_some() {
        read_from_register(&mut exports, &mut others);
    }
    let mut draft = Draft {
        language: output.language,
        is_split: arguments.split,
        round: arguments.id.clone().unwrap_or_else(|| quarter(as_of)),
        as_of,
        today,
        schemas: &schemas,
        policy: &policy,
        exports: cases.into_iter().chain(exports.into_values()).collect(),
        others,
        register,
    };
    if arguments.split {
        add_exports_of_others(&mut draft);
    }
    let Drafted { text, marked } = draft.write(ask);
    write_documents(folder)?;
    write(&file, text.as_bytes())?;
    say(&file, &draft, &marked, output);
    Ok(Ending::Done)
}

/// Returns the path of the register as the round file names it: the round's folder may be
/// anywhere beside it.
fn register(path: &Path) -> Result<String, Fault> {
    let found = path.canonicalize();
    let found = found.map_err(|error| Fault::unreadable(path, &error))?;
    if !found.is_file() {
        return Err(Fault::of_file(
            path,
            Text::new("这不是登记簿文件", "this is not a register"),
            Text::new(
                "请指明 aidlink register init 建立的 register.db",
                "name the register.db that `aidlink register init` made",
            ),
        ));
    }
    Ok(found.to_string_lossy().into_owned())
}

/// Puts the export that the register gives in place of files of referrals.
fn read_from_register(
    exports: &mut BTreeMap<String, DraftExport>,
    others: &mut Vec<(String, Text)>,
) {
    let empty = DraftExport {
        schema: REFERRALS_EXPORT.to_owned(),
        changed_on: None,
        files: Vec::new(),
    };
    let left_out = exports.insert(REFERRALS_EXPORT.to_owned(), empty);
    let names = left_out.into_iter().flat_map(|export| export.files);
    others.extend(names.map(|(name, _)| {
        let reason = Text::new(
            "移送登记的导出不读取：读取的是登记簿",
            "this export of referrals is not read: the register is read in its place",
        );
        (name, reason)
    }));
}

/// Returns the names of the files of a folder that may be exports, and of the folders in
/// it, each in order.
fn names(folder: &Path) -> Result<(Vec<String>, Vec<String>), Fault> {
    let unreadable = |error| Fault::unreadable(folder, &error);
    let mut names = Vec::new();
    let mut folders = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_ours = [
            ROUND_FILE,
            "policy.toml",
            "calendar.toml",
            "round.key",
            "signing.key",
            "signing.pub",
        ];
        // What spreadsheet programs and systems leave beside files.
        let is_left_over = name.starts_with('.')
            || name.starts_with("~$")
            || name == "Thumbs.db"
            || name == "desktop.ini";
        let is_our_folder = ["schemas", "policy.layers", "output"].contains(&name.as_str());
        match entry.path().is_dir() {
            _ if is_left_over => {}
            true if is_our_folder => {}
            true => folders.push(name),
            false if is_ours.contains(&name.as_str()) => {}
            false => names.push(name),
        }
    }
    names.sort();
    folders.sort();
    Ok((names, folders))
}

fn changed_on(path: &Path) -> Option<Date> {
    let changed = std::fs::metadata(path).ok()?.modified().ok()?;
    let changed = jiff::Timestamp::try_from(changed).ok()?;
    Some(changed.to_zoned(jiff::tz::TimeZone::system()).date())
}

/// Returns the as-of date: the answer, or today if nobody can be asked. The end of the last
/// quarter is proposed, for which exports are usually taken.
fn as_of(ask: &mut Ask<'_>, today: Date) -> Date {
    let question = Question {
        if_empty: Some(Text::new("今天", "today")),
        ..Question::new(
            Kind::Date,
            Text::new(
                "基准日（年龄、在册与否和各项规则都按这一天判断）",
                "as-of date (age, membership and every rule are judged for this day)",
            ),
            Some(end_of_last_quarter(today).to_string()),
        )
    };
    let answer = ask(&question);
    let day = answer.and_then(|answer| day(&answer));
    day.unwrap_or(today)
}

/// Returns the last day of the last quarter that has ended by a day.
fn end_of_last_quarter(day: Date) -> Date {
    let ends_today = day == day.last_of_month() && day.month() % 3 == 0;
    if ends_today {
        return day;
    }
    let months_of_quarter = (day.month() - 1) % 3;
    let first = day.first_of_month();
    let first = first.saturating_sub(jiff::Span::new().months(i64::from(months_of_quarter)));
    first.yesterday().unwrap_or(day)
}

/// Returns the quarter of a day, such as `2026Q3`.
fn quarter(day: Date) -> String {
    format!("{}Q{}", day.year(), (day.month() + 2) / 3)
}

/// Returns the schemas of the folder, or those that come with the program.
fn schemas(folder: &Path) -> Result<Schemas, Faults> {
    let own = folder.join("schemas");
    match own.is_dir() {
        true => Schemas::read(&own),
        false => shipped::schemas(),
    }
}

/// Returns the policy of the folder, or the one that comes with the program.
fn policy(folder: &Path, schemas: &Schemas) -> Result<Policy, Faults> {
    let own = folder.join("policy.toml");
    match own.is_file() {
        true => Policy::read(&own, schemas),
        false => Policy::shipped(&shipped::POLICY, schemas),
    }
}

/// Writes the schemas, the policy and the calendar beside the round file, unless the folder
/// has them.
fn write_documents(folder: &Path) -> Result<(), Faults> {
    let schemas = folder.join("schemas");
    if !schemas.is_dir() {
        std::fs::create_dir(&schemas).map_err(|error| not_made(&schemas, &error))?;
        for Shipped { name, text } in shipped::SCHEMAS {
            write(&schemas.join(name), text.as_bytes())?;
        }
    }
    for (name, document) in [
        ("policy.toml", shipped::POLICY),
        ("calendar.toml", shipped::CALENDAR),
    ] {
        let path = folder.join(name);
        if !path.exists() {
            write(&path, document.text.as_bytes())?;
        }
    }
    Ok(())
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Fault> {
    write_new_for_everybody(path, bytes, &Text::new("文件", "file"))
}

fn not_made(folder: &Path, error: &std::io::Error) -> Fault {
    let reason = io_reason(error);
    Fault::of_file(
        folder,
        Text::new(
            format!("无法建立文件夹：{}", reason.zh),
            format!("cannot make the folder: {}", reason.en),
        ),
        Text::new("请检查写入权限", "check the write permission"),
    )
}

fn why(reason: NotRecognised, schemas: &Schemas) -> Text {
    match reason {
        NotRecognised::Faults(faults) => {
            let first = faults.iter().next();
            first.map_or_else(Text::default, |fault| fault.message.clone())
        }
        NotRecognised::Several(names) => {
            let titles: Vec<Text> = names
                .iter()
                .map(|name| {
                    let title = schemas.get(name).map(|schema| schema.title.clone());
                    title.unwrap_or_else(|| Text::new(name, name))
                })
                .collect();
            let zh: Vec<&str> = titles.iter().map(|title| title.zh.as_str()).collect();
            let en: Vec<&str> = titles.iter().map(|title| title.en.as_str()).collect();
            Text::new(
                format!(
                    "不能确定是哪一种导出（{}）；请在文件名中写明，如“低保”",
                    zh.join("、")
                ),
                format!(
                    "it could be any of these exports: {}; say which in the name of the file, such as 低保",
                    en.join("; ")
                ),
            )
        }
    }
}

/// Adds why files were not recognised.
fn with_reasons(fault: Fault, others: &[(String, Text)]) -> Faults {
    let mut faults = FaultCollector::new();
    faults.push(fault);
    for (name, reason) in others {
        faults.push(Fault::of_file(
            Path::new(name),
            reason.clone(),
            Text::new(
                "请用 aidlink schema check 查看该文件",
                "look at the file with `aidlink schema check`",
            ),
        ));
    }
    faults.into_faults()
}

fn nothing_recognised(folder: &Path, others: &[(String, Text)]) -> Faults {
    let fault = Fault::of_file(
        folder,
        Text::new(
            "文件夹中没有可识别的导出",
            "no file of the folder was recognised as an export",
        ),
        Text::new(
            "请把各机构的导出放入该文件夹；支持的格式见 docs/formats.zh-CN.md",
            "put the exports of the agencies into it; docs/formats.md lists the formats",
        ),
    );
    with_reasons(fault, others)
}

fn no_cases(
    folder: &Path,
    exports: &BTreeMap<String, DraftExport>,
    others: &[(String, Text)],
) -> Faults {
    let found: Vec<&str> = exports.keys().map(String::as_str).collect();
    let found = found.join(", ");
    let fault = Fault::of_file(
        folder,
        Text::new(
            format!("没有识别出案件当事人的导出（识别出：{found}）"),
            format!("no export of case parties was recognised (recognised: {found})"),
        ),
        Text::new(
            "案件导出至少要有案号、证件号码和诉讼地位三列；分步模式请加 --split",
            "the case export needs at least the columns case number, ID number and role (案号, 身份证号, 诉讼地位); for a split round use --split",
        ),
    );
    with_reasons(fault, others)
}

/// Adds the exports that other offices have, in a split round.
fn add_exports_of_others(draft: &mut Draft<'_>) {
    let has = |draft: &Draft<'_>, schema: &str| {
        draft.exports.iter().any(|export| export.schema == schema)
    };
    let empty = |schema: &str| DraftExport {
        schema: schema.to_owned(),
        changed_on: None,
        files: Vec::new(),
    };
    if !has(draft, CASE_EXPORT) {
        draft.exports.insert(0, empty(CASE_EXPORT));
    }
    for schema in draft.policy.registers_used() {
        if !has(draft, schema) {
            draft.exports.push(empty(schema));
        }
    }
}

/// How questions look. The usual theme says "error" in English before every message.
struct Plain;

impl Theme for Plain {
    fn format_error(&self, f: &mut dyn std::fmt::Write, message: &str) -> std::fmt::Result {
        write!(f, "  {message}")
    }
}

/// Asks on the terminal. An empty answer leaves the place to be filled in.
fn ask_person(question: &Question, language: Language) -> Option<String> {
    let later = Text::new("以后填写", "fill in later");
    let Text { zh, en } = question.if_empty.as_ref().unwrap_or(&later);
    let how = match &question.proposal {
        None => Text::new(format!("回车：{zh}"), format!("Enter: {en}")),
        Some(_) => Text::new(
            format!("回车：采用；清空后回车：{zh}"),
            format!("Enter: accept; empty: {en}"),
        ),
    };
    // On lines of their own: a prompt that wraps would be drawn twice.
    let (text, how) = (
        question.text.in_language(language),
        how.in_language(language),
    );
    let _ = writeln!(std::io::stderr(), "{text}");
    if let Some(choices) = &question.choices {
        let choices = choices.in_language(language);
        let _ = writeln!(std::io::stderr(), "  {choices}");
    }
    let _ = writeln!(std::io::stderr(), "  {how}");
    let mut input = Input::<String>::with_theme(&Plain)
        .with_prompt(" ")
        .allow_empty(true)
        .validate_with(|answer: &String| match question.fault(answer) {
            None => Ok(()),
            Some(fault) => Err(fault.in_language(language).to_owned()),
        });
    if let Some(proposal) = &question.proposal {
        input = input.with_initial_text(proposal);
    }
    input.interact_text().ok()
}

fn say(file: &Path, draft: &Draft<'_>, marked: &[MarkedPlace], output: Output) {
    let say = |zh: String, en: String| output.say(&Text::new(zh, en));
    let shown = shown_path(file);
    say(
        format!("已写入 {shown}。识别出："),
        format!("Wrote {shown}. Recognised:"),
    );
    for export in &draft.exports {
        let title = draft
            .schemas
            .get(&export.schema)
            .map(|schema| &schema.title);
        for (name, _) in &export.files {
            let name = shown_name(name);
            let (zh, en) = title.map_or(("", ""), |title| (title.zh.as_str(), title.en.as_str()));
            say(format!("  {name}：{zh}"), format!("  {name}: {en}"));
        }
    }
    for (name, reason) in &draft.others {
        let name = shown_name(name);
        say(
            format!("  未识别 {name}：{}", reason.zh),
            format!("  not recognised: {name}: {}", reason.en),
        );
    }
    let verb = match draft.is_split {
        true => "round terms",
        false => "run",
    };
    let command = format!("aidlink {verb} {}", in_shell(&shown));
    if !marked.is_empty() {
        let count = marked.len();
        say(
            format!("请填写其中{count}处【待填写】："),
            format!("Fill in the places marked 【FILL IN】 ({count}):"),
        );
        for MarkedPlace { line, text } in marked {
            say(
                format!("  第{line}行：{}", text.zh),
                format!("  line {line}: {}", text.en),
            );
        }
        say(format!("再运行：{command}"), format!("Then: {command}"));
    } else {
        say(
            format!("请核对，再运行：{command}"),
            format!("Check it, then: {command}"),
        );
    }
    let exports = draft.exports.iter().map(|export| {
        let files = export.files.iter().map(|(name, _)| name.as_str());
        (export.schema.as_str(), files.collect())
    });
    output.json(&NewRound {
        file: &shown,
        exports: exports.collect(),
        without_file: draft.without_file(),
        not_recognised: draft.others.iter().map(|(name, _)| name.as_str()).collect(),
        places_to_fill_in: marked.len(),
    });
}

#[cfg(test)]
mod tests {
    use jiff::civil::{Date, date};

    use super::end_of_last_quarter;

    #[test]
    fn the_end_of_the_last_quarter() {
        let cases: [(Date, Date); 6] = [
            (date(2026, 10, 8), date(2026, 9, 30)),
            (date(2026, 9, 30), date(2026, 9, 30)),
            (date(2026, 9, 29), date(2026, 6, 30)),
            (date(2026, 1, 1), date(2025, 12, 31)),
            (date(2026, 3, 31), date(2026, 3, 31)),
            (date(2026, 12, 30), date(2026, 9, 30)),
        ];
        for (day, end) in cases {
            assert_eq!(end_of_last_quarter(day), end, "{day}");
        }
    }
}
