//! The statement that a sender signs with a file: round, terms, content, key id
//! and recipient. It is the trusted comment of a minisign signature over the
//! plain bytes.
//!
//! A sealed file carries its signature inside the seal, after the plain bytes:
//! outside, a signature would let anybody confirm a guess at the content of a
//! small file. The text of the signature file is followed by its length as eight
//! decimal digits and a line feed, so that `tail` and `head` can separate the
//! two for `minisign -V`.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use crate::signing::{LARGEST_SIGNATURE, Signature};

/// Eight digits and a line feed.
const LENGTH_LINE: u64 = 9;
/// The most bytes of [`trailer`].
pub const LARGEST_TRAILER: u64 = LARGEST_SIGNATURE + LENGTH_LINE;

/// The content of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// The tokens of an export, by the name of its schema.
    Tokens(String),
    /// Screened leads.
    Leads,
    /// The round's key.
    Key,
}

/// A sender's statement about a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// The round's id.
    pub round: String,
    /// The digest of the round's terms, hexadecimal.
    pub terms: String,
    /// The content.
    pub content: Content,
    /// The id of the round's key.
    pub key_id: String,
    /// The recipient as age writes it, [`TO_PLAIN`] for a file that is not
    /// sealed, or [`TO_PASSPHRASE`] for one sealed with a passphrase.
    pub to: String,
}

/// The `to` of a file that is not sealed.
pub const TO_PLAIN: &str = "plain";
/// The `to` of a file that is sealed with a passphrase.
pub const TO_PASSPHRASE: &str = "passphrase";

impl Statement {
    /// Returns the trusted comment.
    pub fn to_comment(&self) -> String {
        let content = match &self.content {
            Content::Tokens(export) => format!("tokens {export}"),
            Content::Leads => "leads".to_owned(),
            Content::Key => "key".to_owned(),
        };
        let Statement {
            round,
            terms,
            key_id,
            to,
            ..
        } = self;
        format!(
            "aidlink crossing; round {round}; terms {terms}; content {content}; key id {key_id}; to {to}"
        )
    }

    /// Parses a trusted comment; `None` if it is not a statement.
    pub fn parse(comment: &str) -> Option<Self> {
        let mut parts = comment.split("; ");
        let mut value = |prefix: &str| Some(parts.next()?.strip_prefix(prefix)?.to_owned());
        value("aidlink crossing")?;
        let round = value("round ")?;
        let terms = value("terms ")?;
        let content = value("content ")?;
        let statement = Statement {
            round,
            terms,
            content: match content.split_once(' ') {
                Some(("tokens", export)) => Content::Tokens(export.to_owned()),
                None if content == "leads" => Content::Leads,
                None if content == "key" => Content::Key,
                _ => return None,
            },
            key_id: value("key id ")?,
            to: value("to ")?,
        };
        // The comment must contain nothing else.
        (statement.to_comment() == comment).then_some(statement)
    }
}

/// Returns what follows the plain bytes inside a seal: the signature and its length.
pub fn trailer(signature: &str) -> String {
    format!("{signature}{:08}\n", signature.len())
}

/// Cuts the signature off the end of an opened file, so that only the plain
/// bytes remain. Returns the signature and the length of the plain bytes, or
/// `None` if the file has no signature.
///
/// # Errors
/// When the file cannot be read or truncated.
pub fn take_signature(file: &mut File) -> io::Result<Option<(Signature, u64)>> {
    let length = file.seek(SeekFrom::End(0))?;
    let Some(before_length) = length.checked_sub(LENGTH_LINE) else {
        return Ok(None);
    };
    let end = read_at(file, before_length, LENGTH_LINE)?;
    let Some(signature_length) = length_in(&end).filter(|length| *length <= LARGEST_SIGNATURE)
    else {
        return Ok(None);
    };
    let Some(plain_length) = before_length.checked_sub(signature_length) else {
        return Ok(None);
    };
    let text = read_at(file, plain_length, signature_length)?;
    let signature = std::str::from_utf8(&text)
        .ok()
        .and_then(Signature::parse_of_minisign);
    let Some(signature) = signature else {
        return Ok(None);
    };
    file.set_len(plain_length)?;
    file.rewind()?;
    Ok(Some((signature, plain_length)))
}

/// Splits a small file in memory into the plain bytes and the signature.
pub fn split_signature(opened: &[u8]) -> Option<(&[u8], Signature)> {
    let (rest, end) = opened.split_at_checked(opened.len().checked_sub(9)?)?;
    let length = usize::try_from(length_in(end)?).ok()?;
    let (plain, text) = rest.split_at_checked(rest.len().checked_sub(length)?)?;
    let signature = Signature::parse_of_minisign(std::str::from_utf8(text).ok()?)?;
    Some((plain, signature))
}

fn length_in(line: &[u8]) -> Option<u64> {
    let digits = line.strip_suffix(b"\n")?;
    let all_digits = digits.len() == 8 && digits.iter().all(u8::is_ascii_digit);
    all_digits
        .then(|| std::str::from_utf8(digits).ok()?.parse().ok())
        .flatten()
}

fn read_at(file: &mut File, at: u64, length: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(at))?;
    file.take(length).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::signing::SigningKey;

    fn statement() -> Statement {
        Statement {
            round: "2026Q3".to_owned(),
            terms: "ab".repeat(32),
            content: Content::Tokens("veterans.persons".to_owned()),
            key_id: "0123456789abcdef".to_owned(),
            to: "age1x".to_owned(),
        }
    }

    #[test]
    fn a_statement_is_parsed_back_and_a_changed_comment_is_not() {
        let all = [
            statement(),
            Statement {
                content: Content::Leads,
                ..statement()
            },
            Statement {
                content: Content::Key,
                to: TO_PASSPHRASE.to_owned(),
                ..statement()
            },
        ];
        for statement in all {
            let comment = statement.to_comment();
            assert_eq!(Statement::parse(&comment).as_ref(), Some(&statement));
            for changed in [
                format!("{comment}; more x"),
                format!(" {comment}"),
                comment.replace("; ", ";"),
                comment.replace("terms", "term"),
                comment.replace("content ", "content x"),
            ] {
                assert_eq!(Statement::parse(&changed), None, "{changed}");
            }
        }
        assert_eq!(Statement::parse(""), None);
    }

    #[test]
    fn the_signature_is_cut_off_the_end_of_an_opened_file() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let key = SigningKey::make(&folder.path().join("signing.key")).expect("writable");
        for plain in [&b"tokens"[..], b"", b"00000003\n"] {
            let text = key
                .sign(plain, &statement().to_comment(), folder.path())
                .expect("randomness");
            let opened = [plain, trailer(&text).as_bytes()].concat();
            let (found, signature) = split_signature(&opened).expect("signed");
            assert_eq!(found, plain);
            assert!(signature.verifies(key.public(), plain));
            let mut file = tempfile::tempfile().expect("a temporary file");
            file.write_all(&opened).expect("writable");
            let taken = take_signature(&mut file).expect("readable");
            let (signature, length) = taken.expect("signed");
            assert_eq!(length, plain.len() as u64);
            let mut left = Vec::new();
            file.read_to_end(&mut left).expect("readable");
            assert_eq!(left, plain);
            assert!(signature.verifies(key.public(), plain));
            assert_eq!(Statement::parse(&signature.comment()), Some(statement()));
        }
        for unsigned in [
            &b""[..],
            b"x",
            b"00000000\n",
            b"99999999\n",
            b"some text 00000004\n",
        ] {
            assert!(split_signature(unsigned).is_none());
            let mut file = tempfile::tempfile().expect("a temporary file");
            file.write_all(unsigned).expect("writable");
            assert!(take_signature(&mut file).expect("readable").is_none());
        }
    }
}
