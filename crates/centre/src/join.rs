//! The join of the centre: a register's tokens against those of the case
//! parties, both ascending, in one walk along both. Whether the register lies in
//! memory or in a token file, it is joined here; what is kept of it grows with
//! the persons found.

use std::ops::Range;

use aidlink_contract::outcome::Outcome;
use aidlink_contract::token::Token;
use aidlink_contract::token_file::{RegisterReader, SelectedRows, TokenFileFault};
use aidlink_contract::token_table::{CaseTable, Origin, OutcomeColumns, RegisterTable, TableFault};

/// A walk along the case parties' tokens, led by the tokens of a register.
pub struct Join<'c> {
    /// Ascending; a person with several case rows stands several times.
    cases: &'c [Token],
    next: usize,
    last: Option<Token>,
    tokens: u64,
}

impl<'c> Join<'c> {
    /// A walk along these tokens, which ascend and may repeat.
    pub fn new(cases: &'c [Token]) -> Self {
        Join {
            cases,
            next: 0,
            last: None,
            tokens: 0,
        }
    }

    /// The case rows of the register's next person, by their indices; empty for
    /// a person who is no case party.
    ///
    /// # Errors
    /// When the token is not beyond the last one, with its row in the register,
    /// from 0.
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

    /// How many tokens of the register were looked at.
    pub fn tokens(&self) -> u64 {
        self.tokens
    }
}

/// A register joined with the case parties: of its persons who are one the case
/// rows and the outcomes, of the others their number.
#[derive(Debug)]
pub struct JoinedRegister {
    origin: Origin,
    case_rows: Vec<Range<usize>>,
    unmatched: u64,
    outcomes: OutcomeColumns,
}

impl JoinedRegister {
    /// Joins a register that lies in memory.
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

    /// Joins a register's token file. Every token is looked at; outcomes are read
    /// of case parties alone.
    ///
    /// # Errors
    /// See [`TokenFileFault`]; a token out of order or twice is refused wherever
    /// it stands.
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
        // The footer said so before; it may not have told the truth.
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

    /// Where the register comes from.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// For each person who is a case party, in token order, the case rows.
    pub fn case_rows(&self) -> &[Range<usize>] {
        &self.case_rows
    }

    /// How many persons of the register are a case party.
    pub fn matched(&self) -> u64 {
        self.case_rows.len() as u64
    }

    /// How many are not.
    pub fn unmatched(&self) -> u64 {
        self.unmatched
    }

    /// The outcomes of the persons who are a case party, in the same order.
    pub fn outcomes(&self) -> &OutcomeColumns {
        &self.outcomes
    }
}

#[cfg(test)]
#[expect(
    clippy::single_range_in_vec_init,
    reason = "case rows of a person are a range"
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

    /// The case rows of each token of the register, or the fault.
    fn walked(cases: &[u8], register: &[u8]) -> Result<Vec<Range<usize>>, TableFault> {
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

    /// The case rows of those who are a case party.
    fn hits(cases: &[u8], register: &[u8]) -> Vec<Range<usize>> {
        let rows = walked(cases, register).expect("ascending tokens");
        rows.into_iter().filter(|rows| !rows.is_empty()).collect()
    }

    /// What a join is, without the walk.
    fn searched(cases: &[u8], register: &[u8]) -> Vec<Range<usize>> {
        let found = register.iter().filter_map(|byte| {
            let first = cases.iter().position(|case| case == byte)?;
            Some(first..first + cases.iter().filter(|case| *case == byte).count())
        });
        found.collect()
    }

    #[test]
    fn case_rows_are_found_at_the_ends_in_the_middle_and_several_for_a_person() {
        for (cases, register, expected) in [
            // Empty sides.
            (&[][..], &[][..], vec![]),
            (&[1, 2], &[], vec![]),
            (&[], &[1, 2], vec![]),
            // None, and all.
            (&[2, 4, 6], &[1, 3, 5, 7], vec![]),
            (&[1, 2, 3], &[1, 2, 3], vec![0..1, 1..2, 2..3]),
            // The first and the last.
            (&[1, 5, 9], &[1, 4, 6, 9], vec![0..1, 2..3]),
            (&[5], &[1, 5, 9], vec![0..1]),
            (&[1, 5, 9], &[5], vec![1..2]),
            // Repeats on the side of the cases.
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
    fn every_small_join_finds_what_a_search_finds() {
        // Each of four tokens stands not at all, once or twice among the cases,
        // and not at all or once in the register.
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
                assert_eq!(walked(cases, register), Err(fault.clone()));
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
        match (usize::from(byte) + rule) % 3 {
            0 => Outcome::Yes,
            1 => Outcome::Unknown,
            _ => Outcome::No,
        }
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

    /// A register's file with so many rows in a row group.
    fn file(bytes: &[u8], group: usize, sent: u64) -> RegisterReader {
        let head = TokenFileHead {
            origin: origin(VETERANS),
            schema_digest: "1".repeat(64),
            sources: Vec::new(),
            account: SentAccount {
                rows: sent,
                sent,
                ..SentAccount::default()
            },
        };
        let written = tempfile::tempfile().expect("a temporary file");
        let mut writer = TokenFileWriter::begin(written, &RULES).expect("room");
        for byte in bytes {
            let outcomes = (0..RULES.len()).map(|rule| outcome(*byte, rule));
            writer.push(token(*byte), outcomes).expect("room");
        }
        let written = writer.finish(&head).expect("room");
        // The same rows in small row groups.
        let reader = ParquetRecordBatchReaderBuilder::try_new(written).expect("a good file");
        let properties = WriterProperties::builder()
            .set_max_row_group_row_count(Some(group))
            .set_key_value_metadata(Some(vec![KeyValue {
                key: METADATA_KEY.to_owned(),
                value: Some(head.to_line()),
            }]))
            .build();
        let grouped = tempfile::tempfile().expect("a temporary file");
        let schema = reader.schema().clone();
        let mut writer = ArrowWriter::try_new(grouped, schema, Some(properties)).expect("room");
        for batch in reader.build().expect("a good file") {
            writer.write(&batch.expect("a good file")).expect("room");
        }
        let mut grouped: File = writer.into_inner().expect("room");
        grouped.seek(SeekFrom::Start(0)).expect("a file");
        let rules = |_: &str| RULES.map(str::to_owned).to_vec();
        let opened = TokenFile::open(grouped, rules).expect("a good file");
        opened.into_register()
    }

    #[test]
    fn what_is_written_is_read_and_only_persons_who_are_a_party_are_kept() {
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
            // A table and a file, whatever its row groups.
            let table = CaseTable::new(
                origin(CASE_EXPORT),
                tokens(cases),
                OutcomeColumns::default(),
            )
            .expect("ascending tokens");
            let in_memory =
                RegisterTable::new(origin(VETERANS), tokens(&register), columns(&register));
            let in_memory = in_memory.expect("ascending tokens");
            check(JoinedRegister::of_table(&table, &in_memory).expect("ascending tokens"));
            for group in [1, 2, 4, 100] {
                let reader = file(&register, group, 5);
                assert_eq!(reader.row_groups(), 5_usize.div_ceil(group));
                check(JoinedRegister::of_file(table.tokens(), reader).expect("a good file"));
            }
        }
    }

    #[test]
    fn a_token_out_of_order_or_twice_is_refused_wherever_it_stands() {
        for (register, words) in [
            ([1, 5, 3], "is not sorted by token (row 2)"),
            ([1, 3, 3], "stands twice in the token table (row 2)"),
        ] {
            // Also where the row group changes, and where nobody is a case party.
            for (group, cases) in [(1, vec![]), (2, vec![token(200)]), (3, vec![token(3)])] {
                let joined = JoinedRegister::of_file(&cases, file(&register, group, 3));
                let told = joined.map(|_| ()).map_err(|fault| fault.text().en);
                assert!(
                    told.as_ref().is_err_and(|told| told.contains(words)),
                    "{told:?}"
                );
            }
        }
    }
}
