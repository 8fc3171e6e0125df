//! Attacks on what the threat model promises: somebody who can write into a
//! round's folder, or sends files, tries to have other files deleted, to hide a
//! theft, or to be taken for another office. Each test is one attack.

mod deleting;
mod opening;
mod receiving;
mod verifying;

use std::fs;
use std::path::Path;

/// Makes a folder with one file that no attack may remove.
fn treasure(parent: &Path) -> std::path::PathBuf {
    let folder = parent.join("treasure");
    fs::create_dir_all(folder.join("for-review")).unwrap();
    fs::write(folder.join("precious.csv"), "nobody's to delete").unwrap();
    fs::write(
        folder.join("for-review/to-veterans.csv"),
        "nobody's to delete",
    )
    .unwrap();
    folder
}

fn is_whole(treasure: &Path) -> bool {
    ["precious.csv", "for-review/to-veterans.csv"]
        .iter()
        .all(|name| fs::read(treasure.join(name)).is_ok_and(|bytes| bytes == b"nobody's to delete"))
}
