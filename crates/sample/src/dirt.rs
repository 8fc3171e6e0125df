//! Kinds of dirt: errors and variations that people and programs introduce into exports.
//! Each kind says whether a reader can undo it, and how common it is assumed to be.

use std::collections::BTreeMap;

use rand::{Rng, RngExt};

use super::person::{Population, check_character};

/// A kind of dirt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A lower-case x.
    LowerCaseX,
    /// Full-width characters.
    FullWidth,
    /// An apostrophe before the number.
    Apostrophe,
    /// A space before the number and a no-break space after it.
    Spaces,
    /// Spaces between its parts.
    Groups,
    /// Hyphens between its parts.
    Hyphens,
    /// A zero-width space inside it.
    ZeroWidth,
    /// A multiplication sign for X.
    MultiplicationSign,
    /// The fifteen digits of the first generation.
    FifteenDigits,
    /// `4.49901E+17`.
    Scientific,
    /// The last three digits zeroed by a spreadsheet.
    LastDigitsZeroed,
    /// `4499**********011X`.
    Masked,
    /// 不详.
    Placeholder,
    /// Seventeen digits.
    CheckDigitMissing,
    /// An empty cell.
    Empty,
    /// `111111111111111111`.
    RepeatedDigit,
    /// Two numbers in one cell.
    TwoInCell,
    /// The number of another person with another birth date.
    Guardian,
    /// Each date of the row in a random form.
    MixedDates,
    /// Codes where other rows have labels, or labels where other rows have codes.
    OtherCodes,
    /// The row occurs twice.
    RepeatedRow,
    /// A row in GB18030 in a file in UTF-8.
    OtherEncoding,
    /// An unclosed quote.
    StrayQuote,
    /// One cell more than in the header.
    SurplusCell,
}

impl Kind {
    /// All kinds: code, whether it can be undone, and share of the rows of a realistic
    /// export in millionths. The shares are chosen to be plausible; no public figures are
    /// known.
    const ALL: [(Kind, &str, bool, u32); 24] = [
        (Kind::LowerCaseX, "lower_case_x", true, 20_000),
        (Kind::FullWidth, "full_width", true, 10_000),
        (Kind::Apostrophe, "apostrophe", true, 10_000),
        (Kind::Spaces, "spaces", true, 15_000),
        (Kind::Groups, "groups", true, 7_000),
        (Kind::Hyphens, "hyphens", true, 6_000),
        (Kind::ZeroWidth, "zero_width", true, 6_000),
        (Kind::MultiplicationSign, "multiplication_sign", true, 6_000),
        (Kind::FifteenDigits, "fifteen_digits", true, 20_000),
        (Kind::Scientific, "scientific", false, 2_000),
        (Kind::LastDigitsZeroed, "last_digits_zeroed", false, 1_000),
        (Kind::Masked, "masked", false, 2_000),
        (Kind::Placeholder, "placeholder", false, 2_000),
        (Kind::CheckDigitMissing, "check_digit_missing", false, 1_500),
        (Kind::Empty, "empty", false, 1_500),
        (Kind::RepeatedDigit, "repeated_digit", false, 500),
        (Kind::TwoInCell, "two_in_cell", false, 300),
        (Kind::Guardian, "guardian", false, 700),
        (Kind::MixedDates, "mixed_dates", true, 30_000),
        (Kind::OtherCodes, "other_codes", true, 20_000),
        (Kind::RepeatedRow, "repeated_row", true, 3_000),
        (Kind::OtherEncoding, "other_encoding", true, 500),
        (Kind::StrayQuote, "stray_quote", false, 50),
        (Kind::SurplusCell, "surplus_cell", false, 100),
    ];

    fn description(self) -> (Kind, &'static str, bool, u32) {
        // `ALL` is in the order of the enum; a test checks it.
        Kind::ALL[self as usize]
    }

    /// Returns its name on the command line and in the truth files.
    pub fn code(self) -> &'static str {
        self.description().1
    }

    /// Returns whether a reader can undo it. If not, the row cannot be used.
    pub fn is_recoverable(self) -> bool {
        self.description().2
    }

    /// Returns whether it is dirt of the ID cell. A row has at most one kind of it.
    fn is_of_id(self) -> bool {
        self <= Kind::Guardian
    }
}

/// The styles of the exports, and how much dirt they have.
#[derive(Clone, Debug, PartialEq)]
pub struct DirtChoice {
    /// Whether exports have the encodings, headers, labels and date forms of agencies;
    /// otherwise they are UTF-8 with canonical headers and codes.
    pub agency_styles: bool,
    /// The share of each kind, in millionths of the rows.
    shares: BTreeMap<Kind, u32>,
    /// The text of the command-line option.
    written: String,
}

/// The default choice.
pub const REALISTIC: &str = "realistic";

impl DirtChoice {
    /// Parses `realistic` or `none`, optionally followed by `,KIND=SHARE` any number of
    /// times.
    ///
    /// # Errors
    /// If the text is invalid; the error is a message for the command line.
    pub fn parse(written: &str) -> Result<Self, String> {
        let mut choice = DirtChoice {
            agency_styles: true,
            shares: BTreeMap::new(),
            written: written.to_owned(),
        };
        let mut items = written.split(',').map(str::trim).peekable();
        let base = items.next().unwrap_or_default();
        match base {
            REALISTIC => {
                let all = Kind::ALL.into_iter();
                choice.shares = all.map(|(kind, _, _, share)| (kind, share)).collect();
            }
            "none" => choice.agency_styles = false,
            _ => {
                return Err(
                    "the first item must be `realistic` or `none` / 第一项应为 realistic 或 none"
                        .to_owned(),
                );
            }
        }
        for item in items {
            let (code, share) = item.split_once('=').ok_or_else(|| {
                format!("`{item}` is not of the form KIND=SHARE / “{item}”应写成 种类=比例")
            })?;
            let Some((kind, ..)) = Kind::ALL.into_iter().find(|kind| kind.1 == code) else {
                let codes: Vec<&str> = Kind::ALL.iter().map(|kind| kind.1).collect();
                let codes = codes.join(", ");
                return Err(format!(
                    "unknown kind `{code}`; the kinds are {codes} / 未知的种类“{code}”，可用的种类：{codes}"
                ));
            };
            let share: f64 = share
                .parse()
                .ok()
                .filter(|share| (0.0..=1.0).contains(share))
                .ok_or_else(|| {
                    format!(
                        "the share of `{code}` must be from 0 to 1 / “{code}”的比例应在0和1之间"
                    )
                })?;
            // The product is at most a million.
            choice.shares.insert(kind, (share * 1e6).round() as u32);
        }
        let of_ids = choice.shares.iter().filter(|(kind, _)| kind.is_of_id());
        if of_ids.map(|(_, share)| share).sum::<u32>() > 1_000_000 {
            return Err("the shares of the kinds in ID cells add up to more than 1 / 证件号码单元格各种类的比例之和超过1".to_owned());
        }
        Ok(choice)
    }

    /// Returns the text of the command-line option.
    pub fn written(&self) -> &str {
        &self.written
    }

    /// Draws the kind of dirt for the ID cell of a row. Rows of planted people get only
    /// dirt that can be undone, because the truth relies on them being read.
    pub(super) fn of_id(&self, random: &mut impl Rng, planted: bool) -> Option<Kind> {
        let mut left = random.random_range(0..1_000_000);
        for (kind, share) in self.shares.iter().filter(|(kind, _)| kind.is_of_id()) {
            if left < *share {
                return (kind.is_recoverable() || !planted).then_some(*kind);
            }
            left -= share;
        }
        None
    }

    /// Draws whether a row has dirt of a kind outside the ID cell.
    pub(super) fn has(&self, random: &mut impl Rng, kind: Kind, planted: bool) -> bool {
        match self.shares.get(&kind) {
            Some(share) if *share > 0 && (kind.is_recoverable() || !planted) => {
                random.random_range(0..1_000_000) < *share
            }
            _ => false,
        }
    }
}

/// Draws a kind of dirt of the ID cell that cannot be undone.
pub(super) fn beyond_repair(random: &mut impl Rng) -> Kind {
    const KINDS: [Kind; 6] = [
        Kind::Scientific,
        Kind::Masked,
        Kind::Placeholder,
        Kind::CheckDigitMissing,
        Kind::Empty,
        Kind::RepeatedDigit,
    ];
    KINDS[random.random_range(0..KINDS.len())]
}

/// Returns an ID cell with dirt; `None` if this number cannot have dirt of this kind. `id`
/// is the ID number, `long` the clean cell, which may be a longer certificate number.
pub(super) fn soil(
    random: &mut impl Rng,
    kind: Kind,
    id: &str,
    long: &str,
    population: &Population,
) -> Option<String> {
    let parts = |between: &str| [&long[..6], &long[6..14], &long[14..]].join(between);
    Some(match kind {
        Kind::LowerCaseX if id.ends_with('X') => long.to_lowercase(),
        Kind::MultiplicationSign if id.ends_with('X') => long.replace('X', "×"),
        Kind::FullWidth => full_width(long),
        Kind::Apostrophe => format!("'{long}"),
        Kind::Spaces => format!(" {long}\u{a0}"),
        Kind::Groups => parts(" "),
        Kind::Hyphens => parts("-"),
        Kind::ZeroWidth => format!("{}\u{200b}{}", &long[..6], &long[6..]),
        Kind::FifteenDigits if &id[6..8] == "19" => format!("{}{}", &id[..6], &id[8..17]),
        Kind::Scientific => format!("{}.{}E+17", &id[..1], &id[1..6]),
        // Numbers that would still have a correct check digit (one in eleven) are excluded.
        Kind::LastDigitsZeroed if check_character(&format!("{}00", &id[..15])) != '0' => {
            format!("{}000", &id[..15])
        }
        Kind::Masked => format!("{}**********{}", &id[..4], &id[14..]),
        Kind::Placeholder => "不详".to_owned(),
        Kind::CheckDigitMissing => id[..17].to_owned(),
        Kind::Empty => String::new(),
        Kind::RepeatedDigit => "111111111111111111".to_owned(),
        Kind::TwoInCell => format!("{id}/{}", &*population.other(random, 25..=60).id),
        Kind::Guardian => {
            let guardian = population.other(random, 25..=60).id;
            (guardian[6..14] != id[6..14]).then(|| (*guardian).to_owned())?
        }
        _ => return None,
    })
}

fn full_width(text: &str) -> String {
    text.chars()
        .map(|c| char::from_u32(c as u32 + 0xfee0).unwrap_or(c))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_is_in_the_order_of_the_enum() {
        for (index, (kind, ..)) in Kind::ALL.iter().enumerate() {
            assert_eq!(*kind as usize, index);
        }
    }

    #[test]
    fn valid_choice_is_parsed_and_invalid_ones_are_refused() {
        let choice = DirtChoice::parse("none,masked=0.25").expect("a valid choice");
        assert!(!choice.agency_styles);
        assert_eq!(choice.shares, BTreeMap::from([(Kind::Masked, 250_000)]));
        for wrong in [
            "",
            "some",
            "none,masked",
            "none,masked=2",
            "none,masked=nan",
            "none,blurred=0.1",
            "none,masked=0.6,empty=0.6",
        ] {
            assert!(DirtChoice::parse(wrong).is_err(), "{wrong}");
        }
    }
}
