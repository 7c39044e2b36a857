/** The path of a history entry, which is kept as MessagePack. */
import { type Value, decodeFrame } from "@corral/protocol";
import type { HistoryEntry } from "@corral/state-machine";

export function pathOfEntry(entry: HistoryEntry): string {
  const bytes = entry.path;
  const length = bytes[0]!;
  // Short ASCII, the common case, needs no decoder.
  if (length >= 0xa0 && length < 0xc0) {
    let path = "";
    for (let i = 1; i < bytes.length; i++) {
      if (bytes[i]! >= 0x80) return decoded(bytes);
      path += String.fromCharCode(bytes[i]!);
    }
    return path;
  }
  return decoded(bytes);
}

function decoded(bytes: Uint8Array): string {
  return decodeFrame(bytes).values[0] as Value as string;
}
