//! `path`: which data items a request is about, in the part of XPath that clients of agents use.
//!
//! Steps by `/` and `//`, names or `*`, tests of attributes (`@a`, `@a="x"`, `@a!="x"`) with `and`, `or`, `not()` and
//! parentheses, and several paths joined by `|`: `//Rotary[@name="C"]//DataItem[@type="WATTAGE" or @type="TEMPERATURE"]`.
//! A component stands for all data items in it. Other functions, positions and other axes are not understood, and say so.

use std::fmt;

use super::xml::Element;
use crate::limits;

/// A path that was understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    alternatives: Vec<Vec<Step>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Step {
    /// Whether it may lie at any depth below.
    anywhere: bool,
    /// None for any name.
    name: Option<String>,
    /// All of these hold.
    tests: Vec<Test>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Test {
    /// There is such an attribute.
    Has(String),
    /// It has that value.
    Is(String, String),
    /// There is one, of another value.
    Differs(String, String),
    Not(Box<Test>),
    /// One of several holds; there are at least two.
    Any(Vec<Test>),
    /// Several hold; there are at least two.
    All(Vec<Test>),
}

/// What is not understood in a path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the path is not understood at {0:?}")]
pub struct BadPath(String);

/// Reads a path.
pub fn parse(text: &str) -> Result<Path, BadPath> {
    let mut p = Parser { rest: text.trim(), budget: limits::MTCONNECT_PATH_STEPS };
    let mut alternatives = vec![p.steps()?];
    while p.take("|") {
        alternatives.push(p.steps()?);
    }
    if p.rest.is_empty() { Ok(Path { alternatives }) } else { Err(p.bad()) }
}

impl Path {
    /// The identifiers of the data items that it names, in a document with that root.
    pub fn select<'a>(&self, root: &'a Element) -> Vec<&'a str> {
        let mut nodes = Vec::new();
        flatten(root, None, &mut nodes);
        let mut chosen = vec![false; nodes.len()];
        for steps in &self.alternatives {
            let mut here = None;
            for step in steps {
                here = Some(advance(&nodes, here.as_deref(), step));
            }
            for (c, h) in chosen.iter_mut().zip(here.unwrap_or_default()) {
                *c |= h;
            }
        }
        // Parents stand before their children, so one pass hands the choice down.
        for i in 0..nodes.len() {
            chosen[i] |= nodes[i].parent.is_some_and(|p| chosen[p]);
        }
        let items = nodes.iter().zip(&chosen).filter(|(n, c)| **c && n.element.local() == "DataItem");
        items.filter_map(|(n, _)| n.element.attribute("id")).collect()
    }
}

struct Node<'a> {
    element: &'a Element,
    parent: Option<usize>,
}

fn flatten<'a>(element: &'a Element, parent: Option<usize>, nodes: &mut Vec<Node<'a>>) {
    let at = nodes.len();
    nodes.push(Node { element, parent });
    for child in &element.children {
        flatten(child, Some(at), nodes);
    }
}

/// The nodes that a step leads to; from the document itself when it is the first.
fn advance(nodes: &[Node<'_>], from: Option<&[bool]>, step: &Step) -> Vec<bool> {
    let mut below = vec![false; nodes.len()];
    for (i, node) in nodes.iter().enumerate() {
        below[i] = match (node.parent, from) {
            (None, None) => true,
            (None, Some(_)) => false,
            (Some(p), Some(from)) => from[p] || (step.anywhere && below[p]),
            (Some(p), None) => step.anywhere && below[p],
        };
    }
    below.iter().zip(nodes).map(|(below, node)| *below && step.fits(node.element)).collect()
}

impl Step {
    fn fits(&self, element: &Element) -> bool {
        self.name.as_deref().is_none_or(|n| n == element.local())
            && self.tests.iter().all(|test| test.holds(element))
    }
}

impl Test {
    fn holds(&self, element: &Element) -> bool {
        match self {
            Test::Has(name) => element.attribute(name).is_some(),
            Test::Is(name, value) => element.attribute(name) == Some(value),
            // XPath 1.0, 3.4: a comparison with what is not there is false, whichever way.
            Test::Differs(name, value) => element.attribute(name).is_some_and(|v| v != value),
            Test::Not(test) => !test.holds(element),
            Test::Any(tests) => tests.iter().any(|t| t.holds(element)),
            Test::All(tests) => tests.iter().all(|t| t.holds(element)),
        }
    }

    /// One test of several, or itself when it is alone.
    fn of(mut tests: Vec<Test>, several: fn(Vec<Test>) -> Test) -> Test {
        match tests.len() {
            1 => tests.remove(0),
            _ => several(tests),
        }
    }
}

struct Parser<'a> {
    rest: &'a str,
    /// Steps and tests that may still come.
    budget: usize,
}

impl Parser<'_> {
    fn bad(&self) -> BadPath {
        BadPath(self.rest.chars().take(20).collect())
    }

    fn take(&mut self, token: &str) -> bool {
        match self.rest.trim_start().strip_prefix(token) {
            Some(rest) => {
                self.rest = rest.trim_start();
                true
            }
            None => false,
        }
    }

    fn spend(&mut self) -> Result<(), BadPath> {
        self.budget = self.budget.checked_sub(1).ok_or_else(|| self.bad())?;
        Ok(())
    }

    fn steps(&mut self) -> Result<Vec<Step>, BadPath> {
        let mut steps = Vec::new();
        loop {
            let anywhere = self.take("//");
            if !anywhere && !self.take("/") {
                return if steps.is_empty() { Err(self.bad()) } else { Ok(steps) };
            }
            self.spend()?;
            let name = if self.take("*") { None } else { Some(self.name()?) };
            let mut tests = Vec::new();
            while self.take("[") {
                tests.push(self.either()?);
                if !self.take("]") {
                    return Err(self.bad());
                }
            }
            steps.push(Step { anywhere, name, tests });
        }
    }

    fn name(&mut self) -> Result<String, BadPath> {
        let end = self.rest.find(|c: char| !(c.is_ascii_alphanumeric() || "_-.:".contains(c)));
        let (name, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        // A prefix tells the namespace, of which there is one.
        let local = name.split_once(':').map_or(name, |(_, local)| local);
        if !local.starts_with(|c: char| c.is_ascii_alphabetic()) || local.contains(':') {
            return Err(self.bad());
        }
        self.rest = rest;
        Ok(local.to_owned())
    }

    fn either(&mut self) -> Result<Test, BadPath> {
        let mut either = vec![self.all()?];
        while self.word("or") {
            either.push(self.all()?);
        }
        Ok(Test::of(either, Test::Any))
    }

    fn all(&mut self) -> Result<Test, BadPath> {
        let mut all = vec![self.test()?];
        while self.word("and") {
            all.push(self.test()?);
        }
        Ok(Test::of(all, Test::All))
    }

    /// A word that ends where it is written so: `or(` and `or @` alike.
    fn word(&mut self, word: &str) -> bool {
        let ends = |rest: &str| rest.starts_with(|c: char| c.is_whitespace() || "(@".contains(c));
        self.rest.trim_start().strip_prefix(word).is_some_and(ends) && self.take(word)
    }

    /// How deep tests lie in tests is bounded with their number.
    fn test(&mut self) -> Result<Test, BadPath> {
        self.spend()?;
        let not = self.word("not");
        if self.take("(") {
            let inner = self.either()?;
            if !self.take(")") {
                return Err(self.bad());
            }
            return Ok(if not { Test::Not(Box::new(inner)) } else { inner });
        }
        if not || !self.take("@") {
            return Err(self.bad());
        }
        let attribute = self.name()?;
        let differs = self.take("!=");
        if !differs && !self.take("=") {
            return Ok(Test::Has(attribute));
        }
        let quote = self.rest.chars().next().filter(|c| "'\"".contains(*c)).ok_or_else(|| self.bad())?;
        let (value, rest) = self.rest[1..].split_once(quote).ok_or_else(|| self.bad())?;
        let value = value.to_owned();
        self.rest = rest;
        Ok(if differs { Test::Differs(attribute, value) } else { Test::Is(attribute, value) })
    }
}

/// As it would be written; reads as an equal path.
impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, steps) in self.alternatives.iter().enumerate() {
            if i > 0 {
                f.write_str("|")?;
            }
            for step in steps {
                write!(
                    f,
                    "{}{}",
                    if step.anywhere { "//" } else { "/" },
                    step.name.as_deref().unwrap_or("*")
                )?;
                for test in &step.tests {
                    write!(f, "[{test}]")?;
                }
            }
        }
        Ok(())
    }
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quote = |value: &str| if value.contains('"') { '\'' } else { '"' };
        let joined = |tests: &[Test], word: &str| {
            let each = tests.iter().map(|t| match t {
                Test::Any(_) | Test::All(_) => format!("({t})"),
                _ => t.to_string(),
            });
            each.collect::<Vec<_>>().join(word)
        };
        match self {
            Test::Has(name) => write!(f, "@{name}"),
            Test::Is(name, value) => write!(f, "@{name}={q}{value}{q}", q = quote(value)),
            Test::Differs(name, value) => write!(f, "@{name}!={q}{value}{q}", q = quote(value)),
            Test::Not(test) => write!(f, "not({test})"),
            Test::Any(tests) => f.write_str(&joined(tests, " or ")),
            Test::All(tests) => f.write_str(&joined(tests, " and ")),
        }
    }
}
