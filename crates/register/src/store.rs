//! The file of a register: an SQLite database that only its owner may read.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use aidlink_faults::fault::{Fault, Refusal, io_reason};
use aidlink_faults::personal_number::shown_path;
use aidlink_faults::text::Text;
use aidlink_files::folder::sync_names;
use jiff::Timestamp;
use jiff::civil::Date;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, Row, Transaction, params};

use crate::appending::Change;
use crate::book::{Book, Inconsistent, Lead};
use crate::chain::{Recorded, Written};
use crate::event::Direction;
use crate::head::with_suffix;
use crate::items::Subject;
use crate::not_verified::NotVerified;
use crate::number::{EventId, LeadNumber, PersonNumber};
use crate::token::RegisterToken;

/// The application id of a register: `aidR`.
const APPLICATION_ID: i64 = 0x6169_6452;
/// The versions of the schema, each with what makes it of the one before. The version of a
/// file is its `user_version`.
const MIGRATIONS: [&str; 1] = [include_str!("schema.sql")];
/// How long another command may hold the register before this one gives up.
const PATIENCE: Duration = Duration::from_secs(10);
/// The suffixes of the files that SQLite keeps beside a database in use.
const BESIDE: [&str; 3] = ["-wal", "-shm", "-journal"];

/// A failure of the database, or a fault that was found in it.
pub(crate) enum Failure {
    Sql(rusqlite::Error),
    Fault(Fault),
    /// The register is not as this program wrote and signed it.
    NotHeld(Fault),
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Failure::Sql(error)
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Failure::Fault(fault)
    }
}

impl Failure {
    /// Returns the fault of the register at `path`.
    pub(crate) fn of(self, path: &Path) -> Fault {
        match self {
            Failure::Fault(fault) | Failure::NotHeld(fault) => fault,
            Failure::Sql(error) => fault_of(path, &error),
        }
    }

    /// Returns the same, told apart by whether somebody could look at the register.
    pub(crate) fn not_verified(self, path: &Path) -> NotVerified {
        let is_damaged = match &self {
            Failure::Fault(_) => false,
            Failure::NotHeld(_) => true,
            Failure::Sql(error) => is_damage(error),
        };
        let faults = self.of(path).into();
        match is_damaged {
            true => NotVerified::NotHeld(faults),
            false => NotVerified::Unknown(faults),
        }
    }
}

/// Whether a database error says that the content of the file is not what this program writes.
fn is_damage(error: &rusqlite::Error) -> bool {
    !matches!(
        error.sqlite_error_code(),
        Some(
            ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::ReadOnly
                | ErrorCode::PermissionDenied
                | ErrorCode::DiskFull
                | ErrorCode::CannotOpen
                | ErrorCode::SystemIoFailure
                | ErrorCode::OutOfMemory
        )
    )
}

/// Returns the fault of a database error. SQLite's own text is left out: it may quote values.
fn fault_of(path: &Path, error: &rusqlite::Error) -> Fault {
    let code = error.sqlite_error_code();
    let (message, hint) = match code {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => return in_use(path),
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => (
            Text::new(
                "登记簿或其所在文件夹只读",
                "the register or its folder is read-only",
            ),
            Text::new(
                "请检查权限和磁盘；未写入任何内容",
                "check the permissions and the disk; nothing was written",
            ),
        ),
        Some(ErrorCode::DiskFull) => (
            Text::new("磁盘已满", "the disk is full"),
            Text::new(
                "请清理磁盘后重试；未写入任何内容，已登记的都在",
                "free some space and try again; nothing was written, and all that was recorded is there",
            ),
        ),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => return damaged(path),
        Some(ErrorCode::CannotOpen) => (
            Text::new("无法打开登记簿", "the register cannot be opened"),
            Text::new(
                "请检查路径和读写权限；登记簿不能是链接",
                "check the path and that you may read and write it; a register cannot be a link",
            ),
        ),
        Some(ErrorCode::SystemIoFailure) => (
            Text::new(
                "读写登记簿时磁盘出错",
                "the disk reported an error while the register was used",
            ),
            Text::new(
                "请检查磁盘，再用 register show 查看是否已登记：重新登记同一事项不会重复；必要时从备份恢复",
                "check the disk, then see with `register show` whether it was recorded; recording the same again changes nothing. Restore a backup if need be",
            ),
        ),
        Some(ErrorCode::OutOfMemory) => (
            Text::new("内存不足", "there is not enough memory"),
            Text::new("请关闭其他程序后重试", "close other programs and try again"),
        ),
        // A row, a column or a type that is not as this program writes them.
        _ => return damaged(path),
    };
    Fault::of_file(path, message, hint)
}

fn in_use(path: &Path) -> Fault {
    Fault::of_file(
        path,
        Text::new(
            "另一个命令正在使用登记簿",
            "another command is using the register",
        ),
        Text::new(
            "请等它结束后重试；未写入任何内容",
            "wait until it has ended, then try again; nothing was written",
        ),
    )
}

/// Returns the fault of a damaged register.
pub(crate) fn damaged(path: &Path) -> Fault {
    Fault::of_file(
        path,
        Text::new(
            "这不是登记簿，或已损坏",
            "this is not a register, or it is damaged",
        ),
        Text::new(
            "请勿删除；请从备份恢复（register backup 生成的文件）",
            "do not delete it; restore a backup (a file that `register backup` made)",
        ),
    )
}

/// How a register is opened.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    Read,
    Write,
}

/// Returns the path with its folder's real path, so that only the file itself must be no link.
fn real(path: &Path) -> io::Result<PathBuf> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    Ok(folder.canonicalize()?.join(name))
}

/// Opens the file of a register, and checks that it is one, that only its owner may read it,
/// and that it is whole.
///
/// # Errors
/// If it is none, is damaged, or was made by a newer version.
pub(crate) fn open(path: &Path, access: Access) -> Result<Connection, Failure> {
    let file = real(path).map_err(|error| Fault::unreadable(path, &error))?;
    check_secret(&file).map_err(|fault| renamed(fault, path))?;
    for suffix in BESIDE {
        let beside = with_suffix(&file, suffix);
        if beside.symlink_metadata().is_ok() {
            check_secret(&beside)?;
        }
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_NOFOLLOW
        | OpenFlags::SQLITE_OPEN_EXRESCODE;
    let connection = Connection::open_with_flags(&file, flags)?;
    settle(&connection)?;
    check_identity(&connection, path)?;
    if access == Access::Read {
        connection.pragma_update(None, "query_only", true)?;
    } else if connection.is_readonly(rusqlite::MAIN_DB)? {
        return Err(Failure::Sql(rusqlite::Error::SqliteFailure(
            rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_READONLY),
            None,
        )));
    }
    Ok(connection)
}

/// Refuses a file that is none, or that others may access. It is not opened: closing it would
/// let go of the locks that SQLite holds on it in this process.
fn check_secret(path: &Path) -> Result<(), Fault> {
    let metadata = path
        .symlink_metadata()
        .map_err(|error| Fault::unreadable(path, &error))?;
    let refused = |refusal: Refusal| Fault::unreadable(path, &refusal.into());
    if metadata.is_symlink() {
        return Err(refused(Refusal::Link));
    }
    if !metadata.is_file() {
        return Err(refused(Refusal::NotRegular));
    }
    if is_open_to_others(&metadata) {
        let shown = shown_path(path);
        return Err(Fault::of_file(
            path,
            Text::new(
                "登记簿可被他人读取或改写，拒绝使用",
                "others may read or change the register; it is refused",
            ),
            Text::new(
                format!("请执行 chmod 600 {shown}，并查明谁可能看过"),
                format!("run `chmod 600 {shown}`, and find out who may have seen it"),
            ),
        ));
    }
    Ok(())
}

#[cfg(unix)]
fn is_open_to_others(metadata: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    metadata.permissions().mode() & 0o077 != 0
}

#[cfg(not(unix))]
fn is_open_to_others(_metadata: &std::fs::Metadata) -> bool {
    false
}

/// Holds a register, so that what is read or written of it and of the head beside it belongs
/// together. The system lets go of it however the program ends.
///
/// # Errors
/// If another command holds it for longer than this one waits, or the lock file cannot be
/// written.
pub(crate) fn hold(path: &Path) -> Result<File, Fault> {
    let lock = with_suffix(path, ".lock");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    owner_only(&mut options);
    let found = lock.symlink_metadata();
    let opened = match found.map(|file| file.file_type()) {
        Ok(kind) if kind.is_symlink() => Err(Refusal::Link.into()),
        // To open a FIFO would wait for whoever reads it.
        Ok(kind) if !kind.is_file() => Err(Refusal::NotRegular.into()),
        _ => options.open(&lock),
    };
    let file = opened.map_err(|error| unwritable(&lock, &error))?;
    let begun = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if begun.elapsed() < PATIENCE => {
                std::thread::sleep(Duration::from_millis(20));
            }
            Err(TryLockError::WouldBlock) => return Err(in_use(path)),
            Err(TryLockError::Error(error)) => return Err(unwritable(&lock, &error)),
        }
    }
}

/// A fault of the real path, told of the path that the user gave.
fn renamed(fault: Fault, path: &Path) -> Fault {
    Fault {
        file: path.to_path_buf(),
        ..fault
    }
}

fn settle(connection: &Connection) -> Result<(), rusqlite::Error> {
    connection.busy_timeout(PATIENCE)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "secure_delete", true)?;
    // Otherwise tables for sorting may go to files elsewhere.
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    // Each command is on the disk before its head is.
    connection.pragma_update(None, "synchronous", "FULL")
}

fn check_identity(connection: &Connection, path: &Path) -> Result<(), Failure> {
    let id: i64 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if id != APPLICATION_ID || version < 1 {
        return Err(Fault::of_file(
            path,
            Text::new(
                "这是别的程序的文件，不是登记簿",
                "this is a file of another program, not a register",
            ),
            Text::new(
                "请检查路径；登记簿由 register init 生成",
                "check the path; `register init` makes a register",
            ),
        )
        .into());
    }
    let known = MIGRATIONS.len() as i64;
    if version > known {
        return Err(Fault::of_file(
            path,
            Text::new(
                format!("登记簿由更新版本的程序生成（第{version}版，本程序最高支持第{known}版）"),
                format!(
                    "a newer aidlink made the register (version {version}; this one reads up to {known})"
                ),
            ),
            Text::new(
                "请使用该版本或更新的版本；登记簿未改动",
                "use that version or a newer one; the register was not changed",
            ),
        )
        .into());
    }
    Ok(())
}

/// Makes a new owner-only file at `path`, which must not exist, and opens it as a database.
///
/// # Errors
/// If it cannot be made.
pub(crate) fn make_empty(path: &Path) -> Result<Connection, Failure> {
    let file = real(path).map_err(|error| unwritable(path, &error))?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    owner_only(&mut options);
    options
        .open(&file)
        .map_err(|error| unwritable(path, &error))?;
    open_empty(&file)
}

/// Opens an empty file as a database.
///
/// # Errors
/// If it cannot be opened.
pub(crate) fn open_empty(path: &Path) -> Result<Connection, Failure> {
    let file = real(path).map_err(|error| unwritable(path, &error))?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_NOFOLLOW
        | OpenFlags::SQLITE_OPEN_EXRESCODE;
    Ok(Connection::open_with_flags(&file, flags)?)
}

/// Makes a new register without events at `path`, which must not exist.
///
/// # Errors
/// If it cannot be made.
pub(crate) fn make(path: &Path) -> Result<Connection, Failure> {
    let mut connection = make_empty(path)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    settle(&connection)?;
    let transaction = connection.transaction()?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    for migration in MIGRATIONS {
        transaction.execute_batch(migration)?;
    }
    transaction.pragma_update(None, "user_version", MIGRATIONS.len() as i64)?;
    transaction.commit()?;
    Ok(connection)
}

#[cfg(unix)]
fn owner_only(options: &mut OpenOptions) {
    use std::os::unix::fs::OpenOptionsExt as _;
    options.mode(0o600);
}

#[cfg(not(unix))]
fn owner_only(_options: &mut OpenOptions) {}

/// Returns the fault of a file that cannot be written.
pub(crate) fn unwritable(path: &Path, error: &io::Error) -> Fault {
    let reason = io_reason(error);
    Fault::of_file(
        path,
        Text::new(
            format!("无法写入：{}", reason.zh),
            format!("cannot write it: {}", reason.en),
        ),
        Text::new("请检查文件夹和权限", "check the folder and its permissions"),
    )
}

/// Writes an owner-only file in place of an earlier one, completely or not at all. Nobody
/// else writes it at the same time: the caller holds the register.
///
/// # Errors
/// If it cannot be written.
pub(crate) fn replace(path: &Path, content: &[u8]) -> Result<(), Fault> {
    let write = || -> io::Result<()> {
        let file = real(path)?;
        let new = with_suffix(&file, ".new");
        // A leftover of a command that was killed.
        match std::fs::remove_file(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        owner_only(&mut options);
        let mut opened = options.open(&new)?;
        let written = opened.write_all(content).and_then(|()| opened.sync_all());
        let replaced = written.and_then(|()| std::fs::rename(&new, &file));
        replaced.inspect_err(|_| {
            // The leftover would be removed by the next command.
            let _ = std::fs::remove_file(&new);
        })?;
        match file.parent() {
            Some(folder) => sync_names(folder),
            None => Ok(()),
        }
    };
    write().map_err(|error| unwritable(path, &error))
}

/// Checks the pages, the references and the schema of a register.
///
/// # Errors
/// If one is not as this program writes it.
pub(crate) fn check_whole(connection: &Connection, path: &Path) -> Result<(), Failure> {
    let answer: String = connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    if answer != "ok" {
        return Err(Failure::NotHeld(damaged(path)));
    }
    let broken: Option<String> = connection
        .query_row("PRAGMA foreign_key_check", [], |row| row.get(0))
        .optional()?;
    if broken.is_some() {
        return Err(Failure::NotHeld(damaged(path)));
    }
    if schema_of(connection)? != expected_schema()? {
        return Err(Failure::NotHeld(Fault::of_file(
            path,
            Text::new(
                "登记簿的表、视图或触发器被改动过",
                "a table, view or trigger of the register was changed",
            ),
            Text::new(
                "有人用别的程序改动了登记簿：请从备份恢复，并查明原因",
                "somebody changed the register with another program: restore a backup, and find out why",
            ),
        )));
    }
    Ok(())
}

fn schema_of(
    connection: &Connection,
) -> Result<Vec<(String, String, Option<String>)>, rusqlite::Error> {
    let mut statement =
        connection.prepare("SELECT type, name, sql FROM sqlite_schema ORDER BY type, name")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    rows.collect()
}

fn expected_schema() -> Result<Vec<(String, String, Option<String>)>, rusqlite::Error> {
    let connection = Connection::open_in_memory()?;
    for migration in MIGRATIONS {
        connection.execute_batch(migration)?;
    }
    schema_of(&connection)
}

/// The head as the register holds it.
pub(crate) struct StoredHead {
    pub(crate) document: String,
    pub(crate) signature: String,
}

/// Reads the head; `None` if there is none.
pub(crate) fn read_head(connection: &Connection) -> Result<Option<StoredHead>, rusqlite::Error> {
    connection
        .query_row("SELECT document, signature FROM head", [], |row| {
            Ok(StoredHead {
                document: row.get(0)?,
                signature: row.get(1)?,
            })
        })
        .optional()
}

/// Writes the head.
pub(crate) fn write_head(
    transaction: &Transaction<'_>,
    head: &StoredHead,
) -> Result<(), rusqlite::Error> {
    transaction.execute(
        "INSERT INTO head (only, document, signature) VALUES (1, ?1, ?2)
         ON CONFLICT (only) DO UPDATE SET document = excluded.document, signature = excluded.signature",
        params![head.document, head.signature],
    )?;
    Ok(())
}

/// Returns the digest of the last event in the file; `None` if it has no event.
pub(crate) fn last_digest(connection: &Connection) -> Result<Option<String>, rusqlite::Error> {
    connection
        .query_row(
            "SELECT digest FROM event ORDER BY seq DESC LIMIT 1",
            [],
            |row| row.get(0),
        )
        .optional()
}

/// A row that cannot be what this program wrote.
fn unexpected() -> rusqlite::Error {
    rusqlite::Error::InvalidQuery
}

fn parsed<T>(text: &str, parse: impl Fn(&str) -> Option<T>) -> Result<T, rusqlite::Error> {
    parse(text).ok_or_else(unexpected)
}

/// Reads a register, and checks the chain of its events.
///
/// # Errors
/// If the chain is broken, or events do not fit each other.
pub(crate) fn read_book(connection: &Connection, path: &Path) -> Result<Book, Failure> {
    let mut book = Book::default();
    let mut statement = connection.prepare("SELECT number, token FROM person ORDER BY number")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let number = parsed(&row.get::<_, String>(0)?, PersonNumber::parse)?;
        let token: Option<[u8; 16]> = row.get(1)?;
        book.add_person(number, token.map(RegisterToken));
    }
    let mut statement = connection
        .prepare("SELECT number, person, aid, agency, direction FROM lead ORDER BY number")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let lead = lead_of(row)?;
        book.add_lead(lead);
    }
    let mut statement = connection.prepare(
        "SELECT seq, id, place, supersedes, kind, lead, person, day, recorded_at, fields,
           operator, approver, because, previous, digest FROM event ORDER BY seq",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (event, written, supersedes) = event_of(row, path)?;
        let follows = event.seq == book.events.len() as u64 + 1
            && event.previous == book.last_digest()
            && event.digest == event.computed_digest(&written)
            && event.supersedes().map(EventId::as_str) == supersedes.as_deref();
        let place = match event.supersedes() {
            None => Some(event.seq),
            Some(of) => book.event(of).map(|of| of.place),
        };
        if !follows || place != Some(event.place) {
            return Err(Failure::NotHeld(broken_chain(path, event.seq)));
        }
        let seq = event.seq;
        book.add_event(event).map_err(|why| {
            let fault = inconsistent(path, seq, &why);
            match why {
                // The chain holds: another version recorded it.
                Inconsistent::Workflow => Failure::Fault(fault),
                Inconsistent::Superseding | Inconsistent::Unknown => Failure::NotHeld(fault),
            }
        })?;
    }
    check_rows(&book, path).map_err(Failure::NotHeld)?;
    Ok(book)
}

/// Checks that each lead and person of the tables is what its `found` event says. The chain
/// does not cover the tables themselves.
fn check_rows(book: &Book, path: &Path) -> Result<(), Fault> {
    use crate::event::Event;
    let mut known = std::collections::BTreeSet::new();
    for event in &book.events {
        let (Some((Event::Found(found), _)), Some(Subject::Lead(number))) =
            (event.effective(), &event.subject)
        else {
            continue;
        };
        let lead = book.leads.get(number);
        let fits = lead.is_some_and(|lead| {
            (&lead.person, &lead.aid, lead.direction)
                == (&found.person, &found.aid, found.direction)
                && (known.contains(number) || lead.agency == found.agency)
        });
        if !fits {
            return Err(broken_chain(path, 0));
        }
        known.insert(number);
    }
    let has_all = known.len() == book.leads.len()
        && book.persons.len()
            == book
                .leads
                .values()
                .map(|lead| &lead.person)
                .collect::<std::collections::BTreeSet<_>>()
                .len();
    match has_all {
        true => Ok(()),
        false => Err(broken_chain(path, 0)),
    }
}

/// Returns the fault of a broken chain. `seq` is the event at which it breaks, 0 if a table
/// does not agree with the events.
fn broken_chain(path: &Path, seq: u64) -> Fault {
    let message = match seq {
        0 => Text::new(
            "登记簿的人员或线索与登记的事项不符：有人改动过",
            "persons or leads of the register are not those of its events: somebody changed them",
        ),
        seq => Text::new(
            format!("登记簿的事项链在第{seq}项断开：有事项被改动、删除或插入"),
            format!(
                "the chain of events breaks at event {seq}: one was changed, removed or inserted"
            ),
        ),
    };
    Fault::of_file(
        path,
        message,
        Text::new(
            "请勿继续使用；请从备份恢复，并查明原因",
            "do not go on using it; restore a backup, and find out why",
        ),
    )
}

fn inconsistent(path: &Path, seq: u64, why: &Inconsistent) -> Fault {
    let (zh, en) = match why {
        Inconsistent::Superseding => (
            "所更正或撤销的事项不存在",
            "corrects or withdraws an event that does not count",
        ),
        Inconsistent::Unknown => (
            "所属线索或人员不存在",
            "is of a lead or person that is not there",
        ),
        Inconsistent::Workflow => (
            "不符合本版本的办理流程",
            "is not allowed by the workflow of this version",
        ),
    };
    Fault::of_file(
        path,
        Text::new(
            format!("登记簿第{seq}项{zh}"),
            format!("event {seq} of the register {en}"),
        ),
        Text::new(
            "请用登记该事项的版本打开，或从备份恢复",
            "open it with the version that recorded the event, or restore a backup",
        ),
    )
}

fn lead_of(row: &Row<'_>) -> Result<Lead, rusqlite::Error> {
    let direction: String = row.get(4)?;
    let direction = Direction::ALL
        .into_iter()
        .find(|one| one.name() == direction);
    Ok(Lead {
        number: parsed(&row.get::<_, String>(0)?, LeadNumber::parse)?,
        person: parsed(&row.get::<_, String>(1)?, PersonNumber::parse)?,
        aid: row.get(2)?,
        agency: row.get(3)?,
        direction: direction.ok_or_else(unexpected)?,
        events: Vec::new(),
        state: None,
    })
}

/// Returns what a text means, if it is spelled as this program spells it.
fn as_written<T: ToString>(
    text: String,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<T, rusqlite::Error> {
    let value = parsed(&text, parse)?;
    match value.to_string() == text {
        true => Ok(value),
        false => Err(unexpected()),
    }
}

fn event_of(row: &Row<'_>, path: &Path) -> Result<(Recorded, Written, Option<String>), Failure> {
    let (kind, fields): (String, String) = (row.get(4)?, row.get(9)?);
    let seq = u64::try_from(row.get::<_, i64>(0)?).map_err(|_| unexpected())?;
    let event = Written::read(&kind, &fields).ok_or_else(|| {
        Fault::of_file(
            path,
            Text::new(
                format!("登记簿第{seq}项的种类或内容本程序不认识"),
                format!("event {seq} of the register has a kind or a field that this program does not know"),
            ),
            Text::new(
                "请使用登记该事项的版本或更新的版本；若版本相同，则已损坏，请从备份恢复",
                "use the version that recorded it, or a newer one; with the same version it is damaged: restore a backup",
            ),
        )
    })?;
    let (lead, person): (Option<String>, Option<String>) = (row.get(5)?, row.get(6)?);
    let subject = match (lead, person) {
        (Some(lead), None) => Some(Subject::Lead(as_written(lead, LeadNumber::parse)?)),
        (None, Some(person)) => Some(Subject::Person(as_written(person, PersonNumber::parse)?)),
        (None, None) => None,
        (Some(_), Some(_)) => return Err(unexpected().into()),
    };
    let written = Written {
        kind,
        fields: serde_json::value::RawValue::from_string(fields.clone())
            .map_err(|_| unexpected())?,
    };
    // The chain covers what the texts mean; here they must also be spelled as this program does.
    if written.fields.get() != fields {
        return Err(unexpected().into());
    }
    let recorded = Recorded {
        seq,
        id: as_written(row.get(1)?, EventId::parse)?,
        place: u64::try_from(row.get::<_, i64>(2)?).map_err(|_| unexpected())?,
        subject,
        on: as_written(row.get(7)?, |text| text.parse::<Date>().ok())?,
        recorded_at: as_written(row.get(8)?, |text| text.parse::<Timestamp>().ok())?,
        event,
        operator: row.get(10)?,
        approver: row.get(11)?,
        because: row.get(12)?,
        previous: row.get(13)?,
        digest: row.get(14)?,
    };
    Ok((recorded, written, row.get(3)?))
}

/// Writes what an item changes.
pub(crate) fn write_change(
    transaction: &Transaction<'_>,
    change: &Change,
) -> Result<(), rusqlite::Error> {
    if let Some((number, token)) = &change.person {
        transaction.execute(
            "INSERT INTO person (number, token) VALUES (?1, ?2)",
            params![number.as_str(), token.map(|token| token.0)],
        )?;
    }
    if let Some(lead) = &change.lead {
        transaction.execute(
            "INSERT INTO lead (number, person, aid, agency, direction) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![
                lead.number.as_str(),
                lead.person.as_str(),
                lead.aid,
                lead.agency,
                lead.direction.name()
            ],
        )?;
    }
    write_event(transaction, &change.event, &change.written)
}

/// Writes an event.
pub(crate) fn write_event(
    transaction: &Transaction<'_>,
    event: &Recorded,
    written: &Written,
) -> Result<(), rusqlite::Error> {
    let number = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    transaction.execute(
        "INSERT INTO event (seq, id, place, supersedes, kind, lead, person, day, recorded_at,
           fields, operator, approver, because, previous, digest)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
        params![
            number(event.seq),
            event.id.as_str(),
            number(event.place),
            event.supersedes().map(EventId::as_str),
            written.kind,
            event.lead(),
            event.person(),
            event.on.to_string(),
            event.recorded_at.to_string(),
            written.fields.get(),
            event.operator,
            event.approver,
            event.because,
            event.previous,
            event.digest,
        ],
    )?;
    Ok(())
}

/// Gives persons new tokens. The trigger that keeps them is away only within the
/// transaction.
pub(crate) fn replace_tokens(
    transaction: &Transaction<'_>,
    tokens: &BTreeMap<PersonNumber, RegisterToken>,
) -> Result<(), rusqlite::Error> {
    let sql: String = transaction.query_row(
        "SELECT sql FROM sqlite_schema WHERE type = 'trigger' AND name = 'person_stays'",
        [],
        |row| row.get(0),
    )?;
    transaction.execute_batch("DROP TRIGGER person_stays")?;
    for (number, token) in tokens {
        transaction.execute(
            "UPDATE person SET token = ?2 WHERE number = ?1",
            params![number.as_str(), token.0],
        )?;
    }
    transaction.execute_batch(&sql)
}
