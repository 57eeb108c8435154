//! Carries the bytes of one connection over a line.

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf, split};
use tokio::sync::mpsc;

use super::frames::Frames;
use super::line::Line;
use super::plan::Toward;
use super::way::{UNDER_WAY, Way};

/// Bytes taken at a time.
const CHUNK: usize = 64 << 10;

/// Carries bytes between the sentinel's end and the device's until either ends or the line is cut. Frames that are
/// under way when an end closes still arrive.
pub async fn pump<S, D>(sentinel: S, device: D, line: Line)
where
    S: AsyncRead + AsyncWrite,
    D: AsyncRead + AsyncWrite,
{
    let (from_sentinel, to_sentinel) = split(sentinel);
    let (from_device, to_device) = split(device);
    // What the device is made to answer goes among its own frames; it makes no others the other way.
    let (answer, answers) = mpsc::channel(UNDER_WAY);
    let (_none, nothing) = mpsc::channel(1);
    let direction = |toward| {
        let frames = Frames::of(line.protocol());
        Direction { toward, line: line.clone(), frames, under_way: Way::default() }
    };
    let (there, back) = (direction(Toward::Device), direction(Toward::Sentinel));
    let there = there.carry(from_sentinel, to_device, nothing, Some(answer));
    let back = back.carry(from_device, to_sentinel, answers, None);
    tokio::pin!(there, back);
    tokio::select! {
        biased;
        () = line.cut() => {}
        end = &mut there => if end == End::Vanished { back.await; },
        end = &mut back => if end == End::Vanished { there.await; },
    }
}

/// How one direction ended.
#[derive(PartialEq)]
enum End {
    /// Whoever writes has closed, or whoever reads has gone: the other is told.
    Closed,
    /// The same, where bytes vanish: the other is not told, and finds out by itself.
    Vanished,
}

/// One direction.
struct Direction {
    toward: Toward,
    line: Line,
    frames: Frames,
    under_way: Way,
}

impl Direction {
    async fn carry<R: AsyncRead, W: AsyncWrite>(
        mut self,
        mut from: ReadHalf<R>,
        mut to: WriteHalf<W>,
        mut answers: mpsc::Receiver<Vec<u8>>,
        answer: Option<mpsc::Sender<Vec<u8>>>,
    ) -> End {
        let mut chunk = vec![0; CHUNK];
        let (mut ended, mut vanished) = (false, false);
        loop {
            if ended && self.under_way.is_empty() {
                return if vanished { End::Vanished } else { End::Closed };
            }
            tokio::select! {
                biased;
                () = self.under_way.due() => {
                    let Some(bytes) = self.under_way.pop() else { continue };
                    if to.write_all(&bytes).await.is_err() {
                        return End::Closed;
                    }
                }
                Some(bytes) = answers.recv() => {
                    if to.write_all(&bytes).await.is_err() {
                        return End::Closed;
                    }
                }
                read = from.read(&mut chunk), if !ended && !self.under_way.is_full() => {
                    let n = read.unwrap_or(0);
                    ended = n == 0;
                    vanished |= self.line.vanishes();
                    if !vanished {
                        self.judge(&chunk[..n], &answer);
                    }
                }
            }
        }
    }

    /// Gives each frame that is whole its verdict, and at the end what is left of one.
    fn judge(&mut self, bytes: &[u8], answer: &Option<mpsc::Sender<Vec<u8>>>) {
        let frames =
            if bytes.is_empty() { self.frames.end().into_iter().collect() } else { self.frames.take(bytes) };
        for frame in frames {
            let verdict = self.line.verdict(self.toward, &frame);
            if let (Some(answer), Some(bytes)) = (answer, verdict.answer) {
                // A full queue loses it: the device is busy indeed.
                let _ = answer.try_send(bytes);
            }
            for (bytes, travel) in verdict.arrives {
                self.under_way.send_on(bytes, travel);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use aegis_models::{Protocol, Seed, Time};
    use tokio::io::{DuplexStream, duplex};

    use super::super::plan::{LinkFault, LinkKind};
    use super::*;
    use crate::clock;

    /// Two ends with a line between them that has one fault from the tenth second on.
    fn joined(kind: LinkKind) -> (DuplexStream, DuplexStream, Line) {
        let fault = LinkFault {
            kind,
            onset: Time::from_secs(10),
            duration: None,
            share: 1.0,
            delay: Duration::from_millis(300),
            rate: 10.0,
            toward: None,
        };
        let line = Line::new("M", Protocol::ModbusRtuOverTcp, vec![fault], Seed(1), 1.0);
        let ((a, b), (c, d)) = (duplex(1024), duplex(1024));
        tokio::spawn(pump(b, c, line.clone()));
        (a, d, line)
    }

    async fn read(end: &mut DuplexStream) -> Option<Vec<u8>> {
        let mut bytes = [0; 64];
        let read = tokio::time::timeout(Duration::from_secs(60), end.read(&mut bytes)).await.ok()?;
        Some(bytes[..read.unwrap()].to_vec())
    }

    #[tokio::test(start_paused = true)]
    async fn a_clean_line_takes_no_time() {
        let (mut sentinel, mut device, _line) = joined(LinkKind::Delay);
        let start = clock::now();
        sentinel.write_all(b"ask").await.unwrap();
        assert_eq!(read(&mut device).await.unwrap(), b"ask");
        device.write_all(b"answer").await.unwrap();
        assert_eq!(read(&mut sentinel).await.unwrap(), b"answer");
        assert_eq!(start.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn frames_are_held_and_keep_their_order() {
        let (mut sentinel, mut device, line) = joined(LinkKind::Jitter);
        line.advance(Time::from_secs(10));
        for n in 0..50_u8 {
            sentinel.write_all(&[n]).await.unwrap();
            tokio::time::sleep(Duration::from_millis(7)).await;
        }
        let mut arrived = Vec::new();
        while arrived.len() < 50 {
            arrived.extend(read(&mut device).await.unwrap());
        }
        assert!(arrived.is_sorted(), "{arrived:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_cut_ends_both_ends_and_a_half_open_line_none() {
        let (mut sentinel, mut device, line) = joined(LinkKind::Cut);
        line.advance(Time::from_secs(10));
        assert_eq!(read(&mut sentinel).await.unwrap(), b"");
        assert_eq!(read(&mut device).await.unwrap(), b"");
        let (mut sentinel, mut device, line) = joined(LinkKind::HalfOpen);
        line.advance(Time::from_secs(10));
        sentinel.write_all(b"ask").await.unwrap();
        assert_eq!(read(&mut device).await, None, "nothing comes, and no end either");
        drop(device);
        assert_eq!(read(&mut sentinel).await, None, "nor does the device's end");
    }
}
