//! Reads any file as a filled list, a table of events and a ledger, and makes events of what it
//! says. Each lead of a filled list is taken in once at most, an event that was read is written
//! as it was, and nothing that is kept has a personal number.

#![no_main]

use std::collections::{BTreeMap, BTreeSet};

use aidlink_faults::personal_number::find;
use aidlink_faults::text::Text;
use aidlink_fuzz::{AS_OF, POLICY, SCHEMAS, ignore_guarded_panics, write_input};
use aidlink_office::round::site_words::SiteWords;
use aidlink_procuratorate::register::case_numbers::KnownCases;
use aidlink_procuratorate::register::filled::{self, IssueDays, Issued, IssuedLead, UnlessStated};
use aidlink_procuratorate::register::ledger_plan::Planning;
use aidlink_procuratorate::register::ledger_table::LedgerWords;
use aidlink_procuratorate::register::noted;
use aidlink_register::book::Book;
use aidlink_register::event::Event;
use aidlink_register::form::{Known, event_of};
use aidlink_register::number::LeadNumber;
use jiff::civil::Date;
use libfuzzer_sys::fuzz_target;

const TODAY: Date = Date::constant(2026, 11, 29);
const LEADS: [(&str, &str, &str); 3] = [
    ("04HM-ASW9-dibao", "04HM-ASW9", "王小明"),
    ("04HM-ASW9-tekun", "04HM-ASW9", "王小明"),
    ("1111-1111-dibao", "1111-1111", "李小红"),
];

fn check_filled_list(path: &std::path::Path) {
    let name = Text::new("姓名", "Name");
    let own = ["案2026甲".to_owned()];
    let names: Vec<[String; 1]> = LEADS
        .iter()
        .map(|(.., name)| [(*name).to_owned()])
        .collect();
    let leads = LEADS
        .iter()
        .zip(&names)
        .map(|((lead_number, person_number, _), names)| IssuedLead {
            lead_number,
            person_number,
            names,
            case_numbers: &own,
            aid: POLICY.aids.first().map(|aid| &aid.title),
        });
    let case_number = Text::new("案号", "Case number");
    let issued = Issued {
        round: "R",
        days: IssueDays {
            own: BTreeSet::from([AS_OF]),
            others: BTreeMap::new(),
        },
        today: TODAY,
        name: Some(&name),
        case_number: Some(&case_number),
        aids: POLICY.aids.iter().map(|aid| &aid.title).collect(),
        cases: &KnownCases::of(["案2026甲", "案2026乙"]),
        leads: leads.collect(),
        elsewhere: &|_| None,
        unless_stated: UnlessStated::default(),
    };
    let Ok(rows) = filled::read(&[path.to_owned()], &issued) else {
        return;
    };
    let taken: BTreeSet<&str> = rows
        .taken
        .iter()
        .map(|row| row.lead_number.as_str())
        .collect();
    assert_eq!(taken.len(), rows.taken.len(), "a lead was taken in twice");
    for row in &rows.taken {
        assert!((AS_OF..=TODAY).contains(&row.decided_on));
        for text in [&row.remark, &row.decided_by].into_iter().flatten() {
            assert!(find(text).is_empty(), "a personal number is kept");
        }
    }
    assert!(rows.empty.iter().all(|lead| !taken.contains(lead.as_str())));
    for row in &rows.refused {
        assert!(row.place.row > 0);
    }
}

fn check_events(path: &std::path::Path) {
    for row in noted::read(path).into_iter().flatten() {
        assert!(row.place.row > 0);
        let Ok(written) = row.written else {
            continue;
        };
        let lead = LeadNumber::parse(&written.lead);
        let lead = lead.map(|lead| (lead.person().to_string(), lead.aid().to_owned()));
        let known = Known {
            lead: lead
                .as_ref()
                .map(|(person, aid)| (person.as_str(), aid.as_str())),
            corrects: None,
        };
        let fields = written.fields.iter();
        let fields = fields.map(|(name, text)| (name.as_str(), text.as_str()));
        if let Ok(event) = event_of(&written.kind, fields, known) {
            let text = serde_json::to_vec(&event).expect("an event is JSON");
            let again: Event = serde_json::from_slice(&text).expect("an event");
            assert_eq!(again, event);
        }
    }
}

fn check_ledger(path: &std::path::Path) {
    let words = LedgerWords::of(&POLICY, &SCHEMAS, &SiteWords::default());
    let Ok(table) = words.read(path) else {
        return;
    };
    let book = Book::default();
    let planning = Planning {
        words: &words,
        book: &book,
        cases: &KnownCases::of_book(&book),
        register: "00",
        tokeniser: None,
        operator: "张三",
        today: TODAY,
    };
    for (place, line) in &table.rows {
        assert!(place.row > 0);
        let Ok(line) = line else { continue };
        for lead in planning.leads(line).into_iter().flatten() {
            // Of a row, the lead is found first.
            assert!(!lead.steps.is_empty());
            assert_eq!(lead.number.person(), lead.person);
        }
    }
}

fuzz_target!(|input: &[u8]| {
    ignore_guarded_panics();
    let path = write_input(input);
    check_filled_list(&path);
    check_events(&path);
    check_ledger(&path);
});
