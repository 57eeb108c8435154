//! Units as OPC UA names them: UNECE Recommendation 20 codes as numbers (Part 8, 5.6.3).

use opcua::types::{EUInformation, LocalizedText};

/// The namespace of unit ids that are UNECE common codes.
pub const UNECE: &str = "http://www.opcfoundation.org/UA/units/un/cefact";

/// Units as profiles write them, with their UNECE common code and how people print them.
const CODES: &[(&str, &str, &str)] = &[
    ("%", "P1", "%"),
    ("A", "AMP", "A"),
    ("Hz", "HTZ", "Hz"),
    ("N", "NEW", "N"),
    ("Pa", "PAL", "Pa"),
    ("V", "VLT", "V"),
    ("W", "WTT", "W"),
    ("bar", "BAR", "bar"),
    ("degC", "CEL", "°C"),
    ("g", "GRM", "g"),
    ("h", "HUR", "h"),
    ("kHz", "KHZ", "kHz"),
    ("kPa", "KPA", "kPa"),
    ("kV", "KVT", "kV"),
    ("kW", "KWT", "kW"),
    ("kg", "KGM", "kg"),
    ("l/min", "L2", "l/min"),
    ("m", "MTR", "m"),
    ("m/s", "MTS", "m/s"),
    ("m3/h", "MQH", "m³/h"),
    ("mA", "4K", "mA"),
    ("mW", "C31", "mW"),
    ("min", "MIN", "min"),
    ("mm", "MMT", "mm"),
    ("mm/s", "C16", "mm/s"),
    ("ms", "C26", "ms"),
    ("nm", "C45", "nm"),
    ("ohm", "OHM", "Ω"),
    ("rpm", "RPM", "r/min"),
    ("s", "SEC", "s"),
    ("um", "4H", "µm"),
];

/// The unit id of a common code: its characters as a number, the first one highest (Part 8, 5.6.3.3).
pub fn unit_id(code: &str) -> i32 {
    code.bytes().fold(0, |id, byte| id << 8 | i32::from(byte))
}

/// A unit of a profile; one without a common code keeps its name, with the id -1 that the standard has for it.
pub fn information(unit: &str) -> EUInformation {
    let (namespace, id, shown) = match CODES.iter().find(|(name, ..)| *name == unit) {
        Some((_, code, shown)) => (UNECE, unit_id(code), *shown),
        None => ("", -1, unit),
    };
    EUInformation {
        namespace_uri: namespace.into(),
        unit_id: id,
        display_name: LocalizedText::from(shown),
        description: LocalizedText::from(unit),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of Part 8, and a code of two characters.
    #[test]
    fn unit_ids_are_their_codes_as_numbers() {
        assert_eq!(information("degC").unit_id, 4_408_652);
        assert_eq!(information("mm").unit_id, 5_066_068);
        assert_eq!(information("%").unit_id, 20_529);
        assert_eq!(information("gE").unit_id, -1);
        assert_eq!(information("gE").display_name, LocalizedText::from("gE"));
    }

    #[test]
    fn units_and_codes_stand_once() {
        assert!(CODES.windows(2).all(|w| w[0].0 < w[1].0), "sorted by unit");
        let codes: std::collections::BTreeSet<_> = CODES.iter().map(|c| c.1).collect();
        assert_eq!(codes.len(), CODES.len());
    }
}
