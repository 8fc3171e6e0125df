//! What an event must be like before the workflow is asked: its texts, and fields that belong
//! together.

use aidlink_faults::personal_number::find;
use aidlink_faults::text::Text;
use jiff::civil::Date;
use serde_json::Value;

use crate::approval::{is_same_person, names_somebody};
use crate::decision::Finding;
use crate::event::{Answer, Event, Found, JudicialAidStep, Reply, SentAs, Source};
use crate::items::{Refused, RefusedWhy};
use crate::number::is_id;

/// The most characters of a text.
const LONGEST_TEXT: usize = 1000;
/// The most texts of a list.
const LONGEST_LIST: usize = 200;
/// Fields whose form is checked by their type, and which are no free text.
pub(crate) const NOT_TEXT: [&str; 8] = [
    "/person",
    "/round/lead",
    "/of",
    "/register",
    "/key_id",
    "/signer",
    "/last_of_head",
    "/round/manifest",
];

/// Returns a refusal of fields.
fn fields(field: &str, zh: &str, en: &str) -> Refused {
    Refused {
        why: RefusedWhy::Fields,
        field: Some(field.to_owned()),
        message: Text::new(zh, en),
        hint: Text::new("请补全或更正该项", "complete or correct the field"),
    }
}

/// Checks the texts of an event, and of who records it.
///
/// # Errors
/// If a text has a number that identifies a person, a control character, or is too long.
pub(crate) fn check_texts(
    event_fields: &Value,
    operator: &str,
    approver: Option<&str>,
    because: Option<&str>,
) -> Result<(), Refused> {
    check_recorder(operator, approver, because)?;
    check_value("", event_fields)
}

/// Checks who records something, who approved it, and why it is recorded.
///
/// # Errors
/// If nobody records it, one person does both, a text that is given is empty, or for a reason of
/// [`check_texts`].
pub(crate) fn check_recorder(
    operator: &str,
    approver: Option<&str>,
    because: Option<&str>,
) -> Result<(), Refused> {
    if !names_somebody(operator) {
        return Err(fields(
            "/operator",
            "未写明登记人",
            "nobody is named as operator",
        ));
    }
    if approver.is_some_and(|approver| is_same_person(approver, operator)) {
        return Err(fields(
            "/approver",
            "登记人与审批人须为两人",
            "operator and approver must be two persons",
        ));
    }
    if approver.is_some_and(|approver| !names_somebody(approver)) {
        return Err(fields(
            "/approver",
            "未写明审批人姓名",
            "nobody is named as approver",
        ));
    }
    if because.is_some_and(|because| because.trim().is_empty()) {
        return Err(fields("/because", "该项为空", "the text is empty"));
    }
    check_text("/operator", operator)?;
    check_text("/approver", approver.unwrap_or_default())?;
    check_text("/because", because.unwrap_or_default())
}

fn check_value(place: &str, value: &Value) -> Result<(), Refused> {
    match value {
        Value::String(text) => {
            // Of a correction, the fields are one level deeper.
            let plain = place.strip_prefix("/event/fields").unwrap_or(place);
            if NOT_TEXT.contains(&plain) {
                return Ok(());
            }
            check_text(&format!("/fields{place}"), text)
        }
        Value::Array(values) => {
            if values.len() > LONGEST_LIST {
                return Err(fields(
                    &format!("/fields{place}"),
                    "项数过多（最多200项）",
                    "too many entries (200 at most)",
                ));
            }
            // A number may be divided over the texts of a list.
            let texts: Vec<&str> = values.iter().filter_map(Value::as_str).collect();
            if texts.iter().all(|text| find(text).is_empty()) {
                let all = texts.join("；");
                if !find(&all).is_empty() {
                    return check_text(&format!("/fields{place}"), &all);
                }
            }
            let mut values = values.iter().enumerate();
            values.try_for_each(|(index, value)| check_value(&format!("{place}/{index}"), value))
        }
        // Keys are those of the types, or names of materials in none of them.
        Value::Object(values) => {
            let mut values = values.iter();
            values.try_for_each(|(key, value)| check_value(&format!("{place}/{key}"), value))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
    }
}

fn check_text(field: &str, text: &str) -> Result<(), Refused> {
    let refused = |zh: &str, en: &str, hint: (&str, &str)| {
        Err(Refused {
            why: RefusedWhy::Text,
            field: Some(field.to_owned()),
            message: Text::new(zh, en),
            hint: Text::new(hint.0, hint.1),
        })
    };
    if text.chars().any(char::is_control) {
        return refused(
            "含有换行或控制字符",
            "has a line break or a control character",
            ("请写成一行", "write it on one line"),
        );
    }
    if text.chars().count() > LONGEST_TEXT {
        return refused(
            "文字过长（最多1000字）",
            "is too long (1,000 characters at most)",
            ("请缩短", "shorten it"),
        );
    }
    if !find(text).is_empty() {
        return refused(
            "含有身份证件号码、电话号码或银行卡号形式的数字，登记簿不保存此类号码",
            "has a number of the form of an ID, telephone or bank card number, which the register never keeps",
            ("请删去该号码", "remove the number"),
        );
    }
    Ok(())
}

/// Checks the fields of an event that belong together.
///
/// # Errors
/// If one is missing, contradicts another, or has no valid form.
pub(crate) fn check_fields(
    event: &Event,
    approver: Option<&str>,
    today: Date,
) -> Result<(), Refused> {
    match event {
        Event::Created(_) | Event::Rekeyed(_) | Event::Accepted(_) => Err(fields(
            "/kind",
            "此类事项由程序登记",
            "events of this kind are recorded by the program",
        )),
        Event::Found(found) => check_found(found),
        Event::Checked(checked) => match (checked.finding, checked.reason) {
            (Finding::Rejected, None) => Err(fields(
                "/fields/reason",
                "不予移送须有理由",
                "a rejection needs a reason",
            )),
            (Finding::Confirmed | Finding::NeedsMore, Some(_)) => Err(fields(
                "/fields/reason",
                "只有不予移送才写理由",
                "only a rejection has a reason",
            )),
            _ => Ok(()),
        },
        Event::Consent(consent) => match (consent.answer, consent.by) {
            (Answer::Given | Answer::Refused, None) => Err(fields(
                "/fields/by",
                "须写明由本人还是监护人答复",
                "say who answered: person or guardian",
            )),
            (Answer::NotReachable, Some(_)) => Err(fields(
                "/fields/by",
                "未联系上，不应有答复人",
                "nobody was reached, so nobody answered",
            )),
            _ => Ok(()),
        },
        Event::JudicialAid(aid) => {
            if aid.reason.is_some() && aid.step != JudicialAidStep::Refused {
                return Err(fields(
                    "/fields/reason",
                    "只有不予救助才写理由",
                    "only a refusal has a reason",
                ));
            }
            Ok(())
        }
        Event::Material(material) if material.item.trim().is_empty() => Err(fields(
            "/fields/item",
            "须写明材料名称",
            "name the material",
        )),
        Event::Approved(_) if approver.is_none_or(|approver| approver.trim().is_empty()) => {
            Err(fields("/approver", "须写明审批人", "name who approved it"))
        }
        Event::Sent(sent) => {
            let has_reasons = sent
                .reasons
                .as_deref()
                .is_some_and(|why| !why.trim().is_empty());
            match (sent.how, has_reasons) {
                (SentAs::Advance, false) => Err(fields(
                    "/fields/reasons",
                    "先行移送须写明理由",
                    "sending in advance needs reasons",
                )),
                (SentAs::Ordinary, true) => Err(fields(
                    "/fields/reasons",
                    "只有先行移送才写理由",
                    "only sending in advance has reasons",
                )),
                _ if sent.agency.as_deref().is_some_and(|agency| !is_id(agency)) => Err(fields(
                    "/fields/agency",
                    "不是单位代号",
                    "not the id of an agency",
                )),
                _ => Ok(()),
            }
        }
        Event::Replied(replied) => match (replied.reply, replied.reason) {
            (Reply::NotEligible, None) => Err(fields(
                "/fields/reason",
                "不符合须有理由",
                "`not_eligible` needs a reason",
            )),
            (Reply::NotEligible, Some(_)) | (_, None) => Ok(()),
            (_, Some(_)) => Err(fields(
                "/fields/reason",
                "只有不符合才写理由",
                "only `not_eligible` has a reason",
            )),
        },
        Event::Moved(moved) if moved.sender_told_on.is_some_and(|day| day > today) => Err(fields(
            "/fields/sender_told_on",
            "日期在今天之后",
            "the day is after today",
        )),
        Event::Corrected(corrected) => match corrected.event.as_ref() {
            Event::Corrected(_) | Event::Withdrawn(_) => Err(fields(
                "/fields/event/kind",
                "更正后的事项不能又是更正或撤销",
                "what is right cannot be another correction or a withdrawal",
            )),
            event => check_fields(event, approver, today).map_err(|refused| Refused {
                field: refused.field.map(|field| format!("/fields/event{field}")),
                ..refused
            }),
        },
        _ => Ok(()),
    }
}

fn check_found(found: &Found) -> Result<(), Refused> {
    if !is_id(&found.aid) || found.aid.contains('-') {
        return Err(fields(
            "/fields/aid",
            "不是救助项目代号",
            "not the id of an aid",
        ));
    }
    if !is_id(&found.agency) {
        return Err(fields(
            "/fields/agency",
            "不是单位代号",
            "not the id of an agency",
        ));
    }
    // A ledger says that a round found a lead, but not which one.
    if found.source != Source::Round && found.round.is_some() {
        return Err(fields(
            "/fields/source",
            "由轮次发现的线索，来源不能更正",
            "the source of a lead that a round found cannot be another one",
        ));
    }
    if let Some(round) = &found.round {
        let is_digest = round.manifest.len() == 64
            && round
                .manifest
                .bytes()
                .all(|b| b.is_ascii_hexdigit() && !b.is_ascii_uppercase());
        if !is_digest {
            return Err(fields("/fields/round/manifest", "不是摘要", "not a digest"));
        }
    }
    Ok(())
}
