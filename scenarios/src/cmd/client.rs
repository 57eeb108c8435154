//! One line for each protocol with which somebody else's client reads a served machine.

use aegis_models::profile::{BacnetType, ModbusTable, PointSpec};
use aegis_models::site::Endpoint;
use aegis_models::{Profile, Protocol};

/// The namespace index of a machine's nodes: those of OPC UA and of the server itself stand before it.
const OPCUA_NAMESPACE: u32 = 2;

/// The command of a public client that reads a measured value of a machine, or all of them where the protocol has it so.
/// None for a serial line: it has no address to read from here.
pub fn one_line(profile: &Profile, endpoint: &Endpoint) -> Option<String> {
    let (host, port) = endpoint.address.rsplit_once(':')?;
    // A value that moves shows that it is really read.
    let measured = |p: &&PointSpec| p.accuracy > 0.0;
    let first = |served: &dyn Fn(&PointSpec) -> bool| {
        let served = || profile.points.iter().filter(|p| served(p));
        served().find(measured).or_else(|| served().next()).cloned()
    };
    Some(match endpoint.protocol {
        Protocol::ModbusTcp | Protocol::ModbusRtuOverTcp => {
            modbus(&first(&|p| p.modbus.is_some())?, host, port, endpoint)?
        }
        Protocol::ModbusRtu => return None,
        Protocol::Opcua => {
            let node = first(&|p| p.opcua.is_some())?.opcua?.node;
            format!("uaread -u opc.tcp://{host}:{port} -n \"ns={OPCUA_NAMESPACE};s={node}\"")
        }
        // A field of a record is a data value: it goes with its event and cannot be asked for.
        Protocol::Hsms => hsms(&first(&|p| p.gem.is_some() && p.record.is_none())?, host, port, endpoint)?,
        Protocol::Bacnet => bacnet(&first(&|p| p.bacnet.is_some())?, host, port)?,
        Protocol::Mtconnect => format!("curl -s http://{host}:{port}/current"),
    })
}

/// `pip install pymodbus`.
fn modbus(point: &PointSpec, host: &str, port: &str, endpoint: &Endpoint) -> Option<String> {
    let place = point.modbus?;
    let function = match place.table {
        ModbusTable::Coil => "coils",
        ModbusTable::Discrete => "discrete_inputs",
        ModbusTable::Input => "input_registers",
        ModbusTable::Holding => "holding_registers",
    };
    let framer = match endpoint.protocol {
        Protocol::ModbusRtuOverTcp => ", framer='rtu'",
        _ => "",
    };
    Some(format!(
        "python3 -c \"from pymodbus.client import ModbusTcpClient as C; c = C('{host}', port={port}{framer}); \
         c.connect(); print(c.read_{function}({}, count={}, device_id={}))\"",
        place.address,
        point.data.registers(),
        endpoint.unit
    ))
}

/// `pip install secsgem`.
fn hsms(point: &PointSpec, host: &str, port: &str, endpoint: &Endpoint) -> Option<String> {
    let vid = point.gem.as_ref()?.vid;
    Some(format!(
        "python3 -c \"import secsgem.gem as g, secsgem.hsms as h; c = g.GemHostHandler(h.HsmsSettings(\
         address='{host}', port={port}, connect_mode=h.HsmsConnectMode.ACTIVE, session_id={})); c.enable(); \
         c.waitfor_communicating(10); print(c.request_sv({vid})); c.disable()\"",
        endpoint.unit
    ))
}

/// `pip install bacpypes3`.
fn bacnet(point: &PointSpec, host: &str, port: &str) -> Option<String> {
    let place = point.bacnet?;
    let object = match place.object {
        BacnetType::AnalogInput => "analog-input",
        BacnetType::AnalogOutput => "analog-output",
        BacnetType::AnalogValue => "analog-value",
        BacnetType::BinaryInput => "binary-input",
        BacnetType::BinaryValue => "binary-value",
        BacnetType::MultiStateValue => "multi-state-value",
    };
    // Its own port is any free one, so that it runs beside other clients.
    Some(format!(
        "python3 -c \"import asyncio; from bacpypes3.argparse import SimpleArgumentParser as P; from \
         bacpypes3.app import Application as A; e = asyncio.new_event_loop(); \
         r = lambda: A.from_args(P().parse_args(['--address', '{host}/24:0'])).read_property('{host}:{port}', \
         '{object},{}', 'present-value'); \
         e.call_soon(lambda: e.create_task(r()).add_done_callback(lambda t: (print(t.result()), e.stop()))); \
         e.call_later(10, e.stop); e.run_forever()\"",
        place.instance
    ))
}
