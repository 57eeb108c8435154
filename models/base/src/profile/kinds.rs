//! The kinds that a site's machines may be of, each with its profile.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, LazyLock};

use super::Profile;

/// Profiles by the name of their kind. Cheap to clone.
#[derive(Clone, PartialEq)]
pub struct Kinds(Arc<BTreeMap<String, Arc<Profile>>>);

static BUILT_IN: LazyLock<Kinds> = LazyLock::new(|| {
    let built_in = |(kind, _): &(&str, _)| {
        let profile = Profile::built_in(kind).expect("it was just named");
        ((*kind).to_owned(), Arc::new(profile))
    };
    Kinds(Arc::new(Profile::built_ins().iter().map(built_in).collect()))
});

impl Kinds {
    /// Those that come with Aegis.
    pub fn built_in() -> Kinds {
        BUILT_IN.clone()
    }

    /// The same, and one more.
    #[must_use]
    pub fn with(&self, profile: Profile) -> Kinds {
        let mut all = (*self.0).clone();
        all.insert(profile.kind.clone(), Arc::new(profile));
        Kinds(Arc::new(all))
    }

    /// The profile of that kind.
    pub fn get(&self, kind: &str) -> Option<&Arc<Profile>> {
        self.0.get(kind)
    }

    /// Their names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> + Clone {
        self.0.keys().map(String::as_str)
    }
}

impl Default for Kinds {
    fn default() -> Kinds {
        Kinds::built_in()
    }
}

impl fmt::Debug for Kinds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}
