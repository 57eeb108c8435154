//! Fabs of any size from the machines of one.

use super::Site;

impl Site {
    /// The same fab so many times over. The first keeps its names and addresses; every further one has names of its own
    /// (`L2-FFU-01` in `L2-bay-1`), its own couplings, and ports that the system gives.
    #[must_use]
    pub fn scaled(&self, lines: u32) -> Site {
        let mut site = self.clone();
        for line in 2..=lines {
            let own = |name: &String| format!("L{line}-{name}");
            site.bays.extend(self.bays.iter().cloned().map(|mut b| {
                b.id = own(&b.id);
                b
            }));
            site.machines.extend(self.machines.iter().cloned().map(|mut m| {
                (m.name, m.bay) = (own(&m.name), own(&m.bay));
                for e in m.endpoints.iter_mut().filter(|e| !e.address.starts_with('/')) {
                    let host = e.address.rsplit_once(':').map_or("127.0.0.1", |(host, _)| host);
                    e.address = format!("{host}:0");
                }
                m
            }));
            site.couplings.extend(self.couplings.iter().cloned().map(|mut c| {
                c.from = c.from.iter().map(own).collect();
                c.to = c.to.iter().map(own).collect();
                c
            }));
        }
        site
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scaled_fab_is_a_site_of_its_own() {
        let one = Site::built_in();
        let three = one.scaled(3);
        assert_eq!(three.machines.len(), 3 * one.machines.len());
        assert_eq!(three.edges().len(), 3 * one.edges().len());
        assert_eq!(one.scaled(1), one);
        // It can be written to a file and read again.
        let text = toml::to_string(&three).expect("a site is TOML");
        assert_eq!(Site::parse(&text).expect("a valid site"), three);
    }
}
