//! Evaluates the rules on identified rows: reads the columns that rules need, drops
//! the rows that a withhold rule withholds, and then the rows whose outcomes cannot
//! lead to an aid. It makes no tokens.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use aidlink_contract::grade::Judgement;
use aidlink_contract::outcome::Outcome;
use aidlink_faults::uniform_text::bare;
use aidlink_policy::constant::Constant;
use aidlink_policy::pack::{CASE_EXPORT, Guaranteed, Policy, Rule, WhenUnknown};
use aidlink_policy::rule_language::{DERIVED_AGE, DERIVED_MINOR, DERIVED_SEX};
use aidlink_policy::schema::{ExportSchema, Field, Role};
use aidlink_policy::value::{Column, FieldType, RowBlock, Value};
use jiff::civil::Date;

use super::report::Report;
use super::row::Listed;
use super::seen_cells::SeenCells;
use crate::account::Rest;
use crate::cell::{self, ColumnForm, ValueFault};
use crate::error_value::MERGED_TEXT;
use crate::identify::OwnedRow;
use crate::label::Reading;
use crate::national_id::{NationalId, Sex};
use crate::rules::{EvaluationError, evaluate_rules};
use crate::scan::{Encoding, Export};
use crate::unmapped::{self, UnmappedLabels};

/// Number of rows that are evaluated together.
pub(super) const ROWS_PER_BLOCK: usize = 4 * 1024;

/// Which of the rows that are not withheld are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keep {
    /// Rows that may leave the agency; see [`RowColumns::may_leave`].
    WithOutcome,
    /// All rows, because the probe has already selected the case parties' rows.
    All,
}

/// A row that is kept, for tokenising.
pub(super) struct EvaluatedRow<'r> {
    pub(super) id: &'r NationalId,
    /// Outcomes, in the order of the policy's outcome rules on this export.
    pub(super) outcomes: Vec<Outcome>,
    pub(super) listed: Listed,
}

/// What the rules say of a row.
pub(super) enum JudgedRow {
    /// The withhold rule with this position withholds it.
    Withheld(usize),
    /// It is not kept.
    Stays,
    /// It is kept with these outcomes, in the order of the policy's outcome rules.
    Leaves(Vec<Outcome>),
}

/// A field that rules need and that a row states itself: in its own column, or in the number
/// of a certificate.
#[derive(Clone, Copy)]
pub(super) struct StatedAttribute<'a> {
    pub(super) field: &'a Field,
    pub(super) column: Option<usize>,
    pub(super) form: ColumnForm,
}

/// The outcomes of rules on a block of rows: a column for each rule.
struct Outcomes {
    withheld: Vec<Vec<Outcome>>,
    outcomes: Vec<Vec<Outcome>>,
    /// Whether rows with these outcomes may leave. Only few patterns of outcomes occur.
    may_leave: HashMap<Vec<Outcome>, bool>,
}

/// The cells of a block as rules see them.
struct BlockOfCells {
    block: RowBlock,
    /// For each further row of the block, the row that it is a combination of.
    rows_of_alternatives: Vec<usize>,
    encodings: Vec<Encoding>,
    /// For each row, the fields whose cells cannot be read.
    unreadable: Vec<Vec<String>>,
    /// For each case row, the positions of the fields without a value.
    empty: Vec<Vec<usize>>,
}

/// The kept rows of a block and the counts of all its rows.
pub(super) struct Evaluated<'r> {
    pub(super) rows: Vec<EvaluatedRow<'r>>,
    /// The persons of rows that are withheld because they say that the person has died.
    pub(super) dead: Vec<&'r NationalId>,
    pub(super) counts: EvaluatedCounts,
}

/// Counts from evaluating a block.
#[derive(Default)]
pub(super) struct EvaluatedCounts {
    withheld: u64,
    without_outcome: u64,
    kept: u64,
    withheld_by_rule: BTreeMap<String, u64>,
    withheld_empty: BTreeMap<String, u64>,
    withheld_unread: BTreeMap<String, u64>,
    value_faults: BTreeMap<(String, ValueFault), u64>,
    unmapped: BTreeMap<String, UnmappedLabels>,
}

impl EvaluatedCounts {
    /// Adds the counts of another block.
    pub(super) fn append(&mut self, next: Self) {
        self.withheld += next.withheld;
        self.without_outcome += next.without_outcome;
        self.kept += next.kept;
        for (rule, count) in next.withheld_by_rule {
            *self.withheld_by_rule.entry(rule).or_default() += count;
        }
        for (field, count) in next.withheld_empty {
            *self.withheld_empty.entry(field).or_default() += count;
        }
        for (field, count) in next.withheld_unread {
            *self.withheld_unread.entry(field).or_default() += count;
        }
        for (fault, count) in next.value_faults {
            *self.value_faults.entry(fault).or_default() += count;
        }
        unmapped::append(&mut self.unmapped, next.unmapped);
    }

    /// Counts rows that were not evaluated themselves: those that each withhold rule, by id,
    /// withholds, those without outcome, and those that are kept.
    pub(super) fn add_alike<'r>(
        &mut self,
        withheld: impl Iterator<Item = (&'r str, u64)>,
        without_outcome: u64,
        kept: u64,
    ) {
        for (rule, count) in withheld.filter(|(_, count)| *count > 0) {
            self.withheld += count;
            *self.withheld_by_rule.entry(rule.to_owned()).or_default() += count;
        }
        self.without_outcome += without_outcome;
        self.kept += kept;
    }

    fn add_unreadable(&mut self, field: &Field, unread: Unreadable) {
        let key = (field.name.clone(), unread.fault);
        *self.value_faults.entry(key).or_default() += 1;
        if !unread.labels.is_empty() {
            let labels = self.unmapped.entry(field.name.clone()).or_default();
            labels.add(unread.labels);
        }
    }

    pub(super) fn add_to(self, report: &mut Report) {
        report.account.withheld += self.withheld;
        match &mut report.account.rest {
            Rest::Probed { matched, .. } => *matched += self.kept,
            Rest::Evaluated {
                without_outcome,
                sent,
            } => {
                *without_outcome += self.without_outcome;
                *sent += self.kept;
            }
        }
        for (rule, count) in self.withheld_by_rule {
            *report.withheld_by_rule.entry(rule).or_default() += count;
        }
        for (field, count) in self.withheld_empty {
            *report.withheld_empty.entry(field).or_default() += count;
        }
        for (field, count) in self.withheld_unread {
            *report.withheld_unread.entry(field).or_default() += count;
        }
        for (fault, count) in self.value_faults {
            *report.value_faults.entry(fault).or_default() += count;
        }
        unmapped::append(&mut report.unmapped, self.unmapped);
    }
}

/// The columns to read and the rules to evaluate, found once per file.
pub(super) struct RowColumns<'a> {
    schema: &'a ExportSchema,
    policy: &'a Policy,
    as_of: Date,
    keep: Keep,
    encoding: Encoding,
    /// Fields that rules need.
    attributes: Vec<Attribute<'a>>,
    /// Positions in the schema of the fields that rules need and no row states.
    missing: Vec<usize>,
    /// Values that rules need and that the round file gives for every row.
    constants: Vec<&'a Constant>,
    /// Fields that lists show, with their columns; `None` if the file has no such column.
    list_fields: Vec<(&'a Field, Option<usize>)>,
    /// The fields for reviewers, with their columns.
    reviewer_fields: Vec<(&'a Field, Option<usize>)>,
    pub(super) outcome_rules: Vec<&'a Rule>,
    /// For each of the withhold rules, whether its yes says that the person has died.
    says_dead: Vec<bool>,
    withhold_rules: Vec<&'a Rule>,
    /// Fields whose columns are read.
    pub(super) read: Vec<String>,
}

/// A field that rules need.
struct Attribute<'a> {
    field: &'a Field,
    /// Its position in the schema.
    position: usize,
    /// Its column. Without one, the field is read from the certificate's number or derived.
    column: Option<usize>,
    form: ColumnForm,
    /// The field from which its value is derived, if the schema names one.
    source: Option<Source<'a>>,
}

/// A field from which another one is derived.
struct Source<'a> {
    field: &'a Field,
    form: ColumnForm,
    place: SourcePlace<'a>,
    /// The other field's code by the code of this one.
    codes: &'a BTreeMap<String, String>,
}

/// Where the value of a field is.
enum SourcePlace<'a> {
    /// In a column.
    Column(usize),
    /// In the round file.
    Constant(&'a Value),
}

impl Attribute<'_> {
    fn is_stated(&self) -> bool {
        self.column.is_some() || self.field.certificate_part.is_some() || self.source.is_some()
    }
}

impl<'a> RowColumns<'a> {
    pub(super) fn new(export: &'a Export, policy: &'a Policy, as_of: Date, keep: Keep) -> Self {
        let schema = export.schema();
        let (columns, constants) = (export.columns(), export.constants());
        let is_given = |field: &Field| constants.iter().any(|given| given.field == field.name);
        let index = |field: &Field| columns.index.get(&field.name).copied();
        let needed = policy.columns_needed(schema);
        let rules = policy.rules.iter().filter(|rule| rule.on == schema.name);
        let named_by_rules: BTreeSet<String> = rules.flat_map(Rule::columns).collect();
        let is_read = |field: &&Field| {
            let needed = match field.role {
                Role::NationalId | Role::List | Role::BirthDate => true,
                Role::Attribute => field.for_reviewers || needed.contains(&field.name),
            };
            needed && index(field).is_some()
        };
        let source_of = |field: &'a Field| {
            let from = field.derived_from.as_ref()?;
            let source = schema.field(&from.field)?;
            let given = constants.iter().find(|given| given.field == source.name);
            let place = match given {
                Some(given) => SourcePlace::Constant(&given.value),
                None => SourcePlace::Column(index(source)?),
            };
            Some(Source {
                field: source,
                form: export.form_of(source),
                place,
                codes: &from.codes,
            })
        };
        // A column from which others are derived is read where they need it.
        let needs_reading =
            |field: &Field| named_by_rules.contains(&field.name) && !is_given(field);
        let fields = schema.fields.iter().enumerate();
        let fields = fields.filter(|(_, field)| needs_reading(field));
        let attributes = fields.map(|(position, field)| Attribute {
            field,
            position,
            column: index(field),
            form: export.form_of(field),
            source: source_of(field),
        });
        let (attributes, missing): (Vec<_>, Vec<_>) = attributes.partition(Attribute::is_stated);
        RowColumns {
            schema,
            policy,
            as_of,
            keep,
            encoding: export.encoding(),
            attributes,
            missing: missing.iter().map(|attribute| attribute.position).collect(),
            constants: constants
                .iter()
                .filter(|given| needed.contains(&given.field))
                .collect(),
            list_fields: schema
                .list_fields()
                .map(|field| (field, index(field)))
                .collect(),
            reviewer_fields: schema
                .reviewer_fields()
                .map(|field| (field, index(field)))
                .collect(),
            outcome_rules: policy.outcome_rules(&schema.name).collect(),
            says_dead: says_dead(policy, schema),
            withhold_rules: policy.withhold_rules(&schema.name).collect(),
            read: schema
                .fields
                .iter()
                .filter(is_read)
                .map(|field| field.name.clone())
                .collect(),
        }
    }

    /// Reads a field of a row. Where the row has no value, a certificate's number may
    /// state it, or it is derived. Returns also the field from whose cell it was read.
    fn read<'f, 'r>(
        &self,
        attribute: &Attribute<'f>,
        encoding: Encoding,
        row: &'r OwnedRow,
        seen: &mut SeenOfAttribute<'r>,
    ) -> (&'f Field, Result<Reading, Unreadable>) {
        let Attribute { field, form, .. } = *attribute;
        let reading = match attribute.column {
            Some(column) => self.read_cell(field, form, column, encoding, row, &mut seen.of_column),
            None => Ok(of_certificate(field, row)),
        };
        match (reading, &attribute.source) {
            (Ok(Reading::Empty), Some(source)) => {
                let derived = self.derive(field, source, encoding, row, &mut seen.of_source);
                (source.field, derived)
            }
            (reading, _) => (field, reading),
        }
    }

    /// Reads a cell of a row.
    fn read_cell<'r>(
        &self,
        field: &Field,
        form: ColumnForm,
        column: usize,
        encoding: Encoding,
        row: &'r OwnedRow,
        seen: &mut SeenReadings<'r>,
    ) -> Result<Reading, Unreadable> {
        let cell = row.cells.get(column);
        let reading = seen.read(encoding, cell, || {
            let cell = encoding
                .decode(cell)
                .ok_or_else(|| Unreadable::from(ValueFault::Encoding))?;
            cell::read(self.schema, field, form, &cell).map_err(|fault| Unreadable {
                fault,
                labels: cell::unmapped_labels(self.schema, field, &cell),
            })
        });
        match reading {
            Ok(Reading::Empty) => Ok(of_certificate(field, row)),
            reading => reading,
        }
    }

    /// Derives the value of a field from another cell of the row. Several values give
    /// several. If one of them says nothing about the field, the field is not known: the
    /// others alone could make a no of it.
    fn derive<'r>(
        &self,
        field: &Field,
        source: &Source<'_>,
        encoding: Encoding,
        row: &'r OwnedRow,
        seen: &mut SeenReadings<'r>,
    ) -> Result<Reading, Unreadable> {
        let stated = match source.place {
            SourcePlace::Constant(value) => Reading::One(value.clone()),
            SourcePlace::Column(column) => {
                self.read_cell(source.field, source.form, column, encoding, row, seen)?
            }
        };
        let stated = match stated {
            Reading::Empty => Vec::new(),
            Reading::One(value) => vec![value],
            Reading::Several(values) => values,
        };
        let mut derived: Vec<Value> = Vec::new();
        for value in stated {
            let code = source.codes.get(&value.to_string());
            let Some(value) = code.and_then(|code| cell::value_of_label(field, code)) else {
                return Ok(Reading::Empty);
            };
            if !derived.contains(&value) {
                derived.push(value);
            }
        }
        Ok(match derived.len() {
            0 => Reading::Empty,
            1 => derived.pop().map_or(Reading::Empty, Reading::One),
            _ => Reading::Several(derived),
        })
    }

    /// Reads the cells that rules need.
    fn read_block(&self, rows: &[&OwnedRow], counts: &mut EvaluatedCounts) -> BlockOfCells {
        let mut block = RowBlock {
            rows: rows.len(),
            ..RowBlock::default()
        };
        let encodings: Vec<Encoding> = rows
            .iter()
            .map(|row| row.cells.encoding(self.encoding))
            .collect();
        let mut unreadable: Vec<Vec<String>> = vec![Vec::new(); rows.len()];
        let is_of_cases = self.schema.name == CASE_EXPORT;
        let mut empty: Vec<Vec<usize>> = vec![Vec::new(); rows.len()];
        let mut alternatives = Alternatives::default();
        for attribute in &self.attributes {
            let field = attribute.field;
            let mut column = Column::new(field.field_type);
            let mut unreadable_cells = Vec::new();
            let mut seen = SeenOfAttribute::default();
            for (index, (row, encoding)) in rows.iter().zip(&encodings).enumerate() {
                let (read_from, reading) = self.read(attribute, *encoding, row, &mut seen);
                let reading = reading.and_then(|reading| alternatives.take(index, field, reading));
                let value = reading.unwrap_or_else(|unread| {
                    // Several fields may be derived from one cell. It is counted once.
                    if !unreadable[index].contains(&read_from.name) {
                        counts.add_unreadable(read_from, unread);
                        unreadable[index].push(read_from.name.clone());
                    }
                    unreadable_cells.resize(rows.len(), false);
                    unreadable_cells[index] = true;
                    None
                });
                if value.is_none() && is_of_cases {
                    empty[index].push(attribute.position);
                }
                column.push(value);
            }
            if !unreadable_cells.is_empty() {
                block
                    .unreadable
                    .insert(field.name.clone(), unreadable_cells);
            }
            block.columns.insert(field.name.clone(), column);
        }
        for Constant { field, value } in &self.constants {
            let column = Column::filled(value, rows.len());
            block.columns.insert(field.clone(), column);
        }
        add_derived(&mut block, rows, self.as_of);
        BlockOfCells {
            rows_of_alternatives: alternatives.add_to(&mut block),
            block,
            encodings,
            unreadable,
            empty,
        }
    }

    /// Evaluates the rules on a block of rows.
    fn outcomes(&self, cells: &BlockOfCells, rows: usize) -> Result<Outcomes, EvaluationError> {
        let BlockOfCells {
            block,
            rows_of_alternatives,
            ..
        } = cells;
        // One call for all rules: each call copies the columns of the block.
        let rules: Vec<&Rule> = self.rules().collect();
        let mut withheld = evaluate_rules(&rules, block, self.as_of)?;
        for outcomes in &mut withheld {
            let alternatives = outcomes.split_off(rows);
            for (row, outcome) in rows_of_alternatives.iter().zip(alternatives) {
                outcomes[*row] = outcomes[*row].or(outcome);
            }
        }
        Ok(Outcomes {
            outcomes: withheld.split_off(self.withhold_rules.len()),
            withheld,
            may_leave: HashMap::new(),
        })
    }

    /// Returns what the rules say of a row of a block.
    fn judged(&self, of_block: &mut Outcomes, index: usize) -> JudgedRow {
        let Outcomes {
            withheld,
            outcomes,
            may_leave,
        } = of_block;
        let withheld_by = withheld
            .iter()
            .position(|column| column[index] == Outcome::Yes);
        if let Some(rule) = withheld_by {
            return JudgedRow::Withheld(rule);
        }
        // If the cell that would withhold the row cannot be read, nothing on the row is
        // certain.
        let is_in_doubt = withheld
            .iter()
            .any(|column| column[index] == Outcome::Unknown);
        let outcomes: Vec<Outcome> = outcomes
            .iter()
            .map(|column| match column[index] {
                Outcome::Yes if is_in_doubt => Outcome::Indicated,
                outcome => outcome,
            })
            .collect();
        if self.keep == Keep::WithOutcome {
            let row_may_leave = match may_leave.get(&outcomes) {
                Some(cached) => *cached,
                None => {
                    let answer = self.may_leave(&outcomes);
                    may_leave.insert(outcomes.clone(), answer);
                    answer
                }
            };
            if !row_may_leave {
                return JudgedRow::Stays;
            }
        }
        JudgedRow::Leaves(outcomes)
    }

    /// Returns what the rules say of rows, and nothing else of them.
    ///
    /// # Errors
    /// If the rules cannot be evaluated.
    pub(super) fn judge<'r>(
        &self,
        rows: impl Iterator<Item = &'r OwnedRow>,
    ) -> Result<Vec<JudgedRow>, EvaluationError> {
        let rows: Vec<&OwnedRow> = rows.collect();
        let cells = self.read_block(&rows, &mut EvaluatedCounts::default());
        let mut outcomes = self.outcomes(&cells, rows.len())?;
        let judged = (0..rows.len()).map(|index| self.judged(&mut outcomes, index));
        Ok(judged.collect())
    }

    /// Evaluates all rules on a block of rows.
    pub(super) fn evaluate<'r>(
        &self,
        rows: &'r [OwnedRow],
    ) -> Result<Evaluated<'r>, EvaluationError> {
        let mut counts = EvaluatedCounts::default();
        let all: Vec<&OwnedRow> = rows.iter().collect();
        let cells = self.read_block(&all, &mut counts);
        let mut of_block = self.outcomes(&cells, rows.len())?;
        let BlockOfCells {
            encodings,
            unreadable,
            empty,
            ..
        } = cells;
        let is_of_cases = self.schema.name == CASE_EXPORT;
        let mut dead = Vec::new();
        let mut kept = Vec::new();
        let stated = rows.iter().zip(unreadable.into_iter().zip(empty));
        for (index, (row, (mut unreadable, mut empty))) in stated.enumerate() {
            let judged = self.judged(&mut of_block, index);
            if let JudgedRow::Withheld(rule) = judged {
                let withheld = &of_block.withheld;
                counts.withheld += 1;
                let rule = self.withhold_rules[rule];
                let by_rule = counts.withheld_by_rule.entry(rule.id.clone());
                *by_rule.or_default() += 1;
                // Of a row that is withheld for another reason, too, nothing is told.
                let by = withheld.iter().zip(&self.says_dead);
                let mut by = by.filter(|(column, _)| column[index] == Outcome::Yes);
                if by.all(|(_, says_dead)| *says_dead) {
                    dead.push(&row.id);
                }
                if !empty.is_empty() {
                    let by = withheld.iter().zip(&self.withhold_rules);
                    let by = by.filter(|(column, _)| column[index] == Outcome::Yes);
                    for field in self.only_for_want_of(by.map(|(_, rule)| *rule), &empty) {
                        let by_field = match unreadable.contains(&field.name) {
                            true => &mut counts.withheld_unread,
                            false => &mut counts.withheld_empty,
                        };
                        *by_field.entry(field.name.clone()).or_default() += 1;
                    }
                }
                continue;
            }
            let JudgedRow::Leaves(outcomes) = judged else {
                counts.without_outcome += 1;
                continue;
            };
            let mut shown = |(field, column): &(&Field, Option<usize>)| {
                let cell = column.map_or(&[][..], |column| row.cells.get(column));
                let text = match encodings[index].decode(cell) {
                    Some(text) if text == MERGED_TEXT => Err(ValueFault::Merged),
                    Some(text) => Ok(text),
                    None => Err(ValueFault::Encoding),
                };
                let text = text.unwrap_or_else(|fault| {
                    // A rule may have read the cell before.
                    if !unreadable.contains(&field.name) {
                        let key = (field.name.clone(), fault);
                        *counts.value_faults.entry(key).or_default() += 1;
                        unreadable.push(field.name.clone());
                    }
                    Cow::Borrowed("")
                });
                cell::without_numbers(bare(&text), self.as_of)
            };
            let fields = self.list_fields.iter().map(&mut shown).collect();
            let for_reviewers = self.reviewer_fields.iter().map(&mut shown).collect();
            if is_of_cases && outcomes.contains(&Outcome::Unknown) {
                empty.extend(&self.missing);
                empty.sort_unstable();
            } else {
                empty.clear();
            }
            kept.push(EvaluatedRow {
                id: &row.id,
                outcomes,
                listed: Listed {
                    fields,
                    for_reviewers,
                    sex: row.id.sex(),
                    age: row.id.age_at(self.as_of),
                    minor: row.id.age_at(self.as_of).is_none_or(|age| age < 18),
                    unreadable,
                    empty,
                },
            });
        }
        counts.kept = kept.len() as u64;
        Ok(Evaluated {
            rows: kept,
            dead,
            counts,
        })
    }
}

impl<'a> RowColumns<'a> {
    pub(super) fn schema(&self) -> &'a ExportSchema {
        self.schema
    }

    pub(super) fn as_of(&self) -> Date {
        self.as_of
    }

    /// The encoding of the file.
    pub(super) fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// The rules on the export: those that withhold rows, then the others.
    pub(super) fn rules(&self) -> impl Iterator<Item = &'a Rule> {
        let rules = self.withhold_rules.iter().chain(&self.outcome_rules);
        rules.copied()
    }

    /// Returns the fields on which alone it depends what the rules say of a row; `None` if
    /// there is more to a row, or more is counted of it.
    pub(super) fn stated_attributes(&self) -> Option<impl Iterator<Item = StatedAttribute<'a>>> {
        let is_more = self.schema.name == CASE_EXPORT
            || !self.list_fields.is_empty()
            || !self.reviewer_fields.is_empty()
            || self.attributes.iter().any(|one| one.source.is_some());
        let stated = self.attributes.iter().map(|one| StatedAttribute {
            field: one.field,
            column: one.column,
            form: one.form,
        });
        (!is_more).then_some(stated)
    }

    /// Returns the fields for want of which the first of these rules withholds a row.
    /// `empty` are the positions of the row's fields without a value. There are none if
    /// one of the rules withholds it for a value that it has.
    fn only_for_want_of<'p>(
        &self,
        rules: impl Iterator<Item = &'p Rule>,
        empty: &[usize],
    ) -> Vec<&Field> {
        let mut first = None;
        for rule in rules {
            let columns = rule.columns();
            let fields = empty
                .iter()
                .filter_map(|place| self.schema.fields.get(*place));
            let fields: Vec<&Field> = fields
                .filter(|field| columns.contains(&field.name))
                .collect();
            if rule.when_unknown != WhenUnknown::Yes || fields.is_empty() {
                return Vec::new();
            }
            first.get_or_insert(fields);
        }
        first.unwrap_or_default()
    }

    /// Returns whether a row may leave the agency: a register row if any outcome is
    /// not no, a case row if an aid could be reached with the most favourable register
    /// outcomes, or could not be judged even with these.
    pub(super) fn may_leave(&self, outcomes: &[Outcome]) -> bool {
        if self.schema.name != CASE_EXPORT {
            return outcomes.iter().any(|outcome| *outcome != Outcome::No);
        }
        // Neither side of an aid has a negation, so yes in every register is the most
        // favourable case.
        let best_case = |id: &str| {
            let own = self.outcome_rules.iter().position(|rule| rule.id == id);
            own.and_then(|place| outcomes.get(place).copied())
                .unwrap_or(Outcome::Yes)
        };
        let mut aids = self.policy.aids.iter();
        aids.any(|aid| aid.judge(&best_case) != Judgement::NoLead)
    }
}

/// How the cells of a column were read.
type SeenReadings<'r> = SeenCells<'r, Result<Reading, Unreadable>>;

/// How the cells of an attribute's own column and of the one it is derived from were read.
#[derive(Default)]
struct SeenOfAttribute<'r> {
    of_column: SeenReadings<'r>,
    of_source: SeenReadings<'r>,
}

/// A cell that could not be read.
#[derive(Clone)]
struct Unreadable {
    fault: ValueFault,
    /// Its labels that have no code.
    labels: Vec<String>,
}

impl From<ValueFault> for Unreadable {
    fn from(fault: ValueFault) -> Self {
        Unreadable {
            fault,
            labels: Vec::new(),
        }
    }
}

/// Returns, for each withhold rule on an export, whether its yes says that the person has died.
/// A rule that withholds rows in doubt says nothing certain.
fn says_dead(policy: &Policy, schema: &ExportSchema) -> Vec<bool> {
    let guarantees = policy.guarantees.iter();
    let of_death: BTreeSet<&str> = guarantees
        .filter(|one| one.on == schema.name && matches!(one.of, Guaranteed::Death))
        .flat_map(|one| one.rules.iter().map(String::as_str))
        .collect();
    let rules = policy.withhold_rules(&schema.name);
    rules
        .map(|rule| rule.when_unknown != WhenUnknown::Yes && of_death.contains(rule.id.as_str()))
        .collect()
}

fn of_certificate(field: &Field, row: &OwnedRow) -> Reading {
    let value = row
        .certificate
        .and_then(|certificate| cell::of_certificate(field, certificate));
    value.map_or(Reading::Empty, Reading::One)
}

/// The most combinations of values of one row.
const MAX_COMBINATIONS: usize = 16;

/// The rows with several values in a cell. Rules see such a row once with each
/// combination of values, and it has the outcomes of all of them joined by OR, as the
/// rows of one person are joined.
#[derive(Default)]
struct Alternatives<'a> {
    /// Row, field, and the further values of its cell.
    cells: Vec<(usize, &'a Field, Vec<Value>)>,
    /// The number of combinations of each of these rows.
    combinations: HashMap<usize, usize>,
}

impl<'a> Alternatives<'a> {
    /// Returns the first value of a cell and keeps the others. A row with too many
    /// combinations has an unreadable cell.
    fn take(
        &mut self,
        row: usize,
        field: &'a Field,
        reading: Reading,
    ) -> Result<Option<Value>, Unreadable> {
        let mut values = match reading {
            Reading::Empty => return Ok(None),
            Reading::One(value) => return Ok(Some(value)),
            Reading::Several(values) => values,
        };
        let combinations = self.combinations.entry(row).or_insert(1);
        if *combinations * values.len() > MAX_COMBINATIONS {
            return Err(ValueFault::TooManyValues.into());
        }
        *combinations *= values.len();
        let first = values.swap_remove(0);
        self.cells.push((row, field, values));
        Ok(Some(first))
    }

    /// Appends a row for each further combination to the block, and returns the row of
    /// the export that each belongs to.
    fn add_to(self, block: &mut RowBlock) -> Vec<usize> {
        let mut origins = Vec::new();
        let mut combined: HashMap<usize, Vec<usize>> = HashMap::new();
        for (row, field, values) in self.cells {
            let rows = combined.entry(row).or_insert_with(|| vec![row]);
            for earlier in rows.clone() {
                for value in &values {
                    rows.push(block.rows);
                    block.push_copy(earlier, &field.name, value);
                    origins.push(row);
                }
            }
        }
        origins
    }
}

/// Adds the columns derived from the ID number: age, minor and sex.
fn add_derived(block: &mut RowBlock, rows: &[&OwnedRow], as_of: Date) {
    let mut age = Column::new(FieldType::Integer);
    let mut minor = Column::new(FieldType::Boolean);
    let mut sex = Column::new(FieldType::String);
    for row in rows {
        let years = row.id.age_at(as_of);
        age.push(years.map(Value::Integer));
        minor.push(years.map(|years| Value::Boolean(years < 18)));
        sex.push(row.id.sex().map(|sex| {
            Value::String(match sex {
                Sex::Male => "male".to_owned(),
                Sex::Female => "female".to_owned(),
            })
        }));
    }
    for (name, column) in [
        (DERIVED_AGE, age),
        (DERIVED_MINOR, minor),
        (DERIVED_SEX, sex),
    ] {
        block.columns.insert(name.to_owned(), column);
    }
}
