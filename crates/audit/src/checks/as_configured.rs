//! What a manifest says otherwise than the configuration files of which the folder keeps copies.
//! Who signs a folder anew can write anything into the manifest; the copies say what applied.

use aidlink_contract::screened_lead::{NotVerified, Provisional};
use aidlink_faults::personal_number::shown_name;
use aidlink_faults::text::Text;
use aidlink_files::document::Document as _;
use aidlink_office::manifest::{Manifest, PolicyUsed};
use aidlink_policy::pack::Policy;
use aidlink_procuratorate::lists::marking::Marking;
use aidlink_procuratorate::lists::match_list::registers_of_list;
use aidlink_procuratorate::summary::{SUMMARY, Summary};

use crate::evidence::{Documents, Evidence};

/// Returns what the manifest states otherwise than `configuration/`.
pub(super) fn manifest(evidence: &Evidence) -> Vec<Text> {
    let mut wrong: Vec<Text> = match &evidence.differences {
        Some(differences) => {
            let differences = differences.iter();
            differences
                .map(|difference| evidence.said(difference))
                .collect()
        }
        None => vec![Text::new(
            "configuration/round.toml 缺失或无法读取，不能确认运行记录与轮次文件一致",
            "configuration/round.toml is missing or cannot be read, so nobody knows whether the manifest says what the round file says",
        )],
    };
    if let Ok(documents) = &evidence.documents {
        wrong.extend(of_documents(evidence.manifest(), documents));
    }
    wrong
}

fn of_documents(manifest: &Manifest, documents: &Documents) -> Vec<Text> {
    let other = |file: &str| {
        Text::new(
            format!("configuration/{file} 与运行记录所述的不同"),
            format!("configuration/{file} is another than the one of the manifest"),
        )
    };
    let mut wrong = Vec::new();
    let (used, policy) = (&manifest.policy, &documents.policy);
    let is_policy = match used.layers.is_empty() {
        // aidlink 0.1 stated no layers. The verification compares the digest of the file.
        true => (&used.id, &used.version) == (&policy.id, &policy.version),
        false => *used == PolicyUsed::of(policy),
    };
    if !is_policy {
        wrong.push(other("policy.toml"));
    }
    if documents.calendar.digest() != manifest.calendar.blake3 {
        wrong.push(other("calendar.toml"));
    }
    let read = manifest.exports.iter();
    let read = read.map(|read| (&read.export, Some(&read.schema_blake3), Some(&read.agency)));
    let received = manifest.received.iter();
    let received = received.filter_map(|received| {
        let export = received.export.as_ref()?;
        Some((export, received.schema_blake3.as_ref(), None))
    });
    for (export, digest, agency) in read.chain(received) {
        let schema = documents.schemas.get(export);
        let is_it = schema.is_some_and(|schema| {
            digest.is_none_or(|digest| *digest == schema.digest)
                && agency.is_none_or(|agency| *agency == schema.agency)
        });
        if !is_it {
            let name = shown_name(export);
            wrong.push(other(&format!("schemas/{name}.json")));
        }
    }
    wrong
}

/// Returns what lists, review workbooks and summary say otherwise than the manifest of why they
/// are provisional and of what could not be compared.
pub(super) fn markings(evidence: &Evidence) -> Vec<Text> {
    let manifest = evidence.manifest();
    let Ok(documents) = &evidence.documents else {
        return Vec::new();
    };
    if !evidence.step().writes_lists() {
        return Vec::new();
    }
    let lists = evidence.lists.iter().filter_map(|list| {
        let marking = list.marking.as_ref()?;
        Some((list.path.clone(), list.name.as_str(), marking))
    });
    let workbooks = evidence.workbooks.iter().flat_map(|workbook| {
        let sheets = workbook.read.iter().flat_map(|read| &read.sheets);
        sheets.filter_map(|sheet| {
            let path = format!("{} ({})", workbook.path, sheet.place);
            Some((path, sheet.list.as_deref()?, sheet.marking.as_ref()?))
        })
    });
    let mut wrong = Vec::new();
    for (path, list, marking) in lists.chain(workbooks) {
        if !says_the_same(evidence, documents, list, marking) {
            wrong.push(Text::new(
                format!("{path} 的标题所写（是否暂定、未比对的数据）与运行记录所记不同"),
                format!(
                    "the heading of {path} says otherwise than the manifest whether and why it is provisional, or what was not compared"
                ),
            ));
        }
    }
    let summary = evidence.read(SUMMARY);
    let summary = summary.and_then(|bytes| Summary::parse(&bytes).ok());
    let same = summary.is_none_or(|summary| {
        Some(&summary.provisional) == manifest.provisional.as_ref()
            && Some(&summary.not_verified_by) == manifest.not_verified_by.as_ref()
    });
    if !same {
        wrong.push(Text::new(
            "summary.json 所写（是否暂定、未能核实的导出）与运行记录所记不同",
            "summary.json says otherwise than the manifest whether and why lists are provisional, or what could not be verified",
        ));
    }
    wrong
}

fn says_the_same(
    evidence: &Evidence,
    documents: &Documents,
    list: &str,
    marking: &Marking,
) -> bool {
    let manifest = evidence.manifest();
    let reasons = manifest.provisional.iter().flatten();
    // The rules of aidlink 0.1 were written otherwise, so nobody knows which registers a list
    // needed.
    if manifest.policy.layers.is_empty() {
        let is_provisional = reasons.count() > 0;
        return is_provisional || marking.provisional.is_empty();
    }
    let policy = &documents.policy;
    let needed = registers_of_list(policy, list);
    let language = evidence.list_language();
    let owned = |text: &Text| text.in_language(language).to_owned();
    let provisional = reasons.filter(|reason| match absent(policy, reason) {
        Some(export) => needed.contains(export),
        None => true,
    });
    let provisional: Vec<String> = provisional.map(owned).collect();
    let not_joined = manifest.not_verified_by.iter().flatten();
    let not_joined = not_joined
        .filter(|(export, why)| **why != NotVerified::Stale && needed.contains(export.as_str()));
    let titles = not_joined.filter_map(|(export, _)| documents.schemas.get(export));
    let not_screened: Vec<String> = titles.map(|schema| owned(&schema.title)).collect();
    // A title may hold what stands between two items.
    let text = |items: &[String]| items.join("；");
    text(&provisional) == text(&marking.provisional)
        && text(&not_screened) == text(&marking.not_screened)
}

/// Returns the export that did not come, if this is why lists are provisional: only lists that
/// need it are.
fn absent<'p>(policy: &'p Policy, reason: &Text) -> Option<&'p str> {
    let mut exports = policy.registers_used().into_iter();
    exports.find(|export| {
        let absent = Provisional::Absent {
            export: (*export).to_owned(),
        };
        absent.text() == *reason
    })
}
