//! Planted people. Each scenario states which aids it must lead to, worked out from the
//! text of the policy, or why it must lead to none. Of exports with fewer columns, what
//! remains of the scenario decides (see [`super::role_alone`]).

use aidlink_contract::grade::Grade;
use rand::{Rng, RngExt};

use super::columns::Columns;
use super::distribution::MEN;
use super::person::{Person, Population};
use super::role_alone::Known;
use super::row::{Exports, Row};
use super::truth::{PlantedLead, PlantedNonLead, Truth};

/// A scenario: how many people have it, their ages, and their rows in each export.
struct Planted {
    ages: std::ops::RangeInclusive<i32>,
    count: usize,
    name: &'static str,
    /// The aids it must lead to, established; without any aids it is a non-lead.
    established: &'static [&'static str],
    /// The aids it must lead to, to be clarified.
    to_be_clarified: &'static [&'static str],
    /// With which grade it leads women to the aid for women, besides the others.
    help_for_women: Option<Grade>,
    /// Why it leads to no aid.
    reason: &'static str,
    /// The share of men, in thousandths.
    men: u32,
    cases: &'static [&'static [(&'static str, &'static str)]],
    referrals: &'static [&'static [(&'static str, &'static str)]],
    assistance: &'static [&'static [(&'static str, &'static str)]],
    students: &'static [&'static [(&'static str, &'static str)]],
    disabled: &'static [&'static [(&'static str, &'static str)]],
    veterans: &'static [&'static [(&'static str, &'static str)]],
}

const DEFAULTS: Planted = Planted {
    ages: 30..=55,
    count: 0,
    name: "",
    established: &[],
    to_be_clarified: &[],
    help_for_women: None,
    reason: "",
    men: MEN,
    cases: &[],
    referrals: &[],
    assistance: &[],
    students: &[],
    disabled: &[],
    veterans: &[],
};

type Values = &'static [(&'static str, &'static str)];

/// Ground J1, no hardship stated: seriously injured, the offender cannot pay.
const SERIOUSLY_INJURED: Values = &[
    ("role", "victim"),
    ("case_kind", "criminal"),
    ("injury_level", "serious_2"),
    ("offender_status", "unable_to_pay"),
];
/// Ground J4: 80000 lost, 10000 recovered, the offender is dead.
const PROPERTY_LOST: Values = &[
    ("role", "victim"),
    ("case_kind", "criminal"),
    ("property_loss", "80000"),
    ("recovered_amount", "10000"),
    ("offender_status", "dead"),
];
/// Ground J7 only.
const SPECIAL_NEED: Values = &[
    ("role", "victim"),
    ("case_kind", "criminal"),
    ("special_need", "true"),
];
/// A victim of whom the case file says nothing but the role.
const ROLE_ALONE: Values = &[
    ("role", "victim"),
    ("case_kind", ""),
    ("injury_level", ""),
    ("urgent_treatment", ""),
    ("compensation_status", ""),
    ("hardship", ""),
];
const BEREAVED_CHILD: Values = &[
    ("role", "close_relative"),
    ("case_kind", "criminal"),
    ("victim_died", "true"),
    ("relationship", "child"),
    ("other_parent", "imprisoned"),
    ("lived_on_victim_income", "true"),
    ("offender_status", "dead"),
];
const DIBAO: Values = &[
    ("kind", "dibao"),
    ("area", "rural"),
    ("status", "active"),
    ("started_on", "2024-05-01"),
];
const DIBAO_MARGIN: Values = &[
    ("kind", "dibao_margin"),
    ("area", "urban"),
    ("status", "active"),
    ("started_on", "2025-11-01"),
];

static PLANTED: &[Planted] = &[
    Planted {
        count: 10,
        name: "seriously injured, family on the margin of dibao",
        established: &[
            "dibao",
            "temporary_relief",
            "disability_assessment",
            "judicial_aid",
            "legal_aid",
        ],
        help_for_women: Some(Grade::Established),
        cases: &[SERIOUSLY_INJURED],
        assistance: &[DIBAO_MARGIN],
        ..DEFAULTS
    },
    Planted {
        count: 14,
        name: "major property loss, receives dibao, never referred",
        established: &["judicial_aid"],
        cases: &[PROPERTY_LOST],
        assistance: &[DIBAO],
        ..DEFAULTS
    },
    Planted {
        count: 6,
        name: "urgent treatment at own cost",
        established: &["temporary_relief", "emergency_treatment"],
        help_for_women: Some(Grade::Established),
        cases: &[&[
            ("role", "victim"),
            ("case_kind", "criminal"),
            ("injury_level", "slight_1"),
            ("urgent_treatment", "true"),
            ("own_medical_costs", "36500"),
        ]],
        ..DEFAULTS
    },
    Planted {
        ages: 10..=16,
        count: 8,
        name: "child of a killed breadwinner, other parent in prison, student without funding",
        established: &[
            "dibao",
            "temporary_relief",
            "orphan_allowance",
            "education_assistance",
            "judicial_aid",
            "child_guardianship",
            "family_guidance",
            "psychological_help",
            "legal_aid",
        ],
        cases: &[BEREAVED_CHILD],
        students: &[&[
            ("stage", "junior"),
            ("enrolment_status", "enrolled"),
            ("hardship_student", "true"),
            ("registered_poor", "false"),
            ("funding_status", "none"),
        ]],
        ..DEFAULTS
    },
    Planted {
        count: 8,
        name: "seriously injured, severely disabled, no subsidies",
        established: &[
            "dibao",
            "tekun",
            "temporary_relief",
            "disabled_living_subsidy",
            "severe_nursing_subsidy",
            "judicial_aid",
            "legal_aid",
        ],
        to_be_clarified: &["rigid_expenditure_listing"],
        help_for_women: Some(Grade::Established),
        cases: &[SERIOUSLY_INJURED],
        disabled: &[&[
            ("class", "4"),
            ("grade", "1"),
            ("certificate_status", "valid"),
            ("economic_hardship", "true"),
            ("living_subsidy", "false"),
            ("nursing_subsidy", "false"),
            ("vocational_training", "true"),
            ("child_rehabilitation", "false"),
            ("employment", "unemployed"),
        ]],
        ..DEFAULTS
    },
    Planted {
        count: 6,
        name: "veteran in hardship, traffic accident, no compensation",
        established: &[
            "dibao",
            "veteran_support",
            "judicial_aid",
            "employment_help",
            "legal_aid",
            "temporary_relief",
            "veteran_employment",
        ],
        help_for_women: Some(Grade::Established),
        cases: &[&[
            ("role", "civil_party"),
            ("case_kind", "civil"),
            ("civil_cause", "traffic_accident"),
            ("injury_level", "slight_1"),
            ("compensation_status", "none"),
            ("enforcement_terminated", "true"),
        ]],
        veterans: &[&[
            ("kind", "veteran"),
            ("status", "active"),
            ("hardship", "true"),
            ("benefit_status", "none"),
            ("employed", "false"),
        ]],
        ..DEFAULTS
    },
    Planted {
        ages: 4..=14,
        count: 5,
        name: "orphaned by the case, in no register",
        established: &[
            "temporary_relief",
            "orphan_allowance",
            "education_assistance",
            "child_guardianship",
            "orphan_sponsorship",
            "psychological_help",
            "legal_aid",
        ],
        cases: &[&[
            ("role", "close_relative"),
            ("case_kind", "criminal"),
            ("victim_died", "true"),
            ("relationship", "child"),
            ("lived_on_victim_income", "true"),
            ("offender_status", "dead"),
            ("both_parents_lost", "true"),
            ("hardship", "true"),
        ]],
        ..DEFAULTS
    },
    Planted {
        ages: 65..=80,
        count: 4,
        name: "elderly petitioner on tekun, willing to settle",
        established: &["judicial_aid"],
        cases: &[&[
            ("role", "petitioner"),
            ("case_kind", "petition"),
            ("petition_reasonable", "true"),
            ("petition_settle", "true"),
        ]],
        assistance: &[&[
            ("kind", "tekun"),
            ("area", "rural"),
            ("status", "active"),
            ("started_on", "2021-03-01"),
        ]],
        ..DEFAULTS
    },
    Planted {
        count: 4,
        name: "seriously injured, offender's means not stated",
        to_be_clarified: &[
            "dibao",
            "temporary_relief",
            "disability_assessment",
            "judicial_aid",
        ],
        // Damages can be claimed whatever the means of the offender.
        established: &["legal_aid"],
        help_for_women: Some(Grade::ToBeClarified),
        cases: &[&[
            ("role", "victim"),
            ("case_kind", "criminal"),
            ("injury_level", "serious_1"),
            ("offender_status", ""),
        ]],
        assistance: &[DIBAO_MARGIN],
        ..DEFAULTS
    },
    Planted {
        count: 6,
        name: "victim of whom nothing but the role is stated, receives dibao, disability certificate",
        to_be_clarified: &[
            "temporary_relief",
            "judicial_aid",
            "disabled_living_subsidy",
        ],
        cases: &[ROLE_ALONE],
        assistance: &[DIBAO],
        disabled: &[&[
            ("class", "1"),
            ("grade", "3"),
            ("certificate_status", "valid"),
            ("vocational_training", "true"),
        ]],
        ..DEFAULTS
    },
    Planted {
        count: 4,
        name: "victim of whom nothing but the role is stated, disability certificate only",
        to_be_clarified: &["judicial_aid"],
        cases: &[ROLE_ALONE],
        disabled: &[&[
            ("class", "1"),
            ("grade", "3"),
            ("certificate_status", "valid"),
            ("vocational_training", "true"),
        ]],
        ..DEFAULTS
    },
    Planted {
        ages: 6..=15,
        count: 4,
        name: "child whose mother was killed, nothing stated of the other parent",
        to_be_clarified: &[
            "orphan_allowance",
            "education_assistance",
            "child_guardianship",
        ],
        established: &["family_guidance", "psychological_help"],
        cases: &[&[
            ("role", "close_relative"),
            ("case_kind", "criminal"),
            ("victim_died", "true"),
            ("relationship", "child"),
            ("lived_on_victim_income", ""),
            ("both_parents_lost", ""),
            ("hardship", ""),
        ]],
        ..DEFAULTS
    },
    Planted {
        ages: 13..=15,
        count: 4,
        name: "young victim who left school",
        established: &["return_to_school"],
        cases: &[SPECIAL_NEED],
        students: &[&[
            ("stage", "junior"),
            ("enrolment_status", "dropped_out"),
            ("hardship_student", "false"),
            ("registered_poor", "false"),
            ("funding_status", "none"),
        ]],
        ..DEFAULTS
    },
    Planted {
        count: 4,
        name: "refused eight months ago, may be looked at again",
        established: &["judicial_aid"],
        cases: &[PROPERTY_LOST],
        assistance: &[DIBAO],
        referrals: &[&[
            ("direction", "to_judicial"),
            ("aid", "judicial_aid"),
            ("state", "not_eligible"),
            ("state_on", "2026-01-20"),
        ]],
        ..DEFAULTS
    },
    Planted {
        count: 4,
        name: "one person with two cases",
        established: &["judicial_aid"],
        cases: &[PROPERTY_LOST, PROPERTY_LOST],
        assistance: &[DIBAO],
        ..DEFAULTS
    },
    Planted {
        ages: 4..=6,
        count: 4,
        name: "young victim with a disability, no rehabilitation",
        established: &["child_rehabilitation"],
        cases: &[SPECIAL_NEED],
        disabled: &[&[
            ("class", "2"),
            ("grade", "3"),
            ("certificate_status", "valid"),
            ("economic_hardship", "false"),
            ("living_subsidy", "false"),
            ("nursing_subsidy", "false"),
            ("child_rehabilitation", "false"),
            ("vocational_training", "false"),
            ("employment", "unemployed"),
        ]],
        ..DEFAULTS
    },
    Planted {
        count: 4,
        name: "disabled victim without work or training",
        established: &["disabled_vocational_training", "employment_help"],
        cases: &[SPECIAL_NEED],
        disabled: &[&[
            ("class", "3"),
            ("grade", "3"),
            ("certificate_status", "valid"),
            ("economic_hardship", "false"),
            ("living_subsidy", "false"),
            ("nursing_subsidy", "false"),
            ("child_rehabilitation", "false"),
            ("vocational_training", "false"),
            ("employment", "unemployed"),
        ]],
        ..DEFAULTS
    },
    Planted {
        count: 4,
        name: "spouse of a killed breadwinner, household on dibao",
        established: &["temporary_relief", "judicial_aid", "legal_aid"],
        to_be_clarified: &["dibao_adjustment"],
        help_for_women: Some(Grade::Established),
        cases: &[&[
            ("role", "close_relative"),
            ("case_kind", "criminal"),
            ("victim_died", "true"),
            ("relationship", "spouse"),
            ("lived_on_victim_income", "true"),
            ("offender_status", "unable_to_pay"),
        ]],
        assistance: &[DIBAO],
        ..DEFAULTS
    },
    Planted {
        ages: 12..=15,
        count: 4,
        name: "minor harmed by a sexual offence, traumatised",
        established: &["psychological_help", "trauma_treatment"],
        to_be_clarified: &["school_transfer", "legal_aid"],
        cases: &[&[
            ("role", "victim"),
            ("case_kind", "criminal"),
            ("offence_category", "sexual"),
            ("psychological_trauma", "true"),
            ("offender_status", "unable_to_pay"),
        ]],
        ..DEFAULTS
    },
    Planted {
        ages: 9..=14,
        count: 4,
        name: "pupil injured by a crime",
        established: &["psychological_help", "child_medical_rehabilitation"],
        to_be_clarified: &["school_transfer", "legal_aid"],
        cases: &[&[
            ("role", "victim"),
            ("case_kind", "criminal"),
            ("offence_category", "personal_harm"),
            ("injury_level", "slight_1"),
            ("offender_status", "able_to_pay"),
        ]],
        ..DEFAULTS
    },
    Planted {
        ages: 16..=17,
        count: 4,
        name: "youth out of school, special need",
        established: &["youth_training", "return_to_school"],
        cases: &[&[
            ("role", "victim"),
            ("case_kind", "criminal"),
            ("special_need", "true"),
            ("out_of_school", "true"),
        ]],
        ..DEFAULTS
    },
    Planted {
        count: 4,
        name: "slightly injured by a traffic crime, household monitored against relapse into poverty",
        established: &[
            "dibao",
            "temporary_relief",
            "relapse_monitoring",
            "legal_aid",
            "judicial_aid",
        ],
        help_for_women: Some(Grade::Established),
        cases: &[&[
            ("role", "victim"),
            ("case_kind", "criminal"),
            ("offence_category", "traffic"),
            ("injury_level", "slight_1"),
            ("offender_status", "unable_to_pay"),
        ]],
        assistance: &[&[
            ("kind", "monitored"),
            ("area", "rural"),
            ("status", "active"),
            ("started_on", "2025-04-01"),
        ]],
        ..DEFAULTS
    },
    Planted {
        count: 4,
        name: "seriously injured, case unsolved",
        to_be_clarified: &[
            "dibao",
            "temporary_relief",
            "disability_assessment",
            "legal_aid",
            "judicial_aid",
        ],
        help_for_women: Some(Grade::ToBeClarified),
        cases: &[&[
            ("role", "victim"),
            ("case_kind", "criminal"),
            ("injury_level", "serious_2"),
            ("offender_status", "unidentified"),
        ]],
        assistance: &[DIBAO_MARGIN],
        ..DEFAULTS
    },
    Planted {
        count: 4,
        name: "spouse of a victim who cannot work any more",
        to_be_clarified: &["dibao", "temporary_relief", "judicial_aid"],
        cases: &[&[
            ("role", "close_relative"),
            ("case_kind", "criminal"),
            ("victim_lost_work_capacity", "true"),
            ("relationship", "spouse"),
            ("lived_on_victim_income", "true"),
            ("offender_status", "unable_to_pay"),
        ]],
        assistance: &[DIBAO_MARGIN],
        ..DEFAULTS
    },
    Planted {
        count: 4,
        name: "refused judicial aid, in hardship",
        established: &["dibao"],
        cases: &[&[
            ("role", "victim"),
            ("case_kind", "criminal"),
            ("property_loss", "20000"),
            ("recovered_amount", "0"),
            ("offender_status", "able_to_pay"),
            ("judicial_aid_status", "refused"),
            ("hardship", "true"),
        ]],
        ..DEFAULTS
    },
    Planted {
        ages: 45..=58,
        count: 4,
        name: "ill veteran on a pension, seriously injured",
        established: &[
            "dibao",
            "temporary_relief",
            "disability_assessment",
            "veteran_support",
            "legal_aid",
            "judicial_aid",
        ],
        to_be_clarified: &["rigid_expenditure_listing", "worker_hardship"],
        help_for_women: Some(Grade::Established),
        cases: &[SERIOUSLY_INJURED],
        veterans: &[&[
            ("kind", "ill_returned"),
            ("status", "active"),
            ("hardship", "true"),
            ("benefit_status", "receiving"),
            ("benefit_started_on", "2019-01-01"),
            ("employed", "true"),
        ]],
        ..DEFAULTS
    },
    Planted {
        count: 4,
        name: "bereaved military family without benefits",
        established: &[
            "veteran_support",
            "veteran_benefits",
            "temporary_relief",
            "judicial_aid",
            "dibao",
        ],
        to_be_clarified: &["worker_hardship"],
        cases: &[PROPERTY_LOST],
        veterans: &[&[
            ("kind", "bereaved_family"),
            ("status", "active"),
            ("hardship", "true"),
            ("benefit_status", "none"),
            ("employed", "true"),
        ]],
        ..DEFAULTS
    },
    Planted {
        count: 4,
        name: "medical costs of one's own, on the margin of dibao",
        established: &[
            "dibao",
            "medical_assistance",
            "temporary_relief",
            "judicial_aid",
        ],
        cases: &[&[
            ("role", "victim"),
            ("case_kind", "criminal"),
            ("special_need", "true"),
            ("own_medical_costs", "42000"),
        ]],
        assistance: &[DIBAO_MARGIN],
        ..DEFAULTS
    },
    Planted {
        ages: 8..=14,
        count: 4,
        name: "disabled child orphaned by the case",
        established: &[
            "temporary_relief",
            "orphan_allowance",
            "child_guardianship",
            "education_assistance",
            "orphan_sponsorship",
            "psychological_help",
            "disabled_orphan_help",
            "legal_aid",
        ],
        cases: &[&[
            ("role", "close_relative"),
            ("case_kind", "criminal"),
            ("victim_died", "true"),
            ("relationship", "child"),
            ("lived_on_victim_income", "true"),
            ("offender_status", "dead"),
            ("both_parents_lost", "true"),
            ("hardship", "true"),
        ]],
        disabled: &[&[
            ("class", "4"),
            ("grade", "4"),
            ("certificate_status", "valid"),
            ("economic_hardship", "false"),
            ("living_subsidy", "false"),
            ("nursing_subsidy", "false"),
            ("child_rehabilitation", "true"),
            ("vocational_training", "false"),
            ("employment", "student"),
        ]],
        ..DEFAULTS
    },
    Planted {
        ages: 8..=15,
        count: 4,
        name: "child claims maintenance, the debtor cannot pay",
        established: &["dibao", "education_assistance", "legal_aid"],
        cases: &[&[
            ("role", "civil_party"),
            ("case_kind", "civil"),
            ("civil_cause", "maintenance"),
            ("compensation_status", "none"),
            ("enforcement_terminated", "true"),
            ("offender_status", "unable_to_pay"),
            ("hardship", "true"),
        ]],
        ..DEFAULTS
    },
    Planted {
        count: 4,
        name: "disabled victim in work, in hardship",
        established: &["dibao", "temporary_relief"],
        to_be_clarified: &["worker_hardship"],
        help_for_women: Some(Grade::Established),
        cases: &[&[
            ("role", "victim"),
            ("case_kind", "criminal"),
            ("special_need", "true"),
            ("hardship", "true"),
        ]],
        disabled: &[&[
            ("class", "1"),
            ("grade", "3"),
            ("certificate_status", "valid"),
            ("economic_hardship", "false"),
            ("living_subsidy", "false"),
            ("nursing_subsidy", "false"),
            ("child_rehabilitation", "false"),
            ("vocational_training", "true"),
            ("employment", "employed"),
        ]],
        ..DEFAULTS
    },
    Planted {
        ages: 8..=11,
        count: 4,
        name: "pupil in hardship with what every pupil gets",
        established: &[
            "dibao",
            "temporary_relief",
            "education_assistance",
            "judicial_aid",
        ],
        cases: &[SPECIAL_NEED],
        students: &[&[
            ("stage", "primary"),
            ("enrolment_status", "enrolled"),
            ("hardship_student", "true"),
            ("registered_poor", "false"),
            ("funding_status", "universal"),
        ]],
        ..DEFAULTS
    },
    Planted {
        men: 0,
        count: 4,
        name: "woman harmed by domestic violence",
        established: &["women_help", "legal_aid"],
        cases: &[&[
            ("role", "victim"),
            ("case_kind", "criminal"),
            ("offence_category", "domestic_violence"),
            ("injury_level", "minor"),
            ("offender_status", "able_to_pay"),
        ]],
        ..DEFAULTS
    },
    Planted {
        count: 6,
        name: "severely disabled victim, subsidies paid by civil affairs",
        reason: "receives both subsidies, as civil affairs records",
        cases: &[SPECIAL_NEED],
        disabled: &[&[
            ("class", "4"),
            ("grade", "1"),
            ("certificate_status", "valid"),
            ("economic_hardship", "false"),
            ("vocational_training", "true"),
            ("employment", "employed"),
        ]],
        assistance: &[
            &[
                ("kind", "living_subsidy"),
                ("status", "active"),
                ("started_on", "2024-01-01"),
            ],
            &[
                ("kind", "nursing_subsidy"),
                ("status", "active"),
                ("started_on", "2024-01-01"),
            ],
        ],
        ..DEFAULTS
    },
    Planted {
        count: 12,
        name: "severely disabled victim",
        reason: "receives every aid already",
        cases: &[SPECIAL_NEED],
        disabled: &[&[
            ("class", "4"),
            ("grade", "1"),
            ("certificate_status", "valid"),
            ("economic_hardship", "false"),
            ("living_subsidy", "true"),
            ("nursing_subsidy", "true"),
            ("child_rehabilitation", "false"),
            ("vocational_training", "true"),
            ("employment", "employed"),
        ]],
        ..DEFAULTS
    },
    Planted {
        count: 12,
        name: "major property loss, receives dibao",
        reason: "referred to judicial aid, under review",
        cases: &[PROPERTY_LOST],
        assistance: &[DIBAO],
        referrals: &[&[
            ("direction", "to_judicial"),
            ("aid", "judicial_aid"),
            ("state", "under_review"),
            ("state_on", "2026-09-15"),
        ]],
        ..DEFAULTS
    },
    Planted {
        count: 8,
        name: "major property loss, receives dibao",
        reason: "refused two months ago",
        cases: &[PROPERTY_LOST],
        assistance: &[DIBAO],
        referrals: &[&[
            ("direction", "to_judicial"),
            ("aid", "judicial_aid"),
            ("state", "not_suitable"),
            ("state_on", "2026-07-28"),
        ]],
        ..DEFAULTS
    },
    Planted {
        count: 12,
        name: "major property loss, receives dibao",
        reason: "judicial aid was granted in this case",
        cases: &[&[
            ("role", "victim"),
            ("case_kind", "criminal"),
            ("property_loss", "80000"),
            ("recovered_amount", "0"),
            ("offender_status", "dead"),
            ("judicial_aid_status", "granted"),
        ]],
        assistance: &[DIBAO],
        ..DEFAULTS
    },
    Planted {
        count: 10,
        name: "seriously injured, on the margin of dibao",
        reason: "withheld: the record is sealed",
        cases: &[&[
            ("role", "victim"),
            ("case_kind", "criminal"),
            ("injury_level", "serious_2"),
            ("offender_status", "unable_to_pay"),
            ("sealed", "true"),
        ]],
        assistance: &[DIBAO_MARGIN],
        ..DEFAULTS
    },
    Planted {
        ages: 16..=40,
        count: 20,
        name: "suspect on dibao",
        reason: "withheld: the role is not one that may be looked at",
        cases: &[&[
            ("role", "suspect"),
            ("case_kind", "criminal"),
            ("special_need", "true"),
        ]],
        assistance: &[DIBAO],
        ..DEFAULTS
    },
    Planted {
        count: 6,
        name: "major property loss, on dibao",
        reason: "withheld: the person has died",
        cases: &[&[
            ("role", "victim"),
            ("case_kind", "criminal"),
            ("property_loss", "80000"),
            ("recovered_amount", "0"),
            ("offender_status", "dead"),
            ("deceased", "true"),
        ]],
        assistance: &[DIBAO],
        ..DEFAULTS
    },
    Planted {
        count: 30,
        name: "seriously injured",
        reason: "not in hardship, and in no register",
        cases: &[SERIOUSLY_INJURED],
        ..DEFAULTS
    },
    Planted {
        count: 10,
        name: "victim of whom nothing but the role is stated",
        reason: "not judged: in no register",
        cases: &[ROLE_ALONE],
        ..DEFAULTS
    },
    Planted {
        count: 15,
        name: "property loss of 20000, on dibao",
        reason: "no ground: the loss is below the threshold",
        cases: &[&[
            ("role", "victim"),
            ("case_kind", "criminal"),
            ("property_loss", "20000"),
            ("recovered_amount", "0"),
            ("offender_status", "unable_to_pay"),
        ]],
        assistance: &[DIBAO],
        ..DEFAULTS
    },
    Planted {
        count: 12,
        name: "major property loss, was on dibao",
        reason: "not in hardship: the assistance has ended",
        cases: &[PROPERTY_LOST],
        assistance: &[&[
            ("kind", "dibao"),
            ("area", "rural"),
            ("status", "ended"),
            ("started_on", "2023-05-01"),
            ("ended_on", "2026-06-30"),
        ]],
        ..DEFAULTS
    },
    Planted {
        count: 6,
        name: "major property loss, died in the register",
        reason: "the register's row is withheld: died",
        cases: &[PROPERTY_LOST],
        assistance: &[&[
            ("kind", "dibao"),
            ("area", "rural"),
            ("status", "died"),
            ("started_on", "2023-05-01"),
            ("died_on", "2026-05-11"),
        ]],
        ..DEFAULTS
    },
    Planted {
        count: 5,
        name: "major property loss, on dibao",
        reason: "unrecoverable: the register's ID number is damaged",
        cases: &[PROPERTY_LOST],
        assistance: &[DIBAO],
        ..DEFAULTS
    },
];

/// Victims and relatives, one scenario for each kind of list on which a person in hardship
/// may be. They are planted only if the case export states no more than the role; what
/// they lead to is worked out from the lists.
static ON_ONE_LIST: &[Planted] = &[
    Planted {
        ages: 65..=80,
        count: 3,
        name: "elderly victim on tekun",
        cases: &[ROLE_ALONE],
        assistance: &[&[
            ("kind", "tekun"),
            ("status", "active"),
            ("started_on", "2021-03-01"),
        ]],
        ..DEFAULTS
    },
    Planted {
        count: 3,
        name: "victim with temporary relief two months ago",
        cases: &[ROLE_ALONE],
        assistance: &[&[
            ("kind", "temporary_relief"),
            ("status", "active"),
            ("started_on", "2026-07-20"),
        ]],
        ..DEFAULTS
    },
    Planted {
        count: 3,
        name: "victim with temporary relief a year ago",
        cases: &[ROLE_ALONE],
        assistance: &[&[
            ("kind", "temporary_relief"),
            ("status", "active"),
            ("started_on", "2025-09-20"),
        ]],
        ..DEFAULTS
    },
    Planted {
        count: 3,
        name: "victim who is monitored as of low income",
        cases: &[ROLE_ALONE],
        assistance: &[&[
            ("kind", "monitored"),
            ("status", "active"),
            ("started_on", "2025-04-01"),
        ]],
        ..DEFAULTS
    },
    Planted {
        ages: 19..=21,
        count: 3,
        name: "relative, student in hardship with funding",
        cases: &[&[("role", "close_relative")]],
        students: &[&[
            ("stage", "undergraduate"),
            ("enrolment_status", "enrolled"),
            ("hardship_student", "true"),
            ("funding_status", "receiving"),
        ]],
        ..DEFAULTS
    },
    Planted {
        ages: 60..=75,
        count: 3,
        name: "victim, disabled veteran",
        cases: &[ROLE_ALONE],
        veterans: &[&[("kind", "disabled"), ("status", "active")]],
        ..DEFAULTS
    },
    Planted {
        count: 3,
        name: "suspect who is a disabled veteran",
        cases: &[&[("role", "suspect")]],
        veterans: &[&[("kind", "disabled"), ("status", "active")]],
        ..DEFAULTS
    },
];

/// The exports of the registers, in the order of [`Planted::registers`].
const REGISTERS: [&str; 5] = [
    "procuratorate.referrals",
    "civil-affairs.assistance",
    "education.students",
    "disabled-federation.persons",
    "veterans.persons",
];

impl Planted {
    fn registers(&self) -> [&'static [Values]; 5] {
        [
            self.referrals,
            self.assistance,
            self.students,
            self.disabled,
            self.veterans,
        ]
    }

    /// Returns whether the ID numbers in the registers are damaged beyond repair.
    fn is_damaged(&self) -> bool {
        self.reason.starts_with("unrecoverable")
    }

    /// Returns the leads of one person of the scenario, and why there are none.
    fn outcome(
        &self,
        known: &Known<'_>,
        person: &Person,
    ) -> (Vec<(&'static str, Grade)>, &'static str) {
        if known.columns == Columns::All {
            let established = self
                .established
                .iter()
                .map(|aid| (*aid, Grade::Established));
            let open = self.to_be_clarified.iter();
            let open = open.map(|aid| (*aid, Grade::ToBeClarified));
            let of_women = self.help_for_women.filter(|_| person.is_woman());
            let of_women = of_women.map(|grade| ("women_help", grade));
            return (
                established.chain(open).chain(of_women).collect(),
                self.reason,
            );
        }
        if known.role() == "suspect" {
            return (
                Vec::new(),
                "withheld: the role is not one that may be looked at",
            );
        }
        if !known.is_exported() {
            return (Vec::new(), "the record is sealed, and not in the export");
        }
        let leads = known.leads().into_iter();
        let leads = leads.map(|aid| (aid, Grade::ToBeClarified)).collect();
        let reason = match self.is_damaged() {
            true => "not judged: the ID number on the list is damaged",
            false => "not judged: on no list of people in hardship",
        };
        (leads, reason)
    }
}

/// Creates the rows of all planted people, and returns the truth about them.
pub(super) fn plant(
    random: &mut impl Rng,
    population: &mut Population,
    exports: &mut Exports,
    columns: Columns,
) -> Truth {
    let mut truth = Truth::default();
    let mut case_number = 0;
    let on_one_list = match columns {
        Columns::All => &[],
        Columns::Minimal | Columns::Usual => ON_ONE_LIST,
    };
    for planted in PLANTED.iter().chain(on_one_list) {
        for _ in 0..planted.count * population.planted_times {
            let person = population.case_party(random, planted.ages.clone(), planted.men);
            let cases: Vec<Row> = planted
                .cases
                .iter()
                .map(|values| {
                    case_number += 1;
                    case_row(
                        random,
                        &person,
                        &format!("韶检样刑〔2026〕{case_number}号"),
                        values,
                    )
                    .planted()
                })
                .collect();
            let numbers: Vec<String> = cases
                .iter()
                .map(|case| case.value("case_number").to_owned())
                .collect();
            let registers = planted.registers().map(|rows| -> Vec<Row> {
                rows.iter()
                    .map(|values| register_row(&person, values, planted.is_damaged()).planted())
                    .collect()
            });
            let rows = REGISTERS.iter().zip(&registers);
            let rows = rows.flat_map(|(export, rows)| rows.iter().map(|row| (*export, row)));
            let known = Known {
                cases: &cases,
                age: person.age,
                rows: rows.filter(|(_, row)| !row.damaged).collect(),
                columns,
            };
            let (leads, reason) = planted.outcome(&known, &person);
            if leads.is_empty() {
                truth.non_leads.push(PlantedNonLead {
                    cases: numbers.clone(),
                    person: (*person.name).to_owned(),
                    scenario: planted.name,
                    reason,
                });
            }
            for (aid, grade) in leads {
                truth.leads.push(PlantedLead {
                    cases: numbers.clone(),
                    person: (*person.name).to_owned(),
                    aid,
                    grade,
                    scenario: planted.name,
                });
            }
            exports.case_parties.extend(cases);
            let [referrals, assistance, students, disabled, veterans] = registers;
            exports.referrals.extend(referrals);
            exports.assistance.extend(assistance);
            exports.students.extend(students);
            exports.disabled.extend(disabled);
            exports.veterans.extend(veterans);
        }
    }
    truth
}

/// Creates a case row: all flags no, then the scenario's values.
pub(super) fn case_row(
    random: &mut impl Rng,
    person: &Person,
    case_number: &str,
    values: &[(&'static str, &str)],
) -> Row {
    const FLAGS: [&str; 19] = [
        "sealed",
        "deceased",
        "urgent_treatment",
        "victim_died",
        "victim_lost_work_capacity",
        "lived_on_victim_income",
        "both_parents_lost",
        "enforcement_terminated",
        "retaliation",
        "special_need",
        "petition_reasonable",
        "petition_settle",
        "hardship",
        "out_of_school",
        "major_fault",
        "refuses_cooperation",
        "false_statement",
        "waived_compensation",
        "hardship_unrelated",
    ];
    let handler = format!(
        "{}检察官",
        ["东", "西", "南", "北"][random.random_range(0..4)]
    );
    let mut row = Row::new(
        &person.id,
        &[
            ("case_number", case_number),
            ("name", &*person.name),
            ("handler", &handler),
            ("already_compensated", "false"),
            ("judicial_aid_status", "none"),
            ("injury_level", "none"),
            ("compensation_status", "none"),
            ("offence_on", "2025-11-08"),
            ("accepted_on", "2026-03-02"),
        ],
    );
    for flag in FLAGS {
        row = row.with(flag, "false");
    }
    for (field, value) in values {
        row = row.with(field, value);
    }
    row
}

/// Creates a register row with the person's name and birth date.
pub(super) fn register_row(person: &Person, values: &[(&'static str, &str)], damaged: bool) -> Row {
    let mut row = Row::new(&person.id, values)
        .with("name", &*person.name)
        .with("birth_date", person.birth.to_string());
    row.damaged = damaged;
    row
}
