//! Events as a person writes them: a kind, and fields with a text each. What a command line or
//! a spreadsheet can say.

use std::collections::BTreeSet;

use aidlink_faults::fault::nearest_name_hint;
use aidlink_faults::personal_number::shown_name;
use aidlink_faults::text::Text;
use jiff::civil::Date;
use serde_json::{Map, Value};

use crate::amount::Amount;
use crate::decision::{Finding, Reason};
use crate::event::Event;
use crate::items::{Refused, RefusedWhy};

/// What a field holds.
#[derive(Clone, Copy, Debug)]
pub enum Holds {
    /// A text.
    Text,
    /// Texts, divided by semicolons.
    Texts,
    /// A day.
    Day,
    /// An amount in yuan.
    Amount,
    /// Yes or no.
    YesNo,
    /// One of these: the code, and the word in Chinese.
    Choice(&'static [(&'static str, &'static str)]),
    /// An age in whole years.
    Age,
    /// A finding.
    Finding,
    /// A reason.
    Reason,
}

/// A field of a kind of event.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Its name. A dot divides the name of a part from that of its field.
    pub name: &'static str,
    /// Its header in Chinese.
    pub zh: &'static str,
    /// What it holds.
    pub holds: Holds,
    /// Whether the event needs it.
    pub needed: bool,
}

const fn needed(name: &'static str, zh: &'static str, holds: Holds) -> Field {
    Field {
        name,
        zh,
        holds,
        needed: true,
    }
}

const fn optional(name: &'static str, zh: &'static str, holds: Holds) -> Field {
    Field {
        name,
        zh,
        holds,
        needed: false,
    }
}

const REMARK: Field = optional("remark", "备注", Holds::Text);
const WAY: Field = needed(
    "way",
    "方式",
    Holds::Choice(&[
        ("in_person", "当面"),
        ("post", "邮寄"),
        ("call", "电话"),
        ("message", "信息"),
    ]),
);
const SHOWN_BY: [Field; 2] = [
    optional("shown_by.register", "印证登记", Holds::Text),
    optional("shown_by.snapshot", "登记数据日期", Holds::Day),
];

/// The kinds that a person may record, with the word in Chinese and the fields.
pub const FORMS: &[(&str, &str, &[Field])] = &[
    (
        "found",
        "发现线索",
        &[
            needed(
                "source",
                "来源",
                Holds::Choice(&[
                    ("colleague", "内部移送"),
                    ("agency", "单位移送"),
                    ("applicant", "本人或亲属申请"),
                    ("petition", "信访"),
                ]),
            ),
            needed(
                "direction",
                "方向",
                Holds::Choice(&[("to_social", "转社会救助"), ("to_judicial", "转司法救助")]),
            ),
            needed("agency", "单位", Holds::Text),
            optional("about.names", "姓名", Holds::Texts),
            optional("about.case_numbers", "案号", Holds::Texts),
            optional("about.handler", "承办人", Holds::Text),
            optional("about.unit", "办案单位", Holds::Text),
            optional("about.registered_at", "户籍地", Holds::Text),
            optional("about.lives_at", "现住地", Holds::Text),
            optional("about.guardian", "监护人", Holds::Text),
            optional("about.sex", "性别", Holds::Text),
            optional("about.age", "年龄", Holds::Age),
            optional("about.matter", "户编号", Holds::Text),
            optional("minor", "未成年", Holds::YesNo),
            REMARK,
        ],
    ),
    (
        "checked",
        "核查",
        &[
            needed("finding", "核查结论", Holds::Finding),
            optional("reason", "理由", Holds::Reason),
            optional("decided_by", "核查人", Holds::Text),
            REMARK,
        ],
    ),
    (
        "told_rights",
        "告知权利",
        &[WAY, optional("notice", "告知书文号", Holds::Text), REMARK],
    ),
    (
        "consent",
        "本人意愿",
        &[
            needed(
                "answer",
                "意愿",
                Holds::Choice(&[
                    ("given", "同意"),
                    ("refused", "放弃"),
                    ("not_reachable", "无法联系"),
                ]),
            ),
            optional(
                "by",
                "答复人",
                Holds::Choice(&[("person", "本人"), ("guardian", "监护人")]),
            ),
            optional("scope", "可告知的单位", Holds::Texts),
            REMARK,
        ],
    ),
    (
        "judicial_aid",
        "司法救助",
        &[
            needed(
                "step",
                "环节",
                Holds::Choice(&[
                    ("applied", "申请"),
                    ("granted", "决定救助"),
                    ("refused", "不予救助"),
                    ("paid", "发放"),
                ]),
            ),
            optional("amount", "金额", Holds::Amount),
            optional("organ", "救助机关", Holds::Text),
            optional("reason", "理由", Holds::Reason),
            REMARK,
        ],
    ),
    (
        "material",
        "材料",
        &[
            needed("item", "材料名称", Holds::Text),
            needed(
                "state",
                "状态",
                Holds::Choice(&[("there", "齐"), ("owed", "欠"), ("waived", "免")]),
            ),
            optional("register", "印证登记", Holds::Text),
            optional("by", "补交期限", Holds::Day),
            REMARK,
        ],
    ),
    (
        "approved",
        "审批",
        &[optional("paper", "审批文号", Holds::Text), REMARK],
    ),
    (
        "sent",
        "移送",
        &[
            needed(
                "as",
                "移送方式",
                Holds::Choice(&[("ordinary", "移送"), ("advance", "先行移送")]),
            ),
            optional("reasons", "先行移送理由", Holds::Text),
            optional("letter", "文号", Holds::Text),
            optional("agency", "接收单位", Holds::Text),
            optional("courier", "送交人", Holds::Text),
            REMARK,
        ],
    ),
    (
        "signed_for",
        "签收",
        &[optional("by", "签收人", Holds::Text), REMARK],
    ),
    (
        "returned",
        "退回",
        &[
            needed(
                "why",
                "退回原因",
                Holds::Choice(&[
                    ("not_our_duty", "非本单位职责"),
                    ("incomplete", "材料不全"),
                    ("not_registered_here", "非本地户籍"),
                ]),
            ),
            optional("office", "应由何单位办理", Holds::Text),
            REMARK,
        ],
    ),
    (
        "replied",
        "反馈",
        &[
            needed(
                "reply",
                "反馈结果",
                Holds::Choice(&[
                    ("eligible", "符合"),
                    ("procedure", "需按程序办理"),
                    ("not_eligible", "不符合"),
                    ("receives", "已享受"),
                    ("elsewhere", "应由他地办理"),
                ]),
            ),
            optional("reason", "理由", Holds::Reason),
            optional("steps", "办理程序", Holds::Texts),
            optional("materials", "需准备材料", Holds::Texts),
            optional("office", "应由何单位办理", Holds::Text),
            optional("letter", "文号", Holds::Text),
            REMARK,
        ],
    ),
    (
        "told_outcome",
        "告知结果",
        &[
            needed(
                "by",
                "告知单位",
                Holds::Choice(&[("procuratorate", "检察院"), ("agency", "受理单位")]),
            ),
            WAY,
            REMARK,
        ],
    ),
    (
        "applied_at",
        "提出申请",
        &[needed("office", "受理地点", Holds::Text), REMARK],
    ),
    (
        "granted",
        "落实救助",
        &[
            optional("what", "落实项目", Holds::Text),
            optional("from", "起始日期", Holds::Day),
            optional("amount", "金额", Holds::Amount),
            optional(
                "per",
                "发放方式",
                Holds::Choice(&[("month", "每月"), ("once", "一次性")]),
            ),
            SHOWN_BY[0],
            SHOWN_BY[1],
            REMARK,
        ],
    ),
    (
        "refused_finally",
        "最终不予救助",
        &[needed("reason", "理由", Holds::Reason), REMARK],
    ),
    (
        "moved",
        "移送管辖",
        &[
            needed("office", "有管辖权单位", Holds::Text),
            optional("sender_told_on", "告知移送单位日期", Holds::Day),
            REMARK,
        ],
    ),
    (
        "visit_planned",
        "计划回访",
        &[needed("day", "计划日期", Holds::Day), REMARK],
    ),
    (
        "visited",
        "回访",
        &[
            needed(
                "result",
                "回访结果",
                Holds::Choice(&[
                    ("solved", "困难已解决"),
                    ("eased", "有所缓解"),
                    ("same", "没有变化"),
                    ("worse", "更加困难"),
                ]),
            ),
            optional("satisfied", "是否满意", Holds::YesNo),
            optional("new_need", "新困难", Holds::Text),
            REMARK,
        ],
    ),
    (
        "advice",
        "书面建议",
        &[
            needed(
                "advice",
                "建议种类",
                Holds::Choice(&[("monitoring", "纳入监测"), ("procuratorial", "检察建议")]),
            ),
            needed("office", "受文单位", Holds::Text),
            optional("paper", "文号", Holds::Text),
            REMARK,
        ],
    ),
    (
        "closed",
        "办结",
        &[
            needed(
                "reason",
                "办结原因",
                Holds::Choice(&[
                    ("delivered", "救助已落实"),
                    ("refused", "不予救助"),
                    ("declined", "本人放弃"),
                    ("dead", "已死亡"),
                    ("moved_away", "已迁出"),
                    ("duplicate", "重复线索"),
                    ("no_contact", "无法联系"),
                ]),
            ),
            SHOWN_BY[0],
            SHOWN_BY[1],
            REMARK,
        ],
    ),
];

/// Returns the header in Chinese of a field, whatever the event; `None` if no form has it.
pub fn header_of(field: &str) -> Option<&'static str> {
    let mut fields = FORMS.iter().flat_map(|(_, _, fields)| fields.iter());
    let of_event = [
        ("lead", "线索编号"),
        ("person", "人员编号"),
        ("kind", "事项"),
        ("on", "日期"),
        ("operator", "登记人"),
        ("approver", "审批人"),
        ("because", "登记原因"),
        ("correct", "更正事项编号"),
        ("withdraw", "撤销事项编号"),
        ("of", "更正或撤销的事项编号"),
    ];
    let mut of_event = of_event.into_iter();
    let common = of_event.find(|(name, _)| *name == field);
    common
        .map(|(_, zh)| zh)
        .or_else(|| fields.find(|one| one.name == field).map(|one| one.zh))
}

fn refused(field: &str, message: Text, hint: Text) -> Refused {
    Refused {
        why: RefusedWhy::Fields,
        field: Some(field.to_owned()),
        message,
        hint,
    }
}

/// Returns the form of a kind, by its name or its word in Chinese.
///
/// # Errors
/// If there is no such kind.
pub fn form_of(kind: &str) -> Result<(&'static str, &'static [Field]), Refused> {
    let kind = kind.trim();
    if kind.is_empty() {
        return Err(refused(
            "kind",
            Text::new("未写明事项种类", "the kind of event is not written"),
            Text::new("例如 移送（sent）", "for example sent (移送)"),
        ));
    }
    let mut forms = FORMS.iter();
    let form = forms.find(|(name, zh, _)| name.eq_ignore_ascii_case(kind) || *zh == kind);
    form.map(|(name, _, fields)| (*name, *fields))
        .ok_or_else(|| {
            let names = FORMS.iter().map(|(name, ..)| *name);
            refused(
                "kind",
                Text::new("没有这种事项", "there is no such kind of event"),
                nearest_name_hint(kind, names),
            )
        })
}

/// Returns what an event says, field by field and in the order of its form: `name: text` in
/// both languages. What a person cannot record, such as the evidence of a round, is left out.
pub fn said(event: &Event) -> Vec<Text> {
    let event = serde_json::to_value(event).unwrap_or_default();
    let kind = event.pointer("/kind").and_then(Value::as_str);
    let form = FORMS.iter().find(|(name, ..)| Some(*name) == kind);
    let fields = form.map_or(&[][..], |(.., fields)| fields).iter();
    let said = fields.filter_map(|field| {
        let pointer = format!("/fields/{}", field.name.replace('.', "/"));
        let Text { zh, en } = shown(field.holds, event.pointer(&pointer)?);
        let name = field.name.rsplit('.').next().unwrap_or_default();
        let name = name.replace('_', " ");
        Some(Text::new(
            format!("{}：{zh}", field.zh),
            format!("{name}: {en}"),
        ))
    });
    said.collect()
}

/// Returns the words of a value.
fn shown(holds: Holds, value: &Value) -> Text {
    let plain = match value {
        Value::String(text) => text.clone(),
        Value::Array(texts) => {
            let texts: Vec<&str> = texts.iter().filter_map(Value::as_str).collect();
            texts.join("；")
        }
        other => other.to_string(),
    };
    let word = match holds {
        Holds::YesNo => Some(match value.as_bool() {
            Some(true) => Text::new("是", "yes"),
            _ => Text::new("否", "no"),
        }),
        Holds::Choice(choices) => {
            let choice = choices.iter().find(|(code, _)| *code == plain);
            choice.map(|(code, zh)| Text::new(*zh, code.replace('_', " ")))
        }
        Holds::Finding => {
            let mut all = Finding::ALL.into_iter();
            let finding = all.find(|finding| finding.name() == plain);
            finding.map(Finding::text)
        }
        Holds::Reason => {
            let mut all = Reason::ALL.into_iter();
            all.find(|reason| reason.name() == plain).map(Reason::text)
        }
        Holds::Text | Holds::Texts | Holds::Day | Holds::Amount | Holds::Age => None,
    };
    word.unwrap_or_else(|| Text::new(plain.clone(), plain))
}

/// Reads a day as a person writes it: `2026-10-08`, `2026/10/8`, `2026.10.8`, `20261008`,
/// `2026年10月8日`. `None` for every other text.
pub fn day(text: &str) -> Option<Date> {
    let text = text.trim();
    if text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        let part = |range: std::ops::Range<usize>| text.get(range);
        let (year, month, day) = (part(0..4)?, part(4..6)?, part(6..8)?);
        return Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?).ok();
    }
    let text = text.strip_suffix('日').unwrap_or(text);
    let mut parts = text.split(['-', '/', '.', '年', '月']);
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let is_day = parts.next().is_none()
        && year.len() == 4
        && [year, month, day].into_iter().all(digits)
        && (1..=2).contains(&month.len())
        && (1..=2).contains(&day.len());
    is_day.then_some(())?;
    Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?).ok()
}

/// What a form does not ask for because it is known.
#[derive(Clone, Copy, Debug, Default)]
pub struct Known<'k> {
    /// The number of the person and the id of the aid of the lead.
    pub lead: Option<(&'k str, &'k str)>,
    /// The event that is corrected. Of a `found` that is corrected, fields that are not written
    /// stay as they are: most of what a round says of a lead is in no form. Of a decision,
    /// who decided stays: whoever puts it right in the register need not be the one.
    pub corrects: Option<&'k Event>,
}

/// Returns the event of a kind with these fields, each a name and a text. Names are those of
/// the form or its headers in Chinese. Fields with an empty text are left out.
///
/// # Errors
/// If the kind or a field is unknown, a field occurs twice, is missing, or does not hold what
/// it must. No text of a field is in the refusal.
pub fn event_of<'f>(
    kind: &str,
    fields: impl IntoIterator<Item = (&'f str, &'f str)>,
    known: Known<'_>,
) -> Result<Event, Refused> {
    let (kind, form) = form_of(kind)?;
    let mut values = match known.corrects {
        Some(Event::Found(found)) if kind == "found" => serde_json::to_value(found)
            .ok()
            .and_then(|found| found.as_object().cloned())
            .unwrap_or_default(),
        Some(Event::Checked(checked)) if kind == "checked" => {
            let by = checked.decided_by.iter();
            by.map(|by| ("decided_by".to_owned(), Value::from(by.as_str())))
                .collect()
        }
        _ => Map::new(),
    };
    let mut written = BTreeSet::new();
    for (name, text) in fields {
        let (name, text) = (name.trim(), text.trim());
        if text.is_empty() {
            continue;
        }
        let mut fields = form.iter();
        let field = fields.find(|field| field.name.eq_ignore_ascii_case(name) || field.zh == name);
        let Some(field) = field else {
            let names = form.iter().map(|field| field.name);
            return Err(refused(
                &shown_name(name),
                Text::new(
                    format!("事项 {kind} 没有这一项"),
                    format!("the event {kind} has no such field"),
                ),
                nearest_name_hint(name, names),
            ));
        };
        let value = value_of(field, text)?;
        set(&mut values, field.name, value);
        if !written.insert(field.name) {
            return Err(refused(
                field.name,
                Text::new("该项写了两次", "the field occurs twice"),
                Text::new(
                    "请只写一次；多个值用分号隔开",
                    "write it once; divide several values by semicolons",
                ),
            ));
        }
    }
    if let Some((person, aid)) = known.lead.filter(|_| kind == "found") {
        values.insert("person".to_owned(), Value::from(person));
        values.insert("aid".to_owned(), Value::from(aid));
    }
    for field in form.iter().filter(|field| field.needed) {
        if !values.contains_key(field.name) {
            return Err(refused(
                field.name,
                Text::new(
                    format!("事项 {kind} 须写明“{}”（{}）", field.zh, field.name),
                    format!("the event {kind} needs `{}`", field.name),
                ),
                choices(field),
            ));
        }
    }
    let mut event = Map::new();
    event.insert("kind".to_owned(), Value::from(kind));
    event.insert("fields".to_owned(), Value::Object(values));
    // Fields that need each other, such as the two of `shown_by`.
    serde_json::from_value(Value::Object(event)).map_err(|_| {
        refused(
            "shown_by",
            Text::new(
                format!("事项 {kind} 的各项不完整"),
                format!("the fields of the event {kind} are not complete"),
            ),
            Text::new(
                "印证登记和数据日期须同时填写",
                "give both register and snapshot",
            ),
        )
    })
}

/// Sets a field whose name may have a dot.
fn set(values: &mut Map<String, Value>, name: &str, value: Value) {
    let (values, name) = match name.split_once('.') {
        None => (values, name),
        Some((part, name)) => {
            let part = values
                .entry(part)
                .or_insert_with(|| Value::Object(Map::new()));
            let Some(part) = part.as_object_mut() else {
                return;
            };
            (part, name)
        }
    };
    values.insert(name.to_owned(), value);
}

/// Returns what a field may hold.
fn choices(field: &Field) -> Text {
    let list = |choices: Vec<(String, String)>| {
        let zh = choices.iter().map(|(code, zh)| format!("{zh}（{code}）"));
        let en = choices.iter().map(|(code, _)| code.clone());
        let zh = zh.collect::<Vec<_>>().join("、");
        let en = en.collect::<Vec<_>>().join(", ");
        Text::new(format!("可填：{zh}"), format!("one of: {en}"))
    };
    match field.holds {
        Holds::Text | Holds::Texts => Text::new("请填写", "fill it in"),
        Holds::Day => Text::new("日期写法如 2026-10-08", "write a date such as 2026-10-08"),
        Holds::Amount => Text::new(
            "金额以元为单位，如 1200 或 1200.50，小于一亿",
            "an amount in yuan, such as 1200 or 1200.50, below 100 million",
        ),
        Holds::YesNo => Text::new("填“是”或“否”", "yes or no"),
        Holds::Age => Text::new("填周岁，0至150", "whole years, 0 to 150"),
        Holds::Choice(choices) => {
            let choices = choices.iter();
            list(
                choices
                    .map(|(code, zh)| ((*code).to_owned(), (*zh).to_owned()))
                    .collect(),
            )
        }
        Holds::Finding => {
            let all = Finding::ALL.iter();
            list(
                all.map(|one| (one.name().to_owned(), one.text().zh))
                    .collect(),
            )
        }
        Holds::Reason => {
            let all = Reason::ALL.iter();
            list(
                all.map(|one| (one.name().to_owned(), one.text().zh))
                    .collect(),
            )
        }
    }
}

fn value_of(field: &Field, text: &str) -> Result<Value, Refused> {
    let is = |word: &str| word.eq_ignore_ascii_case(text);
    let value = match field.holds {
        Holds::Text => Some(Value::from(text)),
        Holds::Texts => {
            let texts = text.split(['；', ';']).map(str::trim);
            let texts = texts.filter(|text| !text.is_empty());
            Some(Value::from(texts.collect::<Vec<_>>()))
        }
        Holds::Day => day(text).map(|day| Value::from(day.to_string())),
        Holds::Amount => Amount::parse(text).map(|amount| Value::from(amount.to_string())),
        Holds::YesNo if ["是", "yes", "true", "y", "1"].iter().any(|word| is(word)) => {
            Some(Value::from(true))
        }
        Holds::YesNo if ["否", "no", "false", "n", "0"].iter().any(|word| is(word)) => {
            Some(Value::from(false))
        }
        Holds::YesNo => None,
        Holds::Age => {
            let age = text.strip_suffix('岁').unwrap_or(text).trim();
            let age = age.parse::<u8>().ok().filter(|age| *age <= 150);
            age.map(Value::from)
        }
        Holds::Choice(choices) => {
            let mut choices = choices.iter();
            let choice = choices.find(|(code, zh)| is(code) || *zh == text);
            choice.map(|(code, _)| Value::from(*code))
        }
        Holds::Finding => {
            let mut all = Finding::ALL.into_iter();
            let one = all.find(|one| is(one.name()) || is(&one.text().zh) || is(&one.text().en));
            one.map(|one| Value::from(one.name()))
        }
        Holds::Reason => {
            let mut all = Reason::ALL.into_iter();
            let one = all.find(|one| is(one.name()) || is(&one.text().zh) || is(&one.text().en));
            one.map(|one| Value::from(one.name()))
        }
    };
    value.ok_or_else(|| {
        refused(
            field.name,
            Text::new(
                format!("“{}”（{}）不能这样填", field.zh, field.name),
                format!("`{}` does not hold what was written", field.name),
            ),
            choices(field),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A text that a field accepts.
    fn any(field: &Field) -> String {
        match field.holds {
            Holds::Text => "某某".to_owned(),
            Holds::Texts => "一；二;三".to_owned(),
            Holds::Day => "2026年10月8日".to_owned(),
            Holds::Amount => "1200.5".to_owned(),
            Holds::YesNo => "是".to_owned(),
            Holds::Age => "81".to_owned(),
            Holds::Choice(choices) => choices[0].1.to_owned(),
            Holds::Finding => "不予移送".to_owned(),
            Holds::Reason => "收入超标".to_owned(),
        }
    }

    #[test]
    fn every_field_of_every_form_is_a_field_of_the_event() {
        for (kind, zh, form) in FORMS {
            let fields: Vec<(&str, String)> =
                form.iter().map(|field| (field.name, any(field))).collect();
            let all = fields.iter().map(|(name, text)| (*name, text.as_str()));
            let known = Known {
                lead: Some(("04HM-ASW9", "dibao")),
                ..Known::default()
            };
            let event = event_of(kind, all, known).unwrap_or_else(|why| panic!("{kind}: {why:?}"));
            let value = serde_json::to_value(&event).expect("JSON");
            assert_eq!(value["kind"], *kind);
            for field in *form {
                let pointer = format!("/fields/{}", field.name.replace('.', "/"));
                assert!(value.pointer(&pointer).is_some(), "{kind} {}", field.name);
            }
            // A history says all of it, in words and not in codes.
            let said = said(&event);
            assert_eq!(said.len(), form.len(), "{kind}");
            for (field, text) in form.iter().zip(&said) {
                let expected = match field.holds {
                    Holds::Day => "2026-10-08".to_owned(),
                    Holds::Texts => "一；二；三".to_owned(),
                    Holds::Amount => "1200.50".to_owned(),
                    _ => any(field),
                };
                assert_eq!(text.zh, format!("{}：{expected}", field.zh));
                assert!(!text.en.contains('_'), "{}", text.en);
            }
            // Only what is needed; by the words in Chinese.
            let few = form.iter().filter(|field| field.needed);
            let few: Vec<(&str, String)> = few.map(|field| (field.zh, any(field))).collect();
            let few = few.iter().map(|(name, text)| (*name, text.as_str()));
            assert!(event_of(zh, few, known).is_ok(), "{kind}");
            // Each missing one is told by its name.
            for left_out in form.iter().filter(|field| field.needed) {
                let others = fields.iter().filter(|(name, _)| *name != left_out.name);
                let others = others.map(|(name, text)| (*name, text.as_str()));
                let why = event_of(kind, others, known).expect_err("it is missing");
                assert_eq!(why.field.as_deref(), Some(left_out.name));
            }
        }
    }

    #[test]
    fn refusals_name_the_field_and_never_the_text() {
        let secret = "张三13800001234";
        for (kind, form_kind, form) in FORMS {
            assert!(form_of(form_kind).is_ok());
            for field in *form {
                let accepts_all = matches!(field.holds, Holds::Text | Holds::Texts);
                let why = event_of(kind, [(field.name, secret)], Known::default());
                let Err(why) = why else {
                    continue;
                };
                assert!(accepts_all || why.field.as_deref() == Some(field.name));
                let texts = [&why.message.zh, &why.message.en, &why.hint.zh, &why.hint.en];
                assert!(
                    texts
                        .iter()
                        .all(|text| !text.contains("张三") && !text.is_empty())
                );
            }
        }
        for fields in [
            vec![("finding", "confirmed"), ("finding", "confirmed")],
            vec![("finding", "confirmed"), ("核查结论", "确认")],
        ] {
            let why = event_of("checked", fields, Known::default()).expect_err("it is there twice");
            assert!(why.message.en.contains("twice"));
        }
        let wrong = [("findng", "confirmed")];
        let why = event_of("checked", wrong, Known::default()).expect_err("unknown");
        assert!(why.hint.en.contains("finding"), "{}", why.hint.en);
        assert_eq!(why.field.as_deref(), Some("findng"));
        let half = [("印证登记", "x")];
        let why = event_of("granted", half, Known::default()).expect_err("half of it");
        assert!(why.hint.en.contains("snapshot"), "{}", why.hint.en);
    }

    #[test]
    fn days_are_read_as_people_write_them_and_nothing_else_is() {
        let expected = Date::constant(2026, 10, 8);
        for text in [
            "2026-10-08",
            "2026/10/8",
            "2026.10.8",
            "20261008",
            "2026年10月8日",
            " 2026-10-8 ",
        ] {
            assert_eq!(day(text), Some(expected), "{text}");
        }
        for text in [
            "",
            "10-08",
            "2026-13-01",
            "2026-02-30",
            "26-10-08",
            "2026-10",
            "2026-10-08-1",
            "46303",
            "2026-1０-08",
        ] {
            assert_eq!(day(text), None, "{text}");
        }
    }
}
