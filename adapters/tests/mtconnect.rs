//! The agent's documents, the client against it over an in-memory stream, and both shells.

mod mtconnect {
    mod agent;
    mod client;
    mod documents;
    mod exchange;
    mod feed;
    mod fuzz;
    mod query;
    mod shell;
    mod support;
}
