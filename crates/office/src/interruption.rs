//! Ctrl-C and the system's request to end: what is under way is removed, so
//! that an interrupted run leaves no lists behind.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use aidlink_files::partial::secret_write_lock;

/// The folder under way; a command has one at a time.
static UNDER_WAY: Mutex<Option<PathBuf>> = Mutex::new(None);

/// Makes a folder that is removed when the program is interrupted; an
/// interruption waits until it is known.
pub fn making<E>(
    make: impl FnOnce() -> Result<tempfile::TempDir, E>,
) -> Result<tempfile::TempDir, E> {
    let mut under_way = under_way();
    let folder = make()?;
    *under_way = Some(folder.path().to_path_buf());
    Ok(folder)
}

/// Gives what is under way its final name; an interruption waits until it has it.
pub fn finishing<T>(rename: impl FnOnce() -> T) -> T {
    let mut under_way = under_way();
    let renamed = rename();
    *under_way = None;
    renamed
}

fn under_way() -> MutexGuard<'static, Option<PathBuf>> {
    UNDER_WAY.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Listens for interruptions from now on. The program then ends with 128 plus
/// the signal's number, as a shell expects.
#[cfg(unix)]
pub fn listen() {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    // Without a listener an interruption leaves the hidden folder, which the
    // next run removes: no reason to refuse the run.
    let Ok(mut signals) = signal_hook::iterator::Signals::new([SIGHUP, SIGINT, SIGTERM]) else {
        return;
    };
    let _ = std::thread::Builder::new().spawn(move || {
        if let Some(signal) = signals.forever().next() {
            // Held to the end: nothing begins or gets its name meanwhile.
            let folder = under_way();
            let _lock = secret_write_lock();
            if let Some(folder) = folder.as_deref() {
                // Files may be written into it at this moment: again then.
                for _ in 0..200 {
                    let _ = std::fs::remove_dir_all(folder);
                    if !folder.exists() {
                        break;
                    }
                    std::thread::sleep(std::time::Duration::from_millis(1));
                }
            }
            std::process::exit(128 + signal);
        }
    });
}

/// Elsewhere an interrupted run leaves a hidden folder, which the next removes.
#[cfg(not(unix))]
pub fn listen() {}
