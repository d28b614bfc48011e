//! The variables of expressions, and what an expression says of which variables are there.

use minijinja::machinery::Span;
use minijinja::machinery::ast::{self, BinOpKind, CallArg, Expr, UnaryOpKind};

use super::{Reader, Spots, Tool};

impl<'a> Reader<'a> {
    pub(super) fn expression(&mut self, expression: &Expr<'a>) {
        match expression {
            Expr::Var(variable) => self.variable(variable.id, variable.span(), false),
            Expr::Const(_) => {}
            Expr::Slice(slice) => {
                self.expression(&slice.expr);
                let ends = [&slice.start, &slice.stop, &slice.step];
                ends.into_iter()
                    .flatten()
                    .for_each(|end| self.expression(end));
            }
            Expr::UnaryOp(operation) => self.expression(&operation.expr),
            Expr::BinOp(operation) => self.operation(operation),
            Expr::Compare(compare) => {
                self.expression(&compare.expr);
                compare.ops.iter().for_each(|op| self.expression(&op.expr));
            }
            Expr::IfExpr(either) => {
                self.expression(&either.test_expr);
                self.given(&either.test_expr, true, &either.true_expr);
                if let Some(other) = &either.false_expr {
                    self.given(&either.test_expr, false, other);
                }
            }
            Expr::Filter(filter) => self.filter(filter, filter.span()),
            Expr::Test(test) => self.test(test, test.span()),
            Expr::GetAttr(attribute) => self.expression(&attribute.expr),
            Expr::GetItem(item) => {
                self.expression(&item.expr);
                self.expression(&item.subscript_expr);
            }
            Expr::Call(call) => self.call(call),
            Expr::List(list) => list.items.iter().for_each(|item| self.expression(item)),
            Expr::Tuple(tuple) => tuple.items.iter().for_each(|item| self.expression(item)),
            Expr::Map(map) => {
                let entries = map.keys.iter().chain(&map.values);
                entries.for_each(|entry| self.expression(entry));
            }
        }
    }

    pub(super) fn call(&mut self, call: &ast::Call<'a>) {
        self.expression(&call.expr);
        self.arguments(&call.args);
    }

    /// Gives the names on the left of an assignment their meaning.
    pub(super) fn assign(&mut self, target: &Expr<'a>) {
        match target {
            Expr::Var(variable) => self.scope.bind(variable.id),
            Expr::List(list) => list.items.iter().for_each(|item| self.assign(item)),
            Expr::Tuple(tuple) => tuple.items.iter().for_each(|item| self.assign(item)),
            // `{% set ns.count = 1 %}` changes something that must be there.
            other => self.expression(other),
        }
    }

    fn arguments(&mut self, arguments: &[CallArg<'a>]) {
        for argument in arguments {
            match argument {
                CallArg::Pos(value)
                | CallArg::Kwarg(_, value)
                | CallArg::PosSplat(value)
                | CallArg::KwargSplat(value) => self.expression(value),
            }
        }
    }

    /// `default` takes a variable that may be missing.
    fn filter(&mut self, filter: &ast::Filter<'a>, span: Span) {
        let at = self.at(span);
        let tool = Tool::Filter(filter.name.to_owned());
        self.reading.tools.entry(tool).or_insert(at);
        match &filter.expr {
            Some(Expr::Var(variable)) if matches!(filter.name, "default" | "d") => {
                self.variable(variable.id, variable.span(), true);
            }
            Some(value) => self.expression(value),
            None => {}
        }
        self.arguments(&filter.args);
    }

    /// `is defined` may be asked of a variable that is missing.
    fn test(&mut self, test: &ast::Test<'a>, span: Span) {
        let at = self.at(span);
        let tool = Tool::Test(test.name.to_owned());
        self.reading.tools.entry(tool).or_insert(at);
        match &test.expr {
            Expr::Var(variable) if matches!(test.name, "defined" | "undefined") => {
                self.variable(variable.id, variable.span(), true);
            }
            value => self.expression(value),
        }
        self.arguments(&test.args);
    }

    /// In `a and b` the second is looked at only if the first holds, and in `a or b` only if not.
    fn operation(&mut self, operation: &ast::BinOp<'a>) {
        let Some(holds) = goes_on_if(operation.op) else {
            self.expression(&operation.left);
            self.expression(&operation.right);
            return;
        };
        self.scope.enter();
        for operand in operands(operation) {
            self.expression(operand);
            self.scope.guard(known_there(operand, holds));
        }
        self.scope.leave();
    }

    /// An expression that is looked at only if `test` holds or not.
    fn given(&mut self, test: &Expr<'a>, holds: bool, expression: &Expr<'a>) {
        self.scope.enter();
        self.scope.guard(known_there(test, holds));
        self.expression(expression);
        self.scope.leave();
    }

    fn variable(&mut self, name: &str, span: Span, asked: bool) {
        if self.globals.contains(name) || self.scope.is_bound(name) {
            return;
        }
        let at = self.at(span);
        let unguarded = (!asked && !self.scope.is_guarded(name)).then_some(at);
        match self.reading.uses.get_mut(name) {
            Some(spots) => {
                spots.first = spots.first.min(at);
                spots.unguarded = match (spots.unguarded, unguarded) {
                    (Some(one), Some(other)) => Some(one.min(other)),
                    (one, other) => one.or(other),
                };
            }
            None => {
                let spots = Spots {
                    first: at,
                    unguarded,
                };
                self.reading.uses.insert(name.to_owned(), spots);
            }
        }
    }
}

/// The variables that are certainly there when an expression holds, or when it does not.
pub(super) fn known_there<'a>(expression: &Expr<'a>, holds: bool) -> Vec<&'a str> {
    match expression {
        Expr::Test(test) => match (&test.expr, test.name) {
            (Expr::Var(variable), "defined") if holds => vec![variable.id],
            (Expr::Var(variable), "undefined") if !holds => vec![variable.id],
            _ => Vec::new(),
        },
        Expr::UnaryOp(operation) => match operation.op {
            UnaryOpKind::Not => known_there(&operation.expr, !holds),
            UnaryOpKind::Neg => Vec::new(),
        },
        Expr::BinOp(operation) if goes_on_if(operation.op) == Some(holds) => operands(operation)
            .into_iter()
            .flat_map(|operand| known_there(operand, holds))
            .collect(),
        _ => Vec::new(),
    }
}

/// What must be true of the left side for the right side to count.
fn goes_on_if(operation: BinOpKind) -> Option<bool> {
    match operation {
        BinOpKind::ScAnd => Some(true),
        BinOpKind::ScOr => Some(false),
        _ => None,
    }
}

/// The operands of a chain of one operation, in order: `a and b and c` is three.
fn operands<'t, 'a>(operation: &'t ast::BinOp<'a>) -> Vec<&'t Expr<'a>> {
    let mut operands = vec![&operation.right];
    let mut left = &operation.left;
    while let Expr::BinOp(inner) = left
        && goes_on_if(inner.op) == goes_on_if(operation.op)
    {
        operands.push(&inner.right);
        left = &inner.left;
    }
    operands.push(left);
    operands.reverse();
    operands
}
