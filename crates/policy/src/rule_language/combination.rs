//! Combinations of rules, which define terms and aids. A combination refers to
//! rules by id and is evaluated on their outcomes, without rows, at an agency
//! and at the centre alike.

use std::collections::BTreeSet;

use sqlparser::ast::{BinaryOperator, Expr, Spanned, UnaryOperator};

use super::parse::{ExpressionFault, fault_at, syntax_tree};
use aidlink_contract::outcome::Outcome;
use aidlink_faults::fault::nearest_name_hint;
use aidlink_faults::text::Text;

/// The greatest number of nodes of a combination in which terms are replaced. Legal rules
/// need some dozens. A term that names another term twice is twice as large, so without a
/// limit a few dozen terms would fill the memory.
const MOST_NODES: usize = 10_000;
/// The greatest number of nodes of all such combinations of a policy together.
const MOST_NODES_TOGETHER: usize = 200_000;

/// The number of nodes that the combinations of a policy may still have.
pub struct NodeBudget(usize);

impl Default for NodeBudget {
    fn default() -> Self {
        NodeBudget(MOST_NODES_TOGETHER)
    }
}

/// A combination of rules: AND is the lesser outcome, OR the greater one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Combination {
    /// Always yes or always no.
    Constant(bool),
    /// The outcome of the rule with this id.
    Rule(String),
    /// Negation of yes and no; unknown and indicated give unknown.
    Not(Box<Combination>),
    /// Yes if both sides are yes.
    And(Box<Combination>, Box<Combination>),
    /// Yes if at least one side is yes.
    Or(Box<Combination>, Box<Combination>),
}

/// The error for a combination that would have too many nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLarge;

impl TooLarge {
    /// Returns what is wrong.
    pub fn message(self) -> Text {
        Text::new(
            format!(
                "代入术语后，此表达式的名称和运算符超过{MOST_NODES}个，或全部表达式合计超过{MOST_NODES_TOGETHER}个"
            ),
            format!(
                "with the terms put in, this expression has more than {MOST_NODES} names and operators, or all expressions together have more than {MOST_NODES_TOGETHER}"
            ),
        )
    }

    /// Returns what to do.
    pub fn hint(self) -> Text {
        Text::new(
            "请减少对其他术语的重复引用",
            "name other terms less often in it",
        )
    }
}

/// Whether a combination may contain NOT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Negation {
    /// Only AND and OR are allowed.
    Refused,
    /// AND, OR and NOT are allowed.
    Allowed,
}

impl Combination {
    /// Parses a combination of the rules and terms in `names`.
    ///
    /// # Errors
    /// The first syntax fault; if there is none, all other faults.
    pub fn parse(
        text: &str,
        names: &[String],
        negation: Negation,
    ) -> Result<Self, Vec<ExpressionFault>> {
        let tree = syntax_tree(text)?;
        let mut reader = Reader {
            text,
            names,
            negation,
            faults: Vec::new(),
        };
        match reader.read(&tree) {
            Some(combination) if reader.faults.is_empty() => Ok(combination),
            _ => Err(reader.faults),
        }
    }

    /// Returns the ids of the rules that the combination names.
    pub fn rules(&self) -> BTreeSet<&str> {
        let mut rules = BTreeSet::new();
        self.collect_rules(&mut rules);
        rules
    }

    fn collect_rules<'c>(&'c self, rules: &mut BTreeSet<&'c str>) {
        match self {
            Combination::Constant(_) => {}
            Combination::Rule(id) => {
                rules.insert(id);
            }
            Combination::Not(inner) => inner.collect_rules(rules),
            Combination::And(left, right) | Combination::Or(left, right) => {
                left.collect_rules(rules);
                right.collect_rules(rules);
            }
        }
    }

    /// Returns the least and the greatest outcome that the combination can have; `of` returns
    /// those of a rule. A rule that is named twice counts as two different ones, so some of the
    /// outcomes between may be impossible.
    pub fn bounds(&self, of: &impl Fn(&str) -> (Outcome, Outcome)) -> (Outcome, Outcome) {
        match self {
            Combination::Constant(truth) => {
                let outcome = Outcome::from_option(Some(*truth));
                (outcome, outcome)
            }
            Combination::Rule(id) => of(id),
            Combination::Not(inner) => {
                let (least, greatest) = inner.bounds(of);
                (!greatest, !least)
            }
            Combination::And(left, right) => {
                let (left, right) = (left.bounds(of), right.bounds(of));
                (left.0.and(right.0), left.1.and(right.1))
            }
            Combination::Or(left, right) => {
                let (left, right) = (left.bounds(of), right.bounds(of));
                (left.0.or(right.0), left.1.or(right.1))
            }
        }
    }

    /// Evaluates the combination; `of` returns the outcome of a rule. If the left side decides,
    /// the right one is not evaluated.
    pub fn outcome(&self, of: &impl Fn(&str) -> Outcome) -> Outcome {
        match self {
            Combination::Constant(truth) => Outcome::from_option(Some(*truth)),
            Combination::Rule(id) => of(id),
            Combination::Not(inner) => !inner.outcome(of),
            Combination::And(left, right) => match left.outcome(of) {
                Outcome::No => Outcome::No,
                left => left.and(right.outcome(of)),
            },
            Combination::Or(left, right) => match left.outcome(of) {
                Outcome::Yes => Outcome::Yes,
                left => left.or(right.outcome(of)),
            },
        }
    }

    /// Returns the first rule by which the combination is yes, of those for which `counts`
    /// holds; `None` if it is not yes, or only by other rules. `of` returns the outcome of a
    /// rule. A rule below NOT never is one: that something is not so shows nothing.
    pub fn yes_by<'c>(
        &'c self,
        of: &impl Fn(&str) -> Outcome,
        counts: &impl Fn(&str) -> bool,
    ) -> Option<&'c str> {
        self.outcome_and_rule(of, counts).1
    }

    /// Returns whether a rule is named anywhere but below NOT, so that the combination may be yes
    /// by it.
    pub fn may_be_yes_by(&self, rule: &str) -> bool {
        match self {
            Combination::Rule(id) => id == rule,
            Combination::And(left, right) | Combination::Or(left, right) => {
                left.may_be_yes_by(rule) || right.may_be_yes_by(rule)
            }
            Combination::Constant(_) | Combination::Not(_) => false,
        }
    }

    /// Returns the outcome, and, if it is yes, the rule of [`Combination::yes_by`].
    fn outcome_and_rule<'c>(
        &'c self,
        of: &impl Fn(&str) -> Outcome,
        counts: &impl Fn(&str) -> bool,
    ) -> (Outcome, Option<&'c str>) {
        match self {
            Combination::Rule(id) => {
                let outcome = of(id);
                let shows = outcome == Outcome::Yes && counts(id);
                (outcome, shows.then_some(id.as_str()))
            }
            Combination::And(left, right) => {
                let (left, by_left) = left.outcome_and_rule(of, counts);
                let (right, by_right) = right.outcome_and_rule(of, counts);
                let outcome = left.and(right);
                let by = by_left.or(by_right);
                (outcome, by.filter(|_| outcome == Outcome::Yes))
            }
            Combination::Or(left, right) => {
                let (left, by_left) = left.outcome_and_rule(of, counts);
                let (right, by_right) = right.outcome_and_rule(of, counts);
                (left.or(right), by_left.or(by_right))
            }
            Combination::Constant(_) | Combination::Not(_) => (self.outcome(of), None),
        }
    }

    /// Returns the combination with each name replaced by the result of
    /// `replace`; names for which it returns `None` stay.
    ///
    /// # Errors
    /// If the result would have more than 10,000 nodes or more than the budget has left.
    pub fn substitute<'c>(
        &self,
        replace: &impl Fn(&str) -> Option<&'c Combination>,
        budget: &mut NodeBudget,
    ) -> Result<Combination, TooLarge> {
        let allowed = MOST_NODES.min(budget.0);
        let mut nodes_left = allowed;
        let substituted = self.substitute_within(replace, &mut nodes_left)?;
        budget.0 -= allowed - nodes_left;
        Ok(substituted)
    }

    /// As [`Combination::substitute`]. Takes each node of the result from `nodes_left`
    /// before it is made.
    fn substitute_within<'c>(
        &self,
        replace: &impl Fn(&str) -> Option<&'c Combination>,
        nodes_left: &mut usize,
    ) -> Result<Combination, TooLarge> {
        if let Combination::Rule(id) = self
            && let Some(replacement) = replace(id)
        {
            *nodes_left = nodes_left
                .checked_sub(replacement.nodes())
                .ok_or(TooLarge)?;
            return Ok(replacement.clone());
        }
        *nodes_left = nodes_left.checked_sub(1).ok_or(TooLarge)?;
        let mut within = |inner: &Combination| -> Result<Box<Combination>, TooLarge> {
            Ok(Box::new(inner.substitute_within(replace, nodes_left)?))
        };
        Ok(match self {
            Combination::Constant(_) | Combination::Rule(_) => self.clone(),
            Combination::Not(inner) => Combination::Not(within(inner)?),
            Combination::And(left, right) => Combination::And(within(left)?, within(right)?),
            Combination::Or(left, right) => Combination::Or(within(left)?, within(right)?),
        })
    }

    /// Returns the number of nodes, which are names, constants and operators.
    fn nodes(&self) -> usize {
        1 + match self {
            Combination::Constant(_) | Combination::Rule(_) => 0,
            Combination::Not(inner) => inner.nodes(),
            Combination::And(left, right) | Combination::Or(left, right) => {
                left.nodes() + right.nodes()
            }
        }
    }
}

struct Reader<'t> {
    text: &'t str,
    names: &'t [String],
    negation: Negation,
    faults: Vec<ExpressionFault>,
}

impl Reader<'_> {
    fn read(&mut self, tree: &Expr) -> Option<Combination> {
        match tree {
            Expr::Nested(inner) => self.read(inner),
            Expr::BinaryOp {
                left,
                op: op @ (BinaryOperator::And | BinaryOperator::Or),
                right,
            } => {
                // Read both sides before `?`, to find the faults of both.
                let sides = (self.read(left), self.read(right));
                let (left, right) = (Box::new(sides.0?), Box::new(sides.1?));
                Some(match op {
                    BinaryOperator::And => Combination::And(left, right),
                    _ => Combination::Or(left, right),
                })
            }
            Expr::UnaryOp {
                op: UnaryOperator::Not,
                expr,
            } if self.negation == Negation::Allowed => {
                Some(Combination::Not(Box::new(self.read(expr)?)))
            }
            Expr::Identifier(name) if self.names.contains(&name.value) => {
                Some(Combination::Rule(name.value.clone()))
            }
            Expr::Identifier(name) => {
                let names = self.names.iter().map(String::as_str);
                let message = Text::new(
                    format!("未定义的规则“{}”", name.value),
                    format!("undefined rule `{}`", name.value),
                );
                let hint = nearest_name_hint(&name.value, names);
                self.faults
                    .push(fault_at(self.text, name.span, message, hint));
                None
            }
            _ => {
                let message = Text::new(
                    "规则语言不允许此写法",
                    "this is not part of the rule language",
                );
                let hint = match self.negation {
                    Negation::Refused => Text::new(
                        "此处请只用 AND 和 OR 组合规则；否定请写在 settled 中",
                        "combine rules with AND and OR only; write negations in `settled`",
                    ),
                    Negation::Allowed => Text::new(
                        "此处请只用 AND、OR、NOT 组合规则",
                        "combine rules with AND, OR and NOT only",
                    ),
                };
                self.faults
                    .push(fault_at(self.text, tree.span(), message, hint));
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Vec<String> {
        ["a", "b", "c"].map(str::to_owned).into()
    }

    fn parsed(text: &str) -> Combination {
        Combination::parse(text, &names(), Negation::Allowed).expect("a valid combination")
    }

    fn refused(text: &str, negation: Negation) -> Vec<(usize, String)> {
        let faults = Combination::parse(text, &names(), negation).expect_err(text);
        let faults = faults.into_iter();
        faults
            .map(|fault| (fault.offset, fault.message.en))
            .collect()
    }

    /// Returns the outcomes of a combination for every pair of outcomes of `a`
    /// (outer loop) and `b` (inner loop), each in the order no, unknown,
    /// indicated, yes.
    fn table(combination: &Combination) -> String {
        let mut table = String::new();
        for a in Outcome::ALL {
            for b in Outcome::ALL {
                let outcome = combination.outcome(&|rule| if rule == "a" { a } else { b });
                table.push_str(match outcome {
                    Outcome::No => "n",
                    Outcome::Unknown => "u",
                    Outcome::Indicated => "i",
                    Outcome::Yes => "y",
                });
            }
        }
        table
    }

    #[test]
    fn combinations_follow_the_tables_of_four_outcomes() {
        for (text, expected) in [
            ("a AND b", "nnnnnuuunuiinuiy"),
            ("a OR b", "nuiyuuiyiiiyyyyy"),
            ("NOT a", "yyyyuuuuuuuunnnn"),
            // De Morgan's laws hold.
            ("NOT (a AND b)", "yyyyyuuuyuuuyuun"),
            ("NOT a OR NOT b", "yyyyyuuuyuuuyuun"),
            ("NOT (a OR b)", "yuunuuunuuunnnnn"),
            ("NOT a AND NOT b", "yuunuuunuuunnnnn"),
            // The law of the excluded middle does not hold.
            ("a OR NOT a", "yyyyuuuuiiiiyyyy"),
            ("a AND NOT a", "nnnnuuuuuuuunnnn"),
            // AND binds more closely than OR.
            ("a OR b AND a", "nnnnuuuuiiiiyyyy"),
        ] {
            assert_eq!(table(&parsed(text)), expected, "{text}");
        }
    }

    #[test]
    fn constants_are_never_unknown() {
        assert_eq!(table(&Combination::Constant(false)), "nnnnnnnnnnnnnnnn");
        assert_eq!(table(&Combination::Constant(true)), "yyyyyyyyyyyyyyyy");
    }

    /// Returns every choice of a value for `a`, `b` and `c`.
    fn choices<T: Copy>(values: &[T]) -> Vec<[T; 3]> {
        let pairs = values.iter().flat_map(|a| values.iter().map(|b| (*a, *b)));
        let triples = pairs.flat_map(|(a, b)| values.iter().map(move |c| [a, b, *c]));
        triples.collect()
    }

    #[test]
    fn the_bounds_of_a_combination_hold_every_outcome() {
        let place = |name: &str| names().iter().position(|one| one == name).expect("a name");
        let all = choices(&Outcome::ALL);
        let pairs = Outcome::ALL.map(|least| Outcome::ALL.map(|greatest| (least, greatest)));
        let mut ranges = pairs.concat();
        ranges.retain(|(least, greatest)| least <= greatest);
        for (text, each_name_once) in [
            ("a", true),
            ("NOT a", true),
            ("a AND NOT b", true),
            ("a OR NOT (b AND c)", true),
            ("NOT (a OR b) AND c", true),
            ("NOT (a AND NOT (b OR NOT c))", true),
            ("(a AND NOT b) OR (b AND c)", false),
        ] {
            let combination = parsed(text);
            for range in choices(&ranges) {
                let is_within = |outcomes: &&[Outcome; 3]| {
                    let mut both = outcomes.iter().zip(range);
                    both.all(|(one, (least, greatest))| (least..=greatest).contains(one))
                };
                let outcomes = all.iter().filter(is_within);
                let outcomes: BTreeSet<Outcome> = outcomes
                    .map(|outcomes| combination.outcome(&|name| outcomes[place(name)]))
                    .collect();
                let (least, greatest) = combination.bounds(&|name| range[place(name)]);
                assert!(
                    outcomes.iter().all(|one| (least..=greatest).contains(one)),
                    "{text}"
                );
                // A name that is there twice is taken for two.
                let are_reached = outcomes.contains(&least) && outcomes.contains(&greatest);
                assert!(are_reached || !each_name_once, "{text}");
            }
        }
    }

    #[test]
    fn the_rule_that_makes_a_combination_yes_is_found() {
        let (no, unknown, yes) = (Outcome::No, Outcome::Unknown, Outcome::Yes);
        // The outcomes of a, b, c; a and b count.
        for (text, outcomes, expected) in [
            ("a OR b", [yes, yes, no], Some("a")),
            ("a OR b", [no, yes, no], Some("b")),
            ("a OR b", [unknown, Outcome::Indicated, no], None),
            ("c OR b", [no, yes, yes], Some("b")),
            // Yes only by a rule that does not count.
            ("c OR b", [yes, no, yes], None),
            ("a AND NOT c", [yes, no, no], Some("a")),
            ("a AND NOT c", [yes, no, yes], None),
            ("a AND NOT c", [yes, no, unknown], None),
            // Another side makes it yes than the one with the rule.
            ("(a AND NOT c) OR c", [yes, no, yes], None),
            ("NOT a", [no, no, no], None),
            ("c AND a", [yes, no, yes], Some("a")),
            ("c AND a", [yes, no, unknown], None),
        ] {
            let of = |rule: &str| match rule {
                "a" => outcomes[0],
                "b" => outcomes[1],
                _ => outcomes[2],
            };
            let combination = parsed(text);
            let found = combination.yes_by(&of, &|rule| rule != "c");
            assert_eq!(found, expected, "{text} {outcomes:?}");
        }
    }

    #[test]
    fn rules_are_listed_and_terms_are_substituted() {
        let combination = parsed("a AND (b OR NOT a)");
        assert_eq!(
            combination.rules().into_iter().collect::<Vec<_>>(),
            ["a", "b"]
        );
        let mut budget = NodeBudget::default();
        let unchanged = combination.substitute(&|_| None, &mut budget);
        assert_eq!(unchanged, Ok(combination.clone()));
        let term = parsed("c OR b");
        let replace = |name: &str| (name == "a").then_some(&term);
        let substituted = combination.substitute(&replace, &mut budget);
        assert_eq!(substituted, Ok(parsed("(c OR b) AND (b OR NOT (c OR b))")));
        assert!(Combination::Constant(true).rules().is_empty());
    }

    #[test]
    fn substitution_stops_at_the_limits() {
        let pair = parsed("a OR a");
        let doubled =
            |term: &Combination, budget: &mut NodeBudget| pair.substitute(&|_| Some(term), budget);
        // 2^(n + 1) - 1 nodes after n doublings.
        let mut term = parsed("b");
        for _ in 0..12 {
            term = doubled(&term, &mut NodeBudget::default()).expect("at most 8,191 nodes");
        }
        assert_eq!(term.nodes(), 8_191);
        assert_eq!(doubled(&term, &mut NodeBudget::default()), Err(TooLarge));

        let unchanged = |budget: &mut NodeBudget| term.substitute(&|_| None, budget);
        let mut budget = NodeBudget::default();
        let fit = (0..100).take_while(|_| unchanged(&mut budget).is_ok());
        assert_eq!(fit.count(), MOST_NODES_TOGETHER / 8_191);
    }

    #[test]
    fn invalid_combinations_are_refused_with_their_offset() {
        let not_in_language = |offset| (offset, "this is not part of the rule language".to_owned());
        for (text, offset) in [
            ("a = b", 0),
            ("b AND a IS NULL", 6),
            ("b AND TRUE", 6),
            ("a IN (b)", 0),
            ("b OR 1", 5),
        ] {
            for negation in [Negation::Refused, Negation::Allowed] {
                assert_eq!(refused(text, negation), [not_in_language(offset)], "{text}");
            }
        }
        // The offset of a negation is that of its operand.
        assert_eq!(refused("NOT a", Negation::Refused), [not_in_language(4)]);
        let undefined = |offset, name: &str| (offset, format!("undefined rule `{name}`"));
        assert_eq!(
            refused("d AND (e OR a)", Negation::Refused),
            [undefined(0, "d"), undefined(7, "e")]
        );
        for syntax in ["", "a AND", "(a", "a b"] {
            assert_eq!(refused(syntax, Negation::Allowed).len(), 1, "{syntax}");
        }
    }
}
