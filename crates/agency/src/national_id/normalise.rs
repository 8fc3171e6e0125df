//! Normalises the characters of a cell before its number is checked.

use aidlink_faults::uniform_text::{bare, characters, looks_like_x};
use zeroize::Zeroize;

use crate::error_value::is_error_value;

use super::fault::IdFault;

/// Size of the buffer: room for two ID numbers.
const MAX_CHARACTERS: usize = 40;

/// The characters of a cell that can be part of an ID number, in upper case. The
/// buffer can be wiped.
pub(super) struct Cell {
    characters: [u8; MAX_CHARACTERS],
    length: usize,
}

impl Cell {
    pub(super) fn characters(&self) -> &[u8] {
        &self.characters[..self.length]
    }

    pub(super) fn wipe(&mut self) {
        self.characters.zeroize();
    }
}

/// Words that people enter in place of a number.
const PLACEHOLDER_WORDS: [&str; 18] = [
    "无",
    "不详",
    "未知",
    "没有",
    "空",
    "暂无",
    "无证",
    "无证件",
    "无身份证",
    "未办理",
    "待补",
    "同上",
    "同左",
    "〃",
    "FALSE",
    "N/A",
    "NULL",
    "NONE",
];

/// Maps all variants of a character to one, drops invisible characters, quotes and
/// dashes, and refuses cells that cannot be one ID number.
pub(super) fn normalise(text: &str) -> Result<Cell, IdFault> {
    let text = bare(text);
    if is_error_value(text) {
        return Err(IdFault::ErrorValue);
    }
    // Some libraries write a number as a float. Drop its fraction, but refuse it
    // above fifteen digits, where a float has already lost some.
    let whole = text.rsplit_once('.');
    let whole = whole.filter(|(_, zeros)| !zeros.is_empty() && zeros.bytes().all(|c| c == b'0'));
    let text = match whole {
        Some((whole, _)) if whole.len() > 15 => return Err(IdFault::ScientificNotation),
        Some((whole, _)) => whole,
        None => text,
    };
    let mut cell = Cell {
        characters: [0; MAX_CHARACTERS],
        length: 0,
    };
    let mut too_long = false;
    let mut masked = false;
    let mut foreign = false;
    let mut separator = false;
    let mut exponent = false;
    let mut point = false;
    // Runs of digits or X. Two long runs are two numbers.
    let mut run = 0_usize;
    let mut long_runs = 0_usize;
    for character in characters(text) {
        let mapped = match looks_like_x(character) {
            true => 'X',
            false => character.to_ascii_uppercase(),
        };
        if mapped.is_ascii_digit() || mapped == 'X' {
            run += 1;
            if run == 15 {
                long_runs += 1;
            }
        } else {
            run = 0;
        }
        match mapped {
            '0'..='9' | 'A'..='Z' => {
                exponent |= mapped == 'E' && cell.length > 0;
                if cell.length < MAX_CHARACTERS {
                    cell.characters[cell.length] = mapped as u8;
                    cell.length += 1;
                } else {
                    too_long = true;
                }
            }
            '*' | '•' | '●' | '■' | '#' | '?' => masked = true,
            '.' => point = true,
            '+' => exponent = true,
            '\'' | '"' | '-' | '_' => {}
            _ if mapped.is_whitespace() => {}
            ',' | '、' | ';' | '/' | '|' | '\\' => separator = true,
            _ => foreign = true,
        }
    }
    let characters = &cell.characters[..cell.length];
    let all_digits_or_x = characters.iter().all(|c| c.is_ascii_digit() || *c == b'X');
    let fault = if cell.length == 0 && !masked && !foreign && !separator {
        Some(IdFault::Empty)
    } else if is_placeholder_word(text) || (!masked && is_placeholder_number(characters)) {
        Some(IdFault::Placeholder)
    } else if long_runs >= 2 {
        Some(IdFault::TwoInCell)
    } else if masked || has_inner_x_run(characters) {
        Some(IdFault::Masked)
    } else if is_scientific(text, exponent) {
        Some(IdFault::ScientificNotation)
    } else if foreign || separator || point {
        Some(IdFault::Characters)
    } else if too_long {
        Some(if all_digits_or_x {
            IdFault::Length
        } else {
            IdFault::Characters
        })
    } else {
        None
    };
    match fault {
        Some(fault) => {
            cell.wipe();
            Err(fault)
        }
        None => Ok(cell),
    }
}

fn is_placeholder_word(text: &str) -> bool {
    let word: String = characters(text).filter(|c| !c.is_whitespace()).collect();
    PLACEHOLDER_WORDS.contains(&word.to_ascii_uppercase().as_str()) || word == "/" || word == "-"
}

fn is_placeholder_number(characters: &[u8]) -> bool {
    let same = characters.len() > 1 && characters.windows(2).all(|pair| pair[0] == pair[1]);
    let ascending = characters.len() >= 15
        && characters[..characters.len() - 1]
            .iter()
            .enumerate()
            .all(|(index, character)| usize::from(*character) == 48 + (index + 1) % 10);
    characters == b"0" || same || ascending
}

/// Finds X used as a mask, as in `4402XXXXXXXXXX1630`.
fn has_inner_x_run(characters: &[u8]) -> bool {
    characters.windows(3).any(|three| three == b"XXX")
}

/// Recognises scientific notation such as `4.40203E+17` or `4.4E17`.
fn is_scientific(text: &str, exponent: bool) -> bool {
    exponent && text.parse::<f64>().is_ok()
}
