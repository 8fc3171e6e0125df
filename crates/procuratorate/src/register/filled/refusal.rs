//! Why a row of a filled list is not taken in.

use aidlink_faults::text::Text;

/// Why a row is not taken in. No message shows what a cell holds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum WhyRefused {
    /// The row cannot be split, or has more fields than the header.
    Row,
    /// Rows of leads stand above the header, or on a sheet without one.
    NoHeader,
    /// A column is there twice.
    TwoColumns,
    /// The cell holds an error value.
    ErrorValue,
    /// The cell is merged with one to its left.
    Merged,
    /// The cell holds a formula without its result.
    NoResult,
    /// The cell is not valid in the file's encoding.
    Encoding,
    /// There is no lead number.
    NoNumber,
    /// The number has not the form of a lead number.
    NotALeadNumber,
    /// The lists of the round have no such number.
    NotOfThisRound,
    /// The number is one of another round.
    OfAnotherRound(String),
    /// Lead number and person number are of different persons.
    OtherPerson,
    /// The name is not that of the lead.
    OtherName,
    /// The case number is not that of the lead.
    OtherCase,
    /// The aid is not that of the lead.
    OtherAid,
    /// The list was issued before this round's.
    OtherIssue,
    /// The header is merged over several columns, and something stands in a further one.
    MergedHeader,
    /// The list has no column for this.
    NoColumn,
    /// Persons who could not be judged have no lead.
    NotALead,
    /// A remark, a name or a day, without a decision.
    NoDecision,
    /// No word of the drop-down.
    UnknownDecision,
    /// No word of the drop-down.
    UnknownReason,
    /// Rejected without a reason.
    NoReason,
    /// A reason, without a decision.
    ReasonWithoutDecision,
    /// A reason with a decision that takes none.
    ReasonNotTaken,
    /// The reason "other", without a remark.
    OtherWithoutRemark,
    /// Nobody is named who decided.
    NoName,
    /// There is no day.
    NoDay,
    /// The day cannot be read to the day.
    UnreadableDay,
    /// The day has not come.
    InTheFuture,
    /// The day is before that of issue.
    BeforeIssue,
    /// An ID, telephone or bank card number.
    PersonalNumber,
    /// Longer than the register keeps.
    TooLong,
    /// Other rows, in this or another file, decide the same lead differently.
    Contradicted,
}

impl WhyRefused {
    /// Returns the code in documents.
    pub fn code(&self) -> &'static str {
        match self {
            WhyRefused::Row => "row",
            WhyRefused::NoHeader => "no_header",
            WhyRefused::TwoColumns => "two_columns",
            WhyRefused::ErrorValue => "error_value",
            WhyRefused::Merged => "merged",
            WhyRefused::NoResult => "no_result",
            WhyRefused::Encoding => "encoding",
            WhyRefused::NoNumber => "no_number",
            WhyRefused::NotALeadNumber => "not_a_lead_number",
            WhyRefused::NotOfThisRound => "not_of_this_round",
            WhyRefused::OfAnotherRound(_) => "of_another_round",
            WhyRefused::OtherPerson => "other_person",
            WhyRefused::OtherName => "other_name",
            WhyRefused::OtherCase => "other_case",
            WhyRefused::OtherAid => "other_aid",
            WhyRefused::OtherIssue => "other_issue",
            WhyRefused::MergedHeader => "merged_header",
            WhyRefused::NoColumn => "no_column",
            WhyRefused::NotALead => "not_a_lead",
            WhyRefused::NoDecision => "no_decision",
            WhyRefused::UnknownDecision => "unknown_decision",
            WhyRefused::UnknownReason => "unknown_reason",
            WhyRefused::NoReason => "no_reason",
            WhyRefused::ReasonWithoutDecision => "reason_without_decision",
            WhyRefused::ReasonNotTaken => "reason_not_taken",
            WhyRefused::OtherWithoutRemark => "other_without_remark",
            WhyRefused::NoName => "no_name",
            WhyRefused::NoDay => "no_day",
            WhyRefused::UnreadableDay => "unreadable_day",
            WhyRefused::InTheFuture => "in_the_future",
            WhyRefused::BeforeIssue => "before_issue",
            WhyRefused::PersonalNumber => "personal_number",
            WhyRefused::TooLong => "too_long",
            WhyRefused::Contradicted => "contradicted",
        }
    }

    /// Returns what is wrong and what to do.
    pub fn text(&self) -> Text {
        let (zh, en) = match self {
            WhyRefused::Row => (
                "此行无法读取，或比表头多出单元格；请用表格软件打开并另存",
                "the row cannot be read, or has more cells than the header; open the file in a spreadsheet program and save it again",
            ),
            WhyRefused::NoHeader => (
                "线索行上方没有表头；请把表头放回第一行线索之上",
                "there is no header above this row of a lead; put the header back above the first lead",
            ),
            WhyRefused::TwoColumns => (
                "有两列的表头相同，不知以哪一列为准；请改去其中一个表头。该表头以下各行均未收录",
                "two columns have the same header, and nobody knows which one counts; change one of the headers. No row below it is taken in",
            ),
            WhyRefused::ErrorValue => (
                "单元格是表格软件的错误值（如 #N/A）；请填写实际内容",
                "the cell holds an error value of the spreadsheet (such as #N/A); enter the value",
            ),
            WhyRefused::Merged => (
                "单元格与左侧单元格合并，不能确定其内容；请取消合并，逐格填写",
                "the cell is merged with the one to its left, so its value is not known; unmerge the cells and fill in each of them",
            ),
            WhyRefused::NoResult => (
                "单元格是没有保存结果的公式；请填写实际内容",
                "the cell holds a formula that was saved without its result; enter the value",
            ),
            WhyRefused::Encoding => (
                "单元格编码错误，无法读取；请另存为 XLSX 或“CSV UTF-8”",
                "the cell is not valid in the file's encoding; save the file as XLSX or \"CSV UTF-8\"",
            ),
            WhyRefused::NoNumber => (
                "已填写，但没有线索编号；请从签发的清单中补上",
                "filled in, but without a lead number; put it back from the list that was issued",
            ),
            WhyRefused::NotALeadNumber => (
                "线索编号不是本程序的编号；请从签发的清单中补上",
                "this is no lead number of this program; put it back from the list that was issued",
            ),
            WhyRefused::NotOfThisRound => (
                "本轮清单没有此编号：可能被改动，或属于另一轮；请与签发的清单核对",
                "the lists of this round have no such number: it was changed, or is of another round; compare it with the list that was issued",
            ),
            WhyRefused::OfAnotherRound(round) => {
                return Text::new(
                    format!("此编号或清单属于另一轮（{round}）；请按该轮收录"),
                    format!(
                        "the number or the list is of another round ({round}); take it in with that round"
                    ),
                );
            }
            WhyRefused::OtherPerson => (
                "线索编号与人员编号不是同一人的：可能只排序了部分列，或被改动；请与签发的清单核对",
                "lead number and person number are of different persons: only some columns were sorted, or a number was changed; compare them with the list that was issued",
            ),
            WhyRefused::OtherName => (
                "姓名不是此线索的：可能只排序了部分列，或被改动；请与签发的清单核对",
                "the name is not that of this lead: only some columns were sorted, or a cell was changed; compare it with the list that was issued",
            ),
            WhyRefused::OtherCase => (
                "案号是他人的，此人在登记簿中没有此案号：可能只排序了部分列，或被改动；请与签发的清单核对",
                "the case number is that of another person, and the register does not have it of this one: only some columns were sorted, or a cell was changed; compare it with the list that was issued",
            ),
            WhyRefused::OtherAid => (
                "救助项目不是此线索的：可能只排序了部分列，或被改动；请与签发的清单核对",
                "the aid is not that of this lead: only some columns were sorted, or a cell was changed; compare it with the list that was issued",
            ),
            WhyRefused::OtherIssue => (
                "该行的签发日期早于本轮清单：清单属于以前的轮次，或日期被改动；请按该轮收录，或从本轮签发的清单中补上日期",
                "the row's day of issue is before that of this round's lists: the list is of an earlier round, or the day was changed; take it in with that round, or put the day back from the list that was issued",
            ),
            WhyRefused::MergedHeader => (
                "该列表头横跨几列，不知以哪一列为准；请取消合并，把内容填在该列中",
                "the header of this column is merged over several, and nobody knows which one counts; unmerge it, and fill in that column",
            ),
            WhyRefused::NoColumn => (
                "此表没有这一列，填写的内容不能收录：可能被删除、改名，或与别的列合并；请从签发的清单中补上",
                "the list has no such column, so what was filled in is not taken in: it was deleted, renamed or merged; put it back from the list that was issued",
            ),
            WhyRefused::NotALead => (
                "未能判断的人员不是线索，此处填写的内容不收录；补充数据后重新运行，或用 aidlink register note 记录",
                "a person who could not be judged is no lead, and what is written here is not taken in; run again with more data, or record it with `aidlink register note`",
            ),
            WhyRefused::NoDecision => (
                "有备注、核查人或核查日期，但没有核查结论；请选择结论，或清空此行",
                "there is a remark, a name or a day, but no decision; choose one, or clear the row",
            ),
            WhyRefused::UnknownDecision => (
                "核查结论不是下拉列表中的选项；请从中选择，说明写在备注中",
                "the decision is none of the drop-down; choose one of them, and write explanations in the remark",
            ),
            WhyRefused::UnknownReason => (
                "理由不是下拉列表中的选项；请从中选择，说明写在备注中",
                "the reason is none of the drop-down; choose one of them, and write explanations in the remark",
            ),
            WhyRefused::NoReason => (
                "不予移送但没有理由；请从下拉列表中选择",
                "rejected without a reason; choose one from the drop-down",
            ),
            WhyRefused::ReasonWithoutDecision => (
                "有理由但没有核查结论；请选择结论，或清空理由",
                "there is a reason, but no decision; choose a decision, or clear the reason",
            ),
            WhyRefused::ReasonNotTaken => (
                "只有不予移送的线索填写理由；请改正结论，或清空理由并写在备注中",
                "only a rejected lead takes a reason; correct the decision, or clear the reason and write it in the remark",
            ),
            WhyRefused::OtherWithoutRemark => (
                "理由为“其他”但没有备注；请在“备注”列中写明，清单没有该列的可以自行添加",
                "the reason is \"other\", but there is no remark; write it in the column \"Remark\", and add that column to a list without one",
            ),
            WhyRefused::NoName => (
                "没有核查人；请填写，或用 --decided-by 统一指明",
                "nobody is named who decided; fill it in, or name one for all such rows with --decided-by",
            ),
            WhyRefused::NoDay => (
                "没有核查日期；请填写，或用 --decided-on 统一指明",
                "there is no day of the decision; fill it in, or give one for all such rows with --decided-on",
            ),
            WhyRefused::UnreadableDay => (
                "核查日期无法读取，或有多种含义；请写成 2026-10-08",
                "the day cannot be read, or has several meanings; write it as 2026-10-08",
            ),
            WhyRefused::InTheFuture => (
                "核查日期尚未到来；请改正",
                "the day of the decision has not come; correct it",
            ),
            WhyRefused::BeforeIssue => (
                "核查日期早于清单签发日期；请改正",
                "the day of the decision is before the list was issued; correct it",
            ),
            WhyRefused::PersonalNumber => (
                "含有证件号码、电话号码或银行卡号形式的数字，登记簿不予保存；请删去",
                "there are digits in the form of an ID, telephone or bank card number, which the register never keeps; remove them",
            ),
            WhyRefused::TooLong => (
                "文字过长；备注请控制在1000字以内，核查人在100字以内",
                "the text is too long: at most 1,000 characters of a remark, 100 of a name",
            ),
            WhyRefused::Contradicted => (
                "同一线索另有不同的填写，各处均未收录；请只保留一处",
                "other rows fill in the same lead differently, and none of them is taken in; keep one of them",
            ),
        };
        Text::new(zh, en)
    }
}
