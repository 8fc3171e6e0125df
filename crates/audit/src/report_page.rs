//! The audit report: a printable page of what an audit found, to be signed and filed.

use aidlink_faults::personal_number::{black_out_lines, shown_name, shown_path};
use aidlink_faults::text::{Language, Text};
use aidlink_office::manifest::Software;
use aidlink_office::page::page;
use aidlink_office::verification::Signer;
use jiff::civil::Date;
use maud::{Markup, html};

use crate::checks::{Check, State};
use crate::evidence::Evidence;
use crate::proof::{ColumnProof, Proof, scope};

/// An output folder with the checks made on it.
pub struct AuditedFolder {
    /// Its evidence.
    pub evidence: Evidence,
    /// The checks, in the order of their numbers.
    pub checks: Vec<Check>,
    /// The proof by execution, if it was asked for.
    pub proof: Option<Proof>,
}

/// The digits of a program's digest that are shown.
const SHOWN: usize = 16;

/// The style of the page.
const STYLE: &str = "\
@page { size: A4 portrait; margin: 14mm; }
body { max-width: 186mm; } section + section { break-before: page; }
.checks th:nth-child(1) { width: 2em; } .checks th:nth-child(3) { width: 5em; } .checks td:nth-child(2) { width: 38%; }
.not_held td { font-weight: bold; background: #eee; } .not_applicable td { color: #555; }
.faults { border: 1.5px solid #111; padding: .3em .6em; } .faults p { margin: .3em 0; }
.signatures { margin-top: 2em; } .signatures td { border: 0; padding-top: 1.6em; } code { font-size: 8.5pt; overflow-wrap: anywhere; }
";

/// Returns the report. `others` are the lines on what is no audited folder: unknown files,
/// foreign folders, and folders that could not be read.
pub fn report(
    folders: &[AuditedFolder],
    others: &[Text],
    day: Date,
    language: Language,
) -> Vec<u8> {
    let writer = Writer { language };
    let title = writer.say("审计报告", "Audit report");
    let body = html! {
        @for folder in folders { (writer.folder(folder, day)) }
        @if !others.is_empty() {
            div.faults {
                @for line in others { p { (writer.shown(line)) } }
            }
        }
        table.signatures {
            tr {
                td { (writer.say("审计人：", "Auditor:")) }
                td { (writer.say("复核人：", "Reviewed by:")) }
                td { (writer.say("日期：", "Date:")) }
            }
        }
    };
    page(language, &title, STYLE, &body)
}

struct Writer {
    language: Language,
}

impl Writer {
    fn say(&self, zh: impl Into<String>, en: impl Into<String>) -> String {
        Text::new(zh, en).in_language(self.language).to_owned()
    }

    /// Returns a text with numbers of persons blacked out: it may quote a file.
    fn shown(&self, text: &Text) -> String {
        black_out_lines(text.in_language(self.language)).into_owned()
    }

    fn folder(&self, audited: &AuditedFolder, day: Date) -> Markup {
        let AuditedFolder {
            evidence,
            checks,
            proof,
        } = audited;
        let round = shown_name(&evidence.manifest().round).into_owned();
        let count = |state| {
            let checks = checks.iter();
            checks.filter(|check| check.finding.state == state).count()
        };
        let faults: Vec<String> = evidence
            .verification
            .faults
            .iter()
            .map(|fault| black_out_lines(&fault.render(self.language)).into_owned())
            .collect();
        html! {
            section {
                h1 { (self.say("审计报告", "Audit report")) " · " (round) }
                dl {
                    @for (name, value) in self.facts(evidence, day) {
                        dt { (name) }
                        dd { (value) }
                    }
                    dt { (self.say("结论", "Result")) }
                    dd {
                        b {
                            (self.say(
                                format!("符合{}项，不符合{}项，不适用{}项", count(State::Held), count(State::NotHeld), count(State::NotApplicable)),
                                format!("{} held, {} not held, {} not applicable", count(State::Held), count(State::NotHeld), count(State::NotApplicable)),
                            ))
                        }
                    }
                }
                @if !faults.is_empty() {
                    div.faults {
                        p { b { (self.say("文件与签名不符之处", "Where files do not match what was signed")) } }
                        @for fault in &faults { p { (fault) } }
                    }
                }
                table.checks {
                    thead {
                        tr {
                            th { "#" }
                            th { (self.say("要求", "Requirement")) }
                            th { (self.say("结论", "Result")) }
                            th { (self.say("依据", "Evidence")) }
                        }
                    }
                    tbody {
                        @for check in checks { (self.check(check)) }
                    }
                }
                @if let Some(proof) = proof { (self.proof(proof)) }
            }
        }
    }

    fn proof(&self, proof: &Proof) -> Markup {
        html! {
            h2 { (self.say("运行证明", "Proof by execution")) }
            p { b { (self.shown(&proof.sentence())) } }
            @for export in &proof.exports {
                h3 { (export.title.in_language(self.language)) " " small { (export.export) } }
                @if !export.columns.is_empty() {
                    table {
                        thead {
                            tr {
                                th { (self.say("列", "Column")) }
                                th { (self.say("核对表所载用途", "Use in the matrix")) }
                                th { (self.say("行数", "Rows")) }
                                th { (self.say("换入不同单元格的行数", "Rows that got another cell")) }
                                th { (self.say("结果", "Result")) }
                            }
                        }
                        tbody {
                            @for column in &export.columns { (self.column(column)) }
                        }
                    }
                }
                p { (export.control.text().in_language(self.language)) }
            }
            @if !proof.exports.is_empty() { p { (scope().in_language(self.language)) } }
        }
    }

    fn column(&self, column: &ColumnProof) -> Markup {
        let result = column.result.text();
        html! {
            tr class=[column.result.is_wrong().then_some("not_held")] {
                td { (self.shown(&column.name())) }
                td { (column.stated_text().in_language(self.language)) }
                td { (column.rows) }
                td { (column.rows_differed) }
                td {
                    (result.in_language(self.language))
                    @for text in [column.reason()] {
                        @if text != Text::default() { p { (self.shown(&text)) } }
                    }
                }
            }
        }
    }

    fn check(&self, check: &Check) -> Markup {
        let class = match check.finding.state {
            State::Held => None,
            State::NotHeld => Some("not_held"),
            State::NotApplicable => Some("not_applicable"),
        };
        let state = check.finding.state.text();
        let state = state.in_language(self.language);
        html! {
            tr class=[class] {
                td { (check.number) }
                td { (check.title.in_language(self.language)) }
                td { (state.trim()) }
                td { @for text in &check.finding.evidence { p { (self.shown(text)) } } }
            }
        }
    }

    /// Returns what was audited, by whom signed and with which program: names and values.
    fn facts(&self, evidence: &Evidence, day: Date) -> Vec<(String, String)> {
        let verification = &evidence.verification;
        let manifest = evidence.manifest();
        let named = |text: &str| shown_name(text).into_owned();
        let signer = match &verification.signer {
            Signer::Named(Some(office), key) => format!("{} ({})", named(office), key.id()),
            Signer::Named(None, key) => key.id(),
            Signer::NotNamed(key) => self.say(
                format!("{}（轮次文件没有指明此公钥）", key.id()),
                format!("{} (the round file does not name this key)", key.id()),
            ),
            Signer::None => self.say("没有可信的签名", "no trusted signature"),
        };
        let program = |software: &Software| {
            let (name, version) = (&software.name, &software.version);
            let digest = software.build.executable_blake3.as_deref();
            let digest = digest.and_then(|digest| digest.get(..SHOWN)).unwrap_or("?");
            named(&format!("{name} {version} (BLAKE3 {digest}…)"))
        };
        let running = Software::running("aidlink");
        vec![
            (self.say("审计日期", "Day of the audit"), day.to_string()),
            (
                self.say("文件夹", "Folder"),
                shown_path(&verification.folder),
            ),
            (
                self.say("步骤", "Step"),
                format!("{} ({})", manifest.step.name(), manifest.mode.name()),
            ),
            (self.say("基准日", "As of"), manifest.as_of.to_string()),
            (self.say("目的", "Purpose"), named(&manifest.purpose)),
            (
                self.say("规则文件", "Policy"),
                named(&format!(
                    "{} {}",
                    manifest.policy.id, manifest.policy.version
                )),
            ),
            (self.say("经办人", "Operator"), named(&manifest.operator)),
            (self.say("签名", "Signed by"), signer),
            (
                self.say("运行记录摘要", "Digest of the manifest"),
                verification.manifest_digest.clone(),
            ),
            (
                self.say("文件", "Files"),
                self.say(
                    format!(
                        "{}个与运行记录相符，{}份工作簿已填写，{}份删除记录",
                        verification.files_held,
                        verification.filled_in.len(),
                        verification.deleted.len()
                    ),
                    format!(
                        "{} match the manifest, {} workbooks filled in, {} deletion records",
                        verification.files_held,
                        verification.filled_in.len(),
                        verification.deleted.len()
                    ),
                ),
            ),
            (
                self.say("删除期限", "Delete by"),
                manifest.retention_until.to_string(),
            ),
            (
                self.say("生成程序", "Made with"),
                program(&manifest.software),
            ),
            (self.say("审计程序", "Audited with"), program(&running)),
        ]
    }
}
