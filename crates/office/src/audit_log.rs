//! The audit log: one JSON object a line, each with the digest of the one
//! before, so that no line can be changed, removed or put in without breaking
//! every later one. It holds no value of an export.

use std::collections::BTreeMap;

use aidlink_contract::token::TokenAlgorithm;
use aidlink_faults::text::Text;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::confinement::{CoreDumps, Network};
use crate::manifest::Passed;

/// The name of the log in an output folder.
pub const LOG: &str = "audit.jsonl";
/// What the first line's `format` says.
const FORMAT: &str = "aidlink audit log";
/// The version of the format. Version 1, of aidlink 0.1, names neither.
const VERSION: u64 = 2;
/// The digest that the first entry has for its predecessor.
const NO_PREVIOUS_DIGEST: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// Where the log takes its time from.
pub type Clock = fn() -> Timestamp;

/// Something that happened in a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", content = "details", rename_all = "snake_case")]
pub enum Event {
    /// A pooled round began.
    RoundStarted(Started),
    /// An agency began to tokenise an export.
    TokeniseStarted(Started),
    /// The centre began to screen.
    ScreeningStarted(Started),
    /// The procuratorate began to resolve leads.
    ResolveStarted(Started),
    /// What the system refuses to the program from here on.
    Confined {
        /// Sockets.
        network: Network,
        /// Images of the memory.
        core_dumps: CoreDumps,
    },
    /// The token algorithm gave the known answers.
    KnownAnswerTest {
        /// The algorithm.
        algorithm: TokenAlgorithm,
        /// It passed.
        result: Passed,
    },
    /// The round's key was read, or made.
    Key {
        /// Its id.
        id: String,
        /// `made` or `read`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        how: Option<String>,
        /// The token algorithm.
        algorithm: TokenAlgorithm,
    },
    /// A file of an export was read.
    FileRead {
        /// The export.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        export: Option<String>,
        /// Its path as the round file gives it.
        file: String,
        /// BLAKE3 digest, hexadecimal.
        blake3: String,
    },
    /// An export became tokens.
    ExportTokenised {
        /// The export.
        export: String,
        /// Rows below the header.
        rows: Count,
        /// Rows that could not be used.
        rejected: Count,
        /// Rows that a withhold rule kept back.
        withheld: Count,
    },
    /// A token file came.
    TokenFileReceived {
        /// The export.
        export: String,
        /// BLAKE3 digest of its plain text, hexadecimal.
        plain_blake3: String,
    },
    /// The screened leads came.
    LeadsReceived {
        /// The screening.
        screening: String,
        /// BLAKE3 digest of their plain text, hexadecimal.
        plain_blake3: String,
        /// How many there are.
        leads: Count,
    },
    /// Case parties were screened.
    Screened {
        /// The screening, at the centre.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        screening: Option<String>,
        /// How many leads there are.
        leads: Count,
    },
    /// Leads became people again.
    Resolved {
        /// How many there are.
        leads: Count,
    },
    /// A file was written into the output folder.
    FileWritten {
        /// Its path in the folder.
        file: String,
        /// BLAKE3 digest, hexadecimal.
        blake3: String,
    },
    /// A pooled round ended.
    RoundComplete(Complete),
    /// An agency's step ended.
    TokeniseComplete(Complete),
    /// The centre's step ended.
    ScreeningComplete(Complete),
    /// The procuratorate's step ended.
    ResolveComplete(Complete),
}

/// What a step began with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Started {
    /// The round's id.
    pub round: String,
    /// BLAKE3 digest of the round file, hexadecimal.
    pub round_file_blake3: String,
    /// The export, of a step on one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub export: Option<String>,
    /// The operator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator: Option<String>,
    /// `pooled`, of a pooled round.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
}

/// What a step ended with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Complete {
    /// BLAKE3 digest of the manifest, hexadecimal.
    pub manifest_blake3: String,
}

impl Event {
    /// What the step ended with, if this is a step's last event.
    pub fn complete(&self) -> Option<&Complete> {
        match self {
            Event::RoundComplete(complete)
            | Event::TokeniseComplete(complete)
            | Event::ScreeningComplete(complete)
            | Event::ResolveComplete(complete) => Some(complete),
            _ => None,
        }
    }
}

/// A number of things. Version 1 of the log wrote it in quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Count(pub u64);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Number(u64),
            Quoted(String),
        }
        match Written::deserialize(deserializer)? {
            Written::Number(number) => Ok(Count(number)),
            Written::Quoted(text) => text.parse().map(Count).map_err(serde::de::Error::custom),
        }
    }
}

/// A line of the log as it is written; its digest follows as the last field.
#[derive(Serialize)]
struct WrittenLine<'e> {
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u64>,
    sequence: u64,
    at: String,
    #[serde(flatten)]
    event: &'e Event,
    #[serde(skip_serializing_if = "Option::is_none")]
    clock_went_back_seconds: Option<i64>,
    previous: &'e str,
}

/// A line of the log as it is read.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReadLine<'l> {
    format: Option<String>,
    version: Option<u64>,
    sequence: u64,
    at: String,
    event: String,
    #[serde(borrow)]
    details: &'l RawValue,
    clock_went_back_seconds: Option<i64>,
    previous: String,
    digest: String,
}

/// A log that is being written.
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
            last_digest: NO_PREVIOUS_DIGEST.to_owned(),
        }
    }

    /// Adds an entry. Where the clock has gone back since the last one, the
    /// entry has the time of the last and says by how much.
    pub fn record(&mut self, event: &Event) {
        let read = (self.clock)();
        let at = self.last_at.map_or(read, |last| last.max(read));
        self.last_at = Some(at);
        let is_first = self.lines.is_empty();
        let line = WrittenLine {
            format: is_first.then_some(FORMAT),
            version: is_first.then_some(VERSION),
            sequence: self.lines.len() as u64 + 1,
            at: at.to_string(),
            event,
            clock_went_back_seconds: (at > read)
                .then(|| at.as_second().saturating_sub(read.as_second())),
            previous: &self.last_digest,
        };
        // Its types have only text keys, so serialising cannot fail.
        let text = serde_json::to_string(&line).unwrap_or_default();
        let digest = digest_of(&text);
        let unclosed = text.strip_suffix('}').unwrap_or(&text);
        self.lines
            .push(format!("{unclosed}{DIGEST_FIELD}{digest}\"}}"));
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

/// What comes between the rest of a line and its digest.
const DIGEST_FIELD: &str = ",\"digest\":\"";

/// BLAKE3 of a line's own bytes, without its digest.
fn digest_of(line: &str) -> String {
    blake3::hash(line.as_bytes()).to_hex().to_string()
}

/// An entry of a log that was read.
#[derive(Clone, Debug)]
pub struct Entry {
    /// What happened; `None` for an event that this version does not know.
    pub event: Option<Event>,
    /// When, as the log says.
    pub at: Option<Timestamp>,
    /// By how many seconds the clock had gone back, if it had.
    pub clock_went_back_seconds: Option<i64>,
    previous: String,
    digest: String,
}

/// What is wrong with a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChainFault {
    /// There is no entry.
    Empty,
    /// A newer program wrote the log, in this version of the format.
    Newer(u64),
    /// A line (from 1) is not an entry, or was changed: its digest is another.
    Changed(usize),
    /// An entry was removed before this line, or put in, or moved.
    Broken(usize),
    /// Two lines both continue the same entry: two logs were put together.
    TwoHeads(usize, usize),
    /// A line has an earlier time than the one before.
    TimeGoesBack(usize),
}

impl ChainFault {
    /// The line (from 1) at which it shows.
    pub fn line(self) -> u64 {
        match self {
            ChainFault::Empty | ChainFault::Newer(_) => 1,
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
            ChainFault::Newer(version) => Text::new(
                format!("由更新版本的程序写出（日志第{version}版，本程序认识到第{VERSION}版）"),
                format!(
                    "a newer aidlink wrote it (log version {version}; this one reads up to {VERSION})"
                ),
            ),
            ChainFault::Changed(_) => Text::new(
                "此条日志被改动，或不是日志条目",
                "this entry was changed, or is not an entry of a log",
            ),
            ChainFault::Broken(_) => Text::new(
                "日志链在此断开：此前有条目被删去、插入或移动",
                "the chain of the log breaks here: an earlier entry was removed, put in or moved",
            ),
            ChainFault::TwoHeads(first, second) => Text::new(
                format!("日志有两个头：第{first}行和第{second}行都接在同一条之后"),
                format!(
                    "the log has two heads: lines {first} and {second} both follow the same entry"
                ),
            ),
            ChainFault::TimeGoesBack(_) => Text::new(
                "此条日志的时间早于前一条",
                "this entry has an earlier time than the one before",
            ),
        }
    }
}

/// The entries of a log and what is wrong with it.
pub struct ReadLog {
    /// The entries up to the first line that is not one.
    pub entries: Vec<Entry>,
    /// The first fault, if any.
    pub fault: Option<ChainFault>,
}

impl ReadLog {
    /// The digest that stands for the whole log.
    pub fn last_digest(&self) -> Option<&str> {
        self.entries.last().map(|entry| entry.digest.as_str())
    }

    /// The events with the lines (from 1) that they are on.
    pub fn events(&self) -> impl Iterator<Item = (usize, &Event)> {
        let entries = self.entries.iter().enumerate();
        entries.filter_map(|(index, entry)| Some((index + 1, entry.event.as_ref()?)))
    }
}

/// Reads a log and checks its chain.
pub fn read_log(jsonl: &str) -> ReadLog {
    let mut entries: Vec<Entry> = Vec::new();
    let ended = |entries, fault| ReadLog {
        entries,
        fault: Some(fault),
    };
    // Every line ends with a line feed, also the last: bytes outside of the
    // lines would be under no digest.
    let Some(lines) = jsonl.strip_suffix('\n') else {
        let fault = match jsonl.is_empty() {
            true => ChainFault::Empty,
            false => ChainFault::Changed(jsonl.split('\n').count()),
        };
        return ended(entries, fault);
    };
    for (index, line) in lines.split('\n').enumerate() {
        match read_entry(line, index as u64 + 1) {
            Ok(entry) => entries.push(entry),
            Err(fault) => return ended(entries, fault),
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
    let mut previous = NO_PREVIOUS_DIGEST;
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
/// the line's is left to the chain: the digest covers it.
fn read_entry(line: &str, number: u64) -> Result<Entry, ChainFault> {
    let changed = ChainFault::Changed(usize::try_from(number).unwrap_or(usize::MAX));
    let read: ReadLine<'_> = serde_json::from_str(line).map_err(|_| changed)?;
    // The digest is over the bytes as they are, so that no other way of writing
    // the same JSON passes.
    let tail = format!("{DIGEST_FIELD}{}\"}}", read.digest);
    let own = line
        .strip_suffix(&tail)
        .map(|rest| digest_of(&format!("{rest}}}")));
    if own.as_deref() != Some(read.digest.as_str()) {
        return Err(changed);
    }
    match (read.format.as_deref(), read.version) {
        (Some(FORMAT), Some(version)) if read.sequence == 1 && version > VERSION => {
            return Err(ChainFault::Newer(version));
        }
        (Some(FORMAT), Some(_)) if read.sequence == 1 => {}
        // Later lines, and version 1.
        (None, None) => {}
        _ => return Err(changed),
    }
    let is_first = read.previous == NO_PREVIOUS_DIGEST;
    // The first entry of a log comes first and nowhere else.
    if (read.sequence == 1) != is_first || (number == 1 && read.sequence == 0) {
        return Err(changed);
    }
    let name = serde_json::to_string(&read.event).unwrap_or_default();
    let event = format!("{{\"event\":{name},\"details\":{}}}", read.details.get());
    Ok(Entry {
        event: serde_json::from_str(&event).ok(),
        at: read.at.parse().ok(),
        clock_went_back_seconds: read.clock_went_back_seconds,
        previous: read.previous,
        digest: read.digest,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;

    fn written(file: &str) -> Event {
        Event::FileWritten {
            file: file.to_owned(),
            blake3: "00".to_owned(),
        }
    }

    fn of(files: &[&str]) -> AuditLog {
        let mut log = AuditLog::new(|| Timestamp::UNIX_EPOCH);
        for file in files {
            log.record(&written(file));
        }
        log
    }

    fn fault(lines: &[&str]) -> Option<ChainFault> {
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        read_log(&text).fault
    }

    #[test]
    fn a_changed_removed_or_added_line_breaks_the_chain() {
        let log = of(&["one", "two", "three"]);
        let text = log.to_jsonl();
        let read = read_log(&text);
        assert_eq!((read.entries.len(), read.fault), (3, None));
        assert_eq!(read.last_digest(), Some(log.last_digest()));
        let events: Vec<(usize, &Event)> = read.events().collect();
        assert_eq!(events[1], (2, &written("two")));
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
    fn another_way_of_writing_the_same_line_is_a_change() {
        let text = of(&["one", "two"]).to_jsonl();
        let second = text.lines().nth(1).expect("two lines").to_owned();
        let details = "\"details\":{\"file\":\"two\"";
        assert!(second.contains(details));
        let ways = [
            second.replace("\"sequence\":2", "\"sequence\": 2"),
            second.replace("\"file\":\"two\"", "\"file\":\"\\u0074wo\""),
            second.replace(details, "\"details\":{\"file\":\"other\",\"file\":\"two\""),
            second.replace("{\"sequence\":2", "{\"sequence\":1,\"sequence\":2"),
            second.replace(",\"digest\"", ", \"digest\""),
            format!("{second} "),
            format!("{second}\r"),
            format!(" {second}"),
        ];
        for way in ways {
            assert_ne!(way, second);
            let changed = text.replace(&second, &way);
            assert_eq!(
                read_log(&changed).fault,
                Some(ChainFault::Changed(2)),
                "{way}"
            );
        }
        for ending in ["", "\n\n", "\n \n"] {
            let changed = format!("{}{ending}", text.trim_end());
            assert!(read_log(&changed).fault.is_some(), "{ending:?}");
        }
    }

    #[test]
    fn a_log_of_a_newer_program_is_reported_as_one() {
        let line = of(&["one"]).to_jsonl();
        let (body, _) = line.split_once(DIGEST_FIELD).expect("a digest");
        let body = body.replace("\"version\":2", "\"version\":3");
        let digest = digest_of(&format!("{body}}}"));
        let signed = format!("{body}{DIGEST_FIELD}{digest}\"}}\n");
        assert_eq!(read_log(&signed).fault, Some(ChainFault::Newer(3)));
    }

    #[test]
    fn a_log_of_version_1_is_read() {
        // As aidlink 0.1 wrote it: no format, numbers in quotes.
        let mut previous = NO_PREVIOUS_DIGEST.to_owned();
        let mut text = String::new();
        let lines = [
            r#""event":"key","details":{"id":"0123456789abcdef","how":"read","algorithm":"hmac-sm3"}"#,
            r#""event":"resolved","details":{"leads":"218"}"#,
            r#""event":"something_of_another_version","details":{}"#,
        ];
        for (index, line) in lines.iter().enumerate() {
            let body = format!(
                r#"{{"sequence":{},"at":"2026-09-30T01:02:03Z",{line},"previous":"{previous}"}}"#,
                index + 1
            );
            previous = digest_of(&body);
            let unclosed = body.strip_suffix('}').expect("an object");
            text += &format!("{unclosed}{DIGEST_FIELD}{previous}\"}}\n");
        }
        let read = read_log(&text);
        assert_eq!(read.fault, None);
        let events: Vec<(usize, &Event)> = read.events().collect();
        assert_eq!(events.len(), 2);
        assert_eq!(events[1], (2, &Event::Resolved { leads: Count(218) }));
    }

    #[test]
    fn a_log_with_two_heads_is_reported_as_one() {
        let one = of(&["one", "two"]).to_jsonl();
        let other = of(&["one", "another", "third"]).to_jsonl();
        let lines: Vec<&str> = one.lines().chain(other.lines().skip(1)).collect();
        assert_eq!(fault(&lines), Some(ChainFault::TwoHeads(2, 3)));
    }

    #[test]
    fn a_clock_that_goes_back_is_recorded_and_not_followed() {
        static SECONDS: AtomicI64 = AtomicI64::new(7200);
        let mut log = AuditLog::new(|| {
            let now = SECONDS.fetch_sub(3600, Ordering::Relaxed);
            Timestamp::from_second(now).unwrap_or(Timestamp::UNIX_EPOCH)
        });
        log.record(&written("one"));
        log.record(&written("two"));
        let read = read_log(&log.to_jsonl());
        assert_eq!(read.fault, None);
        assert_eq!(read.entries[0].at, read.entries[1].at);
        assert_eq!(read.entries[1].clock_went_back_seconds, Some(3600));
    }
}
