//! The recipes of a tool: the values that each sets, kept by number.

use std::collections::BTreeMap;

use aegis_models::Command;

use super::control::{refuse, take};
use crate::Refusal;

/// The highest number that a recipe can have.
const LAST_RECIPE: u16 = 99;

/// A set-point of a recipe: its point, and the lowest and highest value that it takes [the point's unit].
pub(super) type Setting = (&'static str, f64, f64);

/// What a tool works by, and what else it could.
pub(super) struct Recipes<const N: usize> {
    settings: [Setting; N],
    book: BTreeMap<u16, [f64; N]>,
    /// What it works by, in the order of its settings.
    pub program: [f64; N],
    /// The number of the recipe that runs.
    pub number: u16,
    /// Whether somebody changed the program since a recipe was selected.
    edited: bool,
}

impl<const N: usize> Recipes<N> {
    /// Recipes 1, 2 and so on; the first runs.
    pub fn new(settings: [Setting; N], programs: &[[f64; N]]) -> Recipes<N> {
        let book: BTreeMap<u16, [f64; N]> = (1..).zip(programs.iter().copied()).collect();
        Recipes { settings, program: programs[0], book, number: 1, edited: false }
    }

    /// The points of the settings, in their order.
    pub fn names(&self) -> [&'static str; N] {
        self.settings.map(|(id, ..)| id)
    }

    /// Runs the recipe that a lot asks for, where the tool has it.
    pub fn load(&mut self, number: u16) {
        if let Some(program) = self.book.get(&number) {
            (self.program, self.number, self.edited) = (*program, number, false);
        }
    }

    /// Runs another recipe. A program that was changed since the last is kept under the number.
    pub fn select(&mut self, c: &Command) -> Result<(), Refusal> {
        let mut number = 0.0;
        take(c, &mut number, [1.0, f64::from(LAST_RECIPE)])?;
        let number = number as u16;
        if self.edited {
            self.book.insert(number, self.program);
        }
        if !self.book.contains_key(&number) {
            return Err(Refusal::NotHeld { point: c.point.clone(), value: c.value });
        }
        self.load(number);
        Ok(())
    }

    /// Changes one value of the program.
    pub fn set(&mut self, c: &Command) -> Result<(), Refusal> {
        let Some(i) = self.settings.iter().position(|(id, ..)| *id == c.point) else {
            return refuse(c);
        };
        let (_, low, high) = self.settings[i];
        take(c, &mut self.program[i], [low, high])?;
        self.edited = true;
        Ok(())
    }
}
