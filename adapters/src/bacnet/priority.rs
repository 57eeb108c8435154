//! Who commands a value: sixteen slots and what holds when all are empty (clause 19.2). Pure.

/// A command priority, 1 (life safety) to 16 (the lowest, and what a write without one has).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Priority(u8);

impl Priority {
    /// What a write without a priority has.
    pub const LOWEST: Priority = Priority(16);
    /// A program that overrules schedules, which commonly write at 15 and 16, and yields to people, who write at 8
    /// (19.2.2, manual operator).
    pub const PROGRAM: Priority = Priority(10);
    /// Kept for minimum on and off times: nobody may write there (19.2.3).
    pub const MINIMUM_TIMES: Priority = Priority(6);

    /// That priority; none when it is not 1 to 16.
    pub fn new(number: u8) -> Option<Priority> {
        (1..=16).contains(&number).then_some(Priority(number))
    }

    /// 1 to 16.
    pub fn number(self) -> u8 {
        self.0
    }

    fn slot(self) -> usize {
        usize::from(self.0) - 1
    }
}

/// The values commanded at each priority.
#[derive(Clone, Debug, PartialEq)]
pub struct PriorityArray {
    slots: [Option<f64>; 16],
    relinquish_default: f64,
}

impl PriorityArray {
    /// Nobody commands; `relinquish_default` holds.
    pub fn new(relinquish_default: f64) -> PriorityArray {
        PriorityArray { slots: [None; 16], relinquish_default }
    }

    /// Commands a value at that priority, or with none relinquishes it. Whether this was, or now is, what holds.
    pub fn set(&mut self, priority: Priority, value: Option<f64>) -> bool {
        let before = self.active();
        self.slots[priority.slot()] = value;
        before == Some(priority) || self.active() == Some(priority)
    }

    /// What holds: the command of the highest priority, or else the relinquish default.
    pub fn effective(&self) -> f64 {
        self.slots.iter().flatten().next().copied().unwrap_or(self.relinquish_default)
    }

    /// Whose command holds.
    pub fn active(&self) -> Option<Priority> {
        self.slots.iter().position(Option::is_some).map(|i| Priority(i as u8 + 1))
    }

    /// The slots, the highest priority first.
    pub fn slots(&self) -> &[Option<f64>; 16] {
        &self.slots
    }

    /// What holds when nobody commands.
    pub fn relinquish_default(&self) -> f64 {
        self.relinquish_default
    }

    /// Changes what holds when nobody commands.
    pub fn set_relinquish_default(&mut self, value: f64) {
        self.relinquish_default = value;
    }
}
