//! Checks of the match lists.

use std::collections::BTreeSet;
use std::path::Path;

use aidlink_contract::grade::Grade;
use aidlink_faults::personal_number::shown_path;
use aidlink_faults::text::Text;

use super::finding::{Finding, no_documents, no_lists};
use crate::evidence::{Evidence, List, SecondOutput, SecondRun};
use aidlink_agency::spreadsheet_csv::read_csv;
use aidlink_files::document::Document as _;
use aidlink_office::manifest::{Software, StepKind};
use aidlink_office::round::CONFIGURATION;
use aidlink_policy::pack::{Aid, Policy};
use aidlink_procuratorate::lists::columns::{ActBy, CitedAid, ListRow, Mark};
use aidlink_procuratorate::lists::match_list::list_name;
use aidlink_procuratorate::lists::not_judged;
use aidlink_procuratorate::summary::{SUMMARY, Summary};

/// Checks every row of every list; `wrong` returns what is wrong with a row. Returns the
/// number of rows and all faults.
fn each_row(
    evidence: &Evidence,
    mut wrong: impl FnMut(&List, &ListRow) -> Option<Text>,
) -> (usize, Vec<Text>) {
    let mut found = Vec::new();
    let mut rows = 0;
    for list in &evidence.lists {
        let path = &list.path;
        if !list.has_its_columns {
            found.push(Text::new(
                format!("{path} 被改动，或其列与清单应有的列不符"),
                format!("{path} was changed, or does not have the columns of a list"),
            ));
            continue;
        }
        for (line, row) in &list.rows {
            rows += 1;
            let fault = match row {
                Some(row) => wrong(list, row),
                None => Some(Text::new("列数不对", "wrong number of columns")),
            };
            if let Some(fault) = fault {
                found.push(Text::new(
                    format!("{path}:{line}：{}", fault.zh),
                    format!("{path}:{line}: {}", fault.en),
                ));
            }
        }
    }
    (rows, found)
}

/// Compares the review workbooks with the lists: every lead on a sheet must be on a list of
/// the sheet's recipient. Returns the number of leads on such sheets, and all faults.
fn workbook_recipients(evidence: &Evidence) -> (usize, Vec<Text>) {
    let mut found = Vec::new();
    let mut rows = 0;
    for workbook in &evidence.workbooks {
        let path = &workbook.path;
        let Some(read) = &workbook.read else {
            found.push(Text::new(
                format!("{path} 无法读取"),
                format!("{path} cannot be read"),
            ));
            continue;
        };
        for sheet in &read.sheets {
            let Some(list) = &sheet.list else {
                continue;
            };
            let place = sheet.place;
            let Some(leads) = &sheet.leads else {
                found.push(Text::new(
                    format!("{path} 第{place}张表没有线索编号列"),
                    format!("{path}: sheet {place} has no column of lead numbers"),
                ));
                continue;
            };
            let numbers = numbers_of(evidence, |name| name.trim_end_matches(MINORS) == list);
            for (row, number) in leads {
                rows += 1;
                if !numbers.contains(number.as_str()) {
                    found.push(Text::new(
                        format!("{path} 第{place}张表第{row}行：线索不在 {list} 的清单上"),
                        format!("{path}: sheet {place}, row {row}: the lead is on no list {list}"),
                    ));
                }
            }
        }
    }
    (rows, found)
}

/// How the names of lists of minors end.
const MINORS: &str = ".minors";

/// Returns the numbers of the leads on lists.
fn numbers_of(evidence: &Evidence, of_list: impl Fn(&str) -> bool) -> BTreeSet<&str> {
    let lists = evidence.lists.iter().filter(|list| of_list(&list.name));
    let rows = lists.flat_map(|list| &list.rows);
    let rows = rows.filter_map(|(_, row)| row.as_ref());
    rows.map(|row| row.number.as_str()).collect()
}

/// Returns the aids of the policy, each with its name on the lists of the round.
fn cited_aids<'p>(evidence: &Evidence, policy: &'p Policy) -> Vec<(CitedAid, &'p Aid)> {
    let language = evidence.list_language();
    let aids = policy.aids.iter();
    aids.map(|aid| (CitedAid::of(policy, aid, language), aid))
        .collect()
}

pub(super) fn recipients(evidence: &Evidence) -> Finding {
    if let Some(finding) = no_lists(evidence) {
        return finding;
    }
    let Ok(documents) = &evidence.documents else {
        return no_documents();
    };
    let aids = cited_aids(evidence, &documents.policy);
    let (rows, wrong) = each_row(evidence, |list, row| {
        let of_list = aids.iter().any(|(cited, aid)| {
            [false, true]
                .into_iter()
                .any(|minor| list_name(aid, minor) == list.name)
                && row.aid == *cited
        });
        (!of_list).then(|| {
            Text::new(
                "救助项目不属于此清单的接收方",
                "the aid does not belong to the recipient of this list",
            )
        })
    });
    let (in_workbooks, differ) = workbook_recipients(evidence);
    let (lists, workbooks) = (evidence.lists.len(), evidence.workbooks.len());
    Finding::of(
        [wrong, differ].concat(),
        Text::new(
            format!(
                "{lists}份清单，{rows}行，逐行核对救助项目；{workbooks}份核查工作簿，{in_workbooks}行，均在相应清单上"
            ),
            format!(
                "{lists} lists, {rows} rows; the aid of each row was checked; {workbooks} review workbooks, {in_workbooks} rows, each on its list"
            ),
        ),
    )
}

pub(super) fn minors(evidence: &Evidence) -> Finding {
    if let Some(finding) = no_lists(evidence) {
        return finding;
    }
    let Ok(documents) = &evidence.documents else {
        return no_documents();
    };
    let summary = evidence.read(SUMMARY);
    let Some(summary) = summary.and_then(|bytes| Summary::parse(&bytes).ok()) else {
        return Finding::not_held(
            "summary.json 缺失或已损坏",
            "summary.json is missing or damaged",
        );
    };
    let mut wrong = Vec::new();
    let (mut adults, mut minors) = (0, 0);
    for (cited, aid) in cited_aids(evidence, &documents.policy) {
        let figures = summary.leads_by_aid.get(&aid.id);
        for (stated, minor, sum) in [
            (figures.map(|figures| figures.adults), false, &mut adults),
            (figures.map(|figures| figures.minors), true, &mut minors),
        ] {
            let name = list_name(aid, minor);
            let lists = evidence.lists.iter().filter(|list| list.name == name);
            let rows = lists.flat_map(|list| &list.rows);
            let found = rows
                .filter(|(_, row)| row.as_ref().is_some_and(|row| row.aid == cited))
                .count() as u64;
            *sum += found;
            if stated != Some(found) {
                wrong.push(Text::new(
                    format!(
                        "{name}.csv 有 {} 的线索{found}条，与 summary.json 所记不同",
                        aid.id
                    ),
                    format!(
                        "{name}.csv has {found} leads for {}, and summary.json has another number",
                        aid.id
                    ),
                ));
            }
        }
    }
    for workbook in &evidence.workbooks {
        let own = |name: &str| name.ends_with(MINORS) == workbook.minors;
        let numbers = numbers_of(evidence, own);
        let sheets = workbook.read.iter().flat_map(|read| &read.sheets);
        let leads = sheets.filter_map(|sheet| Some((sheet.place, sheet.leads.as_ref()?)));
        let shown = leads.clone().flat_map(|(_, leads)| leads);
        let shown: BTreeSet<&str> = shown.map(|(_, number)| number.as_str()).collect();
        let missing = numbers.difference(&shown).count();
        // What a reviewer removed is still on the list.
        if missing > 0 && workbook.read.is_some() && !workbook.filled_in {
            let path = &workbook.path;
            wrong.push(Text::new(
                format!("{path} 缺少清单上的{missing}条线索"),
                format!("{path} lacks {missing} leads of the lists"),
            ));
        }
        for (place, leads) in leads {
            let foreign = leads.iter();
            let foreign = foreign.filter(|(_, number)| !numbers.contains(number.as_str()));
            let foreign = foreign.count();
            if foreign > 0 {
                let path = &workbook.path;
                let (zh, en) = match workbook.minors {
                    true => ("未成年人", "minors"),
                    false => ("成年人", "adults"),
                };
                wrong.push(Text::new(
                    format!("{path} 第{place}张表有{foreign}条线索不在{zh}的清单上"),
                    format!(
                        "{path}: sheet {place} has {foreign} leads that are on no list of {en}"
                    ),
                ));
            }
        }
    }
    // Summaries before version 3 have no such persons, and their folders no such lists.
    let not_judged = summary.not_judged.iter();
    let not_judged = not_judged.flat_map(|persons| {
        [
            (not_judged::ADULTS, persons.adults),
            (not_judged::MINORS, persons.minors),
        ]
    });
    for (path, stated) in not_judged {
        let content = evidence.read(path).and_then(|bytes| read_csv(&bytes));
        let found = content.map(|(_, rows)| rows.len() as u64);
        if found != Some(stated) {
            wrong.push(Text::new(
                format!("{path} 缺失，或其人数与 summary.json 所记不同"),
                format!("{path} is missing, or summary.json has another number of persons"),
            ));
        }
    }
    Finding::of(
        wrong,
        Text::new(
            format!(
                "未成年人（及年龄不明者）{minors}条都在 *.minors.csv，成年人{adults}条都不在（与 summary.json 相符）"
            ),
            format!(
                "all {minors} leads of minors (and of persons of unknown age) are in *.minors.csv, and none of the {adults} leads of adults is (same as in summary.json)"
            ),
        ),
    )
}

pub(super) fn rules(evidence: &Evidence) -> Finding {
    if let Some(finding) = no_lists(evidence) {
        return finding;
    }
    let Ok(documents) = &evidence.documents else {
        return no_documents();
    };
    let policy = &documents.policy;
    let (rows, wrong) = each_row(evidence, |_, row| {
        let Some(rules) = row.rules.value().filter(|rules| rules.belong_to(policy)) else {
            return Some(Text::new(
                "没有规则编号和版本，或规则文件中没有此规则",
                "rule ids or version are missing, or the policy has no such rule",
            ));
        };
        // A lead without a rule that is yes rests on what is indicated, and must say so.
        let must_be_clarified = row.grade.value() == Some(&Some(Grade::ToBeClarified))
            || row.to_check.marks.contains(&Mark::Review);
        if rules.rules.is_empty() && !must_be_clarified {
            return Some(Text::new(
                "没有规则编号，也没有标明待核实",
                "no rule is named, and the lead is not marked as to be clarified",
            ));
        }
        let nothing = row.to_check.is_empty();
        nothing.then(|| Text::new("没有核查事项", "the items to check are missing"))
    });
    Finding::of(
        wrong,
        Text::new(
            format!(
                "{rows}条线索均有 {} 第{}版的规则编号和核查事项",
                policy.id, policy.version
            ),
            format!(
                "{rows} leads, each with rules of {} version {} and with items to check",
                policy.id, policy.version
            ),
        ),
    )
}

pub(super) fn deadlines(evidence: &Evidence) -> Finding {
    if let Some(finding) = no_lists(evidence) {
        return finding;
    }
    let Ok(documents) = &evidence.documents else {
        return no_documents();
    };
    let issued_on = evidence.manifest().issued_on;
    let aids = cited_aids(evidence, &documents.policy);
    let mut provisional = 0;
    let (rows, wrong) = each_row(evidence, |_, row| {
        let of_row = aids.iter().find(|(cited, _)| row.aid == *cited);
        let deadline = of_row.and_then(|(_, aid)| {
            let deadline = documents.policy.deadline(&aid.deadline)?;
            ActBy::of(deadline, issued_on, &documents.calendar)
        });
        let expected = deadline;
        let is_marked = |act_by: &ActBy| act_by.is_provisional();
        provisional += usize::from(expected.as_ref().is_some_and(is_marked));
        let fits = row.act_by.value() == Some(&expected);
        (!fits).then(|| {
            Text::new(
                "期限与由规则文件和日历推出的不同，或未标为暂定",
                "the deadline differs from that of policy and calendar, or is not marked provisional",
            )
        })
    });
    Finding::of(
        wrong,
        Text::new(
            format!(
                "{rows}个期限与由 configuration/calendar.toml 重新推出的相同；{provisional}个标为暂定"
            ),
            format!(
                "{rows} deadlines were worked out again from configuration/calendar.toml and are the same; {provisional} are marked provisional"
            ),
        ),
    )
}

fn not_produced(path: &str) -> Text {
    let path = shown_path(Path::new(path));
    Text::new(
        format!("重新运行没有生成 {path}"),
        format!("the second run did not produce {path}"),
    )
}

/// Returns the paths of files that the step is said to have written, or that are among its lists,
/// and that the second run does not make. Another check looks at workbooks, others at the round's
/// documents and the matrix.
fn not_made(evidence: &Evidence, made: &SecondOutput) -> BTreeSet<String> {
    let outputs = evidence.manifest().outputs.iter();
    let outputs = outputs.filter(|output| {
        let folder = output.file.split('/').next().unwrap_or_default();
        !output.is_to_fill_in() && ![CONFIGURATION, "minimisation"].contains(&folder)
    });
    let mut others: BTreeSet<String> = outputs.map(|output| output.file.clone()).collect();
    let verification = &evidence.verification;
    let below = verification.opened.below();
    let lists = below.files.iter().map(|file| file.name());
    let lists = lists.filter(|path| path.starts_with("lists/"));
    others.extend(lists.filter(|path| !verification.left_by_programs.contains(path)));
    for (path, _) in made.lists.iter().chain(&made.person_pages) {
        others.remove(path);
    }
    for (path, _) in made.rejects.iter().chain(&made.workbooks) {
        others.remove(path);
    }
    others.remove(SUMMARY);
    others
}

pub(super) fn second_run(evidence: &Evidence) -> Finding {
    if let Some(finding) = no_lists(evidence) {
        return finding;
    }
    let is_asked = !matches!(evidence.second_run, SecondRun::NotAsked);
    if is_asked && evidence.step() != StepKind::Run {
        return Finding::not_applicable(
            "分步模式须由各机构自行重新运行",
            "in split mode, each office must run its step again itself",
        );
    }
    let made = match &evidence.second_run {
        SecondRun::NotAsked => {
            return Finding::not_applicable(
                "未要求重新运行：请加 --rerun（须有导出和密钥）",
                "no second run was requested: add --rerun (it needs the exports and the key)",
            );
        }
        SecondRun::NotPossible => {
            return Finding::not_applicable(
                "轮次文件、导出或密钥已不在此处，或轮次文件已改动",
                "the round file, an export or the key is no longer here, or the round file was changed",
            );
        }
        SecondRun::Failed => return Finding::not_held("重新运行失败", "the second run failed"),
        SecondRun::Made(made) => made,
    };
    let mut differ: Vec<Text> = Vec::new();
    let mut differs =
        |path: &str| differ.push(Text::new(format!("{path} 不同"), format!("{path} differs")));
    for (path, bytes) in made.lists.iter().chain(&made.person_pages) {
        if evidence.read(path).as_ref() != Some(bytes) {
            differs(path);
        }
    }
    for (path, digest) in &made.rejects {
        let mut outputs = evidence.manifest().outputs.iter();
        if !outputs.any(|output| output.file == *path && output.blake3 == *digest) {
            differs(path);
        }
    }
    if evidence.read(SUMMARY).as_ref() != Some(&made.summary) {
        differs(SUMMARY);
    }
    let others = not_made(evidence, made);
    differ.extend(others.iter().map(|path| not_produced(path)));
    let outputs = evidence.manifest().outputs.iter();
    let issued = outputs.filter(|output| output.is_to_fill_in());
    let issued: BTreeSet<(&str, &str)> = issued
        .map(|output| (output.file.as_str(), output.blake3.as_str()))
        .collect();
    let workbooks = made.workbooks.iter();
    let workbooks: BTreeSet<(&str, &str)> = workbooks
        .map(|(path, digest)| (path.as_str(), digest.as_str()))
        .collect();
    // Compared with what was issued: a workbook may have been filled in since.
    let paths = issued.symmetric_difference(&workbooks);
    let paths: BTreeSet<&str> = paths.map(|(path, _)| *path).collect();
    differ.extend(paths.into_iter().map(|path| {
        Text::new(
            format!("{path} 与签发时不同"),
            format!("{path} differs from what was issued"),
        )
    }));
    let running = Software::running("aidlink");
    let same = evidence.manifest().software.build == running.build;
    let with = if same {
        Text::new("同一程序", "the same program")
    } else {
        Text::new("另一版本的程序", "another build of the program")
    };
    let (count, workbooks) = (made.lists.len(), made.workbooks.len());
    let pages = made.person_pages.len();
    Finding::of(
        differ,
        Text::new(
            format!(
                "用{}重新运行，{count}份清单、{workbooks}份核查工作簿（签发时）、{pages}份一人一档和 summary.json 逐字节相同",
                with.zh
            ),
            format!(
                "run again with {}: {count} lists, {workbooks} review workbooks (as issued), {pages} files of person pages and summary.json are identical byte for byte",
                with.en
            ),
        ),
    )
}
