//! The centre's merge join: one pass over a register's tokens and the case
//! parties' tokens, both in ascending order. It handles registers in memory and
//! in token files, and keeps only the rows of case parties, so memory grows with
//! the number of matches.

use std::ops::Range;

use aidlink_contract::outcome::Outcome;
use aidlink_contract::token::Token;
use aidlink_contract::token_file::{RegisterReader, SelectedRows, TokenFileFault};
use aidlink_contract::token_table::{CaseTable, Origin, OutcomeColumns, RegisterTable, TableFault};

/// Matches the tokens of a register, one after another, with the case parties'
/// tokens.
pub struct Join<'c> {
    /// In ascending order; a person with several case rows appears several times.
    cases: &'c [Token],
    next: usize,
    last: Option<Token>,
    tokens: u64,
}

impl<'c> Join<'c> {
    /// Starts a join with these case party tokens, which must ascend and may
    /// repeat.
    pub fn new(cases: &'c [Token]) -> Self {
        Join {
            cases,
            next: 0,
            last: None,
            tokens: 0,
        }
    }

    /// Takes the register's next token and returns the indices of the person's
    /// case rows; the range is empty for a person who is not a case party.
    ///
    /// # Errors
    /// When the token is not greater than the last one. The error holds the
    /// token's row in the register, from 0.
    pub fn advance(&mut self, token: Token) -> Result<Range<usize>, TableFault> {
        let row = usize::try_from(self.tokens).unwrap_or(usize::MAX);
        match self.last {
            Some(last) if last == token => return Err(TableFault::RepeatedToken(row)),
            Some(last) if last > token => return Err(TableFault::Unsorted(row)),
            _ => {}
        }
        self.last = Some(token);
        self.tokens += 1;
        let at = |index: usize| self.cases.get(index);
        let mut first = self.next;
        while at(first).is_some_and(|case| *case < token) {
            first += 1;
        }
        let mut end = first;
        while at(end) == Some(&token) {
            end += 1;
        }
        self.next = end;
        Ok(first..end)
    }

    /// Returns how many tokens of the register were taken.
    pub fn tokens(&self) -> u64 {
        self.tokens
    }
}

/// A register joined with the case parties. It keeps the case rows and outcomes
/// of the persons who are case parties, and counts the others.
#[derive(Debug)]
pub struct JoinedRegister {
    origin: Origin,
    case_rows: Vec<Range<usize>>,
    unmatched: u64,
    outcomes: OutcomeColumns,
}

impl JoinedRegister {
    /// Joins a register in memory.
    ///
    /// # Errors
    /// When its tokens do not ascend.
    pub fn of_table(cases: &CaseTable, register: &RegisterTable) -> Result<Self, TableFault> {
        let mut join = Join::new(cases.tokens());
        let mut case_rows = Vec::new();
        let mut persons = Vec::new();
        for (person, token) in register.tokens().iter().enumerate() {
            let rows = join.advance(*token)?;
            if !rows.is_empty() {
                case_rows.push(rows);
                persons.push(person);
            }
        }
        let of_persons = |column: &[Outcome]| -> Vec<Outcome> {
            let outcomes = persons.iter().map(|person| column.get(*person));
            outcomes.flatten().copied().collect()
        };
        let outcomes = register.outcomes().0.iter();
        let outcomes = outcomes.map(|(rule, column)| (rule.clone(), of_persons(column)));
        let outcomes = OutcomeColumns(outcomes.collect());
        Self::new(register.origin().clone(), case_rows, &join, outcomes)
    }

    /// Joins a register's token file. Reads every token, but outcomes only for
    /// case parties.
    ///
    /// # Errors
    /// See [`TokenFileFault`]. A token that is out of order or repeated is
    /// refused in any row.
    pub fn of_file(cases: &[Token], mut register: RegisterReader) -> Result<Self, TokenFileFault> {
        let mut join = Join::new(cases);
        let mut case_rows = Vec::new();
        let mut outcomes = register.no_outcomes();
        for group in 0..register.row_groups() {
            let mut selected = SelectedRows::default();
            for batch in register.tokens(group)? {
                for token in batch? {
                    let rows = join.advance(token)?;
                    selected.push(!rows.is_empty());
                    if !rows.is_empty() {
                        case_rows.push(rows);
                    }
                }
            }
            register.read_outcomes(group, selected, &mut outcomes)?;
        }
        // Opening the file compared the account with the footer, and the footer
        // may be wrong.
        if join.tokens() > register.head().account.sent {
            return Err(TokenFileFault::Account);
        }
        let origin = register.head().origin.clone();
        Ok(Self::new(origin, case_rows, &join, outcomes)?)
    }

    fn new(
        origin: Origin,
        case_rows: Vec<Range<usize>>,
        join: &Join<'_>,
        outcomes: OutcomeColumns,
    ) -> Result<Self, TableFault> {
        outcomes.check_lengths(case_rows.len())?;
        let unmatched = join.tokens() - case_rows.len() as u64;
        Ok(JoinedRegister {
            origin,
            case_rows,
            unmatched,
            outcomes,
        })
    }

    /// Returns where the register comes from.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Returns the case rows of each person who is a case party, in token order.
    pub fn case_rows(&self) -> &[Range<usize>] {
        &self.case_rows
    }

    /// Returns how many persons of the register are case parties.
    pub fn matched(&self) -> u64 {
        self.case_rows.len() as u64
    }

    /// Returns how many persons of the register are not case parties.
    pub fn unmatched(&self) -> u64 {
        self.unmatched
    }

    /// Returns the outcomes of the persons who are case parties, in the order of
    /// [`case_rows`](Self::case_rows).
    pub fn outcomes(&self) -> &OutcomeColumns {
        &self.outcomes
    }
}

#[cfg(test)]
#[expect(
    clippy::single_range_in_vec_init,
    reason = "the case rows of a person are a range"
)]
mod tests {
    use std::fs::File;
    use std::io::{Seek, SeekFrom};

    use aidlink_contract::token::TokenAlgorithm;
    use aidlink_contract::token_file::{
        METADATA_KEY, SentAccount, TokenFile, TokenFileHead, TokenFileWriter,
    };
    use aidlink_contract::token_table::CASE_EXPORT;
    use aidlink_files::document::Document as _;
    use jiff::civil::Date;
    use parquet::arrow::ArrowWriter;
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
    use parquet::file::metadata::KeyValue;
    use parquet::file::properties::WriterProperties;

    use super::*;

    const VETERANS: &str = "veterans.persons";
    const RULES: [&str; 2] = ["veteran_entitled", "veteran_in_need"];

    fn token(byte: u8) -> Token {
        Token::from_bytes([byte; Token::LENGTH])
    }

    fn tokens(bytes: &[u8]) -> Vec<Token> {
        bytes.iter().copied().map(token).collect()
    }

    /// Joins and returns the case rows of each token of the register, or the fault.
    fn joined(cases: &[u8], register: &[u8]) -> Result<Vec<Range<usize>>, TableFault> {
        let cases = tokens(cases);
        let mut join = Join::new(&cases);
        let rows: Result<Vec<_>, _> = register
            .iter()
            .map(|byte| join.advance(token(*byte)))
            .collect();
        if rows.is_ok() {
            assert_eq!(join.tokens(), register.len() as u64);
        }
        rows
    }

    /// Joins and returns the case rows of each case party in the register.
    fn hits(cases: &[u8], register: &[u8]) -> Vec<Range<usize>> {
        let rows = joined(cases, register).expect("the tokens ascend");
        rows.into_iter().filter(|rows| !rows.is_empty()).collect()
    }

    /// Finds the expected result by linear search.
    fn searched(cases: &[u8], register: &[u8]) -> Vec<Range<usize>> {
        let found = register.iter().filter_map(|byte| {
            let first = cases.iter().position(|case| case == byte)?;
            Some(first..first + cases.iter().filter(|case| *case == byte).count())
        });
        found.collect()
    }

    #[test]
    fn all_case_rows_of_a_person_are_found_at_any_position() {
        for (cases, register, expected) in [
            // Empty sides.
            (&[][..], &[][..], vec![]),
            (&[1, 2], &[], vec![]),
            (&[], &[1, 2], vec![]),
            // No match, and all match.
            (&[2, 4, 6], &[1, 3, 5, 7], vec![]),
            (&[1, 2, 3], &[1, 2, 3], vec![0..1, 1..2, 2..3]),
            // Matches at the start and the end.
            (&[1, 5, 9], &[1, 4, 6, 9], vec![0..1, 2..3]),
            (&[5], &[1, 5, 9], vec![0..1]),
            (&[1, 5, 9], &[5], vec![1..2]),
            // Repeated case tokens.
            (&[1, 1, 1], &[1], vec![0..3]),
            (&[1, 1, 3, 3, 5], &[1, 2, 3, 5], vec![0..2, 2..4, 4..5]),
            (&[1, 1, 3, 3], &[2, 4], vec![]),
        ] {
            let found = hits(cases, register);
            assert_eq!(found, expected, "{cases:?} with {register:?}");
            assert_eq!(found, searched(cases, register));
        }
    }

    #[test]
    fn every_small_join_equals_a_linear_search() {
        // Each of four tokens appears 0 to 2 times among the cases and 0 or 1
        // times in the register.
        for cases_have in 0..81_u32 {
            let cases: Vec<u8> = (0..4_u8)
                .flat_map(|byte| {
                    let times = cases_have / 3_u32.pow(u32::from(byte)) % 3;
                    (0..times).map(move |_| byte)
                })
                .collect();
            for register_has in 0..16_u32 {
                let register: Vec<u8> = (0..4)
                    .filter(|byte| register_has >> byte & 1 == 1)
                    .collect();
                assert_eq!(hits(&cases, &register), searched(&cases, &register));
            }
        }
    }

    #[test]
    fn a_register_out_of_order_is_refused_with_its_row() {
        for (register, fault) in [
            (&[2, 1][..], TableFault::Unsorted(1)),
            (&[1, 2, 2], TableFault::RepeatedToken(2)),
            (&[1, 4, 3, 5], TableFault::Unsorted(2)),
            (&[1, 5, 1], TableFault::Unsorted(2)),
        ] {
            for cases in [&[][..], &[1, 2, 3], &[9]] {
                assert_eq!(joined(cases, register), Err(fault.clone()));
            }
        }
    }

    fn origin(export: &str) -> Origin {
        Origin {
            round: "2026Q3".into(),
            as_of: Date::constant(2026, 9, 30),
            policy_digest: "0".repeat(64),
            key_id: "0".repeat(16),
            algorithm: TokenAlgorithm::HmacSm3,
            export: export.into(),
            snapshot: Date::constant(2026, 9, 28),
        }
    }

    fn outcome(byte: u8, rule: usize) -> Outcome {
        Outcome::ALL[(usize::from(byte) + rule) % 4]
    }

    fn columns(bytes: &[u8]) -> OutcomeColumns {
        let column = |rule| bytes.iter().map(|byte| outcome(*byte, rule)).collect();
        let columns = RULES.iter().enumerate();
        OutcomeColumns(
            columns
                .map(|(place, rule)| ((*rule).to_owned(), column(place)))
                .collect(),
        )
    }

    /// Writes a register's file with `group` rows per row group.
    fn file(bytes: &[u8], group: usize, sent: u64) -> RegisterReader {
        let head = TokenFileHead {
            origin: origin(VETERANS),
            schema_digest: "1".repeat(64),
            reading_digest: None,
            fields_missing: Vec::new(),
            sources: Vec::new(),
            account: SentAccount {
                rows: sent,
                sent,
                ..SentAccount::default()
            },
            asks_who_receives: false,
        };
        let written = tempfile::tempfile().expect("a temporary file");
        let mut writer = TokenFileWriter::begin(written, &RULES).expect("a writable file");
        for byte in bytes {
            let outcomes = (0..RULES.len()).map(|rule| outcome(*byte, rule));
            writer
                .push(token(*byte), outcomes)
                .expect("a writable file");
        }
        let written = writer.finish(&head).expect("a writable file");
        // Write the same rows again in small row groups.
        let reader = ParquetRecordBatchReaderBuilder::try_new(written).expect("a valid file");
        let properties = WriterProperties::builder()
            .set_max_row_group_row_count(Some(group))
            .set_key_value_metadata(Some(vec![KeyValue {
                key: METADATA_KEY.to_owned(),
                value: Some(head.to_line()),
            }]))
            .build();
        let grouped = tempfile::tempfile().expect("a temporary file");
        let schema = reader.schema().clone();
        let mut writer =
            ArrowWriter::try_new(grouped, schema, Some(properties)).expect("a writable file");
        for batch in reader.build().expect("a valid file") {
            writer
                .write(&batch.expect("a valid file"))
                .expect("a writable file");
        }
        let mut grouped: File = writer.into_inner().expect("a writable file");
        grouped.seek(SeekFrom::Start(0)).expect("a file");
        let rules = |_: &str| RULES.map(str::to_owned).to_vec();
        let opened = TokenFile::open(grouped, rules).expect("a valid file");
        opened.into_register()
    }

    #[test]
    fn a_join_keeps_only_case_parties() {
        let register = [1, 2, 3, 7, 9];
        for (cases, rows, kept) in [
            (
                &[0, 2, 2, 3, 8, 9][..],
                vec![1..3, 3..4, 5..6],
                &[2, 3, 9][..],
            ),
            (&[], vec![], &[]),
            (&[4, 8], vec![], &[]),
            (&[7], vec![0..1], &[7]),
            (&register, vec![0..1, 1..2, 2..3, 3..4, 4..5], &register),
        ] {
            let unmatched = (register.len() - kept.len()) as u64;
            let check = |joined: JoinedRegister| {
                assert_eq!(joined.case_rows(), rows);
                assert_eq!(joined.matched(), kept.len() as u64);
                assert_eq!(joined.unmatched(), unmatched);
                assert_eq!(*joined.outcomes(), columns(kept));
                assert_eq!(*joined.origin(), origin(VETERANS));
            };
            // A table, and files with different row groups.
            let table = CaseTable::new(
                origin(CASE_EXPORT),
                tokens(cases),
                OutcomeColumns::default(),
            )
            .expect("the tokens ascend");
            let in_memory =
                RegisterTable::new(origin(VETERANS), tokens(&register), columns(&register));
            let in_memory = in_memory.expect("the tokens ascend");
            check(JoinedRegister::of_table(&table, &in_memory).expect("the tokens ascend"));
            for group in [1, 2, 4, 100] {
                let reader = file(&register, group, 5);
                assert_eq!(reader.row_groups(), 5_usize.div_ceil(group));
                check(JoinedRegister::of_file(table.tokens(), reader).expect("a valid file"));
            }
        }
    }

    #[test]
    fn a_token_out_of_order_or_repeated_is_refused_in_any_row() {
        for (register, words) in [
            ([1, 5, 3], "is not sorted by token (row 2)"),
            ([1, 3, 3], "appears twice in the token table (row 2)"),
        ] {
            // Also across row groups, and when nobody is a case party.
            for (group, cases) in [(1, vec![]), (2, vec![token(200)]), (3, vec![token(3)])] {
                let joined = JoinedRegister::of_file(&cases, file(&register, group, 3));
                let message = joined.map(|_| ()).map_err(|fault| fault.text().en);
                assert!(
                    message
                        .as_ref()
                        .is_err_and(|message| message.contains(words)),
                    "{message:?}"
                );
            }
        }
    }
}
