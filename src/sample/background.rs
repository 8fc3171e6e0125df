//! Everybody else: case parties without a ground, and registers full of people
//! who are no case parties. None of them may become a lead.

use rand::{Rng, RngExt};

use aidlink_contract::fault::Fault;
use rand_chacha::ChaCha8Rng;

use super::Row;
use super::export_file::{ExportFile, Style};
use super::person::{Person, Population};
use super::scenario::{case_row, register_row};

/// How one export is filled up around its planted rows.
pub(super) struct Maker {
    /// How its agency writes.
    pub(super) style: Style,
    /// Rows in all.
    rows: usize,
    make: fn(&mut ChaCha8Rng, &mut Population) -> Row,
}

/// The exports in the order of the schemas. A county has 2,000 case parties
/// and 40,000 register rows.
pub(super) fn makers(scale: u32) -> [Maker; 6] {
    let scale = scale as usize;
    let tenth = (scale / 10).max(1);
    let maker = |style, rows, make| Maker { style, rows, make };
    [
        maker(Style::CaseParties, 2_000 * tenth, ordinary_case),
        maker(Style::Plain, 160 * tenth, referral),
        maker(Style::Gb18030WithTitle, 16_000 * scale, assistance),
        maker(Style::Excel, 13_000 * scale, student),
        maker(Style::CertificateNumbers, 7_000 * scale, disabled),
        maker(Style::Semicolons, 4_000 * scale, veteran),
    ]
}

impl Maker {
    /// Writes the planted rows at random places among others.
    pub(super) fn fill(
        &self,
        random: &mut ChaCha8Rng,
        population: &mut Population,
        mut planted: Vec<Row>,
        file: &mut ExportFile<'_>,
    ) -> Result<(), Fault> {
        shuffle(random, &mut planted);
        for left in (1..=self.rows.max(planted.len())).rev() {
            let row = match random.random_range(0..left) < planted.len() {
                true => planted.pop(),
                false => None,
            };
            let row = row.unwrap_or_else(|| (self.make)(random, population));
            file.row(random, &row)?;
        }
        Ok(())
    }
}

/// Somebody in a register: a few are case parties without a ground.
fn someone(
    random: &mut ChaCha8Rng,
    population: &Population,
    ages: std::ops::RangeInclusive<i32>,
) -> Person {
    let parties = &population.ordinary_parties;
    if !parties.is_empty() && chance(random, 0.03) {
        parties[index(random, parties.len())].clone()
    } else {
        population.other(random, ages)
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
fn ordinary_case(random: &mut ChaCha8Rng, population: &mut Population) -> Row {
    let person = population.case_party(random, 18..=75);
    let number = format!(
        "韶检普刑〔2026〕{}号",
        population.ordinary_parties.len() + 1
    );
    population.ordinary_parties.push(person.clone());
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
        &person,
        &number,
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

fn assistance(random: &mut ChaCha8Rng, population: &mut Population) -> Row {
    let person = someone(random, population, 1..=90);
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
        &person,
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

fn student(random: &mut ChaCha8Rng, population: &mut Population) -> Row {
    let person = population.other(random, 5..=22);
    register_row(
        &person,
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

fn disabled(random: &mut ChaCha8Rng, population: &mut Population) -> Row {
    let person = someone(random, population, 2..=88);
    let issued = day(random, 2012..=2025);
    register_row(
        &person,
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

fn veteran(random: &mut ChaCha8Rng, population: &mut Population) -> Row {
    let person = someone(random, population, 22..=85);
    register_row(
        &person,
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

fn referral(random: &mut ChaCha8Rng, population: &mut Population) -> Row {
    let person = someone(random, population, 18..=75);
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
