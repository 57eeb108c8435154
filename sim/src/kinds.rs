//! Every kind of machine that the twin can simulate: the plant's, and those that the transport provides.

use std::sync::LazyLock;

use aegis_plant::{Kind, machines};

use crate::amhs;

static ALL: LazyLock<Vec<Kind>> =
    LazyLock::new(|| machines::KINDS.iter().chain(amhs::KINDS).copied().collect());

/// The kinds, the plant's first.
pub fn all() -> &'static [Kind] {
    &ALL
}

/// The kind of that name.
pub fn find(name: &str) -> Option<&'static Kind> {
    all().iter().find(|k| k.name == name)
}
