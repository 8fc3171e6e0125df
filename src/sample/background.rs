//! Everybody else: case parties without a ground, and registers full of people
//! who are no case parties. None of them may become a lead.

use rand::{Rng, RngExt};

use super::person::{People, Person};
use super::scenario::{case_row, register_row};
use super::{Exports, Row};

const CASE_PARTIES: usize = 2_000;
const ASSISTANCE: usize = 16_000;
const STUDENTS: usize = 13_000;
const DISABLED: usize = 7_000;
const VETERANS: usize = 4_000;
const REFERRALS: usize = 160;

/// Fills the exports up to the size of a county.
pub(super) fn fill(random: &mut impl Rng, people: &mut People, exports: &mut Exports) {
    let mut parties = Vec::new();
    let mut number = 0;
    while exports.case_parties.len() < CASE_PARTIES {
        number += 1;
        let person = people.make(random, 18..=75);
        let row = ordinary_case(random, &person, &format!("韶检普刑〔2026〕{number}号"));
        exports.case_parties.push(row);
        parties.push(person);
    }
    shuffle(random, &mut exports.case_parties);
    // A few rows of each register are of case parties without a ground.
    let someone = |random: &mut _, people: &mut People, ages| {
        if chance(random, 0.03) && !parties.is_empty() {
            parties[index(random, parties.len())].clone()
        } else {
            people.make(random, ages)
        }
    };
    while exports.assistance.len() < ASSISTANCE {
        let person = someone(random, people, 1..=90);
        exports.assistance.push(assistance(random, &person));
    }
    while exports.students.len() < STUDENTS {
        let person = people.make(random, 5..=22);
        exports.students.push(student(random, &person));
    }
    while exports.disabled.len() < DISABLED {
        let person = someone(random, people, 2..=88);
        exports.disabled.push(disabled(random, &person));
    }
    while exports.veterans.len() < VETERANS {
        let person = someone(random, people, 22..=85);
        exports.veterans.push(veteran(random, &person));
    }
    while exports.referrals.len() < REFERRALS {
        let person = someone(random, people, 18..=75);
        exports.referrals.push(referral(random, &person));
    }
    for rows in [
        &mut exports.assistance,
        &mut exports.students,
        &mut exports.disabled,
        &mut exports.veterans,
        &mut exports.referrals,
    ] {
        shuffle(random, rows);
    }
}

fn chance(random: &mut impl Rng, share: f64) -> bool {
    random.random_bool(share)
}

fn index(random: &mut impl Rng, length: usize) -> usize {
    random.random_range(0..length)
}

fn pick<'a>(random: &mut impl Rng, of: &[&'a str]) -> &'a str {
    of[index(random, of.len())]
}

fn flag(random: &mut impl Rng, share: f64) -> &'static str {
    if chance(random, share) {
        "true"
    } else {
        "false"
    }
}

fn shuffle(random: &mut impl Rng, rows: &mut [Row]) {
    for last in (1..rows.len()).rev() {
        rows.swap(last, random.random_range(0..=last));
    }
}

/// A day between two years, always before the as-of date.
fn day(random: &mut impl Rng, years: std::ops::RangeInclusive<i32>) -> String {
    format!(
        "{}-{:02}-{:02}",
        random.random_range(years),
        random.random_range(1..=12),
        random.random_range(1..=28)
    )
}

/// A case party on whom no ground holds and none is undecided.
fn ordinary_case(random: &mut impl Rng, person: &Person, number: &str) -> Row {
    let role = pick(
        random,
        &[
            "suspect",
            "suspect",
            "suspect",
            "defendant",
            "victim",
            "victim",
            "victim",
            "victim",
            "witness",
            "close_relative",
            "other",
        ],
    );
    let injury = pick(random, &["none", "none", "minor", "slight_2", "slight_1"]);
    let loss = random.random_range(0..29_000).to_string();
    let offender = pick(
        random,
        &["able_to_pay", "unable_to_pay", "unidentified", "dead"],
    );
    let compensation = pick(random, &["none", "partial", "full"]);
    let hardship = flag(random, 0.05);
    let fault = flag(random, 0.04);
    case_row(
        random,
        person,
        number,
        &[
            ("role", role),
            ("case_kind", "criminal"),
            ("injury_level", injury),
            ("property_loss", &loss),
            ("recovered_amount", "0"),
            ("offender_status", offender),
            ("compensation_status", compensation),
            ("hardship", hardship),
            ("major_fault", fault),
        ],
    )
}

fn assistance(random: &mut impl Rng, person: &Person) -> Row {
    let kind = pick(
        random,
        &[
            "dibao",
            "dibao",
            "dibao",
            "dibao",
            "dibao_margin",
            "tekun",
            "temporary_relief",
        ],
    );
    let status = pick(
        random,
        &[
            "active",
            "active",
            "active",
            "active",
            "active",
            "suspended",
            "ended",
            "died",
        ],
    );
    let started = day(random, 2018..=2025);
    let ended = if matches!(status, "ended" | "died") {
        day(random, 2026..=2026)
            .replace("-10-", "-08-")
            .replace("-11-", "-07-")
            .replace("-12-", "-06-")
    } else {
        String::new()
    };
    let died = if status == "died" {
        ended.clone()
    } else {
        String::new()
    };
    let household = random.random_range(100_000..999_999).to_string();
    let relationship = pick(random, &["self", "spouse", "child", "parent"]);
    let amount = random.random_range(180..980).to_string();
    register_row(
        person,
        &[
            ("kind", kind),
            ("area", pick(random, &["urban", "rural", "rural"])),
            ("household_number", &household),
            ("relationship_to_head", relationship),
            ("status", status),
            ("started_on", &started),
            ("ended_on", &ended),
            ("died_on", &died),
            ("monthly_amount", &amount),
        ],
        false,
    )
}

fn student(random: &mut impl Rng, person: &Person) -> Row {
    register_row(
        person,
        &[
            (
                "school",
                pick(random, &["第一样例学校", "第二样例学校", "第三样例学校"]),
            ),
            (
                "stage",
                pick(
                    random,
                    &[
                        "primary",
                        "primary",
                        "junior",
                        "senior",
                        "vocational",
                        "undergraduate",
                    ],
                ),
            ),
            (
                "enrolment_status",
                pick(
                    random,
                    &[
                        "enrolled",
                        "enrolled",
                        "enrolled",
                        "enrolled",
                        "graduated",
                        "suspended",
                    ],
                ),
            ),
            ("registered_poor", flag(random, 0.05)),
            ("hardship_student", flag(random, 0.09)),
            (
                "funding_status",
                pick(random, &["none", "none", "none", "receiving", "ended"]),
            ),
        ],
        false,
    )
}

fn disabled(random: &mut impl Rng, person: &Person) -> Row {
    let issued = day(random, 2012..=2025);
    register_row(
        person,
        &[
            (
                "class",
                pick(random, &["1", "2", "3", "4", "4", "4", "5", "6", "7"]),
            ),
            ("grade", pick(random, &["1", "2", "3", "3", "4", "4"])),
            (
                "certificate_status",
                pick(
                    random,
                    &[
                        "valid",
                        "valid",
                        "valid",
                        "valid",
                        "expired",
                        "cancelled",
                        "died",
                    ],
                ),
            ),
            ("issued_on", &issued),
            ("living_subsidy", flag(random, 0.3)),
            ("nursing_subsidy", flag(random, 0.3)),
            ("child_rehabilitation", flag(random, 0.02)),
            ("vocational_training", flag(random, 0.1)),
            ("economic_hardship", flag(random, 0.3)),
            ("employed", flag(random, 0.3)),
        ],
        false,
    )
}

fn veteran(random: &mut impl Rng, person: &Person) -> Row {
    register_row(
        person,
        &[
            (
                "kind",
                pick(
                    random,
                    &[
                        "veteran",
                        "veteran",
                        "veteran",
                        "disabled",
                        "bereaved_family",
                        "demobilised_rural",
                        "ill_returned",
                        "military_family",
                    ],
                ),
            ),
            (
                "status",
                pick(
                    random,
                    &["active", "active", "active", "active", "ended", "died"],
                ),
            ),
            (
                "benefit_status",
                pick(random, &["none", "receiving", "receiving", "suspended"]),
            ),
            ("hardship", flag(random, 0.08)),
            ("employed", flag(random, 0.5)),
        ],
        false,
    )
}

fn referral(random: &mut impl Rng, person: &Person) -> Row {
    let on = day(random, 2025..=2025);
    let aid = pick(
        random,
        &[
            "dibao",
            "temporary_relief",
            "education_assistance",
            "judicial_aid",
        ],
    );
    let direction = if aid == "judicial_aid" {
        "to_judicial"
    } else {
        "to_social"
    };
    Row::new(
        &person.id,
        &[
            ("direction", direction),
            ("aid", aid),
            (
                "state",
                pick(
                    random,
                    &[
                        "under_review",
                        "aid_delivered",
                        "closed",
                        "not_eligible",
                        "person_told",
                    ],
                ),
            ),
            ("state_on", &on),
        ],
    )
}
