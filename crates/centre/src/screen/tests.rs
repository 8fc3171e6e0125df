//! Tests screening with a policy of one aid: which persons are leads, and how
//! the leads are marked.

use aidlink_contract::token::{Token, TokenAlgorithm};
use aidlink_contract::token_table::OutcomeColumns;
use aidlink_policy::pack::{Direction, Origins, WhenUnknown};
use aidlink_policy::rule_language::{Combination, Expression};

use super::*;
use Outcome::{Indicated, No, Unknown, Yes};

const CIVIL: &str = "civil-affairs.assistance";
const REFERRALS: &str = "procuratorate.referrals";
const AS_OF: Date = Date::constant(2026, 9, 30);

/// A policy with `requires = 'ground'`, `qualifies = 'hardship'`, `settled = 'receiving'`
/// and a rule for earlier referrals. No combination names the rules `exclusion`
/// and `remark` on the case parties.
fn policy() -> Policy {
    let rule = |id: &str, on: &str, kind| Rule {
        id: id.into(),
        on: on.into(),
        kind,
        when: String::new(),
        expression: Expression::Constant(true),
        when_unknown: WhenUnknown::Review,
        core: None,
        at_most_review: false,
        title: Text::new(id, id),
        cites: Vec::new(),
        check: None,
        urgent: false,
        parameters: Vec::new(),
        cases: Vec::new(),
    };
    let named = |id: &str| Combination::Rule(id.into());
    let aid = Aid {
        id: "aid".into(),
        direction: Direction::ToSocial,
        agency: "civil-affairs".into(),
        title: Text::new("", ""),
        cites: Vec::new(),
        requires_text: String::new(),
        requires: named("ground"),
        qualifies_text: String::new(),
        qualifies: named("hardship"),
        settled_text: None,
        settled: Some(named("receiving")),
        referred: named("referred"),
        household: false,
        check: None,
        deadline: String::new(),
    };
    Policy {
        id: "test".into(),
        version: "1".into(),
        title: Text::new("", ""),
        digest: "0".repeat(64),
        sources: Vec::new(),
        agencies: Vec::new(),
        deadlines: Vec::new(),
        rules: vec![
            rule("ground", CASE_EXPORT, RuleKind::Ground),
            rule("exclusion", CASE_EXPORT, RuleKind::Exclusion),
            rule("remark", CASE_EXPORT, RuleKind::Ground),
            rule("hardship", CIVIL, RuleKind::Hardship),
            rule("receiving", CIVIL, RuleKind::Receiving),
            rule("referred", REFERRALS, RuleKind::Referral),
        ],
        terms: Vec::new(),
        aids: vec![aid],
        referrals_on: Some(REFERRALS.into()),
        referral_states: Vec::new(),
        parameters: Vec::new(),
        earlier_rules: Vec::new(),
        origins: Origins::default(),
        guarantees: Vec::new(),
    }
}

const TERMS: ScreeningTerms = ScreeningTerms {
    as_of: AS_OF,
    thresholds: Thresholds {
        snapshot_age_days: 92,
        reject_rate: 0.05,
        rare_pattern: 5,
    },
    not_joined: BTreeSet::new(),
    asks_who_receives: false,
};
const FRESH: Date = Date::constant(2026, 9, 28);
const OLD: Date = Date::constant(2026, 1, 1);

fn origin(export: &str, snapshot: Date) -> Origin {
    Origin {
        round: "2026Q3".into(),
        as_of: AS_OF,
        policy_digest: "0".repeat(64),
        key_id: "0".repeat(16),
        algorithm: TokenAlgorithm::HmacSm3,
        export: export.into(),
        snapshot,
    }
}

/// Rows of a token byte and its outcomes.
type Rows<'r, const N: usize> = &'r [(u8, [Outcome; N])];

fn tokens<const N: usize>(rows: Rows<'_, N>) -> Vec<Token> {
    let tokens = rows.iter().map(|(byte, _)| Token::from_bytes([*byte; 16]));
    tokens.collect()
}

fn columns<const N: usize>(rows: Rows<'_, N>, rules: [&str; N]) -> OutcomeColumns {
    let column = |place: usize| rows.iter().map(|(_, outcomes)| outcomes[place]).collect();
    let rules = rules.iter().enumerate();
    OutcomeColumns(
        rules
            .map(|(place, rule)| ((*rule).to_owned(), column(place)))
            .collect(),
    )
}

/// Case parties with outcomes of `ground`, `exclusion` and `remark`.
fn cases(rows: Rows<'_, 3>) -> CaseTable {
    let columns = columns(rows, ["ground", "exclusion", "remark"]);
    CaseTable::new(origin(CASE_EXPORT, FRESH), tokens(rows), columns).expect("the tokens ascend")
}

/// A civil affairs register with outcomes of `hardship` and `receiving`.
fn civil(rows: Rows<'_, 2>, snapshot: Date) -> RegisterTable {
    let columns = columns(rows, ["hardship", "receiving"]);
    RegisterTable::new(origin(CIVIL, snapshot), tokens(rows), columns).expect("the tokens ascend")
}

fn referrals(rows: Rows<'_, 1>, snapshot: Date) -> RegisterTable {
    let columns = columns(rows, ["referred"]);
    RegisterTable::new(origin(REFERRALS, snapshot), tokens(rows), columns)
        .expect("the tokens ascend")
}

fn screened(cases: &CaseTable, registers: &[RegisterTable]) -> Screening {
    screen(&policy(), &TERMS, cases, registers).expect("matching tables")
}

#[test]
fn a_lead_qualifies_does_not_receive_and_was_not_referred() {
    for ground in Outcome::ALL {
        for hardship in Outcome::ALL {
            for receiving in Outcome::ALL {
                for referred in Outcome::ALL {
                    let registers = [
                        civil(&[(1, [hardship, receiving])], FRESH),
                        referrals(&[(1, [referred])], FRESH),
                    ];
                    let cases = cases(&[(1, [ground, No, No])]);
                    let leads = screened(&cases, &registers).leads;
                    let grade = match (ground, hardship) {
                        (No, _) | (_, No) | (Unknown, Unknown) => None,
                        (Yes, Yes) => Some(Grade::Established),
                        _ => Some(Grade::ToBeClarified),
                    };
                    let grade = grade.filter(|_| receiving != Yes && referred != Yes);
                    assert_eq!(leads.len(), usize::from(grade.is_some()));
                    if let Some(lead) = leads.first() {
                        assert_eq!(Some(lead.grade()), grade);
                        assert_eq!(lead.receipt_not_verified, receiving != No);
                        assert_eq!(lead.referral_not_verified, referred != No);
                    }
                }
            }
        }
    }
}

#[test]
fn an_export_that_is_not_joined_verifies_nothing() {
    let cases = cases(&[(1, [Yes, No, No])]);
    let terms = ScreeningTerms {
        not_joined: BTreeSet::from([REFERRALS.to_owned()]),
        ..TERMS
    };
    let registers = [civil(&[(1, [Yes, No])], FRESH)];
    let screening = screen(&policy(), &terms, &cases, &registers).expect("matching tables");
    assert!(screening.leads[0].referral_not_verified);
    let expected = BTreeMap::from([(REFERRALS.to_owned(), NotVerified::NotJoined)]);
    assert_eq!(screening.not_verified_by, expected);
}

#[test]
fn who_has_no_lead_and_is_unknown_on_both_sides_is_not_judged() {
    for ground in Outcome::ALL {
        for hardship in Outcome::ALL {
            for receiving in Outcome::ALL {
                for referred in Outcome::ALL {
                    let registers = [
                        civil(&[(1, [hardship, receiving])], FRESH),
                        referrals(&[(1, [referred])], FRESH),
                    ];
                    let cases = cases(&[(1, [ground, No, Unknown])]);
                    let not_judged = screened(&cases, &registers).not_judged;
                    let is_unknown = (ground, hardship) == (Unknown, Unknown);
                    let expected = NotJudged {
                        aids: vec!["aid".to_owned()],
                        cases: vec![CaseNotJudged {
                            reference: 0,
                            unknown: vec!["ground".to_owned(), "hardship".to_owned()],
                        }],
                    };
                    // Who receives the aid or was referred needs no judging.
                    let is_open = is_unknown && receiving != Yes && referred != Yes;
                    let expected: Vec<NotJudged> =
                        is_open.then_some(expected).into_iter().collect();
                    assert_eq!(not_judged, expected);
                }
            }
        }
    }
}

#[test]
fn a_person_is_not_judged_once_and_only_without_a_lead() {
    let cases = cases(&[
        // A lead by another row.
        (1, [Unknown, No, No]),
        (1, [Yes, No, No]),
        // Two rows, one of which is judged.
        (2, [Unknown, No, No]),
        (2, [No, No, No]),
        (2, [Unknown, No, No]),
        // On no register.
        (3, [Unknown, No, No]),
        (4, [Unknown, No, No]),
    ]);
    let rows: Rows<'_, 2> = &[(1, [Unknown, No]), (2, [Unknown, No]), (4, [Unknown, No])];
    let registers = [civil(rows, FRESH), referrals(&[], FRESH)];
    let screening = screened(&cases, &registers);
    assert_eq!(screening.leads.len(), 1);
    let references = |person: &NotJudged| -> Vec<usize> {
        person.cases.iter().map(|case| case.reference).collect()
    };
    let persons: Vec<Vec<usize>> = screening.not_judged.iter().map(references).collect();
    assert_eq!(persons, [vec![2, 4], vec![6]]);
}

#[test]
fn case_rows_of_one_person_become_one_lead() {
    let cases = cases(&[
        (1, [No, No, No]),
        (1, [Indicated, Yes, Yes]),
        (1, [Yes, Unknown, Unknown]),
        (2, [Yes, No, No]),
        (3, [Yes, No, No]),
    ]);
    let registers = [
        civil(&[(0, [Yes, No]), (1, [Yes, No]), (3, [Yes, No])], FRESH),
        referrals(&[], FRESH),
    ];
    let screening = screened(&cases, &registers);
    let lead = |cases| ScreenedLead {
        aid: "aid".into(),
        receipt_not_verified: false,
        referral_not_verified: false,
        cases,
    };
    // `remark` is neither a rule of the aid nor an exclusion, so it is not shown.
    let ids = |rules: &[&str]| rules.iter().map(|rule| (*rule).to_owned()).collect();
    let case =
        |reference, yes: &[&str], indicated: &[&str], unknown: &[&str], grade| CaseEvidence {
            reference,
            yes: ids(yes),
            indicated: ids(indicated),
            unknown: ids(unknown),
            grade,
        };
    let (surer, open) = (Grade::Established, Grade::ToBeClarified);
    assert_eq!(
        screening.leads,
        [
            lead(vec![
                case(1, &["exclusion", "hardship"], &["ground"], &[], open),
                case(2, &["ground", "hardship"], &[], &["exclusion"], surer),
            ]),
            lead(vec![case(4, &["ground", "hardship"], &[], &[], surer)]),
        ]
    );
    assert_eq!(screening.matched[CIVIL], (2, 1));
    assert_eq!(screening.matched[REFERRALS], (0, 0));
    assert!(screening.not_verified_by.is_empty());
}

#[test]
fn an_absent_or_stale_export_marks_leads_as_not_verified() {
    let cases = cases(&[(1, [Yes, No, No])]);
    let receives = |snapshot| civil(&[(1, [Yes, Yes])], snapshot);
    let needs = |snapshot| civil(&[(1, [Yes, No])], snapshot);
    let was_referred = |snapshot| referrals(&[(1, [Yes])], snapshot);
    let marks = |registers: &[RegisterTable]| {
        let screening = screened(&cases, registers);
        let lead = screening.leads.first();
        let marks = lead.map(|lead| (lead.receipt_not_verified, lead.referral_not_verified));
        (marks, screening.not_verified_by)
    };
    let by = |export: &str, reason| BTreeMap::from([(export.to_owned(), reason)]);
    let (absent, stale) = (NotVerified::Absent, NotVerified::Stale);
    for (registers, expected, not_verified_by) in [
        // Fresh registers count.
        (
            vec![receives(FRESH), was_referred(FRESH)],
            None,
            BTreeMap::new(),
        ),
        // A stale register is still evidence of hardship, but not of receipt.
        (
            vec![receives(OLD), referrals(&[], FRESH)],
            Some((true, false)),
            by(CIVIL, stale),
        ),
        (
            vec![needs(FRESH), was_referred(OLD)],
            Some((false, true)),
            by(REFERRALS, stale),
        ),
        (
            vec![needs(FRESH)],
            Some((false, true)),
            by(REFERRALS, absent),
        ),
        // Without the register there is no evidence of hardship.
        (vec![referrals(&[], FRESH)], None, by(CIVIL, absent)),
    ] {
        assert_eq!(marks(&registers), (expected, not_verified_by));
    }
}

#[test]
fn lists_are_provisional_above_a_threshold_but_not_at_it() {
    let at_the_limit = AS_OF.saturating_sub(jiff::Span::new().days(92));
    let beyond = AS_OF.saturating_sub(jiff::Span::new().days(93));
    for (day, stale) in [
        (AS_OF, false),
        (at_the_limit, false),
        (beyond, true),
        (Date::MIN, true),
    ] {
        assert_eq!(TERMS.is_stale(day), stale, "{day}");
    }
    let stale = |export: &str| Provisional::Stale {
        export: export.into(),
    };
    let rate = |export: &str, rate| Provisional::RejectRate {
        export: export.into(),
        rate,
    };
    let not_verified_by = BTreeMap::from([
        (CIVIL.to_owned(), NotVerified::Stale),
        (REFERRALS.to_owned(), NotVerified::Absent),
    ]);
    let rates = [(CASE_EXPORT, 0.05), (CIVIL, 0.051), (REFERRALS, 0.0)];
    assert_eq!(
        provisional(&TERMS, &rates, at_the_limit, &not_verified_by),
        [
            rate(CIVIL, 0.051),
            stale(CIVIL),
            Provisional::Absent {
                export: REFERRALS.into()
            }
        ]
    );
    // An export that is left out for a reason is named, and makes nothing provisional.
    let left_out = BTreeMap::from([(REFERRALS.to_owned(), NotVerified::NotJoined)]);
    assert_eq!(provisional(&TERMS, &[], FRESH, &left_out), []);
    assert_eq!(
        provisional(&TERMS, &[(CASE_EXPORT, 1.0)], beyond, &BTreeMap::new()),
        [rate(CASE_EXPORT, 1.0), stale(CASE_EXPORT)]
    );
    assert_eq!(provisional(&TERMS, &[], FRESH, &BTreeMap::new()), []);
}

#[test]
fn tables_that_do_not_match_are_refused_and_the_export_is_named() {
    let cases = cases(&[(1, [Yes, No, No])]);
    let refused = |registers: &[RegisterTable]| {
        let refused = screen(&policy(), &TERMS, &cases, registers);
        refused.expect_err("refused").text().en
    };
    let with = |change: fn(&mut Origin)| {
        let mut origin = origin(REFERRALS, FRESH);
        change(&mut origin);
        let rows: Rows<'_, 1> = &[(1, [Yes])];
        let columns = columns(rows, ["referred"]);
        RegisterTable::new(origin, tokens(rows), columns).expect("the tokens ascend")
    };
    type Change = fn(&mut Origin);
    let changes: [(Change, &str); 5] = [
        (|origin| origin.round = "2026Q2".into(), "round"),
        (|origin| origin.as_of = OLD, "as-of date"),
        (|origin| origin.policy_digest = "1".repeat(64), "policy"),
        (|origin| origin.key_id = "1".repeat(16), "key"),
        (
            |origin| origin.algorithm = TokenAlgorithm::HmacSha256,
            "token algorithm",
        ),
    ];
    for (change, what) in changes {
        assert_eq!(
            refused(&[with(change)]),
            format!("{REFERRALS} was tokenised with a different {what} than the case parties")
        );
    }
    // Case parties tokenised with a different policy than the centre's.
    let mut newer = policy();
    newer.digest = "1".repeat(64);
    let message = screen(&newer, &TERMS, &cases, &[]).expect_err("refused");
    assert!(
        message
            .text()
            .en
            .starts_with("procuratorate.case-parties was tokenised with a different policy")
    );
    assert_eq!(
        refused(&[with(|origin| origin.export = CIVIL.into())]),
        format!("the token table of {CIVIL} does not match the rules of the policy")
    );
    for twice in [REFERRALS, CIVIL] {
        let table = || match twice {
            REFERRALS => referrals(&[], FRESH),
            _ => civil(&[], FRESH),
        };
        assert_eq!(
            refused(&[table(), table()]),
            format!("there are two token tables of {twice}")
        );
    }
}
