//! The round file, and the plan it becomes: after that nothing can be
//! half-valid. Every fault of the round, its schemas, its policy and its
//! calendar is reported at once.

use std::path::{Component, Path, PathBuf};

use aidlink_agency::cell::DateEpoch;
use aidlink_agency::scan::{EncodingChoice, ReadingChoice};
use aidlink_agency::tokeniser::ALGORITHM;
use aidlink_contract::calendar::Calendar;
use aidlink_contract::configuration::{Document, Located, Node, TableReader};
use aidlink_contract::fault::{Fault, Faults, nearest_name_hint};
use aidlink_contract::policy::{CASE_EXPORT, Policy};
use aidlink_contract::schema::{ExportSchema, Field, Schemas};
use aidlink_contract::text::{Language, Text};
use jiff::civil::Date;

use crate::run::{ReadExport, ReadFile};

/// An export that a round names.
#[derive(Clone, Debug)]
pub struct PlannedExport {
    /// Its schema.
    pub schema: ExportSchema,
    /// Its files: one, or one for each district.
    pub files: Vec<PlannedFile>,
    /// The day on which the agency took it.
    pub snapshot: Date,
    /// The legal basis or agreement on which it was handed over.
    pub legal_basis: String,
    /// What the round says of how it is read.
    pub reading: ReadingChoice,
    /// A header alone is no fault (a first round has no referrals yet).
    pub may_be_empty: bool,
}

/// A file of an export.
#[derive(Clone, Debug)]
pub struct PlannedFile {
    /// Where it is.
    pub path: PathBuf,
    /// Its path as the round file gives it.
    pub written_path: String,
}

/// Limits beyond which lists are provisional.
#[derive(Clone, Copy, Debug)]
pub struct Thresholds {
    /// Days between a snapshot and the as-of date.
    pub snapshot_age_days: i32,
    /// Share of rows rejected, 0 to 1.
    pub reject_rate: f64,
}

/// A round that is ready to run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The round file.
    pub file: PathBuf,
    /// BLAKE3 digest of the round file, hexadecimal.
    pub digest: String,
    /// The round's id.
    pub round: String,
    /// The day at which everything is judged.
    pub as_of: Date,
    /// The day on which leads are issued; deadlines run from it.
    pub issued_on: Date,
    /// The purpose; the key names the same.
    pub purpose: String,
    /// Id of the impact assessment (Personal Information Protection Law, 55).
    pub impact_assessment: String,
    /// The day until which the assessment holds.
    pub impact_assessment_until: Date,
    /// Who runs the round.
    pub operator: String,
    /// The day by which the round's data is deleted (Personal Information Protection Law, 19 and 47).
    pub retention_until: Date,
    /// The language of the lists.
    pub list_language: Language,
    /// The key file.
    pub key_file: PathBuf,
    /// The output folder.
    pub output: PathBuf,
    /// The limits.
    pub thresholds: Thresholds,
    /// The policy.
    pub policy: Policy,
    /// The working days.
    pub calendar: Calendar,
    /// The export of case parties.
    pub cases: PlannedExport,
    /// The other exports, in the order of the round file.
    pub registers: Vec<PlannedExport>,
}

/// What the commands on keys need of a round file.
pub struct KeyTerms {
    /// The round's id.
    pub round: String,
    /// The purpose.
    pub purpose: String,
    /// The key file.
    pub file: PathBuf,
}

impl KeyTerms {
    /// Reads the part of a round file that concerns the key.
    ///
    /// # Errors
    /// The faults of that part.
    pub fn read(path: &Path) -> Result<Self, Faults> {
        let document = Document::read(path)?;
        let mut faults = document.syntax_faults();
        let mut root = document.root();
        let round = root.string("round", &mut faults);
        if let Some(round) = &round {
            check_round_id(&document, round, &mut faults);
        }
        let purpose = root.string("purpose", &mut faults);
        let key = root.table("key", &mut faults);
        let file = key.and_then(|mut key| {
            let file = key.string("file", &mut faults)?;
            inside(&document, &file, &mut faults)
        });
        let terms = (|| {
            Some(KeyTerms {
                round: round?.value,
                purpose: purpose?.value,
                file: file?,
            })
        })();
        faults.or_value(terms)
    }
}

impl Plan {
    /// Reads a round file and all that it names. `output` replaces the round
    /// file's own output folder.
    ///
    /// # Errors
    /// Every fault of the round, schemas, policy and calendar at once.
    pub fn read(path: &Path, output: Option<&Path>) -> Result<Self, Faults> {
        let document = Document::read(path)?;
        let faults = document.syntax_faults();
        PlanReader {
            document: &document,
            faults,
        }
        .read(output)
    }

    /// The fields that rules need and that no file of an export has.
    pub fn fields_lacking<'e>(&self, export: &'e ReadExport) -> Vec<&'e Field> {
        let schema = &export.planned.schema;
        let needed = self.policy.columns_needed(&schema.name);
        schema
            .fields
            .iter()
            .filter(|field| {
                let absent = |file: &ReadFile| file.columns_absent.contains(&field.name);
                needed.contains(&field.name) && export.files.iter().all(absent)
            })
            .collect()
    }

    /// All exports, the case parties first.
    pub fn exports(&self) -> impl Iterator<Item = &PlannedExport> {
        std::iter::once(&self.cases).chain(&self.registers)
    }
}

/// A path of the round file that must stay inside the round's folder.
fn inside(document: &Document, path: &Located<String>, faults: &mut Faults) -> Option<PathBuf> {
    let relative = Path::new(&path.value);
    let plain = relative
        .components()
        .all(|component| matches!(component, Component::Normal(_) | Component::CurDir));
    let folder = folder_of(document);
    let full = folder.join(relative);
    // A link may point out of the folder; the part of the path that exists is
    // checked where it truly is.
    let real = |path: &Path| {
        path.ancestors()
            .find_map(|ancestor| std::fs::canonicalize(ancestor).ok())
    };
    let escapes = match (real(&full), std::fs::canonicalize(folder).ok()) {
        (Some(full), Some(folder)) => !full.starts_with(folder),
        _ => false,
    };
    if !plain || escapes {
        faults.push(document.fault(
            path.at.clone(),
            Text::new(
                "路径越出了轮次文件所在的文件夹",
                "the path leaves the round's folder",
            ),
            Text::new(
                "请把文件放进轮次文件夹，用相对路径",
                "put the file into the round's folder and name it by a relative path",
            ),
        ));
        return None;
    }
    Some(full)
}

/// The id stands in lead numbers, which spreadsheets must not take for a formula.
fn check_round_id(document: &Document, round: &Located<String>, faults: &mut Faults) {
    let starts = round
        .value
        .chars()
        .next()
        .is_some_and(|first| first.is_ascii_alphanumeric());
    let rest = round
        .value
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    if !starts || !rest || round.value.len() > 32 {
        faults.push(document.fault(
            round.at.clone(),
            Text::new("轮次编号不合要求", "this cannot be a round's id"),
            Text::new(
                "请用字母、数字、“-”、“_”，如 2026Q3",
                "use letters, digits, - and _, such as 2026Q3",
            ),
        ));
    }
}

fn folder_of(document: &Document) -> &Path {
    match document.path().parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

struct PlanReader<'d> {
    document: &'d Document,
    faults: Faults,
}

/// An export before its schema is known.
struct WrittenExport {
    schema: Located<String>,
    files: Vec<PlannedFile>,
    snapshot: Located<Date>,
    legal_basis: String,
    reading: ReadingChoice,
    /// The fields of `headers` with their places, to be checked against the schema.
    header_fields: Vec<Located<String>>,
    may_be_empty: bool,
}

impl PlanReader<'_> {
    fn read(mut self, output: Option<&Path>) -> Result<Plan, Faults> {
        let document = self.document;
        let mut root = document.root();
        let round = root.string("round", &mut self.faults);
        if let Some(round) = &round {
            check_round_id(document, round, &mut self.faults);
        }
        let as_of = root.date("as_of", &mut self.faults);
        let issued_on = root.optional_date("issued_on", &mut self.faults);
        let purpose = root.string("purpose", &mut self.faults);
        let mode = root.string("mode", &mut self.faults);
        if let Some(mode) = mode
            && mode.value != "pooled"
        {
            let fault = document.fault(
                mode.at,
                Text::new("“mode”只能是pooled", "`mode` must be `pooled`"),
                Text::new(
                    "run 在一台可信的机器上完成全部步骤，须如实写明",
                    "`run` does every step on one trusted machine, and the round must say so",
                ),
            );
            self.faults.push(fault);
        }
        let operator = root.string("operator", &mut self.faults);
        let retention_until = root.date("retention_until", &mut self.faults);
        let list_language = self.list_language(&mut root);
        let assessment = root.table("impact_assessment", &mut self.faults);
        let assessment = assessment.and_then(|mut table| {
            let id = table.string("id", &mut self.faults);
            let until = table.date("valid_until", &mut self.faults);
            table.finish(&mut self.faults);
            Some((id?, until?))
        });
        let key = root.table("key", &mut self.faults);
        let key_file = key.and_then(|key| self.key_file(key));
        let thresholds = root.table("thresholds", &mut self.faults);
        let thresholds = thresholds.and_then(|mut table| {
            let days = table.integer("snapshot_age_days", &mut self.faults);
            if days.is_some_and(|days| days < 0) {
                self.faults.push(table.fault_here(
                    Text::new("天数不能为负", "a number of days cannot be negative"),
                    Text::new("请更正 snapshot_age_days", "correct `snapshot_age_days`"),
                ));
            }
            let rate = table.share("reject_rate", &mut self.faults);
            table.finish(&mut self.faults);
            Some(Thresholds {
                snapshot_age_days: i32::try_from(days?).unwrap_or(i32::MAX),
                reject_rate: rate?,
            })
        });
        let written_output = root.string("output", &mut self.faults);
        let output = match output {
            Some(output) => Some(output.to_path_buf()),
            None => written_output
                .as_ref()
                .and_then(|path| inside(document, path, &mut self.faults)),
        };
        let named_file = |key, root: &mut TableReader<'_>, faults: &mut Faults| {
            root.string(key, faults)
                .map(|path| folder_of(document).join(path.value))
        };
        let policy_file = named_file("policy", &mut root, &mut self.faults);
        let schema_folder = named_file("schemas", &mut root, &mut self.faults);
        let calendar_file = named_file("calendar", &mut root, &mut self.faults);
        let exports = self.exports(&mut root);
        root.finish(&mut self.faults);

        let schemas = schema_folder.map(|path| {
            let (schemas, found) = Schemas::read_what_is_sound(&path);
            self.faults.extend(found);
            schemas
        });
        let calendar = calendar_file.and_then(|path| self.keep(Calendar::read(&path)));
        let policy = policy_file
            .zip(schemas.as_ref())
            .and_then(|(path, schemas)| self.keep(Policy::read(&path, schemas)));
        let issued_on = issued_on.or_else(|| as_of.clone());
        self.check_dates(
            as_of.as_ref(),
            issued_on.as_ref(),
            assessment.as_ref().map(|(_, until)| until),
            retention_until.as_ref(),
        );
        let (cases, registers) =
            self.planned(exports, schemas.as_ref(), policy.as_ref(), as_of.as_ref());
        let plan = (|| {
            let (impact_assessment, impact_assessment_until) = assessment?;
            Some(Plan {
                file: document.path().to_path_buf(),
                digest: document.digest().to_owned(),
                round: round?.value,
                as_of: as_of?.value,
                issued_on: issued_on?.value,
                purpose: purpose?.value,
                impact_assessment: impact_assessment.value,
                impact_assessment_until: impact_assessment_until.value,
                operator: operator?.value,
                retention_until: retention_until?.value,
                list_language,
                key_file: key_file?,
                output: output?,
                thresholds: thresholds?,
                policy: policy?,
                calendar: calendar?,
                cases: cases?,
                registers,
            })
        })();
        self.faults.or_value(plan)
    }

    fn keep<T>(&mut self, result: Result<T, Faults>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(faults) => {
                self.faults.extend(faults);
                None
            }
        }
    }

    fn fault(&mut self, at: &std::ops::Range<usize>, message: Text, hint: Text) {
        self.faults
            .push(self.document.fault(at.clone(), message, hint));
    }

    fn list_language(&mut self, root: &mut TableReader<'_>) -> Language {
        match root.optional_string("list_language", &mut self.faults) {
            None => Language::Chinese,
            Some(word) => match word.value.as_str() {
                "zh" => Language::Chinese,
                "en" => Language::English,
                other => {
                    let hint = nearest_name_hint(other, ["zh", "en"]);
                    self.fault(&word.at, Text::new("未知的语言", "unknown language"), hint);
                    Language::Chinese
                }
            },
        }
    }

    fn key_file(&mut self, mut key: TableReader<'_>) -> Option<PathBuf> {
        let file = key.string("file", &mut self.faults);
        let algorithm = key.string("algorithm", &mut self.faults);
        key.finish(&mut self.faults);
        if let Some(algorithm) = algorithm
            && algorithm.value != ALGORITHM
        {
            let hint = nearest_name_hint(&algorithm.value, [ALGORITHM]);
            self.fault(
                &algorithm.at,
                Text::new("未知的令牌算法", "unknown token algorithm"),
                hint,
            );
        }
        inside(self.document, &file?, &mut self.faults)
    }

    fn exports(&mut self, root: &mut TableReader<'_>) -> Vec<WrittenExport> {
        let mut exports: Vec<WrittenExport> = Vec::new();
        for mut table in root.tables("export", &mut self.faults) {
            let schema = table.string("schema", &mut self.faults);
            let paths = self.paths(&mut table);
            let snapshot = table.date("snapshot", &mut self.faults);
            let legal_basis = table.string("legal_basis", &mut self.faults);
            let encoding = table.optional_string("encoding", &mut self.faults);
            let sheet = table.optional_string("sheet", &mut self.faults);
            let epoch = self.date_epoch(&mut table);
            let (headers, header_fields) = self.site_headers(&mut table);
            let may_be_empty = table.boolean_or("may_be_empty", false, &mut self.faults);
            table.finish(&mut self.faults);
            let encoding = encoding.map_or(EncodingChoice::Detect, |word| {
                let names = EncodingChoice::NAMES;
                let found = names.iter().find(|(name, _)| *name == word.value);
                if found.is_none() {
                    let hint = nearest_name_hint(&word.value, names.map(|(name, _)| name));
                    self.fault(&word.at, Text::new("未知的编码", "unknown encoding"), hint);
                }
                found.map_or(EncodingChoice::Detect, |(_, choice)| *choice)
            });
            let files: Option<Vec<PlannedFile>> = paths
                .iter()
                .map(|path| {
                    self.data_file(path).map(|full| PlannedFile {
                        path: full,
                        written_path: path.value.clone(),
                    })
                })
                .collect();
            if let (Some(schema), Some(files), Some(snapshot), Some(legal_basis)) =
                (schema, files, snapshot, legal_basis)
            {
                if exports
                    .iter()
                    .any(|other| other.schema.value == schema.value)
                {
                    self.fault(
                        &schema.at,
                        Text::new(
                            format!("“{}”有两份导出", schema.value),
                            format!("there are two exports of `{}`", schema.value),
                        ),
                        Text::new("每个模式只能有一份导出", "each schema has one export"),
                    );
                }
                exports.push(WrittenExport {
                    schema,
                    files,
                    snapshot,
                    legal_basis: legal_basis.value,
                    reading: ReadingChoice {
                        encoding,
                        sheet: sheet.map(|sheet| sheet.value),
                        headers,
                        epoch,
                    },
                    header_fields,
                    may_be_empty,
                });
            }
        }
        exports
    }

    /// `date_epoch = 1904`: serial numbers of dates count from then.
    fn date_epoch(&mut self, table: &mut TableReader<'_>) -> DateEpoch {
        let Some(year) = table.optional_integer("date_epoch", &mut self.faults) else {
            return DateEpoch::Year1900;
        };
        let known = DateEpoch::YEARS.into_iter();
        let epoch = known.into_iter().find(|(known, _)| *known == year.value);
        if epoch.is_none() {
            self.fault(
                &year.at,
                Text::new("未知的日期起算年", "unknown epoch of dates"),
                Text::new("只能是1900或1904", "it is 1900 or 1904"),
            );
        }
        epoch.map_or(DateEpoch::Year1900, |(_, epoch)| epoch)
    }

    /// `path = "a.csv"`, or `path = ["north.csv", "south.csv"]`.
    fn paths(&mut self, table: &mut TableReader<'_>) -> Vec<Located<String>> {
        let several = matches!(
            table.node("path").map(|node| &node.value),
            Some(Node::Array(items)) if !items.is_empty()
        );
        if several {
            table.strings("path", &mut self.faults)
        } else {
            table.string("path", &mut self.faults).into_iter().collect()
        }
    }

    /// `headers = { "本地表头" = "field" }`: a site's own headers.
    fn site_headers(
        &mut self,
        table: &mut TableReader<'_>,
    ) -> (Vec<(String, String)>, Vec<Located<String>>) {
        let mut headers = Vec::new();
        let mut fields = Vec::new();
        if let Some(mut table) = table.optional_table("headers", &mut self.faults) {
            for (header, node) in table.all() {
                match &node.value {
                    Node::String(field) => {
                        headers.push((header.value.clone(), field.clone()));
                        fields.push(Located {
                            value: field.clone(),
                            at: node.at.clone(),
                        });
                    }
                    _ => self.fault(
                        &node.at,
                        Text::new("此处应为字段名", "the name of a field is wanted here"),
                        Text::new("请加引号", "put it in quotes"),
                    ),
                }
            }
        }
        (headers, fields)
    }

    fn data_file(&mut self, path: &Located<String>) -> Option<PathBuf> {
        let full = inside(self.document, path, &mut self.faults)?;
        if !full.is_file() {
            self.fault(
                &path.at,
                Text::new(
                    format!("找不到导出文件“{}”", path.value),
                    format!("there is no export file `{}`", path.value),
                ),
                Text::new(
                    "请检查文件名；若该机构未报送，请删去此项",
                    "check the name; if the agency sent none, remove this entry",
                ),
            );
            return None;
        }
        Some(full)
    }

    fn check_dates(
        &mut self,
        as_of: Option<&Located<Date>>,
        issued_on: Option<&Located<Date>>,
        assessment_until: Option<&Located<Date>>,
        retention_until: Option<&Located<Date>>,
    ) {
        let Some(issued_on) = issued_on else { return };
        if let Some(as_of) = as_of
            && issued_on.value < as_of.value
        {
            self.fault(
                &issued_on.at,
                Text::new("签发日期早于基准日", "`issued_on` is before `as_of`"),
                Text::new("请更正日期", "correct the dates"),
            );
        }
        if let Some(until) = assessment_until
            && until.value < issued_on.value
        {
            self.fault(
                &until.at,
                Text::new(
                    "影响评估已过期（个人信息保护法第五十五条）",
                    "the impact assessment has expired (Personal Information Protection Law, 55)",
                ),
                Text::new("请先更新评估", "renew the assessment first"),
            );
        }
        if let Some(until) = retention_until
            && until.value < issued_on.value
        {
            self.fault(
                &until.at,
                Text::new(
                    "保存期限早于签发日期",
                    "`retention_until` is before the leads are issued",
                ),
                Text::new("请更正日期", "correct the date"),
            );
        }
    }

    fn planned(
        &mut self,
        exports: Vec<WrittenExport>,
        schemas: Option<&Schemas>,
        policy: Option<&Policy>,
        as_of: Option<&Located<Date>>,
    ) -> (Option<PlannedExport>, Vec<PlannedExport>) {
        let mut cases = None;
        let mut registers = Vec::new();
        let has_cases = exports
            .iter()
            .any(|export| export.schema.value == CASE_EXPORT);
        if !has_cases {
            self.faults.push(Fault::of_file(
                self.document.path(),
                Text::new(
                    "没有可用的案件当事人导出",
                    "there is no usable export of case parties",
                ),
                Text::new(
                    format!("请添加 [[export]] schema = \"{CASE_EXPORT}\""),
                    format!("add an [[export]] with schema = \"{CASE_EXPORT}\""),
                ),
            ));
        }
        let Some(schemas) = schemas else {
            return (cases, registers);
        };
        for export in exports {
            let Some(schema) = schemas.get(&export.schema.value) else {
                if schemas.is_faulty(&export.schema.value) {
                    continue;
                }
                let known = schemas.0.keys().map(String::as_str);
                let hint = nearest_name_hint(&export.schema.value, known);
                self.fault(
                    &export.schema.at,
                    Text::new("未知的导出模式", "unknown export schema"),
                    hint,
                );
                continue;
            };
            if let Some(policy) = policy
                && policy.outcome_rules(&schema.name).next().is_none()
            {
                self.fault(
                    &export.schema.at,
                    Text::new(
                        format!("没有规则需要“{}”，不应读取", schema.name),
                        format!("no rule needs `{}`; it must not be read", schema.name),
                    ),
                    Text::new(
                        "请从轮次中删去（个人信息保护法第六条）",
                        "remove it from the round (Personal Information Protection Law, 6)",
                    ),
                );
            }
            if let Some(as_of) = as_of
                && export.snapshot.value > as_of.value
            {
                self.fault(
                    &export.snapshot.at,
                    Text::new(
                        "数据提取日晚于基准日",
                        "the snapshot is after the as-of date",
                    ),
                    Text::new(
                        "请更正基准日或提取日：基准日之后的记录无法判断",
                        "correct the as-of date or the snapshot: records after the as-of date cannot be judged",
                    ),
                );
            }
            for field in &export.header_fields {
                if schema.field(&field.value).is_none() {
                    let known = schema.fields.iter().map(|field| field.name.as_str());
                    let hint = nearest_name_hint(&field.value, known);
                    self.fault(
                        &field.at,
                        Text::new(
                            format!("模式 {} 没有字段“{}”", schema.name, field.value),
                            format!("the schema {} has no field `{}`", schema.name, field.value),
                        ),
                        hint,
                    );
                }
            }
            let planned = PlannedExport {
                schema: schema.clone(),
                files: export.files,
                snapshot: export.snapshot.value,
                legal_basis: export.legal_basis,
                reading: export.reading,
                may_be_empty: export.may_be_empty,
            };
            if planned.schema.name == CASE_EXPORT {
                cases = Some(planned);
            } else {
                registers.push(planned);
            }
        }
        (cases, registers)
    }
}
