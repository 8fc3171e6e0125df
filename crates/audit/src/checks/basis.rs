//! Checks of the basis for reading: impact assessment, legal basis, columns.

use aidlink_agency::scan::Export;
use aidlink_faults::fault::FaultCollector;
use aidlink_faults::text::Text;

use super::finding::{Finding, no_documents, no_exports};
use crate::evidence::Evidence;
use crate::minimisation::MatrixDocument;
use aidlink_agency::exports::{columns_of, open};
use aidlink_files::document::Document as _;

pub(super) fn impact_assessment(evidence: &Evidence) -> Finding {
    let manifest = evidence.manifest();
    let (id, until) = (
        &manifest.impact_assessment.id,
        manifest.impact_assessment.valid_until,
    );
    let place = evidence.round_line("[impact_assessment]");
    if id.trim().is_empty() {
        return Finding::not_held(
            format!("没有影响评估编号（{place}）"),
            format!("the id of the impact assessment is missing ({place})"),
        );
    }
    let differing = evidence.differing(&[
        "impact_assessment.id",
        "impact_assessment.valid_until",
        "issued_on",
    ]);
    if !differing.is_empty() {
        return Finding::of_each(differing, Vec::new());
    }
    let issued_on = manifest.issued_on;
    if until >= issued_on {
        Finding::held(
            format!("{id}，有效至 {until}，签发日期 {issued_on}（{place}）"),
            format!("{id}, valid until {until}, leads issued on {issued_on} ({place})"),
        )
    } else {
        Finding::not_held(
            format!("{id} 在签发日期已过期：有效至 {until}（{place}）"),
            format!("{id} had expired when the leads were issued: valid until {until} ({place})"),
        )
    }
}

pub(super) fn legal_basis(evidence: &Evidence) -> Finding {
    let exports = &evidence.manifest().exports;
    if exports.is_empty() {
        return no_exports();
    }
    let mut wrong: Vec<Text> = exports
        .iter()
        .filter(|export| export.legal_basis.trim().is_empty())
        .map(|export| {
            let name = &export.export;
            Text::new(
                format!("{name} 没有法律依据"),
                format!("{name} has no legal basis"),
            )
        })
        .collect();
    wrong.extend(evidence.differing(&["export.legal_basis"]));
    let count = exports.len();
    let place = evidence.round_line("legal_basis");
    Finding::of(
        wrong,
        Text::new(
            format!("{count}个来源，各有法律依据（{place} 起；minimisation/matrix.*）"),
            format!(
                "{count} sources, each with a legal basis (from {place} on; minimisation/matrix.*)"
            ),
        ),
    )
}

pub(super) fn only_needed_columns(evidence: &Evidence) -> Finding {
    if evidence.manifest().exports.is_empty() {
        return no_exports();
    }
    let Ok(documents) = &evidence.documents else {
        return no_documents();
    };
    let mut wrong: Vec<Text> = documents
        .matrix
        .wrong()
        .map(|(part, row)| {
            let column = row.field.clone().unwrap_or_else(|| row.headers.join(", "));
            let verdict = row.verdict.text();
            Text::new(
                format!("{} 的列 {column}：{}", part.export, verdict.zh),
                format!("{}, column {column}: {}", part.export, verdict.en),
            )
        })
        .collect();
    // The matrix is worked out from the columns of the files; `fields_read` is recorded
    // independently when the export is read.
    for export in &evidence.manifest().exports {
        let name = &export.export;
        let part = documents
            .matrix
            .exports
            .iter()
            .find(|part| part.export == *name);
        for field in &export.fields_read {
            let row = part.and_then(|part| {
                part.columns
                    .iter()
                    .find(|row| row.field.as_ref() == Some(field))
            });
            if row.is_none_or(|row| row.needs.is_empty()) {
                wrong.push(Text::new(
                    format!("{name} 读取了 {field}，但没有任何用途"),
                    format!("{name}: {field} was read although nothing needs it"),
                ));
            }
        }
    }
    let written = evidence.read("minimisation/matrix.json");
    let written = written.and_then(|bytes| MatrixDocument::parse(&bytes).ok());
    // The versions differ in needs that the schemas of an older round do not have, and in who
    // sees what.
    let expected = match &written {
        Some(written) => documents.matrix.document_of(written.version),
        None => documents.matrix.document(),
    };
    if written.as_ref() != Some(&expected) {
        wrong.push(Text::new(
            "minimisation/matrix.json 与由模式和规则文件重新推出的不同",
            "minimisation/matrix.json differs from the matrix worked out again from schemas and policy",
        ));
    }
    use crate::minimisation::Verdict::ReadAsNeeded;
    let read = documents.matrix.count(ReadAsNeeded);
    Finding::of(
        wrong,
        Text::new(
            format!(
                "读取了{read}列，每列都有用途（由 configuration/ 重新推出，与 minimisation/matrix.json 相同）"
            ),
            format!(
                "{read} columns were read, each for a purpose (worked out again from configuration/, same as minimisation/matrix.json)"
            ),
        ),
    )
}

pub(super) fn unread_columns(evidence: &Evidence) -> Finding {
    let exports = &evidence.manifest().exports;
    if exports.is_empty() {
        return no_exports();
    }
    let mut wrong = Vec::new();
    let mut unread = 0;
    for export in exports {
        for file in &export.files {
            let not_read: Vec<&String> = file
                .columns
                .iter()
                .filter(|column| !column.read)
                .map(|column| &column.header)
                .collect();
            unread += not_read.len();
            let stated: Vec<&String> = file.columns_present_and_not_read.iter().collect();
            if file.columns.is_empty() || stated != not_read {
                let name = &file.file;
                wrong.push(Text::new(
                    format!("{name} 的未读列没有列全"),
                    format!("{name}: the list of columns that were not read is incomplete"),
                ));
            }
        }
    }
    let compared = match compare_headers(evidence) {
        Ok(count) => count,
        Err(found) => {
            wrong.extend(found);
            0
        }
    };
    let (zh, en) = if compared == 0 {
        (
            "导出已不在此处，未与其表头核对".to_owned(),
            "the exports are no longer here to compare".to_owned(),
        )
    } else {
        (
            format!("与{compared}个导出文件的表头核对相符"),
            format!("compared with the headers of {compared} export files"),
        )
    };
    Finding::of(
        wrong,
        Text::new(
            format!("列出{unread}列（manifest.json 的 columns_present_and_not_read）；{zh}"),
            format!(
                "{unread} columns are listed (columns_present_and_not_read in manifest.json); {en}"
            ),
        ),
    )
}

/// Opens the exports that are still present and compares their headers with the
/// manifest. Returns the number of files compared.
fn compare_headers(evidence: &Evidence) -> Result<usize, Vec<Text>> {
    let Some(planned) = &evidence.planned else {
        return Ok(0);
    };
    let Ok(documents) = &evidence.documents else {
        return Ok(0);
    };
    let mut wrong = Vec::new();
    let mut compared = 0;
    for read in &evidence.manifest().exports {
        let name = &read.export;
        let Some(planned) = planned.iter().find(|planned| planned.schema.name == *name) else {
            continue;
        };
        let mut faults = FaultCollector::new();
        let opened: Vec<Export> = open(&documents.policy, planned, &mut faults);
        if !faults.is_empty() {
            continue;
        }
        for (file, export) in read.files.iter().zip(&opened) {
            let stated = file.columns.iter();
            let stated: Vec<&str> = stated.map(|column| column.header.as_str()).collect();
            let found = columns_of(export, |_| false);
            let found: Vec<&str> = found.iter().map(|column| column.header.as_str()).collect();
            compared += 1;
            if stated != found {
                let path = &file.file;
                wrong.push(Text::new(
                    format!("{path} 的表头与运行记录所记不同"),
                    format!("{path}: its header differs from the manifest"),
                ));
            }
        }
    }
    if wrong.is_empty() {
        Ok(compared)
    } else {
        Err(wrong)
    }
}
