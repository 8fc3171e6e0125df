//! The formats of cells: of all that styles say, what a number stands for.

use std::collections::HashMap;
use std::io::Read;

use crate::error::{Bound, Fault};
use crate::format::NumberFormat;
use crate::limits::MOST_STYLES;
use crate::package::kept;
use crate::xml::{Scanner, Tag, Token};

/// The number format of each cell format (`cellXfs`), in their order.
pub(crate) fn read_styles<R: Read>(source: R) -> Result<Vec<NumberFormat>, Fault> {
    let mut scanner = Scanner::new(source)?;
    let mut of_the_file: HashMap<u32, NumberFormat> = HashMap::new();
    let mut ids = Vec::new();
    let mut is_in_cell_formats = false;
    loop {
        match scanner.token()? {
            Token::Start(tag) => match tag.local_name() {
                b"numFmt" => {
                    if let Some((id, format)) = number_format(&tag)? {
                        if of_the_file.len() == MOST_STYLES {
                            return Err(Bound::Styles.into());
                        }
                        of_the_file.entry(id).or_insert(format);
                    }
                }
                b"cellXfs" => is_in_cell_formats = !tag.is_empty,
                b"xf" if is_in_cell_formats => {
                    if ids.len() == MOST_STYLES {
                        return Err(Bound::Styles.into());
                    }
                    ids.push(number_of(&tag)?);
                }
                _ => {}
            },
            // `cellStyleXfs` holds elements of the same name.
            Token::End(1) => is_in_cell_formats = false,
            Token::Finished => break,
            _ => {}
        }
    }
    let format = |id: &u32| {
        let own = of_the_file.get(id).copied();
        own.unwrap_or_else(|| NumberFormat::built_in(*id))
    };
    Ok(ids.iter().map(format).collect())
}

fn number_format(tag: &Tag<'_>) -> Result<Option<(u32, NumberFormat)>, Fault> {
    let (mut id, mut code) = (None, None);
    for attribute in tag.attributes() {
        let attribute = attribute?;
        match attribute.name {
            b"numFmtId" => id = attribute.text()?.trim().parse().ok(),
            b"formatCode" => code = Some(kept(&attribute)?),
            _ => {}
        }
    }
    Ok(id
        .zip(code)
        .map(|(id, code)| (id, NumberFormat::of_code(&code))))
}

fn number_of(tag: &Tag<'_>) -> Result<u32, Fault> {
    for attribute in tag.attributes() {
        let attribute = attribute?;
        if attribute.name == b"numFmtId" {
            return Ok(attribute.text()?.trim().parse().unwrap_or_default());
        }
    }
    Ok(0)
}
