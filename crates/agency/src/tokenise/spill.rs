//! The persons of a register, sorted by token whatever their number: what does
//! not fit is put aside in files that have no name and are gone when they are
//! closed, however the program ends. They hold tokens and outcomes only.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aidlink_contract::outcome::Outcome;
use aidlink_contract::token::Token;
use aidlink_faults::fault::{Fault, io_reason};
use aidlink_faults::text::Text;
use rayon::prelude::*;

/// Rules of one export: a bit each.
pub(super) const MOST_RULES: usize = 64;
/// Bytes of a person in a spill file.
const RECORD: usize = Token::LENGTH + 16;

/// A person of a register: the token and the outcomes of its rows joined by OR.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct PersonRow {
    pub(super) token: Token,
    pub(super) outcomes: OutcomeBits,
}

/// Outcomes, a bit a rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct OutcomeBits {
    yes: u64,
    /// Of the rules that are not yes.
    unknown: u64,
}

impl OutcomeBits {
    /// At most [`MOST_RULES`] outcomes: more are refused before any row is read.
    pub(super) fn new(outcomes: &[Outcome]) -> Self {
        let mut bits = OutcomeBits::default();
        for (rule, outcome) in outcomes.iter().take(MOST_RULES).enumerate() {
            match outcome {
                Outcome::Yes => bits.yes |= 1 << rule,
                Outcome::Unknown => bits.unknown |= 1 << rule,
                Outcome::No => {}
            }
        }
        bits
    }

    /// OR in Kleene's three-valued logic, rule by rule.
    fn or(self, other: Self) -> Self {
        let yes = self.yes | other.yes;
        OutcomeBits {
            yes,
            unknown: (self.unknown | other.unknown) & !yes,
        }
    }

    /// The outcome of a rule, by its place.
    pub(super) fn of(self, rule: usize) -> Outcome {
        if self.yes >> rule & 1 == 1 {
            Outcome::Yes
        } else if self.unknown >> rule & 1 == 1 {
            Outcome::Unknown
        } else {
            Outcome::No
        }
    }
}

/// Why tokens could not be put aside or written.
#[derive(Debug)]
pub enum SpillFault {
    /// The folder for spill files.
    Spill {
        /// The folder.
        folder: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The token file.
    Output(io::Error),
    /// The policy has so many rules on the export.
    TooManyRules(usize),
}

impl SpillFault {
    /// The sentence for a user; `export` is the file that was read.
    pub fn into_fault(self, export: &Path) -> Fault {
        let (path, zh, en, error) = match self {
            SpillFault::Spill { folder, error } => (
                folder,
                "暂存令牌时无法写入",
                "tokens cannot be put aside there",
                error,
            ),
            SpillFault::TooManyRules(rules) => {
                return Fault::of_file(
                    export,
                    Text::new(
                        format!("规则文件对此导出有{rules}条规则，最多{MOST_RULES}条"),
                        format!(
                            "the policy has {rules} rules on this export; {MOST_RULES} are the most"
                        ),
                    ),
                    Text::new("请合并规则", "join some of the rules"),
                );
            }
            SpillFault::Output(error) => (
                export.to_path_buf(),
                "令牌文件无法写入",
                "its token file cannot be written",
                error,
            ),
        };
        let reason = io_reason(&error);
        Fault::of_file(
            &path,
            Text::new(
                format!("{zh}：{}；未留下任何结果", reason.zh),
                format!("{en}: {}; no result was left behind", reason.en),
            ),
            Text::new(
                "请腾出磁盘空间后重新运行",
                "free some disk space and run again",
            ),
        )
    }
}

/// Where and when persons are put aside.
#[derive(Clone, Debug)]
pub(super) struct SpillSettings {
    /// Persons in memory, at most.
    pub(super) persons: usize,
    /// The folder of the unnamed files.
    pub(super) folder: PathBuf,
}

/// Persons on their way to be sorted.
#[derive(Default)]
pub(super) struct Persons {
    settings: Option<Arc<SpillSettings>>,
    in_memory: Vec<PersonRow>,
    runs: Vec<File>,
    fault: Option<SpillFault>,
}

impl Persons {
    /// Says where persons may be put aside.
    pub(super) fn set(&mut self, settings: &Arc<SpillSettings>) {
        self.settings = Some(Arc::clone(settings));
    }

    pub(super) fn push(&mut self, person: PersonRow) {
        self.in_memory.push(person);
    }

    /// Takes the persons of another block, and puts some aside where there are
    /// too many.
    pub(super) fn append(&mut self, next: Self) {
        self.settings = self.settings.take().or(next.settings);
        if self.fault.is_some() {
            // Nothing will be written: nothing more is held.
            return;
        }
        self.in_memory.extend(next.in_memory);
        let Some(settings) = self.settings.clone() else {
            return;
        };
        if self.in_memory.len() >= settings.persons {
            sort_and_join(&mut self.in_memory);
            match put_aside(&self.in_memory, &settings.folder) {
                Ok(run) => self.runs.push(run),
                Err(error) => {
                    self.fault = Some(SpillFault::Spill {
                        folder: settings.folder.clone(),
                        error,
                    });
                }
            }
            self.in_memory.clear();
        }
    }

    /// Takes the persons of another file of the same export.
    pub(super) fn join(&mut self, other: Self) {
        self.runs.extend(other.runs);
        self.fault = self.fault.take().or(other.fault);
        self.append(Persons {
            settings: other.settings,
            in_memory: other.in_memory,
            ..Persons::default()
        });
    }

    /// Gives every person once, by ascending token.
    ///
    /// # Errors
    /// When persons could not be put aside or read back; or the taker's own.
    pub(super) fn for_each(
        mut self,
        mut take: impl FnMut(PersonRow) -> Result<(), SpillFault>,
    ) -> Result<(), SpillFault> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        sort_and_join(&mut self.in_memory);
        let folder = self.settings.map(|settings| settings.folder.clone());
        let failed = |error| SpillFault::Spill {
            folder: folder.clone().unwrap_or_default(),
            error,
        };
        let mut runs: Vec<Run> = self.runs.into_iter().map(Run::File).collect();
        for run in &mut runs {
            run.begin().map_err(failed)?;
        }
        runs.push(Run::Memory(self.in_memory.into_iter()));
        let mut heads = BinaryHeap::new();
        for (index, run) in runs.iter_mut().enumerate() {
            heads.extend(run.next().map_err(failed)?.map(|row| Head { row, index }));
        }
        let mut current: Option<PersonRow> = None;
        while let Some(Head { row, index }) = heads.pop() {
            let run = &mut runs[index];
            heads.extend(run.next().map_err(failed)?.map(|row| Head { row, index }));
            current = match current {
                Some(person) if person.token == row.token => Some(PersonRow {
                    outcomes: person.outcomes.or(row.outcomes),
                    ..person
                }),
                Some(person) => {
                    take(person)?;
                    Some(row)
                }
                None => Some(row),
            };
        }
        current.map_or(Ok(()), take)
    }
}

/// Sorts persons by token and joins the rows of one person.
fn sort_and_join(persons: &mut Vec<PersonRow>) {
    persons.par_sort_unstable();
    persons.dedup_by(|next, kept| {
        let same = next.token == kept.token;
        if same {
            kept.outcomes = kept.outcomes.or(next.outcomes);
        }
        same
    });
}

fn put_aside(persons: &[PersonRow], folder: &Path) -> io::Result<File> {
    let mut file = BufWriter::with_capacity(1 << 20, tempfile::tempfile_in(folder)?);
    for person in persons {
        file.write_all(person.token.as_bytes())?;
        file.write_all(&person.outcomes.yes.to_le_bytes())?;
        file.write_all(&person.outcomes.unknown.to_le_bytes())?;
    }
    file.into_inner().map_err(io::IntoInnerError::into_error)
}

/// Sorted persons, in a file or in memory.
enum Run {
    File(File),
    Reading(BufReader<File>),
    Memory(std::vec::IntoIter<PersonRow>),
}

impl Run {
    fn begin(&mut self) -> io::Result<()> {
        if let Run::File(file) = self {
            file.rewind()?;
            *self = Run::Reading(BufReader::with_capacity(1 << 18, file.try_clone()?));
        }
        Ok(())
    }

    fn next(&mut self) -> io::Result<Option<PersonRow>> {
        let reader = match self {
            Run::Memory(rows) => return Ok(rows.next()),
            Run::File(_) => return Ok(None),
            Run::Reading(reader) => reader,
        };
        let mut record = [0; RECORD];
        match reader.read_exact(&mut record) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(error) => return Err(error),
        }
        let (token, bits) = record.split_at(Token::LENGTH);
        let (yes, unknown) = bits.split_at(8);
        let mut bytes = [0; Token::LENGTH];
        bytes.copy_from_slice(token);
        let number = |bytes: &[u8]| {
            bytes
                .iter()
                .rev()
                .fold(0, |number, byte| number << 8 | u64::from(*byte))
        };
        Ok(Some(PersonRow {
            token: Token::from_bytes(bytes),
            outcomes: OutcomeBits {
                yes: number(yes),
                unknown: number(unknown),
            },
        }))
    }
}

/// The next person of a run; the heap gives the smallest first.
struct Head {
    row: PersonRow,
    index: usize,
}

impl PartialEq for Head {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Head {}

impl PartialOrd for Head {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Head {
    fn cmp(&self, other: &Self) -> Ordering {
        (other.row, other.index).cmp(&(self.row, self.index))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn outcome() -> impl Strategy<Value = Outcome> {
        prop_oneof![
            Just(Outcome::No),
            Just(Outcome::Unknown),
            Just(Outcome::Yes)
        ]
    }

    #[test]
    fn persons_that_cannot_be_put_aside_are_told_and_not_gathered() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let settings = Arc::new(SpillSettings {
            persons: 2,
            folder: folder.path().join("gone"),
        });
        let mut all = Persons::default();
        for byte in 0..10 {
            let mut next = Persons::default();
            next.set(&settings);
            next.push(PersonRow {
                token: Token::from_bytes([byte; 16]),
                outcomes: OutcomeBits::default(),
            });
            all.append(next);
            assert!(all.in_memory.len() < 2);
        }
        let mut given = 0;
        let ended = all.for_each(|_| {
            given += 1;
            Ok(())
        });
        assert_eq!(given, 0);
        let Err(fault) = ended else {
            panic!("a folder that is not there")
        };
        let told = fault.into_fault(Path::new("export.csv")).message.en;
        assert!(told.contains("cannot be put aside"), "{told}");
        assert!(told.contains("no result was left behind"), "{told}");
    }

    proptest! {
        /// However many persons fit in memory: each once, in order, with the
        /// OR of its rows' outcomes.
        #[test]
        fn every_person_comes_once_and_in_order(
            rows in prop::collection::vec((0_u8..20, prop::collection::vec(outcome(), 3)), 0..120),
            persons in 1_usize..40,
            block in 1_usize..10,
        ) {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let settings = Arc::new(SpillSettings { persons, folder: folder.path().to_path_buf() });
            let mut expected: BTreeMap<[u8; 16], Vec<Outcome>> = BTreeMap::new();
            let mut all = Persons::default();
            for rows in rows.chunks(block) {
                let mut next = Persons::default();
                next.set(&settings);
                for (byte, outcomes) in rows {
                    let token = [*byte; 16];
                    next.push(PersonRow { token: Token::from_bytes(token), outcomes: OutcomeBits::new(outcomes) });
                    let joined = expected.entry(token).or_insert_with(|| vec![Outcome::No; 3]);
                    for (joined, outcome) in joined.iter_mut().zip(outcomes) {
                        *joined = joined.or(*outcome);
                    }
                }
                all.append(next);
                // The files have no name: nobody finds one.
                prop_assert_eq!(std::fs::read_dir(folder.path()).expect("readable").count(), 0);
            }
            let mut seen = Vec::new();
            let ended = all.for_each(|person| {
                let outcomes = (0..3).map(|rule| person.outcomes.of(rule)).collect();
                seen.push((*person.token.as_bytes(), outcomes));
                Ok(())
            });
            prop_assert!(ended.is_ok());
            prop_assert_eq!(seen, expected.into_iter().collect::<Vec<_>>());
        }
    }
}
