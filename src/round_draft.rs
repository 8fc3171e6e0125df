//! The text of a new round file, in the user's language. What nobody but a person can know
//! is a marked place, which a round refuses until it is filled in.

use std::fmt::Write as _;
use std::ops::RangeInclusive;

use aidlink_agency::recognise::RecognisedPart;
use aidlink_faults::personal_number::shown_name;
use aidlink_faults::text::{Language, Text};
use aidlink_office::round::TO_FILL_IN;
use aidlink_policy::pack::{CASE_EXPORT, Policy, REFERRALS_EXPORT};
use aidlink_policy::schema::{ExportSchema, Schemas};
use aidlink_policy::value::FieldType;
use aidlink_register::form::day;
use jiff::civil::Date;

/// What a round file is drafted from.
pub(crate) struct Draft<'a> {
    /// The language of comments and lists.
    pub language: Language,
    /// Whether several offices do the steps.
    pub is_split: bool,
    /// The round's id.
    pub round: String,
    /// The as-of date.
    pub as_of: Date,
    /// The day on which the file is drafted.
    pub today: Date,
    /// The schemas.
    pub schemas: &'a Schemas,
    /// The policy.
    pub policy: &'a Policy,
    /// The exports; the case parties come first.
    pub exports: Vec<DraftExport>,
    /// Files that were not recognised, with the reasons.
    pub others: Vec<(String, Text)>,
    /// The path of the register that is read in place of the export of referrals.
    pub register: Option<String>,
}

/// An export and its files.
pub(crate) struct DraftExport {
    /// The name of its schema.
    pub schema: String,
    /// The day on which its newest file was changed, if known.
    pub changed_on: Option<Date>,
    /// File names, each with its parts.
    pub files: Vec<(String, Vec<RecognisedPart>)>,
}

/// How an answer is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// As a string.
    Text,
    /// As a date.
    Date,
    /// As `true` or `false`.
    Boolean,
}

impl Kind {
    /// Returns the value of an answer as it is written into the round file.
    fn value(self, answer: &str) -> Option<String> {
        let answer = answer.trim();
        match self {
            Kind::Text => Some(quoted(answer)),
            Kind::Date => day(answer).map(|day| day.to_string()),
            Kind::Boolean if ["true", "是", "yes"].contains(&answer) => Some("true".to_owned()),
            Kind::Boolean if ["false", "否", "no"].contains(&answer) => Some("false".to_owned()),
            Kind::Boolean => None,
        }
    }

    /// Returns how an answer must be written.
    fn expected(self) -> Text {
        match self {
            Kind::Text => Text::default(),
            Kind::Date => Text::new(
                "请写日期，例如 2026-12-31",
                "write a date, such as 2026-12-31",
            ),
            Kind::Boolean => Text::new("请写“是”或“否”", "write yes or no"),
        }
    }
}

/// The days that can be the answer to a question.
pub(crate) struct Days {
    /// From the first to the last.
    pub range: RangeInclusive<Date>,
    /// Why no other day can.
    pub because: Text,
}

/// A question about a place that a person must fill in.
pub(crate) struct Question {
    /// How the answer is written.
    pub kind: Kind,
    /// What is asked.
    pub text: Text,
    /// The values to choose from, if the field has some.
    pub choices: Option<Text>,
    /// The answer that the program proposes.
    pub proposal: Option<String>,
    /// What an empty answer means; `None` if the place is then to be filled in later.
    pub if_empty: Option<Text>,
    /// The days that can be the answer, if not every day can.
    pub days: Option<Days>,
}

impl Question {
    /// Returns a question that is answered freely.
    pub(crate) fn new(kind: Kind, text: Text, proposal: Option<String>) -> Self {
        Question {
            kind,
            text,
            choices: None,
            proposal,
            if_empty: None,
            days: None,
        }
    }

    /// Returns why an answer cannot be written; `None` if it can. An empty one leaves the
    /// place to be filled in.
    pub(crate) fn fault(&self, answer: &str) -> Option<Text> {
        if answer.trim().is_empty() {
            return None;
        }
        if self.kind.value(answer).is_none() {
            return Some(self.kind.expected());
        }
        let days = self.days.as_ref()?;
        let day = day(answer)?;
        (!days.range.contains(&day)).then(|| days.because.clone())
    }
}

/// Asks the person; `None` leaves the place marked.
pub(crate) type Ask<'a> = dyn FnMut(&Question) -> Option<String> + 'a;

/// The text of a round file, and which of its places are to be filled in.
pub(crate) struct Drafted {
    /// The text.
    pub text: String,
    /// The marked places, in their order.
    pub marked: Vec<MarkedPlace>,
}

/// A place that is to be filled in.
pub(crate) struct MarkedPlace {
    /// Its line in the text; the first is 1.
    pub line: usize,
    /// What is to be filled in.
    pub text: Text,
}

impl Draft<'_> {
    /// Writes the round file.
    pub(crate) fn write(&self, ask: &mut Ask<'_>) -> Drafted {
        let mut writer = Writer {
            language: self.language,
            text: String::new(),
            marked: Vec::new(),
            last_basis: None,
            ask,
        };
        writer.head(self);
        for export in &self.exports {
            writer.export(self, export);
        }
        writer.not_recognised(&self.others);
        let marks = writer.text.lines().zip(1..);
        let lines = marks.flat_map(|(text, line)| {
            let marks = TO_FILL_IN.map(|mark| text.matches(&format!("\"{mark}")).count());
            std::iter::repeat_n(line, marks.iter().sum())
        });
        let marked = lines.zip(writer.marked);
        let marked = marked.map(|(line, text)| MarkedPlace { line, text });
        Drafted {
            marked: marked.collect(),
            text: writer.text,
        }
    }

    /// Returns the registers of the policy that have no file.
    pub(crate) fn without_file(&self) -> Vec<&str> {
        let has_file = |name: &&str| {
            self.exports
                .iter()
                .any(|export| export.schema == **name && !export.files.is_empty())
                || self.is_of_register(name)
        };
        let used = self.policy.registers_used().into_iter();
        used.filter(|name| !has_file(name)).collect()
    }

    /// Whether the register is read in place of an export.
    fn is_of_register(&self, schema: &str) -> bool {
        self.register.is_some() && schema == REFERRALS_EXPORT
    }

    fn title(&self, schema: &str) -> Text {
        let schema = self.schemas.get(schema);
        schema.map_or_else(Text::default, |schema| schema.title.clone())
    }
}

struct Writer<'a, 'b> {
    language: Language,
    text: String,
    /// What is to be filled in, place by place.
    marked: Vec<Text>,
    /// The legal basis of the export before, as the person wrote it. One agreement often
    /// covers all exports.
    last_basis: Option<String>,
    ask: &'a mut Ask<'b>,
}

impl Writer<'_, '_> {
    fn line(&mut self, line: &str) {
        self.text += line;
        self.text.push('\n');
    }

    fn word(&self, zh: &str, en: &str) -> String {
        Text::new(zh, en).in_language(self.language).to_owned()
    }

    fn comment(&mut self, zh: &str, en: &str) {
        let text = Text::new(zh, en);
        let line = format!("# {}", one_line(text.in_language(self.language)));
        self.line(&line);
    }

    /// Asks the person. Returns the answer, unless it is empty or cannot be written.
    fn asked(&mut self, question: &Question) -> Option<String> {
        let answer = (self.ask)(question)?;
        let is_answer = !answer.trim().is_empty() && question.fault(&answer).is_none();
        is_answer.then_some(answer)
    }

    /// Returns the value of a place that a person must fill in: the answer, or a mark with
    /// the proposal.
    fn place(&mut self, question: &Question) -> String {
        let answer = self.asked(question);
        let value = answer.and_then(|answer| question.kind.value(&answer));
        value.unwrap_or_else(|| self.mark(question))
    }

    /// Returns the mark of a place that is still to be filled in.
    fn mark(&mut self, question: &Question) -> String {
        self.marked.push(question.text.clone());
        let [zh, en] = TO_FILL_IN;
        let proposal = question.proposal.as_ref();
        let proposal = proposal.map(|proposal| match question.kind {
            // As it is written into the file.
            Kind::Boolean => question.kind.value(proposal).unwrap_or_default(),
            Kind::Text | Kind::Date => proposal.clone(),
        });
        let mark = match (self.language, proposal) {
            (Language::Chinese, None) => format!("{zh}】"),
            (Language::Chinese, Some(proposal)) => format!("{zh}：{proposal}】"),
            (Language::English, None) => format!("{en}】"),
            (Language::English, Some(proposal)) => format!("{en}: {proposal}】"),
        };
        quoted(&mark)
    }

    /// Returns the day of issue: the answer, or the as-of date if nobody can be asked.
    fn issued_on(&mut self, draft: &Draft<'_>) -> String {
        let question = Question {
            if_empty: Some(Text::new("基准日", "the as-of date")),
            days: Some(Days {
                range: draft.as_of..=Date::MAX,
                because: Text::new(
                    format!("签发日期不能早于基准日 {}", draft.as_of),
                    format!(
                        "the day of issue is not before the as-of date, {}",
                        draft.as_of
                    ),
                ),
            }),
            ..Question::new(
                Kind::Date,
                Text::new(
                    "签发日期（办理期限从这一天起算，不早于基准日）",
                    "day of issue (deadlines run from it; not before the as-of date)",
                ),
                Some(draft.today.max(draft.as_of).to_string()),
            )
        };
        let answer = self.asked(&question);
        let value = answer.and_then(|answer| question.kind.value(&answer));
        value.unwrap_or_else(|| draft.as_of.to_string())
    }

    /// Returns the legal basis of an export. What was answered for the one before is
    /// proposed.
    fn legal_basis(&mut self, title: &Text) -> String {
        let text = Text::new(
            format!("提供“{}”的法律依据或协议", title.zh),
            format!(
                "the law or agreement on which it was provided: {}",
                title.en
            ),
        );
        let question = Question::new(Kind::Text, text, self.last_basis.clone());
        match self.asked(&question) {
            Some(answer) => {
                let value = quoted(answer.trim());
                self.last_basis = Some(answer);
                value
            }
            None => self.mark(&question),
        }
    }

    fn head(&mut self, draft: &Draft<'_>) {
        self.comment(
            "轮次文件。带“【待填写】”的地方须由人填写，填好前各命令都拒绝运行。冒号后是程序的建议，认可的，只留下它；日期、true、false 和数值不加引号。",
            "A round file. A person fills in the places marked 【FILL IN】; until then every command refuses it. What follows a colon is a proposal: to accept it, keep it alone. Dates, true, false and numbers are written without quotation marks.",
        );
        let (as_of, round) = (draft.as_of, &draft.round);
        let line = format!("round = {}", quoted(round));
        self.line(&line);
        self.comment(
            "基准日：年龄、在册与否和各项规则都按这一天判断。",
            "The day for which age, membership and every rule are judged.",
        );
        self.line(&format!("as_of = {as_of}"));
        self.comment(
            "签发日期：办理期限从这一天起算。",
            "The day on which leads are issued; deadlines run from it.",
        );
        let issued_on = self.issued_on(draft);
        self.line(&format!("issued_on = {issued_on}"));
        self.line("purpose = \"joint-screening\"");
        let mode = if draft.is_split { "split" } else { "pooled" };
        self.line(&format!("mode = \"{mode}\""));
        let operator = self.place(&Question::new(
            Kind::Text,
            Text::new("经办人姓名", "name of the person who runs the round"),
            None,
        ));
        self.line(&format!("operator = {operator}"));
        self.comment(
            "到这一天须删除本轮数据（个人信息保护法第十九条、第四十七条）。",
            "By this day the round's data must be deleted (Personal Information Protection Law, Articles 19 and 47).",
        );
        let later = as_of.saturating_add(jiff::Span::new().months(3));
        let issued = issued_on.parse().unwrap_or(as_of);
        let retention = self.place(&Question {
            days: Some(not_before_issue(issued)),
            ..Question::new(
                Kind::Date,
                Text::new("删除期限", "the day by which the data must be deleted"),
                Some(later.max(issued).to_string()),
            )
        });
        self.line(&format!("retention_until = {retention}"));
        let language = match self.language {
            Language::Chinese => "zh",
            Language::English => "en",
        };
        self.line(&format!("list_language = \"{language}\""));
        self.line("policy = \"policy.toml\"\nschemas = \"schemas\"\ncalendar = \"calendar.toml\"\noutput = \"output\"");
        self.not_joined(draft);
        self.line("\n[impact_assessment]");
        self.comment(
            "个人信息保护影响评估（个人信息保护法第五十五条）。",
            "The impact assessment (Personal Information Protection Law, Article 55).",
        );
        let id = self.place(&Question::new(
            Kind::Text,
            Text::new("影响评估编号", "id of the impact assessment"),
            None,
        ));
        self.line(&format!("id = {id}"));
        let until = self.place(&Question {
            days: Some(not_before_issue(issued)),
            ..Question::new(
                Kind::Date,
                Text::new(
                    "影响评估有效期至",
                    "last day on which the impact assessment is valid",
                ),
                None,
            )
        });
        self.line(&format!("valid_until = {until}"));
        self.line("\n[key]\nfile = \"round.key\"\nalgorithm = \"hmac-sha256\"");
        self.line("\n[signing]\nkey = \"signing.key\"");
        if let Some(register) = &draft.register {
            self.line("\n[register]");
            self.comment(
                "登记簿，代替移送登记的导出；只写在检察机关的轮次文件中。",
                "The register is read in place of the export of referrals; only in the procuratorate's round file.",
            );
            self.line(&format!("file = {}", quoted(register)));
        }
        if draft.is_split {
            self.offices(draft);
        }
        self.line("\n[thresholds]\nsnapshot_age_days = 92\nreject_rate = 0.05");
    }

    fn not_joined(&mut self, draft: &Draft<'_>) {
        let without_file = draft.without_file();
        if without_file.is_empty() || draft.is_split {
            return;
        }
        self.comment(
            "没有下列名册的文件：取得后放入本文件夹并写明 [[export]]；本轮不参与比对的，写明原因。",
            "No file of these registers was found: put it into the folder and add an [[export]], or write why the register is not joined.",
        );
        self.line("not_joined = [");
        for schema in without_file {
            let title = draft.title(schema);
            let because = self.place(&Question::new(
                Kind::Text,
                Text::new(
                    format!("“{}”为何不参与比对", title.zh),
                    format!("why this register is not joined: {}", title.en),
                ),
                None,
            ));
            let title = title.in_language(self.language);
            let line = format!("    {{ schema = \"{schema}\", because = {because} }}, # {title}");
            self.line(&line);
        }
        self.line("]");
    }

    /// Writes `[signing.signers]` and `[sealing]`.
    fn offices(&mut self, draft: &Draft<'_>) {
        self.line("\n[signing.signers]");
        self.comment(
            "各机构的签名公钥（aidlink signing new 显示），以 RW 开头。",
            "The public key of each office (`aidlink signing new` shows it); it begins with RW.",
        );
        let offices = draft.policy.agencies.iter();
        let mut offices: Vec<(&str, Text)> = offices
            .map(|agency| (agency.id.as_str(), agency.name.clone()))
            .collect();
        offices.push(("centre", Text::new("筛查机构", "the centre")));
        for (id, name) in offices {
            let key = self.place(&Question::new(
                Kind::Text,
                Text::new(
                    format!("{}的签名公钥", name.zh),
                    format!("public key of {}", name.en),
                ),
                None,
            ));
            self.line(&format!("{id} = {key}"));
        }
        self.line("\n[sealing]");
        self.comment(
            "收件人公钥（aidlink identity new 显示），以 age1 开头。",
            "Recipients (`aidlink identity new` shows them); they begin with age1.",
        );
        for (key, zh, en) in [
            ("centre", "筛查机构的收件人公钥", "recipient of the centre"),
            (
                "procuratorate",
                "检察机关的收件人公钥",
                "recipient of the procuratorate",
            ),
        ] {
            let recipient = self.place(&Question::new(Kind::Text, Text::new(zh, en), None));
            self.line(&format!("{key} = {recipient}"));
        }
    }

    fn export(&mut self, draft: &Draft<'_>, export: &DraftExport) {
        let title = draft.title(&export.schema);
        self.line("");
        self.comment(&title.zh, &title.en);
        self.line("[[export]]");
        self.line(&format!("schema = \"{}\"", export.schema));
        if export.files.len() > 1 {
            self.comment(
                "各文件提取日期不同的，写最早的一天。",
                "If the files were taken on different days, write the earliest.",
            );
        }
        if draft.is_of_register(&export.schema) {
            // The office's own record as it is: nobody took it, and nobody provided it.
            self.line(&format!("snapshot = {}", draft.as_of));
            let own = Text::new("本院登记簿", "the office's own register");
            let own = quoted(own.in_language(self.language));
            self.line(&format!("legal_basis = {own}"));
            return;
        }
        let as_of = draft.as_of;
        let snapshot = self.place(&Question {
            days: Some(Days {
                range: Date::MIN..=as_of,
                because: Text::new(
                    format!("提取日期不能晚于基准日 {as_of}：基准日之后的记录无法判断"),
                    format!(
                        "the export is not taken after the as-of date, {as_of}: later records cannot be judged"
                    ),
                ),
            }),
            ..Question::new(
                Kind::Date,
                Text::new(
                    format!("“{}”的提取日期", title.zh),
                    format!("the day on which the agency took the export: {}", title.en),
                ),
                export.changed_on.map(|day| day.min(as_of).to_string()),
            )
        });
        self.line(&format!("snapshot = {snapshot}"));
        let basis = self.legal_basis(&title);
        self.line(&format!("legal_basis = {basis}"));
        let Some(schema) = draft.schemas.get(&export.schema) else {
            return;
        };
        if export.files.is_empty() {
            let schema = &export.schema;
            self.comment(
                &format!("由该机构在自己的 reading/{schema}.toml 中写明 path 等如何读取的各项。"),
                &format!("The agency writes in its own reading/{schema}.toml which file is read, and how."),
            );
        }
        for (file, parts) in &export.files {
            for part in parts {
                self.part(schema, file, part);
            }
        }
    }

    fn part(&mut self, schema: &ExportSchema, file: &str, part: &RecognisedPart) {
        self.line("\n[[export.file]]");
        self.line(&format!("path = {}", quoted(file)));
        match part.sheets.as_slice() {
            [] | [_] if part.is_all => {}
            sheets if part.is_all => {
                let names = Text::names(sheets.iter().map(|sheet| shown_name(sheet)));
                self.line("sheets = \"all\"");
                self.comment(
                    &format!("工作表：{}", names.zh),
                    &format!("sheets: {}", names.en),
                );
            }
            sheets => {
                let names: Vec<String> = sheets.iter().map(|sheet| quoted(sheet)).collect();
                self.line(&format!("sheets = [{}]", names.join(", ")));
            }
        }
        let title = |field: &str| {
            let field = schema.field(field);
            field.map_or_else(Text::default, |field| field.title.clone())
        };
        let known = part.known.iter().map(|(header, field)| {
            let (header, title) = (shown_name(header), title(field));
            Text::new(
                format!("{header} → {}", title.zh),
                format!("{header} -> {}", title.en),
            )
        });
        let known: Vec<Text> = known.collect();
        let joined = |pick: fn(&Text) -> &str, between: &str| {
            let texts: Vec<&str> = known.iter().map(pick).collect();
            texts.join(between)
        };
        self.comment(
            &format!("识别的列：{}", joined(|text| &text.zh, "，")),
            &format!("recognised columns: {}", joined(|text| &text.en, ", ")),
        );
        if !part.unknown.is_empty() {
            let names = Text::names(part.unknown.iter().map(|header| shown_name(header)));
            self.comment(
                &format!(
                    "未识别、不读取的列：{}；其中有需要的，写 headers = {{ \"表头\" = \"字段\" }}",
                    names.zh
                ),
                &format!(
                    "columns not known and not read: {}; if one is needed, write headers = {{ \"header\" = \"field\" }}",
                    names.en
                ),
            );
        }
        if part.to_give.is_empty() {
            return;
        }
        let mut given = Vec::new();
        let mut needs_reason = false;
        for (name, value) in &part.to_give {
            let Some(field) = schema.field(name) else {
                continue;
            };
            let title = &field.title;
            let kind = match field.field_type {
                FieldType::Boolean => Kind::Boolean,
                _ => Kind::Text,
            };
            let codes = field
                .known_codes()
                .into_iter()
                .map(|code| match field.labels.get(code) {
                    Some(label) => format!("{code} ({})", label.in_language(self.language)),
                    None => code.to_owned(),
                });
            let codes: Vec<String> = codes.collect();
            let codes = match codes.is_empty() {
                true => "true, false".to_owned(),
                false => codes.join(", "),
            };
            self.comment(
                &format!("文件没有“{}”列，须写明整份文件的情况：{codes}", title.zh),
                &format!(
                    "the file has no column for `{}`; say what holds for all its rows: {codes}",
                    title.en
                ),
            );
            if schema.name == CASE_EXPORT {
                needs_reason = true;
                self.comment(
                    "写 true 的，所有行都不予处理；写 false 的，须在 because 写明由谁、何时、依据什么核实",
                    "with true every row is withheld; with false, `because` says who confirmed it, when and from which record",
                );
            }
            let question = Question {
                choices: Some(match kind {
                    Kind::Boolean => Text::new("可写：是，否", "write one of: yes, no"),
                    Kind::Text | Kind::Date => {
                        Text::new(format!("可写：{codes}"), format!("write one of: {codes}"))
                    }
                }),
                ..Question::new(
                    kind,
                    Text::new(
                        format!("{}：整份文件的“{}”", shown_name(file), title.zh),
                        format!("{}: `{}` of all rows", shown_name(file), title.en),
                    ),
                    match (kind, value.as_deref()) {
                        (Kind::Boolean, Some("true")) => Some(self.word("是", "yes")),
                        (Kind::Boolean, Some("false")) => Some(self.word("否", "no")),
                        _ => value.clone(),
                    },
                )
            };
            let value = self.place(&question);
            given.push(format!("{name} = {value}"));
        }
        self.line(&format!("constants = {{ {} }}", given.join(", ")));
        if needs_reason {
            let because = self.place(&Question::new(
                Kind::Text,
                Text::new("何人何时核实了上述情况", "who confirmed this, and when"),
                None,
            ));
            self.line(&format!("because = {because}"));
        }
    }

    fn not_recognised(&mut self, others: &[(String, Text)]) {
        if others.is_empty() {
            return;
        }
        self.line("");
        self.comment(
            "未识别的文件（本轮不读取）：",
            "Files that were not recognised (the round does not read them):",
        );
        for (file, reason) in others {
            let file = shown_name(file);
            self.comment(
                &format!("  {file}：{}", reason.zh),
                &format!("  {file}: {}", reason.en),
            );
        }
    }
}

/// The days of what ends on the day of issue at the earliest.
fn not_before_issue(issued_on: Date) -> Days {
    Days {
        range: issued_on..=Date::MAX,
        because: Text::new(
            format!("不能早于签发日期 {issued_on}"),
            format!("not before the day of issue, {issued_on}"),
        ),
    }
}

/// Returns a TOML string with this text.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => {
                quoted.push('\\');
                quoted.push(character);
            }
            character if character.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(character));
            }
            character => quoted.push(character),
        }
    }
    quoted.push('"');
    quoted
}

/// Returns a text without line breaks, which would end a comment.
fn one_line(text: &str) -> String {
    let clean = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().map(clean).collect()
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn days_are_answered_as_people_write_them_and_within_their_range() {
        let question = Question {
            days: Some(Days {
                range: Date::MIN..=date(2026, 9, 30),
                because: Text::new("太晚", "too late"),
            }),
            ..Question::new(Kind::Date, Text::default(), None)
        };
        for answer in [
            "2026-09-30",
            "2026/9/30",
            "2026.9.30",
            "20260930",
            "2026年9月30日",
            "",
            " ",
        ] {
            assert_eq!(question.fault(answer), None, "{answer}");
        }
        for answer in ["9-30", "2026-02-30", "昨天"] {
            let fault = question.fault(answer).unwrap_or_default();
            assert!(fault.zh.contains("例如"), "{answer}");
        }
        let fault = question.fault("2026-10-01");
        assert_eq!(fault.map(|fault| fault.en), Some("too late".to_owned()));
        assert_eq!(
            Kind::Date.value("2026年9月30日").as_deref(),
            Some("2026-09-30")
        );
    }

    #[test]
    fn yes_and_no_are_answered_in_words() {
        let question = Question::new(Kind::Boolean, Text::default(), None);
        for (answer, value) in [
            ("是", "true"),
            ("yes", "true"),
            ("false", "false"),
            ("否", "false"),
        ] {
            assert_eq!(question.fault(answer), None);
            assert_eq!(Kind::Boolean.value(answer).as_deref(), Some(value));
        }
        assert!(
            question
                .fault("也许")
                .is_some_and(|fault| fault.zh.contains("是"))
        );
    }
}
