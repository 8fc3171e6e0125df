//! Parses and checks expressions.
//!
//! `sqlparser` parses the SQL. This module refuses every node that is not part
//! of the rule language and checks names, types and codes, so that a typo is
//! reported with its position and never becomes a rule whose outcome is always
//! no.

use std::collections::BTreeSet;

use jiff::civil::Date;
use sqlparser::ast::{
    BinaryOperator, DataType, DateTimeField, Expr, Ident, Spanned, UnaryOperator, Value,
    ValueWithSpan,
};
use sqlparser::dialect::GenericDialect;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Span, Token, Tokenizer};

use super::tree::{self, Comparison, Expression, NamedValue, Operand, Scope, ScopeColumn};
use crate::period::Period;
use crate::value::FieldType;
use aidlink_faults::fault::nearest_name_hint;
use aidlink_faults::text::Text;

/// The greatest length of an expression in bytes. Legal rules do not need
/// longer ones, and the limit bounds the depth of the tree.
const LONGEST_EXPRESSION: usize = 8 * 1024;
/// The greatest nesting depth of parentheses and operators.
const DEEPEST_NESTING: usize = 60;

/// The greatest number of values of IN, with those of named lists. More do not fit into an
/// expression without named lists.
const MOST_ALTERNATIVES: usize = LONGEST_EXPRESSION / 2;

/// A fault of an expression, with its position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpressionFault {
    /// Byte offset into the expression's text.
    pub offset: usize,
    /// What happened.
    pub message: Text,
    /// What to do.
    pub hint: Text,
}

/// Parses and checks a condition on one row.
///
/// # Errors
/// The first syntax fault, or every fault of names, types and codes.
pub fn parse(text: &str, scope: &Scope) -> Result<Expression, Vec<ExpressionFault>> {
    let parsed = syntax_tree(text)?;
    let mut checker = Checker {
        text,
        scope,
        faults: Vec::new(),
    };
    let expression = checker.condition(&parsed);
    match expression {
        Some(expression) if checker.faults.is_empty() => Ok(expression),
        _ => Err(checker.faults),
    }
}

/// Returns the names in an expression, whatever they stand for; none if it has a syntax
/// fault.
pub fn names_in(text: &str) -> BTreeSet<String> {
    let tokens = Tokenizer::new(&GenericDialect {}, text).tokenize();
    let words = tokens
        .into_iter()
        .flatten()
        .filter_map(|token| match token {
            Token::Word(word) => Some(word.value),
            _ => None,
        });
    words.collect()
}

/// Parses an expression without checking nodes and names.
///
/// # Errors
/// The first syntax fault only.
pub(super) fn syntax_tree(text: &str) -> Result<Expr, Vec<ExpressionFault>> {
    if text.len() > LONGEST_EXPRESSION {
        return Err(vec![ExpressionFault {
            offset: 0,
            message: Text::new("表达式超过8 KiB", "the expression is longer than 8 KiB"),
            hint: Text::new("请拆分为多条规则", "split it into several rules"),
        }]);
    }
    let syntax_fault = |offset, message: Text| {
        vec![ExpressionFault {
            offset,
            message,
            hint: Text::new(
                "请检查括号、引号和运算符",
                "check parentheses, quotes and operators",
            ),
        }]
    };
    let dialect = GenericDialect {};
    let tokens = Tokenizer::new(&dialect, text)
        .tokenize_with_location()
        .map_err(|error| {
            let offset = offset_of(text, error.location.line, error.location.column);
            syntax_fault(
                offset,
                Text::new("表达式语法错误", "syntax error in the expression"),
            )
        })?;
    let mut parser = Parser::new(&dialect)
        .with_recursion_limit(DEEPEST_NESTING)
        .with_tokens_with_locations(tokens);
    let parsed = parser.parse_expr();
    let next = parser.peek_token();
    let next_offset = offset_of(text, next.span.start.line, next.span.start.column);
    match parsed {
        Ok(parsed) if next.token == Token::EOF => Ok(parsed),
        Err(ParserError::RecursionLimitExceeded) => Err(syntax_fault(
            next_offset,
            Text::new("表达式嵌套过深", "the expression is nested too deeply"),
        )),
        // The library's message is dropped, because it quotes the input.
        Ok(_) | Err(_) => Err(syntax_fault(
            next_offset,
            Text::new("表达式语法错误", "syntax error in the expression"),
        )),
    }
}

/// Creates a fault at the position of a syntax node.
pub(super) fn fault_at(text: &str, span: Span, message: Text, hint: Text) -> ExpressionFault {
    // Line 0 means that the node has no position.
    let offset = match span.start.line {
        0 => 0,
        line => offset_of(text, line, span.start.column),
    };
    ExpressionFault {
        offset,
        message,
        hint,
    }
}

/// Converts a tokenizer position to a byte offset. Lines and columns count from
/// 1, columns in characters. Line 0 is the end of input.
fn offset_of(text: &str, line: u64, column: u64) -> usize {
    if line == 0 {
        return text.trim_end().len();
    }
    let mut start = 0;
    for _ in 1..line {
        match text[start..].find('\n') {
            Some(newline) => start += newline + 1,
            None => return text.len(),
        }
    }
    let skipped = usize::try_from(column.saturating_sub(1)).unwrap_or(usize::MAX);
    text[start..]
        .char_indices()
        .nth(skipped)
        .map_or(text.len(), |(index, _)| start + index)
}

struct Checker<'t> {
    text: &'t str,
    scope: &'t Scope,
    faults: Vec<ExpressionFault>,
}

impl Checker<'_> {
    fn fault(&mut self, span: Span, message: Text, hint: Text) {
        self.faults.push(fault_at(self.text, span, message, hint));
    }

    fn not_in_language(&mut self, expression: &Expr) {
        let hint = Text::new(
            "请只用比较、IN、BETWEEN、AND、OR、NOT、IS NULL、数值加减、DATE '…'、as_of - INTERVAL '6' MONTH",
            "use only comparisons, IN, BETWEEN, AND, OR, NOT, IS NULL, + and - of numbers, DATE '...', as_of - INTERVAL '6' MONTH",
        );
        self.fault(
            expression.span(),
            Text::new(
                "规则语言不允许此写法",
                "this is not part of the rule language",
            ),
            hint,
        );
    }

    fn column(&mut self, identifier: &Ident) -> Option<ScopeColumn> {
        let found = self
            .scope
            .columns
            .iter()
            .find(|column| column.name == identifier.value);
        if found.is_none() && self.scope.values.contains_key(&identifier.value) {
            self.fault(
                identifier.span,
                Text::new(
                    format!("“{}”是参数，此处应为列", identifier.value),
                    format!("`{}` is a parameter; expected a column", identifier.value),
                ),
                Text::new(
                    "请将参数与列比较，例如 列 >= 参数",
                    "compare a column with it, such as COLUMN >= PARAMETER",
                ),
            );
        } else if found.is_none() {
            let names = self.scope.columns.iter().map(|column| column.name.as_str());
            let names = names.chain(self.scope.values.keys().map(String::as_str));
            let hint = nearest_name_hint(&identifier.value, names);
            self.fault(
                identifier.span,
                Text::new(
                    format!("未知的列“{}”", identifier.value),
                    format!("unknown column `{}`", identifier.value),
                ),
                hint,
            );
        }
        found.cloned()
    }

    fn condition(&mut self, expression: &Expr) -> Option<Expression> {
        match expression {
            Expr::Nested(inner) => self.condition(inner),
            Expr::BinaryOp { left, op, right } => match op {
                BinaryOperator::And | BinaryOperator::Or => {
                    let sides = (self.condition(left), self.condition(right));
                    let (left, right) = (Box::new(sides.0?), Box::new(sides.1?));
                    Some(if *op == BinaryOperator::And {
                        Expression::And(left, right)
                    } else {
                        Expression::Or(left, right)
                    })
                }
                _ => {
                    let Some(comparison) = comparison_of(op) else {
                        self.not_in_language(expression);
                        return None;
                    };
                    self.comparison(expression, left, comparison, right)
                }
            },
            Expr::UnaryOp {
                op: UnaryOperator::Not,
                expr,
            } => Some(Expression::Not(Box::new(self.condition(expr)?))),
            Expr::Identifier(identifier) => {
                let column = self.column(identifier)?;
                if column.field_type != FieldType::Boolean {
                    self.fault(
                        identifier.span,
                        Text::new(
                            format!(
                                "列“{}”的类型为 {}，不能单独作为条件",
                                column.name,
                                column.field_type.name()
                            ),
                            format!(
                                "the column `{}` has type {} and is not a condition by itself",
                                column.name,
                                column.field_type.name()
                            ),
                        ),
                        Text::new(
                            "请加上比较，例如 = '…'",
                            "add a comparison, such as = '...'",
                        ),
                    );
                    return None;
                }
                Some(Expression::Column(column.name))
            }
            Expr::Value(ValueWithSpan {
                value: Value::Boolean(truth),
                ..
            }) => Some(Expression::Constant(*truth)),
            Expr::IsNull(inner) => self.is_null(inner),
            Expr::IsNotNull(inner) => Some(Expression::Not(Box::new(self.is_null(inner)?))),
            Expr::InList {
                expr,
                list,
                negated,
            } => {
                let mut any = None;
                let mut complete = true;
                let mut alternatives = Vec::new();
                for item in list {
                    alternatives.extend(self.equals_any(expr, item));
                    if alternatives.len() > MOST_ALTERNATIVES {
                        self.fault(
                            item.span(),
                            Text::new(
                                format!("IN 的取值超过{MOST_ALTERNATIVES}个"),
                                format!("IN has more than {MOST_ALTERNATIVES} values"),
                            ),
                            Text::new("请拆分为多条规则", "split it into several rules"),
                        );
                        return None;
                    }
                }
                for equal in alternatives {
                    match equal {
                        Some(equal) => {
                            any = Some(match any {
                                None => equal,
                                Some(before) => Expression::Or(Box::new(before), Box::new(equal)),
                            });
                        }
                        None => complete = false,
                    }
                }
                let any = any.filter(|_| complete)?;
                Some(if *negated {
                    Expression::Not(Box::new(any))
                } else {
                    any
                })
            }
            Expr::Between {
                expr,
                negated,
                low,
                high,
            } => {
                let from = self.comparison(low, expr, Comparison::GreaterOrEqual, low);
                let to = self.comparison(high, expr, Comparison::LessOrEqual, high);
                let both = Expression::And(Box::new(from?), Box::new(to?));
                Some(if *negated {
                    Expression::Not(Box::new(both))
                } else {
                    both
                })
            }
            _ => {
                self.not_in_language(expression);
                None
            }
        }
    }

    /// Compares an expression with an item of IN, which may be a named list.
    fn equals_any(&mut self, expression: &Expr, item: &Expr) -> Vec<Option<Expression>> {
        let scope = self.scope;
        let named = match item {
            Expr::Identifier(identifier) => scope.values.get(&identifier.value),
            _ => None,
        };
        let Some(NamedValue::List(values)) = named else {
            return vec![self.comparison(item, expression, Comparison::Equal, item)];
        };
        let Some(left) = self.operand(expression) else {
            return vec![None];
        };
        let mut equal = |value: &NamedValue| {
            let right = self.named_operand(item, value)?;
            let sides = ((expression, left.clone()), (item, right));
            self.compared(item, sides.0, Comparison::Equal, sides.1)
        };
        values.iter().map(&mut equal).collect()
    }

    /// Returns a named value as an operand. `named` is where it is used.
    fn named_operand(&mut self, named: &Expr, value: &NamedValue) -> Option<Operand> {
        match value {
            NamedValue::Number(number) => Some(Operand::Number(*number)),
            NamedValue::Text(text) => Some(Operand::String(text.clone())),
            NamedValue::Date(date) => Some(Operand::Date(*date)),
            NamedValue::Period(_) => {
                self.fault(
                    named.span(),
                    Text::new("时长不能在此处使用", "a period is not allowed here"),
                    Text::new(
                        "时长只能与日期相加减，例如 as_of - 时长参数",
                        "add it to a date or subtract it, such as as_of - PERIOD",
                    ),
                );
                None
            }
            NamedValue::List(_) => {
                self.fault(
                    named.span(),
                    Text::new("列表不能在此处使用", "a list is not allowed here"),
                    Text::new(
                        "列表只能用于 IN，例如 列 IN (列表参数)",
                        "use it with IN, such as COLUMN IN (LIST)",
                    ),
                );
                None
            }
        }
    }

    fn is_null(&mut self, inner: &Expr) -> Option<Expression> {
        if let Expr::Identifier(identifier) = inner
            && identifier.value != crate::rule_language::DERIVED_AS_OF
        {
            let column = self.column(identifier)?;
            return Some(if column.field_type == FieldType::Boolean {
                Expression::IsUnknown(Box::new(Expression::Column(column.name)))
            } else {
                Expression::IsNull(Operand::Column {
                    name: column.name,
                    field_type: column.field_type,
                })
            });
        }
        self.not_in_language(inner);
        None
    }

    fn comparison(
        &mut self,
        whole: &Expr,
        left: &Expr,
        comparison: Comparison,
        right: &Expr,
    ) -> Option<Expression> {
        // People write `sealed = TRUE` and `sealed <> TRUE` for flags.
        if let (
            Expr::Identifier(identifier),
            Expr::Value(ValueWithSpan {
                value: Value::Boolean(truth),
                ..
            }),
        ) = (left, right)
            && let Some(column) = self.column(identifier)
            && column.field_type == FieldType::Boolean
        {
            let column = Expression::Column(column.name);
            return match (comparison, truth) {
                (Comparison::Equal, true) | (Comparison::NotEqual, false) => Some(column),
                (Comparison::Equal, false) | (Comparison::NotEqual, true) => {
                    Some(Expression::Not(Box::new(column)))
                }
                _ => {
                    self.not_in_language(whole);
                    None
                }
            };
        }
        let sides = (self.operand(left), self.operand(right));
        self.compared(whole, (left, sides.0?), comparison, (right, sides.1?))
    }

    /// Compares two operands; each has the expression that it was read from.
    fn compared(
        &mut self,
        whole: &Expr,
        (left, left_operand): (&Expr, Operand),
        comparison: Comparison,
        (right, right_operand): (&Expr, Operand),
    ) -> Option<Expression> {
        for (side, operand) in [(left, &left_operand), (right, &right_operand)] {
            if !operand.literal_sum().is_finite() {
                self.number_too_large(side.span());
                return None;
            }
        }
        let (left_type, right_type) = (left_operand.field_type(), right_operand.field_type());
        let numeric = |field_type| matches!(field_type, FieldType::Integer | FieldType::Number);
        let same = left_type == right_type || (numeric(left_type) && numeric(right_type));
        if !same || left_type == FieldType::Boolean {
            let hint = if right_type == FieldType::String && left_type == FieldType::Date {
                Text::new(
                    "日期请写成 DATE '2026-01-01'",
                    "write a date as DATE '2026-01-01'",
                )
            } else {
                Text::new("请比较同一类型的值", "compare values of the same type")
            };
            self.fault(
                right.span(),
                Text::new(
                    format!("{} 不能与 {} 比较", left_type.name(), right_type.name()),
                    format!(
                        "{} cannot be compared with {}",
                        left_type.name(),
                        right_type.name()
                    ),
                ),
                hint,
            );
            return None;
        }
        if left_type == FieldType::String {
            let ordered = !matches!(comparison, Comparison::Equal | Comparison::NotEqual);
            if ordered {
                self.fault(
                    whole.span(),
                    Text::new("文本和代码没有大小顺序", "texts and codes have no order"),
                    Text::new("请用 = 或 IN", "use = or IN"),
                );
                return None;
            }
            self.check_code(&left_operand, &right_operand, right.span());
            self.check_code(&right_operand, &left_operand, left.span());
        }
        Some(Expression::Compare {
            left: left_operand,
            comparison,
            right: right_operand,
        })
    }

    /// Checks that a text compared with a column is in the column's code list.
    fn check_code(&mut self, column: &Operand, text: &Operand, span: Span) {
        let (Operand::Column { name, .. }, Operand::String(code)) = (column, text) else {
            return;
        };
        let codes = self
            .scope
            .columns
            .iter()
            .find(|column| column.name == *name)
            .and_then(|column| column.codes.clone());
        if let Some(codes) = codes
            && !codes.contains(code)
        {
            let hint = nearest_name_hint(code, codes.iter().map(String::as_str));
            self.fault(
                span,
                Text::new(
                    format!("代码“{code}”不在“{name}”的代码表中"),
                    format!("the code `{code}` is not in the code list of `{name}`"),
                ),
                hint,
            );
        }
    }

    fn number_too_large(&mut self, span: Span) {
        self.fault(
            span,
            Text::new("数值过大", "the number is too large"),
            Text::new("请更正此值", "correct this value"),
        );
    }

    fn operand(&mut self, expression: &Expr) -> Option<Operand> {
        match expression {
            Expr::Nested(inner) => self.operand(inner),
            Expr::Identifier(identifier)
                if let Some(value) = self.scope.values.get(&identifier.value) =>
            {
                self.named_operand(expression, value)
            }
            Expr::Identifier(identifier) => {
                let column = self.column(identifier)?;
                Some(if column.name == crate::rule_language::DERIVED_AS_OF {
                    Operand::AsOf { months: 0, days: 0 }
                } else {
                    Operand::Column {
                        name: column.name,
                        field_type: column.field_type,
                    }
                })
            }
            Expr::Value(ValueWithSpan { value, span }) => match value {
                Value::Number(digits, false) => match digits.parse::<f64>() {
                    Ok(number) if number.is_finite() => Some(Operand::Number(number)),
                    _ => {
                        self.number_too_large(*span);
                        None
                    }
                },
                Value::SingleQuotedString(text) => Some(Operand::String(text.clone())),
                _ => {
                    self.not_in_language(expression);
                    None
                }
            },
            Expr::UnaryOp {
                op: UnaryOperator::Minus,
                expr,
            } => match self.operand(expr)? {
                Operand::Number(number) => Some(Operand::Number(-number)),
                _ => {
                    self.not_in_language(expression);
                    None
                }
            },
            Expr::TypedString(typed) if typed.data_type == DataType::Date => {
                let date = match &typed.value.value {
                    Value::SingleQuotedString(text) => text.parse::<Date>().ok(),
                    _ => None,
                };
                if date.is_none() {
                    self.fault(
                        typed.value.span,
                        Text::new("不是有效日期", "this is not a valid date"),
                        Text::new("请写成 DATE '2026-01-01'", "write it as DATE '2026-01-01'"),
                    );
                }
                date.map(Operand::Date)
            }
            Expr::BinaryOp {
                left,
                op: op @ (BinaryOperator::Plus | BinaryOperator::Minus),
                right,
            } => self.arithmetic(expression, left, *op == BinaryOperator::Minus, right),
            _ => {
                self.not_in_language(expression);
                None
            }
        }
    }

    /// Returns the period that an expression names, if it names one.
    fn named_period(&self, expression: &Expr) -> Option<Period> {
        let Expr::Identifier(identifier) = expression else {
            return None;
        };
        match self.scope.values.get(&identifier.value) {
            Some(NamedValue::Period(period)) => Some(*period),
            _ => None,
        }
    }

    /// Adds months and days to a date.
    fn moved_date(&mut self, whole: &Expr, date: &Expr, months: i32, days: i32) -> Option<Operand> {
        match self.operand(date)? {
            Operand::AsOf {
                months: before,
                days: days_before,
            } => Some(Operand::AsOf {
                months: before.checked_add(months)?,
                days: days_before.checked_add(days)?,
            }),
            Operand::Date(date) => {
                let moved = tree::moved(date, months, days);
                if moved.is_none() {
                    self.fault(
                        whole.span(),
                        Text::new("日期超出范围", "the date is out of range"),
                        Text::new("请缩短时间间隔", "shorten the interval"),
                    );
                }
                moved.map(Operand::Date)
            }
            _ => {
                self.fault(
                    whole.span(),
                    Text::new(
                        "时间间隔只能与 as_of 或 DATE 常量相加减",
                        "an interval can only be added to or subtracted from as_of or a DATE literal",
                    ),
                    Text::new(
                        "请改写，例如 changed_on >= as_of - INTERVAL '3' MONTH",
                        "rewrite it, such as changed_on >= as_of - INTERVAL '3' MONTH",
                    ),
                );
                None
            }
        }
    }

    fn arithmetic(
        &mut self,
        whole: &Expr,
        left: &Expr,
        subtract: bool,
        right: &Expr,
    ) -> Option<Operand> {
        if let Expr::Interval(interval) = right {
            let amount = match &*interval.value {
                Expr::Value(ValueWithSpan {
                    value: Value::SingleQuotedString(digits) | Value::Number(digits, false),
                    ..
                }) => digits.parse::<i32>().ok(),
                _ => None,
            };
            let amount = amount.filter(|amount| (0..=100_000).contains(amount));
            let amount = amount.map(|amount| if subtract { -amount } else { amount });
            let moved = match (amount, &interval.leading_field) {
                (Some(amount), Some(DateTimeField::Year)) => Some((amount * 12, 0)),
                (Some(amount), Some(DateTimeField::Month)) => Some((amount, 0)),
                (Some(amount), Some(DateTimeField::Day)) => Some((0, amount)),
                _ => None,
            };
            let Some((months, days)) = moved else {
                self.fault(
                    whole.span(),
                    Text::new("时间间隔无效", "this interval is not valid"),
                    Text::new(
                        "请写成 INTERVAL '6' MONTH（YEAR、MONTH、DAY）",
                        "write it as INTERVAL '6' MONTH (YEAR, MONTH or DAY)",
                    ),
                );
                return None;
            };
            return self.moved_date(whole, left, months, days);
        }
        if let Some(period) = self.named_period(right) {
            let (months, days) = period.months_and_days();
            let sign = if subtract { -1 } else { 1 };
            return self.moved_date(whole, left, sign * months, sign * days);
        }
        let sides = (self.operand(left), self.operand(right));
        let (left_operand, right_operand) = (sides.0?, sides.1?);
        let numeric = |operand: &Operand| {
            matches!(operand.field_type(), FieldType::Integer | FieldType::Number)
        };
        if !numeric(&left_operand) || !numeric(&right_operand) {
            self.fault(
                whole.span(),
                Text::new(
                    "只有数值可以加减",
                    "only numbers can be added or subtracted",
                ),
                Text::new("请更正表达式", "correct the expression"),
            );
            return None;
        }
        Some(Operand::Arithmetic {
            left: Box::new(left_operand),
            subtract,
            right: Box::new(right_operand),
        })
    }
}

fn comparison_of(operator: &BinaryOperator) -> Option<Comparison> {
    match operator {
        BinaryOperator::Eq => Some(Comparison::Equal),
        BinaryOperator::NotEq => Some(Comparison::NotEqual),
        BinaryOperator::Lt => Some(Comparison::Less),
        BinaryOperator::LtEq => Some(Comparison::LessOrEqual),
        BinaryOperator::Gt => Some(Comparison::Greater),
        BinaryOperator::GtEq => Some(Comparison::GreaterOrEqual),
        _ => None,
    }
}
