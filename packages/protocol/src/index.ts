export { OPEN_ACL, Permission, READ_ACL } from "./acl.ts";
export type { AclEntry, Identity } from "./acl.ts";
export { ERRORS, OK, errorCode, errorName } from "./error-code.ts";
export type { ErrorDetail, ErrorName, Outcome } from "./error-code.ts";
export { ProtocolError, decodeFrame } from "./frame.ts";
export type { Frame, Value } from "./frame.ts";
export {
  CREDENTIALS_MAX,
  SECRET_BYTES_MAX,
  SECRET_BYTES_MIN,
  readHello,
  readWelcome,
  writeHello,
  writeRefused,
  writeWelcome,
} from "./handshake.ts";
export type { Credential, Hello, Refused, SessionWish, Welcome } from "./handshake.ts";
export {
  DEFAULT_LIMITS,
  DEPTH_MAX,
  ELEMENTS_MAX,
  ELEMENTS_MAX_TO_CLIENT,
  HELLO_BYTES_MAX,
  PROTOCOL_VERSION,
  SEQUENCE_MAX,
  SUBPROTOCOL,
  TTL_MS_MAX,
} from "./limits.ts";
export type { ProtocolLimits } from "./limits.ts";
export {
  CheckKind,
  Consistency,
  CreateFlag,
  CreateMode,
  EventType,
  Include,
  Op,
  Scope,
  SubscribeFlag,
  SubscriptionKind,
  WatchKind,
  WatchMode,
  WatcherType,
  hasTtl,
  isEphemeral,
  isSequential,
  opName,
} from "./op.ts";
export { childOf, isWithin, nameOf, parentOf, pathFault, sequentialPathFault } from "./path.ts";
export { Push, readDetail, readServerMessage, writeDetail, writeRefusal } from "./reply.ts";
export type { Goodbye, Reply, ServerMessage, SubscriptionMessage, WatchEventMessage } from "./reply.ts";
export { UnknownOperation, readAclEntry, readMessage } from "./read-request.ts";
export { isWrite } from "./request.ts";
export type {
  AddAuthRequest,
  AddWatchRequest,
  AclRead,
  CheckOp,
  ChildrenRead,
  CloseRequest,
  CountRead,
  CreateOp,
  DeleteOp,
  DeleteTreeRequest,
  EphemeralsRead,
  Guard,
  MultiOp,
  MultiRead,
  MultiRequest,
  NodeRead,
  ReadBody,
  ReadRequest,
  RegisteredWatch,
  Request,
  RequestBody,
  SetAclOp,
  SetOp,
  SetWatchesRequest,
  Signal,
  SubscribeRequest,
  SyncRequest,
  UnsubscribeRequest,
  WatchesRequest,
  WhoAmIRead,
  WriteBody,
  WriteRequest,
} from "./request.ts";
export { STAT_FIELDS, statFrom } from "./stat.ts";
export type { Stat } from "./stat.ts";
export { writeAcl, writeRequest, writeSignal } from "./write-request.ts";
export { Writer } from "./writer.ts";
