//! What machines give each other, carried along the site's coupling graph.
//!
//! ```text
//!   given of step k --[share, delay]--> supplied in step k + 1 + delay
//!   taken in step k ------------------> load of the givers in step k + 1
//! ```

use std::collections::VecDeque;

use aegis_models::Site;
use aegis_models::site::Carrier;
use aegis_plant::{Given, GivenAir, Load, ProcessWater, Supply, Upw};

/// The couplings of a site at work.
pub struct Network {
    pipes: Vec<Pipe>,
    /// Mains voltage over nominal [-].
    pub mains: f64,
}

/// One coupling: what comes from its givers is mixed, waits its delay, and goes to all its receivers.
struct Pipe {
    carries: Carrier,
    from: Vec<usize>,
    to: Vec<usize>,
    gain: f64,
    /// How many steps a value waits.
    steps: usize,
    on_the_way: VecDeque<Given>,
}

impl Network {
    /// The network of a site whose step takes `step_s`.
    pub fn new(site: &Site, step_s: f64) -> Network {
        let place = |name: &String| site.find(name).map(|m| usize::from(m.0));
        let pipes = site.couplings.iter().map(|c| Pipe {
            carries: c.carries,
            from: c.from.iter().filter_map(place).collect(),
            to: site.receivers(c).into_iter().map(|m| usize::from(m.0)).collect(),
            gain: c.gain,
            steps: (c.delay.0.as_secs_f64() / step_s).round() as usize,
            on_the_way: VecDeque::new(),
        });
        Network { pipes: pipes.collect(), mains: 1.0 }
    }

    /// Whether nothing runs from one machine to another.
    pub fn is_empty(&self) -> bool {
        self.pipes.is_empty()
    }

    /// Works out what each machine is supplied with from what each has given.
    pub fn exchange(&mut self, given: &[Given], supplies: &mut [Supply]) {
        for s in supplies.iter_mut() {
            let kept = (s.job, s.blocked);
            *s = Supply { mains: self.mains, job: kept.0, blocked: kept.1, ..Supply::default() };
        }
        for pipe in &mut self.pipes {
            let mixed = pipe.mix(given);
            pipe.on_the_way.push_back(mixed);
            // Until the first value has come through, all is nominal.
            if pipe.on_the_way.len() > pipe.steps {
                let arrived = pipe.on_the_way.pop_front().expect("one was just pushed");
                for to in &pipe.to {
                    pipe.carries.bring(&arrived, &mut supplies[*to]);
                }
            }
            pipe.charge(given, supplies);
        }
    }
}

impl Pipe {
    /// The mean of what the givers make, part by part; vibrations add by their squares.
    fn mix(&self, given: &[Given]) -> Given {
        let all = || self.from.iter().map(|f| &given[*f]);
        let mean = |part: fn(&Given) -> Option<f64>| {
            let (sum, n) = all().filter_map(part).fold((0.0, 0.0), |(sum, n), x| (sum + x, n + 1.0));
            (n > 0.0).then(|| sum / n)
        };
        let mut mixed = Given::default();
        match self.carries {
            Carrier::Air => {
                mixed.air = GivenAir {
                    temp_c: mean(|g| g.air.temp_c),
                    humidity_pct: mean(|g| g.air.humidity_pct),
                    overpressure_pa: mean(|g| g.air.overpressure_pa),
                    particles_per_m3: mean(|g| g.air.particles_per_m3),
                    vapour_ppm: all().map(|g| g.air.vapour_ppm).sum(),
                }
            }
            Carrier::ChilledWater => mixed.chilled_water_c = mean(|g| g.chilled_water_c),
            Carrier::ProcessWater => {
                let temp = mean(|g| Some(g.process_water?.temp_c));
                let flow = mean(|g| Some(g.process_water?.flow));
                mixed.process_water = temp.zip(flow).map(|(temp_c, flow)| ProcessWater { temp_c, flow });
            }
            Carrier::Exhaust => mixed.exhaust_pa = mean(|g| g.exhaust_pa),
            Carrier::Upw => {
                let part = |part: fn(Upw) -> f64| {
                    let (sum, n) =
                        all().filter_map(|g| g.upw).fold((0.0, 0.0), |(sum, n), u| (sum + part(u), n + 1.0));
                    sum / n
                };
                mixed.upw = all().any(|g| g.upw.is_some()).then(|| Upw {
                    resistivity_mohm_cm: part(|u| u.resistivity_mohm_cm),
                    toc_ppb: part(|u| u.toc_ppb),
                    particles_per_ml: part(|u| u.particles_per_ml),
                    pressure_kpa: part(|u| u.pressure_kpa),
                });
            }
            Carrier::Chemical => mixed.chemical_kpa = mean(|g| g.chemical_kpa),
            Carrier::Floor => {
                let squares = all().map(|g| g.floor_um_per_s * g.floor_um_per_s).sum::<f64>();
                mixed.floor_um_per_s = self.gain * squares.sqrt();
            }
            Carrier::Lots | Carrier::Mains => {}
        }
        mixed
    }

    /// Adds what the receivers take to the load of those that give it, in equal shares.
    fn charge(&self, given: &[Given], supplies: &mut [Supply]) {
        let takes = |part: fn(&Load) -> f64| self.to.iter().map(|t| part(&given[*t].takes)).sum::<f64>();
        let gives = |g: &Given| match self.carries {
            // The heat of a bay is borne by what holds its temperature.
            Carrier::Air => g.air.temp_c.is_some(),
            Carrier::ChilledWater => g.chilled_water_c.is_some(),
            Carrier::ProcessWater => g.process_water.is_some(),
            Carrier::Exhaust => g.exhaust_pa.is_some(),
            Carrier::Upw => g.upw.is_some(),
            Carrier::Chemical => g.chemical_kpa.is_some(),
            Carrier::Floor | Carrier::Lots | Carrier::Mains => false,
        };
        let bearers = || self.from.iter().filter(|f| gives(&given[**f]));
        let share = self.gain / bearers().count().max(1) as f64;
        let load = match self.carries {
            Carrier::Air => Load { air_w: takes(|l| l.air_w), ..Load::default() },
            Carrier::ChilledWater | Carrier::ProcessWater => {
                Load { water_w: takes(|l| l.water_w), ..Load::default() }
            }
            Carrier::Exhaust => Load {
                exhaust_m3_per_s: takes(|l| l.exhaust_m3_per_s),
                fumes: takes(|l| l.fumes),
                ..Load::default()
            },
            Carrier::Upw => Load { upw_l_per_min: takes(|l| l.upw_l_per_min), ..Load::default() },
            Carrier::Chemical => {
                Load { chemical_l_per_min: takes(|l| l.chemical_l_per_min), ..Load::default() }
            }
            Carrier::Floor | Carrier::Lots | Carrier::Mains => return,
        };
        for f in bearers() {
            let to = &mut supplies[*f].load;
            to.water_w += share * load.water_w;
            to.air_w += share * load.air_w;
            to.exhaust_m3_per_s += share * load.exhaust_m3_per_s;
            to.fumes += share * load.fumes;
            to.upw_l_per_min += share * load.upw_l_per_min;
            to.chemical_l_per_min += share * load.chemical_l_per_min;
        }
    }
}

/// Leaves what has arrived with a machine.
trait Bring {
    fn bring(self, arrived: &Given, supply: &mut Supply);
}

impl Bring for Carrier {
    fn bring(self, arrived: &Given, supply: &mut Supply) {
        let set = |to: &mut f64, from: Option<f64>| *to = from.unwrap_or(*to);
        match self {
            Carrier::Air => {
                let (to, from) = (&mut supply.air, &arrived.air);
                set(&mut to.temp_c, from.temp_c);
                set(&mut to.humidity_pct, from.humidity_pct);
                set(&mut to.overpressure_pa, from.overpressure_pa);
                set(&mut to.particles_per_m3, from.particles_per_m3);
                to.vapour_ppm += from.vapour_ppm;
            }
            Carrier::ChilledWater => set(&mut supply.chilled_water_c, arrived.chilled_water_c),
            Carrier::ProcessWater => {
                supply.process_water = arrived.process_water.unwrap_or(supply.process_water);
            }
            Carrier::Exhaust => set(&mut supply.exhaust_pa, arrived.exhaust_pa),
            Carrier::Upw => supply.upw = arrived.upw.unwrap_or(supply.upw),
            Carrier::Chemical => set(&mut supply.chemical_kpa, arrived.chemical_kpa),
            Carrier::Floor => {
                let (own, more) = (supply.floor_um_per_s, arrived.floor_um_per_s);
                supply.floor_um_per_s = (own * own + more * more).sqrt();
            }
            Carrier::Lots | Carrier::Mains => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(couplings: &str) -> Site {
        let machine =
            |name: &str, kind: &str| format!("[[machine]]\nname='{name}'\nkind='{kind}'\nbay='b'\n");
        let machines = [("A", "ahu"), ("B", "ahu"), ("F", "ffu"), ("C", "cnc")].map(|(n, k)| machine(n, k));
        let bay = "name='x'\n[[bay]]\nid='b'\niso_class=5\nvolume_m3_per_ffu=9\n";
        Site::parse(&format!("{bay}{}{couplings}", machines.concat())).expect("the site is valid")
    }

    #[test]
    fn what_is_given_arrives_after_its_delay_and_what_is_taken_is_shared() {
        let site = site(
            "[[coupling]]\ncarries='air'\nfrom=['A','B','F']\nto=['F','C']\ndelay='300ms'\n\
             [[coupling]]\ncarries='floor'\nfrom=['A','B']\nto=['C']\ngain=0.5\n",
        );
        let mut network = Network::new(&site, 0.1);
        let mut given = vec![Given::default(); 4];
        let mut supplies = vec![Supply::default(); 4];
        for (i, temp) in [(0, 20.0), (1, 24.0)] {
            given[i].air.temp_c = Some(temp);
            given[i].floor_um_per_s = 4.0;
        }
        given[2].air.particles_per_m3 = Some(900.0);
        given[3].takes.air_w = 5_000.0;
        for step in 0..5 {
            network.exchange(&given, &mut supplies);
            let here = supplies[3].air;
            let arrived = step >= 3;
            assert_eq!(here.temp_c, if arrived { 22.0 } else { 21.0 }, "at step {step}");
            assert_eq!(here.particles_per_m3, if arrived { 900.0 } else { 400.0 }, "at step {step}");
            assert_eq!(here.humidity_pct, 45.0, "nobody makes it");
        }
        // 3 um/s of its own, and half of 4 and 4 um/s.
        assert!((supplies[3].floor_um_per_s - (9.0f64 + 8.0).sqrt()).abs() < 1e-12);
        // The filter unit holds no temperature.
        assert_eq!([0, 1, 2].map(|i: usize| supplies[i].load.air_w), [2_500.0, 2_500.0, 0.0]);
    }

    #[test]
    fn a_machine_without_couplings_has_all_it_needs() {
        let mut network = Network::new(&site(""), 0.1);
        assert!(network.is_empty());
        let mut supplies = vec![Supply::default(); 4];
        network.mains = 0.7;
        network.exchange(&[Given::default(); 4], &mut supplies);
        assert_eq!(supplies[0], Supply { mains: 0.7, ..Supply::default() });
    }
}
