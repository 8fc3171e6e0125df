//! The texts of events, searched for numbers that identify a person. Appending refuses them; the
//! search is for registers that something else wrote.

use aidlink_faults::personal_number::{NumberKind, find};
use serde_json::Value;

use crate::chain::Recorded;
use crate::checks::NOT_TEXT;

/// Returns the numbers in the texts of an event, each with the field that holds it. Digests and
/// numbers of leads, whose form is checked when the register is read, are not searched.
pub fn numbers_in(event: &Recorded) -> Vec<(String, NumberKind)> {
    let mut found = Vec::new();
    let because = event.because.as_deref().unwrap_or_default();
    let approver = event.approver.as_deref().unwrap_or_default();
    for (field, text) in [
        ("operator", event.operator.as_str()),
        ("approver", approver),
        ("because", because),
    ] {
        search(field, text, &mut found);
    }
    // An event that is in the register can be written.
    let fields = serde_json::to_value(&event.event).unwrap_or_default();
    let fields = fields.get("fields").cloned().unwrap_or_default();
    search_value("", &fields, &mut found);
    found
}

fn search(field: &str, text: &str, found: &mut Vec<(String, NumberKind)>) {
    let numbers = find(text).into_iter();
    found.extend(numbers.map(|number| (field.to_owned(), number.kind)));
}

fn search_value(place: &str, value: &Value, found: &mut Vec<(String, NumberKind)>) {
    match value {
        Value::String(text) => {
            let plain = place.strip_prefix("/event/fields").unwrap_or(place);
            if !NOT_TEXT.contains(&plain) {
                search(
                    &place.trim_start_matches('/').replace('/', "."),
                    text,
                    found,
                );
            }
        }
        Value::Array(values) => {
            // A number may be divided over the texts of a list.
            let texts: Vec<&str> = values.iter().filter_map(Value::as_str).collect();
            if texts.len() > 1 && texts.iter().all(|text| find(text).is_empty()) {
                let place = place.trim_start_matches('/').replace('/', ".");
                search(&place, &texts.join("；"), found);
            }
            for (index, value) in values.iter().enumerate() {
                search_value(&format!("{place}/{index}"), value, found);
            }
        }
        Value::Object(values) => {
            for (key, value) in values {
                search_value(&format!("{place}/{key}"), value, found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Event, Sent, SentAs};
    use crate::number::EventId;

    #[test]
    fn a_number_in_any_text_of_an_event_is_found_with_its_field() {
        let sent = |letter: &str| {
            Event::Sent(Sent {
                how: SentAs::Ordinary,
                reasons: None,
                letter: Some(letter.to_owned()),
                agency: None,
                courier: None,
                remark: None,
            })
        };
        let event = Recorded {
            seq: 1,
            id: EventId::parse("E-04HM-ASW9").expect("an id"),
            place: 1,
            subject: None,
            on: jiff::civil::date(2026, 9, 30),
            recorded_at: jiff::Timestamp::UNIX_EPOCH,
            event: sent("2026-17"),
            operator: "张三".to_owned(),
            approver: Some("李四".to_owned()),
            because: None,
            previous: "0".repeat(64),
            digest: "0".repeat(64),
        };
        assert_eq!(numbers_in(&event), []);
        let telephone = "13800001234";
        let text = || format!("电话 {telephone}");
        let with: [(&str, Recorded); 4] = [
            (
                "operator",
                Recorded {
                    operator: text(),
                    ..event.clone()
                },
            ),
            (
                "approver",
                Recorded {
                    approver: Some(text()),
                    ..event.clone()
                },
            ),
            (
                "because",
                Recorded {
                    because: Some(text()),
                    ..event.clone()
                },
            ),
            (
                "letter",
                Recorded {
                    event: sent(telephone),
                    ..event.clone()
                },
            ),
        ];
        for (field, event) in with {
            let found = numbers_in(&event);
            assert_eq!(found, [(field.to_owned(), NumberKind::Telephone)]);
        }
    }
}
