//! One machine's wire: faults, and a verdict for each frame.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aegis_models::{Frame, Protocol, Quality, Rng, Seed, Time};
use tokio::sync::watch;

use super::plan::{LinkFault, LinkKind, Toward};
use super::way::Travel;

/// How long an overtaken frame waits for the one that overtakes it [fab time].
const OVERTAKEN: Duration = Duration::from_millis(500);
/// How far behind a frame its copy comes [fab time].
const DOUBLED: Duration = Duration::from_millis(100);

/// One machine's wire. A handle: clones are the same wire.
#[derive(Clone)]
pub struct Line {
    state: Arc<Mutex<State>>,
    /// Whether a connection can stand; its watchers are told when that changes.
    cut: Arc<watch::Sender<bool>>,
    /// Fab seconds in a second of the runtime's clock.
    pace: f64,
}

struct State {
    faults: Vec<LinkFault>,
    protocol: Protocol,
    now: Time,
    /// One for each direction, so that what goes one way does not shift what happens the other.
    rng: [Rng; 2],
}

/// What becomes of a frame.
#[derive(Debug, Default, PartialEq)]
pub struct Verdict {
    /// What arrives, and how.
    pub arrives: Vec<(Vec<u8>, Travel)>,
    /// What the device is made to answer instead.
    pub answer: Option<Vec<u8>>,
}

impl Line {
    /// The wire of the machine of that name.
    pub fn new(name: &str, protocol: Protocol, faults: Vec<LinkFault>, seed: Seed, pace: f64) -> Line {
        let stream = |toward: &str| seed.stream(&format!("link/{name}/{toward}"));
        let rng = [stream("device"), stream("sentinel")];
        let state = State { faults, protocol, now: Time::ZERO, rng };
        let line =
            Line { state: Arc::new(Mutex::new(state)), cut: Arc::new(watch::Sender::new(false)), pace };
        line.advance(Time::ZERO);
        line
    }

    /// Fab time has come so far.
    pub fn advance(&self, now: Time) {
        let mut state = self.state();
        state.now = now;
        let cut = state.active(LinkKind::Cut, None).is_some();
        drop(state);
        self.cut.send_if_modified(|c| std::mem::replace(c, cut) != cut);
    }

    /// Whether what the device kept for its readers is gone now. To be asked once a step.
    pub fn overruns(&self) -> bool {
        self.state().strikes(LinkKind::Overrun, Toward::Sentinel).is_some()
    }

    /// What the server makes of a machine's values before anybody reads them.
    pub fn blemish(&self, frame: &mut Frame) {
        let mut state = self.state();
        for sample in &mut frame.samples {
            if state.strikes(LinkKind::Status, Toward::Sentinel).is_some() {
                sample.quality = Quality::Bad;
            }
        }
    }

    /// The protocol that is spoken over it.
    pub fn protocol(&self) -> Protocol {
        self.state().protocol
    }

    /// Whether a connection can be made now: refused when not. Where bytes vanish, an attempt never ends.
    pub async fn admits(&self) -> bool {
        if self.vanishes() {
            std::future::pending::<()>().await;
        }
        !*self.cut.borrow()
    }

    /// Ready when the connection is cut.
    pub async fn cut(&self) {
        // The sender lives as long as this handle.
        let _ = self.cut.subscribe().wait_for(|cut| *cut).await;
    }

    /// Whether bytes vanish now, and with them every connection that carries any. Datagrams have no connection to close,
    /// so that a cut does the same to them.
    pub fn vanishes(&self) -> bool {
        let state = self.state();
        let cut = state.protocol == Protocol::Bacnet && state.active(LinkKind::Cut, None).is_some();
        cut || state.active(LinkKind::HalfOpen, None).is_some()
    }

    /// Whether nothing passes at all.
    pub fn is_dead(&self) -> bool {
        *self.cut.borrow() || self.vanishes()
    }

    /// What becomes of a frame.
    pub fn verdict(&self, toward: Toward, frame: &[u8]) -> Verdict {
        let mut state = self.state();
        let asks = toward == Toward::Device && asks(state.protocol, frame);
        if asks && state.strikes(LinkKind::Busy, toward).is_some() {
            return Verdict { answer: busy(state.protocol, frame), ..Verdict::default() };
        }
        if state.strikes(LinkKind::Loss, toward).is_some() {
            return Verdict::default();
        }
        let mut bytes = frame.to_vec();
        let rng = toward as usize;
        if state.strikes(LinkKind::Corrupt, toward).is_some() {
            let at = (state.rng[rng].uniform() * bytes.len() as f64) as usize;
            // Any other byte than the one that was there.
            let flip = 1 + (state.rng[rng].uniform() * 255.0) as u8;
            if let Some(b) = bytes.get_mut(at) {
                *b ^= flip;
            }
        }
        if state.strikes(LinkKind::Truncate, toward).is_some() {
            let keep = (state.rng[rng].uniform() * bytes.len() as f64) as usize;
            bytes.truncate(keep);
        }
        let mut hold = state.strikes(LinkKind::Delay, toward).map_or(Duration::ZERO, |f| f.delay);
        if let Some(f) = state.strikes(LinkKind::Jitter, toward) {
            hold += f.delay.mul_f64(state.rng[rng].uniform());
        }
        let slow = state.strikes(LinkKind::SlowReader, toward);
        let reading = slow.map_or(0.0, |f| bytes.len() as f64 / f.rate.max(0.001));
        let twice = state.strikes(LinkKind::Duplicate, toward).is_some();
        let overtaken = state.strikes(LinkKind::Reorder, toward).is_some();
        let travel = Travel {
            hold: hold.div_f64(self.pace),
            reading: Duration::from_secs_f64(reading / self.pace),
            overtaken: overtaken.then(|| OVERTAKEN.div_f64(self.pace)),
        };
        let mut arrives = vec![(bytes, travel)];
        if twice {
            let later = Travel { hold: (hold + DOUBLED).div_f64(self.pace), ..travel };
            arrives.push((arrives[0].0.clone(), later));
        }
        Verdict { arrives, answer: None }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn active(&self, kind: LinkKind, toward: Option<Toward>) -> Option<&LinkFault> {
        let fits = |f: &&LinkFault| {
            f.kind == kind
                && f.active(self.now)
                && (f.toward.is_none() || toward.is_none() || f.toward == toward)
        };
        self.faults.iter().find(fits)
    }

    /// The fault, when it strikes this frame. Draws only while the fault is at work.
    fn strikes(&mut self, kind: LinkKind, toward: Toward) -> Option<LinkFault> {
        let fault = self.active(kind, Some(toward))?.clone();
        (fault.share >= 1.0 || self.rng[toward as usize].chance(fault.share)).then_some(fault)
    }
}

/// Whether a frame asks something that a busy device may put off. HSMS has frames that keep the session alone.
fn asks(protocol: Protocol, frame: &[u8]) -> bool {
    match (protocol, frame) {
        // A data message (SType 0) whose stream has the W bit waits for a reply (SEMI E37, 8.2.6).
        (Protocol::Hsms, [_, _, _, _, _, _, stream, _, _, s_type, ..]) => *s_type == 0 && stream & 0x80 != 0,
        (Protocol::Hsms, _) => false,
        _ => true,
    }
}

/// What a busy device of that protocol answers, without looking at what it was asked; none where the protocol has no
/// word for it, and the request goes unanswered.
fn busy(protocol: Protocol, request: &[u8]) -> Option<Vec<u8>> {
    match (protocol, request) {
        // Exception 06, server device busy (Modbus Application Protocol V1.1b3, 7), behind the same transaction.
        (Protocol::ModbusTcp, [t1, t2, _, _, _, _, unit, function, ..]) => {
            Some(vec![*t1, *t2, 0, 0, 0, 3, *unit, function | 0x80, 6])
        }
        // Without an answer T3 runs out, and the host knows no more than that.
        (Protocol::Hsms, _) => None,
        // Service unavailable (RFC 9110, 15.6.4).
        (Protocol::Mtconnect, _) => {
            Some(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n".to_vec())
        }
        // An NPDU that expects a reply holds a confirmed request, whose invoke identifier an Abort repeats with reason
        // 9, out of resources (ASHRAE 135, 20.1.9).
        (Protocol::Bacnet, [0x81, _, _, _, 1, control, pdu, _, invoke, ..])
            if control & 0xA8 == 0 && pdu >> 4 == 0 =>
        {
            Some(vec![0x81, 0x0A, 0, 9, 1, 0, 0x71, *invoke, 9])
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(kind: LinkKind, share: f64) -> LinkFault {
        LinkFault {
            kind,
            onset: Time::from_secs(10),
            duration: Some(Duration::from_secs(10)),
            share,
            delay: Duration::from_millis(300),
            rate: 10.0,
            toward: None,
        }
    }

    fn line(faults: Vec<LinkFault>) -> Line {
        Line::new("FFU-01", Protocol::ModbusTcp, faults, Seed(1), 1.0)
    }

    #[test]
    fn a_clean_line_hands_on_every_frame_as_it_is() {
        let line = line(vec![fault(LinkKind::Corrupt, 1.0)]);
        for now in [0, 9, 20, 100] {
            line.advance(Time::from_secs(now));
            let verdict = line.verdict(Toward::Device, b"frame");
            assert_eq!(verdict.arrives, [(b"frame".to_vec(), Travel::default())]);
        }
    }

    #[test]
    fn each_kind_does_what_its_name_says() {
        let struck = |kind, toward| {
            let line = line(vec![fault(kind, 1.0)]);
            line.advance(Time::from_secs(15));
            line.verdict(toward, b"0123456789ab")
        };
        let (to_device, to_sentinel) = (Toward::Device, Toward::Sentinel);
        assert_eq!(struck(LinkKind::Loss, to_device), Verdict::default());
        assert_eq!(struck(LinkKind::Duplicate, to_device).arrives.len(), 2);
        let travel = |kind| struck(kind, to_device).arrives[0].1;
        assert_eq!(travel(LinkKind::Reorder).overtaken, Some(OVERTAKEN));
        assert_eq!(travel(LinkKind::Delay).hold, Duration::from_millis(300));
        assert!(travel(LinkKind::Jitter).hold < Duration::from_millis(300));
        assert_eq!(travel(LinkKind::SlowReader).reading, Duration::from_millis(1_200));
        assert!(struck(LinkKind::Truncate, to_device).arrives[0].0.len() < 12);
        let corrupt = &struck(LinkKind::Corrupt, to_sentinel).arrives[0].0;
        let others = corrupt.iter().zip(b"0123456789ab").filter(|(a, b)| a != b).count();
        assert_eq!((corrupt.len(), others), (12, 1));
        let answer = struck(LinkKind::Busy, to_device).answer.unwrap();
        assert_eq!(answer, [b'0', b'1', 0, 0, 0, 3, b'6', b'7' | 0x80, 6]);
        assert_eq!(struck(LinkKind::Busy, to_sentinel).arrives.len(), 1, "only requests are refused");
    }

    #[test]
    fn the_same_seed_strikes_the_same_frames() {
        let struck = || {
            let line = line(vec![fault(LinkKind::Loss, 0.3)]);
            line.advance(Time::from_secs(15));
            (0..1_000).filter(|_| line.verdict(Toward::Device, b"x").arrives.is_empty()).collect::<Vec<_>>()
        };
        assert_eq!(struck(), struck());
        assert!((200..400).contains(&struck().len()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_cut_is_told_to_whoever_waits_and_nobody_connects() {
        let line = line(vec![fault(LinkKind::Cut, 1.0)]);
        assert!(line.admits().await);
        let waiting = tokio::spawn({
            let line = line.clone();
            async move { line.cut().await }
        });
        line.advance(Time::from_secs(10));
        waiting.await.unwrap();
        assert!(!line.admits().await);
        line.advance(Time::from_secs(20));
        assert!(line.admits().await);
    }
}
