//! What a screening of the round can have given. The centre is another office: what round file,
//! policy and the procuratorate's own export decide is not believed to it.

use std::collections::{BTreeSet, HashMap};

use aidlink_contract::grade::{Grade, Judgement};
use aidlink_contract::leads_file::LeadsFile;
use aidlink_contract::outcome::Outcome;
use aidlink_contract::screened_lead::{
    CaseEvidence, CaseNotJudged, NotJudged, NotVerified, Provisional, ScreenedLead,
};
use aidlink_faults::text::Text;
use aidlink_office::round::RoundTerms;
use aidlink_policy::pack::{Aid, CASE_EXPORT, Policy, Rule, RuleKind};
use aidlink_policy::rule_language::Combination;

/// Returns why no screening of the round can have given the file; `None` if one can.
pub fn mismatch(terms: &RoundTerms, file: &LeadsFile) -> Option<Text> {
    // First what the other reasons rest on: which exports came, and which are too old.
    age_mismatch(terms, file)
        .or_else(|| policy_mismatch(terms, file))
        .or_else(|| fields_mismatch(terms, file))
}

/// The rules on the case export, whose outcomes the procuratorate finds itself.
pub struct OwnRules<'p> {
    policy: &'p Policy,
    rules: Vec<&'p Rule>,
    /// The place of each among them.
    places: HashMap<&'p str, usize>,
    aids: HashMap<&'p str, OwnAid<'p>>,
}

/// An aid, and the own rules.
struct OwnAid<'p> {
    aid: &'p Aid,
    /// For each of the rules whether a lead rests on it.
    rests_on: Vec<bool>,
}

impl<'p> OwnRules<'p> {
    /// Returns those of a policy.
    pub fn of(policy: &'p Policy) -> Self {
        let rules: Vec<&Rule> = policy.outcome_rules(CASE_EXPORT).collect();
        let aids = policy.aids.iter().map(|aid| {
            let of_aid = aid.rests_on();
            let rests_on = rules.iter().map(|rule| of_aid.contains(rule.id.as_str()));
            let rests_on = rests_on.collect();
            (aid.id.as_str(), OwnAid { aid, rests_on })
        });
        let places = rules.iter().enumerate();
        OwnRules {
            policy,
            aids: aids.collect(),
            places: places
                .map(|(place, rule)| (rule.id.as_str(), place))
                .collect(),
            rules,
        }
    }

    /// Returns the least and the greatest outcome that a combination can have for a case row,
    /// whatever the registers say; `own` as for [`OwnRules::are_told`].
    fn bounds(
        &self,
        combination: &Combination,
        own: &[Outcome],
        is_verified: &impl Fn(&str) -> bool,
    ) -> (Outcome, Outcome) {
        combination.bounds(&|rule: &str| {
            let own = self.places.get(rule).and_then(|place| own.get(*place));
            let on = self.policy.rule(rule).map(|rule| rule.on.as_str());
            match (on.is_some_and(is_verified), own) {
                (false, _) => (Outcome::Unknown, Outcome::Unknown),
                (true, Some(own)) => (*own, *own),
                (true, None) => (Outcome::No, Outcome::Yes),
            }
        })
    }

    /// Whether a case row can be a lead for an aid: what the export says does not make it settled
    /// or referred. `own` as for [`OwnRules::are_told`]; `is_verified` says whether the rules on an
    /// export count for receipt and referral.
    pub fn may_be_open(
        &self,
        aid: &str,
        own: &[Outcome],
        is_verified: &impl Fn(&str) -> bool,
    ) -> bool {
        self.aids.get(aid).is_some_and(|OwnAid { aid, .. }| {
            let is_over = |condition: &Combination| {
                self.bounds(condition, own, is_verified).0 == Outcome::Yes
            };
            !aid.settled.as_ref().is_some_and(is_over) && !is_over(&aid.referred)
        })
    }

    /// Whether the person of a case row can be one who was referred to an aid and receives it: what
    /// the export says does not contradict it. The arguments are those of [`OwnRules::may_be_open`].
    pub fn may_be_received(
        &self,
        aid: &str,
        own: &[Outcome],
        is_verified: &impl Fn(&str) -> bool,
    ) -> bool {
        self.aids.get(aid).is_some_and(|OwnAid { aid, .. }| {
            let can_be = |condition: &Combination, is_verified: &dyn Fn(&str) -> bool| {
                let is_verified = |export: &str| is_verified(export);
                self.bounds(condition, own, &is_verified).1 == Outcome::Yes
            };
            // Referrals are the procuratorate's own statement, and count however old.
            let settled = aid.settled.as_ref();
            settled.is_some_and(|settled| can_be(settled, is_verified))
                && can_be(&aid.referred, &|_| true)
        })
    }

    /// Whether a case row of a lead says of these rules what the export says. `own` are the
    /// outcomes of the row, in the order of the policy's rules on this export.
    pub fn are_told(&self, aid: &str, case: &CaseEvidence, own: &[Outcome]) -> bool {
        let Some(OwnAid { rests_on, .. }) = self.aids.get(aid) else {
            return false;
        };
        let said = Outcome::ALL.into_iter();
        let said = said.flat_map(|outcome| case.rules(outcome).iter().map(move |id| (id, outcome)));
        let said: HashMap<&String, Outcome> = said.collect();
        let mut rules = self.rules.iter().zip(rests_on).zip(own);
        rules.all(|((rule, rests_on), own)| {
            let expected = match own {
                Outcome::Unknown if !is_told(rule, *rests_on, case.grade) => Outcome::No,
                own if *rests_on || is_always_told(rule) => *own,
                _ => Outcome::No,
            };
            said.get(&rule.id).copied().unwrap_or(Outcome::No) == expected
        })
    }

    /// Whether those that a case row calls unknown are unknown in the export; `own` as for
    /// [`OwnRules::are_told`].
    pub fn are_unknown(&self, case: &CaseNotJudged, own: &[Outcome]) -> bool {
        let mut rules = self.rules.iter().zip(own);
        rules.all(|(rule, own)| *own == Outcome::Unknown || !case.unknown.contains(&rule.id))
    }
}

/// Whether a rule is told whatever the aid.
fn is_always_told(rule: &Rule) -> bool {
    matches!(rule.kind, RuleKind::Exclusion | RuleKind::Priority)
}

/// Whether it is told that a rule is unknown: where both sides are established, other grounds and
/// evidence need no clarifying.
fn is_told(rule: &Rule, rests_on: bool, grade: Grade) -> bool {
    rests_on && grade != Grade::Established || is_always_told(rule)
}

/// Returns what a case row says of a rule. Of one that it does not name it says no.
fn outcome_of(case: &CaseEvidence, rule: &str) -> Outcome {
    let said = Outcome::ALL.into_iter().rev();
    let mut said = said.filter(|outcome| case.rules(*outcome).iter().any(|named| named == rule));
    said.next().unwrap_or(Outcome::No)
}

/// What a file of the round can name: rules of exports that came, and none that withholds.
struct RulesThatCame<'t> {
    policy: &'t Policy,
    /// Each with its place in the policy.
    rules: HashMap<&'t str, (usize, &'t Rule)>,
}

/// What the round decides of an aid for all its leads.
struct AidOfRound<'t> {
    aid: &'t Aid,
    rests_on: BTreeSet<&'t str>,
    /// Whether receipt, and referral, cannot be verified for anybody, because a register that would
    /// show it did not come or is too old.
    receipt_is_open: bool,
    referral_is_open: bool,
}

impl<'t> AidOfRound<'t> {
    fn of(policy: &Policy, file: &LeadsFile, aid: &'t Aid) -> Self {
        let range = |rule: &str| {
            let on = policy.rule(rule).map(|rule| rule.on.as_str());
            match on.is_some_and(|on| file.not_verified_by.contains_key(on)) {
                true => (Outcome::Unknown, Outcome::Unknown),
                false => (Outcome::No, Outcome::Yes),
            }
        };
        // Of a lead it is not yes.
        let is_open = |condition: &Combination| condition.bounds(&range).0 != Outcome::No;
        AidOfRound {
            aid,
            rests_on: aid.rests_on(),
            receipt_is_open: aid.settled.as_ref().is_some_and(is_open),
            referral_is_open: is_open(&aid.referred),
        }
    }

    /// Whether a lead says that receipt and referral could not be verified, where this is so for
    /// everybody.
    fn says_what_is_not_verified(&self, lead: &ScreenedLead) -> bool {
        (lead.receipt_not_verified || !self.receipt_is_open)
            && (lead.referral_not_verified || !self.referral_is_open)
    }
}

impl<'t> RulesThatCame<'t> {
    fn of(terms: &'t RoundTerms, file: &LeadsFile) -> Self {
        let came = |export: &str| {
            let why_not = file.not_verified_by.get(export);
            let is_absent = matches!(why_not, Some(NotVerified::Absent | NotVerified::NotJoined));
            terms.export(export).is_some() && !is_absent
        };
        let rules = terms.policy.rules.iter().enumerate();
        let rules = rules.filter(|(_, rule)| rule.kind != RuleKind::Withhold && came(&rule.on));
        RulesThatCame {
            policy: &terms.policy,
            rules: rules
                .map(|(place, rule)| (rule.id.as_str(), (place, rule)))
                .collect(),
        }
    }

    /// Returns the rules with these ids; `None` unless all are known and in the policy's order,
    /// each once.
    fn listed(&self, ids: &[String]) -> Option<Vec<&'t Rule>> {
        let rules = ids.iter().map(|id| self.rules.get(id.as_str()).copied());
        let rules: Vec<(usize, &Rule)> = rules.collect::<Option<_>>()?;
        let in_order = rules.is_sorted_by(|(one, _), (next, _)| one < next);
        in_order.then(|| rules.into_iter().map(|(_, rule)| rule).collect())
    }

    /// Whether a case row can be one of a lead for an aid: it names each rule once, and the grade
    /// follows from what it says of them. What an established case row does not tell may be
    /// unknown; no side of an aid is negated, so it stays established if those are no.
    fn can_be_evidence(&self, of_round: &AidOfRound<'_>, case: &CaseEvidence) -> bool {
        let rests_on = &of_round.rests_on;
        let is_shown = |rule: &Rule| rests_on.contains(rule.id.as_str()) || is_always_told(rule);
        let lists = [&case.yes, &case.indicated, &case.unknown].map(|ids| self.listed(ids));
        let [Some(yes), Some(indicated), Some(unknown)] = lists else {
            return false;
        };
        let named = || yes.iter().chain(&indicated).chain(&unknown);
        let once: BTreeSet<&str> = named().map(|rule| rule.id.as_str()).collect();
        let mut unknown = unknown.iter();
        once.len() == named().count()
            && named().all(|rule| is_shown(rule))
            && unknown.all(|rule| {
                let rests_on = rests_on.contains(rule.id.as_str());
                is_told(rule, rests_on, case.grade)
            })
            && of_round.aid.judge(&|rule| outcome_of(case, rule)) == Judgement::Lead(case.grade)
    }

    /// Whether a person can be one who could not be judged: each case row names what is unknown,
    /// for nothing else leaves both sides of an aid open.
    fn can_be_open(&self, person: &NotJudged) -> bool {
        let all = &self.policy.aids;
        let places = person.aids.iter();
        let places = places.map(|id| all.iter().position(|aid| aid.id == *id));
        let Some(places) = places.collect::<Option<Vec<usize>>>() else {
            return false;
        };
        let aids = places.iter().filter_map(|place| all.get(*place));
        let rests_on: BTreeSet<&str> = aids.flat_map(Aid::rests_on).collect();
        let mut cases = person.cases.iter();
        places.is_sorted_by(|one, next| one < next)
            && cases.all(|case| {
                let unknown = self.listed(&case.unknown).unwrap_or_default();
                let mut rules = unknown.iter();
                !unknown.is_empty() && rules.all(|rule| rests_on.contains(rule.id.as_str()))
            })
    }
}

/// Returns why screening with the round's schemas cannot have produced the leads; `None`
/// if it can.
fn fields_mismatch(terms: &RoundTerms, file: &LeadsFile) -> Option<Text> {
    let mut registers = file.fields_missing.iter();
    let are_known = registers.all(|(export, fields)| {
        let export = terms.export(export);
        export.is_some_and(|export| export.schema.has_fields(fields))
    });
    (!are_known).then(|| {
        Text::new(
            "线索文件中有导出模式没有的列",
            "the file names a column that the schema does not have",
        )
    })
}

/// Returns why screening with the round's snapshots cannot have produced the leads; `None` if it
/// can. The round file says how old each snapshot is, so the centre is not believed: it could
/// otherwise have receipts proven by a register that is too old for that. Each register that
/// cannot verify makes the lists provisional for the same reason.
fn age_mismatch(terms: &RoundTerms, file: &LeadsFile) -> Option<Text> {
    let is_stale = |export: &str| {
        terms.export(export).is_some_and(|export| {
            let as_of = terms.as_of;
            terms.thresholds.is_stale(as_of, export.snapshot)
        })
    };
    let used = terms.policy.registers_used();
    let mut expected: BTreeSet<(&str, bool)> = BTreeSet::new();
    let mut agrees = true;
    for (export, why) in &file.not_verified_by {
        let export = export.as_str();
        match why {
            NotVerified::Stale => {
                agrees &= is_stale(export) && used.contains(export);
                expected.insert((export, true));
            }
            NotVerified::Absent => {
                expected.insert((export, false));
            }
            NotVerified::NotJoined => {}
        }
    }
    // What did not come is absent, however old it would be.
    let mut never_read = used.iter().filter(|export| {
        let mut left_out = terms.not_joined.iter();
        terms.export(export).is_none() && !left_out.any(|left| left.export == **export)
    });
    agrees &=
        never_read.all(|export| file.not_verified_by.get(*export) == Some(&NotVerified::Absent));
    let mut stale = used.iter().filter(|export| is_stale(export));
    agrees &= stale.all(|export| file.not_verified_by.contains_key(*export));
    if is_stale(CASE_EXPORT) {
        expected.insert((CASE_EXPORT, true));
    }
    let mut told: BTreeSet<(&str, bool)> = BTreeSet::new();
    let mut with_rate: BTreeSet<&str> = BTreeSet::new();
    for reason in &file.provisional {
        agrees &= match reason {
            Provisional::Stale { export } => told.insert((export, true)),
            Provisional::Absent { export } => told.insert((export, false)),
            Provisional::RejectRate { export, rate } => {
                *rate > terms.thresholds.reject_rate && with_rate.insert(export)
            }
        };
    }
    agrees &= told == expected;
    (!agrees).then(|| {
        Text::new(
            "线索文件所称过旧或缺少的导出、所称的拒收率，与轮次文件中的提取日和阈值不符，或前后不一",
            "which exports the file calls too old, absent or with too many rejects does not follow from the snapshots and thresholds of the round file, or from itself",
        )
    })
}

/// Returns why screening with this policy cannot have produced the leads; `None` if it can.
fn policy_mismatch(terms: &RoundTerms, file: &LeadsFile) -> Option<Text> {
    let policy = &terms.policy;
    let rules = RulesThatCame::of(terms, file);
    let twice = || {
        Some(Text::new(
            "线索文件中同一线索出现两次",
            "a lead appears twice in the file",
        ))
    };
    let aids = policy.aids.iter();
    let aids = aids.map(|aid| (aid.id.as_str(), AidOfRound::of(policy, file, aid)));
    let aids: HashMap<&str, AidOfRound<'_>> = aids.collect();
    let mut seen = BTreeSet::new();
    for lead in &file.leads {
        let Some(aid) = aids.get(lead.aid.as_str()) else {
            return Some(Text::new(
                "线索文件中有规则文件没有的救助项目",
                "the file names an aid that the policy does not have",
            ));
        };
        if !lead
            .cases
            .iter()
            .all(|case| rules.can_be_evidence(aid, case))
        {
            return Some(Text::new(
                "线索文件所列的依据，不能由规则文件和本轮收到的导出得出",
                "the file gives reasons for a lead that cannot follow from the policy and the exports that came",
            ));
        }
        if !aid.says_what_is_not_verified(lead) {
            return Some(Text::new(
                "线索文件没有写明，领取或移送因缺少数据或数据过旧而未能核实",
                "the file leaves out that receipt or referral could not be verified, because a register did not come or is too old",
            ));
        }
        let mut cases = lead.cases.iter();
        if !cases.all(|case| seen.insert((lead.aid.as_str(), case.reference))) {
            return twice();
        }
    }
    for received in file.received.iter().flatten() {
        let aid = policy.aid(&received.aid);
        let can_show = policy.is_receipt(&received.rule)
            && aid.is_some_and(|aid| aid.may_be_received_by(&received.rule));
        let on = policy.rule(&received.rule).map(|rule| rule.on.as_str());
        let verifies = on.is_some_and(|on| !file.not_verified_by.contains_key(on));
        if !can_show || !verifies {
            return Some(Text::new(
                "线索文件所称的领取，不是由规则文件中本轮可核实的领取规则得出",
                "the file says that an aid is received by a rule of which the policy does not say so, or whose register cannot verify it",
            ));
        }
        if !seen.insert((received.aid.as_str(), received.reference)) {
            return twice();
        }
    }
    let with_lead = file
        .leads
        .iter()
        .flat_map(|lead: &ScreenedLead| &lead.cases);
    let mut rows: BTreeSet<usize> = with_lead.map(|case| case.reference).collect();
    for person in &file.not_judged {
        if !rules.can_be_open(person) {
            return Some(Text::new(
                "线索文件所称未能判断的项目或条件，不能由规则文件和本轮收到的导出得出",
                "the file says that an aid or a condition could not be judged, which cannot follow from the policy and the exports that came",
            ));
        }
        if !person.cases.iter().all(|case| rows.insert(case.reference)) {
            return Some(Text::new(
                "线索文件中未能判断的案件行重复，或已有线索",
                "a case row that could not be judged appears twice, or has a lead",
            ));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use aidlink_policy::schema::Schemas;

    use super::*;

    /// What the own export says of the aid itself binds the centre, whatever the registers say.
    #[test]
    fn an_aid_that_the_own_export_settles_is_no_lead_and_one_that_it_keeps_open_is_not_received() {
        let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let schemas = Schemas::read(&project.join("schemas")).expect("the shipped schemas");
        let policy = Policy::read(&project.join("policies/shaoguan.toml"), &schemas);
        let policy = policy.expect("the shipped policy");
        let rules = OwnRules::of(&policy);
        let own = |yes: &[&str]| -> Vec<Outcome> {
            let outcomes = rules
                .rules
                .iter()
                .map(|rule| yes.contains(&rule.id.as_str()));
            outcomes
                .map(|yes| Outcome::from_option(Some(yes)))
                .collect()
        };
        let (settled, harmed) = (
            own(&["judicial_aid_settled"]),
            own(&["recent_harm_after_relief"]),
        );
        let none = own(&[]);
        for is_verified in [true, false] {
            let open = |aid, own: &[Outcome]| rules.may_be_open(aid, own, &|_| is_verified);
            for aid in &policy.aids {
                assert!(open(&aid.id, &none), "{}", aid.id);
                assert!(open(&aid.id, &harmed), "{}", aid.id);
            }
            assert!(open("dibao", &settled));
            // An export that is too old settles nothing.
            assert_eq!(open("judicial_aid", &settled), !is_verified);
            assert!(!open("no_aid", &none));
        }
        let received = |aid, own: &[Outcome]| rules.may_be_received(aid, own, &|_| true);
        assert!(received("temporary_relief", &none));
        assert!(!received("temporary_relief", &harmed));
        assert!(received("dibao", &harmed));
        // Nothing that cannot be verified is received.
        assert!(!rules.may_be_received("temporary_relief", &none, &|_| false));
    }
}
