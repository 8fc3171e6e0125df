//! The audit log: one JSON object per line. Each holds the digest of the line
//! before it, so a line that is changed, removed or inserted breaks the chain.
//! The log holds no value of an export.

use std::collections::BTreeMap;
use std::path::Path;

use aidlink_contract::token::TokenAlgorithm;
use aidlink_faults::fault::{Fault, size_text};
use aidlink_faults::text::Text;
use aidlink_files::document::{check_writable, from_json};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::confinement::{CoreDumps, Network};
use crate::manifest::Passed;

/// The name of the log in an output folder.
pub const LOG: &str = "audit.jsonl";
/// The `format` in the first line.
const FORMAT: &str = "aidlink audit log";
/// The version of the format. Logs of version 1 (aidlink 0.1) name neither
/// format nor version.
const VERSION: u64 = 2;
/// The largest log in bytes.
pub const LARGEST_LOG: u64 = 256 << 20;
/// The longest line of a log in bytes.
const LONGEST_LINE: u64 = 1 << 20;
/// The `previous` digest of the first entry.
const NO_PREVIOUS_DIGEST: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// Returns the current time.
pub type Clock = fn() -> Timestamp;

/// An event of a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", content = "details", rename_all = "snake_case")]
pub enum Event {
    /// A pooled round started.
    RoundStarted(Started),
    /// An agency started to tokenise an export.
    TokeniseStarted(Started),
    /// The centre started to screen.
    ScreeningStarted(Started),
    /// The procuratorate started to resolve leads.
    ResolveStarted(Started),
    /// The restrictions on the program.
    Confined {
        /// Sockets.
        network: Network,
        /// Core dumps.
        core_dumps: CoreDumps,
    },
    /// The token algorithm passed its known-answer test.
    KnownAnswerTest {
        /// The algorithm.
        algorithm: TokenAlgorithm,
        /// Always `passed`: a step that fails the test does not run.
        result: Passed,
    },
    /// The round key was read or made.
    Key {
        /// Its key id.
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
        /// Its path as in the round file.
        file: String,
        /// BLAKE3 digest, hexadecimal.
        blake3: String,
    },
    /// The procuratorate's register was read, up to its head.
    RegisterRead {
        /// Its id.
        register: String,
        /// Number of events.
        events: Count,
        /// The digest of the last event, hexadecimal.
        last: String,
    },
    /// An export was tokenised.
    ExportTokenised {
        /// The export.
        export: String,
        /// Rows below the header.
        rows: Count,
        /// Rejected rows.
        rejected: Count,
        /// Rows withheld by a rule.
        withheld: Count,
    },
    /// A token file was received.
    TokenFileReceived {
        /// The export.
        export: String,
        /// BLAKE3 digest of its plain text, hexadecimal.
        plain_blake3: String,
    },
    /// The file of screened leads was received.
    LeadsReceived {
        /// The id of the screening.
        screening: String,
        /// BLAKE3 digest of its plain text, hexadecimal.
        plain_blake3: String,
        /// The number of leads.
        leads: Count,
    },
    /// Case parties were screened.
    Screened {
        /// The id of the screening; absent in a pooled round.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        screening: Option<String>,
        /// The number of leads.
        leads: Count,
    },
    /// Leads were resolved to persons.
    Resolved {
        /// The number of leads.
        leads: Count,
    },
    /// A file was written to the output folder.
    FileWritten {
        /// Its path in the folder.
        file: String,
        /// BLAKE3 digest, hexadecimal.
        blake3: String,
    },
    /// A pooled round finished.
    RoundComplete(Complete),
    /// An agency's step finished.
    TokeniseComplete(Complete),
    /// The centre's step finished.
    ScreeningComplete(Complete),
    /// The procuratorate's step finished.
    ResolveComplete(Complete),
}

/// The details of a step's first event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Started {
    /// The round's id.
    pub round: String,
    /// BLAKE3 digest of the round file, hexadecimal.
    pub round_file_blake3: String,
    /// The export, if the step works on a single one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub export: Option<String>,
    /// The operator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator: Option<String>,
    /// `pooled` in a pooled round, else absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
}

/// The details of a step's last event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Complete {
    /// BLAKE3 digest of the manifest, hexadecimal.
    pub manifest_blake3: String,
}

impl Event {
    /// Returns the details if this is a step's last event.
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

/// A number. Version 1 of the log wrote it as a string.
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

/// A line of the log for writing, without its last field `digest`.
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

/// A line of the log for reading.
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

/// A log for writing.
pub struct AuditLog {
    clock: Clock,
    lines: Vec<String>,
    last_at: Option<Timestamp>,
    last_digest: String,
}

impl AuditLog {
    /// Creates an empty log.
    pub fn new(clock: Clock) -> Self {
        AuditLog {
            clock,
            lines: Vec::new(),
            last_at: None,
            last_digest: NO_PREVIOUS_DIGEST.to_owned(),
        }
    }

    /// Adds an entry. If the clock was set back since the previous entry, the new
    /// entry repeats the previous time and records the difference.
    pub fn record(&mut self, event: &Event) {
        let now = (self.clock)();
        let at = self.last_at.map_or(now, |last| last.max(now));
        self.last_at = Some(at);
        let is_first = self.lines.is_empty();
        let line = WrittenLine {
            format: is_first.then_some(FORMAT),
            version: is_first.then_some(VERSION),
            sequence: self.lines.len() as u64 + 1,
            at: at.to_string(),
            event,
            clock_went_back_seconds: (at > now)
                .then(|| at.as_second().saturating_sub(now.as_second())),
            previous: &self.last_digest,
        };
        // All map keys are strings, so serialising cannot fail.
        let text = serde_json::to_string(&line).unwrap_or_default();
        let digest = digest_of(&text);
        let unclosed = text.strip_suffix('}').unwrap_or(&text);
        self.lines
            .push(format!("{unclosed}{DIGEST_FIELD}{digest}\"}}"));
        self.last_digest = digest;
    }

    /// Returns the digest of the last entry; through the chain it covers the whole
    /// log.
    pub fn last_digest(&self) -> &str {
        &self.last_digest
    }

    /// Returns the log as text, one entry per line, for the file at `path`.
    ///
    /// # Errors
    /// If it, or a line of it, is larger than [`read_log`] and verification accept.
    pub fn to_file(&self, path: &Path) -> Result<String, Fault> {
        if self
            .lines
            .iter()
            .any(|line| line.len() as u64 > LONGEST_LINE)
        {
            let size = size_text(LONGEST_LINE);
            return Err(Fault::of_file(
                path,
                Text::new(
                    format!("日志中一行将超过{}，程序不再能读取，未写出", size.zh),
                    format!(
                        "a line of the log would be longer than {} and could not be read again; it was not written",
                        size.en
                    ),
                ),
                Text::new(
                    "请缩短轮次文件中的文字，如 operator",
                    "shorten the texts in the round file, such as `operator`",
                ),
            ));
        }
        let text = self.to_jsonl();
        check_writable(text.len(), LARGEST_LOG, path)?;
        Ok(text)
    }

    /// Returns the log as text, one entry per line.
    pub fn to_jsonl(&self) -> String {
        self.lines.iter().map(|line| format!("{line}\n")).collect()
    }
}

/// The text between the rest of a line and its digest.
const DIGEST_FIELD: &str = ",\"digest\":\"";

/// Returns the BLAKE3 digest, hexadecimal, of a line without its `digest` field.
fn digest_of(line: &str) -> String {
    blake3::hash(line.as_bytes()).to_hex().to_string()
}

/// An entry of a log.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The event; `None` if this version does not know it.
    pub event: Option<Event>,
    /// The time in the log; `None` if it cannot be parsed.
    pub at: Option<Timestamp>,
    /// By how many seconds the clock was set back, if it was.
    pub clock_went_back_seconds: Option<i64>,
    previous: String,
    digest: String,
}

/// A fault in a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChainFault {
    /// The log has no entries.
    Empty,
    /// The log has this newer version of the format.
    Newer(u64),
    /// This line (from 1) is not an entry, or does not match its digest.
    Changed(usize),
    /// An entry before this line was removed, inserted or moved.
    Broken(usize),
    /// These two lines have the same `previous` digest: two logs were merged.
    Fork(usize, usize),
    /// The time of this line is earlier than that of the previous line, or cannot
    /// be parsed.
    TimeGoesBack(usize),
}

impl ChainFault {
    /// Returns the line (from 1) of the fault.
    pub fn line(self) -> u64 {
        match self {
            ChainFault::Empty | ChainFault::Newer(_) => 1,
            ChainFault::Changed(line)
            | ChainFault::Broken(line)
            | ChainFault::Fork(_, line)
            | ChainFault::TimeGoesBack(line) => line as u64,
        }
    }

    /// Returns the message for the user.
    pub fn text(self) -> Text {
        match self {
            ChainFault::Empty => Text::new("日志为空", "the log is empty"),
            ChainFault::Newer(version) => Text::new(
                format!(
                    "日志由更新版本的程序生成（日志第{version}版，本程序最高支持第{VERSION}版）"
                ),
                format!(
                    "a newer aidlink wrote the log (log version {version}; this program supports up to {VERSION})"
                ),
            ),
            ChainFault::Changed(_) => Text::new(
                "此行已被改动，或不是日志条目",
                "this line was changed, or is not a log entry",
            ),
            ChainFault::Broken(_) => Text::new(
                "日志链在此断开：此前有条目被删去、插入或移动",
                "the hash chain of the log breaks here: an earlier entry was removed, inserted or moved",
            ),
            ChainFault::Fork(first, second) => Text::new(
                format!("日志出现分支：第{first}行和第{second}行接在同一条目之后"),
                format!("the log forks: lines {first} and {second} both follow the same entry"),
            ),
            ChainFault::TimeGoesBack(_) => Text::new(
                "此条目的时间无效，或早于前一条目",
                "the time of this entry is invalid or earlier than that of the entry before it",
            ),
        }
    }
}

/// The result of reading a log.
pub struct ReadLog {
    /// The entries, up to the first line that is not a valid entry.
    pub entries: Vec<Entry>,
    /// The first fault, if any.
    pub fault: Option<ChainFault>,
}

impl ReadLog {
    /// Returns the digest of the last entry; through the chain it covers the whole
    /// log.
    pub fn last_digest(&self) -> Option<&str> {
        self.entries.last().map(|entry| entry.digest.as_str())
    }

    /// Returns the events with their line numbers (from 1).
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
    // Every line, including the last, must end with a line feed. Bytes after the
    // last line feed would be covered by no digest.
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
            return Some(ChainFault::Fork(first, index + 1));
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

/// Parses a line and checks its digest. Whether the sequence number equals the
/// line number is not checked: the digest covers it, and the chain fixes the order.
fn read_entry(line: &str, number: u64) -> Result<Entry, ChainFault> {
    let changed = ChainFault::Changed(usize::try_from(number).unwrap_or(usize::MAX));
    if line.len() as u64 > LONGEST_LINE {
        return Err(changed);
    }
    let read: ReadLine<'_> = from_json(line.as_bytes()).map_err(|_| changed)?;
    // The digest is computed over the bytes as they are, so that the same JSON
    // written differently does not pass.
    let tail = format!("{DIGEST_FIELD}{}\"}}", read.digest);
    let computed = line
        .strip_suffix(&tail)
        .map(|rest| digest_of(&format!("{rest}}}")));
    if computed.as_deref() != Some(read.digest.as_str()) {
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
    // Only the entry with sequence number 1 has no previous entry.
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

    fn log_of(files: &[&str]) -> AuditLog {
        let mut log = AuditLog::new(|| Timestamp::UNIX_EPOCH);
        for file in files {
            log.record(&written(file));
        }
        log
    }

    fn fault_in(lines: &[&str]) -> Option<ChainFault> {
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        read_log(&text).fault
    }

    #[test]
    fn a_changed_removed_or_added_line_breaks_the_chain() {
        let log = log_of(&["one", "two", "three"]);
        let text = log.to_jsonl();
        let read = read_log(&text);
        assert_eq!((read.entries.len(), read.fault), (3, None));
        assert_eq!(read.last_digest(), Some(log.last_digest()));
        let events: Vec<(usize, &Event)> = read.events().collect();
        assert_eq!(events[1], (2, &written("two")));
        let changed = read_log(&text.replace("two", "too")).fault;
        assert_eq!(changed, Some(ChainFault::Changed(2)));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(fault_in(&[lines[0], lines[2]]), Some(ChainFault::Broken(2)));
        assert_eq!(fault_in(&[lines[1], lines[2]]), Some(ChainFault::Broken(1)));
        assert_eq!(
            fault_in(&[lines[0], lines[0]]),
            Some(ChainFault::Fork(1, 2))
        );
        assert_eq!(fault_in(&[]), Some(ChainFault::Empty));
        // A truncated log is still a whole chain. The signature detects it: it
        // holds the digest of the last entry.
        assert_eq!(fault_in(&[lines[0], lines[1]]), None);
    }

    #[test]
    fn the_same_json_written_differently_is_a_change() {
        let text = log_of(&["one", "two"]).to_jsonl();
        let second = text.lines().nth(1).expect("two lines").to_owned();
        let details = "\"details\":{\"file\":\"two\"";
        assert!(second.contains(details));
        let variants = [
            second.replace("\"sequence\":2", "\"sequence\": 2"),
            second.replace("\"file\":\"two\"", "\"file\":\"\\u0074wo\""),
            second.replace(details, "\"details\":{\"file\":\"other\",\"file\":\"two\""),
            second.replace("{\"sequence\":2", "{\"sequence\":1,\"sequence\":2"),
            second.replace(",\"digest\"", ", \"digest\""),
            format!("{second} "),
            format!("{second}\r"),
            format!(" {second}"),
        ];
        for variant in variants {
            assert_ne!(variant, second);
            let changed = text.replace(&second, &variant);
            assert_eq!(
                read_log(&changed).fault,
                Some(ChainFault::Changed(2)),
                "{variant}"
            );
        }
        for ending in ["", "\n\n", "\n \n"] {
            let changed = format!("{}{ending}", text.trim_end());
            assert!(read_log(&changed).fault.is_some(), "{ending:?}");
        }
    }

    #[test]
    fn a_log_of_a_newer_program_is_reported_as_such() {
        let line = log_of(&["one"]).to_jsonl();
        let (body, _) = line.split_once(DIGEST_FIELD).expect("a digest");
        let body = body.replace("\"version\":2", "\"version\":3");
        let digest = digest_of(&format!("{body}}}"));
        let newer = format!("{body}{DIGEST_FIELD}{digest}\"}}\n");
        assert_eq!(read_log(&newer).fault, Some(ChainFault::Newer(3)));
    }

    #[test]
    fn a_log_of_version_1_can_be_read() {
        // aidlink 0.1 wrote no format and wrote numbers as strings.
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
    fn a_merge_of_two_logs_is_reported() {
        let one = log_of(&["one", "two"]).to_jsonl();
        let other = log_of(&["one", "another", "third"]).to_jsonl();
        let lines: Vec<&str> = one.lines().chain(other.lines().skip(1)).collect();
        assert_eq!(fault_in(&lines), Some(ChainFault::Fork(2, 3)));
    }

    #[test]
    fn a_clock_that_was_set_back_is_recorded_and_times_do_not_decrease() {
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
