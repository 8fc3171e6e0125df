//! The first sheet of the workbook: what the list is and how to fill it in.

use aidlink_faults::text::Text;
use aidlink_office::round::RoundTerms;
use aidlink_register::decision::Finding;

use crate::lists::columns::{Mark, Urgency};
use crate::lists::marking::Marking;

/// How much is in a workbook.
pub(super) struct Figures {
    /// Whether it is of minors and persons of unknown age.
    pub(super) minors: bool,
    /// Whether the round reads a register.
    pub(super) has_register: bool,
    /// Persons with leads.
    pub(super) persons: usize,
    /// Persons who could not be judged.
    pub(super) not_judged: usize,
    /// The sheets of leads, each with the number of its leads.
    pub(super) sheets: Vec<(String, usize)>,
}

/// Returns labels and texts of the sheet.
pub(super) fn entries(
    terms: &RoundTerms,
    figures: &Figures,
    marking: &Marking,
) -> Vec<(String, String)> {
    let language = terms.list_language;
    let mut entries: Vec<(String, String)> = Vec::new();
    let mut add = |label: [&str; 2], text: Text| {
        let label = Text::new(label[0], label[1]);
        let (label, text) = (label.in_language(language), text.in_language(language));
        entries.push((label.to_owned(), text.to_owned()));
    };
    let leads: usize = figures.sheets.iter().map(|(_, leads)| leads).sum();
    let (persons, not_judged) = (figures.persons, figures.not_judged);
    add(
        ["本表", "This workbook"],
        match figures.minors {
            true => Text::new(
                format!(
                    "未成年人（含年龄不明者）的救助线索：{persons}人，{leads}条；未能判断的{not_judged}人。仅供检察机关核查，与成年人的表分开保管"
                ),
                format!(
                    "leads of minors and of persons of unknown age: {persons} persons, {leads} leads; {not_judged} persons not judged. For the procuratorate alone; keep it apart from that of adults"
                ),
            ),
            false => Text::new(
                format!(
                    "成年人的救助线索：{persons}人，{leads}条；未能判断的{not_judged}人。仅供检察机关核查"
                ),
                format!(
                    "leads of adults: {persons} persons, {leads} leads; {not_judged} persons not judged. For the procuratorate alone"
                ),
            ),
        },
    );
    for (sheet, leads) in &figures.sheets {
        let text = format!("“{sheet}”：{leads}");
        add(
            ["线索数", "Leads"],
            Text::new(text, format!("\"{sheet}\": {leads}")),
        );
    }
    add(
        ["保密", "Confidentiality"],
        Text::new(
            "含当事人姓名和案件情况。不得复制、外传，不得发给其他单位：移送另用移送函。请勿填写证件号码、电话号码、银行卡号",
            "names parties to cases. Do not copy it or pass it on, also not to the agencies named here: a referral takes a letter of its own. Do not write ID, telephone or bank card numbers",
        ),
    );
    let policy = &terms.policy;
    add(["轮次", "Round"], Text::new(&terms.round, &terms.round));
    add(
        ["基准日", "As of"],
        Text::new(
            format!("{}：年龄、领取情况和各项条件均以此日为准", terms.as_of),
            format!(
                "{}: ages, what is received and every condition are judged for this day",
                terms.as_of
            ),
        ),
    );
    let issued_on = terms.issued_on.to_string();
    add(["签发日期", "Issued on"], Text::new(&issued_on, &issued_on));
    add(
        ["规则文件", "Policy"],
        Text::new(
            format!(
                "{}（{} 第{}版）",
                policy.title.zh, policy.id, policy.version
            ),
            format!(
                "{} ({} version {})",
                policy.title.en, policy.id, policy.version
            ),
        ),
    );
    let until = terms.retention_until;
    add(
        ["删除期限", "Delete by"],
        Text::new(
            format!("{until}。到期由 aidlink purge 连同本轮数据一并删除；另存的副本须自行删除"),
            format!(
                "{until}. `aidlink purge` deletes it with the round's data; delete copies elsewhere yourself"
            ),
        ),
    );
    let joined = |items: &[String]| items.join("；");
    if !marking.provisional.is_empty() {
        let items = joined(&marking.provisional);
        add(["暂定", "Provisional"], Text::new(items.clone(), items));
    }
    if !marking.not_screened.is_empty() {
        let items = joined(&marking.not_screened);
        add(
            ["未与下列数据比对", "Not screened against"],
            Text::new(
                format!("{items}。仅能由其发现的人员本表没有；是否已在领取请向有关单位核实"),
                format!(
                    "{items}. People whom only these would show are not here; ask these agencies whether the aid is received already"
                ),
            ),
        );
    }
    if !marking.stated.is_empty() {
        let items = joined(&marking.stated);
        add(
            ["轮次文件注明", "Stated by the round file"],
            Text::new(
                format!("案件当事人的每一行：{items}"),
                format!("for every case row: {items}"),
            ),
        );
    }
    add(
        ["线索是什么", "What a lead is"],
        Text::new(
            "一人一项救助。此人看来符合条件、没有领取、也没有移送过。程序不作决定：每条线索须由人核查",
            "one person and one aid: the person appears to qualify, does not receive it and was not referred. The program decides nothing: a person checks every lead",
        ),
    );
    add(
        ["轻重缓急", "Urgency"],
        Text::new(
            format!(
                "“{}”：有紧急情形，最先核查；“{}”：优先对象；“{}”",
                Urgency::Urgent.text().zh,
                Urgency::Priority.text().zh,
                Urgency::Ordinary.text().zh
            ),
            format!(
                "\"{}\": an emergency, to be checked first; \"{}\": a priority group; \"{}\"",
                Urgency::Urgent.text().en,
                Urgency::Priority.text().en,
                Urgency::Ordinary.text().en
            ),
        ),
    );
    add(
        ["依据程度", "Grade"],
        Text::new(
            "“已有依据”：两方面的条件都有记录证明；“待核实”：一方面有依据，另一方面没有不符合的记录，须查明“尚不明确的条件”",
            "\"established\": records show both sides of the conditions; \"to be clarified\": one side has evidence and nothing speaks against the other; find out the \"conditions not yet known\"",
        ),
    );
    if figures.has_register {
        add(
            ["线索状态", "Status"],
            Text::new(
                "对照登记簿：“新增”；“续办”：此前各轮已列出，尚未办结；“重新列出”：曾办结，现又列出，原因见“重新列出原因”。人员编号沿用第一次列出时的编号",
                "by the register: \"new\"; \"carried\": an earlier round listed it, and it has not ended; \"open again\": it had ended, and \"why listed again\" says why the person is a lead again. A person keeps the number of the first round",
            ),
        );
    }
    let mark = |mark: Mark| mark.text();
    let (receipt, referral) = (
        mark(Mark::ReceiptNotVerified),
        mark(Mark::ReferralNotVerified),
    );
    add(
        ["核查事项中的标记", "Marks in \"what to check\""],
        Text::new(
            format!(
                "{}：没有数据可查是否已在领取；{}：没有数据可查是否移送过；“案件导出中无法读取的列”：请查案卷",
                receipt.zh, referral.zh
            ),
            format!(
                "{}: no data shows whether the aid is received; {}: none shows whether the person was referred; \"columns of the case row that could not be read\": see the file",
                receipt.en, referral.en
            ),
        ),
    );
    add(
        ["怎样填写", "How to fill it in"],
        Text::new(
            "在表头为粗框的列中填写，直接保存在本文件（仍用原文件名、xlsx 格式）。核对时显示为“已填写”，不算改动。可以排序、筛选，请勿删除行、列或改动已有内容。lists/ 中的清单是原件，请勿改动",
            "fill in the columns whose header has a thick frame, and save this file under its name, as xlsx. `audit verify` then calls it filled in, and not changed. Sort and filter as you like; do not delete rows or columns or change what is there. The lists in lists/ are the originals: leave them as they are",
        ),
    );
    add(
        ["一人多项", "One person, several aids"],
        Text::new(
            "“人员”表一人一行。在此填写的结论适用于此人的全部线索；某条线索另有结论的，填在该单位的表中，以该处为准",
            "the sheet of persons has a row for each person. What is decided there holds for all leads of the person, except for a lead that is decided on an agency's sheet",
        ),
    );
    for finding in Finding::ALL {
        let (text, meaning) = (finding.text(), finding.meaning());
        add(
            ["核查结论", "Decision"],
            Text::new(
                format!("“{}”：{}", text.zh, meaning.zh),
                format!("\"{}\": {}", text.en, meaning.en),
            ),
        );
    }
    add(
        ["理由", "Reason"],
        Text::new(
            "不予移送的必须选择，选项的含义见最后一张表；需要说明的写在备注中",
            "required if rejected; the last sheet says what each choice means. Write explanations in the remark",
        ),
    );
    add(
        ["办理期限", "Act by"],
        Text::new(
            "按签发日期和工作日计算；自核查确认之日起算的，以确认之日为准。“暂定”：当年放假安排尚未公布",
            "counted in working days from the day of issue; it counts from the day on which a lead is confirmed. \"provisional\": the calendar of that year is not out",
        ),
    );
    if figures.not_judged > 0 {
        add(
            ["未能判断", "Not judged"],
            Text::new(
                "案件导出内容不足，名册中也没有记录的人员。他们不是线索，也不是不符合：补充所缺的列后重新运行，或直接查阅案卷",
                "persons of whom the case export says too little and no register knows more. They are no leads, and not rejected either: fill in the missing columns and run again, or look into the file",
            ),
        );
    }
    entries
}
