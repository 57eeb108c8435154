//! The tool in the spindle as an asset, and those before it (Part 4.1, `CuttingTool`).

use std::collections::VecDeque;

use aegis_models::profile::ToolSpec;

use super::stamp;
use super::xml::Element;

/// The one type of asset that is kept.
pub(super) const CUTTING_TOOL: &str = "CuttingTool";

/// One tool.
#[derive(Clone, Debug)]
pub(super) struct Tool {
    /// Its identifier, unique over the life of the agent.
    pub id: String,
    /// Whether it has left the machine.
    pub removed: bool,
    serial: u64,
    /// When it came or changed [ns since 1970].
    unix_ns: u64,
    /// How long it has cut [min].
    age_min: f64,
}

/// What a new age of the tool means.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Change {
    /// The tool that left.
    pub removed: Option<String>,
    /// The tool that came or changed.
    pub changed: String,
}

/// The newest tools; the last one is in the spindle.
#[derive(Debug)]
pub(super) struct Tools {
    spec: ToolSpec,
    uuid: String,
    most: usize,
    kept: VecDeque<Tool>,
    serial: u64,
    /// The age as it came last [min].
    heard_min: f64,
}

impl Tools {
    pub fn new(spec: ToolSpec, uuid: &str, most: usize) -> Tools {
        let (kept, uuid) = (VecDeque::new(), uuid.to_owned());
        Tools { spec, uuid, most: most.max(1), kept, serial: 0, heard_min: 0.0 }
    }

    /// Takes the age of the tool in the spindle. Assets tell what a tool crib wants to know, so they change with the
    /// whole minutes and with the status, and not with every sample.
    pub fn hear(&mut self, age_min: f64, unix_ns: u64) -> Option<Change> {
        if !age_min.is_finite() || age_min < 0.0 {
            return None;
        }
        let replaced = age_min < self.heard_min;
        self.heard_min = age_min;
        match self.kept.back_mut() {
            Some(tool) if !replaced => {
                let status = |age| status(&self.spec, age);
                if tool.age_min.floor() == age_min.floor() && status(tool.age_min) == status(age_min) {
                    return None;
                }
                tool.age_min = age_min;
                tool.unix_ns = unix_ns;
                Some(Change { removed: None, changed: tool.id.clone() })
            }
            old => {
                let removed = old.map(|tool| {
                    tool.removed = true;
                    tool.unix_ns = unix_ns;
                    tool.id.clone()
                });
                if self.kept.len() == self.most {
                    self.kept.pop_front();
                }
                self.serial += 1;
                let (serial, id) =
                    (self.serial, format!("{}.{}.{}", self.uuid, self.spec.tool_id, self.serial));
                self.kept.push_back(Tool { id: id.clone(), removed: false, serial, unix_ns, age_min });
                Some(Change { removed, changed: id })
            }
        }
    }

    /// How many it keeps.
    pub fn most(&self) -> usize {
        self.most
    }

    /// The tools, the newest first.
    pub fn newest(&self) -> impl Iterator<Item = &Tool> {
        self.kept.iter().rev()
    }

    /// The tool as documents have it.
    pub fn element(&self, tool: &Tool) -> Element {
        let mut e = Element::new(CUTTING_TOOL)
            .with("assetId", &tool.id)
            .with("timestamp", stamp::format(tool.unix_ns))
            .with("deviceUuid", &self.uuid)
            .with("serialNumber", tool.serial.to_string())
            .with("toolId", &self.spec.tool_id);
        if tool.removed {
            e = e.with("removed", "true");
        }
        let statuses: &[&str] = match status(&self.spec, tool.age_min) {
            Status::New => &["NEW", "MEASURED"],
            Status::Used => &["USED"],
            Status::Expired => &["USED", "EXPIRED"],
        };
        let statuses = statuses.iter().map(|s| Element::new("Status").saying(*s)).collect();
        let life = Element::new("ToolLife")
            .with("type", "MINUTES")
            .with("countDirection", "UP")
            .with("warning", self.spec.warning_min.to_string())
            .with("limit", self.spec.life_min.to_string())
            .with("initial", "0")
            .saying((tool.age_min as f32).to_string());
        let cycle = Element::new("CuttingToolLifeCycle")
            .holding(Element { children: statuses, ..Element::new("CutterStatus") })
            .holding(life);
        e.holding(cycle)
    }
}

#[derive(PartialEq)]
enum Status {
    New,
    Used,
    Expired,
}

fn status(spec: &ToolSpec, age_min: f64) -> Status {
    if age_min >= spec.life_min {
        Status::Expired
    } else if age_min > 0.0 {
        Status::Used
    } else {
        Status::New
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_changes_by_the_minute_and_is_another_when_its_age_falls() {
        let spec = ToolSpec { age: "a".into(), tool_id: "T".into(), life_min: 40.0, warning_min: 36.0 };
        let mut tools = Tools::new(spec, "u", 2);
        let first = Some(Change { removed: None, changed: "u.T.1".into() });
        assert_eq!(tools.hear(f64::NAN, 1), None);
        assert_eq!(tools.hear(0.0, 1), first);
        assert_eq!(tools.hear(0.1, 2), first, "it is new no more");
        assert_eq!(tools.hear(0.9, 3), None);
        assert_eq!(tools.hear(1.0, 4), first);
        assert_eq!(
            tools.hear(0.2, 5),
            Some(Change { removed: Some("u.T.1".into()), changed: "u.T.2".into() })
        );
        assert_eq!(tools.hear(0.0, 6).unwrap().changed, "u.T.3");
        assert_eq!(
            tools.newest().map(|t| (t.serial, t.removed)).collect::<Vec<_>>(),
            [(3, false), (2, true)]
        );
    }
}
