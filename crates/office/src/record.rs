//! What every step leaves for the compliance officer, and in what order: the
//! round's documents, the manifest of all that went in and came out, the log,
//! and the signature that holds manifest and log together. Then the folder
//! gets its name.

use aidlink_faults::fault::Fault;
use serde_json::{Value, json};

use crate::audit_log::AuditLog;
use crate::confinement;
use crate::output_folder::{OutputFolder, WrittenFile};
use crate::round::{OfficePaths, RoundTerms};
use crate::signing::{SIGNATURE_SUFFIX, SigningKey, public_key_path};

/// The manifest in an output folder.
pub const MANIFEST: &str = "manifest.json";
/// The log in an output folder.
pub const LOG: &str = "audit.jsonl";
/// The version of manifests that this program writes.
pub const MANIFEST_VERSION: u64 = 2;
/// What the name of the log's last event ends with.
pub const COMPLETE: &str = "_complete";

/// The log of a step that begins.
pub fn begin(event: &str, details: &[(&str, &str)]) -> AuditLog {
    let mut log = AuditLog::new(jiff::Timestamp::now);
    log.record(event, details);
    let granted = confinement::granted();
    log.record(
        "confined",
        &[
            ("network", granted.network()),
            ("core_dumps", granted.core_dumps()),
        ],
    );
    log
}

/// A step that is ready to be recorded.
pub struct Step<'s> {
    /// `run`, `tokenise`, `screen`, `resolve`.
    pub name: &'s str,
    /// The name of the log's last event.
    pub last_event: &'s str,
    /// The round.
    pub terms: &'s RoundTerms,
    /// Where this office writes, and with what it signs.
    pub paths: &'s OfficePaths,
}

impl Step<'_> {
    /// Writes the round's documents into the folder.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn write_configuration(&self, folder: &mut OutputFolder) -> Result<(), Fault> {
        for file in &self.terms.configuration {
            folder.write(&file.path, &file.bytes)?;
        }
        Ok(())
    }

    /// What every manifest says first.
    pub fn manifest(&self, program: &str) -> Value {
        json!({
            "manifest_version": MANIFEST_VERSION,
            "software": software(program),
            "mode": self.terms.mode.name(),
            "step": self.name,
            "round": self.terms.round,
            "round_file_blake3": self.terms.digest,
            "as_of": self.terms.as_of.to_string(),
            "issued_on": self.terms.issued_on.to_string(),
            "purpose": self.terms.purpose,
            "impact_assessment": {
                "id": self.terms.impact_assessment,
                "valid_until": self.terms.impact_assessment_until.to_string(),
            },
            "operator": self.terms.operator,
            "retention_until": self.terms.retention_until.to_string(),
            "thresholds": {
                "snapshot_age_days": self.terms.thresholds.snapshot_age_days,
                "reject_rate": self.terms.thresholds.reject_rate,
                "rare_pattern": self.terms.thresholds.rare_pattern,
            },
            "policy": {
                "id": self.terms.policy.id,
                "version": self.terms.policy.version,
                "blake3": self.terms.policy.digest,
            },
            "calendar": {"blake3": self.terms.calendar.digest()},
        })
    }

    /// Writes manifest, log and signature, and gives the folder its name. The
    /// manifest is told of all files that the folder has by now. The signing
    /// key is the one that was there when the step began; where there was none
    /// one is made now, and kept if the step succeeds.
    ///
    /// # Errors
    /// When the folder cannot be written, or another run was quicker.
    pub fn conclude(
        &self,
        folder: OutputFolder,
        log: AuditLog,
        manifest: Value,
        signing_key: Option<SigningKey>,
    ) -> Result<SigningKey, Fault> {
        let path = &self.paths.signing_key;
        let signing_key = match signing_key {
            Some(key) => key,
            None => SigningKey::read_or_make(path)?,
        };
        let written = self.write(folder, log, manifest, &signing_key);
        // A folder that is there was signed with it, whatever the disk says of lasting.
        if written.is_err() && signing_key.made && !self.paths.output.exists() {
            // What cannot be removed serves the next run.
            let _ = std::fs::remove_file(path);
            let _ = std::fs::remove_file(public_key_path(path));
        }
        written.map(|()| signing_key)
    }

    fn write(
        &self,
        mut folder: OutputFolder,
        mut log: AuditLog,
        mut manifest: Value,
        signing_key: &SigningKey,
    ) -> Result<(), Fault> {
        for file in folder.written() {
            log.record(
                "file_written",
                &[("file", &file.path), ("blake3", &file.digest)],
            );
        }
        manifest["signing"] = json!({
            "key_id": signing_key.public().id(),
            "public_key": signing_key.public().to_base64(),
        });
        manifest["confinement"] = confinement::granted().to_json();
        manifest["outputs"] = files(folder.written()).into();
        let bytes = format!("{manifest:#}\n").into_bytes();
        folder.write(MANIFEST, &bytes)?;
        let digest = blake3::hash(&bytes).to_hex().to_string();
        log.record(self.last_event, &[("manifest_blake3", &digest)]);
        folder.write(LOG, log.to_jsonl().as_bytes())?;
        let comment = comment(&self.terms.round, self.name, log.last_digest());
        let path = format!("{MANIFEST}{SIGNATURE_SUFFIX}");
        let shown = self.paths.output.join(&path);
        let signature = signing_key.sign(&bytes, &comment, &shown)?;
        folder.write(&path, signature.as_bytes())?;
        folder.complete()
    }
}

/// The trusted comment of a manifest's signature: it holds the log to the manifest.
pub fn comment(round: &str, step: &str, last_digest: &str) -> String {
    format!("aidlink manifest; round {round}; step {step}; last log entry {last_digest}")
}

/// Files that were written.
pub fn files(written: &[WrittenFile]) -> Vec<Value> {
    written
        .iter()
        .map(|file| json!({"file": file.path, "blake3": file.digest, "bytes": file.byte_length}))
        .collect()
}

/// Which program this is: its name and version, and the digest of the file
/// that runs, so that a build can be told from every other.
pub fn software(name: &str) -> Value {
    let build = std::env::current_exe().and_then(|path| {
        let mut digest = blake3::Hasher::new();
        std::io::copy(&mut std::fs::File::open(path)?, &mut digest)?;
        Ok(digest.finalize().to_hex().to_string())
    });
    json!({
        "name": name,
        "version": env!("CARGO_PKG_VERSION"),
        "build": {
            "executable_blake3": build.ok(),
            "system": format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS),
        },
    })
}
