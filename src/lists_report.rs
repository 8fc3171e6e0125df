//! Prints the results of `run` and `resolve` about match lists.

use std::collections::BTreeMap;
use std::path::Path;

use aidlink_contract::screened_lead::{NotVerified, Provisional};
use aidlink_faults::personal_number::shown_path;
use aidlink_faults::text::Text;
use aidlink_office::terminal::Output;
use aidlink_procuratorate::lists::match_list::MatchList;

/// Prints how many leads are on each list, what could not be verified, why the
/// lists are provisional, and the output folder.
pub(crate) fn say_lists(
    folder: &Path,
    not_verified_by: &BTreeMap<String, NotVerified>,
    lists: &[MatchList],
    provisional: &[Provisional],
    output: Output,
) {
    let say = |zh: String, en: String| output.say(&Text::new(zh, en));
    for list in lists.iter().filter(|list| list.leads > 0) {
        say(
            format!("  lists/for-review/{}.csv：{}", list.name, list.leads),
            format!("  lists/for-review/{}.csv: {}", list.name, list.leads),
        );
    }
    for (export, reason) in not_verified_by {
        let (zh, en) = match reason {
            NotVerified::Absent => ("缺失", "absent"),
            NotVerified::Stale => ("过旧", "stale"),
        };
        say(
            format!("  {export} {zh}：相关线索标为“未能核实”；仅能由其发现的人员，本轮可能遗漏"),
            format!(
                "  {export} is {en}: leads that need it are marked \"not verified\"; people who can be found only through it may be missed"
            ),
        );
    }
    for reason in provisional {
        let text = reason.text();
        say(
            format!("清单为暂定：{}", text.zh),
            format!("The lists are provisional: {}", text.en),
        );
    }
    let folder = shown_path(folder);
    say(
        format!("已写入 {folder}（保密，仅限本人读取）"),
        format!("Written to {folder} (confidential, owner-only)"),
    );
}
