//! Reads the tagged parameters of a service one after the other (clause 20.2). Pure.

use bacnet_encoding::{primitives, tags};
use bacnet_types::enums::RejectReason;
use bacnet_types::error::Error;
use bacnet_types::primitives::{ObjectIdentifier, PropertyValue};

/// What a request whose parameters cannot be read is rejected with (clause 18.9).
pub(super) type Reject = RejectReason;

fn reason(e: &Error) -> Reject {
    match e {
        // Contents that run past the end: what is missing is the rest of a parameter.
        Error::BufferTooShort { .. } => RejectReason::MISSING_REQUIRED_PARAMETER,
        _ => e.reject_reason().unwrap_or(RejectReason::INVALID_DATA_ENCODING),
    }
}

/// Parameters not yet read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a> {
    data: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(data: &'a [u8]) -> Reader<'a> {
        Reader { data, at: 0 }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.at >= self.data.len()
    }

    /// Nothing may follow.
    pub(super) fn end(&self) -> Result<(), Reject> {
        if self.is_empty() { Ok(()) } else { Err(RejectReason::TOO_MANY_ARGUMENTS) }
    }

    /// The contents of the parameter with that context tag, when it is next.
    pub(super) fn optional(&mut self, tag: u8) -> Result<Option<&'a [u8]>, Reject> {
        if self.is_empty() {
            return Ok(None);
        }
        let (next, from) = tags::decode_tag(self.data, self.at).map_err(|e| reason(&e))?;
        if !next.is_context(tag) {
            return Ok(None);
        }
        let contents = usize::try_from(next.length)
            .ok()
            .and_then(|n| self.data.get(from..from.checked_add(n)?))
            .ok_or(RejectReason::MISSING_REQUIRED_PARAMETER)?;
        self.at = from + contents.len();
        Ok(Some(contents))
    }

    /// The contents of the parameter with that context tag.
    pub(super) fn required(&mut self, tag: u8) -> Result<&'a [u8], Reject> {
        if self.is_empty() {
            return Err(RejectReason::MISSING_REQUIRED_PARAMETER);
        }
        self.optional(tag)?.ok_or(RejectReason::INVALID_TAG)
    }

    pub(super) fn unsigned(&mut self, tag: u8) -> Result<u32, Reject> {
        number(self.required(tag)?)
    }

    pub(super) fn optional_unsigned(&mut self, tag: u8) -> Result<Option<u32>, Reject> {
        self.optional(tag)?.map(number).transpose()
    }

    pub(super) fn optional_boolean(&mut self, tag: u8) -> Result<Option<bool>, Reject> {
        match self.optional(tag)? {
            None => Ok(None),
            Some([0]) => Ok(Some(false)),
            Some([1]) => Ok(Some(true)),
            Some(_) => Err(RejectReason::INVALID_DATA_ENCODING),
        }
    }

    pub(super) fn object(&mut self, tag: u8) -> Result<ObjectIdentifier, Reject> {
        identifier(self.required(tag)?)
    }

    pub(super) fn optional_object(&mut self, tag: u8) -> Result<Option<ObjectIdentifier>, Reject> {
        self.optional(tag)?.map(identifier).transpose()
    }

    /// Whether an opening tag of that number is next, and if so steps over it.
    pub(super) fn opens(&mut self, tag: u8) -> Result<bool, Reject> {
        self.steps(|t| t.is_opening_tag(tag))
    }

    /// Whether a closing tag of that number is next, and if so steps over it.
    pub(super) fn closes(&mut self, tag: u8) -> Result<bool, Reject> {
        self.steps(|t| t.is_closing_tag(tag))
    }

    pub(super) fn opening(&mut self, tag: u8) -> Result<(), Reject> {
        if self.is_empty() {
            return Err(RejectReason::MISSING_REQUIRED_PARAMETER);
        }
        if self.opens(tag)? { Ok(()) } else { Err(RejectReason::INVALID_TAG) }
    }

    /// What stands between an opening and its closing tag, itself whole tagged values.
    pub(super) fn enclosed(&mut self, tag: u8) -> Result<&'a [u8], Reject> {
        self.opening(tag)?;
        let (inside, after) = tags::extract_context_value(self.data, self.at, tag).map_err(|e| reason(&e))?;
        self.at = after;
        Ok(inside)
    }

    /// The next application-tagged value.
    pub(super) fn value(&mut self) -> Result<PropertyValue, Reject> {
        let (value, after) =
            primitives::decode_application_value(self.data, self.at).map_err(|e| reason(&e))?;
        self.at = after;
        Ok(value)
    }

    /// The next application-tagged enumeration.
    pub(super) fn enumerated(&mut self) -> Result<u32, Reject> {
        match self.value()? {
            PropertyValue::Enumerated(n) => Ok(n),
            _ => Err(RejectReason::INVALID_TAG),
        }
    }

    fn steps(&mut self, which: impl Fn(&tags::Tag) -> bool) -> Result<bool, Reject> {
        if self.is_empty() {
            return Err(RejectReason::MISSING_REQUIRED_PARAMETER);
        }
        let (tag, after) = tags::decode_tag(self.data, self.at).map_err(|e| reason(&e))?;
        if which(&tag) {
            self.at = after;
            return Ok(true);
        }
        Ok(false)
    }
}

pub(super) fn number(contents: &[u8]) -> Result<u32, Reject> {
    let wide = primitives::decode_unsigned(contents).map_err(|_| RejectReason::INVALID_DATA_ENCODING)?;
    u32::try_from(wide).map_err(|_| RejectReason::PARAMETER_OUT_OF_RANGE)
}

fn identifier(contents: &[u8]) -> Result<ObjectIdentifier, Reject> {
    // The decoder would overlook octets behind the four.
    if contents.len() != 4 {
        return Err(RejectReason::INVALID_DATA_ENCODING);
    }
    ObjectIdentifier::decode(contents).map_err(|e| reason(&e))
}

pub(super) fn text(contents: &[u8]) -> Result<String, Reject> {
    primitives::decode_character_string(contents).map_err(|e| reason(&e))
}
