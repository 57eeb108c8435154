//! The codec, the device and its client: by hand-made datagrams, against each other in memory in virtual time, and over
//! UDP.

#[path = "../fuzz/bodies/bacnet.rs"]
mod bodies;

mod bacnet {
    mod client;
    mod client_support;
    mod codec;
    mod commands;
    mod cov;
    mod objects;
    mod server;
    mod shell;
    mod support;
}
