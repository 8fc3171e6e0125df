//! Periods of days, months or years, as policies write them: `6 months`.

use std::fmt;

/// The longest period, in its own unit.
const LONGEST: u32 = 1200;

/// A number of days, months or years.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    amount: u32,
    unit: Unit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Day,
    Month,
    Year,
}

impl Unit {
    fn name(self) -> &'static str {
        match self {
            Unit::Day => "day",
            Unit::Month => "month",
            Unit::Year => "year",
        }
    }
}

impl Period {
    /// Parses `90 days`, `6 months` or `1 year`; at most 1200 of them.
    pub fn parse(text: &str) -> Option<Self> {
        let (amount, unit) = text.split_once(' ')?;
        let amount = amount.parse::<u32>().ok()?;
        let units = [Unit::Day, Unit::Month, Unit::Year].into_iter();
        let unit = units
            .into_iter()
            .find(|known| unit == known.name() || unit.strip_suffix('s') == Some(known.name()))?;
        (amount <= LONGEST).then_some(Period { amount, unit })
    }

    /// Returns the period in months and days.
    pub fn months_and_days(self) -> (i32, i32) {
        let amount = i32::try_from(self.amount).unwrap_or(i32::MAX);
        match self.unit {
            Unit::Day => (0, amount),
            Unit::Month => (amount, 0),
            Unit::Year => (amount.saturating_mul(12), 0),
        }
    }

    /// Returns the period as the rule language writes it.
    pub fn interval(self) -> String {
        format!(
            "INTERVAL '{}' {}",
            self.amount,
            self.unit.name().to_uppercase()
        )
    }
}

impl fmt::Display for Period {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.amount == 1 { "" } else { "s" };
        write!(formatter, "{} {}{plural}", self.amount, self.unit.name())
    }
}
