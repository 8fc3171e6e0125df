//! The truth about a sample: the planted leads, the planted persons who must not be
//! leads, and the amount of dirt in each export.

use std::collections::BTreeMap;

use aidlink_contract::grade::Grade;

use super::dirt::Kind;

/// A lead that the round must find.
pub(super) struct PlantedLead {
    pub(super) cases: Vec<String>,
    pub(super) person: String,
    pub(super) aid: &'static str,
    pub(super) grade: Grade,
    pub(super) scenario: &'static str,
}

/// A person who must not be a lead, and why.
pub(super) struct PlantedNonLead {
    pub(super) cases: Vec<String>,
    pub(super) person: String,
    pub(super) scenario: &'static str,
    pub(super) reason: &'static str,
}

/// The number of rows of an export with dirt of one kind.
#[derive(Clone, Copy, Default)]
pub(super) struct DirtCount {
    rows: u64,
    /// The rows of planted people among them.
    planted: u64,
}

impl DirtCount {
    pub(super) fn add(&mut self, planted: bool) {
        self.rows += 1;
        self.planted += u64::from(planted);
    }

    /// Adds the rows of another file.
    pub(super) fn join(&mut self, other: Self) {
        self.rows += other.rows;
        self.planted += other.planted;
    }
}

/// The truth about a sample.
#[derive(Default)]
pub(super) struct Truth {
    pub(super) leads: Vec<PlantedLead>,
    pub(super) non_leads: Vec<PlantedNonLead>,
    /// The dirt, by export and kind.
    pub(super) dirt: Vec<(&'static str, BTreeMap<Kind, DirtCount>)>,
}

impl Truth {
    pub(super) fn leads_csv(&self) -> String {
        let rows = self.leads.iter().map(|lead| {
            [
                lead.cases.join(";"),
                lead.person.clone(),
                lead.aid.to_owned(),
                lead.grade.name().to_owned(),
                lead.scenario.to_owned(),
            ]
        });
        to_csv(["cases", "person", "aid", "grade", "scenario"], rows)
    }

    pub(super) fn non_leads_csv(&self) -> String {
        let rows = self.non_leads.iter().map(|person| {
            [
                person.cases.join(";"),
                person.person.clone(),
                person.scenario.to_owned(),
                person.reason.to_owned(),
            ]
        });
        to_csv(["cases", "person", "scenario", "reason"], rows)
    }

    pub(super) fn dirt_csv(&self) -> String {
        let rows = self.dirt.iter().flat_map(|(export, counts)| {
            counts.iter().map(|(kind, count)| {
                let recoverable = if kind.is_recoverable() { "yes" } else { "no" };
                [
                    (*export).to_owned(),
                    kind.code().to_owned(),
                    recoverable.to_owned(),
                    count.rows.to_string(),
                    count.planted.to_string(),
                ]
            })
        });
        to_csv(
            ["export", "dirt", "recoverable", "rows", "planted_rows"],
            rows,
        )
    }
}

fn to_csv<const N: usize>(header: [&str; N], rows: impl Iterator<Item = [String; N]>) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    // Writing UTF-8 records to memory cannot fail.
    let _ = writer.write_record(header);
    for row in rows {
        let _ = writer.write_record(row);
    }
    String::from_utf8(writer.into_inner().unwrap_or_default()).unwrap_or_default()
}
