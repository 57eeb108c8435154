//! The codec, and a GEM equipment over its real sessions.

mod hsms {
    mod client;
    mod fuzz;
    mod gem_commands;
    mod gem_data;
    mod gem_errors;
    mod gem_serve;
    mod gem_spool;
    mod gem_states;
    mod gem_support;
    mod host;
    mod host_support;
    mod session;
}
