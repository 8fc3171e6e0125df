//! Token files, which agencies send to the centre. A token file is a Parquet
//! file with a column `token` of 16 bytes, ascending, and one column of unsigned
//! 8-bit integers for each rule (0 no, 1 unknown, 2 indicated, 3 yes). The file's metadata hold
//! its head under one key. docs/formats.md is the reference.

mod fault;
mod head;

use std::fs::File;
use std::io::Write;
use std::marker::PhantomData;
use std::ops::Range;
use std::sync::Arc;

use arrow_array::builder::{FixedSizeBinaryBuilder, UInt8Builder};
use arrow_array::{Array, ArrayRef, FixedSizeBinaryArray, RecordBatch, UInt8Array};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader,
    ParquetRecordBatchReaderBuilder,
};
use parquet::arrow::{ArrowWriter, ProjectionMask};
use parquet::basic::{Compression, Encoding};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::schema::types::ColumnPath;

use crate::outcome::Outcome;
use crate::token::Token;
use crate::token_table::{CASE_EXPORT, CaseTable, OutcomeColumns};
use aidlink_files::document::{Document as _, DocumentFault};
use aidlink_files::guarded::guarded;
use aidlink_files::parquet_file::{Footer, ParquetFile};

pub use fault::TokenFileFault;
pub use head::{SentAccount, SourceFile, TokenFileHead};

/// The metadata key of the head.
pub const METADATA_KEY: &str = "aidlink";
/// The token column.
const TOKEN: &str = "token";
/// Length of a token in bytes, in the type that Arrow uses.
const WIDTH: i32 = Token::LENGTH as i32;
const ROWS_A_BATCH: usize = 16 * 1024;
/// A token file may have this many rows, or as many as it has bytes. Tokens are random
/// bytes and take sixteen, so an honest file has far fewer.
const ALWAYS_READ_ROWS: u64 = 1 << 20;

/// Writes a token file row by row.
pub struct TokenFileWriter<W: Write + Send> {
    writer: ArrowWriter<W>,
    schema: SchemaRef,
    tokens: FixedSizeBinaryBuilder,
    outcomes: Vec<UInt8Builder>,
    rows: usize,
}

impl<W: Write + Send> TokenFileWriter<W> {
    /// Starts a file with columns for these rules, in the policy's order.
    ///
    /// # Errors
    /// When the output cannot be written.
    pub fn begin(output: W, rules: &[&str]) -> Result<Self, ParquetError> {
        let token = Field::new(TOKEN, DataType::FixedSizeBinary(WIDTH), false);
        let outcomes = rules
            .iter()
            .map(|rule| Field::new(*rule, DataType::UInt8, false));
        let fields: Vec<Field> = std::iter::once(token).chain(outcomes).collect();
        let schema = Arc::new(Schema::new(fields));
        let token_column = ColumnPath::from(TOKEN);
        let properties = WriterProperties::builder()
            .set_created_by("aidlink".to_owned())
            .set_compression(Compression::ZSTD(Default::default()))
            // Tokens are random bytes and do not compress.
            .set_column_compression(token_column.clone(), Compression::UNCOMPRESSED)
            .set_column_encoding(token_column.clone(), Encoding::PLAIN)
            .set_column_dictionary_enabled(token_column, false)
            .build();
        let writer = ArrowWriter::try_new(output, Arc::clone(&schema), Some(properties))?;
        Ok(TokenFileWriter {
            writer,
            schema,
            tokens: FixedSizeBinaryBuilder::with_capacity(ROWS_A_BATCH, WIDTH),
            outcomes: rules.iter().map(|_| UInt8Builder::new()).collect(),
            rows: 0,
        })
    }

    /// Adds a row: a token that is not smaller than the last one, and one
    /// outcome for each rule.
    ///
    /// # Errors
    /// When the output cannot be written.
    pub fn push(
        &mut self,
        token: Token,
        outcomes: impl IntoIterator<Item = Outcome>,
    ) -> Result<(), ParquetError> {
        self.tokens.append_value(token.as_bytes())?;
        for (column, outcome) in self.outcomes.iter_mut().zip(outcomes) {
            column.append_value(outcome.code());
        }
        self.rows += 1;
        if self.rows == ROWS_A_BATCH {
            self.write_batch()?;
        }
        Ok(())
    }

    fn write_batch(&mut self) -> Result<(), ParquetError> {
        let tokens: ArrayRef = Arc::new(self.tokens.finish());
        let outcomes = self
            .outcomes
            .iter_mut()
            .map(|column| Arc::new(column.finish()) as ArrayRef);
        let columns: Vec<ArrayRef> = std::iter::once(tokens).chain(outcomes).collect();
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), columns)?;
        self.rows = 0;
        self.writer.write(&batch)
    }

    /// Writes the remaining rows and the head, and returns the output.
    ///
    /// # Errors
    /// When the output cannot be written.
    pub fn finish(mut self, head: &TokenFileHead) -> Result<W, ParquetError> {
        if self.rows > 0 {
            self.write_batch()?;
        }
        self.writer.append_key_value_metadata(KeyValue {
            key: METADATA_KEY.to_owned(),
            value: Some(head.to_line()),
        });
        self.writer.into_inner()
    }
}

/// A token file whose head was read and whose columns match the policy.
pub struct TokenFile {
    head: TokenFileHead,
    rules: Vec<String>,
    file: File,
    metadata: ArrowReaderMetadata,
}

impl TokenFile {
    /// Reads a file's head and checks its columns. `rules_of` returns the rules
    /// that the policy has for an export, in the policy's order.
    ///
    /// # Errors
    /// See [`TokenFileFault`].
    pub fn open(
        file: File,
        rules_of: impl Fn(&str) -> Vec<String>,
    ) -> Result<Self, TokenFileFault> {
        // A hostile file can make the reader panic.
        guarded(|| Self::open_unguarded(file, rules_of)).unwrap_or(Err(TokenFileFault::Unreadable))
    }

    fn open_unguarded(
        file: File,
        rules_of: impl Fn(&str) -> Vec<String>,
    ) -> Result<Self, TokenFileFault> {
        let footer = Footer::read(&file).map_err(|_| TokenFileFault::Unreadable)?;
        let footer = footer
            .decode(None)
            .map_err(|_| TokenFileFault::Unreadable)?;
        // The Parquet types say all that is needed.
        let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
        let metadata = ArrowReaderMetadata::try_new(footer, options)?;
        let pairs = metadata.metadata().file_metadata().key_value_metadata();
        let mut heads = pairs
            .into_iter()
            .flatten()
            .filter(|pair| pair.key == METADATA_KEY);
        let (Some(pair), None) = (heads.next(), heads.next()) else {
            return Err(TokenFileFault::Metadata(DocumentFault::OtherFormat));
        };
        let text = pair.value.as_deref().unwrap_or_default();
        let head = TokenFileHead::parse(text.as_bytes()).map_err(TokenFileFault::Metadata)?;
        if !head.is_well_formed() {
            return Err(TokenFileFault::Identifiers);
        }
        let rules = rules_of(&head.origin.export);
        check_columns(metadata.schema(), &rules)?;
        // Check the stated number of rows before reading them: a small file can
        // unpack to one row repeated without end.
        let footer = metadata.metadata();
        let rows = u64::try_from(footer.file_metadata().num_rows()).unwrap_or(u64::MAX);
        let fits = match is_of_case_parties(&head) {
            true => rows == head.account.sent,
            false => rows <= head.account.sent,
        };
        if !head.account.adds_up() || !fits {
            return Err(TokenFileFault::Account);
        }
        let length = file
            .metadata()
            .map_err(|_| TokenFileFault::Unreadable)?
            .len();
        if rows > length.max(ALWAYS_READ_ROWS) {
            return Err(TokenFileFault::Unreadable);
        }
        Ok(TokenFile {
            head,
            rules,
            file,
            metadata,
        })
    }

    /// Returns the head.
    pub fn head(&self) -> &TokenFileHead {
        &self.head
    }

    /// Reads all rows as the table of the case parties.
    ///
    /// # Errors
    /// See [`TokenFileFault`].
    pub fn read_cases(self) -> Result<CaseTable, TokenFileFault> {
        guarded(|| self.read_cases_unguarded()).unwrap_or(Err(TokenFileFault::Unreadable))
    }

    fn read_cases_unguarded(self) -> Result<CaseTable, TokenFileFault> {
        let mut tokens: Vec<Token> = Vec::new();
        let rules = self.rules.iter();
        let columns = rules.map(|rule| (rule.clone(), Vec::new()));
        let mut outcomes = OutcomeColumns(columns.collect());
        for batch in self.all_columns()?.build()? {
            let batch = batch.map_err(|_| TokenFileFault::Unreadable)?;
            if (tokens.len() + batch.num_rows()) as u64 > self.head.account.sent {
                return Err(TokenFileFault::Account);
            }
            let (token_column, outcome_columns) = batch
                .columns()
                .split_first()
                .ok_or(TokenFileFault::TokenColumn)?;
            tokens.extend(tokens_of(token_column)?);
            let all = 0..batch.num_rows();
            take_outcomes(outcome_columns, std::slice::from_ref(&all), &mut outcomes)?;
        }
        if tokens.len() as u64 != self.head.account.sent {
            return Err(TokenFileFault::Account);
        }
        Ok(CaseTable::new(self.head.origin, tokens, outcomes)?)
    }

    /// Converts to a reader of a register's file, which reads row group by row
    /// group.
    pub fn into_register(self) -> RegisterReader {
        RegisterReader { file: self }
    }

    /// Returns a builder for a reader of all columns. Readers share one file
    /// position, so finish one before using the next.
    fn all_columns(&self) -> Result<ParquetRecordBatchReaderBuilder<ParquetFile>, TokenFileFault> {
        let file = self
            .file
            .try_clone()
            .map_err(|_| TokenFileFault::Unreadable)?;
        let file = ParquetFile::new(file).map_err(|_| TokenFileFault::Unreadable)?;
        let metadata = self.metadata.clone();
        let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata);
        Ok(builder.with_batch_size(ROWS_A_BATCH))
    }
}

fn check_columns(schema: &Schema, rules: &[String]) -> Result<(), TokenFileFault> {
    let mut fields = schema.fields().iter();
    let token = fields.next().is_some_and(|field| {
        field.name() == TOKEN && *field.data_type() == DataType::FixedSizeBinary(WIDTH)
    });
    if !token {
        return Err(TokenFileFault::TokenColumn);
    }
    let columns: Vec<&Arc<Field>> = fields.collect();
    if let Some(missing) = rules
        .iter()
        .find(|rule| !columns.iter().any(|field| field.name() == *rule))
    {
        return Err(TokenFileFault::RuleMissing(missing.clone()));
    }
    for (index, field) in columns.iter().enumerate() {
        if !rules.contains(field.name()) {
            // The token column comes first, and positions count from 1.
            return Err(TokenFileFault::ColumnBeyondPolicy(index + 2));
        }
        if rules.get(index) != Some(field.name()) {
            return Err(TokenFileFault::Order);
        }
        if *field.data_type() != DataType::UInt8 {
            return Err(TokenFileFault::NotOutcomes(field.name().clone()));
        }
    }
    Ok(())
}

/// Reads a register's token file one row group at a time: first the tokens,
/// then, on request, the outcomes of selected rows. The caller selects the rows
/// and checks the order of the tokens.
pub struct RegisterReader {
    file: TokenFile,
}

impl RegisterReader {
    /// Returns the head of the file.
    pub fn head(&self) -> &TokenFileHead {
        &self.file.head
    }

    /// Returns the number of row groups in the file.
    pub fn row_groups(&self) -> usize {
        self.file.metadata.metadata().num_row_groups()
    }

    /// Returns empty outcome columns, one for each rule.
    pub fn no_outcomes(&self) -> OutcomeColumns {
        let rules = self.file.rules.iter();
        OutcomeColumns(rules.map(|rule| (rule.clone(), Vec::new())).collect())
    }

    /// Returns the tokens of a row group in batches. The borrow prevents other
    /// reads of the file until the batches are dropped.
    ///
    /// # Errors
    /// When the file is damaged.
    pub fn tokens(&mut self, group: usize) -> Result<TokenBatches<'_>, TokenFileFault> {
        let reader = self.reader(group, std::iter::once(TOKEN))?;
        Ok(TokenBatches {
            reader: Some(reader),
            _file: PhantomData,
        })
    }

    /// Appends the outcomes of the selected rows of a row group to `outcomes`,
    /// whose columns must be those of [`no_outcomes`](Self::no_outcomes). Those of the other
    /// rows are checked, too.
    ///
    /// # Errors
    /// When the file is damaged.
    pub fn read_outcomes(
        &mut self,
        group: usize,
        rows: SelectedRows,
        outcomes: &mut OutcomeColumns,
    ) -> Result<(), TokenFileFault> {
        // Every group has as many tokens as its footer says, and as many outcomes. Otherwise
        // outcomes would be missing of some rows, and only those of selected rows would be missed.
        let of_footer = self.file.metadata.metadata().row_group(group).num_rows();
        if u64::try_from(of_footer) != Ok(rows.all as u64) {
            return Err(TokenFileFault::Unreadable);
        }
        let rules = &self.file.rules;
        if rules.is_empty() {
            return Ok(());
        }
        // Every row is read, and the file is refused for each one alike. Otherwise its agency,
        // which can damage a single row, would learn from the answer whose rows were selected.
        let reader = self.reader(group, rules.iter().map(String::as_str))?;
        let mut read = 0;
        let read_all = || {
            for batch in reader {
                let batch = batch.map_err(|_| TokenFileFault::Unreadable)?;
                let of_batch = read..read + batch.num_rows();
                if of_batch.end > rows.all {
                    return Err(TokenFileFault::Unreadable);
                }
                read = of_batch.end;
                let selected: Vec<Range<usize>> = rows.within(of_batch).collect();
                take_outcomes(batch.columns(), &selected, outcomes)?;
            }
            match read == rows.all {
                true => Ok(()),
                false => Err(TokenFileFault::Unreadable),
            }
        };
        guarded(read_all).unwrap_or(Err(TokenFileFault::Unreadable))
    }

    fn reader<'n>(
        &self,
        group: usize,
        columns: impl Iterator<Item = &'n str>,
    ) -> Result<ParquetRecordBatchReader, TokenFileFault> {
        let schema = self.file.metadata.parquet_schema();
        let columns = ProjectionMask::columns(schema, columns);
        let built = guarded(|| {
            let reader = self.file.all_columns()?.with_row_groups(vec![group]);
            Ok(reader.with_projection(columns).build()?)
        });
        built.unwrap_or(Err(TokenFileFault::Unreadable))
    }
}

/// The rows of a row group, of which some are selected.
#[derive(Default)]
pub struct SelectedRows {
    /// In ascending order, with rows that are not selected between them.
    selected: Vec<Range<usize>>,
    /// Number of rows, selected or not.
    all: usize,
}

impl SelectedRows {
    /// Adds the next row, selected or not.
    #[inline]
    pub fn push(&mut self, is_selected: bool) {
        let row = self.all;
        self.all += 1;
        match self.selected.last_mut() {
            _ if !is_selected => {}
            Some(last) if last.end == row => last.end = self.all,
            _ => self.selected.push(row..self.all),
        }
    }

    /// Returns the selected rows among these, counted from the first of them.
    fn within(&self, rows: Range<usize>) -> impl Iterator<Item = Range<usize>> {
        let first = self.selected.partition_point(|part| part.end <= rows.start);
        let parts = self.selected.iter().skip(first);
        let parts = parts.take_while(move |part| part.start < rows.end);
        parts.map(move |part| {
            let (start, end) = (part.start.max(rows.start), part.end.min(rows.end));
            start - rows.start..end - rows.start
        })
    }
}

/// Iterates over the tokens of a row group in batches.
pub struct TokenBatches<'r> {
    /// `None` at the end and after a fault.
    reader: Option<ParquetRecordBatchReader>,
    /// Readers of one file share its position.
    _file: PhantomData<&'r mut RegisterReader>,
}

impl Iterator for TokenBatches<'_> {
    type Item = Result<Vec<Token>, TokenFileFault>;

    fn next(&mut self) -> Option<Self::Item> {
        // Take the reader, so that it is not used again after a panic.
        let mut reader = self.reader.take()?;
        let read = guarded(move || {
            let batch = reader.next()?;
            let tokens = batch
                .map_err(|_| TokenFileFault::Unreadable)
                .and_then(|batch| Ok(tokens_of(batch.column(0))?.collect()));
            Some((tokens, reader))
        });
        match read {
            None => Some(Err(TokenFileFault::Unreadable)),
            Some(None) => None,
            Some(Some((tokens, reader))) => {
                self.reader = tokens.is_ok().then_some(reader);
                Some(tokens)
            }
        }
    }
}

fn tokens_of(column: &ArrayRef) -> Result<impl Iterator<Item = Token>, TokenFileFault> {
    let tokens = column
        .as_any()
        .downcast_ref::<FixedSizeBinaryArray>()
        .filter(|tokens| tokens.null_count() == 0 && tokens.value_length() == WIDTH)
        .ok_or(TokenFileFault::TokenColumn)?;
    // The width was checked above, so nothing is left over.
    let (tokens, _) = tokens.value_data().as_chunks();
    Ok(tokens.iter().copied().map(Token::from_bytes))
}

/// Appends the outcomes of the selected rows, and checks those of all.
fn take_outcomes(
    columns: &[ArrayRef],
    selected: &[Range<usize>],
    outcomes: &mut OutcomeColumns,
) -> Result<(), TokenFileFault> {
    for ((rule, outcomes), column) in outcomes.0.iter_mut().zip(columns) {
        let column = column
            .as_any()
            .downcast_ref::<UInt8Array>()
            .filter(|column| column.null_count() == 0)
            .ok_or_else(|| TokenFileFault::NotOutcomes(rule.clone()))?;
        let codes: &[u8] = column.values();
        // The codes are 0 to 3. All bits of all rows at once: the compiler then compares many
        // rows with one instruction.
        let bits = codes.iter().fold(0, |bits, code| bits | code);
        if Outcome::of_code(bits).is_none() {
            return Err(TokenFileFault::NotOutcomes(rule.clone()));
        }
        let selected = selected.iter().filter_map(|rows| codes.get(rows.clone()));
        outcomes.extend(
            selected
                .flatten()
                .filter_map(|code| Outcome::of_code(*code)),
        );
    }
    Ok(())
}

/// Returns whether a head belongs to the export of case parties.
pub fn is_of_case_parties(head: &TokenFileHead) -> bool {
    head.origin.export == CASE_EXPORT
}

#[cfg(test)]
mod tests {
    use arrow_array::{BinaryArray, BooleanArray, Int32Array, StringArray};
    use jiff::civil::Date;
    use parquet::file::metadata::{PageIndexPolicy, ParquetMetaDataReader, ParquetMetaDataWriter};
    use std::io::{Seek, SeekFrom};

    use super::*;
    use crate::token::TokenAlgorithm;
    use crate::token_table::Origin;

    const VETERANS: &str = "veterans.persons";

    /// The columns of a file, by name.
    type Columns = Vec<(String, ArrayRef)>;

    /// The same rules for every export.
    fn rules_of(_export: &str) -> Vec<String> {
        ["veteran_entitled", "veteran_disabled", "veteran_in_need"]
            .map(str::to_owned)
            .into()
    }

    fn head(export: &str, sent: u64) -> TokenFileHead {
        TokenFileHead {
            origin: Origin {
                round: "2026Q3".into(),
                as_of: Date::constant(2026, 9, 30),
                policy_digest: "0".repeat(64),
                key_id: "0".repeat(16),
                algorithm: TokenAlgorithm::HmacSm3,
                export: export.into(),
                snapshot: Date::constant(2026, 9, 28),
            },
            schema_digest: "1".repeat(64),
            reading_digest: None,
            fields_missing: Vec::new(),
            sources: vec![SourceFile {
                digest: "2".repeat(64),
                byte_length: 7,
            }],
            account: SentAccount {
                rows: sent + 6,
                rejected: 1,
                withheld: 2,
                without_outcome: 3,
                sent,
            },
            asks_who_receives: false,
        }
    }

    fn token(byte: u8) -> Token {
        Token::from_bytes([byte; Token::LENGTH])
    }

    fn outcomes(row: u8, rules: usize) -> Vec<Outcome> {
        let of = |rule: usize| Outcome::ALL[(usize::from(row) + rule) % 4];
        (0..rules).map(of).collect()
    }

    /// Writes a file with these tokens.
    fn written(bytes: &[u8], head: &TokenFileHead) -> File {
        let rules = rules_of(&head.origin.export);
        let rules: Vec<&str> = rules.iter().map(String::as_str).collect();
        let file = tempfile::tempfile().expect("a temporary file");
        let mut writer = TokenFileWriter::begin(file, &rules).expect("a writable file");
        for byte in bytes {
            let outcomes = outcomes(*byte, rules.len());
            writer
                .push(token(*byte), outcomes)
                .expect("a writable file");
        }
        let mut file = writer.finish(head).expect("a writable file");
        file.seek(SeekFrom::Start(0)).expect("a file");
        file
    }

    /// Writes a file with these columns and this head.
    fn with_columns(columns: Columns, head: Option<&TokenFileHead>) -> File {
        let columns = columns
            .into_iter()
            .map(|(name, column)| (name, column, true));
        let batch = RecordBatch::try_from_iter_with_nullable(columns).expect("equal columns");
        let file = tempfile::tempfile().expect("a temporary file");
        let compressed = WriterProperties::builder()
            .set_compression(Compression::ZSTD(Default::default()))
            .build();
        let writer = ArrowWriter::try_new(file, batch.schema(), Some(compressed));
        let mut writer = writer.expect("a writable file");
        writer.write(&batch).expect("a writable file");
        if let Some(head) = head {
            writer.append_key_value_metadata(KeyValue {
                key: METADATA_KEY.to_owned(),
                value: Some(head.to_line()),
            });
        }
        let mut file = writer.into_inner().expect("a writable file");
        file.seek(SeekFrom::Start(0)).expect("a file");
        file
    }

    fn refused(file: File) -> String {
        match TokenFile::open(file, rules_of) {
            Ok(_) => "accepted".to_owned(),
            Err(fault) => fault.text().en,
        }
    }

    #[test]
    fn written_rows_are_read_back_all_or_selected() {
        let bytes = [1, 2, 3, 7, 9];
        let head = head(VETERANS, 5);
        let opened = TokenFile::open(written(&bytes, &head), rules_of).expect("a valid file");
        assert_eq!(*opened.head(), head);
        let mut register = opened.into_register();
        assert_eq!(register.row_groups(), 1);
        let batches = register.tokens(0).expect("a valid file");
        let batches: Result<Vec<_>, _> = batches.collect();
        assert_eq!(batches.expect("a valid file").concat(), bytes.map(token));
        for selected in 0..1_u32 << bytes.len() {
            let is_selected = |row: &usize| selected >> row & 1 == 1;
            let mut rows = SelectedRows::default();
            (0..bytes.len()).for_each(|row| rows.push(is_selected(&row)));
            let mut read = register.no_outcomes();
            let done = register.read_outcomes(0, rows, &mut read);
            done.expect("a valid file");
            for (index, rule) in rules_of(VETERANS).iter().enumerate() {
                let expected: Vec<Outcome> = (0..bytes.len())
                    .filter(is_selected)
                    .map(|row| outcomes(bytes[row], 3)[index])
                    .collect();
                assert_eq!(read.of(rule), Some(expected.as_slice()));
            }
        }
        // Case parties: all rows are read, and a token may repeat.
        let head = self::head(CASE_EXPORT, 3);
        let file = written(&[4, 4, 6], &head);
        let cases = TokenFile::open(file, rules_of).and_then(TokenFile::read_cases);
        assert_eq!(cases.expect("a valid file").tokens(), [4, 4, 6].map(token));
    }

    /// Writes a file with a page for each row, and takes the last page from some columns: its
    /// footer says that they end earlier. The file is otherwise as it should be.
    fn without_last_page(bytes: &[u8], cut: impl Fn(usize) -> bool) -> File {
        let head = head(VETERANS, bytes.len() as u64);
        let rules = rules_of(VETERANS);
        let tokens = bytes.iter().map(|byte| [*byte; 16]);
        let tokens: ArrayRef =
            Arc::new(FixedSizeBinaryArray::try_from_iter(tokens).expect("16 bytes"));
        let mut columns: Vec<(&str, ArrayRef, bool)> = vec![(TOKEN, tokens, false)];
        for (index, rule) in rules.iter().enumerate() {
            let codes = bytes.iter().map(|row| outcomes(*row, 3)[index].code());
            columns.push((rule, Arc::new(UInt8Array::from_iter_values(codes)), false));
        }
        let batch = RecordBatch::try_from_iter_with_nullable(columns).expect("equal columns");
        let properties = WriterProperties::builder()
            .set_dictionary_enabled(false)
            .set_data_page_row_count_limit(1)
            .set_write_batch_size(1)
            .build();
        let file = tempfile::tempfile().expect("a temporary file");
        let copy = file.try_clone().expect("a temporary file");
        let mut writer =
            ArrowWriter::try_new(copy, batch.schema(), Some(properties)).expect("a writable file");
        writer.write(&batch).expect("a writable file");
        writer.append_key_value_metadata(KeyValue {
            key: METADATA_KEY.to_owned(),
            value: Some(head.to_line()),
        });
        writer.close().expect("a writable file");
        let read = ParquetMetaDataReader::new()
            .with_page_index_policy(PageIndexPolicy::Required)
            .parse_and_finish(&file)
            .expect("a valid file");
        let pages = read.offset_index().expect("pages are listed")[0].clone();
        let group = read.row_group(0);
        let chunks = group.columns().iter().zip(&pages).enumerate();
        let chunks = chunks.map(|(index, (chunk, pages))| {
            let pages = pages.page_locations();
            assert_eq!(pages.len(), bytes.len());
            let last = pages.last().expect("a page").compressed_page_size;
            let bytes = chunk.compressed_size() - i64::from(if cut(index) { last } else { 0 });
            let chunk = chunk.clone().into_builder();
            let chunk = chunk
                .set_total_compressed_size(bytes)
                .set_offset_index_offset(None)
                .set_offset_index_length(None)
                .set_column_index_offset(None)
                .set_column_index_length(None);
            chunk.build().expect("a column")
        });
        let group = group.clone().into_builder();
        let group = group.set_column_metadata(chunks.collect()).build();
        let changed = read.into_builder();
        let changed = changed
            .set_offset_index(None)
            .set_column_index(None)
            .set_row_groups(vec![group.expect("a row group")])
            .build();
        let mut file = file;
        file.seek(SeekFrom::End(0)).expect("a file");
        ParquetMetaDataWriter::new(&mut file, &changed)
            .finish()
            .expect("a writable file");
        file
    }

    /// Whoever sends the file would otherwise learn whether somebody is a case party from whether
    /// it is refused.
    #[test]
    fn columns_that_end_early_are_refused_whoever_is_selected() {
        let bytes = [1, 2, 3, 7, 9];
        let outcome = |cut: &dyn Fn(usize) -> bool, selected: u32| {
            let file = without_last_page(&bytes, cut);
            let mut register = TokenFile::open(file, rules_of)?.into_register();
            let tokens: Result<Vec<_>, _> = register.tokens(0)?.collect();
            let mut rows = SelectedRows::default();
            for row in 0..tokens?.concat().len() {
                rows.push(selected >> row & 1 == 1);
            }
            let mut read = register.no_outcomes();
            register.read_outcomes(0, rows, &mut read)
        };
        for cut in 0..1_u32 << 4 {
            let is_cut = |column: usize| cut >> column & 1 == 1;
            for selected in 0..1_u32 << bytes.len() {
                let read = outcome(&is_cut, selected);
                assert_eq!(read.is_ok(), cut == 0, "{cut:b} {selected:b}");
            }
        }
    }

    #[test]
    fn wrong_columns_and_figures_are_reported_by_name() {
        let head = head(VETERANS, 2);
        let rules = rules_of(VETERANS);
        let tokens = || -> ArrayRef {
            let tokens = [[1_u8; 16], [2; 16]];
            Arc::new(FixedSizeBinaryArray::try_from_iter(tokens.into_iter()).expect("16 bytes"))
        };
        let outcomes = || -> ArrayRef { Arc::new(UInt8Array::from(vec![3, 0])) };
        let good = || -> Columns {
            let rules = rules.iter().map(|rule| (rule.clone(), outcomes()));
            std::iter::once(("token".to_owned(), tokens()))
                .chain(rules)
                .collect()
        };
        assert_eq!(refused(with_columns(good(), Some(&head))), "accepted");
        let with = |change: &dyn Fn(&mut Columns)| {
            let mut columns = good();
            change(&mut columns);
            refused(with_columns(columns, Some(&head)))
        };
        let narrow: ArrayRef = Arc::new(
            FixedSizeBinaryArray::try_from_iter([[1_u8; 8], [2; 8]].into_iter()).expect("8 bytes"),
        );
        let variable: ArrayRef = Arc::new(BinaryArray::from_vec(vec![&[1; 16], &[2; 16]]));
        for tokens in [narrow, variable] {
            assert!(with(&|columns| columns[0].1 = Arc::clone(&tokens)).contains("16 bytes wide"));
        }
        let first = &rules[0];
        let message = with(&|columns| drop(columns.remove(1)));
        assert_eq!(message, format!("the column for rule {first} is missing"));
        let names: ArrayRef = Arc::new(StringArray::from(vec!["甲", "乙"]));
        let message = with(&|columns| columns.push(("name".to_owned(), Arc::clone(&names))));
        assert!(
            message.contains("column 5 is not a rule of the policy") && !message.contains("name"),
            "{message}"
        );
        let message = with(&|columns| columns.swap(1, 2));
        assert!(message.contains("not in the policy's order"), "{message}");
        let no_outcomes = format!(
            "the column `{first}` does not hold outcomes (unsigned 8-bit integers from 0 to 3)"
        );
        let others: [ArrayRef; 2] = [
            Arc::new(Int32Array::from(vec![1, 0])),
            // What version 1 of the format had.
            Arc::new(BooleanArray::from(vec![Some(true), None])),
        ];
        for other in others {
            let message = with(&|columns| columns[1].1 = Arc::clone(&other));
            assert_eq!(message, no_outcomes);
        }

        // Missing outcomes and numbers that are no outcome are found when they are read.
        let not_outcomes: [ArrayRef; 2] = [
            Arc::new(UInt8Array::from(vec![Some(3), None])),
            Arc::new(UInt8Array::from(vec![3, 4])),
        ];
        for not_outcomes in not_outcomes {
            let mut columns = good();
            columns[1].1 = not_outcomes;
            let file = with_columns(columns, Some(&head));
            let opened = TokenFile::open(file, rules_of).expect("a valid head");
            let fault = opened.read_cases().expect_err("not outcomes");
            assert_eq!(fault.text().en, no_outcomes);
        }

        // Null tokens are found when the tokens are read.
        let mut with_null = FixedSizeBinaryBuilder::new(WIDTH);
        with_null.append_value([1; 16]).expect("16 bytes");
        with_null.append_null();
        let mut columns = good();
        columns[0].1 = Arc::new(with_null.finish());
        let opened = TokenFile::open(with_columns(columns, Some(&head)), rules_of);
        let mut register = opened.map(TokenFile::into_register).expect("a valid head");
        let mut batches = register.tokens(0).expect("a valid head");
        let fault = batches.next().and_then(Result::err);
        assert!(fault.is_some_and(|fault| fault.text().en.contains("empty cells")));
        assert!(batches.next().is_none());

        // Metadata and figures.
        assert!(refused(with_columns(good(), None)).contains("metadata"));
        let mut named = head.clone();
        named.origin.key_id = "张某".to_owned();
        let message = refused(with_columns(good(), Some(&named)));
        assert_eq!(
            message,
            "a digest or the key id in the file's metadata is malformed"
        );
        for (rows, sent) in [(8, 1), (9, 2)] {
            let mut wrong = head.clone();
            (wrong.account.rows, wrong.account.sent) = (rows, sent);
            let message = refused(with_columns(good(), Some(&wrong)));
            assert!(message.contains("does not add up"), "{message}");
        }
        let mut cut = good();
        cut.truncate(1);
        let file = tempfile::tempfile().expect("a temporary file");
        assert!(refused(file).contains("damaged, truncated"));
    }

    #[test]
    fn a_small_file_that_repeats_a_token_without_end_is_refused() {
        for (rows, is_read) in [(1 << 20, true), ((1 << 20) + 1, false)] {
            let tokens = std::iter::repeat_n([1_u8; 16], rows);
            let tokens = FixedSizeBinaryArray::try_from_iter(tokens).expect("16 bytes");
            let outcomes: ArrayRef = Arc::new(UInt8Array::from(vec![3; rows]));
            let rules = rules_of(VETERANS).into_iter();
            let rules = rules.map(|rule| (rule, Arc::clone(&outcomes)));
            let tokens = std::iter::once(("token".to_owned(), Arc::new(tokens) as ArrayRef));
            let head = head(VETERANS, rows as u64);
            let file = with_columns(tokens.chain(rules).collect(), Some(&head));
            assert!(file.metadata().expect("a file").len() < 1 << 20);
            let opened = TokenFile::open(file, rules_of);
            assert_eq!(opened.is_ok(), is_read, "{rows} rows");
        }
    }
}
