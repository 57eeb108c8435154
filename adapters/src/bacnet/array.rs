//! Arrays: a property as a whole, one element of it, or their number (clause 12.1.1). Pure.

use bacnet_encoding::primitives as put;
use bacnet_types::enums::ErrorCode;
use bytes::BytesMut;

use super::service::Refusal;

/// Which elements are asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Elements {
    pub(super) index: Option<u32>,
}

impl Elements {
    /// The property is no array.
    pub(super) fn none(self) -> Result<(), Refusal> {
        match self.index {
            None => Ok(()),
            Some(_) => Err(Refusal::property(ErrorCode::PROPERTY_IS_NOT_AN_ARRAY)),
        }
    }

    /// Writes them.
    pub(super) fn write<T>(
        self,
        all: &[T],
        out: &mut BytesMut,
        mut one: impl FnMut(&T, &mut BytesMut),
    ) -> Result<(), Refusal> {
        match self.index {
            None => all.iter().for_each(|t| one(t, out)),
            Some(0) => put::encode_app_unsigned(out, all.len() as u64),
            Some(i) => {
                let element = usize::try_from(i - 1).ok().and_then(|i| all.get(i));
                one(element.ok_or(Refusal::property(ErrorCode::INVALID_ARRAY_INDEX))?, out);
            }
        }
        Ok(())
    }
}
