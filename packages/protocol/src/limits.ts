/**
 * Bounds of the protocol, each with the name by which errors, configuration and documentation call it.
 * Sizes are bytes. The server may be configured to others; Welcome tells the client the ones it must respect.
 */
export interface ProtocolLimits {
  /** One WebSocket message, either way. */
  readonly frameBytes: number;
  /** One encoded request. */
  readonly requestBytes: number;
  /** Data of one znode. */
  readonly valueBytes: number;
  /** One reply that can be continued: children, ephemerals, pages of a subscription. */
  readonly pageBytes: number;
  /** Requests of a session that have not been answered. */
  readonly inFlight: number;
  /** A path, in UTF-8. */
  readonly pathBytes: number;
  /** Entries of one ACL. */
  readonly aclEntries: number;
  /** Operations of one multi. */
  readonly multiOps: number;
}

export const DEFAULT_LIMITS: ProtocolLimits = {
  frameBytes: 4 * 1024 * 1024,
  requestBytes: 1024 * 1024 + 64 * 1024,
  valueBytes: 1024 * 1024,
  pageBytes: 256 * 1024,
  inFlight: 1000,
  pathBytes: 4096,
  aclEntries: 64,
  multiOps: 5_000,
};

/** Nesting of arrays in one message; fixed by the protocol. */
export const DEPTH_MAX = 8;
/** Values in one frame to the server, arrays counted beside their elements; fixed by the protocol. */
export const ELEMENTS_MAX = 65_536;
/** The same for a frame to a client: pages are made of many small values. */
export const ELEMENTS_MAX_TO_CLIENT = 4_194_304;
/** Bytes of the first message of a connection; fixed by the protocol. */
export const HELLO_BYTES_MAX: number = 16 * 1024;
/** The last number that a parent gives to a sequential child (ZooKeeper's counter is a signed 32-bit integer). */
export const SEQUENCE_MAX = 2_147_483_647;
/** The longest time to live of a znode, milliseconds: ZooKeeper's EphemeralType.TTL keeps 40 bits. */
export const TTL_MS_MAX: number = 2 ** 40 - 1;
/** The protocol version that this package speaks. */
export const PROTOCOL_VERSION = 1;
/** The WebSocket subprotocol name asked for at the upgrade. */
export const SUBPROTOCOL = "corral.v1";
