//! The register as the next round sees it: the rows that a referrals export would have. The
//! policy's own rules decide what an earlier referral suppresses.

use jiff::civil::Date;
use serde::Serialize;

use crate::book::{Book, Lead};
use crate::decision::Reason;
use crate::event::SentAs;
use crate::fold::LeadState;
use crate::number::LeadNumber;
use crate::token::RegisterToken;
use crate::workflow::{Closure, Stage};

/// A row of the schema `procuratorate.referrals`, without the person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReferralRow {
    /// The number of the lead.
    pub referral_number: LeadNumber,
    /// The case number, if the lead has one only.
    pub case_number: Option<String>,
    /// The code of the direction.
    pub direction: &'static str,
    /// The id of the aid.
    pub aid: String,
    /// The code of the state.
    pub state: &'static str,
    /// The day since when.
    pub state_on: Date,
    /// The code of the reason.
    pub reason: Option<&'static str>,
}

/// Returns the rows of a person, in the order of the leads' numbers. A lead whose events were
/// all withdrawn has none.
pub fn referral_rows(book: &Book, token: &RegisterToken) -> Vec<ReferralRow> {
    let person = book.by_token.get(token);
    let leads = person.into_iter().flat_map(|person| book.leads_of(person));
    leads.filter_map(|lead| row(book, lead)).collect()
}

fn row(book: &Book, lead: &Lead) -> Option<ReferralRow> {
    let state = lead.state.as_ref()?;
    let mut case_numbers = book.about(lead).case_numbers;
    case_numbers.dedup();
    let case_number = match case_numbers.len() {
        1 => case_numbers.pop(),
        _ => None,
    };
    Some(ReferralRow {
        referral_number: lead.number.clone(),
        case_number,
        direction: lead.direction.name(),
        aid: lead.aid.clone(),
        state: state_code(state),
        state_on: state.since,
        reason: state.reason.map(Reason::name),
    })
}

/// Returns the code of the schema's `state` for where a lead stands.
pub fn state_code(state: &LeadState) -> &'static str {
    match state.stage {
        // Nobody has acted: the next round lists it again, as carried.
        Stage::Lead => "not_referred",
        Stage::ToSend | Stage::Suitable => "confirmed",
        Stage::AwaitingReceipt | Stage::WithAgency
            if matches!(state.sent, Some((SentAs::Advance, _))) && state.owes_materials() =>
        {
            "transferred_in_advance"
        }
        Stage::AwaitingReceipt => "awaiting_receipt",
        Stage::WithAgency => "received",
        Stage::WithPerson => "materials_needed",
        Stage::Applied | Stage::UnderReview => "under_review",
        Stage::ToDeliver | Stage::ToPay => "eligible",
        Stage::Delivered if state.visited.is_some() => "followed_up",
        Stage::Delivered => "aid_delivered",
        Stage::Moved => "jurisdiction_transferred",
        Stage::Closed => match state.closure {
            Some(Closure::Delivered) => "closed",
            Some(Closure::Receives) => "aid_delivered",
            Some(Closure::Declined) => "declined",
            Some(Closure::Dead) => "dead",
            Some(Closure::MovedAway) => "moved_away",
            Some(Closure::Duplicate) => "duplicate",
            Some(Closure::NoContact) => "not_reachable",
            // The right agency or place can act at once.
            Some(Closure::Rejected | Closure::Refused)
                if state.reason == Some(Reason::NotOurDuty) =>
            {
                "returned"
            }
            Some(Closure::Rejected | Closure::Refused)
                if state.reason == Some(Reason::NotLocal) =>
            {
                "moved_away"
            }
            // The line moves with the yearly standard.
            Some(Closure::Rejected | Closure::Refused) if state.reason == Some(Reason::Income) => {
                "income_over_line"
            }
            Some(Closure::Rejected) => "not_suitable",
            Some(Closure::Refused) | None => "not_eligible",
        },
    }
}
