//! Writes the rejects file of each agency: the rows that it must correct. Rejects
//! depend only on checks that every row goes through, so they do not reveal a
//! match, and they contain no value of a row.

use std::collections::BTreeMap;
use std::path::Path;

use aidlink_faults::personal_number::shown_path;

use crate::spreadsheet_csv;

use crate::exports::ReadExport;

/// Returns the content of each agency's rejects file, by agency id. A file is
/// written even if it has no rejects.
pub fn rejects_files(exports: &[ReadExport]) -> BTreeMap<String, Vec<u8>> {
    let header = [
        "export 导出",
        "file 文件",
        "record 记录号",
        "line 行号",
        "column 列",
        "reason 原因代码",
        "说明",
        "explanation",
        "sheet 工作表",
    ];
    let mut tables: BTreeMap<String, Vec<Vec<String>>> = BTreeMap::new();
    for export in exports {
        let planned = &export.planned;
        let table = tables
            .entry(planned.schema.agency.clone())
            .or_insert_with(|| vec![header.map(str::to_owned).to_vec()]);
        for reject in &export.report.rejects {
            let text = reject.reason.text();
            let file = export.files.get(reject.table);
            let path = file.map(|file| shown_path(Path::new(&file.written_path)));
            let sheet = file.and_then(|file| file.sheet.clone());
            table.push(vec![
                planned.schema.name.clone(),
                path.unwrap_or_default(),
                reject.record.to_string(),
                reject.line.to_string(),
                reject.column.clone().unwrap_or_default(),
                reject.reason.code().to_owned(),
                text.zh,
                text.en,
                sheet.unwrap_or_default(),
            ]);
        }
    }
    tables
        .into_iter()
        .map(|(agency, table)| (agency, spreadsheet_csv::to_bytes(&table)))
        .collect()
}
