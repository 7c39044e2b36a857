/** Frames in few words, for people. */
import { errorName, EventType, Op, opName, type ServerMessage, SubscriptionKind } from "@corral/protocol";
import type { Frame } from "@corral/testing/world";

/** Of one frame: more are counted. */
const MESSAGES_MAX = 4;
const ZXIDS_PER_EPOCH = 2 ** 32;

type ClientMessage = Extract<Frame, { kind: "requests" }>["messages"][number];

/** Epoch and number. */
export const zxidWord = (zxid: number): string =>
  zxid < ZXIDS_PER_EPOCH ? String(zxid) : `${Math.floor(zxid / ZXIDS_PER_EPOCH)}:${zxid % ZXIDS_PER_EPOCH}`;

const nameIn = (names: Readonly<Record<string, number>>, value: number): string =>
  Object.entries(names).find(([, each]) => each === value)?.[0] ?? String(value);

const codeWord = (code: number): string => (code === 0 ? "ok" : (errorName(code) ?? String(code)));

export function wordsOf(frame: Frame): string {
  switch (frame.kind) {
    case "hello":
      return `hello, ${frame.hello.session.kind} session, has seen ${zxidWord(frame.hello.lastZxid)}`;
    case "requests":
      return few(frame.messages.map(requestWords));
    case "malformed":
      return `malformed, ${frame.bytes.length} bytes`;
    case "messages":
      return few([...welcomeWords(frame.welcome), ...frame.messages.map(messageWords)]);
  }
}

const few = (words: readonly string[]): string =>
  words.length <= MESSAGES_MAX
    ? words.join(", ")
    : `${words.slice(0, MESSAGES_MAX).join(", ")} and ${words.length - MESSAGES_MAX} more`;

function requestWords(message: ClientMessage): string {
  const name = opName(message.op);
  if (message.xid === 0) return message.op === Op.ack ? `ack ${message.acked}` : name;
  if ("ops" in message)
    return `${message.xid} ${name} (${message.ops.map(({ op, path }) => `${opName(op)} ${path}`).join(", ")})`;
  return `${message.xid} ${name}${"path" in message ? ` ${message.path}` : ""}`;
}

function welcomeWords(welcome: Extract<Frame, { kind: "messages" }>["welcome"]): string[] {
  if (welcome === undefined) return [];
  if ("code" in welcome) return [`refused: ${codeWord(welcome.code)}`];
  return [`welcome${welcome.resumed ? " again" : ""} at ${zxidWord(welcome.zxid)}`];
}

function messageWords(message: ServerMessage): string {
  const at = zxidWord(message.zxid);
  switch (message.kind) {
    case "reply":
      return `${message.xid} ${codeWord(message.code)} at ${at}`;
    case "event":
      return `event ${nameIn(EventType, message.type)} ${message.path} at ${at}`;
    case "subscription":
      return `subscription ${message.id} ${nameIn(SubscriptionKind, message.message)} at ${at}`;
    case "goodbye":
      return `goodbye: ${codeWord(message.code)}`;
  }
}

/** Those that a frame of the server shows. */
export function zxidsOf(frame: Frame): number[] {
  if (frame.kind !== "messages") return [];
  const { welcome } = frame;
  const first = welcome !== undefined && "zxid" in welcome ? [welcome.zxid] : [];
  return [...first, ...frame.messages.map(({ zxid }) => zxid)];
}
