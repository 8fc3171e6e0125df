//! A screening at the centre: opens, checks and joins the token files of all
//! agencies, and seals the screened leads to the procuratorate.

use std::collections::BTreeMap;
use std::io::{self, Read as _, Write};
use std::path::{Path, PathBuf};

use aidlink_contract::leads_file::LeadsFile;
use aidlink_contract::screened_lead::{NotVerified, Provisional};
use aidlink_contract::token_file::{TokenFile, TokenFileFault, TokenFileHead, is_of_case_parties};
use aidlink_contract::token_table::CaseTable;
use aidlink_faults::fault::{Fault, FaultCollector, Faults};
use aidlink_faults::text::Text;
use aidlink_files::document::Document as _;
use aidlink_files::regular_file;
use aidlink_office::audit_log::{Count, Event};
use aidlink_office::crossing::{CrossedFile, CrossingFile, Expected, receive};
use aidlink_office::manifest::{Manifest, Received, TokensReceived};
use aidlink_office::round::RoundTerms;
use aidlink_office::sealed::{Opener, is_sealed};
use aidlink_office::statement::{Content, Statement};
use aidlink_office::step::Step;
use rayon::iter::{IntoParallelIterator as _, IntoParallelRefIterator as _, ParallelIterator as _};

use crate::join::JoinedRegister;
use crate::screen::{Screening, ScreeningTerms, provisional, screen_joined};

/// The result of a screening, for the terminal.
pub struct Screened {
    /// The token files, the case parties first, then in the order of the round.
    pub files: Vec<ReceivedFile>,
    /// For each register, the number of tokens that match a case party and the
    /// number that do not.
    pub matched: BTreeMap<String, (u64, u64)>,
    /// Number of case rows screened.
    pub case_rows: u64,
    /// Number of case parties, each counted once.
    pub case_parties: u64,
    /// Exports that the policy uses but that are absent or stale.
    pub not_verified_by: BTreeMap<String, NotVerified>,
    /// Why the lists will be provisional.
    pub provisional: Vec<Provisional>,
    /// Number of leads.
    pub leads: usize,
    /// Number of persons and aids to which they were referred and which they receive; `None` if
    /// the procuratorate does not ask.
    pub received: Option<usize>,
    /// The id that distinguishes screenings of the round.
    pub screening: String,
    /// The file for the procuratorate.
    pub crossed: CrossedFile,
}

/// A token file as received.
pub struct ReceivedFile {
    /// Its file name.
    pub name: String,
    /// Its path.
    pub path: PathBuf,
    /// BLAKE3 digest of its plain content, hexadecimal.
    pub digest: String,
    /// BLAKE3 digest of the file as it came, hexadecimal.
    pub digest_as_received: String,
    /// Length of its plain content in bytes.
    pub byte_length: u64,
    /// Its head.
    pub head: TokenFileHead,
}

/// A token file that was opened and belongs to the round.
struct OpenedFile {
    path: PathBuf,
    received: ReceivedFile,
    tokens: TokenFile,
}

/// Screens token files and writes the screened leads into the step's folder.
///
/// # Errors
/// Every fault of the files at once, each naming the agency that must send
/// again; or the fault that kept the output from being written.
pub fn screen_files(
    step: &mut Step,
    terms: &RoundTerms,
    paths: &[PathBuf],
    opener: Option<&Opener>,
) -> Result<(Manifest, Screened), Faults> {
    let mut opened = open_files(terms, paths, opener, step.folder.scratch_folder())?;
    let order: Vec<&str> = terms
        .exports()
        .map(|export| export.schema.name.as_str())
        .collect();
    opened.sort_by_key(|file| {
        let export = &file.received.head.origin.export;
        order.iter().position(|name| name == export)
    });
    for file in &opened {
        step.log.record(&Event::TokenFileReceived {
            export: file.received.head.origin.export.clone(),
            plain_blake3: file.received.digest.clone(),
        });
    }
    let (files, cases, registers) = read_tables(terms, opened)?;
    let screening_terms = ScreeningTerms {
        asks_who_receives: files.iter().any(|file| file.head.asks_who_receives),
        ..ScreeningTerms::of(terms)
    };
    let screened =
        screen_joined(&terms.policy, &screening_terms, &cases, &registers).map_err(|error| {
            Fault::of_file(
                &terms.file,
                error.text(),
                Text::new(
                    "请该机构重新生成令牌文件",
                    "ask the agency to tokenise again",
                ),
            )
        })?;
    let Screening {
        leads,
        not_judged,
        matched,
        not_verified_by,
        received,
    } = screened;
    let reject_rates: Vec<(&str, f64)> = files
        .iter()
        .map(|file| {
            let rate = file.head.account.reject_rate();
            (file.head.origin.export.as_str(), rate)
        })
        .collect();
    let provisional = provisional(
        &screening_terms,
        &reject_rates,
        cases.origin().snapshot,
        &not_verified_by,
    );
    let screening = screening_id(&files);
    let leads_count = leads.len();
    step.log.record(&Event::Screened {
        screening: Some(screening.clone()),
        leads: Count(leads_count as u64),
    });
    let received_count = received.as_ref().map(Vec::len);
    let leads = LeadsFile {
        format: LeadsFile::FORMAT.to_owned(),
        version: LeadsFile::version_with(received.as_deref()),
        round: terms.round.clone(),
        policy_digest: terms.policy.digest.clone(),
        key_id: cases.origin().key_id.clone(),
        algorithm: terms.algorithm,
        screening: screening.clone(),
        // The case parties come first.
        case_sources: files
            .first()
            .map(|file| file.head.sources.clone())
            .unwrap_or_default(),
        not_verified_by: not_verified_by.clone(),
        fields_missing: files
            .iter()
            .map(|file| &file.head)
            .filter(|head| !head.fields_missing.is_empty())
            .map(|head| (head.origin.export.clone(), head.fields_missing.clone()))
            .collect(),
        provisional: provisional.clone(),
        leads,
        not_judged,
        received,
    };
    let crossed = write_leads(step, terms, &leads)?;
    let screened = Screened {
        matched,
        case_rows: cases.tokens().len() as u64,
        case_parties: cases.tokens().chunk_by(|one, next| one == next).count() as u64,
        files,
        not_verified_by,
        provisional,
        leads: leads_count,
        received: received_count,
        screening,
        crossed,
    };
    let manifest = manifest(step, terms, &screened);
    Ok((manifest, screened))
}

/// Returns the message about an export that could not verify receipt or referral.
pub fn not_verified_text(terms: &RoundTerms, export: &str, reason: NotVerified) -> Text {
    let in_round = terms.export(export).is_some();
    let (zh, en) = match reason {
        NotVerified::NotJoined => (
            "按轮次文件（not_joined）不参与比对：相关线索标为“未能核实”",
            "is not joined, as the round file says (`not_joined`): leads that need it are marked \"not verified\"",
        ),
        NotVerified::Absent if !in_round => (
            "不在本轮之内：相关线索标为“未能核实”",
            "is not part of this round: leads that need it are marked \"not verified\"",
        ),
        NotVerified::Absent => (
            "尚未送达：相关线索标为“未能核实”；送达后请重新筛查",
            "is missing: leads that need it are marked \"not verified\"; screen again when it arrives",
        ),
        NotVerified::Stale => (
            "过旧：相关线索标为“未能核实”；收到较新的数据后请重新筛查",
            "is stale: leads that need it are marked \"not verified\"; screen again when a newer one arrives",
        ),
    };
    Text::new(format!("{export} {zh}"), format!("{export} {en}"))
}

/// Returns the files to read: each named file, and every token file in each
/// named folder.
///
/// # Errors
/// When a folder or a file in it cannot be read, when the folder holds no token file, or when it
/// holds one whose name was changed: a mail program or a browser adds a number where there is an
/// older file of the name.
pub fn token_files(named: &[PathBuf]) -> Result<Vec<PathBuf>, Fault> {
    let mut files = Vec::new();
    for path in named {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let entries = std::fs::read_dir(path).map_err(|error| Fault::unreadable(path, &error))?;
        let mut found: Vec<PathBuf> = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|error| Fault::unreadable(path, &error))?;
            let file = entry.path();
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let is_named = name.ends_with(".parquet") || name.ends_with(".parquet.age");
            // macOS keeps `._NAME` beside a file on a disk of another system.
            if is_named && !name.starts_with("._") {
                found.push(file);
            } else if file.is_file() && begins_as_token_file(&file)? {
                return Err(is_renamed(&file));
            }
        }
        if found.is_empty() {
            return Err(Fault::of_file(
                path,
                Text::new("文件夹中没有令牌文件", "the folder has no token file"),
                Text::new(
                    "请指定有令牌文件（.parquet 或 .parquet.age）的文件夹",
                    "name a folder with token files (.parquet or .parquet.age)",
                ),
            ));
        }
        found.sort();
        files.extend(found);
    }
    Ok(files)
}

/// Returns whether a file is sealed or a Parquet file, judged by its first bytes.
fn begins_as_token_file(path: &Path) -> Result<bool, Fault> {
    const PARQUET: &[u8] = b"PAR1";
    let unreadable = |error: io::Error| Fault::unreadable(path, &error);
    let file = regular_file::open(path).map_err(unreadable)?;
    let mut start = Vec::new();
    let mut first_bytes = file.take(PARQUET.len() as u64);
    first_bytes.read_to_end(&mut start).map_err(unreadable)?;
    Ok(start == PARQUET || is_sealed(path)?)
}

fn is_renamed(path: &Path) -> Fault {
    Fault::of_file(
        path,
        Text::new(
            "内容是密封文件或 Parquet 文件，而文件名不是令牌文件的名称，不能确认是否应读取",
            "this is a sealed or a Parquet file without the name of a token file, so nobody can tell whether it is to be read",
        ),
        Text::new(
            "是令牌文件的，请改回以 .parquet 或 .parquet.age 结尾的名称；同一导出有两个文件的，只保留应读取的一个；其他文件请移到别处",
            "if it is a token file, give it back a name that ends with .parquet or .parquet.age; of two files of one export keep the one that is to be read; move any other file elsewhere",
        ),
    )
}

fn open_files(
    terms: &RoundTerms,
    paths: &[PathBuf],
    opener: Option<&Opener>,
    beside: &Path,
) -> Result<Vec<OpenedFile>, Faults> {
    let mut faults = FaultCollector::new();
    let mut opened: Vec<OpenedFile> = Vec::new();
    let open = |path: &PathBuf| open_file(terms, path, opener, beside);
    let results: Vec<_> = paths.par_iter().map(open).collect();
    for (path, result) in paths.iter().zip(results) {
        match result {
            Err(fault) => faults.push(fault),
            Ok(file) => {
                let export = &file.received.head.origin.export;
                let earlier = opened
                    .iter()
                    .find(|other| other.received.head.origin.export == *export);
                match earlier {
                    None => opened.push(file),
                    Some(earlier) => faults.push(Fault::of_file(
                        path,
                        Text::new(
                            format!("{export} 已有令牌文件 {}", earlier.received.name),
                            format!(
                                "there is already a token file of {export}, {}",
                                earlier.received.name
                            ),
                        ),
                        Text::new("请只保留一个", "keep one of them"),
                    )),
                }
            }
        }
    }
    // With other faults, the case parties' file may be among the refused ones.
    if !opened
        .iter()
        .any(|file| is_of_case_parties(&file.received.head))
        && faults.is_empty()
    {
        faults.push(Fault::of_file(
            &terms.file,
            Text::new(
                "没有案件当事人的令牌文件",
                "there is no token file of the case parties",
            ),
            Text::new(
                "请检察机关发送令牌文件",
                "ask the procuratorate to send its token file",
            ),
        ));
    }
    check_keys(&opened, &mut faults);
    faults.or_value(Some(opened))
}

fn open_file(
    terms: &RoundTerms,
    path: &Path,
    opener: Option<&Opener>,
    beside: &Path,
) -> Result<OpenedFile, Fault> {
    let received = receive(path, terms, Expected::Tokens, opener, beside)?;
    let (plain, statement) = (received.plain, received.statement);
    let tokens =
        TokenFile::open(plain.file, |export| terms.policy.rule_ids(export)).map_err(|fault| {
            match fault.hint() {
                Some(hint) => Fault::of_file(path, fault.text(), hint),
                None => send_again(terms, path, None, fault.text()),
            }
        })?;
    if let Some(what) = difference(terms, tokens.head()) {
        let export = &tokens.head().origin.export;
        return Err(send_again(
            terms,
            path,
            Some(export),
            Text::new(
                format!("令牌文件的{}与本轮不符", what.zh),
                format!(
                    "the {} of the token file does not match this round",
                    what.en
                ),
            ),
        ));
    }
    let origin = &tokens.head().origin;
    let content = Content::Tokens(origin.export.clone());
    if statement.content != content || statement.key_id != origin.key_id {
        return Err(send_again(
            terms,
            path,
            Some(&origin.export),
            Text::new(
                "签名中注明的导出或密钥与令牌文件不符",
                "the signature names a different export or key than the token file",
            ),
        ));
    }
    Ok(OpenedFile {
        path: path.to_path_buf(),
        received: ReceivedFile {
            name: path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned(),
            path: path.to_path_buf(),
            digest: plain.digest,
            digest_as_received: plain.digest_as_received,
            byte_length: plain.byte_length,
            head: tokens.head().clone(),
        },
        tokens,
    })
}

/// Returns the first item of a file's head that does not match the round.
fn difference(terms: &RoundTerms, head: &TokenFileHead) -> Option<Text> {
    let origin = &head.origin;
    let Some(export) = terms.export(&origin.export) else {
        return Some(Text::new("导出", "export"));
    };
    if origin.round != terms.round {
        Some(Text::new("轮次", "round"))
    } else if origin.as_of != terms.as_of {
        Some(Text::new("基准日", "as-of date"))
    } else if origin.policy_digest != terms.policy.digest {
        Some(Text::new("规则文件", "policy"))
    } else if head.schema_digest != export.schema.digest {
        Some(Text::new("导出模式", "schema"))
    } else if origin.algorithm != terms.algorithm {
        Some(Text::new("令牌算法", "token algorithm"))
    } else if origin.snapshot != export.snapshot {
        Some(Text::new("提取日", "snapshot"))
    } else if head.asks_who_receives && terms.policy.referrals_on.as_ref() != Some(&origin.export) {
        // Only the procuratorate may ask, of those whom it referred.
        Some(Text::new(
            "“谁在领取”的询问",
            "question who receives an aid",
        ))
    } else if !export.schema.has_fields(&head.fields_missing) {
        Some(Text::new("所缺的列", "list of missing columns"))
    } else {
        None
    }
}

/// Checks that every file was made with the key of the case parties' file.
fn check_keys(opened: &[OpenedFile], faults: &mut FaultCollector) {
    let Some(cases) = opened
        .iter()
        .find(|file| is_of_case_parties(&file.received.head))
    else {
        return;
    };
    let key_id = &cases.received.head.origin.key_id;
    for file in opened {
        let origin = &file.received.head.origin;
        if origin.key_id != *key_id {
            faults.push(Fault::of_file(
                &file.path,
                Text::new(
                    format!(
                        "{} 的令牌使用密钥 {}，案件当事人使用 {key_id}",
                        origin.export, origin.key_id
                    ),
                    format!(
                        "{} was tokenised with the key {}, the case parties with {key_id}",
                        origin.export, origin.key_id
                    ),
                ),
                Text::new(
                    "请该机构使用本轮的轮次密钥重新生成令牌文件",
                    "ask the agency to tokenise again with the key of this round",
                ),
            ));
        }
    }
}

fn send_again(terms: &RoundTerms, path: &Path, export: Option<&str>, message: Text) -> Fault {
    let agency = export
        .and_then(|export| terms.export(export))
        .map(|export| terms.policy.agency_name(&export.schema.agency));
    let hint = match agency {
        Some(agency) => Text::new(
            format!("请{}重新生成并发送令牌文件", agency.zh),
            format!("ask {} to tokenise and send again", agency.en),
        ),
        None => Text::new(
            "请该机构重新生成并发送令牌文件",
            "ask the agency to tokenise and send again",
        ),
    };
    Fault::of_file(path, message, hint)
}

type Tables = (Vec<ReceivedFile>, CaseTable, Vec<JoinedRegister>);

fn read_tables(terms: &RoundTerms, opened: Vec<OpenedFile>) -> Result<Tables, Faults> {
    let mut faults = FaultCollector::new();
    let mut cases: Option<CaseTable> = None;
    let mut files = Vec::new();
    let mut of_registers = Vec::new();
    let refused = |file: &ReceivedFile, fault: &TokenFileFault| {
        let export = &file.head.origin.export;
        send_again(terms, &file.path, Some(export), fault.text())
    };
    for file in opened {
        if is_of_case_parties(&file.received.head) {
            match file.tokens.read_cases() {
                Ok(table) => cases = Some(table),
                Err(fault) => faults.push(refused(&file.received, &fault)),
            }
        } else {
            of_registers.push((files.len(), file.tokens));
        }
        files.push(file.received);
    }
    // If the case parties could not be read, read the registers only to report their faults.
    let parties = cases.as_ref().map_or(&[][..], CaseTable::tokens);
    let join = |(file, tokens): (usize, TokenFile)| {
        let joined = JoinedRegister::of_file(parties, tokens.into_register());
        joined.map_err(|fault| refused(&files[file], &fault))
    };
    let joined: Vec<_> = of_registers.into_par_iter().map(join).collect();
    let mut registers = Vec::new();
    for joined in joined {
        match joined {
            Ok(register) => registers.push(register),
            Err(fault) => faults.push(fault),
        }
    }
    faults.or_value(cases.map(|cases| (files, cases, registers)))
}

/// Returns the BLAKE3 digest of the files' exports and digests, in their order.
fn screening_id(files: &[ReceivedFile]) -> String {
    let mut digest = blake3::Hasher::new();
    for file in files {
        digest.update(file.head.origin.export.as_bytes());
        digest.update(b"\n");
        digest.update(file.digest.as_bytes());
        digest.update(b"\n");
    }
    digest.finalize().to_hex().to_string()
}

fn write_leads(
    step: &mut Step,
    terms: &RoundTerms,
    leads: &LeadsFile,
) -> Result<CrossedFile, Fault> {
    let crossing = &terms.sealing()?.leads;
    let path = "to-procuratorate/leads.json";
    let bytes = leads.to_file(Path::new(path))?;
    let statement = Statement {
        round: terms.round.clone(),
        terms: terms.terms_digest(),
        content: Content::Leads,
        key_id: leads.key_id.clone(),
        to: crossing.to(),
    };
    let mut file = CrossingFile::begin(&step.folder, path, crossing, step.sender()?, &statement)?;
    let fault = step.folder.write_fault(path);
    file.write_all(&bytes).map_err(|error| fault(&error))?;
    file.finish(&mut step.folder)
}

fn manifest(step: &Step, terms: &RoundTerms, screened: &Screened) -> Manifest {
    let received = screened.files.iter().map(|file| {
        let origin = &file.head.origin;
        let tokens = screened.matched.get(&origin.export);
        Received {
            file: Some(file.name.clone()),
            path: terms.relative(&file.path),
            blake3: Some(file.digest_as_received.clone()),
            from: None,
            plain_blake3: file.digest.clone(),
            plain_bytes: file.byte_length,
            key_id: Some(origin.key_id.clone()),
            export: Some(origin.export.clone()),
            snapshot: Some(origin.snapshot),
            schema_blake3: Some(file.head.schema_digest.clone()),
            account_at_the_agency: Some(file.head.account),
            tokens: tokens.map(|(matched, unmatched)| TokensReceived {
                tokens: matched + unmatched,
                matched: *matched,
                unmatched: *unmatched,
            }),
        }
    });
    Manifest {
        screening: Some(screened.screening.clone()),
        case_rows: Some(screened.case_rows),
        case_parties: Some(screened.case_parties),
        received: received.collect(),
        not_verified_by: Some(screened.not_verified_by.clone()),
        provisional: Some(screened.provisional.iter().map(Provisional::text).collect()),
        leads: Some(screened.leads as u64),
        crossing: vec![screened.crossed.record("procuratorate")],
        ..step.manifest()
    }
}

#[cfg(test)]
mod tests;
