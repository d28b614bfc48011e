//! What one template text says: the variables it uses and where, the partials it includes, and what
//! is not allowed in it.
//!
//! This reads the engine's own syntax tree, so that what counts as a variable is what the engine
//! takes for one. Expressions nest as deep as a text is long: call this on a deep stack only.
//!
//! Not here: what included partials use in turn ([`super::variables`]).

use std::collections::{BTreeMap, BTreeSet};

use minijinja::machinery::ast::{self, Expr, Stmt};
use minijinja::machinery::{Span, Token, Tokenizer, parse};
use minijinja::syntax::SyntaxConfig;
use punchcard_events::PartialName;

use super::At;

mod expressions;
mod scope;

use scope::Scope;

/// The most tokens of one tag. The engine looks at a long expression again for each of its parts.
const MAX_TAG_TOKENS: usize = 2_000;

/// What one text says.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    /// The variables that it takes from outside, by name.
    pub(crate) uses: BTreeMap<String, Spots>,
    /// Its `{% include %}` tags, in order.
    pub(crate) includes: Vec<Include>,
    /// The filters and tests that it names, and where each stands first.
    pub(crate) tools: BTreeMap<Tool, At>,
    /// What is not allowed.
    pub(crate) refused: Vec<Refused>,
}

/// Where a text uses a variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Spots {
    /// The first place of all.
    pub(crate) first: At,
    /// The first place that fails if the variable is missing; `None` where the text asks
    /// everywhere whether it is there.
    pub(crate) unguarded: Option<At>,
}

/// An `{% include %}` tag.
#[derive(Debug)]
pub(crate) struct Include {
    /// The partial.
    pub(crate) name: PartialName,
    /// Where.
    pub(crate) at: At,
    /// Names that the text itself has given a meaning at that place, such as a loop's.
    pub(crate) bound: BTreeSet<String>,
    /// Variables that are known to be there at that place.
    pub(crate) guarded: BTreeSet<String>,
}

/// Something of the engine that a text calls by name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Tool {
    /// `{{ x | name }}`
    Filter(String),
    /// `{{ x is name }}`
    Test(String),
}

/// Something that is not allowed in a text.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) at: At,
    pub(crate) message: String,
    pub(crate) remedy: String,
}

/// Reads a text.
///
/// # Errors
/// When it does not parse.
pub(crate) fn read(
    text: &str,
    syntax: SyntaxConfig,
    globals: &BTreeSet<String>,
) -> Result<Reading, minijinja::Error> {
    if let Some(at) = overlong_tag(text, syntax.clone()) {
        return Ok(Reading {
            refused: vec![Refused {
                at,
                message: format!("this tag has more than {MAX_TAG_TOKENS} words and signs"),
                remedy: "Split it: {% set part = … %} names a part of it.".to_owned(),
            }],
            ..Reading::default()
        });
    }
    let tree = parse(text, "template", syntax)?;
    let mut reader = Reader {
        text,
        globals,
        scope: Scope::default(),
        reading: Reading::default(),
    };
    reader.statement(&tree);
    Ok(reader.reading)
}

/// Where a tag is that has too many tokens. What does not end is left to the parser.
fn overlong_tag(text: &str, syntax: SyntaxConfig) -> Option<At> {
    let mut tokens = Tokenizer::new(text, "template", false, syntax);
    let (mut start, mut length) = (0, 0);
    while let Ok(Some((token, span))) = tokens.next_token() {
        match token {
            Token::TemplateData(_) => length = 0,
            Token::VariableStart | Token::BlockStart => {
                (start, length) = (span.start_offset, 0);
            }
            _ => length += 1,
        }
        if length > MAX_TAG_TOKENS {
            let offset = usize::try_from(start).unwrap_or(usize::MAX);
            return Some(At::of(text, offset));
        }
    }
    None
}

struct Reader<'a> {
    text: &'a str,
    globals: &'a BTreeSet<String>,
    scope: Scope<'a>,
    reading: Reading,
}

impl<'a> Reader<'a> {
    fn statement(&mut self, statement: &Stmt<'a>) {
        match statement {
            Stmt::Template(template) => self.statements(&template.children),
            Stmt::EmitExpr(emit) => self.expression(&emit.expr),
            Stmt::EmitRaw(_) => {}
            Stmt::ForLoop(each) => self.for_loop(each),
            Stmt::IfCond(condition) => self.condition(condition),
            Stmt::WithBlock(with) => {
                self.scope.enter();
                for (target, value) in &with.assignments {
                    self.expression(value);
                    self.assign(target);
                }
                self.statements(&with.body);
                self.scope.leave();
            }
            Stmt::Set(set) => {
                self.expression(&set.expr);
                self.assign(&set.target);
            }
            Stmt::SetBlock(set) => {
                self.block(&set.body);
                set.filter.iter().for_each(|filter| self.expression(filter));
                self.assign(&set.target);
            }
            Stmt::AutoEscape(block) => {
                self.expression(&block.enabled);
                self.block(&block.body);
            }
            Stmt::FilterBlock(block) => {
                self.expression(&block.filter);
                self.block(&block.body);
            }
            Stmt::Do(call) => self.call(&call.call),
            Stmt::Include(include) => self.include(include, include.span()),
            Stmt::Block(other) => self.refuse("block", other.span()),
            Stmt::Import(other) => self.refuse("import", other.span()),
            Stmt::FromImport(other) => self.refuse("from", other.span()),
            Stmt::Extends(other) => self.refuse("extends", other.span()),
        }
    }

    fn statements(&mut self, statements: &[Stmt<'a>]) {
        statements.iter().for_each(|one| self.statement(one));
    }

    /// Statements whose names do not last.
    fn block(&mut self, statements: &[Stmt<'a>]) {
        self.scope.enter();
        self.statements(statements);
        self.scope.leave();
    }

    fn for_loop(&mut self, each: &ast::ForLoop<'a>) {
        self.expression(&each.iter);
        self.scope.enter();
        self.scope.bind("loop");
        self.assign(&each.target);
        each.filter_expr
            .iter()
            .for_each(|only| self.expression(only));
        self.statements(&each.body);
        self.scope.leave();
        self.block(&each.else_body);
    }

    /// A condition may say that a variable is there; a name that both branches set lasts.
    fn condition(&mut self, condition: &ast::IfCond<'a>) {
        self.expression(&condition.expr);
        let mut branch = |holds: bool, body: &[Stmt<'a>]| {
            self.scope.enter();
            self.scope
                .guard(expressions::known_there(&condition.expr, holds));
            self.statements(body);
            self.scope.leave()
        };
        let (one, other) = (
            branch(true, &condition.true_body),
            branch(false, &condition.false_body),
        );
        for name in one.intersection(&other) {
            self.scope.bind(name);
        }
    }

    fn include(&mut self, include: &ast::Include<'a>, span: Span) {
        let at = self.at(span);
        let refused = |message: &str, remedy: &str| Refused {
            at,
            message: message.to_owned(),
            remedy: remedy.to_owned(),
        };
        let constant = match &include.name {
            Expr::Const(name) => name.value.as_str().map(str::to_owned),
            _ => None,
        };
        let Some(name) = constant else {
            let message = "a partial is included by a name that is not written out";
            let remedy = "Write the partial's name in quotes, such as {% include \"tone\" %}.";
            self.reading.refused.push(refused(message, remedy));
            return;
        };
        if include.ignore_missing {
            let message = "`ignore missing` is not supported";
            let remedy = "Take the words away; a partial that is missing is told of before.";
            self.reading.refused.push(refused(message, remedy));
        }
        let Ok(name) = PartialName::new(&name) else {
            let message = "this is no name of a partial";
            let remedy =
                "Names are lowercase letters, digits and -, such as {% include \"tone\" %}.";
            self.reading.refused.push(refused(message, remedy));
            return;
        };
        self.reading.includes.push(Include {
            name,
            at,
            bound: self.scope.bound(),
            guarded: self.scope.guarded(),
        });
    }

    fn refuse(&mut self, tag: &str, span: Span) {
        self.reading.refused.push(Refused {
            at: self.at(span),
            message: format!("the tag {{% {tag} %}} is not supported"),
            remedy: "Share text with {% include \"name\" %}, which inserts a partial.".to_owned(),
        });
    }

    fn at(&self, span: Span) -> At {
        At::of(
            self.text,
            usize::try_from(span.start_offset).unwrap_or(usize::MAX),
        )
    }
}
