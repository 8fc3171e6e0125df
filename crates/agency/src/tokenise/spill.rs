//! Sorts the persons of a register by token. Persons that do not fit in memory are
//! written to spill files. Spill files have no name and disappear when they are
//! closed, even if the program is killed. They contain only tokens and outcomes.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, HashMap};
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aidlink_contract::outcome::Outcome;
use aidlink_contract::token::Token;
use aidlink_faults::fault::{Fault, io_reason};
use aidlink_faults::text::Text;
use foldhash::fast::RandomState;
use rayon::prelude::*;

/// Maximum number of rules on one export: one bit each in a `u128`. A policy
/// has two for each aid on the export of referrals.
pub(super) const MAX_RULES: usize = 128;
/// Bytes of a person in a spill file.
const RECORD_BYTES: usize = Token::LENGTH + 48;

/// A person of a register: the token, and the outcomes of the person's rows combined
/// by OR.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct PersonRow {
    pub(super) token: Token,
    pub(super) outcomes: OutcomeBits,
}

/// Outcomes, one bit per rule in each word. A word has the bit of a rule if the rule's
/// outcome is at least the word's, so that OR of two persons' rows is OR of the words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct OutcomeBits {
    yes: u128,
    indicated: u128,
    unknown: u128,
}

impl OutcomeBits {
    /// Packs at most [`MAX_RULES`] outcomes. Policies with more rules are refused before
    /// any row is read.
    pub(super) fn new(outcomes: &[Outcome]) -> Self {
        let mut bits = OutcomeBits::default();
        for (rule, outcome) in outcomes.iter().take(MAX_RULES).enumerate() {
            for (word, least) in [
                (&mut bits.yes, Outcome::Yes),
                (&mut bits.indicated, Outcome::Indicated),
                (&mut bits.unknown, Outcome::Unknown),
            ] {
                *word |= u128::from(*outcome >= least) << rule;
            }
        }
        bits
    }

    /// Combines outcomes rule by rule with OR, which is the greater outcome.
    fn or(self, other: Self) -> Self {
        OutcomeBits {
            yes: self.yes | other.yes,
            indicated: self.indicated | other.indicated,
            unknown: self.unknown | other.unknown,
        }
    }

    /// Returns the outcome of a rule, by index.
    pub(super) fn of(self, rule: usize) -> Outcome {
        if self.yes >> rule & 1 == 1 {
            Outcome::Yes
        } else if self.indicated >> rule & 1 == 1 {
            Outcome::Indicated
        } else if self.unknown >> rule & 1 == 1 {
            Outcome::Unknown
        } else {
            Outcome::No
        }
    }
}

/// The reason why tokens could not be written to a spill file or to the token file.
#[derive(Debug)]
pub enum SpillFault {
    /// A spill file could not be written or read.
    Spill {
        /// The folder of the spill files.
        folder: PathBuf,
        /// The error.
        error: io::Error,
    },
    /// The token file could not be written.
    Output(io::Error),
    /// The policy has too many rules on the export; the number is given.
    TooManyRules(usize),
}

impl SpillFault {
    /// Converts the error to a fault for the user. `export` is the file that was read.
    pub fn into_fault(self, export: &Path) -> Fault {
        let (path, zh, en, error) = match self {
            SpillFault::Spill { folder, error } => (
                folder,
                "无法暂存令牌",
                "cannot store temporary token files",
                error,
            ),
            SpillFault::TooManyRules(rules) => {
                return Fault::of_file(
                    export,
                    Text::new(
                        format!("规则文件对此导出有{rules}条规则，超过上限{MAX_RULES}条"),
                        format!(
                            "the policy has {rules} rules on this export; the maximum is {MAX_RULES}"
                        ),
                    ),
                    Text::new("请合并部分规则", "combine some of the rules"),
                );
            }
            SpillFault::Output(error) => (
                export.to_path_buf(),
                "无法写入令牌文件",
                "cannot write the token file",
                error,
            ),
        };
        let reason = io_reason(&error);
        Fault::of_file(
            &path,
            Text::new(
                format!("{zh}：{}；未留下任何结果", reason.zh),
                format!("{en}: {}; no output was left behind", reason.en),
            ),
            Text::new(
                "请腾出磁盘空间后重新运行",
                "free some disk space and run the command again",
            ),
        )
    }
}

/// The different outcomes of the persons in memory. There are some hundreds of them among
/// millions of persons, so a person in memory has only the number of its own.
#[derive(Default)]
struct Patterns {
    all: Vec<OutcomeBits>,
    numbers: HashMap<OutcomeBits, u32, RandomState>,
}

impl Patterns {
    fn number(&mut self, outcomes: OutcomeBits) -> u32 {
        let Patterns { all, numbers } = self;
        *numbers.entry(outcomes).or_insert_with(|| {
            all.push(outcomes);
            // As many as persons at most, of whom fewer are in memory.
            u32::try_from(all.len() - 1).unwrap_or(u32::MAX)
        })
    }

    fn of(&self, number: u32) -> OutcomeBits {
        self.all.get(number as usize).copied().unwrap_or_default()
    }

    fn clear(&mut self) {
        self.all.clear();
        self.numbers.clear();
    }
}

/// A person in memory: the token, and the number of the outcomes in [`Patterns`].
#[derive(Clone, Copy)]
struct NumberedRow {
    token: Token,
    pattern: u32,
}

/// When and where persons are spilled.
#[derive(Clone, Debug)]
pub(super) struct SpillSettings {
    /// Maximum number of persons in memory.
    pub(super) max_persons: usize,
    /// The folder of the spill files.
    pub(super) folder: PathBuf,
}

/// Persons that are being collected for sorting.
#[derive(Default)]
pub(super) struct Persons {
    settings: Option<Arc<SpillSettings>>,
    in_memory: Vec<NumberedRow>,
    patterns: Patterns,
    /// Spill files, each sorted by token.
    runs: Vec<File>,
    fault: Option<SpillFault>,
}

impl Persons {
    pub(super) fn set_settings(&mut self, settings: &Arc<SpillSettings>) {
        self.settings = Some(Arc::clone(settings));
    }

    pub(super) fn push(&mut self, person: PersonRow) {
        let pattern = self.patterns.number(person.outcomes);
        self.in_memory.push(NumberedRow {
            token: person.token,
            pattern,
        });
    }

    /// Appends the persons of another block. Spills persons to a file if there are too
    /// many.
    pub(super) fn append(&mut self, next: Self) {
        self.settings = self.settings.take().or(next.settings);
        if self.fault.is_some() {
            // The run has failed, so more persons need not be kept.
            return;
        }
        let all = next.patterns.all.into_iter();
        let numbers: Vec<u32> = all.map(|outcomes| self.patterns.number(outcomes)).collect();
        let rows = next.in_memory.into_iter().map(|row| NumberedRow {
            pattern: numbers[row.pattern as usize],
            ..row
        });
        self.in_memory.extend(rows);
        let Some(settings) = self.settings.clone() else {
            return;
        };
        if self.in_memory.len() >= settings.max_persons {
            self.sort_and_combine();
            let Persons {
                in_memory,
                patterns,
                ..
            } = &*self;
            match spill(in_memory, patterns, &settings.folder) {
                Ok(run) => self.runs.push(run),
                Err(error) => {
                    self.fault = Some(SpillFault::Spill {
                        folder: settings.folder.clone(),
                        error,
                    });
                }
            }
            self.in_memory.clear();
            self.patterns.clear();
        }
    }

    /// Sorts the persons in memory by token and combines the rows of the same person.
    fn sort_and_combine(&mut self) {
        let Persons {
            in_memory,
            patterns,
            ..
        } = self;
        let key = |row: &NumberedRow| u128::from_be_bytes(*row.token.as_bytes());
        in_memory.par_sort_unstable_by_key(key);
        in_memory.dedup_by(|next, kept| {
            let same = next.token == kept.token;
            if same && next.pattern != kept.pattern {
                let outcomes = patterns.of(kept.pattern).or(patterns.of(next.pattern));
                kept.pattern = patterns.number(outcomes);
            }
            same
        });
    }

    /// Appends the persons of another file of the same export, with its spill files.
    pub(super) fn join(&mut self, other: Self) {
        self.runs.extend(other.runs);
        self.fault = self.fault.take().or(other.fault);
        self.append(Persons {
            settings: other.settings,
            in_memory: other.in_memory,
            patterns: other.patterns,
            ..Persons::default()
        });
    }

    /// Calls `take` once for every person, in ascending order of tokens.
    ///
    /// # Errors
    /// If a spill file could not be written or read, or if `take` fails.
    pub(super) fn for_each(
        mut self,
        mut take: impl FnMut(PersonRow) -> Result<(), SpillFault>,
    ) -> Result<(), SpillFault> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        self.sort_and_combine();
        let patterns = self.patterns;
        let folder = self.settings.map(|settings| settings.folder.clone());
        let failed = |error| SpillFault::Spill {
            folder: folder.clone().unwrap_or_default(),
            error,
        };
        let mut runs: Vec<Run> = self.runs.into_iter().map(Run::File).collect();
        for run in &mut runs {
            run.rewind().map_err(failed)?;
        }
        runs.push(Run::Memory(self.in_memory.into_iter(), patterns));
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

/// Writes sorted persons to an unnamed file.
fn spill(persons: &[NumberedRow], patterns: &Patterns, folder: &Path) -> io::Result<File> {
    let mut file = BufWriter::with_capacity(1 << 20, tempfile::tempfile_in(folder)?);
    for person in persons {
        let outcomes = patterns.of(person.pattern);
        file.write_all(person.token.as_bytes())?;
        file.write_all(&outcomes.yes.to_le_bytes())?;
        file.write_all(&outcomes.indicated.to_le_bytes())?;
        file.write_all(&outcomes.unknown.to_le_bytes())?;
    }
    file.into_inner().map_err(io::IntoInnerError::into_error)
}

/// A sorted run of persons, in a file or in memory.
enum Run {
    File(File),
    Reading(BufReader<File>),
    Memory(std::vec::IntoIter<NumberedRow>, Patterns),
}

impl Run {
    fn rewind(&mut self) -> io::Result<()> {
        if let Run::File(file) = self {
            file.rewind()?;
            *self = Run::Reading(BufReader::with_capacity(1 << 18, file.try_clone()?));
        }
        Ok(())
    }

    fn next(&mut self) -> io::Result<Option<PersonRow>> {
        let reader = match self {
            Run::Memory(rows, patterns) => {
                return Ok(rows.next().map(|row| PersonRow {
                    token: row.token,
                    outcomes: patterns.of(row.pattern),
                }));
            }
            Run::File(_) => return Ok(None),
            Run::Reading(reader) => reader,
        };
        let mut record = [0; RECORD_BYTES];
        match reader.read_exact(&mut record) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(error) => return Err(error),
        }
        let (token, bits) = record.split_at(Token::LENGTH);
        let (yes, bits) = bits.split_at(16);
        let (indicated, unknown) = bits.split_at(16);
        let mut bytes = [0; Token::LENGTH];
        bytes.copy_from_slice(token);
        let number = |bytes: &[u8]| {
            bytes
                .iter()
                .rev()
                .fold(0, |number, byte| number << 8 | u128::from(*byte))
        };
        Ok(Some(PersonRow {
            token: Token::from_bytes(bytes),
            outcomes: OutcomeBits {
                yes: number(yes),
                indicated: number(indicated),
                unknown: number(unknown),
            },
        }))
    }
}

/// The next person of a run. The order is reversed, so that the heap returns the
/// smallest token first.
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
            Just(Outcome::Indicated),
            Just(Outcome::Yes)
        ]
    }

    #[test]
    fn a_failed_spill_is_reported_and_frees_the_persons() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let settings = Arc::new(SpillSettings {
            max_persons: 2,
            folder: folder.path().join("gone"),
        });
        let mut all = Persons::default();
        for byte in 0..10 {
            let mut next = Persons::default();
            next.set_settings(&settings);
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
            panic!("the missing folder was not reported")
        };
        let message = fault.into_fault(Path::new("export.csv")).message.en;
        assert!(
            message.contains("cannot store temporary token files"),
            "{message}"
        );
        assert!(message.contains("no output was left behind"), "{message}");
    }

    /// Rules in the first, a middle and the last bit of a word.
    const RULES: [usize; 3] = [0, 64, MAX_RULES - 1];

    /// Returns outcomes of all rules, of which only these are not no.
    fn spread(outcomes: &[Outcome]) -> Vec<Outcome> {
        let mut all = vec![Outcome::No; MAX_RULES];
        for (rule, outcome) in RULES.into_iter().zip(outcomes) {
            all[rule] = *outcome;
        }
        all
    }

    proptest! {
        /// Holds for any number of persons in memory. The outcomes are the OR over the
        /// person's rows.
        #[test]
        fn every_person_comes_once_and_in_order(
            rows in prop::collection::vec((0_u8..20, prop::collection::vec(outcome(), 3)), 0..120),
            max_persons in 1_usize..40,
            block in 1_usize..10,
        ) {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let settings = Arc::new(SpillSettings { max_persons, folder: folder.path().to_path_buf() });
            let mut expected: BTreeMap<[u8; 16], Vec<Outcome>> = BTreeMap::new();
            let mut all = Persons::default();
            for rows in rows.chunks(block) {
                let mut next = Persons::default();
                next.set_settings(&settings);
                for (byte, outcomes) in rows {
                    let token = [*byte; 16];
                    next.push(PersonRow { token: Token::from_bytes(token), outcomes: OutcomeBits::new(&spread(outcomes)) });
                    let combined = expected.entry(token).or_insert_with(|| vec![Outcome::No; 3]);
                    for (combined, outcome) in combined.iter_mut().zip(outcomes) {
                        *combined = combined.or(*outcome);
                    }
                }
                all.append(next);
                // Spill files have no name, so the folder is empty.
                prop_assert_eq!(std::fs::read_dir(folder.path()).expect("readable").count(), 0);
            }
            let mut seen = Vec::new();
            let ended = all.for_each(|person| {
                let outcomes = RULES.map(|rule| person.outcomes.of(rule)).to_vec();
                seen.push((*person.token.as_bytes(), outcomes));
                Ok(())
            });
            prop_assert!(ended.is_ok());
            prop_assert_eq!(seen, expected.into_iter().collect::<Vec<_>>());
        }
    }
}
