//! `aidlink policy`: check, test, explain.

use std::path::Path;

use aidlink_agency::rules::{EvaluationError, test_cases, try_guarantee};
use aidlink_faults::fault::{Fault, FaultCollector, Place, nearest_name_hint};
use aidlink_faults::text::{Language, Text};
use aidlink_policy::pack::{Aid, Guarantee, Guaranteed, Policy, Rule, Term};
use aidlink_policy::schema::Schemas;

use super::Ending;
use crate::cli::{PolicyArguments, PolicyCommand, PolicyFile};
use aidlink_office::terminal;

/// Checks, tests or explains a policy.
pub fn run(arguments: PolicyArguments, language: Language) -> Ending {
    match arguments.command {
        PolicyCommand::Check(file) => with_policy(&file, |policy| check(policy, language)),
        PolicyCommand::Test(file) => {
            with_policy(&file, |policy| test(policy, &file.policy, language))
        }
        PolicyCommand::Explain { file, id } => with_policy(&file, |policy| {
            explain(policy, &file.policy, id.as_deref(), language)
        }),
    }
}

fn with_policy(file: &PolicyFile, act: impl FnOnce(&Policy) -> Ending) -> Ending {
    let beside = file
        .policy
        .parent()
        .unwrap_or(Path::new("."))
        .join("../schemas");
    let schemas = file.schemas.as_deref().unwrap_or(&beside);
    let policy = Schemas::read(schemas).and_then(|schemas| Policy::read(&file.policy, &schemas));
    match policy {
        Ok(policy) => act(&policy),
        Err(faults) => Ending::WrongConfiguration(faults),
    }
}

fn check(policy: &Policy, language: Language) -> Ending {
    let (rules, terms, aids) = (policy.rules.len(), policy.terms.len(), policy.aids.len());
    let guarantees = policy.guarantees.len();
    terminal::say(
        &Text::new(
            format!(
                "规则文件 {} 第{}版无误：{rules}条规则、{terms}个术语、{aids}个救助项目、{guarantees}项保证",
                policy.id, policy.version
            ),
            format!(
                "policy {} version {} is sound: {rules} rules, {terms} terms, {aids} aids, {guarantees} guarantees",
                policy.id, policy.version
            ),
        ),
        language,
    );
    Ending::Done
}

fn test(policy: &Policy, path: &Path, language: Language) -> Ending {
    let failed = |error: EvaluationError| {
        let fault = Fault::of_file(
            path,
            error.text(),
            Text::new("请报告此问题", "please report this"),
        );
        Ending::Failed(fault.into())
    };
    let (mut run, failures) = match test_cases(policy) {
        Ok(result) => result,
        Err(error) => return failed(error),
    };
    let mut faults = FaultCollector::new();
    for failure in failures {
        let fault = Fault::of_file(
            path,
            Text::new(
                format!(
                    "规则“{}”的用例应为{}，实为{}",
                    failure.rule,
                    failure.expected.name(),
                    failure.actual.name()
                ),
                format!(
                    "a case of the rule `{}` wants {}, the rule gives {}",
                    failure.rule,
                    failure.expected.name(),
                    failure.actual.name()
                ),
            ),
            Text::new("请更正规则或用例", "correct the rule or the case"),
        );
        faults.push(fault.at(Place::LineColumn {
            line: failure.line,
            column: 1,
        }));
    }
    let mut codes = 0;
    for guarantee in &policy.guarantees {
        let trial = match try_guarantee(policy, guarantee) {
            Ok(trial) => trial,
            Err(error) => return failed(error),
        };
        run += trial.cases;
        codes += trial.codes;
        for breach in trial.breaches {
            let fault = Fault::of_file(
                path,
                breach.text(),
                Text::new(
                    "请更正保证所依的规则；保证只能扩大，不能缩小",
                    "correct the rules that the guarantee names; a guarantee may be widened, not narrowed",
                ),
            );
            faults.push(fault.at(Place::LineColumn {
                line: breach.line,
                column: 1,
            }));
        }
    }
    if faults.is_empty() {
        let guarantees = policy.guarantees.len();
        terminal::say(
            &Text::new(
                format!("{run}个用例全部通过；{guarantees}项保证成立，其中代码逐一试验{codes}次"),
                format!(
                    "all {run} cases give their outcome; {guarantees} guarantees hold, their codes tried {codes} times"
                ),
            ),
            language,
        );
    }
    match faults.finish() {
        Ok(()) => Ending::Done,
        Err(faults) => Ending::Failed(faults),
    }
}

fn explain(policy: &Policy, path: &Path, id: Option<&str>, language: Language) -> Ending {
    let Some(id) = id else {
        for aid in &policy.aids {
            explain_aid(policy, aid, language);
        }
        for guarantee in &policy.guarantees {
            explain_guarantee(policy, guarantee, language);
        }
        return Ending::Done;
    };
    if let Some(aid) = policy.aid(id) {
        explain_aid(policy, aid, language);
    } else if let Some(term) = policy.terms.iter().find(|term| term.id == id) {
        explain_term(policy, term, language);
    } else if let Some(rule) = policy.rule(id) {
        explain_rule(rule, language);
    } else if let Some(guarantee) = policy.guarantee(id) {
        explain_guarantee(policy, guarantee, language);
    } else {
        let known = policy
            .rules
            .iter()
            .map(|rule| rule.id.as_str())
            .chain(policy.terms.iter().map(|term| term.id.as_str()))
            .chain(policy.aids.iter().map(|aid| aid.id.as_str()))
            .chain(policy.guarantees.iter().map(|other| other.id.as_str()));
        let fault = Fault::of_file(
            path,
            Text::new(
                format!("没有名为“{id}”的规则、术语、救助项目或保证"),
                format!("there is no rule, term, aid or guarantee `{id}`"),
            ),
            nearest_name_hint(id, known),
        );
        return Ending::WrongConfiguration(fault.into());
    }
    Ending::Done
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn line(zh: impl Into<String>, en: impl Into<String>, language: Language) {
    terminal::say(&Text::new(zh, en), language);
}

fn explain_aid(policy: &Policy, aid: &Aid, language: Language) {
    let agency = policy.agency_name(&aid.agency);
    let cites = aid.cites.join(", ");
    line(
        format!("{}（{}）— {}，{cites}", aid.title.zh, aid.id, agency.zh),
        format!("{} ({}): {}, {cites}", aid.title.en, aid.id, agency.en),
        language,
    );
    let qualifies = one_line(&aid.qualifies_text);
    line(
        format!("  符合条件：{qualifies}"),
        format!("  qualifies: {qualifies}"),
        language,
    );
    if let Some(settled) = &aid.settled_text {
        let settled = one_line(settled);
        line(
            format!("  已在领取：{settled}"),
            format!("  settled: {settled}"),
            language,
        );
    }
    let referred: Vec<&str> = aid.referred.rules().into_iter().collect();
    let referred = referred.join(", ");
    line(
        format!("  已转介：{referred}"),
        format!("  referred: {referred}"),
        language,
    );
    if let Some(deadline) = policy.deadline(&aid.deadline) {
        let cites = deadline.cites.join(", ");
        line(
            format!(
                "  期限：{} {}个工作日（{cites}）",
                deadline.title.zh, deadline.working_days
            ),
            format!(
                "  deadline: {}, {} working days ({cites})",
                deadline.title.en, deadline.working_days
            ),
            language,
        );
    }
    line("  所依规则：", "  rests on:", language);
    for id in aid.qualifies.rules() {
        if let Some(rule) = policy.rule(id) {
            let cites = rule.cites.join(", ");
            line(
                format!("    {id}：{}（{cites}）", rule.title.zh),
                format!("    {id}: {} ({cites})", rule.title.en),
                language,
            );
        }
    }
}

fn explain_term(policy: &Policy, term: &Term, language: Language) {
    line(
        format!("{}（{}）", term.title.zh, term.id),
        format!("{} ({})", term.title.en, term.id),
        language,
    );
    let means = one_line(&term.means);
    line(
        format!("  即：{means}"),
        format!("  means: {means}"),
        language,
    );
    let rules: Vec<&str> = term
        .combination
        .rules()
        .into_iter()
        .filter(|id| policy.rule(id).is_some())
        .collect();
    let rules = rules.join(", ");
    line(
        format!("  所依规则：{rules}"),
        format!("  rests on: {rules}"),
        language,
    );
}

fn explain_rule(rule: &Rule, language: Language) {
    let cites = rule.cites.join(", ");
    line(
        format!(
            "{}（{}）— {}，{cites}",
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
        language,
    );
    let when = one_line(&rule.when);
    line(
        format!("  在 {} 上：{when}", rule.on),
        format!("  on {}: {when}", rule.on),
        language,
    );
    let columns: Vec<String> = rule.expression.columns().into_iter().collect();
    let columns = columns.join(", ");
    line(
        format!("  读取的列：{columns}"),
        format!("  reads: {columns}"),
        language,
    );
    if let Some(check) = &rule.check {
        line(
            format!("  需人工核实：{}", check.zh),
            format!("  a person checks: {}", check.en),
            language,
        );
    }
    line(
        format!("  用例：{}个", rule.cases.len()),
        format!("  cases: {}", rule.cases.len()),
        language,
    );
}

fn explain_guarantee(policy: &Policy, guarantee: &Guarantee, language: Language) {
    let (id, on, cites) = (&guarantee.id, &guarantee.on, guarantee.cites.join(", "));
    line(
        format!("{}（{id}）— 保证，{cites}", guarantee.title.zh),
        format!("{} ({id}): guarantee, {cites}", guarantee.title.en),
        language,
    );
    line(
        format!("  在 {on} 上，由以下规则不予处理："),
        format!("  on {on}, withheld by:"),
        language,
    );
    for rule in policy.rules_of(guarantee) {
        let when = one_line(&rule.when);
        line(
            format!("    {}：{when}", rule.id),
            format!("    {}: {when}", rule.id),
            language,
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
            language,
        );
        line(
            format!("  {column} 不予处理：{withheld}，以及空白（按{ages}岁和年龄不明逐一试验）"),
            format!(
                "  {column} withheld: {withheld}, and none given (tried at {ages} years and at an unknown age)"
            ),
            language,
        );
    }
    line(
        format!("  用例：{}个", guarantee.cases.len()),
        format!("  cases: {}", guarantee.cases.len()),
        language,
    );
}
