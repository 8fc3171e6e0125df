//! Prints the proof by execution that `audit --prove-minimisation` makes.

use aidlink_audit::proof::{ColumnProof, ExportProof, Proof, scope};
use aidlink_faults::text::Text;
use aidlink_office::terminal::Output;

/// Prints the proof column by column.
pub(crate) fn say_proof(proof: &Proof, output: Output) {
    let say = |zh: String, en: String| output.say(&Text::new(zh, en));
    let sentence = proof.sentence();
    say(
        format!("运行证明：{}", sentence.zh),
        format!("Proof by execution: {}", sentence.en),
    );
    for export in &proof.exports {
        say_export(export, output);
    }
    if !proof.exports.is_empty() {
        let scope = scope();
        say(format!("  {}", scope.zh), format!("  {}", scope.en));
    }
}

fn say_export(export: &ExportProof, output: Output) {
    let say = |zh: String, en: String| output.say(&Text::new(zh, en));
    let (title, id) = (&export.title, &export.export);
    say(
        format!("  {}（{id}）", title.zh),
        format!("  {} ({id})", title.en),
    );
    for column in &export.columns {
        let text = line(column);
        say(format!("    {}", text.zh), format!("    {}", text.en));
    }
    let control = export.control.text();
    say(format!("    {}", control.zh), format!("    {}", control.en));
}

fn line(column: &ColumnProof) -> Text {
    let (result, name, stated) = (column.result.text(), column.name(), column.stated_text());
    let (rows, differed) = (column.rows, column.rows_differed);
    let reason = column.reason();
    let (zh, en) = match reason == Text::default() {
        true => (String::new(), String::new()),
        false => (format!("：{}", reason.zh), format!(": {}", reason.en)),
    };
    Text::new(
        format!(
            "{}  {}（{}；{rows}行中{differed}行换入不同的单元格）{zh}",
            result.zh, name.zh, stated.zh
        ),
        format!(
            "{:<11} {} ({}; {differed} of {rows} rows got another cell){en}",
            result.en, name.en, stated.en
        ),
    )
}
