//! Verifies an output folder with any manifest, log and signature. Verification
//! must report a fault and must not read or name anything outside the folder.

#![no_main]

use aidlink_agency::key::RoundKey;
use aidlink_fuzz::FOLDER;
use aidlink_office::audit_log::read_log;
use aidlink_office::leak_scan::{KeyIds, scan_bytes};
use aidlink_office::remains::remains;
use aidlink_office::verification::{NamedKeys, RoundOffices, verify};
use libfuzzer_sys::fuzz_target;

// The input holds the three files, separated by the byte 1, which none of them contains.
fuzz_target!(|bytes: &[u8]| {
    let output = FOLDER.path().join("output");
    std::fs::create_dir_all(&output).expect("writable");
    let mut parts = bytes.splitn(3, |byte| *byte == 1);
    for name in ["manifest.json", "audit.jsonl", "manifest.json.minisig"] {
        let part = parts.next().unwrap_or_default();
        std::fs::write(output.join(name), part).expect("room in the temporary folder");
    }
    let _ = read_log(&String::from_utf8_lossy(bytes));
    let _ = scan_bytes(bytes, &KeyIds::default());
    if let Ok(verification) = verify(&output, None, &NamedKeys::ByRound(RoundOffices::default())) {
        // No public key was named, so at least that is a fault.
        assert!(!verification.faults.is_empty());
        let manifest = &verification.manifest;
        for found in remains(manifest, &output, FOLDER.path(), &RoundKey::id_for).there {
            assert!(!found.file.path.contains(".."));
        }
    }
});
