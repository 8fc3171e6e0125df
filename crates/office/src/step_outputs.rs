//! Which files each step writes into its output folder, manifest, log and signature aside. A
//! step that would write another one fails, and verification refuses a manifest that lists one:
//! otherwise the holder of a signing key could hand out a file of his own as a step's.

use crate::crossing::{CHECKSUM_SUFFIX, SEALED_SUFFIX};
use crate::manifest::{Manifest, OutputFile, OutputKind, StepKind};
use crate::round::CONFIGURATION;
use crate::signing::SIGNATURE_SUFFIX;

/// Whether the step of a manifest writes a file of this path and kind. Of names that depend on
/// the policy (match lists) or on the folder of schemas only the form is known.
pub fn writes(manifest: &Manifest, output: &OutputFile) -> bool {
    let step = manifest.step;
    let Some((folder, name)) = output.file.split_once('/') else {
        return output.file == "summary.json" && step.writes_lists() && output.kind.is_none();
    };
    let to_fill_in = output.kind == Some(OutputKind::ToFillIn);
    let is_written = match folder {
        CONFIGURATION => is_configuration(manifest, name),
        "minimisation" => step.reads_exports() && is_matrix(name),
        "lists" => step.writes_lists() && is_list(name),
        "review" => step.writes_lists() && (is_workbook(name) || is_person_pages(name)),
        "rejects" => {
            let agency = name.strip_suffix(".csv");
            let mut exports = manifest.exports.iter();
            matches!(step, StepKind::Run | StepKind::Tokenise)
                && exports.any(|read| Some(read.agency.as_str()) == agency)
        }
        "to-centre" => {
            let names = manifest.exports.iter();
            let mut names = names.map(|read| format!("to-centre/{}.tokens.parquet", read.export));
            step == StepKind::Tokenise && names.any(|name| is_crossing(manifest, &name, output))
        }
        "to-procuratorate" => {
            let name = "to-procuratorate/leads.json";
            step == StepKind::Screen && is_crossing(manifest, name, output)
        }
        _ => false,
    };
    is_written && to_fill_in == (folder == "review" && is_workbook(name))
}

/// The documents that the step ran with, below their folder.
fn is_configuration(manifest: &Manifest, name: &str) -> bool {
    let mut layers = manifest.policy.layers.iter();
    let is_layer =
        name == "policy.toml" || is_layer_name(name) && layers.any(|layer| layer.file == name);
    let is_document = matches!(name, "round.toml" | "calendar.toml");
    is_document
        || is_layer
        || match name.split_once('/') {
            Some(("schemas", schema)) => is_plain_name(schema, ".json"),
            Some(("reading", reading)) => {
                let export = reading.strip_suffix(".toml");
                let mut exports = manifest.exports.iter();
                exports.any(|read| Some(read.export.as_str()) == export)
            }
            _ => false,
        }
}

/// Whether a copy of a layer has this name: its number among the layers.
fn is_layer_name(name: &str) -> bool {
    let number = name.strip_prefix("policy.layers/");
    let number = number.and_then(|name| name.strip_suffix(".toml"));
    number.is_some_and(|number| {
        !number.is_empty()
            && !number.starts_with('0')
            && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}

fn is_workbook(name: &str) -> bool {
    matches!(name, "adults.xlsx" | "minors.xlsx")
}

fn is_person_pages(name: &str) -> bool {
    matches!(name, "persons.html" | "persons.minors.html")
}

fn is_matrix(name: &str) -> bool {
    let name = name.strip_prefix("matrix.");
    let forms = ["json", "zh.csv", "en.csv", "zh.html", "en.html"];
    name.is_some_and(|form| forms.contains(&form))
}

fn is_list(name: &str) -> bool {
    let name = match name.strip_prefix("for-review/to-") {
        Some(rest) => rest,
        None => {
            let for_register = name.strip_prefix("for-register/");
            return matches!(name, "not-judged.csv" | "not-judged.minors.csv")
                || for_register.is_some_and(|name| {
                    matches!(name, "delivered.csv" | "dead.csv" | "moved.csv")
                });
        }
    };
    let adults = name.strip_suffix(".csv").unwrap_or_default();
    let of = adults.strip_suffix(".minors").unwrap_or(adults);
    // The id of an agency.
    is_plain_name(name, ".csv") && !of.is_empty() && !of.contains('.')
}

/// Whether a name has this ending, something before it, and is in no further folder.
fn is_plain_name(name: &str, ending: &str) -> bool {
    let stem = name.strip_suffix(ending);
    stem.is_some_and(|stem| !stem.is_empty() && !stem.contains('/'))
}

/// Whether a file is the one for another office that the manifest states under this name, or a
/// signature or checksum beside one that is not sealed.
fn is_crossing(manifest: &Manifest, name: &str, output: &OutputFile) -> bool {
    let path = output.file.as_str();
    manifest.crossing.iter().any(|crossed| {
        if crossed.sealed_to.is_some() {
            return crossed.file == path && path == format!("{name}{SEALED_SUFFIX}");
        }
        let endings = ["", CHECKSUM_SUFFIX, SIGNATURE_SUFFIX];
        crossed.file == name && endings.iter().any(|end| path == format!("{name}{end}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_of_a_layer_has_its_number_for_a_name() {
        for name in ["policy.layers/1.toml", "policy.layers/12.toml"] {
            assert!(is_layer_name(name), "{name}");
        }
        for name in [
            "people.csv",
            "policy.layers/people.csv",
            "policy.layers/.toml",
            "policy.layers/0.toml",
            "policy.layers/01.toml",
            "policy.layers/1/2.toml",
            "policy.layers/x.toml",
            "policy.layers/../1.toml",
            "policy.layers/1.toml/",
        ] {
            assert!(!is_layer_name(name), "{name}");
        }
    }
}
