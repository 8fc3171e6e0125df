//! Whatever stands in an output folder as manifest, log and signature, looking
//! at it ends with what is wrong with it, and nothing outside of it is touched.

#![no_main]

use aidlink_fuzz::FOLDER;
use aidlink_office::audit_log::read_log;
use aidlink_office::deletion::remains;
use aidlink_office::leak_scan::{KeyIds, scan_bytes};
use aidlink_office::verification::{NamedKeys, verify};
use libfuzzer_sys::fuzz_target;

// The input is the three files, divided by a byte that none of them has.
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
    if let Ok(looked_at) = verify(&output, None, &NamedKeys::default()) {
        // Nobody's key was named, so there is always something to say.
        assert!(!looked_at.faults.is_empty());
        for file in remains(&looked_at.manifest, &output, FOLDER.path()).there {
            assert!(!file.path.contains(".."));
        }
    }
});
