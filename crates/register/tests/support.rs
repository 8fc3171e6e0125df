//! A register in a temporary folder, with a person or two.

use std::path::PathBuf;

use aidlink_office::signing::SigningKey;
use aidlink_register::event::{About, Direction, Event, FoundBy, Source};
use aidlink_register::items::{Appended, Batch, FoundLead, NewEvent, NewItem, Refused, Subject};
use aidlink_register::number::{LeadNumber, PersonNumber};
use aidlink_register::register::{Act, NewRegister, Register};
use aidlink_register::token::RegisterToken;
use jiff::Timestamp;
use jiff::civil::{Date, date};

pub const TODAY: Date = date(2026, 12, 31);

/// A folder with a register, gone at the end.
pub struct Place {
    pub folder: tempfile::TempDir,
}

impl Place {
    pub fn new() -> Self {
        // In memory where the system has such a place: each event waits for the disk otherwise.
        let memory = std::path::Path::new("/dev/shm");
        let folder = match memory.is_dir() {
            true => tempfile::tempdir_in(memory),
            false => tempfile::tempdir(),
        };
        let folder = folder.expect("a folder");
        SigningKey::make(&folder.path().join("signing.key")).expect("a key");
        Place { folder }
    }

    pub fn file(&self) -> PathBuf {
        self.folder.path().join("register.db")
    }

    pub fn beside(&self, suffix: &str) -> PathBuf {
        self.folder.path().join(format!("register.db{suffix}"))
    }

    pub fn key(&self) -> SigningKey {
        SigningKey::read(&self.folder.path().join("signing.key")).expect("the key")
    }

    pub fn create(&self) -> Register {
        Register::create(&self.file(), &new_register(), self.key()).expect("a register")
    }

    pub fn open(&self) -> Register {
        Register::open(&self.file(), self.key()).expect("the register opens")
    }

    /// The English message and hint with which it does not open.
    pub fn refusal(&self) -> String {
        match Register::open(&self.file(), self.key()) {
            Ok(_) => panic!("the register opens"),
            Err(faults) => {
                let texts = faults.iter().map(|fault| {
                    assert!(!fault.message.zh.is_empty() && !fault.hint.zh.is_empty());
                    format!("{} | {}", fault.message.en, fault.hint.en)
                });
                texts.collect::<Vec<_>>().join("\n")
            }
        }
    }
}

pub fn new_register() -> NewRegister {
    NewRegister {
        id: [7; 16],
        key_id: "key-1".to_owned(),
        today: date(2026, 1, 5),
        recorded_at: Timestamp::UNIX_EPOCH,
        operator: "张三".to_owned(),
    }
}

pub fn act() -> Act {
    Act {
        today: TODAY,
        recorded_at: Timestamp::UNIX_EPOCH,
        operator: "张三".to_owned(),
        because: Some("测试".to_owned()),
    }
}

pub fn batch(items: Vec<NewItem>) -> Batch {
    Batch {
        items,
        recorded_at: Timestamp::UNIX_EPOCH,
        today: TODAY,
        all_or_nothing: false,
    }
}

pub fn person(number: &str) -> PersonNumber {
    PersonNumber::parse(number).expect("a number")
}

pub fn lead(number: &str) -> LeadNumber {
    LeadNumber::parse(number).expect("a number")
}

/// A lead of a round. The person's token is the byte sixteen times.
pub fn found(token: u8, number: &str, aid: &str, direction: Direction, on: Date) -> FoundLead {
    FoundLead {
        token: Some(RegisterToken([token; 16])),
        person_number: person(number),
        aid: aid.to_owned(),
        agency: "civil-affairs".to_owned(),
        direction,
        source: Source::Round,
        round: Some(FoundBy {
            id: format!("R{on}"),
            manifest: "a".repeat(64),
            lead: person(number).lead(aid).expect("an aid"),
            provisional: false,
        }),
        about: About {
            names: vec!["李四".to_owned()],
            case_numbers: vec!["（2026）粤9901刑初12号".to_owned()],
            ..About::default()
        },
        grade: None,
        urgency: None,
        minor: Some(false),
        act_by: None,
        evidence: Vec::new(),
        remark: None,
        on,
        operator: "张三".to_owned(),
    }
}

pub fn event(of: &str, on: Date, event: Event) -> NewEvent {
    NewEvent {
        subject: Subject::Lead(lead(of)),
        on,
        event,
        operator: "张三".to_owned(),
        approver: None,
        because: None,
    }
}

/// An event from its kind and its fields in JSON.
pub fn json(text: &str) -> Event {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

pub fn append(register: &mut Register, items: Vec<NewItem>) -> Vec<Appended> {
    register
        .append(&batch(items))
        .expect("the register is written")
}

pub fn append_one(register: &mut Register, of: &str, on: Date, fields: &str) -> Appended {
    let items = vec![NewItem::Event(event(of, on, json(fields)))];
    append(register, items).remove(0)
}

pub fn refused(answer: Appended) -> Refused {
    match answer {
        Appended::Refused(refused) => refused,
        other => panic!("it was not refused: {other:?}"),
    }
}

pub fn added(answer: &Appended) -> String {
    match answer {
        Appended::Added(added) => added.id.to_string(),
        other => panic!("it was not added: {other:?}"),
    }
}
