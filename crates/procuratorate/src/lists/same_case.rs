//! Leads of one case for an aid that a household gets as a whole, such as dibao. The
//! siblings of one case have a lead each, because the exports do not say who lives with
//! whom. Their rows name each other, so that a person checks whether they are one household
//! and handles it once.

use std::collections::{BTreeMap, BTreeSet};

use aidlink_policy::pack::Policy;
use aidlink_policy::schema::ExportSchema;

use super::case_cells::CASE_NUMBER;
use crate::resolve::ResolvedLead;

/// The most leads of one case that can be one household. A case with more, such as a fraud
/// with hundreds of victims, brings strangers together.
const LARGEST_HOUSEHOLD: usize = 12;

/// Returns for each lead of an aid for households the indices of the other leads for that
/// aid in the same cases, in ascending order. Leads without others are left out.
pub(super) fn leads_of_same_case(
    policy: &Policy,
    schema: &ExportSchema,
    leads: &[ResolvedLead],
) -> BTreeMap<usize, BTreeSet<usize>> {
    let Some(column) = schema
        .list_fields()
        .position(|field| field.name == CASE_NUMBER)
    else {
        return BTreeMap::new();
    };
    let mut by_case: BTreeMap<(&str, &str), BTreeSet<usize>> = BTreeMap::new();
    for (index, lead) in leads.iter().enumerate() {
        let aid = policy.aid(&lead.screened.aid);
        if !aid.is_some_and(|aid| aid.household) {
            continue;
        }
        let numbers = lead.cases.iter().filter_map(|case| case.fields.get(column));
        for number in numbers.map(|number| number.trim()) {
            if !number.is_empty() {
                let of_case = by_case.entry((&lead.screened.aid, number)).or_default();
                of_case.insert(index);
            }
        }
    }
    let mut others: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
    let households = by_case.into_values();
    for of_case in households.filter(|of_case| (2..=LARGEST_HOUSEHOLD).contains(&of_case.len())) {
        for index in &of_case {
            let rest = of_case.iter().filter(|other| *other != index);
            others.entry(*index).or_default().extend(rest);
        }
    }
    others
}
