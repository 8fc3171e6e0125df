//! Number formats: whether a number is a date, a time or just a number.

/// How the format of a cell shows its number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NumberFormat {
    /// A number.
    #[default]
    General,
    /// A date.
    Date,
    /// A time of day.
    Time,
    /// A date and a time.
    DateTime,
    /// A duration, which may be longer than a day: `[h]:mm`.
    Elapsed,
    /// Text (`@`): digits that somebody typed into a text column.
    Text,
}

impl NumberFormat {
    /// The format of a number that has no code in the file (ECMA-376-1,
    /// 18.8.30). Those that go by the language of the program count as in
    /// Chinese: 27 to 36 and 50 to 58. `None` beyond them: the file must define it.
    pub(crate) fn built_in(id: u32) -> Option<Self> {
        Some(match id {
            14..=17 | 27..=31 | 36 | 50..=54 | 57 | 58 => NumberFormat::Date,
            18..=21 | 32..=35 | 45 | 47 | 55 | 56 => NumberFormat::Time,
            22 => NumberFormat::DateTime,
            46 => NumberFormat::Elapsed,
            49 => NumberFormat::Text,
            0..=58 => NumberFormat::General,
            _ => return None,
        })
    }

    /// Returns the format of a code such as `yyyy"年"m"月"d"日"`. If the code has
    /// several sections, the first one counts, which is for positive numbers. If the
    /// first has a condition, the first section that shows a date or time counts.
    pub(crate) fn of_code(code: &str) -> Self {
        let mut section = Section::read(code);
        let first = section.format;
        while section.format == NumberFormat::General && section.is_conditional {
            let Some(rest) = section.rest else { break };
            section = Section::read(rest);
        }
        match section.format {
            NumberFormat::Text => first,
            format => format,
        }
    }
}

/// One section of a code.
struct Section<'c> {
    format: NumberFormat,
    /// Whether the section has a condition such as `[<100]`.
    is_conditional: bool,
    /// The code after the semicolon.
    rest: Option<&'c str>,
}

/// Whether the last `m` is a month: `m` can mean months or minutes.
#[derive(PartialEq)]
enum Month {
    No,
    /// It is a month unless seconds follow.
    Open,
}

impl<'c> Section<'c> {
    fn read(code: &'c str) -> Self {
        let (mut has_day, mut has_time, mut is_elapsed, mut is_text) = (false, false, false, false);
        let mut is_conditional = false;
        let mut after_hours = false;
        let mut month = Month::No;
        let mut rest = code;
        let mut following = None;
        while let Some(first) = rest.chars().next() {
            let after = &rest[first.len_utf8()..];
            if let Some(next) = strip_general(rest) {
                rest = next;
                continue;
            }
            if let Some(next) = strip_half_of_day(rest) {
                (rest, has_time) = (next, true);
                continue;
            }
            rest = match first {
                // Semicolons in quotes are skipped with the quotes below.
                ';' => {
                    following = Some(after);
                    break;
                }
                '"' => after.split_once('"').map_or("", |(_, rest)| rest),
                // The next character is literal (`\`, or `!` in Chinese programs),
                // sets the width of a space (`_`), or fills the cell (`*`).
                '\\' | '!' | '_' | '*' => {
                    let mut characters = after.chars();
                    characters.next();
                    characters.as_str()
                }
                '[' => {
                    let (content, rest) = after.split_once(']').unwrap_or((after, ""));
                    is_elapsed |= is_one_of_hms(content);
                    is_conditional |= content.starts_with(['<', '>', '=']);
                    rest
                }
                '@' => {
                    is_text = true;
                    after
                }
                letter if letter.is_ascii_alphabetic() => {
                    let same = |other: char| other.eq_ignore_ascii_case(&letter);
                    let next = rest.trim_start_matches(same);
                    let length = rest.len() - next.len();
                    match letter.to_ascii_lowercase() {
                        'y' | 'd' | 'g' => has_day = true,
                        // `e` is the year of an era; in `0.00E+00` it is an exponent.
                        'e' if !next.starts_with(['+', '-']) => has_day = true,
                        // Weekdays (`aaa`) and Buddhist years (`bb`).
                        'a' if length >= 3 => has_day = true,
                        'b' if length >= 2 => has_day = true,
                        'h' => (has_time, after_hours) = (true, true),
                        's' => (has_time, month) = (true, Month::No),
                        'm' if length >= 3 => has_day = true,
                        'm' if after_hours => (has_time, after_hours) = (true, false),
                        'm' => month = Month::Open,
                        _ => {}
                    }
                    if !matches!(letter, 'h' | 'H' | 'm' | 'M') {
                        after_hours = false;
                    }
                    has_day |= month == Month::Open && matches!(letter, 'd' | 'D' | 'y' | 'Y');
                    next
                }
                _ => after,
            };
        }
        has_day |= month == Month::Open;
        let format = match (has_day, has_time) {
            _ if is_elapsed => NumberFormat::Elapsed,
            (true, true) => NumberFormat::DateTime,
            (true, false) => NumberFormat::Date,
            (false, true) => NumberFormat::Time,
            (false, false) if is_text => NumberFormat::Text,
            (false, false) => NumberFormat::General,
        };
        Section {
            format,
            is_conditional,
            rest: following,
        }
    }
}

/// Strips the word for the general format, whose letters are not date fields.
/// Chinese programs write `G/通用格式`.
fn strip_general(code: &str) -> Option<&str> {
    code.strip_prefix("G/通用格式")
        .or_else(|| strip_ascii(code, "general"))
}

/// Strips a mark for morning or afternoon, which belongs to a time.
fn strip_half_of_day(code: &str) -> Option<&str> {
    code.strip_prefix("上午/下午")
        .or_else(|| strip_ascii(code, "am/pm"))
        .or_else(|| strip_ascii(code, "a/p"))
}

fn strip_ascii<'c>(code: &'c str, word: &str) -> Option<&'c str> {
    let start = code.get(..word.len())?;
    start
        .eq_ignore_ascii_case(word)
        .then(|| &code[word.len()..])
}

fn is_one_of_hms(content: &str) -> bool {
    ['h', 'm', 's'].iter().any(|letter| {
        !content.is_empty()
            && content
                .chars()
                .all(|other| other.eq_ignore_ascii_case(letter))
    })
}

#[cfg(test)]
mod tests {
    use super::NumberFormat::{self, Date, DateTime, Elapsed, General, Text, Time};

    #[test]
    fn format_codes_are_classified() {
        for (code, format) in [
            ("General", General),
            ("GENERAL", General),
            ("G/通用格式", General),
            ("G/通用格式\"元\"", General),
            ("0", General),
            ("#,##0.00", General),
            ("0.00E+00", General),
            ("0.0e-0", General),
            ("0%", General),
            ("# ?/?", General),
            ("[Red]0;[Blue]-0", General),
            ("[DBNum1][$-804]General", General),
            ("[DBNum2][$-804]G/通用格式", General),
            ("[$¥-804]#,##0.00", General),
            ("\"day\" 0", General),
            ("\\d0", General),
            ("0!d", General),
            ("_d0", General),
            ("*d0", General),
            ("0_);(0)", General),
            ("[>=10000]0!.0,\"万\";0", General),
            ("", General),
            ("yyyy-mm-dd", Date),
            ("YYYY/M/D", Date),
            ("yyyy\"年\"m\"月\"d\"日\"", Date),
            ("yyyy\"年\"m\"月\"d\"日\";@", Date),
            ("[$-804]yyyy\"年\"m\"月\"d\"日\";@", Date),
            ("[$-F800]dddd\\,\\ mmmm\\ dd\\,\\ yyyy", Date),
            ("yyyy年m月d日", Date),
            ("yyyy\"年\"m\"月\"", Date),
            ("[DBNum1][$-804]yyyy\"年\"m\"月\"d\"日\"", Date),
            ("yyyymmdd", Date),
            ("mm", Date),
            ("mmm", Date),
            ("d", Date),
            ("aaaa", Date),
            ("[$-804]aaaa;@", Date),
            ("e\"年\"m\"月\"", Date),
            ("ggge", Date),
            ("[Red]yyyy", Date),
            ("[<43831]General;yyyy-mm-dd", Date),
            ("h:mm", Time),
            ("hh:mm:ss", Time),
            ("h\"时\"mm\"分\"", Time),
            ("mm:ss", Time),
            ("mm:ss.0", Time),
            ("上午/下午h\"时\"mm\"分\"", Time),
            ("h AM/PM", Time),
            ("h a/p", Time),
            ("[$-F400]h:mm:ss\\ AM/PM", Time),
            ("yyyy-mm-dd hh:mm", DateTime),
            ("yyyy/m/d h:mm;@", DateTime),
            ("m/d/yy h:mm AM/PM", DateTime),
            ("d hh", DateTime),
            ("hh:mm m/d", DateTime),
            ("[h]:mm", Elapsed),
            ("[mm]:ss", Elapsed),
            ("[SS].00", Elapsed),
            ("@", Text),
            ("[Red]@", Text),
            ("0;0;0;@", General),
            ("\"yyyy", General),
            ("[yyyy", General),
            ("\\", General),
        ] {
            assert_eq!(NumberFormat::of_code(code), format, "{code}");
        }
    }

    #[test]
    fn built_in_formats_are_those_of_chinese_programs() {
        let dates = [
            14, 15, 16, 17, 27, 28, 29, 30, 31, 36, 50, 51, 52, 53, 54, 57, 58,
        ];
        let times = [18, 19, 20, 21, 32, 33, 34, 35, 45, 47, 55, 56];
        for id in 0..200 {
            let format = match id {
                22 => Some(DateTime),
                46 => Some(Elapsed),
                49 => Some(Text),
                _ if dates.contains(&id) => Some(Date),
                _ if times.contains(&id) => Some(Time),
                _ => (id <= 58).then_some(General),
            };
            assert_eq!(NumberFormat::built_in(id), format, "{id}");
        }
    }
}
