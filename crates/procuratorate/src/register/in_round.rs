//! The register as a round reads it: in place of the export of earlier referrals, and for what
//! the lists show of earlier leads. Only the outcomes of rules on its rows leave the office;
//! numbers, reasons and days are looked up when the lists are made.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use aidlink_agency::person_mark::PersonMark;
use aidlink_agency::register_export::{RegisterRow, RegisterSource};
use aidlink_agency::register_token::{RegisterKey, RegisterTokeniser};
use aidlink_faults::fault::{Fault, Faults};
use aidlink_faults::text::Text;
use aidlink_files::partial::parent_of;
use aidlink_office::audit_log::{Count, Event};
use aidlink_office::manifest::{
    ColumnRead, ExportRead, MANIFEST, Manifest, RegisterRead, StepKind,
};
use aidlink_office::round::RoundTerms;
use aidlink_office::round_folder::{RoundFolder, manifest_of};
use aidlink_office::signing::{PublicKey, public_key_path};
use aidlink_office::verification::{NamedKeys, RoundOffices, Signer, verify};
use aidlink_policy::reading::{PlannedExport, PlannedRegister};
use aidlink_register::book::{Book, Lead};
use aidlink_register::decision::{Finding, Reason};
use aidlink_register::event::{self, Source};
use aidlink_register::number::LeadNumber;
use aidlink_register::referrals::{referral_rows, state_code};
use aidlink_register::register::Register;
use aidlink_register::token::RegisterToken;
use aidlink_register::workflow::{Closure, Stage};
use jiff::civil::Date;

/// The signing key of a register, beside it.
const SIGNING_KEY: &str = "signing.key";

/// A register as a round reads it, up to a head.
pub struct RoundRegister {
    file: PathBuf,
    book: Book,
    tokeniser: RegisterTokeniser,
    read: RegisterRead,
    notices: Vec<Text>,
}

impl RoundRegister {
    /// Opens the register that exports of a round name; `None` if they name none. `up_to` is the
    /// head up to which events count; without it, all do.
    ///
    /// # Errors
    /// If the register cannot be opened and verified, its key is not the one it uses now, or it
    /// is not the one of `up_to`.
    pub fn of(
        exports: &[PlannedExport],
        up_to: Option<&RegisterRead>,
    ) -> Result<Option<Self>, Faults> {
        let mut planned = exports.iter();
        let planned = planned.find_map(|export| export.register.as_ref());
        let opened = planned.map(|planned| RoundRegister::open(planned, up_to));
        opened.transpose()
    }

    fn open(planned: &PlannedRegister, up_to: Option<&RegisterRead>) -> Result<Self, Faults> {
        let register = Register::open_to_read(&planned.file, &signer(planned)?)?;
        let head = register.head();
        let key = RegisterKey::read(&planned.key, &head.register)?;
        if key.id() != register.key_id() {
            return Err(other_key(&planned.key).into());
        }
        let read = match up_to {
            Some(read) => RegisterRead {
                columns: Vec::new(),
                ..read.clone()
            },
            None => RegisterRead {
                register: head.register,
                events: head.events,
                last: head.last,
                columns: Vec::new(),
            },
        };
        Ok(RoundRegister {
            file: planned.file.clone(),
            book: book_of(&register, &read)?,
            tokeniser: key.tokeniser(),
            read,
            notices: register.notices().to_vec(),
        })
    }

    /// Returns the head up to which `aidlink tokenise` of this round read the register.
    ///
    /// # Errors
    /// If its output folder is not in the round's folder, its manifest is not signed by the
    /// procuratorate, or there are several that read up to different heads.
    pub fn head_of_tokenise(terms: &RoundTerms) -> Result<RegisterRead, Fault> {
        let found = RoundFolder::find(terms.folder(), Some(&terms.file)).ok();
        let outputs = found.iter().flat_map(|found| {
            let outputs = found.outputs.iter();
            outputs.chain(&found.siblings)
        });
        let named = NamedKeys::ByRound(RoundOffices {
            signers: terms.signers.clone(),
            exports: terms
                .exports()
                .map(|export| export.schema.name.clone())
                .collect(),
        });
        let mut heads: Vec<RegisterRead> = Vec::new();
        for output in outputs {
            // The signer is the agency of the export: what another agency says of the register
            // is not asked.
            let is_of_referrals = |read: &ExportRead| {
                terms.policy.referrals_on.as_deref() == Some(read.export.as_str())
            };
            let is_head = |manifest: &Manifest| {
                let exports = &manifest.exports;
                manifest.step == StepKind::Tokenise
                    && manifest.round == terms.round
                    && manifest.register.is_some()
                    && !exports.is_empty()
                    && exports.iter().all(is_of_referrals)
            };
            if manifest_of(output).is_some_and(|manifest| is_head(&manifest)) {
                // An earlier event in it would hide what was recorded since.
                let verified = verify(output, None, &named)?;
                // A manifest alone may be an older one.
                let log_is_whole = verified.log_is_whole;
                match (&verified.signer, verified.manifest) {
                    (Signer::Named(..), manifest) if log_is_whole && is_head(&manifest) => {
                        heads.extend(manifest.register);
                    }
                    _ => return Err(not_signed(output)),
                }
            }
        }
        heads.sort_by(|one, other| one.last.cmp(&other.last));
        let head = |read: &RegisterRead| (read.register.clone(), read.events, read.last.clone());
        heads.dedup_by(|one, other| head(one) == head(other));
        let (zh, en) = match heads.as_slice() {
            [head] => return Ok(head.clone()),
            [] => (
                "此处没有本轮转介导出（tokenise）的输出文件夹，不知道当时读到登记簿的哪一项",
                "the output folder of this round's `tokenise` of the referrals is not here, so nobody knows up to which event it read the register",
            ),
            _ => (
                "本轮转介导出（tokenise）有多个输出文件夹，所读登记簿的截止处不同",
                "there are several output folders of this round's `tokenise` of the referrals, which read the register up to different events",
            ),
        };
        Err(no_head(terms, zh, en))
    }

    /// Calls a function with the register as a source of rows for the round.
    pub fn with_source<T>(&self, as_of: Date, call: impl FnOnce(&RegisterSource<'_>) -> T) -> T {
        let rows_of = |token: &[u8; 16]| -> Vec<RegisterRow> {
            let rows = referral_rows(&self.book, &RegisterToken(*token)).into_iter();
            rows.map(|row| RegisterRow {
                referral_number: row.referral_number.to_string(),
                case_number: row.case_number,
                direction: row.direction,
                aid: row.aid,
                state: row.state,
                // What was recorded after the as-of date counts, as from that day: a person who
                // declined yesterday is not listed today, however the round is dated.
                state_on: row.state_on.min(as_of),
                reason: row.reason,
            })
            .collect()
        };
        call(&RegisterSource {
            path: &self.file,
            tokeniser: &self.tokeniser,
            rows_of: &rows_of,
        })
    }

    /// Returns the open leads of the persons with these tokens.
    pub(crate) fn open_leads_of<'t>(
        &self,
        tokens: impl IntoIterator<Item = &'t [u8; 16]>,
    ) -> BTreeSet<LeadNumber> {
        let persons = tokens.into_iter();
        let persons = persons.filter_map(|token| self.book.person_of(&RegisterToken(*token)));
        let leads = persons.flat_map(|person| self.book.leads_of(person));
        let open = leads.filter(|lead| {
            let state = lead.state.as_ref();
            state.is_some_and(|state| !state.stage.is_resting())
        });
        open.map(|lead| lead.number.clone()).collect()
    }

    /// Returns what makes its tokens.
    pub fn tokeniser(&self) -> &RegisterTokeniser {
        &self.tokeniser
    }

    /// Returns what the manifest says of it. `columns` are those that rules read.
    pub fn read(&self, columns: Vec<ColumnRead>) -> RegisterRead {
        RegisterRead {
            columns,
            ..self.read.clone()
        }
    }

    /// Returns the event of the log.
    pub fn logged(&self) -> Event {
        Event::RegisterRead {
            register: self.read.register.clone(),
            events: Count(self.read.events),
            last: self.read.last.clone(),
        }
    }

    /// Returns what the user must be told of it although it can be used.
    pub fn notices(&self) -> &[Text] {
        &self.notices
    }

    /// Returns what the register knows of the persons of a round.
    pub fn known<'p>(
        &self,
        persons: impl IntoIterator<Item = (PersonMark, &'p [u8; 16])>,
    ) -> KnownPersons {
        let mut known = KnownPersons {
            numbers: numbers(&self.book),
            persons: BTreeMap::new(),
        };
        for (mark, token) in persons {
            let Some(number) = self.book.person_of(&RegisterToken(*token)) else {
                continue;
            };
            known.persons.entry(mark).or_insert_with(|| {
                let leads = self.book.leads_of(number);
                let leads = leads.filter_map(|lead| {
                    Some((lead.aid.clone(), EarlierLead::of(&self.book, lead)?))
                });
                KnownPerson {
                    number: number.to_string(),
                    leads: leads.collect(),
                }
            });
        }
        known
    }
}

/// Returns the book of an open register up to the head that a manifest states.
///
/// # Errors
/// If it is another register, or has other events.
pub fn book_of(register: &Register, read: &RegisterRead) -> Result<Book, Fault> {
    if read.register != register.head().register {
        return Err(Fault::of_file(
            register.path(),
            Text::new(
                "这不是该轮次所读的登记簿，而是另一本",
                "this is not the register that the round read, but another one",
            ),
            Text::new(
                "请使用该轮次所读的登记簿（manifest.json 的 register 是其编号）",
                "use the register that the round read; `register` in its manifest.json has the id",
            ),
        ));
    }
    register.book_at(read.events, &read.last)
}

/// Returns the numbers of all persons of a book.
fn numbers(book: &Book) -> BTreeSet<String> {
    book.persons().map(ToString::to_string).collect()
}

/// What the register knows of the persons of a round.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownPersons {
    /// The numbers of all persons of the register, which no new person may have.
    pub numbers: BTreeSet<String>,
    /// The persons of the round whom it knows.
    pub persons: BTreeMap<PersonMark, KnownPerson>,
}

/// A person of the register.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownPerson {
    /// The number: that of the first round.
    pub number: String,
    /// The leads by aid.
    pub leads: BTreeMap<String, EarlierLead>,
}

/// An earlier lead of a person for an aid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EarlierLead {
    /// Its number.
    pub number: LeadNumber,
    /// The place where the person is registered, as far as the register knows.
    pub registered_at: Option<String>,
    /// Where it stands.
    pub stage: Stage,
    /// The code of the state, as rules read it.
    pub state: &'static str,
    /// Since which day.
    pub since: Date,
    /// How it ended, if it is closed.
    pub closure: Option<Closure>,
    /// The last reason that anybody gave.
    pub reason: Option<Reason>,
    /// The last decision: what was found, why, on which day.
    pub decision: Option<(Finding, Option<Reason>, Date)>,
    /// When it was opened again since it had ended, and by whom, if nobody has acted since.
    pub opened_again: Option<(Date, Source)>,
}

impl EarlierLead {
    fn of(book: &Book, lead: &Lead) -> Option<Self> {
        let state = lead.state.as_ref()?;
        let events = book.events_of(lead).filter_map(|event| event.effective());
        let decisions = events.filter_map(|(event, on)| match event {
            event::Event::Checked(checked) => Some((checked.finding, checked.reason, on)),
            _ => None,
        });
        let found = book.last_found(lead);
        let again = found.filter(|_| state.reopened > 0 && state.stage == Stage::Lead);
        Some(EarlierLead {
            number: lead.number.clone(),
            registered_at: book.about(lead).registered_at,
            stage: state.stage,
            state: state_code(state),
            since: state.since,
            closure: state.closure,
            reason: state.reason,
            decision: decisions.last(),
            opened_again: again.map(|found| (state.opened, found.source)),
        })
    }

    /// Whether nobody is acting on it, so that the round opens it again.
    pub fn is_opened_again(&self) -> bool {
        self.stage.is_resting()
    }
}

/// Returns the key with which the head of a register is signed.
///
/// # Errors
/// If the round file does not name it, and it is not beside the register.
pub fn signer(planned: &PlannedRegister) -> Result<PublicKey, Fault> {
    if let Some(text) = &planned.public_key {
        return PublicKey::named(text);
    }
    let key = parent_of(&planned.file).join(SIGNING_KEY);
    if key.is_file() || public_key_path(&key).is_file() {
        return PublicKey::of_office(&key);
    }
    Err(Fault::of_file(
        &planned.file,
        Text::new(
            "不知道登记簿由哪一公钥签名：旁边没有 signing.pub",
            "nobody knows which key signs the register: there is no signing.pub beside it",
        ),
        Text::new(
            "请在轮次文件的 [register] 中写 public_key（公钥或其文件的路径）",
            "write `public_key`, a key or the path of its file, in [register] of the round file",
        ),
    ))
}

/// Returns the fault of a key file that is not that of the register.
pub fn other_key(path: &Path) -> Fault {
    Fault::of_file(
        path,
        Text::new(
            "此密钥不是登记簿现用的密钥",
            "this is not the key that the register uses now",
        ),
        Text::new(
            "请使用登记簿现用的密钥文件，或从备份恢复",
            "use the register's present key file, or restore it from a backup",
        ),
    )
}

fn not_signed(output: &Path) -> Fault {
    Fault::of_file(
        &output.join(MANIFEST),
        Text::new(
            "运行记录没有本机关（[signing.signers]）的有效签名，或与运行日志不符，不能据以确定当时读到登记簿的哪一项",
            "the manifest has no valid signature of the procuratorate ([signing.signers]) or is not that of the log, so it does not tell up to which event the register was read",
        ),
        Text::new(
            "请用 aidlink audit verify 核对该文件夹，查明由谁改动，并从备份恢复",
            "verify the folder with `aidlink audit verify`, find out who changed it, and restore it from a backup",
        ),
    )
}

fn no_head(terms: &RoundTerms, zh: &str, en: &str) -> Fault {
    Fault::of_file(
        terms.folder(),
        Text::new(zh, en),
        Text::new(
            "请把所送令牌文件的那一个输出文件夹放回轮次文件夹，其他的移到别处",
            "put the output folder whose token file was sent into the round's folder, and move others elsewhere",
        ),
    )
}
