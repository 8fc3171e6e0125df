//! Reads the number format of each cell format; the rest of the styles is ignored.

use std::collections::HashMap;
use std::io::Read;

use crate::date::DateEpoch;
use crate::error::{Bound, Fault};
use crate::format::NumberFormat;
use crate::limits::MOST_STYLES;
use crate::package::owned_value;
use crate::xml::{Scanner, Tag, Token};

/// The formats that a part of styles defines.
#[derive(Default)]
pub(crate) struct Styles {
    custom: HashMap<u32, NumberFormat>,
    /// The id of the number format of each cell format; `None` if it is no number.
    ids: Vec<Option<u32>>,
}

impl Styles {
    /// Adds a number format. If two have the same id, the first one counts.
    pub(crate) fn add_number_format(&mut self, id: u32, code: &str) -> Result<(), Fault> {
        if self.custom.len() == MOST_STYLES {
            return Err(Bound::Styles.into());
        }
        let custom = self.custom.entry(id);
        custom.or_insert_with(|| NumberFormat::of_code(code));
        Ok(())
    }

    /// Adds a cell format that has the number format of this id.
    pub(crate) fn add_cell_format(&mut self, id: Option<u32>) -> Result<(), Fault> {
        if self.ids.len() == MOST_STYLES {
            return Err(Bound::Styles.into());
        }
        self.ids.push(id);
        Ok(())
    }

    /// Returns the formats that cells refer to.
    pub(crate) fn formats(&self) -> CellFormats {
        let format = |id: &Option<u32>| {
            let own = self.custom.get(id.as_ref()?).copied();
            own.or_else(|| NumberFormat::built_in((*id)?))
        };
        CellFormats {
            formats: self.ids.iter().map(format).collect(),
            undefined: None,
        }
    }
}

/// The number format of each cell format, in order; `None` if the file does not define it.
#[derive(Default)]
pub(crate) struct CellFormats {
    formats: Vec<Option<NumberFormat>>,
    /// What a cell format counts as that the file does not define.
    undefined: Option<NumberFormat>,
}

impl CellFormats {
    /// Returns the number format of the cell format with this index. A workbook without
    /// styles has the first one.
    #[inline]
    pub(crate) fn get(&self, index: u32) -> Option<NumberFormat> {
        match self.formats.get(index as usize) {
            Some(format) => format.or(self.undefined),
            None if index == 0 => Some(NumberFormat::General),
            None => self.undefined,
        }
    }

    /// Sets the workbook's epoch. A number without a format is read as Excel does if dates
    /// count from 1900, as they do in number cells. From 1904 it could be a date or not.
    pub(crate) fn of_epoch(self, epoch: DateEpoch) -> Self {
        CellFormats {
            undefined: match epoch {
                DateEpoch::Year1900 => Some(NumberFormat::General),
                DateEpoch::Year1904 => None,
            },
            ..self
        }
    }
}

/// Returns the number formats of the cell formats (`cellXfs`).
pub(crate) fn read_styles<R: Read>(source: R) -> Result<CellFormats, Fault> {
    let mut scanner = Scanner::new(source)?;
    let mut styles = Styles::default();
    let mut is_in_cell_formats = false;
    loop {
        match scanner.token()? {
            Token::Start(tag) => match tag.local_name() {
                b"numFmt" => {
                    if let Some((id, code)) = number_format(&tag)? {
                        styles.add_number_format(id, &code)?;
                    }
                }
                b"cellXfs" => is_in_cell_formats = !tag.is_empty,
                b"xf" if is_in_cell_formats => styles.add_cell_format(number_format_id(&tag)?)?,
                _ => {}
            },
            // `cellStyleXfs` also contains `xf` elements, which do not count.
            Token::End(1) => is_in_cell_formats = false,
            Token::Finished => return Ok(styles.formats()),
            _ => {}
        }
    }
}

fn number_format(tag: &Tag<'_>) -> Result<Option<(u32, String)>, Fault> {
    let (mut id, mut code) = (None, None);
    for attribute in tag.attributes() {
        let attribute = attribute?;
        match attribute.name {
            b"numFmtId" => id = attribute.text()?.trim().parse().ok(),
            b"formatCode" => code = Some(owned_value(&attribute)?),
            _ => {}
        }
    }
    Ok(id.zip(code))
}

fn number_format_id(tag: &Tag<'_>) -> Result<Option<u32>, Fault> {
    for attribute in tag.attributes() {
        let attribute = attribute?;
        if attribute.name == b"numFmtId" {
            return Ok(attribute.text()?.trim().parse().ok());
        }
    }
    Ok(Some(0))
}
