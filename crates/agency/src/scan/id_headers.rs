//! Headers that speak of an ID number, although the schema does not know them. Beside a
//! known ID column such a column may be each person's own, and the known one a guardian's.

use aidlink_faults::uniform_text::uniform_header;
use aidlink_policy::schema::Field;

use super::header_lines::OTHER_PERSONS;

/// Words for an ID number.
const NUMBERS: [&str; 6] = [
    "身份证号",
    "身份证件号",
    "身份证编号",
    "身份号",
    "证件号",
    "证件编号",
];
/// Words for an ID number where the header ends with them.
const NUMBERS_AT_END: [&str; 3] = ["身份证", "身份证件", "有效证件"];
/// Words for the number of a paper, which is an ID number unless the paper is another one.
const PAPERS_AT_END: [&str; 2] = ["证号", "证号码"];
/// Names of such columns in databases, and the shortest names.
const NUMBERS_ALONE: [&str; 9] = [
    "证件", "sfzh", "sfzhm", "zjhm", "gmsfhm", "idcard", "idno", "idnumber", "idcardno",
];
/// The beginnings of other papers' names, whose numbers are no ID numbers.
const OTHER_PAPERS: [&str; 50] = [
    "残疾",
    "残疾人",
    "残疾军人",
    "学生",
    "学籍",
    "军人",
    "军官",
    "士兵",
    "警官",
    "优待",
    "优抚",
    "抚恤",
    "退役",
    "退伍",
    "复员",
    "伤残",
    "伤残人民警察",
    "伤残军人",
    "烈士",
    "烈属",
    "光荣",
    "结婚",
    "离婚",
    "出生",
    "出生医学证明",
    "死亡",
    "毕业",
    "学位",
    "资格",
    "执业",
    "许可",
    "驾驶",
    "行驶",
    "房产",
    "产权",
    "不动产",
    "土地",
    "工作",
    "就业",
    "失业",
    "会员",
    "低保",
    "特困",
    "救助",
    "准考",
    "荣誉",
    "生育",
    "准生",
    "通行",
    "居住",
];
/// What makes a column one of a paper, or of a part of its number.
const OF_A_PAPER: [&str; 16] = [
    "是否",
    "类型",
    "类别",
    "种类",
    "有效期",
    "复印",
    "照片",
    "附件",
    "签发",
    "扫描",
    "后四位",
    "后六位",
    "后4位",
    "后6位",
    "末四位",
    "尾号",
];
/// What a column says of an ID number at its end.
const ATTRIBUTES: [&str; 13] = [
    "名称", "有效", "日期", "时间", "地址", "住址", "情况", "状态", "备注", "说明", "机关", "结果",
    "位数",
];
/// Words for other persons than the one of the row, besides the titles of groups.
const MORE_OTHER_PERSONS: [&str; 60] = [
    "监护",
    "父",
    "母",
    "夫",
    "妻",
    "子女",
    "儿子",
    "女儿",
    "兄",
    "弟",
    "姐",
    "妹",
    "祖",
    "爷",
    "奶",
    "孙",
    "岳",
    "公婆",
    "媳",
    "婿",
    "亲属",
    "家属",
    "户代表",
    "申请人",
    "代理",
    "代办",
    "代领",
    "领取",
    "领款",
    "收款",
    "受托",
    "受委托",
    "联系",
    "经办",
    "法人",
    "法定代表",
    "负责",
    "责任人",
    "录入",
    "填表",
    "填报",
    "审核",
    "审批",
    "办案",
    "承办",
    "主办",
    "检察",
    "律师",
    "辩护",
    "教师",
    "老师",
    "班主任",
    "加害",
    "被告",
    "嫌疑",
    "侵权",
    "肇事",
    "开户",
    "账户",
    "担保",
];

/// Words for the person of the row, which contain those for another one.
const OWN_PERSONS: [&str; 8] = [
    "本人",
    "被监护人",
    "被代理人",
    "被抚养人",
    "被赡养人",
    "被扶养人",
    "被侵权人",
    "被申请人",
];

/// The words by which a schema's headers name the person of the row, such as 学生.
pub(super) struct OwnPerson(Vec<String>);

impl OwnPerson {
    /// Returns the words before the number in the known headers of the ID column.
    pub(super) fn of(id: &Field) -> Self {
        const NUMBERS: [&str; 4] = ["公民", "居民", "身份", "证件"];
        let headers = [&id.title.zh].into_iter().chain(&id.aliases);
        let word = |header: &String| {
            let header = uniform_header(header);
            let ends = NUMBERS.iter().filter_map(|number| header.find(number));
            let word = header.get(..ends.min()?)?;
            (!word.is_empty()).then(|| word.to_owned())
        };
        OwnPerson(headers.filter_map(word).collect())
    }

    /// Returns whether a header in uniform text speaks of an ID number that may be that of
    /// the person of the row. Of several persons the last one counts: 学生家长身份证号 is
    /// the number of a parent.
    pub(super) fn may_be_in(&self, header: &str) -> bool {
        let last = |word: &str| Some(header.rfind(word)? + word.len());
        let others = OTHER_PERSONS.iter().chain(&MORE_OTHER_PERSONS);
        let other = others.filter_map(|word| last(word)).max();
        let own = self.0.iter().map(String::as_str).chain(OWN_PERSONS);
        let own = own.filter_map(last).max();
        speaks_of_id_number(header) && (other.is_none() || own >= other)
    }
}

/// Returns whether a header in uniform text speaks of an ID number.
fn speaks_of_id_number(header: &str) -> bool {
    let outside = outside_brackets(header);
    let joined = header.replace(['(', ')', '[', ']', '【', '】'], "");
    !OF_A_PAPER.iter().any(|word| header.contains(word))
        && [outside, joined].iter().any(|text| is_id_number(text))
}

/// Returns whether a header without brackets is that of an ID number.
fn is_id_number(text: &str) -> bool {
    if ATTRIBUTES.iter().any(|word| text.ends_with(word)) {
        return false;
    }
    let text = text.trim_end_matches(|c: char| c.is_ascii_digit() || c == '位');
    let in_database = text.replace(['_', '-', '.'], "");
    if NUMBERS_ALONE.contains(&in_database.as_str()) {
        return true;
    }
    let is_former = ["原", "旧", "曾用"]
        .iter()
        .any(|word| text.starts_with(word));
    if is_former {
        return false;
    }
    let mut paper = PAPERS_AT_END
        .iter()
        .filter_map(|end| text.strip_suffix(end));
    let is_another = |name: &str| OTHER_PAPERS.iter().any(|paper| name.ends_with(paper));
    NUMBERS.iter().any(|word| text.contains(word))
        || NUMBERS_AT_END.iter().any(|word| text.ends_with(word))
        || paper.any(|name| !is_another(name))
}

/// Returns a header without what it has in brackets.
fn outside_brackets(header: &str) -> String {
    let mut depth = 0_usize;
    let mut outside = String::with_capacity(header.len());
    for c in header.chars() {
        match c {
            '(' | '[' | '【' => depth += 1,
            ')' | ']' | '】' => depth = depth.saturating_sub(1),
            _ if depth == 0 => outside.push(c),
            _ => {}
        }
    }
    outside
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use aidlink_policy::schema::{ExportSchema, Schemas};

    use super::*;

    fn schemas() -> Vec<ExportSchema> {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../schemas");
        let schemas = Schemas::read(Path::new(folder)).expect("the shipped schemas");
        schemas.0.into_values().collect()
    }

    fn may_be(schema: &ExportSchema, header: &str) -> bool {
        let id = schema.national_id().expect("an ID column");
        OwnPerson::of(id).may_be_in(&uniform_header(header))
    }

    #[test]
    fn a_header_of_an_id_number_is_the_persons_unless_it_names_another_person() {
        let numbers = [
            "身份证号",
            "身份证号码",
            "身份证",
            "身份证件号码",
            "证件号",
            "证件号码",
            "证件编号",
            "公民身份号码",
            "居民身份证编号",
            "身份证号（18位）",
            "身份证（号码）",
            "证件(身份证)号",
            "身份证号码18位",
            "身份证号（文本格式）",
            "证号",
        ];
        let others = [
            "监护人",
            "法定监护人",
            "家长",
            "父亲",
            "母亲",
            "父（母）",
            "户主",
            "配偶",
            "代理人",
            "委托代理人",
            "联系人",
            "经办人",
            "承办人",
            "领款人",
            "开户人",
            "学生家长",
            "成员配偶",
            "被害人法定代理人",
            "监护人信息 ",
            "被告人",
        ];
        for schema in schemas() {
            for number in numbers {
                for person in [
                    "持证人",
                    "被监护人",
                    "被侵权人",
                    "委托人",
                    "证人",
                    "",
                    "被害人",
                    "受害人",
                    "本人",
                    "人员",
                    "新",
                    "死亡人员",
                ] {
                    let header = format!("{person}{number}");
                    assert!(may_be(&schema, &header), "{}: {header}", schema.name);
                }
                for person in others {
                    let header = format!("{person}{number}");
                    assert!(!may_be(&schema, &header), "{}: {header}", schema.name);
                }
            }
            for header in [
                "证件类型",
                "身份证有效期",
                "身份证地址",
                "是否有身份证",
                "证件状态",
                "学生证号",
                "军人证号",
                "优待证号",
                "结婚证号",
                "毕业证号",
                "身份证复印件",
                "身份类别",
                "证件号码后四位",
                "身份证号后6位",
                "身份证签发机关",
                "原身份证号",
                "户口簿号",
                "学籍号",
                "姓名",
                "",
                "残疾人证号",
                "身份证附件",
                "身份",
                "备注（身份证遗失）情况",
            ] {
                assert!(!may_be(&schema, header), "{}: {header}", schema.name);
            }
        }
    }

    #[test]
    fn the_schema_says_who_the_person_of_the_row_is() {
        for (schema, header, expected) in [
            ("education.students", "户主或学生证件编号", true),
            ("education.students", "学生或户主证件编号", false),
            ("civil-affairs.assistance", "户主/成员身份证编号", true),
            ("civil-affairs.assistance", "申请人证件号码", false),
            (
                "civil-affairs.assistance",
                "户主（申请人）身份证编号",
                false,
            ),
            ("education.students", "残疾学生身份证编号", true),
            ("procuratorate.referrals", "申请人证件号码", true),
        ] {
            let schemas = schemas();
            let schema = schemas.iter().find(|found| found.name == schema);
            assert_eq!(
                may_be(schema.expect("a schema"), header),
                expected,
                "{header}"
            );
        }
    }
}
