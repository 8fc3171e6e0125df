//! The workflow: which step is allowed in which stage, which stage follows, and which clock
//! starts. One table says it for both directions.
//!
//! Source: Shaoguan, Ordos, Chencang and the national opinion on linking judicial and social
//! aid, which `docs/policies.md` names with their articles. What the table says is in
//! `docs/register.md`.

use aidlink_faults::text::Text;
use serde::{Deserialize, Serialize};

use crate::decision::{Finding, Reason};
use crate::event::{
    Answer, CloseReason, Direction, Event, JudicialAidStep, Reply, SentAs, VisitResult,
};

/// Where a lead stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Found, to be checked by a person.
    Lead,
    /// Confirmed, to be sent to the agency.
    ToSend,
    /// Sent; the agency has not signed for it.
    AwaitingReceipt,
    /// The agency examines it.
    WithAgency,
    /// The person must apply.
    WithPerson,
    /// The person applied; the agency's own procedure runs.
    Applied,
    /// Eligible; the aid is to be given.
    ToDeliver,
    /// Of judicial aid: suitable, the person may apply.
    Suitable,
    /// Of judicial aid: under review.
    UnderReview,
    /// Of judicial aid: granted, to be paid.
    ToPay,
    /// The aid is given; a visit follows.
    Delivered,
    /// Another office has it.
    Moved,
    /// Nothing more is to be done.
    Closed,
}

use Stage::{
    Applied, AwaitingReceipt, Closed, Delivered, Lead, Moved, Suitable, ToDeliver, ToPay, ToSend,
    UnderReview, WithAgency, WithPerson,
};

impl Stage {
    /// All stages, in the order of the work.
    pub const ALL: [Stage; 13] = [
        Lead,
        ToSend,
        AwaitingReceipt,
        WithAgency,
        WithPerson,
        Applied,
        ToDeliver,
        Suitable,
        UnderReview,
        ToPay,
        Delivered,
        Moved,
        Closed,
    ];

    /// Returns the name in documents.
    pub fn name(self) -> &'static str {
        match self {
            Lead => "lead",
            ToSend => "to_send",
            AwaitingReceipt => "awaiting_receipt",
            WithAgency => "with_agency",
            WithPerson => "with_person",
            Applied => "applied",
            ToDeliver => "to_deliver",
            Suitable => "suitable",
            UnderReview => "under_review",
            ToPay => "to_pay",
            Delivered => "delivered",
            Moved => "moved",
            Closed => "closed",
        }
    }

    /// Returns the words for users.
    pub fn text(self) -> Text {
        match self {
            Lead => Text::new("待核查", "to be checked"),
            ToSend => Text::new("待移送", "to be sent"),
            AwaitingReceipt => Text::new("待签收", "awaiting receipt"),
            WithAgency => Text::new("待反馈", "with the agency"),
            WithPerson => Text::new("待本人申请", "the person must apply"),
            Applied => Text::new("受理机关办理中", "applied, with the agency"),
            ToDeliver => Text::new("待落实", "to be delivered"),
            Suitable => Text::new("适宜救助，待申请", "suitable, the person may apply"),
            UnderReview => Text::new("司法救助审查中", "under judicial review"),
            ToPay => Text::new("待发放", "to be paid"),
            Delivered => Text::new("已落实，待回访", "delivered"),
            Moved => Text::new("已移送有管辖权单位", "at another office"),
            Closed => Text::new("已办结", "closed"),
        }
    }

    /// Whether nobody is acting on the lead, so that finding it again opens it anew.
    pub fn is_resting(self) -> bool {
        matches!(self, Delivered | Moved | Closed)
    }
}

/// How a closed lead ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Closure {
    /// A person at the procuratorate rejected it.
    Rejected,
    /// The aid reached the person.
    Delivered,
    /// The person receives the aid already.
    Receives,
    /// The aid was refused.
    Refused,
    /// The person does not want it.
    Declined,
    /// The person has died.
    Dead,
    /// The person has moved away.
    MovedAway,
    /// The lead is handled under another number.
    Duplicate,
    /// The person could not be reached.
    NoContact,
}

impl Closure {
    /// All of them.
    pub const ALL: [Closure; 9] = [
        Closure::Rejected,
        Closure::Delivered,
        Closure::Receives,
        Closure::Refused,
        Closure::Declined,
        Closure::Dead,
        Closure::MovedAway,
        Closure::Duplicate,
        Closure::NoContact,
    ];

    /// Returns the name in documents.
    pub fn name(self) -> &'static str {
        match self {
            Closure::Rejected => "rejected",
            Closure::Delivered => "delivered",
            Closure::Receives => "receives",
            Closure::Refused => "refused",
            Closure::Declined => "declined",
            Closure::Dead => "dead",
            Closure::MovedAway => "moved_away",
            Closure::Duplicate => "duplicate",
            Closure::NoContact => "no_contact",
        }
    }

    /// Returns the words for users.
    pub fn text(self) -> Text {
        match self {
            Closure::Rejected => Text::new("核查后不予移送", "rejected on checking"),
            Closure::Delivered => Text::new("救助已落实", "delivered"),
            Closure::Receives => Text::new("已享受同类救助", "receives the aid already"),
            Closure::Refused => Text::new("不予救助", "refused"),
            Closure::Declined => Text::new("本人放弃", "declined"),
            Closure::Dead => Text::new("已死亡", "dead"),
            Closure::MovedAway => Text::new("已迁出", "moved away"),
            Closure::Duplicate => Text::new("重复线索", "duplicate"),
            Closure::NoContact => Text::new("无法联系", "not reachable"),
        }
    }

    /// Returns how a lead ended that was rejected or refused for this reason. `otherwise` is
    /// the end if the reason names none of its own.
    fn of_reason(reason: Option<Reason>, otherwise: Closure) -> Self {
        match reason {
            Some(Reason::Receives) => Closure::Receives,
            Some(Reason::Declined) => Closure::Declined,
            Some(Reason::NotReachable) => Closure::NoContact,
            Some(Reason::Dead) => Closure::Dead,
            Some(Reason::Duplicate) => Closure::Duplicate,
            Some(Reason::MovedAway) => Closure::MovedAway,
            _ => otherwise,
        }
    }

    /// Returns how a lead ended that this event closed.
    pub(crate) fn of(event: &Event) -> Self {
        match event {
            Event::Checked(checked) => Closure::of_reason(checked.reason, Closure::Rejected),
            Event::Consent(_) => Closure::Declined,
            Event::Replied(replied) if replied.reply == Reply::Receives => Closure::Receives,
            Event::Replied(replied) => Closure::of_reason(replied.reason, Closure::Refused),
            Event::RefusedFinally(refused) => {
                Closure::of_reason(Some(refused.reason), Closure::Refused)
            }
            Event::JudicialAid(aid) => Closure::of_reason(aid.reason, Closure::Refused),
            Event::Closed(closed) => match closed.reason {
                CloseReason::Delivered => Closure::Delivered,
                CloseReason::Refused => Closure::Refused,
                CloseReason::Declined => Closure::Declined,
                CloseReason::Dead => Closure::Dead,
                CloseReason::MovedAway => Closure::MovedAway,
                CloseReason::Duplicate => Closure::Duplicate,
                CloseReason::NoContact => Closure::NoContact,
            },
            // A visit closes a lead when the hardship is over.
            _ => Closure::Delivered,
        }
    }
}

/// A step of the workflow: a kind of event, with the field that decides where it leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// `found`
    Found,
    /// `checked`: confirmed
    Confirmed,
    /// `checked`: rejected
    Rejected,
    /// `checked`: needs more
    NeedsMore,
    /// `told_rights`
    ToldRights,
    /// `consent`: given
    ConsentGiven,
    /// `consent`: refused
    ConsentRefused,
    /// `consent`: not reachable
    NotReachable,
    /// `judicial_aid`: applied
    JudicialApplied,
    /// `judicial_aid`: granted
    JudicialGranted,
    /// `judicial_aid`: refused
    JudicialRefused,
    /// `judicial_aid`: paid
    JudicialPaid,
    /// `material`
    Material,
    /// `approved`
    Approved,
    /// `sent`: ordinary
    SentOrdinary,
    /// `sent`: in advance
    SentInAdvance,
    /// `signed_for`
    SignedFor,
    /// `returned`
    Returned,
    /// `replied`: eligible
    RepliedEligible,
    /// `replied`: procedure
    RepliedProcedure,
    /// `replied`: not eligible
    RepliedNotEligible,
    /// `replied`: receives
    RepliedReceives,
    /// `replied`: elsewhere
    RepliedElsewhere,
    /// `told_outcome`
    ToldOutcome,
    /// `applied_at`
    AppliedAt,
    /// `granted`, as the agency says
    Granted,
    /// `granted`, as a register shows
    GrantedByRegister,
    /// `refused_finally`
    RefusedFinally,
    /// `moved`
    Moved,
    /// `visit_planned`
    VisitPlanned,
    /// `visited`: solved
    VisitedSolved,
    /// `visited`: eased, the same or worse
    Visited,
    /// `advice`
    Advice,
    /// `closed`
    Closed,
}

impl Step {
    /// Returns the step that an event is; `None` if it is no step of a lead.
    pub fn of(event: &Event) -> Option<Self> {
        Some(match event {
            Event::Created(_)
            | Event::Rekeyed(_)
            | Event::Accepted(_)
            | Event::Corrected(_)
            | Event::Withdrawn(_) => return None,
            Event::Found(_) => Step::Found,
            Event::Checked(checked) => match checked.finding {
                Finding::Confirmed => Step::Confirmed,
                Finding::Rejected => Step::Rejected,
                Finding::NeedsMore => Step::NeedsMore,
            },
            Event::ToldRights(_) => Step::ToldRights,
            Event::Consent(consent) => match consent.answer {
                Answer::Given => Step::ConsentGiven,
                Answer::Refused => Step::ConsentRefused,
                Answer::NotReachable => Step::NotReachable,
            },
            Event::JudicialAid(aid) => match aid.step {
                JudicialAidStep::Applied => Step::JudicialApplied,
                JudicialAidStep::Granted => Step::JudicialGranted,
                JudicialAidStep::Refused => Step::JudicialRefused,
                JudicialAidStep::Paid => Step::JudicialPaid,
            },
            Event::Material(_) => Step::Material,
            Event::Approved(_) => Step::Approved,
            Event::Sent(sent) => match sent.how {
                SentAs::Ordinary => Step::SentOrdinary,
                SentAs::Advance => Step::SentInAdvance,
            },
            Event::SignedFor(_) => Step::SignedFor,
            Event::Returned(_) => Step::Returned,
            Event::Replied(replied) => match replied.reply {
                Reply::Eligible => Step::RepliedEligible,
                Reply::Procedure => Step::RepliedProcedure,
                Reply::NotEligible => Step::RepliedNotEligible,
                Reply::Receives => Step::RepliedReceives,
                Reply::Elsewhere => Step::RepliedElsewhere,
            },
            Event::ToldOutcome(_) => Step::ToldOutcome,
            Event::AppliedAt(_) => Step::AppliedAt,
            Event::Granted(granted) => match granted.shown_by {
                None => Step::Granted,
                Some(_) => Step::GrantedByRegister,
            },
            Event::RefusedFinally(_) => Step::RefusedFinally,
            Event::Moved(_) => Step::Moved,
            Event::VisitPlanned(_) => Step::VisitPlanned,
            Event::Visited(visited) => match visited.result {
                VisitResult::Solved => Step::VisitedSolved,
                VisitResult::Eased | VisitResult::Same | VisitResult::Worse => Step::Visited,
            },
            Event::Advice(_) => Step::Advice,
            Event::Closed(_) => Step::Closed,
        })
    }

    /// Returns the words for users, with the name of the event.
    pub fn text(self) -> Text {
        let (kind, zh, en) = match self {
            Step::Found => ("found", "发现线索", "found"),
            Step::Confirmed => ("checked", "核查：确认", "checked: confirmed"),
            Step::Rejected => ("checked", "核查：不予移送", "checked: rejected"),
            Step::NeedsMore => ("checked", "核查：需补充核实", "checked: needs more"),
            Step::ToldRights => ("told_rights", "告知权利", "told of the rights"),
            Step::ConsentGiven => ("consent", "本人同意", "consent: given"),
            Step::ConsentRefused => ("consent", "本人放弃", "consent: refused"),
            Step::NotReachable => ("consent", "无法联系", "consent: not reachable"),
            Step::JudicialApplied => ("judicial_aid", "申请司法救助", "judicial aid: applied"),
            Step::JudicialGranted => ("judicial_aid", "决定司法救助", "judicial aid: granted"),
            Step::JudicialRefused => ("judicial_aid", "不予司法救助", "judicial aid: refused"),
            Step::JudicialPaid => ("judicial_aid", "发放司法救助金", "judicial aid: paid"),
            Step::Material => ("material", "材料", "material"),
            Step::Approved => ("approved", "审批", "approved"),
            Step::SentOrdinary => ("sent", "移送", "sent: ordinary"),
            Step::SentInAdvance => ("sent", "先行移送", "sent: in advance"),
            Step::SignedFor => ("signed_for", "签收", "signed for"),
            Step::Returned => ("returned", "退回", "returned"),
            Step::RepliedEligible => ("replied", "反馈：符合", "replied: eligible"),
            Step::RepliedProcedure => ("replied", "反馈：需按程序办理", "replied: procedure"),
            Step::RepliedNotEligible => ("replied", "反馈：不符合", "replied: not eligible"),
            Step::RepliedReceives => ("replied", "反馈：已享受", "replied: receives"),
            Step::RepliedElsewhere => ("replied", "反馈：应由他地办理", "replied: elsewhere"),
            Step::ToldOutcome => ("told_outcome", "告知结果", "told the outcome"),
            Step::AppliedAt => ("applied_at", "提出申请", "applied"),
            Step::Granted => ("granted", "落实救助", "granted"),
            Step::GrantedByRegister => {
                ("granted", "名册显示已落实", "granted: shown by a register")
            }
            Step::RefusedFinally => ("refused_finally", "最终不予救助", "refused finally"),
            Step::Moved => ("moved", "移送管辖", "moved"),
            Step::VisitPlanned => ("visit_planned", "计划回访", "visit planned"),
            Step::VisitedSolved => ("visited", "回访：困难已解决", "visited: solved"),
            Step::Visited => ("visited", "回访", "visited: eased, same or worse"),
            Step::Advice => ("advice", "书面建议", "advice"),
            Step::Closed => ("closed", "办结", "closed"),
        };
        Text::new(format!("{zh}（{kind}）"), format!("{en} ({kind})"))
    }
}

/// A row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The step.
    pub step: Step,
    /// The direction of the lead; `None` for both.
    pub direction: Option<Direction>,
    /// The stages in which it is allowed.
    pub from: &'static [Stage],
    /// The stage that follows; `None` if the lead stays where it is.
    pub to: Option<Stage>,
    /// The clock that starts.
    pub starts: Option<Clock>,
}

/// A clock: a period that the policy may set under this id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Clock {
    /// Checking a lead of direction A.
    Confirm,
    /// Checking a lead for judicial aid.
    Verify,
    /// Sending a confirmed lead.
    Transfer,
    /// Asking the agency why it has not signed.
    ChaseReceipt,
    /// The agency's reply.
    Reply,
    /// Handing in materials that are owed.
    Supplement,
    /// Telling the person of the rights, once judicial aid is found suitable.
    TellRights,
    /// Telling the person the outcome.
    TellOutcome,
    /// Visiting the person.
    Visit,
}

impl Clock {
    /// All clocks.
    pub const ALL: [Clock; 9] = [
        Clock::Confirm,
        Clock::Verify,
        Clock::Transfer,
        Clock::ChaseReceipt,
        Clock::Reply,
        Clock::Supplement,
        Clock::TellRights,
        Clock::TellOutcome,
        Clock::Visit,
    ];

    /// Returns the id of its deadline in a policy.
    pub fn id(self) -> &'static str {
        match self {
            Clock::Confirm => "confirm",
            Clock::Verify => "verify",
            Clock::Transfer => "transfer",
            Clock::ChaseReceipt => "chase_receipt",
            Clock::Reply => "reply",
            Clock::Supplement => "supplement",
            Clock::TellRights => "tell_rights",
            Clock::TellOutcome => "tell_outcome",
            Clock::Visit => "visit",
        }
    }
}

const SOCIAL: Option<Direction> = Some(Direction::ToSocial);
const JUDICIAL: Option<Direction> = Some(Direction::ToJudicial);
/// The stages in which somebody is acting on the lead.
const OPEN: &[Stage] = &[
    Lead,
    ToSend,
    AwaitingReceipt,
    WithAgency,
    WithPerson,
    Applied,
    ToDeliver,
    Suitable,
    UnderReview,
    ToPay,
];
/// The stages in which an agency decides.
const AT_AGENCY: &[Stage] = &[AwaitingReceipt, WithAgency, WithPerson, Applied, ToDeliver];
const ANY: &[Stage] = &Stage::ALL;

const fn row(
    step: Step,
    direction: Option<Direction>,
    from: &'static [Stage],
    to: Option<Stage>,
    starts: Option<Clock>,
) -> Row {
    Row {
        step,
        direction,
        from,
        to,
        starts,
    }
}

/// The workflow. A lead that is found while it rests is open again ([`Stage::is_resting`]);
/// everything else is here.
pub const TABLE: &[Row] = &[
    row(Step::Found, SOCIAL, ANY, None, Some(Clock::Confirm)),
    row(Step::Found, JUDICIAL, ANY, None, Some(Clock::Verify)),
    row(
        Step::Confirmed,
        SOCIAL,
        &[Lead],
        Some(ToSend),
        Some(Clock::Transfer),
    ),
    row(
        Step::Confirmed,
        JUDICIAL,
        &[Lead],
        Some(Suitable),
        Some(Clock::TellRights),
    ),
    row(Step::Rejected, None, &[Lead], Some(Closed), None),
    row(Step::NeedsMore, None, &[Lead], None, None),
    row(Step::ToldRights, None, ANY, None, None),
    row(Step::ConsentGiven, None, OPEN, None, None),
    row(Step::ConsentRefused, None, OPEN, Some(Closed), None),
    row(Step::NotReachable, None, OPEN, None, None),
    // Of a lead to social aid, judicial aid is a circumstance.
    row(Step::JudicialApplied, SOCIAL, ANY, None, None),
    row(Step::JudicialGranted, SOCIAL, ANY, None, None),
    row(Step::JudicialRefused, SOCIAL, ANY, None, None),
    row(Step::JudicialPaid, SOCIAL, ANY, None, None),
    row(
        Step::JudicialApplied,
        JUDICIAL,
        &[Suitable],
        Some(UnderReview),
        None,
    ),
    // In danger of life, aid comes first and formalities after (CC 四).
    row(
        Step::JudicialGranted,
        JUDICIAL,
        &[Lead, Suitable, UnderReview],
        Some(ToPay),
        None,
    ),
    row(
        Step::JudicialPaid,
        JUDICIAL,
        &[Lead, Suitable, UnderReview, ToPay],
        Some(Delivered),
        Some(Clock::Visit),
    ),
    row(
        Step::JudicialRefused,
        JUDICIAL,
        &[Suitable, UnderReview],
        Some(Closed),
        Some(Clock::TellOutcome),
    ),
    row(Step::Material, None, OPEN, None, Some(Clock::Supplement)),
    row(Step::Approved, SOCIAL, &[Lead, ToSend], None, None),
    row(
        Step::Approved,
        JUDICIAL,
        &[Lead, Suitable, UnderReview, ToPay],
        None,
        None,
    ),
    row(
        Step::SentOrdinary,
        SOCIAL,
        &[ToSend],
        Some(AwaitingReceipt),
        Some(Clock::ChaseReceipt),
    ),
    row(
        Step::SentInAdvance,
        SOCIAL,
        &[ToSend],
        Some(AwaitingReceipt),
        Some(Clock::ChaseReceipt),
    ),
    row(
        Step::SignedFor,
        SOCIAL,
        &[AwaitingReceipt],
        Some(WithAgency),
        Some(Clock::Reply),
    ),
    row(
        Step::Returned,
        SOCIAL,
        &[AwaitingReceipt, WithAgency],
        Some(ToSend),
        Some(Clock::Transfer),
    ),
    row(
        Step::RepliedEligible,
        SOCIAL,
        &[AwaitingReceipt, WithAgency, WithPerson, Applied],
        Some(ToDeliver),
        None,
    ),
    row(
        Step::RepliedProcedure,
        SOCIAL,
        &[AwaitingReceipt, WithAgency],
        Some(WithPerson),
        Some(Clock::TellOutcome),
    ),
    row(
        Step::RepliedNotEligible,
        SOCIAL,
        AT_AGENCY,
        Some(Closed),
        Some(Clock::TellOutcome),
    ),
    row(Step::RepliedReceives, SOCIAL, AT_AGENCY, Some(Closed), None),
    row(
        Step::RepliedElsewhere,
        SOCIAL,
        &[AwaitingReceipt, WithAgency],
        Some(ToSend),
        Some(Clock::Transfer),
    ),
    row(
        Step::ToldOutcome,
        SOCIAL,
        &[WithPerson, Applied, ToDeliver, Delivered, Moved, Closed],
        None,
        None,
    ),
    row(
        Step::ToldOutcome,
        JUDICIAL,
        &[Suitable, UnderReview, ToPay, Delivered, Moved, Closed],
        None,
        None,
    ),
    row(
        Step::AppliedAt,
        SOCIAL,
        &[WithPerson, ToDeliver],
        Some(Applied),
        None,
    ),
    row(
        Step::Granted,
        SOCIAL,
        AT_AGENCY,
        Some(Delivered),
        Some(Clock::Visit),
    ),
    row(
        Step::GrantedByRegister,
        SOCIAL,
        OPEN,
        Some(Delivered),
        Some(Clock::Visit),
    ),
    row(
        Step::RefusedFinally,
        SOCIAL,
        AT_AGENCY,
        Some(Closed),
        Some(Clock::TellOutcome),
    ),
    row(Step::Moved, None, OPEN, Some(Moved), None),
    row(
        Step::VisitPlanned,
        SOCIAL,
        &[ToDeliver, Delivered],
        None,
        None,
    ),
    row(
        Step::VisitPlanned,
        JUDICIAL,
        &[ToPay, Delivered],
        None,
        None,
    ),
    row(Step::VisitedSolved, None, &[Delivered], Some(Closed), None),
    row(Step::Visited, None, &[Delivered], None, None),
    row(Step::Advice, None, ANY, None, None),
    row(
        Step::Closed,
        None,
        &[
            Lead,
            ToSend,
            AwaitingReceipt,
            WithAgency,
            WithPerson,
            Applied,
            ToDeliver,
            Suitable,
            UnderReview,
            ToPay,
            Delivered,
            Moved,
        ],
        Some(Closed),
        None,
    ),
];

/// Returns the row of a step for a direction; `None` if the step is not of this direction.
pub fn row_of(step: Step, direction: Direction) -> Option<&'static Row> {
    let mut rows = TABLE.iter();
    rows.find(|row| row.step == step && row.direction.is_none_or(|one| one == direction))
}

/// Returns the steps that are allowed in a stage, in the order of the table.
pub fn allowed(stage: Stage, direction: Direction) -> impl Iterator<Item = Step> {
    let rows = TABLE.iter().filter(move |row| {
        row.direction.is_none_or(|one| one == direction) && row.from.contains(&stage)
    });
    rows.map(|row| row.step)
}
