//! ID numbers, normalised and checked once, on construction.
//!
//! GB 11643-1999: six digits of region, eight of birth date, three of sequence
//! (odd: male), one check digit (ISO 7064 MOD 11-2). Residence permits of Hong
//! Kong, Macau and Taiwan residents begin with 81, 82 or 83 and have the same
//! form. So does the foreign permanent resident ID of 2023, which begins with 9.
//! The one of 2017 has three letters and twelve digits.

mod fault;
mod normalise;
mod region;

use jiff::civil::Date;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use aidlink_faults::text::Text;
use aidlink_faults::uniform_text::{characters, looks_like_x};

use normalise::{Cell, normalise};

pub use fault::IdFault;
pub use region::RegionStanding;

/// An ID number in its one normal form: 18 characters, or 15 for the foreign
/// permanent resident ID of 2017.
///
/// It exists only on the agency side and only until its token is made. It cannot
/// be printed, logged or serialised, and its memory is wiped on drop.
///
/// ```
/// # use aidlink_agency::national_id::NationalId;
/// # use jiff::civil::date;
/// let Ok(checked) = NationalId::parse("44990119900101011x", date(2026, 9, 30)) else { panic!() };
/// assert_eq!(checked.id.birth_date(), Some(date(1990, 1, 1)));
/// ```
///
/// It has no `Debug`:
/// ```compile_fail
/// # use aidlink_agency::national_id::NationalId;
/// # use jiff::civil::date;
/// # let Ok(checked) = NationalId::parse("44990119900101011X", date(2026, 9, 30)) else { return };
/// println!("{:?}", checked.id);
/// ```
///
/// It has no `Display`:
/// ```compile_fail
/// # use aidlink_agency::national_id::NationalId;
/// # use jiff::civil::date;
/// # let Ok(checked) = NationalId::parse("44990119900101011X", date(2026, 9, 30)) else { return };
/// println!("{}", checked.id);
/// ```
///
/// It cannot be serialised:
/// ```compile_fail
/// # use aidlink_agency::national_id::NationalId;
/// fn serialise<T: serde::Serialize>(_: &T) {}
/// fn try_it(id: &NationalId) { serialise(id) }
/// ```
///
/// It cannot be cloned:
/// ```compile_fail
/// # use aidlink_agency::national_id::NationalId;
/// fn keep(id: &NationalId) -> NationalId { id.clone() }
/// ```
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct NationalId {
    characters: [u8; 18],
    length: usize,
    #[zeroize(skip)]
    birth_date: Option<Date>,
    #[zeroize(skip)]
    sex: Option<Sex>,
}

/// The sex in an ID number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sex {
    /// Odd sequence number.
    Male,
    /// Even sequence number.
    Female,
}

/// An ID number that passed every check, with its warning.
pub struct CheckedId {
    /// The ID number.
    pub id: NationalId,
    /// The warning, if any. The ID number is used anyway.
    pub warning: Option<IdWarning>,
    /// What follows the ID number, if the cell, or one of a certificate beside it, holds a
    /// disability certificate's number.
    pub certificate: Option<CertificateTail>,
}

/// The two digits that follow the ID number in the number of a disability certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CertificateTail {
    /// Class of disability, 1 to 7.
    pub class: u8,
    /// Grade of disability, 1 (most severe) to 4.
    pub grade: u8,
}

impl CertificateTail {
    /// Reads what follows the ID number: the two digits and, if the certificate was
    /// re-issued, a capital letter and a digit.
    fn of(tail: &[u8]) -> Option<Self> {
        match tail {
            [class @ b'1'..=b'7', grade @ b'1'..=b'4']
            | [
                class @ b'1'..=b'7',
                grade @ b'1'..=b'4',
                b'A'..=b'Z',
                b'0'..=b'9',
            ] => Some(CertificateTail {
                class: class - b'0',
                grade: grade - b'0',
            }),
            _ => None,
        }
    }
}

/// The ID numbers in the cell of a certificate's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InCertificate {
    /// The person's own, perhaps with what follows it.
    Own(Option<CertificateTail>),
    /// Another person's, and not the own one.
    Another,
    /// None.
    None,
}

/// Something unusual about an ID number that is not an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IdWarning {
    /// The region code was removed from GB/T 2260: an old number.
    OldRegion,
    /// The region code is in no edition that this program has.
    UnknownRegion,
    /// The last digit of a foreign permanent resident ID of 2017 does not match the
    /// 7-3-1 rule, which no public standard prescribes.
    ForeignCheckDigit,
    /// The number ends in 000 and its check digit matches. This is true of one
    /// real number in a thousand, and of one in eleven that a spreadsheet has zeroed.
    TrailingZeros,
}

impl IdWarning {
    /// Every warning, in order of discriminant.
    pub const ALL: [IdWarning; 4] = [
        IdWarning::OldRegion,
        IdWarning::UnknownRegion,
        IdWarning::ForeignCheckDigit,
        IdWarning::TrailingZeros,
    ];

    /// Returns what is unusual, for the user.
    pub fn text(self) -> Text {
        match self {
            IdWarning::OldRegion => Text::new(
                "地区代码已撤销（旧号码，属正常情况）",
                "the region code was abolished (normal for an old number)",
            ),
            IdWarning::UnknownRegion => Text::new(
                "地区代码不在已知代码表中；数量较多时请核对",
                "the region code is not in the known code lists; check if many rows have this warning",
            ),
            IdWarning::ForeignCheckDigit => Text::new(
                "外国人永久居留身份证号码校验码不符；请核对",
                "the check digit of the foreign permanent resident ID does not match; check it",
            ),
            IdWarning::TrailingZeros => Text::new(
                "号码以000结尾，可能被表格软件改过；请对照原系统核对",
                "the number ends in 000 and may have been changed by a spreadsheet; compare it with the source system",
            ),
        }
    }

    /// Returns the code used in reports.
    pub fn code(self) -> &'static str {
        match self {
            IdWarning::OldRegion => "old_region",
            IdWarning::UnknownRegion => "unknown_region",
            IdWarning::ForeignCheckDigit => "foreign_check_digit",
            IdWarning::TrailingZeros => "trailing_zeros",
        }
    }
}

impl NationalId {
    /// Normalises and checks the content of a cell.
    ///
    /// # Errors
    /// The reason why the cell has no usable ID number. A number that a spreadsheet
    /// has damaged is refused, never repaired by guessing.
    pub fn parse(cell: &str, as_of: Date) -> Result<CheckedId, IdFault> {
        let mut cell = normalise(cell)?;
        let result = Self::check(&cell, as_of);
        cell.wipe();
        result
    }

    /// The fast path for the usual cell: eighteen plain characters that pass every
    /// check. `None` does not mean that the cell is invalid; call
    /// [`NationalId::parse`] to find out. A cell that passes here passes there with
    /// the same result, because no placeholder has both a possible birth date and a
    /// correct check digit.
    pub fn parse_plain(cell: &[u8], as_of: Date) -> Option<CheckedId> {
        let plain = cell.len() == 18
            && cell[..17].iter().all(u8::is_ascii_digit)
            && (cell[17].is_ascii_digit() || cell[17] == b'X');
        if !plain {
            return None;
        }
        Self::from_eighteen(cell, as_of).ok()
    }

    fn check(cell: &Cell, as_of: Date) -> Result<CheckedId, IdFault> {
        let characters = cell.characters();
        let digits = |range: std::ops::Range<usize>| {
            characters
                .get(range)
                .is_some_and(|part| part.iter().all(u8::is_ascii_digit))
        };
        match characters.len() {
            15 if digits(0..15) => Self::from_fifteen_digits(characters, as_of),
            15 if characters[..3].iter().all(u8::is_ascii_uppercase) && digits(3..15) => {
                Self::from_foreign_2017(characters, as_of)
            }
            18 if digits(0..17) && (digits(17..18) || characters[17] == b'X') => {
                Self::from_eighteen(characters, as_of)
            }
            17 if digits(0..17) => {
                Self::birth_date_of(&characters[6..14], as_of)?;
                Err(IdFault::CheckDigitMissing)
            }
            // Disability certificate: ID number, class digit and grade digit. A
            // re-issued certificate also has a B and a digit.
            20 | 22 if digits(0..17) && (digits(17..18) || characters[17] == b'X') => {
                let certificate =
                    CertificateTail::of(&characters[18..]).ok_or(IdFault::CertificateTail)?;
                Self::from_eighteen(&characters[..18], as_of).map(|checked| CheckedId {
                    certificate: Some(certificate),
                    ..checked
                })
            }
            30 | 33 | 36 if characters.iter().all(|c| c.is_ascii_digit() || *c == b'X') => {
                Err(IdFault::TwoInCell)
            }
            // X is a check digit, so it can only be the last character.
            length
                if digits(0..length - 1)
                    && (digits(0..length) || characters[length - 1] == b'X') =>
            {
                Err(IdFault::Length)
            }
            _ => Err(IdFault::Characters),
        }
    }

    fn from_eighteen(characters: &[u8], as_of: Date) -> Result<CheckedId, IdFault> {
        let zeroed = characters.ends_with(b"000");
        let check_digit_matches = check_digit(&characters[..17]) == characters[17];
        if zeroed && !check_digit_matches {
            return Err(IdFault::TrailingZeros);
        }
        let birth_date = Self::birth_date_of(&characters[6..14], as_of)?;
        if !check_digit_matches {
            return Err(IdFault::CheckDigit);
        }
        let mut own = [0; 18];
        own.copy_from_slice(characters);
        let warning = match region::standing(&characters[..6]) {
            _ if zeroed => Some(IdWarning::TrailingZeros),
            RegionStanding::Current => None,
            RegionStanding::Old => Some(IdWarning::OldRegion),
            RegionStanding::Unknown => Some(IdWarning::UnknownRegion),
        };
        Ok(CheckedId {
            id: NationalId {
                characters: own,
                length: 18,
                birth_date: Some(birth_date),
                sex: Some(if characters[16] % 2 == 1 {
                    Sex::Male
                } else {
                    Sex::Female
                }),
            },
            warning,
            certificate: None,
        })
    }

    /// Reads a first-generation number, which has a two-digit year of the 1900s and
    /// no check digit (GB 11643-1989).
    fn from_fifteen_digits(characters: &[u8], as_of: Date) -> Result<CheckedId, IdFault> {
        let mut full = [0; 18];
        full[..6].copy_from_slice(&characters[..6]);
        full[6..8].copy_from_slice(b"19");
        full[8..17].copy_from_slice(&characters[6..]);
        full[17] = check_digit(&full[..17]);
        // Permits and foreign IDs never had fifteen digits, so with their prefixes the
        // region is unknown.
        let result = Self::from_eighteen(&full, as_of).map(|checked| CheckedId {
            warning: match full[0] {
                // Spreadsheets keep fifteen digits, so these zeros are genuine.
                _ if checked.warning == Some(IdWarning::TrailingZeros) => None,
                b'8' | b'9' => Some(IdWarning::UnknownRegion),
                _ => checked.warning,
            },
            ..checked
        });
        full.zeroize();
        result
    }

    fn from_foreign_2017(characters: &[u8], as_of: Date) -> Result<CheckedId, IdFault> {
        let year = two_digits(&characters[7..9]);
        let rest = [
            two_digits(&characters[9..11]),
            two_digits(&characters[11..13]),
        ];
        let in_century = |century: i16| {
            Date::new(century + i16::from(year), rest[0], rest[1])
                .ok()
                .filter(|date| *date <= as_of)
        };
        let birth_date = in_century(2000)
            .or_else(|| in_century(1900))
            .ok_or(IdFault::BirthDate)?;
        let mut own = [0; 18];
        own[..15].copy_from_slice(characters);
        let sum: u32 = characters[..14]
            .iter()
            .zip([7, 3, 1].into_iter().cycle())
            .map(|(character, weight)| {
                let value = match character {
                    b'0'..=b'9' => character - b'0',
                    _ => character - b'A' + 10,
                };
                u32::from(value) * weight
            })
            .sum();
        let fits = sum % 10 == u32::from(characters[14] - b'0');
        Ok(CheckedId {
            id: NationalId {
                characters: own,
                length: 15,
                birth_date: Some(birth_date),
                sex: None,
            },
            warning: (!fits).then_some(IdWarning::ForeignCheckDigit),
            certificate: None,
        })
    }

    fn birth_date_of(digits: &[u8], as_of: Date) -> Result<Date, IdFault> {
        let year = i16::from(two_digits(&digits[..2])) * 100 + i16::from(two_digits(&digits[2..4]));
        let date = Date::new(year, two_digits(&digits[4..6]), two_digits(&digits[6..8]))
            .map_err(|_| IdFault::BirthDate)?;
        if date > as_of {
            return Err(IdFault::BirthDateAfterAsOf);
        }
        if as_of.year() - year > 130 {
            return Err(IdFault::BirthDate);
        }
        Ok(date)
    }

    /// Returns whether a cell contains this number's birth date as `YYYYMMDD`, or
    /// with a separator after year and month. `false` does not mean that the dates
    /// differ: other formats need [`crate::cell::date::read`].
    pub fn states_birth_date(&self, cell: &[u8]) -> bool {
        let own = &self.characters[6..14];
        self.length == 18
            && match cell {
                [_, _, _, _, _, _, _, _] => cell == own,
                [
                    year @ ..,
                    b'-' | b'/' | b'.',
                    m1,
                    m2,
                    b'-' | b'/' | b'.',
                    d1,
                    d2,
                ] => year == &own[..4] && [*m1, *m2, *d1, *d2] == own[4..],
                _ => false,
            }
    }

    /// Returns what the cell of a certificate's number says, if it is this number with the
    /// usual end. `None` does not mean that it holds another number: it may be written in
    /// another form.
    pub(crate) fn plain_certificate(&self, cell: &[u8]) -> Option<InCertificate> {
        match cell.strip_prefix(&self.characters[..self.length])? {
            [] => Some(InCertificate::Own(None)),
            tail => Some(InCertificate::Own(Some(CertificateTail::of(tail)?))),
        }
    }

    /// Searches the cell of a certificate's number for ID numbers. A number of eighteen
    /// characters counts wherever it is, whatever is around it.
    pub(crate) fn in_certificate(&self, cell: &str, as_of: Date) -> InCertificate {
        if let Ok(other) = Self::parse(cell, as_of) {
            return match self.is_same(&other.id) {
                true => InCertificate::Own(other.certificate),
                false => InCertificate::Another,
            };
        }
        // Digits belong together across spaces and signs, not across letters.
        let mut joined = Zeroizing::new(Vec::with_capacity(cell.len()));
        for character in characters(cell) {
            match character.to_ascii_uppercase() {
                digit @ ('0'..='9' | 'X') => joined.push(digit as u8),
                sign if looks_like_x(sign) => joined.push(b'X'),
                letter if letter.is_alphabetic() => joined.push(b' '),
                _ => {}
            }
        }
        let numbers = joined.windows(18);
        let mut found = InCertificate::None;
        for other in numbers.filter_map(|number| Self::parse_plain(number, as_of)) {
            if self.is_same(&other.id) {
                return InCertificate::Own(None);
            }
            found = InCertificate::Another;
        }
        found
    }

    /// Returns whether two numbers are the same.
    fn is_same(&self, other: &NationalId) -> bool {
        (self.characters, self.length) == (other.characters, other.length)
    }

    /// Returns the birth date in the number.
    pub fn birth_date(&self) -> Option<Date> {
        self.birth_date
    }

    /// Returns the sex in the number, if it has one.
    pub fn sex(&self) -> Option<Sex> {
        self.sex
    }

    /// Returns the age in whole years on a day. In common years, a person born on
    /// 29 February becomes a year older on 1 March (Civil Code 202: a year without the
    /// corresponding day ends with the last day of the month).
    pub fn age_at(&self, day: Date) -> Option<i64> {
        let birth = self.birth_date?;
        let had_birthday = (day.month(), day.day()) >= (birth.month(), birth.day());
        Some(i64::from(day.year()) - i64::from(birth.year()) - i64::from(!had_birthday))
    }

    /// Returns the characters. Only [`crate::tokeniser`] uses them, and
    /// [`crate::register_export`] for a table that is only in memory.
    pub(crate) fn expose_to_tokeniser(&self) -> &[u8] {
        &self.characters[..self.length]
    }
}

fn two_digits(digits: &[u8]) -> i8 {
    // Callers pass two ASCII digits, so the result is at most 99.
    digits
        .iter()
        .fold(0_i8, |number, digit| number * 10 + (digit - b'0') as i8)
}

/// Computes the check character of seventeen digits (GB 11643, ISO 7064 MOD 11-2).
pub(crate) fn check_digit(digits: &[u8]) -> u8 {
    const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    const CHARACTERS: [u8; 11] = *b"10X98765432";
    let sum: u32 = digits
        .iter()
        .zip(WEIGHTS)
        .map(|(digit, weight)| u32::from(digit - b'0') * weight)
        .sum();
    CHARACTERS[(sum % 11) as usize]
}

#[cfg(test)]
mod tests {
    use super::*;

    static_assertions::assert_not_impl_any!(
        NationalId: std::fmt::Debug, std::fmt::Display, Clone, Copy
    );

    const AS_OF: Date = Date::constant(2026, 9, 30);

    /// Appends the correct check digit to seventeen digits.
    fn number(seventeen: &str) -> String {
        format!("{seventeen}{}", check_digit(seventeen.as_bytes()) as char)
    }

    fn normal(cell: &str) -> Result<String, IdFault> {
        NationalId::parse(cell, AS_OF)
            .map(|checked| String::from_utf8_lossy(checked.id.expose_to_tokeniser()).into_owned())
    }

    #[test]
    fn every_way_of_writing_a_number_gives_the_same_normal_form() {
        let plain = number("44990119900101011");
        assert!(plain.ends_with('X'), "the sample must end in X: {plain}");
        let body = &plain[..17];
        let full_width: String = plain
            .chars()
            .map(|c| char::from_u32(c as u32 + 0xfee0).expect("full-width form"))
            .collect();
        for written in [
            plain.clone(),
            format!("{body}x"),
            format!("{body}×"),
            format!("{body}Ｘ"),
            format!("{body}ｘ"),
            format!("'{plain}"),
            format!("’{plain}"),
            format!("  {plain}\u{a0}"),
            format!("\u{feff}{}\u{200b}{}", &plain[..6], &plain[6..]),
            format!("{}-{}-{}", &plain[..6], &plain[6..14], &plain[14..]),
            format!("{} {} {}", &plain[..6], &plain[6..14], &plain[14..]),
            format!("\t{plain}\u{3000}"),
            full_width,
            // Disability certificates of class 4, grade 2; the last two are re-issued.
            format!("{plain}42"),
            format!("{plain}42B1"),
            format!("{plain}42b1"),
        ] {
            assert_eq!(normal(&written).as_deref(), Ok(plain.as_str()), "{written}");
        }
    }

    #[test]
    fn a_fifteen_digit_number_has_the_normal_form_of_its_eighteen_digits() {
        let full = number("44990119850615123");
        let short = format!("{}{}", &full[..6], &full[8..17]);
        assert_eq!(normal(&short), Ok(full.clone()));
        assert_eq!(normal(&format!("{short}.0")), Ok(full));
    }

    #[test]
    fn each_damage_has_its_own_reason() {
        let good = number("44990119900101123");
        let wrong = if good.ends_with('5') { '6' } else { '5' };
        let cases = [
            (String::new(), IdFault::Empty),
            (" \u{3000}\u{200b}".into(), IdFault::Empty),
            ("000000000000000000".into(), IdFault::Placeholder),
            ("111111111111111111".into(), IdFault::Placeholder),
            ("123456789012345678".into(), IdFault::Placeholder),
            ("无".into(), IdFault::Placeholder),
            ("不详".into(), IdFault::Placeholder),
            ("4499**********1230".into(), IdFault::Masked),
            ("4499＊＊＊＊＊＊＊＊＊＊1230".into(), IdFault::Masked),
            ("4.40203E+17".into(), IdFault::ScientificNotation),
            ("4.4e17".into(), IdFault::ScientificNotation),
            (format!("{good}.0"), IdFault::ScientificNotation),
            ("449901199001011000".into(), IdFault::TrailingZeros),
            (format!("{good},{good}"), IdFault::TwoInCell),
            (format!("{good} {good}"), IdFault::TwoInCell),
            (format!("{good}{good}"), IdFault::TwoInCell),
            (format!("{good}、{good}"), IdFault::TwoInCell),
            ("张三".into(), IdFault::Characters),
            (good[..16].to_owned(), IdFault::Length),
            (format!("{good}4"), IdFault::Length),
            (good[..17].to_owned(), IdFault::CheckDigitMissing),
            (number("44990119900231123"), IdFault::BirthDate),
            (number("44990118800101123"), IdFault::BirthDate),
            (number("44990120261001123"), IdFault::BirthDateAfterAsOf),
            (format!("{}{wrong}", &good[..17]), IdFault::CheckDigit),
            (format!("{good}85"), IdFault::CertificateTail),
            (format!("{good}421B"), IdFault::CertificateTail),
        ];
        for (cell, fault) in cases {
            assert_eq!(normal(&cell), Err(fault), "{cell}");
        }
    }

    #[test]
    fn permits_and_foreign_ids_pass() {
        for prefix in ["810000", "820000", "830000", "931156"] {
            // No real number has sequence 000.
            let permit = number(&format!("{prefix}19900102000"));
            let checked = NationalId::parse(&permit, AS_OF);
            assert!(
                matches!(checked, Ok(CheckedId { warning: None, .. })),
                "{prefix}"
            );
        }
        // The ID of 2017. Its last digit follows the 7-3-1 rule of ICAO Doc 9303.
        let short = NationalId::parse("USA44018001011", AS_OF);
        assert!(
            matches!(short, Err(IdFault::Characters)),
            "fourteen characters are refused"
        );
        let found: Vec<u8> = (0..10)
            .filter(|last| {
                let id = format!("USA44018001011{last}");
                matches!(
                    NationalId::parse(&id, AS_OF),
                    Ok(CheckedId { warning: None, .. })
                )
            })
            .collect();
        assert_eq!(found.len(), 1, "exactly one last digit matches");
    }

    #[test]
    fn an_old_region_is_a_warning_not_an_error() {
        let warning = |seventeen: &str| {
            NationalId::parse(&number(seventeen), AS_OF).map(|checked| checked.warning)
        };
        // No real number has sequence 000. 440203 (Wujiang, Shaoguan) is current,
        // 440202 (Beijiang, Shaoguan) was abolished in 2004, 449901 never existed.
        assert_eq!(warning("44020319900101000"), Ok(None));
        assert_eq!(warning("44020219900101000"), Ok(Some(IdWarning::OldRegion)));
        assert_eq!(
            warning("44990119900101123"),
            Ok(Some(IdWarning::UnknownRegion))
        );
    }

    #[test]
    fn age_and_sex_come_from_the_number() {
        let checked = NationalId::parse(&number("44990120081001123"), AS_OF);
        let Ok(checked) = checked else {
            panic!("a valid number was refused")
        };
        assert_eq!(checked.id.age_at(AS_OF), Some(17));
        assert_eq!(checked.id.age_at(Date::constant(2026, 10, 1)), Some(18));
        assert_eq!(checked.id.sex(), Some(Sex::Male));
    }

    proptest::proptest! {
        #[test]
        fn no_cell_makes_the_parser_panic(cell in "\\PC{0,60}") {
            let _ = NationalId::parse(&cell, AS_OF);
        }

        #[test]
        fn the_fast_path_agrees_with_the_full_parser(
            region in 110_000_u32..999_999, year in 1890_u32..2030, month in 0_u32..14,
            day in 0_u32..33, sequence in 0_u32..1000, last in "[0-9X]",
        ) {
            let cell = format!("{region}{year}{month:02}{day:02}{sequence:03}{last}");
            if let Some(plain) = NationalId::parse_plain(cell.as_bytes(), AS_OF) {
                let full = NationalId::parse(&cell, AS_OF);
                let Ok(full) = full else { panic!("the full parser refused it") };
                proptest::prop_assert!(
                    plain.id.expose_to_tokeniser() == full.id.expose_to_tokeniser()
                        && plain.warning == full.warning
                );
            }
        }

        #[test]
        fn near_ids_do_not_panic(cell in "[0-9xX×*' .E+Ａ-Ｚ０-９-]{0,40}") {
            let _ = NationalId::parse(&cell, AS_OF);
        }
    }
}
