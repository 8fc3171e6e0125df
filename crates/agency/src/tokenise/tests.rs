//! Tests that tokenise and inspect exports with known rows in every possible way.

mod alike;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use aidlink_contract::outcome::Outcome;
use aidlink_contract::token::{Token, TokenAlgorithm};
use aidlink_contract::token_file::TokenFileWriter;
use aidlink_contract::token_table::{Origin, RegisterTable};
use aidlink_office::output_folder::OutputFolder;
use aidlink_policy::pack::{CASE_EXPORT, Policy};
use aidlink_policy::schema::{ExportSchema, Schemas};
use jiff::civil::{Date, date};

use super::{Report, Tokenising, tokenise_register, tokenise_whole_register};
use crate::case_parties::CaseParties;
use crate::cell::ValueFault;
use crate::identify::IdentifyFindings;
use crate::identity_check::IdentityCheck;
use crate::inspect::inspect;
use crate::key::RoundKey;
use crate::national_id::{IdWarning, NationalId, check_digit};
use crate::reject::Reject;
use crate::rejects_file::{ExportRejects, RejectsFiles};
use crate::scan::Export;
use crate::scan::pass::{Pass, Place, RowFault, RowView, Tally};
use crate::tokeniser::{Scratch, Tokeniser};
use aidlink_policy::reading::{PlannedExport, PlannedFile, ReadingChoice};

const AS_OF: Date = date(2026, 9, 30);

/// The plain pass, and the fast pass with blocks of one row, a few rows and all rows.
const PASSES: [Pass; 4] = [
    Pass::Plain,
    Pass::Fast { block_bytes: 1 },
    Pass::Fast { block_bytes: 200 },
    Pass::DEFAULT,
];

/// The number of rows of a file without a warning, with each warning in the order of
/// [`IdWarning::ALL`], and of rejects.
#[derive(Clone, Copy)]
struct Contents {
    plain: u64,
    warned: [u64; 4],
    rejects: u64,
}

/// The files of one export. The second has none of the first one's warnings, and the
/// third has none at all.
const FILES: [Contents; 4] = [
    Contents {
        plain: 5,
        warned: [3, 21, 0, 4],
        rejects: 2,
    },
    Contents {
        plain: 11,
        warned: [0, 0, 7, 0],
        rejects: 1,
    },
    Contents {
        plain: 2,
        warned: [0, 0, 0, 0],
        rejects: 3,
    },
    Contents {
        plain: 0,
        warned: [6, 1, 2, 9],
        rejects: 0,
    },
];

/// Returns numbers with this warning, or without one. Nobody has these numbers,
/// because sequence 000 and region 449901 are never used.
fn numbers(warning: Option<IdWarning>) -> Vec<String> {
    let days =
        (1..=12).flat_map(|month| (1..=28).map(move |day| format!("1990{month:02}{day:02}")));
    let body = |day: String| match warning {
        // Wujiang, Shaoguan.
        None => format!("440203{day}000"),
        // Beijiang, Shaoguan, abolished in 2004.
        Some(IdWarning::OldRegion) => format!("440202{day}000"),
        Some(IdWarning::UnknownRegion) => format!("449901{day}123"),
        Some(IdWarning::TrailingZeros) => format!("449901{day}100"),
        Some(IdWarning::ForeignCheckDigit) => format!("USA4401{}", &day[2..]),
    };
    let whole = |body: String| match warning {
        Some(IdWarning::ForeignCheckDigit) => format!("{body}10"),
        _ => format!("{body}{}", check_digit(body.as_bytes()) as char),
    };
    let gives = |number: &String| {
        NationalId::parse(number, AS_OF).is_ok_and(|checked| checked.warning == warning)
    };
    days.map(body).map(whole).filter(gives).collect()
}

/// Writes a file with these rows, each kind spread over the whole file.
fn file(folder: &Path, name: usize, contents: Contents) -> PathBuf {
    let mut rows: Vec<(u64, String)> = Vec::new();
    let mut add = |count: u64, warning: Option<IdWarning>| {
        let numbers = numbers(warning);
        assert!(numbers.len() as u64 >= count, "{warning:?}");
        for (row, number) in (0..count).zip(numbers) {
            // Every third number is quoted, which the fast pass handles separately.
            let cell = if row % 3 == 2 {
                format!("\"{number}\"")
            } else {
                number
            };
            rows.push((row * 1000 / count, cell));
        }
    };
    add(contents.plain, None);
    for (warning, count) in IdWarning::ALL.into_iter().zip(contents.warned) {
        add(count, Some(warning));
    }
    for row in 0..contents.rejects {
        rows.push((row * 1000 / contents.rejects, "不详".to_owned()));
    }
    rows.sort();
    let mut text = "优抚对象登记表\nnational_id,kind\n".to_owned();
    for (_, cell) in rows {
        let _ = writeln!(text, "{cell},veteran");
    }
    let path = folder.join(format!("{name}.csv"));
    std::fs::write(&path, text).expect("the temporary folder is writable");
    path
}

fn name_of(path: &Path) -> String {
    let name = path.file_name().expect("a file of the test");
    name.to_string_lossy().into_owned()
}

struct Fixture {
    folder: tempfile::TempDir,
    schema: ExportSchema,
    policy: Policy,
    tokeniser: Tokeniser,
    paths: Vec<PathBuf>,
}

fn fixture() -> Fixture {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let schemas = Schemas::read(&project.join("schemas")).expect("the shipped schemas");
    let policy = Policy::read(&project.join("policies/shaoguan.toml"), &schemas);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let Ok(key) = RoundKey::create(&folder.path().join("key"), "round", "purpose") else {
        panic!("cannot create the key")
    };
    let files = FILES.into_iter().enumerate();
    let paths = files.map(|(name, contents)| file(folder.path(), name, contents));
    Fixture {
        schema: schemas.get("veterans.persons").expect("shipped").clone(),
        policy: policy.expect("the shipped policy"),
        tokeniser: Tokeniser::new(&key.person_subkey(TokenAlgorithm::HmacSha256)),
        paths: paths.collect(),
        folder,
    }
}

impl Fixture {
    fn exports(&self) -> Vec<Export> {
        let open = |(index, path): (usize, &PathBuf)| {
            Export::open(path, index, &self.schema, &ReadingChoice::default())
                .expect("the header is valid")
        };
        self.paths.iter().enumerate().flat_map(open).collect()
    }

    fn planned(&self) -> PlannedExport {
        let file = |path: &PathBuf| PlannedFile {
            path: path.clone(),
            written_path: name_of(path),
            reading: ReadingChoice::default(),
        };
        PlannedExport {
            reading_digest: None,
            register: None,
            schema: self.schema.clone(),
            files: self.paths.iter().map(file).collect(),
            snapshot: AS_OF,
            legal_basis: "synthetic".to_owned(),
            may_be_empty: false,
        }
    }

    fn tokenising<'a>(&'a self, pass: Pass, probe: Option<&'a CaseParties>) -> Tokenising<'a> {
        Tokenising {
            register: None,
            rejects: None,
            schema: &self.schema,
            policy: &self.policy,
            as_of: AS_OF,
            tokeniser: &self.tokeniser,
            probe,
            pass,
            progress: &|_| {},
        }
    }

    /// Passes a rejects file to `tokenise`. Returns its result, and the file name and line
    /// number of each reject in the file.
    fn with_rejects<T>(
        &self,
        tokenise: impl FnOnce(ExportRejects<'_>) -> T,
    ) -> (T, Vec<(String, u64)>) {
        let place = tempfile::tempdir().expect("a temporary folder");
        let output = place.path().join("output");
        let mut folder = OutputFolder::begin(&output).expect("a fresh folder");
        let planned = self.planned();
        let rejects = RejectsFiles::begin(&folder, [&planned]).expect("writable");
        let result = tokenise(rejects.of_export(&planned).expect("just created"));
        rejects.finish(&mut folder).expect("writable");
        folder.complete().expect("writable");
        let bytes = std::fs::read(output.join("rejects/veterans.csv")).expect("written");
        let mut rows = csv::Reader::from_reader(&bytes[3..]);
        let place = |row: Result<csv::StringRecord, csv::Error>| {
            let row = row.expect("a row of the rejects file");
            (row[1].to_owned(), row[3].parse().expect("a line number"))
        };
        (result, rows.records().map(place).collect())
    }

    fn register(
        &self,
        pass: Pass,
        probe: Option<&CaseParties>,
        rejects: Option<ExportRejects<'_>>,
    ) -> (BTreeSet<Token>, Report) {
        let (table, report) = self.table(pass, probe, rejects);
        (table.tokens().iter().copied().collect(), report)
    }

    fn table(
        &self,
        pass: Pass,
        probe: Option<&CaseParties>,
        rejects: Option<ExportRejects<'_>>,
    ) -> (RegisterTable, Report) {
        let origin = Origin {
            round: "round".to_owned(),
            as_of: AS_OF,
            policy_digest: self.policy.digest.clone(),
            key_id: "key".to_owned(),
            algorithm: TokenAlgorithm::HmacSha256,
            export: self.schema.name.clone(),
            snapshot: AS_OF,
        };
        let tokenising = Tokenising {
            rejects,
            ..self.tokenising(pass, probe)
        };
        let Ok((table, report)) = tokenise_register(&self.exports(), &tokenising, origin) else {
            panic!("cannot tokenise the register")
        };
        (table, report)
    }

    fn whole_register(&self, pass: Pass, rejects: Option<ExportRejects<'_>>) -> (u64, Report) {
        let rules = self.policy.outcome_rules(&self.schema.name);
        let rules: Vec<&str> = rules.map(|rule| rule.id.as_str()).collect();
        let writer = TokenFileWriter::begin(Vec::new(), &rules).expect("memory can be written");
        let tokenising = Tokenising {
            rejects,
            ..self.tokenising(pass, None)
        };
        let exports = self.exports();
        let whole = tokenise_whole_register(&exports, &tokenising, writer, self.folder.path(), 1);
        let Ok(whole) = whole else {
            panic!("cannot tokenise the register")
        };
        (whole.persons, whole.report)
    }
}

/// Returns the number of rows with each warning that occurs, by its code.
fn expected<'c>(files: impl IntoIterator<Item = &'c Contents>) -> BTreeMap<&'static str, u64> {
    let mut warnings = BTreeMap::new();
    for contents in files {
        for (warning, count) in IdWarning::ALL.into_iter().zip(contents.warned) {
            if count > 0 {
                *warnings.entry(warning.code()).or_default() += count;
            }
        }
    }
    warnings
}

#[test]
fn every_warning_is_counted_once_for_all_files_blocks_and_passes() {
    let fixture = fixture();
    let warnings = expected(&FILES);
    assert_eq!(warnings.len(), IdWarning::ALL.len());
    let rejects: Vec<u64> = FILES.iter().map(|contents| contents.rejects).collect();
    let no_case_parties = CaseParties::default();
    for pass in PASSES {
        let register =
            |probe| fixture.with_rejects(|rejects| fixture.register(pass, probe, Some(rejects)).1);
        let probed = register(Some(&no_case_parties));
        let evaluated = register(None);
        let whole = fixture.with_rejects(|rejects| fixture.whole_register(pass, Some(rejects)).1);
        for (way, (report, places)) in [
            ("probed", probed),
            ("evaluated", evaluated),
            ("whole", whole),
        ] {
            assert_eq!(report.id_warnings, warnings, "{way}, {pass:?}");
            assert!(report.account.adds_up(), "{way}, {pass:?}");
            let rejects_of = |path: &PathBuf| {
                let of_file = places.iter().filter(|(file, _)| *file == name_of(path));
                of_file.count() as u64
            };
            let counted: Vec<u64> = fixture.paths.iter().map(rejects_of).collect();
            assert_eq!(counted, rejects, "{way}, {pass:?}");
            let total: u64 = report.rejected_by_reason.values().sum();
            assert_eq!(total, rejects.iter().sum::<u64>(), "{way}, {pass:?}");
        }
    }
}

#[test]
fn an_export_without_unusual_numbers_has_no_warnings() {
    let mut fixture = fixture();
    // The third file has no warnings.
    fixture.paths.retain(|path| path.ends_with("2.csv"));
    for pass in PASSES {
        let registered = fixture.register(pass, None, None).1;
        assert_eq!(registered.id_warnings, BTreeMap::new());
        let whole = fixture.whole_register(pass, None).1;
        assert_eq!(whole.id_warnings, BTreeMap::new());
    }
}

#[test]
fn inspection_counts_the_same_warnings() {
    let fixture = fixture();
    for (export, contents) in fixture.exports().iter().zip(&FILES) {
        let inspection = inspect(export, AS_OF, &|_| {}).expect("the file can be read");
        let warnings = inspection.id_warnings.iter();
        let warnings: BTreeMap<_, _> = warnings
            .map(|(warning, rows)| (warning.code(), rows.count))
            .collect();
        assert_eq!(warnings, expected([contents]));
    }
}

/// Identifies rows without a key.
#[derive(Default)]
struct Identified {
    findings: IdentifyFindings,
    rejects: Vec<Reject>,
    ids: Vec<NationalId>,
}

impl Tally<IdentityCheck> for Identified {
    fn row(&mut self, check: &IdentityCheck, place: Place, row: Result<RowView<'_>, RowFault>) {
        let row = self.findings.identify(check, place, row);
        self.ids.extend(row.map(|row| row.into_owned().id));
    }

    fn append(&mut self, _: &IdentityCheck, next: Self, records: u64, lines: u64) {
        let rejects = self.findings.append(next.findings, records, lines);
        self.rejects.extend(rejects);
        self.ids.extend(next.ids);
    }
}

/// Identifies all rows first and makes the tokens after the rows are gone, as an
/// external token service would.
#[test]
fn rows_identified_without_a_key_get_the_tokens_of_the_register() {
    let fixture = fixture();
    for pass in PASSES {
        let mut ids = Vec::new();
        let mut rejects = Vec::new();
        for export in fixture.exports() {
            let check = IdentityCheck::new(&export, &fixture.schema, AS_OF);
            let read = export.read::<_, Identified>(pass, &check, &|_| {});
            let Ok(read) = read else {
                panic!("cannot read the file")
            };
            ids.extend(read.tally.ids);
            // Two lines, the title and the header, are above the first row.
            let places = read.tally.rejects.into_iter();
            rejects.extend(places.map(|reject| (name_of(export.path()), reject.line + 2)));
        }
        let mut scratch = Scratch::default();
        let tokens = ids
            .iter()
            .map(|id| fixture.tokeniser.token(id, &mut scratch));
        let tokens: BTreeSet<Token> = tokens.collect();
        let ((of_register, _), reported) =
            fixture.with_rejects(|rejects| fixture.register(pass, None, Some(rejects)));
        assert_eq!(tokens, of_register, "{pass:?}");
        assert_eq!(
            fixture.whole_register(pass, None).0,
            tokens.len() as u64,
            "{pass:?}"
        );
        assert_eq!(rejects, reported, "{pass:?}");
    }
}

/// The outcomes of some rules on one row of a register.
fn outcomes(schema: &str, text: &str, rules: &[&str]) -> (Vec<Option<Outcome>>, Report) {
    let mut fixture = fixture();
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let schemas = Schemas::read(&project.join("schemas")).expect("the shipped schemas");
    fixture.schema = schemas.get(schema).expect("shipped").clone();
    let path = fixture.folder.path().join("row.csv");
    std::fs::write(&path, text).expect("the temporary folder is writable");
    fixture.paths = vec![path];
    let (table, report) = fixture.table(Pass::DEFAULT, None, None);
    let outcomes = rules.iter().map(|rule| {
        let column = table.outcomes().of(rule).expect("an outcome rule");
        column.first().copied()
    });
    (outcomes.collect(), report)
}

/// A child of four, with the class of disability and the status of the certificate as
/// given.
fn child(class: &str, status: &str) -> Vec<Option<Outcome>> {
    let body = "44990120220101001";
    let check = check_digit(body.as_bytes()) as char;
    let text = format!("national_id,class,certificate_status\n{body}{check},{class},{status}\n");
    let rules = ["disabled_child", "disabled_child_autism"];
    outcomes("disabled-federation.persons", &text, &rules).0
}

#[test]
fn a_rule_holds_if_any_value_of_a_cell_makes_it_hold() {
    use Outcome::{Indicated, No, Unknown, Yes};
    for (class, expected) in [
        ("肢体", [Yes, No]),
        ("精神", [No, Yes]),
        ("\"肢体,精神\"", [Yes, Yes]),
        ("精神、肢体、精神", [Yes, Yes]),
        ("其他", [No, No]),
        ("某某", [Unknown, Unknown]),
        ("肢体、某某", [Unknown, Unknown]),
    ] {
        assert_eq!(child(class, "有效"), expected.map(Some), "{class}");
    }
    // A single-valued field with two codes is unknown; the class is known, so the first rule
    // is indicated. A dead holder is withheld.
    assert_eq!(child("肢体", "有效、注销"), [Some(Indicated), Some(No)]);
    assert_eq!(child("肢体、精神", "死亡"), [None, None]);
}

#[test]
fn a_row_with_too_many_combinations_is_unreadable_and_not_long() {
    let all = "1、2、3、4、5、6、7";
    let grades = "1、2、3";
    let text = format!(
        "national_id,class,grade,certificate_status\n{},{all},{grades},有效\n",
        numbers(None)[0]
    );
    let rules = ["disabled_severe", "holds_disability_certificate"];
    let (outcomes, report) = outcomes("disabled-federation.persons", &text, &rules);
    assert_eq!(outcomes, [Some(Outcome::Unknown), Some(Outcome::Yes)]);
    let faults: Vec<_> = report.value_faults.keys().cloned().collect();
    assert_eq!(faults, [("grade".to_owned(), ValueFault::TooManyValues)]);
}

/// A certificate's number states class and grade also beside the ID column.
#[test]
fn a_certificate_beside_the_id_column_states_what_one_in_it_does() {
    use Outcome::{No, Unknown, Yes};
    let body = "44990120220101001";
    let id = format!("{body}{}", check_digit(body.as_bytes()) as char);
    let rules = ["disabled_child", "disabled_child_autism", "disabled_severe"];
    let spaced = format!("{} {}", &id[..6], &id[6..]);
    for (columns, cells, expected) in [
        ("残疾人证号", format!("{id}42"), [Yes, No, Yes]),
        ("残疾人证号", format!("{id}63"), [No, Yes, No]),
        ("残疾人证号", format!("{id}63B1"), [No, Yes, No]),
        ("残疾人证号", format!("{spaced}42"), [Yes, No, Yes]),
        ("残疾人证号", format!("{id}40"), [Unknown; 3]),
        ("残疾人证号", id.clone(), [Unknown; 3]),
        ("残疾人证号", String::new(), [Unknown; 3]),
        // Of two certificates both must say the same.
        (
            "残疾人证号,残疾证编号",
            format!("{id}42,{id}42"),
            [Yes, No, Yes],
        ),
        (
            "残疾人证号,残疾证编号",
            format!("{id}42,补办中"),
            [Yes, No, Yes],
        ),
        (
            "残疾人证号,残疾证编号",
            format!("{id}42,{id}63"),
            [Unknown; 3],
        ),
        // The columns of class and grade come first.
        (
            "残疾人证号,class,grade",
            format!("{id}42,精神,三级"),
            [No, Yes, No],
        ),
    ] {
        let text = format!("身份证号,{columns},certificate_status\n{id},{cells},有效\n");
        let found = outcomes("disabled-federation.persons", &text, &rules).0;
        assert_eq!(found, expected.map(Some), "{columns} {cells}");
    }
}

/// Where the row has neither class nor grade, those of the certificate's number count.
#[test]
fn a_certificates_number_states_class_and_grade() {
    use Outcome::{No, Unknown, Yes};
    let body = "44990120220101001";
    let id = format!("{body}{}", check_digit(body.as_bytes()) as char);
    let rules = ["disabled_child", "disabled_child_autism", "disabled_severe"];
    for (header, tail, cells, expected) in [
        ("certificate_status", "42", "有效", [Yes, No, Yes]),
        ("certificate_status", "63", "有效", [No, Yes, No]),
        ("certificate_status", "63B1", "有效", [No, Yes, No]),
        (
            "certificate_status",
            "",
            "有效",
            [Unknown, Unknown, Unknown],
        ),
        (
            "class,grade,certificate_status",
            "42",
            ",,有效",
            [Yes, No, Yes],
        ),
        (
            "class,grade,certificate_status",
            "42",
            "未评定,-,有效",
            [Yes, No, Yes],
        ),
        (
            "class,grade,certificate_status",
            "42",
            "精神,三级,有效",
            [No, Yes, No],
        ),
        // What cannot be read is unknown, whatever the number says.
        (
            "class,grade,certificate_status",
            "42",
            "某某,某某,有效",
            [Unknown; 3],
        ),
    ] {
        let text = format!("national_id,{header}\n{id}{tail},{cells}\n");
        let found = outcomes("disabled-federation.persons", &text, &rules).0;
        assert_eq!(found, expected.map(Some), "{header} {tail} {cells}");
    }
}

#[test]
fn labels_without_a_code_are_counted_in_every_pass() {
    let mut fixture = fixture();
    let numbers = numbers(None);
    let kinds = [
        "某类",
        "某类",
        "某类",
        "残疾军人,某类",
        "某类",
        "某人",
        "veteran",
    ];
    let rows = numbers.iter().zip(kinds);
    let rows: String = rows
        .map(|(id, kind)| format!("{id},\"{kind}\"\n"))
        .collect();
    let path = fixture.folder.path().join("labels.csv");
    std::fs::write(&path, format!("national_id,kind\n{rows}")).expect("writable");
    fixture.paths = vec![path];
    for pass in PASSES {
        for report in [
            fixture.register(pass, None, None).1,
            fixture.whole_register(pass, None).1,
        ] {
            let labels = report.unmapped.get("kind").expect("there are some");
            assert_eq!(labels.shown(), [("某类", 5)], "{pass:?}");
            assert_eq!(labels.not_shown(), 1, "{pass:?}");
        }
    }
    let export = &fixture.exports()[0];
    let inspection = inspect(export, AS_OF, &|_| {}).expect("readable");
    assert_eq!(inspection.unmapped["kind"].shown(), [("某类", 5)]);
    assert_eq!(inspection.unmapped["kind"].not_shown(), 1);
}
