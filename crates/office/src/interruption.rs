//! Ctrl-C and the system's request to end: what is under way is removed, so
//! that an interrupted run leaves no lists behind.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The folder under way; a command has one at a time.
static UNDER_WAY: Mutex<Option<PathBuf>> = Mutex::new(None);

/// Removes a folder when the program is interrupted.
pub fn remove_when_interrupted(folder: &Path) {
    *under_way() = Some(folder.to_path_buf());
}

/// What was under way is about to get its final name.
pub fn keep() {
    *under_way() = None;
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
            if let Some(folder) = folder.as_deref() {
                // A file may be written into it at this moment: once more then.
                let _ =
                    std::fs::remove_dir_all(folder).or_else(|_| std::fs::remove_dir_all(folder));
            }
            std::process::exit(128 + signal);
        }
    });
}

/// Elsewhere an interrupted run leaves a hidden folder, which the next removes.
#[cfg(not(unix))]
pub fn listen() {}
