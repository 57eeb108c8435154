//! Numbers and variants, qualities and status codes, moments and ticks.

use aegis_models::Quality;
use aegis_models::profile::{DataType, Role};
use opcua::types::{DataTypeId, DateTime, StatusCode, Variant, VariantScalarTypeId};

/// 100 ns ticks between 1601 and 1970.
const UNIX_TICKS: i64 = 116_444_736_000_000_000;

/// The scalar that carries values of a type.
pub fn scalar(data: DataType) -> VariantScalarTypeId {
    match data {
        DataType::F32 => VariantScalarTypeId::Float,
        DataType::U16 => VariantScalarTypeId::UInt16,
        DataType::I16 => VariantScalarTypeId::Int16,
        DataType::U32 => VariantScalarTypeId::UInt32,
        DataType::Bool => VariantScalarTypeId::Boolean,
    }
}

/// The node of that type.
pub fn data_type_id(data: DataType) -> DataTypeId {
    match data {
        DataType::F32 => DataTypeId::Float,
        DataType::U16 => DataTypeId::UInt16,
        DataType::I16 => DataTypeId::Int16,
        DataType::U32 => DataTypeId::UInt32,
        DataType::Bool => DataTypeId::Boolean,
    }
}

/// A number as a variant, the nearest value that the scalar holds; none for a scalar that holds no numbers.
pub fn pack(scalar: VariantScalarTypeId, value: f64) -> Option<Variant> {
    use VariantScalarTypeId as S;
    let whole = value.round();
    Some(match scalar {
        S::Boolean => Variant::Boolean(value != 0.0),
        S::SByte => Variant::SByte(whole as i8),
        S::Byte => Variant::Byte(whole as u8),
        S::Int16 => Variant::Int16(whole as i16),
        S::UInt16 => Variant::UInt16(whole as u16),
        S::Int32 => Variant::Int32(whole as i32),
        S::UInt32 => Variant::UInt32(whole as u32),
        S::Int64 => Variant::Int64(whole as i64),
        S::UInt64 => Variant::UInt64(whole as u64),
        S::Float => Variant::Float(value as f32),
        S::Double => Variant::Double(value),
        _ => return None,
    })
}

/// A variant as a number, and the scalar that carried it; none for anything but a finite number.
pub fn unpack(variant: &Variant) -> Option<(f64, VariantScalarTypeId)> {
    use VariantScalarTypeId as S;
    let (value, scalar) = match *variant {
        Variant::Boolean(v) => (f64::from(v), S::Boolean),
        Variant::SByte(v) => (f64::from(v), S::SByte),
        Variant::Byte(v) => (f64::from(v), S::Byte),
        Variant::Int16(v) => (f64::from(v), S::Int16),
        Variant::UInt16(v) => (f64::from(v), S::UInt16),
        Variant::Int32(v) => (f64::from(v), S::Int32),
        Variant::UInt32(v) => (f64::from(v), S::UInt32),
        Variant::Int64(v) => (v as f64, S::Int64),
        Variant::UInt64(v) => (v as f64, S::UInt64),
        Variant::Float(v) => (f64::from(v), S::Float),
        Variant::Double(v) => (v, S::Double),
        _ => return None,
    };
    value.is_finite().then_some((value, scalar))
}

/// The status code of a quality (Part 8, 6.3).
pub fn status(quality: Quality, role: Role) -> StatusCode {
    match (quality, role) {
        (Quality::Good, _) => StatusCode::Good,
        (Quality::Uncertain, _) => StatusCode::UncertainSubstituteValue,
        (Quality::Bad, Role::Measurement) => StatusCode::BadSensorFailure,
        (Quality::Bad, _) => StatusCode::BadDeviceFailure,
    }
}

/// The quality of a status code.
pub fn quality(status: StatusCode) -> Quality {
    if status.is_good() {
        Quality::Good
    } else if status.is_uncertain() {
        Quality::Uncertain
    } else {
        Quality::Bad
    }
}

/// The tick of a moment [ns since 1970].
pub fn ticks(unix_ns: u64) -> i64 {
    UNIX_TICKS + (unix_ns / 100) as i64
}

/// The moment of a tick [ns since 1970]; what lies before counts as then.
pub fn unix_ns(ticks: i64) -> u64 {
    u64::try_from(ticks.saturating_sub(UNIX_TICKS)).unwrap_or(0).saturating_mul(100)
}

/// A tick as the library's moment.
pub fn date_time(ticks: i64) -> DateTime {
    DateTime::from(ticks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_as_the_type_holds_them() {
        for data in [DataType::F32, DataType::U16, DataType::I16, DataType::U32, DataType::Bool] {
            for value in [0.0, 1.0, -3.4, 0.1, 70_000.0, 5e9] {
                let held = data.quantise(value);
                let variant = pack(scalar(data), held).unwrap();
                assert_eq!(unpack(&variant), Some((held, scalar(data))), "{data:?} {value}");
            }
        }
        assert_eq!(unpack(&Variant::Float(f32::NAN)), None);
        assert_eq!(unpack(&Variant::from("1")), None);
        assert_eq!(pack(VariantScalarTypeId::String, 1.0), None);
    }

    #[test]
    fn qualities_survive_their_status_codes() {
        for q in [Quality::Good, Quality::Uncertain, Quality::Bad] {
            for role in [Role::Measurement, Role::Setpoint, Role::State, Role::Counter] {
                assert_eq!(quality(status(q, role)), q);
            }
        }
        assert_eq!(quality(StatusCode::BadWaitingForInitialData), Quality::Bad);
    }

    #[test]
    fn ticks_begin_in_1601() {
        assert_eq!(date_time(ticks(0)).to_rfc3339(), "1970-01-01T00:00:00.000Z");
        assert_eq!(date_time(ticks(1_500_000_000)).ticks(), ticks(1_500_000_000));
        assert_eq!((unix_ns(ticks(1_500_000_000)), unix_ns(0)), (1_500_000_000, 0));
    }
}
