//! Kinds of dirt: what people and programs do to an export. Each says whether
//! a reader can undo it, and how common it is taken to be.

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
    /// A space before and a no-break space after it.
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
    /// Nothing.
    Empty,
    /// `111111111111111111`.
    RepeatedDigit,
    /// Two numbers in one cell.
    TwoInCell,
    /// The number of somebody whose birth date is another.
    Guardian,
    /// Each date of the row in a form of its own.
    MixedDates,
    /// Codes where the others have labels, and labels where they have codes.
    OtherCodes,
    /// The row stands twice.
    RepeatedRow,
    /// A row in GB18030 in a file in UTF-8.
    OtherEncoding,
    /// A quote that is not closed.
    StrayQuote,
    /// One cell more than the header has.
    SurplusCell,
}

impl Kind {
    /// Every kind: its code, whether it can be undone, and its share in
    /// millionths of the rows of a realistic export. The shares are chosen to
    /// be plausible; no public count of them is known.
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
        // `ALL` is in the order of the kinds; a test holds it so.
        Kind::ALL[self as usize]
    }

    /// Its name on the command line and in the truth.
    pub fn code(self) -> &'static str {
        self.description().1
    }

    /// Whether a reader can undo it; else the row is lost to everybody.
    pub fn is_recoverable(self) -> bool {
        self.description().2
    }

    /// Dirt of the ID cell, of which a row has one kind at most.
    fn is_of_id(self) -> bool {
        self <= Kind::Guardian
    }
}

/// How an export's system writes, and how much dirt there is.
#[derive(Clone, Debug, PartialEq)]
pub struct DirtChoice {
    /// Encodings, headers, labels and date forms as agencies have them; else
    /// UTF-8 with canonical headers and codes.
    pub agency_styles: bool,
    /// Millionths of the rows, for each kind that occurs.
    shares: BTreeMap<Kind, u32>,
    /// As it was said.
    written: String,
}

/// The choice of a sample that says nothing.
pub const REALISTIC: &str = "realistic";

impl DirtChoice {
    /// Reads `realistic`, `none`, or either with `KIND=SHARE` behind commas.
    ///
    /// # Errors
    /// What is wrong, for the command line.
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
            _ => return Err("begin with `realistic` or `none`".to_owned()),
        }
        for item in items {
            let (code, share) = item
                .split_once('=')
                .ok_or_else(|| format!("`{item}` is not KIND=SHARE"))?;
            let Some((kind, ..)) = Kind::ALL.into_iter().find(|kind| kind.1 == code) else {
                let codes: Vec<&str> = Kind::ALL.iter().map(|kind| kind.1).collect();
                return Err(format!("`{code}` is none of {}", codes.join(", ")));
            };
            let share: f64 = share
                .parse()
                .ok()
                .filter(|share| (0.0..=1.0).contains(share))
                .ok_or_else(|| format!("the share of `{code}` must be 0 to 1"))?;
            // At most a million: checked above.
            choice.shares.insert(kind, (share * 1e6).round() as u32);
        }
        let of_ids = choice.shares.iter().filter(|(kind, _)| kind.is_of_id());
        if of_ids.map(|(_, share)| share).sum::<u32>() > 1_000_000 {
            return Err("the shares of dirt in ID cells add up to more than 1".to_owned());
        }
        Ok(choice)
    }

    /// As it was said on the command line.
    pub fn written(&self) -> &str {
        &self.written
    }

    /// The kind of dirt of a row's ID cell. A planted person's row, and one
    /// whose truth rests on being read, gets what can be undone.
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

    /// Whether a row has dirt of a kind that is not of its ID cell.
    pub(super) fn has(&self, random: &mut impl Rng, kind: Kind, planted: bool) -> bool {
        match self.shares.get(&kind) {
            Some(share) if *share > 0 && (kind.is_recoverable() || !planted) => {
                random.random_range(0..1_000_000) < *share
            }
            _ => false,
        }
    }
}

/// A kind of damage that nobody can undo.
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

/// An ID number with its dirt, `long` being what the cell would hold without;
/// `None` where this number cannot have dirt of this kind.
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
        // One in eleven would still fit its check digit.
        Kind::LastDigitsZeroed if check_character(&format!("{}00", &id[..15])) != '0' => {
            format!("{}000", &id[..15])
        }
        Kind::Masked => format!("{}**********{}", &id[..4], &id[14..]),
        Kind::Placeholder => "不详".to_owned(),
        Kind::CheckDigitMissing => id[..17].to_owned(),
        Kind::Empty => String::new(),
        Kind::RepeatedDigit => "111111111111111111".to_owned(),
        Kind::TwoInCell => format!("{id}/{}", population.other(random, 25..=60).id),
        Kind::Guardian => {
            let guardian = population.other(random, 25..=60).id;
            (guardian[6..14] != id[6..14]).then_some(guardian)?
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
    fn every_kind_stands_at_its_place() {
        for (index, (kind, ..)) in Kind::ALL.iter().enumerate() {
            assert_eq!(*kind as usize, index);
        }
    }

    #[test]
    fn a_choice_is_read_or_told() {
        let choice = DirtChoice::parse("none,masked=0.25").expect("a right choice");
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
