//! Reads and checks a policy file, and reports all its faults at once.

mod guarantees;
mod parameters;
mod terms;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::canonical;
use super::layer_files::{self, EXTENDS, PolicySource};
use super::merge::{DROP, Merged, WIDEN, merge};
use super::origin::Spot;
use super::{
    Aid, CASE_AS_OF, CASE_EXPORT, CaseRow, Core, DeadlineLength, DeadlineStart, Direction, Named,
    Parameter, Policy, PolicyDeadline, ReferralState, Rule, RuleCase, RuleKind, Suppression, Term,
    WhenUnknown,
};
use crate::period::Period;
use crate::rule_language::{
    Combination, Expression, ExpressionFault, NamedValue, Negation, NodeBudget, Scope, ScopeColumn,
    parse,
};
use crate::schema::{ExportSchema, Role, Schemas};
use crate::shipped::{Shipped, policy_name};
use crate::value::{FieldType, Value};
use aidlink_contract::outcome::Outcome;
use aidlink_faults::configuration::{Document, Located, Node, TableReader};
use aidlink_faults::fault::{Fault, FaultCollector, Faults, nearest_name_hint};
use aidlink_faults::text::{Language, Text};
use jiff::civil::Date;
use terms::expand_terms;

impl Policy {
    /// Reads a policy file and those below it, merges them and checks the result against the
    /// schemas.
    ///
    /// # Errors
    /// Every fault of the files at once, each with its place.
    pub fn read(path: &Path, schemas: &Schemas) -> Result<Self, Faults> {
        Self::read_source(&PolicySource::File(path.to_path_buf()), schemas)
    }

    /// As [`Policy::read`], also for policies that come with the program.
    ///
    /// # Errors
    /// As [`Policy::read`].
    pub fn read_source(source: &PolicySource, schemas: &Schemas) -> Result<Self, Faults> {
        Self::read_version(source, schemas, Version::Current)
    }

    /// Returns a policy that comes with the program, for these schemas.
    ///
    /// # Errors
    /// When the schemas lack something that the policy needs.
    pub fn shipped(policy: &Shipped, schemas: &Schemas) -> Result<Self, Faults> {
        Self::read_source(&PolicySource::Shipped(policy_name(policy)), schemas)
    }

    /// Reads the policy of a finished round, for an audit. Policies of version
    /// 0.1 declare no guarantees; they are read, and judged by what they hold.
    ///
    /// # Errors
    /// As [`Policy::read`].
    pub fn read_of_finished_round(path: &Path, schemas: &Schemas) -> Result<Self, Faults> {
        Self::read_version(
            &PolicySource::File(path.to_path_buf()),
            schemas,
            Version::Any,
        )
    }

    fn read_version(
        source: &PolicySource,
        schemas: &Schemas,
        version: Version,
    ) -> Result<Self, Faults> {
        let mut merged = merge(layer_files::read(source)?);
        let faults = std::mem::take(&mut merged.faults);
        let reader = PolicyReader {
            document: &merged.document,
            merged: &merged,
            schemas,
            version,
            faults,
            nodes: NodeBudget::default(),
            parameters: Vec::new(),
            earlier_rules: Vec::new(),
        };
        reader.read()
    }
}

/// Which policies are read. Those of version 0.1 declare no guarantees, and their aids
/// have no `requires`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Version {
    /// Only policies of this version.
    Current,
    /// Also those of version 0.1.
    Any,
}

/// The only value of a rule's `at_most`.
const AT_MOST_REVIEW: &str = "review";

/// With whose values of parameters a rule is read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum AsOf {
    /// Those that count.
    AllLayers,
    /// Those that counted for the layer that wrote the rule. Such a rule only runs cases.
    OwnLayer,
}

struct PolicyReader<'d> {
    document: &'d Document,
    merged: &'d Merged,
    schemas: &'d Schemas,
    version: Version,
    faults: FaultCollector,
    nodes: NodeBudget,
    parameters: Vec<Parameter>,
    earlier_rules: Vec<Rule>,
}

/// A term whose combination is parsed once the ids of all terms are known.
struct WrittenTerm<'d> {
    text: Located<String>,
    combination: Option<Combination>,
    table: TableReader<'d>,
}

struct ReferralColumns {
    on: String,
    aid: String,
    state: String,
    since: String,
}

impl<'d> PolicyReader<'d> {
    fn read(mut self) -> Result<Policy, Faults> {
        let mut root = self.document.root();
        let id = root.string("id", &mut self.faults);
        let version = root.string("version", &mut self.faults);
        let title = root.text("title", &mut self.faults);
        let sources = self.named(&mut root, "source", "title");
        let agencies = self.named(&mut root, "agency", "name");
        // Read from the layers, which is more than the merged document has.
        for key in ["parameters", EXTENDS, DROP, WIDEN] {
            root.node(key);
        }
        self.read_parameters(&sources);
        let deadlines = self.deadlines(&mut root, &sources);
        let mut rules = self.rules(&mut root, &sources);
        let declared = self.declared_rules(&mut root);
        let terms = self.terms(&mut root, &rules, &declared);
        let combinations: BTreeMap<String, Combination> = terms
            .iter()
            .map(|term| (term.id.clone(), term.combination.clone()))
            .collect();
        let mut aids = self.aids(
            &mut root,
            &declared,
            &combinations,
            &sources,
            &agencies,
            &deadlines,
        );
        let referrals = self.referrals(&mut root, &mut rules, &mut aids, &sources);
        let (referrals_on, referral_states) = referrals.unzip();
        let guarantees = self.guarantees(&mut root, &rules, &terms, &aids, &sources);
        self.report_unused_rules(&mut root, &rules, &aids);
        root.finish(&mut self.faults);
        let PolicyReader {
            document,
            merged,
            faults,
            parameters,
            earlier_rules,
            ..
        } = self;
        let policy = (|| {
            Some(Policy {
                id: id?.value,
                version: version?.value,
                title: title?,
                digest: canonical::digest(document.entries()),
                sources,
                agencies,
                deadlines,
                parameters,
                rules,
                earlier_rules,
                guarantees,
                terms,
                aids,
                referrals_on,
                referral_states: referral_states.unwrap_or_default(),
                origins: merged.origins.clone(),
            })
        })();
        faults.or_value(policy)
    }

    fn fault(&mut self, at: &std::ops::Range<usize>, message: Text, hint: Text) {
        self.faults
            .push(self.document.fault(at.clone(), message, hint));
    }

    fn named(
        &mut self,
        root: &mut TableReader<'d>,
        key: &'static str,
        name_key: &'static str,
    ) -> Vec<Named> {
        let mut named: Vec<Named> = Vec::new();
        for mut table in root.tables(key, &mut self.faults) {
            let id = table.string("id", &mut self.faults);
            let name = table.text(name_key, &mut self.faults);
            // Only documents are cited by a short name, or issued by a place.
            let (short, place) = match key {
                "source" => (
                    table.optional_text("short", &mut self.faults),
                    table.optional_string("place", &mut self.faults),
                ),
                _ => (None, None),
            };
            table.finish(&mut self.faults);
            if let (Some(id), Some(name)) = (id, name) {
                self.check_unique(&id, named.iter().map(|other| other.id.as_str()));
                let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
                if !id.value.chars().all(plain) {
                    self.fault(
                        &id.at,
                        Text::new(
                            "编号含有不允许的字符",
                            "this id has characters that are not allowed",
                        ),
                        Text::new(
                            "请只用英文字母、数字和“-”：编号会用作文件名",
                            "use ASCII letters, digits and `-` only: ids become file names",
                        ),
                    );
                }
                named.push(Named {
                    id: id.value,
                    name,
                    short,
                    place: place.map(|place| place.value),
                });
            }
        }
        named
    }

    fn check_unique<'n>(
        &mut self,
        id: &Located<String>,
        mut others: impl Iterator<Item = &'n str>,
    ) {
        if others.any(|other| other == id.value) {
            self.fault(
                &id.at,
                Text::new(
                    format!("编号“{}”重复", id.value),
                    format!("the id `{}` is used twice", id.value),
                ),
                Text::new("请改用另一个编号", "choose another id"),
            );
        }
    }

    /// Checks that an id can be a name in expressions.
    fn check_identifier(&mut self, id: &Located<String>) {
        let mut characters = id.value.chars();
        let starts = characters
            .next()
            .is_some_and(|first| first.is_ascii_lowercase());
        let reserved = [
            "and", "or", "not", "in", "is", "null", "between", "true", "false",
        ];
        if !starts
            || !characters.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
            || reserved.contains(&id.value.as_str())
        {
            self.fault(
                &id.at,
                Text::new(
                    "编号不能用作表达式中的名称",
                    "this id cannot be used as a name in expressions",
                ),
                Text::new(
                    "请以小写英文字母开头，其后只用小写字母、数字和下划线；不能是 and、or 等保留字",
                    "start with a lower-case letter, use only lower-case letters, digits and underscores, and avoid reserved words such as `and`",
                ),
            );
        }
    }

    fn cites(&mut self, table: &mut TableReader<'d>, sources: &[Named]) -> Vec<String> {
        let cites = table.strings("cites", &mut self.faults);
        if cites.is_empty() {
            self.faults.push(table.fault_here(
                Text::new("缺少出处“cites”", "`cites` is missing"),
                Text::new(
                    "请写明文件和条款，例如 cites = [\"SG 二(一)1\"]",
                    "add document and article, such as cites = [\"SG 二(一)1\"]",
                ),
            ));
        }
        for cite in &cites {
            let document = cite.value.split_whitespace().next().unwrap_or_default();
            if !sources.iter().any(|source| source.id == document) {
                let names: Vec<&str> = sources.iter().map(|source| source.id.as_str()).collect();
                let hint = nearest_name_hint(document, names.iter().copied());
                self.fault(
                    &cite.at,
                    Text::new("未定义的出处", "an undefined source is cited"),
                    hint,
                );
            }
        }
        cites.into_iter().map(|cite| cite.value).collect()
    }

    fn deadlines(&mut self, root: &mut TableReader<'d>, sources: &[Named]) -> Vec<PolicyDeadline> {
        let mut deadlines: Vec<PolicyDeadline> = Vec::new();
        for mut table in root.tables("deadline", &mut self.faults) {
            let id = table.string("id", &mut self.faults);
            let title = table.text("title", &mut self.faults);
            let from = self.deadline_start(&mut table);
            let length = self.deadline_length(&mut table);
            let cites = self.cites(&mut table, sources);
            table.finish(&mut self.faults);
            if let (Some(id), Some(title), Some(length)) = (id, title, length) {
                self.check_unique(&id, deadlines.iter().map(|other| other.id.as_str()));
                deadlines.push(PolicyDeadline {
                    id: id.value,
                    title,
                    from,
                    length,
                    cites,
                });
            }
        }
        deadlines
    }

    fn deadline_start(&mut self, table: &mut TableReader<'d>) -> DeadlineStart {
        let Some(word) = table.optional_string("from", &mut self.faults) else {
            return DeadlineStart::default();
        };
        let starts = DeadlineStart::ALL;
        let start = starts.into_iter().find(|start| start.name() == word.value);
        if start.is_none() {
            self.fault(
                &word.at,
                Text::new("未知的期限起算点", "unknown start of a deadline"),
                nearest_name_hint(&word.value, starts.map(DeadlineStart::name)),
            );
        }
        start.unwrap_or_default()
    }

    /// Reads `working_days`, or in its place `unset` with the reason.
    fn deadline_length(&mut self, table: &mut TableReader<'d>) -> Option<DeadlineLength> {
        let unset = table.node("unset").map(|node| node.at.clone());
        let Some(at) = unset else {
            let days = self.working_days(table)?;
            if !(1..=250).contains(&days) {
                self.faults.push(table.fault_here(
                    Text::new(
                        "工作日数应在1到250之间",
                        "the number of working days must be from 1 to 250",
                    ),
                    Text::new("请更正此值", "correct this value"),
                ));
            }
            return Some(DeadlineLength::WorkingDays(
                u32::try_from(days).unwrap_or(0),
            ));
        };
        if table.node("working_days").is_some() {
            self.fault(
                &at,
                Text::new(
                    "期限不能既有工作日数又未定",
                    "a deadline cannot have a number of working days and be unset",
                ),
                Text::new(
                    "请删去 unset 或 working_days；下层写有 working_days 的，请用 replace = true 替换整个期限",
                    "delete `unset` or `working_days`; if a layer below has `working_days`, replace the whole deadline (replace = true)",
                ),
            );
        }
        table
            .text("unset", &mut self.faults)
            .map(DeadlineLength::Unset)
    }

    /// Parses a condition and reports its faults.
    fn expression(&mut self, text: &Located<String>, scope: &Scope) -> Option<Expression> {
        self.value_or_report(text, parse(&text.value, scope))
    }

    /// Parses a combination and reports its faults.
    fn combination(
        &mut self,
        text: &Located<String>,
        names: &[String],
        negation: Negation,
    ) -> Option<Combination> {
        self.value_or_report(text, Combination::parse(&text.value, names, negation))
    }

    /// Returns the parsed value, or reports its faults at their places in the file.
    fn value_or_report<T>(
        &mut self,
        text: &Located<String>,
        parsed: Result<T, Vec<ExpressionFault>>,
    ) -> Option<T> {
        match parsed {
            Ok(parsed) => Some(parsed),
            Err(found) => {
                let start = self.document.content_start(&text.at);
                for fault in found {
                    let at = start + fault.offset;
                    self.fault(&(at..at), fault.message, fault.hint);
                }
                None
            }
        }
    }

    /// Returns the ids of all rules that combinations may name, including faulty
    /// rules: their own faults are reported, so naming them is not a further
    /// fault.
    fn declared_rules(&self, root: &mut TableReader<'d>) -> Vec<String> {
        // `rules` reported the faults of these tables already.
        let mut reported = FaultCollector::new();
        let tables = root.tables("rule", &mut reported);
        tables
            .into_iter()
            .filter_map(|mut table| {
                let kind = table.string("kind", &mut reported);
                let id = table.string("id", &mut reported)?;
                let withhold = kind.is_some_and(|kind| kind.value == RuleKind::Withhold.name());
                (!withhold).then_some(id.value)
            })
            .collect()
    }

    fn rules(&mut self, root: &mut TableReader<'d>, sources: &[Named]) -> Vec<Rule> {
        let mut rules: Vec<Rule> = Vec::new();
        for mut table in root.tables("rule", &mut self.faults) {
            let rule = self.rule(&mut table, sources, &rules, AsOf::AllLayers);
            table.finish(&mut self.faults);
            rules.extend(rule);
        }
        self.amended_rules(sources);
        rules
    }

    /// Reads rules as they were before a layer amended them.
    fn amended_rules(&mut self, sources: &[Named]) {
        let before = std::mem::take(&mut self.faults);
        let merged = self.merged;
        for table in &merged.earlier {
            if let Some(mut table) = merged.document.table_at(table) {
                let rule = self.rule(&mut table, sources, &[], AsOf::OwnLayer);
                self.earlier_rules.extend(rule);
            }
        }
        // A fault in a key that the layer above left as it is was found there already.
        let text = |fault: &Fault| fault.render(Language::English);
        let mut known: BTreeSet<String> = before.iter().map(text).collect();
        let found = std::mem::replace(&mut self.faults, before);
        let new = found.into_iter().filter(|fault| known.insert(text(fault)));
        self.faults.extend(new);
    }

    fn rule(
        &mut self,
        table: &mut TableReader<'d>,
        sources: &[Named],
        others: &[Rule],
        as_of: AsOf,
    ) -> Option<Rule> {
        let id = table.string("id", &mut self.faults);
        if let Some(id) = &id {
            self.check_identifier(id);
            self.check_unique(id, others.iter().map(|other| other.id.as_str()));
        }
        let on = table.string("on", &mut self.faults);
        let schema = on.as_ref().and_then(|on| self.schema(on));
        let kind = table.string("kind", &mut self.faults);
        let kind = kind.and_then(|kind| self.rule_kind(&kind));
        let when = table.string("when", &mut self.faults);
        let when_unknown = table.string("unknown", &mut self.faults);
        let when_unknown = when_unknown
            .and_then(|word| self.when_unknown(&word, kind == Some(RuleKind::Withhold)));
        let core = table.optional_string("core", &mut self.faults);
        let at_most = table.optional_string("at_most", &mut self.faults);
        self.check_core_and_at_most(kind, core.as_ref(), at_most.as_ref());
        let title = table.text("title", &mut self.faults);
        let check = table.optional_text("check", &mut self.faults);
        let urgent = table.boolean_or("urgent", false, &mut self.faults);
        let cites = match as_of {
            AsOf::AllLayers => self.cites(table, sources),
            // A layer above may have dropped the source.
            AsOf::OwnLayer => Vec::new(),
        };
        let cases = table.tables("case", &mut self.faults);
        if cases.is_empty() {
            self.faults.push(table.fault_here(
                Text::new("规则没有用例", "the rule has no test case"),
                Text::new("请添加 [[rule.case]]", "add a [[rule.case]]"),
            ));
        }
        let cases: Vec<RuleCase> = cases
            .into_iter()
            .filter_map(|case| self.case(case, schema))
            .collect();
        let texts: Vec<&Located<String>> = [&when, &core].into_iter().flatten().collect();
        let used = self.parameters_in(&texts);
        if kind == Some(RuleKind::Withhold) && !used.is_empty() {
            self.refuse_parameters(when.as_ref()?);
            return None;
        }
        let layer = self.document.file_of(table.at().start);
        let scope = |reader: &Self, as_of| {
            let layer = match as_of {
                AsOf::AllLayers => usize::MAX,
                AsOf::OwnLayer => layer,
            };
            schema.map(|schema| row_scope(schema, reader.values(layer)))
        };
        let scope_of_all = scope(self, as_of);
        let expression = when
            .as_ref()
            .zip(scope_of_all.as_ref())
            .and_then(|(when, scope)| self.expression(when, scope));
        let core = self.core(core, scope_of_all.as_ref());
        let rule = Rule {
            id: id?.value,
            on: on?.value,
            kind: kind?,
            when: when.as_ref()?.value.trim().to_owned(),
            expression: expression?,
            when_unknown: when_unknown?,
            core: match core.as_ref() {
                Some((_, core)) => Some(core.clone()?),
                None => None,
            },
            at_most_review: at_most.is_some(),
            title: title?,
            cites,
            check,
            urgent,
            parameters: used.into_iter().collect(),
            cases,
        };
        let is_set_above = as_of == AsOf::AllLayers && self.is_set_above(&rule.parameters, layer);
        if !is_set_above {
            return Some(rule);
        }
        // The cases say what the rule gives with the values of the layer that wrote them.
        let scope_of_own = scope(self, AsOf::OwnLayer);
        let expression = when
            .as_ref()
            .zip(scope_of_own.as_ref())
            .and_then(|(when, scope)| self.expression(when, scope));
        let core = self.core(core.map(|(text, _)| text), scope_of_own.as_ref());
        self.earlier_rules.push(Rule {
            expression: expression?,
            core: match core {
                Some((_, core)) => Some(core?),
                None => None,
            },
            ..rule.clone()
        });
        Some(Rule {
            cases: Vec::new(),
            ..rule
        })
    }

    /// Parses a core, and returns its text, too.
    fn core(
        &mut self,
        core: Option<Located<String>>,
        scope: Option<&Scope>,
    ) -> Option<(Located<String>, Option<Core>)> {
        let (text, scope) = core.zip(scope)?;
        let expression = self.expression(&text, scope);
        let core = expression.map(|expression| Core {
            text: text.value.trim().to_owned(),
            expression,
        });
        Some((text, core))
    }

    fn check_core_and_at_most(
        &mut self,
        kind: Option<RuleKind>,
        core: Option<&Located<String>>,
        at_most: Option<&Located<String>>,
    ) {
        for word in [core, at_most].into_iter().flatten() {
            if kind == Some(RuleKind::Withhold) {
                self.fault(
                    &word.at,
                    Text::new(
                        "不予处理的规则只有“是”和“否”",
                        "a withhold rule is either yes or no",
                    ),
                    Text::new("请删除此行", "delete this line"),
                );
            }
        }
        if let Some(word) = at_most
            && word.value != AT_MOST_REVIEW
        {
            self.fault(
                &word.at,
                Text::new("未知的 at_most", "unknown value of `at_most`"),
                Text::new(
                    format!("请写 at_most = \"{AT_MOST_REVIEW}\"，或删除此行"),
                    format!("write at_most = \"{AT_MOST_REVIEW}\", or delete the line"),
                ),
            );
        }
    }

    fn schema(&mut self, name: &Located<String>) -> Option<&'d ExportSchema> {
        let schema = self.schemas.get(&name.value);
        if schema.is_none() && !self.schemas.is_faulty(&name.value) {
            let hint = nearest_name_hint(&name.value, self.schemas.0.keys().map(String::as_str));
            self.fault(
                &name.at,
                Text::new(
                    format!("没有名为“{}”的导出模式", name.value),
                    format!("there is no export schema `{}`", name.value),
                ),
                hint,
            );
        }
        schema
    }

    fn rule_kind(&mut self, word: &Located<String>) -> Option<RuleKind> {
        let written = RuleKind::ALL
            .iter()
            .filter(|(kind, _)| *kind != RuleKind::Referral);
        let kind = written.clone().find(|(_, name)| *name == word.value);
        if kind.is_none() {
            let hint = nearest_name_hint(&word.value, written.map(|(_, name)| *name));
            self.fault(
                &word.at,
                Text::new("未知的规则种类", "unknown kind of rule"),
                hint,
            );
        }
        kind.map(|(kind, _)| *kind)
    }

    fn when_unknown(&mut self, word: &Located<String>, withhold: bool) -> Option<WhenUnknown> {
        let allowed: &[(&str, WhenUnknown)] = if withhold {
            &[("yes", WhenUnknown::Yes), ("no", WhenUnknown::No)]
        } else {
            &[("review", WhenUnknown::Review), ("no", WhenUnknown::No)]
        };
        let found = allowed.iter().find(|(name, _)| *name == word.value);
        if found.is_none() {
            let hint = nearest_name_hint(&word.value, allowed.iter().map(|(name, _)| *name));
            self.fault(
                &word.at,
                Text::new(
                    "“unknown”的取值不适用于此种类的规则",
                    "this value of `unknown` is not allowed for this kind of rule",
                ),
                hint,
            );
        }
        found.map(|(_, when_unknown)| *when_unknown)
    }

    fn case(
        &mut self,
        mut table: TableReader<'d>,
        schema: Option<&ExportSchema>,
    ) -> Option<RuleCase> {
        let row = self.case_row(&mut table, schema);
        let outcome = table.string("outcome", &mut self.faults);
        table.finish(&mut self.faults);
        let outcome = outcome.and_then(|word| {
            let words = Outcome::ALL;
            let found = words
                .into_iter()
                .find(|outcome| outcome.name() == word.value);
            if found.is_none() {
                let hint = nearest_name_hint(&word.value, words.map(Outcome::name));
                self.fault(&word.at, Text::new("未知的结果", "unknown outcome"), hint);
            }
            found
        });
        Some(RuleCase {
            row,
            outcome: outcome?,
        })
    }

    /// Reads the row of a case, with its age, sex and as-of date.
    fn case_row(&mut self, table: &mut TableReader<'d>, schema: Option<&ExportSchema>) -> CaseRow {
        let row = table.table("row", &mut self.faults);
        let age = table.optional_integer("age", &mut self.faults);
        let sex = table.optional_string("sex", &mut self.faults);
        let as_of = table.optional_date("as_of", &mut self.faults);
        if let Some(sex) = &sex
            && !["male", "female"].contains(&sex.value.as_str())
        {
            let hint = nearest_name_hint(&sex.value, ["male", "female"]);
            self.fault(&sex.at, Text::new("未知的性别", "unknown sex"), hint);
        }
        let unreadable = table.strings("unreadable", &mut self.faults);
        let mut columns = Vec::new();
        if let (Some(mut row), Some(schema)) = (row, schema) {
            for (name, node) in row.all() {
                columns.extend(self.case_value(schema, name, node));
            }
            self.check_unreadable(schema, &unreadable, &columns);
        }
        CaseRow {
            at: spot_of(table),
            columns,
            unreadable: unreadable.into_iter().map(|name| name.value).collect(),
            age: age.map(|age| age.value),
            sex: sex.map(|sex| sex.value),
            as_of: as_of.map_or(CASE_AS_OF, |as_of| as_of.value),
        }
    }

    /// Checks the columns of a case that cannot be read.
    fn check_unreadable(
        &mut self,
        schema: &ExportSchema,
        unreadable: &[Located<String>],
        columns: &[(String, Value)],
    ) {
        for name in unreadable {
            if schema.field(&name.value).is_none() {
                let fields = schema.fields.iter().map(|field| field.name.as_str());
                self.fault(
                    &name.at,
                    Text::new(
                        format!("未知的列“{}”", name.value),
                        format!("unknown column `{}`", name.value),
                    ),
                    nearest_name_hint(&name.value, fields),
                );
            } else if columns.iter().any(|(column, _)| *column == name.value) {
                self.fault(
                    &name.at,
                    Text::new(
                        format!("列“{}”既有取值又列为无法读取", name.value),
                        format!("the column `{}` has a value and is unreadable", name.value),
                    ),
                    Text::new("请从其中一处删去", "remove it from one of them"),
                );
            }
        }
    }

    fn case_value(
        &mut self,
        schema: &ExportSchema,
        name: &Located<String>,
        node: &Located<Node>,
    ) -> Option<(String, Value)> {
        let Some(field) = schema.field(&name.value) else {
            let hint =
                nearest_name_hint(&name.value, schema.fields.iter().map(|f| f.name.as_str()));
            self.fault(
                &name.at,
                Text::new(
                    format!("未知的列“{}”", name.value),
                    format!("unknown column `{}`", name.value),
                ),
                hint,
            );
            return None;
        };
        let value = match (field.field_type, &node.value) {
            (FieldType::String, Node::String(text)) => Some(Value::String(text.clone())),
            (FieldType::Integer, Node::Integer(number)) => Some(Value::Integer(*number)),
            (FieldType::Number, Node::Integer(number)) => Some(Value::Number(*number as f64)),
            (FieldType::Number, Node::Float(number)) => Some(Value::Number(*number)),
            (FieldType::Boolean, Node::Boolean(truth)) => Some(Value::Boolean(*truth)),
            (FieldType::Date, Node::Date(date)) => Some(Value::Date(*date)),
            _ => None,
        };
        match (&value, &field.codes) {
            (None, _) => self.fault(
                &node.at,
                Text::new(
                    format!("列“{}”的类型应为 {}", field.name, field.field_type.name()),
                    format!(
                        "the value of the column `{}` must have type {}",
                        field.name,
                        field.field_type.name()
                    ),
                ),
                Text::new("请更正此值", "correct this value"),
            ),
            (Some(Value::String(code)), Some(codes)) if !codes.contains(code) => {
                let hint = nearest_name_hint(code, codes.iter().map(String::as_str));
                self.fault(
                    &node.at,
                    Text::new(
                        format!("代码“{code}”不在“{}”的代码表中", field.name),
                        format!(
                            "the code `{code}` is not in the code list of `{}`",
                            field.name
                        ),
                    ),
                    hint,
                );
            }
            _ => {}
        }
        Some((field.name.clone(), value?))
    }

    fn terms(
        &mut self,
        root: &mut TableReader<'d>,
        rules: &[Rule],
        declared: &[String],
    ) -> Vec<Term> {
        let mut read: Vec<(Located<String>, Text, WrittenTerm<'d>)> = Vec::new();
        for mut table in root.tables("term", &mut self.faults) {
            let id = table.string("id", &mut self.faults);
            let title = table.text("title", &mut self.faults);
            let means = table.string("means", &mut self.faults);
            if let (Some(id), Some(title), Some(text)) = (id, title, means) {
                self.check_identifier(&id);
                self.check_unique(
                    &id,
                    rules
                        .iter()
                        .map(|rule| rule.id.as_str())
                        .chain(read.iter().map(|(other, _, _)| other.value.as_str())),
                );
                read.push((
                    id,
                    title,
                    WrittenTerm {
                        text,
                        combination: None,
                        table,
                    },
                ));
            }
        }
        let ids = read.iter().map(|(id, _, _)| id.value.clone());
        let names: Vec<String> = declared.iter().cloned().chain(ids).collect();
        for (_, _, term) in &mut read {
            term.combination = self.combination(&term.text, &names, Negation::Refused);
        }
        let written: BTreeMap<String, Combination> = read
            .iter()
            .filter_map(|(id, _, term)| Some((id.value.clone(), term.combination.clone()?)))
            .collect();
        let mut expanded = expand_terms(&written, &mut self.nodes);
        let mut terms = Vec::new();
        for (id, title, term) in read {
            let combination = match expanded.remove(id.value.as_str()) {
                Some(Ok(combination)) => Some(combination),
                // The policy is refused. The term stays, so that naming it is not a further
                // fault.
                Some(Err(fault)) => {
                    self.fault(&term.text.at, fault.message(), fault.hint());
                    term.combination
                }
                None => term.combination,
            };
            terms.extend(combination.map(|combination| Term {
                id: id.value,
                title,
                means: term.text.value.trim().to_owned(),
                combination,
            }));
            term.table.finish(&mut self.faults);
        }
        terms
    }

    fn aids(
        &mut self,
        root: &mut TableReader<'d>,
        declared: &[String],
        terms: &BTreeMap<String, Combination>,
        sources: &[Named],
        agencies: &[Named],
        deadlines: &[PolicyDeadline],
    ) -> Vec<Aid> {
        let names: Vec<String> = declared.iter().chain(terms.keys()).cloned().collect();
        let mut aids: Vec<Aid> = Vec::new();
        for mut table in root.tables("aid", &mut self.faults) {
            let id = table.string("id", &mut self.faults);
            if let Some(id) = &id {
                self.check_identifier(id);
                self.check_unique(id, aids.iter().map(|aid| aid.id.as_str()));
            }
            let direction = table.string("direction", &mut self.faults);
            let direction = direction.and_then(|word| {
                let words = [Direction::ToSocial, Direction::ToJudicial];
                let found = words
                    .into_iter()
                    .find(|direction| direction.name() == word.value);
                if found.is_none() {
                    let hint = nearest_name_hint(&word.value, words.map(Direction::name));
                    self.fault(&word.at, Text::new("未知的方向", "unknown direction"), hint);
                }
                found
            });
            let agency = table.string("agency", &mut self.faults);
            if let Some(agency) = &agency {
                let known = agencies.iter().map(|agency| agency.id.as_str());
                self.check_defined(agency, known, Text::new("未定义的机构", "undefined agency"));
            }
            let deadline = table.string("deadline", &mut self.faults);
            if let Some(deadline) = &deadline {
                let known = deadlines.iter().map(|deadline| deadline.id.as_str());
                self.check_defined(
                    deadline,
                    known,
                    Text::new("未定义的期限", "undefined deadline"),
                );
            }
            let title = table.text("title", &mut self.faults);
            let check = table.optional_text("check", &mut self.faults);
            let cites = self.cites(&mut table, sources);
            let requires_text = self.requires(&mut table);
            let qualifies_text = table.string("qualifies", &mut self.faults);
            let settled_text = table.optional_string("settled", &mut self.faults);
            let household = table.boolean_or("household", false, &mut self.faults);
            table.finish(&mut self.faults);
            let mut combine = |text: &Located<String>, negation| {
                let written = self.combination(text, &names, negation)?;
                let replaced = written.substitute(&|name| terms.get(name), &mut self.nodes);
                if let Err(fault) = replaced {
                    self.fault(&text.at, fault.message(), fault.hint());
                }
                replaced.ok()
            };
            let requires = match &requires_text {
                Some(text) => combine(text, Negation::Refused),
                // Policies of version 0.1 have one expression, `qualifies`.
                None => Some(Combination::Constant(true)),
            };
            let qualifies = qualifies_text
                .as_ref()
                .and_then(|text| combine(text, Negation::Refused));
            let settled = settled_text
                .as_ref()
                .map(|text| combine(text, Negation::Allowed));
            let aid = (|| {
                Some(Aid {
                    id: id?.value,
                    direction: direction?,
                    agency: agency?.value,
                    title: title?,
                    cites,
                    requires_text: requires_text
                        .map(|text| text.value.trim().to_owned())
                        .unwrap_or_default(),
                    requires: requires?,
                    qualifies_text: qualifies_text?.value.trim().to_owned(),
                    qualifies: qualifies?,
                    settled: match settled {
                        Some(settled) => Some(settled?),
                        None => None,
                    },
                    settled_text: settled_text.map(|text| text.value.trim().to_owned()),
                    referred: Combination::Constant(false),
                    household,
                    check,
                    deadline: deadline?.value,
                })
            })();
            aids.extend(aid);
        }
        if aids.is_empty() && self.faults.is_empty() {
            self.faults.push(Fault::of_file(
                self.document.path(),
                Text::new("规则文件没有任何救助项目", "the policy defines no aid"),
                Text::new("请添加 [[aid]]", "add an [[aid]]"),
            ));
        }
        aids
    }

    /// Reads what an aid requires of the other system's side. It is missing only in
    /// a policy of version 0.1, whose missing key is a fault unless the round is
    /// finished.
    fn requires(&mut self, table: &mut TableReader<'d>) -> Option<Located<String>> {
        if self.version == Version::Any {
            return table.optional_string("requires", &mut self.faults);
        }
        if table.node("requires").is_none() {
            self.faults.push(table.fault_here(
                Text::new("缺少“requires”", "`requires` is missing"),
                Text::new(
                    "请将另一系统一侧的条件写入 requires，qualifies 只保留本救助项目自身的依据（0.1版的规则文件只有 qualifies）",
                    "move what the other system's side must give to `requires`, and leave the aid's own evidence in `qualifies` (policies of version 0.1 have `qualifies` only)",
                ),
            ));
            return None;
        }
        table.string("requires", &mut self.faults)
    }

    fn check_defined<'n>(
        &mut self,
        name: &Located<String>,
        known: impl Iterator<Item = &'n str> + Clone,
        message: Text,
    ) -> bool {
        let defined = known.clone().any(|other| other == name.value);
        if !defined {
            let hint = nearest_name_hint(&name.value, known);
            self.fault(
                &name.at,
                Text::new(
                    format!("{}“{}”", message.zh, name.value),
                    format!("{} `{}`", message.en, name.value),
                ),
                hint,
            );
        }
        defined
    }

    /// Turns `[referrals]` and `[[referral_state]]` into rules on the referrals
    /// export and into each aid's `referred`.
    fn referrals(
        &mut self,
        root: &mut TableReader<'d>,
        rules: &mut Vec<Rule>,
        aids: &mut [Aid],
        sources: &[Named],
    ) -> Option<(String, Vec<ReferralState>)> {
        let table = root.optional_table("referrals", &mut self.faults);
        let state_tables = root.tables("referral_state", &mut self.faults);
        if table.is_none() && !state_tables.is_empty() {
            self.faults.push(Fault::of_file(
                self.document.path(),
                Text::new(
                    "有 [[referral_state]]，但没有 [referrals]",
                    "there are [[referral_state]] tables but no [referrals] table",
                ),
                Text::new(
                    "请添加 [referrals]，否则此前的转介不起作用",
                    "add [referrals]; without it, earlier referrals have no effect",
                ),
            ));
        }
        let columns = table.and_then(|table| self.referral_columns(table))?;
        let schema = self.schemas.get(&columns.on)?;
        let codes = |column: &str| -> BTreeSet<String> {
            schema
                .field(column)
                .and_then(|field| field.codes.clone())
                .unwrap_or_default()
        };
        let state_codes = codes(&columns.state);
        let mut entries = Vec::new();
        for mut table in state_tables {
            entries.extend(self.referral_state(&mut table, &state_codes, rules, aids, sources));
            table.finish(&mut self.faults);
        }
        let aid_codes = codes(&columns.aid);
        // By state: one message, and not one for each aid.
        let mut miscounted: BTreeMap<(&String, usize), Vec<String>> = BTreeMap::new();
        for aid in aids {
            if !aid_codes.contains(&aid.id) {
                self.faults.push(Fault::of_file(
                    self.document.path(),
                    Text::new(
                        format!("救助项目“{}”不在转介导出的代码表中", aid.id),
                        format!(
                            "the aid `{}` is not in the code list of the referrals export",
                            aid.id
                        ),
                    ),
                    Text::new(
                        format!("请在模式 {} 的字段“{}”中添加", columns.on, columns.aid),
                        format!(
                            "add it to the field `{}` in the schema {}",
                            columns.aid, columns.on
                        ),
                    ),
                ));
                continue;
            }
            for state in &state_codes {
                let count = entries
                    .iter()
                    .filter(|entry| entry.applies_to(&aid.id) && entry.states.contains(state))
                    .count();
                if count != 1 {
                    let aids: &mut Vec<String> = miscounted.entry((state, count)).or_default();
                    aids.push(aid.id.clone());
                }
            }
            aid.referred = self.referred(aid, &entries, &columns, schema, rules);
        }
        for ((state, count), aids) in miscounted {
            self.faults.push(Fault::of_file(
                self.document.path(),
                Text::new(
                    format!(
                        "转介状态“{state}”出现{count}次（救助项目：{}）",
                        aids.join("、")
                    ),
                    format!(
                        "the referral state `{state}` is listed {count} times, for these aids: {}",
                        aids.join(", ")
                    ),
                ),
                Text::new(
                    "请将每个状态写入恰好一个 [[referral_state]]",
                    "list each state in exactly one [[referral_state]]",
                ),
            ));
        }
        Some((columns.on, entries))
    }

    fn referral_columns(&mut self, mut table: TableReader<'d>) -> Option<ReferralColumns> {
        let on = table.string("on", &mut self.faults);
        let schema = on.as_ref().and_then(|on| self.schema(on));
        let mut column = |table: &mut TableReader<'d>, key, field_type: FieldType| {
            let name = table.string(key, &mut self.faults)?;
            let schema = schema?;
            let fields = schema.fields.iter();
            let fields = fields.filter(|field| field.field_type == field_type);
            let names: Vec<&str> = fields.map(|field| field.name.as_str()).collect();
            let message = Text::new("未知的列", "unknown column");
            self.check_defined(&name, names.into_iter(), message)
                .then_some(name.value)
        };
        let aid = column(&mut table, "aid", FieldType::String);
        let state = column(&mut table, "state", FieldType::String);
        let since = column(&mut table, "since", FieldType::Date);
        table.finish(&mut self.faults);
        Some(ReferralColumns {
            on: on?.value,
            aid: aid?,
            state: state?,
            since: since?,
        })
    }

    fn referral_state(
        &mut self,
        table: &mut TableReader<'d>,
        state_codes: &BTreeSet<String>,
        rules: &[Rule],
        aids: &[Aid],
        sources: &[Named],
    ) -> Option<ReferralState> {
        if let Some(id) = table.optional_string("id", &mut self.faults) {
            // Layers above name the entry by it.
            self.check_identifier(&id);
        }
        let states = table.strings("states", &mut self.faults);
        for state in &states {
            let known = state_codes.iter().map(String::as_str);
            let message = Text::new("未知的转介状态", "unknown referral state");
            self.check_defined(state, known, message);
        }
        let suppresses = table.string("suppresses", &mut self.faults);
        let suppresses = suppresses.and_then(|text| self.suppression(&text));
        let lapses_on = self.lapses_on(table);
        let for_aids = table.strings("aids", &mut self.faults);
        for aid in &for_aids {
            let known = aids.iter().map(|aid| aid.id.as_str());
            self.check_defined(aid, known, Text::new("未定义的救助项目", "undefined aid"));
        }
        let reopened_by = table.optional_string("reopened_by", &mut self.faults);
        if let Some(rule) = &reopened_by {
            let known = rules
                .iter()
                .filter(|rule| rule.on == CASE_EXPORT && rule.kind != RuleKind::Withhold)
                .map(|rule| rule.id.as_str());
            self.check_defined(
                rule,
                known,
                Text::new(
                    "未定义的案件当事人规则",
                    "undefined rule on the case parties",
                ),
            );
        }
        let title = table.text("title", &mut self.faults);
        let check = table.optional_text("check", &mut self.faults);
        let cites = self.cites(table, sources);
        Some(ReferralState {
            check,
            states: states.into_iter().map(|state| state.value).collect(),
            suppresses: suppresses?,
            lapses_on: lapses_on?,
            aids: for_aids.into_iter().map(|aid| aid.value).collect(),
            reopened_by: reopened_by.map(|rule| rule.value),
            title: title?,
            cites,
        })
    }

    /// Reads `lapses_on`: a day, or the name of a parameter of type `date`. `None` if it is
    /// neither.
    fn lapses_on(&mut self, table: &mut TableReader<'d>) -> Option<Option<Date>> {
        let Some(node) = table.node("lapses_on") else {
            return Some(None);
        };
        let day = match &node.value {
            Node::Date(day) => Some(*day),
            Node::String(name) => self.date_named(name),
            _ => None,
        };
        if day.is_none() {
            self.fault(
                &node.at,
                Text::new("日期无效", "this day is not valid"),
                Text::new(
                    "请写日期（例如 2026-07-01），或 date 类参数的名称",
                    "write a day such as 2026-07-01, or the name of a parameter of type date",
                ),
            );
        }
        day.map(Some)
    }

    fn suppression(&mut self, text: &Located<String>) -> Option<Suppression> {
        let suppression = match text.value.as_str() {
            "always" => Some(Suppression::Always),
            "never" => Some(Suppression::Never),
            period => Period::parse(period)
                .or_else(|| self.period_named(period))
                .map(Suppression::For),
        };
        if suppression.is_none() {
            self.fault(
                &text.at,
                Text::new("时长无效", "this period is not valid"),
                Text::new(
                    "请写 \"always\"、\"never\"、时长（例如 \"6 months\"）或时长参数的名称",
                    "write \"always\", \"never\", a period such as \"6 months\", or the name of a parameter of type period",
                ),
            );
        }
        suppression
    }

    /// Returns the `referred` combination of one aid, and adds the rules on the
    /// referrals export that it names.
    fn referred(
        &mut self,
        aid: &Aid,
        entries: &[ReferralState],
        columns: &ReferralColumns,
        schema: &ExportSchema,
        rules: &mut Vec<Rule>,
    ) -> Combination {
        let mut reopeners: Vec<Option<&str>> = Vec::new();
        for entry in entries {
            if !reopeners.contains(&entry.reopened_by.as_deref()) {
                reopeners.push(entry.reopened_by.as_deref());
            }
        }
        let mut referred = Combination::Constant(false);
        for reopener in reopeners {
            let group: Vec<&ReferralState> = entries
                .iter()
                .filter(|entry| {
                    entry.reopened_by.as_deref() == reopener
                        && entry.suppresses != Suppression::Never
                        && entry.applies_to(&aid.id)
                })
                .collect();
            if group.is_empty() {
                continue;
            }
            let alternatives: Vec<String> =
                group.iter().map(|entry| entry.condition(columns)).collect();
            let when = format!(
                "{} = '{}' AND ({})",
                columns.aid,
                aid.id,
                alternatives.join(" OR ")
            );
            let id = match reopener {
                None => format!("referred_{}", aid.id),
                Some(rule) => format!("referred_{}_unless_{rule}", aid.id),
            };
            if rules.iter().any(|rule| rule.id == id) {
                self.faults.push(Fault::of_file(
                    self.document.path(),
                    Text::new(
                        format!("编号“{id}”是为转介规则保留的"),
                        format!(
                            "the id `{id}` is reserved for the rule made from [[referral_state]]"
                        ),
                    ),
                    Text::new("请改用另一个编号", "choose another id"),
                ));
                continue;
            }
            // This parses, because its parts were checked one by one. If it does
            // not, the fault says what to check.
            let Ok(expression) = parse(&when, &row_scope(schema, BTreeMap::new())) else {
                self.faults.push(Fault::of_file(
                    self.document.path(),
                    Text::new(
                        format!("无法由 [[referral_state]] 生成规则 {id}"),
                        format!("cannot make the rule {id} from [[referral_state]]"),
                    ),
                    Text::new("请检查状态和救助项目", "check its states and aids"),
                ));
                continue;
            };
            let mut cites: Vec<String> = Vec::new();
            for cite in group.iter().flat_map(|entry| &entry.cites) {
                if !cites.contains(cite) {
                    cites.push(cite.clone());
                }
            }
            let titles = |pick: fn(&Text) -> &str| {
                group
                    .iter()
                    .map(|entry| pick(&entry.title))
                    .collect::<Vec<_>>()
                    .join(" / ")
            };
            rules.push(Rule {
                id: id.clone(),
                on: columns.on.clone(),
                kind: RuleKind::Referral,
                when,
                expression,
                when_unknown: WhenUnknown::Review,
                core: None,
                at_most_review: false,
                title: Text::new(
                    format!("已转介：{}（{}）", aid.title.zh, titles(|text| &text.zh)),
                    format!(
                        "Referred before: {} ({})",
                        aid.title.en,
                        titles(|text| &text.en)
                    ),
                ),
                cites,
                check: group.iter().find_map(|entry| entry.check.clone()),
                urgent: false,
                parameters: Vec::new(),
                cases: Vec::new(),
            });
            let named = Combination::Rule(id);
            let suppressed = match reopener {
                None => named,
                Some(rule) => Combination::And(
                    Box::new(named),
                    Box::new(Combination::Not(Box::new(Combination::Rule(rule.into())))),
                ),
            };
            referred = match referred {
                Combination::Constant(_) => suppressed,
                before => Combination::Or(Box::new(before), Box::new(suppressed)),
            };
        }
        referred
    }

    /// Reports rules that no aid uses: they would read columns without need.
    fn report_unused_rules(&mut self, root: &mut TableReader<'d>, rules: &[Rule], aids: &[Aid]) {
        if !self.faults.is_empty() {
            return;
        }
        let used: BTreeSet<&str> = aids
            .iter()
            .flat_map(|aid| {
                [&aid.requires, &aid.qualifies, &aid.referred]
                    .into_iter()
                    .chain(&aid.settled)
            })
            .flat_map(Combination::rules)
            .collect();
        for mut table in root.tables("rule", &mut FaultCollector::new()) {
            let Some(id) = table.string("id", &mut FaultCollector::new()) else {
                continue;
            };
            let unused = rules.iter().any(|rule| {
                rule.id == id.value
                    && !used.contains(rule.id.as_str())
                    && !matches!(
                        rule.kind,
                        RuleKind::Withhold | RuleKind::Exclusion | RuleKind::Priority
                    )
            });
            if unused {
                self.fault(
                    &id.at,
                    Text::new(
                        format!("没有救助项目使用规则“{}”", id.value),
                        format!("no aid uses the rule `{}`", id.value),
                    ),
                    Text::new(
                        "请删去（下层规则文件中的用 [[drop]] 删去），否则会读取不必要的列（个人信息保护法第六条）",
                        "remove it, or drop it with [[drop]] if it is of a policy below: it would read columns without need (Personal Information Protection Law, 6)",
                    ),
                );
            }
        }
    }
}

/// Returns where a table starts.
fn spot_of(table: &TableReader<'_>) -> Spot {
    let (file, place) = table.document().place_of(table.at().start);
    let line = place.and_then(|place| place.line()).unwrap_or_default();
    Spot {
        file: file.to_path_buf(),
        line: usize::try_from(line).unwrap_or(usize::MAX),
    }
}

impl ReferralState {
    fn condition(&self, columns: &ReferralColumns) -> String {
        let states: Vec<String> = self
            .states
            .iter()
            .map(|state| format!("'{state}'"))
            .collect();
        let in_state = format!("{} IN ({})", columns.state, states.join(", "));
        let since = &columns.since;
        let mut conditions = vec![in_state];
        if let Suppression::For(period) = &self.suppresses {
            let interval = period.interval();
            conditions.push(format!("{since} >= as_of - {interval}"));
            conditions.push(format!("{since} <= as_of"));
        }
        if let Some(day) = self.lapses_on {
            // Places enter the day ahead: until it has come, the standard is the old one.
            conditions.push(format!("({since} >= DATE '{day}' OR as_of < DATE '{day}')"));
        }
        match conditions.as_slice() {
            [in_state] => in_state.clone(),
            several => format!("({})", several.join(" AND ")),
        }
    }
}

/// Returns the names that a rule on an export may use: the export's attributes, the
/// derived columns and the values of parameters.
fn row_scope(schema: &ExportSchema, values: BTreeMap<String, NamedValue>) -> Scope {
    let mut columns: Vec<ScopeColumn> = schema
        .fields
        .iter()
        .filter(|field| field.role == Role::Attribute)
        .map(|field| ScopeColumn {
            name: field.name.clone(),
            field_type: field.field_type,
            codes: field.codes.clone(),
        })
        .collect();
    let derived = [
        (crate::rule_language::DERIVED_AGE, FieldType::Integer, None),
        (
            crate::rule_language::DERIVED_MINOR,
            FieldType::Boolean,
            None,
        ),
        (
            crate::rule_language::DERIVED_SEX,
            FieldType::String,
            Some(["male", "female"].map(str::to_owned).into()),
        ),
        (crate::rule_language::DERIVED_AS_OF, FieldType::Date, None),
    ];
    for (name, field_type, codes) in derived {
        columns.push(ScopeColumn {
            name: name.to_owned(),
            field_type,
            codes,
        });
    }
    Scope { columns, values }
}
