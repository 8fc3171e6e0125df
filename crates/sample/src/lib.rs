//! Synthetic rounds: exports in the styles of agencies, with dirt, and the truth about
//! them: planted leads, and planted non-leads with the reason.
//!
//! The same seed gives the same files. No person is real: the ID numbers are of region
//! 4499, which was never assigned, and the names are a surname, 某 and an ordinal.

mod background;
pub mod columns;
pub mod dirt;
mod distribution;
mod export_file;
mod line_writer;
mod person;
mod role_alone;
mod row;
mod scenario;
mod style;
mod truth;
mod workbook;

use std::path::{Path, PathBuf};

use aidlink_faults::fault::{Fault, Faults};
use aidlink_faults::text::Text;
use aidlink_policy::schema::ExportSchema;
use aidlink_policy::shipped::{self, Shipped};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use aidlink_office::output_folder::OutputFolder;
use columns::{Columns, Part};
use dirt::{DirtChoice, REALISTIC};
use export_file::{ExportFile, ExportFiles};
use person::Population;
use row::Exports;
use style::Style;

/// The options of a sample round.
#[derive(Clone, Debug)]
pub struct SampleChoice {
    /// Seed of the random generator.
    pub seed: u64,
    /// The folder to create; it must not exist.
    pub out: PathBuf,
    /// The size, in units of 40,000 register rows.
    pub scale: u32,
    /// The kinds of dirt and their shares of the rows.
    pub dirt: DirtChoice,
    /// Which columns the exports have.
    pub columns: Columns,
}

/// An export in the round file: its schema and its files.
struct NamedExport {
    schema: &'static str,
    files: Vec<(Part, String)>,
}

/// The names of the exports' schemas, in the order in which they are planted.
const SCHEMAS: [&str; 6] = [
    "procuratorate.case-parties",
    "procuratorate.referrals",
    "civil-affairs.assistance",
    "education.students",
    "disabled-federation.persons",
    "veterans.persons",
];

/// Writes a sample round and returns the number of planted leads. Rows are written as
/// they are generated, so memory grows with the number of case parties and not with the
/// size of the registers.
///
/// # Errors
/// If the folder exists or cannot be written.
pub fn write(arguments: &SampleChoice) -> Result<usize, Fault> {
    let out = arguments.out.as_path();
    let mut random = ChaCha8Rng::seed_from_u64(arguments.seed);
    let mut folder = OutputFolder::begin(out)?;
    let mut population = Population::new(arguments.scale, arguments.seed, arguments.columns);
    let mut exports = Exports::default();
    let mut truth = scenario::plant(
        &mut random,
        &mut population,
        &mut exports,
        arguments.columns,
    );

    let planted = [
        exports.case_parties,
        exports.referrals,
        exports.assistance,
        exports.students,
        exports.disabled,
        exports.veterans,
    ];
    let mut named = Vec::new();
    let makers = background::makers(arguments.scale);
    for ((planted, maker), name) in planted.into_iter().zip(makers).zip(SCHEMAS) {
        let schema = shipped_schema(name)?;
        let style = style(arguments, maker.style);
        let mut export = NamedExport {
            schema: name,
            files: Vec::new(),
        };
        let mut files = ExportFiles(Vec::new());
        for part in arguments.columns.parts(name) {
            let path = format!("{name}{}.{}", part.suffix, style.extension());
            let stream = folder.stream(&path)?;
            let file = ExportFile::new(&schema, &part, style, &arguments.dirt, stream)?;
            files.0.push((part, file));
            export.files.push((part, path));
        }
        maker.fill(&mut random, &mut population, planted, &mut files)?;
        truth.dirt.push((name, files.finish()?));
        named.push(export);
    }
    let leads = truth.leads.len();
    folder.write("truth/planted-leads.csv", truth.leads_csv().as_bytes())?;
    folder.write(
        "truth/planted-non-leads.csv",
        truth.non_leads_csv().as_bytes(),
    )?;
    folder.write("truth/dirt.csv", truth.dirt_csv().as_bytes())?;
    // The project's own documents are used if the folder is two levels below the project.
    // The path is tested by name, because the folder does not exist yet.
    let in_project = out.parent().and_then(Path::parent).is_some_and(|project| {
        Path::new(".")
            .join(project)
            .join("policies/shaoguan.toml")
            .is_file()
    });
    if !in_project {
        let write = |folder: &mut OutputFolder, of: &str, shipped: Shipped| {
            folder.write(&format!("{of}/{}", shipped.name), shipped.text.as_bytes())
        };
        for policy in shipped::POLICIES {
            write(&mut folder, "policies", policy)?;
        }
        write(&mut folder, "calendars", shipped::CALENDAR)?;
        for schema in shipped::SCHEMAS {
            write(&mut folder, "schemas", schema)?;
        }
    }
    folder.write(
        "round.toml",
        round_file(arguments, &named, in_project).as_bytes(),
    )?;
    folder.complete()?;
    Ok(leads)
}

/// Returns the style of an agency's export.
fn style(arguments: &SampleChoice, of_agency: Style) -> Style {
    match of_agency {
        _ if !arguments.dirt.agency_styles => Style::Plain,
        // The certificate number also states class and grade.
        Style::CertificateNumbers if arguments.columns == Columns::Minimal => Style::Labels,
        _ => of_agency,
    }
}

/// Returns a schema that comes with the program.
fn shipped_schema(name: &str) -> Result<ExportSchema, Fault> {
    let file = PathBuf::from(format!("{name}.json"));
    let shipped = shipped::SCHEMAS.iter();
    let mut shipped = shipped.filter(|shipped| Path::new(shipped.name) == file);
    let text = shipped.next().map_or("", |shipped| shipped.text);
    ExportSchema::parse(&file, text.as_bytes()).map_err(|faults: Faults| {
        faults.iter().next().cloned().unwrap_or_else(|| {
            let text = Text::new("模式无效", "the schema is invalid");
            Fault::of_file(&file, text.clone(), text)
        })
    })
}

fn round_file(arguments: &SampleChoice, exports: &[NamedExport], in_project: bool) -> String {
    let SampleChoice {
        seed,
        scale,
        dirt,
        columns,
        ..
    } = arguments;
    let mut command = format!("aidlink sample --seed {seed}");
    if *scale != 1 {
        command.push_str(&format!(" --scale {scale}"));
    }
    if dirt.written() != REALISTIC {
        command.push_str(&format!(" --dirt {}", dirt.written()));
    }
    if *columns != Columns::All {
        command.push_str(&format!(" --columns {}", columns.name()));
    }
    let root = if in_project { "../../" } else { "" };
    let left_out = exports.iter().filter(|export| export.files.is_empty());
    let left_out: Vec<String> = left_out
        .map(|export| {
            format!(
                "\n    {{ schema = \"{}\", because = \"synthetic data: no such export\" }},",
                export.schema
            )
        })
        .collect();
    let not_joined = match left_out.is_empty() {
        true => String::new(),
        false => format!("not_joined = [{}\n]\n", left_out.concat()),
    };
    let mut text = format!(
        r#"# A synthetic round, made by `{command}`. 合成数据，非真实人员。
round = "2026Q3"
as_of = 2026-09-30
issued_on = 2026-09-30
purpose = "joint-screening"
mode = "pooled"            # every step on one trusted machine
operator = "synthetic operator"
retention_until = 2026-12-31
list_language = "zh"

policy = "{root}policies/shaoguan.toml"
schemas = "{root}schemas"
calendar = "{root}calendars/china.toml"
output = "output"
{not_joined}
[impact_assessment]
id = "PIA-2026-SAMPLE"
valid_until = 2027-06-30

[key]
file = "round.key"         # created by the first run if missing
algorithm = "hmac-sha256"

[signing]
key = "signing.key"        # signs the manifest; created by the first run if missing

[thresholds]
snapshot_age_days = 92
reject_rate = 0.05
"#
    );
    for NamedExport { schema, files } in exports.iter().filter(|export| !export.files.is_empty()) {
        let encoding = if dirt.agency_styles && *schema == "civil-affairs.assistance" {
            "encoding = \"gb18030\"     # detected if not set\n"
        } else {
            ""
        };
        let terms =
            "snapshot = 2026-09-28\nlegal_basis = \"synthetic data, no legal basis needed\"";
        match files.as_slice() {
            [(part, path)] => text.push_str(&format!(
                "\n[[export]]\nschema = \"{schema}\"\npath = \"{path}\"\n{terms}\n{}{encoding}",
                constants(part)
            )),
            parts => {
                text.push_str(&format!("\n[[export]]\nschema = \"{schema}\"\n{terms}\n"));
                for (part, path) in parts {
                    text.push_str(&format!(
                        "[[export.file]]\npath = \"{path}\"\n{}{encoding}",
                        constants(part)
                    ));
                }
            }
        }
    }
    text
}

/// Returns the lines of a part's constants.
fn constants(part: &Part) -> String {
    if part.constants.is_empty() {
        return String::new();
    }
    let constants = part.constants.iter().map(|(field, value)| match *value {
        "true" | "false" => format!("{field} = {value}"),
        _ => format!("{field} = \"{value}\""),
    });
    let constants: Vec<String> = constants.collect();
    let because = part
        .because
        .map(|reason| format!("because = \"{reason}\"\n"));
    format!(
        "constants = {{ {} }}\n{}",
        constants.join(", "),
        because.unwrap_or_default()
    )
}
