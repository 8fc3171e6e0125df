//! Characters that a reader does not see.

/// Returns whether a character has no glyph and no width: the soft hyphen, the
/// Mongolian vowel separator, zero-width characters, marks of direction, invisible
/// operators and the byte-order mark (Unicode, `Default_Ignorable_Code_Point`, of
/// those that editors and databases leave in cells). White space and control
/// characters are not among them.
///
/// The search for personal numbers has a wider class of its own, for it must see
/// through every character that could hide a number.
pub fn is_invisible(character: char) -> bool {
    matches!(
        character,
        '\u{ad}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{2064}' | '\u{2066}'..='\u{2069}' | '\u{feff}'
    )
}

#[cfg(test)]
mod tests {
    use super::is_invisible;

    #[test]
    fn invisible_characters_are_neither_text_nor_white_space() {
        for character in "\u{ad}\u{200b}\u{200d}\u{202e}\u{2060}\u{2067}\u{feff}".chars() {
            assert!(is_invisible(character), "{character:?}");
        }
        for character in " \t\n\u{3000}a张1*-".chars() {
            assert!(!is_invisible(character), "{character:?}");
        }
    }
}
