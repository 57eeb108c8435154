//! What a profile must keep beyond its grammar.

use std::collections::BTreeSet;

use super::{Access, DataType, ModbusTable, OpcuaWrite, Profile, Role};
use crate::{limits, physics::residual};

/// Why a profile cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BadProfile {
    /// The text is not the TOML of a profile.
    #[error("{0}")]
    Toml(#[from] toml::de::Error),
    /// A name stands twice or names nothing, or a number makes no sense.
    #[error("{place}: {problem}")]
    Meaning {
        /// Where: `point airflow`.
        place: String,
        /// What, and what would be right.
        problem: String,
    },
}

pub(super) fn refuse(place: String, problem: impl Into<String>) -> Result<(), BadProfile> {
    Err(BadProfile::Meaning { place, problem: problem.into() })
}

impl Profile {
    pub(super) fn check(&self) -> Result<(), BadProfile> {
        if self.points.is_empty() || self.points.len() > limits::POINTS_PER_PROFILE {
            return refuse(
                "profile".into(),
                format!(
                    "has {} points; 1 to {} would be right",
                    self.points.len(),
                    limits::POINTS_PER_PROFILE
                ),
            );
        }
        self.check_points()?;
        self.check_modbus()?;
        self.check_bacnet()?;
        self.check_records()?;
        self.check_residuals()?;
        self.check_commands()?;
        self.check_gem()?;
        self.check_mtconnect()?;
        self.check_opcua()?;
        self.check_lives()?;
        self.check_signatures()
    }

    fn check_points(&self) -> Result<(), BadProfile> {
        let mut names = BTreeSet::new();
        for id in self.points.iter().map(|p| &p.id).chain(self.residuals.iter().map(|r| &r.id)) {
            if !names.insert(id) {
                return refuse(
                    format!("point {id}"),
                    "stands twice; points and residuals share one set of names",
                );
            }
        }
        for p in &self.points {
            let place = || format!("point {}", p.id);
            let [low, high] = p.range;
            if !(low.is_finite() && high.is_finite() && low < high) {
                return refuse(place(), format!("range [{low}, {high}] is empty"));
            }
            if p.nominal.is_some_and(|n| !(low..=high).contains(&n)) {
                return refuse(place(), "nominal lies outside range");
            }
            if p.period.0.is_zero() {
                return refuse(place(), "period must be longer than zero");
            }
            if p.access == Access::Write && p.role == Role::Setpoint && p.nominal.is_none() {
                return refuse(place(), "a set-point that can be written needs a nominal value");
            }
            self.check_regimes(&p.only, place())?;
        }
        if let Some(r) = &self.regime {
            match self.points.iter().find(|p| p.id == r.point) {
                Some(p) if p.role == Role::State => {}
                _ => {
                    return refuse(
                        "regime".into(),
                        format!("point {} is no point with role \"state\"", r.point),
                    );
                }
            }
            if let Some(k) = r.names.keys().find(|k| k.parse::<u16>().is_err()) {
                return refuse("regime".into(), format!("names: {k:?} is no value of a state point"));
            }
        }
        Ok(())
    }

    fn check_regimes(&self, only: &[String], place: String) -> Result<(), BadProfile> {
        for name in only {
            if !self.regime.as_ref().is_some_and(|r| r.names.values().any(|n| n == name)) {
                return refuse(place, format!("only: no regime is named {name:?}"));
            }
        }
        Ok(())
    }

    fn check_modbus(&self) -> Result<(), BadProfile> {
        let mut taken = BTreeSet::new();
        for p in &self.points {
            let Some(at) = p.modbus else { continue };
            let place = || format!("point {}", p.id);
            let bits = matches!(at.table, ModbusTable::Coil | ModbusTable::Discrete);
            if bits != (p.data == DataType::Bool) {
                return refuse(
                    place(),
                    "a bool belongs to a coil or discrete input, any other type to registers",
                );
            }
            if p.access == Access::Write && matches!(at.table, ModbusTable::Discrete | ModbusTable::Input) {
                return refuse(place(), "a point that can be written belongs to a coil or holding register");
            }
            for i in 0..p.data.registers() {
                let Some(address) = at.address.checked_add(i) else {
                    return refuse(place(), "its last register lies beyond 65535");
                };
                if !taken.insert((at.table, address)) {
                    return refuse(place(), format!("{:?} {address} is taken by another point", at.table));
                }
            }
        }
        Ok(())
    }

    fn check_opcua(&self) -> Result<(), BadProfile> {
        let Some(layout) = &self.opcua else {
            return match self.points.iter().find(|p| p.opcua.is_some()) {
                Some(p) => {
                    refuse(format!("point {}", p.id), "has an OPC UA node, but there is no [opcua] section")
                }
                None => Ok(()),
            };
        };
        let foreign = layout.namespace.starts_with("http://opcfoundation.org/UA/");
        if foreign || !layout.namespace.contains(':') {
            return refuse(
                "opcua".into(),
                "namespace must be a URI of the maker's own, such as \"urn:maker:mill\"",
            );
        }
        if layout.stop_method.is_some() && self.stop.is_none() {
            return refuse("opcua".into(), "stop_method needs a [stop]");
        }
        let mut taken = BTreeSet::new();
        let mut claim = |place: String, node: &str| {
            let path = node.split('.').map(str::to_owned).collect::<Vec<_>>();
            if path.len() > 8 || node.len() > 128 || path.iter().any(String::is_empty) {
                return refuse(
                    place,
                    format!("{node:?} must be names with dots between, such as \"Spindle.Load\""),
                );
            }
            if ["Machine", "Identification"].contains(&path[0].as_str()) {
                return refuse(place, format!("{node}: {} names what every machine has", path[0]));
            }
            if taken.insert(path) { Ok(()) } else { refuse(place, format!("node {node} is taken")) }
        };
        if let Some(method) = &layout.stop_method {
            claim("opcua".into(), method)?;
        }
        for p in &self.points {
            let Some(at) = &p.opcua else { continue };
            let place = || format!("point {}", p.id);
            claim(place(), &at.node)?;
            match &at.method {
                Some(_) if p.access == Access::Read => {
                    return refuse(place(), "a point that can only be read has no method");
                }
                None if at.write == OpcuaWrite::Method => {
                    return refuse(place(), "write = \"method\" needs a method");
                }
                Some(method) => claim(place(), method)?,
                None => {}
            }
        }
        // A variable or method has no nodes of ours below it. In order of paths, those follow it at once.
        let mut ordered = taken.iter().zip(taken.iter().skip(1));
        match ordered.find(|(a, b)| b.starts_with(a.as_slice())) {
            Some((a, b)) => {
                let (a, b) = (a.join("."), b.join("."));
                refuse("opcua".into(), format!("node {b} lies below {a}, which is no object"))
            }
            None => Ok(()),
        }
    }

    fn check_records(&self) -> Result<(), BadProfile> {
        for r in &self.records {
            let place = || format!("record {}", r.id);
            if r.fields.is_empty() || r.fields.len() > limits::FIELDS_PER_RECORD {
                return refuse(place(), format!("has 1 to {} fields", limits::FIELDS_PER_RECORD));
            }
            for f in &r.fields {
                match self.points.iter().find(|p| &p.id == f) {
                    Some(p) if p.record.as_ref() == Some(&r.id) => {}
                    Some(_) => return refuse(place(), format!("point {f} does not say record = {:?}", r.id)),
                    None => return refuse(place(), format!("no point is named {f}")),
                }
            }
        }
        for p in &self.points {
            if let Some(r) = &p.record
                && !self.records.iter().any(|s| &s.id == r && s.fields.contains(&p.id))
            {
                return refuse(format!("point {}", p.id), format!("record {r} does not list it"));
            }
        }
        Ok(())
    }

    fn check_residuals(&self) -> Result<(), BadProfile> {
        for r in &self.residuals {
            let place = || format!("residual {}", r.id);
            let Some(law) = residual::find(&r.law) else {
                let known: Vec<_> = residual::LAWS.iter().copied().flatten().map(|l| l.name).collect();
                return refuse(
                    place(),
                    format!("no law is named {:?}; there are {}", r.law, known.join(", ")),
                );
            };
            for name in law.inputs {
                match r.inputs.get(*name) {
                    Some(p) if self.point_ix(p).is_some() => {}
                    Some(p) => return refuse(place(), format!("input {name}: no point is named {p}")),
                    None => return refuse(place(), format!("law {} needs the input {name}", law.name)),
                }
            }
            if let Some(name) = r.inputs.keys().find(|k| !law.inputs.contains(&k.as_str())) {
                return refuse(place(), format!("law {} has no input {name}", law.name));
            }
            if let Some(name) = law.params.iter().find(|n| !r.params.contains_key(**n)) {
                return refuse(place(), format!("law {} needs the constant {name}", law.name));
            }
            if let Some(name) = r.params.keys().find(|k| !law.params.contains(&k.as_str())) {
                return refuse(place(), format!("law {} has no constant {name}", law.name));
            }
            if !(r.accuracy.is_finite() && r.accuracy >= 0.0) {
                return refuse(place(), "accuracy must not be negative");
            }
            self.check_regimes(&r.only, place())?;
        }
        Ok(())
    }

    fn check_commands(&self) -> Result<(), BadProfile> {
        for c in &self.commands {
            let place = || format!("command {}", c.point);
            let Some(p) = self.points.iter().find(|p| p.id == c.point && p.access == Access::Write) else {
                return refuse(place(), "names no point with access \"write\"");
            };
            let [low, high] = c.envelope;
            if !(p.range[0] <= low && low < high && high <= p.range[1]) {
                return refuse(place(), "envelope must lie within the point's range");
            }
            if !p.nominal.is_some_and(|n| (low..=high).contains(&n)) {
                return refuse(place(), "envelope must hold the point's nominal value");
            }
            if !(c.tolerance.is_finite() && c.tolerance >= 0.0) {
                return refuse(place(), "tolerance must not be negative");
            }
        }
        if let Some(s) = &self.stop
            && !self.points.iter().any(|p| {
                p.id == s.point && p.access == Access::Write && (p.range[0]..=p.range[1]).contains(&s.value)
            })
        {
            return refuse("stop".into(), format!("{} = {} can not be written", s.point, s.value));
        }
        Ok(())
    }

    fn check_lives(&self) -> Result<(), BadProfile> {
        for l in &self.lives {
            let place = || format!("life {}", l.part);
            let known = self.points.iter().map(|p| &p.id).chain(self.residuals.iter().map(|r| &r.id));
            if !known.into_iter().any(|id| *id == l.channel) {
                return refuse(place(), format!("no point or residual is named {}", l.channel));
            }
            if !l.end.is_finite() {
                return refuse(place(), "end must be a number");
            }
        }
        Ok(())
    }

    fn check_signatures(&self) -> Result<(), BadProfile> {
        let known =
            |id: &str| self.points.iter().any(|p| p.id == id) || self.residuals.iter().any(|r| r.id == id);
        for s in &self.signatures {
            let place = || format!("signature {}", s.cause);
            if s.needs.is_empty() {
                return refuse(place(), "needs at least one symptom");
            }
            let terms = s.needs.iter().chain(&s.supports).chain(&s.excludes).map(|t| &t.channel);
            let channels = terms.chain(s.severity.raise.iter().map(|r| &r.channel));
            if let Some(c) = channels.into_iter().find(|c| !known(c)) {
                return refuse(place(), format!("no point or residual is named {c}"));
            }
            if let Some(r) = s.severity.raise.iter().find(|r| r.above.is_some() == r.below.is_some()) {
                return refuse(place(), format!("severity by {}: say either above or below", r.channel));
            }
        }
        Ok(())
    }
}
