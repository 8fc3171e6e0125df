//! How a command ends, and its exit code.

use aidlink_faults::fault::{Fault, Faults};

/// How a command ended. Each variant has an exit code.
#[derive(Debug)]
pub enum Ending {
    /// Done (exit code 0).
    Done,
    /// Failed while running (1).
    Failed(Faults),
    /// The command line or the configuration is wrong (2).
    WrongConfiguration(Faults),
    /// Done with reservations (3): the lists are provisional, a threshold was
    /// exceeded, or something is left to correct or delete.
    Provisional,
    /// A check does not hold, or tampering was found (4).
    NotHeld,
}

impl Ending {
    /// Returns the ending of a command that has done its work.
    pub fn done(is_provisional: bool) -> Self {
        match is_provisional {
            true => Ending::Provisional,
            false => Ending::Done,
        }
    }

    /// Returns the ending of a command that checks something.
    pub fn held(everything_holds: bool) -> Self {
        match everything_holds {
            true => Ending::Done,
            false => Ending::NotHeld,
        }
    }

    /// Returns the ending of a command that may have returned early with `?`.
    pub fn of(result: Result<Self, Self>) -> Self {
        result.unwrap_or_else(|ending| ending)
    }

    /// The exit code.
    pub fn exit_code(&self) -> u8 {
        match self {
            Ending::Done => 0,
            Ending::Failed(_) => 1,
            Ending::WrongConfiguration(_) => 2,
            Ending::Provisional => 3,
            Ending::NotHeld => 4,
        }
    }
}

/// Faults become failures. Code that reads the configuration returns
/// [`Ending::WrongConfiguration`] explicitly.
impl From<Faults> for Ending {
    fn from(faults: Faults) -> Self {
        Ending::Failed(faults)
    }
}

impl From<Fault> for Ending {
    fn from(fault: Fault) -> Self {
        Ending::Failed(fault.into())
    }
}
