//! How a command ends.

use aidlink_faults::fault::{Fault, Faults};

/// How a command ended; the exit code follows.
#[derive(Debug)]
pub enum Ending {
    /// Done: 0.
    Done,
    /// Failed while running: 1.
    Failed(Faults),
    /// Wrong usage or configuration: 2.
    WrongConfiguration(Faults),
    /// Done, but a threshold was passed: 3.
    ThresholdPassed,
}

impl Ending {
    /// Of a command that has done its work.
    pub fn done(threshold_passed: bool) -> Self {
        match threshold_passed {
            true => Ending::ThresholdPassed,
            false => Ending::Done,
        }
    }

    /// Of a command that may end at any `?`.
    pub fn of(result: Result<Self, Self>) -> Self {
        result.unwrap_or_else(|ending| ending)
    }

    /// The exit code.
    pub fn exit_code(&self) -> u8 {
        match self {
            Ending::Done => 0,
            Ending::Failed(_) => 1,
            Ending::WrongConfiguration(_) => 2,
            Ending::ThresholdPassed => 3,
        }
    }
}

/// What goes wrong after a command has begun is a failure; whoever reads
/// arguments and configuration says so.
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
