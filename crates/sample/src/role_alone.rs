//! What the policy must give for a case party of whom the case export states only the
//! role: worked out from the text of the policy, for the registers that know the person.
//!
//! Every ground that the role allows is then unknown, so each lead is to be clarified and
//! rests on a register. A person in no register of people in hardship is not judged.

use jiff::ToSpan;

use super::columns::{Columns, Part};
use super::distribution::AS_OF;
use super::row::Row;

/// What the exports say of a person.
pub(super) struct Known<'r> {
    /// The rows of the person's cases; all have the same role.
    pub(super) cases: &'r [Row],
    pub(super) age: i32,
    /// The register rows of the person that a reader can use, with the name of their export.
    pub(super) rows: Vec<(&'static str, &'r Row)>,
    pub(super) columns: Columns,
}

impl Known<'_> {
    pub(super) fn role(&self) -> &str {
        self.cases.first().map_or("", |case| case.value("role"))
    }

    /// Returns whether the case export has the person.
    pub(super) fn is_exported(&self) -> bool {
        let mut cases = self.cases.iter();
        cases.any(|case| !self.parts("procuratorate.case-parties", case).is_empty())
    }

    /// Returns the aids of the person's leads, all to be clarified.
    pub(super) fn leads(&self) -> Vec<&'static str> {
        const ASSISTANCE: &str = "civil-affairs.assistance";
        let is_on = |kind| self.states(ASSISTANCE, &[("kind", kind)]);
        let is_student = |field, value| self.states("education.students", &[(field, value)]);
        let relief = self.relief();
        let dibao_or_tekun = is_on("dibao") || is_on("tekun");
        let student_hardship = is_student("hardship_student", "true");
        let holder = &[("certificate_status", "valid")][..];
        let holder = self.states("disabled-federation.persons", holder);
        let severe = ["1", "2"]
            .into_iter()
            .any(|grade| self.certificate("grade", grade));
        let class_known = ["1", "2", "3", "4", "5", "6", "7"]
            .into_iter()
            .any(|class| self.certificate("class", class));
        let is_veteran = self.states("veterans.persons", &[("status", "active")]);
        let entitled = [
            "disabled",
            "bereaved_family",
            "demobilised_rural",
            "ill_returned",
        ]
        .into_iter()
        .any(|kind| self.states("veterans.persons", &[("kind", kind)]));
        // A certificate and an entitlement each indicate hardship.
        let short_of_assistance = is_on("dibao_margin")
            || is_on("monitored")
            || relief != Relief::None
            || student_hardship
            || holder
            || entitled;
        let hardship = dibao_or_tekun || short_of_assistance;
        let suddenly_harmed = matches!(self.role(), "victim" | "close_relative" | "dependant");
        let aids = [
            ("dibao", short_of_assistance && !dibao_or_tekun),
            (
                "tekun",
                (severe || (self.age >= 60 && hardship)) && !dibao_or_tekun,
            ),
            (
                "temporary_relief",
                suddenly_harmed && hardship && relief != Relief::Recent,
            ),
            (
                "education_assistance",
                (student_hardship || ((3..=17).contains(&self.age) && hardship))
                    && !is_student("funding_status", "receiving"),
            ),
            ("disabled_living_subsidy", holder),
            ("severe_nursing_subsidy", severe),
            (
                "child_rehabilitation",
                holder && class_known && self.age <= 7,
            ),
            ("veteran_support", entitled || (is_veteran && hardship)),
            ("judicial_aid", hardship),
        ];
        let found = aids
            .into_iter()
            .filter(|(aid, found)| *found && !self.is_referred(aid));
        found.map(|(aid, _)| aid).collect()
    }

    /// Returns the files that hold a row of an export.
    fn parts(&self, export: &str, row: &Row) -> Vec<Part> {
        let mut parts = self.columns.parts(export);
        parts.retain(|part| part.holds(row));
        parts
    }

    /// Returns whether a file states all these values of the person.
    fn states(&self, export: &str, values: &[(&str, &str)]) -> bool {
        let mut rows = self.rows.iter().filter(|(name, _)| *name == export);
        rows.any(|(_, row)| {
            let parts = self.parts(export, row);
            let states = |part: &Part| {
                let mut values = values.iter();
                values.all(|(field, value)| part.stated(row, field) == *value)
            };
            parts.iter().any(states)
        })
    }

    fn certificate(&self, field: &str, value: &str) -> bool {
        let values = [("certificate_status", "valid"), (field, value)];
        self.states("disabled-federation.persons", &values)
    }

    /// Returns what is known of temporary relief. Relief of more than six months ago is no
    /// evidence.
    fn relief(&self) -> Relief {
        const EXPORT: &str = "civil-affairs.assistance";
        let mut relief = Relief::None;
        for (_, row) in self.rows.iter().filter(|(name, _)| *name == EXPORT) {
            for part in self.parts(EXPORT, row) {
                let of_part = match part.stated(row, "started_on") {
                    _ if part.stated(row, "kind") != "temporary_relief" => Relief::None,
                    "" => Relief::OfUnknownDate,
                    day if is_within_six_months(day) => Relief::Recent,
                    _ => Relief::None,
                };
                relief = relief.max(of_part);
            }
        }
        relief
    }

    /// Returns whether an earlier referral suppresses a lead.
    fn is_referred(&self, aid: &str) -> bool {
        const EXPORT: &str = "procuratorate.referrals";
        let mut rows = self.rows.iter().filter(|(name, _)| *name == EXPORT);
        rows.any(|(_, row)| {
            let part = self.parts(EXPORT, row).into_iter().next();
            part.is_some_and(|part| {
                part.stated(row, "aid") == aid
                    && match part.stated(row, "state") {
                        "under_review" => true,
                        "not_eligible" | "not_suitable" => {
                            is_within_six_months(part.stated(row, "state_on"))
                        }
                        _ => false,
                    }
            })
        })
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Relief {
    None,
    OfUnknownDate,
    Recent,
}

fn is_within_six_months(day: &str) -> bool {
    let since = AS_OF.checked_sub(6.months()).unwrap_or(AS_OF).to_string();
    // Days of the form 2026-09-30 are ordered as texts.
    day >= since.as_str()
}
