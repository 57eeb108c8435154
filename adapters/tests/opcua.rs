//! The server and the client, against each other over loopback.

mod opcua {
    mod image;
    mod link;
    mod security;
    mod server;
    mod support;
    mod values;
    mod wave;
}
