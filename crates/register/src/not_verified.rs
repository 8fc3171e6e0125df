//! Why a register could not be verified: it is not as it was signed, or nobody could look.

use aidlink_faults::fault::Faults;

/// Why a register could not be verified.
#[derive(Debug)]
pub enum NotVerified {
    /// It is not as it was signed, or is damaged.
    NotHeld(Faults),
    /// Nobody could look: it cannot be read, another program uses it, or it is of another version.
    Unknown(Faults),
}

impl From<NotVerified> for Faults {
    fn from(why: NotVerified) -> Self {
        match why {
            NotVerified::NotHeld(faults) | NotVerified::Unknown(faults) => faults,
        }
    }
}
