//! What lists say of earlier leads: new, carried or open again, why, and the last decision.

use aidlink_faults::text::Text;
use aidlink_policy::pack::{Policy, Suppression};
use aidlink_register::event::Source;
use jiff::Span;
use jiff::civil::Date;

use crate::register::in_round::EarlierLead;

/// What a lead is to the register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// Nobody knew it.
    New,
    /// It was found before, and nobody has ended it.
    Carried,
    /// It had ended, and the person is a lead again.
    OpenAgain,
}

impl Status {
    /// All of them.
    pub const ALL: [Status; 3] = [Status::New, Status::Carried, Status::OpenAgain];

    /// Returns the word on lists.
    pub fn text(self) -> Text {
        match self {
            Status::New => Text::new("新增", "new"),
            Status::Carried => Text::new("续办", "carried"),
            Status::OpenAgain => Text::new("重新列出", "open again"),
        }
    }

    /// Returns that of a lead. `earlier` is what the register knows of it.
    pub(super) fn of(earlier: Option<&EarlierLead>) -> Self {
        match earlier {
            None => Status::New,
            Some(earlier) if earlier.is_opened_again() => Status::OpenAgain,
            Some(_) => Status::Carried,
        }
    }
}

/// Returns the last decision on an earlier lead, with its day; empty if there is none.
pub(super) fn last_decision(earlier: &EarlierLead) -> Text {
    let Some((finding, reason, on)) = earlier.decision else {
        return Text::default();
    };
    let finding = finding.text();
    match reason.map(|reason| reason.text()) {
        None => Text::new(
            format!("{on} {}", finding.zh),
            format!("{on} {}", finding.en),
        ),
        Some(reason) => Text::new(
            format!("{on} {}（{}）", finding.zh, reason.zh),
            format!("{on} {} ({})", finding.en, reason.en),
        ),
    }
}

/// Returns how an earlier lead ended and why the person is a lead again; of one that somebody
/// opened again since, by whom. Empty if it has not ended.
pub(super) fn why_again(policy: &Policy, aid: &str, earlier: &EarlierLead, as_of: Date) -> Text {
    if let Some((on, source)) = earlier.opened_again {
        let by = match source {
            Source::Round => Text::new("联合筛查再次发现", "found again by a round"),
            Source::Colleague => Text::new("内部再次移送", "a colleague brought it again"),
            Source::Agency => Text::new("单位再次移送", "an agency brought it again"),
            Source::Applicant => Text::new("本人或亲属提出", "the person or a relative asked"),
            Source::Petition => Text::new("信访提出", "a petition asked"),
        };
        return Text::new(format!("{on} {}", by.zh), format!("{on}: {}", by.en));
    }
    if !earlier.is_opened_again() {
        return Text::default();
    }
    let ended = earlier.closure.map(|closure| closure.text());
    let ended = ended.unwrap_or_else(|| earlier.stage.text());
    // An end that is itself the reason is not said twice.
    let reason = earlier.reason.map(|reason| reason.text());
    let reason = reason.filter(|reason| reason.zh != ended.zh);
    let zh = reason.as_ref().map(|reason| format!("（{}）", reason.zh));
    let en = reason.as_ref().map(|reason| format!(" ({})", reason.en));
    let since = earlier.since;
    let (zh, en) = (zh.unwrap_or_default(), en.unwrap_or_default());
    let was = Text::new(
        format!("{since} {}{zh}", ended.zh),
        format!("{since}: {}{en}", ended.en),
    );
    match because(policy, aid, earlier, as_of) {
        None => was,
        Some(because) => Text::new(
            format!("{}；{}", was.zh, because.zh),
            format!("{}; {}", was.en, because.en),
        ),
    }
}

/// Returns why the policy lets a person be a lead again whose earlier lead is in this state.
fn because(policy: &Policy, aid: &str, earlier: &EarlierLead, as_of: Date) -> Option<Text> {
    let entry = policy.referral_state(aid, earlier.state)?;
    let since = earlier.since.min(as_of);
    if entry.suppresses == Suppression::Never {
        // The title of the entry names all its states, and how this lead ended is said before.
        return Some(Text::new(
            "这种情形每轮都重新列出",
            "such a lead is listed in every round",
        ));
    }
    if let Some(day) = entry.lapses_on.filter(|day| since < *day && *day <= as_of) {
        return Some(Text::new(
            format!("标准自{day}起已调整"),
            format!("the standard changed on {day}"),
        ));
    }
    if let Suppression::For(period) = entry.suppresses {
        let (months, days) = period.months_and_days();
        let span = Span::new().try_months(months).ok()?.try_days(days).ok()?;
        if as_of.checked_sub(span).is_ok_and(|first| since < first) {
            let zh = match months {
                0 => format!("{days}天"),
                months => format!("{months}个月"),
            };
            return Some(Text::new(
                format!("已超过不再提示的期间（{zh}）"),
                format!("the period of {period} without a new lead is over"),
            ));
        }
    }
    // Nothing else lets the person be a lead again.
    let reopener = entry.reopened_by.as_deref()?;
    Some(policy.rule(reopener)?.title.clone())
}
