//! What `take` and `decide` have in common: the register and its key, the finished round, and
//! how its leads get into the register.

use std::collections::BTreeMap;
use std::iter;
use std::path::{Path, PathBuf};

use aidlink_agency::national_id::Sex;
use aidlink_agency::register_token::RegisterKey;
use aidlink_contract::grade;
use aidlink_faults::fault::{Fault, FaultCollector, Faults};
use aidlink_faults::personal_number::shown_path;
use aidlink_faults::text::Text;
use aidlink_files::document::Document as _;
use aidlink_files::partial::parent_of;
use aidlink_files::regular_file;
use aidlink_office::manifest::{MANIFEST, Manifest, StepKind};
use aidlink_office::round::WrittenRound;
use aidlink_office::round_folder::{RoundFolder, manifest_of};
use aidlink_office::signing::PublicKey;
use aidlink_office::terminal::{Output, Progress};
use aidlink_office::verification::{NamedKeys, Verification, verify};
use aidlink_policy::pack::CASE_EXPORT;
use aidlink_procuratorate::lists::columns;
use aidlink_procuratorate::register::in_round::{book_of, other_key};
use aidlink_procuratorate::register::shown::DeliveredLead;
use aidlink_procuratorate::register::taking::{KnownAs, TakenLead, TakenRound, take};
use aidlink_register::chain::Recorded;
use aidlink_register::event::{
    About, Direction, Event, Evidence, FoundBy, Grade, Granted, ShownBy, Source, Urgency,
};
use aidlink_register::form::header_of;
use aidlink_register::items::{
    Appended, Batch, FoundLead, NewEvent, NewItem, RefusedWhy, Standing, Subject,
};
use aidlink_register::number::{LeadNumber, PersonNumber};
use aidlink_register::register::Register;
use aidlink_register::token::RegisterToken;
use jiff::civil::Date;
use jiff::{Timestamp, Zoned};
use serde::Serialize;

use crate::cli::RoundInRegister;
use crate::commands::Ending;
use aidlink_office::shell::in_shell;

/// The round file and the open register.
pub(super) struct OpenRound {
    /// The round file.
    pub written: WrittenRound,
    /// The id of the round.
    pub id: String,
    /// The register.
    pub register: Register,
    signer: PublicKey,
}

/// Reads the round file and opens the register.
///
/// # Errors
/// If either cannot be read, or the signing key is missing.
pub(super) fn open(arguments: &RoundInRegister, output: Output) -> Result<OpenRound, Ending> {
    let written = WrittenRound::read(&arguments.round).map_err(Ending::WrongConfiguration)?;
    let id = written.round_id().map_err(Ending::WrongConfiguration)?;
    Ok(OpenRound {
        written,
        id,
        register: arguments.file.open(output)?,
        signer: arguments.file.signing_key()?.public().clone(),
    })
}

/// What became of a round's leads.
#[derive(Debug, Default, Serialize)]
pub(super) struct Taken {
    /// The id of the round.
    pub round: String,
    /// The digest of the manifest.
    pub manifest: String,
    /// Leads on the lists.
    pub leads: u64,
    /// Leads that nobody knew.
    pub new: u64,
    /// Leads that are being handled.
    pub carried: u64,
    /// Leads that were closed, and are open again.
    pub reopened: u64,
    /// Leads that were taken from this round before.
    pub already_there: u64,
    /// Why the lists are provisional; empty if they are not.
    pub provisional: Vec<Text>,
    /// The leads that the register refused.
    pub refused: Vec<LeadRefused>,
    /// Open leads that are delivered now, because a register shows that the aid is received.
    pub delivered: Vec<ShownDelivered>,
    /// Such leads of which this was recorded before.
    pub delivered_before: u64,
    /// Such leads that ended after the round had read the register: nothing is recorded.
    pub ended_meanwhile: Vec<String>,
    /// Open leads of persons of whom a case row says that they have died.
    pub dead: Vec<ToDecide>,
    /// Open leads of persons who are registered elsewhere than in the register.
    pub moved: Vec<ToDecide>,
}

/// A lead that is delivered, and what shows it.
#[derive(Debug, Serialize)]
pub(super) struct ShownDelivered {
    /// Its number.
    pub lead: String,
    /// What is received.
    pub what: String,
    /// The export that shows it.
    pub register: String,
    /// The day of its snapshot.
    pub snapshot: Date,
}

/// A lead of which a person must decide something.
#[derive(Debug, Serialize)]
pub(super) struct ToDecide {
    /// Its number.
    pub lead: String,
    /// The command that records it, once a person has looked into it.
    pub command: String,
}

/// A lead that the register refused.
#[derive(Debug, Serialize)]
pub(super) struct LeadRefused {
    /// Its number on the list.
    pub lead: String,
    /// The field at fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// Why.
    pub message: Text,
    /// What to do.
    pub hint: Text,
}

/// Takes the leads of the round into the register.
///
/// # Errors
/// If there is not one finished output folder, it was changed or purged, or the register
/// cannot be written.
pub(super) fn take_leads(
    open: &mut OpenRound,
    arguments: &RoundInRegister,
    output: Output,
) -> Result<Taken, Faults> {
    let verification = finished(open, arguments)?;
    let issued_on = verification.manifest.issued_on;
    if issued_on > Zoned::now().date() {
        return Err(not_issued_yet(arguments, issued_on).into());
    }
    let key_file = match &arguments.register_key {
        Some(path) => path.clone(),
        None => parent_of(&arguments.file.register).join("register.key"),
    };
    let key = RegisterKey::read(&key_file, &open.register.head().register)?;
    if key.id() != open.register.key_id() {
        return Err(other_key(&key_file).into());
    }
    let read = verification.manifest.register.as_ref();
    let book = read.map(|read| book_of(&open.register, read)).transpose()?;
    let number_of = |token: &[u8; 16]| {
        let number = book.as_ref()?.person_of(&RegisterToken(*token))?;
        Some(number.to_string())
    };
    let known_as = KnownAs {
        tokeniser: &key.tokeniser(),
        number_of: &number_of,
    };
    let progress = Progress::new(output);
    let taken = take(&verification, &open.written, &known_as, &progress);
    progress.finish();
    let taken = taken?;
    let manifest = &verification.manifest;
    let operator = arguments.operator.as_deref().unwrap_or(&manifest.operator);
    let mut faults = FaultCollector::new();
    let leads = taken.leads.iter();
    let found: Vec<FoundLead> = leads
        .filter_map(|lead| {
            let found = found(&taken, lead, operator);
            if found.is_none() {
                faults.push(no_number(&verification.folder));
            }
            found
        })
        .collect();
    faults.finish()?;
    let found = found.into_iter().map(NewItem::Found);
    // What somebody withdrew is not recorded again: the register is still the same.
    let (withdrawn, shown): (Vec<&DeliveredLead>, Vec<&DeliveredLead>) = taken
        .delivered
        .iter()
        .partition(|lead| is_withdrawn(&open.register, lead));
    let delivered = shown.iter();
    let delivered = delivered.map(|lead| NewItem::Event(delivered_event(lead, operator)));
    let batch = batch(found.chain(delivered).collect());
    let mut answers = open.register.append(&batch)?;
    let of_delivered = answers.split_off(taken.leads.len());
    let mut report = Taken {
        round: taken.round.clone(),
        manifest: taken.manifest_digest.clone(),
        leads: taken.leads.len() as u64,
        provisional: taken.provisional.clone(),
        ..Taken::default()
    };
    for (lead, answer) in taken.leads.iter().zip(answers) {
        match answer {
            Appended::Added(added) => match added.standing {
                Some(Standing::Carried) => report.carried += 1,
                Some(Standing::Reopened) => report.reopened += 1,
                Some(Standing::New) | None => report.new += 1,
            },
            Appended::AlreadyThere(_) => report.already_there += 1,
            Appended::Refused(refused) => report.refused.push(LeadRefused {
                lead: lead.lead_number.clone(),
                field: refused.field_name(),
                message: refused.message,
                hint: refused.hint,
            }),
        }
    }
    let withdrawn = withdrawn.iter().map(|lead| lead.lead.to_string());
    report.ended_meanwhile.extend(withdrawn);
    for (lead, answer) in shown.iter().zip(of_delivered) {
        match answer {
            Appended::Added(_) => report.delivered.push(ShownDelivered {
                lead: lead.lead.to_string(),
                what: lead.what.clone(),
                register: lead.register.clone(),
                snapshot: lead.snapshot,
            }),
            Appended::AlreadyThere(_) => report.delivered_before += 1,
            Appended::Refused(refused) => match refused.why {
                // It ended, or somebody withdrew it: that is more recent than the round.
                RefusedWhy::NotAllowed => report.ended_meanwhile.push(lead.lead.to_string()),
                _ => report.refused.push(LeadRefused {
                    lead: lead.lead.to_string(),
                    field: refused.field_name(),
                    message: refused.message,
                    hint: refused.hint,
                }),
            },
        }
    }
    let is_open = |lead: &&LeadNumber| {
        let state = open.register.book().lead(lead);
        let state = state.and_then(|lead| lead.state.as_ref());
        state.is_some_and(|state| !state.stage.is_resting())
    };
    let register = in_shell(&shown_path(&arguments.file.register));
    let operator = in_shell(operator);
    let key = arguments.file.signing_key.as_ref();
    let key = key.map(|key| format!(" --signing-key {}", in_shell(&shown_path(key))));
    let key = key.unwrap_or_default();
    let command = |lead: &LeadNumber, kind: &str, rest: &str| ToDecide {
        lead: lead.to_string(),
        command: format!(
            "aidlink register note --register {register}{key} --operator {operator} --lead {lead} --kind {kind} --on {} {rest}",
            taken.issued_on
        ),
    };
    let died = format!(
        "--set reason=dead --set shown_by.register={CASE_EXPORT} --set shown_by.snapshot={} --set {}",
        taken.cases_of,
        in_shell(&format!("remark={}", taken.remark))
    );
    let dead = taken.dead.iter().filter(is_open);
    report.dead = dead.map(|lead| command(lead, "closed", &died)).collect();
    let moved = taken.moved.iter().filter(is_open);
    report.moved = moved
        .map(|lead| command(lead, "moved", "--set office=..."))
        .collect();
    Ok(report)
}

/// Whether somebody withdrew that this register shows the aid, in the present handling of the
/// lead.
fn is_withdrawn(register: &Register, lead: &DeliveredLead) -> bool {
    let book = register.book();
    let known = book.lead(&lead.lead);
    let Some(state) = known.and_then(|known| known.state.as_ref()) else {
        return false;
    };
    let shows_it = |event: &Event| match event {
        Event::Granted(granted) => granted
            .shown_by
            .as_ref()
            .is_some_and(|shown| shown.register == lead.register),
        _ => false,
    };
    let subject = Subject::Lead(lead.lead.clone());
    let history: BTreeMap<u64, (&Recorded, Option<&Recorded>)> = book
        .history(&subject)
        .map(|(event, by)| (event.seq, (event, by)))
        .collect();
    // A correction says what was meant, and may be withdrawn in its turn.
    let ends_withdrawn = |first: &Recorded| {
        let after = |by: &&Recorded| history.get(&by.seq).and_then(|(_, by)| *by);
        let mut later = iter::successors(Some(first), |by| after(by));
        later.any(|by| matches!(by.event, Event::Withdrawn(_)))
    };
    let mut all = history.values();
    all.any(|(event, by)| {
        event.on >= state.opened && shows_it(&event.event) && by.is_some_and(ends_withdrawn)
    })
}

/// Returns the event of an open lead whose aid is received.
fn delivered_event(lead: &DeliveredLead, operator: &str) -> NewEvent {
    NewEvent {
        subject: Subject::Lead(lead.lead.clone()),
        on: lead.on,
        event: Event::Granted(Granted {
            what: Some(lead.what.clone()),
            from: None,
            amount: None,
            per: None,
            shown_by: Some(ShownBy {
                register: lead.register.clone(),
                snapshot: lead.snapshot,
            }),
            remark: Some(lead.remark.clone()),
        }),
        operator: operator.to_owned(),
        approver: None,
        because: None,
    }
}

/// Returns items that are recorded now.
pub(super) fn batch(items: Vec<NewItem>) -> Batch {
    Batch {
        items,
        recorded_at: Timestamp::now(),
        today: Zoned::now().date(),
        all_or_nothing: false,
    }
}

/// Returns the output folders of the procuratorate for the round.
fn outputs(open: &OpenRound, arguments: &RoundInRegister) -> Result<Vec<PathBuf>, Fault> {
    if let Some(output) = &arguments.output {
        return Ok(vec![output.clone()]);
    }
    let found = RoundFolder::find(parent_of(&arguments.round), Some(&arguments.round))?;
    let is_it = |output: &PathBuf| {
        manifest_of(output).is_some_and(|manifest| {
            matches!(manifest.step, StepKind::Run | StepKind::Resolve) && manifest.round == open.id
        })
    };
    Ok(found.outputs.into_iter().filter(is_it).collect())
}

/// Returns whether the round has lists that the register has not taken, as after another run
/// with a corrected export. If there are several output folders, the user must name the one
/// whose lists were issued.
pub(super) fn is_not_taken(open: &OpenRound, arguments: &RoundInRegister) -> bool {
    let outputs = outputs(open, arguments).unwrap_or_default();
    let [output] = outputs.as_slice() else {
        return false;
    };
    let manifest = regular_file::read(&output.join(MANIFEST), Manifest::LARGEST);
    manifest.is_ok_and(|bytes| {
        let digest = blake3::hash(&bytes).to_hex();
        open.register
            .taken_from(&digest)
            .is_ok_and(|leads| leads == 0)
    })
}

/// Verifies the output folder of the round.
fn finished(open: &OpenRound, arguments: &RoundInRegister) -> Result<Verification, Faults> {
    let outputs = outputs(open, arguments)?;
    let [output] = outputs.as_slice() else {
        return Err(not_one_output(parent_of(&arguments.round), &outputs).into());
    };
    let mut keys = vec![open.signer.clone()];
    let mut faults = FaultCollector::new();
    for text in &arguments.public_keys {
        keys.extend(faults.take(PublicKey::named(text)));
    }
    faults.finish()?;
    if arguments.public_keys.is_empty() {
        let signers = open.written.signers().into_iter();
        let own = signers.filter(|(office, _)| CASE_EXPORT.split('.').next() == Some(office));
        keys.extend(own.map(|(_, key)| key));
    }
    let trusted = NamedKeys::ByUser(keys);
    Ok(verify(output, Some(&arguments.round), &trusted)?)
}

/// Returns a lead as the register takes it; `None` if its numbers have another form.
fn found(round: &TakenRound, lead: &TakenLead, operator: &str) -> Option<FoundLead> {
    let values = |text: &str| -> Vec<String> {
        let values = text.split('；').map(str::trim);
        let values = values.filter(|value| !value.is_empty());
        values.map(str::to_owned).collect()
    };
    let one = |text: &str| (!text.trim().is_empty()).then(|| text.to_owned());
    let evidence = lead.evidence.iter().map(|rule| Evidence {
        rule: rule.rule.clone(),
        register: rule.export.clone(),
        snapshot: rule.snapshot,
    });
    Some(FoundLead {
        token: Some(RegisterToken(lead.register_token)),
        person_number: PersonNumber::parse(&lead.person_number)?,
        aid: lead.aid.clone(),
        agency: lead.agency.clone(),
        direction: Direction::from(lead.direction),
        source: Source::Round,
        round: Some(FoundBy {
            id: round.round.clone(),
            manifest: round.manifest_digest.clone(),
            lead: LeadNumber::parse(&lead.lead_number)?,
            provisional: !round.provisional.is_empty(),
        }),
        about: About {
            names: values(lead.name()),
            case_numbers: values(lead.case_numbers()),
            handler: one(lead.handler()),
            unit: one(lead.unit()),
            registered_at: one(&lead.registered_at),
            guardian: one(lead.field("guardian")),
            sex: lead.sex.map(|sex| {
                let sex = match sex {
                    Sex::Male => "男",
                    Sex::Female => "女",
                };
                sex.to_owned()
            }),
            age: lead.age,
            ..About::default()
        },
        grade: Some(match lead.grade {
            grade::Grade::ToBeClarified => Grade::ToBeClarified,
            grade::Grade::Established => Grade::Established,
        }),
        urgency: Some(match lead.urgency {
            columns::Urgency::Urgent => Urgency::Urgent,
            columns::Urgency::Priority => Urgency::Priority,
            columns::Urgency::Ordinary => Urgency::Ordinary,
        }),
        minor: Some(lead.minor),
        act_by: lead.act_by,
        evidence: evidence.collect(),
        remark: None,
        on: round.issued_on,
        operator: operator.to_owned(),
    })
}

/// Says what became of a round's leads.
pub(super) fn say_taken(taken: &Taken, output: Output) {
    let Taken {
        round,
        leads,
        new,
        carried,
        reopened,
        already_there,
        ..
    } = taken;
    output.say(&Text::new(
        format!(
            "轮次 {round}：清单上的线索{leads}条，新登记{new}条，续办{carried}条，重新办理{reopened}条，此前已登记{already_there}条"
        ),
        format!(
            "Round {round}: {leads} leads on the lists, {new} new, {carried} carried, {reopened} open again, {already_there} taken before"
        ),
    ));
    for why in &taken.provisional {
        output.say(&Text::new(
            format!("  暂定：{}", why.zh),
            format!("  provisional: {}", why.en),
        ));
    }
    say_shown(taken, output);
    for refused in &taken.refused {
        let LeadRefused {
            lead,
            field,
            message,
            hint,
        } = refused;
        let field = field.as_deref().unwrap_or_default();
        let zh = header_of(field).map(|header| format!("“{header}”"));
        let en = (!field.is_empty()).then(|| format!("`{field}` "));
        output.say(&Text::new(
            format!(
                "  未登记 {lead}：{}{}；{}",
                zh.unwrap_or_default(),
                message.zh,
                hint.zh
            ),
            format!(
                "  not taken, {lead}: {}{}; {}",
                en.unwrap_or_default(),
                message.en,
                hint.en
            ),
        ));
    }
}

fn not_issued_yet(arguments: &RoundInRegister, issued_on: Date) -> Fault {
    Fault::of_file(
        &arguments.round,
        Text::new(
            format!("本轮签发日期 {issued_on} 在今天之后，线索尚不能登记"),
            format!(
                "the round is issued on {issued_on}, after today: its leads cannot be taken yet"
            ),
        ),
        Text::new(
            "请到签发之日再登记；日期写错的，改正 issued_on 后重新运行该轮次",
            "take it on that day; if the day is wrong, correct `issued_on` and run the round again",
        ),
    )
}

/// Says what the round shows of open leads.
fn say_shown(taken: &Taken, output: Output) {
    let say = |zh: String, en: String| output.say(&Text::new(zh, en));
    let (delivered, before) = (taken.delivered.len(), taken.delivered_before);
    if delivered > 0 || before > 0 {
        say(
            format!("  名册显示已在领取、记为已落实{delivered}条，此前已记{before}条"),
            format!("  {delivered} leads delivered, as registers show, {before} recorded before"),
        );
    }
    for ShownDelivered {
        lead,
        what,
        register,
        snapshot,
    } in &taken.delivered
    {
        say(
            format!("    {lead}：{what}（{register}，{snapshot}）"),
            format!("    {lead}: {what} ({register} of {snapshot})"),
        );
    }
    if !taken.ended_meanwhile.is_empty() {
        let leads = &taken.ended_meanwhile;
        say(
            format!(
                "  名册显示已在领取，但其后已办结或已撤销该事项，未作记录：{}",
                leads.join("、")
            ),
            format!(
                "  the aid is received, but the lead ended since, or this was withdrawn; nothing is recorded: {}",
                leads.join(", ")
            ),
        );
    }
    let told = [
        (
            &taken.dead,
            "案件数据载明已死亡，线索未办结",
            "the case export says that the person has died, and the lead is open",
        ),
        (
            &taken.moved,
            "案件数据中的户籍地与登记簿不同，线索未办结",
            "the case export names another place of registration than the register, and the lead is open",
        ),
    ];
    for (leads, zh, en) in told {
        if leads.is_empty() {
            continue;
        }
        let count = leads.len();
        say(
            format!("  {zh}：{count}条。查明属实后登记："),
            format!("  {en}: {count}. Look into it, then record it:"),
        );
        for ToDecide { command, .. } in leads {
            output.say(&Text::new(
                format!("    {command}"),
                format!("    {command}"),
            ));
        }
    }
}

fn no_number(folder: &Path) -> Fault {
    Fault::of_file(
        folder,
        Text::new(
            "清单上有编号不是登记簿能登记的",
            "a list has a number of a form that the register does not take",
        ),
        Text::new(
            "请用本版本重新运行该轮次",
            "run the round again with this version",
        ),
    )
}

fn not_one_output(folder: &Path, outputs: &[PathBuf]) -> Fault {
    let names: Vec<String> = outputs.iter().map(|path| shown_path(path)).collect();
    let message = match names.as_slice() {
        [] => Text::new(
            "此处没有本轮检察机关的输出文件夹：轮次未运行，或已移走",
            "there is no output folder of the procuratorate for this round: it was not run, or was moved away",
        ),
        names => Text::new(
            format!("本轮有多个输出文件夹：{}", names.join("、")),
            format!("the round has several output folders: {}", names.join(", ")),
        ),
    };
    Fault::of_file(
        folder,
        message,
        Text::new(
            "请用 --output 指明签发清单的那一个",
            "name the one whose lists were issued with --output",
        ),
    )
}
