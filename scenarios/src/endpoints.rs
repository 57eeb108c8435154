//! Where the served machines listen, and the configuration that points a sentinel at them.

use std::collections::BTreeMap;

use aegis_models::{Protocol, Site};

use crate::world::operator_key;

/// Moves the endpoints to `first` and the following ports, or each to a free one for 0. Those that share a line at one
/// address share the new one, and a serial port stays where it is. An error says what would be right.
pub fn move_ports(site: &mut Site, first: u16) -> Result<(), String> {
    let mut ports = first..=u16::MAX;
    let mut lines: BTreeMap<String, String> = BTreeMap::new();
    let endpoints = site.machines.iter_mut().flat_map(|m| &mut m.endpoints);
    for endpoint in endpoints.filter(|e| e.protocol != Protocol::ModbusRtu) {
        if let Some(moved) = lines.get(&endpoint.address) {
            endpoint.address.clone_from(moved);
            continue;
        }
        let port = if first == 0 { Some(0) } else { ports.next() };
        let port =
            port.ok_or_else(|| format!("--port {first}: the site has more endpoints than ports follow it"))?;
        let moved = format!("127.0.0.1:{port}");
        let before = std::mem::replace(&mut endpoint.address, moved.clone());
        if first != 0 && endpoint.protocol.shares_line() {
            lines.insert(before, moved);
        }
    }
    Ok(())
}

/// The configuration of a sentinel for a site's served machines.
pub fn sentinel_config(site: &Site, pace: f64, state_dir: &str) -> String {
    let mut text = format!(
        "# Points the production sentinel at the served twin. For real equipment, change the addresses.\n\
         agent = \"facility\"\nstate_dir = {state_dir:?}\n\
         # Fab seconds in a second of the wall clock: what `aegis serve --pace` says; 1 for real equipment.\n\
         clock_rate = {pace:?}\n\
         # Whose signatures count. This is the harness's public key: a real site has its hub's.\n\
         approval_key = \"{}\"\n",
        operator_key().public().to_hex()
    );
    for m in &site.machines {
        let Some(first) = m.endpoints.first() else { continue };
        text += &format!(
            "\n[[equipment]]\nname = {:?}\nkind = {:?}\nprotocol = \"{}\"\naddress = {:?}\n",
            m.name, m.kind, first.protocol, first.address
        );
        if first.unit != 1 {
            text += &format!("unit = {}\n", first.unit);
        }
        if let Some(serial) = &first.serial {
            text += &format!("serial = {serial:?}\n");
        }
    }
    text
}
