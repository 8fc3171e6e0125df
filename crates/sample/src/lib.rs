//! Synthetic rounds: exports in the styles of agencies, with dirt, and the truth about
//! them: planted leads, and planted non-leads with the reason.
//!
//! The same seed gives the same files. No person is real: the ID numbers are of region
//! 4499, which was never assigned, and the names are a surname, 某 and an ordinal.

mod background;
pub mod dirt;
mod distribution;
mod export_file;
mod person;
mod row;
mod scenario;
mod truth;
mod workbook;

use std::path::{Path, PathBuf};

use aidlink_faults::fault::{Fault, Faults};
use aidlink_faults::text::Text;
use aidlink_policy::schema::ExportSchema;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use aidlink_office::output_folder::OutputFolder;
use dirt::{DirtChoice, REALISTIC};
use export_file::{ExportFile, Style};
use person::Population;
use row::Exports;

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
}

/// The documents shipped with the program. They are written into samples that are created
/// outside the project.
const POLICY: &str = include_str!("../../../policies/shaoguan.toml");
const CALENDAR: &str = include_str!("../../../calendars/china.toml");
const SCHEMAS: [(&str, &str); 6] = [
    (
        "procuratorate.case-parties",
        include_str!("../../../schemas/procuratorate.case-parties.json"),
    ),
    (
        "procuratorate.referrals",
        include_str!("../../../schemas/procuratorate.referrals.json"),
    ),
    (
        "civil-affairs.assistance",
        include_str!("../../../schemas/civil-affairs.assistance.json"),
    ),
    (
        "education.students",
        include_str!("../../../schemas/education.students.json"),
    ),
    (
        "disabled-federation.persons",
        include_str!("../../../schemas/disabled-federation.persons.json"),
    ),
    (
        "veterans.persons",
        include_str!("../../../schemas/veterans.persons.json"),
    ),
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
    let mut population = Population::new(arguments.scale, arguments.seed);
    let mut exports = Exports::default();
    let mut truth = scenario::plant(&mut random, &mut population, &mut exports);

    let planted = [
        exports.case_parties,
        exports.referrals,
        exports.assistance,
        exports.students,
        exports.disabled,
        exports.veterans,
    ];
    let mut file_names = Vec::new();
    let makers = background::makers(arguments.scale);
    for ((planted, maker), (name, schema)) in planted.into_iter().zip(makers).zip(SCHEMAS) {
        let schema = shipped_schema(name, schema)?;
        let style = match arguments.dirt.agency_styles {
            true => maker.style,
            false => Style::Plain,
        };
        let file_name = format!("{name}.{}", style.extension());
        let stream = folder.stream(&file_name)?;
        let mut file = ExportFile::new(&schema, style, &arguments.dirt, stream);
        maker.fill(&mut random, &mut population, planted, &mut file)?;
        truth.dirt.push((name, file.finish()?));
        file_names.push(file_name);
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
        folder.write("policies/shaoguan.toml", POLICY.as_bytes())?;
        folder.write("calendars/china.toml", CALENDAR.as_bytes())?;
        for (name, schema) in SCHEMAS {
            folder.write(&format!("schemas/{name}.json"), schema.as_bytes())?;
        }
    }
    folder.write(
        "round.toml",
        round_file(arguments, &file_names, in_project).as_bytes(),
    )?;
    folder.complete()?;
    Ok(leads)
}

fn shipped_schema(name: &str, schema: &str) -> Result<ExportSchema, Fault> {
    let path = format!("{name}.json");
    ExportSchema::parse(Path::new(&path), schema.as_bytes()).map_err(|faults: Faults| {
        faults.iter().next().cloned().unwrap_or_else(|| {
            let text = Text::new("模式无效", "the schema is invalid");
            Fault::of_file(Path::new(&path), text.clone(), text)
        })
    })
}

fn round_file(arguments: &SampleChoice, file_names: &[String], in_project: bool) -> String {
    let SampleChoice {
        seed, scale, dirt, ..
    } = arguments;
    let mut command = format!("aidlink sample --seed {seed}");
    if *scale != 1 {
        command.push_str(&format!(" --scale {scale}"));
    }
    if dirt.written() != REALISTIC {
        command.push_str(&format!(" --dirt {}", dirt.written()));
    }
    let root = if in_project { "../../" } else { "" };
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
    for ((name, _), file_name) in SCHEMAS.iter().zip(file_names) {
        let encoding = if dirt.agency_styles && *name == "civil-affairs.assistance" {
            "encoding = \"gb18030\"     # detected if not set\n"
        } else {
            ""
        };
        text.push_str(&format!(
            "\n[[export]]\nschema = \"{name}\"\npath = \"{file_name}\"\nsnapshot = 2026-09-28\nlegal_basis = \"synthetic data, no legal basis needed\"\n{encoding}"
        ));
    }
    text
}
