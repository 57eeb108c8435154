//! The codec, the server session, and the client against them over an in-memory stream.

mod modbus {
    #[path = "../../fuzz/bodies/modbus.rs"]
    mod bodies;
    mod client;
    mod codec;
    mod fuzz;
    mod rtu;
    mod server;
    mod shell;
    mod support;
}
