//! The periods of a policy, and the calendar in which they count.

use std::path::Path;

use aidlink_policy::calendar::Calendar;
use aidlink_policy::pack::Policy;
use aidlink_policy::shipped;
use aidlink_register::due::Clocks;
use jiff::Zoned;
use jiff::civil::Date;

use crate::cli::RegisterTerms;
use crate::commands::Ending;
use crate::policy_file::read_policy;

/// What periods are computed with.
pub(super) struct Terms {
    pub(super) policy: Policy,
    pub(super) clocks: Clocks,
    pub(super) calendar: Calendar,
    pub(super) as_of: Date,
}

impl RegisterTerms {
    /// Reads policy and calendar.
    pub(super) fn read(&self) -> Result<Terms, Ending> {
        let policy = read_policy(&self.policy, self.schemas.as_deref());
        let (policy, _) = policy.map_err(Ending::WrongConfiguration)?;
        let calendar = match &self.calendar {
            Some(file) => Calendar::read(file),
            None => {
                let shipped = shipped::CALENDAR;
                Calendar::parse(Path::new(shipped.name), shipped.text.as_bytes().to_vec())
            }
        };
        Ok(Terms {
            clocks: Clocks::of(&policy),
            policy,
            calendar: calendar.map_err(Ending::WrongConfiguration)?,
            as_of: self.as_of.unwrap_or_else(|| Zoned::now().date()),
        })
    }
}
