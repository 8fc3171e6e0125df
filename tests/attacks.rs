//! Attacks that the threat model rules out. The attacker can write into a round's
//! folder or send files, and tries to get other files deleted, to hide a theft, or to
//! pass as another office. Each test is one attack.

mod added_files;
mod audit_of_registers;
mod believed_manifests;
mod chained_records;
mod deleting;
mod edited_rounds;
mod exchanged_folders;
mod foreign_records;
mod forgotten_leftovers;
mod keys;
mod killed_purge;
mod names_of_outputs;
mod names_used_again;
mod numbers_in_names;
mod opening;
mod quarter_after_quarter;
mod receiving;
mod registers;
mod returned_files;
mod runs_under_way;
mod several_outputs;
mod shared_inputs;
mod unread_round_files;
mod verifying;

use std::fs;
use std::path::Path;

/// Makes a folder of files that do not belong to the round and that no attack may remove.
fn treasure(parent: &Path) -> std::path::PathBuf {
    let folder = parent.join("treasure");
    fs::create_dir_all(folder.join("for-review")).unwrap();
    fs::write(folder.join("precious.csv"), "not part of the round").unwrap();
    fs::write(
        folder.join("for-review/to-veterans.csv"),
        "not part of the round",
    )
    .unwrap();
    folder
}

fn is_intact(treasure: &Path) -> bool {
    ["precious.csv", "for-review/to-veterans.csv"]
        .iter()
        .all(|name| {
            fs::read(treasure.join(name)).is_ok_and(|bytes| bytes == b"not part of the round")
        })
}
