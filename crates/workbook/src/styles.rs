//! Reads the number format of each cell format; the rest of the styles is ignored.

use std::collections::HashMap;
use std::io::Read;

use crate::error::{Bound, Fault};
use crate::format::NumberFormat;
use crate::limits::MOST_STYLES;
use crate::package::owned_value;
use crate::xml::{Scanner, Tag, Token};

/// Returns the number format of each cell format (`cellXfs`), in order.
pub(crate) fn read_styles<R: Read>(source: R) -> Result<Vec<NumberFormat>, Fault> {
    let mut scanner = Scanner::new(source)?;
    let mut custom: HashMap<u32, NumberFormat> = HashMap::new();
    let mut ids = Vec::new();
    let mut is_in_cell_formats = false;
    loop {
        match scanner.token()? {
            Token::Start(tag) => match tag.local_name() {
                b"numFmt" => {
                    if let Some((id, format)) = number_format(&tag)? {
                        if custom.len() == MOST_STYLES {
                            return Err(Bound::Styles.into());
                        }
                        custom.entry(id).or_insert(format);
                    }
                }
                b"cellXfs" => is_in_cell_formats = !tag.is_empty,
                b"xf" if is_in_cell_formats => {
                    if ids.len() == MOST_STYLES {
                        return Err(Bound::Styles.into());
                    }
                    ids.push(number_format_id(&tag)?);
                }
                _ => {}
            },
            // `cellStyleXfs` also contains `xf` elements, which do not count.
            Token::End(1) => is_in_cell_formats = false,
            Token::Finished => break,
            _ => {}
        }
    }
    let format = |id: &u32| {
        let own = custom.get(id).copied();
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
            b"formatCode" => code = Some(owned_value(&attribute)?),
            _ => {}
        }
    }
    Ok(id
        .zip(code)
        .map(|(id, code)| (id, NumberFormat::of_code(&code))))
}

fn number_format_id(tag: &Tag<'_>) -> Result<u32, Fault> {
    for attribute in tag.attributes() {
        let attribute = attribute?;
        if attribute.name == b"numFmtId" {
            return Ok(attribute.text()?.trim().parse().unwrap_or_default());
        }
    }
    Ok(0)
}
