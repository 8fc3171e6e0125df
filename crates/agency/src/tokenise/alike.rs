//! Finds rows that no rule can tell apart, so that rules are evaluated once for all of them.
//!
//! A register of millions of rows has some hundreds of different ones: a rule does not ask
//! for a date but whether it is before another one. Each cell is read once and becomes a
//! number that stands for all cells of its column of which every comparison says the same.
//! The numbers of a row are its kind. What the rules say of a kind is found by
//! [`RowColumns::judge`], the plain evaluation, with the first row of the kind.
//!
//! The first row of a kind is evaluated plainly at the end of its block, for all of the kind,
//! and so is every row with something unusual, for itself: a cell that cannot be read or states
//! several values, another encoding than the file's. So this only says which rows are alike, and
//! never what a rule says.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use aidlink_policy::rule_language::{
    DERIVED_AGE, DERIVED_MINOR, DERIVED_SEX, Expression, Operand, moved,
};
use aidlink_policy::value::Value;
use foldhash::fast::RandomState;
use jiff::civil::Date;

use super::evaluate::{JudgedRow, RowColumns, StatedAttribute};
use super::spill::{MAX_RULES, OutcomeBits};
use crate::cell;
use crate::identify::{IdentifiedRow, OwnedRow};
use crate::label::Reading;
use crate::national_id::{CertificateTail, NationalId, Sex};
use crate::rules::EvaluationError;
use crate::scan::Encoding;
use crate::scan::pass::LocatedCells;

/// The most different cells of a column that are kept. Others are read anew in each row.
const MOST_CELLS: usize = 1 << 16;
/// The longest cell that is kept, in bytes. Those that repeat are shorter.
const LONGEST_CELL: usize = 64;
/// The most cells of a block that are kept for the next ones.
const MOST_NEW_CELLS: usize = 1 << 12;
/// The most rows that are evaluated plainly although something is known that later blocks were
/// not given.
const MOST_WAITING: usize = 1 << 16;
/// The most kinds of rows that are kept.
const MOST_KINDS: usize = 1 << 16;
/// The bits of a number in a [`Kind`].
const BITS: u32 = 12;
/// The numbers in a word of a [`Kind`].
const PER_WORD: usize = 5;
/// The most numbers of a kind.
const MOST_NUMBERS: usize = 4 * PER_WORD;
/// The number of empty cells.
const EMPTY: u16 = 0;

/// The numbers of a row's values, side by side.
type Kind = [u64; 4];

/// How rows are evaluated. Both ways give the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Rows that no rule can tell apart are evaluated once.
    Alike,
    /// Each row is evaluated. It is the reference of the other way.
    Plain,
}

impl Way {
    /// Returns how rows are told apart; `None` if each is evaluated.
    pub(super) fn alike_rows<'a>(self, columns: &'a RowColumns<'a>) -> Option<AlikeRows<'a>> {
        match self {
            Way::Alike => AlikeRows::new(columns),
            Way::Plain => None,
        }
    }
}

/// What all values have in common that have one number.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Alike {
    /// No value.
    Empty,
    /// A text, or a yes or no.
    Text(String),
    /// A number, by its bits.
    Number(u64),
    /// A day.
    Day(Date),
    /// A place between the values with which rules compare: twice the number of smaller
    /// ones, and one more if it is equal to the next.
    Between(usize),
}

/// What rules compare a column with.
#[derive(Clone, Debug, Default)]
struct Compared {
    numbers: Vec<f64>,
    days: Vec<Date>,
    /// Whether it is compared with another column or added to a number, so that only equal
    /// values are alike.
    with_others: bool,
}

impl Compared {
    fn alike(&self, value: &Value) -> Alike {
        let between =
            |smaller: usize, equal: bool| Alike::Between(2 * smaller + usize::from(equal));
        let number = |number: f64| match self.with_others || number.is_nan() {
            true => Alike::Number(number.to_bits()),
            false => between(
                self.numbers.iter().filter(|other| **other < number).count(),
                self.numbers.contains(&number),
            ),
        };
        match value {
            Value::String(text) => Alike::Text(text.clone()),
            Value::Boolean(yes) => Alike::Text(yes.to_string()),
            Value::Integer(whole) => number(*whole as f64),
            Value::Number(decimal) => number(*decimal),
            Value::Date(day) if self.with_others => Alike::Day(*day),
            Value::Date(day) => between(
                self.days.iter().filter(|other| *other < day).count(),
                self.days.contains(day),
            ),
        }
    }

    fn sort(&mut self) {
        self.numbers.sort_by(f64::total_cmp);
        self.numbers.dedup();
        self.days.sort();
        self.days.dedup();
    }
}

/// Collects what each column is compared with.
struct Comparisons {
    as_of: Date,
    of_columns: BTreeMap<String, Compared>,
}

impl Comparisons {
    fn add(&mut self, expression: &Expression) {
        match expression {
            Expression::Constant(_) | Expression::Column(_) | Expression::IsNull(_) => {}
            Expression::Not(inner) | Expression::IsUnknown(inner) => self.add(inner),
            Expression::And(left, right) | Expression::Or(left, right) => {
                self.add(left);
                self.add(right);
            }
            Expression::Compare { left, right, .. } => {
                self.add_sides(left, right);
                self.add_sides(right, left);
            }
        }
    }

    fn add_sides(&mut self, column: &Operand, other: &Operand) {
        let Operand::Column { name, .. } = column else {
            for name in columns_in(column) {
                self.of_columns.entry(name).or_default().with_others = true;
            }
            return;
        };
        let compared = self.of_columns.entry(name.clone()).or_default();
        match other {
            Operand::Number(number) => compared.numbers.push(*number),
            Operand::Date(day) => compared.days.push(*day),
            // A day that no calendar has makes the comparison unknown for every value.
            Operand::AsOf { months, days } => {
                compared.days.extend(moved(self.as_of, *months, *days));
            }
            // Texts are alike only if they are equal.
            Operand::String(_) => {}
            Operand::Column { .. } | Operand::Arithmetic { .. } => compared.with_others = true,
        }
    }
}

fn columns_in(operand: &Operand) -> BTreeSet<String> {
    Expression::IsNull(operand.clone()).columns()
}

/// How the rows of a file are told apart, and what is known of them so far.
pub(super) struct AlikeRows<'a> {
    columns: &'a RowColumns<'a>,
    attributes: Vec<Told<'a>>,
    /// What rules compare the age with, if they ask for it.
    age: Option<Compared>,
    /// Whether rules ask for the sex.
    by_sex: bool,
    known: Mutex<Learning>,
}

/// What is known, and what blocks that begin now are given of it.
struct Learning {
    known: Known,
    published: Arc<Known>,
    /// The rows that were learned from since.
    waiting: usize,
}

/// An attribute by which rows are told apart.
struct Told<'a> {
    stated: StatedAttribute<'a>,
    compared: Compared,
}

/// What is known of the rows of a file.
#[derive(Clone, Default)]
pub(super) struct Known {
    /// By attribute.
    values: Vec<KnownValues>,
    kinds: HashMap<Kind, Judged, RandomState>,
}

/// The values of an attribute.
#[derive(Clone, Default)]
struct KnownValues {
    /// The number of each cell that is not empty, as it is in the file.
    cells: HashMap<Box<[u8]>, u16, RandomState>,
    numbers: HashMap<Alike, u16, RandomState>,
}

/// What the rules say of a kind of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Judged {
    /// The withhold rule with this position withholds it.
    Withheld(usize),
    /// It has no outcome that leaves.
    Stays,
    /// It leaves with these outcomes.
    Leaves(OutcomeBits),
}

/// What is known of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lookup {
    /// Its kind is known, and what the rules say of it.
    Known(Judged),
    /// Its kind may be learned from it.
    New,
    /// It has no kind.
    Unusual,
}

/// Cells that were read in a block: attribute, cell, number.
pub(super) type NewCells = Vec<(usize, Box<[u8]>, u16)>;

/// The kinds of the rows of a block.
struct Numbered<'r> {
    /// The kind of each row that has one.
    kinds: Vec<Option<Kind>>,
    /// The first row of each kind that is not known.
    firsts: BTreeMap<Kind, &'r OwnedRow>,
}

impl Known {
    /// The entries that copying it copies.
    fn entries(&self) -> usize {
        let values = self.values.iter();
        let values = values.map(|values| values.cells.len() + values.numbers.len());
        self.kinds.len() + values.sum::<usize>()
    }
}

impl KnownValues {
    /// Returns the number of a cell that is known.
    fn number_of(&self, cell: &[u8]) -> Option<u16> {
        match cell {
            [] => Some(EMPTY),
            _ => self.cells.get(cell).copied(),
        }
    }

    /// Whether a cell may be kept: memory grows neither with rows nor with cells.
    fn may_keep(&self, cell: &[u8]) -> bool {
        self.cells.len() < MOST_CELLS && cell.len() <= LONGEST_CELL
    }

    /// Returns the number of a value, a new one if it has none; `None` if there are too many.
    fn number(&mut self, alike: Alike) -> Option<u16> {
        let next = self.numbers.len();
        if let Some(number) = self.numbers.get(&alike) {
            return Some(*number);
        }
        let number = u16::try_from(next).ok().filter(|_| next < 1 << BITS)?;
        self.numbers.insert(alike, number);
        Some(number)
    }
}

/// The cells of a row, and whose it is.
struct Row<'r, C> {
    cell: C,
    id: &'r NationalId,
    certificate: Option<CertificateTail>,
}

impl<'a> AlikeRows<'a> {
    /// Returns how rows of an export are told apart; `None` if they cannot be.
    fn new(columns: &'a RowColumns<'a>) -> Option<Self> {
        if columns.outcome_rules.len() > MAX_RULES {
            return None;
        }
        let mut comparisons = Comparisons {
            as_of: columns.as_of(),
            of_columns: BTreeMap::new(),
        };
        let mut named: BTreeSet<String> = BTreeSet::new();
        for rule in columns.rules() {
            named.extend(rule.columns());
            for expression in rule.expressions() {
                comparisons.add(expression);
            }
        }
        let mut of = |name: &str| {
            let mut compared = comparisons.of_columns.remove(name).unwrap_or_default();
            compared.sort();
            compared
        };
        let stated = columns.stated_attributes()?;
        let attributes: Vec<Told<'a>> = stated
            .map(|stated| Told {
                compared: of(&stated.field.name),
                stated,
            })
            .collect();
        let asks = |name: &str| named.contains(name);
        let age = (asks(DERIVED_AGE) || asks(DERIVED_MINOR)).then(|| {
            let mut compared = of(DERIVED_AGE);
            if asks(DERIVED_MINOR) {
                compared.numbers.push(18.0);
                compared.sort();
            }
            compared
        });
        let by_sex = asks(DERIVED_SEX);
        if attributes.len() + usize::from(age.is_some()) + usize::from(by_sex) > MOST_NUMBERS {
            return None;
        }
        let empty = || {
            let mut values = KnownValues::default();
            values.numbers.insert(Alike::Empty, EMPTY);
            values
        };
        let known = Known {
            values: attributes.iter().map(|_| empty()).collect(),
            ..Known::default()
        };
        let published = Arc::new(known.clone());
        Some(AlikeRows {
            columns,
            attributes,
            age,
            by_sex,
            known: Mutex::new(Learning {
                known,
                published,
                waiting: 0,
            }),
        })
    }

    /// Returns the ids of the rules, in the order in which [`Judged::Withheld`] counts them.
    pub(super) fn rules(&self) -> impl Iterator<Item = &str> {
        self.columns.rules().map(|rule| rule.id.as_str())
    }

    /// Returns what is known now. A block uses it to its end.
    pub(super) fn known(&self) -> Arc<Known> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&known.published)
    }

    /// Returns what is known of a row. Cells that had to be read are added to `new`.
    pub(super) fn look_up(
        &self,
        known: &Known,
        row: &IdentifiedRow<'_>,
        cells: &LocatedCells<'_>,
        new: &mut NewCells,
    ) -> Lookup {
        let file = self.columns.encoding();
        if !self.reads_the_same(
            |column| cells.get(column),
            || row.row().record_encoding(file),
        ) {
            return Lookup::Unusual;
        }
        let mut is_new = false;
        let mut of_value = |values: &KnownValues, alike: &Alike| {
            let number = values.numbers.get(alike).copied();
            is_new |= number.is_none() && values.numbers.len() < 1 << BITS;
            number
        };
        let row = Row {
            cell: |column| cells.get(column),
            id: row.id(),
            certificate: row.certificate(),
        };
        let kind = self.kind(&row, |index, told, cell, certificate| {
            let values = known.values.get(index)?;
            let number = match values.number_of(cell) {
                Some(number) => number,
                None => {
                    let number = of_value(values, &self.read(told, cell)?)?;
                    if new.len() < MOST_NEW_CELLS && values.may_keep(cell) {
                        new.push((index, cell.into(), number));
                    }
                    number
                }
            };
            match certificate.filter(|_| number == EMPTY) {
                None => Some(number),
                Some(certificate) => of_value(values, &Self::of_certificate(told, certificate)),
            }
        });
        match kind {
            None if is_new => Lookup::New,
            None => Lookup::Unusual,
            Some(kind) => match known.kinds.get(&kind) {
                Some(judged) => Lookup::Known(*judged),
                None if known.kinds.len() < MOST_KINDS => Lookup::New,
                None => Lookup::Unusual,
            },
        }
    }

    /// Learns the kinds of rows that are [`Lookup::New`], and the cells that were read. Returns
    /// for each row what the rules say of it, if its kind is known now.
    ///
    /// # Errors
    /// If the rules cannot be evaluated.
    pub(super) fn learn(
        &self,
        rows: &[&OwnedRow],
        new: NewCells,
    ) -> Result<Vec<Option<Judged>>, EvaluationError> {
        if rows.is_empty() && new.is_empty() {
            return Ok(Vec::new());
        }
        let Numbered { kinds, firsts } = self.number_all(rows, new);
        // Without the lock: other blocks may begin and learn meanwhile.
        let judged = self.columns.judge(firsts.values().copied())?;
        let mut guard = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let Learning {
            known,
            published,
            waiting,
        } = &mut *guard;
        for (kind, judged) in firsts.into_keys().zip(judged) {
            let judged = match judged {
                JudgedRow::Withheld(rule) => Judged::Withheld(rule),
                JudgedRow::Stays => Judged::Stays,
                JudgedRow::Leaves(outcomes) => Judged::Leaves(OutcomeBits::new(&outcomes)),
            };
            known.kinds.insert(kind, judged);
        }
        *waiting += rows.len();
        // Copying costs as much as it learns, on average.
        let (entries, given) = (known.entries(), published.entries());
        if entries > given + given / 2 || (entries > given && *waiting > MOST_WAITING) {
            *published = Arc::new(known.clone());
            *waiting = 0;
        }
        let judged = kinds
            .into_iter()
            .map(|kind| known.kinds.get(&kind?).copied());
        Ok(judged.collect())
    }

    /// Numbers the values of rows and the cells that were read.
    fn number_all<'r>(&self, rows: &[&'r OwnedRow], new: NewCells) -> Numbered<'r> {
        let mut guard = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let known = &mut guard.known;
        for (index, cell, number) in new {
            if let Some(values) = known.values.get_mut(index)
                && values.may_keep(&cell)
            {
                values.cells.insert(cell, number);
            }
        }
        let mut firsts: BTreeMap<Kind, &OwnedRow> = BTreeMap::new();
        let mut number = |row: &&'r OwnedRow| {
            let kind = self.new_kind(known, row)?;
            if !known.kinds.contains_key(&kind) && known.kinds.len() + firsts.len() < MOST_KINDS {
                firsts.entry(kind).or_insert(row);
            }
            Some(kind)
        };
        let kinds = rows.iter().map(&mut number).collect();
        Numbered { kinds, firsts }
    }

    /// Returns the kind of a row, and numbers what has none.
    fn new_kind(&self, known: &mut Known, row: &OwnedRow) -> Option<Kind> {
        let file = self.columns.encoding();
        if !self.reads_the_same(|column| row.cells.get(column), || row.cells.encoding(file)) {
            return None;
        }
        let row = Row {
            cell: |column| row.cells.get(column),
            id: &row.id,
            certificate: row.certificate,
        };
        self.kind(&row, |index, told, cell, certificate| {
            let values = known.values.get_mut(index)?;
            let number = match values.number_of(cell) {
                Some(number) => number,
                None => {
                    let number = values.number(self.read(told, cell)?)?;
                    if values.may_keep(cell) {
                        values.cells.insert(cell.into(), number);
                    }
                    number
                }
            };
            match certificate.filter(|_| number == EMPTY) {
                None => Some(number),
                Some(certificate) => values.number(Self::of_certificate(told, certificate)),
            }
        })
    }

    /// Returns whether the cells of a row are read as those of rows in the file's encoding.
    /// ASCII is the same in all encodings, and only where there is more the row's own must be
    /// found.
    fn reads_the_same<'r>(
        &self,
        cell: impl Fn(usize) -> &'r [u8],
        of_row: impl FnOnce() -> Encoding,
    ) -> bool {
        let mut columns = self.attributes.iter().filter_map(|told| told.stated.column);
        columns.all(|column| cell(column).is_ascii()) || of_row() == self.columns.encoding()
    }

    /// Puts the numbers of a row's values side by side. `number` returns that of an attribute:
    /// its position, its cell, and the certificate's number that may state it.
    fn kind<'r, C: Fn(usize) -> &'r [u8]>(
        &self,
        row: &Row<'r, C>,
        mut number: impl FnMut(usize, &Told<'a>, &'r [u8], Option<CertificateTail>) -> Option<u16>,
    ) -> Option<Kind> {
        let mut kind = Kind::default();
        let mut at = 0;
        let mut put = |number: u16| {
            if let Some(word) = kind.get_mut(at / PER_WORD) {
                *word = *word << BITS | u64::from(number);
            }
            at += 1;
        };
        for (index, told) in self.attributes.iter().enumerate() {
            let StatedAttribute { field, column, .. } = told.stated;
            let cell = column.map_or(&[][..], &row.cell);
            let certificate = field.certificate_part.and(row.certificate);
            put(number(index, told, cell, certificate)?);
        }
        if let Some(compared) = &self.age {
            let age = row.id.age_at(self.columns.as_of());
            let alike = age.map(|age| compared.alike(&Value::Integer(age)));
            put(match alike {
                None => 0,
                Some(Alike::Between(place)) => u16::try_from(place + 1).ok()?,
                Some(_) => u16::try_from(age?).ok()?.checked_add(1)?,
            });
        }
        if self.by_sex {
            put(match row.id.sex() {
                None => 0,
                Some(Sex::Male) => 1,
                Some(Sex::Female) => 2,
            });
        }
        Some(kind)
    }

    /// Reads a cell; `None` if it is unusual.
    fn read(&self, told: &Told<'_>, cell: &[u8]) -> Option<Alike> {
        let text = self.columns.encoding().decode(cell)?;
        let StatedAttribute { field, form, .. } = told.stated;
        match cell::read(self.columns.schema(), field, form, &text).ok()? {
            Reading::Empty => Some(Alike::Empty),
            Reading::One(value) => Some(told.compared.alike(&value)),
            Reading::Several(_) => None,
        }
    }

    fn of_certificate(told: &Told<'_>, certificate: CertificateTail) -> Alike {
        let stated = cell::of_certificate(told.stated.field, certificate);
        stated.map_or(Alike::Empty, |value| told.compared.alike(&value))
    }
}
