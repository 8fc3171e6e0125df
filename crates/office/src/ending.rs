//! How a command ends.

use aidlink_faults::fault::Faults;

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
