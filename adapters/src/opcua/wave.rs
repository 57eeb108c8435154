//! Waveforms: array variables that change as a whole, with their rate in a property beside them.

use std::sync::Arc;

use aegis_models::Profile;
use aegis_models::profile::BurstSpec;
use opcua::types::{
    AttributeId, DataChangeFilter, DataChangeTrigger, DataValue, DeadbandType, ExtensionObject,
    MonitoredItemCreateRequest, MonitoringMode, MonitoringParameters, NodeId, ReadValueId, StatusCode,
    TimestampsToReturn, Variant,
};

use super::binding::BadBinding;
use super::client::Client;
use super::values;
use crate::client::LinkError;
use crate::limits::{OPCUA_ARRAY, OPCUA_WAVES};

/// The property of a waveform's variable that tells its rate [Hz].
pub const SAMPLE_RATE: &str = "SampleRate";

/// Where one kind of waveform lies.
#[derive(Clone, Debug, PartialEq)]
pub struct Wave {
    /// The place of its kind in the profile's bursts.
    pub kind: u16,
    /// Identifier of its variable.
    pub node: String,
    /// Samples a second, as the profile has it [Hz].
    pub rate_hz: f64,
}

impl Wave {
    /// Every waveform of a profile that has a node.
    pub(super) fn all(profile: &Profile) -> Result<Vec<Wave>, BadBinding> {
        let of = |(kind, spec): (u16, &BurstSpec)| {
            let node = spec.opcua_node.clone()?;
            Some(if spec.samples as usize > OPCUA_ARRAY {
                Err(BadBinding::Long { burst: spec.id.clone(), samples: spec.samples })
            } else {
                Ok(Wave { kind, node, rate_hz: spec.rate_hz })
            })
        };
        (0..).zip(&profile.bursts).filter_map(of).collect()
    }

    /// Identifier of its rate.
    pub fn rate_node(&self) -> String {
        format!("{}.{SAMPLE_RATE}", self.node)
    }
}

/// A waveform as a variable holds it, with the moment of its last sample [100 ns since 1601].
pub(super) fn data_value(samples: &[f64], ticks: i64) -> DataValue {
    let moment = values::date_time(ticks);
    DataValue {
        value: Some(Variant::from(samples.iter().map(|x| *x as f32).collect::<Vec<f32>>())),
        status: Some(StatusCode::Good),
        source_timestamp: Some(moment),
        server_timestamp: Some(moment),
        ..DataValue::default()
    }
}

/// The samples, and the moment of the last [100 ns since 1601]; none unless it is an array of finite numbers that is
/// good and tells its moment.
pub(super) fn samples(value: &DataValue) -> Option<(i64, Vec<f64>)> {
    let ticks = value.source_timestamp.filter(|t| !t.is_null())?.ticks();
    let Some(Variant::Array(array)) = value.value.as_ref().filter(|_| value.status().is_good()) else {
        return None;
    };
    let numbers = array.values.iter().map(|v| values::unpack(v).map(|(x, _)| x));
    let numbers: Vec<f64> = numbers.collect::<Option<_>>()?;
    (!numbers.is_empty()).then_some((ticks, numbers))
}

impl Client {
    /// Monitors the waveforms and learns their rates. One that the machine has not is noted.
    pub(super) async fn subscribe_waves(&mut self, subscription: u32) -> Result<(), LinkError> {
        let binding = Arc::clone(&self.binding);
        let waves = binding.waves();
        self.rates = waves.iter().map(|w| w.rate_hz).collect();
        if waves.is_empty() {
            return Ok(());
        }
        let read = |node: &str| ReadValueId {
            node_id: NodeId::new(self.namespace, node),
            attribute_id: AttributeId::Value as u32,
            ..ReadValueId::default()
        };
        let rates: Vec<ReadValueId> = waves.iter().map(|w| read(&w.rate_node())).collect();
        let filter = || DataChangeFilter {
            // A waveform is another one when its moment is.
            trigger: DataChangeTrigger::StatusValueTimestamp,
            deadband_type: DeadbandType::None as u32,
            deadband_value: 0.0,
        };
        // Handles go on where those of the points end.
        let handles = binding.places().len() as u32 + 1..;
        let item = |(client_handle, wave): (u32, &Wave)| MonitoredItemCreateRequest {
            item_to_monitor: read(&wave.node),
            monitoring_mode: MonitoringMode::Reporting,
            requested_parameters: MonitoringParameters {
                client_handle,
                sampling_interval: 0.0,
                filter: ExtensionObject::from_message(filter()),
                queue_size: OPCUA_WAVES as u32,
                discard_oldest: true,
            },
        };
        let items: Vec<MonitoredItemCreateRequest> = handles.zip(waves).map(item).collect();
        let told = self
            .ask(|session| async move { session.read(&rates, TimestampsToReturn::Neither, 0.0).await })
            .await?;
        for (rate, told) in self.rates.iter_mut().zip(&told) {
            let told = told.value.as_ref().and_then(values::unpack).map(|(hz, _)| hz);
            *rate = told.filter(|hz| *hz > 0.0).unwrap_or(*rate);
        }
        let both = TimestampsToReturn::Both;
        let created = self
            .ask(|session| async move { session.create_monitored_items(subscription, both, items).await })
            .await?;
        for (wave, created) in waves.iter().zip(&created) {
            let status = created.result.status_code;
            if !status.is_good() {
                self.notes.push(format!("waveform {} can not be monitored: {status}", wave.node));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_waveform_comes_back_and_anything_else_is_none() {
        let value = data_value(&[1.5, -2.0], 7);
        assert_eq!(samples(&value), Some((7, vec![1.5, -2.0])));
        let doubles = DataValue { value: Some(Variant::from(vec![0.1, 0.2])), ..value.clone() };
        assert_eq!(samples(&doubles), Some((7, vec![0.1, 0.2])));
        let wrong = [
            DataValue { source_timestamp: None, ..value.clone() },
            DataValue { status: Some(StatusCode::BadSensorFailure), ..value.clone() },
            DataValue { value: Some(Variant::from(1.0f32)), ..value.clone() },
            DataValue { value: Some(Variant::from(vec![1.0f32, f32::NAN])), ..value.clone() },
            DataValue { value: Some(Variant::from(Vec::<f32>::new())), ..value.clone() },
            DataValue { value: None, ..value },
        ];
        assert!(wrong.iter().all(|v| samples(v).is_none()));
    }

    #[test]
    fn a_waveform_that_no_message_holds_is_refused() {
        let mut mill = Profile::built_in("cnc").unwrap();
        mill.bursts[0].samples = OPCUA_ARRAY as u32 + 1;
        let refused = Wave::all(&mill).unwrap_err().to_string();
        assert!(refused.contains("65537") && refused.contains("65536"), "{refused}");
    }
}
