//! `aidlink register verify`: verifies a register against its signed head.

use std::path::Path;

use aidlink_faults::fault::Faults;
use aidlink_faults::text::Text;
use aidlink_office::terminal::{Output, ReportedFault};
use aidlink_register::head::Head;
use aidlink_register::not_verified::NotVerified;
use aidlink_register::register::{Act, Register};
use jiff::{Timestamp, Zoned};
use serde::Serialize;

use super::refused::wrong_option;
use crate::cli::RegisterVerifyArguments;
use crate::commands::Ending;

/// The answer of `register verify`.
#[derive(Serialize)]
struct Verified {
    held: bool,
    /// The public key against which the signature was verified.
    #[serde(skip_serializing_if = "Option::is_none")]
    signer: Option<String>,
    /// The digest of the register, for the minutes and for `--accept`.
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<String>,
    /// The head of the register as it is, whether its signature holds or not.
    #[serde(skip_serializing_if = "Option::is_none")]
    head: Option<Head>,
    notices: Vec<Text>,
    faults: Vec<ReportedFault>,
}

/// Verifies a register, or accepts it as it is.
pub(super) fn run(arguments: &RegisterVerifyArguments, output: Output) -> Result<Ending, Ending> {
    let path = &arguments.file.register;
    let signer = arguments.file.signer()?.to_base64();
    let opened = match &arguments.accept {
        None => Register::verify(path, &arguments.file.signer()?),
        Some(digest) => {
            let act = Act {
                today: Zoned::now().date(),
                recorded_at: Timestamp::now(),
                operator: arguments.operator.clone().unwrap_or_default(),
                because: arguments.because.clone(),
            };
            act.check().map_err(|refused| wrong_option(&refused))?;
            Register::accept(path, arguments.file.signing_key()?, digest.trim(), &act)
        }
    };
    match opened {
        Ok(register) => {
            let head = register.head();
            for notice in register.notices() {
                output.say(&Text::new(
                    format!("  ! {}", notice.zh),
                    format!("  ! {}", notice.en),
                ));
            }
            let of_head = text_of(&head);
            let text = Text::new(
                format!("登记簿完整，签名有效。{}\n  签名公钥：{signer}", of_head.zh),
                format!(
                    "the register is whole and its signature holds. {}\n  signed with the key of {signer}",
                    of_head.en
                ),
            );
            let digest = head.digest();
            let verified = Verified {
                held: true,
                signer: Some(signer),
                digest: Some(digest.clone()),
                head: Some(head),
                notices: register.notices().to_vec(),
                faults: Vec::new(),
            };
            output.answer(&text, &digest, &verified);
            Ok(Ending::Done)
        }
        Err(NotVerified::NotHeld(faults)) => Ok(not_held(path, &faults, output)),
        Err(NotVerified::Unknown(faults)) => Err(faults.into()),
    }
}

fn not_held(path: &Path, faults: &Faults, output: Output) -> Ending {
    output.say_faults(faults.iter());
    // If the events themselves are whole, they can be accepted.
    let head = Register::look(path).ok();
    let (text, digest) = match &head {
        Some(head) => {
            let of_head = text_of(head);
            let text = Text::new(
                format!("登记的事项链本身完整。{}", of_head.zh),
                format!("the chain of events itself is whole. {}", of_head.en),
            );
            (text, head.digest())
        }
        None => (
            Text::new("登记的事项不完整", "the events are not whole"),
            String::new(),
        ),
    };
    let verified = Verified {
        held: false,
        signer: None,
        digest: head.as_ref().map(Head::digest),
        head,
        notices: Vec::new(),
        faults: faults.iter().map(ReportedFault::of).collect(),
    };
    output.answer(&text, &digest, &verified);
    Ending::NotHeld
}

/// What a head says, with its digests in full.
fn text_of(head: &Head) -> Text {
    let (events, persons, last) = (head.events, head.persons, &head.last);
    let digest = head.digest();
    let (id, key) = (&head.register, &head.key_id);
    Text::new(
        format!(
            "登记簿 {id}，密钥 {key}：{events}项，{persons}人\n  写入会议记录：末项摘要 {last}\n  写入会议记录：登记簿摘要 {digest}"
        ),
        format!(
            "Register {id}, key {key}: {events} events, {persons} persons\n  for the minutes: digest of the last event {last}\n  for the minutes: digest of the register {digest}"
        ),
    )
}
