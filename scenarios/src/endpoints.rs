//! Where the served machines listen, and the configuration that points a sentinel at them.

use aegis_models::Site;

use crate::world::operator_key;

/// Moves the endpoints to `first` and the following ports, or each to a free one for 0. An error says which would be right.
pub fn move_ports(site: &mut Site, first: u16) -> Result<(), String> {
    let endpoints = site.machines.iter_mut().flat_map(|m| &mut m.endpoints);
    let mut ports = first..=u16::MAX;
    for endpoint in endpoints {
        let port = if first == 0 { Some(0) } else { ports.next() };
        let Some(port) = port else {
            let needed: usize = site.machines.iter().map(|m| m.endpoints.len()).sum();
            let last = usize::from(u16::MAX) + 1 - needed;
            return Err(format!(
                "--port {first}: {needed} endpoints follow it, so that 1 to {last} would be right"
            ));
        };
        endpoint.address = format!("127.0.0.1:{port}");
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
    }
    text
}
