//! `aidlink policy explain`: prints parts of a policy in words.

use std::path::Path;

use aidlink_faults::fault::{Fault, nearest_name_hint};
use aidlink_faults::text::Text;
use aidlink_office::terminal::Output;
use aidlink_policy::pack::{
    Aid, Dropped, Guarantee, Guaranteed, Parameter, PartKind, Policy, Rule, Term,
};
use serde::Serialize;

use aidlink_office::ending::Ending;

use super::origin::{self, ToldOrigin};

/// A part of a policy that has an id.
enum Part<'p> {
    Aid(&'p Aid),
    Term(&'p Term),
    Rule(&'p Rule),
    Guarantee(&'p Guarantee),
    Parameter(&'p Parameter),
    Dropped(&'p Dropped),
}

/// A part with where it comes from, in a JSON answer.
#[derive(Serialize)]
struct ExplainedPart<'p> {
    #[serde(flatten)]
    part: Explained<'p>,
    /// Only of policies with several layers.
    #[serde(skip_serializing_if = "Option::is_none")]
    origin: Option<ToldOrigin<'p>>,
}

/// The value that a layer gives a parameter, in a JSON answer.
#[derive(Serialize)]
struct ToldValue<'p> {
    value: String,
    /// `local`, if the place decided itself.
    source: &'p str,
}

/// A part of a policy in a JSON answer.
#[derive(Serialize)]
#[serde(tag = "part", rename_all = "snake_case")]
enum Explained<'p> {
    Aid {
        id: &'p str,
        title: &'p Text,
        agency: &'p str,
        cites: &'p [String],
        requires: &'p str,
        qualifies: &'p str,
        settled: Option<&'p str>,
        household: bool,
        deadline: &'p str,
        /// Ids of the rules in `requires` and `qualifies`.
        rests_on: Vec<&'p str>,
    },
    Term {
        id: &'p str,
        title: &'p Text,
        means: &'p str,
        /// Ids of the rules in `means`.
        rests_on: Vec<&'p str>,
    },
    Rule {
        id: &'p str,
        title: &'p Text,
        cites: &'p [String],
        on: &'p str,
        when: &'p str,
        core: Option<&'p str>,
        /// `review`, if the outcome is at most indicated.
        at_most: Option<&'p str>,
        /// The columns that the rule reads.
        reads: Vec<String>,
        /// What a person must check by hand.
        check: Option<&'p Text>,
        cases: usize,
        /// Cases of layers below, which are run on the rule as these layers have it.
        #[serde(skip_serializing_if = "is_zero")]
        cases_below: usize,
        /// The parameters that the rule uses, with their values.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        parameters: Vec<(&'p str, String)>,
    },
    Parameter {
        id: &'p str,
        title: &'p Text,
        #[serde(rename = "type")]
        type_name: &'p str,
        /// The values that the layers give it, the lowest first. The last one counts.
        values: Vec<ToldValue<'p>>,
        /// Ids of the rules that use it.
        used_by: Vec<&'p str>,
    },
    Dropped {
        kind: &'static str,
        id: &'p str,
        by: String,
        because: &'p str,
    },
    Guarantee {
        id: &'p str,
        title: &'p Text,
        cites: &'p [String],
        on: &'p str,
        /// Ids of the rules that withhold a row.
        withheld_by: Vec<&'p str>,
        cases: usize,
    },
}

impl<'p> Part<'p> {
    fn find(policy: &'p Policy, id: &str) -> Option<Self> {
        let term = || policy.terms.iter().find(|term| term.id == id);
        (policy.aid(id).map(Part::Aid))
            .or_else(|| term().map(Part::Term))
            .or_else(|| policy.rule(id).map(Part::Rule))
            .or_else(|| policy.guarantee(id).map(Part::Guarantee))
            .or_else(|| policy.parameter(id).map(Part::Parameter))
            .or_else(|| {
                let mut dropped = policy.origins.dropped.iter();
                dropped.find(|part| part.id == id).map(Part::Dropped)
            })
    }

    fn kind_and_id(&self) -> (PartKind, &'p str) {
        match *self {
            Part::Aid(aid) => (PartKind::Aid, &aid.id),
            Part::Term(term) => (PartKind::Term, &term.id),
            Part::Rule(rule) => (PartKind::Rule, &rule.id),
            Part::Guarantee(guarantee) => (PartKind::Guarantee, &guarantee.id),
            Part::Parameter(parameter) => (PartKind::Parameter, &parameter.id),
            Part::Dropped(dropped) => (dropped.part, &dropped.id),
        }
    }

    fn explained(&self, policy: &'p Policy) -> ExplainedPart<'p> {
        let (kind, id) = self.kind_and_id();
        ExplainedPart {
            part: self.told(policy),
            origin: origin::told(policy, kind, id),
        }
    }

    fn told(&self, policy: &'p Policy) -> Explained<'p> {
        match *self {
            Part::Aid(aid) => Explained::Aid {
                id: &aid.id,
                title: &aid.title,
                agency: &aid.agency,
                cites: &aid.cites,
                requires: &aid.requires_text,
                qualifies: &aid.qualifies_text,
                settled: aid.settled_text.as_deref(),
                household: aid.household,
                deadline: &aid.deadline,
                rests_on: aid.rests_on().into_iter().collect(),
            },
            Part::Term(term) => Explained::Term {
                id: &term.id,
                title: &term.title,
                means: &term.means,
                rests_on: term.combination.rules().into_iter().collect(),
            },
            Part::Rule(rule) => Explained::Rule {
                id: &rule.id,
                title: &rule.title,
                cites: &rule.cites,
                on: &rule.on,
                when: &rule.when,
                core: rule.core.as_ref().map(|core| core.text.as_str()),
                at_most: rule.at_most_review.then_some("review"),
                reads: rule.columns().into_iter().collect(),
                check: rule.check.as_ref(),
                cases: rule.cases.len(),
                cases_below: cases_below(policy, rule),
                parameters: values_of(policy, rule).collect(),
            },
            Part::Parameter(parameter) => Explained::Parameter {
                id: &parameter.id,
                title: &parameter.title,
                type_name: parameter.type_name,
                values: parameter
                    .settings
                    .iter()
                    .map(|setting| ToldValue {
                        value: setting.to_string(),
                        source: setting.cite.as_deref().unwrap_or("local"),
                    })
                    .collect(),
                used_by: users_of(policy, parameter).collect(),
            },
            Part::Dropped(dropped) => Explained::Dropped {
                kind: dropped.part.key(),
                id: &dropped.id,
                by: by(dropped),
                because: because(dropped),
            },
            Part::Guarantee(guarantee) => Explained::Guarantee {
                id: &guarantee.id,
                title: &guarantee.title,
                cites: &guarantee.cites,
                on: &guarantee.on,
                withheld_by: policy
                    .rules_of(guarantee)
                    .map(|rule| rule.id.as_str())
                    .collect(),
                cases: guarantee.cases.len(),
            },
        }
    }
}

/// Explains one part of a policy, or all aids and guarantees.
pub(super) fn run(policy: &Policy, path: &Path, id: Option<&str>, output: Output) -> Ending {
    let parts = match id {
        None => {
            let aids = policy.aids.iter().map(Part::Aid);
            let parts = aids.chain(policy.guarantees.iter().map(Part::Guarantee));
            let parts = parts.chain(policy.parameters.iter().map(Part::Parameter));
            let dropped = policy.origins.dropped.iter().map(Part::Dropped);
            parts.chain(dropped).collect()
        }
        Some(id) => Part::find(policy, id).into_iter().collect::<Vec<_>>(),
    };
    if let Some(id) = id
        && parts.is_empty()
    {
        let known = policy
            .rules
            .iter()
            .map(|rule| rule.id.as_str())
            .chain(policy.terms.iter().map(|term| term.id.as_str()))
            .chain(policy.aids.iter().map(|aid| aid.id.as_str()))
            .chain(policy.guarantees.iter().map(|other| other.id.as_str()))
            .chain(policy.parameters.iter().map(|other| other.id.as_str()));
        let fault = Fault::of_file(
            path,
            Text::new(
                format!("没有名为“{id}”的规则、术语、救助项目、保证或参数"),
                format!("there is no rule, term, aid, guarantee or parameter `{id}`"),
            ),
            nearest_name_hint(id, known),
        );
        return Ending::WrongConfiguration(fault.into());
    }
    if id.is_none() && policy.origins.layers.len() > 1 {
        let (id, version) = (&policy.id, &policy.version);
        line(
            format!("{id} 第{version}版"),
            format!("{id} version {version}"),
            output,
        );
        origin::say_layers(policy, output);
    }
    for part in &parts {
        match part {
            Part::Aid(aid) => explain_aid(policy, aid, output),
            Part::Term(term) => explain_term(policy, term, output),
            Part::Rule(rule) => explain_rule(policy, rule, output),
            Part::Guarantee(guarantee) => explain_guarantee(policy, guarantee, output),
            Part::Parameter(parameter) => explain_parameter(policy, parameter, output),
            Part::Dropped(dropped) => explain_dropped(policy, dropped, output),
        }
        let (kind, id) = part.kind_and_id();
        origin::say(policy, kind, id, output);
    }
    let json = parts.iter().map(|part| part.explained(policy));
    output.json(&json.collect::<Vec<_>>());
    Ending::Done
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn line(zh: impl Into<String>, en: impl Into<String>, output: Output) {
    output.say(&Text::new(zh, en));
}

fn explain_aid(policy: &Policy, aid: &Aid, output: Output) {
    let agency = policy.agency_name(&aid.agency);
    let cites = aid.cites.join(", ");
    line(
        format!("{}（{}）：{}，{cites}", aid.title.zh, aid.id, agency.zh),
        format!("{} ({}): {}, {cites}", aid.title.en, aid.id, agency.en),
        output,
    );
    let requires = one_line(&aid.requires_text);
    line(
        format!("  另一方须有：{requires}"),
        format!("  requires: {requires}"),
        output,
    );
    let qualifies = one_line(&aid.qualifies_text);
    line(
        format!("  符合条件：{qualifies}"),
        format!("  qualifies: {qualifies}"),
        output,
    );
    if let Some(settled) = &aid.settled_text {
        let settled = one_line(settled);
        line(
            format!("  已在领取：{settled}"),
            format!("  settled: {settled}"),
            output,
        );
    }
    let referred: Vec<&str> = aid.referred.rules().into_iter().collect();
    if !referred.is_empty() {
        let referred = referred.join(", ");
        line(
            format!("  已转介：{referred}"),
            format!("  referred: {referred}"),
            output,
        );
    }
    if aid.household {
        line(
            "  按户救助：同案线索在清单上相互注明，由人核实是否同户",
            "  for a household: leads of one case name each other on the list, and a person checks whether they are one",
            output,
        );
    }
    if let Some(deadline) = policy.deadline(&aid.deadline) {
        let cites = deadline.cites.join(", ");
        let period = deadline.period();
        line(
            format!("  期限：{}，{}（{cites}）", deadline.title.zh, period.zh),
            format!("  deadline: {}, {} ({cites})", deadline.title.en, period.en),
            output,
        );
    }
    line("  所依据的规则：", "  rests on:", output);
    for id in aid.rests_on() {
        if let Some(rule) = policy.rule(id) {
            let cites = rule.cites.join(", ");
            let origin = origin::short(policy, PartKind::Rule, id);
            line(
                format!("    {id}：{}（{cites}）{}", rule.title.zh, origin.zh),
                format!("    {id}: {} ({cites}){}", rule.title.en, origin.en),
                output,
            );
        }
    }
}

fn explain_term(policy: &Policy, term: &Term, output: Output) {
    line(
        format!("{}（{}）", term.title.zh, term.id),
        format!("{} ({})", term.title.en, term.id),
        output,
    );
    let means = one_line(&term.means);
    line(
        format!("  即：{means}"),
        format!("  means: {means}"),
        output,
    );
    let rules: Vec<&str> = term
        .combination
        .rules()
        .into_iter()
        .filter(|id| policy.rule(id).is_some())
        .collect();
    let rules = rules.join(", ");
    line(
        format!("  所依据的规则：{rules}"),
        format!("  rests on: {rules}"),
        output,
    );
}

fn explain_rule(policy: &Policy, rule: &Rule, output: Output) {
    let cites = rule.cites.join(", ");
    line(
        format!(
            "{}（{}）：{}，{cites}",
            rule.title.zh,
            rule.id,
            rule.kind.title().zh
        ),
        format!(
            "{} ({}): {}, {cites}",
            rule.title.en,
            rule.id,
            rule.kind.title().en
        ),
        output,
    );
    let when = one_line(&rule.when);
    line(
        format!("  针对 {}：{when}", rule.on),
        format!("  on {}: {when}", rule.on),
        output,
    );
    if let Some(core) = &rule.core {
        let core = one_line(&core.text);
        line(
            format!("  关键事实：{core}"),
            format!("  core: {core}"),
            output,
        );
    }
    let values = values_of(policy, rule).map(|(id, value)| format!("{id} = {value}"));
    let values = values.collect::<Vec<_>>().join("; ");
    if !values.is_empty() {
        line(
            format!("  参数：{values}"),
            format!("  parameters: {values}"),
            output,
        );
    }
    if rule.at_most_review {
        line(
            "  结果最多为“已有部分依据”，须人工核实",
            "  at most indicated: a person must review it",
            output,
        );
    }
    let columns: Vec<String> = rule.columns().into_iter().collect();
    let columns = columns.join(", ");
    line(
        format!("  读取的列：{columns}"),
        format!("  reads: {columns}"),
        output,
    );
    if let Some(check) = &rule.check {
        line(
            format!("  需人工核实：{}", check.zh),
            format!("  a person checks: {}", check.en),
            output,
        );
    }
    line(
        format!("  用例：{}个", rule.cases.len()),
        format!("  cases: {}", rule.cases.len()),
        output,
    );
    let below = cases_below(policy, rule);
    if below > 0 {
        line(
            format!("  下层规则文件的用例：{below}个（按下层的写法和参数值运行）"),
            format!(
                "  cases of the policies below: {below} (run on the rule and the values of these policies)"
            ),
            output,
        );
    }
}

fn explain_parameter(policy: &Policy, parameter: &Parameter, output: Output) {
    let (id, title) = (&parameter.id, &parameter.title);
    let type_name = parameter.type_name;
    line(
        format!("{}（{id}）：参数，{type_name}", title.zh),
        format!("{} ({id}): parameter, {type_name}", title.en),
        output,
    );
    for setting in &parameter.settings {
        let layer = policy.origins.layers.get(setting.layer);
        let layer = layer.map_or("", |layer| layer.id.as_str());
        let local = Text::new("由当地决定", "local");
        let cite = setting.cite.as_ref();
        let cite = cite.map_or(local, |cite| Text::new(cite, cite));
        line(
            format!("  值：{setting}（{}，{layer}）", cite.zh),
            format!("  value: {setting} ({}, {layer})", cite.en),
            output,
        );
    }
    let users = users_of(policy, parameter).collect::<Vec<_>>().join(", ");
    if !users.is_empty() {
        line(
            format!("  使用它的规则：{users}"),
            format!("  used by: {users}"),
            output,
        );
    }
}

fn explain_dropped(policy: &Policy, dropped: &Dropped, output: Output) {
    let (kind, id) = (dropped.part.title(), &dropped.id);
    line(
        format!("{id}：{}，已删去", kind.zh),
        format!("{id}: {}, dropped", kind.en),
        output,
    );
    origin::say_origin(policy, &dropped.origin, output);
}

/// Returns where a part is dropped.
fn by(dropped: &Dropped) -> String {
    let drop = dropped.origin.changes.last();
    drop.map_or(String::new(), |drop| drop.at.to_string())
}

/// Returns why a part is dropped.
fn because(dropped: &Dropped) -> &str {
    let drop = dropped.origin.changes.last();
    drop.map_or("", |drop| drop.because.as_str())
}

/// Returns the number of cases that layers below a rule wrote for it.
fn cases_below(policy: &Policy, rule: &Rule) -> usize {
    let earlier = policy.earlier_rules.iter();
    let earlier = earlier.filter(|earlier| earlier.id == rule.id);
    earlier.map(|earlier| earlier.cases.len()).sum()
}

/// Returns the parameters of a rule with the values that count.
fn values_of<'p>(policy: &'p Policy, rule: &'p Rule) -> impl Iterator<Item = (&'p str, String)> {
    let names = rule.parameters.iter();
    names.filter_map(|name| {
        let setting = policy.parameter(name)?.setting()?;
        Some((name.as_str(), setting.to_string()))
    })
}

/// Returns the ids of the rules that use a parameter.
fn users_of<'p>(policy: &'p Policy, parameter: &'p Parameter) -> impl Iterator<Item = &'p str> {
    let users = policy.rules.iter();
    let users = users.filter(|rule| rule.parameters.contains(&parameter.id));
    users.map(|rule| rule.id.as_str())
}

/// Tells serde whether to leave out a number.
fn is_zero(number: &usize) -> bool {
    *number == 0
}

fn explain_guarantee(policy: &Policy, guarantee: &Guarantee, output: Output) {
    let (id, on, cites) = (&guarantee.id, &guarantee.on, guarantee.cites.join(", "));
    line(
        format!("{}（{id}）：保证，{cites}", guarantee.title.zh),
        format!("{} ({id}): guarantee, {cites}", guarantee.title.en),
        output,
    );
    line(
        format!("  针对 {on}，按以下规则不予处理："),
        format!("  on {on}, withheld by:"),
        output,
    );
    for rule in policy.rules_of(guarantee) {
        let when = one_line(&rule.when);
        line(
            format!("    {}：{when}", rule.id),
            format!("    {}: {when}", rule.id),
            output,
        );
    }
    if let Guaranteed::Role(codes) = &guarantee.of {
        let (column, passes) = (&codes.column, codes.passes.join(", "));
        let withheld = codes.withheld.join(", ");
        let ages = codes.ages.iter().map(i64::to_string);
        let ages = ages.collect::<Vec<_>>().join(", ");
        line(
            format!("  {column} 放行：{passes}"),
            format!("  {column} that passes: {passes}"),
            output,
        );
        line(
            format!(
                "  {column} 不予处理：{withheld}，以及空白和无法读取的内容（按{ages}岁和年龄不明逐一试验）"
            ),
            format!(
                "  {column} withheld: {withheld}, and empty and unreadable cells (tried at {ages} years and at an unknown age)"
            ),
            output,
        );
    }
    line(
        format!("  用例：{}个", guarantee.cases.len()),
        format!("  cases: {}", guarantee.cases.len()),
        output,
    );
}
