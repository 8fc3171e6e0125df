//! Combinations of rules: what terms and aids say. A combination knows rules by
//! their ids and nothing of the rows they were judged on; an agency and the
//! centre evaluate it alike, on outcomes.

use std::collections::BTreeSet;

use sqlparser::ast::{BinaryOperator, Expr, Spanned, UnaryOperator};

use super::parse::{ExpressionFault, fault_at, syntax_tree};
use aidlink_contract::outcome::Outcome;
use aidlink_faults::fault::nearest_name_hint;
use aidlink_faults::text::Text;

/// A combination of rules, in Kleene's three-valued logic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Combination {
    /// Always, or never.
    Constant(bool),
    /// The outcome of the rule with this id.
    Rule(String),
    /// Negation; of unknown: unknown.
    Not(Box<Combination>),
    /// Both.
    And(Box<Combination>, Box<Combination>),
    /// At least one.
    Or(Box<Combination>, Box<Combination>),
    /// Whether a combination is unknown; never unknown itself.
    IsUnknown(Box<Combination>),
}

/// Whether a combination may negate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Negation {
    /// Only AND and OR.
    Refused,
    /// AND, OR and NOT.
    Allowed,
}

impl Combination {
    /// The combination as text; it may name the rules and terms of `names`.
    ///
    /// # Errors
    /// The first fault of syntax, or every fault of names.
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

    /// The ids of the rules that it names.
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
            Combination::Not(inner) | Combination::IsUnknown(inner) => inner.collect_rules(rules),
            Combination::And(left, right) | Combination::Or(left, right) => {
                left.collect_rules(rules);
                right.collect_rules(rules);
            }
        }
    }

    /// What it says when `of` gives the outcome of each rule.
    pub fn outcome(&self, of: &impl Fn(&str) -> Outcome) -> Outcome {
        match self {
            Combination::Constant(truth) => Outcome::from_option(Some(*truth)),
            Combination::Rule(id) => of(id),
            Combination::Not(inner) => !inner.outcome(of),
            Combination::And(left, right) => left.outcome(of).and(right.outcome(of)),
            Combination::Or(left, right) => left.outcome(of).or(right.outcome(of)),
            Combination::IsUnknown(inner) => {
                Outcome::from_option(Some(inner.outcome(of) == Outcome::Unknown))
            }
        }
    }

    /// The same combination with each name replaced by what `replace` gives for
    /// it; names for which it gives nothing stay.
    pub fn substitute(&self, replace: &impl Fn(&str) -> Option<Combination>) -> Combination {
        let within = |inner: &Combination| Box::new(inner.substitute(replace));
        match self {
            Combination::Constant(_) => self.clone(),
            Combination::Rule(id) => replace(id).unwrap_or_else(|| self.clone()),
            Combination::Not(inner) => Combination::Not(within(inner)),
            Combination::And(left, right) => Combination::And(within(left), within(right)),
            Combination::Or(left, right) => Combination::Or(within(left), within(right)),
            Combination::IsUnknown(inner) => Combination::IsUnknown(within(inner)),
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
                // Both, so that the faults of both are found.
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
                        "此处只能用AND和OR组合规则；否定请写在settled中",
                        "only AND and OR of rules may stand here; negation belongs in `settled`",
                    ),
                    Negation::Allowed => Text::new(
                        "此处只能用AND、OR、NOT组合规则",
                        "only AND, OR and NOT of rules may stand here",
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

    const OUTCOMES: [Outcome; 3] = [Outcome::No, Outcome::Unknown, Outcome::Yes];

    fn names() -> Vec<String> {
        ["a", "b", "c"].map(str::to_owned).into()
    }

    fn parsed(text: &str) -> Combination {
        Combination::parse(text, &names(), Negation::Allowed).expect("a good combination")
    }

    fn refused(text: &str, negation: Negation) -> Vec<(usize, String)> {
        let faults = Combination::parse(text, &names(), negation).expect_err(text);
        let faults = faults.into_iter();
        faults
            .map(|fault| (fault.offset, fault.message.en))
            .collect()
    }

    /// The outcomes of a combination for every pair of outcomes of `a` and `b`,
    /// `a` outside, each from no over unknown to yes.
    fn table(combination: &Combination) -> String {
        let mut table = String::new();
        for a in OUTCOMES {
            for b in OUTCOMES {
                let outcome = combination.outcome(&|rule| if rule == "a" { a } else { b });
                table.push_str(match outcome {
                    Outcome::No => "n",
                    Outcome::Unknown => "u",
                    Outcome::Yes => "y",
                });
            }
        }
        table
    }

    #[test]
    fn combinations_follow_kleenes_tables() {
        for (text, expected) in [
            ("a AND b", "nnnnuunuy"),
            ("a OR b", "nuyuuyyyy"),
            ("NOT a", "yyyuuunnn"),
            // De Morgan's laws hold in three values too.
            ("NOT (a AND b)", "yyyyuuyun"),
            ("NOT a OR NOT b", "yyyyuuyun"),
            ("NOT (a OR b)", "yunuunnnn"),
            ("NOT a AND NOT b", "yunuunnnn"),
            // The excluded middle does not.
            ("a OR NOT a", "yyyuuuyyy"),
            ("a AND NOT a", "nnnuuunnn"),
            // AND binds more closely than OR.
            ("a OR b AND a", "nnnuuuyyy"),
        ] {
            assert_eq!(table(&parsed(text)), expected, "{text}");
        }
    }

    #[test]
    fn constants_are_known_and_whether_it_is_unknown_is_always_known() {
        assert_eq!(table(&Combination::Constant(false)), "nnnnnnnnn");
        assert_eq!(table(&Combination::Constant(true)), "yyyyyyyyy");
        let is_unknown = |inner| Combination::IsUnknown(Box::new(inner));
        assert_eq!(table(&is_unknown(parsed("a"))), "nnnyyynnn");
        assert_eq!(table(&is_unknown(parsed("a AND b"))), "nnnnyynyn");
        assert_eq!(table(&is_unknown(is_unknown(parsed("a")))), "nnnnnnnnn");
    }

    #[test]
    fn it_names_its_rules_and_has_terms_put_in() {
        let combination = parsed("a AND (b OR NOT a)");
        assert_eq!(
            combination.rules().into_iter().collect::<Vec<_>>(),
            ["a", "b"]
        );
        assert_eq!(combination.substitute(&|_| None), combination);
        let term = parsed("c OR b");
        let put_in = combination.substitute(&|name| (name == "a").then(|| term.clone()));
        assert_eq!(put_in, parsed("(c OR b) AND (b OR NOT (c OR b))"));
        assert!(Combination::Constant(true).rules().is_empty());
    }

    #[test]
    fn what_is_no_combination_is_refused_with_its_place() {
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
        // Of a negation the place of what is negated is known.
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
