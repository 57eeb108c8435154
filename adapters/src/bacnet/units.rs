//! A profile's units in BACnet's words (clause 21, BACnetEngineeringUnits).

use bacnet_types::enums::EngineeringUnits as E;

/// The engineering unit of a data sheet's unit; no-units for one that the standard has no word for.
pub fn engineering(unit: &str) -> E {
    NAMES.iter().find(|(name, _)| *name == unit).map_or(E::NO_UNITS, |(_, e)| *e)
}

const NAMES: &[(&str, E)] = &[
    ("%", E::PERCENT),
    ("%RH", E::PERCENT_RELATIVE_HUMIDITY),
    ("%rh", E::PERCENT_RELATIVE_HUMIDITY),
    ("A", E::AMPERES),
    ("Hz", E::HERTZ),
    ("J", E::JOULES),
    ("K", E::DELTA_DEGREES_KELVIN),
    ("N", E::NEWTON),
    ("Nm", E::NEWTON_METERS),
    ("Pa", E::PASCALS),
    ("V", E::VOLTS),
    ("W", E::WATTS),
    ("bar", E::BARS),
    ("degC", E::DEGREES_CELSIUS),
    ("g", E::GRAMS),
    ("g/kg", E::GRAMS_OF_WATER_PER_KILOGRAM_DRY_AIR),
    ("h", E::HOURS),
    ("hPa", E::HECTOPASCALS),
    ("kHz", E::KILOHERTZ),
    ("kJ/kg", E::KILOJOULES_PER_KILOGRAM),
    ("kPa", E::KILOPASCALS),
    ("kW", E::KILOWATTS),
    ("kWh", E::KILOWATT_HOURS),
    ("kg", E::KILOGRAMS),
    ("kg/h", E::KILOGRAMS_PER_HOUR),
    ("kg/s", E::KILOGRAMS_PER_SECOND),
    ("l", E::LITERS),
    ("l/h", E::LITERS_PER_HOUR),
    ("l/min", E::LITERS_PER_MINUTE),
    ("l/s", E::LITERS_PER_SECOND),
    ("m", E::METERS),
    ("m/s", E::METERS_PER_SECOND),
    ("m/s2", E::METERS_PER_SECOND_PER_SECOND),
    ("m2", E::SQUARE_METERS),
    ("m3", E::CUBIC_METERS),
    ("m3/h", E::CUBIC_METERS_PER_HOUR),
    ("m3/min", E::CUBIC_METERS_PER_MINUTE),
    ("m3/s", E::CUBIC_METERS_PER_SECOND),
    ("mA", E::MILLIAMPERES),
    ("mV", E::MILLIVOLTS),
    ("mW", E::MILLIWATTS),
    ("mbar", E::MILLIBARS),
    ("min", E::MINUTES),
    ("mm", E::MILLIMETERS),
    ("mm/s", E::MILLIMETERS_PER_SECOND),
    ("ms", E::MILLISECONDS),
    ("ohm", E::OHMS),
    ("ppm", E::PARTS_PER_MILLION),
    ("rpm", E::REVOLUTIONS_PER_MINUTE),
    ("s", E::SECONDS),
    ("uS", E::MICROSIEMENS),
    ("um", E::MICROMETERS),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_have_the_standards_numbers() {
        for (unit, number) in
            [("degC", 62), ("Pa", 53), ("m3/h", 135), ("%", 98), ("rpm", 104), ("gE", 95), ("", 95)]
        {
            assert_eq!(engineering(unit).to_raw(), number, "{unit}");
        }
    }
}
