/**
 * From system calls to what matters for a power failure: operations on the files of one directory, and what clients were told, each
 * with when it began and when it was over.
 *
 * Owns descriptors and names. Decides nothing about what a disk keeps.
 */
import { readFrame } from "@corral/testing/world";
import { bytesIn, firstNumber, lastNumber, type SystemCall } from "./system-calls.ts";

interface Span {
  readonly begin: number;
  readonly end: number;
}

/** A file, whatever its name. */
export type FileId = number;

export type Operation =
  | (Span & {
      readonly kind: "write";
      readonly file: FileId;
      readonly offset: number;
      readonly bytes: Buffer;
      /** On the disk when it is over: the file was open with O_DSYNC. */
      readonly isSynced: boolean;
    })
  | (Span & { readonly kind: "sync"; readonly file: FileId })
  | (Span & { readonly kind: "name"; readonly name: string; readonly file: FileId | undefined; readonly from?: string })
  | (Span & { readonly kind: "sync names" });

/** A state that some client has been shown, from this moment on. */
export interface Said {
  readonly at: number;
  readonly zxid: number;
}

export interface Recorded {
  readonly operations: readonly Operation[];
  /** Ascending by time. */
  readonly said: readonly Said[];
  readonly lastLine: number;
}

interface Open {
  readonly file: FileId | undefined;
  readonly isDirectory: boolean;
  readonly isSynced: boolean;
}

/** Of a process that made its directory anew. */
export function understand(calls: readonly SystemCall[], directory: string): Recorded {
  const operations: Operation[] = [];
  const said: Said[] = [];
  const open = new Map<number, Open>();
  const sockets = new Map<number, Told>();
  const names = new Map<string, FileId>();
  let files = 0;
  const inside = (path: string): string | undefined =>
    path.startsWith(`${directory}/`) && !/^\.?lock-/.test(path.slice(directory.length + 1))
      ? path.slice(directory.length + 1)
      : undefined;

  for (const call of calls) {
    const { name, args, begin, end, result } = call;
    if (result !== undefined && result < 0) continue;
    const span = { begin, end };
    const fd = firstNumber(args);
    switch (name) {
      case "openat": {
        const path = bytesIn(args)[0]!.toString();
        const isSynced = args.includes("O_DSYNC");
        const at = inside(path);
        if (result === undefined || (at === undefined && path !== directory)) break;
        if (at !== undefined && args.includes("O_CREAT")) {
          names.set(at, ++files);
          operations.push({ kind: "name", name: at, file: files, ...span });
        }
        open.set(result, {
          file: at === undefined ? undefined : names.get(at),
          isDirectory: at === undefined,
          isSynced,
        });
        break;
      }
      case "accept4":
        if (result !== undefined) sockets.set(result, new Told());
        break;
      case "close":
        open.delete(fd);
        sockets.delete(fd);
        break;
      case "pwritev":
      case "pwrite64": {
        const { file, isSynced } = open.get(fd) ?? {};
        if (file === undefined) break;
        const bytes = Buffer.concat(bytesIn(args)).subarray(0, result);
        operations.push({ kind: "write", file, offset: lastNumber(args), bytes, isSynced: isSynced!, ...span });
        break;
      }
      case "write":
      case "writev":
        for (const zxid of sockets.get(fd)?.more(Buffer.concat(bytesIn(args)).subarray(0, result)) ?? [])
          said.push({ at: begin, zxid });
        break;
      case "fsync":
      case "fdatasync": {
        const opened = open.get(fd);
        if (opened?.isDirectory === true) operations.push({ kind: "sync names", ...span });
        else if (opened?.file !== undefined) operations.push({ kind: "sync", file: opened.file, ...span });
        break;
      }
      case "rename": {
        const [from, to] = bytesIn(args).map((path) => inside(path.toString()));
        const file = from === undefined ? undefined : names.get(from);
        if (file === undefined || to === undefined) break;
        names.delete(from!);
        names.set(to, file);
        operations.push({ kind: "name", name: to, file, from: from!, ...span });
        break;
      }
      case "unlink": {
        const at = inside(bytesIn(args)[0]!.toString());
        if (at === undefined) break;
        names.delete(at);
        operations.push({ kind: "name", name: at, file: undefined, ...span });
        break;
      }
      case "ftruncate":
      case "fallocate":
        if (open.get(fd)?.file !== undefined) throw new Error(`${name} of a file of the log is not understood here`);
        break;
      default:
    }
  }
  return { operations, said, lastLine: Math.max(0, ...calls.map(({ begin }) => begin)) };
}

/** One connection, as bytes to a client: HTTP first, then frames that are not masked. */
class Told {
  #bytes: Buffer = Buffer.alloc(0);
  #isUpgraded = false;
  #frames = 0;

  /** The states shown by what is whole now. */
  *more(bytes: Buffer): Iterable<number> {
    this.#bytes = Buffer.concat([this.#bytes, bytes]);
    if (!this.#isUpgraded) {
      const end = this.#bytes.indexOf("\r\n\r\n");
      if (end < 0) return;
      this.#isUpgraded = true;
      this.#bytes = this.#bytes.subarray(end + 4);
    }
    for (let frame = this.#take(); frame !== undefined; frame = this.#take()) {
      if (frame.opcode !== 2) continue;
      const link = { id: 0, client: "", session: 0 };
      const read = readFrame(link, "server", frame.payload, this.#frames++ === 0);
      if (read.kind !== "messages") throw new Error("a frame of corrald that is none");
      for (const message of read.messages) if ("zxid" in message) yield message.zxid;
    }
  }

  #take(): { readonly opcode: number; readonly payload: Buffer } | undefined {
    const bytes = this.#bytes;
    if (bytes.length < 2) return undefined;
    const short = bytes[1]! & 0x7f;
    const from = short < 126 ? 2 : short === 126 ? 4 : 10;
    if (bytes.length < from) return undefined;
    const length = short < 126 ? short : short === 126 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
    if (bytes.length < from + length) return undefined;
    this.#bytes = bytes.subarray(from + length);
    return { opcode: bytes[0]! & 0x0f, payload: bytes.subarray(from, from + length) };
  }
}
