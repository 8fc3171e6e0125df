//! Export schemas: Frictionless Table Schemas with one additional key.
//!
//! An agency can check its own export with the standard `frictionless` tool.
//! The additional key `aidlink` holds the properties that the standard lacks:
//! the role of a field, header aliases, maps from raw values to codes, labels.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value as Json};

use crate::value::FieldType;
use aidlink_contract::token_table::CASE_EXPORT;
use aidlink_faults::configuration::LARGEST_CONFIGURATION;
use aidlink_faults::fault::{Fault, FaultCollector, Faults, Place, nearest_name_hint};
use aidlink_faults::text::Text;
use aidlink_faults::uniform_text::{uniform, uniform_header, uniform_label};
use aidlink_files::document::from_json;
use aidlink_files::regular_file;

/// The purpose of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The ID number: read, normalised, turned into a token, never kept.
    NationalId,
    /// Data of the procuratorate that its match lists show.
    List,
    /// A birth date, read only to detect an ID number that belongs to somebody
    /// else (a guardian's number in a child's row).
    BirthDate,
    /// An attribute that rules may read at the office that holds the row.
    Attribute,
}

/// What a disability certificate's number states after the ID number (GB/T 26341).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificatePart {
    /// The class of disability, 1 to 7: the 19th digit.
    Class,
    /// Its grade, 1 (most severe) to 4: the 20th digit.
    Grade,
}

impl CertificatePart {
    /// The names in schemas.
    const NAMES: [(&'static str, CertificatePart); 2] = [
        ("class", CertificatePart::Class),
        ("grade", CertificatePart::Grade),
    ];
}

/// The limits that a schema sets to a number, as `minimum` and `maximum`. Both belong to
/// the range.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ValueRange {
    minimum: Option<f64>,
    maximum: Option<f64>,
}

impl ValueRange {
    /// Returns whether a number is within the limits.
    pub fn contains(&self, number: f64) -> bool {
        self.minimum.is_none_or(|minimum| number >= minimum)
            && self.maximum.is_none_or(|maximum| number <= maximum)
    }
}

/// Where a field's value comes from if a row does not state it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DerivedFrom {
    /// The other field.
    pub field: String,
    /// The field's code for each code of the other field that decides it. A code that is
    /// not here says nothing about the field.
    pub codes: BTreeMap<String, String>,
}

/// Words that offices write before or after a label without changing its meaning, such
/// as `涉嫌故意伤害罪` for `故意伤害`. A label is read with or without one of each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Affixes {
    /// Words before a label.
    pub before: Vec<String>,
    /// Words after a label.
    pub after: Vec<String>,
}

impl Affixes {
    /// Returns a label with and without the words.
    fn forms_of<'a>(&'a self, label: &'a str) -> impl Iterator<Item = String> + 'a {
        let with_none = |words: &'a [String]| {
            let words = words.iter().map(String::as_str);
            std::iter::once("").chain(words)
        };
        with_none(&self.before).flat_map(move |before| {
            with_none(&self.after).map(move |after| format!("{before}{label}{after}"))
        })
    }
}

/// One field of an export.
#[derive(Clone, Debug)]
pub struct Field {
    /// The canonical header.
    pub name: String,
    /// The title in both languages.
    pub title: Text,
    /// Its type.
    pub field_type: FieldType,
    /// Its role.
    pub role: Role,
    /// The column must be in the export.
    pub required: bool,
    /// Other headers of the field in real exports, besides name and title.
    pub aliases: Vec<String>,
    /// Headers of columns that contain the field's values too, such as the number of a
    /// certificate that contains the ID number. Such a column is used only if no other
    /// has the field.
    pub fallback_aliases: Vec<String>,
    /// The smallest and the largest value of a number, if the schema limits them.
    pub range: ValueRange,
    /// The canonical codes, if the field has a code list.
    pub codes: Option<BTreeSet<String>>,
    /// Map from raw value, as [`uniform_label`] gives it, to canonical code.
    pub raw_codes: BTreeMap<String, String>,
    /// The same with raw values as the schema writes them.
    pub written_codes: BTreeMap<String, String>,
    /// Map from canonical code to label.
    pub labels: BTreeMap<String, Text>,
    /// Words that a cell may hold beside a label and that do not change its code,
    /// such as the grade in `残疾退役军人/七级/因战`, as [`uniform_label`] gives them.
    pub qualifiers: BTreeSet<String>,
    /// A cell may hold several values: a person may have two disabilities.
    pub several: bool,
    /// The procuratorate's reviewers see the cell, beside the list fields, to find and judge
    /// the person.
    pub for_reviewers: bool,
    /// The part of a disability certificate's number that is the value where the
    /// export has none.
    pub certificate_part: Option<CertificatePart>,
    /// The field that gives the value where the export has none.
    pub derived_from: Option<DerivedFrom>,
    /// Words before and after labels that do not change their code.
    pub affixes: Affixes,
    /// Endings of titles of cases, such as `某某诈骗案`, that offices write in this field.
    pub case_title_endings: Vec<String>,
    /// Raw values that mean an empty cell in this field, besides those of the schema,
    /// as [`uniform_label`] gives them.
    pub missing_values: BTreeSet<String>,
    /// Raw values that mean true (Boolean fields), in uniform text.
    pub true_values: Vec<String>,
    /// Raw values that mean false (Boolean fields), in uniform text.
    pub false_values: Vec<String>,
}

impl Field {
    /// Returns whether its cells hold labels: codes, yes and no, or other words that
    /// the schema maps.
    pub fn has_labels(&self) -> bool {
        self.codes.is_some() || !self.raw_codes.is_empty() || self.field_type == FieldType::Boolean
    }

    /// Returns the codes that a label may be mapped to.
    pub fn known_codes(&self) -> BTreeSet<&str> {
        match (&self.codes, self.field_type) {
            (_, FieldType::Boolean) => ["true", "false"].into(),
            (Some(codes), _) => codes.iter().map(String::as_str).collect(),
            (None, _) => self.raw_codes.values().map(String::as_str).collect(),
        }
    }

    /// Returns whether an unmapped label may name persons, as the title of a case does: it
    /// contains a label of the schema or has the ending of a title. Only in fields with
    /// such endings.
    pub fn may_name_persons(&self, unmapped: &str) -> bool {
        let mut endings = self.case_title_endings.iter();
        let mut known = self.written_codes.keys().map(|known| uniform_label(known));
        !self.case_title_endings.is_empty()
            && (endings.any(|ending| unmapped.ends_with(ending))
                || known.any(|known| unmapped.contains(&known)))
    }

    /// Maps a label to a code; to an empty text if the label states nothing.
    pub fn add_label(&mut self, label: &str, code: &str) {
        let label = uniform_label(label);
        if code.is_empty() {
            self.raw_codes.remove(&label);
            self.missing_values.insert(label);
        } else {
            self.missing_values.remove(&label);
            self.raw_codes.insert(label, code.to_owned());
        }
    }

    /// Returns whether the field tells one person from another: the ID number, the birth
    /// date or the name. Its value in one row says nothing about the person of another row.
    pub fn tells_persons_apart(&self) -> bool {
        const NAME: &str = "name";
        matches!(self.role, Role::NationalId | Role::BirthDate) || self.name == NAME
    }
}

/// The schema of one agency's export.
#[derive(Clone, Debug)]
pub struct ExportSchema {
    /// The name, `civil-affairs.assistance`: agency, dot, export.
    pub name: String,
    /// The agency's id, `civil-affairs`.
    pub agency: String,
    /// Title in both languages.
    pub title: Text,
    /// The fields in the schema's order.
    pub fields: Vec<Field>,
    /// Raw values that mean an empty cell, in uniform text.
    pub missing_values: Vec<String>,
    /// BLAKE3 digest of the schema file, hexadecimal.
    pub digest: String,
    /// The path of the schema file.
    pub file: PathBuf,
}

impl ExportSchema {
    /// Returns whether a label already has a meaning in a field: a code, yes or no, or
    /// an empty cell.
    pub fn knows_label(&self, field: &Field, label: &str) -> bool {
        let label = uniform_label(label);
        let words = [
            &field.true_values,
            &field.false_values,
            &self.missing_values,
        ];
        let is_code = |codes: &BTreeSet<String>| codes.contains(&label);
        label.is_empty()
            || field.raw_codes.contains_key(&label)
            || field.missing_values.contains(&label)
            || field.codes.as_ref().is_some_and(is_code)
            || words
                .into_iter()
                .flatten()
                .any(|word| uniform_label(word) == label)
    }

    /// Reads one schema file.
    ///
    /// # Errors
    /// Every fault of the file at once, each with its JSON pointer.
    pub fn read(path: &Path) -> Result<Self, Faults> {
        let bytes = regular_file::read(path, LARGEST_CONFIGURATION)?;
        Self::parse(path, &bytes)
    }

    /// Parses the bytes of a schema file.
    ///
    /// # Errors
    /// As [`ExportSchema::read`].
    pub fn parse(path: &Path, bytes: &[u8]) -> Result<Self, Faults> {
        let json: Json = from_json(bytes).map_err(|error| {
            let message = match error.is_data() {
                true => Text::new("同一个键写了两次", "a key is there twice"),
                false => Text::new("JSON 语法错误", "JSON syntax error"),
            };
            Fault::of_file(path, message, Text::new("请更正此处", "correct it here")).at(
                Place::LineColumn {
                    line: error.line(),
                    column: error.column(),
                },
            )
        })?;
        let mut reader = SchemaReader {
            path,
            faults: FaultCollector::new(),
        };
        let schema = reader.schema(&json, blake3::hash(bytes).to_hex().to_string());
        reader.faults.or_value(schema)
    }

    /// Returns the fields of which a field gives the value where a row does not state it.
    pub fn derived_from<'s>(&'s self, source: &'s str) -> impl Iterator<Item = &'s Field> {
        let is_source = move |from: &DerivedFrom| from.field == source;
        let fields = self.fields.iter();
        fields.filter(move |field| field.derived_from.as_ref().is_some_and(is_source))
    }

    /// Returns whether all these names are of fields, each once.
    pub fn has_fields(&self, names: &[String]) -> bool {
        let mut seen = BTreeSet::new();
        names
            .iter()
            .all(|name| self.field(name).is_some() && seen.insert(name))
    }

    /// Returns the field with this canonical name.
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// Returns the field that holds the ID number.
    pub fn national_id(&self) -> Option<&Field> {
        self.fields
            .iter()
            .find(|field| field.role == Role::NationalId)
    }

    /// Returns the fields that the match lists show.
    pub fn list_fields(&self) -> impl Iterator<Item = &Field> {
        self.fields.iter().filter(|field| field.role == Role::List)
    }

    /// Iterates over the fields that reviewers see beside the list fields, in the schema's
    /// order.
    pub fn reviewer_fields(&self) -> impl Iterator<Item = &Field> {
        self.fields.iter().filter(|field| field.for_reviewers)
    }
}

/// The schemas of a folder by name, and the file names (without extension) of
/// faulty schema files.
#[derive(Clone, Debug, Default)]
pub struct Schemas(pub BTreeMap<String, ExportSchema>, BTreeSet<String>);

impl Schemas {
    /// Returns these schemas.
    pub fn of(schemas: Vec<ExportSchema>) -> Self {
        let named = schemas
            .into_iter()
            .map(|schema| (schema.name.clone(), schema));
        Schemas(named.collect(), BTreeSet::new())
    }

    /// Reads every `*.json` of a folder.
    ///
    /// # Errors
    /// The faults of all files at once.
    pub fn read(folder: &Path) -> Result<Self, Faults> {
        let (schemas, faults) = Self::read_valid(folder);
        faults.or_value(Some(schemas))
    }

    /// Reads every `*.json` of a folder; returns the valid schemas and the
    /// faults of the others. Records the file names of faulty schemas, so that
    /// references to them are not reported as further faults.
    pub fn read_valid(folder: &Path) -> (Self, FaultCollector) {
        let mut faults = FaultCollector::new();
        let entries = match std::fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) => {
                faults.push(Fault::unreadable(folder, &error));
                return (Schemas::default(), faults);
            }
        };
        let mut paths: Vec<PathBuf> = entries
            .filter_map(Result::ok)
            .map(|entry| entry.path())
            .filter(|path| {
                path.extension()
                    .is_some_and(|extension| extension == "json")
            })
            .collect();
        paths.sort();
        let mut schemas = BTreeMap::new();
        let mut faulty = BTreeSet::new();
        for path in paths {
            match ExportSchema::read(&path) {
                Ok(schema) => {
                    let name = schema.name.clone();
                    if schemas.insert(name.clone(), schema).is_some() {
                        faults.push(Fault::of_file(
                            &path,
                            Text::new(
                                format!("另一个模式文件也名为“{name}”"),
                                format!("another schema file is also named `{name}`"),
                            ),
                            Text::new("请改名或删去其一", "rename or remove one of them"),
                        ));
                    }
                }
                Err(found) => {
                    faults.extend(found);
                    let name = path.file_stem().map(|name| name.to_string_lossy());
                    faulty.extend(name.map(|name| name.into_owned()));
                }
            }
        }
        if schemas.is_empty() && faults.is_empty() {
            faults.push(Fault::of_file(
                folder,
                Text::new("文件夹中没有模式文件", "the folder has no schema files"),
                Text::new("请指定 schemas 文件夹", "name the folder `schemas`"),
            ));
        }
        (Schemas(schemas, faulty), faults)
    }

    /// Returns whether a schema file with this name exists and has faults.
    pub fn is_faulty(&self, name: &str) -> bool {
        self.1.contains(name)
    }

    /// Returns the schema with this name.
    pub fn get(&self, name: &str) -> Option<&ExportSchema> {
        self.0.get(name)
    }
}

struct SchemaReader<'p> {
    path: &'p Path,
    faults: FaultCollector,
}

impl SchemaReader<'_> {
    fn fault(&mut self, pointer: &str, message: Text, hint: Text) {
        self.faults
            .push(Fault::of_file(self.path, message, hint).at(Place::Pointer(pointer.to_owned())));
    }

    fn string(&mut self, object: &Map<String, Json>, key: &str, pointer: &str) -> Option<String> {
        match object.get(key).and_then(Json::as_str) {
            Some(text) if !text.is_empty() => Some(text.to_owned()),
            _ => {
                self.fault(
                    &format!("{pointer}/{key}"),
                    Text::new(format!("缺少“{key}”"), format!("`{key}` is missing")),
                    Text::new("请填写非空字符串", "add it as a string that is not empty"),
                );
                None
            }
        }
    }

    fn strings(&mut self, object: &Map<String, Json>, key: &str, pointer: &str) -> Vec<String> {
        let Some(value) = object.get(key) else {
            return Vec::new();
        };
        let strings: Option<Vec<String>> = value.as_array().and_then(|items| {
            items
                .iter()
                .map(|item| item.as_str().map(str::to_owned))
                .collect()
        });
        strings.unwrap_or_else(|| {
            self.fault(
                &format!("{pointer}/{key}"),
                Text::new(
                    format!("“{key}”应为字符串数组"),
                    format!("`{key}` must be an array of strings"),
                ),
                Text::new("请更正此值", "correct this value"),
            );
            Vec::new()
        })
    }

    /// Reads raw values, with which cells are compared.
    fn uniform_strings(
        &mut self,
        object: &Map<String, Json>,
        key: &str,
        pointer: &str,
    ) -> Vec<String> {
        let values = self.strings(object, key, pointer);
        let values = values.iter().map(|value| uniform(value).into_owned());
        values.collect()
    }

    fn refuse_unknown_keys(&mut self, object: &Map<String, Json>, known: &[&str], pointer: &str) {
        for key in object.keys() {
            if !known.contains(&key.as_str()) {
                self.fault(
                    &format!("{pointer}/{key}"),
                    Text::new(format!("未知的键“{key}”"), format!("unknown key `{key}`")),
                    nearest_name_hint(key, known.iter().copied()),
                );
            }
        }
    }

    fn schema(&mut self, json: &Json, digest: String) -> Option<ExportSchema> {
        let Some(root) = json.as_object() else {
            self.fault(
                "",
                Text::new("模式应为 JSON 对象", "a schema must be a JSON object"),
                Text::new("请参照 schemas 中的例子", "see the examples in `schemas`"),
            );
            return None;
        };
        let name = self.string(root, "name", "");
        let title = self.string(root, "title", "");
        let own = self.own_object(root, "");
        self.refuse_unknown_keys(&own, &["version", "agency", "title_en"], "/aidlink");
        let agency = self.string(&own, "agency", "/aidlink");
        let title_en = self.string(&own, "title_en", "/aidlink");
        if let (Some(name), Some(agency)) = (&name, &agency)
            && name.split('.').next() != Some(agency)
        {
            self.fault(
                "/name",
                Text::new(
                    "模式名称应以机构编号开头",
                    "a schema's name must begin with its agency's id",
                ),
                Text::new(
                    format!("请改名，例如 {agency}.…"),
                    format!("rename it, such as {agency}...."),
                ),
            );
        }
        let missing_values = if root.contains_key("missingValues") {
            self.uniform_strings(root, "missingValues", "")
        } else {
            vec![String::new()]
        };
        let mut fields = Vec::new();
        match root.get("fields").and_then(Json::as_array) {
            Some(items) => {
                for (index, item) in items.iter().enumerate() {
                    fields.extend(self.field(item, &format!("/fields/{index}")));
                }
            }
            None => self.fault(
                "/fields",
                Text::new("缺少“fields”", "`fields` is missing"),
                Text::new("请填写字段的数组", "add it as an array of fields"),
            ),
        }
        self.check_fields(&fields, name.as_deref().unwrap_or_default());
        Some(ExportSchema {
            name: name?,
            agency: agency?,
            title: Text::new(title?, title_en?),
            fields,
            missing_values,
            digest,
            file: self.path.to_path_buf(),
        })
    }

    fn own_object(&mut self, object: &Map<String, Json>, pointer: &str) -> Map<String, Json> {
        match object.get("aidlink") {
            Some(Json::Object(own)) => own.clone(),
            Some(_) => {
                self.fault(
                    &format!("{pointer}/aidlink"),
                    Text::new("“aidlink”应为对象", "`aidlink` must be an object"),
                    Text::new("请更正此值", "correct this value"),
                );
                Map::new()
            }
            None => Map::new(),
        }
    }

    fn field(&mut self, json: &Json, pointer: &str) -> Option<Field> {
        let Some(object) = json.as_object() else {
            self.fault(
                pointer,
                Text::new("字段应为对象", "a field must be an object"),
                Text::new("请更正此值", "correct this value"),
            );
            return None;
        };
        let name = self.string(object, "name", pointer);
        let title = self.string(object, "title", pointer);
        let type_name = self.string(object, "type", pointer);
        let field_type = type_name.as_deref().and_then(FieldType::from_name);
        if let (Some(type_name), None) = (&type_name, field_type) {
            self.fault(
                &format!("{pointer}/type"),
                Text::new(
                    format!("未知的类型“{type_name}”"),
                    format!("unknown type `{type_name}`"),
                ),
                nearest_name_hint(
                    type_name,
                    ["string", "integer", "number", "boolean", "date"],
                ),
            );
        }
        let own = self.own_object(object, pointer);
        let own_pointer = format!("{pointer}/aidlink");
        self.refuse_unknown_keys(
            &own,
            &[
                "title_en",
                "role",
                "aliases",
                "fallback_aliases",
                "codes",
                "labels",
                "several",
                "for_reviewers",
                "qualifiers",
                "certificate_part",
                "derived_from",
                "affixes",
                "case_title_endings",
            ],
            &own_pointer,
        );
        let title_en = self.string(&own, "title_en", &own_pointer);
        let role = match own
            .get("role")
            .map(|role| role.as_str().unwrap_or_default())
        {
            None => Role::Attribute,
            Some("national_id") => Role::NationalId,
            Some("list") => Role::List,
            Some("birth_date") => Role::BirthDate,
            Some(other) => {
                let hint = nearest_name_hint(other, ["national_id", "list", "birth_date"]);
                self.fault(
                    &format!("{own_pointer}/role"),
                    Text::new("未知的角色", "unknown role"),
                    hint,
                );
                Role::Attribute
            }
        };
        let aliases = self.strings(&own, "aliases", &own_pointer);
        let fallback_aliases = self.strings(&own, "fallback_aliases", &own_pointer);
        let written_codes = self.written_codes(&own, &own_pointer);
        let affixes = self.affixes(&own, &own_pointer);
        let raw_codes = self.raw_codes(&written_codes, &affixes, &own_pointer);
        let derived_from = self.derived_from(&own, &own_pointer);
        let case_title_endings = self.strings(&own, "case_title_endings", &own_pointer);
        let qualifiers = self.strings(&own, "qualifiers", &own_pointer);
        let several = self.boolean(&own, "several", &own_pointer);
        let for_reviewers = self.boolean(&own, "for_reviewers", &own_pointer);
        let certificate_part = self.certificate_part(&own, &own_pointer);
        let labels = self.labels(&own, &own_pointer);
        let constraints = object.get("constraints").and_then(Json::as_object);
        let required = constraints
            .and_then(|constraints| constraints.get("required"))
            .and_then(Json::as_bool)
            .unwrap_or(false);
        let codes: Option<BTreeSet<String>> = constraints
            .filter(|constraints| constraints.contains_key("enum"))
            .map(|constraints| {
                self.strings(constraints, "enum", &format!("{pointer}/constraints"))
                    .into_iter()
                    .collect()
            });
        let range = self.range(constraints, field_type, &format!("{pointer}/constraints"));
        if field_type == Some(FieldType::Integer) {
            for code in raw_codes.values() {
                let number = code.parse::<i64>().ok();
                if number.is_none_or(|number| !range.contains(number as f64)) {
                    self.fault(
                        &format!("{own_pointer}/codes"),
                        Text::new(
                            format!("代码“{code}”不是取值范围内的整数"),
                            format!("the code `{code}` is not a whole number in the field's range"),
                        ),
                        Text::new(
                            "请更正代码，或 constraints 中的 minimum、maximum",
                            "correct the code, or `minimum` and `maximum` under `constraints`",
                        ),
                    );
                }
            }
        }
        if let Some(codes) = &codes {
            let written = raw_codes.values().map(|code| ("codes", code));
            let labelled = labels.keys().map(|code| ("labels", code));
            for (key, code) in written.chain(labelled) {
                if !codes.contains(code) {
                    self.fault(
                        &format!("{own_pointer}/{key}"),
                        Text::new(
                            format!("代码“{code}”不在代码表中"),
                            format!("the code `{code}` is not in the code list"),
                        ),
                        nearest_name_hint(code, codes.iter().map(String::as_str)),
                    );
                }
            }
        }
        Some(Field {
            name: name?,
            title: Text::new(title?, title_en?),
            field_type: field_type?,
            role,
            required: required || role == Role::NationalId,
            aliases,
            fallback_aliases,
            range,
            codes,
            raw_codes,
            written_codes,
            labels,
            qualifiers: qualifiers
                .iter()
                .map(|qualifier| uniform_label(qualifier))
                .collect(),
            several,
            for_reviewers,
            certificate_part,
            derived_from,
            affixes,
            case_title_endings,
            missing_values: self
                .strings(object, "missingValues", pointer)
                .iter()
                .map(|value| uniform_label(value))
                .collect(),
            true_values: self.uniform_strings(object, "trueValues", pointer),
            false_values: self.uniform_strings(object, "falseValues", pointer),
        })
    }

    /// Reads `minimum` and `maximum` of a field of numbers. Of other types they are not
    /// used.
    fn range(
        &mut self,
        constraints: Option<&Map<String, Json>>,
        field_type: Option<FieldType>,
        pointer: &str,
    ) -> ValueRange {
        let is_number = matches!(field_type, Some(FieldType::Integer | FieldType::Number));
        let Some(constraints) = constraints.filter(|_| is_number) else {
            return ValueRange::default();
        };
        let mut limit = |key: &str| {
            let value = constraints.get(key)?;
            let number = value.as_f64();
            if number.is_none() {
                self.fault(
                    &format!("{pointer}/{key}"),
                    Text::new(
                        format!("“{key}”应为数值"),
                        format!("`{key}` must be a number"),
                    ),
                    Text::new(
                        "请去掉引号或更正此值",
                        "remove the quotes or correct this value",
                    ),
                );
            }
            number
        };
        let range = ValueRange {
            minimum: limit("minimum"),
            maximum: limit("maximum"),
        };
        if range.minimum > range.maximum && range.maximum.is_some() {
            self.fault(
                &format!("{pointer}/minimum"),
                Text::new(
                    "“minimum”大于“maximum”",
                    "`minimum` is greater than `maximum`",
                ),
                Text::new("请更正其中一个", "correct one of them"),
            );
        }
        range
    }

    fn boolean(&mut self, object: &Map<String, Json>, key: &str, pointer: &str) -> bool {
        let value = object.get(key);
        let truth = value.map_or(Some(false), Json::as_bool);
        truth.unwrap_or_else(|| {
            self.fault(
                &format!("{pointer}/{key}"),
                Text::new(
                    format!("“{key}”应为 true 或 false"),
                    format!("`{key}` must be true or false"),
                ),
                Text::new("请更正此值", "correct this value"),
            );
            false
        })
    }

    fn certificate_part(
        &mut self,
        own: &Map<String, Json>,
        pointer: &str,
    ) -> Option<CertificatePart> {
        let name = own.get("certificate_part")?.as_str().unwrap_or_default();
        let named = CertificatePart::NAMES
            .into_iter()
            .find(|(known, _)| *known == name);
        if named.is_none() {
            let hint = nearest_name_hint(name, CertificatePart::NAMES.map(|(known, _)| known));
            self.fault(
                &format!("{pointer}/certificate_part"),
                Text::new(
                    "未知的残疾人证号组成部分",
                    "unknown part of a certificate number",
                ),
                hint,
            );
        }
        named.map(|(_, part)| part)
    }

    /// Reads `codes`: raw value to code.
    fn written_codes(
        &mut self,
        own: &Map<String, Json>,
        pointer: &str,
    ) -> BTreeMap<String, String> {
        let mut map = BTreeMap::new();
        let pointer = format!("{pointer}/codes");
        match own.get("codes") {
            None => {}
            Some(Json::Object(entries)) => {
                for (raw, code) in entries {
                    // The codes of an integer field are numbers.
                    let code = match code {
                        Json::String(code) => Some(code.clone()),
                        Json::Number(code) => Some(code.to_string()),
                        _ => None,
                    };
                    let Some(code) = code else {
                        self.fault(
                            &pointer,
                            Text::new("代码应为字符串", "a code must be a string"),
                            Text::new("请加引号", "put it in quotes"),
                        );
                        continue;
                    };
                    map.insert(raw.clone(), code);
                }
            }
            Some(_) => self.fault(
                &pointer,
                Text::new("“codes”应为对象", "`codes` must be an object"),
                Text::new("请更正此值", "correct this value"),
            ),
        }
        map
    }

    /// Returns an object of the schema's own key, or nothing if the key is absent or wrong.
    fn object<'j>(
        &mut self,
        own: &'j Map<String, Json>,
        key: &str,
        pointer: &str,
    ) -> Option<&'j Map<String, Json>> {
        let value = own.get(key)?;
        let object = value.as_object();
        if object.is_none() {
            self.fault(
                &format!("{pointer}/{key}"),
                Text::new(
                    format!("“{key}”应为对象"),
                    format!("`{key}` must be an object"),
                ),
                Text::new("请更正此值", "correct this value"),
            );
        }
        object
    }

    fn affixes(&mut self, own: &Map<String, Json>, pointer: &str) -> Affixes {
        let Some(object) = self.object(own, "affixes", pointer) else {
            return Affixes::default();
        };
        let pointer = format!("{pointer}/affixes");
        self.refuse_unknown_keys(object, &["before", "after"], &pointer);
        Affixes {
            before: self.strings(object, "before", &pointer),
            after: self.strings(object, "after", &pointer),
        }
    }

    fn derived_from(&mut self, own: &Map<String, Json>, pointer: &str) -> Option<DerivedFrom> {
        let object = self.object(own, "derived_from", pointer)?;
        let pointer = format!("{pointer}/derived_from");
        self.refuse_unknown_keys(object, &["field", "codes"], &pointer);
        Some(DerivedFrom {
            field: self.string(object, "field", &pointer)?,
            codes: self.written_codes(object, &pointer),
        })
    }

    /// Checks that fields are derived from fields with a code list, and by its codes.
    fn check_derived(&mut self, fields: &[Field]) {
        for (index, field) in fields.iter().enumerate() {
            let Some(from) = &field.derived_from else {
                continue;
            };
            let pointer = format!("/fields/{index}/aidlink/derived_from");
            // A chain of derived fields would need an order.
            let has_codes = |source: &&Field| {
                source.name == from.field && source.codes.is_some() && source.derived_from.is_none()
            };
            let Some(source) = fields.iter().find(has_codes) else {
                self.fault(
                    &format!("{pointer}/field"),
                    Text::new(
                        format!("“{}”不是有代码表的字段，或其本身由其他字段推定", from.field),
                        format!(
                            "`{}` is not a field with a code list, or is derived itself",
                            from.field
                        ),
                    ),
                    nearest_name_hint(&from.field, fields.iter().map(|field| field.name.as_str())),
                );
                continue;
            };
            let known = (source.known_codes(), field.known_codes());
            for (code, own) in &from.codes {
                for (code, known) in [(code, &known.0), (own, &known.1)] {
                    if !known.contains(code.as_str()) {
                        self.fault(
                            &format!("{pointer}/codes"),
                            Text::new(
                                format!("代码“{code}”不在代码表中"),
                                format!("the code `{code}` is not in the code list"),
                            ),
                            nearest_name_hint(code, known.iter().copied()),
                        );
                    }
                }
            }
        }
    }

    /// Returns the codes by the uniform text of their raw values, with and without affixes.
    fn raw_codes(
        &mut self,
        written: &BTreeMap<String, String>,
        affixes: &Affixes,
        pointer: &str,
    ) -> BTreeMap<String, String> {
        let mut codes: BTreeMap<String, String> = BTreeMap::new();
        let labels = written.iter().flat_map(|(raw, code)| {
            let forms = affixes.forms_of(raw);
            forms.map(move |form| (form, code))
        });
        for (raw, code) in labels {
            let other = codes.insert(uniform_label(&raw), code.clone());
            if other.is_some_and(|other| other != *code) {
                self.fault(
                    &format!("{pointer}/codes"),
                    Text::new(
                        format!("标签“{raw}”对应两个代码"),
                        format!("the label `{raw}` has two codes"),
                    ),
                    Text::new("请删去其中一个", "remove one of them"),
                );
            }
        }
        codes
    }

    fn labels(&mut self, own: &Map<String, Json>, pointer: &str) -> BTreeMap<String, Text> {
        let mut labels = BTreeMap::new();
        let Some(entries) = own.get("labels").and_then(Json::as_object) else {
            return labels;
        };
        for (code, label) in entries {
            let part = |key| label.get(key).and_then(Json::as_str);
            match (part("zh"), part("en")) {
                (Some(zh), Some(en)) => {
                    labels.insert(code.clone(), Text::new(zh, en));
                }
                _ => self.fault(
                    &format!("{pointer}/labels/{code}"),
                    Text::new("标签应有 zh 和 en", "a label must have `zh` and `en`"),
                    Text::new("请补全标签", "complete the label"),
                ),
            }
        }
        labels
    }

    fn check_fields(&mut self, fields: &[Field], schema: &str) {
        self.check_derived(fields);
        let ids = fields
            .iter()
            .filter(|field| field.role == Role::NationalId)
            .count();
        if ids != 1 {
            self.fault(
                "/fields",
                Text::new(
                    format!("应恰有一个字段的角色为 national_id，现有{ids}个"),
                    format!("exactly one field must have the role national_id, not {ids}"),
                ),
                Text::new("请更正字段的角色", "correct the fields' roles"),
            );
        }
        let derived = [
            crate::rule_language::DERIVED_AGE,
            crate::rule_language::DERIVED_MINOR,
            crate::rule_language::DERIVED_SEX,
            crate::rule_language::DERIVED_AS_OF,
        ];
        let mut seen: BTreeMap<String, &str> = BTreeMap::new();
        for (index, field) in fields.iter().enumerate() {
            let before = fields.get(..index).unwrap_or_default();
            let repeated = before.iter().any(|other| other.name == field.name);
            if repeated || derived.contains(&field.name.as_str()) {
                self.fault(
                    &format!("/fields/{index}/name"),
                    Text::new(
                        format!("字段名“{}”重复或为保留名", field.name),
                        format!("the field name `{}` is repeated or reserved", field.name),
                    ),
                    Text::new("请改名", "choose another name"),
                );
            }
            if field.role == Role::List && !schema.starts_with("procuratorate.") {
                self.fault(
                    "/fields",
                    Text::new(
                        format!("字段“{}”不属于检察机关的导出，不能列入匹配清单", field.name),
                        format!(
                            "the field `{}` is not in an export of the procuratorate and cannot be shown on match lists",
                            field.name
                        ),
                    ),
                    Text::new("请去掉角色 list", "remove the role `list`"),
                );
            }
            let is_attribute = field.role == Role::Attribute;
            let may_show = is_attribute && schema == CASE_EXPORT;
            if field.for_reviewers && !may_show {
                self.fault(
                    "/fields",
                    Text::new(
                        format!(
                            "字段“{}”有角色，或不属于案件当事人的导出，不能供核查人查看",
                            field.name
                        ),
                        format!(
                            "the field `{}` has a role or is not in the export of case parties, and cannot be shown to reviewers",
                            field.name
                        ),
                    ),
                    Text::new("请去掉 for_reviewers", "remove `for_reviewers`"),
                );
            }
            let headers = [&field.name, &field.title.zh]
                .into_iter()
                .chain(&field.aliases)
                .chain(&field.fallback_aliases);
            for header in headers {
                if let Some(other) = seen.insert(uniform_header(header), &field.name)
                    && other != field.name
                {
                    self.fault(
                        "/fields",
                        Text::new(
                            format!("表头“{header}”同属字段“{other}”和“{}”", field.name),
                            format!(
                                "the header `{header}` belongs to both `{other}` and `{}`",
                                field.name
                            ),
                        ),
                        Text::new("请从其中一个删去", "remove it from one of them"),
                    );
                }
            }
        }
    }
}
