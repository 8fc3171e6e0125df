//! Resolves screened leads to persons at the procuratorate: tokenises its own
//! export again and takes the row whose index is the reference.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use aidlink_contract::screened_lead::{
    NotJudged, NotVerified, Provisional, ReceivedAid, ScreenedLead,
};
use aidlink_faults::fault::{Fault, Faults};
use aidlink_faults::text::Text;

use crate::register::in_round::{KnownPersons, RoundRegister};
use crate::register::shown::{ReceivedBy, ShownLeads};
use crate::screened::OwnRules;
use aidlink_agency::person_mark::{PersonMark, PersonMarker};
use aidlink_agency::scan::Export;
use aidlink_agency::tokenise::{
    FileReport, Listed, ListedCases, ListedRow, Report, Tokenising, listed_rows,
};
use aidlink_policy::pack::Policy;
use aidlink_policy::schema::ExportSchema;

/// A lead with the data of its case rows from the procuratorate's own export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolvedLead {
    /// The lead as received from the centre.
    pub screened: ScreenedLead,
    /// The mark of the person.
    pub person: PersonMark,
    /// For each case row of the lead, the data that lists show.
    pub cases: Vec<Listed>,
    /// Whether the person is listed as a minor: under 18 at the as-of date, or
    /// of unknown age.
    pub minor: bool,
}

/// A person who could not be judged, with the data of the case rows from the
/// procuratorate's own export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolvedNotJudged {
    /// What the centre found.
    pub screened: NotJudged,
    /// The mark of the person.
    pub person: PersonMark,
    /// The data of each of its case rows, in their order.
    pub cases: Vec<Listed>,
    /// As [`ResolvedLead::minor`].
    pub minor: bool,
}

/// What the centre found in a round, with the persons it concerns.
#[derive(Clone, Debug, Default)]
pub struct ResolvedRound {
    /// The leads in token order.
    pub leads: Vec<ResolvedLead>,
    /// The persons who could not be judged, in token order.
    pub not_judged: Vec<ResolvedNotJudged>,
    /// Why the lists are provisional; empty if they are not.
    pub provisional: Vec<Provisional>,
    /// Exports that could not verify receipt or referral.
    pub not_verified_by: BTreeMap<String, NotVerified>,
    /// For each register, the names of the fields that rules need and that it lacks.
    pub fields_missing: BTreeMap<String, Vec<String>>,
    /// What the procuratorate's register knows of the persons; `None` if the round reads none.
    pub known: Option<KnownPersons>,
    /// What the round shows of the register's open leads; `None` if it reads no register.
    pub shown: Option<ShownLeads>,
}

/// What the centre found in a round.
pub struct ScreenedRound {
    /// The leads in token order.
    pub leads: Vec<ScreenedLead>,
    /// The persons who could not be judged, in token order.
    pub not_judged: Vec<NotJudged>,
    /// Why the lists are provisional.
    pub provisional: Vec<Provisional>,
    /// Exports that could not verify receipt or referral.
    pub not_verified_by: BTreeMap<String, NotVerified>,
    /// For each register, the names of the fields that rules need and that it lacks.
    pub fields_missing: BTreeMap<String, Vec<String>>,
    /// The persons who were referred to an aid and receive it; `None` if the procuratorate did
    /// not ask.
    pub received: Option<Vec<ReceivedAid>>,
}

/// Reads the procuratorate's export, and finds in it the rows that the leads and the persons who
/// could not be judged refer to. Returns them in the same order, and the report on the export.
/// `register` is the procuratorate's register, if the round reads one.
///
/// # Errors
/// When the export cannot be tokenised, or is not the screened one: its digest differs. Also as
/// for [`resolve_listed`].
pub fn resolve(
    exports: &[Export],
    tokenising: &Tokenising<'_>,
    marker: &PersonMarker,
    files: &[FileReport],
    screened: ScreenedRound,
    register: Option<&RoundRegister>,
) -> Result<(ResolvedRound, Report), Faults> {
    let tokenising = &Tokenising {
        register: register.map(RoundRegister::tokeniser),
        ..*tokenising
    };
    let listed = listed_rows(exports, tokenising, marker);
    let (cases, report) = listed.map_err(|error| error.into_faults(exports))?;
    if report.files != files {
        return Err(not_this_export(exports));
    }
    let (schema, policy) = (tokenising.schema, tokenising.policy);
    let round = resolve_listed(exports, cases, schema, policy, screened, register)?;
    Ok((round, report))
}

/// As [`resolve`], with the rows of the export. `exports` are named where they are at fault.
///
/// # Errors
/// When a reference exceeds the export's rows. Also when the centre says of its rows what they do
/// not say, when a lead is of several persons, or a person has two leads for one aid, receives one
/// for which there is a lead, has a lead and could not be judged, or is twice among these: no
/// screening gives that, and their numbers would not be unique.
pub fn resolve_listed(
    exports: &[Export],
    cases: ListedCases,
    schema: &ExportSchema,
    policy: &Policy,
    screened: ScreenedRound,
    register: Option<&RoundRegister>,
) -> Result<ResolvedRound, Faults> {
    let ListedCases {
        rows,
        dead_in_register,
    } = cases;
    let find = |references: &mut dyn Iterator<Item = usize>| -> Result<_, Faults> {
        let cases = references.map(|reference| rows.get(reference));
        let cases: Option<Vec<&ListedRow>> = cases.collect();
        let cases = cases.ok_or_else(|| not_this_export(exports))?;
        let mut persons = cases.iter().map(|case| case.person);
        let person = persons.next().ok_or_else(|| not_one_person(exports))?;
        if persons.any(|other| other != person) {
            return Err(not_one_person(exports));
        }
        let cases: Vec<Listed> = cases.iter().map(|case| case.listed.clone()).collect();
        let minor = cases.iter().any(|case| case.minor);
        Ok((person, cases, minor))
    };
    let outcomes = |reference: usize| rows.get(reference).map(|row| row.outcomes.as_slice());
    let own_rules = OwnRules::of(policy);
    let not_verified_by = &screened.not_verified_by;
    let is_verified = |export: &str| !not_verified_by.contains_key(export);
    let mut leads_of_persons = BTreeSet::new();
    let mut persons = BTreeSet::new();
    let mut lead = |screened: ScreenedLead| {
        let (person, cases, minor) = find(&mut screened.cases.iter().map(|case| case.reference))?;
        let mut evidence = screened.cases.iter();
        let is_own = evidence.all(|case| {
            let own = outcomes(case.reference);
            own.is_some_and(|own| {
                own_rules.are_told(&screened.aid, case, own)
                    && own_rules.may_be_open(&screened.aid, own, &is_verified)
            })
        });
        if !is_own {
            return Err(not_as_in_export(exports));
        }
        persons.insert(person);
        if !leads_of_persons.insert((person, screened.aid.clone())) {
            return Err(not_one_person(exports));
        }
        Ok(ResolvedLead {
            screened,
            person,
            cases,
            minor,
        })
    };
    let leads = screened.leads.into_iter().map(&mut lead);
    let leads = leads.collect::<Result<Vec<ResolvedLead>, Faults>>()?;
    let mut not_judged = |screened: NotJudged| {
        let (person, cases, minor) = find(&mut screened.cases.iter().map(|case| case.reference))?;
        let is_own = screened.cases.iter().all(|case| {
            let own = outcomes(case.reference);
            own.is_some_and(|own| own_rules.are_unknown(case, own))
        });
        if !is_own {
            return Err(not_as_in_export(exports));
        }
        // Neither twice, nor with a lead.
        if !persons.insert(person) {
            return Err(not_one_person(exports));
        }
        Ok(ResolvedNotJudged {
            screened,
            person,
            cases,
            minor,
        })
    };
    let persons = screened.not_judged.into_iter().map(&mut not_judged);
    let persons = persons.collect::<Result<Vec<ResolvedNotJudged>, Faults>>()?;
    let mut receives = |one: ReceivedAid| {
        let (person, _, _) = find(&mut std::iter::once(one.reference))?;
        let own = outcomes(one.reference);
        if !own.is_some_and(|own| own_rules.may_be_received(&one.aid, own, &is_verified)) {
            return Err(not_as_in_export(exports));
        }
        if !leads_of_persons.insert((person, one.aid.clone())) {
            return Err(not_one_person(exports));
        }
        Ok(ReceivedBy {
            person,
            aid: one.aid,
            rule: one.rule,
        })
    };
    let received = screened.received.map(|received| {
        let received = received.into_iter().map(&mut receives);
        received.collect::<Result<Vec<ReceivedBy>, Faults>>()
    });
    let received = received.transpose()?;
    let known = register.map(|register| {
        let persons = rows.iter();
        register.known(persons.filter_map(|row| Some((row.person, row.in_register.as_ref()?))))
    });
    let shown = register.zip(known.as_ref()).map(|(register, known)| {
        let dead = register.open_leads_of(&dead_in_register);
        let cases = rows.iter().map(|row| (row.person, &row.listed));
        ShownLeads::of(schema, known, received, dead, cases)
    });
    Ok(ResolvedRound {
        leads,
        not_judged: persons,
        provisional: screened.provisional,
        not_verified_by: screened.not_verified_by,
        fields_missing: screened.fields_missing,
        known,
        shown,
    })
}

fn not_one_person(exports: &[Export]) -> Faults {
    Fault::of_file(
        exports.first().map(Export::path).unwrap_or(Path::new("")),
        Text::new(
            "线索文件把不同人员的案件合为一条线索，把同一人员的同一项目分为两条，或把有线索的人员列为未能判断",
            "the screened leads join the cases of several persons in one lead, give a person two leads for one aid, or say that a person with a lead could not be judged",
        ),
        Text::new(
            "请筛查机构重新筛查并发送",
            "ask the centre to screen and send again",
        ),
    )
    .into()
}

fn not_as_in_export(exports: &[Export]) -> Faults {
    Fault::of_file(
        exports.first().map(Export::path).unwrap_or(Path::new("")),
        Text::new(
            "线索文件所称案件导出的规则结果，与此导出不符",
            "the screened leads say of rows of this export what they do not say",
        ),
        Text::new(
            "请筛查机构重新筛查并发送",
            "ask the centre to screen and send again",
        ),
    )
    .into()
}

fn not_this_export(exports: &[Export]) -> Faults {
    Fault::of_file(
        exports.first().map(Export::path).unwrap_or(Path::new("")),
        Text::new(
            "此导出不是筛查时的那一份：内容已改变",
            "this export is not the one that was screened: its content has changed",
        ),
        Text::new(
            "请使用筛查时的同一份导出和密钥",
            "use the same export and key as for the screening",
        ),
    )
    .into()
}
