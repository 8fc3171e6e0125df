//! Opens the register that a round file names.

use aidlink_faults::fault::Faults;
use aidlink_faults::text::Text;
use aidlink_office::terminal::Output;
use aidlink_policy::reading::PlannedExport;
use aidlink_procuratorate::register::in_round::RoundRegister;

/// Opens the register that exports of a round name, and says what the user must be told of it;
/// `None` if they name none.
///
/// # Errors
/// If it cannot be opened and verified, or its key is not the right one.
pub(crate) fn open_register(
    exports: &[PlannedExport],
    output: Output,
) -> Result<Option<RoundRegister>, Faults> {
    let register = RoundRegister::of(exports, None)?;
    for notice in register.iter().flat_map(RoundRegister::notices) {
        output.say(&Text::new(
            format!("  ! {}", notice.zh),
            format!("  ! {}", notice.en),
        ));
    }
    Ok(register)
}
