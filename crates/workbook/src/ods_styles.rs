//! The styles of ODS sheets, as far as they hide a sheet (`table:display`). Those that a
//! program makes for a sheet are in the part of the sheets, those that have a name of their
//! own in another part.

use std::collections::HashMap;
use std::io::Read;

use crate::error::{Bound, Fault, Problem};
use crate::limits::MOST_SHEETS;
use crate::package::owned_value;
use crate::xml::{Scanner, Tag, Token};

/// Styles beyond the sheet's own that are asked whether they hide it. Programs nest one or
/// two.
const MOST_PARENTS: usize = 64;

/// The styles of sheets in one part.
#[derive(Default)]
pub(crate) struct TableStyles {
    named: HashMap<String, TableStyle>,
    /// For sheets whose styles do not say.
    default: TableStyle,
    current: Current,
}

#[derive(Default)]
struct TableStyle {
    display: Option<bool>,
    parent: Option<String>,
}

/// The style whose start tag was read last.
#[derive(Default)]
enum Current {
    #[default]
    Other,
    Default,
    Named(String),
}

impl TableStyles {
    /// Takes the start of an element in a list of styles.
    pub(crate) fn start(&mut self, tag: &Tag<'_>) -> Result<(), Fault> {
        match (tag.depth, tag.local_name()) {
            (2, b"style" | b"default-style") => self.current = self.add(tag)?,
            (2, _) => self.current = Current::Other,
            (3, b"table-properties") => {
                let display = read_display(tag)?;
                let style = match &self.current {
                    Current::Other => None,
                    Current::Default => Some(&mut self.default),
                    Current::Named(name) => self.named.get_mut(name),
                };
                if let Some(style) = style {
                    style.display = display.or(style.display);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn add(&mut self, tag: &Tag<'_>) -> Result<Current, Fault> {
        let (mut is_of_tables, mut name, mut parent) = (false, None, None);
        for attribute in tag.attributes() {
            let attribute = attribute?;
            match attribute.local_name() {
                b"family" => is_of_tables = attribute.raw == b"table",
                b"name" => name = Some(attribute),
                b"parent-style-name" => parent = Some(attribute),
                _ => {}
            }
        }
        if !is_of_tables {
            return Ok(Current::Other);
        }
        let Some(name) = name else {
            return Ok(match tag.local_name() {
                b"default-style" => Current::Default,
                _ => Current::Other,
            });
        };
        if self.named.len() == MOST_SHEETS {
            return Err(Bound::Styles.into());
        }
        let name = owned_value(&name)?;
        let style = TableStyle {
            display: None,
            parent: parent.as_ref().map(owned_value).transpose()?,
        };
        self.named.insert(name.clone(), style);
        Ok(Current::Named(name))
    }

    /// Returns whether a sheet with the style of this name is hidden. `common` are the
    /// styles of the other part, from which these inherit.
    pub(crate) fn hide(&self, name: &str, common: &TableStyles) -> bool {
        let mut style = self.named.get(name).or_else(|| common.named.get(name));
        for _ in 0..=MOST_PARENTS {
            let Some(TableStyle { display, parent }) = style else {
                break;
            };
            if let Some(display) = display {
                return !display;
            }
            style = parent.as_ref().and_then(|name| common.named.get(name));
        }
        common.default.display == Some(false)
    }
}

/// Reads the styles that have a name of their own (`office:styles`).
pub(crate) fn read_common_styles<R: Read>(source: R) -> Result<TableStyles, Fault> {
    let mut scanner = Scanner::new(source)?;
    let mut styles = TableStyles::default();
    let mut is_in_list = false;
    loop {
        match scanner.token()? {
            Token::Start(tag) => match (tag.depth, tag.local_name()) {
                (0, b"document-styles") => {}
                (0, _) => return Err(Problem::OtherContent.into()),
                (1, name) => is_in_list = name == b"styles" && !tag.is_empty,
                _ if is_in_list => styles.start(&tag)?,
                _ => {}
            },
            Token::End(1) => is_in_list = false,
            Token::Finished => return Ok(styles),
            _ => {}
        }
    }
}

fn read_display(tag: &Tag<'_>) -> Result<Option<bool>, Fault> {
    for attribute in tag.attributes() {
        let attribute = attribute?;
        if attribute.local_name() == b"display" {
            return Ok(Some(attribute.raw != b"false"));
        }
    }
    Ok(None)
}
