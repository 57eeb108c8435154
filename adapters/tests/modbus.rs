//! The codec, the server session, and the client against them over an in-memory stream.

mod modbus {
    mod client;
    mod codec;
    mod server;
    mod shell;
    mod support;
}
