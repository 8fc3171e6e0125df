//! Ctrl-C and termination signals: the partial output folder is removed, so that
//! an interrupted run leaves no lists behind.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The partial output folder; a command has one at a time.
static PARTIAL_FOLDER: Mutex<Option<PathBuf>> = Mutex::new(None);

/// Creates a folder that is removed if the program is interrupted. A signal
/// during the call is handled after it.
pub fn create_tracked<E>(
    create: impl FnOnce() -> Result<tempfile::TempDir, E>,
) -> Result<tempfile::TempDir, E> {
    let mut partial = partial_folder();
    let folder = create()?;
    *partial = Some(folder.path().to_path_buf());
    Ok(folder)
}

/// Gives the partial folder its final name. A signal during the call is handled
/// after it.
pub fn finish_tracked<T>(rename: impl FnOnce() -> T) -> T {
    let mut partial = partial_folder();
    let renamed = rename();
    *partial = None;
    renamed
}

fn partial_folder() -> MutexGuard<'static, Option<PathBuf>> {
    PARTIAL_FOLDER
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
}

/// Handles SIGHUP, SIGINT and SIGTERM from now on: removes the partial folder
/// and exits with 128 plus the signal number, as a shell expects.
#[cfg(unix)]
pub fn listen() {
    use std::io::Write as _;

    use aidlink_files::partial::secret_write_lock;
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    // Not a reason to refuse the run: without a handler, an interrupted run
    // leaves a hidden folder, and the next run removes it.
    let Ok(mut signals) = signal_hook::iterator::Signals::new([SIGHUP, SIGINT, SIGTERM]) else {
        return;
    };
    let _ = std::thread::Builder::new().spawn(move || {
        if let Some(signal) = signals.forever().next() {
            // Both locks are held until the exit, so that no folder is created
            // or renamed meanwhile.
            let folder = partial_folder();
            let _undisturbed = secret_write_lock();
            if let Some(folder) = folder.as_deref() {
                // Another thread may still be writing into it, so try again.
                for _ in 0..200 {
                    let _ = std::fs::remove_dir_all(folder);
                    if !folder.exists() {
                        break;
                    }
                    std::thread::sleep(std::time::Duration::from_millis(1));
                }
                // In both languages: the user's is not known here. The line begins anew,
                // because the terminal shows `^C` or a progress line.
                let message = match folder.exists() {
                    false => "已中断：没有写出结果 / interrupted: no result was written",
                    true => {
                        "已中断：没有写出结果；未完成的文件夹无法删除，下次运行时会清除 / interrupted: no result was written; the unfinished folder could not be removed, and the next run removes it"
                    }
                };
                let _ = writeln!(std::io::stderr(), "\n{message}");
            }
            std::process::exit(128 + signal);
        }
    });
}

/// Does nothing on other systems: an interrupted run leaves a hidden folder, which a
/// person must remove.
#[cfg(not(unix))]
pub fn listen() {}
