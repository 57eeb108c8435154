//! `path`: which data items a request is about, in the part of XPath that clients of agents use.
//!
//! Steps by `/` and `//`, names or `*`, tests of attributes with `and` and `or`, and several paths joined by `|`:
//! `//Rotary[@name="C"]//DataItem[@type="WATTAGE" or @type="TEMPERATURE"]`. A component stands for all data items in it.
//! Functions, positions, other axes and nested parentheses are not understood, and say so.

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
    /// All of these hold; of each, one.
    tests: Vec<Vec<Vec<Test>>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Test {
    attribute: String,
    value: String,
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
        let holds = |t: &Test| element.attribute(&t.attribute) == Some(&t.value);
        self.name.as_deref().is_none_or(|n| n == element.local())
            && self.tests.iter().all(|test| test.iter().any(|all| all.iter().all(holds)))
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

    fn either(&mut self) -> Result<Vec<Vec<Test>>, BadPath> {
        let mut either = vec![self.all()?];
        while self.take("or ") {
            either.push(self.all()?);
        }
        Ok(either)
    }

    fn all(&mut self) -> Result<Vec<Test>, BadPath> {
        let mut all = vec![self.test()?];
        while self.take("and ") {
            all.push(self.test()?);
        }
        Ok(all)
    }

    fn test(&mut self) -> Result<Test, BadPath> {
        self.spend()?;
        if !self.take("@") {
            return Err(self.bad());
        }
        let attribute = self.name()?;
        if !self.take("=") {
            return Err(self.bad());
        }
        let quote = self.rest.chars().next().filter(|c| "'\"".contains(*c)).ok_or_else(|| self.bad())?;
        let (value, rest) = self.rest[1..].split_once(quote).ok_or_else(|| self.bad())?;
        let test = Test { attribute, value: value.to_owned() };
        self.rest = rest;
        Ok(test)
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
                    let all =
                        |all: &Vec<Test>| all.iter().map(Test::to_string).collect::<Vec<_>>().join(" and ");
                    write!(f, "[{}]", test.iter().map(all).collect::<Vec<_>>().join(" or "))?;
                }
            }
        }
        Ok(())
    }
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quote = if self.value.contains('"') { '\'' } else { '"' };
        write!(f, "@{}={quote}{}{quote}", self.attribute, self.value)
    }
}
