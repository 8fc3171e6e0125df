//! Secrets stand in files that nobody but their owner may read or change.

use std::path::Path;

use crate::fault::Fault;
use crate::text::Text;

/// Refuses a file that others than its owner may read or change. `what` is the
/// file's name in the sentence.
///
/// # Errors
/// When it cannot be read or others may.
#[cfg(unix)]
pub fn check_owner_only(path: &Path, what: &Text) -> Result<(), Fault> {
    use std::os::unix::fs::PermissionsExt;
    let metadata = std::fs::metadata(path).map_err(|error| Fault::unreadable(path, &error))?;
    if metadata.permissions().mode() & 0o077 != 0 {
        return Err(Fault::of_file(
            path,
            Text::new(
                format!("{}可被他人读取或改写，拒绝使用", what.zh),
                format!("others may read or change {}; it is refused", what.en),
            ),
            Text::new(
                format!("请执行 chmod 600 {}；若已外泄，请更换", path.display()),
                format!(
                    "run chmod 600 {}; if others may have read it, make a new one",
                    path.display()
                ),
            ),
        ));
    }
    Ok(())
}

/// Elsewhere the folder must keep others out.
///
/// # Errors
/// None.
#[cfg(not(unix))]
pub fn check_owner_only(_path: &Path, _what: &Text) -> Result<(), Fault> {
    Ok(())
}
