//! What the policy must give for a case party of whom the case export states only the
//! role: worked out from the text of the policy, for the registers that know the person.
//!
//! Every ground that the role allows is then unknown, so each lead is to be clarified and
//! rests on a register. A person in no register of people in hardship is not judged, unless a
//! register of disabled or entitled persons has the person: then the case is looked at.

use std::collections::BTreeSet;

use jiff::ToSpan;

use super::columns::{Columns, Part};
use super::distribution::AS_OF;
use super::row::Row;

const CASES: &str = "procuratorate.case-parties";
const REFERRALS: &str = "procuratorate.referrals";
const ASSISTANCE: &str = "civil-affairs.assistance";
const STUDENTS: &str = "education.students";
const CERTIFICATES: &str = "disabled-federation.persons";
const VETERANS: &str = "veterans.persons";

/// What the exports say of a person.
pub(super) struct Known<'r> {
    /// The rows of the person's cases; all have the same role.
    pub(super) cases: &'r [Row],
    pub(super) age: i32,
    /// The register rows of the person that a reader can use, with the name of their export.
    pub(super) rows: Vec<(&'static str, &'r Row)>,
    pub(super) columns: Columns,
}

/// What is known of temporary relief.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Relief {
    /// None, or only of more than six months ago.
    None,
    OfUnknownDate,
    Recent,
}

impl Known<'_> {
    pub(super) fn role(&self) -> &str {
        self.cases.first().map_or("", |case| case.value("role"))
    }

    /// Returns whether the case export has the person.
    pub(super) fn is_exported(&self) -> bool {
        let parts = self.columns.parts(CASES);
        let mut cases = self.cases.iter();
        cases.any(|case| parts.iter().any(|part| part.holds(case)))
    }

    /// Returns the aids of the person's leads, all to be clarified.
    pub(super) fn leads(&self) -> Vec<&'static str> {
        let assistance = self.values(ASSISTANCE, "kind");
        let is_on = |kind| assistance.contains(kind);
        let relief = self.relief();
        let student_hardship = self.values(STUDENTS, "hardship_student").contains("true");
        let funded = self
            .values(STUDENTS, "funding_status")
            .contains("receiving");
        let holder = !self.values(CERTIFICATES, "certificate_status").is_empty();
        let class_known = !self.values(CERTIFICATES, "class").is_empty();
        let grades = self.values(CERTIFICATES, "grade");
        let severe = grades.contains("1") || grades.contains("2");
        let is_veteran = !self.values(VETERANS, "status").is_empty();
        let entitled = [
            "disabled",
            "bereaved_family",
            "demobilised_rural",
            "ill_returned",
        ];
        let kinds = self.values(VETERANS, "kind");
        let entitled = entitled.iter().any(|kind| kinds.contains(kind));

        let dibao_or_tekun = is_on("dibao") || is_on("tekun");
        let short_of_assistance = is_on("dibao_margin")
            || is_on("monitored")
            || relief != Relief::None
            || student_hardship;
        let hardship = dibao_or_tekun || short_of_assistance;
        // A certificate and an entitlement are no hardship, but a reason to look at the case.
        let hardship_open = holder || entitled;
        let elderly = self.age >= 60;
        let of_school_age = (3..=17).contains(&self.age);
        let may_be_harmed = matches!(
            self.role(),
            "victim" | "close_relative" | "dependant" | "civil_party" | "petitioner"
        );

        let living_subsidy = holder && (is_on("dibao") || is_on("dibao_margin"));
        let relief_is_due = may_be_harmed && hardship && relief != Relief::Recent;
        let education = student_hardship || (of_school_age && hardship);
        let aids = [
            ("dibao", short_of_assistance && !dibao_or_tekun),
            ("tekun", elderly && hardship && !dibao_or_tekun),
            ("temporary_relief", relief_is_due),
            ("education_assistance", education && !funded),
            ("disabled_living_subsidy", living_subsidy && !is_on("tekun")),
            ("severe_nursing_subsidy", severe && !is_on("tekun")),
            ("child_rehabilitation", class_known && self.age <= 7),
            ("relapse_monitoring", is_on("monitored")),
            ("veteran_support", is_veteran && hardship),
            ("judicial_aid", hardship || hardship_open),
        ];
        let found = aids
            .into_iter()
            .filter(|(aid, found)| *found && !self.is_referred(aid));
        found.map(|(aid, _)| aid).collect()
    }

    /// Returns the rows of a register, each with a file that holds it.
    fn stated(&self, export: &str) -> Vec<(Part, &Row)> {
        let parts = self.columns.parts(export);
        let rows = self.rows.iter().filter(|(name, _)| *name == export);
        let in_files = rows.flat_map(|(_, row)| {
            let holding = parts.iter().filter(|part| part.holds(row));
            holding.map(|part| (*part, *row))
        });
        in_files.collect()
    }

    /// Returns what a register says of a field, in any file.
    fn values(&self, export: &str, field: &str) -> BTreeSet<&str> {
        let stated = self.stated(export).into_iter();
        let values = stated.map(|(part, row)| part.stated(row, field));
        values.filter(|value| !value.is_empty()).collect()
    }

    fn relief(&self) -> Relief {
        let stated = self.stated(ASSISTANCE).into_iter();
        let relief = stated
            .filter(|(part, row)| part.stated(row, "kind") == "temporary_relief")
            .map(|(part, row)| match part.stated(row, "started_on") {
                "" => Relief::OfUnknownDate,
                day if is_within_six_months(day) => Relief::Recent,
                _ => Relief::None,
            });
        relief.max().unwrap_or(Relief::None)
    }

    /// Returns whether an earlier referral suppresses a lead.
    fn is_referred(&self, aid: &str) -> bool {
        let mut stated = self.stated(REFERRALS).into_iter();
        stated.any(|(part, row)| {
            let suppresses = match part.stated(row, "state") {
                "under_review" => true,
                "not_eligible" | "not_suitable" => {
                    is_within_six_months(part.stated(row, "state_on"))
                }
                _ => false,
            };
            suppresses && part.stated(row, "aid") == aid
        })
    }
}

fn is_within_six_months(day: &str) -> bool {
    let since = AS_OF.checked_sub(6.months()).unwrap_or(AS_OF).to_string();
    // Days of the form 2026-09-30 are ordered as texts.
    day >= since.as_str()
}
