//! One source file with all of its mutants in it, each behind its number.
//!
//! An expression `a < b` becomes `(if on(7) { (a) <= (b) } else { (a < b) })`. A function gets `if on(8) { return 0; }`
//! before its first statement, and a match arm a guard. At most one mutant is on, so the changed branches hold the
//! text as it was.
//!
//! The operands stay what the parser took them for: with `&&` in place of the first `||`, `a || b || c` is
//! `(a && b) || c`. cargo-mutants changes the text, which can group in another way.

use std::collections::HashMap;
use std::ops::Range;

use proc_macro2::{LineColumn, Span};
use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};
use syn::{BinOp, Expr, UnOp};

use crate::mutant::{Genre, Mutant, Position};

/// The path of the switch: [`switches`] stand at the end of the library's root.
const ON: &str = "crate::mutant_switch::on";

/// Says whether a mutant is on: the one whose number is in `TLOGISTRY_MUTANT`. Appends the number of each one that is
/// reached to the file `TLOGISTRY_MUTANTS_REACHED`. `COUNT` stands for how many there are.
const SWITCH: &str = r#"
mod mutant_switch {
    use std::io::Write as _;
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicBool, Ordering};

    static MUTANT: LazyLock<Option<usize>> =
        LazyLock::new(|| std::env::var("TLOGISTRY_MUTANT").ok().map(|number| number.parse().unwrap()));
    static REACHED: LazyLock<Option<std::fs::File>> = LazyLock::new(|| {
        let path = std::env::var_os("TLOGISTRY_MUTANTS_REACHED")?;
        Some(std::fs::File::options().append(true).create(true).open(path).unwrap())
    });
    static SEEN: [AtomicBool; COUNT] = [const { AtomicBool::new(false) }; COUNT];

    pub(crate) fn on(number: usize) -> bool {
        if let Some(mut reached) = REACHED.as_ref()
            && !SEEN[number].swap(true, Ordering::Relaxed)
        {
            // One write for each: other processes append too.
            reached.write_all(format!("{number}\n").as_bytes()).unwrap();
        }
        *MUTANT == Some(number)
    }
}
"#;

/// The module that the library's root gets, for this many mutants.
pub fn switches(count: usize) -> String {
    SWITCH.replace("COUNT", &count.to_string())
}

/// A file with its mutants in it.
pub struct Switched {
    pub text: String,
    /// Which bytes of `text` are a mutant's own.
    pub own: Vec<(Range<usize>, usize)>,
    /// Which bytes a mutant is wrapped around: where the compiler may complain of it too.
    pub around: Vec<(Range<usize>, usize)>,
    /// Mutants that no switch can turn on: in constants, between `let` chains, or of fields.
    pub unswitched: Vec<usize>,
}

/// Puts the mutants, by number, into the text of their file.
pub fn switch(source: &str, mutants: &[(usize, &Mutant)]) -> Result<Switched, syn::Error> {
    let parsed = syn::parse_file(source)?;
    let mut starts = vec![0];
    starts.extend(source.match_indices('\n').map(|(at, _)| at + 1));
    let left = mutants.iter().map(|&(number, mutant)| (number, mutant)).collect();
    let mut rewriter = Rewriter { source, starts, left, constant: 0, edits: Vec::new() };
    rewriter.visit_file(&parsed);
    let mut unswitched: Vec<usize> = rewriter.left.into_keys().collect();
    unswitched.sort_unstable();
    Ok(written(source, &rewriter.edits, unswitched))
}

/// Text before and after a range of the source, which may be empty.
struct Edit {
    range: Range<usize>,
    before: Vec<(String, Option<usize>)>,
    after: String,
    mutants: Vec<usize>,
}

struct Rewriter<'a> {
    source: &'a str,
    /// The start of each line.
    starts: Vec<usize>,
    /// Mutants whose place has not been met.
    left: HashMap<usize, &'a Mutant>,
    /// The number of things around this place that the compiler computes.
    constant: usize,
    /// An outer one is before an inner one.
    edits: Vec<Edit>,
}

impl Rewriter<'_> {
    fn offset(&self, at: LineColumn) -> usize {
        let start = self.starts[at.line - 1];
        let line = &self.source[start..];
        start + line.char_indices().nth(at.column).map_or(line.len(), |(offset, _)| offset)
    }

    fn range(&self, span: Span) -> Range<usize> {
        self.offset(span.start())..self.offset(span.end())
    }

    fn text(&self, span: Span) -> &str {
        &self.source[self.range(span)]
    }

    /// Takes the mutants of a kind that begin where the span does, in the list's order.
    fn take(&mut self, span: Span, genre: Genre) -> Vec<(usize, String)> {
        let at = position(span.start());
        self.take_where(|mutant| mutant.genre == genre && mutant.span.start == at)
    }

    fn take_where(&mut self, wanted: impl Fn(&Mutant) -> bool) -> Vec<(usize, String)> {
        if self.constant > 0 {
            return Vec::new();
        }
        let mut numbers: Vec<usize> =
            self.left.iter().filter(|(_, mutant)| wanted(mutant)).map(|(&number, _)| number).collect();
        numbers.sort_unstable();
        let taken = numbers.into_iter().filter_map(|number| self.left.remove_entry(&number));
        taken.map(|(number, mutant)| (number, mutant.replacement.clone())).collect()
    }

    /// Puts other expressions beside one: each is taken if its mutant is on.
    fn choose(&mut self, span: Span, others: Vec<(usize, String)>) {
        if others.is_empty() {
            return;
        }
        let mutants = others.iter().map(|(number, _)| *number).collect();
        let mut before = vec![("(".to_owned(), None)];
        for (number, text) in others {
            before.push((format!("if {ON}({number}) {{ {text} }} else "), Some(number)));
        }
        before.push(("{ (".to_owned(), None));
        self.edits.push(Edit { range: self.range(span), before, after: ") })".to_owned(), mutants });
    }

    /// A function returns at once if one of its mutants is on.
    fn function(&mut self, block: &syn::Block) {
        let Some(first) = block.stmts.first() else { return };
        let mut all = self.take(first.span(), Genre::FnValue);
        if all.is_empty() {
            // cargo-mutants may begin behind an attribute or at a macro's name.
            let line = first.span().start().line;
            all = self.take_where(|mutant| mutant.genre == Genre::FnValue && mutant.span.start.line == line);
        }
        let mutants = all.iter().map(|(number, _)| *number).collect();
        let returns =
            |(number, value): (usize, String)| (format!(" if {ON}({number}) {{ return {value}; }}"), Some(number));
        let before = all.into_iter().map(returns).collect();
        let range = self.range(block.brace_token.span.open()).end..self.range(block.brace_token.span.close()).start;
        self.edits.push(Edit { range, before, after: String::new(), mutants });
    }

    fn in_constant(&mut self, is: bool, visit: impl FnOnce(&mut Self)) {
        self.constant += usize::from(is);
        visit(self);
        self.constant -= usize::from(is);
    }
}

impl<'ast> Visit<'ast> for Rewriter<'_> {
    fn visit_item_const(&mut self, item: &'ast syn::ItemConst) {
        self.in_constant(true, |this| visit::visit_item_const(this, item));
    }

    fn visit_impl_item_const(&mut self, item: &'ast syn::ImplItemConst) {
        self.in_constant(true, |this| visit::visit_impl_item_const(this, item));
    }

    fn visit_trait_item_const(&mut self, item: &'ast syn::TraitItemConst) {
        self.in_constant(true, |this| visit::visit_trait_item_const(this, item));
    }

    fn visit_item_static(&mut self, item: &'ast syn::ItemStatic) {
        self.in_constant(true, |this| visit::visit_item_static(this, item));
    }

    fn visit_expr_const(&mut self, block: &'ast syn::ExprConst) {
        self.in_constant(true, |this| visit::visit_expr_const(this, block));
    }

    fn visit_item_enum(&mut self, item: &'ast syn::ItemEnum) {
        self.in_constant(true, |this| visit::visit_item_enum(this, item));
    }

    fn visit_type(&mut self, _: &'ast syn::Type) {}

    fn visit_pat(&mut self, _: &'ast syn::Pat) {}

    fn visit_generic_argument(&mut self, _: &'ast syn::GenericArgument) {}

    fn visit_expr_repeat(&mut self, array: &'ast syn::ExprRepeat) {
        self.visit_expr(&array.expr);
    }

    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        self.in_constant(function.sig.constness.is_some(), |this| {
            this.function(&function.block);
            visit::visit_item_fn(this, function);
        });
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        self.in_constant(function.sig.constness.is_some(), |this| {
            this.function(&function.block);
            visit::visit_impl_item_fn(this, function);
        });
    }

    fn visit_trait_item_fn(&mut self, function: &'ast syn::TraitItemFn) {
        if let Some(block) = &function.default {
            self.function(block);
        }
        visit::visit_trait_item_fn(self, function);
    }

    fn visit_expr_binary(&mut self, binary: &'ast syn::ExprBinary) {
        let in_a_chain =
            matches!(binary.op, BinOp::And(_) | BinOp::Or(_)) && (binds(&binary.left) || binds(&binary.right));
        if !in_a_chain {
            let all = self.take(binary.op.span(), Genre::BinaryOperator);
            let (left, right) = (self.text(binary.left.span()), self.text(binary.right.span()));
            let others = all.into_iter().map(|(number, op)| (number, format!("({left}) {op} ({right})"))).collect();
            self.choose(binary.span(), others);
        }
        visit::visit_expr_binary(self, binary);
    }

    fn visit_expr_unary(&mut self, unary: &'ast syn::ExprUnary) {
        if matches!(unary.op, UnOp::Not(_) | UnOp::Neg(_)) {
            let all = self.take(unary.op.span(), Genre::UnaryOperator);
            let operand = self.text(unary.expr.span());
            let others = all.into_iter().map(|(number, _)| (number, format!("({operand})"))).collect();
            self.choose(unary.span(), others);
        }
        visit::visit_expr_unary(self, unary);
    }

    fn visit_expr_match(&mut self, expr: &'ast syn::ExprMatch) {
        // Without an arm, a match may lack a case: then the compiler complains of the match.
        let around = self.edits.len();
        self.edits.push(Edit { range: self.range(expr.span()), before: vec![], after: String::new(), mutants: vec![] });
        self.visit_expr(&expr.expr);
        for arm in &expr.arms {
            let guard = arm.guard.as_ref().map(|(_, guard)| &**guard);
            if guard.is_some_and(binds) {
                self.visit_arm(arm);
                continue;
            }
            let values = guard.map_or_else(Vec::new, |guard| self.take(guard.span(), Genre::MatchArmGuard));
            let deleted = self.take(arm.span(), Genre::MatchArm);
            self.edits[around].mutants.extend(deleted.iter().map(|(number, _)| *number));
            match guard {
                Some(guard) => {
                    let deleted = deleted.into_iter().map(|(number, _)| (number, "false".to_owned()));
                    self.choose(guard.span(), values.into_iter().chain(deleted).collect());
                }
                None => {
                    let end = self.range(arm.pat.span()).end;
                    for (number, _) in deleted {
                        let before = vec![(format!(" if !{ON}({number})"), Some(number))];
                        self.edits.push(Edit { range: end..end, before, after: String::new(), mutants: vec![] });
                    }
                }
            }
            self.visit_arm(arm);
        }
    }
}

fn position(at: LineColumn) -> Position {
    Position { line: at.line, column: at.column + 1 }
}

/// Returns whether an expression is a chain with `let`, which can stand nowhere but in a condition.
fn binds(expr: &Expr) -> bool {
    match expr {
        Expr::Let(_) => true,
        Expr::Binary(binary) => binds(&binary.left) || binds(&binary.right),
        _ => false,
    }
}

fn written(source: &str, edits: &[Edit], unswitched: Vec<usize>) -> Switched {
    let mut text = String::with_capacity(source.len() * 2);
    let (mut own, mut around) = (Vec::new(), Vec::new());
    let mut begun = vec![0; edits.len()];
    let mut places: Vec<usize> = edits.iter().flat_map(|edit| [edit.range.start, edit.range.end]).collect();
    places.extend([0, source.len()]);
    places.sort_unstable();
    places.dedup();
    for (index, &place) in places.iter().enumerate() {
        // At one place the inner ends before the outer, and the outer begins before the inner.
        let mut ending: Vec<usize> = (0..edits.len())
            .rev()
            .filter(|&number| edits[number].range.end == place && !edits[number].range.is_empty())
            .collect();
        ending.sort_by_key(|&number| std::cmp::Reverse(edits[number].range.start));
        for number in ending {
            text.push_str(&edits[number].after);
            around.extend(edits[number].mutants.iter().map(|&mutant| (begun[number]..text.len(), mutant)));
        }
        let mut beginning: Vec<usize> = (0..edits.len()).filter(|&number| edits[number].range.start == place).collect();
        beginning.sort_by_key(|&number| (!edits[number].range.is_empty(), std::cmp::Reverse(edits[number].range.end)));
        for number in beginning {
            begun[number] = text.len();
            for (part, mutant) in &edits[number].before {
                let from = text.len();
                text.push_str(part);
                own.extend(mutant.map(|mutant| (from..text.len(), mutant)));
            }
        }
        if let Some(&next) = places.get(index + 1) {
            text.push_str(&source[place..next]);
        }
    }
    Switched { text, own, around, unswitched }
}
