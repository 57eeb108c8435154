//! What people sign: answers to proposals, and their own stop.
//!
//! A signature covers every byte that matters, each field behind its length, behind a label of its own for each kind
//! of message: nothing signed for one purpose counts for another.

use aegis_models::event::Proposal;
use aegis_models::{Action, CommandId, Time};
use ed25519_dalek::{Signature, Signer, Verifier};
use serde::{Deserialize, Serialize};

/// A person's answer to a proposal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// The proposal it answers.
    pub nonce: CommandId,
    /// Yes or no.
    pub approve: bool,
    /// The machine that the proposal named.
    pub machine: String,
    /// The action that the proposal named: the very command that may leave.
    pub action: Action,
    /// The policy version that the proposal named.
    pub policy_version: u64,
    /// The expiry that the proposal named, on the sentinel's own clock.
    pub expires: Time,
    /// Who answers.
    pub approver: String,
}

/// An [`Answer`] and its signature.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SignedAnswer {
    /// What is signed.
    pub answer: Answer,
    /// Ed25519 over it (RFC 8032), 64 bytes.
    pub signature: Vec<u8>,
}

/// A person's own order to stop a machine. No ISO 13850 emergency stop: it travels over a network and may be lost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stop {
    /// Which machine.
    pub machine: String,
    /// Larger than in every stop before: an old one is not obeyed again.
    pub serial: u64,
    /// On the sentinel's own clock.
    pub expires: Time,
    /// Who orders it.
    pub operator: String,
}

/// A [`Stop`] and its signature.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SignedStop {
    /// What is signed.
    pub stop: Stop,
    /// Ed25519 over it (RFC 8032), 64 bytes.
    pub signature: Vec<u8>,
}

/// The key a sentinel is told to trust.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicKey(ed25519_dalek::VerifyingKey);

/// The key of whoever may sign: the hub, or the harness in its place.
#[derive(Clone)]
pub struct SigningKey(ed25519_dalek::SigningKey);

/// A text is no key.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0:?} is no Ed25519 public key: 64 hexadecimal digits would be right")]
pub struct BadKey(String);

impl Answer {
    /// The answer that fits a proposal exactly.
    pub fn to(proposal: &Proposal, approve: bool, approver: &str) -> Answer {
        Answer {
            nonce: proposal.nonce,
            approve,
            machine: proposal.machine.clone(),
            action: proposal.action.clone(),
            policy_version: proposal.policy_version,
            expires: proposal.expires,
            approver: approver.to_owned(),
        }
    }

    fn message(&self) -> Vec<u8> {
        let mut m = Message::new("aegis answer 1");
        m.number(self.nonce.boot).number(self.nonce.number).number(u64::from(self.approve));
        m.text(&self.machine).text(&self.action.kind.to_string()).text(&self.action.text);
        match &self.action.write {
            None => m.number(0),
            Some(w) => m.number(1).text(&w.point).number(w.from.to_bits()).number(w.to.to_bits()),
        };
        m.number(self.policy_version).number(self.expires.ns).text(&self.approver);
        m.0
    }
}

impl Stop {
    fn message(&self) -> Vec<u8> {
        let mut m = Message::new("aegis operator stop 1");
        m.text(&self.machine).number(self.serial).number(self.expires.ns).text(&self.operator);
        m.0
    }
}

impl SigningKey {
    /// The key with that secret.
    pub fn from_secret(secret: [u8; 32]) -> SigningKey {
        SigningKey(ed25519_dalek::SigningKey::from_bytes(&secret))
    }

    /// What the sentinel is told to trust.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// Signs an answer.
    pub fn sign_answer(&self, answer: Answer) -> SignedAnswer {
        let signature = self.0.sign(&answer.message()).to_vec();
        SignedAnswer { answer, signature }
    }

    /// Signs a stop.
    pub fn sign_stop(&self, stop: Stop) -> SignedStop {
        let signature = self.0.sign(&stop.message()).to_vec();
        SignedStop { stop, signature }
    }
}

impl PublicKey {
    /// Reads 64 hexadecimal digits.
    pub fn from_hex(text: &str) -> Result<PublicKey, BadKey> {
        let bad = || BadKey(text.to_owned());
        let text_bytes = text.as_bytes();
        if text_bytes.len() != 64 {
            return Err(bad());
        }
        let mut key = [0_u8; 32];
        for (byte, pair) in key.iter_mut().zip(text_bytes.chunks(2)) {
            let digits = std::str::from_utf8(pair).map_err(|_| bad())?;
            *byte = u8::from_str_radix(digits, 16).map_err(|_| bad())?;
        }
        ed25519_dalek::VerifyingKey::from_bytes(&key).map(PublicKey).map_err(|_| bad())
    }

    /// 64 hexadecimal digits.
    pub fn to_hex(self) -> String {
        self.0.as_bytes().iter().map(|b| format!("{b:02x}")).collect()
    }

    /// Whether the answer was signed with this key's secret.
    pub fn signed_answer(&self, signed: &SignedAnswer) -> bool {
        self.verifies(&signed.answer.message(), &signed.signature)
    }

    /// Whether the stop was signed with this key's secret.
    pub fn signed_stop(&self, signed: &SignedStop) -> bool {
        self.verifies(&signed.stop.message(), &signed.signature)
    }

    fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        Signature::from_slice(signature).is_ok_and(|s| self.0.verify(message, &s).is_ok())
    }
}

struct Message(Vec<u8>);

impl Message {
    fn new(label: &str) -> Message {
        let mut m = Message(Vec::with_capacity(160));
        m.text(label);
        m
    }

    fn text(&mut self, text: &str) -> &mut Message {
        self.number(text.len() as u64);
        self.0.extend_from_slice(text.as_bytes());
        self
    }

    fn number(&mut self, n: u64) -> &mut Message {
        self.0.extend_from_slice(&n.to_be_bytes());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aegis_models::{ActionKind, action::SetPoint};

    #[test]
    fn a_signature_covers_every_field() {
        let key = SigningKey::from_secret([7; 32]);
        let answer = Answer {
            nonce: CommandId { boot: 1, number: 2 },
            approve: true,
            machine: "CNC-01".into(),
            action: Action {
                kind: ActionKind::ReduceSpeed,
                write: Some(SetPoint { point: "spindle_speed_sp".into(), from: 8_000.0, to: 6_000.0 }),
                text: "slow down".into(),
            },
            policy_version: 1,
            expires: Time::from_secs(60),
            approver: "ann".into(),
        };
        let signed = key.sign_answer(answer);
        assert!(key.public().signed_answer(&signed));
        let changes: [fn(&mut Answer); 9] = [
            |a| a.nonce.boot += 1,
            |a| a.nonce.number += 1,
            |a| a.approve = false,
            |a| a.machine.push('1'),
            |a| a.action.kind = ActionKind::AdjustParameter,
            |a| a.action.write.as_mut().unwrap().to = 5_000.0,
            |a| a.policy_version += 1,
            |a| a.expires.ns += 1,
            |a| a.approver.push('e'),
        ];
        for (i, change) in changes.iter().enumerate() {
            let mut forged = signed.clone();
            change(&mut forged.answer);
            assert!(!key.public().signed_answer(&forged), "change {i} passed");
        }
        assert!(!SigningKey::from_secret([8; 32]).public().signed_answer(&signed));
    }

    #[test]
    fn keys_read_and_print_the_same() {
        let key = SigningKey::from_secret([7; 32]).public();
        assert_eq!(PublicKey::from_hex(&key.to_hex()), Ok(key));
        for bad in ["", "12", &"g".repeat(64), &"é".repeat(32)] {
            assert!(PublicKey::from_hex(bad).is_err());
        }
    }
}
