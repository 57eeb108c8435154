//! A machine on OPC UA. The library owns the socket.

use std::sync::Arc;
use std::time::Duration;

use aegis_adapters::opcua::{BadBinding, Binding, Client, ClientOptions, Login, Mode, Secret};
use aegis_adapters::{ClientError, LinkError};
use aegis_models::{PointIx, Profile, Sample};

use super::{Dial, Heard, Talk};
use crate::clock::Clock;
use crate::config::{Equipment, Security};

/// No server is asked to tell changes faster than that [wall time].
const FASTEST: Duration = Duration::from_millis(50);

/// Why a profile cannot be bound to nodes, if it cannot.
pub fn unfit(profile: &Profile) -> Option<String> {
    Binding::new(profile).err().map(|e| e.to_string())
}

/// A machine on OPC UA.
pub struct Opcua {
    equipment: Equipment,
    binding: Arc<Binding>,
    options: ClientOptions,
    clock: Clock,
}

impl Opcua {
    /// The machine, not yet connected.
    pub fn new(equipment: Equipment, clock: Clock) -> Result<Opcua, BadBinding> {
        let binding = Arc::new(Binding::new(&equipment.profile)?);
        let wall = |of_fab: Duration| of_fab.div_f64(clock.rate()).max(FASTEST);
        let fastest = equipment.profile.points.iter().map(|p| p.period.0).min();
        let login = equipment.login.as_ref().map_or(Login::Anonymous, |(name, password)| Login::User {
            name: name.clone(),
            password: Secret::new(password.clone()),
        });
        let options = ClientOptions {
            mode: match equipment.security {
                Security::None => Mode::None,
                Security::Sign => Mode::Sign,
                Security::SignAndEncrypt => Mode::SignAndEncrypt,
            },
            login,
            pki: equipment.pki.clone(),
            timeout: equipment.timeout,
            publishing: wall(fastest.unwrap_or(Duration::from_secs(1)) / 2),
            image: wall(Duration::from_secs(1)),
            ..ClientOptions::default()
        };
        Ok(Opcua { equipment, binding, options, clock })
    }
}

impl Dial for Opcua {
    type Talk = Subscriber;

    async fn dial(&mut self) -> Result<Subscriber, LinkError> {
        let binding = Arc::clone(&self.binding);
        let client = Client::connect(&self.equipment.address, binding, &self.options).await?;
        let note = client.notes().join("; ");
        Ok(Subscriber { client, clock: self.clock, told: None, note })
    }
}

/// One session.
pub struct Subscriber {
    client: Client,
    clock: Clock,
    /// What came while it was waited for.
    told: Option<Result<Vec<Sample>, LinkError>>,
    note: String,
}

impl Talk for Subscriber {
    async fn due(&mut self) {
        if self.told.is_none() {
            self.told = Some(self.client.heard().await);
        }
    }

    async fn hear(&mut self) -> Result<Heard, LinkError> {
        let samples = self.told.take().transpose()?.unwrap_or_default();
        Ok(Heard { time: self.clock.now(), samples, records: Vec::new(), note: self.note.clone() })
    }

    async fn write(&mut self, point: PointIx, value: f64) -> Result<(), ClientError> {
        self.client.write_point(point, value).await
    }
}
