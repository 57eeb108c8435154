//! A machine on OPC UA. The library owns the socket.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aegis_adapters::opcua::{
    BadBinding, Binding, By, Client, ClientOptions, Login, Memory, Mode, Moment, Secret,
};
use aegis_adapters::{ClientError, LinkError, opcua};
use aegis_models::{PointIx, Profile, Time};

use super::moments::Moments;
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
    /// What one connection leaves to the next.
    memory: Memory,
    clocks: Arc<Mutex<Clocks>>,
}

/// The clocks by which a machine's values are told, and ours.
struct Clocks {
    ours: Clock,
    source: Moments,
    server: Moments,
}

impl Clocks {
    fn new(ours: Clock) -> Clocks {
        Clocks { ours, source: Moments::new(ours), server: Moments::new(ours) }
    }

    /// What nobody says the moment of is as of now.
    fn time(&mut self, moment: Option<Moment>) -> Time {
        let Some(moment) = moment else { return self.ours.now() };
        let theirs = match moment.by {
            By::Source => &mut self.source,
            By::Server => &mut self.server,
        };
        theirs.came(moment.newest_unix_ns);
        theirs.of(moment.unix_ns)
    }
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
            publishing: wall(fastest.unwrap_or(Duration::from_secs(1))),
            rate: clock.rate(),
            image: wall(Duration::from_secs(1)),
            ..ClientOptions::default()
        };
        let clocks = Arc::new(Mutex::new(Clocks::new(clock)));
        Ok(Opcua { equipment, binding, options, memory: Memory::default(), clocks })
    }
}

impl Dial for Opcua {
    type Talk = Subscriber;

    async fn dial(&mut self) -> Result<Subscriber, LinkError> {
        let binding = Arc::clone(&self.binding);
        let client = Client::resume(&self.equipment.address, binding, &self.options, &self.memory).await?;
        Ok(Subscriber { client, clocks: Arc::clone(&self.clocks), told: None })
    }
}

/// One session.
pub struct Subscriber {
    client: Client,
    clocks: Arc<Mutex<Clocks>>,
    /// What came while it was waited for.
    told: Option<Result<opcua::Heard, LinkError>>,
}

impl Talk for Subscriber {
    async fn due(&mut self) {
        if self.told.is_none() {
            self.told = Some(self.client.heard().await);
        }
    }

    async fn hear(&mut self) -> Result<Heard, LinkError> {
        let mut clocks = self.clocks.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(told) = self.told.take() else {
            return Ok(Heard { time: clocks.ours.now(), ..Heard::default() });
        };
        let told = told?;
        Ok(Heard {
            time: clocks.time(told.moment),
            samples: told.samples,
            records: Vec::new(),
            bursts: told.bursts,
            note: self.client.notes().join("; "),
        })
    }

    async fn write(&mut self, point: PointIx, value: f64) -> Result<(), ClientError> {
        self.client.write_point(point, value).await
    }
}
