//! The state of a lead, derived from its events one by one. The views in the file say the
//! same in SQL; a test holds the two equal.

use std::collections::BTreeMap;

use aidlink_faults::text::Text;
use jiff::civil::Date;

use crate::amount::Amount;
use crate::decision::{Finding, Reason};
use crate::event::{Answer, Direction, Event, JudicialAidStep, MaterialState, SentAs};
use crate::workflow::{Clock, Closure, Stage, Step, allowed, row_of};

/// What events make of a lead. Days and facts are those since it was last opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeadState {
    /// Where it stands.
    pub stage: Stage,
    /// Since which day.
    pub since: Date,
    /// How it ended, if it is closed.
    pub closure: Option<Closure>,
    /// When it was found, for the first time or again.
    pub opened: Date,
    /// How often it was opened again.
    pub reopened: u32,
    /// How it had ended before it was opened again: the stage, the end and the reason.
    pub before: Option<(Stage, Option<Closure>, Option<Reason>)>,
    /// The last decision.
    pub decision: Option<Decided>,
    /// The last reason that anybody gave.
    pub reason: Option<Reason>,
    /// When the person was told of the rights.
    pub rights_told: Option<Date>,
    /// The last answer of the person.
    pub consent: Option<(Answer, Date)>,
    /// The materials by item: state, the day since when it is in it, the day by which it is
    /// owed.
    pub materials: BTreeMap<String, (MaterialState, Date, Option<Date>)>,
    /// When it was sent, and how.
    pub sent: Option<(SentAs, Date)>,
    /// When the agency signed for it.
    pub signed_for: Option<Date>,
    /// When the agency last replied.
    pub replied: Option<Date>,
    /// Since when the person is to be told the outcome. Who must be told stays so when the lead
    /// is found again.
    pub outcome_owed: Option<Date>,
    /// When the person was told the outcome.
    pub outcome_told: Option<Date>,
    /// When the aid was given.
    pub granted: Option<Date>,
    /// The day of the visit that is planned.
    pub visit_planned: Option<Date>,
    /// The last visit since the aid was given.
    pub visited: Option<Date>,
    /// The last step of judicial aid, its day, the amount.
    pub judicial_aid: Option<(JudicialAidStep, Date, Option<Amount>)>,
}

/// A decision on a lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decided {
    /// What was found.
    pub finding: Finding,
    /// Why it was rejected.
    pub reason: Option<Reason>,
    /// When.
    pub on: Date,
}

/// Why an event cannot follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The lead was not found before.
    NotFound,
    /// The workflow does not allow the step in this stage.
    NotAllowed {
        /// The step.
        step: Step,
        /// The stage.
        stage: Stage,
        /// Since when.
        since: Date,
        /// How it ended, if it is closed.
        closure: Option<Closure>,
        /// The direction of the lead.
        direction: Direction,
    },
    /// Materials are owed, so that the lead can only be sent in advance.
    MaterialsOwed,
    /// The day is before the event that it follows.
    TooEarly {
        /// The step.
        step: Step,
        /// The day of the event that it follows.
        follows: Date,
    },
}

impl Refusal {
    /// Returns what is wrong.
    pub fn message(&self) -> Text {
        match self {
            Refusal::NotFound => Text::new("该线索尚未登记“发现”", "the lead has no `found` event"),
            Refusal::NotAllowed {
                step,
                stage,
                since,
                closure,
                direction: _,
            } => {
                let (step, stage) = (step.text(), stage.text());
                let how = closure.map(Closure::text);
                let zh = how.as_ref().map(|how| format!("：{}", how.zh));
                let en = how.map(|how| format!(", {}", how.en));
                Text::new(
                    format!(
                        "线索自{since}起处于“{}{}”，不能登记“{}”",
                        stage.zh,
                        zh.unwrap_or_default(),
                        step.zh
                    ),
                    format!(
                        "the lead has been `{}{}` since {since}; `{}` is not allowed there",
                        stage.en,
                        en.unwrap_or_default(),
                        step.en
                    ),
                )
            }
            Refusal::MaterialsOwed => Text::new(
                "尚欠材料，只能先行移送",
                "materials are owed, so the lead can only be sent in advance",
            ),
            Refusal::TooEarly { step, follows } => {
                let step = step.text();
                Text::new(
                    format!("“{}”的日期早于其所依据的事项（{follows}）", step.zh),
                    format!(
                        "`{}` is before the event that it follows ({follows})",
                        step.en
                    ),
                )
            }
        }
    }

    /// Returns what is allowed, or what to do.
    pub fn hint(&self) -> Text {
        match self {
            Refusal::NotFound => Text::new(
                "请先登记发现（register take，或 note found）",
                "record first that it was found (register take, or note found)",
            ),
            Refusal::NotAllowed {
                stage, direction, ..
            } => {
                let steps: Vec<Text> = allowed(*stage, *direction).map(Step::text).collect();
                let zh: Vec<&str> = steps.iter().map(|step| step.zh.as_str()).collect();
                let en: Vec<&str> = steps.iter().map(|step| step.en.as_str()).collect();
                Text::new(
                    format!(
                        "此时可登记：{}。如原登记有误，请更正（corrected）或撤销（withdrawn）",
                        zh.join("、")
                    ),
                    format!(
                        "allowed now: {}. If an earlier event is wrong, correct it (corrected) or withdraw it (withdrawn)",
                        en.join(", ")
                    ),
                )
            }
            Refusal::MaterialsOwed => Text::new(
                "请登记材料已齐或免交，或写明理由先行移送",
                "record the materials as there or waived, or send it in advance and say why",
            ),
            Refusal::TooEarly { .. } => Text::new(
                "请核对日期；如原事项的日期有误，请更正",
                "check the day; if that of the earlier event is wrong, correct it",
            ),
        }
    }
}

impl LeadState {
    /// Returns the state of a lead that was found on a day.
    fn opened(on: Date) -> Self {
        LeadState {
            stage: Stage::Lead,
            since: on,
            closure: None,
            opened: on,
            reopened: 0,
            before: None,
            decision: None,
            reason: None,
            rights_told: None,
            consent: None,
            materials: BTreeMap::new(),
            sent: None,
            signed_for: None,
            replied: None,
            outcome_owed: None,
            outcome_told: None,
            granted: None,
            visit_planned: None,
            visited: None,
            judicial_aid: None,
        }
    }

    /// Whether a material is owed, or the lead was sent in advance and nobody recorded which
    /// materials are owed. `false` once nobody acts on the lead.
    pub fn owes_materials(&self) -> bool {
        let listed = self.materials.values();
        let unlisted = self.materials.is_empty()
            && matches!(self.sent, Some((SentAs::Advance, _)))
            && self.stage != Stage::ToSend;
        !self.stage.is_resting()
            && (unlisted
                || listed
                    .into_iter()
                    .any(|(state, ..)| *state == MaterialState::Owed))
    }

    /// Whether the person is to be visited.
    pub fn owes_visit(&self) -> bool {
        self.stage == Stage::Delivered && (self.visited.is_none() || self.visit_planned.is_some())
    }

    /// Since when the person is to be told the outcome; `None` if nobody is to be told.
    pub fn owes_outcome(&self) -> Option<Date> {
        self.outcome_owed
            .filter(|_| self.closure != Some(Closure::Dead))
    }
}

/// Returns the state after an event. `state` is `None` before the first one.
///
/// # Errors
/// If the event cannot follow.
pub fn advance(
    state: Option<&LeadState>,
    direction: Direction,
    event: &Event,
    on: Date,
) -> Result<Option<LeadState>, Refusal> {
    let Some(step) = Step::of(event) else {
        return Ok(state.cloned());
    };
    let Some(state) = state else {
        return match step {
            Step::Found => Ok(Some(LeadState::opened(on))),
            _ => Err(Refusal::NotFound),
        };
    };
    let row = row_of(step, direction).filter(|row| {
        // Whoever is owed the outcome is told, wherever the lead is by then.
        row.from.contains(&state.stage)
            || (step == Step::ToldOutcome && state.outcome_owed.is_some())
    });
    let Some(row) = row else {
        return Err(Refusal::NotAllowed {
            step,
            stage: state.stage,
            since: state.since,
            closure: state.closure,
            direction,
        });
    };
    if step == Step::Found {
        if !state.stage.is_resting() {
            return Ok(Some(state.clone()));
        }
        if on < state.since {
            return Err(Refusal::TooEarly {
                step,
                follows: state.since,
            });
        }
        let mut anew = LeadState::opened(on);
        anew.reopened = state.reopened + 1;
        anew.before = Some((state.stage, state.closure, state.reason));
        anew.judicial_aid = state.judicial_aid;
        anew.outcome_owed = state.outcome_owed;
        return Ok(Some(anew));
    }
    // The rights may have been told, and judicial aid have been given, before the lead was
    // found; materials may have been there.
    let follows = match step {
        Step::ToldRights | Step::Material | Step::Advice => None,
        Step::JudicialApplied
        | Step::JudicialGranted
        | Step::JudicialRefused
        | Step::JudicialPaid
            if row.to.is_none() =>
        {
            None
        }
        Step::GrantedByRegister => Some(state.opened),
        Step::ConsentGiven | Step::NotReachable | Step::Approved | Step::VisitPlanned => {
            Some(state.opened)
        }
        // The lead may have gone on before the telling is recorded.
        Step::ToldOutcome => Some(
            state
                .outcome_owed
                .map_or(state.since, |owed| owed.min(state.since)),
        ),
        _ => Some(state.since),
    };
    if let Some(follows) = follows.filter(|follows| on < *follows) {
        return Err(Refusal::TooEarly { step, follows });
    }
    if step == Step::SentOrdinary && state.owes_materials() {
        return Err(Refusal::MaterialsOwed);
    }
    let mut next = state.clone();
    next.note(event, on);
    if row.starts == Some(Clock::TellOutcome) {
        next.outcome_owed = Some(on);
    }
    if row.to == Some(Stage::Delivered) {
        next.visited = None;
    }
    if let Some(to) = row.to {
        next.stage = to;
        next.since = on;
        next.closure = (to == Stage::Closed).then(|| Closure::of(event));
    }
    Ok(Some(next))
}

impl LeadState {
    /// Keeps what an event says.
    fn note(&mut self, event: &Event, on: Date) {
        match event {
            Event::Checked(checked) => {
                self.decision = Some(Decided {
                    finding: checked.finding,
                    reason: checked.reason,
                    on,
                });
                self.reason = checked.reason.or(self.reason);
            }
            Event::ToldRights(_) => self.rights_told = Some(on),
            Event::Consent(consent) => {
                self.consent = Some((consent.answer, on));
                if consent.answer == Answer::Refused {
                    self.reason = Some(Reason::Declined);
                }
            }
            Event::Material(material) => {
                let before = self.materials.get(&material.item);
                // A reminder does not make it owed anew.
                let since = match (material.state, before) {
                    (MaterialState::Owed, Some((MaterialState::Owed, since, _))) => on.min(*since),
                    _ => on,
                };
                let by = material.by.or(before
                    .filter(|(state, ..)| *state == material.state)
                    .and_then(|(_, _, by)| *by));
                let state = (material.state, since, by);
                self.materials.insert(material.item.clone(), state);
            }
            Event::Sent(sent) => {
                self.sent = Some((sent.how, on));
                (self.signed_for, self.replied) = (None, None);
            }
            Event::SignedFor(_) => self.signed_for = Some(on),
            Event::Replied(replied) => {
                self.replied = Some(on);
                self.reason = replied.reason.or(self.reason);
            }
            Event::RefusedFinally(refused) => self.reason = Some(refused.reason),
            Event::JudicialAid(aid) => {
                self.judicial_aid = Some((aid.step, on, aid.amount));
                self.reason = aid.reason.or(self.reason);
            }
            Event::ToldOutcome(_) => {
                self.outcome_told = Some(on);
                self.outcome_owed = None;
            }
            Event::Granted(granted) => self.granted = Some(granted.from.unwrap_or(on)),
            Event::VisitPlanned(planned) => self.visit_planned = Some(planned.day),
            Event::Visited(_) => {
                self.visited = Some(on);
                self.visit_planned = None;
            }
            Event::Created(_)
            | Event::Rekeyed(_)
            | Event::Accepted(_)
            | Event::Found(_)
            | Event::Approved(_)
            | Event::Returned(_)
            | Event::AppliedAt(_)
            | Event::Moved(_)
            | Event::Advice(_)
            | Event::Corrected(_)
            | Event::Withdrawn(_)
            | Event::Closed(_) => {}
        }
    }
}
