//! Prints the results of `run` and `resolve` about lists.

use aidlink_contract::screened_lead::NotVerified;
use aidlink_faults::personal_number::shown_path;
use aidlink_faults::text::Text;
use aidlink_office::round::Round;
use aidlink_office::terminal::Output;
use aidlink_procuratorate::lists::RoundLists;
use aidlink_procuratorate::lists::not_judged::title_of;
use aidlink_procuratorate::resolve::ResolvedRound;
use aidlink_procuratorate::summary::{LeadsByStatus, OpenLeadsShown, Summary};

/// The most columns without values that are printed.
const MOST_COLUMNS: usize = 5;

/// Prints how many leads are on each list, who could not be judged, what could not be
/// verified, why the lists are provisional, and the output folder.
pub(crate) fn say_lists(
    round: &Round,
    resolved: &ResolvedRound,
    lists: &RoundLists,
    summary: &Summary,
    output: Output,
) {
    let say = |zh: String, en: String| output.say(&Text::new(zh, en));
    for list in lists.for_review.iter().filter(|list| list.leads > 0) {
        let path = list.path();
        say(
            format!("  {path}：{}", list.leads),
            format!("  {path}: {}", list.leads),
        );
    }
    if let Some(LeadsByStatus {
        new,
        carried,
        open_again,
    }) = summary.leads_by_status
    {
        say(
            format!("  按登记簿：新增{new}条，续办{carried}条，重新列出{open_again}条"),
            format!("  by the register: {new} new, {carried} carried, {open_again} open again"),
        );
    }
    say_shown(lists, summary, output);
    for workbook in &lists.workbooks {
        let (path, persons, leads) = (workbook.path, workbook.persons, workbook.leads);
        say(
            format!("  供核查填写：{path}（{persons}人，{leads}条线索）"),
            format!("  to be filled in: {path} ({persons} persons, {leads} leads)"),
        );
    }
    for pages in &lists.person_pages {
        let (path, persons) = (pages.path, pages.persons);
        say(
            format!("  供走访打印，一人一档：{path}（{persons}人）"),
            format!("  to print for visits, a page a person: {path} ({persons} persons)"),
        );
    }
    say_not_judged(round, lists, summary, output);
    for (export, reason) in &resolved.not_verified_by {
        let terms = round.terms.export(export);
        let title = terms.map(|terms| terms.schema.title.clone());
        let title = title.unwrap_or_else(|| Text::new(export, export));
        let (zh, en) = match reason {
            NotVerified::Absent => ("缺失", "is absent"),
            NotVerified::Stale => ("过旧", "is stale"),
            NotVerified::NotJoined => (
                "按轮次文件不参与比对",
                "is not joined, as the round file says (`not_joined`)",
            ),
        };
        say(
            format!(
                "  “{}”{zh}：相关线索标为“未能核实”；仅能由其发现的人员，本轮可能遗漏",
                title.zh
            ),
            format!(
                "  {} {en}: leads that need it are marked \"not verified\"; people who can be found only through it may be missed",
                title.en
            ),
        );
    }
    for reason in &resolved.provisional {
        let text = reason.text();
        say(
            format!("清单为暂定：{}", text.zh),
            format!("The lists are provisional: {}", text.en),
        );
    }
    let folder = shown_path(&round.paths.output);
    say(
        format!("已写入 {folder}（保密，仅限本人读取）"),
        format!("Written to {folder} (confidential, owner-only)"),
    );
}

/// Prints what the round shows of leads that are open in the register.
fn say_shown(lists: &RoundLists, summary: &Summary, output: Output) {
    let say = |zh: String, en: String| output.say(&Text::new(zh, en));
    let Some(OpenLeadsShown {
        delivered,
        dead,
        moved,
    }) = summary.open_leads
    else {
        return;
    };
    match delivered {
        None => say(
            "  登记簿中未办结的线索：筛查机构没有收到登记簿的移送登记，未告知谁已在领取".to_owned(),
            "  leads that are open in the register: the centre had no referrals of the register, so it does not say who receives the aid by now".to_owned(),
        ),
        Some(delivered) => say(
            format!("  登记簿中未办结的线索：名册显示已在领取{delivered}条"),
            format!(
                "  leads that are open in the register: {delivered} whose aid is received, as registers show"
            ),
        ),
    }
    say(
        format!("  登记簿中未办结的线索：案件数据载明已死亡{dead}条，户籍地与登记簿不同{moved}条"),
        format!(
            "  leads that are open in the register: by the case export {dead} of persons who have died, {moved} of persons registered elsewhere than in the register"
        ),
    );
    for table in &lists.for_register {
        let (path, leads) = (table.path, table.leads);
        say(format!("  {path}：{leads}"), format!("  {path}: {leads}"));
    }
}

/// Prints how many persons could not be judged, and which columns would decide most.
fn say_not_judged(round: &Round, lists: &RoundLists, summary: &Summary, output: Output) {
    let say = |zh: String, en: String| output.say(&Text::new(zh, en));
    let persons: usize = lists.not_judged.iter().map(|list| list.persons).sum();
    if persons == 0 {
        return;
    }
    say(
        format!("未能判断{persons}人：案件导出内容不足，名册中也没有记录："),
        format!(
            "{persons} persons could not be judged: the case export says too little, and no register knows more:"
        ),
    );
    for list in lists.not_judged.iter().filter(|list| list.persons > 0) {
        let (path, persons) = (list.path, list.persons);
        say(
            format!("  {path}：{persons}"),
            format!("  {path}: {persons}"),
        );
    }
    let columns = summary
        .not_judged
        .iter()
        .flat_map(|figures| &figures.by_column);
    let (mut zh, mut en) = (Vec::new(), Vec::new());
    for column in columns.take(MOST_COLUMNS) {
        let export = round.terms.export(&column.export);
        let schema = export.map(|export| &export.schema);
        let title = schema.and_then(|schema| Some(title_of(schema, schema.field(&column.field)?)));
        if let Some(title) = title {
            zh.push(format!("{}（{}人）", title.zh, column.persons));
            en.push(format!("{} ({})", title.en, column.persons));
        }
    }
    if !zh.is_empty() {
        say(
            format!("  补充下列列最有用：{}", zh.join("、")),
            format!("  these columns would decide most: {}", en.join(", ")),
        );
    }
}
