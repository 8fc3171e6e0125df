//! The audit log: one JSON object a line, each with the digest of the one
//! before, so that no line can be changed, removed or put in without breaking
//! every later one. It holds no value of an export.

use std::collections::BTreeMap;

use aidlink_faults::text::Text;
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
    last_at: Option<Timestamp>,
    last_digest: String,
}

impl AuditLog {
    /// An empty log.
    pub fn new(clock: Clock) -> Self {
        AuditLog {
            clock,
            lines: Vec::new(),
            last_at: None,
            last_digest: BEFORE_THE_FIRST.to_owned(),
        }
    }

    /// Adds an entry. Where the clock has gone back since the last one, the
    /// entry bears the time of the last and says by how much.
    pub fn record(&mut self, event: &str, details: &[(&str, &str)]) {
        let mut details: Map<String, Value> = details
            .iter()
            .map(|(key, value)| ((*key).to_owned(), Value::from(*value)))
            .collect();
        let read = (self.clock)();
        let at = self.last_at.map_or(read, |last| last.max(read));
        if at > read {
            let seconds = at.as_second().saturating_sub(read.as_second());
            details.insert("clock_went_back_seconds".into(), seconds.to_string().into());
        }
        self.last_at = Some(at);
        let mut entry = Map::new();
        entry.insert("sequence".into(), (self.lines.len() + 1).into());
        entry.insert("at".into(), at.to_string().into());
        entry.insert("event".into(), event.into());
        entry.insert("details".into(), details.into());
        entry.insert("previous".into(), self.last_digest.clone().into());
        let digest = digest_of(&entry);
        entry.insert("digest".into(), digest.clone().into());
        self.lines.push(Value::Object(entry).to_string());
        self.last_digest = digest;
    }

    /// The digest of the last entry, which stands for the whole log.
    pub fn last_digest(&self) -> &str {
        &self.last_digest
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

/// An entry of a log that was read.
#[derive(Clone, Debug)]
pub struct Entry {
    /// What happened.
    pub event: String,
    /// When, as the log says.
    pub at: Option<Timestamp>,
    /// With what.
    pub details: Map<String, Value>,
    previous: String,
    digest: String,
}

/// What is wrong with a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChainFault {
    /// There is no entry.
    Empty,
    /// A line (from 1) is no entry, or was changed: its digest is not its own.
    Changed(usize),
    /// An entry was removed before this line, or put in, or moved.
    Broken(usize),
    /// Two lines both continue the same entry: two logs were put together.
    TwoHeads(usize, usize),
    /// A line bears an earlier time than the one before.
    TimeGoesBack(usize),
}

impl ChainFault {
    /// The line (from 1) at which it shows.
    pub fn line(self) -> u64 {
        match self {
            ChainFault::Empty => 1,
            ChainFault::Changed(line)
            | ChainFault::Broken(line)
            | ChainFault::TwoHeads(_, line)
            | ChainFault::TimeGoesBack(line) => line as u64,
        }
    }

    /// In both languages.
    pub fn text(self) -> Text {
        match self {
            ChainFault::Empty => Text::new("日志是空的", "the log is empty"),
            ChainFault::Changed(_) => Text::new(
                "此条日志被改动，或不是日志条目",
                "this entry was changed, or is no entry of a log",
            ),
            ChainFault::Broken(_) => Text::new(
                "日志链在此断开：此前有条目被删去、插入或移动",
                "the chain of the log breaks here: an entry before was removed, put in or moved",
            ),
            ChainFault::TwoHeads(first, second) => Text::new(
                format!("日志有两个头：第{first}行和第{second}行都接在同一条之后"),
                format!(
                    "the log has two heads: lines {first} and {second} both follow the same entry"
                ),
            ),
            ChainFault::TimeGoesBack(_) => Text::new(
                "此条日志的时间早于前一条",
                "this entry bears an earlier time than the one before",
            ),
        }
    }
}

/// The entries of a log and what is wrong with it.
pub struct ReadLog {
    /// The entries up to the first line that is none.
    pub entries: Vec<Entry>,
    /// The first fault, if any.
    pub fault: Option<ChainFault>,
}

impl ReadLog {
    /// The digest that stands for the whole log.
    pub fn last_digest(&self) -> Option<&str> {
        self.entries.last().map(|entry| entry.digest.as_str())
    }
}

/// Reads a log and checks its chain.
pub fn read_log(jsonl: &str) -> ReadLog {
    let mut entries: Vec<Entry> = Vec::new();
    for (index, line) in jsonl.lines().enumerate() {
        match read_entry(line, index as u64 + 1) {
            Some(entry) => entries.push(entry),
            None => {
                let fault = Some(ChainFault::Changed(index + 1));
                return ReadLog { entries, fault };
            }
        }
    }
    let fault = chain_fault(&entries);
    ReadLog { entries, fault }
}

fn chain_fault(entries: &[Entry]) -> Option<ChainFault> {
    if entries.is_empty() {
        return Some(ChainFault::Empty);
    }
    let mut follows: BTreeMap<&str, usize> = BTreeMap::new();
    for (index, entry) in entries.iter().enumerate() {
        if let Some(first) = follows.insert(&entry.previous, index + 1) {
            return Some(ChainFault::TwoHeads(first, index + 1));
        }
    }
    let mut previous = BEFORE_THE_FIRST;
    let mut last_at = None;
    for (index, entry) in entries.iter().enumerate() {
        if entry.previous != previous {
            return Some(ChainFault::Broken(index + 1));
        }
        if entry.at.is_none() || entry.at < last_at {
            return Some(ChainFault::TimeGoesBack(index + 1));
        }
        last_at = entry.at;
        previous = &entry.digest;
    }
    None
}

/// The entry of a line whose digest is its own. A sequence number that is not
/// the line's is left to the chain: the digest holds it.
fn read_entry(line: &str, number: u64) -> Option<Entry> {
    let mut entry: Map<String, Value> = serde_json::from_str(line).ok()?;
    let digest = entry.shift_remove("digest")?.as_str()?.to_owned();
    if digest != digest_of(&entry) {
        return None;
    }
    let sequence = entry.get("sequence")?.as_u64()?;
    let previous = entry.get("previous")?.as_str()?;
    // The first of a log stands nowhere else than first.
    if (sequence == 1) != (previous == BEFORE_THE_FIRST) || (number == 1 && sequence == 0) {
        return None;
    }
    Some(Entry {
        event: entry.get("event")?.as_str()?.to_owned(),
        at: entry.get("at")?.as_str()?.parse().ok(),
        previous: previous.to_owned(),
        details: entry.get("details")?.as_object()?.clone(),
        digest,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;

    fn of(events: &[&str]) -> AuditLog {
        let mut log = AuditLog::new(|| Timestamp::UNIX_EPOCH);
        for event in events {
            log.record(event, &[("file", "a.csv")]);
        }
        log
    }

    fn fault(lines: &[&str]) -> Option<ChainFault> {
        read_log(&lines.join("\n")).fault
    }

    #[test]
    fn a_changed_removed_or_added_line_breaks_the_chain() {
        let log = of(&["one", "two", "three"]);
        let text = log.to_jsonl();
        let read = read_log(&text);
        assert_eq!((read.entries.len(), read.fault), (3, None));
        assert_eq!(read.last_digest(), Some(log.last_digest()));
        let changed = read_log(&text.replace("two", "too")).fault;
        assert_eq!(changed, Some(ChainFault::Changed(2)));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(fault(&[lines[0], lines[2]]), Some(ChainFault::Broken(2)));
        assert_eq!(fault(&[lines[1], lines[2]]), Some(ChainFault::Broken(1)));
        assert_eq!(
            fault(&[lines[0], lines[0]]),
            Some(ChainFault::TwoHeads(1, 2))
        );
        assert_eq!(fault(&[]), Some(ChainFault::Empty));
        // Its end cut off, a chain is whole: the signature holds its last digest.
        assert_eq!(fault(&[lines[0], lines[1]]), None);
    }

    #[test]
    fn a_log_with_two_heads_is_told_as_one() {
        let one = of(&["one", "two"]).to_jsonl();
        let other = of(&["one", "another", "third"]).to_jsonl();
        let lines: Vec<&str> = one.lines().chain(other.lines().skip(1)).collect();
        assert_eq!(fault(&lines), Some(ChainFault::TwoHeads(2, 3)));
    }

    #[test]
    fn a_clock_that_goes_back_is_told_and_not_followed() {
        static SECONDS: AtomicI64 = AtomicI64::new(7200);
        let mut log = AuditLog::new(|| {
            let now = SECONDS.fetch_sub(3600, Ordering::Relaxed);
            Timestamp::from_second(now).unwrap_or(Timestamp::UNIX_EPOCH)
        });
        log.record("one", &[]);
        log.record("two", &[]);
        let read = read_log(&log.to_jsonl());
        assert_eq!(read.fault, None);
        assert_eq!(read.entries[0].at, read.entries[1].at);
        assert_eq!(read.entries[1].details["clock_went_back_seconds"], "3600");
    }
}
