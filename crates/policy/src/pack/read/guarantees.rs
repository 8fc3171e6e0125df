//! Reads `[[guarantee]]`, which declares rows that never become tokens. A policy
//! without a required guarantee is refused, so that neither a layer nor a
//! careless edit can drop it.

use std::collections::BTreeSet;

use super::super::{
    Aid, CASE_EXPORT, Guarantee, GuaranteeCase, Guaranteed, PassingCodes, Rule, RuleKind, Term,
};
use super::{PolicyReader, spot_of};
use crate::rule_language::{DERIVED_AGE, DERIVED_MINOR};
use crate::schema::ExportSchema;
use aidlink_faults::configuration::{Located, Node, TableReader};
use aidlink_faults::fault::{Fault, FaultCollector, nearest_name_hint};
use aidlink_faults::text::Text;

/// A rule as written in the file, valid or not.
struct WrittenRule {
    id: String,
    on: Option<String>,
    withholds: bool,
}

impl<'d> PolicyReader<'d> {
    pub(super) fn guarantees(
        &mut self,
        root: &mut TableReader<'d>,
        rules: &[Rule],
        terms: &[Term],
        aids: &[Aid],
        sources: &[super::Named],
    ) -> Vec<Guarantee> {
        let written = written_rules(root);
        let mut guarantees: Vec<Guarantee> = Vec::new();
        // A guarantee counts as declared even if it has other faults.
        let mut declared = BTreeSet::new();
        let mut unreadable = !self.document.syntax_faults().is_empty();
        for mut table in root.tables("guarantee", &mut self.faults) {
            let id = table.string("id", &mut self.faults);
            if let Some(id) = &id {
                self.check_identifier(id);
                // `policy explain` looks all of them up by id.
                let taken = rules.iter().map(|rule| rule.id.as_str());
                let taken = taken.chain(terms.iter().map(|term| term.id.as_str()));
                let taken = taken.chain(aids.iter().map(|aid| aid.id.as_str()));
                let others = guarantees.iter().map(|other| other.id.as_str());
                self.check_unique(id, taken.chain(others));
            }
            let on = table.string("on", &mut self.faults);
            let schema = on.as_ref().and_then(|on| self.schema(on));
            let of = table.string("of", &mut self.faults);
            let of = of.and_then(|word| self.guaranteed_word(&word));
            match (&of, &on) {
                (Some(of), Some(on)) if on.value == CASE_EXPORT => {
                    declared.insert(*of);
                }
                (Some(_), Some(_)) => {}
                _ => unreadable = true,
            }
            let named = self.rules_of_guarantee(&mut table, on.as_ref(), &written);
            let title = table.text("title", &mut self.faults);
            let cites = self.cites(&mut table, sources);
            let of = match of {
                Some("role") => self.passing_codes(&mut table, schema).map(Guaranteed::Role),
                Some("seal") => Some(Guaranteed::Seal),
                Some(_) => Some(Guaranteed::Death),
                None => None,
            };
            if let Some(Guaranteed::Role(codes)) = &of {
                self.check_columns_read(codes, &named, rules);
            }
            let cases = self.cases_of_guarantee(&mut table, schema);
            let at = spot_of(&table);
            table.finish(&mut self.faults);
            let guarantee = (|| {
                Some(Guarantee {
                    id: id?.value,
                    at,
                    on: on?.value,
                    of: of?,
                    rules: named.into_iter().map(|rule| rule.value).collect(),
                    title: title?,
                    cites,
                    cases,
                })
            })();
            guarantees.extend(guarantee);
        }
        for of in Guaranteed::NAMES {
            let is_missing = !unreadable && !declared.contains(of);
            if is_missing && self.version == super::Version::Current {
                self.faults.push(Fault::of_file(
                    self.document.path(),
                    Text::new(
                        format!("规则文件没有针对 {CASE_EXPORT} 声明“{of}”的保证"),
                        format!("the policy declares no guarantee of `{of}` on {CASE_EXPORT}"),
                    ),
                    Text::new(
                        format!("请添加 of = \"{of}\" 的 [[guarantee]]：没有它，规则文件不能使用"),
                        format!(
                            "add a [[guarantee]] with of = \"{of}\": a policy without it is refused"
                        ),
                    ),
                ));
            }
        }
        guarantees
    }

    fn guaranteed_word(&mut self, word: &Located<String>) -> Option<&'static str> {
        let found = Guaranteed::NAMES
            .into_iter()
            .find(|name| *name == word.value);
        if found.is_none() {
            let hint = nearest_name_hint(&word.value, Guaranteed::NAMES);
            self.fault(
                &word.at,
                Text::new("未知的保证种类", "unknown kind of guarantee"),
                hint,
            );
        }
        found
    }

    fn rules_of_guarantee(
        &mut self,
        table: &mut TableReader<'d>,
        on: Option<&Located<String>>,
        written: &[WrittenRule],
    ) -> Vec<Located<String>> {
        let named = table.strings("rules", &mut self.faults);
        if named.is_empty() {
            self.faults.push(table.fault_here(
                Text::new("保证没有写明规则", "the guarantee names no rule"),
                Text::new(
                    "请写明其不予处理的规则，例如 rules = [\"withhold_role\"]",
                    "name its withhold rules, such as rules = [\"withhold_role\"]",
                ),
            ));
        }
        for name in &named {
            let withholding = written.iter().filter(|rule| rule.withholds);
            let known = withholding.map(|rule| rule.id.as_str());
            let Some(rule) = written.iter().find(|rule| rule.id == name.value) else {
                self.check_defined(name, known, Text::new("未定义的规则", "undefined rule"));
                continue;
            };
            if !rule.withholds {
                let hint = nearest_name_hint(&name.value, known);
                self.fault(
                    &name.at,
                    Text::new(
                        format!("规则“{}”的种类不是 withhold", name.value),
                        format!("the rule `{}` is not of kind `withhold`", name.value),
                    ),
                    hint,
                );
            } else if let (Some(on), Some(other)) = (on, &rule.on)
                && on.value != *other
            {
                self.fault(
                    &name.at,
                    Text::new(
                        format!("规则“{}”针对的是另一导出 {other}", name.value),
                        format!("the rule `{}` is on another export, {other}", name.value),
                    ),
                    Text::new(
                        "请写明与保证针对同一导出的规则",
                        "name rules on the same export as the guarantee",
                    ),
                );
            }
        }
        named
    }

    /// Reads `column`, `passes` and `ages` of a guarantee of roles.
    fn passing_codes(
        &mut self,
        table: &mut TableReader<'d>,
        schema: Option<&ExportSchema>,
    ) -> Option<PassingCodes> {
        let column = table.string("column", &mut self.faults);
        let passes = table.strings("passes", &mut self.faults);
        let ages = table.list("ages", &mut self.faults, |document, node, at, faults| {
            let age = match node {
                Node::Integer(age) if (0..=150).contains(age) => Some(*age),
                _ => None,
            };
            if age.is_none() {
                faults.push(document.fault(
                    at.clone(),
                    Text::new(
                        "年龄应为0到150的整数",
                        "an age must be a whole number from 0 to 150",
                    ),
                    Text::new("请更正此值", "correct this value"),
                ));
            }
            age
        });
        for (key, is_missing) in [
            ("passes", passes.is_empty()),
            ("ages", table.node("ages").is_none() || ages.is_empty()),
        ] {
            if is_missing {
                self.faults.push(table.fault_here(
                    Text::new(
                        format!("“{key}”缺失或为空"),
                        format!("`{key}` is missing or empty"),
                    ),
                    Text::new(
                        format!("请添加 {key} = [...]"),
                        format!("add {key} = [...]"),
                    ),
                ));
            }
        }
        let (column, schema) = (column?, schema?);
        let names = schema.fields.iter().filter(|field| field.codes.is_some());
        let names: Vec<&str> = names.map(|field| field.name.as_str()).collect();
        let message = Text::new(
            "模式中没有此带代码表的列：",
            "the schema has no column with a code list named",
        );
        if !self.check_defined(&column, names.into_iter(), message) {
            return None;
        }
        let codes = schema.field(&column.value)?.codes.as_ref()?;
        for code in &passes {
            if !codes.contains(&code.value) {
                let hint = nearest_name_hint(&code.value, codes.iter().map(String::as_str));
                self.fault(
                    &code.at,
                    Text::new(
                        format!("代码“{}”不在“{}”的代码表中", code.value, column.value),
                        format!(
                            "the code `{}` is not in the code list of `{}`",
                            code.value, column.value
                        ),
                    ),
                    hint,
                );
            }
        }
        let passes: Vec<String> = passes.into_iter().map(|code| code.value).collect();
        let withheld = codes.iter().filter(|code| !passes.contains(code));
        Some(PassingCodes {
            column: column.value,
            withheld: withheld.cloned().collect(),
            passes,
            ages: ages.into_iter().map(|age| age.value).collect(),
        })
    }

    /// Checks that the rules read only the guarantee's column and the age. A
    /// rule with another condition could let a code pass that is withheld in the
    /// tests, where the other columns are empty.
    fn check_columns_read(
        &mut self,
        codes: &PassingCodes,
        named: &[Located<String>],
        rules: &[Rule],
    ) {
        let allowed = [&codes.column, DERIVED_AGE, DERIVED_MINOR];
        for name in named {
            let rule = rules.iter().find(|rule| rule.id == name.value);
            let reads = rule.map(Rule::columns);
            let other = reads
                .into_iter()
                .flatten()
                .find(|column| !allowed.contains(&column.as_str()));
            if let Some(other) = other {
                self.fault(
                    &name.at,
                    Text::new(
                        format!("规则“{}”还读取“{other}”列", name.value),
                        format!("the rule `{}` also reads `{other}`", name.value),
                    ),
                    Text::new(
                        format!(
                            "此处的规则只能读取“{}”和年龄；其他条件请另立规则",
                            codes.column
                        ),
                        format!(
                            "read only `{}` and the age in the rules of this guarantee; write another rule for other conditions",
                            codes.column
                        ),
                    ),
                );
            }
        }
    }

    fn cases_of_guarantee(
        &mut self,
        table: &mut TableReader<'d>,
        schema: Option<&ExportSchema>,
    ) -> Vec<GuaranteeCase> {
        let tables = table.tables("case", &mut self.faults);
        let mut cases = Vec::new();
        let mut is_sound = true;
        for mut case in tables {
            let row = self.case_row(&mut case, schema);
            let withheld = case.boolean("withheld", &mut self.faults);
            case.finish(&mut self.faults);
            is_sound &= withheld.is_some();
            cases.extend(withheld.map(|withheld| GuaranteeCase { row, withheld }));
        }
        for withheld in [true, false] {
            if is_sound && !cases.iter().any(|case| case.withheld == withheld) {
                self.faults.push(table.fault_here(
                    Text::new(
                        format!("保证没有 withheld = {withheld} 的用例"),
                        format!("the guarantee has no case with withheld = {withheld}"),
                    ),
                    Text::new(
                        "请添加 [[guarantee.case]]：不予处理的和放行的至少各一个",
                        "add a [[guarantee.case]]: at least one that is withheld and one that passes",
                    ),
                ));
            }
        }
        cases
    }
}

/// Returns every rule of the file, including faulty ones: their own faults are
/// reported, so naming them is not a further fault.
fn written_rules(root: &TableReader<'_>) -> Vec<WrittenRule> {
    // The faults of these tables were reported when the rules were read.
    let mut reported = FaultCollector::new();
    let document = root.document();
    let tables = document.root().tables("rule", &mut reported);
    let read = |mut table: TableReader<'_>| {
        let kind = table.string("kind", &mut reported);
        let on = table.string("on", &mut reported);
        Some(WrittenRule {
            id: table.string("id", &mut reported)?.value,
            on: on.map(|on| on.value),
            withholds: kind.is_some_and(|kind| kind.value == RuleKind::Withhold.name()),
        })
    };
    tables.into_iter().filter_map(read).collect()
}
