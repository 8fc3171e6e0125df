//! The register: one file, with its signed head beside it.
//!
//! A command that appends commits its events together with the head that it signed, and then
//! writes the head to the file beside. So whatever is killed when, every event in the register
//! is under a signature; the file beside only lags behind, and the next command brings it up
//! to date.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use aidlink_faults::fault::{Fault, Faults};
use aidlink_faults::text::Text;
use aidlink_files::document::Document;
use aidlink_files::owner_only::PartialFile;
use aidlink_files::partial::{PARTIAL_FOLDER_MODE, lock, parent_of, prefix_of, remove_abandoned};
use aidlink_files::regular_file;
use aidlink_office::signing::{
    LARGEST_SIGNATURE, PublicKey, SIGNATURE_SUFFIX, Signature, SigningKey,
};
use jiff::Timestamp;
use jiff::civil::Date;
use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::appending::{Checking, When, check};
use crate::book::Book;
use crate::chain::{NO_PREVIOUS, Recorded, Written};
use crate::checks::check_recorder;
use crate::event::{Accepted, Created, Event, Rekeyed};
use crate::head::{COMMENT, Head, head_path, persons_digest, with_suffix};
use crate::items::{Added, Appended, Batch, NewItem, Refused, RefusedWhy};
use crate::not_verified::NotVerified;
use crate::number::{EventId, LeadNumber, PersonNumber};
use crate::referrals::{ReferralRow, referral_rows};
use crate::store::{self, Access, Failure, StoredHead};
use crate::token::RegisterToken;

/// The name and the content of a file.
pub type NamedFile = (String, Vec<u8>);

/// An open register.
pub struct Register {
    path: PathBuf,
    connection: Connection,
    book: Book,
    signing_key: Option<SigningKey>,
    signer: PublicKey,
    notices: Vec<Text>,
}

/// What a new register is made with.
#[derive(Clone, Debug)]
pub struct NewRegister {
    /// Sixteen random bytes: the id of the register.
    pub id: [u8; 16],
    /// The id of the key that makes its tokens.
    pub key_id: String,
    /// The day.
    pub today: Date,
    /// When it is recorded.
    pub recorded_at: Timestamp,
    /// Who makes it.
    pub operator: String,
}

/// Who changes the register as a whole, and when.
#[derive(Clone, Debug)]
pub struct Act {
    /// The day.
    pub today: Date,
    /// When it is recorded.
    pub recorded_at: Timestamp,
    /// Who does it.
    pub operator: String,
    /// Why.
    pub because: Option<String>,
}

impl NewRegister {
    /// Checks who makes it.
    ///
    /// # Errors
    /// If nobody does, or the text has a number that identifies a person, a control character, or
    /// is too long.
    pub fn check(&self) -> Result<(), Refused> {
        check_recorder(&self.operator, None, None)
    }
}

impl Act {
    /// Checks who does it and why.
    ///
    /// # Errors
    /// As [`NewRegister::check`]; also if the reason is empty.
    pub fn check(&self) -> Result<(), Refused> {
        check_recorder(&self.operator, None, self.because.as_deref())
    }
}

/// Returns the fault of a register whose maker or change is refused.
fn refused_act(path: &Path, refused: Refused) -> Fault {
    let field = refused.field_name().unwrap_or_default();
    let (message, hint) = (refused.message, refused.hint);
    Fault::of_file(
        path,
        Text::new(
            format!("{field}：{}", message.zh),
            format!("{field}: {}", message.en),
        ),
        hint,
    )
}

/// What the file beside a register says of it.
enum Beside {
    /// The head of the register.
    Same,
    /// An earlier head: the last command was killed before it wrote this one.
    Earlier,
}

impl Register {
    /// Makes a register in a new owner-only file, with its signed head beside it. If the
    /// program is killed, `path` does not exist.
    ///
    /// # Errors
    /// If the file or its head exists or cannot be written, or [`NewRegister::check`] fails.
    pub fn create(path: &Path, new: &NewRegister, signing_key: SigningKey) -> Result<Self, Faults> {
        new.check().map_err(|refused| refused_act(path, refused))?;
        for file in [path, &head_path(path)] {
            if file.symlink_metadata().is_ok() {
                let what = Text::new("登记簿或其签名文件", "the register or its head");
                return Err(aidlink_files::owner_only::exists(file, &what).into());
            }
        }
        let unfinished = with_suffix(path, ".unfinished");
        for suffix in ["", "-wal", "-shm", "-journal"] {
            match std::fs::remove_file(with_suffix(&unfinished, suffix)) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(store::unwritable(&unfinished, &error).into());
                }
                _ => {}
            }
        }
        let signer = signing_key.public().clone();
        let made = Register::make(&unfinished, new, &signing_key);
        let document = made.map_err(|failure| failure.of(path))?;
        write_beside(path, &document)?;
        std::fs::rename(&unfinished, path).map_err(|error| store::unwritable(path, &error))?;
        Ok(Register::opened(
            path,
            Access::Write,
            Some(signing_key),
            signer,
        )?)
    }

    /// Makes the database of a new register, and closes it. Returns its head.
    fn make(path: &Path, new: &NewRegister, key: &SigningKey) -> Result<StoredHead, Failure> {
        let mut connection = store::make(path)?;
        let mut book = Book::default();
        let created = Event::Created(Created {
            register: hex::encode(new.id),
            key_id: new.key_id.clone(),
            signer: key.public().to_base64(),
        });
        let act = Act {
            today: new.today,
            recorded_at: new.recorded_at,
            operator: new.operator.clone(),
            because: None,
        };
        let transaction = connection.transaction()?;
        append_own(&transaction, &mut book, created, &act, path)?;
        let head = sign(&book, key, path)?;
        store::write_head(&transaction, &head)?;
        transaction.commit()?;
        // Closing moves everything into the one file.
        connection.close().map_err(|(_, error)| error)?;
        Ok(head)
    }

    /// Opens a register to append to it, and verifies it against its signed head.
    ///
    /// # Errors
    /// If it cannot be opened, is damaged, is not what its head says, or another key signed
    /// the head.
    pub fn open(path: &Path, signing_key: SigningKey) -> Result<Self, Faults> {
        let signer = signing_key.public().clone();
        Ok(Register::opened(
            path,
            Access::Write,
            Some(signing_key),
            signer,
        )?)
    }

    /// Opens a register to read it, and verifies it against its signed head.
    ///
    /// # Errors
    /// As [`Register::open`].
    pub fn open_to_read(path: &Path, signer: &PublicKey) -> Result<Self, Faults> {
        Ok(Register::verify(path, signer)?)
    }

    /// Opens a register to read it, and tells one that is not as it was signed from one that
    /// nobody could look at.
    ///
    /// # Errors
    /// As [`Register::open`].
    pub fn verify(path: &Path, signer: &PublicKey) -> Result<Self, NotVerified> {
        Register::opened(path, Access::Read, None, signer.clone())
    }

    fn opened(
        path: &Path,
        access: Access,
        signing_key: Option<SigningKey>,
        signer: PublicKey,
    ) -> Result<Self, NotVerified> {
        if path.symlink_metadata().is_err() {
            // Without a register no lock file is made.
            store::open(path, access).map_err(|failure| failure.not_verified(path))?;
        }
        let unknown = |fault: Fault| NotVerified::Unknown(fault.into());
        let held = store::hold(path).map_err(unknown)?;
        let read = || -> Result<(Connection, Book, Beside), Failure> {
            let mut connection = store::open(path, access)?;
            let transaction = connection.transaction()?;
            store::check_whole(&transaction, path)?;
            let book = store::read_book(&transaction, path)?;
            check_head(&transaction, &book, &signer, path)?;
            let beside = check_beside(&transaction, &book, &signer, path)?;
            transaction.commit()?;
            Ok((connection, book, beside))
        };
        let (connection, book, beside) = read().map_err(|failure| failure.not_verified(path))?;
        let mut register = Register {
            path: path.to_path_buf(),
            connection,
            book,
            signing_key,
            signer,
            notices: Vec::new(),
        };
        if matches!(beside, Beside::Earlier) {
            register.notices.push(Text::new(
                "登记簿旁的签名文件是较早的：上一个命令中断，或有人放回了旧文件。登记簿本身完整，签名有效",
                "the head beside the register is an earlier one: the last command was interrupted, or somebody put an old file back. The register itself is whole and signed",
            ));
            if access == Access::Write {
                register
                    .publish()
                    .map_err(|faults| NotVerified::Unknown(faults.into()))?;
            }
        }
        drop(held);
        Ok(register)
    }

    /// Reads the head that a register would have, without asking who signed it: the chain of
    /// events must be whole, nothing else.
    ///
    /// # Errors
    /// If it cannot be opened, is damaged, or its chain is broken.
    pub fn look(path: &Path) -> Result<Head, Faults> {
        let look = || -> Result<Head, Failure> {
            let mut connection = store::open(path, Access::Read)?;
            let transaction = connection.transaction()?;
            store::check_whole(&transaction, path)?;
            Ok(head_of(&store::read_book(&transaction, path)?))
        };
        look().map_err(|failure| failure.of(path).into())
    }

    /// Accepts a register as it is although its head is missing, is ahead of it, or was signed
    /// by another key: appends an event that says so, and signs it. The chain of events must be
    /// whole, and `digest` must be [`Head::digest`] of the register, so that whoever accepts it
    /// says what is accepted: events, and persons with their tokens.
    ///
    /// # Errors
    /// As [`Register::open`], but for the head; if `digest` is another one, or [`Act::check`]
    /// fails.
    pub fn accept(
        path: &Path,
        signing_key: SigningKey,
        digest: &str,
        act: &Act,
    ) -> Result<Self, NotVerified> {
        let unknown = |fault: Fault| NotVerified::Unknown(fault.into());
        act.check()
            .map_err(|refused| unknown(refused_act(path, refused)))?;
        let held = store::hold(path).map_err(unknown)?;
        let accept = || -> Result<(), Failure> {
            let mut connection = store::open(path, Access::Write)?;
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            store::check_whole(&transaction, path)?;
            let mut book = store::read_book(&transaction, path)?;
            if head_of(&book).digest() != digest {
                return Err(Fault::of_file(
                    path,
                    Text::new(
                        "登记簿的摘要与给出的不同",
                        "the digest of the register is not the one that was given",
                    ),
                    Text::new(
                        "请给出 register verify 显示的摘要",
                        "give the digest that `register verify` shows",
                    ),
                )
                .into());
            }
            let beside = regular_file::read(&head_path(path), Head::LARGEST).ok();
            let beside = beside.and_then(|bytes| Head::parse(&bytes).ok());
            let accepted = Event::Accepted(Accepted {
                events_of_head: beside.as_ref().map(|head| head.events),
                last_of_head: beside.map(|head| head.last),
            });
            append_own(&transaction, &mut book, accepted, act, path)?;
            let head = sign(&book, &signing_key, path)?;
            store::write_head(&transaction, &head)?;
            transaction.commit()?;
            write_beside(path, &head)?;
            Ok(())
        };
        accept().map_err(|failure| failure.not_verified(path))?;
        drop(held);
        let signer = signing_key.public().clone();
        Register::opened(path, Access::Write, Some(signing_key), signer)
    }

    /// Returns what the user must be told of the register although it can be used.
    pub fn notices(&self) -> &[Text] {
        &self.notices
    }

    /// Returns the persons, leads and events.
    pub fn book(&self) -> &Book {
        &self.book
    }

    /// Returns the path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the id of the key that makes its tokens.
    pub fn key_id(&self) -> &str {
        &self.book.key_id
    }

    /// Returns its head.
    pub fn head(&self) -> Head {
        head_of(&self.book)
    }

    /// Appends a batch in one transaction, and signs the new head. Each item is checked
    /// against its lead as it is at that point; the answers are in the order of the items.
    ///
    /// # Errors
    /// If the register cannot be written: then nothing of the batch is in it. If only the head
    /// beside it cannot be written, the batch is in it, and the fault says so.
    pub fn append(&mut self, batch: &Batch) -> Result<Vec<Appended>, Faults> {
        let Some(key) = &self.signing_key else {
            return Err(read_only(&self.path).into());
        };
        let _held = store::hold(&self.path)?;
        let append = |connection: &mut Connection, book: &mut Book| {
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let key_id = book.key_id.clone();
            catch_up(&transaction, book, &self.signer, &self.path)?;
            let brings_token = |item: &NewItem| match item {
                NewItem::Found(found) => found.token.is_some(),
                NewItem::Decision(_) | NewItem::Event(_) => false,
            };
            // Its tokens would be those of other persons, or of nobody.
            if book.key_id != key_id && batch.items.iter().any(brings_token) {
                return Err(rekeyed_meanwhile(&self.path).into());
            }
            let before = book.events.len();
            let mut answers = Vec::with_capacity(batch.items.len());
            let when = When {
                recorded_at: batch.recorded_at,
                today: batch.today,
            };
            for item in &batch.items {
                let change = match check(book, item, when) {
                    Checking::Done(answer) => {
                        answers.push(answer);
                        continue;
                    }
                    Checking::Change(change) => change,
                };
                store::write_change(&transaction, &change)?;
                let event = change.event;
                if let Some((number, token)) = change.person {
                    book.add_person(number, token);
                }
                if let Some(lead) = change.lead {
                    book.add_lead(lead);
                }
                if let Some(subject) = event.subject.clone() {
                    answers.push(Appended::Added(Added {
                        id: event.id.clone(),
                        subject,
                        standing: change.standing,
                    }));
                }
                book.add_event(event)
                    .map_err(|_| store::damaged(&self.path))?;
            }
            let is_refused = |answer: &Appended| matches!(answer, Appended::Refused(_));
            if batch.all_or_nothing && answers.iter().any(is_refused) {
                return Ok(Outcome::Undone(answers));
            }
            if book.events.len() > before {
                store::write_head(&transaction, &sign(book, key, &self.path)?)?;
            }
            transaction.commit()?;
            Ok(Outcome::Written(answers, book.events.len() > before))
        };
        match append(&mut self.connection, &mut self.book) {
            Ok(Outcome::Written(answers, changed)) => {
                if changed {
                    self.publish()?;
                }
                Ok(answers)
            }
            Ok(Outcome::Undone(answers)) => {
                self.reload()?;
                Ok(answers.into_iter().map(alone).collect())
            }
            Err(failure) => {
                let fault = Failure::of(failure, &self.path);
                // The book may have events that are not in the file. If it cannot be read
                // now, nothing can be appended either: the chain would not fit.
                let _ = self.reload();
                Err(fault.into())
            }
        }
    }

    /// Reads the register anew from its file.
    fn reload(&mut self) -> Result<(), Fault> {
        let book = store::read_book(&self.connection, &self.path);
        self.book = book.map_err(|failure| failure.of(&self.path))?;
        Ok(())
    }

    /// Writes the head beside the register. The caller holds the register.
    fn publish(&self) -> Result<(), Fault> {
        let path = &self.path;
        let publish = || -> Result<(), Failure> {
            if let Some(head) = store::read_head(&self.connection)? {
                write_beside(path, &head)?;
            }
            Ok(())
        };
        publish().map_err(|failure| {
            let fault = failure.of(path);
            Fault {
                message: Text::new(
                    format!("已登记，但未能更新登记簿旁的签名文件：{}", fault.message.zh),
                    format!(
                        "the events are recorded, but the head beside the register could not be written: {}",
                        fault.message.en
                    ),
                ),
                hint: Text::new(
                    format!("{}；下一个命令会补写", fault.hint.zh),
                    format!("{}; the next command writes it", fault.hint.en),
                ),
                ..fault
            }
        })
    }

    /// Returns the number of a person; `None` if the register does not know the token.
    pub fn person_of(&self, token: &RegisterToken) -> Option<&PersonNumber> {
        self.book.person_of(token)
    }

    /// Returns the rows of a referrals export that the leads of a person would be; none if the
    /// register does not know the token.
    pub fn referral_rows(&self, token: &RegisterToken) -> Vec<ReferralRow> {
        referral_rows(&self.book, token)
    }

    /// Returns the register's number of a lead that a round's list has under this number;
    /// `None` if the lead was not taken from this round.
    ///
    /// # Errors
    /// None at present.
    pub fn lead_of_round(
        &self,
        round: &str,
        lead: &LeadNumber,
    ) -> Result<Option<LeadNumber>, Fault> {
        Ok(self.book.lead_of_round(round, lead).cloned())
    }

    /// Returns how many leads were taken from the round with this manifest.
    ///
    /// # Errors
    /// None at present.
    pub fn taken_from(&self, manifest: &str) -> Result<u64, Fault> {
        Ok(self.book.taken_from(manifest))
    }

    /// Copies the register into a new owner-only file while it may be in use. The copy is a
    /// register of its own, with its head beside it.
    ///
    /// # Errors
    /// If a file exists or cannot be written.
    pub fn backup(&self, to: &Path) -> Result<Head, Faults> {
        let head_file = head_path(to);
        let is_there = |file: &Path| file.symlink_metadata().is_ok();
        let check = || -> Result<(), Fault> {
            for file in [to, &head_file] {
                if is_there(file) && !(file == head_file && self.is_left_by_a_backup(to)) {
                    let what = Text::new("备份文件", "the backup");
                    return Err(aidlink_files::owner_only::exists(file, &what));
                }
            }
            Ok(())
        };
        check()?;
        // Another backup of this name waits here, and then finds this one.
        let held = store::hold(to)?;
        check()?;
        // Under a hidden name until it is complete: who finds a file of this name has a backup.
        let unwritable = |error: std::io::Error| store::unwritable(to, &error);
        let partial = PartialFile::begin(to).map_err(unwritable)?;
        let copy = || -> Result<StoredHead, Failure> {
            let mut copy = store::open_empty(partial.path())?;
            // No second file, which a killed command would leave. So nothing is read from the copy
            // either: its head is that of the register at the moment that is copied.
            copy.pragma_update(None, "journal_mode", "MEMORY")?;
            let moment = self.connection.unchecked_transaction()?;
            let head = store::read_head(&moment)?.ok_or_else(|| store::damaged(to))?;
            let backup = rusqlite::backup::Backup::new(&self.connection, &mut copy)?;
            backup.run_to_completion(1000, std::time::Duration::ZERO, None)?;
            drop(backup);
            moment.commit()?;
            copy.close().map_err(|(_, error)| error)?;
            Ok(head)
        };
        let head = copy().map_err(|failure| failure.of(to))?;
        let finish = || -> Result<(), Fault> {
            write_beside(to, &head)?;
            partial.finish().map_err(unwritable)
        };
        finish().inspect_err(|_| {
            // A head without a register says nothing. If somebody else wrote one, it is theirs.
            let files = [head_file.clone(), with_suffix(&head_file, SIGNATURE_SUFFIX)];
            for file in files.iter().filter(|_| !is_there(to)) {
                let _ = std::fs::remove_file(file);
            }
        })?;
        drop(held);
        let copy = Register::open_to_read(to, &self.signer)?;
        Ok(copy.head())
    }

    /// Whether the head beside a backup is one that a killed command left: there is no backup,
    /// and the head is one of this register as it is or was. The head of a register that was lost
    /// is none: it may be all that tells of what is lost.
    fn is_left_by_a_backup(&self, to: &Path) -> bool {
        let head = regular_file::read(&head_path(to), Head::LARGEST).ok();
        let head = head.and_then(|bytes| Head::parse(&bytes).ok());
        to.symlink_metadata().is_err()
            && head.is_some_and(|head| {
                head.register == self.head().register
                    && self.book_at(head.events, &head.last).is_ok()
            })
    }

    /// Returns the files of a backup, each by its name, with the head of the copy. They are
    /// written beside the register for a moment, owner-only.
    ///
    /// # Errors
    /// If they cannot be written.
    pub fn backup_files(&self) -> Result<(Vec<NamedFile>, Head), Faults> {
        let unwritable = |error: std::io::Error| store::unwritable(&self.path, &error);
        // What a killed command left.
        remove_abandoned(&self.path, |_| false);
        let prefix = prefix_of(&self.path);
        let mut builder = tempfile::Builder::new();
        builder.prefix(&prefix);
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(
            PARTIAL_FOLDER_MODE,
        ));
        let folder = builder
            .tempdir_in(parent_of(&self.path))
            .map_err(unwritable)?;
        let held = lock(folder.path());
        let copy = folder.path().join("register.db");
        let head = self.backup(&copy)?;
        let head_file = head_path(&copy);
        let signature = with_suffix(&head_file, SIGNATURE_SUFFIX);
        let mut files = Vec::new();
        for path in [&copy, &head_file, &signature] {
            let name = path.file_name().unwrap_or_default();
            let bytes = std::fs::read(path).map_err(|error| Fault::unreadable(path, &error))?;
            files.push((name.to_string_lossy().into_owned(), bytes));
        }
        drop(held);
        Ok((files, head))
    }

    /// Gives persons new tokens, made under another key of the register. Persons who are not
    /// named keep their old tokens, and are returned: under the new key nobody can find them.
    ///
    /// # Errors
    /// If the register cannot be written, or two persons would have the same token.
    pub fn rekey(
        &mut self,
        tokens: &[(RegisterToken, RegisterToken)],
        key_id: &str,
        act: &Act,
    ) -> Result<Vec<PersonNumber>, Faults> {
        let Some(key) = &self.signing_key else {
            return Err(read_only(&self.path).into());
        };
        let _held = store::hold(&self.path)?;
        let rekey = |connection: &mut Connection, book: &mut Book| {
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let before = book.key_id.clone();
            catch_up(&transaction, book, &self.signer, &self.path)?;
            if book.key_id != before {
                return Err(rekeyed_meanwhile(&self.path).into());
            }
            let known = tokens.iter().filter_map(|(old, new)| {
                let person = book.by_token.get(old)?;
                Some((person.clone(), *new))
            });
            // A person has many rows in an export, all with the same new token.
            let known: BTreeMap<PersonNumber, RegisterToken> = known.collect();
            let missing = book.persons.keys();
            let missing = missing.filter(|person| !known.contains_key(*person));
            let missing: Vec<PersonNumber> = missing.cloned().collect();
            let persons = known.len() as u64;
            store::replace_tokens(&transaction, &known)?;
            for (person, token) in known {
                book.replace_token(&person, token);
            }
            let rekeyed = Event::Rekeyed(Rekeyed {
                key_id: key_id.to_owned(),
                persons,
            });
            append_own(&transaction, book, rekeyed, act, &self.path)?;
            store::write_head(&transaction, &sign(book, key, &self.path)?)?;
            transaction.commit()?;
            Ok(missing)
        };
        match rekey(&mut self.connection, &mut self.book) {
            Ok(missing) => {
                self.publish()?;
                Ok(missing)
            }
            Err(failure) => {
                let fault = Failure::of(failure, &self.path);
                let _ = self.reload();
                Err(fault.into())
            }
        }
    }
}

/// How a batch ended.
enum Outcome {
    Written(Vec<Appended>, bool),
    Undone(Vec<Appended>),
}

fn rekeyed_meanwhile(path: &Path) -> Fault {
    Fault::of_file(
        path,
        Text::new(
            "另一个命令同时更换了登记簿的密钥；未写入任何内容",
            "another command gave the register a new key meanwhile; nothing was written",
        ),
        Text::new("请用新密钥重新运行", "run again with the new key"),
    )
}

fn read_only(path: &Path) -> Fault {
    Fault::of_file(
        path,
        Text::new(
            "登记簿以只读方式打开",
            "the register was opened to read it only",
        ),
        Text::new("请报告此问题", "please report it"),
    )
}

/// The answer for an item of a batch of which nothing was appended.
fn alone(answer: Appended) -> Appended {
    match answer {
        Appended::Added(_) => Appended::Refused(Refused {
            why: RefusedWhy::NotAlone,
            field: None,
            message: Text::new(
                "本批中有事项被退回，因此全部未登记",
                "another item was refused, so nothing of the batch was recorded",
            ),
            hint: Text::new("请先更正被退回的事项", "correct the refused item first"),
        }),
        answer => answer,
    }
}

/// Appends an event of the register itself.
fn append_own(
    transaction: &Transaction<'_>,
    book: &mut Book,
    event: Event,
    act: &Act,
    path: &Path,
) -> Result<(), Failure> {
    let written = Written::of(&event).ok_or_else(|| store::damaged(path))?;
    let seq = book.events.len() as u64 + 1;
    let text = format!(
        "aidlink register event {seq} {} {}",
        act.today, written.kind
    );
    let digest = blake3::hash(text.as_bytes());
    let mut bits = digest.as_bytes()[..5]
        .iter()
        .fold(0_u64, |bits, byte| (bits << 8) | u64::from(*byte));
    while book.has_id(&EventId::of(bits)) {
        bits = (bits + 1) & ((1 << 40) - 1);
    }
    let mut recorded = Recorded {
        seq,
        id: EventId::of(bits),
        place: seq,
        subject: None,
        on: act.today,
        recorded_at: act.recorded_at,
        event,
        operator: act.operator.clone(),
        approver: None,
        because: act.because.clone(),
        previous: book.last_digest().to_owned(),
        digest: String::new(),
    };
    recorded.digest = recorded.computed_digest(&written);
    store::write_event(transaction, &recorded, &written)?;
    let added = book.add_event(recorded);
    added.map_err(|_| store::damaged(path).into())
}

/// Returns the head of a register.
fn head_of(book: &Book) -> Head {
    let head = Head::head();
    Head {
        format: head.format,
        version: head.version,
        register: book
            .created
            .as_ref()
            .map(|created| created.register.clone())
            .unwrap_or_default(),
        key_id: book.key_id.clone(),
        events: book.events.len() as u64,
        last: book.last_digest().to_owned(),
        persons: book.persons.len() as u64,
        persons_digest: persons_digest(book.persons.iter()),
    }
}

fn sign(book: &Book, key: &SigningKey, path: &Path) -> Result<StoredHead, Fault> {
    let document = head_of(book).to_bytes();
    let signature = key.sign(&document, COMMENT, path)?;
    Ok(StoredHead {
        document: String::from_utf8_lossy(&document).into_owned(),
        signature,
    })
}

/// Writes a head to the files beside a register: the document first, because the signature in
/// the register is that of the same document.
fn write_beside(path: &Path, head: &StoredHead) -> Result<(), Fault> {
    let file = head_path(path);
    store::replace(&file, head.document.as_bytes())?;
    store::replace(
        &with_suffix(&file, SIGNATURE_SUFFIX),
        head.signature.as_bytes(),
    )
}

/// Brings a book up to date with a register to which another command may have appended.
fn catch_up(
    transaction: &Transaction<'_>,
    book: &mut Book,
    signer: &PublicKey,
    path: &Path,
) -> Result<(), Failure> {
    let last = store::last_digest(transaction)?;
    if last.as_deref().unwrap_or(NO_PREVIOUS) != book.last_digest() {
        *book = store::read_book(transaction, path)?;
    }
    check_head(transaction, book, signer, path)
}

/// Checks the head in a register: that it is the head of these events, signed by this key.
fn check_head(
    transaction: &Transaction<'_>,
    book: &Book,
    signer: &PublicKey,
    path: &Path,
) -> Result<(), Failure> {
    let Some(head) = store::read_head(transaction)? else {
        return Err(Failure::NotHeld(unsigned(path)));
    };
    check_signature(&head.document, &head.signature, signer, path).map_err(Failure::NotHeld)?;
    if head.document.as_bytes() != head_of(book).to_bytes() {
        return Err(Failure::NotHeld(unsigned(path)));
    }
    Ok(())
}

/// Returns the fault of events that no head covers.
fn unsigned(path: &Path) -> Fault {
    Fault::of_file(
        path,
        Text::new(
            "登记簿中有未经本单位签名的内容：有人用别的程序改动过",
            "the register has content that this office did not sign: somebody changed it with another program",
        ),
        Text::new(
            "请从备份恢复，并查明原因",
            "restore a backup, and find out why",
        ),
    )
}

fn check_signature(
    document: &str,
    signature: &str,
    signer: &PublicKey,
    path: &Path,
) -> Result<(), Fault> {
    let not_signed = |zh: String, en: String| {
        Fault::of_file(
            path,
            Text::new(zh, en),
            Text::new(
                "请确认签名密钥；如登记簿被人改动，请从备份恢复。确认内容无误后可用 register verify --accept 接受",
                "check which signing key is right. If somebody changed the register, restore a backup; if its content is right, accept it with `register verify --accept`",
            ),
        )
    };
    let Some(signature) = Signature::parse(signature) else {
        return Err(not_signed(
            "登记簿的签名已损坏".to_owned(),
            "the signature of the register is damaged".to_owned(),
        ));
    };
    if signature.key_id() != signer.id() {
        let (by, expected) = (signature.key_id(), signer.id());
        return Err(not_signed(
            format!("登记簿由另一把密钥签名（{by}，应为 {expected}）"),
            format!("another key signed the register ({by} instead of {expected})"),
        ));
    }
    if !signature.verifies(signer, document.as_bytes()) || signature.comment() != COMMENT {
        return Err(not_signed(
            "登记簿的签名不成立".to_owned(),
            "the signature of the register does not verify".to_owned(),
        ));
    }
    Ok(())
}

/// Compares the head in the file beside a register with the register.
fn check_beside(
    transaction: &Transaction<'_>,
    book: &Book,
    signer: &PublicKey,
    path: &Path,
) -> Result<Beside, Failure> {
    let file = head_path(path);
    let signature_file = with_suffix(&file, SIGNATURE_SUFFIX);
    if file.symlink_metadata().is_err() {
        return Err(Failure::NotHeld(Fault::of_file(
            &file,
            Text::new(
                "登记簿旁的签名文件不见了，无法确认登记簿是否被换成旧的",
                "the head beside the register is missing, so nobody can tell whether an older register was put back",
            ),
            Text::new(
                "请找回该文件；确实丢失时，用 register verify --accept 接受登记簿的现状",
                "find the file; if it is lost, accept the register as it is with `register verify --accept`",
            ),
        )));
    }
    let document = regular_file::read(&file, Head::LARGEST)?;
    let own = head_of(book);
    if document == own.to_bytes() {
        // If a command was killed between the two files, the signature is an earlier one;
        // that in the register is of this document.
        let signature = regular_file::read(&signature_file, LARGEST_SIGNATURE).ok();
        let stored = store::read_head(transaction)?;
        let same = stored.is_some_and(|head| Some(head.signature.into_bytes()) == signature);
        return Ok(if same { Beside::Same } else { Beside::Earlier });
    }
    let head = Head::parse(&document).map_err(|fault| {
        let what = Text::new("登记簿的签名文件", "head of a register");
        Failure::NotHeld(fault.of_file(&file, &what))
    })?;
    let signature = regular_file::read(&signature_file, LARGEST_SIGNATURE)?;
    let text = String::from_utf8_lossy(&document);
    check_signature(&text, &String::from_utf8_lossy(&signature), signer, &file)
        .map_err(Failure::NotHeld)?;
    let told = |zh: String, en: String, hint_zh: &str, hint_en: &str| {
        Failure::NotHeld(Fault::of_file(
            path,
            Text::new(zh, en),
            Text::new(hint_zh, hint_en),
        ))
    };
    if head.register != own.register {
        return Err(told(
            "旁边的签名文件属于另一本登记簿".to_owned(),
            "the head beside it is of another register".to_owned(),
            "请把登记簿和它的签名文件放回一处",
            "put the register and its own head together",
        ));
    }
    if head.events > own.events {
        let missing = head.events - own.events;
        return Err(told(
            format!("登记簿比其签名文件旧：缺少{missing}项已登记的事项"),
            format!(
                "the register is older than its head: {missing} events that were recorded are missing"
            ),
            "可能放回了旧文件，或丢失了 -wal 文件：请找回最新的登记簿或备份；确实无法找回时，用 register verify --accept 接受现状并补登",
            "an old file was put back, or its -wal file was lost: find the newest register or backup. If there is none, accept it with `register verify --accept` and record the missing events again",
        ));
    }
    let at = usize::try_from(head.events).unwrap_or(usize::MAX);
    let of_chain = match at.checked_sub(1) {
        None => NO_PREVIOUS,
        Some(at) => book
            .events
            .get(at)
            .map_or("", |event| event.digest.as_str()),
    };
    if head.last != of_chain {
        return Err(told(
            format!("登记簿与其签名文件在第{at}项之前就不同：两者不是同一历史"),
            format!(
                "the register and its head differ before event {at}: they are not of the same history"
            ),
            "请从备份恢复，并查明是谁改动了哪一个",
            "restore a backup, and find out which of the two somebody changed",
        ));
    }
    Ok(Beside::Earlier)
}
