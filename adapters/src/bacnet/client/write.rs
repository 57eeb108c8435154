//! What the client commands, and takes back.

use aegis_models::PointIx;
use bacnet_types::enums::PropertyIdentifier as P;
use bacnet_types::primitives::PropertyValue;
use bytes::BytesMut;

use super::super::binding::Place;
use super::super::exchange::Reply;
use super::super::service::{PropertyRef, Request, Write};
use super::{Client, one_value, refused, values};
use crate::client::{ClientError, LinkError};

impl Client {
    /// Writes one point [the point's unit] at the client's priority and waits until the device confirms. The value must
    /// be in the point's range; what is sent is the nearest one that the point's object holds.
    pub async fn write_point(&mut self, point: PointIx, value: f64) -> Result<(), ClientError> {
        let (place, packed) = self.writable(point, value)?;
        self.write_present(&place, &packed).await
    }

    /// The same, but that the client's own command is taken back where that alone makes the value hold, because somebody
    /// else commands it or it is what the device falls back to. What was changed for a while is then again as it was, and
    /// follows whoever it followed.
    pub async fn write_or_relinquish(&mut self, point: PointIx, value: f64) -> Result<(), ClientError> {
        let (place, packed) = self.writable(point, value)?;
        let without = self.without_own(&place).await?;
        let value = if without == Some(place.held(value)) { PropertyValue::Null } else { packed };
        self.write_present(&place, &value).await
    }

    fn writable(&self, point: PointIx, value: f64) -> Result<(Place, PropertyValue), ClientError> {
        let refuse = |problem| ClientError::Unwritable { point, problem };
        let place = self.binding.place(point).copied().filter(|p| p.writable);
        let place = place.ok_or(refuse("the profile does not let it be written"))?;
        let packed = place.pack(value).ok_or(refuse("it is no number"))?;
        if !place.accepts(place.held(value)) {
            return Err(refuse("the value is outside its range"));
        }
        Ok((place, packed))
    }

    /// What would hold if the client took its command back; none where it commands nothing, or the device does not say
    /// [the point's unit].
    async fn without_own(&mut self, place: &Place) -> Result<Option<f64>, LinkError> {
        let slots = Request::ReadProperty(place.object, PropertyRef::of(P::PRIORITY_ARRAY));
        let slots = values(&self.call(&slots).await?);
        let own = usize::from(self.options.priority.number()) - 1;
        if slots.len() != 16 || slots[own] == PropertyValue::Null {
            return Ok(None);
        }
        let others = slots.iter().enumerate().filter(|(i, v)| *i != own && **v != PropertyValue::Null);
        if let Some((_, commanded)) = others.into_iter().next() {
            return Ok(place.unpack(commanded));
        }
        let default = Request::ReadProperty(place.object, PropertyRef::of(P::RELINQUISH_DEFAULT));
        Ok(one_value(&self.call(&default).await?).and_then(|v| place.unpack(&v)))
    }

    /// Takes back what was written at the client's priority: the device falls back to what others command, or to its
    /// own set-point.
    pub async fn relinquish(&mut self, point: PointIx) -> Result<(), ClientError> {
        match self.binding.place(point).copied().filter(|p| p.writable) {
            Some(place) => self.write_present(&place, &PropertyValue::Null).await,
            None => {
                let problem = "the profile does not let it be written";
                Err(ClientError::Unwritable { point, problem })
            }
        }
    }

    async fn write_present(&mut self, place: &Place, value: &PropertyValue) -> Result<(), ClientError> {
        let mut octets = BytesMut::new();
        bacnet_encoding::primitives::encode_property_value(&mut octets, value).expect("a number has a form");
        let request = Request::WriteProperty(Write {
            object: place.object,
            property: PropertyRef::of(P::PRESENT_VALUE),
            value: octets.freeze(),
            priority: Some(self.options.priority.number()),
        });
        match self.call(&request).await? {
            Reply::Done => Ok(()),
            Reply::Data(_) => Err(self.mismatch("data, to a write".to_owned()).into()),
            reply => Err(refused(format!("the write of {}", place.object), &reply)),
        }
    }
}
