//! A round's folder with a finished output folder, for the tests of verification
//! and deletion.

use std::fs;
use std::path::{Path, PathBuf};

use aidlink_files::document::Document as _;

use crate::audit_log::{AuditLog, Complete, Event, LOG};
use crate::manifest::{MANIFEST, Manifest, SigningUsed};
use crate::signing::{SIGNATURE_SUFFIX, SigningKey};
use crate::step::trusted_comment;

/// The path of the match list in the output folder.
pub const LIST: &str = "lists/for-review/to-education.csv";
/// The content of the key file; the tests use it as the key id too.
pub const KEY: &str = "the round's key";

/// A round's folder with an export, a key and an output folder.
pub struct FinishedRound {
    folder: tempfile::TempDir,
}

impl FinishedRound {
    /// Writes export, key and outputs, but no manifest and no log.
    pub fn new() -> Self {
        let round = FinishedRound {
            folder: tempfile::tempdir().expect("a temporary folder"),
        };
        for (path, content) in [
            ("exports/students.csv", "rows"),
            ("round.key", KEY),
            ("output/lists/for-review/to-education.csv", "leads"),
            ("output/rejects/education.csv", "rejects"),
            ("output/summary.json", "{}"),
        ] {
            round.write(path, content);
        }
        round
    }

    /// Returns the path of a file in the round's folder.
    pub fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    /// Writes a file in the round's folder.
    pub fn write(&self, path: &str, content: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("writable");
        fs::write(path, content).expect("writable");
    }

    /// Marks a folder as one that a run is writing.
    #[cfg(unix)]
    pub fn mark_partial(&self, path: &str) {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::Permissions::from_mode(aidlink_files::partial::PARTIAL_FOLDER_MODE);
        fs::set_permissions(self.path(path), mode).expect("a folder");
    }

    /// Returns a manifest that matches the files of [`FinishedRound::new`].
    pub fn manifest(&self) -> Manifest {
        let digest = |content: &str| blake3::hash(content.as_bytes()).to_hex().to_string();
        let text = format!(
            r#"{{
  "format": "aidlink manifest", "version": 3,
  "software": {{"name": "aidlink", "version": "0", "build": {{"executable_blake3": "0", "system": "test"}}}},
  "mode": "pooled", "step": "run", "round": "R", "round_file_blake3": "0",
  "as_of": "2026-09-30", "issued_on": "2026-09-30", "purpose": "p",
  "impact_assessment": {{"id": "PIA", "valid_until": "2027-06-30"}},
  "operator": "o", "retention_until": "2026-12-31",
  "thresholds": {{"snapshot_age_days": 92, "reject_rate": 0.05, "rare_pattern": 5}},
  "policy": {{"id": "p", "version": "1", "blake3": "0"}}, "calendar": {{"blake3": "0"}},
  "key": {{"id": "{KEY}", "algorithm": "hmac-sha256", "known_answer_test": "passed", "file": "round.key"}},
  "exports": [{export}],
  "signing": null, "confinement": null,
  "outputs": [
    {{"file": "{LIST}", "blake3": "{leads}", "bytes": 5}},
    {{"file": "rejects/education.csv", "blake3": "{rejects}", "bytes": 7}},
    {{"file": "summary.json", "blake3": "{summary}", "bytes": 2}}
  ]
}}"#,
            export = self.export(&digest("rows")),
            leads = digest("leads"),
            rejects = digest("rejects"),
            summary = digest("{}"),
        );
        Manifest::parse(text.as_bytes()).expect("a valid manifest")
    }

    fn export(&self, digest: &str) -> String {
        format!(
            r#"{{"export": "education.students", "agency": "education", "snapshot": "2026-09-28",
      "legal_basis": "b", "schema_blake3": "0", "fields_read": [],
      "account": {{"rows": 1, "rejected": 0, "withheld": 0, "not_rows": {{"title_lines": 0, "blank_lines": 0, "total_lines": 0}}, "rejected_by_reason": {{}}, "withheld_by_rule": {{}}, "id_warnings": {{}}, "unreadable_values": {{}}}},
      "files": [{{"file": "exports/students.csv", "blake3": "{digest}", "bytes": 4,
        "format": "csv", "encoding": "utf-8", "date_epoch": 1900, "columns": [],
        "columns_present_and_not_read": [], "fields_absent": []}}]}}"#
        )
    }

    /// Reads a file in the round's folder.
    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).expect("readable")
    }

    /// Makes a signing key in the round's folder.
    pub fn key(&self, file: &str) -> SigningKey {
        SigningKey::make(&self.path(file)).expect("a fresh file")
    }

    /// Returns the folder of the round file.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Writes manifest, log and signature, as a step does at its end.
    pub fn finish(&self, key: &SigningKey, manifest: Manifest) {
        let manifest = Manifest {
            signing: Some(SigningUsed {
                key_id: key.public().id(),
                public_key: key.public().to_base64(),
            }),
            ..manifest
        };
        let bytes = manifest.to_bytes();
        let mut log = AuditLog::new(|| jiff::Timestamp::UNIX_EPOCH);
        for _ in 0..2 {
            log.record(&Event::KnownAnswerTest {
                algorithm: aidlink_contract::token::TokenAlgorithm::HmacSha256,
                result: crate::manifest::Passed::Passed,
            });
        }
        log.record(&Event::RoundComplete(Complete {
            manifest_blake3: blake3::hash(&bytes).to_hex().to_string(),
        }));
        self.write(&format!("output/{LOG}"), &log.to_jsonl());
        let comment = trusted_comment(&manifest.round, manifest.step, log.last_digest());
        let path = format!("output/{MANIFEST}{SIGNATURE_SUFFIX}");
        let signature = key.sign(&bytes, &comment, &self.path(&path));
        self.write(&path, &signature.expect("randomness"));
        self.write(
            &format!("output/{MANIFEST}"),
            std::str::from_utf8(&bytes).expect("JSON is text"),
        );
    }
}
