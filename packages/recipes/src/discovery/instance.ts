/** What stands in the znode of an instance: JSON, so that whoever looks at the tree can read where it is. */
import type { Codec } from "@corral/client";
import type { Member } from "../group/children.ts";

/** What an instance says of itself. */
export interface Described<T> {
  /** Where it is to be found: `10.0.0.1:8080`, a URL, whatever its consumers understand. */
  readonly address: string;
  readonly meta: T;
}

/**
 * `dynamic`: there for as long as whoever provides it. `static`: until it is unregistered, for what does not speak Corral itself. Curator's
 * service types DYNAMIC and PERMANENT.
 */
export type InstanceLifetime = "dynamic" | "static";

export interface Instance<T> extends Described<T> {
  readonly id: string;
  readonly lifetime: InstanceLifetime;
  /** Greater with each life of the instance. */
  readonly epoch: number;
}

export function instanceOf<T>(id: string, { value, epoch, sessionId }: Member<Described<T>>): Instance<T> {
  return { id, ...value, lifetime: sessionId === 0 ? "static" : "dynamic", epoch };
}

const utf8 = new TextEncoder();
const fromUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** `{"address": …, "meta": …}`: the meta as text if it is text, else as `metaBase64`; neither if it is no data. */
export function describedBy<T>(codec: Codec<T>): Codec<Described<T>> {
  return {
    name: `instance with ${codec.name}`,
    encode: ({ address, meta }) => utf8.encode(JSON.stringify({ address, ...written(codec.encode(meta)) })),
    decode: (data) => {
      const read = JSON.parse(fromUtf8.decode(data ?? new Uint8Array())) as unknown;
      if (typeof read !== "object" || read === null) throw new TypeError("an instance is an object");
      const { address, meta, metaBase64 } = read as Record<string, unknown>;
      if (typeof address !== "string") throw new TypeError("an instance has an address");
      return { address, meta: codec.decode(bytesOf(meta, metaBase64)) };
    },
  };
}

function written(bytes: Uint8Array | null): { readonly meta?: string; readonly metaBase64?: string } {
  if (bytes === null) return {};
  try {
    return { meta: fromUtf8.decode(bytes) };
  } catch {
    // Not text.
    return { metaBase64: btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join("")) };
  }
}

function bytesOf(text: unknown, base64: unknown): Uint8Array | null {
  if (typeof text === "string") return utf8.encode(text);
  if (typeof base64 === "string") return Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
  return null;
}
