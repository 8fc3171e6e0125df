//! `aidlink register backup`: copies the register while it may be in use.

use aidlink_faults::personal_number::shown_path;
use aidlink_faults::text::Text;
use aidlink_office::terminal::Output;
use serde::Serialize;

use crate::cli::RegisterBackupArguments;
use crate::commands::Ending;

/// The answer of `register backup`.
#[derive(Serialize)]
struct BackedUp<'a> {
    file: &'a str,
    events: u64,
    last: &'a str,
}

/// Copies the register.
pub(super) fn run(arguments: &RegisterBackupArguments, output: Output) -> Result<Ending, Ending> {
    let register = arguments.file.open_to_read(output)?;
    let head = register.backup(&arguments.out)?;
    let file = shown_path(&arguments.out);
    let (events, last) = (head.events, head.last.as_str());
    output.answer(
        &Text::new(
            format!("已备份登记簿 {file}（{events}项，已核验）。密钥文件须另行备份，与备份分开保管。"),
            format!("backed up the register: {file}, {events} events, verified. Back up the key file too, in another place."),
        ),
        &file,
        &BackedUp {
            file: &file,
            events,
            last,
        },
    );
    Ok(Ending::Done)
}
