//! What the client reads, in as large pieces as the device answers.

use std::sync::Arc;

use aegis_models::{PointIx, Sample};
use bacnet_types::enums::{AbortReason, ErrorClass, RejectReason};

use super::super::binding::Place;
use super::super::exchange::Reply;
use super::super::reading;
use super::super::service::{self, PropertyResult, Request};
use super::{Client, refused};
use crate::client::{ClientError, LinkError};

/// What came of reading some points.
enum Read {
    /// Each one's properties.
    Results(Vec<Vec<PropertyResult>>),
    /// Nothing; ask for fewer.
    Smaller,
    /// The device refuses all of them.
    Refused(Reply),
}

impl Client {
    /// Reads the points of [`Binding::groups`](super::super::Binding::groups)`[group]`, in the profile's order.
    ///
    /// A point that the device gives no value for, or refuses, is of bad quality. When it refuses all of them, the
    /// first refusal is the error.
    pub async fn read_group(&mut self, group: usize) -> Result<Vec<Sample>, ClientError> {
        let binding = Arc::clone(&self.binding);
        self.read_places(&binding.groups()[group].places).await
    }

    /// Reads one point.
    ///
    /// # Panics
    ///
    /// When the point is not bound.
    pub async fn read_point(&mut self, point: PointIx) -> Result<Sample, ClientError> {
        let place = *self.binding.place(point).expect("the point is bound");
        Ok(self.read_places(&[place]).await?[0])
    }

    async fn read_places(&mut self, places: &[Place]) -> Result<Vec<Sample>, ClientError> {
        let mut samples = Vec::with_capacity(places.len());
        let mut refusal = None;
        let mut given = false;
        while let Some(rest) = places.get(samples.len()..).filter(|rest| !rest.is_empty()) {
            let some = &rest[..rest.len().min(if self.multiple { self.points_per_read } else { 1 })];
            let read =
                if self.multiple { self.read_multiple(some).await? } else { self.read_one(&some[0]).await? };
            match read {
                Read::Results(objects) => {
                    for (place, results) in some.iter().zip(&objects) {
                        let sample = reading::sample(place, results);
                        given |= sample.is_ok();
                        samples.push(sample.unwrap_or_else(|e| {
                            refusal.get_or_insert((place.object, Reply::Refused(e)));
                            reading::bad(place)
                        }));
                    }
                }
                Read::Smaller => {}
                Read::Refused(reply) => {
                    refusal.get_or_insert((some[0].object, reply));
                    samples.extend(some.iter().map(reading::bad));
                }
            }
        }
        match refusal {
            Some((object, reply)) if !given => Err(refused(format!("the read of {object}"), &reply)),
            _ => Ok(samples),
        }
    }

    async fn read_multiple(&mut self, places: &[Place]) -> Result<Read, LinkError> {
        let specifications = places.iter().map(|p| (p.object, reading::ASKED.to_vec())).collect();
        let reply = self.call(&Request::ReadPropertyMultiple(specifications)).await?;
        match reply {
            Reply::Data(data) => {
                let objects = match service::decode_read_multiple_ack(&data) {
                    Ok(objects) => objects,
                    Err(reason) => {
                        return Err(self.mismatch(format!("a read whose values are malformed: {reason}")));
                    }
                };
                if !objects.iter().map(|(o, _)| o).eq(places.iter().map(|p| &p.object)) {
                    return Err(self.mismatch("values of other objects".to_owned()));
                }
                Ok(Read::Results(objects.into_iter().map(|(_, results)| results).collect()))
            }
            Reply::Rejected(RejectReason::UNRECOGNIZED_SERVICE) => {
                self.multiple = false;
                Ok(Read::Smaller)
            }
            // An answer too long for the device or for the way; or, of one object that spoils it for the others.
            reply if places.len() > 1 && (too_long(&reply) || concerns_object(&reply)) => {
                self.points_per_read = (places.len() / 2).max(1);
                Ok(Read::Smaller)
            }
            reply => Ok(Read::Refused(reply)),
        }
    }

    /// Property by property, of a device that knows no other way.
    async fn read_one(&mut self, place: &Place) -> Result<Read, LinkError> {
        let mut results = Vec::new();
        for property in reading::ASKED {
            let result: PropertyResult = match self
                .call(&Request::ReadProperty(place.object, property))
                .await?
            {
                Reply::Data(data) => match service::decode_read_ack(&data) {
                    Ok((object, of, value)) if (object, of) == (place.object, property) => (of, Ok(value)),
                    _ => return Err(self.mismatch("the value of another property".to_owned())),
                },
                Reply::Refused(refusal) => (property, Err(refusal)),
                reply => return Ok(Read::Refused(reply)),
            };
            results.push(result);
        }
        Ok(Read::Results(vec![results]))
    }
}

fn too_long(reply: &Reply) -> bool {
    matches!(
        reply,
        Reply::Aborted(
            AbortReason::SEGMENTATION_NOT_SUPPORTED
                | AbortReason::BUFFER_OVERFLOW
                | AbortReason::APDU_TOO_LONG
        ) | Reply::Rejected(RejectReason::BUFFER_OVERFLOW)
    )
}

fn concerns_object(reply: &Reply) -> bool {
    matches!(reply, Reply::Refused(r) if r.class == ErrorClass::OBJECT || r.class == ErrorClass::PROPERTY)
}
