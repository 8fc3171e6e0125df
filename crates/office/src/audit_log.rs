//! The audit log: one JSON object a line, each with the digest of the one
//! before, so that no line can be changed, removed or put in without breaking
//! every later one. It holds no value of an export.

use jiff::Timestamp;
use serde_json::{Map, Value};

/// Where the log takes its time from.
pub type Clock = fn() -> Timestamp;

/// The digest that stands before the first entry.
const BEFORE_THE_FIRST: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// A log under way.
pub struct AuditLog {
    clock: Clock,
    lines: Vec<String>,
    last_digest: String,
}

impl AuditLog {
    /// An empty log.
    pub fn new(clock: Clock) -> Self {
        AuditLog {
            clock,
            lines: Vec::new(),
            last_digest: BEFORE_THE_FIRST.to_owned(),
        }
    }

    /// Adds an entry.
    pub fn record(&mut self, event: &str, details: &[(&str, &str)]) {
        let details: Map<String, Value> = details
            .iter()
            .map(|(key, value)| ((*key).to_owned(), Value::from(*value)))
            .collect();
        let mut entry = Map::new();
        entry.insert("sequence".into(), (self.lines.len() + 1).into());
        entry.insert("at".into(), (self.clock)().to_string().into());
        entry.insert("event".into(), event.into());
        entry.insert("details".into(), details.into());
        entry.insert("previous".into(), self.last_digest.clone().into());
        let digest = digest_of(&entry);
        entry.insert("digest".into(), digest.clone().into());
        self.lines.push(Value::Object(entry).to_string());
        self.last_digest = digest;
    }

    /// The log as a file's content.
    pub fn to_jsonl(&self) -> String {
        self.lines.iter().map(|line| format!("{line}\n")).collect()
    }
}

/// BLAKE3 of the entry as JSON without its own `digest`, keys in their order.
fn digest_of(entry: &Map<String, Value>) -> String {
    let text = Value::Object(entry.clone()).to_string();
    blake3::hash(text.as_bytes()).to_hex().to_string()
}

/// Whether a log's chain is whole: the number of entries, or the number of
/// the first line (from 1) that does not fit.
///
/// # Errors
/// The line of the first break.
pub fn check_chain(jsonl: &str) -> Result<usize, usize> {
    let mut previous = BEFORE_THE_FIRST.to_owned();
    let mut entries = 0;
    for (index, line) in jsonl.lines().enumerate() {
        let mut entry: Map<String, Value> = serde_json::from_str(line).map_err(|_| index + 1)?;
        let digest = entry.shift_remove("digest");
        let fits = entry.get("previous").and_then(Value::as_str) == Some(&previous)
            && entry.get("sequence").and_then(Value::as_u64) == Some(index as u64 + 1)
            && digest.as_ref().and_then(Value::as_str) == Some(&digest_of(&entry));
        if !fits {
            return Err(index + 1);
        }
        previous = digest_of(&entry);
        entries += 1;
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_removed_or_added_line_breaks_the_chain() {
        let mut log = AuditLog::new(|| Timestamp::UNIX_EPOCH);
        for event in ["one", "two", "three"] {
            log.record(event, &[("file", "a.csv")]);
        }
        let text = log.to_jsonl();
        assert_eq!(check_chain(&text), Ok(3));
        assert_eq!(check_chain(&text.replace("two", "too")), Err(2));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(check_chain(&[lines[0], lines[2]].join("\n")), Err(2));
        assert_eq!(check_chain(&[lines[0], lines[0]].join("\n")), Err(2));
        assert_eq!(check_chain(&[lines[1], lines[2]].join("\n")), Err(1));
    }
}
