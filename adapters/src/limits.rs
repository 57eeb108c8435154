//! Bounds of everything that comes from a wire or a file.

use std::time::Duration;

/// Connections that one Modbus server serves at once; for one more, the one least in use is closed.
pub const MODBUS_CONNECTIONS: usize = 64;
/// How long a Modbus connection may stay without a complete request before it is closed.
pub const MODBUS_IDLE: Duration = Duration::from_secs(120);
/// How long a peer may take to accept a batch of replies before its connection is closed.
pub const MODBUS_WRITE: Duration = Duration::from_secs(10);
/// The silence that ends a serial frame on a TCP stream: pieces of one frame may come so far apart, pieces of two not so
/// close that both would be lost for long.
pub const MODBUS_STREAM_SILENCE: Duration = Duration::from_millis(200);
/// Exchanges in a row on a line of serial frames in which nothing at all is heard, after which the line is opened anew.
pub const MODBUS_LINE_UNANSWERED: u32 = 8;
/// Bytes read from a Modbus connection at a time. Bounds the replies made of them: a request of 12 bytes has a reply
/// of at most 260, so that 1,024 bytes make at most 23 kB.
pub const MODBUS_READ_BYTES: usize = 1024;
/// How long a server rests when the system gives it no connection (out of file handles).
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Accepted writes that wait for a device's owner; beyond, the device says that it is busy.
pub const MODBUS_QUEUED_WRITES: usize = 256;
/// Addresses between two points that one block read may bridge, all of them known to the device.
pub const MODBUS_GAP: u16 = 32;

/// Bytes of one recording.
pub const CSV_BYTES: u64 = 100 << 20;
/// Columns of one recording.
pub const CSV_COLUMNS: usize = 4096;

/// Observations that an MTConnect agent keeps; the oldest go first.
pub const MTCONNECT_BUFFER: usize = 131_072;
/// Assets that an MTConnect agent keeps; the oldest go first.
pub const MTCONNECT_ASSETS: usize = 1024;
/// Observations in one document, asked for or not.
pub const MTCONNECT_COUNT: usize = 1_000;
/// Observations of a document that is written at once; a longer one is written beside everything else, so many at a time
/// for one agent.
pub const MTCONNECT_SHORT: usize = 200;
/// Longer documents of one agent that are written at the same time.
pub const MTCONNECT_LONG_AT_ONCE: usize = 1;
/// Observations in one document of a request that names no count (Part 1, `sample`).
pub const MTCONNECT_DEFAULT_COUNT: usize = 100;
/// Bytes of the path and query of one MTConnect request.
pub const MTCONNECT_TARGET_BYTES: usize = 4096;
/// Parameters of one MTConnect request.
pub const MTCONNECT_PARAMETERS: usize = 16;
/// Steps of one `path`, and tests within it.
pub const MTCONNECT_PATH_STEPS: usize = 32;
/// The longest interval or heartbeat that a stream may ask for [ms].
pub const MTCONNECT_INTERVAL_MS: u64 = 600_000;
/// Bytes of one MTConnect document that a client reads.
pub const MTCONNECT_DOCUMENT_BYTES: usize = 4 << 20;
/// Elements of one MTConnect document that a client reads.
pub const MTCONNECT_ELEMENTS: usize = 60_000;
/// How deep the elements of a document may be nested.
pub const MTCONNECT_DEPTH: usize = 32;
/// Attributes of one element.
pub const MTCONNECT_ATTRIBUTES: usize = 32;
/// Bytes of the header lines of one part of a stream, and of its boundary.
pub const MTCONNECT_PART_HEADER_BYTES: usize = 1024;
/// Bytes of the request line and headers of one HTTP request or reply.
pub const MTCONNECT_HTTP_HEAD_BYTES: usize = 16 << 10;
/// Header lines of one HTTP request or reply.
pub const MTCONNECT_HTTP_HEADERS: usize = 64;
/// Connections that one MTConnect agent serves at once; for one more, the one least in use is closed.
pub const MTCONNECT_CONNECTIONS: usize = 64;
/// Streams among them; for one more, the one least in use is ended.
pub const MTCONNECT_STREAMS: usize = 16;
/// Streams of one address; for one more, its own one least in use is ended.
pub const MTCONNECT_STREAMS_PER_PEER: usize = 8;
/// The shortest time between two parts of a stream.
pub const MTCONNECT_LEAST_INTERVAL: Duration = Duration::from_millis(10);
/// How long an MTConnect connection may take for the head of its next request before it is closed.
pub const MTCONNECT_IDLE: Duration = Duration::from_secs(60);
/// How long a peer may leave a reply or a part of a stream unread before its connection is closed.
pub const MTCONNECT_WRITE: Duration = Duration::from_secs(10);

/// Bytes of the longest BACnet/IP datagram: an APDU of 1,476, its longest network header, and the link header. A longer
/// one is dropped.
pub const BACNET_DATAGRAM_BYTES: usize = 1_536;
/// Datagrams that wait for a BACnet socket; what does not fit is lost, as datagrams are. Change notifications wait.
pub const BACNET_QUEUED_DATAGRAMS: usize = 512;
/// Accepted writes that wait for a device's owner; beyond, the device has no space to write.
pub const BACNET_QUEUED_WRITES: usize = 256;
/// COV subscriptions that one BACnet device keeps.
pub const BACNET_SUBSCRIPTIONS: usize = 256;
/// COV subscriptions that one address may hold of one BACnet device.
pub const BACNET_SUBSCRIPTIONS_PER_PEER: usize = 64;
/// Objects that one request may name, and properties that it may name in all.
pub const BACNET_REFERENCES: usize = 512;
/// Notifications that wait for the owner of a BACnet client; beyond, the oldest are dropped.
pub const BACNET_QUEUED_NOTIFICATIONS: usize = 256;
/// Points that one request of a BACnet client reads.
pub const BACNET_POINTS_PER_READ: usize = 24;

/// Writes of a GEM host that wait for the machine's owner; beyond, constants and remote commands are refused.
pub const GEM_QUEUED_WRITES: usize = 256;
/// Primary messages of a GEM equipment that wait for their turn; beyond, the newest is given up.
pub const GEM_QUEUED_MESSAGES: usize = 1024;
/// Bytes of them.
pub const GEM_QUEUED_BYTES: usize = 4 << 20;
/// Primary messages of a GEM equipment that wait for a reply at once.
pub const GEM_OPEN_TRANSACTIONS: usize = 16;
/// Reports that a host may define.
pub const GEM_REPORTS: usize = 1024;
/// Values in all reports of a GEM equipment.
pub const GEM_REPORT_VALUES: usize = 16_384;
/// Items of the values that one report, or all reports of one event, may carry: what an event costs each time.
pub const GEM_EVENT_VALUES: usize = 4096;
/// Links of reports to events.
pub const GEM_REPORT_LINKS: usize = 4096;
/// Identifiers that one request of a GEM host may name; beyond, S9F11.
pub const GEM_REQUEST_ITEMS: usize = 16_384;
/// The longest identifier that is a text [bytes].
pub const GEM_ID_BYTES: usize = 120;
/// Items of one reply to a GEM host; a request whose reply would have more is aborted.
pub const GEM_REPLY_ITEMS: usize = 1 << 17;
/// The longest message that S2F39 grants [bytes].
pub const GEM_MULTI_BLOCK_BYTES: usize = 4 << 20;
/// Messages that hosts announced and that are awaited.
pub const GEM_CONVERSATIONS: usize = 8;
/// Traces at once.
pub const GEM_TRACES: usize = 16;
/// Values of one sample of a trace, and of one message.
pub const GEM_TRACE_VALUES: usize = 4096;
/// The shortest period of a trace.
pub const GEM_TRACE_PERIOD: Duration = Duration::from_millis(10);
/// Remote commands that were accepted and have not finished.
pub const GEM_PENDING_COMMANDS: usize = 16;
/// Process programs.
pub const GEM_RECIPES: usize = 256;
/// The longest process program [bytes].
pub const GEM_RECIPE_BYTES: usize = 1 << 20;
/// All process programs together [bytes].
pub const GEM_RECIPES_BYTES: usize = 4 << 20;
/// The longest PPID [bytes] (E5).
pub const GEM_PPID_BYTES: usize = 120;
/// Messages that a GEM equipment's spool holds.
pub const GEM_SPOOL_MESSAGES: usize = 10_000;
/// Bytes that a GEM equipment's spool holds.
pub const GEM_SPOOL_BYTES: usize = 4 << 20;
/// Lines of a text for the operator.
pub const GEM_TERMINAL_LINES: usize = 64;
/// The longest text for the operator [bytes].
pub const GEM_TERMINAL_BYTES: usize = 4096;
/// Bytes read from an HSMS connection at a time by the equipment.
pub const GEM_READ_BYTES: usize = 16 << 10;
/// How long a host may leave a message unread before its connection is closed.
pub const GEM_WRITE: Duration = Duration::from_secs(30);

/// Sessions that one OPC UA server holds; one more is refused with `BadTooManySessions`.
pub const OPCUA_SESSIONS: usize = 16;
/// Subscriptions that one session may have.
pub const OPCUA_SUBSCRIPTIONS: usize = 8;
/// Items that one subscription may monitor.
pub const OPCUA_MONITORED_ITEMS: usize = 1_024;
/// Values that wait for one monitored item; beyond, the oldest are dropped and the overflow bit says so.
pub const OPCUA_QUEUED_VALUES: usize = 64;
/// Notifications that wait for one subscription.
pub const OPCUA_QUEUED_NOTIFICATIONS: usize = 256;
/// Publish requests that a session may leave pending.
pub const OPCUA_PENDING_PUBLISHES: usize = 16;
/// Bytes of one OPC UA message, and chunks of it.
pub const OPCUA_MESSAGE_BYTES: usize = 1 << 20;
/// Chunks that one OPC UA message may come in.
pub const OPCUA_MESSAGE_CHUNKS: usize = 32;
/// Elements of one array in an OPC UA message: a waveform of 2.5 s at 25.6 kHz.
pub const OPCUA_ARRAY: usize = 1 << 16;
/// Waveforms that wait for one monitored item, and for the owner of an OPC UA client; beyond, the oldest are dropped.
pub const OPCUA_WAVES: usize = 4;
/// Bytes of one string or byte string in an OPC UA message.
pub const OPCUA_STRING_BYTES: usize = 64 << 10;
/// Operations (reads, writes, browses, items) in one OPC UA request.
pub const OPCUA_OPERATIONS: usize = 1_024;
/// Continuation points that a session may hold of browses, and as many of history reads.
pub const OPCUA_CONTINUATIONS: usize = 16;
/// How long an OPC UA session lives that asks for nothing [ms].
pub const OPCUA_SESSION_MS: u64 = 60_000;
/// How long a new connection may take to say hello and open its channel.
pub const OPCUA_HELLO: Duration = Duration::from_secs(5);
/// Connections that one OPC UA server serves at once; for one more, the one least in use is closed. Half of them may
/// be on their way to a session.
pub const OPCUA_CONNECTIONS: usize = 2 * OPCUA_SESSIONS;
/// How long an OPC UA connection may take to come to a session.
pub const OPCUA_SESSIONLESS: Duration = Duration::from_secs(10);
/// How long an OPC UA connection may stay without a request: its session has ended by then.
pub const OPCUA_IDLE: Duration = Duration::from_secs(75);
/// How long a peer may leave a reply unread before its connection is closed.
pub const OPCUA_WRITE: Duration = Duration::from_secs(10);
/// How long connections may take to end when their server stops.
pub const OPCUA_STOP: Duration = Duration::from_secs(2);
/// How far back an OPC UA server remembers a point.
pub const OPCUA_HISTORY: Duration = Duration::from_secs(3_600);
/// Values of one point that an OPC UA server remembers: those of an hour at its fastest rate.
pub const OPCUA_HISTORY_VALUES: usize = 36_000;
/// Values of one point in one reply to a history read; a continuation point leads to the rest.
pub const OPCUA_HISTORY_REPLY: usize = 1_000;
/// Events that an OPC UA server remembers: as many as one reply to a history read holds.
pub const OPCUA_HISTORY_EVENTS: usize = 1_000;
/// Accepted writes that wait for a machine's owner; beyond, the server says `BadTooManyOperations`.
pub const OPCUA_QUEUED_WRITES: usize = 256;
/// Certificates of strangers that a server or client keeps for an administrator to look at.
pub const OPCUA_REJECTED_CERTIFICATES: usize = 64;
/// Bytes of one certificate's file.
pub const OPCUA_CERTIFICATE_BYTES: u64 = 64 << 10;
/// Changes that wait for the owner of an OPC UA client; beyond, the oldest are dropped.
pub const OPCUA_HEARD: usize = 8_192;
/// Nodes that an OPC UA client names in one request.
pub const OPCUA_NODES_PER_REQUEST: usize = 100;
/// Nodes whose history an OPC UA client asks for in one request: each may bring thousands of values.
pub const OPCUA_HISTORY_NODES: usize = 4;
/// How far back an OPC UA client asks for what it missed while its link was down [the machine's time].
pub const OPCUA_MISSED: Duration = Duration::from_secs(300);
/// Values of one point that it takes of that.
pub const OPCUA_MISSED_VALUES: usize = 10_000;
/// How long it asks; what has not been told by then is given up.
pub const OPCUA_RECALL: Duration = Duration::from_secs(10);
/// How far the samples of one machine's points may lie apart that a server tells together.
pub const OPCUA_SKEW: Duration = Duration::from_secs(10);

/// Lists in lists of a SECS-II item.
pub const HSMS_DEPTH: usize = 32;
/// Items of one SECS-II message.
pub const HSMS_ITEMS: usize = 1 << 18;
/// Bytes of one SECS-II message's body.
pub const HSMS_MESSAGE_BYTES: usize = 16 << 20;
/// Primary messages of one HSMS session that wait for their reply.
pub const HSMS_TRANSACTIONS: usize = 1024;
/// Bytes of data messages that wait for the transport of one HSMS session.
pub const HSMS_QUEUED_BYTES: usize = 32 << 20;
/// Alarms that a GEM host remembers; what is set beyond is not told.
pub const HSMS_ALARMS: usize = 256;
/// Characters of an alarm's text: ALTX has at most 120 (E5).
pub const HSMS_ALARM_TEXT: usize = 120;
/// How long a GEM host that takes its leave may need to say so.
pub const HSMS_LEAVE: Duration = Duration::from_secs(1);
/// What a GEM host has heard and its owner not yet taken; beyond, the oldest is given up.
pub const HSMS_HEARD: usize = 4096;
