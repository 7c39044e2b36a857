/**
 * Between the bytes of a znode and values of a program. No data (nil) and empty data are different things on the wire; each
 * codec says what it makes of no data.
 */
import { Packr } from "msgpackr/pack";
import { CorralError, isCorralError } from "./error.ts";
import { Slab } from "./slab.ts";

export interface Codec<T> {
  /** For error messages. */
  readonly name: string;
  /** Null: the znode gets no data. */
  encode(value: T): Uint8Array | null;
  /** Null: the znode has no data. The bytes belong to the caller and are overwritten: copy what is kept. May throw. */
  decode(data: Uint8Array | null): T;
}

/** What a Standard Schema (zod, valibot, arktype …) shows. Only synchronous ones can be used. */
export interface StandardSchema<T> {
  readonly "~standard": {
    readonly validate: (
      value: unknown,
    ) => { readonly value: T } | { readonly issues: readonly { readonly message: string }[] } | Promise<unknown>;
  };
}

export interface ObjectCodecOptions<T> {
  /** What decoded values must satisfy. */
  readonly schema?: StandardSchema<T> | undefined;
  /** The value of a znode without data. Without it, such a znode cannot be decoded. */
  readonly empty?: T | undefined;
}

/** The bytes as they are; null where there is no data. */
export const raw: Codec<Uint8Array | null> = {
  name: "raw",
  encode: (value) => (value === null ? null : new Uint8Array(value)),
  decode: (data) => (data === null ? null : new Uint8Array(data)),
};

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** UTF-8. The empty string where there is no data. */
export const text: Codec<string> = {
  name: "text",
  encode: (value) => encoder.encode(value),
  decode: (data) => (data === null ? "" : decoder.decode(data)),
};

/** JSON in UTF-8. */
export function json<T = unknown>(options: ObjectCodecOptions<T> = {}): Codec<T> {
  return {
    name: "json",
    encode: (value) => {
      const written = JSON.stringify(value) as string | undefined;
      if (written === undefined) throw new TypeError(`JSON has no form for ${typeof value}`);
      return encoder.encode(written);
    },
    decode: (data) => decodeObject("json", data, options, (bytes) => JSON.parse(decoder.decode(bytes)) as unknown),
  };
}

/**
 * MessagePack. Maps become objects; integers beyond 2^53 become bigint. The decoder of msgpackr drops a U+FEFF at the beginning of
 * strings of some length, and calls a key `__proto__` `__proto_`: keep such values in another codec.
 */
export function msgpack<T = unknown>(options: ObjectCodecOptions<T> = {}): Codec<T> {
  const packr = new Packr({ useRecords: false });
  return {
    name: "msgpack",
    encode: (value) => new Uint8Array(packr.pack(value)),
    decode: (data) => decodeObject("msgpack", data, options, (bytes) => packr.unpack(new Uint8Array(bytes)) as unknown),
  };
}

function decodeObject<T>(
  name: string,
  data: Uint8Array | null,
  { schema, empty }: ObjectCodecOptions<T>,
  parse: (bytes: Uint8Array) => unknown,
): T {
  if (data === null) {
    if (empty !== undefined) return empty;
    throw new TypeError(`the znode has no data, and the codec ${name} no value for that`);
  }
  const value = parse(data);
  if (schema === undefined) return value as T;
  const checked = schema["~standard"].validate(value);
  if (checked instanceof Promise) throw new TypeError("the schema is asynchronous");
  if ("issues" in checked) throw new TypeError(checked.issues.map(({ message }) => message).join("; "));
  return checked.value;
}

/** Throws `CODEC` with the path when the data is refused. */
export function decodeAt<T>(codec: Codec<T>, data: Uint8Array | null, path: string, op: string): T {
  try {
    return codec.decode(data);
  } catch (error) {
    throw new CorralError("CODEC", { op, detail: { path, name: codec.name }, cause: error });
  }
}

/** For data as it is, which `raw` would copy into a buffer of its own. */
const slab = new Slab();

/** Throws `CODEC` with the path when the value is refused; null and undefined mean no data. The bytes are for a request. */
export function encodeAt<T>(codec: Codec<T>, value: T | null | undefined, path: string, op: string): Uint8Array | null {
  if (value === null || value === undefined) return null;
  if ((codec as unknown) === raw && value instanceof Uint8Array) return slab.copy(value);
  try {
    return codec.encode(value);
  } catch (error) {
    if (isCorralError(error)) throw error;
    throw new CorralError("CODEC", {
      op,
      detail: { path, name: codec.name },
      cause: error,
      means: "the value could not be encoded",
    });
  }
}
