//! Shares that make the background resemble a real city. docs/sample-data.md lists their
//! sources and how reliable each is.

use jiff::civil::Date;
use rand::{Rng, RngExt};

/// The as-of date of sample rounds.
pub(super) const AS_OF: Date = Date::constant(2026, 9, 30);

/// Values and their weights.
pub(super) type Shares<T> = [(T, u32)];

/// Draws a value by its weight.
pub(super) fn draw<T: Copy>(random: &mut impl Rng, shares: &Shares<T>) -> T {
    let total: u32 = shares.iter().map(|(_, weight)| weight).sum();
    let mut left = random.random_range(0..total);
    for (value, weight) in shares {
        if left < *weight {
            return *value;
        }
        left -= weight;
    }
    // Unreachable: the weights add up to the total.
    shares[0].0
}

/// Draws an age: a band by its weight, then a uniform age within it.
pub(super) fn draw_age(random: &mut impl Rng, bands: &Shares<(i32, i32)>) -> i32 {
    let (from, to) = draw(random, bands);
    random.random_range(from..=to)
}

/// Draws true with a probability in thousandths.
pub(super) fn chance(random: &mut impl Rng, per_mille: u32) -> bool {
    random.random_range(0..1000) < per_mille
}

/// Residents of the ten counties of Shaoguan, census of 2020. The region codes were never
/// assigned.
pub(super) const COUNTIES: [(u32, u32); 10] = [
    (449_901, 128),
    (449_902, 131),
    (449_903, 102),
    (449_904, 134),
    (449_905, 124),
    (449_906, 69),
    (449_907, 65),
    (449_908, 113),
    (449_909, 68),
    (449_910, 66),
];

/// Adults by age, census of 2020: the age bands of China, scaled to Shaoguan.
pub(super) const ADULT_AGES: [((i32, i32), u32); 13] = [
    ((20, 24), 50),
    ((25, 29), 62),
    ((30, 34), 83),
    ((35, 39), 67),
    ((40, 44), 63),
    ((45, 49), 77),
    ((50, 54), 81),
    ((55, 59), 68),
    ((60, 64), 51),
    ((65, 69), 51),
    ((70, 74), 35),
    ((75, 79), 22),
    ((80, 84), 14),
];
/// Men among residents, in thousandths.
pub(super) const MEN: u32 = 509;

/// Persons on assistance by kind of assistance. The single figures below are in
/// thousandths.
pub(super) const ASSISTANCE_KINDS: [(&str, u32); 4] = [
    ("dibao", 678),
    ("dibao_margin", 102),
    ("tekun", 78),
    ("temporary_relief", 142),
];
pub(super) const RURAL_DIBAO: u32 = 839;
pub(super) const RURAL_TEKUN: u32 = 908;
/// Persons on dibao in a household.
pub(super) const RURAL_HOUSEHOLD_SIZES: [(usize, u32); 6] =
    [(1, 520), (2, 270), (3, 125), (4, 60), (5, 20), (6, 5)];
pub(super) const URBAN_HOUSEHOLD_SIZES: [(usize, u32); 5] =
    [(1, 650), (2, 225), (3, 95), (4, 25), (5, 5)];
/// Heads of households: the adults among persons on dibao.
pub(super) const HEAD_AGES: [((i32, i32), u32); 2] = [((22, 59), 507), ((60, 90), 334)];
pub(super) const TEKUN_AGES: [((i32, i32), u32); 2] = [((22, 59), 200), ((60, 90), 800)];
pub(super) const ASSISTED_MEN: u32 = 553;
pub(super) const ASSISTANCE_STATUS: [(&str, u32); 4] = [
    ("active", 880),
    ("suspended", 10),
    ("ended", 80),
    ("died", 30),
];

/// Disability certificates by class and by grade.
pub(super) const DISABILITY_CLASSES: [(&str, u32); 7] = [
    ("1", 58),
    ("2", 71),
    ("3", 7),
    ("4", 503),
    ("5", 78),
    ("6", 220),
    ("7", 63),
];
pub(super) const DISABILITY_GRADES: [(&str, u32); 4] =
    [("1", 150), ("2", 250), ("3", 270), ("4", 330)];
pub(super) const DISABLED_AGES: [((i32, i32), u32); 3] =
    [((2, 14), 47), ((15, 59), 421), ((60, 90), 532)];
pub(super) const DISABLED_MEN: u32 = 516;
pub(super) const DISABLED_ON_ASSISTANCE: u32 = 283;
pub(super) const DISABLED_LIVING_SUBSIDY: u32 = 317;
pub(super) const DISABLED_EMPLOYED: u32 = 228;

/// Students by stage, with the ages of each.
pub(super) const STAGES: [(&str, u32); 5] = [
    ("primary", 462),
    ("junior", 235),
    ("senior", 128),
    ("vocational", 56),
    ("undergraduate", 119),
];
pub(super) const STUDENTS_ON_ASSISTANCE: u32 = 20;
pub(super) const STUDENTS_FUNDED: u32 = 150;

/// Persons registered with veterans affairs, by kind.
pub(super) const VETERAN_KINDS: [(&str, u32); 6] = [
    ("veteran", 803),
    ("disabled", 62),
    ("bereaved_family", 28),
    ("demobilised_rural", 10),
    ("ill_returned", 77),
    ("military_family", 20),
];
pub(super) const VETERAN_MEN: u32 = 950;

/// Suspects by age, and men among suspects and among victims.
pub(super) const SUSPECT_AGES: [((i32, i32), u32); 4] = [
    ((16, 17), 26),
    ((18, 24), 124),
    ((25, 60), 830),
    ((61, 75), 20),
];
pub(super) const SUSPECT_MEN: u32 = 907;
pub(super) const VICTIM_MEN: u32 = 642;
