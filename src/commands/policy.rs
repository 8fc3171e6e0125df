//! `aidlink policy`: checks, tests, explains and compares policies.

use std::path::Path;

use aidlink_agency::rules::{EvaluationError, test_cases, try_guarantee};
use aidlink_faults::fault::{Fault, FaultCollector, Place};
use aidlink_faults::text::Text;
use aidlink_office::terminal::{self, Output, ReportedFault};
use aidlink_policy::pack::Policy;
use serde::Serialize;

use super::Ending;
use crate::cli::{PolicyArguments, PolicyCommand};
use crate::policy_file::read_policy;

mod diff;
mod explain;
mod origin;

/// Checks, tests, explains or compares policies.
pub fn run(arguments: PolicyArguments, output: Output) -> Ending {
    let done = match arguments.command {
        PolicyCommand::Check(file) => read_policy(&file.policy, file.schemas.as_deref())
            .map(|(policy, _)| check(&policy, output)),
        PolicyCommand::Test(file) => read_policy(&file.policy, file.schemas.as_deref())
            .map(|(policy, path)| test(&policy, &path, output)),
        PolicyCommand::Explain { file, id } => read_policy(&file.policy, file.schemas.as_deref())
            .map(|(policy, path)| explain::run(&policy, &path, id.as_deref(), output)),
        PolicyCommand::Diff { file, other } => {
            let mut faults = FaultCollector::new();
            let one = faults.take(read_policy(&file.policy, file.schemas.as_deref()));
            let other = faults.take(read_policy(&other, file.schemas.as_deref()));
            let both = faults.or_value(one.zip(other));
            both.map(|((one, _), (other, _))| diff::run(&one, &other, output))
        }
    };
    done.unwrap_or_else(Ending::WrongConfiguration)
}

/// The answer of `policy check`.
#[derive(Serialize)]
struct CheckedPolicy<'a> {
    id: &'a str,
    version: &'a str,
    blake3: &'a str,
    rules: usize,
    terms: usize,
    aids: usize,
    guarantees: usize,
    /// The policies below it, the next one first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    layers: Vec<origin::LayerBelow<'a>>,
}

/// The answer of `policy test`.
#[derive(Serialize)]
struct TestedPolicy {
    cases: usize,
    guarantees: usize,
    /// How often the codes of guarantees were tried.
    codes: usize,
    failures: Vec<ReportedFault>,
}

fn check(policy: &Policy, output: Output) -> Ending {
    let (rules, terms, aids) = (policy.rules.len(), policy.terms.len(), policy.aids.len());
    let guarantees = policy.guarantees.len();
    output.say(&Text::new(
        format!(
            "规则文件 {} 第{}版无误：{rules}条规则、{terms}个术语、{aids}个救助项目、{guarantees}项保证",
            policy.id, policy.version
        ),
        format!(
            "policy {} version {} is valid: {rules} rules, {terms} terms, {aids} aids, {guarantees} guarantees",
            policy.id, policy.version
        ),
    ));
    origin::say_layers(policy, output);
    output.json(&CheckedPolicy {
        id: &policy.id,
        version: &policy.version,
        blake3: &policy.digest,
        rules,
        terms,
        aids,
        guarantees,
        layers: origin::layers(policy),
    });
    Ending::Done
}

fn test(policy: &Policy, path: &Path, output: Output) -> Ending {
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
            &failure.at.file,
            Text::new(
                format!(
                    "规则“{}”的用例：应为 {}，实为 {}",
                    failure.rule,
                    failure.expected.name(),
                    failure.actual.name()
                ),
                format!(
                    "a case of the rule `{}` expects {}, but the rule gives {}",
                    failure.rule,
                    failure.expected.name(),
                    failure.actual.name()
                ),
            ),
            Text::new("请更正规则或用例", "correct the rule or the case"),
        );
        faults.push(fault.at(Place::LineColumn {
            line: failure.at.line,
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
                &breach.at.file,
                breach.text(),
                Text::new(
                    "请更正保证所依据的规则；保证只能扩大，不能缩小",
                    "correct the rules that the guarantee names; a guarantee may be widened, not narrowed",
                ),
            );
            faults.push(fault.at(Place::LineColumn {
                line: breach.at.line,
                column: 1,
            }));
        }
    }
    let guarantees = policy.guarantees.len();
    output.json(&TestedPolicy {
        cases: run,
        guarantees,
        codes,
        failures: faults.iter().map(ReportedFault::of).collect(),
    });
    if let Err(faults) = faults.finish() {
        terminal::print_faults(&faults, output.language);
        return Ending::NotHeld;
    }
    output.say(&Text::new(
        format!("{run}个用例全部通过；{guarantees}项保证成立，其中代码逐一试验{codes}次"),
        format!(
            "all {run} cases give the expected outcome; {guarantees} guarantees hold, their codes tried {codes} times"
        ),
    ));
    Ending::Done
}
