//! The background population: case parties without a ground, and registers full of people
//! who are not case parties. None of them may become a lead.

use aidlink_faults::fault::Fault;
use rand::{Rng, RngExt};
use rand_chacha::ChaCha8Rng;

use super::columns::Columns;
use super::distribution::{self as shares, AS_OF, chance, draw, draw_age};
use super::export_file::ExportFiles;
use super::person::{Person, Population};
use super::row::Row;
use super::scenario::{case_row, register_row};
use super::style::Style;

/// Fills an export around its planted rows.
pub(super) struct Maker {
    /// The style of its agency.
    pub(super) style: Style,
    /// The total number of rows.
    rows: usize,
    make: fn(&mut ChaCha8Rng, &mut Population) -> Row,
}

/// Returns the makers of the exports, in the order of the schemas. A sample of scale 1
/// has 2,000 case parties and 40,000 register rows (160 referrals apart), divided among the
/// registers as in a city.
pub(super) fn makers(scale: u32) -> [Maker; 6] {
    let scale = scale as usize;
    let tenth = (scale / 10).max(1);
    let maker = |style, rows, make| Maker { style, rows, make };
    [
        maker(Style::Labels, 2_000 * tenth, ordinary_case),
        maker(Style::Workbook, 160 * tenth, referral),
        maker(Style::Gb18030WithTitle, 8_000 * scale, assistance),
        maker(Style::Excel, 26_000 * scale, student),
        maker(Style::CertificateNumbers, 5_000 * scale, disabled),
        maker(Style::Semicolons, 1_000 * scale, veteran),
    ]
}

impl Maker {
    /// Writes the planted rows at random places among background rows.
    pub(super) fn fill(
        &self,
        random: &mut ChaCha8Rng,
        population: &mut Population,
        mut planted: Vec<Row>,
        files: &mut ExportFiles<'_>,
    ) -> Result<(), Fault> {
        shuffle(random, &mut planted);
        for left in (1..=self.rows.max(planted.len())).rev() {
            let row = match random.random_range(0..left) < planted.len() {
                true => planted.pop(),
                false => None,
            };
            let row = row.unwrap_or_else(|| (self.make)(random, population));
            files.row(random, population, &row)?;
        }
        Ok(())
    }
}

/// Returns a case party without a ground in 3 of 100 calls: they appear in registers too.
fn ordinary_party(random: &mut ChaCha8Rng, population: &Population) -> Option<Person> {
    let parties = &population.ordinary_parties;
    let chosen = !parties.is_empty() && chance(random, 30);
    chosen.then(|| parties[index(random, parties.len())].clone())
}

fn index(random: &mut impl Rng, length: usize) -> usize {
    random.random_range(0..length)
}

fn pick<'a>(random: &mut impl Rng, of: &[&'a str]) -> &'a str {
    of[index(random, of.len())]
}

fn flag(random: &mut impl Rng, per_mille: u32) -> &'static str {
    word(chance(random, per_mille))
}

fn word(truth: bool) -> &'static str {
    if truth { "true" } else { "false" }
}

fn shuffle(random: &mut impl Rng, rows: &mut [Row]) {
    for last in (1..rows.len()).rev() {
        rows.swap(last, random.random_range(0..=last));
    }
}

/// Draws a day some years back, before the exports were taken and not before the person
/// was born.
fn day_since(
    random: &mut impl Rng,
    person: &Person,
    years_back: std::ops::RangeInclusive<i64>,
) -> String {
    let days = (years_back.start() * 365 + 5)..=(years_back.end() * 365);
    let day = jiff::Span::new()
        .try_days(random.random_range(days))
        .ok()
        .and_then(|span| AS_OF.checked_sub(span).ok())
        .unwrap_or(AS_OF);
    day.max(person.birth).to_string()
}

/// Creates a case party for whom every ground has the outcome no, if the export has all
/// columns.
fn ordinary_case(random: &mut ChaCha8Rng, population: &mut Population) -> Row {
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
    let (age, men) = match role {
        "suspect" | "defendant" => (draw_age(random, &shares::SUSPECT_AGES), shares::SUSPECT_MEN),
        "victim" => (draw_age(random, &shares::ADULT_AGES), shares::VICTIM_MEN),
        _ => (draw_age(random, &shares::ADULT_AGES), shares::MEN),
    };
    let person = population.case_party(random, age..=age, men);
    let number = format!("韶检普刑〔2026〕{}号", population.ordinary_cases + 1);
    population.ordinary_cases += 1;
    // A victim of whom the export states only the role, on a list, would be a lead.
    if population.columns == Columns::All
        || matches!(role, "suspect" | "defendant" | "witness" | "other")
    {
        population.ordinary_parties.push(person.clone());
    }
    let injury = pick(random, &["none", "none", "minor", "slight_2", "slight_1"]);
    let grade = if injury.starts_with("slight") {
        "10"
    } else {
        ""
    };
    let loss = random.random_range(0..29_000).to_string();
    let offender = pick(
        random,
        &["able_to_pay", "unable_to_pay", "unidentified", "dead"],
    );
    let compensation = pick(random, &["none", "partial", "full"]);
    // Whoever is injured, in hardship and not paid in full would be a lead for legal aid.
    let compensation = if grade.is_empty() {
        compensation
    } else {
        "full"
    };
    let hardship = flag(random, 50);
    let fault = flag(random, 40);
    case_row(
        random,
        &person,
        &number,
        &[
            ("role", role),
            ("case_kind", "criminal"),
            ("injury_level", injury),
            ("injury_disability_grade", grade),
            ("property_loss", &loss),
            ("recovered_amount", "0"),
            ("offender_status", offender),
            ("compensation_status", compensation),
            ("hardship", hardship),
            ("major_fault", fault),
        ],
    )
}

/// Creates a row for the next member of the current household, or the first member of the
/// next household.
fn assistance(random: &mut ChaCha8Rng, population: &mut Population) -> Row {
    let mut household = match population.current.take() {
        Some(household) if !household.members.is_empty() => household,
        _ => {
            let mut next = population.household(population.households);
            population.households += 1;
            next.members.reverse();
            next
        }
    };
    let (member, mut relationship) = match household.members.pop() {
        Some(member) => member,
        // Unreachable: a household has at least one member.
        None => (population.other(random, 30..=60), "self"),
    };
    let member = match ordinary_party(random, population) {
        Some(party) => {
            relationship = "self";
            party
        }
        None => member,
    };
    let status = draw(random, &shares::ASSISTANCE_STATUS);
    let started = day_since(random, &member, 1..=9);
    let ended = match status {
        "ended" | "died" => day_since(random, &member, 0..=1),
        _ => String::new(),
    };
    let died = if status == "died" { ended.as_str() } else { "" };
    let amount = random.random_range(180..980).to_string();
    let row = register_row(
        &member,
        &[
            ("kind", household.kind),
            ("area", household.area),
            ("household_number", &format!("H{:08}", household.number)),
            ("relationship_to_head", relationship),
            ("status", status),
            ("started_on", &started),
            ("ended_on", &ended),
            ("died_on", died),
            ("monthly_amount", &amount),
        ],
        false,
    );
    population.current = Some(household);
    row
}

fn stage_of(age: i32) -> &'static str {
    match age {
        ..12 => "primary",
        12..15 => "junior",
        15..18 => "senior",
        _ => "undergraduate",
    }
}

fn student(random: &mut ChaCha8Rng, population: &mut Population) -> Row {
    let assisted = chance(random, shares::STUDENTS_ON_ASSISTANCE)
        .then(|| population.assisted(random, 6..=20))
        .flatten();
    let poor = assisted.is_some();
    let (person, stage) = match assisted {
        Some(person) => {
            let stage = stage_of(person.age);
            (person, stage)
        }
        None => {
            let stage = draw(random, &shares::STAGES);
            let ages = match stage {
                "primary" => 6..=11,
                "junior" => 12..=14,
                "senior" => 15..=17,
                "vocational" => 15..=18,
                _ => 18..=22,
            };
            (population.other(random, ages), stage)
        }
    };
    let funded = match chance(random, shares::STUDENTS_FUNDED) || (poor && chance(random, 600)) {
        true => "receiving",
        false => pick(random, &["none", "none", "none", "none", "ended"]),
    };
    register_row(
        &person,
        &[
            (
                "school",
                pick(random, &["第一样例学校", "第二样例学校", "第三样例学校"]),
            ),
            ("stage", stage),
            (
                "enrolment_status",
                draw(
                    random,
                    &[("enrolled", 960), ("graduated", 30), ("suspended", 10)],
                ),
            ),
            ("registered_poor", flag(random, if poor { 600 } else { 40 })),
            (
                "hardship_student",
                flag(random, if poor { 900 } else { 70 }),
            ),
            ("funding_status", funded),
        ],
        false,
    )
}

fn disabled(random: &mut ChaCha8Rng, population: &mut Population) -> Row {
    let assisted = chance(random, shares::DISABLED_ON_ASSISTANCE)
        .then(|| population.assisted(random, 2..=95))
        .flatten();
    let poor = assisted.is_some();
    let person = ordinary_party(random, population)
        .or(assisted)
        .unwrap_or_else(|| {
            let age = draw_age(random, &shares::DISABLED_AGES);
            population.person(random, age, shares::DISABLED_MEN)
        });
    let grade = draw(random, &shares::DISABILITY_GRADES);
    let severe = matches!(grade, "1" | "2");
    let working_age = (16..60).contains(&person.age);
    let issued = day_since(random, &person, 0..=14);
    register_row(
        &person,
        &[
            ("class", draw(random, &shares::DISABILITY_CLASSES)),
            ("grade", grade),
            (
                "certificate_status",
                draw(
                    random,
                    &[
                        ("valid", 900),
                        ("expired", 50),
                        ("cancelled", 30),
                        ("died", 20),
                    ],
                ),
            ),
            ("issued_on", &issued),
            (
                "living_subsidy",
                flag(random, shares::DISABLED_LIVING_SUBSIDY),
            ),
            (
                "nursing_subsidy",
                flag(random, if severe { 950 } else { 20 }),
            ),
            (
                "child_rehabilitation",
                flag(random, if person.age < 15 { 300 } else { 0 }),
            ),
            ("vocational_training", flag(random, 100)),
            (
                "economic_hardship",
                flag(random, if poor { 950 } else { 120 }),
            ),
            (
                "employment",
                if !working_age {
                    "not_of_working_age"
                } else if chance(random, 2 * shares::DISABLED_EMPLOYED) {
                    "employed"
                } else {
                    "unemployed"
                },
            ),
        ],
        false,
    )
}

fn veteran(random: &mut ChaCha8Rng, population: &mut Population) -> Row {
    let kind = draw(random, &shares::VETERAN_KINDS);
    let men = match kind {
        "bereaved_family" | "military_family" => 400,
        _ => shares::VETERAN_MEN,
    };
    let person = ordinary_party(random, population).unwrap_or_else(|| {
        let age = draw_age(random, &shares::ADULT_AGES);
        population.person(random, age, men)
    });
    register_row(
        &person,
        &[
            ("kind", kind),
            (
                "status",
                draw(random, &[("active", 930), ("ended", 40), ("died", 30)]),
            ),
            (
                "benefit_status",
                draw(
                    random,
                    &[("none", 700), ("receiving", 280), ("suspended", 20)],
                ),
            ),
            ("hardship", flag(random, 80)),
            ("employed", flag(random, 500)),
        ],
        false,
    )
}

fn referral(random: &mut ChaCha8Rng, population: &mut Population) -> Row {
    let person =
        ordinary_party(random, population).unwrap_or_else(|| population.other(random, 18..=75));
    let on = format!(
        "2025-{:02}-{:02}",
        random.random_range(1..=12),
        random.random_range(1..=28)
    );
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
