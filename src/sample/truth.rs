//! The truth beside a sample: which leads were planted, and who must not be one.

/// A lead that the round must find.
pub(super) struct PlantedLead {
    pub(super) cases: Vec<String>,
    pub(super) person: String,
    pub(super) aid: &'static str,
    pub(super) scenario: &'static str,
}

/// A person who must not be a lead, and why.
pub(super) struct PlantedNonLead {
    pub(super) cases: Vec<String>,
    pub(super) person: String,
    pub(super) scenario: &'static str,
    pub(super) reason: &'static str,
}

/// All that was planted.
#[derive(Default)]
pub(super) struct Truth {
    pub(super) leads: Vec<PlantedLead>,
    pub(super) non_leads: Vec<PlantedNonLead>,
}

impl Truth {
    pub(super) fn leads_csv(&self) -> String {
        let rows = self.leads.iter().map(|lead| {
            [
                lead.cases.join(";"),
                lead.person.clone(),
                lead.aid.to_owned(),
                lead.scenario.to_owned(),
            ]
        });
        to_csv(["cases", "person", "aid", "scenario"], rows)
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
}

fn to_csv(header: [&str; 4], rows: impl Iterator<Item = [String; 4]>) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    // Writing records of UTF-8 to memory cannot fail.
    let _ = writer.write_record(header);
    for row in rows {
        let _ = writer.write_record(row);
    }
    String::from_utf8(writer.into_inner().unwrap_or_default()).unwrap_or_default()
}
